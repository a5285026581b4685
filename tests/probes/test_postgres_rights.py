"""Which roles may act on PostgreSQL, and the least that will do: contrib/postgres/roles.sql, on 15 and 18."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from probes.base import (
    Cause,
    Context,
    Grant,
    ProbeError,
    Request,
    Result,
    Right,
    Target,
    Truth,
)
from probes.postgres.act import PostgresActuator
from probes.postgres.address import PostgresSettings, for_acts
from tests.probes.acting import ACT, carried_out, perform
from tests.probes.pgacting import Sessions, actuator_at, cancel, closing, idle_in_transaction, prepared, terminate
from tests.stack.faultproxy import FaultProxy
from tests.stack.postgres import PASSWORD, Postgres
from tests.stack.process import wait_until

ROLES = Path(__file__).parents[2] / "contrib" / "postgres" / "roles.sql"
CARE = ROLES.with_name("care.sql")
SENT = b"pg_terminate_backend"


@pytest.fixture
def server(every_postgres: Postgres) -> Postgres:
    return prepared(every_postgres)


@pytest.fixture
def sessions(server: Postgres) -> Iterator[Sessions]:
    with ExitStack() as stack:
        yield Sessions(server, stack)


# rights


@pytest.mark.engine
async def test_what_is_hidden_from_us_is_denied_and_our_own_sessions_are_not(
    sessions: Sessions, server: Postgres
) -> None:
    other = sessions.open("other", "BEGIN", "SELECT 1", role="reader")
    mine = sessions.open("mine", "BEGIN", "SELECT 1", role="plain")
    async with closing(actuator_at(server.port, "plain")) as actuator:
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(terminate(str(other.info.backend_pid)))
        assert caught.value.cause is Cause.DENIED
        assert str(caught.value.hint) == "GRANT pg_read_all_stats TO plain"
        done = await perform(actuator, terminate(sessions.key(mine)))
        assert done.verdicts[0].truth is Truth.CONFIRMED
    assert sessions.lives(other)


def grants(rights: Any) -> dict[str, Grant]:
    return {one.name: one.grant for one in rights}


@pytest.fixture
def cared(server: Postgres) -> Iterator[str]:
    """A database of the test's own with one table: rights to "every table" are about no others."""
    server.sql("CREATE DATABASE cared")
    server.sql(
        "CREATE TABLE cared (id int, at timestamptz); INSERT INTO cared SELECT 1, now(); GRANT ALL ON cared TO plain",
        database="cared",
    )
    yield "cared"
    server.sql("DROP DATABASE cared WITH (FORCE)")


def actuator_in(database: str, server: Postgres, role: str, **settings: Any) -> PostgresActuator:
    return actuator_at(server.port, role, url=f"postgresql://{role}@127.0.0.1:{server.port}/{database}", **settings)


@pytest.mark.engine
async def test_the_doctor_hears_what_is_missing_and_what_is_too_much(server: Postgres, cared: str) -> None:
    async def of(role: str) -> dict[str, Right]:
        async with closing(actuator_in(cared, server, role)) as actuator:
            return {one.name: one for one in await actuator.rights()}

    plain, actor, root = await of("plain"), await of("actor"), await of("postgres")
    maintain = Grant.HELD if server.origin == "wheel" else Grant.MISSING  # since 17 it is part of GRANT ALL
    assert grants(plain.values()) == {
        "see other roles' sessions whole": Grant.MISSING,
        "cancel sessions of other roles": Grant.MISSING,
        "terminate sessions of other roles": Grant.MISSING,
        "vacuum, analyse and reindex every table": maintain,
        "make and drop indexes of every table": Grant.MISSING,
        "make a slow-query threshold last": Grant.MISSING,
    }
    assert str(plain["see other roles' sessions whole"].remedy) == "GRANT pg_read_all_stats TO plain"
    assert {grant for name, grant in grants(actor.values()).items() if "sessions" in name} == {Grant.HELD}
    assert {root[name].grant for name in plain if "sessions" not in name} == {Grant.HELD}
    assert root["superuser: may do everything"].grant is Grant.EXCESS
    server.sql("CREATE SCHEMA opsroom_store; CREATE TABLE opsroom_store.record (id int)", database=cared)
    assert "0 of 1 tables so far" in str((await of("plain"))["make and drop indexes of every table"].remedy), (
        "the store's are not asked for"
    )
    server.sql("GRANT pg_execute_server_program TO actor")
    try:
        actor = await of("actor")
    finally:
        server.sql("REVOKE pg_execute_server_program FROM actor")
    assert str(actor["member of pg_execute_server_program"].remedy) == "REVOKE pg_execute_server_program FROM actor"


