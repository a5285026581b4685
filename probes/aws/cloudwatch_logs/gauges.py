"""The numbers log groups give, and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.aws.cloudwatch_logs.facts import LogsFacts
from probes.base import Capacity, Gauges, GaugeSpec, Missing, Rule, Severity, Unit

_NAMED: Final = 200
"""Groups named in gauges at most."""

SPECS: Final = (
    GaugeSpec("groups", "Log groups that are watched."),
    GaugeSpec("stored_bytes", "Bytes a group keeps, as the service last counted them.",
              Unit.BYTES, better="low", capacity=Capacity.SIZE),
    GaugeSpec("retention_seconds", "How long a group keeps what is written; absent: for ever.", Unit.SECONDS),
    GaugeSpec("last_event_age_seconds", "How long ago its newest event was, by its streams: up to an hour late.",
              Unit.SECONDS, better="low"),
    GaugeSpec("silent", "1 when nothing was written for longer than its profile allows.", better="low"),
    GaugeSpec("silent_limit_seconds", "How long a group may be silent.", Unit.SECONDS),
    GaugeSpec("matches", "Finds of a pattern within its window. Absent while that is not read from end to end.",
              better="low"),
    GaugeSpec("matches_per_minute", "Finds of a pattern in the last whole minute.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("matches_limit", "Finds from which a pattern is an alert.", better="low"),
    GaugeSpec("matches_window_seconds", "The window of a pattern.", Unit.SECONDS),
    GaugeSpec("matches_over", "1 when there are more finds than the limit.", better="low"),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="pattern",
        gauge="matches_over",
        op="==",
        threshold=1.0,
        severity=Severity.WARNING,
        missing=Missing.KEEP,
        say="{pattern}: found {matches:time} in {matches_window_seconds}, its limit is {matches_limit}",
    ),
    Rule(
        name="silent",
        gauge="silent",
        op="==",
        threshold=1.0,
        severity=Severity.WARNING,
        missing=Missing.KEEP,
        say="{group}: nothing written for {silent_limit_seconds}",
    ),
)


def measured(facts: LogsFacts) -> Gauges:
    """The gauges of one reading."""
    gauges = Gauges()
    gauges.put("groups", len(facts.groups))
    for group in facts.groups[:_NAMED]:
        gauges.put("stored_bytes", group.stored, group=group.name)
        gauges.put("retention_seconds", group.retention * 86400.0 if group.retention else None, group=group.name)
        if group.last is not None and facts.taken_at is not None:
            age = max(0.0, (facts.taken_at - group.last).total_seconds())
            gauges.put("last_event_age_seconds", age, group=group.name)
    for group in (one for one in facts.groups if one.silent_after is not None):
        gauges.put("silent", None if group.silent is None else float(group.silent), group=group.name)
        gauges.put("silent_limit_seconds", (group.silent_after or 0) * 60.0, group=group.name)
    for count in facts.counts:
        gauges.put("matches", count.found if count.whole or count.over else None, pattern=count.name)
        last = count.minutes[-2] if len(count.minutes) > 1 else None
        gauges.put("matches_per_minute", last, pattern=count.name)
        gauges.put("matches_limit", count.limit, pattern=count.name)
        gauges.put("matches_window_seconds", count.window * 60.0, pattern=count.name)
        gauges.put("matches_over", None if count.over is None else float(count.over), pattern=count.name)
    return gauges
