"""The value of a rule's expression now: pure functions over the memory of gauges.

Missing is never zero: a gauge that the newest reading lacks, a window that was not watched long enough or was half
blind, and a share of nothing have no value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Final, Protocol, TypeAlias

from desk.condition import Across, Comparison, Expression, Gauge, Number, Over, Statistic, Sum, gauges
from desk.series import Series
from probes.base import GaugeKey

Labels: TypeAlias = tuple[tuple[str, str], ...]
Values: TypeAlias = Mapping[Labels, float]

Readings: TypeAlias = list[tuple[float, float | None]]
"""(moment, value) of each reading; None is a gap."""

_EARLY: Final = 0.1
"""Share of a window that may be missing at its beginning: readings don't come to the second."""

_SEEN: Final = 0.5
"""Share of a window's time that must have a value."""


class Memory(Protocol):
    """Where gauges are remembered: the board, or what was recorded."""

    def series(self, name: str) -> Series:
        """The history of a target."""
        ...

    def patience(self, name: str) -> float:
        """Seconds after which a value of it that was not renewed is called stale."""
        ...

    def answered(self, name: str) -> bool:
        """True when its newest reading succeeded, so that what it lacks is not there."""
        ...


Counter: TypeAlias = Callable[[str, str], bool]
"""(target, gauge): True when that gauge only grows until its source restarts."""


def values(of: Expression, memory: Memory, now: float, counter: Counter) -> Values:
    """What an expression is at `now` (monotonic seconds), for each set of labels; empty when there is no value."""
    match of:
        case Number():
            return {(): of.value}
        case Gauge():
            series = memory.series(of.source)
            found = {key.labels: series.latest(key) for key in _suitable(of, series)}
            return {labels: value for labels, value in found.items() if value is not None}
        case Over():
            return _over(of, memory.series(of.gauge.source), now, counter(of.gauge.source, of.gauge.name))
        case Across():
            if of.total == "count" and not all(memory.answered(one.source) for one in gauges(of.of)):
                return {}  # none were seen, which is not to say that there are none
            return _across(of, values(of.of, memory, now, counter))
        case Sum():
            return _joined(of.op, values(of.left, memory, now, counter), values(of.right, memory, now, counter))


COMPARE: Final[Mapping[Comparison, Callable[[float, float], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
"""What a comparison does."""


def _suitable(of: Gauge, series: Series) -> Iterable[GaugeKey]:
    for key in series.keys(of.name):
        labels = dict(key.labels)
        if all(where.suits(labels.get(where.label, "")) for where in of.where):
            yield key


def _over(of: Over, series: Series, now: float, counter: bool) -> Values:
    until = now - of.ago
    since = until - of.window
    if series.began is None or series.began > since + of.window * _EARLY:
        return {}
    found = {}
    for key in _suitable(of.gauge, series):
        value = statistic(of.statistic, series.window(key, since, until), counter)
        if value is not None:
            found[key.labels] = value
    return found


def statistic(which: Statistic, readings: Readings, counter: bool = False) -> float | None:
    """A statistic of one window; None when too few of its readings have a value.

    >>> window = [(0.0, 1.0), (10.0, None), (20.0, 3.0), (30.0, 8.0)]
    >>> statistic("avg", window), statistic("max", window), statistic("delta", window)
    (4.0, 8.0, 7.0)
    >>> statistic("avg", [(0.0, 1.0), (10.0, None), (20.0, None)]) is None
    True
    """
    known = [(at, value) for at, value in readings if value is not None]
    if not known or _seen(readings) < _SEEN:
        return None
    if which in ("rate", "delta"):
        return _growth(which == "rate", known, counter)
    numbers = [value for _, value in known]
    match which:
        case "avg":
            return sum(numbers) / len(numbers)
        case "min":
            return min(numbers)
        case "max":
            return max(numbers)
        case _:
            return quantile(numbers, int(which[1:]) / 100)


def _seen(readings: Readings) -> float:
    """The share of the time of these readings that had a value; each stands for the time since the one before.

    A target that fails is read less often: its few gaps may be most of the time.
    """
    steps = [(now - before, value) for (before, _), (now, value) in pairwise(readings)]
    whole = sum(step for step, _ in steps)
    if whole <= 0:
        return sum(value is not None for _, value in readings) / len(readings)
    return sum(step for step, value in steps if value is not None) / whole


def quantile(numbers: Iterable[float], share: float) -> float:
    """The value that a share of the numbers does not exceed, between two of them in proportion.

    Definition 7 of Hyndman and Fan, which most statistics programs use by default:
    https://doi.org/10.1080/00031305.1996.10473566

    >>> quantile([4, 1, 3, 2], 0.5), quantile([10], 0.95), quantile(range(101), 0.95)
    (2.5, 10, 95.0)
    """
    ordered = sorted(numbers)
    place = (len(ordered) - 1) * share
    below = int(place)
    if below + 1 >= len(ordered):
        return ordered[-1]
    return ordered[below] + (ordered[below + 1] - ordered[below]) * (place - below)


def _growth(rate: bool, known: list[tuple[float, float]], counter: bool) -> float | None:
    """How much a value has grown, or grew per second; a counter that went back has begun again at zero.

    As Prometheus counts it, but without guessing beyond the first and the last reading:
    https://prometheus.io/docs/prometheus/latest/querying/functions/#rate
    """
    (first_at, first), (last_at, last) = known[0], known[-1]
    if last_at <= first_at:
        return None
    grown = last - first
    if counter:
        steps = zip((value for _, value in known), (value for _, value in known[1:]), strict=False)
        grown = sum(after - before if after >= before else after for before, after in steps)
    return grown / (last_at - first_at) if rate else grown


def _across(of: Across, found: Values) -> Values:
    if of.total == "count":
        return {(): float(len(found))}
    if not found:
        return {}
    numbers = list(found.values())
    match of.total:
        case "sum":
            return {(): sum(numbers)}
        case "avg":
            return {(): sum(numbers) / len(numbers)}
        case "min":
            return {(): min(numbers)}
        case "max":
            return {(): max(numbers)}


def _joined(op: str, left: Values, right: Values) -> Values:
    """Values with the same labels belong together; a single one without labels goes with all."""
    if len(left) == 1 and () in left:
        return _known({labels: _done(op, left[()], value) for labels, value in right.items()})
    if len(right) == 1 and () in right:
        return _known({labels: _done(op, value, right[()]) for labels, value in left.items()})
    return _known({labels: _done(op, left[labels], right[labels]) for labels in left if labels in right})


def _known(found: Mapping[Labels, float | None]) -> Values:
    return {labels: value for labels, value in found.items() if value is not None}


_LARGEST: Final = 1e300


def _done(op: str, left: float, right: float) -> float | None:
    match op:
        case "+":
            found = left + right
        case "-":
            found = left - right
        case "*":
            found = left * right
        case _:
            if right == 0:
                return None
            found = left / right
    return found if abs(found) < _LARGEST else None
