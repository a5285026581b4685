"""A bundle of evidence: private files with their hashes, what is missing named, and a disk that is never filled."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from desk.incident.bundle import SPARE, Bundle, BundleError

AT = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)


def text(*lines: str) -> Iterator[bytes]:
    yield from (f"{one}\n".encode() for one in lines)


def kept(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_every_file_is_private_and_stands_with_its_hash_its_age_and_what_it_is(tmp_path: Path) -> None:
    os.umask(0o000)
    try:
        bundle = Bundle(tmp_path / "evidence", spare=0)
        assert bundle.put("state-main.json", "main: the last reading", text("{}"), AT, 4.2)
        assert bundle.put("main/log of ../../etc.txt", "main: its log", text("one", "two"), AT)
        bundle.miss("web: its log", "connection refused")
        made = bundle.close({"incident": "x1"})
    finally:
        os.umask(0o022)
    folder = tmp_path / "evidence"
    assert kept(folder) == ["SHA256SUMS", "main_log_of_.._.._etc.txt", "manifest.json", "state-main.json"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["incident"] == "x1"
    assert [(one["what"], one["seconds_old"], one["bytes"]) for one in manifest["files"]] == [
        ("main: the last reading", 4.2, 3),
        ("main: its log", None, 8),
    ]
    assert manifest["not_gathered"] == [{"what": "web: its log", "why": "connection refused"}]
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 0
    sums = (folder / "SHA256SUMS").read_bytes()
    assert (
        subprocess.run(["sha256sum"], input=sums, capture_output=True, check=True).stdout[:64].decode() == made.sha256
    )
    (folder / "state-main.json").write_bytes(b"{ }")
    assert subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 1


def test_two_things_of_one_name_are_two_files_and_none_takes_the_manifests_name(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "it", spare=0)
    for name in ("a.txt", "a.txt", "A.txt", "manifest.json", "..."):
        assert bundle.put(name, name, text("x"), AT)
    bundle.close({})
    assert kept(tmp_path / "it") == [
        "A-3.txt",
        "SHA256SUMS",
        "a-2.txt",
        "a.txt",
        "file",
        "manifest-2.json",
        "manifest.json",
    ]


def test_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "mine").write_text("mine")
    with pytest.raises(BundleError, match="there is a it already"):
        Bundle(tmp_path / "it", spare=0)
    assert kept(tmp_path / "it") == ["mine"]
    with pytest.raises(BundleError, match="no such file"):
        Bundle(tmp_path / "nowhere" / "it", spare=0)


def test_where_little_is_free_no_bundle_is_begun(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="must stay free"):
        Bundle(tmp_path / "it", spare=shutil.disk_usage(tmp_path).total)
    assert kept(tmp_path) == []


def test_a_disk_that_fills_up_ends_what_is_written_and_the_manifest_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, free = Bundle(tmp_path / "it"), [2 * SPARE]
    monkeypatch.setattr("desk.incident.bundle.shutil.disk_usage", lambda path: SimpleNamespace(free=free[0]))

    def filling() -> Iterator[bytes]:
        yield b"x" * (1 << 20)
        free[0] = SPARE - 1
        yield b"y" * (1 << 20)

    assert not bundle.put("log.txt", "the log", filling(), AT)
    assert not bundle.take("tape.db", "the black box", 1, lambda path: None, AT)
    free[0] = 2 * SPARE
    assert bundle.put("part.txt", "the log, in part", filling(), AT, part=True)
    made = bundle.close({})
    assert [(one.about, "MiB left" in one.why) for one in made.missed] == [
        ("the log", True),
        ("the black box", True),
    ]
    assert [(one.name, one.size) for one in made.held] == [("part.txt", 1 << 20)]
    assert made.held[0].about == "the log, in part, kept in part: the disk has only 256 MiB left"
    assert kept(tmp_path / "it") == ["SHA256SUMS", "manifest.json", "part.txt"]


def test_a_write_that_fails_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise OSError(errno.ENOSPC, "No space left on device")

    bundle = Bundle(tmp_path / "it", spare=0)
    assert not bundle.put("log.txt", "the log", failing(), AT)
    with pytest.raises(ZeroDivisionError):
        bundle.put("bug.txt", "a bug", (b"%d" % (1 // 0) for _ in "x"), AT)
    made = bundle.close({})
    assert [(one.about, one.why) for one in made.missed] == [("the log", "no space left on device")]
    assert kept(tmp_path / "it") == ["SHA256SUMS", "manifest.json"]


def test_what_is_too_large_is_left_out_whole_or_kept_in_part_as_was_asked(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "it", spare=0, most=10, whole=15)
    assert not bundle.put("state.json", "the state", text("123456", "123456"), AT)
    assert bundle.put("log.txt", "the log", text("123456", "123456"), AT, part=True)
    assert not bundle.put("rest.json", "the rest", text("12345678"), AT)
    assert not bundle.take("tape.db", "the black box", 9, lambda path: None, AT)
    made = bundle.close({})
    assert [(one.name, one.size) for one in made.held] == [("log.txt", 7)]
    assert made.held[0].about == "the log, kept in part: it has more than 10 B"
    assert [one.why for one in made.missed] == [
        "it has more than 10 B",
        "the bundle is as large as one may be",
        "it has 9 B, and the bundle would be too large",
    ]
