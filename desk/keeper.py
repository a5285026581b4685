"""A session's way to a file that it keeps: a thread of its own, and the lock that lets one session of several write.

The room never waits for the disk. What can't be kept is said and tried again, and never stops the room; a damaged file
is put aside, whole, and another one begun.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final, Generic, Protocol, TypeVar

from desk.clock import Clock
from desk.keep import KeepError, set_aside
from desk.locks import Claim, Held, Locks

_AGAIN: Final = 10.0
"""Seconds until a file or lock that could not be had is tried again."""

_FAULTS: Final = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError,
    ValueError, sqlite3.Error,
)  # fmt: skip
"""What nobody expects while something is kept, and may come all the same: a fault of our own."""


class Closes(Protocol):
    """What can be let go."""

    def close(self) -> None:
        """Let go of it."""
        ...


F = TypeVar("F", bound=Closes)


class Keeper(ABC, Generic[F]):
    """Keeps what is handed to it in a file, for as long as it has the lock."""

    every: ClassVar[float]
    """Seconds between two beats."""
    ending: ClassVar[float]
    """Seconds that the last writes may take when the session ends."""

    def __init__(self, path: Path, clock: Clock, locks: Locks, claim: str, does: str) -> None:
        """`claim` is the lock's name, and `does` what its holder does, for who finds it taken."""
        self.path = path
        self._clock = clock
        self._locks = locks
        self._claimed = (claim, does)
        self._claim: Claim | None = None
        self._file: F | None = None
        self._tried = -math.inf
        self._waits = False
        """True while another session has the lock."""
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=type(self).__name__.lower(), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what waits and let go, beside whatever else ends now; `close` waits for it."""
        self._ended = True
        self._wake.set()

    def close(self) -> None:
        """Write what waits and let go; in a moment, even when the disk hangs."""
        self.stop()
        if self._thread is not None:
            self._thread.join(self.ending)

    @abstractmethod
    def beat(self) -> None:
        """Write what is due; on the thread of its own, or in a test."""

    def finish(self) -> None:
        """The session ends: write what is left, and let go."""
        self._let_go()

    @abstractmethod
    def _to_write(self) -> F:
        """The file, open. Raises `KeepError`."""

    @abstractmethod
    def _elsewhere(self) -> None:
        """Another session has the lock."""

    def _take_over(self, file: F) -> None:
        """The session that had the lock has ended: what it kept is not kept once more. Raises `KeepError`."""

    @abstractmethod
    def _say(self, why: str) -> None:
        """Nothing can be kept now."""

    def _run(self) -> None:
        while not self._ended:
            self._wake.wait(self.every)
            self._guarded(self.beat)
        self._guarded(self.finish)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it; a fault is said like everything that keeps it from being done, and it is tried again later."""
        try:
            work()
        except KeepError as error:
            self._fail(error)
        except _FAULTS as error:
            self._tried = self._clock.monotonic()
            self._fail(KeepError(f"a fault of our own, {type(error).__name__}"))

    def _open(self) -> F | None:
        """The file, if it can be had."""
        now = self._clock.monotonic()
        if self._file is not None or now - self._tried < _AGAIN:
            return self._file
        self._tried = now
        try:
            self._claim = self._locks.claim(*self._claimed)
            self._file = self._to_write()
            if self._waits:
                self._take_over(self._file)
                self._waits = False
        except Held:
            self._waits = True
            self._elsewhere()
        except OSError as error:
            self._fail(KeepError(f"its lock can't be had: {error.strerror or error}"))
        except KeepError as error:
            self._fail(error)
        return self._file

    def _fail(self, error: KeepError) -> None:
        """Say it and let go."""
        words = str(error)
        if error.damaged:
            try:
                words += f"; kept as {set_aside(self.path, self._clock.now()).name}"
                self._tried = -math.inf
            except OSError as trouble:
                words += f"; it can't be put aside: {trouble.strerror or trouble}"
        self._say(words)
        self._let_go()

    def _let_go(self) -> None:
        file, self._file = self._file, None
        claim, self._claim = self._claim, None
        if file is not None:
            file.close()
        if claim is not None:
            claim.release()
