"""Runs the shell steps of approved runbooks for a procedure: through the guarded door, with evidence of what came."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from desk.deed import Deed
from desk.runbook.script import name_of
from desk.runs.record import Judgement
from probes.base import ProbeError, Recognised, Request
from tui.acting import once_armed, open_meant
from tui.checklists import UNREADABLE
from tui.procedures import ShellEnd, ShellWork, cut_off, judgement_of
from tui.steps import FOLDER, Runnable

if TYPE_CHECKING:
    from probes.commands.probe import CommandsProbe
    from probes.commands.settings import Run
    from tui.room import Room
    from tui.screens.base import RoomScreen

_LINES: Final = 500
"""Lines of output that are kept as evidence, the last ones."""
_WITHHELD: Final = "not kept: it may hold secrets; l shows it"

Begun = Callable[[Deed], None]
Ended = Callable[[ShellEnd], None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A step whose dialog is open, or was left."""

    work: ShellWork
    standing: Callable[[], bool]
    """Whether the dialog before a person's eyes is the step's."""
    begun: Begun
    ended: Ended


@dataclass(slots=True)
class _Running:
    """A step that was begun and is not evidence yet."""

    deed: Deed
    work: ShellWork
    ended: Ended
    read: bool = False
    """True while what it printed is read, after its end."""


class ShellSteps:
    """What runs shell steps in one session. Belongs to the event loop."""

    def __init__(self, room: Room, runnable: Runnable) -> None:
        self._room = room
        self._runnable = runnable
        self._asked: dict[Request, _Asked] = {}
        self._running: list[_Running] = []

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

    def open(self, screen: RoomScreen, work: ShellWork, begun: Begun, ended: Ended) -> None:
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
        self._asked[request] = _Asked(work, lambda: screen.app.screen_stack[-2:-1] == [screen], begun, ended)
        meant = Recognised(request, work.command.flaw)
        once_armed(screen, lambda: open_meant(screen, self._runnable.target, meant))

    def take(self, deed: Deed) -> None:
        """A deed has begun; if it is a step's, it is followed to its end. The same begun from elsewhere is not."""
        found = self._asked.pop(deed.plan.request, None) if deed.plan.target == self._runnable.target else None
        if found is not None and found.standing():
            self._running.append(_Running(deed, found.work, found.ended))
            found.begun(deed)

    def tick(self) -> None:
        """Once a second: steps that have come to their end become evidence."""
        for one in self._running:
            if not one.read and (one.deed.over or one.deed.refused):
                one.read = True
                self._room.later(self._end(one))

    def close(self) -> None:
        """The session ends: of a step that is under way still nobody knows what came of it."""
        running, self._running = self._running, []
        for one in running:
            if (one.deed.over or one.deed.refused) and not cut_off(one.deed):
                words = f"{_words(one.deed)}; the session ended before its output was read"
                one.ended(ShellEnd(words, judgement=judgement_of(one.deed), deed=one.deed.id))
            else:
                words = "under way when the session ended"
                one.ended(ShellEnd(words, judgement=Judgement.UNKNOWN, deed=one.deed.id))

    @property
    def _probe(self) -> CommandsProbe:
        from probes.commands.probe import CommandsProbe

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

    async def _end(self, one: _Running) -> None:
        end = await self._came(one.deed, one.work)
        if one in self._running:  # else the session has ended meanwhile, and said so
            self._running.remove(one)
            one.ended(end)

    async def _came(self, deed: Deed, work: ShellWork) -> ShellEnd:
        step = deed.steps[0] if deed.steps else None
        words, judgement, name = _words(deed), judgement_of(deed), name_of(work.command)
        output, environment = "", dict[str, str]()
        try:
            if work.command.sets and judgement is Judgement.GOOD and step is not None:
                values = await self._probe.left(name, step.act)
                environment = dict(zip(work.command.sets, values, strict=False))
                words = ", ".join(f"{one} is set ({len(value)} characters)" for one, value in environment.items())
            elif work.command.reveals or work.command.sets:
                output = _WITHHELD
            elif step is not None and step.verdict is not None:
                output = await self._output(name)
        except ProbeError as error:
            output = f"its output can't be read: {error.message}"
        except UNREADABLE as error:  # that it was run is evidence, whatever becomes of what it printed
            output = f"its output can't be read: {type(error).__name__}"
        if work.command.reveals:
            words = f"{judgement.value}; what it printed is {_WITHHELD}"
        return ShellEnd(words, output, judgement, environment, "", deed.id)

    async def _output(self, name: str) -> str:
        lines: list[str] = []
        async with aclosing(self._probe.follow("output", name)) as told:
            async for one in told:
                lines = [*lines, str(one)][-_LINES:]
        return "\n".join(lines)


def _words(deed: Deed) -> str:
    """What came of it, in a line."""
    step = deed.steps[0] if deed.steps else None
    if step is None or (step.verdict is None and step.outcome is None):
        return str(deed.refused)
    return str(step.verdict.words if step.verdict is not None else step.outcome.words if step.outcome else "")


def _folder(work: ShellWork) -> str:
    """Where it runs: where an earlier step went, else where the runbook lies."""
    return work.folder or str(work.file.parent)
