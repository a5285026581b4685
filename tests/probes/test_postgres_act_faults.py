"""What goes wrong with acts on PostgreSQL: lost answers, rows that are no session, poolers between."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from probes.base import (
    Action,
    Identity,
    Outcome,
    Plan,
    Result,
    SafeText,
    Subject,
    Truth,
)
from probes.postgres import parse
from probes.postgres.act import CANCEL, TERMINATE
from probes.postgres.facts import Crowd, Database, PostgresFacts, Prepared, Progress, Replica, Session
from probes.postgres.guard import MATCHES, identity_of, moment, same
from probes.postgres.sight import Sight
from probes.postgres.truth import FREED, is_true
from tests.conftest import obtain
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.probes.pgacting import Sessions, actuator_at, cancel, closing, idle_in_transaction, prepared, terminate
from tests.safety import pid_reuse
from tests.stack import pgbouncer
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.postgres import Postgres

ROLES = Path(__file__).parents[2] / "contrib" / "postgres" / "roles.sql"
SENT = b"pg_terminate_backend"


@pytest.fixture
def server(every_postgres: Postgres) -> Postgres:
    return prepared(every_postgres)


@pytest.fixture
def sessions(server: Postgres) -> Iterator[Sessions]:
    with ExitStack() as stack:
        yield Sessions(server, stack)


@pytest.fixture
def proxy(server: Postgres) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as one:
        yield one


# the answer does not come


UNANSWERED = {
    Mode.LOSE: True,
    Mode.TRUNCATE: True,
    Mode.RESET_LATER: True,
    Mode.CLOSE: False,
    Mode.RESET: False,
    Mode.GARBAGE: False,
    Mode.HTML: False,
    Mode.SILENT: False,
}
"""Ways not to answer the one request, and whether the server gets it."""


@pytest.mark.engine
@pytest.mark.parametrize("mode", UNANSWERED, ids=lambda mode: mode.value)
@pytest.mark.once
async def test_without_an_answer_nobody_knows_it_is_sent_once_and_a_look_tells(
    sessions: Sessions, proxy: FaultProxy, mode: Mode
) -> None:
    holder = idle_in_transaction(sessions)
    async with closing(actuator_at(proxy.port)) as actuator:
        plan = await actuator.plan(terminate(sessions.key(holder)))
        proxy.become(mode, when=SENT)
        sent: list[str] = []
        outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
        assert (outcome.result, len(sent), proxy.seen(SENT)) == (Result.UNKNOWN, 1, 1)
        assert mode is not Mode.SILENT or str(outcome.words) == f"no answer from 127.0.0.1:{proxy.port} within 4 s"
        async with asyncio.timeout(20):
            while proxy.open:
                await asyncio.sleep(0.01)
        proxy.become(Mode.PASS)
        if UNANSWERED[mode]:
            verdict = await settled(actuator, plan, plan.subjects[0], outcome)
            assert (verdict.truth, str(verdict.words)) == (Truth.CONFIRMED, "session ended")
        else:
            verdict = await actuator.verify(plan, plan.subjects[0], outcome, 5.0)
            assert verdict.truth is Truth.PENDING
            assert "nobody knows whether the signal came through, still there after 5 s" in str(verdict.words)
            holder.execute("SELECT 1")
            verdict = await actuator.verify(plan, plan.subjects[0], outcome, 6.0)
            assert verdict.truth is Truth.REFUTED
            assert "it works on" in str(verdict.words)
        assert proxy.seen(SENT) == 1
    assert sessions.lives(holder) is not UNANSWERED[mode]


@pytest.mark.engine
async def test_a_server_that_does_not_let_us_in_fails_before_anything_is_sent(
    sessions: Sessions, proxy: FaultProxy
) -> None:
    holder = idle_in_transaction(sessions)
    async with closing(actuator_at(proxy.port)) as actuator:
        plan = await actuator.plan(terminate(sessions.key(holder)))
        sent: list[str] = []
        for mode in (Mode.REFUSE, Mode.RESET, Mode.GARBAGE, Mode.CLOSE):
            proxy.become(mode)
            outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
            assert outcome.result is Result.FAILED
        proxy.become(Mode.PASS)
        sessions.server.sql("ALTER ROLE actor NOLOGIN")
        try:
            outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
        finally:
            sessions.server.sql("ALTER ROLE actor LOGIN")
        assert (outcome.result, str(outcome.words)) == (Result.FAILED, "our role may not log in")
    assert (sent, proxy.seen(SENT)) == ([], 0)
    assert sessions.lives(holder)


@pytest.mark.engine
async def test_a_session_that_is_cut_off_while_it_acts_is_left_unknown(sessions: Sessions, proxy: FaultProxy) -> None:
    holder = idle_in_transaction(sessions)
    async with closing(actuator_at(proxy.port)) as actuator:
        plan = await actuator.plan(terminate(sessions.key(holder)))
        proxy.become(Mode.SILENT, when=SENT)
        sent: list[str] = []
        carrying = asyncio.ensure_future(carried_out(actuator, plan, plan.subjects[0], sent))
        async with asyncio.timeout(20):
            while not proxy.seen(SENT):
                await asyncio.sleep(0.01)
            actuator.abort()
            assert (await carrying).result is Result.UNKNOWN
    actuator.abort()


@pytest.mark.engine
async def test_a_right_that_is_taken_away_fails_with_what_it_needs(sessions: Sessions, proxy: FaultProxy) -> None:
    holder = idle_in_transaction(sessions)
    async with closing(actuator_at(proxy.port)) as actuator:
        done = await perform(
            actuator,
            terminate(sessions.key(holder)),
            lambda plan: sessions.server.sql("REVOKE pg_signal_backend FROM actor"),
        )
        assert [(one.result, str(one.words)) for one in done.outcomes] == [
            (
                Result.FAILED,
                "actor may not signal this session: GRANT pg_signal_backend TO actor, or EXECUTE on opsroom.terminate",
            )
        ]
        assert proxy.seen(SENT) == 1
        plan = await actuator.plan(terminate(sessions.key(holder)))
        assert [(str(one.spared), one.barred) for one in plan.subjects] == [
            ("actor may not: needs pg_signal_backend, or opsroom.terminate of contrib/postgres", True)
        ]
    assert sessions.lives(holder)


# what is offered


def session(pid: int, **values: Any) -> Session:
    usual: dict[str, Any] = {
        "backend_start": f"2026-03-01 03:00:0{pid % 10}.123456+00",
        "state": "active",
        "backend_type": "client backend",
        "application": SafeText("newsletter-app"),
    }
    return Session(pid, **(usual | values))


BUSY = session(11)
IDLE = session(12, state="idle in transaction")
WAITER = session(13, wait_type="Lock", blocked_by=(12, 99, 0))
DUMP = session(14, application=SafeText("pg_dump"), excluded="pg_dump")
VACUUM = session(15, excluded="maintenance")
WORKER = session(16, backend_type="autovacuum worker", excluded="autovacuum")
OURS = session(17, application=SafeText("opsroom/bert"), excluded="Opsroom itself")
SEEN = (BUSY, IDLE, WAITER, DUMP, VACUUM, WORKER, OURS)

FACTS = PostgresFacts(
    sessions=SEEN,
    knots=parse.knots_of(SEEN),
    crowds=(Crowd(SafeText("newsletter-app"), SafeText("app"), SafeText("shop"), 3.0),),
    prepared=(Prepared(SafeText("lost"), SafeText("app"), SafeText("shop"), 1.0, 1.0),),
    replicas=(Replica(18, SafeText("standby"), SafeText(), "streaming", "async", None, None),),
    databases=(Database(SafeText("11")), Database(SafeText("VACUUM 11")), Database(SafeText("shop"))),
    progress=tuple(
        Progress(command, pid, SafeText("shop"), SafeText(), "", None, None)
        for command, pid in (("VACUUM", 15), ("VACUUM", 16), ("CREATE INDEX", 77))
    ),
)

NO_QUERY = "it runs no query: a cancel changes nothing; ending the session does"
OFFERED: dict[str, tuple[str, str] | None] = {
    BUSY.key: ("", ""),
    IDLE.key: (NO_QUERY, ""),
    WAITER.key: ("", ""),
    DUMP.key: ("", ""),
    WORKER.key: ("autovacuum: no client's session",) * 2,
    OURS.key: ("Opsroom itself", "Opsroom itself"),
    "99 holder": ("", ""),
    "0 holder": ("a prepared transaction: ROLLBACK PREPARED ends it",) * 2,
    "VACUUM 15": ("", ""),
    "VACUUM 16": ("autovacuum: no client's session",) * 2,
    "replica 18": ("replication: no client's session",) * 2,
    "CREATE INDEX 77": ("", ""),
    "11": None,
    "VACUUM 11": None,
    "11 2026-03-01 03:00:09+00": None,
    "newsletter-app/app@shop": None,
    "lost": None,
    "shop": None,
    "4711471147114711": None,
    "": None,
}
"""Row by row why it can't be cancelled or ended; None: nothing is offered."""


