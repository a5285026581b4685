"""What is known of SQS queues after one reading. All counts are approximate, as the service itself calls them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from probes.aws.calls import Seat
from probes.base import SafeText


class Outlook(Enum):
    """Where a queue is going, by our own samples."""

    DRAINED = "drained"
    """Nothing visible, in flight or delayed in several samples over a minute or more."""
    ZERO = "zero"
    """Nothing was counted, for too short a time to call it drained."""
    DRAINS = "drains"
    STEADY = "steady"
    GROWS = "grows"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages by state; the three never overlap, and each may lag by a minute."""

    visible: int | None = None
    """What a consumer could take now."""
    in_flight: int | None = None
    """Taken and neither deleted nor visible again."""
    delayed: int | None = None
    """Sent and not yet visible."""

    @property
    def total(self) -> int | None:
        """All of them; None when one is missing."""
        if self.visible is None or self.in_flight is None or self.delayed is None:
            return None
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True, slots=True)
class Policy:
    """How a queue is set up."""

    arn: str = ""
    created: str = ""
    """The service's own stamp, as it says it: part of the queue's identity."""
    created_at: datetime | None = None
    retention: int | None = None
    """Seconds after which a message is thrown away."""
    visibility: int | None = None
    """Seconds that a message stays hidden after it was taken."""
    delay: int | None = None
    """Seconds until a new message is visible."""
    max_receives: int | None = None
    """How often a message is given out before it is dead; None: no dead-letter queue."""
    dead_arn: str = ""
    """The queue that dead messages go to."""
    fifo: bool = False
    encrypted: SafeText = SafeText()
    """The key, or "by SQS"; empty: not at all."""


@dataclass(frozen=True, slots=True)
class Move:
    """A task that moves messages out of a dead-letter queue."""

    status: str
    """RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED."""
    handle: str = ""
    """What cancels it; only while it runs."""
    destination: SafeText = SafeText()
    """A queue's name; empty: each message goes back to the queue it came from."""
    moved: int | None = None
    to_move: int | None = None
    rate: int | None = None
    """Messages a second at most; None: as fast as the service sees fit."""
    started: int | None = None
    """Milliseconds since 1970."""
    reason: SafeText = SafeText()
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One queue as it was last read."""

    name: SafeText
    url: str
    counts: Counts = Counts()
    policy: Policy = Policy()
    net: float | None = None
    """Visible messages more (or fewer) a minute, over 30 to 60 s; None: too few samples."""
    outlook: Outlook = Outlook.UNKNOWN
    empty_in: float | None = None
    """Seconds until it is empty at this rate; only when it drains."""
    stuck: float | None = None
    """Seconds that messages were visible, none in flight and none taken; None when that can't be told."""
    missing: bool = False
    """True when there is no such queue."""
    trouble: SafeText = SafeText()
    """Why it can't be read, or what is odd."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One row: what was last seen, and how old that is."""

    seen: Seen
    age: float | None
    """Seconds since it was read; None: not read yet."""
    oldest: float | None = None
    """Seconds that the oldest message has been there, by CloudWatch; None: unknown."""
    dead_of: tuple[SafeText, ...] = ()
    """The queues whose dead messages come here, as far as they are known."""
    dead: int | None = None
    """Visible messages in its own dead-letter queue; None: it has none, or that was not read."""
    moves: tuple[Move, ...] = ()
    """Its newest move tasks; only while this screen is watched."""

    @property
    def name(self) -> SafeText:
        """The queue's name."""
        return self.seen.name

    @property
    def is_dead_letter(self) -> bool:
        """True when another queue's dead messages come here."""
        return bool(self.dead_of)

    @property
    def moving(self) -> Move | None:
        """The move task under way; None: none that is known."""
        return next((move for move in self.moves if move.status == "RUNNING"), None)


@dataclass(frozen=True, slots=True)
class SqsFacts:
    """The queues of one target, worst first."""

    seat: Seat
    queues: tuple[Queue, ...] = ()
    unread: int = 0
    """Queues that were not read yet since the start."""
    more: int = 0
    """1 when there are queues beyond the cap."""

    def queue(self, name: str) -> Queue | None:
        """The row of that name."""
        return next((one for one in self.queues if str(one.name) == name), None)
