"""The numbers of a status page and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Rule, Severity, Unit
from probes.http.status.facts import StatusFacts

TRUSTED: Final = 600.0
"""Seconds for which a page's last word counts when it can't be read any more."""

SPECS: Final = (
    GaugeSpec("component_level", "How bad a component is by the vendor's word: 0 fine, 1 maintenance, 2 degraded, "
              "3 partial outage, 4 major outage.", better="low"),
    GaugeSpec("incident_level", "Impact of an open incident by the vendor's word, on the same scale; 2 when not told.",
              better="low"),
    GaugeSpec("incidents_open", "Open incidents that touch what matters.", better="low"),
    GaugeSpec("maintenances_running", "Maintenances under way that touch what matters."),
    GaugeSpec("page_updated_seconds", "Time since the vendor touched the page.", Unit.SECONDS),
    GaugeSpec("page_unread_seconds", "How long the page can't be read; absent when it can.", Unit.SECONDS,
              better="low"),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="major",
        gauge="component_level",
        op=">=",
        threshold=4.0,
        severity=Severity.CRITICAL,
        say="{page} says of {component}: {word}",
    ),
    Rule(
        name="partial",
        gauge="component_level",
        op=">=",
        threshold=3.0,
        severity=Severity.WARNING,
        say="{page} says of {component}: {word}",
    ),
    Rule(
        name="degraded",
        gauge="component_level",
        op=">=",
        threshold=2.0,
        severity=Severity.NOTICE,
        say="{page} says of {component}: {word}",
    ),
    Rule(
        name="incident",
        gauge="incident_level",
        op=">=",
        threshold=3.0,
        severity=Severity.WARNING,
        say="{page} has an incident: {incident} ({word})",
    ),
    Rule(
        name="small-incident",
        gauge="incident_level",
        op=">=",
        threshold=0.0,
        severity=Severity.NOTICE,
        say="{page} has an incident: {incident} ({word})",
    ),
    Rule(
        name="unread",
        gauge="page_unread_seconds",
        op=">",
        threshold=900.0,
        severity=Severity.NOTICE,
        say="the status page of {page} can't be read, for {value}; that is no outage of theirs",
    ),
)


def measured(facts: StatusFacts, target: str) -> Gauges:
    """The gauges of one reading; what the page said counts on for `TRUSTED` seconds when it can't be read now."""
    gauges = Gauges()
    page = facts.page or target
    gauges.put("page_unread_seconds", facts.unread_for, page=page)
    if facts.read_age is None or facts.read_age > TRUSTED:
        return gauges
    for one in facts.components:
        if one.wanted and one.level is not None:
            gauges.put("component_level", float(one.level), component=one.name, page=page, word=one.word)
    for incident in facts.open:
        level = 2.0 if incident.level is None else float(incident.level)
        gauges.put("incident_level", level, incident=incident.name, page=page, word=incident.word)
    if facts.form:
        gauges.put("incidents_open", len(facts.open))
        gauges.put("maintenances_running", sum(one.running and one.wanted for one in facts.maintenances))
    gauges.put("page_updated_seconds", facts.updated_age)
    return gauges
