"""Post-mortems: what is known is told with how it is known, what is not known is said, and nothing does anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import markdown_it
import pytest

from desk.incident import paper
from desk.incident.chart import chart, drawn
from desk.incident.incidents import CLIPBOARD
from desk.incident.postmortem import FACTS, PARTS, TEMPLATE, inert, markdown, strange, took
from desk.incident.record import Role
from desk.incident.scheme import OURS
from probes.base import Unit
from tests.desk.inboxes import START, HandClock, alert
from tests.desk.incidents import Person, minutes

NASTY = "# <b>boo</b> [x](http://evil.example) | ![p](//e.example/i.png) `rm` @all\n- a list {timeline} \x1b[31mred"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ann(clock: HandClock) -> Person:
    return Person("ann", clock)


def lived(ann: Person, clock: HandClock) -> str:
    """An incident from its alert to its end."""
    raised = alert(clock)
    clock.passed = 180
    name = ann.book.declare("backlog", "P1", raised).id
    clock.passed = 240
    ann.book.assign(name, Role.COMMANDER, "ann")
    clock.passed = 600
    ann.book.mitigate(name, "the worker runs")
    clock.passed = 3000
    ann.book.resolve(name)
    return name


def test_each_length_says_from_what_to_what_it_was_counted(ann: Person, clock: HandClock) -> None:
    name = lived(ann, clock)
    ann.book.set_began(name, minutes(-10))
    found = {one.name: one for one in took(ann.of(name))}
    assert {one: found[one].seconds for one in found} == {
        "detect": 600.0, "acknowledge": 240.0, "mitigate": 600.0, "resolve": 3000.0,
    }  # fmt: skip
    assert found["acknowledge"].how == (
        "from 2026-03-01 03:12:41 (the alert was raised) to 2026-03-01 03:16:41 (ann is commander)"
    )
    assert str(found["detect"]) == "10m00s"


def test_what_nobody_knows_is_not_zero(ann: Person) -> None:
    name = ann.book.declare("slow", "P1").id
    found = {one.name: one for one in took(ann.of(name))}
    assert [one.seconds for one in found.values()] == [None] * 4
    assert [str(one) for one in found.values()] == ["not known"] * 4
    assert [one.how for one in found.values()] == [
        "nobody said when it began", "nobody said that they were at it", "it is not mitigated", "it is not resolved",
    ]  # fmt: skip


def test_times_that_contradict_each_other_make_no_length(ann: Person, clock: HandClock) -> None:
    raised = alert(clock, at=minutes(30))
    name = ann.book.declare("slow", "P1", raised).id
    ann.book.mitigate(name)
    mitigate = {one.name: one for one in took(ann.of(name))}["mitigate"]
    assert mitigate.seconds is None
    assert mitigate.how.startswith("the times contradict each other")


def test_after_a_reopening_the_fix_that_held_counts(ann: Person, clock: HandClock) -> None:
    name = lived(ann, clock)
    ann.book.reopen(name, "again")
    clock.passed = 6000
    ann.book.mitigate(name)
    found = {one.name: one.seconds for one in took(ann.of(name))}
    assert (found["mitigate"], found["resolve"]) == (6000.0, None)


def test_the_draft_tells_it_all_and_leaves_places_for_people(ann: Person, clock: HandClock) -> None:
    name = lived(ann, clock)
    ann.book.message(name, "resolved", "public", CLIPBOARD, "It works again.\nSorry.")
    item = ann.book.add_item(name, "a bigger queue", "bob", datetime(2026, 3, 9, tzinfo=UTC))
    ann.book.add_item(name, "an alert on its depth")
    ann.book.do_item(name, item)
    text = markdown(ann.of(name), ann.book.entries(name), "shop live", now=clock.now())
    assert text.startswith("# Post-mortem: backlog\n")
    assert "| Severity | P1 |" in text
    assert "| Duration | 50m00s |" in text
    assert "| detect | not known | nobody said when it began |" in text
    assert "| 2026-03-01 03:15:41 | declared P1: backlog | ann |  |" in text
    assert "| 03:16:41 | ann is commander | ann |  |" in text
    assert "- [x] a bigger queue (bob, due: 2026-03-09, done 2026-03-01 04:02:41 by ann)" in text
    assert "- [ ] an alert on its depth (nobody yet, due: no day yet)" in text
    assert "  > It works again.\n  > Sorry." in text
    assert text.count("*to be filled in*") == 7


def test_nothing_from_outside_does_anything_in_the_draft(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare(NASTY, NASTY, alert(clock, words=NASTY, target=NASTY)).id
    ann.book.set_impact(name, NASTY)
    ann.book.set_cause(name, NASTY)
    ann.book.note(name, NASTY)
    ann.book.add_item(name, NASTY, NASTY)
    ann.book.message(name, "", "public", CLIPBOARD, NASTY)
    ann.book.assign(name, Role.COMMANDER, NASTY)
    ann.book.resolve(name, NASTY, early=NASTY)
    title = chart(NASTY, Unit.COUNT, [(START.timestamp(), 3.0)], START, minutes(5))
    text = markdown(ann.of(name), ann.book.entries(name), NASTY, [title])
    tokens = markdown_it.MarkdownIt("gfm-like", {"linkify": False}).enable("table").parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {one.type for one in (*tokens, *inline)}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "code_inline"}
    assert "\x1b" not in text
    headings = [tokens[place + 1].content for place, one in enumerate(tokens) if one.type == "heading_open"]
    assert headings[0].startswith("Post-mortem:")
    assert headings[1:] == [line[3:] for line in TEMPLATE.splitlines() if line.startswith("## ")]
    rows = [line for line in text.splitlines() if line.startswith(("| 2026", "| 03:"))]
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows)
    assert "{timeline}" in text, "what looks like a place in a value is not filled in"


def test_a_template_of_the_profile_is_filled_and_what_it_asks_in_vain_is_named(ann: Person, clock: HandClock) -> None:
    name = lived(ann, clock)
    text = "{title} took {duration} on {date} {nonsense}\n\n{times}\n"
    made = markdown(ann.of(name), [], "shop", template=text)
    assert made.startswith("backlog took 50m00s on 2026-03-01 {nonsense}\n\n| Time to |")
    assert strange(text) == ("nonsense",)
    assert strange(TEMPLATE) == ()
    whole = markdown(ann.of(name), [], "shop", template="\n".join(f"{{{one}}}" for one in (*FACTS, *PARTS)))
    assert "{" not in whole


@pytest.mark.parametrize("text", ["+ one", "=====", "12) twelve", "- ", "---", "# a", "> b"])
def test_no_line_begins_a_block(text: str) -> None:
    html = markdown_it.MarkdownIt().render(inert(text))
    assert html.startswith("<p>")
    assert html.count("<") == 2


def test_a_chart_has_gaps_where_nothing_was_read_and_tells_where_things_happened() -> None:
    points = [(START.timestamp() + 60 * number, float(number)) for number in range(10) if number not in (4, 5)]
    made = chart("depth", Unit.COUNT, [*points, (START.timestamp() - 60, 99.0)], START, minutes(10))
    assert made.values == (0.0, 1.0, 2.0, 3.0, None, None, 6.0, 7.0, 8.0, 9.0)
    lines = list(drawn(made, [(minutes(3), "noticed"), (minutes(10), "resolved"), (minutes(50), "never")]))
    assert lines == [
        "▁▁▂▃  ▆▇██",
        "   1     2",
        "1 noticed 03:15, 2 resolved 03:22",
        "03:12 to 03:22 UTC, 0 to 9, not read for 20 % of the time",
    ]
    nothing = chart("depth", Unit.COUNT, [], START, START)
    assert list(drawn(nothing)) == ["nothing was read in this time"]


def test_on_paper_it_says_what_is_due_and_by_whom_to_be_reached(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("slow \x1b[31m", "P1", security="somebody was in").id
    clock.passed = 16 * 60
    found = ann.of(name)
    text = paper.as_text(found, ann.book.entries(name), OURS, clock.now())
    assert "\x1b" not in text
    assert "evidence: somebody was in" in text
    assert "2026-03-01 03:27  for 1m00s  somebody should be at it" in text.replace("   for", "  for")
    listed = paper.as_list([found], ann.book.items(), clock.now())
    assert "SECURITY" in listed
    assert paper.as_list([], [], clock.now()) == "there was no incident"


def test_skewed_clocks_are_said_on_paper(clock: HandClock) -> None:
    ann, bob = Person("ann", clock, ahead=90.0), Person("bob", clock)
    name = ann.book.declare("slow", "P1").id
    bob.hear(ann)
    clock.passed = 10
    bob.book.note(name, "seen")
    text = markdown(bob.of(name), bob.book.entries(name), "shop")
    assert "- the clock of ann-host is at least 1m20s ahead of that of bob-host" in text
    assert "| 03:12:51 \\* | seen | bob |  |" in text
    assert "03:12:51* seen  bob" in paper.as_text(bob.of(name), bob.book.entries(name), OURS, clock.now())
    assert timedelta(seconds=80) == ann.of(name).at - START - timedelta(seconds=10)
