"""The Alertmanager panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.alerting.facts import Alert, AlertmanagerFacts, AlertsFacts, Silence, key_of
from probes.alerting.gauges import measure_alerts
from probes.base import Gauges, SafeText, Severity, Snapshot
from widgets.alertmanager import AlertmanagerPanel
from widgets.lines import Line, Part, Span, width_of
from widgets.panel import View

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)

DOWN = Alert(
    key_of({"alertname": "Down", "instance": "web-1", "severity": "critical"}), "df96140b640c1c6c",
    SafeText("Down"), Severity.CRITICAL, SafeText("critical"), "active", NOW - timedelta(minutes=12), 720.0,
    SafeText("web-1 is down"), ((SafeText("alertname"), SafeText("Down")), (SafeText("instance"), SafeText("web-1"))),
    ((SafeText("summary"), SafeText("web-1 is down")),), (SafeText("pager"),), (), (), SafeText("http://p/graph"),
)  # fmt: skip
ID = "5f8a2a7e-1234-4abc-8def-0123456789ab"
SLOW = replace(
    DOWN, key=key_of({"alertname": "Slow"}), name=SafeText("Slow"), severity=Severity.WARNING,
    word=SafeText("warning"), state="suppressed", silenced_by=(ID,),
)  # fmt: skip
ODD_ONE = Alert(
    "", "", SafeText("(no name)"), Severity.NOTICE, SafeText(), "", None, None, SafeText(), (), (), (), (), (),
    SafeText(),
)  # fmt: skip
SILENCE = Silence(
    ID, "active", (SafeText('alertname="Slow"'),), SafeText("anna"), SafeText("opsroom act x by anna"),
    NOW, NOW + timedelta(minutes=9), 540.0, 1,
)  # fmt: skip
OVER = replace(SILENCE, id="b" * 36, state="expired", left=-3600.0, silences=0)
BARE = AlertmanagerFacts(SafeText(), (), 0, (), None, "", (), None)
BUSY = AlertmanagerFacts(
    SafeText("0.27.0"), (DOWN, SLOW, ODD_ONE), 3, (SILENCE, OVER), 3601.0, "ready", (SafeText("01H a:9094"),), 9e5
)
FACTS = {
    "nothing": BARE,
    "busy": BUSY,
    "many": replace(BUSY, alerts=tuple(replace(DOWN, key=f"k{n}", age=1e13) for n in range(900)), held=900),
    "wide": replace(BUSY, alerts=(replace(DOWN, name=SafeText("数据库" * 20), summary=SafeText("错误" * 200)),)),
    "settling": replace(BUSY, cluster="settling", peers=tuple(SafeText(f"peer {n}") for n in range(9))),
}


def viewed(facts: AlertsFacts, *gauges: tuple[str, float]) -> View[Any]:
    measured = Gauges()
    measure_alerts(measured, facts.alerts, facts.silences, facts.skew)
    for name, value in gauges:
        measured.put(name, value)
    return View("am", Snapshot("am", NOW, 0.1, facts, measured.values), lambda name, **labels: [])


def text_of(parts: Sequence[Line | Part]) -> str:
    return "\n".join(one.text if isinstance(one, Line | Span) else str(one) for one in parts)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FACTS)
def test_no_line_is_wider_than_its_room(name: str, width: int) -> None:
    panel, view = AlertmanagerPanel(), viewed(FACTS[name])
    for one in (*panel.brief(view, width), *panel.head(view, width)):
        assert width_of(one.spans) <= width or one.text.startswith("its clock"), one.text
    assert len(panel.brief(view, width)) <= 12


def test_what_fires_is_drawn_the_worst_first_and_what_is_silent_is_only_counted() -> None:
    view = viewed(BUSY)
    drawn = AlertmanagerPanel().brief(view, 118)
    assert drawn[0].key == DOWN.key
    assert drawn[0].severity is Severity.CRITICAL
    assert "Down" in drawn[0].text
    assert "12m00s" in drawn[0].text
    assert "web-1 is down" in drawn[0].text
    assert "Slow" not in "".join(one.text for one in drawn[:2])
    assert 'silence of alertname="Slow" ends in 9m00s, 1 alert then told again' in drawn[-1].text
    assert text_of(AlertmanagerPanel().headline(view)) == "1 critical\n1 other\n1 silent\n1 silence"


def test_an_alertmanager_at_rest_says_that_nothing_fires() -> None:
    assert text_of(AlertmanagerPanel().headline(viewed(BARE))) == "nothing fires"
    assert AlertmanagerPanel().brief(viewed(BARE), 80) == []


def test_the_cluster_and_a_wrong_clock_are_in_the_head() -> None:
    told = text_of(AlertmanagerPanel().head(viewed(FACTS["settling"]), 118))
    assert "cluster settling, 9 members" in told
    assert "its clock is +3601 s from ours" in told
    alone = text_of(AlertmanagerPanel().head(viewed(replace(BUSY, cluster="disabled", peers=())), 118))
    assert "no cluster" in alone


def test_tables_tell_all_that_is_known() -> None:
    alerts, silences = AlertmanagerPanel.tables
    assert [str(column.cell(SLOW)) for column in alerts.columns][:3] == ["Slow", "warning", "silenced"]
    assert [str(column.cell(ODD_ONE)) for column in alerts.columns] == ["(no name)", "–", "firing", "–", "–", "–"]
    assert alerts.detail is not None
    told = text_of(alerts.detail(SLOW))
    assert ID in told
    assert "http://p/graph" in told
    assert "instance=web-1" in told
    held = replace(DOWN, state="suppressed", inhibited_by=("abc",))
    assert "held back" in [str(column.cell(held)) for column in alerts.columns]
    assert [str(column.cell(SILENCE)) for column in silences.columns][1:4] == ["active", "9m00s", "1"]
    assert [str(column.cell(OVER)) for column in silences.columns][1:3] == ["expired", "1h00m ago"]
    assert silences.detail is not None
    assert "opsroom act x by anna" in text_of(silences.detail(SILENCE))
    assert SILENCE.ours
