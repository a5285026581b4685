"""Searches files whole, rotated and compressed ones too, oldest first: the work is done by `scan` in a process of its
own, which ends when nobody wants the answer any more."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes import exec as programs
from probes.base import Cause, ProbeError, SafeText
from probes.base.log import Note, Times, masked
from probes.logs import scan
from probes.logs.files import names
from probes.logs.query import Query

FILES: Final = 1000
"""Files searched at most, the newest."""
_ROTATED: Final = re.compile(r"[.-][\d.-]+(?:\.(?:gz|bz2|xz|zst))?$|\.(?:gz|bz2|xz|zst|old)$")
"""What logrotate, and those like it, put behind a name."""
_STEPS: Final = 60
_PIECE: Final = 1 << 16
"""Bytes read in one step of looking for a time."""
_UNKNOWN: Final = (".zst", ".lz4", ".zip", ".Z")


@dataclass(frozen=True, slots=True)
class Plan:
    """Which files, from which byte on."""

    files: tuple[tuple[str, int], ...]
    size: int
    """Bytes to read."""
    left_out: tuple[str, ...] = ()
    """What is not searched, in words."""


def plan(patterns: Sequence[str], since: float | None, times: Times) -> Plan:
    """The files of all patterns and those rotated away from them, oldest first. Blocks: call it in a lane."""
    found: dict[tuple[int, int], tuple[float, int, str]] = {}
    said: list[str] = []
    for pattern in map(os.path.expanduser, patterns):
        rotated = [one for one in sorted(glob.glob(_escaped(pattern) + "*")) if _ROTATED.search(one)]
        for path in [*names(pattern), *rotated]:
            try:
                one = os.stat(path)
            except OSError:
                continue
            if not os.path.isfile(path) or one.st_size == 0 or (since is not None and one.st_mtime < since):
                continue
            if path.endswith(_UNKNOWN):
                said.append(f"{path}: compressed in a way that is not read here")
                continue
            found.setdefault((one.st_dev, one.st_ino), (one.st_mtime, one.st_size, path))
    ordered = sorted(found.values())
    if len(ordered) > FILES:
        said.append(f"{len(ordered) - FILES} older files: at most {FILES} are searched")
    files, size = [], 0
    for _, length, path in ordered[-FILES:]:
        packed = os.path.splitext(path)[1] in scan.OPENERS
        start = begin(path, length, since, times) if since is not None and not packed else 0
        files.append((path, start))
        size += length - start
    return Plan(tuple(files), size, tuple(said))


def _escaped(pattern: str) -> str:
    return pattern if glob.has_magic(pattern) else glob.escape(pattern)


def begin(path: str, size: int, since: float, times: Times) -> int:
    """The first byte of a line from a time on, by halving: a file of any size takes some sixty short reads.

    Lines whose times go backwards may be missed; those without a time belong to the line before.
    """
    low, high = 0, size
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        for _ in range(_STEPS):
            if high - low <= _PIECE:
                break
            middle = (low + high) // 2
            at = _first_time(os.pread(handle, _PIECE, middle), times)
            if at is None or at >= since:
                high = middle
            else:
                low = middle
        found = os.pread(handle, _PIECE, low).find(b"\n") + 1 if low else 0
        return low + found
    except OSError:
        return 0
    finally:
        os.close(handle)


def _first_time(piece: bytes, times: Times) -> float | None:
    for raw in piece.split(b"\n")[1:200]:
        at = times.of(raw[:600].decode("utf-8", "replace"))
        if at is not None:
            return at
    return None


async def search(files: Plan, query: Query, named: bool) -> AsyncGenerator[SafeText, None]:
    """Finds as they come; how far it is comes as a `Note`. Raises `ProbeError`.

    Of more finds than can be shown the first and the newest are given, and how many lie between.
    """
    for one in files.left_out:
        yield SafeText(f"(not searched: {one})", 400)
    if not files.files:
        yield Note(f"searched nothing: no file is there, {query.words}")
        return
    env = {"OPSROOM_SCAN": json.dumps({"files": files.files, **query.asked()})}
    if len(env["OPSROOM_SCAN"]) > 120_000:
        raise ProbeError(Cause.TOO_BIG, "the names of the files are too long to search all at once")
    argv = [sys.executable, "-I", "-S", str(Path(scan.__file__))]
    labels = _labels([path for path, _ in files.files]) if named else [""] * len(files.files)
    done = False
    async with aclosing(programs.lines(argv, env=env)) as answers:
        async for raw in answers:
            kind, body = raw[:1], raw[1:]
            if kind in (b"P", b"D"):
                done = kind == b"D"
                yield _progress(body, files, query, done)
                continue
            if kind == b"G":
                yield SafeText(f"({int(body):,} finds left out here: they are counted, and the newest follow)")
                continue
            number, _, text = body.partition(b":")
            label = labels[int(number)] if number.isdigit() and int(number) < len(labels) else ""
            if kind == b"E":
                yield SafeText(f"({files.files[int(number)][0]}: {text.decode('ascii', 'replace')})", 400)
                continue
            said = masked(text.rstrip(b"\r").decode("utf-8", "backslashreplace"))
            mark = "· " if kind == b"C" else ""
            yield SafeText.line(f"{label}{mark}{said}")
    if not done:
        raise ProbeError(Cause.CLOSED_EARLY, "the search broke off")


def _progress(body: bytes, files: Plan, query: Query, done: bool) -> Note:
    read, _, matches = body.partition(b" ")
    share = f"{min(99, int(read) * 100 // max(1, files.size))} % of " if not done else ""
    word = "searched" if done else "searching"
    number = len(files.files)
    things = "1 file" if number == 1 else f"{number} files"
    return Note(f"{word} {share}{things}, {files.size / 1e6:,.0f} MB: {int(matches):,} found, {query.words}")


def _labels(paths: Sequence[str]) -> list[str]:
    """The shortest ends of paths by which they are told apart."""
    if len(paths) < 2:
        return [""] * len(paths)
    bases = [os.path.basename(one) for one in paths]
    return [f"{base if bases.count(base) == 1 else path} │ " for path, base in zip(paths, bases, strict=True)]