@pytest.mark.parametrize("subject", OFFERED)
def test_every_row_offers_what_can_be_done_to_it(subject: str) -> None:
    offers = actuator_at(1).offers(FACTS, [subject])
    expected = OFFERED[subject]
    said = [(one.action, one.refused) for one in offers]
    assert said == ([] if expected is None else list(zip((CANCEL, TERMINATE), expected, strict=True)))


def test_marked_rows_offer_what_can_be_done_to_any_of_them() -> None:
    actuator = actuator_at(1)
    assert [one.refused for one in actuator.offers(FACTS, [IDLE.key, BUSY.key])] == ["", ""]
    assert [one.refused for one in actuator.offers(FACTS, [IDLE.key, OURS.key])] == [NO_QUERY, ""]
    assert actuator.offers(FACTS, [BUSY.key, "newsletter-app/app@shop"]) == ()
    whole = {one.action.name: one.refused for one in actuator.offers(FACTS, [])}
    assert whole == {"analyze": "", "vacuum": "", "delete-old": "the profile names no retention", "slow-log": "",
                     "reset-statements": ""}  # fmt: skip
    assert (CANCEL.grave, TERMINATE.grave, TERMINATE.many) == (False, True, True)


# what is true, from what a look says


PIN: Identity = (("system_identifier", "7"), ("started", "2026-03-01 02:00:00+00"), ("standby", "no"))


