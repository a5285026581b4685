"""The slow log without what it might give away: the command and its key, cut and masked; values never.

https://redis.io/docs/latest/commands/slowlog-get/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from probes.base import SafeText
from probes.redis.facts import Slow

ASKED: Final = 32
"""Entries asked for in each reading."""

_NO_KEY: Final = frozenset(
    {
        "acl", "auth", "bgsave", "client", "cluster", "command", "config", "debug", "echo", "eval", "eval_ro",
        "evalsha",
        "evalsha_ro", "fcall", "fcall_ro", "flushall", "flushdb", "function", "hello", "info", "keys", "migrate",
        "module", "ping", "replicaof", "save", "scan", "script", "select", "slaveof", "slowlog",
    }
)  # fmt: skip
"""Commands whose first argument is no key, or may be a secret."""
_TOKEN: Final = re.compile(r"(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+/=-]{16,}")
"""What may be a token inside a key: long, with letters and digits."""


def entries(reply: Any, now: float) -> tuple[Slow, ...]:
    """The entries of SLOWLOG GET; those that make no sense are left out.

    >>> [slow] = entries([[7, 100, 25000, [b"HGETALL", b"session:eyJhbGciOiJIUzI1NiJ9"], b"10.0.0.1:5", b""]], 160.0)
    >>> slow.id, slow.took, slow.age, str(slow.command)
    (7, 0.025, 60.0, 'HGETALL session:***')
    """
    if not isinstance(reply, list):
        return ()
    found = [_entry(one, now) for one in reply[:ASKED]]
    return tuple(one for one in found if one is not None)


def _entry(row: Any, now: float) -> Slow | None:
    if not isinstance(row, list) or len(row) < 4 or not isinstance(row[3], list):
        return None
    id_, at, micros = row[:3]
    if not all(isinstance(value, int) and value >= 0 for value in (id_, at, micros)):
        return None
    client = next((value for value in reversed(row[4:6]) if isinstance(value, bytes) and value), b"")
    age = now - at if now >= at - 2 else None
    return Slow(id_, micros / 1e6, None if age is None else max(0.0, age), shown(row[3]), SafeText(client, 60))


def shown(words: Sequence[Any]) -> SafeText:
    """A command for a person: its name, its key when it has one, and how much else there was.

    >>> str(shown([b"SET", b"cache:home", b"secret", b"EX", b"60"]))
    'SET cache:home (3 more)'
    >>> str(shown([b"CONFIG", b"SET", b"requirepass", b"x"]))
    'CONFIG (3 more)'
    """
    texts = [word for word in words if isinstance(word, bytes)]
    if not texts:
        return SafeText("?")
    name = texts[0][:30].decode("utf-8", "backslashreplace").upper()
    parts = [name]
    rest = texts[1:]
    if rest and name.lower() not in _NO_KEY:
        parts.append(masked(rest[0]))
        rest = rest[1:]
    if rest:
        parts.append(f"({len(rest)} more)")
    return SafeText(" ".join(parts), 120)


def masked(key: bytes) -> str:
    """A key, cut, with what may be a token in it hidden."""
    return _TOKEN.sub("***", key[:60].decode("utf-8", "backslashreplace"))
