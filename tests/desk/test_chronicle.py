"""The audit read back: what was touched is found, where it was touched, and no act without a known end is forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from desk.actor import this_process, who
from desk.audit import Code, Record, chronicle
from desk.audit.record import START, parse
from desk.ids import new_id
from tests.desk.trails import AT, Disk, Log, codes, dead, intent, note, open_acts, session, trail


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "log")
    yield made
    made.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


# Reading it back


async def test_no_folder_is_an_empty_chronicle(tmp_path: Path) -> None:
    whole = chronicle.read(tmp_path / "nothing")
    assert (whole.chapters, whole.problems, whole.notes) == ((), (), ())


async def test_a_torn_last_line_is_no_damage_but_is_said(tmp_path: Path) -> None:
    path = await session(tmp_path, intent("a"), ended=False)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) - 100):
        path.write_bytes(whole[:length])
        found = chronicle.read(tmp_path)
        assert found.problems == ()
        assert [one.line for one in found.notes] == [2, 0]
        assert codes(tmp_path) == ["session.opened"]
    path.write_bytes(b"")
    assert chronicle.read(tmp_path).problems == ()
    assert [one.line for one in chronicle.read(tmp_path).notes] == [0]


@pytest.mark.parametrize("added", [b" ", b"\0" * 9, b"{", b'{"at":"2026', b"torn"])
@pytest.mark.parametrize("ended", [True, False])
async def test_what_is_added_at_the_end_is_found_unless_it_could_be_a_torn_line(
    tmp_path: Path, added: bytes, ended: bool
) -> None:
    path = await session(tmp_path, ended=ended)
    path.write_bytes(path.read_bytes() + added)
    torn = not ended and added.startswith(b"{")
    assert bool(chronicle.read(tmp_path).problems) == (not torn)


async def test_every_changed_byte_of_a_file_is_found(tmp_path: Path) -> None:
    path = await session(tmp_path, intent("a"), note(Code.SENT, "a"))
    whole = path.read_bytes()
    for place in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert chronicle.read(tmp_path).problems, f"byte {place}"
    path.write_bytes(whole[:-1] + b"x")
    (found,) = [one for one in chronicle.read(tmp_path).notes if one.line]
    assert found.line == 4, "without its end the last line looks torn"


async def test_lines_deleted_doubled_swapped_or_added_are_found_where_it_happened(tmp_path: Path) -> None:
    path = await session(tmp_path, intent("a"), note(Code.SENT, "a"), note(Code.DONE, "a"))
    lines = path.read_bytes().splitlines(keepends=True)
    for changed, line in (
        (lines[:2] + lines[3:], 3),
        (lines[:3] + lines[2:], 4),
        ([lines[0], lines[2], lines[1], *lines[3:]], 2),
        ([*lines[:2], b"{}\n", *lines[2:]], 3),
        ([lines[1], *lines[1:]], 1),
    ):
        path.write_bytes(b"".join(changed))
        assert chronicle.read(tmp_path).problems[0].line == line


async def test_a_record_added_rightly_after_the_last_word_is_found(tmp_path: Path) -> None:
    path = await session(tmp_path)
    last = parse(path.read_bytes().splitlines(keepends=True)[-1])
    added = Record(last.writer, last.seq + 1, AT, Code.SETTLED, {"act": "a"}, last.hash)
    with path.open("ab") as file:
        file.write(added.line)
    (problem,) = chronicle.read(tmp_path).problems
    assert str(problem) == f"{path.name}:4: it was added after the last word"


async def test_another_writers_record_is_found(tmp_path: Path) -> None:
    path = await session(tmp_path)
    path.rename(path.with_name(f"{new_id()}.jsonl"))
    assert "another writer's" in str(chronicle.read(tmp_path).problems[0])


async def test_a_file_that_can_not_be_read_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await session(tmp_path, intent("a"), ended=False)
    (tmp_path / "0.jsonl").mkdir()
    (tmp_path / "1.jsonl").symlink_to(path)
    os.mkfifo(tmp_path / "2.jsonl")
    (tmp_path / "3.jsonl").write_bytes(bytes(100_000))
    monkeypatch.setattr(chronicle, "LARGEST", 50_000)
    found = chronicle.read(tmp_path)
    assert {problem.file for problem in found.problems} == {"0.jsonl", "1.jsonl", "3.jsonl"}
    assert [one.act for one in found.unfinished()] == ["a"]
    assert list(chronicle.heads(tmp_path)) == [path.stem]


async def bridged(folder: Path, log: Log, disk: Disk) -> Path:
    """A file that missed two records; at the first try to go on only the note of it fitted."""
    one = trail(folder, log)
    await one.note(Code.ARMED, {})
    disk.fails = lambda: True
    await one.note(*intent("a"))
    fits = iter([False, True])
    disk.fails = lambda: next(fits, False)
    await one.note(*note(Code.SENT, "a"))
    await one.note(*note(Code.DONE, "a"))
    await one.close()
    return folder / f"{one._writer}.jsonl"


async def test_notes_of_missing_records_are_chained_to_each_other(tmp_path: Path, log: Log, disk: Disk) -> None:
    path = await bridged(tmp_path / "audit", log, disk)
    records = [parse(line) for line in path.read_bytes().splitlines(keepends=True)]
    assert [record.code.value for record in records][2:] == ["trail.missed"] * 2 + ["act.done", "session.closed"]
    assert records[3].before == records[2].hash
    assert chronicle.read(tmp_path / "audit").problems == ()


async def test_a_note_of_missing_records_that_was_changed_is_found(tmp_path: Path, log: Log, disk: Disk) -> None:
    path = await bridged(tmp_path / "audit", log, disk)
    lines = path.read_bytes().splitlines(keepends=True)
    for place in (2, 3):
        told = parse(lines[place])
        for wrong in (
            replace(told, at=AT, read=""),
            replace(told, seq=told.seq - 1, read=""),
            replace(told, data={**told.data, "next": 9}, read=""),
            replace(told, data={**told.data, "process": None}, read=""),
            replace(told, data={**told.data, "words": "all is well"}, read=""),
        ):
            path.write_bytes(b"".join([*lines[:place], wrong.line, *lines[place + 1 :]]))
            assert chronicle.read(tmp_path / "audit").problems, f"{place}: {wrong}"
        path.write_bytes(b"".join([*lines[:place], *lines[place + 1 :]]))
        assert chronicle.read(tmp_path / "audit").problems


# Whole files


def rewritten(path: Path) -> None:
    """The owner's forgery: everything anew, with right hashes."""
    before, lines = START, []
    for line in path.read_bytes().splitlines(keepends=True):
        old = parse(line)
        data = {**old.data, "reason": "another one"} if old.code is Code.ARMED else old.data
        new = Record(old.writer, old.seq, old.at, old.code, data, before)
        lines.append(new.line)
        before = new.hash
    path.write_bytes(b"".join(lines))


