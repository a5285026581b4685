"""The room without a screen: pollers, board and rules, started and ended together.

The screen and `opsroom check` both stand on it; neither may grow its own copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from desk.board import Board
from desk.clock import Clock
from desk.poller import Poller, Reading, within
from desk.rules import Alert, RuleBook, worst_first
from probes.base import Probe, Rule

_ENDING: Final = 0.3
"""Seconds that closing may take; a hung backend must not keep a person from leaving."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A target with what reads it and what is asked of it."""

    probe: Probe[Any]
    rules: tuple[Rule, ...]


class Engine:
    """Reads every target, keeps the board, judges what comes in."""

    def __init__(
        self,
        watched: Iterable[Watched],
        clock: Clock,
        bug: Callable[[str, Exception], None] = lambda target, error: None,
        grace: float = 0.0,
    ) -> None:
        """`bug` is told of a probe's own faults; `grace` is the seconds a target has for its first answer."""
        self.clock = clock
        self._watched = {one.probe.target.name: one for one in watched}
        self.board = Board((one.probe.target for one in self._watched.values()), clock)
        self._books = {name: RuleBook(name, one.rules, one.probe.gauges, grace) for name, one in self._watched.items()}
        self._alerts: dict[str, tuple[Alert, ...]] = {}
        self._pollers: dict[str, Poller] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._bug = bug

    def probe(self, name: str) -> Probe[Any]:
        """The probe of a target, for a closer look."""
        return self._watched[name].probe

    def alerts(self, name: str | None = None) -> list[Alert]:
        """What is wrong now, of one target or of all; worst first."""
        if name is not None:
            return list(self._alerts.get(name, ()))
        return worst_first(alert for alerts in self._alerts.values() for alert in alerts)

    def start(self) -> None:
        """Begin to read; needs a running event loop."""
        for name, one in self._watched.items():
            poller = Poller(one.probe, self._take, self.clock, self._bug)
            self._pollers[name] = poller
            self._tasks.append(asyncio.create_task(poller.run(), name=f"poll-{name}"))

    def read_now(self, name: str | None = None) -> None:
        """Read one target, or all, at once."""
        for poller in self._pollers.values() if name is None else [self._pollers[name]]:
            poller.read_now()

    @property
    def pace(self) -> float:
        """Factor on every interval: 1 as configured, 2 half as often."""
        return self.board.pace

    @pace.setter
    def pace(self, factor: float) -> None:
        faster = factor < self.board.pace
        self.board.pace = factor
        for poller in self._pollers.values():
            poller.pace = factor
            if faster:
                poller.read_now()

    async def close(self) -> None:
        """Stop reading and let go of every backend, in a moment even when all of them hang."""
        for task in self._tasks:
            task.cancel()
        for one in self._watched.values():
            one.probe.abort()
        await within(_ENDING, *self._tasks, *(one.probe.close() for one in self._watched.values()))
        self._tasks.clear()

    def _take(self, reading: Reading) -> None:
        name = reading.target
        slot = self.board.take(reading)
        self._alerts[name] = self._books[name].judge(slot, self.clock.monotonic(), self.clock.now())

    def __len__(self) -> int:
        return len(self._watched)
