"""A simulated CloudWatch: metrics by the minute, alarms that follow a number, and log groups."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from systems.cloud.account import arn, now
from systems.cloud.wire import Refusal

_MINUTES: Final = 200
"""Minutes of a metric that are kept."""
_LINES: Final = 4000
"""Lines of a log group that are kept."""
_PERIOD: Final = timedelta(minutes=1)

Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Namespace, name, dimensions in order."""


def key(namespace: str, name: str, **dimensions: str) -> Key:
    """A metric."""
    return namespace, name, tuple(sorted(dimensions.items()))


@dataclass
class Alarm:
    """One alarm."""

    name: str
    metric: Key
    limit: float
    about: str
    statistic: str = "Average"
    state: str = "OK"
    reason: str = "Threshold not crossed"
    value: float | None = None
    enabled: bool = True
    since: datetime = field(default_factory=now)
    configured: datetime = field(default_factory=now)
    history: list[tuple[datetime, str, str]] = field(default_factory=list)
    """(when, from and to, reason), the oldest first."""
    held: int = 0
    """Looks for which it has been as it is not."""

    def look(self, value: float | None, looks: int) -> None:
        """Follow a number: after so many looks beyond its limit it goes off, and back as well."""
        self.value = value
        beyond = value is not None and value > self.limit
        self.held = self.held + 1 if beyond is not (self.state == "ALARM") else 0
        if self.held >= looks:
            what = "greater" if beyond else "not greater"
            self.turn(
                "ALARM" if beyond else "OK",
                f"1 datapoint [{value or 0:.3g}] was {what} than the threshold ({self.limit:g}).",
            )

    def turn(self, state: str, reason: str) -> None:
        """Into another state."""
        self.history.append((now(), f"{self.state} to {state}", reason))
        del self.history[:-50]
        self.state, self.reason, self.since, self.held = state, reason, now(), 0


