"""What stands around services: the health of their targets, the bounds of auto-scaling, and what they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from probes.aws.alb.health import Health, health_of
from probes.aws.calls import Calls
from probes.aws.ecs import parse
from probes.aws.ecs.facts import Bounds, Service
from probes.aws.metrics import Metric, Metrics, Points
from probes.base import ProbeError, SafeText

DIMENSION: Final = "ecs:service:DesiredCount"
GROUPS: Final = 20
"""Target groups asked about in one reading at most."""
USE: Final = 20
"""Services whose use is asked for at most: each metric costs."""
SPAN: Final = 900.0
SOME: Final = 50
"""Resources in one call
(https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html)."""
_MOST: Final = 2000
_OLD: Final = timedelta(minutes=5)
"""Age from which a point says nothing about now."""


class Targets:
    """Health of target groups, the longest not asked about first."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._asked: dict[str, float] = {}
        self._known: dict[str, Health] = {}

    def of(self, service: Service) -> tuple[Health, ...] | None:
        """Health of a service's groups, as far as asked for; None when none was."""
        found = tuple(self._known[arn] for arn in service.groups if arn in self._known)
        return found or None

    async def read(self, services: Sequence[Service]) -> None:
        """Ask about some groups; `services` in most trouble first. Raises the first error."""
        arns = list(dict.fromkeys(arn for one in services for arn in one.groups))
        self._known = {arn: one for arn, one in self._known.items() if arn in set(arns)}
        due = sorted(arns, key=lambda arn: self._asked.get(arn, 0.0))[:GROUPS]
        failed: ProbeError | None = None
        for arn, answer in zip(due, await healths(self._calls, due), strict=True):
            self._asked[arn] = self._calls.context.monotonic()
            if isinstance(answer, ProbeError):
                failed = failed or answer
            else:
                self._known[arn] = answer
        if failed is not None:
            raise failed


async def healths(calls: Calls, arns: Sequence[str]) -> list[Health | ProbeError]:
    """Health of each group, or why it can't be told."""
    answers = await calls.each("elbv2", "describe_target_health", [{"TargetGroupArn": arn} for arn in arns])
    return [one if isinstance(one, ProbeError) else health_of(arn, one) for arn, one in zip(arns, answers, strict=True)]


def resource(cluster: str, service: str) -> str:
    """A service as Application Auto Scaling calls it."""
    return f"service/{cluster}/{service}"


async def bounds_of(calls: Calls, cluster: str, services: Sequence[str], policies: bool = False) -> dict[str, Bounds]:
    """Bounds by service, of those that have any. Raises `ProbeError`."""
    by_id = {resource(cluster, name): name for name in services}
    if not by_id:
        return {}
    wanted: Mapping[str, Any] = {"ResourceIds": list(by_id)} if len(by_id) <= SOME else {}
    listed = await calls.listed(
        "application-autoscaling", "describe_scalable_targets", "ScalableTargets", _MOST,
        ServiceNamespace="ecs", ScalableDimension=DIMENSION, **wanted,
    )  # fmt: skip
    found: dict[str, Bounds] = {}
    for row in parse.rows(list(listed.items)):
        name, one = by_id.get(str(row.get("ResourceId"))), parse.bounds(row)
        if name is not None and one is not None:
            found[name] = one
    if not policies or not found:
        return found
    more: dict[str, list[SafeText]] = {}
    asked = [{"ServiceNamespace": "ecs", "ResourceId": resource(cluster, name)} for name in list(found)[:GROUPS]]
    for answer in await calls.each("application-autoscaling", "describe_scaling_policies", asked):
        if isinstance(answer, ProbeError):
            raise answer
        for row in parse.rows(answer.get("ScalingPolicies")):
            more.setdefault(by_id.get(str(row.get("ResourceId")), ""), []).append(parse.policy(row))
    return {name: replace(one, policies=tuple(more.get(name, ())[:5])) for name, one in found.items()}


class Use:
    """Cpu and memory of services. ECS reports none while no task runs: no data is unknown, never zero."""

    def __init__(self, calls: Calls, cluster: str) -> None:
        self._calls = calls
        self._cluster = cluster
        self._metrics = Metrics(calls, span=SPAN)
        self._known: dict[str, Points] = {}

    async def read(self, services: Sequence[str]) -> None:
        """Ask for the use of these services. Raises `ProbeError`."""
        names = {"cpu": "CPUUtilization", "memory": "MemoryUtilization"}
        self._known = await self._metrics.read(
            {
                f"{what} {service}": Metric("AWS/ECS", name, (("ClusterName", self._cluster), ("ServiceName", service)))
                for service in services
                for what, name in names.items()
            }
        )

    def of(self, what: str, service: str) -> float | None:
        """The newest share of what is reserved, 1 is all of it; None when there is no recent one."""
        points = self._known.get(f"{what} {service}", Points())
        if points.latest is None or points.at is None or points.at < self._calls.context.now() - _OLD:
            return None
        return points.latest / 100
