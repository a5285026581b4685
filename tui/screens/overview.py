"""The overview: the attention line, then every block, worst first; from here everything is one or two keys away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Horizontal

from desk.alert import Alert
from tui.room import Room
from tui.screens.base import RoomScreen
from widgets.lines import Line, dim, line
from widgets.lineview import LineView
from widgets.overview import Block, attention, draw, key_of, parts_of

_TWO_COLUMNS: Final = 130
"""Columns of text a terminal must have for two blocks side by side."""

_BETWEEN: Final = 1
"""Cells between two columns, beside the blank each line begins with."""

_ALL: Final = 10_000
"""Lines that hold every line of a block."""

_LEGEND_TITLE: Final = "How to read this screen"

_LEGEND: Final = """● fine   ◆ notice   ▲ warning   ✕ critical   ? unknown or missing; – there is no value.
Every block says how old its values are. STALE: no new answer, the last values are shown dimmed with their age.
DOWN: it said no. DENIED: a right is missing. THROTTLED: it asks us to wait. UNSUPPORTED: something is not installed.
A line with ? and NOT READ, NOT THERE, NO ANSWER or LEFT OUT names a part that is missing; the rest is as it says.
The attention line names what is wrong, the worst first; o opens it, A lists all."""

_GREETING: Final = 10.0
"""Seconds that what is said once stays at the foot."""


class Overview(RoomScreen):
    """One system on one screen."""

    where: ClassVar[str] = "overview"

    DEFAULT_CSS = """
    Overview #attention { height: 1; }
    Overview #right { border-left: none; }
    """

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._attention = LineView(id="attention")
        self._left = LineView(id="left")
        self._right = LineView(id="right")
        self._here = self._left
        self._zoomed = ""
        self._filter = ""
        self._steered = False
        """True when a person has moved the cursor."""

    def body(self) -> ComposeResult:
        """Attention, then one or two columns of blocks."""
        yield self._attention
        with Horizontal():
            yield self._left
            yield self._right

    def on_mount(self) -> None:
        """First picture, and what there is to say once."""
        super().on_mount()
        if self.room.greeting:
            self.say(self.room.greeting, _GREETING)

    # drawing

    def draw(self) -> None:
        """Everything, from the room; only what differs is painted."""
        if not self.is_mounted or self.size.height < 3:
            return
        self._draw_attention()
        self._draw_blocks()
        self.draw_frame()

    def _draw_attention(self) -> None:
        room, width = self.room, self.size.width
        rows = 1 if self.size.height < 30 else 3 if self.size.height < 60 else 6
        lines = attention(room.cases(), room.now, width, rows, room.aside() or self._opening())
        if self._attention.styles.height is None or self._attention.size.height != len(lines):
            self._attention.styles.height = len(lines)
        self._attention.show(lines)

    def _opening(self) -> str:
        """What is still awaited, in words; empty when every target has answered."""
        slots = self.room.board.slots()
        waiting = sum(slot.snapshot is None for slot in slots)
        if not waiting:
            return ""
        told = self.room.stage.progress()[-1:] if self.room.stage is not None else []
        return "  ".join([f"opening: {waiting} of {len(slots)} still to answer", *told])

    def _draw_blocks(self) -> None:
        blocks = self._shown_blocks()
        wide = self.size.width >= _TWO_COLUMNS and len(blocks) > 1
        self._right.display = wide
        height = self._left.size.height
        columns = [blocks[0::2], blocks[1::2]] if wide else [blocks]
        half = self.size.width // 2
        widths = [half - _BETWEEN, self.size.width - half] if wide else [self.size.width]
        for view, shown, width in zip((self._left, self._right), columns, widths, strict=False):
            view.show(self._matching(shown, width) if self._filter else draw(shown, width, height, self.room.now))
        if not wide and self._here is self._right:
            self._here = self._left
        self._settle()

    def _shown_blocks(self) -> list[Block]:
        blocks = self.room.blocks()
        return [block for block in blocks if block.title == self._zoomed] or blocks

    def _matching(self, blocks: Sequence[Block], width: int) -> list[Line]:
        """The lines that hold the filter's text, under the titles of their blocks."""
        found: list[Line] = []
        for block in blocks:
            title, *lines = draw([block], width, _ALL, self.room.now)
            kept = [one for one in lines if one.key and self._filter.lower() in one.text.lower()]
            found += [title, *kept] if kept else []
        return found or [line(), line("  ", dim(f"no line holds “{self._filter}”; Esc shows all"))]

    def _settle(self) -> None:
        """The cursor stands on a line that is there; on what the first alert is about until a person moves it."""
        if not self._steered and (found := self._worst()) is not None:
            view, wanted = found
            if view is not self._here:
                self._here.point(None)
                self._here = view
        else:
            keys = self._here.keys()
            wanted = self._here.cursor if self._here.cursor in keys else keys[0] if keys else ""
        if wanted and wanted != self._here.cursor:
            self._here.point(wanted)

    def _worst(self) -> tuple[LineView, str] | None:
        """(column, line) of the worst thing that has a line here, else the first line; None when there is none."""
        views = [view for view in (self._left, self._right) if view.display and view.keys()]
        for one in self.room.cases():
            key = key_of(one.alert.target, one.alert.row)
            for view in views:
                if key in view.keys():  # noqa: SIM118 - the view's own list of lines
                    return view, key
        return (views[0], views[0].keys()[0]) if views else None

    # what a person does

    @property
    def pointed(self) -> tuple[str, str]:
        """(target, row) of the line under the cursor."""
        return parts_of(self._here.cursor) if self._here.cursor else ("", "")

    def line_under_cursor(self) -> str:
        """What `y` copies."""
        found = (one.text for one in self._here.lines if one.key and one.key == self._here.cursor)
        return next(found, "").strip()

    def action_down(self) -> None:
        """Next line."""
        self._steered = self._here.move(1) or self._steered

    def action_up(self) -> None:
        """Line before."""
        self._steered = self._here.move(-1) or self._steered

    def action_first(self) -> None:
        """First line."""
        self._point(0)

    def action_last(self) -> None:
        """Last line."""
        self._point(-1)

    def _point(self, number: int) -> None:
        if keys := self._here.keys():
            self._steered = True
            self._here.point(keys[number])

    def action_column(self) -> None:
        """The other column."""
        if self._right.display:
            self._steered = True
            self._here.point(None)
            self._here = self._right if self._here is self._left else self._left
            self._settle()

    def action_open(self) -> None:
        """The target under the cursor."""
        if self._here.cursor:
            self._open(*parts_of(self._here.cursor))

    def action_panel(self, digit: str) -> None:
        """The worst target of the block with this number, at its worst row."""
        for block in self.room.blocks():
            if str(block.digit) == digit:
                worst = max(block.entries, key=lambda entry: entry.severity or 0)
                self._open(worst.name, _worst_row(worst.alerts))

    def action_attend(self) -> None:
        """What the attention line speaks of first."""
        cases = self.room.cases()
        if cases:
            self._open(cases[0].alert.target, cases[0].alert.row)
        else:
            self.say("no alert is open")

    def action_alerts(self) -> None:
        """Every alert."""
        from tui.screens.inbox import InboxScreen

        self.app.push_screen(InboxScreen(self.room))

    def action_runbook(self) -> None:
        """The runbook's procedures."""
        from tui.screens.runbook import RunbookScreen

        self.app.push_screen(RunbookScreen(self.room))

    def action_checklists(self) -> None:
        """What a shift goes through."""
        from tui.screens.checklists import open_checklists

        open_checklists(self)

    def action_zoom(self) -> None:
        """One block on the whole screen, and back."""
        target, _ = self.pointed
        title = next((b.title for b in self.room.blocks() if any(e.name == target for e in b.entries)), "")
        self._zoomed = "" if self._zoomed else title
        self.draw()

    def action_filter(self) -> None:
        """Only lines that hold a text."""
        self.ask("show lines that hold …", self._filter, self._narrow)

    def _narrow(self, text: str) -> None:
        self._filter = text
        self.draw()

    def about(self) -> Sequence[tuple[str, str]]:
        """What the numbers of every block mean."""
        panels = {entry.panel.title: entry.panel.help for block in self.room.blocks() for entry in block.entries}
        return [(_LEGEND_TITLE, _LEGEND), *panels.items()]

    def clear(self) -> bool:
        """Take back filter and zoom; False when there was neither."""
        had = bool(self._filter or self._zoomed)
        self._filter = self._zoomed = ""
        if had:
            self.draw()
        return had

    def action_logs(self) -> None:
        """The log of the line under the cursor."""
        from tui.screens.log import open_log

        target, row = self.pointed
        if target:
            open_log(self, self.room, target, row)

    def action_chart(self) -> None:
        """The course of the gauge behind the line under the cursor."""
        from tui.screens.chart import open_chart

        open_chart(self)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; a click on the chosen line opens."""
        event.stop()
        if event.view.cursor == event.key or event.view is self._attention:
            self._open(*parts_of(event.key))
            return
        self._steered = True
        self._here.point(None)
        self._here = event.view
        self._here.point(event.key)

    def _open(self, target: str, row: str) -> None:
        from tui.screens.detail import Detail

        self.app.push_screen(Detail(self.room, target, row))


def _worst_row(alerts: Sequence[Alert]) -> str:
    """The row that the first, the worst, of the alerts speaks of; empty when it is about the whole target."""
    return alerts[0].row if alerts else ""
