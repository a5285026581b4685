"""What the history remembers, for who wants to see it. Every reader opens the file for itself, in its own thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Self

from desk import keep
from desk.history.bucket import LONG_STEP, STEP, Bucket, Cell, regrouped
from desk.history.file import FORM, HOUR, TIERS, ArchiveError, chunk_of, key_of, named, rows_of
from probes.base import GaugeKey


class Past:
    """An open file. It belongs to one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open to read, while another process may be writing. Raises `ArchiveError`."""
        try:
            connection = keep.connect(path, "ro", by_hand=True)
            form = keep.form_of(connection)
        except sqlite3.Error as error:
            raise keep.trouble(ArchiveError, path.name, "read", error) from None
        if form != FORM:
            connection.close()
            raise ArchiveError(f"{path.name} can't be read: {keep.another(form, FORM)}")
        return cls(path, connection)

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def gauges(self, target: str) -> list[GaugeKey]:
        """The gauges of a target that were ever kept, and not yet let go."""
        rows = self._asked(
            "SELECT DISTINCT key FROM gauge WHERE target = (SELECT id FROM target WHERE name = ?)", (target,)
        )
        return sorted(key_of(key) for (key,) in rows)

    def window(self, target: str, key: GaugeKey, since: float, until: float, step: float = STEP) -> list[Bucket]:
        """The buckets of a gauge that touch a span of time (seconds since 1970), in order; what is missing is absent.

        `step`: seconds of a bucket at least; from ten minutes on the long tier is read, else where no minutes are left.
        """
        found: dict[tuple[int, int], Cell] = {}
        with self._steady():
            for seat in self._seats(target, key):
                covered: set[int] = set()
                if step < LONG_STEP:
                    covered = self._blocks(found, seat, TIERS[0], (since, until), covered)
                self._blocks(found, seat, TIERS[1], (since, until), covered)
                self._minutes(found, seat, since, until)
        buckets = [Bucket(start, span, cell) for (start, span), cell in sorted(found.items())]
        buckets = [one for one in buckets if one.end > since and one.start <= until]
        return regrouped(buckets, int(step)) if step > STEP else buckets

    def _seats(self, target: str, key: GaugeKey) -> list[tuple[int, int]]:
        """Every (set, place) that a gauge had."""
        return self._asked(
            "SELECT gauge_set, place FROM gauge WHERE target = (SELECT id FROM target WHERE name = ?) AND key = ? "
            "ORDER BY gauge_set",
            (target, named(key)),
        )

    def _minutes(self, found: dict[tuple[int, int], Cell], seat: tuple[int, int], since: float, until: float) -> None:
        rows = self._asked(
            "SELECT start, body FROM minute WHERE gauge_set = ? AND start > ? AND start <= ? ORDER BY start",
            (seat[0], since - STEP, until),
        )
        for start, body in rows:
            for at, cell in rows_of(body):
                if at == seat[1]:
                    _put(found, (start, STEP), cell)

    def _blocks(
        self,
        found: dict[tuple[int, int], Cell],
        seat: tuple[int, int],
        tier: tuple[int, int, int],
        within: tuple[float, float],
        covered: set[int],
    ) -> set[int]:
        """Put a tier's buckets in, but for hours that are `covered`; the hours that it has."""
        step, length, _ = tier
        rows = self._asked(
            "SELECT start, body FROM block "
            "WHERE gauge_set = ? AND step = ? AND start > ? AND start <= ? ORDER BY start",
            (seat[0], step, within[0] - length, within[1]),
        )
        hours = set()
        for start, body in rows:
            for at, cell in rows_of(chunk_of(body, seat[1])):
                when = start + at * step
                if when // HOUR not in covered:
                    hours.add(when // HOUR)
                    _put(found, (when, step), cell)
        return hours

    def watched(self, since: float, until: float) -> list[tuple[float, float]]:
        """The spans of time in which somebody watched and this was written, in order; they don't overlap."""
        rows = self._asked(
            "SELECT since, until FROM watch WHERE until >= ? AND since <= ? ORDER BY since", (int(since), int(until))
        )
        found: list[tuple[float, float]] = []
        for began, ended in rows:
            if found and began <= found[-1][1] + STEP:
                found[-1] = (found[-1][0], max(found[-1][1], ended))
            else:
                found.append((began, ended))
        return found

    def began(self, target: str, key: GaugeKey) -> float | None:
        """About when a gauge was kept first: the start of its oldest bucket; None when it never was."""
        starts = []
        with self._steady():
            for seat in self._seats(target, key):
                starts += self._first(seat)
        return min(starts, default=None)

    def _first(self, seat: tuple[int, int]) -> list[int]:
        """The starts of the oldest buckets that a place has: in blocks, in minutes."""
        found = []
        for step, _, _ in TIERS:
            rows = self._each(
                "SELECT start, body FROM block WHERE gauge_set = ? AND step = ? ORDER BY start", (seat[0], step)
            )
            places = ((start, rows_of(chunk_of(body, seat[1]))) for start, body in rows)
            found += list(islice((start + there[0][0] * step for start, there in places if there), 1))
        rows = self._each("SELECT start, body FROM minute WHERE gauge_set = ? ORDER BY start", (seat[0],))
        seen = (start for start, body in rows if any(at == seat[1] for at, _ in rows_of(body)))
        return found + list(islice(seen, 1))

    def _each(self, question: str, values: Sequence[object]) -> Iterator[Any]:
        """One row after the other, no more than are taken."""
        try:
            yield from self._db.execute(question, values)
        except sqlite3.Error as error:
            raise keep.trouble(ArchiveError, self.path.name, "read", error) from None

    def _asked(self, question: str, values: Sequence[object]) -> list[Any]:
        try:
            return self._db.execute(question, values).fetchall()
        except sqlite3.Error as error:
            raise keep.trouble(ArchiveError, self.path.name, "read", error) from None

    @contextmanager
    def _steady(self) -> Iterator[None]:
        """What is read within belongs together, however much is written meanwhile."""
        self._asked("BEGIN", ())
        try:
            yield
        finally:
            self._db.rollback()


def _put(found: dict[tuple[int, int], Cell], mark: tuple[int, int], cell: Cell) -> None:
    known = found.get(mark)
    found[mark] = cell if known is None else known.and_then(cell)
