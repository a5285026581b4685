"""Which checklists there are, and how they stand; the way to each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from desk.checklist.box import Checklist
from desk.checklist.standing import Standing, State
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.listing import ListScreen
from tui.screens.sheet import Sheet
from widgets import checklist as drawn
from widgets.lines import Line, Span, Tone, dim, line
from widgets.lineview import LineView

if TYPE_CHECKING:
    from tui.checklists import ChecklistDesk


def open_checklists(screen: RoomScreen, name: str = "") -> None:
    """Show them all, or the one of a name."""
    desk = screen.room.checklists
    if desk is None:
        screen.say("there are no checklists here")
        return
    screen.room.later(desk.read())
    chosen = desk.ledger.named(name) if name else None
    if chosen is None:
        screen.app.push_screen(Checklists(screen.room, desk))
    else:
        _go_through(screen, desk, chosen)


def _go_through(screen: RoomScreen, desk: ChecklistDesk, checklist: Checklist) -> None:
    from tui.screens.checklist import OneChecklist

    screen.app.push_screen(OneChecklist(screen.room, desk, checklist))


class ChecklistLines(ListScreen):
    """A list of lines that can be moved through."""

    DEFAULT_CSS = """
    ChecklistLines #title { background: $surface; }
    ChecklistLines #below { padding: 0 1; background: $surface; }
    ChecklistLines #beside { padding: 0 1; background: $surface; }
    """

    def __init__(self, room: Room, desk: ChecklistDesk) -> None:
        super().__init__(room)
        self._desk = desk
        self._title = LineView(id="title", classes="row")
        self._beside = LineView(id="beside")
        self._below = LineView(id="below")

    def body(self) -> ComposeResult:
        """Title, lines, and what is known of the one under the cursor."""
        yield self._title
        with Horizontal():
            yield self._list
            yield self._beside
        yield self._below

    def _place(self, lines: int, wanted: int) -> tuple[LineView | None, int]:
        """(where the detail goes, its columns); None where there is no room for it."""
        width, height = self.size.width, self.size.height - 3
        beside = width >= drawn.BESIDE
        rows = 0 if beside else max(0, min(wanted, height - min(lines, max(4, height * 3 // 5))))
        self._beside.display, self._below.display = beside, rows > 1
        across = min(72, width * 2 // 5)
        if self._beside.styles.width is None or self._beside.styles.width.value != across:
            self._beside.styles.width = across
        if self._below.styles.height is None or self._below.styles.height.value != rows:
            self._below.styles.height = rows
        if beside:
            return self._beside, across - 2
        return (self._below, rows) if rows > 1 else (None, 0)

    def line_under_cursor(self) -> str:
        """What `y` copies."""
        found = (one.text for one in self._list.lines if one.key and one.key == self._list.cursor)
        return next(found, "").strip()

    def about(self) -> list[tuple[str, str]]:
        """How to read it."""
        return [("Checklists", drawn.LEGEND)]

    def _settle(self, wanted: str = "") -> None:
        """The cursor stands on a line that is there."""
        keys = self._list.keys()
        if self._list.cursor not in keys:
            self._list.point(wanted if wanted in keys else keys[0] if keys else None)

    def _history(self, checklist: Checklist) -> None:
        def lines(width: int) -> list[Line]:
            return drawn.history(self._desk.ledger.history(checklist), checklist.zone, width)

        self.app.push_screen(Sheet(self.room, f"{checklist.title}: what became of it", lines))


class Checklists(ChecklistLines):
    """Which there are, and how they stand."""

    where: ClassVar[str] = "checklists"

    def draw(self) -> None:
        """Everything, from the room."""
        if not self.is_mounted or self.size.height < 4:
            return
        width, at = self.size.width, self.room.engine.clock.now()
        found = self._desk.ledger.standings()
        self._title.show([drawn.titled(found, self._trouble(), width)])
        beside = width >= drawn.BESIDE and bool(found)
        across = width - min(72, width * 2 // 5) if beside else width
        self._list.show(drawn.standings(found, at, across) if found else drawn.empty(width - 2))
        urgent = [one for state in (State.MISSED, State.DUE) for one in found if one.state is state]
        self._settle(urgent[0].checklist.name if urgent else "")
        self._detail(found)
        self.draw_frame()

    def _detail(self, found: list[Standing]) -> None:
        one = next((one for one in found if one.checklist.name == self._list.cursor), None)
        if one is None:
            self._beside.display = self._below.display = False
            return
        view, across = self._place(len(found), len(one.checklist.boxes) + 2)
        if view is None:
            return
        width = across if view is self._beside else self.size.width - 2
        looked = self._desk.looked(one.checklist, self.room.board, self.room.alerts(), self.room.now)
        lines = drawn.boxes(looked, width) + drawn.tail(
            one.run, self._desk.ledger.handed(one.checklist), one.checklist.zone, width
        )
        view.show(_as_far_as([line(*one.spans) for one in lines], max(1, view.size.height)))

    def _trouble(self) -> str:
        return self._desk.not_kept or next(iter(self._desk.troubles), "")

    @property
    def _chosen(self) -> Checklist | None:
        key = self._list.cursor
        return self._desk.ledger.named(key) if key else None

    def action_open(self) -> None:
        """Go through the checklist under the cursor."""
        if (chosen := self._chosen) is not None and self.on_top:
            _go_through(self, self._desk, chosen)

    def action_history(self) -> None:
        """What became of its runs."""
        if (chosen := self._chosen) is not None:
            self._history(chosen)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; a click on the chosen line opens."""
        event.stop()
        if self._list.cursor == event.key:
            self.action_open()
        elif event.view is self._list:
            self._list.point(event.key)
            self.draw()


def _as_far_as(lines: list[Line], height: int) -> list[Line]:
    """As many as there is room for; where some are left out, the last says how all of them are seen."""
    if len(lines) <= height or height < 2:
        return lines[:height]
    return [*lines[: height - 1], line(dim(f"… {len(lines) - height + 1} more lines: "), Span("Enter", Tone.KEY))]
