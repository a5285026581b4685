"""Retrying failed jobs, pausing and resuming: real jobs that really fail, a real Redis, and connections that break."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as client_library
from bullmq import Job as RealJob
from bullmq import Queue as RealQueue
from bullmq import Worker as RealWorker

from probes.base import (
    Cause,
    Context,
    Grant,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Target,
    Truth,
)
from probes.redis.connection import Refusal
from probes.redis.queues.act import QueuesActuator
from probes.redis.queues.act_bullmq import generation
from probes.redis.queues.act_library import MOST, answer
from probes.redis.queues.act_plans import PAUSE, RESUME, RETRY, RETRY_ALL
from probes.redis.queues.facts import FailedJob, Queue, QueuesFacts
from probes.redis.queues.probe import QueuesProbe, QueuesSettings
from tests.probes.acting import ACT, Performed, carried_out, perform, settled
from tests.stack.cacheservers import Redis
from tests.stack.faultproxy import FaultProxy, Mode

ROOT = Path(__file__).parents[2]
SENT = b"$4\r\nEVAL\r\n"
SECRET = "a-test-password"
Connection = Any
"""The driver's client; its replies are typed as anything it might ever be."""


class OneSecret:
    def resolve(self, reference: str) -> str:
        return SECRET


def actuator(url: str, **settings: Any) -> QueuesActuator:
    return QueuesActuator(Target("jobs", "queues", QueuesSettings(url=url, **settings)), Context(OneSecret()))


@pytest.fixture
async def client(redis_server: Redis) -> AsyncIterator[Connection]:
    connection = client_library.Redis(port=redis_server.port)
    await connection.flushall()
    yield connection
    await connection.flushall()
    await connection.aclose()


@pytest.fixture
def act(redis_server: Redis) -> QueuesActuator:
    return actuator(redis_server.url)


@pytest.fixture
def proxy(redis_server: Redis) -> Iterator[FaultProxy]:
    with FaultProxy(redis_server.port) as made:
        yield made


def behind(proxy: FaultProxy, **settings: Any) -> QueuesActuator:
    return actuator(f"redis://127.0.0.1:{proxy.port}/0", **settings)


@asynccontextmanager
async def opened(port: int, user: str | None = None) -> AsyncIterator[Connection]:
    """A driver's client for a server of the test's own."""
    made = client_library.Redis(port=port, username=user, password=SECRET if user else None)
    try:
        yield made
    finally:
        await made.aclose()


# jobs


@dataclass
class Mail:
    """A real queue whose worker fails every job until `well` is set."""

    queue: Any
    options: dict[str, Any]
    well: bool = False
    workers: list[Any] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    async def work(self, job: Any, token: str) -> None:
        self.runs.append(job.id)
        if not self.well:
            raise ValueError(f"Resend: 422 for job {job.id}, run {len(self.runs)}")

    def start(self) -> None:
        self.workers.append(RealWorker("mail", self.work, self.options))

    async def stop(self) -> None:
        for worker in self.workers:
            await worker.close(force=True)
        self.workers.clear()

    async def fail(self, count: int = 1, **options: Any) -> list[str]:
        """Add jobs, and let a worker fail them."""
        ids = [str((await self.queue.add("send", {}, options)).id) for _ in range(count)]
        self.start()
        await until(lambda: self.is_failed(ids), "the jobs have failed")
        await self.stop()
        return ids

    async def is_failed(self, ids: list[str]) -> bool:
        states = [await self.queue.getJobState(id) for id in ids]
        return all(state == "failed" for state in states)


async def until(true: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + 40
    while not await true():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


@pytest.fixture
async def mail(redis_server: Redis, client: Connection) -> AsyncIterator[Mail]:
    options = {"connection": {"host": "127.0.0.1", "port": redis_server.port}}
    made = Mail(RealQueue("mail", options), options)
    yield made
    await made.stop()
    await made.queue.close()


async def laid(client: Connection, queue: str = "mail", ids: tuple[str, ...] = ("1",), version: str = "") -> None:
    """Failed jobs of BullMQ, by their keys."""
    await client.hset(f"bull:{queue}:meta", mapping={"opts.maxLenEvents": "10000", **_version(version)})
    for at, id in enumerate(ids):
        ended = str(1772334761500 + at)
        await client.zadd(f"bull:{queue}:failed", {id: int(ended)})
        fields = {"name": "send", "failedReason": "no", "atm": "1", "finishedOn": ended, "processedOn": ended}
        await client.hset(f"bull:{queue}:{id}", mapping={**fields, "timestamp": ended, "opts": "{}"})


def _version(version: str) -> dict[Any, Any]:
    return {"version": version} if version else {}


async def laid_rq(client: Connection, ids: tuple[str, ...] = ("f1",), queue: str = "mail", **more: str) -> None:
    """Failed jobs of RQ, by their keys."""
    await client.sadd("rq:queues", f"rq:queue:{queue}")
    for at, id in enumerate(ids):
        ended = f"2026-03-01T03:12:41.{at:06d}Z"
        fields = {"status": "failed", "origin": queue, "ended_at": ended, "started_at": ended, "timeout": "180"}
        trace = zlib.compress(b"Traceback\nZeroDivisionError: division by zero\n")
        await client.hset(f"rq:job:{id}", mapping={**fields, "exc_info": trace, **more})
        await client.zadd(f"rq:failed:{queue}", {id: 1900000000 + at})


async def kept(client: Connection) -> dict[str, Any]:
    """All that a Redis holds, without the times of events."""
    found: dict[str, Any] = {}
    for key in await client.keys("*"):
        kind = (await client.type(key)).decode()
        match kind:
            case "string":
                value: Any = await client.get(key)
            case "list":
                value = await client.lrange(key, 0, -1)
            case "hash":
                value = await client.hgetall(key)
            case "zset":
                value = await client.zrange(key, 0, -1, withscores=True)
            case "stream":
                value = [fields for _, fields in await client.xrange(key)]
            case _:
                value = sorted(await client.smembers(key))
        if not key.endswith(b":stalled-check"):
            found[key.decode()] = value
    return found


def result(done: Performed) -> Result:
    return done.outcomes[0].result


def words(done: Performed) -> str:
    return str(done.verdicts[0].words)


# real jobs


@pytest.mark.engine
async def test_a_failed_job_is_taken_again_by_a_real_worker(mail: Mail, act: QueuesActuator) -> None:
    [id] = await mail.fail()
    mail.well = True
    mail.start()
    done = await perform(act, Request("retry", (f"mail/{id}",)))
    [subject] = done.plan.subjects
    assert "after 1 attempt: Resend: 422" in str(subject.before)
    assert str(subject.after) == "waiting again, its attempts count on"
    assert "1 worker is there" in {str(one) for one in subject.felt}
    assert "done twice unless it is idempotent" in str(done.plan.felt[0])
    assert result(done) is Result.DONE
    assert (done.verdicts[0].truth, words(done)) == (Truth.CONFIRMED, "it ran and is done")
    assert mail.runs == [id, id]


@pytest.mark.engine
async def test_a_job_that_fails_again_refutes_it_with_its_new_reason(mail: Mail, act: QueuesActuator) -> None:
    [id] = await mail.fail()
    mail.start()
    done = await perform(act, Request("retry", (f"mail/{id}",)))
    assert done.verdicts[0].truth is Truth.REFUTED
    assert words(done) == f"it ran and failed again: Resend: 422 for job {id}, run 2"


@pytest.mark.engine
async def test_a_job_that_is_tried_again_by_itself_is_not_given_up(mail: Mail, act: QueuesActuator) -> None:
    [id] = await mail.fail(attempts=1)
    await mail.queue.client.hset(f"bull:mail:{id}", "opts", '{"attempts":9,"backoff":{"type":"fixed","delay":60000}}')
    mail.start()
    plan = await act.plan(Request("retry", (f"mail/{id}",)))
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    await until(lambda: _has(mail.queue.client, "bull:mail:delayed"), "it waits for its next try")
    verdict = await act.verify(plan, plan.subjects[0], outcome, 1.0)
    assert verdict.truth is Truth.PENDING
    assert "tried again by itself" in str(verdict.words)


async def _has(client: Connection, key: str) -> bool:
    return bool(await client.exists(key))


@pytest.mark.engine
async def test_without_a_worker_it_waits_and_that_is_said(mail: Mail, act: QueuesActuator) -> None:
    ids = await mail.fail(2)
    done = await perform(act, Request("retry", tuple(f"mail/{id}" for id in ids)))
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED] * 2
    assert str(done.verdicts[1].words) == "it is waiting again, 1 before it; no worker is there to take them"
    assert str(done.plan.subjects[0].felt[-1]) == "no worker is there to take them"


