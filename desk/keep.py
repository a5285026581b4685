"""Files in which a session keeps what it sees: SQLite, ours alone, open in several sessions at once.

https://www.sqlite.org/wal.html says what survives: a killed process loses nothing that was committed, a power cut may
lose the last seconds, neither damages the file.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeVar

from desk.private import open_file, open_folder

_BUSY: Final = 5.0
"""Seconds that another session's write is waited for."""


class KeepError(Exception):
    """A file can't be used; the message says why, for a person."""

    def __init__(self, message: str, *, damaged: bool = False, full: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged
        """True when the file itself is broken, so that only another one helps."""
        self.full = full
        """True when there was no room."""


E = TypeVar("E", bound=KeepError)


def make(path: Path) -> None:
    """Make the file where it is not there, readable by us alone. Raises `OSError`."""
    inside = open_folder(path.parent)
    try:
        os.close(open_file(inside, path.name, os.O_RDWR | os.O_CREAT))
    finally:
        os.close(inside)


def connect(path: Path, mode: Literal["ro", "rw", "ro&immutable=1"], *, by_hand: bool = False) -> sqlite3.Connection:
    """A connection to a file that is there; it belongs to one thread at a time. Raises `sqlite3.Error`.

    `by_hand`: transactions begin where they are told to, and not by themselves.
    """
    address = f"{path.absolute().as_uri()}?mode={mode}"
    level: Literal["DEFERRED"] | None = None if by_hand else "DEFERRED"
    return sqlite3.connect(address, timeout=_BUSY, uri=True, check_same_thread=False, isolation_level=level)


def to_write(path: Path, *, by_hand: bool = False, sure: bool = False) -> sqlite3.Connection:
    """A connection that writes; the file is made where it is not there. Raises `OSError` or `sqlite3.Error`.

    `sure`: what is committed survives a power cut too.
    """
    make(path)
    connection = connect(path, "rw", by_hand=by_hand)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if sure else 'NORMAL'}")
    except BaseException:
        connection.close()
        raise
    return connection


def form_of(connection: sqlite3.Connection) -> int:
    """The version of its tables; 0: it has none yet. Raises `sqlite3.Error`."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def another(form: int, known: int) -> str:
    """Why a file of that version can't be used."""
    return f"it is in form {form}, known is {known}: another version wrote it"


def prepare(connection: sqlite3.Connection, tables: str, known: int) -> None:
    """Make the tables where they are not there. Raises `sqlite3.Error`, also for tables of another version."""
    form = form_of(connection)
    if form == 0:
        connection.execute("BEGIN IMMEDIATE")
        form = form_of(connection)
        if form == 0:  # another session may have been faster
            for statement in tables.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {known}")
            form = known
        connection.execute("COMMIT")
    if form != known:
        raise sqlite3.OperationalError(another(form, known))


def trouble(kind: type[E], name: str, done: str, error: Exception) -> E:
    """What went wrong, in words; `done`: what could not be done with the file."""
    if isinstance(error, OSError):
        why = (error.strerror or str(error) or type(error).__name__).lower()
        return kind(f"{name} can't be {done}: {why}")
    full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
    damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
    return kind(f"{name} can't be {done}: {str(error).lower()}", damaged=damaged, full=full)


def set_aside(path: Path, at: datetime) -> Path:
    """Move a damaged file out of the way, whole; where it is now. Raises `OSError`."""
    aside = path.with_name(f"{path.stem}-damaged-{at:%Y%m%dT%H%M%S}{path.suffix}")
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside
