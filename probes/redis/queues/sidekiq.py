"""Sidekiq's queues: lists of JSON jobs, sorted sets for another try, later and given up, and a hash per process.

A process's hash expires a minute after its last beat. https://github.com/sidekiq/sidekiq/wiki/API
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from probes.base import SafeText, finite
from probes.redis.connection import Command
from probes.redis.info import number
from probes.redis.queues.dialect import (
    REASON,
    STACK,
    WRONG_TYPE,
    Ask,
    Counters,
    Part,
    clock,
    is_wrong_type,
    rows,
    since,
    text,
    whole,
)
from probes.redis.queues.facts import FailedJob, Queue, Total, Worker

NO_QUEUE: Final = SafeText("no such queue: Sidekiq does not know the name")
PROCESSES: Final = 200
FAILED: Final = 10

_SHARED: Final = 8
_PER_QUEUE: Final = 5
_PROCESS: Final = ("info", "busy", "beat", "quiet")


async def read(ask: Ask, names: Sequence[str]) -> Part:
    """All queues and processes, in two round trips."""
    shared: list[Command] = [
        ("TIME",), ("SMEMBERS", "processes"), ("ZCARD", "retry"), ("ZCARD", "schedule"), ("ZCARD", "dead"),
        ("GET", "stat:processed"), ("ZRANGE", "retry", 0, 0, "WITHSCORES"), ("ZREVRANGE", "dead", 0, FAILED - 1),
    ]  # fmt: skip
    replies = await ask([*shared, *(word for name in names for word in _questions(name))])
    now = clock(replies[0])
    members = sorted(one for one in rows(replies[1]) if isinstance(one, bytes))[:PROCESSES]
    processes = await ask([*(("HMGET", one, *_PROCESS) for one in members), ("ZREVRANGE", "retry", 0, FAILED - 1)])
    workers = [worker for key, reply in zip(members, processes, strict=False) for worker in _worker(key, reply, now)]
    found = [replies[_SHARED + at * _PER_QUEUE :][:_PER_QUEUE] for at in range(len(names))]
    jobs = [*rows(processes[-1]), *rows(replies[7])]
    return Part(
        queues=tuple(_queue(name, answers, workers, now) for name, answers in zip(names, found, strict=True)),
        failed=tuple(job for raw in jobs for job in _failed(raw, now)),
        workers=tuple(workers),
        totals=_totals(replies),
    )


def _questions(name: str) -> list[Command]:
    key = f"queue:{name}"
    return [
        ("SISMEMBER", "queues", name),
        ("LLEN", key),
        ("LINDEX", key, 0),
        ("LINDEX", key, -1),
        ("SISMEMBER", "paused", name),
    ]


def _totals(replies: Sequence[Any]) -> tuple[Total, ...]:
    return (
        Total("retry", "failed, waiting for another try", whole(replies[2])),
        Total("schedule", "scheduled for later", whole(replies[3])),
        Total("dead", "failed for good", whole(replies[4])),
        Total("processed", "done since the beginning", whole(replies[5])),
    )


def parsed(raw: Any) -> dict[str, Any]:
    """A JSON object from outside; anything else is empty."""
    if not isinstance(raw, bytes) or len(raw) > 1 << 20:
        return {}
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def moment(value: Any) -> float | None:
    """Seconds since the epoch; from version 8 Sidekiq writes milliseconds.

    >>> moment(1772334761.5), moment(1772334761500)
    (1772334761.5, 1772334761.5)
    """
    seconds = finite(value)
    if seconds is None or seconds < 0:
        return None
    return seconds / 1000 if seconds > 1e11 else seconds


def _queue(name: str, answers: Sequence[Any], workers: Sequence[Worker], now: float | None) -> tuple[Queue, Counters]:
    known, length, first, last, paused = answers
    shown = SafeText(name)
    if known == 0 and length == 0:
        return Queue(shown, "sidekiq", missing=True, trouble=NO_QUEUE), Counters()
    queue = Queue(
        name=shown,
        dialect="sidekiq",
        depths={"wait": whole(length)},
        waiting=whole(length),
        trouble=WRONG_TYPE if any(is_wrong_type(reply) for reply in answers) else SafeText(),
        paused=paused == 1,
        workers=sum(shown in worker.queues for worker in workers),
        oldest_waiting=since(now, moment(parsed(last).get("enqueued_at"))),
    )
    told = isinstance(first, bytes) and isinstance(last, bytes) and first != last
    return queue, Counters(ends=(first, last) if told else None)


def _worker(key: bytes, reply: Any, now: float | None) -> list[Worker]:
    """The process, unless its hash has expired: then it is dead."""
    fields = [*rows(reply), *(None for _ in _PROCESS)]
    about = parsed(fields[0])
    if not about:
        return []
    busy = whole(fields[1])
    names = about.get("queues")
    quiet = fields[3] == b"true"
    threads = number(about.get("concurrency")) if isinstance(about.get("concurrency"), int) else None
    beat = number(fields[2]) if isinstance(fields[2], bytes) else None
    of = f" of {threads:g}" if threads is not None else ""
    return [
        Worker(
            id=text(key),
            name=text(about.get("hostname")),
            queues=tuple(SafeText(one, 100) for one in names[:100] if isinstance(one, str))
            if isinstance(names, list) and not quiet
            else (),
            state=SafeText("quiet, takes nothing new" if quiet else f"{busy:g}{of} busy" if busy is not None else ""),
            since=since(now, moment(about.get("started_at"))),
            silent=since(now, beat),
        )
    ]


def _failed(raw: Any, now: float | None) -> list[FailedJob]:
    job = parsed(raw)
    if not job:
        return []
    kind, words = job.get("error_class"), job.get("error_message")
    reason = ": ".join(str(part) for part in (kind, words) if isinstance(part, str) and part)
    trace = job.get("error_backtrace")
    lines = [line for line in trace if isinstance(line, str)] if isinstance(trace, list) else []
    return [
        FailedJob(
            queue=text(job.get("queue")),
            id=text(job.get("jid")),
            name=text(job.get("class")),
            reason=SafeText(reason, REASON),
            attempts=number(job.get("retry_count")) if isinstance(job.get("retry_count"), int) else None,
            age=since(now, moment(job.get("failed_at"))),
            stack=tuple(SafeText(line, 300) for line in lines[:STACK]),
        )
    ]
