"""Runs the shell steps of approved runbooks for a procedure: through the guarded door, with evidence of what came."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from desk.deed import Deed
from desk.runbook.script import name_of
from desk.runs.record import Judgement
from probes.base import ProbeError, Recognised, Request
from tui.acting import once_armed, open_meant
from tui.procedures import ShellEnd, ShellWork, judgement_of
from tui.steps import FOLDER, Runnable

if TYPE_CHECKING:
    from probes.commands import CommandsProbe
    from probes.commands.settings import Run
    from tui.room import Room
    from tui.screens.base import RoomScreen

_LINES: Final = 500
"""Lines of output that are kept as evidence, the last ones."""
_WITHHELD: Final = "not kept: it may hold secrets; l shows it"

Ended = Callable[[ShellEnd], None]


class ShellSteps:
    """What runs shell steps in one session. Belongs to the event loop."""

    def __init__(self, room: Room, runnable: Runnable) -> None:
        self._room = room
        self._runnable = runnable
        self._asked: dict[Request, tuple[ShellWork, Ended]] = {}
        """Steps whose dialog is open, or was left."""
        self._running: list[tuple[Deed, ShellWork, Ended]] = []

    def refused(self, work: ShellWork) -> str:
        """Why a step is not run from here, in words; empty: it may be."""
        path = str(work.file)
        if self._room.hands is None and self._room.read_only_because:
            return self._room.read_only_because
        if why := self._runnable.doubts.get(path):
            return why
        approved = self._runnable.files.get(path)
        if approved is None:
            return "its runbook was not approved when this room was opened"
        if approved != work.sha256:
            return "the file has changed since it was approved: approve it, then open the room again"
        if work.command.folder:
            return ""
        if self._run(work) is None:
            return "it opens a session of its own" if work.command.interactive else "it is none of the approved steps"
        known = self._known(work)
        missing = [name for name in self._names(work).values() if name not in known]
        return f"{', '.join(missing)} is not known here: an earlier step sets it" if missing else ""

    def open(self, screen: RoomScreen, work: ShellWork, ended: Ended) -> None:
        """Show what would be run and run it once a person says so."""
        if work.command.folder:
            folder = os.path.normpath(os.path.join(_folder(work), os.path.expanduser(work.command.folder)))
            ended(ShellEnd(f"from here on in {folder}", folder=folder))
            return
        run = self._run(work)
        if run is None:
            return
        from probes.commands.parameters import word_of

        known = self._known(work)
        values = {name: known[called] for name, called in self._names(work).items()}
        request = Request("run", (name_of(work.command),), word=word_of(run, values) if values else "")
        self._asked.clear()  # a dialog that was left is no step any more
        self._asked[request] = work, ended
        meant = Recognised(request, work.command.flaw)
        once_armed(screen, lambda: open_meant(screen, self._runnable.target, meant))

    def take(self, deed: Deed) -> None:
        """A deed has begun; if it is a step's, it is followed to its end."""
        found = self._asked.pop(deed.plan.request, None) if deed.plan.target == self._runnable.target else None
        if found is not None:
            self._running.append((deed, *found))

    def tick(self) -> None:
        """Once a second: steps that have come to their end become evidence."""
        for one in [one for one in self._running if one[0].over or one[0].refused]:
            self._running.remove(one)
            self._room.later(self._end(*one))

    def close(self) -> None:
        """The session ends: of a step that is under way still nobody knows what came of it."""
        for deed, _, ended in self._running:
            ended(ShellEnd("under way when the session ended", judgement=Judgement.UNKNOWN, deed=deed.id))
        self._running = []

    @property
    def _probe(self) -> CommandsProbe:
        from probes.commands import CommandsProbe

        probe = self._room.engine.probe(self._runnable.target)
        assert isinstance(probe, CommandsProbe)
        return probe

    def _run(self, work: ShellWork) -> Run | None:
        """The step as it was approved; None when it was not."""
        if not self._runnable.target:
            return None
        return self._probe.settings.run.get(name_of(work.command))

    def _names(self, work: ShellWork) -> Mapping[str, str]:
        """What each parameter of the step is called in the runbook."""
        return self._runnable.asks.get(name_of(work.command), {})

    def _known(self, work: ShellWork) -> dict[str, str]:
        return {**work.environment, **work.parameters, FOLDER: _folder(work)}

    async def _end(self, deed: Deed, work: ShellWork, ended: Ended) -> None:
        step = deed.steps[0] if deed.steps else None
        verdict = step.verdict if step is not None else None
        outcome = step.outcome if step is not None else None
        words = str(verdict.words if verdict is not None else outcome.words if outcome is not None else deed.refused)
        judgement, name = judgement_of(deed), name_of(work.command)
        output, environment = "", dict[str, str]()
        try:
            if work.command.sets and judgement is Judgement.GOOD and step is not None:
                values = await self._probe.left(name, step.act)
                environment = dict(zip(work.command.sets, values, strict=False))
                words = ", ".join(f"{one} is set ({len(value)} characters)" for one, value in environment.items())
            elif work.command.reveals or work.command.sets:
                output = _WITHHELD
            elif verdict is not None:
                output = await self._output(name)
        except ProbeError as error:
            output = f"its output can't be read: {error.message}"
        if work.command.reveals:
            words = f"{judgement.value}; what it printed is {_WITHHELD}"
        ended(ShellEnd(words, output, judgement, environment, "", deed.id))

    async def _output(self, name: str) -> str:
        lines: list[str] = []
        async with aclosing(self._probe.follow("output", name)) as told:  # type: ignore[type-var]
            async for one in told:
                lines = [*lines, str(one)][-_LINES:]
        return "\n".join(lines)


def _folder(work: ShellWork) -> str:
    """Where it runs: where an earlier step went, else where the runbook lies."""
    return work.folder or str(work.file.parent)
