"""Arming: a session acts only while it is armed, falls back by itself, and leaves no act without an end on record."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.audit import Code, Unrecorded
from desk.audit.chronicle import read
from desk.clock import SystemClock
from desk.deed import Deed, Stage
from desk.guard import Confirmation, Mode, digest_of
from desk.hands import MINUTES, Hands
from probes.base import Request, Result, Truth
from tests.toyhands import Toybox, toy_hands
from tests.toys import StillClock


@pytest.fixture(autouse=True)
def _a_short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.actions._LEAVING", 0.1)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.001)


async def begun(hands: Hands, *subjects: str, action: str = "wind", **more: float) -> Deed:
    """An act that is under way; `more` changes how long it may take."""
    assert hands.runner is not None
    plan = await hands.runner.plan("it", Request(action, subjects or ("ball",)))
    plan = replace(plan, **more)  # type: ignore[arg-type]
    given = Confirmation(digest_of(plan, hands.runner.setting("it")), "because", "it")
    return hands.runner.begin(plan, given)


def codes(folder: Path) -> list[str]:
    return [record.code.value for record in read(folder / "audit").records()]


async def test_a_session_starts_without_hands(tmp_path: Path) -> None:
    hands = toy_hands(tmp_path, Toybox())
    assert (hands.mode, hands.runner, hands.reason, hands.left) == (Mode.DISARMED, None, "", None)
    await hands.close()
    assert os.listdir(tmp_path) == [], "nothing was done, nothing is written"


async def test_arming_says_why_and_until_when(tmp_path: Path) -> None:
    clock = StillClock()
    hands = toy_hands(tmp_path, Toybox(), clock=clock)
    await hands.arm("the queue stands still", MINUTES)
    clock.seconds += 60
    assert (hands.mode, hands.reason, hands.left) == (Mode.ARMED, "the queue stands still", 540.0)
    (armed,) = [one for one in read(tmp_path / "audit").records() if one.code is Code.ARMED]
    assert armed.data == {"reason": "the queue stands still", "minutes": 10}
    await hands.close()


async def test_it_falls_back_by_itself_at_the_very_moment_without_being_asked(tmp_path: Path) -> None:
    clock, box = StillClock(), Toybox()
    hands = toy_hands(tmp_path, box, clock=clock)
    await hands.arm("a test", 10)
    clock.seconds += 599.9
    assert hands.mode is Mode.ARMED
    assert not await hands.fall_back()
    clock.seconds += 0.1
    assert (hands.mode, hands.reason, hands.left) == (Mode.DISARMED, "", None)
    deed = await begun(hands)
    assert hands.runner is not None
    await hands.runner.idle()
    assert deed.refused == "the session is no longer armed"
    assert box.requests == []
    assert await hands.fall_back()
    assert hands.runner is None
    assert not await hands.fall_back()
    assert codes(tmp_path)[-1] == "arm.ended"
    await hands.close()


async def test_arming_again_gives_the_time_anew_and_keeps_the_runner(tmp_path: Path) -> None:
    clock = StillClock()
    hands = toy_hands(tmp_path, Toybox(), clock=clock)
    await hands.arm("first", 10)
    runner = hands.runner
    clock.seconds += 300
    await hands.arm("second", 10)
    assert (hands.left, hands.reason) == (600.0, "second")
    assert hands.runner is runner
    await hands.arm("third", None)
    clock.seconds += 1e9
    assert (hands.mode, hands.left) == (Mode.ARMED, None)
    await hands.close()


async def test_it_can_not_be_armed_when_that_can_not_be_recorded(tmp_path: Path) -> None:
    hands = toy_hands(tmp_path, Toybox())
    hands.trail._chain._sinks = ()
    with pytest.raises(Unrecorded):
        await hands.arm("a test", 10)
    assert (hands.mode, hands.runner) == (Mode.DISARMED, None)
    await hands.close()


async def test_it_stays_as_long_armed_as_it_was_when_arming_again_is_not_recorded(tmp_path: Path) -> None:
    clock = StillClock()
    hands = toy_hands(tmp_path, Toybox(), clock=clock)
    await hands.arm("first", 10)
    hands.trail._chain._sinks = ()
    with pytest.raises(Unrecorded):
        await hands.arm("second", 60)
    assert (hands.reason, hands.left) == ("first", 600.0)
    await hands.close()


async def test_the_passive_file_forbids_at_once(tmp_path: Path) -> None:
    box, passive = Toybox(), tmp_path / "passive"
    hands = toy_hands(tmp_path, box, passive=passive)
    await hands.arm("a test", None)
    passive.touch()
    assert (hands.mode, hands.forbidden, hands.reason, hands.left) == (Mode.READ_ONLY, True, "", None)
    deed = await begun(hands)
    assert hands.runner is not None
    await hands.runner.idle()
    assert deed.refused == "the session is read-only"
    assert box.requests == []
    assert await hands.fall_back()
    assert read(tmp_path / "audit").records()[-1].data == {"why": "acts are forbidden on this machine"}
    passive.unlink()
    assert not await hands.fall_back()
    assert hands.runner is None, "it does not rise by itself again"
    await hands.close()


async def test_the_passive_file_stops_a_deed_between_two_subjects(tmp_path: Path) -> None:
    passive = tmp_path / "passive"
    box = Toybox()
    hands = toy_hands(tmp_path, box, passive=passive)
    await hands.arm("a test", None)
    deed = await begun(hands, "ball", "kite", "bear")
    await until(lambda: bool(box.requests))
    passive.touch()
    assert hands.runner is not None
    await hands.runner.idle()
    sent = [name for *_, name in box.requests]
    assert [step.stage for step in deed.steps[len(sent) :]] == [Stage.LEFT] * (3 - len(sent))
    assert 1 <= len(sent) < 3
    await hands.close()


@pytest.mark.parametrize("how", ["time", "passive file", "by hand"])
async def test_an_act_under_way_comes_to_its_end_and_nothing_new_begins(tmp_path: Path, how: str) -> None:
    clock, box, passive = StillClock(), Toybox(patience=20), tmp_path / "passive"
    hands = toy_hands(tmp_path, box, clock=clock, passive=passive)
    await hands.arm("a test", 10)
    runner = hands.runner
    deed = await begun(hands, "ball", "kite", action="restart", settles=3600.0)
    await until(lambda: bool(box.requests))
    if how == "time":
        clock.seconds += 600
    elif how == "passive file":
        passive.touch()
    if how == "by hand":
        await hands.disarm("done")
    else:
        assert await hands.fall_back()
    assert hands.mode is not Mode.ARMED
    assert hands.runner is None
    assert runner is not None
    async with asyncio.timeout(10):
        await runner.idle()
    assert [name for *_, name in box.requests] == ["ball"]
    assert [step.truth for step in deed.steps] == [Truth.CONFIRMED, None]
    assert deed.steps[1].stage is Stage.LEFT
    assert codes(tmp_path)[-1] == "act.verdict"
    assert codes(tmp_path).count("arm.ended") == 1
    await until(lambda: not hands._retired)
    await hands.close()


async def test_a_session_armed_anew_has_new_hands_while_the_old_ones_finish(tmp_path: Path) -> None:
    box = Toybox(patience=40)
    hands = toy_hands(tmp_path, box)
    await hands.arm("first", None)
    old = hands.runner
    deed = await begun(hands)
    await until(lambda: bool(box.requests))
    await hands.disarm("a pause")
    await hands.arm("second", None)
    assert hands.runner is not None
    assert hands.runner is not old
    other = await begun(hands, "kite")
    await hands.runner.idle()
    assert other.refused.startswith("one act at a time:")
    assert old is not None
    await old.idle()
    assert deed.result is Truth.CONFIRMED
    await hands.close()


@pytest.mark.parametrize("disarmed", [False, True])
async def test_leaving_writes_down_that_the_end_of_an_act_is_unknown(tmp_path: Path, disarmed: bool) -> None:
    box = Toybox(fault="hangs after")
    hands = toy_hands(tmp_path, box, clock=SystemClock())
    await hands.arm("a test", None)
    deed = await begun(hands, answers=60.0)
    await until(lambda: bool(box.requests))
    if disarmed:
        await hands.disarm("enough")
    async with asyncio.timeout(10):
        await hands.close()
    assert deed.steps[0].outcome is not None
    assert deed.steps[0].outcome.result is Result.UNKNOWN
    assert codes(tmp_path)[-2:] == ["act.unknown", "session.closed"]
    assert [one.act for one in _as_if_dead(tmp_path)] == [deed.steps[0].act]


def _as_if_dead(folder: Path) -> list[Any]:
    """What the next session would find unfinished."""
    whole = read(folder / "audit")
    for chapter in whole.chapters:
        chapter.process = None
    return whole.unfinished()


async def test_leaving_between_the_intent_and_the_request_sends_nothing(tmp_path: Path) -> None:
    box = Toybox(fault="hangs before")
    hands = toy_hands(tmp_path, box, clock=SystemClock())
    await hands.arm("a test", None)
    deed = await begun(hands, answers=60.0)
    await until(lambda: deed.steps[0].stage is Stage.SENDING)
    await hands.close()
    assert box.requests == []
    assert codes(tmp_path)[-2:] == ["act.failed", "session.closed"]
    assert _as_if_dead(tmp_path) == []


async def test_an_act_that_can_not_end_is_cut_and_nobody_waits_for_it_longer(tmp_path: Path) -> None:
    box = Toybox(fault="hangs after")
    hands = toy_hands(tmp_path, box, clock=SystemClock())
    await hands.arm("a test", None)
    deed = await begun(hands, answers=1.5)
    await until(lambda: deed.over)
    assert box.aborted.is_set()
    assert deed.steps[0].outcome is not None
    assert deed.steps[0].outcome.result is Result.UNKNOWN
    assert len(box.requests) == 1
    await hands.close()


async def test_the_whole_audit_is_read_beside_the_loop(tmp_path: Path) -> None:
    hands = toy_hands(tmp_path, Toybox())
    await hands.arm("a test", None)
    whole = await hands.chronicle()
    assert [record.code for record in whole.records()] == [Code.SESSION_OPENED, Code.ARMED]
    assert whole.problems == ()
    await hands.close()
