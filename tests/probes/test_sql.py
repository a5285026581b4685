"""Saved queries on real servers: what they may be, what they answer, and how each fails alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.board import Board
from desk.profile import ProfileError
from desk.profile import parse as parse_profile
from desk.rules import RuleBook
from probes.base import Cause, Context, ProbeError, Severity, Snapshot, Target, Unit
from probes.postgres.saved import values
from probes.postgres.saved.facts import SavedQuery, SqlFacts
from probes.postgres.saved.probe import SqlProbe
from probes.postgres.saved.settings import QuerySettings, SqlSettings
from probes.postgres.saved.statement import Statement, read
from tests.conftest import obtain
from tests.stack import pgbouncer
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.postgres import PASSWORD, Postgres
from tests.toys import StillClock
from tui.kinds import Kinds

ROLE = Path(__file__).parents[2] / "contrib" / "postgres" / "saved.sql"
TOKEN = "EAAGm0PX4ZCpsBAKZCtesttoken"

TABLES = f"""
DROP SCHEMA IF EXISTS letters CASCADE;
CREATE SCHEMA letters;
CREATE TABLE letters.subscribers (id int PRIMARY KEY, email text, plan text, joined timestamptz, access_token text);
INSERT INTO letters.subscribers
    SELECT n, 'reader' || n || '@example.net', CASE WHEN n <= 3 THEN 'paid' ELSE 'free' END,
        now() - n * interval '1 day', '{TOKEN}'
    FROM generate_series(1, 12) AS n;
CREATE TABLE letters.hidden (id int);
CREATE FUNCTION letters.spoil() RETURNS int LANGUAGE sql VOLATILE AS $$
    INSERT INTO letters.hidden VALUES (1) RETURNING id
$$;
GRANT USAGE ON SCHEMA letters TO plain;
GRANT SELECT ON letters.subscribers TO plain;
GRANT EXECUTE ON FUNCTION letters.spoil() TO plain;
"""


class Words:
    """Gives every reference the one password."""

    def resolve(self, reference: str) -> str:
        return PASSWORD


@pytest.fixture
def server(every_postgres: Postgres) -> Postgres:
    every_postgres.sql(TABLES)
    return every_postgres


@pytest.fixture
def one(postgres: Postgres) -> Postgres:
    postgres.sql(TABLES)
    return postgres


class Room:
    """A probe on a clock of the test's own, and its rules."""

    def __init__(self, port: int, queries: dict[str, Any], role: str = "plain", **settings: Any) -> None:
        given = {"url": f"postgresql://{role}@127.0.0.1:{port}/app", "password": "env:PW", "query": queries}
        self.settings = SqlSettings.model_validate(given | settings)
        self.clock = StillClock()
        self.target = Target("newsletter", "sql", self.settings)
        self.probe = SqlProbe(self.target, Context(Words(), self.clock.monotonic, self.clock.now))
        self.board = Board([self.target], self.clock)
        self.book = RuleBook("newsletter", self.probe.rules, self.probe.gauges)

    async def read(self, after: float = 60.0) -> Snapshot[SqlFacts]:
        self.clock.seconds += after
        snapshot = await self.probe.read()
        self.board.take(snapshot)
        return snapshot

    async def query(self, name: str = "it", after: float = 60.0) -> SavedQuery:
        return next(query for query in (await self.read(after)).facts.queries if query.name == name)

    def alerts(self) -> list[tuple[str, Severity, str]]:
        found = self.book.judge(self.board.slot("newsletter"), self.clock.monotonic(), self.clock.now())
        return [(one.rule, one.severity, str(one.words)) for one in found]


@asynccontextmanager
async def asked(
    port: int, role: str = "plain", settings: dict[str, Any] | None = None, **queries: Any
) -> AsyncIterator[Room]:
    room = Room(port, {name: {"sql": one} if isinstance(one, str) else one for name, one in queries.items()},
                role, **(settings or {}))  # fmt: skip
    try:
        yield room
    finally:
        await room.probe.close()
        await room.probe.close()


