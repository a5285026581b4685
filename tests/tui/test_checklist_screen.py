"""Checklists as a person goes through them: keys in, what is signed and what is on the screen out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from desk.checklist.journal import ChecklistJournal
from desk.runbook.book import Runbook
from tests.desk.checklist.lists import profile
from tests.toys import Thing, ToyFacts, room
from tests.tui.test_procedure_screen import leaves
from tests.tui.test_screens import MovingClock, Sitting, sitting
from tui.checklists import ChecklistDesk, gathered
from tui.room import Room
from tui.screens.checklist import OneChecklist, number_of
from tui.screens.detail import Detail

RUNBOOK = 'runbook = "RUNBOOK.md"\n'
WEEK = """
[[checklist]]
name = "week"
from = "Weekly tasks"
[[checklist.box]]
say = "Count the balls"
check = "shelf.things < 9"
"""
MORNING = """
[[checklist]]
name = "morning"
title = "Morning round"
schedule = "daily 09:00"
[[checklist.box]]
say = "Things are small"
check = "shelf.size_bytes < 1KiB"
critical = "> 1MiB"
[[checklist.box]]
say = "The shelf is well"
reading = "shelf"
procedure = "Tidy the shelf"
[[checklist.box]]
say = "Somebody looked out of the window"
manual = true
[[checklist.box]]
say = "Birds seen"
manual = true
value = "number"
unit = "birds"
link = "https://birds.example/"
[[checklist]]
name = "evening"
title = "Evening round"
[[checklist.box]]
say = "The light is out"
manual = true
"""


def made(text: str = MORNING, clock: MovingClock | None = None, path: Path | None = None) -> Room:
    """A room with toys and checklists; `path`: where their runs are kept."""
    found = room("shelf", every=0.1, clock=clock or MovingClock())
    known = profile(text, RUNBOOK).checklists
    found.profile = replace(found.profile, checklists=known)
    found.who = "ann"
    engine = found.engine

    def desk() -> ChecklistDesk:
        kept = ChecklistJournal(path, engine.clock) if path is not None else None
        return ChecklistDesk(found.profile, engine, kept)

    found.make_checklists = desk
    return found


async def opened(person: Sitting) -> None:
    await person.press("c")
    await person.sees("Checklists", "Morning round")
    await person.press("enter")
    await person.sees("Things are small", "The shelf is well")


async def answer(person: Sitting, label: str, text: str = "") -> None:
    await person.sees(label)
    await person.press(*("space" if letter == " " else letter for letter in text), "enter")


def one_list(person: Sitting) -> OneChecklist:
    screen = person.app.screen
    assert isinstance(screen, OneChecklist)
    return screen


async def on_box(person: Sitting, say: str) -> None:
    """Wait until the cursor is on a box."""

    def there() -> bool:
        screen = person.app.screen
        return isinstance(screen, OneChecklist) and screen.item is not None and screen.item.box.say == say

    await person.until(there, f"the cursor on {say}")


async def test_boxes_answer_themselves_and_are_looked_at_again_while_it_is_open() -> None:
    async with sitting(made()) as person:
        await opened(person)
        await person.sees("▲ amber", "2 KiB (kite)", "▲ amber     The shelf is well", "– not done")
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await person.sees("● good      Things are small", "10 B", "● good      The shelf is well")
        person.toy().answers = ToyFacts((Thing("ball", 2**21),))
        await person.sees("✕ bad       Things are small", "2 MiB")


async def test_a_person_signs_the_rest_enters_a_value_and_hands_over() -> None:
    async with sitting(made(), (120, 40)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await opened(person)
        await person.sees("● good")
        await person.press("s")
        await person.sees("2 boxes still to do")
        await person.press("enter")
        await person.sees("✓ done      Somebody looked", "ann")
        await person.press("space")
        await answer(person, "Birds seen: a number in birds", "some")
        await person.sees("that is no number")
        await person.press("space")
        await answer(person, "Birds seen: a number in birds", "1,204")
        await person.sees("✓ done      Birds seen", "1,204 birds")
        await person.press("s")
        await answer(person, "sign off as ann", "quiet night")
        await person.sees("signed off by ann", "quiet night")
        await person.press("escape")
        await person.sees("✓ Morning round", "done")


async def test_tomorrow_yesterdays_values_stand_beside_todays() -> None:
    clock = MovingClock()
    async with sitting(made(clock=clock), (160, 48)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await opened(person)
        await person.sees("● good")
        await person.press("enter")
        await person.sees("signed: Somebody looked")
        await person.press("space")
        await answer(person, "Birds seen", "7")
        await person.press("s")
        await answer(person, "sign off", "look at the window")
        await person.sees("signed off by ann")
        clock.later(86400)
        person.toy().answers = ToyFacts((Thing("ball", 110),))
        await person.sees("+100 B", "handed over look at the window", "110 B", "10 B", "7 birds")
        await person.press("h")
        await person.sees("done", "by ann", "handed over: look at the window")


async def test_a_box_is_left_out_for_a_reason_noted_and_taken_back() -> None:
    async with sitting(made(), (100, 40)) as person:
        await opened(person)
        await person.press("x")
        await answer(person, "skip “Somebody looked out of the window”")
        await person.sees("without a reason")
        await person.press("x")
        await answer(person, "skip “Somebody", "fog")
        await person.sees("» skipped   Somebody", "fog")
        await person.press("k")
        await person.press("space")
        await person.sees("skipped by ann; u takes that back")
        await person.press("u")
        await person.sees("– not done  Somebody")
        await person.press("n")
        await answer(person, "a note on “Somebody", "it was closed")
        await person.sees("it was closed")


async def test_esc_signs_nothing() -> None:
    async with sitting(made()) as person:
        await opened(person)
        for key, label in (("x", "skip"), ("n", "a note"), ("G", "")):
            await person.press(key)
            if label:
                await person.sees(label)
                await person.press("escape")
                await person.sees("Things are small")
        await person.press("enter")
        await person.sees("Birds seen: a number")
        await person.press("escape")
        await person.sees("Things are small")
        assert person.room.checklists is not None
        ledger = person.room.checklists.ledger
        assert ledger.run(ledger.checklists[0]) is None


async def test_what_is_not_good_is_not_signed_off_without_a_word() -> None:
    async with sitting(made(), (100, 30)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 2**21),))
        await opened(person)
        await person.sees("✕ bad")
        for _ in range(2):
            await person.press("x")
            await answer(person, "skip", "fog")
        await person.press("s")
        await answer(person, "1 box not good; what should the next shift know?")
        await person.sees("say what the next shift should know")
        await person.press("s")
        await answer(person, "1 box not good", "the ball is huge")
        await person.sees("signed off by ann")


async def test_what_can_not_be_read_is_unknown_and_says_why() -> None:
    async with sitting(made(), (120, 30)) as person:
        await opened(person)
        person.toy().answers = ValueError("a bug")
        await person.sees("? unknown   Things are small", "shelf: internal")


async def test_a_box_leads_to_its_target_and_to_its_procedure() -> None:
    async with sitting(made(), (100, 30)) as person:
        await opened(person)
        await person.sees("amber")
        await person.press("g")
        await on_box(person, "Things are small")
        await person.press("enter")
        await person.sees("shelf  toy  LIVE")
        assert isinstance(person.app.screen, Detail)
        await person.press("escape")
        await person.sees("Morning round", "Birds seen")
        await person.press("j")
        await on_box(person, "The shelf is well")
        await person.press("p")
        await person.sees("Tidy the shelf", "copied")
        await person.press("escape")
        await person.sees("Morning round", "Birds seen")
        await person.press("G")
        await on_box(person, "Birds seen")
        await person.press("p")
        await person.sees("https://birds.example/")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_what_matters_has_room_on_every_terminal(size: tuple[int, int]) -> None:
    async with sitting(made(), size) as person:
        await opened(person)
        await person.sees("▲ amber", "2 KiB", "– not done", "Birds seen", "sign")
        await person.press("d")
        await person.sees("Somebody looked out of the window", "a person looks and signs")
        await leaves(person, 2)
        await person.sees("Evening round", "any time")


async def test_where_there_is_none_it_says_how_one_is_made() -> None:
    async with sitting(made(""), (60, 15)) as person:
        await person.press("c")
        await person.sees("There is no checklist yet", "[[checklist]]")


async def test_the_top_line_says_what_is_due_and_what_is_missed() -> None:
    from datetime import UTC, datetime, timedelta

    clock = MovingClock()
    soon = datetime.now(UTC) + timedelta(hours=2)
    text = MORNING.replace("daily 09:00", f"daily {soon:%H:%M}")
    async with sitting(made(text, clock), (120, 30)) as person:
        await person.sees_no("morning due")
        clock.later(2 * 3600 + 60)
        await person.sees("morning due: c")
        clock.later(4 * 3600)
        await person.sees("morning MISSED: c")
        await person.press("c")
        await person.sees("1 MISSED", "MISSED, was due")
        await person.press("h")
        await person.sees("MISSED")


async def test_a_picture_that_is_held_still_proves_nothing() -> None:
    async with sitting(made(), (120, 30)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await opened(person)
        await person.sees("● good")
        await person.press("f")
        await person.sees("FROZEN since")
        await person.press("space")
        await person.sees("not signed: the picture is FROZEN since")
        await person.press("x")
        await answer(person, "skip “Somebody", "fog")
        await person.press("x")
        await answer(person, "skip “Birds", "fog")
        await person.press("f")
        await person.sees_no("FROZEN")
        await person.press("f")
        await person.sees("FROZEN since")
        await person.press("s")
        await person.sees("not signed: the picture is FROZEN since")
        assert person.room.checklists is not None
        ledger = person.room.checklists.ledger
        run = ledger.run(ledger.checklists[0])
        assert run is not None
        assert (run.done, run.evidence) == (None, {})
        await person.press("f")
        await person.sees_no("FROZEN")
        await person.press("s")
        await answer(person, "sign off as ann")
        await person.sees("signed off by ann")


async def test_that_nothing_is_kept_is_said_at_the_top_and_over_the_boxes_although_a_list_is_due(
    tmp_path: Path,
) -> None:
    from datetime import UTC, datetime, timedelta

    clock, soon = MovingClock(), datetime.now(UTC) + timedelta(hours=2)
    text = MORNING.replace("daily 09:00", f"daily {soon:%H:%M}")
    (tmp_path / "checklists.db").mkdir()
    async with sitting(made(text, clock, tmp_path / "checklists.db"), (160, 30)) as person:
        assert person.room.checklists is not None
        desk = person.room.checklists
        await person.until(lambda: bool(desk.not_kept), "trouble with the disk")
        desk.ledger.opened()
        clock.later(2 * 3600 + 60)
        await person.sees("checklists NOT KEPT, morning due: c")
        await opened(person)
        await person.sees("checklists are not kept", "Morning round  due")


async def test_a_checklist_without_its_runbook_is_not_signed_off() -> None:
    async with sitting(made(WEEK), (120, 30)) as person:
        await person.press("c")
        await person.sees("Checklists", "Enter open")
        await person.press("enter")
        await person.sees("● good      Count the balls", "its runbook has not been read")
        await person.press("s")
        await answer(person, "sign off as ann")
        await person.sees("not signed off: its boxes under “Weekly tasks” could not be read")


async def test_a_finding_leads_to_its_own_target_and_to_none_whose_name_begins_alike() -> None:
    text = '[[checklist]]\nname = "one"\ntitle = "Morning round"\n[[checklist.box]]\nsay = "Things are small"\n'
    found = room("shelf", "shelf2", every=0.1)
    known = profile(text + 'check = "toy.size_bytes < 1KiB"\n').checklists
    found.profile = replace(found.profile, checklists=known)
    found.make_checklists = lambda: ChecklistDesk(found.profile, found.engine, None)
    async with sitting(found, (100, 30)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await person.press("c")
        await person.sees("Checklists", "Enter open")
        await person.press("enter")
        await person.sees("✕ bad       Things are small", "(shelf2 kite)")
        await person.press("enter")
        await person.sees("shelf2  toy  LIVE")


async def test_a_session_that_only_looks_signs_nothing() -> None:
    found = made()
    found.undecided_because = "looking only: it was opened with --read-only"
    async with sitting(found) as person:
        await opened(person)
        for key in ("space", "x", "n", "s", "u"):
            await person.press(key)
            await person.sees("looking only")
        assert person.room.checklists is not None
        assert person.room.checklists.ledger.run(person.room.checklists.ledger.checklists[0]) is None


async def test_what_is_signed_is_there_in_the_next_session(tmp_path: Path) -> None:
    path = tmp_path / "checklists.db"
    async with sitting(made(path=path)) as person:
        await opened(person)
        await person.press("enter")
        await person.sees("✓ done")
    async with sitting(made(path=path)) as person:
        await opened(person)
        await person.sees("✓ done      Somebody")
        await person.press("k")
        await person.sees("signed    by ann")


async def test_checklists_are_opened_by_name_too() -> None:
    async with sitting(made()) as person:
        await person.press("colon")
        await person.press(*"evening", "enter")
        await person.sees("The light is out")


async def test_boxes_of_a_runbook_are_read_when_they_are_looked_at_and_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "RUNBOOK.md"
    file.write_text("# Nursery\n\n## Weekly tasks\n\n- [ ] Dust the shelf\n- [ ] Count the balls\n")
    found = made(WEEK)
    found.profile = replace(found.profile, runbooks=(file,))
    async with sitting(found, (100, 30)) as person:
        await person.press("c")
        await person.sees("Checklists", "Enter open")
        await person.press("enter")
        await person.sees("– not done  Dust the shelf", "● good      Count the balls")
        await leaves(person, 2)
        file.write_text(file.read_text() + "- [ ] Air the room\n")
        await person.press("c")
        await person.sees("Checklists", "Enter open")
        await person.press("enter")
        await person.sees("Air the room")


@pytest.mark.parametrize(
    "typed", ["3,5", "1,20", "1_000", "12,34,567", "1.000,5", "nan", "inf", "1e999", "٣", "0x10", "- 2"]
)
def test_a_number_that_can_be_read_in_two_ways_is_none(typed: str) -> None:
    with pytest.raises(ValueError, match="number"):
        number_of(typed)


@pytest.mark.parametrize(
    ("typed", "number"),
    [("7", 7), ("3.5", 3.5), (".5", 0.5), ("-2", -2), ("+2", 2), ("1204", 1204), ("1,204,000.5", 1204000.5),
     ("1 204", 1204), ("1e3", 1000)],
)  # fmt: skip
def test_a_number_is_read_as_it_is_written(typed: str, number: float) -> None:
    assert number_of(typed) == number


async def test_a_value_with_a_comma_for_its_point_is_asked_for_again_and_not_signed_ten_times_too_large() -> None:
    async with sitting(made(), (120, 40)) as person:
        await opened(person)
        await person.sees("– not done  Birds seen")
        await person.press("G")
        await on_box(person, "Birds seen")
        await person.press("enter")
        await answer(person, "Birds seen: a number in birds", "3,5")
        await person.sees("not signed: that is no number; write 3.5 or 1,204")
        assert "35 birds" not in person.screen()


async def test_a_box_that_comes_under_the_cursor_by_itself_is_not_signed_by_a_key_for_the_one_before(
    tmp_path: Path,
) -> None:
    file = tmp_path / "RUNBOOK.md"
    file.write_text("# Nursery\n\n## Weekly tasks\n\n- [ ] Air the room\n- [ ] Dust the shelf\n")
    found = made(WEEK)
    found.profile = replace(found.profile, runbooks=(file,))
    async with sitting(found, (100, 30)) as person:
        await person.press("c")
        await person.sees("Checklists", "week")
        await person.press("enter")
        await person.sees("– not done  Dust the shelf")
        await person.press("g")
        desk = person.room.checklists
        assert desk is not None
        (box,) = [one for one in desk.ledger.checklists[0].boxes if one.say == "Dust the shelf"]
        await person.until(lambda: one_list(person)._list.cursor is not None, "a cursor")
        one_list(person)._list.point(box.key)
        file.write_text("# Nursery\n\n## Weekly tasks\n\n- [ ] Air the room\n- [ ] Sell the shelf\n- [ ] Sing\n")
        person.room.later(desk.read())
        await person.sees_no("Dust the shelf")
        await person.sees("Sell the shelf")
        await person.press("space")
        await person.sees("the list has changed under the cursor, and nothing was done")
        assert desk.ledger.run(desk.ledger.checklists[0]) is None
        await person.press("space")
        await person.sees("signed: Air the room")


async def test_boxes_for_which_the_list_has_no_room_are_told(tmp_path: Path) -> None:
    more = "".join(f'[[checklist.box]]\nsay = "Box {number}"\nmanual = true\n' for number in range(30))
    text = f'[[checklist]]\nname = "long"\n{more}'
    async with sitting(made(text), (160, 24)) as person:
        await person.press("c")
        await person.sees("Checklists", "Box 0", "more lines: Enter")


async def test_the_details_of_a_box_show_what_is_read_now_and_not_what_was_when_they_were_opened() -> None:
    async with sitting(made(), (100, 30)) as person:
        await opened(person)
        await person.sees("▲ amber", "2 KiB (kite)")
        await person.press("g")
        await on_box(person, "Things are small")
        await person.press("d")
        await person.sees("▲ Things are small", "2 KiB (kite)")
        assert not isinstance(person.app.screen, OneChecklist)
        person.toy().answers = ToyFacts((Thing("ball", 10),))
        await person.sees("● Things are small", "10 B")
        assert not isinstance(person.app.screen, OneChecklist)
        person.toy().answers = ValueError("a bug")
        await person.sees("? Things are small", "shelf: internal")


def test_a_runbook_that_cannot_be_made_out_takes_no_other_checklist_with_it(tmp_path: Path) -> None:
    def read(name: str, data: bytes) -> Runbook:
        raise RecursionError

    file = tmp_path / "RUNBOOK.md"
    file.write_text("# Nursery\n")
    found, troubles = gathered(replace(made(WEEK + MORNING).profile, runbooks=(file,)), read)
    assert [one.name for one in found] == ["week", "morning", "evening"]
    assert f"{file}: it can't be made out (RecursionError)" in troubles
