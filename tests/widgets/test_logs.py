"""Logs as they are drawn: what is wrong first, and nothing that was not looked at is called free of errors."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.base.log import Level
from probes.logs.facts import File, Found, LogsFacts, Source, Type
from probes.logs.gauges import measured
from widgets.logs import LogsPanel
from widgets.panel import View, Worry

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
APP = Source(
    "/var/log/app/*.log", SafeText("/var/log/app/*.log"), "files", files=2, size=5 << 20, age=3.0, rate=12.0, lines=400,
    warnings=3, errors=12, levelled=390, minutes=(None, *([0] * 12), 5, 7), since=NOW - timedelta(minutes=14),
)  # fmt: skip
GONE = Source("/nowhere/*.log", SafeText("/nowhere/*.log"), "files", trouble=SafeText("there is no folder /nowhere"))
REFRESH = Found(
    "refresh failed", SafeText("refresh failed"), (0, 1, 4), 5, 4, True, 3, 0.01, NOW - timedelta(minutes=2), NOW
)  # fmt: skip
TYPE = Type("=x", SafeText("ERROR token # refused"), Level.ERROR, 4812, NOW, NOW, SafeText("ERROR token 7 refused"))
FACTS = LogsFacts(
    NOW, (APP, GONE), (File("a", SafeText("/var/log/app/a.log"), APP.key, 10, 3.0, "denied"),), 0, (REFRESH,), (TYPE,)
)


def view(facts: LogsFacts, *worries: Worry) -> View[LogsFacts]:
    return View("app", Snapshot("app", NOW, 0.0, facts, measured(facts).values), lambda name, **labels: [], worries)


def brief(facts: LogsFacts, width: int = 118) -> str:
    return "\n".join(one.text for one in LogsPanel().brief(view(facts), width))


def headline(facts: LogsFacts) -> str:
    return "  ".join(str(getattr(part, "text", part)) for part in LogsPanel().headline(view(facts)))


def test_the_headline_says_errors_patterns_over_and_what_cannot_be_read() -> None:
    said = headline(FACTS)
    assert said == "2 sources  12 errors in 5 min  1 pattern over its limit  1 source not readable"
    assert headline(LogsFacts(NOW, (GONE,))) == "1 source  1 source not readable", "nothing was read: not 0 errors"


def test_what_is_over_its_limit_comes_first_and_says_so() -> None:
    lines = brief(FACTS).splitlines()
    assert lines[0].startswith("▲ refresh failed")
    assert "4     in 5 min" in lines[0]
    assert "limit 3, last 03:12:41" in lines[0]
    assert "12 err in 5 min" in lines[1]
    assert "12/s" in lines[1]
    assert "4,812× error" in lines[3]


def test_what_was_not_looked_at_is_a_dash_and_a_plus() -> None:
    assert "– err" in brief(replace(FACTS, sources=(GONE,), patterns=(), types=()))
    partly = replace(REFRESH, found=2, whole=False)
    assert " 2+ " in brief(replace(FACTS, patterns=(partly,)))
    quiet = replace(APP, lines=50, levelled=0, errors=0)
    assert "– err" in brief(replace(FACTS, sources=(quiet,))), "lines that tell no level are not free of errors"
    late = replace(APP, since=NOW - timedelta(minutes=2), skipped=5 << 20)
    assert "5 MiB left out, since 03:10:41" in brief(replace(FACTS, sources=(late,)), 160)


def test_an_alert_tones_its_source() -> None:
    worry = Worry(Severity.WARNING, "errors_per_minute", (("source", "/var/log/app/*.log"),), "many")
    row = LogsPanel().brief(view(FACTS, worry), 118)[1]
    assert row.severity is Severity.WARNING
    assert row.text.startswith("▲")


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
def test_every_width_draws_lines_that_fit(width: int) -> None:
    panel = LogsPanel()
    for one in (*panel.brief(view(FACTS), width), *panel.head(view(FACTS), width)):
        assert len(one.text) <= max(width, 66)
        assert one.text.isprintable()


def test_every_row_of_every_table_has_its_cells_and_details() -> None:
    for table in LogsPanel().tables:
        rows = table.rows(FACTS)
        assert rows
        for row in rows:
            assert all(column.cell(row) is not None for column in table.columns)
            assert table.detail is None or table.detail(row)


def test_the_help_answers_for_the_commands_people_know() -> None:
    for command in ("tail -F", "grep", "journalctl -fu", "journalctl -k", "zgrep", "uniq -c"):
        assert command in LogsPanel.help
