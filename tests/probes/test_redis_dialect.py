"""What lines of redis-cli, bare commands of Redis and keys of queues mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import parse
from probes.base import CommandLine, Danger, Dialect, Meaning, Request, Sort, Verb
from probes.redis import dialect as module
from probes.redis.act_plans import POLICIES
from tests.probes.spoken import line, meant, said, words
from tests.probes.test_redis_commands import at, patterns

DIALECT = cast(Dialect, module)

LINES = [
    ("redis-cli CONFIG SET maxmemory-policy allkeys-lru", "action maintenance destructive", "maxmemory-policy"),
    (
        "redis-cli CONFIG SET maxmemory 1gb maxmemory-policy allkeys-lru",
        "action maintenance destructive",
        "maxmemory maxmemory-policy",
    ),
    ("redis-cli CONFIG SET maxmemory-policy noeviction", "action maintenance disruptive", "maxmemory-policy"),
    ("redis-cli ping", "reading health read", ""),
    ("redis-cli -h cache -p 6380 -a $PASS --no-auth-warning PING", "reading health read", ""),
    ("valkey-cli -u redis://cache:6379/2 INFO memory", "reading cache-stats read", ""),
    ("redis-cli info", "reading cache-stats read", ""),
    ("redis-cli INFO replication", "reading cache-stats read", ""),
    ("redis-cli DBSIZE", "reading cache-stats read", ""),
    ("redis-cli memory usage cart:7", "reading cache-stats read", ""),
    ("redis-cli slowlog get 25", "reading cache-stats read", ""),
    ("redis-cli SLOWLOG RESET", "action maintenance disruptive", ""),
    ("redis-cli --latency", "reading cache-stats read", ""),
    ("redis-cli -h cache --latency-history -i 5", "reading cache-stats read", "cache"),
    ("redis-cli --bigkeys", "reading cache-stats read", ""),
    ("redis-cli --stat", "reading cache-stats read", ""),
    ("redis-cli --scan --pattern 'cart:*'", "reading other read", "cart:*"),
    ("redis-cli KEYS 'cart:*'", "reading other read", ""),
    ("redis-cli CLIENT LIST", "reading status read", ""),
    ("redis-cli CLIENT KILL ID 12", "shell terminate disruptive", ""),
    ("redis-cli CONFIG GET maxmemory", "reading status read", ""),
    ("redis-cli CONFIG SET maxmemory 1gb", "action maintenance disruptive", "maxmemory"),
    ("redis-cli CONFIG RESETSTAT", "shell maintenance destructive", ""),
    ("redis-cli CONFIG REWRITE", "shell maintenance disruptive", ""),
    ("redis-cli GET cart:7", "reading other read", "cart:7"),
    ("redis-cli -n 3 HGETALL cart:<id>", "reading other read", "cart:<id>"),
    ("redis-cli TTL cart:7", "reading other read", "cart:7"),
    ("redis-cli LRANGE mail 0 9", "reading other read", "mail"),
    ("redis-cli llen mail", "reading queue-depth read", "mail"),
    ("redis-cli XLEN events", "reading queue-depth read", "events"),
    ("redis-cli ZCARD later", "reading queue-depth read", "later"),
    ("redis-cli XPENDING events readers", "reading queue-depth read", "events"),
    ("redis-cli XINFO GROUPS events", "reading queue-depth read", ""),
    ("redis-cli SET flag on", "shell other disruptive", "flag"),
    ("redis-cli LPUSH mail '{}'", "shell other disruptive", "mail"),
    ("redis-cli XACK events readers 1-0", "shell other disruptive", "events"),
    ("redis-cli PUBLISH news hello", "shell other disruptive", "news"),
    ("redis-cli DEL cart:7 cart:8", "action maintenance destructive", "cart:7"),
    ("redis-cli unlink cart:7", "action maintenance destructive", "cart:7"),
    ("redis-cli EXPIRE cart:7 1", "shell other destructive", "cart:7"),
    ("redis-cli LTRIM mail 0 99", "shell other destructive", "mail"),
    ("redis-cli XTRIM events MAXLEN 1000", "shell other destructive", "events"),
    ("redis-cli XGROUP DESTROY events readers", "shell other destructive", ""),
    ("redis-cli RPOP mail", "shell other destructive", "mail"),
    ("redis-cli FLUSHDB", "action maintenance destructive", ""),
    ("redis-cli -n 2 flushall async", "action maintenance destructive", ""),
    ("redis-cli BGSAVE", "shell backup reversible", ""),
    ("redis-cli --rdb /tmp/now.rdb", "shell backup reversible", "/tmp/now.rdb"),
    ("redis-cli SHUTDOWN", "shell stop disruptive", ""),
    ("redis-cli SHUTDOWN NOSAVE", "shell stop destructive", ""),
    ("redis-cli REPLICAOF db2 6379", "shell other destructive", "db2"),
    ("redis-cli REPLICAOF NO ONE", "shell other disruptive", ""),
    ("redis-cli CLUSTER INFO", "reading status read", ""),
    ("redis-cli --cluster check cache:6379", "shell status read", ""),
    ("redis-cli --cluster del-node cache:6379 abc", "shell other destructive", ""),
    ("redis-cli -p 26379 SENTINEL masters", "reading status read", ""),
    ("redis-cli SENTINEL FAILOVER shop", "shell other disruptive", ""),
    ("redis-cli EVAL 'return redis.call(\"get\", KEYS[1])' 1 a", "shell other read", ""),
    ("redis-cli EVAL 'return redis.call(ARGV[1], KEYS[1])' 1 a del", "shell other destructive", ""),
    ("redis-cli MONITOR", "shell other read", ""),
    ("redis-cli SUBSCRIBE news", "shell other read", ""),
    ("redis-cli DEBUG SLEEP 5", "shell other disruptive", "SLEEP"),
    ("redis-cli ACL DELUSER bob", "shell other destructive", ""),
    ("redis-cli FROBNICATE x", "shell other disruptive", ""),
    ("redis-cli X.DELALL x", "shell other destructive", ""),
    ("redis-cli 'LLEN mail'", "reading queue-depth read", "mail"),
    ("redis-cli", "shell other disruptive", ""),
    ("redis-cli -h cache", "shell other disruptive", "cache"),
    ("redis-server --version", "shell status read", ""),
    ("redis-server /etc/redis.conf", "shell start disruptive", ""),
    ("LLEN mail", "reading queue-depth read", "mail"),
    ("hgetall cart:7", "reading other read", "cart:7"),
    ("FLUSHDB ASYNC", "action maintenance destructive", ""),
    ("PING", "reading health read", ""),
    ("XINFO STREAM events", "reading queue-depth read", ""),
    ("rq info --url redis://cache", "reading queue-depth read", ""),
    ("rq requeue --queue mail --all", "action other disruptive", "mail"),
    ("rq empty mail", "shell other destructive", ""),
]


@pytest.mark.parametrize(("text", "expected", "target"), LINES)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


QUEUES = [
    ("LLEN bull:mail:wait", "reading queue-depth read", "", ""),
    ("llen bull:mail:waiting", "reading queue-depth read", "under :wait", "redis-cli -n 1 LLEN bull:mail:wait"),
    ("LLEN bull:mail:failed", "reading queue-depth read", "sorted set", "redis-cli -n 1 ZCARD bull:mail:failed"),
    ("LLEN bull:mail:delayed", "reading queue-depth read", "sorted set", "redis-cli -n 1 ZCARD bull:mail:delayed"),
    ("ZCARD bull:mail:completed", "reading queue-depth read", "", ""),
    ("LRANGE bull:mail:active 0 -1", "reading other read", "", ""),
    ("HSET bull:mail:meta paused 1", "action stop disruptive", "flag alone", ""),
    ("HDEL bull:mail:meta paused", "action start disruptive", "flag alone", ""),
    ("LMOVE bull:mail:failed bull:mail:wait LEFT RIGHT", "action other disruptive", "by hand", ""),
    ("DEL bull:mail:wait", "action maintenance destructive", "", ""),
    ("LTRIM bull:mail:wait 1 0", "shell other destructive", "", ""),
]


@pytest.mark.parametrize(("text", "expected", "warning", "becomes"), QUEUES)
def test_a_key_of_a_queue_speaks_of_that_queue(text: str, expected: str, warning: str, becomes: str) -> None:
    found = meant(DIALECT, f"redis-cli -n 1 {text}")
    assert f"{found.sort.name} {found.verb.value} {found.danger.name}".lower() == expected
    assert (found.system, found.target) == ("bullmq", "mail")
    assert warning in found.warning
    assert bool(warning) == bool(found.warning)
    assert found.becomes == becomes


@pytest.mark.parametrize(
    ("text", "part", "becomes"),
    [
        ("redis-cli -h c KEYS 'a:*'", "SCAN", "redis-cli -h c --scan --pattern 'a:*'"),
        ("redis-cli KEYS 'a:*' | wc -l", "SCAN", "redis-cli --scan --pattern 'a:*' | wc -l"),
        ("FLUSHALL", "every database", ""),
        ("redis-cli -u $REDIS_URL FLUSHDB", "may stop the server", "redis-cli -u $REDIS_URL FLUSHDB ASYNC"),
        ("redis-cli -h c FLUSHALL", "every database", "redis-cli -h c FLUSHDB ASYNC"),
        ("redis-cli FLUSHDB", "may stop the server", "redis-cli FLUSHDB ASYNC"),
        ("redis-cli FLUSHDB ASYNC", "", ""),
        ("redis-cli CONFIG SET maxmemory-policy allkeys-lru", "until the next restart", ""),
        ("redis-cli XINFO STREAMS", "no XINFO STREAMS", ""),
        ("redis-cli --latency-history", "never returns", ""),
        ("redis-cli --bigkeys", "every key", ""),
        (
            "redis-cli KEYS 'a:*' | xargs redis-cli DEL",
            "KEYS stops",
            "redis-cli --scan --pattern 'a:*' | xargs -r -d '\\n'",
        ),
        (
            "redis-cli --scan --pattern 'a:*' | xargs redis-cli del",
            "blanks and quotes",
            "redis-cli --scan --pattern 'a:*' |",
        ),
        ("redis-cli --scan --pattern 'a:*' | xargs -0 redis-cli unlink", "", ""),
    ],
)
def test_what_a_line_gets_wrong_is_said_with_what_is_done_instead(text: str, part: str, becomes: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)
    assert found.becomes.startswith(becomes)
    assert bool(becomes) == bool(found.becomes)


def test_keys_that_are_handed_on_are_as_lost_as_if_they_were_named() -> None:
    for tail in ("redis-cli DEL", "-n 500 redis-cli -n 2 UNLINK", "-I{} redis-cli DEL {}"):
        found = meant(DIALECT, f"redis-cli --scan --pattern 'a:*' | xargs {tail}")
        assert (found.sort, found.verb, found.danger) == (Sort.ACTION, Verb.MAINTENANCE, Danger.DESTRUCTIVE)
        assert found.target == "a:*"
    assert meant(DIALECT, "redis-cli --scan | xargs -n1 redis-cli LPUSH mail").danger is Danger.DISRUPTIVE
    assert meant(DIALECT, "redis-cli --scan | xargs -n1 redis-cli TTL").danger is Danger.READ
    assert meant(DIALECT, "redis-cli LLEN mail | xargs echo depth").danger is Danger.READ


def test_what_goes_into_redis_cli_is_judged_line_by_line() -> None:
    assert meant(DIALECT, "redis-cli", stdin="PING\nLLEN mail\n").danger is Danger.READ
    assert meant(DIALECT, "redis-cli", stdin="PING\nFLUSHALL\n").danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, "redis-cli", fed=("echo", "DEL a")).danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, "redis-cli --pipe", fed=("cat", "keys.txt")).danger is Danger.DESTRUCTIVE
    assert meant(DIALECT, "redis-cli", reads="keys.txt").danger is Danger.DESTRUCTIVE


def test_sessions_endless_lines_and_secrets_are_marked() -> None:
    assert meant(DIALECT, "redis-cli -h cache").interactive
    assert not meant(DIALECT, "redis-cli PING").interactive
    for text in ("redis-cli MONITOR", "redis-cli --stat", "redis-cli --latency", "redis-cli PSUBSCRIBE '*'"):
        assert meant(DIALECT, text).endless
    assert meant(DIALECT, "redis-cli -r -1 -i 2 PING").endless
    assert not meant(DIALECT, "redis-cli INFO").endless
    assert meant(DIALECT, "redis-cli MONITOR").reveals
    assert meant(DIALECT, "redis-cli ACL LIST").reveals


@pytest.mark.parametrize(
    "text",
    [
        "set -euo pipefail",
        "echo hello",
        "get pods",
        "type redis-cli",
        "unlink /tmp/x",
        "sort names",
        "SELECT * FROM a",
        "time ls",
        "wait",
        "exec bash",
        "SET a = 1",
        "COPY a FROM b",
        "shutdown -h now",
        "kubectl get pods",
        "info redis",
        "restore.sh",
    ],
)
def test_words_of_a_shell_and_of_sql_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


@given(
    some.sampled_from(["redis-cli", "valkey-cli", "rq", "LLEN", "redis-server"]),
    words,
    some.text(max_size=9),
    some.lists(words.map(tuple), max_size=2).map(tuple),
)
def test_no_words_are_too_strange(program: str, rest: list[str], text: str, piped: Any) -> None:
    found = module.understand(CommandLine((program, *rest), stdin=text, reads=text, piped=piped, fed=tuple(rest)))
    assert program not in ("redis-cli", "valkey-cli") or found is not None


GONE = some.sampled_from(
    [
        "DEL",
        "UNLINK",
        "FLUSHDB",
        "FLUSHALL",
        "LTRIM",
        "RENAME",
        "EXPIRE",
        "XTRIM",
        "ZREMRANGEBYRANK",
        "SPOP",
        "HDEL",
        "GETDEL",
    ]
)


@given(
    GONE, some.lists(some.sampled_from(["-h", "-p", "-a", "-n", "--user"]), max_size=3, unique=True), some.booleans()
)
def test_options_never_hide_what_takes_keys_away(name: str, options: list[str], lower: bool) -> None:
    before = [word for option in options for word in (option, "7")]
    found = module.understand(CommandLine(("redis-cli", *before, name.lower() if lower else name, "a", "b")))
    assert isinstance(found, Meaning)
    assert found.danger is Danger.DESTRUCTIVE


REQUESTS = some.one_of(
    patterns.map(lambda pattern: Request("clear", word=pattern)),
    some.just(Request("flush")),
    some.sampled_from(sorted(POLICIES)).map(lambda policy: Request("policy", word=policy)),
    some.integers(1, 1 << 24).map(lambda number: Request("memory", number=number)),
    some.just(Request("slowlog-reset")),
)


@given(REQUESTS)
def test_every_act_of_ours_is_one_in_its_own_line_and_no_less_dangerous(request: Request) -> None:
    ours = at()
    least = next(action.danger for action in ours.actions if action.name == request.action)
    for one in parse(ours.render(request)):
        found = module.understand(one)
        assert isinstance(found, Meaning)
        assert found.sort is Sort.ACTION
        assert found.danger >= least


def test_keys_that_are_taken_from_another_database_than_they_were_found_in_are_not_ours() -> None:
    (found,) = parse("redis-cli --scan --pattern 'x:*' | xargs redis-cli -n 3 del")
    told = module.understand(found)
    assert isinstance(told, Meaning)
    assert (told.becomes, told.danger) == ("", Danger.DESTRUCTIVE)
    assert "here" not in told.warning.split()
