"""Saved queries as they are drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probes.base import SafeText, Severity, Snapshot, Unit
from probes.postgres.saved.facts import Row, SavedQuery, SqlFacts
from tests.toys import StillClock
from widgets.lines import Tone
from widgets.panel import View, Worry
from widgets.sql import SqlPanel, change, limits, number

READERS = SavedQuery(
    "readers", "readers", value=4812, previous=4800, previous_ago=60, age=3, count=1, took=0.004, every=60,
    warn=4000, when="below", columns=(SafeText("count"),), table=((SafeText("4812"),),),
    sql=SafeText("SELECT count(*)"),
)  # fmt: skip
FAILED = SavedQuery("tokens", "tokens expiring", why="our role may not read accounts", fault="denied",
                    hint="GRANT SELECT ON accounts TO our role", last=2, last_age=600)  # fmt: skip
PLANS = SavedQuery("plans", "plans", rows=(Row(SafeText("free"), 9), Row(SafeText("paid"), None)), value=9,
                   by=SafeText("plan"), columns=(SafeText("plan"), SafeText("版" * 30)),
                   table=((SafeText("free"), None),), count=1, cut=True)  # fmt: skip
FACTS = SqlFacts(SafeText("db:5432"), SafeText("15.18"), SafeText("app"), SafeText("opsroom_sql"), False, (),
                 (READERS, FAILED, PLANS))  # fmt: skip


def view(facts: SqlFacts, *worries: Worry) -> View[SqlFacts]:
    taken = Snapshot("newsletter", StillClock().now(), 0.0, facts)
    return View("newsletter", taken, lambda name, **labels: [1, None, 2], worries)


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
@pytest.mark.parametrize("facts", [SqlFacts(), FACTS, replace(FACTS, powers=(SafeText("superuser"),))])
def test_saved_queries_fit_every_width(facts: SqlFacts, width: int) -> None:
    panel = SqlPanel()
    worry = Worry(Severity.NOTICE, "failed", (("fault", "denied"), ("query", "tokens expiring")), "x")
    for drawn in (panel.brief(view(facts, worry), width), panel.head(view(facts, worry), width)):
        assert drawn
        assert all(len(line.text) <= width for line in drawn)


def test_a_number_is_drawn_with_its_change_and_a_failure_with_its_words_first() -> None:
    worry = Worry(Severity.NOTICE, "failed", (("fault", "denied"), ("query", "tokens expiring")), "x")
    drawn = [line.text for line in SqlPanel().brief(view(FACTS, worry), 118)]
    assert "tokens expiring" in drawn[0]
    assert "our role may not read" in drawn[0]
    assert any("4,812 (+12)" in text and "free 9" in text for text in drawn)


def test_missing_is_a_dash_and_never_a_zero() -> None:
    query = SavedQuery("a", "a", why="it is NULL")
    assert (number(query), change(query), limits(query)) == ("it is NULL", "–", "")
    table, _ = SqlPanel.tables
    assert [column.cell(FAILED) for column in table.columns[1:6]] == ["–"] * 5
    assert table.tone(FAILED) is Tone.NOTICE


def test_a_row_opens_with_its_query_its_limits_and_its_rows() -> None:
    table, _ = SqlPanel.tables
    assert table.detail is not None
    text = [line.text for line in table.detail(READERS)]
    assert "query   SELECT count(*)" in text
    assert "limits  warning below 4,000" in text
    assert "asked   every 1m00s; took 4 ms" in text
    assert text[-2:] == ["count", "4812"]
    failed = [line.text for line in table.detail(FAILED)]
    assert "hint    GRANT SELECT ON accounts TO our role" in failed
    assert "last    2, 10m00s ago" in failed


def test_what_was_cut_and_what_is_asked_rarely_is_said() -> None:
    cut = SavedQuery("a", "a", value=100, count=100, cut=True)
    assert number(cut) == "at least 100"
    slow = SavedQuery("b", "b", unit=Unit.SECONDS, value=3, every=240, slowed="it ran out of time")
    table, _ = SqlPanel.tables
    assert table.columns[-1].cell(slow) == "asked every 4m00s: it ran out of time"


def test_rows_of_a_query_that_was_not_answered_are_not_said_to_be_none() -> None:
    rows = next(table for table in SqlPanel.tables if table.name == "rows")
    denied = replace(FAILED, key=("id",))
    assert rows.rows(replace(FACTS, queries=(denied,))) == []
    said = "tokens expiring was not answered: our role may not read accounts"
    assert rows.unseen(replace(FACTS, queries=(READERS, denied))) == said
    assert rows.unseen(replace(FACTS, queries=(READERS, replace(denied, fault="", why="")))) == ""
    assert rows.unseen(FACTS) == "", "nothing can be done for its rows, whoever answers"
