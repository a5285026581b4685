"""Draws tiles, the numbers a profile asks for: a strip on the overview, charts on their own screen, a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from desk.words import amount, count, plural, span
from probes.base import SafeText, Severity
from probes.prometheus.tiles import Chart, Row, Tile, gauge_of
from widgets.draw.marks import Sign, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Table, View

GONE: Final = "–"
_CELL: Final = 52
"""Cells of one tile on the overview; as many stand side by side as fit."""
_OLD: Final = 60.0
"""Seconds from which the age of a number is shown beside it."""
_PLOT: Final = (72, 6)
"""Width and height of the chart of one tile."""
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"


def said(tile: Tile, value: float | None) -> str:
    """One of a tile's numbers in its unit."""
    return GONE if value is None else amount(value, tile.unit)


def number(tile: Tile) -> str:
    """A tile's number, or why there is none."""
    if tile.by:
        rows = [f"{row.of} {said(tile, row.value)}" for row in tile.rows[:4]]
        more = max(0, len(tile.rows) - 4) + tile.more_rows
        return "  ".join(rows + ([f"+{more}"] if more > 0 else [])) or str(tile.why) or "no rows"
    if tile.value is None:
        return str(tile.why) or GONE
    return ("> " if tile.at_least else "") + said(tile, tile.value)


def limits(tile: Tile) -> str:
    """A tile's limits in words.

    >>> limits(Tile("a", "a", __import__("probes.base").base.Unit.RATIO, warning=0.01, critical=0.05, lasts=300))
    'warning above 1 %, critical above 5 %, for 5m00s'
    """
    both = (("warning", tile.warning), ("critical", tile.critical))
    words = [f"{name} {tile.when} {said(tile, limit)}" for name, limit in both if limit is not None]
    return ", ".join(words + ([f"for {span(tile.lasts)}"] if words and tile.lasts else []))


def severity_of(view: View[Any], tile: Tile) -> Severity | None:
    """What the rules say about a tile."""
    found = (view.severity(gauge_of(tile.name)), view.severity("no_data_seconds", tile=tile.name))
    return max((one for one in found if one is not None), default=None)


def course_of(view: View[Any], tile: Tile) -> Sequence[float | None]:
    """A tile's recent values: as its source remembers them, else as we have seen them."""
    if tile.by:
        return ()
    return tile.chart.points if tile.chart is not None else view.history("value", tile=tile.name)


