"""Limits: where they stand, what they are about, and which of them are alerts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook.block import Block, Form, Row
from desk.runbook.book import Threshold
from desk.runbook.comparison import comparisons, span
from desk.runbook.thresholds import thresholds


def heading(text: str, level: int = 2) -> Block:
    return Block(Form.HEADING, 1, 1, text, level=level)


def item(text: str, checked: bool | None = None) -> Block:
    return Block(Form.ITEM, 5, 5, text, level=1, checked=checked)


def label(text: str, rest: str = "") -> Block:
    return Block(Form.LABEL, 4, 4, text, rest)


def paragraph(text: str) -> Block:
    return Block(Form.PARAGRAPH, 6, 6, text)


def table(header: str, *rows: str) -> Block:
    def row(line: int, text: str) -> Row:
        return Row(line, tuple(cell.strip() for cell in text.split("|")))

    return Block(
        Form.TABLE,
        10,
        11 + len(rows),
        header=row(10, header),
        rows=tuple(row(12 + place, text) for place, text in enumerate(rows)),
    )


def fence(text: str, tag: str = "bash") -> Block:
    return Block(Form.FENCE, 20, 21 + text.count("\n"), text, tag=tag, first=21)


def shown(found: list[Threshold]) -> list[tuple[str, str, float, str, str, str]]:
    return [(one.metric, one.operator, one.value, one.unit, one.lasting, one.severity) for one in found if one.alert]


@pytest.mark.parametrize(
    ("text", "metric", "operator", "value", "unit", "lasting"),
    [
        ("Error rate > 5% for 5 minutes", "Error rate", ">", 5, "%", "5m"),
        ("p95 latency exceeds 1,500 ms", "p95 latency", ">", 1500, "ms", ""),
        ("hit_rate < 0.8", "hit_rate", "<", 0.8, "", ""),
        ("more than 20 failed jobs", "", ">", 20, "failed jobs", ""),
        ("Disk usage (>= 85 %)", "Disk usage", ">=", 85, "%", ""),
        ("10 min at P99 > 3 s", "P99", ">", 3, "s", "10m"),
        ("> 4/min for 10 min", "", ">", 4, "/min", "10m"),
        ("Connections > 18/20", "Connections", ">", 18, "/20", ""),
        ("60+ errors in last 5 minutes", "errors", ">=", 60, "", "5m"),
        ("CPU 使用率超过 80% 持续5分钟", "CPU 使用率", ">", 80, "%", "5m"),
        ("Fehlerrate über 10 %", "Fehlerrate", ">", 10, "%", ""),
        ("latencia superior a 2 s", "latencia", ">", 2, "s", ""),
        ("メモリ 90%以上", "メモリ", ">=", 90, "%", ""),
        ("Queue over 1k messages", "Queue", ">", 1000, "messages", ""),
        ("CPU 使用率が80%を超えた場合", "CPU 使用率", ">", 80, "%", ""),
        ("오류율 5%를 초과하면", "오류율", ">", 5, "%", ""),
        ("Disk kullanımı %90'ın üzerinde", "Disk kullanımı", ">", 90, "%", ""),
        ("Hata oranı > %5", "Hata oranı", ">", 5, "%", ""),
        ("Mémoire < 500 Mo", "Mémoire", "<", 500, "Mo", ""),
        ("mehr als 1.000 Nachrichten", "", ">", 1000, "", ""),
        ("disk at 90% or above", "disk", ">=", 90, "%", ""),
        ("CPU 80%+", "CPU", ">=", 80, "%", ""),
        ("`orders_per_minute` = 0", "orders_per_minute", "==", 0, "", ""),
        ("unhealthy for 2+ consecutive checks", "unhealthy", ">=", 2, "", ""),
    ],
)
def test_a_comparison_is_read_as_people_write_it(
    text: str, metric: str, operator: str, value: float, unit: str, lasting: str
) -> None:
    (one,) = comparisons(text)
    assert (one.metric, one.operator, one.value, one.unit, one.lasting) == (metric, operator, value, unit, lasting)


@pytest.mark.parametrize(
    "text",
    [
        "step 3 -> step 4",
        "a => b",
        "use Python 3.11",
        "see <https://example.org/5>",
        "2>&1",
        "10:30 > later",
        "x <- 5",
        "above 1920x1080",
        "PORT = 0.5",
    ],
)
def test_arrows_versions_and_redirects_are_no_comparisons(text: str) -> None:
    assert [*comparisons(text)] == []


def test_several_limits_of_one_sentence_keep_their_name_and_have_their_own_severity() -> None:
    found = thresholds([heading("Alerts"), item("Lag: > 30s warning, > 120s critical")])
    assert shown(found) == [("Lag", ">", 30, "s", "", "warning"), ("Lag", ">", 120, "s", "", "critical")]


def test_a_number_alone_is_a_limit_in_a_column_for_them() -> None:
    found = thresholds(
        [table("Signal | OK | Warn | Page", "CPU | 40% | 80% | 95 %", "Free memory | 50% | 20% | 10% for 5 min")]
    )
    assert shown(found) == [
        ("CPU", ">", 80, "%", "", "warning"),
        ("CPU", ">", 95, "%", "", "critical"),
        ("Free memory", "<", 20, "%", "", "warning"),
        ("Free memory", "<", 10, "%", "5m", "critical"),
    ]
    found = thresholds(
        [heading("Disk > 90%"), table("Threshold | Severity", "80 % | warning"), table("Port | Limit", "A | 80")]
    )
    assert shown(found)[1:] == [("Disk", ">", 80, "%", "", "warning")]
    assert (
        shown(thresholds([table("SLO | Objective", "Latency p99 | < 2 s"), table("Metric | Threshold", "A | 5")])) == []
    )


def test_what_is_scaled_or_forbidden_is_no_alert() -> None:
    assert shown(thresholds([heading("Alerts"), item("Autoscaling adds a pod when CPU > 65% for 3 min")])) == []
    assert shown(thresholds([heading("Alert: slow"), item("Do not scale below 2 replicas")])) == []
    assert shown(thresholds([heading("Alerts"), item("more than 50 messages in the DLQ for 5 minutes")]))[0][4] == "5m"
    assert thresholds([fence("kubectl exec x -- psql -c 1\n# Redis: should be < 1 ms")])[0].metric == "Redis"


def test_a_state_that_lasts_is_a_limit_where_alerts_are_told() -> None:
    assert shown(thresholds([heading("Shop down"), label("Trigger", "Health check fails for 2 minutes")])) == [
        ("Health check", "==", 0, "", "2m", "")
    ]
    assert shown(thresholds([heading("Alerts"), item("No orders for 30 minutes")])) == [
        ("orders", "==", 0, "", "30m", "")
    ]
    assert shown(thresholds([heading("Background"), item("The build fails for 2 minutes")])) == []


def test_the_healthy_side_of_a_table_is_no_alert_and_the_others_are() -> None:
    found = thresholds(
        [
            table(
                "Metric | Normal | Warning | Critical",
                "Queue depth | < 100 | > 500 | > 2000",
                "Hit rate | > 90% | 70-80% | < 70%",
            )
        ]
    )
    assert shown(found) == [
        ("Queue depth", ">", 500, "", "", "warning"),
        ("Queue depth", ">", 2000, "", "", "critical"),
        ("Hit rate", "<", 80, "%", "", "warning"),
        ("Hit rate", "<", 70, "%", "", "critical"),
    ]
    assert [one.value for one in found if not one.alert] == [100, 90]


def test_a_condition_holds_metric_limit_and_time_in_one_sentence() -> None:
    found = thresholds(
        [
            table(
                "Condition | Severity | Response time",
                "Error rate > 5% for 5 min | critical | < 15 min",
                "0 workers running | warning | < 1 h",
            )
        ]
    )
    assert shown(found) == [
        ("Error rate", ">", 5, "%", "5m", "critical"),
        ("workers running", "==", 0, "", "", "warning"),
    ]


def test_how_soon_somebody_answers_is_no_alert() -> None:
    scheme = table(
        "Level | Description | Response time", "P1 | outage, > 50% of users | < 15 min", "P2 | slow | < 1 hour"
    )
    assert shown(thresholds([heading("Severity levels"), scheme])) == []
    assert shown(thresholds([heading("High error rate"), label("Response Time", "< 5 minutes")])) == []


def test_a_trigger_is_an_alert_about_its_heading() -> None:
    found = thresholds([heading("Critical alert: High Memory"), label("Trigger", "usage > 85% for 15 minutes")])
    assert shown(found) == [("usage", ">", 85, "%", "15m", "critical")]


def test_symptoms_are_alerts_and_boxes_that_say_how_it_should_be_are_not() -> None:
    assert shown(thresholds([label("Symptoms"), item("CPU usage > 80%")])) == [("CPU usage", ">", 80, "%", "", "")]
    assert (
        shown(thresholds([heading("Daily checks"), item("Error rate (< 1%)", False), item("Cache hits > 80%", False)]))
        == []
    )


def test_when_to_scale_to_escalate_or_to_go_another_way_is_no_alert() -> None:
    assert shown(thresholds([heading("Scaling triggers"), item("CPU usage > 70%: add a replica")])) == []
    assert shown(thresholds([heading("Escalation"), item("Lead, if unresolved > 1 hour")])) == []
    assert (
        shown(thresholds([heading("Queue"), paragraph("If the depth > 1000, add workers as described below.")])) == []
    )


def test_a_comment_in_code_is_an_alert_only_when_it_says_so() -> None:
    found = thresholds(
        [heading("Queue depth"), fence("queue-size jobs\n# Alert if > 1000 messages\n# Expected: latency < 50 ms")]
    )
    assert shown(found) == [("Queue depth", ">", 1000, "messages", "", "")]
    assert found[0].line == 22


def test_a_rule_for_prometheus_is_taken_as_it_is() -> None:
    rules = "- alert: ApiErrors\n  expr: rate(errors_total[5m]) > 0.05\n  for: 10m\n  labels:\n    severity: critical"
    assert shown(thresholds([fence(rules, "yaml")])) == [("ApiErrors", ">", 0.05, "", "10m", "critical")]


def test_the_severity_comes_from_the_nearest_words() -> None:
    blocks = [
        heading("Alerts"),
        heading("Warning alerts", 3),
        item("Disk usage > 80%"),
        item("Disk usage > 95% → Critical"),
    ]
    assert [one[-1] for one in shown(thresholds(blocks))] == ["warning", "critical"]


def test_ranges_are_told_from_dates_and_words() -> None:
    assert span("70-85%") == (70, 85, "%")
    assert span("two or three") is None


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    for one in thresholds(
        [heading(text), label(text, text), item(text), table("a|b", text), fence(text), fence(text, "yaml")]
    ):
        assert one.operator in {">", ">=", "<", "<=", "=="}


def test_an_expression_of_several_lines_is_one() -> None:
    text = (
        "- alert: Errors\n  expr: |\n    sum(rate(a[5m]))\n      / sum(rate(b)) > 0.05\n  for: 5m\n  severity: warning"
    )
    assert shown(thresholds([fence(text, "yaml")])) == [("Errors", ">", 0.05, "", "5m", "warning")]
