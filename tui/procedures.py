"""The runbooks of a system and the runs of their procedures, as one session has them.

Files are read in a thread and read again when they have changed; nothing of a file is ever run by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from desk.alert import Alert
from desk.deed import Deed
from desk.runbook.book import Command, Procedure, Runbook
from desk.runs.filling import needed
from desk.runs.journal import RunJournal
from desk.runs.past import Past, past
from desk.runs.record import Begun, Judgement, Occasion
from desk.runs.revision import same
from desk.runs.run import Run
from desk.runs.runs import RunError, Runs
from probes.base import Lane, ProbeError, Request, Result, SafeText, Truth
from tui.checklists import UNREADABLE
from widgets.act import aim, told

if TYPE_CHECKING:
    from desk.runbook.matching import Match
    from tui.screens.base import RoomScreen

LARGEST: Final = 8 << 20
"""Bytes of a runbook that is read."""

_SOON: Final = 2.0
"""Seconds after the start until the runbooks are read, so that the first pictures come first."""

Read = Callable[[str, bytes], Runbook]
"""Makes a runbook of its name and its bytes; in a thread."""


@dataclass(frozen=True, slots=True)
class ShellWork:
    """A shell step that is to be run, as it stands in the runbook: nothing is put into its text."""

    file: Path
    sha256: str
    """Of the file's bytes that the step was read from."""
    command: Command
    parameters: Mapping[str, str]
    """Values of the placeholders that its command has, by name."""
    environment: Mapping[str, str]
    """Variables that earlier steps have set."""
    folder: str
    """Where the step before it left off; empty: where the session is."""


@dataclass(frozen=True, slots=True)
class ShellEnd:
    """What came of a shell step."""

    value: str
    """In a line: "exit code 0"."""
    output: str = ""
    judgement: Judgement = Judgement.NONE
    environment: Mapping[str, str] = field(default_factory=dict)
    """What `command.sets` names, as it is by now."""
    folder: str = ""
    deed: str = ""


class Shell(Protocol):
    """Runs shell steps, guarded and approved."""

    def refused(self, work: ShellWork) -> str:
        """Why a step is not run from here, in words; empty: it may be."""
        ...

    def open(
        self, screen: RoomScreen, work: ShellWork, begun: Callable[[Deed], None], ended: Callable[[ShellEnd], None]
    ) -> None:
        """Show what would be run and run it once a person says so; `begun` is called then, `ended` at its end."""
        ...

    def take(self, deed: Deed) -> None:
        """A deed has begun, of a step or of something else."""
        ...

    def tick(self) -> None:
        """Once a second."""
        ...

    def close(self) -> None:
        """The session ends: what is under way still is told as that."""
        ...


@dataclass(slots=True)
class _Expected:
    run: Callable[[], str]
    step: int
    target: str
    request: Request
    standing: Callable[[], bool]
    """Whether the dialog that it was opened in is the one before a person's eyes."""


