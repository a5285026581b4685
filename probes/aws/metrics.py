"""CloudWatch metrics: many at once, no oftener than they change, gaps kept as gaps.

A wrong dimension is answered with an empty list and no error, and a stopped service reports nothing: no data is
unknown, never zero (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from probes.aws.calls import Calls
from probes.base import finite

TOGETHER: Final = 500
"""Metrics in one call: the most GetMetricData takes."""
PERIOD: Final = 60
"""Seconds of one point."""
_SOON: Final = timedelta(seconds=120)
"""Points further in the future than this are left out: somebody's clock is wrong."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: every dimension that it has, or there is no answer."""

    namespace: str
    """AWS/ECS."""
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Average"
    """Average, Sum, Minimum, Maximum, SampleCount, or a percentile such as p95."""
    period: int = PERIOD
    """Seconds of one point; a multiple of 60."""


@dataclass(frozen=True, slots=True)
class Points:
    """What one metric was, oldest first."""

    times: tuple[datetime, ...] = ()
    values: tuple[float, ...] = ()

    @property
    def latest(self) -> float | None:
        """The newest value; None when there is none."""
        return self.values[-1] if self.values else None

    @property
    def at(self) -> datetime | None:
        """When that was, aware UTC."""
        return self.times[-1] if self.times else None


class Metrics:
    """The metrics of one target, asked for at most once a `period`."""

    def __init__(self, calls: Calls, span: float = 900.0, every: float = PERIOD) -> None:
        """`span` is how far back each answer reaches, `every` how old one may be before it is asked again; seconds."""
        self._calls = calls
        self._span = span
        self._every = every
        self._asked: dict[Metric, float] = {}
        self._known: dict[Metric, Points] = {}

    async def read(self, wanted: Mapping[str, Metric]) -> dict[str, Points]:
        """The points of each, those that are due asked anew. Raises `ProbeError`."""
        now = self._calls.context.monotonic()
        metrics = dict.fromkeys(wanted.values())
        due = [one for one in metrics if now - self._asked.get(one, -self._every) >= self._every]
        asked = iter(due)
        while some := list(islice(asked, TOGETHER)):
            self._known |= await self._ask(some)
            self._asked |= dict.fromkeys(some, now)
        for gone in self._asked.keys() - metrics.keys():
            del self._asked[gone]
            self._known.pop(gone, None)
        return {key: self._known.get(metric, Points()) for key, metric in wanted.items()}

    async def _ask(self, metrics: list[Metric]) -> dict[Metric, Points]:
        now = self._calls.context.now()
        found: dict[str, tuple[list[datetime], list[float]]] = {}
        token: dict[str, str] = {}
        while True:
            answer = await self._calls.read(
                "cloudwatch",
                "get_metric_data",
                MetricDataQueries=[_query(number, metric) for number, metric in enumerate(metrics)],
                StartTime=now - timedelta(seconds=self._span),
                EndTime=now,
                ScanBy="TimestampAscending",
                **token,
            )
            for result in answer.get("MetricDataResults") or ():
                times, values = found.setdefault(str(result.get("Id")), ([], []))
                times += result.get("Timestamps") or ()
                values += result.get("Values") or ()
            following = answer.get("NextToken")
            if not following or following == token.get("NextToken"):
                return {
                    metric: _points(*found.get(f"m{number}", ([], [])), now, metric)
                    for number, metric in enumerate(metrics)
                }
            token = {"NextToken": following}


def _query(number: int, metric: Metric) -> dict[str, Any]:
    return {
        "Id": f"m{number}",
        "ReturnData": True,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            },
            "Period": metric.period,
            "Stat": metric.statistic,
        },
    }


def _points(times: list[datetime], values: list[float], now: datetime, metric: Metric) -> Points:
    """In order of time, without what is not a number or not yet.

    Where several points were added up, the one of the minute that still goes on is left out: it is only a part.
    """
    summed = metric.statistic in ("Sum", "SampleCount")
    last = now - timedelta(seconds=metric.period) if summed else now + _SOON
    pairs = sorted(
        (at, number)
        for at, value in zip(times, values, strict=False)
        if (number := finite(value)) is not None and at <= last
    )
    return Points(tuple(at for at, _ in pairs), tuple(number for _, number in pairs))
