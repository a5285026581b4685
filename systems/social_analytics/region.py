"""The world's cloud: the cluster with its tasks, the balancer before them, and what CloudWatch is told of both."""

from __future__ import annotations

import asyncio
import contextlib
import time
import xmlrpc.client
from collections import deque
from datetime import timedelta
from typing import Final

import redis.asyncio
from redis.exceptions import RedisError

from systems import control
from systems.cloud.account import Identity, now
from systems.cloud.balancing import Targets
from systems.cloud.ecs import Body, Cluster, Definition, Service, Task
from systems.cloud.managed import Caches, Databases, Instance, Secrets
from systems.cloud.watch import Alarm, Watch, key
from systems.cloud.wire import Gate
from systems.social_analytics.backend import SLOTS, Backend
from systems.social_analytics.place import CACHE, CLUSTER, DATABASE, FAMILY, LOG_GROUP, LOGIN, MEMORY, SERVICE, Place

RECENT: Final = 6.0
"""Seconds of requests that an alarm looks at."""
LOOKS: Final = 3
"""Looks, a second apart, for which an alarm's number must be beyond its limit."""
_GIB: Final = 2.0**30
_BEFORE: Final = 30
"""Minutes of quiet life that CloudWatch knows from before the curtain."""

TIME = "production-alb-high-response-time"
ERRORS = "production-alb-5xx"
CPU = "production-ecs-high-cpu"
DATABASE_CPU = "production-rds-high-cpu"