@pytest.mark.engine
async def test_all_failed_jobs_of_a_queue_run_again_and_later_failures_are_left_alone(
    mail: Mail, act: QueuesActuator, client: Connection
) -> None:
    ids = await mail.fail(5)
    plan = await act.plan(Request("retry-all", ("mail",)))
    [late] = await mail.fail()
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert str(plan.subjects[0].before) == "5 failed, 0 waiting"
    assert (outcome.result, str(outcome.words)) == (Result.DONE, "5 set going")
    assert await client.zrange("bull:mail:failed", 0, -1) == [late.encode()]
    mail.well = True
    mail.start()
    await until(lambda: _gone(client, "bull:mail:wait"), "all were taken")
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.CONFIRMED
    assert str(verdict.words).startswith("5 left the failed jobs: ")
    assert sorted(mail.runs[6:]) == sorted(ids)


async def _gone(client: Connection, key: str) -> bool:
    return not await client.exists(key)


@pytest.mark.engine
async def test_of_all_retried_those_that_fail_again_are_counted(mail: Mail, act: QueuesActuator) -> None:
    await mail.fail(4)
    mail.start()
    plan = await act.plan(Request("retry-all", ("mail",)))
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    await until(lambda: mail.is_failed(["1", "2", "3", "4"]), "all have failed again")
    recorded = replace(outcome, facts=tuple(dict(outcome.facts).items()))
    verdict = await actuator(act.settings.url).verify(plan, plan.subjects[0], recorded, 1.0)
    assert verdict.truth is Truth.REFUTED
    assert str(verdict.words).startswith("4 of 4 failed again: Resend: 422")


@pytest.mark.engine
async def test_a_paused_queue_lets_no_worker_take_a_job_until_it_is_resumed(mail: Mail, act: QueuesActuator) -> None:
    paused = await perform(act, Request("pause", ("mail",))) if await mail.fail() else None
    assert paused is not None
    assert (str(paused.plan.undo), paused.outcomes[0].words) == ("resume it", SafeText("paused"))
    assert paused.verdicts[0].truth is Truth.CONFIRMED
    mail.well = True
    mail.start()
    retried = await perform(act, Request("retry", ("mail/1",)))
    assert words(retried) == "it is waiting again, 0 before it; the queue is paused"
    assert mail.runs == ["1"]
    resumed = await perform(act, Request("resume", ("mail",)))
    assert words(resumed).startswith("it is not paused: ")
    await until(lambda: _ran(mail, 2), "the job runs once the queue is resumed")


async def _ran(mail: Mail, times: int) -> bool:
    return len(mail.runs) == times


# the same keys as the library leaves


