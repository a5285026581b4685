"""Calls of systemctl under way, so that they can all be ended at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from probes.base import Cause, ProbeError

T = TypeVar("T")


class Calls:
    """What runs now; each of them has somebody who waits for it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def cuttable(self, call: Coroutine[Any, Any, T]) -> T:
        """Run a call so that `cut` can end it while somebody waits for it."""
        task = asyncio.ensure_future(call)
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                task.cancel()
                await asyncio.wait({task}, timeout=1.0)
                raise
            raise ProbeError(Cause.CLOSED_EARLY, "the call to systemctl was cut") from None
        finally:
            self._running.discard(task)

    def cut(self) -> None:
        """End them all; their processes are killed."""
        for call in self._running:
            call.cancel()

    async def ended(self) -> None:
        """End them all, and wait a moment until they are over."""
        calls = set(self._running)
        self.cut()
        if calls:
            await asyncio.wait(calls, timeout=1.0)
