"""The last thing known of every target: its last good snapshot, its last failure, and how fresh that is.

Changed on the event loop only, by pollers; screens read it. It never knows who reads it: a change rings the bell, and
whoever rang in gets the names of what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from desk.clock import Clock
from desk.series import Series
from probes.base import Failure, Snapshot, State, Target

GRACE: Final = 5.0
"""Seconds a target has for its first answer before silence is called a fault: it may be starting, as we are."""


class Freshness(Enum):
    """How much a value may be trusted now."""

    WAITING = "waiting"
    FRESH = "fresh"
    STALE = "stale"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Slot:
    """What the board knows of one target."""

    target: Target
    since: float
    """When the board began to wait for it, monotonic seconds."""
    snapshot: Snapshot[Any] | None = None
    """The last good reading, kept through failures."""
    received: float | None = None
    """When the snapshot came in, monotonic seconds."""
    failure: Failure | None = None
    """Why the newest reading failed; None when it succeeded."""
    failing_since: float | None = None
    """When the present row of failures began, monotonic seconds."""
    misses: int = 0
    """Failures in a row."""
    pace: float = 1.0
    """Factor on the configured interval after which the next reading was to come."""

    def age(self, now: float) -> float | None:
        """Seconds since the last good reading; None when there was none."""
        return None if self.received is None else max(0.0, now - self.received)

    def freshness(self, now: float) -> Freshness:
        """WAITING, FRESH, STALE or FAILED at `now` (monotonic seconds)."""
        if self.failure is not None:
            return Freshness.FAILED
        age = self.age(now)
        if age is None:
            return Freshness.WAITING
        return Freshness.STALE if age > self.patience else Freshness.FRESH

    @property
    def patience(self) -> float:
        """Seconds after which an unrenewed value is called stale; a target that is slow to read gets its time."""
        took = self.snapshot.took if self.snapshot is not None else 0.0
        return max(2 * (self.target.settings.every * self.pace + took), 5.0) + 0.5

    def expired(self, now: float) -> bool:
        """True when the last good values are too old to show as values at all."""
        age = self.age(now)
        return age is None or age > max(10 * self.target.settings.every * self.pace, 30.0)

    def state(self, now: float) -> State:
        """The word for the screen."""
        fresh = self.freshness(now)
        if fresh is Freshness.FAILED and self.failure is not None:
            return self.failure.cause.state
        if fresh is Freshness.FRESH:
            return State.PARTIAL if self.snapshot is not None and self.snapshot.gaps else State.LIVE
        return State.WAITING if fresh is Freshness.WAITING else State.STALE


class Board:
    """Slots and history of all targets."""

    def __init__(self, targets: Iterable[Target], clock: Clock) -> None:
        self._clock = clock
        now = clock.monotonic()
        self._slots = {target.name: Slot(target, now) for target in targets}
        self._series = {name: Series() for name in self._slots}
        self._changed: set[str] = set()
        self.bell: Callable[[], None] = lambda: None
        """Called after each change; it must be quick."""
        self.pace = 1.0
        """Factor on every interval from now on."""

    def take(self, reading: Snapshot[Any] | Failure) -> Slot:
        """Put a reading on the board and return the slot it made."""
        name = reading.target
        slot = self._slots[name]
        now = self._clock.monotonic()
        if isinstance(reading, Failure):
            began = now if slot.failing_since is None else slot.failing_since
            slot = replace(slot, failure=reading, failing_since=began, misses=slot.misses + 1, pace=self.pace)
            self._series[name].miss(now)
        else:
            slot = Slot(slot.target, slot.since, snapshot=reading, received=now, pace=self.pace)
            self._series[name].add(reading.gauges, now)
        self._slots[name] = slot
        self._changed.add(name)
        self.bell()
        return slot

    def slot(self, name: str) -> Slot:
        """What is known of a target; KeyError for an unknown name."""
        return self._slots[name]

    def slots(self) -> tuple[Slot, ...]:
        """All of them, in the profile's order."""
        return tuple(self._slots.values())

    def series(self, name: str) -> Series:
        """The recent history of a target."""
        return self._series[name]

    def recall(self, name: str, series: Series) -> None:
        """Put a history that was kept elsewhere in place of what is remembered of a target."""
        self._series[name] = series
        self._changed.add(name)

    def patience(self, name: str) -> float:
        """Seconds after which an unrenewed value of a target is called stale."""
        return self._slots[name].patience

    def answered(self, name: str) -> bool:
        """True when the newest reading of a target succeeded."""
        slot = self._slots[name]
        return slot.snapshot is not None and slot.failure is None

    def drain(self) -> set[str]:
        """Names of the targets that changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def freeze(self) -> Board:
        """A copy that stays as it is, for a person who wants to read in peace; collection goes on."""
        still = Board((), self._clock)
        still._slots = dict(self._slots)
        still._series = {name: series.copy() for name, series in self._series.items()}
        return still
