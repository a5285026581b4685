"""From readings to a tile's number: rates, shares, averages and percentiles over the last seconds, not since the start.

A counter's growth is taken series by series; where one went back, its application began anew and that interval tells
nothing. A series that was not there before counts from zero, but only when the process is known to be the same
(`process_start_time_seconds`): clients make a labelled counter when it is first needed, and its first event is the one
that matters.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from probes.base import BadPath, Rates, SafeText, Unit, at_path, finite, parse_path
from probes.prometheus.metrics.exposition import Labels, Sample
from probes.prometheus.metrics.selector import Document, Selector, is_path, parse_selector
from probes.prometheus.tiles import Row, Tile, TileSettings, top_rows

START: Final = "process_start_time_seconds"
"""When the process began (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics)."""

_SHARES: Final = ("ratio", "average", "percentile")
_Key = tuple[str, Labels]


class MetricTile(TileSettings):
    """A tile of an application's own metrics."""

    source: str = Field(
        alias="from",
        min_length=1,
        max_length=1000,
        description='Which metric: http_requests_total{code=~"5.."}; or a number in JSON: $.queue.depth.',
    )
    how: Literal["value", "rate", "ratio", "average", "percentile"] = Field(
        "value",
        alias="as",
        description="value: as it is. rate: growth of a counter. ratio: growth against that of `of`. "
        "average, percentile: of what a histogram or summary has seen.",
    )
    of: str | None = Field(None, max_length=1000, description="For a ratio: the whole that `from` is a part of.")
    percentile: float = Field(0.95, gt=0, lt=1, description="Which percentile: 0.5, 0.95, 0.99.")
    window: float = Field(60.0, ge=1, le=3600, description="Seconds that growth is taken over.")
    least: float = Field(
        10.0, ge=0, allow_inf_nan=False, description="Events a ratio, average or percentile needs for an alert."
    )
    scale: float = Field(
        1.0, allow_inf_nan=False, description="Factor to the base unit: 0.001 for milliseconds with unit = seconds."
    )
    fold: Literal["sum", "max", "min", "mean"] = Field(
        "sum", description="What several series are made into, for as = value."
    )

    @field_validator("source", "of")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            try:
                _ = parse_path(text) if is_path(text) else parse_selector(text)
            except BadPath as error:
                raise ValueError(f"has a path that can't be read: {error}") from None
        return text

    @model_validator(mode="after")
    def _whole(self) -> MetricTile:
        if (self.how == "ratio") != (self.of is not None):
            raise ValueError("a ratio, and nothing else, needs `of`")
        if self.by and self.how not in ("value", "rate"):
            raise ValueError("`by` goes with as = value and as = rate")
        if is_path(self.source) and (self.by or self.how in ("average", "percentile")):
            raise ValueError("a number in JSON has no labels and no buckets")
        if self.of is not None and is_path(self.of) != is_path(self.source):
            raise ValueError("`from` and `of` are both metrics or both in JSON")
        return self

    @property
    def names(self) -> set[str]:
        """The names of the samples it is made from."""
        texts = [text for text in (self.source, self.of) if text is not None and not is_path(text)]
        names = {parse_selector(text).name for text in texts}
        if self.how in ("average", "percentile"):
            names |= {name + ending for name in names for ending in ("_sum", "_count", "_bucket")}
        return names

    @property
    def needed(self) -> float:
        """Events its number must be made of before a limit speaks."""
        return self.least if self.how in _SHARES else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, as tiles are made from it."""

    at: float
    """Monotonic seconds."""
    samples: Mapping[str, Sequence[Sample]] = field(default_factory=dict)
    document: Document | None = None
    now: float = 0.0
    """Wall time in seconds since 1970."""
    declared: Collection[str] = ()
    """Metrics that the answer speaks of, with samples or without."""
    same_process: bool = False
    """True when the process is known to be the one of the reading before."""
    new_process: bool = False
    """True when it is known to be another one."""


class _Unreadable(Exception):
    """There is no such number; the words say why."""


@dataclass(slots=True)
class _Interval:
    """What grew between two readings."""

    at: float
    seconds: float
    grown: Mapping[_Key, float]


class Growth:
    """The growth of some counters over a window, series by series."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._rates = Rates()
        self._known: set[_Key] = set()
        self._read_at: float | None = None
        self._intervals: deque[_Interval] = deque()

    def note(self, samples: Iterable[Sample], reading: Reading) -> None:
        """Take one reading."""
        if reading.new_process:
            self._rates.forget(set())
            self._known.clear()
            self._read_at = None
        grown: dict[_Key, float] = {}
        back = False
        before, self._read_at = self._read_at, reading.at
        here: set[_Key] = set()
        for sample in samples:
            key, value = (sample.name, sample.labels), finite(sample.value)
            if value is None:
                continue
            here.add(key)
            known = key in self._known
            step = self._rates.delta(key, value, reading.at)
            if step is not None:
                grown[key] = step[0]
            elif known:
                back = True  # it went back, or was missing for a while
            elif before is not None and reading.same_process:
                grown[key] = value
        self._rates.forget(set(here))
        self._known |= here
        if before is not None and not back and reading.at > before:
            self._intervals.append(_Interval(reading.at, reading.at - before, grown))
        while self._intervals and reading.at - self._intervals[0].at >= self._window:
            self._intervals.popleft()

    @property
    def seconds(self) -> float:
        """Seconds the window covers; 0 when nothing is known yet."""
        return sum(one.seconds for one in self._intervals)

    @property
    def rate(self) -> float:
        """Growth of all series together, per second."""
        return sum(self.total().values()) / self.seconds

    def total(self) -> dict[_Key, float]:
        """Growth of each series over the window."""
        found: dict[_Key, float] = {}
        for one in self._intervals:
            for key, value in one.grown.items():
                found[key] = found.get(key, 0.0) + value
        return found


