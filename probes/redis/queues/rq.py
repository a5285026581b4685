"""RQ's queues: lists of job ids, registries as sorted sets, and a hash for each worker that expires when it dies.

https://python-rq.org/docs/
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import SafeText
from probes.redis.connection import Command
from probes.redis.queues.dialect import (
    REASON,
    STACK,
    WRONG_TYPE,
    Ask,
    Counters,
    Part,
    clock,
    is_wrong_type,
    pairs,
    rows,
    since,
    text,
    whole,
)
from probes.redis.queues.facts import FailedJob, Queue, Worker

NO_QUEUE: Final = SafeText("no such queue: RQ does not know the name")
STATES: Final = {
    "active": "wip",
    "scheduled": "scheduled",
    "deferred": "deferred",
    "failed": "failed",
    "finished": "finished",
}
"""Our word for a state, and the registry it is counted in."""
WORKERS: Final = 200
FAILED: Final = 10
LARGEST: Final = 64 << 10
"""Bytes of a stack that are unpacked."""

_HEAD: Final = 4
_PER_QUEUE: Final = _HEAD + len(STATES) + 1
_WORKER: Final = ("queues", "state", "birth", "last_heartbeat", "current_job")
_JOB: Final = ("description", "exc_info", "ended_at", "number_of_retries")


async def read(ask: Ask, names: Sequence[str]) -> Part:
    """All queues and workers, in two round trips."""
    replies = await ask([("TIME",), ("SMEMBERS", "rq:workers"), *(word for name in names for word in _questions(name))])
    now = clock(replies[0])
    members = sorted(one for one in rows(replies[1]) if isinstance(one, bytes))[:WORKERS]
    found = {name: replies[2 + at * _PER_QUEUE :][:_PER_QUEUE] for at, name in enumerate(names)}
    more = iter(await ask([*(("HMGET", one, *_WORKER) for one in members), *_jobs(found)]))
    workers = [worker for one in members for worker in _worker(one, next(more), now)]
    queues: list[tuple[Queue, Counters]] = []
    failed: list[FailedJob] = []
    for name, answers in found.items():
        enqueued = next(more)
        queues.append(_queue(name, answers, enqueued, workers, now))
        failed += _failed(name, answers, more, now)
    return Part(tuple(queues), tuple(failed), tuple(workers))


def _questions(name: str) -> list[Command]:
    key = f"rq:queue:{name}"
    return [
        ("SISMEMBER", "rq:queues", key),
        ("LLEN", key),
        ("LINDEX", key, 0),
        ("LINDEX", key, -1),
        *(("ZCARD", f"rq:{registry}:{name}") for registry in STATES.values()),
        ("ZRANGE", f"rq:failed:{name}", -FAILED, -1),
    ]


def _jobs(found: dict[str, list[Any]]) -> Iterator[Command]:
    """The next job of each queue, then its newest failed ones."""
    for answers in found.values():
        yield ("HGET", _key(answers[2]), "enqueued_at")
        for id in _ids(answers):
            yield ("HMGET", _key(id), *_JOB)
            yield ("XREVRANGE", b"rq:results:" + id, "+", "-", "COUNT", 1)


def _key(id: Any) -> bytes:
    return b"rq:job:" + (id if isinstance(id, bytes) else b"-")


def _ids(answers: Sequence[Any]) -> list[bytes]:
    return [id for id in reversed(rows(answers[-1])) if isinstance(id, bytes)]


def _queue(
    name: str, answers: Sequence[Any], enqueued: Any, workers: Sequence[Worker], now: float | None
) -> tuple[Queue, Counters]:
    known, length, first, last = answers[:_HEAD]
    shown = SafeText(name)
    if known == 0 and length == 0:
        return Queue(shown, "rq", missing=True, trouble=NO_QUEUE), Counters()
    counts = dict(zip(STATES, (whole(reply) for reply in answers[_HEAD:]), strict=False))
    wrong = any(is_wrong_type(reply) for reply in answers)
    queue = Queue(
        name=shown,
        dialect="rq",
        depths={"wait": whole(length), **counts},
        waiting=whole(length),
        active=counts["active"],
        failed=counts["failed"],
        trouble=WRONG_TYPE if wrong else SafeText(),
        workers=sum(shown in worker.queues for worker in workers),
        oldest_waiting=since(now, moment(enqueued)),
    )
    ends = (first, last) if isinstance(first, bytes) and isinstance(last, bytes) and first != last else None
    return queue, Counters(ends=ends)


def moment(raw: Any) -> float | None:
    """Seconds since the epoch from a time as RQ writes it.

    >>> moment(b"2026-03-01T03:12:41.500000Z"), moment(b"soon")
    (1772334761.5, None)
    """
    if not isinstance(raw, bytes):
        return None
    try:
        parsed = datetime.fromisoformat(raw.decode("ascii", "replace").replace("Z", "+00:00"))
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _worker(key: bytes, reply: Any, now: float | None) -> list[Worker]:
    """The worker, unless its hash has expired: then it is dead."""
    fields = [*rows(reply), *(None for _ in _WORKER)]
    if not any(isinstance(one, bytes) for one in fields):
        return []
    queues = text(fields[0], 2000)
    return [
        Worker(
            id=text(key),
            name=text(key.removeprefix(b"rq:worker:")),
            queues=tuple(SafeText(one) for one in str(queues).split(",") if one),
            state=text(fields[1]),
            since=since(now, moment(fields[2])),
            job=text(fields[4]),
            silent=since(now, moment(fields[3])),
        )
    ]


def _failed(name: str, answers: Sequence[Any], more: Iterator[Any], now: float | None) -> list[FailedJob]:
    jobs = []
    for id in _ids(answers):
        fields = [*rows(next(more)), *(None for _ in _JOB)]
        stack = (_result(next(more)) or _unpacked(fields[1])).splitlines()
        jobs.append(
            FailedJob(
                queue=SafeText(name),
                id=text(id),
                name=SafeText(str(text(fields[0])).partition("(")[0]),
                reason=SafeText(next((line for line in reversed(stack) if line.strip()), ""), REASON),
                age=since(now, moment(fields[2])),
                stack=tuple(SafeText(line, 300) for line in stack[:STACK]),
            )
        )
    return jobs


def last_line(results: Any, trace: Any) -> str:
    """The last words of an exception, from the newest result of a job or from the job itself."""
    stack = (_result(results) or _unpacked(trace)).splitlines()
    return next((line for line in reversed(stack) if line.strip()), "")


def _result(reply: Any) -> str:
    """The exception in the newest result of a job, where RQ keeps it since version 1.12."""
    entries = rows(reply)
    fields = pairs(entries[0][1]) if entries and isinstance(entries[0], list) and len(entries[0]) == 2 else {}
    raw = fields.get(b"exc_string")
    try:
        return _unpacked(base64.b64decode(raw)) if isinstance(raw, bytes) else ""
    except binascii.Error:
        return ""


def _unpacked(raw: Any) -> str:
    """Text that may be compressed; never more than the limit of it.

    >>> _unpacked(zlib.compress(b"ValueError: no")), _unpacked(b"plain"), _unpacked(None)
    ('ValueError: no', 'plain', '')
    """
    if not isinstance(raw, bytes):
        return ""
    try:
        raw = zlib.decompressobj().decompress(raw, LARGEST)
    except zlib.error:
        raw = raw[:LARGEST]
    return str(raw, "utf-8", "replace")
