"""Calls that somebody waits for and that can be ended from elsewhere, and clients that are left behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from probes.base.failure import Cause, ProbeError

T = TypeVar("T")


class Underway:
    """The calls to one backend that are under way."""

    def __init__(self, where: Callable[[], str]) -> None:
        """`where` is the backend as a person knows it, asked when it is told of."""
        self._where = where
        self._running: set[asyncio.Task[Any]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Wait for a call. Raises `ProbeError`, CLOSED_EARLY, when it is cut meanwhile."""
        task = asyncio.ensure_future(call)
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if waiting is not None and waiting.cancelling():
                task.cancel()
                raise
            raise ProbeError(Cause.CLOSED_EARLY, f"the connection to {self._where()} was cut") from None
        finally:
            self._running.discard(task)

    def cut(self) -> None:
        """End every call now, without waiting."""
        for call in self._running:
            call.cancel()

    def leave(self, closing: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let a client close beside everything else; without a loop nothing of it is open."""
        with contextlib.suppress(RuntimeError):
            task = asyncio.get_running_loop().create_task(closing())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def left(self, within: float = 1.0) -> None:
        """Wait until the clients that were left are closed, so many seconds at most."""
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=within)
