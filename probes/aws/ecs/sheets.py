"""Closer looks at a cluster, as pages of lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from probes.aws.ecs.facts import Event, Revision, Service, Task
from probes.base import SafeText, Sheet, lasted


def task_sheet(task: Task, revision: Revision | None, now: datetime) -> Sheet:
    """All that is known of a task."""
    pairs = [
        ("task", task.arn),
        ("service", task.service or "none: nothing replaces it"),
        ("state", f"{task.status}, going to {task.wanted}" if task.wanted != task.status else task.status),
        ("health", task.health or "–"),
        ("revision", task.revision),
        ("zone", f"{task.zone or '–'}  address {task.ip or '–'}"),
        ("made", _ago(task.created, now)),
        ("started", _ago(task.started, now)),
    ]
    if task.over:
        pairs += [("stopped", _ago(task.stopped, now)), ("why", f"{task.stop_code or '–'}: {task.reason or '–'}")]
    if revision is not None:
        pairs.append(("reserved", f"cpu {revision.cpu or '–'} units, memory {revision.memory or '–'} MiB"))
    lines = [SafeText(f"{name:<10}{said}") for name, said in pairs]
    for one in task.containers:
        code = "" if one.exit_code is None else f", exit code {one.exit_code}"
        health = f", {one.health}" if one.health not in ("", "UNKNOWN") else ""
        lines.append(SafeText(f"{one.name}  {one.status}{health}{code}{', ' + str(one.reason) if one.reason else ''}"))
        lines.append(SafeText(f"          {one.image}  {one.digest}"))
    return Sheet(f"task {task.id}", tuple(lines))


def events_sheet(service: Service, now: datetime) -> Sheet:
    """What a service says of itself, the newest first."""
    return Sheet(f"events of {service.name}", tuple(_event(one, now) for one in service.events))


def _event(one: Event, now: datetime) -> SafeText:
    again = f" ({one.times} times)" if one.times > 1 else ""
    return SafeText(f"{_ago(one.at, now):>12}  {one.said}{again}")


def diagnosis(service: Service, tasks: Sequence[Task], most: int = 2) -> str:
    """Why a service does not come up: how its last tasks ended, and what it says itself."""
    words = [f"task {one.id[:8]}: {one.why}" for one in tasks[:most] if one.why]
    words += [str(one.said) for one in service.events if not one.steady][: most - len(words[:1])]
    return "; ".join(dict.fromkeys(words))


def _ago(moment: datetime | None, now: datetime) -> str:
    return "–" if moment is None else f"{lasted(max(0.0, (now - moment).total_seconds()))} ago"
