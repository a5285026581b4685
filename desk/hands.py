"""What a session may do: nothing for good, nothing until somebody says why, or to act until a moment.

The runner and everything that can change something exist only while the session is armed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from desk.actions import Bars, Runner
from desk.audit import Chronicle, Code, Trail, Unrecorded, chronicle
from desk.clock import Clock
from desk.deed import Deed
from desk.guard import Confirmation, Mode, digest_of, needs
from desk.measures import Measure, Measures, found
from desk.second.agreements import Agreements
from probes.base import Lane, ProbeError

MINUTES: Final = 10
"""For how long a session is armed unless the profile says otherwise."""


@dataclass(frozen=True, slots=True)
class Arming:
    """Why and how long the session may act."""

    reason: str
    until: float | None
    """Monotonic seconds; None: as long as it lasts."""


class Hands:
    """Arms and disarms a session. Not made at all where it is read-only for good."""

    def __init__(
        self,
        make: Callable[[Hands], Runner],
        trail: Trail,
        clock: Clock,
        minutes: float,
        passive: Path | None = None,
        second: Agreements | None = None,
    ) -> None:
        """`make` builds the runner; `passive` is a file whose presence forbids every act on this machine.

        `second` is the way to a second person; without it what needs one is never done.
        """
        self._make = make
        self.second = second
        self._clock = clock
        self.passive = passive
        """While this file is there nobody acts from this machine; None: there is no such file."""
        self._arming: Arming | None = None
        self._retired: dict[asyncio.Task[None], Runner] = {}
        self._lane = Lane("chronicle", limit=1)
        self.trail = trail
        self.minutes = minutes
        self.measures = Measures()
        """Temporary measures in force, also of earlier sessions once they were read."""
        self._tried: set[str] = set()
        """Measures that were already tried to be taken back by themselves."""
        self.bars: Bars = lambda plan, digest, confirmed: ""
        """Why a plan is barred now, in words: evidence that is to be kept; empty: it is not."""
        self.runner: Runner | None = None
        """What acts; None unless armed."""

    @property
    def mode(self) -> Mode:
        """What the session may do now. Falls back by itself when time is up."""
        if self.forbidden:
            return Mode.READ_ONLY
        if self._arming is None:
            return Mode.DISARMED
        until = self._arming.until
        return Mode.ARMED if until is None or self._clock.monotonic() < until else Mode.DISARMED

    @property
    def forbidden(self) -> bool:
        """True while the machine's passive file is there."""
        return self.passive is not None and self.passive.exists()

    @property
    def reason(self) -> str:
        """Why it is armed; empty when it isn't."""
        return self._arming.reason if self._arming is not None and self.mode is Mode.ARMED else ""

    @property
    def left(self) -> float | None:
        """Seconds until it falls back; None: not armed, or without an end."""
        if self._arming is None or self._arming.until is None or self.mode is not Mode.ARMED:
            return None
        return self._arming.until - self._clock.monotonic()

    async def arm(self, reason: str, minutes: float | None) -> None:
        """Allow acts for so long, or for as long as the session lasts. Raises `Unrecorded` when that can't be kept."""
        until = None if minutes is None else self._clock.monotonic() + minutes * 60
        if self.second is not None:
            await self.second.stand(partial(chronicle.read, self.trail.folder))
        await self.trail.note(Code.ARMED, {"reason": reason, "minutes": minutes})
        self._arming = Arming(reason, until)
        if self.runner is None:
            self.runner = self._make(self)

    async def disarm(self, why: str) -> None:
        """Back to looking. Acts under way come to their end; nothing new begins."""
        self._arming = None
        runner, self.runner = self.runner, None
        if runner is None:
            return
        task = asyncio.create_task(_retire(runner))
        self._retired[task] = runner
        task.add_done_callback(self._retired.pop)
        with suppress(Unrecorded):
            await self.trail.note(Code.DISARMED, {"why": why})

    async def fall_back(self) -> bool:
        """Disarm when time is up or acts have been forbidden; True when that happened now."""
        if self.runner is None or self.mode is Mode.ARMED:
            return False
        await self.disarm("acts are forbidden on this machine" if self.forbidden else "time is up")
        return True

    async def chronicle(self) -> Chronicle:
        """The whole audit, read and checked in a thread. Raises `OSError` or `ProbeError`."""
        found = await self._lane.run(chronicle.read, self.trail.folder)
        if self.second is not None:
            with suppress(OSError):  # said when somebody wants to act
                await self.second.hold.recall(lambda: found)
        return found

    def over(self, deed: Deed) -> None:
        """A deed came to its end."""
        self.measures.take(deed, self.trail.actor.name)

    @property
    def next_due(self) -> Measure | None:
        """A measure whose time is up and that was not tried yet to be taken back; None while nothing may be done."""
        if self.runner is None or self.mode is not Mode.ARMED:
            return None
        now = self._clock.now()
        due = (one for one in self.measures.standing(now) if one.overdue(now) and one.deed not in self._tried)
        return next(due, None)

    async def take_back(self) -> Deed | None:
        """Take back a measure whose time is up, if that may be done now without asking anybody; once for each.

        Whoever began it has agreed to its end. What a person would have to type a name for waits for a person, and so
        does what was begun on another system than the target of that name is now.
        """
        one, runner = self.next_due, self.runner
        if one is None or one.reverse is None or runner is None:
            return None
        self._tried.add(one.deed)
        with suppress(OSError, ProbeError):
            if one.deed not in found(
                await self.chronicle(), self.trail.about
            ):  # another session has ended it, or made it longer
                self.measures.forget(one.deed)
                return None
        try:
            plan = await runner.plan(one.target, one.reverse)
        except (ProbeError, LookupError):
            return None
        setting = runner.setting(one.target)
        need = needs(plan, setting)
        if need.typed or need.second or not plan.chosen or (one.pin and plan.pin != one.pin):
            return None
        return runner.begin(plan, Confirmation(digest_of(plan, setting), f"time is up: {one.reason or one.words}"))

    def prober(self) -> Runner:
        """Something to look back with; it acts only while the session is armed."""
        return self.runner or self._make(self)

    async def done_looking(self, prober: Runner) -> None:
        """Let go of what `prober` gave."""
        if prober is not self.runner:
            await prober.close()

    async def close(self) -> None:
        """End the session. Acts under way get a moment."""
        runners = [*self._retired.values(), *([self.runner] if self.runner is not None else [])]
        for task in self._retired:
            task.cancel()
        await asyncio.gather(*(runner.close() for runner in runners))
        self._lane.close()
        if self.second is not None:
            await self.second.close()
        with suppress(ProbeError):
            await self.trail.close()


async def _retire(runner: Runner) -> None:
    await runner.idle()
    await runner.close()
