"""Draws a PostgreSQL server: who waits for whom, what runs long, how many connections are left. The worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from desk.words import age, count, plural, ratio, size, span
from probes.base import SafeText, Severity
from probes.postgres import Crowd, Database, Knot, PostgresFacts, Progress, Session, Statement
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_STATES: Final = {
    "idle in transaction": "idle in tx",
    "idle in transaction (aborted)": "failed in tx",
    "fastpath function call": "active",
}
_ABOUT_SESSIONS: Final = frozenset({"active_seconds", "blocked_seconds", "idle_in_transaction_seconds",
                                    "idle_blocking", "oldest_transaction_seconds"})  # fmt: skip
"""Gauges whose alerts are drawn as a session's line."""
_IN_HEADLINE: Final = frozenset({"sessions_used_ratio", "uptime_seconds"})
_LABEL: Final = 9
"""Cells of a row's word in the head."""
_NAMED: Final = 72
"""Cells from which a session's line names its application."""
_CHARTED: Final = 110
"""Cells from which a row shows its course."""
_MANY: Final = 12
"""Session lines in the overview at most."""
_COSTLY: Final = 5
"""Statements one under the other where there is room."""


def _age(value: float | None) -> str:
    return _GONE if value is None else age(value)


def _span(value: float | None) -> str:
    return _GONE if value is None else span(value)


def _size(value: float | None) -> str:
    return _GONE if value is None else size(value)


def _ratio(value: float | None) -> str:
    return _GONE if value is None else ratio(round(value, 3))


def _count(value: float | None) -> str:
    return _GONE if value is None else count(round(value))


def _rate(value: float | None) -> str:
    return _GONE if value is None else f"{count(round(value, 1) if value < 10 else round(value))}/s"


def _bytes_rate(value: float | None) -> str:
    return _GONE if value is None else f"{size(value)}/s"


def _or_gone(text: SafeText | str) -> str:
    return str(text) or _GONE


def _some(parts: Sequence[Part], width: int) -> tuple[Span, ...]:
    """As many of the parts as fit; the first one cut rather than dropped."""
    kept: list[Part] = []
    for part in parts:
        if width_of(joined([*kept, part])) > width:
            break
        kept.append(part)
    return joined(kept) if kept or not parts else (fit(parts[0], max(width, 0)),)


# sessions


def _state(one: Session) -> str:
    if one.blocked:
        return "lock wait"
    return _STATES.get(one.state, one.state) or _GONE


def _doing(one: Session) -> float | None:
    """Seconds of what it does now."""
    return one.waited if one.blocked else one.age


def _wait(one: Session) -> str:
    return ":".join(str(part) for part in (one.wait_type, one.wait_event) if part) or _GONE


def _holders(one: Session) -> str:
    return ", ".join(str(pid) if pid else "a prepared transaction" for pid in one.blocked_by)


def _judged(view: View[PostgresFacts], one: Session) -> Severity | None:
    """What the rules say about a session; one that waits is judged by its wait alone."""
    if one.blocked:
        return view.severity("blocked_seconds", pid=str(one.pid))
    return view.severity(backend=one.key)


def _worth(view: View[PostgresFacts]) -> list[tuple[Session, Severity | None]]:
    """Sessions a person should meet: those with an alert, in a knot, or running longest."""
    depth = {knot.pid: knot.depth for knot in view.facts.knots}
    judged = [(one, _judged(view, one)) for one in view.facts.sessions]
    wanted = [
        (one, severity)
        for one, severity in judged
        if severity is not None or one.pid in depth or (one.active and not one.excluded) or one.in_transaction
    ]
    wanted.sort(key=lambda pair: (-(pair[1] or 0), depth.get(pair[0].pid, _MANY), -(_doing(pair[0]) or 0)))
    return wanted[:_MANY]


def _said(one: Session, blocks: int, named: bool) -> tuple[Part, ...]:
    """Why it matters, then what it runs or ran last; `named` when its line says already whose it is."""
    if blocks and not one.blocked:
        return (strong(f"blocks {blocks}  "), dim("" if named else f"({one.who})  "), dim(one.query))
    if one.blocked_by:
        return (strong(f"blocked by {_holders(one)}  "), one.query)
    return (dim(one.query),) if one.in_transaction else (one.query,)