# what it answers


@pytest.mark.engine
async def test_a_saved_query_gives_its_number_the_one_before_and_the_change(server: Postgres) -> None:
    query = {"sql": "SELECT count(*) FROM letters.subscribers WHERE plan = $plan", "params": {"plan": "paid"}}
    async with asked(server.port, it=query) as room:
        first = await room.query()
        assert (first.value, first.previous, first.change, first.count) == (3.0, None, None, 1)
        server.sql("UPDATE letters.subscribers SET plan = 'paid' WHERE id IN (7, 8)")
        second = await room.query()
        assert (second.value, second.previous, second.change, second.previous_ago) == (5.0, 3.0, 2.0, 60.0)
        facts = (await room.read()).facts
        assert (str(facts.role), str(facts.database), facts.standby, facts.powers) == ("plain", "app", False, ())
        assert str(facts.queries[0].sql) == "SELECT count(*) FROM letters.subscribers WHERE plan = $plan"


@pytest.mark.engine
async def test_null_and_no_row_are_missing_and_never_zero(server: Postgres) -> None:
    async with asked(
        server.port, null="SELECT max(id) FROM letters.subscribers WHERE id > 99",
        none="SELECT id FROM letters.subscribers WHERE id > 99",
        zero="SELECT count(*) FROM letters.subscribers WHERE id > 99",
    ) as room:  # fmt: skip
        snapshot = await room.read()
        null, none, zero = snapshot.facts.queries
        assert (null.value, null.why, none.value, none.why, zero.value) == (
            None,
            "it is NULL",
            None,
            "no row came",
            0.0,
        )
        assert {dict(key.labels)["query"] for key in snapshot.gauges if key.name == "value"} == {"zero"}


@pytest.mark.engine
async def test_numbers_of_every_type_are_read_and_others_said(server: Postgres) -> None:
    numbers = {
        "numeric": ("12345678901234567890.5::numeric", 12345678901234567890.5),
        "bigint": ("9223372036854775807", 2.0**63),
        "real": ("1.5::real", 1.5), "boolean": ("true", 1.0), "interval": ("interval '1 day 2 hours'", 93600.0),
        "negative": ("interval '-90 minutes'", -5400.0),
    }  # fmt: skip
    words = {
        "text": ("'12'::text", "is text, not a number"), "nan": ("'NaN'::numeric", "is NaN or infinite"),
        "time": ("now()", "is a point in time: set time"), "json": ("'{}'::jsonb", "is json, not a number"),
        "money": ("12::money", "is money, not a number"),
    }  # fmt: skip
    queries: dict[str, Any] = {name: f"SELECT {sql} AS x" for name, (sql, _) in (numbers | words).items()}
    async with asked(server.port, settings=None, **queries) as room:
        found = {query.name: query for query in (await room.read()).facts.queries}
        assert {name: found[name].value for name in numbers} == {name: value for name, (_, value) in numbers.items()}
        assert found["interval"].unit is Unit.SECONDS
        for name, (_, said) in words.items():
            assert (found[name].value, found[name].fault) == (None, "not a number")
            assert said in found[name].why, name


@pytest.mark.engine
async def test_the_age_of_a_moment_is_told_by_the_servers_clock(server: Postgres) -> None:
    async with asked(
        server.port,
        newest={"sql": "SELECT max(joined) FROM letters.subscribers", "time": "age"},
        bare={"sql": "SELECT localtimestamp - interval '90 seconds'", "time": "age"},
        until={"sql": "SELECT now() + interval '7 days'", "time": "until"},
        never={"sql": "SELECT 'infinity'::timestamptz", "time": "age"},
    ) as room:
        newest, bare, until, never = (await room.read()).facts.queries
        assert newest.value == pytest.approx(86400, abs=30)
        assert bare.value == pytest.approx(90, abs=5)
        assert until.value == pytest.approx(7 * 86400, abs=5)
        assert (newest.unit, never.value, never.why) == (
            Unit.SECONDS, None, "the column timestamptz is a point in time beyond reckoning",
        )  # fmt: skip


