"""An application's own metrics as they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from probes.base import SafeText, Severity, Snapshot, Unit
from probes.prometheus.metrics.exposition import Metric
from probes.prometheus.metrics.facts import MetricsFacts
from probes.prometheus.tiles import Tile
from tests.toys import StillClock
from widgets.lines import Line, width_of
from widgets.metrics import MetricsPanel
from widgets.panel import View, Worry

FACTS = MetricsFacts(
    where=SafeText("http://app:3000/metrics"),
    form="text",
    tiles=(
        Tile("p95", "Response time", Unit.SECONDS, 0.156),
        Tile("errors", "Error rate", Unit.RATIO, why=SafeText("no events in 60 s"), idle=True, warning=0.05),
        Tile("requests", "API requests", Unit.PER_MINUTE, 2341.0),
    ),
    metrics=(Metric(SafeText("users"), "gauge", SafeText("Users."), 1, 41.0), Metric(SafeText("x_total"), series=9)),
    samples=10,
    size=4096,
    took=0.004,
    bad_lines=2,
    first_bad=SafeText("\x1b[2J"),
    up=3600.0,
    notes=(SafeText("its process began anew since the reading before"),),
)


def view(facts: MetricsFacts, *worries: Worry) -> View[MetricsFacts]:
    snapshot = Snapshot("app", StillClock().now(), 0.0, facts)
    return View("app", snapshot, lambda name, **labels: [1.0, 1.0, None, 2.0, 2.0, 2.0, 9.0], worries)


def text(lines: Sequence[Line]) -> str:
    return "\n".join(line.text for line in lines)


@pytest.mark.parametrize("width", [40, 60, 78, 118, 160, 250])
@pytest.mark.parametrize("facts", [MetricsFacts(), FACTS], ids=["nothing", "whole"])
def test_no_line_is_wider_than_its_room(facts: MetricsFacts, width: int) -> None:
    panel = MetricsPanel()
    for line in (*panel.brief(view(facts), width), *panel.head(view(facts), width)):
        assert width_of(line.spans) <= width
        assert line.text.isprintable()
    assert panel.headline(view(facts))


def test_the_strip_says_each_number_in_its_unit_and_why_one_is_missing() -> None:
    whole = text(MetricsPanel().brief(view(FACTS), 60))
    assert "156 ms ↑" in whole
    assert "2,341/min" in whole
    assert "no events in 60 s" in whole


def test_a_tile_beyond_its_limit_comes_first() -> None:
    worry = Worry(Severity.WARNING, "tile_requests", (), "API requests is 2,341/min")
    assert MetricsPanel().brief(view(FACTS, worry), 118)[0].text.startswith("▲ API requests")


def test_unreadable_lines_and_a_restart_are_told() -> None:
    whole = text(MetricsPanel().head(view(FACTS), 118))
    assert "2 lines can't be read, the first: ^[[2J" in whole
    assert "its process began anew" in whole


def test_each_table_has_rows_with_keys_and_details() -> None:
    for table in MetricsPanel.tables:
        for row in table.rows(FACTS):
            assert table.key(row)
            assert all(column.cell(row) is not None for column in table.columns)
            assert table.detail is None or table.detail(row)