class Procedures:
    """What a session knows of the runbooks and of the runs. Its methods belong to the event loop."""

    def __init__(
        self, files: Sequence[Path], runs: Runs, journal: RunJournal | None, read: Read | None = None, beside: str = ""
    ) -> None:
        """`journal` keeps the runs; None: this session alone knows them. `beside`: the profile, for short names."""
        self.files = {_called(file, beside): file for file in files}
        """Where each runbook lies, by the name it bears here."""
        self.runs = runs
        self.journal = journal
        self.shell: Shell | None = None
        """What runs shell steps; None: they are shown to be copied."""
        self._read = read or read_book
        self._lane = Lane("runbooks", limit=2)
        self._books: dict[str, Runbook] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        self.troubles: dict[str, str] = {}
        """Why a runbook can't be read, by its name."""
        self.loading = False
        self._expected: _Expected | None = None
        self._deeds: list[tuple[str, int, Deed]] = []
        self._shells: dict[tuple[str, int], Deed] = {}
        """Shell steps that are under way, by run and step."""
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # life

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to keep the runs and to bring those of others; the runbooks are read a little later."""
        self.runs.changed = changed
        if self.journal is not None:
            self.journal.start(self.runs)
        if self.files:
            self._timer = asyncio.get_running_loop().call_later(_SOON, self.look)

    def close(self) -> None:
        """Write what waits; of an act that is under way still, that nobody knows what came of it."""
        self.runs.changed = lambda: None
        if self.shell is not None:
            self.shell.close()
        for one in self._deeds:
            self._settle(*one, lambda text: None, leaving=True)
        self._deeds = []
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        if self.journal is not None:
            self.journal.close()
        self._lane.close()

    # runbooks

    @property
    def books(self) -> list[Runbook]:
        """Those that could be read, in the order of the profile."""
        return [self._books[name] for name in self.files if name in self._books]

    def look(self) -> None:
        """Read what has changed, in a thread; `changed` is called when there is something new."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._load())

    async def read(self) -> None:
        """The same, and wait for it."""
        self.look()
        if self._task is not None:
            await self._task

    async def _load(self) -> None:
        self.loading = True
        try:
            for name, file in self.files.items():
                try:
                    found = await self._lane.run(self._fresh, name, file)
                except ProbeError as error:
                    found = str(error.message)
                if isinstance(found, str):
                    self.troubles[name] = found
                    continue
                self.troubles.pop(name, None)
                if found is not None:
                    self._stamps[name], self._books[name] = found
        finally:
            self.loading = False
        self.runs.changed()

    def _fresh(self, name: str, file: Path) -> tuple[tuple[int, int], Runbook] | str | None:
        """The runbook as it is now, why it can't be read, or None: it has not changed. In a thread."""
        try:
            with file.open("rb") as opened:
                about = os.fstat(opened.fileno())
                stamp = about.st_mtime_ns, about.st_size
                if stamp == self._stamps.get(name):
                    return None
                if about.st_size > LARGEST:
                    return f"it is larger than {LARGEST >> 20} MiB"
                data = opened.read(LARGEST)
        except OSError as error:
            return (error.strerror or type(error).__name__).lower()
        try:
            return stamp, self._read(name, data)
        except UNREADABLE as error:
            return f"it can't be made out ({type(error).__name__})"

    def book(self, path: str) -> Runbook | None:
        """A runbook by its name."""
        return self._books.get(path)

    def now(self, run: Run) -> Procedure | None:
        """The procedure of a run as it stands in its file now; None: it is not there."""
        return same(run.procedure, self.books, run.about.path)

    def changed(self, run: Run) -> bool:
        """True when the file of a run is another one than the run began with."""
        book = self._books.get(run.about.path)
        return book is not None and book.sha256 != run.about.sha256

    async def whole(self, book: Runbook, procedure: Procedure) -> Procedure:
        """A procedure with its steps: of a very large file they are read when it is opened, in a thread."""
        file = self.files.get(book.path)
        if not book.partial or file is None or procedure.parts:
            return procedure
        found = await self._lane.run(self._part, file, procedure.line)
        return found if found is not None else procedure

    def _part(self, file: Path, line: int) -> Procedure | None:
        from desk.runbook.assemble import opened
        from tui.dialects import dialects

        try:
            with file.open("rb") as there:
                data = there.read(LARGEST)
        except OSError:
            return None
        return opened(data, line, dialects())[0]

    def suiting(self, alert: Alert) -> list[Match]:
        """The procedures for an alert, the surest first: what its rule names, then its aliases, then likeness."""
        from desk.runbook.matching import procedures_for  # what it compares with is loaded when first asked for

        return procedures_for(alert, self.books)

    # runs

    def begin(self, book: Runbook, procedure: Procedure, occasion: Occasion | None = None, run: str = "") -> Run:
        """Begin a run. `run`: the id it was looked at with, if it was."""
        parameters = needed(procedure, book.parameters)
        return self.runs.begin(procedure, book.path, book.sha256, parameters, occasion, run)

    def unbegun(self, book: Runbook, procedure: Procedure, occasion: Occasion | None = None) -> Run:
        """A run as it would be if it began now; it is not begun."""
        return self.runs.unbegun(Begun(book.path, book.sha256, procedure, needed(procedure, book.parameters), occasion))

    def past(self, path: str, procedure: Procedure) -> Past:
        """How a procedure went before. Of several by its title, each has the runs that are nearest to it."""
        there = self.runs.past(path, procedure.title)
        book = self._books.get(path)
        named = [one for one in book.procedures if one.title == procedure.title] if there.runs and book else []
        if len(named) < 2 or book is None:
            return there
        here = same(procedure, [book], path)
        return past((run for run in there.runs if same(run.procedure, [book], path) is here), path, procedure.title)

    def going_on(self, path: str, procedure: Procedure, occasion: Occasion | None = None) -> Run | None:
        """The run of a procedure that has not ended: that of an occasion if there is one, else the newest."""
        there = self.past(path, procedure).open
        fitting = (run for run in there if occasion is not None and suits(run, occasion))
        return next(fitting, there[0] if there else None)

    @property
    def words(self) -> str:
        """What the top line says of runs; empty: nothing."""
        if self.journal is not None and self.journal.trouble:
            return "runs NOT KEPT: p"
        there = len(self.runs.open())
        return f"{there} {'run' if there == 1 else 'runs'} open: p" if there else ""

    def expect(
        self, run: Callable[[], str], step: int, target: str, request: Request, standing: Callable[[], bool]
    ) -> None:
        """An act is being looked at for a step of `run`, which is begun with it: what comes of it is its evidence.

        `standing`: whether the dialog in which it is looked at is the one before a person's eyes. The same act begun
        from anywhere else is none of the step's.
        """
        self._expected = _Expected(run, step, target, request, standing)

    def take(self, deed: Deed) -> None:
        """A deed has begun; if it is the one that a step waits for, it is followed to its end."""
        if self.shell is not None:
            self.shell.take(deed)
        wanted = self._expected
        asked = deed.plan.request
        if wanted is None or wanted.target != deed.plan.target or wanted.request.action != asked.action:
            return
        if wanted.request.subjects not in ((), asked.subjects):  # none are named where the look finds them
            return
        self._expected = None
        if wanted.standing():
            run = wanted.run()
            self._deeds.append((run, wanted.step, deed))
            self._note_begin(run, wanted.step, deed)

    def shell_begun(self, run: str, step: int, deed: Deed) -> None:
        """A shell step is under way: that is kept at once, since the session may not live to see its end."""
        self._shells[run, step] = deed
        self._note_begin(run, step, deed)

    def shell_ended(self, run: str, step: int) -> None:
        """It is not any more."""
        self._shells.pop((run, step), None)

    def _note_begin(self, run: str, step: int, deed: Deed) -> None:
        with contextlib.suppress(RunError):  # it is said with what comes of it
            self.runs.note(run, step, told(deed), deed.id)

    def under_way(self, run: str, step: int) -> Deed | None:
        """The act of a step that has not come to its end."""
        found = next((deed for of, at, deed in self._deeds if (of, at) == (run, step)), None)
        return found or self._shells.get((run, step))

    def tick(self, say: Callable[[str], None]) -> None:
        """Once a second: acts that have come to their end become evidence, timers that are over are told."""
        if self.shell is not None:
            self.shell.tick()
        for one in [one for one in self._deeds if one[2].over or one[2].refused]:
            self._deeds.remove(one)
            self._settle(*one, say)
        for run, number in self.runs.rings():
            say(f"time is up: {SafeText(run.texts[number].title, 60)} ({SafeText(run.procedure.title, 60)})")

    def _settle(self, run: str, step: int, deed: Deed, say: Callable[[str], None], leaving: bool = False) -> None:
        command = " ; ".join(deed.plan.command)
        value, judged = told(deed), judgement_of(deed)
        if leaving and cut_off(deed) and deed.result in (None, Truth.REFUTED):
            value = f"{aim(deed.plan)}: the session ended before it was known what came of it"
            judged = Judgement.UNKNOWN
        try:
            self.runs.done(run, step, value, judgement=judged, command=command, deed=deed.id)
        except RunError as error:
            say(f"what came of the act is not noted: {error}")


