"""The file of the black box: readings and marks in SQLite, small enough to be on by default.

A reading is JSON (`desk.codec`), compressed against a key reading of the same target from at most some minutes earlier:
what has not changed costs next to nothing. Readings of a target from one key reading up to the next form a stretch; the
oldest stretches go when the file reaches its size. One process writes, which holds the lock beside it; any may read.

https://www.sqlite.org/wal.html says what survives: a killed process loses nothing that was committed, a power cut may
lose the last seconds, neither damages the file.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from desk import keep
from desk.keep import KeepError

LIMIT: Final = 512 << 20
"""Bytes that the file may have by default."""

_FORM: Final = 1
"""Version of the tables; `PRAGMA user_version`."""

_STRETCH: Final = 300_000
"""Milliseconds after which a reading is kept whole again."""

_WORSE: Final = 0.6
"""A difference larger than this share of its key reading is no longer worth its key."""

_WINDOW: Final = 32768
"""Bytes of a key reading that serve as dictionary: https://www.rfc-editor.org/rfc/rfc1951 section 2."""

_BESIDE: Final = 16
"""This share of the limit is for the log of writes, and for what comes between two trims."""

_LOG: Final = 1 << 20
"""Bytes of the log of writes beside the file in quiet times: https://www.sqlite.org/wal.html."""

_AT_ONCE: Final = 1 / 64
"""Share of the time covered that goes in one write at most: the log grows by as much."""

_AFTER_TRIM: Final = 0.98
"""Share of the limit that is left after the oldest have gone."""

_TABLES: Final = """
CREATE TABLE target (id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, UNIQUE (name, kind));
CREATE TABLE reading (
    target INTEGER NOT NULL, at INTEGER NOT NULL, key INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (target, at)
) WITHOUT ROWID;
CREATE TABLE mark (at INTEGER NOT NULL, sort TEXT NOT NULL, target TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX mark_at ON mark (at);
"""

_INDEX: Final = "CREATE INDEX IF NOT EXISTS mark_sort ON mark (sort, at)"

_DROP: Final = "DELETE FROM reading WHERE target = ? AND at < ? AND key < ?"


class TapeError(KeepError):
    """The file can't be used; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One reading on its way to the file or back."""

    target: str
    kind: str
    at: datetime
    reading: Mapping[str, Any]
    """As `desk.codec` writes it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: an alert came or went, an act was done, somebody wrote a note."""

    at: datetime
    sort: str
    target: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """A target in the file."""

    name: str
    kind: str
    first: datetime
    last: datetime


class Left(NamedTuple):
    """How much was not kept."""

    formless: int
    """Readings and marks that have no form in JSON."""
    early: int
    """Readings that are from before the newest of their target: a clock went back."""


@dataclass(slots=True)
class _Key:
    """The key reading of the present stretch of a target."""

    id: int
    at: int
    size: int
    dictionary: bytes


def milliseconds(at: datetime) -> int:
    """Since 1970, UTC."""
    return int(at.timestamp() * 1000)


def moment(at: int) -> datetime:
    """The moment that many milliseconds after 1970."""
    return datetime.fromtimestamp(at / 1000, UTC)


