"""Copies brought back from off this host: compared, read, never over another file; and what breaks on the way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from probes.backups import act_fetch, ledger, store
from probes.backups.act import BackupsActuator
from probes.backups.settings import Offhost
from probes.backups.store import Keys
from probes.base import Cause, Context, ProbeError, Request, Result, Target, Truth
from probes.exec import job
from tests.probes.acting import settled
from tests.probes.backupstage import Here, Stage, aged, mounted, plain
from tests.probes.test_backups_act import act_of, begun, done, staged, unkept, until
from tests.probes.test_backups_copies import KEYS, offhost, place, put
from tests.stack.aws import Cloud
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.postgres import Postgres

pytestmark = pytest.mark.engine
MIB = 1 << 20


@pytest.fixture
def bucket(moto: Cloud) -> Any:
    """An empty bucket, and a client for it."""
    moto.reset()
    client = moto.client("s3")
    client.create_bucket(Bucket="away")
    return client


@pytest.fixture
def one(postgres: Postgres, tmp_path: Path) -> Iterator[Stage]:
    """A database, and an empty folder for its backups."""
    made = staged(postgres, tmp_path)
    yield made
    made.drop()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(act_fetch, "_WAIT", 0.0)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """An empty folder for backups."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def acting(folder: Path, away: dict[str, Any], pattern: str = "shop-*") -> BackupsActuator:
    """What acts on a folder without a database."""
    from probes.backups.settings import BackupsSettings

    settings = BackupsSettings.model_validate({"folder": str(folder), "pattern": pattern, "offhost": away})
    return BackupsActuator(Target("nightly", "backups", settings), Context(Here(), state=folder.parent / "state"))


def fetch(name: str = "shop-1.dump") -> Request:
    return Request("fetch", (), word=name)


def dump(bucket: Any, folder: Path, name: str = "shop-1.sql", body: str = "SELECT 1;") -> bytes:
    """A plain dump in the bucket alone."""
    path = plain(folder, name, body)
    raw = path.read_bytes()
    path.unlink()
    bucket.put_object(Bucket="away", Key=f"db/{name}", Body=raw)
    return raw


def brought(part: Path, where: tuple[Offhost, Keys], name: str = "shop-1.dump") -> act_fetch.Brought:
    found = store.away(*where, name)
    assert found is not None
    return act_fetch.from_bucket(*where, name, found.identity, str(part), lambda share: None)


# the whole way


async def test_a_backup_is_fetched_from_the_bucket_checked_proven_and_restored(
    one: Stage, moto: Cloud, bucket: Any
) -> None:
    path = one.dump("shop-1.dump", age=timedelta(hours=20))
    before, raw = path.stat(), path.read_bytes()
    actuator = one.actuator(offhost=offhost(moto))
    assert (await done(actuator, await actuator.plan(Request("copy", ("shop-1.dump",))), 1))[1] is Truth.CONFIRMED
    path.unlink()
    (choice,) = await actuator.choices("fetch", ())
    assert choice.word == "shop-1.dump"
    assert "KiB, written there " in str(choice.about)
    plan = await actuator.plan(fetch())
    result, truth, words = await done(actuator, plan, 2)
    assert (result, truth) == (Result.DONE, Truth.CONFIRMED), words
    assert "the same as the sum of the backup that was copied; read to its end" in words
    assert path.read_bytes() == raw
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_mode & 0o077 == 0
    assert one.names() == ["shop-1.dump"]
    assert await actuator.choices("fetch", ()) == []
    _, truth, words = await done(actuator, await actuator.plan(Request("verify", ("shop-1.dump",))), 3)
    assert truth is Truth.CONFIRMED, words
    restore = Request("restore", ("shop-1.dump",), word=f"{one.live}_again")
    _, truth, words = await done(actuator, await actuator.plan(restore), 4)
    assert truth is Truth.CONFIRMED, words
    await actuator.close()


