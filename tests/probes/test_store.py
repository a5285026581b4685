"""The shared store on a real PostgreSQL: who may do what, in which order, and what is carried between machines."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from desk.clock import SystemClock
from desk.ids import new_id
from desk.inbox.ahead import believed
from desk.locks import Held
from desk.second import Answer, Person, Proposal, State, Unfit, Unreachable
from desk.shared.colleagues import StoreColleagues
from desk.shared.presence import Here
from probes.base import Carried, Cause, Holder, ProbeError, Unkeepable
from probes.store.line import Line
from probes.store.locks import AdvisoryLocks, key_of
from probes.store.making import make, schema
from probes.store.records import Records
from probes.store.requests import Requests
from tests.conftest import obtain
from tests.probes.storing import SYSTEM, Session, line, prepared, wait_for
from tests.stack import pgbouncer
from tests.stack.postgres import Postgres

pytestmark = pytest.mark.engine

NOW = 1_772_000_000_000
CONTRIB = Path(__file__).resolve().parents[2] / "contrib" / "postgres" / "store.sql"


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    """A store that nobody breaks; each test has a system of its own in it."""
    return prepared(postgres)


@pytest.fixture
def system() -> str:
    return f"shop{new_id()}/production"


@pytest.fixture
def thing() -> str:
    """What a lock is about: another one for each test, for locks know no systems."""
    return f"db {new_id()}"


@pytest.fixture
def session(postgres: Postgres, database: str, system: str, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Makes sessions, each on a machine of its own."""
    with ExitStack() as held:

        def made(name: str = "ada", machine: str = "", *, started: bool = True) -> Session:
            folder = tmp_path / (machine or f"{name}{len(list(tmp_path.iterdir()))}")
            folder.mkdir(mode=0o700, exist_ok=True)
            one = Session(folder, postgres.url(name, database), name, system)
            held.callback(one.close)
            if started:
                one.relay.start()
                wait_for(one.relay.settled.is_set)
            return one

        yield made


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    """Whatever a test has opened is let go after it."""
    yield
    while _opened:
        _opened.pop().cut()


_opened: list[Records] = []


def records(postgres: Postgres, database: str, system: str = SYSTEM, role: str = "ada") -> Records:
    made = Records(line(postgres.url(role, database), f"opsroom/{role}"), system)
    made.open()
    _opened.append(made)
    return made


def carried(id: str, body: str = '{"id": "x"}') -> Carried:
    return Carried(id, NOW, "case", body)


# rights


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE opsroom_store.record SET body = '{}'",
        "DELETE FROM opsroom_store.record",
        "TRUNCATE opsroom_store.record",
        "INSERT INTO opsroom_store.record (system, stream, id, at, about, body, by) "
        "VALUES ('s', 't', 'i', 1, '', '', 'bob')",
        "INSERT INTO opsroom_store.record (system, stream, id, at, about, body, seq) OVERRIDING SYSTEM VALUE "
        "VALUES ('s', 't', 'i', 1, '', '', 1)",
        "INSERT INTO opsroom_store.record (system, stream, id, at, about, body, kept) "
        "VALUES ('s', 't', 'i', 1, '', '', now())",
        "INSERT INTO opsroom_store.request VALUES ('s', 'i', 'd', '', '{}', 'bob', now(), now())",
        "UPDATE opsroom_store.request SET yes = true",
        "UPDATE opsroom_store.presence SET body = ''",
        "UPDATE opsroom_store.holder SET words = ''",
        "UPDATE opsroom_store.form SET form = 2",
        "SELECT opsroom_store.forget(31)",
        "ALTER TABLE opsroom_store.record DISABLE TRIGGER ALL",
        "CREATE TABLE opsroom_store.mine (x int)",
    ],
)  # fmt: skip
def test_people_add_records_and_can_do_nothing_else_to_them(postgres: Postgres, database: str, statement: str) -> None:
    with pytest.raises(RuntimeError, match=r"permission denied|must be owner"):
        postgres.sql(statement, role="ada", database=database)


def test_who_wrote_a_record_is_the_login_whatever_role_is_set(postgres: Postgres, database: str, system: str) -> None:
    postgres.sql(
        f"SET ROLE opsroom_people; INSERT INTO opsroom_store.record (system, stream, id, at, about, body) "
        f"VALUES ('{system}', 'inbox', 'x', 1, '', '{{}}')",
        role="bob",
        database=database,
    )
    assert [one.by for one in records(postgres, database, system).read("inbox", 0, 10)] == ["bob"]


