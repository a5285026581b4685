"""A checklist on paper: for people, for programs, for monitoring, for a build server; and nothing in it does harm."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.checklist import paper
from desk.checklist.book import Run
from desk.checklist.box import Box, Checklist
from desk.checklist.judge import Judged, Verdict
from desk.checklist.paper import Looked, items_of
from desk.checklist.record import Evidence, Record, What
from probes.base import Unit
from tests.desk.checklist.lists import box, checklist

AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
DUE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TESTED = box("check = 'shelf.size_bytes < 1KiB'\ncritical = '> 1MiB'")
GOOD, AMBER, BAD, UNKNOWN = (
    Judged(Verdict.GOOD, "10 B", 10.0, Unit.BYTES, age=1.0), Judged(Verdict.AMBER, "2 KiB (kite)", 2048.0, Unit.BYTES),
    Judged(Verdict.BAD, "2 MiB", 2.0**21, Unit.BYTES), Judged(Verdict.UNKNOWN, "shelf: refused, nobody is there"),
)  # fmt: skip
TO_DO = Judged(Verdict.TO_DO)


def looked(*judged: Judged, run: Run | None = None, before: Run | None = None, **more: object) -> Looked:
    boxes = tuple(
        Box(f"box {number}", f"box {number}", TESTED.test if one is not TO_DO else None)
        for number, one in enumerate(judged)
    )
    made = checklist(boxes=boxes)
    known = {one.key: found for one, found in zip(boxes, judged, strict=True)}
    items = items_of(made, known, run, {one.key: before for one in boxes})
    return Looked("nursery", "test", made, AT, DUE, items, DUE, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("judged", "code", "nagios"),
    [
        ((GOOD, GOOD), 0, 0),
        ((GOOD, TO_DO), 0, 0),
        ((TO_DO,), 0, 0),
        ((GOOD, AMBER), 1, 1),
        ((GOOD, UNKNOWN), 1, 3),
        ((AMBER, UNKNOWN), 1, 3),
        ((UNKNOWN, BAD), 1, 2),
    ],
)
def test_the_code_says_how_it_is_and_what_nobody_signed_makes_it_no_worse(
    judged: tuple[Judged, ...], code: int, nagios: int
) -> None:
    found = looked(*judged)
    assert (found.code, found.nagios) == (code, nagios)


def test_where_nothing_could_be_reached_that_is_the_code() -> None:
    found = looked(UNKNOWN, reached=False)
    assert (found.code, found.nagios) == (3, 3)


def test_in_words_each_box_has_a_line() -> None:
    assert paper.as_text(looked(GOOD, AMBER, BAD, UNKNOWN, TO_DO)).splitlines() == [
        "nursery  test  Morning  Mon 02 Mar 08:30 UTC",
        "good       box 0  10 B",
        "amber      box 1  2 KiB (kite)",
        "BAD        box 2  2 MiB",
        "unknown    box 3  shelf: refused, nobody is there",
        "not done   box 4",
        "1 bad, 1 unknown, 1 amber, 1 good, 1 not done",
    ]


def test_yesterdays_stands_beside_it_with_how_it_changed() -> None:
    before = Run("morning", DUE)
    before.take(
        Record(
            "1",
            AT,
            What.SIGNED_OFF,
            "morning",
            DUE,
            "ann",
            evidence=(Evidence("box 0", Verdict.GOOD, "4 B", 4.0, Unit.BYTES),),
        )
    )
    found = looked(GOOD, BAD, before=before)
    assert "good       box 0  10 B   [+6 B]" in paper.as_text(found).replace("10 B  [", "10 B   [")
    body = json.loads(paper.as_json(found))
    assert body["boxes"][0]["before"] == {
        "due": "2026-03-02T09:00:00+00:00", "verdict": "good", "words": "4 B", "value": 4.0, "change": "+6 B",
    }  # fmt: skip
    assert body["boxes"][1]["before"] is None


def test_monitoring_gets_one_line_with_the_worst_first() -> None:
    line = paper.as_nagios(looked(GOOD, AMBER, BAD, TO_DO))
    assert line == (
        "CRITICAL - Morning: box 2: 2 MiB; box 1: 2 KiB (kite) | good=1;;;0;4 amber=1;;;0;4 bad=1;;;0;4 unknown=0;;;0;4"
    )
    assert paper.as_nagios(looked(GOOD, TO_DO)).startswith("OK - Morning: 1 good, 1 not done | ")


def test_json_is_complete_and_has_a_version() -> None:
    body = json.loads(paper.as_json(looked(GOOD, TO_DO)))
    assert (body["version"], body["checklist"], body["verdict"], body["due"]) == (1, "morning", "good", DUE.isoformat())
    first, second = body["boxes"]
    assert (first["verdict"], first["value"], first["unit"], first["age_seconds"]) == ("good", 10.0, "bytes", 1.0)
    assert (second["verdict"], second["value"], second["by_itself"]) == ("not done", None, False)


def test_a_build_server_gets_a_case_each() -> None:
    suite = ElementTree.fromstring(paper.as_junit(looked(GOOD, AMBER, BAD, UNKNOWN, TO_DO)))[0]
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "2", "errors": "1", "skipped": "1",
    }  # fmt: skip
    told = [[(one.tag, one.get("message") or one.text) for one in case] for case in suite]
    assert told == [
        [("system-out", "10 B")], [("failure", "2 KiB (kite)")], [("failure", "2 MiB")],
        [("error", "shelf: refused, nobody is there")], [("skipped", "not done")],
    ]  # fmt: skip


def test_markdown_is_a_table_and_carries_out_nothing() -> None:
    made = checklist(boxes=(Box("a", "<img src=x> | **b**"),))
    found = Looked("n", "", made, AT, DUE, items_of(made, {"a": Judged(Verdict.BAD, "`x`\n| y")}, None, {}))
    *_, row = paper.as_markdown(found).splitlines()
    assert row == r"| [ ] bad | \<img src=x\> \| \*\*b\*\* | \`x\` \| y |  |  |  |"


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_said_each_form_stays_whole(say: str, words: str) -> None:
    made = Checklist("morning", say, (Box("a", say, TESTED.test),))
    found = Looked(say, words, made, AT, DUE, items_of(made, {"a": Judged(Verdict.BAD, words)}, None, {}))
    assert len(ElementTree.fromstring(paper.as_junit(found))[0]) == 1
    assert json.loads(paper.as_json(found))["boxes"][0]["words"] == words
    assert paper.as_nagios(found).count("|") == 1
    assert len(paper.as_markdown(found).splitlines()) == 7


def test_no_form_lets_a_note_or_a_name_steer_the_terminal() -> None:
    evil = "a\x1b[2J\u202eb"
    run = Run("morning", DUE)
    run.take(Record("1", AT, What.SKIPPED, "morning", DUE, evil, "box 1", evil))
    found = looked(Judged(Verdict.BAD, evil), TO_DO, run=run)
    for form in (paper.as_text, paper.as_nagios, paper.as_json, paper.as_junit, paper.as_markdown):
        said = form(found)
        assert "\x1b" not in said, form.__name__
        assert "\u202e" not in said, form.__name__


def test_only_what_is_good_or_done_is_ticked() -> None:
    run = Run("morning", DUE)
    run.take(Record("1", AT, What.SKIPPED, "morning", DUE, "ann", "box 1", "fog"))
    run.take(Record("2", AT, What.SIGNED, "morning", DUE, "ann", "box 2"))
    rows = paper.as_markdown(looked(GOOD, TO_DO, TO_DO, TO_DO, run=run)).splitlines()[-4:]
    assert [row[2:].partition(" |")[0] for row in rows] == ["[x] good", "[ ] skipped", "[x] done", "[ ] not done"]


def test_what_was_signed_is_the_value_at_the_signature_and_not_the_one_of_now() -> None:
    shown = box("check = 'shelf.size_bytes'\nmanual = true")
    run = Run("morning", DUE)
    proof = (Evidence(shown.key, Verdict.GOOD, "10 B", 10.0, Unit.BYTES, "ball", 1.0),)
    run.take(Record("1", datetime(2026, 3, 2, 8, 20, tzinfo=UTC), What.SIGNED, "morning", DUE, "ann", shown.key,
                    evidence=proof))  # fmt: skip
    made = checklist(boxes=(shown,))
    today = {shown.key: Judged(Verdict.TO_DO, "99 B (kite)", 99.0, Unit.BYTES, "kite", 2.0)}
    found = Looked("nursery", "test", made, AT, DUE, items_of(made, today, run, {}), DUE)
    one = json.loads(paper.as_json(found))["boxes"][0]
    assert (one["words"], one["value"], one["about"], one["age_seconds"]) == ("10 B", 10.0, "ball", 600.0)


def test_while_boxes_of_its_runbook_are_not_here_no_form_calls_it_well() -> None:
    found = looked(GOOD)
    found = replace(found, checklist=replace(found.checklist, source="Every day", unread=True))
    assert (found.code, found.nagios, json.loads(paper.as_json(found))["verdict"]) == (1, 3, "unknown")
    said = "the boxes under “Every day” could not be read from a runbook"
    assert paper.as_text(found).endswith(f"1 good, {said}")
    assert paper.as_nagios(found).startswith(f"UNKNOWN - Morning: {said} | ")
    suite = ElementTree.fromstring(paper.as_junit(found))[0]
    assert (suite.get("tests"), suite.get("errors"), len(suite)) == ("2", "1", 2)
    assert suite[1][0].get("message") == said


def test_a_list_says_how_each_stands_and_when_it_is_due() -> None:
    assert (
        paper.as_list([(checklist(), "due", "Tue 03 Mar 09:00 UTC")]) == "morning  due  Tue 03 Mar 09:00 UTC  Morning"
    )
    assert paper.as_list([]).startswith("there is no checklist")
