"""The gauges and rules of scans. A vulnerability wakes nobody: it is a warning, not an outage."""

from __future__ import annotations

from typing import Final

from probes.base import GaugeSpec, Missing, Rule, Severity, Unit

_DAY: Final = 86400.0

GAUGES: Final = (
    GaugeSpec("critical", "Vulnerabilities called critical in the last scan.", better="low"),
    GaugeSpec("high", "Vulnerabilities called high in the last scan.", better="low"),
    GaugeSpec("high_alone", "Those called high, of a scan that found none called critical; else absent.", better="low"),
    GaugeSpec("medium", "Vulnerabilities called medium or moderate in the last scan.", better="low"),
    GaugeSpec("low", "Vulnerabilities called low in the last scan.", better="low"),
    GaugeSpec("unrated", "Vulnerabilities without a severity in the last scan.", better="low"),
    GaugeSpec("fixable", "Vulnerabilities for which a fixed version is known.", better="low"),
    GaugeSpec("skipped", "Packages that the tool could not judge.", better="low"),
    GaugeSpec("appeared", "Vulnerabilities that the scan before had not.", better="low"),
    GaugeSpec("scan_age_seconds", "Time since the last scan that worked.", Unit.SECONDS, better="low"),
    GaugeSpec("database_age_seconds", "Age of the tool's own list of vulnerabilities.", Unit.SECONDS, better="low"),
    GaugeSpec("scan_failed", "1 when the last try to scan failed, labelled with why, else 0.", better="low"),
)


def _rule(name: str, gauge: str, threshold: float, severity: Severity, say: str) -> Rule:
    return Rule(name=name, gauge=gauge, op=">", threshold=threshold, severity=severity, say=say, missing=Missing.CLEAR)


RULES: Final = (
    _rule("critical-vulnerabilities", "critical", 0, Severity.WARNING,
          "{scan}: {value} critical, {high} high, {fixable} can be fixed"),
    _rule("high-vulnerabilities", "high_alone", 0, Severity.NOTICE, "{scan}: {value} high, {fixable} can be fixed"),
    _rule("unrated-vulnerabilities", "unrated", 0, Severity.NOTICE,
          "{scan}: {value} of no stated severity, {fixable} can be fixed"),
    _rule("new-vulnerabilities", "appeared", 0, Severity.NOTICE, "{scan}: {value} more than in the scan before"),
    _rule("not-judged", "skipped", 0, Severity.NOTICE, "{scan}: {value:package} could not be judged"),
    _rule("old-scan", "scan_age_seconds", 8 * _DAY, Severity.WARNING, "{scan}: last scanned {value} ago"),
    _rule("old-database", "database_age_seconds", 7 * _DAY, Severity.WARNING,
          "{scan}: judged by a list that is {value} old"),
    _rule("scan-failed", "scan_failed", 0, Severity.NOTICE, "no result of {scan}: {why}"),
)  # fmt: skip