class Watch:
    """cloudwatch and logs."""

    def __init__(self) -> None:
        self._points: dict[Key, dict[datetime, list[float]]] = {}
        self.alarms: dict[str, Alarm] = {}
        self._groups: dict[str, deque[tuple[datetime, str, str]]] = {}
        """Name -> (when, stream, line), the oldest first."""
        self._retention: dict[str, int] = {}
        self._made = now()

    def put(self, metric: Key, value: float, at: datetime | None = None) -> None:
        """One value of a metric."""
        minute = (at or now()).replace(second=0, microsecond=0)
        points = self._points.setdefault(metric, {})
        points.setdefault(minute, []).append(value)
        if len(points) > _MINUTES:
            del points[min(points)]

    def write(self, group: str, stream: str, line: str) -> None:
        """A line of a log."""
        self._groups.setdefault(group, deque(maxlen=_LINES)).append((now(), stream, line))

    # cloudwatch

    def get_metric_data(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The points of each metric asked for; none is an empty list."""
        start, end = _time(asked["StartTime"]), _time(asked["EndTime"])
        results = []
        for query in asked["MetricDataQueries"]:
            stat = query["MetricStat"]
            metric = stat["Metric"]
            dimensions = {one["Name"]: one["Value"] for one in metric.get("Dimensions", ())}
            points = self._points.get(key(metric["Namespace"], metric["MetricName"], **dimensions), {})
            times = sorted(at for at in points if start <= at < end)
            values = [_statistic(points[at], stat["Stat"]) for at in times]
            results.append(
                {
                    "Id": query["Id"],
                    "Label": metric["MetricName"],
                    "Timestamps": times,
                    "Values": values,
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results}

    def describe_alarms(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The alarms as they are."""
        names, prefix = asked.get("AlarmNames"), asked.get("AlarmNamePrefix", "")
        if "AlarmTypes" in asked and "MetricAlarm" not in asked["AlarmTypes"]:
            return {"MetricAlarms": [], "CompositeAlarms": []}
        found = [
            one for name, one in self.alarms.items() if name.startswith(prefix) and (names is None or name in names)
        ]
        state = asked.get("StateValue")
        return {"MetricAlarms": [_alarm(one) for one in found if state in (None, one.state)], "CompositeAlarms": []}

    def describe_alarm_history(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Changes of state, the newest first."""
        start = _time(asked["StartDate"]) if "StartDate" in asked else None
        items: list[dict[str, Any]] = []
        for one in self._named([asked["AlarmName"]] if "AlarmName" in asked else list(self.alarms)):
            for at, summary, reason in one.history:
                data = {"newState": {"stateValue": summary.rpartition(" ")[2], "stateReason": reason}}
                items.append(
                    {
                        "AlarmName": one.name, "AlarmType": "MetricAlarm", "Timestamp": at,
                        "HistoryItemType": "StateUpdate", "HistorySummary": f"Alarm updated from {summary}",
                        "HistoryData": json.dumps(data),
                    }
                )  # fmt: skip
        kept = [one for one in items if start is None or one["Timestamp"] >= start]
        return {"AlarmHistoryItems": sorted(kept, key=lambda one: one["Timestamp"], reverse=True)}

    def set_alarm_state(self, asked: Mapping[str, Any]) -> None:
        """A test; the next look takes it back."""
        (one,) = self._named([asked["AlarmName"]])
        one.turn(asked["StateValue"], asked["StateReason"])

    def disable_alarm_actions(self, asked: Mapping[str, Any]) -> None:
        """Nobody is told."""
        for one in self._named(asked["AlarmNames"]):
            one.enabled = False

    def enable_alarm_actions(self, asked: Mapping[str, Any]) -> None:
        """People are told again."""
        for one in self._named(asked["AlarmNames"]):
            one.enabled = True

    def _named(self, names: Sequence[str]) -> list[Alarm]:
        if missing := [name for name in names if name not in self.alarms]:
            raise Refusal("ResourceNotFound", f"there is no alarm {missing[0]}", 404)
        return [self.alarms[name] for name in names]

    # logs

    def describe_log_groups(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The groups."""
        prefix = asked.get("logGroupNamePrefix", "")
        rows = [
            {
                "logGroupName": name, "arn": arn("logs", f"log-group:{name}:*"), "creationTime": _ms(self._made),
                "storedBytes": sum(len(line) for _, _, line in lines), "retentionInDays": self._retention.get(name),
            }
            for name, lines in self._groups.items()
            if name.startswith(prefix)
        ]  # fmt: skip
        return {"logGroups": rows}

    def describe_log_streams(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The streams, with their newest line."""
        newest = {stream: at for at, stream, _ in self._group(asked)}
        rows = [
            {"logStreamName": name, "lastEventTimestamp": _ms(at), "lastIngestionTime": _ms(at)}
            for name, at in sorted(newest.items(), key=lambda one: one[1], reverse=True)
        ]
        return {"logStreams": rows[: asked.get("limit", 50)]}

    def filter_log_events(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Lines between two times that hold the words of the pattern, a page of them."""
        start, end = asked.get("startTime", 0), asked.get("endTime", 1 << 62)
        words = [word.strip('"') for word in asked.get("filterPattern", "").split() if not word.startswith("{")]
        streams, prefix = asked.get("logStreamNames"), asked.get("logStreamNamePrefix", "")
        found = [
            {
                "logStreamName": stream, "timestamp": _ms(at), "message": line, "ingestionTime": _ms(at),
                "eventId": f"{_ms(at)}{number:08}",
            }
            for number, (at, stream, line) in enumerate(self._group(asked))
            if start <= _ms(at) <= end
            and (stream in streams if streams else stream.startswith(prefix))
            and all(word in line for word in words)
        ]  # fmt: skip
        first, most = int(asked.get("nextToken", 0)), asked.get("limit", 10_000)
        more = {"nextToken": str(first + most)} if first + most < len(found) else {}
        return {"events": found[first : first + most], **more}

    def put_retention_policy(self, asked: Mapping[str, Any]) -> None:
        """For how long lines are kept, told and no more."""
        self._group(asked)
        self._retention[asked["logGroupName"]] = asked["retentionInDays"]

    def _group(self, asked: Mapping[str, Any]) -> Iterable[tuple[datetime, str, str]]:
        found = self._groups.get(asked.get("logGroupName", ""))
        if found is None:
            raise Refusal("ResourceNotFoundException", "The specified log group does not exist.")
        return found


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _statistic(values: Sequence[float], name: str) -> float:
    match name:
        case "Sum":
            return sum(values)
        case "Minimum":
            return min(values)
        case "Maximum":
            return max(values)
        case "SampleCount":
            return float(len(values))
        case "Average":
            return sum(values) / len(values)
    share = float(name.removeprefix("p")) / 100
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def _alarm(one: Alarm) -> dict[str, Any]:
    namespace, name, dimensions = one.metric
    newest = {"recentDatapoints": [] if one.value is None else [round(one.value, 3)], "threshold": one.limit}
    return {
        "AlarmName": one.name, "AlarmArn": arn("cloudwatch", f"alarm:{one.name}"), "AlarmDescription": one.about,
        "AlarmConfigurationUpdatedTimestamp": one.configured, "ActionsEnabled": one.enabled, "OKActions": [],
        "AlarmActions": [arn("sns", "ops-page")], "InsufficientDataActions": [], "StateValue": one.state,
        "StateReason": one.reason, "StateReasonData": json.dumps(newest), "StateUpdatedTimestamp": one.since,
        "StateTransitionedTimestamp": one.since, "MetricName": name, "Namespace": namespace,
        "Statistic": one.statistic, "Dimensions": [{"Name": left, "Value": right} for left, right in dimensions],
        "Period": 60, "EvaluationPeriods": 1, "Threshold": one.limit,
        "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "missing",
    }  # fmt: skip
