"""How a queue moves, by our own samples: net, drain, drained for certain, stuck. Too few samples say nothing.

The counts need up to a minute to be consistent
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html), so a trend looks at
30 to 60 seconds, and one zero is not yet an empty queue.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from probes.aws.sqs.facts import Outlook, Seen

WINDOW: Final = 60.0
"""Seconds that a trend looks back."""
LEAST: Final = 30.0
"""Seconds that its samples must span."""
SURE: Final = 60.0
"""Seconds without a message until a queue is called drained."""
SAMPLES: Final = 3
"""Samples that must say so."""
STILL: Final = 1.0
"""Messages a minute below which a queue counts as still."""
_LAPSE: Final = 150.0
"""Seconds between two samples after which nothing is known of the time between."""


@dataclass(slots=True)
class Flow:
    """The memory of one queue."""

    _samples: deque[tuple[float, int]] = field(default_factory=deque)
    _zero: tuple[float, int] | None = None
    """(since when nothing is there, samples that said so)."""
    _stuck: float | None = None
    """Since when messages are visible and nobody takes any."""
    _last: tuple[float, int] | None = None

    def follow(self, seen: Seen, at: float) -> Seen:
        """The queue with its movement; `at` is monotonic seconds."""
        visible = seen.counts.visible
        if visible is None:
            self._samples.clear()
            self._zero = self._stuck = self._last = None
            return seen
        if self._last is not None and at - self._last[0] > _LAPSE:
            self._zero = self._stuck = None
        self._samples.append((at, visible))
        while self._samples[0][0] < at - WINDOW:
            self._samples.popleft()
        net = self._net()
        stuck = self._stuck_for(seen, visible, at)
        self._last = (at, visible)
        outlook, seconds = self._ahead(seen, visible, net, at)
        return replace(seen, net=net, stuck=stuck, outlook=outlook, empty_in=seconds)

    def _net(self) -> float | None:
        """Visible messages more a minute."""
        (began, first), (ended, last) = self._samples[0], self._samples[-1]
        return (last - first) / (ended - began) * 60 if ended - began >= LEAST else None

    def _stuck_for(self, seen: Seen, visible: int, at: float) -> float | None:
        fell = self._last is not None and visible < self._last[1]
        if not visible or fell or seen.counts.in_flight != 0:
            self._stuck = None
            return None if seen.counts.in_flight is None else 0.0
        if self._stuck is None:
            self._stuck = at
        return at - self._stuck

    def _ahead(self, seen: Seen, visible: int, net: float | None, at: float) -> tuple[Outlook, float | None]:
        if seen.counts.total == 0:
            since, samples = self._zero or (at, 0)
            self._zero = (since, samples + 1)
            return (Outlook.DRAINED if at - since >= SURE and samples + 1 >= SAMPLES else Outlook.ZERO), None
        self._zero = None
        if net is None:
            return Outlook.UNKNOWN, None
        if net <= -STILL and visible:
            return Outlook.DRAINS, visible / -net * 60
        return (Outlook.GROWS if net >= STILL else Outlook.STEADY), None
