"""The memory of gauges: one axis of time, gaps that stay gaps, an hour and no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from desk.series import Series
from probes.base import GaugeKey

X = GaugeKey("x")


def pods(*names: int) -> dict[GaugeKey, float]:
    return {GaugeKey("x", (("id", str(name)),)): float(name) for name in names}


def test_too_many_labels_cost_no_memory_and_are_told() -> None:
    series = Series(most=10)
    for at in range(3):
        series.add(pods(*range(1000)), at)
    assert len(list(series.keys())) == 10
    assert series.crowded


def test_of_too_many_labels_those_that_went_longest_ago_make_room() -> None:
    series = Series(most=3)
    for at, reading in enumerate((pods(1, 2, 3), pods(2, 3), pods(3), pods(3, 4))):
        series.add(reading, at)
    assert {key.labels[0][1] for key in series.keys("x")} == {"2", "3", "4"}
    assert not series.crowded


def test_a_gauge_that_went_away_is_forgotten_when_its_hour_is_over() -> None:
    series = Series(span=100)
    series.add({X: 1.0}, 0)
    for at in range(1, 101):
        series.miss(at)
    assert list(series.keys("x")) == [X]
    for at in range(101, 300):
        series.miss(at)
    assert list(series.keys("x")) == []


def test_a_window_has_both_of_its_ends_and_its_gaps() -> None:
    series = Series()
    for at in range(5):
        series.add({X: float(at)} if at != 2 else {}, at * 10)
    assert series.window(X, 10, 30) == [(10, 1.0), (20, None), (30, 3.0)]
    assert series.window(GaugeKey("y"), 0, 40) == []


def test_readings_before_a_gauge_first_came_are_gaps_in_its_window() -> None:
    series = Series()
    series.miss(0)
    series.add({X: 1.0}, 10)
    assert series.window(X, 0, 10) == [(0, None), (10, 1.0)]
    assert series.values("x") == [1.0]


def test_the_newest_value_is_none_once_a_reading_lacks_it() -> None:
    series = Series()
    series.add({X: 1.0}, 0)
    assert series.latest(X) == 1.0
    series.miss(1)
    assert series.latest(X) is None


@given(st.lists(st.tuples(st.floats(0.1, 50), st.none() | st.floats(-1e6, 1e6)), max_size=400))
def test_what_is_kept_is_what_was_told_and_nothing_that_is_too_old(steps: list[tuple[float, float | None]]) -> None:
    series, at, told = Series(span=500), 0.0, list[tuple[float, float | None]]()
    for step, value in steps:
        at += step
        series.add({} if value is None else {X: value}, at)
        told.append((at, value))
    kept = series.window(X, at - 500, at)
    wanted = [one for one in told if one[0] >= at - 500]
    first = next((place for place, one in enumerate(told) if one[1] is not None), None)
    if first is None or all(value is None for _, value in wanted):
        assert all(value is None for _, value in kept)
    else:
        assert kept == wanted
