"""What is known about a PostgreSQL server after one reading. Values only; None is "not known", never zero.

Moments keep the server's own text, microseconds included: they are a session's identity when somebody acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from probes.base import SafeText
from probes.postgres.care.facts import Care

XIDS: Final = 2.0**31
"""Transaction numbers from the oldest row to the point where the server refuses to write.
https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND"""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server answered, and as whom we are logged in."""

    version: SafeText = SafeText()
    number: int = 0
    """As in server_version_num: 150018."""
    role: SafeText = SafeText()
    database: SafeText = SafeText()
    superuser: bool = False
    reads_all: bool = False
    """True when our role sees every session whole: pg_monitor or pg_read_all_stats."""
    system_identifier: SafeText = SafeText()
    """Number of the database cluster; empty when we may not see it."""
    in_recovery: bool = False
    """True on a standby, or while a crash is being repaired."""
    started: SafeText = SafeText()
    """When the server was started, the server's text."""
    uptime: float | None = None
    """Seconds since then."""
    encrypted: bool = False
    """True when our own connection is under TLS."""
    local: bool = True
    """True when our connection does not leave this machine."""


@dataclass(frozen=True, slots=True)
class Login:
    """How getting in goes: an open connection says nothing about new ones."""

    seconds: float | None = None
    """Seconds the last real login took."""
    ping: float | None = None
    """Seconds SELECT 1 took on the open connection."""
    refused: SafeText = SafeText()
    """Why new logins fail although we are inside; empty when they don't."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Client sessions against the number that ordinary roles may have."""

    limit: float | None = None
    """max_connections less the slots reserved for superusers and, since 16, for pg_use_reserved_connections."""
    reserved: float | None = None
    used: float | None = None
    """Client sessions of everybody, ours included."""
    ours: float | None = None
    """Sessions of Opsroom among them."""
    hidden: float = 0.0
    """Sessions of others that our role is not shown."""
    states: Mapping[str, float] = field(default_factory=dict)
    """Number of visible client sessions by state."""

    @property
    def ratio(self) -> float | None:
        """Used share of the limit."""
        return self.used / self.limit if self.used is not None and self.limit else None


@dataclass(frozen=True, slots=True)
class Session:
    """One server process that is doing something or holds a transaction open."""

    pid: int
    backend_start: str = ""
    xact_start: str = ""
    query_start: str = ""
    state_change: str = ""
    backend_age: float | None = None
    """Seconds since it began; all ages are computed by the server."""
    xact_age: float | None = None
    query_age: float | None = None
    state_age: float | None = None
    user: SafeText = SafeText()
    database: SafeText = SafeText()
    application: SafeText = SafeText()
    client: SafeText = SafeText()
    """Address it came from; empty for a local socket."""
    state: str = ""
    """PostgreSQL's word: active, idle, idle in transaction, idle in transaction (aborted) ..."""
    wait_type: str = ""
    wait_event: str = ""
    backend_type: str = ""
    """PostgreSQL's word: client backend, walsender, autovacuum worker ..."""
    superuser: bool = False
    writes: bool = False
    """True when its transaction has written something."""
    xmin_age: float | None = None
    """Transactions since the snapshot it holds: rows newer than it can't be cleaned up."""
    blocked_by: tuple[int, ...] = ()
    """Processes it waits for; 0 stands for a prepared transaction."""
    waits_for: SafeText = SafeText()
    """The lock it waits for, in words."""
    waited: float | None = None
    """Seconds it has waited for that lock; before PostgreSQL 14, since its query began."""
    excluded: str = ""
    """Why it must be left alone and raises no alert: replication, autovacuum, pg_dump, maintenance ..."""
    query: SafeText = SafeText()
    """Its query, or the last one when it is idle; literals replaced unless settings allow them."""

    @property
    def key(self) -> str:
        """Identity: a pid alone is used again for others."""
        return f"{self.pid} {self.backend_start}".strip()

    @property
    def who(self) -> SafeText:
        """Its application's name, or what else names it."""
        return self.application or self.user or SafeText(self.backend_type) or SafeText("no name")

    @property
    def active(self) -> bool:
        """True while it runs a query."""
        return self.state == "active"

    @property
    def in_transaction(self) -> bool:
        """True when it does nothing but holds its transaction open."""
        return self.state.startswith("idle in transaction")

    @property
    def blocked(self) -> bool:
        """True while it waits for a lock of somebody else."""
        return self.wait_type == "Lock"

    @property
    def age(self) -> float | None:
        """Seconds of what it does now: its query when active, else its state."""
        return self.query_age if self.active else self.state_age


