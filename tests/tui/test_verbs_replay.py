"""`opsroom replay` without a screen: which recording is meant, what is written, and what is refused in words."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from desk.replay.evidence import intact
from tests.desk.recordings import Session
from tui import tapes
from tui.cli import main
from tui.places import Places


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    monkeypatch.setenv("OPSROOM_HOME", str(made))
    monkeypatch.delenv("OPSROOM_PROFILE", raising=False)
    return made


async def recorded(home: Path, system: str = "nursery", environment: str = "test") -> Session:
    """A minute of a system whose profile is gone."""
    folder = Places.of({"OPSROOM_HOME": str(home)}).system(system, environment)
    session = Session(folder)
    session.path = session.recorder.path = folder / "tape.db"
    for _ in range(30):
        session.forward(2)
        await session.read()
    session.write()
    session.end()
    return session


def replay(*words: object) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, words)])


def at(session: Session, seconds: float = 0.0) -> str:
    return (session.clock.wall - timedelta(seconds=seconds)).isoformat()


async def test_a_recording_is_found_by_name_when_its_profile_is_gone(home: Path) -> None:
    session = await recorded(home)
    for name in ("nursery", "nursery test"):
        out = home / f"{name}.json"
        done = replay("-P", name, "--at", at(session), "--export", out)
        assert done.exit_code == 0, done.output
        assert f"wrote {out}; at 2026-03-01 03:13:41 UTC, which is the time here too" in done.output
        assert intact(out)
        assert json.loads(out.read_text())["content"]["system"] == "nursery"


async def test_of_several_recordings_one_must_be_named(home: Path) -> None:
    await recorded(home)
    session = await recorded(home, "garden", "")
    assert len(tapes.tapes(Places.of({"OPSROOM_HOME": str(home)}))) == 2
    done = replay("-P", "attic", "--at", at(session), "--export", home / "x.json")
    assert done.exit_code == 2
    assert "there is no profile named attic" in done.output
    assert "recordings: nursery test, nursery test" in done.output


async def test_a_span_and_a_file_elsewhere(home: Path, tmp_path: Path) -> None:
    session = await recorded(home)
    copied = tmp_path / "copied.db"
    copied.write_bytes(session.path.read_bytes())
    out = tmp_path / "span.json"
    done = replay("--file", copied, "--at", at(session, 30), "--span", "20s", "--export", out)
    assert done.exit_code == 0, done.output
    assert len(json.loads(out.read_text())["content"]["readings"]) == 11
    again = replay("--file", copied, "--at", at(session), "--export", out)
    assert again.exit_code == 2
    assert f"{out} can't be written: file exists" in again.output


def test_a_picture_is_drawn_by_the_real_application_without_a_terminal(home: Path, tmp_path: Path) -> None:
    session = asyncio.run(recorded(home))
    out = tmp_path / "seen.svg"
    done = subprocess.run(
        [sys.executable, "-m", "tui", "replay", "--file", str(session.path), "--at", at(session), "--export", str(out),
         "--size", "90x20"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    drawn = out.read_text().replace("&#160;", " ")
    assert "REPLAY 2026-03-01 03:13:41 UTC" in drawn
    assert "NOT KNOWN HERE" in drawn  # the kind is known to tests alone


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "soon"), "that is no moment"),
        (("--at", "03:12", "--span", "long"), "that is no length of time"),
        (("--at", "03:12", "--export", "x.png"), "must end in .svg or .json"),
        (("--file", "/nothing/here.db", "--export", "x.json"), "here.db can't be read: there is no such file"),
        ((), "recordings: none"),
    ],
)
def test_what_cannot_be_is_refused_in_words(home: Path, words: tuple[Any, ...], said: str) -> None:
    done = replay(*words)
    assert done.exit_code == 2
    assert said in done.output


async def test_info_tells_where_the_black_box_is_how_large_and_of_which_time(home: Path) -> None:
    assert "none yet" in CliRunner().invoke(main, ["info"]).output
    session = await recorded(home)
    said = CliRunner().invoke(main, ["info"]).output
    assert str(session.path) in said
    assert "1 target, 2026-03-01 03:12 to 2026-03-01 03:13 UTC" in said
    session.path.write_bytes(b"rubbish " * 1000)
    assert "not a database" in CliRunner().invoke(main, ["info"]).output
