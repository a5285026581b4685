"""A kind made for tests: its readings are whatever the test says, so that the rooms above can be tested alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field

from desk.engine import Engine, Watched
from desk.profile import Profile
from probes.base import (
    Context,
    Gauges,
    GaugeSpec,
    Look,
    Probe,
    ProbeError,
    Rule,
    SafeText,
    Settings,
    Severity,
    Sheet,
    Snapshot,
    Target,
    Unit,
)
from tui.keys import Keymap
from tui.kinds import Kind, Kinds
from tui.room import Room
from widgets.lines import Line, Part, line, sign
from widgets.panel import Column, Panel, Table, View


class StillClock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.wall = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds


class NoSecrets:
    """No secret at all."""

    def resolve(self, reference: str) -> str:
        raise LookupError("there are no secrets in tests")


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    size: float | None = None


@dataclass(frozen=True, slots=True)
class ToyFacts:
    things: tuple[Thing, ...] = ()
    more: int = 0


class ToySettings(Settings):
    every: float = Field(default=0.5, ge=0.05, description="Seconds between two readings.")
    url: str = Field(default="toy://here", description="Where the toy is.")


class ToyProbe(Probe[ToyFacts]):
    kind = "toy"
    settings_type = ToySettings
    gauges = (GaugeSpec("size_bytes", "how big a thing is", Unit.BYTES), GaugeSpec("things", "how many there are"))
    rules = (
        Rule(
            name="big", gauge="size_bytes", op=">", threshold=1024, severity=Severity.WARNING, say="{thing} is {value}"
        ),
        Rule(name="many", gauge="things", op=">", threshold=2, severity=Severity.CRITICAL, say="{value} things"),
    )

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        self.answers: ToyFacts | ProbeError | Exception = ToyFacts((Thing("ball", 10), Thing("kite", 2048)))
        self.hang: asyncio.Event | None = None
        self.reads = 0
        self.aborted = 0
        self.closed = 0

    async def read(self) -> Snapshot[ToyFacts]:
        self.reads += 1
        began = self.context.monotonic()
        self.doing = "reading"
        if self.hang is not None:
            await self.hang.wait()
        if isinstance(self.answers, Exception):
            raise self.answers
        gauges = Gauges()
        gauges.put("things", len(self.answers.things))
        for thing in self.answers.things:
            gauges.put("size_bytes", thing.size, thing=thing.name)
        return self.snapshot(self.answers, gauges, began)

    def looks(self) -> tuple[Look, ...]:
        return (Look("logs", "log of the toy", follow=True, evidence=True), Look("sizes", "all sizes"))

    async def look(self, name: str, subject: str) -> Sheet:
        return Sheet("sizes", (SafeText(f"sizes of {subject}"),))

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        for number in range(200):
            yield SafeText(f"line {number} about {subject}")

    def abort(self) -> None:
        self.aborted += 1
        if self.hang is not None:
            self.hang.set()

    async def close(self) -> None:
        self.closed += 1


class ToyPanel(Panel[ToyFacts]):
    title = "TOYS"
    help = "Things and their sizes."
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (
        Table(
            name="things",
            title="things",
            rows=lambda facts: facts.things,
            beyond=lambda facts: facts.more,
            key=lambda thing: thing.name,
            columns=(
                Column("name", lambda thing: thing.name, 12),
                Column(
                    "size", lambda thing: "–" if thing.size is None else f"{thing.size:g}", 8, lambda t: t.size, True
                ),
            ),
            empty="there is no toy",
            looks=("logs",),
        ),
        Table("empty", "nothing", lambda facts: (), str, (Column("name", str, 12),), "nothing at all"),
    )

    def headline(self, view: View[ToyFacts]) -> Sequence[Part]:
        return (f"{len(view.facts.things)} things",)

    def brief(self, view: View[ToyFacts], width: int) -> Sequence[Line]:
        worst = [(view.severity(thing=thing.name), thing) for thing in view.facts.things]
        return [line(sign(s), f" {thing.name}", key=thing.name, severity=s) for s, thing in worst]

    def head(self, view: View[ToyFacts], width: int) -> Sequence[Line]:
        return [line(f"{len(view.facts.things)} things in all")]


TOY = Kind("toy", "tests.toys:ToyProbe", "tests.toys:ToyPanel", "TOYS", "toys")


class ToyKinds(Kinds):
    """A table of kinds with nothing but toys."""

    def __init__(self) -> None:
        super().__init__([TOY])

    def facts(self, kind: str) -> type[Probe[Any]]:
        return {"toy": ToyProbe}[kind]

    def panel(self, kind: str) -> Panel[Any]:
        return ToyPanel()


def context(clock: StillClock | None = None) -> Context:
    """What a probe is handed in a test."""
    return Context(NoSecrets()) if clock is None else Context(NoSecrets(), clock.monotonic, clock.now)


def target(name: str = "shelf", **settings: Any) -> Target:
    """A toy to watch."""
    return Target(name, "toy", ToySettings.model_validate(settings))


def room(*names: str, clock: Any = None, keys: dict[str, str] | None = None, **settings: Any) -> Room:
    """A room with toys in it; nothing is read until the engine starts."""
    from desk.clock import SystemClock

    targets = tuple(target(name, **settings) for name in names or ("shelf",))
    profile = Profile("nursery", "test", False, "", targets)
    watched = [Watched(ToyProbe(one, context()), ToyProbe.rules) for one in targets]
    return Room(Engine(watched, clock or SystemClock()), profile, ToyKinds(), Keymap(keys))
