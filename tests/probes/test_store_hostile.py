"""What somebody who may use the store can do to others on it: nothing breaks their sessions, hides what is asked of
them, or takes a lock away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from desk.actor import who
from desk.audit import Trail
from desk.clock import SystemClock
from desk.ids import new_id
from desk.inbox import record as inbox
from desk.locks import Held
from desk.second import Person, Proposal, Unfit, Unreachable
from desk.second.agreements import Agreements, Draft
from desk.second.hold import Hold
from desk.second.rule import GRAVE
from desk.shared.colleagues import StoreColleagues
from desk.shared.locks import SharedClaim
from probes.store.locks import key_of
from probes.store.records import Records
from probes.store.requests import Requests
from tests.desk.seconds import proposal
from tests.probes.storing import Session, line, prepared, wait_for
from tests.stack.postgres import Postgres

pytestmark = pytest.mark.engine

PEOPLE = ("ada", "bob", "eve")
DEEP = 20_000
NOW = 1_772_000_000_000


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> str:
    return prepared(postgres, PEOPLE)


@pytest.fixture
def system() -> str:
    return f"shop{new_id()}/production"


@pytest.fixture
def session(postgres: Postgres, database: str, system: str, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Makes sessions, each on a machine of its own, that read what the inbox reads."""
    with ExitStack() as held:

        def made(name: str) -> Session:
            folder = tmp_path / name
            folder.mkdir(mode=0o700)
            one = Session(folder, postgres.url(name, database), name, system, inbox.read)
            held.callback(one.close)
            one.relay.start()
            wait_for(one.relay.settled.is_set)
            return one

        yield made


@pytest.fixture
def eve(postgres: Postgres, database: str) -> Iterator[psycopg.Connection]:
    """Somebody with the store's rights and no good will."""
    with psycopg.connect(postgres.url("eve", database), autocommit=True) as made:
        yield made


def sound(one: Session) -> bool:
    return one.relay.standing.lost is None


def requests(one: Session, system: str) -> Requests:
    return Requests(one.records._line, system)


# records


def record(id: str, **more: object) -> str:
    at = datetime.fromtimestamp(NOW / 1000, UTC).isoformat()
    return json.dumps({"id": id, "at": at, "what": "CLEARED", "case": "c", **more})


HOSTILE = {
    "number": record("number", alert={"target": "db", "rule": "r", "severity": "WARNING", "gauge": "g", "labels": [],
                                      "words": "w", "since": 0.0, "at": "2026-03-01T03:12:41+00:00",
                                      "value": 10**400, "limit": 1.0}),
    "end of time": record("end", at="9999-12-31T23:59:59-14:00"),
    "no zone": record("zone", silence={"id": "s", "matches": [], "at": "2026-03-01", "until": "2026-03-01",
                                       "by": "e", "reason": ""}),
    "half a letter": record("half", note="\ud83e"),
    "infinite": '{"id": "inf", "at": "2026-03-01T03:12:41+00:00", "value": 1e999, "what": "CLEARED", "case": NaN}',
    "deep": '{"id": ' + "[" * DEEP + "]" * DEEP + "}",
    "as deep as may be read here": '{"id": ' + "[" * 700 + "]" * 700 + "}",
    "long number": '{"id": ' + "9" * 5000 + "}",
    "nothing": "",
}  # fmt: skip


def test_a_record_that_nothing_can_be_made_of_is_passed_over_and_the_next_one_comes(
    session: Callable[..., Session], eve: psycopg.Connection, system: str
) -> None:
    ada = session("ada")
    insert = (
        "INSERT INTO opsroom_store.record (system, stream, id, at, about, body) VALUES (%s, 'inbox', %s, %s, %s, %s)"
    )
    for number, (name, body) in enumerate(HOSTILE.items()):
        eve.execute(insert, (system, f"{number}", 253_402_300_799_999, f"\x1b[2J{name}", body))
    eve.execute(insert, (system, "well", NOW, "c", record("well")))
    wait_for(lambda: "well" in ada.read())
    assert sound(ada)
    wait_for(lambda: ada.relay.standing.strange == len(HOSTILE))
    deeper = [one for one in ada.read() if one in ("5", "6")]
    assert deeper == []  # not in the file, where whoever reads it with less room would stumble


# presence


