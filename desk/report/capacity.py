"""How full it is getting: every gauge that tells of room, its trend, and when the room would be gone.

The trend is the median of the slopes between all pairs of days (Theil and Sen, https://doi.org/10.2307/2285891), of
each day's highest value: a night's clean-up or one bad hour moves it little. No date is told from less than three days.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from statistics import median
from typing import Final, Protocol

from desk.history.bucket import Bucket, together
from desk.report.paper import Amount, Cell, Report, Section, Table
from probes.base import Capacity, GaugeKey, GaugeSpec, Unit

DAYS: Final = 3
"""Days with values that a trend needs."""

WEEK: Final = 7.0

_STEP: Final = 600.0
"""Seconds of a bucket that is asked for."""

FAR: Final = 400.0
"""Days beyond which no date is told: nobody knows."""

_GONE: Final = 3
"""Steps before the last watched moment after which a gauge without values is not there any more."""

_NAMED: Final = 5
"""Shares that the summary names."""

_NO_DAY: Final = 1e15
"""Stands after every day, with room for what is fuller to stand before what is less full."""

_STEADY: Final = 0.0005
"""Growth of a share in a week that is none."""

_TITLES: Final[Mapping[Capacity, str]] = {
    Capacity.USED: "In use",
    Capacity.LEFT: "Room that is left",
    Capacity.SIZE: "Sizes",
    Capacity.LOAD: "Load",
}


class Past(Protocol):
    """What is remembered of every gauge; `desk.history.past.Past` is one. Moments are seconds since 1970, UTC."""

    def gauges(self, target: str) -> Iterable[GaugeKey]:
        """The gauges of a target that have values."""
        ...

    def window(self, target: str, key: GaugeKey, since: float, until: float, step: float) -> Sequence[Bucket]:
        """Its values in order of time; what is missing is absent."""
        ...

    def watched(self, since: float, until: float) -> Sequence[tuple[float, float]]:
        """The spans of time in which somebody watched."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """A target whose room is reported."""

    name: str
    kind: str
    specs: tuple[GaugeSpec, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a gauge is going."""

    weekly: float
    """Change in a week, in its unit."""
    days: int
    """Days with values behind it."""
    full_in: float | None
    """Days until a share is at its end; None: it does not go there, or nobody can tell."""


def report(
    system: str, targets: Iterable[Watched], past: Past, since: datetime, until: datetime, made: datetime
) -> Report:
    """The capacity report of a system."""
    rows: dict[Capacity, list[tuple[float, tuple[Cell, ...]]]] = {sort: [] for sort in Capacity}
    spans = past.watched(since.timestamp(), until.timestamp())
    seen = max((end for _, end in spans), default=0.0)
    for target in targets:
        specs = {spec.name: spec for spec in target.specs if spec.capacity is not None}
        for key in sorted(past.gauges(target.name)):
            spec = specs.get(key.name)
            if spec is None or spec.capacity is None:
                continue
            buckets = past.window(target.name, key, since.timestamp(), until.timestamp(), _STEP)
            if not buckets:
                continue
            there = buckets[-1].at.timestamp() + _GONE * _STEP >= seen
            rows[spec.capacity].append(_row(target.name, key, spec, buckets, until if there else None))
    watched = sum(end - start for start, end in spans)
    share = watched / max(1.0, (until - since).total_seconds())
    sections = [_summary(rows, min(1.0, share)), *(_section(sort, found) for sort, found in rows.items() if found)]
    return Report("capacity", "Capacity", system, made, since, until, tuple(sections))


