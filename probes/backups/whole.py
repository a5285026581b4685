"""Reads a backup to its end. A list of contents is not enough: the data behind it may be cut off.

- custom, directory: pg_restore writes all of it to nowhere;
- tar: as well, and every member is walked to the end mark, since pg_restore takes a tar that is cut off for whole;
- plain: read to the line that says it is complete, which current releases follow by another one; gzip's sums too.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, cast

from probes.backups.facts import ARCHIVES, TEXTS
from probes.backups.head import head_of
from probes.base import Cause, Lane, ProbeError, SafeText
from probes.exec import run

_CHUNK: Final = 1 << 20
_BLOCK: Final = 512
_LONGEST: Final = 1 << 16
"""Bytes of a line that are looked at."""
_COMPLETE: Final = b"-- PostgreSQL database dump complete"
_COPY: Final = re.compile(rb"^COPY .* FROM stdin;\s*$")
_ORDERS: Final = re.compile(
    rb"^\s*\\(?!\.|restrict |unrestrict |N\b)"
    rb"|(?:^|;)\s*(?:(?:CREATE|DROP|ALTER)\s+(?:DATABASE|ROLE|USER|GROUP|TABLESPACE)\b|ALTER\s+SYSTEM\b)",
    re.IGNORECASE,
)
"""Lines that reach beyond the database they are read into: \\connect, \\!, DROP DATABASE, ALTER SYSTEM ..."""


async def fault_of(path: Path, pg_restore: str | None, within: float, lane: Lane) -> SafeText:
    """What is wrong with a backup; empty when it is whole. Raises `ProbeError` when it can't be told."""
    try:
        head = await lane.run(head_of, path)
        if head.format == "empty":
            return SafeText("it is empty: 0 bytes")
        if head.format == "cluster":
            return SafeText("it is a dump of a whole cluster (pg_dumpall), not of a database")
        if not head.usable:
            return SafeText("it is no PostgreSQL dump")
        if head.format in TEXTS:
            return await lane.run(_text_fault, path, head.format)
        if head.format == "tar" and (cut := await lane.run(_tar_fault, path)):
            return cut
    except PermissionError:
        raise ProbeError(Cause.LOCAL_PERM, "we may not read it") from None
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, "it is gone") from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_DISK, f"it can't be read: {(error.strerror or '').lower()}") from None
    assert head.format in ARCHIVES
    if pg_restore is None:
        raise ProbeError(Cause.MISSING, f"no pg_restore here reads an archive of pg_dump {head.program}")
    ran = await run([pg_restore, "-f", "/dev/null", str(path)], within=within, limit=1 << 16)
    return SafeText() if ran.code == 0 else explained(ran.complaint)


_TEXTS: Final = (
    ("end of file|too short|incomplete tar", "it is cut off: the archive ends in the middle"),
    ("unsupported version", "it was taken by a newer pg_dump than the pg_restore here"),
    ("could not open input file|could not open .*file", "a part of it is missing or can't be opened"),
    ("uncompress|corrupt|invalid|did not find magic|unexpected|checksum|crc", "it is damaged inside"),
)


def explained(complaint: SafeText) -> SafeText:
    """What pg_restore complains of, in our words, with its own behind."""
    said = str(complaint).removeprefix("pg_restore: ").removeprefix("error: ")
    for pattern, words in _TEXTS:
        if re.search(pattern, said, re.IGNORECASE):
            return SafeText(f"{words} ({said})", 300)
    return SafeText(f"pg_restore can't read it: {said}", 300)


def _tar_fault(path: Path) -> SafeText:
    """Every member must be there, and two empty blocks at the end (POSIX ustar)."""
    total = path.stat().st_size
    with open(path, "rb") as file:
        at = 0
        while True:
            file.seek(at)
            header = file.read(_BLOCK)
            if len(header) < _BLOCK:
                return SafeText(f"it is cut off: the tar ends at {total:,} bytes without its end mark")
            if not header.strip(b"\0"):
                if len(file.read(_BLOCK)) == _BLOCK:
                    return SafeText()
                return SafeText(f"it is cut off: the tar ends at {total:,} bytes within its end mark")
            length = _tar_length(header)
            if length is None:
                return SafeText("it is damaged inside: a tar header can't be read")
            at += _BLOCK + (length + _BLOCK - 1) // _BLOCK * _BLOCK
            if at > total:
                return SafeText(f"it is cut off: a table's data should reach to {at:,} bytes, the file has {total:,}")


def _tar_length(header: bytes) -> int | None:
    """A member's size: octal, or base-256 where that is too short (https://www.gnu.org/software/tar/manual/)."""
    field = header[124:136]
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        return None


def opened(path: Path, form: str) -> IO[bytes]:
    """The text of a plain dump, decompressed. Raises `OSError`."""
    return cast(IO[bytes], gzip.open(path, "rb")) if form == "plain.gz" else open(path, "rb")


def lines_of(file: IO[bytes], line: Callable[[bytes], None]) -> None:
    """Hand over every line that is no row of data, its length bounded. Raises what reading raises."""
    rest, in_copy = b"", False
    while chunk := file.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        for one in whole:
            if in_copy:
                in_copy = one.rstrip(b"\r") != b"\\."
            else:
                in_copy = _COPY.match(one[:_LONGEST]) is not None
                line(one[:_LONGEST])
        if len(rest) > 16 * _CHUNK:  # one row of that length: its end is all that matters
            rest = rest[:_LONGEST] if not in_copy else b"."
    if rest and not in_copy:
        line(rest[:_LONGEST])


def _text_fault(path: Path, form: str) -> SafeText:
    ended = False

    def look(line: bytes) -> None:
        nonlocal ended
        ended = ended or line.startswith(_COMPLETE)

    try:
        with opened(path, form) as file:
            lines_of(file, look)
    except EOFError:
        return SafeText("it is cut off: the compressed data ends in the middle")
    except (gzip.BadGzipFile, zlib.error):
        return SafeText("it is damaged inside: the compressed data does not fit its sums")
    return SafeText() if ended else SafeText("it is cut off: pg_dump's last words, “dump complete”, are missing")


def beyond(path: Path, form: str) -> SafeText:
    """The first line of a plain dump that reaches beyond its database; empty: none. Blocking; raises `OSError`.

    psql would follow it: a dump made with --create --clean drops the live database, wherever it is read into.
    """
    found: list[bytes] = []

    def look(line: bytes) -> None:
        if not found and _ORDERS.search(line):
            found.append(line[:120])

    with opened(path, form) as file:
        lines_of(file, look)
    return SafeText(found[0].strip()) if found else SafeText()
