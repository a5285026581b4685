"""Where records are kept that several sessions share: streams of them, each read in the order it was written.

The protocol is small, so that a server may stand behind it later; the form here is a file in SQLite. Any number of
sessions write and read the same file (https://www.sqlite.org/wal.html). Everything here may wait for the disk: it
belongs to a thread of its own, never to the event loop.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from desk import keep
from desk.keep import KeepError

_FORM: Final = 1
"""Version of the tables; `PRAGMA user_version`."""

_TABLES: Final = """
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL,
    about TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (stream, id)
);
CREATE INDEX record_at ON record (stream, at);
"""


class StoreError(KeepError):
    """It can't be used now; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a stream."""

    id: str
    """Unique in its stream: a record that is appended twice is kept once."""
    at: datetime
    about: str
    """What it belongs to; records of one thing are forgotten together."""
    body: Mapping[str, Any]
    seq: int = 0
    """Its place in the stream, given by the store; it only grows."""


class Store(Protocol):
    """Streams of records. Every method may raise `StoreError`."""

    def append(self, stream: str, rows: Sequence[Row]) -> None:
        """Keep these at the end of a stream, all or none; those known already are left as they are."""
        ...

    def read(self, stream: str, after: int = 0, most: int = 1000) -> Sequence[Row]:
        """The records after a place in the stream, the oldest first; at most so many."""
        ...

    def news(self) -> bool:
        """True when somebody may have appended something since this was last asked; cheap."""
        ...

    def forget(self, stream: str, before: datetime, but: Collection[str] = ()) -> int:
        """Let records older than that go, except those about one of `but`; how many went."""
        ...

    def close(self) -> None:
        """Let go of it. May be called twice."""
        ...


class FileStore:
    """Streams in one SQLite file. Belongs to one thread at a time."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        redact: Callable[[str], str] = str,
        as_is: Collection[str] = (),
    ) -> None:
        self.path = path
        self._db = connection
        self._redact = redact
        self._as_is = frozenset(as_is)
        self._version: int | None = None
        self._mark = _mark(path)

    @classmethod
    def open(cls, path: Path, redact: Callable[[str], str] = str, as_is: Collection[str] = ()) -> FileStore:
        """Open it, made where it is not there, readable by us alone. Raises `StoreError`.

        `redact` takes secrets out of the texts of a body. `as_is`: names of fields that are kept as they are, with all
        that is in them: what tells records apart must be read back as it was, also where a secret happens to be the
        same word.
        """
        try:
            connection = keep.to_write(path)
            try:
                keep.prepare(connection, _TABLES, _FORM)
                _check(connection)
            except BaseException:
                connection.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise keep.trouble(StoreError, path.name, "used", error) from None
        return cls(path, connection, redact, as_is)

    @classmethod
    def look(cls, path: Path) -> FileStore:
        """Open it to read only; it must be there. Raises `StoreError`."""
        try:
            connection = keep.connect(path, "ro")
            form = keep.form_of(connection)
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, path.name, "used", error) from None
        if form != _FORM:
            connection.close()
            raise StoreError(f"{path.name} can't be read: {keep.another(form, _FORM)}")
        return cls(path, connection)

    def append(self, stream: str, rows: Sequence[Row]) -> None:
        """Keep these at the end of a stream, all or none; those known already are left as they are."""
        self._stand()
        try:
            with self._db:
                self._db.executemany(
                    "INSERT OR IGNORE INTO record (stream, id, at, about, body) VALUES (?, ?, ?, ?, ?)",
                    [(stream, row.id, _stamp(row.at), row.about, _text(self._redacted(row.body))) for row in rows],
                )
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None
        except (ValueError, TypeError, RecursionError) as error:  # a record that has no form in a file
            raise StoreError(f"{self.path.name} can't take a record: {type(error).__name__}") from None

    def read(self, stream: str, after: int = 0, most: int = 1000) -> Sequence[Row]:
        """The records after a place in the stream, the oldest first; what can't be read is left out."""
        try:
            found = self._db.execute(
                "SELECT seq, id, at, about, body FROM record WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
                (stream, after, most),
            ).fetchall()
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None
        return [
            Row(id, datetime.fromtimestamp(at / 1000, UTC), about, _body(body), seq)
            for seq, id, at, about, body in found
        ]

    def news(self) -> bool:
        """True when another session may have appended something, or the file is another one now."""
        self._stand()
        try:
            version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None
        fresh, self._version = version != self._version, version
        return fresh

    def forget(self, stream: str, before: datetime, but: Collection[str] = ()) -> int:
        """Let records older than that go, except those about one of `but`; how many went."""
        try:
            with self._db:
                self._db.execute("CREATE TEMP TABLE IF NOT EXISTS stay (about TEXT PRIMARY KEY)")
                self._db.execute("DELETE FROM stay")
                self._db.executemany("INSERT OR IGNORE INTO stay VALUES (?)", [(one,) for one in but])
                return self._db.execute(
                    "DELETE FROM record WHERE stream = ? AND at < ? AND about NOT IN (SELECT about FROM stay)",
                    (stream, _stamp(before)),
                ).rowcount
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._db.close()

    def _redacted(self, found: Any) -> Any:
        if isinstance(found, str):
            return self._redact(found)
        if isinstance(found, Mapping):
            return {key: one if key in self._as_is else self._redacted(one) for key, one in found.items()}
        return [self._redacted(one) for one in found] if isinstance(found, list | tuple) else found

    def _stand(self) -> None:
        """The open file must still be the one of that name: what is written into another would be lost."""
        if _mark(self.path) != self._mark:
            raise StoreError(f"{self.path.name} was moved or deleted while it was open")


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check(connection: sqlite3.Connection) -> None:
    """https://www.sqlite.org/pragma.html#pragma_quick_check"""
    said = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said is None or said[0] != "ok":
        raise sqlite3.DatabaseError("it is damaged")


def _stamp(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _text(body: Mapping[str, Any]) -> str:
    """As JSON; half a character, which no file takes, becomes a question mark."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace").decode()


def _body(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
