"""BullMQ's queues, versions 4 to 6 and the Python library, by their keys.

Each state is counted by its own type: `wait`, `paused` and `active` are lists, the others sorted sets. LLEN of a key
that does not exist is 0, so a queue none of whose keys exist is said to be missing and never to be empty.
https://docs.bullmq.io/guide/architecture
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from probes.base import Cause, Gap, SafeText
from probes.redis.connection import Command, Refusal
from probes.redis.queues.dialect import (
    REASON,
    STACK,
    WRONG_TYPE,
    Ask,
    Counters,
    Part,
    added_up,
    clock,
    is_wrong_type,
    millis,
    pairs,
    rows,
    since,
    text,
    whole,
)
from probes.redis.queues.facts import FailedJob, Queue, Worker

LISTS: Final = ("wait", "paused", "active")
SETS: Final = ("prioritized", "delayed", "waiting-children", "failed", "completed")
STATES: Final = (*LISTS, *SETS)
ACTIVE: Final = 100
"""Active jobs looked at one by one."""
FAILED: Final = 10
"""Failed jobs of a queue that are read."""
MINUTE: Final = 60
NO_QUEUE: Final = SafeText("no such queue yet; is the name right?")
WORKERS_SHOWN: Final = 200

_JOB: Final = ("name", "failedReason", "atm", "attemptsMade", "finishedOn", "stacktrace")
_HEAD: Final = 2
_RANGES: Final = 5
_PER_QUEUE: Final = _HEAD + len(STATES) + _RANGES
_BLOCKING: Final = frozenset({b"bzpopmin", b"brpoplpush", b"blmove", b"brpop", b"blpop"})
_NO_NAMES: Final = Gap(
    "which workers are there", Cause.DENIED, SafeText("the ACL needs +client|list; until then workers are unknown")
)

Client = dict[bytes, bytes]
"""A line of CLIENT LIST."""


@dataclass(frozen=True, slots=True)
class _First:
    """The first answers about one queue."""

    name: str
    meta: dict[bytes, Any]
    id: Any
    counts: dict[str, Any]
    wait: list[bytes]
    paused: list[bytes]
    active: list[bytes]
    prioritized: list[bytes]
    failed: list[bytes]

    @property
    def exists(self) -> bool:
        """True when any of the queue's keys is there."""
        return bool(self.meta or self.id is not None or any(self.counts.values()))

    @property
    def next_job(self) -> bytes | None:
        """The job that is taken next; old versions keep a marker among them."""
        waiting = [id for id in (*self.paused, *self.wait) if not id.startswith(b"0:")]
        return waiting[-1] if waiting else self.prioritized[0] if self.prioritized else None


@dataclass(frozen=True, slots=True)
class _Second:
    """The second answers: what ended lately, and the jobs named in the first."""

    failed_minute: float | None
    completed_minute: float | None
    waits_since: float | None
    runs_since: float | None
    locks: list[Any]
    active: list[bytes]
    failed: list[Any]


async def read(ask: Ask, names: Sequence[str], prefix: str) -> Part:
    """All queues, in two round trips."""
    replies = await ask([("TIME",), ("CLIENT", "LIST"), *(word for name in names for word in _questions(prefix, name))])
    now = clock(replies[0])
    clients, gaps = _clients(replies[1])
    firsts = [_first(name, replies[2 + at * _PER_QUEUE :][:_PER_QUEUE]) for at, name in enumerate(names)]
    asked = [_more(prefix, first, now) for first in firsts]
    more = iter(await ask([word for words in asked for word in words.values()]))
    seconds = [_second(first, dict(zip(words, more, strict=False))) for first, words in zip(firsts, asked, strict=True)]
    both = list(zip(firsts, seconds, strict=True))
    workers = {name: _workers(name, clients or [], prefix) for name in names}
    return Part(
        queues=tuple(
            _queue(first, second, now, None if clients is None else len(workers[first.name])) for first, second in both
        ),
        failed=tuple(job for first, second in both for job in _failed(first, second, now)),
        workers=tuple(_worker(name, client) for name in names for client in workers[name][:WORKERS_SHOWN]),
        gaps=gaps,
    )


