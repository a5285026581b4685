"""Clears keys by a pattern: SCAN, a look at each page for queue keys, UNLINK in batches, each batch sent once.

One act is many requests. It is announced before the first; what broke off in the middle says how far it came, and a
batch without an answer is never sent again. What takes longer goes on while it is looked at, tells how far it is, and
can be stopped between two batches. https://redis.io/docs/latest/commands/unlink/
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from probes.base import Cause, Outcome, ProbeError, Result, SafeText, Sending
from probes.redis.act_plans import amount
from probes.redis.connection import Link, Refusal, complaint
from probes.redis.interlock import Interlock, Queues
from probes.redis.sight import PAGE, pages
from probes.redis.slowlog import masked

BATCH: Final = 500
"""Keys in one UNLINK."""
PAUSE: Final = 0.01
"""Seconds between two batches: others have their turn."""
RATE: Final = 10_000.0
"""Keys a second that a plan reckons with."""
COUNTING: Final = 6.0
"""Seconds for the count before an act."""
LONGEST: Final = 600.0
"""Seconds after which it leaves off and says how far it came."""
BEGINS: Final = 1.0
"""Seconds after which a clearing that has not ended is said to be under way."""
_ENDS: Final = 0.3
"""Seconds for the batch under way to be answered when the session ends."""
_SHOWN: Final = 4
"""Keys that are named before they are cleared."""
_SESSION: Final = re.compile(rb"(?i)(?:^|[:_.-])(?:sess|sessions?|sid|php_?session)[:_.-]")
"""How keys of users' sessions begin, as web frameworks name them."""


@dataclass
class Count:
    """What matches a pattern."""

    keys: int = 0
    queues: Queues = field(default_factory=Queues)
    sample: tuple[str, ...] = ()
    session: str = ""
    """A key among them that looks like a user's session."""
    complete: bool = False


async def counted(link: Link, pattern: str) -> Count:
    """What matches, and what of it belongs to queues; as far as the time goes. Changes nothing."""
    found, interlock, ends = Count(), Interlock(link), time.monotonic() + COUNTING
    async for cursor, keys in pages(link, pattern):
        queues = await interlock.of(keys)
        found.queues.add(queues)
        found.keys += len(keys)
        if len(found.sample) < _SHOWN:
            plain = [masked(key) for key in keys if key not in queues]
            found.sample = (*found.sample, *plain)[:_SHOWN]
        found.session = found.session or _session(keys)
        found.complete = cursor == b"0"
        if time.monotonic() > ends:
            break
    return found


async def session(link: Link, until: float) -> str:
    """A key of the database that looks like a user's session; empty when none was met until then."""
    async for _, keys in pages(link, "*[sS]*[:_.-]*"):
        if (found := _session(keys)) or time.monotonic() > until:
            return found
    return ""


def _session(keys: Iterable[bytes]) -> str:
    return next((masked(key) for key in keys if _SESSION.search(key)), "")


@dataclass
class Course:
    """How far it came."""

    removed: int = 0
    left: int = 0
    """Keys of queues that turned up and were left alone."""
    batches: int = 0
    pending: int = 0
    """Keys in the batch whose answer is awaited."""
    looked: int = 0
    """Keys the server has looked at, about."""
    held: float | None = None
    """Keys of the database when it began."""
    stopping: bool = False
    """A person wants no more of it."""
    began: float = 0.0
    """When the first batch was sent, monotonic seconds."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first batch was answered."""

    @property
    def far(self) -> tuple[str, float | None]:
        """(how far it is in words, its share): SCAN goes once through all keys, whatever matches."""
        took = max(time.monotonic() - self.began, 0.001)
        share = min(self.looked / self.held, 1.0) if self.held else None
        words = f"{self.removed:,} keys removed, {self.removed / took:,.0f} a second"
        if self.held:
            words += f", {min(self.looked, self.held):,.0f} of {self.held:,.0f} looked at"
        if self.stopping:
            return f"stopping: {words}", share
        return words + (f", some {took / share - took:.0f} s more" if share and share < 1.0 else ""), share


