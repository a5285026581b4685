"""Rules over gauges of any targets: when they are raised, when they end, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.alert import Alert
from desk.board import Board
from desk.condition import Limit, parse, parse_expression
from desk.standing import Level, StandingBook, StandingRule, spread, unit_of
from probes.base import Cause, Failure, GaugeKey, GaugeSpec, Missing, SafeText, Severity, Snapshot, Unit
from tests.toys import StillClock, ToyFacts, target

SPECS = {
    spec.name: spec
    for spec in (
        GaugeSpec("depth", "waiting"),
        GaugeSpec("errors_total", "errors", counter=True),
        GaugeSpec("requests_total", "requests", counter=True),
        GaugeSpec("used_ratio", "share", Unit.RATIO),
        GaugeSpec("sent_bytes_total", "sent", Unit.BYTES, counter=True),
    )
}


def made(when: str, **changes: Any) -> StandingRule:
    condition = parse(when)
    levels = (Level(Severity.WARNING, condition.limit, changes.pop("clear", None)),)
    return StandingRule(**{"name": "queue-deep", "of": condition.of, "levels": levels, **changes})


class Desk:
    """A board of two targets and a book, fed by hand, a reading each two seconds."""

    def __init__(self, *rules: StandingRule, every: float = 2.0) -> None:
        self.clock = StillClock()
        self.every = every
        targets = [replace(target(), name=name) for name in ("jobs", "api")]
        self.board = Board(targets, self.clock)
        self.book = StandingBook(rules, lambda target, gauge: SPECS.get(gauge))

    def read(self, name: str = "jobs", /, queue: str = "", **gauges: float) -> list[Alert]:
        self.forward(self.every)
        labels = (("queue", queue),) if queue else ()
        reading = {GaugeKey(gauge, labels): value for gauge, value in gauges.items()}
        return self.take(name, reading)

    def take(self, name: str, reading: dict[GaugeKey, float]) -> list[Alert]:
        self.board.take(Snapshot(name, self.clock.now(), 0.0, ToyFacts(), reading))
        return self.judge(name)

    def fail(self, name: str = "jobs") -> list[Alert]:
        self.forward(self.every)
        self.board.take(Failure(name, self.clock.now(), Cause.REFUSED, SafeText("refused")))
        return self.judge(name)

    def judge(self, name: str) -> list[Alert]:
        self.book.judge(name, self.board, self.clock.monotonic(), self.clock.now())
        return self.book.standing()

    def forward(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.clock.wall += timedelta(seconds=seconds)


def test_it_is_raised_as_soon_as_it_has_been_true_for_so_long_and_not_before() -> None:
    desk = Desk(made("jobs.depth > 1000 for 5m"))
    readings = [desk.read(depth=1001) for _ in range(152)]
    assert [bool(found) for found in readings[:151]] == [False] * 150 + [True]
    (alert,) = readings[-1]
    assert alert.words == "queue-deep is 1,001, more than 1,000 for 5m"
    assert (alert.target, alert.gauge, alert.severity) == ("jobs", "depth", Severity.WARNING)
    assert desk.read(depth=1000) == []


def test_a_number_back_within_its_limit_is_not_said_to_be_beyond_it() -> None:
    desk = Desk(made("jobs.depth > 1000", clear=800))
    seen = [desk.read(depth=depth) for depth in (1001, 900, 700)]
    assert [[alert.words for alert in found] for found in seen] == [
        ["queue-deep is 1,001, more than 1,000"], ["queue-deep is 900, was more than 1,000"], [],
    ]  # fmt: skip


def test_two_limits_of_one_number_are_one_alert_that_grows_worse() -> None:
    rule = made("jobs.depth > 100")
    worse = Level(Severity.CRITICAL, Limit(">", 500.0, 4.0))
    desk = Desk(replace(rule, levels=(*rule.levels, worse)))
    seen = [desk.read(depth=depth) for depth in (50, 200, 600, 600, 600, 300)]
    assert [[alert.severity.name for alert in found] for found in seen] == [
        [], ["WARNING"], ["WARNING"], ["WARNING"], ["CRITICAL"], ["WARNING"],
    ]  # fmt: skip
    assert "more than 500 for 4s" in seen[4][0].words


def test_once_raised_it_stays_until_it_is_clearly_over() -> None:
    desk = Desk(made("jobs.used_ratio > 85%", clear=0.8))
    said = [bool(desk.read(used_ratio=share)) for share in (0.82, 0.86, 0.82, 0.81, 0.8, 0.84)]
    assert said == [False, True, True, True, False, False]


def test_a_share_of_two_targets_is_told_as_a_share() -> None:
    rule = made("rate(api.errors_total, 10s) / rate(api.requests_total, 10s) >= 5%", say="{value} fail, over {limit}")
    desk = Desk(rule)
    for number in range(8):
        found = desk.read("api", errors_total=number * 3, requests_total=number * 10)
    assert [alert.words for alert in found] == ["30 % fail, over 5 %"]


def test_no_alert_comes_from_a_share_of_two_events() -> None:
    rule = made(
        "rate(api.errors_total, 10s) / rate(api.requests_total, 10s) >= 5%",
        samples=parse("delta(api.requests_total, 10s) >= 50"),
    )
    desk = Desk(rule)
    for number in range(8):
        assert desk.read("api", errors_total=number, requests_total=number * 2) == []
    for number in range(8):
        found = desk.read("api", errors_total=10 + number * 50, requests_total=20 + number * 100)
    assert found


def test_labels_have_alerts_of_their_own_and_take_them_along_when_they_go() -> None:
    desk = Desk(made('jobs.depth{queue!="dead"} > 100'))
    key = {name: GaugeKey("depth", (("queue", name),)) for name in ("mail", "ai", "dead")}
    found = desk.take("jobs", {key["mail"]: 200.0, key["ai"]: 300.0, key["dead"]: 400.0})
    assert sorted(alert.words for alert in found) == [
        "queue-deep of ai is 300, more than 100",
        "queue-deep of mail is 200, more than 100",
    ]
    assert [alert.labels for alert in desk.take("jobs", {key["ai"]: 300.0})] == [(("queue", "ai"),)]


@pytest.mark.parametrize(("policy", "stays"), [(Missing.KEEP, True), (Missing.CLEAR, False)])
def test_a_missing_value_does_what_the_rule_says(policy: Missing, stays: bool) -> None:
    desk = Desk(made("jobs.depth > 100", missing=policy))
    assert desk.read(depth=200)
    assert bool(desk.read(used_ratio=0.5)) is stays


def test_a_number_that_is_not_there_any_more_is_told_with_its_time_and_not_as_the_number_now() -> None:
    desk = Desk(made("jobs.depth > 100", say="{value} wait"))
    (alert,) = desk.read(depth=200)
    assert (alert.words, alert.value) == ("200 wait", 200)
    old = (f"as of {desk.clock.now():%H:%M:%S} UTC: 200 wait", None)
    for found in (desk.read(used_ratio=0.5), desk.fail(), desk.fail()):
        assert [(one.words, one.value) for one in found] == [old]
    (alert,) = desk.read(depth=300)
    assert (alert.words, alert.value) == ("300 wait", 300)
    later = Desk(made("jobs.depth > 100", say="{value} wait"))
    later.forward(60)
    later.book.resume(replace(alert, since=alert.since - 60), later.clock.monotonic())
    assert [(one.words, one.value) for one in later.fail()] == [("last known: 300 wait", None)]


@pytest.mark.parametrize("policy", Missing)
@pytest.mark.parametrize("queue", ["", "mail"])
def test_a_reading_that_failed_ends_nothing(policy: Missing, queue: str) -> None:
    desk = Desk(made("jobs.depth > 100", missing=policy))
    assert desk.read(queue=queue, depth=200)
    assert len(desk.fail()) == 1
    assert desk.read(queue=queue, depth=100) == []


def test_an_error_and_then_silence_are_two_in_a_row() -> None:
    desk = Desk(made("jobs.depth == 0", missing=Missing.ALERT, consecutive=2))
    assert desk.read(depth=0) == []
    (alert,) = desk.fail()
    assert (alert.words, alert.value) == ("queue-deep: no value of jobs.depth", None)
    (alert,) = desk.read(depth=0)
    assert (alert.words, alert.value) == ("queue-deep is 0, which is 0", 0.0)
    assert desk.read(depth=1) == []
    assert desk.fail() == []


@pytest.mark.parametrize("policy", Missing)
def test_a_value_that_is_named_by_its_label_is_missing_when_it_is_not_there(policy: Missing) -> None:
    desk = Desk(made('jobs.depth{queue="mail"} > 100', missing=policy))
    (alert,) = desk.read(queue="mail", depth=200)
    gone = desk.read(queue="ai", depth=200)
    assert [one.identity for one in gone] == ([] if policy is Missing.CLEAR else [alert.identity])
    back = desk.read(queue="mail", depth=300)
    assert [one.since for one in back] == [alert.since if policy is not Missing.CLEAR else desk.clock.seconds]
    assert desk.read(queue="mail", depth=1) == []


def test_of_two_that_are_alike_each_may_have_its_unit() -> None:
    specs = {"depth": Unit.COUNT, 'depth{queue="mail"}': Unit.RATIO}
    found = [
        unit_of(
            parse_expression(text),
            lambda target, gauge: GaugeSpec(gauge, "x", specs[gauge]) if gauge in specs else None,
        )
        for text in ('jobs.depth{queue="mail"}', 'jobs.depth{queue="ai"}', "jobs.depth", 'jobs.depth{queue=~"m.*"}')
    ]
    assert found == [Unit.RATIO, Unit.COUNT, Unit.COUNT, Unit.COUNT]


def test_a_missing_value_can_be_an_alert_itself_when_it_lasts() -> None:
    desk = Desk(made("jobs.depth > 100 for 4s", missing=Missing.ALERT))
    assert desk.read(depth=1) == []
    seen = [desk.fail() for _ in range(3)]
    assert [len(found) for found in seen] == [0, 0, 1]
    (alert,) = seen[-1]
    assert (alert.words, alert.value) == ("queue-deep: no value of jobs.depth", None)
    assert desk.read(depth=1) == []


def test_nobody_knows_that_a_limit_was_passed_while_nobody_looked() -> None:
    desk = Desk(made("jobs.depth > 100 for 1m"))
    desk.read(depth=200)
    for _ in range(29):
        desk.fail()
    assert desk.read(depth=200) == []
    for _ in range(29):
        assert desk.read(depth=200) == []
    assert desk.read(depth=200)


def test_one_missed_reading_does_not_begin_the_wait_anew() -> None:
    desk = Desk(made("jobs.depth > 100 for 1m"))
    for number in range(31):
        found = desk.fail() if number == 10 else desk.read(depth=200)
    assert found


def test_a_rule_about_a_kind_is_about_each_of_its_targets() -> None:
    rule = made("toy.depth / toy.requests_total > 2", samples=parse("toy.requests_total > 0"))
    jobs, api = spread(rule, {"toy": ["jobs", "api"]})
    assert (jobs.targets, api.targets) == (("jobs",), ("api",))
    desk = Desk(jobs, api)
    desk.read("jobs", depth=9, requests_total=3)
    found = desk.read("api", depth=9, requests_total=3)
    assert {alert.target for alert in found} == {"jobs", "api"}
    assert [alert.target for alert in desk.read("api", depth=1, requests_total=3)] == ["jobs"]


def test_a_rule_over_one_target_and_each_of_a_kind_makes_alerts_of_their_own() -> None:
    spread_out = spread(made("jobs.depth / toy.requests_total > 1"), {"toy": ["api", "web"]})
    assert [one.targets for one in spread_out] == [("jobs", "api"), ("jobs", "web")]
    assert len({one.key for one in spread_out}) == 2


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("jobs.used_ratio", Unit.RATIO),
        ("avg(jobs.used_ratio, 5m)", Unit.RATIO),
        ("rate(api.errors_total, 5m)", Unit.PER_SECOND),
        ("rate(api.sent_bytes_total, 5m)", Unit.BYTES_PER_SECOND),
        ("rate(api.errors_total, 5m) / rate(api.requests_total, 5m)", Unit.RATIO),
        ("api.sent_bytes_total / api.requests_total", Unit.COUNT),
        ("api.sent_bytes_total / 2", Unit.BYTES),
        ("2 * api.sent_bytes_total", Unit.BYTES),
        ("api.sent_bytes_total - api.sent_bytes_total", Unit.BYTES),
        ("count(jobs.used_ratio)", Unit.COUNT),
        ("max(jobs.used_ratio)", Unit.RATIO),
    ],
)
def test_a_number_is_told_in_its_unit(text: str, unit: Unit) -> None:
    assert unit_of(parse_expression(text), lambda target, gauge: SPECS.get(gauge)) is unit


steps = st.lists(st.tuples(st.sampled_from((1.0, 2.0, 3.0)), st.sampled_from((50.0, 150.0))), min_size=1, max_size=80)


@given(steps, st.sampled_from((0.0, 3.0, 10.0)))
def test_an_alert_is_there_exactly_while_the_limit_was_passed_for_so_long(
    day: list[tuple[float, float]], hold: float
) -> None:
    desk = Desk(made(f"jobs.depth > 100 for {hold}s"))
    since: float | None = None
    for step, depth in day:
        desk.every = step
        found = desk.read(depth=depth)
        now = desk.clock.monotonic()
        since = None if depth <= 100 else now if since is None else since
        assert bool(found) is (since is not None and now - since >= hold)


@given(steps)
def test_a_recorded_day_is_judged_again_in_the_same_way(day: list[tuple[float, float]]) -> None:
    def judged() -> list[tuple[str, datetime]]:
        desk, told = Desk(made("max(jobs.depth, 6s) > 100 for 3s"), made("jobs.depth < 100")), []
        for step, depth in day:
            desk.every = step
            told += [(alert.words, alert.at) for alert in desk.read(depth=depth)]
        return told

    assert judged() == judged()
