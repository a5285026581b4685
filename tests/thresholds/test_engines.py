"""Threshold rows that databases, caches, queues, a cloud and Prometheus decide: each on the real engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import redis as redis_client

from probes.base import Severity
from tests.probes import awsstage, awswatch, dbstage
from tests.probes.sqsstage import REGION, at
from tests.stack import prometheus as prometheus_server
from tests.stack.aws import REGION as ELSEWHERE
from tests.stack.aws import Cloud
from tests.stack.cacheservers import Redis
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.postgres import Postgres
from tests.thresholds.room import Room, opened

pytestmark = pytest.mark.engine


def until(true: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


# PostgreSQL


class Sessions:
    """Sessions of clients on a server, as many as a test wants."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self._held: list[psycopg.Connection[Any]] = []

    def are(self, number: int) -> None:
        """From now on so many; a session that is closed is gone only when the server says so."""
        while len(self._held) < number:
            self._held.append(psycopg.connect(self._server.url("plain"), autocommit=True))
        if len(self._held) > number:
            while len(self._held) > number:
                self._held.pop().close()
            with psycopg.connect(self._server.url("postgres"), autocommit=True) as looking:
                count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'plain'"
                until(lambda: looking.execute(count).fetchone() == (number,))

    def all_do(self, statement: str) -> None:
        """Each of them runs a statement, all at once."""
        with ThreadPoolExecutor(len(self._held)) as pool:
            list(pool.map(lambda held: held.execute(statement), self._held))


@pytest.fixture(scope="module")
def database(postgres_of: Callable[[None], Postgres]) -> Postgres:
    return postgres_of(None)


@pytest.fixture
def sessions(database: Postgres) -> Iterator[Sessions]:
    made = Sessions(database)
    yield made
    made.are(0)


def reached(server: Postgres) -> dict[str, Any]:
    """Settings that lead to a server."""
    url = f"postgresql://reader@127.0.0.1:{server.port}/app"
    return {"url": url, "password": "env:SECRET", "login_every": 0, "care_every": 0}


async def seats(room: Room) -> int:
    """How many sessions clients may have, all of which are free but for our own."""
    await room.read("database")
    snapshot = room.engine.board.slot("database").snapshot
    assert snapshot is not None
    used, limit = snapshot.gauge("sessions_used"), snapshot.gauge("sessions_limit")
    assert limit is not None
    assert used == 1
    return int(limit)


async def test_c35_the_pool_is_exhausted_in_two_steps(database: Postgres, sessions: Sessions) -> None:
    place = reached(database)
    async with opened("social_analytics", {"database": place}) as room:
        limit = await seats(room)
        alert = await room.proves(
            "database", "pool-exhausted", severity=Severity.WARNING,
            words=r"8\d % of the database's connections are taken, limit 80 %",
            bad=lambda: sessions.are(int(limit * 0.85)), between=lambda: sessions.are(int(limit * 0.78)),
            good=lambda: sessions.are(int(limit * 0.7)),
        )  # fmt: skip
        assert alert.handling.origin.startswith("Opsroom's default in opsroom.toml:")
        await room.proves(
            "database", "pool-exhausted", severity=Severity.CRITICAL,
            words=r"9\d.* % of the database's connections are taken, limit 95 %",
            bad=lambda: sessions.are(int(limit * 0.98)), good=lambda: sessions.are(3),
        )  # fmt: skip


async def test_d132_more_than_80_percent_of_the_connections_are_taken(database: Postgres, sessions: Sessions) -> None:
    place = reached(database)
    async with opened("social_live", {"database": place}) as room:
        limit = await seats(room)
        alert = await room.proves(
            "database", "sessions", severity=Severity.WARNING, words=r".*8\d %.*",
            bad=lambda: sessions.are(int(limit * 0.85)), between=lambda: sessions.are(int(limit * 0.78)),
            good=lambda: sessions.are(int(limit * 0.7)),
        )  # fmt: skip
        assert "a larger pool takes more of them" in alert.handling.suggest


async def test_e42_statements_take_more_than_half_a_second(database: Postgres, sessions: Sessions) -> None:
    sessions.are(40)
    async with opened("newsletter", {"database": reached(database) | {"every": 10}}) as room:
        await room.proves(
            "database", "slow-queries", severity=Severity.WARNING, readings=2, calm=3,
            words=r"statements take .* on average, limit 500 ms",
            bad=lambda: setattr(room, "before", lambda: sessions.all_do("SELECT pg_sleep(0.9)")),
            good=lambda: setattr(room, "before", lambda: sessions.all_do("SELECT 1")),
        )  # fmt: skip


