"""The example profiles have the rounds that their runbooks ask for, and the demonstration has its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from desk.board import Board
from desk.checklist.judge import Sight, Verdict, judge, needed
from desk.profile import parse
from probes.base import GaugeKey, Snapshot
from systems.files import filled
from tests.desk.checklist.lists import Toys
from tests.thresholds.room import KINDS, profile_of, text_of

ROUNDS = {
    ("insta_connect", "morning"): ("daily 09:00", 1, "A-53"),
    ("whatsapp_notifications", "daily"): ("daily 09:00", 4, "B-59 B-62"),
    ("whatsapp_notifications", "weekly"): ("monday 10:00", 4, "B-63 B-66"),
    ("whatsapp_notifications", "monthly"): ("monthly 1 10:00", 4, "B-67 B-70"),
    ("social_analytics", "morning"): ("weekdays 09:00", 1, ""),
    ("social_live", "morning"): ("daily 09:00", 10, "D-14 D-24"),
    ("social_live", "evening"): ("daily 18:00", 6, "D-25 D-31"),
    ("social_live", "weekly-database"): ("sunday 02:00", 4, "D-81"),
    ("social_live", "weekly-application"): ("sunday 04:00", 3, "D-86"),
    ("social_live", "monthly-security"): ("first sunday 06:00", 3, "D-91"),
    ("newsletter", "daily"): ("daily 09:00", 4, "E-62 E-65"),
    ("newsletter", "weekly"): ("monday 10:00", 6, "E-66 E-71"),
    ("newsletter", "monthly"): ("first sunday 03:00", 7, "E-72 E-78"),
    ("newsletter", "quarterly"): ("quarterly 10:00", 10, "E-79 E-88"),
}
"""(system, checklist) -> when, how many boxes at least, the rows of its runbook that it is for."""


@pytest.mark.parametrize(("system", "name"), ROUNDS)
def test_each_round_has_its_boxes_and_the_ids_of_its_rows_stand_above_it(system: str, name: str) -> None:
    when, least, rows = ROUNDS[system, name]
    profile = profile_of(system)
    (one,) = [known for known in profile.checklists if known.name == name]
    assert one.schedule is not None
    assert (one.schedule.text, len(one.boxes) >= least) == (when, True)
    above = text_of(system).partition(f'name = "{name}"\n')[0].splitlines()[-2]
    assert set(rows.split()) <= set(re.findall(r"[A-E]-\d+", above))
    assert set(needed(one, {target.name: target.kind for target in profile.targets})) <= {
        target.name for target in profile.targets
    }


def test_a_certificate_that_has_expired_is_not_good_for_having_no_time_left() -> None:
    (one,) = [known for known in profile_of("social_live").checklists if known.name == "monthly-security"]
    boxes = [box for box in one.boxes if box.test is not None and "certificate_" in str(box.test)]
    toys = Toys()
    board = Board(profile_of("social_live").targets, toys.clock)
    kinds = {target.name: target.kind for target in profile_of("social_live").targets}
    gauges = {
        GaugeKey("certificate_left_seconds", (("certificate", "good"),)): 40 * 86400.0,
        GaugeKey("certificate_expired_seconds", (("certificate", "old"),)): 86400.0,
    }
    board.take(Snapshot("cluster", toys.clock.now(), 0.1, None, gauges))
    sight = Sight(board, [], toys.clock.monotonic(), kinds, lambda target, gauge: None)
    assert Verdict.BAD in {judge(box, sight).verdict for box in boxes}


@pytest.mark.parametrize("system", sorted({system for system, _ in ROUNDS}))
def test_no_round_is_forgotten_here(system: str) -> None:
    assert {one.name for one in profile_of(system).checklists} == {name for of, name in ROUNDS if of == system}


def test_the_demonstration_has_a_morning_and_an_evening(tmp_path_factory: pytest.TempPathFactory) -> None:
    ports = {"web": 1, "postgres": 2, "redis": 3}
    profile = parse(filled("newsletter", "profile.toml", tmp_path_factory.mktemp("stage"), ports), KINDS)
    assert [(one.name, one.schedule.text if one.schedule else "") for one in profile.checklists] == [
        ("morning", "daily 09:00"),
        ("evening", "daily 18:00"),
    ]
    for one in profile.checklists:
        assert any(box.by_itself for box in one.boxes)
        assert not all(box.by_itself for box in one.boxes)
        assert one.next(datetime(2026, 3, 1, tzinfo=UTC)) is not None
