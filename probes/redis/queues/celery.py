"""Celery's queues on a Redis broker, as kombu keeps them.

A queue is a list of its own name, with one more list for each priority. What a worker has taken or counts down is in
`unacked`, for all queues together; LLEN alone does not see it. Which workers are there the broker does not know.
https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from probes.base import SafeText
from probes.redis.queues.dialect import (
    WRONG_TYPE,
    Ask,
    Counters,
    Part,
    added_up,
    clock,
    is_wrong_type,
    rows,
    since,
    whole,
)
from probes.redis.queues.facts import Queue, Total

BINDING: Final = "_kombu.binding."
PRIORITIES: Final = ("3", "6", "9")
"""Steps of priority that kombu makes by default; step 0 is the plain list."""
NO_QUEUE: Final = SafeText("no such queue: nobody has declared it and it holds no task")
_SEPARATOR: Final = "\x06\x16"
_PER_QUEUE: Final = 1 + 1 + len(PRIORITIES) + 2


async def read(ask: Ask, names: Sequence[str]) -> Part:
    """All queues in one round trip."""
    replies = await ask(
        [
            ("TIME",),
            ("HLEN", "unacked"),
            ("ZRANGE", "unacked_index", 0, 0, "WITHSCORES"),
            *(word for name in names for word in _questions(name)),
        ]
    )
    now = clock(replies[0])
    found = [replies[3 + at * _PER_QUEUE :][:_PER_QUEUE] for at in range(len(names))]
    queues = tuple(_queue(name, answers) for name, answers in zip(names, found, strict=True))
    return Part(queues, totals=(_unacked(replies[1], replies[2], now),))


def _questions(name: str) -> list[tuple[str | int, ...]]:
    return [
        ("EXISTS", f"{BINDING}{name}"),
        ("LLEN", name),
        *(("LLEN", f"{name}{_SEPARATOR}{step}") for step in PRIORITIES),
        ("LINDEX", name, 0),
        ("LINDEX", name, -1),
    ]


def _queue(name: str, answers: Sequence[Any]) -> tuple[Queue, Counters]:
    shown = SafeText(name)
    lengths = answers[1:-2]
    if any(is_wrong_type(length) for length in lengths):
        return Queue(shown, "celery", trouble=WRONG_TYPE), Counters()
    counts = [whole(length) for length in lengths]
    if answers[0] == 0 and not any(counts):
        return Queue(shown, "celery", missing=True, trouble=NO_QUEUE), Counters()
    depths: dict[str, float | None] = {"wait": counts[0]}
    depths |= {f"priority {step}": count for step, count in zip(PRIORITIES, counts[1:], strict=True) if count}
    first, last = answers[-2:]
    told = isinstance(first, bytes) and isinstance(last, bytes) and first != last and not any(counts[1:])
    return Queue(shown, "celery", depths, added_up(counts)), Counters(ends=(first, last) if told else None)


def _unacked(count: Any, oldest: Any, now: float | None) -> Total:
    parts = rows(oldest)
    moment = whole(parts[1]) if len(parts) == 2 else None
    return Total("unacked", "taken or counting down, all queues", whole(count), since(now, moment))
