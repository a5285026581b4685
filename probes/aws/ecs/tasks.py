"""The tasks of a target's services: those that run, and those that stopped within the hour for which ECS keeps them.

`list-tasks` leaves stopped tasks out unless it is asked for them, and their ARNs are the only way to why they stopped.
What a stopped task says never changes, so each is described once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from probes.aws.calls import Calls, Listed
from probes.aws.ecs import parse
from probes.aws.ecs.facts import RECENT, Task
from probes.base import Cause, Gap, ProbeError, SafeText

TOGETHER: Final = 100
"""Tasks in one call
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html)."""
MOST: Final = 1000
"""Tasks listed at most of those that run, and of those that stopped."""
_AT_ONCE: Final = 300
"""Stopped tasks described in one reading at most."""
_APART: Final = 10
"""Services up to which each is asked for by itself; more are picked from the tasks of the whole cluster."""


class Tasks:
    """The tasks of one target."""

    def __init__(self, calls: Calls, cluster: str) -> None:
        self._calls = calls
        self._cluster = cluster
        self._stopped: dict[str, Task] = {}
        self._cut: dict[str, bool] = {}
        self._waiting = 0
        self.running: tuple[Task, ...] = ()
        self.running_at: float | None = None
        """When the running ones were read, monotonic seconds."""

    @property
    def stopped(self) -> tuple[Task, ...]:
        """Tasks that stopped, the newest first."""
        return tuple(
            sorted(
                self._stopped.values(), key=lambda one: one.stopped.timestamp() if one.stopped else 0.0, reverse=True
            )
        )

    async def read_stopped(self, services: Sequence[str] | None) -> None:
        """Find those that stopped; `services` are the ones of interest, None: all of the cluster."""
        arns = await self._list("STOPPED", services)
        known = {arn: one for arn, one in self._stopped.items() if arn in set(arns)}
        new = [arn for arn in arns if arn not in known or known[arn].status != "STOPPED"]
        self._waiting = max(0, len(new) - _AT_ONCE)
        found = await described(self._calls, self._cluster, new[:_AT_ONCE])
        self._stopped = known | {one.arn: one for one in found if _is_meant(one, services)}

    async def read_running(self, services: Sequence[str] | None) -> None:
        """Find those that run or are on their way to."""
        arns = await self._list("RUNNING", services)
        found = await described(self._calls, self._cluster, arns)
        self.running = tuple(one for one in found if _is_meant(one, services))
        self.running_at = self._calls.context.monotonic()

    def recent(self) -> dict[str, list[Task]]:
        """Tasks that ended by themselves in the last ten minutes, by service, the newest first."""
        now = self._calls.context.now()
        found: dict[str, list[Task]] = {}
        for one in self.stopped:
            if one.by_itself and one.stopped and (now - one.stopped).total_seconds() <= RECENT:
                found.setdefault(one.service, []).append(one)
        return found

    def gaps(self) -> Iterable[Gap]:
        """What is not known of the tasks."""
        for which in (which for which, cut in self._cut.items() if cut):
            words = "running" if which == "RUNNING" else "stopped"
            yield Gap(f"{words} tasks beyond {MOST:,}", Cause.TOO_BIG, SafeText("name the services of interest"))
        if self._waiting:
            yield Gap(f"{self._waiting:,} stopped tasks", Cause.TOO_BIG, SafeText("follow soon"))

    async def _list(self, status: str, services: Sequence[str] | None) -> list[str]:
        apart = services if services is not None and len(services) <= _APART else None
        scopes: list[dict[str, Any]] = [{}] if apart is None else [{"serviceName": name} for name in apart]
        arns: dict[str, None] = {}
        self._cut[status] = False
        for scope in scopes:
            listed = await self._one(status, scope)
            arns |= dict.fromkeys(map(str, listed.items))
            self._cut[status] = self._cut[status] or listed.cut
        return list(arns)[:MOST]

    async def _one(self, status: str, scope: dict[str, Any]) -> Listed:
        return await self._calls.listed(
            "ecs", "list_tasks", "taskArns", MOST, TOGETHER, cluster=self._cluster, desiredStatus=status, **scope
        )


async def described(calls: Calls, cluster: str, arns: Sequence[str]) -> list[Task]:
    """What each task is like; those that are gone are left out. Raises `ProbeError`."""
    groups = [arns[n : n + TOGETHER] for n in range(0, len(arns), TOGETHER)]
    answers = await calls.each("ecs", "describe_tasks", [{"cluster": cluster, "tasks": group} for group in groups])
    found = []
    for answer in answers:
        if isinstance(answer, ProbeError):
            raise answer
        found += [parse.task(row) for row in parse.rows(answer.get("tasks"))]
    return found


def _is_meant(task: Task, services: Sequence[str] | None) -> bool:
    return services is None or task.service in services