@pytest.mark.engine
@pytest.mark.parametrize(
    ("request_", "options", "halted"),
    [
        (Request("retry", ("mail/1",)), {}, False),
        (Request("retry", ("mail/1",)), {"lifo": True}, False),
        (Request("retry", ("mail/1",)), {"priority": 3}, False),
        (Request("retry", ("mail/1",)), {"priority": 3}, True),
        (Request("retry-all", ("mail",)), {}, False),
        (Request("pause", ("mail",)), {}, False),
        (Request("resume", ("mail",)), {}, True),
    ],
    ids=["plain", "lifo", "priority", "priority-paused", "all", "pause", "resume"],
)
async def test_what_is_left_in_redis_is_what_the_library_leaves(
    mail: Mail, act: QueuesActuator, client: Connection, request_: Request, options: dict[str, Any], halted: bool
) -> None:
    await mail.fail(2, **options)
    await mail.queue.add("later", {}, {"delay": 600_000})
    if halted:
        await mail.queue.pause()
    before = {key: await client.dump(key) for key in await client.keys("*")}
    done = await perform(act, request_)
    ours = await kept(client)
    await client.flushall()
    for key, value in before.items():
        await client.restore(key, 0, value)
    match request_.action:
        case "retry":
            await (await RealJob.fromId(mail.queue, "1")).retry("failed")
        case "retry-all":
            await mail.queue.retryJobs({"state": "failed", "count": 1000})
        case "pause":
            await mail.queue.pause()
        case "resume":
            await mail.queue.resume()
    assert result(done) is Result.DONE
    assert ours == await kept(client)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("version", "halted", "priority", "where", "marker"),
    [
        ("bullmq:4.18.3", False, 0, "wait", False),
        ("bullmq:4.18.3", True, 0, "paused", False),
        ("bullmq:4.18.3", False, 2, "wait", False),
        ("bullmq:5.81.5", False, 0, "wait", True),
        ("bullmq:5.81.5", True, 0, "paused", False),
        ("bullmq:5.81.5", False, 2, "wait", True),
        ("bullmq:6.7.0", False, 0, "wait", True),
        ("bullmq:6.7.0", True, 0, "wait", False),
        ("bullmq:6.7.0", False, 2, "prioritized", True),
        ("", False, 0, "wait", True),
        ("", True, 0, "paused", False),
        ("", False, 2, "prioritized", True),
    ],
)
async def test_each_version_puts_a_job_where_its_workers_look(
    act: QueuesActuator, client: Connection, version: str, halted: bool, priority: int, where: str, marker: bool
) -> None:
    await laid(client, version=version)
    if halted:
        await client.hset("bull:mail:meta", "paused", "1")
    if priority:
        await client.hset("bull:mail:1", "priority", str(priority))
    done = await perform(act, Request("retry", ("mail/1",)))
    assert result(done) is Result.DONE
    there = [key for key in ("wait", "paused", "prioritized") if await client.exists(f"bull:mail:{key}")]
    assert there == [where]
    assert bool(await client.exists("bull:mail:marker")) is marker
    assert await client.hkeys("bull:mail:1") == [
        name.encode() for name in ("name", "atm", "timestamp", "opts", *(["priority"] if priority else []))
    ]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("version", "paused_as"), [("bullmq:4.18.3", "paused"), ("bullmq:5.81.5", "paused"), ("bullmq:6.7.0", "wait")]
)
async def test_each_version_pauses_in_its_own_way_and_comes_back(
    act: QueuesActuator, client: Connection, version: str, paused_as: str
) -> None:
    await laid(client, version=version)
    await client.rpush("bull:mail:wait", "9", "8")
    await client.zadd("bull:mail:marker", {"0": 0})
    before = await kept(client)
    assert (await perform(act, Request("pause", ("mail",)))).verdicts[0].truth is Truth.CONFIRMED
    assert await client.lrange(f"bull:mail:{paused_as}", 0, -1) == [b"9", b"8"]
    assert (await perform(act, Request("resume", ("mail",)))).verdicts[0].truth is Truth.CONFIRMED
    after = await kept(client)
    assert [event[b"event"] for event in after.pop("bull:mail:events")] == [b"paused", b"resumed"]
    if version.startswith("bullmq:4"):
        assert before == after
    else:
        assert after["bull:mail:marker"] == [(b"0", 0.0)]
        assert before == after


@pytest.mark.engine
async def test_jobs_that_came_in_while_it_was_paused_are_not_lost_when_it_is_resumed(
    act: QueuesActuator, client: Connection
) -> None:
    await laid(client, version="bullmq:5.81.5")
    await client.hset("bull:mail:meta", "paused", "1")
    await client.rpush("bull:mail:paused", "3", "2")
    await client.rpush("bull:mail:wait", "4")
    await perform(act, Request("resume", ("mail",)))
    assert await client.lrange("bull:mail:wait", 0, -1) == [b"4", b"3", b"2"]
    await client.rpush("bull:mail:paused", "1")
    plan = await act.plan(Request("pause", ("mail",)))
    assert (plan.chosen, str(plan.subjects[0].spared)) == ((), "it is paused already")
    assert result(await perform(act, Request("resume", ("mail",)))) is Result.DONE
    assert await client.lrange("bull:mail:wait", 0, -1) == [b"4", b"3", b"2", b"1"]


@pytest.mark.engine
async def test_a_child_that_is_retried_is_waited_for_by_its_parent_again(
    act: QueuesActuator, client: Connection
) -> None:
    await laid(client, version="bullmq:6.7.0")
    await client.hset("bull:mail:1", "parentKey", "bull:orders:7")
    await client.hset("bull:orders:7", "name", "order")
    await client.zadd("bull:orders:7:unsuccessful", {"bull:mail:1": 1})
    await perform(act, Request("retry", ("mail/1",)))
    assert await client.smembers("bull:orders:7:dependencies") == {b"bull:mail:1"}
    assert not await client.exists("bull:orders:7:unsuccessful")


@pytest.mark.engine
async def test_more_failed_jobs_than_one_request_takes_leave_a_rest(act: QueuesActuator, client: Connection) -> None:
    ids = tuple(str(number) for number in range(MOST + 5))
    await client.hset("bull:mail:meta", "version", "bullmq:5.81.5")
    async with client.pipeline(transaction=False) as batch:
        for at, id in enumerate(ids):
            batch.zadd("bull:mail:failed", {id: 1772334761500 + at})
            batch.hset(f"bull:mail:{id}", mapping={"name": "send", "timestamp": "1", "finishedOn": "1", "atm": "1"})
        await batch.execute()
    done = await perform(act, Request("retry-all", ("mail",)))
    assert str(done.plan.subjects[0].after) == "1,000 waiting again; 5 are left for another time"
    assert (result(done), str(done.outcomes[0].words)) == (Result.PARTIAL, "1000 set going, 5 left")
    assert (done.verdicts[0].truth, words(done)) == (Truth.REFUTED, "5 of 1005 are still among the failed jobs")
    assert await client.llen("bull:mail:wait") == MOST
    again = await perform(act, Request("retry-all", ("mail",)))
    assert (result(again), await client.zcard("bull:mail:failed")) == (Result.DONE, 0)