class Region:
    """Everything that AWS would hold."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.bad: set[str] = set()
        """Revisions that fail requests."""
        self.cluster = Cluster(CLUSTER, self._begin)
        self.targets = Targets("social-analytics-alb", "social-analytics-backend", "/health/ready", 8000)
        self.watch = Watch()
        self.databases = Databases(Instance(DATABASE, place.postgres, 100), log=place.folder / "log" / "postgres.log")
        for days in range(7):
            self.databases.keep(f"rds:{DATABASE}-{days}", timedelta(days=days, hours=8))
        self.databases.keep("manual-snapshot-before-deploy", timedelta(hours=9), "manual")
        self.caches = Caches(CACHE, place.redis, self._reboot)
        self.secrets = Secrets({LOGIN: {"client_id": "simulated", "client_secret": "simulated-secret-1"}})
        self.answered: deque[tuple[float, int, float]] = deque()
        """(when, status, seconds) of recent requests."""
        self.totals: dict[int, int] = {200: 0, 500: 0, 503: 0}
        self.seconds = 0.0
        """Of all requests answered."""
        self._busy: dict[str, float] = {}
        self._deploy()
        self._alarms()
        self._past()

    def gate(self) -> Gate:
        """Where the room asks."""
        return Gate(
            {
                "sts": Identity(), "ecs": self.cluster, "application-autoscaling": self.cluster,
                "elbv2": self.targets, "cloudwatch": self.watch, "logs": self.watch, "rds": self.databases,
                "elasticache": self.caches, "secretsmanager": self.secrets,
            }
        )  # fmt: skip

    @property
    def service(self) -> Service:
        """The one service."""
        return self.cluster.services[SERVICE]

    def bodies(self) -> list[Backend]:
        """What runs in the tasks that run, the oldest first."""
        tasks = self.cluster.running(SERVICE)
        return [one.body for one in tasks if isinstance(one.body, Backend) and one.wanted == "RUNNING"]

    def say(self, level: str, text: str, stream: str = "scheduler") -> None:
        """A line of the service's log."""
        self.watch.write(LOG_GROUP, f"backend/backend/{stream}", f"{level} {text}")

    def release(self, bad: bool = False) -> str:
        """Another revision that can be deployed; its name."""
        number = len(self.cluster.definitions) + 1
        one = Definition(FAMILY, 40 + number, f"registry.example.com/backend:2.{number}.0", "backend", LOG_GROUP)
        self.cluster.define(one)
        if bad:
            self.bad.add(one.name)
        return one.name

    def count(self, status: int, seconds: float) -> None:
        """A request was answered."""
        self.answered.append((time.monotonic(), status, seconds))
        self.totals[status] = self.totals.get(status, 0) + 1
        self.seconds += seconds
        both = {"TargetGroup": self.targets.group_dimension, "LoadBalancer": self.targets.balancer_dimension}
        self.watch.put(key("AWS/ApplicationELB", "RequestCount", **both), 1)
        if status == 200:
            self.watch.put(key("AWS/ApplicationELB", "TargetResponseTime", **both), seconds)
        elif status >= 500:
            self.watch.put(key("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", **both), 1)

    async def live(self) -> None:
        """The scheduler of the cluster five times a second; checks, metrics and alarms every second."""
        turn = 0
        while True:
            self.cluster.step()
            self._check()
            if turn % 5 == 0:
                self._measure()
            turn += 1
            await asyncio.sleep(0.2)

    def _begin(self, task: Task) -> Body:
        def say(level: str, text: str) -> None:
            self.say(level, text, task.id)

        return Backend(task, self.place, task.revision in self.bad, self.secrets.value(LOGIN), say)

    def _deploy(self) -> None:
        self.release()
        revision = self.release()
        self.cluster.services[SERVICE] = service = Service(SERVICE, 2, self.targets.arn, least=2, most=8)
        for ago, name in ((timedelta(days=9), f"{FAMILY}:41"), (timedelta(days=2), revision)):
            one = self.cluster.deploy(service, name)
            one.created = one.updated = one.finished = now() - ago
            one.rollout = "COMPLETED"
        del service.deployments[1:]

    def _check(self) -> None:
        """The health of each target, as the balancer sees it."""
        found: dict[str, tuple[str, str]] = {}
        for task in self.cluster.tasks.values():
            if task.state == "STOPPED":
                continue
            if task.wanted == "STOPPED":
                found[task.ip] = ("draining", "Target deregistration is in progress")
            elif task.state == "RUNNING":
                found[task.ip] = (
                    ("healthy", "") if task.well else ("unhealthy", "Health checks failed with these codes: [503]")
                )
        self.targets.health = found

    def _alarms(self) -> None:
        balancer = {"LoadBalancer": self.targets.balancer_dimension}
        tasks = {"ClusterName": CLUSTER, "ServiceName": SERVICE}
        for name, metric, limit, about in (
            (TIME, key("AWS/ApplicationELB", "TargetResponseTime", **balancer), 2.0, "Callers wait for seconds"),
            (ERRORS, key("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", **balancer), 20.0, "Requests fail"),
            (CPU, key("AWS/ECS", "CPUUtilization", **tasks), 90.0, "Tasks have no cpu left"),
            (DATABASE_CPU, key("AWS/RDS", "CPUUtilization", DBInstanceIdentifier=DATABASE), 80.0, "Database is busy"),
        ):
            self.watch.alarms[name] = Alarm(name, metric, limit, about)

    def _measure(self) -> None:
        moment = time.monotonic()
        while self.answered and moment - self.answered[0][0] > RECENT:
            self.answered.popleft()
        times = [seconds for _, status, seconds in self.answered if status == 200]
        failed = sum(status >= 500 for _, status, _ in self.answered)
        cpu = self._used()
        looks = {
            TIME: sum(times) / len(times) if times else None,
            ERRORS: 100 * failed / len(self.answered) if self.answered else None,
            CPU: cpu,
            DATABASE_CPU: 7.0 + len(times) / 10,
        }
        for name, value in looks.items():
            self.watch.alarms[name].look(value, LOOKS)
        self._tell(cpu, looks[DATABASE_CPU] or 0.0)

    def _used(self) -> float | None:
        """Share of the tasks' slots that worked in the last second, in percent."""
        bodies = self.bodies()
        worked = sum(max(0.0, one.busy - self._busy.get(one.task.id, one.busy)) for one in bodies)
        self._busy = {one.task.id: one.busy for one in bodies}
        return min(100.0, 100 * worked / (SLOTS * len(bodies))) if bodies else None

    def _tell(self, cpu: float | None, database: float, minutes_ago: int = 0) -> None:
        at = now() - timedelta(minutes=minutes_ago)
        tasks = {"ClusterName": CLUSTER, "ServiceName": SERVICE}
        if cpu is not None:
            self.watch.put(key("AWS/ECS", "CPUUtilization", **tasks), cpu, at)
            self.watch.put(key("AWS/ECS", "MemoryUtilization", **tasks), 41.0 + cpu / 10, at)
        one = self.databases.instance
        free = 0.0 if one.status == "storage-full" else one.storage - 62.0
        self.watch.put(key("AWS/RDS", "FreeStorageSpace", DBInstanceIdentifier=DATABASE), free * _GIB, at)
        self.watch.put(key("AWS/RDS", "CPUUtilization", DBInstanceIdentifier=DATABASE), database, at)
        node = {"CacheClusterId": CACHE, "CacheNodeId": "0001"}
        self.watch.put(key("AWS/ElastiCache", "EngineCPUUtilization", **node), 3.0, at)

    def _past(self) -> None:
        """The half hour before: quiet."""
        both = {"TargetGroup": self.targets.group_dimension, "LoadBalancer": self.targets.balancer_dimension}
        for ago in range(_BEFORE, 0, -1):
            self._tell(34.0 + ago % 5, 7.5 + ago % 3, ago)
            at = now() - timedelta(minutes=ago)
            self.watch.put(key("AWS/ApplicationELB", "TargetResponseTime", **both), 0.13 + ago % 4 / 100, at)
            self.watch.put(key("AWS/ApplicationELB", "RequestCount", **both), 470 + 7 * (ago % 6), at)

    async def _reboot(self) -> None:
        """The cache node: really another process."""
        await asyncio.to_thread(restart_cache, self.place)
        await furnish_cache(self.place)


def restart_cache(place: Place) -> None:
    """End the Redis server, if it runs, and start it again. Blocks for some seconds."""
    stop_cache(place)
    with contextlib.suppress(OSError, xmlrpc.client.Fault):
        control.call(place.folder, "startProcess", "redis")


def stop_cache(place: Place) -> None:
    """End the Redis server. Blocks for a moment."""
    with contextlib.suppress(OSError, xmlrpc.client.Fault):
        control.call(place.folder, "stopProcess", "redis")


async def furnish_cache(place: Place, policy: str = "volatile-lru") -> None:
    """The cache's size and policy, as its parameter group has them; waits until it answers."""
    cache = redis.asyncio.Redis.from_url(place.cache_url, socket_timeout=1, socket_connect_timeout=1)
    for _ in range(300):
        with contextlib.suppress(OSError, TimeoutError, RedisError):
            await cache.config_set("maxmemory", MEMORY)
            await cache.config_set("maxmemory-policy", policy)
            break
        await asyncio.sleep(0.1)
    await cache.aclose()
