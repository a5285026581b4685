"""The commands of Redis and what each costs.

https://redis.io/docs/latest/commands/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from probes.base import Danger, Sort, Verb
from probes.base.command import named


@dataclass(frozen=True, slots=True)
class Effect:
    """What a command of Redis does."""

    danger: Danger = Danger.READ
    verb: Verb = Verb.OTHER
    sort: Sort = Sort.READING
    keyed: bool = False
    """True when its first word is a key."""
    reveals: bool = False
    endless: bool = False


_LOOKS: Final = named(
    """
    get mget getrange substr strlen exists type ttl pttl expiretime pexpiretime hget hgetall hmget hkeys hvals hlen
    hexists hstrlen hscan hrandfield lrange lindex lpos smembers sismember smismember scard srandmember sscan sinter
    sunion sdiff sintercard zrange zrevrange zrangebyscore zrevrangebyscore zrangebylex zrevrangebylex zcount
    zlexcount zscore zmscore zrank zrevrank zscan zrandmember zinter zunion zdiff xrange xrevrange bitcount bitpos
    getbit bitfield_ro pfcount geopos geodist geohash geosearch georadius_ro sort_ro dump object memory lcs touch
    ttl json.get json.mget json.type json.arrlen json.objkeys ft.search ft.info ft._list ts.get ts.range ts.info
    """
)
_DEPTHS: Final = frozenset({"llen", "xlen", "zcard", "xpending"})
_NO_KEY: Final = frozenset({"keys", "scan", "randomkey", "echo", "select", "hello", "auth", "quit", "help", "command",
                            "readonly", "readwrite", "reset", "multi", "exec", "watch", "unwatch", "discard",
                            "wait", "waitaof", "client", "asking", "exit"})  # fmt: skip
_GONE: Final = named(
    """
    del unlink getdel flushdb flushall expire pexpire expireat pexpireat rename spop lpop rpop blpop brpop lmpop
    blmpop lrem ltrim hdel srem zrem zremrangebyrank zremrangebyscore zremrangebylex zpopmin zpopmax bzpopmin
    bzpopmax zmpop xdel xtrim restore move migrate swapdb replicaof slaveof getset sdiffstore sinterstore
    sunionstore zunionstore zinterstore zdiffstore json.del ft.dropindex ft.drop ts.del bitop pfmerge sort georadius
    getex hgetdel bzmpop xackdel delex fcall evalsha hexpire hpexpire
    """
)
_ADDS: Final = named(
    """
    set setnx setex psetex mset msetnx append incr incrby incrbyfloat decr decrby setrange setbit bitfield hset
    hmset hsetnx hincrby hincrbyfloat lpush rpush lpushx rpushx linsert lset rpoplpush brpoplpush lmove blmove sadd
    smove zadd zincrby xadd xack xclaim xautoclaim xsetid pfadd geoadd persist copy renamenx publish spublish
    failover json.set sync psync debug json.arrappend ts.add cluster sentinel acl module function script xgroup
    shutdown
    """
)
_TWO: Final = {
    "config get": Effect(verb=Verb.STATUS), "config set": Effect(Danger.DISRUPTIVE, Verb.MAINTENANCE, Sort.ACTION),
    "config resetstat": Effect(Danger.DESTRUCTIVE, Verb.MAINTENANCE, Sort.SHELL),
    "config rewrite": Effect(Danger.DISRUPTIVE, Verb.MAINTENANCE, Sort.SHELL),
    "client list": Effect(verb=Verb.STATUS), "client info": Effect(verb=Verb.STATUS),
    "client id": Effect(verb=Verb.STATUS), "client getname": Effect(verb=Verb.STATUS),
    "client kill": Effect(Danger.DISRUPTIVE, Verb.TERMINATE, Sort.SHELL),
    "client pause": Effect(Danger.DISRUPTIVE, Verb.STOP, Sort.SHELL),
    "client unpause": Effect(Danger.REVERSIBLE, Verb.START, Sort.SHELL),
    "client unblock": Effect(Danger.DISRUPTIVE, Verb.OTHER, Sort.SHELL),
    "client no-evict": Effect(Danger.DISRUPTIVE, Verb.OTHER, Sort.SHELL),
    "slowlog get": Effect(verb=Verb.CACHE_STATS), "slowlog len": Effect(verb=Verb.CACHE_STATS),
    "slowlog reset": Effect(Danger.DISRUPTIVE, Verb.MAINTENANCE, Sort.ACTION),
    "latency latest": Effect(verb=Verb.CACHE_STATS), "latency doctor": Effect(verb=Verb.CACHE_STATS),
    "latency history": Effect(verb=Verb.CACHE_STATS), "latency graph": Effect(verb=Verb.CACHE_STATS),
    "latency histogram": Effect(verb=Verb.CACHE_STATS),
    "latency reset": Effect(Danger.DISRUPTIVE, Verb.MAINTENANCE, Sort.SHELL),
    "memory stats": Effect(verb=Verb.CACHE_STATS), "memory usage": Effect(verb=Verb.CACHE_STATS),
    "memory doctor": Effect(verb=Verb.CACHE_STATS), "memory malloc-stats": Effect(verb=Verb.CACHE_STATS),
    "memory purge": Effect(Danger.DISRUPTIVE, Verb.MAINTENANCE, Sort.SHELL),
    "xinfo streams": Effect(verb=Verb.QUEUE_DEPTH), "xinfo stream": Effect(verb=Verb.QUEUE_DEPTH),
    "xinfo groups": Effect(verb=Verb.QUEUE_DEPTH), "xinfo consumers": Effect(verb=Verb.QUEUE_DEPTH),
    "xgroup destroy": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "xgroup delconsumer": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "xgroup setid": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "cluster info": Effect(verb=Verb.STATUS), "cluster nodes": Effect(verb=Verb.STATUS),
    "cluster slots": Effect(verb=Verb.STATUS), "cluster shards": Effect(verb=Verb.STATUS),
    "cluster keyslot": Effect(), "cluster countkeysinslot": Effect(), "cluster getkeysinslot": Effect(),
    "cluster myid": Effect(verb=Verb.STATUS), "cluster replicas": Effect(verb=Verb.STATUS),
    "cluster links": Effect(verb=Verb.STATUS),
    "cluster reset": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "cluster forget": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "cluster flushslots": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "cluster delslots": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "sentinel reset": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "sentinel remove": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "acl list": Effect(verb=Verb.STATUS, reveals=True), "acl whoami": Effect(verb=Verb.STATUS),
    "acl users": Effect(verb=Verb.STATUS), "acl getuser": Effect(verb=Verb.STATUS, reveals=True),
    "acl cat": Effect(verb=Verb.STATUS), "acl log": Effect(verb=Verb.STATUS),
    "acl genpass": Effect(reveals=True, sort=Sort.SHELL),
    "acl deluser": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "module list": Effect(verb=Verb.STATUS), "function list": Effect(verb=Verb.STATUS),
    "function stats": Effect(verb=Verb.STATUS), "function dump": Effect(verb=Verb.BACKUP),
    "function flush": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "function delete": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "function restore": Effect(Danger.DESTRUCTIVE, Verb.RESTORE, Sort.SHELL),
    "script exists": Effect(), "script flush": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "debug object": Effect(), "debug flushall": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "debug reload": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "debug loadaof": Effect(Danger.DESTRUCTIVE, Verb.OTHER, Sort.SHELL),
    "pubsub channels": Effect(verb=Verb.STATUS), "pubsub numsub": Effect(verb=Verb.STATUS),
    "pubsub numpat": Effect(verb=Verb.STATUS), "replicaof no": Effect(Danger.DISRUPTIVE, Verb.OTHER, Sort.SHELL),
    "slaveof no": Effect(Danger.DISRUPTIVE, Verb.OTHER, Sort.SHELL),
}  # fmt: skip
_ONE: Final = {
    "ping": Effect(verb=Verb.HEALTH), "info": Effect(verb=Verb.CACHE_STATS), "dbsize": Effect(verb=Verb.CACHE_STATS),
    "role": Effect(verb=Verb.STATUS), "lastsave": Effect(verb=Verb.STATUS), "time": Effect(verb=Verb.STATUS),
    "lolwut": Effect(verb=Verb.STATUS), "save": Effect(Danger.DISRUPTIVE, Verb.BACKUP, Sort.SHELL),
    "bgsave": Effect(Danger.REVERSIBLE, Verb.BACKUP, Sort.SHELL),
    "bgrewriteaof": Effect(Danger.REVERSIBLE, Verb.MAINTENANCE, Sort.SHELL),
    "monitor": Effect(sort=Sort.SHELL, reveals=True, endless=True),
    "subscribe": Effect(sort=Sort.SHELL, reveals=True, endless=True),
    "psubscribe": Effect(sort=Sort.SHELL, reveals=True, endless=True),
    "ssubscribe": Effect(sort=Sort.SHELL, reveals=True, endless=True),
    "flushdb": Effect(Danger.DESTRUCTIVE, Verb.MAINTENANCE, Sort.ACTION),
    "flushall": Effect(Danger.DESTRUCTIVE, Verb.MAINTENANCE, Sort.ACTION),
}  # fmt: skip
_CALLS: Final = re.compile(r"redis\.p?call\(\s*(?:['\"](\w+)['\"])?", re.IGNORECASE)
_WORST: Final = re.compile(r"del|unlink|flush|reset|remove|drop|purge|restore|trim|pop|destroy|forget", re.IGNORECASE)


def effect(words: Sequence[str]) -> Effect | None:
    """What a command does; None when it is no command of Redis."""
    name = words[0].lower() if words else ""
    second = words[1].lower() if len(words) > 1 else ""
    if found := _TWO.get(f"{name} {second}"):
        return found
    if name in _ONE:
        return _ONE[name]
    if name in _DEPTHS:
        return Effect(verb=Verb.QUEUE_DEPTH, keyed=True)
    if name in ("eval", "eval_ro"):
        return _script(words[1] if len(words) > 1 else "", name)
    if name in ("sentinel", "cluster"):
        reads = re.fullmatch(r"masters?|get-master-addr-by-name|replicas|slaves|sentinels|ckquorum|help|is-.*|info.*",
                             second)  # fmt: skip
        return Effect(verb=Verb.STATUS) if reads else Effect(Danger.DISRUPTIVE, Verb.OTHER, Sort.SHELL)
    if name == "shutdown":
        lost = second == "nosave"
        return Effect(Danger.DESTRUCTIVE if lost else Danger.DISRUPTIVE, Verb.STOP, Sort.SHELL)
    if name in ("xread", "xreadgroup"):
        taken = name == "xreadgroup"
        return Effect(Danger.DISRUPTIVE if taken else Danger.READ, sort=Sort.SHELL if taken else Sort.READING)
    if name == "sort" and not any(word.upper() == "STORE" for word in words):
        return Effect(keyed=True)
    if name in _LOOKS:
        return Effect(keyed=name not in ("object", "memory", "ft._list"))
    if name in _NO_KEY:
        return Effect(sort=Sort.READING if name in ("keys", "scan", "randomkey") else Sort.SHELL)
    if name in ("del", "unlink"):
        return Effect(Danger.DESTRUCTIVE, Verb.MAINTENANCE, Sort.ACTION, keyed=True)
    if name in _GONE:
        return Effect(Danger.DESTRUCTIVE, sort=Sort.SHELL, keyed=True)
    if name in _ADDS:
        return Effect(Danger.DISRUPTIVE, sort=Sort.SHELL, keyed=name not in ("acl", "module", "script", "function"))
    return None


def _script(text: str, name: str) -> Effect:
    """A script: as bad as the worst command it calls; what it puts together itself is taken for the worst."""
    if name == "eval_ro":
        return Effect()
    called = _CALLS.findall(text)
    danger = Danger.READ if called or re.fullmatch(r"\s*return\s+[\w'\" .+-]*\s*", text) else Danger.DESTRUCTIVE
    for one in called:
        known = effect([one]) if one else None
        danger = max(danger, Danger.DESTRUCTIVE if known is None else known.danger)
    if re.search(r"['\"](?:del|unlink|flushdb|flushall)['\"]", text, re.IGNORECASE):
        danger = Danger.DESTRUCTIVE
    return Effect(danger, sort=Sort.SHELL)


def unknown(words: Sequence[str]) -> Effect:
    """What a command that is not known may cost."""
    worst = any(_WORST.search(word) for word in words[:2])
    return Effect(Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE, Verb.OTHER, Sort.SHELL)
