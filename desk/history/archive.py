"""The file of the history: one row for each set of gauges and hour, in SQLite, within a stated size.

What has just ended stands as minutes; once its hour is over it is folded into a block of the short tier (a bucket a
minute, for two days) and one of the long tier (a bucket in ten minutes, for thirty days). A gauge has a place in a set
of at most 64 gauges of its target; in a block each gauge is a chunk of its own, so that reading one unpacks one.

One process writes, which holds the lock; any may read. https://www.sqlite.org/wal.html says what survives: a killed
process loses nothing that was committed, a power cut may lose the last seconds, neither damages the file.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from desk import keep
from desk.history.bucket import LONG_STEP, STEP, Cell, Row, bundled, chunks, packed, together
from desk.history.file import (
    FORM,
    HOUR,
    LONG,
    SHORT,
    TABLES,
    TIERS,
    ArchiveError,
    chunk_of,
    key_of,
    named,
    rows_of,
)
from desk.history.past import Past
from desk.history.rollup import Minute
from probes.base import GaugeKey

T = TypeVar("T")

LIMIT: Final = 256 << 20
"""Bytes that the file may have by default, together with what SQLite keeps beside it."""

LEAST: Final = 2 << 20
"""Bytes that it must be allowed to have."""

MOST: Final = 1000
"""Gauges of a target that are kept at a time; more are left out, and counted."""

_ABSENT: Final = 150
"""Seconds between two writes after which nobody watched in between: the machine was asleep."""

_SET: Final = 64
"""Gauges in a set."""

_FULL: Final = 0.97
"""Share of the size from which the oldest goes."""

_ROOM: Final = 0.94
"""Share of the size that is left then."""

_STRIDE: Final = 0.05
"""Share of the size that is made free when something did not fit."""

_RECENT: Final = 6 * 3600
"""Seconds of minutes that stay while the long tier has more than two days."""

_AT_ONCE: Final = 4
"""Times of blocks that go for their age at once: however wrong the clock is, it takes little at a time."""


class Archive(Past):
    """The file, open to be written. It belongs to one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self._ids: dict[str, int] = {}
        self._places: dict[str, dict[GaugeKey, tuple[int, int]]] = {}
        self._used: dict[str, dict[GaugeKey, int]] = {}
        """Minute in which each gauge was written last."""
        self._watching: int | None = None
        self._watched = 0

    @classmethod
    def write(cls, path: Path, limit: int = LIMIT) -> Archive:
        """Open to write; made where it is not there. Raises `ArchiveError`."""
        limit = max(limit, LEAST)
        try:
            keep.make(path)
            connection = keep.connect(path, "rw", by_hand=True)
            page = connection.execute("PRAGMA page_size").fetchone()[0]
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts only before anything is in the file
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=64")
            connection.execute("PRAGMA journal_size_limit=0")
            beside = min(limit // 4, 8 << 20)
            connection.execute(f"PRAGMA max_page_count={(limit - beside) // page}")
            keep.prepare(connection, TABLES, FORM)
            made = cls(path, connection)
            made._shrink((limit - beside) // page)
        except (OSError, sqlite3.Error) as error:
            raise keep.trouble(ArchiveError, path.name, "written", error) from None
        return made

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.Error as error:
            self._forget()
            raise keep.trouble(ArchiveError, self.path.name, "written", error) from None

    def _forget(self) -> None:
        """What is known of the file may be so no longer."""
        self._ids.clear()
        self._places.clear()
        self._used.clear()
        self._watching = None

    def add(self, minutes: Iterable[Minute], watched: float | None = None) -> int:
        """Keep minutes, all or none, and that somebody watches at `watched`; how many gauges were left out.

        What is there of the same minute stays and is added up. Raises `ArchiveError`.
        """
        found = list(minutes)
        return self._with_room(lambda: self._keep(found, watched))

    def _keep(self, minutes: Sequence[Minute], watched: float | None) -> int:
        with self._writing():
            left = sum(self._add(minute) for minute in minutes)
            if watched is not None:
                self._watch(int(watched))
        return left

    def _with_room(self, write: Callable[[], T]) -> T:
        """Write; where the file is full, let the oldest go and write again."""
        while True:
            try:
                return write()
            except ArchiveError as error:
                if not (error.full and self._make_room()):
                    raise

    def _add(self, minute: Minute) -> int:
        target, places = self._target(minute.target), self._of(minute.target)
        used = self._used[minute.target]
        sets: dict[int, list[Row]] = {}
        left = 0
        new = [key for key in minute.cells if key not in places]
        if len(places) + len(new) > MOST:
            for key in [key for key, at in used.items() if at < minute.start - HOUR and key not in minute.cells]:
                del used[key], places[key]
        for key in new:
            if len(places) >= MOST:
                left += 1
                continue
            places[key] = self._seat(target, key)
        for key, cell in minute.cells.items():
            if (seat := places.get(key)) is not None:
                sets.setdefault(seat[0], []).append((seat[1], cell))
                used[key] = minute.start
        for number, rows in sets.items():
            self._merge_minute(number, minute.start, sorted(rows, key=lambda row: row[0]))
        return left

    def _target(self, name: str) -> int:
        if name not in self._ids:
            self._db.execute("INSERT OR IGNORE INTO target (name) VALUES (?)", (name,))
            self._ids[name] = self._db.execute("SELECT id FROM target WHERE name = ?", (name,)).fetchone()[0]
        return self._ids[name]

    def _of(self, target: str) -> dict[GaugeKey, tuple[int, int]]:
        """The places of a target's gauges, the newest sets' only."""
        if target not in self._places:
            rows = self._db.execute(
                "SELECT key, gauge_set, place FROM gauge WHERE target = (SELECT id FROM target WHERE name = ?1) AND "
                "gauge_set IN (SELECT id FROM gauge_set WHERE target = (SELECT id FROM target WHERE name = ?1) "
                "ORDER BY id DESC LIMIT ?2) ORDER BY gauge_set",
                (target, MOST // _SET),
            )
            self._places[target] = {key_of(key): (number, place) for key, number, place in rows}
            self._used[target] = dict.fromkeys(self._places[target], 0)
        return self._places[target]

    def _seat(self, target: int, key: GaugeKey) -> tuple[int, int]:
        """The place that a gauge had last; else a new one in the target's newest set, or in one more."""
        name = named(key)
        known: tuple[int, int] | None = self._db.execute(
            "SELECT gauge_set, place FROM gauge WHERE target = ? AND key = ? ORDER BY gauge_set DESC", (target, name)
        ).fetchone()
        if known is not None:
            return known
        number, place = self._db.execute(
            "SELECT newest, (SELECT ifnull(max(place) + 1, 0) FROM gauge WHERE gauge_set = newest) "
            "FROM (SELECT max(id) AS newest FROM gauge_set WHERE target = ?)", (target,)
        ).fetchone()  # fmt: skip
        if number is None or place >= _SET:
            number, place = self._db.execute("INSERT INTO gauge_set (target) VALUES (?)", (target,)).lastrowid, 0
        self._db.execute("INSERT INTO gauge VALUES (?, ?, ?, ?)", (target, name, number, place))
        return number, place

    def _merge_minute(self, number: int, start: int, rows: list[Row]) -> None:
        found = self._db.execute(
            "SELECT body FROM minute WHERE gauge_set = ? AND start = ?", (number, start)
        ).fetchone()
        if found is not None:
            rows = _merged(rows_of(found[0]), rows)
        self._db.execute("INSERT OR REPLACE INTO minute VALUES (?, ?, ?)", (number, start, packed(rows)))

    def _watch(self, at: int) -> None:
        if self._watching is None or not 0 <= at - self._watched <= _ABSENT:
            self._watching = self._db.execute("INSERT INTO watch VALUES (?, ?)", (at, at)).lastrowid
        else:
            self._db.execute("UPDATE watch SET until = max(until, ?) WHERE rowid = ?", (at, self._watching))
        self._watched = at

    def fold(self, now: float) -> bool:
        """Make blocks of the oldest hour of a set that is over at `now`; False when there is none.

        Raises `ArchiveError`.
        """
        return self._with_room(lambda: self._fold_oldest(int(now // HOUR) * HOUR))

    def _fold_oldest(self, hour: int) -> bool:
        with self._writing():
            due = (
                self._db.execute(
                    "SELECT gauge_set, start FROM minute WHERE start < ? ORDER BY start LIMIT 1", (hour,)
                ).fetchone()
                or self._db.execute(
                    "SELECT gauge_set, start FROM minute WHERE start >= ? ORDER BY start LIMIT 1", (hour + HOUR,)
                ).fetchone()
            )
            if due is not None:
                self._fold(due[0], due[1] // HOUR * HOUR)
        return due is not None

    def _fold(self, number: int, hour: int) -> None:
        rows = self._db.execute(
            "SELECT start, body FROM minute WHERE gauge_set = ? AND start >= ? AND start < ? ORDER BY start",
            (number, hour, hour + HOUR),
        ).fetchall()
        gauges: dict[int, list[tuple[int, Cell]]] = {}
        for start, body in rows:
            for place, cell in rows_of(body):
                gauges.setdefault(place, []).append((start, cell))
        for step, length, _ in TIERS:
            self._add_to_block(number, step, hour // length * length, gauges)
        self._db.execute(
            "DELETE FROM minute WHERE gauge_set = ? AND start >= ? AND start < ?", (number, hour, hour + HOUR)
        )

    def _add_to_block(self, number: int, step: int, start: int, gauges: dict[int, list[tuple[int, Cell]]]) -> None:
        found = self._db.execute(
            "SELECT body FROM block WHERE gauge_set = ? AND step = ? AND start = ?", (number, step, start)
        ).fetchone()
        body = found[0] if found is not None else b""
        parts = []
        for place in range(max(chunks(body), 1 + max(gauges, default=-1))):
            there = chunk_of(body, place)
            if place not in gauges:
                parts.append(there)
                continue
            grouped: dict[int, list[Cell]] = {}
            for at, cell in gauges[place]:
                grouped.setdefault((at - start) // step, []).append(cell)
            rows = [(at, together(cells)) for at, cells in grouped.items()]
            parts.append(packed(_merged(rows_of(there), rows) if there else rows))
        self._db.execute("INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?)", (number, step, start, bundled(parts)))

    def trim(self, now: float) -> bool:
        """Let go what is too old, and where it is full what is oldest; True when something went.

        Minutes go before the long tier does. Raises `ArchiveError`.
        """
        gone = False
        with self._writing():
            for step, length, kept in TIERS:
                for start in self._oldest(step, now - kept - length, _AT_ONCE):
                    self._drop(step, start)
                    gone = True
            self._db.execute("DELETE FROM watch WHERE until < ?", (int(now - LONG),))
        if self._share() >= _FULL:
            gone = True
            while self._share() > _ROOM and self._drop_oldest():
                pass
        if gone:
            with self._writing():
                self._clear_sets()
            self._checkpoint()
        return gone

    def _make_room(self) -> bool:
        """Let the oldest go; False when there is nothing to let go, or the disk is what is full."""
        share = self._share()
        if share < _FULL / 2:
            return False
        gone = self._drop_oldest()
        while gone and self._share() > min(_ROOM, share) - _STRIDE and self._drop_oldest():
            pass
        return gone

    def _oldest(self, step: int, before: float, most: int) -> list[int]:
        rows = self._db.execute(
            "SELECT DISTINCT start FROM block WHERE step = ? AND start < ? ORDER BY start LIMIT ?", (step, before, most)
        )
        return [start for (start,) in rows]

    def _drop(self, step: int, start: int) -> None:
        self._db.execute("DELETE FROM block WHERE step = ? AND start = ?", (step, start))

    def _drop_oldest(self) -> bool:
        """Let go the oldest: minutes before the long tier, but of both a little is kept as long as it can be."""
        with self._writing():
            newest = self._db.execute(
                "SELECT max(ifnull((SELECT max(start) FROM block), 0), ifnull((SELECT max(start) FROM minute), 0))"
            ).fetchone()[0]
            for step, before in (
                (STEP, newest - _RECENT), (LONG_STEP, newest - SHORT), (STEP, math.inf), (LONG_STEP, math.inf)
            ):  # fmt: skip
                for start in self._oldest(step, before, 1):
                    self._drop(step, start)
                    return True
            gone = self._db.execute("DELETE FROM minute WHERE start = (SELECT min(start) FROM minute)").rowcount
        return gone > 0

    def _clear_sets(self) -> None:
        """Forget the sets of which nothing is left."""
        self._db.execute(
            "DELETE FROM gauge_set WHERE id NOT IN (SELECT gauge_set FROM block UNION SELECT gauge_set FROM minute)"
        )
        self._db.execute("DELETE FROM gauge WHERE gauge_set NOT IN (SELECT id FROM gauge_set)")
        self._db.execute("DELETE FROM target WHERE id NOT IN (SELECT target FROM gauge_set)")
        self._forget()

    def _share(self) -> float:
        """Share of the size that is in use."""
        return (self._pragma("page_count") - self._pragma("freelist_count")) / self._pragma("max_page_count")

    def _shrink(self, pages: int) -> None:
        """Make a file smaller that is larger than it may be now, because its size was set smaller."""
        if self._pragma("page_count") <= pages:
            return
        while self._pragma("page_count") - self._pragma("freelist_count") > pages * _ROOM and self._drop_oldest():
            pass
        self._db.executescript("PRAGMA incremental_vacuum;")
        self._db.execute(f"PRAGMA max_page_count={pages}")
        self._checkpoint()

    def last_watched(self) -> int | None:
        """Up to when somebody watched and this was written, seconds since 1970; None: nobody ever did.

        Raises `ArchiveError`.
        """
        rows = self._asked("SELECT until FROM watch ORDER BY rowid DESC LIMIT 1", ())
        return rows[0][0] if rows else None

    def settle(self) -> None:
        """Bring what was written into the file itself, so that what lies beside it stays small."""
        self._checkpoint()

    def _checkpoint(self) -> None:
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise keep.trouble(ArchiveError, self.path.name, "written", error) from None

    def _pragma(self, what: str) -> int:
        return int(self._asked(f"PRAGMA {what}", ())[0][0])

    @property
    def size(self) -> int:
        """Bytes in use. Raises `ArchiveError`."""
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self._pragma("page_size")


def _merged(there: Sequence[Row], more: Iterable[Row]) -> list[Row]:
    """Rows of both, in order of their places; what both have is added up."""
    found = dict(there)
    for place, cell in more:
        known = found.get(place)
        found[place] = cell if known is None else known.and_then(cell)
    return sorted(found.items(), key=lambda row: row[0])
