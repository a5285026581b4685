"""What a chart shows: the file and the memory joined without a seam, rates of counters, figures of a window."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.history import Bucket, Cell
from desk.history.course import at, figures, gaps, joined, rates
from desk.history.export import as_csv, as_json
from probes.base import GaugeKey


def reading(start: float, value: float, span: float = 0.0) -> Bucket:
    return Bucket(start, span, Cell(1, value, value, value, value))


def minute(number: int, value: float) -> Bucket:
    return reading(number * 60, value, 60)


def spans(found: list[Bucket]) -> list[tuple[float, float, float]]:
    return [(one.start, one.end, one.cell.last) for one in found]


def test_the_memory_goes_on_where_the_file_ends_and_nothing_is_there_twice() -> None:
    kept = [minute(0, 1.0), minute(1, 2.0), minute(2, 3.0)]
    recent = [(130.0, 3.5), (150.0, 3.6), (185.0, 4.0), (190.0, 5.0)]
    assert spans(joined(kept, recent, 40.0, 200)) == [
        (0, 60, 1.0), (60, 120, 2.0), (120, 185, 3.0), (185, 190, 4.0), (190, 200, 5.0)
    ]  # fmt: skip


def test_without_a_file_the_memory_is_all_there_is() -> None:
    assert spans(joined([], [(10.0, 1.0), (12.0, 2.0)], 5.0, 13)) == [(10, 12, 1.0), (12, 13, 2.0)]
    assert joined([], [(10.0, None)], 5.0, 13) == []


def test_a_value_holds_until_the_next_was_due_and_no_longer() -> None:
    assert spans(joined([], [(10.0, 1.0), (100.0, 2.0)], 5.0, 101)) == [(10, 15, 1.0), (100, 101, 2.0)]
    assert spans(joined([minute(0, 1.0), minute(5, 2.0)], [], 250.0, 9999)) == [(0, 300, 1.0), (300, 360, 2.0)]
    assert spans(joined([minute(0, 1.0), minute(5, 2.0)], [], 200.0, 9999)) == [(0, 60, 1.0), (300, 360, 2.0)]


def test_a_reading_without_a_value_ends_the_one_before_at_once() -> None:
    recent = [(10.0, 1.0), (12.0, None), (14.0, 2.0)]
    assert spans(joined([], recent, 9.0, 15)) == [(10, 12, 1.0), (14, 15, 2.0)]


RECENT = st.lists(st.tuples(st.integers(0, 500), st.none() | st.floats(-5, 5)), unique_by=lambda one: one[0]).map(
    sorted
)


@given(st.sets(st.integers(0, 8)), RECENT, st.integers(0, 90))
def test_joined_is_in_order_without_overlap_and_every_reading_is_in_it(
    minutes: set[int], recent: list[tuple[int, float | None]], patience: int
) -> None:
    kept = [minute(number, float(number)) for number in sorted(minutes)]
    found = joined(kept, [(float(when), value) for when, value in recent], float(patience), 600)
    assert all(one.end <= other.start for one, other in pairwise(found))
    starts = {one.start for one in found}
    first = min((when for when, value in recent if value is not None), default=600)
    for when, value in recent:
        if value is not None and not any(one.start <= first < one.end and when < one.end for one in kept):
            assert when in starts
    assert {one.start for one in kept if one.start < first} <= starts
    for start, end in gaps(found, 0, 600):
        assert at(found, (start + end) / 2) is None


def test_a_counter_is_shown_as_its_growth_and_a_restart_is_no_number() -> None:
    counted = [minute(0, 100.0), minute(1, 160.0), minute(2, 10.0), minute(3, 40.0), minute(9, 41.0), minute(10, 47.0)]
    found = rates(counted)
    assert [(one.start, one.cell.last) for one in found.buckets] == [(60, 1.0), (180, 0.5), (600, 0.1)]
    assert found.restarts == [120]


def test_a_restart_within_a_minute_is_recognised() -> None:
    fell = Bucket(60, 60, Cell(2, 1.0, 500.0, 501.0, 500.0, 1))
    assert rates([minute(0, 100.0), fell]).restarts == [60]
    assert rates([minute(0, 100.0), fell]).buckets == []


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=60))
def test_figures_are_those_of_all_readings(values: list[float]) -> None:
    found = figures([reading(float(number), value) for number, value in enumerate(values)])
    assert found is not None
    ordered = sorted(values)
    assert (found.least, found.most, found.last, found.readings) == (ordered[0], ordered[-1], values[-1], len(values))
    assert found.mean == pytest.approx(sum(values) / len(values), abs=1e-9)
    assert found.p95 in values
    assert sum(value <= found.p95 for value in values) >= 0.95 * len(values)


def test_there_are_no_figures_of_nothing() -> None:
    assert figures([]) is None


def test_a_file_for_others_has_every_value_and_no_formula() -> None:
    key = GaugeKey("depth", (("queue", "=cmd|' /C calc'!A0"),))
    shown = [(key, [minute(0, -1.5)]), (GaugeKey("@x"), [minute(1, 2.0)])]
    rows = list(csv.reader(io.StringIO(as_csv("=jobs", shown))))
    assert rows[1][:2] == ["1970-01-01T00:00:00.000Z", "60"]
    assert rows[1][2] == "'=jobs"
    assert rows[2][3] == "'@x"
    assert rows[1][4:] == ["-1.5", "-1.5", "-1.5", "-1.5", "1"]
    data = json.loads(as_json("=jobs", shown))
    assert data["gauges"][0]["labels"] == {"queue": "=cmd|' /C calc'!A0"}
    assert data["gauges"][1]["buckets"][0]["last"] == 2.0
