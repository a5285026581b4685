"""Draws a PostgreSQL server: who waits for whom, what runs long, how many connections are left. The worst first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import plural
from probes.base import Severity
from probes.postgres.facts import PostgresFacts, Session
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, joined, line, sign, strong, toned, width_of
from widgets.panel import Panel, Table, View
from widgets.postgres_care import CARED_INDEXES, CARED_TABLES, care_parts
from widgets.postgres_tables import (
    APPLICATIONS,
    BLOCKING,
    DATABASES,
    GONE,
    PROGRESS,
    REPLICATION,
    SESSIONS,
    STATEMENTS,
    age_of,
    byte_rate,
    count_of,
    doing_for,
    holders_of,
    rate_of,
    ratio_of,
    size_of,
    span_of,
    state_of,
    waits_on,
)

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


def _some(parts: Sequence[Part], width: int) -> tuple[Span, ...]:
    """As many of the parts as fit; the first one cut rather than dropped."""
    kept: list[Part] = []
    for part in parts:
        if width_of(joined([*kept, part])) > width:
            break
        kept.append(part)
    return joined(kept) if kept or not parts else (fit(parts[0], max(width, 0)),)


# sessions


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
    wanted.sort(key=lambda pair: (-(pair[1] or 0), depth.get(pair[0].pid, _MANY), -(doing_for(pair[0]) or 0)))
    return wanted[:_MANY]


def _said(one: Session, blocks: int, named: bool) -> tuple[Part, ...]:
    """Why it matters, then what it runs or ran last; `named` when its line says already whose it is."""
    if blocks and not one.blocked:
        return (strong(f"blocks {blocks}  "), dim("" if named else f"({one.who})  "), dim(one.query))
    if one.blocked_by:
        return (strong(f"blocked by {holders_of(one)}  "), one.query)
    return (dim(one.query),) if one.in_transaction else (one.query,)


def _session_line(view: View[PostgresFacts], one: Session, severity: Severity | None, width: int) -> Line:
    blocks = {knot.pid: knot.holds_up for knot in view.facts.knots}.get(one.pid, 0)
    lead: list[Part] = [
        sign(severity) if severity is not None else " ", " ", fit(str(one.pid), 7),
        fit(age_of(doing_for(one)), 7, right=True), "  ", fit(toned(state_of(one), severity), 12), " ",
    ]  # fmt: skip
    if width >= _NAMED:
        lead += [fit(one.who, 18 if width < 110 else 22), " "]
    if width >= 100:
        lead += [fit(dim(GONE if one.in_transaction else waits_on(one)), 20), " "]
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
        f"commits {rate_of(traffic.commits)}",
        f"cache hit {ratio_of(traffic.cache_hit)}",
        f"login {span_of(login.seconds)}",
    ]
    if traffic.rollbacks:
        parts.insert(1, f"failed {rate_of(traffic.rollbacks)}")
    parts += _lag_parts(view.facts)
    parts += [dim(f"statement {span_of(view.facts.statements.mean)}")] if view.facts.statements else []
    parts += [dim(f"rows read {rate_of(traffic.rows_read)}"), dim(f"written {rate_of(traffic.rows_written)}")]
    return line("  ", *_some(parts, width - 2))


def _lag_parts(facts: PostgresFacts) -> list[Part]:
    if facts.standby is not None:
        return [f"standby, {span_of(facts.standby.lag)} behind"]
    if not facts.replicas:
        return []
    lags = [one.lag for one in facts.replicas if one.lag is not None]
    return [f"{plural(len(facts.replicas), 'replica')}, lag {span_of(max(lags, default=None))}"]


def _costly_line(facts: PostgresFacts, width: int) -> list[Line]:
    one = next(iter(facts.statements.top if facts.statements else ()), None)
    if one is None or not one.mean or one.mean < 0.01:
        return []
    calls = rate_of(one.calls).replace("/s", " calls/s")
    lead = f"  costs most: {ratio_of(one.share)} of the time, {calls}, {span_of(one.mean)} each  "
    return [line(*_clipped((dim(lead), dim(one.query)), width), key=one.id)]


def _costs(facts: PostgresFacts, width: int) -> list[Line]:
    """The statements that cost most, under a header."""
    top = facts.statements.top[:_COSTLY] if facts.statements else ()
    head = line(dim(f"{'share':>6}  {'calls':>8}  {'each':>8}  statement"))
    rows = [
        line(*_clipped((Span(f"{ratio_of(one.share):>6}  {rate_of(one.calls):>8}  {span_of(one.mean):>8}  "),
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
    say: list[Part] = [strong(f"{count_of(seen.used)} of {count_of(seen.limit)} used")]
    if facts.limited:
        say.append(toned(f"{count_of(seen.hidden)} hidden from us", Severity.NOTICE))
    else:
        say += [f"{count_of(number)} {state}" for state, number in sorted(seen.states.items(), key=lambda one: -one[1])]
    say += [dim(f"{count_of(seen.ours)} ours"), dim(f"{count_of(seen.reserved)} more reserved")]
    tone = _tone(view.severity("sessions_used_ratio"))
    return _row("sessions", seen.ratio, tone, _chart(view, "sessions_used_ratio", width, 1.0), say, width)


def _traffic_row(view: View[PostgresFacts], width: int) -> Line:
    traffic = view.facts.traffic
    say: list[Part] = [
        strong(f"{rate_of(traffic.commits)} commits"),
        f"{rate_of(traffic.rollbacks)} rolled back",
        f"rows read {rate_of(traffic.rows_read)}",
        f"written {rate_of(traffic.rows_written)}",
        f"deadlocks {count_of(traffic.deadlocks)} in 1 min",
    ]
    return _row("work", None, Tone.CHART, _chart(view, "commits_per_second", width), say, width)


def _cache_row(view: View[PostgresFacts], width: int) -> Line:
    traffic = view.facts.traffic
    hit = traffic.cache_hit
    say: list[Part] = [strong(f"{ratio_of(hit)} found in memory")] if hit is not None else [strong("no traffic")]
    say += [f"temporary files {byte_rate(traffic.temp_bytes)}"]
    say += [dim(f"checkpoints forced {count_of(traffic.checkpoints_requested)} in 5 min")]
    tone = _tone(view.severity("cache_hit_ratio"))
    return _row("cache", hit, tone, _chart(view, "cache_hit_ratio", width, 1.0), say, width)


def _login_row(view: View[PostgresFacts], width: int) -> Line:
    login = view.facts.login
    if login.refused:
        said: list[Part] = [toned(f"refused: {login.refused}", view.severity("login_refused") or Severity.WARNING)]
    else:
        said = [strong(f"{span_of(login.seconds)} to log in")]
    said += [f"{span_of(login.ping)} to answer SELECT 1"]
    return _row("login", None, Tone.CHART, _chart(view, "ping_seconds", width), said, width)


def _age_row(view: View[PostgresFacts], width: int) -> Line:
    facts = view.facts
    oldest = max((one for one in facts.sessions if one.xact_age is not None), key=lambda one: one.xact_age or 0.0,
                 default=None)  # fmt: skip
    say: list[Part] = []
    if oldest is not None:
        say.append(f"oldest transaction {age_of(oldest.xact_age)} ({oldest.who}, pid {oldest.pid})")
    if facts.horizon is not None and facts.horizon.transactions > 1000:
        say.append(f"dead rows kept by {facts.horizon.who}, {count_of(facts.horizon.transactions)} transactions back")
    say.append(
        toned(f"{ratio_of(facts.wraparound.ratio)} of transaction numbers used", view.severity("wraparound_ratio"))
    )
    say += [f"{plural(len(facts.prepared), 'prepared transaction')}"] if facts.prepared else []
    return line(fit("age", _LABEL), *_some(say, width - _LABEL))


def _server_row(facts: PostgresFacts, width: int) -> Line:
    server = facts.server
    say: list[Part] = [f"PostgreSQL {server.version}" if server.version else GONE]
    say.append("standby" if server.in_recovery else "primary")
    say += [f"up {age_of(server.uptime)}", f"as {server.role} in {server.database}"]
    if not server.encrypted and not server.local:
        say.append(toned("not encrypted", Severity.NOTICE))
    say += [dim(f"cluster {server.system_identifier}")] if server.system_identifier else []
    return line(fit("server", _LABEL), *_some(say, width - _LABEL))


def _copies_row(facts: PostgresFacts, width: int) -> list[Line]:
    say = _lag_parts(facts)
    say += [f"slot {one.name} keeps {size_of(one.retained)}" for one in facts.slots if not one.active][:2]
    if facts.archiver is not None:
        say.append(
            f"archiving fails for {age_of(facts.archiver.failing_for)}" if facts.archiver.failing else "archiving"
        )
    return [line(fit("copies", _LABEL), *_some(say, width - _LABEL))] if say else []


def _care_row(facts: PostgresFacts, width: int) -> list[Line]:
    return [line(fit("care", _LABEL), *_some(care_parts(facts.care), width - _LABEL))] if facts.care else []


def _waits_row(facts: PostgresFacts, width: int) -> list[Line]:
    if not facts.waits:
        return []
    say = [f"{count_of(one.sessions)} on {one.kind}:{one.event}" for one in facts.waits[:6]]
    return [line(fit("waits", _LABEL), *_some(say, width - _LABEL))]


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
        "tables, indexes: of the database we log in to; use is counted on this server only. bloat is an estimate.\n"
        "Strings and numbers in queries are shown as ?, because they may be secrets."
    )

    tables: ClassVar[tuple[Table[Any, Any], ...]] = (
        SESSIONS,
        BLOCKING,
        STATEMENTS,
        APPLICATIONS,
        REPLICATION,
        DATABASES,
        PROGRESS,
        CARED_TABLES,
        CARED_INDEXES,
    )

    def headline(self, view: View[PostgresFacts]) -> Sequence[Part]:
        """How many connections are left, and what sessions do."""
        facts, seen = view.facts, view.facts.connections
        used = f"{count_of(seen.used)} of {count_of(seen.limit)} used"
        parts: list[Part] = [toned(used, view.severity("sessions_used_ratio"))]
        if facts.limited:
            return [*parts, toned("limited view", Severity.NOTICE)]
        blocked = sum(crowd.blocked for crowd in facts.crowds)
        open_ = sum(number for state, number in seen.states.items() if state.startswith("idle in transaction"))
        active = seen.states.get("active", 0.0) if seen.used is not None else None
        parts.append(toned(f"{count_of(active)} active", view.severity("active_seconds")))
        if open_:
            parts.append(toned(f"{count_of(open_)} idle in tx", view.severity("idle_in_transaction_seconds")))
        if blocked:
            parts.append(toned(f"{count_of(blocked)} blocked", view.severity("blocked_seconds")))
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
            *_care_row(facts, width),
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
