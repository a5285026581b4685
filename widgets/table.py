"""A table of keyed rows that repaints only the cells that changed.

The cursor and the marks belong to rows, not to places: when rows come, go or change order, they stay with their key.
Rows are asked for their text only when they are seen, so ten thousand of them cost no more than fifty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from time import perf_counter
from typing import Any, Final

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from widgets.drawn import Drawn
from widgets.lines import Part, Span, Tone, fit
from widgets.panel import Column, Table

_GAP: Final = 1
_LAST_SHARE: Final = 5
"""The column that takes what is left has at least a fifth of the table, as far as others can give."""
_NAMED: Final = 18
"""Cells that the first column, which names the row, keeps."""
_NARROWEST: Final = (14, 11)
"""Cells that columns of words keep when they give: first only the wide ones give, then all."""
_AT_ONCE: Final = 200
"""Rows that are gone through at once; more are gone through in slices, between which keys are answered."""
_SLICE: Final = 0.01
"""Seconds of a slice."""
_PAUSE: Final = 0.002
"""Seconds between two slices."""

Row = tuple[str, Any]
"""A row's key, and the row."""
Cells = tuple[Span, ...]


def widths(columns: Sequence[Column[Any]], width: int) -> list[tuple[Column[Any], int]]:
    """The columns a table of that many cells has room for, each with its width.

    Where room is short the widest columns of words give, so that the last one is not cut by the edge of the screen;
    numbers are never cut.
    """
    shown = [column for column in columns if column.least <= width]
    given = [column.width for column in shown]
    wanted = width // _LAST_SHARE if 0 in given else 0

    rest = width - 2 - sum(one + _GAP for one in given if one)
    for narrowest in _NARROWEST:
        kept = [max(narrowest, _NAMED) if number == 0 else narrowest for number in range(len(shown))]
        while rest < wanted:
            giving = [at for at, one in enumerate(given) if one > kept[at] and not shown[at].right]
            if not giving:
                break
            given[max(giving, key=lambda at: given[at])] -= 1
            rest += 1
    return [(column, one or max(1, rest)) for column, one in zip(shown, given, strict=True)]


