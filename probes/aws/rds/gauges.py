"""Which numbers of managed databases everybody may use, and which are worth a person's attention by default."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from probes.aws.rds.facts import Cluster, Instance, RdsFacts, Snapshots
from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit

LABELLED: Final = 60
"""Databases that get gauges and metrics: what a target may hold of both."""
_DAY: Final = 86400.0

SPECS: Final = (
    GaugeSpec("broken", "1 when a database is stopped or broken, labelled with its state.", better="low"),
    GaugeSpec("changing", "1 when a database is between two states and may not answer.", better="low"),
    GaugeSpec("absent", "1 for a database that the profile names and that is not there.", better="low"),
    GaugeSpec("databases", "DB instances and clusters."),
    GaugeSpec("storage_full", "1 when AWS says that its storage is full.", better="low"),
    GaugeSpec("free_bytes", "Free storage, by CloudWatch.", Unit.BYTES, better="high"),
    GaugeSpec(
        "free_ratio", "Free storage against what is allocated.", Unit.RATIO, better="high", capacity=Capacity.LEFT
    ),
    GaugeSpec("full_in_seconds", "Time until its storage is full, at the pace of 3 h.", Unit.SECONDS, better="high"),
    GaugeSpec("cpu_ratio", "Cpu in use, of all its cores.", Unit.RATIO, better="low", capacity=Capacity.LOAD),
    GaugeSpec("connections", "Open connections.", capacity=Capacity.LOAD),
    GaugeSpec("lag_seconds", "How far a replica is behind.", Unit.SECONDS, better="low"),
    GaugeSpec("snapshot_age_seconds", "Age of the newest snapshot that is available.", Unit.SECONDS, better="low"),
    GaugeSpec("snapshot_late_seconds", "How much older that is than the profile allows.", Unit.SECONDS, better="low"),
    GaugeSpec("snapshots", "Snapshots that are available.", better="high"),
    GaugeSpec("snapshot_days", "Of the last 7 days, those with a snapshot that is available.", better="high"),
    GaugeSpec("reachable", "1 when the port is open from a source of the profile, 0 when not.", better="high"),
    GaugeSpec("open_to_all", "1 when security groups open its port to every address.", better="low"),
)

RULES: Final = (
    Rule(
        name="broken", gauge="broken", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{database} is {state}",
    ),
    Rule(
        name="changing", gauge="changing", op=">", threshold=0, severity=Severity.WARNING,
        say="{database} is {state}, and may not answer",
    ),
    Rule(
        name="absent", gauge="absent", op=">", threshold=0, severity=Severity.CRITICAL,
        say="there is no database {database}",
    ),
    Rule(
        name="storage-full", gauge="storage_full", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the storage of {database} is full",
    ),
    Rule(
        name="storage-low", gauge="free_ratio", op="<", threshold=0.1, clear=0.12, severity=Severity.WARNING,
        say="{database} has {value} of its storage free, {free_bytes}",
    ),
    Rule(
        name="storage-very-low", gauge="free_ratio", op="<", threshold=0.04, clear=0.05, severity=Severity.CRITICAL,
        say="{database} has only {value} of its storage free, {free_bytes}",
    ),
    Rule(
        name="storage-soon-full", gauge="full_in_seconds", op="<", threshold=3 * _DAY, clear=3.5 * _DAY,
        severity=Severity.WARNING, consecutive=3,
        say="the storage of {database} is full in {value} at this pace",
    ),
    Rule(
        name="cpu", gauge="cpu_ratio", op=">", threshold=0.9, clear=0.85, severity=Severity.WARNING, hold=300,
        say="{database}: cpu at {value}",
    ),
    Rule(
        name="replica-behind", gauge="lag_seconds", op=">", threshold=60, clear=30, severity=Severity.WARNING, hold=60,
        say="replica {database} is {value} behind",
    ),
    Rule(
        name="snapshot-old", gauge="snapshot_late_seconds", op=">", threshold=0, severity=Severity.WARNING,
        say="the newest snapshot of {database} is {snapshot_age_seconds} old",
    ),
    Rule(
        name="snapshot-none", gauge="snapshots", op="==", threshold=0, severity=Severity.WARNING,
        say="{database} has no snapshot to restore from",
    ),
    Rule(
        name="snapshot-days", gauge="snapshot_days", op="<", threshold=7, severity=Severity.NOTICE,
        say="{database} has snapshots of {value} of the last 7 days",
    ),
    Rule(
        name="unreachable", gauge="reachable", op="==", threshold=0, severity=Severity.WARNING,
        say="the port of {database} is not open from {source}",
    ),
    Rule(
        name="open-to-all", gauge="open_to_all", op=">", threshold=0, severity=Severity.WARNING,
        say="the port of {database} is open to every address on the internet",
    ),
)  # fmt: skip


def measured(facts: RdsFacts, now: datetime, fresh: float) -> Gauges:
    """The gauges of a reading; `fresh` is how many hours the newest snapshot may be old."""
    gauges = Gauges()
    gauges.put("databases", len(facts.instances) + len(facts.clusters) + facts.more)
    for name in facts.absent:
        gauges.put("absent", 1, database=name)
    for instance in facts.instances[:LABELLED]:
        _state(gauges, instance)
        _use(gauges, instance)
        if not instance.cluster and not instance.replica_of:
            _backed_up(gauges, instance.name, instance.snapshots, instance.made, now, fresh)
    for cluster in facts.clusters[:LABELLED]:
        _state(gauges, cluster)
        _backed_up(gauges, cluster.name, cluster.snapshots, cluster.made, now, fresh)
    return gauges


def _state(gauges: Gauges, one: Instance | Cluster) -> None:
    if one.status == "storage-full":
        gauges.put("storage_full", 1, database=one.name)
    elif one.changes:
        gauges.put("changing", 1, database=one.name, state=one.status)
    elif one.status and not one.serves:
        gauges.put("broken", 1, database=one.name, state=one.status)


def _use(gauges: Gauges, one: Instance) -> None:
    gauges.put("free_bytes", one.free, database=one.name)
    gauges.put("free_ratio", one.free_ratio, database=one.name)
    gauges.put("full_in_seconds", one.full_in, database=one.name)
    gauges.put("cpu_ratio", one.cpu, database=one.name)
    gauges.put("connections", one.connections, database=one.name)
    gauges.put("lag_seconds", one.lag, database=one.name)
    for reach in one.reach:
        gauges.put("reachable", None if reach.open is None else int(reach.open), database=one.name, source=reach.source)
    if one.open_to_all and one.public:
        gauges.put("open_to_all", 1, database=one.name)


def _backed_up(
    gauges: Gauges, name: str, known: Snapshots | None, made: datetime | None, now: datetime, fresh: float
) -> None:
    if known is None:
        return
    lived = None if made is None else (now - made).total_seconds()
    if lived is None or lived > fresh * 3600:  # a newer one has had no night for it yet
        gauges.put("snapshots", known.count, database=name)
    if known.newest is not None and known.newest.begun is not None:
        age = (now - known.newest.begun).total_seconds()
        gauges.put("snapshot_age_seconds", max(0.0, age), database=name)
        gauges.put("snapshot_late_seconds", age - fresh * 3600, database=name)
    if lived is None or lived > 8 * _DAY:
        gauges.put("snapshot_days", known.days, database=name)