def sight(*found: Session, pin: Identity = PIN, hidden: frozenset[int] = frozenset()) -> Sight:
    return Sight("db:5432", 150018, SafeText("15.18"), SafeText("actor"), SafeText("app"), pin, False, True, True, (),
                 {}, found, hidden, frozenset())  # fmt: skip


def judged(action: Action, was: Session, seen: Sight, outcome: Outcome, after: float = 5.0) -> tuple[Truth, str]:
    subject = Subject(was.key, SafeText("it"), identity_of(was), SafeText(), SafeText())
    plan = _plan(action, subject)
    verdict = is_true(plan, subject, outcome, after, seen)
    return verdict.truth, str(verdict.words)


def _plan(action: Action, subject: Subject) -> Plan:
    from datetime import UTC, datetime

    from probes.base import Request

    return Plan("main", "postgres", action, Request(action.name, (subject.key,)), SafeText(), PIN, (subject,), (),
                datetime(2026, 3, 1, tzinfo=UTC), action.danger)  # fmt: skip


DONE = Outcome(Result.DONE, SafeText("signal sent"))
UNKNOWN = Outcome(Result.UNKNOWN, SafeText())


def test_truth_is_told_by_identity() -> None:
    was = session(12, state="idle in transaction", state_change="2026-03-01 03:01:00+00", wait_type="Client",
                  wait_event="ClientRead")  # fmt: skip
    again = session(12, backend_start="2026-03-01 03:09:00+00", state="idle in transaction")
    moved = session(12, state="idle", state_change="2026-03-01 03:02:00+00")
    assert judged(TERMINATE, was, sight(), UNKNOWN) == (Truth.CONFIRMED, "session ended")
    assert judged(TERMINATE, was, sight(again), DONE)[0] is Truth.CONFIRMED
    assert judged(TERMINATE, was, sight(was), DONE) == (
        Truth.PENDING, "signal sent, still there after 5 s (does not react, on Client:ClientRead)"
    )  # fmt: skip
    assert judged(TERMINATE, was, sight(moved), DONE, after=0.2)[0] is Truth.PENDING
    assert judged(TERMINATE, was, sight(moved), DONE) == (
        Truth.REFUTED, "it works on: idle since 2026-03-01 03:02:00+00"
    )  # fmt: skip
    assert judged(TERMINATE, was, sight(hidden=frozenset({12})), DONE) == (
        Truth.UNKNOWN, "what has pid 12 now is hidden from actor"
    )  # fmt: skip


