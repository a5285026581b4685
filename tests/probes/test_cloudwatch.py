"""Reading CloudWatch: on moto, on ministack where composite alarms and history live, and on a place that says strange
things."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from probes.aws.calls import Seat
from probes.aws.cloudwatch.facts import AlarmState, CloudWatchFacts, counted
from probes.aws.cloudwatch.gauges import RULES, measured
from probes.aws.cloudwatch.listing import CAP
from probes.aws.cloudwatch.parse import action_words, ends_instances, parse_alarm, parse_alarms, ranked, threshold
from probes.aws.cloudwatch.probe import CloudWatchProbe, dashboard_url
from probes.aws.cloudwatch.settings import CloudWatchSettings, MetricSetting
from probes.aws.cloudwatch.tiles import tile_of
from probes.aws.metrics import Points
from probes.base import Cause, Context, ProbeError, SafeText, Severity, Target, Unit
from tests.probes.awsfake import FakeAws, fake_aws
from tests.probes.awswatch import SCALING, TOPIC, alarm, composite, points
from tests.probes.rigs import TestSecrets
from tests.probes.watching import alarms_of
from tests.stack.aws import Cloud
from tests.toys import StillClock

CPU = {
    "name": "cpu",
    "title": "api cpu",
    "namespace": "AWS/ECS",
    "metric": "CPUUtilization",
    "dimensions": {"ClusterName": "shop", "ServiceName": "api"},
    "unit": "Percent",
    "warn": 80,
    "critical": 95,
}


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        one.answers["DescribeAlarms"] = lambda asked: (200, {"MetricAlarms": []})
        yield one


def at_fake(fake: FakeAws, clock: StillClock | None = None, **more: Any) -> CloudWatchProbe:
    where = {"endpoint": fake.url, "region": "eu-west-1", "key_id": "env:SECRET", "secret_key": "env:SECRET"}
    made = CloudWatchSettings.model_validate({**where, **more})
    context = Context(TestSecrets(), clock.monotonic, clock.now) if clock else Context(TestSecrets())
    return CloudWatchProbe(Target("it", "cloudwatch", made), context)


def row(name: str, state: str = "OK", **more: Any) -> dict[str, Any]:
    return {"AlarmName": name, "AlarmArn": f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}",
            "StateValue": state, "AlarmActions": [TOPIC]} | more  # fmt: skip


# alarms, on real engines


@pytest.mark.engine
async def test_alarms_have_their_state_their_limit_in_words_and_whether_anybody_is_told(moto: Cloud) -> None:
    moto.reset()
    alarm(moto, "production-ecs-high-cpu", "ALARM")
    alarm(moto, "production-rds-high-cpu", "OK")
    alarm(moto, "production-quiet", "INSUFFICIENT_DATA")
    moto.client("cloudwatch").disable_alarm_actions(AlarmNames=["production-rds-high-cpu"])
    probe = alarms_of(moto.port)
    found = await probe.read()
    await probe.close()
    assert [one.key for one in found.facts.alarms] == [
        "production-ecs-high-cpu", "production-quiet", "production-rds-high-cpu",
    ]  # fmt: skip
    cpu, quiet, rds = found.facts.alarms
    assert str(cpu.threshold) == "CPUUtilization Average > 80 for 3 of 5 x 60 s"
    assert str(cpu.reason) == "CPU is 93 percent"
    assert cpu.since is not None
    assert cpu.since.tzinfo is UTC
    assert (quiet.state.word, quiet.enabled) == ("no data", True)
    assert (rds.enabled, [one.key for one in found.facts.muted]) == (False, ["production-rds-high-cpu"])
    assert found.gauge("alarm", alarm="production-ecs-high-cpu") == 1.0
    assert found.gauge("muted", alarm="production-rds-high-cpu") == 1.0
    assert [found.gauge("alarms", state=one.value) for one in AlarmState] == [1.0, 1.0, 1.0]
    assert "as moto at 127.0.0.1" in str(found.facts.seat.place)


@pytest.mark.engine
async def test_only_the_named_alarms_are_watched(moto: Cloud) -> None:
    moto.reset()
    for name in ("production-a", "production-b", "staging-a", "db"):
        alarm(moto, name)
    probe = alarms_of(moto.port, alarms=["production-*", "db", "gone"])
    assert {one.key for one in (await probe.read()).facts.alarms} == {"production-a", "production-b", "db"}
    await probe.close()


@pytest.mark.engine
async def test_composite_alarms_are_seen_too(ministack: Cloud) -> None:
    ministack.reset()
    alarm(ministack, "production-ecs-high-cpu")
    composite(ministack, "production-down", 'ALARM("production-ecs-high-cpu")', "ALARM")
    probe = alarms_of(ministack.port)
    found = (await probe.read()).facts
    assert [(one.key, one.type) for one in found.raised] == [("production-down", "composite")]
    assert str(found.raised[0].threshold) == 'ALARM("production-ecs-high-cpu")'
    lines = [str(line) for line in (await probe.look("definition", "production-down")).lines]
    assert any("SNS topic ops-page is told" in line for line in lines)
    await probe.close()


@pytest.mark.engine
async def test_the_history_of_an_alarm_tells_why_it_went_off(ministack: Cloud) -> None:
    ministack.reset()
    alarm(ministack, "production-ecs-high-cpu", "ALARM")
    probe = alarms_of(ministack.port)
    sheet = await probe.look("history", "production-ecs-high-cpu")
    assert "to ALARM: CPU is 93 percent" in str(sheet.lines[0])
    whole = await probe.look("history", "")
    assert "production-ecs-high-cpu" in str(whole.lines[0])
    await probe.close()


@pytest.mark.engine
async def test_an_endpoint_without_history_says_so(moto: Cloud) -> None:
    moto.reset()
    alarm(moto, "production-ecs-high-cpu")
    probe = alarms_of(moto.port)
    with pytest.raises(ProbeError, match="DescribeAlarmHistory"):
        await probe.look("history", "production-ecs-high-cpu")
    with pytest.raises(ProbeError, match="no alarm gone") as caught:
        await probe.look("definition", "gone")
    assert caught.value.cause is Cause.GONE
    await probe.close()


@pytest.mark.engine
async def test_an_alarm_that_only_drives_scaling_is_no_alert(moto: Cloud) -> None:
    moto.reset()
    alarm(moto, "TargetTracking-api-AlarmLow", "ALARM", [SCALING])
    probe = alarms_of(moto.port)
    found = await probe.read()
    assert found.facts.raised == ()
    assert found.gauge("alarm", alarm="TargetTracking-api-AlarmLow") is None
    await probe.close()


@pytest.mark.engine
async def test_a_wrong_account_is_neither_read_nor_looked_at(moto: Cloud) -> None:
    probe = alarms_of(moto.port, account="999999999999")
    with pytest.raises(ProbeError, match="the profile pins 999999999999"):
        await probe.read()
    with pytest.raises(ProbeError, match="the profile pins 999999999999"):
        await probe.look("history", "any")
    await probe.close()


# metrics


@pytest.mark.engine
async def test_a_metric_is_drawn_with_its_limits_and_one_with_half_its_dimensions_has_no_data(moto: Cloud) -> None:
    moto.reset()
    points(moto, *range(70, 85), minutes_ago=1)
    half = {**CPU, "name": "half", "dimensions": {"ServiceName": "api"}}
    probe = alarms_of(moto.port, metrics=[CPU, half])
    found = await probe.read()
    cpu, nothing = found.facts.tiles
    assert cpu.latest == pytest.approx(0.84)
    assert cpu.level is Severity.WARNING
    assert len(cpu.course) >= 58
    assert cpu.course[0] is None
    assert cpu.course[-1] == pytest.approx(0.84)
    assert (nothing.latest, nothing.course, nothing.read) == (None, (), True)
    assert found.gauge("metric_ratio", tile="cpu") == pytest.approx(0.84)
    assert found.gauge("metric_ratio_level", tile="cpu") == 1.0
    assert found.gauge("metric_ratio", tile="half") is None
    await probe.close()


@pytest.mark.engine
async def test_a_percentile_is_read(ministack: Cloud) -> None:
    ministack.reset()
    points(ministack, 10, 20, 30)
    probe = alarms_of(ministack.port, metrics=[{**CPU, "stat": "p95"}])
    assert (await probe.read()).facts.tiles[0].latest == pytest.approx(0.3)
    await probe.close()


@pytest.mark.engine
async def test_a_metric_that_is_refused_costs_itself_only(moto: Cloud) -> None:
    moto.reset()
    points(moto, 50, 60, minutes_ago=1)
    refused = {**CPU, "name": "p95", "title": "", "stat": "p95"}  # which moto fails to answer when there is data
    probe = alarms_of(moto.port, metrics=[CPU, refused])
    for _ in range(2):
        found = await probe.read()
        assert found.facts.tiles[0].latest == pytest.approx(0.6)
        assert (found.facts.tiles[1].read, found.facts.tiles[1].latest) == (False, None)
        assert [gap.part for gap in found.gaps] == ["metrics p95"]
    await probe.close()


def test_a_metric_that_has_stopped_is_not_shown_as_true_now() -> None:
    now = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
    chosen = MetricSetting.model_validate(CPU)
    old = now - timedelta(minutes=40)
    tile = tile_of(chosen, Points((old - timedelta(minutes=1), old), (50.0, 60.0)), now)
    assert (tile.latest, tile.stale, tile.level) == (None, True, None)
    assert tile.course.count(None) == len(tile.course) - 2


def test_late_points_are_no_gap_at_the_end() -> None:
    now = datetime(2026, 3, 1, 3, 12, 30, tzinfo=UTC)
    at = tuple(now - timedelta(minutes=back) for back in (4, 2))
    tile = tile_of(MetricSetting.model_validate(CPU), Points(at, (50.0, 60.0)), now)
    assert tile.course[-3:] == (0.5, None, 0.6)


def test_lower_limits_are_passed_downwards() -> None:
    now = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
    free = {**CPU, "unit": "Gigabytes", "below": True, "warn": 20, "critical": 5}
    for value, level in ((30.0, None), (20.0, Severity.WARNING), (4.0, Severity.CRITICAL)):
        tile = tile_of(MetricSetting.model_validate(free), Points((now,), (value,)), now)
        assert (tile.level, tile.unit, tile.latest) == (level, Unit.BYTES, value * 1e9)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"critical": 5}, "critical must lie beyond warn"),
        ({"period": 90}, "multiple of 60"),
        ({"stat": "Mean"}, "must be a statistic, such as"),
        ({"unit": "parsecs"}, "Input should be"),
        ({"name": "two words"}, "must be a short name without spaces"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MetricSetting.model_validate({**CPU, **wrong})
    with pytest.raises(ValidationError, match="two metrics are named cpu"):
        CloudWatchSettings.model_validate({"metrics": [CPU, CPU]})


# many, few, strange


async def test_thousands_of_alarms_are_read_whole_seldom_and_what_is_not_ok_every_time(fake: FakeAws) -> None:
    names = [f"a-{number:05}" for number in range(1234)]
    raised = {"a-00007"}

    def page(asked: Any) -> tuple[int, dict[str, Any]]:
        wanted = asked.get("StateValue")
        rows = [row(name, "ALARM" if name in raised else "OK") for name in names]
        rows = [one for one in rows if wanted in (None, one["StateValue"])]
        start = int(asked.get("NextToken", 0))
        more = {"NextToken": str(start + 100)} if start + 100 < len(rows) else {}
        return 200, {"MetricAlarms": rows[start : start + 100], **more}

    fake.answers["DescribeAlarms"] = page
    clock = StillClock()
    probe = at_fake(fake, clock)
    assert len((await probe.read()).facts.alarms) == 1234
    assert fake.count("DescribeAlarms") == 13
    clock.seconds += 60
    raised.add("a-01000")
    raised.remove("a-00007")
    found = (await probe.read()).facts
    assert fake.count("DescribeAlarms") == 15
    assert [one.key for one in found.raised] == ["a-01000"]
    assert (len(found.alarms), found.whole_age) == (1234, 60.0)
    probe.watched = True
    assert (await probe.read()).facts.whole_age == 0.0
    assert fake.count("DescribeAlarms") == 28
    await probe.close()


async def test_beyond_the_cap_no_alarm_that_went_off_is_lost(fake: FakeAws) -> None:
    def page(asked: Any) -> tuple[int, dict[str, Any]]:
        if asked.get("StateValue"):
            return 200, {"MetricAlarms": [row("zz-last", "ALARM")] if asked["StateValue"] == "ALARM" else []}
        start = int(asked.get("NextToken", 0))
        return 200, {"MetricAlarms": [row(f"a-{start + n}") for n in range(100)], "NextToken": str(start + 100)}

    fake.answers["DescribeAlarms"] = page
    probe = at_fake(fake, timeout=60)
    found = await probe.read()
    assert len(found.facts.alarms) == CAP + 1
    assert [one.key for one in found.facts.raised] == ["zz-last"]
    assert [gap.part for gap in found.gaps] == ["some alarms that are OK"]
    await probe.close()


async def test_an_endpoint_that_does_not_know_log_alarms_is_asked_without(fake: FakeAws) -> None:
    def older(asked: Any) -> tuple[int, dict[str, Any]]:
        if "LogAlarm" in asked["AlarmTypes"]:
            return 400, {"__type": "ValidationError", "message": "LogAlarm is no alarm type"}
        return 200, {"MetricAlarms": [row("a")]}

    fake.answers["DescribeAlarms"] = older
    probe = at_fake(fake)
    for _ in range(2):
        assert len((await probe.read()).facts.alarms) == 1
    assert fake.count("DescribeAlarms") == 3
    await probe.close()


async def test_what_is_denied_is_a_gap_and_the_rest_goes_on(fake: FakeAws) -> None:
    fake.says("DescribeAlarms", "AccessDenied", 403)
    now = datetime.now(UTC).timestamp()
    fake.answers["GetMetricData"] = lambda asked: (
        200,
        {"MetricDataResults": [{"Id": "m0", "Timestamps": [now], "Values": [50.0]}]},
    )
    probe = at_fake(fake, metrics=[CPU])
    found = await probe.read()
    assert [(gap.part, gap.cause) for gap in found.gaps] == [("alarms", Cause.DENIED)]
    assert found.facts.tiles[0].latest == pytest.approx(0.5)
    assert found.gauge("alarms_raised") is None
    await probe.close()
    alone = at_fake(fake)
    with pytest.raises(ProbeError, match="may not cloudwatch:DescribeAlarms"):
        await alone.read()
    await alone.close()


async def test_the_same_page_again_and_again_is_not_followed(fake: FakeAws) -> None:
    fake.answers["DescribeAlarms"] = lambda asked: (200, {"MetricAlarms": [row("a")], "NextToken": "x"})
    probe = at_fake(fake)
    with pytest.raises(ProbeError, match="again and again"):
        await probe.read()
    await probe.close()


def test_rows_that_are_no_alarm_are_left_out() -> None:
    rows = [None, {}, {"AlarmName": ""}, {"AlarmName": "a"}, {"AlarmName": "a", "StateValue": "MAYBE"}, row("b")]
    assert [one.key for one in parse_alarms({"MetricAlarms": rows})] == ["b"]
    evil = parse_alarm(row("x\x1b[2J", StateReason="a\u202eb"), "metric")
    assert evil is not None
    assert (str(evil.name), str(evil.reason)) == ("x^[[2J", "a<U+202E>b")


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        ({"AlarmRule": "ALARM(a)\n OR ALARM(b)"}, "composite", "ALARM(a) OR ALARM(b)"),
        (
            {
                "ComparisonOperator": "GreaterThanUpperThreshold",
                "ThresholdMetricId": "ad1",
                "EvaluationPeriods": 2,
                "Metrics": [
                    {"Id": "m1", "ReturnData": True,
                     "MetricStat": {"Metric": {"MetricName": "Latency"}, "Stat": "p99", "Period": 60}},
                    {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"},
                ],
            },
            "metric",
            "Latency p99 above its band for 2 x 60 s",
        ),
        (
            {
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 5,
                "EvaluationPeriods": 1,
                "Metrics": [
                    {"Id": "e1", "Expression": "m1/m2*100", "Label": "error %", "ReturnData": True},
                    {"Id": "m1", "MetricStat": {"Period": 300, "Stat": "Sum"}, "ReturnData": False},
                ],
            },
            "metric",
            "m1/m2*100 (error %) > 5 for 1 x 300 s",
        ),
        ({}, "metric", "? ?"),
    ],
)  # fmt: skip
def test_a_limit_is_told_in_words(told: dict[str, Any], kind: str, words: str) -> None:
    assert threshold(told, kind).strip() == words


def test_actions_are_told_by_what_they_do() -> None:
    assert action_words(SCALING) == "scaling policy cpu-40 scales"
    assert action_words("arn:aws:swf:eu-west-1:123456789012:action/actions/AWS_EC2.InstanceId.Reboot/1.0") == (
        "the EC2 instance is rebooted"
    )
    assert action_words("arn:aws:automate:eu-west-1:ec2:stop") == "the EC2 instance is stopped"
    assert action_words("arn:aws:lambda:eu-west-1:123456789012:function:page") == "Lambda function page runs"
    assert action_words("strange") == "an action strange"
    assert ends_instances("arn:aws:automate:eu-west-1:ec2:terminate")
    assert not ends_instances(TOPIC)


def test_a_dashboard_is_linked_in_the_partition_of_its_region() -> None:
    assert dashboard_url("cn-north-1", "d").startswith("https://console.amazonaws.cn/cloudwatch/")
    assert dashboard_url("us-gov-west-1", "d").startswith("https://console.amazonaws-us-gov.com/")


def test_gauges_of_very_many_alarms_stay_few() -> None:
    rows = [row(f"a-{n}", "ALARM", ActionsEnabled=False) for n in range(1000)]
    alarms = ranked(parse_alarms({"MetricAlarms": rows}))
    facts = CloudWatchFacts(Seat(SafeText(), 0, None), alarms, counts=counted(alarms))
    gauges = measured(facts).values
    assert len(gauges) < 200
    assert {rule.gauge for rule in RULES} >= {"muted", "alarms_without_data"}
