"""What our user may do in a Redis, told by its own ACL: a script asks about each command and runs none."""

from __future__ import annotations

from typing import Any, Final

from probes.base import Grant, Right, SafeText
from probes.redis.connection import Refusal, complaint
from probes.redis.queues.act_library import Script
from probes.redis.queues.dialect import rows
from probes.redis.queues.probe import QueuesSettings

_FILE: Final = "see contrib/redis/opsroom_act.acl"
_NAME: Final = "opsroom-rights"
"""A queue that need not be there: only its name is asked about."""
_SCRIPTS: Final = "run scripts (EVAL)"

_SAFE: Final = "take it away from this user"
_EXCESS: Final = (
    ("empty the whole Redis", ("FLUSHALL",)),
    ("empty the database", ("FLUSHDB",)),
    ("change the server's settings", ("CONFIG", "SET", "maxmemory", "0")),
    ("stop the server", ("SHUTDOWN",)),
    ("list every key in one go (KEYS)", ("KEYS", "*")),
    ("change users", ("ACL", "SETUSER", "x")),
    ("write keys that belong to no queue", ("SET", "opsroom:no:such:key", "x")),
)

_QUESTION: Final = """
if not redis.acl_check_cmd then return false end
local answers, at = {}, 1
while at <= #ARGV do
  local size = tonumber(ARGV[at])
  local right, allowed = pcall(redis.acl_check_cmd, unpack(ARGV, at + 1, at + size))
  answers[#answers + 1] = right and (allowed and 1 or 0) or 2
  at = at + 1 + size
end
return answers
"""


def _needed(settings: QueuesSettings) -> list[tuple[str, tuple[tuple[str, ...], ...]]]:
    """(right, commands it takes)."""
    wanted: list[tuple[str, tuple[tuple[str, ...], ...]]] = [
        ("know the server and its role", (("INFO", "server"), ("INFO", "replication"), ("TIME",))),
        ("see the workers (CLIENT LIST)", (("CLIENT", "LIST"),)),
    ]
    if settings.type in ("auto", "bullmq"):
        base = f"{settings.prefix}:{_NAME}:"
        wanted += [
            ("read BullMQ's queues", (("ZSCORE", f"{base}failed", "1"), ("HMGET", f"{base}1", "x"),
                                      ("LPOS", f"{base}wait", "1"), ("ZCOUNT", f"{base}failed", "0", "1"))),
            ("retry BullMQ's failed jobs", (("LPUSH", f"{base}wait", "1"), ("RPUSH", f"{base}wait", "1"),
                                            ("ZREM", f"{base}failed", "1"), ("HDEL", f"{base}1", "x"),
                                            ("ZADD", f"{base}marker", "0", "0"), ("INCR", f"{base}pc"),
                                            ("XADD", f"{base}events", "*", "x", "x"))),
            ("pause and resume BullMQ's queues", (("HSET", f"{base}meta", "paused", "1"),
                                                  ("RENAME", f"{base}wait", f"{base}paused"),
                                                  ("DEL", f"{base}marker"), ("LTRIM", f"{base}paused", "0", "0"))),
        ]  # fmt: skip
    if settings.type in ("auto", "rq"):
        wanted += [
            ("read RQ's queues", (("ZSCORE", f"rq:failed:{_NAME}", "1"), ("HMGET", "rq:job:1", "x"))),
            ("retry RQ's failed jobs", (("RPUSH", f"rq:queue:{_NAME}", "1"), ("ZREM", f"rq:failed:{_NAME}", "1"),
                                        ("HSET", "rq:job:1", "x", "x"), ("EXPIRE", "rq:job:1", "1"))),
        ]  # fmt: skip
    return wanted


def question(settings: QueuesSettings) -> Script:
    """The script that asks."""
    every: list[tuple[str, ...]] = [words for _, commands in _needed(settings) for words in commands]
    every += [words for _, words in _EXCESS]
    args: list[str | int] = []
    for words in every:
        args += [len(words), *words]
    return Script(_QUESTION, (), tuple(args))


def found(settings: QueuesSettings, reply: Any, where: str) -> list[Right]:
    """Each right our acts need, and what is more than they need."""
    needed = _needed(settings)
    remedy = SafeText(_FILE)
    if isinstance(reply, Refusal):
        if not (reply.denied or reply.unknown):
            raise complaint(reply, where)
        rest = [Right(name, Grant.UNKNOWN, remedy) for name, _ in needed]
        return [Right(_SCRIPTS, Grant.MISSING, remedy), *rest]
    rights, answers = [Right(_SCRIPTS, Grant.HELD)], list(rows(reply))
    for name, commands in needed:
        some, answers = answers[: len(commands)], answers[len(commands) :]
        grant = Grant.HELD if some and all(one == 1 for one in some) else Grant.MISSING if 0 in some else Grant.UNKNOWN
        rights.append(Right(name, grant, SafeText() if grant is Grant.HELD else remedy))
    rights += [
        Right(name, Grant.EXCESS, SafeText(_SAFE)) for (name, _), one in zip(_EXCESS, answers, strict=False) if one == 1
    ]
    return rights
