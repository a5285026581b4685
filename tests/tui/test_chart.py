"""Charts as a person meets them: from the overview and a target's screen, through time, and out into a file."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from desk.alert import Alert
from desk.history import Archive, Cell, Historian, Past
from desk.history.rollup import Minute
from desk.locks import FileLocks
from desk.replay.player import Player
from desk.tape.scribe import written
from desk.tape.tape import Mark as Recorded
from desk.tape.tape import Tape
from probes.base import Cause, Failure, GaugeKey, SafeText, Severity, Snapshot, Unit
from tests.toys import StillClock, Thing, ToyFacts, room
from tests.tui.test_replay import an_hour, later, replaying
from tests.tui.test_screens import Sitting, sitting
from tui.app import OpsroomApp
from tui.room import Room
from tui.screens import chart_data
from tui.screens.chart import GaugeChart
from tui.screens.chart_data import Ask, fetch
from tui.secrets import Secrets
from widgets.drawn import Drawn

KITE = GaugeKey("size_bytes", (("thing", "kite"),))
DAY, HOUR = 86400, 3600


def still_room(clock: StillClock) -> Room:
    """A room in which nothing is read but what a test puts there."""
    made = room("shelf", clock=clock, every=60.0)
    made.engine.start = lambda: None  # type: ignore[method-assign]
    return made


def read(made: Room, seconds_ago: float, kite: float | None, ball: float = 10.0) -> None:
    """A reading of so long ago."""
    clock = made.engine.clock
    assert isinstance(clock, StillClock)
    wall, seconds = clock.wall, clock.seconds
    clock.wall, clock.seconds = wall - timedelta(seconds=seconds_ago), seconds - seconds_ago
    things = (Thing("ball", ball), *([Thing("kite", kite)] if kite is not None else []))
    gauges = {GaugeKey("size_bytes", (("thing", thing.name),)): thing.size for thing in things if thing.size}
    made.engine._take(Snapshot("shelf", clock.wall, 0.1, ToyFacts(things), {GaugeKey("things"): 2.0, **gauges}))
    clock.wall, clock.seconds = wall, seconds


def remember(made: Room, path: Path, gap: range = range(0)) -> None:
    """A history of the kite: 1,000 B, 100 B more for each day it lies back; some hours of today and of other days.

    `gap`: minutes ago in which nobody watched.
    """
    now = int(made.engine.clock.now().timestamp()) // 60 * 60
    made.history = path
    archive = Archive.write(path)
    for day in (9, 8, 7, 1, 0):
        value = 1000.0 + 100 * day
        cells = {KITE: Cell(3, value - 10, value + 10, 3 * value, value)}
        back = [minute for minute in range(400, 0, -1) if day or minute not in gap]
        archive.add(Minute("shelf", now - day * DAY - minute * 60, cells) for minute in back)
    while archive.fold(now):
        pass
    for since, until in ((400, gap.stop), (gap.start, 0)):
        archive.add([], now - since * 60)
        archive._db.execute("UPDATE watch SET until = ? WHERE rowid = ?", (now - until * 60, archive._watching))
    archive.close()


@asynccontextmanager
async def looking(made: Room, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Sitting]:
    app = OpsroomApp(made, Secrets({}), "night")
    async with app.run_test(size=size) as pilot:
        person = Sitting(app, pilot)
        await person.sees("TOYS")
        yield person


def chart(person: Sitting) -> GaugeChart:
    screen = person.app.screen
    assert isinstance(screen, GaugeChart)
    return screen


@pytest.fixture
def made() -> Room:
    clock = StillClock()
    clock.wall = datetime(2026, 3, 9, 10, 42, 17, tzinfo=UTC)
    clock.seconds = 40 * DAY
    made = still_room(clock)
    for ago in range(3000, 0, -60):
        read(made, ago, 2000 + 500 * math.sin(ago / 300))
    return made


async def test_h_on_the_overview_charts_what_the_alert_on_that_line_speaks_of(made: Room) -> None:
    async with looking(made) as person:
        await person.press("h")
        await person.sees('shelf.size_bytes{thing="kite"}', "how big a thing is", "▲ 1 KiB", "KiB┤", "10:00", "UTC")
        await person.press("escape")
        await person.sees("TOYS")


async def test_h_on_a_targets_screen_charts_the_row_under_the_cursor(made: Room) -> None:
    async with looking(made) as person:
        await person.press("1")
        await person.sees("▸things", "ball")
        await person.press("g", "h")
        await person.sees('shelf.size_bytes{thing="ball"}', "now 10 B   min 10 B")


async def test_a_target_that_gave_no_number_says_so() -> None:
    made = still_room(StillClock())
    at = made.engine.clock.now()
    made.engine._take(Failure("shelf", at, Cause.REFUSED, SafeText("refused")))
    async with looking(made) as person:
        await person.press("h")
        await person.sees("shelf has given no number yet")


async def test_the_file_and_the_memory_are_one_line_and_where_nobody_watched_is_said(
    made: Room, tmp_path: Path
) -> None:
    remember(made, tmp_path / "state" / "history.db", range(120, 200))
    async with looking(made, (100, 30)) as person:
        await person.press("h", "3")
        await person.sees("6 hours to now", "nobody watched from 07:22 to 08:42")
        rows = [line for line in person.screen().split("\n") if "│" in line or "┤" in line]
        found = max((row for row in rows), key=lambda row: sum("\u2800" < char < "\u2900" for char in row))
        assert "╌" * 10 in found
        course = chart(person)._chart.courses[0].buckets
        assert course[-1].cell.last > 1400
        assert course[0].cell.mean == 1000.0


async def test_the_cursor_tells_the_value_its_time_and_what_it_was_yesterday_and_last_week(
    made: Room, tmp_path: Path
) -> None:
    remember(made, tmp_path / "state" / "history.db")
    async with looking(made, (120, 24)) as person:
        await person.press("h", "3")
        await person.sees("6 hours to now")
        await person.until(lambda: bool(chart(person)._kept.week), "the file is read")
        for _ in range(5):
            await person.press("shift+left")
        await person.sees("1000 B", "(990 B to 1010 B, 3 readings)", "yesterday 1.1 KiB", "last week 1.7 KiB", "┃")
        await person.press("c")
        await person.sees("with yesterday")
        assert [course.label for course in chart(person)._chart.before] == ["yesterday"]
        await person.press("escape")
        await person.sees_no("┃")
        assert chart(person)._chart.before == []


async def test_ranges_zoom_and_pan_go_through_time(made: Room, tmp_path: Path) -> None:
    remember(made, tmp_path / "state" / "history.db")
    async with looking(made, (100, 24)) as person:
        await person.press("h", "5")
        await person.sees("7 days to now", "2026-03-02 to 2026-03-09 UTC", "8 Mar")
        await person.press("plus")
        await person.sees("2 days to now")
        await person.press("left_square_bracket")
        await person.sees("2 days  2026-03-06 to 2026-03-08 UTC")
        await person.press("minus", "minus")
        await person.sees("30 days", "this gauge began")
        await person.press("g", "1")
        await person.sees("10 minutes to now")
        await person.press("plus", "plus", "plus", "plus", "plus")
        await person.sees("that is as far as it goes")


async def test_the_gauges_of_a_target_can_be_gone_through_and_picked_by_name(made: Room) -> None:
    async with looking(made) as person:
        await person.press("h", "tab")
        await person.sees("shelf.things", "how many there are")
        await person.press("shift+tab", "p")
        await person.sees("shelf: gauges", "how big a thing is (bytes)", "how many there are (count)")
        await person.press(*"ball")
        await person.sees_no("how many there are")
        await person.press("enter")
        await person.sees('shelf.size_bytes{thing="ball"}')


async def test_all_gauges_of_one_name_are_lines_of_one_picture_and_many_are_small_ones(made: Room) -> None:
    async with looking(made) as person:
        await person.press("h", "a")
        await person.sees("a ball 10 B", "b kite")
        now = made.engine.clock.now()
        gauges = {GaugeKey("size_bytes", (("thing", f"thing {n}"),)): float(n) for n in range(9)}
        made.engine._take(Snapshot("shelf", now, 0.1, ToyFacts(), gauges))
        await person.press("a", "a")
        await person.sees("thing 0", "each from", "more: PgDn")
        await person.press("pagedown", "pagedown")
        await person.sees("thing 8")
        await person.press("escape")
        await person.sees('{thing="kite"}')


async def test_y_copies_what_is_shown_and_no_cell_is_a_formula(made: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr(OpsroomApp, "copy_to_clipboard", lambda self, text: copied.append(text))
    async with looking(made) as person:
        await person.press("h", "y")
        await person.sees("copied")
        rows = list(csv.DictReader(io.StringIO(copied[0])))
        assert len(rows) == 50
        assert rows[-1]["time"] == "2026-03-09T10:41:17.000Z"
        assert rows[-1]["gauge"] == 'size_bytes{thing="kite"}'
        assert all(cell[0] not in "=+-@" for row in rows for cell in row.values())


async def test_what_is_shown_is_written_into_a_new_file_and_never_over_another(made: Room, tmp_path: Path) -> None:
    wanted = tmp_path / "kite.json"
    async with looking(made) as person:
        await person.press("h")
        chart(person)._export(str(wanted))
        await person.sees("written:")
        assert len(json.loads(wanted.read_text())["gauges"][0]["buckets"]) == 50
        assert wanted.stat().st_mode & 0o777 == 0o600
        chart(person)._export(str(wanted))
        await person.sees("nothing was written")
        await person.press("w")
        await person.until(lambda: bool(person.app.screen.query("Prompt")), "a line to type into")


@pytest.mark.parametrize(
    ("name", "said"), [("~nobody-of-this-name/x.csv", "No such file"), ("no\0name.csv", "no file can have that name")]
)
async def test_a_name_that_no_file_can_have_is_said_and_the_room_goes_on(made: Room, name: str, said: str) -> None:
    async with looking(made) as person:
        await person.press("h")
        chart(person)._export(name)
        await person.sees(f"nothing was written: {said}")


def recorded(folder: Path, *marks: Recorded) -> list[tuple[str, str]]:
    """(sign, words) of what a chart of the shelf is told by a black box with these marks."""
    tape = Tape.write(folder / "tape.db")
    tape.add([], marks)
    tape.close()
    since = later(0).timestamp()
    found = fetch(Ask(folder / "history.db", "shelf", (KITE,), since, since + 1000)).marks
    return [(mark.sign, mark.words) for mark in found]


def test_of_the_black_box_the_newest_marks_about_the_target_are_shown_however_much_came_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chart_data, "_MARKS", 3)
    made = [
        Recorded(later(at), "act", name, {"what": "act.done", "act": f"{name}{at}", "title": f"act {at}", "who": "ada"})
        for name, times in (("shelf", range(5)), ("box", range(5, 50)))
        for at in times
    ]
    assert recorded(tmp_path, *made) == [("►", f"act {at}, by ada") for at in (2, 3, 4)]


def test_what_went_is_told_with_the_words_it_had_and_what_another_version_wrote_otherwise_is_left_out(
    tmp_path: Path,
) -> None:
    def one(number: int) -> Alert:
        return Alert("shelf", "big", Severity.WARNING, f"size{number}", (), f"thing {number} is big", 0.0, later(0))

    def mark(at: float, **body: object) -> Recorded:
        return Recorded(later(at), "alert", "shelf", {"v": 1, **body})

    came = written([one(1)])
    assert recorded(
        tmp_path,
        mark(1, came=came), mark(2, other=[]), mark(3, came=5, went="x"), mark(4, came=[7], went=[["x"], None]),
        mark(5, came=[], went=[list(one(1).identity), list(one(2).identity)]),
    ) == [("▲", "thing 1 is big"), ("●", "cleared: thing 1 is big"), ("●", "cleared: size2")]  # fmt: skip


async def test_a_history_that_cannot_be_read_is_said_and_the_memory_is_shown(made: Room, tmp_path: Path) -> None:
    made.history = tmp_path / "history.db"
    made.history.write_bytes(b"rubbish " * 1000)
    async with looking(made, (120, 30)) as person:
        await person.press("h", "3")
        await person.sees("the history on disk can't be read")
        assert chart(person)._chart.courses[0].buckets


async def test_a_disk_that_hangs_leaves_the_picture_and_the_keys(
    made: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import threading

    held = threading.Event()
    monkeypatch.setattr("tui.screens.chart.fetch", lambda ask: held.wait(20))
    made.history = tmp_path / "history.db"
    async with looking(made) as person:
        await person.press("h")
        await person.sees("reading …", "▲ 1 KiB")
        await person.press("4")
        await person.sees("a day to now")
        await person.press("escape")
        await person.sees("TOYS")
        held.set()


async def test_a_gap_in_memory_is_open_in_the_picture() -> None:
    clock = StillClock()
    clock.seconds = 40 * DAY
    made = still_room(clock)
    for ago in range(3000, 0, -60):
        if 1200 <= ago < 2000:
            at = clock.now() - timedelta(seconds=ago)
            clock.seconds -= ago
            made.engine._take(Failure("shelf", at, Cause.REFUSED, SafeText("refused")))
            clock.seconds += ago
        else:
            read(made, ago, 2000.0)
    async with looking(made) as person:
        await person.press("h")
        await person.sees('{thing="kite"}')
        found = chart(person)._chart.courses[0].buckets
        assert max(later.start - one.end for one, later in pairwise(found)) > 700


async def test_a_frozen_room_holds_the_chart_still(made: Room) -> None:
    async with looking(made) as person:
        await person.press("h", "f")
        await person.sees("FROZEN")
        until = chart(person)._window[1]
        clock: Any = made.engine.clock
        clock.seconds += 600
        clock.wall += timedelta(seconds=600)
        assert chart(person)._window[1] == pytest.approx(until)


async def test_a_counter_is_shown_as_its_growth_and_its_restart_is_marked(
    made: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes.base import GaugeSpec
    from tests.toys import ToyProbe

    spec = GaugeSpec("sent_total", "what was sent", Unit.COUNT, counter=True)
    monkeypatch.setattr(ToyProbe, "gauges", (*ToyProbe.gauges, spec))
    clock: Any = made.engine.clock
    for ago in range(3000, 0, -60):
        clock.seconds, clock.wall = clock.seconds - ago, clock.wall - timedelta(seconds=ago)
        total = (3000 - ago) * 2.0 if ago > 1000 else (1000 - ago) * 1.0
        reading = Snapshot("shelf", clock.wall, 0.1, ToyFacts(), {GaugeKey("sent_total"): total})
        made.engine._take(reading)
        clock.seconds, clock.wall = clock.seconds + ago, clock.wall + timedelta(seconds=ago)
    async with looking(made) as person:
        await person.press("h")
        chart(person).look_at(GaugeKey("sent_total"))
        await person.sees("a counter: how much it grows in a second", "now 1/s", "max 2/s", "↺")


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (200, 60)])
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_it_fits_every_screen_with_and_without_unicode(
    made: Room, size: tuple[int, int], ascii_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Drawn, "ascii_only", ascii_only)
    async with looking(made, size) as person:
        await person.press("h", "left", "a", "b", "c")
        await person.sees("shelf")
        shown = person.screen()
        assert shown.isascii() is ascii_only or not ascii_only
        assert "no room" not in shown
        assert "?????" not in shown


async def test_in_a_replay_a_chart_ends_at_the_moment_that_is_shown_with_what_had_happened_by_then(
    tmp_path: Path,
) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(2 * 90)) as person:
        await person.sees("thing 1")
        assert isinstance(person.room.engine, Player)
        await person.room.engine.filled()
        await person.press("h")
        await person.sees("shelf.size_bytes", "►", "▲")
        await person.until(lambda: len(chart(person)._chart.courses[0].buckets) > 60, "what was read before")
        since, until = chart(person)._window
        assert until == person.room.engine.clock.now().timestamp()
        assert all(since <= one.end and one.start <= until for one in chart(person)._chart.courses[0].buckets)
        assert [(mark.sign, mark.words) for mark in chart(person)._chart.marks] == [
            ("▲", "thing 1 is 2 KiB"), ("●", "cleared: thing 1 is 2 KiB"), ("►", "restart ball, by ada"),
        ]  # fmt: skip
        await person.press("m", "greater_than_sign")
        await person.until(lambda: chart(person)._window[1] > until, "the chart goes on with the replay")
    async with replaying(session.path, later(2 * 30)) as person:
        await person.sees("thing 1")
        await person.press("h")
        await person.sees("shelf.")
        await person.until(lambda: chart(person)._reading is not None, "the file is asked")
        assert chart(person)._chart.marks == []


async def test_a_session_keeps_its_history_and_says_so_when_it_cannot(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    made.history = tmp_path / "state" / "history.db"
    made.historian = Historian(made.history, made.engine.clock, FileLocks(tmp_path / "locks"))
    async with sitting(made) as person:
        await person.until(lambda: made.historian is not None and made.historian.standing.words == "kept", "it is kept")
    with Past.read(made.history) as past:
        assert {str(key) for key in past.gauges("shelf")} >= {"things", 'size_bytes{thing="kite"}'}
        assert past.window("shelf", KITE, 0, 1e11)[-1].cell.last == 2048
    unkept = room("shelf", every=0.1)
    unkept.historian = Historian(tmp_path / "locks", made.engine.clock, FileLocks(tmp_path / "locks"))
    async with sitting(unkept) as person:
        await person.sees("history NOT KEPT: h")
        await person.press("h")
        await person.sees("history not kept: locks can't be written")