def test_a_login_that_is_not_among_the_people_is_told_what_is_missing(postgres: Postgres, database: str) -> None:
    with pytest.raises(ProbeError) as error:
        line(postgres.url("plain", database), "opsroom/x").open()
    assert error.value.cause is Cause.DENIED
    assert "GRANT opsroom_people" in str(error.value.hint)


def test_a_database_without_a_store_is_told_of(postgres: Postgres) -> None:
    with pytest.raises(ProbeError, match="not set up"):
        line(postgres.url("plain"), "opsroom/x").open()


@pytest.mark.parametrize(("form", "hint"), [(2, "newer Opsroom"), (0, "store init")])
def test_a_store_of_another_form_is_left_alone_and_it_is_said_who_must_change(
    postgres: Postgres, form: int, hint: str
) -> None:
    there = prepared(postgres)
    postgres.sql(f"UPDATE opsroom_store.form SET form = {form}", database=there)
    with pytest.raises(ProbeError, match=f"has form {form}, and we know 1") as error:
        line(postgres.url("ada", there), "opsroom/x").open()
    assert hint in str(error.value.hint)


def test_making_a_store_twice_changes_nothing_that_is_kept(postgres: Postgres) -> None:
    there = prepared(postgres)
    one = records(postgres, there)
    one.append("inbox", [carried("a")])
    before = one.open()
    assert "was there" in make(line(postgres.url("postgres", there), "opsroom/init"))
    assert one.open() == before
    assert [row.id for row in one.read("inbox", 0, 10)] == ["a"]


def test_the_handed_out_roles_make_the_very_same_store(postgres: Postgres) -> None:
    text = CONTRIB.read_text("utf-8")
    assert schema() in text
    postgres.sql("CREATE DATABASE handed", database="postgres")
    for _ in range(2):
        postgres.sql(text, database="handed")
    postgres.sql(
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'eve') THEN CREATE ROLE eve LOGIN "
        f"PASSWORD '{postgres.password}'; END IF; END $$; GRANT opsroom_people TO eve",
        database="handed",
    )
    one = records(postgres, "handed", role="eve")
    one.append("inbox", [carried("a")])
    assert [(row.id, row.by) for row in one.read("inbox", 0, 10)] == [("a", "eve")]


# order


def test_a_record_never_appears_before_one_that_was_read(postgres: Postgres, database: str, system: str) -> None:
    """A transaction that drew its number first and commits last: whoever reads in between must not pass it by."""
    insert = (
        "INSERT INTO opsroom_store.record (system, stream, id, at, about, body) VALUES (%s, 'inbox', %s, 1, '', '{}')"
    )
    with psycopg.connect(postgres.url("ada", database)) as slow:
        slow.execute(insert, (system, "first"))  # and does not commit
        done = threading.Event()

        def quick() -> None:
            records(postgres, database, system, "bob").append("inbox", [carried("second")])
            done.set()

        other = threading.Thread(target=quick)
        other.start()
        reader = records(postgres, database, system)
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_for(lambda: postgres.sql(waits, database=database) == "1")
        assert reader.read("inbox", 0, 10) == []
        assert not done.is_set()
        slow.commit()
        other.join(30)
    assert [one.id for one in reader.read("inbox", 0, 10)] == ["first", "second"]


def test_long_records_come_in_fewer_at_once_and_none_is_left_out(
    postgres: Postgres, database: str, system: str
) -> None:
    one = records(postgres, database, system)
    body = json.dumps({"id": "x" * 1_500_000})
    for number in range(4):
        one.append("inbox", [carried(f"r{number}", body)])
    found, after = [], 0
    while page := one.read("inbox", after, 100):
        assert len(page) <= 2
        found += [row.id for row in page]
        after = page[-1].seq
    assert found == ["r0", "r1", "r2", "r3"]


@pytest.mark.parametrize(
    "bad",
    [carried("x" * 201), Carried("x", -1, "", "{}"), carried("x", "{" * 4_194_305), carried("x", "a\0b")],
    ids=["id", "moment", "size", "nul"],
)
def test_what_the_server_will_never_take_is_told_apart_from_trouble(
    postgres: Postgres, database: str, system: str, bad: Carried
) -> None:
    one = records(postgres, database, system)
    with pytest.raises(Unkeepable):
        one.append("inbox", [carried("well"), bad])
    assert one.read("inbox", 0, 10) == []
    one.append("inbox", [carried("well")])


