"""CloudWatch and its logs as they are drawn."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.aws.calls import Seat
from probes.aws.cloudwatch.facts import Alarm, AlarmState, CloudWatchFacts, Dashboard, Tile, counted
from probes.aws.cloudwatch.parse import ranked
from probes.aws.cloudwatch_logs.facts import Count, Group, LogsFacts
from probes.base import SafeText, Severity, Snapshot, Unit
from tests.toys import StillClock
from widgets.cloudwatch import CloudWatchPanel
from widgets.cloudwatch_logs import CloudWatchLogsPanel
from widgets.lines import Line
from widgets.panel import Panel, View

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
SEAT = Seat(SafeText("123456789012 eu-west-1 as ops/ann"), 12, 0.14)
WIDTHS = [40, 58, 80, 118, 200]


def alarm(name: str, state: AlarmState = AlarmState.OK, **more: Any) -> Alarm:
    since = NOW - timedelta(minutes=7)
    return Alarm(name, SafeText(name), f"arn:{name}", state, since=since, threshold=SafeText("CPU > 80"), **more)


def tile(**more: Any) -> Tile:
    made = Tile("cpu", SafeText("api cpu"), SafeText("AWS/ECS CPU"), SafeText("a=b"), Unit.RATIO, 0.01)
    return replace(made, **more)


def alarms(*found: Alarm, **more: Any) -> CloudWatchFacts:
    return CloudWatchFacts(SEAT, ranked(found), counts=counted(found), taken_at=NOW, **more)


def view(facts: Any) -> View[Any]:
    return View("it", Snapshot("it", StillClock().now(), 0.0, facts), lambda name, **labels: [])


def drawn(panel: Panel[Any], facts: Any, width: int) -> list[Line]:
    return [*panel.brief(view(facts), width), *panel.head(view(facts), width)]


def text(panel: Panel[Any], facts: Any, width: int = 118) -> str:
    head = "".join(str(getattr(part, "text", part)) + " " for part in panel.headline(view(facts)))
    return "\n".join([head, *(line.text for line in drawn(panel, facts, width))])


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_its_room(width: int) -> None:
    long = "production-" + "x" * 240
    facts = alarms(alarm(long, AlarmState.ALARM), alarm("muted", enabled=False), tiles=(tile(), tile(latest=0.5)))
    for line in drawn(CloudWatchPanel(), facts, width):
        assert len(line.text) <= width or line.text.startswith("account")
    group = Group(f"/{long}", SafeText(f"/{long}"), "arn", silent_after=5, silent=True)
    count = Count("errors", SafeText("ERROR"), "filter", (SafeText("/g"),), (1,) * 60, found=3, limit=1)
    for logs in (LogsFacts(SEAT, (group,), counts=(count,), taken_at=NOW), LogsFacts(SEAT, (group,), taken_at=NOW)):
        for line in drawn(CloudWatchLogsPanel(), logs, width):
            assert len(line.text) <= width or line.text.startswith("account")


def test_what_went_off_and_what_nobody_hears_come_first_by_word_and_sign() -> None:
    facts = alarms(
        alarm("fine"),
        alarm("production-ecs-high-cpu", AlarmState.ALARM),
        alarm("production-rds-high-cpu", enabled=False),
        alarm("nothing", AlarmState.INSUFFICIENT_DATA),
    )
    lines = CloudWatchPanel().brief(view(facts), 118)
    assert [line.key for line in lines] == ["production-ecs-high-cpu", "production-rds-high-cpu"]
    assert [line.severity for line in lines] == [Severity.CRITICAL, Severity.WARNING]
    assert lines[0].text.startswith("✕ production-ecs-high-cpu")
    assert "ALARM" in lines[0].text
    assert "7m00s" in lines[0].text
    assert "OK, actions off" in lines[1].text
    assert "1 in ALARM 1 with actions off 1 no data 2 OK" in text(CloudWatchPanel(), facts)


def test_scaling_is_counted_apart() -> None:
    scaling = ("arn:aws:autoscaling:eu-west-1:123456789012:scalingPolicy:1:resource/ecs/a:policyName/p",)
    facts = alarms(alarm("low", AlarmState.ALARM, actions=scaling))
    said = text(CloudWatchPanel(), facts)
    assert "1 policy scaling" in said
    assert "0 in ALARM" in said
    assert CloudWatchPanel().brief(view(facts), 118)[0].severity is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (tile(), "no data: are the dimensions complete?"),
        (tile(stale=True, at=NOW - timedelta(hours=1)), "no data since 2026-03-01 02:12 UTC"),
        (tile(read=False), "could not be asked for"),
        (tile(latest=0.9, warn=0.8, critical=0.95, course=(0.5, None, 0.9)), "limit 80 % / 95 %"),
        (tile(latest=4e9, unit=Unit.BYTES, critical=5e9, below=True), "limit below 4.7 GiB"),
    ],
)
def test_a_metric_without_data_is_never_a_zero(given: Tile, words: str) -> None:
    said = text(CloudWatchPanel(), alarms(tiles=(given,)))
    assert words in said
    assert " 0 %" not in said


def test_alarms_that_could_not_be_read_are_not_told_as_well() -> None:
    said = text(CloudWatchPanel(), CloudWatchFacts(SEAT, tiles=(tile(latest=0.5),), taken_at=NOW))
    assert "alarms not known" in said
    assert "OK" not in said


def test_many_alarms_are_counted_below_the_first() -> None:
    facts = alarms(*(alarm(f"a{number}", AlarmState.ALARM) for number in range(9)))
    assert "and 3 more alarms" in text(CloudWatchPanel(), facts)


def test_details_tell_all_that_is_known() -> None:
    facts = alarms(alarm("a", enabled=False, suppressor=SafeText("deploying")), tiles=(tile(latest=0.5),),
                   dashboards=(Dashboard(SafeText("d"), "https://x"),), whole_age=120.0)  # fmt: skip
    for table in CloudWatchPanel.tables:
        for row in table.rows(facts):
            said = "\n".join(line.text for line in table.detail(row)) if table.detail else ""
            cells = " ".join(str(getattr(cell, "text", cell)) for cell in (one.cell(row) for one in table.columns))
            assert said or "https://x" in cells
    detail = CloudWatchPanel.tables[0].detail
    assert detail is not None
    assert "OFF: nobody is told" in "\n".join(line.text for line in detail(facts.alarms[0]))
    assert "alarms that are OK are of 2m00s ago" in text(CloudWatchPanel(), facts)


# logs


def count(**more: Any) -> Count:
    made = Count("errors", SafeText("ERROR"), "filter", (SafeText("/g"),), (0,) * 59 + (4,), since=NOW, until=NOW,
                 found=4, whole=True)  # fmt: skip
    return replace(made, **more)


@pytest.mark.parametrize(
    ("given", "words", "severity"),
    [
        (count(limit=3), "limit 3", Severity.WARNING),
        (count(limit=5), "limit 5", None),
        (count(limit=5, whole=False, until=NOW - timedelta(minutes=9)), "4+ in 5 min", None),
        (count(whole=False, until=NOW - timedelta(minutes=9)), "read up to 03:03:41", None),
        (count(until=NOW - timedelta(minutes=9)), "read up to 03:03:41", None),
        (count(found=None, minutes=(None,) * 60, since=None, until=None), "not read yet", None),
    ],
)
def test_a_count_says_what_it_rests_on(given: Count, words: str, severity: Severity | None) -> None:
    facts = LogsFacts(SEAT, counts=(given,), taken_at=NOW)
    lines = CloudWatchLogsPanel().brief(view(facts), 118)
    assert words in lines[0].text
    assert (lines[0].severity, lines[0].key) == (severity, "?errors")


def test_groups_are_told_with_what_they_keep() -> None:
    groups = (
        Group("/a", SafeText("/a"), "arn", stored=5 * 2**30, retention=30, last=NOW - timedelta(minutes=2)),
        Group("/b", SafeText("/b"), "arn", silent_after=5, silent=True),
    )
    facts = LogsFacts(SEAT, groups, cut=True, taken_at=NOW)
    said = text(CloudWatchLogsPanel(), facts)
    assert "2 groups+ 5 GiB 1 silent" in said
    assert "silent for more than 5 min" in said
    assert "1 of them never delete" in said
    for table in CloudWatchLogsPanel.tables:
        for row in table.rows(replace(facts, counts=(count(limit=1),))):
            assert table.detail is not None
            assert table.detail(row)
            assert all(one.cell(row) is not None for one in table.columns)


def test_thousands_of_rows_are_drawn_in_a_moment() -> None:
    facts = alarms(*(alarm(f"a{number}", AlarmState.OK) for number in range(5000)))
    logs = LogsFacts(SEAT, tuple(Group(f"/g{n}", SafeText(f"/g{n}"), "arn", stored=n) for n in range(1000)))
    began = time.process_time()
    text(CloudWatchPanel(), facts)
    text(CloudWatchLogsPanel(), logs)
    assert time.process_time() - began < 0.5
