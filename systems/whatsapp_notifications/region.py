"""The world's cloud and the workers' machine: the cluster whose tasks are processes, the queues, the database."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import xmlrpc.client
from datetime import timedelta
from typing import Final

import psycopg
import redis.asyncio
from redis.exceptions import RedisError

from systems import control
from systems.cloud.account import Identity, now
from systems.cloud.ecs import Body, Cluster, Definition, Service, Task
from systems.cloud.managed import Databases, Instance, Secrets
from systems.cloud.queues import Queue, Queues
from systems.cloud.watch import Watch, key
from systems.cloud.wire import Gate
from systems.docker.containers import Container
from systems.docker.engine import Engine
from systems.docker.images import Image
from systems.whatsapp_notifications.place import (
    API_LOG,
    CLUSTER,
    DATABASE,
    DEAD,
    LOGIN,
    MEMORY,
    QUEUE,
    WORKER_LOG,
    Place,
)
from systems.whatsapp_notifications.process import Process, undated

FAMILIES: Final = {"api": "whatsapp-notif-api", "worker": "whatsapp-notif-worker"}
LOGS: Final = {"api": API_LOG, "worker": WORKER_LOG}
MOST: Final = 5
"""Receives after which a message is a dead letter."""
_GIB: Final = 2.0**30
_BEFORE: Final = 30
"""Minutes of quiet life that CloudWatch knows from before the curtain."""


class Region:
    """Everything that AWS would hold."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.flawed: set[str] = set()
        """Revisions that fail messages."""
        self.watch = Watch()
        self.queue = Queue(QUEUE, visibility=8, dead=DEAD, most=MOST)
        self.dead = Queue(DEAD, retention=14 * 86400)
        self.queues = Queues([self.queue, self.dead], place.cloud, self.watch)
        self.databases = Databases(
            Instance(DATABASE, place.postgres, 100), self._reboot, place.folder / "log" / "postgres.log"
        )
        for days in range(7):
            self.databases.keep(f"rds:{DATABASE}-{days}", timedelta(days=days, hours=8))
        self.databases.keep("backup-before-migration", timedelta(hours=9), "manual")
        self.secrets = Secrets({LOGIN: {"phone_number_id": "100000000000001", "token": "first-played-token"}})
        self.cluster = Cluster(CLUSTER, self._begin)
        for name, wanted in (("api", 2), ("worker", 0)):
            self._deploy(name, wanted)
        self.docker = Engine(place.folder, [_image(place)])
        self._written: dict[str, int] = {}
        """Container -> lines of its log that CloudWatch has."""
        self._past()

    def gate(self) -> Gate:
        """Where the room and the processes ask."""
        return Gate(
            {
                "sts": Identity(), "ecs": self.cluster, "application-autoscaling": self.cluster, "sqs": self.queues,
                "cloudwatch": self.watch, "logs": self.watch, "rds": self.databases, "secretsmanager": self.secrets,
            }
        )  # fmt: skip

    def service(self, name: str) -> Service:
        """A service."""
        return self.cluster.services[name]

    def bodies(self, name: str) -> list[Process]:
        """What runs in a service's tasks, the oldest first."""
        tasks = self.cluster.running(name)
        found = [one.body for one in tasks if isinstance(one.body, Process) and one.wanted == "RUNNING"]
        return [one for one in found if one.exit is None]

    def containers(self) -> list[Container]:
        """The workers under Compose that run."""
        return [one for one in self.docker.of("worker") if one.pid]

    def workers(self) -> int:
        """How many run, here and there."""
        return len(self.containers()) + len(self.bodies("worker"))

    def release(self, name: str, flawed: bool = False) -> str:
        """Another revision that can be deployed; its name."""
        family = FAMILIES[name]
        number = sum(one.family == family for one in self.cluster.definitions.values()) + 1
        image = f"registry.example.com/{family}:1.{number}.0"
        one = Definition(family, 20 + number, image, name, LOGS[name])
        self.cluster.define(one)
        if flawed:
            self.flawed.add(one.name)
        return one.name

    async def live(self) -> None:
        """The scheduler of the cluster five times a second, what CloudWatch is told once."""
        turn = 0
        while True:
            self.cluster.step()
            for task in self.cluster.tasks.values():
                if isinstance(task.body, Process) and task.body.exit is not None and task.wanted == "RUNNING":
                    self.cluster.end(
                        task, "EssentialContainerExited", "Essential container in task exited", task.body.exit
                    )
            self._ship()
            if turn % 5 == 0:
                self.queues.measure()
                self._tell()
            turn += 1
            await asyncio.sleep(0.2)

    def _begin(self, task: Task) -> Body:
        definition = self.cluster.definitions[task.revision]
        stream = f"{task.service}/{task.service}/{task.id}"
        more = {
            "VERSION": definition.image.rpartition(":")[2], "FLAWED": str(int(task.revision in self.flawed)),
        }  # fmt: skip
        group = definition.log_group
        return Process(self.place, task.service, more, lambda line: self.watch.write(group, stream, line))

    def _ship(self) -> None:
        """What containers have written goes to CloudWatch, as the log driver of their machine would do it."""
        for one in self.docker.of("worker"):
            fresh = one.said - self._written.get(one.id, 0)
            for line in list(one.lines)[-fresh:] if fresh > 0 else []:
                text = line.text.decode("utf-8", "replace").rstrip()
                self.watch.write(WORKER_LOG, f"{one.name}/{one.id[:12]}", undated(text))
            self._written[one.id] = one.said

    def _deploy(self, name: str, wanted: int) -> None:
        first, second = self.release(name), self.release(name)
        self.cluster.services[name] = service = Service(name, wanted, least=min(1, wanted), most=8)
        for ago, revision in ((timedelta(days=9), first), (timedelta(days=2), second)):
            one = self.cluster.deploy(service, revision)
            one.created = one.updated = one.finished = now() - ago
            one.rollout = "COMPLETED"
        del service.deployments[1:]

    def _tell(self, minutes_ago: int = 0) -> None:
        at = now() - timedelta(minutes=minutes_ago)
        database = {"DBInstanceIdentifier": DATABASE}
        self.watch.put(key("AWS/RDS", "FreeStorageSpace", **database), 61.0 * _GIB, at)
        self.watch.put(key("AWS/RDS", "CPUUtilization", **database), 6.0 + minutes_ago % 3, at)
        for name, cpu in (("api", 18.0), ("worker", 24.0)):
            tasks = {"ClusterName": CLUSTER, "ServiceName": name}
            self.watch.put(key("AWS/ECS", "CPUUtilization", **tasks), cpu + minutes_ago % 4, at)
            self.watch.put(key("AWS/ECS", "MemoryUtilization", **tasks), 41.0 + minutes_ago % 2, at)

    def _past(self) -> None:
        """The half hour before: quiet."""
        for ago in range(_BEFORE, 0, -1):
            self._tell(ago)
            at = now() - timedelta(minutes=ago)
            self.watch.put(key("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName=QUEUE), 1.0 + ago % 2, at)

    async def _reboot(self) -> None:
        """The instance: really another server process."""
        await asyncio.to_thread(stop_database, self.place)
        await asyncio.to_thread(start_database, self.place)
        while not await is_up(self.place):
            await asyncio.sleep(0.2)


def _image(place: Place) -> Image:
    """What runs in a worker's container."""
    argv = (sys.executable, "-u", "-m", "systems.whatsapp_notifications.worker", *place.words)
    return Image("registry.example.com/whatsapp-notif-worker:1.2.0", argv)


def stop_database(place: Place) -> None:
    """End PostgreSQL. Blocks for a moment."""
    with contextlib.suppress(OSError, xmlrpc.client.Fault):
        control.call(place.folder, "stopProcess", "postgres")


def start_database(place: Place) -> None:
    """Start it, if it does not run. Blocks for a moment."""
    with contextlib.suppress(OSError, xmlrpc.client.Fault):
        control.call(place.folder, "startProcess", "postgres")


async def is_up(place: Place) -> bool:
    """Does the database take somebody in?"""
    keywords: dict[str, str] = place.database("look")
    try:
        async with await psycopg.AsyncConnection.connect(autocommit=True, **keywords):  # type: ignore[arg-type]
            return True
    except (OSError, psycopg.Error):
        return False


async def furnish_cache(place: Place) -> None:
    """Redis's size; waits until it answers."""
    cache = redis.asyncio.Redis.from_url(place.cache_url, socket_timeout=1, socket_connect_timeout=1)
    for _ in range(300):
        with contextlib.suppress(OSError, TimeoutError, RedisError):
            await cache.config_set("maxmemory", MEMORY)
            break
        await asyncio.sleep(0.1)
    await cache.aclose()