# carrying


def test_what_one_writes_is_with_the_other_once_and_the_other_way_round(session: Callable[..., Session]) -> None:
    ada, bob = session("ada"), session("bob")
    ada.write("a1", "a2")
    bob.write("b1", stream="runs")
    wait_for(lambda: bob.read() == ["a1", "a2"] and ada.read("runs") == ["b1"])
    bob.write("b2")
    wait_for(lambda: ada.read() == ["a1", "a2", "b2"])
    assert bob.read() == ["a1", "a2", "b2"]
    assert bob.arrived


def test_what_was_written_while_nobody_was_connected_is_merged_when_they_are(session: Callable[..., Session]) -> None:
    ada, bob = session("ada", started=False), session("bob", started=False)
    ada.write(*(f"a{number}" for number in range(450)))
    bob.write("b1")
    for one in (ada, bob):
        one.relay.start()
    wait_for(lambda: len(ada.read()) == 451 and len(bob.read()) == 451)
    assert set(ada.read()) == set(bob.read())
    assert ada.relay.standing.waiting == 0


def test_two_sessions_on_one_machine_carry_each_record_once(
    session: Callable[..., Session], postgres: Postgres, database: str, system: str
) -> None:
    one, two = session("ada", "machine"), session("ada", "machine")
    other = session("bob")
    one.write("a1")
    two.write("a2")
    other.write("b1")
    wait_for(lambda: all(len(each.read()) == 3 for each in (one, other)))
    assert sorted(row.id for row in records(postgres, database, system).read("inbox", 0, 10)) == ["a1", "a2", "b1"]


def test_a_record_nobody_here_can_read_is_counted_and_stops_nothing(
    session: Callable[..., Session], postgres: Postgres, database: str, system: str
) -> None:
    ada = session("ada")
    store = records(postgres, database, system, "bob")
    store.append("inbox", [carried("garbage", "\x1b[2J no JSON"), carried("list", "[1]"), carried("newer", '{"v": 2}')])
    store.append("inbox", [carried("well")])
    wait_for(lambda: "well" in ada.read())
    assert ada.read() == ["newer", "well"]  # what a newer version wrote is there when ours is newer too
    wait_for(lambda: ada.relay.standing.strange == 3)
    assert ada.relay.standing.words(0.0) == "3 records in the store can't be read and were passed over"


def test_the_store_says_when_it_got_a_record_whatever_the_record_says(
    postgres: Postgres, database: str, system: str
) -> None:
    far = datetime(2500, 1, 1, tzinfo=UTC)
    body = json.dumps({"id": "x", "at": far.isoformat()})
    store = records(postgres, database, system)
    began = time.time()
    store.append("inbox", [Carried("x", int(far.timestamp() * 1000), "case", body)])
    (row,) = store.read("inbox", 0, 10)
    assert (began - 60) * 1000 < row.kept < (time.time() + 60) * 1000
    assert row.body == body
    assert believed(row).at == row.kept


def test_a_record_the_store_refuses_is_passed_over_and_said(session: Callable[..., Session]) -> None:
    ada, bob = session("ada"), session("bob")
    ada.write("a1", "x" * 300, "a2")
    wait_for(lambda: bob.read() == ["a1", "a2"])
    wait_for(lambda: ada.relay.standing.refused == 1)
    assert "does not take 1 record of ours" in ada.relay.standing.words(0.0)
    assert len(ada.read()) == 3


def test_a_machine_that_lost_its_disk_gets_everything_back(session: Callable[..., Session]) -> None:
    ada, bob = session("ada"), session("bob")
    ada.write("a1", "a2")
    wait_for(lambda: len(bob.read()) == 2)
    for path in bob.folder.glob("inbox.db*"):
        path.unlink()
    wait_for(lambda: bob.read() == ["a1", "a2"])