@pytest.mark.engine
async def test_rows_come_as_a_table_with_secrets_covered_and_a_limit(server: Postgres) -> None:
    query = {"sql": "SELECT * FROM letters.subscribers ORDER BY id", "of": "rows", "limit": 5, "redact": ["email", "x"]}
    async with asked(server.port, it=query) as room:
        found = await room.query()
        assert (found.value, found.count, found.cut, len(found.table)) == (5.0, 5, True, 5)
        assert [str(name) for name in found.columns] == ["id", "email", "plan", "joined", "access_token"]
        assert {(str(row[1]), str(row[4])) for row in found.table} == {("***", "***")}
        assert TOKEN not in repr(room.board.slot("newsletter"))
        assert [str(note) for note in found.notes] == [
            "covered: email, access_token. Better not asked for at all: they are fetched all the same",
            "redact names x, and the answer has no such column",
            "there are more than 5 rows: ask for count(*) to know how many",
        ]
        sheet = await room.probe.look("rows", "it")
        assert str(sheet.lines[0]) == "5 rows, and there are more"
        assert str(sheet.lines[3]).startswith("1   ***    paid")


@pytest.mark.engine
async def test_rows_named_by_a_column_have_a_limit_each(server: Postgres) -> None:
    query = {"sql": "SELECT plan, count(*) AS n FROM letters.subscribers GROUP BY plan", "by": "plan", "value": "n",
             "warn": 5, "critical": 8}  # fmt: skip
    async with asked(server.port, it=query) as room:
        found = await room.query()
        assert [(str(row.of), row.value) for row in found.rows] == [("free", 9.0), ("paid", 3.0)]
        assert found.value == 9.0
        assert ("it-critical", Severity.CRITICAL, "it of free is 9, limit 8") in room.alerts()
        assert "paid" not in str(room.alerts())


@pytest.mark.engine
async def test_a_limit_beside_a_query_raises_an_alert_and_clears_it(server: Postgres) -> None:
    query = {
        "sql": "SELECT count(*) FROM letters.subscribers",
        "title": "readers",
        "warn": 20,
        "critical": 10,
        "when": "below",
    }
    async with asked(server.port, it=query) as room:
        await room.read()
        assert room.alerts() == [("it-warning", Severity.WARNING, "readers is 12, limit 20")]
        server.sql("DELETE FROM letters.subscribers WHERE id > 5")
        await room.read()
        assert ("it-critical", Severity.CRITICAL, "readers is 5, limit 10") in room.alerts()
        server.sql("INSERT INTO letters.subscribers SELECT n FROM generate_series(100, 140) AS n")
        await room.read()
        assert room.alerts() == []


# each fails alone


FAULTS = {
    "syntax": ("SELECT count(* FROM letters.subscribers", "syntax error", "syntax error (at character 16)"),
    "lines": ("SELECT 1,\n  $days +* 2", "not possible", "SQLSTATE 42883"),
    "table": ("SELECT 1 FROM letters.readers", "no such table", "no table or view letters.readers (at character 15)"),
    "column": ("SELECT mail FROM letters.subscribers", "no such column", "there is no column mail (at character 8)"),
    "denied": ("SELECT count(*) FROM letters.hidden", "denied", "our role may not read hidden"),
    "schema": ("SELECT 1 FROM pg_toast.x", "denied", "our role may not look into the schema pg_toast"),
    "writes": ("SELECT letters.spoil()", "read-only", "the server refuses that in a read-only transaction"),
    "zero": ("SELECT 1 / 0", "division by zero", "it divides by zero"),
    "locks": ("SELECT id FROM letters.subscribers FOR UPDATE", "read-only", "in a read-only transaction"),
    "into": ("SELECT 1 INTO letters.copy", "syntax error", "syntax error (at character 15)"),
    "deletes": (
        "WITH gone AS (DELETE FROM letters.hidden RETURNING 1) SELECT 1 FROM gone", "not possible", "SQLSTATE 0A000"),
    "function": ("SELECT no_such_thing(1)", "unknown name", "names something that is not there (at character 8)"),
    "value": ("SELECT $name::int", "wrong type", "does not suit its type"),
    "nothing": (
        "SELECT id AS other FROM letters.subscribers", "no such column", "its answer has no column n for the number"),
}  # fmt: skip


