"""Which numbers of a Redis server everybody may use, and which are worth a person's attention by default.

Data, and the one function that turns facts into gauges.
"""

from __future__ import annotations

from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Missing, Rule, Severity, Unit
from probes.redis.facts import RedisFacts

REFUSALS: Final = ("OOM", "MISCONF", "READONLY", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN")
"""Errors that mean that clients' work is refused."""

SPECS: Final = (
    GaugeSpec("hit_ratio", "Share of look-ups that found their key, last ten seconds.", Unit.RATIO, better="high"),
    GaugeSpec("hit_minute_ratio", "The same, last minute.", Unit.RATIO, better="high"),
    GaugeSpec("hit_usual_ratio", "The same, in the minutes before; a fall hardly moves it.", Unit.RATIO),
    GaugeSpec("hit_fall_ratio", "How far the hit rate is below what is usual.", Unit.RATIO, better="low"),
    GaugeSpec("warm_lookups", "Look-ups in the last ten seconds; absent while the server is cold."),
    GaugeSpec("cache_lookups", "The same, where no queue shares the server."),
    GaugeSpec("lookups", "Look-ups in the last ten seconds."),
    GaugeSpec("commands_per_second", "Commands of all clients.", Unit.PER_SECOND, capacity=Capacity.LOAD),
    GaugeSpec("evicted_per_minute", "Keys dropped to make room.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("expired_per_minute", "Keys whose time was over.", Unit.PER_MINUTE),
    GaugeSpec("rejected_per_minute", "Connections refused at maxclients.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("errors_per_minute", "Error replies, labelled with their first word.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("refused_per_minute", "Error replies that refuse clients' work.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("in_bytes_per_second", "Traffic from clients.", Unit.BYTES_PER_SECOND),
    GaugeSpec("out_bytes_per_second", "Traffic to clients.", Unit.BYTES_PER_SECOND),
    GaugeSpec("memory_bytes", "Memory in use (used_memory).", Unit.BYTES, capacity=Capacity.SIZE),
    GaugeSpec("memory_limit_bytes", "maxmemory; absent without a limit.", Unit.BYTES),
    GaugeSpec("memory_ratio", "Share of maxmemory in use.", Unit.RATIO, better="low", capacity=Capacity.USED),
    GaugeSpec("refuses_when_full", "1 when the policy refuses writes rather than dropping any key."),
    GaugeSpec("fragmentation", "Resident memory over memory in use; above 64 MiB only.", better="low"),
    GaugeSpec("clients", "Connected clients."),
    GaugeSpec("clients_ratio", "Share of maxclients in use.", Unit.RATIO, better="low", capacity=Capacity.USED),
    GaugeSpec("blocked_clients", "Clients that wait in a blocking command."),
    GaugeSpec("ping_seconds", "There and back, median of the last readings.", Unit.SECONDS, better="low"),
    GaugeSpec("uptime_seconds", "Time since the server's start.", Unit.SECONDS),
    GaugeSpec("restarted_seconds", "Time since a restart that was seen, for ten minutes.", Unit.SECONDS),
    GaugeSpec("keys", "Keys in all databases."),
    GaugeSpec("slow_commands", "New entries of the slow log since the reading before.", better="low"),
    GaugeSpec("save_failed", "1 when the last save of this sort failed, labelled with which.", better="low"),
    GaugeSpec("unsaved_changes", "Writes since the last snapshot."),
    GaugeSpec("replica_link_up", "On a replica: 1 when it is connected to its master.", better="high"),
    GaugeSpec("replica_lag_seconds", "Time since a replica last acknowledged.", Unit.SECONDS, better="low"),
    GaugeSpec("may_drop_jobs", "1 when queues live here and the policy may drop their keys.", better="low"),
)

RULES: Final = (
    Rule(
        name="hit-rate", gauge="hit_ratio", op="<", threshold=0.8, clear=0.82, severity=Severity.WARNING,
        samples="cache_lookups", min_samples=20,
        say="cache hit rate only {value} ({lookups} look-ups in 10 s)",
    ),
    Rule(
        name="hit-rate-collapsed", gauge="hit_ratio", op="<", threshold=0.5, clear=0.55, severity=Severity.CRITICAL,
        samples="warm_lookups", min_samples=20,
        say="cache hit rate collapsed to {value} ({lookups} look-ups in 10 s)",
    ),
    Rule(
        name="hit-rate-fell", gauge="hit_ratio", op="<", threshold=0.9, severity=Severity.WARNING,
        samples="hit_fall_ratio", min_samples=0.12,
        say="cache hit rate fell to {value} from {hit_usual_ratio} ({lookups} look-ups in 10 s)",
    ),
    Rule(
        name="evictions", gauge="evicted_per_minute", op=">", threshold=600, clear=300, severity=Severity.WARNING,
        hold=10,
        say="{value} keys dropped to make room, memory {memory_bytes} of {memory_limit_bytes}",
    ),
    Rule(
        name="jobs-at-risk", gauge="may_drop_jobs", op=">", threshold=0, severity=Severity.NOTICE,
        missing=Missing.CLEAR,
        say="queues live here and the memory policy may drop jobs; it should be noeviction",
    ),
    Rule(
        name="memory", gauge="memory_ratio", op=">", threshold=0.9, clear=0.87, severity=Severity.WARNING,
        samples="refuses_when_full", min_samples=1,
        say="memory {memory_bytes}, {value} of its limit; when full, writes are refused",
    ),
    Rule(
        name="memory-full", gauge="memory_ratio", op=">", threshold=0.97, clear=0.95, severity=Severity.CRITICAL,
        samples="refuses_when_full", min_samples=1,
        say="memory {memory_bytes}, {value} of its limit: writes are being refused or soon will be",
    ),
    Rule(
        name="clients", gauge="clients_ratio", op=">", threshold=0.8, clear=0.75, severity=Severity.WARNING,
        say="{clients} clients connected, {value} of what is allowed",
    ),
    Rule(
        name="clients-full", gauge="clients_ratio", op=">", threshold=0.95, clear=0.92, severity=Severity.CRITICAL,
        say="{clients} clients connected, {value} of what is allowed",
    ),
    Rule(
        name="rejected", gauge="rejected_per_minute", op=">", threshold=0, severity=Severity.CRITICAL,
        say="connections refused, {value}: every one of the allowed clients is in use",
    ),
    Rule(
        name="refused", gauge="refused_per_minute", op=">", threshold=0, severity=Severity.WARNING,
        say="clients' commands are refused with {error}, {value}",
    ),
    Rule(
        name="save-failed", gauge="save_failed", op=">", threshold=0, severity=Severity.WARNING,
        say="the last {what} failed; {unsaved_changes} changes are in memory only",
    ),
    Rule(
        name="replica-cut-off", gauge="replica_link_up", op="<", threshold=1, severity=Severity.CRITICAL, hold=5,
        missing=Missing.CLEAR,
        say="this replica has lost its master; what it answers grows old",
    ),
    Rule(
        name="replica-lag", gauge="replica_lag_seconds", op=">", threshold=10, clear=5, severity=Severity.WARNING,
        hold=5,
        say="replica {replica} is {value} behind",
    ),
    Rule(
        name="restarted", gauge="restarted_seconds", op=">=", threshold=0, severity=Severity.NOTICE,
        missing=Missing.CLEAR,
        say="restarted {value} ago; what was in memory only is gone",
    ),
    Rule(
        name="slow-answer", gauge="ping_seconds", op=">", threshold=0.1, clear=0.05, severity=Severity.WARNING,
        consecutive=3,
        say="takes {value} to answer a ping",
    ),
)  # fmt: skip

_ENOUGH: Final = 20
"""Look-ups below which a fall says nothing."""
_COLD: Final = 30
"""Seconds after its start in which a cache may miss: it has to be filled first."""
_LABELLED: Final = 5
_FRAGMENTED_FROM: Final = 64 * 2**20


def measured(facts: RedisFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    _traffic(gauges, facts)
    _memory(gauges, facts)
    _people(gauges, facts)
    _copies(gauges, facts)
    return gauges


def _traffic(gauges: Gauges, facts: RedisFacts) -> None:
    traffic = facts.traffic
    gauges.put("hit_ratio", traffic.hit_ratio)
    gauges.put("hit_minute_ratio", traffic.hit_ratio_minute)
    gauges.put("hit_usual_ratio", traffic.hit_ratio_usual)
    gauges.put("lookups", traffic.lookups)
    warm = traffic.lookups if facts.uptime is None or facts.uptime >= _COLD else None
    gauges.put("warm_lookups", warm)
    if not facts.holds_queues:
        gauges.put("cache_lookups", warm)
    if traffic.lookups is not None and traffic.lookups >= _ENOUGH:
        gauges.put("hit_fall_ratio", traffic.hit_fall)
    gauges.put("commands_per_second", traffic.commands_per_second)
    gauges.put("evicted_per_minute", traffic.evicted_per_minute)
    gauges.put("expired_per_minute", traffic.expired_per_minute)
    gauges.put("rejected_per_minute", traffic.rejected_per_minute)
    gauges.put("in_bytes_per_second", traffic.in_per_second)
    gauges.put("out_bytes_per_second", traffic.out_per_second)
    worst = sorted(traffic.errors_per_minute.items(), key=lambda pair: -pair[1])
    for code, rate in worst[:_LABELLED]:
        gauges.put("errors_per_minute", rate, error=code)
    for code, rate in worst:
        if code in REFUSALS:
            gauges.put("refused_per_minute", rate, error=code)


def _memory(gauges: Gauges, facts: RedisFacts) -> None:
    memory = facts.memory
    gauges.put("memory_bytes", memory.used)
    gauges.put("memory_limit_bytes", memory.limit or None)
    gauges.put("memory_ratio", memory.full_ratio)
    if memory.limit and memory.policy:
        gauges.put("refuses_when_full", int(not memory.drops_keys))
    if memory.used is not None and memory.used >= _FRAGMENTED_FROM:
        gauges.put("fragmentation", memory.fragmentation)
    if facts.holds_queues and memory.limit and memory.policy and memory.policy != "noeviction":
        gauges.put("may_drop_jobs", 1)
    known = [one.keys for one in facts.databases if one.keys is not None]
    gauges.put("keys", sum(known) if facts.version else None)


def _people(gauges: Gauges, facts: RedisFacts) -> None:
    gauges.put("clients", facts.clients)
    if facts.clients is not None and facts.max_clients:
        gauges.put("clients_ratio", facts.clients / facts.max_clients)
    gauges.put("blocked_clients", facts.blocked)
    gauges.put("ping_seconds", facts.ping)
    gauges.put("uptime_seconds", facts.uptime)
    gauges.put("restarted_seconds", facts.restarted)
    gauges.put("slow_commands", facts.new_slow)


def _copies(gauges: Gauges, facts: RedisFacts) -> None:
    for what in facts.persistence.failed:
        gauges.put("save_failed", 1, what=what)
    gauges.put("unsaved_changes", facts.persistence.changes)
    link = facts.replication.link_up
    gauges.put("replica_link_up", None if link is None else int(link))
    late = sorted(facts.replication.replicas, key=lambda one: -(one.lag or 0))
    for replica in late[:_LABELLED]:
        gauges.put("replica_lag_seconds", replica.lag, replica=replica.address)
