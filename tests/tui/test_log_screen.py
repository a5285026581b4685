"""The one screen for every log: followed, held, searched, narrowed down, counted, whatever comes and however fast."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from probes.base import Cause, Context, Look, ProbeError, SafeText, Target
from probes.base.log import Asking, Level, Note, Times, expression
from probes.logs.probe import LogsProbe
from probes.logs.settings import LogsSettings
from tests.toys import NoSecrets, ToyProbe, room
from tests.tui.test_screens import Sitting, sitting
from tui.room import Room
from tui.screens.log import Log
from tui.screens.log_lines import Look as View
from tui.screens.log_lines import drawn, told, window
from tui.screens.log_ring import KEPT, SIZE, Ring
from widgets.lines import width_of

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
BEGAN = NOW.timestamp()


def ring(*lines: str) -> Ring:
    made = Ring(Times(lambda: NOW, UTC))
    for text in lines:
        made.add(text, BEGAN)
    return made


# What is kept


def test_the_newest_lines_are_kept_and_the_others_counted() -> None:
    made = ring(*(f"line {number}" for number in range(KEPT + 5000)))
    assert KEPT <= len(made.rows) <= KEPT + 1000
    assert made.dropped == KEPT + 5000 - len(made.rows)
    assert made.rows[-1].text == f"line {KEPT + 4999}"
    assert made.rows[0].number == made.dropped


def test_long_lines_are_bounded_by_their_size() -> None:
    made = ring(*("x" * 16_384 for _ in range(4000)))
    assert made.size <= SIZE
    assert made.size == sum(len(row.text) for row in made.rows)
    assert made.dropped == 4000 - len(made.rows)


def test_a_filter_holds_for_what_is_kept_and_for_what_comes() -> None:
    made = ring("ERROR a token", "INFO b token", "WARN c")
    made.narrow(Level.WARNING, None)
    made.add("ERROR d", BEGAN)
    assert [row.text for row in made.visible] == ["ERROR a token", "WARN c", "ERROR d"]
    made.narrow(Level.ERROR, expression("token"))
    assert [row.text for row in made.visible] == ["ERROR a token"]
    for number in range(KEPT + 2000):
        made.add(f"INFO {number}", BEGAN)
    assert made.visible == [], "what is dropped is dropped from what is shown too"
    made.narrow(Level.UNKNOWN, None)
    assert made.visible is made.rows


def test_lines_that_go_on_with_an_error_are_shown_with_it_and_counted_once() -> None:
    made = ring("a │ ERROR broke", "b │ INFO fine", "a │   at x.js:3", "b │   more", "plain")
    made.narrow(Level.ERROR, None)
    assert [row.text for row in made.visible] == ["a │ ERROR broke", "a │   at x.js:3"]
    assert made.errors == 1


# How it is drawn


def test_an_error_and_its_trace_count_once_and_another_one_counts_again() -> None:
    trace = ("Traceback (most recent call last):", "  at x", "smtp.errors.SendError: reset")
    kept = ring("2026-03-01T03:12:41Z ERROR no mail", *trace, "2026-03-01T03:12:42Z INFO well", *trace, *trace)
    assert kept.errors == 3
    assert kept.histogram.bars(9)[0] == [3.0]
    assert len([row for row in kept.rows if row.level is Level.ERROR]) == 10, "all of it is shown"


def test_a_line_that_goes_on_beyond_the_screen_says_so() -> None:
    (row,) = ring("ERROR token refresh failed: 日本 invalid_grant").rows
    for width in range(8, 44):
        (drawn_line,) = drawn(row, View(), width)
        assert drawn_line.text.endswith("›")
        assert width_of(drawn_line.spans) <= width
    assert drawn(row, View(), 60)[0].text == row.text


def test_a_find_is_marked_and_a_time_can_be_left_out() -> None:
    [row] = ring("api │ 03-01 03:12:41  ERROR token refused").rows
    [line] = drawn(row, View(wanted=expression("token")), 80)
    assert [span.text for span in line.spans] == ["api │ 03-01 03:12:41  ERROR ", "token", " refused"]
    assert drawn(row, View(stamps=False), 80)[0].text == "api │ ERROR token refused"
    for text, bare in (
        ("2026-03-01T03:12:41.123Z INFO x", "INFO x"), ("2026-03-01 03:12:41,123 x", "x"), ("03:12:41 x", "x"),
        ("Mar  1 03:12:41 host x", "host x"), ("no time here", "no time here"),
    ):  # fmt: skip
        assert drawn(ring(text).rows[0], View(stamps=False), 80)[0].text == bare


def test_where_there_is_little_room_a_line_begins_with_its_time_of_day() -> None:
    text = "error-2026-03-01.log │ 2026-03-01T03:12:41.042Z ERROR no token"
    kept = ring(text)
    assert kept.one_source
    [row] = kept.rows
    assert drawn(row, View(labels=False), 80)[0].text == "03:12:41 ERROR no token"
    assert drawn(row, View(labels=True), 80)[0].text == "error-…01.log │ 03:12:41 ERROR no token"
    for wide in (drawn(row, View(labels=False), 120), drawn(row, View(labels=False, wrap=True), 80)):
        assert wide[0].text == text
    other = ring(text, "combined.log │ 2026-03-01T03:12:41+02:00 INFO x")
    assert not other.one_source
    assert "T03:12:41+02:00" in drawn(other.rows[1], View(), 80)[0].text, "another zone than the clock's is said"


def test_wrapped_lines_fill_the_screen_from_its_foot() -> None:
    rows = ring("a" * 25, "b" * 25).rows
    lines = window(rows, 2, 2, View(wrap=True), 10, 4)
    assert "".join(line.text.strip() for line in lines).endswith("b" * 25)
    assert len(lines) == 4
    assert [line.text for line in window(rows, 2, 2, View(shift=20), 10, 4)] == ["aaaaa", "bbbbb"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_errors_over_time_are_one_line_of_bars(width: int) -> None:
    made = ring(*(f"2026-03-01T03:{minute:02}:00Z {'ERROR' if minute % 3 else 'INFO'} x" for minute in range(12)))
    line = told(made, width)
    assert len(line.text) <= width
    assert line.text.startswith(" 8 err 0 warn  03:00:00–03:11:00")
    assert "█" in line.text
    made.narrow(Level.ERROR, None)
    assert "error and worse: 8 of 12" in told(made, 80).text


# The screen


class Tap:
    """A log that writes what a test says."""

    def __init__(self, made: Room) -> None:
        self.queue: asyncio.Queue[SafeText | ProbeError | None] = asyncio.Queue()
        self.subjects: list[str] = []
        self.closed = False
        probe = made.engine.probe("shelf")
        assert isinstance(probe, ToyProbe)
        probe.follow = self.follow  # type: ignore[method-assign]
        probe.looks = lambda: (  # type: ignore[method-assign]
            Look("logs", "log of the toy", follow=True), Asking("search", "search it", follow=True, asks="search for")
        )  # fmt: skip

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        self.subjects.append(f"{name}: {subject}")
        queue = self.queue = self.queue if len(self.subjects) == 1 else asyncio.Queue()
        try:
            while (one := await queue.get()) is not None:
                if isinstance(one, ProbeError):
                    raise one
                yield one
        finally:
            self.closed = True

    def write(self, *lines: str) -> None:
        for text in lines:
            self.queue.put_nowait(SafeText(text))


@asynccontextmanager
async def reading(size: tuple[int, int] = (80, 24), *lines: str) -> AsyncIterator[tuple[Sitting, Tap]]:
    """A person before a log."""
    made = room("shelf", every=0.1)
    tap = Tap(made)
    async with sitting(made, size) as person:
        await person.press("1", "g", "l")
        await person.sees("log of the toy")
        tap.write(*lines)
        yield person, tap


def log_of(person: Sitting) -> Log:
    screen = person.app.screen
    assert isinstance(screen, Log)
    return screen


LINES = (
    "03-01 03:10:00  INFO started", "03-01 03:11:00  ERROR token 1 refused", "03-01 03:12:00  WARN disk 91 % full",
    "03-01 03:12:30  ERROR token 2 refused password=hunter22",
)  # fmt: skip


async def test_lines_are_counted_by_level_and_secrets_never_shown() -> None:
    async with reading((80, 24), *LINES) as (person, _):
        await person.sees("4 lines", "following", "2 err 1 warn", "03:10:00–03:12:30", "password=***")
        assert "hunter22" not in person.screen()


async def test_pause_holds_the_picture_and_says_how_much_came() -> None:
    async with reading((80, 24), *LINES) as (person, tap):
        await person.sees("token 2")
        await person.press("p")
        await person.sees("paused, 0 newer below, G follows")
        tap.write(*(f"later {number}" for number in range(30)))
        await person.sees("paused, 30 newer below")
        assert "later" not in person.screen()
        await person.press("p")
        await person.sees("later 29", "following")


async def test_what_one_reads_stays_while_lines_come() -> None:
    async with reading((80, 24), *(f"line {number}" for number in range(100))) as (person, tap):
        await person.sees("line 99")
        await person.press("g")
        await person.sees("line 0")
        tap.write("new")
        await person.sees("101 lines")
        assert "line 0" in person.screen()
        await person.press("G")
        await person.sees("new", "following")


async def test_the_search_goes_on_and_back_and_the_line_found_is_copied() -> None:
    async with reading((80, 24), *LINES, *(f"filler {number}" for number in range(100))) as (person, _):
        await person.sees("filler 99")
        await person.press("slash", *"token", "enter")
        await person.sees("token 2 refused")
        await person.press("y")
        assert "token 2 refused password=***" in person.app.clipboard
        await person.press("n")
        await person.sees("no later match")
        await person.press("N", "y")
        assert "token 1 refused" in person.app.clipboard
        await person.press("N")
        await person.sees("no earlier match")


async def test_an_expression_is_searched_between_slashes_and_a_wrong_one_is_said() -> None:
    async with reading((80, 24), *LINES) as (person, _):
        await person.sees("token 2")
        await person.press("slash", *"/tok.n 1/", "enter", "m")
        await person.sees("only matches: 1 of 4")
        await person.sees_no("disk")
        await person.press("escape")
        await person.sees("disk")
        await person.press("slash", *"/(/", "enter")
        await person.sees("is not a regular expression")


async def test_only_matches_and_levels_narrow_it_down_and_escape_takes_it_back() -> None:
    async with reading((80, 24), *LINES) as (person, tap):
        await person.sees("token 2")
        await person.press("l", "l")
        await person.sees("warning and worse: 3 of 4")
        await person.press("l")
        await person.sees("error and worse: 2 of 4")
        await person.sees_no("started")
        tap.write("INFO unseen", "FATAL seen")
        await person.sees("FATAL seen")
        assert "INFO unseen" not in person.screen()
        await person.press("m", *"token", "enter")
        await person.sees("error and worse, only matches: 2 of 6")
        await person.press("escape")
        await person.sees("started", "INFO unseen")


async def test_lines_are_counted_by_type_and_one_type_is_shown_alone() -> None:
    async with reading((80, 24), *LINES) as (person, _):
        await person.sees("token 2")
        await person.press("c")
        await person.sees("4 lines of 4 types", "ERROR token # refused", "warning")
        await person.press("escape", "l", "l", "l", "c")
        await person.sees("2 lines of 2 types")
        await person.press("enter")
        await person.sees("only matches: 1 of 4", "token 1")


async def test_times_wrapping_and_the_far_right_of_long_lines() -> None:
    async with reading((60, 15), "03-01 03:12:30  ERROR " + "word " * 20 + "the end") as (person, _):
        await person.sees("03-01 03:12:30  ERROR")
        await person.press("t")
        await person.sees_no("03-01 03:12:30")
        assert "the end" not in person.screen()
        await person.press("w")
        await person.sees("the end")
        await person.press("w", *["right"] * 4)
        await person.sees("the end")
        await person.press(*["left"] * 9)
        await person.sees("ERROR word")


async def test_search_all_asks_its_source_and_says_how_far_it_is() -> None:
    async with reading((80, 24), *LINES) as (person, tap):
        await person.sees("token 2")
        await person.press("s")
        await person.sees("search for")
        await person.press(*"-C 1 token", "enter")
        await person.until(lambda: tap.subjects[-1] == "search: ball\n-C 1 token", "the question")
        tap.queue.put_nowait(Note("searching 12 % of 3 files"))
        tap.write("old token 0 refused")
        await person.sees("searching 12 % of 3 files", "old token 0")
        await person.press("x")
        await person.sees("stopped", "old token 0")
        await person.until(lambda: tap.closed, "the end of the stream")
        await person.press("escape", "escape")
        await person.sees("4 lines", "log of the toy")


async def test_a_search_for_nothing_goes_back() -> None:
    async with reading((80, 24), *LINES) as (person, tap):
        await person.sees("token 2")
        await person.press("s")
        await person.sees("search for")
        await person.press("enter")
        await person.sees("log of the toy")
        assert tap.subjects == ["logs: ball"]


async def test_a_log_that_breaks_off_says_why_and_keeps_its_lines() -> None:
    async with reading((80, 24), *LINES) as (person, tap):
        tap.queue.put_nowait(ProbeError(Cause.GONE, "the container is gone"))
        await person.sees("broken off: the container is gone", "token 2")
        await person.sees_no("following")


async def test_a_log_that_broke_off_says_all_of_why_and_is_followed_again_by_a_key() -> None:
    why = "the connection to /var/run/a/long/way/to/the/socket/of/the/docker.sock was cut, and nobody knows the reason"
    async with reading((60, 15), *LINES) as (person, tap):
        await person.sees("token 2")
        tap.queue.put_nowait(ProbeError(Cause.CLOSED_EARLY, why))
        await person.sees("nobody knows the reason; G tries again", "token 2")
        await person.press("G")
        await person.sees("begun again at", "following", "token 2")
        await person.sees_no("tries again")
        tap.write("a new line")
        await person.sees("a new line")


async def test_leaving_ends_the_stream_at_its_source() -> None:
    async with reading((80, 24), *LINES) as (person, tap):
        await person.sees("token 2")
        await person.press("escape")
        await person.until(lambda: tap.closed, "the end of the stream")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (250, 70), (20, 5)])
async def test_every_size_shows_lines(size: tuple[int, int]) -> None:
    made = room("shelf", every=0.1)
    tap = Tap(made)
    async with sitting(made, (80, 24)) as person:
        await person.press("1", "g", "l")
        tap.write(*LINES)
        await person.sees("token 2")
        await person.pilot.resize_terminal(*size)
        await person.sees("2 err" if size[0] > 20 else "03-01 03:12")


async def test_help_and_foot_tell_the_keys_of_the_log() -> None:
    async with reading((118, 40), *LINES) as (person, _):
        await person.sees("p pause", "/ search", "l level", "c count types", "s search all")
        await person.press("question_mark")
        await person.sees("Keys: log", "rotated files too")


async def test_a_burst_of_lines_leaves_the_keys_alone_and_what_is_dropped_is_said() -> None:
    async with reading() as (person, tap):
        tap.write(
            *(f"2026-03-01T03:12:41Z INFO line {number} of a burst that comes at once" for number in range(40_000))
        )
        slowest = 0.0
        screen = log_of(person)
        while screen._ring.came < 40_000:
            began = time.monotonic()
            await asyncio.sleep(0)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 2, "nothing holds the loop for long"
        await person.sees("40,000 lines", "older dropped", "line 39999")
        assert len(screen._ring.rows) <= KEPT + 1000


@pytest.mark.alone
async def test_5000_lines_a_second_are_followed_without_a_stall(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("begun\n")
    made = room("shelf", every=0.5)
    settings = LogsSettings.model_validate({"files": [str(log)]})
    probe: Any = LogsProbe(Target("shelf", "logs", settings), Context(NoSecrets()))
    toy: Any = made.engine.probe("shelf")
    toy.follow, toy.looks = lambda name, subject: probe.follow("follow", ""), probe.looks
    async with sitting(made) as person:
        await person.press("1", "g", "l")
        await person.sees("begun")
        screen, draws, gaps = log_of(person), 0, []
        original = screen._view.show

        def counted(lines: Any) -> None:
            nonlocal draws
            draws += 1
            original(lines)

        screen._view.show = counted  # type: ignore[method-assign]
        began, written, last = time.monotonic(), 0, time.monotonic()
        with log.open("a") as file:
            while written < 15_000:
                due = min(15_000, int((time.monotonic() - began) * 5000))
                file.writelines(
                    f"2026-03-01T03:12:41Z INFO request {number} handled in 12 ms\n" for number in range(written, due)
                )
                file.flush()
                written = due
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - last)
                last = time.monotonic()
        await person.sees("request 14999")
        took = time.monotonic() - began
        assert screen._ring.came == 15_001
        assert draws <= took * 20 + 10, "ten pictures a second, and one for every reading of the target"
        gaps.sort()
        assert gaps[int(len(gaps) * 0.99)] < 0.15, "keys would have been answered"
    await probe.close()
