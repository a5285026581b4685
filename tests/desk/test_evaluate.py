"""The value of an expression: over readings, windows and labels, and nothing where there is none."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.condition import parse_expression
from desk.evaluate import Values, quantile, statistic, values
from desk.series import Series
from probes.base import GaugeKey


class Past:
    """What is remembered of some targets; a reading each ten seconds, the newest at 1000."""

    def __init__(self, **targets: dict[str, list[float | None]]) -> None:
        self._series = {name: self._of(gauges) for name, gauges in targets.items()}
        self.silent = ""

    def _of(self, gauges: dict[str, list[float | None]]) -> Series:
        series = Series()
        longest = max(map(len, gauges.values()))
        for place in range(longest):
            reading = {}
            for text, column in gauges.items():
                name, _, label = text.partition(":")
                value = column[place - longest]
                if value is not None:
                    reading[GaugeKey(name, (("queue", label),) if label else ())] = value
            series.add(reading, 1000.0 - 10 * (longest - 1 - place))
        return series

    def series(self, name: str) -> Series:
        return self._series[name]

    def patience(self, name: str) -> float:
        return 20.0

    def answered(self, name: str) -> bool:
        return name != self.silent

    def value(self, text: str, counters: tuple[str, ...] = ()) -> Values:
        return values(parse_expression(text), self, 1000.0, lambda target, gauge: gauge in counters)


def q(name: str) -> tuple[tuple[str, str], ...]:
    return (("queue", name),)


def test_each_labelled_gauge_has_a_value_of_its_own() -> None:
    past = Past(jobs={"depth:mail": [1.0, 5.0], "depth:ai": [2.0, None], "depth:push": [None, 7.0]})
    assert past.value("jobs.depth") == {q("mail"): 5.0, q("push"): 7.0}
    assert past.value('jobs.depth{queue="mail"}') == {q("mail"): 5.0}
    assert past.value("sum(jobs.depth)") == {(): 12.0}
    assert past.value("count(jobs.depth)") == {(): 2.0}


def test_what_was_not_read_is_not_counted_as_none() -> None:
    past = Past(jobs={"depth:mail": [1.0]}, idle={"depth:ai": [1.0, None]})
    assert past.value("count(idle.depth)") == {(): 0.0}
    past.silent = "idle"
    assert past.value("count(idle.depth)") == {}
    assert past.value("count(jobs.depth)") == {(): 1.0}


def test_values_of_equal_labels_belong_together_and_a_single_one_goes_with_all() -> None:
    past = Past(
        jobs={"failed:mail": [2.0], "failed:ai": [0.0], "all:mail": [10.0], "all:ai": [0.0], "all:push": [3.0]},
        host={"cores": [4.0]},
    )
    assert past.value("jobs.failed / jobs.all") == {q("mail"): 0.2}
    assert past.value("jobs.all / host.cores") == {q("mail"): 2.5, q("ai"): 0.0, q("push"): 0.75}
    assert past.value("100 - jobs.failed") == {q("mail"): 98.0, q("ai"): 100.0}


def test_a_share_of_nothing_and_what_is_too_large_have_no_value() -> None:
    past = Past(a={"x": [1.0], "none": [0.0], "huge": [1e200]})
    assert past.value("a.x / a.none") == {}
    assert past.value("a.huge * a.huge") == {}


def test_a_window_that_was_not_watched_long_enough_has_no_value() -> None:
    past = Past(a={"x": [1.0] * 7})  # a minute
    assert past.value("avg(a.x, 1m)") == {(): 1.0}
    assert past.value("avg(a.x, 2m)") == {}


def test_a_window_of_some_time_ago_ends_there() -> None:
    past = Past(a={"x": [*map(float, range(13))]})
    assert past.value("max(a.x, 1m)") == {(): 12.0}
    assert past.value("max(a.x, 1m ago 1m)") == {(): 6.0}


def test_a_window_that_was_half_blind_has_no_value() -> None:
    assert Past(a={"x": [1.0, None, None, None, None, 3.0, None]}).value("avg(a.x, 1m)") == {}
    assert Past(a={"x": [1.0, None, 2.0, None, 3.0, None, 4.0]}).value("avg(a.x, 1m)") == {(): 2.5}


def test_the_gaps_of_a_target_that_is_read_less_often_count_by_their_time() -> None:
    often = [(2.0 * place, 1.0) for place in range(60)]
    seldom: list[tuple[float, float | None]] = [(118.0 + 60 * place, None) for place in range(1, 10)]
    assert statistic("avg", [*often, *seldom[:1]]) == 1.0
    assert statistic("avg", [*often, *seldom]) is None


def test_a_counter_that_began_again_has_grown_by_what_it_has_now() -> None:
    past = Past(a={"x": [100.0, 110.0, 120.0, 5.0, 15.0, 25.0, 35.0]})
    assert past.value("delta(a.x, 1m)", ("x",)) == {(): 55.0}
    assert past.value("rate(a.x, 1m)", ("x",)) == {(): pytest.approx(55 / 60)}
    assert past.value("delta(a.x, 1m)") == {(): -65.0}


def test_one_reading_has_no_growth() -> None:
    assert statistic("rate", [(0.0, 1.0)]) is None
    assert statistic("delta", []) is None


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=50))
def test_quantiles_are_those_of_the_standard_library(numbers: list[float]) -> None:
    ninety_nine = statistics.quantiles(numbers, n=100, method="inclusive")
    assert quantile(numbers, 0.95) == pytest.approx(ninety_nine[94], rel=1e-9, abs=1e-3)
    assert quantile(numbers, 0.5) == pytest.approx(ninety_nine[49], rel=1e-9, abs=1e-3)


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40))
def test_a_counter_never_shrinks(numbers: list[float]) -> None:
    readings = [(float(at), value) for at, value in enumerate(numbers)]
    grown = statistic("delta", [*readings], counter=True)
    assert grown is not None
    assert grown >= 0
