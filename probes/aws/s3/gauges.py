"""Which numbers of stored backups everybody may use, and which are worth a person's attention by default."""

from __future__ import annotations

from typing import Final

from probes.aws.s3.facts import S3Facts
from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit

SPECS: Final = (
    GaugeSpec("newest_age_seconds", "Age of the newest backup.", Unit.SECONDS, better="low"),
    GaugeSpec("newest_late_seconds", "How much older that is than the profile allows.", Unit.SECONDS, better="low"),
    GaugeSpec("newest_bytes", "Size of the newest backup.", Unit.BYTES),
    GaugeSpec("size_ratio", "That size against the median of the seven before it.", Unit.RATIO),
    GaugeSpec("too_small", "1 when the newest backup is smaller than the profile allows.", better="low"),
    GaugeSpec("empty", "1 when there is no backup under the prefix.", better="low"),
    GaugeSpec("objects", "Backups that were listed."),
    GaugeSpec("total_bytes", "Size of them all.", Unit.BYTES, capacity=Capacity.SIZE),
    GaugeSpec("missing_days", "Days of the last 14 without a backup, where one comes every day.", better="low"),
    GaugeSpec("unguarded", "1 when public access to the bucket is not blocked, 0 when it is.", better="low"),
)

RULES: Final = (
    Rule(
        name="empty", gauge="empty", op=">", threshold=0, severity=Severity.CRITICAL,
        say="there is no backup under {place}",
    ),
    Rule(
        name="old", gauge="newest_late_seconds", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup is {newest_age_seconds} old",
    ),
    Rule(
        name="too-small", gauge="too_small", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the newest backup has only {newest_bytes}",
    ),
    Rule(
        name="shrunk", gauge="size_ratio", op="<", threshold=0.5, severity=Severity.WARNING,
        say="the newest backup has {value} of the usual size, {newest_bytes}",
    ),
    Rule(
        name="grown", gauge="size_ratio", op=">", threshold=1.5, severity=Severity.NOTICE,
        say="the newest backup has {value} of the usual size, {newest_bytes}",
    ),
    Rule(
        name="days-missing", gauge="missing_days", op=">", threshold=0, severity=Severity.NOTICE,
        say="{value} of the last 14 days have no backup",
    ),
    Rule(
        name="not-guarded", gauge="unguarded", op=">", threshold=0, severity=Severity.NOTICE,
        say="public access to the bucket is not blocked",
    ),
)  # fmt: skip


def measured(facts: S3Facts, fresh: float, least: int) -> Gauges:
    """The gauges of a reading: the newest may be `fresh` hours old and must have `least` bytes."""
    gauges = Gauges()
    gauges.put("objects", facts.count)
    gauges.put("total_bytes", facts.total)
    if facts.count == 0 and not facts.cut:
        gauges.put("empty", 1, place=f"{facts.bucket}/{facts.prefix}")
    if facts.guarding.public is not None:
        gauges.put("unguarded", int(facts.guarding.public != "blocked"))
    if facts.newest is None or facts.age is None:
        return gauges
    late = facts.age - fresh * 3600
    if facts.cut and late > 0:  # a newer one may be among the keys that were not listed
        return gauges
    gauges.put("newest_age_seconds", facts.age)
    gauges.put("newest_late_seconds", late)
    gauges.put("newest_bytes", facts.newest.size)
    gauges.put("too_small", int(facts.newest.size < least))
    if not facts.cut:
        gauges.put("size_ratio", facts.size_ratio)
        gauges.put("missing_days", len(facts.missing))
    return gauges
