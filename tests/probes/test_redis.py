"""The redis kind: its parsing alone, its words for every refusal over a scripted server, and a real server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
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
from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, State, Target
from probes.redis import info as info_text
from probes.redis.address import RedisSettings, found, resolve
from probes.redis.cache import RedisProbe
from probes.redis.connection import BIGGEST, _made
from probes.redis.facts import Memory, RedisFacts, Traffic
from probes.redis.gauges import measured
from probes.redis.hits import LEARNED, HitRate
from probes.redis.lookups import Ledger, caused
from probes.redis.meters import Window
from probes.redis.slowlog import entries, shown
from tests.stack.cacheservers import Redis

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
CANARY = "hunter2-CANARY-x9"


@dataclass
class Clock:
    """Time that moves only when a test moves it."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000)


class Secrets:
    def __init__(self, **known: str) -> None:
        self.known = known

    def resolve(self, reference: str) -> str:
        name = reference.partition(":")[2]
        if name not in self.known:
            raise LookupError(f"the environment variable {name} is not set")
        return self.known[name]


def probe(url: str, clock: Clock | None = None, secrets: Secrets | None = None, **settings: Any) -> RedisProbe:
    clock = clock or Clock()
    context = Context(secrets or Secrets(), clock.monotonic, clock.now, "tester")
    return RedisProbe(Target("cache", "redis", RedisSettings(url=url, **settings)), context)


@asynccontextmanager
async def opened(made: RedisProbe) -> AsyncIterator[RedisProbe]:
    try:
        yield made
    finally:
        await made.close()


class Judge:
    """The rules of a probe over its readings."""

    def __init__(self, made: RedisProbe, clock: Clock) -> None:
        self.book = RuleBook("cache", made.rules, made.gauges)
        self.target, self.clock = made.target, clock

    def __call__(self, snapshot: Snapshot[Any]) -> list[Alert]:
        slot = Slot(self.target, 0.0, snapshot=snapshot, received=self.clock.seconds)
        return list(self.book.judge(slot, self.clock.seconds, self.clock.now()))


# addresses


@pytest.mark.parametrize(
    ("url", "where", "db", "tls"),
    [
        ("redis://cache.internal/3", "cache.internal:6379", 3, False),
        ("rediss://cache:6380", "cache:6380", 0, True),
        ("valkey://[::1]:7000/1", "[::1]:7000", 1, False),
        ("unix:///run/redis.sock?db=2", "/run/redis.sock", 2, False),
    ],
)
def test_an_address_says_where_and_which_database(url: str, where: str, db: int, tls: bool) -> None:
    address = resolve(RedisSettings(url=url), Secrets())
    assert (address.where, address.db, address.tls) == (where, db, tls)


def test_over_tls_the_name_is_checked_but_no_mere_form() -> None:
    given = _made(resolve(RedisSettings(url="rediss://cache:6380"), Secrets()), "127.0.0.1")._connection_arguments()  # type: ignore[attr-defined]
    assert (given["host"], given["server_hostname"]) == ("127.0.0.1", "cache")
    assert given["ssl"].verify_mode is ssl.CERT_REQUIRED
    assert not given["ssl"].verify_flags & ssl.VERIFY_X509_STRICT, "Python 3.13 sets it by itself"


def test_the_profile_decides_over_the_address() -> None:
    settings = RedisSettings(url="redis://a:b@h/1", username="reader", password="env:PASS", db=4)
    address = resolve(settings, Secrets(PASS=CANARY))
    assert (address.username, address.password, address.db) == ("reader", CANARY, 4)
    assert CANARY not in repr(address)


@pytest.mark.parametrize("url", ["redis://", "http://h", f"redis://u:{CANARY}@x@y/0", "redis://h/sessions", "unix://"])
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RedisSettings(url=url)
    assert CANARY not in str(refused.value.errors(include_input=False, include_context=False))


def test_a_reference_to_an_address_is_looked_up_late() -> None:
    settings = RedisSettings(url="env:REDIS_URL")
    assert resolve(settings, Secrets(REDIS_URL="redis://there:1/2")).where == "there:1"
    with pytest.raises(ProbeError) as missing:
        resolve(settings, Secrets())
    assert missing.value.cause is Cause.AUTH
    with pytest.raises(ProbeError) as bad:
        resolve(settings, Secrets(REDIS_URL=f"redis://x:{CANARY}@a@b"))
    assert CANARY not in str(bad.value)


