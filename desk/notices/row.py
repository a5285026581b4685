"""What stands in the spool, as the others see it: where a row stands, what is to be sent now, how a channel does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from probes.base import Notice


class State(Enum):
    """Where a row stands."""

    WAITING = "waiting"
    SENDING = "sending"
    TOLD = "told"
    GIVEN_UP = "given up"
    PASSED = "passed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be sent now: one notice, or a summary that stands for several rows."""

    changes: tuple[str, ...]
    """Ids of the changes it tells of."""
    notice: Notice
    tries: int
    """Tries before this one."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a channel does. Times in Unix seconds."""

    name: str
    waiting: int = 0
    oldest: float | None = None
    """Since when the oldest of them waits."""
    since: float | None = None
    """Since when nothing gets through; None: it does."""
    tries: int = 0
    """Tries in a row that failed."""
    until: float = 0.0
    """Not tried again before."""
    words: str = ""
    """Why the last try failed."""
    told: float | None = None
    """When something was told last."""
    given_up: int = 0
    """Within the last day."""
    dropped: int = 0
    """Within the last day."""
    stuck: int = 0
    """Of those that wait how many were tried and not taken."""
