"""What an act requires, in the dialog: each with its present value, and nothing to confirm while one is not met."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from desk.requirements import Requirements
from desk.second.rule import GRAVE, NOTHING, Rule
from probes.base import Plan, Request, Requirement, Unit
from tests.toyhands import ToyActuator, Toybox, toy_hands
from tests.toys import Thing, ToyFacts, room
from tests.tui.test_acting import confirm
from tests.tui.test_screens import Sitting, sitting, toy

BIG = Requirement("toy.other", "size_bytes", (("thing", "ball"),), at_least=1024, words="a ball of 1 KiB")


class Needing(ToyActuator):
    """Its acts need another target's ball to be big, and are never done in production when the box says so."""

    interlock = ""

    async def plan(self, request: Request) -> Plan:
        return replace(await super().plan(request), requires=(BIG,), not_in_production=self.interlock)


async def wired(
    person: Sitting,
    folder: Path,
    interlock: str = "",
    production: bool = False,
    protected: bool = False,
    second: Rule = NOTHING,
) -> Toybox:
    box = Toybox()
    hands = toy_hands(folder, box, person.room.engine.clock, production, protected, second)
    person.room.hands = hands
    await hands.arm("a test", None)
    runner = hands.runner
    assert runner is not None
    actuator = Needing(runner._actuators["it"].target, runner._actuators["it"].context, box)
    actuator.interlock = interlock
    runner._actuators = {"it": actuator}
    engine = person.room.engine
    runner._find = Requirements(engine.board, engine.clock.monotonic, {"other": {"size_bytes": Unit.BYTES}})
    return box


async def test_the_dialog_shows_what_is_needed_with_its_value_and_offers_nothing_until_it_is_so(tmp_path: Path) -> None:
    made = room("it", "other", every=0.1)
    async with sitting(made) as person:
        box = await wired(person, tmp_path)
        await person.press("R")
        await person.sees("needs", "✕ a ball of 1 KiB: size bytes of toy.other ball is 10 B", "[ look again ]")
        await person.sees_no("[ restart")
        toy(made, "other").answers = ToyFacts((Thing("ball", 4096),))
        await person.sees("● a ball of 1 KiB: size bytes of toy.other ball is 4 KiB", "[ restart kite")
        assert box.requests == []
        await confirm(person)
        await person.sees("CONFIRMED")
        assert len(box.requests) == 1


async def test_what_is_not_known_is_not_met(tmp_path: Path) -> None:
    made = room("it", "other", every=0.1)
    async with sitting(made) as person:
        toy(made, "other").answers = ToyFacts((Thing("kite", 1),))
        await wired(person, tmp_path)
        await person.sees("TOYS")
        await person.press("R")
        await person.sees("toy.other has no size_bytes", "[ look again ]")
        await person.sees_no("[ restart")


async def test_an_interlock_keeps_it_out_of_production(tmp_path: Path) -> None:
    made = room("it", "other", every=0.1)
    async with sitting(made) as person:
        toy(made, "other").answers = ToyFacts((Thing("ball", 4096),))
        await wired(person, tmp_path, production=True, interlock="it is a load test")
        await person.press("R")
        await person.sees("✕ never in production: it is a load test", "[ look again ]")
        await person.sees_no("[ restart")


async def test_what_is_refused_says_so_first_and_asks_nothing(tmp_path: Path) -> None:
    made = room("it", "other", every=0.1)
    async with sitting(made) as person:
        box = await wired(person, tmp_path, production=True, protected=True)
        await person.press("R")
        await person.sees("✕ it can't be done: needs a ball of 1 KiB: size bytes of toy.other ball is 10")
        lines = person.screen().splitlines()
        assert lines[1].startswith(" restart kite")
        assert lines[2].startswith("  ✕ it can't be done: needs a ball of 1 KiB")
        for asked in ("type it", "reason:", "takes", "Space"):
            assert asked not in person.screen()
        await person.press("i", "t", "enter")
        await person.sees_no("restart kite")
        assert box.requests == []


async def test_what_two_people_must_agree_on_says_so_at_once(tmp_path: Path) -> None:
    made = room("it", "other", every=0.1)
    async with sitting(made) as person:
        toy(made, "other").answers = ToyFacts((Thing("ball", 4096),))
        await wired(person, tmp_path, protected=True, second=GRAVE)
        await person.press("R")
        await person.sees("✕ it can't be done: a second person must agree", "[ look again ]")
        assert "type it" not in person.screen()