@pytest.mark.engine
async def test_one_failing_query_costs_its_own_row_with_its_words(server: Postgres) -> None:
    queries: dict[str, Any] = {name: {"sql": sql} for name, (sql, _, _) in FAULTS.items()}
    queries["value"]["params"] = {"name": "many"}
    queries["lines"]["params"] = {"days": 1}
    queries["nothing"]["value"] = "n"
    async with asked(server.port, **queries, well="SELECT 7") as room:
        found = {query.name: query for query in (await room.read()).facts.queries}
        for name, (_, fault, said) in FAULTS.items():
            if name != "lines":
                assert (found[name].fault, found[name].value) == (fault, None), (name, found[name].why)
                assert said in found[name].why, (name, found[name].why)
        assert found["lines"].why
        assert found["well"].value == 7.0
        assert server.sql("SELECT count(*) FROM letters.hidden") == "0"
        assert {words for _, _, words in room.alerts()} >= {"table was not answered: no such table"}


@pytest.mark.engine
async def test_a_place_of_a_fault_is_where_the_person_wrote_it(one: Postgres) -> None:
    query = {"sql": "SELECT id\nFROM letters.subscribers\nWHERE id > $least_number_of_all AND mail = 'x'",
             "params": {"least_number_of_all": 3}}  # fmt: skip
    async with asked(one.port, it=query) as room:
        assert (await room.query()).why == "there is no column mail (line 3, column 37)"


@pytest.mark.engine
async def test_a_query_out_of_time_is_ended_by_the_server_and_asked_more_rarely(server: Postgres) -> None:
    slow = {"sql": "SELECT count(*) FROM generate_series(1, 100000000) AS a", "timeout": 0.2, "critical": 5}
    async with asked(server.port, it=slow, well="SELECT 1") as room:
        first = await room.query()
        assert (first.fault, first.why) == ("timed out", "it took longer than 0.2 s and was ended")
        assert (first.every, first.slowed) == (120.0, "it ran out of time")
        again = await room.query()
        assert again.age == 60.0
        third = await room.query()
        assert (third.age, third.every) == (0.0, 240.0)
        late = await room.read(250)
        assert late.facts.queries[0].blind == 370.0
        assert late.facts.queries[1].value == 1.0
        assert ("no-data", Severity.WARNING, "it has had no number for 6m10s: its limit sees nothing") in room.alerts()


@pytest.mark.engine
async def test_a_query_that_waits_for_a_lock_does_not_wait_long(one: Postgres) -> None:
    with ExitStack() as stack:
        holder = stack.enter_context(psycopg.connect(one.url("postgres")))
        holder.execute("LOCK TABLE letters.subscribers IN ACCESS EXCLUSIVE MODE")
        async with asked(one.port, it="SELECT count(*) FROM letters.subscribers", well="SELECT 1") as room:
            found = (await room.read()).facts.queries
            assert (found[0].fault, found[1].value) == ("locked", 1.0)
            holder.rollback()
            again = await room.query()
            assert (again.value, again.why) == (12.0, "")


@pytest.mark.engine
async def test_the_last_number_is_kept_with_its_age_when_a_query_fails(one: Postgres) -> None:
    async with asked(one.port, it="SELECT count(*) FROM letters.subscribers") as room:
        await room.read()
        one.sql("REVOKE SELECT ON letters.subscribers FROM plain")
        found = await room.query()
        assert (found.value, found.last, found.last_age) == (None, 12.0, 60.0)
        assert found.why == "our role may not read subscribers"
        assert found.hint == "GRANT SELECT ON subscribers TO our role"


