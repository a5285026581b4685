"""What tests of checklists share: a profile of toys, a board that a test fills, a clock that it moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.alert import Alert
from desk.board import Board
from desk.checklist.box import Box, Checklist
from desk.checklist.judge import Sight
from desk.checklist.schedule import parse as schedule_of
from desk.profile import Profile, parse
from probes.base import Cause, Failure, Gap, GaugeKey, SafeText, Severity, Snapshot
from tests.toys import ToyFacts, ToyKinds, ToyProbe

HEAD = """
system = "nursery"
[toy.shelf]
every = 1
[toy.box]
every = 1
"""


class HandClock:
    """Both clocks move together, when a test says so."""

    def __init__(self, start: str = "2026-03-02T08:30") -> None:
        self.start = datetime.fromisoformat(start).replace(tzinfo=UTC)
        self.passed = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 10_000.0 + self.passed

    def to(self, text: str) -> None:
        self.passed = (datetime.fromisoformat(text).replace(tzinfo=UTC) - self.start).total_seconds()


def profile(text: str, head: str = "") -> Profile:
    return parse(head + HEAD + text, ToyKinds(), "room.toml")


def box(text: str) -> Box:
    """The only box of a checklist."""
    return (
        profile(f'[[checklist]]\nname = "morning"\n[[checklist.box]]\nsay = "It is so"\n{text}\n')
        .checklists[0]
        .boxes[0]
    )


def checklist(*says: str, schedule: str | None = "daily 09:00", **more: Any) -> Checklist:
    """One with boxes that a person signs."""
    made = None if schedule is None else schedule_of(schedule)
    return replace(
        Checklist("morning", "Morning", tuple(Box(say, say) for say in says or ("look", "listen")), made), **more
    )


class Toys:
    """A board of two toys, and what is wrong with them."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.profile = profile("")
        self.board = Board(self.profile.targets, self.clock)
        self.alerts: list[Alert] = []

    def read(self, target: str = "shelf", gaps: Sequence[Gap] = (), **sizes: float) -> None:
        gauges = {GaugeKey("size_bytes", (("thing", name),)): size for name, size in sizes.items()}
        gauges[GaugeKey("things")] = float(len(sizes))
        self.board.take(Snapshot(target, self.clock.now(), 0.1, ToyFacts(), gauges, tuple(gaps)))

    def fail(self, target: str = "shelf") -> None:
        self.board.take(Failure(target, self.clock.now(), Cause.REFUSED, SafeText("nobody is there")))

    def alert(self, severity: Severity, *labels: tuple[str, str], target: str = "shelf") -> None:
        now, at = self.clock.monotonic(), self.clock.now()
        self.alerts.append(Alert(target, "big", severity, "size_bytes", labels, "it is big", now, at))

    @property
    def sight(self) -> Sight:
        specs = {spec.name: spec for spec in ToyProbe.gauges}
        spec: Callable[[str, str], Any] = lambda target, gauge: specs.get(gauge)  # noqa: E731
        kinds = {target.name: target.kind for target in self.profile.targets}
        return Sight(self.board, self.alerts, self.clock.monotonic(), kinds, spec)
