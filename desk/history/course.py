"""What a chart shows of a gauge: what was kept on disk and the last hour at full resolution, joined; rates of counters.

Nothing is filled in: a value holds until the next reading was due (`patience`, as the board understands it), and then
there is a gap.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from desk.history.bucket import Bucket, Cell

Recent = Sequence[tuple[float, float | None]]
"""(moment, value) of each reading in memory, seconds since 1970; None is a reading that had no value."""


def joined(kept: Sequence[Bucket], recent: Recent, patience: float, until: float) -> list[Bucket]:
    """Buckets of the file, and readings of the memory from where it begins; in order, without overlap.

    Each holds until the next one, but `patience` seconds at most beyond its own time, never past `until` or a reading
    that had no value.

    >>> [(one.start, one.span) for one in joined([], [(0, 1.0), (2, 2.0), (4, None), (20, 1.0)], 5.0, 21)]
    [(0, 2), (2, 2), (20, 1)]
    """
    first = next((at for at, value in recent if value is not None), math.inf)
    older = [one for one in kept if one.start < first]
    begin = max(first, older[-1].end) if older else first
    found = [*older, *(_reading(at, value) for at, value in recent if at >= begin and value is not None)]
    missed = [at for at, value in recent if value is None]
    return [
        one._replace(span=_hold(one, found[number + 1].start if number + 1 < len(found) else until, patience, missed))
        for number, one in enumerate(found)
        if one.start <= until
    ]


def _reading(at: float, value: float) -> Bucket:
    return Bucket(at, 0.0, Cell(1, value, value, value, value))


def _hold(one: Bucket, following: float, patience: float, missed: Sequence[float]) -> float:
    if one.span:
        return following - one.start if following - one.end <= patience else one.span
    place = bisect_right(missed, one.start)
    none_at = missed[place] if place < len(missed) else math.inf
    return max(0.0, min(following, none_at, one.start + patience) - one.start)


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast a counter grew."""

    buckets: Sequence[Bucket]
    """Growth per second; absent where it is unknown."""
    restarts: Sequence[float]
    """When its source was restarted: the counter fell. Seconds since 1970."""


def rates(buckets: Sequence[Bucket]) -> Rates:
    """A counter's growth per second between each bucket and the one before, where no time is missing between them.

    A counter that fell means a restart: how much was counted between is unknown, not zero.
    """
    found, restarts = list[Bucket](), list[float]()
    for before, one in pairwise(buckets):
        if one.cell.fell or one.cell.last < before.cell.last:
            restarts.append(one.start)
        elif one.start <= before.end:
            seconds = _last_at(one) - _last_at(before)
            if seconds > 0:
                value = (one.cell.last - before.cell.last) / seconds
                found.append(
                    Bucket(one.start, one.span, Cell(one.cell.readings, value, value, value * one.cell.readings, value))
                )
    return Rates(found, restarts)


def _last_at(one: Bucket) -> float:
    """About when its last value was read."""
    return one.start if one.cell.readings == 1 and one.span < 60 else one.end


def at(buckets: Sequence[Bucket], moment: float) -> Bucket | None:
    """The bucket that holds a moment; None in a gap."""
    place = bisect_right(buckets, moment, key=lambda one: one.start) - 1
    if place < 0 or (moment >= buckets[place].end and moment != buckets[place].start):
        return None
    return buckets[place]


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a window."""

    least: float
    mean: float
    p95: float
    most: float
    last: float
    readings: int


def figures(buckets: Sequence[Bucket]) -> Figures | None:
    """Of all readings; the 95th percentile takes each bucket's mean for its readings. None when there are none."""
    if not buckets:
        return None
    readings = sum(one.cell.readings for one in buckets)
    mean = math.fsum(one.cell.mean * (one.cell.readings / readings) for one in buckets)
    ordered = sorted((one.cell.mean, one.cell.readings) for one in buckets)
    due, p95 = math.ceil(0.95 * readings), ordered[-1][0]
    for value, many in ordered:
        due -= many
        if due <= 0:
            p95 = value
            break
    least, most = min(one.cell.least for one in buckets), max(one.cell.most for one in buckets)
    return Figures(least, min(max(mean, least), most), p95, most, buckets[-1].cell.last, readings)


def gaps(buckets: Sequence[Bucket], since: float, until: float) -> list[tuple[float, float]]:
    """The spans of a window that no bucket covers, in order; shorter than a second is none.

    >>> gaps([Bucket(10, 5, Cell(1, 1, 1, 1, 1)), Bucket(15, 5, Cell(1, 1, 1, 1, 1))], 0, 30)
    [(0, 10), (20, 30)]
    """
    found, end = list[tuple[float, float]](), since
    for one in buckets:
        if one.start - end >= 1:
            found.append((end, min(one.start, until)))
        end = max(end, one.end)
    if until - end >= 1:
        found.append((end, until))
    return found
