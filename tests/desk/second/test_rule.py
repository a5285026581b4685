"""Which rule asks for more: what was in force is only left behind when nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.second.rule import CLASSES, GRAVE, NOTHING, Rule

NAMES = st.sampled_from([*CLASSES, "purge", "scale"])
PEOPLE = st.frozensets(st.sampled_from(["ada", "bob", "@oncall"]))
RULES = st.builds(Rule, st.frozensets(NAMES), PEOPLE, st.booleans(), st.frozensets(st.sampled_from(["db", "cache"])))


def named(*classes: str, by: tuple[str, ...] = ()) -> Rule:
    return Rule(frozenset(classes), frozenset(by))


@pytest.mark.parametrize(
    ("new", "old", "holds"),
    [
        (named("destructive", "purge"), named("destructive"), True),
        (named("destructive"), named("destructive", "purge"), False),
        (NOTHING, GRAVE, False),
        (GRAVE, NOTHING, True),
        (GRAVE, named("destructive"), True),
        (named("disruptive"), named("destructive"), True),
        (named("destructive"), named("disruptive"), False),
        (named("grave"), named("production"), False),
        (named("grave", by=("bob",)), named("grave", by=("ada", "bob")), True),
        (named("grave", by=("ada", "bob")), named("grave", by=("bob",)), False),
        (named("grave"), named("grave", by=("bob",)), False),
        (named("grave", by=("bob",)), named("grave"), True),
        (Rule(frozenset({"grave"})), Rule(frozenset({"grave"}), production=True), False),
        (Rule(frozenset({"grave"})), Rule(frozenset({"grave"}), protected=frozenset({"db"})), False),
    ],
)
def test_a_rule_covers_another_when_it_asks_for_all_of_it_of_no_more_people(new: Rule, old: Rule, holds: bool) -> None:
    assert new.covers(old) is holds


@given(RULES, RULES, st.frozensets(NAMES), NAMES)
def test_a_rule_that_covers_another_asks_wherever_that_one_does(
    new: Rule, old: Rule, which: frozenset[str], action: str
) -> None:
    # what an act is of: a destructive one is a disruptive and a grave one too, a protected one is grave
    which |= {"disruptive", "grave"} if "destructive" in which else set()
    which |= {"grave"} if "protected" in which else set()
    action = "wind" if action in CLASSES else action
    if new.covers(old) and old.asks(which, action):
        assert new.asks(which, action)


@given(RULES, RULES)
def test_two_rules_joined_ask_for_what_either_asks_for(one: Rule, two: Rule) -> None:
    both = one.joined(two)
    assert one.classes | two.classes == both.classes
    assert all(rule.production <= both.production and rule.protected <= both.protected for rule in (one, two) if rule)


@given(RULES, RULES)
def test_two_rules_joined_let_nobody_agree_whom_the_one_before_does_not_let(now: Rule, before: Rule) -> None:
    both = now.joined(before)
    if before and before.approvers:
        assert both.approvers
        assert both.approvers <= before.approvers


@given(RULES)
def test_a_rule_is_read_back_as_it_was_told(one: Rule) -> None:
    assert Rule.read(one.told) == one
    assert one.covers(one)


@pytest.mark.parametrize("told", [None, [], {}, {"classes": ["grave"]}, {**GRAVE.told, "classes": "grave"},
                                  {**GRAVE.told, "production": 1}, {**GRAVE.told, "approvers": [1]}])  # fmt: skip
def test_what_is_no_rule_is_refused(told: object) -> None:
    with pytest.raises(ValueError, match="it is no rule"):
        Rule.read(told)
