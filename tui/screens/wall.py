"""The wall's one screen: the top line, the incident's clock, the page whose turn it is, and the row of pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult

from tui.room import Room
from tui.screens.base import RoomScreen
from tui.wall import ALERTS, FLEET, INCIDENT, OVERVIEW, Page, Wall
from widgets.drawn import Drawn
from widgets.lines import Line, line
from widgets.lineview import LineView
from widgets.wall import Step, alerts_page, fleet_page, foot, group_page, overview_page
from widgets.wall_incident import Situation, clock_strip, incident_page

_LEGEND_TITLE: Final = "How to read the wall"

_LEGEND: Final = """● fine   ◆ notice   ▲ warning   ✕ critical   ? not known. A word says the same in large letters.
Pages take turns; what is critical and in nobody's hands stays until somebody takes it in hand elsewhere.
The clock of an open incident stands above every page. Nothing can be done from here."""

_TALL: Final = 40
"""Lines from which the incident's clock takes five of them."""


class WallScreen(RoomScreen):
    """Pages that take turns."""

    where: ClassVar[str] = "wall"

    def __init__(self, room: Room, wall: Wall) -> None:
        super().__init__(room)
        self.wall = wall
        self._page = LineView(id="page")

    def body(self) -> ComposeResult:
        """All of it is lines."""
        yield self._page

    def draw(self) -> None:
        """The page whose turn it is."""
        if not self.is_mounted or self.size.height < 3:
            return
        width, height, now = self.size.width, self.size.height - 2, self.room.engine.clock.monotonic()
        open_ = self.wall.situation()
        pages = self.wall.pages(open_)
        self.wall.rotation.see(pages, now)
        rows = 5 if height >= _TALL or Drawn.ascii_only else 3
        above = [*clock_strip(open_, width, rows, Drawn.ascii_only), line()] if open_ is not None else [line()]
        self._page.show([*above, *self._drawn(open_, width, height - len(above))][:height])
        self._top.show([self.room.top(width)])
        steps = [Step(page.name, page.mark, page.name == self.wall.rotation.here) for page in pages]
        self._foot.show([foot(steps, self._message or self._note(pages, now), width)])

    def draw_frame(self) -> None:
        """Top and foot belong to the page."""
        self.draw()

    def _drawn(self, open_: Situation | None, width: int, height: int) -> Sequence[Line]:
        wall, plain = self.wall, Drawn.ascii_only
        here = wall.rotation.here
        if here == OVERVIEW:
            return overview_page(wall.cards(), width, height, plain)
        if here == ALERTS:
            return alerts_page(*wall.alerts(), width, height, plain)
        if here == FLEET:
            return fleet_page(wall.fleet(), width, height, plain)
        if here == INCIDENT and open_ is not None:
            return incident_page(open_, width, height)
        return group_page(here, wall.cards(here), width, height, plain)

    def _note(self, pages: Sequence[Page], now: float) -> str:
        rotation = self.wall.rotation
        if rotation.held:
            return "held   ? keys"
        if rotation.staying:
            return "stays: critical, nobody has it   ? keys"
        return f"next in {rotation.left(now):.0f} s   ? keys" if len(pages) > 1 else "? keys"

    def action_hold(self) -> None:
        """Let this page stay, or go on."""
        self.wall.rotation.hold(self.room.engine.clock.monotonic())
        self.draw()

    def action_next(self) -> None:
        """The next page."""
        self.wall.rotation.turn(1, self.room.engine.clock.monotonic())
        self.draw()

    def action_before(self) -> None:
        """The page before."""
        self.wall.rotation.turn(-1, self.room.engine.clock.monotonic())
        self.draw()

    def about(self) -> Sequence[tuple[str, str]]:
        """What signs and words mean."""
        return [(_LEGEND_TITLE, _LEGEND)]