def _session_line(view: View[PostgresFacts], one: Session, severity: Severity | None, width: int) -> Line:
    blocks = {knot.pid: knot.holds_up for knot in view.facts.knots}.get(one.pid, 0)
    lead: list[Part] = [
        sign(severity) if severity is not None else " ", " ", fit(str(one.pid), 7),
        fit(_age(_doing(one)), 7, right=True), "  ", fit(toned(_state(one), severity), 12), " ",
    ]  # fmt: skip
    if width >= _NAMED:
        lead += [fit(one.who, 18 if width < 110 else 22), " "]
    if width >= 100:
        lead += [fit(dim(_GONE if one.in_transaction else _wait(one)), 20), " "]
    rest = width - width_of(joined(lead, ""))
    said = joined(_said(one, blocks, width >= _NAMED), "")
    return line(*lead, *_clipped(said, rest), key=one.key, severity=severity)


def _clipped(spans: Sequence[Span], width: int) -> tuple[Span, ...]:
    kept: list[Span] = []
    for one in spans:
        room = width - width_of(kept)
        if room <= 0:
            break
        kept.append(one if width_of((one,)) <= room else fit(one, room))
    return tuple(kept)


def _other_worries(view: View[PostgresFacts], width: int) -> list[Line]:
    """What the rules say about the server as a whole, in their own words."""
    skip = _ABOUT_SESSIONS | _IN_HEADLINE
    return [
        line(sign(one.severity), " ", *_clipped((toned(one.words, one.severity),), width - 2), severity=one.severity)
        for one in view.worries
        if one.gauge and one.gauge not in skip
    ]


def _work_line(view: View[PostgresFacts], width: int) -> Line:
    traffic, login = view.facts.traffic, view.facts.login
    parts: list[Part] = [
        f"commits {_rate(traffic.commits)}",
        f"cache hit {_ratio(traffic.cache_hit)}",
        f"login {_span(login.seconds)}",
    ]
    if traffic.rollbacks:
        parts.insert(1, f"failed {_rate(traffic.rollbacks)}")
    parts += _lag_parts(view.facts)
    parts += [dim(f"statement {_span(view.facts.statements.mean)}")] if view.facts.statements else []
    parts += [dim(f"rows read {_rate(traffic.rows_read)}"), dim(f"written {_rate(traffic.rows_written)}")]
    return line("  ", *_some(parts, width - 2))


def _lag_parts(facts: PostgresFacts) -> list[Part]:
    if facts.standby is not None:
        return [f"standby, {_span(facts.standby.lag)} behind"]
    if not facts.replicas:
        return []
    lags = [one.lag for one in facts.replicas if one.lag is not None]
    return [f"{plural(len(facts.replicas), 'replica')}, lag {_span(max(lags, default=None))}"]


def _costly_line(facts: PostgresFacts, width: int) -> list[Line]:
    one = next(iter(facts.statements.top if facts.statements else ()), None)
    if one is None or not one.mean or one.mean < 0.01:
        return []
    calls = _rate(one.calls).replace("/s", " calls/s")
    lead = f"  costs most: {_ratio(one.share)} of the time, {calls}, {_span(one.mean)} each  "
    return [line(*_clipped((dim(lead), dim(one.query)), width), key=one.id)]


def _costs(facts: PostgresFacts, width: int) -> list[Line]:
    """The statements that cost most, under a header."""
    top = facts.statements.top[:_COSTLY] if facts.statements else ()
    head = line(dim(f"{'share':>6}  {'calls':>8}  {'each':>8}  statement"))
    rows = [
        line(*_clipped((Span(f"{_ratio(one.share):>6}  {_rate(one.calls):>8}  {_span(one.mean):>8}  "),
                        Span(str(one.query))), width), key=one.id)
        for one in top
    ]  # fmt: skip
    return [line(), head, *rows] if rows else []


