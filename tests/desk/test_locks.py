"""One act at a time: a lock is held by one, says what for, and is let go when its holder ends, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.locks import FileLocks, Held

HOLD = """
import sys
from pathlib import Path
from desk.locks import FileLocks
claim = FileLocks(Path(sys.argv[1])).claim("db", "ann does restart to web")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path / "locks")


def test_a_lock_is_held_by_one_who_says_what_for(locks: FileLocks) -> None:
    with locks.claim("db", "ann does restart to web"):
        with pytest.raises(Held, match=r"^ann does restart to web$"):
            locks.claim("db", "bob does stop to web")
        locks.claim("queue", "bob does purge to mail").release()
    locks.claim("db", "bob does stop to web").release()


def test_a_lock_may_be_let_go_twice_and_then_belongs_to_the_next(locks: FileLocks) -> None:
    first = locks.claim("db", "one")
    first.release()
    second = locks.claim("db", "two")
    first.release()
    with pytest.raises(Held, match=r"^two$"):
        locks.claim("db", "three")
    second.release()


def test_the_words_of_an_earlier_holder_are_gone(locks: FileLocks) -> None:
    locks.claim("db", "a long story about what is done").release()
    with locks.claim("db", "short"), pytest.raises(Held, match=r"^short$"):
        locks.claim("db", "")


def test_a_holder_without_words_is_told_of_all_the_same(locks: FileLocks) -> None:
    with locks.claim("db", ""), pytest.raises(Held, match="somebody else is acting on it"):
        locks.claim("db", "")


@given(st.text(st.characters(), max_size=400))
def test_no_word_of_a_holder_steers_a_terminal_or_keeps_a_lock_from_working(
    tmp_path_factory: pytest.TempPathFactory, words: str
) -> None:
    locks = FileLocks(tmp_path_factory.getbasetemp() / "any-words")
    with locks.claim("db", words + "\ud800"), pytest.raises(Held) as told:
        locks.claim("db", "")
    assert str(told.value).isprintable()
    assert len(str(told.value)) <= 4 * 300
    locks.claim("db", "it was let go").release()


@given(st.lists(st.text(), min_size=2, max_size=5, unique=True))
def test_different_names_are_different_locks_whatever_is_in_them(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    locks = FileLocks(tmp_path_factory.getbasetemp() / "any-names")
    for claim in [locks.claim(name, name) for name in names]:
        claim.release()


def test_a_killed_holder_lets_go(locks: FileLocks, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "locks")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Held, match="ann does restart to web"):
            locks.claim("db", "bob")
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        locks.claim("db", "bob").release()


def test_a_lock_holds_although_a_full_disk_takes_no_words(locks: FileLocks, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with locks.claim("db", "ann"), pytest.raises(Held, match="somebody else"):
        locks.claim("db", "bob")


@pytest.mark.parametrize("wrong", ["link", "shared", "file"])
def test_where_no_safe_lock_can_be_had_that_is_raised(tmp_path: Path, wrong: str) -> None:
    place = tmp_path / "locks"
    if wrong == "link":
        (tmp_path / "real").mkdir()
        place.symlink_to(tmp_path / "real")
    elif wrong == "shared":
        place.mkdir()
        place.chmod(0o777)
    else:
        place.write_text("")
    with pytest.raises(OSError):  # noqa: PT011 - as the system says it
        FileLocks(place).claim("db", "ann")


def test_a_lock_with_a_second_name_is_refused(locks: FileLocks, tmp_path: Path) -> None:
    locks.claim("db", "ann").release()
    (path,) = (tmp_path / "locks").iterdir()
    (tmp_path / "second").hardlink_to(path)
    with pytest.raises(PermissionError):
        locks.claim("db", "ann")


def test_a_lock_leaves_no_descriptor_behind(locks: FileLocks) -> None:
    locks.claim("db", "ann").release()
    before = len(os.listdir("/dev/fd"))
    held = locks.claim("db", "ann")
    for _ in range(5):
        with pytest.raises(Held):
            locks.claim("db", "bob")
    held.release()
    assert len(os.listdir("/dev/fd")) == before
