"""The panel of a supervisord on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.supervisor.facts import Process, Service, Stage, SupervisorFacts, Use
from probes.supervisor.gauges import measured
from probes.supervisor.probe import SupervisorProbe
from widgets.lines import Line, Span, Tone, joined, width_of
from widgets.panel import View, Worry
from widgets.supervisor import SupervisorPanel

WIDTHS = (40, 58, 78, 118, 200)
MIB = float(1 << 20)

APP = SafeText("newsletter-app")
WEB = Process(APP, APP, Stage.RUNNING, 412, 1000, 272000.0, use=Use(90 * MIB, 0.12, 3))
KILLED = Process(
    SafeText("worker"), SafeText("worker_01"), Stage.EXITED, None, 1000, None, 240.0, -1,
    died="killed (signal 9, possibly out of memory)",
)  # fmt: skip
STOPPED = Process(SafeText("spare"), SafeText("spare"), Stage.STOPPED)


def service(*processes: Process, growth: float | None = None) -> Service:
    return Service(processes[0].group, processes, growth)


def named(name: str, **changes: object) -> Process:
    return replace(WEB, group=SafeText(name), name=SafeText(name), **changes)  # type: ignore[arg-type]


def facts_of(*services: Service, more: int = 0, here: bool = True) -> SupervisorFacts:
    return SupervisorFacts(services, more, SafeText("4.3.0"), SafeText("supervisor"), SafeText("RUNNING"), 1, here)


WELL = facts_of(service(WEB))
DEAD = facts_of(service(KILLED, replace(KILLED, name=SafeText("worker_00"))), service(WEB), service(STOPPED))

ODD = {
    "nothing": SupervisorFacts(),
    "well": WELL,
    "dead": DEAD,
    "many": facts_of(*(service(named(f"service-{number}")) for number in range(60)), more=9000),
    "elsewhere": facts_of(service(replace(WEB, use=Use())), here=False),
    "huge": facts_of(
        service(
            replace(WEB, pid=4194304, up=1e10, restarts=10**9, restarts_recent=10**6, use=Use(2.0**60, 512.0, 10**6)),
            growth=2.0**40,
        )
    ),
    "wide": facts_of(
        service(
            replace(
                KILLED, group=SafeText("配信ワーカー" * 8), stage=Stage.FATAL, trouble=SafeText("起動できません" * 20)
            )
        ),
        service(named("サーバー" * 9)),
        service(replace(STOPPED, group=SafeText("予備" * 60))),
    ),
}


def view(facts: SupervisorFacts, *worries: Worry) -> View[SupervisorFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return (1.0, None, 3.0)

    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return View("app", Snapshot("app", moment, 0.01, facts, measured(facts).values), recent, worries)


def worry(severity: Severity, gauge: str, **labels: str) -> Worry:
    return Worry(severity, gauge, tuple(sorted(labels.items())), "words")


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: SupervisorFacts, width: int) -> None:
    for drawn in [*SupervisorPanel().brief(view(facts), width), *SupervisorPanel().head(view(facts), width)]:
        assert width_of(drawn.spans) <= width, text(drawn)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_the_head_stays_short(facts: SupervisorFacts) -> None:
    assert 1 <= len(SupervisorPanel().head(view(facts), 118)) <= 10


def test_the_headline_counts_what_runs_and_what_is_dead() -> None:
    words = "".join(span.text for span in joined(SupervisorPanel().headline(view(DEAD))))
    assert words == "1 of 3 processes running  2 dead"


def test_the_dead_come_first_with_how_they_died_and_open_their_row() -> None:
    drawn = view(DEAD, worry(Severity.CRITICAL, "dead", service="worker"))
    lines = SupervisorPanel().brief(drawn, 78)
    assert text(lines[0]).startswith("✕ worker ")
    assert "killed" in text(lines[0])
    assert "0/2  signal 9, possibly out of memory" in text(lines[0])
    assert (lines[0].key, lines[0].severity) == ("worker", Severity.CRITICAL)
    assert text(lines[1]) == "● newsletter-app"
    assert "not wanted: spare (not started)" in text(lines[2])


def test_what_is_well_beside_the_dead_gets_lines_of_its_own_where_they_say_more() -> None:
    drawn = view(DEAD, worry(Severity.CRITICAL, "dead", service="worker"))
    assert text(SupervisorPanel().brief(drawn, 118)[1]).startswith("● newsletter-app         running")


def test_what_is_being_started_is_not_drawn_as_well() -> None:
    coming = [service(named(f"s{number}", stage=Stage.STARTING)) for number in range(5)]
    assert shown(SupervisorPanel().brief(view(facts_of(*coming[:1])), 78)).startswith("? s0 ")
    together = shown(SupervisorPanel().brief(view(facts_of(*coming)), 118))
    assert "? s0 starting  ? s1 starting" in together
    assert "●" not in together


def test_what_is_dead_is_never_drawn_as_well_even_before_a_rule_speaks() -> None:
    assert SupervisorPanel().brief(view(DEAD), 58)[0].severity is Severity.NOTICE


def test_many_services_that_are_well_share_lines() -> None:
    lines = SupervisorPanel().brief(view(ODD["many"]), 78)
    assert len(lines) == 5
    assert "more services running" in text(lines[3])
    assert "and 9,000 more processes not shown" in text(lines[4])


def test_a_leak_is_said_with_its_speed() -> None:
    leaking = facts_of(service(WEB, growth=5 * MIB))
    drawn = view(leaking, worry(Severity.WARNING, "memory_growth_bytes_per_second", service="newsletter-app"))
    line = SupervisorPanel().brief(drawn, 118)[0]
    assert "memory grows 5 MiB/s" in text(line)
    assert "90 MiB" in text(line)
    assert "grows 5 MiB/s" in shown(SupervisorPanel().head(drawn, 118))


def test_a_service_that_restarts_says_how_often_and_why() -> None:
    looping = facts_of(service(replace(WEB, restarts=4, restarts_recent=4, died="exited with 1")))
    drawn = view(looping, worry(Severity.WARNING, "restarts_recent", service="newsletter-app"))
    assert "restarted 4 times in 10 min, exited with 1" in shown(SupervisorPanel().brief(drawn, 200))


def test_use_that_is_not_known_is_a_dash_and_explained() -> None:
    drawn = view(ODD["elsewhere"])
    assert "– cpu" in shown(SupervisorPanel().brief(drawn, 118))
    assert "not on this machine" in shown(SupervisorPanel().head(drawn, 118))


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_of_every_table_can_be_drawn_and_sorted(facts: SupervisorFacts) -> None:
    for table in SupervisorPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert isinstance(table.tone(row), Tone)
            assert table.detail is not None
            assert table.detail(row)
            for column in table.columns:
                cell = column.cell(row)
                assert cell.text if isinstance(cell, Span) else str(cell)
        for column in table.columns:
            if column.sort is not None:
                keys = [column.sort(row) for row in rows]
                sorted(key for key in keys if key is not None)


def test_columns_leave_room_on_a_narrow_terminal() -> None:
    for table in SupervisorPanel.tables:
        assert [column.width for column in table.columns].count(0) == 1
        assert table.columns[-1].width == 0
        for width in (60, 80, 120):
            fixed = sum(column.width + 1 for column in table.columns if width >= column.least and column.width)
            assert fixed <= width - 4, (table.name, width, fixed)


def test_the_detail_of_a_process_tells_all() -> None:
    detail = SupervisorPanel.tables[1].detail
    assert detail is not None
    words = shown(detail(KILLED))
    assert "worker:worker_01" in words
    assert "killed (signal 9, possibly out of memory)" in words
    assert "by a signal" in words


def test_a_whole_service_can_be_followed() -> None:
    for table in SupervisorPanel.tables:
        assert table.looks[0] == "logs"
        assert table.subject is None


def test_the_panel_asks_for_gauges_that_exist() -> None:
    asked: set[str] = set()

    def recent(name: str, **labels: str) -> Sequence[float | None]:
        asked.add(name)
        return ()

    drawn = View("app", view(WELL).snapshot, recent)
    SupervisorPanel().head(drawn, 200)
    SupervisorPanel().brief(drawn, 200)
    assert asked
    assert asked <= {spec.name for spec in SupervisorProbe.gauges}
