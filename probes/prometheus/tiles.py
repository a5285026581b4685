"""A tile: one number that somebody asked for, with its limits. Prometheus and an application's own metrics share it.

A limit written in a tile becomes a rule of that one target: its words have the tile's unit, no `[[rule]]` is needed.
Its gauge carries no label: a number that goes missing leaves its alert as it is instead of ending it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from probes.base import WRITTEN, GaugeKey, Gauges, GaugeSpec, Handling, Rule, SafeText, Severity, Shape, Unit

MOST_TILES: Final = 60
"""Tiles of one target."""
MOST_ROWS: Final = 50
"""Rows of one tile that a profile may ask for."""
BLIND: Final = 120.0
"""Seconds without data after which a tile with a limit raises an alert of its own: it guards nothing."""

Name = Annotated[
    str,
    Shape(r"^[a-z][a-z0-9_]{0,39}$", 'a name of small letters, digits and _, such as "error_rate"'),
    Field(description="Unique in the target: error_rate."),
]
Label = Annotated[
    str, Shape(r"^[A-Za-z_][A-Za-z0-9_]{0,99}$", 'the name of a label: letters, digits and _, such as "instance"')
]


class TileSettings(BaseModel):
    """What every tile has: its name, its unit, its limits."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Name
    title: str = Field("", max_length=40, description="What a person reads. Default: the name.")
    unit: Unit = Field(Unit.COUNT, description="What the number counts; decides how it is written.")
    by: Label | None = Field(None, description="One row for each value of this label, instead of one number.")
    top: int = Field(10, ge=1, le=MOST_ROWS, description="Rows kept, the greatest first (with when = below the least).")
    warning: float | None = Field(None, allow_inf_nan=False, description="Limit of a warning, in the base unit.")
    critical: float | None = Field(None, allow_inf_nan=False, description="Limit of a critical alert.")
    when: Literal["above", "below"] = Field("above", description="On which side of its limits the number is bad.")
    lasts: float = Field(
        0.0, alias="for", ge=0, le=86400, allow_inf_nan=False, description="Seconds it must be bad before an alert."
    )

    @model_validator(mode="after")
    def _ordered(self) -> TileSettings:
        if self.warning is None or self.critical is None or self.warning == self.critical:
            return self
        if (self.critical > self.warning) != (self.when == "above"):
            other = "below" if self.when == "above" else "above"
            raise ValueError(f'critical must lie {self.when} warning; or set when = "{other}"')
        return self

    @property
    def label(self) -> str:
        """What a person reads."""
        return str(SafeText(self.title or self.name.replace("_", " "), 40))

    @property
    def limits(self) -> tuple[tuple[Severity, float], ...]:
        """The limits that are set, the milder first."""
        both = ((Severity.WARNING, self.warning), (Severity.CRITICAL, self.critical))
        return tuple((severity, limit) for severity, limit in both if limit is not None)

    def beyond(self, value: float, limit: float) -> bool:
        """Is the number on the bad side of a limit."""
        return value > limit if self.when == "above" else value < limit


T = TypeVar("T", bound=TileSettings)


def unique(tiles: Sequence[T]) -> Sequence[T]:
    """The tiles, when each has a name of its own; raises ValueError."""
    names = [tile.name for tile in tiles]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two tiles are named {twice[0]}")
    return tiles


@dataclass(frozen=True, slots=True)
class Row:
    """One of a tile's numbers, by its label."""

    of: SafeText
    value: float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """A tile's course as its source remembers it."""

    points: tuple[float | None, ...]
    """Oldest first; None is a gap."""
    step: float
    """Seconds between two points."""
    ends_ago: float
    """Seconds since the last point, by the source's clock."""

    @property
    def last_ago(self) -> float | None:
        """Seconds since the last point that has a value; None: none has."""
        for back, value in enumerate(reversed(self.points)):
            if value is not None:
                return self.ends_ago + back * self.step
        return None


@dataclass(frozen=True, slots=True)
class Tile:
    """One number as it is now, or why there is none."""

    name: str
    title: str
    unit: Unit
    value: float | None = None
    """In its base unit."""
    why: SafeText = SafeText()
    """Why there is no number; empty when there is one."""
    idle: bool = False
    """True when the answer is sound and yet no number: NaN, a share of no events."""
    blind: float | None = None
    """Seconds since there was a sound answer, when there is none."""
    at_least: bool = False
    """True when the number is only known to be at least this."""
    by: str = ""
    """The label of its rows; empty: one number."""
    rows: tuple[Row, ...] = ()
    more_rows: int = 0
    """Rows left out."""
    age: float | None = None
    """Seconds since the number was measured, by the source's clock."""
    exact_age: bool = False
    """True when that is the sample's own time, false when it is when it was worked out."""
    events: float | None = None
    """Events it is made of, where it is a share or an average of some."""
    over: Mapping[Severity, float] | None = None
    """Seconds it has been beyond each limit without a break, where the source remembers."""
    chart: Chart | None = None
    warning: float | None = None
    critical: float | None = None
    when: str = "above"
    lasts: float = 0.0
    source: SafeText = SafeText()
    """What is asked: the expression, or the metric."""
    notes: tuple[SafeText, ...] = ()
    """What a person should know about it: warnings of the server, what was left out."""


