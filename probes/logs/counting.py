"""Counts the lines of a source: by level and by pattern for each minute, and by type for those that matter.

A line belongs to the minute of its own time. One that tells none belongs to that of the line before it, and the first
ones to the minute in which they are read: that is said by `covered`, which begins where the first known time is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from probes.base.log import LOOKED_AT, Level, Times, Traces, level_of, masked
from probes.base.logcount import Types
from probes.logs.settings import JSON

MINUTE: Final = 60
_KEPT: Final = 4096
"""Characters of a line in which patterns are looked for."""
_TYPES_KEPT: Final = 86400.0
"""Seconds after which a type that is not seen any more is forgotten."""
_AHEAD: Final = 300.0
"""Seconds that a line's time may be ahead of ours; beyond, it is not believed."""


@dataclass(slots=True)
class Bin:
    """One minute of a source."""

    lines: int = 0
    levelled: int = 0
    warnings: int = 0
    errors: int = 0
    found: dict[str, int] = field(default_factory=dict)
    cut: bool = False
    """Some lines of it were left out."""


class TypeReader:
    """Tells what a line's type is, where the profile says how; else nothing, and its words tell."""

    def __init__(self, how: str) -> None:
        self._field = how.removeprefix(JSON).split(".") if how.startswith(JSON) else []
        self._regex = re.compile(how) if how and not self._field else None

    def __call__(self, line: str) -> str | None:
        """The type, or None when the line does not tell it."""
        if self._field:
            try:
                at: object = json.loads(line)
            except (ValueError, RecursionError):
                return None
            for part in self._field:
                at = at.get(part) if isinstance(at, dict) else None
            return None if at is None or isinstance(at, dict | list) else str(at)[:200]
        found = self._regex.search(line[:_KEPT]) if self._regex is not None else None
        return found[1] if found is not None else None


class Counter:
    """The lines of one source. Times are seconds since 1970."""

    def __init__(self, times: Times, patterns: Mapping[str, re.Pattern[str]], since: int, types: TypeReader) -> None:
        """`since` is how many minutes are kept."""
        self._times = times
        self._patterns = patterns
        self._since = since
        self._read_type = types
        self._at: dict[str, float] = {}
        """Time of the last line, by file."""
        self.bins: dict[int, Bin] = {}
        self.types = Types()
        self._traces = Traces()
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        """When each pattern was first and last found."""
        self._begun: dict[str, float] = {}
        self._midst: set[str] = set()
        """Places that were begun in their midst."""
        self._oldest = 0.0
        self.newest: float | None = None
        """Time of the newest line that tells one."""

    def take(self, line: str, place: str, now: float, level: Level = Level.UNKNOWN, at: float | None = None) -> None:
        """Count one line of `place` (a file, or a unit)."""
        own = at if at is not None else self._times.of(line)
        if own is not None and own <= now + _AHEAD:
            self._at[place] = own
            self.newest = own if self.newest is None else max(self.newest, own)
        when = min(self._at.get(place, now), now)
        if place not in self._begun or when < self._begun[place]:
            self._begun[place] = when
        minute = int(when) // MINUTE
        if minute <= now // MINUTE - self._since:
            return
        level = level or level_of(line[:LOOKED_AT])
        traced = self._traces.holds(line, place, level, own is not None)
        one = self.bins.get(minute)
        if one is None:
            one = self.bins[minute] = Bin()
        one.lines += 1
        one.levelled += level is not Level.UNKNOWN and not traced
        one.warnings += level is Level.WARNING
        one.errors += level >= Level.ERROR and not traced
        for name, regex in self._patterns.items():
            if regex.search(line, 0, _KEPT):
                one.found[name] = one.found.get(name, 0) + 1
                self.first[name] = min(self.first.get(name, when), when)
                self.last[name] = max(self.last.get(name, when), when)
        if level >= Level.WARNING and not traced:
            told = self._read_type(line)
            self.types.take(masked(line), level, when, told if told is None else masked(told))

    def begin(self, place: str, at: float, midst: bool) -> None:
        """A place was looked at from a time on; `midst`: there is more before that."""
        self._begun.setdefault(place, at)
        if midst:
            self._midst.add(place)

    @property
    def covered(self) -> float | None:
        """From when on all places were looked at; None: nothing was looked at."""
        times = [self._begun[one] for one in self._midst if one in self._begun]
        if not times and not self._begun:
            return None
        return max(max(times) if times else min(self._begun.values()), self._oldest)

    def cut(self, now: float) -> None:
        """Some lines were left out just now."""
        self.bins.setdefault(int(now) // MINUTE, Bin()).cut = True

    def forget(self, now: float) -> None:
        """Drop what is older than is kept."""
        oldest = int(now) // MINUTE - self._since
        self.bins = {minute: one for minute, one in self.bins.items() if minute > oldest}
        self._oldest = float((oldest + 1) * MINUTE)
        self.types.forget(self._oldest - _TYPES_KEPT)

    def minute(self, minute: int) -> Bin | None:
        """A minute (its number since 1970); None when it was not looked at."""
        covered = self.covered
        if covered is None or (minute + 1) * MINUTE <= covered:
            return None
        return self.bins.get(minute) or Bin()

    def window(self, now: float, minutes: int) -> tuple[list[Bin], bool]:
        """(what was looked at of the last minutes, whether that is all of them)."""
        this = int(now) // MINUTE
        found = [self.minute(minute) for minute in range(this - minutes + 1, this + 1)]
        known = [one for one in found if one is not None]
        return known, len(known) == len(found) and not any(one.cut for one in known)
