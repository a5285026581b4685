"""A file of records and how far it was carried to a shared store and from there, in the same transactions.

What came from a store is marked as such, so that nobody gives it back. A file that was begun anew knows nothing of the
store, and gets everything from there again; a store that was begun anew gets everything from the files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from desk import keep
from desk.store import FileStore, StoreError
from probes.base import Carried

T = TypeVar("T")

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS carried (
    store TEXT NOT NULL, stream TEXT NOT NULL, pushed INTEGER NOT NULL DEFAULT 0, pushed_id TEXT NOT NULL DEFAULT '',
    pulled INTEGER NOT NULL DEFAULT 0, pulled_id TEXT NOT NULL DEFAULT '', PRIMARY KEY (store, stream)
);
CREATE TABLE IF NOT EXISTS brought (seq INTEGER PRIMARY KEY, store TEXT NOT NULL, by TEXT NOT NULL);
"""
"""Beside the table of records, which stays as it was: who shares nothing never looks here."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream was carried."""

    pushed: int = 0
    """Place in the file up to which everything of ours is in the store."""
    pushed_id: str = ""
    """The record of ours that went there last."""
    pulled: int = 0
    """Place in the store up to which everything is in the file."""
    pulled_id: str = ""
    """The record at that place."""


class CarriedFile(FileStore):
    """An open file of records that are shared. Belongs to one thread at a time; other sessions use the same file."""

    @classmethod
    def open(cls, path: Path, redact: Callable[[str], str] = str, as_is: Collection[str] = ()) -> CarriedFile:
        """Open it, made where it is not there. Raises `StoreError`."""
        made = super().open(path, redact, as_is)
        assert isinstance(made, cls)
        try:
            for statement in _TABLES.split(";"):
                made._db.execute(statement)
        except sqlite3.Error as error:
            made.close()
            raise keep.trouble(StoreError, path.name, "used", error) from None
        return made

    def cursor(self, store: str, stream: str) -> Cursor:
        """How far a stream was carried to a store and from it."""
        self._stand()
        found = self._all(
            "SELECT pushed, pushed_id, pulled, pulled_id FROM carried WHERE store = ? AND stream = ?", (store, stream)
        )
        return Cursor(*found[0]) if found else Cursor()

    def to_push(self, store: str, stream: str, after: int, most: int) -> list[Carried]:
        """What lies after a place and did not come from this store, at most so many."""
        found = self._all(
            "SELECT record.seq, id, at, about, body FROM record LEFT JOIN brought "
            "ON brought.seq = record.seq AND brought.store = ? WHERE stream = ? AND record.seq > ? "
            "AND brought.seq IS NULL ORDER BY record.seq LIMIT ?",
            (store, stream, after, most),
        )
        return [Carried(id, at, about, body, seq) for seq, id, at, about, body in found]

    def waiting(self, store: str, stream: str) -> int:
        """Records that the store has not got yet; of a store that was never reached all."""
        return int(
            self._all(
                "SELECT count(*) FROM record LEFT JOIN brought ON brought.seq = record.seq AND brought.store = ? "
                "WHERE stream = ? AND brought.seq IS NULL AND record.seq > "
                "coalesce((SELECT pushed FROM carried WHERE carried.store = ? AND carried.stream = ?), 0)",
                (store, stream, store, stream),
            )[0][0]
        )

    def last_store(self, stream: str) -> str:
        """The store that a stream was last carried to; empty: it never was."""
        found = self._all("SELECT store FROM carried WHERE stream = ? ORDER BY rowid DESC LIMIT 1", (stream,))
        return str(found[0][0]) if found else ""

    def pushed(self, store: str, stream: str, upto: int, last: str) -> None:
        """Everything of ours up to there is in the store; `last` is the record that went there last."""
        self._within(
            lambda: self._db.execute(
                "INSERT INTO carried (store, stream, pushed, pushed_id) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (store, stream) DO UPDATE SET pushed = excluded.pushed, "
                "pushed_id = coalesce(nullif(excluded.pushed_id, ''), pushed_id) WHERE excluded.pushed > pushed",
                (store, stream, upto, last),
            )
        )

    def bring(self, store: str, stream: str, rows: Sequence[Carried], upto: Carried) -> int:
        """Keep what came from the store, and that everything up to there has; how many are new."""

        def bring() -> int:
            new = 0
            for row in rows:
                kept = self._db.execute(
                    "INSERT OR IGNORE INTO record (stream, id, at, about, body) VALUES (?, ?, ?, ?, ?)",
                    (stream, row.id, row.at, row.about, row.body),
                )
                if kept.rowcount == 1:
                    self._db.execute(
                        "INSERT OR REPLACE INTO brought (seq, store, by) VALUES (?, ?, ?)",
                        (kept.lastrowid, store, row.by),
                    )
                    new += 1
            self._db.execute(
                "INSERT INTO carried (store, stream, pulled, pulled_id) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (store, stream) DO UPDATE SET pulled = excluded.pulled, pulled_id = excluded.pulled_id "
                "WHERE excluded.pulled > pulled",
                (store, stream, upto.seq, upto.id),
            )
            return new

        return self._within(bring)

    def afresh(self, store: str, stream: str) -> None:
        """The store has lost what it had: everything goes there again, and everything is looked at again."""

        def forget() -> None:
            self._db.execute("DELETE FROM carried WHERE store = ? AND stream = ?", (store, stream))
            self._db.execute(
                "DELETE FROM brought WHERE store = ? AND seq IN (SELECT seq FROM record WHERE stream = ?)",
                (store, stream),
            )

        self._within(forget)

    def tidy(self) -> None:
        """Forget where records came from that are forgotten themselves."""
        self._within(lambda: self._db.execute("DELETE FROM brought WHERE seq NOT IN (SELECT seq FROM record)"))

    def source(self, stream: str, id: str) -> str:
        """The login that brought a record, as the store said; empty: it was written on this machine."""
        found = self._all(
            "SELECT brought.by FROM record JOIN brought ON brought.seq = record.seq WHERE stream = ? AND id = ?",
            (stream, id),
        )
        return str(found[0][0]) if found else ""

    def sources(self, stream: str) -> dict[str, str]:
        """The same for all records of a stream that came from a store, by their ids."""
        return dict(
            self._all(
                "SELECT id, brought.by FROM record JOIN brought ON brought.seq = record.seq WHERE stream = ?", (stream,)
            )
        )

    def _all(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None

    def _within(self, work: Callable[[], T]) -> T:
        """All of it or nothing."""
        self._stand()
        try:
            with self._db:
                return work()
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None
