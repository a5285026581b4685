"""What ECS answers, as facts. Pure; what is missing or of another type than documented is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from probes.aws.ecs.facts import Bounds, Cluster, Deployment, Event, LogPlace, Ran, Revision, Service, Task
from probes.base import SafeText

EVENTS: Final = 20
"""Events kept of a service; ECS gives the last hundred."""
_STEADY: Final = "has reached a steady state"
_SUSPENDED: Final = (
    ("DynamicScalingInSuspended", "in"),
    ("DynamicScalingOutSuspended", "out"),
    ("ScheduledScalingSuspended", "scheduled"),
)

Row = Mapping[str, Any]


def text(value: object, limit: int = 200) -> str:
    """Safe text of a value; empty when there is none."""
    return str(SafeText(str(value), limit)) if value is not None else ""


def whole(value: object) -> int:
    """A count that ECS always gives."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def maybe(value: object) -> int | None:
    """A count, or None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(value: object) -> datetime | None:
    """A time, aware UTC."""
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)


def rows(value: object) -> Sequence[Row]:
    """The tables in a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def short_name(arn: object) -> str:
    """What stands behind the last slash of an ARN.

    >>> short_name("arn:aws:ecs:eu-west-1:123456789012:task-definition/api:41"), short_name("api")
    ('api:41', 'api')
    """
    return text(arn).rpartition("/")[2]


def cluster(row: Row) -> Cluster:
    """One of ecs:DescribeClusters."""
    return Cluster(
        arn=text(row.get("clusterArn")),
        name=SafeText(text(row.get("clusterName"))),
        status=text(row.get("status"), 40),
        instances=maybe(row.get("registeredContainerInstancesCount")),
        running=maybe(row.get("runningTasksCount")),
        pending=maybe(row.get("pendingTasksCount")),
        services=maybe(row.get("activeServicesCount")),
    )


def service(row: Row, read: float) -> Service:
    """One of ecs:DescribeServices, described at `read` (monotonic seconds)."""
    how = row.get("deploymentConfiguration") or {}
    breaker = how.get("deploymentCircuitBreaker") or {}
    providers = [text(one.get("capacityProvider"), 80) for one in rows(row.get("capacityProviderStrategy"))]
    name = text(row.get("serviceName"))
    groups = (one.get("targetGroupArn") for one in rows(row.get("loadBalancers")))
    return Service(
        arn=text(row.get("serviceArn")),
        name=name,
        status=text(row.get("status"), 40),
        desired=whole(row.get("desiredCount")),
        running=whole(row.get("runningCount")),
        pending=whole(row.get("pendingCount")),
        launch=text(row.get("launchType"), 40) or ", ".join(providers),
        strategy=text(row.get("schedulingStrategy"), 40),
        controller=text((row.get("deploymentController") or {}).get("type") or "ECS", 40),
        revision=short_name(row.get("taskDefinition")),
        created=moment(row.get("createdAt")),
        deployments=tuple(_deployment(one) for one in rows(row.get("deployments"))),
        events=events(rows(row.get("events")), name),
        breaker=breaker.get("enable") is True,
        rolls_back=breaker.get("rollback") is True,
        least_percent=maybe(how.get("minimumHealthyPercent")),
        most_percent=maybe(how.get("maximumPercent")),
        exec=row.get("enableExecuteCommand") is True,
        groups=tuple(dict.fromkeys(text(arn, 300) for arn in groups if arn)),
        read=read,
    )


def _deployment(row: Row) -> Deployment:
    return Deployment(
        id=text(row.get("id")),
        status=text(row.get("status"), 40),
        revision=short_name(row.get("taskDefinition")),
        rollout=text(row.get("rolloutState"), 40),
        reason=SafeText(text(row.get("rolloutStateReason"), 300)),
        desired=whole(row.get("desiredCount")),
        running=whole(row.get("runningCount")),
        pending=whole(row.get("pendingCount")),
        failed=whole(row.get("failedTasks")),
        created=moment(row.get("createdAt")),
        updated=moment(row.get("updatedAt")),
    )


def events(found: Sequence[Row], name: str, most: int = EVENTS) -> tuple[Event, ...]:
    """The newest events; what says the same again is counted with its newest."""
    kept: dict[str, Event] = {}
    for row in found:
        at = moment(row.get("createdAt"))
        if at is None:
            continue
        said = text(row.get("message"), 500).removeprefix(f"(service {name}) ").removeprefix(f"(service {name}, ")
        key = re.sub(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f-]{27}", "", said)
        if key in kept:
            kept[key] = replace(kept[key], times=kept[key].times + 1)
        elif len(kept) < most:
            kept[key] = Event(text(row.get("id"), 80), at, SafeText(said, 500), 1, _STEADY in said)
    return tuple(kept.values())


