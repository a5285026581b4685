"""Gauges and rules of Sentry's issues, and those that are alerts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from probes.alerting.sentry.facts import Issue, SentryFacts
from probes.alerting.sentry.settings import LEVELS, SentrySettings
from probes.base import Gauges, GaugeSpec, Raised, Rule, SafeText, Severity, Unit, by_our_clock, fingerprint_of

NEW: Final = timedelta(hours=1)
"""How long an issue is new."""
MOST_NAMED: Final = 50
"""Projects with gauges of their own."""

SPECS: Final = (
    GaugeSpec("unresolved", "Unresolved issues.", better="low"),
    GaugeSpec("issues", "Unresolved issues that were read, by level: fatal, error, warning, other.", better="low"),
    GaugeSpec("new_issues", "Issues first seen in the last hour.", better="low"),
    GaugeSpec("returned_issues", "Issues that were resolved and are back, or escalate.", better="low"),
    GaugeSpec("unassigned_issues", "Unresolved issues that are nobody's, of those read.", better="low"),
    GaugeSpec("events_per_minute", "Events of all unresolved issues, over one to two hours.", Unit.PER_MINUTE,
              better="low"),
    GaugeSpec("project_events_per_minute", "The same of one project (label project).", Unit.PER_MINUTE, better="low"),
    GaugeSpec("requests_left", "Requests that Sentry still allows in its window.", better="high"),
    GaugeSpec("clock_skew_seconds", "How far Sentry's clock is from ours, when more than 5 s.", Unit.SECONDS),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="many-new-issues",
        gauge="new_issues",
        op=">=",
        threshold=10,
        severity=Severity.WARNING,
        say="{value} new issues within an hour",
    ),
)

_SEVERITIES: Final = {"fatal": Severity.CRITICAL, "error": Severity.WARNING}


def reaches(found: tuple[Issue, ...], read_at: datetime) -> bool:
    """Whether issues that were cut off, the one seen last first, still hold all of the last hour."""
    last = found[-1].last_seen if found else None
    return last is not None and read_at - last > NEW


def is_new(one: Issue, read_at: datetime) -> bool:
    """First seen within the hour."""
    return one.first_seen is not None and read_at - one.first_seen <= NEW


def measure(gauges: Gauges, facts: SentryFacts, whole: bool) -> None:
    """Put in the gauges; `whole`: all issues were read. What was only partly read is left out."""
    gauges.put("unresolved", facts.unresolved)
    gauges.put("requests_left", facts.throttle)
    gauges.put("clock_skew_seconds", facts.skew or 0.0)
    if whole:
        levels = Counter(one.level if one.level in ("fatal", "error", "warning") else "other" for one in facts.issues)
        for level in ("fatal", "error", "warning", "other"):
            gauges.put("issues", levels[level], level=level)
        gauges.put("returned_issues", sum(one.returned for one in facts.issues))
        gauges.put("unassigned_issues", sum(not one.assigned for one in facts.issues))
    if whole or reaches(facts.issues, facts.read_at):
        gauges.put("new_issues", sum(is_new(one, facts.read_at) for one in facts.issues))
    if whole:
        _measure_rates(gauges, facts)


def _measure_rates(gauges: Gauges, facts: SentryFacts) -> None:
    told = [one for one in facts.issues if one.rate is not None]
    if facts.issues and not told:
        return
    gauges.put("events_per_minute", sum(one.rate or 0.0 for one in told))
    for project in sorted({one.project for one in told})[:MOST_NAMED]:
        rate = sum(one.rate or 0.0 for one in told if one.project == project)
        gauges.put("project_events_per_minute", rate, project=project)


def raised_of(facts: SentryFacts, settings: SentrySettings) -> Iterator[Raised]:
    """The issues that are alerts: bad enough, happening, and many, new or back."""
    least = LEVELS.index(settings.level)
    for one in facts.issues:
        if LEVELS.index(one.level) < least or one.rate == 0:
            continue
        often = one.rate is not None and one.rate >= settings.limit
        if often or one.level == "fatal" or one.returned or is_new(one, facts.read_at):
            yield _raised(one, facts, settings)


def _raised(one: Issue, facts: SentryFacts, settings: SentrySettings) -> Raised:
    said = [one.pace] if one.pace else []
    if one.users is not None:
        said.append(f"{one.users} {'user' if one.users == 1 else 'users'} in {settings.days} d")
    if one.returned:
        said.append("was resolved and is back" if one.state == "regressed" else "escalates")
    elif is_new(one, facts.read_at):
        said.append("new")
    where = f" in {one.where}" if one.where else ""
    return Raised(
        key=one.id,
        name=one.title,
        severity=_SEVERITIES.get(one.level, Severity.NOTICE),
        words=SafeText(f"{one.short} {one.title}{where}: {', '.join(said)}".removesuffix(": "), 600),
        since=by_our_clock(one.began or one.first_seen, facts.skew),
        labels=(("issue", str(one.short)), ("project", str(one.project)), ("level", one.level)),
        value=one.rate,
        limit=settings.limit if one.rate is not None else None,
        unit=Unit.PER_MINUTE,
        row=one.id,
        fingerprint=fingerprint_of([("sentry", facts.organization), ("issue", one.id)]),
        link=one.link,
        acknowledged=str(one.assigned) if one.person else "",
    )
