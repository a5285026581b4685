"""Security mode: what destroys evidence is barred until somebody says why and types a word, and only that one act."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from desk.deed import Deed, Stage
from desk.guard import Confirmation, digest_of
from desk.incident.evidence import LASTS, TYPED, barred, loss, secured
from desk.incident.incidents import IncidentError
from probes.base import Action, Danger, Plan, Request, Result, SafeText, Subject
from tests.desk.inboxes import HandClock
from tests.desk.incidents import Person
from tests.toyhands import RESTART, WIND, Toybox, toy_hands
from tui.kinds import KINDS, Kinds


def plan(
    name: str, danger: Danger = Danger.DISRUPTIVE, kind: str = "docker", least: Danger = Danger.REVERSIBLE
) -> Plan:
    subject = Subject("a", SafeText("a"), (("id", "1"),), SafeText(), SafeText())
    return Plan(
        target="it", kind=kind, action=Action(name, name, least, "It does."), request=Request(name, ("a",)),
        place=SafeText("here"), pin=(("id", "1"),), subjects=(subject,), command=(name,),
        looked_at=datetime(2026, 3, 1, tzinfo=UTC), danger=danger,
    )  # fmt: skip


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ann(clock: HandClock) -> Person:
    return Person("ann", clock)


@pytest.mark.parametrize(
    ("kind", "name", "danger"),
    [
        ("docker", "restart", Danger.DISRUPTIVE),
        ("systemd", "stop", Danger.DISRUPTIVE),
        ("docker", "recreate", Danger.DISRUPTIVE),
        ("docker", "deploy", Danger.DISRUPTIVE),
        ("kubernetes", "evict", Danger.DISRUPTIVE),
        ("kubernetes", "delete", Danger.DISRUPTIVE),
        ("docker", "prune", Danger.DESTRUCTIVE),
        ("sqs", "purge", Danger.DESTRUCTIVE),
        ("redis", "flush", Danger.DESTRUCTIVE),
        ("rotation", "rotate", Danger.DISRUPTIVE),
        ("rotation", "vacuum-time", Danger.DESTRUCTIVE),
        ("cloudwatch_logs", "retention", Danger.DESTRUCTIVE),
        ("backups", "prune", Danger.DESTRUCTIVE),
        ("ecs", "scale", Danger.DISRUPTIVE),
        ("commands", "run", Danger.DISRUPTIVE),
        ("sql", "run", Danger.DISRUPTIVE),
        ("a new kind", "a new act", Danger.DESTRUCTIVE),
    ],
)
def test_what_destroys_evidence_is_known(kind: str, name: str, danger: Danger) -> None:
    assert loss(plan(name, danger, kind))


@pytest.mark.parametrize(
    ("kind", "name", "danger"),
    [
        ("docker", "restart", Danger.READ),
        ("docker", "start", Danger.REVERSIBLE),
        ("cloudwatch_logs", "retention", Danger.REVERSIBLE),
        ("ecs", "scale", Danger.REVERSIBLE),
        ("settings", "rotate", Danger.DISRUPTIVE),
        ("secrets", "replace", Danger.DISRUPTIVE),
        ("backups", "dump", Danger.REVERSIBLE),
        ("commands", "run", Danger.REVERSIBLE),
        ("sql", "run", Danger.REVERSIBLE),
        ("jobs", "run", Danger.DISRUPTIVE),
    ],
)
def test_what_keeps_it_or_stops_a_breach_stays_free(kind: str, name: str, danger: Danger) -> None:
    assert loss(plan(name, danger, kind, least=Danger.READ)) == ""


def test_every_destructive_act_of_every_kind_is_barred() -> None:
    found = 0
    for kind in KINDS:
        actuator = Kinds().actuator(kind.name)
        for action in actuator.actions if actuator is not None else ():
            if action.danger is Danger.DESTRUCTIVE:
                found += 1
                assert loss(plan(action.name, Danger.READ, kind.name, Danger.DESTRUCTIVE)), (kind.name, action.name)
    assert found > 10


def test_only_while_evidence_is_to_be_kept(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("a key is out", "P1").id
    act = plan("restart")
    assert ann.book.bars(act, "d1") == ""
    ann.book.secure(name, "a stranger was in")
    said = ann.book.bars(act, "d1")
    assert said == (
        f"evidence is kept for incident {ann.of(name).short} (a stranger was in): "
        "what is in memory and what the old process or container wrote go"
    )
    assert secured(ann.book.all()) == [ann.of(name)]
    ann.book.resolve(name, early="the key is gone")
    assert ann.book.bars(act, "d1") == said, "evidence is kept beyond the end, until somebody releases it"
    ann.book.release(name, "the bundle is stored")
    assert ann.book.bars(act, "d1") == ""


def test_an_override_counts_for_that_plan_that_person_and_a_short_while(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("a key is out", "P1", security="a stranger was in").id
    act = plan("restart")
    with pytest.raises(IncidentError, match="type destroy evidence"):
        ann.book.override(name, "d1", "memory is saved", "yes")
    with pytest.raises(IncidentError, match="a reason is needed"):
        ann.book.override(name, "d1", " ", TYPED)
    ann.book.override(name, "d1", "memory is saved", TYPED)
    assert ann.book.bars(act, "d1") == ""
    assert ann.book.bars(act, "d2")
    assert barred(act, "d1", ann.book.all(), "bob", clock.now())
    assert ann.of(name).overrides[0].reason == "memory is saved"
    clock.passed = LASTS.total_seconds()
    assert ann.book.bars(act, "d1")


def test_two_incidents_each_want_their_own_override(ann: Person) -> None:
    first = ann.book.declare("a key is out", "P1", security="one").id
    second = ann.book.declare("another", "P1", security="two").id
    ann.book.override(first, "d1", "saved", TYPED)
    assert "(two)" in ann.book.bars(plan("restart"), "d1")
    ann.book.override(second, "d1", "saved", TYPED)
    assert ann.book.bars(plan("restart"), "d1") == ""


def test_the_one_door_refuses_what_is_barred_and_lets_the_overridden_plan_through(
    ann: Person, clock: HandClock, tmp_path: Path
) -> None:
    name = ann.book.declare("a key is out", "P1", security="a stranger was in").id
    box = Toybox()

    async def run() -> None:
        hands = toy_hands(tmp_path, box)
        hands.bars = ann.book.bars
        await hands.arm("the incident", None)
        runner = hands.runner
        assert runner is not None
        made = await runner.plan("it", Request(RESTART.name, (next(iter(box.made)),)))
        digest = digest_of(made, runner.setting("it"))
        assert "a stranger was in" in runner.barred(made)
        refused = runner.begin(made, Confirmation(digest, "try"))
        await runner.idle()
        assert refused.result is Result.REFUSED
        assert "evidence is kept" in refused.refused
        assert not any(step.sent for step in refused.steps)
        harmless = await runner.plan("it", Request(WIND.name, made.request.subjects))
        assert runner.barred(harmless) == ""
        ann.book.override(name, digest, "memory is saved", TYPED)
        done = runner.begin(replace(made), Confirmation(digest, "try"))
        await runner.idle()
        assert done.refused == ""
        assert all(step.sent for step in done.steps)
        await hands.close()

    asyncio.run(run())


class _Requests(list[tuple[str, str, str]]):
    """Requests that reached the toys; something happens with the first of them."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then

    def append(self, one: tuple[str, str, str]) -> None:
        super().append(one)
        if len(self) == 1:
            self._then()


