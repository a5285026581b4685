"""What a reading is: a frozen `Snapshot` with typed facts for its own panel and plain gauges for everybody.

Missing is a gap and never a zero: a number that is absent, NaN or infinite is left out of the gauges.
Gauge names follow the Prometheus conventions (https://prometheus.io/docs/practices/naming/): base units,
suffixes `_seconds`, `_bytes`, `_ratio`, `_total`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Generic, Literal, NamedTuple, TypeVar

from probes.base.failure import Cause
from probes.base.text import SafeText

F = TypeVar("F", covariant=True)


class Unit(Enum):
    """Base unit of a gauge; decides how a person sees it."""

    COUNT = "count"
    SECONDS = "seconds"
    BYTES = "bytes"
    RATIO = "ratio"
    PER_SECOND = "per second"
    PER_MINUTE = "per minute"
    BYTES_PER_SECOND = "bytes per second"


class Capacity(Enum):
    """How a gauge tells that something fills up."""

    USED = "used"
    """A share in use: full at one."""
    LEFT = "left"
    """A share that is left: full at zero."""
    SIZE = "size"
    """Bytes or things that are kept, and mostly grow."""
    LOAD = "load"
    """What is asked of it in a while."""


@dataclass(frozen=True, slots=True)
class GaugeSpec:
    """The declaration of a gauge a kind gives: what it means, before any value."""

    name: str
    help: str
    """One sentence: what it counts and where it comes from."""
    unit: Unit = Unit.COUNT
    counter: bool = False
    """True when it only grows until its source restarts."""
    better: Literal["low", "high", "neither"] = "neither"
    """Which direction is good; drives the tone of a trend, never an alert."""
    capacity: Capacity | None = None
    """What it says of how full something gets; the capacity report follows it. None: nothing."""


class GaugeKey(NamedTuple):
    """A gauge of a target: its name and the labels that tell it from its likes."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if not self.labels:
            return self.name
        return self.name + "{" + ",".join(f'{key}="{value}"' for key, value in self.labels) + "}"


def finite(value: object) -> float | None:
    """The number as a float, or None when there is no honest number: missing, bool, text, NaN, infinite.

    >>> finite(3), finite("3"), finite(float("nan")), finite(True)
    (3.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


class Gauges:
    """Collects the gauges of one reading; what has no honest value is left out.

    >>> gauges = Gauges()
    >>> gauges.put("depth", 12, queue="mail")
    >>> gauges.put("depth", None, queue="ai")
    >>> [str(key) for key in gauges.values]
    ['depth{queue="mail"}']
    """

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[GaugeKey, float] = {}

    def put(self, name: str, value: float | None, **labels: str | SafeText) -> None:
        """Add a value in its base unit; None, NaN and infinity are gaps."""
        number = finite(value)
        if number is not None:
            pairs = tuple((key, str(text)) for key, text in sorted(labels.items()))
            self.values[GaugeKey(name, pairs)] = number


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a reading that could not be had, said rather than hidden."""

    part: str
    """What is missing, in a person's words: "other users' query text"."""
    cause: Cause
    hint: SafeText = SafeText()
    """What would bring it: "GRANT pg_monitor TO opsroom"."""


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[F]):
    """One complete reading of a target at one moment."""

    target: str
    """Name of the target."""
    taken_at: datetime
    """When the reading was complete, aware UTC."""
    took: float
    """Seconds the reading needed."""
    facts: F
    """Typed facts for the target's own panel."""
    gauges: Mapping[GaugeKey, float] = field(default_factory=dict)
    """Numbers for rules, history and sparklines, in base units."""
    gaps: tuple[Gap, ...] = ()
    """Parts that are missing, each with its reason."""

    def gauge(self, name: str, **labels: str) -> float | None:
        """The gauge of that name and exactly those labels, or None when it is missing."""
        return self.gauges.get(GaugeKey(name, tuple(sorted(labels.items()))))


class Rates:
    """Turns counters into rates: the difference of two readings over the time between them.

    The first reading and a counter that went back (its source restarted) give None: unknown, not zero.

    >>> rates = Rates()
    >>> rates.per_second("hits", 100, at=10.0), rates.per_second("hits", 130, at=12.0)
    (None, 15.0)
    >>> rates.per_second("hits", 5, at=14.0) is None
    True
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[object, tuple[float, float]] = {}

    def delta(self, key: object, value: float | None, at: float) -> tuple[float, float] | None:
        """(growth, seconds) since the last value of `key`; None when unknown."""
        if value is None:
            self._last.pop(key, None)
            return None
        before = self._last.get(key)
        self._last[key] = (value, at)
        if before is None or value < before[0] or at <= before[1]:
            return None
        return value - before[0], at - before[1]

    def per_second(self, key: object, value: float | None, at: float) -> float | None:
        """Growth per second since the last value of `key`; `at` is monotonic seconds."""
        grown = self.delta(key, value, at)
        return None if grown is None else grown[0] / grown[1]

    def forget(self, keep: set[object]) -> None:
        """Drop the memory of every key that is not in `keep`."""
        for key in self._last.keys() - keep:
            del self._last[key]
