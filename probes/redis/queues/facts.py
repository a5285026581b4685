"""What is known of queues after one reading. Missing is None, never zero: a queue that isn't there has no depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from probes.base import SafeText


class Outlook(Enum):
    """Where a queue is going."""

    EMPTY = "empty"
    DRAINS = "drains"
    STEADY = "steady"
    NEVER = "never"
    PAUSED = "paused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed for good, or was given up for now."""

    queue: SafeText
    id: SafeText
    name: SafeText
    reason: SafeText
    """The error's own words, cut."""
    attempts: float | None = None
    age: float | None = None
    """Seconds since it failed."""
    stack: tuple[SafeText, ...] = ()
    """The first lines of the stack, if it was kept."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process, or a connection of one, that takes jobs."""

    id: SafeText
    """Identity: address or name."""
    name: SafeText
    queues: tuple[SafeText, ...] = ()
    state: SafeText = SafeText()
    """ "idle", "busy", or what its library says."""
    since: float | None = None
    """Seconds it has been there."""
    job: SafeText = SafeText()
    """What it works on, if told."""
    silent: float | None = None
    """Seconds since it was last heard of."""


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group of a stream."""

    stream: SafeText
    name: SafeText
    lag: float | None = None
    """Entries nobody in it was given yet; None: Redis can't tell."""
    pending: float | None = None
    """Entries given out and not acknowledged."""
    oldest_pending: float | None = None
    """Seconds since the oldest of those was last given out."""
    consumers: float | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """A number that belongs to all queues together."""

    name: str
    """Stable: "retry"."""
    title: str
    """For a person: "waiting for another try"."""
    value: float | None = None
    age: float | None = None
    """Seconds: how old the oldest is, where that is known."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long jobs take, of those that were measured."""

    jobs: int
    """How many were, of the last fifteen minutes; of fewer than ten nothing more is told."""
    median: float | None = None
    """Seconds that half of them stayed within."""
    p95: float | None = None
    """Seconds that 95 of 100 stayed within."""
    most: float | None = None
    """Seconds of the longest."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue."""

    name: SafeText
    dialect: str
    """ "bullmq", "list", "stream", "celery", "rq", "sidekiq"."""
    depths: Mapping[str, float | None] = field(default_factory=dict)
    """Jobs by state, in the library's own words."""
    waiting: float | None = None
    """What a worker could take now, or could if the queue weren't paused."""
    active: float | None = None
    failed: float | None = None
    """Failed jobs kept."""
    missing: bool = False
    """True when there is no such queue."""
    trouble: SafeText = SafeText()
    """What is odd about it, in words: "no such queue: RQ does not know the name"."""
    paused: bool = False
    workers: int | None = None
    oldest_waiting: float | None = None
    """Seconds the next job has waited."""
    oldest_active: float | None = None
    """Seconds the longest-running job has run."""
    stalled: int | None = None
    """Jobs marked active that no worker holds."""
    failed_minute: float | None = None
    """Jobs that failed in the last minute."""
    finished_minute: float | None = None
    """Jobs that ended in the last minute, well or badly, as far as they are kept."""
    arrived: float | None = None
    """Jobs added per second."""
    drained: float | None = None
    """Jobs taken off the queue per second."""
    growth: float | None = None
    """Waiting jobs more (or fewer) per second, over some twelve seconds."""
    outlook: Outlook = Outlook.UNKNOWN
    empty_in: float | None = None
    """Seconds until it is empty at this rate; only when it drains."""
    stuck: float | None = None
    """Seconds that jobs have waited and none was taken; None when it can't be told."""
    took: Took | None = None
    """How long its jobs take; None where its library does not tell."""

    @property
    def unserved(self) -> bool:
        """True when jobs wait and no worker is there to take them."""
        return self.workers == 0 and bool(self.waiting) and not self.paused

    @property
    def failing_ratio(self) -> float | None:
        """Share of the last minute's jobs that failed."""
        if self.failed_minute is None or not self.finished_minute:
            return None
        return min(1.0, self.failed_minute / self.finished_minute)


@dataclass(frozen=True, slots=True)
class QueuesFacts:
    """All queues of one target."""

    queues: tuple[Queue, ...] = ()
    more: int = 0
    """Queues beyond those read."""
    failed: tuple[FailedJob, ...] = ()
    """The newest failed jobs of all queues, newest first."""
    workers: tuple[Worker, ...] = ()
    groups: tuple[Group, ...] = ()
    totals: tuple[Total, ...] = ()
    searching: bool = False
    """True while the keyspace is still being searched for queues."""
