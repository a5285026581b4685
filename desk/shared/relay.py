"""Carries records between a session's own files and the shared store, both ways, in a thread of its own.

The files stay the truth of the session: it reads and writes them whether the store is there or not. What it wrote goes
to the store as soon as that is there, what others wrote comes from it, each record once however often either side dies.
The store tells when there is something new; what it should have told and did not is found a few seconds later.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from desk.clock import Clock
from desk.codec import CodecError
from desk.shared.file import CarriedFile
from desk.shared.presence import Here, others, told
from desk.shared.standing import Standing
from desk.store import StoreError
from probes.base import Carried, Cause, ProbeError, SharedRecords, Unkeepable

EVERY: Final = 5.0
"""Seconds between two looks at everything, whatever was told."""

HEARTBEAT: Final = 10.0
"""Seconds between two signs of life; after thirty without one the store says that a session is gone."""

LARGEST: Final = 4 << 20
"""Bytes of a record's text that the store takes, and that is taken from it."""

SLOWEST: Final = 15.0
"""Seconds between two tries to reach a lost store at most."""

_GLANCE: Final = 2.0
"""Seconds between two looks at who is there, however much is told."""
_FIRST: Final = 0.5
_PAGE: Final = 200
"""Records at once; fewer after the store was too slow for so many."""
_BYTES: Final = 1 << 20
"""Bytes of records at once; one record may be longer."""
_PAGES: Final = 50
"""Pages that go one way before it is looked the other way."""
_TIDY: Final = 6 * 3600.0
_ENDING: Final = 1.5
"""Seconds that the last records may take when the session ends."""
_LATEST: Final = 253_402_300_799_999
"""The last moment that a record can be about, milliseconds since 1970."""
_DEEPEST: Final = 50
"""Lists and tables of a record within each other; whoever reads the file must be able to."""

_FAULTS: Final = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError,
    ValueError, Unkeepable, sqlite3.Error,
)  # fmt: skip
"""What nobody expects while something is carried: a fault of our own, which is said and tried again later."""


@dataclass(frozen=True, slots=True)
class Strand:
    """One stream that is shared."""

    stream: str
    path: Path
    """The file it lies in."""
    parsed: Callable[[Mapping[str, Any]], object]
    """A record out of its body; raises `CodecError`. What can't be read is kept all the same: it may be of a newer
    version, and is counted."""
    arrived: Callable[[], None] = lambda: None
    """Told, on the relay's thread, that something new lies in the file."""
    before: Callable[[], None] = lambda: None
    """Called before each look at the file, on the relay's thread. May raise `StoreError`."""
    believed: Callable[[Carried], Carried] = lambda row: row
    """A record that came from the store as it is to lie in the file; the same wherever it is asked."""
    lasts: timedelta | None = None
    """How long its records are kept here; None: whoever writes them sees to that."""


Errand = Callable[[str], None]
"""Something to be done on the relay's connection; handed why it can't be: the store is lost; empty: it can."""


@dataclass(slots=True)
class _Way:
    """What is known of a strand while it is carried."""

    strand: Strand
    file: CarriedFile | None = None
    checked: bool = False
    """True once the store was seen to have what it had when this was last carried."""
    trouble: str = ""


@dataclass(slots=True)
class _Counts:
    strange: int = 0
    refused: int = 0


