"""What an act requires elsewhere: met by a fresh value alone, asked again directly before it is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.actions import Runner
from desk.board import Board
from desk.deed import Deed
from desk.guard import Confirmation, Mode, Permit, Refusal, digest_of, hindrance, judge
from desk.hands import Hands
from desk.requirements import Finding, Requirements, needed, unmet
from probes.base import (
    Cause,
    Failure,
    GaugeKey,
    Outcome,
    Plan,
    Request,
    Requirement,
    Result,
    SafeText,
    Sending,
    Snapshot,
    Subject,
    Unit,
)
from tests.desk.test_guard import TEST, plan
from tests.toyhands import ToyActuator, Toybox, toy_hands
from tests.toys import StillClock, ToyFacts, target

BACKUP = Requirement("toy.nightly", "newest_age_seconds", at_most=3600, words="a backup younger than 1 h")
COPIES = Requirement("nightly", "copies", (("where", "away"),), at_least=2)


class Night:
    """A board with one target, `nightly`, read every ten seconds."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.board = Board([target("nightly", every=10)], self.clock)
        self.find = Requirements(
            self.board, self.clock.monotonic, {"nightly": {"newest_age_seconds": Unit.SECONDS, "size": Unit.BYTES}}
        )

    def read(self, age: float | None = None, **copies: float) -> None:
        gauges = {GaugeKey("newest_age_seconds"): age} if age is not None else {}
        gauges |= {GaugeKey("copies", (("where", where),)): number for where, number in copies.items()}
        self.board.take(Snapshot("nightly", self.clock.now(), 0.1, ToyFacts(), gauges))

    def fails(self) -> None:
        self.board.take(Failure("nightly", self.clock.now(), Cause.REFUSED, SafeText("nobody is there")))

    def said(self, one: Requirement = BACKUP) -> tuple[bool, str]:
        found = self.find.find(one)
        return found.met, found.words


def test_a_fresh_value_within_the_limit_meets_it() -> None:
    night = Night()
    night.read(1200, away=2)
    assert night.said() == (True, "a backup younger than 1 h: newest of toy.nightly is 20m00s old")
    met, words = night.said(COPIES)
    assert met
    assert words == 'copies{where="away"} of nightly at least 2: copies of toy.nightly away is 2'


def test_a_value_beyond_the_limit_does_not() -> None:
    night = Night()
    night.read(9 * 3600, away=1)
    assert night.said() == (
        False,
        "a backup younger than 1 h: newest of toy.nightly is 9h00m old; make a newer one there first",
    )
    assert not night.said(COPIES)[0]


def test_an_age_has_grown_since_it_was_read() -> None:
    night = Night()
    night.read(3595)
    assert night.said()[0]
    night.clock.seconds += 6
    assert night.said() == (
        False,
        "a backup younger than 1 h: newest of toy.nightly is 1h00m old; make a newer one there first",
    )


def test_what_was_not_read_yet_failed_or_went_stale_is_not_met_however_good_it_was() -> None:
    night = Night()
    assert night.said() == (False, "a backup younger than 1 h: toy.nightly was not read yet")
    night.read(60)
    night.clock.seconds += 21
    assert night.said() == (
        False,
        "a backup younger than 1 h: toy.nightly was last read 21 s ago: how it is now is not known",
    )
    night.read(60)
    night.fails()
    met, words = night.said()
    assert not met
    assert "last read 0 s ago (refused)" in words


def test_a_missing_value_is_not_met_and_never_zero() -> None:
    night = Night()
    night.read(None, away=3)
    assert night.said() == (False, "a backup younger than 1 h: toy.nightly has no newest_age_seconds now")
    assert night.said(replace(BACKUP, gauge="newest_good_age_seconds")) == (
        False,
        "a backup younger than 1 h: toy.nightly has no good one now; make one there first",
    )
    met, words = night.said(replace(COPIES, labels=()))
    assert not met
    assert 'it has copies{where="away"}' in words


@pytest.mark.parametrize("name", ["other", "backups.nightly", ""])
def test_a_target_that_is_not_there_or_of_another_kind_is_not_met(name: str) -> None:
    night = Night()
    night.read(60)
    met, words = night.said(replace(BACKUP, target=name))
    assert not met
    assert "this profile has no target" in words


def test_a_requirement_without_a_limit_is_not_met() -> None:
    night = Night()
    night.read(60)
    assert not night.said(replace(BACKUP, at_most=None))[0]


# The guard


