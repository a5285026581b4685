"""Keeps every reading in the black box, in a thread of its own: the room never waits for the disk.

What can't be kept is counted and said; it never stops the room. Of several sessions on one profile one records, and
another takes over when that one ends.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from desk import codec
from desk.clock import Clock
from desk.keeper import Keeper
from desk.locks import Locks
from desk.tape.tape import LIMIT, Entry, Mark, Tape, TapeError
from probes.base import Failure, Snapshot

BEAT: Final = 0.5
"""Seconds between two writes: what a killed session may lose."""

WAITING: Final = 5000
"""Readings that wait for the disk at most; then the oldest are lost, and counted."""

_TRIM: Final = 30.0
"""Seconds between two looks at the file's size."""

_ENDING: Final = 0.8
"""Seconds that the last write may take when the session ends."""

_AFRESH: Final = 600.0
"""Seconds until what lasts is written again: a reader need not look back further for it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How recording goes."""

    words: str
    """In a person's words: "recording", "another session records", "not recording: ..."."""
    lost: int = 0
    """Readings that were not kept."""
    size: int = 0
    """Bytes in the file."""

    @property
    def ill(self) -> bool:
        """True when something should be done about it."""
        return self.words.startswith("not ")


def moment_of(reading: Snapshot[Any] | Failure) -> datetime:
    """When it was taken."""
    return reading.at if isinstance(reading, Failure) else reading.taken_at


class Recorder(Keeper[Tape]):
    """One session's way to the black box. `take` and `mark` are called on the event loop and never wait."""

    every = BEAT
    ending = _ENDING

    def __init__(
        self,
        path: Path,
        clock: Clock,
        locks: Locks,
        redact: Callable[[str], str] = lambda text: text,
        limit: int = LIMIT,
        keep: timedelta | None = None,
    ) -> None:
        """`redact` takes out secrets that the session knows; `limit` in bytes and `keep` bound what is kept."""
        super().__init__(path, clock, locks, f"tape-{path}", "records")
        self._redact = redact
        self._limit = limit
        self._keep = keep
        self.lasting: Callable[[datetime], Sequence[Mark]] = lambda now: ()
        """What is so for a while, as marks of now: called when writing begins and every ten minutes, in its thread."""
        self._waiting: deque[tuple[str, Snapshot[Any] | Failure]] = deque()
        self._marks: deque[Mark] = deque()
        self._standing = Standing("about to record")
        self._lost = 0
        self._strange = ""
        """Why some readings have no form on disk."""
        self._trimmed = self._told = -math.inf

    @property
    def standing(self) -> Standing:
        """How it goes now."""
        return self._standing

    def take(self, kind: str, reading: Snapshot[Any] | Failure) -> None:
        """Keep a reading of a target of this kind."""
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append((kind, reading))

    def mark(self, sort: str, target: str, at: datetime, body: Mapping[str, Any]) -> None:
        """Keep that something happened: "alert", "act", "note"."""
        if len(self._marks) >= WAITING:
            self._marks.popleft()
            self._lost += 1
        self._marks.append(Mark(at, sort, target, body))

    def beat(self) -> None:
        """Write what waits."""
        self.write()

    def write(self) -> None:
        """Write what waits now; on the recorder's own thread, or in a test."""
        tape = self._open()
        if tape is None:
            return
        entries, marks = self._taken(), self._taken_marks()
        lasting: Sequence[Mark] = ()
        now = self._clock.monotonic()
        if now - self._told >= _AFRESH:
            self._told = now
            lasting = self.lasting(self._clock.now())
        try:
            left = tape.add(entries, (*marks, *lasting))
        except TapeError as error:
            self._lost += len(entries)
            self._marks.extendleft(reversed(marks))
            self._fail(error)
            return
        self._without(left.formless, "numbers that are none")
        self._lost += left.early
        try:
            if now - self._trimmed >= _TRIM:
                self._trimmed = now
                tape.trim(None if self._keep is None else self._clock.now() - self._keep)
            self._standing = Standing(self._told_of(tape), self._lost, tape.size)
        except TapeError as error:
            self._fail(error)

    def finish(self) -> None:
        """Write what is left, and let go."""
        self.write()
        self._let_go()

    def _told_of(self, tape: Tape) -> str:
        why = "; ".join(one for one in (self._strange, "the clock went back" if tape.behind else "") if one)
        return f"not recording all: {why}" if why else "recording"

    def _without(self, count: int, why: str) -> None:
        """Some readings could not be written down; it is said as long as the session lasts."""
        if count:
            self._lost += count
            self._strange = why

    def _to_write(self) -> Tape:
        self._told = -math.inf
        return Tape.write(self.path, self._limit, self._redact)

    def _elsewhere(self) -> None:
        self._waiting.clear()
        self._marks.clear()
        self._standing = Standing("another session records", self._lost)

    def _take_over(self, file: Tape) -> None:
        newest = {(one.name, one.kind): one.last for one in file.kept()}
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        never = datetime.min.replace(tzinfo=UTC)
        ours = [one for one in waiting if moment_of(one[1]) > newest.get((one[1].target, one[0]), never)]
        self._waiting.extendleft(reversed(ours))

    def _say(self, why: str) -> None:
        self._standing = Standing(f"not recording: {why}", self._lost)

    def _taken(self) -> list[Entry]:
        found = []
        with contextlib.suppress(IndexError):
            while True:
                kind, reading = self._waiting.popleft()
                try:
                    found.append(Entry(reading.target, kind, moment_of(reading), codec.reading(reading)))
                except (TypeError, ValueError, AttributeError, LookupError, NotImplementedError):
                    self._without(1, f"what a target of kind {kind} tells has no form on disk")
        return found

    def _taken_marks(self) -> list[Mark]:
        found = []
        with contextlib.suppress(IndexError):
            while True:
                found.append(self._marks.popleft())
        return found
