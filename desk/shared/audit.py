"""The audit in the shared store: every record of this machine is copied there, and others' are read from there.

The files of the audit stay what counts on this machine. In the store each record is known by its own hash, so that it
is there once, and a witness: what was cut or rewritten here is still there.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from desk import keep
from desk.audit.record import Broken, Code, Record, canonical, parse
from desk.codec import CodecError
from desk.shared.file import CarriedFile
from desk.store import FileStore, StoreError

STREAM: Final = "audit"

_TABLE: Final = """CREATE TABLE IF NOT EXISTS copied (
    file TEXT PRIMARY KEY, upto INTEGER NOT NULL, ours INTEGER NOT NULL)"""
_MOST: Final = 4 << 20
"""Bytes of one file that are copied at once."""
_LARGEST: Final = 256 << 10
"""Bytes of one line; a longer one is no record of ours."""


def parsed(body: Mapping[str, Any]) -> Record:
    """The record again, its hash checked. Raises `CodecError`."""
    try:
        return parse(canonical(body) + b"\n")
    except (Broken, ValueError, TypeError, RecursionError) as error:
        raise CodecError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A record of somebody's audit, as the store has it."""

    record: Record
    by: str
    """The login that brought it, as the store says; empty: it was written on this machine."""


def witnessed(path: Path) -> list[Witnessed]:
    """Every record of the file that is shared, in order of time; none where there is no file. Raises `StoreError`."""
    if not path.exists():
        return []
    file = CarriedFile.open(path)
    try:
        sources = file.sources(STREAM)
        found, after = [], 0
        while rows := file.read(STREAM, after):
            after = rows[-1].seq
            for row in rows:
                try:
                    found.append(Witnessed(parsed(row.body), sources.get(row.id, "")))
                except CodecError:
                    continue
    finally:
        file.close()
    return sorted(found, key=lambda one: (one.record.at, one.record.writer, one.record.seq))


class AuditCopy:
    """Copies what is new in the files of the audit into the file that is shared. Belongs to the relay's thread."""

    def __init__(self, folder: Path, path: Path, system: str, environment: str) -> None:
        """`folder`: of the audit, of all systems; only records about this one are copied."""
        self._folder = folder
        self._path = path
        self._about = {"system": system, "environment": environment}
        self._file: _Copied | None = None

    def copy(self) -> None:
        """Copy what was written since. Raises `StoreError`."""
        if self._file is None:
            self._file = _Copied.begin(self._path)
        try:
            self._copy(self._file)
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _copy(self, file: _Copied) -> None:
        known = file.known()
        try:
            there = [one for one in os.scandir(self._folder) if one.name.endswith(".jsonl")]
            sizes = {one.name: one.stat(follow_symlinks=False).st_size for one in there}
        except FileNotFoundError:
            return
        except OSError as error:
            raise keep.trouble(StoreError, "the audit", "read", error) from None
        for name in sorted(sizes):
            upto, ours = known.get(name, (0, None))
            while sizes[name] > upto and ours is not False:
                lines, size = self._lines(name, upto)
                if not size:
                    break
                if ours is None:
                    ours = self._is_ours(lines)
                upto += size
                file.keep(name, upto, ours, [one for line in lines if (one := _read(line))] if ours else [])

    def _lines(self, name: str, upto: int) -> tuple[list[bytes], int]:
        """(whole lines from there, bytes of them)."""
        try:
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                file.seek(upto)
                found = file.read(_MOST)
        except OSError as error:
            raise keep.trouble(StoreError, "the audit", "read", error) from None
        whole = found[: found.rfind(b"\n") + 1]
        return whole.splitlines(keepends=True), len(whole)

    def _is_ours(self, lines: list[bytes]) -> bool:
        first = next((one for line in lines if (one := _read(line))), None)
        about = first.data.get("about") if first is not None and first.code is Code.SESSION_OPENED else None
        return isinstance(about, dict) and {name: about.get(name) for name in self._about} == self._about


def _read(line: bytes) -> Record | None:
    try:
        return parse(line) if len(line) <= _LARGEST else None
    except Broken:
        return None


class _Copied(FileStore):
    """The file that is shared, with how far each file of the audit was copied into it."""

    @classmethod
    def begin(cls, path: Path) -> _Copied:
        """Open it."""
        made = cls.open(path)
        assert isinstance(made, cls)
        try:
            made._db.execute(_TABLE)
        except sqlite3.Error as error:
            made.close()
            raise keep.trouble(StoreError, path.name, "used", error) from None
        return made

    def known(self) -> dict[str, tuple[int, bool | None]]:
        """file -> (bytes copied, whether it is about our system)."""
        self._stand()
        try:
            found = self._db.execute("SELECT file, upto, ours FROM copied").fetchall()
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None
        return {name: (upto, bool(ours)) for name, upto, ours in found}

    def keep(self, name: str, upto: int, ours: bool, records: list[Record]) -> None:
        """Keep records and how far the file was copied, both or neither."""
        rows = [
            (STREAM, one.hash, int(one.at.timestamp() * 1000), one.writer, json.dumps({**one.fields, "hash": one.hash}))
            for one in records
        ]
        try:
            with self._db:
                self._db.executemany(
                    "INSERT OR IGNORE INTO record (stream, id, at, about, body) VALUES (?, ?, ?, ?, ?)", rows
                )
                self._db.execute(
                    "INSERT INTO copied (file, upto, ours) VALUES (?, ?, ?) ON CONFLICT (file) DO UPDATE "
                    "SET upto = max(upto, excluded.upto), ours = excluded.ours",
                    (name, upto, ours),
                )
        except sqlite3.Error as error:
            raise keep.trouble(StoreError, self.path.name, "used", error) from None
