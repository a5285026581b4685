"""The lines that a log screen keeps: the newest, bounded in number and size, those that pass its filter, and what they
count to. No screen and no drawing."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final, NamedTuple, Protocol

from probes.base.log import Level, Times, Traces, level_of
from probes.base.logcount import Histogram

KEPT: Final = 20_000
"""Lines kept; older ones are dropped and counted."""
SIZE: Final = 24 << 20
"""Characters of all lines kept."""
_SLACK: Final = 1000
"""Lines dropped at once: taking away one at a time would move all others."""
LABEL: Final = " │ "
"""Stands between where a line is from and the line."""
LONGEST_LABEL: Final = 100


class Finds(Protocol):
    """What tells the lines that are wanted, as an expression does."""

    def search(self, string: str, /) -> object:
        """Anything but None for a line that is."""


class Row(NamedTuple):
    """One line."""

    number: int
    """How many came before it."""
    text: str
    level: Level
    """Its own; of a line that goes on with the one before, that one's."""
    at: float | None
    """Seconds since 1970, when it tells."""


class Ring:
    """The newest lines."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self.rows: list[Row] = []
        self.visible: list[Row] = self.rows
        """Those that pass the filter; the same list when there is none."""
        self.came = 0
        self.size = 0
        self.errors = 0
        self.warnings = 0
        self.histogram = Histogram()
        self.least = Level.UNKNOWN
        self.only: Finds | None = None
        self._before: dict[str, Level] = {}
        self._traces = Traces()
        self._seen_at: float | None = None

    @property
    def dropped(self) -> int:
        """Lines that came and are not kept any more."""
        return self.came - len(self.rows)

    @property
    def filtered(self) -> bool:
        """True when some lines may be hidden."""
        return self.visible is not self.rows

    @property
    def one_source(self) -> bool:
        """True when every line so far is of the same source."""
        return len(self._before) <= 1

    def add(self, text: str, now: float) -> None:
        """Take a line that came at `now` (seconds since 1970)."""
        label, cut, rest = text.partition(LABEL)
        label, rest = (label, rest) if cut and len(label) < LONGEST_LABEL else ("", text)
        level, at = level_of(rest), self._times.of(rest)
        traced = self._traces.holds(rest, label, level, at is not None)
        goes_on = level is Level.UNKNOWN and rest[:1] in (" ", "\t") and label in self._before
        counted = Level.UNKNOWN if goes_on or traced else level
        if goes_on:
            level = self._before[label]
        else:
            self._before[label] = level
            if len(self._before) > KEPT:
                self._before.clear()
        self.errors += counted >= Level.ERROR
        self.warnings += counted is Level.WARNING
        self._seen_at = at if at is not None else self._seen_at
        self.histogram.take(counted, at if at is not None else self._seen_at or now)
        row = Row(self.came, text, level, at)
        self.came += 1
        self.size += len(text)
        self.rows.append(row)
        if self.filtered and self._passes(row):
            self.visible.append(row)
        if len(self.rows) > KEPT + _SLACK or self.size > SIZE:
            self._drop()

    def _drop(self) -> None:
        keep = min(KEPT, len(self.rows) - 1)
        gone = len(self.rows) - keep
        self.size -= sum(len(row.text) for row in self.rows[:gone])
        while self.size > SIZE and gone < len(self.rows) - 1:
            self.size -= len(self.rows[gone].text)
            gone += 1
        del self.rows[:gone]
        if self.filtered:
            del self.visible[: bisect_left(self.visible, self.rows[0].number, key=_number)]

    def _passes(self, row: Row) -> bool:
        return row.level >= self.least and (self.only is None or self.only.search(row.text) is not None)

    def narrow(self, least: Level, only: Finds | None) -> None:
        """Show only lines of a level or worse, and those that `only` finds."""
        self.least, self.only = least, only
        if least is Level.UNKNOWN and only is None:
            self.visible = self.rows
        else:
            self.visible = [row for row in self.rows if self._passes(row)]

    def place(self, number: int) -> int:
        """Where in what is visible a line stands, or the next one after it."""
        return bisect_left(self.visible, number, key=_number)

    def find(self, wanted: re.Pattern[str], start: int, step: int) -> int | None:
        """The place of the next visible line that holds it, from `start` on; None: there is none."""
        at = start
        while 0 <= at < len(self.visible):
            if wanted.search(self.visible[at].text):
                return at
            at += step
        return None

    @property
    def span(self) -> tuple[float, float] | None:
        """Times of the oldest and the newest line kept that tell one."""
        first = next((row.at for row in self.rows[:200] if row.at is not None), None)
        last = next((row.at for row in reversed(self.rows[-200:]) if row.at is not None), None)
        return (first, last) if first is not None and last is not None else None


def _number(row: Row) -> int:
    return row.number
