"""The guard: what an act takes, that it never takes less for being worse, and that only what was seen is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.guard import (
    FRESH,
    Confirmation,
    Mode,
    Permit,
    Refusal,
    Setting,
    Tier,
    agreed_of,
    alike,
    digest_of,
    folded,
    judge,
    lock_of,
    needs,
)
from desk.second.rule import CLASSES, GRAVE, Rule
from probes.base import Action, Danger, Number, Plan, Request, SafeText, Subject

TEST = Setting("toys", "test", production=False, protected=False)


def subject(key: str = "ball", **more: Any) -> Subject:
    plain = Subject(key, SafeText(key), (("pid", "1"), ("started", "noon")), SafeText("up"), SafeText("down"))
    return replace(plain, **more)


def plan(*chosen: Subject, danger: Danger = Danger.REVERSIBLE, grave: bool = False, **more: Any) -> Plan:
    plain = Plan(
        target="shelf",
        kind="toy",
        action=Action("wind", "wind up", danger, "Winds a toy up.", grave=grave),
        request=Request("wind", ("ball",), 3),
        place=SafeText("the toybox"),
        pin=(("box", "1"),),
        subjects=chosen or (subject(),),
        command=("toy wind -- ball",),
        looked_at=datetime(2026, 3, 1, tzinfo=UTC),
        danger=danger,
    )
    return replace(plain, **more)


def given_for(one: Plan, setting: Setting, **more: Any) -> Confirmation:
    """Everything a person could be asked for."""
    return replace(Confirmation(digest_of(one, setting), "it stands still", needs(one, setting).typed), **more)


PLANS = st.builds(
    lambda danger, own, count, grave, taken: plan(
        *(subject(f"toy{number}", taken_in=taken and number == 0) for number in range(count)),
        danger=danger,
        grave=grave,
        action=Action("wind", "wind up", own, "Winds.", grave=grave),
    ),
    st.sampled_from(Danger),
    st.sampled_from(Danger),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
RULES = st.builds(Rule, st.frozensets(st.sampled_from([*CLASSES, "wind", "smash"])))
SETTINGS = st.builds(Setting, st.just("toys"), st.just("test"), st.booleans(), st.booleans(), RULES)


# What an act takes


@pytest.mark.parametrize(
    ("one", "setting", "tier"),
    [
        (plan(danger=Danger.READ), replace(TEST, production=True, protected=True), Tier.LOOK),
        (plan(), TEST, Tier.SINGLE),
        (plan(danger=Danger.DISRUPTIVE, grave=True), TEST, Tier.SINGLE),
        (plan(), replace(TEST, production=True), Tier.SERIOUS),
        (plan(subject("a"), subject("b")), TEST, Tier.SERIOUS),
        (plan(subject("a"), subject("b", spared=SafeText("idle"))), TEST, Tier.SINGLE),
        (plan(danger=Danger.DISRUPTIVE), replace(TEST, production=True), Tier.SERIOUS),
        (plan(danger=Danger.DISRUPTIVE, grave=True), replace(TEST, production=True), Tier.GRAVE),
        (plan(subject("a"), subject("b"), danger=Danger.DISRUPTIVE, grave=True), TEST, Tier.GRAVE),
        (plan(), replace(TEST, protected=True), Tier.GRAVE),
        (plan(danger=Danger.DESTRUCTIVE), TEST, Tier.GRAVE),
        (plan(subject("a", taken_in=True)), TEST, Tier.GRAVE),
    ],
)
def test_an_act_takes_what_its_danger_and_its_place_ask_for(one: Plan, setting: Setting, tier: Tier) -> None:
    need = needs(one, setting)
    assert need.tier is tier
    assert need.reason == (tier >= Tier.SERIOUS)
    assert need.typed == ("shelf" if tier is Tier.GRAVE else "")
    assert needs(one, replace(setting, second=GRAVE)).second == (tier is Tier.GRAVE)


WORSE: dict[str, Callable[[Plan, Setting], tuple[Plan, Setting]]] = {
    "danger": lambda one, at: (replace(one, danger=Danger(min(one.danger + 1, 3))), at),
    "the action's danger": lambda one, at: (
        replace(one, action=replace(one.action, danger=Danger(min(one.action.danger + 1, 3)))),
        at,
    ),
    "count": lambda one, at: (replace(one, subjects=(*one.subjects, subject("more"))), at),
    "taken in": lambda one, at: (replace(one, subjects=(*one.subjects, subject("more", taken_in=True))), at),
    "grave": lambda one, at: (replace(one, action=replace(one.action, grave=True)), at),
    "production": lambda one, at: (one, replace(at, production=True)),
    "protected": lambda one, at: (one, replace(at, protected=True)),
    "second": lambda one, at: (one, replace(at, second=at.second.joined(GRAVE))),
}


@given(PLANS, SETTINGS, st.lists(st.sampled_from(sorted(WORSE)), min_size=1, max_size=4))
def test_nothing_takes_less_for_being_worse(one: Plan, setting: Setting, steps: list[str]) -> None:
    before = needs(one, setting)
    for step in steps:
        one, setting = WORSE[step](one, setting)
    after = needs(one, setting)
    assert after.tier >= before.tier
    assert after.reason >= before.reason
    assert bool(after.typed) >= bool(before.typed)
    assert after.second >= before.second


@given(PLANS, SETTINGS)
def test_what_is_said_about_an_act_makes_it_no_less_dangerous(one: Plan, setting: Setting) -> None:
    action = replace(one.action, name="look", title="only look", what="Harmless; reads.", many=False)
    told = replace(one, action=action, place=SafeText("a test"), notes=(SafeText("it is safe"),), undo=SafeText("yes"))
    setting = replace(setting, second=replace(setting.second, classes=setting.second.classes & set(CLASSES)))
    assert needs(told, setting) == needs(one, setting)


@given(st.text(min_size=1))
def test_the_name_to_type_can_be_read_on_the_screen(name: str) -> None:
    typed = needs(plan(target=name, danger=Danger.DESTRUCTIVE), TEST).typed
    assert typed == str(SafeText(name, 60))
    assert typed.isprintable()


# Whether it may be done


@given(PLANS, SETTINGS)
def test_an_armed_session_may_do_what_was_seen_and_asked_for(one: Plan, setting: Setting) -> None:
    verdict = judge(one, setting, Mode.ARMED, given_for(one, setting), 1.0, approved=True)
    assert verdict == Permit(needs(one, setting).tier)


@pytest.mark.parametrize("mode", [Mode.DISARMED, Mode.READ_ONLY])
@given(one=PLANS, setting=SETTINGS)
def test_no_session_that_is_not_armed_may_do_anything(mode: Mode, one: Plan, setting: Setting) -> None:
    assert isinstance(judge(one, setting, mode, given_for(one, setting), 0.0, approved=True), Refusal)


@pytest.mark.parametrize(
    ("change", "age", "said"),
    [
        ({"digest": "0" * 64}, 0.0, "not what was on the screen"),
        ({"digest": ""}, 0.0, "not what was on the screen"),
        ({"reason": " \t"}, 0.0, "a reason is needed"),
        ({"typed": ""}, 0.0, "type shelf to go on"),
        ({"typed": "Shelf"}, 0.0, "type shelf to go on"),
        ({"typed": "shelf "}, 0.0, "type shelf to go on"),
        ({}, FRESH + 0.1, "look again"),
    ],
)
def test_what_is_missing_is_said(change: dict[str, str], age: float, said: str) -> None:
    setting = replace(TEST, protected=True)
    verdict = judge(plan(), setting, Mode.ARMED, given_for(plan(), setting, **change), age)
    assert isinstance(verdict, Refusal)
    assert said in verdict.reason


@pytest.mark.parametrize(
    ("named", "one", "setting"),
    [
        ("grave", plan(), replace(TEST, protected=True)),
        ("destructive", plan(danger=Danger.DESTRUCTIVE), TEST),
        ("disruptive", plan(danger=Danger.DISRUPTIVE), TEST),
        ("disruptive", plan(danger=Danger.DESTRUCTIVE), TEST),
        ("production", plan(), replace(TEST, production=True)),
        ("several", plan(subject("a"), subject("b")), TEST),
        ("protected", plan(), replace(TEST, protected=True)),
        ("wind", plan(), TEST),
    ],
)
def test_each_class_asks_for_a_second_person_and_no_other_does(named: str, one: Plan, setting: Setting) -> None:
    of_it = replace(setting, second=Rule(frozenset({named})))
    assert needs(one, of_it).second
    assert needs(one, of_it).reason, "which the second person is told"
    assert not needs(one, replace(setting, second=Rule(frozenset({"purge"})))).second
    assert not needs(plan(danger=Danger.READ), replace(of_it, second=Rule(frozenset(CLASSES)))).second


def test_what_two_people_agree_on_is_still_that_when_only_counts_have_moved() -> None:
    action = Action("purge", "purge", Danger.DESTRUCTIVE, "Purges.")
    one = plan(subject(before=SafeText("1,203 messages")), action=action)
    moved = plan(subject(before=SafeText("1,310 messages")), action=action)
    assert agreed_of(one, TEST) == agreed_of(moved, TEST)
    assert digest_of(one, TEST) != digest_of(moved, TEST)


@pytest.mark.parametrize(
    "change",
    [
        {"subjects": (subject(identity=(("pid", "2"), ("started", "noon"))),)},
        {"subjects": (subject(), subject("another"))},
        {"subjects": (subject(before=SafeText("down")),)},
        {"subjects": (subject(taken_in=True, spared=SafeText("")), subject("b"))},
        {"target": "another"},
        {"pin": (("box", "2"),)},
        {"request": Request("wind", ("ball",), 4)},
        {"command": ("toy wind --hard -- ball",)},
        {"danger": Danger.DESTRUCTIVE},
    ],
)
def test_what_two_people_agree_on_is_something_else_once_any_of_it_differs(change: dict[str, Any]) -> None:
    assert agreed_of(plan(**change), TEST) != agreed_of(plan(), TEST)


def test_where_a_number_is_set_the_one_it_replaces_is_part_of_what_was_agreed_on() -> None:
    scale = Action("scale", "scale", Danger.REVERSIBLE, "Sets how many.", Number("toys", 1, 9))
    four = plan(subject(before=SafeText("4 toys")), action=scale)
    ten = plan(subject(before=SafeText("10 toys")), action=scale)
    assert agreed_of(four, TEST) != agreed_of(ten, TEST)


def test_a_second_person_is_waited_for_where_the_profile_asks_for_one() -> None:
    setting = replace(TEST, protected=True, second=GRAVE)
    verdict = judge(plan(), setting, Mode.ARMED, given_for(plan(), setting), 0.0)
    assert isinstance(verdict, Refusal)
    assert "second person" in verdict.reason
    assert isinstance(judge(plan(), setting, Mode.ARMED, given_for(plan(), setting), 0.0, approved=True), Permit)


def test_when_everything_is_spared_nothing_is_left_to_do() -> None:
    one = plan(subject(spared=SafeText("somebody plays with it")))
    verdict = judge(one, TEST, Mode.ARMED, given_for(one, TEST), 0.0)
    assert verdict == Refusal("nothing is left to act on")


# What exactly was seen

CHANGES: dict[str, Callable[[Plan, Setting, str], tuple[Plan, Setting]]] = {
    "system": lambda one, at, text: (one, replace(at, system=at.system + text)),
    "environment": lambda one, at, text: (one, replace(at, environment=at.environment + text)),
    "target": lambda one, at, text: (replace(one, target=one.target + text), at),
    "kind": lambda one, at, text: (replace(one, kind=one.kind + text), at),
    "pin": lambda one, at, text: (replace(one, pin=(("box", "1" + text),)), at),
    "pin name": lambda one, at, text: (replace(one, pin=(("box" + text, "1"),)), at),
    "action": lambda one, at, text: (replace(one, action=replace(one.action, name="wind" + text)), at),
    "number": lambda one, at, text: (replace(one, request=replace(one.request, number=3 + len(text))), at),
    "word": lambda one, at, text: (replace(one, request=replace(one.request, word=one.request.word + text + "x")), at),
    "key": lambda one, at, text: (replace(one, subjects=(subject("ball" + text),)), at),
    "identity": lambda one, at, text: (replace(one, subjects=(subject(identity=(("pid", "1" + text),)),)), at),
    "before": lambda one, at, text: (replace(one, subjects=(subject(before=SafeText("up" + text)),)), at),
    "after": lambda one, at, text: (replace(one, subjects=(subject(after=SafeText("down" + text)),)), at),
    "one more": lambda one, at, text: (replace(one, subjects=(*one.subjects, subject(text))), at),
    "one less": lambda one, at, text: (replace(one, subjects=()), at),
    "spared": lambda one, at, text: (replace(one, subjects=(subject(spared=SafeText(text)),)), at),
}


@pytest.mark.parametrize("change", CHANGES)
@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
def test_a_confirmation_is_good_for_nothing_else(change: str, text: str) -> None:
    one, setting = CHANGES[change](plan(), TEST, text)
    assert digest_of(one, setting) != digest_of(plan(), TEST)
    assert isinstance(judge(one, setting, Mode.ARMED, given_for(plan(), TEST), 0.0), Refusal)


@given(PLANS, SETTINGS)
def test_the_same_plan_looked_at_again_has_the_same_digest(one: Plan, setting: Setting) -> None:
    again = replace(one, looked_at=datetime(2027, 1, 1, tzinfo=UTC), notes=(SafeText("a word"),))
    assert digest_of(again, setting) == digest_of(one, setting)


def test_fields_can_not_run_into_each_other() -> None:
    one, other = plan(target="a", kind="bc"), plan(target="ab", kind="c")
    assert digest_of(one, TEST) != digest_of(other, TEST)
    one, other = plan(subject("a"), subject("b")), plan(subject("b"), subject("a"))
    assert digest_of(one, TEST) != digest_of(other, TEST)


def test_two_names_of_one_system_have_one_lock() -> None:
    assert lock_of(plan(target="db")) == lock_of(plan(target="database"))
    assert lock_of(plan(pin=(("box", "2"),))) != lock_of(plan())
    assert lock_of(plan(kind="other")) != lock_of(plan())
    assert lock_of(plan(target="db", pin=())) != lock_of(plan(target="database", pin=()))


# Names that look the same


@pytest.mark.parametrize(
    ("one", "other"),
    [("worker-0", "worker-O"), ("worker_1", "worker-l"), ("modern", "modem"), ("payroll", "раyroll"), ("db１", "dbl")],
)
def test_names_that_look_the_same_are_told(one: str, other: str) -> None:
    found = plan(subject(one), subject("kite"), subject(other))
    assert alike(found) == [(str(SafeText(one)), str(SafeText(other)))]


def test_names_that_differ_are_not_told() -> None:
    assert alike(plan(*(subject(name) for name in ("web-2", "web-3", "worker", "queue")))) == []


@given(st.lists(st.text(), max_size=6))
def test_no_name_is_alike_to_itself_and_each_pair_is_told_once(names: list[str]) -> None:
    pairs = list(alike(plan(*map(subject, names))))
    assert all(one != other and folded(one) == folded(other) for one, other in pairs)
    shown = [str(SafeText(name)) for name in names]
    expected = [
        (one, other)
        for n, one in enumerate(shown)
        for other in shown[n + 1 :]
        if one != other and folded(one) == folded(other)
    ]
    assert pairs == expected