def test_a_variable_is_discovered_by_reference_only() -> None:
    [one] = found({"REDIS_URL": f"redis://:{CANARY}@h/0"}, "cache")
    assert one.settings == {"url": "env:REDIS_URL"}
    assert CANARY not in f"{one}"


# parsing

INFO = b"""# Server
redis_version:7.0.15
run_id:aa11
uptime_in_seconds:300
server_time_usec:1772334761000000
# Clients
connected_clients:12
maxclients:100
blocked_clients:3
# Memory
used_memory:104857600
maxmemory:209715200
maxmemory_policy:allkeys-lru
mem_fragmentation_ratio:1.4
# Persistence
loading:0
rdb_changes_since_last_save:42
rdb_last_save_time:1772334700
rdb_last_bgsave_status:err
aof_enabled:0
aof_last_write_status:ok
# Stats
keyspace_hits:90
keyspace_misses:10
# Replication
role:master
slave0:ip=10.0.0.7,port=6379,state=online,offset=900,lag=1
master_repl_offset:1000
# Errorstats
errorstat_OOM:count=7
# Keyspace
db0:keys=10,expires=4,avg_ttl=60000
db3:keys=1,expires=0,avg_ttl=0
"""


def test_info_becomes_facts() -> None:
    fields = info_text.fields(INFO)
    now = info_text.server_now(fields, NOW)
    memory, kept, copies = info_text.memory(fields), info_text.persistence(fields, now), info_text.replication(fields)
    assert (memory.full_ratio, memory.drops_keys) == (0.5, True)
    assert (kept.last_save_age, kept.failed, kept.changes) == (61.0, ("snapshot",), 42.0)
    assert (copies.role, str(copies.replicas[0].address), copies.replicas[0].behind) == (
        "master",
        "10.0.0.7:6379",
        100.0,
    )
    assert [(one.number, one.keys, one.average_ttl) for one in info_text.databases(fields)] == [
        (0, 10.0, 60.0),
        (3, 1.0, None),
    ]
    assert info_text.errors(fields) == {"OOM": 7.0}


def test_a_save_in_the_future_has_no_age() -> None:
    assert info_text.persistence({"rdb_last_save_time": "1772339999"}, 1772334761.0).last_save_age is None


def test_fields_that_are_missing_are_gaps_and_not_zeros() -> None:
    assert info_text.memory({}) == Memory()
    gauges = measured(RedisFacts()).values
    assert not gauges


@given(some.binary(max_size=400))
def test_no_info_text_breaks_the_reading(raw: bytes) -> None:
    fields = info_text.fields(raw)
    info_text.memory(fields), info_text.persistence(fields, 1.0), info_text.replication(fields)
    info_text.databases(fields), info_text.errors(fields)


@given(some.recursive(some.none() | some.integers() | some.binary(max_size=20), some.lists, max_leaves=20))
def test_no_slow_log_breaks_the_reading(reply: Any) -> None:
    entries(reply, 1e9)


@pytest.mark.parametrize(
    "words",
    [
        [b"AUTH", CANARY.encode()],
        [b"CONFIG", b"SET", b"requirepass", CANARY.encode()],
        [b"SET", b"user:1", CANARY.encode()],
        [b"EVAL", CANARY.encode(), b"0"],
        [b"GET", b"session:" + CANARY.encode()],
        [b"HSET", b"k", b"password", CANARY.encode()],
    ],
)
def test_the_slow_log_gives_no_value_and_no_token_away(words: list[bytes]) -> None:
    assert CANARY not in str(shown(words))
    assert str(shown(words)).startswith(words[0].decode())


# rates


def test_a_window_begins_anew_when_a_counter_goes_back() -> None:
    meter = Window(10, counter=True)
    for at, value in ((0, 100), (2, 120), (4, 3)):
        meter.add(value, at)
    assert meter.per_second() is None
    meter.add(7, 6)
    assert meter.per_second() == 2


