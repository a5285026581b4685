"""Stored backups as they are drawn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from probes.aws.calls import Seat
from probes.aws.s3.facts import Guarding, S3Facts, Stored
from probes.base import SafeText, Severity, Snapshot
from tests.toys import StillClock
from widgets.panel import View, Worry
from widgets.s3 import S3Panel

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
SEAT = Seat(SafeText("a store at r2, region auto"), 4, None)
LAST = tuple(
    Stored(f"db/{n}.sql.gz", SafeText(f"db/{n}.sql.gz"), 2.0**20 * (10 - n), NOW - timedelta(hours=2 + 24 * n))
    for n in range(9)
)
FACTS = S3Facts(
    SEAT, SafeText("backups"), SafeText("db/"), SafeText("*"), "key id and secret key are both set", newest=LAST[0],
    age=7200.0, count=9, total=9.0 * 2**20, last=LAST, median=2.0**21 * 10, cadence=86400.0, listed_ago=61.0,
    missing=(date(2026, 2, 20),), guarding=Guarding("enabled", "AES256", "blocked"),
)  # fmt: skip
EMPTY = S3Facts(SEAT, SafeText("backups"), SafeText("db/"), SafeText("*"), "as the machine has it", count=0, total=0.0)


def view(facts: S3Facts, *worries: Worry) -> View[S3Facts]:
    return View("b", Snapshot("b", StillClock().now(), 0.0, facts), lambda name, **labels: [], worries)


def text(lines: Any) -> str:
    return "\n".join(line.text for line in lines)


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
def test_age_and_size_of_the_newest_are_seen_at_every_width(width: int) -> None:
    found = text(S3Panel().brief(view(FACTS), width))
    assert "2h00m old" in found
    assert "10 MiB" in found
    assert all(len(line.text) <= width for line in S3Panel().brief(view(FACTS), width))


def test_the_screen_of_a_bucket_tells_what_it_holds_and_how_it_is_guarded() -> None:
    found = text(S3Panel().head(view(FACTS), 118))
    for words in ("backups/db/", "50 % of 20 MiB", "9 backups, 9 MiB", "one every 1d00h", "1 day without: 02-20",
                  "versions enabled", "public access blocked", "both set", "1m01s ago", "a store at r2"):  # fmt: skip
        assert words in found


def test_nothing_there_is_said_and_is_no_zero() -> None:
    empty = Worry(Severity.CRITICAL, "empty", (), "x")
    (line,) = S3Panel().brief(view(EMPTY, empty), 80)
    assert "there is no backup here: backups/db/" in line.text
    assert line.severity is Severity.CRITICAL
    cut = replace(EMPTY, cut=True)
    assert "the newest can't be told" in text(S3Panel().brief(view(cut), 80))
    assert "0 B old" not in text(S3Panel().head(view(EMPTY), 80))


def test_a_table_of_them_with_their_looks() -> None:
    (table,) = S3Panel.tables
    assert table.looks == ("object",)
    assert next(table.key(one) for one in table.rows(FACTS)) == "db/0.sql.gz"
    assert all(column.cell(LAST[0]) is not None for column in table.columns)