# the head of the detail screen


def _row(word: str, share: float | None, tone: Tone, chart: str, say: Sequence[Part], width: int) -> Line:
    lead: list[Part] = [fit(word, _LABEL)]
    if width >= 60:
        lead += [Span(bar(share, 10), tone) if share is not None else " " * 10, " "]
    if chart:
        lead += [Span(chart, Tone.CHART), " "]
    return line(*lead, *_some(say, width - width_of(joined(lead, ""))))


def _chart(view: View[PostgresFacts], gauge: str, width: int, top: float | None = None) -> str:
    return spark(view.history(gauge), min((width - 90) // 2, 40), top) if width >= _CHARTED else ""


def _tone(severity: Severity | None) -> Tone:
    return toned("", severity).tone if severity is not None else Tone.CHART


def _sessions_row(view: View[PostgresFacts], width: int) -> Line:
    facts, seen = view.facts, view.facts.connections
    say: list[Part] = [strong(f"{_count(seen.used)} of {_count(seen.limit)} used")]
    if facts.limited:
        say.append(toned(f"{_count(seen.hidden)} hidden from us", Severity.NOTICE))
    else:
        say += [f"{_count(number)} {state}" for state, number in sorted(seen.states.items(), key=lambda one: -one[1])]
    say += [dim(f"{_count(seen.ours)} ours"), dim(f"{_count(seen.reserved)} more reserved")]
    tone = _tone(view.severity("sessions_used_ratio"))
    return _row("sessions", seen.ratio, tone, _chart(view, "sessions_used_ratio", width, 1.0), say, width)


def _traffic_row(view: View[PostgresFacts], width: int) -> Line:
    traffic = view.facts.traffic
    say: list[Part] = [
        strong(f"{_rate(traffic.commits)} commits"),
        f"{_rate(traffic.rollbacks)} rolled back",
        f"rows read {_rate(traffic.rows_read)}",
        f"written {_rate(traffic.rows_written)}",
        f"deadlocks {_count(traffic.deadlocks)} in 1 min",
    ]
    return _row("work", None, Tone.CHART, _chart(view, "commits_per_second", width), say, width)


def _cache_row(view: View[PostgresFacts], width: int) -> Line:
    traffic = view.facts.traffic
    hit = traffic.cache_hit
    say: list[Part] = [strong(f"{_ratio(hit)} found in memory")] if hit is not None else [strong("no traffic")]
    say += [f"temporary files {_bytes_rate(traffic.temp_bytes)}"]
    say += [dim(f"checkpoints forced {_count(traffic.checkpoints_requested)} in 5 min")]
    tone = _tone(view.severity("cache_hit_ratio"))
    return _row("cache", hit, tone, _chart(view, "cache_hit_ratio", width, 1.0), say, width)


def _login_row(view: View[PostgresFacts], width: int) -> Line:
    login = view.facts.login
    if login.refused:
        said: list[Part] = [toned(f"refused: {login.refused}", view.severity("login_refused") or Severity.WARNING)]
    else:
        said = [strong(f"{_span(login.seconds)} to log in")]
    said += [f"{_span(login.ping)} to answer SELECT 1"]
    return _row("login", None, Tone.CHART, _chart(view, "ping_seconds", width), said, width)


def _age_row(view: View[PostgresFacts], width: int) -> Line:
    facts = view.facts
    oldest = max((one for one in facts.sessions if one.xact_age is not None), key=lambda one: one.xact_age or 0.0,
                 default=None)  # fmt: skip
    say: list[Part] = []
    if oldest is not None:
        say.append(f"oldest transaction {_age(oldest.xact_age)} ({oldest.who}, pid {oldest.pid})")
    if facts.horizon is not None and facts.horizon.transactions > 1000:
        say.append(f"dead rows kept by {facts.horizon.who}, {_count(facts.horizon.transactions)} transactions back")
    say.append(
        toned(f"{_ratio(facts.wraparound.ratio)} of transaction numbers used", view.severity("wraparound_ratio"))
    )
    say += [f"{plural(len(facts.prepared), 'prepared transaction')}"] if facts.prepared else []
    return line(fit("age", _LABEL), *_some(say, width - _LABEL))


def _server_row(facts: PostgresFacts, width: int) -> Line:
    server = facts.server
    say: list[Part] = [f"PostgreSQL {server.version}" if server.version else _GONE]
    say.append("standby" if server.in_recovery else "primary")
    say += [f"up {_age(server.uptime)}", f"as {server.role} in {server.database}"]
    if not server.encrypted and not server.local:
        say.append(toned("not encrypted", Severity.NOTICE))
    say += [dim(f"cluster {server.system_identifier}")] if server.system_identifier else []
    return line(fit("server", _LABEL), *_some(say, width - _LABEL))


def _copies_row(facts: PostgresFacts, width: int) -> list[Line]:
    say = _lag_parts(facts)
    say += [f"slot {one.name} keeps {_size(one.retained)}" for one in facts.slots if not one.active][:2]
    if facts.archiver is not None:
        say.append(f"archiving fails for {_age(facts.archiver.failing_for)}" if facts.archiver.failing else "archiving")
    return [line(fit("copies", _LABEL), *_some(say, width - _LABEL))] if say else []


def _waits_row(facts: PostgresFacts, width: int) -> list[Line]:
    if not facts.waits:
        return []
    say = [f"{_count(one.sessions)} on {one.kind}:{one.event}" for one in facts.waits[:6]]
    return [line(fit("waits", _LABEL), *_some(say, width - _LABEL))]


# tables


def _session_tone(one: Session) -> Tone:
    if one.blocked:
        return Tone.WARNING
    return Tone.DIM if one.excluded else Tone.PLAIN


def _session_detail(one: Session) -> Sequence[Line]:
    lines = [
        line(strong(f"pid {one.pid}"), f"  {_or_gone(one.application)}  user {_or_gone(one.user)}  "
             f"database {_or_gone(one.database)}", "  a superuser" if one.superuser else ""),
        line(f"{one.state or _GONE} for {_age(one.age)}  waits on {_wait(one)}  {one.backend_type or _GONE}"),
        line(f"transaction open for {_age(one.xact_age)}, connected for {_age(one.backend_age)} "
             f"from {_or_gone(one.client) if one.client else 'a local socket'}"),
    ]  # fmt: skip
    if one.excluded:
        lines.append(line(dim("left alone because: "), one.excluded))
    if one.blocked:
        lines.append(line(strong(f"blocked for {_age(one.waited)} by {_holders(one) or 'nobody we see'}"), "  ",
                          one.waits_for))  # fmt: skip
    lines += [
        line(dim("backend start     "), _or_gone(one.backend_start)),
        line(dim("transaction start "), _or_gone(one.xact_start)),
        line(dim("query start       "), _or_gone(one.query_start)),
        line(dim("state change      "), _or_gone(one.state_change)),
        line(),
        line(dim("running: " if one.active else "last query: "), _or_gone(one.query)),
    ]
    return lines


_SESSIONS: Final[Table[PostgresFacts, Session]] = Table(
    name="sessions",
    title="sessions",
    rows=lambda facts: facts.sessions,
    key=lambda one: one.key,
    columns=(
        Column("pid", lambda one: str(one.pid), 8, lambda one: one.pid, right=True),
        Column("age", lambda one: _age(_doing(one)), 7, _doing, right=True, descending=True),
        Column("tx age", lambda one: _age(one.xact_age), 7, lambda one: one.xact_age, right=True, least=90,
               descending=True),
        Column("state", _state, 12),
        Column("waits for", lambda one: _holders(one) or _wait(one), 18, least=76),
        Column("application", lambda one: one.who, 20, least=60),
        Column("user", lambda one: one.user or _GONE, 12, least=110),
        Column("database", lambda one: one.database or _GONE, 12, least=130),
        Column("client", lambda one: one.client or "local", 15, least=150),
        Column("left alone", lambda one: one.excluded, 12, least=170),
        Column("query", lambda one: one.query),
    ),
    empty="no session does anything but wait for work",
    tone=_session_tone,
    detail=_session_detail,
)  # fmt: skip


def _knot_name(one: Knot) -> Part:
    branch = "  " * (one.depth - 1) + "└ " if one.depth else ""
    return f"{branch}{one.pid or 'prepared'}"


def _knot_says(one: Knot) -> Part:
    if one.session is None:
        return "a prepared transaction" if not one.pid else "not visible to us"
    if one.depth:
        return f"{one.session.waits_for or 'a lock'}: {one.session.query}"
    return f"{_state(one.session)}: {one.session.query}"


def _knot_age(one: Knot) -> float | None:
    return None if one.session is None else _doing(one.session)


def _knot_detail(one: Knot) -> Sequence[Line]:
    head = line(strong(f"pid {one.pid or _GONE}"), f" blocks {plural(one.holds_up, 'session')}")
    return [head, line(), *(_session_detail(one.session) if one.session is not None else [line(_knot_says(one))])]


_BLOCKING: Final[Table[PostgresFacts, Knot]] = Table(
    name="blocking",
    title="blocking",
    rows=lambda facts: facts.knots,
    key=lambda one: one.key,
    columns=(
        Column("blocking tree", _knot_name, 16),
        Column("for", lambda one: _age(_knot_age(one)), 7, _knot_age, right=True, descending=True),
        Column("blocks", lambda one: str(one.holds_up or ""), 6, lambda one: one.holds_up, right=True,
               descending=True),
        Column("application", lambda one: one.session.who if one.session else _GONE, 20, least=60),
        Column("user", lambda one: one.session.user if one.session else _GONE, 12, least=110),
        Column("lock and query", _knot_says),
    ),
    empty="nobody waits for a lock",
    tone=lambda one: Tone.WARNING if one.depth else Tone.CRITICAL,
    detail=_knot_detail,
)  # fmt: skip


def _statement_detail(one: Statement) -> Sequence[Line]:
    return [
        line(strong(f"{_rate(one.calls)}, {_span(one.mean)} each, {_ratio(one.share)} of all time"),
             f"  {_count(one.rows)} rows each"),
        line(f"since the counters were reset: {_count(one.calls_total)} calls, {_span(one.mean_total)} each"),
        line(f"user {_or_gone(one.user)}  database {_or_gone(one.database)}"),
        line(),
        line(one.query),
    ]  # fmt: skip


_STATEMENTS: Final[Table[PostgresFacts, Statement]] = Table(
    name="statements",
    title="statements",
    rows=lambda facts: facts.statements.top if facts.statements else (),
    key=lambda one: one.id,
    columns=(
        Column("share", lambda one: _ratio(one.share), 7, lambda one: one.share, right=True, descending=True),
        Column("calls", lambda one: _rate(one.calls), 9, lambda one: one.calls, right=True, descending=True),
        Column("each", lambda one: _span(one.mean), 8, lambda one: one.mean, right=True, descending=True),
        Column("ever", lambda one: _span(one.mean_total), 8, lambda one: one.mean_total, right=True, least=90,
               descending=True),
        Column("rows", lambda one: _count(one.rows), 8, lambda one: one.rows, right=True, least=80, descending=True),
        Column("user", lambda one: one.user or _GONE, 14, least=110),
        Column("database", lambda one: one.database or _GONE, 14, least=130),
        Column("statement", lambda one: one.query),
    ),
    empty="nothing was counted yet: two readings of pg_stat_statements are needed",
    detail=_statement_detail,
)  # fmt: skip

_APPLICATIONS: Final[Table[PostgresFacts, Crowd]] = Table(
    name="applications",
    title="applications",
    rows=lambda facts: facts.crowds,
    key=lambda one: one.key,
    columns=(
        Column("sessions", lambda one: _count(one.total), 8, lambda one: one.total, right=True, descending=True),
        Column("active", lambda one: _seen(one, one.active), 6, lambda one: one.active, right=True, descending=True),
        Column("in tx", lambda one: _seen(one, one.in_transaction), 6, lambda one: one.in_transaction, right=True,
               descending=True),
        Column("blocked", lambda one: _seen(one, one.blocked), 7, lambda one: one.blocked, right=True, descending=True),
        Column("idle", lambda one: _seen(one, one.idle), 6, lambda one: one.idle, right=True, descending=True),
        Column("idle since", lambda one: _age(one.idle_longest), 10, lambda one: one.idle_longest, right=True, least=80,
               descending=True),
        Column("user", lambda one: one.user or _GONE, 16, least=60),
        Column("database", lambda one: one.database or _GONE, 16, least=80),
        Column("application", lambda one: one.application or "no name"),
    ),
    empty="no client is connected",
    tone=lambda one: Tone.WARNING if one.blocked else Tone.PLAIN,
)  # fmt: skip


def _seen(one: Crowd, number: float) -> str:
    """Of sessions hidden from us nothing is known."""
    return _GONE if one.hidden >= one.total else _count(number)


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
        idle = f"nobody reads it for {_age(slot.inactive_for)}" if slot.inactive_for is not None else "nobody reads it"
        left = f", {_size(slot.safe)} more until it is given up" if slot.safe is not None else ""
        note = f"{slot.type}{'' if slot.active else ', ' + idle}{left}"
        state = slot.status or ("active" if slot.active else "inactive")
        found.append(Copy(f"slot {slot.name}", "slot", slot.name, state, None, slot.retained, note, not slot.active))
    if facts.standby is not None:
        one = facts.standby
        state = "paused" if one.paused else "streaming" if one.streaming else "not receiving"
        found.insert(0, Copy("standby", "this server", SafeText("a standby"), state, one.lag, one.behind, "",
                             one.paused or not one.streaming))  # fmt: skip
    return found


_REPLICATION: Final[Table[PostgresFacts, Copy]] = Table(
    name="replication",
    title="replication",
    rows=copies,
    key=lambda one: one.key,
    columns=(
        Column("what", lambda one: one.what, 11),
        Column("name", lambda one: one.name, 20),
        Column("state", lambda one: one.state, 13),
        Column("lag", lambda one: _span(one.lag), 8, lambda one: one.lag, right=True, descending=True),
        Column("behind", lambda one: _size(one.behind), 10, lambda one: one.behind, right=True, least=70,
               descending=True),
        Column("", lambda one: one.note),
    ),
    empty="no replica and no replication slot",
    tone=lambda one: Tone.WARNING if one.wrong else Tone.PLAIN,
)  # fmt: skip

_DATABASES: Final[Table[PostgresFacts, Database]] = Table(
    name="databases",
    title="databases",
    rows=lambda facts: facts.databases,
    key=lambda one: str(one.name),
    columns=(
        Column("size", lambda one: _size(one.size), 10, lambda one: one.size, right=True, descending=True),
        Column("sessions", lambda one: _count(one.sessions), 8, lambda one: one.sessions, right=True, descending=True),
        Column("commits", lambda one: _rate(one.commits), 9, lambda one: one.commits, right=True, descending=True),
        Column("failed", lambda one: _rate(one.rollbacks), 8, lambda one: one.rollbacks, right=True, least=70,
               descending=True),
        Column("cache", lambda one: _ratio(one.cache_hit), 7, lambda one: one.cache_hit, right=True, least=80),
        Column("temp", lambda one: _bytes_rate(one.temp_bytes), 11, lambda one: one.temp_bytes, right=True, least=100,
               descending=True),
        Column("deadlocks", lambda one: _count(one.deadlocks), 9, lambda one: one.deadlocks, right=True, least=110,
               descending=True),
        Column("numbers", lambda one: _ratio(one.wraparound), 8, lambda one: one.wraparound, right=True, least=120,
               descending=True),
        Column("database", lambda one: one.name),
    ),
    empty="no database is known",
)  # fmt: skip

_PROGRESS: Final[Table[PostgresFacts, Progress]] = Table(
    name="progress",
    title="maintenance",
    rows=lambda facts: facts.progress,
    key=lambda one: f"{one.command} {one.pid}",
    columns=(
        Column("pid", lambda one: str(one.pid), 8, lambda one: one.pid, right=True),
        Column("done", lambda one: _ratio(one.share), 7, lambda one: one.share, right=True, descending=True),
        Column("", lambda one: Span(bar(one.share, 12), Tone.CHART), 12, lambda one: one.share, least=70),
        Column("command", lambda one: one.command, 20),
        Column("table", lambda one: one.relation or _GONE, 20, least=90),
        Column("phase", lambda one: one.phase),
    ),
    empty="no vacuum, index build, copy or base backup is under way",
)


class PostgresPanel(Panel[PostgresFacts]):
    """A PostgreSQL server."""

    title = "POSTGRES"
    help = (
        "used: client sessions of max_connections less the reserved slots; background processes don't count.\n"
        "age: of the query when active, of the lock wait, else of the state; by the server's clock.\n"
        "lock wait: blocked by a session that holds the lock; the one that blocks is the one to look at.\n"
        "idle in tx: idle inside an open transaction: does nothing, yet keeps locks and dead rows.\n"
        "dimmed: replication, autovacuum, dumps, maintenance: left alone, no alert.\n"
        "cache: share of blocks found in shared buffers since the last reading; statements likewise.\n"
        "login: a real second login now and then: an open connection says nothing about new ones.\n"
        "Strings and numbers in queries are shown as ?, because they may be secrets."
    )

    tables: ClassVar[tuple[Table[Any, Any], ...]] = (
        _SESSIONS,
        _BLOCKING,
        _STATEMENTS,
        _APPLICATIONS,
        _REPLICATION,
        _DATABASES,
        _PROGRESS,
    )

    def headline(self, view: View[PostgresFacts]) -> Sequence[Part]:
        """How many connections are left, and what sessions do."""
        facts, seen = view.facts, view.facts.connections
        used = f"{_count(seen.used)} of {_count(seen.limit)} used"
        parts: list[Part] = [toned(used, view.severity("sessions_used_ratio"))]
        if facts.limited:
            return [*parts, toned("limited view", Severity.NOTICE)]
        blocked = sum(crowd.blocked for crowd in facts.crowds)
        open_ = sum(number for state, number in seen.states.items() if state.startswith("idle in transaction"))
        active = seen.states.get("active", 0.0) if seen.used is not None else None
        parts.append(toned(f"{_count(active)} active", view.severity("active_seconds")))
        if open_:
            parts.append(toned(f"{_count(open_)} idle in tx", view.severity("idle_in_transaction_seconds")))
        if blocked:
            parts.append(toned(f"{_count(blocked)} blocked", view.severity("blocked_seconds")))
        return parts

    def brief(self, view: View[PostgresFacts], width: int) -> Sequence[Line]:
        """Sessions and worries, the worst first, then the server's work in one line."""
        lines = [*_other_worries(view, width)]
        lines += [_session_line(view, one, severity, width) for one, severity in _worth(view)]
        lines.sort(key=lambda one: -(one.severity or 0))
        return [*lines, _work_line(view, width), *_costly_line(view.facts, width)]

    def head(self, view: View[PostgresFacts], width: int) -> Sequence[Line]:
        """Bars, recent course and figures."""
        facts = view.facts
        return [
            _sessions_row(view, width),
            _traffic_row(view, width),
            _cache_row(view, width),
            _login_row(view, width),
            _age_row(view, width),
            *_copies_row(facts, width),
            *_waits_row(facts, width),
            _server_row(facts, width),
        ]

    def more(self, view: View[PostgresFacts], width: int) -> Sequence[Line]:
        """The head, then the statements that cost most; what the brief says and no chart adds to is left out."""
        charted = width >= _CHARTED
        rows = [
            _sessions_row(view, width),
            *([_traffic_row(view, width)] if charted else []),
            _cache_row(view, width),
            *([_login_row(view, width)] if charted else []),
            _age_row(view, width),
            *_copies_row(view.facts, width),
            *_waits_row(view.facts, width),
            _server_row(view.facts, width),
        ]
        return [*rows, *_costs(view.facts, width)]
