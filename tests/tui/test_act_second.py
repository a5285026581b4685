"""An act that takes two people, in the dialog of the first: asked, waited for, answered, and only then done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from textual import events

from desk.actor import who
from desk.audit import Code
from desk.audit.chronicle import read
from desk.deed import Deed
from desk.guard import Confirmation, agreed_of, digest_of
from desk.second import EXPIRY, State
from desk.second.meeting import Meeting
from desk.second.rule import GRAVE, Rule
from probes.base import Plan, Request
from tests.desk.seconds import STRANGER, Beside, meeting_place, stranger, two_people
from tests.toyhands import Toybox
from tests.tui.test_acting import acting, seen
from tests.tui.test_screens import MovingClock, Sitting
from tui import paper
from tui.screens.act import Act
from tui.screens.act_second import Seconded, draft_of
from widgets.lines import Line

EVERY_RESTART = Rule(frozenset({"restart"}))


async def ask(person: Sitting) -> None:
    """R, a look, and yes: then a second person is waited for."""
    await person.press("R")
    await person.sees("▸[ Cancel ]", "takes a second person")
    await person.press("tab")
    await seen(person)
    await person.press("enter")
    await person.sees("waits for a second person: ", "withdraw the request")


async def test_nothing_is_done_before_somebody_else_approves_and_then_it_is_done_once(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way]) as (person, box):
        await ask(person)
        await person.sees("left", "anybody but you, on here", "opsroom approve")
        (one,) = way.asked
        assert (one.what, one.reason, one.typed) == ("restart kite", "a test", "")
        assert one.changes == ("kite: it is there → another one  (name kite, made 1)",)
        assert (one.command, one.felt) == (("toy restart -- kite",), ("children notice",))
        assert box.requests == []
        assert way.says() == ""
        await person.sees("CONFIRMED", "it is another one")
        assert [(action, name) for _, action, name in box.requests] == [("restart", "kite")]
        assert way.uses == [one.id]
    intents = [record for record in read(tmp_path / "audit").records() if record.code is Code.INTENT]
    assert intents[0].data["second"]["by"]["name"] == "bob"
    told = "\n".join(paper.shown(read(tmp_path / "audit"), 50))
    assert f"asked    [{one.id[-6:]}] a second person: restart kite (a test)" in told
    assert f"APPROVED [{one.id[-6:]}] restart kite by bob (by the kernel: uid 41001)" in told
    assert f"used     [{one.id[-6:]}] what bob (by the kernel: uid 41001) approved" in told


@pytest.mark.parametrize(
    ("others", "told"), [(("bob", "carol"), "bob, carol, on here"), ((), "nobody among the approvers but you, on here")]
)
async def test_who_asks_is_not_named_among_those_who_may_approve_it(
    tmp_path: Path, others: tuple[str, ...], told: str
) -> None:
    async with acting(
        tmp_path, second=Rule(frozenset({"restart"}), frozenset({who({}).name, *others})), ways=[Beside()]
    ) as (
        person,
        _,
    ):
        await ask(person)
        await person.sees(told)


async def test_what_one_waits_for_stays_in_sight_while_the_picture_is_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with acting(tmp_path, second=EVERY_RESTART, ways=[Beside()]) as (person, _):
        await ask(person)
        screen = person.app.screen
        assert isinstance(screen, Act)
        heights: list[int] = []
        show = screen._fields.show

        def counted(lines: Sequence[Line]) -> None:
            heights.append(len(lines))
            show(lines)

        monkeypatch.setattr(screen._fields, "show", counted)
        for _ in range(3):
            screen.draw()
        assert set(heights) == {2}, "it is never taken away, not for a moment either"


@two_people
async def test_another_user_of_the_machine_approves_through_the_kernel(tmp_path: Path) -> None:
    clock = MovingClock()
    with meeting_place() as folder:
        ways = [Meeting(folder, "toys", "", clock)]
        async with acting(tmp_path, second=EVERY_RESTART, ways=ways, clock=clock) as (person, box):
            await ask(person)
            assert box.requests == []
            said = await stranger(folder, "yes")
            assert said[0] == "counts"
            await person.sees("CONFIRMED")
            assert len(box.requests) == 1
    told = "\n".join(paper.shown(read(tmp_path / "audit"), 50))
    assert f"by {STRANGER} (by the kernel: uid {STRANGER}" in told


async def test_the_name_is_typed_before_anybody_else_is_asked(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, protected=True, second=GRAVE, ways=[way]) as (person, _):
        await person.press("R")
        await person.sees("type it to go on")
        await person.press("tab", "i", "t")
        await person.press("tab")
        await seen(person)
        assert way.asked == []
        await person.press("enter")
        await person.sees("waits for a second person")
        assert way.asked[0].typed == "it", "which the second person types as well"


async def test_what_has_changed_since_it_was_asked_for_is_not_done_on_that_approval(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way]) as (person, box):
        await ask(person)
        box.made["kite"] = 7
        way.says()
        await person.sees("it has changed since it was approved", "made 7", "▸[ Cancel ]")
        assert box.requests == [] == way.uses
        await person.until(lambda: way.ends == [(way.asked[0].id, State.WITHDRAWN)], "the approval to be withdrawn")
        await person.press("tab")
        await seen(person)
        await person.press("enter")
        await person.sees("waits for a second person")
        assert len({one.digest for one in way.asked}) == 2, "a new request, of another digest"
        way.says()
        await person.sees("CONFIRMED")


async def test_a_refusal_is_shown_with_its_words_and_it_can_be_asked_anew(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way]) as (person, box):
        await ask(person)
        way.says(False, "not during the sale")
        await person.sees(
            "REFUSED", "by bob (by the kernel: uid 41001): not during the sale", "look again, to ask anew"
        )
        assert box.requests == []
        screen = person.app.screen
        assert isinstance(screen, Seconded)
        await person.until(lambda: screen._heard is State.REFUSED, "the answer to be heard")
        await seen(person)
        await person.press("tab")
        await person.sees("▸[ look again")
        await seen(person)
        await person.press("enter")
        await person.sees("▸[ Cancel ]", "takes a second person", "looked at 0 s ago")


async def test_what_nobody_answers_expires_in_words_of_its_own(tmp_path: Path) -> None:
    way, clock = Beside(), MovingClock()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way], clock=clock) as (person, box):
        await ask(person)
        clock.later(EXPIRY)
        await person.sees("EXPIRED", "nobody answered in time: neither yes nor no")
        assert way.says() == "it is expired already"
        assert box.requests == []


async def test_escape_withdraws_and_stays_to_show_it(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way]) as (person, box):
        await ask(person)
        await person.press("escape")
        await person.sees("WITHDRAWN", "[ close ]")
        assert way.says() == "it is withdrawn already"
        assert box.requests == []
        await person.press("escape")
        await person.sees("TOYS")


async def test_leaving_the_dialog_withdraws_too(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way]) as (person, _):
        await ask(person)
        await person.press("q")
        await person.sees("TOYS")
        await person.until(lambda: way.ends == [(way.asked[0].id, State.WITHDRAWN)], "it to be withdrawn")


async def test_a_second_press_of_enter_withdraws_nothing_that_was_not_seen(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way]) as (person, _):
        early = events.Key("enter", "\r")
        await ask(person)
        await seen(person)
        person.app.screen.post_message(early)
        await person.pilot.pause()
        await person.sees("waits for a second person")
        assert way.ends == []
        assert len(way.asked) == 1
        await person.press("enter")
        await person.sees("WITHDRAWN")


async def test_an_approval_that_comes_when_the_session_is_disarmed_does_nothing(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way]) as (person, box):
        await ask(person)
        hands = person.room.hands
        assert hands is not None
        await hands.disarm("by hand")
        way.says()
        await person.until(lambda: bool(way.ends), "the approval to be withdrawn")
        assert box.requests == [] == way.uses


async def test_where_nobody_can_be_asked_the_dialog_says_why_and_asks_for_nothing(tmp_path: Path) -> None:
    async with acting(tmp_path, second=EVERY_RESTART, ways=[Beside("nobody is there")]) as (person, _):
        await person.press("R")
        await person.sees("it can't be done: a second person must agree, and none can be asked", "nobody is there")
        assert "restart kite ]" not in person.screen()


async def test_a_deed_that_names_an_approval_of_another_plan_is_refused_by_the_door_itself(tmp_path: Path) -> None:
    way, box = Beside(), Toybox()
    async with acting(tmp_path, box, second=EVERY_RESTART, ways=[way]) as (person, _):
        hands = person.room.hands
        assert hands is not None
        assert hands.second is not None
        runner = hands.runner
        assert runner is not None
        ball = await runner.plan("it", Request("restart", ("ball",)))
        matter = await hands.second.propose(draft_of(ball, agreed_of(ball, runner.setting("it")), "a test", ""))
        assert way.says() == ""

        async def done(plan: Plan) -> Deed:
            digest = digest_of(plan, runner.setting("it"))
            deed = runner.begin(plan, Confirmation(digest, "a test", "", matter.proposal.id))
            await person.until(lambda: deed.over, "the end of the deed")
            return deed

        kite = await runner.plan("it", Request("restart", ("kite",)))
        assert (await done(kite)).refused == "a second person must agree first"
        assert (await done(ball)).refused == ""
        ball = await runner.plan("it", Request("restart", ("ball",)))
        assert (await done(ball)).refused == "a second person must agree first", "it was used already"
        assert [name for _, _, name in box.requests] == ["ball"]


async def test_at_the_smallest_size_the_countdown_and_the_way_out_are_seen(tmp_path: Path) -> None:
    way = Beside()
    async with acting(tmp_path, second=EVERY_RESTART, ways=[way], size=(60, 16)) as (person, _):
        await person.press("R")
        await person.sees("▸[ Cancel ]")
        await person.press("pagedown", "pagedown", "pagedown")
        await person.press("tab")
        await seen(person)
        await person.press("enter")
        await person.sees("waits for a second person", "withdraw the request")
        assert isinstance(person.app.screen, Act)