@pytest.mark.engine
async def test_no_statement_rides_behind_another_even_if_it_were_let_through(
    one: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = Statement("SELECT 1; COMMIT; DELETE FROM letters.subscribers")
    monkeypatch.setattr(QuerySettings, "statement", property(lambda self: two))
    async with asked(one.port, "postgres", it="SELECT 1") as room:
        assert (await room.query()).fault == "syntax error"
        assert one.sql("SELECT count(*) FROM letters.subscribers") == "12"


@pytest.mark.engine
async def test_a_value_is_bound_and_never_pasted(one: Postgres) -> None:
    query = {"sql": "SELECT count(*) FROM letters.subscribers WHERE email = $who OR 'a%b' = $who",
             "params": {"who": "x' OR 'a' = 'a"}}  # fmt: skip
    async with asked(one.port, it=query) as room:
        assert (await room.query()).value == 0.0


@pytest.mark.engine
async def test_a_role_that_may_do_more_is_told(one: Postgres) -> None:
    one.sql("GRANT pg_signal_backend TO plain")
    try:
        async with asked(one.port, it="SELECT 1") as room:
            await room.read()
            said = [words for rule, severity, words in room.alerts() if severity is Severity.NOTICE]
            assert said == ["our role may do more than a saved query needs: member of pg_signal_backend; "
                            "see contrib/postgres/saved.sql"]  # fmt: skip
    finally:
        one.sql("REVOKE pg_signal_backend FROM plain")
    async with asked(one.port, "postgres", it="SELECT 1") as room:
        assert [str(power) for power in (await room.read()).facts.powers] == ["superuser"]


@pytest.mark.engine
async def test_the_session_is_read_only_and_named_after_us(one: Postgres) -> None:
    async with asked(
        one.port, it="SELECT current_setting('transaction_read_only') = 'on'",
        ours="SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'opsroom/%' AND pid = pg_backend_pid()",
        zone="SELECT extract(hour FROM timestamptz '2026-03-01 00:00+00')", settings={"zone": "Asia/Tokyo"},
    ) as room:  # fmt: skip
        assert [query.value for query in (await room.read()).facts.queries] == [1.0, 1.0, 9.0]


@pytest.mark.engine
async def test_queries_without_time_left_are_asked_first_the_next_time(one: Postgres) -> None:
    slow = {"sql": "SELECT count(*) FROM generate_series(1, 100000000) AS a", "timeout": 0.5}
    async with asked(one.port, settings={"timeout": 1.2}, a=slow, b={"sql": "SELECT 2", "timeout": 1}) as room:
        first = await room.read()
        assert [query.asked for query in first.facts.queries] == [True, False]
        assert [gap.cause for gap in first.gaps] == [Cause.SLOW]
        assert (await room.query("b")).value == 2.0


@pytest.mark.engine
async def test_what_is_asked_is_no_transaction_rolled_back_on_the_server(server: Postgres) -> None:
    def rolled_back() -> int:
        return int(server.sql("SELECT xact_rollback FROM pg_stat_database WHERE datname = 'app'"))

    here = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'opsroom/%'"
    before = rolled_back()
    async with asked(server.port, good="SELECT count(*) FROM letters.subscribers", bad="SELECT no_such FROM pg_class",
                     spoil="SELECT letters.spoil()", slow={"sql": "SELECT count(*) FROM generate_series(1, 100000000)",
                     "timeout": 0.1}) as room:  # fmt: skip
        for _ in range(3):
            found = (await room.read()).facts.queries
            assert [query.fault for query in found][:3] == ["", "no such column", "read-only"]
    await until(lambda: server.sql(here) == "0")  # a session tells its counts at its end at the latest
    assert rolled_back() == before


@pytest.mark.engine
async def test_what_a_function_does_there_all_the_same_is_taken_back(server: Postgres) -> None:
    server.sql(
        "CREATE FUNCTION letters.sneak() RETURNS int LANGUAGE plpgsql AS "
        "$$BEGIN PERFORM set_config('opsroom.left', 'behind', false); PERFORM pg_notify('sneak', 'x'); RETURN 1; END$$"
    )
    seen = "SELECT coalesce(current_setting('opsroom.left', true), '')::text = 'behind'"
    with psycopg.connect(server.url("plain"), autocommit=True) as listener:
        listener.execute("LISTEN sneak")
        async with asked(server.port, sneak="SELECT letters.sneak()", seen=seen) as room:
            for _ in range(2):
                assert [query.value for query in (await room.read()).facts.queries] == [1.0, 0.0]
        assert list(listener.notifies(timeout=0.3)) == []


@pytest.mark.engine
async def test_what_is_asked_is_known_as_ours_among_the_statements(server: Postgres) -> None:
    server.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    server.sql("SELECT pg_stat_statements_reset()")
    async with asked(server.port, it="SELECT count(*) FROM letters.subscribers", settings={"timeout": 3}) as room:
        for _ in range(3):
            await room.read()
    others = server.sql(
        "SELECT s.query FROM pg_stat_statements(true) AS s JOIN pg_roles AS r ON r.oid = s.userid "
        "WHERE r.rolname = 'plain' AND s.toplevel AND position('/* opsroom */' IN s.query) = 0"
    )
    assert others == ""
    assert int(server.sql("SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%/* opsroom */%'")) < 10


async def until(true: Any, within: float = 30.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.05)


# a connection that breaks


@pytest.mark.engine
@pytest.mark.parametrize(
    ("mode", "causes"),
    [
        (Mode.SILENT, {Cause.TIMEOUT_READ}),
        (Mode.DRIP, {Cause.TIMEOUT_READ}),
        (Mode.RESET_LATER, {Cause.RESET, Cause.CLOSED_EARLY}),
        (Mode.TRUNCATE, {Cause.RESET, Cause.CLOSED_EARLY}),
        (Mode.LOSE, {Cause.RESET, Cause.CLOSED_EARLY}),
        (Mode.GARBAGE, {Cause.GARBAGE, Cause.CLOSED_EARLY, Cause.RESET}),
    ],
    ids=lambda one: one.value if isinstance(one, Mode) else "",
)
async def test_a_connection_that_breaks_in_the_middle_has_its_words_and_the_next_reading_heals(
    one: Postgres, mode: Mode, causes: set[Cause]
) -> None:
    with FaultProxy(one.port) as proxy:
        async with asked(proxy.port, it={"sql": "SELECT 41 + 1", "timeout": 0.3}) as room:
            proxy.become(mode, when=b"DECLARE /* opsroom */")
            with pytest.raises(ProbeError) as caught:
                await room.read()
            assert caught.value.cause in causes
            proxy.mode = Mode.PASS
            assert (await room.query()).value == 42.0


@pytest.mark.engine
async def test_a_server_that_restarts_is_logged_in_to_again(new_postgres: Any) -> None:
    server = new_postgres()
    async with asked(server.port, it="SELECT 42", role="reader") as room:
        assert (await room.query()).value == 42.0
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'opsroom/%'")
        assert (await room.query()).value == 42.0


@pytest.fixture
def pooler(postgres: Postgres) -> Iterator[pgbouncer.PgBouncer]:
    """PgBouncer in transaction mode with one connection to the server."""
    one = obtain("pgbouncer", lambda: pgbouncer.start(postgres))
    yield one
    pgbouncer.end(one)


@pytest.mark.engine
async def test_saved_queries_go_through_a_pooler_and_leave_nothing_behind(
    one: Postgres, pooler: pgbouncer.PgBouncer
) -> None:
    async with asked(
        pooler.port, settings={"pooled": True}, it="SELECT count(*) FROM letters.subscribers",
        spoil="SELECT letters.spoil()",
        limit="SELECT current_setting('statement_timeout')::interval", bad="SELECT no_such FROM letters.subscribers",
    ) as room:  # fmt: skip
        for _ in range(4):
            found = (await room.read()).facts.queries
            assert [query.fault for query in found] == ["", "read-only", "", "no such column"]
            assert [query.value for query in found] == [12.0, None, 5.0, None]
    with psycopg.connect(pooler.url("plain"), autocommit=True, prepare_threshold=None) as other:
        assert other.execute("SHOW transaction_read_only").fetchone() == ("off",)
        assert other.execute("SHOW statement_timeout").fetchone() == ("0",)


@pytest.mark.engine
async def test_a_login_that_is_refused_has_its_words(one: Postgres) -> None:
    async with asked(one.port, "nobody_we_know", it="SELECT 1") as room:
        with pytest.raises(ProbeError) as caught:
            await room.read()
        assert caught.value.cause is Cause.AUTH
        assert PASSWORD not in str(caught.value.message)


@pytest.mark.engine
async def test_a_server_without_a_place_for_us_is_overloaded_and_heals(one: Postgres) -> None:
    one.sql("ALTER ROLE plain CONNECTION LIMIT 0")
    try:
        async with asked(one.port, it="SELECT 1") as room:
            with pytest.raises(ProbeError, match="our role has reached its own limit of connections") as caught:
                await room.read()
            assert caught.value.cause is Cause.OVERLOADED
            one.sql("ALTER ROLE plain CONNECTION LIMIT -1")
            assert (await room.query()).value == 1.0
    finally:
        one.sql("ALTER ROLE plain CONNECTION LIMIT -1")


# what a query may be


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("", "is empty"),
        (" -- nothing", "is empty"),
        ("SELECT 1; SELECT 2", "several statements"),
        ("DELETE FROM a", "is no SELECT"),
        ("EXPLAIN ANALYZE DELETE FROM a", "is no SELECT"),
        ("SELECT 'open", "a quote that is never closed"),
        ("SELECT $x$ open", "a quote that is never closed"),
        ("SELECT 1 /* open /* */", "a comment that is never closed"),
        ("SELECT pg_terminate_backend(12)", "ends or stops other sessions"),
        ('SELECT pg_catalog."pg_terminate_backend" (12)', "ends or stops other sessions"),
        ("SELECT PG_CANCEL_BACKEND/* x */(12)", "ends or stops other sessions"),
        ('SELECT U&"pg_terminate\\005fbackend"(12)', "hides what it is"),
        ("SELECT pg_reload_conf()", "changes how the server runs"),
        ("SELECT pg_advisory_lock(1)", "takes locks"),
        ("SELECT set_config('statement_timeout', '0', false)", "changes the limits"),
        ("SELECT pg_read_file('/etc/passwd')", "server's files"),
        ("SELECT * FROM dblink('x', 'DELETE FROM a') AS t(i int)", "nobody sees here"),
        ("SELECT query_to_xml('x', true, true, '')", "nobody sees here"),
        ("SELECT pg_sleep(60)", "only waits"),
        ("SELECT pg_drop_replication_slot('x')", "changes replication"),
        ("SELECT $1", "give it a name"),
        ("SELECT 1 " + " " * 20_000 + "x", "longer than"),
    ],
)
def test_what_is_no_harmless_select_is_refused_by_the_profile_with_its_reason(sql: str, words: str) -> None:
    with pytest.raises(ValidationError, match="the query") as caught:
        QuerySettings.model_validate({"sql": sql})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'pg_terminate_backend(1); DROP TABLE a' -- ; pg_sleep(1)",
        "SELECT $tag$ it's; $tag$, E'\\'; '",
        "(SELECT 1) UNION (SELECT 2);  ",
        "VALUES (1)",
        "WITH a AS (SELECT 1) TABLE a",
        'SELECT "odd;name" FROM a',
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_cancel_backend(%'",
    ],
)
def test_what_only_looks_is_let_through(sql: str) -> None:
    assert read(sql).names == ()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"sql": "SELECT $a"}, "needs a value for $a"),
        ({"params": {"a": 1}}, "never uses $a"),
        ({"value": "n", "redact": ["n"]}, "not to be shown"),
        ({"by": "n", "redact": ["n"]}, "not to be shown"),
        ({"of": "rows", "value": "n"}, "counts the rows"),
        ({"time": "age", "unit": "bytes"}, "an age is in seconds"),
        ({"warn": 5, "critical": 2}, "critical must lie above warn"),
        ({"warn": 2, "critical": 5, "when": "below"}, "critical must lie below warn"),
        ({"params": {"a": None}}, "params"),
    ],
)
def test_what_does_not_go_together_is_said(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        QuerySettings.model_validate({"sql": "SELECT 1"} | more)
    assert words in str(caught.value)


def test_a_profile_names_the_query_that_is_wrong_and_shows_no_secret() -> None:
    text = """
        system = "letters"
        [sql.newsletter]
        url = "postgresql://reader@db/app"
        [sql.newsletter.query.subscribers]
        sql = "SELECT count(*) FROM s WHERE token = 'hunter2' AND pg_sleep(9) IS NULL"
    """
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, Kinds(), "it.toml")
    said = "\n".join(str(problem) for problem in caught.value.problems)
    assert "sql.newsletter.query.subscribers: the query calls pg_sleep, which only waits" in said
    assert "hunter2" not in said


