"""Acts of care on real servers, 15 and 18: done, refused, blocked, cancelled, cut off; each at most once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from probes.base import Cause, Outcome, Plan, ProbeError, Request, Result, Subject, Truth, Verdict
from probes.postgres import act_care
from probes.postgres.act import PostgresActuator
from probes.postgres.care import locks
from tests.probes.acting import Performed, carried_out, comes_back, perform, settled
from tests.probes.pgacting import Sessions, actuator_at, closing, prepared
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.postgres import Postgres
from tests.stack.process import wait_until

NUMBERS = itertools.count(1)


@pytest.fixture
def server(every_postgres: Postgres) -> Postgres:
    return prepared(every_postgres)


@pytest.fixture
def sessions(server: Postgres) -> Iterator[Sessions]:
    with ExitStack() as stack:
        yield Sessions(server, stack)


@pytest.fixture
def table(server: Postgres) -> Iterator[str]:
    """A table of the test's own with a thousand rows, owned by `actor`; 761 of them are older than ten days."""
    name = f"orders{next(NUMBERS)}"
    server.sql(
        f"CREATE TABLE {name} (id int PRIMARY KEY, buyer int, made timestamptz, note text); "
        f"INSERT INTO {name} SELECT n, n % 10, now() - (n + CASE WHEN n < 240 THEN -3 ELSE 3 END) * interval '1 hour', "
        "repeat('x', 100) "
        f"FROM generate_series(1, 1000) AS n; ALTER TABLE {name} OWNER TO actor; "
        "GRANT CREATE ON SCHEMA public TO actor"
    )
    yield f"public.{name}"
    server.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name IN ('report', 'shop') OR application_name LIKE 'opsroom-care/%'"
    )
    server.sql(f"DROP TABLE IF EXISTS {name} CASCADE")


@pytest.fixture
async def actuator(server: Postgres) -> AsyncIterator[PostgresActuator]:
    async with closing(actuator_at(server.port)) as one:
        yield one


@pytest.fixture
def proxy(server: Postgres) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as one:
        yield one


def words_of(plan: Plan) -> str:
    told = [plan.place, *plan.felt, *plan.notes, plan.undo]
    for one in plan.subjects:
        told += [one.name, one.before, one.after, *one.felt, one.spared]
    return " | ".join(map(str, told))


def confirmed(done: Performed) -> str:
    """The words of the one verdict, which must say that it is true."""
    assert [one.result for one in done.outcomes] == [Result.DONE], [str(one.words) for one in done.outcomes]
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED], str(done.verdicts[0].words)
    return str(done.verdicts[0].words)


async def barred(actuator: PostgresActuator, request: Request) -> str:
    """Why the one subject of a plan can't be acted on."""
    plan = await actuator.plan(request)
    (one,) = plan.subjects
    assert one.barred, str(one.spared)
    assert not plan.chosen
    return str(one.spared)


def retaining(table: str, **more: Any) -> dict[str, Any]:
    return {
        "retention": {"old": {"table": table, "column": "made", "keep": "10 days", "batch": 100, "pause": 0} | more}
    }


# it is done


@pytest.mark.engine
async def test_analyze_renews_statistics_and_the_server_says_when(actuator: PostgresActuator, table: str) -> None:
    done = await perform(actuator, Request("analyze", (table,)))
    assert confirmed(done).startswith("done 20")
    assert done.plan.command == (f"ANALYZE {table};",)
    assert "takes SHARE UPDATE EXCLUSIVE: queries and writes go on" in words_of(done.plan)
    assert "gives up when a lock is not to be had within 1 s, so nobody queues behind it" in words_of(done.plan)


@pytest.mark.engine
async def test_vacuum_frees_the_room_of_dead_rows(server: Postgres, actuator: PostgresActuator, table: str) -> None:
    server.sql(f"DELETE FROM {table} WHERE id > 100")
    done = await perform(actuator, Request("vacuum", (table,)))
    assert "0 dead rows left" in confirmed(done)
    assert "the file as big as before" in words_of(done.plan)


@pytest.mark.engine
async def test_the_whole_database_is_analysed_table_by_table(actuator: PostgresActuator, table: str) -> None:
    done = await perform(actuator, Request("analyze"))
    assert "tables done" in confirmed(done)
    assert str(done.plan.subjects[0].name) == "database app"
    assert "what is locked is skipped" in words_of(done.plan)


