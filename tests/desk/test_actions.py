"""The one door: what is done is done once, to the right thing, on record before it leaves; what isn't known is said."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.audit import Code
from desk.audit.chronicle import read
from desk.clock import SystemClock
from desk.deed import Deed, Stage
from desk.guard import Confirmation, digest_of
from desk.hands import Hands
from probes.base import Cause, Outcome, Plan, ProbeError, Request, Result, SafeText, Subject, Truth, Verdict
from tests.toyhands import Toybox, toy_hands
from tests.toys import StillClock


async def armed(folder: Path, box: Toybox, **more: Any) -> Hands:
    hands = toy_hands(folder, box, **more)
    await hands.arm("a test", None)
    return hands


async def planned(hands: Hands, action: str, *subjects: str, number: int | None = None) -> Plan:
    assert hands.runner is not None
    return await hands.runner.plan("it", Request(action, subjects, number))


async def done(hands: Hands, plan: Plan, reason: str = "", typed: str = "") -> Deed:
    assert hands.runner is not None
    setting = hands.runner.setting("it")
    deed = hands.runner.begin(plan, Confirmation(digest_of(plan, setting), reason, typed))
    async with asyncio.timeout(10):
        await hands.runner.idle()
    return deed


def codes(folder: Path) -> list[str]:
    return [record.code.value for record in read(folder / "audit").records()]


async def test_what_can_not_be_told_for_good_is_not_looked_at_until_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Toybox(settles=60.0)
    hands = await armed(tmp_path, box)

    async def unknown(*_: object) -> Verdict:
        box.looks += 1
        return Verdict(Truth.UNKNOWN, SafeText("gone, by whomever"), final=box.looks == 3)

    monkeypatch.setattr("tests.toyhands.ToyActuator.verify", unknown)
    deed = await done(hands, await planned(hands, "wind", "ball"))
    assert (deed.result, box.looks) == (Truth.UNKNOWN, 3)
    assert codes(tmp_path)[-2:] == ["act.done", "act.verdict"]
    await hands.close()


async def test_what_goes_on_is_told_when_a_person_wants_no_more_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Toybox(patience=10**9, settles=60.0)
    hands = await armed(tmp_path, box)
    told: list[tuple[str, str]] = []

    def leave_off(_: object, plan: Plan, subject: Subject, outcome: Outcome) -> None:
        told.append((subject.key, str(outcome.words)))
        box.patience = 0

    monkeypatch.setattr("tests.toyhands.ToyActuator.leave_off", leave_off)
    plan = await planned(hands, "wind", "ball")
    assert hands.runner is not None
    deed = hands.runner.begin(plan, Confirmation(digest_of(plan, hands.runner.setting("it")), "", ""))
    async with asyncio.timeout(10):
        while box.looks < 3:
            await asyncio.sleep(0.01)
        assert told == []
        deed.stop()
        await hands.runner.idle()
    assert told[0] == ("ball", "it is done")
    assert deed.result is Truth.CONFIRMED
    await hands.close()


async def test_an_act_is_asked_once_recorded_first_and_looked_at_until_it_is_true(tmp_path: Path) -> None:
    box = Toybox(patience=3)
    hands = await armed(tmp_path, box)
    deed = await done(hands, await planned(hands, "wind", "ball"))
    assert deed.result is Truth.CONFIRMED
    assert [(action, name) for _, action, name in box.requests] == [("wind", "ball")]
    assert box.requests[0][0] == deed.steps[0].act
    assert codes(tmp_path) == [
        "session.opened", "arm.granted", "act.intent", "act.sent", "act.done", "act.verdict",
    ]  # fmt: skip
    await hands.close()
    assert read(tmp_path / "audit").problems == ()


async def test_the_intent_names_who_what_exactly_and_why(tmp_path: Path) -> None:
    hands = await armed(tmp_path, Toybox(), production=True)
    await done(hands, await planned(hands, "wind", "ball"), reason="it stands still")
    intent = next(one for one in read(tmp_path / "audit").records() if one.code is Code.INTENT)
    assert intent.data["reason"] == "it stands still"
    assert intent.data["subject"]["identity"] == [["name", "ball"], ["made", "1"]]
    assert intent.data["command"] == ["toy wind -- ball"]
    opened = read(tmp_path / "audit").records()[0]
    assert opened.data["actor"]["name"]
    assert opened.data["process"]["pid"]


async def test_what_changed_since_the_look_is_not_touched(tmp_path: Path) -> None:
    box = Toybox()
    hands = await armed(tmp_path, box)
    plan = await planned(hands, "wind", "ball")
    box.made["ball"] = 7
    deed = await done(hands, plan)
    assert deed.result is Result.REFUSED
    assert box.requests == []


@pytest.mark.parametrize(
    ("fault", "requests", "result", "whole"),
    [
        ("denied", 0, Result.FAILED, Result.FAILED),
        ("bug before", 0, Result.FAILED, Result.FAILED),
        ("hangs before", 0, Result.FAILED, Result.FAILED),
        ("says no", 1, Result.FAILED, Result.FAILED),
        ("lost", 1, Result.UNKNOWN, Truth.CONFIRMED),
        ("hangs after", 1, Result.UNKNOWN, Truth.CONFIRMED),
        ("bug after", 1, Result.UNKNOWN, Truth.CONFIRMED),
    ],
)
async def test_however_an_answer_fails_there_is_one_request_at_most(
    tmp_path: Path, fault: str, requests: int, result: Result, whole: Result | Truth
) -> None:
    box = Toybox(fault=fault)
    hands = await armed(tmp_path, box)
    deed = await done(hands, await planned(hands, "wind", "ball"))
    assert len(box.requests) == requests
    assert deed.steps[0].outcome is not None
    assert deed.steps[0].outcome.result is result
    assert deed.result is whole


async def test_an_unknown_outcome_that_can_not_be_looked_at_stays_unknown(tmp_path: Path) -> None:
    box = Toybox(fault="lost", becomes=Truth.UNKNOWN)
    hands = await armed(tmp_path, box, clock=SystemClock())
    deed = await done(hands, await planned(hands, "wind", "ball"))
    assert deed.result is Truth.UNKNOWN
    assert len(box.requests) == 1


async def test_what_never_becomes_true_is_given_up_on_in_time(tmp_path: Path) -> None:
    clock = StillClock()
    box = Toybox(patience=10_000)
    hands = await armed(tmp_path, box, clock=clock)
    assert hands.runner is not None
    plan = await planned(hands, "wind", "ball")
    deed = hands.runner.begin(plan, Confirmation(digest_of(plan, hands.runner.setting("it"))))
    while deed.steps[0].verdict is None:
        await asyncio.sleep(0)
    clock.seconds += 2
    async with asyncio.timeout(10):
        await hands.runner.idle()
    assert deed.steps[0].truth is Truth.PENDING
    assert deed.result is Truth.REFUTED


async def test_each_of_several_gets_its_own_request_and_its_own_result(tmp_path: Path) -> None:
    box = Toybox()
    hands = await armed(tmp_path, box)
    plan = await planned(hands, "terminate", "ball", "kite", "bear")
    box.made["kite"] = 9
    deed = await done(hands, plan, reason="all of them", typed="it")
    assert [name for *_, name in box.requests] == ["ball", "bear"]
    assert len({act for act, *_ in box.requests}) == 2
    assert [step.outcome.result for step in deed.steps if step.outcome] == [Result.DONE, Result.REFUSED, Result.DONE]
    assert deed.result is Result.PARTIAL


async def test_a_rolling_act_stops_where_one_does_not_come_back(tmp_path: Path) -> None:
    box = Toybox(becomes=Truth.REFUTED)
    hands = await armed(tmp_path, box)
    deed = await done(hands, await planned(hands, "restart", "ball", "kite"), reason="roll")
    assert [name for *_, name in box.requests] == ["ball"]
    assert deed.steps[1].stage is Stage.LEFT


async def test_what_is_spared_is_left_out_unless_it_is_taken_in_by_hand(tmp_path: Path) -> None:
    box = Toybox(spared=frozenset({"kite", "bear"}))
    hands = await armed(tmp_path, box)
    plan = await planned(hands, "wind", "ball", "kite", "bear")
    assert [one.key for one in plan.chosen] == ["ball"]
    widened = plan.taking_in({"kite", "bear"})
    assert [one.key for one in widened.chosen] == ["ball", "kite"], "a barred one can't be taken in"
    deed = await done(hands, widened, reason="both", typed="it")
    assert deed.result is Truth.CONFIRMED
    assert [name for *_, name in box.requests] == ["ball", "kite"]


async def test_one_act_at_a_time_on_one_system(tmp_path: Path) -> None:
    box = Toybox(patience=30)
    first, second = await armed(tmp_path, box), await armed(tmp_path, box)
    assert first.runner is not None
    plan, other = await planned(first, "wind", "ball"), await planned(second, "wind", "kite")
    deed = first.runner.begin(plan, Confirmation(digest_of(plan, first.runner.setting("it"))))
    while not box.requests:
        await asyncio.sleep(0)
    refused = await done(second, other)
    assert refused.refused.startswith("one act at a time:")
    assert "wind up to ball" in refused.refused
    await first.runner.idle()
    assert deed.result is Truth.CONFIRMED
    assert (await done(second, await planned(second, "wind", "kite"))).result is Truth.CONFIRMED


@pytest.mark.parametrize(("fault", "free"), [("", True), ("lost", False)])
async def test_a_long_look_does_not_keep_others_out_unless_nobody_knows_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, free: bool
) -> None:
    monkeypatch.setattr("desk.actions.HOLDING", 0.05)
    box = Toybox(patience=60, settles=30)
    first, second = await armed(tmp_path, box, clock=SystemClock()), await armed(tmp_path, box, clock=SystemClock())
    assert first.runner is not None
    plan, other = await planned(first, "wind", "ball"), await planned(second, "wind", "kite")
    box.fault = fault
    deed = first.runner.begin(plan, Confirmation(digest_of(plan, first.runner.setting("it"))))
    while box.looks < 20:
        await asyncio.sleep(0)
    box.fault = ""
    assert not deed.over
    later = await done(second, other)
    assert (later.refused == "") is free
    await first.runner.idle()
    assert deed.over


async def test_what_was_not_on_the_screen_is_not_done(tmp_path: Path) -> None:
    box = Toybox()
    hands = await armed(tmp_path, box)
    assert hands.runner is not None
    plan, other = await planned(hands, "wind", "ball"), await planned(hands, "smash", "bear")
    deed = hands.runner.begin(other, Confirmation(digest_of(plan, hands.runner.setting("it"))))
    await hands.runner.idle()
    assert deed.refused == "it is not what was on the screen"
    assert box.requests == []


async def test_an_old_look_is_not_acted_on(tmp_path: Path) -> None:
    clock, box = StillClock(), Toybox()
    hands = await armed(tmp_path, box, clock=clock)
    plan = await planned(hands, "wind", "ball")
    clock.wall += timedelta(seconds=61)
    deed = await done(hands, plan)
    assert "look again" in deed.refused
    assert box.requests == []


async def test_without_a_record_nothing_is_sent(tmp_path: Path) -> None:
    box = Toybox()
    hands = await armed(tmp_path, box)
    plan = await planned(hands, "wind", "ball")
    hands.trail._chain._sinks = ()
    deed = await done(hands, plan)
    assert deed.result is Result.REFUSED
    assert "nothing was sent" in deed.refused
    assert box.requests == []


async def test_what_can_not_be_recorded_afterwards_is_said_and_asked_about_later(tmp_path: Path) -> None:
    box = Toybox(patience=2)
    hands = await armed(tmp_path, box)
    assert hands.runner is not None
    plan = await planned(hands, "wind", "ball")
    deed = hands.runner.begin(plan, Confirmation(digest_of(plan, hands.runner.setting("it"))))
    while not box.requests:
        await asyncio.sleep(0)
    hands.trail._chain._sinks = ()
    await hands.runner.idle()
    assert deed.unrecorded
    (path,) = (tmp_path / "audit").glob("*.jsonl")
    assert json.loads(path.read_bytes().splitlines()[-1])["code"] == "act.sent"


async def test_leaving_in_the_middle_of_an_act_writes_down_that_its_end_is_unknown(tmp_path: Path) -> None:
    box = Toybox(fault="hangs after")
    hands = await armed(tmp_path, box)
    assert hands.runner is not None
    plan = await planned(hands, "wind", "ball")
    object.__setattr__(plan, "answers", 60.0)
    hands.runner.begin(plan, Confirmation(digest_of(plan, hands.runner.setting("it"))))
    while not box.requests:
        await asyncio.sleep(0)
    async with asyncio.timeout(8):
        await hands.close()
    assert codes(tmp_path)[-2:] == ["act.unknown", "session.closed"]


async def test_a_look_that_fails_says_why_and_changes_nothing(tmp_path: Path) -> None:
    hands = await armed(tmp_path, Toybox())
    with pytest.raises(ProbeError) as raised:
        await planned(hands, "wind", "dragon")
    assert raised.value.cause is Cause.GONE
    assert hands.runner is not None
    with pytest.raises(ProbeError) as raised:
        await hands.runner.plan("elsewhere", Request("wind", ("ball",)))
    assert raised.value.cause is Cause.MISSING


async def test_a_pasted_command_is_taken_by_the_target_that_knows_it(tmp_path: Path) -> None:
    hands = await armed(tmp_path, Toybox())
    assert hands.runner is not None
    ((target, meant),) = hands.runner.recognised("sudo toy restart -- ball kite")
    assert (target, meant.request) == ("it", Request("restart", ("ball", "kite")))
    assert hands.runner.recognised("docker restart ball") == []
