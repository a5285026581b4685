"""The historian: it never makes the room wait, says when it can't keep up, and a killed session loses a minute."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from desk.history import LONG_STEP, STEP, Historian, Past
from desk.history.archive import LEAST, Archive
from desk.history.file import ArchiveError
from desk.history.historian import WAITING
from desk.locks import FileLocks
from probes.base import Cause, Failure, GaugeKey, SafeText, Snapshot
from tests.toys import StillClock, ToyFacts

THINGS = GaugeKey("things")


class Room:
    """A historian that writes when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.clock = StillClock()
        self.path = folder / "state" / "history.db"
        self.locks = FileLocks(folder / "locks")
        self.made: list[Historian] = []
        self.historian = self.another()

    def another(self) -> Historian:
        self.made.append(Historian(self.path, self.clock, self.locks, LEAST, lambda target, gauge: True))
        return self.made[-1]

    def read(self, value: float) -> None:
        self.historian.take("toy", Snapshot("shelf", self.clock.now(), 0.1, ToyFacts(), {THINGS: value}))

    def forward(self, seconds: float) -> None:
        self.clock.seconds += abs(seconds)
        self.clock.wall += timedelta(seconds=seconds)

    @property
    def kept(self) -> list[float]:
        with Past.read(self.path) as past:
            return [one.cell.last for one in past.window("shelf", THINGS, 0, 1e11)]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    for one in made.made:
        one.close()
        one._let_go()


def test_readings_are_kept_a_minute_at_a_time_and_failures_are_gaps(room: Room) -> None:
    room.historian.beat()
    for value in (1.0, 2.0, 3.0):
        room.read(value)
        room.forward(40)
        room.historian.beat()
    assert room.kept == [1.0, 2.0]
    room.historian.take("toy", Failure("shelf", room.clock.now(), Cause.REFUSED, SafeText("refused")))
    room.forward(60)
    room.historian.beat()
    assert room.kept == [1.0, 2.0, 3.0]
    assert room.historian.standing.words == "kept"
    assert room.historian.standing.size > 0
    with Past.read(room.path) as past:
        now = room.clock.now().timestamp()
        assert past.watched(now - 3600, now) == [(int(now - 180), int(now))]


def test_a_session_that_ends_keeps_the_open_minute_and_the_next_goes_on_in_it(room: Room) -> None:
    room.read(1.0)
    room.historian.finish()
    room.historian = room.another()
    room.forward(2)
    room.read(5.0)
    room.historian.finish()
    with Past.read(room.path) as past:
        (one,) = past.window("shelf", THINGS, 0, 1e11)
    assert (one.cell.readings, one.cell.least, one.cell.most, one.cell.last) == (2, 1.0, 5.0, 5.0)


def test_of_two_sessions_one_keeps_and_the_other_takes_over(room: Room) -> None:
    room.historian.beat()
    first, room.historian = room.historian, room.another()
    room.read(2.0)
    room.historian.beat()
    assert room.historian.standing.words == "another session keeps it"
    assert not room.historian.standing.ill
    first._let_go()
    room.forward(11)
    room.read(3.0)
    room.historian.finish()
    assert room.kept == [3.0]


def test_what_the_session_before_has_kept_is_not_counted_once_more(room: Room) -> None:
    room.historian.beat()
    first, room.historian = room.historian, room.another()
    room.historian.beat()
    for historian in (first, room.historian):
        historian.take("toy", Snapshot("shelf", room.clock.now(), 0.1, ToyFacts(), {THINGS: 1.0}))
    first.finish()
    room.forward(2)
    room.read(2.0)
    room.forward(9)
    room.historian.finish()
    with Past.read(room.path) as past:
        (one,) = past.window("shelf", THINGS, 0, 1e11)
    assert (one.cell.readings, one.cell.least, one.cell.last) == (2, 1.0, 2.0)


def test_a_size_that_cannot_be_read_is_said_as_everything_is(room: Room) -> None:
    room.historian.beat()
    assert room.historian._file is not None
    room.historian._file.close()
    with pytest.raises(ArchiveError, match=r"history\.db can't be read"):
        _ = room.historian._file.size


