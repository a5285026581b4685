"""How long BullMQ's jobs take: from `processedOn` to the score under which `completed` keeps them, their end.

Only completed jobs that are kept can be measured (`removeOnComplete`), and of a busy queue the newest of each look: the
percentiles are those of what was measured, and say of how many jobs.
https://docs.bullmq.io/guide/queues/auto-removal-of-jobs
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from probes.base import finite
from probes.redis.connection import Command
from probes.redis.queues.dialect import Ask, clock, millis, rows, whole
from probes.redis.queues.facts import Took

WINDOW: Final = 900.0
"""Seconds that are looked back."""
EVERY: Final = 10.0
"""Seconds between two looks."""
NEWEST: Final = 100
"""Completed jobs of a queue that a look takes in."""
FEW: Final = 10
"""Fewer jobs than these give no percentile."""

_Job = tuple[bytes, float]
"""Id and end: a job of the same id may run again."""


class Durations:
    """What the jobs of each queue took, of those that ended within the window."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[_Job, float | None]] = {}
        """By queue and job the seconds it took; None: it does not tell."""
        self._next = 0.0
        self._now: float | None = None

    async def look(self, ask: Ask, names: Sequence[str], prefix: str, at: float) -> None:
        """Take in what ended since the last look, if it is time for one; `at` is monotonic seconds."""
        if at < self._next:
            return
        self._next = at + EVERY
        self._seen = {name: self._seen.get(name, {}) for name in names}
        words: list[Command] = [("ZRANGE", f"{prefix}:{name}:completed", -NEWEST, -1, "WITHSCORES") for name in names]
        replies = await ask([("TIME",), *words])
        self._now = now = clock(replies[0])
        if now is None:
            self._seen = {name: {} for name in names}
            return
        for name, reply in zip(names, replies[1:], strict=True):
            if not isinstance(reply, list):
                del self._seen[name]  # it may not be asked: nothing is known
        fresh = [
            (name, job)
            for name, reply in zip(names, replies[1:], strict=True)
            for job in _ended(reply)
            if name in self._seen and job not in self._seen[name] and now - job[1] <= WINDOW
        ]
        begun = await ask([("HGET", _key(prefix, name, id), "processedOn") for name, (id, _) in fresh]) if fresh else []
        for (name, job), reply in zip(fresh, begun, strict=True):
            started = millis(reply)
            self._seen[name][job] = job[1] - started if started and started <= job[1] else None
        for jobs in self._seen.values():
            for job in [one for one in jobs if now - one[1] > WINDOW]:
                del jobs[job]

    def of(self, name: str) -> Took | None:
        """What was measured of a queue; None: it was not looked at."""
        if self._now is None or name not in self._seen:
            return None
        took = sorted(one for one in self._seen[name].values() if one is not None)
        if len(took) < FEW:
            return Took(len(took))
        return Took(len(took), percentile(took, 0.5), percentile(took, 0.95), took[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the values, in order, that at least this share of them does not exceed (nearest rank).

    >>> percentile([1, 2, 3, 4], 0.5), percentile([1, 2, 3, 4], 0.95), percentile([7], 0.5)
    (2, 4, 7)
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _ended(reply: Any) -> list[_Job]:
    """(id, end in seconds) of each, from ids and scores in turn."""
    flat = rows(reply)
    found = ((id, _score(score)) for id, score in zip(flat[::2], flat[1::2], strict=False))
    return [(id, end / 1000) for id, end in found if isinstance(id, bytes) and end is not None]


def _score(raw: Any) -> float | None:
    if isinstance(raw, bytes) and len(raw) <= 40:
        try:
            return finite(float(raw))
        except ValueError:
            return None
    return finite(raw) if isinstance(raw, float) else whole(raw)


def _key(prefix: str, name: str, id: bytes) -> bytes:
    return f"{prefix}:{name}:".encode("utf-8", "surrogateescape") + id