@pytest.mark.engine
async def test_an_id_whose_job_is_gone_is_left_and_counted(act: QueuesActuator, client: Connection) -> None:
    await laid(client, ids=("1", "2"))
    await client.delete("bull:mail:1")
    done = await perform(act, Request("retry-all", ("mail",)))
    assert (result(done), str(done.outcomes[0].words)) == (Result.PARTIAL, "1 set going, 1 left, of which 1 can't be")
    assert await client.lrange("bull:mail:wait", 0, -1) == [b"2"]
    plan = await act.plan(Request("retry", ("mail/1",)))
    assert (plan.chosen, str(plan.subjects[0].spared)) == ((), "its data is gone, only its id is kept")


# RQ


@pytest.mark.engine
async def test_an_rq_job_goes_back_to_its_queue_as_rq_itself_does_it(act: QueuesActuator, client: Connection) -> None:
    await laid_rq(client, ("f1", "f2"))
    await client.rpush("rq:queue:mail", "w1")
    done = await perform(act, Request("retry", ("mail/f1",)))
    assert done.plan.command == (f"rq requeue --url {act.settings.url} --queue mail f1",)
    assert "ZeroDivisionError: division by zero" in str(done.plan.subjects[0].before)
    assert (result(done), done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    assert words(done) == "it is waiting again, 1 before it; no worker is there to take them"
    assert await client.lrange("rq:queue:mail", 0, -1) == [b"w1", b"f1"]
    assert await client.zrange("rq:failed:mail", 0, -1) == [b"f2"]
    job = await client.hgetall("rq:job:f1")
    assert (job[b"status"], job[b"ended_at"], job[b"started_at"]) == (b"queued", b"", b"")
    assert zlib.decompress(job[b"exc_info"]) == b""
    assert abs(time.time() - _seconds(job[b"enqueued_at"])) < 30


def _seconds(raw: bytes) -> float:
    from probes.redis.queues.rq import moment

    return moment(raw) or 0.0


@pytest.mark.engine
async def test_all_failed_rq_jobs_go_back_but_those_rq_alone_can_place(act: QueuesActuator, client: Connection) -> None:
    await laid_rq(client, ("f1", "f2", "f3"))
    await client.hset("rq:job:f2", mapping={"rate_limit_key": "mail", "rate_limit_concurrency": "1"})
    await client.hset("rq:job:f3", "ttl", "500")
    done = await perform(act, Request("retry-all", ("mail",)))
    assert (result(done), str(done.outcomes[0].words)) == (Result.PARTIAL, "2 set going, 1 left, of which 1 can't be")
    assert await client.lrange("rq:queue:mail", 0, -1) == [b"f1", b"f3"]
    assert 490 < await client.ttl("rq:job:f3") <= 500
    plan = await act.plan(Request("retry", ("mail/f2",)))
    assert "rate limit" in str(plan.subjects[0].spared)


@pytest.mark.engine
async def test_rq_jobs_that_fail_after_the_look_are_left_alone(act: QueuesActuator, client: Connection) -> None:
    await laid_rq(client, ("f1", "f2"))
    plan = await act.plan(Request("retry-all", ("mail",)))
    await client.hset("rq:job:f2", "ended_at", "2999-01-01T00:00:00.000000Z")
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert str(outcome.words) == "1 set going"
    assert await client.zrange("rq:failed:mail", 0, -1) == [b"f2"]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("fields", "truth", "said"),
    [
        ({"status": "started"}, Truth.CONFIRMED, "taken by a worker"),
        ({"status": "finished"}, Truth.CONFIRMED, "it ran and is done"),
        ({"status": "failed", "ended_at": "2026-03-01T03:20:00.000000Z"}, Truth.REFUTED, "failed again"),
        ({"status": "scheduled"}, Truth.PENDING, "tried again by itself"),
        ({"status": "canceled"}, Truth.CONFIRMED, "done, or removed"),
    ],
)
async def test_what_became_of_an_rq_job_is_told(
    act: QueuesActuator, client: Connection, fields: dict[str, str], truth: Truth, said: str
) -> None:
    await laid_rq(client)
    plan = await act.plan(Request("retry", ("mail/f1",)))
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    await client.hset("rq:job:f1", mapping=fields)
    verdict = await act.verify(plan, plan.subjects[0], outcome, 5.0)
    assert (verdict.truth, said in str(verdict.words)) == (truth, True)


@pytest.mark.engine
async def test_rq_workers_that_are_suspended_take_nothing(act: QueuesActuator, client: Connection) -> None:
    await laid_rq(client)
    await client.set("rq:suspended", "1")
    done = await perform(act, Request("retry", ("mail/f1",)))
    assert words(done).endswith("all RQ workers are suspended")
    plan = await act.plan(Request("pause", ("mail",)))
    assert str(plan.subjects[0].spared) == "RQ can't pause one queue: rq suspend halts all workers"


# the wrong target


async def refused(act: QueuesActuator, plan: Plan, proxy: FaultProxy, said: str) -> None:
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.REFUSED, [])
    assert said in str(outcome.words)
    assert proxy.seen(SENT) == 0


async def _retried(client: Connection) -> None:
    await client.zrem("bull:mail:failed", "1")
    await client.lpush("bull:mail:wait", "1")


async def _failed_again(client: Connection) -> None:
    await client.hset("bull:mail:1", mapping={"finishedOn": "1772334799999", "atm": "2"})
    await client.zadd("bull:mail:failed", {"1": 1772334799999})


async def _another_of_that_id(client: Connection) -> None:
    await client.delete("bull:mail:1")
    await client.hset("bull:mail:1", mapping={"name": "other", "finishedOn": "1772334799999", "atm": "1"})


async def _removed(client: Connection) -> None:
    await client.delete("bull:mail:1", "bull:mail:failed")


async def _upgraded(client: Connection) -> None:
    await client.hset("bull:mail:meta", "version", "bullmq:6.7.0")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (_retried, "not among the failed jobs any more"),
        (_failed_again, "failed at 1772334761500 -> 1772334799999"),
        (_another_of_that_id, "failed at 1772334761500 -> 1772334799999"),
        (_removed, "not among the failed jobs any more"),
        (_upgraded, "version none -> bullmq:6.7.0"),
    ],
)
async def test_a_job_that_is_another_one_by_now_is_not_touched(
    client: Connection, proxy: FaultProxy, happens: Callable[[Connection], Awaitable[None]], said: str
) -> None:
    await laid(client)
    act = behind(proxy)
    plan = await act.plan(Request("retry", ("mail/1",)))
    await happens(client)
    await refused(act, plan, proxy, f"changed since you looked: {said}" if "->" in said else said)


