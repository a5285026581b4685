"""A person who plays an incident of a demonstration: from its alert through its procedure to the end, key by key.

The same for every system: the fault is caused, its alert opens its procedure, each step is done as its kind is done,
each act goes through its dialog, and the timeline of the incident has all of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from desk.incident.incident import Incident
from desk.incident.timeline import Entry, Source
from desk.runbook.book import Step, StepKind
from desk.runs.run import Run
from probes.base import Truth
from systems.stage import Stage
from tests.tui.test_incident_screen import choose, typed
from tests.tui.test_screens import Sitting
from tui import wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.screens.act import Act
from tui.screens.inbox import InboxScreen
from tui.screens.overview import Overview
from tui.screens.procedure import ProcedureScreen
from tui.screens.prompt import Prompt
from tui.secrets import Secrets

PATIENCE = 180.0
"""Seconds that anything may take, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Play:
    """An incident, and how its runbook ends it."""

    fault: str
    rule: str
    """The alert that leads to the procedure."""
    procedure: str
    acts: tuple[str, ...]
    """The lines that are carried out, as the runbook has them or a part of each; other acts, shell steps and timers are
    left out."""
    way: str = ""
    """Of several ways the one that is taken: a part of its name."""
    values: tuple[str, ...] = ()
    """What is picked where a step asks for something; nothing: what is offered first."""
    level: str = "P2"
    """How severe it is said to be."""
    hidden: str = ""
    """What is typed unseen where an act asks for a value."""
    asks: str = "secret"
    """What stands in the lines whose acts ask for it."""
    ripens: float = 0.0
    """Seconds for which the fault must have been on before there is something to act on."""
    waits: str = ""
    """What stands in the line that is not carried out before the alert has ended."""


