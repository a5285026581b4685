"""What is known about an ECS cluster, its services and their tasks.

Only fields listed here leave an answer: environment, commands and labels of a task definition may hold secrets and are
never kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from probes.aws.alb.health import Health
from probes.aws.calls import Seat
from probes.base import SafeText

LOOP: Final = 3
"""Tasks that ended by themselves within `RECENT` that make a loop."""
RECENT: Final = 600.0
"""Seconds in which a stopped task counts as recent."""
_ENDED: Final = frozenset({"EssentialContainerExited", "TaskFailedToStart"})
"""Stop codes that mean: nobody asked for it
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html)."""
KILLED: Final = 137
"""128 + SIGKILL: what the kernel sends when a container's memory is used up, and ECS when a stop takes too long."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of a service: the newest is PRIMARY, those it replaces are ACTIVE until they have no task."""

    id: str
    status: str
    """PRIMARY, ACTIVE or INACTIVE."""
    revision: str
    """Task definition as family:revision."""
    rollout: str = ""
    """IN_PROGRESS, COMPLETED or FAILED; empty where ECS does not make the deployments."""
    reason: SafeText = SafeText()
    desired: int = 0
    running: int = 0
    pending: int = 0
    failed: int = 0
    """Tasks that did not start, since the last one that did."""
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a service's own log; the same words again and again are one."""

    id: str
    at: datetime
    said: SafeText
    times: int = 1
    steady: bool = False
    """It says that all is well."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Application Auto Scaling of a service's desired count."""

    least: int
    most: int
    suspended: tuple[str, ...] = ()
    """Of "in", "out", "scheduled": what it does not do for now."""
    policies: tuple[SafeText, ...] = ()
    """Read only while somebody looks."""

    @property
    def words(self) -> str:
        """Such as "2-10"."""
        return f"{self.least}-{self.most}"

    def beyond(self, desired: int) -> int:
        """How far a count lies outside."""
        return max(self.least - desired, desired - self.most, 0)


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where the output of a container goes: its awslogs options."""

    container: str
    group: str
    prefix: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a task definition."""

    name: str
    """family:revision."""
    family: str = ""
    number: int = 0
    status: str = ""
    images: tuple[SafeText, ...] = ()
    cpu: str = ""
    """CPU units, 1024 to a core; empty: not set for the task."""
    memory: str = ""
    """MiB; empty: not set for the task."""
    registered: datetime | None = None
    logs: tuple[LogPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """A container of a task."""

    name: SafeText
    status: str = ""
    exit_code: int | None = None
    reason: SafeText = SafeText()
    health: str = ""
    """HEALTHY, UNHEALTHY or UNKNOWN."""
    image: SafeText = SafeText()
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One task."""

    arn: str
    """Never used again for another."""
    id: str
    service: str = ""
    """Empty: it belongs to none."""
    status: str = ""
    """PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING or STOPPED."""
    wanted: str = ""
    """RUNNING or STOPPED: where it is going."""
    health: str = ""
    revision: str = ""
    started_by: str = ""
    """Id of the deployment that made it."""
    zone: str = ""
    ip: str = ""
    created: datetime | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    stop_code: str = ""
    reason: SafeText = SafeText()
    containers: tuple[Ran, ...] = ()
    exec_enabled: bool | None = None
    """ECS Exec was switched on when it started; None: not told."""

    @property
    def over(self) -> bool:
        """It has stopped, or is about to."""
        return self.status == "STOPPED" or self.wanted == "STOPPED"

    @property
    def by_itself(self) -> bool:
        """It ended although nobody asked for it, or never started."""
        return self.stop_code in _ENDED

    @property
    def out_of_memory(self) -> bool:
        """A container was killed for lack of memory, by its reason or, when nobody stopped it, by its exit code."""
        return any(
            "OutOfMemory" in str(one.reason) or (one.exit_code == KILLED and self.by_itself) for one in self.containers
        )

    @property
    def why(self) -> SafeText:
        """Why it stopped: ECS's reason, and each container's exit code and reason."""
        parts = [str(self.reason)] if self.reason else []
        for one in self.containers:
            code = "" if one.exit_code is None else f"exit code {one.exit_code}"
            killed = " (killed, likely out of memory)" if one.exit_code == KILLED and self.out_of_memory else ""
            words = ", ".join(part for part in (f"{code}{killed}", str(one.reason)) if part)
            if words and self.over:
                parts.append(f"{one.name}: {words}")
        return SafeText("; ".join(parts), 300)


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    arn: str
    name: str
    status: str = ""
    """ACTIVE, DRAINING or INACTIVE."""
    desired: int = 0
    running: int = 0
    pending: int = 0
    launch: str = ""
    """FARGATE, EC2, EXTERNAL, or the names of capacity providers."""
    strategy: str = ""
    """REPLICA or DAEMON."""
    controller: str = ""
    """ECS, CODE_DEPLOY or EXTERNAL: who makes its deployments."""
    revision: str = ""
    created: datetime | None = None
    deployments: tuple[Deployment, ...] = ()
    events: tuple[Event, ...] = ()
    breaker: bool = False
    """A deployment that fails is given up."""
    rolls_back: bool = False
    """And the one before it is taken again."""
    least_percent: int | None = None
    most_percent: int | None = None
    exec: bool = False
    """`execute-command` into its tasks is enabled."""
    groups: tuple[str, ...] = ()
    """ARNs of the target groups its tasks are put in."""
    read: float = 0.0
    """When it was described, monotonic seconds."""
    age: float = 0.0
    """Seconds since then, at the time of the reading."""
    health: tuple[Health, ...] | None = None
    """Of its target groups; None: not read."""
    bounds: Bounds | None = None
    """None: auto-scaling has nothing to do with it, or that is not known."""
    cpu: float | None = None
    """Share of what its tasks reserved."""
    memory: float | None = None
    images: tuple[SafeText, ...] = ()
    """Of its revision."""
    exits: int | None = None
    """Tasks that ended by themselves in the last ten minutes; None: not known."""
    ooms: int | None = None
    """Of these, killed for lack of memory."""
    last_stop: SafeText = SafeText()
    """Why the last of these ended."""

    @property
    def primary(self) -> Deployment | None:
        """The newest deployment."""
        return next((one for one in self.deployments if one.status == "PRIMARY"), None)

    @property
    def failed(self) -> Deployment | None:
        """A deployment that failed, while it is still listed."""
        return next((one for one in self.deployments if one.rollout == "FAILED"), None)

    @property
    def deploying(self) -> Deployment | None:
        """The newest deployment, while it is on its way."""
        one = self.primary
        return one if one is not None and (one.rollout == "IN_PROGRESS" or len(self.deployments) > 1) else None

    @property
    def short(self) -> int:
        """Tasks that should run and do not."""
        return max(0, self.desired - self.running) if self.status == "ACTIVE" else 0

    @property
    def healthy(self) -> int | None:
        """Healthy targets in all its groups; None when not known, or it has no group."""
        return sum(one.healthy for one in self.health) if self.health else None

    @property
    def targetless(self) -> bool:
        """A load balancer has nobody to send its callers to."""
        return any(one.healthy == 0 for one in self.health or ()) and self.desired > 0

    @property
    def looping(self) -> bool:
        """Its tasks stop again and again."""
        return (self.exits or 0) >= LOOP

    @property
    def trouble(self) -> tuple[int, ...]:
        """Sorts those in most trouble first."""
        down = self.desired > 0 and self.running == 0
        unwell = self.failed is not None or self.looping or self.targetless
        return (-down, -unwell, -(self.short > 0), -(self.deploying is not None), -bool(self.ooms))

    @property
    def fine(self) -> bool:
        """Nothing to say about it."""
        return not any(self.trouble) and self.status == "ACTIVE"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster itself."""

    arn: str
    name: SafeText
    status: str = ""
    """ACTIVE, PROVISIONING, DEPROVISIONING, FAILED or INACTIVE."""
    instances: int | None = None
    """Registered container instances; Fargate needs none."""
    running: int | None = None
    pending: int | None = None
    services: int | None = None


@dataclass(frozen=True, slots=True)
class EcsFacts:
    """One cluster, or some services of it."""

    seat: Seat
    cluster: Cluster
    services: tuple[Service, ...] = ()
    """Those in most trouble first."""
    absent: tuple[SafeText, ...] = ()
    """Services the profile names that the cluster does not have."""
    known: int = 0
    """Services there are, those not read yet included."""
    tasks: tuple[Task, ...] = ()
    """Those that stopped first, then those that run; running ones are read seldom while nobody looks."""
    tasks_age: float | None = None
    """Seconds since the running tasks were read."""
    revisions: tuple[Revision, ...] = field(default=(), repr=False)
    """Task definitions that are in use, as far as read."""
