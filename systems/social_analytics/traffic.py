"""The visitors: the balancer sends each to the task that is well and has the least to do."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

from systems.social_analytics.backend import PAGES, Backend
from systems.social_analytics.region import Region

STEADY: Final = 8.0
"""Visitors a second in normal life: two tasks serve four times as many."""
CROWD: Final = 46.0
"""Visitors a second of a crowd: more than two tasks can serve, fewer than four can."""


class Traffic:
    """Visitors, as many a second as `rate` says."""

    def __init__(self, region: Region) -> None:
        self.rate = STEADY
        self._region = region
        self._turn = 0
        self._random = random.Random(7)
        self._under_way: set[asyncio.Task[None]] = set()

    def next(self) -> Backend | None:
        """Whose turn it is; None when no task is well."""
        well = [one for one in self._region.bodies() if one.well]
        self._turn += 1  # of those that have nothing to do each in turn
        turned = [well[(self._turn + number) % len(well)] for number in range(len(well))]
        return min(turned, key=lambda one: one.waiting, default=None)

    async def visit(self) -> None:
        """For ever, from when there is somebody to serve them."""
        while self.next() is None:
            await asyncio.sleep(0.1)
        due = time.monotonic()
        while True:
            due = max(due + 1 / self.rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            task = asyncio.ensure_future(self._one())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _one(self) -> None:
        began, backend = time.monotonic(), self.next()
        status = 503 if backend is None else await backend.page(self._random.randint(1, PAGES))
        self._region.count(status, time.monotonic() - began)
