"""Who is on call: by the board, only while that is fresh, and never a guess."""

from __future__ import annotations

import pytest

from desk.board import Board
from probes.alerting.pagerduty.facts import OnCall, PagerDutyFacts
from probes.base import SafeText, Settings, Snapshot, Target
from tests.desk.inboxes import START, HandClock
from tui.oncall import UNKNOWN, on_call


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
    assert on_call(made, reference, clock.monotonic()) == "Ann, Bob"


@pytest.mark.parametrize("reference", ["pagerduty:PNONE", "opsgenie:PABC123", "pagerduty:", ""])
def test_what_is_not_known_is_said(clock: HandClock, reference: str) -> None:
    assert on_call(board(clock, person("Ann", 1)), reference, clock.monotonic()) == UNKNOWN


def test_an_old_answer_is_none(clock: HandClock) -> None:
    made = board(clock, person("Ann", 1))
    clock.passed = 3600
    assert on_call(made, "pagerduty:PABC123", clock.monotonic()) == UNKNOWN
