"""Which numbers of a cluster's services everybody may use, and which are worth a person's attention by default.

Data, and the one function that turns facts into gauges.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from probes.aws.ecs.facts import LOOP, EcsFacts, Service
from probes.base import Capacity, Gauges, GaugeSpec, Missing, Rule, SafeText, Severity, Unit

LABELLED: Final = 80
"""Services that get gauges; those in most trouble come first."""
SHORT: Final = 120.0
"""Seconds a task may be missing: a new one takes that long to come up."""
STUCK: Final = 900.0
"""Seconds a deployment may take."""

SPECS: Final = (
    GaugeSpec("desired", "Tasks a service should have."),
    GaugeSpec("running", "Tasks of a service that run.", better="high"),
    GaugeSpec("pending", "Tasks of a service on their way to run."),
    GaugeSpec("short", "Tasks that should run and do not, of a service of which some run.", better="low"),
    GaugeSpec("down", "Tasks that should run, of a service of which none runs.", better="low"),
    GaugeSpec("deployment_failed", "1 while a deployment that failed is listed, labelled with it.", better="low"),
    GaugeSpec("deployment_seconds", "How long the deployment under way has taken.", Unit.SECONDS, better="low"),
    GaugeSpec("task_exits", "Tasks that ended by themselves in the last ten minutes.", better="low"),
    GaugeSpec("out_of_memory", "Tasks killed for lack of memory in the last ten minutes.", better="low"),
    GaugeSpec("targets_healthy", "Healthy targets in the service's target groups.", better="high"),
    GaugeSpec("targets_unhealthy", "Targets whose check fails, labelled with why.", better="low"),
    GaugeSpec("targetless", "Target groups without a healthy target.", better="low"),
    GaugeSpec("beyond_bounds", "How far the desired count lies outside auto-scaling's bounds.", better="low"),
    GaugeSpec(
        "cpu_ratio", "Cpu in use, of what the tasks reserved; from CloudWatch.", Unit.RATIO, capacity=Capacity.LOAD
    ),
    GaugeSpec(
        "memory_ratio",
        "Memory in use, of what the tasks reserved; from CloudWatch.",
        Unit.RATIO,
        better="low",
        capacity=Capacity.USED,
    ),
    GaugeSpec("absent", "1 for a service that the profile names and the cluster does not have.", better="low"),
    GaugeSpec("inactive", "1 while the cluster is not ACTIVE.", better="low"),
    GaugeSpec("services", "Services there are."),
)

RULES: Final = (
    Rule(
        name="down", gauge="down", op=">", threshold=0, severity=Severity.CRITICAL, consecutive=2,
        say="{service}: no task is running, {value} wanted",
    ),
    Rule(
        name="short", gauge="short", op=">", threshold=0, severity=Severity.WARNING, hold=SHORT,
        say="{service}: {value} of {desired} tasks not running for 2 min",
    ),
    Rule(
        name="deployment-failed", gauge="deployment_failed", op=">", threshold=0, severity=Severity.CRITICAL,
        missing=Missing.CLEAR, say="{service}: the deployment of {revision} failed",
    ),
    Rule(
        name="deployment-stuck", gauge="deployment_seconds", op=">", threshold=STUCK, severity=Severity.WARNING,
        missing=Missing.CLEAR, say="{service}: its deployment has taken {value} and is not through",
    ),
    Rule(
        name="task-loop", gauge="task_exits", op=">=", threshold=LOOP, severity=Severity.CRITICAL,
        say="{service}: its tasks end again and again, {value} in 10 min",
    ),
    Rule(
        name="out-of-memory", gauge="out_of_memory", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{service}: {value:task} killed in 10 min (exit code 137 or OutOfMemoryError), likely out of memory",
    ),
    Rule(
        name="no-healthy-target", gauge="targetless", op=">", threshold=0, severity=Severity.CRITICAL,
        say="{service}: its load balancer has no healthy target, callers get 503",
    ),
    Rule(
        name="unhealthy-targets", gauge="targets_unhealthy", op=">", threshold=0, severity=Severity.WARNING,
        missing=Missing.CLEAR, say="{service}: {value:unhealthy target}, {why}",
    ),
    Rule(
        name="beyond-bounds", gauge="beyond_bounds", op=">", threshold=0, severity=Severity.WARNING,
        missing=Missing.CLEAR,
        say="{service}: its desired count is {value} outside auto-scaling's bounds {bounds}, which may override it",
    ),
    Rule(  # while no task runs ECS reports nothing: the running count tells then
        name="memory", gauge="memory_ratio", op=">", threshold=0.9, severity=Severity.WARNING, clear=0.85, hold=60,
        missing=Missing.CLEAR, say="{service}: memory at {value} of what its tasks reserved; beyond it they are killed",
    ),
    Rule(
        name="absent", gauge="absent", op=">", threshold=0, severity=Severity.WARNING, missing=Missing.CLEAR,
        say="the cluster has no service {service}",
    ),
    Rule(
        name="cluster", gauge="inactive", op=">", threshold=0, severity=Severity.CRITICAL,
        say="the cluster is {status}",
    ),
)  # fmt: skip


def measured(facts: EcsFacts, now: datetime) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    for service in facts.services[:LABELLED]:
        _tasks(gauges, service)
        _deployments(gauges, service, now)
        _around(gauges, service)
    for name in facts.absent[:LABELLED]:
        gauges.put("absent", 1, service=name)
    status = facts.cluster.status
    gauges.put("inactive", None if not status else float(status != "ACTIVE"), status=status or "unknown")
    gauges.put("services", facts.known)
    return gauges


def _tasks(gauges: Gauges, service: Service) -> None:
    name = service.name
    gauges.put("desired", service.desired, service=name)
    gauges.put("running", service.running, service=name)
    gauges.put("pending", service.pending, service=name)
    gauges.put("down", service.short if not service.running else 0, service=name)
    gauges.put("short", service.short if service.running else 0, service=name)
    gauges.put("task_exits", service.exits, service=name)
    gauges.put("out_of_memory", service.ooms, service=name)


def _deployments(gauges: Gauges, service: Service, now: datetime) -> None:
    if service.failed is not None:
        gauges.put("deployment_failed", 1, service=service.name, revision=service.failed.revision)
    one = service.deploying
    if one is not None and one.created is not None:
        gauges.put("deployment_seconds", max(0.0, (now - one.created).total_seconds()), service=service.name)


def _around(gauges: Gauges, service: Service) -> None:
    name = service.name
    if service.health:
        gauges.put("targets_healthy", service.healthy, service=name)
        unhealthy = sum(one.unhealthy for one in service.health)
        if unhealthy:
            why = next((str(why) for one in service.health for why, _ in one.reasons), "no reason told")
            gauges.put("targets_unhealthy", unhealthy, service=name, why=str(SafeText(why, 120)))
        empty = sum(one.healthy == 0 for one in service.health)
        gauges.put("targetless", empty if service.desired else 0, service=name)
    if service.bounds is not None and service.bounds.beyond(service.desired):
        gauges.put("beyond_bounds", service.bounds.beyond(service.desired), service=name, bounds=service.bounds.words)
    gauges.put("cpu_ratio", service.cpu, service=name)
    gauges.put("memory_ratio", service.memory, service=name)
