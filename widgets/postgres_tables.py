"""Tables of a PostgreSQL server's detail screen: sessions, blocking, statements, copies, databases, progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from desk.words import age, count, plural, ratio, size, span
from probes.base import SafeText
from probes.postgres.facts import Crowd, Database, Knot, PostgresFacts, Progress, Session, Statement
from widgets.draw.marks import bar
from widgets.lines import Line, Part, Span, Tone, dim, line, strong
from widgets.panel import Column, Table

GONE: Final = "–"
_STATES: Final = {
    "idle in transaction": "idle in tx",
    "idle in transaction (aborted)": "failed in tx",
    "fastpath function call": "active",
}


def age_of(value: float | None) -> str:
    """An age, or a dash."""
    return GONE if value is None else age(value)


def span_of(value: float | None) -> str:
    """A length of time, or a dash."""
    return GONE if value is None else span(value)


def size_of(value: float | None) -> str:
    """Bytes, or a dash."""
    return GONE if value is None else size(value)


def ratio_of(value: float | None) -> str:
    """A share, or a dash."""
    return GONE if value is None else ratio(round(value, 3))


def count_of(value: float | None) -> str:
    """A number, or a dash."""
    return GONE if value is None else count(round(value))


def rate_of(value: float | None) -> str:
    """A number per second, or a dash."""
    return GONE if value is None else f"{count(round(value, 1) if value < 10 else round(value))}/s"


def byte_rate(value: float | None) -> str:
    """Bytes per second, or a dash."""
    return GONE if value is None else f"{size(value)}/s"


def or_gone(text: SafeText | str) -> str:
    """A text, or a dash when it is empty."""
    return str(text) or GONE


def state_of(one: Session) -> str:
    """What a session does, in a word."""
    if one.blocked:
        return "lock wait"
    return _STATES.get(one.state, one.state) or GONE


def doing_for(one: Session) -> float | None:
    """Seconds of what it does now."""
    return one.waited if one.blocked else one.age


def waits_on(one: Session) -> str:
    """What a session waits on, in the words of PostgreSQL."""
    return ":".join(str(part) for part in (one.wait_type, one.wait_event) if part) or GONE


def holders_of(one: Session) -> str:
    """Whom a session waits for."""
    return ", ".join(str(pid) if pid else "a prepared transaction" for pid in one.blocked_by)


def _session_tone(one: Session) -> Tone:
    if one.blocked:
        return Tone.WARNING
    return Tone.DIM if one.excluded else Tone.PLAIN


def _session_detail(one: Session) -> Sequence[Line]:
    lines = [
        line(strong(f"pid {one.pid}"), f"  {or_gone(one.application)}  user {or_gone(one.user)}  "
             f"database {or_gone(one.database)}", "  a superuser" if one.superuser else ""),
        line(f"{one.state or GONE} for {age_of(one.age)}  waits on {waits_on(one)}  {one.backend_type or GONE}"),
        line(f"transaction open for {age_of(one.xact_age)}, connected for {age_of(one.backend_age)} "
             f"from {or_gone(one.client) if one.client else 'a local socket'}"),
    ]  # fmt: skip
    if one.excluded:
        lines.append(line(dim("left alone because: "), one.excluded))
    if one.blocked:
        lines.append(line(strong(f"blocked for {age_of(one.waited)} by {holders_of(one) or 'nobody we see'}"), "  ",
                          one.waits_for))  # fmt: skip
    lines += [
        line(dim("backend start     "), or_gone(one.backend_start)),
        line(dim("transaction start "), or_gone(one.xact_start)),
        line(dim("query start       "), or_gone(one.query_start)),
        line(dim("state change      "), or_gone(one.state_change)),
        line(),
        line(dim("running: " if one.active else "last query: "), or_gone(one.query)),
    ]
    return lines


_NEEDS: Final = "it needs pg_monitor"
"""What a login lacks that sees its own sessions only."""

SESSIONS: Final[Table[PostgresFacts, Session]] = Table(
    name="sessions",
    title="sessions",
    rows=lambda facts: facts.sessions,
    beyond=lambda facts: facts.sessions_left_out,
    key=lambda one: one.key,
    label=lambda one: f"session {one.pid}",
    columns=(
        Column("pid", lambda one: str(one.pid), 8, lambda one: one.pid, right=True),
        Column("age", lambda one: age_of(doing_for(one)), 7, doing_for, right=True, descending=True),
        Column("tx age", lambda one: age_of(one.xact_age), 7, lambda one: one.xact_age, right=True, least=90,
               descending=True),
        Column("state", state_of, 12),
        Column("waits for", lambda one: holders_of(one) or waits_on(one), 18, least=76),
        Column("application", lambda one: one.who, 20, least=60),
        Column("user", lambda one: one.user or GONE, 12, least=110),
        Column("database", lambda one: one.database or GONE, 12, least=130),
        Column("client", lambda one: one.client or "local", 15, least=150),
        Column("left alone", lambda one: one.excluded, 12, least=170),
        Column("query", lambda one: one.query),
    ),
    empty="no session does anything but wait for work",
    unseen=lambda facts: f"what others do is hidden from us: {_NEEDS}" if facts.limited else "",
    tone=_session_tone,
    detail=_session_detail,
    looks=("explain",),
)  # fmt: skip


def _knot_name(one: Knot) -> Part:
    branch = "  " * (one.depth - 1) + "└ " if one.depth else ""
    return f"{branch}{one.pid or 'prepared'}"


def _knot_says(one: Knot) -> Part:
    if one.session is None:
        return "a prepared transaction" if not one.pid else "not visible to us"
    if one.depth:
        return f"{one.session.waits_for or 'a lock'}: {one.session.query}"
    return f"{state_of(one.session)}: {one.session.query}"


def _knot_age(one: Knot) -> float | None:
    return None if one.session is None else doing_for(one.session)


def _knot_detail(one: Knot) -> Sequence[Line]:
    head = line(strong(f"pid {one.pid or GONE}"), f" blocks {plural(one.holds_up, 'session')}")
    return [head, line(), *(_session_detail(one.session) if one.session is not None else [line(_knot_says(one))])]


BLOCKING: Final[Table[PostgresFacts, Knot]] = Table(
    name="blocking",
    title="blocking",
    rows=lambda facts: facts.knots,
    key=lambda one: one.key,
    label=lambda one: f"session {one.pid}",
    columns=(
        Column("blocking tree", _knot_name, 16),
        Column("for", lambda one: age_of(_knot_age(one)), 7, _knot_age, right=True, descending=True),
        Column("blocks", lambda one: str(one.holds_up or ""), 6, lambda one: one.holds_up, right=True,
               descending=True),
        Column("application", lambda one: one.session.who if one.session else GONE, 20, least=60),
        Column("user", lambda one: one.session.user if one.session else GONE, 12, least=110),
        Column("lock and query", _knot_says),
    ),
    empty="nobody waits for a lock",
    unseen=lambda facts: f"who waits for a lock is hidden from us: {_NEEDS}" if facts.limited else "",
    tone=lambda one: Tone.WARNING if one.depth else Tone.CRITICAL,
    detail=_knot_detail,
)  # fmt: skip


def _statement_detail(one: Statement) -> Sequence[Line]:
    return [
        line(strong(f"{rate_of(one.calls)}, {span_of(one.mean)} each, {ratio_of(one.share)} of all time"),
             f"  {count_of(one.rows)} rows each"),
        line(f"since the counters were reset: {count_of(one.calls_total)} calls, {span_of(one.mean_total)} each"),
        line(f"user {or_gone(one.user)}  database {or_gone(one.database)}"),
        line(),
        line(one.query),
    ]  # fmt: skip


def _statements(facts: PostgresFacts) -> Sequence[Statement]:
    """Those that cost most, and what we cost ourselves as the last row."""
    found = facts.statements
    return () if found is None else (*found.top, *([found.ours] if found.ours is not None else []))


STATEMENTS: Final[Table[PostgresFacts, Statement]] = Table(
    name="statements",
    title="statements",
    rows=_statements,
    key=lambda one: one.id,
    columns=(
        Column("share", lambda one: ratio_of(one.share), 7, lambda one: one.share, right=True, descending=True),
        Column("calls", lambda one: rate_of(one.calls), 9, lambda one: one.calls, right=True, descending=True),
        Column("each", lambda one: span_of(one.mean), 8, lambda one: one.mean, right=True, descending=True),
        Column("ever", lambda one: span_of(one.mean_total), 8, lambda one: one.mean_total, right=True, least=90,
               descending=True),
        Column("rows", lambda one: count_of(one.rows), 8, lambda one: one.rows, right=True, least=80, descending=True),
        Column("user", lambda one: one.user or GONE, 14, least=110),
        Column("database", lambda one: one.database or GONE, 14, least=130),
        Column("statement", lambda one: one.query),
    ),
    empty="nothing was counted yet: two readings of pg_stat_statements are needed",
    tone=lambda one: Tone.PLAIN if "/" in one.id else Tone.DIM,
    detail=_statement_detail,
    looks=("explain",),
)  # fmt: skip

APPLICATIONS: Final[Table[PostgresFacts, Crowd]] = Table(
    name="applications",
    title="applications",
    rows=lambda facts: facts.crowds,
    key=lambda one: one.key,
    columns=(
        Column("sessions", lambda one: count_of(one.total), 8, lambda one: one.total, right=True, descending=True),
        Column("active", lambda one: _seen(one, one.active), 6, lambda one: one.active, right=True, descending=True),
        Column("in tx", lambda one: _seen(one, one.in_transaction), 6, lambda one: one.in_transaction, right=True,
               descending=True),
        Column("blocked", lambda one: _seen(one, one.blocked), 7, lambda one: one.blocked, right=True, descending=True),
        Column("idle", lambda one: _seen(one, one.idle), 6, lambda one: one.idle, right=True, descending=True),
        Column("idle since", lambda one: age_of(one.idle_longest), 10, lambda one: one.idle_longest, right=True,
               least=100, descending=True),
        Column("user", lambda one: one.user or GONE, 16, least=70),
        Column("database", lambda one: one.database or GONE, 16, least=100),
        Column("application", lambda one: one.application or "no name"),
    ),
    empty="no client is connected",
    tone=lambda one: Tone.WARNING if one.blocked else Tone.PLAIN,
)  # fmt: skip


def _seen(one: Crowd, number: float) -> str:
    """Of sessions hidden from us nothing is known."""
    return GONE if one.hidden >= one.total else count_of(number)


@dataclass(frozen=True, slots=True)
class Copy:
    """A line of the replication table: a replica, a slot, or this server as a copy."""

    key: str
    what: str
    name: SafeText
    state: str
    lag: float | None
    behind: float | None
    """Bytes."""
    note: str = ""
    wrong: bool = False


def copies(facts: PostgresFacts) -> list[Copy]:
    """Everything about copies of this server, and what it is a copy of."""
    found = [
        Copy(f"replica {one.pid}", "replica", one.name, one.state, one.lag, one.behind,
             f"{one.sync} from {one.client or 'a local socket'}", one.state not in ("streaming", "backup"))
        for one in facts.replicas
    ]  # fmt: skip
    for slot in facts.slots:
        idle = (
            f"nobody reads it for {age_of(slot.inactive_for)}" if slot.inactive_for is not None else "nobody reads it"
        )
        left = f", {size_of(slot.safe)} more until it is given up" if slot.safe is not None else ""
        note = f"{slot.type}{'' if slot.active else ', ' + idle}{left}"
        state = slot.status or ("active" if slot.active else "inactive")
        found.append(Copy(f"slot {slot.name}", "slot", slot.name, state, None, slot.retained, note, not slot.active))
    if facts.standby is not None:
        one = facts.standby
        state = "paused" if one.paused else "streaming" if one.streaming else "not receiving"
        found.insert(0, Copy("standby", "this server", SafeText("a standby"), state, one.lag, one.behind, "",
                             one.paused or not one.streaming))  # fmt: skip
    return found


REPLICATION: Final[Table[PostgresFacts, Copy]] = Table(
    name="replication",
    title="replication",
    rows=copies,
    key=lambda one: one.key,
    columns=(
        Column("what", lambda one: one.what, 11),
        Column("name", lambda one: one.name, 20),
        Column("state", lambda one: one.state, 13),
        Column("lag", lambda one: span_of(one.lag), 8, lambda one: one.lag, right=True, descending=True),
        Column("behind", lambda one: size_of(one.behind), 10, lambda one: one.behind, right=True, least=70,
               descending=True),
        Column("", lambda one: one.note),
    ),
    empty="no replica and no replication slot",
    tone=lambda one: Tone.WARNING if one.wrong else Tone.PLAIN,
)  # fmt: skip

DATABASES: Final[Table[PostgresFacts, Database]] = Table(
    name="databases",
    title="databases",
    rows=lambda facts: facts.databases,
    key=lambda one: str(one.name),
    columns=(
        Column("size", lambda one: size_of(one.size), 10, lambda one: one.size, right=True, descending=True),
        Column("sessions", lambda one: count_of(one.sessions), 8, lambda one: one.sessions, right=True,
               descending=True),
        Column("commits", lambda one: rate_of(one.commits), 9, lambda one: one.commits, right=True, descending=True),
        Column("failed", lambda one: rate_of(one.rollbacks), 8, lambda one: one.rollbacks, right=True, least=70,
               descending=True),
        Column("cache", lambda one: ratio_of(one.cache_hit), 7, lambda one: one.cache_hit, right=True, least=80),
        Column("temp", lambda one: byte_rate(one.temp_bytes), 11, lambda one: one.temp_bytes, right=True, least=100,
               descending=True),
        Column("deadlocks", lambda one: count_of(one.deadlocks), 9, lambda one: one.deadlocks, right=True, least=110,
               descending=True),
        Column("numbers", lambda one: ratio_of(one.wraparound), 8, lambda one: one.wraparound, right=True, least=120,
               descending=True),
        Column("database", lambda one: one.name),
    ),
    empty="no database is known",
)  # fmt: skip

PROGRESS: Final[Table[PostgresFacts, Progress]] = Table(
    name="progress",
    title="maintenance",
    rows=lambda facts: facts.progress,
    key=lambda one: f"{one.command} {one.pid}",
    columns=(
        Column("pid", lambda one: str(one.pid), 8, lambda one: one.pid, right=True),
        Column("done", lambda one: ratio_of(one.share), 7, lambda one: one.share, right=True, descending=True),
        Column("", lambda one: Span(bar(one.share, 12), Tone.CHART), 12, lambda one: one.share, least=70),
        Column("command", lambda one: one.command, 20),
        Column("table", lambda one: one.relation or GONE, 20, least=90),
        Column("phase", lambda one: one.phase),
    ),
    empty="no vacuum, index build, copy or base backup is under way",
)
