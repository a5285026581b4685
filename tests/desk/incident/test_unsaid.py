"""What was begun and not said yet outlives the session, is one person's alone, and never makes anybody wait."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from desk.incident import unsaid
from desk.incident.unsaid import Unsaid


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk is waited for when a session ends."""
    monkeypatch.setattr(unsaid, "_ENDING", 60.0)


def until(met: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not met():
        assert time.monotonic() < end
        time.sleep(0.01)


def opened(folder: Path, who: str = "ann", mask: Callable[[str], str] = str) -> Unsaid:
    """One that has read what there was."""
    made, known = Unsaid(folder, who, mask), threading.Event()
    made.start(known.set)
    assert known.wait(60)
    return made


def test_what_was_typed_is_there_again_in_the_next_session_until_it_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "system" / "unsaid"
    first = opened(folder)
    for text in ("t", "th", "the queue grows"):
        first.put("i1", "note", text)
    first.put("i1", "message public {update}", "we are at it")
    first.close()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(one.stat().st_mode & 0o777 == 0o600 for one in folder.iterdir())
    second = opened(folder)
    assert (second.get("i1", "note"), second.get("i2", "note")) == ("the queue grows", "")
    assert second.get("i1", "message public {update}") == "we are at it"
    second.put("i1", "note", "")
    second.close()
    assert opened(folder).get("i1", "note") == ""
    assert len(list(folder.iterdir())) == 1


def test_a_session_that_is_killed_loses_no_more_than_its_last_moment(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.put("i1", "note", "the queue grows")
    until(lambda: opened(tmp_path).get("i1", "note") == "the queue grows")


def test_another_person_of_the_same_machine_is_not_shown_it(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.put("i1", "note", "the queue grows")
    first.close()
    assert opened(tmp_path, "bob").get("i1", "note") == ""


def test_a_secret_is_not_kept(tmp_path: Path) -> None:
    first = opened(tmp_path, mask=lambda text: text.replace("hunter2", "***"))
    first.put("i1", "note", "the password is hunter2")
    first.close()
    assert opened(tmp_path).get("i1", "note") == "the password is ***"
    assert all("hunter2" not in one.read_text() for one in tmp_path.iterdir())


@pytest.mark.parametrize("body", ["", "{", "[]", '{"who": "ann"}', '{"who": 1, "incident": 2, "about": 3, "text": 4}'])
def test_a_damaged_file_is_as_if_there_were_none(tmp_path: Path, body: str) -> None:
    (tmp_path / "a.json").write_text(body)
    os.mkfifo(tmp_path / "b.json")
    first = opened(tmp_path)
    first.put("i1", "note", "x")
    first.close()
    assert opened(tmp_path).get("i1", "note") == "x"


def test_where_nothing_can_be_kept_that_is_said_and_the_text_stays_in_hand(tmp_path: Path) -> None:
    (tmp_path / "unsaid").write_text("a file where a folder should be")
    first = opened(tmp_path / "unsaid")
    first.put("i1", "note", "x")
    until(lambda: bool(first.trouble))
    assert (first.get("i1", "note"), "what is typed is not kept" in first.trouble) == ("x", True)
    (tmp_path / "unsaid").unlink()
    first.put("i1", "note", "xy")
    until(lambda: not first.trouble)
    first.close()
    assert opened(tmp_path / "unsaid").get("i1", "note") == "xy"


def test_a_text_that_could_not_be_kept_is_tried_again_though_another_one_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsaid, "_AGAIN", 0.1)
    first = opened(tmp_path)
    first.put("i1", "note", "the queue")
    until(lambda: any(tmp_path.glob("*.json")))
    (path,) = tmp_path.glob("*.json")
    path.unlink()
    path.mkdir()
    first.put("i1", "note", "the queue grows")
    first.put("i2", "note", "the disk is full")
    until(lambda: len(list(tmp_path.glob("*.json"))) == 2)
    until(lambda: "what is typed is not kept" in first.trouble)
    path.rmdir()
    until(lambda: path.is_file() and not first.trouble)
    first.close()
    assert opened(tmp_path).get("i1", "note") == "the queue grows"


def test_without_a_folder_it_lasts_as_long_as_the_session() -> None:
    made = Unsaid(None, "ann")
    made.start()
    made.put("i1", "note", "x")
    assert made.get("i1", "note") == "x"
    made.close()
