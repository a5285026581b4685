"""A gauge over the span of an incident, as text that stands in any file: bars, gaps, and where things happened."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from desk.words import amount, ratio
from probes.base import Unit

WIDTH: Final = 72
"""Columns of a chart."""

_BARS: Final = "▁▂▃▄▅▆▇█"
_GAP: Final = " "
"""What is missing is no bar: nobody read it then."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One gauge."""

    title: str
    unit: Unit
    since: datetime
    until: datetime
    values: tuple[float | None, ...]
    """The greatest of each part of the span, all parts of one length; None: it was not read."""


def chart(
    title: str,
    unit: Unit,
    points: Iterable[tuple[float, float]],
    since: datetime,
    until: datetime,
    width: int = WIDTH,
) -> Chart:
    """A chart of (seconds since 1970, value) points; those outside the span are left out."""
    begin, whole = since.timestamp(), max(1.0, (until - since).total_seconds())
    width = max(1, min(width, math.ceil(whole / 60)))
    values: list[float | None] = [None] * width
    for at, value in points:
        place = math.floor((at - begin) / whole * width)
        if 0 <= place < width and math.isfinite(value):
            before = values[place]
            values[place] = value if before is None else max(before, value)
    return Chart(title, unit, since, until, tuple(values))


def drawn(chart: Chart, marks: Sequence[tuple[datetime, str]] = ()) -> Iterator[str]:
    """Its lines: the bars from zero to the greatest, where things happened, the times, the numbers."""
    known = [one for one in chart.values if one is not None]
    if not known:
        yield "nothing was read in this time"
        return
    top = max(known)
    yield "".join(_GAP if one is None else _bar(one, top) for one in chart.values)
    whole = (chart.until - chart.since).total_seconds()
    line = [" "] * len(chart.values)
    told = []
    for number, (at, name) in enumerate(sorted(marks), 1):
        place = math.floor((at - chart.since).total_seconds() / whole * len(line)) if whole > 0 else -1
        if at == chart.until:
            place = len(line) - 1
        if 0 <= place < len(line):
            line[place] = str(number)
            told.append(f"{number} {name} {_clock(at)}")
    if told:
        yield "".join(line).rstrip()
        yield ", ".join(told)
    missing = sum(one is None for one in chart.values)
    gaps = f", not read for {ratio(missing / len(chart.values))} of the time" if missing else ""
    least, most = amount(min(known), chart.unit), amount(top, chart.unit)
    yield f"{_clock(chart.since)} to {_clock(chart.until)} UTC, {least} to {most}{gaps}"


def _bar(value: float, top: float) -> str:
    if top <= 0 or value <= 0:
        return _BARS[0]
    return _BARS[min(7, int(value / top * 8 - 1e-9))]


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M}"
