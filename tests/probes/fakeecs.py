"""A made-up ECS of any size, for what no emulator shows: thousands of services, failed deployments, lost rights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from probes.aws.account import Account, account_of
from probes.aws.budget import Bucket
from probes.aws.settings import AwsSettings
from probes.base import Context
from tests.probes.awsfake import ACCOUNT, Answer, FakeAws, fake_aws
from tests.probes.rigs import TestSecrets
from tests.toys import StillClock

REGION = "eu-west-1"
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
"""When the still clock of the tests stands."""
_ARN = f"arn:aws:ecs:{REGION}:123456789012"


def arn(what: str) -> str:
    """An ARN of the made-up cluster."""
    return f"{_ARN}:{what}"


def deployment(
    id: str = "1", revision: str = "api:41", status: str = "PRIMARY", rollout: str = "COMPLETED", **more: Any
) -> dict[str, Any]:
    """One deployment."""
    return {
        "id": f"ecs-svc/{id}",
        "status": status,
        "taskDefinition": arn(f"task-definition/{revision}"),
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "failedTasks": 0,
        "rolloutState": rollout,
        "createdAt": NOW.timestamp() - 3600,
        "updatedAt": NOW.timestamp() - 3000,
    } | more


def service(name: str = "api", **more: Any) -> dict[str, Any]:
    """One service that is well."""
    return {
        "serviceArn": arn(f"service/shop/{name}"),
        "serviceName": name,
        "clusterArn": arn("cluster/shop"),
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "launchType": "FARGATE",
        "schedulingStrategy": "REPLICA",
        "taskDefinition": arn("task-definition/api:41"),
        "createdAt": NOW.timestamp() - 86400,
        "deployments": [deployment()],
        "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200},
        "events": [event("has reached a steady state.", name)],
    } | more


def event(said: str, name: str = "api", ago: float = 60.0, id: str = "e") -> dict[str, Any]:
    """One line of a service's log."""
    return {"id": f"{id}-{ago}", "createdAt": NOW.timestamp() - ago, "message": f"(service {name}) {said}"}


def task(number: int = 1, name: str = "api", **more: Any) -> dict[str, Any]:
    """One task that runs."""
    id = f"{number:032x}"
    return {
        "taskArn": arn(f"task/shop/{id}"),
        "clusterArn": arn("cluster/shop"),
        "group": f"service:{name}",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "healthStatus": "HEALTHY",
        "taskDefinitionArn": arn("task-definition/api:41"),
        "startedBy": "ecs-svc/1",
        "availabilityZone": f"{REGION}a",
        "createdAt": NOW.timestamp() - 600,
        "startedAt": NOW.timestamp() - 590,
        "attachments": [{"details": [{"name": "privateIPv4Address", "value": "10.0.0.7"}]}],
        "containers": [{"name": "api", "lastStatus": "RUNNING", "image": "shop/api:41"}],
    } | more


def stopped(number: int, ago: float = 30.0, code: int = 1, reason: str = "", **more: Any) -> dict[str, Any]:
    """One task that ended by itself."""
    ended = {"name": "api", "lastStatus": "STOPPED", "exitCode": code} | ({"reason": reason} if reason else {})
    return (
        task(number)
        | {
            "lastStatus": "STOPPED",
            "desiredStatus": "STOPPED",
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "stoppedAt": NOW.timestamp() - ago,
            "containers": [ended],
        }
        | more
    )


def definition(revision: str, status: str = "ACTIVE", image: str = "") -> dict[str, Any]:
    """A task definition, with a secret in it."""
    family, _, number = revision.partition(":")
    return {
        "taskDefinitionArn": arn(f"task-definition/{revision}"),
        "family": family,
        "revision": int(number),
        "status": status,
        "registeredAt": NOW.timestamp() - 86400,
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "api",
                "image": image or f"shop/{family}:{number}",
                "environment": [{"name": "DATABASE_PASSWORD", "value": "a-test-password"}],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": "/ecs/api", "awslogs-region": REGION, "awslogs-stream-prefix": "api"},
                },
            }
        ],
    }


class Clock(StillClock):
    """Stands until a test moves it; both times go together."""

    def __init__(self) -> None:
        super().__init__()
        self.wall = NOW

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


@dataclass
class Place:
    """A made-up AWS whose clients are made once for many tests: that is what takes time."""

    aws: FakeAws
    clock: Clock
    context: Context
    account: Account

    def fresh(self) -> FakeEcs:
        """Nothing was asked, nothing is there, and nobody was throttled."""
        self.clock.__init__()  # type: ignore[misc]
        self.aws.asked.clear()
        self.aws.answers.clear()
        self.aws.account, self.aws.cut = ACCOUNT, False
        self.account.bucket = Bucket(self.clock.monotonic)
        self.account._whose = None
        return FakeEcs(self.aws)

    def settings(self, **more: Any) -> dict[str, Any]:
        """Settings of a target that is there."""
        return _keys(self.aws.url) | {"cluster": "shop"} | more


@contextmanager
def place() -> Iterator[Place]:
    """One that runs until the end of the block."""
    with fake_aws() as aws:
        clock = Clock()
        context = Context(TestSecrets(), clock.monotonic, clock.now)
        yield Place(aws, clock, context, account_of(AwsSettings.model_validate(_keys(aws.url)), context))


def _keys(url: str) -> dict[str, Any]:
    return {"endpoint": url, "region": REGION, "key_id": "env:KEY", "secret_key": "env:KEY"}