# Redis


@pytest.fixture
def cache(new_redis: Callable[..., Redis]) -> Redis:
    return new_redis("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru")


async def test_c69_the_cache_evicts_more_than_600_keys_a_minute(cache: Redis) -> None:
    with redis_client.Redis(port=cache.port) as client:
        names = iter(range(1_000_000))

        def write(number: int) -> None:
            with client.pipeline(transaction=False) as pipe:
                for _ in range(number):
                    pipe.set(f"key:{next(names)}", "x" * 10_000)
                pipe.execute()

        async with opened("social_analytics", {"cache": {"url": cache.url}}) as room:
            write(500)
            await room.proves(
                "cache", "evictions", severity=Severity.WARNING, words=r".*/min.*", hold=30.0, late=31, calm=3,
                passes=lambda room: (room.gauge("cache", "evicted_per_minute") or 0) > 600,
                bad=lambda: setattr(room, "before", lambda: write(100)),
                good=lambda: setattr(room, "before", lambda: None),
            )  # fmt: skip


async def test_c63_the_cache_cannot_be_reached(cache: Redis) -> None:
    with FaultProxy(cache.port) as proxy:
        async with opened("social_analytics", {"cache": {"url": f"redis://127.0.0.1:{proxy.port}/0"}}) as room:
            alert = await room.proves(
                "cache", "no-answer", severity=Severity.WARNING, words=r"DOWN .*", readings=2,
                bad=lambda: proxy.become(Mode.REFUSE), good=lambda: proxy.become(Mode.PASS),
            )  # fmt: skip
            assert alert.handling.procedure == "Redis Connection Failures"


async def test_e35_many_jobs_wait_and_the_oldest_for_long(cache: Redis) -> None:
    with redis_client.Redis(port=cache.port) as client:
        queue = "bull:campaign-emails"
        client.hset(f"{queue}:meta", "opts.maxLenEvents", "10000")
        client.hset("bull:ai-insights:meta", "opts.maxLenEvents", "10000")

        def wait(number: int, since: float = 1.0) -> None:
            client.delete(f"{queue}:wait")
            if number:
                client.rpush(f"{queue}:wait", *map(str, range(number)))
            at_ = int((time.time() - since) * 1000)
            for one in (0, number - 1):
                client.hset(f"{queue}:{one}", mapping={"name": "mail", "timestamp": at_})

        async with opened("newsletter", {"jobs": {"url": cache.url}}) as room:
            about = {"queue": "campaign-emails"}
            await room.proves(
                "jobs", "queue-size", severity=Severity.WARNING, labels=about,
                words="campaign-emails: 501 jobs wait, limit 500",
                bad=lambda: wait(501), between=lambda: wait(401), good=lambda: wait(400),
            )  # fmt: skip
            await room.proves(
                "jobs", "queue-size", severity=Severity.CRITICAL, labels=about,
                words="campaign-emails: 2,001 jobs wait, limit 2,000",
                bad=lambda: wait(2001), good=lambda: wait(0),
            )  # fmt: skip
            await room.proves(
                "jobs", "oldest-job", severity=Severity.WARNING, labels=about,
                words=r"campaign-emails: the oldest job has waited for 10m0\ds",
                bad=lambda: wait(2, since=600.0), good=lambda: wait(2),
            )  # fmt: skip


# the cloud


@pytest.fixture
def cloud(moto: Cloud) -> Cloud:
    moto.reset()
    return moto


def measured(cloud: Cloud, room: Room, namespace: str, metric: str, value: float, **dimensions: str) -> None:
    """A point of a metric, a minute and a half old by the room's clock."""
    cloud.client("cloudwatch", REGION if namespace == "AWS/SQS" else ELSEWHERE).put_metric_data(
        Namespace=namespace,
        MetricData=[{
            "MetricName": metric, "Value": value, "Timestamp": room.clock.now() - timedelta(seconds=90),
            "Dimensions": [{"Name": name, "Value": one} for name, one in dimensions.items()],
        }],
    )  # fmt: skip


class Queue:
    """A queue on moto."""

    def __init__(self, cloud: Cloud) -> None:
        self.client = cloud.client("sqs", REGION)
        self.url = self.client.create_queue(QueueName="notifications")["QueueUrl"]

    def send(self, number: int) -> None:
        for start in range(0, number, 10):
            some = [{"Id": str(one), "MessageBody": "x"} for one in range(min(10, number - start))]
            self.client.send_message_batch(QueueUrl=self.url, Entries=some)

    def take(self, number: int) -> None:
        for _ in range(number // 10):
            found = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)["Messages"]
            handles = [{"Id": str(place), "ReceiptHandle": one["ReceiptHandle"]} for place, one in enumerate(found)]
            self.client.delete_message_batch(QueueUrl=self.url, Entries=handles)

    def purge(self) -> None:
        self.client.purge_queue(QueueUrl=self.url)


