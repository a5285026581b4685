"""The chosen metrics: asked for as often as they change, drawn over the last hour, gaps kept as gaps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from probes.aws.calls import Calls, Refused
from probes.aws.cloudwatch.facts import Tile
from probes.aws.cloudwatch.settings import MetricSetting
from probes.aws.metrics import Metric, Metrics, Points
from probes.base import Cause, SafeText, Unit

HOUR: Final = 3600.0
_PERIODS: Final = 3
"""Periods that are always covered, for metrics that come once a day."""
_LATE: Final = 900.0
"""Seconds after its period in which a point may still come: many services report late."""
_AGAIN: Final = 300.0
"""Seconds after which a metric is asked for again, however long its period."""
_REFUSED: Final = 600.0
"""Seconds after which a metric that was refused is asked for again."""
_WHOLE: Final = (Cause.AUTH, Cause.DENIED, Cause.THROTTLED, Cause.CLOCK)
"""Causes that are the account's, not one metric's."""
_UNITS: Final = {
    "none": (Unit.COUNT, 1.0),
    "count": (Unit.COUNT, 1.0),
    "count/second": (Unit.PER_SECOND, 1.0),
    "seconds": (Unit.SECONDS, 1.0),
    "milliseconds": (Unit.SECONDS, 1e-3),
    "microseconds": (Unit.SECONDS, 1e-6),
    "bytes": (Unit.BYTES, 1.0),
    "kilobytes": (Unit.BYTES, 1e3),
    "megabytes": (Unit.BYTES, 1e6),
    "gigabytes": (Unit.BYTES, 1e9),
    "bytes/second": (Unit.BYTES_PER_SECOND, 1.0),
    "percent": (Unit.RATIO, 0.01),
    "ratio": (Unit.RATIO, 1.0),
}


class Tiles:
    """The chosen metrics of one target."""

    def __init__(self, calls: Calls, chosen: Sequence[MetricSetting]) -> None:
        self._calls = calls
        self._chosen = chosen
        self._refused: dict[str, float] = {}
        """Name -> when CloudWatch would not tell it, monotonic seconds."""
        periods = {one.period for one in chosen}
        self._asked = {one: Metrics(calls, span=span_of(one), every=min(float(one), _AGAIN)) for one in periods}

    async def read(self) -> tuple[Tile, ...]:
        """Each with its points; one that CloudWatch refuses costs itself only. Raises `ProbeError`."""
        found: dict[str, Points] = {}
        now = self._calls.context.monotonic()
        self._refused = {name: at for name, at in self._refused.items() if now - at < _REFUSED}
        for period, metrics in self._asked.items():
            wanted = {one.name: one.query for one in self._chosen if one.period == period}
            wanted = {name: query for name, query in wanted.items() if name not in self._refused}
            if not wanted:
                continue
            try:
                found |= await metrics.read(wanted)
            except Refused as error:
                if error.cause in _WHOLE:
                    raise
                found |= await self._apart(wanted, period, now)
        moment = self._calls.context.now()
        return tuple(tile_of(one, found.get(one.name), moment) for one in self._chosen)

    async def _apart(self, wanted: Mapping[str, Metric], period: int, now: float) -> dict[str, Points]:
        """Ask for each by itself, to learn which one is refused."""
        found: dict[str, Points] = {}
        for name, query in wanted.items():
            try:
                found |= await Metrics(self._calls, span=span_of(period)).read({name: query})
            except Refused as error:
                if error.cause in _WHOLE:
                    raise
                self._refused[name] = now
        return found

    def unread(self) -> tuple[Tile, ...]:
        """Each without any point, for when they could not be asked for."""
        now = self._calls.context.now()
        return tuple(tile_of(one, None, now) for one in self._chosen)


def span_of(period: int) -> float:
    """Seconds that are drawn: an hour, more for metrics with long periods."""
    return max(HOUR, float(_PERIODS * period))


def tile_of(chosen: MetricSetting, points: Points | None, now: datetime) -> Tile:
    """One metric as it is drawn; `points` None: it could not be asked for."""
    unit, scale = _UNITS[chosen.unit]
    got = points or Points()
    age = (now - got.at).total_seconds() if got.at is not None else math.inf
    stale = got.latest is not None and age > chosen.period * _PERIODS + _LATE
    return Tile(
        name=chosen.name,
        title=SafeText(chosen.title or chosen.name, 80),
        what=SafeText(f"{chosen.namespace} {chosen.metric} {chosen.stat}, {chosen.period} s", 300),
        dimensions=SafeText(", ".join(f"{name}={value}" for name, value in sorted(chosen.dimensions.items())), 400),
        unit=unit,
        scale=scale,
        course=course(got, chosen.period, scale, now) if got.times else (),
        latest=got.latest * scale if got.latest is not None and not stale else None,
        at=got.at.astimezone(UTC) if got.at else None,
        warn=chosen.warn * scale if chosen.warn is not None else None,
        critical=chosen.critical * scale if chosen.critical is not None else None,
        below=chosen.below,
        span=span_of(chosen.period),
        stale=stale,
        read=points is not None,
    )


def course(points: Points, period: int, scale: float, now: datetime) -> tuple[float | None, ...]:
    """The value of each period up to now, oldest first; a period without a point is None, never zero."""
    slots: list[float | None] = [None] * max(1, int(span_of(period) // period))
    last = int(now.timestamp() // period)
    for at, value in zip(points.times, points.values, strict=True):
        behind = last - int(at.timestamp() // period)
        if 0 <= behind < len(slots):
            slots[len(slots) - 1 - behind] = value * scale
    while len(slots) > 1 and slots[-1] is None and last - _newest(points, period) < _PERIODS:
        slots.pop()  # its points are late, as every service's are
        last -= 1
    return tuple(slots)


def _newest(points: Points, period: int) -> int:
    return int(points.times[-1].timestamp() // period)
