"""Security mode: while evidence is to be kept, what destroys it is barred unless somebody says why and types a word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from desk.incident.incident import Incident
from probes.base import Danger, Plan

TYPED: Final = "destroy evidence"
"""What is typed to let an act be done that is barred."""

LASTS: Final = timedelta(minutes=5)
"""How long an override stands: for the one plan it was given for, and its confirmation."""

LOSSES: Final = {
    "restart": "what is in memory and what the old process or container wrote go",
    "stop": "what is in memory goes",
    "stop-task": "what is in memory and the container's files go",
    "recreate": "the container's files and log go",
    "deploy": "the container's files and log go",
    "roll-back": "the containers' files and logs go",
    "undo": "what runs now goes, with its files and logs",
    "image": "what runs now goes, with its files and logs",
    "evict": "the pod's files and log go",
    "delete": "it goes, with its files and logs",
    "reboot": "what is in memory goes",
    "failover": "what is in memory goes, with the sessions",
    "resize": "what is in memory goes",
    "terminate": "the session goes, with what it was doing",
    "peek": "messages are received, and their counts change",
    "redrive": "dead letters are sent again",
    "retry": "the job's failure goes",
    "retry-all": "the jobs' failures go",
    "prune": "what is not in use goes",
    "purge": "every message goes",
    "flush": "every key goes",
    "clear": "keys go",
    "retention": "older logs go",
    "slowlog-reset": "the slow log goes",
}
"""What is lost by which act that is not read only, whatever its kind. Names are those of the kinds' actions; what is
destructive and not named here is barred too."""

_OF_KIND: Final[Mapping[tuple[str, str], str]] = {
    ("rotation", "rotate"): "the oldest log files go",
    ("settings", "undo"): "",
    ("secrets", "undo"): "",
    ("backups", "stop"): "",
    ("commands", "stop"): "",
    ("cloudwatch_logs", "retention"): "",
}
"""Acts that mean something else there; empty: nothing is lost, as long as the plan is not destructive."""

_UNKNOWN: Final = "what it takes away can't be had back"
_TERMINAL: Final = "what is typed there is not seen, and may take anything away"
_SHELL: Final = "what a command line takes away nobody knows"
_COMMANDS: Final = frozenset({"commands", "sql"})
"""Kinds that run what the profile says."""


def loss(plan: Plan) -> str:
    """What of the evidence a plan destroys, in words; empty: nothing that is known."""
    name, danger = plan.action.name, max(plan.danger, plan.action.danger)
    if danger is Danger.READ:
        return ""
    if plan.kind == name == "console":
        return _TERMINAL
    lost = _OF_KIND.get((plan.kind, name), LOSSES.get(name, ""))
    if danger is Danger.DESTRUCTIVE:
        return lost or LOSSES.get(name, _UNKNOWN)
    if danger is Danger.DISRUPTIVE and not lost:
        return _SHELL if plan.kind in _COMMANDS and name == "run" else _SCALED if name == "scale" else ""
    return lost


_SCALED: Final = "what is scaled away goes"


def barred(plan: Plan, digest: str, incidents: Iterable[Incident], who: str, at: datetime) -> str:
    """Why security mode bars a plan, in words; empty: it does not.

    `digest` names the plan as it was on the screen (`guard.digest_of`). An override counts for that plan alone, for
    who gave it, and where it is confirmed within `LASTS`: `at` is now, or when it was confirmed while it goes on.
    """
    lost = loss(plan)
    if not lost:
        return ""
    for one in incidents:
        if one.security is None:
            continue
        if any(each.digest == digest and each.by == who and _stands(each.at, at) for each in one.overrides):
            continue
        return f"evidence is kept for incident {one.short} ({one.security.reason}): {lost}"
    return ""


def secured(incidents: Iterable[Incident]) -> list[Incident]:
    """Incidents that keep evidence now, the oldest first."""
    return sorted((one for one in incidents if one.security is not None), key=lambda one: (one.at, one.id))


def _stands(given: datetime, at: datetime) -> bool:
    return given <= at < given + LASTS
