"""Gauges and rules of alerts and silences, for both kinds; and what Grafana has beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from probes.alerting.facts import Alert, DataSource, RuleState, Silence
from probes.base import Gauges, GaugeSpec, Rule, Severity, Unit

SOON: Final = 900.0
"""Seconds before a silence's end that it counts as ending."""
MOST_NAMES: Final = 50
"""Alert names of one severity that are named one by one; the rest is in the counts."""

_SEVERITIES: Final = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.NOTICE: "other",
    None: "none",
}

ALERT_GAUGES: Final = (
    GaugeSpec("alerts", "Active alerts by severity: critical, warning, other, none.", better="low"),
    GaugeSpec("critical_alerts", "Active critical alerts of one name (label alert).", better="low"),
    GaugeSpec("warning_alerts", "Active warnings of one name (label alert).", better="low"),
    GaugeSpec("other_alerts", "Active alerts of one name whose severity is neither, or missing.", better="low"),
    GaugeSpec("alerts_suppressed", "Alerts that are silenced or held back by another alert."),
    GaugeSpec("alerts_held", "All alerts, active or not."),
    GaugeSpec("oldest_active_seconds", "Age of the oldest active alert that wants somebody.", Unit.SECONDS),
    GaugeSpec("silences_active", "Silences in force."),
    GaugeSpec("silences_pending", "Silences that begin later."),
    GaugeSpec("silences_ending", "Silences in force that end within 15 minutes."),
    GaugeSpec("clock_skew_seconds", "How far the server's clock is from ours, when more than 5 s.", Unit.SECONDS),
)

ALERT_RULES: Final = (
    Rule(
        name="silence-ends",
        gauge="silences_ending",
        op=">",
        threshold=0,
        severity=Severity.NOTICE,
        say="{value:silence} about to end, within 15 min; what still fires pages again then",
    ),
    Rule(
        name="clock-skew",
        gauge="clock_skew_seconds",
        op="!=",
        threshold=0,
        severity=Severity.NOTICE,
        hold=30,
        say="its clock and ours are {value} apart",
    ),
)

ALERTMANAGER_GAUGES: Final = (
    *ALERT_GAUGES,
    GaugeSpec("cluster_peers", "Members of its cluster that it knows, itself included."),
    GaugeSpec("cluster_ready", "1 when its cluster is ready, 0 while it settles; absent without a cluster."),
)
ALERTMANAGER_RULES: Final = (
    *ALERT_RULES,
    Rule(
        name="cluster-settling",
        gauge="cluster_ready",
        op="<",
        threshold=1,
        severity=Severity.WARNING,
        hold=60,
        say="its cluster does not settle: people may be told twice, or a silence not be known to all",
    ),
)

GRAFANA_GAUGES: Final = (
    *ALERT_GAUGES,
    GaugeSpec("database_ok", "1 when Grafana reaches its own database, 0 when not."),
    GaugeSpec("rules", "Alert rules by state: firing, pending, inactive."),
    GaugeSpec("rules_failing", "Alert rules whose evaluation fails or finds no data.", better="low"),
    GaugeSpec("source_failing", "1 for a data source that does not answer Grafana (label source).", better="low"),
    GaugeSpec("fired_recently", "Alerts that began to fire since last evening."),
)
GRAFANA_RULES: Final = (
    *ALERT_RULES,
    Rule(
        name="database-failing",
        gauge="database_ok",
        op="<",
        threshold=1,
        severity=Severity.CRITICAL,
        say="Grafana does not reach its own database",
    ),
    Rule(
        name="rules-failing",
        gauge="rules_failing",
        op=">",
        threshold=0,
        severity=Severity.WARNING,
        hold=60,
        say="{value} of its alert rules can't be evaluated or find no data: they guard nothing",
    ),
    Rule(
        name="source-failing",
        gauge="source_failing",
        op=">",
        threshold=0,
        severity=Severity.WARNING,
        say="data source {source} does not answer Grafana",
    ),
)


def measure_alerts(
    gauges: Gauges, everything: Sequence[Alert], silences: Sequence[Silence] | None, skew: float | None
) -> int:
    """Put in the gauges of alerts and silences; the number of alert names that are only in the counts."""
    active = [one for one in everything if one.active]
    counts = Counter(one.severity for one in active)
    for severity, word in _SEVERITIES.items():
        gauges.put("alerts", counts[severity], severity=word)
    left = 0
    for severity, name in (
        (Severity.CRITICAL, "critical_alerts"),
        (Severity.WARNING, "warning_alerts"),
        (Severity.NOTICE, "other_alerts"),
    ):
        names = Counter(str(one.name) for one in active if one.severity is severity)
        for alert, number in sorted(names.items())[:MOST_NAMES]:
            gauges.put(name, number, alert=alert)
        left += max(0, len(names) - MOST_NAMES)
    ages = [one.age for one in active if one.severity is not None and one.age is not None]
    gauges.put("alerts_suppressed", len(everything) - len(active))
    gauges.put("alerts_held", len(everything))
    gauges.put("oldest_active_seconds", max(ages, default=None))
    gauges.put("clock_skew_seconds", skew or 0.0)
    if silences is not None:
        now = [one for one in silences if one.state == "active"]
        gauges.put("silences_active", len(now))
        gauges.put("silences_pending", sum(one.state == "pending" for one in silences))
        gauges.put("silences_ending", sum(one.left is not None and one.left <= SOON for one in now))
    return left


def measure_rules(gauges: Gauges, counts: Counter[str], failing: int) -> None:
    """Put in the gauges of Grafana's alert rules."""
    for state in ("firing", "pending", "inactive"):
        gauges.put("rules", counts[state], state=state)
    gauges.put("rules_failing", failing)


def measure_sources(gauges: Gauges, sources: Sequence[DataSource]) -> None:
    """Put in the gauges of the data sources that were asked."""
    for one in sources:
        if one.well is not None:
            gauges.put("source_failing", 0 if one.well else 1, source=one.name)


def fails(rule: RuleState) -> bool:
    """Whether a rule guards nothing: its query fails, or finds nothing."""
    return rule.health in ("error", "nodata")