def test_what_a_session_says_of_itself_takes_nobody_from_the_store(
    session: Callable[..., Session], eve: psycopg.Connection, system: str
) -> None:
    ada = session("ada")
    for number in range(60):
        eve.execute("SELECT opsroom_store.here(%s, %s, %s)", (system, f"!{number:03}", "[" * 4000))
    with pytest.raises(psycopg.DataError):
        eve.execute("SELECT opsroom_store.here(%s, %s, '{}')", (system, "x" * 100_000))
    bob = session("bob")
    wait_for(lambda: [one.by for one in ada.relay.standing.present] == ["bob"])
    assert sound(ada)
    assert sound(bob)


def test_who_says_that_they_are_there_a_hundred_times_hides_nobody(
    session: Callable[..., Session], eve: psycopg.Connection, system: str
) -> None:
    for number in range(250):
        says = json.dumps({"name": "eve", "host": "h"})
        eve.execute("SELECT count(*) FROM opsroom_store.here(%s, %s, %s)", (system, f"!{number:03}", says))
    ada, _ = session("ada"), session("bob")
    wait_for(lambda: "bob" in [one.by for one in ada.relay.standing.present])
    assert [one.by for one in ada.relay.standing.present].count("eve") <= 20


def test_news_of_other_systems_wakes_nobody_here(
    postgres: Postgres, database: str, system: str, eve: psycopg.Connection
) -> None:
    records = Records(line(postgres.url("ada", database), "opsroom/waiting"), system)
    records.open()
    try:
        began = time.monotonic()
        eve.execute("NOTIFY opsroom_store, 'another/production'")
        assert not records.wait(0.5)
        assert time.monotonic() - began >= 0.4
        eve.execute("SELECT pg_notify('opsroom_store', %s)", (system,))
        assert records.wait(60)
        records.wake()
        assert not records.wait(60)
    finally:
        records.cut()


# approvals


def asked(system: str, **changes: object) -> Proposal:
    name, _, environment = system.partition("/")
    return proposal("d" * 64, Person("eve"), system=name, environment=environment, **changes)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not what():
            await asyncio.sleep(0.01)


def way_of(one: Session, system: str) -> StoreColleagues:
    name, _, environment = system.partition("/")
    made = StoreColleagues(one.relay, requests(one, system), name, environment, SystemClock())
    made.begin(lambda answer: "", lambda: None)
    return made


async def test_requests_that_nobody_can_read_hide_none_that_can_be(
    session: Callable[..., Session], postgres: Postgres, database: str, system: str, eve: psycopg.Connection
) -> None:
    """Some of them can't be asked any more; a store that was made earlier may hold them."""
    ada, bob = session("ada"), session("bob")
    way = way_of(ada, system)
    one = asked(system)
    bodies = [
        "[" * 100_000,
        json.dumps({**one.told, "expires": "9999-12-31T23:59:59-14:00"}),
        json.dumps({**one.told, "asked": "0001-01-01T00:00:00+14:00"}),
        json.dumps({**one.told, "changes": ["x" * 300] * 800}),
    ]
    insert = (
        "INSERT INTO opsroom_store.request (system, id, digest, body, approvers, by, asked, until) "
        "VALUES (%s, %s, 'd', %s, %s::text[], 'eve', now(), now() + interval '1 hour')"
    )
    with psycopg.connect(postgres.url("postgres", database), autocommit=True) as owner:
        for number, body in enumerate(bodies):
            owner.execute(insert, (system, f"!{number}", body, []))
        owner.execute(insert, (system, "!many", "{}", ["x" * 60] * 200_000))
        for number in range(500):
            owner.execute(insert, (system, f"!!{number}", "{}", []))
    ask = requests(bob, system)
    ada.relay.wake()
    good = asked(system)

    def asks(lost: str) -> None:
        assert ask.ask(good.id, good.digest, good.told, (), 600.0)

    bob.relay.send(asks)
    await until(lambda: [other.id for other in way.pending()] == [good.id])
    assert way.pending()[0].by.name == "bob"
    assert sound(ada)
    assert sound(bob)


