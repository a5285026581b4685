"""From what RDS answers to facts. Everything may be missing; what is not as documented is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from probes.aws.metrics import Points
from probes.aws.rds.facts import Cluster, Event, Instance, Maintenance, Snapshots, StoredSnapshot
from probes.aws.values import flag, moment, named, table, tables, text, waiting, whole
from probes.base import SafeText, finite

GIB: Final = 2.0**30
_NAME: Final = 255
_HOUR: Final = 3600.0
_DAY: Final = timedelta(days=1)
_LEAST_POINTS: Final = 4
_LEAST_SPAN: Final = 1800.0
"""Seconds of points from which a trend is told."""

_PENDING: Final = {
    "DBInstanceClass": "class", "AllocatedStorage": "storage", "Port": "port", "MultiAZ": "Multi-AZ",
    "BackupRetentionPeriod": "backup retention", "EngineVersion": "version", "Engine": "engine",
    "LicenseModel": "license", "Iops": "IOPS", "StorageThroughput": "throughput", "StorageType": "storage type",
    "DBInstanceIdentifier": "name", "DBClusterIdentifier": "name", "CACertificateIdentifier": "certificate",
    "DBSubnetGroupName": "subnets", "IAMDatabaseAuthenticationEnabled": "IAM login", "MultiTenant": "multi-tenant",
    "DedicatedLogVolume": "log volume", "AutomationMode": "automation",
}  # fmt: skip
"""Pending changes whose value may be shown; of others only that they are."""


def gib(value: object) -> float | None:
    """Bytes of a number of GiB; Aurora says 1 where it has none of its own."""
    number = finite(value)
    return number * GIB if number is not None and number > 0 else None


def share(value: object) -> float | None:
    """A percentage, which comes as a number or as text, as a share of one."""
    try:
        number = finite(float(value)) if isinstance(value, int | float | str) else None
    except ValueError:
        return None
    return None if number is None else min(1.0, max(0.0, number / 100))


def instance(raw: Mapping[str, Any]) -> Instance:
    """One of DescribeDBInstances."""
    endpoint, cluster = table(raw.get("Endpoint")), text(raw.get("DBClusterIdentifier"))
    storage = named(raw.get("StorageType"))
    parameters = [
        SafeText(f"{one.get('DBParameterGroupName', '')}{_in_force(one.get('ParameterApplyStatus'))}", _NAME)
        for one in tables(raw.get("DBParameterGroups"))
    ]
    grows = gib(raw.get("MaxAllocatedStorage"))
    progress = raw.get("StorageOperationPercentProgress", raw.get("PercentProgress"))
    return Instance(
        name=named(raw.get("DBInstanceIdentifier")),
        resource=named(raw.get("DbiResourceId")),
        status=named(raw.get("DBInstanceStatus")),
        engine=text(raw.get("Engine")),
        version=text(raw.get("EngineVersion")),
        size=text(raw.get("DBInstanceClass")),
        host=text(endpoint.get("Address")),
        port=whole(endpoint.get("Port")) or whole(raw.get("DbInstancePort")) or None,
        cluster=cluster,
        storage=storage,
        allocated=None if storage == "aurora" or str(raw.get("Engine")).startswith("aurora") else _allocated(raw),
        grows_to=grows,
        iops=whole(raw.get("Iops")) or None,
        throughput=whole(raw.get("StorageThroughput")) or None,
        multi_zone=flag(raw.get("MultiAZ")),
        zone=text(raw.get("AvailabilityZone")),
        encrypted=flag(raw.get("StorageEncrypted")),
        public=flag(raw.get("PubliclyAccessible")),
        protected=flag(raw.get("DeletionProtection")),
        pending=waiting(raw.get("PendingModifiedValues"), _PENDING),
        window=text(raw.get("PreferredMaintenanceWindow")),
        backup_window=text(raw.get("PreferredBackupWindow")),
        retention=whole(raw.get("BackupRetentionPeriod")),
        restorable=moment(raw.get("LatestRestorableTime")),
        made=moment(raw.get("InstanceCreateTime")),
        parameters=tuple(parameters),
        subnets=text(table(raw.get("DBSubnetGroup")).get("DBSubnetGroupName")),
        groups=tuple(named(one.get("VpcSecurityGroupId")) for one in tables(raw.get("VpcSecurityGroups"))),
        replica_of=text(raw.get("ReadReplicaSourceDBInstanceIdentifier")),
        replicas=tuple(text(one) for one in raw.get("ReadReplicaDBInstanceIdentifiers") or ()),
        progress=share(progress),
    )


def _allocated(raw: Mapping[str, Any]) -> float | None:
    return gib(raw.get("AllocatedStorage"))


def _in_force(status: object) -> str:
    return "" if status in (None, "", "in-sync") else f" ({status})"


def cluster(raw: Mapping[str, Any]) -> Cluster:
    """One of DescribeDBClusters."""
    members = tables(raw.get("DBClusterMembers"))
    writers = [text(one.get("DBInstanceIdentifier")) for one in members if one.get("IsClusterWriter") is True]
    return Cluster(
        name=named(raw.get("DBClusterIdentifier")),
        resource=named(raw.get("DbClusterResourceId")),
        status=named(raw.get("Status")),
        engine=text(raw.get("Engine")),
        version=text(raw.get("EngineVersion")),
        host=text(raw.get("Endpoint")),
        reader=text(raw.get("ReaderEndpoint")),
        port=whole(raw.get("Port")),
        members=tuple(text(one.get("DBInstanceIdentifier")) for one in members),
        writer=writers[0] if len(writers) == 1 else SafeText(),
        multi_zone=flag(raw.get("MultiAZ")),
        encrypted=flag(raw.get("StorageEncrypted")),
        protected=flag(raw.get("DeletionProtection")),
        pending=waiting(raw.get("PendingModifiedValues"), _PENDING),
        window=text(raw.get("PreferredMaintenanceWindow")),
        retention=whole(raw.get("BackupRetentionPeriod")),
        made=moment(raw.get("ClusterCreateTime")),
        restorable=moment(raw.get("LatestRestorableTime")),
    )


def snapshot(raw: Mapping[str, Any]) -> StoredSnapshot:
    """One of DescribeDBSnapshots or DescribeDBClusterSnapshots."""
    return StoredSnapshot(
        id=text(raw.get("DBSnapshotIdentifier") or raw.get("DBClusterSnapshotIdentifier")),
        of=text(raw.get("DBInstanceIdentifier") or raw.get("DBClusterIdentifier")),
        sort=named(raw.get("SnapshotType")),
        status=named(raw.get("Status")),
        progress=share(raw.get("PercentProgress")),
        begun=moment(raw.get("SnapshotCreateTime")),
        allocated=gib(raw.get("AllocatedStorage")),
        size=finite(raw.get("FullSnapshotSizeInBytes")),
        encrypted=flag(raw.get("Encrypted", raw.get("StorageEncrypted"))),
        engine=text(raw.get("Engine")),
    )


def gathered(all_of_it: Iterable[StoredSnapshot], now: datetime) -> dict[str, Snapshots]:
    """The snapshots of each instance or cluster, by its name."""
    count: dict[str, int] = {}
    newest: dict[str, StoredSnapshot] = {}
    days: dict[str, set[int]] = {}
    under_way: dict[str, list[StoredSnapshot]] = {}
    for one in all_of_it:
        of = str(one.of)
        count.setdefault(of, 0)
        if not one.usable:
            if one.status in ("creating", "pending", "modifying", "copying"):
                under_way.setdefault(of, []).append(one)
            continue
        count[of] += 1
        if one.begun is None:
            continue
        known = newest.get(of)
        if known is None or known.begun is None or known.begun < one.begun:
            newest[of] = one
        age = now - one.begun
        if age < 7 * _DAY:
            days.setdefault(of, set()).add(max(0, age // _DAY))
    return {
        of: Snapshots(count[of], newest.get(of), len(days.get(of, ())), tuple(under_way.get(of, ()))) for of in count
    }


def maintenance(raw: Mapping[str, Any]) -> list[Maintenance]:
    """One of DescribePendingMaintenanceActions."""
    return [
        Maintenance(
            text(one.get("Action")),
            text(one.get("Description")),
            moment(one.get("CurrentApplyDate") or one.get("AutoAppliedAfterDate")),
            moment(one.get("ForcedApplyDate")),
        )
        for one in tables(raw.get("PendingMaintenanceActionDetails"))
    ]


def event(raw: Mapping[str, Any]) -> Event | None:
    """One of DescribeEvents."""
    at = moment(raw.get("Date"))
    return None if at is None else Event(at, text(raw.get("SourceIdentifier")), text(raw.get("Message"), 500))


def full_in(points: Points) -> float | None:
    """Seconds until nothing is free, by the straight line nearest to the points; None when it does not shrink.

    >>> from datetime import datetime, timedelta, UTC
    >>> hour = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(5)]
    >>> round(full_in(Points(tuple(hour), (50.0, 49.0, 48.0, 47.0, 46.0))) or 0)
    41400
    >>> full_in(Points(tuple(hour), (46.0, 46.0, 46.0, 46.0, 46.0))) is None
    True
    """
    if len(points.values) < _LEAST_POINTS:
        return None
    seconds = [(at - points.times[0]).total_seconds() for at in points.times]
    if seconds[-1] < _LEAST_SPAN:
        return None
    mean_at, mean = sum(seconds) / len(seconds), sum(points.values) / len(points.values)
    spread = sum((at - mean_at) ** 2 for at in seconds)
    slope = sum((at - mean_at) * (free - mean) for at, free in zip(seconds, points.values, strict=True)) / spread
    if slope * _HOUR > -max(1.0, points.values[-1]) * 1e-6:  # slower than a hundred years
        return None
    return max(0.0, points.values[-1] / -slope)
