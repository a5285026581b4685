"""Where records go: a file of our own, and the machine's log. They fail for different reasons.

A sink takes a record whole and lasting, or raises `OSError`. All of this blocks; the trail calls it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path
from typing import Any, Final, Protocol

from desk.audit.record import START, Code, Record
from desk.private import open_file, open_folder

RESERVE: Final = 256 << 10
"""Bytes kept free for the last records of a full disk."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_RESERVED: Final = "reserve"
SYSTEM_LOG: Final = "/dev/log"
_PRIORITY: Final = 10 << 3 | 5
"""Facility authpriv, severity notice (RFC 5424, section 6.2.1)."""


class Sink(Protocol):
    """Takes records."""

    name: str
    """For a person: "the audit file"."""

    def write(self, record: Record) -> None:
        """Keep the record, lasting, or raise `OSError`."""
        ...

    def close(self) -> None:
        """Let go. May be called twice."""
        ...


class FileSink:
    """One file for each writer, made with its first record; only ever appended to."""

    name = "the audit file"

    def __init__(self, folder: Path, writer: str) -> None:
        self._folder = folder
        self._writer = writer
        self._file: int | None = None
        self._length = 0
        self._torn = False
        """True when half a record may stand at the end."""
        self._gave_way = False
        self.path = folder / f"{writer}.jsonl"

    def write(self, record: Record) -> None:
        """Append and wait until it is on the disk; a full disk is given its reserve back once."""
        try:
            self._append(record.line)
        except OSError as error:
            if error.errno not in _FULL or not self._give_way():
                raise
            self._append(record.line)

    def close(self) -> None:
        """Close the file."""
        opened, self._file = self._file, None
        if opened is not None:
            os.close(opened)

    def _append(self, line: bytes) -> None:
        if self._file is None:
            self._file = self._made()
        if self._torn:
            self._mend(self._file)
        self._torn = True
        try:
            written = os.write(self._file, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, "the record was cut")
            os.fdatasync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                self._mend(self._file)
            raise
        self._torn = False
        self._length += len(line)

    def _mend(self, file: int) -> None:
        """Half a record must not stand before the next one."""
        os.ftruncate(file, self._length)
        self._torn = False

    def _made(self) -> int:
        inside = open_folder(self._folder)
        try:
            if not self._gave_way:
                self._keep_reserve(inside)
            made = open_file(inside, self.path.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
            try:
                os.fsync(inside)
            except OSError:  # it must be possible to make it again
                os.close(made)
                with contextlib.suppress(OSError):
                    os.unlink(self.path.name, dir_fd=inside)
                raise
            return made
        finally:
            os.close(inside)

    def _keep_reserve(self, inside: int) -> None:
        with contextlib.suppress(OSError):
            reserve = open_file(inside, _RESERVED, os.O_WRONLY | os.O_CREAT)
            try:
                os.posix_fallocate(reserve, 0, RESERVE)
            finally:
                os.close(reserve)

    def _give_way(self) -> bool:
        """Free the reserve; False when there is none."""
        self._gave_way = True
        try:
            (self._folder / _RESERVED).unlink()
        except OSError:
            return False
        return True


class SystemLog:
    """The machine's log, through its datagram socket: journald or a syslog daemon, which others can't rewrite."""

    name = "the system's log"

    def __init__(self, path: str = SYSTEM_LOG) -> None:
        self._path = path

    def write(self, record: Record) -> None:
        """Send the whole record as one message."""
        text = f"<{_PRIORITY}>opsroom[{os.getpid()}]: ".encode() + record.line.rstrip(b"\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.settimeout(1.0)
            out.connect(self._path)
            out.send(text)

    def close(self) -> None:
        """Nothing is kept open."""


class LastResort:
    """Standard error: where records go that nothing else takes, once a person has said why acts go on all the same.

    While a screen has the terminal that standard error leads to, they wait in memory until `speak`.
    """

    name = "standard error"

    def __init__(self, reason: str, at_once: bool, out: int = 2) -> None:
        """`at_once`: nothing else is shown where `out` leads."""
        self.reason = reason
        self._at_once = at_once
        self._out = out
        self._left: list[bytes] = []
        self.took = False
        """True once a record is nowhere else."""

    def write(self, record: Record) -> None:
        """Take the record."""
        self.took = True
        if self._at_once:
            _whole(self._out, record.line)
        else:
            self._left.append(record.line)

    def speak(self) -> None:
        """Write what waits: the terminal is free. What it does not take is lost."""
        left, self._left = self._left, []
        with contextlib.suppress(OSError):
            _whole(self._out, b"".join(left))

    def close(self) -> None:
        """Nothing is kept open."""


def _whole(out: int, text: bytes) -> None:
    while text:
        text = text[os.write(out, text) :]


class Chain:
    """One writer's records through all sinks. A record counts as kept when at least one sink took it; what none of
    them takes goes to the last resort, where a person wants that."""

    def __init__(self, writer: str, sinks: tuple[Sink, ...], last: LastResort | None = None) -> None:
        self.writer = writer
        self._sinks = sinks
        self._last = last
        self._heads = {sink.name: START for sink in (*sinks, *([last] if last is not None else []))}
        self._seq = 0
        self.head = START
        """Hash of the newest record that was kept."""
        self.failing: dict[str, str] = {}
        """Sinks that did not take the newest record, with the system's reason."""
        self._process: Any = None
        """Who writes, from the first record, for a sink that did not get that one."""

    def append(self, record: Record) -> Record:
        """Number, chain and write it; the record as it was kept. Raises `OSError` when no sink took it."""
        kept = Record(record.writer, self._seq, record.at, record.code, record.data, self.head)
        taken = [sink for sink in self._sinks if self._offer(sink, kept)]
        if not taken and not (self._last is not None and self._offer(self._last, kept)):
            reasons = "; ".join(f"{name}: {why}" for name, why in self.failing.items()) or "there is no sink"
            raise OSError(errno.EIO, reasons)
        self._process = self._process or kept.data.get("process")
        self._seq += 1
        self.head = kept.hash
        return kept

    def close(self) -> None:
        """Let go of every sink."""
        for sink in self._sinks:
            sink.close()

    def _offer(self, sink: Sink, record: Record) -> bool:
        try:
            if self._heads[sink.name] != record.before:
                missed = self._missed(sink, record)
                sink.write(missed)
                self._heads[sink.name] = missed.hash
            sink.write(record)
        except OSError as error:
            self.failing[sink.name] = (error.strerror or type(error).__name__).lower()
            return False
        self.failing.pop(sink.name, None)
        self._heads[sink.name] = record.hash
        return True

    def _missed(self, sink: Sink, record: Record) -> Record:
        """Says in the sink's own chain that records are missing there, and where the true chain stands."""
        data: dict[str, Any] = {"stands_at": record.before, "next": record.seq}
        if self._heads[sink.name] == START:
            data["process"] = self._process
        return Record(record.writer, record.seq, record.at, Code.MISSED, data, self._heads[sink.name])
