"""Grafana's alert rules, as its Prometheus-like interface tells them: /api/prometheus/grafana/api/v1/rules. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from probes.alerting.api import moment
from probes.alerting.facts import RuleState
from probes.alerting.parse import table
from probes.base import SafeText

_ORDER: Final = {"firing": 0, "pending": 1}


def rule_states(value: Any, now: datetime) -> tuple[tuple[RuleState, ...], Counter[str]]:
    """(rules that fire, pend or fail, how many there are in each state); `now` by the server's clock."""
    groups = table(table(value).get("data")).get("groups")
    found, counts = list[RuleState](), Counter[str]()
    for group in map(table, groups if isinstance(groups, list) else []):
        rules = group.get("rules")
        for number, rule in enumerate(map(table, rules if isinstance(rules, list) else [])):
            if rule.get("type") == "recording":
                continue
            one = _rule(rule, f"{group.get('file', '')} / {group.get('name', '')}", number, now)
            counts[one.state or "unknown"] += 1
            if one.state in _ORDER or one.health in ("error", "nodata"):
                found.append(one)
    unique = {one.key: one for one in found}
    return tuple(sorted(unique.values(), key=lambda one: (_ORDER.get(one.state, 2), str(one.name)))), counts


def _rule(told: Mapping[str, Any], group: str, number: int, now: datetime) -> RuleState:
    alerts = told.get("alerts")
    states = [str(table(one).get("state", "")) for one in (alerts if isinstance(alerts, list) else [])]
    evaluated = moment(told.get("lastEvaluation"))
    state, health = told.get("state"), told.get("health")
    return RuleState(
        key=str(SafeText(str(told.get("uid") or f"{group} {number} {told.get('name', '')}"), 300)),
        name=SafeText(str(told.get("name") or ""), 200),
        group=SafeText(group, 200),
        state=state if state in ("firing", "pending", "inactive") else "",
        health=health if health in ("ok", "error", "nodata", "unknown") else "",
        error=SafeText(str(told.get("lastError") or ""), 300),
        alerts=sum(not one.lower().startswith("normal") for one in states),
        evaluated=max(0.0, (now - evaluated).total_seconds()) if evaluated else None,
    )
