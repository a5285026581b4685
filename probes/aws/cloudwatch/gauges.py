"""The numbers CloudWatch's alarms and chosen metrics give, and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.aws.cloudwatch.facts import AlarmState, CloudWatchFacts, Tile
from probes.base import Gauges, GaugeSpec, Missing, Rule, Severity, Unit

_NAMED: Final = 50
"""Alarms named in gauges at most."""
_UNITS: Final = {
    Unit.COUNT: "metric",
    Unit.SECONDS: "metric_seconds",
    Unit.BYTES: "metric_bytes",
    Unit.RATIO: "metric_ratio",
    Unit.PER_SECOND: "metric_per_second",
    Unit.BYTES_PER_SECOND: "metric_bytes_per_second",
}
"""A gauge for each unit, so that each is told in its own words."""


def gauge_of(tile: Tile) -> str:
    """The gauge a chosen metric stands in."""
    return _UNITS[tile.unit]


SPECS: Final = (
    GaugeSpec("alarms", "Alarms in a state.", better="neither"),
    GaugeSpec("alarm", "1 for an alarm in ALARM; those that only drive scaling are left out.", better="low"),
    GaugeSpec("alarm_seconds", "How long it has been in ALARM.", Unit.SECONDS, better="low"),
    GaugeSpec("muted", "1 for an alarm whose actions are off.", better="low"),
    GaugeSpec("alarms_raised", "Alarms in ALARM that are news to a person.", better="low"),
    GaugeSpec("alarms_muted", "Alarms whose actions are off.", better="low"),
    GaugeSpec("alarms_without_data", "Alarms with insufficient data.", better="low"),
    *(
        spec
        for unit, name in _UNITS.items()
        for spec in (
            GaugeSpec(name, "A chosen metric: its newest point. Absent when it has none of now.", unit),
            GaugeSpec(f"{name}_limit", "The limit of a chosen metric that it has passed, or would pass first.", unit),
            GaugeSpec(f"{name}_level", "0: within its limits, 1: warning, 2: critical.", better="low"),
        )
    ),
)


def _of_unit(name: str, suffix: str) -> tuple[Rule, Rule]:
    say = f"{{tile}}: {{{name}}}, its limit is {{{name}_limit}}"
    return (
        Rule(name=f"metric-critical{suffix}", gauge=f"{name}_level", op=">=", threshold=2.0,
             severity=Severity.CRITICAL, say=say, missing=Missing.CLEAR),
        Rule(name=f"metric-warning{suffix}", gauge=f"{name}_level", op="==", threshold=1.0,
             severity=Severity.WARNING, say=say, missing=Missing.CLEAR),
    )  # fmt: skip


RULES: Final = (
    Rule(
        name="muted",
        gauge="muted",
        op="==",
        threshold=1.0,
        severity=Severity.WARNING,
        missing=Missing.CLEAR,
        say="{alarm}: its actions are off, nobody is told when it goes off",
    ),
    Rule(
        name="insufficient-data",
        gauge="alarms_without_data",
        op=">",
        threshold=0.0,
        severity=Severity.NOTICE,
        say="alarms without enough data to tell: {value}",
    ),
    *(rule for name in _UNITS.values() for rule in _of_unit(name, name.removeprefix("metric").replace("_", "-"))),
)


def measured(facts: CloudWatchFacts) -> Gauges:
    """The gauges of one reading."""
    gauges = Gauges()
    for state, number in facts.counts.items():
        gauges.put("alarms", number, state=state.value)
    raised, muted = facts.raised, facts.muted
    for one in raised[:_NAMED]:
        gauges.put("alarm", 1.0, alarm=one.name)
        if one.since is not None and facts.taken_at is not None:
            gauges.put("alarm_seconds", max(0.0, (facts.taken_at - one.since).total_seconds()), alarm=one.name)
    for one in muted[:_NAMED]:
        gauges.put("muted", 1.0, alarm=one.name)
    if facts.counts:
        gauges.put("alarms_raised", len(raised))
        gauges.put("alarms_muted", len(muted))
    gauges.put("alarms_without_data", facts.counts.get(AlarmState.INSUFFICIENT_DATA))
    for tile in facts.tiles:
        _put_tile(gauges, tile)
    return gauges


def _put_tile(gauges: Gauges, tile: Tile) -> None:
    name = gauge_of(tile)
    gauges.put(name, tile.latest, tile=tile.name)
    if tile.latest is None or (tile.warn is None and tile.critical is None):
        return
    limit = tile.critical if tile.level is Severity.CRITICAL or tile.warn is None else tile.warn
    gauges.put(f"{name}_limit", limit, tile=tile.name)
    gauges.put(f"{name}_level", 0.0 if tile.level is None else tile.level - 1.0, tile=tile.name)
