"""The queues kind: its flow alone, every dialect against odd replies, and real keys in a real server."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis.asyncio as client_library
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from desk.alert import Alert
from desk.board import Slot
from desk.rules import RuleBook, placeholders
from probes.base import Cause, Context, ProbeError, SafeText, Severity, Snapshot, Target
from probes.redis.connection import Command, Refusal
from probes.redis.queues import bullmq, celery, rq, sidekiq, streams
from probes.redis.queues.catalogue import Catalogue
from probes.redis.queues.dialect import Counters, Part
from probes.redis.queues.durations import EVERY
from probes.redis.queues.facts import Outlook, Queue, QueuesFacts, Took
from probes.redis.queues.flow import Flow
from probes.redis.queues.gauges import measured
from probes.redis.queues.lists import Lists
from probes.redis.queues.probe import QueuesProbe, QueuesSettings
from tests.stack.cacheservers import Redis

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
MAIL = SafeText("mail")


@dataclass
class Clock:
    """Time that moves only when a test moves it."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000)


class RealClock(Clock):
    """For what real programs do in their own time."""

    def monotonic(self) -> float:
        return time.monotonic()


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


def probe(url: str, clock: Clock | None = None, **settings: Any) -> QueuesProbe:
    clock = clock or Clock()
    context = Context(NoSecrets(), clock.monotonic, clock.now, "tester")
    return QueuesProbe(Target("jobs", "queues", QueuesSettings(url=url, **settings)), context)


@asynccontextmanager
async def opened(made: QueuesProbe) -> AsyncIterator[QueuesProbe]:
    try:
        yield made
    finally:
        await made.close()


class Judge:
    """The rules of the kind over readings."""

    def __init__(self, clock: Clock) -> None:
        self.made = probe("redis://h")
        self.book = RuleBook("jobs", self.made.rules, self.made.gauges)
        self.clock = clock

    def __call__(self, snapshot: Snapshot[Any]) -> list[Alert]:
        slot = Slot(self.made.target, 0.0, snapshot=snapshot, received=self.clock.seconds)
        return list(self.book.judge(slot, self.clock.seconds, self.clock.now()))

    def of(self, *queues: Queue) -> list[Alert]:
        facts = QueuesFacts(queues)
        return self(Snapshot("jobs", NOW, 0.0, facts, measured(facts).values))


# flow


def followed(readings: Sequence[tuple[float | None, Counters]], every: float = 2.0, **of: Any) -> Queue:
    """The queue after these readings of (waiting, counters)."""
    flow = Flow()
    queue = Queue(MAIL, "bullmq")
    for number, (waiting, counters) in enumerate(readings):
        queue = flow.follow(Queue(MAIL, "bullmq", waiting=waiting, **of), counters, 1000 + number * every)
    return queue


def test_one_reading_tells_no_movement() -> None:
    queue = followed([(5, Counters(added=9, taken=4))])
    assert (queue.growth, queue.arrived, queue.drained, queue.outlook) == (None, None, None, Outlook.UNKNOWN)


def test_a_queue_that_only_grows_is_never_empty() -> None:
    queue = followed([(80 * n, Counters(80 * n, 0)) for n in range(6)])
    assert (queue.growth, queue.arrived, queue.drained) == (40, 40, 0)
    assert (queue.outlook, queue.empty_in, queue.stuck) == (Outlook.NEVER, None, 10)


def test_a_queue_that_falls_is_empty_when_its_rate_says_so() -> None:
    queue = followed([(400 - 20 * n, Counters(10 * n, 30 * n)) for n in range(6)])
    assert (queue.growth, queue.drained) == (-10, 15)
    assert (queue.outlook, queue.empty_in, queue.stuck) == (Outlook.DRAINS, 30, 0)


def test_a_queue_in_balance_keeps_pace() -> None:
    queue = followed([(12, Counters(20 * n, 20 * n)) for n in range(6)])
    assert (queue.outlook, queue.empty_in) == (Outlook.STEADY, None)


def test_a_sudden_growth_is_told_at_once_and_not_smoothed_away() -> None:
    calm: list[tuple[float | None, Counters]] = [(0, Counters()) for _ in range(8)]
    queue = followed([*calm, *((80 * n, Counters()) for n in range(1, 4))])
    assert queue.growth == pytest.approx(40)