def test_a_store_begun_anew_gets_everything_from_the_machines(
    session: Callable[..., Session], postgres: Postgres, database: str, system: str
) -> None:
    ada, bob = session("ada"), session("bob")
    ada.write("a1")
    bob.write("b1")
    wait_for(lambda: len(ada.read()) == len(bob.read()) == 2)
    postgres.sql(f"DELETE FROM opsroom_store.record WHERE system = '{system}'", database=database)
    for one in (ada, bob):
        one.records.cut()  # as a server does that is restored from a copy
    there = records(postgres, database, system)
    wait_for(lambda: len(there.read("inbox", 0, 10)) == 2)
    assert set(ada.read()) == set(bob.read()) == {"a1", "b1"}


def test_what_the_owner_lets_go_is_not_brought_back_by_who_wrote_nothing_since(
    session: Callable[..., Session], postgres: Postgres, database: str, system: str
) -> None:
    ada, bob = session("ada"), session("bob")
    ada.write("a1", "a2")
    wait_for(lambda: len(bob.read()) == 2)
    bob.write("b1")
    wait_for(lambda: len(ada.read()) == 3 and not ada.unsent() and not bob.unsent())
    postgres.sql(
        f"UPDATE opsroom_store.record SET kept = now() - interval '99 days' WHERE system = '{system}'",
        database=database,
    )
    postgres.sql("SELECT opsroom_store.forget(31)", database=database)
    there = records(postgres, database, system)
    assert [row.id for row in there.read("inbox", 0, 10)] == ["a2", "b1"]
    for one in (ada, bob):
        one.records.cut()  # each looks anew whether it is the store it knows
        one.relay.wake()
    wait_for(lambda: ada.relay.standing.lost is None and bob.relay.standing.lost is None)
    ada.write("a3")
    bob.write("b2")
    wait_for(lambda: len(ada.read()) == len(bob.read()) == 5)
    assert sorted(row.id for row in there.read("inbox", 0, 10)) == ["a2", "a3", "b1", "b2"]
    assert ada.read()[:2] == ["a1", "a2"]  # here it is kept for as long as files keep it


# presence


def test_people_see_each_other_and_what_they_look_at_until_they_leave(session: Callable[..., Session]) -> None:
    ada, bob = session("ada"), session("bob")
    wait_for(lambda: [one.by for one in ada.relay.standing.present] == ["bob"])
    bob.relay.show(Here("bob", "bastion\x1b[2J", "orders", "INC-4", armed=True))
    wait_for(lambda: ada.relay.standing.present[0].here.armed)
    assert ada.relay.standing.present[0].words == "bob at bastion^[[2J: orders, INC-4, ARMED"
    bob.close()
    wait_for(lambda: ada.relay.standing.present == ())


def test_who_is_not_heard_of_for_half_a_minute_is_gone(
    session: Callable[..., Session], postgres: Postgres, database: str, system: str
) -> None:
    ada, bob = session("ada"), session("bob")
    wait_for(lambda: len(ada.relay.standing.present) == 1)
    there = records(postgres, database, system)

    def half_a_minute_later() -> list[str]:
        aged = "UPDATE opsroom_store.presence SET seen = now() - interval '31 s' WHERE by = 'bob'"
        postgres.sql(f"{aged} AND system = '{system}'", database=database)
        return [one.by for one in there.seen()]

    wait_for(lambda: half_a_minute_later() == ["ada"])  # again, where bob has just given a sign of life
    assert bob.relay.standing.lost is None


def test_nobody_speaks_in_the_place_of_another_session(
    session: Callable[..., Session], postgres: Postgres, database: str, system: str
) -> None:
    ada, bob = session("ada"), session("bob")
    wait_for(lambda: len(bob.relay.standing.present) == 1)
    records(postgres, database, system, "bob").here(ada.relay.session, {"name": "forged", "host": "x"})
    told = {one.session: one.says for one in records(postgres, database, system).seen()}
    assert told[ada.relay.session] == {"name": "ada", "host": ada.folder.name}


# locks


def test_a_lock_is_one_persons_on_whatever_machine_and_says_who_and_why(
    session: Callable[..., Session], thing: str
) -> None:
    ada, bob = session("ada"), session("bob")
    with ada.locks.claim(thing, "ada does restart to web") as claim:
        assert claim.held
        assert claim.doubt == ""
        with pytest.raises(Held, match=re.escape("ada does restart to web (ada, by the store)")):
            bob.locks.claim(thing, "bob")
        bob.locks.claim(f"another {thing}", "bob").release()

    def mine() -> bool:
        try:
            bob.locks.claim(thing, "bob")
        except Held:
            return False
        return True

    wait_for(mine)


