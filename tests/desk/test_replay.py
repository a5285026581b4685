"""A replay: the board, the history, the alerts and the inbox of any moment, exactly; and what was not recorded."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sqlite3
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk import codec
from desk import moment as when
from desk.alert import Alert
from desk.board import Slot
from desk.condition import parse
from desk.engine import Engine, Watched
from desk.replay import evidence
from desk.replay.player import Player
from desk.replay.recording import Recording
from desk.standing import Level, StandingRule
from desk.tape.tape import Tape, TapeError
from probes.base import Cause, Failure, ProbeError, SafeText, Severity, State
from tests.desk.recordings import Seen, Session
from tests.toys import StillClock, Thing, ToyFacts, ToyProbe, context

NAMES = ("shelf", "box", "attic")


def toys(kind: str) -> Any:
    return ToyFacts if kind == "toy" else None


def told(slot: Slot, epoch: float) -> Slot:
    """A slot with its moments as seconds since `epoch`, and without settings that are not recorded."""

    def since(moment: float | None) -> float | None:
        return None if moment is None else round(moment - epoch, 2)

    return replace(
        slot, target=replace(slot.target, settings=None),  # type: ignore[arg-type]
        since=since(slot.since), received=since(slot.received), failing_since=since(slot.failing_since),  # type: ignore[arg-type]
    )  # fmt: skip


def dated(alert: Alert, epoch: float) -> Alert:
    return replace(alert, since=round(alert.since - epoch, 2))


async def day(session: Session, steps: int, chance: random.Random) -> None:
    """Readings, failures and things that grow too big, at random; now and then somebody looks."""
    for step in range(steps):
        session.forward(2)
        for name in NAMES:
            probe: Any = session.engine.probe(name)
            if chance.random() < 0.03:
                probe.answers = ProbeError(chance.choice([Cause.REFUSED, Cause.DENIED]), f"no {chance.randrange(9)}")
            elif chance.random() < 0.3:
                sizes = [chance.choice([None, chance.randrange(3000)]) for _ in range(chance.randrange(5))]
                probe.answers = ToyFacts(tuple(Thing(f"thing {number}", size) for number, size in enumerate(sizes)))
            if chance.random() < 0.9:
                await session.read(name)
        if step == steps // 2:
            session.engine.pace = 2.0
        if chance.random() < 0.02:
            session.look()
        if chance.random() < 0.1:
            session.write()


def rule() -> StandingRule:
    """Speaks of the shelf, and is judged with the readings of the box too."""
    condition = parse("sum(shelf.size_bytes) + sum(box.size_bytes) > 5000")
    return StandingRule(name="heavy", of=condition.of, levels=(Level(Severity.NOTICE, condition.limit),))


async def compare(player: Player, seen: Seen) -> None:
    live, then = seen.now, seen.at.timestamp()
    assert player.at == seen.at
    for slot in seen.board.slots():
        name = slot.target.name
        shown = player.board.slot(name)
        assert told(shown, then) == told(slot, live)
        assert shown.state(then) is slot.state(live)
        assert shown.expired(then) == slot.expired(live)
    assert [dated(one, then) for one in player.alerts()] == [dated(one, live) for one in seen.alerts]
    shown_cases = [replace(one, alert=dated(one.alert, then)) for one in player.cases()]
    assert shown_cases == [replace(one, alert=dated(one.alert, live)) for one in seen.cases]
    await player.filled()
    for slot in seen.board.slots():
        series, was = player.board.series(slot.target.name), seen.board.series(slot.target.name)
        assert set(series.keys()) == set(was.keys())
        for key in was.keys():  # noqa: SIM118 - a method of Series, not a mapping
            assert series.values(key.name, **dict(key.labels)) == was.values(key.name, **dict(key.labels))


def made(folder: Path, steps: int) -> Session:
    session = Session(folder, *NAMES, standing=[rule()])
    asyncio.run(day(session, steps, random.Random(5)))
    session.look()
    session.write()
    return session


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Half an hour that every test may look at."""
    session = made(tmp_path_factory.mktemp("recorded"), 500)
    assert len(session.seen) > 6
    return session


@pytest.fixture
def short(tmp_path: Path) -> Session:
    """Five minutes of a test's own."""
    return made(tmp_path, 150)


async def test_a_moment_is_shown_exactly_as_it_was(recorded: Session) -> None:
    player = Player(recorded.path, toys, recorded.seen[0].at)
    player.start()
    for seen in random.Random(1).sample(recorded.seen, len(recorded.seen)):
        await player.jump(seen.at)
        await compare(player, seen)
    await player.close()


