"""The Grafana panel on given facts: every width, gaps, what is wrong with Grafana itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from probes.alerting.facts import Dashboard, DataSource, Fired, GrafanaFacts, RuleState
from probes.base import SafeText, Severity
from tests.widgets.test_alertmanager import DOWN, NOW, SILENCE, SLOW, text_of, viewed
from widgets.grafana import DASHBOARDS, FIRED, RULES, SOURCES, GrafanaPanel
from widgets.lines import width_of

WIDTHS = (40, 58, 78, 118, 200)

STILL = Fired("1", NOW, None, SafeText("High errors"), SafeText("Alerting"), SafeText("{pod=web-1} - B=9.1"))
OVER = replace(STILL, key="2", at=NOW - timedelta(hours=3), until=NOW - timedelta(hours=2))
BROKEN = RuleState(
    "r1", SafeText("Broken"), SafeText("shop / minute"), "inactive", "error", SafeText("no data source"), 0, 30.0
)
EMPTY = replace(BROKEN, key="r2", name=SafeText("Empty"), health="nodata", error=SafeText(), evaluated=None)
FAILS = DataSource("s1", SafeText("Loki"), SafeText("loki"), False, SafeText("dial tcp: refused"))
WELL = DataSource("s2", SafeText("Prometheus"), SafeText("prometheus"), True, SafeText())
BARE = GrafanaFacts(SafeText(), (), 0, (), None, "", (), None, (), (), 16.0, ())
BUSY = GrafanaFacts(
    SafeText("11.4.0"), (DOWN, SLOW), 2, (SILENCE,), None, "failing", (BROKEN, EMPTY), 12, (FAILS, WELL),
    (STILL, OVER), 16.0, (Dashboard("errors", "https://grafana.example/d/abc"),),
)  # fmt: skip
FACTS = {
    "nothing": BARE,
    "busy": BUSY,
    "wide": replace(
        BUSY,
        rules=(replace(BROKEN, name=SafeText("规则" * 40)),),
        sources=(replace(FAILS, said=SafeText("错" * 300)),),
    ),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FACTS)
def test_no_line_is_wider_than_its_room(name: str, width: int) -> None:
    panel, view = GrafanaPanel(), viewed(FACTS[name])
    assert all(width_of(one.spans) <= width for one in (*panel.brief(view, width), *panel.head(view, width)))


def test_what_is_wrong_with_grafana_itself_stands_first() -> None:
    drawn = GrafanaPanel().brief(viewed(BUSY), 118)
    assert "does not reach its own database" in drawn[0].text
    assert drawn[0].severity is Severity.CRITICAL
    assert "data source Loki fails: dial tcp: refused" in drawn[1].text
    assert "rule Broken guards nothing: no data source" in drawn[2].text
    assert "rule Empty guards nothing: its query finds no data" in drawn[3].text
    assert drawn[4].key == DOWN.key


def test_last_night_is_counted_only_when_it_could_be_read() -> None:
    panel = GrafanaPanel()
    assert "2 fired in 16 h" in text_of(panel.headline(viewed(BUSY, ("fired_recently", 2))))
    assert "fired in" not in text_of(panel.headline(viewed(BUSY)))


def test_the_head_tells_rules_and_sources_and_says_what_is_unknown() -> None:
    panel = GrafanaPanel()
    assert "Grafana 11.4.0  database failing  12 alert rules  1 of 2 checked data sources answer" in text_of(
        panel.head(viewed(BUSY), 200)
    )
    assert "database –  –  0 of 0" in text_of(panel.head(viewed(BARE), 200))


def test_tables_tell_all_that_is_known() -> None:
    assert [str(column.cell(STILL)) for column in FIRED.columns][:4] == ["03-01 03:12:41", "still", "–", "Alerting"]
    assert [str(column.cell(OVER)) for column in FIRED.columns][1:3] == ["01:12:41", "1h00m"]
    assert [str(column.cell(BROKEN)) for column in RULES.columns][:5] == ["Broken", "inactive", "error", "0", "30 s"]
    assert [str(column.cell(FAILS)) for column in SOURCES.columns] == ["Loki", "loki", "FAILS", "dial tcp: refused"]
    assert str(SOURCES.columns[2].cell(replace(WELL, well=None))) == "not checked"
    assert [str(column.cell(BUSY.dashboards[0])) for column in DASHBOARDS.columns][1].startswith("https://")
    for table, row in ((FIRED, STILL), (RULES, EMPTY), (DASHBOARDS, BUSY.dashboards[0])):
        assert table.detail is not None
        assert table.detail(row)  # type: ignore[arg-type]
