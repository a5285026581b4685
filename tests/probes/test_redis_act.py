"""Care of a cache on a real Redis: clearing, flushing, policy, memory, slow log; queues beside it, and broken lines."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as client_library

from desk.actions import Runner
from desk.actor import who
from desk.audit import Code, Trail
from desk.audit.chronicle import read
from desk.clock import SystemClock
from desk.guard import Confirmation, Setting, digest_of
from desk.guard import Mode as Session
from desk.locks import FileLocks
from probes.base import (
    Cause,
    Context,
    Danger,
    Grant,
    ProbeError,
    Request,
    Result,
    SafeText,
    Target,
    Truth,
)
from probes.redis.act import RedisActuator
from probes.redis.act_clear import BATCH
from probes.redis.act_plans import ACTIONS, MIB, amount, lasting
from probes.redis.address import RedisSettings
from probes.redis.cache import RedisProbe
from probes.redis.connection import Link
from probes.redis.facts import Keyspace, RedisFacts, Replication, Slow
from probes.redis.interlock import Interlock
from probes.redis.sight import Here
from tests.probes.acting import Performed, carried_out, perform, settled
from tests.stack import places
from tests.stack.cacheservers import Redis
from tests.stack.faultproxy import FaultProxy, Mode

ROOT = Path(__file__).parents[2]
SECRET = "a-test-password"
Connection = Any


class OneSecret:
    def resolve(self, reference: str) -> str:
        return SECRET


def actuator(url: str, **settings: Any) -> RedisActuator:
    return RedisActuator(Target("cache", "redis", RedisSettings(url=url, **settings)), Context(OneSecret()))


def behind(proxy: FaultProxy) -> RedisActuator:
    return actuator(f"redis://127.0.0.1:{proxy.port}/0")


@pytest.fixture
async def client(redis_server: Redis) -> AsyncIterator[Connection]:
    connection = client_library.Redis(port=redis_server.port)
    await connection.flushall()
    yield connection
    await connection.flushall()
    await connection.config_set("maxmemory-policy", "noeviction")
    await connection.config_set("maxmemory", 0)
    await connection.aclose()


@pytest.fixture
def act(redis_server: Redis) -> RedisActuator:
    return actuator(redis_server.url)


@pytest.fixture
def proxy(redis_server: Redis) -> Iterator[FaultProxy]:
    with FaultProxy(redis_server.port) as made:
        yield made


@asynccontextmanager
async def opened(port: int, user: str | None = None, db: int = 0) -> AsyncIterator[Connection]:
    made = client_library.Redis(port=port, db=db, username=user, password=SECRET if user else None)
    try:
        yield made
    finally:
        await made.aclose()


async def filled(client: Connection, count: int = 1200, prefix: str = "cache:page") -> None:
    """Keys of a cache, and a few others."""
    await client.mset({f"{prefix}:{n}": "x" for n in range(count)})
    await client.mset({f"basket:{n}": "y" for n in range(7)})


LAID: dict[str, Callable[[Connection], Any]] = {
    "BullMQ": lambda client: client.hset("app:{mail}:meta", "opts.maxLenEvents", "10000"),
    "RQ": lambda client: client.sadd("rq:queues", "rq:queue:mail"),
    "Celery": lambda client: client.sadd("_kombu.binding.mail", "mail\x06\x16\x06\x16mail"),
    "Sidekiq": lambda client: client.sadd("queues", "mail"),
}
"""The sign each library leaves of its queues."""


def result(done: Performed) -> Result:
    return done.outcomes[0].result


def words(done: Performed) -> str:
    return str(done.verdicts[0].words)


def clear(pattern: str = "cache:*", *rows: str) -> Request:
    return Request("clear", rows, word=pattern)


# clearing


@pytest.mark.engine
async def test_keys_of_a_pattern_are_counted_cleared_and_looked_for_again(
    act: RedisActuator, client: Connection
) -> None:
    await filled(client)
    done = await perform(act, clear())
    [subject] = done.plan.subjects
    assert str(subject.before) == "1,200 keys of 1,207 keys match"
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert str(done.plan.felt[1]).startswith("such as cache:page:")
    assert (result(done), str(done.outcomes[0].words)) == (Result.DONE, "1,200 keys removed")
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert words(done) == "1,200 keys removed, none matches any more; database 0 holds 7 keys"
    assert await client.dbsize() == 7


@pytest.mark.engine
async def test_a_pattern_that_hits_queues_is_barred_with_their_count(act: RedisActuator, client: Connection) -> None:
    await filled(client, 5, "app:page")
    await LAID["BullMQ"](client)
    await client.rpush("app:{mail}:wait", "1", "2")
    await client.hset("app:{mail}:1", "name", "send")
    plan = await act.plan(clear("app:*"))
    [subject] = plan.subjects
    assert (subject.barred, plan.chosen) == (True, ())
    assert str(subject.before) == "8 keys of 15 keys match"
    assert str(subject.spared).startswith("3 of them belong to queues (BullMQ, such as app:{mail}:")
    narrow = await perform(act, clear("app:page:*"))
    assert narrow.verdicts[0].truth is Truth.CONFIRMED
    assert await client.exists("app:{mail}:meta", "app:{mail}:wait", "app:{mail}:1") == 3


@pytest.mark.engine
async def test_keys_of_every_library_are_told_from_those_of_a_cache(redis_server: Redis, client: Connection) -> None:
    for lay in LAID.values():
        await lay(client)
    await client.sadd("processes", "web1:7:aa")
    await client.hset("shop:42:meta", "title", "no queue, a product")
    await client.hset("old:mail:meta", "paused", "0")
    await client.rpush("old:mail:wait", "1")
    theirs = {
        b"bull:x:wait": "BullMQ", b"app:{mail}:wait": "BullMQ",
        b"app:{mail}:17:logs": "BullMQ", b"old:mail:9": "BullMQ",
        b"rq:job:1": "RQ", b"mail": "Celery", b"mail\x06\x163": "Celery",
        b"unacked": "Celery", b"unacked_index": "Celery",
        b"_kombu.binding.mail": "Celery", b"celery-task-meta-1": "Celery",
        b"queues": "Sidekiq", b"queue:mail": "Sidekiq",
        b"retry": "Sidekiq", b"stat:failed": "Sidekiq", b"web1:7:aa": "Sidekiq", b"web1:7:aa:work": "Sidekiq",
    }  # fmt: skip
    others = [b"shop:42:meta", b"shop:42:price", b"queue:other", b"cache:1", b"a", b"mailer", b"\xff:\xfe:x", b""]
    link = Link("cache", RedisSettings(url=redis_server.url), OneSecret(), "test")
    try:
        await link.open()
        assert await Interlock(link).of([*theirs, *others]) == theirs
    finally:
        await link.close()


@pytest.mark.engine
async def test_a_queue_that_turns_up_after_the_look_is_left_alone(act: RedisActuator, client: Connection) -> None:
    await filled(client, 50, "app:mail")

    plan = await act.plan(clear("app:*"))
    await client.hset("app:jobs:meta", "opts.maxLenEvents", "10000")
    await client.rpush("app:jobs:wait", "1")
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert (outcome.result, str(outcome.words)) == (Result.DONE, "50 keys removed; 2 keys of queues left alone")
    assert await client.exists("app:jobs:meta", "app:jobs:wait") == 2
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.CONFIRMED


@pytest.mark.engine
async def test_what_is_written_again_meanwhile_is_told_apart_from_what_was_left(
    act: RedisActuator, client: Connection
) -> None:
    await filled(client, 30)
    plan = await act.plan(clear())
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    await client.set("cache:page:1", "warm again")
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert (verdict.truth, str(verdict.words)) == (
        Truth.CONFIRMED, "30 keys removed; 1 more came since; database 0 holds 8 keys",
    )  # fmt: skip


@pytest.mark.engine
async def test_keys_that_are_no_text_and_patterns_of_every_kind_are_cleared(
    act: RedisActuator, client: Connection
) -> None:
    await client.mset({b"cache:\xff\x00 '\"": "x", "cache:a b": "x", "cache:[1]": "x", "cachet": "x"})
    done = await perform(act, clear("cache:\\[?\\]"))
    assert str(done.outcomes[0].words) == "1 key removed"
    done = await perform(act, clear("cache:*"))
    assert str(done.outcomes[0].words) == "2 keys removed"
    assert await client.keys("*") == [b"cachet"]


@pytest.mark.engine
async def test_another_database_is_cleared_by_its_row_and_the_own_one_is_untouched(
    act: RedisActuator, client: Connection, redis_server: Redis
) -> None:
    await filled(client, 3)
    async with opened(redis_server.port, db=3) as third:
        await filled(third, 4)
    done = await perform(act, clear("cache:*", "db3"))
    assert done.plan.request.subjects == ("db3",)
    assert str(done.outcomes[0].words) == "4 keys removed"
    assert await client.dbsize() == 10
    assert "-n 3" in done.plan.command[0]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("pattern", "cause", "said"),
    [
        ("*", Cause.MISSING, "matches every key: that is a flush"),
        ("?*", Cause.MISSING, "matches every key"),
        ("[^x]*", Cause.MISSING, "matches every key"),
        ("cache:[a", Cause.MISSING, "never closed"),
        ("cache:\x1bx", Cause.MISSING, "characters that can't be shown"),
        ("nothing:*", Cause.GONE, "no key of database 0 matches nothing:*"),
    ],
)
async def test_a_pattern_that_is_no_part_of_a_cache_is_refused(
    act: RedisActuator, client: Connection, pattern: str, cause: Cause, said: str
) -> None:
    await filled(client, 3)
    with pytest.raises(ProbeError) as caught:
        await act.plan(clear(pattern))
    assert (caught.value.cause, said in str(caught.value.message)) == (cause, True)


@pytest.mark.engine
async def test_the_commonest_beginnings_are_offered_and_none_of_a_queue(act: RedisActuator, client: Connection) -> None:
    await filled(client, 20)
    await client.rpush("bull:mail:wait", "1")
    offered = {one.word: str(one.about) for one in await act.choices("clear", ())}
    assert offered == {"cache:*": "20 of 28 keys looked at", "basket:*": "7 of 28 keys looked at"}
    assert next(one.word for one in await act.choices("policy", ())) == "noeviction"
    assert await act.choices("flush", ()) == ()


# flushing


@pytest.mark.engine
async def test_a_database_is_flushed_and_the_others_stay(
    act: RedisActuator, client: Connection, redis_server: Redis
) -> None:
    await filled(client, 40)
    await client.expire("cache:page:1", 60)
    async with opened(redis_server.port, db=2) as other:
        await filled(other, 4)
    done = await perform(act, Request("flush"))
    [subject] = done.plan.subjects
    assert str(subject.before) == "47 keys, 1 key with a lifetime"
    assert [str(note) for note in done.plan.notes] == ["database 2 stays as it is: 11 keys"]
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert (result(done), done.verdicts[0].truth, words(done)) == (Result.DONE, Truth.CONFIRMED, "database 0 is empty")
    async with opened(redis_server.port, db=2) as other:
        assert await other.dbsize() == 11
    with pytest.raises(ProbeError, match="database 0 is empty"):
        await act.plan(Request("flush"))


@pytest.mark.engine
@pytest.mark.parametrize("library", LAID)
async def test_a_database_in_which_queues_live_is_not_flushed(
    act: RedisActuator, client: Connection, library: str
) -> None:
    await filled(client, 2000)
    await LAID[library](client)
    plan = await act.plan(Request("flush"))
    [subject] = plan.subjects
    assert subject.barred
    assert str(subject.spared).startswith(f"queues live in it ({library}, such as ")


@pytest.mark.engine
async def test_sessions_of_users_are_thought_of_before_they_are_gone(act: RedisActuator, client: Connection) -> None:
    await filled(client, 3)
    await client.mset({"sess:8f2c": "x", "cache:session:1": "x", "assess:1": "x", "sales:2": "x"})
    plan = await act.plan(Request("flush"))
    [subject] = plan.subjects
    assert (subject.barred, plan.chosen) == (False, ())
    assert "keys that look like sessions are in it (" in str(subject.spared)
    taken = plan.taking_in([subject.key])
    assert (await carried_out(act, taken, taken.chosen[0], [])).result is Result.DONE
    await client.mset({"sess:8f2c": "x", "sales:2": "x"})
    assert "users are logged out" in str((await act.plan(clear("sess:*"))).felt)
    assert "users are logged out" not in str((await act.plan(clear("sales:*"))).felt)


@pytest.mark.engine
async def test_a_second_look_at_a_living_cache_is_about_the_same_thing(act: RedisActuator, client: Connection) -> None:
    await filled(client, 30)
    for request in (clear(), Request("flush")):
        first = await act.plan(request)
        await client.set(f"cache:page:{request.action}", "written meanwhile")
        second = await act.plan(request)
        assert first.subjects[0].before != second.subjects[0].before
        assert first.subjects[0].identity == second.subjects[0].identity


@pytest.mark.engine
async def test_a_queue_that_came_after_the_look_stops_the_flush(act: RedisActuator, client: Connection) -> None:
    await filled(client, 5)
    plan = await act.plan(Request("flush"))
    await LAID["Celery"](client)
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.subjects[0], sent)
    assert outcome.result is Result.REFUSED
    assert str(outcome.words).startswith("changed since you looked: queues live in it (Celery")
    assert sent == []
    assert await client.dbsize() == 13


# settings


@pytest.mark.engine
async def test_a_policy_is_set_seen_and_said_not_to_last(act: RedisActuator, client: Connection) -> None:
    await filled(client, 5)
    done = await perform(act, Request("policy", word="allkeys-lru"))
    [subject] = done.plan.subjects
    assert (str(subject.before), str(done.plan.undo)) == ("noeviction", "set it back to noeviction")
    assert "until the next restart only: the server was started without a configuration file" in str(done.plan.notes[0])
    assert (result(done), words(done)) == (Result.DONE, "the policy is allkeys-lru")
    with pytest.raises(ProbeError, match="the policy is allkeys-lru already"):
        await act.plan(Request("policy", word="allkeys-lru"))


@pytest.mark.engine
async def test_with_queues_in_any_database_only_noeviction_may_be_set(
    act: RedisActuator, client: Connection, redis_server: Redis
) -> None:
    await client.config_set("maxmemory-policy", "volatile-lru")
    async with opened(redis_server.port, db=5) as other:
        await LAID["BullMQ"](other)
    plan = await act.plan(Request("policy", word="allkeys-lfu"))
    assert plan.subjects[0].barred
    assert "queues live here (BullMQ, such as app:{mail}:meta): with allkeys-lfu" in str(plan.subjects[0].spared)
    done = await perform(act, Request("policy", word="noeviction"))
    assert done.verdicts[0].truth is Truth.CONFIRMED


@pytest.mark.engine
async def test_a_policy_that_somebody_else_set_meanwhile_is_refused(act: RedisActuator, client: Connection) -> None:
    plan = await act.plan(Request("policy", word="allkeys-lru"))
    await client.config_set("maxmemory-policy", "volatile-ttl")
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    assert str(outcome.words) == "changed since you looked: maxmemory-policy noeviction -> volatile-ttl"


@pytest.mark.engine
async def test_a_memory_limit_is_set_and_one_below_what_is_in_use_is_thought_of(
    act: RedisActuator, client: Connection
) -> None:
    done = await perform(act, Request("memory", number=64))
    assert str(done.plan.subjects[0].before).startswith("no limit, ")
    assert (result(done), words(done).startswith("the limit is 64 MiB")) == (Result.DONE, True)
    assert int((await client.config_get("maxmemory"))["maxmemory"]) == 64 * MIB
    await client.set("big", "x" * (8 * MIB))
    tight = await act.plan(Request("memory", number=4))
    assert tight.subjects[0].barred
    assert "writes would be refused at once" in str(tight.subjects[0].spared)
    await client.config_set("maxmemory-policy", "allkeys-lru")
    dropping = await act.plan(Request("memory", number=4))
    assert (dropping.danger, dropping.subjects[0].barred) == (Danger.DESTRUCTIVE, False)
    beyond = await act.plan(Request("memory", number=1 << 24))
    assert "the system would end the server before that" in str(beyond.subjects[0].spared)


@pytest.mark.engine
async def test_a_limit_that_has_come_to_drop_keys_since_it_was_looked_at_is_refused(
    act: RedisActuator, client: Connection
) -> None:
    await client.config_set("maxmemory-policy", "allkeys-lru")
    plan = await act.plan(Request("memory", number=16))
    assert plan.danger is Danger.DISRUPTIVE
    for number in range(3):
        await client.set(f"big{number}", "x" * (8 * MIB))
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.REFUSED, [])
    assert "keys are dropped at once, down to 16 MiB" in str(outcome.words)
    assert await client.exists("big0", "big1", "big2") == 3


@pytest.mark.engine
async def test_a_policy_that_drops_keys_as_soon_as_it_is_set_is_destructive_and_refused_when_that_is_new(
    act: RedisActuator, client: Connection
) -> None:
    calm = await act.plan(Request("policy", word="allkeys-lru"))
    assert calm.danger is Danger.DISRUPTIVE
    await client.set("big", "x" * (8 * MIB))
    await client.config_set("maxmemory", 2 * MIB)
    outcome = await carried_out(act, calm, calm.subjects[0], [])
    assert outcome.result is Result.REFUSED
    plan = await act.plan(Request("policy", word="allkeys-lru"))
    assert plan.danger is Danger.DESTRUCTIVE
    assert "memory is full: keys are dropped at once" in map(str, plan.felt)


@pytest.mark.engine
async def test_a_policy_planned_while_memory_swings_around_its_limit_is_destructive_and_done(
    act: RedisActuator, client: Connection
) -> None:
    await client.set("big", "x" * (8 * MIB))
    used = int((await client.info("memory"))["used_memory"])
    await client.config_set("maxmemory", round(used / 0.95))
    plan = await act.plan(Request("policy", word="allkeys-lru"))
    assert plan.danger is Danger.DESTRUCTIVE
    assert any(str(one).startswith("memory is all but full") for one in plan.felt)
    await client.config_set("maxmemory", round(used * 0.99))
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert (outcome.result, str(outcome.words)) == (Result.DONE, "the server says it is set")


@pytest.mark.engine
async def test_the_slow_log_is_emptied_and_new_entries_are_none_of_the_old(
    act: RedisActuator, client: Connection
) -> None:
    await client.config_set("slowlog-log-slower-than", 0)
    await client.set("a", "b")
    await client.config_set("slowlog-log-slower-than", -1)
    try:
        done = await perform(act, Request("slowlog-reset"))
        assert (result(done), done.verdicts[0].truth, words(done)) == (Result.DONE, Truth.CONFIRMED, "it is empty")
        with pytest.raises(ProbeError, match="the slow log is empty"):
            await act.plan(Request("slowlog-reset"))
    finally:
        await client.config_set("slowlog-log-slower-than", 10000)


@pytest.mark.engine
async def test_a_server_without_config_says_so_in_one_line(new_redis: Callable[..., Redis]) -> None:
    server = new_redis("--rename-command", "CONFIG", "")
    act = actuator(server.url)
    plan = await act.plan(Request("policy", word="allkeys-lru"))
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert (outcome.result, str(outcome.words)) == (
        Result.FAILED,
        "this server has no CONFIG, as managed ones have not: change it where the service is administered",
    )


def test_it_is_said_whether_a_setting_outlives_a_restart() -> None:
    def told(**info: str) -> str:
        return str(lasting(Here("run", "master", "Redis", 0, False, info)))

    assert "without a configuration file" in told(config_file="")
    assert "CONFIG REWRITE writes" in told(config_file="/etc/redis/redis.conf")


def test_a_managed_service_is_known_by_its_address_and_offers_no_setting() -> None:
    facts = RedisFacts(databases=(Keyspace(0, 3),), slow=(Slow(1, 0.1, 1.0, SafeText("GET")),))
    managed = actuator("rediss://shop.abc.0001.euw1.cache.amazonaws.com:6379/0")
    refused = {one.action.name: one.refused for one in managed.offers(facts, ())}
    assert refused == {
        "clear": "", "flush": "", "slowlog-reset": "",
        "policy": "Amazon ElastiCache has no CONFIG: change it in the parameter group",
        "memory": "Amazon ElastiCache has no CONFIG: change it in the parameter group",
    }  # fmt: skip


def test_what_is_offered_suits_the_row() -> None:
    facts = RedisFacts(databases=(Keyspace(0, 3), Keyspace(3, 1)), replication=Replication("replica"))
    act = actuator("redis://db:6379/0")
    assert {one.action.name: one.refused for one in act.offers(facts, ("",))}["clear"].startswith("it is a replica")
    assert [one.action.name for one in act.offers(facts, ("db3",))] == ["clear", "flush"]
    assert {one.refused for one in act.offers(facts, ("db0", "db3"))} == {"one database at a time"}
    assert act.offers(facts, ("db9",)) == ()
    assert {one.name for one in ACTIONS} == {one.action.name for one in act.offers(facts, ())}


@pytest.mark.engine
async def test_a_replica_and_a_node_of_a_cluster_are_refused_with_the_reason(new_redis: Callable[..., Redis]) -> None:
    master = new_redis()
    replica = new_redis("--replicaof", "127.0.0.1", str(master.port))
    for request in (clear(), Request("flush"), Request("policy", word="allkeys-lru"), Request("memory", number=64)):
        with pytest.raises(ProbeError, match="it is a replica and takes no writes"):
            await actuator(replica.url).plan(request)
    node = new_redis("--cluster-enabled", "yes", "--cluster-port", str(places.free_port()))
    for request in (clear(), Request("flush")):
        with pytest.raises(ProbeError, match="it is one node of a cluster"):
            await actuator(node.url).plan(request)


@pytest.mark.engine
async def test_a_master_that_became_a_replica_is_not_acted_on(new_redis: Callable[..., Redis]) -> None:
    server, other = new_redis(), new_redis()
    async with opened(server.port) as client:
        await filled(client, 5)
        act = actuator(server.url)
        plan = await act.plan(clear())
        await client.replicaof("127.0.0.1", other.port)
        outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert (outcome.result, str(outcome.words)) == (
        Result.REFUSED, "changed since you looked: master -> replica, which takes no writes",
    )  # fmt: skip


@pytest.mark.engine
async def test_another_redis_behind_the_same_address_is_refused(new_redis: Callable[..., Redis]) -> None:
    first, second = new_redis(), new_redis()
    with FaultProxy(first.port) as proxy:
        for server in (first, second):
            async with opened(server.port) as client:
                await filled(client, 5)
        act = behind(proxy)
        for request in (clear(), Request("flush"), Request("policy", word="allkeys-lru"), Request("memory", number=64)):
            proxy.upstream = first.port
            plan = await act.plan(request)
            proxy.upstream = second.port
            sent: list[str] = []
            outcome = await carried_out(act, plan, plan.subjects[0], sent)
            assert outcome.result is Result.REFUSED
            assert "changed since you looked: Redis run" in str(outcome.words)
            assert sent == []
        async with opened(second.port) as client:
            assert await client.dbsize() == 12


# broken connections


SENT = {
    "clear": b"UNLINK\r\n", "flush": b"FLUSHDB\r\n", "policy": b"maxmemory-policy\r\n", "memory": b"maxmemory\r\n",
    "slowlog-reset": b"RESET\r\n",
}  # fmt: skip


def request_of(action: str) -> Request:
    return {
        "clear": clear(), "flush": Request("flush"), "policy": Request("policy", word="allkeys-lru"),
        "memory": Request("memory", number=64), "slowlog-reset": Request("slowlog-reset"),
    }[action]  # fmt: skip


async def ready(client: Connection) -> None:
    await filled(client, 20)
    await client.config_set("slowlog-log-slower-than", 0)
    await client.set("basket:0", "y")
    await client.config_set("slowlog-log-slower-than", 10000)


@pytest.mark.engine
@pytest.mark.parametrize("mode", [Mode.LOSE, Mode.RESET_LATER, Mode.TRUNCATE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("action", SENT)
async def test_a_lost_answer_is_unknown_sent_once_and_comes_back_as_what_is_true(
    proxy: FaultProxy, client: Connection, action: str, mode: Mode
) -> None:
    await ready(client)
    act = behind(proxy)
    plan = await act.plan(request_of(action))
    proxy.become(mode, when=SENT[action])
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.subjects[0], sent)
    assert (outcome.result, len(sent), proxy.seen(SENT[action])) == (Result.UNKNOWN, 1, 1)
    proxy.mode = Mode.PASS
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    if action in ("policy", "memory"):  # it is set, whoever did it
        assert verdict.truth is Truth.CONFIRMED, verdict
    else:  # what is gone somebody else may have taken away
        assert (verdict.truth, verdict.final) == (Truth.UNKNOWN, True), verdict
        assert (
            str(verdict.words)
            == {
                "clear": "none matches any more; whether all that by us is not known; database 0 holds 7 keys",
                "flush": "database 0 is empty now; the server counts 1 FLUSHDB since the look: "
                "whether by us is not known",
                "slowlog-reset": "it is empty; whether by us is not known",
            }[action]
        )
    assert proxy.seen(SENT[action]) == 1


@pytest.mark.engine
@pytest.mark.parametrize(
    ("action", "others", "words"),
    [
        ("clear", ("DEL", *(f"cache:page:{n}" for n in range(20))), "none matches any more; whether all that by us"),
        ("flush", ("FLUSHDB",), "database 0 is empty now; the server counts 1 FLUSHDB since the look: whether by us"),
        ("flush", ("FLUSHALL",), "database 0 is empty now, though the server counts no FLUSHDB since the look: not by"),
        ("slowlog-reset", ("SLOWLOG", "RESET"), "it is empty; whether by us is not known"),
    ],
)
async def test_what_somebody_else_takes_away_is_never_called_our_doing(
    proxy: FaultProxy, client: Connection, action: str, others: tuple[str, ...], words: str
) -> None:
    await ready(client)
    act = behind(proxy)
    plan = await act.plan(request_of(action))
    proxy.become(Mode.CLOSE, when=SENT[action])
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert outcome.result is Result.UNKNOWN
    proxy.mode = Mode.PASS
    await client.execute_command(*others)
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert (verdict.truth, str(verdict.words)[: len(words)]) == (Truth.UNKNOWN, words)


@pytest.mark.engine
async def test_flushes_of_another_database_or_counters_set_back_prove_nothing(
    proxy: FaultProxy, client: Connection, redis_server: Redis
) -> None:
    await ready(client)
    act = behind(proxy)
    async with opened(redis_server.port, db=5) as other:
        await other.set("x", 1)
        await other.flushdb()
        plan = await act.plan(Request("flush"))
        proxy.become(Mode.CLOSE, when=SENT["flush"])
        outcome = await carried_out(act, plan, plan.subjects[0], [])
        proxy.mode = Mode.PASS
        await other.flushdb()
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    said = "database 0 holds 27 keys now; the server counts 1 FLUSHDB since the look: whether by us is not known"
    assert (verdict.truth, str(verdict.words)) == (Truth.UNKNOWN, said)
    await client.config_resetstat()
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert (verdict.truth, "the server's counters were reset" in str(verdict.words)) == (Truth.UNKNOWN, True)


@pytest.mark.engine
@pytest.mark.parametrize("mode", [Mode.CLOSE, Mode.RESET, Mode.GARBAGE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("action", SENT)
async def test_a_request_that_never_arrived_is_unknown_and_refuted_by_the_look(
    proxy: FaultProxy, client: Connection, action: str, mode: Mode
) -> None:
    await ready(client)
    act = behind(proxy)
    plan = await act.plan(request_of(action))
    proxy.become(mode, when=SENT[action])
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.subjects[0], sent)
    assert (outcome.result, len(sent), proxy.seen(SENT[action])) == (Result.UNKNOWN, 1, 1)
    proxy.mode = Mode.PASS
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.REFUTED, verdict


@pytest.mark.engine
@pytest.mark.parametrize("action", SENT)
async def test_a_server_that_falls_silent_leaves_it_unknown_and_nothing_is_sent_again(
    proxy: FaultProxy, client: Connection, action: str
) -> None:
    await ready(client)
    act = behind(proxy)
    plan = await act.plan(request_of(action))
    proxy.become(Mode.SILENT, when=SENT[action])
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.subjects[0], sent)
    assert (outcome.result, len(sent), proxy.seen(SENT[action])) == (Result.UNKNOWN, 1, 1)
    assert "no answer" in str(outcome.words)
    assert not act._links


@pytest.mark.engine
@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.RESET, Mode.GARBAGE, Mode.BLACKHOLE], ids=lambda mode: mode.value)
async def test_nothing_is_sent_when_the_server_can_not_be_reached(
    proxy: FaultProxy, client: Connection, mode: Mode
) -> None:
    await ready(client)
    act = behind(proxy)
    plan = await act.plan(clear())
    proxy.mode = mode
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert (outcome.result, proxy.seen(b"UNLINK")) == (Result.FAILED, 0)


@pytest.mark.engine
async def test_clearing_that_breaks_off_says_how_far_it_came_and_sends_no_batch_twice(
    proxy: FaultProxy, client: Connection
) -> None:
    await filled(client, 5000)
    act = behind(proxy)
    plan = await act.plan(clear())

    real = Link.ask
    batches = 0

    async def ask(self: Link, commands: Any) -> list[Any]:
        nonlocal batches
        if commands and commands[0][0] == "UNLINK":
            batches += 1
            if batches == 3:
                proxy.become(Mode.LOSE, when=b"UNLINK")
        return await real(self, commands)

    Link.ask = ask  # type: ignore[method-assign]
    try:
        outcome = await carried_out(act, plan, plan.subjects[0], [])
    finally:
        Link.ask = real  # type: ignore[method-assign]
    facts = dict(outcome.facts)
    assert outcome.result is Result.PARTIAL
    assert (facts["batches"], proxy.seen(b"UNLINK")) == ("3", 3)
    assert 0 < int(facts["removed"]) <= 2 * BATCH
    assert f"of {amount(int(facts['unanswered']))} more nobody knows" in str(outcome.words)
    proxy.mode = Mode.PASS
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    left = 5000 - int(facts["removed"]) - int(facts["unanswered"])
    assert (verdict.truth, f"{amount(left)} match still" in str(verdict.words)) == (Truth.REFUTED, True)
    assert verdict.share == pytest.approx(1 - left / 5000)
    again = await perform(act, clear())
    assert again.verdicts[0].truth is Truth.CONFIRMED


@pytest.mark.engine
async def test_a_server_that_is_busy_with_a_script_is_told_and_nothing_is_sent(new_redis: Callable[..., Redis]) -> None:
    server = new_redis("--lua-time-limit", "50")
    act = actuator(server.url)
    async with opened(server.port) as client, opened(server.port) as stuck:
        await filled(client, 5)
        plan = await act.plan(clear())
        looping = asyncio.ensure_future(stuck.eval("while true do end", 0))
        await until_busy(client)
        sent: list[str] = []
        outcome = await carried_out(act, plan, plan.subjects[0], sent)
        await client.script_kill()
        with pytest.raises(client_library.ResponseError):
            await looping
    assert (outcome.result, sent) == (Result.FAILED, [])
    assert "is busy with a script and answers nobody else" in str(outcome.words)


async def until_busy(client: Connection) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            await client.get("x")
        except client_library.ResponseError:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the script does not keep the server busy")


@pytest.mark.engine
async def test_an_aborted_act_makes_no_new_connection(redis_server: Redis, client: Connection) -> None:
    await filled(client, 3000)
    act = actuator(redis_server.url)
    plan = await act.plan(clear())

    async def sending() -> None:
        act.abort()

    outcome = await act.carry_out(plan, plan.subjects[0], "id", sending)
    assert (outcome.result, await client.dbsize()) == (Result.FAILED, 3007)


@pytest.mark.engine
async def test_many_keys_are_cleared_in_time_and_others_are_served_meanwhile(
    act: RedisActuator, client: Connection
) -> None:
    async with client.pipeline(transaction=False) as pipe:
        for start in range(0, 50_000, 5_000):
            pipe.mset({f"cache:{n}": "x" for n in range(start, start + 5_000)})
        await pipe.execute()
    began = time.monotonic()
    done = await perform(act, clear())
    assert result(done) is Result.DONE
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert words(done) == "50,000 keys removed, none matches any more; database 0 holds 0 keys"
    assert time.monotonic() - began < 30


# a clearing that takes long


MANY = 20_000


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer pause between two batches, so that many keys take two seconds at least on any machine."""
    monkeypatch.setattr("probes.redis.act_clear.PAUSE", 0.05)


