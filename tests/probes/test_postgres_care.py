"""What is read of tables, indexes and settings: from documents, and on real servers, 15 and 18."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from desk.board import Board
from desk.rules import RuleBook
from probes.base import Cause, Context, Gap, ProbeError, SafeText, Severity, Snapshot, Target
from probes.postgres import questions
from probes.postgres.address import PostgresSettings
from probes.postgres.care import read
from probes.postgres.care.deleting import rows_of
from probes.postgres.care.facts import Care, IndexCare, TableCare
from probes.postgres.care.looks import columns
from probes.postgres.care.read import index_bloat, indexes_of, table_bloat
from probes.postgres.care.room import free_at
from probes.postgres.care.sight import Share
from probes.postgres.care.truth import part_of
from probes.postgres.facts import PostgresFacts, Server
from probes.postgres.gauges import measured
from probes.postgres.read import PostgresProbe
from tests.probes.pgacting import Words, actuator_at
from tests.stack.postgres import Postgres

GIB = 2.0**30


@asynccontextmanager
async def probing(server: Postgres, role: str = "reader", **settings: Any) -> AsyncIterator[PostgresProbe]:
    given = {"url": f"postgresql://{role}@127.0.0.1:{server.port}/app", "password": "env:PW"} | settings
    probe = PostgresProbe(Target("main", "postgres", PostgresSettings.model_validate(given)), Context(Words()))
    try:
        yield probe
    finally:
        await probe.close()


@pytest.fixture
def shop(every_postgres: Postgres) -> Iterator[Postgres]:
    """A server with a schema of the test's own."""
    every_postgres.sql(
        "CREATE SCHEMA shop; CREATE TABLE shop.orders (id int PRIMARY KEY, buyer int, note text); "
        "INSERT INTO shop.orders SELECT n, n % 5, repeat('x', 50) FROM generate_series(1, 20000) AS n; "
        "CREATE INDEX ON shop.orders (buyer); CREATE INDEX again ON shop.orders (buyer); "
        "CREATE INDEX longer ON shop.orders (buyer, note); GRANT USAGE ON SCHEMA shop TO reader; "
        "GRANT SELECT ON shop.orders TO reader"
    )
    every_postgres.sql("ANALYZE shop.orders")
    yield every_postgres
    every_postgres.sql("DROP SCHEMA shop CASCADE")


# on real servers


@pytest.mark.engine
async def test_tables_and_indexes_are_read_with_their_sizes_and_what_is_wrong(shop: Postgres) -> None:
    with psycopg.connect(shop.url(), autocommit=True) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON shop.orders (buyer)")
    async with probing(shop) as probe:
        snapshot = await probe.read()
    care = snapshot.facts.care
    assert care is not None
    orders = care.table("shop.orders")
    assert orders is not None
    assert (orders.rows, orders.analysed is not None, orders.locked) == (20000, True, False)
    assert orders.bytes is not None
    assert orders.bytes > 1_000_000
    assert orders.bloat is not None
    assert orders.bloat < orders.bytes / 5
    notes = {one.key: one.note for one in care.indexes if one.table == "shop.orders"}
    assert notes["shop.broken"] == "INVALID: costs writes, serves no query"
    assert notes["shop.orders_buyer_idx"] == "the same as shop.again"
    assert notes["shop.longer"] == "unused so far"
    assert notes["shop.orders_pkey"] == ""
    assert care.index("shop.orders_pkey") is not None
    assert snapshot.gauge("index_invalid", index="shop.broken") == 1
    assert care.slow_log is not None
    assert (str(care.slow_log.value), care.slow_log.source) == ("-1", "default")


@pytest.mark.engine
async def test_a_table_that_is_locked_whole_is_said_and_does_not_hold_up_the_rest(shop: Postgres) -> None:
    with psycopg.connect(shop.url()) as connection:
        connection.execute("LOCK TABLE shop.orders IN ACCESS EXCLUSIVE MODE")
        async with probing(shop) as probe:
            snapshot = await probe.read()
    care = snapshot.facts.care
    assert care is not None
    orders = care.table("shop.orders")
    assert orders is not None
    assert (orders.locked, orders.bytes) == (True, None)
    assert [gap for gap in snapshot.gaps if "tables" in gap.part] == []


