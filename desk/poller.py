"""Reads one target for ever: never two reads at once, slower while it fails, and it never gives up.

One of the two places that catch every exception: a bug in a probe costs its own panel and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

from desk.clock import Clock
from probes.base import Cause, Failure, Probe, ProbeError, SafeText, Snapshot, State

Reading = Snapshot[Any] | Failure

LONGEST: Final = 15.0
"""Seconds between tries of a target that doesn't answer."""

LONGEST_DENIED: Final = 60.0
"""Seconds between tries of a target that says no: no storm of failed logins."""

_GRACE: Final = 0.5
"""Seconds a cut read gets to end before it is left behind."""


def pause(every: float, misses: int, denied: bool, spread: float) -> float:
    """Seconds until the next read: doubled for each failure in a row, up to a limit, spread by up to a tenth.

    >>> [pause(2.0, misses, False, 0.0) for misses in range(6)]
    [2.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    >>> pause(2.0, 9, True, 0.0)
    60.0
    """
    longest = max(every, LONGEST_DENIED if denied else LONGEST)
    return float(min(every * 2 ** min(max(misses - 1, 0), 8), longest) * (1 + 0.1 * spread))


class Poller:
    """The one task that reads a target."""

    def __init__(
        self, probe: Probe[Any], deliver: Callable[[Reading], None], clock: Clock, bug: Callable[[str, Exception], None]
    ) -> None:
        self.probe = probe
        self._deliver = deliver
        self._clock = clock
        self._bug = bug
        self._wake = asyncio.Event()
        self._stuck: asyncio.Task[Reading] | None = None
        self.pace = 1.0
        """Factor on the configured interval; a person may slow the room down."""

    def read_now(self) -> None:
        """Read at once instead of at the next beat."""
        self._wake.set()

    async def run(self) -> None:
        """Poll until cancelled."""
        misses = 0
        settings = self.probe.target.settings
        while True:
            self._wake.clear()
            reading = await self._once()
            failed = isinstance(reading, Failure)
            misses = misses + 1 if failed else 0
            denied = isinstance(reading, Failure) and reading.cause.state is State.DENIED
            self._deliver(reading)
            delay = pause(settings.every * self.pace, misses, denied, random.uniform(0, 1) if failed else 0.0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), delay)

    async def _once(self) -> Reading:
        """One reading, or why there is none, within the deadline whatever the driver does."""
        if self._stuck is not None:
            if not self._stuck.done():
                return self._failure(Cause.TIMEOUT_READ, "an earlier read still hangs")
            self._stuck = None
        timeout = self.probe.target.settings.timeout
        task = asyncio.ensure_future(self._guarded())
        try:
            done, _ = await asyncio.wait({task}, timeout=timeout)
        except asyncio.CancelledError:
            task.cancel()
            self.probe.abort()
            raise
        if done:
            return task.result()
        connecting = self.probe.doing == "connecting"
        task.cancel()
        self.probe.abort()
        await asyncio.wait({task}, timeout=_GRACE)
        if not task.done():
            self._stuck = task
        cause = Cause.TIMEOUT_CONNECT if connecting else Cause.TIMEOUT_READ
        return self._failure(cause, f"no answer within {timeout:g} s")

    async def _guarded(self) -> Reading:
        try:
            return await self.probe.read()
        except ProbeError as error:
            return self._failure(error.cause, error.message, error.hint)
        except OSError as error:
            return self._failure(Cause.REFUSED, f"cannot be reached: {type(error).__name__}")
        except Exception as error:  # noqa: BLE001 - a bug in a probe must cost its own panel only
            self._bug(self.probe.target.name, error)
            return self._failure(Cause.INTERNAL, f"a bug in the {self.probe.kind} probe: {type(error).__name__}")

    def _failure(self, cause: Cause, message: str | SafeText, hint: SafeText | None = None) -> Failure:
        said = message if isinstance(message, SafeText) else SafeText(message)
        return Failure(self.probe.target.name, self._clock.now(), cause, said, hint or SafeText())


async def within(seconds: float, *endings: Awaitable[object]) -> None:
    """Wait for all of these, but no longer than that; what isn't over by then is left behind."""
    tasks = [asyncio.ensure_future(ending) for ending in endings]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