@pytest.mark.engine
@pytest.mark.parametrize("happens", [_retried, _failed_again, _removed, _upgraded])
async def test_a_job_that_changes_after_the_last_look_is_refused_by_the_script_itself(
    client: Connection, act: QueuesActuator, happens: Callable[[Connection], Awaitable[None]]
) -> None:
    await laid(client)
    plan = await act.plan(Request("retry", ("mail/1",)))
    after: list[dict[str, Any]] = []

    async def sending() -> None:
        await happens(client)
        after.append(await kept(client))

    outcome = await act.carry_out(plan, plan.subjects[0], ACT, sending)
    assert outcome.result is Result.REFUSED
    assert str(outcome.words).startswith("changed since you looked: ")
    assert after == [await kept(client)]


@pytest.mark.engine
async def test_an_rq_job_that_runs_meanwhile_is_not_touched(client: Connection, proxy: FaultProxy) -> None:
    await laid_rq(client)
    act = behind(proxy)
    plan = await act.plan(Request("retry", ("mail/f1",)))
    await client.hset("rq:job:f1", "ended_at", "2026-03-01T09:00:00.000000Z")
    await refused(act, plan, proxy, "failed at 2026-03-01T03:12:41.000000Z -> 2026-03-01T09:00:00.000000Z")
    await client.zrem("rq:failed:mail", "f1")
    await refused(act, plan, proxy, "not among the failed jobs any more")


@pytest.mark.engine
async def test_somebody_else_was_faster_after_the_last_look(client: Connection, act: QueuesActuator) -> None:
    await laid(client, ids=("1", "2"))
    plan = await act.plan(Request("retry-all", ("mail",)))

    async def sending() -> None:
        await client.delete("bull:mail:failed")

    outcome = await act.carry_out(plan, plan.subjects[0], ACT, sending)
    assert (outcome.result, str(outcome.words)) == (
        Result.REFUSED, "changed since you looked: none of them is failed any more",
    )  # fmt: skip


@pytest.mark.engine
async def test_somebody_else_was_faster_with_all_of_them(client: Connection, proxy: FaultProxy) -> None:
    await laid(client, ids=("1", "2"))
    act = behind(proxy)
    plan = await act.plan(Request("retry-all", ("mail",)))
    await client.delete("bull:mail:failed")
    await refused(act, plan, proxy, "2 failed -> none of them is any more")


@pytest.mark.engine
@pytest.mark.parametrize(("verb", "now"), [("pause", "1"), ("resume", "")])
async def test_a_queue_that_somebody_else_paused_or_resumed_is_not_touched(
    client: Connection, proxy: FaultProxy, verb: str, now: str
) -> None:
    await laid(client)
    if verb == "resume":
        await client.hset("bull:mail:meta", "paused", "1")
    act = behind(proxy)
    plan = await act.plan(Request(verb, ("mail",)))
    await (client.hset("bull:mail:meta", "paused", now) if now else client.hdel("bull:mail:meta", "paused"))
    await refused(act, plan, proxy, "paused no -> yes" if verb == "pause" else "paused yes -> no")


@pytest.mark.engine
async def test_another_redis_at_the_same_address_is_not_touched(
    redis_server: Redis, client: Connection, new_redis: Callable[..., Redis]
) -> None:
    await laid(client)
    other = new_redis()
    async with opened(other.port) as elsewhere:
        await laid(elsewhere)
    with FaultProxy(redis_server.port) as proxy:
        act = behind(proxy)
        plan = await act.plan(Request("retry", ("mail/1",)))
        proxy.upstream = other.port
        await refused(act, plan, proxy, "it was restarted or replaced")
        verdict = await act.verify(plan, plan.subjects[0], Outcome(Result.UNKNOWN, SafeText()), 9.0)
    assert verdict.truth is Truth.UNKNOWN


@pytest.mark.engine
async def test_a_server_that_became_a_replica_is_not_touched(new_redis: Callable[..., Redis]) -> None:
    server = new_redis()
    async with opened(server.port) as client:
        await laid(client)
        with FaultProxy(server.port) as proxy:
            act = behind(proxy)
            plan = await act.plan(Request("retry", ("mail/1",)))
            await client.execute_command("REPLICAOF", "127.0.0.1", "1")
            await refused(act, plan, proxy, "master -> replica")
        with pytest.raises(ProbeError) as raised:
            await actuator(server.url).plan(Request("retry", ("mail/1",)))
    assert raised.value.cause is Cause.DENIED


@pytest.mark.engine
async def test_another_database_is_another_place(redis_server: Redis, client: Connection) -> None:
    await laid(client)
    zero, one = actuator(redis_server.url), actuator(redis_server.url, db=1)
    plan = await zero.plan(Request("retry", ("mail/1",)))
    outcome = await carried_out(one, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    with pytest.raises(ProbeError) as raised:
        await one.plan(Request("retry", ("mail/1",)))
    assert raised.value.cause is Cause.GONE


# at most once


BREAKS = [
    (Mode.LOSE, Truth.CONFIRMED),
    (Mode.RESET, Truth.REFUTED),
    (Mode.CLOSE, Truth.REFUTED),
    (Mode.GARBAGE, Truth.REFUTED),
    (Mode.SILENT, Truth.REFUTED),
    (Mode.TRUNCATE, Truth.CONFIRMED),
    (Mode.RESET_LATER, Truth.CONFIRMED),
]


@pytest.mark.engine
@pytest.mark.parametrize("request_", [Request("retry", ("mail/1",)), Request("retry-all", ("mail",))])
@pytest.mark.parametrize(("mode", "truth"), BREAKS, ids=lambda value: getattr(value, "value", ""))
@pytest.mark.once
async def test_a_broken_connection_sends_it_once_and_is_unknown_until_it_is_looked_at(
    redis_server: Redis, client: Connection, proxy: FaultProxy, mode: Mode, truth: Truth, request_: Request
) -> None:
    await laid(client)
    act = behind(proxy)
    plan = await act.plan(request_)
    proxy.become(mode, when=b"EVAL")
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.UNKNOWN, [plan.subjects[0].key])
    later = actuator(redis_server.url)
    verdict = await later.verify(plan, plan.subjects[0], outcome, 10.0)
    assert verdict.truth is truth, verdict
    assert proxy.seen(SENT) == 1
    assert await client.lrange("bull:mail:wait", 0, -1) == ([b"1"] if truth is Truth.CONFIRMED else [])


