"""Draws an application's own metrics: its tiles, and what else it exposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, size, span
from probes.prometheus.metrics.exposition import Metric
from probes.prometheus.metrics.facts import MetricsFacts
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, toned
from widgets.panel import Column, Panel, Table, View
from widgets.tiles import GONE, ROWS, TILES, charts, strip

_LABEL: Final = 9


def _cut(words: str, width: int) -> str:
    return fit(words, max(0, width)).text.rstrip()


def _value(metric: Metric) -> str:
    if metric.value is None or metric.series > 1:
        return GONE
    return count(metric.value) if abs(metric.value) < 1e15 else f"{metric.value:g}"


_METRICS: Final[Table[MetricsFacts, Metric]] = Table(
    name="metrics",
    title="all metrics",
    rows=lambda facts: facts.metrics,
    beyond=lambda facts: facts.more_metrics,
    key=lambda metric: str(metric.name),
    columns=(
        Column("metric", lambda metric: metric.name, 44),
        Column("type", lambda metric: metric.type or GONE, 10, least=70),
        Column("series", lambda metric: count(metric.series), 7, lambda metric: metric.series, True, 60, True),
        Column("now", lambda metric: _value(metric), 16, lambda metric: metric.value, True, 90),
        Column("what it says of itself", lambda metric: metric.help or GONE),
    ),
    empty="the answer holds no metric",
    detail=lambda metric: [
        line(dim(f"{'metric':<8}"), metric.name),
        line(dim(f"{'type':<8}"), metric.type or "not told"),
        line(dim(f"{'series':<8}"), count(metric.series)),
        line(dim(f"{'now':<8}"), _value(metric)),
        line(dim(f"{'help':<8}"), metric.help or "none"),
    ],
)


class MetricsPanel(Panel[MetricsFacts]):
    """One endpoint."""

    title = "METRICS"
    help = (
        "tiles: [[metrics.NAME.tile]], made from the counters and gauges that the application itself exposes.\n"
        "rate, ratio, average, percentile: from what grew in the tile's window, never since the start. They need two\n"
        "readings. A counter that goes back means a restart: that interval tells nothing.\n"
        "> 10 s: the percentile lies beyond the last bucket of the histogram, so it is at least that.\n"
        "no data: the metric is not there. no events: nothing was counted in the window. Neither is zero.\n"
        "all metrics: everything the answer holds, to write tiles from; a tile's series come with its look."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (TILES, _METRICS, ROWS)

    def headline(self, view: View[MetricsFacts]) -> Sequence[Part]:
        """What answers, and how much."""
        facts = view.facts
        parts: list[Part] = [f"{plural(facts.samples, 'sample')} ({facts.form})"]
        if facts.bad_lines:
            parts.append(toned(f"{plural(facts.bad_lines, 'line')} unreadable", view.severity("bad_lines")))
        return (*parts, f"up {span(facts.up)}") if facts.up is not None else parts

    def brief(self, view: View[MetricsFacts], width: int) -> Sequence[Line]:
        """The tiles."""
        facts = view.facts
        if facts.tiles:
            return strip(view, facts.tiles, width)
        words = f"{view.name}: {plural(len(facts.metrics) + facts.more_metrics, 'metric')}, no tile is asked for"
        return (line(dim(_cut(words, width))),)

    def head(self, view: View[MetricsFacts], width: int) -> Sequence[Line]:
        """Charts of the tiles, then the endpoint itself."""
        return [*charts(view, view.facts.tiles, width), *self.more(view, width)]

    def more(self, view: View[MetricsFacts], width: int) -> Sequence[Line]:
        """The endpoint: the tiles have been shown."""
        facts = view.facts
        took = f"{span(facts.took)}, " if facts.took is not None else ""
        words = f"{facts.where}  {took}{size(facts.size)} of {facts.form}, {plural(facts.samples, 'sample')}"
        words += f"  process up {span(facts.up)}" if facts.up is not None else ""
        lines = [line(dim(fit("asked", _LABEL).text), _cut(words, width - _LABEL))]
        lines += [line(dim(fit("note", _LABEL).text), _cut(str(note), width - _LABEL)) for note in facts.notes[:3]]
        if facts.bad_lines:
            bad = f"{plural(facts.bad_lines, 'line')} can't be read, the first: {facts.first_bad}"
            lines.append(line(dim(fit("bad", _LABEL).text), Span(_cut(bad, width - _LABEL), Tone.NOTICE)))
        return lines
