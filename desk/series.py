"""Recent values of gauges, in memory: a ring for each, one place per reading, with gaps where a value was missing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from probes.base import GaugeKey

KEPT: Final = 300
"""Readings remembered per gauge: ten minutes at one reading in two seconds."""

MOST: Final = 1000
"""Gauges remembered per target; more labels than that are somebody's mistake."""


class Series:
    """The history of one target's gauges. One owner, the board; everybody else reads."""

    def __init__(self, kept: int = KEPT, most: int = MOST) -> None:
        self._kept = kept
        self._most = most
        self._rings: dict[GaugeKey, deque[float | None]] = {}

    def add(self, gauges: Mapping[GaugeKey, float]) -> None:
        """Remember a reading; gauges it lacks get a gap, and those with nothing but gaps are forgotten.

        >>> series = Series(kept=3)
        >>> for reading in ({GaugeKey("x"): 1.0}, {}, {GaugeKey("x"): 3.0}):
        ...     series.add(reading)
        >>> series.values("x")
        [1.0, None, 3.0]
        """
        for key, ring in list(self._rings.items()):
            if key not in gauges:
                ring.append(None)
                if all(value is None for value in ring):
                    del self._rings[key]
        for key, value in gauges.items():
            ring = self._rings.get(key) or self._room(key)
            ring.append(value)

    def miss(self) -> None:
        """Remember that a reading failed: a gap in every gauge."""
        self.add({})

    def values(self, name: str, **labels: str) -> Sequence[float | None]:
        """The values of one gauge, oldest first; empty when it is not known."""
        ring = self._rings.get(GaugeKey(name, tuple(sorted(labels.items()))))
        return list(ring) if ring else []

    def copy(self) -> Series:
        """A copy that stays as it is."""
        twin = Series(self._kept, self._most)
        twin._rings = {key: deque(ring, maxlen=self._kept) for key, ring in self._rings.items()}
        return twin

    def _room(self, key: GaugeKey) -> deque[float | None]:
        ring: deque[float | None] = deque(maxlen=self._kept)
        if len(self._rings) < self._most:
            self._rings[key] = ring
        return ring