class Clearing:
    """One clearing on a connection of its own, which it closes when it ends."""

    def __init__(self, link: Link, pattern: str, sending: Sending, held: float | None) -> None:
        """Begins at once; `held` are the keys of the database."""
        self.link = link
        self.course = Course(held=held)
        self._task = asyncio.ensure_future(self._whole(pattern, sending))
        self._task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def _whole(self, pattern: str, sending: Sending) -> Outcome:
        try:
            return await clear(self.link, pattern, sending, self.course)
        finally:
            await self.link.close()

    async def begun(self) -> Outcome | None:
        """How it ended; None when it is under way after some time, and has removed something. Raises as `clear`."""
        answered = asyncio.ensure_future(self.course.answered.wait())
        try:
            await asyncio.wait({self._task, answered}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answered.cancel()
        await asyncio.wait({self._task}, timeout=BEGINS)
        return self._task.result() if self._task.done() else None

    @property
    def ended(self) -> Outcome | None:
        """How it ended; None while it is under way."""
        if not self._task.done():
            return None
        if self._task.cancelled():
            return _outcome(Result.UNKNOWN, "it was cut off", self.course)
        error = self._task.exception()
        if isinstance(error, ProbeError):
            return _outcome(Result.UNKNOWN, str(error.message), self.course)
        return self._task.result()

    async def close(self) -> None:
        """Stop it, at once if it does not stop by itself: what is not removed stays."""
        self.course.stopping = True
        await asyncio.wait({self._task}, timeout=_ENDS)
        self._task.cancel()
        await self.link.close()

    def cut(self) -> None:
        """Stop it at once."""
        self._task.cancel()
        self.link.abort()


async def clear(link: Link, pattern: str, sending: Sending, course: Course) -> Outcome:
    """Remove what matches. Raises `ProbeError` while it is not known that anything was removed."""
    ends = time.monotonic() + LONGEST
    try:
        return await _clear(link, pattern, sending, course, ends)
    except ProbeError as error:
        if course.batches == 0 or (course.removed == 0 and course.pending):
            raise
        lost = f"; of {amount(course.pending)} more nobody knows" if course.pending else ""
        return _outcome(Result.PARTIAL, f"{amount(course.removed)} removed{lost}, then: {error.message}", course)


async def _clear(link: Link, pattern: str, sending: Sending, course: Course, ends: float) -> Outcome:
    interlock = Interlock(link)
    async for cursor, keys in pages(link, pattern):
        course.looked += PAGE
        queues = await interlock.of(keys)
        course.left += len(queues)
        wanted = [key for key in dict.fromkeys(keys) if key not in queues]
        for at in range(0, len(wanted), BATCH):
            if course.batches == 0:
                await sending()
                if not link.is_open:
                    return Outcome(Result.FAILED, SafeText("the connection was cut before anything was sent"))
                course.began = time.monotonic()
            refused = await _batch(link, wanted[at : at + BATCH], course)
            if refused is not None:
                return refused
            await asyncio.sleep(PAUSE)
            if course.stopping:
                return _outcome(Result.PARTIAL, f"{amount(course.removed)} removed, then stopped as asked", course)
        if time.monotonic() > ends and cursor != b"0":
            words = f"{amount(course.removed)} removed in {LONGEST:.0f} s, and it is not through: clear once more"
            return _outcome(Result.PARTIAL if course.batches else Result.FAILED, words, course)
    if course.batches == 0:
        return Outcome(Result.REFUSED, SafeText("changed since you looked: no key matches any more"))
    spared = f"; {amount(course.left)} of queues left alone" if course.left else ""
    return _outcome(Result.DONE, f"{amount(course.removed)} removed{spared}", course)


async def _batch(link: Link, keys: list[bytes], course: Course) -> Outcome | None:
    """Send one batch, once; the end of it all when the server refuses."""
    if not link.is_open:
        raise ProbeError(Cause.CLOSED_EARLY, "the connection was cut")
    course.batches += 1
    course.pending = len(keys)
    (reply,) = await link.ask([("UNLINK", *keys)])
    course.pending = 0
    if isinstance(reply, Refusal):
        words = complaint(reply, link.where).message
        if course.removed == 0:
            return Outcome(Result.FAILED, words)
        return _outcome(Result.PARTIAL, f"{amount(course.removed)} removed, then: {words}", course)
    course.removed += reply if isinstance(reply, int) else 0
    course.answered.set()
    return None


def under_way(act: str, course: Course) -> Outcome:
    """The answer while it goes on; `act` is how it is found again in this session."""
    found = _outcome(Result.DONE, f"under way: {amount(course.removed)} removed so far", course)
    return replace(found, facts=(("clearing", act), *found.facts))


def _outcome(result: Result, words: str, course: Course) -> Outcome:
    facts = (("removed", str(course.removed)), ("unanswered", str(course.pending)), ("left", str(course.left)),
             ("batches", str(course.batches)))  # fmt: skip
    return Outcome(result, SafeText(words, 300), facts)