@pytest.mark.engine
async def test_it_is_read_seldom_and_oftener_while_somebody_looks(
    every_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with probing(every_postgres, care_every=0) as probe:
        assert (await probe.read()).facts.care is None
        probe.watched = True
        first = (await probe.read()).facts.care
        assert first is not None
        assert first.age == 0
        kept = (await probe.read()).facts.care
        assert kept is not None
        assert kept.age > 0
        monkeypatch.setattr(read, "WATCHED", 1e-9)
        fresh = (await probe.read()).facts.care
        assert fresh is not None
        assert fresh.age == 0


@pytest.mark.engine
async def test_a_part_that_can_not_be_had_is_a_gap_and_the_others_are_there(
    every_postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = questions.question

    def spoiled(name: str, number: int, **values: str) -> str:
        return "SELECT nothing FROM nowhere" if name == "indexes" else ask(name, number, **values)

    monkeypatch.setattr(read, "question", spoiled)
    async with probing(every_postgres) as probe:
        snapshot = await probe.read()
    assert snapshot.facts.care is not None
    assert [(gap.part, gap.cause) for gap in snapshot.gaps if "indexes" in gap.part] == [
        ("indexes: use, validity", Cause.VERSION)
    ]


@pytest.mark.engine
async def test_what_is_cut_is_said(shop: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(read._LIMITS, "indexes", 1)
    async with probing(shop) as probe:
        snapshot = await probe.read()
    care = snapshot.facts.care
    assert care is not None
    assert len(care.indexes) == 1
    assert care.indexes_left_out >= 3
    (gap,) = (one for one in snapshot.gaps if one.cause is Cause.TOO_BIG)
    assert isinstance(gap, Gap)
    assert "smaller indexes of" in gap.part


@pytest.mark.engine
async def test_column_statistics_show_figures_and_no_values(shop: Postgres) -> None:
    shop.sql("CREATE TABLE shop.tokens AS SELECT 'hunter2-CANARY'::text AS token FROM generate_series(1, 100)")
    shop.sql("ANALYZE shop.tokens; GRANT SELECT ON shop.tokens TO reader")
    async with probing(shop) as probe:
        sheet = await probe.look("columns", "shop.tokens")
        orders = await probe.look("columns", "shop.orders")
    text = " ".join(map(str, sheet.lines))
    assert "token  text" in text
    assert "CANARY" not in text
    assert any("all different" in str(one) and "id  integer" in str(one) for one in orders.lines)


@pytest.mark.engine
async def test_a_setting_waits_for_a_restart_when_that_would_change_it(every_postgres: Postgres) -> None:
    def waiting() -> set[str]:
        return set(every_postgres.sql("SELECT name FROM pg_settings WHERE pending_restart").split())

    every_postgres.sql("ALTER SYSTEM SET max_worker_processes = 9; ")
    try:
        every_postgres.sql("SELECT pg_reload_conf()")
        async with asyncio.timeout(10):
            while "max_worker_processes" not in waiting():
                await asyncio.sleep(0.05)
        assert "max_connections" in waiting(), "the file says another number than the command line, which wins"
        async with probing(every_postgres) as probe:
            care = (await probe.read()).facts.care
        assert care is not None
        assert care.pending == ("max_worker_processes",)
    finally:
        every_postgres.sql("ALTER SYSTEM RESET max_worker_processes; ")
        every_postgres.sql("SELECT pg_reload_conf()")


@pytest.mark.engine
async def test_settings_that_last_say_where_they_come_from(every_postgres: Postgres) -> None:
    every_postgres.sql("ALTER ROLE plain SET log_min_duration_statement = 77")
    try:
        async with probing(every_postgres) as probe:
            sheet = await probe.look("settings", "")
    finally:
        every_postgres.sql("ALTER ROLE plain RESET log_min_duration_statement")
    text = "\n".join(map(str, sheet.lines))
    assert "command line          shared_buffers = 4096 8kB  (restart)" in text
    assert "for role plain        log_min_duration_statement=77, which wins over the file there" in text
    assert "conninfo" not in text


@pytest.mark.engine
async def test_roles_are_told_with_what_they_may_and_nothing_of_their_passwords(every_postgres: Postgres) -> None:
    every_postgres.sql(
        "CREATE ROLE crew; CREATE ROLE gone LOGIN PASSWORD 'hunter2-CANARY' VALID UNTIL '2020-01-02 03:04Z'"
    )
    every_postgres.sql("CREATE ROLE maker LOGIN CREATEROLE CREATEDB BYPASSRLS VALID UNTIL 'infinity' IN ROLE crew")
    every_postgres.sql("CREATE TABLE made (id int); ALTER TABLE made OWNER TO maker")
    try:
        async with probing(every_postgres, "plain") as probe:
            sheet = await probe.look("roles", "")
    finally:
        every_postgres.sql("DROP TABLE made; DROP ROLE maker, gone, crew")
    text = [str(one) for one in sheet.lines]
    told = {name: said for name, _, said in (one.partition("  ") for one in text)}
    assert told["maker"].strip() == "makes roles; makes databases; sees all rows; in crew; owns 1 table"
    assert told["gone"].strip() == "EXPIRED 2020-01-02 03:04 UTC"
    assert told["crew"].strip() == "no login"
    assert told["plain"].strip() == "1 session"
    assert text[0].startswith("postgres ")
    assert "SUPERUSER" in text[0]
    assert "CANARY" not in "".join(text)


# out of documents


def facts(**care: Any) -> PostgresFacts:
    return PostgresFacts(care=Care(**care))


def judged(made: PostgresFacts) -> dict[str, tuple[str, Severity]]:
    target = Target("main", "postgres", PostgresSettings())
    book = RuleBook("main", PostgresProbe.rules, PostgresProbe.gauges)

    class Clock:
        """A time that stands still."""

        def monotonic(self) -> float:
            return 0.0

        def now(self) -> Any:
            return Context(Words()).now()

    board, clock = Board([target], Clock()), Clock()
    slot = board.take(Snapshot("main", clock.now(), 0.01, made, measured(made).values))
    return {one.rule: (one.words, one.severity) for one in book.judge(slot, 0.0, clock.now())}


def test_the_rules_speak_of_what_is_invalid_unused_dead_and_never_analysed() -> None:
    said = judged(
        facts(
            tables=(
                TableCare("shop.orders", rows=60_000.0, dead=40_000.0, analysed=3600.0),
                TableCare("shop.new", rows=50_000.0, dead=0.0, changed=50_000.0),
                TableCare("shop.hot", rows=100.0, dead=90.0, analysed=5.0, seq_rate=2e6),
            ),
            indexes=(
                IndexCare("shop.broken", "shop.orders", valid=False),
                IndexCare("shop.being", "shop.orders", valid=False, building=True),
                IndexCare("shop.idle", "shop.orders", bytes=GIB, scans=0.0),
                IndexCare("shop.pkey", "shop.orders", bytes=GIB, scans=0.0, unique=True),
            ),
            since=8 * 86400.0,
            pending=("shared_buffers",),
        )
    )
    assert said["invalid-index"][0] == "index shop.broken is invalid: it costs every write and serves no query"
    assert said["unused-index"][0] == "no query has used index shop.idle for a week or more; it takes 1 GiB"
    assert said["dead-rows"][0] == "40 % of the rows of shop.orders are dead (40,000): vacuum does not keep up"
    assert said["never-analysed"][0] == "shop.new was never analysed: its queries are planned blindly"
    assert "shop.hot is read from end to end" in said["sequential-reads"][0]
    assert said["pending-restart"][0] == "settings that wait for a restart of the server: 1"
    assert {severity for _, severity in said.values()} == {Severity.NOTICE, Severity.WARNING}


def test_an_index_is_not_called_unused_while_statistics_are_young() -> None:
    young = facts(indexes=(IndexCare("shop.idle", "shop.orders", bytes=GIB, scans=0.0),), since=3600.0)
    assert "unused-index" not in judged(young)
    assert young.care is not None
    assert young.care.indexes[0].unused


def test_bloat_is_estimated_only_where_every_column_is_measured() -> None:
    row = {"pages": 1000, "tuples": 10000.0, "width": 68.0, "measured": True}
    assert table_bloat(row, 8192.0) == (1000 - 123) * 8192.0
    assert table_bloat(row | {"filled": "50"}, 8192.0) == (1000 - 245) * 8192.0
    assert table_bloat(row | {"measured": False}, 8192.0) is None
    assert table_bloat(row | {"tuples": -1}, 8192.0) is None
    index = {"pages": 100, "tuples": 10000.0, "width": 4.0, "method": "btree", "plain": True}
    assert index_bloat(index, 8192.0) == (100 - 29) * 8192.0
    assert index_bloat(index | {"method": "gin"}, 8192.0) is None


def test_odd_documents_are_gaps_and_no_errors() -> None:
    assert indexes_of({"indexes": [{"key": None}, 7, {"key": "a.b", "columns": 3, "method": "btree", "plain": True}]})
    assert str(columns("x.y", []).lines[0]) == "there is no such table"
    assert "never analysed" in str(columns("x.y", [{"name": "a", "type": "int"}]).lines[-1])


def test_free_room_is_told_only_of_a_server_that_is_seen_here() -> None:
    assert free_at("/", 0, True) is None
    assert free_at("/", 1, True) is None
    assert free_at("/", 2**22, True) is None
    assert free_at("/", 1, False) is None


def test_the_share_of_the_whole_never_goes_back_from_phase_to_phase() -> None:
    phases = ("scanning heap", "vacuuming indexes", "vacuuming heap", "cleaning up indexes", "truncating heap")
    shares = [part_of(Share("VACUUM", one, share)) or 0.0 for one in phases for share in (0.0, 0.5, 1.0)]
    assert shares == sorted(shares)
    building = part_of(Share("CREATE INDEX", "building index: scanning table", 0.5))
    assert building is not None
    assert 0 < building < 0.6


def test_names_from_outside_are_safe_to_draw() -> None:
    made = indexes_of({"indexes": [{"key": "a.b", "definition": "CREATE\x1b[2J", "constraint": "\x1b]0;x"}]})
    assert "\x1b" not in str(made[0].definition) + str(made[0].constraint)
    assert isinstance(made[0].definition, SafeText)


def offered(made: PostgresFacts, *subjects: str) -> dict[str, str]:
    return {one.action.name: one.refused for one in actuator_at(1).offers(made, subjects)}


def test_tables_and_indexes_offer_what_can_be_done_to_them() -> None:
    made = facts(
        tables=(TableCare("shop.orders"), TableCare("shop.others")),
        indexes=(
            IndexCare("shop.idle", "shop.orders", scans=0.0),
            IndexCare("shop.used", "shop.orders", scans=4.0),
            IndexCare("shop.pkey", "shop.orders", scans=0.0, constraint=SafeText("orders_pkey")),
            IndexCare("shop.being", "shop.orders", valid=False, building=True),
        ),
    )
    assert offered(made, "shop.orders") == dict.fromkeys(
        ("analyze", "vacuum", "vacuum-full", "reindex", "create-index"), ""
    )
    assert offered(made, "shop.orders", "shop.others")["create-index"] == "one at a time"
    assert offered(made, "index shop.idle") == {"reindex": "", "drop-index": ""}
    assert offered(made, "index shop.used")["drop-index"] == "queries use it"
    assert offered(made, "index shop.pkey")["drop-index"] == "constraint orders_pkey stands on it"
    assert offered(made, "index shop.being")["drop-index"] == "it is being built"
    assert offered(made, "index shop.idle", "shop.orders") == {}
    assert offered(made, "shop.gone") == {}
    standby = replace(made, server=Server(in_recovery=True))
    assert set(offered(standby, "shop.orders").values()) == {"this server is a standby"}


class Slow:
    """A link to a server that does not come to the end of counting."""

    is_open = True
    where = "db:5432"

    async def ask(self, text: str) -> Any:
        if text.startswith("EXPLAIN"):
            return [{"Plan": {"Plan Rows": 4_000_000}}]
        raise ProbeError(Cause.SLOW, "too slow")


async def test_a_count_that_takes_too_long_becomes_the_planners_estimate() -> None:
    link: Any = Slow()
    assert await rows_of(link, "public.events AS t WHERE true") == (4_000_000.0, False)
    link.is_open = False
    with pytest.raises(ProbeError, match="too slow"):
        await rows_of(link, "public.events AS t WHERE true")