async def test_b04_and_b23_more_than_a_thousand_messages_wait(ministack: Cloud) -> None:
    ministack.reset()
    queue = Queue(ministack)
    async with opened("whatsapp_notifications", {"notifications": at(ministack.port)}) as room:
        about = {"queue": "notifications"}
        queue.send(100)
        alert = await room.proves(
            "notifications", "queue-depth", severity=Severity.CRITICAL, labels=about,
            words="notifications: 1,001 messages wait, limit 1,000",
            bad=lambda: queue.send(901), between=lambda: queue.take(150), good=queue.purge,
        )  # fmt: skip
        assert alert.handling.procedure == "Queue Backup"
        await room.proves(
            "notifications", "queue-depth", severity=Severity.NOTICE, labels=about,
            words="notifications: 101 messages wait, limit 100",
            bad=lambda: queue.send(101), between=lambda: queue.take(20), good=lambda: queue.take(10),
        )  # fmt: skip


async def test_b24_a_small_queue_is_stuck_and_its_oldest_message_is_old(cloud: Cloud) -> None:
    queue = Queue(cloud)
    async with opened("whatsapp_notifications", {"notifications": at(cloud.port)}) as room:
        about = {"queue": "notifications"}

        def oldest(seconds: float) -> None:
            measured(cloud, room, "AWS/SQS", "ApproximateAgeOfOldestMessage", seconds, QueueName="notifications")

        oldest(60.0)
        await room.proves(
            "notifications", "stuck", severity=Severity.CRITICAL, labels=about, words=".*", hold=300.0,
            bad=lambda: queue.send(1), good=queue.purge,
        )  # fmt: skip
        queue.send(1)
        await room.proves(
            "notifications", "old-messages", severity=Severity.WARNING, labels=about, words=r".*11m40s.*", late=12,
            passes=lambda room: (room.gauge("notifications", "oldest_age_seconds", **about) or 0) > 600,
            bad=lambda: setattr(room, "before", lambda: oldest(700.0)),
            good=lambda: setattr(room, "before", lambda: oldest(60.0)),
        )  # fmt: skip


async def test_c19_the_balancer_waits_more_than_two_seconds_for_its_targets(cloud: Cloud) -> None:
    balancer, group = awsstage.balancer(cloud)
    async with opened("social_analytics", {"balancer": awsstage.at(cloud.port)}) as room:
        names = {
            "TargetGroup": group.rpartition(":")[2],
            "LoadBalancer": balancer.partition(":loadbalancer/")[2],
        }

        def takes(seconds: float) -> Callable[[], None]:
            return lambda: measured(cloud, room, "AWS/ApplicationELB", "TargetResponseTime", seconds, **names)

        room.before = takes(0.2)
        room.engine.probe("balancer").watched = True
        await room.proves(
            "balancer", "slow", severity=Severity.WARNING, labels={"group": "web-group"}, hold=60.0, late=16,
            passes=lambda room: (room.gauge("balancer", "response_seconds", group="web-group") or 0) > 2,
            words="web-group: targets take 2.5 s to answer, limit 2 s",
            bad=lambda: setattr(room, "before", takes(2.5)), good=lambda: setattr(room, "before", takes(0.2)),
        )  # fmt: skip


async def test_c03_the_balancer_has_no_healthy_target(cloud: Cloud) -> None:
    _, group = awsstage.balancer(cloud)
    targets = [{"Id": f"10.0.0.{number}"} for number in (10, 11)]
    elb = cloud.client("elbv2")
    async with opened("social_analytics", {"balancer": awsstage.at(cloud.port)}) as room:
        alert = await room.proves(
            "balancer", "no-healthy-target", severity=Severity.CRITICAL, words="web-group: .*", late=4,
            passes=lambda room: room.gauge("balancer", "targetless", group="web-group") == 1,
            bad=lambda: elb.deregister_targets(TargetGroupArn=group, Targets=targets),
            good=lambda: elb.register_targets(TargetGroupArn=group, Targets=targets),
        )  # fmt: skip
        assert alert.handling.see == "services"