def given(one: Plan) -> Confirmation:
    return Confirmation(digest_of(one, TEST), "because")


def test_the_guard_refuses_what_is_not_met_and_what_nobody_looked_at() -> None:
    one = plan(requires=(BACKUP,))
    bad = Finding(BACKUP, False, "newest of backups.nightly is 9 h old")
    good = replace(bad, met=True)
    said = judge(one, TEST, Mode.ARMED, given(one), 1.0, found=(bad,))
    assert said == Refusal("needs a backup younger than 1 h: newest of backups.nightly is 9 h old")
    assert isinstance(judge(one, TEST, Mode.ARMED, given(one), 1.0), Refusal), "nobody looked"
    other = replace(good, requirement=COPIES)
    assert isinstance(judge(one, TEST, Mode.ARMED, given(one), 1.0, found=(other,)), Refusal)
    assert isinstance(judge(one, TEST, Mode.ARMED, given(one), 1.0, found=(good,)), Permit)
    assert unmet(plan(), ()) == ""


def test_what_is_required_is_part_of_what_was_confirmed() -> None:
    one, other = plan(requires=(BACKUP,)), plan(requires=(replace(BACKUP, at_most=7200),))
    assert len({digest_of(each, TEST) for each in (one, other, plan())}) == 3


def test_what_is_never_done_in_production_is_refused_there_and_nowhere_else() -> None:
    one = plan(not_in_production="it is a load test")
    live = replace(TEST, production=True)
    assert hindrance(one, live, ()) == "never in production: it is a load test"
    confirmed = Confirmation(digest_of(one, live), "because")
    assert judge(one, live, Mode.ARMED, confirmed, 1.0) == Refusal("never in production: it is a load test")
    assert isinstance(judge(one, TEST, Mode.ARMED, given(one), 1.0), Permit)


# Directly before it is sent


class Waiting(ToyActuator):
    """Something happens between the confirmation and the request."""

    between: Any = staticmethod(lambda: None)

    async def plan(self, request: Request) -> Plan:
        return replace(await super().plan(request), requires=(BACKUP,))

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        self.between()
        return await super().carry_out(plan, subject, act, sending)


async def deed_of(folder: Path, night: Night, between: Any) -> tuple[Deed, Toybox, Hands]:
    box = Toybox()
    hands = toy_hands(folder, box, clock=night.clock)
    await hands.arm("a test", None)
    runner = hands.runner
    assert isinstance(runner, Runner)
    actuator = Waiting(target("it"), runner._actuators["it"].context, box)
    actuator.between = between
    runner._actuators = {"it": actuator}
    runner._find = night.find
    one = await runner.plan("it", Request("wind", ("ball",)))
    deed = runner.begin(one, Confirmation(digest_of(one, runner.setting("it")), "because"))
    await runner.idle()
    return deed, box, hands


async def test_it_is_looked_at_again_directly_before_it_is_sent(tmp_path: Path) -> None:
    night = Night()
    night.read(60)
    deed, box, hands = await deed_of(tmp_path, night, lambda: night.read(9 * 3600))
    (step,) = deed.steps
    assert step.outcome is not None
    assert step.outcome.result is Result.REFUSED
    assert str(step.outcome.words) == (
        "needs a backup younger than 1 h: newest of toy.nightly is 9h00m old; make a newer one there first: "
        "nothing was sent"
    )
    assert box.requests == []
    await hands.close()


async def test_what_is_met_is_done_and_the_record_says_how_it_stood(tmp_path: Path) -> None:
    night = Night()
    night.read(60)
    deed, box, hands = await deed_of(tmp_path, night, lambda: None)
    assert [name for _, _, name in box.requests] == ["ball"]
    assert deed.steps[0].well
    chronicle = await hands.chronicle()
    (intent,) = [one for chapter in chronicle.chapters for one in chapter.records if one.code.value == "act.intent"]
    assert intent.data["required"] == ["a backup younger than 1 h: newest of toy.nightly is 1m00s old"]
    await hands.close()


async def test_what_is_not_met_when_it_is_confirmed_never_begins(tmp_path: Path) -> None:
    night = Night()
    deed, box, hands = await deed_of(tmp_path, night, lambda: None)
    assert deed.refused == "needs a backup younger than 1 h: toy.nightly was not read yet"
    assert box.requests == []
    await hands.close()


def test_a_need_without_words_says_its_limit() -> None:
    assert needed(COPIES) == 'copies{where="away"} of nightly at least 2'
