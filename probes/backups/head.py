"""The beginning of a backup: its format by what stands in it, never by its name.

An archive of pg_dump begins with PGDMP and tells its database, its versions and when it was begun (WriteHead in
https://git.postgresql.org/gitweb/?p=postgresql.git;a=blob;f=src/bin/pg_dump/pg_backup_archiver.c).
Blocking: for a lane.
"""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from probes.backups.facts import Head
from probes.base import SafeText

_LOOKED_AT: Final = 65536
"""Bytes of a beginning."""
_TAR_BLOCK: Final = 512
_FORMATS: Final = {1: "custom", 3: "tar", 5: "directory"}
_NAMED: Final = re.compile(rb"^-- Dumped from database version ([^\r\n]{1,60})", re.M)
_BY: Final = re.compile(rb"^-- Dumped by pg_dump version ([^\r\n]{1,60})", re.M)
_CONNECT: Final = re.compile(rb'^\\connect (?:-reuse-previous=on )?"?([\w$-]{1,63})"?\s*$', re.M)


def head_of(path: Path) -> Head:
    """What a backup begins with. Raises `OSError`."""
    if path.is_dir():
        inner = path / "toc.dat"
        found = _archive(_begin(inner), "directory") if inner.is_file() else None
        return found or Head("unknown")
    begin = _begin(path)
    if not begin:
        return Head("empty")
    if begin.startswith(b"PGDMP"):
        return _archive(begin, "custom") or Head("unknown")
    if begin[:8] == b"toc.dat\0":
        return _archive(begin[_TAR_BLOCK:], "tar") or Head("unknown")
    if begin.startswith(b"\x1f\x8b"):
        return _compressed(begin)
    return _text(begin, "plain")


def _begin(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_LOOKED_AT)


def _compressed(begin: bytes) -> Head:
    unpacked = zlib.decompressobj(wbits=31)
    inner = b""
    try:
        for at in range(0, len(begin), 16):  # what comes before a fault can still be read
            inner += unpacked.decompress(begin[at : at + 16], _LOOKED_AT)
            if len(inner) >= _LOOKED_AT:
                break
    except zlib.error:
        if not inner:
            return Head("unknown")
    return _text(inner, "plain.gz")


def _text(begin: bytes, form: str) -> Head:
    beginning = begin[:4096].lstrip()
    if b"PostgreSQL database cluster dump" in beginning:
        return Head("cluster")
    if b"PostgreSQL database dump" not in beginning:
        return Head("unknown")
    server, program, database = _NAMED.search(begin), _BY.search(begin), _CONNECT.search(begin)
    return Head(
        form,
        SafeText(database[1]) if database else None,
        SafeText(server[1].split()[0] if server else b""),
        SafeText(program[1].split()[0] if program else b""),
    )


class _Reader:
    """Reads the numbers and texts of an archive's head."""

    def __init__(self, data: bytes, at: int, width: int) -> None:
        self._data, self._at, self._width = data, at, width

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def number(self) -> int:
        negative = self.byte()
        value = int.from_bytes(self._data[self._at : self._at + self._width], "little")
        if self._at + self._width > len(self._data):
            raise IndexError
        self._at += self._width
        return -value if negative else value

    def text(self) -> bytes:
        length = self.number()
        if length < 0:
            return b""
        found = self._data[self._at : self._at + length]
        if len(found) < length:
            raise IndexError
        self._at += length
        return found


def _archive(begin: bytes, form: str) -> Head | None:
    """An archive's head; None when it is none."""
    if not begin.startswith(b"PGDMP"):
        return None
    try:
        version = (begin[5], begin[6])
        told = _FORMATS.get(begin[10])
        if told is None or (form == "custom") != (told == "custom"):
            return None
        read = _Reader(begin, 11, begin[8])
        _ = read.byte() if version >= (1, 15) else read.number()  # compression
        second, minute, hour, day, month, year = (read.number() for _ in range(6))
        read.number()  # daylight saving
        database, server, program = read.text(), read.text(), read.text()
    except IndexError:
        return Head(form)
    return Head(
        form,
        SafeText(database),
        SafeText((server.split() or [b""])[0]),
        SafeText((program.split() or [b""])[0]),
        _moment(year + 1900, month + 1, day, hour, minute, second),
    )


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int) -> datetime | None:
    """The time in an archive stands in the time zone of who took it; we take it for ours."""
    try:
        return datetime(year, month, day, hour, minute, min(second, 59)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def major(version: SafeText | str) -> int | None:
    """The major version in a text.

    >>> major("15.18"), major("pg_dump (PostgreSQL) 18.6"), major("")
    (15, 18, None)
    """
    found = re.search(r"\b(\d{1,3})(?:\.\d+|devel|beta\d+|rc\d+)", str(version))
    return int(found[1]) if found else None
