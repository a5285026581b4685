"""The server's documents become facts. Every number is checked, every text made safe; nothing here does any I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from probes.base import SafeText, finite
from probes.postgres.facts import (
    XIDS,
    Archiver,
    Connections,
    Crowd,
    Horizon,
    Knot,
    Prepared,
    Progress,
    Replica,
    ReplicationSlot,
    Server,
    Session,
    Standby,
    Wait,
    Wraparound,
)
from probes.postgres.literals import one_line, without_literals

Document = Mapping[str, Any]

_TEXT: Final = 2000
_NAME: Final = 200
_MAINTENANCE: Final = re.compile(
    r"(?i)\s*(?:/\*.*?\*/\s*)*(?:VACUUM|ANALYZE|ANALYSE|REINDEX|CLUSTER|CREATE\s+(?:UNIQUE\s+)?INDEX|"
    r"DROP\s+INDEX\s+CONCURRENTLY|REFRESH\s+MATERIALIZED|CHECKPOINT)\b",
    re.DOTALL,
)
_BACKUPS: Final = ("pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "pg_receivewal", "pg_recvlogical")
_KINDS: Final = {
    "walsender": "replication",
    "walreceiver": "replication",
    "logical replication worker": "replication",
    "logical replication launcher": "replication",
    "logical replication apply worker": "replication",
    "logical replication parallel worker": "replication",
    "autovacuum worker": "autovacuum",
    "autovacuum launcher": "autovacuum",
    "parallel worker": "parallel worker",
}


def number(value: object) -> float | None:
    """A number that can't be negative, or None."""
    found = finite(value)
    return found if found is not None and found >= 0 else None


def seconds(value: object) -> float | None:
    """An age; what began while the server looked is new, what lies well ahead of its clock is not known."""
    found = finite(value)
    return None if found is None or found < -1 else max(found, 0.0)


def name(value: object) -> SafeText:
    """A name from outside; empty when there is none."""
    return SafeText(value if isinstance(value, str) else "", _NAME)


def word(value: object) -> str:
    """One of the server's own words."""
    return str(name(value))


def whole(value: object) -> int:
    """A pid or the like; 0 when there is none."""
    found = number(value)
    return int(found) if found is not None else 0


