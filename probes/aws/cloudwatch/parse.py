"""What DescribeAlarms answers, part by part checked and put in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from probes.aws.cloudwatch.facts import Alarm, AlarmState
from probes.base import SafeText, finite

LISTS: Final = (("MetricAlarms", "metric"), ("CompositeAlarms", "composite"), ("LogAlarms", "log"))
"""Where an answer keeps alarms of each type."""

_NAME: Final = 255
_SIGNS: Final = {
    "GreaterThanOrEqualToThreshold": ">=",
    "GreaterThanThreshold": ">",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
    "LessThanLowerOrGreaterThanUpperThreshold": "outside",
    "LessThanLowerThreshold": "below",
    "GreaterThanUpperThreshold": "above",
}
_ORDER: Final = {AlarmState.ALARM: 0, AlarmState.INSUFFICIENT_DATA: 1, AlarmState.OK: 2}


def parse_alarms(answer: Mapping[str, Any]) -> list[Alarm]:
    """Every alarm of one page."""
    found = [parse_alarm(row, kind) for field, kind in LISTS for row in answer.get(field) or ()]
    return [one for one in found if one is not None]


def parse_alarm(row: Any, kind: str) -> Alarm | None:
    """One alarm; None when it has no name or no state."""
    if not isinstance(row, Mapping):
        return None
    name = row.get("AlarmName")
    try:
        state = AlarmState(row.get("StateValue"))
    except ValueError:
        return None
    if not isinstance(name, str) or not name:
        return None
    return Alarm(
        key=name,
        name=SafeText(name, _NAME),
        arn=_text(row, "AlarmArn", 1600),
        state=state,
        type=kind,
        since=moment(row.get("StateTransitionedTimestamp")) or moment(row.get("StateUpdatedTimestamp")),
        updated=moment(row.get("StateUpdatedTimestamp")),
        configured=moment(row.get("AlarmConfigurationUpdatedTimestamp")),
        reason=SafeText(_text(row, "StateReason", 1024), 1024),
        threshold=SafeText(threshold(row, kind), 10300),
        enabled=row.get("ActionsEnabled") is not False,
        actions=tuple(arn[:1600] for arn in row.get("AlarmActions") or () if isinstance(arn, str)),
        suppressor=SafeText(_text(row, "ActionsSuppressor", 1600).rpartition(":")[2], _NAME),
        suppressed=SafeText(_text(row, "ActionsSuppressedBy", 40), 40),
        description=SafeText(_text(row, "AlarmDescription", 1024), 1024),
        value=_newest(_text(row, "StateReasonData", 4000)),
        limit=finite(row.get("Threshold")),
    )


def _newest(data: str) -> float | None:
    """The newest point in the data of a state's reason; None when it can't be told which one that is.

    >>> _newest('{"recentDatapoints": [93.5], "threshold": 80.0}'), _newest('{"recentDatapoints": [1, 2]}'), _newest("")
    (93.5, None, None)
    """
    try:
        told = json.loads(data)
    except ValueError:
        return None
    told = told if isinstance(told, Mapping) else {}
    stamped = [one for one in told.get("evaluatedDatapoints") or () if isinstance(one, Mapping)]
    stamped = [one for one in stamped if isinstance(one.get("timestamp"), str) and finite(one.get("value")) is not None]
    if stamped:
        return finite(max(stamped, key=lambda one: str(one["timestamp"]))["value"])
    recent = told.get("recentDatapoints")
    return finite(recent[0]) if isinstance(recent, list) and len(recent) == 1 else None


def threshold(row: Mapping[str, Any], kind: str) -> str:
    """When an alarm goes off, in words.

    >>> threshold({"MetricName": "CPUUtilization", "Statistic": "Average", "ComparisonOperator": "GreaterThanThreshold",
    ...            "Threshold": 80.0, "EvaluationPeriods": 5, "DatapointsToAlarm": 3, "Period": 60}, "metric")
    'CPUUtilization Average > 80 for 3 of 5 x 60 s'
    """
    if kind == "composite":
        return " ".join(_text(row, "AlarmRule", 10240).split())
    sign = _SIGNS.get(_text(row, "ComparisonOperator", 60), "?")
    limit = finite(row.get("Threshold"))
    if kind == "log":
        return f"log query {sign} {_number(limit)}"
    what = _text(row, "MetricName", _NAME)
    period: Any = row.get("Period")
    if what:
        what += " " + (_text(row, "Statistic", 20) or _text(row, "ExtendedStatistic", 20))
    else:
        what, period = _of_math(row.get("Metrics") or (), period)
    beyond = "its band" if limit is None and row.get("ThresholdMetricId") else _number(limit)
    return f"{what.strip()} {sign} {beyond}{_for(row, period)}"


def _of_math(metrics: Sequence[Any], period: Any) -> tuple[str, Any]:
    """The expression, or the one metric, that an alarm looks at; and the period of its points."""
    rows = [one for one in metrics if isinstance(one, Mapping)]
    main = next((one for one in rows if one.get("ReturnData") is not False), rows[0] if rows else {})
    stats = [one["MetricStat"] for one in rows if isinstance(one.get("MetricStat"), Mapping)]
    period = period or main.get("Period") or next((one.get("Period") for one in stats), None)
    if "Expression" in main:
        label = _text(main, "Label", 80)
        return f"{_text(main, 'Expression', 200)}{f' ({label})' if label else ''}", period
    metric = stats[0] if stats else {}
    name = metric.get("Metric", {}).get("MetricName", "") if isinstance(metric.get("Metric"), Mapping) else ""
    return f"{name} {_text(metric, 'Stat', 20)}", period


def _for(row: Mapping[str, Any], period: Any) -> str:
    periods, points = row.get("EvaluationPeriods"), row.get("DatapointsToAlarm")
    if not isinstance(periods, int) or not isinstance(period, int):
        return ""
    share = f"{points} of {periods}" if isinstance(points, int) and points != periods else str(periods)
    return f" for {share} x {period} s"


def definition(row: Mapping[str, Any]) -> list[str]:
    """Everything an alarm says of itself, a line for each part."""
    lines = []
    for name, value in row.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, list) and name.endswith("Actions"):
            lines += [f"{name:<36} {action_words(str(arn))}" for arn in value[:50]]
        elif name == "Dimensions":
            pairs = ", ".join(f"{one.get('Name')}={one.get('Value')}" for one in value[:50])
            lines.append(f"{name:<36} {pairs}")
        elif isinstance(value, list):
            lines += [f"{name:<36} {one}" for one in value[:50]]
        else:
            told = moment(value)
            lines.append(f"{name:<36} {f'{told:%Y-%m-%d %H:%M:%S} UTC' if told else value}")
    return lines


def action_words(arn: str) -> str:
    """What an action does, with its name.

    >>> action_words("arn:aws:sns:eu-west-1:123456789012:ops-page")
    'SNS topic ops-page is told'
    >>> action_words("arn:aws:automate:eu-west-1:ec2:terminate")
    'the EC2 instance is terminated'
    """
    parts = arn.split(":")
    service, rest = (parts[2] if len(parts) > 5 else ""), ":".join(parts[5:])
    last = arn.rpartition(":")[2].rpartition("/")[2]
    match service:
        case "sns":
            return f"SNS topic {rest} is told"
        case "autoscaling":
            return f"scaling policy {last.removeprefix('policyName/')} scales"
        case "lambda":
            return f"Lambda function {rest.removeprefix('function:')} runs"
        case "ssm" | "ssm-incidents":
            return f"Systems Manager opens {rest.partition(':')[0] or 'an item'} {last}".rstrip()
        case "swf":
            return f"the EC2 instance is {_done_to(rest.rpartition('/')[0].rpartition('.')[2])}"
        case "automate":
            return f"the EC2 instance is {_done_to(last)}"
        case "aiops":
            return f"investigation {last} begins"
    if parts[2:3] == ["automate"]:
        return f"the EC2 instance is {_done_to(last)}"
    return f"{service or 'an action'} {last}"


def ends_instances(arn: str) -> bool:
    """True for an action after which an instance is gone for good."""
    return (":automate:" in arn or ":swf:" in arn) and "terminate" in arn.lower()


def _done_to(verb: str) -> str:
    verb = verb.lower().replace("instance", "")
    return {"terminate": "terminated", "stop": "stopped", "reboot": "rebooted", "recover": "recovered"}.get(
        verb, f"changed ({verb})"
    )


def ranked(alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
    """The worst first: news in ALARM, then no data, then what drives scaling, then OK; the muted before the others."""
    return tuple(sorted(alarms, key=_rank))


def _rank(one: Alarm) -> tuple[int, bool, str]:
    order = _ORDER[one.state] if one.raised or one.state is not AlarmState.ALARM else 2
    return order, one.enabled, one.key


def moment(value: Any) -> datetime | None:
    """An aware time in UTC; None when it is none."""
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _text(row: Mapping[str, Any], field: str, most: int) -> str:
    value = row.get(field)
    return value[:most] if isinstance(value, str) else ""


def _number(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:g}" if abs(value) < 1e6 or value != int(value) else f"{int(value)}"
