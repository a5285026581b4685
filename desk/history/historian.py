"""Rolls up every reading and keeps it, in a thread of its own: the room never waits for the disk.

What can't be kept is counted and said; it never stops the room. Of several sessions on one profile one writes, and
another takes over when that one ends.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from desk import words
from desk.clock import Clock
from desk.history.archive import LIMIT, MOST, Archive
from desk.history.bucket import STEP
from desk.history.file import ArchiveError
from desk.history.rollup import Minute, Rollup
from desk.keeper import Keeper
from desk.locks import Locks
from probes.base import Failure, GaugeKey, Snapshot

BEAT: Final = 1.0
"""Seconds between two looks at what was read."""

WAITING: Final = 20_000
"""Readings that wait for the thread at most; then the oldest are lost, and counted."""

PENDING: Final = 3000
"""Minutes of targets that wait for the disk at most; then the oldest are lost, and counted."""

_FOLD: Final = 0.02
"""Seconds of a beat that may be spent on folding hours."""

_ENDING: Final = 2.0
"""Seconds that the last write may take when the session ends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How it goes."""

    words: str
    """In a person's words: "kept", "another session keeps it", "not kept: ..."."""
    lost: int = 0
    """Readings and minutes that were not kept."""
    left_out: int = 0
    """Gauges beyond what is kept of a target, in the newest minute."""
    size: int = 0
    """Bytes in the file."""
    note: str = ""
    """What else a person should know: that the clock went back."""

    @property
    def ill(self) -> bool:
        """True when something should be done about it."""
        return self.words.startswith("not ")


class Historian(Keeper[Archive]):
    """One session's way to the history. `take` is called on the event loop and never waits."""

    every = BEAT
    ending = _ENDING

    def __init__(
        self,
        path: Path,
        clock: Clock,
        locks: Locks,
        limit: int = LIMIT,
        counter: Callable[[str, str], bool] = lambda target, gauge: False,
    ) -> None:
        """`counter`: (target, gauge) is True for what only grows until its source restarts."""
        super().__init__(path, clock, locks, f"history-{path}", "keeps the history")
        self._limit = limit
        self._rollup = Rollup(counter)
        self._waiting: deque[tuple[str, datetime, Mapping[GaugeKey, float]]] = deque()
        self._pending: deque[Minute] = deque()
        self._standing = Standing("opening")
        self._lost = self._left_out = 0
        self._note = ""
        self._written = math.nan
        """The minute in which was written last."""

    @property
    def standing(self) -> Standing:
        """How it goes now."""
        return self._standing

    def take(self, kind: str, reading: Snapshot[Any] | Failure) -> None:
        """Keep the gauges of a reading; a failure is a gap."""
        del kind
        if isinstance(reading, Failure):
            return
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append((reading.target, reading.taken_at, reading.gauges))

    def beat(self) -> None:
        """Roll up what was read; once a minute, write. On the historian's own thread, or in a test."""
        if self._open() is None:
            return
        self._roll()
        now = self._clock.now().timestamp()
        if now // STEP != self._written:
            self._written = now // STEP
            self._pending.extend(self._rollup.closed(now))
            self._write(now)
        elif not self._pending:
            self._fold(now)

    def finish(self) -> None:
        """Write everything, the open minute too, and let go."""
        if self._open() is not None:
            self._roll()
            self._pending.extend(self._rollup.all())
            self._write(self._clock.now().timestamp())
        self._let_go()

    def _roll(self) -> None:
        rollup, before = self._rollup, self._rollup.went_back
        with contextlib.suppress(IndexError):
            while True:
                target, at, gauges = self._waiting.popleft()
                rollup.add(target, at.timestamp(), gauges)
        if rollup.went_back != before:
            at = datetime.fromtimestamp(rollup.newest, UTC)
            self._note = f"the clock went back by {words.span(rollup.went_back)}, to {words.clock(at)} UTC"

    def _write(self, now: float) -> None:
        while len(self._pending) > PENDING:
            self._pending.popleft()
            self._lost += 1
        assert self._file is not None
        try:
            minutes = list(self._pending)
            self._left_out = self._file.add(minutes, now)
            for _ in minutes:
                self._pending.popleft()
            self._file.trim(now)
            self._file.settle()
            self._standing = Standing("kept", self._lost, self._left_out, self._file.size, self._told())
        except ArchiveError as error:
            self._fail(error)

    def _told(self) -> str:
        crowded = f"of a target {MOST:,} gauges are kept, {self._left_out:,} are left out" if self._left_out else ""
        return "; ".join(one for one in (crowded, self._note) if one)

    def _fold(self, now: float) -> None:
        assert self._file is not None
        began = self._clock.monotonic()
        try:
            while self._file.fold(now) and self._clock.monotonic() - began < _FOLD:
                pass
        except ArchiveError as error:
            self._fail(error)

    def _to_write(self) -> Archive:
        return Archive.write(self.path, self._limit)

    def _elsewhere(self) -> None:
        self._waiting.clear()
        self._standing = Standing("another session keeps it", self._lost)

    def _take_over(self, file: Archive) -> None:
        last = file.last_watched()
        if last is not None:
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._waiting.extendleft(reversed([one for one in waiting if one[1].timestamp() >= last + 1]))

    def _say(self, why: str) -> None:
        self._standing = Standing(f"not kept: {why}", self._lost)

    def _let_go(self) -> None:
        super()._let_go()
        self._written = math.nan
