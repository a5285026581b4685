"""Follows files as they grow: found by name again and again, known by device and inode, read from where it was left.

Rotation by rename: the old file is read to its end while the new one is begun. Rotation by copy and truncation: the
file is begun anew, and what was written between two looks is found in the copy where the copy is among the names.
All of it blocks: call it in a lane.
"""

from __future__ import annotations

import glob
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

FILES: Final = 200
"""Files read at once in one source; those written to last."""
LONGEST: Final = 1 << 16
"""Bytes kept of one line."""
_CHUNK: Final = 1 << 20
_MARK: Final = 64
"""Bytes before our place that must still stand there."""
_HEAD: Final = 256
"""First bytes of a file, by which a copy is known; fewer than `_KNOWN` tell nothing."""
_KNOWN: Final = 48
_LEAVE: Final = 30.0
"""Seconds without growth after which a renamed or removed file is let go."""
COMPRESSED: Final = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z")

State = Literal["read", "denied", "gone", "not a file", "rotated", "unreadable"]


@dataclass(slots=True)
class Piece:
    """What is new in one file."""

    path: str
    lines: list[bytes] = field(default_factory=list)
    skipped: int = 0
    """Bytes left out before these lines."""
    anew: bool = False
    """It was emptied and begun anew."""
    begun: bool = False
    """Looked at for the first time, from somewhere in its midst or from its beginning."""


class Tail:
    """One open file and our place in it."""

    def __init__(self, path: str, handle: int, found: os.stat_result, at: int) -> None:
        self.path = path
        self.handle = handle
        self.id = (found.st_dev, found.st_ino)
        self.size = found.st_size
        self.written = found.st_mtime
        self.at = at
        self.grown = 0.0
        """Monotonic seconds of the last growth that was seen."""
        self.anew = 0
        self.rotated = False
        self._rest = bytearray()
        self._over = False
        """The line that is begun is too long already; what follows of it is dropped."""
        self._whole = at == 0
        """False while we are in the midst of a line whose beginning was not read."""
        self._mark = b""
        self._head = os.pread(handle, _HEAD, 0)
        if at > 0:
            self._whole = os.pread(handle, 1, at - 1) == b"\n"
            self._remember()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.handle)

    def copied_by(self, head: bytes) -> bool:
        """True when a file with this beginning is a copy of this one."""
        return len(self._head) >= _KNOWN and head[: len(self._head)] == self._head

    def look(self, now: float) -> bool:
        """How large it is now; True when there is something to read. Raises OSError."""
        found = os.fstat(self.handle)
        if found.st_size != self.size or found.st_mtime != self.written:
            self.grown = now
        self.size, self.written = found.st_size, found.st_mtime
        return self.size != self.at or self._moved()

    def news(self, most: int) -> Piece:
        """The whole lines since the last call, at most so many bytes of them, the newest. Raises OSError."""
        piece = Piece(self.path)
        if self.size < self.at or self._moved():
            piece.anew = True
            self.anew += 1
            self.at, self._whole, self._over = 0, True, False
            self._rest.clear()
            self._head = os.pread(self.handle, _HEAD, 0)
        if self.size - self.at > most:
            start = self.size - most
            piece.skipped = start - self.at + len(self._rest)
            self.at, self._whole, self._over = start, False, False
            self._rest.clear()
        while self.at < self.size:
            chunk = os.pread(self.handle, min(_CHUNK, self.size - self.at), self.at)
            if not chunk:
                break  # it was cut while we read: the next look sees that
            self.at += len(chunk)
            piece.lines += self._lines(chunk, piece)
        if len(self._head) < _HEAD:
            self._head = os.pread(self.handle, _HEAD, 0)
        self._remember()
        return piece

    def rest(self) -> bytes | None:
        """A last line without an end, taken as it is; None: there is none."""
        if not self._rest or not self._whole:
            return None
        line = bytes(self._rest)
        self._rest.clear()
        return line

    def _lines(self, chunk: bytes, piece: Piece) -> Iterator[bytes]:
        *whole, last = chunk.split(b"\n")
        for one in whole:
            if self._rest or self._over:
                self._add(one)
                one = bytes(self._rest)
                self._rest.clear()
                self._over = False
            if self._whole:
                yield one[:LONGEST]
            elif piece.skipped:
                piece.skipped += len(one) + 1
            self._whole = True
        self._add(last)

    def _add(self, more: bytes) -> None:
        room = LONGEST + 1 - len(self._rest)
        self._over = self._over or len(more) > room
        if room > 0:
            self._rest += more[:room]

    def _moved(self) -> bool:
        """True when what stood before our place does not stand there any more: it was emptied and has grown past."""
        if not self._mark or self.size < self.at:
            return False
        return os.pread(self.handle, len(self._mark), self.at - len(self._mark)) != self._mark

    def _remember(self) -> None:
        self._mark = os.pread(self.handle, min(_MARK, self.at), max(0, self.at - _MARK)) if self.at else b""


@dataclass(frozen=True, slots=True)
class Seen:
    """One file, as it was at the last look."""

    path: str
    state: State
    size: int | None = None
    written: float | None = None
    """Seconds since 1970."""
    anew: int = 0


@dataclass(slots=True)
class Looked:
    """What one look at a pattern found."""

    pieces: list[Piece] = field(default_factory=list)
    files: list[Seen] = field(default_factory=list)
    more: int = 0
    """Files beyond those that are read."""
    trouble: str = ""
    """Why there is no file: in words."""


