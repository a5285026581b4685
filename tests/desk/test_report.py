"""Reports: what they say, and that what comes from outside does nothing in them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from desk.history.bucket import Bucket, Cell
from desk.report import capacity, paper
from desk.report.capacity import Watched, trend
from desk.report.paper import Amount, Report, Section, Span, Table
from probes.base import Capacity, GaugeKey, GaugeSpec, Unit

START = datetime(2026, 11, 1, tzinfo=UTC)
END = START + timedelta(days=14)
DISK = GaugeKey("disk_used_ratio", (("mount", "/data"),))
SPECS = (
    GaugeSpec("disk_used_ratio", "How full.", Unit.RATIO, capacity=Capacity.USED),
    GaugeSpec("free_ratio", "What is left.", Unit.RATIO, capacity=Capacity.LEFT),
    GaugeSpec("database_bytes", "Size.", Unit.BYTES, capacity=Capacity.SIZE),
    GaugeSpec("load_per_core", "Load.", capacity=Capacity.LOAD),
    GaugeSpec("uptime_seconds", "Since boot.", Unit.SECONDS),
)


class Kept:
    """A past that is a table."""

    def __init__(self, values: dict[GaugeKey, list[float]]) -> None:
        self.values = values

    def gauges(self, target: str) -> Iterable[GaugeKey]:
        return self.values

    def window(self, target: str, key: GaugeKey, since: float, until: float, step: float) -> Sequence[Bucket]:
        first = START.timestamp()
        return [
            Bucket(first + day * 86400, 600, Cell(1, one, one, one, one)) for day, one in enumerate(self.values[key])
        ]

    def watched(self, since: float, until: float) -> Sequence[tuple[float, float]]:
        return [(since, since + (until - since) / 2)]


def told(values: dict[GaugeKey, list[float]]) -> Report:
    return capacity.report("shop", [Watched("box", "host", SPECS)], Kept(values), START, END, END)


def tables(report: Report) -> dict[str, Table]:
    return {one.table.name: one.table for one in report.sections if one.table is not None}


def test_a_disk_that_fills_up_is_told_with_the_day_it_is_full() -> None:
    report = told({DISK: [0.60 + day / 100 for day in range(11)]})
    (row,) = tables(report)["used"].rows
    assert row[:3] == ("box", 'disk_used_ratio{mount="/data"}', Amount(0.7, Unit.RATIO))
    assert isinstance(row[-1], datetime)
    assert abs(row[-1] - END - timedelta(days=30)) < timedelta(seconds=1)
    assert 'box disk_used_ratio{mount="/data"} is at 70 %; at this pace its room is gone in 30 days' in (
        report.sections[0].lines
    )


def test_a_disk_that_is_gone_has_no_value_now_and_no_end() -> None:
    kept = Kept({DISK: [0.60 + day / 100 for day in range(5)]})
    (row,) = tables(told(kept.values))["used"].rows  # watched for three days more
    assert (row[2], row[-2], row[-1]) == (None, None, None)


def test_room_that_shrinks_is_told_by_its_lowest_value() -> None:
    report = told({GaugeKey("free_ratio"): [0.5 - day / 100 for day in range(11)]})
    (row,) = tables(report)["left"].rows
    assert row[4] == Amount(0.4, Unit.RATIO)
    assert "its room is gone in 40 days" in report.sections[0].lines[0]
    assert "watched for 50 % of this time" in report.sections[0].lines[-1]


def test_no_day_is_told_from_two_days_of_values() -> None:
    report = told({DISK: [0.2, 0.9]})
    (row,) = tables(report)["used"].rows
    assert row[-2:] == (None, None)
    assert "can't be told yet" in report.sections[0].lines[0]


def test_a_size_has_a_growth_but_no_day_on_which_it_is_full() -> None:
    report = told({GaugeKey("database_bytes"): [2**30 + day * 2**20 for day in range(8)]})
    table = tables(report)["size"]
    assert table.columns[-1] == "per_week"
    assert str(table.rows[0][-1]) == "+7 MiB"


def test_one_bad_day_does_not_move_a_trend() -> None:
    steady = [0.3] * 10
    steady[4] = 0.99
    found = trend(Kept({DISK: steady}).window("box", DISK, 0, 0, 600), Capacity.USED)
    assert found is not None
    assert (found.weekly, found.full_in) == (0.0, None)


def test_what_says_nothing_of_room_is_left_out() -> None:
    report = told({GaugeKey("uptime_seconds"): [1.0, 2.0, 3.0], GaugeKey("unknown"): [1.0]})
    assert not tables(report)
    assert "nothing is remembered" in report.sections[0].lines[0]


def test_the_fullest_stands_first() -> None:
    report = told({GaugeKey("disk_used_ratio", (("mount", name),)): [0.1, 0.1 + n / 10, 0.1 + n / 5]
                   for n, name in enumerate("abc")})  # fmt: skip
    assert [str(row[1])[-3] for row in tables(report)["used"].rows] == ["c", "b", "a"]


# on paper

NASTY = '=HYPERLINK("http://evil") | <img src=x> [a](javascript:b) `x`\n# not a title'


def sheet(*cells: paper.Cell) -> Report:
    table = Table("things", tuple(f"c{place}" for place in range(len(cells))), (cells,))
    return Report("toy", "Toy", "shop", END, START, END, (Section("All", (NASTY,), table), Section("Else")))


def test_text_from_outside_is_nothing_but_text_in_markdown() -> None:
    page = paper.as_markdown(sheet(NASTY, 3))
    for line in page.splitlines():
        assert line.count("|") - line.count("\\|") in (0, 3)
    assert "\n# not a title" not in page
    assert "<img" not in page.replace("\\<img", "")
    assert "](" not in page.replace("\\](", "")


@given(st.text())
def test_no_cell_of_a_table_begins_as_a_formula(text: str) -> None:
    rows = list(csv.reader(io.StringIO(paper.as_csv(sheet(text)), newline="")))
    assert rows[0] == ["table", "c0"]
    assert not rows[1][1].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert rows[1][1].removeprefix("'") == text.removeprefix("'")


def test_programs_get_base_units_and_people_human_ones() -> None:
    report = sheet(Amount(0.5, Unit.RATIO), Amount(2048, Unit.BYTES, signed=True), Span(90.0), START, None)
    (row,) = json.loads(paper.as_json(report))["sections"][0]["rows"]
    assert row == {"c0": 0.5, "c1": 2048, "c2": 90.0, "c3": "2026-11-01T00:00:00+00:00", "c4": None}
    assert "| 50 % | +2 KiB | 1m30s | 2026-11-01 00:00 | – |" in paper.as_markdown(report)


def test_a_table_without_rows_says_so() -> None:
    report = Report("toy", "Toy", "shop", END, START, END, (Section("All", (), Table("t", ("a",), ()), "no alert"),))
    assert paper.as_markdown(report).endswith("## All\n\nno alert.\n")
