"""Which keys belong to queues: of BullMQ, RQ, Celery or Sidekiq. Whoever clears a cache must leave them alone.

Where a doubt is left, it is no: a user who may not see whether a queue lives here may not clear either.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.redis.connection import Command, Link, Refusal, complaint
from probes.redis.sight import pages
from probes.redis.slowlog import masked

BINDING: Final = b"_kombu.binding."
_PRIORITY: Final = b"\x06\x16"
"""Between a Celery queue's name and the step of its priority."""
_CELERY: Final = (b"_kombu.", b"unacked", b"celery-task-meta-")
_SIDEKIQ: Final = frozenset({b"queues", b"retry", b"schedule", b"dead", b"processes"})
_SIGNS: Final = ("rq:queues", "unacked", "unacked_index", "_kombu.binding.celery")
"""Keys that are there while a queue of RQ or Celery is."""
_SEARCHED: Final = ("bull:*", "rq:*", "_kombu.binding.*", "*:meta")
_PARTS: Final = ("id", "wait", "active", "events", "completed", "failed", "delayed")
"""Keys of a BullMQ queue beside its meta."""
_MEMBERS: Final = 1000
_ASKED: Final = 2000
"""Questions in one batch."""
_TOGETHER: Final = 200
"""Keys in one of them."""
_HINT: Final = "the ACL must let it read the queues' keys: see contrib/redis/opsroom_cache.acl"


@dataclass
class Queues:
    """Keys of queues that were met, by library."""

    counts: dict[str, int] = field(default_factory=dict)
    example: str = ""
    complete: bool = True
    """False when not the whole of a database was looked through."""

    def add(self, found: dict[bytes, str]) -> None:
        """Count these in."""
        for key, library in found.items():
            self.counts[library] = self.counts.get(library, 0) + 1
            self.example = self.example or masked(key)

    @property
    def total(self) -> int:
        """How many keys."""
        return sum(self.counts.values())

    @property
    def words(self) -> str:
        """Whose they are: "BullMQ, such as bull:mail:wait"."""
        return f"{' and '.join(sorted(self.counts))}, such as {SafeText(self.example, 60)}"