async def test_a_backup_is_fetched_from_another_folder_and_keeps_its_time(here: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    copy = plain(away, "shop-1.sql", age=timedelta(days=3))
    actuator = acting(here, {"folder": str(away)})
    _, truth, words = await done(actuator, await actuator.plan(fetch("shop-1.sql")))
    assert truth is Truth.CONFIRMED, words
    assert (here / "shop-1.sql").read_bytes() == copy.read_bytes()
    assert (here / "shop-1.sql").stat().st_mtime_ns == copy.stat().st_mtime_ns
    assert os.listdir(here) == ["shop-1.sql"]
    await actuator.close()


async def test_what_is_not_here_can_be_chosen_the_newest_first(here: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for number, days in ((1, 3), (2, 1), (3, 2), (4, 0)):
        plain(away, f"shop-{number}.sql", age=timedelta(days=days))
    for odd in ("notes.txt", ".shop-9.sql", "shop-8.sql.part"):
        (away / odd).write_text("x")
    plain(here, "shop-4.sql")
    actuator = acting(here, {"folder": str(away)})
    found = await actuator.choices("fetch", ())
    assert [choice.word for choice in found] == ["shop-2.sql", "shop-3.sql", "shop-1.sql"]
    assert "1d00h ago" in str(found[0].about)
    with pytest.raises(ProbeError, match=r"there is no copy shop-8\.sql\.part"):
        await actuator.plan(fetch("shop-8.sql.part"))
    await actuator.close()


# sums


def test_parts_are_compared_by_the_sum_of_their_sums(here: Path, tmp_path: Path, moto: Cloud, bucket: Any) -> None:
    path = tmp_path / "shop-1.dump"
    path.write_bytes(os.urandom(34 * MIB))
    put(path, place(moto))
    found = brought(here / "part", place(moto))
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.written == path.stat().st_mtime_ns
    assert (here / "part").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("length", [5 * MIB, 6 * MIB])
def test_an_upload_of_another_program_is_compared_by_the_parts_that_the_store_tells(
    here: Path, moto: Cloud, bucket: Any, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, where = os.urandom(12 * MIB + 7), {"Bucket": "away", "Key": "db/shop-1.dump"}
    upload = bucket.create_multipart_upload(**where)["UploadId"]
    parts = []
    for number, at in enumerate(range(0, len(raw), length), 1):
        told = bucket.upload_part(**where, UploadId=upload, PartNumber=number, Body=raw[at : at + length])
        parts.append({"PartNumber": number, "ETag": told["ETag"]})
    bucket.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    assert brought(here / "one", place(moto)).compared == "the store's sum of it"
    real = act_fetch._Sums.take
    monkeypatch.setattr(act_fetch._Sums, "take", lambda sums, data: real(sums, data[:-1] + b"?"))
    with pytest.raises(ProbeError, match="differs from the one the store tells"):
        brought(here / "two", place(moto))


def test_a_copy_that_was_damaged_there_is_refused_by_the_sum_it_was_copied_with(
    here: Path, moto: Cloud, bucket: Any
) -> None:
    marks = {"sha256": hashlib.sha256(b"whole").hexdigest()}
    bucket.put_object(Bucket="away", Key="db/shop-1.dump", Body=b"holey", Metadata=marks)
    with pytest.raises(ProbeError, match="it is damaged") as caught:
        brought(here / "part", place(moto))
    assert caught.value.cause is Cause.GARBAGE


@pytest.mark.parametrize("pieces", [[1], [3, 5, 7], [16], [4, 4, 4, 4], [1] * 16])
@pytest.mark.parametrize("length", [0, 1, 4, 5, 16])
def test_sums_of_parts_do_not_depend_on_the_pieces_that_come(pieces: list[int], length: int) -> None:
    raw, sums, at = bytes(range(sum(pieces))), act_fetch._Sums(length, True), 0
    for piece in pieces:
        sums.take(raw[at : at + piece])
        at += piece
    cut = [hashlib.md5(raw[n : n + length]).digest() for n in range(0, len(raw), length)] if length else []
    wanted = f"{hashlib.md5(b''.join(cut)).hexdigest()}-{len(cut)}" if length else hashlib.md5(raw).hexdigest()
    assert sums.tag() == wanted
    assert sums.whole.hexdigest() == hashlib.sha256(raw).hexdigest()


# nothing is written over, and only the very copy that was looked at is fetched


async def test_a_file_that_is_here_is_never_written_over(here: Path, moto: Cloud, bucket: Any) -> None:
    dump(bucket, here)
    actuator = acting(here, offhost(moto))
    plan = await actuator.plan(fetch("shop-1.sql"))
    (here / "shop-1.sql").write_text("mine")
    result, _, words = await done(actuator, plan)
    assert result is Result.REFUSED
    assert "a file of that name is here" in words
    assert (here / "shop-1.sql").read_text() == "mine"
    await actuator.close()


async def test_a_file_that_comes_while_it_is_fetched_is_not_written_over(here: Path, moto: Cloud, bucket: Any) -> None:
    raw = dump(bucket, here, body="x" * (4 * MIB))
    with FaultProxy(moto.port) as proxy:
        actuator = acting(here, offhost(moto) | {"endpoint": f"http://127.0.0.1:{proxy.port}"})
        plan = await actuator.plan(fetch("shop-1.sql"))
        proxy.become(Mode.DELAY, delay=0.05)
        await begun(actuator, plan, 1)
        (here / "shop-1.sql").write_text("mine")
        verdict = await settled(actuator, plan, plan.chosen[0], unkept())
    assert verdict.truth is Truth.REFUTED
    assert "nothing was written over" in str(verdict.words)
    assert (here / "shop-1.sql").read_text() == "mine"
    assert len(raw) > MIB
    assert os.listdir(here) == ["shop-1.sql"]
    await actuator.close()


@pytest.mark.parametrize("how", ["gone", "another"])
async def test_a_copy_that_is_gone_or_another_one_since_the_look_is_not_fetched(
    here: Path, moto: Cloud, bucket: Any, how: str
) -> None:
    dump(bucket, here)
    actuator = acting(here, offhost(moto))
    plan = await actuator.plan(fetch("shop-1.sql"))
    if how == "gone":
        bucket.delete_object(Bucket="away", Key="db/shop-1.sql")
        with pytest.raises(ProbeError, match=r"there is no copy shop-1\.sql") as caught:
            await done(actuator, plan)
        assert caught.value.cause is Cause.GONE
    else:
        dump(bucket, here, body="SELECT 2;")
        result, _, words = await done(actuator, plan)
        assert result is Result.REFUSED
        assert "changed since you looked" in words
    assert os.listdir(here) == []
    await actuator.close()


@pytest.mark.parametrize(("how", "words"), [("gone", "gone meanwhile"), ("another", "another copy has that name now")])
def test_a_copy_that_goes_or_is_replaced_under_way_is_told(
    here: Path, moto: Cloud, bucket: Any, how: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump(bucket, here, "shop-1.dump")
    made = store.client

    def late(*given: Any, **more: Any) -> Any:
        client = made(*given, **more)
        if how == "gone":
            bucket.delete_object(Bucket="away", Key="db/shop-1.dump")
        else:
            bucket.put_object(Bucket="away", Key="db/shop-1.dump", Body=b"another")
        return client

    monkeypatch.setattr(act_fetch, "client", late)
    with pytest.raises(ProbeError, match=words) as caught:
        brought(here / "part", place(moto))
    assert caught.value.cause is Cause.GONE


# what breaks on the way


def test_an_answer_that_breaks_off_is_asked_for_again_from_there(
    here: Path, tmp_path: Path, moto: Cloud, bucket: Any
) -> None:
    raw = os.urandom(5 * MIB)
    bucket.put_object(Bucket="away", Key="db/shop-1.dump", Body=raw)
    with FaultProxy(moto.port) as proxy:
        where = place(moto, endpoint=f"http://127.0.0.1:{proxy.port}")
        through = where[0], Keys(f"http://127.0.0.1:{proxy.port}", *KEYS)
        proxy.become(Mode.TRUNCATE, after=2 * MIB)
        found = brought(here / "part", through)
    assert (here / "part").read_bytes() == raw
    assert found.compared == "the store's sum of it"


@pytest.mark.parametrize("mode", [Mode.CLOSE, Mode.REFUSE, Mode.RESET])
def test_a_connection_that_is_lost_for_good_ends_it_with_words(
    here: Path, moto: Cloud, bucket: Any, mode: Mode
) -> None:
    bucket.put_object(Bucket="away", Key="db/shop-1.dump", Body=os.urandom(24 * MIB))
    with FaultProxy(moto.port) as proxy:
        through = place(moto)[0], Keys(f"http://127.0.0.1:{proxy.port}", *KEYS)
        found = store.away(*through, "shop-1.dump")
        assert found is not None

        def lose(share: float) -> None:
            proxy.become(mode)

        with pytest.raises(ProbeError, match=r"only [\d,]+ of the copy's 25,165,824 bytes came") as caught:
            act_fetch.from_bucket(*through, "shop-1.dump", found.identity, str(here / "part"), lose)
    assert caught.value.cause is Cause.CLOSED_EARLY


async def test_a_dump_that_was_copied_truncated_is_not_put_in_its_place(here: Path, moto: Cloud, bucket: Any) -> None:
    raw = dump(bucket, here)
    bucket.put_object(Bucket="away", Key="db/shop-1.sql", Body=raw[:-60])
    actuator = acting(here, offhost(moto))
    _, truth, words = await done(actuator, await actuator.plan(fetch("shop-1.sql")))
    assert truth is Truth.REFUTED
    assert "it is cut off" in words
    assert os.listdir(here) == []
    await actuator.close()


async def test_what_is_no_dump_is_not_put_in_its_place(here: Path, moto: Cloud, bucket: Any) -> None:
    bucket.put_object(Bucket="away", Key="db/shop-1.sql", Body=b"somebody's notes")
    actuator = acting(here, offhost(moto))
    _, truth, words = await done(actuator, await actuator.plan(fetch("shop-1.sql")))
    assert truth is Truth.REFUTED
    assert "it is no PostgreSQL dump" in words
    assert os.listdir(here) == []
    await actuator.close()


async def test_a_disk_without_room_is_told_before_and_one_that_fills_up_leaves_no_file(
    tmp_path: Path, moto: Cloud, bucket: Any
) -> None:
    raw = dump(bucket, tmp_path, body="x" * MIB)
    with mounted(tmp_path / "small", "size=256k") as small:
        actuator = acting(small, offhost(moto))
        plan = await actuator.plan(fetch("shop-1.sql"))
        assert f"{256:.1f} KiB free" in str(plan.subjects[0].spared)
        assert "not enough room" in str(plan.subjects[0].spared)
        with pytest.raises(OSError, match="No space left"):
            brought(small / "part", place(moto), "shop-1.sql")
        assert len(raw) > 256 << 10
        await actuator.close()


async def test_a_disk_that_fills_up_under_way_ends_the_job_with_words(
    tmp_path: Path, moto: Cloud, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from probes.backups.sight import Sight

    async def enough(sight: Sight, path: str) -> float:
        return 1e12

    dump(bucket, tmp_path, body="x" * MIB)
    with mounted(tmp_path / "small", "size=256k") as small:
        monkeypatch.setattr(Sight, "room", enough)
        actuator = acting(small, offhost(moto))
        _, truth, words = await done(actuator, await actuator.plan(fetch("shop-1.sql")))
        assert truth is Truth.REFUTED
        assert "the disk is full" in words
        assert os.listdir(small) == []
        await actuator.close()


async def test_a_fetch_can_be_stopped_and_leaves_nothing(here: Path, moto: Cloud, bucket: Any) -> None:
    dump(bucket, here, body="x" * (4 * MIB))
    with FaultProxy(moto.port) as proxy:
        actuator = acting(here, offhost(moto) | {"endpoint": f"http://127.0.0.1:{proxy.port}"})
        plan = await actuator.plan(fetch("shop-1.sql"))
        proxy.become(Mode.DELAY, delay=0.2)
        await begun(actuator, plan, 1)
        await until(lambda: os.listdir(here), "the first bytes")
        again = await actuator.plan(fetch("shop-1.sql"))
        assert "it is being fetched since" in str(again.subjects[0].spared)
        result, truth, words = await done(actuator, await actuator.plan(Request("stop", (act_of(1),))), 2)
    assert (result, truth) == (Result.DONE, Truth.CONFIRMED), words
    assert (await job.look(ledger.job_of(here.parent / "state", act_of(1)))).state is job.State.ENDED
    assert os.listdir(here) == []
    await actuator.close()


async def test_a_fetch_that_is_killed_outright_is_told_and_what_it_left_can_be_removed(
    here: Path, moto: Cloud, bucket: Any
) -> None:
    dump(bucket, here, body="x" * (4 * MIB))
    with FaultProxy(moto.port) as proxy:
        actuator = acting(here, offhost(moto) | {"endpoint": f"http://127.0.0.1:{proxy.port}"})
        plan = await actuator.plan(fetch("shop-1.sql"))
        proxy.become(Mode.DELAY, delay=0.2)
        await begun(actuator, plan, 1)
        await until(lambda: os.listdir(here), "the first bytes")
        state = here.parent / "state"
        keeper = [
            process
            for process in psutil.process_iter(["cmdline"])
            if (process.info["cmdline"] or [""])[-1] == str(state / "jobs" / act_of(1))
        ]
        workers = [
            process
            for process in psutil.process_iter(["cmdline"])
            if (process.info["cmdline"] or [""])[-1].startswith(str(state)) and process not in keeper
        ]
        assert keeper
        assert workers
        for process in (*keeper, *workers):
            process.kill()
        verdict = await settled(actuator, plan, plan.chosen[0], unkept())
    assert verdict.truth is Truth.REFUTED
    assert "left behind: file .shop-1.sql.opsroom-" in str(verdict.words)
    _, truth, words = await done(actuator, await actuator.plan(Request("clean", (act_of(1),))), 2)
    assert truth is Truth.CONFIRMED, words
    assert os.listdir(here) == []
    await actuator.close()


# words


async def test_what_can_not_be_fetched_says_why(here: Path, moto: Cloud, bucket: Any) -> None:
    actuator = acting(here, offhost(moto))
    bucket.put_object(Bucket="away", Key="db/shop-0.sql", Body=b"")
    bucket.put_object(Bucket="away", Key="db/shop-2.sql", Body=b"x", StorageClass="GLACIER")
    assert "it is empty" in str((await actuator.plan(fetch("shop-0.sql"))).subjects[0].spared)
    assert "it lies in GLACIER" in str((await actuator.plan(fetch("shop-2.sql"))).subjects[0].spared)
    for name in ("shop-9.sql", "../shop-1.sql", ".shop-1.sql", "other.sql"):
        with pytest.raises(ProbeError, match="there is no copy"):
            await actuator.plan(fetch(name))
    await actuator.close()


async def test_without_a_place_for_copies_nothing_is_fetched(here: Path) -> None:
    from probes.backups.settings import BackupsSettings

    settings = BackupsSettings.model_validate({"folder": str(here)})
    actuator = BackupsActuator(Target("nightly", "backups", settings), Context(Here(), state=here.parent / "state"))
    assert await actuator.choices("fetch", ()) == []
    with pytest.raises(ProbeError, match="names no place for copies"):
        await actuator.plan(fetch())
    await actuator.close()


def test_a_fetched_file_never_gets_a_time_to_come(here: Path) -> None:
    path = aged(plain(here, "shop-1.sql"), timedelta())
    now = datetime.now(UTC).timestamp()
    act_fetch.dated(str(path), int((now + 86400) * 1e9), now)
    assert path.stat().st_mtime < now + 0.001, "nanoseconds are not exact in a float"
