"""Cancelling and ending sessions on real servers, 15 and 18: the right one, once, and whether it came true."""

from __future__ import annotations

import random
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from probes.base import (
    Cause,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Truth,
)
from probes.postgres import act as acts
from probes.postgres.act import PostgresActuator
from probes.postgres.facts import Session
from probes.postgres.guard import MATCHES, identity_of, moment, values_of
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.probes.pgacting import Sessions, actuator_at, cancel, closing, idle_in_transaction, prepared, terminate
from tests.stack.faultproxy import FaultProxy, hung
from tests.stack.postgres import PASSWORD, Postgres
from tests.stack.process import wait_until

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
async def actuator(server: Postgres) -> AsyncIterator[PostgresActuator]:
    one = actuator_at(server.port)
    yield one
    await one.close()


@pytest.fixture
def proxy(server: Postgres) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as one:
        yield one


def words_of(plan: Plan) -> str:
    told = [plan.place, *plan.felt, *plan.notes, plan.undo]
    for one in plan.subjects:
        told += [one.name, one.before, one.after, *one.felt, one.spared]
    return " | ".join(map(str, told))


# it is done


@pytest.mark.engine
async def test_a_session_that_sits_on_a_lock_is_ended_and_those_behind_it_go_on(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    holder = idle_in_transaction(sessions)
    waiter = sessions.waiting("report", "UPDATE campaigns SET name = 'y' WHERE id = 1")
    done = await perform(actuator, terminate(sessions.key(holder)))
    (one,) = done.plan.subjects
    assert str(one.before).startswith(
        "idle in transaction for 0 s; transaction open for 0 s; holds up 1 session; plain"
    )
    assert "UPDATE campaigns SET name = ? WHERE id = ?" in str(one.before)
    assert str(one.after) == "session ended, its transaction rolled back"
    assert str(one.felt[0]) == "1 session waits for it and goes on"
    assert f"PostgreSQL {sessions.server.sql('SHOW server_version')} at 127.0.0.1:" in str(done.plan.place)
    assert [outcome.result for outcome in done.outcomes] == [Result.DONE]
    assert str(done.outcomes[0].words) == "session ended"
    assert (done.verdicts[0].truth, str(done.verdicts[0].words)) == (
        Truth.CONFIRMED, "session ended; 1 of 1 session set free"
    )  # fmt: skip
    assert not sessions.lives(holder)
    wait_until(lambda: sessions.row(waiter, "state") == "idle", 20)
    assert sessions.watcher("SELECT name FROM campaigns WHERE id = 1") == "y"


@pytest.mark.engine
async def test_a_query_is_cancelled_and_its_session_stays(sessions: Sessions, actuator: PostgresActuator) -> None:
    busy = sessions.busy("report", "SELECT pg_sleep(100)")
    done = await perform(actuator, cancel(sessions.key(busy)))
    assert str(done.plan.subjects[0].after) == "query cancelled, session stays"
    assert [(one.result, str(one.words)) for one in done.outcomes] == [(Result.DONE, "signal sent")]
    assert (done.verdicts[0].truth, str(done.verdicts[0].words)) == (
        Truth.CONFIRMED, "query over, session stays: idle"
    )  # fmt: skip
    assert sessions.row(busy, "state") == "idle"


@pytest.mark.engine
async def test_a_cancel_in_a_transaction_says_that_the_whole_of_it_fails(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    busy = sessions.busy("batch", "SELECT pg_sleep(100)", "BEGIN", "UPDATE campaigns SET name = 'z' WHERE id = 2")
    done = await perform(actuator, cancel(sessions.key(busy)))
    assert "its whole transaction fails, 0 s of it" in map(str, done.plan.subjects[0].felt)
    assert str(done.verdicts[0].words) == (
        "query over, session stays: idle in transaction (aborted); its transaction has failed, its locks are let go"
    )


@pytest.mark.engine
async def test_a_running_session_and_one_that_only_idles_can_be_ended(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    busy, idle = sessions.busy("report", "SELECT pg_sleep(100)"), sessions.open("pool", "SELECT 1")
    done = await perform(actuator, terminate(sessions.key(busy), sessions.key(idle)))
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED, Truth.CONFIRMED]
    assert str(done.plan.subjects[1].after) == "session ended"
    assert [str(felt) for felt in done.plan.felt] == ["2 sessions end"]
    assert len(done.plan.command) == 2
    assert not sessions.lives(busy)
    assert not sessions.lives(idle)


@pytest.mark.engine
async def test_a_session_that_never_ran_a_query_can_be_ended(sessions: Sessions, actuator: PostgresActuator) -> None:
    fresh = sessions.open("fresh")
    done = await perform(actuator, terminate(sessions.key(fresh)))
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED]


@pytest.mark.engine
async def test_a_procedure_that_commits_again_and_again_can_be_cancelled(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    work = "DO $$ BEGIN LOOP PERFORM pg_sleep(0.002); COMMIT; END LOOP; END $$"
    busy = sessions.busy("batch", work)
    wait_until(lambda: sessions.row(busy, "(xact_start > query_start)") == "true", 20)
    done = await perform(actuator, cancel(sessions.key(busy)))
    assert "xact_start" not in dict(done.plan.subjects[0].identity)
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED]
    assert sessions.row(busy, "state") == "idle"


@pytest.mark.engine
async def test_a_frozen_session_is_said_to_be_still_there_until_it_is_gone(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    holder = idle_in_transaction(sessions)
    plan = await actuator.plan(terminate(sessions.key(holder)))
    with hung(holder.info.backend_pid):
        sent: list[str] = []
        outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
        assert (outcome.result, str(outcome.words)) == (Result.DONE, "signal sent, still there after 700 ms")
        for after in (0.0, 3.0):
            verdict = await actuator.verify(plan, plan.subjects[0], outcome, after)
            assert verdict.truth is Truth.PENDING
            assert str(verdict.words).startswith(f"signal sent, still there after {after:.0f} s (does not react")
    assert (await settled(actuator, plan, plan.subjects[0], outcome)).truth is Truth.CONFIRMED


@pytest.mark.engine
async def test_a_typed_pid_means_the_one_session_it_is_now(sessions: Sessions, actuator: PostgresActuator) -> None:
    holder = idle_in_transaction(sessions)
    done = await perform(actuator, terminate(str(holder.info.backend_pid)))
    assert done.plan.subjects[0].key == sessions_key(done.plan)
    assert re.fullmatch(r"\d+ \d{4}-\d\d-\d\d .*\+00", done.plan.subjects[0].key)
    assert done.plan.command == (actuator.render(terminate(done.plan.subjects[0].key)),)
    assert done.verdicts[0].truth is Truth.CONFIRMED


def sessions_key(plan: Plan) -> str:
    known = dict(plan.subjects[0].identity)
    return f"{known['pid']} {known['backend_start']}"


# who is meant


@pytest.mark.engine
async def test_one_that_only_waits_is_meant_itself_and_told_who_is_at_the_root(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    holder = idle_in_transaction(sessions)
    middle = sessions.waiting("middle", "UPDATE campaigns SET name = 'y' WHERE id = 1", "BEGIN")
    last = sessions.waiting("last", "UPDATE campaigns SET name = 'z' WHERE id = 1")
    plan = await actuator.plan(terminate(sessions.key(last), sessions.key(middle)))
    assert [one.key for one in plan.chosen] == [sessions.key(last), sessions.key(middle)]
    root = f"only waits, and to end it frees nobody: {holder.info.backend_pid} is at the root of it"
    assert f"{last.info.backend_pid} {root}" in words_of(plan)
    assert f"{middle.info.backend_pid} {root}" in words_of(plan)


@pytest.mark.engine
async def test_a_cancel_or_a_typed_pid_means_the_one_that_waits_itself(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    idle_in_transaction(sessions)
    waiter = sessions.waiting("report", "UPDATE campaigns SET name = 'y' WHERE id = 1")
    key = sessions.key(waiter)
    assert [one.key for one in (await actuator.plan(cancel(key))).chosen] == [key]
    assert [one.key for one in (await actuator.plan(terminate(str(waiter.info.backend_pid)))).chosen] == [key]
    done = await perform(actuator, cancel(key))
    assert done.verdicts[0].truth is Truth.CONFIRMED


@pytest.mark.engine
async def test_what_must_be_left_alone_is_left_out_and_some_of_it_for_good(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    dump = sessions.busy("pg_dump", "SELECT pg_sleep(100)")
    boss = sessions.busy("psql", "SELECT pg_sleep(100)", role="postgres")
    ours = sessions.busy("opsroom/bert", "SELECT pg_sleep(100)")
    idle = idle_in_transaction(sessions)
    launcher = int(sessions.watcher("SELECT pid FROM pg_stat_activity WHERE backend_type = 'autovacuum launcher'"))
    plan = await actuator.plan(terminate(*map(str, [*(one.info.backend_pid for one in (dump, boss, ours)), launcher])))
    assert plan.chosen == ()
    assert {str(one.spared): one.barred for one in plan.subjects} == {
        "pg_dump": False,
        "a superuser's session: only a superuser may end it": True,
        "Opsroom itself": True,
        "autovacuum: no client's session": True,
    }
    every = plan.taking_in([one.key for one in plan.subjects])
    assert [str(one.name) for one in every.chosen] == [f"{dump.info.backend_pid} pg_dump"]
    async with closing(actuator_at(sessions.server.port, "postgres")) as root:
        plan = await root.plan(terminate(str(boss.info.backend_pid)))
        assert [(str(one.spared), one.barred) for one in plan.subjects] == [("a superuser's session", False)]
    plan = await actuator.plan(cancel(sessions.key(idle)))
    assert [(str(one.spared), one.barred) for one in plan.subjects] == [
        ("it runs no query: a cancel changes nothing; ending the session does", True)
    ]


@pytest.mark.engine
async def test_a_row_that_is_gone_or_is_another_session_now_can_t_be_planned(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    holder = idle_in_transaction(sessions)
    pid, start = holder.info.backend_pid, sessions.key(holder).partition(" ")[2]
    other = f"{start[:-9]}{int(start[-9:-3]) ^ 1:06d}+00" if len(start) == 29 else start.replace("+00", "1+00")
    for subject in (f"{pid} {moment(other)}", "2147483000", "2147483000 2026-03-01 03:00:00+00"):
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(terminate(subject))
        assert caught.value.cause is Cause.GONE
        assert "has ended" in str(caught.value.message)
    assert sessions.lives(holder)


@pytest.mark.parametrize(
    "subject",
    ["-1", "0", "1; DROP TABLE x", "1 OR 1=1", "$(reboot)", "12\n13", "a/b@c", "", "99999999999", "1 2026-01-01", "'1'",
     "12 holder; x", "٣"],
)  # fmt: skip
async def test_a_subject_that_is_no_session_never_reaches_the_server(subject: str) -> None:
    async with closing(actuator_at(1)) as actuator:
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(terminate(subject))
    assert caught.value.cause is Cause.GONE


async def test_a_request_of_nothing_or_of_something_else_is_no_plan() -> None:
    async with closing(actuator_at(1)) as actuator:
        for request in (Request("terminate"), Request("restart", ("1",)), Request("cancel", ("1",), 3)):
            with pytest.raises(ProbeError) as caught:
                await actuator.plan(request)
            assert caught.value.cause is Cause.MISSING


@pytest.mark.engine
async def test_no_literal_of_a_query_comes_into_a_plan(sessions: Sessions, server: Postgres) -> None:
    sessions.busy("report", "SELECT pg_sleep(100), 'hunter2-CANARY'")
    key = sessions.watcher("SELECT pid FROM pg_stat_activity WHERE application_name = 'report'")
    async with closing(actuator_at(server.port, show_literals=True)) as actuator:
        plan = await actuator.plan(terminate(key))
    assert "pg_sleep(?)" in words_of(plan)
    assert "CANARY" not in repr(plan)
    assert PASSWORD not in repr(plan)


# the object is another one by then


Swap = Callable[[Sessions, psycopg.Connection[Any]], object]


def goes_on(sessions: Sessions, victim: psycopg.Connection[Any]) -> None:
    victim.execute("SELECT 1")


def commits_and_begins_again(sessions: Sessions, victim: psycopg.Connection[Any]) -> None:
    for statement in ("COMMIT", "BEGIN", "UPDATE campaigns SET name = 'x' WHERE id = 1"):
        victim.execute(statement.encode())


def leaves(sessions: Sessions, victim: psycopg.Connection[Any]) -> None:
    victim.close()
    wait_until(lambda: not sessions.lives(victim), 20)


SWAPS: dict[str, tuple[Swap, str]] = {
    "goes on": (goes_on, "changed since you looked: idle in transaction -> idle in transaction, but since "),
    "another transaction": (
        commits_and_begins_again,
        "changed since you looked: idle in transaction -> idle in transaction in another transaction",
    ),
    "leaves": (leaves, "-> gone"),
}


@pytest.mark.engine
@pytest.mark.parametrize("swap", SWAPS)
async def test_what_has_changed_since_the_plan_is_refused_and_nothing_is_sent(
    sessions: Sessions, proxy: FaultProxy, swap: str
) -> None:
    holder = idle_in_transaction(sessions)
    change, words = SWAPS[swap]
    async with closing(actuator_at(proxy.port)) as actuator:
        done = await perform(actuator, terminate(sessions.key(holder)), lambda plan: change(sessions, holder))
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    assert words in str(done.outcomes[0].words)
    assert done.sent == []
    assert proxy.seen(SENT) == 0
    assert sessions.lives(holder) is (swap != "leaves")


@pytest.mark.engine
@pytest.mark.parametrize("swap", SWAPS)
async def test_what_changes_in_the_last_moment_is_spared_by_the_server_itself(
    sessions: Sessions, proxy: FaultProxy, swap: str
) -> None:
    holder = idle_in_transaction(sessions)
    change, words = SWAPS[swap]
    async with closing(actuator_at(proxy.port)) as actuator:
        plan = await actuator.plan(terminate(sessions.key(holder)))

        async def sending() -> None:
            change(sessions, holder)

        outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, sending)
    assert outcome.result is Result.REFUSED
    assert words in str(outcome.words)
    assert proxy.seen(SENT) == 1
    assert sessions.lives(holder) is (swap != "leaves")


@pytest.mark.engine
async def test_the_next_query_of_the_same_session_is_not_cancelled(sessions: Sessions, proxy: FaultProxy) -> None:
    gate = sessions.open("gate", "SELECT pg_advisory_lock(4711)")
    busy = sessions.busy("report", "SELECT pg_advisory_lock(4711)")
    async with closing(actuator_at(proxy.port)) as actuator:
        plan = await actuator.plan(cancel(sessions.key(busy)))

        async def sending() -> None:
            gate.execute("SELECT pg_advisory_unlock(4711)")
            wait_until(lambda: sessions.row(busy, "state") == "idle", 20)
            while busy.pgconn.get_result() is not None:
                pass
            busy.pgconn.send_query(b"SELECT pg_sleep(30)")
            wait_until(lambda: sessions.row(busy, "state") == "active", 20)

        outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, sending)
    assert outcome.result is Result.REFUSED
    assert sessions.row(busy, "state") == "active"
    assert sessions.row(busy, "query") == "SELECT pg_sleep(30)"


@pytest.mark.engine
async def test_another_server_under_the_same_name_is_refused(
    sessions: Sessions, proxy: FaultProxy, new_postgres: Callable[..., Postgres]
) -> None:
    other = new_postgres()
    other.sql(f"CREATE ROLE actor LOGIN PASSWORD '{PASSWORD}'; GRANT pg_monitor, pg_signal_backend TO actor")
    holder = idle_in_transaction(sessions)
    async with closing(actuator_at(proxy.port)) as actuator:

        def fail_over(plan: Plan) -> None:
            proxy.upstream = other.port

        done = await perform(actuator, terminate(sessions.key(holder)), fail_over)
        assert [one.result for one in done.outcomes] == [Result.REFUSED]
        assert re.search(r"system identifier \d+ -> \d+, another server", str(done.outcomes[0].words))
        assert proxy.seen(SENT) == 0
        told = await actuator.verify(done.plan, done.plan.subjects[0], Outcome(Result.UNKNOWN, SafeText()), 1.0)
        assert (told.truth, str(told.words)) == (Truth.UNKNOWN, "another server answers there now")


@pytest.mark.engine
async def test_a_server_that_was_started_anew_is_another_one_and_nobody_of_before_is_left(
    new_postgres: Callable[..., Postgres],
) -> None:
    server = new_postgres()
    with ExitStack() as stack:
        held = Sessions(server, stack)
        holder = held.open("app", "BEGIN", "SELECT 1", role="postgres")
        async with closing(actuator_at(server.port, "postgres")) as actuator:
            plan = await actuator.plan(terminate(held.key(holder)))
            for backend in server.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'app'").split():
                signal.pidfd_send_signal(_pidfd(int(backend)), signal.SIGKILL)  # the server starts all anew
            wait_until(lambda: _answers(server), 20)
            sent: list[str] = []
            outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
            assert outcome.result is Result.REFUSED
            assert sent == []
            verdict = await actuator.verify(plan, plan.subjects[0], outcome, 1.0)
            assert verdict.truth is Truth.CONFIRMED


def _pidfd(pid: int) -> int:
    import os

    return os.pidfd_open(pid)


def _answers(server: Postgres) -> bool:
    try:
        return server.sql("SELECT 1") == "1"
    except RuntimeError:
        return False


# the statement itself


@pytest.mark.engine
async def test_the_signal_is_never_reached_for_a_row_that_does_not_match(sessions: Sessions) -> None:
    """Not one of many innocent sessions is signalled, whatever single thing of its identity differs."""
    innocents = [idle_in_transaction(sessions, "innocent")]
    innocents += [sessions.open("innocent", "BEGIN", "SELECT 1") for _ in range(11)]
    number = int(sessions.watcher("SHOW server_version_num"))
    call = (acts.WAITING_CALLS if number >= 140000 else acts.CALLS)["terminate"]
    statement = acts.SIGNAL.format(act="", matches=MATCHES, call=call)
    boss = sessions.open("boss", role="postgres")
    started = sessions.watcher("SELECT pg_postmaster_start_time()::text")
    row = boss.execute(
        "SELECT json_agg(a) FROM (SELECT pid, backend_start::text, state, state_change::text, query_start::text, "
        "xact_start::text FROM pg_stat_activity WHERE application_name = 'innocent') AS a"
    ).fetchone()
    assert row is not None
    tried = 0
    for one in row[0]:
        right = {**one, "started": started, "in_recovery": False}
        wrong = [right | {name: _a_microsecond_later(right[name])}
                 for name in ("backend_start", "state_change", "query_start", "xact_start", "started")]  # fmt: skip
        wrong += [right | {"state": "active"}, right | {"in_recovery": True}, right | {"xact_start": None}]
        wrong += [right | {"pid": innocents[0].info.backend_pid, "backend_start": _a_microsecond_later(started)}]
        for values in wrong:
            assert boss.execute(statement, values).fetchall() == []
            tried += 1
    assert tried == 12 * 9
    assert all(sessions.lives(one) for one in innocents)
    right = {**row[0][0], "started": started, "in_recovery": False}
    assert boss.execute(statement, right).fetchall() == [(True,)]
    assert sum(sessions.lives(one) for one in innocents) == 11


def _a_microsecond_later(text: str) -> str:
    row = re.fullmatch(r"(.*:\d\d)(?:\.(\d+))?(\+.*)", text)
    assert row is not None
    return f"{row[1]}.{(int((row[2] or '0').ljust(6, '0')) + 1) % 1000000:06d}{row[3]}"


@pytest.mark.engine
def test_the_call_stands_above_the_filter_in_the_server_s_plan(sessions: Sessions) -> None:
    moments = ("backend_start", "state_change", "query_start", "xact_start", "started")
    values = {"pid": 1, "state": "idle", "in_recovery": False, **dict.fromkeys(moments, "2026-03-01 03:00:00+00")}
    statement = "EXPLAIN (VERBOSE) " + acts.SIGNAL.format(act="", matches=MATCHES, call=acts.CALLS["terminate"])
    boss = sessions.open("boss", role="postgres")
    lines = [str(row[0]) for row in boss.execute(statement, values)]
    calling = [line for line in lines if "pg_terminate_backend" in line]
    assert len(calling) == 1
    assert calling[0].strip().startswith("Output: pg_terminate_backend(found.pid")
    assert lines.index(calling[0]) < next(i for i, line in enumerate(lines) if "CTE found" in line)
    assert not any("pg_terminate_backend" in line for line in lines if "Filter" in line)


RACES = 10_000


@pytest.mark.engine
def test_ten_thousand_simulated_races_hit_nobody_else(postgres: Postgres) -> None:
    """The same condition over a made-up catalogue: what is hit is always the very thing that was looked at.

    Every session remembers which life of it, which transaction and which doing it is in; the condition sees only
    what a server shows. Moments are dense, and each column may be equal by chance to that of before.
    """
    chance = random.Random(8)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as server:
        server.execute(
            "CREATE TEMP TABLE seen (pid int, backend_start timestamptz, state text, state_change timestamptz, "
            "query_start timestamptz, xact_start timestamptz, backend_type text)"
        )
        statement = f"SELECT s.pid FROM seen AS s WHERE {MATCHES}"
        right = refused = 0
        for _ in range(RACES):
            crowd = Crowds(chance)
            target = chance.choice(crowd.living())
            planned = crowd.identity(target)
            truth = crowd.truth(target)
            for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
                crowd.happens()
            server.execute("TRUNCATE seen" if not right + refused else "DELETE FROM seen")
            server.cursor().executemany(
                "INSERT INTO seen VALUES (%s, %s, %s, %s, %s, %s, %s)", [crowd.row(one) for one in crowd.living()]
            )
            hit = [row[0] for row in server.execute(statement, values_of(planned)).fetchall()]
            still = target in crowd.living() and crowd.truth(target) == truth
            assert hit == ([target] if still else []), (planned, crowd.people)
            right += still
            refused += not still
    assert right + refused == RACES
    assert min(right, refused) > RACES // 5


class Crowds:
    """Sessions that come and go, work and wait, with pids used again at once."""

    PIDS = (101, 102, 103, 104)

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = 0
        self.serial = 0
        self.people: dict[int, dict[str, Any]] = {}
        for pid in self.PIDS:
            self._begin(pid)
            for _ in range(chance.randrange(3)):
                self._does(pid)

    def _tick(self) -> int:
        self.now += 1
        return self.now

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    def _begin(self, pid: int) -> None:
        at = self._tick()
        self.people[pid] = {
            "pid": pid, "backend_start": at, "state": "idle", "state_change": at, "query_start": None,
            "xact_start": None, "backend_type": "client backend", "truth": self._next(),
        }  # fmt: skip

    def living(self) -> list[int]:
        return sorted(self.people)

    def truth(self, pid: int) -> int:
        """Changes with everything that makes it another thing than was looked at."""
        return int(self.people[pid]["truth"])

    def _does(self, pid: int) -> None:
        one, at = self.people[pid], self._tick()
        one["truth"] = self._next()
        if one["state"] == "active":
            ends = self.chance.random() < 0.6
            one.update(state="idle" if ends else "idle in transaction", state_change=at)
            one["xact_start"] = None if ends else one["xact_start"]
        else:
            one.update(state="active", state_change=at, query_start=at, xact_start=one["xact_start"] or at)

    def happens(self) -> None:
        """One thing, to one of them."""
        pid = self.chance.choice(self.PIDS)
        if pid not in self.people or self.chance.random() < 0.3:
            self.people.pop(pid, None)
            if self.chance.random() < 0.8:
                self._begin(pid)
                for _ in range(self.chance.randrange(4)):
                    self._does(pid)
            return
        one = self.people[pid]
        if one["state"] == "active" and self.chance.random() < 0.2:  # it commits on its own and is the same query
            one["xact_start"] = self._tick()
            one["truth"] = one["truth"] if one.get("commits") else self._next()
            one["commits"] = True
            return
        self._does(pid)
        one.pop("commits", None)

    @staticmethod
    def _moment(at: int | None) -> str:
        return "" if at is None else f"2026-03-01 03:00:00.{at:06d}+00"

    def row(self, pid: int) -> tuple[Any, ...]:
        one = self.people[pid]
        moments = [self._moment(one[name]) or None for name in ("state_change", "query_start", "xact_start")]
        return (pid, self._moment(one["backend_start"]), one["state"], *moments, one["backend_type"])

    def identity(self, pid: int) -> Any:
        one = self.people[pid]
        begun, changed, asked, opened = (
            self._moment(one[name]) for name in ("backend_start", "state_change", "query_start", "xact_start")
        )
        return identity_of(Session(pid, begun, opened, asked, changed, state=one["state"]))


@pytest.mark.engine
async def test_all_that_are_idle_for_long_are_listed_first_and_ended_one_by_one(
    sessions: Sessions, actuator: PostgresActuator
) -> None:
    first, second = sessions.open("pool", "SELECT 1"), sessions.open("pool", "SELECT 1")
    elsewhere = sessions.open("other", "SELECT 1", database="postgres")
    busy = sessions.open("batch", "BEGIN", "SELECT 1")
    wait_until(lambda: sessions.watcher(
        "SELECT min(now() - state_change) > '1 s' FROM pg_stat_activity WHERE application_name IN ('pool', 'other')"
    ) == "True", 10)  # fmt: skip
    plan = await actuator.plan(Request("terminate", (), None, "idle for 1 s"))
    listed = {one.key: str(one.spared) for one in plan.subjects}
    assert {sessions.key(first), sessions.key(second)} <= set(listed)
    assert listed[sessions.key(elsewhere)] == "database postgres"
    assert sessions.key(busy) not in listed
    assert set(plan.request.subjects) == set(listed)
    sent: list[str] = []
    for subject in [one for one in plan.chosen if " pool" in str(one.name)]:
        outcome = await carried_out(actuator, plan, subject, sent)
        assert outcome.result is Result.DONE, str(outcome.words)
    assert len(sent) == 2
    assert (sessions.lives(first), sessions.lives(second), sessions.lives(elsewhere), sessions.lives(busy)) == (
        False, False, True, True
    )  # fmt: skip


@pytest.mark.engine
async def test_when_nobody_is_idle_for_so_long_it_is_told(actuator: PostgresActuator) -> None:
    with pytest.raises(ProbeError, match="no session that we see is idle in transaction for 86400 s"):
        await actuator.plan(Request("terminate", (), None, "idle in transaction for 86400 s"))
