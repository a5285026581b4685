"""The look before and after an act: which Redis this is, which library keeps a queue, and which job a row means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from probes.base import Cause, Identity, ProbeError, SafeText
from probes.redis.connection import Command, Link, Refusal, complaint
from probes.redis.info import fields
from probes.redis.queues import act_bullmq, act_rq
from probes.redis.queues.act_library import Crowd, FailedOne, Library, plain
from probes.redis.queues.catalogue import told_apart
from probes.redis.queues.commands import splits
from probes.redis.queues.dialect import Ask, rows, text
from probes.redis.queues.facts import Queue
from probes.redis.queues.probe import QueuesSettings

KEEPS_NOTHING: Final = {
    "celery": "Celery keeps no failed task in Redis: there is nothing to retry",
    "stream": "a stream keeps no failed jobs; what is pending belongs to its consumers",
    "list": "a plain list keeps no failed jobs",
    "sidekiq": "Sidekiq's failed jobs are retried on its own page or in its console",
    "": "it is not known which library keeps it",
}
"""Why there is nothing to act on, by dialect."""

_MAY_FAIL: Final = frozenset({"CLIENT", "LPOS", "SISMEMBER", "EXISTS", "TYPE", "ACL"})
"""Commands whose refusal is no reason to give up."""
_NEWEST: Final = 100
"""Failed jobs among which one is looked for by the name it has on the screen."""


@dataclass(frozen=True, slots=True)
class Server:
    """The Redis that answers."""

    run: str
    """Its run id: another one for each start of the process."""
    role: str
    product: str
    """"Redis 7.0.15"."""
    db: int

    @property
    def pin(self) -> Identity:
        """What tells it from any other."""
        return (("run", self.run), ("database", str(self.db)))


@dataclass(frozen=True, slots=True)
class Found:
    """A row, by the library that keeps it."""

    library: Library
    queue: str
    id: str = ""
    """The job; empty for a queue."""


def libraries(settings: QueuesSettings) -> dict[str, Library]:
    """The libraries whose jobs can be acted on, by name."""
    every: list[Library] = [act_bullmq.BullMQ(settings.prefix), act_rq.RQ()]
    return {one.name: one for one in every}


def asking(link: Link) -> Ask:
    """Asks over a link; raises `ProbeError` for a refusal that leaves nothing to say."""

    async def ask(commands: Sequence[Command]) -> list[Any]:
        replies = await link.ask([_encoded(command) for command in commands])
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, Refusal) and command[0] not in _MAY_FAIL and reply.code != "WRONGTYPE":
                raise complaint(reply, link.where)
        return replies

    return ask


def _encoded(command: Command) -> Command:
    return tuple(word.encode("utf-8", "surrogateescape") if isinstance(word, str) else word for word in command)


async def server(ask: Ask, db: int) -> Server:
    """Which Redis answers on this connection."""
    about, replication = await ask([("INFO", "server"), ("INFO", "replication")])
    told = fields(about if isinstance(about, bytes) else b"")
    role = fields(replication if isinstance(replication, bytes) else b"").get("role", "")
    run = told.get("run_id", "")
    if not run or not role:
        raise ProbeError(Cause.MISSING, "the server does not say which one it is (run_id, role)")
    valkey = told.get("valkey_version")
    product = f"Valkey {valkey}" if valkey else f"Redis {told.get('redis_version', '')}"
    return Server(run[:64], role, str(SafeText(product, 40)).strip(), db)


class Sight:
    """Finds rows. One for each look."""

    def __init__(self, ask: Ask, settings: QueuesSettings) -> None:
        self.ask = ask
        self._settings = settings
        self._libraries = libraries(settings)
        self._crowds: dict[str, tuple[Library, Crowd] | None] = {}

    async def queue(self, subject: str) -> tuple[Library, Crowd, str]:
        """(its library, how it is, its name). Raises `ProbeError(Cause.GONE)`."""
        name = self._raw(subject)
        found = await self._crowd(name)
        if found is None:
            raise ProbeError(Cause.GONE, f"there is no queue {SafeText(subject, 80)} any more")
        return (*found, name)

    async def job(self, subject: str) -> tuple[Library, Crowd, FailedOne]:
        """(its library, its queue, the failed job). Raises `ProbeError(Cause.GONE)`."""
        for queue, id in splits(subject, self._settings.queues):
            found = await self._crowd(queue)
            if found is not None:
                library, crowd = found
                one = await library.failed(self.ask, queue, id) or await self._by_sight(library, queue, id)
                if one is not None:
                    return library, crowd, one
        raise ProbeError(Cause.GONE, f"{SafeText(subject, 120)} is not among the failed jobs any more")

    async def _by_sight(self, library: Library, queue: str, shown: str) -> FailedOne | None:
        """A job whose id is drawn as `shown` and is another: cut, or with characters that aren't drawn."""
        (ids,) = await self.ask([("ZRANGE", library.failed_key(queue), -_NEWEST, -1)])
        alike = [plain(id) for id in rows(ids) if str(text(id)) == shown and plain(id) not in ("", shown)]
        return await library.failed(self.ask, queue, alike[0]) if len(alike) == 1 else None

    def _raw(self, subject: str) -> str:
        """A queue's name as it is, from how it is drawn."""
        return next((name for name in self._settings.queues if str(SafeText(name)) == subject), subject)

    async def _crowd(self, name: str) -> tuple[Library, Crowd] | None:
        if name not in self._crowds:
            self._crowds[name] = await self._looked_up(name)
        return self._crowds[name]

    async def _looked_up(self, name: str) -> tuple[Library, Crowd] | None:
        dialect: str = self._settings.type
        if dialect == "auto":
            dialect = (await told_apart(self.ask, [name], self._settings.prefix)).get(name, "-")
        library = self._libraries.get(dialect)
        if library is None:
            if dialect in KEEPS_NOTHING:
                raise ProbeError(Cause.MISSING, KEEPS_NOTHING[dialect])
            return None
        crowd = await library.crowd(self.ask, name)
        return None if crowd is None else (library, crowd)


def refusal(dialect: str, queue: Queue | None = None) -> str:
    """Why nothing of a queue can be acted on, by the last reading; empty when something can."""
    if queue is not None and queue.missing:
        return "there is no such queue"
    return KEEPS_NOTHING.get(dialect, "")
