"""Every row of the five runbooks leads to something that exists, and to a test that shows it."""

from __future__ import annotations

import re
import sys
from collections import Counter

import pytest

from tests.thresholds.test_rows import ROWS as LIMITS
from tests.traceability import ASKS, PAGE, ROOT, STATES, Row, ids, page, rows, there_is


def of_examples(row: Row) -> set[str]:
    """The example systems to which a row points."""
    words = [one.split(" ", 2) for one in row.references]
    return {one[1] for one in words if one[0] in ("rule", "checklist", "box", "runbook")}


def test_every_row_of_the_runbooks_stands_there_once_and_in_order() -> None:
    assert [row.id for row in rows()] == ids()
    assert sum(row.kind != "hazard" for row in rows()) == 661


def test_every_row_says_in_a_few_words_of_what_kind_it_is_and_what_it_asks_for() -> None:
    assert Counter(row.kind for row in rows()) == ASKS
    assert [row.id for row in rows() if (row.kind == "hazard") != row.id.startswith("H")] == []
    assert [row.id for row in rows() if not 1 <= len(row.words.split()) <= 20] == []


def test_no_row_points_to_a_place_that_is_not_there() -> None:
    assert [(row.id, one) for row in rows() for one in row.references if not there_is(one)] == []
    assert [(row.id, row.where) for row in rows() if of_examples(row) - {row.system}] == []


def test_a_row_that_gives_a_limit_points_to_each_rule_that_keeps_it() -> None:
    places = {row.id: row.references for row in rows() if row.kind == "threshold-alert"}
    assert set(places) == set(LIMITS)
    kept = {row: {one.partition("/")[2] for one in rules.split()} - {""} for row, rules in LIMITS.items()}
    pointed = {row: {one.split(" ", 2)[2] for one in found if one.startswith("rule ")} for row, found in places.items()}
    assert [row for row, names in kept.items() if not names <= pointed[row]] == []


def test_every_test_that_a_row_names_is_written() -> None:
    files = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    written = {name for text in files for name in re.findall(r"^ *(?:async )?def (test_\w+)", text, re.M)}
    assert [(row.id, one) for row in rows() for one in row.test.split() if one not in written] == []


def test_what_is_served_is_proven_and_what_is_not_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert {row.state for row in rows()} <= set(STATES)
    assert [row.id for row in rows() if row.state != "not yet" and not (row.where and row.test)] == []
    assert [row.id for row in rows() if row.state != "served" and len(row.note) < 5] == []
    with capsys.disabled():
        counted = Counter(row.state for row in rows() if row.kind != "hazard")
        sys.stdout.write(f" of 661 rows: {', '.join(f'{counted[state]} {state}' for state in STATES)} ")


def test_the_page_of_rows_says_what_the_table_says() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.traceability writes it anew"


@pytest.mark.parametrize(
    "reference",
    [
        "", "docker act fly", "docker table wings", "docker rule wings", "docker look wings", "docker key wings",
        "docker wings", "dockers", "host console", "profile contacts.fax", "profile wings.name", "profile",
        "notify pigeon", "screen inbox %", "screen attic q", "verb fly", "verb report wings", "verb",
        "rule newsletter wings", "rule elsewhere memory", "checklist newsletter hourly", "box newsletter daily",
        "box newsletter daily Wings", "runbook newsletter Wings",
    ],
)  # fmt: skip
def test_a_place_that_is_not_there_is_noticed(reference: str) -> None:
    assert not there_is(reference)