# the least that will do: contrib/postgres/roles.sql


@pytest.fixture
def least(server: Postgres) -> Iterator[Postgres]:
    """The server with the roles and functions of contrib, run twice as a careful person might."""
    for _ in range(2):
        server.sql(ROLES.read_text())
    for role in ("opsroom_read", "opsroom_act"):
        server.sql(f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")
    yield server
    server.sql(
        "DROP SCHEMA opsroom CASCADE; DROP OWNED BY opsroom_read, opsroom_act, opsroom_signal; "
        "DROP ROLE opsroom_read, opsroom_act, opsroom_signal"
    )


@pytest.mark.engine
async def test_with_the_guarded_functions_a_role_acts_that_may_signal_nobody(
    least: Postgres, sessions: Sessions
) -> None:
    holder, busy = idle_in_transaction(sessions), sessions.busy("report", "SELECT pg_sleep(100)")
    with FaultProxy(least.port) as proxy:
        async with closing(actuator_at(proxy.port, "opsroom_act")) as actuator:
            ended = await perform(actuator, terminate(sessions.key(holder)))
            over = await perform(actuator, cancel(sessions.key(busy)))
            rights = await actuator.rights()
            found = {one.name: one.grant for one in rights if "sessions" in one.name or one.grant is Grant.EXCESS}
        assert (proxy.seen(SENT), proxy.seen(b"opsroom.terminate("), proxy.seen(b"opsroom.cancel(")) == (0, 1, 1)
    assert [str(one.words) for one in (*ended.outcomes, *over.outcomes)] == ["session ended", "signal sent"]
    assert [one.truth for one in (*ended.verdicts, *over.verdicts)] == [Truth.CONFIRMED, Truth.CONFIRMED]
    assert set(found.values()) == {Grant.HELD}
    log = (least.folder / "log").read_text()
    assert f"opsroom terminate act={ACT} by=opsroom_act pid={holder.info.backend_pid} backend_start=" in log
    for role in ("opsroom_act", "opsroom_read"):
        with pytest.raises(RuntimeError, match=r"must be a member|[Pp]ermission denied"):
            least.sql(f"SELECT pg_terminate_backend({busy.info.backend_pid})", role=role)
    with pytest.raises(RuntimeError, match="permission denied for schema opsroom"):
        least.sql(_call(sessions, "terminate", busy), role="opsroom_read")
    assert sessions.lives(busy)


def _call(sessions: Sessions, action: str, victim: psycopg.Connection[Any], **other: str) -> str:
    """A call of a guarded function by hand; what `other` names is told wrong."""
    known = {name: sessions.row(victim, name)
             for name in ("backend_start", "state", "state_change", "query_start", "xact_start")}  # fmt: skip
    told = {"pid": sessions.row(victim)} | known | other
    values = ", ".join(f"'{value}'" if value else "NULL" for value in told.values())
    return f"SELECT opsroom.{action}({values}, '{ACT}', 700)"


@pytest.mark.engine
def test_the_guarded_functions_do_nothing_where_anything_differs(least: Postgres, sessions: Sessions) -> None:
    victim = idle_in_transaction(sessions)
    busy = sessions.busy("report", "SELECT pg_sleep(100)")
    boss = sessions.busy("boss", "SELECT pg_sleep(100)", role="postgres")
    checkpointer = sessions.watcher("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    wrong: list[dict[str, str]] = [{"xact_start": ""}, {"state": "active"}, {"pid": checkpointer}, {"state_change": ""}]
    wrong += [{"pid": sessions.row(busy)}]
    for name in ("backend_start", "xact_start", "query_start", "state_change"):
        later = sessions.row(victim, f"({name} + interval '1 microsecond')")
        wrong.append({name: later})
    for other in wrong:
        assert least.sql(_call(sessions, "terminate", victim, **other), role="opsroom_act") == "changed"
    assert least.sql(_call(sessions, "cancel", victim), role="opsroom_act") == "changed"
    for action in ("cancel", "terminate"):
        with pytest.raises(RuntimeError, match=r"superuser|SUPERUSER"):
            least.sql(_call(sessions, action, boss), role="opsroom_act")
    assert all(map(sessions.lives, (victim, busy, boss)))
    assert least.sql(_call(sessions, "terminate", victim), role="opsroom_act") == "terminated"
    assert not sessions.lives(victim)


@pytest.mark.engine
def test_the_guarded_functions_are_not_deceived_by_what_a_transaction_remembers(
    least: Postgres, sessions: Sessions
) -> None:
    """The server keeps what it told of sessions until the transaction ends; the function looks anew."""
    victim = idle_in_transaction(sessions)
    call = _call(sessions, "terminate", victim)
    caller = sessions.open("caller", "BEGIN", "SELECT count(*) FROM pg_stat_activity", role="opsroom_act")
    victim.execute("SELECT 1")
    row = caller.execute(call.encode()).fetchone()
    assert row == ("changed",)
    assert sessions.lives(victim)


@pytest.mark.engine
async def test_the_guarded_functions_refuse_what_changes_in_the_last_moment(
    least: Postgres, sessions: Sessions
) -> None:
    gate = sessions.open("gate", "SELECT pg_advisory_lock(4711)")
    victim, busy = idle_in_transaction(sessions), sessions.busy("report", "SELECT pg_advisory_lock(4711)")
    async with closing(actuator_at(least.port, "opsroom_act")) as actuator:
        plans = [
            await actuator.plan(terminate(sessions.key(victim))),
            await actuator.plan(cancel(sessions.key(busy))),
        ]

        async def sending() -> None:
            victim.execute("SELECT 1")
            gate.execute("SELECT pg_advisory_unlock_all()")
            wait_until(lambda: sessions.row(busy, "state") == "idle", 20)

        outcomes = [await actuator.carry_out(plan, plan.subjects[0], ACT, sending) for plan in plans]
    assert [one.result for one in outcomes] == [Result.REFUSED, Result.REFUSED]
    assert str(outcomes[0].words).startswith("changed since you looked: idle in transaction -> ")
    assert str(outcomes[1].words).startswith("changed since you looked: active -> idle for ")
    assert sessions.lives(victim)


@pytest.mark.engine
async def test_a_superuser_s_session_taken_in_is_ended_by_a_superuser_and_not_through_the_function(
    least: Postgres, sessions: Sessions
) -> None:
    boss = sessions.busy("psql", "SELECT pg_sleep(100)", role="postgres")
    with FaultProxy(least.port) as proxy:
        async with closing(actuator_at(proxy.port, "postgres")) as actuator:
            plan = await actuator.plan(terminate(sessions.key(boss)))
            plan = plan.taking_in([one.key for one in plan.subjects])
            outcome = await carried_out(actuator, plan, plan.chosen[0], [])
        assert (outcome.result, proxy.seen(SENT), proxy.seen(b"opsroom.terminate(")) == (Result.DONE, 1, 0)
    assert not sessions.lives(boss)


@pytest.mark.engine
async def test_the_doctor_says_when_the_guard_can_be_gone_around(least: Postgres) -> None:
    least.sql(
        "GRANT pg_signal_backend TO opsroom_act; ALTER FUNCTION opsroom.cancel OWNER TO postgres; "
        "GRANT EXECUTE ON FUNCTION opsroom.terminate TO PUBLIC"
    )
    async with closing(actuator_at(least.port, "opsroom_act")) as actuator:
        found = {one.name: str(one.remedy) for one in await actuator.rights() if one.grant is Grant.EXCESS}
    assert found == {
        "signal any session without the guard of opsroom.terminate": "REVOKE pg_signal_backend FROM opsroom_act",
        "opsroom.cancel belongs to a superuser: it ends superusers' sessions too":
            "ALTER FUNCTION opsroom.cancel OWNER TO opsroom_signal",
        "everybody may call opsroom.terminate": "REVOKE ALL ON FUNCTION opsroom.terminate FROM PUBLIC",
    }  # fmt: skip


@pytest.mark.engine
async def test_a_function_of_that_name_that_runs_with_our_rights_is_not_called(
    least: Postgres, sessions: Sessions
) -> None:
    least.sql("ALTER FUNCTION opsroom.terminate SECURITY INVOKER; GRANT pg_signal_backend TO opsroom_act")
    holder = idle_in_transaction(sessions)
    with FaultProxy(least.port) as proxy:
        async with closing(actuator_at(proxy.port, "opsroom_act")) as actuator:
            done = await perform(actuator, terminate(sessions.key(holder)))
        assert (proxy.seen(b"opsroom.terminate("), proxy.seen(SENT)) == (0, 1)
    assert done.verdicts[0].truth is Truth.CONFIRMED


# the login for acts


@pytest.mark.engine
async def test_with_the_grants_of_care_a_role_may_what_care_needs_and_no_more(least: Postgres, cared: str) -> None:
    for _ in range(2):
        least.sql(CARE.read_text(), database=cared)
    least.sql("GRANT SELECT, UPDATE, DELETE ON cared TO opsroom_act", database=cared)
    retention = {"old": {"table": "public.cared", "column": "at", "keep": "1 day"}}
    async with closing(actuator_in(cared, least, "opsroom_act", retention=retention)) as actuator:
        found = {one.name: one for one in await actuator.rights()}
        assert found["make a slow-query threshold last"].grant is Grant.HELD
        assert found["delete old rows of public.cared"].grant is Grant.HELD
        assert found["make and drop indexes of every table"].grant is Grant.MISSING
        assert "which may do anything to them" in str(found["make and drop indexes of every table"].remedy)
        plan = await actuator.plan(Request("vacuum", ("public.cared",)))
        newer = least.origin == "wheel"
        assert (found["vacuum, analyse and reindex every table"].grant is Grant.HELD) is newer
        assert plan.subjects[0].barred is not newer
        if newer:
            done = await perform(actuator, Request("vacuum", ("public.cared",)))
            assert done.verdicts[0].truth is Truth.CONFIRMED, str(done.verdicts[0].words)


def test_the_login_for_acts_is_its_own_and_never_gets_the_other_password() -> None:
    both = PostgresSettings(url="postgresql://r@db/app", password="env:READ", service=None)
    assert for_acts(both).url == both.url
    assert for_acts(both).password == "env:READ"
    own = both.model_copy(update={"act_url": "postgresql://a@db/app"})
    assert (for_acts(own).url, for_acts(own).password) == ("postgresql://a@db/app", None)
    given = own.model_copy(update={"act_password": "env:ACT"})
    assert for_acts(given).password == "env:ACT"
    with pytest.raises(ValidationError):
        PostgresSettings(act_url="mysql://a@db/app")


@pytest.mark.engine
async def test_acts_use_their_own_login_and_say_who_acts(sessions: Sessions, server: Postgres) -> None:
    holder = idle_in_transaction(sessions)
    settings = {
        "url": f"postgresql://plain@127.0.0.1:{server.port}/app",
        "password": "env:READ",
        "act_url": f"postgresql://actor@127.0.0.1:{server.port}/app",
        "act_password": "env:ACT",
    }
    asked: list[str] = []

    class Told:
        def resolve(self, reference: str) -> str:
            asked.append(reference)
            return PASSWORD

    made = PostgresSettings.model_validate(settings)
    actuator = PostgresActuator(Target("main", "postgres", made), Context(Told(), operator="anna"))
    async with closing(actuator):
        plan = await actuator.plan(terminate(sessions.key(holder)))
        assert " as actor in app" in str(plan.place)

        async def sending() -> None:
            assert sessions.watcher("SELECT usename FROM pg_stat_activity WHERE application_name = 'opsroom/anna'") == (
                "actor"
            )

        outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, sending)
    assert outcome.result is Result.DONE
    assert set(asked) == {"env:ACT"}
    wait_until(
        lambda: (
            sessions.watcher("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'opsroom/%'") == "0"
        ),
        5,
    )