def test_growth_is_measured_anew_when_the_last_worker_goes() -> None:
    flow = Flow()
    for number in range(8):
        flow.follow(Queue(MAIL, "bullmq", waiting=700 - 26 * number, workers=2), Counters(), 1000 + 2 * number)
    flow.follow(Queue(MAIL, "bullmq", waiting=526, workers=0), Counters(), 1016)
    assert flow.follow(Queue(MAIL, "bullmq", waiting=534, workers=0), Counters(), 1018).growth == 4


def test_nothing_is_taken_while_one_end_stays() -> None:
    queue = followed([(5 + n, Counters(ends=(str(n).encode(), b"last"))) for n in range(31)])
    assert queue.stuck == 58  # from the second reading on: the first has nothing to compare with


def test_a_list_whose_both_ends_change_is_worked_on() -> None:
    queue = followed([(5, Counters(ends=(str(n).encode(), str(-n - 9).encode()))) for n in range(31)])
    assert queue.stuck == 0


def test_where_nothing_tells_what_was_taken_nothing_is_said_to_be_stuck() -> None:
    assert followed([(5, Counters()) for _ in range(31)]).stuck is None


def test_a_paused_queue_is_not_stuck() -> None:
    queue = followed([(5, Counters(5, 0)) for _ in range(31)], paused=True)
    assert (queue.stuck, queue.outlook) == (None, Outlook.PAUSED)


def test_a_counter_that_begins_anew_gives_no_rate() -> None:
    queue = followed([(0, Counters(1000, 1000)), (0, Counters(3, 3))])
    assert queue.arrived is None


@given(
    some.lists(
        some.tuples(
            some.none() | some.floats(0, 1e15),
            some.none() | some.floats(0, 1e15),
            some.none() | some.floats(-1e15, 1e15),
        ),
        max_size=12,
    )
)
def test_no_row_of_numbers_makes_a_flow_that_lies(rows: list[tuple[float | None, float | None, float | None]]) -> None:
    queue = followed([(waiting, Counters(added, taken)) for waiting, added, taken in rows])
    for value in (queue.growth, queue.arrived, queue.drained, queue.empty_in, queue.stuck):
        assert value is None or math.isfinite(value)
    assert queue.drained is None or queue.drained >= 0
    assert queue.empty_in is None or queue.outlook is Outlook.DRAINS


# rules


def test_every_rule_speaks_of_gauges_that_are_declared() -> None:
    names = {spec.name for spec in QueuesProbe.gauges}
    for rule in QueuesProbe.rules:
        assert {rule.gauge, *([rule.samples] if rule.samples else [])} <= names
        assert placeholders(rule.say) <= names | {"value", "limit", "queue"}


def test_a_growing_queue_without_a_worker_is_named_at_the_second_reading() -> None:
    clock = Clock()
    judge, flow = Judge(clock), Flow()
    alerts: list[Alert] = []
    for number in range(2):
        queue = Queue(MAIL, "bullmq", waiting=80.0 * number + 3, active=0, workers=0)
        alerts = judge.of(flow.follow(queue, Counters(80.0 * number, 0.0), clock.seconds))
        clock.seconds += 2
    assert [(alert.severity, alert.words) for alert in alerts] == [
        (Severity.CRITICAL, "mail: 83 waiting, growing 40/s, no worker is running")
    ]


def test_one_trouble_of_a_queue_is_one_alert() -> None:
    queue = Queue(
        MAIL, "bullmq", waiting=4812, active=0, workers=0, growth=38, stuck=500, oldest_waiting=900, drained=0
    )
    assert len(Judge(Clock()).of(queue)) == 1


