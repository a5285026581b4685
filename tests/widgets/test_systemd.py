"""The systemd panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.systemd.facts import Journal, SystemdFacts, Unit
from probes.systemd.gauges import measured
from widgets.lines import Line, Part, Span, width_of
from widgets.panel import View, Worry
from widgets.systemd import SystemdPanel

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)

NGINX = Unit(
    "nginx.service", "nginx", SafeText("A web server"), "loaded", "active", "running", kind="forking",
    enabled="enabled", result="success", age=272000.0, pid=812, invocation="ab" * 16, restarts=0,
    memory=2.0**24, tasks=5, cpu=0.1,
)  # fmt: skip
BROKEN = replace(
    NGINX,
    id="token-refresh.service",
    asked="token-refresh",
    active="failed",
    sub="failed",
    result="exit-code",
    exit_kind="exited",
    exit_status=7,
    age=240.0,
    pid=None,
    journal=Journal((SafeText("03:08:41 refresh: invalid_grant"),)),
)
META = replace(NGINX, id="postgresql.service", asked="postgresql", sub="exited", kind="oneshot")
TASK = replace(NGINX, id="task.service", asked="task", active="inactive", sub="dead", kind="oneshot")
TIMER = replace(
    NGINX,
    id="backup.timer",
    asked="backup.timer",
    sub="waiting",
    next_run=NOW + timedelta(hours=3),
    last_run=NOW - timedelta(hours=21),
)
NONE = Unit("nope.service", "nope", load="not-found", active="inactive", sub="dead")
BUSY = SystemdFacts(SafeText("252"), SafeText("degraded"), 1, (NGINX, BROKEN, META, TASK, TIMER, NONE))
ODD = {
    "nothing": SystemdFacts(),
    "busy": BUSY,
    "huge": replace(
        BUSY,
        failed=10**9,
        units=tuple(replace(NGINX, id=f"{'long-name-' * 9}{n}.service", age=1e13) for n in range(90)),
    ),
    "wide": replace(BUSY, units=(replace(BROKEN, id="数据库" * 12, journal=Journal((SafeText("错误" * 80),))),)),
    "gaps": replace(BUSY, failed=None, units=(Unit("a.service", "a"),)),
}


def view(facts: SystemdFacts, *worries: Worry) -> View[SystemdFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return ()

    return View("box", Snapshot("box", NOW, 0.01, facts, measured(facts).values), recent, worries)


def worry(severity: Severity, gauge: str, **labels: str) -> Worry:
    return Worry(severity, gauge, tuple(sorted(labels.items())), "words")


FAILED = worry(Severity.CRITICAL, "failed", unit=BROKEN.id, how="exit code 7")


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


def words(parts: Sequence[Part]) -> str:
    return "  ".join(part.text if isinstance(part, Span) else str(part) for part in parts)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_no_line_is_wider_than_its_room(facts: SystemdFacts, width: int) -> None:
    panel = SystemdPanel()
    for drawn in [*panel.brief(view(facts, FAILED), width), *panel.head(view(facts, FAILED), width)]:
        assert width_of(drawn.spans) <= width


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_every_row_is_drawn_and_can_be_opened(facts: SystemdFacts) -> None:
    (table,) = SystemdPanel.tables
    assert table.detail is not None
    for row in table.rows(facts):
        assert all(str(column.cell(row)) for column in table.columns[:-1])
        assert "None" not in shown(table.detail(row))
        table.tone(row)


def test_the_failed_unit_comes_first_with_why_and_its_last_words() -> None:
    lines = SystemdPanel().brief(view(BUSY, FAILED), 78)
    assert text(lines[0]).split() == ["✕", "token-refresh", "failed", "4m00s", "exit", "code", "7"]
    assert text(lines[1]).strip() == "log: 03:08:41 refresh: invalid_grant"
    assert {lines[0].key, lines[1].key} == {BROKEN.id}
    assert lines[0].severity is lines[1].severity is Severity.CRITICAL


def test_an_exited_unit_is_not_drawn_as_well() -> None:
    (drawn,) = [
        one for one in SystemdPanel().brief(view(BUSY), 118) if one.key in ("", META.id) and "postgresql" in text(one)
    ]
    assert "● postgresql" not in text(drawn)
    assert "? postgresql" in text(drawn)


def test_a_task_between_runs_is_neither_well_nor_unwell() -> None:
    lines = SystemdPanel().brief(view(replace(BUSY, units=(TASK,))), 78)
    assert "between runs" in text(lines[0])
    assert not any(mark in text(lines[0]) for mark in "●▲✕◆")


def test_a_timer_says_when() -> None:
    lines = SystemdPanel().brief(view(replace(BUSY, units=(TIMER,))), 118)
    assert "next in 3h00m, last 21h00m ago" in text(lines[0])


def test_what_should_run_and_does_not_is_never_drawn_as_well() -> None:
    lines = {drawn.key: drawn for drawn in SystemdPanel().brief(view(BUSY), 118)}
    for unit in (BROKEN, NONE):
        assert lines[unit.id].severity is not None


def test_many_units_that_are_well_share_lines() -> None:
    many = replace(BUSY, units=tuple(replace(NGINX, id=f"unit-{n:03}.service") for n in range(120)))
    lines = SystemdPanel().brief(view(many), 78)
    assert len(lines) == 4
    assert "● unit-000" in text(lines[0])
    assert text(lines[-1]).endswith("more units, none of them failed")


def test_memory_that_is_not_counted_is_a_dash() -> None:
    lines = SystemdPanel().brief(view(replace(BUSY, units=(replace(NGINX, memory=None),))), 118)
    assert "0 B" not in text(lines[0])
    assert "–" in text(lines[0])


def test_nothing_at_all_has_words() -> None:
    assert shown(SystemdPanel().brief(view(SystemdFacts()), 58)) == "no unit is watched, and none has failed"
    assert words(SystemdPanel().headline(view(SystemdFacts(failed=0)))) == "no unit has failed"
    assert words(SystemdPanel().headline(view(SystemdFacts()))) == "–"


def test_the_headline_counts_what_runs_and_what_failed() -> None:
    assert words(SystemdPanel().headline(view(BUSY, FAILED))) == "2 of 6 units active  1 failed"
