"""What an act still needs is asked for: a word picked or typed, secrets unseen. Measures come to their end."""

from __future__ import annotations

from pathlib import Path

from textual import events

from desk.audit.chronicle import read
from probes.base import Choice, SafeText, Truth
from tests.toyhands import Toybox
from tests.tui.test_acting import acting, confirm, seen
from tests.tui.test_screens import MovingClock, Sitting
from tui.screens.act import Act

MODELS = (Choice("v3", SafeText("made today, runs")), Choice("v2", SafeText("made yesterday")))


async def chosen(person: Sitting, action: str) -> None:
    """Pick an action of the menu by its name."""
    await person.press("a")
    await person.sees("Act on kite")
    await person.press(*action, "enter")


async def test_a_word_is_picked_from_what_there_is_with_what_one_should_know(tmp_path: Path) -> None:
    async with acting(tmp_path, Toybox(words=MODELS)) as (person, box):
        await chosen(person, "swap")
        await person.sees("swap kite: which model?", "v3", "made today, runs", "v2", "made yesterday")
        await person.press("down", "enter")
        await person.sees("it is there → v2", "toy swap --as=v2 -- kite")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert [(action, name) for _, action, name in box.requests] == [("swap", "kite")]
    assert any(record.data.get("word") == "v2" for record in read(tmp_path / "audit").records())


async def test_where_a_word_must_be_one_of_the_list_no_other_can_be_typed(tmp_path: Path) -> None:
    async with acting(tmp_path, Toybox(words=MODELS)) as (person, _):
        await chosen(person, "swap")
        await person.sees("which model?")
        await person.press(*"v9")
        await person.sees("nothing of that name")
        await person.press("enter")
        assert not isinstance(person.app.screen, Act)


async def test_nothing_to_pick_is_said(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, _):
        await chosen(person, "swap")
        await person.sees("swap: there is no model to pick")


async def test_a_list_that_can_not_be_had_is_said(tmp_path: Path) -> None:
    async with acting(tmp_path, Toybox(fault="hangs before")) as (person, _):
        await chosen(person, "swap")
        await person.sees("swap: the shop does not answer")


async def test_any_word_can_be_typed_beside_those_offered(tmp_path: Path) -> None:
    async with acting(tmp_path, Toybox(words=(Choice("green"),))) as (person, _):
        await chosen(person, "paint")
        await person.sees("which colour?", "green")
        await person.press(*"red")
        await person.sees("this colour, as typed")
        await person.press("enter")
        await person.sees("it is there → red")


async def test_a_word_is_typed_where_nothing_is_offered_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, _):
        await chosen(person, "paint")
        await person.sees("paint kite: colour?")
        await person.press("7", "enter")
        await person.sees("that is no colour")
        await chosen(person, "paint")
        await person.sees("paint kite: colour?")
        await person.press(*"blue", "enter")
        await person.sees("it is there → blue")


async def test_secrets_are_typed_unseen_and_stand_in_no_record(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await chosen(person, "lock")
        await person.sees("lock kite: parts?")
        await person.press(*"lid, key", "enter")
        await person.sees("new code of lid? it is not shown")
        await person.press(*"sesame")
        assert "sesame" not in person.screen()
        await person.press("enter")
        await person.sees("new code of key?")
        await person.press(*"mellon", "enter")
        await person.sees("it is there → lid, key")
        assert "sesame" not in person.screen()
        await confirm(person)
        await person.sees("CONFIRMED")
        assert box.codes == ["sesame", "mellon"]
    for file in (tmp_path / "audit").glob("*.jsonl"):
        assert "sesame" not in file.read_text()
        assert "mellon" not in file.read_text()


async def test_without_a_secret_nothing_is_done(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await chosen(person, "lock")
        await person.sees("parts?")
        await person.press(*"lid", "enter")
        await person.sees("new code of lid?")
        await person.press("enter")
        await person.sees("nothing was typed, nothing is done")
        assert box.codes == []


async def test_a_secret_of_several_lines_is_not_cut_to_its_first(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await chosen(person, "lock")
        await person.sees("parts?")
        await person.press(*"lid", "enter")
        await person.sees("new code of lid?")
        assert person.app.screen.focused is not None
        person.app.screen.focused.post_message(events.Paste("-----BEGIN-----\nabc\n"))
        await person.sees("more than one line")
        await person.press("enter")
        await person.sees("nothing was typed, nothing is done")
        assert box.codes == []


async def test_what_is_not_shown_can_not_be_copied(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, _):
        await chosen(person, "lock")
        await person.sees("parts?")
        await person.press(*"lid", "enter")
        await person.sees("new code of lid?")
        await person.press(*"sesame", "shift+home", "ctrl+c", "ctrl+x")
        assert person.app.clipboard == ""


async def hushed(person: Sitting) -> None:
    await chosen(person, "hush")
    await person.sees("how many minutes?")
    await person.press("3", "0", "enter")
    await person.sees("hush kite")
    await confirm(person)
    await person.sees("CONFIRMED")
    await person.press("enter")


async def test_a_temporary_measure_stays_in_sight_and_comes_back_by_itself(tmp_path: Path) -> None:
    clock = MovingClock()
    async with acting(tmp_path, clock=clock) as (person, box):
        await hushed(person)
        await person.sees("1 measure in force")
        clock.later(31 * 60)
        await person.room.hands.arm("again", None)  # type: ignore[union-attr]
        await person.until(lambda: [action for _, action, _ in box.requests] == ["hush", "wake"], "the end of it")
        await person.sees_no("measure")


async def test_a_measure_whose_time_is_up_waits_where_nothing_may_be_done(tmp_path: Path) -> None:
    clock = MovingClock()
    async with acting(tmp_path, clock=clock) as (person, box):
        await hushed(person)
        await person.room.hands.disarm("a test")  # type: ignore[union-attr]
        clock.later(31 * 60)
        await person.sees("1 measure OVERDUE")
        assert [action for _, action, _ in box.requests] == ["hush"]


async def test_the_next_session_knows_of_it_and_a_note_closes_it(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, _):
        await hushed(person)
    async with acting(tmp_path) as (person, box):
        await person.sees("1 measure in force")
        await person.press("E")
        await person.sees("left", "it: hush kite", "a test; until")
        await person.press("enter")
        await person.sees("it is over already")
        await person.press("down", "enter")
        await person.sees("how did it end?")
        await person.press(*"ann woke it", "enter")
        await person.sees("closed")
        await person.sees_no("hush kite")
        assert box.requests == []
    async with acting(tmp_path) as (person, _):
        await person.sees("TOYS")
        assert person.room.measures() == []


async def test_a_measure_is_taken_back_by_hand_through_the_same_door(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await hushed(person)
        await person.press("E")
        await person.sees("it: hush kite")
        await person.press("up", "up", "enter")
        await person.sees("take it back")
        await person.press("enter")
        await person.sees("wake kite")
        await seen(person)
        await confirm(person)
        await person.until(lambda: [action for _, action, _ in box.requests] == ["hush", "wake"], "the end of it")
        assert person.room.deeds[-1].result is Truth.CONFIRMED or not person.room.deeds[-1].over
        await person.until(lambda: person.room.measures() == [], "no measure")
