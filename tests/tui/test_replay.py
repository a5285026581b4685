"""A recording on the room's own screens: what was seen is seen again, keys move in time, and nothing can be done."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from textual.filter import NoColor

from desk.audit import Code, Record
from desk.replay.evidence import intact
from desk.replay.player import Player
from probes.base import Cause, Failure, GaugeKey, ProbeError, SafeText, Snapshot
from tests.desk.recordings import Session, overview
from tests.toys import TOY, Thing, ToyFacts, ToyKinds
from tests.tui.test_screens import Sitting
from tui.app import OpsroomApp
from tui.keys import KEYS, Keymap
from tui.kinds import Kind
from tui.replay import ReplayApp, ReplayKinds, ReplayRoom, picture
from tui.room import Room
from tui.secrets import Secrets

STEPS = 200


def toys(session: Session, name: str, *sizes: int | None) -> None:
    probe: Any = session.engine.probe(name)
    probe.answers = ToyFacts(tuple(Thing(f"thing {number}", size) for number, size in enumerate(sizes)))


async def an_hour(folder: Path) -> tuple[Session, dict[datetime, list[str]]]:
    """A recording with an alert, a failure, an act and a gap, and what the live overview showed at some moments."""
    session = Session(folder, "shelf", "box")
    session.clock.wall = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
    session.scribe._began = session.clock.wall
    room = Room(session.engine, session.profile, ToyKinds(), Keymap())
    seen = {}
    for step in range(STEPS):
        session.forward(2)
        toys(session, "shelf", step, 2048 if 50 <= step < 60 else 10)
        box: Any = session.engine.probe("box")
        toys(session, "box", 7)
        if 100 <= step < 110:
            box.answers = ProbeError(Cause.REFUSED, "connection refused by toy", "is it running?")
        for name in ("shelf", "box"):
            await session.read(name)
        if step == 80:
            act(session)
        if step in (20, 55, 105, 150):
            seen[session.clock.wall] = overview(room)
    session.write()
    return session, seen


def act(session: Session) -> None:
    class Trail:
        class actor:
            name = "ada"

        def __init__(self) -> None:
            self.heard: list[Any] = []

    trail = Trail()
    session.scribe.follow(trail)  # type: ignore[arg-type]
    (heard,) = trail.heard
    data = {
        "deed": "d",
        "act": "a",
        "target": "shelf",
        "action": "restart",
        "subject": {"name": "ball"},
        "reason": "stuck",
    }
    for code, more in ((Code.INTENT, data), (Code.DONE, {"act": "a", "words": "it is done"})):
        heard(Record("w", 1, session.clock.now(), code, more, ""))


def player_of(path: Path, when: datetime, kinds: Sequence[Kind] = (TOY,)) -> tuple[Player, ReplayKinds]:
    known = ReplayKinds(kinds)
    return Player(path, known.facts_type, when), known


@asynccontextmanager
async def replaying(
    path: Path, when: datetime, size: tuple[int, int] = (100, 30), kinds: Sequence[Kind] = (TOY,)
) -> AsyncIterator[Sitting]:
    player, known = player_of(path, when, kinds)
    app = ReplayApp(ReplayRoom(player, known, Keymap()), "night")
    async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        person = Sitting(app, pilot)
        await person.sees("REPLAY")
        yield person


def later(seconds: float) -> datetime:
    return datetime(2026, 3, 1, 3, 0, tzinfo=UTC) + timedelta(seconds=seconds)


async def test_every_line_of_the_overview_is_as_it_was_drawn(tmp_path: Path) -> None:
    session, seen = await an_hour(tmp_path)
    player, kinds = player_of(session.path, later(2))
    room = ReplayRoom(player, kinds, Keymap())
    for at, lines in seen.items():
        await player.jump(at)
        room.followed()
        await player.filled()
        assert overview(room) == lines
    await player.close()


async def test_the_top_line_is_unmistakable_at_sixty_columns_and_without_colours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = await an_hour(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    player, kinds = player_of(session.path, later(104))
    app = ReplayApp(ReplayRoom(player, kinds, Keymap()), "night")
    app._filters = [NoColor()]
    async with app.run_test(size=(60, 15)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("◀◀ REPLAY 2026-03-01 03:01:44 UTC paused", "1 alert", "nurse")
        strip = person.app.screen._compositor.render_strips()[0]
        assert all(segment.style is not None and segment.style.reverse for segment in strip if segment.text.strip())


async def test_keys_move_by_readings_and_minutes(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(101)) as person:
        await person.sees("03:01:41 UTC", "1 s ago")
        await person.press("right")
        await person.sees("03:01:42 UTC")
        await person.press("left")
        await person.sees("03:01:40 UTC")
        await person.press("greater_than_sign")
        await person.sees("03:02:40 UTC")
        await person.press("less_than_sign")
        await person.sees("03:01:40 UTC")


async def test_keys_go_to_alerts_and_acts(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(10)) as person:
        await person.press("n")
        await person.sees("03:01:42 UTC", "▲ thing 1 is 2 KiB", "shelf: thing 1 is 2 KiB")
        await person.press("n")
        await person.sees("03:03:22 UTC", "refused")
        await person.press("N")
        await person.sees("03:01:42 UTC")
        await person.press("m")
        await person.sees("03:02:42 UTC", "shelf: restart ball by ada")
        await person.press("m")
        await person.sees("nothing was done after this")
        await person.press("M")
        await person.sees("nothing was done before this")
        await person.press("E")
        await person.sees("restart ball", "it is done", "by ada  stuck")


async def test_it_plays_quicker_and_holds_and_stops_at_the_end(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(300)) as person:
        app = person.app
        assert isinstance(app, ReplayApp)
        await person.press("space")
        await person.sees("▶ x1")
        await person.press("plus")
        await person.sees("▶ x10")
        await person.press("plus", "plus")
        await person.sees("▶ x60")
        await person.press("minus")
        await person.sees("▶ x10")
        at = app._player.at
        await person.until(lambda: app._player.at >= at + timedelta(seconds=5), "five recorded seconds")
        await person.press("space")
        await person.sees("paused")
        await person.press("plus", "plus", "plus")
        await person.sees("the recording ends here", "03:06:40 UTC paused")


async def test_a_time_is_typed_and_its_zone_is_said(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(10)) as person:
        await person.press("t", *"03:04", "enter")
        await person.sees("2026-03-01 03:04:00 UTC", "here")
        await person.press("t", "minus", *"1m", "enter")
        await person.sees("03:03:00 UTC")
        await person.press("t", *"soon", "enter")
        await person.sees("that is no moment")


async def test_nothing_can_be_done_in_it(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(120)) as person:
        assert person.room.hands is None
        for key in ("a", "R", "X", "K", "exclamation_mark"):
            await person.press(key)
            await person.sees("this is a recording, and nothing can be done in it")
            person.app.screen.say("")  # type: ignore[attr-defined]
        await person.press("r")
        await person.sees("nothing is read now")
        await person.press("enter", "l")
        await person.sees("logs and closer looks are not in it")


async def test_the_screens_of_a_target_follow_the_recording(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(40)) as person:
        await person.press("j", "enter")
        await person.sees("shelf  toy  LIVE", "19")
        await person.press("right", "right")
        await person.sees("03:00:44 UTC")
        await person.press("space")
        await person.sees("▶ x1")


async def test_a_time_in_which_nobody_watched_is_said_and_skipped(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    session.end()
    session.forward(2000)
    again = Session(tmp_path, "shelf", clock=session.clock)
    for _ in range(5):
        again.forward(2)
        await again.read()
    again.end()
    async with replaying(session.path, later(600)) as person:
        await person.sees(
            "NOBODY WATCHED", "nothing was recorded from 03:06:40 to 03:40:02 (33m22s): nobody watched; e"
        )
        await person.sees_no("nothing needs attention")
        await person.press("e")
        await person.sees("03:40:02 UTC", "kite is 2 KiB", "1 alert")
        assert [slot.target.name for slot in person.room.board.slots()] == ["shelf"]
        await person.press("e")
        await person.sees("there is no gap here")


async def test_a_kind_that_nobody_knows_any_more_is_shown_by_its_numbers(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(60), kinds=()) as person:
        await person.sees("NOT KNOWN HERE", "does not know the kind toy", "things 2", "size_bytes{thing=")
        await person.press("enter")
        await person.sees("shelf  toy  LIVE")


async def test_facts_of_another_version_are_said_to_be_such(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.forward(20)
    session.take(Snapshot("shelf", session.clock.now(), 0.1, ToyFacts((Thing("ball", 3),)), {GaugeKey("things"): 1.0}))
    session.write()
    import sqlite3
    import zlib

    with sqlite3.connect(session.path) as file:
        (body,) = file.execute("SELECT body FROM reading").fetchone()
        raw = zlib.decompressobj(-15).decompress(body).replace(b'"name":"ball"', b'"name":12345')
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        file.execute("UPDATE reading SET body = ?", (packer.compress(raw) + packer.flush(),))
    async with replaying(session.path, session.clock.now()) as person:
        await person.sees("UNSUPPORTED version", "another version of Opsroom recorded this")


async def test_what_is_shown_is_written_as_a_picture_and_as_json(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    drawing, data = tmp_path / "one.svg", tmp_path / "one.json"
    async with replaying(session.path, later(120)) as person:
        for path in (drawing, data):
            await person.press("W")
            prompt: Any = person.app.screen.query_one("Prompt")
            prompt.value = str(path)
            await person.press("enter")
            await person.sees("written: ")
            person.app.screen.say("")  # type: ignore[attr-defined]
            assert path.stat().st_mode & 0o777 == 0o600
        await person.press("W")
        prompt = person.app.screen.query_one("Prompt")
        prompt.value = str(drawing)
        await person.press("enter")
        await person.sees("not written: File exists")
    drawn = drawing.read_text()
    assert "REPLAY" in drawn
    assert "font-face" not in drawn
    assert intact(data)
    content = json.loads(data.read_text())["content"]
    assert content["system"] == "nursery"
    assert [one["target"] for one in content["readings"]] == ["shelf", "box"]


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x", "no\0name"])
async def test_a_name_that_no_file_can_have_is_said_and_the_room_goes_on(tmp_path: Path, name: str) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(120)) as person:
        app = person.app
        assert isinstance(app, ReplayApp)
        for ending in (".svg", ".json"):
            app._export(name + ending)
            await person.sees("not written: ")
            person.app.screen.say("")  # type: ignore[attr-defined]


async def test_nothing_that_was_recorded_is_markup_in_a_picture(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(120)) as person:
        app = person.app
        assert isinstance(app, ReplayApp)
        named = "a-> b--> <script>x</script> &lt; ---->-"
        header = replace(app._player.header, system=named, environment="--")
        drawn = picture(app, SimpleNamespace(header=header, at=later(120)))  # type: ignore[arg-type]
    tree = ElementTree.fromstring(drawn)
    assert [one.tag for one in tree.iter() if "script" in one.tag] == []
    (comment,) = [one for one in re.findall(r"<!--(.*?)-->", drawn, re.DOTALL) if "opsroom replay" in one]
    assert "--" not in comment
    assert "script" in comment
    assert "made 20" in comment


async def test_a_key_that_finds_the_file_gone_says_so(tmp_path: Path) -> None:
    session, _ = await an_hour(tmp_path)
    async with replaying(session.path, later(2 * STEPS)) as person:
        app = person.app
        assert isinstance(app, ReplayApp)
        app._player.recording._tape.close()
        await person.press("E")
        await person.sees("not shown: tape.db can't be read")
        person.app.screen.say("")  # type: ignore[attr-defined]
        await person.press("space")
        await person.sees("not shown: tape.db can't be read")


def test_a_replays_keys_take_theirs_from_whatever_has_them() -> None:
    keymap = Keymap().for_replay()
    taken = [one for key in KEYS if key.where == "replay" for one in key.keys.split(",")]
    for where in ("everywhere", "overview", "detail", "sheet", "log"):
        here = [one for key in keymap.of(where) for one in key.keys.split(",")]
        assert not set(here) & set(taken)
    assert {"replay.play", "room.help", "room.leave"} <= {key.id for key in keymap.live("detail")}
    assert "replay.play" not in {key.id for key in Keymap().live("detail")}


NO_DRIVER = """
import asyncio, sys, socket
from datetime import datetime
from pathlib import Path
real = socket.socket.connect
def no(self, *address):
    raise AssertionError(f"it connects to {address}")