def _restarted(ann: Person, clock: HandClock, folder: Path, then: Callable[[], None], override: str = "") -> Deed:
    """Three toys restarted one after the other; `then` happens while the first is."""
    box = Toybox(requests=_Requests(then))
    made: list[Deed] = []

    async def run() -> None:
        hands = toy_hands(folder, box, clock)
        hands.bars = ann.book.bars
        await hands.arm("the incident", None)
        runner = hands.runner
        assert runner is not None
        plan = await runner.plan("it", Request(RESTART.name, tuple(box.made)))
        digest = digest_of(plan, runner.setting("it"))
        if override:
            ann.book.override(override, digest, "memory is saved", TYPED)
        made.append(runner.begin(plan, Confirmation(digest, "try")))
        await runner.idle()
        await hands.close()

    asyncio.run(run())
    return made[0]


def test_what_is_left_of_an_act_is_not_done_once_evidence_is_to_be_kept(
    ann: Person, clock: HandClock, tmp_path: Path
) -> None:
    name = ann.book.declare("a key is out", "P1").id
    deed = _restarted(ann, clock, tmp_path, lambda: ann.book.secure(name, "a stranger was in"))
    first, second, third = deed.steps
    assert (deed.refused, first.well, second.sent, third.sent) == ("", True, False, False)
    assert second.outcome is not None
    assert second.outcome.result is Result.REFUSED
    assert "evidence is kept" in str(second.outcome.words)
    assert "nothing was sent" in str(second.outcome.words)
    assert third.stage is Stage.LEFT


def test_what_was_let_through_goes_on_to_its_end_however_long_that_takes(
    ann: Person, clock: HandClock, tmp_path: Path
) -> None:
    name = ann.book.declare("a key is out", "P1", security="a stranger was in").id

    def later() -> None:
        clock.passed += 2 * LASTS.total_seconds()

    deed = _restarted(ann, clock, tmp_path, later, override=name)
    assert all(step.sent for step in deed.steps), [step.outcome for step in deed.steps]


def test_a_terminal_is_not_handed_over_while_evidence_is_kept() -> None:
    act = Action("console", "console", Danger.DISRUPTIVE, "Hands the terminal over.")
    assert loss(replace(plan("restart"), kind="console", action=act)).startswith("what is typed there is not seen")
    reading = replace(act, danger=Danger.READ)
    assert loss(replace(plan("restart"), kind="console", action=reading, danger=Danger.READ)) == ""
