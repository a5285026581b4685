"""Reading a folder of backups: real dumps of two releases, whole and spoiled in every way we know, each told."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from probes.backups import folder, ledger, store
from probes.backups.facts import BackupsFacts
from probes.backups.head import head_of
from probes.backups.probe import BackupsProbe
from probes.backups.programs import Programs, for_dump, for_restore
from probes.backups.settings import BackupsSettings
from probes.backups.whole import beyond, fault_of
from probes.backups.work import progress, remaining
from probes.base import Cause, Context, GaugeKey, Lane, ProbeError, Target
from probes.base.target import in_clear, references
from tests.probes.backupstage import Here, Stage, aged, plain, read, told
from tests.stack.postgres import Postgres

_numbers = count(1)


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Postgres], Stage]:
    """A database on a server, made once, of which dumps can be taken."""
    made: dict[int, Stage] = {}

    def of(server: Postgres) -> Stage:
        if server.port not in made:
            live = f"read{os.getpid()}x{next(_numbers)}"
            server.sql(f"CREATE DATABASE {live}", database="postgres")
            server.sql(
                "CREATE TABLE people AS SELECT n AS id, md5(n::text) AS name FROM generate_series(1, 3000) n",
                database=live,
            )
            made[server.port] = Stage(server, Path(), Path(), live)
        return made[server.port]

    return of


@pytest.fixture
def stage(every_postgres: Postgres, dumps: Callable[[Postgres], Stage], tmp_path: Path) -> Stage:
    """An empty folder for backups of a real database; on both releases."""
    made = dumps(every_postgres)
    (tmp_path / "backups").mkdir()
    return Stage(made.server, tmp_path / "backups", tmp_path / "state", made.live)


def probe(where: Path, **more: Any) -> BackupsProbe:
    """A probe of a folder without a server."""
    settings = BackupsSettings.model_validate({"folder": str(where), "pattern": "shop-*", **more})
    return BackupsProbe(Target("nightly", "backups", settings), Context(Here()))


def checked(facts: BackupsFacts) -> bool:
    return facts.newest is not None and facts.newest.whole is not None


# good ones, and the six ways to be spoiled


@pytest.mark.engine
@pytest.mark.parametrize(("form", "name"), [("c", "custom"), ("t", "tar"), ("p", "plain"), ("d", "directory")])
async def test_a_good_backup_of_every_format_is_known_by_what_is_in_it(stage: Stage, form: str, name: str) -> None:
    stage.dump("shop-1.dump", form)
    probe = stage.probe()
    found = await read(probe, checked)
    (one,) = found.facts.last
    assert one.head.format == name
    assert one.whole is True
    assert str(one.head.server).startswith(("15.", "18."))
    if form != "p":
        assert str(one.head.database) == stage.live
        assert one.head.made is not None
        assert abs((one.at - one.head.made).total_seconds()) < 120
    assert told(found).keys() == {"unproven"}
    await probe.close()


@pytest.mark.engine
@pytest.mark.parametrize("form", ["c", "t", "p"])
@pytest.mark.parametrize("part", [0.999, 0.6, 0.3])
async def test_a_truncated_one_is_told(stage: Stage, form: str, part: float) -> None:
    path = stage.dump("shop-1.dump", form)
    os.truncate(path, int(path.stat().st_size * part))
    found = await read(stage.probe(), checked)
    words = told(found)["truncated"]
    assert words.startswith("the newest backup can't be restored: it is cut off")


@pytest.mark.engine
async def test_a_directory_without_one_of_its_files_is_told(stage: Stage) -> None:
    path = stage.dump("shop-1.dump", "d")
    next(path.glob("*.dat.gz")).unlink()
    assert "a part of it is missing" in told(await read(stage.probe(), checked))["truncated"]


@pytest.mark.engine
async def test_one_with_a_flipped_byte_is_told(stage: Stage) -> None:
    path = stage.dump("shop-1.dump")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 8] = bytes(255 - byte for byte in data[middle : middle + 8])
    path.write_bytes(data)
    assert "it is damaged inside" in told(await read(stage.probe(), checked))["truncated"]


async def test_an_empty_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop-1").touch()
    assert told(await probe(tmp_path).read())["empty"] == "the newest backup is empty: 0 bytes"


async def test_one_of_the_wrong_format_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop-1").write_text("<html>502 Bad Gateway</html>")
    assert (
        told(await probe(tmp_path).read())["wrong-format"]
        == "the newest backup is no PostgreSQL dump, not a PostgreSQL dump"
    )
    plain(tmp_path, "shop-1")
    found = await probe(tmp_path, format="custom").read()
    assert told(found)["wrong-format"] == "the newest backup is plain SQL, not an archive (custom)"
    assert "wrong-format" not in told(await probe(tmp_path).read())


@pytest.mark.engine
async def test_one_of_the_wrong_database_is_told(stage: Stage) -> None:
    stage.dump("shop-1.dump", database="postgres")
    words = told(await read(stage.probe(), checked))
    assert words["wrong-database"] == f"the newest backup is of database postgres, not of {stage.live}"


async def test_the_newest_good_one_behind_spoilt_ones_is_read_to_its_end_too(tmp_path: Path) -> None:
    for hours in (5, 6):
        plain(tmp_path, f"shop-{hours}", age=timedelta(hours=hours))
    plain(tmp_path, "shop-2", age=timedelta(hours=2), end=False)
    plain(tmp_path, "shop-3", age=timedelta(hours=3), end=False)
    (tmp_path / "shop-1").touch()
    found = await read(probe(tmp_path), lambda facts: facts.good is not None and facts.good.whole)
    assert [(one.name, one.spoilt) for one in found.facts.last] == [
        ("shop-1", "empty"), ("shop-2", "not whole"), ("shop-3", "not whole"), ("shop-5", ""), ("shop-6", ""),
    ]  # fmt: skip
    assert found.facts.good.name == "shop-5"
    assert found.facts.last[4].whole is None  # one is enough
    assert found.facts.good_age == pytest.approx(5 * 3600, abs=60)
    assert found.gauge("newest_good_age_seconds") == found.facts.good_age


async def test_one_that_nobody_has_read_yet_is_no_good_one_for_whoever_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.backups.probe._QUICK", 0.0)
    plain(tmp_path, "shop-1")
    looking = probe(tmp_path)
    found = await looking.read()
    assert found.gauge("newest_age_seconds") is not None
    assert found.gauge("newest_good_age_seconds") is None
    assert (await read(looking, checked)).gauge("newest_good_age_seconds") is not None


async def test_one_that_is_too_big_to_be_read_by_itself_counts_by_what_is_known(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1")
    found = await probe(tmp_path, check_up_to=0).read()
    assert found.facts.last[0].whole is None
    assert found.gauge("newest_good_age_seconds") is not None


@pytest.mark.parametrize(
    ("make", "settings", "word", "why"),
    [
        (lambda path: path.touch(), {}, "empty", "it is empty: 0 bytes"),
        (lambda path: path.write_text("no"), {}, "no dump", "it is no PostgreSQL dump"),
        (lambda path: plain(path.parent, path.name), {"format": "tar"}, "wrong format",
         "it is plain SQL, wanted is an archive (tar)"),
        (lambda path: plain(path.parent, path.name), {"min_size": "1MB"}, "too small",
         "it is smaller than the profile allows"),
        (lambda path: plain(path.parent, path.name, end=False), {}, "not whole", "it is cut off"),
    ],
    ids=["empty", "no-dump", "format", "small", "cut"],
)  # fmt: skip
async def test_what_speaks_against_a_backup_is_said_of_it_and_it_is_no_good_one(
    tmp_path: Path, make: Callable[[Path], object], settings: dict[str, Any], word: str, why: str
) -> None:
    make(tmp_path / "shop-1")
    found = await read(probe(tmp_path, **settings), lambda facts: facts.last[0].spoilt == word)
    assert why in str(found.facts.last[0].fault)
    assert found.facts.good is None
    assert found.gauge("newest_good_age_seconds") is None


def dumping(place: Path, likely: float | None, size: int) -> tuple[float | None, str]:
    """What is told of a dump that has written this much."""
    (place / "part").write_bytes(b"x" * size)
    return progress(ledger.Task("a", "dump", "shop", {"part": "part", "likely": likely}, datetime.now(UTC)), str(place))


def test_a_dump_tells_its_share_by_the_last_one_and_none_once_it_is_bigger(tmp_path: Path) -> None:
    assert dumping(tmp_path, 4096, 1024) == (0.25, ", 1.0 KiB so far")
    assert dumping(tmp_path, 1000, 1024) == (None, ", 1.0 KiB so far, more than expected")
    assert dumping(tmp_path, None, 1024) == (None, ", 1.0 KiB so far")
    assert progress(ledger.Task("a", "dump", "shop", {"part": "gone"}, datetime.now(UTC)), str(tmp_path)) == (None, "")


def test_how_long_it_will_take_yet_is_said_once_it_can_be_told() -> None:
    now = datetime.now(UTC)
    assert remaining(0.25, now - timedelta(seconds=20), now) == ", some 1m00s more"
    for share, past in ((0.01, 20), (0.25, 1), (None, 20), (0.0, 20)):
        assert remaining(share, now - timedelta(seconds=past), now) == ""
    assert remaining(0.5, None, now) == ""


async def test_an_old_one_is_told(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1", age=timedelta(days=3))
    assert told(await probe(tmp_path).read())["old"] == "the newest backup is 3d00h old"


async def test_what_can_not_be_restored_is_no_fresh_backup(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1", age=timedelta(hours=20))
    (tmp_path / "shop-2").touch()
    found = await probe(tmp_path).read()
    newest, good = (found.gauge(name) for name in ("newest_age_seconds", "newest_good_age_seconds"))
    assert newest is not None
    assert good is not None
    assert newest < 60 < 72_000 <= good < 72_060
    (tmp_path / "shop-1").unlink()
    found = await probe(tmp_path).read()
    assert found.gauge("newest_age_seconds") is not None
    assert found.gauge("newest_good_age_seconds") is None


async def test_one_dated_in_the_future_proves_no_freshness(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1", age=-timedelta(days=900))
    found = await probe(tmp_path).read()
    assert GaugeKey("newest_age_seconds") not in found.gauges
    assert [gap.part for gap in found.gaps] == ["how old shop-1 is: it is dated in the future"]
    plain(tmp_path, "shop-2", age=timedelta(days=3))
    assert told(await probe(tmp_path).read())["old"] == "the newest backup is 3d00h old"


async def test_missing_is_three_different_things_and_never_zero(tmp_path: Path) -> None:
    found = await probe(tmp_path).read()
    assert told(found) == {"missing": f"there is no backup in {tmp_path}"}
    assert found.gauge("newest_bytes") is None
    assert found.gauge("newest_age_seconds") is None
    with pytest.raises(ProbeError, match="is not there") as gone:
        await probe(tmp_path / "nothing").read()
    assert gone.value.cause is Cause.GONE
    (tmp_path / "file").touch()
    with pytest.raises(ProbeError, match="is not a folder"):
        await probe(tmp_path / "file").read()
    denied = folder.complaint(PermissionError(13, "x"), "/backups")
    assert (denied.cause, str(denied.message)) == (Cause.LOCAL_PERM, "we may not look into /backups")


async def test_a_small_one_and_a_shrunk_one_are_told(tmp_path: Path) -> None:
    for days in range(1, 6):
        plain(tmp_path, f"shop-{days}", "SELECT 1;" * 400, timedelta(days=days))
    plain(tmp_path, "shop-0")
    words = told(await probe(tmp_path, min_size="1kB").read())
    assert words["too-small"].startswith("the newest backup has only 1")
    assert "of the usual size" in words["shrunk"]
    assert "shrunk" not in told(await probe(tmp_path, shrink=0.01).read())


async def test_spoiled_ones_do_not_count_for_the_usual_size(tmp_path: Path) -> None:
    for days in range(1, 6):
        plain(tmp_path, f"shop-{days}", "SELECT 1;" * 400, timedelta(days=days))
    for days in range(6, 14):
        aged_empty = tmp_path / f"shop-{days}"
        aged_empty.touch()
        aged(aged_empty, timedelta(hours=days))
    plain(tmp_path, "shop-0", "SELECT 1;" * 400)
    found = await probe(tmp_path).read()
    assert found.facts.size_ratio == 1.0
    assert found.gauge("spoiled") == 8


async def test_a_gap_between_two_is_told(tmp_path: Path) -> None:
    for days in (0, 1, 2, 5, 6):
        plain(tmp_path, f"shop-{days}", age=timedelta(days=days, minutes=1))
    found = await probe(tmp_path, expected="1d").read()
    ((_, seconds),) = found.facts.gaps
    assert round(seconds / 86400) == 3
    assert told(found)["gaps"] == "gaps between backups in the last 14 days: 1"
    assert "gaps" not in told(await probe(tmp_path, expected="3d").read())


@pytest.mark.engine
async def test_an_old_dump_in_a_young_file_is_as_old_as_what_is_in_it(stage: Stage) -> None:
    path = stage.dump("shop-1.dump")
    data = bytearray(path.read_bytes())
    at = data.index((datetime.now().year - 1900).to_bytes(1, "little") + b"\0\0\0", 11)
    data[at] -= 1
    path.write_bytes(data)
    found = await read(stage.probe(), checked)
    assert found.facts.newest is not None
    assert found.facts.newest.touched
    words = told(found)
    assert "it was copied or touched" in words["touched"]
    assert "old" in words


# what is not finished


async def test_unfinished_files_are_no_backups_and_are_told_when_nobody_writes_them(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1")
    for name, age in (("shop-2.part", 9000), ("shop-3.tmp", 1), (".shop-4.opsroom-019a-7.part", 60)):
        (tmp_path / name).write_bytes(b"x")
        aged(tmp_path / name, timedelta(seconds=age))
    found = await probe(tmp_path).read()
    assert [one.name for one in found.facts.last] == ["shop-1"]
    assert {str(one.name): one.live for one in found.facts.unfinished} == {
        "shop-2.part": False,
        "shop-3.tmp": True,
        ".shop-4.opsroom-019a-7.part": False,
    }
    assert told(found)["unfinished"] == "files here that were begun and never finished: 2"


async def test_a_file_that_grows_is_not_yet_a_backup(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1", age=timedelta(hours=1))
    path = tmp_path / "shop-2"
    path.write_text("--\n-- PostgreSQL database dump\n")
    watching = probe(tmp_path)
    await watching.read()
    path.write_text(path.read_text() + "more")
    found = await watching.read()
    assert [one.name for one in found.facts.last] == ["shop-1"]
    assert [(str(one.name), one.live) for one in found.facts.unfinished] == [("shop-2", True)]


async def test_only_the_pattern_counts_and_links_and_folders_do_not(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1")
    plain(tmp_path, "other-1")
    (tmp_path / "shop-latest").symlink_to("shop-1")
    (tmp_path / "shop-folder").mkdir()
    found = await probe(tmp_path).read()
    assert [one.name for one in found.facts.last] == ["shop-1"]
    assert found.facts.others == 3


async def test_no_more_than_a_cap_is_looked_at_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MOST", 3)
    for number in range(5):
        plain(tmp_path, f"shop-{number}")
    found = await probe(tmp_path).read()
    assert found.facts.count == 3
    assert [gap.part for gap in found.gaps] == ["files beyond the first 3"]


async def test_a_name_that_would_steer_a_terminal_is_made_visible(tmp_path: Path) -> None:
    plain(tmp_path, "shop-\x1b[2J")
    found = await probe(tmp_path).read()
    assert str(found.facts.last[0].shown) == "shop-^[[2J"


# the whole of a plain dump


async def fault(path: Path) -> str:
    return str(await fault_of(path, None, 10.0, Lane("test")))


async def test_a_plain_dump_ends_with_its_words_and_not_on_its_last_line(tmp_path: Path) -> None:
    assert await fault(plain(tmp_path, "shop-1")) == ""
    assert "last words" in await fault(plain(tmp_path, "shop-2", end=False))


async def test_the_words_inside_of_data_are_no_end(tmp_path: Path) -> None:
    body = "COPY public.notes (text) FROM stdin;\n-- PostgreSQL database dump complete\n\\.\n"
    assert "last words" in await fault(plain(tmp_path, "shop-1", body, end=False))


async def test_a_compressed_dump_is_read_through_its_sums(tmp_path: Path) -> None:
    whole = gzip.compress(plain(tmp_path, "text").read_bytes())
    path = tmp_path / "shop-1"
    path.write_bytes(whole)
    assert await fault(path) == ""
    path.write_bytes(whole[:-9])
    assert "it is cut off" in await fault(path)
    path.write_bytes(whole[:-8] + bytes(8))
    assert "it is damaged inside" in await fault(path)


@pytest.mark.parametrize(
    "line",
    ["\\connect other", "\\! rm -rf /", "DROP DATABASE shop;", "  create database x;", "ALTER SYSTEM SET x = 1;",
     "CREATE ROLE x;", "\\copy x from y", "ALTER DATABASE x RENAME TO y;"],
)  # fmt: skip
def test_a_line_that_reaches_beyond_its_database_is_found(tmp_path: Path, line: str) -> None:
    assert str(beyond(plain(tmp_path, "shop-1", f"SELECT 1;\n{line}\n"), "plain")) == line.strip()


def test_the_same_line_in_a_row_of_data_is_data(tmp_path: Path) -> None:
    body = "COPY public.notes (text) FROM stdin;\n\\N\nDROP DATABASE shop;\n\\connect x\n\\.\nSELECT 2;\n"
    assert not beyond(plain(tmp_path, "shop-1", body), "plain")


@given(some.binary(max_size=400))
def test_no_bytes_break_the_head(data: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        for start in (b"", b"PGDMP", b"PGDMP\x01\x0e\x00\x04\x08\x01", b"\x1f\x8b\x08", b"toc.dat\0"):
            file.seek(0)
            file.truncate()
            file.write(start + data)
            file.flush()
            assert head_of(Path(file.name)).format in (
                "empty",
                "unknown",
                "custom",
                "tar",
                "plain",
                "plain.gz",
                "cluster",
            )


# which program


def test_the_program_fits_the_server_and_the_archive() -> None:
    there = [Programs("/15", 15, "15.18"), Programs("/17", 17, "17.2")]
    assert for_dump(there, 15).major == 15
    assert for_dump(there, 16).major == 17
    with pytest.raises(ProbeError, match="refuses a newer server") as caught:
        for_dump(there, 18)
    assert caught.value.cause is Cause.VERSION
    assert for_restore(there, 15, 17).major == 17
    assert for_restore(there, 15, 15).major == 15
    assert for_restore(there, 17, 15).major == 17
    with pytest.raises(ProbeError, match="taken by pg_dump 18"):
        for_restore(there, 18, 18)


async def test_missing_programs_are_told(tmp_path: Path) -> None:
    from probes.backups.programs import installed

    with pytest.raises(ProbeError, match="no pg_dump, pg_restore and psql in"):
        await installed(str(tmp_path))


# copies


async def test_the_copies_in_another_folder_are_told(tmp_path: Path) -> None:
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir()
    away.mkdir()
    for days in range(3):
        plain(here, f"shop-{days}", age=timedelta(days=days))
    watching = probe(here, offhost={"folder": str(away)})
    known: Callable[[BackupsFacts], bool] = lambda facts: facts.offsite is not None and facts.offsite.count is not None  # noqa: E731
    assert told(await read(watching, known))["no-copy"] == f"no backup here has a copy at {away}"
    plain(away, "shop-2")
    (away / "shop-1").write_text("half")
    found = await read(probe(here, offhost={"folder": str(away)}), known)
    words = told(found)
    assert words["copy-old"] == "the newest copy off this host is late by 22h00m"
    assert words["copy-differs"] == "copies that are not the size of their backup: 1"
    assert [one.copied for one in found.facts.last] == [False, False, True]


async def test_a_place_for_copies_that_is_away_is_a_gap_and_no_alarm_of_missing_copies(tmp_path: Path) -> None:
    plain(tmp_path, "shop-1")
    watching = probe(tmp_path, offhost={"folder": "/nonexistent/away"})
    async for found in _readings(watching):
        if found.gaps:
            break
    assert [gap.part for gap in found.gaps] == ["the copies off this host"]
    assert found.gauge("copy_missing", place="/nonexistent/away") is None
    assert "no-copy" not in told(found)


async def _readings(watching: BackupsProbe) -> Any:
    import asyncio

    async with asyncio.timeout(10):
        while True:
            yield await watching.read()
            await asyncio.sleep(0.02)


# the profile


def test_lengths_and_sizes_are_written_as_people_say_them() -> None:
    made = BackupsSettings.model_validate(
        {"folder": "/b", "fresh": "2d", "keep": 48, "min_size": "1.5MB", "proven": "5w"}
    )
    assert (made.fresh, made.keep, made.min_size, made.proven) == (48.0, 48.0, 1_500_000, 840.0)
    wrong: dict[str, Any]
    for wrong in ({"fresh": "soon"}, {"min_size": "big"}, {"folder": "backups"}, {"offhost": {}}, {"pattern": "a/b"},
                  {"offhost": {"folder": "/a", "bucket": "abc"}}, {"database": {"url": "mysql://x"}}):  # fmt: skip
        with pytest.raises(ValidationError):
            BackupsSettings.model_validate({"folder": "/b", **wrong})


def test_the_secrets_of_its_logins_are_references_and_none_is_taken_in_clear() -> None:
    made = BackupsSettings.model_validate(
        {
            "folder": "/b",
            "database": {"url": "env:DATABASE_URL", "password": "env:PASSWORD"},
            "offhost": {"bucket": "abc", "key_id": "env:KEY", "secret_key": "file:/key"},
        }
    )
    assert {reference for _, reference in references(made)} == {
        "env:DATABASE_URL",
        "env:PASSWORD",
        "env:KEY",
        "file:/key",
    }
    clear = {"folder": "/b", "database": {"url": "postgresql://a:secret@h/x"}}
    assert [place for place, _ in in_clear(BackupsSettings, clear)] == [("database", "url")]
    with pytest.raises(ValidationError) as caught:
        BackupsSettings.model_validate({"folder": "/b", "database": {"url": "env:X", "password": "secret"}})
    assert "secret" not in str(caught.value).replace("must be a reference to a secret", "")


def test_a_folder_of_dumps_is_discovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain(tmp_path, "shop-20260301.sql.gz")
    monkeypatch.setattr("probes.backups.probe._FOLDERS", (str(tmp_path / "no"), str(tmp_path)))
    (found,) = BackupsProbe.discover({})
    assert found.settings == {"folder": str(tmp_path), "pattern": "*.sql.gz"}


# looking closer


@pytest.mark.engine
async def test_the_contents_are_listed_and_a_check_reads_all(stage: Stage) -> None:
    path = stage.dump("shop-1.dump")
    watching = stage.probe()
    contents = await watching.look("contents", "shop-1.dump")
    text = "\n".join(map(str, contents.lines))
    assert "TABLE DATA public people" in text
    assert "says nothing about the data" in text
    assert "whole:" in str((await watching.look("check", "shop-1.dump")).lines[0])
    os.truncate(path, path.stat().st_size - 100)
    assert "it is cut off" in str((await watching.look("check", "shop-1.dump")).lines[0])
    with pytest.raises(ProbeError, match="not there any more"):
        await watching.look("check", "shop-2.dump")


def test_a_store_says_what_is_wrong_in_our_words() -> None:
    from botocore.exceptions import ClientError

    from probes.backups.settings import Offhost

    place = Offhost(bucket="away")
    for code, cause in (("NoSuchBucket", Cause.GONE), ("AccessDenied", Cause.DENIED), ("SlowDown", Cause.THROTTLED),
                        ("InvalidAccessKeyId", Cause.AUTH), ("RequestTimeTooSkewed", Cause.CLOCK),
                        ("Strange", Cause.GARBAGE)):  # fmt: skip
        error = store.said(ClientError({"Error": {"Code": code, "Message": "library text"}}, "PutObject"), place)
        assert error.cause is cause
        assert "library text" not in str(error.message)