@dataclass(frozen=True, slots=True)
class Knot:
    """One line of the tree of who waits for whom; holders come before those who wait for them."""

    pid: int
    """0 for a prepared transaction."""
    depth: int
    """0 for a holder who waits for nobody."""
    root: int
    """The holder at the top."""
    session: Session | None = None
    """None when the holder is not visible to us."""
    holds_up: int = 0
    """Sessions that wait for it, directly or behind others."""

    @property
    def key(self) -> str:
        """The session's identity, or the pid."""
        return self.session.key if self.session is not None else f"{self.pid} holder"


@dataclass(frozen=True, slots=True)
class Crowd:
    """The sessions of one application, user and database."""

    application: SafeText
    user: SafeText
    database: SafeText
    total: float
    active: float = 0.0
    idle: float = 0.0
    in_transaction: float = 0.0
    blocked: float = 0.0
    hidden: float = 0.0
    idle_longest: float | None = None
    """Seconds the longest idle one has been idle."""

    @property
    def key(self) -> str:
        """Identity among the crowds."""
        return f"{self.application}/{self.user}@{self.database}"


@dataclass(frozen=True, slots=True)
class Wait:
    """What active sessions of the whole server wait for, and how many do."""

    kind: str
    event: str
    sessions: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """A transaction prepared for two-phase commit: nobody's session, yet it holds its locks."""

    gid: SafeText
    owner: SafeText
    database: SafeText
    age: float | None
    xid_age: float | None


@dataclass(frozen=True, slots=True)
class Horizon:
    """Who holds back the cleaning of dead rows."""

    who: SafeText
    """In words: "newsletter-report (pid 18422)"."""
    transactions: float
    """How many transactions ago its view of the data was taken."""


@dataclass(frozen=True, slots=True)
class Replica:
    """A server or client that streams from this one."""

    pid: int
    name: SafeText
    client: SafeText
    state: str
    sync: str
    lag: float | None
    """Seconds until it had applied what was written; None: unknown, as on an idle primary."""
    behind: float | None
    """Bytes of WAL not applied by it yet."""


@dataclass(frozen=True, slots=True)
class ReplicationSlot:
    """A promise to keep WAL for somebody."""

    name: SafeText
    type: str
    active: bool
    retained: float | None
    """Bytes of WAL kept for it."""
    safe: float | None
    """Bytes that may still be written before it is given up; None: no limit, or not known."""
    status: str
    """PostgreSQL's word: reserved, extended, unreserved, lost."""
    inactive_for: float | None
    xmin_age: float | None


@dataclass(frozen=True, slots=True)
class Standby:
    """How far behind this server is when it is a copy."""

    lag: float | None
    """Seconds; 0 when everything received has been applied and the stream is up; None: not known."""
    behind: float | None
    """Bytes received and not applied."""
    paused: bool
    streaming: bool
    """True while WAL is being received."""


