"""Rules: when they speak, when they stay silent, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.alert import Alert
from desk.board import Board
from desk.rules import NO_ANSWER, RuleBook, RuleChange, rules_for
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

    def read(self, after: float = 1.0, took: float = 0.0, **gauges: float | None) -> tuple[Alert, ...]:
        made = Gauges()
        for name, value in gauges.items():
            made.put(name, value, queue="mail")
        self.clock.seconds += after
        slot = self.board.take(Snapshot("shelf", self.clock.now(), took, ToyFacts(), made.values))
        return self.book.judge(slot, self.clock.monotonic(), self.clock.now())

    def fail(self, cause: Cause = Cause.REFUSED, after: float = 0.0) -> tuple[Alert, ...]:
        self.clock.seconds += after
        self.clock.wall += timedelta(seconds=after)
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


def test_readings_far_apart_are_not_in_a_row_and_what_lay_between_them_is_not_known() -> None:
    for doubtful in (rule(consecutive=2), rule(hold=5)):
        desk = Desk(doubtful)
        assert desk.read(depth=200) == ()
        assert desk.read(after=30, depth=200) == ()


def test_a_target_that_is_slow_to_read_has_its_alerts_all_the_same() -> None:
    desk = Desk(rule(consecutive=2, hold=20))
    assert desk.read(took=8, depth=200) == ()
    assert desk.read(after=10, took=8, depth=200) == ()
    assert desk.read(after=10, took=8, depth=200) != ()


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


def test_a_number_in_a_sentence_agrees_with_its_noun() -> None:
    desk = Desk(rule(threshold=0, say="{value:failed job} in {queue}"))
    assert desk.read(depth=1)[0].words == "1 failed job in mail"
    assert desk.read(depth=1200)[0].words == "1,200 failed jobs in mail"


@pytest.mark.parametrize(("policy", "stays"), [(Missing.KEEP, True), (Missing.CLEAR, False)])
def test_a_missing_value_does_what_the_rule_says(policy: Missing, stays: bool) -> None:
    desk = Desk(rule(missing=policy, say="{value}"))
    made = Gauges()
    made.put("depth", 200)
    for values in (made.values, {}):
        slot = desk.board.take(Snapshot("shelf", desk.clock.now(), 0.0, ToyFacts(), values))
        alerts = desk.book.judge(slot, desk.clock.monotonic(), desk.clock.now())
    assert bool(alerts) is stays


def test_a_number_that_the_newest_reading_does_not_have_is_told_with_its_time_and_not_as_the_number_now() -> None:
    desk = Desk(rule(say="{value} wait"))
    made = Gauges()
    made.put("depth", 200)

    def read(gauges: Gauges) -> list[tuple[str, float | None]]:
        desk.clock.seconds += 60
        desk.clock.wall += timedelta(seconds=60)
        slot = desk.board.take(Snapshot("shelf", desk.clock.now(), 0.0, ToyFacts(), gauges.values))
        alerts = desk.book.judge(slot, desk.clock.monotonic(), desk.clock.now())
        return [(alert.words, alert.value) for alert in alerts]

    assert read(made) == [("200 wait", 200)]
    old = (f"as of {desk.clock.now():%H:%M:%S} UTC: 200 wait", None)
    assert [read(Gauges()), read(Gauges())] == [[old], [old]]
    assert [(one.words, one.value) for one in desk.fail(after=60) if one.gauge] == [old]
    assert [(one.words, one.value) for one in desk.fail(after=86400) if one.gauge] == [
        (f"as of {desk.clock.now() - timedelta(days=1, seconds=240):%Y-%m-%d} {old[0].removeprefix('as of ')}", None)
    ]
    assert read(made) == [("200 wait", 200)]


def test_what_an_earlier_session_raised_is_not_told_as_seen_now() -> None:
    desk = Desk(rule())
    (alert,) = desk.read(depth=200)
    later = Desk(rule())
    later.clock.seconds += 60
    slot = later.board.take(Snapshot("shelf", later.clock.now(), 0.0, ToyFacts(), {}))
    later.book.rules = (rule(gauge="other"),)
    later.book.resume(replace(alert, gauge="other", labels=()), later.clock.monotonic())
    told = later.book.judge(slot, later.clock.monotonic(), later.clock.now())
    assert [(one.words, one.value) for one in told] == [(f"last known: {alert.words}", None)]


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


def test_a_limit_that_is_moved_takes_along_where_it_clears() -> None:
    known = replace(rule(), threshold=0.8, clear=0.6)
    for values, clear in (({"threshold": 0.4}, 0.3), ({"threshold": 0.4, "clear": 0.2}, 0.2), ({"hold": 5.0}, 0.6)):
        (changed,) = rules_for("toy", "shelf", [known], [RuleChange("backlog", "toy", None, True, values)])
        assert changed.clear == pytest.approx(clear)


def test_how_soon_silence_is_an_alert_can_be_said_or_that_it_is_none() -> None:
    change = RuleChange(NO_ANSWER, None, "shelf", True, {"consecutive": 2, "hold": 3.0, "severity": Severity.NOTICE})
    desk = Desk(*rules_for("toy", "shelf", [], [change]))
    seen = [desk.fail(after=2.0) for _ in range(3)]
    assert [[alert.severity.name for alert in found] for found in seen] == [[], [], ["NOTICE"]]
    assert desk.read(depth=1) == ()
    off = Desk(*rules_for("toy", "shelf", [], [RuleChange(NO_ANSWER, None, None, False, {})]))
    assert [off.fail(after=2.0) for _ in range(3)] == [(), (), ()]


def test_silence_is_an_alert_since_its_first_moment() -> None:
    desk = Desk()
    (first,), (again,) = desk.fail(after=2.0), desk.fail(after=2.0)
    assert (again.since, again.at) == (first.since, first.at)
