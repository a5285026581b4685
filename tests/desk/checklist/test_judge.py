"""How a box stands: good only when it was seen to be so, and freshly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.checklist.judge import Judged, Verdict, judge, needed, verdict
from probes.base import Cause, Gap, Severity
from tests.desk.checklist.lists import Toys, box, profile

GOOD, AMBER, BAD, UNKNOWN, TO_DO = Verdict.GOOD, Verdict.AMBER, Verdict.BAD, Verdict.UNKNOWN, Verdict.TO_DO


def stands(text: str, toys: Toys) -> Judged:
    return judge(box(text), toys.sight)


@pytest.mark.parametrize(
    ("text", "size", "found"),
    [
        ("check = 'shelf.size_bytes < 1KiB'", 1000, GOOD),
        ("check = 'shelf.size_bytes < 1KiB'", 1024, BAD),
        ("check = 'shelf.size_bytes < 1KiB'\ncritical = '> 1MiB'", 1024, AMBER),
        ("check = 'shelf.size_bytes < 1KiB'\ncritical = '> 1MiB'", 2**20 + 1, BAD),
        ("check = 'shelf.size_bytes'\nwarn = '> 1KiB'\ncritical = '> 1MiB'", 1024, GOOD),
        ("check = 'shelf.size_bytes'\nwarn = '> 1KiB'\ncritical = '> 1MiB'", 1025, AMBER),
        ("check = 'shelf.size_bytes'\nwarn = '> 1KiB'\ncritical = '> 1MiB'", 2**20 + 1, BAD),
        ("check = 'shelf.size_bytes'\nwarn = '< 10'", 9, AMBER),
        ("check = 'shelf.size_bytes'\ncritical = '< 10'", 9, BAD),
        ("check = 'shelf.things == 1'", 9, GOOD),
    ],
)
def test_what_lies_between_two_limits_is_amber(text: str, size: float, found: Verdict) -> None:
    toys = Toys()
    toys.read(kite=size)
    assert stands(text, toys).verdict is found


def test_the_value_is_the_evidence_with_its_unit_and_age() -> None:
    toys = Toys()
    toys.read(kite=2048)
    toys.clock.passed += 2
    found = stands("check = 'shelf.size_bytes < 1KiB'", toys)
    assert (found.words, found.value, found.unit.value, found.age) == ("2 KiB", 2048.0, "bytes", 2.0)


def test_of_many_the_worst_is_told_by_name() -> None:
    toys = Toys()
    toys.read(ball=10, kite=4096, crate=2048)
    found = stands("check = 'shelf.size_bytes < 1KiB'", toys)
    assert (found.verdict, found.words, found.about) == (BAD, "4 KiB (kite)", "kite")
    toys.read(ball=10, kite=20, crate=2)
    assert stands("check = 'shelf.size_bytes < 1KiB'", toys).words == "20 B (kite)"
    assert stands("check = 'shelf.size_bytes > 1'", toys).words == "2 B (crate)"


def test_a_kind_means_each_of_its_targets() -> None:
    toys = Toys()
    toys.read("shelf", ball=10)
    assert (found := stands("check = 'toy.size_bytes < 1KiB'", toys)).verdict is UNKNOWN
    assert found.words == "box: no answer yet"
    toys.read("box", kite=20)
    assert stands("check = 'toy.size_bytes < 1KiB'", toys).verdict is GOOD
    toys.read("box", kite=2000)
    assert (found := stands("check = 'toy.size_bytes < 1KiB'", toys)).verdict is BAD
    assert found.words == "2.0 KiB (box)"


def test_what_is_known_to_be_bad_is_bad_although_another_cannot_be_seen() -> None:
    toys = Toys()
    toys.read("box", kite=2000)
    assert stands("check = 'toy.size_bytes < 1KiB'", toys).verdict is BAD


@pytest.mark.parametrize("text", ["check = 'shelf.size_bytes < 1KiB'", "reading = 'shelf'"])
def test_what_is_missing_failed_or_old_is_never_good(text: str) -> None:
    toys = Toys()
    assert stands(text, toys).words == "shelf: no answer yet"
    toys.fail()
    assert stands(text, toys).words == "shelf: refused, nobody is there"
    toys.read(ball=1)
    assert stands(text, toys).verdict is GOOD
    toys.fail()
    assert stands(text, toys).verdict is UNKNOWN
    toys.read(ball=1)
    toys.clock.passed += 60
    found = stands(text, toys)
    assert (found.verdict, found.words) == (UNKNOWN, "shelf: no answer for 1m00s")
    toys.read()
    assert stands("check = 'shelf.size_bytes < 1KiB'", toys).words == "no value of shelf.size_bytes"


def test_a_window_that_was_not_watched_long_enough_says_so() -> None:
    toys = Toys()
    toys.read(ball=1)
    toys.clock.passed += 3
    toys.read(ball=1)
    found = stands("check = 'max(shelf.size_bytes, 10m) < 1KiB'", toys)
    assert (found.verdict, found.words) == (UNKNOWN, "needs 10m of readings, there are 3 s")


@pytest.mark.parametrize(
    ("severity", "found"), [(Severity.NOTICE, GOOD), (Severity.WARNING, AMBER), (Severity.CRITICAL, BAD)]
)
def test_a_reading_is_as_good_as_its_worst_alert(severity: Severity, found: Verdict) -> None:
    toys = Toys()
    toys.read(ball=1)
    toys.alert(severity)
    assert stands("reading = 'shelf'", toys).verdict is found


def test_a_row_is_judged_by_its_own_alerts_and_must_be_there() -> None:
    toys = Toys()
    toys.read(ball=1, kite=2)
    toys.alert(Severity.CRITICAL, ("thing", "kite"))
    assert stands("reading = 'shelf/kite'", toys).verdict is BAD
    assert stands("reading = 'shelf/ball'", toys).verdict is GOOD
    found = stands("reading = 'shelf/crate'", toys)
    assert (found.verdict, found.words) == (UNKNOWN, "shelf has nothing called crate")


def test_a_part_that_could_not_be_read_is_not_good_but_one_that_is_not_installed_may_be() -> None:
    toys = Toys()
    toys.read(ball=1, gaps=[Gap("the lid", Cause.DENIED)])
    assert stands("reading = 'shelf'", toys).words == "shelf: the lid could not be read (denied)"
    toys.read(ball=1, gaps=[Gap("the lid", Cause.MISSING)])
    assert stands("reading = 'shelf'", toys).verdict is GOOD


def test_every_row_is_only_good_where_every_row_was_read() -> None:
    toys = Toys()
    toys.read(ball=1, gaps=[Gap("big things", Cause.DENIED)])
    found = stands("check = 'shelf.size_bytes < 1KiB'", toys)
    assert (found.verdict, found.words) == (UNKNOWN, "shelf: big things could not be read (denied)")
    assert stands("check = 'shelf.size_bytes{thing=\"ball\"} < 1KiB'", toys).verdict is GOOD
    assert stands("check = 'shelf.things < 9'", toys).verdict is GOOD
    assert stands("check = 'shelf.size_bytes < 1'", toys).verdict is BAD
    toys.read(ball=1, gaps=[Gap("big things", Cause.MISSING)])
    assert stands("check = 'shelf.size_bytes < 1KiB'", toys).verdict is GOOD


def test_what_nobody_can_read_is_to_do() -> None:
    assert stands("manual = true", Toys()).verdict is TO_DO


def test_only_what_its_boxes_need_is_read() -> None:
    kinds = {"shelf": "toy", "box": "toy", "local": "host"}
    made = profile(
        """
[[checklist]]
name = "one"
[[checklist.box]]
say = "a"
check = "box.things < 3"
[[checklist]]
name = "two"
[[checklist.box]]
say = "a"
check = "toy.things < 3"
[[checklist]]
name = "three"
[[checklist.box]]
say = "a"
reading = "shelf/kite"
[[checklist.box]]
say = "b"
manual = true
"""
    )
    assert [needed(one, kinds) for one in made.checklists] == [["box"], ["shelf", "box"], ["shelf"]]


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_further_is_never_better(value: float, more: float) -> None:
    test = box("check = 'shelf.things'\nwarn = '> 10'\ncritical = '> 20'").test
    assert test is not None
    order = [GOOD, AMBER, BAD]
    assert order.index(verdict(test, value)) <= order.index(verdict(test, value + more))
