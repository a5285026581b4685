"""The act of opening a console: psql, redis-cli, a shell in a container.

What is typed there is neither seen nor recorded; that it was opened, by whom, why, for how long and how it ended
stands in the audit like any other act.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from desk.actions import CONSOLE
from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Console,
    Context,
    Danger,
    Offer,
    Outcome,
    Plan,
    Probe,
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
    lasted,
    quoted,
)
from probes.exec import pin
from tui.handover import AT_ONCE, Terminal

if TYPE_CHECKING:
    from tui.screens.base import RoomScreen

OPEN: Final = Action(
    CONSOLE,
    "console",
    Danger.DISRUPTIVE,
    "Hands the terminal to a program until it ends; what is typed there is not recorded.",
    many=False,
)
_LASTS: Final = 7 * 86400.0
"""Seconds after which a console is ended."""


class ConsoleActuator(Actuator[Any]):
    """Opens the consoles that a target's probe knows."""

    kind = CONSOLE
    actions = (OPEN,)

    def __init__(
        self,
        target: Target,
        context: Context,
        probe: Probe[Any],
        facts: Callable[[], Any],
        terminal: Terminal,
        system: str = "",
    ) -> None:
        """`facts` gives those of the last good reading, None when there was none; `system` names it and its
        environment: "shop PRODUCTION"."""
        super().__init__(target, context)
        self._where = re.sub(r"[^\w .-]", "", f"{system} {target.name}".strip(), flags=re.ASCII)
        self._probe = probe
        self._facts = facts
        self._terminal = terminal
        self._open = False

    def offers(self, facts: Any, subjects: Sequence[str]) -> Sequence[Offer]:
        """One entry: the console there is, or one that asks which."""
        if len(subjects) > 1:
            return [Offer(OPEN, "one at a time")] if self._probe.consoles(facts, subjects[0]) else ()
        there = self._probe.consoles(facts, subjects[0] if subjects else "")
        if not there:
            return ()
        refused = [self._why_not(one) for one in there]
        danger = max(one.danger for one in there)
        if len(there) == 1:
            return [Offer(replace(OPEN, title=f"console, {there[0].title}", danger=danger), refused[0])]
        several = replace(OPEN, danger=danger, word=Word("console", listed=True))
        return [Offer(several, refused[0] if all(refused) else "")]

    def _why_not(self, console: Console) -> str:
        if console.refused:
            return console.refused
        try:
            pin.program(console.argv[0])
        except ProbeError as error:
            return str(error.message)
        return self._terminal.why_not

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """The consoles that can be opened now."""
        there = self._probe.consoles(self._facts(), subjects[0] if subjects else "")
        return [Choice(one.name, SafeText(one.title)) for one in there if not self._why_not(one)]

    def _console(self, request: Request) -> Console:
        there = self._probe.consoles(self._facts(), request.subjects[0] if request.subjects else "")
        fitting = [one for one in there if request.word in ("", one.name)]
        if len(fitting) != 1:
            raise ProbeError(Cause.GONE, SafeText(f"there is no console {request.word} for it now", 200))
        return fitting[0]

    async def plan(self, request: Request) -> Plan:
        """What would have the terminal, where it leads, and as whom."""
        console = self._console(request)
        if why_not := self._why_not(console):
            raise ProbeError(Cause.MISSING, SafeText(why_not, 300))
        subject = Subject(
            key=console.name,
            name=SafeText(console.title, 200),
            identity=await asyncio.to_thread(_identity, console),
            before=SafeText("closed"),
            after=SafeText("open on this terminal until the program ends"),
        )
        secret = sorted({*console.env, *await asyncio.to_thread(console.secrets)})
        notes = [console.note, "what is typed there is not seen and not recorded; that it was opened is"]
        notes += [f"its prompt says {self._where}"] if console.prompted is not None else []
        notes += [f"its environment gets {', '.join(secret)}"] if secret else []
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=replace(OPEN, danger=console.danger),
            request=request,
            place=console.place,
            pin=(("target", self.target.name), ("session", str(os.getpid()))),
            subjects=(subject,),
            command=(quoted(console.argv),),
            looked_at=self.context.now(),
            danger=console.danger,
            notes=tuple(SafeText(note, 500) for note in notes if note),
            answers=_LASTS,
            settles=5.0,
        )

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Hand the terminal over, and say how that ended."""
        del act  # the program has no place for it
        console = self._console(plan.request)
        if await asyncio.to_thread(_identity, console) != subject.identity:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: it leads elsewhere now"))
        secrets = await asyncio.to_thread(console.secrets)
        files = await asyncio.to_thread(console.files)
        if console.again is not None and (words := await console.again()):
            return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}", 300))
        await sending()
        self._open = True
        try:
            greeting = f"opsroom: {self._where}\n{console.place}\nthe room comes back when this ends"
            argv = console.prompted(self._where) if console.prompted is not None else console.argv
            ended = await self._terminal.lend(argv, {**console.env, **secrets}, files, greeting)
        except ProbeError as error:
            return Outcome(Result.FAILED, error.message)
        finally:
            self._open = False
        how = f"killed by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        told = (("code", str(ended.code)), ("seconds", f"{ended.seconds:.1f}"))
        return Outcome(Result.DONE, SafeText(f"it ended after {lasted(ended.seconds)}, {how}"), told)

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Whether it has opened, as far as its end tells."""
        told = dict(outcome.facts)
        if "code" not in told:
            return Verdict(Truth.UNKNOWN, SafeText("the session ended while it was open"))
        if told["code"] != "0" and float(told["seconds"]) < AT_ONCE:
            return Verdict(Truth.REFUTED, SafeText(f"it ended at once with exit code {told['code']}"))
        return Verdict(Truth.CONFIRMED, SafeText(f"it was open for {lasted(float(told['seconds']))} and is closed"))

    def render(self, request: Request) -> str:
        """The program's own command line."""
        try:
            return quoted(self._console(request).argv)
        except ProbeError:
            return ""

    def recognise(self, line: CommandLine) -> Recognised | None:
        """None: a console is opened from its row."""
        return None

    def abort(self) -> None:
        """End the program."""
        if self._open:
            self._terminal.cut()


def _identity(console: Console) -> tuple[tuple[str, str], ...]:
    program = dict(pin.program(console.argv[0]).identity)
    return (("program", f"{program['file']} ({program['owner']}, {program['is']})"), *console.identity)


def has_consoles(probe: Probe[Any]) -> bool:
    """True when its kind knows any."""
    return type(probe).consoles is not Probe.consoles


def open_console(screen: RoomScreen) -> None:
    """Offer the console of the row under the cursor, once the session is armed."""
    from tui.acting import chances, once_armed
    from tui.asking import ask_and_show

    target, subjects = screen.pointed[0], screen.subjects

    def show() -> None:
        there = [one for one in chances(screen.room, target, subjects) if one.action.name == CONSOLE]
        if not there:
            screen.say(f"there is no console for {screen.room.named(target, subjects)}")
        elif there[0].offer.refused:
            screen.say(f"{there[0].action.title}: {there[0].offer.refused}")
        else:
            one = there[0]
            ask_and_show(screen, one.target, one.action, Request(CONSOLE, one.subjects))

    once_armed(screen, show)
