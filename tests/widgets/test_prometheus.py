"""A Prometheus server and its tiles as they are drawn: every width, gaps, hundreds of hosts, text that would steer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import SafeText, Severity, Snapshot, Unit
from probes.prometheus.facts import Host, PrometheusFacts, RuleTrouble, ScrapeTarget, Server, ServerAlert
from probes.prometheus.gauges import measured
from probes.prometheus.probe import PrometheusProbe
from probes.prometheus.tiles import Chart, Row, Tile
from tests.toys import StillClock
from widgets.lines import Line, width_of
from widgets.panel import View, Worry
from widgets.prometheus import PrometheusPanel
from widgets.tiles import limits, narrowed, number, plot, rows_of, trend

WIDTHS = (40, 60, 78, 118, 160, 250)

RATE = Tile(
    "errors", "Error rate", Unit.RATIO, 0.07, warning=0.01, critical=0.05, lasts=300, age=0.4, exact_age=True,
    chart=Chart(tuple(None if place % 50 == 0 else place / 4000 for place in range(300)), 12, 3),
    source=SafeText("a / b"),
)  # fmt: skip
USERS = Tile("users", "Active users", Unit.COUNT, 1247)
QUIET = Tile("latency", "Response time", Unit.SECONDS, why=SafeText("no data"), blind=372.0, warning=1)
CODES = Tile(
    "codes", "Requests", Unit.PER_SECOND, by="code", rows=(Row(SafeText("200"), 12.5), Row(SafeText("500"), None)),
    more_rows=7,
)  # fmt: skip
DOWN = Host(SafeText("db1:9100"), SafeText("node"), up=False)
FULL = Host(
    SafeText("web1:9100"), SafeText("node"), True, 0.4, 1.25, 0.5, 0.96, SafeText("/data"), 5400.0, SafeText("/data"),
    2e6, 1e6, 86400.0,
)  # fmt: skip
ALERT = ServerAlert(
    SafeText("HighErrors"), SafeText("firing"), Severity.CRITICAL, SafeText("page"), SafeText("job=api"),
    SafeText("too many errors"), 372.0, 0.07,
)  # fmt: skip
LOST = ScrapeTarget(
    SafeText("api"), SafeText("api1:8080"), SafeText("http://api1:8080/metrics"), SafeText("down"),
    SafeText("connection refused"), 4.0,
)  # fmt: skip

WHOLE = PrometheusFacts(
    where=SafeText("prom:9090"),
    server=Server(SafeText("2.42.0"), 1e6, False, SafeText("15d"), 1e6, ((SafeText("up"), 5e5),), 7200),
    tiles=(RATE, USERS, QUIET, CODES),
    up=40,
    down=2,
    troubled=(LOST,),
    alerts=(ALERT,),
    rule_troubles=(RuleTrouble(SafeText("g"), SafeText("r"), SafeText("many-to-many")),),
    rules=12,
    fleet=True,
    hosts=(DOWN, FULL),
    hosts_down=1,
    skew=3601.0,
)
ODD = {
    "nothing": PrometheusFacts(),
    "whole": WHOLE,
    "fleet": replace(
        WHOLE,
        hosts=tuple(replace(FULL, instance=SafeText(f"web{number}:9100")) for number in range(500)),
        tiles=tuple(replace(RATE, name=f"t{number}") for number in range(60)),
    ),
    "wide": replace(
        WHOLE,
        tiles=(replace(RATE, title="エラー率" * 10, why=SafeText("停止" * 90), value=None),),
        alerts=(replace(ALERT, name=SafeText("警報" * 30), summary=SafeText("\x1b[2J" * 30)),),
    ),
    "huge": replace(WHOLE, tiles=(replace(RATE, unit=Unit.COUNT, value=1e300), replace(USERS, value=-1e-300))),
}


def view(facts: PrometheusFacts, *worries: Worry, history: Sequence[float | None] = (1.0, None, 2.0)) -> View[Any]:
    snapshot = Snapshot("main", StillClock().now(), 0.01, facts, measured(facts).values)
    return View("main", snapshot, lambda name, **labels: history, worries)


def text(lines: Sequence[Line]) -> str:
    return "\n".join(line.text for line in lines)


WORRIES = (
    Worry(Severity.CRITICAL, "tile_errors", (), "Error rate is 7 %"),
    Worry(Severity.CRITICAL, "host_up", (("instance", "db1:9100"), ("job", "node")), "db1:9100 is down"),
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_no_line_is_wider_than_its_room_and_nothing_steers_a_terminal(facts: PrometheusFacts, width: int) -> None:
    panel = PrometheusPanel()
    shown = view(facts, *WORRIES)
    for line in (*panel.brief(shown, width), *panel.head(shown, width)):
        assert width_of(line.spans) <= width, line.text
        assert all(span.text.isprintable() for span in line.spans)
    assert len(panel.head(shown, width)) <= 13


def test_what_is_wrong_comes_first_and_with_its_limits() -> None:
    lines = PrometheusPanel().brief(view(WHOLE, *WORRIES), 160)
    assert lines[0].text.startswith("✕ Error rate")
    assert "7 %" in lines[0].text
    assert "warning above 1 %, critical above 5 %, for 5m00s" in lines[0].text
    assert lines[0].severity is Severity.CRITICAL
    whole = text(lines)
    assert "HighErrors" in whole
    assert "too many errors" in whole
    assert "down" in next(line.text for line in lines if "db1:9100" in line.text)
    assert "connection refused" in whole


def test_silent_hosts_are_counted_apart_and_a_fleet_that_is_not_known_is_said() -> None:
    panel, gone = PrometheusPanel(), Host(SafeText("old:9100"), SafeText("node"), heard=125.0)
    facts = replace(WHOLE, hosts=(DOWN, gone, FULL), hosts_silent=1)
    assert "1 of 3 hosts up, 1 silent" in text(panel.head(view(facts), 160))
    unknown = replace(WHOLE, hosts=(), hosts_down=0, hosts_known=False)
    assert "hosts not known" in text(panel.head(view(unknown), 160))
    assert "0 of 0" not in text(panel.head(view(unknown), 160))


def test_the_fleet_on_the_wall_has_each_host_with_what_is_in_use_and_no_figure_of_one_that_is_not_heard() -> None:
    gone = Host(SafeText("old:9100"), SafeText("node"), heard=125.0)
    db, old, web = PrometheusPanel().members(view(replace(WHOLE, hosts=(DOWN, gone, FULL)), *WORRIES))
    assert (db.name, db.word, db.severity, db.said, db.age) == ("db1", "DOWN", Severity.CRITICAL, "", None)
    assert (old.word, old.severity, old.said, old.age) == ("SILENT", None, "", 125.0)
    assert web.said == "cpu 40 %  mem 50 %  /data 96 %  full in 1h30m"
    assert db.trouble > web.trouble > old.trouble


def test_no_data_is_said_and_never_a_zero() -> None:
    whole = text(PrometheusPanel().brief(view(replace(WHOLE, tiles=(QUIET,), hosts=(), fleet=False)), 60))
    assert "? Response time" in whole
    assert "no data" in whole
    assert " 0 " not in whole


def test_more_tiles_stand_side_by_side_where_there_is_room() -> None:
    tiles = tuple(replace(USERS, name=f"t{number}") for number in range(6))
    facts = PrometheusFacts(tiles=tiles)
    assert [len(PrometheusPanel().brief(view(facts), width)) for width in (60, 118, 160)] == [6, 3, 2]


def test_a_number_that_was_measured_long_ago_shows_its_age() -> None:
    facts = PrometheusFacts(tiles=(replace(USERS, age=280.0, exact_age=True),))
    assert "1,247 4m40s old" in text(PrometheusPanel().brief(view(facts), 60))


def test_a_percentile_beyond_the_last_bucket_is_at_least_that() -> None:
    assert number(Tile("a", "a", Unit.SECONDS, 10.0, at_least=True)) == "> 10 s"


def test_rows_stand_on_one_line_and_say_how_many_are_left_out() -> None:
    assert number(CODES) == "200 12/s  500 –  +7"
    assert limits(USERS) == ""
    assert len({row.key for row in rows_of((CODES, replace(CODES, rows=CODES.rows * 2)))}) == 6


@pytest.mark.parametrize("name", ["tiles", "hosts", "alerts", "targets", "rules", "rows"])
def test_each_table_has_rows_with_keys_and_details(name: str) -> None:
    table = next(one for one in PrometheusPanel.tables if one.name == name)
    rows = table.rows(WHOLE)
    assert rows
    for row in rows:
        assert all(column.cell(row) is not None for column in table.columns)
        if table.detail is not None:
            assert table.detail(row)
        table.tone(row)


def test_the_detail_of_a_tile_draws_its_course_with_its_figures() -> None:
    table = PrometheusPanel.tables[0]
    assert table.detail is not None
    whole = text(table.detail(RATE))
    assert "last 59m48s" in whole
    assert "█" in whole
    assert "a / b" in whole


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=400), st.integers(1, 90))
def test_a_chart_keeps_its_peak_and_its_size_whatever_it_is_given(values: list[float | None], width: int) -> None:
    shown = narrowed(values, width)
    known = [value for value in values if value is not None]
    assert len(shown) <= width
    assert max((one for one in shown if one is not None), default=None) == max(known, default=None)
    assert {len(row) for row in plot(values, width, 4)} <= {len(shown)}
    assert trend(values) in " ↑→↓"


def test_every_rule_of_the_kind_is_about_a_number_that_a_reading_can_hold() -> None:
    named = {key.name for key in measured(WHOLE).values}
    asked = {rule.gauge for rule in PrometheusProbe.rules}
    assert asked <= named