class Interlock:
    """Tells queue keys from others, over one connection to one database."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._bases: dict[bytes, bool] = {}
        self._sidekiq: tuple[frozenset[bytes], frozenset[bytes]] | None = None
        """(its queues' keys, its processes), once looked up; both empty where there is no Sidekiq."""

    async def of(self, keys: Sequence[bytes]) -> dict[bytes, str]:
        """Those of the keys that belong to a queue, each with its library. Raises `ProbeError`."""
        if self._sidekiq is None:
            self._sidekiq = await self._sidekiqs()
        found = {key: library for key in keys if (library := self._named(key))}
        others = [key for key in keys if key not in found]
        wanted = list(dict.fromkeys(base for key in others for base in bases(key) if base not in self._bases))
        await self._learn(wanted)
        for key in others:
            if any(self._bases.get(base) for base in bases(key)):
                found[key] = "BullMQ"
        others = [key for key in others if key not in found]
        bound = await self._there([BINDING + key.partition(_PRIORITY)[0] for key in others])
        return found | {key: "Celery" for key, one in zip(others, bound, strict=True) if one}

    def _named(self, key: bytes) -> str:
        """The library, where the name alone tells."""
        if key.startswith(b"bull:"):
            return "BullMQ"
        if key.startswith(b"rq:"):
            return "RQ"
        if key.startswith(_CELERY):
            return "Celery"
        queues, processes = self._sidekiq or (frozenset(), frozenset())
        if (queues or processes) and (key in _SIDEKIQ or key.startswith(b"stat:") or key in queues):
            return "Sidekiq"
        return "Sidekiq" if key in processes or key.rpartition(b":")[0] in processes else ""

    async def _sidekiqs(self) -> tuple[frozenset[bytes], frozenset[bytes]]:
        sizes = await self._ask([("SCARD", "queues"), ("SCARD", "processes")])
        wanted = [isinstance(size, int) and 0 < size <= _MEMBERS for size in sizes]
        names = [name for name, one in zip(("queues", "processes"), wanted, strict=True) if one]
        replies = iter(await self._ask([("SMEMBERS", name) for name in names]))
        queues, processes = ([*_texts(next(replies))] if one else [] for one in wanted)
        return frozenset(b"queue:" + name for name in queues), frozenset(processes)

    async def _learn(self, wanted: Sequence[bytes]) -> None:
        """Find out which of these are BullMQ queues: prefix and name, with a meta and at least one more key."""
        there = await self._there([base + b":meta" for base in wanted])
        self._bases |= dict.fromkeys(wanted, False)
        likely = [base for base, one in zip(wanted, there, strict=True) if one]
        kinds = await self._ask([("TYPE", base + b":meta") for base in likely])
        likely = [base for base, kind in zip(likely, kinds, strict=True) if kind == b"hash"]
        told = await self._ask([("HMGET", base + b":meta", "opts.maxLenEvents", "version") for base in likely])
        parts = await self._ask([("EXISTS", *(base + b":" + part.encode() for part in _PARTS)) for base in likely])
        for base, fields, more in zip(likely, told, parts, strict=True):
            signed = isinstance(fields, list) and any(isinstance(one, bytes) for one in fields)
            self._bases[base] = signed or bool(more)

    async def search(self, until: float) -> Queues:
        """Whether queues live in the database; `until` in monotonic seconds. Raises `ProbeError`."""
        found = Queues()
        there = await self._ask([("EXISTS", sign) for sign in _SIGNS])
        found.add({sign.encode(): _sign(sign) for sign, one in zip(_SIGNS, there, strict=True) if one})
        if self._sidekiq is None:
            self._sidekiq = await self._sidekiqs()
        found.add(dict.fromkeys(sorted(self._sidekiq[0]), "Sidekiq"))
        for pattern in _SEARCHED:
            async for cursor, keys in pages(self._link, pattern):
                found.add(await self.of(keys))
                if found.counts:
                    break
                if time.monotonic() > until and cursor != b"0":
                    found.complete = False
                    return found
        return found

    async def _there(self, keys: Sequence[bytes]) -> list[bool]:
        """Which keys exist: many in one question, and one by one only where some do."""
        batches = [keys[at : at + _TOGETHER] for at in range(0, len(keys), _TOGETHER)]
        counts = await self._ask([("EXISTS", *batch) for batch in batches])
        found: list[bool] = []
        for batch, count in zip(batches, counts, strict=True):
            found += map(bool, await self._ask([("EXISTS", key) for key in batch])) if count else [False] * len(batch)
        return found

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        replies: list[Any] = []
        for at in range(0, len(commands), _ASKED):
            if not self._link.is_open:
                raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self._link.where} was cut")
            replies += await self._link.ask(commands[at : at + _ASKED])
        for reply in replies:
            if isinstance(reply, Refusal) and reply.code != "WRONGTYPE":
                if reply.denied:
                    raise ProbeError(Cause.DENIED, "our user may not see whether queues live here", _HINT)
                raise complaint(reply, self._link.where)
        return [None if isinstance(reply, Refusal) else reply for reply in replies]


def bases(key: bytes) -> list[bytes]:
    """What of a key may be prefix and name of a BullMQ queue.

    >>> bases(b"app:mail:wait"), bases(b"app:mail:7:logs"), bases(b"a:b")
    ([b'app:mail'], [b'app:mail', b'app:mail:7'], [])
    """
    parts = key.split(b":")
    return [b":".join(parts[:at]) for at in range(2, min(len(parts), 7))]


def _sign(key: str) -> str:
    return "RQ" if key.startswith("rq:") else "Celery"


def _texts(reply: Any) -> Iterable[bytes]:
    return (one for one in reply if isinstance(one, bytes)) if isinstance(reply, list) else ()