async def test_playing_on_ends_at_the_same_picture_as_jumping(recorded: Session) -> None:
    player = Player(recorded.path, toys, recorded.seen[0].at)
    player.start()
    for seen in recorded.seen[1:]:
        while player.at < seen.at:
            await player.go_on(min(seen.at, player.at + timedelta(seconds=7)))
        await compare(player, seen)
    await player.close()


async def test_judging_the_recorded_readings_again_gives_the_alerts_that_were_marked(recorded: Session) -> None:
    clock = StillClock()
    recording = Recording.open(recorded.path, toys)
    edges = recording.edges()
    assert edges is not None
    header = recording.header(edges[1])
    clock.wall, clock.seconds = header.began, header.began.timestamp()
    watched = [Watched(ToyProbe(one, context(clock)), ToyProbe.rules) for one in recorded.profile.targets]
    engine = Engine(watched, clock, standing=[rule()])
    steps = [
        step for name in NAMES for step in recording.course(header.began, edges[1], header).steps if step.target == name
    ]
    moments = sorted({step.at for step in steps})
    assert len(moments) > 400
    compared = 0
    for at in moments:
        clock.wall, clock.seconds = at, at.timestamp()
        engine.pace = recording.header(at).pace
        for name in NAMES:
            for entry in recording.between(name, at, at):
                engine._take(codec.read(name, ToyFacts, entry.reading))
        found = recording.alerts(at)
        assert [valueless(one) for one in engine.alerts()] == [valueless(one) for one in found]
        compared += len(found)
    assert compared > 300
    recording.close()


def valueless(alert: Alert) -> Alert:
    """Without the number, of which a mark keeps what was said, and without fractions of a second."""
    return replace(alert, value=None, since=round(alert.since, 2))


async def test_a_moment_before_the_recording_is_its_first_and_one_after_it_says_so(recorded: Session) -> None:
    player = Player(recorded.path, toys, recorded.clock.wall - timedelta(days=1))
    assert player.at == player.edges[0]
    await player.jump(recorded.clock.wall + timedelta(hours=2))
    assert player.silence is not None
    assert "no session recorded" in player.silence.told
    assert all(
        slot.state(player.clock.monotonic()) in (State.STALE, State.DOWN, State.DENIED) for slot in player.board.slots()
    )
    await player.close()


async def test_readings_come_in_while_another_session_records(short: Session) -> None:
    player = Player(short.path, toys, short.clock.wall)
    assert not await player.move_on(60)
    short.forward(2)
    await short.read("shelf")
    short.write()
    assert await player.move_on(60)
    assert player.at == short.clock.wall
    assert player.board.slot("shelf").received == player.at.timestamp()
    await player.close()


async def test_a_session_that_breaks_off_leaves_a_gap_and_no_values_in_it(tmp_path: Path) -> None:
    session = Session(tmp_path, "shelf")
    for _ in range(30):
        session.forward(2)
        await session.read("shelf")
    session.write()
    session.recorder._let_go()
    began = session.clock.wall
    session.forward(1200)
    again = Session(tmp_path, "shelf", clock=session.clock)
    for _ in range(30):
        again.forward(2)
        await again.read("shelf")
    again.write()
    player = Player(session.path, toys, began + timedelta(seconds=600))
    player.start()
    assert player.silence is not None
    assert player.silence.told.endswith("no session recorded")
    assert player.board.slot("shelf").expired(player.clock.monotonic())
    await player.jump(again.clock.wall)
    await player.filled()
    assert len(player.board.series("shelf").values("things")) == 30, "another session began with nothing"
    assert player.silence is None
    await player.close()


def test_damage_is_said(tmp_path: Path) -> None:
    for content, words in ((b"rubbish " * 2000, "not a database"), (b"", "holds no recording")):
        path = tmp_path / "broken.db"
        path.write_bytes(content)
        with pytest.raises(TapeError, match=words):
            Player(path, toys, StillClock().wall)
    with pytest.raises(TapeError, match="no such file"):
        Player(tmp_path / "nothing.db", toys, StillClock().wall)


async def test_half_a_file_is_said_to_be_damaged_and_no_moment_is_made_up(short: Session, tmp_path: Path) -> None:
    short.end()
    whole = short.path.read_bytes()
    path = tmp_path / "half.db"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TapeError, match=r"half\.db can't be read: .*malformed") as caught:
        Player(path, toys, short.seen[-1].at)
    assert caught.value.damaged


async def test_one_damaged_reading_is_a_gap(short: Session) -> None:
    short.end()
    seen = short.seen[-1]
    with sqlite3.connect(short.path) as breaking:
        breaking.execute("UPDATE reading SET body = x'ff00ff' WHERE at % 7 = 0")
    player = Player(short.path, toys, seen.at)
    player.start()
    await player.filled()
    assert player.board.slot("shelf").snapshot is not None
    await player.close()


