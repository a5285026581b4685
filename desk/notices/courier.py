"""Carries changes of the inbox to people: into the spool first, then out, one try after the other.

At least once: a change is on disk before it is sent, and is tried until it is told or given up. Never twice after
success: what was told is marked, and what a killed session left in doubt is sent again under the same id, by which a
webhook and PagerDuty tell that they know it. Slack has no such id: after a lost answer it may show a notice twice.

Of several sessions on one system one sends through a channel, the one that holds its lock; another takes over when it
ends. Where the disk takes nothing, the spool goes on in memory and says so: a full disk must not keep people from
hearing of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from desk.clock import Clock
from desk.ids import new_id
from desk.inbox.case import Change
from desk.keep import set_aside
from desk.locks import Claim, Held, Locks
from desk.notices.channel import Channel
from desk.notices.file import SpoolError
from desk.notices.row import Due, Way
from desk.notices.spool import MOST, Spool
from desk.notices.told import ToldFile
from desk.notices.wording import System, notice
from desk.store import StoreError
from desk.words import plural
from probes.base import Delivery, Fate, Lane, ProbeError, SafeText, Teller

_T = TypeVar("_T")

LOOK: Final = 2.0
"""Seconds between two looks at what other sessions have put, and at the lock of a channel."""

FIRST: Final = 2.0
"""Seconds until the second try; then twice as long each time."""

SLOWEST: Final = 60.0
"""Seconds between two tries at most."""

PATIENCE: Final = 3600.0
"""Seconds that we let ourselves be told to wait at most."""

AGAIN: Final = 30.0
"""Seconds until a disk that took nothing is tried again."""

_SLACK: Final = 5.0
"""Seconds that a teller may be later than its own deadline before it is cut."""

_ENDING: Final = 0.5
"""Seconds that a try under way has when the session ends."""

_LATE: Final = 60.0
"""Seconds that a notice may wait for a channel that was not refused, before it is said on the screen."""

_FAULTS: Final = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, ProbeError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
"""What a teller must not raise, and may all the same: a fault of our own, which costs one try and not the channel."""

_SHORT: Final = {Fate.UNSENT: "out of reach", Fate.REFUSED: "refused", Fate.UNANSWERED: "no answer"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How telling goes, in this system, whichever session sends."""

    ways: tuple[Way, ...] = ()
    trouble: str = ""
    """Why the spool is not on disk; empty: it is."""
    fault: str = ""
    """What has ended in this session, so that it is no longer done; empty: nothing has."""
    lost: int = 0
    """Changes that came too fast for any spool."""
    at: float = 0.0
    """When it was so, Unix seconds."""

    @property
    def words(self) -> str:
        """What the person in front of the room must know; empty: all is well."""
        said = []
        ill = [way for way in self.ways if way.since is not None and way.waiting]
        if ill:
            since = min(way.since for way in ill if way.since is not None)
            named = ", ".join(f"{way.name} {way.words.partition(':')[0]}" for way in ill)
            said.append(f"{_wait(sum(way.waiting for way in ill))}: {named} since {_clock(since)}")
        for way in self.ways:
            if way.since is None and way.stuck:
                said.append(f"{_wait(way.stuck)}: {way.name} takes others, not {'it' if way.stuck == 1 else 'them'}")
        idle = [
            way
            for way in self.ways
            if way.since is None and not way.stuck and way.oldest is not None and self.at - way.oldest > _LATE
        ]
        if idle:
            since = min(way.oldest for way in idle if way.oldest is not None)
            said.append(f"{_wait(sum(way.waiting for way in idle))} since {_clock(since)}: no session sends them")
        gone = [way for way in self.ways if way.given_up or way.dropped]
        if gone:
            count = sum(way.given_up + way.dropped for way in gone)
            said.append(f"{plural(count, 'notice')} never told: {', '.join(way.name for way in gone)}")
        if self.trouble:
            said.append(f"notices not kept on disk: {self.trouble}")
        if self.fault:
            said.append(self.fault)
        if self.lost:
            said.append(f"{plural(self.lost, 'notice')} lost")
        return "  ".join(said)