@dataclass
class FakeEcs:
    """A cluster behind a `FakeAws`. Change its lists at any time."""

    aws: FakeAws
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Scalable targets by service."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """Service deployments, newest first."""
    revisions: dict[str, str] = field(default_factory=dict)
    """ARN of a service revision -> family:revision."""

    def __post_init__(self) -> None:
        self.aws.answers |= {
            "DescribeClusters": self._clusters,
            "ListServices": self._list_services,
            "DescribeServices": self._describe_services,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "DescribeTaskDefinition": self._definition,
            "ListTaskDefinitions": lambda asked: (200, {"taskDefinitionArns": self._arns(asked)}),
            "DescribeScalableTargets": self._scalable,
            "DescribeScalingPolicies": lambda asked: (200, {"ScalingPolicies": []}),
            "ListServiceDeployments": lambda asked: (200, {"serviceDeployments": self.history}),
            "DescribeServiceRevisions": self._revisions,
            "UpdateService": self._update,
        }

    def put(self, *rows: Mapping[str, Any]) -> None:
        """Services, or tasks, as they are now."""
        for row in rows:
            if "serviceName" in row:
                self.services[str(row["serviceName"])] = dict(row)
            else:
                self.tasks[str(row["taskArn"])] = dict(row)

    def define(self, *revisions: str, **more: str) -> None:
        """Task definitions."""
        self.definitions |= {one: definition(one, **more) for one in revisions}

    def _clusters(self, asked: Mapping[str, Any]) -> Answer:
        row = {"clusterArn": arn("cluster/shop"), "clusterName": "shop", "status": "ACTIVE", "runningTasksCount": 2}
        there = asked["clusters"] == ["shop"]
        return 200, {"clusters": [row] if there else [], "failures": [] if there else [{"reason": "MISSING"}]}

    def _list_services(self, asked: Mapping[str, Any]) -> Answer:
        return _page([arn(f"service/shop/{name}") for name in self.services], asked, "serviceArns", 10)

    def _describe_services(self, asked: Mapping[str, Any]) -> Answer:
        assert len(asked["services"]) <= 10, "ECS describes ten at most"
        names = [one.rpartition("/")[2] for one in asked["services"]]
        gone = [
            {"arn": arn(f"service/shop/{name}"), "reason": "MISSING"} for name in names if name not in self.services
        ]
        return 200, {"services": [self.services[name] for name in names if name in self.services], "failures": gone}

    def _list_tasks(self, asked: Mapping[str, Any]) -> Answer:
        name = asked.get("serviceName")
        if name is not None and name not in self.services:
            return 400, {"__type": "ServiceNotFoundException", "message": "Service not found."}
        status = asked.get("desiredStatus", "RUNNING")
        found = [
            one["taskArn"] for one in self.tasks.values()
            if one["desiredStatus"] == status and (name is None or one["group"] == f"service:{name}")
        ]  # fmt: skip
        return _page(found, asked, "taskArns", 100)

    def _describe_tasks(self, asked: Mapping[str, Any]) -> Answer:
        assert len(asked["tasks"]) <= 100, "ECS describes a hundred at most"
        by_id = {key.rpartition("/")[2]: one for key, one in self.tasks.items()}
        found = [by_id[id] for one in asked["tasks"] if (id := one.rpartition("/")[2]) in by_id]
        return 200, {"tasks": found, "failures": []}

    def _definition(self, asked: Mapping[str, Any]) -> Answer:
        found = self.definitions.get(asked["taskDefinition"].rpartition("/")[2])
        if found is None:
            return 400, {"__type": "ClientException", "message": "Unable to describe task definition."}
        return 200, {"taskDefinition": found}

    def _arns(self, asked: Mapping[str, Any]) -> list[str]:
        names = [name for name, one in self.definitions.items() if one["status"] == asked["status"]]
        return [arn(f"task-definition/{name}") for name in names]

    def _scalable(self, asked: Mapping[str, Any]) -> Answer:
        wanted = asked.get("ResourceIds")
        rows = [
            {"ServiceNamespace": "ecs", "ResourceId": f"service/shop/{name}", **one}
            for name, one in self.targets.items()
            if wanted is None or f"service/shop/{name}" in wanted
        ]
        return 200, {"ScalableTargets": rows}

    def _revisions(self, asked: Mapping[str, Any]) -> Answer:
        rows = [
            {"serviceRevisionArn": one, "taskDefinition": arn(f"task-definition/{self.revisions[one]}")}
            for one in asked["serviceRevisionArns"]
        ]
        return 200, {"serviceRevisions": rows}

    def _update(self, asked: Mapping[str, Any]) -> Answer:
        name = asked["service"].rpartition("/")[2]
        row = self.services[name]
        if "desiredCount" in asked:
            row["desiredCount"] = asked["desiredCount"]
        if "taskDefinition" in asked or asked.get("forceNewDeployment"):
            revision = asked.get("taskDefinition", row["taskDefinition"]).rpartition("/")[2]
            old = [one | {"status": "ACTIVE"} for one in row["deployments"]]
            fresh = deployment("2", revision, rollout="IN_PROGRESS", runningCount=0, createdAt=NOW.timestamp())
            row["deployments"] = [fresh, *old]
            row["taskDefinition"] = arn(f"task-definition/{revision}")
        return 200, {"service": row}


def _page(arns: list[str], asked: Mapping[str, Any], where: str, usual: int) -> Answer:
    start, size = int(asked.get("nextToken", 0)), min(100, asked.get("maxResults", usual))
    more = {"nextToken": str(start + size)} if start + size < len(arns) else {}
    return 200, {where: arns[start : start + size], **more}