async def test_a_copied_file_is_read_where_nothing_may_be_written(short: Session, tmp_path: Path) -> None:
    short.end()
    shutil.copy(short.path, tmp_path / "copy.db")
    player = Player(tmp_path / "copy.db", toys, short.seen[0].at)
    player.start()
    await compare(player, short.seen[0])
    await player.close()


async def test_a_span_is_written_as_it_is_read_and_its_hash_tells_a_changed_byte(
    recorded: Session, tmp_path: Path
) -> None:
    recording = Recording.open(recorded.path, toys)
    path, edges = tmp_path / "span.json", recording.edges()
    assert edges is not None
    evidence.write(recording, path, edges[0], edges[1], lambda text: text.replace("thing 3", "[secret]"))
    content = json.loads(path.read_text("ascii"))["content"]
    readings = content["readings"]
    assert len(readings) > 1000
    assert [one["at"] for one in readings] == sorted(one["at"] for one in readings)
    assert {mark["sort"] for mark in content["marks"]} == {"session", "alert", "said"}
    assert "[secret]" in path.read_text()
    assert "thing 3" not in path.read_text()
    assert evidence.intact(path)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    assert not evidence.intact(path)
    with pytest.raises(FileExistsError):
        evidence.write(recording, path, edges[0])
    recording.close()


async def test_a_span_needs_no_more_memory_than_a_moment(recorded: Session, tmp_path: Path) -> None:
    recording = Recording.open(recorded.path, toys)
    edges = recording.edges()
    assert edges is not None
    most = max(len(piece) for piece in evidence._content(recording, edges[0], edges[1]))
    assert most < 8000
    recording.close()


async def test_passwords_in_addresses_are_taken_out_of_evidence(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.forward(2)
    said = SafeText("no answer from postgresql://app:hunter2@db/x")
    session.take(Failure("shelf", session.clock.now(), Cause.REFUSED, said))
    session.write()
    recording = Recording.open(session.path, toys)
    evidence.write(recording, tmp_path / "x.json", session.clock.now())
    assert "hunter2" not in (tmp_path / "x.json").read_text()
    recording.close()


async def test_many_alerts_that_say_another_number_each_time_are_read_quickly(tmp_path: Path) -> None:
    session = Session(tmp_path, "shelf")
    probe: Any = session.engine.probe("shelf")
    for step in range(120):
        session.forward(2)
        probe.answers = ToyFacts(tuple(Thing(f"thing {number}", 2000 + step + number) for number in range(40)))
        await session.read("shelf")
        session.write()
    tape = Tape.read(session.path)
    last = tape.last_mark("alerts", session.clock.wall)
    assert last is not None
    since = tape.written_after(last[0], last[1].at, session.clock.wall, ("alert", "said"))
    assert sum(len(mark.body.get("said", ())) for mark in since) <= 240
    tape.close()
    player = Player(session.path, toys, session.clock.wall)
    assert len(player.alerts()) == 41
    assert [one.words for one in player.alerts()] == [one.words for one in session.engine.alerts()]
    await player.close()


async def test_an_alert_that_stays_as_it_is_costs_no_mark_of_its_own(tmp_path: Path) -> None:
    session = Session(tmp_path, "shelf")
    probe: Any = session.engine.probe("shelf")
    for step in range(600):
        session.forward(2)
        probe.answers = ToyFacts((Thing("kite", 2000 + step % 2),))
        await session.read("shelf")
    session.write()
    tape = Tape.read(session.path)
    marks = tape.marks(session.clock.wall - timedelta(hours=2), session.clock.wall)
    assert [mark.sort for mark in marks if mark.sort in ("alert", "said")] == ["alert"]
    tape.close()


@pytest.mark.parametrize("text", ["", "soon", "25:00", "03:60", "2026-13-01T00:00", "-", "9999999d ago", "-999999d"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="yesterday 03:12"):
        when.moment(text, StillClock().wall)


@pytest.mark.parametrize("text", ["", "m", "0m", "-3m", "400d", "30"])
def test_what_is_no_length_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 30m"):
        when.length(text)


def test_a_local_time_is_that_of_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        now = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
        assert when.moment("03:12 local", now) == datetime(2026, 7, 1, 1, 12, tzinfo=UTC)
        assert when.moment("2026-01-05T03:12 local", now) == datetime(2026, 1, 5, 2, 12, tzinfo=UTC)
        assert when.moment("2026-01-05T03:12+05:30", now) == datetime(2026, 1, 4, 21, 42, tzinfo=UTC)
        assert when.here(now) == "14:00:00 CEST here"
    finally:
        monkeypatch.undo()
        time.tzset()