def test_a_lock_can_be_taken_again_at_once_by_who_let_it_go(session: Callable[..., Session], thing: str) -> None:
    ada, bob = session("ada"), session("bob")
    for _ in range(20):
        ada.locks.claim(thing, "ada").release()
    with ada.locks.claim(thing, "ada"), pytest.raises(Held):
        bob.locks.claim(thing, "bob")


def test_a_lock_dies_with_its_connection_and_who_had_it_hears_that_somebody_else_has_it(
    session: Callable[..., Session], postgres: Postgres, database: str, thing: str
) -> None:
    ada, bob = session("ada"), session("bob")
    claim = ada.locks.claim(thing, "ada acts")
    ada.relay.close()  # nobody looks after ada's locks for now
    postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        f"WHERE application_name = 'opsroom-locks/{ada.relay.session}'",
        database=database,
    )
    taken = []

    def takes() -> bool:
        try:
            taken.append(bob.locks.claim(thing, "bob acts"))
        except Held:
            return False
        return True

    wait_for(takes)
    assert claim.held  # nothing told it yet

    def tended() -> bool:
        ada.locks.suspect()
        ada.locks.tend()
        return not claim.held

    wait_for(tended)
    assert claim.doubt == "the lock was lost with the store: bob acts (bob, by the store)"
    assert taken[0].held


def test_a_lock_held_through_an_outage_is_taken_again_and_a_zombie_of_ours_is_ended(
    session: Callable[..., Session], postgres: Postgres, database: str, thing: str
) -> None:
    ada = session("ada")
    claim = ada.locks.claim(thing, "ada acts")
    first = claim.connection
    lines = ada.locks._server._line  # type: ignore[attr-defined]
    zombie, lines._connection = lines._connection, None  # lost here, and the server does not know

    def back() -> bool:
        ada.locks.suspect()
        ada.locks.tend()
        return claim.there and claim.connection > first

    wait_for(back)
    assert claim.doubt == ""
    zombie.pgconn.finish()
    name = f"opsroom-locks/{ada.relay.session}"
    count = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"
    wait_for(lambda: postgres.sql(count, database=database) == "1")


def test_a_lock_is_taken_when_who_had_it_goes_in_the_moment_it_is_asked_for(
    postgres: Postgres, database: str, system: str, thing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = line(postgres.url("ada", database), "opsroom-locks/ada")
    ours.open()
    eve = psycopg.connect(postgres.url("bob", database), autocommit=True)
    eve.execute("SELECT pg_advisory_lock(%s)", (key_of(thing),))  # by hand: the store does not know of it
    answers: list[bool] = []
    asked_of, last = Line.ask, 0

    def ask(line: Line, statement: str, *values: Any, **more: Any) -> list[tuple[Any, ...]]:
        found = asked_of(line, statement, *values, **more)
        answers.append(found[0][0])
        if len(answers) == last:
            eve.execute("SELECT pg_advisory_unlock(%s)", (key_of(thing),))
        return found

    monkeypatch.setattr(Line, "ask", ask)
    locks = AdvisoryLocks(ours, system, "ada's")
    try:
        assert locks.claim(thing, "ada acts") == Holder("", "", ""), "somebody has it, and it is not told who"
        asked, last = len(answers), len(answers) + 1
        assert locks.claim(thing, "ada acts") is None
        assert answers[asked:] == [False, True]
    finally:
        eve.close()
        ours.cut()


# approvals


def proposal(system: str, **changes: object) -> Proposal:
    now = datetime.now(UTC)
    told: dict[str, object] = {
        "id": new_id(), "digest": "d" * 64, "system": system.partition("/")[0], "environment": "production",
        "by": Person("ada", frozenset({"uid 1"})), "what": "purge orders", "where": "orders", "danger": "destructive",
        "changes": ("orders: 12 -> 0",), "felt": (), "command": ("purge",), "undo": "", "reason": "poison", "typed": "",
        "asked": now, "expires": now + timedelta(seconds=60),
    }  # fmt: skip
    return Proposal(**{**told, **changes})  # type: ignore[arg-type]


class Asked:
    """A session's way to a second person, and what it was told."""

    def __init__(self, one: Session, system: str) -> None:
        self.answers: list[Answer] = []
        requests = Requests(one.records._line, system)
        self.way = StoreColleagues(one.relay, requests, system.partition("/")[0], "production", SystemClock())
        self.way.begin(self.take, lambda: None)

    def take(self, answer: Answer) -> str:
        self.answers.append(answer)
        return ""


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.01)


