"""What tests of the inbox share: a clock moved by hand, alerts, and inboxes that remember what they told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from desk.alert import Alert
from desk.inbox.case import Change, What
from desk.inbox.inbox import Inbox
from desk.inbox.record import Record
from probes.base import Handling, Raised, SafeText, Severity

START = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL


class HandClock:
    """Both clocks move together, when a test says so."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 1000.0 + self.passed


def alert(clock: HandClock, severity: Severity = WARNING, **changes: Any) -> Alert:
    """One that has just begun."""
    base = Alert(
        target="mail", rule="backlog", severity=severity, gauge="depth", labels=(("queue", "campaign"),),
        words="campaign: 1,204 waiting", since=clock.monotonic(), at=clock.now(), value=1204.0, limit=1000.0,
    )  # fmt: skip
    return replace(base, **changes)


def theirs(clock: HandClock, target: str, fingerprint: str, **changes: Any) -> Alert:
    """One that another system raised."""
    raised = Raised(
        key="k", name=SafeText("Backlog"), severity=WARNING, words=SafeText("too many wait"), fingerprint=fingerprint,
        **changes,
    )  # fmt: skip
    return alert(clock, target=target, rule="Backlog", gauge="", labels=(), key="Backlog k", theirs=raised)


class Told:
    """An inbox, and everything it said."""

    def __init__(
        self,
        clock: HandClock | None = None,
        store: Callable[[Sequence[Record]], None] | None = None,
        ids: Callable[[], str] | None = None,
    ) -> None:
        self.clock = clock or HandClock()
        numbers = count(1)
        self.inbox = Inbox(
            self.clock, {"mail": "queues", "am": "alertmanager", "prom": "prometheus"}, store,
            ids or (lambda: f"{next(numbers):06}"),
        )  # fmt: skip
        self.changes: list[Change] = []
        self.all: list[Change] = []
        self.inbox.heard.append(self.changes.append)
        self.inbox.recorded.append(self.all.append)

    def look(self, *alerts: Alert, target: str = "mail") -> None:
        self.inbox.look(target, alerts)

    def after(self, seconds: float) -> None:
        """Time passes, and the second's beat comes."""
        self.clock.passed += seconds
        self.inbox.tick()

    def told(self) -> list[What]:
        return [change.what for change in self.changes]


def responding(clock: HandClock, seconds: float, severity: Severity = WARNING) -> Alert:
    return alert(clock, severity, handling=Handling(respond=seconds))


def ids(changes: Iterable[Change]) -> list[str]:
    return [change.id for change in changes]
