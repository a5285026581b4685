"""What a person meets at the shared store beside the room: answering without a screen, looking only, and a wall whose
store goes away and comes back.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from desk.clock import SystemClock
from desk.deed import Stage as Step
from desk.guard import Confirmation, digest_of, lock_of
from desk.locks import Held
from desk.profile import load
from desk.second import Proposal, Unreachable
from desk.shared import colleagues
from desk.shared.locks import SharedClaim
from probes.base import Request
from tests.desk.seconds import proposal
from tests.probes.storing import Session, wait_for
from tests.stack.faultproxy import Mode
from tests.stack.postgres import Postgres
from tests.toyhands import Toybox, toy_hands
from tests.tui.war_room import Stage, meeting, two_machines
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets
from tui.sharing import Sharing
from tui.verbs_approve import unheard

pytestmark = [pytest.mark.engine, pytest.mark.terminal, two_machines]

SYSTEM = "shop/production"


@pytest.fixture
def stage(tmp_path: Path, postgres: Postgres) -> Iterator[Stage]:
    with meeting(tmp_path, postgres) as made:
        yield made


def asked(stage: Stage) -> Proposal:
    """What ada asks through the store."""
    one = replace(proposal(), system="shop", environment="production", typed="it")
    values = (SYSTEM, one.id, one.digest, json.dumps(one.told))
    said = ", ".join("'" + text.replace("'", "''") + "'" for text in values)
    stage.sql(f"SELECT opsroom_store.ask({said}, ARRAY[]::text[], 600)", "ada")
    return one


def answer(stage: Stage, one: Proposal) -> str:
    """What the store says of it: "yes|by whom", in PostgreSQL's letters."""
    return stage.sql(f"SELECT yes, answered_by, words FROM opsroom_store.request WHERE id = '{one.id}'")


def taken(person: Session, lock: str) -> SharedClaim:
    """A lock, as soon as it can be had."""
    found: list[SharedClaim] = []

    def takes() -> bool:
        with suppress(Held):
            found.append(person.locks.claim(lock, f"{person.name} acts"))
        return bool(found)

    wait_for(takes, 60.0)
    return found[0]


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


def test_a_request_is_read_and_approved_without_a_screen(stage: Stage) -> None:
    one = asked(stage)
    bob = stage.person("bob")
    listed = bob.runs("approve")
    assert listed.returncode == 0, listed.stderr
    assert f"{one.id[-6:]}" in listed.stdout
    assert "ada wants to smash kite: it is broken" in listed.stdout
    bob.sits_down("approve", one.id[-6:])
    bob.sees("asked by ada (by the store: role ada)", "type it to approve it, no to refuse it")
    bob.types("it\n")
    bob.until(lambda _: not bob.sits, "the end")
    assert bob.screen.rstrip().endswith("approved")
    assert answer(stage, one) == "t|bob|"


def test_whoever_asks_finds_nothing_to_answer(stage: Stage) -> None:
    one = asked(stage)
    ada = stage.person("ada")
    listed = ada.runs("approve")
    assert (listed.returncode, listed.stdout) == (0, "nothing waits for you\n")
    assert answer(stage, one) == "||"


async def test_the_first_word_of_a_store_that_takes_its_time_is_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colleagues, "_PATIENCE", 0.3)
    one, bob = asked(stage), stage.person("bob")
    clock, places = SystemClock(), Places.of(bob.environ)
    profile = load(bob.home / "config" / "shop.toml", Kinds())
    sharing = Sharing(profile, clock, Secrets(bob.environ), places, bob.environ, "bob")
    sharing.colleagues.begin(lambda answer: "", lambda: None)
    waiting = asyncio.create_task(unheard(sharing))
    with pytest.raises(Unreachable, match="did not answer"):
        await sharing.colleagues.refresh()
    assert not waiting.done()
    sharing.start()
    try:
        assert await waiting == ""
        assert [each.id for each in sharing.colleagues.pending()] == [one.id]
    finally:
        await asyncio.to_thread(sharing.close)