class Courier:
    """One session's part in telling people. `take` is called on the event loop and never waits."""

    def __init__(
        self,
        path: Path,
        channels: Sequence[Channel],
        teller: Callable[[Channel], Teller],
        system: System,
        clock: Clock,
        locks: Locks,
        redact: Callable[[str], str] = str,
        chance: Callable[[], float] = random.random,
        bug: Callable[[str, Exception], None] = lambda channel, error: None,
        shared: ToldFile | None = None,
        place: str = "",
    ) -> None:
        """`teller` makes what tells through a channel; `redact` takes out secrets that the session knows.

        `shared`: what sessions on other machines have told; `place`: what they share, by default the file.
        """
        self._shared = shared
        self._place = place or str(path)
        self.path = path
        self._channels = [one for one in channels if one.settings.outside and one.settings.enabled]
        self._make = teller
        self._system = system
        self._clock = clock
        self._locks = locks
        self._redact = redact
        self._chance = chance
        self._bug = bug
        self._began = clock.now().timestamp()
        self._coming: deque[Change] = deque()
        self._late: set[str] = set()
        self._news = asyncio.Event()
        self._bells = {one.name: asyncio.Event() for one in self._channels}
        self._turn = asyncio.Lock()
        self._gate = threading.Lock()
        self._lane = Lane("notices", limit=2)
        self._spool: Spool | None = None
        self._in_memory = False
        self._tried = -math.inf
        self._claims: dict[str, Claim | None] = {}
        """Of the channels that this session sends through; None: no lock could be had, it sends all the same."""
        self._fails = {one.name: 0 for one in self._channels}
        self._tasks: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()
        self._standing = Standing()
        self._trouble = self._fault = ""
        self._lost = 0

    @property
    def standing(self) -> Standing:
        """How it goes, a few seconds old at most."""
        return self._standing

    @property
    def sends(self) -> tuple[str, ...]:
        """The channels that this session sends through."""
        return tuple(self._claims)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._begin("keeping notices", self._write())
        self._begin("looking how telling goes", self._look())
        for channel in self._channels:
            self._begin(f"telling through {channel.name}", self._carry(channel), channel.name)

    def take(self, change: Change, late: bool = False) -> None:
        """Tell of a change, where somebody wants to know. One that was taken before is not told again.

        `late`: it happened before this session, and may not have been taken because the one that was there was killed.
        """
        if change.quiet or not self._channels:
            return
        if late:
            self._late.add(change.id)
        if len(self._coming) >= MOST:
            self._coming.popleft()
            self._lost += 1
        self._coming.append(change)
        self._news.set()

    def stand_aside(self) -> None:
        """The process is stopped next: another session sends, if there is one. What goes on asks for its channels
        again. On the event loop; never waits."""
        for claim in self._claims.values():
            if claim is not None:
                claim.release()
        self._claims.clear()

    async def close(self) -> None:
        """Put what has come, let a try under way end, let go; in a moment, even when everything hangs."""
        self._over.set()
        self._news.set()
        for bell in self._bells.values():
            bell.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_ENDING)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._lane.close()
        if self._gate.acquire(timeout=0.1):  # else a disk hangs, and the kernel closes it with the process
            if self._spool is not None:
                self._spool.close()
            if self._shared is not None:
                self._shared.close()
            self._gate.release()
        for claim in self._claims.values():
            if claim is not None:
                claim.release()
        self._claims.clear()

    def _begin(self, does: str, work: Coroutine[object, object, None], channel: str = "") -> None:
        """Do it beside; what ends by a fault is said, and its channel left to another session."""
        task = asyncio.create_task(work, name=f"notices: {does}")

        def ended(done: asyncio.Task[None]) -> None:
            error = done.exception() if not done.cancelled() else None
            if isinstance(error, Exception):
                self._fault = f"a fault of our own has ended {does} in this session"
                self._standing = replace(self._standing, fault=self._fault)
                claim = self._claims.pop(channel, None)
                if claim is not None:
                    claim.release()
                self._bug(channel or "notices", error)

        task.add_done_callback(ended)
        self._tasks.append(task)

    # putting

    async def _write(self) -> None:
        """Put what comes, at once."""
        while not self._over.is_set() or self._coming:
            await self._news.wait()
            if not self._over.is_set():
                self._news.clear()
            changes = [self._coming.popleft() for _ in range(len(self._coming))]
            if changes:
                await self._put(changes)

    async def _put(self, changes: Sequence[Change]) -> None:
        pairs = [(change, notice(self._system, change, self._redact)) for change in changes]
        now, late = self._clock.now().timestamp(), self._late
        self._late = set()
        await self._ask(lambda spool: spool.put(self._channels, pairs, self._system.environment, now, late))
        for bell in self._bells.values():
            bell.set()

    # sending

    async def _carry(self, channel: Channel) -> None:
        """Send through one channel for as long as this session lasts."""
        teller = self._make(channel)
        try:
            while not self._over.is_set():
                due = await self._next(channel)
                if due is not None:
                    await self._try(channel, teller, due)
                else:
                    bell = self._bells[channel.name]
                    bell.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(bell.wait(), LOOK)
        finally:
            await teller.close()

    async def _next(self, channel: Channel) -> Due | None:
        now = self._clock.now().timestamp()
        held = self._claims.get(channel.name)
        if held is not None and not held.held:  # another machine has it by now
            self._claims.pop(channel.name)
            held.release()
        if channel.name not in self._claims and not await self._claim(channel, now):
            return None
        return await self._ask(lambda spool: spool.due(channel.name, now))

    async def _claim(self, channel: Channel, now: float) -> bool:
        """Take the channel's lock, if nobody has it."""

        def claim() -> tuple[bool, Claim | None]:
            try:
                return True, self._locks.claim(f"notices {self._place} {channel.name}", "tells people")
            except Held:
                return False, None
            except OSError:
                return True, None

        mine, claim_ = await self._lane_run(claim)
        if mine:
            self._claims[channel.name] = claim_
            await self._ask(lambda spool: self._take_over(spool, channel.name, now))
        return mine

    def _take_over(self, spool: Spool, channel: str, now: float) -> None:
        self._hear(spool)
        spool.recover(channel, now)
        spool.tidy([one.name for one in self._channels], now)

    async def _try(self, channel: Channel, teller: Teller, due: Due) -> None:
        """One try, and what came of it into the spool."""
        name, settings = channel.name, channel.settings
        timeout = getattr(settings, "timeout", 10.0)
        try:
            async with asyncio.timeout(timeout + _SLACK):
                found = await teller.tell(due.notice)
        except TimeoutError:
            found = Delivery(Fate.UNANSWERED, SafeText("no answer in time"))
        except _FAULTS as error:
            found = Delivery(Fate.UNANSWERED, SafeText("a fault of our own"))
            self._bug(name, error)
        now = self._clock.now().timestamp()
        if found.fate is Fate.TOLD:
            self._fails[name] = 0
            well = await self._ask(lambda spool: spool.told(due, name, now))
            if self._shared is not None:
                await self._ask(lambda spool: self._share(spool, due, name, now))
            if well:
                few = getattr(settings, "summary", 0)
                await self._ask(lambda spool: spool.gather(name, f"{new_id()}:{name}", few, now))
            return
        tries = due.tries if found.alone else self._fails[name]
        if not found.alone:
            self._fails[name] += 1
        again = now + self._pause(tries, found.wait)
        words = str(SafeText(self._redact(f"{_SHORT[found.fate]}: {found.words}"), 300))
        before = now - getattr(settings, "give_up_seconds", math.inf)
        doubt = found.fate is Fate.UNANSWERED

        def mark(spool: Spool) -> None:
            spool.failed(due, name, now, again, words, doubt=doubt, alone=found.alone)
            spool.expire(name, before, now)

        await self._ask(mark)

    def _share(self, spool: Spool, due: Due, channel: str, now: float) -> None:
        """Let sessions on other machines know; what can't be kept they may tell once more."""
        if self._shared is not None:
            with contextlib.suppress(StoreError):
                self._shared.keep(spool.marks(due, channel, now))

    def _hear(self, spool: Spool) -> None:
        """What others have told is told."""
        if self._shared is not None:
            try:
                spool.elsewhere(self._shared.news())
            except StoreError:
                self._shared.close()

    def _pause(self, tries: int, wait: float | None) -> float:
        """Seconds until the next try: twice as long each time, a little by chance, never less than they asked for."""
        ours = min(SLOWEST, FIRST * 2.0 ** min(tries, 16)) * (0.5 + self._chance() / 2)
        return max(ours, min(wait, PATIENCE)) if wait is not None else ours

    # the spool, in a thread of its own

    async def _look(self) -> None:
        """Keep the standing fresh."""
        while not self._over.is_set():
            now = self._clock.now().timestamp()
            self._standing = Standing(await self._ask(self._ways), self._trouble, self._fault, self._lost, now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), LOOK)

    def _ways(self, spool: Spool) -> tuple[Way, ...]:
        self._hear(spool)
        now = self._clock.now().timestamp()
        return tuple(spool.way(one.name, now) for one in self._channels)

    async def _lane_run(self, work: Callable[[], _T]) -> _T:
        async with self._turn:
            return await asyncio.shield(asyncio.ensure_future(self._lane.run(work)))

    async def _ask(self, work: Callable[[Spool], _T]) -> _T:
        return await self._lane_run(lambda: self._do(work))

    def _do(self, work: Callable[[Spool], _T]) -> _T:
        with self._gate:
            try:
                return work(self._ready())
            except SpoolError as error:
                return work(self._spill(error))

    def _ready(self) -> Spool:
        """The spool: on disk, if that can be had."""
        now = self._clock.monotonic()
        if self._spool is not None and not (self._in_memory and now - self._tried >= AGAIN):
            return self._spool
        self._tried = now
        try:
            disk = self._opened()
        except SpoolError as error:
            return self._spill(error) if self._spool is None else self._spool
        if self._spool is not None:
            self._spool.close()
        self._spool, self._in_memory, self._trouble = disk, False, ""
        return disk

    def _opened(self) -> Spool:
        try:
            disk = Spool.open(self.path)
        except SpoolError as error:
            if not error.damaged:
                raise
            self._set_aside()
            disk = Spool.open(self.path)
        try:
            disk.begin([one.name for one in self._channels], self._began)
            for name in self._claims if self._spool is not None else ():
                disk.recover(name, self._clock.now().timestamp())
            if self._spool is not None:
                disk.adopt(self._spool)
        except SpoolError:
            disk.close()
            raise
        return disk

    def _spill(self, error: SpoolError) -> Spool:
        """Go on in memory, with what the disk still tells."""
        if self._in_memory and self._spool is not None:
            raise error
        memory = Spool.in_memory()
        if self._spool is not None:
            with contextlib.suppress(SpoolError):
                memory.adopt(self._spool)
            with contextlib.suppress(sqlite3.Error):
                self._spool.close()
        memory.begin([one.name for one in self._channels], self._began)
        if error.damaged:
            with contextlib.suppress(SpoolError):
                self._set_aside()
        self._spool, self._in_memory, self._tried = memory, True, self._clock.monotonic()
        self._trouble = str(error)
        return memory

    def _set_aside(self) -> None:
        try:
            set_aside(self.path, self._clock.now())
        except OSError as error:
            raise SpoolError(f"{self.path.name} is damaged and can't be put aside: {error.strerror or error}") from None


def _wait(number: int) -> str:
    return "1 notice waits" if number == 1 else f"{plural(number, 'notice')} wait"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"
