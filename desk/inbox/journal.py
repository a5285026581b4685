"""The inbox's way to the store. It holds the lock that makes one of several sessions the one that leads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from desk import journal
from desk.clock import Clock
from desk.inbox.book import Book
from desk.inbox.case import Silence
from desk.inbox.inbox import Inbox
from desk.inbox.record import AS_IS, STREAM, Record, read, written
from desk.journal import Journal, Opened
from desk.locks import Claim, Held, Locks
from desk.store import FileStore, StoreError


class InboxJournal(Journal[Record]):
    """One session's way to the records of the inbox; those of open cases are kept for as long as they are open."""

    stream = STREAM
    keeps = "decisions and alerts"
    lasts = timedelta(days=31)
    as_is = AS_IS

    def __init__(
        self,
        path: Path,
        clock: Clock,
        locks: Locks,
        redact: Callable[[str], str] = lambda text: text,
        opened: Opened = FileStore.open,
        watched: Sequence[str] = (),
        place: str = "",
    ) -> None:
        """Of the sessions that watch the same targets one leads; `place`: what they share, by default the file."""
        super().__init__(path, clock, redact, opened)
        self._locks = locks
        self._lock = " ".join(("inbox", place or str(path), *sorted(watched)))
        self._claim: Claim | None = None
        self._leads: bool | None = None
        self._aside = False
        """True while the process is about to be stopped: it leads no more."""
        self._first = True
        """True until the inbox is open."""
        self._inbox: Inbox | None = None
        self._book = Book()
        """What stands open by the records, for what must not be forgotten."""

    def start(self, inbox: Inbox) -> None:
        """Begin; on the event loop."""
        self.serve(inbox)
        self.begin()

    def serve(self, inbox: Inbox) -> None:
        """Belong to an inbox."""
        self._inbox = inbox
        inbox.keep(self.write)

    def close(self) -> None:
        """Write what waits, tell of it, and let go."""
        super().close()
        if self._inbox is not None:
            self._inbox.close()

    def step(self) -> None:
        """Lead where nobody does; and while nothing can be kept, the room goes on and who waits is told."""
        self._lead()
        super().step()
        if self._store is None:
            if self._first:
                self._opened_for(bool(self._leads))
            self._told([record.id for record in list(self._rows)])

    def let_go(self) -> None:
        """Let go of the lock too."""
        super().let_go()
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()

    def stand_aside(self) -> None:
        """The process is stopped next: another session leads, if there is one. On the event loop; never waits."""
        self._aside = True
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()
            self._leads = False
            if self._inbox is not None and not self._first:
                self._inbox.open(False)

    def go_on(self) -> None:
        """The process goes on: lead again where nobody does."""
        self._aside = False
        self.look()

    def about(self, record: Record) -> str:
        """Its case; of a silence that."""
        return record.case or "silence"

    def written(self, record: Record) -> Mapping[str, Any]:
        """As JSON values."""
        return written(record)

    def parsed(self, body: Mapping[str, Any]) -> Record:
        """The record again."""
        return read(body)

    def brought(self, records: Sequence[Record], live: bool) -> None:
        """The inbox takes them in."""
        for _ in self._book.take_all(records):
            pass
        if self._inbox is not None:
            self._hand(self._inbox.take, records, live)

    def put(self, records: Sequence[Record]) -> None:
        """What is on disk is told."""
        for record in records:
            self._book.take(record)
        self._told([record.id for record in records])

    def ready(self) -> None:
        """What earlier sessions kept is in the inbox."""
        if self._first:
            self._opened_for(bool(self._leads))

    def again(self) -> None:
        """What stands open is kept again."""
        if self._inbox is not None:
            self._inbox.again()

    def lasting(self) -> Collection[str] | None:
        """Cases that are open and those they belong to, and silences while any stands; who leads forgets."""
        if not self._leads:
            return None
        standing = {"silence"} if any(True for _ in self._book.standing(self._clock.now())) else set[str]()
        lives = self._book.open.values()
        return standing | {life.id for life in lives} | {record.case for life in lives for record in life.records}

    def _lead(self) -> None:
        """Lead where nobody else does, and no longer once somebody else has the lock."""
        if self._aside or (self._claim is not None and self._claim.held):
            return
        if self._claim is not None:
            self._claim.release()
            self._claim, self._leads = None, False
            if not self._first:
                self._opened_for(False)
        try:
            self._claim = self._locks.claim(self._lock, "keeps the inbox")
        except Held:
            self._leads = False
        except OSError:
            self._leads = True  # no lock can be had here: better told twice than not at all
        else:
            self._leads = True
            if not self._first:
                with contextlib.suppress(StoreError):  # the last words of the session that led before
                    if self._store is not None:
                        self._read(live=True)
                self._opened_for(True)

    def _opened_for(self, leads: bool) -> None:
        self._first = False
        if self._inbox is not None:
            self._hand(self._inbox.open, leads)

    def _told(self, ids: Sequence[str]) -> None:
        if ids and self._inbox is not None:
            self._hand(self._inbox.kept, ids)


def standing_silences(path: Path, at: datetime) -> list[Silence]:
    """The silences in force by the file, for who looks only once; none where there is no file. Raises `StoreError`."""
    book = Book()
    for _ in book.take_all(journal.look(path, STREAM, read)):
        pass
    return list(book.standing(at))