@pytest.mark.engine
async def test_a_rewrite_says_its_lock_and_room_and_makes_the_table_smaller(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    server.sql(f"DELETE FROM {table} WHERE id > 100")
    done = await perform(actuator, Request("vacuum-full", (table,)))
    words = words_of(done.plan)
    assert "takes ACCESS EXCLUSIVE: every query and write of the table waits until it is done" in words
    assert "KiB more on the disk while it runs" in words
    assert "a full disk is not freed by it" in words
    assert confirmed(done).startswith("written anew: ")


@pytest.mark.engine
async def test_an_index_and_all_of_a_table_are_rebuilt_beside_the_old_ones(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    server.sql(f"CREATE INDEX ON {table} (buyer)")
    before = server.sql(f"SELECT '{table}_buyer_idx'::regclass::oid")
    done = await perform(actuator, Request("reindex", (f"index {table}_buyer_idx",)))
    assert confirmed(done).startswith("built anew and valid, ")
    assert server.sql(f"SELECT '{table}_buyer_idx'::regclass::oid") != before
    done = await perform(actuator, Request("reindex", (table,)))
    assert confirmed(done).startswith("built anew and valid, ")
    assert "its 2 indexes built anew" in words_of(done.plan)


@pytest.mark.engine
async def test_an_index_is_made_concurrently_and_seen_to_be_valid(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    word = "recent (buyer, made DESC) WHERE note IS NOT NULL"
    done = await perform(actuator, Request("create-index", (table,), None, word))
    assert confirmed(done).startswith("public.recent is valid, ")
    assert done.plan.command == (
        f"CREATE INDEX CONCURRENTLY recent ON {table} (buyer, made DESC) WHERE note IS NOT NULL;",
    )
    assert "an estimate" in words_of(done.plan)
    assert "USING btree (buyer, made DESC) WHERE (note IS NOT NULL)" in server.sql(
        "SELECT pg_get_indexdef('recent'::regclass)"
    )
    assert await barred(actuator, Request("create-index", (table,), None, word)) == (
        "something else is called public.recent already"
    )
    assert await barred(actuator, Request("create-index", (table,), None, "(nothing)")) == "it has no column nothing"


@pytest.mark.engine
async def test_a_foreign_key_without_an_index_is_proposed(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    server.sql(f"ALTER TABLE {table} ADD FOREIGN KEY (buyer) REFERENCES {table} (id) NOT VALID")
    found = await actuator.choices("create-index", (table,))
    assert [one.word for one in found] == ["(buyer)"]
    confirmed(await perform(actuator, Request("create-index", (table,), None, found[0].word)))
    assert list(await actuator.choices("create-index", (table,))) == []


@pytest.mark.engine
async def test_an_unused_index_is_dropped_and_its_definition_kept_to_make_it_again(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    server.sql(f"CREATE INDEX ON {table} (buyer)")
    done = await perform(actuator, Request("drop-index", (f"index {table}_buyer_idx",)))
    assert confirmed(done) == "the index is gone"
    assert str(done.plan.undo).startswith("CREATE INDEX orders")


@pytest.mark.engine
async def test_an_index_of_a_constraint_or_one_that_is_used_is_not_dropped(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    assert "ALTER TABLE ... DROP CONSTRAINT" in await barred(actuator, Request("drop-index", (f"index {table}_pkey",)))
    server.sql(f"CREATE INDEX ON {table} (buyer)")
    server.sql(f"SET enable_seqscan = off; SELECT count(*) FROM {table} WHERE buyer = 3")
    used = f"SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelid = '{table}_buyer_idx'::regclass"
    wait_until(lambda: server.sql(used) == "1", 10)
    assert (
        await barred(actuator, Request("drop-index", (f"index {table}_buyer_idx",))) == "queries have used it 1 times"
    )


# old rows


@pytest.mark.engine
async def test_old_rows_go_in_batches_and_newer_ones_stay(server: Postgres, table: str) -> None:
    async with closing(actuator_at(server.port, **retaining(table))) as actuator:
        done = await perform(actuator, Request("delete-old", (), None, "old"))
    words = words_of(done.plan)
    assert "761 rows with made before 20" in words
    assert "761 rows in batches of 100" in words
    assert confirmed(done).startswith("no row before 20")
    assert str(done.outcomes[0].words) == "delete old rows: the server has done it, 761 rows"
    assert server.sql(f"SELECT count(*) FROM {table}") == "239"


@pytest.mark.engine
async def test_what_goes_with_the_rows_of_other_tables_is_counted_and_said(server: Postgres, table: str) -> None:
    server.sql(
        f"CREATE TABLE parcels (id int, parent int REFERENCES {table} (id) ON DELETE CASCADE);"
        "INSERT INTO parcels VALUES (1, 900), (2, 901), (3, 2); ALTER TABLE parcels OWNER TO actor"
    )
    try:
        async with closing(actuator_at(server.port, **retaining(table))) as actuator:
            plan = await actuator.plan(Request("delete-old", (), None, "old"))
        assert "rows of public.parcels are deleted with them: 2" in words_of(plan)
    finally:
        server.sql("DROP TABLE parcels")


@pytest.fixture
def family(server: Postgres, table: str) -> Iterator[Postgres]:
    """Tables that refer to the old rows, and to each other, in a circle too; rows 900 and 901 of them are old."""
    server.sql(
        "CREATE SCHEMA family; GRANT USAGE ON SCHEMA family TO actor;"
        f"CREATE TABLE family.items (a int, b int, parent int REFERENCES {table} (id) ON DELETE CASCADE,"
        " PRIMARY KEY (a, b));"
        "CREATE TABLE family.notes (id int PRIMARY KEY, a int, b int,"
        " FOREIGN KEY (a, b) REFERENCES family.items (a, b) ON DELETE CASCADE);"
        "CREATE TABLE family.words (id int PRIMARY KEY, note int REFERENCES family.notes (id) ON DELETE CASCADE);"
        "ALTER TABLE family.notes ADD word int REFERENCES family.words (id) ON DELETE CASCADE;"
        "CREATE TABLE family.marks (note int REFERENCES family.notes (id) ON DELETE SET NULL);"
        "CREATE TABLE family.bills (note int REFERENCES family.notes (id));"
        "CREATE TABLE family.hidden (word int REFERENCES family.words (id) ON DELETE CASCADE);"
        "INSERT INTO family.items VALUES (1, 1, 900), (1, 2, 900), (2, 1, 2);"
        "INSERT INTO family.notes SELECT n, 1, 1 + n % 2 FROM generate_series(1, 6) AS n;"
        "INSERT INTO family.notes VALUES (7, 2, 1);"
        "INSERT INTO family.words VALUES (1, 1), (2, 7); INSERT INTO family.marks VALUES (1), (2), (7);"
        "INSERT INTO family.bills VALUES (3); GRANT SELECT ON ALL TABLES IN SCHEMA family TO actor;"
        "REVOKE SELECT ON family.hidden FROM actor"
    )
    yield server
    server.sql("DROP SCHEMA family CASCADE")


@pytest.mark.engine
async def test_the_whole_chain_of_tables_that_goes_along_is_said_and_what_was_not_counted_is_not_called_none(
    family: Postgres, table: str
) -> None:
    async with closing(actuator_at(family.port, **retaining(table))) as actuator:
        plan = await actuator.plan(Request("delete-old", (), None, "old"))
    along = [str(one) for one in plan.subjects[0].felt if " family." in str(one)]
    assert along == [
        "rows of family.items are deleted with them: 2",
        "rows of family.notes are deleted with those of family.items: 6",
        "rows of family.bills that refer to one of those of family.notes stop their batch: 1",
        "rows of family.marks lose their reference to those of family.notes: 2",
        "rows of family.words are deleted with those of family.notes: 1",
        "rows of family.hidden are deleted with those of family.words: how many was not counted",
        "rows of family.notes are deleted with those of family.words: 0, "
        "and what refers to those in turn, which is not counted",
    ]


@pytest.mark.engine
async def test_a_count_of_what_goes_along_that_would_take_too_long_is_a_guess_or_left_out(
    family: Postgres, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.postgres.care.deleting._COUNTED", 0.0)
    async with closing(actuator_at(family.port, **retaining(table))) as actuator:
        plan = await actuator.plan(Request("delete-old", (), None, "old"))
    said = words_of(plan)
    assert "rows of family.items are deleted with them: how many was not counted" in said
    assert "rows of family.words are deleted with those of family.notes: how many was not counted" in said
    assert "them: 0" not in said


@pytest.mark.engine
async def test_what_refers_to_a_partition_by_its_parent_goes_along_too(server: Postgres) -> None:
    server.sql(
        "CREATE SCHEMA parts; CREATE TABLE parts.orders (id int, made timestamptz, PRIMARY KEY (id, made))"
        " PARTITION BY RANGE (made);"
        "CREATE TABLE parts.old PARTITION OF parts.orders FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');"
        "CREATE TABLE parts.lines (id int, made timestamptz,"
        " FOREIGN KEY (id, made) REFERENCES parts.orders (id, made) ON DELETE CASCADE);"
        "INSERT INTO parts.orders SELECT n, '2020-05-05' FROM generate_series(1, 9) AS n;"
        "INSERT INTO parts.lines SELECT 1 + n % 9, '2020-05-05' FROM generate_series(1, 18) AS n;"
        "GRANT USAGE ON SCHEMA parts TO actor; GRANT ALL ON ALL TABLES IN SCHEMA parts TO actor"
    )
    try:
        async with closing(actuator_at(server.port, **retaining("parts.old"))) as actuator:
            done = await perform(actuator, Request("delete-old", (), None, "old"))
        assert "rows of parts.lines are deleted with them: 18" in words_of(done.plan)
        assert server.sql("SELECT count(*) FROM parts.lines") == "0"
    finally:
        server.sql("DROP SCHEMA parts CASCADE")


@pytest.mark.engine
async def test_rows_that_others_hold_are_skipped_and_told(sessions: Sessions, table: str) -> None:
    server = sessions.server
    server.sql(f"GRANT ALL ON {table} TO plain")
    sessions.open("shop", "BEGIN", f"SELECT * FROM {table} WHERE id = 999 FOR UPDATE")
    async with closing(actuator_at(server.port, **retaining(table))) as actuator:
        done = await perform(actuator, Request("delete-old", (), None, "old"))
    assert done.outcomes[0].result is Result.DONE
    assert (done.verdicts[0].truth, str(done.verdicts[0].words)) == (
        Truth.REFUTED, "done: 1 rows are left; others hold them; what is deleted stays deleted"
    )  # fmt: skip


@pytest.mark.engine
async def test_a_retention_nobody_wrote_down_and_a_column_that_is_no_moment_are_refused(
    server: Postgres, table: str
) -> None:
    async with closing(actuator_at(server.port, **retaining(table, column="buyer"))) as actuator:
        assert "of type integer, which is no moment" in await barred(actuator, Request("delete-old", (), None, "old"))
        with pytest.raises(ProbeError, match="the profile knows no retention other"):
            await actuator.plan(Request("delete-old", (), None, "other"))


async def under_way(actuator: PostgresActuator, request: Request) -> tuple[Plan, Subject, Outcome]:
    """An act that takes longer than anybody waits for."""
    plan = await actuator.plan(request)
    (subject,) = plan.chosen
    outcome = await carried_out(actuator, plan, subject, [])
    assert outcome.result is Result.DONE, str(outcome.words)
    assert "under way, pid" in str(outcome.words)
    return plan, subject, outcome


@pytest.mark.engine
async def test_a_second_look_is_about_the_same_thing(server: Postgres, table: str) -> None:
    index = Request("create-index", (table,), None, "(buyer)")
    async with closing(actuator_at(server.port, **retaining(table))) as actuator:
        for request in (index, Request("delete-old", (), None, "old")):
            seen = [[one.identity for one in (await actuator.plan(request)).subjects] for _ in range(3)]
            assert seen[0] == seen[1] or seen[1] == seen[2], "an hour may turn between two looks"


async def until(actuator: PostgresActuator, plan: Plan, subject: Subject, outcome: Outcome, words: str) -> Verdict:
    """The first verdict that holds these words."""
    async with asyncio.timeout(20):
        while True:
            verdict = await actuator.verify(plan, subject, outcome, 1.0)
            if words in str(verdict.words):
                return verdict
            await asyncio.sleep(0.05)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act_care, "BEGINS", 0.1)


@pytest.mark.engine
@pytest.mark.usefixtures("impatient")
async def test_a_deletion_under_way_tells_its_share_and_is_stopped_by_a_cancel(server: Postgres, table: str) -> None:
    async with closing(actuator_at(server.port, **retaining(table, batch=10, pause=0.2))) as actuator:
        plan, subject, outcome = await under_way(actuator, Request("delete-old", (), None, "old"))
        verdict = await until(actuator, plan, subject, outcome, "rows deleted so far")
        assert (verdict.truth, verdict.share is not None and 0 < verdict.share < 1) == (Truth.PENDING, True)
        facts = dict(outcome.facts)
        stop = await actuator.plan(Request("cancel", (f"{facts['pid']} {facts['backend_start']}",)))
        assert str(stop.subjects[0].spared) == "care by Opsroom"
        stop = stop.taking_in([stop.subjects[0].key])
        assert (await carried_out(actuator, stop, stop.chosen[0], [])).result is Result.DONE
        verdict = await until(actuator, plan, subject, outcome, "what is deleted stays deleted")
    assert verdict.truth is Truth.REFUTED
    assert str(verdict.words).startswith("it was cancelled, or took longer than care_within after ")
    left = int(server.sql(f"SELECT count(*) FROM {table}"))
    assert 239 < left < 1000
    assert f" {left - 239} rows are left" in str(verdict.words)


@pytest.mark.engine
@pytest.mark.usefixtures("impatient")
async def test_a_statement_outlives_the_session_of_the_room_and_a_later_one_tells_how_it_ended(
    server: Postgres, table: str
) -> None:
    settings = retaining(table, batch=200, pause=0.3)
    async with closing(actuator_at(server.port, **settings)) as actuator:
        plan, subject, outcome = await under_way(actuator, Request("delete-old", (), None, "old"))
        assert "should Opsroom end, the server goes on with it to its end" in words_of(plan)
    async with closing(actuator_at(server.port, **settings)) as later:
        verdict = await settled(later, plan, subject, outcome)
    assert verdict.truth is Truth.CONFIRMED, str(verdict.words)
    assert server.sql(f"SELECT count(*) FROM {table}") == "239"


# what is in the way


@pytest.mark.engine
@pytest.mark.parametrize("action", ["vacuum-full", "create-index", "reindex", "drop-index"])
async def test_whoever_would_make_it_wait_is_named_and_nothing_is_sent(
    sessions: Sessions, actuator: PostgresActuator, table: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "BRIEF", 0.0)
    monkeypatch.setattr(locks, "LONG", 0.0)
    sessions.server.sql(f"GRANT ALL ON {table} TO plain; CREATE INDEX ON {table} (buyer)")
    holder = sessions.open("report", "BEGIN", f"UPDATE {table} SET note = 'y' WHERE id = 1")
    subject = f"index {table}_buyer_idx" if action in ("reindex", "drop-index") else table
    why = await barred(actuator, Request(action, (subject,), None, "(note)" if action == "create-index" else ""))
    assert why.startswith(f"it would wait for {holder.info.backend_pid} report (idle in transaction), its transaction")
    holder.rollback()
    assert not (await actuator.plan(Request("vacuum", (table,)))).subjects[0].spared


@pytest.mark.engine
async def test_a_transaction_that_begins_between_the_look_and_the_act_bars_it(
    sessions: Sessions, actuator: PostgresActuator, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "BRIEF", 0.0)
    sessions.server.sql(f"GRANT ALL ON {table} TO plain")
    done = await perform(
        actuator, Request("vacuum-full", (table,)),
        lambda plan: sessions.open("report", "BEGIN", f"SELECT count(*) FROM {table}"),
    )  # fmt: skip
    assert done.outcomes[0].result is Result.REFUSED
    assert "changed since you looked: it would wait for" in str(done.outcomes[0].words)
    assert done.sent == []


@pytest.mark.engine
async def test_a_lock_that_is_not_to_be_had_is_given_up_and_nobody_queues_behind(
    sessions: Sessions, actuator: PostgresActuator, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "BRIEF", 1000.0)  # whoever holds it is taken for a short query
    monkeypatch.setattr("probes.postgres.act_statements.BRIEF", 0.2)
    sessions.server.sql(f"GRANT ALL ON {table} TO plain")
    sessions.open("report", "BEGIN", f"SELECT count(*) FROM {table}")
    done = await perform(actuator, Request("vacuum-full", (table,)))
    assert (done.outcomes[0].result, str(done.outcomes[0].words)) == (
        Result.FAILED, "a lock was not to be had in time, so it was given up; nothing was changed"
    )  # fmt: skip


@pytest.mark.engine
@pytest.mark.parametrize("action", ["vacuum-full", "reindex"])
async def test_where_the_disk_has_too_little_room_nothing_is_rewritten(
    actuator: PostgresActuator, table: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(act_care, "free_at", lambda *seen: 10.0)
    why = await barred(actuator, Request(action, (table,)))
    assert why.startswith("it needs ")
    assert why.endswith(" on the disk and 10 B are free")


# it is not what was looked at


@pytest.mark.engine
@pytest.mark.parametrize("action", ["reindex", "drop-index"])
async def test_an_index_dropped_and_made_again_is_another_one(
    server: Postgres, actuator: PostgresActuator, table: str, action: str
) -> None:
    server.sql(f"CREATE INDEX ON {table} (buyer)")
    again = f"DROP INDEX {table}_buyer_idx; CREATE INDEX ON {table} (buyer)"
    done = await perform(actuator, Request(action, (f"index {table}_buyer_idx",)), lambda plan: server.sql(again))
    assert done.outcomes[0].result is Result.REFUSED
    assert "another one has that name now (oid " in str(done.outcomes[0].words)
    assert done.sent == []
    done = await perform(
        actuator,
        Request(action, (f"index {table}_buyer_idx",)),
        lambda plan: server.sql(f"DROP INDEX {table}_buyer_idx"),
    )
    assert "it is not there any more" in str(done.outcomes[0].words)


@pytest.mark.engine
async def test_a_table_that_is_another_one_by_then_loses_no_row(server: Postgres, table: str) -> None:
    async with closing(actuator_at(server.port, **retaining(table))) as actuator:
        swap = (
            f"ALTER TABLE {table} RENAME TO away; CREATE TABLE {table} (LIKE away); "
            f"INSERT INTO {table} SELECT * FROM away"
        )
        done = await perform(actuator, Request("delete-old", (), None, "old"), lambda plan: server.sql(swap))
    assert done.outcomes[0].result is Result.REFUSED
    assert server.sql(f"SELECT count(*) FROM {table}") == "1000"
    server.sql("DROP TABLE away")


@pytest.mark.engine
async def test_names_that_mean_nothing_or_too_much_are_told(server: Postgres, actuator: PostgresActuator) -> None:
    with pytest.raises(ProbeError, match="there is no nowhere in app") as caught:
        await actuator.plan(Request("vacuum", ("nowhere",)))
    assert caught.value.cause is Cause.GONE
    server.sql("CREATE SCHEMA one; CREATE SCHEMA two; CREATE TABLE one.twice (); CREATE TABLE two.twice ()")
    try:
        with pytest.raises(ProbeError, match="several are called twice"):
            await actuator.plan(Request("analyze", ("twice",)))
    finally:
        server.sql("DROP SCHEMA one, two CASCADE")
    assert "the server's own catalogue" in await barred(actuator, Request("vacuum-full", ("pg_catalog.pg_class",)))


# what goes wrong


@pytest.mark.engine
async def test_a_failed_build_leaves_an_invalid_index_which_is_told_and_dropped(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    request = Request("create-index", (table,), None, "UNIQUE alone (buyer)")
    done = await perform(actuator, request)
    assert "it refuses a second row of the same values to everybody" in " ".join(map(str, done.plan.subjects[0].felt))
    assert (done.outcomes[0].result, str(done.outcomes[0].words)) == (
        Result.PARTIAL, "two rows are alike where the index is to be unique; left INVALID: public.alone, drop it"
    )  # fmt: skip
    assert done.verdicts[0].truth is Truth.REFUTED
    assert "public.alone is left INVALID: it costs every write and serves no query" in str(done.verdicts[0].words)
    assert await barred(actuator, request) == "an invalid index is called public.alone already: drop it first"
    assert confirmed(await perform(actuator, Request("drop-index", ("index public.alone",)))) == "the index is gone"


@pytest.mark.engine
@pytest.mark.usefixtures("impatient")
async def test_a_rebuild_cancelled_under_way_leaves_the_old_index_and_tells_what_else(
    sessions: Sessions, actuator: PostgresActuator, table: str
) -> None:
    server = sessions.server
    server.sql(f"GRANT ALL ON {table} TO plain")
    plan = await actuator.plan(Request("reindex", (f"index {table}_pkey",)))
    sessions.open("report", "BEGIN", f"UPDATE {table} SET note = 'y' WHERE id = 1")
    outcome = await carried_out(actuator, plan, plan.chosen[0], [])
    assert "under way, pid" in str(outcome.words)
    verdict = await until(actuator, plan, plan.chosen[0], outcome, "waiting for")
    assert verdict.truth is Truth.PENDING
    server.sql(f"SELECT pg_cancel_backend({dict(outcome.facts)['pid']})")
    verdict = await until(actuator, plan, plan.chosen[0], outcome, "the old index stands")
    assert verdict.truth is Truth.REFUTED
    assert str(verdict.words) == (
        f"it was cancelled, or took longer than care_within: the old index stands; "
        f"{table}_pkey_ccnew is left INVALID: drop index {table}_pkey_ccnew"
    )
    sessions.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'report'")
    plan = await actuator.plan(Request("reindex", (f"index {table}_pkey",)))
    assert f"{table}_pkey_ccnew is left of an earlier attempt: drop it" in words_of(plan)
    done = await perform(actuator, Request("drop-index", (f"index {table}_pkey_ccnew",)))
    assert done.verdicts[-1].truth is Truth.CONFIRMED


UNANSWERED = {Mode.LOSE: True, Mode.TRUNCATE: True, Mode.CLOSE: False, Mode.GARBAGE: False, Mode.SILENT: False}
"""Ways not to answer the one statement, and whether the server gets it."""


@pytest.mark.engine
@pytest.mark.parametrize("mode", UNANSWERED, ids=lambda mode: mode.value)
@pytest.mark.once
async def test_it_is_sent_once_however_the_answer_is_lost_and_a_look_tells(
    server: Postgres, proxy: FaultProxy, mode: Mode, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(act_care, "BEGINS", 1.0 if mode is Mode.SILENT else 20.0)
    sent = b"VACUUM /* opsroom"
    async with closing(actuator_at(proxy.port)) as actuator:
        plan = await actuator.plan(Request("vacuum-full", (table,)))
        proxy.become(mode, when=sent)
        outcome = await carried_out(actuator, plan, plan.chosen[0], [])
        assert proxy.seen(sent) == 1
        assert outcome.result is (Result.DONE if mode is Mode.SILENT else Result.UNKNOWN), str(outcome.words)
        proxy.become(Mode.PASS)
        if UNANSWERED[mode]:
            verdict = await settled(actuator, plan, plan.chosen[0], outcome)
            assert verdict.truth is Truth.CONFIRMED, str(verdict.words)
        else:
            verdict = await actuator.verify(plan, plan.chosen[0], outcome, 10.0)
            assert mode is Mode.SILENT or verdict.truth is Truth.REFUTED, str(verdict.words)
        assert proxy.seen(sent) == 1


@pytest.mark.engine
@pytest.mark.usefixtures("impatient")
async def test_a_connection_lost_under_way_is_no_end_of_the_statement(
    server: Postgres, proxy: FaultProxy, table: str
) -> None:
    async with closing(actuator_at(proxy.port, **retaining(table, batch=100, pause=0.2))) as actuator:
        plan, subject, outcome = await under_way(actuator, Request("delete-old", (), None, "old"))
        proxy.become(Mode.REFUSE)
        proxy.become(Mode.PASS)
        verdict = await settled(actuator, plan, subject, outcome)
    assert verdict.truth is Truth.CONFIRMED, str(verdict.words)


@pytest.mark.engine
async def test_an_answer_lost_while_it_runs_is_unknown_and_followed_to_its_end(
    server: Postgres, proxy: FaultProxy, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(act_care, "BEGINS", 20.0)
    working = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name LIKE 'opsroom-care/% of %'"
    )
    async with closing(actuator_at(proxy.port, **retaining(table, batch=100, pause=0.3))) as actuator:
        plan = await actuator.plan(Request("delete-old", (), None, "old"))
        acting = asyncio.ensure_future(carried_out(actuator, plan, plan.chosen[0], []))
        async with asyncio.timeout(10):
            while await asyncio.to_thread(server.sql, working) != "1":
                await asyncio.sleep(0.02)
        proxy.become(Mode.REFUSE)
        outcome = await acting
        assert outcome.result is Result.UNKNOWN, str(outcome.words)
        proxy.become(Mode.PASS)
        verdict = await actuator.verify(plan, plan.chosen[0], outcome, 5.0)
        assert verdict.truth is Truth.PENDING
        assert "no answer came; a session of care is at work, pid" in str(verdict.words)
        verdict = await settled(actuator, plan, plan.chosen[0], outcome)
        assert verdict.truth is Truth.CONFIRMED, str(verdict.words)


@pytest.mark.engine
async def test_a_partitioned_table_is_cared_for_by_its_partitions(server: Postgres, actuator: PostgresActuator) -> None:
    server.sql(
        "CREATE TABLE parted (id int) PARTITION BY RANGE (id); ALTER TABLE parted OWNER TO actor;"
        "CREATE TABLE parted_one PARTITION OF parted FOR VALUES FROM (0) TO (9); ALTER TABLE parted_one OWNER TO actor"
    )
    try:
        for action in ("vacuum", "vacuum-full", "reindex"):
            assert await barred(actuator, Request(action, ("public.parted",))) == (
                "a partitioned table: this is done to its partitions one by one"
            )
        assert await barred(actuator, Request("reindex", ("public.parted_one",))) == "it has no valid index"
        confirmed(await perform(actuator, Request("vacuum", ("public.parted_one",))))
    finally:
        server.sql("DROP TABLE parted")


@pytest.mark.engine
async def test_a_role_without_the_right_is_told_what_it_needs(server: Postgres, table: str) -> None:
    async with closing(actuator_at(server.port, "plain")) as actuator:
        why = await barred(actuator, Request("vacuum-full", (table,)))
        assert why.startswith("plain may not: it ")
        assert ("MAINTAIN" in why) is (server.origin == "wheel")
        why = await barred(actuator, Request("create-index", (table,), None, "(buyer)"))
        assert why == "plain may not: only a member of its owner actor makes and drops indexes"


@pytest.mark.engine
async def test_an_owner_who_may_not_add_to_the_schema_is_told_before(
    server: Postgres, actuator: PostgresActuator, table: str
) -> None:
    server.sql("REVOKE CREATE ON SCHEMA public FROM actor")
    why = await barred(actuator, Request("create-index", (table,), None, "(buyer)"))
    assert why == "actor may not: GRANT CREATE ON SCHEMA public TO actor"


@pytest.mark.engine
async def test_behind_a_pooler_care_is_refused(server: Postgres, table: str) -> None:
    async with closing(actuator_at(server.port, pooled=True)) as actuator:
        with pytest.raises(ProbeError, match="through a pooler the limits of our session do not hold"):
            await actuator.plan(Request("vacuum", (table,)))


# the server's settings and statistics


@pytest.mark.engine
async def test_a_slow_query_threshold_lasts_for_new_sessions_and_is_set_back(server: Postgres) -> None:
    show = "SHOW log_min_duration_statement"
    async with closing(actuator_at(server.port, "postgres")) as actuator:
        try:
            done = await perform(actuator, Request("slow-log", (), None, "1500 ms for 30 min"))
            assert confirmed(done) == "a new session has: statements of 1500 ms and more, from the configuration file"
            assert server.sql(show) == "1500ms"
            assert "the server reads its files anew" in " ".join(map(str, done.plan.subjects[0].felt))
            assert done.plan.reverse == Request("slow-log", (), None, "default")
            assert done.plan.due is not None
            assert (done.plan.due - done.plan.looked_at).total_seconds() == 1800
            plan = await actuator.plan(Request("slow-log", (), None, "off"))
            assert str(plan.undo) == "set it back: 1500 ms"
            assert comes_back(actuator, Request("slow-log", (), None, "1500 ms for 30 min"))
            confirmed(await perform(actuator, done.plan.reverse))
            assert server.sql(show) == "-1"
        finally:
            server.sql("ALTER SYSTEM RESET log_min_duration_statement")
            server.sql("SELECT pg_reload_conf()")


@pytest.mark.engine
async def test_who_may_not_alter_the_system_is_told_what_it_takes(server: Postgres, actuator: PostgresActuator) -> None:
    why = await barred(actuator, Request("slow-log", (), None, "1 s"))
    assert "GRANT ALTER SYSTEM ON PARAMETER log_min_duration_statement TO actor" in why


@pytest.mark.engine
async def test_a_threshold_of_a_database_lasts_and_wins_over_the_file(server: Postgres) -> None:
    server.sql("GRANT SET ON PARAMETER log_min_duration_statement TO actor; ALTER DATABASE app OWNER TO actor")
    try:
        async with closing(actuator_at(server.port)) as actuator:
            done = await perform(actuator, Request("slow-log", (), None, "2 s"))
            assert confirmed(done) == "a new session has: statements of 2000 ms and more, from the database"
            assert "sessions that are open keep the old value until they connect anew" in words_of(done.plan)
            confirmed(await perform(actuator, Request("slow-log", (), None, "default")))
    finally:
        server.sql("ALTER DATABASE app RESET log_min_duration_statement; ALTER DATABASE app OWNER TO postgres")
        server.sql("REVOKE SET ON PARAMETER log_min_duration_statement FROM actor")


@pytest.mark.engine
async def test_statistics_of_statements_are_forgotten_once_and_only_those_looked_at(server: Postgres) -> None:
    async with closing(actuator_at(server.port, "postgres")) as actuator:
        done = await perform(actuator, Request("reset-statements"))
        assert confirmed(done).startswith("counted anew since 20")
        assert "what was slow before is forgotten" in words_of(done.plan)
        done = await perform(
            actuator, Request("reset-statements"), lambda plan: server.sql("SELECT pg_stat_statements_reset()")
        )
        assert str(done.outcomes[0].words) == "changed since you looked: somebody has reset them"
        assert done.sent == []


@pytest.mark.engine
async def test_settings_that_need_a_restart_and_wholesale_acts_are_refused_with_words(
    actuator: PostgresActuator,
) -> None:
    with pytest.raises(ProbeError, match="shared_buffers takes effect at a restart of the server only"):
        await actuator.plan(Request("setting", (), None, "shared_buffers"))
    with pytest.raises(ProbeError, match="only the slow-query threshold is set from here"):
        await actuator.plan(Request("setting", (), None, "work_mem"))
    with pytest.raises(ProbeError, match="a whole schema, database or catalogue is not reindexed"):
        await actuator.plan(Request("reindex-all"))
    with pytest.raises(ProbeError, match="no retention of the profile says"):
        await actuator.plan(Request("delete"))


@pytest.mark.engine
async def test_another_server_at_the_same_address_is_refused(actuator: PostgresActuator, table: str) -> None:
    plan = await actuator.plan(Request("vacuum", (table,)))
    pin = tuple((name, "another" if name == "system_identifier" else value) for name, value in plan.pin)
    sent: list[str] = []
    if dict(pin).get("system_identifier") is None:
        pin = (*pin, ("system_identifier", "another"))
    outcome = await carried_out(actuator, replace(plan, pin=pin), plan.chosen[0], sent)
    assert (outcome.result, sent) == (Result.REFUSED, [])
    assert "changed since you looked: system identifier another" in str(outcome.words)
