"""The rotation panel on given facts: every width, gaps, logs in trouble first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.rotation.facts import Configuration, Holder, Journal, Log, LogFile, Loose, RotationFacts, Stanza
from probes.rotation.gauges import gauges_of
from widgets.lines import width_of
from widgets.panel import View, Worry
from widgets.rotation import RotationPanel

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
FILES = (
    LogFile("/var/log/shop", "app.log", 5 << 20, NOW.timestamp(), 1, 2, False),
    LogFile("/var/log/shop", "app.log.1", 9 << 20, NOW.timestamp() - 86400, 1, 3, True),
)
SHOP = Log("shop", "/var/log/shop/*.log", FILES, 0, 30 * 86400.0, 10**9, ("/etc/logrotate.d/shop",), 0, 86400.0, NOW,
           2000.0, True, 10**9)  # fmt: skip
LOST = replace(SHOP, name="lost", covered_by=(), uncovered=1,
               astray=(Holder(7, SafeText("node"), "/var/log/shop/app.log.1", 1, 3, True, False),))  # fmt: skip
BUSY = RotationFacts(
    (SHOP, LOST), (Configuration("/etc/logrotate.d/shop", (Stanza(("/var/log/shop/*.log",), 86400.0, 30),), "ab"),),
    NOW - timedelta(hours=4), Journal(1 << 30, SafeText("2G"), SafeText("1month")), (Loose(SafeText("web"), 100),), 3,
)  # fmt: skip
ODD = {
    "nothing": RotationFacts(),
    "busy": BUSY,
    "gaps": RotationFacts((Log("none", "/nowhere/*.log"),), journal=Journal(0)),
    "wide": replace(BUSY, logs=tuple(replace(LOST, name=f"{'long-' * 11}{n}") for n in range(40))),
}


def view(facts: RotationFacts, *worries: Worry) -> View[RotationFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return ()

    return View("logs", Snapshot("logs", NOW, 0.01, facts, gauges_of(facts, NOW).values), recent, worries)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_no_line_is_wider_than_it_may_be(facts: RotationFacts, width: int) -> None:
    panel = RotationPanel()
    for line in (*panel.brief(view(facts), width), *panel.head(view(facts), width)):
        assert width_of(line.spans) <= width, line.text
    assert panel.headline(view(facts))


def test_a_log_in_trouble_stands_first_with_who_writes_where() -> None:
    worry = Worry(Severity.WARNING, "astray", (("log", "lost"),), "astray")
    lines = RotationPanel().brief(view(BUSY, worry), 118)
    assert "node 7 writes into a rotated file" in lines[0].text
    assert "nothing rotates 1 file" in lines[0].text
    assert "rotated by shop" in lines[1].text
    assert "about 165 MiB/d" in lines[1].text


def test_a_log_of_which_not_all_files_were_read_says_so_in_its_row_and_its_sum() -> None:
    cut = replace(SHOP, left_out=310)
    (line, *_) = RotationPanel().brief(view(replace(BUSY, logs=(cut,))), 118)
    assert "14 MiB+" in line.text
    assert "2 of 312 files read" in line.text
    (table, *_) = RotationPanel().tables
    cells = [str(column.cell(cut)) for column in table.columns]
    assert "14 MiB+" in cells
    assert "2 of 312 files read, rotated by shop" in cells


def test_the_journal_has_a_line_of_its_own_that_the_acts_know() -> None:
    lines = RotationPanel().brief(view(BUSY), 118)
    (journal,) = [line for line in lines if line.key == "journal"]
    assert "1 GiB of 2G at most, for 1month" in journal.text


def test_every_table_draws_its_rows_and_what_is_missing_is_no_zero() -> None:
    for table in RotationPanel.tables:
        for row in table.rows(BUSY):
            assert all(str(column.cell(row)) for column in table.columns)
            if table.detail is not None:
                assert table.detail(row)
    (none,) = ODD["gaps"].logs
    cells = [str(column.cell(none)) for column in RotationPanel.tables[0].columns]
    assert cells[1] == "–"
    assert cells[-1] == "logrotate not known"