async def test_a_second_login_approves_and_it_can_be_used_once(session: Callable[..., Session], system: str) -> None:
    ada, bob = Asked(session("ada"), system), Asked(session("bob"), system)
    await until(lambda: ada.way.mine == {"role ada"} and not bob.way.trouble)
    asked = proposal(system)
    await ada.way.ask(asked)
    await until(bob.way.pending)
    (seen,) = bob.way.pending()
    assert (seen.what, seen.by.name, seen.by.proof) == ("purge orders", "ada", "by the store: role ada")
    assert not ada.way.pending()
    with pytest.raises(Unfit, match="who asks"):
        await ada.way.answer(asked, True, "")
    with pytest.raises(Unfit, match="not approved"):
        await ada.way.use(asked.id, asked.digest)
    given = await bob.way.answer(seen, True, "looks right")
    assert given.by.marks == {"role bob"}
    with pytest.raises(Unfit, match="answered already, by bob"):
        await bob.way.answer(seen, False, "no, wait")
    await until(lambda: ada.answers)
    (answer,) = ada.answers
    assert (answer.granted, answer.by.marks, answer.words) == (True, frozenset({"role bob"}), "looks right")
    with pytest.raises(Unfit):
        await ada.way.use(asked.id, "e" * 64)
    await ada.way.use(asked.id, asked.digest)
    with pytest.raises(Unfit, match="used already"):
        await ada.way.use(asked.id, asked.digest)


async def test_only_who_may_answer_is_asked(session: Callable[..., Session], system: str) -> None:
    ada, bob = Asked(session("ada"), system), Asked(session("bob"), system)
    await until(lambda: not ada.way.trouble and not bob.way.trouble)
    barred = proposal(system, approvers=frozenset({"carol", "@opsroom_store_owner"}))
    open_to = proposal(system, approvers=frozenset({"@opsroom_people"}))
    for one in (barred, open_to):
        await ada.way.ask(one)
    await until(bob.way.pending)
    assert [one.id for one in bob.way.pending()] == [open_to.id]
    with pytest.raises(Unfit, match="not among"):
        await bob.way.answer(barred, True, "")


async def test_what_is_withdrawn_or_late_can_be_neither_answered_nor_used(
    session: Callable[..., Session], system: str, postgres: Postgres, database: str
) -> None:
    ada, bob = Asked(session("ada"), system), Asked(session("bob"), system)
    await until(lambda: not ada.way.trouble and not bob.way.trouble)
    gone, late = proposal(system), proposal(system)
    for one in (gone, late):
        await ada.way.ask(one)
    await until(lambda: len(bob.way.pending()) == 2)
    await bob.way.answer(late, True, "")
    await ada.way.end(gone.id, State.WITHDRAWN)
    postgres.sql(f"UPDATE opsroom_store.request SET until = now() WHERE id = '{late.id}'", database=database)
    with pytest.raises(Unfit, match="it is over"):
        await bob.way.answer(gone, True, "")
    with pytest.raises(Unfit, match="expired"):
        await ada.way.use(late.id, late.digest)


async def test_while_the_store_is_lost_nobody_can_be_asked_through_it(
    session: Callable[..., Session], system: str
) -> None:
    one = session("ada", started=False)
    ada = Asked(one, system)
    assert ada.way.trouble == "it was not reached yet"
    one.records._line._parameters = lambda: ({"host": "127.0.0.1", "port": "1"}, "127.0.0.1:1")
    one.relay.start()
    await until(lambda: "connection refused" in ada.way.trouble)
    with pytest.raises(Unreachable, match="connection refused"):
        await ada.way.ask(proposal(system))


def test_a_pooler_before_the_server_is_refused_for_it_would_lose_locks_and_news(
    postgres: Postgres, database: str
) -> None:
    bouncer = obtain("pgbouncer", lambda: pgbouncer.start(postgres))
    try:
        with pytest.raises(ProbeError, match="a pooler stands before the server"):
            line(bouncer.url("ada", database), "opsroom/x").open()
    finally:
        pgbouncer.end(bouncer)