class Relay:
    """One session's part in a shared store."""

    def __init__(
        self,
        store: SharedRecords,
        strands: Sequence[Strand],
        clock: Clock,
        session: str,
        here: Here,
        tend: Callable[[], None] = lambda: None,
        changed: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`session` is this session's id. `tend` is called on the relay's thread after each look: what else lives on
        the store is looked after there. `changed` is called when the store was reached or lost."""
        self._store = store
        self._ways = [_Way(one) for one in strands]
        self._clock = clock
        self.session = session
        self._here = here
        self._tend, self._changed = tend, changed
        self._errands: deque[Errand] = deque()
        self._chance = chance
        self._id = ""
        """The store's own id while it is there."""
        self._tries = 0
        self._next = -math.inf
        self._beat = -math.inf
        self._rung = False
        """True when something was told that may be about who is there."""
        self._told: Here | None = None
        self._tidied = clock.monotonic()
        self._page = _PAGE
        self._counts = _Counts()
        self._woken = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None
        self.settled = threading.Event()
        """Set once everything that the store had is here, or the store could not be reached."""
        self.standing = Standing()
        """How it goes; replaced as a whole, may be read from any thread."""
        self.heard: list[Callable[[], None]] = []
        """Each is called on the relay's thread when the standing changed or something new was told."""

    # from other threads

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something is to be carried; from any thread."""
        self._woken.set()
        self._store.wake()

    def show(self, here: Here) -> None:
        """From now on tell others this; from any thread."""
        if here != self._here:
            self._here = here
            self.wake()

    def send(self, errand: Errand, at_once: bool = True) -> None:
        """Do something on the relay's thread as soon as it is free, or at its next look; from any thread.

        It may raise `ProbeError`: then the store is lost.
        """
        self._errands.append(errand)
        if at_once:
            self.wake()

    def close(self) -> None:
        """Carry what is left, say goodbye and let go; in a moment, whatever the store does."""
        self._ended = True
        self.wake()
        if self._thread is not None:
            self._thread.join(_ENDING)

    # on the relay's thread

    def _run(self) -> None:
        while not self._ended:
            self.step()
            self._pause()
        self._finish()

    def _pause(self) -> None:
        if self._id:
            glance = self._beat + _GLANCE - self._clock.monotonic()
            try:
                self._rung = self._store.wait(min(EVERY, max(0.05, glance)) if self._rung else EVERY) or self._rung
            except ProbeError as error:
                self._lose(error)
        else:
            self._woken.wait(max(0.05, min(EVERY, self._next - self._clock.monotonic())))
        self._woken.clear()

    def step(self) -> None:
        """Carry what there is to carry; on the relay's thread, or in a test."""
        try:
            self._step()
        except ProbeError as error:
            self._lose(error)
        except _FAULTS as error:
            self._lose(ProbeError(Cause.INTERNAL, f"a fault of our own, {type(error).__name__}"))
        self._say()
        if not self._id:
            self._run_errands()
        self.settled.set()
        self._tend()

    def _step(self) -> None:
        now = self._clock.monotonic()
        if not self._id:
            if now < self._next:
                return
            self._id = self._store.open()
            self._tries, self._told = 0, None
            self._changed()
            for way in self._ways:
                way.checked = False
        self._run_errands()
        self._presence(now)
        more = True
        while more and not self._ended:
            more = False
            for way in self._ways:
                more = self._guarded(way) or more
            self._run_errands()
        if now - self._tidied > _TIDY:
            self._tidied = now
            for way in self._ways:
                if way.file is not None:
                    if way.strand.lasts is not None:
                        way.file.forget(way.strand.stream, self._clock.now() - way.strand.lasts)
                    way.file.tidy()

    def _guarded(self, way: _Way) -> bool:
        """Carry one strand; trouble with its file costs that strand only. True: there is more."""
        try:
            file = self._opened(way)
            if not way.checked:
                self._check(way.strand, file)
                way.checked = True
            given = self._push(way.strand, file)
            taken = self._pull(way.strand, file)
        except StoreError as error:
            way.trouble = str(error)
            self._drop(way)
            return False
        way.trouble = ""
        return given or taken

    def _opened(self, way: _Way) -> CarriedFile:
        way.strand.before()
        if way.file is None:
            way.file = CarriedFile.open(way.strand.path)
        return way.file

    def _drop(self, way: _Way) -> None:
        file, way.file = way.file, None
        if file is not None:
            file.close()

    def _check(self, strand: Strand, file: CarriedFile) -> None:
        """A store that was restored from a copy has lost records that were there: they are given again."""
        known = file.cursor(self._id, strand.stream)
        lost = (known.pulled and not self._store.has(strand.stream, known.pulled_id, known.pulled)) or (
            known.pushed_id and not self._store.has(strand.stream, known.pushed_id)
        )
        if lost:
            file.afresh(self._id, strand.stream)

    def _push(self, strand: Strand, file: CarriedFile) -> bool:
        """What this machine wrote; True: there is more."""
        for _ in range(_PAGES):
            after = file.cursor(self._id, strand.stream).pushed
            rows = file.to_push(self._id, strand.stream, after, self._page)
            if not rows:
                return False
            size = 0
            page: list[Carried] = []
            for row in rows:
                size += len(row.body)
                if page and size > _BYTES:
                    break
                page.append(row)
            self._give(strand, file, page)
        return True

    def _give(self, strand: Strand, file: CarriedFile, page: Sequence[Carried]) -> None:
        fit = [row for row in page if len(row.body.encode("utf-8", "replace")) <= LARGEST]
        self._counts.refused += len(page) - len(fit)
        last = fit[-1].id if fit else ""
        try:
            self._append(strand.stream, fit)
        except Unkeepable:
            last = self._one_by_one(strand.stream, fit)
        file.pushed(self._id, strand.stream, page[-1].seq, last)

    def _append(self, stream: str, rows: Sequence[Carried]) -> None:
        if not rows:
            return
        try:
            self._store.append(stream, rows)
        except ProbeError:
            self._page = max(1, self._page // 4)  # a slow way takes little at once
            raise
        self._page = min(_PAGE, self._page * 2)

    def _one_by_one(self, stream: str, rows: Sequence[Carried]) -> str:
        """One of them is not taken: all others are. The last that was."""
        last = ""
        for row in rows:
            try:
                self._store.append(stream, [row])
                last = row.id
            except Unkeepable:
                self._counts.refused += 1
        return last

    def _pull(self, strand: Strand, file: CarriedFile) -> bool:
        """What others wrote; True: there is more."""
        for _ in range(_PAGES):
            after = file.cursor(self._id, strand.stream).pulled
            rows = self._store.read(strand.stream, after, _PAGE)
            if not rows:
                return False
            fit = [strand.believed(row) for row in rows if self._fits(strand, row)]
            if file.bring(self._id, strand.stream, fit, rows[-1]):
                strand.arrived()
        return True

    def _fits(self, strand: Strand, row: Carried) -> bool:
        """True for what may lie in a file; what nobody here can read is counted."""
        fits = 0 <= row.at <= _LATEST and 0 < len(row.id) <= 200 and len(row.about) <= 400 and len(row.body) <= LARGEST
        try:
            body = json.loads(row.body) if fits else None
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict) or _deep(body):
            self._counts.strange += 1
            return False
        try:
            strand.parsed(body)
        except CodecError:  # a newer version may have written it
            self._counts.strange += 1
        except _FAULTS:
            self._counts.strange += 1
            return False
        return True

    def _presence(self, now: float) -> None:
        here, since = self._here, now - self._beat
        if here == self._told and since < (_GLANCE if self._rung else HEARTBEAT):
            return
        seen = self._store.here(self.session, told(here))
        self._told, self._beat, self._rung = here, now, False
        self.standing = replace(self.standing, present=others(seen, self.session))

    def _lose(self, error: ProbeError) -> None:
        """The store is not there now: it is tried again, each time later, up to a quarter of a minute."""
        self._store.cut()
        self._id = ""
        self._changed()
        now = self._clock.monotonic()
        self._tries += 1
        self._next = now + min(SLOWEST, _FIRST * 2.0 ** min(self._tries - 1, 16)) * (0.5 + self._chance() / 2)
        since = self.standing.lost if self.standing.lost is not None else now
        self.standing = replace(
            self.standing, begun=True, lost=since, why=str(error.message), hint=str(error.hint), present=()
        )

    def _run_errands(self) -> None:
        while self._errands:
            self._errands.popleft()("" if self._id else f"the store is lost: {self.standing.why}")

    def _say(self) -> None:
        """How it stands now."""
        trouble = next((way.trouble for way in self._ways if way.trouble), "")
        found = replace(
            self.standing, begun=True, trouble=trouble, strange=self._counts.strange, refused=self._counts.refused
        )
        if self._id:
            found = replace(found, lost=None, why="", hint="", waiting=0)
        else:
            found = replace(found, waiting=self._waiting())
        self.standing = found
        for listener in self.heard:
            listener()

    def _waiting(self) -> int:
        whole = 0
        for way in self._ways:
            try:
                file = self._opened(way)
                whole += file.waiting(file.last_store(way.strand.stream), way.strand.stream)
            except StoreError as error:
                way.trouble = str(error)
                self._drop(way)
        return whole

    def _finish(self) -> None:
        try:
            if self._id:
                for way in self._ways:
                    self._push(way.strand, self._opened(way))
                self._store.gone(self.session)
        except (ProbeError, StoreError, *_FAULTS):
            pass
        self._store.cut()
        for way in self._ways:
            self._drop(way)


def _deep(body: object) -> bool:
    """True for values that lie deeper within each other than those of any record."""
    there = [body]
    for _ in range(_DEEPEST):
        there = [
            inner
            for one in there
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not there:
            return False
    return True
