"""Recent values of gauges, in memory and at full resolution, with gaps where a value was missing.

Every reading of a target has a place on one axis of time, which all its gauges share. A value costs eight bytes; a
gauge that stays away costs nothing until it comes back.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from probes.base import GaugeKey

SPAN: Final = 3600.0
"""Seconds that are remembered."""

SHOWN: Final = 300
"""Readings in a sparkline at most: ten minutes at one reading in two seconds."""

MOST: Final = 1000
"""Gauges remembered per target; more labels than that are somebody's mistake."""

_SLACK: Final = 64
"""Readings beyond the span that are let stand, so that not every reading moves everything."""

_GAP: Final = math.nan


class _Ring:
    """The values of one gauge; its first stands at place `first` of the target's axis."""

    __slots__ = ("first", "values")

    def __init__(self, first: int, values: array[float]) -> None:
        self.first = first
        self.values = values

    @property
    def end(self) -> int:
        """The place after its last value."""
        return self.first + len(self.values)

    def put(self, place: int, value: float) -> None:
        missed = place - self.end
        if missed:
            self.values.extend([_GAP] * missed)
        self.values.append(value)

    def drop(self, before: int) -> None:
        """Forget what stands before a place."""
        if self.first < before:
            del self.values[: before - self.first]
            self.first = before

    def at(self, place: int) -> float | None:
        """The value at a place; None for a gap."""
        if not self.first <= place < self.end:
            return None
        value = self.values[place - self.first]
        return None if value != value else value


class Series:
    """The history of one target's gauges. One owner, the board; everybody else reads.

    Moments are monotonic seconds and never go back.
    """

    def __init__(self, span: float = SPAN, most: int = MOST) -> None:
        self._span = span
        self._most = most
        self._first = 0
        self._times: array[float] = array("d")
        self._rings: dict[GaugeKey, _Ring] = {}
        self.crowded = False
        """True when the newest reading had more gauges than are remembered."""

    def add(self, gauges: Mapping[GaugeKey, float], at: float) -> None:
        """Remember a reading made at `at`; gauges it lacks get a gap, those with nothing but gaps are forgotten.

        >>> series = Series()
        >>> for at, reading in enumerate(({GaugeKey("x"): 1.0}, {}, {GaugeKey("x"): 3.0})):
        ...     series.add(reading, at)
        >>> series.values("x")
        [1.0, None, 3.0]
        """
        place = self._first + len(self._times)
        self._times.append(at)
        new = [key for key in gauges if key not in self._rings]
        self._make_room(len(new), gauges)
        self.crowded = len(self._rings) + len(new) > self._most
        for key in new[: self._most - len(self._rings)]:
            self._rings[key] = _Ring(place, array("d"))
        for key, value in gauges.items():
            if ring := self._rings.get(key):
                ring.put(place, value)
        self._forget(at - self._span)

    def miss(self, at: float) -> None:
        """Remember that a reading failed: a gap in every gauge."""
        self.add({}, at)

    def keys(self, name: str | None = None) -> Iterator[GaugeKey]:
        """The gauges that are remembered, of one name or of all."""
        return (key for key in self._rings if name is None or key.name == name)

    def values(self, name: str, **labels: str) -> Sequence[float | None]:
        """The newest values of one gauge, oldest first, one for each reading; empty when it is not known."""
        ring = self._rings.get(GaugeKey(name, tuple(sorted(labels.items()))))
        if ring is None:
            return []
        end = self._first + len(self._times)
        start = max(ring.first, self._first, end - SHOWN)
        return [ring.at(place) for place in range(start, end)]

    def window(self, key: GaugeKey, since: float, until: float) -> list[tuple[float, float | None]]:
        """(moment, value) of each reading from `since` to `until`, both included; None is a gap.

        Empty when the gauge is not known; readings from before its first value are gaps too.
        """
        ring = self._rings.get(key)
        if ring is None:
            return []
        low, high = bisect_left(self._times, since), bisect_right(self._times, until)
        return [(self._times[index], ring.at(self._first + index)) for index in range(low, high)]

    def latest(self, key: GaugeKey) -> float | None:
        """The value in the newest reading; None when that has none, or there was none."""
        ring = self._rings.get(key)
        return None if ring is None else ring.at(self._first + len(self._times) - 1)

    @property
    def began(self) -> float | None:
        """The moment of the oldest reading remembered."""
        return self._times[0] if self._times else None

    @property
    def ended(self) -> float | None:
        """The moment of the newest reading."""
        return self._times[-1] if self._times else None

    def copy(self) -> Series:
        """A copy that stays as it is."""
        twin = Series(self._span, self._most)
        twin._first, twin._times = self._first, self._times[:]
        twin._rings = {key: _Ring(ring.first, ring.values[:]) for key, ring in self._rings.items()}
        twin.crowded = self.crowded
        return twin

    def _make_room(self, wanted: int, gauges: Mapping[GaugeKey, float]) -> None:
        """Where there are too many gauges, forget those first that have been away longest."""
        over = len(self._rings) + wanted - self._most
        if over > 0:
            away = sorted((key for key in self._rings if key not in gauges), key=lambda key: self._rings[key].end)
            for key in away[:over]:
                del self._rings[key]

    def _forget(self, before: float) -> None:
        if len(self._times) <= _SLACK or self._times[_SLACK] >= before:
            return
        old = bisect_left(self._times, before)
        del self._times[:old]
        self._first += old
        for key, ring in list(self._rings.items()):
            if ring.end <= self._first:
                del self._rings[key]
            else:
                ring.drop(self._first)
