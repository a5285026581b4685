"""What SQL and the clients of databases mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import parse
from probes.base import CommandLine, Danger, Dialect, Meaning, Request, Sort, Verb
from probes.postgres import dialect as module
from tests.probes.spoken import line, meant, said, words
from tests.probes.test_postgres_commands import actuator, subjects

DIALECT = cast(Dialect, module)

SQL = [
    ("SELECT 1", "reading health read", ""),
    ("select true as alive", "reading health read", ""),
    ("SELECT version()", "reading status read", ""),
    ("SHOW max_connections", "reading status read", ""),
    ("SELECT count(*) FROM pg_stat_activity", "reading status read", ""),
    ("SELECT pid, now() - xact_start AS age FROM pg_stat_activity WHERE state <> 'idle'", "reading status read", ""),
    ("SELECT pg_size_pretty(pg_database_size('shop'))", "reading status read", ""),
    ("SELECT relation::regclass, mode FROM pg_locks WHERE NOT granted", "reading status read", ""),
    ("SELECT pid, pg_blocking_pids(pid) FROM pg_stat_activity", "reading status read", ""),
    ("TABLE orders", "reading other read", ""),
    ("SELECT count(*) FROM shop.orders WHERE placed > now() - interval '1 day'", "reading other read", "shop.orders"),
    ("SELECT 'drop table orders; delete from x' FROM orders", "reading other read", "orders"),
    ("SELECT total /* delete from orders */ FROM orders -- truncate orders", "reading other read", "orders"),
    ('SELECT "delete" FROM orders', "reading other read", "orders"),
    ("WITH late(id) AS (SELECT id FROM orders) SELECT count(*) FROM late", "reading other read", "orders"),
    ("SELECT date_trunc('day', placed), replace(note, 'a', 'b') FROM orders", "reading other read", "orders"),
    ("SELECT status FROM orders WHERE id IN (1, 2) AND EXISTS (SELECT 1 FROM lines)", "reading other read", "orders"),
    ("EXPLAIN SELECT * FROM orders", "reading other read", ""),
    ("EXPLAIN DELETE FROM orders", "reading other read", ""),
    ("EXPLAIN (ANALYZE, BUFFERS) SELECT count(*) FROM orders", "reading other read", "orders"),
    ("EXPLAIN ANALYZE DELETE FROM orders", "shell other destructive", "orders"),
    ("EXPLAIN (ANALYZE) UPDATE orders SET x = 1", "shell other destructive", "orders"),
    ("SELECT pg_terminate_backend(4711)", "action terminate disruptive", "4711"),
    ("SELECT pg_terminate_backend(<pid>)", "action terminate disruptive", "<pid>"),
    ("select pg_cancel_backend($PID)", "action terminate disruptive", "$PID"),
    ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state='idle'", "action terminate disruptive", ""),
    ("SELECT pg_reload_conf()", "action maintenance disruptive", ""),
    ("SELECT pg_stat_statements_reset()", "action maintenance destructive", ""),
    ("SELECT pg_stat_reset()", "shell other destructive", ""),
    ("SELECT pg_switch_wal()", "shell maintenance disruptive", ""),
    ("SELECT setval('orders_id_seq', 1)", "shell other destructive", ""),
    ("SELECT lo_unlink(42)", "shell other destructive", ""),
    ("SELECT dblink_exec('x', 'delete from orders')", "shell other destructive", ""),
    ("SELECT pg_drop_replication_slot('reports')", "shell other destructive", ""),
    ("SELECT pg_advisory_lock(7)", "shell other disruptive", ""),
    ("SELECT ship_orders(12)", "shell other disruptive", ""),
    ("SELECT purge_old_orders()", "shell other destructive", ""),
    ("SELECT care.count(12)", "shell other disruptive", ""),
    ("SELECT id FROM orders FOR UPDATE", "shell other disruptive", ""),
    ("SELECT * INTO orders_copy FROM orders", "shell other reversible", ""),
    ("WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone", "shell other destructive", ""),
    ("WITH a AS (SELECT 1) INSERT INTO orders SELECT * FROM a", "shell other disruptive", ""),
    ("INSERT INTO orders VALUES (1)", "shell other disruptive", "orders"),
    ("INSERT INTO orders VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1", "shell other destructive", "orders"),
    ("UPDATE orders SET paid = true WHERE id = <id>", "shell other destructive", "orders"),
    ("DELETE FROM orders WHERE id = 3", "shell other destructive", "orders"),
    ("DELETE FROM visits WHERE at < now() - interval '90 days'", "action maintenance destructive", "visits"),
    ("TRUNCATE TABLE visits", "shell other destructive", "visits"),
    ("DROP TABLE IF EXISTS visits", "shell other destructive", "visits"),
    ("DROP DATABASE shop", "shell other destructive", "shop"),
    ("DROP INDEX CONCURRENTLY visits_at_idx", "action maintenance destructive", "visits_at_idx"),
    ("CREATE DATABASE shop2 OWNER shop", "shell other reversible", "shop2"),
    ("CREATE EXTENSION IF NOT EXISTS pg_stat_statements", "shell other reversible", "pg_stat_statements"),
    ("CREATE TABLE lines (id int REFERENCES orders ON DELETE CASCADE)", "shell other reversible", "lines"),
    ("CREATE INDEX ON visits (at)", "action maintenance disruptive", "visits"),
    ("CREATE UNIQUE INDEX CONCURRENTLY v ON visits (at)", "action maintenance reversible", "visits"),
    ("ALTER TABLE visits DROP COLUMN agent", "shell other destructive", "visits"),
    ("ALTER TABLE visits ADD COLUMN agent text", "shell other disruptive", "visits"),
    ("ALTER SYSTEM SET work_mem = '64MB'", "action maintenance disruptive", "work_mem"),
    ("SET log_min_duration_statement = 500", "action maintenance disruptive", ""),
    ("SET statement_timeout = 0", "shell other read", ""),
    ("VACUUM ANALYZE visits", "action maintenance reversible", "visits"),
    ("VACUUM (FULL, VERBOSE) shop.visits", "action maintenance disruptive", "shop.visits"),
    ("ANALYZE", "action maintenance reversible", ""),
    ("REINDEX TABLE CONCURRENTLY visits", "action maintenance disruptive", "visits"),
    ("CLUSTER visits USING visits_at_idx", "shell maintenance disruptive", ""),
    ("REFRESH MATERIALIZED VIEW totals", "shell maintenance disruptive", "totals"),
    ("GRANT SELECT, UPDATE, DELETE ON orders TO reporting", "shell other reversible", ""),
    ("REVOKE ALL ON orders FROM reporting", "shell other disruptive", "reporting"),
    ("COPY orders TO STDOUT", "reading other read", "orders"),
    ("COPY orders FROM '/tmp/orders.csv'", "shell other disruptive", "orders"),
    ("COPY (DELETE FROM orders RETURNING *) TO STDOUT", "shell other destructive", ""),
    ("DO $$ BEGIN DELETE FROM orders; END $$", "shell other destructive", ""),
    ("DO $x$ BEGIN RAISE NOTICE 'hi'; END $x$", "shell other disruptive", ""),
    ("CALL close_month()", "shell other disruptive", ""),
    ("LOCK TABLE orders", "shell other disruptive", ""),
    ("BEGIN; SELECT 1; COMMIT", "reading health read", ""),
    ("BEGIN; DELETE FROM orders; ROLLBACK", "shell other destructive", "orders"),
    ("SELECT it''s FROM orders; DELETE FROM orders WHERE note = 'never closed", "shell other destructive", "orders"),
]


@pytest.mark.parametrize(("text", "expected", "target"), SQL)
def test_a_statement_costs_what_it_does(text: str, expected: str, target: str) -> None:
    found = module.understand(CommandLine(sql=text))
    assert isinstance(found, Meaning)
    assert f"{found.sort.name} {found.verb.value} {found.danger.name}".lower() == expected
    assert found.system == "postgresql"
    if target:
        assert found.target == target


LINES = [
    ("psql -p 6432 pgbouncer -c 'SET default_pool_size = 50'", "shell maintenance disruptive", "pgbouncer"),
    ("mysql -e 'RESET SLAVE ALL'", "shell maintenance destructive", ""),
    ("mysql -e 'SET @@GLOBAL.read_only = 1'", "shell maintenance disruptive", ""),
    ("mysql -e 'START REPLICA'", "shell start disruptive", ""),
    ("mysqladmin -f drop shop", "shell other destructive", ""),
    ("mongosh --eval 'rs.reconfig(cfg, {force: true})'", "shell other destructive", ""),
    ("psql -U postgres -d shop -c 'SELECT 1'", "reading health read", "shop"),
    ("psql $DATABASE_URL -c 'SELECT count(*) FROM pg_stat_activity'", "reading status read", "$DATABASE_URL"),
    ("psql -h db -p 5433 shop -XtAc 'select count(*) from orders'", "reading other read", "orders"),
    ("psql --dbname=shop --command='VACUUM orders'", "action maintenance reversible", "orders"),
    ("psql shop -c 'SELECT 1' -c 'DROP TABLE orders'", "shell other destructive", "orders"),
    ("psql 'postgresql://a:b@db/shop?sslmode=require' -c 'SELECT now()'", "reading health read", "shop"),
    ("psql -d shop -c '\\dt+ public.*'", "reading status read", "shop"),
    ("psql shop -c '\\x' -c 'SELECT * FROM pg_stat_replication'", "reading status read", "shop"),
    ("psql shop -c '\\copy orders to orders.csv csv'", "shell other reversible", "orders"),
    ("psql shop -c '\\copy orders from orders.csv csv'", "shell other disruptive", "orders"),
    ("psql shop -c '\\! rm -rf /srv/x'", "shell other destructive", "shop"),
    ("psql shop -c '\\i seed.sql'", "shell other destructive", "seed.sql"),
    ("psql shop -c $QUERY", "shell other destructive", "shop"),
    ("psql -l", "reading status read", ""),
    ("psql -lqt", "reading status read", ""),
    ("psql shop", "shell other disruptive", "shop"),
    ("psql -f /backups/shop-2026-02-01.sql shop", "action restore destructive", "shop"),
    ("psql shop -f db/migrations/0042_add_agent.sql", "shell deploy destructive", "shop"),
    ("psql shop -f migrations/0042_add_agent.down.sql", "shell rollback destructive", "shop"),
    ("psql shop -f report.sql", "shell other destructive", "shop"),
    ("pg_isready -h db -p 5432", "reading health read", "db"),
    ("createdb -T template0 shop_new", "shell other reversible", "shop_new"),
    ("dropdb --if-exists shop_old", "shell other destructive", "shop_old"),
    ("vacuumdb --all --analyze-only", "action maintenance reversible", ""),
    ("vacuumdb -fz shop", "action maintenance disruptive", "shop"),
    ("reindexdb --concurrently -d shop", "action maintenance disruptive", "shop"),
    ("pg_ctl -D /var/lib/postgresql/data status", "shell status read", "/var/lib/postgresql/data"),
    ("pg_ctl restart -D /data -m fast", "shell restart disruptive", "/data"),
    ("pg_ctlcluster 16 main reload", "shell maintenance disruptive", "16-main"),
    ("pg_ctlcluster 16 main start", "shell start reversible", "16-main"),
    ("pg_lsclusters", "shell status read", ""),
    ("pg_resetwal -f /data", "shell other destructive", ""),
    ("patronictl -c /etc/patroni.yml list", "shell status read", ""),
    ("patronictl switchover shop --force", "shell other disruptive", "shop"),
    ("patronictl reinit shop node2", "shell other destructive", "shop"),
    ("repmgr cluster show", "shell status read", ""),
    ("repmgr standby promote", "shell other disruptive", ""),
    ("SHOW POOLS", "reading status read", ""),
    ("PAUSE shop", "shell stop disruptive", "shop"),
    ("mysql -u root -pX shop -e 'SHOW PROCESSLIST'", "shell status read", "shop"),
    ("mysql shop -e 'DELETE FROM carts'", "shell other destructive", "shop"),
    ("""mysql shop -e "SELECT 'it\\'s; ' FROM carts; DROP TABLE carts" """, "shell other destructive", "shop"),
    ("mysql -h db -u root -p", "shell other disruptive", ""),
    ("mysqladmin -u root ping", "shell health read", ""),
    ("mysqladmin shutdown", "shell stop disruptive", ""),
    ("mysqldump --single-transaction shop", "shell backup reversible", ""),
    ("mongosh --quiet --eval 'db.orders.countDocuments()'", "shell status read", ""),
    ("mongosh --eval 'db.orders.deleteMany({})'", "shell other destructive", ""),
    ("mongosh --eval 'db.adminCommand({ping: 1})'", "shell health read", ""),
    ("""mongosh --eval 'db.runCommand({"delete": "orders"})'""", "shell other destructive", ""),
    ("mongorestore --drop dump/", "shell restore destructive", ""),
    ("sqlite3 app.db 'SELECT count(*) FROM jobs'", "shell other read", "app.db"),
    ("sqlite3 app.db '.backup copy.db'", "shell backup reversible", "app.db"),
    ("sqlite3 app.db 'PRAGMA integrity_check'", "shell status read", "app.db"),
    ("sqlite3 app.db 'PRAGMA journal_mode = WAL; DELETE FROM jobs'", "shell maintenance destructive", "app.db"),
    ("sqlite3 app.db", "shell other disruptive", "app.db"),
    ("clickhouse-client -q 'SELECT count() FROM hits'", "shell other read", ""),
]


@pytest.mark.parametrize(("text", "expected", "target"), LINES)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


def test_what_goes_into_psql_is_judged_and_a_file_is_taken_for_the_worst() -> None:
    def of(text: str, **given: Any) -> tuple[Sort, Verb, Danger]:
        found = meant(DIALECT, text, **given)
        return found.sort, found.verb, found.danger

    restored = (Sort.ACTION, Verb.RESTORE, Danger.DESTRUCTIVE)
    assert of("psql shop", reads="shop.sql") == restored
    assert of("psql shop", fed=("cat", "shop.sql")) == restored
    assert of("psql shop", fed=("zcat", "shop.sql.gz")) == restored
    assert of("psql shop", fed=("echo", "SELECT 1;")) == (Sort.READING, Verb.HEALTH, Danger.READ)
    assert of("psql shop", fed=("echo", "DROP TABLE a")) == (Sort.SHELL, Verb.OTHER, Danger.DESTRUCTIVE)
    assert of("psql shop", stdin="SELECT 1;\n\\dt\nTRUNCATE a;\n") == (Sort.SHELL, Verb.OTHER, Danger.DESTRUCTIVE)
    assert of("psql shop", stdin="\\timing on\nSELECT * FROM pg_locks;") == (Sort.READING, Verb.STATUS, Danger.READ)
    assert of("psql shop", stdin="SELECT 1 \\gexec\n")[2] is Danger.DESTRUCTIVE
    assert of("psql shop -f -", reads="dump.sql") == restored
    assert of("mysql shop", reads="shop.sql") == (Sort.SHELL, Verb.RESTORE, Danger.DESTRUCTIVE)
    assert of("sqlite3 app.db", reads="shop.sql")[2] is Danger.DESTRUCTIVE
    assert of("mysqldump shop", piped=(("mysql", "other"),))[2] is Danger.DESTRUCTIVE


@pytest.mark.parametrize(
    ("text", "part", "becomes"),
    [
        (
            "psql -h db1 shop -c 'CREATE INDEX ON visits (at)'",
            "concurrently",
            "psql -h db1 shop -c 'CREATE INDEX CONCURRENTLY ON visits (at);'",
        ),
        (
            "psql shop -c 'REINDEX TABLE visits'",
            "concurrently",
            "psql shop -c 'REINDEX TABLE CONCURRENTLY visits;'",
        ),
        ("psql -h db1 shop -c 'SET log_min_duration_statement = 500'", "lasts", ""),
        ("psql shop -c 'SELECT pg_terminate_backend(7)'", "another session", ""),
        ("psql shop -c 'SELECT count(*) FROM pg_stat_activity'", "background processes", ""),
        ("psql shop -c 'SELECT tablename, idx_scan FROM pg_stat_user_indexes'", "relname", ""),
        ("psql shop -c 'SELECT * FROM api_tokens'", "every column", ""),
        ("psql shop -c 'VACUUM FULL visits'", "VACUUM FULL", ""),
        ("psql shop -c 'SET work_mem = 1'", "one session", ""),
        ("pg_isready", "login", ""),
        ("psql shop -c 'SELECT 1'", "", ""),
    ],
)
def test_what_a_line_gets_wrong_is_said_with_what_is_done_instead(text: str, part: str, becomes: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)
    assert found.becomes == becomes


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("COPY t TO PROGRAM 'gzip > /tmp/t.gz'", Danger.DISRUPTIVE),
        ("COPY t FROM PROGRAM 'rm -rf /srv'", Danger.DESTRUCTIVE),
        ("COPY t TO PROGRAM $$dropdb shop$$", Danger.DESTRUCTIVE),
        ("\\copy t to program 'rm -rf /srv'", Danger.DESTRUCTIVE),
        ("SELECT 1 \\g |rm -rf /srv", Danger.DESTRUCTIVE),
        ("SELECT 1 \\g (format=unaligned) |sort", Danger.DISRUPTIVE),
        ("\\o |cat", Danger.DISRUPTIVE),
        ("\\! rm x", Danger.DESTRUCTIVE),
        ("\\! ls", Danger.DISRUPTIVE),
        ("COPY t TO STDOUT", Danger.READ),
        ("\\copy t to 'program.csv'", Danger.REVERSIBLE),
        ("SELECT 1 \\g out.txt", Danger.REVERSIBLE),
    ],
)
def test_a_program_that_sql_runs_costs_what_it_may_do(text: str, danger: Danger) -> None:
    found = module.understand(CommandLine(("psql", "shop", "-c", text)))
    assert isinstance(found, Meaning)
    assert found.danger is danger


def test_the_output_of_psql_may_go_to_a_program() -> None:
    assert meant(DIALECT, "psql shop -o '|rm x' -c 'SELECT 1'").danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, "psql shop -o '|sort' -c 'SELECT 1'").danger is Danger.DISRUPTIVE
    assert meant(DIALECT, "psql shop -o x.txt -c 'SELECT 1'").danger is Danger.REVERSIBLE


def test_a_restore_becomes_one_into_a_new_database() -> None:
    found = meant(DIALECT, "psql -h db shop", reads="shop.sql")
    assert "doubles rows" in found.warning
    assert found.becomes == "psql -h db -X -v ON_ERROR_STOP=1 --single-transaction -d shop_restored -f shop.sql"


def test_sessions_that_are_typed_into_and_lines_that_never_end_are_marked() -> None:
    assert meant(DIALECT, "psql $DATABASE_URL").interactive
    assert meant(DIALECT, "mongosh").interactive
    assert not meant(DIALECT, "psql -c 'SELECT 1'").interactive
    assert meant(DIALECT, "psql shop", stdin="SELECT 1 \\watch 2\n").endless
    assert meant(DIALECT, "psql -c 'SELECT usename, passwd FROM pg_shadow'").reveals
    assert not meant(DIALECT, "psql -c 'SELECT 1'").reveals


def test_no_password_of_an_address_stands_in_a_target() -> None:
    assert meant(DIALECT, "psql postgresql://me:hunter2@db/shop").target == "shop"
    assert meant(DIALECT, "psql postgresql://me:hunter2@db").target == ""
    assert meant(DIALECT, "psql 'host=db password=hunter2 dbname=shop'").target == "shop"


@pytest.mark.parametrize("text", ["pg_dump shop", "redis-cli ping", "echo psql", "show", "reload nginx", "vim a.sql"])
def test_other_programs_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


WRITES = some.sampled_from(
    [
        "DELETE FROM a",
        "UPDATE a SET b = 1",
        "TRUNCATE a",
        "DROP TABLE a",
        "INSERT INTO a VALUES (1)",
        "ALTER TABLE a ADD b int",
        "CREATE TABLE b (c int)",
        "GRANT ALL ON a TO b",
        "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE",
        "CALL b()",
        "DO $$ BEGIN END $$",
        "VACUUM a",
        "REINDEX TABLE a",
        "SELECT b(1) FROM a",
        "COPY a FROM STDIN",
        "LOCK TABLE a",
    ]
)
HARMLESS = some.sampled_from(
    [
        "SELECT 1",
        "-- drop table a\n",
        "/* x */",
        "SELECT 'it''s'",
        "SELECT $$ ; $$",
        'SELECT "a;b"',
        "\\x\n",
        "BEGIN",
        "SELECT E'\\'' ",
        "/* /* nested */ */",
        "SHOW all",
        "SET a = 1",
        "EXPLAIN SELECT 1",
        "SELECT '--'",
        "SELECT '/*'",
    ]
)


@given(some.lists(HARMLESS, max_size=4), WRITES, some.lists(HARMLESS, max_size=4), some.booleans())
def test_no_write_hides_among_harmless_statements(before: list[str], write: str, after: list[str], lower: bool) -> None:
    text = ";\n".join([*before, write.lower() if lower else write, *after])
    found = module.understand(CommandLine(sql=text))
    assert isinstance(found, Meaning)
    assert found.danger > Danger.READ
    assert meant(DIALECT, "psql", stdin=text).danger > Danger.READ
    assert meant(DIALECT, "mysql shop", stdin=text).danger > Danger.READ


@given(some.sampled_from(["DELETE FROM a", "UPDATE a SET b = 1", "TRUNCATE a"]), some.text(max_size=12))
def test_no_write_hides_in_a_query(write: str, name: str) -> None:
    for text in (
        f"WITH x AS ({write} RETURNING *) SELECT * FROM x",
        f"EXPLAIN ANALYZE {write}",
        f"SELECT '{name}'; {write}",
    ):
        found = module.understand(CommandLine(sql=text))
        assert isinstance(found, Meaning)
        assert name.count("'") or found.danger is Danger.DESTRUCTIVE


@given(some.text(some.sampled_from("select delete from'\"$-*/\\;()xX1 \n`#"), max_size=80), some.text(max_size=40))
def test_no_sql_is_too_strange(likely: str, strange: str) -> None:
    for text in (likely, strange, f"SELECT {strange}", f"{likely}{strange}"):
        module.understand(CommandLine(sql=text))
        module.understand(CommandLine(words=("mysql", "-e", text)))
        module.understand(CommandLine(words=("psql", "-c", text), stdin=text))


PROGRAMS = [
    "psql",
    "mysql",
    "mysqladmin",
    "mongosh",
    "sqlite3",
    "patronictl",
    "pg_ctl",
    "pg_ctlcluster",
    "vacuumdb",
    "repmgr",
    "createdb",
    "duckdb",
    "pg_isready",
    "SHOW",
    "mongodump",
]


@given(
    some.sampled_from(PROGRAMS), words, some.text(max_size=9), some.lists(some.text(max_size=5), max_size=2).map(tuple)
)
def test_no_words_are_too_strange(program: str, rest: list[str], text: str, fed: tuple[str, ...]) -> None:
    module.understand(CommandLine((program, *rest), stdin=text, fed=fed, reads=text))


names = some.from_regex(r"[a-z]{3,9}", fullmatch=True)
REQUESTS = some.one_of(
    some.builds(Request, some.sampled_from(["cancel", "terminate"]), subjects.map(lambda one: (one,))),
    some.builds(
        Request,
        some.sampled_from(["analyze", "vacuum", "vacuum-full", "reindex", "drop-index"]),
        names.map(lambda one: (f"public.{one}",)),
    ),
    some.builds(
        Request,
        some.just("create-index"),
        names.map(lambda one: (f"public.{one}",)),
        some.none(),
        names.map(lambda one: f"({one})"),
    ),
    some.builds(
        Request, some.just("slow-log"), some.just(()), some.none(), some.sampled_from(["250 ms", "off", "default"])
    ),
    some.just(Request("reset-statements")),
)


@given(REQUESTS)
def test_every_act_of_ours_is_one_in_its_own_line_and_no_less_dangerous(request: Request) -> None:
    ours = actuator()
    least = next(action.danger for action in ours.actions if action.name == request.action)
    for one in parse(ours.render(request)):
        found = module.understand(one)
        assert isinstance(found, Meaning)
        assert found.sort is Sort.ACTION
        assert found.danger >= least


def test_sql_that_stands_elsewhere_is_taken_for_the_worst() -> None:
    for text in ("$(cat cleanup.sql)", "`cat cleanup.sql`", "$QUERY", "${QUERY}", "<statement>"):
        found = module.understand(CommandLine(("psql", "-c", text)))
        assert isinstance(found, Meaning)
        assert found.danger is Danger.DESTRUCTIVE


@pytest.mark.parametrize(
    "piece", ["/*", "'", '"', "$a$", "(", "PREPARE a AS ", "COPY (", "EXPLAIN ANALYZE ", "\\", "`", "#", "/* /* */"]
)
def test_a_text_of_one_piece_over_and_over_is_read_at_once(piece: str) -> None:
    text = piece * (1 << 12)
    for one in (text, f"{text} DELETE FROM a", f"{text}; DELETE FROM a"):
        assert module.understand(CommandLine(sql=one)) is not None
        assert module.understand(CommandLine(("mysql", "-e", one))) is not None
