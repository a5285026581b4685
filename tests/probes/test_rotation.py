"""Rotation on real files, a real logrotate's configurations, a real journal, and processes that hold files open."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import Cause, Context, ProbeError, Snapshot, Target
from probes.rotation.facts import RotationFacts
from probes.rotation.files import family, rotated
from probes.rotation.journal import Piece, bytes_of, going, seconds_of
from probes.rotation.logrotate import read_alone, read_configurations, read_record, size_of
from probes.rotation.probe import RotationProbe, RotationSettings
from tests.conftest import obtain
from tests.stack import places
from tests.toys import NoSecrets

DAY = 86400.0


class House:
    """A folder with logs, a configuration of logrotate and its record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "log"
        self.rules = folder / "logrotate.d"
        self.main = folder / "logrotate.conf"
        self.status = folder / "status"
        self.now = [1000.0]
        self.logs.mkdir()
        self.rules.mkdir()
        self.main.write_text(f"weekly\nrotate 4\ncreate\ninclude {self.rules}\n")

    def write(self, name: str, size: int, days: float = 0.0) -> Path:
        """A file of that size, last written so many days ago."""
        path = self.logs / name
        path.write_bytes(b"x" * size)
        at = time.time() - days * DAY
        os.utime(path, (at, at))
        return path

    def rule(self, name: str, body: str, files: str = "*.log") -> Path:
        """A file of logrotate's folder."""
        path = self.rules / name
        path.write_text(f"{self.logs}/{files} {{\n{body}\n}}\n")
        path.chmod(0o644)
        return path

    def settings(self, **more: Any) -> RotationSettings:
        log = {"name": "shop", "files": f"{self.logs}/*.log", "keep": "30d", "most": "1MB"} | more.pop("log", {})
        own = {"log": [log], "logrotate": str(self.main), "status": str(self.status), "journal": False}
        return RotationSettings.model_validate(own | {"docker": str(self.folder / "docker")} | more)

    def probe(self, **more: Any) -> RotationProbe:
        context = Context(NoSecrets(), monotonic=lambda: self.now[0])
        return RotationProbe(Target("logs", "rotation", self.settings(**more)), context)

    async def read(self, **more: Any) -> Snapshot[RotationFacts]:
        probe = self.probe(**more)
        try:
            return await probe.read()
        finally:
            await probe.close()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# names


@pytest.mark.parametrize(
    ("name", "base", "sure"),
    [
        ("app.log.1", "app.log", True),
        ("app.log.12.gz", "app.log", True),
        ("app.log-20260301", "app.log", False),
        ("app.log-20260301-1405.zst", "app.log", False),
        ("app.log.2026-03-01", "app.log", False),
        ("app-2026-03-01.log", "app.log", False),
        ("app.1.log", "app.log", False),
        ("app.log.old", "app.log", True),
        ("app.log.gz", "app.log", True),
    ],
)
def test_a_rotated_files_name_tells_whose_it_was(name: str, base: str, sure: bool) -> None:
    found = family(name)
    assert found is not None
    assert (found.base, found.sure) == (base, sure)


@pytest.mark.parametrize("name", ["app.log", "access", "worker-1.log", "app.v2.log", "error_log", "a.json"])
def test_a_name_that_no_rotation_makes_is_nobodys(name: str) -> None:
    assert family(name) is None


@given(st.sets(st.sampled_from(["a.log", "a.log.1", "a.log.2.gz", "a.1.log", "a-2026-03-01.log", "a-2026-03-02.log",
                                "b.log-20260301", "b.log", "c.3.log"])))  # fmt: skip
def test_of_each_log_the_newest_is_never_called_rotated(names: set[str]) -> None:
    gone = rotated(names)
    assert gone <= names
    assert "a.log" not in gone
    assert "b.log" not in gone
    dated = sorted(name for name in names if name.startswith("a-2026"))
    if dated and "a.log" not in names:
        assert dated[-1] not in gone
    assert "c.3.log" not in gone


