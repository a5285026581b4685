"""Finds the queues in a Redis by itself: a few known sets, and the keyspace by SCAN, some steps at each reading.

Never KEYS. A large keyspace is searched over many readings, and again a minute after its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from probes.base import Cause, Gap, SafeText
from probes.redis.connection import Command, Refusal
from probes.redis.queues.celery import BINDING
from probes.redis.queues.dialect import Ask, rows

STEPS: Final = 8
"""Steps of SCAN in one reading, of some thousand keys each."""
AGAIN: Final = 60.0
"""Seconds between two searches."""
KEPT: Final = 500
"""Queues kept at most."""

Named = tuple[str, str]
"""(dialect, name)."""

_NOT_ALLOWED: Final = Gap("finding queues by itself", Cause.DENIED, SafeText('name them: queues = ["..."]'))
_INNER: Final = re.compile(r"celery(ev|\.pidbox$)|\.pidbox$|\.reply\.")
"""Bindings of Celery that are no work queues."""


class Catalogue:
    """The queues found so far, and how far the search has come."""

    def __init__(self, prefix: str, dialect: str) -> None:
        self._prefix = prefix
        self._dialect = dialect
        self._cursor: bytes | None = b"0"
        self._finding: set[Named] = set()
        self._found: set[Named] = set()
        self._next_at = 0.0
        self.gaps: tuple[Gap, ...] = ()

    @property
    def searching(self) -> bool:
        """True until the keyspace was searched once."""
        return self._cursor is not None and self._next_at == 0.0

    async def search(self, ask: Ask, at: float) -> list[Named]:
        """Go on searching if it is time, and return what is known."""
        if self._cursor is None and at >= self._next_at:
            self._cursor, self._finding = b"0", set()
        if self._cursor is not None:
            if self._cursor == b"0":
                await self._known_sets(ask)
            await self._scan(ask, at)
        return sorted(self._found | self._finding)[:KEPT]

    def _wants(self, *dialects: str) -> bool:
        return self._dialect == "auto" or self._dialect in dialects

    async def _known_sets(self, ask: Ask) -> None:
        replies = await ask([("SMEMBERS", "rq:queues"), ("SMEMBERS", "queues")])
        if self._wants("rq"):
            self._finding |= {("rq", name.removeprefix("rq:queue:")) for name in _texts(replies[0])}
        if self._wants("sidekiq"):
            self._finding |= {("sidekiq", name) for name in _texts(replies[1])}

    async def _scan(self, ask: Ask, at: float) -> None:
        if not self._wants("bullmq", "celery", "stream"):
            self._finish(at)
            return
        for _ in range(STEPS):
            (reply,) = await ask([self._command()])
            if isinstance(reply, Refusal):
                self.gaps = (_NOT_ALLOWED,)
                self._finish(at)
                self._next_at = at + 5 * AGAIN
                return
            cursor, keys = reply if isinstance(reply, list) and len(reply) == 2 else (b"0", [])
            self._sort(_texts(keys))
            self._cursor = cursor if isinstance(cursor, bytes) else b"0"
            if self._cursor == b"0" or len(self._finding) >= KEPT:
                self.gaps = ()
                self._finish(at)
                return

    def _command(self) -> Command:
        if self._dialect == "stream":
            return ("SCAN", self._cursor or b"0", "COUNT", 1000, "TYPE", "stream")
        if self._dialect == "bullmq":
            return ("SCAN", self._cursor or b"0", "COUNT", 1000, "MATCH", f"{self._prefix}:*:meta")
        if self._dialect == "celery":
            return ("SCAN", self._cursor or b"0", "COUNT", 1000, "MATCH", f"{BINDING}*")
        return ("SCAN", self._cursor or b"0", "COUNT", 1000)

    def _finish(self, at: float) -> None:
        self._found, self._finding = self._finding, set()
        self._cursor, self._next_at = None, at + AGAIN

    def _sort(self, keys: Iterable[str]) -> None:
        head, tail = f"{self._prefix}:", ":meta"
        for key in keys:
            if self._dialect == "stream":
                if not key.startswith((head, "rq:results:")):
                    self._finding.add(("stream", key))
            elif key.startswith(head) and key.endswith(tail) and len(key) > len(head) + len(tail):
                self._finding.add(("bullmq", key[len(head) : -len(tail)]))
            elif key.startswith(BINDING) and not _INNER.search(key):
                self._finding.add(("celery", key.removeprefix(BINDING)))


async def told_apart(ask: Ask, names: Sequence[str], prefix: str) -> dict[str, str]:
    """The dialect of each named queue, by the keys it has; those that can't be told are left out."""
    replies = await ask([word for name in names for word in _signs(name, prefix)])
    found = {}
    for at, name in enumerate(names):
        bull, rq, sidekiq, celery, kind = replies[5 * at : 5 * at + 5]
        plain = {b"stream": "stream", b"list": "list"}.get(kind if isinstance(kind, bytes) else b"")
        signs = ((bull, "bullmq"), (rq, "rq"), (sidekiq, "sidekiq"), (celery, "celery"))
        dialect = next((word for sign, word in signs if isinstance(sign, int) and sign), plain)
        if dialect is not None:
            found[name] = dialect
    return found


def _signs(name: str, prefix: str) -> list[Command]:
    return [
        ("EXISTS", *(f"{prefix}:{name}:{last}" for last in ("meta", "id", "wait", "active", "completed", "failed"))),
        ("SISMEMBER", "rq:queues", f"rq:queue:{name}"),
        ("SISMEMBER", "queues", name),
        ("EXISTS", f"{BINDING}{name}"),
        ("TYPE", name),
    ]


def _texts(reply: Any) -> list[str]:
    return [one.decode("utf-8", "surrogateescape") for one in rows(reply) if isinstance(one, bytes)]
