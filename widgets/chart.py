"""Draws charts: values over time with axes, limits, marks and a cursor. Pure: the same in, the same lines out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len

from desk.history.bucket import Bucket
from desk.words import amount
from probes.base import SafeText, Severity, Unit
from widgets.draw.axis import Tick, time_ticks, value_ticks
from widgets.draw.canvas import Canvas, Slice, Stroke, Style, slices
from widgets.lines import SIGNS, TONES, Line, Span, Tone, fit

LINES: Final = 4
"""Courses in one picture at most; more of them get small pictures of their own."""

_STROKES: Final = (Stroke.SOLID, Stroke.DASHED, Stroke.SHORT, Stroke.DOTTED)
_TONES: Final = (Tone.CHART, Tone.KEY, Tone.NOTICE, Tone.GOOD)
LETTERS: Final = "abcd"
"""What tells several lines apart, at their ends and in the legend."""

_NEAR: Final = 2.0
"""How far beyond the values a limit may be to be in the picture, in heights of the picture without it."""

_ZONE: Final = " UTC"
"""What the times are in."""

_LEAST: Final = (24, 5)
"""Cells that a picture needs."""

_NARROWEST: Final = 8
"""Cells that the time needs."""

_EMPTY_SIDE: Final = 4
"""Cells before the axis of a picture of nothing."""


@dataclass(frozen=True, slots=True)
class Course:
    """The values of one gauge."""

    label: str
    buckets: Sequence[Bucket]


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a rule begins to speak."""

    value: float
    severity: Severity


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened, on the axis of time."""

    at: float
    """Seconds since 1970."""
    sign: str
    """One cell."""
    tone: Tone
    words: str
    weight: int = 0
    """Of two in one place the heavier is seen."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn."""

    courses: Sequence[Course]
    """The first is what one looks at; more are its likes."""
    unit: Unit
    since: float
    until: float
    before: Sequence[Course] = ()
    """The first course as it was yesterday or last week, put beside."""
    limits: Sequence[Limit] = ()
    marks: Sequence[Mark] = ()
    cursor: float | None = None
    empty: Sequence[str] = ()
    """Words for why there is nothing to see."""
    style: Style = Style.BRAILLE


@dataclass
class _Cells:
    """Rows of characters with tones; what is set later lies above."""

    width: int
    height: int
    grid: list[list[Span]] = field(init=False)

    def __post_init__(self) -> None:
        self.grid = [[Span(" ")] * self.width for _ in range(self.height)]

    def put(self, row: int, column: int, text: str, tone: Tone) -> None:
        """A text of narrow characters, as far as it has room."""
        for number, char in enumerate(text):
            if 0 <= row < self.height and 0 <= column + number < self.width:
                self.grid[row][column + number] = Span(char, tone)

    def line(self, row: int) -> list[Span]:
        """The row, neighbours of one tone as one span."""
        found: list[Span] = []
        for span in self.grid[row]:
            if found and (found[-1].tone is span.tone or not span.text.strip()):
                found[-1] = Span(found[-1].text + span.text, found[-1].tone)
            else:
                found.append(span)
        return found


def draw(chart: Chart, width: int, height: int) -> list[Line]:
    """The picture in exactly `height` lines of at most `width` cells."""
    if width < _LEAST[0] or height < _LEAST[1]:
        return _no_room(width, height)
    layout = _layout(chart, width, height)
    if layout is None:
        return _nothing(chart, width, height)
    (low, high), ticks, side, across, up = layout
    if across < _NARROWEST:
        return _no_room(width, height)
    canvas = Canvas(across, up, low, high, chart.style)
    cells = _plot(chart, canvas)
    labels = _labels(ticks, canvas)
    ends = _ends(chart, canvas) if len(chart.courses) > 1 else {}
    lines = []
    for row in range(up):
        label = labels.get(row)
        lead = Span(f"{label or '':>{side}}" + ("┤" if label else "│"), Tone.DIM)
        tail = ends.get(row)
        lines.append(Line((lead, *cells.line(row), *([Span(" "), tail] if tail is not None else []))))
    return [*lines, _axis(chart, side, across), _clock(chart, side, across, width)]


