"""What people find out of an incident, how they come to it and away from it, and how it stands on every size."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from textual import events

from desk.incident.record import Stage
from desk.incident.scheme import Rung
from tests.desk.procedures import part, procedure, runbook, step
from tests.desk.seconds import Beside
from tests.toyhands import Toybox, toy_hands
from tests.tui.test_act_second import EVERY_RESTART
from tests.tui.test_acting import seen
from tests.tui.test_inbox_screen import toys
from tests.tui.test_incident_screen import SCHEME, answer, choose, declared, furnished, only, typed
from tests.tui.test_procedure_screen import furnished as shelf
from tests.tui.test_screens import Sitting, sitting
from tui.app import OpsroomApp
from tui.secrets import Secrets


async def test_impact_cause_beginning_and_title_are_kept_and_taken_back(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (160, 48)) as person:
        await declared(person)
        await person.sees("Known", "impact  not said yet", "cause   not known yet", "Call", "engineering lead, Ann")
        for what, label, text in (
            ("impact", "what do customers feel?", "no letters"),
            ("cause", "why did it happen?", "a full disk"),
            ("began", "when did it begin?", "-20m"),
            ("title", "another title", " at all"),
        ):
            await person.press("b")
            await choose(person, "What is known?", what)
            await answer(person, label, text)
            await person.sees_no(label)
        await person.sees("impact  no letters", "cause   a full disk", "▌P1▐ no mail at all")
        made = only(person)
        assert made.began is not None
        assert made.at - timedelta(minutes=21) < made.began < made.at
        await person.press("b")
        await choose(person, "What is known?", "began")
        await answer(person, "when did it begin?", "tomorrow")
        await person.sees("that is no moment")
        assert only(person).began == made.began


async def test_what_is_so_calls_whom_it_is_for_at_once_and_no_longer_when_it_is_not(tmp_path: Path) -> None:
    scheme = replace(SCHEME, ladder=(Rung("top", "the CTO", None, flags=("data loss",), say="ask to shut down"),))
    async with sitting(furnished(tmp_path, scheme=scheme), (100, 30)) as person:
        await declared(person)
        await person.press("b")
        await choose(person, "What is known?", "data loss")
        await person.sees("call the CTO (data loss): ask to shut down", "NOW", "■ data loss")
        await person.press("b")
        await choose(person, "What is known?", "no data loss")
        await person.sees("■ not data loss")
        await person.sees_no("call the CTO (data loss)")
        assert dict(only(person).flags) == {}


async def test_a_word_is_said_of_an_entry_once_by_each_person(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await declared(person)
        await person.press("n")
        await answer(person, "a note for the timeline", "I restart it")
        await person.sees("“ I restart it")
        await person.press("z")
        await answer(person, "in a word", "no, wait")
        await person.sees("I restart it   ann  [ann: no, wait]")
        assert [one.text for one in only(person).reactions] == ["no, wait"]


async def test_another_alert_is_added_to_the_incident_that_goes_on(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await declared(person)
        await person.press("o")
        await person.sees("no alert belongs to it: I on an alert in the inbox adds one")
        await person.press("escape")
        await person.sees("INCIDENT P1", "kite is 2 KiB")
        await person.press("A")
        await person.sees("nobody has it")
        await person.until(lambda: any(one.id for one in person.app.screen.cases), "a case that is kept")  # type: ignore[attr-defined]
        await person.press("I")
        await choose(person, "Which incident does the alert belong to?", "it belongs to P1")
        await person.sees("alert shelf: kite is 2 KiB belongs to it")
        assert [one.words for one in only(person).linked("case")] == ["shelf: kite is 2 KiB"]
        await person.press("p")
        await person.sees("no runbook is read here")
        await person.press("escape", "I")
        await person.sees("declared P1")
        assert len(person.room.incidents.incidents.all()) == 1  # type: ignore[union-attr]


async def test_the_procedure_of_its_alert_is_a_key_away_and_the_way_back_too(tmp_path: Path) -> None:
    made = furnished(tmp_path)
    made.engine = toys().engine
    shelf(made, tmp_path, runbook(procedure("Too big", part("Do", step("Look at it.")))))
    async with sitting(made, (100, 30)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await person.press("A")
        await person.sees("Alerts  1 waiting", "big kite")
        await person.until(lambda: any(one.id for one in person.app.screen.cases), "a case that is kept")  # type: ignore[attr-defined]
        await person.press("I")
        await choose(person, "how severe is it?", "P2")
        await person.sees("Enter declares P2", "shelf: kite is 2 KiB")
        await person.press("enter")
        await person.sees("declared P2: shelf: kite is 2 KiB")
        await person.until(lambda: person.app.screen.pointed == ("shelf", "kite"), "its alert")  # type: ignore[attr-defined]
        await person.press("p")
        await person.sees("Too big", "for shelf: kite is 2 KiB", "Look at it.")
        await person.press("q")
        await person.sees("declared P2: shelf: kite is 2 KiB")


async def burst(person: Sitting, *keys: str) -> None:
    """Keys that come in one piece, as over a slow line or out of a terminal that marks no pastes."""
    for key in keys:
        letter = {"space": " ", "enter": "\r"}.get(key, key)
        person.app.post_message(events.Key(key, letter))


async def test_what_is_typed_ahead_over_a_slow_line_ends_a_line_once_and_is_no_part_of_it(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        await person.press("I")
        await choose(person, "how severe is it?", "P1")
        await person.sees("Enter declares P1")
        await burst(person, *typed("no mail"), "enter", "enter", *typed("vx"), "enter")
        await person.sees("declared P1: no mail", "▌P1▐ no mail")
        assert only(person).security is None
        await person.press("n")
        await person.sees("a note for the timeline")
        await burst(person, *typed("one"), "enter", *typed("two"), "enter", "escape")
        await person.sees("“ one")
        await person.press("n")
        await answer(person, "a note for the timeline", "three")
        await person.sees("“ three")
        assert [one.text for one in only(person).notes] == ["one", "three"]


async def test_a_paste_of_several_lines_is_kept_whole_in_one(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await declared(person)
        await person.press("n")
        await person.sees("a note for the timeline")
        person.app.screen.query_one("Prompt").post_message(events.Paste("first: 12\n  second:\t13\r\n\nlast\n"))
        await person.sees("first: 12 second: 13 last")
        await person.press("enter")
        await person.sees("“ first: 12 second: 13 last")
        await person.press("n")
        await person.sees("a note for the timeline")
        person.app.screen.query_one("Prompt").post_message(events.Paste("word " * 2000))
        await person.sees("word…")
        await person.press("enter")
        await person.until(lambda: len(only(person).notes) == 2, "the note")
        assert len(only(person).notes[1].text) == 4000


async def test_evidence_and_a_second_person_are_both_asked_and_it_is_done_once(tmp_path: Path) -> None:
    made, box, way = furnished(tmp_path, targets=("it",)), Toybox(), Beside()
    made.read_only_because = ""
    hands = toy_hands(tmp_path / "acts", box, made.engine.clock, second=EVERY_RESTART, ways=[way])
    hands.trail.about = {"system": "nursery", "environment": "test"}
    app = OpsroomApp(made, Secrets({}), "night", ("tests", 10), lambda: hands)
    async with app.run_test(size=(100, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ball", "ARMED")
        name = (await declared(person)).id
        assert made.incidents is not None
        made.incidents.incidents.secure(name, "a break-in")
        await person.sees("EVIDENCE IS KEPT")
        await person.press("escape")
        await person.sees("EVIDENCE", "▲ kite")
        await person.press("R")
        await person.sees("override, with a reason")
        await person.press("tab", "tab", "enter")
        await person.sees("type destroy evidence to go on")
        await person.press(*typed("it is copied"), "enter")
        await person.press(*typed("destroy evidence"), "enter")
        await seen(person)
        await person.press("enter")
        await person.sees("let through, and written down", "takes a second person")
        assert (box.requests, way.asked) == ([], [])
        await person.press("tab")
        await seen(person)
        await person.press("enter")
        await person.sees("waits for a second person")
        assert box.requests == []
        assert way.says() == ""
        await person.sees("CONFIRMED")
        assert (len(box.requests), len(way.asked)) == (1, 1)


async def test_an_action_item_that_was_typed_is_kept_when_the_next_question_is_left(tmp_path: Path) -> None:
    async with sitting(furnished(tmp_path), (100, 30)) as person:
        await declared(person)
        await person.press("i")
        await person.sees("Action items of no mail", "add one")
        for text, owner in (("watch the disk", ""), ("ask for more", "bob")):
            await person.press("G", "enter")
            await answer(person, "what is to be done?", text)
            if owner:
                await answer(person, "who does it?", owner)
                await person.sees("until when?")
            else:
                await person.sees("who does it?")
            await person.press("escape")
            await person.sees(f"[ ] {text}", "added without a day")
        assert [(one.text, one.owner, one.due) for one in only(person).items] == [
            ("watch the disk", "", None), ("ask for more", "bob", None),
        ]  # fmt: skip


LONG = "非常に長い件名 " * 6 + "and then it goes on and on"


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)], ids=lambda one: f"{one[0]}x{one[1]}")
async def test_a_long_wide_title_leaves_what_is_due_and_the_newest_in_sight(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with sitting(furnished(tmp_path), size) as person:
        await person.until(lambda: person.room.incidents is not None, "the incidents")
        assert person.room.incidents is not None
        book = person.room.incidents.incidents
        name = book.declare(LONG, "P1").id
        await person.sees("INCIDENT P1", "call engineering lead")
        await person.press("I")
        await person.sees("▌P1▐ 非常", name[-6:], "call engineering lead", "■ declared P1")
        for number in range(30):
            book.note(name, f"note {number}")
        await person.sees("“ note 29")
        book.secure(name, "a break-in")
        await person.sees("EVIDENCE IS KEPT", "■ security mode on: a break-in")
        await person.pilot.resize_terminal(60, 15)
        await person.sees("EVIDENCE IS KEPT", "■ security mode on: a break-in")
        assert all(len(line) <= 60 for line in person.screen().splitlines())
        await person.press("b")
        await person.sees("What is known?", "impact")
        await person.press("escape")
        await person.sees("■ security mode on")
        book.resolve(name, early="a drill")
        await person.sees("resolved")
        assert only(person).stage is Stage.RESOLVED
