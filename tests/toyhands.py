"""Hands for the toy kind: a world in memory that can refuse, hang, lose its answer or change under one's feet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from desk.actions import Runner
from desk.actor import who
from desk.audit import Trail
from desk.clock import Clock
from desk.guard import Mode, Setting
from desk.hands import Hands
from desk.locks import FileLocks, Locks
from desk.second import Colleagues, Rule
from desk.second.agreements import Agreements
from desk.second.hold import Hold
from desk.second.rule import NOTHING
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Danger,
    Number,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
    Word,
    quoted,
)
from tests.toys import NoSecrets, StillClock, ToyFacts, ToySettings

WIND = Action("wind", "wind up", Danger.REVERSIBLE, "Winds a toy up.", noun="toy")
RESTART = Action("restart", "restart", Danger.DISRUPTIVE, "Stops a toy and starts it.", rolling=True, noun="toy")
SCALE = Action("scale", "scale", Danger.REVERSIBLE, "Makes it so many.", Number("toys", 1, 9), many=False)
TERMINATE = Action("terminate", "terminate", Danger.DISRUPTIVE, "Ends a toy.", grave=True, noun="toy")
SMASH = Action("smash", "smash", Danger.DESTRUCTIVE, "Breaks a toy for good.")
PAINT = Action("paint", "paint", Danger.REVERSIBLE, "Gives it a colour.", word=Word("colour", "[a-z]{3,9}"))
SWAP = Action("swap", "swap", Danger.REVERSIBLE, "Makes it another model.", word=Word("model", listed=True), many=False)
LOCK = Action(
    "lock", "lock", Danger.REVERSIBLE, "Gives parts of it a code.", word=Word("parts", "[a-z, ]+"), hidden="new code"
)
HUSH = Action("hush", "hush", Danger.REVERSIBLE, "Keeps it quiet for a while.", Number("minutes", 1, 60))
WAKE = Action("wake", "wake", Danger.REVERSIBLE, "Lets it be loud again.")


@dataclass
class Toybox:
    """The world the toys live in."""

    made: dict[str, int] = field(default_factory=lambda: {"ball": 1, "kite": 1, "bear": 1})
    """Name -> which one of that name it is."""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """(act, action, name) of each request that reached it."""
    fault: str = ""
    """"" | refused | denied | says no | hangs before | hangs after | lost | bug before | bug after"""
    becomes: Truth = Truth.CONFIRMED
    looks: int = 0
    patience: int = 0
    """Looks after an act that still say PENDING."""
    settles: float = 1.0
    spared: frozenset[str] = frozenset()
    words: tuple[Choice, ...] = ()
    """What can be picked."""
    codes: list[str] = field(default_factory=list)
    """Secrets that reached it."""
    aborted: asyncio.Event = field(default_factory=asyncio.Event)


class ToyActuator(Actuator[ToyFacts]):
    """Acts on toys."""

    kind = "toy"
    actions: ClassVar[tuple[Action, ...]] = (WIND, RESTART, SCALE, TERMINATE, SMASH, PAINT, SWAP, LOCK, HUSH, WAKE)

    def __init__(self, target: Target, context: Context, box: Toybox | None = None) -> None:
        super().__init__(target, context)
        self.box = box or Toybox()

    def offers(self, facts: ToyFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        there = {thing.name for thing in facts.things}
        if not subjects or not set(subjects) <= there:
            return ()
        return [Offer(one, "one at a time" if not one.many and len(subjects) > 1 else "") for one in self.actions]

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        if self.box.fault == "hangs before":
            raise ProbeError(Cause.TIMEOUT_READ, "the shop does not answer")
        return self.box.words

    async def plan(self, request: Request) -> Plan:
        gone = [name for name in request.subjects if name not in self.box.made]
        if gone:
            raise ProbeError(Cause.GONE, f"there is no {gone[0]} any more")
        action = next(one for one in self.actions if one.name == request.action)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText("the toybox"),
            pin=(("box", "1"),),
            subjects=tuple(self._subject(name, request) for name in request.subjects),
            command=(self.render(request),),
            looked_at=self.context.now(),
            danger=action.danger,
            felt=(SafeText("children notice"),),
            undo=SafeText("" if action is SMASH else "wind it again"),
            due=self.context.now() + timedelta(minutes=request.number or 0) if action is HUSH else None,
            reverse=Request("wake", request.subjects) if action is HUSH else None,
            answers=1.5 if self.box.fault.startswith("hangs") else 30.0,
            settles=self.box.settles,
        )

    def _subject(self, name: str, request: Request) -> Subject:
        return Subject(
            key=name,
            name=SafeText(name),
            identity=(("name", name), ("made", str(self.box.made[name]))),
            before=SafeText("it is there"),
            after=SafeText(request.word or (f"{request.number} of it" if request.number else "another one")),
            spared=SafeText("somebody plays with it" if name in self.box.spared else ""),
            barred=name in self.box.spared and name == "bear",
        )

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        fault = self.box.fault
        if fault == "denied":
            raise ProbeError(Cause.DENIED, "the toybox is locked")
        if fault == "hangs before":
            await asyncio.Event().wait()
        if fault == "bug before":
            raise ZeroDivisionError
        if str(self.box.made.get(subject.key)) != dict(subject.identity)["made"]:
            return Outcome(Result.REFUSED, SafeText("changed since you looked"))
        await sending()
        self.box.requests.append((act, plan.action.name, subject.key))
        self.box.codes += [one.reveal() for one in plan.request.hidden]
        if fault == "says no":
            return Outcome(Result.FAILED, SafeText("the toy says no"))
        self.box.made[subject.key] += 1
        if fault == "hangs after":
            await asyncio.Event().wait()
        if fault == "lost":
            raise ProbeError(Cause.RESET, "the line went dead")
        if fault == "bug after":
            raise ZeroDivisionError
        return Outcome(Result.DONE, SafeText("it is done"), (("new", str(self.box.made[subject.key])),))

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        self.box.looks += 1
        if self.box.looks <= self.box.patience:
            return Verdict(Truth.PENDING, SafeText("not yet"), self.box.looks / (self.box.patience + 1))
        if str(self.box.made.get(subject.key)) == dict(subject.identity)["made"]:
            return Verdict(Truth.REFUTED, SafeText("it is the old one"))
        return Verdict(self.box.becomes, SafeText("it is another one"))

    def render(self, request: Request) -> str:
        number = [f"--to={request.number}"] if request.number is not None else []
        word = [f"--as={request.word}"] if request.word else []
        return quoted(["toy", request.action, *number, *word, "--", *request.subjects])

    def recognise(self, line: CommandLine) -> Recognised | None:
        if line.program != "toy" or "--" not in line.words or len(line.words) < 3:
            return None
        dashes = line.words.index("--")
        number = [int(one[5:]) for one in line.words[2:dashes] if one.startswith("--to=")]
        word = [one[5:] for one in line.words[2:dashes] if one.startswith("--as=")]
        request = Request(
            line.words[1], line.words[dashes + 1 :], number[0] if number else None, word[0] if word else ""
        )
        return Recognised(request, "toys are not restarted but replaced" if request.action == "restart" else "")

    def abort(self) -> None:
        self.box.aborted.set()


def context(clock: Clock) -> Context:
    """What the toy's hands are handed."""
    return Context(NoSecrets(), clock.monotonic, clock.now)


