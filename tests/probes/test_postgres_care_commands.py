"""The dialect of care, both ways, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import Context, Recognised, Request, Target
from probes.postgres.act import PostgresActuator
from probes.postgres.address import PostgresSettings
from probes.postgres.care import definition, names
from probes.postgres.care.commands import as_word
from probes.postgres.care.definition import Definition, Key, Unreadable
from tests.probes.acting import comes_back

RETENTION = {"sessions": {"table": "public.sessions", "column": "expires_at", "keep": "7 days"}}


class NoSecrets:
    """Has none, and is asked for none."""

    def resolve(self, reference: str) -> str:
        raise AssertionError("a command line asks for no secret")


def actuator(**settings: Any) -> PostgresActuator:
    made = PostgresSettings.model_validate({"url": "postgresql://app@db1:5433/shop", "retention": RETENTION} | settings)
    return PostgresActuator(Target("main", "postgres", made), Context(NoSecrets()))


def meant(text: str) -> Recognised | None:
    return recognised(text, actuator())


parts = st.one_of(
    st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12),
    st.sampled_from(["user", "Order Lines", 'a"b', "index", "on", "MixedCase"]),
).filter(lambda one: len(one.encode()) <= names.LONGEST)
relations = st.builds(lambda schema, name: f"{names.quoted(schema)}.{names.quoted(name)}", parts, parts)
columns = st.from_regex(r"[a-z_][a-z0-9_]{0,20}", fullmatch=True).filter(
    lambda one: names.quoted(one) == one and one not in definition._KEYWORDS and not one.endswith("_ops")
)
keys = st.builds(Key, columns, st.sampled_from(["", "DESC", "NULLS FIRST", "DESC NULLS LAST"]))


def _definition(keys: list[Key], name: str, unique: bool, method: str, test: str) -> str:
    return str(Definition(tuple(keys), name, unique, method, (), test))


definitions = st.builds(
    _definition, st.lists(keys, min_size=1, max_size=4), st.just("") | columns, st.booleans(),
    st.sampled_from(["btree", "gin", "brin"]),
    st.sampled_from(["", "deleted_at IS NULL", "state <> 'it''s' AND n > -1.5"]),
)  # fmt: skip


# both ways


@given(st.sampled_from(["analyze", "vacuum", "vacuum-full"]), st.lists(relations, min_size=1, max_size=4, unique=True))
def test_what_is_done_to_tables_comes_back_from_its_own_lines(action: str, tables: list[str]) -> None:
    assert comes_back(actuator(), Request(action, tuple(tables)))


@given(st.sampled_from(["reindex", "drop-index"]), st.lists(relations, min_size=1, max_size=4, unique=True))
def test_what_is_done_to_indexes_comes_back_from_its_own_lines(action: str, indexes: list[str]) -> None:
    assert comes_back(actuator(), Request(action, tuple(f"index {one}" for one in indexes)))


@given(relations, definitions)
def test_a_new_index_comes_back_from_its_own_line(table: str, word: str) -> None:
    assert comes_back(actuator(), Request("create-index", (table,), None, word))


@given(st.none() | st.integers(-1, 2**31 - 1), st.none() | st.integers(1, 9999))
def test_a_threshold_comes_back_from_its_own_line(value: int | None, minutes: int | None) -> None:
    assert comes_back(actuator(), Request("slow-log", (), None, as_word(value, minutes)))


@pytest.mark.parametrize(
    "request_",
    [
        Request("analyze"),
        Request("vacuum"),
        Request("reindex", ("public.orders",)),
        Request("delete-old", (), None, "sessions"),
        Request("reset-statements"),
    ],
    ids=lambda one: f"{one.action} {one.subjects}",
)
def test_what_is_about_everything_comes_back_too(request_: Request) -> None:
    assert comes_back(actuator(), request_)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader_of_definitions(text: str) -> None:
    try:
        read = definition.read(text)
    except Unreadable:
        return
    assert definition.read(str(read)) == read


# what people write


@pytest.mark.parametrize(
    ("text", "request_", "warned"),
    [
        ("ANALYZE;", Request("analyze"), ""),
        ("VACUUM ANALYZE;", Request("vacuum"), ""),
        ("vacuum orders", Request("vacuum", ("orders",)), "renews the statistics"),
        ("VACUUM (VERBOSE, ANALYZE) public.Orders, users", Request("vacuum", ("public.orders", "users")), ""),
        ("VACUUM FULL ANALYZE orders", Request("vacuum-full", ("orders",)), "locks the table whole"),
        ("VACUUM FULL ANALYZE;", Request("vacuum-full-all"), "locks the table whole"),
        ('psql -h db1 -p 5433 shop -c "VACUUM ANALYZE orders"', Request("vacuum", ("orders",)), ""),
        ('sudo -u postgres psql -c "ANALYZE orders;"', Request("analyze", ("orders",)), ""),
        ("REINDEX INDEX CONCURRENTLY idx_posts_created_at;", Request("reindex", ("index idx_posts_created_at",)), ""),
        ("REINDEX TABLE orders", Request("reindex", ("orders",)), "Without CONCURRENTLY nobody can write"),
        ("REINDEX (CONCURRENTLY) TABLE orders", Request("reindex", ("orders",)), ""),
        ("REINDEX DATABASE shop", Request("reindex-all"), "Without CONCURRENTLY"),
        (
            "CREATE INDEX idx_webhook_events_status ON webhook_events(status);",
            Request("create-index", ("webhook_events",), None, "idx_webhook_events_status (status)"),
            "Without CONCURRENTLY nobody can write",
        ),
        (
            "CREATE INDEX CONCURRENTLY idx_posts_user_created ON posts(user_id, created_at DESC)\n"
            "WHERE deleted_at IS NULL",
            Request("create-index", ("posts",), None,
                    "idx_posts_user_created (user_id, created_at DESC) WHERE deleted_at IS NULL"), "",
        ),
        (
            "create unique index concurrently if not exists u on public.users using btree (email)",
            Request("create-index", ("public.users",), None, "UNIQUE u (email)"),
            "IF NOT EXISTS keeps an invalid index",
        ),
        ("DROP INDEX CONCURRENTLY IF EXISTS a, b", Request("drop-index", ("index a", "index b")), ""),
        ("DROP INDEX a", Request("drop-index", ("index a",)), "Without CONCURRENTLY nobody can use"),
        (
            'psql -U app -d shop -c "SET log_min_duration_statement = 1000;"',
            Request("slow-log", (), None, "1000 ms"), "SET holds for that one session",
        ),
        (
            "ALTER SYSTEM SET log_min_duration_statement TO '2s'",
            Request("slow-log", (), None, "2000 ms"), "only once the server has reloaded",
        ),
        ("ALTER DATABASE shop SET log_min_duration_statement = -1", Request("slow-log", (), None, "off"), ""),
        ("ALTER SYSTEM SET shared_buffers = '4GB'", Request("setting", (), None, "shared_buffers"), ""),
        (
            "DELETE FROM sessions WHERE expires_at < NOW() - INTERVAL '7 days';",
            Request("delete-old", (), None, "sessions"), "One big DELETE is one long transaction",
        ),
        ("DELETE FROM sessions WHERE expires_at < now() - interval '1 day'", Request("delete"), "One big DELETE"),
        ("select pg_stat_statements_reset()", Request("reset-statements"), ""),
        ("vacuumdb -h db1 -p 5433 -U app -z -t orders shop", Request("vacuum", ("orders",)), ""),
        ("vacuumdb --analyze-only shop -h db1 -p 5433", Request("analyze"), ""),
        ("vacuumdb --full -d shop -h db1 -p 5433", Request("vacuum-full-all"), "locks the table whole"),
        (
            "reindexdb --concurrently -h db1 -p 5433 -i public.idx shop",
            Request("reindex", ("index public.idx",)), "",
        ),
        ("reindexdb -h db1 -p 5433 shop", Request("reindex-all"), ""),
    ],
)  # fmt: skip
def test_what_people_write_is_understood_and_told_what_it_does(text: str, request_: Request, warned: str) -> None:
    found = meant(text)
    assert found is not None
    assert found.request == request_
    assert warned in found.warning
    assert bool(warned) is bool(found.warning)


@pytest.mark.parametrize(
    "text",
    [
        "VACUUM orders; SELECT pg_cancel_backend(1)",
        "VACUUM orders; DROP TABLE orders",
        "psql -h elsewhere -c 'VACUUM orders'",
        "vacuumdb -h elsewhere shop",
        "vacuumdb --all",
        "vacuumdb --unknown shop",
        "CREATE INDEX ON users (lower(email))",
        "CREATE INDEX ON users (email) WHERE state IN ('a', 'b')",
        "DROP INDEX a CASCADE",
        "DELETE FROM sessions",
        "DELETE FROM sessions WHERE expires_at < now() - interval '7 days' OR true",
        "ALTER SYSTEM SET log_min_duration_statement = 'soon'",
        "SET work_mem = '1GB'",
        "VACUUM (BOGUS) orders",
        "ANALYZE orders (id)",
        "REINDEX INDEX",
        "vacuum 18422",
    ],
)
def test_what_can_not_be_told_for_sure_is_not_recognised(text: str) -> None:
    assert meant(text) is None


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        ({"table": "sessions", "column": "made", "keep": "7 days"}, "must name a table with its schema"),
        ({"table": "a.b", "column": "made; DROP", "keep": "7 days"}, "must be the name of one column"),
        ({"table": "a.b", "column": "made", "keep": "soon"}, 'must be a time such as "90 days"'),
        ({"table": "a.b", "column": "made", "keep": "0 days"}, 'must be a time such as "90 days"'),
    ],
)
def test_a_retention_that_can_not_be_meant_is_an_error_of_the_profile(given_: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        PostgresSettings.model_validate({"retention": {"old": given_}})


def test_a_definition_says_what_it_can_not_read() -> None:
    for text, why in {
        "(lower(email))": "only plain columns",
        "(a) WHERE b IS 3": "after IS stands",
        "(a) WHERE b = c": "compared with a text or number",
        "(a) USING magic": "goes on with",
        "USING magic (a)": "no kind of index",
        "x": "is missing at",
    }.items():
        with pytest.raises(Unreadable, match=why):
            definition.read(text)
