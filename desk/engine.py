"""The room without a screen: pollers, board and rules, started and ended together.

The screen and `opsroom check` both stand on it; neither may grow its own copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from desk.alert import Alert, Identity, of_theirs, worst_first
from desk.board import Board
from desk.clock import Clock
from desk.inbox.case import Case
from desk.inbox.inbox import SETTLING, Inbox
from desk.poller import Poller, Reading, within
from desk.rules import RuleBook
from desk.standing import StandingBook, StandingRule
from desk.words import dated
from probes.base import GaugeKey, Probe, Rule, Snapshot

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
        standing: Sequence[StandingRule] = (),
    ) -> None:
        """`bug` is told of a probe's own faults; `grace` is the seconds a target has for its first answer.

        `standing`: rules over any of the targets' gauges.
        """
        self.clock = clock
        self._watched = {one.probe.target.name: one for one in watched}
        self.board = Board((one.probe.target for one in self._watched.values()), clock)
        self._books = {name: RuleBook(name, one.rules, one.probe.gauges, grace) for name, one in self._watched.items()}
        self._specs = {(name, spec.name): spec for name, one in self._watched.items() for spec in one.probe.gauges}
        self._standing = StandingBook(standing, lambda target, gauge: self._specs.get((target, gauge)))
        self._alerts: dict[str, tuple[Alert, ...]] = {}
        self._theirs: dict[str, tuple[Alert, ...]] = {}
        self._seen: dict[tuple[str, str], float] = {}
        """When each alert of another system was first read, monotonic seconds."""
        self._found: list[Alert] = []
        self._pollers: dict[str, Poller] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._bug = bug
        self.inbox = Inbox(clock, {name: one.probe.kind for name, one in self._watched.items()})
        """What is wrong with what people decided about it."""
        self.inbox.reopened.append(self._resume)
        self._left: dict[str, dict[Identity, Alert]] = {}
        """By target what an earlier session had raised, until it is seen again or known to be over."""
        self._read: dict[str, float] = {}
        """When each of those targets was first read, monotonic seconds."""
        self.instructed: Callable[[Alert], Alert] = lambda alert: alert
        """Adds to another system's alert what the profile says about it."""
        self.heard: list[Callable[[str, Reading], None]] = []
        """Each is told of a target's kind and its reading, once the board and the alerts hold it; it must be quick."""

    def probe(self, name: str) -> Probe[Any]:
        """The probe of a target, for a closer look."""
        return self._watched[name].probe

    def rules(self, name: str) -> tuple[Rule, ...]:
        """The rules of a target's kind, as the profile has changed them; of a recorded target none is known."""
        return self._watched[name].rules if name in self._watched else ()

    @property
    def standing_rules(self) -> Sequence[StandingRule]:
        """The profile's rules over any gauges."""
        return self._standing.rules

    def alerts(self, name: str | None = None) -> list[Alert]:
        """What is wrong now, of one target or of all; worst first."""
        ours, theirs = self._alerts, self._theirs
        if name is not None:
            found = (alert for alert in self._found if alert.target == name)
            return worst_first((*ours.get(name, ()), *theirs.get(name, ()), *found))
        return worst_first((*chain(*ours.values()), *chain(*theirs.values()), *self._found))

    def cases(self) -> list[Case]:
        """What is wrong now with what people decided about it; the most urgent first."""
        return self.inbox.cases()

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

    def watch(self, name: str, on: bool = True) -> None:
        """Somebody looks at a target's own screen, or no longer does: what only that shows is read, and at once."""
        self._watched[name].probe.watched = on
        if on and name in self._pollers:
            self._pollers[name].read_now()

    def tick(self) -> None:
        """Once a second: what time alone changes."""
        self.inbox.tick()

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
        now, at = self.clock.monotonic(), self.clock.now()
        left = self._left.get(name, {}) if isinstance(reading, Snapshot) else {}
        for alert in left.values():
            self._books[name].resume(alert, now)
            self._standing.resume(alert, now)
        self._alerts[name] = self._books[name].judge(slot, now, at)
        self._standing.judge(name, self.board, now, at)
        found, self._found = self._found, self._standing.standing()
        if isinstance(reading, Snapshot):
            self._theirs[name] = self._told(name, reading, now, at)
        elif slot.snapshot is not None:
            self._theirs[name] = tuple(_past(one, slot.snapshot.taken_at, at) for one in self._theirs.get(name, ()))
        if left and isinstance(reading, Snapshot):
            self._settle(name, reading)
        self.inbox.look(name, self.alerts(name), isinstance(reading, Snapshot))
        for other in {alert.target for alert in (*found, *self._found)} - {name}:
            self.inbox.look(other, self.alerts(other), read=False)
        for listener in self.heard:
            listener(self._watched[name].probe.kind, reading)

    def _resume(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            if alert.theirs is None and alert.gauge and alert.target in self._watched:
                self._left.setdefault(alert.target, {})[alert.identity] = alert

    def _settle(self, name: str, reading: Snapshot[Any]) -> None:
        """Let go of what an earlier session had raised where it is known how it stands, or where nobody will know."""
        there = {alert.identity for alert in self.alerts(name)}
        now = self.clock.monotonic()
        late = now - self._read.setdefault(name, now) >= SETTLING
        self._left[name] = {
            identity: alert
            for identity, alert in self._left[name].items()
            if not late and identity not in there
            and (alert.key or GaugeKey(alert.gauge, alert.labels) not in reading.gauges)
        }  # fmt: skip

    def _told(self, name: str, reading: Snapshot[Any], now: float, at: datetime) -> tuple[Alert, ...]:
        """What another system raises, each as old as they say, or as long as we have known of it."""
        raised = {one.key: one for one in self.probe(name).raised(reading.facts)}
        self._seen = {mark: seen for mark, seen in self._seen.items() if mark[0] != name or mark[1] in raised}
        return tuple(
            self.instructed(of_theirs(name, one, self._seen.setdefault((name, key), now), now, at))
            for key, one in raised.items()
        )

    def __len__(self) -> int:
        return len(self._watched)


def _past(alert: Alert, seen: datetime, at: datetime) -> Alert:
    """Another system's alert as it was when that could be read last: whether it is so now nobody knows."""
    assert alert.theirs is not None
    return replace(alert, words=dated(str(alert.theirs.words), seen, at), value=None)