async def test_c41_the_storage_of_the_database_runs_low(cloud: Cloud) -> None:
    dbstage.database(cloud, "social-analytics-db")
    async with opened("social_analytics", {"storage": dbstage.at(cloud.port, metrics_every=60)}) as room:

        def free(share: float) -> Callable[[], None]:
            name = "social-analytics-db"
            return lambda: measured(
                cloud, room, "AWS/RDS", "FreeStorageSpace", share * 100 * 2**30, DBInstanceIdentifier=name
            )

        room.before = free(0.5)
        await room.proves(
            "storage", "storage-low", severity=Severity.WARNING, words=r".*14 %.*", late=16,
            passes=lambda room: (room.gauge("storage", "free_ratio", database="social-analytics-db") or 1) < 0.15,
            bad=lambda: setattr(room, "before", free(0.14)), between=lambda: setattr(room, "before", free(0.16)),
            good=lambda: setattr(room, "before", free(0.4)),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "name", "see"),
    [
        ("C-82", "production-alb-high-response-time", "balancer"),
        ("C-83", "production-ecs-high-cpu", "services"),
        ("C-84", "production-rds-high-cpu", "storage"),
    ],
)
async def test_an_alarm_there_is_an_alert_here_with_its_own_limit(row: str, name: str, see: str, cloud: Cloud) -> None:
    awswatch.alarm(cloud, name, "OK")
    async with opened("social_analytics", {"alarms": awswatch.settings(cloud.port)}) as room:
        alert = await room.proves(
            "alarms", name, severity=Severity.CRITICAL, words=".+",
            bad=lambda: awswatch.alarm(cloud, name, "ALARM"), good=lambda: awswatch.alarm(cloud, name, "OK"),
        )  # fmt: skip
        assert alert.limit == 80.0
        assert (alert.handling.origin, alert.handling.see) == ("alarms", see), "the limit is Amazon's"


async def test_e56_the_bucket_cannot_be_reached(cloud: Cloud) -> None:
    dbstage.bucket(cloud, "newsletter-uploads")
    with FaultProxy(cloud.port) as proxy:
        async with opened("newsletter", {"uploads": dbstage.at(proxy.port)}) as room:
            await room.proves(
                "uploads", "no-answer", severity=Severity.CRITICAL, words=r"DOWN .*", readings=2,
                bad=lambda: proxy.become(Mode.REFUSE), good=lambda: proxy.become(Mode.PASS),
            )  # fmt: skip


# Prometheus


async def test_d63_d130_and_d131_the_backend_uses_much_of_what_it_may(
    prometheus: prometheus_server.Prometheus, node_exporter: prometheus_server.NodeExporter
) -> None:
    pod = 'namespace="social-live-prod",pod="backend-7d9f"'
    cpu_of = "node_namespace_pod_container:container_cpu_usage_seconds_total:sum_irate"

    def uses(memory: float, cpu: float) -> None:
        node_exporter.expose(
            "backend",
            f'container_memory_working_set_bytes{{{pod},container="app"}} {memory * 1e9}\n'
            f'kube_pod_container_resource_limits{{{pod},container="app",resource="memory"}} 1e9\n'
            f'kube_pod_container_resource_limits{{{pod},container="app",resource="cpu"}} 2\n'
            f'{cpu_of}{{{pod},container="app"}} {cpu * 2}\n',
        )
        until(lambda: prometheus.value(f"{cpu_of} / 2") == pytest.approx(cpu))

    uses(0.5, 0.4)
    async with opened("social_live", {"cluster-metrics": {"url": prometheus.url, "every": 60}}) as room:

        def suggested() -> list[tuple[str, Severity, bool]]:
            found = [room.alert(rule) for rule in ("scale-memory", "scale-cpu")]
            return [(one.words, one.severity, one.handling.muted) for one in found if one is not None]

        def stays() -> None:
            assert suggested() == [
                ("the backend uses 90 % of its memory, limit 80 %", Severity.NOTICE, True),
                ("the backend uses 75 % of its CPU, limit 70 %", Severity.NOTICE, True),
            ]
            uses(0.82, 0.65)

        def ends() -> None:
            assert [words for words, _, _ in suggested()] == [
                "the backend uses 82 % of its memory, limit 80 %",
                "the backend uses 65 % of its CPU, limit 70 %",
            ]
            uses(0.74, 0.59)

        async def first() -> None:
            await room.read("cluster-metrics")
            assert suggested() == []

        await first()
        await room.proves(
            "cluster-metrics", "high-memory", severity=Severity.WARNING, hold=900.0,
            words="the backend has used 90 % of its memory for a quarter of an hour, limit 85 %",
            bad=lambda: uses(0.9, 0.75), between=stays, good=ends,
        )  # fmt: skip
        assert suggested() == []
