"""Managed databases as they are drawn."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.aws.calls import Seat
from probes.aws.rds.facts import Cluster, Instance, Maintenance, RdsFacts, Reach, Snapshots, StoredSnapshot
from probes.aws.rds.gauges import measured
from probes.base import SafeText, Severity, Snapshot
from tests.toys import StillClock
from widgets.lines import Line
from widgets.panel import View, Worry
from widgets.rds import RdsPanel

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
GIB = 2.0**30
SEAT = Seat(SafeText("123456789012 eu-west-1 as ops/ann"), 41, 0.03)
TAKEN = StoredSnapshot(
    SafeText("rds:orders-1"), SafeText("orders"), "automated", "available", 1.0, NOW - timedelta(hours=30)
)
ORDERS = Instance(
    name="orders", status="available", engine=SafeText("postgres"), version=SafeText("15.8"), host=SafeText("o.rds"),
    port=5432, allocated=100 * GIB, storage="gp3", free=8 * GIB, full_in=90000.0, cpu=0.37, connections=41.0,
    multi_zone=True, snapshots=Snapshots(7, TAKEN, 6), pending=(SafeText("class db.r6g.xlarge"),),
    reach=(Reach("sg-1", False, SafeText("nobody reaches port 5432")),), public=False,
    maintenance=(Maintenance(SafeText("system-update"), SafeText(), NOW),),
)  # fmt: skip


def view(facts: RdsFacts, worries: tuple[Worry, ...] = ()) -> View[RdsFacts]:
    gauges = measured(facts, NOW, 26).values
    snapshot = Snapshot("db", StillClock().now(), 0.0, facts, gauges)
    return View("db", snapshot, lambda name, **labels: [1.0, None, 2.0], worries)


def text(lines: Any) -> str:
    return "\n".join(line.text for line in lines)


def drawn(facts: RdsFacts, width: int, worries: tuple[Worry, ...] = ()) -> str:
    panel, seen = RdsPanel(), view(facts, worries)
    return text([*panel.brief(seen, width), *panel.head(seen, width)])


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
def test_a_database_of_which_nothing_is_known_is_drawn_with_dashes(width: int) -> None:
    found = drawn(RdsFacts(SEAT, (Instance("orders"),), (Cluster("shop"),)), width)
    assert "–" in found
    assert "0 %" not in found
    assert "0 B" not in found


@pytest.mark.parametrize("width", [58, 80, 118, 200])
def test_state_and_free_storage_are_seen_at_every_width(width: int) -> None:
    found = drawn(RdsFacts(SEAT, (ORDERS,)), width)
    for words in ("orders", "available", "8 GiB free (8 %)", "123456789012"):
        assert words in found


def test_a_wide_screen_tells_load_snapshot_and_engine() -> None:
    found = drawn(RdsFacts(SEAT, (ORDERS,)), 200)
    for words in ("snapshot 1d06h", "cpu 37 %", "41 connections", "postgres 15.8", "full in 1d01h", "$0.03 a day"):
        assert words in found


def test_what_does_not_answer_is_never_drawn_as_well_and_comes_first() -> None:
    stopped = replace(ORDERS, name="ledger", status="stopped")
    panel, seen = RdsPanel(), view(RdsFacts(SEAT, (ORDERS, stopped), absent=("billing",)))
    lines: list[Line] = list(panel.brief(seen, 80))
    assert "there is no billing" in lines[0].text
    assert "ledger" in lines[1].text
    assert lines[1].severity is Severity.NOTICE
    assert not lines[1].text.startswith("●")
    assert "1 of 2 databases up" in "".join(str(getattr(one, "text", one)) for one in panel.headline(seen))


def test_an_alert_colours_its_own_database() -> None:
    worry = Worry(Severity.CRITICAL, "free_ratio", (("database", "orders"),), "full soon")
    (line,) = RdsPanel().brief(view(RdsFacts(SEAT, (ORDERS,)), (worry,)), 80)
    assert line.severity is Severity.CRITICAL


def test_a_snapshot_under_way_shows_how_far_it_is() -> None:
    going = StoredSnapshot(SafeText("x"), SafeText("orders"), "manual", "creating", 0.4)
    found = drawn(RdsFacts(SEAT, (replace(ORDERS, snapshots=Snapshots(1, TAKEN, 1, (going,))),)), 118)
    assert "snapshot 40 %" in found


def test_the_detail_of_an_instance_tells_what_matters_at_night() -> None:
    (table, clusters, snapshots, events) = RdsPanel.tables
    assert table.detail is not None
    found = text(table.detail(ORDERS))
    for words in (
        "class db.r6g.xlarge",
        "CLOSED: nobody reaches port 5432",
        "system-update",
        "7 available, 6 of the last 7",
    ):
        assert words in found
    assert clusters.detail is not None
    assert "not told" not in text(clusters.detail(Cluster("shop")))
    assert snapshots.subject is not None
    assert snapshots.subject(TAKEN) == "orders"
    assert events.rows(RdsFacts(SEAT)) == ()


def test_of_ten_thousand_databases_the_overview_draws_the_worst_in_a_moment() -> None:
    rows = [replace(ORDERS, name=f"db-{n:05}") for n in range(10_000)]
    rows[7777] = replace(rows[7777], status="failed")
    seen = view(RdsFacts(SEAT, tuple(rows)))
    began = time.process_time()
    lines = list(RdsPanel().brief(seen, 118))
    assert time.process_time() - began < 0.5
    assert "db-07777" in lines[0].text
    assert lines[-1].text == "and 9,960 more databases"
