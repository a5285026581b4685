"""Acts as a person does them: keys in, the dialog, how it goes, what came of it; and what must never happen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual import events

from desk.audit.chronicle import read
from desk.guard import Mode
from desk.shared.standing import Standing
from probes.base import Action, Danger, Offer, Truth
from tests.toyhands import ToyActuator, Toybox, toy_hands
from tests.toys import ToyFacts, ToyPanel, room
from tests.tui.test_screens import MovingClock, Sitting, sitting
from tui.acting import chances
from tui.screens.act import Act
from tui.screens.act_picture import SEEN


@asynccontextmanager
async def acting(
    folder: Path, box: Toybox | None = None, arm: bool = True, size: tuple[int, int] = (80, 24), **more: Any
) -> AsyncIterator[tuple[Sitting, Toybox]]:
    box = box or Toybox()
    made = room("it", every=0.1, clock=more.pop("clock", None))
    made.hands = toy_hands(folder, box, clock=made.engine.clock, **more)
    async with sitting(made, size=size) as person:
        if arm:
            await made.hands.arm("a test", None)
        yield person, box


async def seen(person: Sitting) -> None:
    """Wait until the picture of the act has stood long enough to be confirmed."""
    screen = person.app.screen
    assert isinstance(screen, Act)
    await person.until(lambda: screen._ripeness >= 1, "the picture to stand")


async def confirm(person: Sitting) -> None:
    await person.press("tab")
    await seen(person)
    await person.press("enter")


async def test_restart_by_one_letter_is_shown_confirmed_and_followed_to_its_end(tmp_path: Path) -> None:
    async with acting(tmp_path, Toybox(patience=2)) as (person, box):
        await person.press("R")
        await person.sees(
            "restart kite", "DISRUPTIVE", "nursery", "toys", "it is there → another one", "made 1", "children notice",
            "toy restart -- kite", "wind it again", "looked at 0 s ago", "▸[ Cancel ]",
        )  # fmt: skip
        assert box.requests == []
        await confirm(person)
        await person.sees("CONFIRMED", "it is another one", "answer: done, it is done")
        assert [(action, name) for _, action, name in box.requests] == [("restart", "kite")]
        await person.press("enter")
        await person.sees("TOYS")


async def test_who_lives_by_what_is_restarted_is_told_before(tmp_path: Path) -> None:
    made = room("it", "hall", every=0.1, served_by="it/kite")
    made.hands = toy_hands(tmp_path, Toybox(), clock=made.engine.clock)
    async with sitting(made) as person:
        await made.hands.arm("a test", None)
        await person.press("R")
        await person.sees("restart kite", "DISRUPTIVE", "serves", "hall: 2 things", "children notice", "looked at")
        await person.press("escape")
        await person.sees_no("serves")


async def test_cancel_is_what_enter_does_first(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        await seen(person)
        await person.press("enter")
        await person.sees("TOYS")
        assert box.requests == []


async def test_keys_typed_ahead_confirm_nothing(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await person.press("R", "tab", "enter", "enter")
        await person.sees("▸[ restart kite")
        await person.press("shift+tab", "tab", "enter")
        await person.pilot.pause()
        assert box.requests == []
        assert isinstance(person.app.screen, Act)


async def test_a_key_pressed_before_the_picture_stood_counts_for_nothing_however_late_it_is_handled(
    tmp_path: Path,
) -> None:
    async with acting(tmp_path) as (person, box):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        await person.press("tab")
        early = events.Key("enter", "\r")
        await seen(person)
        person.app.screen.post_message(early)
        await person.pilot.pause()
        assert box.requests == []
        await person.press("enter")
        await person.until(lambda: len(box.requests) == 1, "the request")


async def test_pasted_text_confirms_nothing_and_types_nothing(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, box):
        await person.press("R")
        await person.sees("type it to go on")
        await person.press("tab")
        person.app.screen.post_message(events.Paste("it\r"))
        await person.sees("pasted text is not taken here")
        assert "to go on: it" not in person.screen()
        assert box.requests == []


async def test_a_protected_target_asks_for_its_name(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, box):
        await person.press("R")
        await person.sees("type it to go on")
        await person.press("tab", "i", "x", "backspace", "t")
        await person.sees("to go on: it_  ok")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert len(box.requests) == 1


async def test_a_wrong_name_confirms_nothing_and_the_plan_stays(tmp_path: Path) -> None:
    async with acting(tmp_path, protected=True) as (person, box):
        await person.press("R")
        await person.sees("type it to go on")
        await person.press("tab", "i", "s")
        await confirm(person)
        await person.sees("type it to go on, Esc to leave", "to go on: is_", "restart kite", "▸type it")
        assert box.requests == []
        await person.press("backspace", "t")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert len(box.requests) == 1


async def test_scale_asks_for_a_number_and_never_fills_one_in(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await person.press("S")
        await person.sees("scale kite: how many toys?")
        await person.press("0", "enter")
        await person.sees("a whole number from 1 to 9")
        await person.press("S", "3", "enter")
        await person.sees("scale kite to 3", "→ 3 of it", "--to=3")
        assert box.requests == []


async def test_the_menu_tells_all_that_can_be_done_and_what_each_costs(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, _):
        await person.press("a")
        await person.sees("Act on kite", "wind up", "(can be taken back)", "smash", "(DESTRUCTIVE)")
        await person.press("s", "m", "a", "enter")
        await person.sees("smash kite", "it can't be taken back", "type it to go on")


async def test_the_menu_names_the_letters_and_shows_the_end_of_what_it_had_to_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = "Ends every session in both databases, renames the live one away and the other one to its name, or neither."
    long = Action("swap-over", "switch to a restored database", Danger.DESTRUCTIVE, what)
    monkeypatch.setattr(ToyActuator, "actions", (*ToyActuator.actions, long))
    async with acting(tmp_path) as (person, _):
        await person.press("a")
        await person.sees(
            "R restart", "S scale", "X terminate", "  wind up", "(DESTRUCTIVE) Ends every session in both"
        )
        assert "or neither." not in person.screen()
        await person.press(*["down"] * 10)
        await person.sees("other one to its name, or neither.", "  switch to a restored database  (DESTRUCTIVE) Ends")


async def test_a_row_is_called_by_its_label_wherever_an_act_on_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = replace(ToyPanel.tables[0], label=lambda thing: f"the big {thing.name}")
    monkeypatch.setattr(ToyPanel, "tables", (things, *ToyPanel.tables[1:]))
    async with acting(tmp_path) as (person, box):
        await person.press("a")
        await person.sees("Act on the big kite")
        await person.press("escape", "S")
        await person.sees("scale the big kite: how many toys?")
        await person.press("escape")
        del box.made["kite"]
        await person.press("R")
        await person.sees("restart the big kite   nothing is done")
        await person.press("escape", "D")
        await person.sees("there is no deploy for the big kite; a lists what there is")
        await person.press("enter")
        await person.sees("▸things")
        await person.press("v", "j", "enter")
        await person.sees("it: sizes the big")


async def test_what_another_target_does_for_a_row_is_offered_on_that_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a log, and the rotation that keeps it."""
    made = room("it", "log", every=0.1)
    made.hands = toy_hands(tmp_path, Toybox(), clock=made.engine.clock)
    asked: list[tuple[str, str]] = []

    def beside(self: ToyActuator, facts: ToyFacts, kind: str, row: str) -> list[str]:
        asked.append((kind, row))
        return ["gone", "kite"] if row == "ball" else []

    monkeypatch.setattr(ToyActuator, "beside", beside)
    async with sitting(made) as person:
        await made.hands.arm("a test", None)
        await person.until(lambda: all(slot.snapshot is not None for slot in made.engine.board.slots()), "readings")
        found = chances(made, "log", ("ball",))
        assert asked == [("toy", "ball")]
        assert {(one.target, one.subjects) for one in found} == {("it", ("kite",))}
        assert "restart" in {one.action.name for one in found}
        assert chances(made, "log", ("doll",)) == []
        assert all(one.subjects == ("ball",) for one in chances(made, "it", ("ball",))), "its own rows need no other"