class Person(Sitting):
    """Who plays."""

    def __init__(self, app: OpsroomApp, pilot: Pilot[int], stage: Stage) -> None:
        super().__init__(app, pilot)
        self.stage = stage

    async def press(self, *keys: str) -> None:
        """Each key as soon as the one before was handled: Textual would wait until the process rests, as it seldom does
        with a living system behind it."""

        async def handled(_least: float) -> None:
            await self.pilot.pause(0.005)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("textual.app.wait_for_idle", handled)
            await super().press(*keys)

    async def until(self, true: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not true():
                    await self.pilot.pause(0.05)
        except TimeoutError:
            said = "\n".join(f"{one.rule}: {one.words}" for one in self.room.alerts())
            failed = [f"{slot.target.name}: {slot.failure.message}" for slot in self.room.board.slots() if slot.failure]
            faults = sorted(self.stage.active())
            pytest.fail(f"waited for {what}\n{self.screen()}\nalerts:\n{said}\nfailures: {failed}\nfaults: {faults}")

    def standing(self, rule: str) -> bool:
        """Whether an alert of this rule stands."""
        return any(one.rule == rule for one in self.room.alerts())

    async def play(self, one: Play) -> tuple[Run, Incident, Sequence[Entry]]:
        """The incident from its cause to its end; its run, and what was told of it."""
        await self.until(lambda: not self.standing(one.rule), f"calm before {one.fault}")
        began = time.monotonic()
        self.stage.fault(one.fault)
        try:
            await self.until(lambda: self.standing(one.rule), f"the alert {one.rule}")
            await self.takes_up(one)
            await self.until(lambda: time.monotonic() - began > one.ripens, "something to act on")
            run = await self.walks(one)
            await self.until(lambda: one.fault not in self.stage.active(), f"{one.fault} to be over")
            await self.until(lambda: not self.standing(one.rule), f"the end of {one.rule}")
        finally:
            self.stage.heal(one.fault)
        incident, entries = await self.tells(run)
        await self.home()
        return run, incident, entries

    async def takes_up(self, one: Play) -> None:
        """An incident is declared for the alert, and the procedure that its rule names is opened."""
        await self.press("A")
        await self.until(lambda: isinstance(self.app.screen, InboxScreen), "the alerts")
        inbox = self.app.screen
        assert isinstance(inbox, InboxScreen)
        await self.press("slash")
        await self.sees("show alerts that hold")
        await self.press(*typed(one.rule), "enter")
        await self.until(
            lambda: inbox.item is not None and inbox.item.face.alert.rule == one.rule and bool(inbox.item.face.id),
            f"a line of {one.rule}",
        )
        await self.press("I")
        await choose(self, "how severe is it?", one.level)
        await self.sees(f"Enter declares {one.level}")
        await self.press("enter")
        await self.sees(f"declared {one.level}")
        await self.press("p")
        await self.until(lambda: isinstance(self.app.screen, ProcedureScreen), f"the procedure for {one.rule}")

    async def walks(self, one: Play) -> Run:
        """Each step in its order, as its kind is done."""
        screen = self.app.screen
        assert isinstance(screen, ProcedureScreen)
        assert screen.procedure.title == one.procedure
        await self.until(lambda: bool(screen.steps), "the steps")
        for number in range(len(screen.steps)):
            if screen.run is not None and screen.run.settled(number):
                continue
            screen._point(number)
            await self.until(lambda number=number: screen.number == number, f"step {number + 1}")  # type: ignore[misc]
            await self.does(screen, screen.steps[number], one)
            await self.until(
                lambda number=number: screen.run is not None and screen.run.settled(number),  # type: ignore[misc]
                f"step {number + 1} to be done",
            )
        await self.sees("every step is settled")
        await self.press("e")
        await self.sees("How does the run end?")
        await self.press(*"solved", "enter")
        await self.sees("solved: in a few words")
        await self.press(*"mended", "enter")
        await self.until(lambda: screen.run is not None and not screen.run.open, "the end of the run")
        assert screen.run is not None
        return screen.run

    async def does(self, screen: ProcedureScreen, step: Step, one: Play) -> None:
        """One step."""
        text = step.command.text if step.command is not None else ""
        wanted = any(act in text for act in one.acts)
        if one.waits and one.waits in text:
            await self.until(lambda: not self.standing(one.rule), f"the end of {one.rule}, before\n{text}")
        if screen.fork is not None and screen.fork.at not in screen.choices:
            await self.press("enter")
            await choose(self, "Which way?", one.way)
        elif step.kind is StepKind.TIMER or (step.kind in (StepKind.ACTION, StepKind.SHELL) and not wanted):
            await self.press("x")
            await self.sees("why")
            await self.press(*"no need", "enter")
        elif step.kind is StepKind.LOG:
            await self.press("enter")
            await self.until(lambda: self.app.screen is not screen, f"the log\n{text}")
            await self.press("q")
            await self.until(lambda: self.app.screen is screen, "the procedure")
        elif step.kind in (StepKind.ACTION, StepKind.SHELL):
            await self.acts(screen, one)
        else:
            await self.press("enter")

    async def acts(self, screen: ProcedureScreen, one: Play) -> None:
        """Look at what would be done, confirm it, and see that it came true."""
        await self.press("enter")
        if one.hidden and screen.step is not None and screen.step.command and one.asks in screen.step.command.text:
            await self.until(lambda: isinstance(self.app.focused, Prompt), "a question")
            await self.press(*typed(one.hidden), "enter")
        await self.until(lambda: self.app.screen is not screen, "what would be done")
        for value in one.values if not isinstance(self.app.screen, Act) else ():
            asked = self.app.screen
            await self.press(*typed(value), "enter")
            await self.until(lambda asked=asked: self.app.screen is not asked, f"{value} to be taken")  # type: ignore[misc]
        if not isinstance(self.app.screen, Act):  # what is offered first
            await self.until(lambda: getattr(self.app.screen, "_view", None) is not None, "what is offered")
            await self.until(lambda: self.app.screen._view.cursor is not None, "a line to choose")  # type: ignore[attr-defined]
            await self.press("enter")
        await self.until(lambda: isinstance(self.app.screen, Act), "what would be done")
        act = self.app.screen
        assert isinstance(act, Act)
        await self.until(lambda: act._plan is not None, "a plan")
        while not act._read:  # a long one is read to its end
            await self.press("pagedown")
            await self.pilot.pause(0.05)
        if act._asked_for.lacking:  # the name of the target, letter by letter
            await self.until(lambda: act._ripeness >= 1, "fields that take letters")
            await self.press(*typed(act._asked_for._wanted))
            await self.until(lambda: not act._asked_for.lacking, "the name to be typed")
        await self.press("tab")
        await self.until(lambda: act._ripeness >= 1, "the picture to stand")
        await self.press("enter")
        await self.until(lambda: act._deed is not None and act._deed.over, "the end of the act")
        assert act._deed is not None
        assert act._deed.result is Truth.CONFIRMED, self.screen()
        await self.press("q")
        await self.until(lambda: self.app.screen is screen, "the procedure")

    async def tells(self, run: Run) -> tuple[Incident, Sequence[Entry]]:
        """The incident is told to be over; it, and its timeline."""
        desk = self.room.incidents
        assert desk is not None
        (incident,) = desk.incidents.open()
        deeds = {done.last.deed for done in run.steps if done.last is not None and done.last.deed}
        desk.incidents.resolve(incident.id, "mended", early="played")

        def complete() -> bool:
            desk.look(incident.id)
            there = desk.entries(incident.id)
            sources = {entry.source for entry in there}
            told = {entry.about for entry in there if entry.source is Source.ACT}
            return {Source.INCIDENT, Source.ALERT, Source.STEP} <= sources and deeds <= told

        await self.until(complete, "a timeline with the alert, the act and the steps")
        made = desk.incidents.get(incident.id)
        assert made is not None
        return made, desk.entries(incident.id)

    async def home(self) -> None:
        """Back to the overview."""
        while not isinstance(self.app.screen, Overview):
            await self.press("escape")  # the first one may only take back what was narrowed down
            await self.pilot.pause(0.1)


@asynccontextmanager
async def seated(stage: Stage, folder: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Person]:
    """Somebody before the room of a demonstration, as `opsroom demo` opens it: armed, with all that it keeps."""
    environ = {**os.environ, **stage.environ}
    kinds, secrets = Kinds(), Secrets(environ)
    places = replace(Places.of(environ), state=folder / "state", acts=folder / "acts")
    profile = wiring.open_profile(str(stage.profile_path), kinds, environ, places)
    profile, runnable = wiring.with_steps(profile, places)
    engine = wiring.build(profile, kinds, secrets, places)
    room = Room(engine, profile, kinds, Keymap(), stage, read_only_because="", who="ann")
    room.keep = partial(wiring.journal, profile, engine, secrets, places)
    room.make_procedures = partial(wiring.procedures, room, secrets, places, runnable)
    room.make_checklists = partial(wiring.checklists, profile, engine, secrets, places)
    room.make_incidents = partial(wiring.incidents, room, secrets, places)
    hands = partial(wiring.hands, profile, engine, kinds, secrets, places, environ)
    app = OpsroomApp(room, secrets, "night", ("a demonstration", None), hands)
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        person = Person(app, pilot, stage)
        await person.until(lambda: all(slot.snapshot for slot in room.board.slots()), "an answer of every target")
        await person.until(lambda: room.hands is not None, "the hands")
        await person.until(lambda: room.procedures is not None and bool(room.procedures.books), "the runbook")
        await person.until(lambda: room.incidents is not None, "the incidents")
        yield person
