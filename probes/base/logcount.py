"""What many lines of a log count to: levels minute by minute, types with when each was first and last seen.

Bounded whatever comes: what is beyond is counted together, so that the sum of all is the number of lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from probes.base.log import Level, type_of

TYPES: Final = 500
"""Types that are told apart; further ones are counted as one."""
OTHERS: Final = "(further types)"


@dataclass(slots=True)
class TypeCount:
    """Lines of one type."""

    type: str
    level: Level
    """The gravest of them."""
    count: int = 0
    first: float | None = None
    """Seconds since 1970; None: the lines tell no time."""
    last: float | None = None
    sample: str = ""
    """The newest of them."""


class Types:
    """Counts lines by type."""

    def __init__(self, most: int = TYPES) -> None:
        self._most = most
        self._found: dict[str, TypeCount] = {}

    def take(self, line: str, level: Level, at: float | None, name: str | None = None) -> None:
        """Count one line; `name` is its type where that is told otherwise."""
        name = type_of(line) if name is None else name
        one = self._found.get(name)
        if one is None:
            if len(self._found) >= self._most:
                name = OTHERS
            one = self._found.setdefault(name, TypeCount(name, level))
        one.count += 1
        one.level = max(one.level, level)
        one.sample = line
        if at is not None:
            one.first = at if one.first is None else min(one.first, at)
            one.last = at if one.last is None else max(one.last, at)

    def ranked(self, most: int = TYPES + 1) -> list[TypeCount]:
        """The most frequent first."""
        return sorted(self._found.values(), key=lambda one: (-one.count, one.type))[:most]

    def forget(self, before: float) -> None:
        """Drop the types that were last seen before a time."""
        self._found = {name: one for name, one in self._found.items() if one.last is None or one.last >= before}

    def __len__(self) -> int:
        return len(self._found)


STEPS: Final = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
"""Seconds a bar of a histogram may stand for."""


@dataclass(slots=True)
class Histogram:
    """Lines by level over time, in bins of ten seconds."""

    most: int = 4096
    """Bins kept, the newest."""
    bins: dict[int, list[int]] = field(default_factory=dict)
    """Number of the bin since 1970 to (lines, warnings, errors)."""

    def take(self, level: Level, at: float) -> None:
        """Count one line."""
        number = int(at) // STEPS[0]
        one = self.bins.get(number)
        if one is None:
            one = self.bins[number] = [0, 0, 0]
            while len(self.bins) > self.most:
                del self.bins[min(self.bins)]
        one[0] += 1
        if level >= Level.ERROR:
            one[2] += 1
        elif level is Level.WARNING:
            one[1] += 1

    def bars(self, width: int, column: int = 2) -> tuple[list[float | None], int]:
        """(at most `width` bars, seconds of each): errors (2), warnings (1) or lines (0); None where nothing was
        written, which is not the same as no errors."""
        if not self.bins or width < 1:
            return [], STEPS[0]
        first, last = min(self.bins) * STEPS[0], max(self.bins) * STEPS[0]
        step = next((one for one in STEPS if last // one - first // one < width), STEPS[-1])
        start = max(first // step, last // step - width + 1)
        found: list[float | None] = [None] * (last // step - start + 1)
        for number, counts in self.bins.items():
            place = number * STEPS[0] // step - start
            if place >= 0:
                found[place] = (found[place] or 0) + counts[column]
        return found, step

    @property
    def span(self) -> tuple[int, int] | None:
        """Seconds since 1970 of the first and the last bin; None: nothing was counted."""
        return (min(self.bins) * STEPS[0], max(self.bins) * STEPS[0] + STEPS[0]) if self.bins else None


def total(levels: Iterable[tuple[Level, int]], least: Level) -> int:
    """Lines of a level or worse."""
    return sum(number for level, number in levels if level >= least)
