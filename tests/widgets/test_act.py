"""An act, drawn: whatever is long, what is done, to what, and the new value stay in sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from desk.deed import Deed
from probes.base import Action, Danger, Number, Plan, Request, SafeText, Subject, Truth, Verdict, Word
from widgets.act import BESIDE, Button, _undo, aim, button_lines, field_lines, headed, told
from widgets.lines import Span, line, width_of

LONG = "newsletter-production-2026-03-01T03-12-41Z-weekly-full.dump"
PROVE = Action("prove", "prove by a restore", Danger.REVERSIBLE, "Proves it.", word=Word("grade"))
IMAGE = "registry.example.org/newsletter/production/api:2026.03.01-1a2b3c4d"


def planned(action: Action, names: tuple[str, ...] = (LONG,), spared: bool = False, **asked: object) -> Plan:
    subjects = tuple(
        Subject(name, SafeText(name), (), SafeText(), SafeText(), spared=SafeText("in use" if spared else ""))
        for name in names
    )
    request = Request(action.name, names, **asked)  # type: ignore[arg-type]
    return Plan(
        "it", "toy", action, request, SafeText(), (), subjects, (), datetime(2026, 3, 1, tzinfo=UTC), action.danger
    )


def numbered(what: str, number: int, title: str = "set") -> str:
    action = Action("set", title, Danger.REVERSIBLE, "Sets it.", number=Number(what, 1, 10**6))
    return aim(planned(action, ("kite",), number=number))


@pytest.mark.parametrize("width", [34, 44, 56, 68])
def test_where_a_button_has_no_room_the_name_is_cut_in_its_middle_and_the_word_stays(width: int) -> None:
    said = aim(planned(PROVE, word="full"), width)
    assert cell_len(said) <= width
    if width >= 44:
        assert said.startswith("prove by a restore n")
        assert said.endswith("p (grade full)")
    assert "…" in said


def test_the_tag_of_an_image_stays_however_long_its_name_is() -> None:
    action = Action("image", "set image", Danger.DISRUPTIVE, "Rolls it out.", word=Word("image"))
    assert IMAGE in aim(planned(action, ("api",), word=IMAGE))
    assert aim(planned(action, ("api",), word=IMAGE), 48).endswith("-1a2b3c4d)")


@pytest.mark.parametrize(
    ("danger", "said"),
    [
        (Danger.READ, "there is nothing to take back"),
        (Danger.REVERSIBLE, "how to take it back is not said"),
        (Danger.DISRUPTIVE, "it can't be taken back"),
    ],
)
def test_without_an_undo_the_dialog_does_not_contradict_itself(danger: Danger, said: str) -> None:
    plan = planned(Action("set", "set", danger, "Sets it."))
    assert line(_undo(plan)).text == said
    assert line(_undo(replace(plan, undo=SafeText("set it again")))).text == "set it again"


def test_what_has_room_is_said_whole() -> None:
    assert aim(planned(PROVE, word="full"), 200) == f"prove by a restore {LONG} (grade full)"


@pytest.mark.parametrize(
    ("what", "number", "said"),
    [
        ("replicas", 3, "set kite to 3 replicas"),
        ("MiB of memory", 512, "set kite to 512 MiB of memory"),
        ("minutes", 30, "set kite for 30 minutes"),
        ("minutes between two runs", 30, "set kite to 30 minutes between two runs"),
        ("messages per second", 10, "set kite at 10 messages per second"),
        ("days to keep", 7, "set kite (7 days to keep)"),
    ],
)
def test_a_number_is_said_with_its_unit(what: str, number: int, said: str) -> None:
    assert numbered(what, number) == said


def test_one_thing_that_is_left_out_is_named_and_not_counted() -> None:
    assert aim(planned(PROVE, spared=True)) == f"prove by a restore {LONG}"


@pytest.mark.parametrize(
    ("title", "noun", "asked", "names", "number", "said"),
    [
        ("restart", "process", ("worker",), "abcd", None, "restart worker, 4 processes"),
        ("restart", "container", ("a", "b"), "ab", None, "restart 2 containers"),
        ("scale", "process", ("worker",), "abcd", Number("processes", 1, 9), "scale worker to 4 processes"),
        ("scale", "process", ("worker",), "a", Number("processes", 1, 9), "scale a to 4 processes"),
        ("end session", "session", ("a", "b"), "ab", None, "end 2 sessions"),
        ("cancel query", "query", ("a", "b"), "ab", None, "cancel 2 queries"),
        ("drop index", "index", ("a", "b"), "ab", None, "drop 2 indexes"),
        ("delete old backups", "backup", ("a", "b"), "ab", None, "delete old backups, 2 of them"),
        ("silence", "alert", ("a", "b"), "ab", Number("minutes", 1, 9), "silence 2 alerts for 4 minutes"),
        ("set retention", "log group", "ab", "ab", Number("days", 1, 9), "set retention, 2 log groups, to 4 days"),
        ("prune the Engine", "leftover", (), "abc", None, "prune the Engine, 3 leftovers"),
        ("prune the Engine", "leftover", (), "a", None, "prune the Engine a"),
        ("frob", "", ("a", "b"), "ab", None, "frob 2 things"),
    ],
)
def test_several_things_are_counted_by_their_name(
    title: str, noun: str, asked: Sequence[str], names: str, number: Number | None, said: str
) -> None:
    action = Action("x", title, Danger.REVERSIBLE, "Does it.", number=number, noun=noun)
    plan = planned(action, tuple(names), number=None if number is None else 4)
    assert aim(replace(plan, request=replace(plan.request, subjects=tuple(asked)))) == said


@pytest.mark.parametrize("width", [56, 60, 80, 160])
def test_buttons_stand_below_each_other_where_they_have_no_room_side_by_side(width: int) -> None:
    buttons = [Button("cancel", "Cancel"), Button("go", aim(planned(PROVE, word="full"), width - BESIDE), 0.5)]
    lines = button_lines(buttons, "go", width)
    assert len(lines) == (1 if width == 160 else 2)
    assert max(width_of(one.spans) for one in lines) <= width
    assert lines[-1].text.rstrip().endswith("(grade full) ██░░ ]")


def test_a_title_and_a_field_go_on_below() -> None:
    title = headed(aim(planned(PROVE, word="full")), Span("DESTRUCTIVE"), 56)
    assert max(width_of(one.spans) for one in title) <= 56
    assert "DESTRUCTIVE" in " ".join(one.text for one in title)
    field = field_lines(f"type {LONG} to go on", LONG[:20], True, 56, LONG)
    assert max(width_of(one.spans) for one in field) <= 56
    assert field[-1].text.rstrip().endswith(f"{LONG[:20]}_")


def test_a_deed_told_in_a_line_counts_those_it_does_not_name_and_says_what_went_wrong() -> None:
    deed = Deed(planned(PROVE, ("one", "two", "three", "four", "five")), "why", 0.0, over=True)
    for step in deed.steps[:4]:
        step.verdict = Verdict(Truth.CONFIRMED, SafeText("it is proven"))
    deed.steps[4].verdict = Verdict(Truth.REFUTED, SafeText("it is broken"))
    assert told(deed) == "prove by a restore one, two, three and 2 more: partial (five: it is broken)"
    deed.steps[4].verdict = Verdict(Truth.CONFIRMED, SafeText("it is proven"))
    assert told(deed) == "prove by a restore one, two, three and 2 more: CONFIRMED (it is proven)"
