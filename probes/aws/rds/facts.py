"""What is known about managed databases, and what a person calls their states. None is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.aws.calls import Seat
from probes.base import SafeText

SERVING: Final = frozenset(
    {
        "available", "backing-up", "configuring-activity-stream", "configuring-enhanced-monitoring",
        "configuring-iam-database-auth", "configuring-log-exports", "configuring-associated-roles", "modifying",
        "moving-to-vpc", "resetting-master-credentials", "storage-config-upgrade", "storage-initialization",
        "storage-optimization", "converting-to-vpc",
    }
)  # fmt: skip
"""States in which a database answers."""
CHANGING: Final = frozenset(
    {
        "creating", "maintenance", "rebooting", "renaming", "starting", "stopping", "upgrading", "deleting",
        "delete-precheck", "promoting", "failing-over", "resetting-endpoints", "migrating", "preparing-data-migration",
        "update-iam-db-auth", "backtracking",
    }
)  # fmt: skip
"""States that pass by themselves, in which it may not answer. What is in neither is broken or stopped:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html#Overview.DBInstance.Status."""


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """One snapshot."""

    id: SafeText
    of: SafeText
    """The instance or cluster it was taken of."""
    sort: str
    """manual, automated, shared, public, awsbackup."""
    status: str
    """creating, available, failed..."""
    progress: float | None = None
    """0 to 1."""
    begun: datetime | None = None
    """When it was taken, aware UTC."""
    allocated: float | None = None
    """Bytes of storage it restores to."""
    size: float | None = None
    """Bytes it takes itself, where that is told."""
    encrypted: bool | None = None
    engine: SafeText = SafeText()

    @property
    def usable(self) -> bool:
        """It can be restored from, as far as AWS can tell."""
        return self.status == "available"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots of one instance or cluster."""

    count: int = 0
    """Those that are available."""
    newest: StoredSnapshot | None = None
    """The newest that is available."""
    days: int = 0
    """Of the last seven days, those on which one was taken that is available."""
    under_way: tuple[StoredSnapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a database's port is open from one source, by its security groups."""

    source: str
    """A security group or a network."""
    open: bool | None
    """None: it can't be told."""
    why: SafeText = SafeText()
    """By which rule; or what is open instead."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Something AWS wants to do to a database."""

    what: SafeText
    """system-update, db-upgrade..."""
    about: SafeText = SafeText()
    after: datetime | None = None
    """Done in the maintenance window after this."""
    forced: datetime | None = None
    """Done then in any case."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something RDS told of a database."""

    at: datetime
    source: SafeText
    words: SafeText


@dataclass(frozen=True, slots=True)
class Instance:
    """One DB instance."""

    name: str
    """Its identifier: lower-case letters, digits and hyphens. Safe text."""
    resource: str = ""
    """DbiResourceId: differs when one is deleted and another one takes its name."""
    status: str = ""
    engine: SafeText = SafeText()
    version: SafeText = SafeText()
    size: SafeText = SafeText()
    """Its class: db.r6g.large."""
    host: SafeText = SafeText()
    port: int | None = None
    cluster: SafeText = SafeText()
    """The cluster it is a member of; empty: none."""
    writer: bool | None = None
    """Of a cluster's member: whether it takes writes."""
    storage: str = ""
    """Storage type: gp3."""
    allocated: float | None = None
    """Bytes."""
    grows_to: float | None = None
    """Bytes up to which its storage grows by itself; None: it does not."""
    iops: int | None = None
    throughput: int | None = None
    """MiB/s."""
    multi_zone: bool | None = None
    zone: SafeText = SafeText()
    encrypted: bool | None = None
    public: bool | None = None
    protected: bool | None = None
    """Deletion protection."""
    pending: tuple[SafeText, ...] = ()
    """Changes that wait for the maintenance window."""
    window: SafeText = SafeText()
    """Maintenance window, in UTC."""
    backup_window: SafeText = SafeText()
    retention: int | None = None
    """Days automated backups are kept; 0: there are none."""
    restorable: datetime | None = None
    """The latest moment it can be restored to."""
    made: datetime | None = None
    parameters: tuple[SafeText, ...] = ()
    """Parameter groups, with what is not in force yet."""
    subnets: SafeText = SafeText()
    groups: tuple[str, ...] = ()
    """Security groups."""
    replica_of: SafeText = SafeText()
    replicas: tuple[SafeText, ...] = ()
    progress: float | None = None
    """Of a change of its storage, 0 to 1."""
    free: float | None = None
    """Bytes of free storage, by CloudWatch."""
    free_at: datetime | None = None
    """When that was."""
    full_in: float | None = None
    """Seconds until its storage is full at the pace of the last three hours; None: it does not shrink."""
    cpu: float | None = None
    connections: float | None = None
    lag: float | None = None
    """Seconds a replica is behind."""
    snapshots: Snapshots | None = None
    """None: they were not read."""
    reach: tuple[Reach, ...] = ()
    open_to_all: bool = False
    """Its port is open to every address, by its security groups."""
    maintenance: tuple[Maintenance, ...] = ()

    @property
    def serves(self) -> bool:
        """It answers, by its state."""
        return self.status in SERVING

    @property
    def changes(self) -> bool:
        """It is between two states."""
        return self.status in CHANGING

    @property
    def free_ratio(self) -> float | None:
        """Free storage against what is allocated."""
        return self.free / self.allocated if self.free is not None and self.allocated else None

    @property
    def full(self) -> float | None:
        """Share of its storage that is used."""
        return None if self.free_ratio is None else min(1.0, max(0.0, 1 - self.free_ratio))


@dataclass(frozen=True, slots=True)
class Cluster:
    """One DB cluster."""

    name: str
    resource: str = ""
    status: str = ""
    engine: SafeText = SafeText()
    version: SafeText = SafeText()
    host: SafeText = SafeText()
    reader: SafeText = SafeText()
    """The endpoint for reading."""
    port: int | None = None
    members: tuple[SafeText, ...] = ()
    writer: SafeText = SafeText()
    multi_zone: bool | None = None
    encrypted: bool | None = None
    protected: bool | None = None
    pending: tuple[SafeText, ...] = ()
    window: SafeText = SafeText()
    retention: int | None = None
    made: datetime | None = None
    restorable: datetime | None = None
    snapshots: Snapshots | None = None

    @property
    def serves(self) -> bool:
        """It answers, by its state."""
        return self.status in SERVING

    @property
    def changes(self) -> bool:
        """It is between two states."""
        return self.status in CHANGING


@dataclass(frozen=True, slots=True)
class RdsFacts:
    """The managed databases of an account and region that a target names."""

    seat: Seat
    instances: tuple[Instance, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    absent: tuple[str, ...] = ()
    """Names of the profile that are not there."""
    more: int = 0
    """Databases that are there and not shown."""
    snapshots: tuple[StoredSnapshot, ...] = ()
    """The newest first."""
    snapshots_more: int = 0
    snapshots_age: float | None = None
    """Seconds since snapshots were read; None: not yet."""
    events: tuple[Event, ...] = ()
    """The last 24 hours, newest first; only read while somebody looks."""
