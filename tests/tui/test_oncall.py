"""Who is on call: by the board, with the age of that, and never a guess."""

from __future__ import annotations

import pytest

from desk.board import Board
from probes.alerting.pagerduty.facts import OnCall, PagerDutyFacts
from probes.base import SafeText, Settings, Snapshot, Target
from tests.desk.inboxes import START, HandClock
from tui.oncall import on_call


def person(user: str, level: int, schedule: str = "PABC123", name: str = "Primary") -> OnCall:
    return OnCall(f"P1/{level}/{schedule}/{user}", "P1", SafeText("Shop"), level, SafeText(user), SafeText(name), None)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def board(clock: HandClock, *people: OnCall) -> Board:
    made = Board([Target("pager", "pagerduty", Settings())], clock)
    facts = PagerDutyFacts(SafeText("PagerDuty"), (), False, people, (), None)
    made.take(Snapshot("pager", START, 0.1, facts, {}, ()))
    return made


@pytest.mark.parametrize("reference", ["pagerduty:PABC123", "pagerduty:primary", "pagerduty:Primary"])
def test_a_schedule_is_known_by_its_id_and_its_name(clock: HandClock, reference: str) -> None:
    made = board(clock, person("Bob", 2), person("Ann", 1), person("Cid", 1, "POTHER", "Other"))
    assert on_call(made, reference, clock.monotonic()) == "on call: Ann, Bob, as of 0 s ago"


@pytest.mark.parametrize("reference", ["pagerduty:PNONE", "opsgenie:PABC123", "pagerduty:"])
def test_what_is_not_known_is_said(clock: HandClock, reference: str) -> None:
    said = on_call(board(clock, person("Ann", 1)), reference, clock.monotonic())
    assert said == f"on call: not known here, ask {reference}"


def test_where_nobody_is_asked_nothing_is_said(clock: HandClock) -> None:
    assert on_call(board(clock, person("Ann", 1)), "", clock.monotonic()) == ""


def test_an_old_answer_says_how_old_it_is(clock: HandClock) -> None:
    made = board(clock, person("Ann", 1))
    clock.passed = 3600
    assert on_call(made, "pagerduty:PABC123", clock.monotonic()) == "on call: Ann, as of 1h00m ago"
