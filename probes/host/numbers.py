"""Reads kernel files and the numbers in them: garbage, negative and missing become None, and nothing here raises."""

from __future__ import annotations

import os
from typing import Final

from probes.base import finite

_CHUNK: Final = 1 << 16


def slurp(path: str, limit: int = 8 << 20) -> bytes | None:
    """A kernel file up to `limit` bytes, or None when it can't be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        kept = bytearray()
        while len(kept) < limit and (chunk := os.read(handle, min(_CHUNK, limit - len(kept)))):
            kept += chunk
        return bytes(kept)
    except OSError:
        return None
    finally:
        os.close(handle)


def natural(text: bytes | None) -> int | None:
    """A whole number that is not negative.

    >>> natural(b"12"), natural(b"-3"), natural(b"x"), natural(b"1_000"), natural(None)
    (12, None, None, None, None)
    """
    return int(text) if text is not None and len(text) < 25 and text.isdigit() else None


def real(text: bytes | None) -> float | None:
    """A finite number that is not negative.

    >>> real(b"0.52"), real(b"nan"), real(b"-1"), real(b"1_0"), real(b"")
    (0.52, None, None, None, None)
    """
    if text is None or b"_" in text:
        return None
    try:
        number = finite(float(text))
    except ValueError:
        return None
    return number if number is not None and number >= 0 else None


def pairs(raw: bytes | None) -> dict[bytes, int]:
    """Lines of a name and a number, as in meminfo and vmstat; other lines are left out.

    >>> pairs(b"MemTotal:  8 kB\\npgpgin 5\\nodd\\nbad -1")
    {b'MemTotal': 8, b'pgpgin': 5}
    """
    found = {}
    for row in (raw or b"").splitlines():
        words = row.split(None, 2)
        number = natural(words[1]) if len(words) > 1 else None
        if number is not None:
            found[words[0].rstrip(b":")] = number
    return found
