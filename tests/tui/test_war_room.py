"""The war room, played end to end: two people and a wall on one store, from the alert to the post-mortem."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.docker import Engine
from tests.stack.postgres import Postgres
from tests.tui.war_room import Person, WarRoom, in_order, two_machines, war_room

pytestmark = [
    pytest.mark.engine,
    pytest.mark.terminal,
    pytest.mark.docker,
    pytest.mark.timeout(900),
    two_machines,
]


@pytest.fixture
def stage(tmp_path: Path, docker_engine: Engine, postgres: Postgres) -> Iterator[WarRoom]:
    with war_room(tmp_path, docker_engine, postgres) as made:
        yield made


def exported(person: Person) -> list[tuple[str, str]]:
    """The timeline that their machine has: who, and what."""
    done = person.runs("incident", "export", "last", "--json")
    assert done.returncode == 0, done.stderr
    return [(one["by"], one["words"]) for one in json.loads(done.stdout)["timeline"]]


def takes_in_hand(person: Person, note: str) -> None:
    """The alert, in the inbox."""
    person.types("A")
    person.sees("t take, let go", "nobody has it")
    person.types("t")
    person.answers("in hand: a note", note)
    person.sees(f"{person.name} as root since")


def declares(person: Person) -> None:
    """An incident, from the alert in the inbox."""
    person.types("A")
    person.sees("t take, let go", "bob as root since")
    person.types("I")
    person.chooses("how severe is it?", "P1")
    person.answers("what is wrong? Enter declares P1")
    person.sees("declared P1: shop: only 1 of 3 workers run", "commander")


def leads(person: Person) -> None:
    """From now on they are the commander."""
    person.types("t")
    person.chooses("Which role?", "commander")
    person.chooses("Who is commander?", f"{person.name} as root")
    person.sees(f"commander {person.name} as root")


def asks_for_three_workers(person: Person) -> None:
    """By the procedure of the alert, up to the point where a second person must agree."""
    person.types("p")
    person.sees("not begun", "How many run", "Enter keeps the value")
    person.types("\r")
    person.sees("RUN 1 of 3", "Enter shows what would be done, guarded")
    person.types("\r")
    person.answers("why act on shop", "orders wait")
    person.sees("▸[ Cancel ]", "scale")
    while "takes a second person" not in person.screen:
        before = person.screen
        person.types("\x1b[6~")
        person.until(lambda screen, before=before: screen != before, "the next page")  # type: ignore[misc]
    person.types("\t")
    person.sees("▸[ scale")
    person.until(lambda screen: not {"░", "█"} & set(screen), "the picture stand")
    person.types("\r")
    person.sees("waits for a second person", "on the store", "withdraw the request")


def approves(person: Person) -> None:
    """What somebody else asks, having read all of it."""
    person.sees("V: 1 request for a second person", "ada wants to scale")
    person.types("V")
    person.sees("What waits for a second person", "ada: scale")
    person.types("\r")
    person.sees("asked by ada (by the store: role ada)", "orders wait")
    while "a approves it" not in person.screen:
        before = person.screen
        person.types("\x1b[6~")
        person.until(lambda screen, before=before: screen != before, "the next page")  # type: ignore[misc]
    person.waits_a_moment()
    person.types("a")
    person.answers("type y to approve", "y")
    person.sees("you have approved it")


def solves_it(person: Person) -> None:
    """What was done came true; the last box of the procedure, and its end."""
    person.sees("CONFIRMED", "3 of 3 running", "[ close ]")
    person.types("\r")
    person.sees("RUN 2 of 3", "✓ 2 Three of them again", "all well")
    person.types("\t")
    person.sees("step 3", "Enter signs it with your name")
    person.types("\r")
    person.sees("RUN 3 of 3", "✓ 3")
    person.types("e")
    person.chooses("How does the run end?", "solved", "given up")
    person.answers("solved: in a few words", "three run")
    person.sees("SOLVED by")


def tells_our_people(person: Person) -> None:
    """Write what customers feel into a message, and send it."""
    person.types("I")
    person.sees("commander ada as root", "n note")
    person.types("m")
    person.chooses("Which message?", "orders")
    person.sees("it does not leave: not filled in: impact", "fill in {impact}")
    person.types("j\r")
    person.answers("{impact}: what customers feel?", "Orders are late")
    person.sees("We look into it: Orders are late", "send it to team")
    person.types("G\r")
    person.sees("message to team sent: 200 OK: ok")


def resolves_it(person: Person) -> None:
    """Mitigated, watched for as long as the profile says, and over."""
    person.types("I")
    person.sees("commander ada as root", "n note")
    person.types("x")
    person.chooses("How far is it?", "mitigated")
    person.answers("mitigated: by what?", "three workers")
    person.sees("mitigated, watched", "watched long enough: resolve it")
    person.types("x")
    person.chooses("How far is it?", "resolved")
    person.answers("resolved: what was it?", "one was lost")
    person.sees("one was lost", "write the post-mortem")


def writes_the_post_mortem(person: Person) -> Path:
    """The draft, and that it is finished; where the draft lies."""
    person.types("w")
    person.chooses("Post-mortem", "write the draft")
    person.sees("write the draft to …")
    person.types("\r")
    person.until(lambda _: list(person.home.glob("post-mortem-*.md")), "a draft")
    (path,) = person.home.glob("post-mortem-*.md")
    person.types("w")
    person.chooses("Post-mortem", "it is finished")
    person.answers("where does it lie?", "the wiki")
    person.sees("post-mortem written: the wiki")
    return path


def is_on_the_wall(wall: Person) -> None:
    """The incident's clock goes, and its page tells who has which role and who does what."""
    wall.sees("INCIDENT shop: only 1 of 3 workers run", "commander ada as root", "CRITICAL")
    clock = wall.screen.splitlines()[1:6]
    wall.until(lambda screen: screen.splitlines()[1:6] != clock, "the clock go on")
    wall.types("\x1b[C")
    wall.sees("ROLES", "DUE", "ada as root is commander")

    def doing(screen: str) -> str:
        return screen.partition("WHO IS DOING WHAT")[2].partition("TIMELINE")[0]

    wall.until(lambda screen: all(who in doing(screen) for who in ("ada as root", "bob as root", "looks at")), "them")
    wall.types("\x1b[D")
    wall.sees("[overview]")


