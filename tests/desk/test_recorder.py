"""The recorder: it never makes the room wait, says when it can't keep up, and a killed session loses a second."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from desk.locks import FileLocks
from desk.profile import ProfileError, parse
from desk.tape.recorder import WAITING, Recorder
from desk.tape.tape import Mark, Tape, TapeError
from probes.base import Cause, Failure, GaugeKey, SafeText, Snapshot
from tests.toys import StillClock, Thing, ToyFacts
from tui.kinds import Kinds


class Room:
    """A recorder that writes when the test says so."""

    def __init__(self, folder: Path, limit: int = 1 << 20) -> None:
        self.clock = StillClock()
        self.path = folder / "state" / "nursery.tape"
        self.locks = FileLocks(folder / "locks")
        self.limit = limit
        self.made: list[Recorder] = []
        self.recorder = self.another()

    def another(self) -> Recorder:
        self.made.append(Recorder(self.path, self.clock, self.locks, limit=self.limit))
        return self.made[-1]

    def read(self, things: int = 1) -> None:
        self.forward(2)
        facts = ToyFacts(tuple(Thing(f"thing {number}", 1.0) for number in range(things)))
        self.recorder.take("toy", Snapshot("shelf", self.clock.now(), 0.1, facts, {GaugeKey("things"): float(things)}))

    def forward(self, seconds: float) -> None:
        self.clock.seconds += seconds
        self.clock.wall += timedelta(seconds=seconds)

    @property
    def kept(self) -> list[float]:
        with_all = Tape.read(self.path)
        found = with_all.between("shelf", self.clock.now() - timedelta(days=1), self.clock.now())
        return [entry.reading["gauges"]["things"][0] for entry in found if "gauges" in entry.reading]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    for one in made.made:
        one.close()
        one._let_go()


def test_readings_and_failures_are_kept(room: Room) -> None:
    room.read(3)
    room.forward(2)
    room.recorder.take("toy", Failure("shelf", room.clock.now(), Cause.REFUSED, SafeText("refused")))
    room.recorder.mark("alert", "shelf", room.clock.now(), {"rule": "many"})
    room.recorder.write()
    assert room.kept == [3.0]
    (newest,) = Tape.read(room.path).at(room.clock.now())
    assert newest.reading["failure"]["message"] == "refused"
    (mark,) = Tape.read(room.path).marks(room.clock.now(), room.clock.now())
    assert (mark.sort, mark.body) == ("alert", {"rule": "many"})
    assert room.recorder.standing.words == "recording"
    assert room.recorder.standing.size > 0


def test_the_sessions_of_two_systems_are_both_recorded(room: Room) -> None:
    room.path = room.path.parent.parent / "another system" / room.path.name
    other = room.another()
    room.recorder.write()
    other.write()
    assert (room.recorder.standing.words, other.standing.words) == ("recording", "recording")


def test_of_two_sessions_one_records_and_the_other_takes_over(room: Room) -> None:
    room.read(1)
    room.recorder.write()
    first, room.recorder = room.recorder, room.another()
    room.read(2)
    room.recorder.write()
    assert room.recorder.standing.words == "another session records"
    assert not room.recorder.standing.ill
    first._let_go()
    room.forward(11)
    room.read(3)
    room.recorder.write()
    assert room.recorder.standing.words == "recording"
    assert room.kept == [1.0, 3.0]


def test_what_the_session_before_has_recorded_is_no_clock_that_went_back(room: Room) -> None:
    room.read(1)
    room.recorder.write()
    first, room.recorder = room.recorder, room.another()
    room.recorder.write()
    for recorder in (first, room.recorder):
        recorder.take("toy", Snapshot("shelf", room.clock.now(), 0.1, ToyFacts(), {GaugeKey("things"): 2.0}))
    first.finish()
    room.read(3)
    room.forward(9)
    room.recorder.write()
    assert (room.recorder.standing.words, room.recorder.standing.lost) == ("recording", 0)
    assert room.kept == [1.0, 3.0]


def test_a_clock_that_went_back_is_said_and_what_is_not_recorded_counted_until_it_has_caught_up(room: Room) -> None:
    room.read(1)
    room.recorder.write()
    for seconds, words, lost in (
        (-60, "not recording all: the clock went back", 1), (10, "not recording all: the clock went back", 2),
        (120, "recording", 2),
    ):  # fmt: skip
        room.clock.wall += timedelta(seconds=seconds)
        room.read(2)
        room.recorder.write()
        assert (room.recorder.standing.words, room.recorder.standing.lost) == (words, lost)
    assert room.kept == [1.0, 2.0]


def test_what_comes_while_the_last_beat_writes_is_written_too(room: Room) -> None:
    write = room.recorder.write

    def beat() -> None:
        write()
        room.read(2)
        room.recorder.mark("session", "", room.clock.now(), {"is": "ended"})
        room.recorder.stop()

    room.recorder.beat = beat  # type: ignore[method-assign]
    room.recorder._wake.set()
    room.recorder._run()
    assert room.kept == [2.0]
    assert [mark.body for mark in Tape.read(room.path).marks(room.clock.now(), room.clock.now())] == [{"is": "ended"}]


def test_a_fault_of_our_own_is_said_and_leaves_the_file_to_another_session(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(self: Tape, *given: object) -> object:
        raise ZeroDivisionError

    with monkeypatch.context() as ill:
        ill.setattr(Tape, "add", fault)
        room.read(1)
        room.recorder._guarded(room.recorder.beat)
    assert room.recorder.standing.words == "not recording: a fault of our own, ZeroDivisionError"
    other = room.another()
    other.write()
    assert other.standing.words == "recording"
    other.close()
    other._let_go()
    room.forward(11)
    room.read(2)
    room.recorder.start()
    room.recorder.close()
    assert room.kept == [2.0]


def test_a_size_that_cannot_be_read_is_said_and_what_was_written_is_not_lost(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(self: Tape, *given: object) -> int:
        raise TapeError("nursery.tape can't be read: disk i/o error")

    for what in ("size", "trim"):
        with monkeypatch.context() as ill:
            ill.setattr(Tape, what, property(no) if what == "size" else no)
            room.forward(60)
            room.read(1)
            room.recorder.write()
        assert room.recorder.standing.words == "not recording: nursery.tape can't be read: disk i/o error"
    assert room.recorder.standing.lost == 0
    assert room.kept == [1.0, 1.0]


def test_marks_that_could_not_be_written_are_written_later_in_their_order(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Tape, *given: object) -> object:
        raise TapeError("nursery.tape can't be written: database or disk is full")

    room.recorder.lasting = lambda now: [Mark(now, "session", "", {})]
    began = room.clock.now()
    with monkeypatch.context() as ill:
        ill.setattr(Tape, "add", full)
        for number in (1, 2):
            room.recorder.mark("act", "shelf", room.clock.now(), {"n": number})
        room.recorder.write()
    room.recorder.mark("act", "shelf", room.clock.now(), {"n": 3})
    room.forward(11)
    room.recorder.write()
    assert [mark.body.get("n") for mark in Tape.read(room.path).marks(began, room.clock.now())] == [1, 2, 3, None]


def test_a_disk_that_says_no_is_said_counted_and_tried_again(room: Room) -> None:
    room.path.parent.mkdir(mode=0o700)
    room.path.mkdir()
    room.read()
    room.recorder.write()
    assert room.recorder.standing.ill
    assert "not recording: nursery.tape can't be written" in room.recorder.standing.words
    room.path.rmdir()
    room.read(5)
    room.recorder.write()
    assert room.recorder.standing.ill
    room.forward(11)
    room.recorder.write()
    assert room.recorder.standing.words == "recording"
    assert room.kept == [1.0, 5.0]


def test_a_damaged_file_is_put_aside_whole_and_a_new_one_begun(room: Room) -> None:
    room.path.parent.mkdir(mode=0o700)
    room.path.write_bytes(b"rubbish " * 1000)
    room.read(7)
    room.recorder.write()
    assert "kept as nursery-damaged-" in room.recorder.standing.words
    room.recorder.write()
    assert room.recorder.standing.words == "recording"
    assert room.kept == [7.0]
    (aside,) = room.path.parent.glob("nursery-damaged-*")
    assert aside.read_bytes() == b"rubbish " * 1000


def test_what_waits_too_long_for_the_disk_is_lost_and_counted(room: Room) -> None:
    for _ in range(WAITING + 3):
        room.read()
    room.recorder.write()
    assert room.recorder.standing.lost == 3


def test_the_room_does_not_wait_for_the_recorder_and_it_writes_all_at_the_end(room: Room) -> None:
    room.recorder.start()
    for number in range(1, 20):
        room.read(number)
    room.recorder.close()
    assert room.kept == [float(number) for number in range(1, 20)]


def test_what_lasts_is_written_when_recording_begins_and_every_ten_minutes(room: Room) -> None:
    room.recorder.lasting = lambda now: [Mark(now, "session", "", {"at": now.isoformat()})]
    began = room.clock.now()
    for _ in range(25):
        room.forward(60)
        room.recorder.write()
    marks = Tape.read(room.path).marks(began, room.clock.now(), ("session",))
    assert [(mark.at - began).total_seconds() / 60 for mark in marks] == [1, 11, 21]


def test_facts_that_have_no_form_on_disk_are_said_and_the_rest_is_recorded(room: Room) -> None:
    room.read(1)
    strange: Snapshot[object] = Snapshot("odd", room.clock.now(), 0.1, object(), {})
    room.recorder.take("odd", strange)
    room.read(2)
    room.recorder.write()
    assert room.kept == [1.0, 2.0]
    assert room.recorder.standing.words == "not recording all: what a target of kind odd tells has no form on disk"
    assert room.recorder.standing.lost == 1


def test_a_profile_says_how_much_is_recorded_and_for_how_long() -> None:
    text = 'system = "x"\n{}\n[host.local]\n'
    found = parse(text.format("record_mib = 64\nrecord_days = 2"), Kinds())
    assert (found.record_mib, found.record_days) == (64, 2)
    assert parse(text.format(""), Kinds()).record_mib == 512
    for wrong, said in (
        ("record_mib = -1", "record_mib: must be at least 0"),
        ("record_day = 3", "did you mean record_days"),
    ):
        with pytest.raises(ProfileError, match=said):
            parse(text.format(wrong), Kinds())


CHILD = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from desk.clock import SystemClock
from desk.locks import FileLocks
from desk.profile import ProfileError, parse
from desk.tape import recorder as module
from probes.base import GaugeKey, Snapshot
from tests.toys import Thing, ToyFacts

folder = Path(sys.argv[1])
made = module.Recorder(folder / "state" / "x.tape", SystemClock(), FileLocks(folder / "locks"), limit=60 << 10)
number = int(sys.argv[2])
while True:
    number += 1
    facts = ToyFacts(tuple(Thing(f"thing {part} of {number}", float(number)) for part in range(20)))
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number)
    made.take("toy", Snapshot("shelf", at, 0.1, facts, {GaugeKey("things"): float(number)}))
    made.write()
    print(number, flush=True)
"""


def test_a_session_that_is_killed_loses_what_was_not_yet_written_and_damages_nothing(tmp_path: Path) -> None:
    """Killed at moments of chance, again and again on one file; `make safety` does it five hundred times."""
    kill_again_and_again(tmp_path, 8)


def kill_again_and_again(folder: Path, times: int) -> None:
    chance, last = random.Random(7), 0
    for _ in range(times):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(last)],
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert child.stdout is not None
        for line in itertools.islice(child.stdout, chance.randrange(1, 60)):
            last = int(line)
        child.send_signal(signal.SIGKILL)
        last = max([last, *(int(line) for line in child.stdout.read().split("\n")[:-1])])
        child.wait()
        child.stdout.close()
        tape = Tape.read(folder / "state" / "x.tape")
        (kept,) = tape.kept()
        numbers = [int(one.reading["gauges"]["things"][0]) for one in tape.between("shelf", kept.first, kept.last)]
        assert numbers[-1] in (last, last + 1)
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert tape._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tape.close()
        last = numbers[-1]
