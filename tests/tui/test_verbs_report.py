"""`opsroom report` over what a session kept."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from desk.alert import Alert
from desk.history import Archive, Cell
from desk.history.rollup import Minute
from desk.inbox.case import What
from desk.inbox.record import STREAM, Record, written
from desk.store import FileStore, Row
from probes.base import GaugeKey, Handling, Severity
from tui.cli import main
from tui.places import Places

PROFILE = 'system = "shop"\nenvironment = "live"\n[host.box]\n'
NOW = datetime.now(UTC)
DISK = GaugeKey("disk_used_ratio", (("mount", "/data"),))
FULL = Alert(
    "box", "disk", Severity.WARNING, "disk_used_ratio", DISK.labels, "disk /data is 86 % full", 0.0,
    NOW - timedelta(hours=3), 0.86, Handling(aliases=("Disk Full",)),
)  # fmt: skip


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a system, for a person with that one profile."""
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    monkeypatch.delenv("OPSROOM_PROFILE", raising=False)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.toml").write_text(PROFILE)
    return Places.of({"OPSROOM_HOME": str(tmp_path)}).system("shop", "live")


def remember(folder: Path) -> None:
    """Ten days of a disk that fills up by a hundredth a day, watched for all of it."""
    archive = Archive.write(folder / "history.db")
    for day in range(10, 0, -1):
        at = int((NOW - timedelta(days=day)).timestamp()) // 60 * 60
        used = 0.9 - day / 100
        archive.add([Minute("box", at, {DISK: Cell(1, used, used, used, used)})], watched=at + 60)
    archive.close()


def record(folder: Path, *changes: tuple[What, timedelta, str]) -> None:
    store = FileStore.open(folder / "inbox.db")
    rows = []
    for number, (what, ago, by) in enumerate(changes):
        at = NOW - ago
        alert = FULL if what in (What.RAISED, What.CLEARED) else None
        rows.append(Row(f"r{number}", at, "c1", written(Record(f"r{number}", at, what, "c1", by, alert=alert))))
    store.append(STREAM, rows)
    store.close()


def call(*words: str) -> Result:
    return CliRunner().invoke(main, ("report", *words), prog_name="opsroom")


def test_the_capacity_report_tells_when_a_disk_is_full(kept: Path) -> None:
    remember(kept)
    done = call("capacity", "--as", "json")
    assert done.exit_code == 0, done.output
    sections = {one["title"]: one for one in json.loads(done.stdout)["sections"]}
    (row,) = sections["In use"]["rows"]
    assert (row["target"], row["gauge"], row["now"]) == ("box", 'disk_used_ratio{mount="/data"}', 0.89)
    assert row["per_week"] == pytest.approx(0.07)
    assert "its room is gone in 11 days" in sections["In short"]["lines"][0]


def test_a_report_is_written_to_a_file_that_was_not_there(kept: Path, tmp_path: Path) -> None:
    remember(kept)
    paper = tmp_path / "capacity.csv"
    assert call("capacity", "--as", "csv", "--to", str(paper)).exit_code == 0
    with paper.open(newline="") as file:
        assert next(csv.reader(file))[:3] == ["table", "target", "gauge"]
    again = call("capacity", "--as", "csv", "--to", str(paper))
    assert (again.exit_code, "it was not touched" in again.stderr) == (2, True)


def test_a_shift_tells_its_alerts_and_when_nobody_watched(kept: Path) -> None:
    record(
        kept,
        (What.RAISED, timedelta(hours=3), ""),
        (What.ACKNOWLEDGED, timedelta(hours=2), "ada"),
        (What.CLEARED, timedelta(hours=1), ""),
    )
    done = call("shift", "--since", "-8h")
    assert done.exit_code == 0, done.output
    assert "- 1 alert (1 warning), 0 still open" in done.stdout
    assert "disk /data is 86 % full | 2h00m" in done.stdout
    assert "| 1h00m | ada |" in done.stdout
    assert "it was watched all the time" not in done.stdout


def test_an_alert_is_found_by_another_name_of_it(kept: Path) -> None:
    record(kept, (What.RAISED, timedelta(hours=3), ""))
    done = call("alert", "disk full", "--as", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["alert"] for row in rows] == ["disk (/data)", "what"]
    assert rows[0]["cleared"] == ""


def test_a_name_that_no_alert_had_is_said(kept: Path) -> None:
    record(kept, (What.RAISED, timedelta(hours=3), ""))
    done = call("alert", "dsk")
    assert "did you mean disk?" in done.stderr
    assert "it was not raised in this time" in done.stdout


def test_nothing_kept_is_said_and_is_no_empty_report(kept: Path) -> None:
    done = call("capacity")
    assert (done.exit_code, done.stderr) == (
        2, "opsroom: nothing is kept of shop live yet; it is while a room is open on it\n"
    )  # fmt: skip


def test_a_file_of_something_else_is_named(kept: Path) -> None:
    kept.mkdir(parents=True, mode=0o700)
    (kept / "history.db").write_bytes(b"not a database" * 100)
    done = call("capacity")
    assert done.exit_code == 2
    assert "history" in done.stderr


@pytest.mark.parametrize(("since", "until"), [("soon", ""), ("-2h", "-3h"), ("2099-01-01", "")])
def test_times_that_make_no_shift_are_refused(kept: Path, since: str, until: str) -> None:
    done = call("shift", "--since", since, *(["--until", until] if until else []))
    assert done.exit_code == 2
    assert done.stderr.startswith("opsroom: --")
