"""Reports in the room: asked for by name, made beside, read on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from desk.report.paper import Amount, Report, Section, Table
from probes.base import Unit
from tests.toys import room
from tests.tui.test_screens import sitting
from tui.reports import NoReport
from widgets.report import report_lines

AT = datetime(2026, 11, 21, 14, tzinfo=UTC)
LONG = Table(
    "used", ("target", "gauge", "now", "full_on"), (("box", "disk_used_ratio" * 8, Amount(0.89, Unit.RATIO), AT),)
)
PAGE = Report("capacity", "Capacity", "shop live", AT, AT, AT, (
    Section("In short", ("box is at 89 %; at this pace its room is gone in 11 days",)),
    Section("In use", table=LONG),
    Section("Sizes", table=Table("size", ("target",), ()), empty="nothing is measured"),
))  # fmt: skip


@dataclass
class Ready:
    """Reports that are there already, or can't be made."""

    fault: str = ""

    def capacity(self, now: datetime) -> Report:
        if self.fault:
            raise NoReport(self.fault)
        return PAGE


async def shown(reports: Any, *texts: str) -> None:
    made = room("shelf")
    made.reports = lambda: reports
    async with sitting(made) as person:
        await person.press("colon", *"report cap")
        await person.sees("report capacity")
        await person.press("enter")
        await person.sees(*texts)
        await person.press("escape")
        await person.sees("TOYS")


async def test_a_report_is_found_by_name_and_read() -> None:
    await shown(Ready(), "Capacity, made", "its room is gone in 11 days", "opsroom report capacity --to FILE")


async def test_why_there_is_no_report_is_said() -> None:
    await shown(Ready("nothing is kept of shop live yet"), "nothing is kept of shop live yet")


async def test_a_room_of_which_nothing_is_kept_offers_none() -> None:
    async with sitting() as person:
        await person.press("colon", *"report")
        await person.sees("Commands")
        await person.sees_no("report capacity")


def test_no_line_is_wider_than_the_screen_and_no_cell_is_lost_on_a_narrow_one() -> None:
    for width in (40, 60, 200):
        lines = [one.text for one in report_lines(PAGE, width)]
        assert all(len(one) <= width for one in lines)
        assert "89 %" in "".join(lines)
        assert "2026-11-21 14:00" in " ".join(" ".join(lines).split())
    assert "  nothing is measured" in lines
