"""Finds in the kernel's own log whom it killed for lack of memory, and when. Read-only; needs the right to read it.

Form of a record: https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg
"""

from __future__ import annotations

import os
import re
from collections import deque
from typing import Final, NamedTuple

from probes.base import SafeText

_RECORD: Final = 8192
"""The kernel never gives a longer record."""
_MOST: Final = 8 << 20
"""Bytes read at most: more than any kernel keeps by default."""
_KILLED: Final = re.compile(
    rb"^\d+,\d+,(\d+),[^;\n]*;[^\n]*Killed process (\d+) \(([^\n]*?)\)(?:,| total-vm)", re.MULTILINE
)
_HEAD: Final = re.compile(rb"^\d+,\d+,(\d+),[^;]*;")


class Kill(NamedTuple):
    """A process that the kernel ended."""

    after: float
    """Seconds after boot."""
    pid: int
    name: SafeText


def read_log(path: str) -> bytes | None:
    """Everything the kernel still keeps, or None when it may not be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    kept = bytearray()
    try:
        while len(kept) < _MOST:
            try:
                chunk = os.read(handle, _RECORD)
            except BrokenPipeError:  # records were overwritten while we read: the next ones still come
                continue
            if not chunk:
                break
            kept += chunk
    except OSError:  # BlockingIOError at the end of the log
        pass
    finally:
        os.close(handle)
    return bytes(kept)


def parse_kills(raw: bytes) -> list[Kill]:
    """Those the kernel killed, oldest first.

    >>> parse_kills(b"3,9,12500000,-;Out of memory: Killed process 7 (app) total-vm:1kB\\n")
    [Kill(after=12.5, pid=7, name=SafeText('app'))]
    """
    return [
        Kill(int(found[1]) / 1e6, int(found[2]), SafeText(found[3], 64))
        for found in _KILLED.finditer(raw)
        if len(found[1]) < 20 and len(found[2]) < 12
    ]


def tail(raw: bytes, count: int) -> tuple[list[SafeText], int]:
    """(the newest lines with the seconds after boot, how many older ones were left out)."""
    kept: deque[bytes] = deque(maxlen=count)
    seen = 0
    for row in raw.splitlines():
        found = _HEAD.match(row)
        if found is not None:
            seen += 1
            kept.append(b"%d.%03d  " % divmod(int(found[1]) // 1000, 1000) + row[found.end() :])
    return [SafeText.line(row) for row in kept], seen - len(kept)
