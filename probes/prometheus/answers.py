"""From the answers of a Prometheus server to tiles: one number, or rows, or the words for why there is none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pydantic import Field

from probes.base import SafeText, Severity
from probes.prometheus.api import Answer, Series, is_selector
from probes.prometheus.tiles import Chart, Row, Tile, TileSettings, top_rows

MOST_SERIES: Final = 1000
"""Series of one answer that are looked at."""
MOST_POINTS: Final = 300
"""Points of a chart."""

_TIMED: Final = "opsroom_part"
"""A label of ours on the samples that are times."""


class ExpressionTile(TileSettings):
    """A tile of a Prometheus server."""

    expr: str = Field(min_length=1, max_length=4000, description="The expression, in PromQL.")
    range: float = Field(
        3600.0, ge=0, le=31 * 86400, allow_inf_nan=False, description="Seconds of its chart; 0 for none."
    )

    @property
    def step(self) -> float | None:
        """Seconds between the points of its chart; None: it has none. A limit with `for` looks as far back itself."""
        span = max(self.range, self.lasts * 1.2 if self.limits else 0.0)
        return None if self.by or span <= 0 else max(1.0, math.ceil(span / (MOST_POINTS - 1)))

    @property
    def points(self) -> int:
        """Steps of its chart."""
        span = max(self.range, self.lasts * 1.2 if self.limits else 0.0)
        return min(MOST_POINTS - 1, max(1, math.ceil(span / (self.step or 1.0))))


def question(tile: ExpressionTile) -> str:
    """What is asked for a tile: its expression, and for a plain selector also when its samples were taken."""
    if tile.by or not is_selector(tile.expr):
        return tile.expr
    return f'label_replace(timestamp({tile.expr}), "{_TIMED}", "time", "", "") or {tile.expr}'


def asked(tile: ExpressionTile) -> int:
    """Series asked for."""
    return MOST_SERIES + 1 if tile.by else 50


def filled(tile: Tile, settings: ExpressionTile, answer: Answer) -> Tile:
    """The tile with its number or rows."""
    notes = list(answer.notes)
    if answer.histograms:
        notes.append(SafeText(f"{answer.histograms} native histograms are left out: ask with histogram_quantile()"))
    times = [one for one in answer.series if _TIMED in one.labels]
    series = [one for one in answer.series if _TIMED not in one.labels]
    if answer.kind not in ("vector", "scalar"):
        return replace(tile, why=SafeText(f"gives a {SafeText(answer.kind, 20)}, not a number"), notes=tuple(notes))
    if not series:
        return replace(tile, why=SafeText("no data"), notes=tuple(notes))
    at = series[0].points[-1][0] if series[0].points else None
    measured = max((one.value for one in times if one.value is not None), default=None)
    age = max(0.0, at - measured) if at is not None and measured is not None else 0.0
    tile = replace(tile, notes=tuple(notes), age=age, exact_age=bool(times))
    if settings.by:
        return _with_rows(tile, settings, series)
    if len(series) > 1:
        words = f"{len(series)} series, one expected"
        hint = SafeText("put sum(), max() or avg() around the expression, or set by")
        return replace(tile, why=SafeText(words), notes=(*notes, hint))
    if series[0].value is None:
        return replace(tile, why=SafeText(f"is {series[0].odd or 'no number'}"), idle=True)
    return replace(tile, value=series[0].value)


def _with_rows(tile: Tile, settings: ExpressionTile, series: Sequence[Series]) -> Tile:
    notes = list(tile.notes)
    if len(series) > MOST_SERIES:
        notes.append(SafeText(f"more than {MOST_SERIES} series: the others are left out"))
    kept = series[:MOST_SERIES]
    by = settings.by or ""
    names = [one.labels.get(by, "") for one in kept]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    if twice:
        notes.append(SafeText(f"several series share a {by}: ask for sum by ({by}) (...)"))
    rows = [
        Row(SafeText((name or f"no {by}") + (f" ({_others(one, by)})" if name in twice else ""), 160), one.value)
        for name, one in zip(names, kept, strict=True)
    ]
    shown, more = top_rows(settings, rows)
    return replace(tile, rows=shown, more_rows=more, notes=tuple(notes))


def _others(series: Series, by: str) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(series.labels.items()) if key not in (by, "__name__"))


def series_lines(answer: Answer) -> Iterable[SafeText]:
    """Every series of an answer as a line."""
    for one in answer.series[:MOST_SERIES]:
        labels = ", ".join(
            f'{key}="{value}"' for key, value in sorted(one.labels.items()) if key not in ("__name__", _TIMED)
        )
        value = one.odd or ("–" if one.value is None else f"{one.value:g}")
        yield SafeText(f"{value:>16}  {one.labels.get('__name__', '')}{{{labels}}}", 1000)


def chart_of(answer: Answer, start: float, step: float, steps: int, now: float) -> Chart | None:
    """The course of the only series; None when there is none, or several."""
    if len(answer.series) != 1:
        return None
    points: list[float | None] = [None] * (steps + 1)
    for at, value in answer.series[0].points:
        place = round((at - start) / step)
        if 0 <= place <= steps:
            points[place] = value
    return Chart(tuple(points), step, max(0.0, now - (start + steps * step)))


class Endurance:
    """How long each tile has been beyond its limits, by what the server remembers and by what was seen since."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, Severity], float] = {}

    def note(self, settings: TileSettings, tile: Tile, now: float) -> Tile:
        """The tile with its `over`. `now` in seconds by the server's clock; a missing number changes nothing."""
        over: dict[Severity, float] = {}
        for severity, limit in settings.limits:
            key = settings.name, severity
            if tile.value is not None:
                if settings.beyond(tile.value, limit):
                    began = now - _unbroken(settings, tile.chart, limit)
                    self._since[key] = min(self._since.get(key, now), began)
                else:
                    self._since.pop(key, None)
            if key in self._since:
                over[severity] = max(0.0, now - self._since[key])
        return replace(tile, over=over)


def _unbroken(settings: TileSettings, chart: Chart | None, limit: float) -> float:
    """Seconds that the newest points of a chart lie beyond a limit without a break."""
    if chart is None or chart.ends_ago > max(60.0, 2 * chart.step):
        return 0.0
    found = 0.0
    for back, value in enumerate(reversed(chart.points)):
        if value is None or not settings.beyond(value, limit):
            break
        found = chart.ends_ago + back * chart.step
    return found