# reading


async def test_a_log_is_told_with_its_size_its_rotated_files_and_what_rotates_it(house: House) -> None:
    house.write("app.log", 5000)
    house.write("app.log.1", 70_000, days=1)
    house.write("app.log.2.gz", 9000, days=40)
    house.rule("shop", "daily\nrotate 30\ncompress\npostrotate\nkill -HUP 1 }\nendscript")
    house.status.write_text(f'logrotate state -- version 2\n"{house.logs}/app.log" {stamp(hours=3)}\n')
    found = await house.read()
    (log,) = found.facts.logs
    assert (log.total, len(log.live), len(log.rotated), log.uncovered) == (84_000, 1, 2, 0)
    assert (log.covered_by, log.period) == ((str(house.rules / "shop"),), DAY)
    assert found.gauge("beyond_keep", log="shop") == 1
    assert found.gauge("most_ratio", log="shop") == pytest.approx(0.084)
    assert found.gauge("overdue_seconds", log="shop") == 0
    assert found.gauge("full_in_seconds", log="shop") == pytest.approx(log.free / (5000 / DAY), rel=0.01)  # type: ignore[operator]
    assert log.estimated


def stamp(hours: float) -> str:
    return (datetime.now() - timedelta(hours=hours)).strftime("%Y-%-m-%-d-%-H:%-M:%-S")


async def test_of_a_log_with_more_files_than_are_read_no_sum_is_called_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.rotation.files.MOST", 5)
    house.write("app.log", 10)
    for number in range(1, 9):
        house.write(f"app.log.{number}", 10, days=number)
    found = await house.read(log={"keep": "7d", "most": "1KB"})
    assert ("files of log shop: 5 of 9", Cause.TOO_BIG) in [(str(gap.part), gap.cause) for gap in found.gaps]
    assert found.gauge("files", log="shop") == 9
    for name in ("total_bytes", "most_ratio", "beyond_keep"):
        assert found.gauge(name, log="shop") is None, name
    monkeypatch.setattr("probes.rotation.files.MOST", 9)
    found = await house.read(log={"keep": "7d", "most": "1KB"})
    assert (found.gauge("total_bytes", log="shop"), found.gauge("beyond_keep", log="shop")) == (90, 2)


async def test_a_file_that_nothing_rotates_and_one_that_is_late_are_told(house: House) -> None:
    house.write("app.log", 10)
    assert (await house.read()).gauge("uncovered", log="shop") == 1
    house.rule("shop", "daily")
    house.status.write_text(f'logrotate state -- version 2\n"{house.logs}/app.log" {stamp(hours=72)}\n')
    os.utime(house.status, (time.time() - 3 * DAY,) * 2)
    found = await house.read()
    assert found.gauge("uncovered", log="shop") == 0
    assert found.gauge("overdue_seconds", log="shop") == pytest.approx(2 * DAY, abs=7300)
    assert found.gauge("logrotate_age_seconds") == pytest.approx(3 * DAY, abs=60)


async def test_growth_is_what_was_seen_once_it_was_watched_for_ten_minutes(house: House) -> None:
    path = house.write("app.log", 1000)
    probe = house.probe()
    assert (await probe.read()).gauge("growth_bytes_per_second", log="shop") is None
    house.now[0] += 400
    path.write_bytes(b"x" * 5000)
    await probe.read()
    house.now[0] += 400
    path.rename(house.logs / "app.log.1")
    house.write("app.log", 4000)  # rotated, and written on
    found = await probe.read()
    await probe.close()
    assert found.gauge("growth_bytes_per_second", log="shop") == pytest.approx(8000 / 800)
    assert not found.facts.logs[0].estimated


