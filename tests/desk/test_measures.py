"""Temporary measures: in force from the act that began them until it was taken back, ended by itself, or was closed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.actions import Runner
from desk.audit import chronicle
from desk.deed import Deed
from desk.guard import Confirmation, digest_of
from desk.hands import Hands
from desk.measures import Measure, close, found
from probes.base import Outcome, Plan, Request
from tests.toyhands import ToyActuator, Toybox, toy_hands
from tests.toys import StillClock


async def armed(folder: Path, box: Toybox | None = None, clock: StillClock | None = None) -> Hands:
    hands = toy_hands(folder, box or Toybox(), clock)
    await hands.arm("a test", None)
    return hands


async def did(hands: Hands, action: str, *names: str, number: int | None = None) -> Deed:
    runner = hands.runner
    assert runner is not None
    plan = await runner.plan("it", Request(action, names, number))
    deed = runner.begin(plan, Confirmation(digest_of(plan, runner.setting("it")), "it is too loud"))
    await runner.idle()
    return deed


def on_disk(folder: Path) -> list[Measure]:
    return list(found(chronicle.read(folder / "audit"), {"system": "toys"}).values())


async def test_an_act_with_an_end_is_in_force_here_and_for_everybody_who_reads_the_audit(tmp_path: Path) -> None:
    clock = StillClock()
    hands = await armed(tmp_path, clock=clock)
    deed = await did(hands, "hush", "kite", number=30)
    (one,) = hands.measures.standing(clock.now())
    assert (one.deed, one.target, one.words, one.reason) == (deed.id, "it", "hush kite", "it is too loud")
    assert one.due == clock.now() + timedelta(minutes=30)
    assert one.reverse == Request("wake", ("kite",))
    assert one.by == hands.trail.actor.name
    assert on_disk(tmp_path) == [one]
    await hands.close()


async def test_taking_it_back_row_by_row_ends_it_with_the_last(tmp_path: Path) -> None:
    clock = StillClock()
    hands = await armed(tmp_path, clock=clock)
    await did(hands, "hush", "kite", "ball", number=30)
    await did(hands, "wake", "kite")
    (one,) = hands.measures.standing(clock.now())
    assert one.reverse == Request("wake", ("ball",))
    assert on_disk(tmp_path) == [one]
    await did(hands, "wake", "ball")
    assert hands.measures.standing(clock.now()) == on_disk(tmp_path) == []
    await hands.close()


async def test_an_act_that_was_refused_begins_none(tmp_path: Path) -> None:
    clock = StillClock()
    box = Toybox(fault="says no")
    hands = await armed(tmp_path, box, clock)
    await did(hands, "hush", "kite", number=30)
    assert hands.measures.standing(clock.now()) == on_disk(tmp_path) == []
    await hands.close()


async def test_an_act_whose_answer_was_lost_may_have_begun_one(tmp_path: Path) -> None:
    clock = StillClock()
    hands = await armed(tmp_path, Toybox(fault="lost"), clock)
    await did(hands, "hush", "kite", number=30)
    assert len(hands.measures.standing(clock.now())) == len(on_disk(tmp_path)) == 1
    await hands.close()


async def test_a_reverse_that_failed_leaves_it_in_force(tmp_path: Path) -> None:
    clock, box = StillClock(), Toybox()
    hands = await armed(tmp_path, box, clock)
    await did(hands, "hush", "kite", number=30)
    box.fault = "says no"
    await did(hands, "wake", "kite")
    assert len(hands.measures.standing(clock.now())) == len(on_disk(tmp_path)) == 1
    await hands.close()


async def test_when_its_time_is_up_it_is_taken_back_once_and_only_where_that_may_be_done(tmp_path: Path) -> None:
    clock, box = StillClock(), Toybox()
    hands = await armed(tmp_path, box, clock)
    await did(hands, "hush", "kite", number=30)
    assert await hands.take_back() is None
    clock.wall += timedelta(minutes=30)
    await hands.disarm("a test")
    assert hands.next_due is None
    assert await hands.take_back() is None
    await hands.arm("again", None)
    deed = await hands.take_back()
    assert deed is not None
    assert hands.runner is not None
    await hands.runner.idle()
    assert deed.reason == "time is up: it is too loud"
    assert [action for _, action, _ in box.requests] == ["hush", "wake"]
    assert await hands.take_back() is None
    assert hands.measures.standing(clock.now()) == on_disk(tmp_path) == []
    await hands.close()


async def test_what_a_name_would_have_to_be_typed_for_waits_for_a_person(tmp_path: Path) -> None:
    clock, box = StillClock(), Toybox()
    hands = toy_hands(tmp_path, box, clock, protected=True)
    await hands.arm("a test", None)
    assert hands.runner is not None
    plan = await hands.runner.plan("it", Request("hush", ("kite",), 30))
    hands.runner.begin(plan, Confirmation(digest_of(plan, hands.runner.setting("it")), "it is too loud", "it"))
    await hands.runner.idle()
    clock.wall += timedelta(minutes=31)
    assert await hands.take_back() is None
    (one,) = hands.measures.standing(clock.now())
    assert one.overdue(clock.now())
    assert [action for _, action, _ in box.requests] == ["hush"]
    await hands.close()


async def test_a_note_closes_what_somebody_else_has_ended(tmp_path: Path) -> None:
    clock = StillClock()
    hands = await armed(tmp_path, clock=clock)
    await did(hands, "hush", "kite", number=30)
    (one,) = hands.measures.standing(clock.now())
    await close(hands.trail, hands.measures, one, "ann woke it")
    assert hands.measures.standing(clock.now()) == on_disk(tmp_path) == []
    await hands.close()


async def test_a_later_session_takes_over_what_an_earlier_one_began(tmp_path: Path) -> None:
    clock = StillClock()
    first = await armed(tmp_path, clock=clock)
    await did(first, "hush", "kite", number=30)
    await first.close()
    second = await armed(tmp_path, clock=clock)
    second.measures.remember(await second.chronicle(), second.trail.about)
    assert [one.words for one in second.measures.standing(clock.now())] == ["hush kite"]
    clock.wall += timedelta(minutes=30)
    assert await second.take_back() is not None
    await second.close()


async def test_what_a_reverse_never_reached_stays_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StillClock()
    hands = await armed(tmp_path, clock=clock)
    await did(hands, "hush", "kite", "ball", "bear", number=30)
    carry_out = ToyActuator.carry_out

    async def and_stop(self: ToyActuator, *given: Any) -> Outcome:
        assert hands.runner is not None
        for deed in hands.runner.busy:
            deed.stop()
        return await carry_out(self, *given)

    monkeypatch.setattr(ToyActuator, "carry_out", and_stop)
    await did(hands, "wake", "kite", "ball", "bear")
    (one,) = hands.measures.standing(clock.now())
    assert one.reverse == Request("wake", ("ball", "bear"))
    assert on_disk(tmp_path) == [one]
    await hands.close()


async def test_a_longer_measure_on_the_same_rows_takes_the_place_of_the_shorter(tmp_path: Path) -> None:
    clock = StillClock()
    hands = await armed(tmp_path, clock=clock)
    await did(hands, "hush", "kite", number=10)
    await did(hands, "hush", "kite", number=60)
    (one,) = hands.measures.standing(clock.now())
    assert one.due == clock.now() + timedelta(minutes=60)
    assert on_disk(tmp_path) == [one]
    await close(hands.trail, hands.measures, one, "ann woke it")
    assert hands.measures.standing(clock.now()) == on_disk(tmp_path) == []
    await hands.close()


async def test_nothing_is_taken_back_on_another_system_whose_target_has_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StillClock()
    first = await armed(tmp_path, clock=clock)
    await did(first, "hush", "kite", number=10)
    await first.close()
    plan = ToyActuator.plan

    async def elsewhere(self: ToyActuator, request: Request) -> Plan:
        return replace(await plan(self, request), pin=(("box", "2"),))

    monkeypatch.setattr(ToyActuator, "plan", elsewhere)
    box = Toybox()
    second = await armed(tmp_path, box, clock)
    second.measures.remember(await second.chronicle(), second.trail.about)
    clock.wall += timedelta(minutes=11)
    assert await second.take_back() is None
    await did(second, "wake", "kite")
    assert [action for _, action, _ in box.requests] == ["wake"]
    assert len(second.measures.standing(clock.now())) == len(on_disk(tmp_path)) == 1
    await second.close()


async def test_what_another_session_has_made_longer_is_not_ended_early(tmp_path: Path) -> None:
    clock, box = StillClock(), Toybox()
    first, second = await armed(tmp_path, box, clock), await armed(tmp_path, box, clock)
    await did(first, "hush", "kite", number=10)
    await did(second, "hush", "kite", number=60)
    clock.wall += timedelta(minutes=11)
    assert await first.take_back() is None
    assert [action for _, action, _ in box.requests] == ["hush", "hush"]
    assert first.measures.standing(clock.now()) == []
    await first.close()
    await second.close()


async def test_what_is_taken_back_while_it_is_still_looked_at_is_over(tmp_path: Path) -> None:
    clock, box = StillClock(), Toybox(patience=1000, settles=60.0)
    hands = await armed(tmp_path, box, clock)
    runner = hands.runner
    assert runner is not None
    plan = await runner.plan("it", Request("hush", ("kite",), 30))
    runner.begin(plan, Confirmation(digest_of(plan, runner.setting("it")), "it is too loud"))
    async with asyncio.timeout(10):
        while not hands.measures.standing(clock.now()):
            await asyncio.sleep(0.01)
    assert runner.busy
    box.patience = 0
    await runner.idle()
    await did(hands, "wake", "kite")
    assert hands.measures.standing(clock.now()) == on_disk(tmp_path) == []
    await hands.close()


async def test_a_session_that_was_killed_before_any_answer_may_have_begun_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> None:
        """The process is gone by then."""

    hands = await armed(tmp_path)
    monkeypatch.setattr(Runner, "_write", nothing)
    await did(hands, "hush", "kite", number=30)
    assert [one.words for one in on_disk(tmp_path)] == ["hush kite"]
    await hands.close()