class Meter:
    """One tile over time."""

    def __init__(self, settings: MetricTile) -> None:
        self.settings = settings
        self._growth = Growth(settings.window)
        self._whole = Growth(settings.window)
        self._path = parse_path(settings.source) if is_path(settings.source) else None
        self._of_path = parse_path(settings.of) if settings.of and is_path(settings.of) else None
        self._selector = None if self._path is not None else parse_selector(settings.source)
        self._of = parse_selector(settings.of) if settings.of and self._of_path is None else None

    def measure(self, tile: Tile, reading: Reading) -> Tile:
        """The tile with its number, or with why there is none."""
        try:
            return self._measure(tile, reading)
        except _Unreadable as error:
            return replace(tile, why=SafeText(str(error)))

    def _measure(self, tile: Tile, reading: Reading) -> Tile:
        how = self.settings.how
        if how in ("average", "percentile"):
            return self._average(tile, reading) if how == "average" else self._percentile(tile, reading)
        samples = self._found(reading, self._selector, self._path, "", none_is_zero=how != "value")
        if how == "value":
            return self._value(tile, samples, reading.now)
        self._growth.note(samples, reading)
        if how == "ratio":
            return self._ratio(tile, reading)
        return self._rate(tile)

    def _found(
        self,
        reading: Reading,
        selector: Selector | None,
        path: tuple[str | int, ...] | None,
        ending: str,
        none_is_zero: bool = False,
    ) -> list[Sample]:
        """The samples that are meant; raises `_Unreadable` when there is none.

        `none_is_zero`: of a counter that is there, labels which no series has yet have counted nothing.
        """
        if path is not None:
            if reading.document is None:
                raise _Unreadable("the answer is no JSON")
            there, value = at_path(reading.document.value, path)
            if not there:
                raise _Unreadable("is not in the document")
            number = finite(value)
            if number is None:
                raise _Unreadable("is null" if value is None else f"is a {type(value).__name__}, not a number")
            return [Sample("", (), number)]
        assert selector is not None
        if reading.document is not None:
            raise _Unreadable("the answer is JSON and has no metrics")
        found = [one for one in reading.samples.get(selector.name + ending, ()) if selector.chooses(one)]
        if not found:
            there = selector.name + ending in reading.samples
            if not (none_is_zero and (there or selector.name in reading.declared)):
                raise _Unreadable("no series has these labels" if there else "no data")
        return found

    # as = value

    def _value(self, tile: Tile, samples: list[Sample], now: float) -> Tile:
        settings = self.settings
        stamps = [sample.at for sample in samples if sample.at is not None]
        if stamps:
            tile = replace(tile, age=max(0.0, now - min(stamps)), exact_age=True)
        if settings.by:
            groups: dict[str, list[float]] = {}
            for sample in samples:
                groups.setdefault(sample.label(settings.by) or "", []).append(sample.value)
            return self._rows(tile, {of: self._folded(values) for of, values in groups.items()})
        notes = tile.notes
        if len(samples) > 1:
            notes = (*notes, SafeText(f"the {settings.fold} of {len(samples)} series"))
        value = self._folded([sample.value for sample in samples])
        if value is None:
            return replace(tile, why=SafeText("is no number (NaN or infinite)"), idle=True, notes=notes)
        return replace(tile, value=value, notes=notes)

    def _folded(self, values: list[float]) -> float | None:
        known = [number for number in map(finite, values) if number is not None]
        if not known:
            return None
        fold = self.settings.fold
        value = max(known) if fold == "max" else min(known) if fold == "min" else sum(known)
        return self._scaled(value / len(known) if fold == "mean" else value)

    def _scaled(self, value: float) -> float | None:
        return finite(value * self.settings.scale)

    def _rows(self, tile: Tile, values: Mapping[str, float | None]) -> Tile:
        none = f"no {self.settings.by}"
        rows, more = top_rows(self.settings, [Row(SafeText(of or none, 160), value) for of, value in values.items()])
        return replace(tile, rows=rows, more_rows=more)

    # as = rate, ratio

    def _rate(self, tile: Tile) -> Tile:
        if not self._growth.seconds:
            return replace(tile, why=_WAITS)
        span = 60.0 if self.settings.unit is Unit.PER_MINUTE else 1.0
        if not self.settings.by:
            return replace(tile, value=self._scaled(self._growth.rate * span))
        factor = span / self._growth.seconds
        total = self._growth.total()
        groups: dict[str, float] = {}
        for (_, labels), grown in total.items():
            of = dict(labels).get(self.settings.by, "")
            groups[of] = groups.get(of, 0.0) + grown
        return self._rows(tile, {of: self._scaled(grown * factor) for of, grown in groups.items()})

    def _ratio(self, tile: Tile, reading: Reading) -> Tile:
        self._whole.note(self._found(reading, self._of, self._of_path, ""), reading)
        return self._share(tile)

    def _share(self, tile: Tile) -> Tile:
        """One rate against the other: an interval that tells nothing of the one may tell of the other."""
        if not self._growth.seconds or not self._whole.seconds:
            return replace(tile, why=_WAITS)
        events = sum(self._whole.total().values())
        if events <= 0:
            return replace(tile, why=SafeText(f"no events in {self.settings.window:g} s"), idle=True, events=0.0)
        return replace(tile, value=self._scaled(self._growth.rate / self._whole.rate), events=events)

    # as = average, percentile

    def _average(self, tile: Tile, reading: Reading) -> Tile:
        self._growth.note(self._found(reading, self._selector, None, "_sum"), reading)
        self._whole.note(self._found(reading, self._selector, None, "_count"), reading)
        return self._share(tile)

    def _percentile(self, tile: Tile, reading: Reading) -> Tile:
        assert self._selector is not None
        if self._selector.name in reading.samples:
            return self._quantile(tile, reading)
        self._growth.note(self._found(reading, self._selector, None, "_bucket"), reading)
        if not self._growth.seconds:
            return replace(tile, why=_WAITS)
        buckets: dict[float, float] = {}
        for (_, labels), grown in self._growth.total().items():
            bound = _bound(dict(labels).get("le", ""))
            if bound is not None:
                buckets[bound] = buckets.get(bound, 0.0) + grown
        if len(buckets) < 2 or max(buckets) != float("inf"):
            raise _Unreadable('its buckets have no end (le="+Inf")')
        events = max(buckets.values())
        found = quantile(self.settings.percentile, buckets)
        if found is None:
            return replace(tile, why=SafeText(f"no events in {self.settings.window:g} s"), idle=True, events=0.0)
        value, at_least = found
        return replace(tile, value=self._scaled(value), at_least=at_least, events=events)

    def _quantile(self, tile: Tile, reading: Reading) -> Tile:
        """A summary's own quantile. Those of several series can't be put together: the greatest is shown, and said."""
        wanted = self.settings.percentile
        found = [
            sample
            for sample in self._found(reading, self._selector, None, "")
            if (own := _bound(sample.label("quantile") or "")) is not None and abs(own - wanted) < 1e-9
        ]
        if not found:
            raise _Unreadable(f"the summary has no quantile {wanted:g}")
        known = [value for value in (finite(sample.value) for sample in found) if value is not None]
        if not known:
            return replace(tile, why=SafeText("is NaN: nothing was seen"), idle=True)
        notes = tile.notes
        if len(known) > 1:
            notes = (*notes, SafeText(f"the greatest of {len(known)} series: quantiles can't be added"))
        notes = (*notes, SafeText("a summary's own quantile, over its own window"))
        return replace(tile, value=self._scaled(max(known)), notes=notes)


_WAITS: Final = SafeText("needs two readings")


def _bound(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value else None


def quantile(share: float, buckets: Mapping[float, float]) -> tuple[float, bool] | None:
    """(the quantile, is it only known to be at least that) from how many fell at or under each bound.

    Interpolates within a bucket as `histogram_quantile` does
    (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile). None: nothing fell anywhere.

    >>> quantile(0.5, {0.1: 0, 0.2: 10, float("inf"): 10}), quantile(0.99, {1.0: 5, float("inf"): 10})
    ((0.15000000000000002, False), (1.0, True))
    """
    bounds = sorted(buckets)
    counts: list[float] = []
    for bound in bounds:  # buckets are cumulative; readings of several series may be a moment apart
        counts.append(max(buckets[bound], counts[-1] if counts else 0.0))
    whole = counts[-1]
    if whole <= 0:
        return None
    rank = share * whole
    place = next(number for number, seen in enumerate(counts) if seen >= rank)
    if place == len(bounds) - 1:
        return bounds[-2], True
    if place == 0 and bounds[0] <= 0:
        return bounds[0], False
    start = bounds[place - 1] if place else 0.0
    under = counts[place - 1] if place else 0.0
    return start + (bounds[place] - start) * (rank - under) / (counts[place] - under), False
