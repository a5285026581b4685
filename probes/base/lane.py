"""Own threads for one target's blocking driver, few and bounded.

The default executor is shared: six hung calls starve every other source. A lane costs its own target only; a call
that hangs keeps its thread, is counted, and when all are taken the next call fails at once instead of queueing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from typing import Any, TypeVar

from probes.base.failure import Cause, ProbeError

T = TypeVar("T")

_loaded: set[str] = set()


class Occupied(ProbeError):
    """Every thread of a lane is held by an earlier call: nothing was asked."""


class Lane:
    """At most `limit` daemon threads, started when needed; they never keep the process alive."""

    def __init__(self, name: str, limit: int = 2) -> None:
        self.name = name
        self.limit = limit
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self._busy = 0

    @property
    def busy(self) -> int:
        """Calls running now, hung ones included."""
        return self._busy

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Run `call(*args)` in the lane; its exceptions are raised here.

        When the waiting task is cancelled the thread goes on alone until its call returns. Raises `Occupied`, of cause
        TIMEOUT_READ, when every thread is still held by an earlier call.
        """
        if self._busy >= self.limit:
            calls = "1 earlier call still has" if self._busy == 1 else f"{self._busy} earlier calls still have"
            raise Occupied(Cause.TIMEOUT_READ, f"{calls} no answer")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            self._busy -= 1
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def job() -> None:
            result: T | None = None
            caught: BaseException | None = None
            try:
                result = call(*args)
            except BaseException as error:  # noqa: BLE001 - handed to the waiting task, which decides
                caught = error
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits any more
                loop.call_soon_threadsafe(settle, result, caught)

        self._busy += 1
        if self._busy > self._threads:
            self._begin()
        self._jobs.put(job)
        return await future

    def behind(self, call: Callable[..., object], *args: Any) -> None:
        """Run `call(*args)` once a thread is free, after what was asked before it. Nobody waits for it and nobody is
        told what it raises; it runs also where the lane is closed already."""

        def job() -> None:
            with contextlib.suppress(Exception):
                call(*args)

        self._jobs.put(job)
        if not self._threads:
            self._begin()

    def close(self) -> None:
        """Let idle threads end; hung ones are abandoned."""
        for _ in range(self._threads):
            self._jobs.put(None)
        self._threads = 0

    def _begin(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, name=f"lane-{self.name}", daemon=True).start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


async def load(*modules: str) -> None:
    """Import drivers in a thread: some take a tenth of a second, in which no key would be answered."""
    missing = [name for name in modules if name not in _loaded]
    if not missing:
        return
    lane = Lane("imports", limit=1)
    try:
        for name in missing:
            await lane.run(import_module, name)
            _loaded.add(name)
    finally:
        lane.close()
