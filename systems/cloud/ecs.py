"""A simulated ECS cluster: services whose deployments roll, and tasks in which a world runs what it likes.

`step` does what ECS's scheduler does, and must be called a few times a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from systems.cloud.account import REGION, arn, new_id, now
from systems.cloud.wire import Refusal

STARTS: Final = 1.0
"""Seconds a task takes from the decision until it runs."""
STOPS: Final = 0.6
"""Seconds it takes to end."""
_KEPT: Final = 120
"""Stopped tasks that are still told of."""


class Body(Protocol):
    """What a world runs in a task."""

    @property
    def well(self) -> bool:
        """Does it answer its health check?"""

    def end(self) -> None:
        """It is stopped."""


class Runtime(Protocol):
    """Where tasks get their bodies."""

    def __call__(self, task: Task) -> Body:
        """Begin what a task runs."""


@dataclass
class Task:
    """One task."""

    service: str
    revision: str
    """family:number."""
    deployment: str
    zone: str
    ip: str
    id: str = field(default_factory=new_id)
    created: datetime = field(default_factory=now)
    at: float = field(default_factory=time.monotonic)
    """When its present state began, monotonic seconds."""
    state: str = "PENDING"
    wanted: str = "RUNNING"
    body: Body | None = None
    started: datetime | None = None
    stopped: datetime | None = None
    code: str = ""
    reason: str = ""
    exit: int | None = None

    @property
    def well(self) -> bool:
        """It runs, and answers its health check."""
        return self.state == "RUNNING" and self.body is not None and self.body.well


@dataclass
class Deployment:
    """One deployment of a service."""

    revision: str
    desired: int
    id: str = field(default_factory=lambda: f"ecs-svc/{int(new_id()[:15], 16)}")
    status: str = "PRIMARY"
    rollout: str = "IN_PROGRESS"
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    finished: datetime | None = None


@dataclass
class Service:
    """One service."""

    name: str
    desired: int
    group: str = ""
    """ARN of its target group."""
    least: int = 1
    most: int = 10
    """Bounds of auto-scaling."""
    created: datetime = field(default_factory=now)
    deployments: list[Deployment] = field(default_factory=list)
    """The newest first."""
    past: list[Deployment] = field(default_factory=list)
    """All there were, the newest first."""
    events: deque[tuple[datetime, str]] = field(default_factory=lambda: deque(maxlen=100))
    """The newest first."""

    def say(self, words: str) -> None:
        """A line of its log."""
        self.events.appendleft((now(), f"(service {self.name}) {words}"))


@dataclass(frozen=True)
class Definition:
    """One revision of a task definition."""

    family: str
    number: int
    image: str
    container: str
    log_group: str
    registered: datetime = field(default_factory=now)
    cpu: int = 512
    memory: int = 1024

    @property
    def name(self) -> str:
        """family:number."""
        return f"{self.family}:{self.number}"


class Cluster:
    """ecs and application-autoscaling, for one cluster."""

    def __init__(self, name: str, runtime: Runtime) -> None:
        self.name = name
        self.services: dict[str, Service] = {}
        self.definitions: dict[str, Definition] = {}
        self.tasks: dict[str, Task] = {}
        """By id, the oldest first."""
        self._runtime = runtime
        self._made = 0

    # what a world arranges

    def define(self, definition: Definition) -> None:
        """A revision that can be deployed."""
        self.definitions[definition.name] = definition

    def deploy(self, service: Service, revision: str) -> Deployment:
        """Begin a deployment."""
        for one in service.deployments:
            one.status = "ACTIVE"
        fresh = Deployment(revision, service.desired)
        service.deployments.insert(0, fresh)
        service.past.insert(0, fresh)
        service.say(f"(deployment {fresh.id}) deployment started.")
        return fresh

    def running(self, service: str) -> list[Task]:
        """Its tasks that run."""
        return [one for one in self.tasks.values() if one.service == service and one.state == "RUNNING"]

    def step(self) -> None:
        """What the scheduler does: begin, end and replace tasks, and finish deployments."""
        moment = time.monotonic()
        for task in list(self.tasks.values()):
            self._advance(task, moment)
        for service in self.services.values():
            self._schedule(service)
        over = [one.id for one in self.tasks.values() if one.state == "STOPPED"]
        for id in over[:-_KEPT]:
            del self.tasks[id]

    def end(self, task: Task, code: str, reason: str, exit: int | None = None) -> None:
        """Stop a task."""
        if task.wanted != "STOPPED":
            task.wanted, task.code, task.reason, task.exit = "STOPPED", code, reason, exit
            task.at = time.monotonic()

    def _advance(self, task: Task, moment: float) -> None:
        if task.wanted == "STOPPED":
            if task.state != "STOPPED" and moment - task.at >= STOPS:
                task.state, task.stopped = "STOPPED", now()
                if task.body is not None:
                    task.body.end()
        elif task.state == "PENDING" and moment - task.at >= STARTS:
            task.state, task.started, task.at = "RUNNING", now(), moment
            task.body = self._runtime(task)

    def _schedule(self, service: Service) -> None:
        primary = service.deployments[0]
        primary.desired = service.desired
        mine = [one for one in self._alive(service) if one.deployment == primary.id]
        for _ in range(service.desired - len(mine)):
            self._begin(service, primary)
        for task in mine[service.desired :]:
            self.end(task, "ServiceSchedulerInitiated", f"Scaling activity initiated by ({primary.id})", 0)
        old = [one for one in self._alive(service) if one.deployment != primary.id]
        if sum(one.well for one in mine) < service.desired or len(mine) > service.desired:
            return
        for task in old:
            self.end(task, "ServiceSchedulerInitiated", f"Scaling activity initiated by ({primary.id})", 0)
        if primary.rollout == "IN_PROGRESS" and not old:
            primary.rollout, primary.updated, primary.finished = "COMPLETED", now(), now()
            del service.deployments[1:]
            service.say(f"(deployment {primary.id}) deployment completed.")
            service.say("has reached a steady state.")

    def _alive(self, service: Service) -> list[Task]:
        return [one for one in self.tasks.values() if one.service == service.name and one.wanted == "RUNNING"]

    def _begin(self, service: Service, deployment: Deployment) -> None:
        self._made += 1
        zone = f"{REGION}{'abc'[self._made % 3]}"
        task = Task(
            service.name, deployment.revision, deployment.id, zone, f"10.0.{self._made % 3}.{20 + self._made % 200}"
        )
        self.tasks[task.id] = task
        service.say(f"has started 1 tasks: (task {task.id}).")

    # ecs

    def describe_clusters(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The one cluster."""
        if self.name not in [_last(one) for one in asked.get("clusters", [])]:
            return {
                "clusters": [],
                "failures": [{"arn": one, "reason": "MISSING"} for one in asked.get("clusters", [])],
            }
        states = [one.state for one in self.tasks.values()]
        row = {
            "clusterArn": arn("ecs", f"cluster/{self.name}"), "clusterName": self.name, "status": "ACTIVE",
            "registeredContainerInstancesCount": 0, "runningTasksCount": states.count("RUNNING"),
            "pendingTasksCount": states.count("PENDING"), "activeServicesCount": len(self.services),
        }  # fmt: skip
        return {"clusters": [row], "failures": []}

    def list_services(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Names of the services."""
        self._here(asked)
        return {"serviceArns": [self._arn("service", name) for name in self.services]}

    def describe_services(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The services as they are."""
        self._here(asked)
        names = [_last(one) for one in asked.get("services", [])]
        missing = [{"arn": self._arn("service", one), "reason": "MISSING"} for one in names if one not in self.services]
        return {
            "services": [self._told(self.services[one]) for one in names if one in self.services],
            "failures": missing,
        }

    def update_service(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Another count, another revision, or the same anew."""
        self._here(asked)
        service = self._service(asked.get("service", ""))
        revision = _last(asked.get("taskDefinition", ""))
        if revision and revision not in self.definitions:
            raise Refusal("ClientException", "Unable to describe task definition.")
        if "desiredCount" in asked:
            service.desired = int(asked["desiredCount"])
        if revision or asked.get("forceNewDeployment"):
            self.deploy(service, revision or service.deployments[0].revision)
        return {"service": self._told(service)}

    def list_tasks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """ARNs of tasks."""
        self._here(asked)
        name = asked.get("serviceName")
        if name is not None:
            self._service(name)
        wanted = asked.get("desiredStatus", "RUNNING")
        found = [one for one in self.tasks.values() if one.wanted == wanted and name in (None, one.service)]
        return {"taskArns": [self._arn("task", one.id) for one in found]}

    def describe_tasks(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Tasks as they are."""
        self._here(asked)
        ids = [_last(one) for one in asked.get("tasks", [])]
        missing = [{"arn": self._arn("task", one), "reason": "MISSING"} for one in ids if one not in self.tasks]
        return {"tasks": [self._task(self.tasks[one]) for one in ids if one in self.tasks], "failures": missing}

    def stop_task(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """End one task; its service begins another one."""
        self._here(asked)
        task = self.tasks.get(_last(asked.get("task", "")))
        if task is None:
            raise Refusal("InvalidParameterException", "The referenced task was not found.")
        self.end(task, "UserInitiated", asked.get("reason") or "Task stopped by user", 143)
        return {"task": self._task(task)}

    def describe_task_definition(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One revision."""
        found = self.definitions.get(_last(asked.get("taskDefinition", "")))
        if found is None:
            raise Refusal("ClientException", "Unable to describe task definition.")
        logs = {"awslogs-group": found.log_group, "awslogs-region": REGION, "awslogs-stream-prefix": found.container}
        container = {
            "name": found.container, "image": found.image, "essential": True,
            "logConfiguration": {"logDriver": "awslogs", "options": logs},
        }  # fmt: skip
        row = {
            "taskDefinitionArn": arn("ecs", f"task-definition/{found.name}"), "family": found.family,
            "revision": found.number, "status": "ACTIVE", "registeredAt": found.registered, "cpu": str(found.cpu),
            "memory": str(found.memory), "networkMode": "awsvpc", "containerDefinitions": [container],
        }  # fmt: skip
        return {"taskDefinition": row}

    def list_task_definitions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Revisions of a family."""
        family = asked.get("familyPrefix")
        found = [one for one in self.definitions.values() if family in (None, one.family)]
        found.sort(key=lambda one: one.number, reverse=asked.get("sort") == "DESC")
        return {"taskDefinitionArns": [arn("ecs", f"task-definition/{one.name}") for one in found]}

    def list_service_deployments(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What was deployed, the newest first."""
        self._here(asked)
        service = self._service(asked.get("service", ""))
        rows = [
            {
                "serviceDeploymentArn": self._arn("service-deployment", one.id.rpartition("/")[2]),
                "serviceArn": self._arn("service", service.name), "startedAt": one.created, "createdAt": one.created,
                "finishedAt": one.finished, "status": "SUCCESSFUL" if one.finished else "IN_PROGRESS",
                "targetServiceRevisionArn": _revision_arn(one),
            }
            for one in service.past[: int(asked.get("maxResults") or 20)]
        ]  # fmt: skip
        return {"serviceDeployments": rows}

    def describe_service_revisions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Which task definition each of them is."""
        known = {_revision_arn(one): one for service in self.services.values() for one in service.past}
        rows = [
            {"serviceRevisionArn": one, "taskDefinition": arn("ecs", f"task-definition/{known[one].revision}")}
            for one in asked.get("serviceRevisionArns", [])
            if one in known
        ]
        return {"serviceRevisions": rows}

    # application-autoscaling

    def describe_scalable_targets(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Bounds of the services."""
        wanted: Sequence[str] = asked.get("ResourceIds", ())
        return {"ScalableTargets": [row for row in self._bounds() if not wanted or row["ResourceId"] in wanted]}

    def describe_scaling_policies(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """There is none: what is scaled is scaled by hand."""
        return {"ScalingPolicies": []}

    def register_scalable_target(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Other bounds."""
        service = self._service(asked["ResourceId"])
        service.least = int(asked.get("MinCapacity", service.least))
        service.most = int(asked.get("MaxCapacity", service.most))
        return {}

    def _bounds(self) -> Iterable[dict[str, Any]]:
        for service in self.services.values():
            yield {
                "ServiceNamespace": "ecs", "ResourceId": f"service/{self.name}/{service.name}",
                "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": service.least,
                "MaxCapacity": service.most, "CreationTime": service.created,
                "RoleARN": f"arn:aws:iam::{arn('x', '').split(':')[4]}:role/autoscaling",
            }  # fmt: skip

    def _here(self, asked: Mapping[str, Any]) -> None:
        if _last(asked.get("cluster", "default")) != self.name:
            raise Refusal("ClusterNotFoundException", "Cluster not found.")

    def _service(self, name: str) -> Service:
        found = self.services.get(_last(name))
        if found is None:
            raise Refusal("ServiceNotFoundException", "Service not found.")
        return found

    def _arn(self, kind: str, id: str) -> str:
        return arn("ecs", f"{kind}/{self.name}/{id}")

    def _told(self, service: Service) -> dict[str, Any]:
        alive = self._alive(service)
        states = [one.state for one in alive]
        events = [
            {"id": str(number), "createdAt": at, "message": said} for number, (at, said) in enumerate(service.events)
        ]
        return {
            "serviceArn": self._arn("service", service.name), "serviceName": service.name,
            "clusterArn": arn("ecs", f"cluster/{self.name}"), "status": "ACTIVE", "desiredCount": service.desired,
            "runningCount": states.count("RUNNING"), "pendingCount": states.count("PENDING"), "launchType": "FARGATE",
            "schedulingStrategy": "REPLICA", "createdAt": service.created, "enableExecuteCommand": False,
            "taskDefinition": arn("ecs", f"task-definition/{service.deployments[0].revision}"),
            "deployments": [self._deployment(one, alive) for one in service.deployments], "events": events,
            "deploymentController": {"type": "ECS"},
            "deploymentConfiguration": {
                "minimumHealthyPercent": 100, "maximumPercent": 200,
                "deploymentCircuitBreaker": {"enable": False, "rollback": False},
            },
            "loadBalancers": [{"targetGroupArn": service.group, "containerName": "backend", "containerPort": 8000}]
            if service.group
            else [],
        }  # fmt: skip

    def _deployment(self, one: Deployment, alive: Sequence[Task]) -> dict[str, Any]:
        states = [task.state for task in alive if task.deployment == one.id]
        return {
            "id": one.id, "status": one.status, "taskDefinition": arn("ecs", f"task-definition/{one.revision}"),
            "desiredCount": one.desired if one.status == "PRIMARY" else 0, "runningCount": states.count("RUNNING"),
            "pendingCount": states.count("PENDING"), "failedTasks": 0, "createdAt": one.created,
            "updatedAt": one.updated, "rolloutState": one.rollout, "launchType": "FARGATE",
            "rolloutStateReason": f"ECS deployment {one.id} {one.rollout.lower().replace('_', ' ')}.",
        }  # fmt: skip

    def _task(self, one: Task) -> dict[str, Any]:
        definition = self.definitions[one.revision]
        health = "UNKNOWN" if one.state != "RUNNING" else "HEALTHY" if one.well else "UNHEALTHY"
        state = "DEACTIVATING" if one.wanted == "STOPPED" and one.state != "STOPPED" else one.state
        container = {
            "name": definition.container, "lastStatus": one.state, "image": definition.image, "healthStatus": health,
            "networkInterfaces": [{"privateIpv4Address": one.ip}],
            "exitCode": one.exit if one.state == "STOPPED" else None,
        }  # fmt: skip
        return {
            "taskArn": self._arn("task", one.id), "clusterArn": arn("ecs", f"cluster/{self.name}"),
            "group": f"service:{one.service}", "lastStatus": state, "desiredStatus": one.wanted,
            "healthStatus": health, "taskDefinitionArn": arn("ecs", f"task-definition/{one.revision}"),
            "startedBy": one.deployment, "availabilityZone": one.zone, "createdAt": one.created,
            "startedAt": one.started, "stoppedAt": one.stopped, "launchType": "FARGATE",
            "stopCode": one.code or None, "stoppedReason": one.reason or None, "enableExecuteCommand": False,
            "containers": [container],
        }  # fmt: skip


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _revision_arn(one: Deployment) -> str:
    return arn("ecs", f"service-revision/{one.id.rpartition('/')[2]}")