STEPS = (
    ("", "critical raised: only 1 of 3 workers run"),
    ("bob as root", "critical acknowledged: only 1 of 3 workers run: I look"),
    ("ada as root", "declared P1: shop: only 1 of 3 workers run"),
    ("ada as root", "alert shop: only 1 of 3 workers run belongs to it"),
    ("ada as root", "ada as root is commander"),
    ("ada as root", "procedure Too few workers begun"),
    ("ada as root", "step 1 How many run: "),
    ("ada as root", "a second person is asked: scale "),
    ("bob", "approved: scale "),
    ("ada as root", "begun with the approval by bob"),
    ("ada as root", "worker: orders wait"),
    ("ada as root", "worker done: Compose says that it is done"),
    ("ada as root", "worker: 3 of 3 running; other services as before: none"),
    ("ada as root", "step 2 Three of them again: scale "),
    ("ada as root", "step 3 Orders are worked on again: signed"),
    ("ada as root", "procedure Too few workers solved: three run"),
    ("bob as root", "impact: Orders are late"),
    ("bob as root", "internal message orders to team"),
    ("bob as root", "message to team sent: 200 OK: ok"),
    ("ada as root", "mitigated: three workers"),
    ("ada as root", "resolved: one was lost"),
    ("ada as root", "post-mortem written: the wiki"),
)
"""Who did what, in the order in which it was done. When the alert clears, between the act and its proof, is chance."""


def test_an_incident_is_played_from_the_alert_to_the_post_mortem(stage: WarRoom) -> None:
    ada = stage.person("ada").sits_down()
    ada.sees("only 1 of 3 workers run", "PRODUCTION")
    bob = stage.person("bob").sits_down(size=(110, 40))
    wall = stage.person("hall").sits_down("wall", "--every", "600", "--pages", "overview,incident", size=(160, 48))
    bob.sees("only 1 of 3 workers run", "PRODUCTION")
    takes_in_hand(bob, "I look")
    declares(ada)
    leads(ada)
    is_on_the_wall(wall)
    asks_for_three_workers(ada)
    assert stage.made() == ["worker-1"], "nothing is done before somebody has agreed"
    approves(bob)
    solves_it(ada)
    wall.sees("all well", "● 1 FINE of 1")
    tells_our_people(bob)
    resolves_it(ada)
    draft = writes_the_post_mortem(ada).read_text()
    wall.sees_no("INCIDENT")
    bob.sees("resolved: one was lost", "post-mortem written: the wiki")
    bob.until(lambda _: stage.told("CLEARED"), "Slack told that it is over")
    assert ada.leaves() == 0
    stage.loses("worker-3")
    bob.until(lambda _: len(stage.told("CRITICAL")) == 2, "that he tells people now that ada is gone")
    assert [person.leaves() for person in (bob, wall)] == [0, 0]

    assert stage.made() == ["worker-1", "worker-2", "worker-3"], "it was done once"
    assert [len(stage.told(word)) for word in ("CRITICAL", "CLEARED", "INCIDENT")] == [2, 1, 1], "each was told once"
    assert "We look into it: Orders are late" in stage.told("INCIDENT")[0]
    told = [exported(person) for person in (ada, bob)]
    assert told[0] == told[1], "both have the same"
    in_order(told[0], STEPS)
    assert sum("critical cleared" in words for _, words in told[0]) == 1
    assert all(words in draft for words in ("Orders are late", "approved: scale", "resolved: one was lost"))
    assert stage.leaked() == []