@pytest.mark.engine
async def test_a_request_without_an_answer_is_waited_for_before_it_is_called_lost(
    redis_server: Redis, client: Connection, act: QueuesActuator
) -> None:
    await laid(client)
    for request in (Request("retry", ("mail/1",)), Request("retry-all", ("mail",)), Request("pause", ("mail",))):
        plan = await act.plan(request)
        unknown = Outcome(Result.UNKNOWN, SafeText("no answer"))
        assert (await act.verify(plan, plan.subjects[0], unknown, 0.5)).truth is Truth.PENDING
        assert (await act.verify(plan, plan.subjects[0], unknown, 5.0)).truth is Truth.REFUTED


@pytest.mark.engine
async def test_an_abort_while_it_waits_leaves_it_unknown_and_is_not_repeated(
    client: Connection, proxy: FaultProxy
) -> None:
    await laid(client)
    act = behind(proxy)
    plan = await act.plan(Request("retry", ("mail/1",)))
    proxy.become(Mode.SILENT, when=b"EVAL")
    sent: list[str] = []
    task = asyncio.ensure_future(carried_out(act, plan, plan.subjects[0], sent))
    await until(lambda: _seen(proxy), "the script is on its way")
    act.abort()
    async with asyncio.timeout(15):
        outcome = await task
    assert outcome.result is Result.UNKNOWN
    assert (proxy.seen(SENT), len(sent)) == (1, 1)
    await act.close()


async def _seen(proxy: FaultProxy) -> bool:
    return proxy.seen(SENT) == 1


@pytest.mark.engine
async def test_a_connection_cut_before_the_request_leaves_sends_nothing_over_a_new_one(
    client: Connection, proxy: FaultProxy
) -> None:
    await laid(client)
    act = behind(proxy)
    plan = await act.plan(Request("retry", ("mail/1",)))

    async def sending() -> None:
        act.abort()

    outcome = await act.carry_out(plan, plan.subjects[0], ACT, sending)
    assert (outcome.result, proxy.seen(SENT)) == (Result.FAILED, 0)
    assert proxy.connections == 2


@pytest.mark.engine
async def test_a_server_that_can_not_be_reached_has_been_sent_nothing(client: Connection, proxy: FaultProxy) -> None:
    await laid(client)
    act = behind(proxy)
    plan = await act.plan(Request("retry", ("mail/1",)))
    for mode in (Mode.REFUSE, Mode.CLOSE, Mode.GARBAGE):
        proxy.become(mode)
        sent: list[str] = []
        outcome = await carried_out(act, plan, plan.subjects[0], sent)
        assert (outcome.result, sent) == (Result.FAILED, [])
        assert outcome.words
        with pytest.raises(ProbeError):
            await act.plan(Request("retry", ("mail/1",)))
    assert proxy.seen(SENT) == 0


# the server says no


@pytest.mark.engine
async def test_a_server_out_of_memory_says_so_and_no_job_is_lost(new_redis: Callable[..., Redis]) -> None:
    server = new_redis()
    async with opened(server.port) as client:
        for lay, row in ((laid, "mail/1"), (laid_rq, "post/f1")):
            await (lay(client) if lay is laid else laid_rq(client, queue="post"))
            act = actuator(server.url)
            plan = await act.plan(Request("retry", (row,)))
            before = await kept(client)
            await client.config_set("maxmemory", "1")
            outcome = await carried_out(act, plan, plan.subjects[0], [])
            await client.config_set("maxmemory", "0")
            assert outcome.result is Result.FAILED
            assert "out of memory" in str(outcome.words)
            assert await kept(client) == before


@pytest.mark.engine
async def test_a_replica_since_the_last_look_says_no(new_redis: Callable[..., Redis]) -> None:
    server = new_redis()
    async with opened(server.port) as client:
        await laid(client)
        act = actuator(server.url)
        plan = await act.plan(Request("retry", ("mail/1",)))

        async def sending() -> None:
            await client.execute_command("REPLICAOF", "127.0.0.1", "1")

        outcome = await act.carry_out(plan, plan.subjects[0], ACT, sending)
        assert (outcome.result, "is a replica" in str(outcome.words)) == (Result.FAILED, True)
        assert await client.zrange("bull:mail:failed", 0, -1) == [b"1"]


@pytest.mark.parametrize(
    ("text", "result_", "said"),
    [
        ("BUSY Redis is busy running a script.", Result.FAILED, "busy with a script"),
        ("LOADING Redis is loading the dataset in memory", Result.FAILED, "loading"),
        ("MISCONF Redis is configured to save RDB snapshots", Result.FAILED, "can't save"),
        ("MOVED 3999 10.0.0.9:6381", Result.FAILED, "one node of a cluster"),
        ("READONLY You can't write against a read only replica.", Result.FAILED, "takes no writes"),
        ("NOPERM this user has no permissions to run the 'eval' command", Result.FAILED, "may not"),
        ("ERR unknown command 'EVAL', with args beginning with:", Result.FAILED, "does not know"),
        ("NOPERM ... script: 6b2e, on @user_script:30.", Result.UNKNOWN, "ended with an error"),
        ("ERR user_script:31: attempt to \x1b[2J index", Result.UNKNOWN, "ended with an error"),
        ("WRONGTYPE Operation against a key script: 7b", Result.UNKNOWN, "ended with an error"),
    ],
)
def test_an_error_reply_is_a_no_only_when_nothing_was_written(text: str, result_: Result, said: str) -> None:
    outcome = answer(Refusal(text.split(" ", 1)[0], text), "db1:6379")
    assert (outcome.result, said in str(outcome.words)) == (result_, True)
    assert "\x1b" not in str(outcome.words)


