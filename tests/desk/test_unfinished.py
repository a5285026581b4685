"""Acts whose end nobody knows: told in words, looked into by what was recorded, closed with a note, never repeated."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.actions import about, told
from desk.actor import Process, who
from desk.audit import Code, Record, Trail, Unfinished, Unrecorded
from desk.audit.record import START, parse
from desk.deed import Step
from desk.guard import Confirmation, digest_of
from desk.hands import Hands
from desk.ids import new_id
from desk.unfinished import case, restored, settle
from probes.base import Plan, Request, Result, SafeText, Subject, Target, Truth, Verdict
from tests.toyhands import WIND, ToyActuator, Toybox, context, toy_hands
from tests.toys import StillClock, ToySettings


@pytest.fixture(autouse=True)
def _a_short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desk.actions._LEAVING", 0.1)


def actuator(box: Toybox | None = None) -> ToyActuator:
    return ToyActuator(Target("it", "toy", ToySettings()), context(StillClock()), box)


async def died(folder: Path, box: Toybox, sent: bool = True) -> Step:
    """A session that ended in the middle of an act, without a word."""
    hands = toy_hands(folder, box)
    hands.trail.actor = replace(who({}), process=Process(2, "never", "another boot"))
    await hands.arm("a test", None)
    assert hands.runner is not None
    plan = await hands.runner.plan("it", Request("wind", ("ball",)))
    box.fault = "hangs after" if sent else "hangs before"
    object.__setattr__(plan, "answers", 60.0)
    deed = hands.runner.begin(plan, Confirmation(digest_of(plan, hands.runner.setting("it"))))
    async with asyncio.timeout(10):
        while not (deed.steps[0].sent if sent else deed.steps[0].stage.value == "asking"):
            await asyncio.sleep(0)
        while sent and not box.requests:
            await asyncio.sleep(0)
    hands.trail._chain._sinks = ()  # from here on it is dead
    hands.trail._opened = False
    await hands.close()
    box.fault = ""
    return deed.steps[0]


def next_session(folder: Path, box: Toybox) -> Hands:
    return toy_hands(folder, box)


async def test_what_was_sent_is_looked_into_and_closed_and_never_sent_again(tmp_path: Path) -> None:
    box = Toybox()
    step = await died(tmp_path, box)
    hands = next_session(tmp_path, box)
    (one,) = (await hands.chronicle()).unfinished()
    found = case(one)
    assert (found.act, found.target, one.sent) == (step.act, "it", True)
    assert found.words == "wind ball (toy it)"
    assert found.said == "the session ended after the request was sent"
    prober = hands.prober()
    verdict = await prober.look_back(found)
    await hands.done_looking(prober)
    assert found.found(verdict) == "applied: it is another one"
    await settle(hands.trail, found, "seen in the shop", found.found(verdict))
    whole = await hands.chronicle()
    assert whole.unfinished() == []
    assert whole.problems == ()
    assert whole.records()[-1].data == {
        "act": step.act,
        "note": "seen in the shop",
        "found": "applied: it is another one",
    }
    assert [act for act, *_ in box.requests] == [step.act]
    await hands.close()


async def test_what_was_not_sent_is_found_not_to_be_so(tmp_path: Path) -> None:
    box = Toybox()
    await died(tmp_path, box, sent=False)
    hands = next_session(tmp_path, box)
    (one,) = (await hands.chronicle()).unfinished()
    found = case(one)
    assert found.said == "the session ended before the request was sent"
    prober = hands.prober()
    assert found.found(await prober.look_back(found)) == "not applied: it is the old one"
    await hands.done_looking(prober)
    assert box.requests == []
    await hands.close()


async def test_what_looks_back_does_nothing_before_the_session_is_armed(tmp_path: Path) -> None:
    box = Toybox()
    hands = next_session(tmp_path, box)
    prober = hands.prober()
    assert prober is not hands.runner
    plan = await prober.plan("it", Request("wind", ("ball",)))
    deed = prober.begin(plan, Confirmation(digest_of(plan, prober.setting("it"))))
    await prober.idle()
    assert deed.refused == "the session is no longer armed"
    assert box.requests == []
    await hands.arm("a test", None)
    assert hands.prober() is hands.runner
    await hands.done_looking(hands.prober())
    assert (await hands.prober().plan("it", Request("wind", ("ball",)))).subjects, "the session's own hands stay"
    await hands.close()


async def test_an_act_on_a_target_that_is_not_there_any_more_can_not_be_told_of(tmp_path: Path) -> None:
    hands = next_session(tmp_path, Toybox())
    found = case(Unfinished(recorded({"act": "a", "target": "elsewhere"}), None, True))
    verdict = await hands.prober().look_back(found)
    assert found.found(verdict).startswith("cannot tell: ")
    await hands.close()


@pytest.mark.parametrize(
    ("truth", "says"),
    [
        (Truth.CONFIRMED, "applied: so"),
        (Truth.REFUTED, "not applied: so"),
        (Truth.PENDING, "not yet true: so"),
        (Truth.UNKNOWN, "cannot tell: so"),
    ],
)
def test_each_finding_has_its_words(truth: Truth, says: str) -> None:
    assert case(Unfinished(recorded({}), None, False)).found(Verdict(truth, SafeText("so"))) == says


NAMES = st.text(max_size=30)
PAIRS = st.lists(st.tuples(NAMES, NAMES), max_size=4).map(tuple)
SUBJECTS = st.builds(
    Subject,
    key=NAMES,
    name=NAMES.map(SafeText),
    identity=PAIRS,
    before=NAMES.map(SafeText),
    after=NAMES.map(SafeText),
)
PLANS = st.builds(
    Plan,
    target=NAMES,
    kind=st.just("toy"),
    action=st.just(WIND),
    request=st.builds(
        Request, st.just("wind"), st.lists(NAMES, max_size=3).map(tuple), st.none() | st.integers(-5, 10**6)
    ),
    place=NAMES.map(SafeText),
    pin=PAIRS,
    subjects=SUBJECTS.map(lambda one: (one,)),
    command=st.lists(NAMES, max_size=3).map(tuple),
    looked_at=st.datetimes(timezones=st.just(UTC)),
    danger=st.sampled_from([WIND.danger, *list(type(WIND.danger))]),
)


def recorded(data: dict[str, Any], code: Code = Code.INTENT) -> Record:
    """A record as the next session reads it."""
    return parse(Record(new_id(), 0, StillClock().now(), code, json.loads(json.dumps(data)), START).line)


def as_intent(plan: Plan) -> dict[str, Any]:
    step = Step(plan.subjects[0])
    return {"deed": "d", "act": step.act, "reason": "", **about(plan), "subject": told(step)}


@settings(max_examples=40)
@given(PLANS)
def test_a_plan_read_back_looks_at_the_same_thing(plan: Plan) -> None:
    data = as_intent(plan)
    again = restored(recorded(data), actuator())
    assert again is not None
    assert again[0] == replace(plan, looked_at=again[0].looked_at)
    assert again[0].looked_at == plan.looked_at
    assert again[1].subject == plan.subjects[0]
    assert again[1].act == data["act"]
    assert again[1].outcome is None


@given(PLANS, st.data())
def test_an_intent_that_lacks_something_is_not_guessed_at(plan: Plan, data: st.DataObject) -> None:
    whole = as_intent(plan)
    needed = [
        "target",
        "kind",
        "action",
        "subjects",
        "place",
        "pin",
        "command",
        "danger",
        "looked_at",
        "subject",
        "act",
    ]
    name = data.draw(st.sampled_from(needed))
    less = {key: value for key, value in whole.items() if key != name}
    assert restored(recorded(less), actuator()) is None
    wrong = whole | {name: data.draw(st.sampled_from([None, 7, [["a"]]]))}
    found = restored(recorded(wrong), actuator())
    assert found is None or name in ("target", "place", "act", "command", "subjects", "pin")


@pytest.mark.parametrize("change", [{"kind": "other"}, {"action": "dance"}, {"action": None}])
def test_an_act_of_a_kind_that_has_changed_since_can_not_be_looked_into(change: dict[str, Any]) -> None:
    plan = Plan(
        "it", "toy", WIND, Request("wind", ("ball",)), SafeText("x"), (), (Subject("ball", SafeText("ball"), (),
        SafeText(""), SafeText("")),), (), StillClock().now(), WIND.danger,
    )  # fmt: skip
    assert restored(recorded(as_intent(plan)), actuator()) is not None
    assert restored(recorded(as_intent(plan) | change), actuator()) is None


def test_an_unclear_answer_is_told_with_its_words_and_facts() -> None:
    answer = recorded({"act": "a", "words": "the line went dead", "facts": {"id": "7"}}, Code.UNKNOWN)
    one = Unfinished(recorded({"act": "a"}), answer, True)
    assert case(one).said == "no clear answer: the line went dead"
    outcome = case(one).outcome
    assert (outcome.result, str(outcome.words), outcome.facts) == (
        Result.UNKNOWN,
        "the line went dead",
        (("id", "7"),),
    )


def test_without_an_answer_its_outcome_is_unknown() -> None:
    assert case(Unfinished(recorded({"act": "a"}), None, True)).outcome.result is Result.UNKNOWN


def test_an_act_known_by_its_sending_only_is_told_as_such() -> None:
    found = case(Unfinished(recorded({"act": "a"}, Code.SENT), None, True))
    assert found.words == "act a: what was wanted stands in the system's log only"
    assert restored(found.intent, actuator()) is None


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=30)), st.text(), st.text())
def test_no_record_steers_a_terminal(data: dict[str, str], name: str, words: str) -> None:
    data |= {"act": "a", "action": name}
    answer = recorded({"words": words}, Code.UNKNOWN)
    for one in (Unfinished(recorded(data), None, False), Unfinished(recorded(data), answer, True)):
        assert case(one).words.isprintable()
        assert case(one).said.isprintable()


async def test_what_can_not_be_recorded_is_not_closed(tmp_path: Path) -> None:
    trail = Trail(tmp_path, who({}), StillClock(), {})
    trail._chain._sinks = ()
    with pytest.raises(Unrecorded):
        await settle(trail, case(Unfinished(recorded({"act": "a"}), None, False)), "a note", "applied")
    await trail.close()
