"""From PagerDuty's JSON to incidents and people on call: bounded, typed, every text made safe. Pure.

Documents: https://developer.pagerduty.com/api-reference/9d0b4b12e36f9-list-incidents
https://developer.pagerduty.com/api-reference/3a6b910f11050-list-all-of-the-on-calls
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from probes.alerting.api import moment
from probes.alerting.pagerduty.facts import Incident, OnCall
from probes.alerting.parse import table
from probes.base import Cause, ProbeError, SafeText, secure_link

ID: Final = re.compile(r"[A-Z0-9]{1,40}")
STATUSES: Final = ("triggered", "acknowledged", "resolved")
_MOST_NAMES: Final = 20


def rows(value: Any, field: str) -> list[Mapping[str, Any]]:
    """The objects of one page. Raises `ProbeError(Cause.GARBAGE)`."""
    found = table(value).get(field)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ProbeError(Cause.GARBAGE, f"there is no list of {field}: is it PagerDuty's REST API?")
    return found


def more(value: Any) -> bool:
    """Whether there are pages after this one."""
    return table(value).get("more") is True


def incident(told: Mapping[str, Any], now: datetime) -> Incident | None:
    """One incident; None without an id or a status. `now` by PagerDuty's clock."""
    id, status, urgency = _text(told, "id"), _text(told, "status"), _text(told, "urgency")
    if not ID.fullmatch(id) or status not in STATUSES:
        return None
    created, number = moment(told.get("created_at")), told.get("incident_number")
    counts = table(told.get("alert_counts")).get("triggered")
    people = [table(one.get("assignee")) for one in _tables(told.get("assignments"))]
    held = [table(one.get("acknowledger")) for one in _tables(told.get("acknowledgements"))]
    return Incident(
        id=id,
        number=number if isinstance(number, int) and not isinstance(number, bool) else None,
        title=SafeText(_text(told, "title") or _text(told, "summary") or "(no title)", 300),
        status=status,
        urgency=urgency if urgency in ("high", "low") else "",
        priority=SafeText(_name(table(told.get("priority"))), 40),
        service=SafeText(_name(table(told.get("service"))), 120),
        policy=SafeText(_name(table(told.get("escalation_policy"))), 120),
        teams=tuple(SafeText(_name(one), 80) for one in _tables(told.get("teams"))),
        created=created,
        changed=moment(told.get("last_status_change_at")),
        age=max(0.0, (now - created).total_seconds()) if created else None,
        assigned=tuple(SafeText(_name(one), 80) for one in people),
        assigned_ids=tuple(sorted(id for one in people if ID.fullmatch(id := _text(one, "id")))),
        acknowledged=tuple(SafeText(_name(one), 80) for one in held),
        escalates=_escalates(told.get("pending_actions")),
        alerts=counts if isinstance(counts, int) and not isinstance(counts, bool) else None,
        link=secure_link(_text(told, "html_url")),
    )


def _escalates(value: Any) -> datetime | None:
    times = [moment(one.get("at")) for one in _tables(value) if one.get("type") == "escalate"]
    return min((one for one in times if one is not None), default=None)


def rank(one: Incident) -> tuple[bool, bool, float]:
    """Triggered before acknowledged, urgent before others, the oldest first."""
    return one.status != "triggered", one.urgency == "low", -(one.age or 0.0)


def on_call(told: Mapping[str, Any]) -> OnCall | None:
    """One person on call; None without a policy or a person."""
    policy, user, schedule = (table(told.get(name)) for name in ("escalation_policy", "user", "schedule"))
    level = told.get("escalation_level")
    if not _text(policy, "id") or not _text(user, "id") or not isinstance(level, int):
        return None
    marks = [_text(policy, "id"), str(level), _text(schedule, "id"), _text(user, "id")]
    return OnCall(
        key=str(SafeText("/".join(marks), 200)),
        policy_id=str(SafeText(_text(policy, "id"), 40)),
        policy=SafeText(_name(policy), 120),
        level=level,
        user=SafeText(_name(user), 80),
        schedule=SafeText(_name(schedule), 120),
        until=moment(told.get("end")),
    )


def _tables(value: Any) -> list[Mapping[str, Any]]:
    found = value if isinstance(value, list) else []
    return [one for one in found[:_MOST_NAMES] if isinstance(one, dict)]


def _name(told: Mapping[str, Any]) -> str:
    """What a reference is called; the id where it has no name."""
    return _text(told, "summary") or _text(told, "name") or _text(told, "id")


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""
