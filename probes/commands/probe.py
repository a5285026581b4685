"""Reads how commands stand: what ran from this machine, when, how it ended, and what runs now."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing

from probes.base import Cause, Context, Look, Probe, ProbeError, SafeText, Sheet, Snapshot, Target, quoted
from probes.commands.facts import Command, CommandsFacts
from probes.commands.gauges import RULES, SPECS, measured
from probes.commands.plans import folder_of
from probes.commands.reading import read_only
from probes.commands.runs import Runs
from probes.commands.settings import CommandsSettings, Run
from probes.exec import job

OUTPUT = Look("output", "what its run writes, or the last one wrote", follow=True)
_READ = "read-"
"""How the names of looks begin that run a command which only reads."""


class CommandsProbe(Probe[CommandsFacts]):
    """The commands of one target."""

    kind = "commands"
    settings_type = CommandsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, CommandsSettings)
        self.settings = target.settings
        self._runs = Runs(target.name, self.settings, context)
        self.doing = "reading"

    async def read(self) -> Snapshot[CommandsFacts]:
        """Look at the folders of all runs."""
        began = self.context.monotonic()
        found = [await self._command(name, run) for name, run in self.settings.run.items()]
        facts = CommandsFacts(tuple(found), self.context.now())
        return self.snapshot(facts, measured(facts), began)

    async def _command(self, name: str, run: Run) -> Command:
        past, running = await self._runs.of(name)
        return Command(
            name=name,
            line=SafeText(quoted(run.argv), 1000),
            what=SafeText(run.what, 200),
            danger=run.danger,
            reads=run.reads,
            parameters=tuple(run.parameters),
            needs=tuple(SafeText(text, 200) for text in run.needs.values()),
            timeout=run.timeout,
            production=run.production,
            missing=SafeText(await asyncio.to_thread(_missing, run), 200),
            past=past,
            tail=await self._runs.tail(run, running) if running is not None else (),
        )

    def looks(self) -> tuple[Look, ...]:
        """The output of a run; and every command that only reads."""
        reading = [
            Look(f"{_READ}{name}", run.what or quoted(run.argv), row=name)
            for name, run in self.settings.run.items()
            if run.reads
        ]
        return (OUTPUT, *reading)

    async def look(self, name: str, subject: str) -> Sheet:
        """Run a command that only reads, and show what it says."""
        run = self.settings.run.get(name.removeprefix(_READ)) if name.startswith(_READ) else None
        if run is None or not run.reads:
            raise ProbeError(Cause.MISSING, f"commands has no look named {SafeText(name, 60)}")
        return await read_only(run, self._runs)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """What the run of a command writes that is under way, or wrote that is over."""
        if name != OUTPUT.name:
            raise ProbeError(Cause.MISSING, f"commands cannot follow {SafeText(name, 60)}")
        command, act = await self._newest(subject)
        async with aclosing(self._runs.follow(command, act)) as lines:
            async for line in lines:
                yield line

    async def left(self, name: str, act: str) -> list[str]:
        """The values that a run has left for the ones after it, in a file of its folder; it is taken away then."""
        folder = self._runs.folder(name) if name in self.settings.run else None
        if folder is None:
            raise ProbeError(Cause.GONE, "there is no such run")
        raw = await asyncio.to_thread(job.taken, folder / act, "left")
        return [one.decode("utf-8", "replace") for one in raw.split(b"\0")[:-1]]

    async def _newest(self, subject: str) -> tuple[str, str]:
        """(command, act) of the newest run, of one command or of all."""
        names = [subject] if subject else list(self.settings.run)
        if any(name not in self.settings.run for name in names):
            raise ProbeError(Cause.GONE, SafeText(f"the profile has no command {subject}", 200))
        if subject and self.settings.run[subject].reads:
            raise ProbeError(Cause.MISSING, f"{subject} only reads: v shows what it says")
        runs = [(past[0].act, name) for name in names if (past := (await self._runs.of(name))[0])]
        if not runs:
            raise ProbeError(Cause.MISSING, f"{subject or 'none of them'} has not run from here yet")
        act, name = max(runs)
        return name, act


def _missing(run: Run) -> str:
    """Why it can't be run at all, as far as that is cheap to tell."""
    program, cwd = run.argv[0], folder_of(run)
    if cwd is not None and not cwd.is_dir():
        return f"there is no folder {run.cwd}"
    if "/" in program:
        there = os.path.exists(os.path.join(cwd or os.getcwd(), os.path.expanduser(program)))
    else:
        there = shutil.which(program) is not None
    return "" if there else f"{program} is not installed here"