def test_another_server_tells_nothing_and_one_started_anew_tells_all() -> None:
    was = session(12)
    for name, value, truth in (
        ("system_identifier", "8", Truth.UNKNOWN),
        ("standby", "yes", Truth.UNKNOWN),
        ("started", "2026-03-01 04:00:00+00", Truth.CONFIRMED),
    ):
        pin = tuple((key, value if key == name else old) for key, old in PIN)
        assert judged(TERMINATE, was, sight(was, pin=pin), UNKNOWN)[0] is truth


def test_the_root_of_a_wait_is_found_through_others_and_a_circle_has_none() -> None:
    last, middle, holder = session(3, blocked_by=(2,)), session(2, blocked_by=(1, 8)), session(1)
    seen = sight(last, middle, holder)
    assert (seen.holders(last), seen.holders(holder)) == ((1, 8), ())
    assert [[one.pid for one in seen.behind(pid)] for pid in (1, 2, 8)] == [[2, 3], [3], [2, 3]]
    round_ = sight(session(1, blocked_by=(2,)), session(2, blocked_by=(1,)))
    assert round_.holders(round_.sessions[0]) == ()
    assert [one.pid for one in round_.behind(1)] == [2]


@pytest.mark.engine
def test_the_guard_spares_its_own_session_and_all_that_are_no_client_s(postgres: Postgres) -> None:
    """Over a made-up row, as no real one of ours could match what was looked at."""
    known = dict.fromkeys(("backend_start", "state_change", "query_start", "xact_start"), "2026-03-01 03:00:00+00")
    columns = ", ".join(f"'{value}'::timestamptz AS {name}" for name, value in known.items())
    with psycopg.connect(postgres.url(), autocommit=True) as server:
        for pid, kind, expected in (
            ("1", "client backend", 1),
            ("1", "walsender", 0),
            ("1", "autovacuum worker", 0),
            ("pg_backend_pid()", "client backend", 0),
        ):
            row = f"SELECT {pid} AS pid, 'idle' AS state, '{kind}' AS backend_type, {columns}"
            own = server.info.backend_pid if "(" in pid else 1
            statement = f"SELECT s.pid FROM ({row}) AS s WHERE {MATCHES}"
            found = server.execute(statement.encode(), known | {"pid": own, "state": "idle"}).fetchall()
            assert len(found) == expected, (pid, kind)


def test_those_set_free_are_counted_and_get_a_moment_to_wake() -> None:
    was = session(12, state="idle in transaction")
    first, second = session(13, wait_type="Lock", blocked_by=(44,)), session(15)
    waited = Outcome(Result.DONE, SafeText("session ended"), ((FREED, f"{first.key};{second.key}"),))
    assert judged(TERMINATE, was, sight(first, second), waited, 0.1) == (
        Truth.PENDING, "session ended; 1 of 2 behind it go on"
    )  # fmt: skip
    assert judged(TERMINATE, was, sight(first, second), waited) == (
        Truth.CONFIRMED, "session ended; 1 of 2 sessions set free, 13 waits for 44 now"
    )  # fmt: skip
    assert judged(TERMINATE, was, sight(), waited, 0.1) == (
        Truth.CONFIRMED, "session ended; 2 of 2 sessions set free"
    )  # fmt: skip


def test_a_cancelled_query_is_over_when_it_is_another_one_or_none() -> None:
    was = session(11, query_start="2026-03-01 03:01:00+00")
    for now, words in (
        (session(11, state="idle", query_start=was.query_start), "query over, session stays: idle"),
        (session(11, query_start="2026-03-01 03:02:00+00"), "query over, session stays: runs another query now"),
        (None, "query over, its session has ended too"),
    ):
        assert judged(CANCEL, was, sight(*([now] if now else [])), DONE) == (Truth.CONFIRMED, words)
    assert judged(CANCEL, was, sight(was), DONE) == (Truth.PENDING, "signal sent, query still runs after 5 s")
    assert judged(CANCEL, was, sight(was), UNKNOWN)[1].startswith("nobody knows")


