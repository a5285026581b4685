"""Queues on moto behind a small proxy that knows move tasks, which moto doesn't, and breaks what a test names.

The three operations are answered as AWS answers them, by really moving the messages: each look at the list moves some
more, so that a test decides how fast it goes.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.config import Config

from tests.stack.aws import Cloud

REGION = "eu-west-1"
Answer = tuple[int, Mapping[str, Any]]


def client(port: int, service: str = "sqs") -> Any:
    """For arranging a test: one attempt."""
    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, aws_access_key_id="a",
        aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


@dataclass
class Task:
    """A move task."""

    source: str
    destination: str
    rate: int | None
    to_move: int
    handle: str
    started: int
    status: str = "RUNNING"
    moved: int = 0


@dataclass
class Stage:
    """The place: moto, what was asked of it, and what is answered instead."""

    cloud: Cloud
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """Operations, in order: "PurgeQueue"."""
    instead: dict[str, Callable[[Mapping[str, Any]], Answer | None]] = field(default_factory=dict)
    """Operation -> what is answered instead of moto; None: moto's own answer."""
    tasks: list[Task] = field(default_factory=list)
    step: int = 2
    """Messages that one look at the list moves."""
    fails_after: int | None = None
    """Messages after which a task fails."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sqs(self) -> Any:
        """A client of it."""
        return client(self.port)

    def count(self, operation: str) -> int:
        """How often an operation was asked for."""
        return self.asked.count(operation)

    def says(self, operation: str, code: str, status: int = 400) -> None:
        """Answer an operation with an error."""
        self.instead[operation] = lambda _: error(code, status)

    # queues

    def queue(self, name: str, **attributes: str) -> str:
        """A new queue; its address."""
        return str(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def arn(self, name: str) -> str:
        """The ARN of a queue."""
        return f"arn:aws:sqs:{REGION}:123456789012:{name}"

    def pair(self, name: str, receives: int = 3) -> tuple[str, str]:
        """A queue and its dead-letter queue NAME-dlq; their addresses."""
        dead = self.queue(f"{name}-dlq")
        policy = json.dumps({"deadLetterTargetArn": self.arn(f"{name}-dlq"), "maxReceiveCount": str(receives)})
        return self.queue(name, RedrivePolicy=policy), dead

    def send(self, url: str, *bodies: str, **more: Any) -> None:
        """Messages into a queue."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=url, MessageBody=body, **more)

    def counts(self, url: str) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return int(told[names[0]]), int(told[names[1]]), int(told["ApproximateNumberOfMessagesDelayed"])

    def remade(self, url: str, **attributes: str) -> None:
        """Delete a queue and make it anew."""
        self.sqs.delete_queue(QueueUrl=url)
        self.queue(url.rpartition("/")[2], **attributes)

    # move tasks

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer | None:
        """What is answered here; None: moto answers."""
        if operation in self.instead:
            return self.instead[operation](parameters)
        if operation == "StartMessageMoveTask":
            return self._start(parameters)
        if operation == "ListMessageMoveTasks":
            return self._list(parameters)
        return self._cancel(parameters) if operation == "CancelMessageMoveTask" else None

    def _start(self, asked: Mapping[str, Any]) -> Answer:
        source = asked["SourceArn"]
        if any(task.source == source and task.status == "RUNNING" for task in self.tasks):
            return error("AWS.SimpleQueueService.UnsupportedOperation")
        sources = self._moto.list_dead_letter_source_queues(QueueUrl=self._url(source))["queueUrls"]
        if not sources:
            return error("InvalidParameterValueException")
        told = {"taskId": str(len(self.tasks)), "sourceArn": source}
        handle = base64.b64encode(json.dumps(told).encode()).decode()
        names = ["ApproximateNumberOfMessages"]
        told = self._moto.get_queue_attributes(QueueUrl=self._url(source), AttributeNames=names)["Attributes"]
        destination = asked.get("DestinationArn") or self.arn(sources[0].rpartition("/")[2])
        rate = asked.get("MaxNumberOfMessagesPerSecond")
        self.tasks.insert(0, Task(source, destination, rate, int(told[names[0]]), handle, int(time.time() * 1000)))
        return 200, {"TaskHandle": handle}

    def _list(self, asked: Mapping[str, Any]) -> Answer:
        mine = [task for task in self.tasks if task.source == asked["SourceArn"]]
        told = [self._told(task) for task in mine]
        for task in mine:
            self._advance(task)
        return 200, {"Results": told[: asked.get("MaxResults", 1)]}

    def _told(self, task: Task) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "Status": task.status, "SourceArn": task.source, "DestinationArn": task.destination,
            "ApproximateNumberOfMessagesMoved": task.moved, "ApproximateNumberOfMessagesToMove": task.to_move,
            "StartedTimestamp": task.started,
        }  # fmt: skip
        if task.status == "RUNNING":
            entry["TaskHandle"] = task.handle
        if task.status == "FAILED":
            entry["FailureReason"] = "CouldNotMoveMessage: AccessDenied"
        if task.rate is not None:
            entry["MaxNumberOfMessagesPerSecond"] = task.rate
        return entry

    def _advance(self, task: Task) -> None:
        if task.status != "RUNNING":
            return
        for _ in range(self.step):
            if self.fails_after is not None and task.moved >= self.fails_after:
                task.status = "FAILED"
                return
            found = self._moto.receive_message(QueueUrl=self._url(task.source)).get("Messages", ())
            if not found:
                task.status = "COMPLETED"
                return
            self._moto.send_message(QueueUrl=self._url(task.destination), MessageBody=found[0]["Body"])
            receipt = found[0]["ReceiptHandle"]
            self._moto.delete_message(QueueUrl=self._url(task.source), ReceiptHandle=receipt)
            task.moved += 1

    def _cancel(self, asked: Mapping[str, Any]) -> Answer:
        task = next((task for task in self.tasks if task.handle == asked["TaskHandle"]), None)
        if task is None or task.status != "RUNNING":
            return error("ResourceNotFoundException", 404)
        task.status = "CANCELLED"
        return 200, {"ApproximateNumberOfMessagesMoved": task.moved}

    @property
    def _moto(self) -> Any:
        return client(self.cloud.port)

    def _url(self, arn: str) -> str:
        return f"{self.cloud.url}/123456789012/{arn.rpartition(':')[2]}"


