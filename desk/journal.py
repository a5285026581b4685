"""A session's way to a stream of records that several sessions share, in a thread of its own: the room never waits for
the disk.

It writes what the session does and brings what other sessions wrote. What can't be kept is said, and waits; it never
stops the room. A damaged file is put aside, whole, and what goes on is kept again in a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from desk.clock import Clock
from desk.codec import CodecError
from desk.keep import set_aside
from desk.store import FileStore, Row, Store, StoreError

BEAT: Final = 0.5
"""Seconds between two looks for what other sessions wrote."""

WAITING: Final = 5000
"""Records that wait for the disk at most; then the oldest are not kept."""

_AGAIN: Final = 10.0
"""Seconds until a file that could not be had is tried again."""

_TIDY: Final = 6 * 3600.0
"""Seconds between two looks for what is too old."""

_ENDING: Final = 1.0
"""Seconds that the last write may take when the session ends."""

_PAGE: Final = 1000
"""Records read or written at once."""


class Kept(Protocol):
    """What every record has."""

    @property
    def id(self) -> str:
        """Unique in its stream."""
        ...

    @property
    def at(self) -> datetime:
        """When it happened."""
        ...


R = TypeVar("R", bound=Kept)

Opened = Callable[[Path, Callable[[str], str], Collection[str]], Store]
"""Opens a file: (path, what takes secrets out, fields that are kept as they are)."""


class Journal(ABC, Generic[R]):
    """One session's way to one stream. A kind of record says how it is written and whom it is handed to."""

    stream: ClassVar[str]
    keeps: ClassVar[str]
    """What it keeps, as its trouble says it: "runs"."""
    lasts: ClassVar[timedelta]
    """How long records are kept."""
    as_is: ClassVar[Collection[str]]
    """Fields that tell records apart: they are read back as they were, also where a secret is the same word."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        redact: Callable[[str], str] = lambda text: text,
        opened: Opened = FileStore.open,
    ) -> None:
        """`redact` takes out secrets that the session knows."""
        self.path = path
        self._clock, self._redact, self._opened = clock, redact, opened
        self._hand: Callable[..., None] = lambda call, *given: call(*given)
        """Calls something on the thread of whom the records are for."""
        self._rows: deque[R] = deque()
        self._wake = threading.Event()
        self._ended = False
        self._store: Store | None = None
        self._after = 0
        self._known = False
        """True once all that earlier sessions wrote is read: what comes from then on happens now."""
        self._lost = False
        """True when the file is another one than before: what goes on must be kept again."""
        self._tried = self._tidied = -math.inf
        self._thread: threading.Thread | None = None
        self.trouble = ""
        """Why nothing is kept now, in words; empty: it is."""
        self.carry: Callable[[], None] = lambda: None
        """Told, on the journal's own thread, that something new of this session is on disk."""

    # one kind of record

    @abstractmethod
    def about(self, record: R) -> str:
        """What it belongs to; records of one thing are forgotten together."""

    @abstractmethod
    def written(self, record: R) -> Mapping[str, Any]:
        """It as JSON values."""

    @abstractmethod
    def parsed(self, body: Mapping[str, Any]) -> R:
        """The record again. Raises `CodecError`."""

    @abstractmethod
    def brought(self, records: Sequence[R], live: bool) -> None:
        """These were read; `live`: they happened while this session was there."""

    def put(self, records: Sequence[R]) -> None:
        """These are on disk."""

    def ready(self) -> None:
        """The file is open, and all that stood in it was brought."""

    @abstractmethod
    def again(self) -> None:
        """The file has lost what it had: what goes on is to be written once more."""

    def lasting(self) -> Collection[str] | None:
        """What is not forgotten however old it is; None: nothing is forgotten by this session."""
        return ()

    # life

    def begin(self) -> None:
        """Begin, in a thread; on the event loop of whom the records are for."""
        loop = asyncio.get_running_loop()

        def hand(call: Callable[..., None], *given: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(call, *given)

        self._hand = hand
        self._thread = threading.Thread(target=self._run, name=self.stream, daemon=True)
        self._thread.start()

    def write(self, records: Sequence[R]) -> None:
        """Keep these as soon as the disk takes them. Called on the event loop; never waits."""
        self._rows.extend(records)
        self._wake.set()

    def look(self) -> None:
        """Look at once for what others wrote; from any thread."""
        self._wake.set()

    def close(self) -> None:
        """Write what waits and let go; in a moment even when the disk hangs."""
        self._ended = True
        self._wake.set()
        if self._thread is None:
            self.let_go()
        else:
            self._thread.join(_ENDING)

    def _run(self) -> None:
        while not self._ended:
            self.step()
            self._wake.wait(BEAT)
            self._wake.clear()
        self.let_go()

    def step(self) -> None:
        """Write what waits, read what is new; on the journal's own thread, or in a test."""
        if self._store is not None or self._open():
            try:
                self._write()
                if self._store is not None and self._store.news():
                    self._read(live=True)
                self._tidy()
                self.trouble = ""
            except StoreError as error:
                self._fail(error)
        while self._store is None and len(self._rows) > WAITING:
            self._rows.popleft()

    def let_go(self) -> None:
        """Write what waits, if the file is open, and close it."""
        store, self._store = self._store, None
        if store is None:
            return
        with contextlib.suppress(StoreError):
            if self._rows:
                store.append(self.stream, [self._row(one) for one in list(self._rows)])
                self._rows.clear()
        store.close()

    def _open(self) -> bool:
        now = self._clock.monotonic()
        if now - self._tried < _AGAIN:
            return False
        self._tried = now
        try:
            self._store = self._opened(self.path, self._redact, self.as_is)
            self._after = 0
            self._read(live=self._known)
        except StoreError as error:
            self._fail(error)
            return False
        self._known = True
        self.ready()
        if self._lost:
            self._lost = False
            self._hand(self.again)
        return True

    def _write(self) -> None:
        assert self._store is not None
        fresh = bool(self._rows)
        while self._rows:
            batch = [self._rows[place] for place in range(min(len(self._rows), _PAGE))]
            self._store.append(self.stream, [self._row(one) for one in batch])
            for _ in batch:
                self._rows.popleft()
            self.put(batch)
        if fresh:
            self.carry()

    def _row(self, record: R) -> Row:
        return Row(record.id, record.at, self.about(record), self.written(record))

    def _read(self, live: bool) -> None:
        assert self._store is not None
        for found, after in pages(self._store, self.stream, self.parsed, self._after):
            self._after = after
            if found:
                self.brought(found, live)

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        if self._store is None or now - self._tidied < _TIDY or (lasting := self.lasting()) is None:
            return
        self._tidied = now
        self._store.forget(self.stream, self._clock.now() - self.lasts, lasting)

    def _fail(self, error: StoreError) -> None:
        """Say it and let go of the file; a damaged one is put aside, whole, and the next try begins a new one."""
        self.trouble = f"{self.keeps} are not kept: {error}"
        self._lost = True
        if error.damaged:
            try:
                self.trouble += f"; kept as {set_aside(self.path, self._clock.now()).name}"
                self._tried = -math.inf
            except OSError as trouble:
                self.trouble += f"; it can't be put aside: {(trouble.strerror or str(trouble)).lower()}"
        store, self._store = self._store, None
        if store is not None:
            store.close()


P = TypeVar("P")


def pages(
    store: Store, stream: str, parsed: Callable[[Mapping[str, Any]], P], after: int = 0
) -> Iterator[tuple[list[P], int]]:
    """(records, where they end) page by page; what another version wrote, or is damaged, is left out."""
    while rows := store.read(stream, after, _PAGE):
        found = []
        for row in rows:
            with contextlib.suppress(CodecError):
                found.append(parsed(row.body))
        after = rows[-1].seq
        yield found, after


def look(path: Path, stream: str, parsed: Callable[[Mapping[str, Any]], P]) -> list[P]:
    """Every record of a file, for who looks only once; none where there is no file. Raises `StoreError`."""
    if not path.exists():
        return []
    store = FileStore.look(path)
    try:
        return [one for found, _ in pages(store, stream, parsed) for one in found]
    finally:
        store.close()