def new_tile(settings: TileSettings, source: str) -> Tile:
    """A tile without a number."""
    return Tile(
        name=settings.name,
        title=settings.label,
        unit=settings.unit,
        by=settings.by or "",
        warning=settings.warning,
        critical=settings.critical,
        when=settings.when,
        lasts=settings.lasts,
        source=SafeText(source, 2000),
    )


def top_rows(settings: TileSettings, rows: Iterable[Row]) -> tuple[tuple[Row, ...], int]:
    """(the rows to show, how many are left out). Those without a number come last."""
    known = list(rows)
    known.sort(key=lambda row: row.of)
    known.sort(key=lambda row: -(row.value or 0.0) if settings.when == "above" else (row.value or 0.0))
    known.sort(key=lambda row: row.value is None)
    return tuple(known[: settings.top]), max(0, len(known) - settings.top)


class Sight:
    """When each tile last had a sound answer."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def note(self, tile: Tile, at: float) -> Tile:
        """The tile with how long there has been nothing to see; `at` in monotonic seconds."""
        last = self._at.setdefault(tile.name, at)
        if not tile.why or tile.idle:
            self._at[tile.name] = at
            return tile
        return replace(tile, blind=at - last)


# gauges and rules

SPECS: Final = (
    GaugeSpec("value", "The number of a tile, in its base unit."),
    GaugeSpec("events", "Events that a tile's share, average or percentile is made of."),
    GaugeSpec("no_data_seconds", "How long a tile that has a limit has had no number.", Unit.SECONDS, better="low"),
)

RULES: Final = (
    Rule(
        name="no-data",
        gauge="no_data_seconds",
        op=">",
        threshold=BLIND,
        severity=Severity.WARNING,
        say="{tile} has had no number for {value}: its limit sees nothing",
    ),
)


def gauge_of(name: str) -> str:
    """The gauge that a tile's limits look at."""
    return f"tile_{name}"


def over_of(name: str, severity: Severity) -> str:
    """The gauge that says how long a tile has been beyond a limit."""
    return f"tile_{name}_{severity.name.lower()}_seconds"


def events_of(name: str) -> str:
    """The gauge that says how many events a tile is made of."""
    return f"tile_{name}_events"


def limit_specs(tiles: Iterable[TileSettings]) -> tuple[GaugeSpec, ...]:
    """The gauges that the limits of these tiles look at, and of every tile in which unit it is."""
    found: list[GaugeSpec] = []
    for tile in tiles:
        number = str(GaugeKey("value", (("tile", tile.name),)))
        found.append(GaugeSpec(number, f"{tile.label}: the tile.", tile.unit))
        if tile.limits:
            better: Literal["low", "high"] = "low" if tile.when == "above" else "high"
            found.append(GaugeSpec(gauge_of(tile.name), f"{tile.label}: the tile.", tile.unit, better=better))
            found.append(GaugeSpec(events_of(tile.name), f"{tile.label}: events it is made of."))
        for severity, _ in tile.limits:
            said = f"{tile.label}: how long it has been {tile.when} its limit."
            found.append(GaugeSpec(over_of(tile.name, severity), said, Unit.SECONDS))
    return tuple(found)


def limit_rules(
    tiles: Iterable[TileSettings], remembered: bool = False, least: Mapping[str, float] | None = None
) -> tuple[Rule, ...]:
    """The rules that the limits of these tiles are.

    `remembered`: the source knows how long a number has been bad, so nobody waits for what has lasted already.
    `least`: by tile, the events its number must be made of.
    """
    rules: list[Rule] = []
    for tile in tiles:
        title = tile.label.replace("{", "{{").replace("}", "}}")
        said = f"{title} of {{of}}" if tile.by else title
        lasts = tile.lasts > 0 and remembered and not tile.by
        events = 0.0 if tile.by else (least or {}).get(tile.name, 0.0)
        for severity, limit in tile.limits:
            samples = over_of(tile.name, severity) if lasts else events_of(tile.name) if events else None
            how = f"{tile.when} {{limit}} for {{{samples}}}" if lasts else "limit {limit}"
            rules.append(
                Rule(
                    name=f"{tile.name}-{severity.name.lower()}",
                    gauge=gauge_of(tile.name),
                    op=">" if tile.when == "above" else "<",
                    threshold=limit,
                    severity=severity,
                    say=f"{said} is {{value}}, {how}",
                    hold=0.0 if lasts else tile.lasts,
                    samples=samples,
                    min_samples=tile.lasts if lasts else events,
                    handling=Handling(origin=WRITTEN),
                )
            )
    return tuple(rules)


def put_tiles(gauges: Gauges, tiles: Iterable[Tile]) -> None:
    """The gauges of these tiles."""
    for tile in tiles:
        limited = tile.warning is not None or tile.critical is not None
        for row in tile.rows:
            of = {"of": str(row.of)}
            gauges.put("value", row.value, tile=tile.name, **of)
            if limited:
                gauges.put(gauge_of(tile.name), row.value, **of)
        if not tile.by:
            gauges.put("value", tile.value, tile=tile.name)
            gauges.put("events", tile.events, tile=tile.name)
        if limited:
            gauges.put("no_data_seconds", tile.blind, tile=tile.name)
            if not tile.by:
                gauges.put(gauge_of(tile.name), tile.value)
                gauges.put(events_of(tile.name), tile.events)
            for severity, seconds in (tile.over or {}).items():
                gauges.put(over_of(tile.name, severity), seconds)
