"""The ECS panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from probes.aws.alb.health import Health, TargetState
from probes.aws.calls import Seat
from probes.aws.ecs.facts import Bounds, Cluster, Deployment, EcsFacts, Event, Ran, Service, Task
from probes.aws.ecs.gauges import measured
from probes.base import SafeText, Severity, Snapshot
from widgets.ecs import EcsPanel
from widgets.lines import Line, Part, Span, Tone, width_of
from widgets.panel import View, Worry

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
SEAT = Seat(SafeText("123456789012 eu-west-1 as ops/ann"), 4812, 0.31)
CLUSTER = Cluster("arn:c", SafeText("shop"), "ACTIVE", 3, 12, 1, 4)
DONE = Deployment("ecs-svc/1", "PRIMARY", "api:41", "COMPLETED", desired=2, running=2, created=NOW - timedelta(days=2))
API = Service(
    "arn:s/api", "api", "ACTIVE", 2, 2, 0, "FARGATE", "REPLICA", "ECS", "api:41", NOW, (DONE,),
    (Event("1", NOW - timedelta(hours=1), SafeText("has reached a steady state."), 7, True),),
    images=(SafeText("shop/api:41"),), cpu=0.31, memory=0.62, bounds=Bounds(2, 10, ("in",), (SafeText("cpu at 50"),)),
    exits=0, ooms=0,
)  # fmt: skip
NOBODY = Health("arn:x:targetgroup/web/1", (TargetState(SafeText("10.0.0.7"), 80, "a", "unhealthy", "Target.Timeout"),))
FAILED = Deployment("ecs-svc/2", "ACTIVE", "jobs:9", "FAILED", SafeText("circuit breaker"), 2, 0, 0, 7, NOW)
JOBS = replace(
    API, name="jobs", running=0, exits=7, ooms=1, deployments=(DONE, FAILED), last_stop=SafeText("exit code 137"),
    events=(Event("2", NOW, SafeText("was unable to place a task")),), health=(NOBODY,), cpu=None, memory=None,
)  # fmt: skip
MOVING = replace(
    API, name="web", deployments=(replace(DONE, id="ecs-svc/3", rollout="IN_PROGRESS", running=1), DONE), age=90.0
)
ZERO = replace(API, name="cron", desired=0, running=0, bounds=None)
ENDED = Task(
    "arn:t/1", "8e0b6ceab51d4f6a", "jobs", "STOPPED", "STOPPED", "UNKNOWN", "jobs:9", stopped=NOW,
    stop_code="EssentialContainerExited", reason=SafeText("Essential container in task exited"),
    containers=(Ran(SafeText("jobs"), "STOPPED", 137),),
)  # fmt: skip
BUSY = EcsFacts(SEAT, CLUSTER, (JOBS, MOVING, API, ZERO), (SafeText("gone"),), 4, (ENDED,), 75.0)
EMPTY = EcsFacts(Seat(SafeText("nowhere"), 0, None), Cluster("", SafeText("shop")))
ODD = {
    "nothing": EMPTY,
    "busy": BUSY,
    "huge": replace(BUSY, services=tuple(replace(JOBS, name=f"{'long-' * 30}{n}", desired=10**6) for n in range(300))),
    "wide": replace(BUSY, services=(replace(JOBS, name="数据库" * 12, last_stop=SafeText("错误" * 80)),)),
    "gaps": replace(BUSY, services=(Service("arn", "a"),), tasks=(Task("arn", "1"),), tasks_age=None),
    "many": replace(BUSY, services=tuple(replace(API, name=f"svc-{n:04}") for n in range(2000)), known=2000),
}


def view(facts: EcsFacts, *worries: Worry) -> View[EcsFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return [1.0, None, 2.0]

    return View("shop", Snapshot("shop", NOW, 0.01, facts, measured(facts, NOW).values), recent, worries)


DYING = Worry(Severity.CRITICAL, "task_exits", (("service", "jobs"),), "words")


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


def words(parts: Sequence[Part]) -> str:
    return "  ".join(part.text if isinstance(part, Span) else str(part) for part in parts)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_no_line_is_wider_than_its_room(facts: EcsFacts, width: int) -> None:
    panel = EcsPanel()
    lines = [*panel.brief(view(facts, DYING), width), *panel.head(view(facts, DYING), width)]
    assert lines
    assert len(lines) < 25
    for drawn in lines:
        assert width_of(drawn.spans) <= width


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_every_row_is_drawn_and_can_be_opened(facts: EcsFacts) -> None:
    for table in EcsPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows[:50]:
            assert all(column.cell(row) is not None for column in table.columns)
            table.tone(row)
            if table.detail is not None:
                assert "None" not in shown(table.detail(row))


def test_the_service_in_trouble_comes_first_with_why() -> None:
    lines = EcsPanel().brief(view(BUSY, DYING), 200)
    assert (lines[0].key, lines[0].severity) == ("jobs", Severity.CRITICAL)
    assert "deployment of jobs:9 failed: circuit breaker, exit code 137" in text(lines[0])
    assert "no healthy target (503)" in text(lines[0])
    assert "0/2" in text(lines[0])


def test_a_deployment_under_way_is_a_question_and_not_well() -> None:
    (moving,) = [one for one in EcsPanel().brief(view(BUSY), 118) if one.key == "web"]
    assert text(moving).startswith("? web")
    assert "1 of 2 new tasks run" in text(moving)
    assert "read 1m30s ago" in shown(EcsPanel().brief(view(BUSY), 200))


def test_what_does_not_run_is_never_drawn_as_well_without_an_alert_too() -> None:
    (jobs,) = [one for one in EcsPanel().brief(view(BUSY), 118) if one.key == "jobs"]
    assert jobs.severity is Severity.NOTICE
    assert "●" not in text(jobs)


def test_a_service_that_is_not_there_is_said() -> None:
    assert "the cluster has no such service" in shown(EcsPanel().brief(view(BUSY), 78))


def test_two_thousand_services_that_are_well_take_four_lines() -> None:
    lines = EcsPanel().brief(view(replace(ODD["many"], absent=())), 78)
    assert len(lines) == 4
    assert text(lines[-1]).endswith("more services as wanted")


def test_use_that_nobody_reported_is_a_dash_and_no_zero() -> None:
    drawn = text(EcsPanel().brief(view(replace(BUSY, services=(replace(API, cpu=None, memory=None),))), 118)[0])
    assert "–" in drawn
    assert "0 %" not in drawn


def test_steady_events_are_dimmed() -> None:
    events = EcsPanel.tables[2]
    tones = [events.tone(row) for row in events.rows(BUSY)]
    assert tones.count(Tone.DIM) == 3
    assert tones[0] is Tone.PLAIN


def test_the_reason_of_a_stopped_task_is_in_its_row() -> None:
    tasks = EcsPanel.tables[1]
    assert "EssentialContainerExited" in str(tasks.columns[-1].cell(ENDED))
    assert "exit code 137" in str(tasks.columns[-1].cell(ENDED))
    assert tasks.tone(ENDED) is Tone.CRITICAL


def test_the_head_ends_with_the_account_and_its_cost() -> None:
    lines = EcsPanel().head(view(BUSY), 118)
    assert text(lines[0]).startswith("cluster shop  ACTIVE  3 instances  12 tasks running, 1 on their way")
    assert "123456789012 eu-west-1 as ops/ann" in text(lines[-1])
    assert "$0.31 a day" in text(lines[-1])


def test_the_headline_counts_services() -> None:
    assert words(EcsPanel().headline(view(BUSY, DYING))) == "4 services  1 not as wanted  2 deploying"
    assert words(EcsPanel().headline(view(EMPTY))) == "0 services"
    assert "has no service here" in shown(EcsPanel().brief(view(EMPTY), 58))
