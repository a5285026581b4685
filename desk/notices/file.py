"""The file of the spool: its tables, and what may be wrong with it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from desk import keep
from desk.keep import KeepError

_FORM: Final = 1
"""Version of the tables; `PRAGMA user_version`."""

_TABLES: Final = """
CREATE TABLE notice (
    n INTEGER PRIMARY KEY AUTOINCREMENT, change TEXT NOT NULL, channel TEXT NOT NULL, case_id TEXT NOT NULL,
    identity TEXT NOT NULL, what TEXT NOT NULL, put REAL NOT NULL, due REAL NOT NULL, state TEXT NOT NULL,
    held INTEGER NOT NULL, doubt INTEGER NOT NULL, tries INTEGER NOT NULL, batch TEXT NOT NULL, ended REAL,
    body TEXT NOT NULL, UNIQUE (change, channel)
);
CREATE INDEX notice_case ON notice (channel, case_id, n);
CREATE INDEX notice_state ON notice (state, channel, n);
CREATE INDEX notice_alert ON notice (channel, identity, what, put);
CREATE TABLE channel (
    name TEXT PRIMARY KEY, began REAL NOT NULL, since REAL, tries INTEGER NOT NULL DEFAULT 0,
    until REAL NOT NULL DEFAULT 0, words TEXT NOT NULL DEFAULT '', told REAL, seen REAL NOT NULL DEFAULT 0
);
"""


class SpoolError(KeepError):
    """The spool can't be used; the message says why, for a person."""


def opened(path: Path) -> sqlite3.Connection:
    """A connection that writes; the file is made where it is not there. Raises `SpoolError`."""
    try:
        connection = keep.to_write(path, by_hand=True, sure=True)
        prepare(connection)
    except (OSError, sqlite3.Error) as error:
        raise trouble(path.name, error) from None
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where they are not there. Raises `sqlite3.Error`."""
    keep.prepare(connection, _TABLES, _FORM)


def trouble(name: str, error: Exception) -> SpoolError:
    """What went wrong with a file, in words."""
    return keep.trouble(SpoolError, name, "used", error)
