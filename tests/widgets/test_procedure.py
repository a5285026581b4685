"""Runbooks and steps as they are drawn: nothing is cut that must be read, and danger is told by word and shape."""

from __future__ import annotations

from datetime import timedelta

import pytest

from desk.runbook.book import StepKind
from desk.runs.filling import filled
from desk.runs.record import End, Given, Judgement
from desk.runs.run import Done, Evidence, Run, Timer
from desk.runs.runs import Runs
from probes.base import Danger
from tests.desk.inboxes import START, HandClock
from tests.desk.procedures import KITES, NAME, TOKEN, action, command, part, procedure, reading, runbook, shell, step
from widgets import procedure as drawn
from widgets.lines import Line, Tone, width_of

WIDTHS = (40, 60, 80, 160)


def text(lines: list[Line]) -> str:
    return "\n".join(line.text for line in lines)


def begun() -> tuple[Runs, str, HandClock]:
    clock = HandClock()
    runs = Runs(clock, "ann")
    return runs, runs.begin(KITES, "R.md", "a" * 64, (NAME, TOKEN)).id, clock


def run_of(runs: Runs, run: str) -> Run:
    found = runs.get(run)
    assert found is not None
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_its_room(width: int) -> None:
    runs, run, clock = begun()
    runs.done(run, 0)
    long = command("toy restart -- " + "kite " * 60, danger=Danger.DESTRUCTIVE, warning="w " * 100, becomes="b " * 90)
    shown = drawn.Shown(3, step("t " * 90, StepKind.ACTION, long, text="x " * 300), Done(), filled(long, (), {}))
    listed = [drawn.Listed(str(n), one, runs.past("R.md", one.title)) for n, one in enumerate((KITES, KITES))]
    lines = [
        *drawn.steps(KITES, run_of(runs, run), clock.now(), width),
        *drawn.whole(shown, clock.now(), width),
        *drawn.outline(runbook(KITES, title="a " * 90), listed, clock.now(), width, "it is gone " * 20),
        *drawn.history(runs.past("R.md", KITES.title), clock.now(), width),
        drawn.title(KITES, run_of(runs, run), 3, clock.now(), width),
    ]
    assert max(width_of(line.spans) for line in lines) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_a_command_is_shown_whole_however_narrow_it_is(width: int) -> None:
    line = "toy smash -- " + " ".join(f"part{number}" for number in range(40))
    made = command(line, danger=Danger.DESTRUCTIVE)
    shown = drawn.Shown(0, step("t", StepKind.ACTION, made), Done(), filled(made, (), {}))
    said = "".join(one.text.replace(" ", "") for one in drawn.whole(shown, START, width))
    assert line.replace(" ", "") in said


@pytest.mark.parametrize(
    ("danger", "word", "tone"),
    [(Danger.DISRUPTIVE, "▲ DISRUPTIVE", Tone.WARNING), (Danger.DESTRUCTIVE, "✕ DESTRUCTIVE", Tone.CRITICAL)],
)
def test_danger_is_told_by_word_and_shape_in_the_list_and_at_the_step(danger: Danger, word: str, tone: Tone) -> None:
    one = procedure("P", part("Do", action("toy smash -- kite", danger=danger)))
    for lines in (
        drawn.steps(one, None, START, 60),
        drawn.whole(drawn.Shown(0, next(one.steps), Done()), START, 60),
    ):
        spans = [span for line in lines for span in line.spans if word in span.text]
        assert spans
        assert all(span.tone is tone for span in spans)
    narrow = drawn.steps(one, None, START, 30)
    assert word[0] in text(narrow), "where the word has no room its shape stays"


def test_the_list_shows_where_each_step_is() -> None:
    runs, run, clock = begun()
    runs.done(run, 0)
    runs.done(run, 1, "bad", judgement=Judgement.BAD)
    runs.skip(run, 3, "no")
    runs.start_timer(run, 5, clock.now() + timedelta(seconds=60))
    lines = {line.key: line.text for line in drawn.steps(KITES, run_of(runs, run), clock.now(), 80) if line.key}
    assert [lines[str(number)][1] for number in range(7)] == ["✓", "✕", "▸", "–", " ", "◌", " "]
    clock.passed += 61
    lines = {line.key: line.text for line in drawn.steps(KITES, run_of(runs, run), clock.now(), 80) if line.key}
    assert lines["5"][1] == "◉"


