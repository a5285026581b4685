"""Alerts of other systems in our one list: the same alert told twice is one, and what is told is safe to show."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.alerting.alertmanager import AlertmanagerProbe, AlertmanagerSettings
from probes.alerting.facts import AlertmanagerFacts
from probes.alerting.grafana import GrafanaProbe
from probes.alerting.parse import held
from probes.alerting.raised import raised_of
from probes.aws.calls import Seat
from probes.aws.cloudwatch import raised as alarms
from probes.aws.cloudwatch.facts import CloudWatchFacts, counted
from probes.aws.cloudwatch.parse import parse_alarms, ranked
from probes.aws.cloudwatch.probe import CloudWatchProbe
from probes.base import (
    Context,
    Raised,
    SafeText,
    Severity,
    Target,
    by_our_clock,
    fingerprint_of,
    runbook_told,
    secure_link,
    severity_told,
)
from probes.prometheus.facts import PrometheusFacts
from probes.prometheus.probe import PrometheusProbe, PrometheusSettings
from probes.prometheus.watch import alerts_of
from probes.prometheus.watch import raised_of as rules_raised
from tests.stack.process import wait_until
from tests.stack.prometheus import Alertmanager, Prometheus
from tests.toys import NoSecrets

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu"


def told(*alerts: dict[str, Any], skew: float | None = None) -> list[Raised]:
    """What an Alertmanager that holds these raises."""
    found = held(list(alerts), "severity", NOW)
    facts = AlertmanagerFacts(SafeText(), found.alerts, len(found.everything), (), skew, "disabled", (), None)
    return list(raised_of(facts, ("zone",)))


def alert(state: str = "active", notes: dict[str, str] | None = None, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": "Slow", "severity": "warning"} | labels,
        "annotations": notes or {},
        "startsAt": "2026-03-01T03:00:00.123456789Z",
        "status": {"state": state, "silencedBy": [], "inhibitedBy": []},
        "generatorURL": "https://prometheus.example/graph?g0.expr=up",
    }


def off(**more: Any) -> CloudWatchFacts:
    """A CloudWatch whose alarm `cpu` has gone off."""
    row = {"AlarmName": "cpu", "AlarmArn": ARN, "StateValue": "ALARM", "MetricName": "CPUUtilization", "Period": 60,
           "Statistic": "Average", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 80.0,
           "EvaluationPeriods": 5, "StateTransitionedTimestamp": NOW} | more  # fmt: skip
    found = ranked(parse_alarms({"CompositeAlarms" if "AlarmRule" in row else "MetricAlarms": [row]}))
    return CloudWatchFacts(Seat(SafeText(), 0, None), found, counts=counted(found))


# an Alertmanager


def test_an_alert_is_told_with_its_number_its_procedure_and_where_it_stands() -> None:
    notes = {"summary": "p99 is \x1b[2J 3 s", "value": "3.1", "threshold": "2", "runbook_url": "https://wiki/slow"}
    (one,) = told(alert(notes=notes, instance="web-1", zone="x"))
    assert str(one.words) == "Slow: p99 is ^[[2J 3 s"
    assert (one.value, one.limit, one.severity) == (3.1, 2.0, Severity.WARNING)
    assert one.labels == (("instance", "web-1"), ("zone", "x"))
    assert (one.procedure, one.link) == ("https://wiki/slow", "https://prometheus.example/graph?g0.expr=up")
    assert (one.silenced, one.acknowledged) == (False, "")
    assert one.row == one.key == 'alertname="Slow",instance="web-1",severity="warning",zone="x"'
    assert one.fingerprint == fingerprint_of(
        [("alertname", "Slow"), ("severity", "warning"), ("instance", "web-1"), ("prometheus", "b")]
    )


def test_what_wants_nobody_is_not_told_and_what_is_silent_there_is_told_as_such() -> None:
    found = told(alert("suppressed", pod="a"), alert("active", severity="none"), alert("active", notes={"value": "?"}))
    assert [(one.silenced, one.value) for one in found] == [(False, None), (True, None)]


def test_a_beginning_is_put_right_by_what_their_clock_is_off_and_never_wavers() -> None:
    (plain,), (ahead,), (hardly,) = (told(alert(), skew=skew) for skew in (None, 61.0, 58.4))
    assert plain.since == datetime(2026, 3, 1, 3, 0, 0, 123456, tzinfo=UTC)
    assert ahead.since == hardly.since == plain.since - timedelta(seconds=60)


@pytest.mark.engine
def test_a_prometheus_and_its_alertmanager_tell_of_one_alert_with_one_fingerprint(
    new_prometheus: Callable[..., Prometheus], new_alertmanager: Callable[..., Alertmanager]
) -> None:
    manager = new_alertmanager()
    notes = {"summary": "{{ $labels.job }} is down", "runbook_url": "https://run.example/down"}
    labels = {"severity": "critical", "team": "shop"}
    rule = {"alert": "TargetDown", "expr": "up == 0", "labels": labels, "annotations": notes}
    server = new_prometheus(jobs={"dead": ["127.0.0.1:1"], "gone": ["127.0.0.1:2"]}, rules=[rule])
    path = server.folder / "prometheus.yml"
    settings = json.loads(path.read_text())
    settings["global"]["external_labels"] = {"prometheus": "a", "replica": "1", "zone": "x"}
    settings["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [manager.address]}]}]}
    path.write_text(json.dumps(settings))
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/-/reload", method="POST"), timeout=10).close()
    wait_until(lambda: len(manager.get("/api/v2/alerts")) == 2, 30)
    held_there = held(manager.get("/api/v2/alerts"), "severity", datetime.now(UTC))
    facts = AlertmanagerFacts(SafeText(), held_there.alerts, 2, (), None, "disabled", (), None)
    made = AlertmanagerSettings(url=manager.url, external_labels=("zone",))
    theirs = AlertmanagerProbe(Target("am", "alertmanager", made), Context(NoSecrets())).raised(facts)
    rules = PrometheusFacts(alerts=tuple(alerts_of(server.get("/api/v1/alerts")["data"], time.time())))
    own = PrometheusProbe(
        Target("main", "prometheus", PrometheusSettings(url="https://metrics.example/x")), Context(NoSecrets())
    ).raised(rules)
    assert {one.fingerprint for one in own} == {one.fingerprint for one in theirs}
    assert len({one.fingerprint for one in own}) == 2
    assert [dict(one.labels)["zone"] for one in theirs] == ["x", "x"]
    assert {str(one.words) for one in own} == {"TargetDown: dead is down", "TargetDown: gone is down"}
    assert {one.value for one in own} == {0.0}
    assert {one.link for one in own} == {"https://metrics.example/x/alerts?search=TargetDown"}
    assert {one.procedure for one in (*own, *theirs)} == {"https://run.example/down"}
    for one in own:
        twin = next(other for other in theirs if other.fingerprint == one.fingerprint)
        assert one.severity is twin.severity is Severity.CRITICAL
        assert one.since is not None
        assert twin.since is not None
        assert abs((one.since - twin.since).total_seconds()) < 30


def test_labels_that_tell_alerts_apart_are_no_addition_and_two_alerts_stay_two() -> None:
    one, two, other = told(alert(zone="a"), alert(zone="b"), alert(pod="c", zone="a"))
    plain = fingerprint_of([("alertname", "Slow"), ("severity", "warning")])
    assert len({one.fingerprint, two.fingerprint, plain}) == 3
    assert other.fingerprint == fingerprint_of([("alertname", "Slow"), ("severity", "warning"), ("pod", "c")])


# a Prometheus


def test_only_what_fires_and_wants_somebody_is_told_by_a_prometheus() -> None:
    def one(name: str, state: str = "firing", **labels: str) -> dict[str, Any]:
        return {"labels": {"alertname": name} | labels, "state": state, "value": "3e-01", "annotations": {},
                "activeAt": "2026-03-01T03:00:00Z"}  # fmt: skip

    data = {"alerts": [one("A", job="x"), one("B", "pending"), one("C", severity="info"), one("D", severity="page")]}
    facts = PrometheusFacts(alerts=tuple(alerts_of(data, NOW.timestamp())), skew=-61.0)
    page, plain = rules_raised(facts, "http://plain.example")
    assert (str(page.name), page.severity, str(page.words)) == ("D", Severity.CRITICAL, "D fires, at 0.3")
    assert (plain.severity, str(plain.words)) == (Severity.NOTICE, "A fires on job=x, at 0.3")
    assert (plain.since, plain.link) == (datetime(2026, 3, 1, 3, 1, tzinfo=UTC), "")


# CloudWatch


def test_an_alarm_is_told_with_its_limit_its_newest_point_and_its_procedure() -> None:
    data = {"evaluatedDatapoints": [{"timestamp": "2026-03-01T03:10:00.000+0000", "value": 81.0},
                                    {"timestamp": "2026-03-01T03:11:00.000+0000", "value": 93.5}]}  # fmt: skip
    facts = off(StateReasonData=json.dumps(data), AlarmDescription="CPU of api. Runbook: https://wiki.example/cpu.")
    (one,) = alarms.raised_of(facts)
    assert str(one.words) == "cpu in ALARM: CPUUtilization Average > 80 for 5 x 60 s, at 93.5"
    assert (one.value, one.limit, one.since, one.row) == (93.5, 80.0, NOW, "cpu")
    assert one.link == ("https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:alarm/cpu")
    assert one.procedure == "https://wiki.example/cpu"
    assert not one.silenced


@pytest.mark.parametrize(
    "more", [{"ActionsEnabled": False}, {"AlarmRule": "ALARM(x)", "ActionsSuppressedBy": "Alarm", "StateReason": "x"}]
)
def test_an_alarm_that_tells_nobody_there_is_told_as_silenced(more: dict[str, Any]) -> None:
    (one,) = alarms.raised_of(off(**more))
    assert one.silenced


def test_a_composite_alarm_says_why() -> None:
    (one,) = alarms.raised_of(off(AlarmRule="ALARM(cpu)", StateReason="two of them", Threshold=None))
    assert (str(one.words), one.value, one.limit) == ("cpu in ALARM: two of them", None, None)


@pytest.mark.parametrize(
    ("told", "procedure"),
    [
        ("runbook_url=https://wiki.example/a?b=1", "https://wiki.example/a?b=1"),
        ('{"runbook": "docs/cpu.md"}', "docs/cpu.md"),
        ("Playbook http://wiki.example/a", ""),
        ("Runbook: https://user:secret@wiki.example/a", ""),
        ("no procedures yet", ""),
    ],
)
def test_a_description_names_a_procedure_in_many_ways(told: str, procedure: str) -> None:
    (one,) = alarms.raised_of(off(AlarmDescription=told))
    assert one.procedure == procedure


def test_no_kind_keeps_a_rule_that_repeats_the_alerts_it_raises() -> None:
    for probe in (AlertmanagerProbe, GrafanaProbe, PrometheusProbe, CloudWatchProbe):
        mirrored = ("critical_alerts", "warning_alerts", "other_alerts", "alert_", "alarm", "alarms_raised")
        assert not [rule.name for rule in probe.rules if rule.gauge in mirrored or rule.gauge.startswith("alert_")]


# the parts


@given(st.text(max_size=80))
def test_no_text_becomes_a_link_that_is_not_https(text: str) -> None:
    for given_text in (text, f"https://{text}", f"javascript:{text}"):
        found = secure_link(given_text)
        assert not found or (found.startswith("https://") and found.isprintable() and "@" not in found.split("/")[2])
        assert all(sign.isprintable() for sign in runbook_told({"runbook": given_text}))


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5))
def test_the_order_of_labels_makes_no_difference_and_their_text_does(labels: dict[str, str]) -> None:
    pairs = list(labels.items())
    assert fingerprint_of(pairs) == fingerprint_of(reversed(pairs)) == fingerprint_of([*pairs, ("__rule__", "x")])
    assert fingerprint_of(pairs) != fingerprint_of([*pairs, ("job", "none of those")])


@given(st.floats(-2.4, 2.4), st.floats(-1e6, 1e6))
def test_a_clock_that_is_hardly_off_is_taken_as_ours(little: float, skew: float) -> None:
    assert by_our_clock(NOW, little) is NOW
    found = by_our_clock(NOW, skew)
    assert found is not None
    assert abs((NOW - found).total_seconds() - skew) <= 2.5
    assert by_our_clock(None, skew) is None


def test_words_of_severity_are_one_table_for_everybody() -> None:
    assert [severity_told(word) for word in ("P1", " warn ", "low", "", "debug")] == [
        Severity.CRITICAL, Severity.WARNING, Severity.NOTICE, Severity.NOTICE, None,
    ]  # fmt: skip


def test_an_alert_with_labels_that_only_differ_in_what_is_shown_is_told_apart() -> None:
    found = told(alert(pod="a"), alert(pod="b"))
    assert len({one.key for one in found}) == len({one.fingerprint for one in found}) == 2
    assert replace(found[0], key="") != replace(found[1], key="")
