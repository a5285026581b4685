"""Rules: when they speak, when they stay silent, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.board import Board
from desk.rules import Alert, RuleBook, RuleChange, rules_for
from probes.base import (
    Cause,
    Failure,
    Gauges,
    GaugeSpec,
    Missing,
    Rule,
    SafeText,
    Severity,
    Snapshot,
    Unit,
)
from tests.toys import StillClock, ToyFacts, target

SPECS = (
    GaugeSpec("depth", "waiting jobs"),
    GaugeSpec("growth_per_second", "growth", Unit.PER_SECOND),
    GaugeSpec("hit_ratio", "hit rate", Unit.RATIO),
    GaugeSpec("lookups", "lookups in the window"),
)


def rule(**changes: Any) -> Rule:
    base: dict[str, Any] = {
        "name": "backlog",
        "gauge": "depth",
        "op": ">",
        "threshold": 100,
        "severity": Severity.WARNING,
        "say": "{queue}: {value} waiting, growing {growth_per_second}",
    }
    return Rule(**{**base, **changes})


class Desk:
    """A board and a rule book, fed by hand."""

    def __init__(self, *rules: Rule) -> None:
        self.clock = StillClock()
        self.board = Board([target()], self.clock)
        self.book = RuleBook("shelf", rules, SPECS)

    def read(self, after: float = 1.0, **gauges: float | None) -> tuple[Alert, ...]:
        made = Gauges()
        for name, value in gauges.items():
            made.put(name, value, queue="mail")
        self.clock.seconds += after
        slot = self.board.take(Snapshot("shelf", self.clock.now(), 0.0, ToyFacts(), made.values))
        return self.book.judge(slot, self.clock.monotonic(), self.clock.now())

    def fail(self, cause: Cause = Cause.REFUSED) -> tuple[Alert, ...]:
        slot = self.board.take(Failure("shelf", self.clock.now(), cause, SafeText("refused by db:5432")))
        return self.book.judge(slot, self.clock.monotonic(), self.clock.now())


def test_the_sentence_holds_the_number_that_proves_it() -> None:
    (alert,) = Desk(rule()).read(depth=4812, growth_per_second=38.2)
    assert alert.words == "mail: 4,812 waiting, growing 38/s"
    assert alert.value == 4812


def test_a_number_the_sentence_asks_for_and_nobody_has_reads_unknown() -> None:
    (alert,) = Desk(rule()).read(depth=4812)
    assert alert.words == "mail: 4,812 waiting, growing unknown"


def test_at_the_limit_is_not_beyond_it() -> None:
    assert Desk(rule()).read(depth=100) == ()


def test_a_flicker_raises_nothing() -> None:
    desk = Desk(rule(hold=5))
    assert desk.read(depth=200) == ()
    assert desk.read(after=4, depth=200) == ()
    assert desk.read(after=1, depth=50) == ()
    assert desk.read(after=1, depth=200) == ()
    assert desk.read(after=5, depth=200) != ()


def test_so_many_readings_in_a_row_must_say_so() -> None:
    desk = Desk(rule(consecutive=3))
    assert [bool(desk.read(depth=200)) for _ in range(3)] == [False, False, True]


def test_an_alert_that_wobbles_stays_until_it_is_clearly_over() -> None:
    desk = Desk(rule(clear=50))
    (raised,) = desk.read(depth=200)
    (still,) = desk.read(depth=70)
    assert still.since == raised.since
    assert desk.read(depth=50) == ()


def test_a_ratio_of_two_events_raises_nothing() -> None:
    low = rule(gauge="hit_ratio", op="<", threshold=0.5, samples="lookups", min_samples=20, say="{value} hits")
    desk = Desk(low)
    assert desk.read(hit_ratio=0.0, lookups=2) == ()
    assert desk.read(hit_ratio=0.0) == ()
    assert desk.read(hit_ratio=0.1, lookups=50)[0].words == "10 % hits"


def test_a_labelled_thing_that_vanished_ends_its_alert() -> None:
    desk = Desk(rule())
    assert desk.read(depth=200)
    assert desk.read() == ()


@pytest.mark.parametrize(("policy", "stays"), [(Missing.KEEP, True), (Missing.CLEAR, False)])
def test_a_missing_value_does_what_the_rule_says(policy: Missing, stays: bool) -> None:
    desk = Desk(rule(missing=policy, say="{value}"))
    made = Gauges()
    made.put("depth", 200)
    for values in (made.values, {}):
        slot = desk.board.take(Snapshot("shelf", desk.clock.now(), 0.0, ToyFacts(), values))
        alerts = desk.book.judge(slot, desk.clock.monotonic(), desk.clock.now())
    assert bool(alerts) is stays


def test_of_two_rules_on_one_number_only_the_worse_speaks() -> None:
    worse = rule(name="flood", threshold=1000, severity=Severity.CRITICAL)
    (alert,) = Desk(rule(), worse).read(depth=5000)
    assert alert.severity is Severity.CRITICAL


def test_a_target_that_cannot_be_read_is_an_alert_with_its_reason() -> None:
    (alert,) = Desk(rule()).fail()
    assert alert.words == "DOWN refused: refused by db:5432"
    assert alert.severity is Severity.CRITICAL


def test_a_target_that_is_still_starting_is_given_its_grace() -> None:
    desk = Desk(rule())
    desk.book.grace = 5.0
    assert desk.fail() == ()
    desk.clock.seconds += 5
    assert desk.fail() != ()


def test_what_was_wrong_before_the_silence_is_still_said() -> None:
    desk = Desk(rule())
    desk.read(depth=200)
    assert [alert.rule for alert in desk.fail(Cause.TIMEOUT_READ)] == ["no-answer", "backlog"]


def test_a_missing_right_is_a_warning_and_not_an_outage() -> None:
    (alert,) = Desk(rule()).fail(Cause.DENIED)
    assert alert.severity is Severity.WARNING


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_number_can_break_a_sentence(value: float) -> None:
    for alert in Desk(rule(say="{value} {queue} {nobody}")).read(depth=value):
        assert "unknown" in alert.words


def test_a_profile_changes_a_limit_and_leaves_the_rest() -> None:
    change = RuleChange("backlog", None, "shelf", True, {"threshold": 5.0})
    (changed,) = rules_for("toy", "shelf", [rule()], [change])
    assert (changed.threshold, changed.say) == (5.0, rule().say)
    assert rules_for("toy", "box", [rule()], [change]) == (rule(),)


def test_a_profile_switches_a_rule_off() -> None:
    assert rules_for("toy", "shelf", [rule()], [RuleChange("backlog", "toy", None, False, {})]) == ()
