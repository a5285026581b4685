"""An account of AWS with very many ECS services or SQS queues, in the services' own protocols.

JSON as in the API references of ECS, SQS, CloudWatch and Application Auto Scaling, query XML for STS and Elastic Load
Balancing. Pages are as long as the services allow, and no longer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from bench.fakes.server import Reply, Request

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
CLUSTER: Final = "shop"
EVENTS: Final = 100
"""Events ECS gives of a service
(https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html)."""
_ARN: Final = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
_GROUP: Final = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup"
Doc = dict[str, Any]


class Refused(Exception):
    """The service says no: its own word for why."""


def page(items: Sequence[Any], asked: Mapping[str, Any], most: int, usual: int) -> tuple[list[Any], Doc]:
    """(one page, what brings the next), by maxResults and nextToken, in either spelling."""
    given = {name[0].lower() + name[1:]: value for name, value in asked.items()}
    size = int(given.get("maxResults", usual))
    if not 1 <= size <= most:
        raise Refused("InvalidParameterException")
    begin = int(given.get("nextToken", 0))
    left = begin + size < len(items)
    return list(items[begin : begin + size]), {"nextToken": str(begin + size)} if left else {}


def _capital(more: Doc) -> Doc:
    """The same under the name that other services give it."""
    return {name[0].upper() + name[1:]: value for name, value in more.items()}


class Services:
    """An ECS cluster. Of a hundred services one has too few tasks, one is deploying, one has none."""

    def __init__(self, count: int, now: Callable[[], float] = time.time) -> None:
        self.count = count
        self._now = now
        self.names = [f"service-{number:04d}" for number in range(count)]
        self._numbers = {name: number for number, name in enumerate(self.names)}
        self._running = [f"{_ARN}:task/{CLUSTER}/{number:032x}" for number in range(2 * count)]
        self._stopped = [f"{_ARN}:task/{CLUSTER}/{number:032x}" for number in range(1 << 32, (1 << 32) + count // 50)]

    def answers(self) -> dict[str, Callable[[Doc], Doc]]:
        """What it can be asked."""
        return {
            "DescribeClusters": self._cluster,
            "ListServices": self._list,
            "DescribeServices": self._describe,
            "ListTasks": self._tasks,
            "DescribeTasks": self._described,
            "DescribeTaskDefinition": self._definition,
            "DescribeScalableTargets": self._targets,
            "DescribeScalingPolicies": lambda _: {"ScalingPolicies": []},
        }

    def _cluster(self, _: Doc) -> Doc:
        one = {"clusterArn": f"{_ARN}:cluster/{CLUSTER}", "clusterName": CLUSTER, "status": "ACTIVE",
               "registeredContainerInstancesCount": 0, "runningTasksCount": len(self._running), "pendingTasksCount": 0,
               "activeServicesCount": self.count}  # fmt: skip
        return {"clusters": [one], "failures": []}

    def _list(self, asked: Doc) -> Doc:
        found, more = page(self.names, asked, most=100, usual=10)
        return {"serviceArns": [f"{_ARN}:service/{CLUSTER}/{name}" for name in found], **more}

    def _describe(self, asked: Doc) -> Doc:
        names = [str(name).rpartition("/")[2] for name in asked.get("services", ())]
        if not 1 <= len(names) <= 10:
            raise Refused("InvalidParameterException")
        there = [self.service(self._numbers[name]) for name in names if name in self._numbers]
        gone = [name for name in names if name not in self._numbers]
        failures = [{"arn": f"{_ARN}:service/{CLUSTER}/{name}", "reason": "MISSING"} for name in gone]
        return {"services": there, "failures": failures}

    def service(self, number: int) -> Doc:
        """One service, with as many events as ECS keeps."""
        name, now = self.names[number], self._now()
        desired, revision = 2, f"{_ARN}:task-definition/{name}:41"
        running = {7: 1, 57: 0}.get(number % 100, desired)
        newest = self._deployment(number, "PRIMARY", f"{revision}", running)
        older = [self._deployment(number, "ACTIVE", revision[:-1] + "0", 1)] if number % 100 == 31 else []
        said = f"(service {name}) has reached a steady state."
        return {
            "serviceArn": f"{_ARN}:service/{CLUSTER}/{name}", "serviceName": name,
            "clusterArn": f"{_ARN}:cluster/{CLUSTER}", "status": "ACTIVE", "desiredCount": desired,
            "runningCount": running, "pendingCount": desired - running, "launchType": "FARGATE",
            "platformVersion": "LATEST", "schedulingStrategy": "REPLICA", "taskDefinition": revision,
            "createdAt": now - 9e6, "deployments": [newest, *older],
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True},
                                        "minimumHealthyPercent": 100, "maximumPercent": 200},
            "loadBalancers": [{"targetGroupArn": f"{_GROUP}/{name}/0123456789abcdef", "containerName": "app",
                               "containerPort": 8080}],
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d", "subnet-1a2b3c4d"],
                                     "securityGroups": ["sg-0a1b2c3d"], "assignPublicIp": "DISABLED"}},
            "events": [
                {"id": f"{number:08x}-0000-4000-8000-{event:012x}", "createdAt": now - 21_600 * event, "message": said}
                for event in range(EVENTS)
            ],
            "enableExecuteCommand": False, "propagateTags": "NONE",
        }  # fmt: skip

    def _deployment(self, number: int, status: str, revision: str, running: int) -> Doc:
        now = self._now()
        return {
            "id": f"ecs-svc/{number:019d}", "status": status, "taskDefinition": revision, "desiredCount": 2,
            "runningCount": running, "pendingCount": 2 - running, "failedTasks": 0, "launchType": "FARGATE",
            "rolloutState": "IN_PROGRESS" if number % 100 == 31 else "COMPLETED", "createdAt": now - 9000,
            "updatedAt": now - 8000, "rolloutStateReason": "ECS deployment completed.",
        }  # fmt: skip

    def _tasks(self, asked: Doc) -> Doc:
        all_ = self._stopped if asked.get("desiredStatus") == "STOPPED" else self._running
        found, more = page(all_, asked, most=100, usual=100)
        return {"taskArns": found, **more}

    def _described(self, asked: Doc) -> Doc:
        return {"tasks": [self._task(str(arn)) for arn in asked.get("tasks", ())[:100]], "failures": []}

    def _task(self, arn: str) -> Doc:
        number, now = int(arn.rpartition("/")[2], 16), self._now()
        over = number >= 1 << 32
        name = self.names[number % (1 << 32) // 2 % self.count]
        image = {"image": f"registry.example/{name}:41", "imageDigest": "sha256:" + "5c" * 32}
        ended = {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"} if over else {}
        stop = {"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
                "stoppedAt": now - 1800} if over else {}  # fmt: skip
        status = "STOPPED" if over else "RUNNING"
        return {
            "taskArn": arn, "clusterArn": f"{_ARN}:cluster/{CLUSTER}", "group": f"service:{name}",
            "lastStatus": status, "desiredStatus": status, "healthStatus": "HEALTHY", "startedBy": "ecs-svc/1",
            "taskDefinitionArn": f"{_ARN}:task-definition/{name}:41", "availabilityZone": f"{REGION}a",
            "createdAt": now - 7200, "startedAt": now - 7190, "cpu": "256", "memory": "512", "launchType": "FARGATE",
            "attachments": [{"id": "1", "type": "ElasticNetworkInterface", "status": "ATTACHED", "details": [
                {"name": "privateIPv4Address", "value": f"10.0.{number // 256 % 256}.{number % 256}"}]}],
            "containers": [{"name": "app", "lastStatus": status, "healthStatus": "HEALTHY", **image, **ended}],
            **stop,
        }  # fmt: skip

    def _definition(self, asked: Doc) -> Doc:
        name = str(asked.get("taskDefinition", "")).rpartition("/")[2]
        family, _, revision = name.partition(":")
        box = {"name": "app", "image": f"registry.example/{family}:{revision or 41}", "essential": True}
        one = {"taskDefinitionArn": f"{_ARN}:task-definition/{name}", "family": family, "revision": int(revision or 41),
               "status": "ACTIVE", "cpu": "256", "memory": "512", "containerDefinitions": [box]}  # fmt: skip
        return {"taskDefinition": one}

    def _targets(self, asked: Doc) -> Doc:
        names = [str(one).rpartition("/")[2] for one in asked.get("ResourceIds", ())] or self.names
        found, more = page(names, asked, most=50, usual=50)
        rows = [
            {"ServiceNamespace": "ecs", "ResourceId": f"service/{CLUSTER}/{name}", "MinCapacity": 2, "MaxCapacity": 10,
             "ScalableDimension": "ecs:service:DesiredCount", "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/scaling",
             "CreationTime": self._now() - 9e6}
            for name in found
        ]  # fmt: skip
        return {"ScalableTargets": rows} | _capital(more)


class Queues:
    """Queues of SQS. Of a hundred three have messages, and one of these has dead ones."""

    def __init__(self, count: int, now: Callable[[], float] = time.time) -> None:
        self.count = count
        self._now = now
        self._base = ""
        self.names = [f"queue-{number // 2:04d}{'-dead' if number % 2 else ''}" for number in range(count)]
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def answers(self) -> dict[str, Callable[[Doc], Doc]]:
        """What it can be asked."""
        return {
            "ListQueues": self._list,
            "GetQueueUrl": lambda asked: {"QueueUrl": self._url(self._known(str(asked.get("QueueName"))))},
            "GetQueueAttributes": self._attributes,
            "ListDeadLetterSourceQueues": self._sources,
            "ListMessageMoveTasks": lambda _: {"Results": []},
        }

    def _url(self, name: str) -> str:
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"

    def _known(self, url: str) -> str:
        name = url.rpartition("/")[2]
        if name not in self._numbers:
            raise Refused("QueueDoesNotExist")
        return name

    def _list(self, asked: Doc) -> Doc:
        prefix = str(asked.get("QueueNamePrefix", ""))
        names = [name for name in self.names if name.startswith(prefix)]
        if "MaxResults" not in asked:
            return {"QueueUrls": [self._url(name) for name in names[:1000]]}
        found, more = page(names, asked, most=1000, usual=1000)
        return {"QueueUrls": [self._url(name) for name in found]} | _capital(more)

    def _attributes(self, asked: Doc) -> Doc:
        name = self._known(str(asked.get("QueueUrl", "")))
        number, arn = self._numbers[name], f"arn:aws:sqs:{REGION}:{ACCOUNT}"
        waiting = {4: 700, 24: 31, 25: 3}.get(number % 100, 0)
        dead = f"{name}-dead"
        redrive = json.dumps({"deadLetterTargetArn": f"{arn}:{dead}", "maxReceiveCount": 5})
        return {
            "Attributes": {
                "QueueArn": f"{arn}:{name}",
                "ApproximateNumberOfMessages": str(waiting + int(self._now()) % 50 if waiting > 3 else waiting),
                "ApproximateNumberOfMessagesNotVisible": str(waiting // 100),
                "ApproximateNumberOfMessagesDelayed": "0",
                "CreatedTimestamp": "1760000000", "LastModifiedTimestamp": "1760000000", "VisibilityTimeout": "30",
                "MaximumMessageSize": "262144", "MessageRetentionPeriod": "345600", "DelaySeconds": "0",
                "ReceiveMessageWaitTimeSeconds": "20", "SqsManagedSseEnabled": "true",
                **({"RedrivePolicy": redrive} if dead in self._numbers else {}),
            }
        }  # fmt: skip

    def _sources(self, asked: Doc) -> Doc:
        name = self._known(str(asked.get("QueueUrl", ""))).removesuffix("-dead")
        return {"queueUrls": [self._url(name)]}


class Account:
    """All services of one account behind one address."""

    def __init__(self, services: int = 0, queues: int = 0, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._answers: dict[str, Callable[[Doc], Doc]] = {"GetMetricData": self._metrics}
        self._answers |= Services(services, now).answers() | Queues(queues, now).answers()

    def __call__(self, request: Request) -> Reply:
        """One answer."""
        target = request.headers.get("x-amz-target", "")
        if not target:
            return self._query(dict(parse_qsl(request.body.decode())))
        operation = target.rpartition(".")[2]
        if operation not in self._answers:
            return _refused("UnknownOperationException")
        try:
            answer = self._answers[operation](json.loads(request.body or b"{}"))
        except Refused as error:
            return _refused(str(error))
        return Reply(json.dumps(answer).encode(), headers=_JSON)

    def _metrics(self, asked: Doc) -> Doc:
        """Fifteen minutes of each metric that is asked for."""
        queries = asked.get("MetricDataQueries", ())
        if len(queries) > 500:
            raise Refused("ValidationError")
        minute = self._now() // 60 * 60
        times = [minute - 60 * ago for ago in range(14, -1, -1)]
        results = [
            {"Id": one["Id"], "Label": one["Id"], "StatusCode": "Complete", "Timestamps": times,
             "Values": [(number * 7 + place) % 60 + 1.0 for place in range(len(times))]}
            for number, one in enumerate(queries)
        ]  # fmt: skip
        return {"MetricDataResults": results, "Messages": []}

    def _query(self, asked: Mapping[str, str]) -> Reply:
        """What is still answered in XML."""
        action = asked.get("Action", "")
        if action == "GetCallerIdentity":
            arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/ops/bench"
            inside = f"<Arn>{arn}</Arn><UserId>AROA:bench</UserId><Account>{ACCOUNT}</Account>"
            return _xml(action, inside, "https://sts.amazonaws.com/doc/2011-06-15/")
        if action == "DescribeTargetHealth":
            targets = "".join(
                f"<member><Target><Id>10.0.0.{number}</Id><Port>8080</Port></Target>"
                "<TargetHealth><State>healthy</State></TargetHealth></member>"
                for number in (7, 8)
            )
            inside = f"<TargetHealthDescriptions>{targets}</TargetHealthDescriptions>"
            return _xml(action, inside, "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/")
        return Reply(
            b"<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>no</Message></Error>"
            b"</ErrorResponse>", 400, {"Content-Type": "text/xml"},
        )  # fmt: skip


_JSON: Final = {"Content-Type": "application/x-amz-json-1.0"}


def _refused(code: str) -> Reply:
    return Reply(json.dumps({"__type": code, "message": "no"}).encode(), 400, _JSON)


def _xml(action: str, inside: str, namespace: str) -> Reply:
    text = (
        f'<{action}Response xmlns="{namespace}"><{action}Result>{inside}</{action}Result>'
        f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )
    return Reply(text.encode(), headers={"Content-Type": "text/xml"})
