"""The PostgreSQL panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from desk.board import Board
from desk.rules import RuleBook
from probes.base import SafeText, Severity, Snapshot, Target
from probes.postgres.address import PostgresSettings
from probes.postgres.care.facts import Care, IndexCare, Lasting, TableCare
from probes.postgres.facts import (
    Archiver,
    Connections,
    Crowd,
    Database,
    Horizon,
    Knot,
    Login,
    PostgresFacts,
    Prepared,
    Progress,
    Replica,
    ReplicationSlot,
    Server,
    Session,
    Standby,
    Statement,
    Statements,
    Traffic,
    Wait,
    Wraparound,
)
from probes.postgres.gauges import measured
from probes.postgres.read import PostgresProbe
from widgets.lines import Line, Tone, joined, width_of
from widgets.panel import View, Worry
from widgets.postgres import PostgresPanel
from widgets.postgres_tables import copies

WIDTHS = (40, 58, 78, 118, 200)
GIB = 2.0**30

HOLDER = Session(
    pid=18377, backend_start="2026-03-01 03:04:00.123456+00", xact_start="2026-03-01 03:05:38.000001+00",
    state="idle in transaction", state_age=423.0, query_age=424.0, xact_age=424.0, backend_age=600.0,
    user=SafeText("newsletter"), database=SafeText("newsletter"), application=SafeText("newsletter-app"),
    wait_type="Client", wait_event="ClientRead", backend_type="client backend", writes=True, xmin_age=12.0,
    query=SafeText("UPDATE campaigns SET state = ? WHERE id = ?"),
)  # fmt: skip
WAITER = replace(
    HOLDER, pid=18422, backend_start="2026-03-01 03:00:00.000001+00", state="active", wait_type="Lock",
    wait_event="transactionid", blocked_by=(18377,), waited=372.0, query_age=372.0, state_age=372.0,
    waits_for=SafeText("a row that another transaction has changed"),
    query=SafeText("UPDATE campaigns SET sent = sent + ? WHERE id = ?"),
)  # fmt: skip
REPORT = replace(
    HOLDER, pid=19001, backend_start="2026-03-01 02:00:00.5+00", state="active", wait_type="IO",
    wait_event="DataFileRead", query_age=95.0, state_age=95.0, application=SafeText("newsletter-report"),
    query=SafeText("SELECT count(*) FROM events e JOIN subscribers s ON s.id = e.subscriber_id"),
)  # fmt: skip
VACUUM = replace(
    HOLDER, pid=500, backend_start="2026-03-01 01:00:00+00", state="active", backend_type="autovacuum worker",
    application=SafeText(), user=SafeText(), excluded="autovacuum", query_age=900.0, wait_type="", wait_event="",
    query=SafeText("autovacuum: VACUUM public.email_events"),
)  # fmt: skip

CALM = PostgresFacts(
    server=Server(SafeText("18.6"), 180006, SafeText("opsroom"), SafeText("newsletter"), uptime=272000.0),
    login=Login(seconds=0.004, ping=0.0003),
    connections=Connections(97.0, 3.0, 34.0, 1.0, 0.0, {"idle": 31.0, "active": 2.0}),
    crowds=(Crowd(SafeText("newsletter-app"), SafeText("newsletter"), SafeText("newsletter"), 30.0, idle=30.0),),
    traffic=Traffic(38.0, 0.0, 5120.0, 41.0, 0.0, 0.991, 5000.0, 0.0, 3.0, 0.0, 0.0),
    databases=(Database(SafeText("newsletter"), 1.2 * GIB, 31.0, 38.0, 0.0, 0.991, 0.0, 3.0, 2e7),),
    wraparound=Wraparound(2e7, 2e8, 0.0093),
)
BUSY = replace(
    CALM,
    connections=replace(CALM.connections, states={"idle": 30.0, "active": 2.0, "idle in transaction": 1.0}),
    sessions=(WAITER, HOLDER, REPORT, VACUUM),
    knots=(Knot(18377, 0, 18377, HOLDER, 1), Knot(18422, 1, 18377, WAITER, 0)),
    crowds=(replace(CALM.crowds[0], active=2.0, in_transaction=1.0, blocked=1.0),),
    waits=(Wait("Lock", "transactionid", 1.0), Wait("IO", "DataFileRead", 1.0)),
    horizon=Horizon(SafeText("newsletter-report (pid 19001)"), 48000.0),
    statements=Statements(
        (Statement("1/2/3", SafeText("SELECT ? FROM events"), SafeText("app"), SafeText("newsletter"), 0.4, 1.9, 0.41,
                   12.0, 4000.0, 0.2),), 10.0, 120.0, 0.004, SafeText("2026-01-01")),
    progress=(Progress("VACUUM", 500, SafeText("newsletter"), SafeText("events"), "scanning heap", 300.0, 1000.0),),
)  # fmt: skip
CARED = replace(
    CALM,
    care=Care(
        tables=(
            TableCare("public.events", 2.1e6, 1.4e6, None, 7200.0, 3e5, 900.0, 1.8e9, 4e5, 12.0, GIB, GIB / 3, GIB / 2),
            TableCare("public.locked", 10.0, locked=True),
            TableCare('"a b"."' + "顧客" * 40 + '"', 1e15, 0.0),
        ),
        indexes=(
            IndexCare("public.events_broken", "public.events", 4e6, 0.0, valid=False),
            IndexCare("public.events_idle", "public.events", 8e6, 0.0, definition=SafeText("CREATE INDEX ...")),
            IndexCare("public.events_pkey", "public.events", 8e6, 7e9, 3.0, unique=True, constraint=SafeText("pk")),
        ),
        since=864000.0,
        slow_log=Lasting("log_min_duration_statement", SafeText("250 ms"), "configuration file"),
        pending=("shared_buffers",),
    ),
)
ODD = {
    "cared": CARED,
    "nothing": PostgresFacts(),
    "calm": CALM,
    "busy": BUSY,
    "limited": replace(CALM, limited=True, connections=replace(CALM.connections, hidden=30.0, states={})),
    "huge": replace(
        BUSY,
        connections=Connections(1e6, 3.0, 9.99e5, 10.0, 0.0, {"idle": 9e5, "active": 99999.0, "disabled": 1e5}),
        traffic=Traffic(*[1e12] * 11),
        sessions=(replace(WAITER, pid=2**31, waited=1e9, blocked_by=tuple(range(2**31 - 40, 2**31))), REPORT),
        knots=(Knot(0, 0, 0, None, 10**6), *(Knot(n, 40, 0, None) for n in range(1, 60))),
        databases=(Database(SafeText("d" * 200), 2.0**60, 1e6, 1e9, 1e9, 1.0, 1e15, 1e12, 2.1e9),),
        waits=tuple(Wait("LWLock", "LockManager" * 5, 1e6) for _ in range(20)),
        wraparound=Wraparound(2.1e9, 2e8, 0.98),
        login=Login(refused=SafeText("too many clients already: every connection is taken")),
    ),
    "wide": replace(
        BUSY,
        sessions=tuple(
            replace(one, application=SafeText("メルマガ配信" * 9), query=SafeText("SELECT 顧客名 FROM 顧客 " * 20))
            for one in (WAITER, HOLDER, REPORT)
        ),
    ),
    "copies": replace(
        CALM,
        replicas=(Replica(7, SafeText("replica-2"), SafeText("10.0.0.7"), "streaming", "async", 42.0, 9.0 * GIB),),
        slots=(ReplicationSlot(SafeText("old_replica"), "physical", False, 12 * GIB, None, "extended", 86400.0, None),),
        standby=Standby(3.0, 4096.0, True, False),
        archiver=Archiver(True, 900.0, 40.0),
        prepared=(Prepared(SafeText("tx-1"), SafeText("app"), SafeText("shop"), 999.0, 10.0),),
        server=replace(CALM.server, in_recovery=True, local=False, system_identifier=SafeText("7710503791713317411")),
    ),
}


def worries(facts: PostgresFacts) -> tuple[Worry, ...]:
    """What the default rules say about the facts."""

    class Clock:
        def monotonic(self) -> float:
            return 10.0

        def now(self) -> datetime:
            return datetime(2026, 3, 1, tzinfo=UTC)

    board = Board([Target("main", "postgres", PostgresSettings())], Clock())
    slot = board.take(Snapshot("main", Clock().now(), 0.01, facts, measured(facts).values))
    alerts = RuleBook("main", PostgresProbe.rules, PostgresProbe.gauges).judge(slot, 10.0, Clock().now())
    return tuple(Worry(alert.severity, alert.gauge, alert.labels, alert.words) for alert in alerts)


def view(facts: PostgresFacts, history: Sequence[float | None] = (0.1, None, 0.3)) -> View[PostgresFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return history

    at = datetime(2026, 3, 1, tzinfo=UTC)
    return View("main", Snapshot("main", at, 0.01, facts, measured(facts).values), recent, worries(facts))


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


def headline(facts: PostgresFacts) -> str:
    return "".join(span.text for span in joined(PostgresPanel().headline(view(facts))))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: PostgresFacts, width: int) -> None:
    panel = PostgresPanel()
    for drawn in [*panel.brief(view(facts), width), *panel.head(view(facts), width), *panel.more(view(facts), width)]:
        assert width_of(drawn.spans) <= width, text(drawn)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_the_head_stays_short(facts: PostgresFacts) -> None:
    assert 5 <= len(PostgresPanel().head(view(facts), 118)) <= 10


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_and_every_detail_can_be_drawn(facts: PostgresFacts) -> None:
    for table in PostgresPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert all(str(column.cell(row)) is not None for column in table.columns)
            assert all(column.sort is None or column.sort(row) is not Ellipsis for column in table.columns)
            assert table.tone(row) in Tone
            assert table.detail is None or table.detail(row)


@pytest.mark.parametrize("width", [40, 78, 118, 200])
def test_the_fixed_columns_leave_room_for_the_last(width: int) -> None:
    for table in PostgresPanel.tables:
        fixed = [column.width for column in table.columns if column.least <= width]
        assert sum(fixed) + len(fixed) + 2 < width or width == 40, table.name
        assert fixed.count(0) == 1, table.name
        assert table.columns[-1].width == 0, table.name


def test_the_headline_says_how_much_is_used_and_by_whom() -> None:
    assert headline(CALM) == "34 of 97 used  2 active"
    assert headline(BUSY) == "34 of 97 used  2 active  1 idle in tx  1 blocked"
    assert headline(ODD["limited"]) == "34 of 97 used  limited view"


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    assert headline(PostgresFacts()) == "– of – used  – active"
    assert "commits –" in shown(PostgresPanel().brief(view(PostgresFacts()), 78))


def test_the_holder_comes_first_then_who_waits_then_the_long_query() -> None:
    lines = PostgresPanel().brief(view(BUSY), 58)
    pids = [text(drawn).split()[1] for drawn in lines if drawn.key and drawn.severity]
    assert pids == ["18377", "18422", "19001"]
    assert [drawn.severity for drawn in lines][:3] == [Severity.CRITICAL, Severity.CRITICAL, Severity.WARNING]
    assert "7m03s  idle in tx   blocks 1  (newsletter-ap" in text(lines[0])
    assert "6m12s  lock wait    blocked by 18377  UPDATE c" in text(lines[1])


def test_of_two_that_are_as_bad_the_one_that_blocks_comes_first() -> None:
    older = replace(WAITER, waited=9999.0)
    facts = replace(BUSY, sessions=tuple(older if one is WAITER else one for one in BUSY.sessions))
    lines = PostgresPanel().brief(view(facts), 118)
    assert [text(drawn).split()[1] for drawn in lines[:2]] == ["18377", "18422"]


def test_every_session_line_opens_its_session() -> None:
    keys = {drawn.key for drawn in PostgresPanel().brief(view(BUSY), 118)}
    assert {HOLDER.key, WAITER.key, REPORT.key} <= keys
    sessions = PostgresPanel.tables[0]
    assert {sessions.key(one) for one in BUSY.sessions} >= {HOLDER.key, WAITER.key, REPORT.key}


def test_what_must_be_left_alone_is_dim_and_not_in_the_overview() -> None:
    sessions = PostgresPanel.tables[0]
    assert sessions.tone(VACUUM) is Tone.DIM
    assert "autovacuum" not in shown(PostgresPanel().brief(view(BUSY), 200))


def test_a_calm_server_is_one_line_of_work() -> None:
    lines = PostgresPanel().brief(view(CALM), 58)
    assert [text(drawn) for drawn in lines] == ["  commits 38/s  cache hit 99.1 %  login 4 ms"]


def test_a_worry_about_the_whole_server_is_said_in_the_rules_words() -> None:
    first = PostgresPanel().brief(view(ODD["huge"]), 118)[0]
    assert first.severity is Severity.CRITICAL
    words = shown(PostgresPanel().brief(view(ODD["huge"]), 200))
    assert "new logins fail: too many clients already" in words
    assert "98 % of the transaction numbers are used up" in words


def test_no_traffic_is_said_and_not_a_bad_share() -> None:
    quiet = replace(CALM, traffic=replace(CALM.traffic, cache_hit=None))
    assert "no traffic" in shown(PostgresPanel().head(view(quiet), 118))


def test_the_tree_shows_waiters_under_their_holder() -> None:
    blocking = next(table for table in PostgresPanel.tables if table.name == "blocking")
    names = [str(blocking.columns[0].cell(knot)) for knot in BUSY.knots]
    assert names == ["18377", "└ 18422"]


def test_the_detail_of_a_session_shows_its_identity_and_the_whole_query() -> None:
    detail: Any = PostgresPanel.tables[0].detail
    said = shown(detail(WAITER))
    assert "2026-03-01 03:00:00.000001+00" in said
    assert "blocked for 6m12s by 18377  a row that another transaction has changed" in said
    assert "running: UPDATE campaigns SET sent = sent + ? WHERE id = ?" in said


def test_copies_of_the_server_are_listed_with_their_lag() -> None:
    what = [(one.what, str(one.name), one.wrong) for one in copies(ODD["copies"])]
    assert what == [("this server", "a standby", True), ("replica", "replica-2", False), ("slot", "old_replica", True)]
    head = shown(PostgresPanel().head(view(ODD["copies"]), 118))
    assert "not encrypted" in head
    assert "archiving fails for 15m00s" in head


def test_cells_of_wide_characters_are_measured_in_cells() -> None:
    drawn = PostgresPanel().brief(view(ODD["wide"]), 78)[0]
    assert cell_len(text(drawn)) <= 78


# care


def table_named(name: str) -> Any:
    return next(table for table in PostgresPanel.tables if table.name == name)


def test_the_head_names_the_invalid_index_and_what_waits_for_a_restart() -> None:
    said = shown(PostgresPanel().head(view(CARED), 200))
    assert "invalid index public.events_broken" in said
    assert "1 index unused, 7.6 MiB" in said
    assert "slow-query log from 250 ms (configuration file)" in said
    assert "1 changed setting not in force before a restart" in said


def test_tables_and_indexes_say_what_is_wrong_with_them() -> None:
    tables, indexes = table_named("tables"), table_named("indexes")
    events, locked, _ = tables.rows(CARED)
    assert tables.tone(events) is Tone.WARNING
    assert tables.tone(locked) is Tone.DIM
    detail = shown(tables.detail(events))
    assert "vacuumed never, analysed 2h00m ago" in detail
    assert "an estimate" in detail
    broken, idle, key = indexes.rows(CARED)
    assert [indexes.tone(one) for one in (broken, idle, key)] == [Tone.CRITICAL, Tone.DIM, Tone.PLAIN]
    assert indexes.key(idle) == "index public.events_idle"
    assert "constraint pk" in shown(indexes.detail(key))
    assert "INVALID" in shown(indexes.detail(broken))


def test_before_the_first_look_both_tables_say_so() -> None:
    assert (table_named("tables").rows(CALM), table_named("indexes").rows(CALM)) == ((), ())
    assert table_named("tables").empty == "no table was looked at yet"


def test_what_we_ask_ourselves_is_the_last_row_and_costs_most_nowhere() -> None:
    assert BUSY.statements is not None
    ours = replace(
        BUSY.statements.top[0], id="opsroom", query=SafeText("Opsroom's own: 4 statements as one"), share=0.9
    )
    facts = replace(BUSY, statements=replace(BUSY.statements, ours=ours))
    table = table_named("statements")
    assert [table.key(row) for row in table.rows(facts)] == ["1/2/3", "opsroom"]
    assert [table.tone(row) for row in table.rows(facts)] == [Tone.PLAIN, Tone.DIM]
    for said in (PostgresPanel().brief(view(facts), 118), PostgresPanel().more(view(facts), 118)):
        assert "Opsroom" not in shown(said)


def test_tables_of_sessions_without_rows_say_that_others_are_hidden() -> None:
    for table in PostgresPanel.tables:
        if table.name in ("sessions", "blocking"):
            assert "hidden from us" in table.unseen(ODD["limited"])
            assert not table.unseen(CALM)
