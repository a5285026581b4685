"""Shows the lines of logs: the last ten minutes, what a pattern finds within an hour, and what is being written.

Following begins with the newest lines and then asks FilterLogEvents every two seconds, from a little before the newest
line on, and leaves out what was shown already. StartLiveTail would push lines, but costs by the minute, needs a right
of its own, has an address that private endpoints and emulators lack, and ends after three hours; so it is not used.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Final

from probes.aws.calls import Calls
from probes.aws.cloudwatch_logs.events import Budget, Event, Sweep, from_ms, ms
from probes.aws.cloudwatch_logs.patterns import Matching
from probes.base import Cause, ProbeError, SafeText, Sheet
from probes.base.log import masked

SHOWN: Final = 1000
"""Lines shown at most, the newest."""
_STEPS: Final = (10_000, 60_000, 600_000)
"""Milliseconds back, one after the other: in a busy group the newest lines are read first."""
_PAGES: Final = 100
_SIZE: Final = 32 << 20
"""Pages and bytes one look may read."""
BEAT: Final = 2.0
"""Seconds between two questions while following."""
_BACK: Final = 60_000
"""Milliseconds of the past shown first while following."""
_OVERLAP: Final = 30_000
"""Milliseconds read again, for lines that come late; what comes later still is not shown."""
_FURTHEST: Final = 300_000
"""Milliseconds read again at most when nothing is found for long."""
_BEHIND: Final = 60_000
"""Milliseconds the view may be behind before what lies between is left out."""
_STEP_PAGES: Final = 10
_PASSING: Final = frozenset(
    {Cause.THROTTLED, Cause.OVERLOADED, Cause.TIMEOUT_READ, Cause.TIMEOUT_CONNECT, Cause.RESET, Cause.CLOSED_EARLY}
)
"""What is waited out while following."""
_KEPT: Final = 100_000
_AT_ONCE: Final = 20
"""Lines cleaned before anything else gets its turn."""


@dataclass(frozen=True, slots=True)
class Source:
    """One group, and what of it is shown."""

    group: str
    pattern: str
    """Filter pattern; empty: every line."""
    fits: Matching
    prefix: str = ""
    """Stands before each line."""
    stream: str = ""
    """The one stream of the group that is shown; empty: see `streams`."""
    streams: str = ""
    """What the names of the streams that are shown begin with; empty: all are."""

    def sweep(self, start: int, end: int) -> Sweep:
        """What it has between two moments, in milliseconds since 1970."""
        return Sweep(self.group, self.pattern, start, end, self.stream, self.streams)


def every(message: str) -> bool:
    """A line that is shown whatever it says."""
    return True


async def newest(calls: Calls, source: Source, back: int, budget: Budget) -> tuple[list[Event], Sweep | None]:
    """The newest events of the last `back` milliseconds without a hole between them, oldest first; and the stretch
    that is to be gone on with, where even its last seconds hold more than the budget. Raises `ProbeError`.

    The last seconds are read first: what is written much to is never too long for its newest lines to be among them.
    """
    now = ms(calls.context.now())
    found: dict[str, Event] = {}
    until, left = now + _BACK, None
    for step in (*(one for one in _STEPS if one < back), back):
        sweep = source.sweep(now - step, until)
        events = await sweep.read(calls, budget)
        if not sweep.done:
            left = None if found else sweep
            found = found or {one.id: one for one in events}
            break
        found |= {one.id: one for one in events}
        until = now - step - 1
        if len(found) >= SHOWN:
            break
    return sorted(found.values(), key=lambda one: one.at), left


async def tail(calls: Calls, source: Source, patience: float) -> Sheet:
    """The last ten minutes of a group. Raises `ProbeError`."""
    now = ms(calls.context.now())
    budget = Budget(_PAGES, _SIZE, calls.context.monotonic() + patience)
    found: dict[str, Event] = {}
    until = now + _BACK
    cut = 0
    for back in _STEPS:
        sweep = source.sweep(now - back, until)
        found |= {one.id: one for one in await sweep.read(calls, budget)}
        until = now - back - 1
        if not sweep.done:
            cut = sweep.reached
        if cut or len(found) >= SHOWN:
            break
    events = sorted(found.values(), key=lambda one: one.at)
    said = [f"{len(events):,} lines from {from_ms(until + 1):%H:%M:%S} to {from_ms(now):%H:%M:%S} UTC"]
    said += [f"more is written than can be read: nothing after {from_ms(cut):%H:%M:%S} of its stretch"] if cut else []
    return await _sheet(f"last minutes of {SafeText(source.group, 120)}", events[-SHOWN:], len(events), said)


async def search(calls: Calls, sources: Sequence[Source], minutes: int, title: str, patience: float) -> Sheet:
    """Everything that is found within so many minutes: all pages, within bounds, and how far it came."""
    now = ms(calls.context.now())
    budget = Budget(_PAGES, _SIZE, calls.context.monotonic() + patience)
    kept: deque[tuple[Event, str]] = deque(maxlen=SHOWN * 2)
    total = 0
    said: list[str] = []
    for source in sources:
        sweep = source.sweep(now - minutes * 60_000, now)
        for event in await sweep.read(calls, budget):
            if source.fits(event.message):
                total += 1
                kept.append((event, source.prefix))
        if not sweep.done:
            said.append(f"{source.group}: cut, read up to {from_ms(sweep.reached):%H:%M:%S} UTC only; search less")
    start = from_ms(now - minutes * 60_000)
    said.insert(0, f"{total:,} found from {start:%m-%d %H:%M:%S} to {from_ms(now):%m-%d %H:%M:%S} UTC")
    shown = sorted(kept, key=lambda pair: pair[0].at)[-SHOWN:]
    prefixes = {event.id: prefix for event, prefix in shown}
    return await _sheet(title, [event for event, _ in shown], total, said, prefixes)


async def _sheet(
    title: str, events: Sequence[Event], total: int, said: list[str], prefixes: dict[str, str] | None = None
) -> Sheet:
    hidden = 0
    lines: list[SafeText] = []
    for number, one in enumerate(events):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # long lines take their time; keys are answered in between
        clean = masked(one.message)
        hidden += clean != one.message
        lines.append(one.line(clean, (prefixes or {}).get(one.id, ""), day=True))
    if hidden:
        said.append(f"{hidden} of these lines held secrets, which are not shown: that they are logged is a finding")
    return Sheet(title, (*map(SafeText, said), *lines), total - len(events))


@dataclass(slots=True)
class _Followed:
    """One source while it is followed."""

    source: Source
    newest: int
    """Milliseconds of the newest line seen."""
    back: int
    """Milliseconds of the past that are still to be shown; 0: they were."""
    ids: dict[str, int] = field(default_factory=dict)
    sweep: Sweep | None = None

    async def news(self, calls: Calls) -> list[SafeText]:
        """Lines since the last call; the first gives the newest of the past. Raises `ProbeError`."""
        if self.back:
            return await self._begin(calls)
        now = ms(calls.context.now())
        said: list[SafeText] = []
        if self.sweep is not None and now - self.sweep.reached > _BEHIND:
            left = (now - self.sweep.reached) // 1000
            said.append(SafeText(f"{self.source.prefix}({left} s left out: more is written than can be shown)"))
            self.sweep, self.newest = None, now
        if self.sweep is None:
            start = max(self.newest - _OVERLAP, now - _FURTHEST)
            self.sweep = self.source.sweep(start, now + _BACK)
        budget = Budget(_STEP_PAGES, _SIZE, calls.context.monotonic() + calls.settings.timeout)
        events = await self.sweep.read(calls, budget)
        start = self.sweep.start
        if self.sweep.done:
            self.sweep = None
        fresh = [one for one in events if one.id not in self.ids]
        for one in fresh:
            self.ids[one.id] = one.at
            self.newest = max(self.newest, min(one.at, now))
        if self.sweep is None:
            self.ids = {id: at for id, at in self.ids.items() if at >= start}
        while len(self.ids) > _KEPT:
            del self.ids[next(iter(self.ids))]
        fresh.sort(key=lambda one: one.at)
        return said + self._lines(fresh)

    async def _begin(self, calls: Calls) -> list[SafeText]:
        budget = Budget(_STEP_PAGES, _SIZE, calls.context.monotonic() + calls.settings.timeout)
        events, self.sweep = await newest(calls, self.source, self.back, budget)
        self.back = 0
        self.ids = {one.id: one.at for one in events}
        self.newest = min(max([self.newest, *self.ids.values()]), ms(calls.context.now()))
        return self._lines(events)

    def _lines(self, events: Sequence[Event]) -> list[SafeText]:
        fits, prefix = self.source.fits, self.source.prefix
        return [one.line(masked(one.message), prefix) for one in events if fits(one.message)]


async def follow(
    calls: Calls, sources: Sequence[Source], back: int = _BACK, beat: float = BEAT
) -> AsyncGenerator[SafeText, None]:
    """Lines of all sources as they come, until the iterator is closed; first the newest of the last `back`
    milliseconds. That a place is throttled or gives no answer is said once and waited out."""
    now = ms(calls.context.now())
    followed = [_Followed(source, now - _BACK + _OVERLAP, back) for source in sources]
    waiting, empty = "", True
    while True:
        pause, trouble = beat, ""
        for one in followed:
            try:
                for line in await one.news(calls):
                    empty = False
                    yield line
            except ProbeError as error:
                if error.cause not in _PASSING:
                    raise
                pause = max(pause, (await calls.account()).bucket.quiet_for("logs"))
                trouble = str(error.message)
                if trouble != waiting:
                    said = f"(lines come late, tries again in {pause:.0f} s: {trouble})"
                    yield SafeText(f"{one.source.prefix}{said}", 300)
            if one.sweep is not None:
                pause = min(pause, 0.2)
        if empty and not trouble:
            minutes = back // 60_000
            yield SafeText(f"(nothing in the last {'minute' if minutes == 1 else f'{minutes} minutes'}; waiting)")
        waiting, empty = trouble, empty and bool(trouble)
        await asyncio.sleep(pause)