@pytest.mark.parametrize("paused", [False, True])
async def test_one_letter_pauses_and_lets_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paused: bool) -> None:
    pause, resume = (Action(name, name, Danger.REVERSIBLE, f"It {name}s.") for name in ("pause", "resume"))
    offers = (Offer(pause, "it is paused already" if paused else ""), Offer(resume, "" if paused else "it runs"))
    monkeypatch.setattr(ToyActuator, "actions", (pause, resume))
    monkeypatch.setattr(ToyActuator, "offers", lambda self, facts, subjects: offers)
    async with acting(tmp_path) as (person, _):
        await person.press("a")
        await person.sees("P resume" if paused else "P pause", "not now: it")
        await person.press("escape", "P")
        await person.sees("resume kite" if paused else "pause kite", "▸[ Cancel ]")


async def test_marked_rows_are_listed_and_each_has_its_own_result(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await person.press("enter")
        await person.sees("▸things")
        await person.press("g", "space", "j", "space", "a")
        await person.sees("Act on ball, kite")
        await person.press("w", "i", "n", "d", "enter")
        await person.sees("wind up, 2 toys", "made 1")
        box.made["kite"] = 5
        await confirm(person)
        await person.sees("PARTIAL", "REFUSED", "changed since you looked", "CONFIRMED")
        assert [name for *_, name in box.requests] == ["ball"]


async def test_what_is_left_out_can_be_taken_in_by_hand(tmp_path: Path) -> None:
    async with acting(tmp_path, Toybox(spared=frozenset({"kite"}))) as (person, box):
        await person.press("R")
        await person.sees("left out  kite: somebody plays with it; Space takes it in", "▸[ Cancel ]")
        assert "[ restart" not in person.screen()
        await person.press("tab", "space")
        await person.sees("taken in", "type it to go on")
        assert box.requests == []


async def test_a_session_that_is_not_armed_asks_why_first_and_counts_down(tmp_path: Path) -> None:
    async with acting(tmp_path, arm=False) as (person, box):
        await person.sees("disarmed")
        await person.press("R")
        await person.sees("why act on nursery TEST?")
        await person.press(*"stuck", "enter")
        await person.sees("restart kite", "ARMED 9:5")
        opened, granted = read(tmp_path / "audit").records()
        assert (opened.code.value, granted.data["reason"]) == ("session.opened", "stuck")
        await person.press("escape", "exclamation_mark")
        await person.sees("disarmed")
        assert box.requests == []


async def test_arming_ends_by_itself_and_what_is_on_the_screen_can_not_be_done_any_more(tmp_path: Path) -> None:
    clock = MovingClock()
    async with acting(tmp_path, arm=False, clock=clock) as (person, box):
        hands = person.room.hands
        assert hands is not None
        await hands.arm("a moment", 1)
        await person.press("R")
        await person.sees("restart kite", "▸[ Cancel ]")
        clock.later(61)
        await person.until(lambda: hands.mode is Mode.DISARMED and hands.runner is None, "the end of the arming")
        await person.sees("the session is disarmed by now", "  disarmed  ")
        await person.press("tab", "enter")
        assert box.requests == []


async def test_a_read_only_room_says_why_and_has_nothing_that_could_act(tmp_path: Path) -> None:
    made = room("it", every=0.1)
    made.read_only_because = "read-only: it was opened with --read-only"
    async with sitting(made) as person:
        for key in ("R", "D", "P", "S", "C", "X", "a", "exclamation_mark"):
            await person.press(key)
            await person.sees("opened with --read-only")


async def test_a_pasted_command_becomes_the_guarded_act_with_its_warning(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await person.press("colon")
        await person.sees("type to narrow down")
        person.app.screen.query_one("Prompt").post_message(events.Paste("sudo toy restart -- ball"))
        await person.sees("restart on it", "toys are not restarted but replaced")
        await person.press("enter")
        await person.sees("restart ball", "toys are not restarted but replaced", "▸[ Cancel ]")
        assert box.requests == []


async def test_what_is_gone_by_now_is_said_instead_of_a_plan(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        del box.made["kite"]
        await person.press("R")
        await person.sees("restart kite   nothing is done", "◆ there is no kite any more", "look again")
        assert "DOWN" not in person.screen()
        assert "gone" not in person.screen()
        await confirm(person)
        assert box.requests == []


async def test_what_has_changed_when_an_old_look_is_confirmed_is_shown_anew(tmp_path: Path) -> None:
    async with acting(tmp_path) as (person, box):
        await person.press("R")
        await person.sees("made 1")
        screen = person.app.screen
        assert isinstance(screen, Act)
        assert screen._plan is not None
        object.__setattr__(screen._plan, "looked_at", screen._plan.looked_at - timedelta(seconds=45))
        box.made["kite"] = 4
        await confirm(person)
        await person.sees("it has changed since you looked", "made 4", "▸[ Cancel ]")
        assert box.requests == []


async def test_a_terminal_too_small_to_show_it_whole_does_not_offer_it(tmp_path: Path) -> None:
    async with acting(tmp_path, size=(50, 15)) as (person, box):
        await person.press("R")
        await person.sees("too small to show")
        await person.press("tab", "enter")
        await person.pilot.pause()
        assert box.requests == []


async def test_what_does_not_fit_must_be_read_to_its_end_first(tmp_path: Path) -> None:
    async with acting(tmp_path, size=(56, 12)) as (person, box):
        await person.press("enter")
        await person.sees("▸things")
        await person.press("g", "space", "j", "space", "R")
        await person.sees("restart 2 toys", "read on first: PgDn")
        await confirm(person)
        await person.pilot.pause()
        assert box.requests == []
        await person.press("pagedown", "pagedown")
        await person.sees("[ restart 2 toys ]")
        await seen(person)
        await person.press("enter")
        await person.until(lambda: len(box.requests) == 2, "both requests")


async def test_an_act_that_is_left_goes_on_and_its_result_is_said(tmp_path: Path) -> None:
    async with acting(tmp_path, Toybox(patience=10**6, settles=60)) as (person, box):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        await confirm(person)
        await person.sees("looking for")
        await person.press("escape")
        await person.sees("TOYS")
        box.patience = 0
        await person.sees("restart kite: CONFIRMED")
        await person.press("E")
        await person.sees("acts of this session", "CONFIRMED")
        await person.press("enter")
        await person.sees("it is another one", "▸[ close ]")
        assert len(box.requests) == 1


async def test_where_the_top_line_has_no_room_for_what_is_not_shared_or_told_a_key_shows_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with acting(tmp_path, size=(60, 15)) as (person, _):
        lost = Standing(True, 0.0, "connection refused by db.example.internal:5432", "is it running?", waiting=3)
        untold = "1 notice waits: ops no answer since 03:12"
        monkeypatch.setattr(person.room, "sharing", SimpleNamespace(standing=lost, show=lambda *_: None))
        monkeypatch.setattr(person.room, "dispatch", SimpleNamespace(words=untold, tick=lambda *_: None))
        await person.press("E")
        await person.sees("the shared store: STORE LOST", "is it running?", "3 records wait", untold)
        monkeypatch.undo()


async def test_an_unknown_end_offers_another_look_and_never_another_try(tmp_path: Path) -> None:
    box = Toybox(fault="lost", becomes=Truth.UNKNOWN)
    async with acting(tmp_path, box) as (person, _):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        await confirm(person)
        await person.sees("UNKNOWN", "the line went dead", "[ look again ]")
        assert "retry" not in person.screen()
        box.becomes = Truth.CONFIRMED
        await person.press("tab", "enter")
        await person.sees("CONFIRMED  it is another one")
        assert len(box.requests) == 1


async def test_acts_that_an_earlier_session_left_open_come_before_everything_else(tmp_path: Path) -> None:
    lost = Toybox(fault="lost", becomes=Truth.UNKNOWN)
    async with acting(tmp_path, lost) as (person, _):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        await confirm(person)
        await person.sees("look again")
    for path in (tmp_path / "audit").glob("*.jsonl"):
        first, rest = path.read_bytes().split(b"\n", 1)
        assert b'"pid"' in first
        assert rest
    made = room("it", every=0.1)
    made.hands = toy_hands(tmp_path, Toybox(made={"kite": 2}), clock=made.engine.clock)
    lone = pytest.MonkeyPatch()
    lone.setattr("desk.actor.Process.alive", property(lambda process: False))
    try:
        from textual.pilot import Pilot

        from tui.app import OpsroomApp
        from tui.secrets import Secrets

        app = OpsroomApp(made, Secrets({}), "night")
        async with app.run_test(size=(80, 24)) as pilot:
            other: Pilot[int] = pilot
            person = Sitting(app, other)
            await person.sees("acts without a known end", "restart kite (toy it)", "now: applied: it is another one")
            await person.press("enter")
            await person.sees("what was found out about it?")
            await person.press(*"fine", "enter")
            await person.sees("TOYS")
    finally:
        lone.undo()
    assert read(tmp_path / "audit").unfinished() == []
    assert SEEN == 0.4