def test_a_fault_of_our_own_is_said_and_it_goes_on_later(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(self: Archive, *given: object) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as ill:
        ill.setattr(Archive, "trim", fault)
        room.read(1.0)
        room.historian._wake.set()
        room.historian.start()
        until = time.monotonic() + 10
        while not room.historian.standing.ill and time.monotonic() < until:
            threading.Event().wait(0.01)
    assert room.historian.standing.words == "not kept: a fault of our own, ZeroDivisionError"
    room.forward(61)
    room.read(2.0)
    room.historian.close()
    assert room.kept[-1] == 2.0


def test_a_disk_that_says_no_is_said_and_tried_again_and_nothing_is_lost(room: Room) -> None:
    room.path.parent.mkdir(mode=0o700)
    room.path.mkdir()
    room.read(1.0)
    room.historian.beat()
    assert room.historian.standing.ill
    assert "not kept: history.db can't be written" in room.historian.standing.words
    room.path.rmdir()
    room.forward(61)
    room.historian.beat()
    assert room.historian.standing.words == "kept"
    assert room.kept == [1.0]


def test_minutes_that_could_not_be_written_are_written_later(room: Room) -> None:
    room.historian.beat()
    room.read(1.0)
    room.forward(60)
    held = sqlite3.connect(room.path, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    assert room.historian._file is not None
    room.historian._file._db.execute("PRAGMA busy_timeout=10")
    room.historian.beat()
    assert "locked" in room.historian.standing.words
    held.execute("ROLLBACK")
    held.close()
    room.forward(11)
    room.historian.beat()
    assert room.kept == [1.0]


def test_a_damaged_file_is_put_aside_whole_and_a_new_one_begun(room: Room) -> None:
    room.path.parent.mkdir(mode=0o700)
    room.path.write_bytes(b"rubbish " * 1000)
    room.read(7.0)
    room.historian.beat()
    assert "kept as history-damaged-" in room.historian.standing.words
    room.historian.finish()
    assert room.kept == [7.0]
    (aside,) = room.path.parent.glob("history-damaged-*")
    assert aside.read_bytes() == b"rubbish " * 1000


def test_what_waits_too_long_for_the_thread_is_lost_and_counted(room: Room) -> None:
    for _ in range(WAITING + 3):
        room.read(1.0)
    room.historian.beat()
    room.forward(60)
    room.historian.beat()
    assert room.historian.standing.lost == 3


def test_a_clock_that_goes_back_is_said_and_the_order_is_kept(room: Room) -> None:
    for seconds, value in ((0, 1.0), (600, 2.0), (-480, 3.0)):
        room.forward(seconds)
        room.read(value)
        room.historian.beat()
    room.historian.finish()
    assert room.kept == [1.0, 3.0, 2.0]
    assert room.historian.standing.note == "the clock went back by 8m00s, to 03:14:41 UTC"


def test_the_room_does_not_wait_for_the_historian_and_it_writes_all_at_the_end(room: Room) -> None:
    room.historian.start()
    for value in range(1, 20):
        room.read(float(value))
        room.forward(60)
    room.historian.close()
    assert room.kept == [float(value) for value in range(1, 20)]


CHILD = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from desk.history import Historian
from desk.locks import FileLocks
from probes.base import GaugeKey, Snapshot
from tests.toys import StillClock, ToyFacts

folder, number = Path(sys.argv[1]), int(sys.argv[2])
clock = StillClock()
made = Historian(folder / "state" / "history.db", clock, FileLocks(folder / "locks"), 1)
made.beat()
while True:
    number += 1
    clock.wall = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=number)
    clock.seconds += 60
    gauges = {GaugeKey("things", (("thing", str(part)),)): float(number) for part in range(40)}
    made.beat()  # writes the minute before
    print(number - 1, flush=True)
    made.take("toy", Snapshot("shelf", clock.wall, 0.1, ToyFacts(), gauges))
    made.beat()
"""


def test_a_session_that_is_killed_loses_the_open_minute_and_damages_nothing(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, 4)


def kill_again_and_again(folder: Path, times: int) -> None:
    """Killed at moments of chance, again and again on one file, while it writes, folds and trims."""
    chance, last = random.Random(7), 0
    expected: list[int] = []
    for _ in range(times):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(last)],
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert child.stdout is not None
        began, told = last, last
        for line in itertools.islice(child.stdout, chance.randrange(1, 90)):
            told = int(line)
        child.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
        child.wait()
        child.stdout.close()
        key = GaugeKey("things", (("thing", "7"),))
        with Past.read(folder / "state" / "history.db") as past:
            found = past.window("shelf", key, 0, 1e11)
            whole = past.window("shelf", key, 0, 1e11, LONG_STEP)
            assert past._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        last = int(found[-1].cell.last) if found else began
        assert last in (told, told + 1)
        expected += range(began + 1, last + 1)
        minutes = [one for one in found if one.span == STEP]  # those of two days; earlier ones are in the long tier
        assert [int(one.cell.last) for one in minutes] == expected[-len(minutes) :][: len(minutes)]
        assert len(minutes) >= min(len(expected), 2000)
        assert all(one.cell.readings == 1 for one in minutes)
        assert sum(one.cell.readings for one in whole) == len(expected)