WRITER = """
import sys, time
file = open(sys.argv[1], "a")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def writer() -> Iterator[Callable[[Path], int]]:
    """Starts a process that has a file open to write; its pid."""
    running: list[subprocess.Popen[bytes]] = []

    def start(path: Path) -> int:
        argv = [sys.executable, "-S", "-c", WRITER, str(path)]
        running.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        out = running[-1].stdout
        assert out is not None
        assert out.readline() == b"open\n"
        return running[-1].pid

    yield start
    for process in running:
        process.communicate()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no /proc here")
@pytest.mark.parametrize("removed", [False, True])
async def test_a_process_that_writes_into_a_rotated_or_removed_file_is_named(
    removed: bool, house: House, writer: Callable[[Path], int]
) -> None:
    path = house.write("app.log", 10)
    pid = writer(path)
    path.rename(house.logs / "app.log.1")
    house.write("app.log", 0)
    if removed:
        (house.logs / "app.log.1").unlink()
    found = await house.read()
    (astray,) = found.facts.logs[0].astray
    assert (astray.pid, astray.deleted, astray.writes) == (pid, removed, True)
    assert found.gauge("astray", log="shop") == 1


async def test_a_process_that_writes_into_the_log_itself_is_well(house: House, writer: Callable[[Path], int]) -> None:
    writer(house.write("app.log", 10))
    assert (await house.read()).gauge("astray", log="shop") == 0


async def test_a_log_whose_folder_is_gone_costs_its_own_line_only(house: House) -> None:
    house.write("app.log", 10)
    more = {"name": "none", "files": "/nowhere/*.log"}
    probe = house.probe()
    own = house.settings().log
    probe.settings = house.settings().model_copy(update={"log": (*own, type(own[0])(**more))})
    found = await probe.read()
    await probe.close()
    assert [bool(log.files) for log in found.facts.logs] == [True, False]
    assert any(gap.cause is Cause.GONE and "none" in gap.part for gap in found.gaps)


async def test_when_nothing_at_all_can_be_read_that_is_a_failure(house: House) -> None:
    house.main.unlink()
    house.logs.rmdir()
    with pytest.raises(ProbeError) as caught:
        await house.read()
    assert caught.value.cause is Cause.GONE


async def test_containers_whose_log_has_no_limit_are_listed(house: House) -> None:
    for name, config in (("free", {}), ("bound", {"max-size": "10m"})):
        folder = house.folder / "docker" / "containers" / (name * 4)
        folder.mkdir(parents=True)
        (folder / "hostconfig.json").write_text(json.dumps({"LogConfig": {"Type": "json-file", "Config": config}}))
        (folder / "config.v2.json").write_text(json.dumps({"Name": f"/{name}"}))
        (folder / f"{name * 4}-json.log").write_bytes(b"x" * 100)
    odd = house.folder / "docker" / "containers" / "odd"
    odd.mkdir()
    (odd / "hostconfig.json").write_text("[")
    found = await house.read()
    assert [(str(one.container), one.size) for one in found.facts.loose] == [("free", 100)]
    assert found.facts.containers == 2
    assert found.gauge("unlimited_containers") == 1


# logrotate


def test_what_a_stanza_says_and_what_it_inherits_are_read(house: House) -> None:
    house.rule("shop", "daily\nrotate 30\ncompress\ndelaycompress\nmissingok\nnotifempty\nsize=5M\nmaxage 60")
    (house.rules / "two").write_text(f'"{house.logs}/a b.log"\n{house.logs}/c.log\n{{\n  copytruncate\n}}\n')
    (house.rules / "old.dpkg-old").write_text("garbage {")
    main, shop, two = read_configurations(str(house.main))
    assert main.stanzas == ()
    (stanza,) = shop.stanzas
    assert (stanza.period, stanza.keeps, stanza.size, stanza.max_age) == (None, 30, 5 << 20, 60 * DAY)
    assert stanza.compresses
    assert shop.inherited == ("create", "rotate 4", "weekly")
    (stanza,) = two.stanzas
    assert stanza.patterns == (f"{house.logs}/a b.log", f"{house.logs}/c.log")
    assert (stanza.keeps, stanza.period, stanza.copies) == (4, 7 * DAY, True)
    assert read_alone(two.path).stanzas[0].keeps == 0


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_no_configuration_breaks_the_reading(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.conf"
    path.write_text(text.replace("include", "exclude"))
    assert read_configurations(str(path))[-1].path == str(path)


async def test_the_record_that_a_real_logrotate_writes_is_understood(house: House) -> None:
    program = logrotate()
    path = house.write("app.log", 10)
    rule = house.rule("shop", "daily\nrotate 2")
    await asyncio.to_thread(force, program, house, rule)
    record, written = read_record(str(house.status))
    assert abs((record[str(path)] - datetime.now(UTC)).total_seconds()) < 3700
    assert abs((written - datetime.now(UTC)).total_seconds()) < 60
    assert [one.name for one in (await house.read()).facts.logs[0].rotated] == ["app.log.1"]


def force(program: Path, house: House, rule: Path) -> None:
    """Rotate one configuration as a person would."""
    subprocess.run([program, "-f", "-s", str(house.status), str(rule)], check=True, capture_output=True)


def logrotate() -> Path:
    return obtain("rotation", lambda: places.needed("logrotate"))


@pytest.mark.parametrize(
    ("text", "wanted"), [("100k", 102400), ("5M", 5 << 20), ("1G", 1 << 30), ("7", 7), ("x", None)]
)
def test_sizes_are_logrotates(text: str, wanted: int | None) -> None:
    assert size_of(text) == wanted


# journal


def test_ages_and_sizes_are_journalctls() -> None:
    assert (seconds_of("30d"), seconds_of("2weeks"), seconds_of("1h")) == (30 * DAY, 14 * DAY, 3600.0)
    assert (bytes_of("500M"), bytes_of("2G")) == (500 << 20, 2 << 30)
    assert seconds_of("soon") is bytes_of("much") is None


def test_a_vacuum_takes_whole_files_the_oldest_first_and_never_the_one_in_use() -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    every = [Piece(f"/j/{day}", 10, begin + timedelta(days=day)) for day in range(5)] + [Piece("/j/now", 10, None)]
    assert [one.path for one in going(every, before=begin + timedelta(days=2))] == ["/j/0", "/j/1"]
    assert [one.path for one in going(every, most=35)] == ["/j/0", "/j/1", "/j/2"]
    assert len(going(every, most=1)) == 5
    assert going(every, most=1000) == []


async def test_a_machine_without_a_journal_is_no_failure(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house.write("app.log", 10)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = await house.read(journal=True)
    assert found.facts.journal is None
    assert not any("journal" in gap.part for gap in found.gaps)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("echo 'Hint: You are currently not seeing messages from other users' >&2", Cause.DENIED),
        ("echo nonsense", Cause.GARBAGE),
        ("exec sleep 600", Cause.TIMEOUT_READ),
    ],
)
async def test_a_journal_that_does_not_answer_well_is_a_gap(
    said: str, cause: Cause, house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house.write("app.log", 10)
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    found = await house.read(journal=True, timeout=2.0)
    assert [gap.cause for gap in found.gaps if "journal" in gap.part] == [cause]


# settings


@pytest.mark.parametrize(
    "log",
    [
        {"files": "/srv/*/a.log"}, {"files": "a.log"}, {"files": "/srv/../etc/*"}, {"keep": "soon"}, {"most": "5"},
        {"name": "/x"},
    ],
)  # fmt: skip
def test_a_log_that_can_not_be_meant_is_refused_in_the_profile(log: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="log"):
        RotationSettings.model_validate({"log": [{"name": "a", "files": "/srv/a.log"} | log]})


def test_two_logs_of_one_name_are_refused() -> None:
    one = {"name": "a", "files": "/srv/a.log"}
    with pytest.raises(ValueError, match="two logs"):
        RotationSettings.model_validate({"log": [one, one | {"files": "/srv/b.log"}]})