def _questions(prefix: str, name: str) -> list[Command]:
    def of(last: str) -> str:
        return f"{prefix}:{name}:{last}"

    return [
        ("HGETALL", of("meta")),
        ("GET", of("id")),
        *(("LLEN", of(state)) for state in LISTS),
        *(("ZCARD", of(state)) for state in SETS),
        ("LRANGE", of("wait"), -2, -1),
        ("LRANGE", of("paused"), -2, -1),
        ("LRANGE", of("active"), -ACTIVE, -1),
        ("ZRANGE", of("prioritized"), 0, 0),
        ("ZRANGE", of("failed"), -FAILED, -1),
    ]


def _first(name: str, replies: Sequence[Any]) -> _First:
    ranges = [[id for id in rows(reply) if isinstance(id, bytes)] for reply in replies[_HEAD + len(STATES) :]]
    counts = dict(zip(STATES, replies[_HEAD:], strict=False))
    return _First(name, pairs(replies[0]), replies[1], counts, *ranges)


def _more(prefix: str, first: _First, now: float | None) -> dict[str | bytes, Command]:
    """What to ask next, each under a name; nothing about keys that are not there."""

    def of(last: bytes) -> bytes:
        return f"{prefix}:{first.name}:".encode("utf-8", "surrogateescape") + last

    asked: dict[str | bytes, Command] = {}
    start = int(((now or 0) - MINUTE) * 1000)
    for state in ("failed", "completed"):
        if now is not None and isinstance(first.counts[state], int) and first.counts[state]:
            asked[state] = ("ZCOUNT", of(state.encode()), start, "+inf")
    if first.next_job is not None:
        asked["next"] = ("HGET", of(first.next_job), "timestamp")
    if first.active:
        asked["running"] = ("HGET", of(first.active[-1]), "processedOn")
        asked |= {b"lock " + id: ("EXISTS", of(id + b":lock")) for id in first.active}
        asked["still"] = ("LRANGE", of(b"active"), -ACTIVE, -1)
    return asked | {b"job " + id: ("HMGET", of(id), *_JOB) for id in reversed(first.failed)}


def _second(first: _First, answers: dict[str | bytes, Any]) -> _Second:
    def ended(state: str) -> float | None:
        return whole(answers[state]) if state in answers else whole(first.counts[state])

    return _Second(
        failed_minute=ended("failed"),
        completed_minute=ended("completed"),
        waits_since=millis(answers.get("next")),
        runs_since=millis(answers.get("running")),
        locks=[answers.get(b"lock " + id) for id in first.active],
        active=[id for id in rows(answers.get("still")) if isinstance(id, bytes)],
        failed=[answers.get(b"job " + id) for id in reversed(first.failed)],
    )


def _queue(first: _First, second: _Second, now: float | None, workers: int | None) -> tuple[Queue, Counters]:
    depths = {state: whole(reply) for state, reply in first.counts.items()}
    name = SafeText(first.name)
    if not first.exists:
        return Queue(name, "bullmq", missing=True, trouble=NO_QUEUE), Counters()
    waiting = added_up([depths["wait"], depths["paused"], depths["prioritized"]])
    wrong = any(is_wrong_type(reply) for reply in first.counts.values())
    queue = Queue(
        name=name,
        dialect="bullmq",
        depths=depths,
        waiting=waiting,
        active=depths["active"],
        failed=depths["failed"],
        trouble=WRONG_TYPE if wrong else SafeText(),
        paused=first.meta.get(b"paused") == b"1" or bool(depths["paused"]),
        workers=workers,
        oldest_waiting=since(now, second.waits_since),
        oldest_active=since(now, second.runs_since),
        stalled=_stalled(first, second),
        failed_minute=second.failed_minute,
        finished_minute=added_up([second.failed_minute, second.completed_minute]),
    )
    return queue, _counters(first, depths, waiting)