def toy_hands(
    folder: Path,
    box: Toybox,
    clock: Clock | None = None,
    production: bool = False,
    protected: bool = False,
    second: Rule = NOTHING,
    passive: Path | None = None,
    ways: Sequence[Colleagues] = (),
    locks: Locks | None = None,
) -> Hands:
    """A session that may act on one target, `it`. What `second` says is asked of other people on these `ways`."""
    held = clock or StillClock()
    trail = Trail(folder / "audit", who({}), held, {"system": "toys"})
    trail._chain._sinks = trail._chain._sinks[:1]  # nothing of a test belongs into the machine's own log

    agreements = Agreements(Hold(second, folder / "kept", trail.about, frozenset({"it"})), trail, held, ways)

    def make(hands: Hands) -> Runner:
        return Runner(
            {"it": ToyActuator(Target("it", "toy", ToySettings()), context(held), box)},
            lambda target: Setting("toys", "test", production, protected, agreements.hold.in_force),
            lambda: hands.mode,
            trail,
            locks or FileLocks(folder / "locks"),
            held,
            every=0.01,
            over=hands.over,
            second=agreements,
            bars=lambda plan, digest, confirmed: hands.bars(plan, digest, confirmed),
        )

    return Hands(make, trail, held, 10, passive, agreements)


__all__ = ["Mode", "ToyActuator", "Toybox", "context", "toy_hands"]
