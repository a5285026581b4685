"""One target, whole: its numbers with their history at the top, its tables below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult

from desk.board import Freshness
from probes.base import State
from tui.room import Room
from tui.screens.base import RoomScreen
from widgets.lines import Line, Part, Span, Tone, dim, joined, line, sign, strong, toned, width_of
from widgets.lineview import LineView
from widgets.overview import (
    SIMULATED,
    Entry,
    age_parts,
    cut,
    gap_lines,
    last_good,
    past,
    shows_values,
    state_lines,
    whole,
)
from widgets.panel import Table
from widgets.table import KeyedTable


class Detail(RoomScreen):
    """A target's own screen."""

    where: ClassVar[str] = "detail"

    DEFAULT_CSS = """
    Detail #title { background: $surface; }
    Detail #head { height: auto; }
    Detail #tabs { height: 1; }
    """

    def __init__(self, room: Room, target: str, row: str = "") -> None:
        super().__init__(room)
        self._target = target
        self._wanted = row
        self._title = LineView(id="title", classes="row")
        self._head = LineView(id="head")
        self._tabs = LineView(id="tabs")
        self._table = KeyedTable(id="table")
        self._number = 0
        self._zoomed = False
        self._used: Table[Any, Any] | None = None
        self._shown: tuple[Table[Any, Any], Any, bool, str] | None = None
        """The table, the facts whose rows are in it, whether they are stale, the words in their place."""

    def body(self) -> ComposeResult:
        """Title, head, tabs, table."""
        yield self._title
        yield self._head
        yield self._tabs
        yield self._table

    # drawing

    @property
    def entry(self) -> Entry:
        """The target as the room shows it now."""
        return self.room.entry(self._target)

    @property
    def tables(self) -> Sequence[Table[Any, Any]]:
        """The tables of its kind."""
        return self.entry.panel.tables

    def draw(self) -> None:
        """Everything about the target, from the room."""
        if not self.is_mounted or self.size.height < 4:
            return
        entry = self.entry
        self._title.show([self._title_line(entry)])
        self._show_head([] if self._zoomed else self._head_lines(entry))
        self._show_table(entry)
        self.draw_frame()

    def _title_line(self, entry: Entry) -> Line:
        state = entry.slot.state(self.room.now)
        word = Span(state.value, Tone.GOOD) if state is State.LIVE else toned(state.value, entry.severity)
        kind = self.room.kinds.kind(entry.slot.target.kind)
        played: list[Part] = [SIMULATED, "  "] if entry.simulated else []
        parts: list[Part] = [" ", strong(entry.name), dim(f"  {kind.name}  "), *played, word, "  "]
        parts += age_parts([entry], self.room.now)
        more = [f", read every {entry.slot.target.settings.every * self.room.engine.pace:g} s"]
        more += [f", took {entry.slot.snapshot.took * 1000:.0f} ms"] if entry.slot.snapshot is not None else []
        for text in more:  # as far as there is room: nothing of it is cut within a word
            if width_of(line(*parts, text).spans) > self.size.width:
                break
            parts.append(dim(text))
        return line(*parts)

    def _head_lines(self, entry: Entry) -> list[Line]:
        now, width = self.room.now, self.size.width
        state = list(state_lines(entry.slot, now, named=False))
        known = [one for one in entry.alerts if one.gauge or one.theirs][:4]
        alerts = [line("  ", sign(a.severity), " ", toned(a.words, a.severity)) for a in known]
        head: list[Line] = []
        gaps: list[Line] = []
        if shows_values(entry.slot, now):
            stale = entry.slot.freshness(now) is not Freshness.FRESH
            for one in entry.head(width - 4):
                spans = tuple(map(past, one.spans)) if stale else one.spans
                head.append(Line((Span("  "), *spans)))
            gaps = gap_lines(entry)
        groups = ((state, 5), (alerts, 3), (head, 1), (gaps, 2))
        lines = whole(groups, width, max(2, self.size.height - 10))
        return [Line(cut(one.spans, width)) for one in lines]

    def _show_head(self, lines: list[Line]) -> None:
        if self._head.styles.height is None or self._head.size.height != len(lines):
            self._head.styles.height = len(lines)
        self._head.display = bool(lines)
        self._head.show(lines)

    def _show_table(self, entry: Entry) -> None:
        tables = self.tables
        self._tabs.display = self._table.display = bool(tables)
        if not tables:
            return
        table = tables[self._number % len(tables)]
        if table is not self._used:
            self._used = table
            self._table.use(table)
        slot, now = entry.slot, self.room.now
        facts = slot.snapshot.facts if slot.snapshot is not None and shows_values(slot, now) else None
        stale = slot.freshness(now) is not Freshness.FRESH
        instead = last_good(slot, now) if facts is None else table.unseen(facts)
        was = self._shown
        if was is None or was[0] is not table or was[1] is not facts or was[2:] != (stale, instead):
            self._shown = (table, facts, stale, instead)
            self._table.show(table.rows(facts) if facts is not None else (), stale, instead)
        self._tabs.show([self._tab_line(tables)])
        if self._wanted:
            self._seek()

    def _tab_line(self, tables: Sequence[Table[Any, Any]]) -> Line:
        names: list[Span] = []
        for number, table in enumerate(tables):
            here = number == self._number % len(tables)
            names.append(Span(f"▸{table.title}" if here else f" {table.title}", Tone.TITLE if here else Tone.DIM))
        shown, there = self._table.count
        counted = f"{shown}" if shown == there else f"{shown} of {there}, filter “{self._table.filter}”"
        counted += self._beyond()
        marks = f"  {len(self._table.marked)} marked" if self._table.marked else ""
        hidden = f" ({self._table.hidden_marks()} hidden)" if self._table.hidden_marks() else ""
        tail = Span(f"   {counted}{marks}{hidden}", Tone.DIM)
        before = 0
        while (
            before < self._number % len(tables) and width_of((*names[before:], tail)) + len(names) + 2 > self.size.width
        ):
            before += 1  # the name of the table one looks at must be seen
        lead = Span(" … " if before else " ", Tone.DIM)
        return Line(cut((lead, *joined(names[before:], " "), tail), self.size.width))

    def _beyond(self) -> str:
        """What the table leaves out, in words."""
        if self._shown is None or self._shown[1] is None:
            return ""
        table, facts, *_ = self._shown
        more = table.beyond(facts)
        return f", {more:,} more not listed" if more else ""

    def _seek(self) -> None:
        """Put the cursor on the row that was asked for, in whichever table has it."""
        wanted, self._wanted = self._wanted, ""
        snapshot = self.entry.slot.snapshot
        if snapshot is None or self._table.seek(wanted):
            return
        for number, table in enumerate(self.tables):
            if any(table.key(row) == wanted for row in table.rows(snapshot.facts)):
                self._number = number
                self._show_table(self.entry)
                self._table.seek(wanted)
                return

    # what a person does

    def line_under_cursor(self) -> str:
        """What `y` copies: the marked rows, or the one under the cursor."""
        if self._used is None:
            return ""
        lines = []
        for row in self._table.chosen():
            cells = (column.cell(row) for column in self._used.columns)
            lines.append("\t".join(cell.text if isinstance(cell, Span) else str(cell) for cell in cells))
        return "\n".join(lines)

    @property
    def pointed(self) -> tuple[str, str]:
        """The target, and what the row under the cursor is called there."""
        return self._target, self._subject()

    def about(self) -> Sequence[tuple[str, str]]:
        """What this kind's numbers mean."""
        panel = self.entry.panel
        return [(panel.title, panel.help)]

    def on_mount(self) -> None:
        """Somebody looks at this target: what only its own screen shows is read now."""
        super().on_mount()
        self.room.engine.watch(self._target)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self.room.engine.watch(self._target, False)

    def clear(self) -> bool:
        """Take back filter and zoom; False when there was neither."""
        had = bool(self._table.filter or self._zoomed)
        self._table.find("")
        self._zoomed = False
        if had:
            self.draw()
        return had

    def action_down(self) -> None:
        """Next row."""
        self._table.move(1)

    def action_up(self) -> None:
        """Row before."""
        self._table.move(-1)

    def action_page_down(self) -> None:
        """A screen down."""
        self._table.page(1)

    def action_page_up(self) -> None:
        """A screen up."""
        self._table.page(-1)

    def action_first(self) -> None:
        """First row."""
        self._table.first()

    def action_last(self) -> None:
        """Last row."""
        self._table.last()

    def action_sort(self) -> None:
        """Order by the next column."""
        self._table.sort_next()
        self.say(f"ordered by {self._table.order}" if self._table.order else "in the order they come")

    def action_invert(self) -> None:
        """Turn the order around."""
        self._table.reverse()

    def action_mark(self) -> None:
        """Mark the row."""
        self._table.mark()
        self.draw()

    def action_filter(self) -> None:
        """Only rows that hold a text."""
        self.ask("show rows that hold …", self._table.filter, self._narrow)
        self._table.expect()

    def _narrow(self, text: str) -> None:
        self._table.find(text)
        self._tabs.show([self._tab_line(self.tables)])

    def action_zoom(self) -> None:
        """The table on the whole screen, and back."""
        self._zoomed = not self._zoomed
        self.draw()

    def action_next_table(self) -> None:
        """The next table."""
        self._turn(1)

    def action_previous_table(self) -> None:
        """The table before."""
        self._turn(-1)

    def _turn(self, steps: int) -> None:
        if self.tables:
            self._number = (self._number + steps) % len(self.tables)
            self.draw()

    def action_next_target(self) -> None:
        """The next target."""
        self._go(1)

    def action_previous_target(self) -> None:
        """The target before."""
        self._go(-1)

    def _go(self, steps: int) -> None:
        names = [entry.name for block in self.room.blocks() for entry in block.entries]
        self._target = names[(names.index(self._target) + steps) % len(names)]
        self._number, self._used, self._shown = 0, None, None
        self.draw()

    def action_describe(self) -> None:
        """Everything known about the row."""
        row = self._table.current
        if row is None or self._used is None:
            return
        from tui.screens.sheet import row_sheet

        self.app.push_screen(row_sheet(self.room, self._target, self._used, row))

    def on_keyed_table_chosen(self) -> None:
        """A double click."""
        self.action_describe()

    def action_chart(self) -> None:
        """The course of the gauge behind the row under the cursor."""
        from tui.screens.chart import open_chart

        open_chart(self)

    def action_logs(self) -> None:
        """The log of the row."""
        from tui.screens.log import open_log

        open_log(self, self.room, self._target, self._subject())

    def _subject(self) -> str:
        row = self._table.current
        if row is None or self._used is None:
            return ""
        return (self._used.subject or self._used.key)(row)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The marked rows, or the one under the cursor."""
        if self._used is None:
            return ()
        named = self._used.subject or self._used.key
        return tuple(named(row) for row in self._table.chosen())

    def action_looks(self) -> None:
        """The closer looks of this target; the one look that a row has of its own at once."""
        from tui.screens.sheet import look_at

        look_at(self, self.room, self._target, self._subject(), self._used.looks if self._used is not None else ())