class Tape:
    """An open file. A writer belongs to one thread at a time; readers open their own."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, limit: int = 0, redact: Callable[[str], str] = str
    ) -> None:
        self.path = path
        self._db = connection
        self._limit = limit
        self._redact = redact
        self._keys: dict[tuple[str, str], _Key] = {}
        self._newest: dict[int, int] = {}
        self._early: set[int] = set()
        """Targets whose last reading was too early."""

    @classmethod
    def write(cls, path: Path, limit: int = LIMIT, redact: Callable[[str], str] = str) -> Tape:
        """Open to write; made where it is not there. `redact` takes out secrets. Raises `TapeError`."""
        try:
            connection = keep.to_write(path)
            page = connection.execute("PRAGMA page_size").fetchone()[0]
            connection.execute(f"PRAGMA wal_autocheckpoint={_LOG // page}")
            connection.execute(f"PRAGMA journal_size_limit={_LOG}")
            _prepare(connection)
        except (OSError, sqlite3.Error) as error:
            raise keep.trouble(TapeError, path.name, "written", error) from None
        return cls(path, connection, limit - limit // _BESIDE, redact)

    @classmethod
    def read(cls, path: Path) -> Tape:
        """Open to read, while another process may be writing. Raises `TapeError`."""
        if not path.is_file():
            raise TapeError(f"{path.name} can't be read: there is no such file")
        try:
            connection, form = _opened(path)
        except sqlite3.Error as error:
            raise keep.trouble(TapeError, path.name, "read", error) from None
        if form == 0:
            connection.close()
            raise TapeError(f"{path.name} holds no recording: nothing was ever written into it")
        if form != _FORM:
            connection.close()
            raise TapeError(f"{path.name} is in form {form}, known is {_FORM}: another version wrote it")
        return cls(path, connection)

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._db.close()

    @property
    def behind(self) -> bool:
        """True while readings of a target are too early to be kept."""
        return bool(self._early)

    def add(self, entries: Iterable[Entry], marks: Iterable[Mark] = ()) -> Left:
        """Keep these, all or none of them, but for what has no form or is too early. Raises `TapeError`."""
        formless = early = 0
        try:
            with self._db:
                for entry in entries:
                    raw = self._raw_of(entry.reading)
                    if raw is None:
                        formless += 1
                    elif not self._add(entry, raw):
                        early += 1
                for mark in marks:
                    raw = self._raw_of(mark.body)
                    if raw is None:
                        formless += 1
                    else:
                        values = (milliseconds(mark.at), mark.sort, mark.target, raw.decode())
                        self._db.execute("INSERT INTO mark VALUES (?, ?, ?, ?)", values)
        except sqlite3.Error as error:
            self._keys.clear()
            self._newest.clear()
            self._early.clear()
            raise keep.trouble(TapeError, self.path.name, "written", error) from None
        return Left(formless, early)

    def _raw_of(self, body: Mapping[str, Any]) -> bytes | None:
        """As it is written down, without secrets; None: it has no form in JSON."""
        try:
            return self._redact(_text(body)).encode()
        except (TypeError, ValueError, RecursionError):
            return None

    def _add(self, entry: Entry, raw: bytes) -> bool:
        """Keep it; False when it is too early for its target."""
        at = milliseconds(entry.at)
        key = self._keys.get((entry.target, entry.kind))
        id = key.id if key is not None else self._id(entry.target, entry.kind)
        newest = self._newest.get(id, at - 1)
        if at < newest:
            self._early.add(id)
            return False
        self._early.discard(id)
        if at == newest:
            return True  # it is there already
        body = None
        if key is not None and 0 <= at - key.at < _STRETCH:
            body = _packed(raw, key.dictionary)
            if len(body) > _WORSE * key.size:
                body = None
        if body is None or key is None:
            body = _packed(raw)
            key = self._keys[entry.target, entry.kind] = _Key(id, at, len(body), raw[-_WINDOW:])
        self._db.execute("INSERT OR IGNORE INTO reading VALUES (?, ?, ?, ?)", (id, at, key.at, body))
        self._newest[id] = at
        return True

    def _id(self, name: str, kind: str) -> int:
        row = self._db.execute(
            "INSERT INTO target (name, kind) VALUES (?, ?) ON CONFLICT DO UPDATE SET kind = kind RETURNING id",
            (name, kind),
        ).fetchone()
        found: int = row[0]
        last = self._db.execute("SELECT max(at) FROM reading WHERE target = ?", (found,)).fetchone()[0]
        if last is not None:
            self._newest[found] = last
        return found

    @property
    def size(self) -> int:
        """Bytes in use. Raises `TapeError`."""
        asked = ("page_count", "freelist_count", "page_size")
        with self._reading():
            pages, free, page = (self._db.execute(f"PRAGMA {what}").fetchone()[0] for what in asked)
        return int((pages - free) * page)

    def copy(self, to: Path) -> None:
        """Write all of it as it stands into an empty file, while others go on writing here. Raises `TapeError`."""
        try:
            self._db.execute("VACUUM INTO ?", (str(to),))
        except sqlite3.Error as error:
            raise keep.trouble(TapeError, self.path.name, "copied", error) from None

    def trim(self, before: datetime | None = None) -> int:
        """Let what is older than `before` go, and the oldest stretches while the file is over its size.

        How many readings went. Raises `TapeError`.
        """
        gone = 0
        try:
            if before is not None:
                gone += self._drop(milliseconds(before))
            while (size := self.size) > self._limit:
                cut = self._cutoff(min(1 - self._limit * _AFTER_TRIM / size, _AT_ONCE))
                if cut is None:
                    break
                gone += self._drop(cut)
        except sqlite3.Error as error:
            raise keep.trouble(TapeError, self.path.name, "written", error) from None
        return gone

    def _drop(self, before: int) -> int:
        """Let every stretch go that began before that moment, and every mark."""
        with self._db:
            gone = 0
            for (id,) in self._db.execute("SELECT id FROM target").fetchall():
                gone += self._db.execute(_DROP, (id, before + _STRETCH, before)).rowcount
            self._db.execute("DELETE FROM mark WHERE at < ?", (before,))
        self._keys = {mark: key for mark, key in self._keys.items() if key.at >= before}
        return gone

    def _cutoff(self, share: float) -> int | None:
        """The moment before which about that share of the time lies that the file covers."""
        first, last = self._db.execute(
            "SELECT min((SELECT min(at) FROM reading WHERE target = id)), "
            "max((SELECT max(at) FROM reading WHERE target = id)) FROM target"
        ).fetchone()
        if first is None or first == last:
            return None
        return int(first + max(share, 0.01) * (last - first)) + 1

    def kept(self) -> Sequence[Kept]:
        """The targets in the file and the time that each covers. Raises `TapeError`, as all that read do."""
        with self._reading():
            rows = self._db.execute(
                "SELECT name, kind, (SELECT min(at) FROM reading WHERE target = id) AS first, "
                "(SELECT max(at) FROM reading WHERE target = id) FROM target WHERE first IS NOT NULL ORDER BY id"
            ).fetchall()
        return [Kept(name, kind, moment(first), moment(last)) for name, kind, first, last in rows]

    def at(self, when: datetime) -> Sequence[Entry]:
        """The newest reading of each target at that moment; targets with none before it are left out."""
        with self._reading():
            rows = self._db.execute(
                "SELECT id, name, kind, (SELECT max(at) FROM reading WHERE target = id AND at <= ?) AS newest "
                "FROM target WHERE newest IS NOT NULL ORDER BY id",
                (milliseconds(when),),
            ).fetchall()
        found = []
        for id, name, kind, newest in rows:
            entry = next(self._entries(id, name, kind, newest, newest), None)
            if entry is not None:
                found.append(entry)
        return found

    def between(self, name: str, since: datetime, until: datetime) -> Iterator[Entry]:
        """The readings of a target in a span of time, both ends included, oldest first."""
        with self._reading():
            rows = self._db.execute("SELECT id, kind FROM target WHERE name = ? ORDER BY id", (name,)).fetchall()
        for id, kind in rows:
            yield from self._entries(id, name, kind, milliseconds(since), milliseconds(until))

    def back(self, name: str, kind: str, since: datetime, until: datetime) -> Iterator[Entry]:
        """The readings of a target in a span of time, both ends included, newest first."""
        id = self._known(name, kind)
        if id is not None:
            yield from self._entries(id, name, kind, milliseconds(since), milliseconds(until), "DESC")

    def written(self, name: str, kind: str, since: datetime, until: datetime, most: int = 0) -> list[tuple[int, bytes]]:
        """(milliseconds, JSON) of the readings of a target in a span of time, oldest first; the newest `most` of them.

        Much quicker than `between` for who needs but a part of each.
        """
        id = self._known(name, kind)
        if id is None:
            return []
        found = self._raw(id, milliseconds(since), milliseconds(until), "DESC", most)
        return list(found)[::-1]

    def _known(self, name: str, kind: str) -> int | None:
        with self._reading():
            row = self._db.execute("SELECT id FROM target WHERE name = ? AND kind = ?", (name, kind)).fetchone()
        return None if row is None else int(row[0])

    def _entries(self, id: int, name: str, kind: str, since: int, until: int, order: str = "ASC") -> Iterator[Entry]:
        for at, raw in self._raw(id, since, until, order):
            try:
                yield Entry(name, kind, moment(at), _object(raw))
            except (TypeError, ValueError, OverflowError):
                continue  # damaged: a gap, as if it had not been read

    def _raw(self, id: int, since: int, until: int, order: str, most: int = 0) -> Iterator[tuple[int, bytes]]:
        known: tuple[int, bytes] | None = None
        with self._reading():
            rows = self._db.execute(
                "SELECT at, key, body FROM reading WHERE target = ? AND at BETWEEN ? AND ? "
                f"ORDER BY at {order} LIMIT ?",
                (id, since, until, most or -1),
            )
            for at, key, body in rows:
                try:
                    if at == key:
                        raw = _unpacked(body)
                        known = key, raw[-_WINDOW:]
                    else:
                        if known is None or known[0] != key:
                            known = key, self._dictionary(id, key)
                        raw = _unpacked(body, known[1])
                except (zlib.error, ValueError, LookupError, TypeError):
                    continue  # damaged: a gap
                yield at, raw

    def _dictionary(self, id: int, key: int) -> bytes:
        row = self._db.execute("SELECT body FROM reading WHERE target = ? AND at = ?", (id, key)).fetchone()
        if row is None:
            raise LookupError(key)
        return _unpacked(row[0])[-_WINDOW:]

    def after(self, when: datetime) -> datetime | None:
        """The moment of the first reading of any target after `when`."""
        return self._nearest("min", ">", when)

    def before(self, when: datetime) -> datetime | None:
        """The moment of the last reading of any target before `when`."""
        return self._nearest("max", "<", when)

    def _nearest(self, which: str, side: str, when: datetime) -> datetime | None:
        with self._reading():
            (found,) = self._db.execute(
                f"SELECT {which}((SELECT {which}(at) FROM reading WHERE target = id AND at {side} ?)) FROM target",
                (milliseconds(when),),
            ).fetchone()
        return None if found is None else moment(found)

    def gap_after(self, when: datetime, longest: timedelta, until: datetime) -> datetime | None:
        """The moment of the last reading before the first time longer than `longest` in which there is none."""
        least = milliseconds(when)
        step = max(1, int(longest.total_seconds() * 1000))
        while least <= milliseconds(until):
            after = self._nearest("max", f"<= {least + step} AND at >", moment(least))
            if after is None:
                return self.before(moment(least + 1)) if self.after(moment(least)) is not None else None
            least = milliseconds(after)
        return None

    def marks(self, since: datetime, until: datetime, sorts: Sequence[str] = ()) -> Sequence[Mark]:
        """What happened in a span of time, both ends included, oldest first; of these sorts, or of all."""
        wanted = f"AND sort IN ({','.join('?' * len(sorts))})" if sorts else ""
        found = self._marks(
            f"at BETWEEN ? AND ? {wanted} ORDER BY at, rowid", milliseconds(since), milliseconds(until), *sorts
        )
        return [mark for _, mark in found]

    def all_marks(self, since: datetime, until: datetime) -> Iterator[Mark]:
        """The same, one at a time, however many there are."""
        condition = "at BETWEEN ? AND ? ORDER BY at, rowid"
        return (mark for _, mark in self._marks(condition, milliseconds(since), milliseconds(until)))

    def newest_marks(
        self, target: str, since: datetime, until: datetime, sorts: Sequence[str], most: int
    ) -> Sequence[Mark]:
        """The newest marks about a target in a span of time, of these sorts, oldest first; at most so many."""
        condition = (
            f"target = ? AND at BETWEEN ? AND ? AND sort IN ({','.join('?' * len(sorts))}) "
            "ORDER BY at DESC, rowid DESC LIMIT ?"
        )
        found = self._marks(condition, target, milliseconds(since), milliseconds(until), *sorts, most)
        return [mark for _, mark in found][::-1]

    def last_mark(self, sort: str, when: datetime) -> tuple[int, Mark] | None:
        """(place, mark) of the newest mark of a sort at that moment."""
        return next(self._marks("sort = ? AND at <= ? ORDER BY at DESC, rowid DESC", sort, milliseconds(when)), None)

    def next_mark(self, sort: str, when: datetime) -> Mark | None:
        """The first mark of a sort after that moment."""
        found = self._marks("sort = ? AND at > ? ORDER BY at, rowid", sort, milliseconds(when))
        return next((mark for _, mark in found), None)

    def previous_mark(self, sort: str, when: datetime) -> Mark | None:
        """The last mark of a sort before that moment."""
        found = self._marks("sort = ? AND at < ? ORDER BY at DESC, rowid DESC", sort, milliseconds(when))
        return next((mark for _, mark in found), None)

    def written_after(self, place: int, since: datetime, until: datetime, sorts: Sequence[str]) -> Sequence[Mark]:
        """Marks of these sorts and this time that were written after the one at that place, as they were written."""
        wanted = ",".join("?" * len(sorts))
        condition = f"sort IN ({wanted}) AND at BETWEEN ? AND ? AND rowid > ? ORDER BY rowid"
        found = self._marks(condition, *sorts, milliseconds(since), milliseconds(until), place)
        return [mark for _, mark in found]

    def _marks(self, condition: str, *values: object) -> Iterator[tuple[int, Mark]]:
        with self._reading():
            for place, at, sort, target, body in self._db.execute(
                f"SELECT rowid, at, sort, target, body FROM mark WHERE {condition}", values
            ):
                try:
                    yield place, Mark(moment(at), sort, target, _object(body))
                except (TypeError, ValueError, OverflowError):
                    continue  # damaged

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise keep.trouble(TapeError, self.path.name, "read", error) from None

    @contextmanager
    def steady(self) -> Iterator[None]:
        """What is read within belongs together, however much is written meanwhile."""
        with self._reading():
            self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")


def _opened(path: Path) -> tuple[sqlite3.Connection, int]:
    """A connection that reads, and the form of the file."""
    last: sqlite3.Error | None = None
    modes: tuple[Literal["ro"], Literal["ro&immutable=1"]] = ("ro", "ro&immutable=1")
    for mode in modes:  # a copy where nothing may be written beside it is read as it is
        connection = keep.connect(path, mode)
        try:
            return connection, keep.form_of(connection)
        except sqlite3.OperationalError as error:
            connection.close()
            last = error
        except sqlite3.Error:
            connection.close()
            raise
    assert last is not None
    raise last


def _prepare(connection: sqlite3.Connection) -> None:
    keep.prepare(connection, _TABLES, _FORM)
    with connection:
        connection.execute(_INDEX)


def _object(raw: str | bytes) -> dict[str, Any]:
    found = json.loads(raw)
    if not isinstance(found, dict):
        raise TypeError
    return found


def _text(found: Mapping[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


_RAW: Final = -zlib.MAX_WBITS
"""Deflate without a header."""

_MEMORY: Final = 5
"""zlib's memory level: the readings are small, and setting up more of it takes longer than the work."""

_LARGEST: Final = 64 << 20
"""Bytes that a reading may have; more is damage."""


def _packed(raw: bytes, dictionary: bytes = b"") -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, _RAW, _MEMORY, zdict=dictionary)
    return packer.compress(raw) + packer.flush()


def _unpacked(body: bytes, dictionary: bytes = b"") -> bytes:
    opener = zlib.decompressobj(_RAW, zdict=dictionary)
    raw = opener.decompress(body, _LARGEST)
    if not opener.eof:
        raise ValueError("it ends too early")
    return raw
