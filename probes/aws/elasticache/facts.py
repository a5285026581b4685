"""What is known about managed caches. None is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.aws.calls import Seat
from probes.base import SafeText

SERVING: Final = frozenset({"available", "snapshotting", "modifying"})
"""States in which a cache answers."""
CHANGING: Final = frozenset(
    {"creating", "deleting", "rebooting cluster nodes", "rebooting", "resuming", "suspending", "restoring"}
)
"""States that pass by themselves, in which it may not answer. Others are broken or gone:
https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CacheCluster.html."""


@dataclass(frozen=True, slots=True)
class CacheNode:
    """One node of one cluster."""

    cluster: str
    """The cluster's identifier. Safe text."""
    id: str
    """0001."""
    arn: str = ""
    status: str = ""
    """The node's own state, or its cluster's where that is worse."""
    engine: str = ""
    """redis, valkey, memcached."""
    version: SafeText = SafeText()
    size: SafeText = SafeText()
    """Node type: cache.r7g.large."""
    host: SafeText = SafeText()
    port: int | None = None
    zone: SafeText = SafeText()
    group: SafeText = SafeText()
    """Replication group; empty: none."""
    shard: str = ""
    """Node group in it: 0001."""
    role: str = ""
    """primary, replica; empty: not told, as with cluster mode."""
    sharded: bool | None = None
    """Cluster mode is on."""
    made: datetime | None = None
    """When the node was made: differs once it was replaced."""
    many: int = 1
    """Nodes of its cluster."""
    parameters: SafeText = SafeText()
    """Parameter group."""
    in_force: SafeText = SafeText()
    """Whether all of its parameters are: in-sync, pending-reboot."""
    pending: tuple[SafeText, ...] = ()
    """Changes that wait for the maintenance window."""
    window: SafeText = SafeText()
    """Maintenance window, in UTC."""
    transit: bool | None = None
    """Encrypted on the way."""
    rest: bool | None = None
    """Encrypted where it is kept."""
    login: bool | None = None
    """It asks for a token."""
    groups: tuple[str, ...] = ()
    """Security groups."""
    cpu: float | None = None
    """Of the engine's one thread, or of the machine for memcached; 0 to 1."""
    memory: float | None = None
    """Share of maxmemory that is used."""
    evictions: float | None = None
    """Items a minute thrown out to make room."""
    connections: float | None = None
    hits: float | None = None
    """Share of lookups that found something."""
    lag: float | None = None
    """Seconds a replica is behind."""

    @property
    def name(self) -> str:
        """What a person calls it: the cluster, and the node where there are several."""
        return self.cluster if self.many == 1 else f"{self.cluster}/{self.id}"

    @property
    def key(self) -> str:
        """Its row, and the subject of acts on it."""
        return f"cluster/{self.cluster}/{self.id}"

    @property
    def serves(self) -> bool:
        """It answers, by its state."""
        return self.status in SERVING

    @property
    def changes(self) -> bool:
        """It is between two states."""
        return self.status in CHANGING


@dataclass(frozen=True, slots=True)
class Shard:
    """One node group of a replication group."""

    id: str
    status: str = ""
    host: SafeText = SafeText()
    """Primary endpoint."""
    reader: SafeText = SafeText()
    port: int | None = None
    slots: SafeText = SafeText()
    primary: str = ""
    """Cluster identifier of the primary; empty: not told, as with cluster mode."""
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CacheGroup:
    """One replication group."""

    name: str
    arn: str = ""
    status: str = ""
    engine: str = ""
    about: SafeText = SafeText()
    size: SafeText = SafeText()
    sharded: bool | None = None
    """Cluster mode is on."""
    failover: str = ""
    """Automatic failover: enabled, disabled, enabling, disabling."""
    multi_zone: str = ""
    host: SafeText = SafeText()
    """Configuration endpoint, with cluster mode."""
    port: int | None = None
    shards: tuple[Shard, ...] = ()
    members: tuple[str, ...] = ()
    pending: tuple[SafeText, ...] = ()
    transit: bool | None = None
    rest: bool | None = None
    login: bool | None = None
    kept: int | None = None
    """Days snapshots are kept; 0: none are taken."""
    snapshot_window: SafeText = SafeText()
    made: datetime | None = None

    @property
    def serves(self) -> bool:
        """It answers, by its state."""
        return self.status in SERVING

    @property
    def changes(self) -> bool:
        """It is between two states."""
        return self.status in CHANGING

    def key(self, shard: Shard) -> str:
        """The row of one of its shards, and the subject of acts on it."""
        return f"group/{self.name}/{shard.id}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a parameter group says about running out of memory."""

    group: SafeText
    policy: SafeText
    """maxmemory-policy: volatile-lru, noeviction..."""


@dataclass(frozen=True, slots=True)
class CacheEvent:
    """Something ElastiCache told."""

    at: datetime
    source: SafeText
    words: SafeText


@dataclass(frozen=True, slots=True)
class ElastiCacheFacts:
    """The managed caches of an account and region that a target names."""

    seat: Seat
    nodes: tuple[CacheNode, ...] = ()
    groups: tuple[CacheGroup, ...] = ()
    absent: tuple[str, ...] = ()
    """Names of the profile that are not there."""
    policies: tuple[Policy, ...] = ()
    """Only read while somebody looks."""
    events: tuple[CacheEvent, ...] = ()
    """The last 24 hours, newest first; only read while somebody looks."""
