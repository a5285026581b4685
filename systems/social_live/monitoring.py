"""What watches the platform from inside: a place that answers as Prometheus does, and one that answers as Grafana does.

Both know the numbers that their recording rules have, and no language to ask for others.
Interfaces: https://prometheus.io/docs/prometheus/latest/querying/api/ and
https://grafana.com/docs/grafana/latest/developers/http_api/.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from systems.social_live.store import Doc
from systems.web import Answer, Asked, told

Number = Callable[[], float | None]

KEPT: Final = 3600
"""Samples of each number: one a second."""
BELOW: Final = "/api/alertmanager/grafana/api/v2"
_WAS: Final = "Normal"
_TIMED: Final = re.compile(
    r'label_replace\(timestamp\((?P<name>[\w:]+)\), "(?P<label>\w+)", "time", "", ""\) or (?P=name)'
)
"""A number together with the moment of its sample."""


class Prometheus:
    """Answers for some numbers by the names of their recording rules."""

    def __init__(self, numbers: Mapping[str, Number]) -> None:
        self._numbers = numbers
        self._kept: dict[str, deque[tuple[float, float]]] = {name: deque(maxlen=KEPT) for name in numbers}
        self._began = time.time()

    def tick(self) -> None:
        """A sample of every number."""
        for name, number in self._numbers.items():
            if (value := number()) is not None:
                self._kept[name].append((time.time(), value))

    async def answer(self, request: Asked) -> Answer:
        """What the server says to one request."""
        path, query = request.path.removeprefix("/api/v1/"), request.query
        if path == "query":
            return self._query(query.get("query", "").strip())
        if path == "query_range":
            return self._range(query)
        known: dict[str, Any] = {
            "alerts": {"alerts": []},
            "rules": {"groups": []},
            "targets": {"activeTargets": []},
            "status/buildinfo": {"version": "3.0.0-simulated"},
            "status/runtimeinfo": {
                "startTime": datetime.fromtimestamp(self._began, UTC).isoformat(),
                "reloadConfigSuccess": True,
                "storageRetention": "1h",
            },
            "status/tsdb": {"headStats": {"numSeries": len(self._numbers), "minTime": int(self._began * 1000)}},
        }
        if path in known:
            return told({"status": "success", "data": known[path]})
        return told({"status": "error", "errorType": "not_found", "error": "no such path"}, 404)

    def _query(self, expression: str) -> Answer:
        now = time.time()
        if expression == "time()":
            return _good("scalar", [now, str(now)])
        if expression.startswith("count_values"):
            return _good("vector", [{"metric": {"up": "1"}, "value": [now, str(len(self._numbers))]}])
        timed = _TIMED.fullmatch(expression)
        name = timed["name"] if timed else expression
        if name not in self._kept:
            said = "this place is simulated and knows only the numbers that its recording rules have"
            return told({"status": "error", "errorType": "bad_data", "error": said}, 400)
        fresh = [(at, value) for at, value in list(self._kept[name])[-1:] if now - at < 10]
        series = [{"metric": {"__name__": name}, "value": [now, str(value)]} for _, value in fresh]
        if timed:
            series += [{"metric": {timed["label"]: "time"}, "value": [now, str(at)]} for at, _ in fresh]
        return _good("vector", series)

    def _range(self, query: Mapping[str, str]) -> Answer:
        start, end, step = (float(query[name]) for name in ("start", "end", "step"))
        samples = list(self._kept.get(query.get("query", "").strip(), ()))
        values, at = list[list[Any]](), start
        while at <= end and step > 0:
            if found := [value for when, value in samples if at - max(step, 5) < when <= at]:
                values.append([at, str(found[-1])])
            at += step
        return _good("matrix", [{"metric": {}, "values": values}] if values else [])


def _good(kind: str, result: Any) -> Answer:
    return told({"status": "success", "data": {"resultType": kind, "result": result}})


@dataclass(slots=True)
class Watched:
    """A rule of Grafana's: a number, its limit, and for how long it must be beyond it."""

    name: str
    severity: str
    number: Number
    limit: float
    lasts: float
    """Seconds; short ones, since this is a demonstration."""
    summary: str
    since: float | None = None
    """When it went beyond the limit."""
    fires: datetime | None = None

    @property
    def uid(self) -> str:
        """What tells it from the others."""
        return self.name.lower().replace(" ", "-")

    @property
    def labels(self) -> dict[str, str]:
        """What its alert bears."""
        return {
            "alertname": self.name,
            "grafana_folder": "Social Live",
            "severity": self.severity,
            "__alert_rule_uid__": self.uid,
        }