async def laid(client: Connection, count: int = MANY) -> None:
    """Many keys of a cache, and a few others."""
    async with client.pipeline(transaction=False) as pipe:
        for start in range(0, count, 10_000):
            pipe.mset({f"cache:page:{n}": "x" for n in range(start, start + 10_000)})
        await pipe.execute()
    await client.mset({f"basket:{n}": "y" for n in range(7)})


@pytest.mark.engine
async def test_a_long_clearing_tells_how_far_it_is_until_all_are_gone(act: RedisActuator, client: Connection) -> None:
    await laid(client, 200_000)
    plan = await act.plan(clear())
    assert "it can be stopped, and stops when Opsroom ends" in " ".join(map(str, plan.notes))
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    assert (outcome.result, str(outcome.words).startswith("under way: ")) == (Result.DONE, True)
    shares = []
    while True:
        verdict = await act.verify(plan, plan.subjects[0], outcome, 0.0)
        if verdict.truth is not Truth.PENDING or verdict.share is None:
            break
        if verdict.share < 1.0:
            said = r"[\d,]+ keys removed, [\d,]+ a second, [\d,]+ of 200,007 looked at, some \d+ s more"
            assert re.fullmatch(said, str(verdict.words)), verdict.words
        shares.append(verdict.share)
        await asyncio.sleep(0.05)
    assert len(shares) > 5
    assert shares == sorted(shares)
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.CONFIRMED
    assert str(verdict.words) == "200,000 keys removed, none matches any more; database 0 holds 7 keys"
    await act.close()