@dataclass(frozen=True, slots=True)
class Archiver:
    """WAL archiving."""

    failing: bool
    """True when the last attempt failed."""
    failing_for: float | None
    """Seconds since the last success, or since the last failure when there was none."""
    failed: float | None
    """Failures since the statistics were reset."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the server did between the last two readings; None at first."""

    commits: float | None = None
    """Per second, as all of these that don't say otherwise."""
    rollbacks: float | None = None
    rows_read: float | None = None
    rows_written: float | None = None
    temp_bytes: float | None = None
    cache_hit: float | None = None
    """Share of blocks found in shared buffers; None without traffic."""
    block_reads: float | None = None
    """Number of blocks asked for in the interval, found or not."""
    deadlocks: float | None = None
    """Number in the last minute."""
    deadlocks_total: float | None = None
    checksum_failures: float | None = None
    """Damaged pages found since the statistics were reset; None when checksums are off."""
    checkpoints_requested: float | None = None
    """Number in the last five minutes that were forced by WAL volume or by hand."""


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the server."""

    name: SafeText
    size: float | None = None
    """Bytes; None when it was not measured."""
    sessions: float | None = None
    commits: float | None = None
    """Per second."""
    rollbacks: float | None = None
    cache_hit: float | None = None
    """Share in the interval."""
    temp_bytes: float | None = None
    """Per second."""
    deadlocks: float | None = None
    """Since the statistics were reset."""
    xid_age: float | None = None
    """Transactions since its oldest unfrozen row."""
    since: SafeText = SafeText()
    """When its statistics were reset."""

    @property
    def wraparound(self) -> float | None:
        """Share of the transaction numbers used up."""
        return None if self.xid_age is None else self.xid_age / XIDS


@dataclass(frozen=True, slots=True)
class Wraparound:
    """How near the server is to running out of transaction numbers."""

    age: float | None = None
    """Transactions since the oldest unfrozen row of any database."""
    freeze_at: float | None = None
    """Age at which a vacuum against it is forced."""
    ratio: float | None = None
    """Share of the numbers used up, of transactions or of multixacts, whichever is nearer."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long maintenance command has come."""

    command: str
    pid: int
    database: SafeText
    relation: SafeText
    phase: str
    done: float | None
    total: float | None
    """In blocks, rows or bytes, as `done`."""

    @property
    def share(self) -> float | None:
        """Share done of this phase."""
        return min(self.done / self.total, 1.0) if self.done is not None and self.total else None


@dataclass(frozen=True, slots=True)
class Statement:
    """What one statement cost between two readings of pg_stat_statements."""

    id: str
    query: SafeText
    user: SafeText
    database: SafeText
    calls: float
    """Per second in the interval."""
    mean: float | None
    """Seconds per call in the interval."""
    share: float | None
    """Share of the time of all statements in the interval."""
    rows: float | None
    """Rows per call in the interval."""
    calls_total: float
    mean_total: float | None
    """Seconds per call since the statistics were reset."""


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements that cost most between two readings."""

    top: tuple[Statement, ...] = ()
    """Without our own."""
    interval: float | None = None
    """Seconds between the two readings; None: there was only one yet."""
    calls: float | None = None
    """Per second, of all statements."""
    mean: float | None = None
    """Seconds per call, of all statements in the interval."""
    since: SafeText = SafeText()
    """When the counters were reset, PostgreSQL 14 and newer."""
    ours: Statement | None = None
    """Our own among those that cost most, as one; None: none of them is ours."""


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """Everything about a server at one moment."""

    server: Server = Server()
    login: Login = Login()
    connections: Connections = Connections()
    limited: bool = False
    """True when sessions of others are hidden from us: then a short list proves nothing."""
    sessions: tuple[Session, ...] = ()
    sessions_left_out: int = 0
    knots: tuple[Knot, ...] = ()
    crowds: tuple[Crowd, ...] = ()
    waits: tuple[Wait, ...] = ()
    prepared: tuple[Prepared, ...] = ()
    horizon: Horizon | None = None
    replicas: tuple[Replica, ...] = ()
    slots: tuple[ReplicationSlot, ...] = ()
    standby: Standby | None = None
    archiver: Archiver | None = None
    traffic: Traffic = Traffic()
    databases: tuple[Database, ...] = ()
    wraparound: Wraparound = Wraparound()
    progress: tuple[Progress, ...] = ()
    statements: Statements | None = None
    """None when pg_stat_statements can't be read."""
    care: Care | None = None
    """The last look at tables, indexes and settings; None before the first."""