@dataclass(slots=True)
class Grafana:
    """Holds alerts and silences, and what fired lately."""

    rules: list[Watched]
    silences: list[Doc] = field(default_factory=list)
    history: list[Doc] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Something that happened in the night, so that the morning has something to read."""
        night = datetime.now(UTC) - timedelta(hours=5)
        rule = next(rule for rule in self.rules if rule.severity == "warning")
        self._note(rule, "Alerting", _WAS, night)
        self._note(rule, _WAS, "Alerting", night + timedelta(minutes=11))

    def tick(self) -> None:
        """Evaluate every rule."""
        now = time.monotonic()
        for rule in self.rules:
            value = rule.number()
            if value is None or value <= rule.limit:
                if rule.fires is not None:
                    self._note(rule, _WAS, "Alerting", datetime.now(UTC))
                rule.since = rule.fires = None
                continue
            rule.since = rule.since if rule.since is not None else now
            if rule.fires is None and now - rule.since >= rule.lasts:
                rule.fires = datetime.now(UTC)
                self._note(rule, "Alerting", _WAS, rule.fires)

    def _note(self, rule: Watched, new: str, before: str, at: datetime) -> None:
        moment = int(at.timestamp() * 1000)
        self.history.append(
            {
                "id": len(self.history) + 1,
                "alertId": self.rules.index(rule) + 1,
                "alertName": rule.name,
                "newState": new,
                "prevState": before,
                "time": moment,
                "timeEnd": moment,
                "text": f"{rule.name} {{alertname={rule.name}}} - B=1",
            }
        )

    async def answer(self, request: Asked) -> Answer:
        """What Grafana says to one request."""
        path = request.path
        if path.startswith(BELOW):
            return self._alertmanager(path.removeprefix(BELOW), request)
        if path == "/api/annotations":
            first, last = int(request.query["from"]), int(request.query["to"])
            found = [one for one in self.history if first <= one["time"] <= last]
            return told(found[-int(request.query.get("limit") or 100) :])
        known: dict[str, Any] = {
            "/api/health": {"database": "ok", "version": "11.4.0-simulated"},
            "/api/prometheus/grafana/api/v1/rules": {"status": "success", "data": {"groups": [self._group()]}},
            "/api/datasources": [{"uid": "prometheus", "name": "Prometheus", "type": "prometheus"}],
            "/api/datasources/uid/prometheus/health": {"status": "OK", "message": "the query API answers"},
            "/api/access-control/user/permissions": {
                "alert.instances:read": [""],
                "alert.silences:create": [""],
                "alert.silences:write": [""],
                "alert.silences:read": [""],
            },
        }
        return told(known[path]) if path in known else told({"message": "Not found"}, 404)

    def _group(self) -> Doc:
        states = {True: "firing", False: "inactive"}
        rules = [
            {
                "uid": rule.uid,
                "name": rule.name,
                "type": "alerting",
                "state": "pending" if rule.since and rule.fires is None else states[rule.fires is not None],
                "health": "ok",
                "lastEvaluation": datetime.now(UTC).isoformat(),
                "alerts": [],
            }
            for rule in self.rules
        ]
        return {"name": "platform", "file": "Social Live", "rules": rules}

    # its Alertmanager

    def _alertmanager(self, path: str, request: Asked) -> Answer:
        match request.method, path.strip("/").split("/"):
            case "GET", ["alerts"]:
                return told([self._alert(rule) for rule in self.rules if rule.fires is not None])
            case "GET", ["silences"]:
                return told([self._current(one) for one in self.silences])
            case "POST", ["silences"]:
                return self._silence(request.document())
            case "GET", ["silence", name]:
                found = [self._current(one) for one in self.silences if one["id"] == name]
                return told(found[0]) if found else told({"message": "silence not found"}, 404)
            case "DELETE", ["silence", name]:
                for one in self.silences:
                    if one["id"] == name:
                        one["endsAt"] = datetime.now(UTC).isoformat()
                        return told({"message": "silence deleted"})
        return told({"message": "Not found"}, 404)

    def _alert(self, rule: Watched) -> Doc:
        quiet = [one["id"] for one in self.silences if _silences(self._current(one), rule.labels)]
        assert rule.fires is not None
        return {
            "labels": rule.labels,
            "annotations": {"summary": rule.summary},
            "startsAt": rule.fires.isoformat(),
            "endsAt": (datetime.now(UTC) + timedelta(minutes=4)).isoformat(),
            "updatedAt": datetime.now(UTC).isoformat(),
            "fingerprint": hashlib.sha256(rule.uid.encode()).hexdigest()[:16],
            "receivers": [{"name": "on-call"}],
            "status": {"state": "suppressed" if quiet else "active", "silencedBy": quiet, "inhibitedBy": []},
            "generatorURL": "",
        }

    def _silence(self, asked: Any) -> Answer:
        known = next((one for one in self.silences if one["id"] == asked.get("id")), None)
        if known is not None:
            known.update(asked)
            return told({"silenceID": known["id"]}, 202)
        made = {**asked, "id": str(uuid.uuid4())}
        self.silences.append(made)
        return told({"silenceID": made["id"]}, 202)

    @staticmethod
    def _current(one: Doc) -> Doc:
        now = datetime.now(UTC)
        begins, ends = (datetime.fromisoformat(one[name]) for name in ("startsAt", "endsAt"))
        state = "expired" if ends <= now else "pending" if begins > now else "active"
        return {**one, "status": {"state": state}, "updatedAt": one.get("updatedAt", one["startsAt"])}


def _silences(silence: Doc, labels: Mapping[str, str]) -> bool:
    """Does an active silence hold back an alert with these labels?"""
    if silence["status"]["state"] != "active":
        return False
    return all(
        (labels.get(one["name"], "") == one["value"]) is one.get("isEqual", True) for one in silence.get("matchers", [])
    )