class KeyedTable(Drawn, can_focus=True):
    """Shows one `Table` of a panel."""

    DEFAULT_CSS = "KeyedTable { height: 1fr; width: 1fr; }"

    class Chosen(Message):
        """A row was clicked twice."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._table: Table[Any, Any] | None = None
        self._all: Sequence[Any] = ()
        self._rows: list[Row] = []
        self._painted: dict[int, tuple[str, Cells, bool]] = {}
        self._at = 0
        self._top = 0
        self._fitted: list[tuple[Column[Any], int]] = []
        self._fitted_to = -1
        """The width that `_fitted` was worked out for."""
        self.cursor: str | None = None
        """Key of the row under the cursor."""
        self.marked: set[str] = set()
        """Keys of the marked rows."""
        self.filter = ""
        """Only rows with this text in a cell are shown."""
        self.order = ""
        """Title of the column that decides the order; empty: as they come."""
        self.descending = False
        self._stale = False
        self._instead = ""
        """Words for why there are no rows, in place of the table's own."""
        self._texts: dict[str, str] = {}
        """What each row says, by its key, as far as a filter has asked for it."""
        self._keyed: list[Row] | None = None
        """All rows with their keys, as they came."""
        self._ordered: tuple[str, bool, list[Row]] | None = None
        """All rows with their keys, in an order: its column, whether it descends."""
        self._arranging: Iterator[bool] = iter(())
        self._next: asyncio.TimerHandle | None = None
        self._pointed: str | None = None
        """Key of the row that the cursor was on before some rows of a filter were shown."""

    # what is shown

    def use(self, table: Table[Any, Any]) -> None:
        """Show another table: cursor, marks and order begin anew."""
        self._table = table
        self._rows, self._all = [], ()
        self._texts, self._keyed, self._ordered, self._arranging = {}, None, None, iter(())
        self.cursor, self._pointed, self._at, self._top = None, None, 0, 0
        self.marked = set()
        self._fitted_to = -1
        self.order = table.order
        self.descending = next((column.descending for column in table.columns if column.title == table.order), False)
        self.refresh()

    def show(self, rows: Sequence[Any], stale: bool = False, instead: str = "") -> None:
        """Replace the rows; stale ones are dimmed. `instead` says why there are none, where nobody can know."""
        if (stale, instead) != (self._stale, self._instead):
            self._stale, self._instead = stale, instead
            self._painted.clear()
            self.refresh()
        self._all = rows
        self._texts, self._keyed, self._ordered = {}, None, None
        self._arrange()

    @property
    def count(self) -> tuple[int, int]:
        """(rows shown, rows there are)."""
        return len(self._rows), len(self._all)

    @property
    def current(self) -> Any | None:
        """The row under the cursor."""
        return self._rows[self._at][1] if self._rows and self._at < len(self._rows) else None

    def chosen(self) -> list[Any]:
        """The marked rows that are shown; without any, the row under the cursor."""
        if self.marked:
            self._finish()
        marked = [row for key, row in self._rows if key in self.marked]
        return marked or ([self.current] if self.current is not None else [])

    def hidden_marks(self) -> int:
        """Marked rows that the filter hides or that are gone."""
        if not self.marked:
            return 0
        self._finish()
        return len(self.marked - {key for key, _ in self._rows})

    # what a person does

    def move(self, steps: int) -> None:
        """Move the cursor."""
        self._point(self._at + steps)

    def page(self, pages: int) -> None:
        """Move the cursor by screens."""
        self._point(self._at + pages * max(1, self.size.height - 2))

    def first(self) -> None:
        """To the first row."""
        self._point(0)

    def last(self) -> None:
        """To the last row."""
        self._point(len(self._rows) - 1)

    def seek(self, key: str) -> bool:
        """Put the cursor on the row of that key; False when it isn't shown."""
        self._finish()
        for number, (found, _) in enumerate(self._rows):
            if found == key:
                self._point(number)
                return True
        return False

    def mark(self) -> None:
        """Mark or unmark the current row and go on to the next."""
        if self.cursor is not None:
            self.marked ^= {self.cursor}
            self._repaint(self._at)
            self.move(1)

    def expect(self) -> None:
        """A filter is about to be typed: what the rows say is made meanwhile."""
        if len(self._all) > _AT_ONCE:
            self._arranging = chain(self._arranging, self._foretold())
            self._later(_PAUSE)

    def find(self, text: str) -> None:
        """Show only rows that hold this text."""
        self.filter = text
        self._arrange(soon=True)
        if not text:
            self._finish()

    def sort_next(self) -> None:
        """Order by the next column, then as they come."""
        titles = ["", *(column.title for column, _ in self.columns())]
        self.order = titles[(titles.index(self.order) + 1) % len(titles)] if self.order in titles else ""
        self.descending = any(column.descending for column, _ in self.columns() if column.title == self.order)
        self._arrange()
        self._finish()
        self.refresh()

    def reverse(self) -> None:
        """Turn the order around."""
        self.descending = not self.descending
        self._arrange()
        self._finish()
        self.refresh()

    # how it is drawn

    def columns(self) -> list[tuple[Column[Any], int]]:
        """The columns that fit, each with its width."""
        if self._table is None:
            return []
        width = self.size.width
        if self._fitted_to != width:
            self._fitted = widths(self._table.columns, width)
            self._fitted_to = width
        return self._fitted

    def render_line(self, y: int) -> Strip:
        """The header, a row, or the words for none."""
        width = self.size.width
        if y == 0:
            return self.strip(self._header(), width)
        if not self._rows:
            return self.strip((Span("  " + self._nothing(), Tone.DIM),) if y == 1 else (), width)
        number = y - 1 + self._top
        if number >= len(self._rows):
            self._painted.pop(y, None)
            return self.strip((), width)
        key, row = self._rows[number]
        cells = self._cells(row)
        marked = key in self.marked
        self._painted[y] = (key, cells, marked)
        lead = Span("▸ " if number == self._at else ("+ " if marked else "  "), Tone.KEY)
        return self.strip((lead, *cells), width, cursor=number == self._at, marked=marked)

    def on_resize(self) -> None:
        """Columns come and go with the width."""
        self._painted.clear()
        self._point(self._at)

    def on_unmount(self) -> None:
        """Nobody needs the rest of the work."""
        self._arranging = iter(())

    def on_click(self, event: events.Click) -> None:
        """One click points, two open."""
        number = event.y - 1 + self._top
        if 0 <= number < len(self._rows) and event.y > 0:
            self._point(number)
            if event.chain > 1:
                self.post_message(self.Chosen())

    def _nothing(self) -> str:
        if self._table is None:
            return ""
        if self.filter and self._all:
            return f"no row holds “{self.filter}” ({len(self._all)} hidden); Esc shows all"
        return self._instead or self._table.empty

    def _header(self) -> Cells:
        spans = [Span("  ", Tone.TITLE)]
        for column, width in self.columns():
            title = column.title
            if title and title == self.order:
                title += " ▼" if self.descending else " ↑"
            spans.append(fit(Span(title, Tone.TITLE), width, column.right))
            spans.append(Span(" "))
        return tuple(spans)

    def _cells(self, row: Any) -> Cells:
        tone = self._table.tone(row) if self._table is not None else Tone.PLAIN
        spans: list[Span] = []
        for column, width in self.columns():
            part = column.cell(row)
            if not isinstance(part, Span):
                part = Span(str(part), tone)
            part = fit(part, width, column.right, column.tail)
            spans.append(Span(part.text, Tone.DIM) if self._stale else part)
            spans.append(Span(" " * _GAP))
        return tuple(spans)

    def _told(self, key: str, row: Any) -> str:
        """What a row says, made once for each reading."""
        if (text := self._texts.get(key)) is None:
            text = self._texts[key] = self._text(row)
        return text

    def _text(self, row: Any) -> str:
        parts = (column.cell(row) for column in (self._table.columns if self._table is not None else ()))
        return " ".join(map(said, parts)).lower()

    def _arrange(self, soon: bool = False) -> None:
        """Order and filter the rows, put the cursor back on its row, repaint what differs.

        `soon`: the first rows that a filter leaves are shown before all are known.
        """
        if self._table is not None:
            self._arranging = self._arranged(self._table, soon)
            if soon and len(self._all) > _AT_ONCE:
                self._later(0.0)  # of several letters that come together only the last is worth it
            else:
                self._go_on()

    def _later(self, seconds: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = asyncio.get_running_loop().call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        """A slice of the work, or all of it when there is little."""
        until = perf_counter() + _SLICE
        for seen in self._arranging:
            if len(self._all) > _AT_ONCE and (seen or perf_counter() > until):
                self._later(_PAUSE)
                return

    def _finish(self) -> None:
        """All that is left of the work, for who needs to know the rows now."""
        for _ in self._arranging:
            pass

    def _arranged(self, table: Table[Any, Any], soon: bool) -> Iterator[bool]:
        """The work of arranging, step by step; True when there is something new to be seen."""
        if self._ordered is None or self._ordered[:2] != (self.order, self.descending):
            if self._keyed is None:
                self._keyed = [(table.key(row), row) for row in self._all]
            rows = self._keyed
            column = next((column for column in table.columns if column.title == self.order and self.order), None)
            if column is not None:
                rows = yield from ordering(rows, column, self.descending)
            self._ordered = (self.order, self.descending, rows)
        found = self._ordered[2]
        if self.filter:
            yield False
            wanted, found, every = self.filter.lower(), [], found
            soon, enough = soon and len(every) > _AT_ONCE, self.size.height
            for number, (key, row) in enumerate(every):
                if wanted in self._told(key, row):
                    found.append((key, row))
                if soon and len(found) > enough:
                    soon = False
                    self._pointed = self._pointed or self.cursor
                    self._put(list(found))
                    yield True
                elif number % 16 == 0:
                    yield False
        self.cursor, self._pointed = self._pointed or self.cursor, None
        self._put(found)

    def _foretold(self) -> Iterator[bool]:
        for number, (key, row) in enumerate(self._keyed or ()):
            self._told(key, row)
            if number % 16 == 0:
                yield False

    def _put(self, rows: list[Row]) -> None:
        before = len(self._rows)
        self._rows = rows
        self._anchor()
        if before == 0 or not self._rows or len(self._rows) != before:
            self._clamp()
        self._repaint_changes()

    def _anchor(self) -> None:
        for number, (key, _) in enumerate(self._rows):
            if key == self.cursor:
                if number != self._at:
                    self._at = number
                    self._clamp()
                return
        self._at = max(0, min(self._at, len(self._rows) - 1))
        self.cursor = self._rows[self._at][0] if self._rows else None

    def _clamp(self) -> None:
        room = max(1, self.size.height - 1)
        top = max(0, min(self._top, len(self._rows) - room))
        if self._at < top:
            top = self._at
        elif self._at >= top + room:
            top = self._at - room + 1
        if top != self._top:
            self._top = top
            self.refresh()

    def _repaint_changes(self) -> None:
        width = self.size.width
        regions = []
        for y in range(1, self.size.height):
            number = y - 1 + self._top
            old = self._painted.get(y)
            if number >= len(self._rows):
                if old is not None or y == 1:
                    regions.append(Region(0, y, width, 1))
                continue
            key, row = self._rows[number]
            if old is None or old[0] != key or old[2] != (key in self.marked):
                regions.append(Region(0, y, width, 1))
            elif old[1] != (cells := self._cells(row)):
                regions.append(self._cells_region(y, old[1], cells))
        if regions:
            self.refresh(*regions)

    def _cells_region(self, y: int, old: Cells, new: Cells) -> Region:
        x, first, last = 2, None, 2
        for number, cell in enumerate(new):
            size = len(cell.text)
            if number >= len(old) or old[number] != cell:
                first = x if first is None else first
                last = x + size
            x += size
        first = first or 0
        wide = any(not span.text.isascii() for span in (*old, *new))
        return Region(0, y, self.size.width, 1) if wide else Region(first, y, max(1, last - first), 1)

    def _point(self, number: int) -> None:
        if not self._rows:
            return
        self._pointed = None
        before, self._at = self._at, max(0, min(number, len(self._rows) - 1))
        self.cursor = self._rows[self._at][0]
        self._clamp()
        self._repaint(before)
        self._repaint(self._at)

    def _repaint(self, number: int) -> None:
        y = number - self._top + 1
        if 1 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))


def ordering(rows: list[Row], column: Column[Any], descending: bool) -> Generator[bool, None, list[Row]]:
    """Rows in a column's order, step by step; rows without a value come last either way."""
    key: Callable[[Any], Any] = column.sort or (lambda row: said(column.cell(row)).lower())
    known, unknown = [], []
    for number, one in enumerate(rows):
        value = key(one[1])
        if value is None:
            unknown.append(one)
        else:
            known.append((value, one))
        if number % 64 == 0:
            yield False
    known.sort(key=itemgetter(0), reverse=descending)
    return [one for _, one in known] + unknown


def said(part: Part) -> str:
    """The text of a cell."""
    return part.text if isinstance(part, Span) else str(part)