def test_a_store_that_cannot_be_reached_is_said_and_nothing_is_called_empty(stage: Stage) -> None:
    bob = stage.person("bob")
    stage.doors["bob"].mode = Mode.REFUSE
    listed = bob.runs("approve")
    assert listed.returncode == 3
    assert listed.stderr.startswith("opsroom: it is not known what waits: ")
    assert "the store: the store is lost: " in listed.stderr
    assert listed.stdout == ""


def test_a_session_that_only_looks_reads_what_is_asked_and_can_not_answer_it(stage: Stage) -> None:
    bob = stage.person("bob").sits_down("--read-only")
    bob.sees("read-only", "only reads")
    one = asked(stage)
    bob.sees("V: 1 request for a second person", "ada wants to smash kite")
    bob.types("V")
    bob.sees("What waits for a second person", "it is answered elsewhere")
    bob.types("\r")
    bob.sees("asked by ada (by the store: role ada)", "toy smash -- kite", "looking only")
    bob.types("a")
    bob.sees("it was opened with --read-only")
    bob.sees_no("type it to approve")
    assert answer(stage, one) == "||"
    assert bob.leaves() == 0


async def test_an_act_on_several_things_goes_no_further_where_its_lock_was_lost_to_somebody_else(stage: Stage) -> None:
    ada, bob = (Session(stage.folder / name, stage.postgres.url(name, stage.database), name) for name in ("ada", "bob"))
    for person in (ada, bob):
        person.folder.mkdir()
        person.relay.start()
        await asyncio.to_thread(wait_for, person.relay.settled.is_set)
    box = Toybox(patience=1 << 60, settles=600.0)
    hands = toy_hands(stage.folder / "ada", box, SystemClock(), locks=ada.locks)
    await hands.arm("a test", 10.0)
    runner = hands.runner
    assert runner is not None
    plan = await runner.plan("it", Request("restart", ("ball", "kite")))
    deed = runner.begin(plan, Confirmation(digest_of(plan, runner.setting("it")), "a test"))
    await until(lambda: bool(box.looks))
    (claim,) = ada.locks._claims
    await asyncio.to_thread(ada.relay.close)  # nobody takes ada's lock again at once
    of = f"application_name = 'opsroom-locks/{ada.relay.session}'"
    stage.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {of}")
    theirs = await asyncio.to_thread(taken, bob, lock_of(plan))

    def looked_after() -> bool:
        ada.locks.suspect()
        ada.locks.tend()
        return not claim.held

    await asyncio.to_thread(wait_for, looked_after, 60.0)
    box.patience = 0
    await until(lambda: deed.over)
    assert [name for _, _, name in box.requests] == ["ball"]
    assert [step.stage for step in deed.steps] == [Step.SETTLED, Step.LEFT]
    assert "the lock was lost with the store: bob acts" in deed.unlocked
    theirs.release()
    await hands.close()
    for person in (ada, bob):
        await asyncio.to_thread(person.close)


def test_a_wall_says_that_its_store_is_lost_and_goes_on_when_it_is_back(stage: Stage) -> None:
    wall = stage.person("hall").sits_down("wall", size=(120, 40))
    ada = stage.person("ada").sits_down()
    wall.sees("read-only", "all well")
    ada.sees("PRODUCTION", "only reads")
    stage.doors["hall"].mode = Mode.REFUSE
    wall.sees("STORE LOST")
    ada.types("I")
    ada.chooses("how severe is it?", "P1")
    ada.answers("what is wrong? Enter declares P1", "no orders")
    ada.sees("declared P1")
    assert "no orders" not in wall.screen
    stage.doors["hall"].mode = Mode.PASS
    wall.sees_no("STORE LOST")
    wall.sees("INCIDENT no orders", "commander NOBODY")
    assert (ada.leaves(), wall.leaves()) == (0, 0)
    assert stage.leaked() == []
