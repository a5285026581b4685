"""Readings become minutes. Pure: what goes in decides what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from desk.history.bucket import STEP, Cell
from probes.base import GaugeKey

_BACK: Final = 2.0
"""Seconds that the time of a reading may lie before the newest: several targets are read at once."""

_UNSEEN: Final = 3600.0
"""Seconds after which the value that a counter had is forgotten."""


class Minute(NamedTuple):
    """All of a target's gauges in one minute."""

    target: str
    start: int
    """Seconds since 1970, a multiple of 60."""
    cells: Mapping[GaugeKey, Cell]


@dataclass
class Rollup:
    """The minutes that are open. One owner."""

    counter: Callable[[str, str], bool] = lambda target, gauge: False
    """(target, gauge): True when it only grows until its source restarts."""
    newest: float = 0.0
    """Time of the newest reading, seconds since 1970."""
    went_back: float = 0.0
    """Seconds by which the clock went back last; 0: it never did."""
    _open: dict[tuple[str, int], dict[GaugeKey, Cell]] = field(default_factory=dict)
    _before: dict[str, dict[GaugeKey, tuple[float, float]]] = field(default_factory=dict)
    """(value, when) of each counter in its newest reading."""

    def add(self, target: str, at: float, gauges: Mapping[GaugeKey, float]) -> None:
        """A reading made at `at`, seconds since 1970.

        A time before that of an earlier reading is taken as it is: its minute then holds readings of both times.
        """
        if self.newest and at < self.newest - _BACK:
            self.went_back, self.newest = self.newest - at, at
        self.newest = max(self.newest, at)
        if not gauges:
            return
        cells = self._open.setdefault((target, int(at // STEP) * STEP), {})
        before = self._before.setdefault(target, {})
        for key, value in gauges.items():
            fell = 0
            if self.counter(target, key.name):
                fell = key in before and value < before[key][0]
                before[key] = value, at
            known = cells.get(key)
            cells[key] = (
                Cell(1, value, value, value, value, int(fell))
                if known is None
                else Cell(
                    known.readings + 1,
                    value if value < known.least else known.least,
                    value if value > known.most else known.most,
                    known.total + value,
                    value,
                    known.fell + fell,
                )
            )

    def closed(self, now: float) -> list[Minute]:
        """The minutes that are over at `now`, oldest first; they are no longer here."""
        over = sorted((mark for mark in self._open if not mark[1] <= now < mark[1] + STEP), key=lambda mark: mark[1])
        if over:
            self._forget(now)
        return [Minute(target, start, self._open.pop((target, start))) for target, start in over]

    def all(self) -> list[Minute]:
        """Every minute, the open ones too; none is left here."""
        found = [Minute(target, start, cells) for (target, start), cells in self._open.items()]
        self._open.clear()
        return sorted(found, key=lambda minute: minute.start)

    def _forget(self, now: float) -> None:
        for before in self._before.values():
            for key in [key for key, (_, at) in before.items() if abs(now - at) > _UNSEEN]:
                del before[key]
