"""The panel of an endpoint on given facts: every width, gaps, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from probes.base import SafeText, Severity, Snapshot
from probes.base.x509 import Certificate
from probes.http.facts import Check, Expiry, HttpFacts, Limit, Timing, Verdict
from probes.http.gauges import measured
from probes.http.probe import HttpProbe
from widgets.http import HttpPanel
from widgets.lines import Line, Span, Tone, joined, width_of
from widgets.panel import View, Worry

WIDTHS = (40, 58, 78, 118, 200)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

DATABASE = Check("database", SafeText("up"), True, False, 0.004)
REDIS = Check("redis", SafeText("up"), True, False, 0.001)

WELL = HttpFacts(
    url=SafeText("http://127.0.0.1:3000/api/health"),
    status=200,
    reason=SafeText("OK"),
    ok=True,
    timing=Timing(connect=0.001, first_byte=0.03, total=0.034, established=0.002),
    slow=1.0,
    verdicts=(Verdict("status", True, SafeText("status 200, expected 200 to 399")),),
    checks=(DATABASE, REDIS),
    content_type=SafeText("application/json"),
    size=412,
    body=(SafeText("{"), SafeText(""), SafeText("}")),
    version=SafeText("1.0.0"),
    answer_age=0.0,
    skew=0.2,
    last_good=NOON,
    up_ratio=1.0,
    seen=300,
)
DOWN = replace(
    WELL,
    status=503,
    reason=SafeText("Service Unavailable"),
    ok=False,
    why=SafeText("answers 503: database down"),
    blame="database",
    checks=(Check("database", SafeText("down"), False, False, None, SafeText("connection refused")), REDIS),
    verdicts=(Verdict("status", False, SafeText("status 503, expected 200 to 399")),),
    failures=21,
    down_since=NOON,
    down_for=41.0,
    up_ratio=0.93,
)
ENDING = Certificate(SafeText("shop.example"), SafeText("Test authority"), (), NOON, NOON, False)

QUOTED = replace(
    WELL,
    limits=(Limit("requests", 0.95, 5.0, 100.0, 30.0), Limit("app", 0.28)),
    retry=41.0,
    throttles=3,
    credential=True,
    expiries=(Expiry("token", NOON, 86400.0 * 3), Expiry("data", None, None, SafeText("never"))),
)

ODD = {
    "quoted": QUOTED,
    "nothing": HttpFacts(),
    "well": WELL,
    "down": DOWN,
    "several": replace(DOWN, checks=tuple(replace(DOWN.checks[0], name=f"part{number}") for number in range(50))),
    "huge": replace(
        DOWN,
        timing=Timing(1e9, 1e9, 1e9, 1e9, 1e9, 1e9),
        down_for=1e10,
        failures=10**9,
        size=2**50,
        answer_age=1e9,
        skew=-1e9,
        certificate=ENDING,
        certificate_left=-1e9,
        notes=(SafeText("n" * 300),) * 9,
    ),
    "wide": replace(
        DOWN,
        url=SafeText("http://サーバー/" + "健" * 90),
        reason=SafeText("停止" * 30),
        why=SafeText("データベース" * 20),
        checks=(replace(DOWN.checks[0], name="データベース" * 9, message=SafeText("接続" * 60)),) * 1,
        certificate=replace(ENDING, subject=SafeText("証" * 60)),
        certificate_left=1e6,
        version=SafeText("版" * 40),
    ),
}


def view(facts: HttpFacts, *worries: Worry, name: str = "health") -> View[HttpFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return (0.1, None, 0.3)

    return View(name, Snapshot(name, NOON, 0.01, facts, measured(facts, name).values), recent, worries)


def worry(severity: Severity, gauge: str, **labels: str) -> Worry:
    return Worry(severity, gauge, tuple(sorted(labels.items())), "words")


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


def shown(lines: Sequence[Line]) -> str:
    return "\n".join(text(drawn) for drawn in lines)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: HttpFacts, width: int) -> None:
    for name in ("health", "ヘルスチェック" * 4):
        drawn = view(facts, name=name)
        for one in [*HttpPanel().brief(drawn, width), *HttpPanel().head(drawn, width)]:
            assert width_of(one.spans) <= width, text(one)


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_the_head_stays_short(facts: HttpFacts) -> None:
    assert 4 <= len(HttpPanel().head(view(facts), 118)) <= 10


def test_a_well_endpoint_takes_one_line() -> None:
    lines = HttpPanel().brief(view(WELL), 58)
    assert shown(lines) == "● health     200            34 ms  2 of 2 checks well"
    assert lines[0].severity is None


@pytest.mark.parametrize("width", [58, 118])
def test_a_503_names_how_long_and_whom_it_blames(width: int) -> None:
    drawn = view(DOWN, worry(Severity.CRITICAL, "down_seconds", check="database", endpoint="health"))
    lines = HttpPanel().brief(drawn, width)
    assert len(lines) == 1
    assert text(lines[0]).startswith("✕ health ")
    assert "503 for 41 s" in text(lines[0])
    assert "database: conn" in text(lines[0])
    assert (lines[0].key, lines[0].severity) == ("database", Severity.CRITICAL)


def test_what_is_not_well_is_never_drawn_as_well_even_before_a_rule_speaks() -> None:
    assert HttpPanel().brief(view(DOWN), 58)[0].severity is Severity.NOTICE


def test_several_in_trouble_get_a_line_each_and_the_rest_is_counted() -> None:
    lines = HttpPanel().brief(view(ODD["several"]), 78)
    assert len(lines) == 7
    assert "and 45 more checks in trouble" in text(lines[-1])
    assert "connection refused" in text(lines[1])
    assert lines[1].key == "part0"


def test_a_slow_answer_says_the_limit() -> None:
    slow = replace(WELL, timing=Timing(total=1.9))
    line = HttpPanel().brief(view(slow, worry(Severity.WARNING, "slow_ratio", endpoint="health")), 78)[0]
    assert "1.9 s" in text(line)
    assert "slow, limit 1 s" in text(line)
    assert line.severity is Severity.WARNING


def test_an_expectation_that_is_not_met_is_said_and_opened() -> None:
    failed = Verdict("$.status", False, SafeText('$.status is "sick", expected "ok"'))
    facts = replace(WELL, ok=False, verdicts=(failed,), blame="$.status", checks=(), down_for=0.0, why=SafeText("no"))
    line = HttpPanel().brief(view(facts), 118)[0]
    assert '$.status is "sick", expected "ok"' in text(line)
    assert any(line.key == table.key(row) for table in HttpPanel.tables for row in table.rows(facts))


def test_the_head_tells_past_time_and_certificate() -> None:
    facts = replace(DOWN, certificate=ENDING, certificate_left=10 * 86400.0, skew=-600.0, answer_age=900.0)
    head = shown(HttpPanel().head(view(facts), 118))
    assert "503 Service Unavailable  answers 503: database down" in head
    assert "not well for 41 s, since 12:00:00 UTC, 21 readings in a row" in head
    assert "shop.example, ends 2026-03-01 (ends in 10d00h), signed by Test authority" in head
    assert "its clock is 10m00s behind" in head
    assert "15m00s old when it came" in head


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    drawn = view(HttpFacts())
    words = shown([*HttpPanel().brief(drawn, 118), *HttpPanel().head(drawn, 118)])
    assert "–" in words
    assert "0" not in words
    assert "".join(span.text for span in joined(HttpPanel().headline(drawn))) == "HTTP –  –"


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_of_every_table_can_be_drawn_and_sorted(facts: HttpFacts) -> None:
    for table in HttpPanel.tables:
        rows = table.rows(facts)
        assert len({table.key(row) for row in rows}) == len(rows)
        for row in rows:
            assert isinstance(table.tone(row), Tone)
            assert table.detail is None or table.detail(row)
            for column in table.columns:
                cell = column.cell(row)
                assert cell.text if isinstance(cell, Span) else str(cell)
        for column in table.columns:
            if column.sort is not None:
                keys = [column.sort(row) for row in rows]
                sorted(key for key in keys if key is not None)


def test_those_in_trouble_come_first_in_the_table() -> None:
    facts = replace(DOWN, checks=(REDIS, DOWN.checks[0]))
    assert [row.name for row in HttpPanel.tables[0].rows(facts)] == ["database", "redis"]


def test_columns_leave_room_on_a_narrow_terminal() -> None:
    for table in HttpPanel.tables:
        assert [column.width for column in table.columns].count(0) == 1
        assert table.columns[-1].width == 0
        for width in (60, 80, 120):
            fixed = sum(column.width + 1 for column in table.columns if width >= column.least and column.width)
            assert fixed <= width - 12, (table.name, width)


def test_the_panel_asks_for_gauges_that_exist() -> None:
    asked: set[str] = set()

    def recent(name: str, **labels: str) -> Sequence[float | None]:
        asked.add(name)
        return ()

    drawn = View("health", view(WELL).snapshot, recent)
    HttpPanel().head(drawn, 200)
    HttpPanel().brief(drawn, 200)
    assert asked
    assert asked <= {spec.name for spec in HttpProbe.gauges}
