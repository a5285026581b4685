"""Looks for the largest keys by bytes, gently: SCAN in small steps with pauses, MEMORY USAGE on what it meets.

Never KEYS, never the whole of a large keyspace: a sample that says how much of it was seen.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText, Sheet
from probes.redis.connection import Command, Link, Refusal, complaint
from probes.redis.slowlog import masked

KEYS: Final = 20_000
"""Keys looked at, at most."""
STEP: Final = 200
"""Keys per step."""
PAUSE: Final = 0.02
"""Seconds between steps: at most some ten thousand keys a second."""
LONGEST: Final = 15.0
"""Seconds after which it answers with what it has."""
SHOWN: Final = 50

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


async def sample(link: Link) -> Sheet:
    """The largest keys among those sampled. Raises `ProbeError`."""
    await link.open()
    (total,) = await link.ask([("DBSIZE",)])
    largest: list[tuple[int, bytes, bytes]] = []
    seen = 0
    complete = False
    try:
        async with asyncio.timeout(LONGEST):
            cursor: bytes = b"0"
            while seen < KEYS and not complete:
                cursor, rows = await _step(link, cursor)
                seen += len(rows)
                largest = heapq.nlargest(SHOWN, largest + rows)
                complete = cursor == b"0"
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        pass
    return _sheet(largest, seen, total if isinstance(total, int) else None, complete)


async def _step(link: Link, cursor: bytes) -> tuple[bytes, list[tuple[int, bytes, bytes]]]:
    (reply,) = await link.ask([("SCAN", cursor, "COUNT", STEP)])
    if isinstance(reply, Refusal):
        raise complaint(reply, link.where)
    if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[1], list):
        raise ProbeError(Cause.GARBAGE, f"{link.where} answered SCAN with something else")
    keys = [key for key in reply[1] if isinstance(key, bytes)]
    asked: list[Command] = [word for key in keys for word in _questions(key)]
    replies = await link.ask(asked)
    pairs = zip(keys, replies[::2], replies[1::2], strict=True)
    return reply[0], [row for key, size, kind in pairs for row in _row(link, key, size, kind)]


def _questions(key: bytes) -> tuple[Command, Command]:
    return ("MEMORY", "USAGE", key, "SAMPLES", 5), ("TYPE", key)


def _row(link: Link, key: bytes, size: Any, kind: Any) -> list[tuple[int, bytes, bytes]]:
    if isinstance(size, Refusal):
        raise complaint(size, link.where)
    return [(size, key, kind if isinstance(kind, bytes) else b"?")] if isinstance(size, int) else []


def _sheet(rows: list[tuple[int, bytes, bytes]], seen: int, total: int | None, complete: bool) -> Sheet:
    among = f"all {seen:,} keys" if complete else f"a sample of {seen:,} of {f'{total:,}' if total else 'many'} keys"
    lines = [f"the largest of {among}, by memory (estimated from five elements each)", ""]
    lines += [f"{_size(size):>10}  {kind.decode('ascii', 'replace'):<8}  {masked(key)}" for size, key, kind in rows]
    return Sheet("big keys", tuple(SafeText.line(one) for one in lines))


def _size(value: float) -> str:
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