class Follower:
    """The files of one pattern."""

    def __init__(self, pattern: str, back: int = 0) -> None:
        """`back` is how many bytes of each file the first look goes back."""
        self.pattern = os.path.expanduser(pattern)
        self._back = back
        self._tails: dict[tuple[int, int], Tail] = {}
        self._begun = False
        self._lock = threading.Lock()
        self._closed = False

    def look(self, budget: int, now: float, since: float = 0.0) -> Looked:
        """What is new, at most `budget` bytes. `now` is monotonic; the first look leaves out what was written to
        before `since` (seconds since 1970)."""
        looked = Looked()
        with self._lock:
            paths, looked.more = self._paths()
            there: set[tuple[int, int]] = set()
            fresh: list[Tail] = []
            for path in paths:
                self._meet(path, looked, there, fresh, since)
            for id, tail in self._tails.items():
                if id not in there and not tail.rotated:
                    tail.grown = now
                tail.rotated = id not in there
            self._read(looked, budget, now, fresh)
            self._begun = True
        if not paths:
            looked.trouble = _why_none(self.pattern)
        if self._closed:
            self.close()
        return looked

    def rests(self) -> Iterator[tuple[str, bytes]]:
        """Last lines without an end of files that grow no more."""
        for tail in self._tails.values():
            if (line := tail.rest()) is not None:
                yield tail.path, line

    def close(self) -> None:
        """Let go of all files; while a look is under way in another thread, at its end."""
        self._closed = True
        if not self._lock.acquire(blocking=False):
            return
        for tail in self._tails.values():
            tail.close()
        self._tails.clear()
        self._lock.release()

    def _paths(self) -> tuple[list[str], int]:
        return newest(one for one in names(self.pattern) if not one.endswith(COMPRESSED))

    def _meet(self, path: str, looked: Looked, there: set[tuple[int, int]], fresh: list[Tail], since: float) -> None:
        """Know a file again by its inode, or open it."""
        try:
            found = os.stat(path)
            id = (found.st_dev, found.st_ino)
            if id in there:
                return  # a second name of a file that is read already
            if not stat.S_ISREG(found.st_mode):
                looked.files.append(Seen(path, "not a file"))
                return
            if (known := self._tails.get(id)) is not None:
                known.path = path
                there.add(id)
                return
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError:
            looked.files.append(Seen(path, "denied"))
            return
        except FileNotFoundError:
            return
        except OSError:
            looked.files.append(Seen(path, "unreadable"))
            return
        try:
            found = os.fstat(handle)
            tail = Tail(path, handle, found, self._start(handle, found, since))
        except OSError:
            os.close(handle)
            looked.files.append(Seen(path, "unreadable"))
            return
        self._tails[tail.id] = tail
        there.add(tail.id)
        fresh.append(tail)

    def _start(self, handle: int, found: os.stat_result, since: float) -> int:
        """Where a file is begun: near its end at the first look, at its beginning when it is new since."""
        if not self._begun:
            return max(0, found.st_size - self._back) if found.st_mtime >= since else found.st_size
        head = os.pread(handle, _HEAD, 0)
        original = next((one for one in self._tails.values() if one.copied_by(head)), None)
        return 0 if original is None else min(original.at, found.st_size)

    def _read(self, looked: Looked, budget: int, now: float, fresh: Sequence[Tail]) -> None:
        wanting: list[Tail] = []
        for id, tail in list(self._tails.items()):
            try:
                if tail.look(now):
                    wanting.append(tail)
                elif tail.rotated and now - tail.grown > _LEAVE:
                    self._leave(id, tail, looked)
                    continue
            except OSError:
                looked.files.append(Seen(tail.path, "unreadable"))
                self._leave(id, tail, looked)
                continue
            state: State = "rotated" if tail.rotated else "read"
            looked.files.append(Seen(tail.path, state, tail.size, tail.written, tail.anew))
        share = max(LONGEST, budget // max(1, len(wanting)))
        for tail in sorted(wanting, key=lambda one: one.written):
            try:
                piece = tail.news(share)
            except OSError:
                self._leave(tail.id, tail, looked)
                continue
            piece.begun = tail in fresh
            looked.pieces.append(piece)

    def _leave(self, id: tuple[int, int], tail: Tail, looked: Looked) -> None:
        if (line := tail.rest()) is not None:
            looked.pieces.append(Piece(tail.path, [line]))
        tail.close()
        del self._tails[id]


def names(pattern: str) -> list[str]:
    """The paths of a pattern, in order; a path without a pattern in it stands for itself where it is there."""
    if not glob.has_magic(pattern):
        return [pattern] if os.path.lexists(pattern) else []
    return sorted(glob.glob(pattern, recursive=True))


def newest(paths: Iterator[str]) -> tuple[list[str], int]:
    """(the files written to last, by name, how many are left out)."""
    found = list(paths)
    if len(found) <= FILES:
        return found, 0

    def written(path: str) -> float:
        try:
            return os.stat(path).st_mtime
        except OSError:
            return 0.0

    return sorted(sorted(found, key=written)[-FILES:]), len(found) - FILES


def _why_none(pattern: str) -> str:
    """Why a pattern has no file: the folder is missing or closed, or there is simply none."""
    folder = os.path.dirname(pattern) or "."
    while glob.has_magic(folder):
        folder = os.path.dirname(folder) or "."
    try:
        with os.scandir(folder):
            pass
    except PermissionError:
        return f"not allowed to look into {folder}"
    except FileNotFoundError:
        return f"there is no folder {folder}"
    except OSError:
        return f"{folder} can't be read"
    return "there is no such file" if not glob.has_magic(pattern) else "no file has such a name"
