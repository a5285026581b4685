"""Counts a pattern minute by minute: each event once, what comes a little late too, and no minute unseen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from probes.aws.calls import Calls, Refused
from probes.aws.cloudwatch_logs.events import Budget, Event, Sweep, from_ms, ms
from probes.aws.cloudwatch_logs.facts import Count
from probes.aws.cloudwatch_logs.groups import fitting
from probes.aws.cloudwatch_logs.patterns import Matching, filter_of, matching
from probes.aws.cloudwatch_logs.settings import PatternSetting
from probes.base import Cause, Gap, SafeText

MINUTE: Final = 60_000
OVERLAP: Final = 2 * MINUTE
"""Milliseconds that are read again, for events that come late; what comes later still is not counted."""
_KEPT: Final = 200_000
"""Ids of events that are remembered."""
PAIRS: Final = 50
"""Pairs of a pattern and a group that are counted at most: AWS takes five such questions a second in many regions."""


class Counter:
    """One pattern in one group. Times are milliseconds since 1970."""

    def __init__(self, group: str, pattern: str, fits: Matching, since: int) -> None:
        """`since` is how many minutes are kept."""
        self.group = group
        self._pattern = pattern
        self._fits = fits
        self._since = since
        self._bins: dict[int, int] = {}
        self._ids: dict[str, int] = {}
        self._sweep: Sweep | None = None
        self._from: int | None = None
        self._until: int | None = None
        """Everything before it was counted."""

    @property
    def span(self) -> tuple[int, int] | None:
        """What was looked at, without a gap; None: nothing yet."""
        if self._from is None or self._until is None:
            return None
        return self._from, self._until

    @property
    def whole(self) -> bool:
        """False while there is more to read than could be read."""
        return self._sweep is None and self._until is not None

    async def read(self, calls: Calls, budget: Budget, now: int) -> None:
        """Count what is new, as far as the budget goes; the rest the next time. Raises `ProbeError`."""
        if self._sweep is None:
            first = now - self._since * MINUTE
            start = first if self._until is None else max(first, self._until - OVERLAP)
            self._sweep = Sweep(self.group, self._pattern, start, now)
            if self._from is None or start > (self._until or start):  # nothing was read for longer than is kept
                self._from, self._until = start, start
        try:
            found = await self._sweep.read(calls, budget)
        except Refused:
            self._sweep = None  # its place in the pages may be the fault
            raise
        for event in found:
            self._take(event)
        self._until = max(self._until or 0, self._sweep.reached)
        if self._sweep.done:
            self._sweep = None
            self._forget(now)

    def of_minute(self, minute: int) -> int | None:
        """Finds in a minute (its number since 1970); None when it was not looked at."""
        span = self.span
        if span is None or (minute + 1) * MINUTE <= span[0] or minute * MINUTE > span[1]:
            return None
        return self._bins.get(minute, 0)

    def _take(self, event: Event) -> None:
        if event.id in self._ids or not self._fits(event.message):
            return
        self._ids[event.id] = event.at
        minute = event.at // MINUTE
        self._bins[minute] = self._bins.get(minute, 0) + 1

    def _forget(self, now: int) -> None:
        oldest = now // MINUTE - self._since
        self._bins = {minute: number for minute, number in self._bins.items() if minute >= oldest}
        after = (self._until or now) - OVERLAP - MINUTE
        self._ids = {id: at for id, at in self._ids.items() if at >= after}
        while len(self._ids) > _KEPT:
            del self._ids[next(iter(self._ids))]
        if self._from is not None:
            self._from = max(self._from, oldest * MINUTE)


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of one reading, and what went wrong with some."""

    counts: tuple[Count, ...]
    gaps: tuple[Gap, ...]


class Counters:
    """Every pattern in every group it is looked for in."""

    def __init__(self, calls: Calls, patterns: Sequence[PatternSetting]) -> None:
        self._calls = calls
        self._patterns = patterns
        self._counters: dict[tuple[str, str], Counter] = {}
        self._turn = 0

    @property
    def idle(self) -> bool:
        """True when there is nothing to count, and so nothing is asked."""
        return not self._counters

    def groups_of(self, pattern: PatternSetting, groups: Sequence[str]) -> list[str]:
        """The groups that a pattern is looked for in."""
        fits = fitting(pattern.groups)
        return [one for one in groups if fits(one)]

    async def read(self, groups: Sequence[str], budget: Budget) -> Counted:
        """Count what is new. A pattern that is refused costs itself only; other trouble is raised as `ProbeError`."""
        now = ms(self._calls.context.now())
        wanted = [(one, group) for one in self._patterns for group in self.groups_of(one, groups)]
        pairs = wanted[:PAIRS]
        keys = {(pattern.name, group) for pattern, group in pairs}
        self._counters = {
            (pattern.name, group): self._counters.get((pattern.name, group))
            or Counter(group, filter_of(pattern), matching(pattern), pattern.since)
            for pattern, group in pairs
        }
        gaps: dict[str, Gap] = {}
        order = sorted(keys)
        self._turn = (self._turn + 1) % max(1, len(order))
        for key in order[self._turn :] + order[: self._turn]:
            if not budget.left(self._calls.context.monotonic()):
                break
            try:
                await self._counters[key].read(self._calls, budget, now)
            except Refused as error:
                if error.cause in (Cause.AUTH, Cause.OVERLOADED):
                    raise
                gaps[key[0]] = Gap(f"pattern {key[0]}", error.cause, error.hint or error.message)
        found = []
        for pattern in self._patterns:
            counters = [self._counters[key] for key in order if key[0] == pattern.name]
            found.append(_count(pattern, counters, now))
            if counters and not found[-1].whole and pattern.name not in gaps:
                said = "more is written than is read: it catches up"
                gaps[pattern.name] = Gap(f"newest minutes of pattern {pattern.name}", Cause.TOO_BIG, SafeText(said))
        if len(wanted) > PAIRS:
            said = f"{PAIRS} are counted: name fewer groups for each pattern"
            gaps["?"] = Gap(f"{len(wanted) - PAIRS} pairs of pattern and group", Cause.TOO_BIG, SafeText(said))
        return Counted(tuple(found), tuple(gaps.values()))


def _count(pattern: PatternSetting, counters: Sequence[Counter], now: int) -> Count:
    """What all groups together say."""
    this = now // MINUTE
    minutes = [
        _sum([one.of_minute(minute) for one in counters]) for minute in range(this - pattern.since + 1, this + 1)
    ]
    spans = [one.span for one in counters]
    known = [span for span in spans if span is not None]
    whole = bool(counters) and all(one.whole for one in counters)
    seen = [number for number in minutes[-pattern.window :] if number is not None]
    return Count(
        name=pattern.name,
        filter=SafeText(filter_of(pattern), 1200),
        kind=pattern.kind,
        groups=tuple(SafeText(one.group, 512) for one in counters),
        minutes=tuple(minutes),
        window=pattern.window,
        limit=pattern.limit,
        found=sum(seen) if seen else None,
        whole=whole,
        since=from_ms(max(start for start, _ in known)) if known else None,
        until=from_ms(min(end for _, end in known)) if len(known) == len(counters) and known else None,
    )


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
