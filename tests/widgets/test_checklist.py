"""Checklists as they are drawn: each line fits, and a state is told by its word and its shape."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from desk.checklist.book import Book, Past, Run, SignOff
from desk.checklist.judge import Judged, Verdict
from desk.checklist.paper import Looked, items_of
from desk.checklist.record import Evidence, Record, What
from desk.checklist.standing import standing
from probes.base import Unit
from tests.desk.checklist.lists import box, checklist
from widgets import checklist as drawn
from widgets.draw.marks import plain
from widgets.lines import width_of

AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
DUE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG = "日本語 a very long sentence about what is to be so, longer than any terminal that anybody has in front of them"
TESTED = box("check = 'shelf.size_bytes < 1KiB'\ncritical = '> 1MiB'")


def found() -> tuple[Looked, Run]:
    from dataclasses import replace

    boxes = (TESTED, replace(TESTED, key="long", say=LONG), replace(checklist(LONG).boxes[0], key="hand"))
    made = checklist(boxes=boxes, title=LONG)
    judged = {
        "It is so": Judged(Verdict.BAD, "2 MiB", 2.0**21, Unit.BYTES, "kite", 3.0),
        "long": Judged(Verdict.UNKNOWN, f"shelf: {LONG}"),
        "hand": Judged(Verdict.TO_DO),
    }
    run, before = Run("morning", DUE), Run("morning", DUE)
    proof = tuple(Evidence(one.key, Verdict.GOOD, LONG, 4.0, Unit.BYTES) for one in boxes)
    before.take(Record("1", AT, What.SIGNED_OFF, "morning", DUE, LONG, note=LONG, evidence=proof))
    for what in (What.SKIPPED, What.NOTED, What.SIGNED_OFF):
        run.take(Record(what.value, AT, what, "morning", DUE, LONG, "hand" if what is What.SKIPPED else "", LONG))
    items = items_of(made, judged, run, {one.key: before for one in boxes})
    return Looked("nursery", "test", made, AT, DUE, items, DUE), run


@pytest.mark.parametrize("width", [40, 58, 60, 72, 80, 100, 116, 160, 250])
def test_every_line_fits(width: int) -> None:
    looked, run = found()
    one = standing(looked.checklist, Book(), AT)
    handed = (LONG, SignOff(LONG, AT, LONG))
    lines = [
        drawn.head(looked, one, AT, width), drawn.titled([one] * 3, LONG, width), *drawn.standings([one], AT, width),
        *drawn.boxes(looked, width), *drawn.tail(run, handed, "UTC", width), *drawn.empty(width),
        *(part for item in looked.items for part in drawn.about(item, run, "UTC", width, AT)),
    ]  # fmt: skip
    assert max(width_of(one.spans) for one in lines) <= max(width, 48)
    assert max(width_of(one.spans) for one in lines if one.key) <= width


def test_each_state_has_a_word_and_a_shape_of_its_own() -> None:
    assert len({shape.text for shape in drawn._SHAPES.values()}) == len(drawn._SHAPES)
    assert len({plain(shape.text) for shape in drawn._SHAPES.values()}) == len(drawn._SHAPES)


def test_a_box_says_what_it_is_judged_by_and_how_it_was() -> None:
    looked, run = found()
    text = "\n".join(line.text for line in drawn.about(looked.items[0], run, "UTC", 200, AT))
    assert "2 MiB  3 s ago" in text
    assert "good < 1 KiB, bad > 1 MiB" in text
    assert "+2.0 MiB" in text


def test_a_signed_value_is_as_old_as_its_signature() -> None:
    shown = box("check = 'shelf.size_bytes'\nmanual = true")
    run = Run("morning", DUE)
    proof = (Evidence(shown.key, Verdict.GOOD, "10 B", 10.0, Unit.BYTES, age=1.0),)
    run.take(Record("1", DUE, What.SIGNED, "morning", DUE, "ann", shown.key, evidence=proof))
    today = {shown.key: Judged(Verdict.TO_DO, "99 B", 99.0, Unit.BYTES, age=2.0)}
    (item,) = items_of(checklist(boxes=(shown,)), today, run, {})
    text = "\n".join(line.text for line in drawn.about(item, run, "UTC", 200, AT))
    assert "then      10 B  1h30m ago" in text
    assert "99 B" not in text


def test_that_nothing_is_kept_stands_before_the_name_on_the_narrowest_screen() -> None:
    looked, _ = found()
    one = standing(looked.checklist, Book(), AT)
    assert drawn.head(looked, one, AT, 40, "not kept: disk full").text.startswith(" not kept: disk full")


def test_the_history_names_what_was_missed_and_who_did_the_rest() -> None:
    _, run = found()
    begun = Run("morning", DUE)
    begun.take(Record("1", AT, What.NOTED, "morning", DUE, "ann", note="hm"))
    lines = [line.text for line in drawn.history([Past(DUE, begun, True), Past(DUE, run), Past(DUE, begun)], "UTC", 80)]
    assert lines[0] == "✕ Mon 02 Mar 09:00 UTC  MISSED, begun but not signed off"
    assert lines[1].startswith("✓ Mon 02 Mar 09:00 UTC  done Mon 02 Mar 10:30 UTC by")
    assert lines[-1].endswith("begun")
    assert drawn.history([], "UTC", 80)[0].text == "no run is known yet"