def trend(buckets: Sequence[Bucket], sort: Capacity) -> Trend | None:
    """Where it goes, by each day's worst value; None from less than three days.

    >>> from desk.history.bucket import Cell
    >>> used = [Bucket(n * 86400.0, 600, Cell(1, 0.0, 0.5 + n / 100, 0.0, 0.0)) for n in range(11)]
    >>> found = trend(used, Capacity.USED)
    >>> round(found.weekly, 3), found.days, round(found.full_in)
    (0.07, 11, 40)
    """
    daily: dict[int, float] = {}
    left = sort is Capacity.LEFT
    for one in buckets:
        day = one.at.toordinal()
        worst = one.cell.least if left else one.cell.most
        daily[day] = worst if day not in daily else (min if left else max)(daily[day], worst)
    if len(daily) < DAYS:
        return None
    slope = median((late - early) / (then - first) for (first, early), (then, late) in combinations(daily.items(), 2))
    newest = daily[max(daily)]
    return Trend(slope * WEEK, len(daily), _full_in(newest, slope, sort))


def _full_in(newest: float, slope: float, sort: Capacity) -> float | None:
    if sort not in (Capacity.USED, Capacity.LEFT) or abs(slope * WEEK) < _STEADY:
        return None
    room = newest if sort is Capacity.LEFT else 1.0 - newest
    toward = -slope if sort is Capacity.LEFT else slope
    if room <= 0:
        return 0.0
    return room / toward if toward > 0 and room / toward <= FAR else None


def _row(
    target: str, key: GaugeKey, spec: GaugeSpec, buckets: Sequence[Bucket], until: datetime | None
) -> tuple[float, tuple[Cell, ...]]:
    """(how soon it is full, the cells). `until` is now; None: it is not there any more, and nothing is foretold."""
    assert spec.capacity is not None
    going = None if until is None else trend(buckets, spec.capacity)
    newest = buckets[-1].cell.last
    whole = together(one.cell for one in buckets)
    worst = whole.least if spec.capacity is Capacity.LEFT else whole.most
    cells: list[Cell] = [
        target,
        str(key),
        None if until is None else Amount(newest, spec.unit),
        Amount(whole.mean, spec.unit),
        Amount(worst, spec.unit),
        None if going is None else Amount(going.weekly, spec.unit, signed=True),
    ]
    full_in = None if going is None else going.full_in
    if spec.capacity in (Capacity.USED, Capacity.LEFT):
        cells.append(None if full_in is None or until is None else until + timedelta(days=full_in))
    if full_in is not None:
        return full_in, tuple(cells)
    return _NO_DAY + (newest if spec.capacity is Capacity.LEFT else -newest), tuple(cells)


def _section(sort: Capacity, found: list[tuple[float, tuple[Cell, ...]]]) -> Section:
    worst = "lowest" if sort is Capacity.LEFT else "highest"
    columns = ["target", "gauge", "now", "mean", worst, "per_week"]
    if sort in (Capacity.USED, Capacity.LEFT):
        columns.append("full_on")
    ordered = sorted(found, key=lambda one: (one[0], str(one[1][:2])))
    return Section(_TITLES[sort], table=Table(sort.value, tuple(columns), tuple(cells for _, cells in ordered)))


def _summary(rows: Mapping[Capacity, list[tuple[float, tuple[Cell, ...]]]], watched: float) -> Section:
    if not any(rows.values()):
        return Section("In short", ("nothing is remembered of this time: the room was not open then",))
    shares = sorted((*rows[Capacity.USED], *rows[Capacity.LEFT]), key=lambda one: one[0])
    lines: list[str] = []
    for soon, cells in shares[:_NAMED]:
        if soon <= FAR:
            when = "now" if soon < 1 else f"in {soon:.0f} days"
            lines.append(f"{cells[0]} {cells[1]} is at {cells[2]}; at this pace its room is gone {when}")
    told = any(cells[5] is not None for found in rows.values() for _, cells in found)
    if not told:
        lines.append(f"where it goes can't be told yet: a trend needs values of {DAYS} days")
    elif not lines:
        lines.append(f"nothing here is full within {FAR:.0f} days at its present pace")
    lines.append(f"watched for {Amount(watched, Unit.RATIO)} of this time; what was not watched is in no figure")
    return Section("In short", tuple(lines))
