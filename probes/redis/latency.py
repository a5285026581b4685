"""How long the server takes to answer, for some seconds and with an end, which `redis-cli --latency-history` lacks."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from probes.base import ProbeError, SafeText, Sheet
from probes.redis.connection import Link, Refusal, complaint

PINGS: Final = 100
"""Pings at most."""
PAUSE: Final = 0.05
"""Seconds between two."""
LONGEST: Final = 10.0
"""Seconds after which it answers with what it has."""


async def sample(link: Link) -> Sheet:
    """The spread of some pings. Raises `ProbeError`."""
    await link.open()
    took: list[float] = []
    broken: ProbeError | None = None
    ends = time.monotonic() + LONGEST
    while len(took) < PINGS and time.monotonic() < ends:
        began = time.monotonic()
        try:
            (reply,) = await link.ask([("PING",)])
        except ProbeError as error:
            if not took:
                raise
            broken = error
            break
        if isinstance(reply, Refusal):
            raise complaint(reply, link.where)
        took.append(time.monotonic() - began)
        await asyncio.sleep(PAUSE)
    return sheet(took, broken)


def sheet(took: list[float], broken: ProbeError | None = None) -> Sheet:
    """What they say together.

    >>> [str(line) for line in sheet([0.001, 0.003, 0.002]).lines]
    ['3 pings: least 1.00 ms, median 2.00 ms, average 2.00 ms, p99 3.00 ms, most 3.00 ms']
    """
    ordered = sorted(took)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000

    words = (
        f"{len(took)} pings: least {at(0):.2f} ms, median {at(0.5):.2f} ms, "
        f"average {sum(took) / len(took) * 1000:.2f} ms, p99 {at(0.99):.2f} ms, most {at(1):.2f} ms"
    )
    lines = [SafeText(words)]
    if broken is not None:
        lines.append(SafeText(f"then it broke off: {broken.message}"))
    long = max(0.01, at(0.5) / 200)
    slow = [f"ping {place + 1}: {one * 1000:.1f} ms" for place, one in enumerate(took) if one >= long]
    lines += [SafeText(one) for one in slow[:20]]
    return Sheet("latency", tuple(lines))
