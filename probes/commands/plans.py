"""What would be run: the program pinned, the line as it stands, what it needs, and what is known of such lines."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from probes.base import (
    Action,
    Cause,
    Danger,
    Identity,
    Plan,
    ProbeError,
    Request,
    SafeText,
    Subject,
    Target,
    lasted,
)
from probes.commands import commands
from probes.commands.facts import Past
from probes.commands.known import Known
from probes.commands.settings import DANGERS, CommandsSettings, Run, requirement
from probes.exec import job, pin
from probes.exec.pin import Pinned

RUN: Final = Action(
    commands.RUN,
    "run",
    Danger.REVERSIBLE,
    "Runs the command here, to its end; it goes on when this session ends.",
    many=False,
)
STOP: Final = Action(
    commands.STOP, "stop", Danger.DISRUPTIVE, "Ends the run that is under way: asked to end, then killed.", many=False
)
ACTIONS: Final = (RUN, STOP)
ANSWERS: Final = 20.0
"""Seconds in which it must have begun."""
_MORE: Final = 20.0
"""Seconds beyond its own time limit after which a command is given up on."""
_FILES: Final = 8
"""Arguments that name files which are pinned with the program."""


def folder_of(run: Run) -> Path | None:
    """The folder it is started in; None: one of its own."""
    return Path(os.path.expanduser(run.cwd)) if run.cwd else None


def pinned(run: Run, argv: Sequence[str]) -> tuple[str, Identity]:
    """(the program as it is started, what it is) of a line; blocks. Raises `ProbeError`.

    Files that the line names, scripts say, are pinned with it: what was looked at is what is run.
    """
    cwd = folder_of(run)
    if cwd is not None:
        if not cwd.is_absolute():
            raise ProbeError(Cause.MISSING, SafeText(f"cwd must be absolute, and {run.cwd} is not", 300))
        pin.folder(cwd)
    program = pin.program(argv[0], cwd)
    found = [("program", program), *_files(run, cwd)]
    return program.path, tuple(_told(found))


def _files(run: Run, cwd: Path | None) -> list[tuple[str, Pinned]]:
    there: list[tuple[str, Pinned]] = []
    for word in run.argv[1:]:
        path = Path(os.path.expanduser(word))
        if cwd is not None:
            path = cwd / path
        if path.is_absolute() and not word.startswith(("-", "{")) and len(word) < 4000 and path.is_file():
            there.append((f"file {len(there) + 1}", pin.file(path)))
    return there[:_FILES]


def _told(found: Sequence[tuple[str, Pinned]]) -> list[tuple[str, str]]:
    told = []
    for label, one in found:
        facts = dict(one.identity)
        told.append((label, f"{facts['file']} ({facts['owner']}, {facts['mode']}, {facts['is']})"))
    return told


def run_plan(
    target: Target,
    settings: CommandsSettings,
    request: Request,
    identity: Identity,
    past: Sequence[Past],
    known: Known,
    preview: Sequence[SafeText],
    action: Action,
    at: datetime,
) -> Plan:
    """What running it would be."""
    name = request.subjects[0]
    run = settings.run[name]
    newest = past[0] if past else None
    running = newest is not None and newest.runs
    before = "it has not run from here yet" if newest is None else f"its last run: {newest.words}"
    subject = Subject(
        key=name,
        name=SafeText(name),
        identity=identity,
        before=SafeText("it runs already" if running else before),
        after=SafeText(f"one run more, {lasted(run.timeout)} at most"),
        spared=SafeText(known.refused or ("it runs already" if running else "")),
        barred=True,
    )
    interlock = known.not_in_production or ("" if run.production else "the profile says production = false")
    return Plan(
        target=target.name,
        kind=target.kind,
        action=action,
        request=request,
        place=place(run),
        pin=(*_machine(), ("command", f"{target.name} {name}")),
        subjects=(subject,),
        command=(commands.render(request, settings.run),),
        looked_at=at,
        danger=max(DANGERS[run.danger], known.danger),
        undo=SafeText(run.undo, 300),
        notes=tuple(SafeText(note, 1000) for note in _notes(run, known, preview)),
        requires=tuple(requirement(label, text) for label, text in run.needs.items()),
        not_in_production=interlock,
        answers=ANSWERS,
        settles=run.timeout + _MORE,
    )


def _notes(run: Run, known: Known, preview: Sequence[SafeText]) -> list[str]:
    notes = [run.what] if run.what else []
    notes += known.notes
    notes += [f"its environment gets {name} by reference" for name in run.env]
    notes += [asked] if (asked := job.only_asked(run.argv)) else []
    if run.expect:
        notes.append(f"its output must match {run.expect}")
    if preview:
        notes += [f"{run.preview} says now:", *(f"  {line}" for line in preview)]
    return notes


def stop_plan(target: Target, settings: CommandsSettings, request: Request, running: Past, at: datetime) -> Plan:
    """What ending a run would be."""
    name = request.subjects[0]
    asked = job.only_asked(settings.run[name].argv)
    subject = Subject(
        key=name,
        name=SafeText(name),
        identity=(("run", running.act),),
        before=SafeText(f"it runs since {running.began:%H:%M:%S} UTC" if running.began else "it runs"),
        after=SafeText("asked to end" if asked else "ended"),
    )
    return Plan(
        target=target.name,
        kind=target.kind,
        action=STOP,
        request=request,
        place=place(settings.run[name]),
        pin=(*_machine(), ("run", running.act)),
        subjects=(subject,),
        command=(commands.render(request, settings.run),),
        looked_at=at,
        danger=Danger.DISRUPTIVE,
        notes=(
            SafeText("what it has done until then stays done"),
            SafeText(asked or "after five seconds it is killed"),
        ),
        settles=15.0,
    )


def place(run: Run) -> SafeText:
    """Where it runs, as whom."""
    where = f" in {run.cwd}" if run.cwd else ""
    return SafeText(f"this machine, {socket.gethostname()}, as {_user()}{where}", 300)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _machine() -> Identity:
    """What tells this machine from others (https://www.freedesktop.org/software/systemd/man/machine-id.html)."""
    try:
        return (("machine", Path("/etc/machine-id").read_text("ascii").strip()[:64]),)
    except (OSError, ValueError):
        return (("machine", socket.gethostname()),)
