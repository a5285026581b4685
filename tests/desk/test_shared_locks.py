"""Locks that hold in a store too, where it is lost at the worst of moments."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from desk.locks import FileLocks
from desk.shared.locks import SharedLocks
from probes.base import Holder
from tests.toys import StillClock


class Server:
    """A store that gives every lock, until somebody cuts it off."""

    def __init__(self) -> None:
        self.lives = False
        self.held: list[str] = []

    def open(self) -> None:
        self.lives = True

    def alive(self) -> bool:
        return self.lives

    def claim(self, name: str, words: str) -> Holder | None:
        self.held.append(name)
        return None

    def release(self, name: str) -> None:
        self.held.remove(name)

    def cut(self) -> None:
        self.lives = False
        self.held.clear()


class Turn:
    """A lock behind which something happens as soon as somebody has let it go."""

    def __init__(self, after: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._after: Callable[[], None] | None = after

    def acquire(self, timeout: float = -1) -> bool:
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()
        after, self._after = self._after, None
        if after is not None:
            after()


def test_a_lock_that_is_lost_in_the_moment_it_was_taken_is_not_believed_in(tmp_path: Path) -> None:
    settled = threading.Event()
    settled.set()
    server, clock = Server(), StillClock()
    locks = SharedLocks(FileLocks(tmp_path), server, clock, "me", settled)

    def lost() -> None:
        server.cut()
        locks.suspect()
        locks.tend()

    locks._turn = Turn(lost)  # type: ignore[assignment]
    claim = locks.claim("db", "ada acts")
    assert claim.there == ("db" in server.held)
    assert locks.confirmed(claim) == ("db" in server.held)
    assert not server.lives or server.held == ["db"]
    locks.close()