@pytest.mark.parametrize("name", ["backend_start", "state", "state_change", "query_start", "xact_start"])
def test_every_part_of_an_identity_counts(name: str) -> None:
    at = "2026-03-01 03:00:00.123456+00"
    was = session(12, state="idle in transaction", state_change=at, query_start=at, xact_start=at)
    assert same(identity_of(was), was)
    changed = {"state": "idle"} if name == "state" else {name: moment("2026-03-01 03:00:00.123457+00")}
    assert not same(identity_of(was), session(12, **{"state": "idle in transaction", "state_change": at,
                                                     "query_start": at, "xact_start": at, **changed}))  # fmt: skip


# a pooler in between


@pytest.fixture
def pooler(postgres: Postgres) -> Iterator[pgbouncer.PgBouncer]:
    prepared(postgres)
    one = obtain("pgbouncer", lambda: pgbouncer.start(postgres))
    yield one
    pgbouncer.end(one)


def _pooled(pooler: pgbouncer.PgBouncer, application: str) -> psycopg.Connection[Any]:
    from psycopg.conninfo import make_conninfo

    words = make_conninfo(pooler.url("plain"), application_name=application)
    return psycopg.connect(words, autocommit=True, prepare_threshold=None)


@pytest.mark.engine
async def test_a_pooler_s_connection_that_serves_another_client_by_then_is_spared(
    postgres: Postgres, pooler: pgbouncer.PgBouncer
) -> None:
    with ExitStack() as stack, _pooled(pooler, "first") as first, _pooled(pooler, "second") as second:
        watching = Sessions(postgres, stack)
        first.execute("BEGIN")
        row = first.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        async with closing(actuator_at(postgres.port)) as actuator:
            plan = await actuator.plan(terminate(str(row[0])))

            async def sending() -> None:
                first.execute("COMMIT")
                second.execute("BEGIN")
                assert second.execute("SELECT pg_backend_pid()").fetchone() == row

            for moment_ in ("last", "before"):
                outcome = await actuator.carry_out(
                    plan, plan.subjects[0], ACT, sending if moment_ == "last" else _never
                )
                assert outcome.result is Result.REFUSED
        assert second.execute("SELECT pg_backend_pid()").fetchone() == row
        assert watching.of_pid(row[0], "state") == "idle in transaction"
        second.execute("COMMIT")


async def _never() -> None:
    pytest.fail("something was sent")


@pytest.mark.engine
async def test_acts_go_through_a_pooler_too(postgres: Postgres, pooler: pgbouncer.PgBouncer) -> None:
    with ExitStack() as stack:
        held = Sessions(postgres, stack)
        holder = idle_in_transaction(held)
        busy = held.busy("report", "SELECT pg_sleep(100)")
        async with closing(actuator_at(pooler.port, pooled=True)) as actuator:
            ended = await perform(actuator, terminate(held.key(holder)))
            over = await perform(actuator, cancel(held.key(busy)))
        assert [one.truth for one in (*ended.verdicts, *over.verdicts)] == [Truth.CONFIRMED, Truth.CONFIRMED]
        assert any("through a pooler" in note for note in ended.plan.notes)
        assert not held.lives(holder)
        assert held.row(busy, "state") == "idle"


# the long proofs, shortened


@pytest.mark.engine
def test_a_pid_that_is_used_again_never_ends_another_session() -> None:
    obtain("pid_reuse", pid_reuse.able)
    said = _proof("pid_reuse", 24)
    assert "24 pids used again" in said
    assert ", 0 wrong hits; by the pid alone 2 of 2 wrong; without a swap 2 of 2 right" in said


@pytest.mark.engine
def test_a_session_that_changes_hands_behind_a_pooler_is_never_ended(pooler: pgbouncer.PgBouncer) -> None:
    said = _proof("pgbouncer", 12)
    assert "12 pooled transactions changed hands, 0 wrong hits; by pid and start of the session alone 1 of 1" in said


def _proof(name: str, trials: int) -> str:
    """What a proof of tests/safety says."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.safety.{name}", "--trials", str(trials)],
        cwd=ROLES.parents[2], capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout
