"""Runs commands: once, the very program that was looked at, with what it needs met; and ends a run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Grant,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    Right,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
    lasted,
)
from probes.commands import commands, plans
from probes.commands.facts import Command, CommandsFacts, Past
from probes.commands.known import known
from probes.commands.parameters import asked, bound, filled, listed
from probes.commands.plans import ACTIONS, RUN, STOP
from probes.commands.reading import read_only
from probes.commands.runs import Runs
from probes.commands.settings import DANGERS, CommandsSettings, Run
from probes.exec import job

_PREVIEW: Final = 7.0
"""Seconds a preview may take: a look before an act has ten in all."""
_SHOWN: Final = 40
"""Lines of a preview that are shown."""


class CommandsActuator(Actuator[CommandsFacts]):
    """The commands of one target, on this machine."""

    kind = "commands"
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CommandsSettings)
        self.settings = target.settings
        self._runs = Runs(target.name, self.settings, context)

    def offers(self, facts: CommandsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Run it, or stop the run that is under way."""
        found = [facts.command(name) for name in subjects]
        if not found or None in found or any(name not in self.settings.run for name in subjects):
            return ()
        if len(found) > 1:
            return [Offer(RUN, "one at a time"), Offer(STOP, "one at a time")]
        one = found[0]
        assert one is not None
        return [
            Offer(self._action(one.name), self._why_not(one)),
            Offer(STOP, "" if one.running else "it does not run"),
        ]

    def _why_not(self, one: Command) -> str:
        if one.reads:
            return "it only reads: v in its table"
        if self.context.state is None:
            return "there is no folder to keep a run in"
        return "it runs already" if one.running else str(one.missing)

    def _action(self, name: str) -> Action:
        """Running this one command: its danger, its words, what it asks for."""
        run = self.settings.run[name]
        return replace(RUN, danger=DANGERS[run.danger], what=run.what or RUN.what, word=asked(run))

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """The values there are, where the parameter is one of some words."""
        run = self.settings.run.get(subjects[0]) if len(subjects) == 1 and action == RUN.name else None
        return [Choice(one) for one in listed(run)] if run is not None else ()

    def _run(self, request: Request) -> tuple[str, Run]:
        name = request.subjects[0] if len(request.subjects) == 1 else ""
        run = self.settings.run.get(name)
        if run is None:
            raise ProbeError(Cause.GONE, SafeText(f"the profile has no command {name or request.subjects}", 200))
        return name, run

    async def plan(self, request: Request) -> Plan:
        """Find the program, fill in what was typed, look at earlier runs and, where there is one, at the preview."""
        name, run = self._run(request)
        past, _ = await self._runs.of(name)
        if request.action == STOP.name:
            running = next((one for one in past if one.runs), None)
            if running is None:
                raise ProbeError(Cause.GONE, f"{name} does not run")
            return plans.stop_plan(self.target, self.settings, request, running, self.context.now())
        if request.action != RUN.name or run.reads:
            raise ProbeError(Cause.MISSING, f"{name} is no command that can be run as an act")
        if self._runs.folder(name) is None:
            raise ProbeError(Cause.LOCAL_PERM, "there is no folder to keep a run in")
        argv = filled(run, bound(run, request.word))
        _, identity = await asyncio.to_thread(plans.pinned, run, argv)
        told = await asyncio.to_thread(known, argv, plans.folder_of(run))
        preview: Sequence[SafeText] = ()
        if run.preview:
            preview = await self._preview(run.preview)
        return plans.run_plan(
            self.target,
            self.settings,
            request,
            identity,
            past,
            told,
            preview,
            self._action(name),
            self.context.now(),
        )

    async def _preview(self, name: str) -> Sequence[SafeText]:
        try:
            sheet = await read_only(self.settings.run[name], self._runs, _PREVIEW)
        except ProbeError as error:
            return (SafeText(f"nothing: {error.message}"),)
        return sheet.lines[-_SHOWN:]

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Look once more at program and runs, then begin it, or ask it to end."""
        name, run = self._run(plan.request)
        folder = self._runs.folder(name)
        assert folder is not None
        past, _ = await self._runs.of(name)
        running = next((one for one in past if one.runs), None)
        if plan.action.name == STOP.name:
            return await self._stop(running, subject, sending)
        argv = filled(run, bound(run, plan.request.word))
        program, identity = await asyncio.to_thread(plans.pinned, run, argv)
        if identity != subject.identity:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: it is another program now"))
        if running is not None:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: it runs already"))
        env = await asyncio.to_thread(self._runs.env, run)
        await sending()
        try:
            await job.begin([program, *argv[1:]], folder / act, within=run.timeout, env=env, cwd=plans.folder_of(run))
        except ProbeError as error:
            if error.cause is Cause.TIMEOUT_READ:
                raise
            return Outcome(Result.FAILED, error.message)
        return Outcome(Result.DONE, SafeText("it is under way"), (("run", act),))

    async def _stop(self, running: Past | None, subject: Subject, sending: Sending) -> Outcome:
        act = dict(subject.identity)["run"]
        if running is None or running.act != act:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: that run is over"))
        folder = self._runs.folder(subject.key)
        assert folder is not None
        await sending()
        if not await job.stop(folder / act):
            return Outcome(Result.FAILED, SafeText("it was over before it could be asked"))
        return Outcome(Result.DONE, SafeText("it was asked to end"))

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """How the run stands: well only when it ended by itself, with a good exit code and the output expected."""
        name, run = self._run(plan.request)
        folder = self._runs.folder(name)
        if folder is None:
            return Verdict(Truth.UNKNOWN, SafeText("there is no folder to keep a run in"))
        if plan.action.name == STOP.name:
            one, _ = await self._runs.look(name, run, dict(subject.identity)["run"])
            return _after_stop(one)
        act = dict(outcome.facts).get("run") or await self._act_since(name, plan)
        if not act or not (folder / act).is_dir():
            return Verdict(Truth.REFUTED, SafeText("it never began, or its record is gone"))
        one, _ = await self._runs.look(name, run, act)
        return _after_run(one, self.context.now().timestamp())

    async def _act_since(self, name: str, plan: Plan) -> str:
        """The run that began after a plan was made, for an act whose answer was lost."""
        past, _ = await self._runs.of(name)
        since = plan.looked_at.timestamp()
        return next((one.act for one in past if one.began is not None and one.began.timestamp() >= since), "")

    def render(self, request: Request) -> str:
        """The line of the profile, parameters filled in."""
        return commands.render(request, self.settings.run)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """The command that a line is, to the letter."""
        return commands.recognise(line, self.settings.run)

    async def rights(self) -> Sequence[Right]:
        """Each program: whether it is here, ours to run, and nobody else's to change."""
        found = [Right("keep runs", Grant.HELD if self.context.state is not None else Grant.MISSING)]
        for name, run in self.settings.run.items():
            try:
                await asyncio.to_thread(plans.pinned, run, run.argv)
            except ProbeError as error:
                found.append(Right(f"run {name}", Grant.MISSING, error.message))
            else:
                found.append(Right(f"run {name}", Grant.HELD))
        return found


