"""The one door. Whatever is done to a system is done here: guard, lock, intent on disk, one request, outcome, verdict.

One of the two places that catch every exception: a fault in an actuator must not lose what is known about a request
that may be on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TypeVar

from desk import measures
from desk.audit import Code, Trail, Unrecorded
from desk.clock import Clock
from desk.deed import Deed, Stage, Step
from desk.guard import Confirmation, Mode, Permit, Refusal, Setting, agreed_of, digest_of, judge, lock_of, needs
from desk.locks import Claim, Held, Locks
from desk.requirements import Find, Finding, unmet
from desk.second import Unfit, Unreachable
from desk.second.agreements import Agreements
from desk.unfinished import Case, restored
from probes.base import (
    Actuator,
    Cause,
    Choice,
    Lane,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    Right,
    SafeText,
    Truth,
    Verdict,
)

T = TypeVar("T")

PLANNING: Final = 10.0
"""Seconds a look before an act may take."""
LOOKING: Final = 5.0
"""Seconds one look after an act may take."""
EVERY: Final = 0.5
"""Seconds between two looks after an act."""
HOLDING: Final = 20.0
"""Seconds the lock is held while it is looked whether an answered request has come true: a rollout that takes a quarter
of an hour must not stand in the way of its own undoing. While nobody knows what a request did, it is held on."""
_GRACE: Final = 0.5
"""Seconds a cut call gets to end before it is left behind."""
_LEAVING: Final = 0.6
"""Seconds that acts under way get when the session ends."""

CONSOLE: Final = "console"
"""Name of the act that hands the terminal over: no kind has one of that name."""

_CODES: Final = {
    Result.DONE: Code.DONE,
    Result.REFUSED: Code.REFUSED,
    Result.FAILED: Code.FAILED,
    Result.UNKNOWN: Code.UNKNOWN,
    Result.PARTIAL: Code.PARTIAL,
}
_LOOKED_AFTER: Final = frozenset({Result.DONE, Result.UNKNOWN, Result.PARTIAL})
"""Results after which it is looked whether it is true."""

_SURE: Final = frozenset({Result.DONE, Result.REFUSED, Result.FAILED})
"""Results that tell what the request has done."""

AnyActuator = Actuator[Any]

Bars = Callable[[Plan, str, datetime | None], str]
"""Why a plan of this digest is barred now, in words; empty: it is not. The moment: when it was confirmed, if it was."""


class _Unmet(Exception):
    """What an act requires is not so any more, directly before it would have been sent."""


class Runner:
    """Acts on the targets of one system, one act at a time on each. Built only where acting is allowed."""

    def __init__(
        self,
        actuators: Mapping[str, AnyActuator],
        settings: Callable[[str], Setting],
        mode: Callable[[], Mode],
        trail: Trail,
        locks: Locks,
        clock: Clock,
        read_again: Callable[[str], None] = lambda target: None,
        bug: Callable[[str, Exception], None] = lambda target, error: None,
        every: float = EVERY,
        over: Callable[[Deed], None] = lambda deed: None,
        find: Find = lambda plan: (),
        consoles: Mapping[str, AnyActuator] | None = None,
        second: Agreements | None = None,
        bars: Bars = lambda plan, digest, confirmed: "",
    ) -> None:
        """`actuators`, `consoles` and `settings` go by target; `mode` is asked anew before every single request.

        `over` is told of each deed when nothing more of it will be asked for. `find` tells how what a plan requires
        stands now; without it nothing that requires anything is done. `consoles` hand the terminal over. `second`
        knows what second persons have approved; without it nothing that needs one is done. `bars` says why a plan is
        barred now, whoever confirms it: evidence that is to be kept.
        """
        self._bars = bars
        self._second = second
        self._over = over
        self._find = find
        self._consoles = consoles or {}
        self._every = every
        self._actuators = actuators
        self._settings = settings
        self._mode = mode
        self._trail = trail
        self._locks = locks
        self._clock = clock
        self._read_again = read_again
        self._bug = bug
        self._tasks: dict[asyncio.Task[None], Deed] = {}
        self._lane = Lane("locks", limit=4)

    # before anything is done

    def actuator(self, target: str) -> AnyActuator | None:
        """What acts on a target; None: nothing does."""
        return self._actuators.get(target)

    def title(self, target: str, action: str) -> str:
        """What a person calls an act on a target; its name where there is no such act."""
        actuator = self._acting(target, action)
        actions = actuator.actions if actuator is not None else ()
        return next((one.title for one in actions if one.name == action), action)

    def offers(self, target: str, facts: Any, subjects: Sequence[str]) -> list[Offer]:
        """What can be done to these rows by the last reading (None: there was none), consoles last."""
        actuator, console = self._actuators.get(target), self._consoles.get(target)
        there = list(actuator.offers(facts, subjects)) if actuator is not None and facts is not None else []
        return there + (list(console.offers(facts, subjects)) if console is not None else [])

    def findings(self, plan: Plan) -> tuple[Finding, ...]:
        """How everything that a plan requires stands now."""
        return tuple(self._find(plan)) if plan.requires else ()

    def barred(self, plan: Plan, confirmed: datetime | None = None) -> str:
        """Why a plan is barred now, in words; empty: it is not. `confirmed`: when it was, of one that is being done."""
        return self._bars(plan, digest_of(plan, self._settings(plan.target)), confirmed)

    def setting(self, target: str) -> Setting:
        """Where acts on a target take place."""
        return self._settings(target)

    async def plan(self, target: str, request: Request) -> Plan:
        """Look afresh and say what would be done. Raises `ProbeError`."""
        return await self._asked(target, PLANNING, lambda actuator: actuator.plan(request), request.action)

    async def choices(self, target: str, action: str, subjects: Sequence[str]) -> tuple[Choice, ...]:
        """The words that can be picked for an action on these rows. Raises `ProbeError`."""
        return tuple(await self._asked(target, PLANNING, lambda actuator: actuator.choices(action, subjects), action))

    async def rights(self, target: str) -> tuple[Right, ...]:
        """What we may do there. Raises `ProbeError`."""
        return tuple(await self._asked(target, PLANNING, lambda actuator: actuator.rights()))

    def recognised(self, text: str) -> list[tuple[str, Recognised]]:
        """(target, what it means there) for each target that takes a pasted command as its own."""
        from desk.commandline import recognised  # the grammar is loaded when somebody pastes

        found = ((name, recognised(text, actuator)) for name, actuator in self._actuators.items())
        return [(name, one) for name, one in found if one is not None]

    async def look(self, plan: Plan, step: Step, after: float) -> Verdict:
        """What is true now about a subject, whatever became of its request. Never raises."""
        outcome = step.outcome or Outcome(Result.UNKNOWN, SafeText("no outcome was recorded"))
        try:
            return await self._asked(
                plan.target,
                LOOKING,
                lambda actuator: actuator.verify(plan, step.subject, outcome, after),
                plan.action.name,
            )
        except ProbeError as error:
            return Verdict(Truth.UNKNOWN, SafeText(f"it can't be looked at: {error.message}"))

    async def look_back(self, one: Case) -> Verdict:
        """What is true now about an act of an earlier session. Never raises."""
        actuator = self._acting(one.target, str(one.intent.data.get("action")))
        found = restored(one.intent, actuator) if actuator is not None else None
        if found is None:
            return Verdict(Truth.UNKNOWN, SafeText("this profile has no such target any more"))
        plan, step = found
        step.outcome = one.outcome
        after = (self._clock.now() - one.intent.at).total_seconds()
        return await self.look(plan, step, max(0.0, after))

    # doing it

    def begin(self, plan: Plan, given: Confirmation) -> Deed:
        """Set a confirmed plan going and return at once; the deed tells how it goes."""
        deed = Deed(plan, given.reason.strip(), self._clock.monotonic())
        task = asyncio.create_task(self._through(deed, given), name=f"act-{plan.target}")
        self._tasks[task] = deed
        task.add_done_callback(self._tasks.pop)
        return deed

    @property
    def busy(self) -> list[Deed]:
        """Deeds under way."""
        return list(self._tasks.values())

    async def idle(self) -> None:
        """Wait until no deed is under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        """End the session: acts under way get a moment, then their outcome is UNKNOWN and written down as such."""
        for deed in self._tasks.values():
            deed.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_LEAVING)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_LEAVING)
        self._lane.close()
        every = [*self._actuators.values(), *self._consoles.values()]
        for actuator in every:
            actuator.abort()
        closing = [asyncio.ensure_future(actuator.close()) for actuator in every]
        if closing:
            await asyncio.wait(closing, timeout=_GRACE)

    async def _through(self, deed: Deed, given: Confirmation) -> None:
        try:
            claim = await self._admitted(deed, given)
            if claim is None:
                return
            with claim:
                try:
                    await self._all(deed, claim)
                finally:
                    self._over(deed)  # while nobody else can have an act that comes after it
                sure = all(step.outcome is None or step.outcome.result in _SURE for step in deed.steps)
                await self._settle(deed, _looked_at(deed), HOLDING if sure else None)
            await self._settle(deed, _looked_at(deed))
        except Unrecorded as error:
            deed.refused = deed.refused or f"{error}: nothing was sent"
        finally:
            deed.over = True
            deed.bell()
            self._read_again(deed.plan.target)

    async def _admitted(self, deed: Deed, given: Confirmation) -> Claim | None:
        """The lock, or None when it is refused; either way it is on record who asked for what."""
        plan = deed.plan
        setting = self._settings(plan.target)
        age = (self._clock.now() - plan.looked_at).total_seconds()
        agreed = agreed_of(plan, setting)
        approved = self._second is not None and self._second.approves(given.agreed, agreed)
        verdict = judge(plan, setting, self._mode(), given, max(0.0, age), approved, self.findings(plan))
        deed.confirmed = self._clock.now()
        if isinstance(verdict, Permit) and (barred := self.barred(plan)):
            verdict = Refusal(barred)
        if isinstance(verdict, Permit):
            try:
                names = ", ".join(str(subject.name) for subject in plan.chosen[:3])
                claim = await self._claimed(
                    lock_of(plan), f"{self._trail.actor.called} does {plan.action.title} to {names}"
                )
                deed.unlocked = claim.doubt
                if not needs(plan, setting).second or await self._used(deed, given, agreed, claim):
                    return claim
            except Held as held:
                deed.refused = f"one act at a time: {held}"
            except OSError as error:
                deed.refused = f"no lock can be had: {(error.strerror or type(error).__name__).lower()}"
        else:
            deed.refused = verdict.reason
        with suppress(Unrecorded):
            await self._trail.note(Code.REFUSED, {"deed": deed.id, "reason": deed.refused, **about(plan)})
        return None

    async def _claimed(self, name: str, words: str) -> Claim:
        """The lock, taken on a thread: a store that other machines share may let us wait. Raises as `Locks.claim`."""
        taking = asyncio.ensure_future(self._lane.run(self._locks.claim, name, words))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(_released)
            raise
        except ProbeError as error:
            raise OSError(0, str(error.message)) from None

    async def _used(self, deed: Deed, given: Confirmation, digest: str, claim: Claim) -> bool:
        """Use up what a second person approved; False when it can't be, and why stands in the deed."""
        assert self._second is not None
        try:
            answer = await self._second.use(given.agreed, digest)
        except (Unfit, Unreachable) as error:
            deed.refused = str(error)
        except BaseException:
            claim.release()
            raise
        else:
            deed.agreed = {"request": given.agreed, "by": answer.told["by"]}
            return True
        claim.release()
        return False

    async def _all(self, deed: Deed, claim: Claim) -> None:
        for number, step in enumerate(deed.steps):
            deed.unlocked = claim.doubt or deed.unlocked
            if deed.stopping or self._mode() is not Mode.ARMED or not claim.held:
                step.stage = Stage.LEFT
                continue
            try:
                await self._intent(deed, step)
            except Unrecorded as error:
                if number == 0:
                    raise
                deed.unrecorded = str(error)
                deed.stop()
                step.stage = Stage.LEFT
                continue
            await self._one(deed, step, claim)
            deed.unlocked = claim.doubt or deed.unlocked
            if deed.plan.action.rolling and len(deed.steps) > 1:
                await self._settle(deed, [step] if step.stage is Stage.VERIFYING else [])
                if not step.well:
                    deed.stop()

    async def _intent(self, deed: Deed, step: Step) -> None:
        """What is about to be sent, on disk. Raises `Unrecorded`: then it is not sent."""
        data = {"deed": deed.id, "act": step.act, "reason": deed.reason, **about(deed.plan), "subject": told(step)}
        if deed.unlocked:
            data["unlocked"] = deed.unlocked
        if deed.agreed:
            data["second"] = dict(deed.agreed)
        if deed.plan.requires:
            data["required"] = [one.words for one in self.findings(deed.plan)]
        await self._trail.note(Code.INTENT, data)

    async def _one(self, deed: Deed, step: Step, claim: Claim) -> None:
        """Send it, once, and write down what was answered."""
        step.stage = Stage.SENDING
        deed.bell()

        async def sending() -> None:
            if step.sent:
                raise RuntimeError("an actuator sends once")
            if why := unmet(deed.plan, self.findings(deed.plan)):
                raise _Unmet(why)
            if barred := self.barred(deed.plan, deed.confirmed):
                deed.stop()  # nothing of what is left either
                raise _Unmet(barred)
            if not claim.held:
                raise _Unmet(claim.doubt or "the lock is lost")
            await self._trail.note(Code.SENT, {"deed": deed.id, "act": step.act})
            step.asked = self._clock.monotonic()

        actuator = self._acting(deed.plan.target, deed.plan.action.name)
        assert actuator is not None
        carrying = asyncio.ensure_future(actuator.carry_out(deed.plan, step.subject, step.act, sending))
        left = False
        try:
            step.outcome = await self._bounded(carrying, actuator, deed.plan.answers)
        except asyncio.CancelledError:
            left = True
            actuator.abort()
            step.outcome = self._without_answer(step, "the session ended while it was under way")
        except ProbeError as error:
            step.outcome = self._without_answer(step, error.message)
        except (Unrecorded, _Unmet) as error:
            step.outcome = Outcome(Result.REFUSED, SafeText(f"{error}: nothing was sent"))
        except Exception as error:  # noqa: BLE001 - what is known of the request must be written down all the same
            self._bug(deed.plan.target, error)
            step.outcome = self._without_answer(step, f"a fault in Opsroom: {type(error).__name__}")
        step.answered = self._clock.monotonic()
        step.stage = Stage.VERIFYING if step.outcome.result in _LOOKED_AFTER else Stage.SETTLED
        await self._write(
            deed,
            _CODES[step.outcome.result],
            step,
            {"words": str(step.outcome.words), "facts": dict(step.outcome.facts)},
        )
        deed.bell()
        if left:
            raise asyncio.CancelledError

    @staticmethod
    def _without_answer(step: Step, words: str | SafeText) -> Outcome:
        """What no answer means: nothing was done if it never left, else nobody knows."""
        said = words if isinstance(words, SafeText) else SafeText(words)
        return Outcome(Result.UNKNOWN if step.sent else Result.FAILED, said)

    async def _settle(self, deed: Deed, waiting: list[Step], within: float | None = None) -> None:
        """Look at each in turn until it is true, will not be, or time is up; or leave off after `within` seconds."""
        began = self._clock.monotonic()
        while waiting and (within is None or self._clock.monotonic() - began < within):
            for step in waiting:
                after = self._clock.monotonic() - (step.answered or 0.0)
                actuator = self._acting(deed.plan.target, deed.plan.action.name) if deed.stopping else None
                if actuator is not None and step.outcome is not None:
                    actuator.leave_off(deed.plan, step.subject, step.outcome)
                step.verdict = await self.look(deed.plan, step, after)
                sure = step.verdict.final or step.verdict.truth in (Truth.CONFIRMED, Truth.REFUTED)
                if sure or after >= deed.plan.settles:
                    step.stage, step.settled = Stage.SETTLED, self._clock.monotonic()
                    found = {"truth": step.verdict.truth.value, "words": str(step.verdict.words)}
                    await self._write(deed, Code.VERDICT, step, found)
                deed.bell()
            waiting = [step for step in waiting if step.stage is not Stage.SETTLED]
            if waiting:
                await asyncio.sleep(self._every)

    async def _write(self, deed: Deed, code: Code, step: Step, data: Mapping[str, Any]) -> None:
        """Keep what is known now; when that fails the intent stays open, and the next start asks about it."""
        try:
            await self._trail.note(code, {"deed": deed.id, "act": step.act, **data})
        except Unrecorded as error:
            deed.unrecorded = str(error)

    # one call of an actuator

    def _acting(self, target: str, action: str) -> AnyActuator | None:
        """What does this to a target; None: nothing does."""
        return (self._consoles if action == CONSOLE else self._actuators).get(target)

    async def _asked(
        self, target: str, seconds: float, call: Callable[[AnyActuator], Awaitable[T]], action: str = ""
    ) -> T:
        """A call that only looks, bounded; every way it can fail is a `ProbeError`."""
        actuator = self._acting(target, action)
        if actuator is None:
            raise ProbeError(Cause.MISSING, f"nothing here can act on {target}")
        try:
            return await self._bounded(asyncio.ensure_future(call(actuator)), actuator, seconds)
        except (ProbeError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - a fault in an actuator is said, and costs this call only
            self._bug(target, error)
            raise ProbeError(Cause.INTERNAL, f"a fault in Opsroom: {type(error).__name__}") from None

    async def _bounded(self, task: asyncio.Future[T], actuator: AnyActuator, seconds: float) -> T:
        """What the call gives, or a `ProbeError` once time is up; the call is cut then, and not waited for."""
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        except asyncio.CancelledError:
            _let_go(task)
            raise
        if not done:
            task.cancel()  # first: what is cut must not go on to send
            actuator.abort()
            await asyncio.wait({task}, timeout=_GRACE)
            _let_go(task)
            raise ProbeError(Cause.TIMEOUT_READ, f"no answer within {seconds:g} s")
        return task.result()


def _looked_at(deed: Deed) -> list[Step]:
    """Steps of which it is not known yet whether they are true."""
    return [step for step in deed.steps if step.stage is Stage.VERIFYING]


def _released(taking: asyncio.Future[Claim]) -> None:
    """A lock that came when nobody waited for it any more."""
    if not taking.cancelled() and taking.exception() is None:
        taking.result().release()


def _let_go(task: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more."""
    task.cancel()
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


def about(plan: Plan) -> dict[str, Any]:
    """A plan, for the record: enough to look again whether it is true, also much later."""
    return {
        "target": plan.target,
        "kind": plan.kind,
        "action": plan.action.name,
        "subjects": list(plan.request.subjects),
        "number": plan.request.number,
        "word": plan.request.word,
        "place": str(plan.place),
        "pin": [list(pair) for pair in plan.pin],
        "command": list(plan.command),
        "danger": plan.danger.name.lower(),
        "looked_at": plan.looked_at.isoformat(),
        **measures.told(plan),
    }


def told(step: Step) -> dict[str, Any]:
    """One subject, for the record."""
    subject = step.subject
    return {
        "key": subject.key,
        "name": str(subject.name),
        "identity": [list(pair) for pair in subject.identity],
        "before": str(subject.before),
        "after": str(subject.after),
        "taken_in": subject.taken_in,
    }