def counters(hits: float, misses: float) -> dict[str, str]:
    return {"keyspace_hits": str(hits), "keyspace_misses": str(misses)}


def test_no_look_up_at_all_is_no_rate() -> None:
    rate = HitRate()
    rate.rate(counters(5, 5), (0, 0), 0.0)
    quiet = rate.rate(counters(5, 5), (0, 0), 2.0)
    assert (quiet.ratio, quiet.lookups) == (None, 0.0)


def test_our_own_look_ups_are_no_part_of_the_rate() -> None:
    rate = HitRate()
    rate.rate(counters(0, 0), (0, 0), 0.0)
    now = rate.rate(counters(90 + 40, 10 + 300), (40, 300), 2.0)
    assert (now.ratio, now.lookups) == (0.9, 100.0)


def test_a_reset_of_the_statistics_is_no_rate_of_its_own() -> None:
    rate = HitRate()
    rate.rate(counters(900, 100), (0, 0), 0.0)
    assert rate.rate(counters(1, 3), (0, 0), 2.0).ratio is None


def test_a_fall_is_measured_against_what_was_usual() -> None:
    rate = HitRate()
    hits = misses = 0.0
    at = 0.0
    while at < LEARNED * 3:
        hits, misses, at = hits + 18, misses + 2, at + 2
        usual = rate.rate(counters(hits, misses), (0, 0), at)
    for _ in range(6):
        hits, misses, at = hits + 6, misses + 14, at + 2
        fallen = rate.rate(counters(hits, misses), (0, 0), at)
    assert usual.usual == pytest.approx(0.9)
    assert fallen.ratio == pytest.approx(0.3)
    assert fallen.usual is not None
    assert fallen.usual > 0.87


def test_what_is_usual_is_learned_from_a_cold_start_within_minutes() -> None:
    rate = HitRate()
    hits = misses = 0.0
    for number in range(90):
        warm = number > 15
        hits, misses = hits + (18 if warm else 8), misses + (2 if warm else 12)
        now = rate.rate(counters(hits, misses), (0, 0), 2.0 * number)
    assert now.usual is not None
    assert now.usual > 0.85


def test_the_ledger_counts_what_each_command_has_caused() -> None:
    ledger = Ledger()
    ledger.note("a", [("LLEN", "x"), ("TYPE", "y"), ("EXISTS", "a", "b"), ("INFO",)], [3, b"none", 1, b""])
    assert ledger.of("a") == (2, 2)
    assert caused((b"HGETALL", b"k"), []) == (0, 1)


# gauges and rules


def test_every_rule_speaks_of_gauges_that_are_declared() -> None:
    names = {spec.name for spec in RedisProbe.gauges}
    for rule in RedisProbe.rules:
        assert {rule.gauge, *([rule.samples] if rule.samples else [])} <= names
        assert placeholders(rule.say) <= names | {"value", "limit", "error", "what", "replica"}


def test_a_cold_cache_may_miss_and_is_no_alert() -> None:
    judge = Judge(probe("redis://h"), Clock())
    cold = RedisFacts(uptime=5, traffic=Traffic(hit_ratio=0.2, lookups=500.0), holds_queues=False)
    assert judge(Snapshot("cache", NOW, 0.0, cold, measured(cold).values)) == []
    warm = replace(cold, uptime=60)
    [alert] = judge(Snapshot("cache", NOW, 0.0, warm, measured(warm).values))
    assert alert.rule == "hit-rate-collapsed"


def test_a_policy_that_drops_jobs_is_told_only_where_queues_live() -> None:
    memory = Memory(used=1.0, limit=10.0, policy="allkeys-lru")
    for queues, expected in ((True, True), (False, False), (None, False)):
        gauges = measured(RedisFacts(memory=memory, holds_queues=queues)).values
        assert any(key.name == "may_drop_jobs" for key in gauges) is expected