def test_one_login_asks_no_more_than_people_can_answer(system: str, eve: psycopg.Connection) -> None:
    ask = "SELECT opsroom_store.ask(%s, %s, %s, %s, %s::text[], 600)"
    taken = [eve.execute(ask, (system, f"r{n}", "d", "{}", [])).fetchone() for n in range(25)]
    assert [one for (one,) in taken if one] == [True] * 20  # type: ignore[misc]
    elsewhere = f"{system}2"
    for says, approvers in (("x" * 70_000, []), ("{}", ["x" * 100] * 400), ("{}", ["x"] * 201)):
        assert eve.execute(ask, (elsewhere, new_id(), "d", says, approvers)).fetchone() == (False,)
    assert eve.execute(ask, (elsewhere, "fits", "d", "{}", ["bob"])).fetchone() == (True,)


async def test_what_nobody_could_read_is_not_asked_through_the_store(
    session: Callable[..., Session], system: str
) -> None:
    way = way_of(session("ada"), system)
    await until(lambda: not way.trouble)
    with pytest.raises(Unreachable, match="too much for anybody to read"):
        await way.ask(asked(system, changes=("x" * 1000,) * 40))


async def test_one_user_of_one_machine_is_one_person_whatever_logins_they_have_there(
    session: Callable[..., Session], system: str, tmp_path: Path
) -> None:
    made = []
    for name in ("ada", "bob"):
        about = dict(zip(("system", "environment"), system.split("/"), strict=True))
        trail = Trail(tmp_path / name / "audit", who({}), SystemClock(), about)
        way = way_of(session(name), system)
        made.append((Agreements(Hold(GRAVE, None, about), trail, SystemClock(), [way]), way, trail))
    (ada, first, _), (bob, second, _) = made
    for one, _, _ in made:
        one.begin()
    await until(lambda: not first.trouble and not second.trouble)
    draft = Draft("d" * 64, "purge", "orders", "DESTRUCTIVE", ("12 -> 0",), "poison")
    asked_of: list[Proposal] = []
    async with asyncio.timeout(60):
        while not asked_of:  # what is too slow for anybody to wait for is asked again
            with suppress(Unreachable):
                await ada.propose(draft)
                await until(second.pending)
                asked_of += second.pending()
    assert {one.by.name for one in asked_of} == {"ada"}
    assert bob.pending() == []
    with pytest.raises(Unfit, match="who asks can't be the second person"):
        await bob.answer(asked_of[0], True)
    assert not ada.approves(asked_of[0].id, "d" * 64)
    for one, _, trail in made:
        await one.close()
        await trail.close()


# locks


def taken(one: Session, thing: str) -> SharedClaim | str:
    """The lock as the store gives it, or the words of who has it; what could not be asked in time is asked again."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            claim = one.locks.claim(thing, f"{one.name} acts")
        except Held as held:
            return str(held)
        if claim.there:
            return claim
        claim.release()
        one.locks.suspect()
        one.locks.tend()
    raise AssertionError("the store gives no lock and says of nobody that they have it")


def test_a_lock_is_one_of_the_thing_whatever_two_profiles_call_its_system(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    people, thing = [], new_id()
    try:
        for name, system in (("ada", "shop/production"), ("bob", "platform/production")):
            folder = tmp_path / name
            folder.mkdir(mode=0o700)
            people.append(Session(folder, postgres.url(name, database), name, system))
            people[-1].relay.settled.set()
        ada, bob = people
        assert isinstance(taken(ada, thing), SharedClaim)
        assert taken(bob, thing) == "ada acts (ada, by the store)"
    finally:
        for one in people:
            one.close()


def test_who_holds_a_lock_in_the_name_of_our_session_holds_it(
    session: Callable[..., Session], system: str, eve: psycopg.Connection
) -> None:
    ada, thing = session("ada"), new_id()
    claim = "SELECT mine FROM opsroom_store.claim(%s, %s, %s, 'forged')"
    assert eve.execute(claim, (key_of(thing), system, ada.relay.session)).fetchone() == (True,)
    assert taken(ada, thing) == "forged (eve, by the store)"


def test_who_had_a_lock_before_is_not_said_to_hold_it(session: Callable[..., Session], eve: psycopg.Connection) -> None:
    ada, bob, thing = session("ada"), session("bob"), new_id()
    assert isinstance(taken(bob, thing), SharedClaim)
    bob.relay.close()  # nobody looks after bob's locks for now
    bob.locks._server.cut()  # without a word: what it said of itself stays
    free = "SELECT pg_try_advisory_lock(%s)"
    wait_for(lambda: eve.execute(free, (key_of(thing),)).fetchone() == (True,))
    said = taken(ada, thing)
    assert isinstance(said, str)
    assert "bob" not in said