def task(row: Row) -> Task:
    """One of ecs:DescribeTasks."""
    group = text(row.get("group"))
    arn = text(row.get("taskArn"), 300)
    return Task(
        arn=arn,
        id=short_name(arn),
        service=group.removeprefix("service:") if group.startswith("service:") else "",
        status=text(row.get("lastStatus"), 40),
        wanted=text(row.get("desiredStatus"), 40),
        health=text(row.get("healthStatus"), 40),
        revision=short_name(row.get("taskDefinitionArn")),
        started_by=text(row.get("startedBy")),
        zone=text(row.get("availabilityZone"), 40),
        ip=_address(row),
        created=moment(row.get("createdAt")),
        started=moment(row.get("startedAt")),
        stopped=moment(row.get("stoppedAt")),
        stop_code=text(row.get("stopCode"), 60),
        reason=SafeText(text(row.get("stoppedReason"), 300)),
        containers=tuple(_container(one) for one in rows(row.get("containers"))),
        exec_enabled=flag if isinstance(flag := row.get("enableExecuteCommand"), bool) else None,
    )


def _container(row: Row) -> Ran:
    return Ran(
        name=SafeText(text(row.get("name"))),
        status=text(row.get("lastStatus"), 40),
        exit_code=maybe(row.get("exitCode")),
        reason=SafeText(text(row.get("reason"), 300)),
        health=text(row.get("healthStatus"), 40),
        image=SafeText(text(row.get("image"))),
        digest=text(row.get("imageDigest"), 80),
    )


def _address(row: Row) -> str:
    """Its private address: of its own network interface, else of a container's."""
    for attachment in rows(row.get("attachments")):
        for detail in rows(attachment.get("details")):
            if detail.get("name") == "privateIPv4Address":
                return text(detail.get("value"), 60)
    for one in rows(row.get("containers")):
        for interface in rows(one.get("networkInterfaces")):
            if interface.get("privateIpv4Address"):
                return text(interface["privateIpv4Address"], 60)
    return ""


def revision(row: Row) -> Revision:
    """A task definition, without whatever may hold a secret."""
    containers = rows(row.get("containerDefinitions"))
    return Revision(
        name=short_name(row.get("taskDefinitionArn")),
        family=text(row.get("family")),
        number=whole(row.get("revision")),
        status=text(row.get("status"), 40),
        images=tuple(SafeText(text(one.get("image"), 300)) for one in containers),
        cpu=text(row.get("cpu"), 20),
        memory=text(row.get("memory"), 20),
        registered=moment(row.get("registeredAt")),
        logs=tuple(place for one in containers if (place := _log(one)) is not None),
    )


def _log(container: Row) -> LogPlace | None:
    how = container.get("logConfiguration") or {}
    options = how.get("options") or {}
    if how.get("logDriver") != "awslogs" or not options.get("awslogs-group"):
        return None
    return LogPlace(
        container=text(container.get("name")),
        group=text(options.get("awslogs-group"), 512),
        prefix=text(options.get("awslogs-stream-prefix") or "", 512),
        region=text(options.get("awslogs-region") or "", 40),
    )


def bounds(row: Row) -> Bounds | None:
    """One of application-autoscaling:DescribeScalableTargets."""
    least, most = maybe(row.get("MinCapacity")), maybe(row.get("MaxCapacity"))
    if least is None or most is None:
        return None
    state = row.get("SuspendedState") or {}
    return Bounds(least, most, tuple(word for name, word in _SUSPENDED if state.get(name) is True))


def policy(row: Row) -> SafeText:
    """A scaling policy in a few words: "cpu-50 keeps ECSServiceAverageCPUUtilization at 50"."""
    name, how = text(row.get("PolicyName"), 80), row.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = (how.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType")
    metric = metric or (how.get("CustomizedMetricSpecification") or {}).get("MetricName")
    if how.get("TargetValue") is not None:
        return SafeText(f"{name} keeps {text(metric, 80) or 'its metric'} at {how['TargetValue']:g}")
    return SafeText(f"{name} ({text(row.get('PolicyType'), 40)})")