def test_a_full_cache_that_drops_keys_is_no_alert() -> None:
    clock = Clock()
    made = probe("redis://h")
    judge = Judge(made, clock)
    facts = RedisFacts(memory=Memory(used=99.0, limit=100.0, policy="allkeys-lru"))
    snapshot = Snapshot("cache", NOW, 0.0, facts, measured(facts).values)
    assert judge(snapshot) == []
    strict = replace(facts, memory=replace(facts.memory, policy="noeviction"))
    [alert] = judge(Snapshot("cache", NOW, 0.0, strict, measured(strict).values))
    assert alert.rule == "memory-full"


def test_the_absolute_limit_keeps_quiet_where_queues_share_the_server() -> None:
    judge = Judge(probe("redis://h"), Clock())
    facts = RedisFacts(traffic=Traffic(hit_ratio=0.7, lookups=500.0), holds_queues=True)
    assert judge(Snapshot("cache", NOW, 0.0, facts, measured(facts).values)) == []
    alone = replace(facts, holds_queues=False)
    assert [alert.rule for alert in judge(Snapshot("cache", NOW, 0.0, alone, measured(alone).values))] == ["hit-rate"]


# a server that says what the test wants

Answer = Callable[[list[bytes]], bytes]


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[tuple[str, list[list[bytes]]]]:
    """A RESP server that answers each command with `answer`; gives its address and the commands it got."""
    seen: list[list[bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readline():
                words = []
                for _ in range(int(head[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                seen.append(words)
                writer.write(answer(words))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", seen
    finally:
        server.close()


def bulk(raw: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(raw), raw)


def usual(words: list[bytes]) -> bytes:
    """What a server says that has little to say."""
    return {
        b"PING": b"+PONG\r\n",
        b"CLIENT": b"+OK\r\n",
        b"INFO": bulk(INFO),
        b"SLOWLOG": b"*0\r\n",
        b"EXISTS": b":0\r\n",
        b"SCAN": b"*2\r\n$1\r\n0\r\n*0\r\n",
        b"AUTH": b"+OK\r\n",
    }.get(words[0].upper(), b"-ERR unknown command\r\n")


def saying(**replies: bytes) -> Answer:
    def answer(words: list[bytes]) -> bytes:
        return replies.get(words[0].decode().upper(), usual(words))

    return answer


async def failure(answer: Answer, **settings: Any) -> ProbeError:
    secrets = Secrets(PASS=CANARY)
    async with scripted(answer) as (url, _), opened(probe(url, secrets=secrets, **settings)) as made:
        with pytest.raises(ProbeError) as failed:
            await made.read()
        assert CANARY not in str(failed.value)
        return failed.value


@pytest.mark.parametrize(
    ("error", "cause", "state", "word"),
    [
        (b"-NOAUTH Authentication required.", Cause.AUTH, State.DENIED, "wants a password"),
        (b"-WRONGPASS invalid username-password pair", Cause.AUTH, State.DENIED, "does not accept"),
        (b"-ERR invalid password", Cause.AUTH, State.DENIED, "does not accept"),
        (b"-NOPERM this user has no permissions", Cause.DENIED, State.DENIED, "may not"),
        (b"-LOADING Redis is loading the dataset in memory", Cause.OVERLOADED, State.THROTTLED, "loading"),
        (b"-BUSY Redis is busy running a script.", Cause.OVERLOADED, State.THROTTLED, "busy with a script"),
        (b"-OOM command not allowed", Cause.OVERLOADED, State.THROTTLED, "out of memory"),
        (b"-ERR max number of clients reached", Cause.OVERLOADED, State.THROTTLED, "no more clients"),
        (b"-READONLY You can't write", Cause.DENIED, State.DENIED, "replica"),
        (b"-MASTERDOWN Link with MASTER is down", Cause.OVERLOADED, State.THROTTLED, "without its master"),
        (b"-DENIED Redis is running in protected mode", Cause.DENIED, State.DENIED, "protected mode"),
        (b"-MOVED 3999 10.0.0.1:6381", Cause.VERSION, State.UNSUPPORTED, "cluster"),
        (b"-ERR unknown command 'INFO'", Cause.VERSION, State.UNSUPPORTED, "does not know"),
        (b"-\x1b[2Jboo", Cause.GARBAGE, State.DOWN, "^["),
    ],
)
async def test_each_refusal_has_its_word(error: bytes, cause: Cause, state: State, word: str) -> None:
    failed = await failure(saying(INFO=error + b"\r\n"))
    assert (failed.cause, failed.cause.state) == (cause, state)
    assert word in str(failed.message)
    assert "\x1b" not in str(failed.message)


async def test_a_refused_login_is_told_apart_from_a_missing_one() -> None:
    refused = await failure(saying(AUTH=b"-WRONGPASS no\r\n"), password="env:PASS")
    needless = await failure(
        saying(AUTH=b"-ERR AUTH <password> called without any password configured\r\n"), password="env:PASS"
    )
    assert "does not accept" in str(refused.message)
    assert "has no password" in str(needless.message)


_SIXTEEN = b"*16\r\n" + (b"$%d\r\n" % (BIGGEST // 16) + bytes(BIGGEST // 16) + b"\r\n") * 16
"""Each of them small enough, and together beyond the limit."""


@pytest.mark.parametrize("reply", [b"$104857600\r\n", b"*2000000\r\n", b"$-7\r\n", _SIXTEEN])
async def test_a_reply_beyond_the_limit_is_not_read(reply: bytes) -> None:
    failed = await failure(saying(INFO=reply), timeout=30)
    assert failed.cause is Cause.TOO_BIG
    assert BIGGEST < 104857600


@pytest.mark.parametrize("reply", [b"HTTP/1.1 200 OK\r\n\r\n", b"*" * 5, b":abc\r\n", b"*1\r\n" * 5000])
async def test_another_protocol_is_said_to_be_one(reply: bytes) -> None:
    assert (await failure(saying(PING=reply + b"\r\n"))).cause in (Cause.GARBAGE, Cause.CLOSED_EARLY)


async def test_a_refused_part_is_a_gap_and_not_asked_again_at_once() -> None:
    clock = Clock()
    answer = saying(SLOWLOG=b"-NOPERM no\r\n", EXISTS=b"-NOPERM no\r\n", CLIENT=b"-NOPERM no\r\n")
    async with scripted(answer) as (url, seen), opened(probe(url, clock)) as made:
        for _ in range(3):
            snapshot = await made.read()
            clock.seconds += 2
            assert [gap.part for gap in snapshot.gaps] == ["the slow log"]
        asked = sum(words[0] == b"SLOWLOG" for words in seen)
        clock.seconds += 400
        await made.read()
        assert (asked, sum(words[0] == b"SLOWLOG" for words in seen)) == (1, 2)


async def test_a_restart_is_noticed_by_the_run_id() -> None:
    text = {"info": INFO}
    clock = Clock()

    def answer(words: list[bytes]) -> bytes:
        return bulk(text["info"]) if words[0] == b"INFO" else usual(words)

    async with scripted(answer) as (url, _), opened(probe(url, clock)) as made:
        judge = Judge(made, clock)
        await made.read()
        clock.seconds += 2
        text["info"] = INFO.replace(b"run_id:aa11", b"run_id:bb22").replace(b"seconds:300", b"seconds:1")
        snapshot = await made.read()
        assert snapshot.facts.restarted == pytest.approx(1.0)
        assert snapshot.facts.traffic == Traffic()
        assert "restarted" in {alert.rule for alert in judge(snapshot)}


async def test_a_cut_in_the_middle_ends_the_reading_at_once_and_the_next_one_connects_anew() -> None:
    held = asyncio.Event()

    def answer(words: list[bytes]) -> bytes:
        if words[0] == b"INFO" and not held.is_set():
            held.set()
            return b""
        return usual(words)

    async with scripted(answer) as (url, _), opened(probe(url)) as made:
        reading = asyncio.create_task(made.read())
        await asyncio.wait_for(held.wait(), 5)
        made.abort()
        with pytest.raises(ProbeError) as cut:
            await asyncio.wait_for(reading, 15)
        assert cut.value.cause is Cause.CLOSED_EARLY
        assert (await made.read()).facts.clients == 12


# a real server


@pytest.fixture
async def client(redis_server: Redis) -> AsyncIterator[client_library.Redis]:
    connection = client_library.Redis(port=redis_server.port)
    await connection.flushall()
    yield connection
    await connection.flushall()
    await connection.aclose()


async def look_up(client: client_library.Redis, hits: int, misses: int) -> None:
    async with client.pipeline(transaction=False) as batch:
        for number in range(hits + misses):
            batch.get("cache:there" if number < hits else f"cache:gone:{number}")
        await batch.execute()


@pytest.mark.engine
async def test_a_real_server_is_read_whole(redis_server: Redis, client: client_library.Redis) -> None:
    await client.set("cache:there", "x", ex=60)
    async with opened(probe(redis_server.url)) as made:
        snapshot = await made.read()
    facts = snapshot.facts
    assert snapshot.gaps == ()
    assert facts.server in ("redis", "valkey")
    assert facts.version
    assert facts.run_id
    assert facts.ping is not None
    assert facts.ping < 1
    assert facts.max_clients
    assert facts.memory.used
    assert facts.memory.limit == 0
    assert facts.replication.role == "master"
    assert [(one.number, one.keys, one.expires) for one in facts.databases] == [(0, 1.0, 1.0)]
    assert facts.holds_queues is False
    assert facts.traffic.hit_ratio is None
    assert {key.name for key in snapshot.gauges} <= {spec.name for spec in RedisProbe.gauges}


@pytest.mark.engine
async def test_a_collapse_of_the_hit_rate_is_named_within_five_seconds(
    redis_server: Redis, client: client_library.Redis
) -> None:
    await client.set("cache:there", "x")
    clock = Clock()
    async with opened(probe(redis_server.url, clock)) as made:
        judge = Judge(made, clock)
        for _ in range(15):
            await look_up(client, 90, 10)
            healthy = judge(await made.read())
            clock.seconds += 2
        assert healthy == []
        named: list[str] = []
        collapse = clock.seconds - 2
        while not named and clock.seconds - collapse < 20:
            await look_up(client, 20, 80)
            named = [alert.words for alert in judge(await made.read())]
            seen_at = clock.seconds
            clock.seconds += 2
    assert named
    assert named[0].startswith("cache hit rate")
    assert seen_at - collapse <= 5


@pytest.mark.engine
async def test_watching_does_not_change_the_hit_rate(redis_server: Redis, client: client_library.Redis) -> None:
    await client.set("cache:there", "x")
    clock = Clock()
    async with opened(probe(redis_server.url, clock)) as made, opened(probe(redis_server.url, clock)) as other:
        for _ in range(5):
            await look_up(client, 9, 1)
            for _ in range(10):
                other._queues = None
                await other.read()
            snapshot = await made.read()
            clock.seconds += 2
    assert snapshot.facts.traffic.hit_ratio == pytest.approx(0.9)


@pytest.mark.engine
@pytest.mark.parametrize("key", ["bull:mail:meta", "rq:queues", "_kombu.binding.celery"])
async def test_queues_that_live_here_too_are_noticed(
    redis_server: Redis, client: client_library.Redis, key: str
) -> None:
    await client.hset(key, "a", "b")
    async with opened(probe(redis_server.url)) as made:
        assert (await made.read()).facts.holds_queues is True


@pytest.mark.engine
async def test_slow_commands_are_shown_without_their_values(redis_server: Redis, client: client_library.Redis) -> None:
    await client.config_set("slowlog-log-slower-than", 0)
    clock = Clock()
    try:
        async with opened(probe(redis_server.url, clock)) as made:
            assert (await made.read()).facts.new_slow is None
            await client.set("cache:page", CANARY)
            clock.seconds += 2
            facts = (await made.read()).facts
    finally:
        await client.config_set("slowlog-log-slower-than", 10000)
    assert facts.new_slow
    assert "SET cache:page (1 more)" in [str(slow.command) for slow in facts.slow]
    assert CANARY not in repr(facts)


@pytest.mark.engine
async def test_the_largest_keys_are_sampled_by_size(redis_server: Redis, client: client_library.Redis) -> None:
    await client.set("cache:large", "x" * 200_000)
    await client.rpush("mail", *range(1000))
    async with client.pipeline(transaction=False) as batch:
        for number in range(600):
            batch.set(f"cache:{number}", "x")
        await batch.execute()
    async with opened(probe(redis_server.url)) as made:
        sheet = await made.look("big-keys", "")
    assert "all 602 keys" in str(sheet.lines[0])
    assert str(sheet.lines[2]).split()[-1] == "cache:large"
    assert str(sheet.lines[3]).split()[-2:] == ["list", "mail"]


@pytest.mark.engine
async def test_a_reader_with_few_rights_gets_what_it_may(redis_server: Redis, client: client_library.Redis) -> None:
    rules = "on >pass resetkeys -@all +ping +info +dbsize +select"
    await client.execute_command("ACL", "SETUSER", "reader", *rules.split(" "))  # type: ignore[no-untyped-call]
    try:
        secrets = Secrets(PASS="pass")
        async with opened(probe(redis_server.url, secrets=secrets, username="reader", password="env:PASS")) as made:
            snapshot = await made.read()
            with pytest.raises(ProbeError) as refused:
                await made.look("big-keys", "")
    finally:
        await client.execute_command("ACL", "DELUSER", "reader")  # type: ignore[no-untyped-call]
    assert [(gap.part, gap.cause) for gap in snapshot.gaps] == [("the slow log", Cause.DENIED)]
    assert snapshot.facts.holds_queues is None
    assert refused.value.cause is Cause.DENIED


@pytest.mark.engine
async def test_a_local_socket_and_another_database_work_as_well(
    redis_server: Redis, client: client_library.Redis
) -> None:
    async with opened(probe(f"unix://{redis_server.unix_socket}?db=5")) as made:
        assert (await made.read()).facts.version
    async with opened(probe(redis_server.url, db=9999)) as made:
        with pytest.raises(ProbeError) as refused:
            await made.read()
    assert refused.value.cause is Cause.MISSING


async def alone(made: RedisProbe) -> None:
    """Read as soon as whoever waited for the server to start has gone."""
    async with asyncio.timeout(10):
        while True:
            try:
                await made.read()
            except ProbeError as error:
                if error.cause is not Cause.OVERLOADED:
                    raise
                await asyncio.sleep(0.02)
            else:
                return


@pytest.mark.engine
async def test_a_full_server_says_so(new_redis: Callable[..., Redis]) -> None:
    server = new_redis("--maxclients", "1")
    async with opened(probe(server.url)) as first, opened(probe(server.url)) as second:
        await alone(first)
        with pytest.raises(ProbeError) as refused:
            await second.read()
        assert (await first.read()).facts.max_clients == 1
    assert refused.value.cause is Cause.OVERLOADED


@pytest.mark.engine
async def test_a_password_is_asked_for_and_taken(new_redis: Callable[..., Redis]) -> None:
    server = new_redis("--requirepass", CANARY)
    causes: list[tuple[Cause, str]] = []
    for password in (None, "env:WRONG"):
        async with opened(probe(server.url, secrets=Secrets(WRONG="no"), password=password)) as made:
            with pytest.raises(ProbeError) as refused:
                await made.read()
            causes.append((refused.value.cause, str(refused.value.message).split(" ", 1)[1]))
    assert causes == [
        (Cause.AUTH, "wants a password and none is configured"),
        (Cause.AUTH, "does not accept our user or password"),
    ]
    async with opened(probe(server.url, secrets=Secrets(P=CANARY), password="env:P")) as made:
        assert CANARY not in repr(await made.read())


@pytest.mark.engine
async def test_master_and_replica_know_each_other(new_redis: Callable[..., Redis]) -> None:
    master = new_redis()
    copy = new_redis("--replicaof", f"127.0.0.1 {master.port}")
    async with opened(probe(master.url)) as one, opened(probe(copy.url)) as other:
        async with asyncio.timeout(20):
            while not (await other.read()).facts.replication.link_up:
                await asyncio.sleep(0.1)
            while not (await one.read()).facts.replication.replicas:
                await asyncio.sleep(0.1)
        facts = (await other.read()).facts
    assert facts.replication.role == "replica"
    assert str(facts.replication.master) == f"127.0.0.1:{master.port}"


def test_facts_hold_no_raw_text() -> None:
    fields: Sequence[Any] = (RedisFacts().version, RedisFacts().run_id, RedisFacts().replication.master)
    assert all(isinstance(one, SafeText) for one in fields)