def read_book(name: str, data: bytes) -> Runbook:
    """Read a runbook with every dialect there is. Belongs to a thread: it is loaded when first needed, and is slow."""
    from desk.runbook.assemble import read
    from tui.dialects import dialects

    return read(name, data, dialects())


def suits(run: Run, occasion: Occasion) -> bool:
    """True for a run that is about the same: its case, or the same thing on its target."""
    about = run.about.occasion
    if about is None:
        return False
    return about.case == occasion.case or (about.target, about.labels) == (occasion.target, occasion.labels)


def occasion_of(case: str, alert: Alert) -> Occasion:
    """The alert that a run is opened from, as it is kept with the run."""
    labels = tuple((name, text) for name, text in alert.labels)
    return Occasion(case, alert.target, alert.rule, alert.words, labels)


def _called(file: Path, beside: str) -> str:
    """A runbook's name: its path from the profile's folder where it lies in it, so that every clone calls it the same.

    >>> _called(Path("/srv/app/docs/RUNBOOK.md"), "/srv/app/opsroom.toml"), _called(Path("/etc/x.md"), "")
    ('docs/RUNBOOK.md', '/etc/x.md')
    """
    folder = Path(beside).parent if beside else None
    return str(file.relative_to(folder)) if folder is not None and file.is_relative_to(folder) else str(file)


def cut_off(deed: Deed) -> bool:
    """True when something of it was sent and nobody looked any longer whether it came true."""
    return any(one.sent and not one.well and one.settled is None for one in deed.steps)


def judgement_of(deed: Deed) -> Judgement:
    """What became of an act, as evidence."""
    match deed.result:
        case Truth.CONFIRMED:
            return Judgement.GOOD
        case Truth.REFUTED | Result.REFUSED | Result.FAILED:
            return Judgement.BAD
    return Judgement.UNKNOWN
