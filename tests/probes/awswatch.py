"""CloudWatch on moto and ministack: alarms of both types, a metric, log groups with lines in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.stack.aws import REGION, Cloud

TOPIC: Final = f"arn:aws:sns:{REGION}:123456789012:ops-page"
SCALING: Final = (
    f"arn:aws:autoscaling:{REGION}:123456789012:scalingPolicy:6d8972f3:resource/ecs/service/shop/api:policyName/cpu-40"
)


def settings(port: int, **more: Any) -> dict[str, Any]:
    """What a profile says of such an account."""
    where = {"endpoint": f"http://127.0.0.1:{port}", "region": REGION}
    return {**where, "key_id": "env:SECRET", "secret_key": "env:SECRET", **more}


def alarm(cloud: Cloud, name: str, state: str = "OK", actions: Sequence[str] = (TOPIC,), **more: Any) -> None:
    """A metric alarm in a state."""
    client = cloud.client("cloudwatch")
    row: dict[str, Any] = {
        "AlarmName": name,
        "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization",
        "Statistic": "Average",
        "Dimensions": [{"Name": "ClusterName", "Value": "shop"}, {"Name": "ServiceName", "Value": "api"}],
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 80.0,
        "Period": 60,
        "EvaluationPeriods": 5,
        "DatapointsToAlarm": 3,
        "AlarmActions": list(actions),
    }
    client.put_metric_alarm(**(row | more))
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="CPU is 93 percent")


def composite(cloud: Cloud, name: str, rule: str, state: str = "OK") -> None:
    """A composite alarm in a state."""
    client = cloud.client("cloudwatch")
    client.put_composite_alarm(AlarmName=name, AlarmRule=rule, AlarmActions=[TOPIC])
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="two of them")


def points(cloud: Cloud, *values: float, minutes_ago: int = 0, service: str = "api") -> None:
    """One point a minute of a metric, the last one `minutes_ago`."""
    now = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    cloud.client("cloudwatch").put_metric_data(
        Namespace="AWS/ECS",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "ClusterName", "Value": "shop"}, {"Name": "ServiceName", "Value": service}],
                "Timestamp": now - timedelta(minutes=len(values) - 1 - number),
                "Value": value,
            }
            for number, value in enumerate(values)
        ],
    )


def group(cloud: Cloud, name: str, stream: str = "one") -> None:
    """A log group with one stream."""
    client = cloud.client("logs")
    client.create_log_group(logGroupName=name)
    client.create_log_stream(logGroupName=name, logStreamName=stream)


def write(cloud: Cloud, name: str, *lines: str, seconds_ago: float = 5, stream: str = "one") -> None:
    """Lines into a group, a millisecond apart."""
    at = round((datetime.now(UTC) - timedelta(seconds=seconds_ago)).timestamp() * 1000)
    events = [{"timestamp": at + number, "message": text} for number, text in enumerate(lines)]
    cloud.client("logs").put_log_events(logGroupName=name, logStreamName=stream, logEvents=events)


def access(status: int, size: int = 512) -> str:
    """A line of an access log in JSON."""
    return json.dumps({"path": "/send", "status": status, "bytes": size})


def watch_port(request: pytest.FixtureRequest) -> int:
    """A moto with an alarm, for the contract."""
    cloud: Cloud = request.getfixturevalue("moto")
    alarm(cloud, "contract-cpu", "ALARM")
    return cloud.port


def logs_port(request: pytest.FixtureRequest) -> int:
    """A moto with a log group, for the contract."""
    cloud: Cloud = request.getfixturevalue("moto")
    if not cloud.client("logs").describe_log_groups(logGroupNamePrefix="/contract/api")["logGroups"]:
        group(cloud, "/contract/api")
    write(cloud, "/contract/api", "ERROR one", "fine")
    return cloud.port
