"""The plan of a statement: told by the server without running it, on real servers, 15 and 18."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from probes.base import Cause, ProbeError, Sheet
from probes.postgres.care.explain import _masked, _meant
from probes.postgres.care.names import literal
from tests.conftest import obtain
from tests.probes.pgacting import Sessions
from tests.probes.test_postgres_care import probing
from tests.stack import pgbouncer
from tests.stack.postgres import PASSWORD, Postgres
from widgets.postgres_tables import SESSIONS, STATEMENTS

CANARY = "hunter2-CANARY-x9"
NOT_RUN = "estimated, not run: EXPLAIN without ANALYZE"


def grant_of(server: Postgres, role: str, login: str) -> str:
    """What lets a login become a role, and where the server knows that difference, nothing more."""
    newer = int(server.sql("SHOW server_version_num")) >= 160000
    return f"GRANT {role} TO {login}" + (" WITH INHERIT FALSE, SET TRUE" if newer else "")


@pytest.fixture
def shop(every_postgres: Postgres) -> Iterator[Postgres]:
    """A server with a table of 2000 rows that `plain` reads and deletes from; `reader` may become `plain`."""
    every_postgres.sql(
        "CREATE SCHEMA plans; CREATE TABLE plans.orders (id int PRIMARY KEY, note text); "
        "INSERT INTO plans.orders SELECT n, repeat('x', 50) FROM generate_series(1, 2000) AS n; "
        "CREATE TABLE plans.closed (id int); GRANT USAGE ON SCHEMA plans TO reader, plain; "
        "GRANT SELECT, DELETE ON plans.orders TO reader, plain; GRANT SELECT ON plans.closed TO plain"
    )
    every_postgres.sql("ANALYZE plans.orders")
    every_postgres.sql("SELECT pg_stat_statements_reset()")
    every_postgres.sql(grant_of(every_postgres, "plain", "reader"))
    yield every_postgres
    every_postgres.sql("REVOKE plain FROM reader; DROP SCHEMA plans CASCADE")


@pytest.fixture
def sessions(shop: Postgres) -> Iterator[Sessions]:
    with ExitStack() as stack:
        yield Sessions(shop, stack)


def counted(server: Postgres, statement: str, like: str, *, role: str = "plain", database: str = "app") -> str:
    """The row of a statement that was run once, as the panel names it."""
    server.sql(statement, role=role, database=database)
    row = server.sql(
        "SELECT format('%s/%s/%s', queryid, userid, dbid) FROM pg_stat_statements JOIN pg_roles r ON r.oid = userid "
        f"WHERE query LIKE {literal(like)} AND rolname = {literal(role)}"
    )
    assert row.count("/") == 2, row
    return row


async def explained(server: Postgres, subject: str, role: str = "reader", **settings: object) -> str:
    async with probing(server, role, **settings) as probe:
        return text_of(await probe.look("explain", subject))


def text_of(sheet: Sheet) -> str:
    return "\n".join(map(str, sheet.lines))


async def refused(server: Postgres, subject: str, role: str = "reader") -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await explained(server, subject, role)
    return caught.value


@pytest.mark.engine
async def test_the_plan_of_a_running_query_is_told_without_its_secrets(shop: Postgres, sessions: Sessions) -> None:
    query = f"SELECT count(*), pg_sleep(60) FROM plans.orders WHERE note = '{CANARY}' OR note = E'two\\nlines {CANARY}'"
    busy = sessions.busy("report", query)
    said = await explained(shop, sessions.key(busy))
    assert said.startswith(NOT_RUN)
    assert "->  Seq Scan on orders  (cost=" in said
    assert "Filter: ((note = ?::text) OR (note = ?::text))" in said
    assert "for any values" not in said
    assert "planned as plain" in said
    assert CANARY not in said
    assert CANARY in await explained(shop, sessions.key(busy), show_literals=True)


@pytest.mark.engine
async def test_a_counted_statement_is_planned_for_any_values_of_its_parameters(shop: Postgres) -> None:
    row = counted(shop, "SELECT note FROM plans.orders WHERE id = 17 LIMIT 3", "SELECT note FROM plans.orders%")
    kinds = []
    for _ in range(3):
        said = await explained(shop, row)
        assert "Index Scan using orders_pkey on orders" in said
        assert "Index Cond: (id = $1)" in said
        assert "a plan for any values" in said
        kinds.append(int(shop.sql("SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%/* opsroom */%'")))
    assert 0 < kinds[0] < 25
    assert kinds[1:] == kinds[:2], "asked again, it counts as the same statements"


@pytest.mark.engine
async def test_a_delete_is_planned_and_deletes_nothing(shop: Postgres, sessions: Sessions) -> None:
    row = counted(shop, "DELETE FROM plans.orders WHERE id > 9000", "DELETE FROM plans.orders%")
    said = await explained(shop, row)
    assert "Delete on orders" in said
    idle = sessions.open("cleaner", "BEGIN", "DELETE FROM plans.orders WHERE id > 9000")
    said = await explained(shop, sessions.key(idle))
    assert "Delete on orders" in said
    assert "the session runs nothing now: this was its last query" in said
    assert shop.sql("SELECT count(*) FROM plans.orders") == "2000"


@pytest.mark.engine
@pytest.mark.parametrize("query", [
    "SELECT pg_sleep(60); DELETE FROM plans.orders",
    "SELECT pg_sleep(60); COMMIT; DELETE FROM plans.orders",
])  # fmt: skip
async def test_nothing_behind_a_statement_is_reached(shop: Postgres, sessions: Sessions, query: str) -> None:
    said = await explained(shop, sessions.key(sessions.busy("two", query)))
    assert "no plan: the server can't read it by itself: several statements in one" in said
    assert shop.sql("SELECT count(*) FROM plans.orders") == "2000"


@pytest.mark.engine
async def test_it_is_planned_with_the_rights_of_its_own_role_and_not_with_ours(shop: Postgres) -> None:
    row = counted(shop, "SELECT id FROM plans.closed", "SELECT id FROM plans.closed%")
    assert "Seq Scan on closed" in await explained(shop, row), "reader may not read it, plain may"
    shop.sql("ALTER TABLE plans.orders ENABLE ROW LEVEL SECURITY; "
             "CREATE POLICY few ON plans.orders TO plain USING (id < 10)")  # fmt: skip
    row = counted(shop, "SELECT id, 5 FROM plans.orders", "SELECT id, $1 FROM plans.orders%")
    assert "Index Cond: (id < ?)" in await explained(shop, row), "what the role is shown of it"


@pytest.mark.engine
async def test_functions_called_while_planning_are_called_by_the_role_of_the_statement(shop: Postgres) -> None:
    shop.sql(
        "CREATE FUNCTION plans.who() RETURNS text IMMUTABLE LANGUAGE plpgsql AS "
        "$$BEGIN IF current_user <> 'plain' THEN RAISE EXCEPTION 'called by %', current_user; END IF; "
        "PERFORM set_config('opsroom.left', 'behind', false); PERFORM pg_notify('plans', 'called'); RETURN 'x'; END$$"
    )
    row = counted(shop, "SELECT id FROM plans.orders WHERE note = plans.who()", "%plans.who()")
    before = rolled_back(shop)
    async with probing(shop, "reader") as probe:
        for _ in range(2):
            assert "Seq Scan on orders" in text_of(await probe.look("explain", row))
    assert rolled_back(shop) == before


def rolled_back(server: Postgres) -> int:
    """Transactions of the database that the server has counted as rolled back, once every session has told its own."""
    return int(server.sql("SELECT xact_rollback FROM pg_stat_database WHERE datname = 'app'"))


@pytest.mark.engine
async def test_the_statement_of_a_role_that_we_may_not_become_is_not_planned_and_the_grant_is_said(
    shop: Postgres, sessions: Sessions
) -> None:
    shop.sql("REVOKE plain FROM reader")
    shop.sql(
        "CREATE FUNCTION plans.mark() RETURNS text IMMUTABLE LANGUAGE plpgsql AS "
        "$$BEGIN IF session_user = 'reader' THEN RAISE EXCEPTION 'called with our rights'; END IF; RETURN 'x'; END$$"
    )
    row = counted(shop, "SELECT id FROM plans.orders WHERE note = plans.mark()", "%plans.mark()", role="plain")
    busy = sessions.busy("report", "SELECT pg_sleep(60), id FROM plans.orders", role="plain")
    grant = grant_of(shop, "plain", "reader")
    for subject in (row, sessions.key(busy)):
        said = await explained(shop, subject)
        assert f"no plan: it is planned as its own role, and reader may not become that: {grant}" in said
        assert NOT_RUN not in said
    theirs = counted(shop, "SELECT id, 4 FROM plans.orders", "SELECT id, $1 FROM plans.orders%", role="postgres")
    said = await explained(shop, theirs)
    assert "which is a superuser: our login should not be able to become one" in said
    assert "GRANT" not in said
    shop.sql(grant)
    assert "Seq Scan on orders" in await explained(shop, sessions.key(busy))


@pytest.mark.engine
async def test_a_table_that_its_role_may_not_read_any_more_is_denied_in_words(shop: Postgres) -> None:
    row = counted(shop, "SELECT id FROM plans.closed", "SELECT id FROM plans.closed%")
    shop.sql("REVOKE SELECT ON plans.closed FROM plain")
    error = await refused(shop, row)
    assert (error.cause, "may not do any more what it does" in str(error.message)) == (Cause.DENIED, True)


@pytest.mark.engine
async def test_a_statement_that_is_hidden_from_us_is_not_called_gone(shop: Postgres, sessions: Sessions) -> None:
    busy = sessions.busy("other", "SELECT pg_sleep(60)", role="reader")
    row = counted(shop, "SELECT id + 1 FROM plans.orders", "SELECT id + %", role="reader")
    for subject in (sessions.key(busy), row):
        error = await refused(shop, subject, role="plain")
        assert "or is hidden from our role, which lacks pg_monitor" in str(error.message)
        assert "hidden" not in await explained(shop, subject)


@pytest.mark.engine
async def test_a_table_that_was_dropped_meanwhile_is_said(shop: Postgres) -> None:
    shop.sql("CREATE TABLE plans.brief (id int); GRANT SELECT ON plans.brief TO plain, reader")
    row = counted(shop, "SELECT id FROM plans.brief", "SELECT id FROM plans.brief%")
    assert "Seq Scan on brief" in await explained(shop, row)
    shop.sql("DROP TABLE plans.brief")
    assert "no plan: the server does not find a table" in await explained(shop, row)


@pytest.mark.engine
async def test_a_table_that_is_locked_is_not_waited_for(shop: Postgres, sessions: Sessions) -> None:
    row = counted(shop, "SELECT max(id) FROM plans.orders", "SELECT max(id) FROM plans.orders%")
    sessions.open("migration", "BEGIN", "LOCK TABLE plans.orders", role="postgres")
    error = await refused(shop, row)
    assert (error.cause, "locked by somebody" in str(error.message)) == (Cause.SLOW, True)


@pytest.mark.engine
async def test_what_is_gone_or_is_no_such_row_is_said(shop: Postgres, sessions: Sessions) -> None:
    assert "no longer counted" in str((await refused(shop, "1/2/3")).message)
    assert "has ended" in str((await refused(shop, "1 2026-01-01 00:00:00+00")).message)
    for subject in ("", "plans.orders", "12 holder", "1/2/3' OR true"):
        assert "a row of statements or of sessions" in str((await refused(shop, subject)).message)
    assert "what Opsroom itself asks" in str((await refused(shop, "opsroom")).message)


@pytest.mark.engine
@pytest.mark.parametrize(("statement", "word"), [
    ("LISTEN plans", "LISTEN is no statement that has a plan"),
    ("EXPLAIN ANALYZE DELETE FROM plans.orders WHERE id < 0", "EXPLAIN is no statement that has a plan"),
    ("PREPARE p AS SELECT 1; EXECUTE p", "PREPARE is no statement that has a plan"),
    (f"SELECT 1 /* {'x' * 1100} */", "this one is cut off there"),
    ("EXECUTE mine", "it runs a statement that its session has prepared"),
])  # fmt: skip
async def test_what_has_no_plan_is_said_and_not_asked_for(
    shop: Postgres, sessions: Sessions, statement: str, word: str
) -> None:
    idle = sessions.open("odd", "PREPARE mine AS SELECT 1", statement)
    said = await explained(shop, sessions.key(idle))
    assert word in said
    assert NOT_RUN not in said
    assert shop.sql("SELECT count(*) FROM plans.orders") == "2000"


@pytest.mark.engine
async def test_a_value_that_can_be_no_parameter_and_an_unknown_type_are_said(shop: Postgres) -> None:
    row = counted(shop, "SELECT interval '1 day', id FROM plans.orders", "SELECT interval%FROM plans.orders%")
    assert "a value was taken out where no parameter may stand" in await explained(shop, row)
    row = counted(shop, "SELECT repeat('x', 1) || 2 * 3, id FROM plans.orders", "SELECT repeat%FROM plans.orders%")
    assert "can't tell the types of its parameters" in await explained(shop, row)


@pytest.mark.engine
async def test_a_statement_of_another_database_is_not_planned_in_ours(shop: Postgres) -> None:
    shop.sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", database="postgres")
    row = counted(shop, "SELECT relname, 7 FROM pg_class", "SELECT relname, %FROM pg_class", database="postgres")
    assert "it belongs to database postgres, and we log in to app" in await explained(shop, row)


@pytest.mark.engine
async def test_a_superuser_plans_no_statement_of_others_whose_functions_it_would_call(shop: Postgres) -> None:
    shop.sql(
        "CREATE FUNCTION plans.mark() RETURNS text IMMUTABLE LANGUAGE plpgsql AS "
        "$$BEGIN IF session_user = 'postgres' THEN RAISE EXCEPTION 'called where it could RESET ROLE'; END IF; "
        "RETURN 'x'; END$$"
    )
    query = "SELECT id FROM plans.orders WHERE note = plans.mark()"
    row = counted(shop, query, "%plans.mark()", role="plain")
    assert "Seq Scan on orders" in await explained(shop, row)
    assert "we log in as a superuser and this is another role's" in await explained(shop, row, role="postgres")
    own = counted(shop, "SELECT id, 2 FROM plans.orders", "SELECT id, $1 FROM plans.orders%", role="postgres")
    assert "Seq Scan on orders" in await explained(shop, own, role="postgres")


@pytest.mark.engine
async def test_a_superuser_who_goes_as_another_role_is_one_all_the_same(shop: Postgres) -> None:
    shop.sql(f"CREATE ROLE disguised LOGIN SUPERUSER PASSWORD '{PASSWORD}'; ALTER ROLE disguised SET role = reader")
    try:
        row = counted(shop, "SELECT id, 3 FROM plans.orders", "SELECT id, $1 FROM plans.orders%")
        assert "we log in as a superuser" in await explained(shop, row, role="disguised")
    finally:
        shop.sql("DROP ROLE disguised")


@pytest.mark.engine
async def test_names_are_found_as_the_role_of_the_statement_finds_them(shop: Postgres) -> None:
    shop.sql("ALTER ROLE plain IN DATABASE app SET search_path = plans, public")
    try:
        row = counted(shop, "SELECT count(id) FROM orders", "SELECT count(id) FROM orders%")
        said = await explained(shop, row)
    finally:
        shop.sql("ALTER ROLE plain IN DATABASE app RESET search_path")
    assert " on orders" in said
    assert "search_path plans, public" in said


@pytest.mark.engine
async def test_limits_of_our_own_session_do_not_change_the_plan(shop: Postgres) -> None:
    eager = ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size")
    shop.sql("".join(f"ALTER DATABASE app SET {name} = 0; " for name in eager))
    try:
        row = counted(shop, "SELECT sum(length(note)) FROM plans.orders", "SELECT sum(length(note))%")
        said = await explained(shop, row)
    finally:
        shop.sql("".join(f"ALTER DATABASE app RESET {name}; " for name in eager))
    assert "Gather" in said
    assert "Workers Planned: " in said
    assert "Workers Planned: ?" not in said


@pytest.mark.engine
async def test_a_plan_is_told_through_a_pooler_again_and_again(postgres: Postgres) -> None:
    row = counted(postgres, "SELECT oid FROM pg_class WHERE oid = 9", "SELECT oid FROM pg_class WHERE oid%")
    one = obtain("pgbouncer", lambda: pgbouncer.start(postgres))
    postgres.sql(grant_of(postgres, "plain", "reader"))
    try:
        for _ in range(3):
            url = f"postgresql://reader@127.0.0.1:{one.port}/app"
            assert "Index Cond: (oid = $1)" in await explained(postgres, row, url=url, pooled=True)
        assert "a row of statements" in str((await refused(postgres, "x")).message)
    finally:
        pgbouncer.end(one)
        postgres.sql("REVOKE plain FROM reader")


@pytest.mark.parametrize(("plan", "shown"), [
    (["  Filter: (a = 'x", "  CTE s3cret", "  Workers Planned: 99'::text)", "  CTE r"],
     ["  Filter: (a = ?::text)", "  CTE r"]),
    (["  Filter: (a = 'it''s 5'::text)"], ["  Filter: (a = ?::text)"]),
    (["Foreign Scan on t  (cost=0.00..0.01 rows=1 width=4)", "  Remote SQL: SELECT a FROM t WHERE ((a = 's3cret'))"],
     ["Foreign Scan on t  (cost=0.00..0.01 rows=1 width=4)", "  Remote SQL: SELECT a FROM t WHERE ((a = ?))"]),
    (['Seq Scan on "it\'s"  (cost=0.00..0.01 rows=1 width=4)', "  Filter: (id = 5)"],
     ['Seq Scan on "it\'s"  (cost=0.00..0.01 rows=1 width=4)', "  Filter: (id = ?)"]),
    (["  Filter: (a = 'never closed"], ["  Filter: (a = ?"]),
    (["  Workers Planned: 2 '9'"], ["  Workers Planned: ? ?"]),
])  # fmt: skip
def test_no_value_of_a_query_is_in_the_plan_that_is_shown(plan: list[str], shown: list[str]) -> None:
    assert _masked(plan) == shown


@pytest.mark.parametrize(("state", "words"), [
    ("42501", "may not do any more what it does"),
    ("42703", "does not find a table, column or function"),
    ("42P18", "can't tell the types"),
    ("42601", "several statements in one"),
    ("55000", "a standby plans no statement that writes"),
    ("57014", "did not plan it within 2 s"),
    ("55P03", "not waited for"),
    ("22012", "SQLSTATE 22012"),
    ("57P01", "shutting down"),
])  # fmt: skip
def test_what_the_server_says_no_with_has_words(state: str, words: str) -> None:
    said = str(_meant(psycopg.errors.lookup(state)(CANARY), "db:5432"))
    assert words in said
    assert CANARY not in said


def test_it_is_the_closer_look_at_a_session_and_at_a_statement() -> None:
    assert (SESSIONS.looks, STATEMENTS.looks) == (("explain",), ("explain",))
