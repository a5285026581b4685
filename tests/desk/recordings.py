"""Makes recordings for tests: toys read by a real engine under a clock of the test's own, kept by a real recorder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from desk.alert import Alert
from desk.board import Board
from desk.engine import Engine, Watched
from desk.inbox.case import Case
from desk.locks import FileLocks
from desk.profile import Profile
from desk.standing import StandingRule
from desk.tape.recorder import Recorder
from desk.tape.scribe import Scribe
from probes.base import Failure, Probe, ProbeError, Snapshot, Target
from tests.toys import StillClock, ToyProbe, ToySettings, context
from tui.room import Room
from widgets.overview import attention, draw


@dataclass(frozen=True)
class Seen:
    """What stood on the board at a moment, while it was live."""

    at: datetime
    now: float
    board: Board
    alerts: list[Alert]
    cases: list[Case]


class Session:
    """A session whose time passes when the test says so; it writes when the test says so, too."""

    def __init__(
        self,
        folder: Path,
        *names: str,
        clock: StillClock | None = None,
        every: float = 2.0,
        standing: Sequence[StandingRule] = (),
        redact: Any = lambda text: text,
        limit: int = 256 << 20,
        targets: Sequence[Target] = (),
        probes: Any = None,
    ) -> None:
        """With toys of these names, or with other targets and `probes`, which makes a probe of a target."""
        self.clock = clock or StillClock()
        self.path = folder / "state" / "tape.db"
        targets = targets or [Target(name, "toy", ToySettings(every=every)) for name in names or ("shelf",)]
        self.profile = Profile("nursery", "test", False, "", tuple(targets), standing=tuple(standing))
        make = probes or (lambda target: ToyProbe(target, context(self.clock)))
        watched = [Watched(probe, tuple(probe.rules)) for probe in map(make, targets)]
        self.engine = Engine(watched, self.clock, standing=standing)
        self.recorder = Recorder(self.path, self.clock, FileLocks(folder / "locks"), redact, limit)
        self.scribe = Scribe(self.engine, self.recorder, self.profile)
        self.recorder.start = lambda: None  # type: ignore[method-assign]  # the test writes
        self.scribe.begin()
        self.seen: list[Seen] = []

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.seconds += seconds
        self.clock.wall += timedelta(seconds=seconds)

    async def read(self, name: str = "shelf") -> None:
        """Read a target as a poller would."""
        probe: Probe[Any] = self.engine.probe(name)
        try:
            self.take(await probe.read())
        except ProbeError as error:
            self.take(Failure(name, self.clock.now(), error.cause, error.message, error.hint))

    def take(self, reading: Snapshot[Any] | Failure) -> None:
        """A reading comes in."""
        self.engine._take(reading)

    def look(self) -> Seen:
        """Keep what stands on the board now."""
        engine, clock = self.engine, self.clock
        self.seen.append(Seen(clock.now(), clock.monotonic(), engine.board.freeze(), engine.alerts(), engine.cases()))
        return self.seen[-1]

    def write(self) -> None:
        """What the recorder's thread does once a second."""
        self.recorder.write()

    def reads(self, readings: Sequence[Snapshot[Any]]) -> None:
        """Readings that were really taken come in, each at its own time."""
        for reading in readings:
            self.forward((reading.taken_at - self.clock.wall).total_seconds())
            self.take(reading)

    def end(self) -> None:
        """The session ends."""
        self.scribe.end()
        self.recorder.write()
        self.recorder._let_go()


def overview(room: Room, width: int = 140, height: int = 60) -> list[str]:
    """Every line of the overview, as the screen draws it."""
    drawn = [*attention(room.cases(), room.now, width, 6), *draw(room.blocks(), width, height, room.now)]
    return [one.text for one in drawn]
