"""Streams with consumer groups: each group is a queue of its own, its lag what waits and its pending what runs.

`lag` is null when Redis can't tell (entries were deleted, or the group began somewhere in the middle) and absent before
Redis 7; both are unknown and never zero. https://redis.io/docs/latest/commands/xinfo-groups/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from probes.base import SafeText
from probes.redis.connection import Command, Refusal
from probes.redis.queues.dialect import (
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
from probes.redis.queues.facts import Group, Queue, Worker

GROUPS: Final = 20
"""Groups of a stream that are read."""
CONSUMERS: Final = 50
NO_STREAM: Final = SafeText("no such stream: check the name")
NO_GROUP: Final = SafeText("no consumer group reads it")
_PER_GROUP: Final = 3


async def read(ask: Ask, names: Sequence[str]) -> Part:
    """All streams in two round trips."""
    replies = await ask([("TIME",), *(word for name in names for word in _questions(name))])
    now = clock(replies[0])
    asked = [(name, replies[1 + 2 * at], _groups(replies[2 + 2 * at])) for at, name in enumerate(names)]
    more = await ask([word for name, _, groups in asked for group in groups for word in _about(name, group)])
    queues: list[tuple[Queue, Counters]] = []
    found: list[Group] = []
    workers: list[Worker] = []
    at = 0
    for name, stream, groups in asked:
        if not groups:
            queues.append(_bare(name, stream))
        for raw in groups:
            answers = more[at : at + _PER_GROUP]
            at += _PER_GROUP
            group = _group(name, raw, answers)
            found.append(group)
            workers += _consumers(group, answers[2])
            queues.append(_queue(group, pairs(stream), raw, answers, now, alone=len(groups) == 1))
    return Part(tuple(queues), workers=tuple(workers), groups=tuple(found))


def _questions(name: str) -> list[Command]:
    return [("XINFO", "STREAM", name), ("XINFO", "GROUPS", name)]


def _groups(reply: Any) -> list[dict[bytes, Any]]:
    return [pairs(row) for row in rows(reply)[:GROUPS]]


def _about(name: str, group: dict[bytes, Any]) -> list[Command]:
    """The next entry for it, its oldest pending ones, its consumers."""
    label = group.get(b"name", b"")
    given = group.get(b"last-delivered-id", b"0-0")
    return [
        ("XRANGE", name, _after(given), "+", "COUNT", 1),
        ("XPENDING", name, label, "-", "+", 10),
        ("XINFO", "CONSUMERS", name, label),
    ]


def _after(id: bytes) -> bytes:
    """The smallest id beyond this one.

    >>> _after(b"1700000000000-3")
    b'1700000000000-4'
    """
    head, _, tail = id.partition(b"-")
    return head + b"-" + str(int(tail) + 1).encode() if tail.isdigit() else b"-"


def _group(stream: str, raw: dict[bytes, Any], answers: Sequence[Any]) -> Group:
    pending = rows(answers[1])
    idle = [whole(row[2]) for row in pending if isinstance(row, list) and len(row) >= 3]
    known = [value for value in idle if value is not None]
    return Group(
        stream=SafeText(stream),
        name=text(raw.get(b"name")),
        lag=whole(raw.get(b"lag")),
        pending=whole(raw.get(b"pending")),
        oldest_pending=max(known) / 1000 if known else None,
        consumers=whole(raw.get(b"consumers")),
    )


def _queue(
    group: Group,
    stream: dict[bytes, Any],
    raw: dict[bytes, Any],
    answers: Sequence[Any],
    now: float | None,
    alone: bool,
) -> tuple[Queue, Counters]:
    name = group.stream if alone else SafeText(f"{group.stream}/{group.name}")
    added = whole(stream.get(b"entries-added"))
    taken = whole(raw.get(b"entries-read"))
    if taken is None and added is not None and group.lag is not None:
        taken = added - group.lag
    depths = {"lag": group.lag, "pending": group.pending, "length": whole(stream.get(b"length"))}
    queue = Queue(
        name,
        "stream",
        depths,
        group.lag,
        group.pending,
        oldest_waiting=since(now, _moment(answers[0])),
        oldest_active=group.oldest_pending,
    )
    if not group.consumers:
        queue = replace(queue, trouble=SafeText("no consumer in its group"), workers=0)
    return queue, Counters(added, taken)


def _moment(reply: Any) -> float | None:
    """When the first entry of a range was added, from its id."""
    entries = rows(reply)
    id = entries[0][0] if entries and isinstance(entries[0], list) and entries[0] else None
    if not isinstance(id, bytes):
        return None
    value = whole(id.partition(b"-")[0])
    return None if value is None else value / 1000


def _bare(name: str, stream: Any) -> tuple[Queue, Counters]:
    if is_wrong_type(stream):
        return Queue(SafeText(name), "stream", trouble=WRONG_TYPE), Counters()
    if isinstance(stream, Refusal):
        return Queue(SafeText(name), "stream", missing=True, trouble=NO_STREAM), Counters()
    fields = pairs(stream)
    depths = {"length": whole(fields.get(b"length"))}
    return Queue(SafeText(name), "stream", depths, trouble=NO_GROUP), Counters(whole(fields.get(b"entries-added")))


def _consumers(group: Group, reply: Any) -> list[Worker]:
    found = []
    for row in rows(reply)[:CONSUMERS]:
        fields = pairs(row)
        idle, pending = whole(fields.get(b"idle")), whole(fields.get(b"pending"))
        name = text(fields.get(b"name"))
        found.append(
            Worker(
                id=SafeText(f"{group.stream}/{group.name}/{name}"),
                name=name,
                queues=(SafeText(f"{group.stream}/{group.name}"),),
                state=SafeText("idle" if pending == 0 else f"holds {pending:g}" if pending is not None else ""),
                silent=None if idle is None else idle / 1000,
            )
        )
    return found
