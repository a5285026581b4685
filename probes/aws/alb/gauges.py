"""Which numbers of load balancers everybody may use, and which are worth a person's attention by default."""

from __future__ import annotations

from typing import Final

from probes.aws.alb.facts import AlbFacts, Group
from probes.base import Gauges, GaugeSpec, Missing, Rule, SafeText, Severity, Unit

SLOW: Final = 2.0
"""Seconds of TargetResponseTime that callers notice."""
LABELLED: Final = 80
"""Target groups that get gauges; those in most trouble come first."""

SPECS: Final = (
    GaugeSpec("healthy", "Healthy targets of a group.", better="high"),
    GaugeSpec("targetless", "1 for a group that a load balancer uses and that has no healthy target.", better="low"),
    GaugeSpec("unhealthy", "Targets whose check fails, of a group with healthy ones, labelled with why.", better="low"),
    GaugeSpec("response_seconds", "Average TargetResponseTime of the last minute.", Unit.SECONDS, better="low"),
    GaugeSpec("response_p95_seconds", "95th percentile of TargetResponseTime.", Unit.SECONDS, better="low"),
    GaugeSpec("response_p99_seconds", "99th percentile of TargetResponseTime.", Unit.SECONDS, better="low"),
    GaugeSpec("requests", "RequestCount of the last minute.", Unit.PER_MINUTE),
    GaugeSpec("target_errors", "Answers of code 5xx by the targets; absent: none reported.", Unit.PER_MINUTE),
    GaugeSpec("balancer_errors", "Answers of code 5xx by the balancer itself; absent: none reported.", Unit.PER_MINUTE),
    GaugeSpec("balancer_down", "1 for a load balancer that is not active, labelled with how it is.", better="low"),
    GaugeSpec("absent", "1 for a name of the profile that is not there.", better="low"),
)

RULES: Final = (
    Rule(
        name="no-healthy-target", gauge="targetless", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{group}: the load balancer has no healthy target, callers get 503",
    ),
    Rule(
        name="unhealthy-targets", gauge="unhealthy", op=">", threshold=0, severity=Severity.WARNING, consecutive=2,
        missing=Missing.CLEAR, say="{group}: {value:unhealthy target}, {why}",
    ),
    Rule(
        name="slow", gauge="response_seconds", op=">", threshold=SLOW, severity=Severity.WARNING, hold=60,
        missing=Missing.CLEAR, say="{group}: targets take {value} to answer, limit {limit}",
    ),
    Rule(
        name="balancer-errors", gauge="balancer_errors", op=">", threshold=0, severity=Severity.WARNING,
        missing=Missing.CLEAR, say="{balancer}: the balancer itself answered with 5xx, {value}",
    ),
    Rule(
        name="target-errors", gauge="target_errors", op=">", threshold=5, severity=Severity.WARNING,
        missing=Missing.CLEAR, say="{group}: its targets answered with 5xx, {value} of {requests}",
    ),
    Rule(
        name="balancer-down", gauge="balancer_down", op=">", threshold=0, severity=Severity.CRITICAL,
        missing=Missing.CLEAR, say="{balancer}: the load balancer is {state}",
    ),
    Rule(
        name="absent", gauge="absent", op=">", threshold=0, severity=Severity.WARNING, missing=Missing.CLEAR,
        say="there is no {called} here",
    ),
)  # fmt: skip


def measured(facts: AlbFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    for group in facts.groups[:LABELLED]:
        _health(gauges, group)
        gauges.put("response_seconds", group.average, group=group.name)
        gauges.put("response_p95_seconds", group.p95, group=group.name)
        gauges.put("response_p99_seconds", group.p99, group=group.name)
        gauges.put("requests", group.requests, group=group.name)
        gauges.put("target_errors", group.errors, group=group.name)
    for one in facts.balancers[:LABELLED]:
        gauges.put("balancer_errors", one.errors, balancer=one.name)
        if one.state not in ("active", ""):
            gauges.put("balancer_down", 1, balancer=one.name, state=one.state)
    for name in facts.absent[:LABELLED]:
        gauges.put("absent", 1, called=name)
    return gauges


def _health(gauges: Gauges, group: Group) -> None:
    if group.health is None:
        return
    gauges.put("healthy", group.healthy, group=group.name)
    gauges.put("targetless", float(group.targetless), group=group.name)
    if group.health.unhealthy and group.healthy:
        why = next((str(why) for why, _ in group.health.reasons), "no reason told")
        gauges.put("unhealthy", group.health.unhealthy, group=group.name, why=str(SafeText(why, 120)))
