"""The load balancer panel on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.aws.alb.facts import AlbFacts, Balancer, Group
from probes.aws.alb.gauges import measured
from probes.aws.alb.health import Health, TargetState
from probes.aws.calls import Seat
from probes.base import SafeText, Severity, Snapshot
from widgets.alb import AlbPanel
from widgets.lines import Line, Part, Span, Tone, width_of
from widgets.panel import View, Worry

WIDTHS = (40, 58, 78, 118, 200)
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
SEAT = Seat(SafeText("123456789012 eu-west-1 as ops/ann"), 12, 0.02)
LB = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/50dc"
WELL = TargetState(SafeText("10.0.0.7"), 8080, "eu-west-1a", "healthy")
ILL = replace(WELL, id=SafeText("10.0.0.8"), state="unhealthy", code="Target.ResponseCodeMismatch")
WEB = Group(
    "arn:x:targetgroup/web/1", "web", "HTTP", 8080, "ip", "HTTP:traffic-port /health every 30 s", (LB,),
    Health("arn:x:targetgroup/web/1", (WELL, ILL)), 3.0, 0.12, 0.4, 1.9, 4812.0, None,
)  # fmt: skip
NOBODY = replace(WEB, arn="arn:api", name="api", health=Health("arn:api", (ILL,)), average=2.4, errors=17.0)
HUGE = replace(NOBODY, errors=1e12, average=1e9)
UNUSED = replace(WEB, arn="arn:old", name="old", balancers=(), health=Health("arn:old"))
BALANCER = Balancer(LB, "web", "application", "active", scheme="internal", zones=("eu-west-1a",), errors=3.0)
BUSY = AlbFacts(SEAT, (NOBODY, WEB, UNUSED), (BALANCER,), (SafeText("gone"),))
ODD = {
    "nothing": AlbFacts(SEAT),
    "busy": BUSY,
    "huge": replace(
        BUSY, groups=tuple(replace(NOBODY, arn=f"a{n}", name=f"{'long-' * 9}{n}", errors=1e12) for n in range(200))
    ),
    "wide": replace(BUSY, groups=(replace(WEB, name="数据库" * 12),), absent=(SafeText("错误" * 60),)),
    "gaps": replace(BUSY, groups=(Group("arn", "a"),), balancers=(Balancer("arn", "b"),)),
}


def view(facts: AlbFacts, *worries: Worry) -> View[AlbFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return [1.0, None, 2.0]

    return View("front", Snapshot("front", NOW, 0.01, facts, measured(facts).values), recent, worries)


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


def words(parts: Sequence[Part]) -> str:
    return "  ".join(part.text if isinstance(part, Span) else str(part) for part in parts)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_no_line_is_wider_than_its_room(facts: AlbFacts, width: int) -> None:
    lines = [*AlbPanel().brief(view(facts), width), *AlbPanel().head(view(facts), width)]
    assert lines
    for drawn in lines:
        assert width_of(drawn.spans) <= width


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD.keys())
def test_every_row_is_drawn_and_can_be_opened(facts: AlbFacts) -> None:
    for table in AlbPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows) or facts is ODD["huge"]
        for row in rows[:50]:
            assert all(column.cell(row) is not None for column in table.columns)
            table.tone(row)
            if table.detail is not None:
                assert "None" not in shown(table.detail(row))


def test_a_group_without_a_healthy_target_is_the_cause_of_503() -> None:
    worry = Worry(Severity.CRITICAL, "targetless", (("group", "api"),), "words")
    lines = AlbPanel().brief(view(BUSY, worry), 200)
    assert (lines[0].key, lines[0].severity) == ("arn:api", Severity.CRITICAL)
    assert "0/1 healthy" in text(lines[0])
    assert "no healthy target (503), 1 × its check is answered with another code than wanted" in text(lines[0])
    assert words(AlbPanel().headline(view(BUSY, worry))) == "3 target groups  1 without a healthy target"


def test_unhealthy_targets_are_never_drawn_as_well() -> None:
    lines = {drawn.key: drawn for drawn in AlbPanel().brief(view(BUSY), 118)}
    assert lines[WEB.arn].severity is Severity.NOTICE
    assert "●" not in text(lines[UNUSED.arn]), "a group that nobody uses is neither well nor unwell"


def test_errors_of_the_balancer_and_of_its_targets_are_kept_apart() -> None:
    assert "3 × 5xx by itself" in text(AlbPanel().head(view(BUSY), 200)[0])
    detail = AlbPanel.tables[0].detail
    assert detail is not None
    assert "17 a minute by its targets" in shown(detail(NOBODY))
    assert "none reported" in shown(detail(WEB))


def test_targets_that_are_not_healthy_come_first() -> None:
    rows = AlbPanel.tables[1].rows(BUSY)
    assert [one.state for _, one in rows] == ["unhealthy", "unhealthy", "healthy"]
    assert AlbPanel.tables[1].tone(rows[0]) is Tone.CRITICAL


def test_no_data_is_a_dash() -> None:
    assert "– avg" in text(AlbPanel().brief(view(replace(BUSY, groups=(replace(WEB, average=None),))), 78)[0])


def test_a_name_that_is_not_there_is_said() -> None:
    assert "gone: there is no such load balancer or target group" in shown(AlbPanel().brief(view(BUSY), 118))
