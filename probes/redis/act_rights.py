"""What our user may do to a cache, told by the server's own ACL: a script asks about each command and runs none."""

from __future__ import annotations

from typing import Any, Final

from probes.base import Grant, Right, SafeText
from probes.redis.connection import Command, Refusal, complaint

_FILE: Final = "see contrib/redis/opsroom_cache.acl"
_FLUSHING: Final = "see contrib/redis/opsroom_cache_admin.acl; only where the whole server is a cache"
_SCRIPTS: Final = "run scripts (EVAL), to know its own rights"
_SAFE: Final = "take it away from this user"

_NEEDED: Final[tuple[tuple[str, tuple[tuple[str, ...], ...], str], ...]] = (
    ("know the server and its role", (("INFO",), ("SELECT", "0"), ("DBSIZE",)), _FILE),
    ("see whether queues live there", (("SCAN", "0"), ("EXISTS", "rq:queues"), ("SCARD", "queues"),
                                       ("EXISTS", "_kombu.binding.x"), ("TYPE", "bull:x:meta"),
                                       ("HMGET", "bull:x:meta", "version")), _FILE),
    ("clear keys, those of cache:*", (("UNLINK", "cache:opsroom:no:such:key"),), _FILE),
    ("reset the slow log", (("SLOWLOG", "LEN"), ("SLOWLOG", "GET", "1"), ("SLOWLOG", "RESET")), _FILE),
    ("flush a database", (("FLUSHDB", "ASYNC"),), _FLUSHING),
    ("set policy and memory limit", (("CONFIG", "SET", "maxmemory-policy", "noeviction"),), _FLUSHING),
)  # fmt: skip
"""(right, commands it takes, what gives it)."""

_EXCESS: Final = (
    ("empty the whole Redis", ("FLUSHALL",)),
    ("read the server's settings and passwords", ("CONFIG", "GET", "*")),
    ("stop the server", ("SHUTDOWN",)),
    ("list every key in one go (KEYS)", ("KEYS", "*")),
    ("change users", ("ACL", "SETUSER", "x")),
    ("remove keys of queues", ("UNLINK", "bull:opsroom:wait")),
    ("write keys", ("SET", "opsroom:no:such:key", "x")),
)

_QUESTION: Final = """
if not redis.acl_check_cmd then return false end
local answers, at = {}, 1
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  local known, allowed = pcall(redis.acl_check_cmd, unpack(ARGV, at + 1, at + words))
  answers[#answers + 1] = known and (allowed and 1 or 0) or 2
  at = at + 1 + words
end
return answers
"""
"""https://redis.io/docs/latest/develop/programmability/lua-api/#redis.acl_check_cmd (since 7.0)"""


def question() -> Command:
    """The script that asks."""
    every = [words for _, commands, _ in _NEEDED for words in commands] + [words for _, words in _EXCESS]
    args: list[str | int] = []
    for words in every:
        args += [len(words), *words]
    return ("EVAL", _QUESTION, 0, *args)


def found(reply: Any, where: str) -> list[Right]:
    """Each right our acts need, and what is more than they need."""
    if isinstance(reply, Refusal):
        if not (reply.denied or reply.unknown):
            raise complaint(reply, where)
        rest = [Right(name, Grant.UNKNOWN, SafeText(remedy)) for name, _, remedy in _NEEDED]
        return [Right(_SCRIPTS, Grant.MISSING, SafeText(_FILE)), *rest]
    rights, answers = list[Right](), list(reply) if isinstance(reply, list) else []
    for name, commands, remedy in _NEEDED:
        some, answers = answers[: len(commands)], answers[len(commands) :]
        grant = Grant.HELD if some and all(one == 1 for one in some) else Grant.MISSING if 0 in some else Grant.UNKNOWN
        rights.append(Right(name, grant, SafeText() if grant is Grant.HELD else SafeText(remedy)))
    rights += [
        Right(name, Grant.EXCESS, SafeText(_SAFE)) for (name, _), one in zip(_EXCESS, answers, strict=False) if one == 1
    ]
    return rights