@pytest.mark.parametrize(
    ("queue", "rule", "severity"),
    [
        (Queue(MAIL, "list", waiting=1001), "backlog", Severity.CRITICAL),
        (Queue(MAIL, "list", waiting=3, stuck=61), "stuck", Severity.CRITICAL),
        (Queue(MAIL, "list", waiting=3, active=2, stuck=301), "held-up", Severity.WARNING),
        (Queue(MAIL, "list", waiting=3, oldest_waiting=301), "old-jobs", Severity.WARNING),
        (Queue(MAIL, "list", waiting=3, paused=True), "paused", Severity.NOTICE),
        (Queue(MAIL, "list", failed_minute=9, finished_minute=30), "failing", Severity.WARNING),
        (Queue(MAIL, "list", failed_minute=29, finished_minute=30), "failing-most", Severity.CRITICAL),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_trouble_has_its_rule(queue: Queue, rule: str, severity: Severity) -> None:
    assert [(alert.rule, alert.severity) for alert in Judge(Clock()).of(queue)] == [(rule, severity)]


def test_a_few_failures_and_a_handful_of_waiting_jobs_are_daily_life() -> None:
    queue = Queue(
        MAIL, "bullmq", waiting=12, active=2, workers=2, growth=1.0, stuck=1.0, oldest_waiting=3.0, failed_minute=2,
        finished_minute=15,
    )  # fmt: skip
    assert Judge(Clock()).of(queue) == []


def test_a_queue_that_is_missing_has_no_depth_and_is_named() -> None:
    clock = Clock()
    judge = Judge(clock)
    queue = Queue(SafeText("mial"), "bullmq", missing=True, trouble=bullmq.NO_QUEUE)
    for _ in range(2):
        assert judge.of(queue) == []
        clock.seconds += 8
    assert [alert.words for alert in judge.of(queue)] == ["there is no queue mial: check the name or prefix"]
    assert not [key for key in measured(QueuesFacts((queue,))).values if key.name in ("waiting", "depth")]


# odd replies

_REPLY = some.recursive(
    some.none() | some.integers() | some.binary(max_size=12) | some.just(Refusal("WRONGTYPE", "WRONGTYPE no")),
    lambda inner: some.lists(inner, max_size=4),
    max_leaves=12,
)

READERS: dict[str, Callable[[Any], Any]] = {
    "bullmq": lambda ask: bullmq.read(ask, ["mail", "ai"], "bull"),
    "list": lambda ask: Lists().read(ask, ["mail", "ai"]),
    "stream": lambda ask: streams.read(ask, ["mail", "ai"]),
    "celery": lambda ask: celery.read(ask, ["mail", "ai"]),
    "rq": lambda ask: rq.read(ask, ["mail", "ai"]),
    "sidekiq": lambda ask: sidekiq.read(ask, ["mail", "ai"]),
    "search": lambda ask: Catalogue("bull", "auto").search(ask, 1.0),
}


def numbers_in(value: Any) -> list[float]:
    if is_dataclass(value):
        return [number for field in fields(value) for number in numbers_in(getattr(value, field.name))]
    if isinstance(value, dict):
        return [number for one in value.values() for number in numbers_in(one)]
    if isinstance(value, tuple | list):
        return [number for one in value for number in numbers_in(one)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("dialect", READERS)
@given(data=some.data())
def test_no_reply_breaks_a_dialect(dialect: str, data: some.DataObject) -> None:
    async def ask(commands: Sequence[Command]) -> list[Any]:
        return [data.draw(_REPLY) for _ in commands]

    part = asyncio.run(READERS[dialect](ask))
    assert all(math.isfinite(number) for number in numbers_in(part))
    if isinstance(part, Part):
        assert {str(queue.name).partition("/")[0] for queue, _ in part.queues} == {"mail", "ai"}


def test_settings_refuse_names_that_are_none() -> None:
    with pytest.raises(ValidationError):
        QueuesSettings(queues=("",))
    with pytest.raises(ValidationError):
        QueuesSettings.model_validate({"type": "kafka"})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bull:mail", 0),
        ("bull:mail:w:one", 1),
        ("bull:bWFpbA==:w:x", 1),
        ("bull:bWFpbA==:qe", 0),
        ("bull:mailing:w:x", 0),
        ("", 0),
    ],
)
async def test_workers_are_told_by_the_names_of_their_connections(name: str, expected: int) -> None:
    own = b"id=1 addr=10.0.0.1:1 name=opsroom/tester age=1 idle=0 cmd=client|list\n"
    listed = own + f"id=2 addr=10.0.0.1:2 name={name} age=9 idle=0 cmd=bzpopmin\n".encode()
    if name == "bull:mail":
        listed = own

    async def ask(commands: Sequence[Command]) -> list[Any]:
        replies: dict[str, Any] = {
            "TIME": [b"1772334761", b"0"],
            "CLIENT": listed,
            "HGETALL": [b"version", b"bullmq:5"],
        }
        return [replies.get(str(word[0]), 0) for word in commands]

    [(queue, _)] = (await bullmq.read(ask, ["mail"], "bull")).queues
    assert queue.workers == expected


# a real server


@pytest.fixture
async def client(redis_server: Redis) -> AsyncIterator[client_library.Redis]:
    connection = client_library.Redis(port=redis_server.port)
    await connection.flushall()
    yield connection
    await connection.flushall()
    await connection.aclose()


@pytest.fixture
def options(redis_server: Redis) -> dict[str, Any]:
    return {"connection": {"host": "127.0.0.1", "port": redis_server.port}}


async def until(made: QueuesProbe, true: Callable[[QueuesFacts], bool], what: str) -> QueuesFacts:
    deadline = time.monotonic() + 40
    while True:
        facts = (await made.read()).facts
        if true(facts):
            return facts
        assert time.monotonic() < deadline, f"{what}: {facts}"
        await asyncio.sleep(0.05)


@pytest.mark.engine
async def test_real_jobs_are_counted_by_state(
    redis_server: Redis, client: client_library.Redis, options: dict[str, Any]
) -> None:
    from bullmq import Queue as RealQueue

    queue = RealQueue("mail", options)
    for number in range(3):
        await queue.add("send", {"n": number}, {})
    await queue.add("send", {}, {"delay": 60_000})
    await queue.add("send", {}, {"priority": 5})
    async with opened(probe(redis_server.url, queues=("mail", "waiting"))) as made:
        snapshot = await made.read()
    await queue.close()
    mail, missing = snapshot.facts.queues
    assert {state: depth for state, depth in mail.depths.items() if depth} == {
        "wait": 3,
        "prioritized": 1,
        "delayed": 1,
    }
    assert (mail.dialect, mail.waiting, mail.active, mail.workers, mail.paused) == ("bullmq", 4, 0, 0, False)
    assert mail.oldest_waiting is not None
    assert mail.oldest_waiting < 30
    assert mail.unserved
    assert missing.missing
    assert missing.waiting is None
    assert missing.depths == {}


@pytest.mark.engine
async def test_a_real_worker_is_seen_to_work_and_to_fail(
    redis_server: Redis, client: client_library.Redis, options: dict[str, Any]
) -> None:
    from bullmq import Queue as RealQueue
    from bullmq import Worker as RealWorker

    gate = asyncio.Event()

    async def work(job: Any, token: str) -> None:
        await gate.wait()
        if job.data.get("bad"):
            raise ValueError("Resend: 422 invalid recipient \x1b[31m")

    queue = RealQueue("mail", options)
    for number in range(4):
        await queue.add("send", {"bad": number == 2}, {"attempts": 1})
    workers = [RealWorker("mail", work, options), RealWorker("mail", work, {**options, "name": "second"})]
    async with opened(probe(redis_server.url, RealClock(), queues=("mail",))) as made:
        busy = await until(made, lambda facts: facts.queues[0].active == 2, "two active jobs")
        assert busy.queues[0].workers == 2
        assert busy.queues[0].stalled == 0
        assert busy.queues[0].oldest_active is not None
        gate.set()
        done = await until(made, lambda facts: facts.queues[0].depths.get("completed") == 3, "three jobs done")
        moved = await until(made, lambda facts: bool(facts.queues[0].drained), "a rate")
    for worker in workers:
        await worker.close(force=True)
    await queue.close()
    mail, [job] = done.queues[0], done.failed
    assert (mail.failed, mail.failed_minute, mail.finished_minute) == (1, 1, 4)
    assert (str(job.id), str(job.name), job.attempts) == ("3", "send", 1)
    assert str(job.reason) == "Resend: 422 invalid recipient ^[[31m"
    assert job.stack
    assert moved.queues[0].arrived == 0


@pytest.mark.engine
async def test_how_long_real_jobs_take_is_measured_where_they_are_kept_and_unknown_where_they_are_not(
    redis_server: Redis, client: client_library.Redis, options: dict[str, Any]
) -> None:
    from bullmq import Queue as RealQueue
    from bullmq import Worker as RealWorker

    async def work(job: Any, token: str) -> None:
        await asyncio.sleep(0.05)

    queues = {name: RealQueue(name, options) for name in ("mail", "gone")}
    for number in range(12):
        await queues["mail"].add("send", {"n": number}, {})
        await queues["gone"].add("send", {"n": number}, {"removeOnComplete": True})
    workers = [RealWorker(name, work, {**options, "concurrency": 4}) for name in queues]
    clock = Clock()
    async with opened(probe(redis_server.url, clock, queues=("mail", "gone"))) as made:
        for _ in range(600):
            clock.seconds += EVERY
            snapshot = await made.read()
            took = snapshot.facts.queues[0].took
            if took is not None and took.jobs == 12 and snapshot.facts.queues[1].waiting == 0:
                break
            await asyncio.sleep(0.05)
    for worker in workers:
        await worker.close(force=True)
    for queue in queues.values():
        await queue.close()
    assert took is not None
    assert took.jobs == 12
    assert took.median is not None
    assert took.p95 is not None
    assert took.most is not None
    assert 0.04 <= took.median <= took.p95 <= took.most < 60
    assert snapshot.gauge("job_p95_seconds", queue="mail") == took.p95
    assert snapshot.facts.queues[1].took == Took(0)
    assert snapshot.gauge("job_p95_seconds", queue="gone") is None
    assert snapshot.gauge("jobs_measured", queue="gone") == 0


@pytest.mark.engine
async def test_percentiles_are_of_the_jobs_of_the_last_minutes_and_of_ten_at_least(
    redis_server: Redis, client: client_library.Redis
) -> None:
    seconds, _ = await client.time()
    ended = seconds * 1000

    async def lay(id: str, took: float, ago: float = 5.0, **fields: str) -> None:
        end = int(ended - ago * 1000)
        await client.zadd("bull:mail:completed", {id: end})
        begun = {"processedOn": str(int(end - took * 1000))} | fields
        await client.hset(f"bull:mail:{id}", mapping=dict[Any, Any](begun))

    await client.set("bull:mail:id", "40")
    for number in range(1, 10):
        await lay(str(number), number)
    await lay("older", 500, ago=1000)
    await lay("odd", 1, processedOn="soon")
    await lay("backwards", -3)
    clock = Clock()
    async with opened(probe(redis_server.url, clock, queues=("mail",))) as made:
        assert (await made.read()).facts.queues[0].took == Took(9)
        await lay("10", 10, ago=1)
        assert (await made.read()).facts.queues[0].took == Took(9)
        clock.seconds += EVERY
        assert (await made.read()).facts.queues[0].took == Took(10, 5.0, 10.0, 10.0)
        await client.zrem("bull:mail:completed", "1", "2")
        clock.seconds += EVERY
        assert (await made.read()).facts.queues[0].took == Took(10, 5.0, 10.0, 10.0)


@pytest.mark.engine
async def test_a_dead_worker_is_named_while_the_queue_grows(
    redis_server: Redis, client: client_library.Redis, options: dict[str, Any]
) -> None:
    from bullmq import Queue as RealQueue
    from bullmq import Worker as RealWorker

    async def work(job: Any, token: str) -> None:
        return None

    queue, worker, clock = RealQueue("mail", options), RealWorker("mail", work, options), Clock()
    judge = Judge(clock)
    async with opened(probe(redis_server.url, clock, queues=("mail",))) as made:
        await queue.addBulk([{"name": "send", "data": {}} for _ in range(20)])
        await until(made, lambda facts: facts.queues[0].depths.get("completed") == 20, "a worker that works")
        assert judge(await made.read()) == []
        await worker.close(force=True)
        died, alerts = clock.seconds, list[Alert]()
        while not alerts and clock.seconds - died < 20:
            clock.seconds += 2
            await queue.addBulk([{"name": "send", "data": {}} for _ in range(80)])
            alerts = judge(await made.read())
    await queue.close()
    assert clock.seconds - died <= 5
    assert alerts[0].severity is Severity.CRITICAL
    assert "no worker is running" in alerts[0].words


@pytest.mark.engine
async def test_a_paused_queue_is_said_to_be_in_both_versions(
    redis_server: Redis, client: client_library.Redis, options: dict[str, Any]
) -> None:
    from bullmq import Queue as RealQueue

    queue = RealQueue("mail", options)
    await queue.add("send", {}, {})
    await queue.pause()
    await queue.close()
    await client.hset("bull:old:meta", mapping={"paused": "1", "opts.maxLenEvents": "10000"})
    await client.rpush("bull:old:paused", "2", "1")
    await client.hset("bull:old:1", "timestamp", str(int(time.time() * 1000) - 5000))
    async with opened(probe(redis_server.url, queues=("mail", "old"))) as made:
        new, old = (await made.read()).facts.queues
    assert (new.paused, new.waiting, new.outlook) == (True, 1, Outlook.PAUSED)
    assert (old.paused, old.waiting) == (True, 2)
    assert old.oldest_waiting == pytest.approx(5, abs=3)


@pytest.mark.engine
async def test_active_jobs_without_a_lock_are_stalled(redis_server: Redis, client: client_library.Redis) -> None:
    await client.hset("bull:mail:meta", "version", "bullmq:5.0.0")
    await client.rpush("bull:mail:active", "1", "2", "3")
    await client.set("bull:mail:2:lock", "token", ex=30)
    async with opened(probe(redis_server.url, queues=("mail",))) as made:
        [mail] = (await made.read()).facts.queues
    assert (mail.active, mail.stalled) == (3, 2)


@pytest.mark.engine
async def test_a_key_of_another_type_is_said_and_not_counted(redis_server: Redis, client: client_library.Redis) -> None:
    await client.hset("bull:mail:meta", "version", "bullmq:5.0.0")
    await client.zadd("bull:mail:wait", {"1": 1})
    async with opened(probe(redis_server.url, queues=("mail",))) as made:
        [mail] = (await made.read()).facts.queues
    assert mail.waiting is None
    assert "something else" in str(mail.trouble)


@pytest.mark.engine
async def test_another_prefix_is_another_queue(redis_server: Redis, client: client_library.Redis) -> None:
    await client.hset("shop:mail:meta", "version", "bullmq:5.0.0")
    await client.rpush("shop:mail:wait", "1")
    for prefix, expected in (("shop", 1), ("bull", None)):
        async with opened(probe(redis_server.url, queues=("mail",), type="bullmq", prefix=prefix)) as made:
            [mail] = (await made.read()).facts.queues
        assert mail.waiting == expected
        assert mail.missing is (expected is None)


@pytest.mark.engine
async def test_without_the_right_to_see_clients_workers_are_unknown(
    redis_server: Redis, client: client_library.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = "on nopass ~bull:* -@all +@read +time +ping +select -client"
    await client.execute_command("ACL", "SETUSER", "watcher", *rules.split(" "))  # type: ignore[no-untyped-call]
    await client.hset("bull:mail:meta", "version", "bullmq:5.0.0")
    await client.rpush("bull:mail:wait", "1")
    url = redis_server.url.replace("redis://", "redis://watcher:x@")
    try:
        async with opened(probe(url, queues=("mail",), type="bullmq")) as made:
            first, second = await made.read(), await made.read()
    finally:
        await client.execute_command("ACL", "DELUSER", "watcher")  # type: ignore[no-untyped-call]
    for snapshot in (first, second):
        assert [gap.cause for gap in snapshot.gaps] == [Cause.DENIED]
        assert snapshot.facts.queues[0].workers is None
        assert snapshot.facts.queues[0].waiting == 1


@pytest.mark.engine
async def test_keys_that_may_not_be_read_are_a_denial(redis_server: Redis, client: client_library.Redis) -> None:
    rules = "on nopass resetkeys ~cache:* -@all +@read +time +ping +select"
    await client.execute_command("ACL", "SETUSER", "watcher", *rules.split(" "))  # type: ignore[no-untyped-call]
    url = redis_server.url.replace("redis://", "redis://watcher:x@")
    try:
        async with opened(probe(url, queues=("mail",), type="bullmq")) as made:
            with pytest.raises(ProbeError) as refused:
                await made.read()
    finally:
        await client.execute_command("ACL", "DELUSER", "watcher")  # type: ignore[no-untyped-call]
    assert refused.value.cause is Cause.DENIED


@pytest.mark.engine
async def test_queues_are_found_among_many_other_keys(redis_server: Redis, client: client_library.Redis) -> None:
    async with client.pipeline(transaction=False) as batch:
        for number in range(3000):
            batch.set(f"cache:{number}", "x")
        batch.hset("bull:mail:meta", "version", "bullmq:5.0.0")
        batch.sadd("_kombu.binding.celery", "celery\x06\x16\x06\x16celery")
        batch.sadd("_kombu.binding.celery.pidbox", "x")
        batch.sadd("rq:queues", "rq:queue:reports")
        batch.sadd("queues", "default")
        await batch.execute()
    async with opened(probe(redis_server.url)) as made:
        facts = await until(made, lambda facts: not facts.searching, "the end of the search")
    found = {(queue.dialect, str(queue.name)) for queue in facts.queues}
    assert found == {("bullmq", "mail"), ("celery", "celery"), ("rq", "reports"), ("sidekiq", "default")}


@pytest.mark.engine
async def test_named_queues_are_told_apart_by_their_keys(redis_server: Redis, client: client_library.Redis) -> None:
    await client.rpush("plain", "a", "b")
    await client.xadd("events", {"a": "1"})
    await client.hset("bull:mail:meta", "version", "bullmq:5.0.0")
    await client.sadd("rq:queues", "rq:queue:reports")
    async with opened(probe(redis_server.url, queues=("plain", "events", "mail", "reports", "nowhere"))) as made:
        facts = (await made.read()).facts
    assert [(str(queue.name), queue.dialect, queue.missing) for queue in facts.queues] == [
        ("plain", "list", False),
        ("events", "stream", False),
        ("mail", "bullmq", False),
        ("reports", "rq", False),
        ("nowhere", "", True),
    ]


@pytest.mark.engine
async def test_a_list_that_was_never_seen_is_not_called_empty(
    redis_server: Redis, client: client_library.Redis
) -> None:
    async with opened(probe(redis_server.url, clock := Clock(), queues=("plain",), type="list")) as made:
        [unknown] = (await made.read()).facts.queues
        await client.rpush("plain", "a", "b", "c")
        clock.seconds += 2
        [full] = (await made.read()).facts.queues
        await client.delete("plain")
        clock.seconds += 2
        [empty] = (await made.read()).facts.queues
    assert (unknown.waiting, bool(unknown.trouble)) == (None, True)
    assert (full.waiting, bool(full.trouble)) == (3, False)
    assert (empty.waiting, empty.outlook) == (0, Outlook.EMPTY)


@pytest.mark.engine
async def test_a_stream_is_a_queue_for_each_of_its_groups(redis_server: Redis, client: client_library.Redis) -> None:
    ids = [await client.xadd("orders", {"n": str(number)}) for number in range(10)]
    await client.xgroup_create("orders", "mailer", "0")
    await client.xgroup_create("orders", "audit", ids[4])
    await client.xreadgroup("mailer", "one", {"orders": ">"}, count=3)
    async with opened(probe(redis_server.url, queues=("orders", "gone"), type="stream")) as made:
        facts = (await made.read()).facts
    by_name = {str(queue.name): queue for queue in facts.queues}
    mailer, audit = by_name["orders/mailer"], by_name["orders/audit"]
    assert (mailer.waiting, mailer.active, mailer.workers) == (7, 3, None)
    assert mailer.oldest_waiting is not None
    assert mailer.oldest_active is not None
    assert audit.waiting is None
    assert (audit.workers, str(audit.trouble)) == (0, "no consumer in its group")
    assert by_name["gone"].missing
    assert [(str(group.name), group.lag, group.pending) for group in facts.groups] == [
        ("audit", None, 0.0),
        ("mailer", 7.0, 3.0),
    ]
    assert [str(worker.name) for worker in facts.workers] == ["one"]


@pytest.mark.engine
async def test_the_flow_of_a_stream_comes_from_its_own_counters(
    redis_server: Redis, client: client_library.Redis
) -> None:
    await client.xgroup_create("orders", "mailer", "0", mkstream=True)
    async with opened(probe(redis_server.url, clock := Clock(), queues=("orders",), type="stream")) as made:
        await made.read()
        for _ in range(2):
            for number in range(20):
                await client.xadd("orders", {"n": str(number)})
            await client.xreadgroup("mailer", "one", {"orders": ">"}, count=4)
            clock.seconds += 2
            [orders] = (await made.read()).facts.queues
    assert (orders.arrived, orders.drained, orders.growth) == (10, 2, 8)
    assert orders.outlook is Outlook.NEVER


@pytest.mark.engine
async def test_celery_counts_priorities_and_what_was_taken(redis_server: Redis, client: client_library.Redis) -> None:
    for name in ("celery", "high", "empty"):
        await client.sadd(f"_kombu.binding.{name}", f"{name}\x06\x16\x06\x16{name}")
    await client.lpush("celery", "a", "b")
    await client.lpush("high", "a")
    await client.lpush("high\x06\x163", "a", "b", "c")
    await client.hset("unacked", mapping={"tag1": "[]", "tag2": "[]"})
    await client.zadd("unacked_index", {"tag1": time.time() - 90, "tag2": time.time()})
    async with opened(probe(redis_server.url, queues=("celery", "high", "empty", "no"), type="celery")) as made:
        facts = (await made.read()).facts
    assert [queue.waiting for queue in facts.queues] == [2, 4, 0, None]
    assert facts.queues[1].depths == {"wait": 1, "priority 3": 3}
    assert facts.queues[3].missing
    [unacked] = facts.totals
    assert unacked.value == 2
    assert unacked.age == pytest.approx(90, abs=5)


@pytest.mark.engine
async def test_rq_knows_its_workers_and_why_jobs_failed(redis_server: Redis, client: client_library.Redis) -> None:
    moment = datetime.fromtimestamp(time.time() - 30, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    stack = "Traceback (most recent call last):\n  File ...\nZeroDivisionError: division by zero\n"
    await client.sadd("rq:queues", "rq:queue:mail")
    await client.rpush("rq:queue:mail", "a1", "a2")
    await client.hset("rq:job:a1", "enqueued_at", moment)
    await client.zadd("rq:wip:mail", {"a0": 1})
    await client.zadd("rq:failed:mail", {"f1": 1826779036})
    await client.hset("rq:job:f1", mapping={"description": "app.send('alice@example.com')", "ended_at": moment})
    packed = base64.b64encode(zlib.compress(stack.encode()))
    await client.xadd("rq:results:f1", {"type": "2", "exc_string": packed})
    await client.sadd("rq:workers", "rq:worker:w1", "rq:worker:dead")
    await client.hset("rq:worker:w1", mapping={"queues": "mail,other", "state": "busy", "birth": moment})
    async with opened(probe(redis_server.url, queues=("mail",), type="rq")) as made:
        facts = (await made.read()).facts
    [mail], [job], [worker] = facts.queues, facts.failed, facts.workers
    assert (mail.waiting, mail.active, mail.failed, mail.workers) == (2, 1, 1, 1)
    assert mail.oldest_waiting == pytest.approx(30, abs=5)
    assert (str(job.name), str(job.reason)) == ("app.send", "ZeroDivisionError: division by zero")
    assert (str(worker.name), str(worker.state)) == ("w1", "busy")
    assert "alice" not in repr(facts)


@pytest.mark.engine
async def test_sidekiq_knows_its_processes_and_its_other_sets(
    redis_server: Redis, client: client_library.Redis
) -> None:
    now = time.time()
    await client.sadd("queues", "default", "low")
    await client.lpush("queue:default", json.dumps({"jid": "1", "enqueued_at": now - 40}), json.dumps({"jid": "2"}))
    failed = {
        "jid": "9", "class": "Mailer", "queue": "default", "error_class": "Net::Error", "error_message": "no route",
        "retry_count": 2, "failed_at": now - 5,
    }  # fmt: skip
    await client.zadd("retry", {json.dumps(failed): now + 60})
    await client.zadd("dead", {"not json": now})
    await client.sadd("processes", "web:1:ab", "gone:2:cd")
    process = {"hostname": "web", "queues": ["default"], "concurrency": 10, "started_at": now - 600}
    await client.hset("web:1:ab", mapping={"info": json.dumps(process), "busy": 3, "beat": str(now), "quiet": "false"})
    async with opened(probe(redis_server.url, queues=("default", "low"), type="sidekiq")) as made:
        facts = (await made.read()).facts
    default, low = facts.queues
    assert (default.waiting, default.workers, low.waiting, low.workers) == (2, 1, 0, 0)
    assert default.oldest_waiting == pytest.approx(40, abs=5)
    assert {total.name: total.value for total in facts.totals} == {
        "retry": 1, "schedule": 0, "dead": 1, "processed": None,
    }  # fmt: skip
    [job] = facts.failed
    assert (str(job.reason), job.attempts) == ("Net::Error: no route", 2)
    assert str(facts.workers[0].state) == "3 of 10 busy"