@pytest.mark.parametrize("reply", [None, 1, b"OK", [], [b"done"], [b"done", b"1", b"0", b"0"], [b"changed"]])
def test_a_reply_that_no_script_of_ours_gives_is_unknown(reply: object) -> None:
    assert answer(reply, "db1:6379").result is Result.UNKNOWN


@pytest.mark.engine
async def test_a_key_that_holds_something_else_is_not_written_to(act: QueuesActuator, client: Connection) -> None:
    await laid(client)
    await client.set("bull:mail:marker", "x")
    before = await kept(client)
    done = await perform(act, Request("retry", ("mail/1",)))
    assert (result(done), "bull:mail:marker" in str(done.outcomes[0].words)) == (Result.FAILED, True)
    assert await kept(client) == before


@pytest.mark.engine
@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("+@all -eval -config", "our user may not do this"),
        ("+@all -zrem", "ZREM"),
        ("+@all -type", "TYPE"),
        ("+@all -xadd", "XADD"),
        ("-@all +@read +@connection +info +time +eval", "LPUSH"),
    ],
)
async def test_a_right_that_is_missing_is_named_and_nothing_is_half_done(
    redis_server: Redis, client: Connection, rules: str, said: str
) -> None:
    await laid(client)
    await client.execute_command("ACL", "SETUSER", "hand", "reset", "on", "nopass", "~*", *rules.split())
    act = actuator(redis_server.url.replace("redis://", "redis://hand:x@"))
    before = await kept(client)
    try:
        done = await perform(act, Request("retry", ("mail/1",)))
    finally:
        await client.execute_command("ACL", "DELUSER", "hand")
    assert (result(done), said in str(done.outcomes[0].words)) == (Result.FAILED, True)
    assert await kept(client) == before


# rows


def facts(*queues: Queue, failed: tuple[FailedJob, ...] = ()) -> QueuesFacts:
    return QueuesFacts(queues, failed=failed)


def job(queue: str, id: str) -> FailedJob:
    return FailedJob(SafeText(queue), SafeText(id), SafeText("send"), SafeText("no"))


MAIL = Queue(SafeText("mail"), "bullmq", failed=61, waiting=3)


@pytest.mark.parametrize(
    ("given", "rows", "offered"),
    [
        (facts(MAIL), ("mail",), {"retry-all": "", "pause": "", "resume": "it is not paused"}),
        (
            facts(Queue(SafeText("mail"), "bullmq", failed=0, paused=True)),
            ("mail",),
            {"retry-all": "none of its jobs has failed", "pause": "it is paused already", "resume": ""},
        ),
        (
            facts(Queue(SafeText("mail"), "rq", failed=2)),
            ("mail",),
            {"retry-all": "", "pause": "RQ can't pause one queue: rq suspend halts all workers"},
        ),
        (facts(Queue(SafeText("mail"), "celery")), ("mail",), {"retry-all": "Celery keeps no failed task"}),
        (facts(Queue(SafeText("mail"), "list")), ("mail",), {"retry-all": "a plain list keeps no failed jobs"}),
        (facts(Queue(SafeText("o/g"), "stream")), ("o/g",), {"retry-all": "a stream keeps no failed jobs"}),
        (facts(Queue(SafeText("mail"), "", missing=True)), ("mail",), {"retry-all": "there is no such queue"}),
        (facts(MAIL, failed=(job("mail", "17"),)), ("mail/17",), {"retry": ""}),
        (facts(MAIL, failed=(job("mail", "17"), job("mail", "18"))), ("mail/17", "mail/18"), {"retry": ""}),
        (
            facts(Queue(SafeText("default"), "sidekiq"), failed=(job("default", "9"),)),
            ("default/9",),
            {"retry": "Sidekiq's failed jobs are retried on its own page or in its console"},
        ),
        (facts(MAIL, failed=(job("mail", "17"),)), ("mail", "mail/17"), {"retry": "queues and failed jobs are chosen"}),
        (facts(MAIL), ("mail/99",), {}),
        (facts(MAIL), ("127.0.0.1:5123",), {}),
        (facts(MAIL), (), {}),
    ],
)
def test_every_row_offers_what_makes_sense(given: QueuesFacts, rows: tuple[str, ...], offered: dict[str, str]) -> None:
    found = {offer.action.name: offer.refused for offer in actuator("redis://h").offers(given, rows)}
    assert bool(found) is bool(offered)
    for name, reason in offered.items():
        assert found[name].startswith(reason) if reason else found[name] == ""


@pytest.mark.engine
@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        (Request("retry", ("mail/99",)), Cause.GONE),
        (Request("retry", ("nowhere/1",)), Cause.GONE),
        (Request("retry", ("mail",)), Cause.GONE),
        (Request("retry-all", ("nowhere",)), Cause.GONE),
        (Request("retry-all", ("mail/1",)), Cause.GONE),
        (Request("pause", ("plain",)), Cause.MISSING),
        (Request("retry-all", ("celery",)), Cause.MISSING),
        (Request("retry", ()), Cause.MISSING),
        (Request("retry", ("mail/1",), 3), Cause.MISSING),
        (Request("purge", ("mail",)), Cause.MISSING),
    ],
)
async def test_what_is_not_there_or_can_not_be_done_has_no_plan(
    act: QueuesActuator, client: Connection, request_: Request, cause: Cause
) -> None:
    await laid(client)
    await client.rpush("plain", "a")
    await client.sadd("_kombu.binding.celery", "celery\x06\x16\x06\x16celery")
    with pytest.raises(ProbeError) as raised:
        await act.plan(request_)
    assert raised.value.cause is cause


@pytest.mark.engine
@pytest.mark.parametrize(
    "name", ["-x", "--all", "a; rm -rf /", "$(reboot)", "a'b\"c", "a/b", "é 漢", "a\nb", "\x1b[2J"]
)
async def test_a_name_is_never_more_than_a_name(redis_server: Redis, client: Connection, name: str) -> None:
    await laid(client, name, (name, "other"))
    act = actuator(redis_server.url, queues=(name, "mail"))
    shown = str(SafeText(name))
    done = await perform(act, Request("retry", (f"{shown}/{shown}",)))
    assert result(done) is Result.DONE
    assert await client.lrange(f"bull:{name}:wait", 0, -1) == [name.encode()]
    assert await client.zrange(f"bull:{name}:failed", 0, -1) == [b"other"]
    assert (await perform(act, Request("retry-all", (shown,)))).outcomes[0].result is Result.DONE


