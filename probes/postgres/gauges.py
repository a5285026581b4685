"""The numbers a PostgreSQL target gives to rules and history, and what is worth a person's attention by default.

From a limited view only what is seen is said: "no long query" among hidden sessions would be a lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Missing, Rule, Severity, Unit
from probes.postgres.care import gauges as care
from probes.postgres.facts import PostgresFacts, Session

_NAMED: Final = 5
"""Sessions named in one gauge at most: the worst."""
_BEHIND: Final = 1.0
"""Seconds somebody must wait before an idle holder is worth an alert."""

SPECS: Final = (
    GaugeSpec("sessions", "Client sessions by state.", better="low"),
    GaugeSpec("sessions_used", "Client sessions of everybody, ours included.", better="low"),
    GaugeSpec("sessions_limit", "Sessions ordinary roles may have: max_connections less the reserved ones."),
    GaugeSpec("sessions_used_ratio", "Used share of that limit.", Unit.RATIO, better="low", capacity=Capacity.USED),
    GaugeSpec("sessions_blocked", "Sessions that wait for a lock.", better="low"),
    GaugeSpec("active_seconds", "Age of a running query of a client; the longest five, maintenance left out.",
              Unit.SECONDS, better="low"),
    GaugeSpec("longest_active_seconds", "Age of the longest running query of a client.", Unit.SECONDS, better="low"),
    GaugeSpec("idle_in_transaction_seconds", "Time a session has done nothing in an open transaction; worst five.",
              Unit.SECONDS, better="low"),
    GaugeSpec("idle_blocking", "Sessions that wait for a session which does nothing; worst five.", better="low"),
    GaugeSpec("blocked_seconds", "Time a session has waited for a lock; the longest five.", Unit.SECONDS, better="low"),
    GaugeSpec("oldest_transaction_seconds", "Age of the oldest open transaction of a client.", Unit.SECONDS,
              better="low"),
    GaugeSpec("prepared_seconds", "Age of a transaction prepared and never ended.", Unit.SECONDS, better="low"),
    GaugeSpec("login_seconds", "Time the last real login took.", Unit.SECONDS, better="low"),
    GaugeSpec("login_refused", "1 while new logins fail although our open connection works.", better="low"),
    GaugeSpec("ping_seconds", "Time of SELECT 1 on the open connection.", Unit.SECONDS, better="low"),
    GaugeSpec("commits_per_second", "Transactions committed.", Unit.PER_SECOND, capacity=Capacity.LOAD),
    GaugeSpec("rollbacks_per_second", "Transactions rolled back.", Unit.PER_SECOND, better="low"),
    GaugeSpec("rows_read_per_second", "Rows fetched by queries.", Unit.PER_SECOND),
    GaugeSpec("rows_written_per_second", "Rows inserted, updated and deleted.", Unit.PER_SECOND),
    GaugeSpec("temp_bytes_per_second", "Written to temporary files because memory did not suffice.",
              Unit.BYTES_PER_SECOND, better="low"),
    GaugeSpec("cache_hit_ratio", "Share of blocks found in shared buffers since the last reading.", Unit.RATIO,
              better="high"),
    GaugeSpec("block_reads", "Blocks asked for since the last reading."),
    GaugeSpec("deadlocks_total", "Deadlocks since the statistics were reset.", counter=True, better="low"),
    GaugeSpec("deadlocks_recent", "Deadlocks in the last minute.", better="low"),
    GaugeSpec("checksum_failures_total", "Damaged data pages found.", counter=True, better="low"),
    GaugeSpec("checkpoints_requested", "Checkpoints forced by WAL volume or by hand in the last five minutes.",
              better="low"),
    GaugeSpec("replication_lag_seconds", "Time until a replica had applied what was written here.", Unit.SECONDS,
              better="low"),
    GaugeSpec("replication_lag_bytes", "WAL a replica has not applied yet.", Unit.BYTES, better="low"),
    GaugeSpec("replicas", "Replicas that stream from this server."),
    GaugeSpec("slot_retained_bytes", "WAL kept for a replication slot nobody reads.", Unit.BYTES, better="low"),
    GaugeSpec("slot_lost", "1 when a replication slot can't be served any more.", better="low"),
    GaugeSpec("replay_lag_seconds", "How far this standby is behind.", Unit.SECONDS, better="low"),
    GaugeSpec("archive_failing_seconds", "Time since WAL was last archived while archiving fails.", Unit.SECONDS,
              better="low"),
    GaugeSpec("wraparound_ratio", "Share of the transaction numbers used up before a forced stop.", Unit.RATIO,
              better="low", capacity=Capacity.USED),
    GaugeSpec("statements_per_second", "Statements finished, from pg_stat_statements.", Unit.PER_SECOND),
    GaugeSpec("statements_mean_seconds", "Mean time of a statement in the interval.", Unit.SECONDS, better="low"),
    GaugeSpec("uptime_seconds", "Time since the server was started.", Unit.SECONDS),
    GaugeSpec("database_bytes", "Size of a database; the biggest ten.", Unit.BYTES, capacity=Capacity.SIZE),
    *care.SPECS,
)  # fmt: skip

_GIB: Final = 2.0**30

RULES: Final = (
    Rule(
        name="sessions", gauge="sessions_used_ratio", op=">", threshold=0.8, severity=Severity.WARNING, clear=0.75,
        say="{sessions_used} of {sessions_limit} connections used ({value})",
    ),
    Rule(
        name="sessions-full", gauge="sessions_used_ratio", op=">", threshold=0.95, severity=Severity.CRITICAL,
        clear=0.9, say="hardly any connection left: {sessions_used} of {sessions_limit} used ({value})",
    ),
    Rule(
        name="login-refused", gauge="login_refused", op=">", threshold=0, severity=Severity.CRITICAL,
        say="new logins fail: {reason} ({sessions_used} of {sessions_limit} used)",
    ),
    Rule(
        name="login-slow", gauge="login_seconds", op=">", threshold=1.0, severity=Severity.WARNING,
        say="logging in takes {value}",
    ),
    Rule(
        name="long-query", gauge="active_seconds", op=">=", threshold=15, severity=Severity.WARNING,
        say="query of {who} (pid {pid}) has run {value}",
    ),
    Rule(
        name="very-long-query", gauge="active_seconds", op=">", threshold=300, severity=Severity.CRITICAL,
        say="query of {who} (pid {pid}) has run {value}",
    ),
    Rule(
        name="blocked", gauge="blocked_seconds", op=">=", threshold=2, severity=Severity.WARNING,
        say="pid {pid} has waited {value} for a lock held by {by} ({holder})",
    ),
    Rule(
        name="long-blocked", gauge="blocked_seconds", op=">", threshold=30, severity=Severity.CRITICAL,
        say="pid {pid} has waited {value} for a lock held by {by} ({holder})",
    ),
    Rule(
        name="idle-in-transaction", gauge="idle_in_transaction_seconds", op=">", threshold=60,
        severity=Severity.WARNING, say="{who} (pid {pid}) has left its transaction open and idle for {value}",
    ),
    Rule(
        name="idle-blocker", gauge="idle_blocking", op=">=", threshold=1, severity=Severity.CRITICAL,
        say="{who} (pid {pid}) sits idle in its transaction for {idle_in_transaction_seconds}; "
        "waiting behind it: {value}",
    ),
    Rule(
        name="old-transaction", gauge="oldest_transaction_seconds", op=">", threshold=3600, severity=Severity.WARNING,
        say="transaction of {who} (pid {pid}) is open for {value}; dead rows can't be cleaned up meanwhile",
    ),
    Rule(
        name="prepared-transaction", gauge="prepared_seconds", op=">", threshold=600, severity=Severity.WARNING,
        say="prepared transaction {gid} was never ended, it holds its locks for {value}",
    ),
    Rule(
        name="cache-hit", gauge="cache_hit_ratio", op="<", threshold=0.9, severity=Severity.WARNING, hold=20,
        clear=0.93, samples="block_reads", min_samples=1000, missing=Missing.CLEAR,
        say="only {value} of blocks come from memory, the rest from disk",
    ),
    Rule(
        name="deadlocks", gauge="deadlocks_recent", op=">", threshold=0, severity=Severity.WARNING,
        missing=Missing.CLEAR, say="deadlocks in the last minute: {value}; one transaction of each was cancelled",
    ),
    Rule(
        name="damaged-pages", gauge="checksum_failures_total", op=">", threshold=0, severity=Severity.CRITICAL,
        say="damaged data pages found: {value}; do not restart, copy the data first",
    ),
    Rule(
        name="temp-files", gauge="temp_bytes_per_second", op=">", threshold=50 * 2**20, severity=Severity.WARNING,
        hold=15, say="queries write {value} to temporary files: too little work_mem, or a runaway sort",
    ),
    Rule(
        name="rollbacks", gauge="rollbacks_per_second", op=">", threshold=50, severity=Severity.NOTICE, hold=30,
        say="{value} transactions fail (against {commits_per_second} that succeed)",
    ),
    Rule(
        name="replica-behind", gauge="replication_lag_seconds", op=">", threshold=10, severity=Severity.WARNING,
        clear=5, say="replica {replica} is {value} behind",
    ),
    Rule(
        name="replica-far-behind", gauge="replication_lag_seconds", op=">", threshold=60, severity=Severity.CRITICAL,
        clear=30, say="replica {replica} is {value} behind",
    ),
    Rule(
        name="standby-behind", gauge="replay_lag_seconds", op=">", threshold=30, severity=Severity.WARNING, clear=10,
        missing=Missing.CLEAR, say="this standby is {value} behind its primary",
    ),
    Rule(
        name="slot-keeps-wal", gauge="slot_retained_bytes", op=">", threshold=_GIB, severity=Severity.WARNING,
        say="{value} of WAL kept for replication slot {slot}, which nobody reads",
    ),
    Rule(
        name="slot-fills-disk", gauge="slot_retained_bytes", op=">", threshold=10 * _GIB, severity=Severity.CRITICAL,
        say="{value} of WAL kept for replication slot {slot}, which nobody reads",
    ),
    Rule(
        name="slot-lost", gauge="slot_lost", op=">", threshold=0, severity=Severity.CRITICAL,
        say="replication slot {slot} is lost: its replica must be made anew",
    ),
    Rule(
        name="archive-failing", gauge="archive_failing_seconds", op=">", threshold=60, severity=Severity.CRITICAL,
        missing=Missing.CLEAR, say="WAL archiving fails for {value}: backups have a hole and the disk fills",
    ),
    Rule(
        name="wraparound", gauge="wraparound_ratio", op=">", threshold=0.5, severity=Severity.WARNING,
        say="{value} of the transaction numbers are used up; a vacuum is overdue",
    ),
    Rule(
        name="wraparound-near", gauge="wraparound_ratio", op=">", threshold=0.8, severity=Severity.CRITICAL,
        say="{value} of the transaction numbers are used up; at 100 % the server stops writing",
    ),
    Rule(
        name="restarted", gauge="uptime_seconds", op="<", threshold=300, severity=Severity.NOTICE,
        say="the server was started {value} ago",
    ),
    *care.RULES,
)  # fmt: skip


def watched(session: Session) -> bool:
    """True for sessions whose long doings are worth an alert: ordinary clients."""
    return session.backend_type == "client backend" and not session.excluded


def measured(facts: PostgresFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    _sessions(gauges, facts)
    _named(gauges, facts)
    _blocked(gauges, facts)
    _server(gauges, facts)
    _traffic(gauges, facts)
    _replication(gauges, facts)
    care.measure(gauges, facts.care)
    return gauges


def _sessions(gauges: Gauges, facts: PostgresFacts) -> None:
    seen = facts.connections
    gauges.put("sessions_used", seen.used)
    gauges.put("sessions_limit", seen.limit)
    gauges.put("sessions_used_ratio", seen.ratio)
    if facts.limited:
        return
    usual = {"active": 0.0, "idle": 0.0, "idle in transaction": 0.0}
    for state, number in ((usual | dict(seen.states)) if seen.used is not None else {}).items():
        gauges.put("sessions", number, state=state)
    clients = [session for session in facts.sessions if watched(session)]
    gauges.put("sessions_blocked", sum(crowd.blocked for crowd in facts.crowds))
    gauges.put("longest_active_seconds", max((s.query_age or 0.0 for s in clients if s.active), default=0.0))


def _names(session: Session) -> Mapping[str, str]:
    """Labels that name a session; the first in the alphabet is the row it opens."""
    return {"backend": session.key, "pid": str(session.pid), "who": str(session.who)}


def _worst(sessions: Iterable[Session], count: int = _NAMED) -> list[Session]:
    return sorted(sessions, key=lambda one: -(one.age or 0.0))[:count]


def _named(gauges: Gauges, facts: PostgresFacts) -> None:
    """A waiting query is named as blocked and not as running: whom it waits for is the one to look at."""
    clients = [session for session in facts.sessions if watched(session)]
    for one in _worst(one for one in clients if one.active and not one.blocked):
        gauges.put("active_seconds", one.query_age, **_names(one))
    behind = {knot.pid: knot.holds_up for knot in facts.knots}
    felt = {root for root, waited in _longest_behind(facts).items() if waited >= _BEHIND}
    idle = sorted(
        (one for one in clients if one.in_transaction), key=lambda one: (one.pid not in felt, -(one.age or 0))
    )
    for one in idle[:_NAMED]:
        gauges.put("idle_in_transaction_seconds", one.state_age, **_names(one))
        gauges.put("idle_blocking", behind.get(one.pid, 0) if one.pid in felt else 0, **_names(one))
    oldest = max((one for one in clients if one.xact_age is not None), key=lambda one: one.xact_age or 0, default=None)
    if oldest is not None:
        gauges.put("oldest_transaction_seconds", oldest.xact_age, **_names(oldest))


def _longest_behind(facts: PostgresFacts) -> dict[int, float]:
    """Longest wait behind each holder at the top of a tree."""
    longest: dict[int, float] = {}
    for knot in facts.knots:
        if knot.depth and knot.session is not None:
            longest[knot.root] = max(longest.get(knot.root, 0.0), knot.session.waited or 0.0)
    return longest


def _blocked(gauges: Gauges, facts: PostgresFacts) -> None:
    by_pid = {session.pid: session for session in facts.sessions}
    waiting = [(knot.root, knot.session) for knot in facts.knots if knot.depth and knot.session is not None]
    for root, one in sorted(waiting, key=lambda pair: -(pair[1].waited or 0.0))[:_NAMED]:
        holder = by_pid.get(root)
        by = str(root) if root else "no session"
        who = str(holder.who) if holder else "not visible to us" if root else "a prepared transaction"
        key = holder.key if holder else one.key
        gauges.put("blocked_seconds", one.waited, backend=key, by=by, holder=who, pid=str(one.pid))


def _server(gauges: Gauges, facts: PostgresFacts) -> None:
    gauges.put("uptime_seconds", facts.server.uptime)
    gauges.put("login_seconds", facts.login.seconds)
    gauges.put("ping_seconds", facts.login.ping)
    if facts.login.refused:
        gauges.put("login_refused", 1, reason=facts.login.refused)
    gauges.put("wraparound_ratio", facts.wraparound.ratio)
    for one in facts.prepared[:_NAMED]:
        gauges.put("prepared_seconds", one.age, gid=one.gid)
    for database in sorted(facts.databases, key=lambda one: -(one.size or 0))[:10]:
        gauges.put("database_bytes", database.size, database=database.name)


def _traffic(gauges: Gauges, facts: PostgresFacts) -> None:
    traffic = facts.traffic
    gauges.put("commits_per_second", traffic.commits)
    gauges.put("rollbacks_per_second", traffic.rollbacks)
    gauges.put("rows_read_per_second", traffic.rows_read)
    gauges.put("rows_written_per_second", traffic.rows_written)
    gauges.put("temp_bytes_per_second", traffic.temp_bytes)
    gauges.put("cache_hit_ratio", traffic.cache_hit)
    gauges.put("block_reads", traffic.block_reads)
    gauges.put("deadlocks_total", traffic.deadlocks_total)
    gauges.put("deadlocks_recent", traffic.deadlocks)
    gauges.put("checksum_failures_total", traffic.checksum_failures)
    gauges.put("checkpoints_requested", traffic.checkpoints_requested)
    if facts.statements is not None:
        gauges.put("statements_per_second", facts.statements.calls)
        gauges.put("statements_mean_seconds", facts.statements.mean)


def _replication(gauges: Gauges, facts: PostgresFacts) -> None:
    gauges.put("replicas", len(facts.replicas) if not facts.limited else None)
    for one in sorted(facts.replicas, key=lambda one: one.lag or 0)[-_NAMED:]:  # of one name the worst is kept
        gauges.put("replication_lag_seconds", one.lag, replica=one.name)
        gauges.put("replication_lag_bytes", one.behind, replica=one.name)
    for slot in sorted(facts.slots, key=lambda slot: -(slot.retained or 0))[:_NAMED]:
        gauges.put("slot_retained_bytes", 0.0 if slot.active else slot.retained, slot=slot.name)
        gauges.put("slot_lost", float(slot.status == "lost" or slot.status.startswith("wal_removed")), slot=slot.name)
    if facts.standby is not None:
        gauges.put("replay_lag_seconds", facts.standby.lag)
    if facts.archiver is not None and facts.archiver.failing:
        gauges.put("archive_failing_seconds", facts.archiver.failing_for)