def _after_run(one: Past, now: float) -> Verdict:
    last = f": {one.last}" if one.last else ""
    if one.runs:
        since = lasted(now - one.began.timestamp()) if one.began is not None else "a moment"
        denied = ", its time is up, and we may not end it" if one.denied else ""
        return Verdict(Truth.PENDING, SafeText(f"it runs for {since}{denied}{last}", 300))
    if one.state is job.State.LOST:
        return Verdict(Truth.UNKNOWN, SafeText(one.words))
    return Verdict(Truth.CONFIRMED if one.ok else Truth.REFUTED, SafeText(f"{one.words}{last}", 400))


def _after_stop(one: Past) -> Verdict:
    if one.runs and one.denied:
        words = "it still runs: it belongs to another user, and the system did not let us end it"
        return Verdict(Truth.REFUTED, SafeText(words))
    if one.runs:
        return Verdict(Truth.PENDING, SafeText("it still runs"))
    if one.left:
        return Verdict(Truth.REFUTED, SafeText(one.words))
    if one.state is job.State.LOST:
        return Verdict(Truth.UNKNOWN, SafeText(one.words))
    by_itself = "" if one.stopped or one.late else "it had ended by itself: "
    return Verdict(Truth.CONFIRMED, SafeText(f"{by_itself}{one.words}"))
