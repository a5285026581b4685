"""Ids for acts, deeds and writers: sortable by time and unique across people (UUID version 7, RFC 9562)."""

from __future__ import annotations

import os
import time
import uuid


def new_id() -> str:
    """A new id.

    >>> first, second = new_id(), new_id()
    >>> uuid.UUID(first).version, first != second
    (7, True)
    """
    stamp = time.time_ns() // 1_000_000
    chance = int.from_bytes(os.urandom(10), "big")
    high = (stamp & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | chance >> 68
    low = 0x8000_0000_0000_0000 | chance & 0x3FFF_FFFF_FFFF_FFFF
    return str(uuid.UUID(int=high << 64 | low))