@pytest.mark.engine
async def test_a_queue_of_bullmq_pro_is_left_to_its_library(act: QueuesActuator, client: Connection) -> None:
    await laid(client, version="bullmq-pro:7.1.0")
    for request in (Request("retry", ("mail/1",)), Request("retry-all", ("mail",)), Request("pause", ("mail",))):
        plan = await act.plan(request)
        assert plan.chosen == ()
        assert plan.subjects[0].barred
        assert "BullMQ Pro" in str(plan.subjects[0].spared)


@pytest.mark.engine
async def test_a_plan_says_where_and_what_a_person_would_have_typed(act: QueuesActuator, client: Connection) -> None:
    await laid(client)
    plan = await act.plan(Request("retry", ("mail/1",)))
    assert str(plan.place).startswith("BullMQ in ")
    assert f"at 127.0.0.1:{act.settings.url.rpartition(':')[2].partition('/')[0]}, database 0" in str(plan.place)
    assert dict(plan.pin).keys() == {"run", "database"}
    assert plan.command[0].endswith("-- bull mail 1")
    assert "by hand" in str(plan.notes[0])
    assert (plan.action.danger, plan.undo) == (RETRY.danger, SafeText())
    assert RETRY_ALL.grave
    assert {PAUSE.name, RESUME.name} == {"pause", "resume"}


@pytest.mark.parametrize(
    ("version", "number"),
    [("bullmq:3.15.0", "4"), ("bullmq:5.0.0", "5"), ("bullmq:9.1.0", "6"), ("", "?"), ("nonsense", "?")],
)
def test_a_version_tells_its_rules(version: str, number: str) -> None:
    assert generation(version) == number


# rights, and the users that contrib/ describes


@pytest.fixture
def guarded(new_redis: Callable[..., Redis], tmp_path: Path) -> Redis:
    """A server with the users of contrib/redis, who have a password."""
    users = tmp_path / "users.acl"
    users.write_text("".join((ROOT / "contrib/redis" / f"opsroom_{one}.acl").read_text() for one in ("read", "act")))
    server = new_redis("--aclfile", str(users))
    for one in ("read", "act"):
        assert server.command("ACL", "SETUSER", f"opsroom_{one}", f">{SECRET}") == "+OK\r\n"
    return server


@asynccontextmanager
async def reading(server: Redis, user: str, **settings: Any) -> AsyncIterator[QueuesProbe]:
    chosen = QueuesSettings(url=server.url, username=user, password="env:X", **settings)
    made = QueuesProbe(Target("jobs", "queues", chosen), Context(OneSecret()))
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.engine
async def test_the_reading_user_reads_everything_and_acts_on_nothing(guarded: Redis) -> None:
    async with opened(guarded.port) as client:
        await laid(client)
        await laid_rq(client, queue="post")
    for kind, name, row in (("bullmq", "mail", "mail/1"), ("rq", "post", "post/f1")):
        async with reading(guarded, "opsroom_read", type=kind, queues=(name,)) as probe:
            snapshot = await probe.read()
        assert (snapshot.gaps, snapshot.facts.queues[0].failed) == ((), 1)
        act = actuator(guarded.url, username="opsroom_read", password="env:X", type=kind)
        done = await perform(act, Request("retry", (row,)))
        assert (result(done), "may not" in str(done.outcomes[0].words)) == (Result.FAILED, True)
        grants = {right.name: right.grant for right in await act.rights()}
        assert grants["run scripts (EVAL)"] is Grant.MISSING


@pytest.mark.engine
async def test_the_acting_user_can_do_every_act_and_nothing_more(guarded: Redis) -> None:
    async with opened(guarded.port) as client:
        await laid(client, ids=("1", "2"))
        await laid_rq(client, ("f1", "f2"), queue="post")
    act = actuator(guarded.url, username="opsroom_act", password="env:X", type="bullmq")
    other = actuator(guarded.url, username="opsroom_act", password="env:X", type="rq")
    for one, request in (
        (act, Request("retry", ("mail/1",))),
        (act, Request("retry-all", ("mail",))),
        (act, Request("pause", ("mail",))),
        (act, Request("resume", ("mail",))),
        (other, Request("retry", ("post/f1",))),
        (other, Request("retry-all", ("post",))),
    ):
        done = await perform(one, request)
        assert (result(done), done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED), done
    for one in (act, other):
        assert {right.grant for right in await one.rights()} == {Grant.HELD}


FORBIDDEN = (
    "FLUSHALL", "FLUSHDB", "CONFIG GET *", "CONFIG SET maxmemory 1", "KEYS *", "SHUTDOWN NOSAVE", "BGSAVE",
    "ACL LIST", "ACL SETUSER x", "SCRIPT FLUSH", "REPLICAOF NO ONE", "CLIENT KILL 1", "MONITOR", "GET cache:1",
    "SET cache:1 x", "DEL session:1", "UNLINK bull:mail:wait", "SAVE", "MODULE LIST", "SWAPDB 0 1",
)  # fmt: skip


@pytest.mark.engine
@pytest.mark.parametrize("user", ["opsroom_read", "opsroom_act"])
async def test_what_the_users_need_not_they_may_not(guarded: Redis, user: str) -> None:
    async with opened(guarded.port, user) as client:
        answers: dict[str, str] = {}
        for command in FORBIDDEN:
            try:
                answers[command] = str(await client.execute_command(*command.split()))
            except client_library.ResponseError as error:
                answers[command] = str(error)
    assert [command for command, said in answers.items() if "permission" not in said] == []


@pytest.mark.engine
async def test_a_user_who_may_do_everything_is_told_what_is_too_much(act: QueuesActuator, client: Connection) -> None:
    before = await kept(client)
    rights = await act.rights()
    assert {right.name for right in rights if right.grant is Grant.EXCESS} >= {
        "empty the whole Redis", "change the server's settings", "list every key in one go (KEYS)",
    }  # fmt: skip
    assert not [right for right in rights if right.grant is Grant.MISSING]
    assert await kept(client) == before