socket.socket.connect = no
import desk.poller
from probes.base import Probe
made = []
begun = Probe.__init__
def init(self, *args):
    made.append(type(self).__name__)
    begun(self, *args)
Probe.__init__ = init
from tui.replay import ReplayApp, ReplayKinds, ReplayRoom
from desk.replay.player import Player
from tui.keys import Keymap

async def main():
    kinds = ReplayKinds()
    player = Player(Path(sys.argv[1]), kinds.facts_type, datetime.fromisoformat(sys.argv[2]))
    app = ReplayApp(ReplayRoom(player, kinds, Keymap()), "night")
    async with app.run_test(size=(160, 48)) as pilot:
        await player.filled()
        await pilot.press("right", "enter", "l")
        await pilot.pause(0.2)
        text = "".join(s.text for strip in app.screen._compositor.render_strips() for s in strip)
        assert "not in it" in text, text
asyncio.run(main())
drivers = {"psycopg", "redis", "docker", "httpx", "psutil", "boto3", "botocore", "supervisor"} & set(sys.modules)
acts = [name for name in sys.modules if name.startswith("probes.") and ".act" in name.removeprefix("probes.base")]
print(sorted(drivers), [one for one in acts if not one.startswith("probes.base")], sorted(set(made)))
"""


def test_no_driver_is_loaded_no_probe_is_made_and_nothing_is_connected_to(tmp_path: Path) -> None:
    asyncio.run(_of_every_kind(tmp_path))
    at = later(4).isoformat()
    done = subprocess.run(
        [sys.executable, "-c", NO_DRIVER, str(tmp_path / "state" / "tape.db"), at],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "[] [] ['Recorded']"


async def _of_every_kind(folder: Path) -> None:
    """A recording of a target of each kind; what they answered does not matter."""
    from desk.engine import Engine
    from desk.replay.player import Recorded
    from probes.base import Settings, Target
    from tui.kinds import KINDS

    class Named(Recorded):
        def __init__(self, target: Target) -> None:
            super().__init__(target)
            self.kind = target.kind  # type: ignore[misc]

    targets = [Target(f"one-{kind.name}", kind.name, Settings()) for kind in KINDS]
    session = Session(folder, targets=targets, probes=Named)
    session.clock.wall = later(0)
    assert isinstance(session.engine, Engine)
    for target in targets:
        session.take(Failure(target.name, later(2), Cause.REFUSED, SafeText("connection refused")))
    session.write()


async def test_a_session_records_itself_and_says_when_it_cannot(tmp_path: Path) -> None:
    session = Session(tmp_path, "shelf", every=0.1)
    room = Room(session.engine, session.profile, ToyKinds(), Keymap(), scribe=session.scribe)
    session.path.parent.mkdir(mode=0o700)
    session.path.mkdir()
    app = OpsroomApp(room, Secrets({}), "night")
    async with app.run_test(size=(120, 24)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ball")
        session.write()
        await person.sees("NOT RECORDED: E")
        await person.press("E")
        await person.sees("the black box: not recording: tape.db can't be written")
        session.path.rmdir()
        session.forward(20)
        session.write()
        await person.press("escape")
        await person.sees_no("NOT RECORDED")