def narrowed(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values, each the greatest of its time: a peak is never lost.

    >>> narrowed([1, None, 3, 2, None, None], 3)
    [1, 3, None]
    """
    if len(values) <= width or width <= 0:
        return list(values)
    found: list[float | None] = []
    for place in range(width):
        part = values[place * len(values) // width : (place + 1) * len(values) // width]
        found.append(max((value for value in part if value is not None), default=None))
    return found


def trend(values: Sequence[float | None]) -> str:
    """Where it is going: the last sixth against what came before; blank when too little is known.

    >>> trend([1.0] * 10 + [2.0, 2.0]), trend([2.0] * 12), trend([5, 5, 5, 5, 5, 1]), trend([1, 2])
    ('↑', '→', '↓', ' ')
    """
    known = [value for value in values if value is not None]
    if len(known) < 6:
        return " "
    late = max(1, len(known) // 6)
    now, before = sum(known[-late:]) / late, sum(known[:-late]) / (len(known) - late)
    scale = max(abs(now), abs(before))
    if scale == 0 or abs(now - before) < 0.1 * scale:
        return "→"
    return "↑" if now > before else "↓"


def _age(tile: Tile) -> str:
    return f" {span(tile.age)} old" if tile.age is not None and tile.age >= _OLD else ""


def _mark(view: View[Any], tile: Tile) -> Span:
    severity = severity_of(view, tile)
    if severity is None and tile.why:
        return dim(Sign.UNKNOWN.value)
    has_limit = tile.warning is not None or tile.critical is not None
    return sign(severity) if severity is not None or has_limit else dim(Sign.NONE.value)


def _cell(view: View[Any], tile: Tile, width: int) -> list[Part]:
    """One tile in `width` cells: sign, name, number, trend, course."""
    severity = severity_of(view, tile)
    name = max(8, min(20, width * 2 // 5))
    parts: list[Part] = [_mark(view, tile), " ", fit(tile.title, name), " "]
    room = width - name - 3
    if tile.by or tile.value is None:
        shown = fit(number(tile), max(0, room))
        return [*parts, dim(shown.text) if tile.why and severity is None else toned(shown.text, severity)]
    text = number(tile) + _age(tile)
    parts += [fit(toned(text, severity) if severity is not None else strong(text), min(room, max(9, len(text))), True)]
    room -= min(room, max(9, len(text)))
    values = course_of(view, tile)
    if room >= 8:
        parts += [" ", dim(trend(values)), " ", Span(spark(narrowed(values, room - 3), room - 3), Tone.CHART)]
    elif room > 0:
        parts.append(" " * room)
    return parts


def _alone(view: View[Any], tile: Tile, width: int) -> Line:
    """A tile in trouble: a line of its own, with its limits."""
    parts = _cell(view, tile, min(width, _CELL))
    words = limits(tile)
    if words and width >= _CELL + 14:
        parts += ["  ", Span(fit(words, width - _CELL - 2).text.rstrip())]
    return line(*parts, key=tile.name, severity=severity_of(view, tile))


def strip(view: View[Any], tiles: Iterable[Tile], width: int) -> list[Line]:
    """Every tile: those in trouble first and alone, the others side by side."""
    found = list(tiles)
    bad = [tile for tile in found if severity_of(view, tile) is not None]
    bad.sort(key=lambda tile: -(severity_of(view, tile) or 0))
    well = [tile for tile in found if severity_of(view, tile) is None]
    lines = [_alone(view, tile, width) for tile in bad]
    beside = max(1, (width + 2) // _CELL)
    cell = (width - 2 * (beside - 1)) // beside
    for start in range(0, len(well), beside):
        parts: list[Part] = []
        for tile in well[start : start + beside]:
            parts += ["  "] * bool(parts) + _cell(view, tile, cell)
        lines.append(line(*parts, key=well[start].name))
    return lines


def charts(view: View[Any], tiles: Iterable[Tile], width: int, most: int = 8) -> list[Line]:
    """A line for each tile with its course and between which values it went."""
    found = sorted(tiles, key=lambda tile: -(severity_of(view, tile) or 0))
    lines = []
    for tile in found[:most]:
        values = course_of(view, tile)
        known = [value for value in values if value is not None]
        name = 18 if width >= 60 else 14
        room = max(8, min(90, width - name - 40))
        severity = severity_of(view, tile)
        parts: list[Part] = [_mark(view, tile), " ", fit(dim(tile.title), name), " "]
        if tile.by or not known:
            parts.append(fit(toned(number(tile) + _age(tile), severity), max(0, width - name - 3)))
        else:
            between = f"{said(tile, min(known))} to {said(tile, max(known))}"
            parts += [
                fit(toned(number(tile), severity), 10, right=True), " ", dim(trend(values)), " ",
                Span(spark(narrowed(values, room), room), Tone.CHART), "  ",
                dim(fit(between + _over(tile.chart), max(0, width - room - name - 18)).text.rstrip()),
            ]  # fmt: skip
        lines.append(line(*parts, key=tile.name, severity=severity))
    if len(found) > most:
        lines.append(line(dim(f"and {plural(len(found) - most, 'more tile')} in the table")))
    return lines


def _over(chart: Chart | None) -> str:
    return "" if chart is None else f" in {span(chart.step * (len(chart.points) - 1))}"


def plot(values: Sequence[float | None], width: int, height: int) -> list[str]:
    """A chart of several lines, the lowest at zero or at the least value when that is below; gaps stay blank.

    >>> plot([0, 1, None, 2], 4, 2)
    ['   █', '▁█ █']
    """
    shown = narrowed(values, width)
    known = [value for value in shown if value is not None]
    if not known:
        return [" " * len(shown)] * height
    low, high = min(0.0, *known), max(known)
    scale = (high - low) or 1.0
    rows = []
    for row in range(height - 1, -1, -1):
        cells = ""
        for value in shown:
            filled = 0.0 if value is None else (value - low) / scale * height - row
            eighths = round(max(0.0, min(1.0, filled)) * 8)
            cells += _EIGHTHS[max(eighths, 1) if row == 0 and value is not None else eighths]
        rows.append(cells)
    return rows


def _details(tile: Tile) -> Sequence[Line]:
    """All that is known of a tile."""
    pairs: list[tuple[str, Part]] = [("tile", tile.title), ("now", number(tile) + _age(tile))]
    if tile.age is not None:
        what = "when the sample was taken" if tile.exact_age else "when it was worked out"
        pairs.append(("age", f"{span(tile.age)}, since {what}"))
    pairs.append(("limits", limits(tile) or "none"))
    if tile.events is not None:
        pairs.append(("events", count(round(tile.events, 1))))
    pairs.append(("asked", tile.source))
    pairs += [("note", note) for note in tile.notes]
    lines = [line(dim(f"{name:<8}"), words) for name, words in pairs]
    chart = tile.chart
    if chart is not None and any(value is not None for value in chart.points):
        known = [value for value in chart.points if value is not None]
        mean = sum(known) / len(known)
        figures = f"least {said(tile, min(known))}  mean {said(tile, mean)}  most {said(tile, max(known))}"
        lines += [line(), line(dim(f"last {span(chart.step * (len(chart.points) - 1))}: "), figures)]
        lines += [line(Span(row, Tone.CHART)) for row in plot(chart.points, *_PLOT)]
        if chart.last_ago is not None and chart.last_ago > max(_OLD, 2 * chart.step):
            lines.append(line(dim(f"the last point with a value is {span(chart.last_ago)} old")))
    lines += [line(fit(row.of, 40), " ", fit(said(tile, row.value), 12, True)) for row in tile.rows]
    if tile.more_rows:
        lines.append(line(dim(f"and {plural(tile.more_rows, 'more row')}")))
    return lines


def _tone(tile: Tile) -> Tone:
    return Tone.DIM if tile.why and not tile.rows else Tone.PLAIN


def _state(tile: Tile) -> str:
    if tile.blind is not None:
        return f"{tile.why}, for {span(tile.blind)}" if tile.blind >= 1 else str(tile.why)
    return str(tile.why) or "; ".join(map(str, tile.notes)) or limits(tile) or GONE


@dataclass(frozen=True, slots=True)
class OneRow:
    """One of the rows of a tile, on its own."""

    key: str
    tile: Tile
    row: Row


def rows_of(tiles: Iterable[Tile]) -> list[OneRow]:
    """The rows of all tiles that have rows."""
    found: dict[str, OneRow] = {}
    for tile in tiles:
        for place, row in enumerate(tile.rows):
            key = f"{tile.name} {row.of}"
            key = key if key not in found else f"{key} {place}"
            found[key] = OneRow(key, tile, row)
    return list(found.values())


TILES: Final[Table[Any, Tile]] = Table(
    name="tiles",
    title="tiles",
    rows=lambda facts: facts.tiles,
    key=lambda tile: tile.name,
    columns=(
        Column("tile", lambda tile: tile.title, 24),
        Column("now", lambda tile: number(tile) if tile.value is not None else GONE, 12, lambda tile: tile.value, True),
        Column("age", lambda tile: GONE if tile.age is None else span(tile.age), 7, lambda tile: tile.age, True, 70),
        Column("course", lambda tile: _small(tile), 22, least=110),
        Column("why, or its limits", _state),
    ),
    empty="this profile asks for no number: add a [[….tile]]",
    tone=_tone,
    detail=_details,
    looks=("series",),
)

ROWS: Final[Table[Any, OneRow]] = Table(
    name="rows",
    title="rows",
    rows=lambda facts: rows_of(facts.tiles),
    key=lambda one: one.key,
    columns=(
        Column("tile", lambda one: one.tile.title, 24),
        Column("now", lambda one: said(one.tile, one.row.value), 12, lambda one: one.row.value, True),
        Column("of", lambda one: one.row.of or SafeText(GONE)),
    ),
    empty="no tile is asked for by a label",
    subject=lambda one: one.tile.name,
    looks=("series",),
)


def _small(tile: Tile) -> Span:
    points = tile.chart.points if tile.chart is not None else ()
    return Span(spark(narrowed(points, 22), 22), Tone.CHART)