@given(st.text(st.sampled_from("ab$'\"-/*;E\\ \n1_(xt"), max_size=60))
def test_no_text_breaks_the_reader_and_what_it_lets_through_has_no_second_statement(text: str) -> None:
    try:
        made = read(f"SELECT {text}")
    except ValueError:
        return
    for place in range(len(made.text)):
        assert 0 <= made.written_at(place) <= len(text) + 7


@given(st.integers(-(10**6), 10**6), st.integers(-500, 500), st.integers(-100, 100))
def test_a_length_of_time_is_read_as_it_is_written(seconds: int, minutes: int, days: int) -> None:
    assert values.seconds(f"P{days}DT{minutes}M{seconds}.5S".replace("T0M", "T0M")) == pytest.approx(
        days * 86400 + minutes * 60 + float(f"{seconds}.5")
    )


# the least that will do: contrib/postgres/saved.sql


@pytest.fixture
def least(server: Postgres) -> Iterator[Postgres]:
    """The server with the role of contrib for two tables, run twice as a careful person might."""
    text = "\\set tables letters.subscribers\n\\set schemas letters\n" + ROLE.read_text()
    for _ in range(2):
        server.sql(text)
    server.sql(f"ALTER ROLE opsroom_sql PASSWORD '{PASSWORD}'")
    yield server
    server.sql("DROP OWNED BY opsroom_sql; DROP ROLE opsroom_sql")


@pytest.mark.engine
async def test_the_role_of_contrib_reads_its_tables_and_nothing_else(least: Postgres) -> None:
    async with asked(
        least.port, "opsroom_sql", well="SELECT count(*) FROM letters.subscribers",
        hidden="SELECT count(*) FROM letters.hidden", spoil="SELECT letters.spoil()",
    ) as room:  # fmt: skip
        facts = (await room.read()).facts
        assert [query.fault for query in facts.queries] == ["", "denied", "read-only"]
        assert (facts.queries[0].value, facts.powers) == (12.0, ())
    with psycopg.connect(least.url("opsroom_sql"), autocommit=True) as by_hand:
        assert by_hand.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        by_hand.execute("SET default_transaction_read_only = off")
        for forbidden in (
            "DELETE FROM letters.subscribers", "UPDATE letters.subscribers SET plan = 'x'",
            "CREATE TABLE letters.x (i int)",
            "INSERT INTO letters.hidden VALUES (1)", "TRUNCATE letters.subscribers", "CREATE ROLE x",
            "SELECT pg_reload_conf()", "SELECT pg_read_file('x')",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                by_hand.execute(forbidden)
