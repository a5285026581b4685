"""The gauges and rules of rotation."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from probes.base import Capacity, Gauges, GaugeSpec, Missing, Rule, Severity, Unit
from probes.rotation.facts import RotationFacts

DAY: Final = 86400.0

GAUGES: Final = (
    GaugeSpec("total_bytes", "All files of a log, rotated ones included.",
              Unit.BYTES, better="low", capacity=Capacity.SIZE),
    GaugeSpec("files", "Files of a log, rotated ones included.", better="neither"),
    GaugeSpec("most_ratio", "Bytes of a log against what the profile lets it have.",
              Unit.RATIO, better="low", capacity=Capacity.USED),
    GaugeSpec("beyond_keep", "Rotated files that are older than the profile keeps them.", better="low"),
    GaugeSpec("growth_bytes_per_second", "What is written to a log.", Unit.BYTES_PER_SECOND, better="low"),
    GaugeSpec("full_in_seconds", "Time until the filesystem is full, by this log's growth alone.", Unit.SECONDS,
              better="high"),
    GaugeSpec("uncovered", "Files that are written to and that no configuration of logrotate rotates.", better="low"),
    GaugeSpec("overdue_seconds", "Time since a rotation should have been, by its own period.", Unit.SECONDS,
              better="low"),
    GaugeSpec("astray", "Processes that still write into a rotated or removed file.", better="low"),
    GaugeSpec("logrotate_age_seconds", "Time since logrotate last wrote its record.", Unit.SECONDS, better="low"),
    GaugeSpec("journal_bytes", "What systemd's journal takes.", Unit.BYTES, better="low", capacity=Capacity.SIZE),
    GaugeSpec("unlimited_containers", "Containers whose JSON log has no limit.", better="low"),
)  # fmt: skip


def _rule(name: str, gauge: str, threshold: float, severity: Severity, say: str, op: Literal[">", "<"] = ">") -> Rule:
    return Rule(name=name, gauge=gauge, op=op, threshold=threshold, severity=severity, say=say, missing=Missing.CLEAR)


RULES: Final = (
    _rule("full-soon", "full_in_seconds", 7 * DAY, Severity.WARNING, "{log} alone fills its disk in {value}", "<"),
    _rule("full-now", "full_in_seconds", DAY, Severity.CRITICAL, "{log} alone fills its disk in {value}", "<"),
    _rule("too-big", "most_ratio", 1.0, Severity.WARNING, "{log} takes {value} of what it may have"),
    _rule("kept-too-long", "beyond_keep", 0, Severity.NOTICE, "{log}: {value:rotated file} too old"),
    _rule("not-rotated", "uncovered", 0, Severity.WARNING, "{log}: nothing rotates {value} of its files"),
    _rule("rotation-late", "overdue_seconds", DAY, Severity.WARNING, "{log} should have been rotated {value} ago"),
    _rule("writes-astray", "astray", 0, Severity.WARNING,
          "{log}: {value:process} still writing into a rotated or removed file"),
    _rule("logrotate-silent", "logrotate_age_seconds", 2 * DAY, Severity.WARNING, "logrotate last ran {value} ago"),
    _rule("containers-unlimited", "unlimited_containers", 0, Severity.NOTICE, "{value:container} may log without end"),
)  # fmt: skip


def gauges_of(facts: RotationFacts, now: datetime) -> Gauges:
    """The numbers of a reading."""
    gauges = Gauges()
    at = now.timestamp()
    for log in facts.logs:
        if not log.left_out:
            gauges.put("total_bytes", log.total, log=log.name)
        gauges.put("files", len(log.files) + log.left_out, log=log.name)
        if log.most and (log.total > log.most or not log.left_out):  # of some of its files only "too much" is sure
            gauges.put("most_ratio", log.total / log.most, log=log.name)
        beyond = sum(at - one.changed > log.keep for one in log.rotated) if log.keep is not None else 0
        if log.keep is not None and (beyond or not log.left_out):
            gauges.put("beyond_keep", beyond, log=log.name)
        gauges.put("growth_bytes_per_second", log.growth, log=log.name)
        gauges.put("full_in_seconds", log.full_in, log=log.name)
        gauges.put("uncovered", log.uncovered, log=log.name)
        if log.period is not None and log.rotated_at is not None:
            gauges.put("overdue_seconds", max(0.0, at - log.rotated_at.timestamp() - log.period), log=log.name)
        gauges.put("astray", len(log.astray), log=log.name)
    if facts.ran_at is not None:
        gauges.put("logrotate_age_seconds", max(0.0, at - facts.ran_at.timestamp()))
    if facts.journal is not None:
        gauges.put("journal_bytes", facts.journal.size)
    if facts.containers is not None:
        gauges.put("unlimited_containers", len(facts.loose))
    return gauges