def cut_by_one(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


FORGERIES = pytest.mark.parametrize("forge", [rewritten, cut_by_one, Path.unlink])


@FORGERIES
async def test_the_next_writers_first_record_tells_of_a_forged_file(
    tmp_path: Path, forge: Callable[[Path], None]
) -> None:
    first = await session(tmp_path)
    second = await session(tmp_path)
    assert chronicle.read(tmp_path).problems == ()
    forge(first)
    (problem,) = chronicle.read(tmp_path).problems
    assert problem.file == first.name
    assert second.name in str(problem)


@FORGERIES
async def test_a_witness_tells_of_the_newest_forged_file(
    tmp_path: Path, log: Log, forge: Callable[[Path], None]
) -> None:
    folder = tmp_path / "audit"
    path = await session(folder, log=log)
    head = parse(path.read_bytes().splitlines(keepends=True)[-1]).hash
    witness = [*log.lines(), "kernel: something else {}", f"{head}\n"]
    assert chronicle.missing(chronicle.read(folder), witness) == []
    forge(path)
    assert chronicle.read(folder).problems == ()
    assert head in chronicle.missing(chronicle.read(folder), witness)
    assert chronicle.missing(chronicle.read(folder), [f" {head}\n"]) == [head]


async def test_first_records_that_lie_about_heads_and_processes_are_read_all_the_same(tmp_path: Path) -> None:
    lies: tuple[Any, ...] = ({"x": 1}, {"x": [1]}, [], "heads", {"x": [[], {}]}, None)
    for lie in lies:
        for process in ({"pid": 10**40, "started": "", "boot": ""}, {"pid": "x"}, 7, None):
            writer = new_id()
            data = {"heads": lie, "process": process}
            one = Record(writer, 0, AT, Code.SESSION_OPENED, data, START)
            two = Record(writer, 1, AT, Code.VERDICT, {"act": [], "truth": []}, one.hash)
            (tmp_path / f"{writer}.jsonl").write_bytes(one.line + two.line)
    found = chronicle.read(tmp_path)
    assert {problem.file for problem in found.problems} == {"x.jsonl"}
    assert found.unfinished() == []


# Acts without a known end


async def test_an_act_without_an_outcome_is_listed_with_how_far_it_got(tmp_path: Path) -> None:
    notes = (intent("a"), intent("b"), note(Code.SENT, "b"), intent("c"), note(Code.DONE, "c"))
    await session(tmp_path, *notes, ended=False)
    found = chronicle.read(tmp_path).unfinished()
    assert [(one.act, one.sent, one.outcome) for one in found] == [("a", False, None), ("b", True, None)]


async def test_the_acts_of_a_process_that_runs_are_its_own(tmp_path: Path) -> None:
    await session(tmp_path, intent("a"), ended=False, actor=who({}))
    await session(tmp_path, intent("b"), ended=False, actor=dead())
    assert open_acts(tmp_path) == ["b"]
    elsewhere = replace(who({}), process=replace(this_process(), boot="another boot"))
    await session(tmp_path, intent("c"), ended=False, actor=elsewhere)
    assert sorted(open_acts(tmp_path)) == ["b", "c"]


async def test_a_running_process_is_known_although_its_first_record_is_missing(
    tmp_path: Path, log: Log, disk: Disk
) -> None:
    one = trail(tmp_path / "audit", log, actor=who({}))
    disk.fails = lambda: True
    await one.note(Code.ARMED, {})
    disk.fails = lambda: False
    await one.note(*intent("a"))
    assert codes(tmp_path / "audit") == ["act.intent"]
    assert open_acts(tmp_path / "audit") == []
    await one.close()


async def test_an_act_is_listed_although_the_file_missed_its_intent(tmp_path: Path, log: Log, disk: Disk) -> None:
    one = trail(tmp_path / "audit", log)
    await one.note(Code.ARMED, {})
    disk.fails = lambda: True
    await one.note(*intent("a"))
    disk.fails = lambda: False
    await one.note(*note(Code.SENT, "a"))
    (found,) = chronicle.read(tmp_path / "audit").unfinished()
    assert (found.act, found.sent) == ("a", True)
    await one.close()


@pytest.mark.parametrize(
    ("outcome", "truth", "listed"),
    [
        (Code.UNKNOWN, None, True),
        (Code.UNKNOWN, "UNKNOWN", True),
        (Code.UNKNOWN, "PENDING", True),
        (Code.UNKNOWN, "CONFIRMED", False),
        (Code.UNKNOWN, "REFUTED", False),
        (Code.DONE, None, False),
        (Code.FAILED, None, False),
        (Code.REFUSED, None, False),
        (Code.PARTIAL, None, False),
    ],
)
async def test_an_unknown_outcome_stays_open_until_it_is_known(
    tmp_path: Path, outcome: Code, truth: str | None, listed: bool
) -> None:
    notes = [intent("a"), note(Code.SENT, "a"), note(outcome, "a")]
    await session(tmp_path, *notes, *([note(Code.VERDICT, "a", truth=truth)] if truth else []))
    assert open_acts(tmp_path) == (["a"] if listed else [])


async def test_a_settled_act_is_closed_for_everybody(tmp_path: Path) -> None:
    await session(tmp_path, intent("a"), intent("b"), ended=False)
    await session(tmp_path, note(Code.SETTLED, "a", note="it never left"))
    assert open_acts(tmp_path) == ["b"]
