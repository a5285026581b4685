"""How a queue moves: growth, arrival, drain, when it is empty, and for how long nothing was taken.

Derived from the readings of one queue, one after the other; what can't be derived honestly stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from probes.redis.meters import Window
from probes.redis.queues.dialect import Counters
from probes.redis.queues.facts import Outlook, Queue

WINDOW: Final = 12.0
"""Seconds that growth looks back."""
SHORT: Final = 5.0
"""Seconds that rates look back, and growth when it has changed a lot."""
SUDDEN: Final = 5.0
"""Jobs per second from which a change of growth is no noise."""
STILL: Final = 0.05
"""Jobs per second below which a queue counts as still."""
BALANCE: Final = 0.2
"""Growth up to this share of what is drained is no trend."""


@dataclass(slots=True)
class Flow:
    """The memory of one queue."""

    _waiting: Window = field(default_factory=lambda: Window(WINDOW))
    _lately: Window = field(default_factory=lambda: Window(SHORT))
    _added: Window = field(default_factory=lambda: Window(SHORT, counter=True))
    _taken: Window = field(default_factory=lambda: Window(SHORT))
    _served: bool | None = None
    """Whether any worker was there."""
    _length: float | None = None
    _last: Counters = field(default_factory=Counters)
    _moved_at: float | None = None
    """When a job was last seen to be taken, or none was waiting."""

    def follow(self, queue: Queue, counters: Counters, at: float) -> Queue:
        """The queue with its movement; `at` is monotonic seconds."""
        self._begin_anew(queue)
        self._waiting.add(queue.waiting, at)
        self._lately.add(queue.waiting, at)
        self._added.add(counters.added, at)
        self._taken.add(counters.taken, at)
        drained = self._taken.per_second()
        moving = replace(
            queue,
            growth=self._growth(),
            arrived=self._added.per_second(),
            drained=None if drained is None else max(0.0, drained),
            stuck=self._stuck(queue, counters, at),
        )
        self._length, self._last = queue.waiting, counters
        outlook, seconds = ahead(moving)
        return replace(moving, outlook=outlook, empty_in=seconds)

    def _begin_anew(self, queue: Queue) -> None:
        """When the last worker goes, or the first one comes, what was before says nothing about what is now."""
        served = None if queue.workers is None else queue.workers > 0
        if self._served is not None and served is not None and served is not self._served:
            for window in (self._waiting, self._lately, self._taken):
                window.clear()
        self._served = served

    def _growth(self) -> float | None:
        """Steady over a long window; over a short one as soon as it has changed beyond any noise."""
        steady, lately = self._waiting.per_second(), self._lately.per_second()
        if steady is None or lately is None:
            return steady
        sudden = abs(lately) >= SUDDEN and abs(lately - steady) > abs(lately) / 3
        return lately if sudden else steady

    def _stuck(self, queue: Queue, counters: Counters, at: float) -> float | None:
        taken = self._was_taken(queue, counters)
        if taken is None and queue.waiting:
            self._moved_at = None
            return None
        if taken or not queue.waiting or queue.paused or self._moved_at is None:
            self._moved_at = at
        return at - self._moved_at if queue.waiting and not queue.paused else None

    def _was_taken(self, queue: Queue, counters: Counters) -> bool | None:
        """Whether a job was taken since the reading before; None when it can't be told."""
        if queue.waiting is None or self._length is None:
            return None
        if queue.waiting < self._length:
            return True
        if counters.taken is not None and self._last.taken is not None:
            return counters.taken > self._last.taken
        if counters.ends is not None and self._last.ends is not None:
            return all(now != before for now, before in zip(counters.ends, self._last.ends, strict=True))
        return None


def ahead(queue: Queue) -> tuple[Outlook, float | None]:
    """Where the queue is going, and the seconds until it is empty when it drains."""
    if queue.waiting is None:
        return Outlook.UNKNOWN, None
    if queue.paused:
        return Outlook.PAUSED, None
    if queue.waiting == 0:
        return Outlook.EMPTY, None
    if queue.growth is None:
        return Outlook.UNKNOWN, None
    if queue.growth < -STILL:
        return Outlook.DRAINS, queue.waiting / -queue.growth
    if queue.drained is None:
        return (Outlook.NEVER if queue.growth > STILL else Outlook.UNKNOWN), None
    if queue.drained > STILL and queue.growth <= max(STILL, BALANCE * queue.drained):
        return Outlook.STEADY, None
    return Outlook.NEVER, None