def _layout(chart: Chart, width: int, height: int) -> tuple[tuple[float, float], Sequence[Tick], int, int, int] | None:
    """Bounds, ticks of values, cells before the axis, cells across and up; None when there is nothing to see."""
    known = [one for course in (*chart.courses, *chart.before) for one in course.buckets if _within(one, chart)]
    if not known:
        return None
    bounds, up = _bounds(known, chart), height - 2
    ticks = value_ticks(*bounds, chart.unit, max(2, up // 3 + 1))
    side = max((cell_len(tick.label) for tick in ticks), default=0) + 1
    return bounds, ticks, side, width - side - 1 - (2 if len(chart.courses) > 1 else 0), up


def across(chart: Chart, width: int, height: int) -> int:
    """Cells that the time has in a picture of that size."""
    layout = _layout(chart, width, height)
    return max(1, width - _EMPTY_SIDE - 1 if layout is None else layout[3])


def _no_room(width: int, height: int) -> list[Line]:
    return [Line((fit("no room for a chart", max(0, width)),) if row == 0 else ()) for row in range(height)]


def _within(one: Bucket, chart: Chart) -> bool:
    return one.end >= chart.since and one.start <= chart.until


def _bounds(known: Iterable[Bucket], chart: Chart) -> tuple[float, float]:
    """The least and the greatest value of the picture: from zero where that is not far."""
    found = list(known)
    low, high = min(one.cell.least for one in found), max(one.cell.most for one in found)
    values = [limit.value for limit in chart.limits]
    tall = max(high - low, abs(high) * 0.1, 1e-12)
    low = min([low, *(value for value in values if low - _NEAR * tall <= value < low)])
    high = max([high, *(value for value in values if high < value <= high + _NEAR * tall)])
    if low > 0 and low <= 0.6 * high:
        low = 0.0
    if high < 0 and high >= 0.6 * low:
        high = 0.0
    if high == low:
        low, high = (0.0, high * 2) if high > 0 else (low * 2, 0.0) if low < 0 else (0.0, 1.0)
    room = (high - low) * 0.05
    return (low if low == 0 else low - room), (high if high == 0 else high + room)


def _plot(chart: Chart, canvas: Canvas) -> _Cells:
    cells = _Cells(canvas.width, canvas.height)
    _before(chart, canvas, cells)
    for number, course in reversed(list(enumerate(chart.courses[:LINES]))):
        alone = len(chart.courses) == 1 and not chart.before  # a haze would hide what is put beside
        stroke = Stroke.BAND if alone else _STROKES[number]
        found = slices(course.buckets, chart.since, chart.until, canvas.columns)
        _put_course(cells, canvas, found, stroke, _TONES[number])
    _put_limits(chart, canvas, cells)
    if chart.cursor is not None:
        column = _column(chart, chart.cursor, canvas.width)
        for row in range(canvas.height):
            here = cells.grid[row][column].text
            cells.put(row, column, here if here.strip() else "┃", Tone.KEY)
    return cells


def _before(chart: Chart, canvas: Canvas, cells: _Cells) -> None:
    for number, course in enumerate(chart.before):
        found = slices(course.buckets, chart.since, chart.until, canvas.columns)
        _put_course(cells, canvas, found, (Stroke.SHORT, Stroke.DOTTED)[number % 2], Tone.DIM)


def _put_course(cells: _Cells, canvas: Canvas, found: Sequence[Slice | None], stroke: Stroke, tone: Tone) -> None:
    for row, line in enumerate(canvas.paint(found, stroke)):
        for column, (char, solid) in enumerate(line):
            if char != " ":
                cells.put(row, column, char, tone if solid else Tone.DIM)


def _put_limits(chart: Chart, canvas: Canvas, cells: _Cells) -> None:
    """A line with its number for each limit; those beyond the picture stand at its edge, in words."""
    taken: set[int] = set()
    for limit in sorted(chart.limits, key=lambda one: -one.severity):
        row, tone = canvas.cell_row(limit.value), TONES[limit.severity]
        text = f" {SIGNS[limit.severity].value} {amount(limit.value, chart.unit)} "
        above = row is None and canvas.row(limit.value) > 0
        if row is None:
            row, text = (0 if above else canvas.height - 1), text + ("above " if above else "below ")
        else:
            for column in range(canvas.width):
                if cells.grid[row][column].text == " ":
                    cells.put(row, column, "╌", tone)
        if len(text) > canvas.width:
            continue
        place = _label_place(cells, row, len(text), taken)
        if place is not None:
            taken.add(place[0])
            cells.put(*place, text, tone)


def _label_place(cells: _Cells, row: int, length: int, taken: set[int]) -> tuple[int, int] | None:
    """Where a limit's number hides no value: on blanks of its own row, or of one beside it; else at the left."""
    rows = [one for one in (row, row - 1, row + 1) if 0 <= one < cells.height and one not in taken]
    for one in rows:
        run = 0
        for column in range(cells.width - 1, -1, -1):
            run = run + 1 if cells.grid[one][column].text in " ╌" else 0
            if run == length:
                return one, column
    return (rows[0], 0) if rows else None


def _labels(ticks: Sequence[Tick], canvas: Canvas) -> dict[int, str]:
    found: dict[int, str] = {}
    for tick in ticks:
        row = canvas.cell_row(tick.at)
        if row is not None and row not in found:
            found[row] = tick.label
    return found


def _ends(chart: Chart, canvas: Canvas) -> dict[int, Span]:
    """The letters beside the ends of several lines."""
    found: dict[int, Span] = {}
    for number, course in enumerate(chart.courses[:LINES]):
        seen = [one for one in course.buckets if _within(one, chart)]
        if not seen:
            continue
        row = canvas.cell_row(seen[-1].cell.mean) or 0
        order = sorted((other for other in range(canvas.height) if other not in found), key=lambda o: abs(o - row))
        if order:
            found[order[0]] = Span(LETTERS[number], _TONES[number])
    return found


def _column(chart: Chart, at: float, width: int) -> int:
    return min(width - 1, max(0, int((at - chart.since) / (chart.until - chart.since) * width)))


def _axis(chart: Chart, side: int, across: int) -> Line:
    """The axis of time, with what happened on it."""
    cells = _Cells(across, 1)
    cells.put(0, 0, "─" * across, Tone.DIM)
    for tick in time_ticks(chart.since, chart.until, across):
        cells.put(0, _column(chart, tick.at, across), "┴", Tone.DIM)
    for mark in sorted(chart.marks, key=lambda mark: mark.weight):
        if chart.since <= mark.at <= chart.until:
            cells.put(0, _column(chart, mark.at, across), mark.sign, mark.tone)
    if chart.cursor is not None:
        column = _column(chart, chart.cursor, across)
        if cells.grid[0][column].tone is Tone.DIM:
            cells.put(0, column, "┃", Tone.KEY)
    return Line((Span(" " * side + "└", Tone.DIM), *cells.line(0)))


def _clock(chart: Chart, side: int, across: int, width: int) -> Line:
    """The times under the axis, none over another."""
    text, end = [" "] * width, 0
    if side > len(_ZONE):
        text[: len(_ZONE)] = _ZONE
        end = len(_ZONE) + 1
    for tick in time_ticks(chart.since, chart.until, across):
        start = side + 1 + _column(chart, tick.at, across) - len(tick.label) // 2
        start = max(0, min(start, width - len(tick.label)))
        if start >= end:
            text[start : start + len(tick.label)] = tick.label
            end = start + len(tick.label) + 1
    return Line((Span("".join(text).rstrip(), Tone.DIM),))


def _nothing(chart: Chart, width: int, height: int) -> list[Line]:
    """Words in place of the picture; the axis of time stays."""
    side = _EMPTY_SIDE
    up, across = height - 2, width - side - 1
    said = list(chart.empty or ("no value in this window",))[:up]
    first = max(0, (up - len(said)) // 2)
    lines = []
    for row in range(up):
        parts = [Span(" " * side + "│", Tone.DIM)]
        if first <= row < first + len(said):
            words = fit(SafeText(said[row - first]), across - 2).text.rstrip()
            parts += [Span(" " * ((across - cell_len(words)) // 2)), Span(words, Tone.PLAIN)]
        lines.append(Line(tuple(parts)))
    return [*lines, _axis(chart, side, across), _clock(chart, side, across, width)]


def legend(chart: Chart, width: int) -> Line:
    """Which line is which: a letter for each, and what it is now."""
    parts: list[Span] = []
    for number, course in enumerate(chart.courses[:LINES]):
        last = amount(course.buckets[-1].cell.last, chart.unit) if course.buckets else "–"
        parts += [Span(f"{LETTERS[number]} ", _TONES[number]), Span(f"{course.label} "), Span(f"{last}   ", Tone.DIM)]
    return Line(tuple(_cut(parts, width)))


def _cut(parts: Sequence[Span], width: int) -> list[Span]:
    found: list[Span] = []
    left = width
    for part in parts:
        if left <= 0:
            break
        found.append(part if cell_len(part.text) <= left else fit(part, left))
        left -= cell_len(part.text)
    return found


_SMALL: Final = (28, 4)
"""Cells of a small picture at least, its label among them."""


def small(charts: Chart, width: int, height: int, first: int = 0) -> list[Line]:
    """A small picture for each course, all on one scale; `first` courses are skipped."""
    if width < _LEAST[0] or height < _LEAST[1]:
        return _no_room(width, height)
    courses = charts.courses[first:]
    beside = max(1, (width + 2) // (_SMALL[0] + 2))
    rows = max(1, (height - 2) // _SMALL[1])
    beside = min(beside, max(1, math.ceil(len(courses) / rows)))
    across = (width + 2) // beside - 2
    up = max(2, min(12, (height - 2) // max(1, min(rows, math.ceil(len(courses) / beside))) - 1))
    shown = courses[: rows * beside]
    known = [one for course in courses for one in course.buckets if _within(one, charts)]
    if not known:
        return _nothing(charts, width, height)
    low, high = _bounds(known, charts)
    lines: list[Line] = []
    for start in range(0, len(shown), beside):
        group = shown[start : start + beside]
        pictures = [_one_small(course, charts, (low, high), across, up) for course in group]
        for row in range(up + 1):
            parts: list[Span] = []
            for number, picture in enumerate(pictures):
                parts += [Span("  ")] * bool(number) + picture[row]
            lines.append(Line(tuple(parts)))
    lines = lines[: height - 2]
    lines += [Line(())] * (height - 2 - len(lines))
    low_text, high_text = amount(low, charts.unit), amount(high, charts.unit)
    left = len(courses) - len(shown)
    words = f"each from {low_text} to {high_text}" + (f"; {left} more: PgDn" if left else "")
    return [*lines, Line((fit(Span(words, Tone.DIM), width),)), _clock(charts, -1, across, across)]


def _one_small(course: Course, charts: Chart, bounds: tuple[float, float], across: int, up: int) -> list[list[Span]]:
    canvas = Canvas(across, up, *bounds, charts.style)
    cells = _Cells(across, up)
    _put_course(
        cells, canvas, slices(course.buckets, charts.since, charts.until, canvas.columns), Stroke.BAND, Tone.CHART
    )
    seen = [one for one in course.buckets if _within(one, charts)]
    last = amount(seen[-1].cell.last, charts.unit) if seen else "no value"
    room = max(0, across - cell_len(last) - 1)
    return [
        [fit(course.label, room), Span(" "), fit(Span(last, Tone.STRONG), across - room - 1)],
        *map(cells.line, range(up)),
    ]
