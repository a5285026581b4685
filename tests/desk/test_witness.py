"""The audit's files held against what a shared store has seen of them: every way to hide a record is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from desk.actor import who
from desk.audit import Code, Trail, chronicle
from desk.clock import SystemClock
from desk.shared.audit import Witnessed
from desk.shared.witness import Comparison, compared

ABOUT = {"system": "shop", "environment": "production"}


async def acted(folder: Path, reason: str = "it is stuck", about: dict[str, str] | None = None) -> None:
    """A session that did something."""
    trail = Trail(folder, who({}), SystemClock(), ABOUT if about is None else about)
    trail._chain._sinks = trail._chain._sinks[:1]
    await trail.note(Code.INTENT, {"act": "1", "action": "restart", "target": "web", "reason": reason})
    await trail.note(Code.DONE, {"act": "1"})
    await trail.close()


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await acted(tmp_path / "audit")
    return tmp_path / "audit"


def seen(folder: Path, by: str = "ada") -> list[Witnessed]:
    """What a store has that was carried to until now."""
    return [Witnessed(record, by) for record in chronicle.read(folder).records()]


def held(folder: Path, there: list[Witnessed], host: str = os.uname().nodename, uid: int | None = None) -> Comparison:
    return compared(chronicle.read(folder), there, host, os.getuid() if uid is None else uid, ABOUT)


def the_file(folder: Path) -> Path:
    (found,) = folder.glob("*.jsonl")
    return found


async def test_what_both_have_is_well(folder: Path) -> None:
    found = held(folder, seen(folder))
    assert (found.problems, found.notes, found.matched, found.elsewhere) == ([], [], 4, 0)


def _cut_off(lines: list[bytes]) -> list[bytes]:
    return lines[:2]


def _all_but_the_beginning(lines: list[bytes]) -> list[bytes]:
    return lines[:1]


def _changed(lines: list[bytes]) -> list[bytes]:
    return [line.replace(b"it is stuck", b"he said so ") for line in lines]


@pytest.mark.parametrize(("forge", "lost"), [(_cut_off, [2, 3]), (_all_but_the_beginning, [1, 2, 3]), (_changed, [1])])
async def test_a_record_that_was_taken_out_of_a_file_is_named(
    folder: Path, forge: Callable[[list[bytes]], list[bytes]], lost: list[int]
) -> None:
    there = seen(folder)
    path = the_file(folder)
    path.write_bytes(b"".join(forge(path.read_bytes().splitlines(keepends=True))))
    said = [str(one) for one in held(folder, there).problems]
    assert [int(one.split("record ")[1].split()[0]) for one in said] == lost
    assert all(one.startswith(f"{path.name}: ") and "which ada brought to the store" in one for one in said)
    if 1 in lost:
        assert "(act.intent, " in said[0]
        assert "restart, web, it is stuck)" in said[0]


async def test_a_story_that_was_written_anew_as_a_whole_is_found(folder: Path, tmp_path: Path) -> None:
    """By itself it is whole: every hash is right."""
    there = seen(folder)
    path = the_file(folder)
    await acted(tmp_path / "other", "he said so")
    records = chronicle.read(tmp_path / "other").records()
    before, lines = "0" * 64, []
    for record in records:
        forged = replace(record, writer=path.stem, before=before, read="")
        before = forged.hash
        lines.append(forged.line)
    path.write_bytes(b"".join(lines))
    assert not chronicle.read(folder).problems
    said = [str(one) for one in held(folder, there).problems]
    assert len(said) == 4
    assert all("stands there otherwise" in one for one in said)


async def test_a_file_that_is_gone_is_missed_where_it_was_written_and_nowhere_else(folder: Path) -> None:
    there = seen(folder)
    the_file(folder).unlink()
    (said,) = held(folder, there).problems
    assert "the file is gone; the store has 4 records" in str(said)
    for elsewhere in (held(folder, there, host="another"), held(folder, there, uid=41_000)):
        assert (elsewhere.problems, elsewhere.elsewhere) == ([], 4)


async def test_what_never_came_to_the_store_is_said_and_is_no_damage(folder: Path) -> None:
    there = seen(folder)
    found = held(folder, there[:2])
    assert (found.problems, [str(one).partition(": ")[2] for one in found.notes]) == (
        [],
        ["the store has not got 2 records of it, from 2 on"],
    )
    (note,) = held(folder, []).notes
    assert "it never saw this session" in str(note)


async def test_sessions_on_another_system_are_not_expected_in_the_store(folder: Path) -> None:
    there = seen(folder)
    await acted(folder, about={"system": "bank", "environment": "production"})
    assert held(folder, there).notes == []


async def test_a_record_that_another_login_brought_under_our_name_accuses_nobody(folder: Path) -> None:
    there = seen(folder)
    last = there[-1].record
    forged = replace(
        last, seq=last.seq + 1, before=last.hash, code=Code.INTENT, data={"action": "\x1b[2Jpurge"}, read=""
    )
    found = held(folder, [*there, Witnessed(forged, "eve")])
    assert found.problems == []
    (note,) = found.notes
    assert "which eve brought to the store, is not there; ada brought the others: it may be forged" in str(note)
    assert "\x1b" not in str(note)
