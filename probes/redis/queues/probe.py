"""Reads the queues of one Redis: finds them or takes their names, lets each dialect ask, and follows their movement.

Reads only: nothing here takes, moves, retries or removes a job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from probes.base import Console, Context, Found, Gap, Probe, SafeText, Snapshot, Target
from probes.redis.address import RedisSettings, found
from probes.redis.connection import Command, Link, Refusal, complaint
from probes.redis.console import consoles
from probes.redis.queues import bullmq, celery, rq, sidekiq, streams
from probes.redis.queues.catalogue import Catalogue, Named, told_apart
from probes.redis.queues.dialect import Counters, Part
from probes.redis.queues.durations import Durations
from probes.redis.queues.facts import FailedJob, Queue, QueuesFacts
from probes.redis.queues.flow import Flow
from probes.redis.queues.gauges import RULES, SPECS, measured
from probes.redis.queues.lists import Lists

READ: Final = 100
"""Queues read at most."""
FAILED: Final = 200
"""Failed jobs shown at most."""
RETELL: Final = 10.0
"""Seconds before a queue whose library is unknown is looked for again."""
REFUSED: Final = 300.0
"""Seconds before a refused CLIENT LIST is tried again."""
CROWD: Final = 512 << 10
"""Bytes of CLIENT LIST beyond which it is asked less often."""
CROWD_EVERY: Final = 15.0

UNKNOWN: Final = SafeText("no such queue yet; is the name right?")

Type = Literal["auto", "bullmq", "list", "stream", "celery", "rq", "sidekiq"]


class QueuesSettings(RedisSettings):
    """Which queues of which Redis."""

    type: Type = Field(default="auto", description="The library that keeps the queues; auto tells by their keys.")
    queues: tuple[str, ...] = Field(
        default=(), max_length=READ, description="Names of the queues; without names they are looked for."
    )
    prefix: str = Field(default="bull", min_length=1, max_length=100, description="Prefix of BullMQ's keys.")

    @field_validator("queues")
    @classmethod
    def _named(cls, queues: tuple[str, ...]) -> tuple[str, ...]:
        for one in queues:
            if not one or len(one) > 500:
                raise ValueError("a queue's name has 1 to 500 characters")
        return tuple(dict.fromkeys(queues))


class QueuesProbe(Probe[QueuesFacts]):
    """The queues of one Redis."""

    kind = "queues"
    settings_type = QueuesSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, QueuesSettings)
        self.settings = target.settings
        self._link = Link(target.name, self.settings, context.secrets, context.operator)
        self._catalogue = Catalogue(self.settings.prefix, self.settings.type)
        self._lists = Lists()
        self._durations = Durations()
        self._flows: dict[tuple[str, str], Flow] = {}
        self._told: dict[str, str] = {}
        self._tell_at = 0.0
        self._clients: tuple[Any, float] | None = None

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """The Redis this machine speaks of; its queues are found when it is read."""
        return found(environ, "queues")

    def consoles(self, facts: QueuesFacts | None, subject: str) -> tuple[Console, ...]:
        """redis-cli, for the server as a whole."""
        return consoles(self.settings, self.context)

    async def read(self) -> Snapshot[QueuesFacts]:
        """Two round trips for each library in use, for BullMQ now and then two more to see how long its jobs take, and
        some steps of the search when no queue is named."""
        return await self._link.revived(self._reading)

    async def _reading(self) -> Snapshot[QueuesFacts]:
        began = self.context.monotonic()
        self.doing = "reading" if self._link.is_open else "connecting"
        await self._link.open()
        self.doing = "reading"
        named = await self._named(began)
        part = await self._part(named[:READ])
        at = self.context.monotonic()
        queues = [self._followed(queue, counters, at) for queue, counters in part.queues]
        self._forget(queues)
        facts = QueuesFacts(
            queues=tuple(sorted(queues, key=self._order) if not self.settings.queues else queues),
            more=max(0, len(named) - READ),
            failed=_newest(part.failed),
            workers=part.workers,
            groups=part.groups,
            totals=part.totals,
            searching=not self.settings.queues and self._catalogue.searching,
        )
        gaps: tuple[Gap, ...] = (*part.gaps, *(() if self.settings.queues else self._catalogue.gaps))
        return self.snapshot(facts, measured(facts), began, gaps)

    def abort(self) -> None:
        """Cut the socket."""
        self._link.abort()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._link.close()

    # which queues

    async def _named(self, at: float) -> list[Named]:
        """(dialect, name) of each queue, the profile's in its order; an unknown dialect is empty."""
        names = self.settings.queues
        if not names:
            return await self._catalogue.search(self._ask, at)
        if self.settings.type != "auto":
            return [(self.settings.type, name) for name in names]
        unknown = [name for name in names if name not in self._told]
        if unknown and at >= self._tell_at:
            self._told |= await told_apart(self._ask, unknown, self.settings.prefix)
            self._tell_at = at + RETELL
        return [(self._told.get(name, ""), name) for name in names]

    async def _part(self, named: Sequence[Named]) -> Part:
        """What every dialect in use has read, put together in the order of the names."""
        parts = [Part(tuple((_missing(name), Counters()) for dialect, name in named if not dialect))]
        for dialect in dict.fromkeys(dialect for dialect, _ in named if dialect):
            parts.append(await self._read(dialect, [name for one, name in named if one == dialect]))
        order = {str(SafeText(name)): place for place, (_, name) in enumerate(named)}
        queues = [pair for part in parts for pair in part.queues]
        return Part(
            queues=tuple(sorted(queues, key=lambda pair: order.get(str(pair[0].name), len(order)))),
            failed=tuple(job for part in parts for job in part.failed),
            workers=tuple(worker for part in parts for worker in part.workers),
            groups=tuple(group for part in parts for group in part.groups),
            totals=tuple(total for part in parts for total in part.totals),
            gaps=tuple(dict.fromkeys(gap for part in parts for gap in part.gaps)),
        )

    async def _read(self, dialect: str, names: Sequence[str]) -> Part:
        match dialect:
            case "bullmq":
                part = await bullmq.read(self._ask, names, self.settings.prefix)
                await self._durations.look(self._ask, names, self.settings.prefix, self.context.monotonic())
                return replace(part, queues=tuple(map(self._timed, names, part.queues)))
            case "stream":
                return await streams.read(self._ask, names)
            case "celery":
                return await celery.read(self._ask, names)
            case "rq":
                return await rq.read(self._ask, names)
            case "sidekiq":
                return await sidekiq.read(self._ask, names)
            case _:
                return await self._lists.read(self._ask, names)

    def _timed(self, name: str, read: tuple[Queue, Counters]) -> tuple[Queue, Counters]:
        queue, counters = read
        return replace(queue, took=None if queue.missing else self._durations.of(name)), counters

    # asking

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send a batch; CLIENT LIST is answered from memory while it is refused or too big to ask each time."""
        clients = self._remembered_clients()
        kept = [word for word in commands if clients is None or word != ("CLIENT", "LIST")]
        replies = iter(await self._link.ask([_encoded(word) for word in kept]))
        answers = [
            clients if clients is not None and word == ("CLIENT", "LIST") else next(replies) for word in commands
        ]
        for word, answer in zip(commands, answers, strict=True):
            if word == ("CLIENT", "LIST") and clients is None:
                self._remember_clients(answer)
            elif (
                isinstance(answer, Refusal) and word[0] in ("LLEN", "HMGET", "TYPE", "XINFO", "GET") and _fatal(answer)
            ):
                raise complaint(answer, self._link.where)
        return answers

    def _remembered_clients(self) -> Any:
        if self._clients is None or self.context.monotonic() >= self._clients[1]:
            return None
        return self._clients[0]

    def _remember_clients(self, answer: Any) -> None:
        if isinstance(answer, Refusal):
            self._clients = (answer, self.context.monotonic() + REFUSED)
        elif isinstance(answer, bytes) and len(answer) > CROWD:
            self._clients = (answer, self.context.monotonic() + CROWD_EVERY)

    # movement

    def _followed(self, queue: Queue, counters: Counters, at: float) -> Queue:
        flow = self._flows.setdefault((queue.dialect, str(queue.name)), Flow())
        return flow.follow(queue, counters, at)

    def _forget(self, queues: Sequence[Queue]) -> None:
        keep = {(queue.dialect, str(queue.name)) for queue in queues}
        for gone in self._flows.keys() - keep:
            del self._flows[gone]

    def _order(self, queue: Queue) -> tuple[float, str]:
        return (-(queue.waiting or 0), str(queue.name))


def _encoded(command: Command) -> Command:
    """Names found by SCAN may hold any bytes."""
    return tuple(word.encode("utf-8", "surrogateescape") if isinstance(word, str) else word for word in command)


def _fatal(refusal: Refusal) -> bool:
    """True when not this key but the whole reading is refused."""
    return refusal.code in ("NOPERM", "NOAUTH", "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "OOM")


def _missing(name: str) -> Queue:
    return Queue(SafeText(name), "", missing=True, trouble=UNKNOWN)


def _newest(jobs: Iterable[FailedJob]) -> tuple[FailedJob, ...]:
    """Each job once, newest first."""
    once = {(job.queue, job.id): job for job in jobs}
    return tuple(sorted(once.values(), key=lambda job: job.age if job.age is not None else float("inf"))[:FAILED])