def _counters(first: _First, depths: dict[str, float | None], waiting: float | None) -> Counters:
    """`id` counts every job ever added; what is neither waiting nor delayed any more was taken."""
    added = whole(first.id)
    left = added_up([waiting, depths["delayed"], depths["waiting-children"]])
    return Counters(added, None if added is None or left is None else added - left)


def _stalled(first: _First, second: _Second) -> int | None:
    """Jobs that are active before and after a look at their lock, which wasn't there."""
    if not all(isinstance(lock, int) for lock in second.locks):
        return None
    free = {id for id, lock in zip(first.active, second.locks, strict=True) if lock == 0}
    return len(free.intersection(second.active))


def _failed(first: _First, second: _Second, now: float | None) -> list[FailedJob]:
    jobs = []
    for id, reply in zip(reversed(first.failed), second.failed, strict=True):
        fields = [*rows(reply), *(None for _ in _JOB)]
        attempts = whole(fields[2]) if fields[2] is not None else whole(fields[3])
        jobs.append(
            FailedJob(
                queue=SafeText(first.name),
                id=text(id),
                name=text(fields[0]),
                reason=text(fields[1], REASON),
                attempts=attempts,
                age=since(now, millis(fields[4])),
                stack=stack_lines(fields[5]),
            )
        )
    return jobs


def stack_lines(raw: Any) -> tuple[SafeText, ...]:
    """The newest stack of the list that a job keeps as JSON, its first lines.

    >>> [str(line) for line in stack_lines(b'["old", "Error: 422\\\\n  at send"]')]
    ['Error: 422', '  at send']
    """
    if not isinstance(raw, bytes) or len(raw) > 1 << 20:
        return ()
    try:
        stacks = json.loads(raw)
    except (ValueError, RecursionError):
        return ()
    newest = next((one for one in reversed(stacks) if isinstance(one, str)), "") if isinstance(stacks, list) else ""
    return tuple(SafeText(line, 300) for line in newest.splitlines()[:STACK])


# workers: connections that carry the queue's name


def _clients(reply: Any) -> tuple[list[Client] | None, tuple[Gap, ...]]:
    if isinstance(reply, Refusal):
        return None, (_NO_NAMES,)
    if not isinstance(reply, bytes):
        return None, ()
    return [_client(line) for line in reply.splitlines() if b"name=" in line], ()


def _client(line: bytes) -> Client:
    return pairs([part for word in line.split(b" ") for part in word.partition(b"=")[::2]])


def _workers(name: str, clients: Sequence[Client], prefix: str) -> list[Client]:
    """Connections of the queue's workers, one for each worker.

    The Node library names one connection of a worker, by the queue's name in base64; the Python library names two of
    them, by the plain name.
    """
    encoded = base64.b64encode(name.encode())
    node = _named(clients, f"{prefix}:".encode() + encoded)
    plain = _named(clients, f"{prefix}:{name}".encode())
    blocking = [client for client in plain if client.get(b"cmd") in _BLOCKING]
    others = [client for client in plain if client.get(b"cmd") not in _BLOCKING]
    return node + [*blocking, *others][: max(len(blocking), -(-len(plain) // 2))]


def _named(clients: Sequence[Client], base: bytes) -> list[Client]:
    def is_worker(name: bytes) -> bool:
        return name in (base, base + b":w") or name.startswith(base + b":w:")

    return [client for client in clients if is_worker(client.get(b"name", b""))]


def _worker(queue: str, client: Client) -> Worker:
    name = client.get(b"name", b"")
    own = name.partition(b":w:")[2]
    return Worker(
        id=text(client.get(b"addr", b"?")),
        name=text(own) if own else SafeText("(unnamed)"),
        queues=(SafeText(queue),),
        state=SafeText("waits for a job" if client.get(b"cmd") in _BLOCKING else "works or is about to"),
        since=whole(client.get(b"age")),
        silent=whole(client.get(b"idle")),
    )