def test_a_step_says_what_is_filled_in_what_is_missing_and_what_it_becomes() -> None:
    made = command(
        "toy restart <name>", placeholders=("<name>",), warning="It keeps the old one.", becomes="toy replace <name>",
        place="host db1", reveals=True, endless=True, sets=("TOKEN",),
    )  # fmt: skip
    one = step("Again", StepKind.ACTION, made, expected="a new toy")
    lines = text(drawn.whole(drawn.Shown(0, one, Done(), filled(made, (NAME,), {}), ("name",)), START, 100))
    for said in ("name = not filled in", "! It keeps the old one.", "becomes  toy replace", "runs on host db1",
                 "may show secrets", "never ends by itself", "sets TOKEN", "expect  a new toy"):  # fmt: skip
        assert said in lines
    values = {"name": Given("name", "kite")}
    full = filled(made, (NAME,), {"name": "kite"})
    lines = text(
        drawn.whole(drawn.Shown(0, one, Done(), full, ("name", "token"), values, secrets=("token",)), START, 100)
    )
    assert "filled in:" in lines
    assert "$ toy restart kite" in lines
    assert "name = kite" in lines
    assert "token = a secret: it is typed where the line is run" in lines


def test_evidence_shows_who_when_what_and_how_much_more_there_is() -> None:
    proof = Evidence("1", START, "ann", "exit code 1", "\n".join(map(str, range(20))), Judgement.BAD)
    lines = text(drawn.whole(drawn.Shown(0, shell("toy count"), Done((proof, proof))), START, 80))
    assert "✕ 03:12:41, 0 s ago, ann  BAD exit code 1" in lines
    assert "14 more lines: d shows all" in lines
    assert "and 1 time before" in lines


def test_a_timer_says_what_is_left() -> None:
    one = step("Wait", StepKind.TIMER, seconds=300.0)
    for done, later, said in (
        (Done(), 0, "waits 5m00s"),
        (Done(timer=Timer(START, START + timedelta(seconds=300), "ann")), 60, "4m00s left, begun by ann"),
        (Done(timer=Timer(START, START + timedelta(seconds=300), "ann")), 310, "over since 10 s"),
    ):
        assert said in text(drawn.whole(drawn.Shown(0, one, done), START + timedelta(seconds=later), 80))


def test_text_of_a_file_steers_no_terminal() -> None:
    nasty = "\x1b[2J\x1b]52;c;eA==\x07\u202etxt.exe"
    made = command(f"toy {nasty}", warning=nasty, becomes=nasty, place=nasty)
    one = procedure(nasty, part(nasty, step(nasty, StepKind.SHELL, made, text=nasty, expected=nasty, choice=nasty)))
    shown = drawn.Shown(0, next(one.steps), Done(), filled(made, (), {}))
    runs = Runs(HandClock(), "ann")
    said = text(
        [
            *drawn.steps(one, None, START, 80),
            *drawn.whole(shown, START, 80),
            *drawn.outline(
                runbook(one, title=nasty), [drawn.Listed("0", one, runs.past("R.md", nasty))], START, 80, nasty
            ),
            drawn.title(one, None, 0, START, 80),
        ]
    )
    assert all(sign not in said for sign in ("\x1b", "\x07", "\u202e"))


def test_the_history_says_how_often_how_long_and_how_it_ended() -> None:
    runs, run, clock = begun()
    clock.passed += 120
    runs.end(run, End.SOLVED, "reeled in")
    past = runs.past("R.md", KITES.title)
    lines = text(drawn.history(past, clock.now(), 100))
    assert "run 1 time: 1 solved; half of the solved ones took 2m00s at most" in lines
    assert "reeled in" in lines
    clock.passed += 60
    assert drawn.went(past, clock.now()) == "solved 1m00s ago, ann"
    assert "never run" in text(drawn.history(runs.past("R.md", "x"), clock.now(), 80))


def test_a_reading_is_shown_with_its_judgement() -> None:
    shown = drawn.Shown(0, reading("toy list"), Done(), live=[("shelf: 3 kites (2 s old)", Judgement.BAD)])
    (line,) = [one for one in drawn.whole(shown, START, 80) if "3 kites" in one.text]
    assert "now  BAD shelf: 3 kites (2 s old)" in line.text
    assert Tone.CRITICAL in {span.tone for span in line.spans}


def test_a_note_says_its_text_once_and_flows_in_the_room_there_is() -> None:
    said = "Code 190 for every account means that the API does not accept the application's secret\nany more."
    note = step("Code 190 for every account means that the API does not…", StepKind.NOTE, text=said)
    told = text(drawn.whole(drawn.Shown(0, note, Done()), START, 120))
    assert told.count("Code 190") == 1
    assert "application's secret any more." in told
    assert "- one\n- two" in text(
        drawn.whole(drawn.Shown(0, step("Do", StepKind.NOTE, text="- one\n- two"), Done()), START, 60)
    )
