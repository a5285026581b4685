"""Which alarms and metrics of an account are watched."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from probes.aws.metrics import Metric
from probes.aws.settings import AwsSettings
from probes.base import Shape

_STATISTIC: Final = r"^(?:Average|Sum|Minimum|Maximum|SampleCount|(?:p|tm|tc|ts|wm)\d{1,2}(?:\.\d{1,10})?|IQM)$"
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html."""

_Dashboard = Annotated[
    str, Shape(r"^[A-Za-z0-9_-]{1,255}$", 'the name of a dashboard: letters, digits, - and _, such as "shop-live"')
]
UnitName = Literal[
    "none", "count", "count/second", "seconds", "milliseconds", "microseconds", "bytes", "kilobytes", "megabytes",
    "gigabytes", "bytes/second", "percent", "ratio",
]  # fmt: skip
AlarmName = Annotated[str, Field(min_length=1, max_length=255)]


class MetricSetting(BaseModel):
    """One metric to be drawn over the last hour."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Shape(r"^[A-Za-z0-9_.-]{1,60}$", 'a short name without spaces, such as "api-latency"')] = (
        Field(description="A short name, unique in the target: api-latency.")
    )
    title: str = Field(default="", max_length=80, description="What a person calls it. Default: the name.")
    namespace: str = Field(min_length=1, max_length=255, description="AWS/ECS, AWS/ApplicationELB, AWS/RDS ...")
    metric: str = Field(min_length=1, max_length=255, description="CPUUtilization, TargetResponseTime ...")
    dimensions: dict[str, str] = Field(
        default_factory=dict,
        max_length=30,
        description="Every dimension the metric has, or there is no data: ECS needs ClusterName and ServiceName.",
    )
    stat: Annotated[str, Shape(_STATISTIC, 'a statistic, such as "Average", "Sum", "Maximum" or "p95"')] = Field(
        default="Average", description="Average, Sum, Maximum, p95 ..."
    )
    period: int = Field(default=60, ge=60, le=86400, multiple_of=60, description="Seconds of one point.")
    unit: UnitName = Field(default="none", description="The unit CloudWatch gives it in, so that it can be told well.")
    warn: float | None = Field(default=None, description="From here on it is a warning, in that unit.")
    critical: float | None = Field(default=None, description="From here on it is critical, in that unit.")
    below: bool = Field(default=False, description="The limits are lower ones: free storage, healthy hosts.")

    @field_validator("unit", mode="before")
    @classmethod
    def _as_cloudwatch_writes(cls, unit: object) -> object:
        return unit.lower() if isinstance(unit, str) else unit

    @model_validator(mode="after")
    def _in_order(self) -> MetricSetting:
        if self.warn is not None and self.critical is not None:
            wrong = self.critical > self.warn if self.below else self.critical < self.warn
            if wrong:
                raise ValueError("critical must lie beyond warn; with lower limits set below = true")
        return self

    @property
    def query(self) -> Metric:
        """What CloudWatch is asked for."""
        return Metric(self.namespace, self.metric, tuple(sorted(self.dimensions.items())), self.stat, self.period)


class CloudWatchSettings(AwsSettings):
    """Alarms and metrics of one account and region."""

    every: float = Field(default=60.0, ge=0.5, le=3600, description="Seconds between two readings.")
    alarms: tuple[AlarmName, ...] = Field(
        default=(),
        max_length=1000,
        description='Names of alarms, or patterns with * and ?: "production-*". Default: all of the region.',
    )
    metrics: tuple[MetricSetting, ...] = Field(default=(), max_length=100, description="Metrics to draw.")
    dashboards: tuple[_Dashboard, ...] = Field(default=(), max_length=50, description="Names of dashboards to link to.")

    @field_validator("metrics")
    @classmethod
    def _unique(cls, metrics: tuple[MetricSetting, ...]) -> tuple[MetricSetting, ...]:
        names = [one.name for one in metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two metrics are named {twice[0]}")
        return metrics


def prefix_of(pattern: str) -> str:
    """What every name that fits a pattern begins with.

    >>> prefix_of("production-*-cpu"), prefix_of("*")
    ('production-', '')
    """
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def is_pattern(text: str) -> bool:
    """True for a pattern, false for a name."""
    return "*" in text or "?" in text


def fitting(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Tells whether a name fits one of these names and patterns; with none every name does. Case counts.

    >>> fits = fitting(["production-*", "db?"])
    >>> fits("production-[a]"), fits("db1"), fits("Production-x"), fitting([])("any")
    (True, True, False, True)
    """
    if not patterns:
        return lambda name: True
    parts = ("".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in one) for one in patterns)
    whole = re.compile("|".join(f"(?:{part})" for part in parts), re.DOTALL)
    return lambda name: whole.fullmatch(name) is not None
