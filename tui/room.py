"""What every screen is handed: the engine, the panels, and how the room is being looked at. No widget, no drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from desk import words
from desk.board import Board
from desk.engine import Engine
from desk.profile import Profile
from desk.rules import Alert
from probes.base import Target
from tui.keys import Keymap
from tui.kinds import Kinds
from widgets.overview import Block, Entry, Heading, Sketch
from widgets.panel import Panel


class FaultSwitch(Protocol):
    """The demonstration's faults, when there is a demonstration."""

    def faults(self) -> Any:
        """Every fault that can be started."""
        ...

    def active(self) -> Any:
        """Names of the faults that are on."""
        ...

    def fault(self, name: str) -> None:
        """Start one."""
        ...

    def heal(self, name: str) -> None:
        """End one."""
        ...

    def progress(self) -> list[str]:
        """What its engines said while they came up."""
        ...


@dataclass
class Still:
    """The board and the alerts as they were when a person said freeze."""

    board: Board
    alerts: list[Alert]
    now: float
    clock: str


@dataclass
class Room:
    """One system under watch."""

    engine: Engine
    profile: Profile
    kinds: Kinds
    keymap: Keymap
    stage: FaultSwitch | None = None
    still: Still | None = None
    note: Callable[[str], None] = field(default=lambda text: None)
    """Says something in passing at the foot of the screen."""

    def __post_init__(self) -> None:
        self._panels: dict[str, Panel[Any]] = {}
        self._sketches: dict[str, Sketch] = {}

    @property
    def demo(self) -> bool:
        """True in a demonstration."""
        return self.stage is not None

    @property
    def board(self) -> Board:
        """What is shown: the living board, or the frozen one."""
        return self.still.board if self.still is not None else self.engine.board

    @property
    def now(self) -> float:
        """The moment that is shown, monotonic seconds."""
        return self.still.now if self.still is not None else self.engine.clock.monotonic()

    def alerts(self, name: str | None = None) -> list[Alert]:
        """What is wrong at that moment."""
        if self.still is None:
            return self.engine.alerts(name)
        return [alert for alert in self.still.alerts if name in (None, alert.target)]

    def freeze(self) -> bool:
        """Hold the picture still, or let it go; True when it is now frozen."""
        if self.still is not None:
            self.still = None
            return False
        clock = self.engine.clock
        self.still = Still(
            self.engine.board.freeze(), self.engine.alerts(), clock.monotonic(), words.clock(clock.now())
        )
        return True

    def panel(self, target: Target) -> Panel[Any]:
        """The presenter of a target's kind, loaded when first asked for."""
        if target.kind not in self._panels:
            self._panels[target.kind] = self.kinds.panel(target.kind)
        return self._panels[target.kind]

    def entry(self, name: str) -> Entry:
        """One target, ready to draw."""
        slot = self.board.slot(name)
        sketch = self._sketches.setdefault(name, Sketch())
        return Entry(slot, self.panel(slot.target), self.board.series(name), tuple(self.alerts(name)), sketch)

    def blocks(self) -> list[Block]:
        """The overview's blocks, numbered as the keys that open them."""
        by_title: dict[str, list[Entry]] = {}
        order = {kind.name: number for number, kind in enumerate(self.kinds)}
        slots = sorted(self.board.slots(), key=lambda slot: order[slot.target.kind])
        for slot in slots:
            by_title.setdefault(self.kinds.kind(slot.target.kind).block, []).append(self.entry(slot.target.name))
        titles = [title for title in self.kinds.blocks() if title in by_title]
        return [
            Block(title, number if number < 10 else 0, tuple(by_title[title])) for number, title in enumerate(titles, 1)
        ]

    def heading(self) -> Heading:
        """What the top line says."""
        notes, alerts = [], self.alerts()
        if self.still is not None:
            notes.append(f"FROZEN since {self.still.clock}")
        if self.engine.pace != 1.0:
            notes.append(f"every interval x{self.engine.pace:g}")
        return Heading(
            system=self.profile.system,
            environment=self.profile.environment,
            production=self.profile.production,
            mode="read-only",
            alerts=len(alerts),
            worst=max((alert.severity for alert in alerts), default=None),
            waiting=sum(slot.snapshot is None for slot in self.board.slots()),
            note="  ".join(notes),
        )

    def clock(self) -> str:
        """The time of day for the top line."""
        return words.clock(self.engine.clock.now()) + " UTC"