def rows(value: object) -> list[Document]:
    """The objects of a list; empty when it is null."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def part(value: object) -> Document:
    """An object; empty when it is null."""
    return value if isinstance(value, dict) else {}


def server_of(identity: Document, control: Document, activity: Document, encrypted: bool, local: bool) -> Server:
    """Which server answered."""
    return Server(
        version=name(identity.get("version")),
        number=whole(identity.get("number")),
        role=name(identity.get("role")),
        database=name(identity.get("database")),
        superuser=identity.get("superuser") is True,
        reads_all=identity.get("reads_all") is True or identity.get("superuser") is True,
        system_identifier=name(control.get("system_identifier")),
        in_recovery=activity.get("in_recovery") is True,
        started=name(activity.get("started")),
        uptime=seconds(activity.get("uptime")),
        encrypted=encrypted,
        local=local,
    )


def connections_of(activity: Document) -> Connections:
    """How many sessions there are, against how many there can be."""
    most = number(activity.get("max_connections"))
    reserved = (number(activity.get("superuser_reserved")) or 0) + (number(activity.get("reserved")) or 0)
    states = {word(state): number(n) or 0.0 for state, n in part(activity.get("states")).items()}
    return Connections(
        limit=None if most is None else max(most - reserved, 0.0),
        reserved=reserved,
        used=number(activity.get("used")),
        ours=number(activity.get("ours")),
        hidden=number(activity.get("hidden")) or 0.0,
        states=states,
    )


def _excluded(row: Document) -> str:
    """Why a session must be left alone, or nothing."""
    kind = word(row.get("backend_type"))
    application = word(row.get("application"))
    if kind in _KINDS:
        return _KINDS[kind]
    if kind != "client backend":
        return kind or "not known"
    if application.startswith("opsroom/"):
        return "Opsroom itself"
    if application.startswith("opsroom-care/"):
        return "care by Opsroom"
    if application.lower().split(" ")[0] in _BACKUPS:
        return application.lower().split(" ")[0]
    return "maintenance" if _MAINTENANCE.match(str(row.get("query") or "")) else ""


def _query(row: Document, literals: bool) -> SafeText:
    text = row.get("query")
    if not isinstance(text, str):
        return SafeText()
    return SafeText(one_line(text) if literals else without_literals(text), _TEXT)


def session_of(row: Document, literals: bool) -> Session:
    """One session."""
    blockers = row.get("blocked_by")
    return Session(
        pid=whole(row.get("pid")),
        backend_start=word(row.get("backend_start")),
        xact_start=word(row.get("xact_start")),
        query_start=word(row.get("query_start")),
        state_change=word(row.get("state_change")),
        backend_age=seconds(row.get("backend_age")),
        xact_age=seconds(row.get("xact_age")),
        query_age=seconds(row.get("query_age")),
        state_age=seconds(row.get("state_age")),
        user=name(row.get("user")),
        database=name(row.get("database")),
        application=name(row.get("application")),
        client=name(row.get("client")),
        state=word(row.get("state")),
        wait_type=word(row.get("wait_type")),
        wait_event=word(row.get("wait_event")),
        backend_type=word(row.get("backend_type")),
        superuser=row.get("superuser") is True,
        writes=row.get("writes") is True,
        xmin_age=number(row.get("xmin_age")),
        blocked_by=tuple(sorted({whole(pid) for pid in blockers})) if isinstance(blockers, list) else (),
        waited=seconds(row.get("query_age")) if word(row.get("wait_type")) == "Lock" else None,
        excluded=_excluded(row),
        query=_query(row, literals),
    )


_LOCK_WORDS: Final = {
    "transactionid": "a row that another transaction has changed",
    "virtualxid": "another transaction to end",
    "tuple": "its turn at a row",
    "advisory": "an advisory lock",
    "extend": "room at the end of",
    "object": "a database object",
}


def lock_words(row: Document) -> SafeText:
    """What a lock protects, for a person: "table campaigns (AccessExclusiveLock)"."""
    kind, relation, mode = word(row.get("locktype")), word(row.get("relation")), word(row.get("mode"))
    if kind == "relation":
        return SafeText(f"table {relation or 'of another database'} ({mode})", _NAME)
    said = _LOCK_WORDS.get(kind, f"a lock on {kind}")
    return SafeText(f"{said} {'in ' if kind == 'tuple' else ''}{relation}".strip() if relation else said, _NAME)


def knots_of(sessions: Iterable[Session]) -> tuple[Knot, ...]:
    """The tree of who waits for whom: holders first, those with most behind them before the others.

    A circle, which PostgreSQL's deadlock check resolves within a second, is entered once.
    """
    by_pid = {session.pid: session for session in sessions}
    behind: dict[int, list[int]] = {}
    for session in by_pid.values():
        for pid in session.blocked_by:
            behind.setdefault(pid, []).append(session.pid)
    roots = [pid for pid in behind if not (pid in by_pid and by_pid[pid].blocked_by)]
    seen: set[int] = set()
    knots: list[Knot] = []
    counts = {pid: len(_all_behind(pid, behind)) for pid in behind}
    for root in sorted(roots, key=lambda pid: -counts[pid]) + sorted(behind):
        if root not in seen:
            _descend(root, root, 0, behind, by_pid, counts, seen, knots)
    return tuple(knots)


def _all_behind(pid: int, behind: Mapping[int, Sequence[int]]) -> set[int]:
    found: set[int] = set()
    todo = list(behind.get(pid, ()))
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo.extend(behind.get(one, ()))
    return found - {pid}


def _descend(
    pid: int,
    root: int,
    depth: int,
    behind: Mapping[int, Sequence[int]],
    by_pid: Mapping[int, Session],
    counts: Mapping[int, int],
    seen: set[int],
    knots: list[Knot],
) -> None:
    todo = [(pid, depth)]
    while todo:
        one, deep = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        knots.append(Knot(one, deep, root, by_pid.get(one), counts.get(one, 0)))
        waiters = sorted(behind.get(one, ()), key=lambda waiter: by_pid[waiter].waited or 0)
        todo.extend((waiter, deep + 1) for waiter in waiters)


def crowds_of(activity: Document) -> tuple[Crowd, ...]:
    """Sessions counted by application, user and database; the greatest first."""
    return tuple(
        Crowd(
            application=name(row.get("application")),
            user=name(row.get("user")),
            database=name(row.get("database")),
            total=number(row.get("total")) or 0.0,
            active=number(row.get("active")) or 0.0,
            idle=number(row.get("idle")) or 0.0,
            in_transaction=number(row.get("in_transaction")) or 0.0,
            blocked=number(row.get("blocked")) or 0.0,
            hidden=number(row.get("hidden")) or 0.0,
            idle_longest=seconds(row.get("idle_longest")),
        )
        for row in rows(activity.get("groups"))
    )


def waits_of(activity: Document) -> tuple[Wait, ...]:
    """What active sessions wait for."""
    return tuple(
        Wait(word(row.get("type")), word(row.get("event")), number(row.get("n")) or 0.0)
        for row in rows(activity.get("waits"))
    )


def prepared_of(activity: Document) -> tuple[Prepared, ...]:
    """Transactions prepared and not yet ended."""
    return tuple(
        Prepared(
            gid=name(row.get("gid")),
            owner=name(row.get("owner")),
            database=name(row.get("database")),
            age=seconds(row.get("age")),
            xid_age=number(row.get("xid_age")),
        )
        for row in rows(activity.get("prepared"))
    )


def horizon_of(
    sessions: Iterable[Session], prepared: Iterable[Prepared], slots: Iterable[ReplicationSlot]
) -> Horizon | None:
    """Who holds the oldest view of the data."""
    found = [Horizon(SafeText(f"{s.who} (pid {s.pid})"), s.xmin_age) for s in sessions if s.xmin_age is not None]
    found += [Horizon(SafeText(f"prepared transaction {p.gid}"), p.xid_age) for p in prepared if p.xid_age is not None]
    found += [Horizon(SafeText(f"replication slot {s.name}"), s.xmin_age) for s in slots if s.xmin_age is not None]
    return max(found, key=lambda one: one.transactions, default=None)


def replicas_of(replication: Document, sessions: Mapping[int, Session]) -> tuple[Replica, ...]:
    """Who streams from this server; rows that our role may not see are left to the gap."""
    found = []
    for row in rows(replication.get("replicas")):
        pid = whole(row.get("pid"))
        session = sessions.get(pid)
        if not row.get("state"):
            continue
        found.append(
            Replica(
                pid=pid,
                name=(session.application if session else SafeText()) or SafeText(f"pid {pid}"),
                client=session.client if session else SafeText(),
                state=word(row.get("state")),
                sync=word(row.get("sync_state")),
                lag=seconds(row.get("replay_lag")),
                behind=number(row.get("behind")),
            )
        )
    return tuple(found)


def slots_of(replication: Document) -> tuple[ReplicationSlot, ...]:
    """What WAL is kept for whom."""
    return tuple(
        ReplicationSlot(
            name=name(row.get("name")),
            type=word(row.get("type")),
            active=row.get("active") is True,
            retained=number(row.get("retained")),
            safe=number(row.get("safe_bytes")),
            status=word(row.get("lost")) or word(row.get("wal_status")),
            inactive_for=seconds(row.get("inactive_for")),
            xmin_age=_greater(number(row.get("xmin_age")), number(row.get("catalog_xmin_age"))),
        )
        for row in rows(replication.get("slots"))
    )


def _greater(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)


def standby_of(replication: Document) -> Standby | None:
    """How far behind this server is; None on a primary.

    The age of the last applied transaction is no lag when nothing has happened since, so it counts only while
    something received has not been applied or nothing is being received.
    """
    row = part(replication.get("standby"))
    if not row:
        return None
    behind = number(row.get("behind"))
    streaming = row.get("receiver") == "streaming"
    lag = 0.0 if streaming and behind == 0 else seconds(row.get("replayed_ago"))
    return Standby(lag, behind, row.get("paused") is True, streaming)


def archiver_of(replication: Document) -> Archiver | None:
    """WAL archiving; None when it never was tried."""
    row = part(replication.get("archiver"))
    archived, failed = seconds(row.get("archived_ago")), seconds(row.get("failed_ago"))
    if archived is None and failed is None:
        return None
    failing = failed is not None and (archived is None or failed < archived)
    return Archiver(failing, (archived if archived is not None else failed) if failing else None,
                    number(row.get("failed")))  # fmt: skip


def wraparound_of(databases: Document) -> Wraparound:
    """How near the server is to running out of transaction numbers."""
    age, multi = number(databases.get("oldest_xid")), number(databases.get("oldest_mxid"))
    nearest = _greater(age, multi)
    return Wraparound(age, number(databases.get("freeze_max_age")), None if nearest is None else nearest / XIDS)


def progress_of(document: object) -> tuple[Progress, ...]:
    """Long maintenance commands under way."""
    return tuple(
        Progress(
            command=word(row.get("command")),
            pid=whole(row.get("pid")),
            database=name(row.get("database")),
            relation=name(row.get("relation")),
            phase=word(row.get("phase")),
            done=number(row.get("done")),
            total=number(row.get("total")),
        )
        for row in rows(document)
    )


def waiting(session: Session, row: Document) -> Session:
    """A session that waits, with the lock it waits for and, when the server knows it, since when."""
    waited = seconds(row.get("waited"))
    return replace(session, waits_for=lock_words(row), waited=session.waited if waited is None else waited)