@pytest.mark.engine
@pytest.mark.usefixtures("slowly")
async def test_a_clearing_that_is_stopped_leaves_the_rest_and_says_how_many_it_removed(
    act: RedisActuator, client: Connection
) -> None:
    await laid(client)
    plan = await act.plan(clear())
    subject = plan.subjects[0]
    outcome = await carried_out(act, plan, subject, [])
    act.leave_off(plan, subject, outcome)
    verdict = await settled(act, plan, subject, outcome)
    left = await client.dbsize() - 7
    assert 0 < left < MANY
    said = f"{amount(MANY - left)} removed, then stopped as asked: {amount(left)} match still; database 0 holds"
    assert (verdict.truth, str(verdict.words)[: len(said)]) == (Truth.REFUTED, said)
    assert verdict.share == pytest.approx(1 - left / MANY)
    await act.close()
    await act.close()


@pytest.mark.engine
@pytest.mark.usefixtures("slowly")
async def test_when_the_session_ends_a_clearing_stops_and_a_later_one_says_what_is_left(
    act: RedisActuator, client: Connection, redis_server: Redis
) -> None:
    await laid(client)
    plan = await act.plan(clear())
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    await act.close()
    left = await client.dbsize()
    later = actuator(redis_server.url)
    verdict = await settled(later, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.REFUTED
    assert f"the session that cleared has ended: {amount(left - 7)} match still" in str(verdict.words)
    assert await client.dbsize() == left, "nothing goes on"
    await client.flushdb()
    verdict = await settled(later, plan, plan.subjects[0], outcome)
    assert (verdict.truth, "whether all that by us is not known" in str(verdict.words)) == (Truth.UNKNOWN, True)


@pytest.mark.engine
@pytest.mark.usefixtures("slowly")
async def test_an_answer_lost_while_it_goes_on_ends_it_and_no_batch_is_sent_twice(
    proxy: FaultProxy, client: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await laid(client)
    act = behind(proxy)
    plan = await act.plan(clear())
    subject = plan.subjects[0]
    real, sent, lost = Link.ask, [], asyncio.Event()

    async def ask(self: Link, commands: Any) -> list[Any]:
        if commands and commands[0][0] == "UNLINK":
            sent.append(commands[0][1:])
            if lost.is_set():
                proxy.become(Mode.LOSE, when=b"UNLINK")
        return await real(self, commands)

    monkeypatch.setattr(Link, "ask", ask)
    outcome = await carried_out(act, plan, subject, [])
    assert str(outcome.words).startswith("under way: ")
    lost.set()
    deadline = time.monotonic() + 30
    while proxy.fault.mode is not Mode.LOSE and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    clearing = act._clearings[dict(outcome.facts)["clearing"]]
    while clearing.ended is None and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    batches = len(sent)
    proxy.mode = Mode.PASS
    verdict = await settled(act, plan, subject, outcome)
    left = await client.dbsize() - 7
    assert verdict.truth is Truth.REFUTED
    assert re.match(r"[\d,]+ keys removed; of \d+ keys more nobody knows, then: ", str(verdict.words))
    assert f"{amount(left)} match still" in str(verdict.words)
    assert len(sent) == batches
    assert len({key for keys in sent for key in keys}) == sum(map(len, sent)), "no key was sent twice"
    assert left == MANY - sum(map(len, sent)), "the batch without an answer was done all the same"
    await act.close()


@pytest.mark.engine
@pytest.mark.usefixtures("slowly")
async def test_a_look_that_is_cut_does_not_cut_a_clearing(act: RedisActuator, client: Connection) -> None:
    await laid(client)
    plan = await act.plan(clear())
    outcome = await carried_out(act, plan, plan.subjects[0], [])
    act.abort()
    verdict = await settled(act, plan, plan.subjects[0], outcome)
    assert (verdict.truth, await client.dbsize()) == (Truth.CONFIRMED, 7)
    await act.close()


@pytest.mark.engine
@pytest.mark.usefixtures("slowly")
async def test_the_stop_of_the_room_reaches_it_and_is_recorded_with_the_count(
    act: RedisActuator, client: Connection, tmp_path: Path
) -> None:
    await laid(client)
    clock = SystemClock()
    trail = Trail(tmp_path / "audit", who({}), clock, {"system": "toys"})
    trail._chain._sinks = trail._chain._sinks[:1]  # nothing of a test belongs into the machine's own log
    setting = Setting("toys", "test", False, False)
    locks = FileLocks(tmp_path / "locks")
    runner = Runner({"cache": act}, lambda target: setting, lambda: Session.ARMED, trail, locks, clock, every=0.05)
    plan = await runner.plan("cache", clear())
    assert plan.action.stops
    deed = runner.begin(plan, Confirmation(digest_of(plan, setting), "a test", "cache"))
    said: list[str] = []
    deadline = time.monotonic() + 30
    while runner.busy and time.monotonic() < deadline:
        verdict = deed.steps[0].verdict
        if verdict is not None and str(verdict.words) not in said:
            said.append(str(verdict.words))
            if verdict.truth is Truth.PENDING and not deed.stopping:
                deed.stop()
        await asyncio.sleep(0.01)
    await runner.close()
    await trail.close()
    left = await client.dbsize() - 7
    assert 0 < left < MANY, said
    assert deed.result is Truth.REFUTED
    records = [record.data for record in read(tmp_path / "audit").records() if record.code is Code.VERDICT]
    assert len(records) == 1
    assert records[0]["words"].startswith(f"{amount(MANY - left)} removed, then stopped as asked: {amount(left)}")


# rights, and the users that contrib/ describes


@pytest.fixture
def guarded(new_redis: Callable[..., Redis], tmp_path: Path) -> Redis:
    """A server with the users of contrib/redis for caches, who have a password."""
    users = tmp_path / "users.acl"
    names = ("opsroom_cache", "opsroom_cache_admin")
    users.write_text("".join((ROOT / "contrib/redis" / f"{name}.acl").read_text() for name in names))
    server = new_redis("--aclfile", str(users))
    for name in names:
        assert server.command("ACL", "SETUSER", name, f">{SECRET}") == "+OK\r\n"
    return server


@pytest.mark.engine
async def test_the_users_of_contrib_can_do_their_acts_and_no_more(guarded: Redis) -> None:
    async with opened(guarded.port) as client:
        await ready(client)
        plain = actuator(guarded.url, username="opsroom_cache", password="env:X")
        admin = actuator(guarded.url, username="opsroom_cache_admin", password="env:X")
        for request in (clear(), Request("slowlog-reset")):
            done = await perform(plain, request)
            assert (result(done), done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED), done
        await ready(client)
        refused = await perform(plain, clear("basket:*"))
        assert (result(refused), "may not" in str(refused.outcomes[0].words)) == (Result.FAILED, True)
        for request in (Request("flush"), Request("policy", word="allkeys-lru"), Request("memory", number=64)):
            assert result(await perform(plain, request)) is Result.FAILED
            done = await perform(admin, request)
            assert (result(done), done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED), done
    grants = {right.name: right.grant for right in await plain.rights()}
    assert [name for name, grant in grants.items() if grant is Grant.MISSING] == [
        "flush a database", "set policy and memory limit",
    ]  # fmt: skip
    assert {right.grant for right in await admin.rights()} == {Grant.HELD}
    settings = RedisSettings(url=guarded.url, username="opsroom_cache", password="env:X")
    probe = RedisProbe(Target("cache", "redis", settings), Context(OneSecret()))
    try:
        snapshot = await probe.read()
        assert (snapshot.gaps, snapshot.facts.holds_queues) == ((), False)
    finally:
        await probe.close()


@pytest.mark.engine
@pytest.mark.parametrize("user", ["opsroom_cache", "opsroom_cache_admin"])
async def test_what_the_users_need_not_they_may_not(guarded: Redis, user: str) -> None:
    forbidden = ["FLUSHALL", "CONFIG GET *", "KEYS *", "SHUTDOWN NOSAVE", "ACL LIST", "SET cache:1 x", "GET cache:1",
                 "UNLINK bull:mail:wait", "DEL cache:1", "HGETALL bull:mail:meta", "REPLICAOF NO ONE",
                 "MONITOR", "SWAPDB 0 1", "MODULE LIST", "SCRIPT FLUSH", "CLIENT KILL 1"]  # fmt: skip
    forbidden += ["FLUSHDB", "CONFIG SET maxmemory 1"] if user == "opsroom_cache" else []
    async with opened(guarded.port, user) as client:
        answers: dict[str, str] = {}
        for command in forbidden:
            try:
                answers[command] = str(await client.execute_command(*command.split()))
            except client_library.ResponseError as error:
                answers[command] = str(error)
    assert [command for command, said in answers.items() if "permission" not in said] == []


@pytest.mark.engine
async def test_a_user_who_may_do_everything_is_told_what_is_too_much(act: RedisActuator, client: Connection) -> None:
    rights = await act.rights()
    assert {right.name for right in rights if right.grant is Grant.EXCESS} >= {
        "empty the whole Redis", "remove keys of queues", "write keys",
    }  # fmt: skip
    assert not [right for right in rights if right.grant is Grant.MISSING]


# looks


@pytest.mark.engine
async def test_latency_is_sampled_to_an_end_and_big_keys_of_a_row_are_its_databases(
    redis_server: Redis, client: Connection
) -> None:
    async with opened(redis_server.port, db=3) as third:
        await third.set("third", "x" * 5000)
    probe = RedisProbe(Target("cache", "redis", RedisSettings(url=redis_server.url)), Context(OneSecret()))
    try:
        sheet = await probe.look("latency", "")
        assert str(sheet.lines[0]).startswith("100 pings: least ")
        assert "third" in str((await probe.look("big-keys", "db3")).lines)
        assert "third" not in str((await probe.look("big-keys", "db0")).lines)
    finally:
        await probe.close()


@pytest.mark.engine
async def test_latency_says_when_the_connection_broke_off(proxy: FaultProxy, client: Connection) -> None:
    probe = RedisProbe(
        Target("cache", "redis", RedisSettings(url=f"redis://127.0.0.1:{proxy.port}/0")), Context(OneSecret())
    )
    proxy.become(Mode.RESET_LATER, after=200)
    try:
        sheet = await probe.look("latency", "")
        assert str(sheet.lines[-1]).startswith("then it broke off: ") or "then it broke off" in str(sheet.lines[1])
    finally:
        await probe.close()