def error(code: str, status: int = 400) -> Answer:
    """An error as SQS writes it."""
    return status, {"__type": f"com.amazonaws.sqs#{code.rpartition('.')[2]}", "message": "no", "code": code}


@contextmanager
def stage_at(cloud: Cloud) -> Iterator[Stage]:
    """One before a moto, until the end of the block."""
    stage = Stage(cloud)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            target = self.headers.get("X-Amz-Target", "")
            operation = target.rpartition(".")[2]
            stage.asked.append(operation)
            own = stage.answer(operation, json.loads(raw)) if target.startswith(("AmazonSQS.", "secrets")) else None
            if own is not None:
                body = dict(own[1])
                code = body.pop("code", "")
                headers = {"x-amzn-query-error": f"{code};Sender"} if code else {}
                self._say(own[0], json.dumps(body).encode(), {**headers, "Content-Type": "application/x-amz-json-1.0"})
                return
            there = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=30)
            there.request("POST", self.path, raw, dict(self.headers))
            answer = there.getresponse()
            body_there = answer.read()
            kept = {k: v for k, v in answer.getheaders() if k.lower() in ("content-type", "x-amzn-query-error")}
            self._say(answer.status, body_there, kept)
            there.close()

        def _say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    stage.port = server.server_address[1]
    try:
        yield stage
    finally:
        server.shutdown()
        server.server_close()


def at(port: int, **more: Any) -> dict[str, Any]:
    """Settings that lead to a place on loopback."""
    place = {"endpoint": f"http://127.0.0.1:{port}", "region": REGION}
    return {**place, "key_id": "env:SECRET", "secret_key": "env:SECRET", **more}


def queues_port(request: Any) -> int:
    """A moto with queues in it, for the contract."""
    cloud: Cloud = request.getfixturevalue("moto")
    sqs = client(cloud.port)
    for name in ("contract-mail", "contract-sms"):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="hello")
    return cloud.port


def secrets_port(request: Any) -> int:
    """A moto with secrets in it, for the contract."""
    cloud: Cloud = request.getfixturevalue("moto")
    manager = client(cloud.port, "secretsmanager")
    there = {one["Name"] for one in manager.list_secrets()["SecretList"]}
    for name in {"contract/db", "contract/mail"} - there:
        manager.create_secret(Name=name, SecretString='{"user": "ann", "password": "a-test-password"}')
    return cloud.port
