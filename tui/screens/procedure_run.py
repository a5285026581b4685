"""A procedure and the run of it, as a screen has them: what there is, and what is noted of what a person does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Final

from desk.runbook.book import Parameter, Procedure, Runbook, Step, StepKind
from desk.runs.filling import Filled, filled, names, needed
from desk.runs.record import Given, Judgement, Occasion
from desk.runs.run import Done, Run
from desk.runs.runs import RunError, Runs
from desk.runs.ways import Fork, forks
from probes.base import SafeText
from tui.concerned import Looked, Place, looked, places, wanted_of
from tui.procedures import ShellWork
from tui.room import Room
from tui.screens.base import RoomScreen
from widgets.lineview import LineView

_LOOK: Final = 1.0
"""Seconds for which the places of a step are remembered."""


class RunScreen(RoomScreen):
    """One procedure, and the run of it if there is one."""

    where: ClassVar[str] = "procedure"

    def __init__(
        self,
        room: Room,
        book: Runbook | None,
        procedure: Procedure,
        run: Run | None = None,
        occasion: Occasion | None = None,
    ) -> None:
        """`book`: its runbook as it was read; `occasion`: the alert that it is opened from."""
        super().__init__(room)
        self._book = book
        self._procedure = run.procedure if run is not None else procedure
        self._run = run.id if run is not None else ""
        self._occasion = occasion
        self._loose: dict[str, str] = {}
        """What was filled in without a run, for a menu."""
        self.strange: set[int] = set()
        """Actions that no target of this profile takes."""
        self.swapped = False
        """True from when the file put another step under the cursor until the person has been told."""
        self._cache: dict[object, tuple[float, list[Place]]] = {}
        self._list = LineView(id="steps")

    # what there is

    @property
    def procedure(self) -> Procedure:
        """As the run began with it, or as it stands in the file."""
        return self._procedure

    @property
    def run(self) -> Run | None:
        """As far as it is; None: it is not begun."""
        there = self.room.procedures
        return there.runs.get(self._run) if there is not None and self._run else None

    @property
    def run_id(self) -> str:
        """Its id; empty: it is not begun."""
        return self._run

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them."""
        return tuple(self._procedure.steps)

    @property
    def number(self) -> int:
        """The step under the cursor, from 0."""
        return int(self._list.cursor or 0)

    @property
    def step(self) -> Step | None:
        """The step under the cursor."""
        there = self.steps
        return there[self.number] if self.number < len(there) else None

    @property
    def done(self) -> Done:
        """How far it is."""
        run = self.run
        return run.steps[self.number] if run is not None and self.number < len(run.steps) else Done()

    @property
    def occasion(self) -> Occasion | None:
        """The alert it is about."""
        run = self.run
        return run.about.occasion if run is not None else self._occasion

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What its commands need."""
        run = self.run
        if run is not None:
            return run.about.parameters
        return needed(self._procedure, self._book.parameters if self._book is not None else ())

    @property
    def secrets(self) -> frozenset[str]:
        """Parameters that are never filled in here: they are typed where the line is run."""
        return frozenset(one.name for one in self.parameters if one.secret)

    @property
    def values(self) -> Mapping[str, Given]:
        """What is filled in; of secrets only that they are."""
        run = self.run
        return run.values if run is not None else {name: Given(name, text) for name, text in self._loose.items()}

    @property
    def choices(self) -> Mapping[int, str]:
        """The ways taken."""
        run = self.run
        return run.choices if run is not None else {}

    @property
    def fork(self) -> Fork | None:
        """The fork at which the step stands, or of which it is a part."""
        number = self.number
        if self._procedure.menu:
            return None
        return next((one for one in forks(self._procedure) if one.at == number or number in one.ways), None)

    @property
    def filled(self) -> Filled | None:
        """The step's command with what is filled in; None: it has none."""
        return self._filled(self.step)

    def _filled(self, step: Step | None, hide: bool = False) -> Filled | None:
        if step is None or step.command is None:
            return None
        there, run = self.room.procedures, self.run
        known = there.runs.values(run.id) if there is not None and run is not None else self._loose
        return filled(step.command, self.parameters, known, self.secrets if hide else ())

    def instead(self, number: int) -> str:
        """What a step's command becomes, filled in; empty: it is done as it is written, or something is missing."""
        command = self.steps[number].command
        if command is None or not command.becomes or command.becomes == command.text:
            return ""
        made = self._filled(replace(self.steps[number], command=replace(command, text=command.becomes)))
        return made.text if made is not None and made.ready else ""

    def hidden_text(self, number: int) -> str:
        """A step's command as it is kept: filled in, secrets left as they are written."""
        made = self._filled(self.steps[number], hide=True)
        return made.text if made is not None else ""

    @property
    def places(self) -> list[Place]:
        """What the step is about."""
        step = self.step
        first = self.occasion.target if self.occasion is not None else ""
        return self._remembered(
            self.number, lambda: places(self.room, step.command if step is not None else None, first)
        )

    def _remembered(self, key: object, find: Callable[[], list[Place]]) -> list[Place]:
        now = self.room.engine.clock.monotonic()
        at, found = self._cache.get(key, (-math.inf, []))
        if now - at >= _LOOK:
            found = find()
            self._cache[key] = now, found
        return found

    @property
    def live(self) -> list[Looked]:
        """What a reading step reads now."""
        step = self.step
        if step is None or step.kind is not StepKind.READING:
            return []
        wanted = wanted_of(step.command) if step.command is not None else ""
        return [looked(self.room, place, wanted) for place in self.places]

    @property
    def barred(self) -> str:
        """Why nothing can be noted here; empty: it can."""
        run = self.run
        if self.room.procedures is None:
            return "no run can be kept here: procedures can be read"
        if run is not None and run.ended is not None:
            return f"this run was ended by {run.ended.by}: {run.ended.end.value}"
        return self.room.undecided_because

    def work(self) -> ShellWork | None:
        """The step's command for what runs it."""
        step, there, run = self.step, self.room.procedures, self.run
        if step is None or step.command is None or there is None:
            return None
        path = run.about.path if run is not None else self._book.path if self._book is not None else ""
        sha256 = run.about.sha256 if run is not None else self._book.sha256 if self._book is not None else ""
        known = there.runs.values(run.id) if run is not None else dict(self._loose)
        wanted = names(step.command, self.parameters)
        environment = there.runs.environment(run.id) if run is not None else {}
        return ShellWork(
            there.files.get(path, Path(path)),
            sha256,
            step.command,
            {name: known[name] for name in wanted if name in known},
            environment,
            run.folder if run is not None else "",
        )

    def not_run(self, work: ShellWork) -> str:
        """Why a shell step is not run from here, in words; empty: it may be."""
        from desk.runbook.placeholders import secret

        there = self.room.procedures
        if work.command.asked:
            return f"{SafeText(', '.join(work.command.asked), 60)} is typed where the line is run"
        held = next((one for one in (*work.command.sets, *work.command.uses) if secret(one)), "")
        if held:  # it would come as an argument, and those are in the list of processes and in the audit
            return f"{SafeText(held, 60)} is a secret, which would be kept in the audit"
        return there.shell.refused(work) if there is not None and there.shell is not None else ""

    # what is done

    def begun(self, run: str = "") -> str:
        """The id of the run, begun now if it is not yet; `run`: the one it was looked at with."""
        there = self.room.procedures
        if not self._run and there is not None and self._book is not None:
            self._run = there.begin(self._book, self._procedure, self._occasion, run).id
        return self._run

    def looked_at(self) -> Run | None:
        """The run, or what it would be if it began now: to look begins nothing. None: it can't begin."""
        there = self.room.procedures
        if self._run or there is None or self._book is None:
            return self.run
        return there.unbegun(self._book, self._procedure, self._occasion)

    def write(self, what: Callable[[Runs, str], None], move: bool = False) -> bool:
        """Do something to the run, begun now if it is not yet; False when it can't be, which is said."""
        there = self.room.procedures
        if there is None or (not self._run and self._book is None) or self._procedure.menu:
            return False
        number = self.number
        try:
            what(there.runs, self.begun())
        except RunError as error:
            (self.say if self.is_attached else self.room.note)(str(error))
            return False
        if self.is_attached:
            self.draw()
            if move and self.number == number:
                self._move_on()
        return True

    def record(
        self,
        number: int,
        value: str,
        output: str = "",
        judgement: Judgement = Judgement.NONE,
        command: str = "",
        deed: str = "",
        move: bool = True,
    ) -> None:
        """A step was done."""
        if self._procedure.menu:
            (self.say if self.is_attached else self.room.note)(str(SafeText(value, 200)))
            return
        self.write(lambda runs, run: runs.done(run, number, value, output, judgement, command, deed), move)

    def give(self, parameter: Parameter, value: str) -> bool:
        """Fill in a parameter."""
        if self._procedure.menu:
            self._loose[parameter.name] = value
            return True
        if why := self.barred:
            self.say(why)
            return False
        return self.write(lambda runs, run: runs.give(run, parameter.name, value, parameter.secret))

    def carry(self, number: int, environment: Mapping[str, str], folder: str) -> None:
        """What a shell step leaves to those after it: the seam for what runs shell steps."""
        self.write(lambda runs, run: runs.carry(run, number, environment, folder))

    def choose_way(self, fork: Fork, way: str) -> bool:
        """Take one of several ways."""
        return self.write(lambda runs, run: runs.choose(run, fork.at, way), move=self.number == fork.at)

    def wait_until(self, number: int, due: datetime) -> None:
        """Begin to wait."""
        self.write(lambda runs, run: runs.start_timer(run, number, due))

    def _move_on(self) -> None:
        """To the next step that waits, from here on, else the first that does."""
        run = self.run
        if run is None:
            return
        ahead = [*range(self.number + 1, len(run.steps)), *range(self.number)]
        to = next((number for number in ahead if not run.settled(number)), None)
        if to is not None:
            self._point(to)

    def _point(self, number: int) -> None:
        """Put the cursor on a step."""
        self._list.point(str(number) if self.steps else None)
