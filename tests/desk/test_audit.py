"""The audit: every record is kept whole before anything goes on, by one sink at least, and holds no secret."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import mul
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.audit import Code, Record, Trail, Unrecorded, chronicle
from desk.audit.record import START, Broken, canonical, digest, parse
from desk.audit.sinks import LastResort
from desk.audit.trail import PATIENCE
from desk.ids import new_id
from tests.desk.trails import AT, Disk, Log, Stuck, codes, dead, intent, note, open_acts, session, trail
from tests.toys import StillClock

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.builds(
    Record,
    writer=st.uuids().map(str),
    seq=st.integers(0, 10**9),
    at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),
    code=st.sampled_from(Code),
    data=st.dictionaries(st.text(), JSON, max_size=4),
    before=st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "log")
    yield made
    made.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def there(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


# One record


@given(RECORDS)
def test_every_record_read_back_is_what_was_written(record: Record) -> None:
    back = parse(record.line)
    assert back.fields == record.fields
    assert (back.hash, back.line) == (record.hash, record.line)


@given(RECORDS, st.data())
def test_any_changed_byte_of_a_record_is_found(record: Record, data: st.DataObject) -> None:
    line = bytearray(record.line)
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Broken):
        parse(bytes(line))


@given(RECORDS, st.data())
def test_any_cut_of_a_record_is_found(record: Record, data: st.DataObject) -> None:
    with pytest.raises(Broken):
        parse(record.line[: data.draw(st.integers(0, len(record.line) - 1))])


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_there_is_one_way_to_write_fields_down(fields: dict[str, Any]) -> None:
    turned = dict(reversed(list(fields.items())))
    assert canonical(turned) == canonical(fields)
    assert canonical(fields).isascii()
    assert b"\n" not in canonical(fields)
    assert json.loads(canonical(fields)) == fields


@given(RECORDS, RECORDS)
def test_different_records_have_different_hashes(one: Record, other: Record) -> None:
    assert (one.hash == other.hash) == (canonical(one.fields) == canonical(other.fields))


@pytest.mark.parametrize(
    "change",
    [
        {"data": ["no", "table"]},
        {"data": None},
        {"at": "2026-03-01T03:12:41"},
        {"at": "noon"},
        {"code": "act.imagined"},
    ],
)
def test_a_rightly_hashed_record_of_no_kind_we_know_is_refused(change: dict[str, Any]) -> None:
    fields = Record(new_id(), 0, AT, Code.ARMED, {}, START).fields | change
    with pytest.raises(Broken, match="of a kind we don't know"):
        parse(canonical(fields | {"hash": digest(fields)}) + b"\n")


# Two sinks


async def test_a_session_that_never_acts_writes_nothing(tmp_path: Path, log: Log) -> None:
    one = trail(tmp_path / "audit", log)
    await one.close()
    assert not (tmp_path / "audit").exists()
    assert log.lines() == []


async def test_both_sinks_hold_the_same_records(tmp_path: Path, log: Log) -> None:
    path = await session(tmp_path / "audit", log=log)
    in_file = path.read_text().splitlines()
    assert [line[line.index("{") :] for line in log.lines()] == in_file
    assert codes(tmp_path / "audit") == ["session.opened", "arm.granted", "session.closed"]
    assert chronicle.read(tmp_path / "audit").problems == ()
    assert chronicle.missing(chronicle.read(tmp_path / "audit"), log.lines()) == []


async def test_notes_made_at_once_are_chained_in_turn(tmp_path: Path) -> None:
    one = trail(tmp_path)
    kept = await asyncio.gather(*(one.note(Code.SENT, {"act": str(number)}) for number in range(50)))
    assert [record.data["act"] for record in kept] == [str(number) for number in range(50)]
    assert len(chronicle.read(tmp_path).records()) == 51
    assert chronicle.read(tmp_path).problems == ()
    await one.close()


async def test_what_a_full_disk_does_not_take_the_log_takes_and_the_file_says_so(
    tmp_path: Path, log: Log, disk: Disk
) -> None:
    folder = tmp_path / "audit"
    one = trail(folder, log)
    await one.note(Code.ARMED, {})
    disk.fails = lambda: True
    lost = [await one.note(*intent("a")), await one.note(*note(Code.SENT, "a"))]
    assert one.failing == {"the audit file": "no space left on device"}
    disk.fails = lambda: False
    await one.note(*note(Code.DONE, "a"))
    assert not one.failing
    await one.close()
    whole = chronicle.read(folder)
    assert whole.problems == ()
    assert any("went to the system's log only" in str(found) for found in whole.notes)
    assert codes(folder) == ["session.opened", "arm.granted", "act.done", "session.closed"]
    assert chronicle.missing(whole, log.lines()) == [record.hash for record in lost]
    assert log.codes()[2:4] == ["act.intent", "act.sent"]


async def test_a_log_that_comes_back_is_told_what_it_missed(tmp_path: Path, log: Log) -> None:
    one = trail(tmp_path / "audit", log)
    hidden = log.path.with_name("hidden")
    await one.note(Code.ARMED, {})
    log.path.rename(hidden)
    await one.note(*intent("a"))
    assert list(one.failing) == ["the system's log"]
    hidden.rename(log.path)
    await one.note(*note(Code.SENT, "a"))
    await one.close()
    assert log.codes() == ["session.opened", "arm.granted", "trail.missed", "act.sent", "session.closed"]
    assert chronicle.read(tmp_path / "audit").problems == ()
    assert chronicle.missing(chronicle.read(tmp_path / "audit"), log.lines()) == []


async def test_when_no_sink_takes_it_that_is_raised_and_no_number_is_lost(tmp_path: Path, disk: Disk) -> None:
    one = trail(tmp_path)
    await one.note(Code.ARMED, {})
    disk.number, disk.fails = errno.EIO, lambda: True
    with pytest.raises(Unrecorded, match=r"input/output error"):
        await one.note(*intent("a"))
    disk.fails = lambda: False
    kept = await one.note(*intent("b"))
    assert kept.seq == 2
    await one.close()
    assert chronicle.read(tmp_path).problems == ()
    assert codes(tmp_path) == ["session.opened", "arm.granted", "act.intent", "session.closed"]


async def test_with_the_glass_broken_what_no_sink_takes_goes_to_standard_error_and_the_gap_is_marked(
    tmp_path: Path, disk: Disk
) -> None:
    folder, out = tmp_path / "audit", tmp_path / "stderr"
    with out.open("wb") as stderr:
        last = LastResort("the disk is full, and it must be emptied", at_once=False, out=stderr.fileno())
        one = trail(folder, last=last)
        await one.note(Code.ARMED, {})
        assert not last.took
        disk.fails = lambda: True
        lost = [await one.note(*intent("a")), await one.note(*note(Code.DONE, "a"))]
        assert last.took
        assert out.read_bytes() == b"", "the screen has the terminal"
        disk.fails = lambda: False
        await one.note(*intent("b"))
        await one.close()
        last.speak()
    told = [parse(line) for line in out.read_bytes().splitlines(keepends=True)]
    assert [one.code for one in told] == [Code.MISSED, Code.INTENT, Code.DONE]
    assert [one.hash for one in told[1:]] == [one.hash for one in lost]
    whole = chronicle.read(folder)
    assert whole.problems == ()
    assert any("went to standard error or the system's log only" in str(found) for found in whole.notes)
    assert codes(folder) == ["session.opened", "arm.granted", "act.intent", "session.closed"]
    assert whole.records()[0].data["break_glass"] == "the disk is full, and it must be emptied"


async def test_without_breaking_the_glass_it_is_said_how_that_is_done(tmp_path: Path, disk: Disk) -> None:
    disk.fails = lambda: True
    with pytest.raises(Unrecorded, match="--break-glass REASON"):
        await trail(tmp_path).note(*intent("a"))


async def test_half_a_record_that_can_not_be_taken_back_at_once_is_taken_back_later(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = trail(tmp_path)
    await one.note(Code.ARMED, {})
    cut, real = [True], os.ftruncate

    def ftruncate(file: int, length: int) -> None:
        if cut[0]:
            raise OSError(errno.EIO, "no")
        real(file, length)

    monkeypatch.setattr(os, "ftruncate", ftruncate)
    disk.fails = lambda: cut[0]
    for act in "ab":
        with pytest.raises(Unrecorded):
            await one.note(*intent(act))
    cut[0] = False
    await one.note(*intent("c"))
    await one.close()
    assert chronicle.read(tmp_path).problems == ()
    assert open_acts(tmp_path) == ["c"]


async def test_a_file_whose_folder_can_not_be_kept_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, real = [True], os.fsync

    def fsync(file: int) -> None:
        if failing[0]:
            raise OSError(errno.EIO, "no")
        real(file)

    folder = tmp_path / "audit"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "fsync", fsync)
    one = trail(folder)
    with pytest.raises(Unrecorded):
        await one.note(Code.ARMED, {})
    assert list(folder.glob("*.jsonl")) == []
    failing[0] = False
    await one.note(Code.ARMED, {})
    await one.close()
    assert codes(folder) == ["session.opened", "arm.granted", "session.closed"]


async def test_the_reserve_is_given_to_a_full_disk_once(tmp_path: Path, disk: Disk) -> None:
    one = trail(tmp_path)
    await one.note(Code.ARMED, {})
    reserve = tmp_path / "reserve"
    assert reserve.stat().st_size == 256 << 10
    disk.fails = reserve.exists
    await one.note(*intent("a"))
    assert not reserve.exists()
    disk.fails = lambda: True
    with pytest.raises(Unrecorded, match="no space left"):
        await one.note(*intent("b"))
    disk.fails = lambda: False
    await one.close()
    assert chronicle.read(tmp_path).problems == ()


async def test_a_first_record_does_not_take_back_the_reserve_it_was_given(tmp_path: Path, disk: Disk) -> None:
    await session(tmp_path)
    disk.fails = (tmp_path / "reserve").exists
    await session(tmp_path)
    assert not (tmp_path / "reserve").exists()
    disk.fails = lambda: False
    await session(tmp_path)
    assert (tmp_path / "reserve").exists(), "a disk with room again keeps one again"


async def test_what_json_can_not_hold_is_not_recorded_and_that_is_raised(tmp_path: Path) -> None:
    one = trail(tmp_path)
    for wrong in (float("nan"), object()):
        with pytest.raises(Unrecorded, match="can't be written down"):
            await one.note(Code.ARMED, {"minutes": wrong})
    await one.close()


# A disk that does not answer


async def test_a_disk_that_hangs_is_given_up_on_in_time_and_the_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < PATIENCE <= 10
    monkeypatch.setattr("desk.audit.trail.PATIENCE", 2.0)
    stuck = Stuck()
    one = trail(tmp_path, sinks=(stuck,))
    beats = 0
    async with asyncio.timeout(10):
        noting = asyncio.create_task(one.note(*intent("a")))
        while not noting.done():
            beats += 1
            await asyncio.sleep(0.005)
    assert beats > 5
    with pytest.raises(Unrecorded, match="took longer than"):
        noting.result()
    before = asyncio.get_running_loop().time()
    with pytest.raises(Unrecorded, match="did not answer"):
        await one.note(*intent("b"))
    assert asyncio.get_running_loop().time() - before < 2
    stuck.go.set()
    await one.close()


async def test_a_note_whose_caller_is_cut_does_not_cost_the_next_one(tmp_path: Path) -> None:
    stuck = Stuck()
    one = trail(tmp_path, sinks=(stuck,))
    cut = asyncio.create_task(one.note(*note(Code.SENT, "a")))
    while not stuck.entered.is_set():
        await asyncio.sleep(0)
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut
    following = asyncio.create_task(one.note(*note(Code.UNKNOWN, "a")))
    await asyncio.sleep(0)
    stuck.go.set()
    async with asyncio.timeout(10):
        await following
    assert [record.code for record in stuck.kept] == [Code.SESSION_OPENED, Code.SENT, Code.UNKNOWN]
    assert [record.before for record in stuck.kept] == [START, stuck.kept[0].hash, stuck.kept[1].hash]
    await one.close()


# Whose files they are


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
async def test_files_are_ours_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = await session(tmp_path / "state" / "opsroom" / "audit")
    finally:
        os.umask(before)
    modes = {one.name: one.stat().st_mode & 0o777 for one in there(tmp_path)}
    assert modes == {"state": 0o700, "opsroom": 0o700, "audit": 0o700, "reserve": 0o600, path.name: 0o600}


async def test_a_folder_that_is_not_ours_alone_gets_no_record(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    link, shared = tmp_path / "link", tmp_path / "shared"
    link.symlink_to(real)
    shared.mkdir()
    shared.chmod(0o770)
    for folder in (link, shared):
        one = trail(folder)
        with pytest.raises(Unrecorded):
            await one.note(Code.ARMED, {})
        await one.close()
    assert list(real.iterdir()) == list(shared.iterdir()) == []


async def test_a_reserve_with_a_second_name_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = tmp_path / "audit"
    folder.mkdir(mode=0o700)
    (folder / "reserve").hardlink_to(precious)
    await session(folder)
    assert precious.read_text() == "mine"


# What is in them


async def test_secrets_are_taken_out_of_every_text(tmp_path: Path) -> None:
    one = trail(tmp_path, redact=lambda text: text.replace("canary", "•••"))
    one.about = {"url": "toy://canary@here"}
    await one.note(Code.INTENT, {"command": ["toy -p canary"], "subject": {"identity": [["key", "canary"]]}})
    await one.close()
    text = (tmp_path / f"{one._writer}.jsonl").read_text()
    assert "canary" not in text
    assert text.count("\\u2022\\u2022\\u2022") == 3


@given(st.dictionaries(st.text(max_size=5), st.builds(mul, st.characters(), st.integers(3000, 9000)), max_size=30))
def test_long_texts_are_cut_until_a_record_is_short_enough(data: dict[str, str]) -> None:
    cleaned = Trail(Path("nowhere"), dead(), StillClock(), {})._clean(data)
    assert len(canonical(cleaned)) <= 32 << 10
    assert list(cleaned) == list(data)
    for name, text in cleaned.items():
        assert data[name] == text or data[name].startswith(text.removesuffix("…"))
