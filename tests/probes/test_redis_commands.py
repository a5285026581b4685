"""Care of a cache as lines of redis-cli: what is written comes back, and what people write is understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import recognised
from probes.base import Context, Request, SafeText, Target
from probes.redis.act import RedisActuator
from probes.redis.act_plans import POLICIES
from probes.redis.address import RedisSettings
from tests.probes.rigs import TestSecrets

URLS = (
    "redis://cache.internal:6380/0", "redis://127.0.0.1:6379/0", "rediss://user@cache:6379/2", "unix:///run/redis.sock",
    "env:REDIS_URL", "redis://[::1]:6379/1",
)  # fmt: skip


def at(url: str = URLS[0]) -> RedisActuator:
    return RedisActuator(Target("cache", "redis", RedisSettings(url=url)), Context(TestSecrets()))


def own(url: str) -> int:
    return {URLS[2]: 2, URLS[5]: 1}.get(url, 0)


patterns = (
    some.text(
        some.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=40
    )
    .map(str.strip)
    .filter(lambda text: bool(text) and str(SafeText(text)) == text)
)


@given(some.sampled_from(URLS), some.data())
def test_every_request_comes_back_from_its_line(url: str, data: some.DataObject) -> None:
    rows = data.draw(some.sampled_from([(), *((f"db{n}",) for n in (0, 1, 2, 7, 15) if n != own(url))]))
    request = data.draw(
        some.one_of(
            patterns.map(lambda pattern: Request("clear", rows, word=pattern)),
            some.just(Request("flush", rows)),
            some.sampled_from(sorted(POLICIES)).map(lambda policy: Request("policy", word=policy)),
            some.integers(1, 1 << 24).map(lambda number: Request("memory", number=number)),
            some.just(Request("slowlog-reset")),
        )
    )
    act = at(url)
    found = recognised(act.render(request), act)
    assert found is not None, act.render(request)
    assert found.request == request


CLI = "redis-cli -h cache.internal -p 6380"
LINES = {
    f"{CLI} flushdb": (Request("flush"), "FLUSHDB may stop"),
    f"{CLI} FLUSHDB ASYNC": (Request("flush"), ""),
    f"{CLI} -n 4 FLUSHDB ASYNC": (Request("flush", ("db4",)), ""),
    f"{CLI} flushall": (Request("flush"), "FLUSHALL empties every database"),
    "redis-cli flushdb async": (Request("flush"), "The line does not say where: this is done at cache.internal:6380."),
    "redis-cli -hcache.internal -p6380 FLUSHDB async": (Request("flush"), ""),
    "redis-cli -u redis://cache.internal:6380/3 FLUSHDB ASYNC": (Request("flush", ("db3",)), ""),
    f"sudo {CLI} -a x --no-auth-warning CONFIG SET maxmemory-policy allkeys-lru": (
        Request("policy", word="allkeys-lru"), "CONFIG SET holds until"),
    f"{CLI} config set maxmemory 2gb": (Request("memory", number=2048), "CONFIG SET holds until"),
    f"{CLI} config set maxmemory 104857600": (Request("memory", number=100), "CONFIG SET holds until"),
    f"{CLI} slowlog reset": (Request("slowlog-reset"), ""),
    f"{CLI} KEYS 'cache:*' | xargs {CLI} DEL": (Request("clear", word="cache:*"), "KEYS stops the server"),
    f"{CLI} --scan --pattern 'cache:*' | xargs {CLI} del": (Request("clear", word="cache:*"), "xargs takes blanks"),
    f"{CLI} --scan --count 500 --pattern 'cache:*' | xargs -L 100 {CLI} unlink": (
        Request("clear", word="cache:*"), "xargs takes blanks"),
    f"{CLI} -n 2 --scan --pattern 'a b*' | xargs -0 -I{{}} {CLI} -n 2 UNLINK {{}}": (
        Request("clear", ("db2",), word="a b*"), ""),
    f"valkey-cli -h cache.internal -p 6380 --raw KEYS x:* | xargs -r {CLI} UNLINK": (
        Request("clear", word="x:*"), "KEYS stops the server"),
    f"""{CLI} EVAL "return redis.call('del', unpack(redis.call('keys', ARGV[1])))" 0 'cache:*'""": (
        Request("clear", word="cache:*"), "A script of KEYS and DEL"),
    f"""{CLI} EVAL "for _,k in ipairs(redis.call('keys','cache:*')) do redis.call('del',k) end" 0""": (
        Request("clear", word="cache:*"), "A script of KEYS and DEL"),
}  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_what_people_write_is_understood_with_what_it_does_wrongly(line: str) -> None:
    request, warning = LINES[line]
    found = recognised(line, at())
    assert found is not None
    assert found.request == request
    assert found.warning.startswith(warning)
    assert bool(found.warning) is bool(warning)


@pytest.mark.parametrize(
    "line",
    [
        "redis-cli -h elsewhere -p 6380 FLUSHDB",
        "redis-cli -h cache.internal FLUSHDB",
        "redis-cli -u redis://elsewhere/0 FLUSHDB",
        "redis-cli -s /run/redis.sock FLUSHDB",
        f"{CLI} FLUSHDB now",
        f"{CLI} GET a",
        f"{CLI} DEL a b",
        f"{CLI} CONFIG SET maxmemory 0",
        f"{CLI} CONFIG SET maxmemory 1000000",
        f"{CLI} CONFIG SET maxmemory lots",
        f"{CLI} CONFIG SET maxmemory-policy whatever",
        f"{CLI} CONFIG SET dir /tmp",
        f"{CLI} CONFIG SET maxmemory-policy noeviction maxmemory 1gb",
        f"{CLI} --scan --pattern 'cache:*'",
        f"{CLI} --scan --pattern 'cache:*' | head",
        f"{CLI} --scan --pattern 'cache:*' | grep x | xargs {CLI} del",
        f"{CLI} --scan --pattern 'cache:*' | xargs {CLI} -n 3 del",
        f"{CLI} --scan --pattern 'cache:*' | xargs redis-cli -h elsewhere del",
        f"{CLI} --scan --pattern 'cache:*' | xargs {CLI} lpush jobs",
        f"{CLI} --scan --pattern 'cache:*' | xargs rm",
        f"{CLI} --scan | xargs {CLI} del",
        f"{CLI} EVAL 'return 1' 0",
        f"{CLI} KEYS '*'",
        f"{CLI} -n x FLUSHDB",
        "PATH=/x redis-cli FLUSHDB",
        "rediscli FLUSHDB",
        f"{CLI} FLUSHDB $DB",
        f"redis-cli -p {'6' * 5000} flushdb",
    ],
)
def test_what_means_something_else_or_goes_elsewhere_is_not_taken(line: str) -> None:
    assert recognised(line, at()) is None


def test_the_machine_it_is_typed_on_is_the_default_one() -> None:
    found = recognised("redis-cli FLUSHDB ASYNC", at("redis://127.0.0.1:6379/2"))
    assert found is not None
    assert (found.request, found.warning) == (Request("flush", ("db0",)), "")


def test_no_password_stands_in_a_line() -> None:
    act = at("rediss://me:hunter2@cache:6379/2")
    assert act.render(Request("flush")) == "redis-cli -h cache -p 6379 --tls -n 2 FLUSHDB ASYNC"
    assert "hunter2" not in act.render(Request("clear", word="a:*"))
