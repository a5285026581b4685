"""Gauges and rules of PagerDuty's incidents, and the incidents as alerts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from probes.alerting.pagerduty.facts import Incident, PagerDutyFacts
from probes.base import (
    Gauges,
    GaugeSpec,
    Missing,
    Raised,
    Rule,
    SafeText,
    Severity,
    Unit,
    by_our_clock,
    fingerprint_of,
    severity_told,
)

SPECS: Final = (
    GaugeSpec("incidents", "Open incidents by status: triggered, acknowledged.", better="low"),
    GaugeSpec("urgent_incidents", "Triggered incidents of high urgency.", better="low"),
    GaugeSpec("oldest_triggered_seconds", "Age of the oldest incident that nobody has in hand.", Unit.SECONDS,
              better="low"),
    GaugeSpec("people_on_call", "People who are on call now and are told first.", better="high"),
    GaugeSpec("nobody_on_call", "1 for an escalation policy of the profile without anybody on call (label policy).",
              better="low"),
    GaugeSpec("requests_left", "Requests that PagerDuty still allows in its window.", better="high"),
    GaugeSpec("clock_skew_seconds", "How far PagerDuty's clock is from ours, when more than 5 s.", Unit.SECONDS),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="nobody-on-call",
        gauge="nobody_on_call",
        op=">",
        threshold=0,
        severity=Severity.WARNING,
        missing=Missing.CLEAR,
        consecutive=2,
        say="nobody is on call for {policy}: what goes wrong now reaches no one",
    ),
)


def measure(gauges: Gauges, facts: PagerDutyFacts) -> None:
    """Put in the gauges; counts are left out when not all incidents were read."""
    waiting = [one for one in facts.incidents if one.status == "triggered"]
    if not facts.cut:
        gauges.put("incidents", len(waiting), status="triggered")
        gauges.put("incidents", len(facts.incidents) - len(waiting), status="acknowledged")
        gauges.put("urgent_incidents", sum(one.urgency != "low" for one in waiting))
        gauges.put("oldest_triggered_seconds", max((one.age for one in waiting if one.age is not None), default=None))
    if facts.on_call is not None:
        first = {str(one.user) for one in facts.on_call if one.level == 1}
        gauges.put("people_on_call", len(first))
        for policy in facts.nobody:
            gauges.put("nobody_on_call", 1, policy=policy)
    gauges.put("requests_left", facts.requests_left)
    gauges.put("clock_skew_seconds", facts.skew or 0.0)


def severity_of(one: Incident) -> Severity:
    """Of high urgency is critical, of low urgency a warning; a priority that is known by its name may say more."""
    by_urgency = Severity.WARNING if one.urgency == "low" else Severity.CRITICAL
    by_priority = severity_told(str(one.priority)) if one.priority else None
    return max(by_urgency, by_priority or by_urgency)


def raised_of(facts: PagerDutyFacts) -> Iterator[Raised]:
    """Every open incident."""
    for one in facts.incidents:
        if one.status != "resolved":
            yield _raised(one, facts)


def _raised(one: Incident, facts: PagerDutyFacts) -> Raised:
    names = [("incident", one.name), ("service", str(one.service)), ("priority", str(one.priority))]
    service = f"{one.service}: " if one.service else ""
    alerts = f" ({one.alerts} alerts)" if one.alerts is not None and one.alerts > 1 else ""
    return Raised(
        key=one.id,
        name=one.title,
        severity=severity_of(one),
        words=SafeText(f"{one.name} {service}{one.title}{alerts}", 600),
        since=by_our_clock(one.created, facts.skew),
        labels=tuple((name, text) for name, text in names if text),
        row=one.id,
        fingerprint=fingerprint_of([("pagerduty", one.id)]),
        link=one.link,
        acknowledged=", ".join(map(str, one.acknowledged)) or ("somebody" if one.status == "acknowledged" else ""),
    )
