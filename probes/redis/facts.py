"""What is known of a Redis or Valkey server after one reading. Missing is None, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from probes.base import SafeText

EVICTS: Final = ("allkeys-lru", "allkeys-lfu", "allkeys-random", "allkeys-lrm")
"""Policies that make room by dropping any key; with the others writes are refused when memory is full."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What clients do, from the growth of counters between readings."""

    hit_ratio: float | None = None
    """Share of look-ups that found their key, over some ten seconds; None: unknown, or no look-up at all."""
    lookups: float | None = None
    """Look-ups in those seconds."""
    hit_ratio_minute: float | None = None
    """The same over the last minute."""
    hit_ratio_usual: float | None = None
    """What it was in the minutes before; a fall hardly moves it."""
    commands_per_second: float | None = None
    evicted_per_minute: float | None = None
    expired_per_minute: float | None = None
    rejected_per_minute: float | None = None
    """Connections refused because maxclients was reached."""
    in_per_second: float | None = None
    """Bytes a second from clients."""
    out_per_second: float | None = None
    """Bytes a second to clients."""
    errors_per_minute: Mapping[str, float] = field(default_factory=dict)
    """Error replies by their first word, those that occurred."""

    @property
    def hit_fall(self) -> float | None:
        """How far the hit rate has fallen below what is usual."""
        if self.hit_ratio is None or self.hit_ratio_usual is None:
            return None
        return max(0.0, self.hit_ratio_usual - self.hit_ratio)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, all of them."""

    used: float | None = None
    rss: float | None = None
    peak: float | None = None
    limit: float | None = None
    """maxmemory; 0 means no limit."""
    policy: str = ""
    """maxmemory-policy."""
    fragmentation: float | None = None
    """rss over used; means little below some 64 MiB."""

    @property
    def full_ratio(self) -> float | None:
        """Share of the limit in use; None without a limit."""
        return self.used / self.limit if self.used is not None and self.limit else None

    @property
    def drops_keys(self) -> bool:
        """True when any key may be dropped to make room."""
        return self.policy in EVICTS


@dataclass(frozen=True, slots=True)
class Persistence:
    """What would survive a restart."""

    loading: bool | None = None
    aof: bool | None = None
    """True when every write goes to the append-only file."""
    last_save_age: float | None = None
    """Seconds since the last successful snapshot."""
    changes: float | None = None
    """Writes since then."""
    failed: tuple[str, ...] = ()
    """What failed the last time: "snapshot", "append-only file", "rewrite of the append-only file"."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica as its master sees it."""

    address: SafeText
    state: SafeText
    lag: float | None = None
    """Seconds since it last acknowledged."""
    behind: float | None = None
    """Bytes it has not acknowledged."""


@dataclass(frozen=True, slots=True)
class Replication:
    """Who copies whom."""

    role: str = ""
    """ "master" or "replica"."""
    master: SafeText = SafeText()
    """Address of the master, on a replica."""
    link_up: bool | None = None
    """On a replica: whether it is connected to its master."""
    silent: float | None = None
    """On a replica: seconds since it last heard from its master."""
    replicas: tuple[Replica, ...] = ()


@dataclass(frozen=True, slots=True)
class Keyspace:
    """One database."""

    number: int
    keys: float | None = None
    expires: float | None = None
    """Keys that have a time to live."""
    average_ttl: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Slow:
    """An entry of the slow log. Values are never kept: only the command and a cut, masked key."""

    id: int
    took: float
    """Seconds the command kept the server busy."""
    age: float | None
    """Seconds since it ran."""
    command: SafeText
    client: SafeText = SafeText()


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """One server."""

    server: str = "redis"
    """ "redis" or "valkey"."""
    version: SafeText = SafeText()
    run_id: SafeText = SafeText()
    """Changes with every start: the identity of the process."""
    uptime: float | None = None
    """Seconds."""
    restarted: float | None = None
    """Seconds since a restart we saw happen."""
    ping: float | None = None
    """Seconds there and back, the median of the last readings."""
    clients: float | None = None
    max_clients: float | None = None
    blocked: float | None = None
    """Clients that wait in a blocking command, as idle workers do."""
    traffic: Traffic = Traffic()
    memory: Memory = Memory()
    persistence: Persistence = Persistence()
    replication: Replication = Replication()
    databases: tuple[Keyspace, ...] = ()
    slow: tuple[Slow, ...] = ()
    """Newest first."""
    new_slow: int | None = None
    """Entries since the reading before; None at first."""
    holds_queues: bool | None = None
    """True when queues live here too; None when it can't be told."""
