"""What the dialects share: how each asks, what it answers with, and the reading of untrusted replies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from probes.base import Gap, SafeText
from probes.redis.connection import Command, Refusal
from probes.redis.info import number
from probes.redis.queues.facts import FailedJob, Group, Queue, Total, Worker

Ask = Callable[[Sequence[Command]], Awaitable[list[Any]]]
"""Sends a batch and gives the replies."""

NAMED: Final = 100
"""Characters of a queue's name that are kept."""
REASON: Final = 500
STACK: Final = 12
"""Lines of a stack that are kept."""
WRONG_TYPE: Final = SafeText("a key of it holds something else than this library puts there")


@dataclass(frozen=True, slots=True)
class Counters:
    """What the flow of a queue is derived from; each part may be missing."""

    added: float | None = None
    """Jobs ever added."""
    taken: float | None = None
    """Jobs ever taken off."""
    ends: tuple[bytes, bytes] | None = None
    """First and last element of a list: when one stays while it does not shrink, nothing was taken."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one dialect read."""

    queues: tuple[tuple[Queue, Counters], ...] = ()
    failed: tuple[FailedJob, ...] = ()
    workers: tuple[Worker, ...] = ()
    groups: tuple[Group, ...] = ()
    totals: tuple[Total, ...] = ()
    gaps: tuple[Gap, ...] = ()


def text(raw: Any, limit: int = NAMED) -> SafeText:
    """Text from a reply; anything else is empty."""
    return SafeText(raw, limit) if isinstance(raw, bytes | str) else SafeText()


def whole(reply: Any) -> float | None:
    """A count from a reply; a refusal or nonsense is None."""
    return number(reply) if isinstance(reply, int | bytes) and not isinstance(reply, bool) else None


def rows(reply: Any) -> list[Any]:
    """An array from a reply; anything else is empty."""
    return reply if isinstance(reply, list) else []


def pairs(reply: Any) -> dict[bytes, Any]:
    """A flat array of names and values as a mapping."""
    flat = rows(reply)
    return {name: value for name, value in zip(flat[::2], flat[1::2], strict=False) if isinstance(name, bytes)}


def is_wrong_type(reply: Any) -> bool:
    """True when the key holds another type than was asked for."""
    return isinstance(reply, Refusal) and reply.code == "WRONGTYPE"


def clock(reply: Any) -> float | None:
    """Seconds since the epoch from TIME."""
    parts = rows(reply)
    if len(parts) != 2:
        return None
    seconds, micros = whole(parts[0]), whole(parts[1])
    return None if seconds is None or micros is None else seconds + micros / 1e6


def since(now: float | None, moment: float | None) -> float | None:
    """Seconds from a moment to now; None when either is unknown or the moment makes no sense."""
    if now is None or not moment or moment > now + 60 or moment < 1e8:
        return None
    return max(0.0, now - moment)


def millis(reply: Any) -> float | None:
    """Seconds from a number of milliseconds."""
    value = whole(reply)
    return None if value is None else value / 1000


def added_up(values: Sequence[float | None]) -> float | None:
    """The sum; None when a part is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if values and len(known) == len(values) else None
