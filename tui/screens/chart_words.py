"""The words around a chart: what it is of, what is at the cursor, the figures of the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from desk.history.bucket import Bucket
from desk.history.course import at, figures
from desk.words import amount, clock, plural
from widgets.chart import LETTERS, LINES, Chart
from widgets.lines import Line, Part, Span, Tone, dim, line, strong, width_of

_DAY: Final = 86400.0
_NAMES: Final = {60: "minute", 3600: "hour", _DAY: "day"}

LEGEND: Final = """The line is the mean of what was read in the time of a column; the haze goes from least to greatest.
Where nothing was read there is nothing: a gap is never filled, and never zero.
The last hour is shown reading by reading, two days in minutes, thirty days in ten minutes: what is kept on disk.
╌ with a number: where a rule begins to speak. On the axis of time: ▲ ✕ ◆ an alert came, ● it went, ► something was
done, ↺ the counter's source was restarted. A counter is shown as its growth in a second.
← → a cursor with the exact value, and what it was yesterday and last week at that moment. All times are UTC."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody looks at."""

    target: str
    name: str
    """Of the gauge, with its labels when it is one alone."""
    since: float
    until: float
    live: bool
    """True when the window follows the clock."""
    compared: str
    """With what, in words; empty: with nothing."""
    reading: bool
    """True while the file is being read."""

    @property
    def span(self) -> float:
        """Seconds of the window."""
        return self.until - self.since


def title_line(chart: Chart, sight: Sight, width: int) -> Line:
    """What it is, and from when to when."""
    last = chart.courses[0].buckets[-1] if chart.courses and chart.courses[0].buckets else None
    parts: list[Part] = [" ", strong(sight.target), f".{sight.name}"]
    if last is not None and len(chart.courses) == 1 and sight.live:
        parts.append(strong(f"  {amount(last.cell.last, chart.unit)}"))
    parts.append(dim(f"  {_length(sight.span)}" + (" to now" if sight.live else "")))
    if sight.compared:
        parts.append(dim(f"  with {sight.compared}"))
    first, end = datetime.fromtimestamp(sight.since, UTC), datetime.fromtimestamp(sight.until, UTC)
    dates = f"{first:%Y-%m-%d}" if first.date() == end.date() else f"{first:%Y-%m-%d} to {end:%Y-%m-%d}"
    parts += [dim("  reading …")] if sight.reading else []
    return line(*_roomy([*([part] for part in parts), [dim(f"  {dates} UTC")]], width))


def told_line(chart: Chart, sight: Sight, earlier: Sequence[tuple[str, float, Sequence[Bucket]]], cell: float) -> Line:
    """What is at the cursor, and was at that moment of other days; without one, what to know of the window.

    `cell`: seconds of a cell of the picture.
    """
    if chart.cursor is None or not chart.courses:
        return _window_line(chart, sight)
    moment = chart.cursor
    parts: list[Part] = [" ", Span(f"{_time(moment, sight.span)} UTC  ", Tone.KEY)]
    for number, course in enumerate(chart.courses[:LINES]):
        one = at(course.buckets, moment)
        letter = f"{LETTERS[number]} " if len(chart.courses) > 1 else ""
        parts += [letter, strong(amount(one.cell.mean, chart.unit) if one is not None else "no value"), "  "]
        if one is not None and len(chart.courses) == 1 and one.cell.readings > 1:
            least, most = amount(one.cell.least, chart.unit), amount(one.cell.most, chart.unit)
            parts.append(dim(f"({least} to {most}, {plural(one.cell.readings, 'reading')})  "))
    if len(chart.courses) == 1:
        for name, back, buckets in earlier:
            one = at(buckets, moment - back)
            parts += [dim(f"{name} "), amount(one.cell.mean, chart.unit) if one is not None else "–", "  "]
    near = [mark for mark in chart.marks if abs(mark.at - moment) <= cell]
    parts += [part for mark in near[:2] for part in (Span(mark.sign, mark.tone), f" {mark.words}  ")]
    return line(*parts)


def _window_line(chart: Chart, sight: Sight) -> Line:
    newest = chart.marks[-1] if chart.marks else None
    said = [one for one in chart.empty if any(course.buckets for course in chart.courses)]
    parts: list[Part] = [" ", dim("; ".join(said[: 1 if newest is not None else 2]))]
    if newest is not None:
        gap = "   " if said else ""
        parts += [gap, Span(newest.sign, newest.tone), f" {_time(newest.at, sight.span)} {newest.words}"]
    return line(*parts)


def figures_line(chart: Chart, sight: Sight, width: int) -> Line:
    """The numbers of the window."""
    if len(chart.courses) > LINES:
        return line(dim(f" {plural(len(chart.courses), 'gauge')} of this name"))
    found = figures(chart.courses[0].buckets) if chart.courses else None
    if found is None:
        return line(dim(" no figures: there is no value here"))
    groups: list[list[Part]] = [[f" {LETTERS[0]} " if len(chart.courses) > 1 else ""]]
    named = (("now", found.last), ("min", found.least), ("mean", found.mean), ("p95", found.p95), ("max", found.most))
    for name, value in named:
        if name != "now" or sight.live:
            groups.append([dim(f" {name} "), strong(amount(value, chart.unit)), "  "])
    return line(*_roomy([*groups, [dim(f" {plural(found.readings, 'reading')}")]], width))


def _roomy(groups: list[list[Part]], width: int) -> list[Part]:
    """The parts of all groups, without the last groups that have no room."""
    while True:
        parts = [part for group in groups for part in group]
        if len(groups) < 2 or width_of(line(*parts).spans) <= width:
            return parts
        groups = groups[:-1]


def _time(at: float, span: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return clock(moment) if span <= _DAY else f"{moment:%Y-%m-%d %H:%M}"


def _length(seconds: float) -> str:
    """A window's length in a word or two.

    >>> _length(600.0), _length(3600.0), _length(7 * 86400.0)
    ('10 minutes', 'an hour', '7 days')
    """
    for unit, name in sorted(_NAMES.items(), reverse=True):
        if seconds >= unit:
            many = seconds / unit
            return f"{'an' if name == 'hour' else 'a'} {name}" if many == 1 else plural(many, name)
    return plural(seconds, "second")
