"""A view of lines: a panel's block, a header, a footer, a sheet. Repaints only the cells that changed.

Lines with a key can be chosen; the cursor stays with its key whatever moves around it.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from widgets.drawn import Drawn, changed_cells
from widgets.lines import Line


class LineView(Drawn):
    """Shows lines from the top; what doesn't fit is not shown, so give it what fits."""

    DEFAULT_CSS = "LineView { height: 1fr; width: 1fr; }"

    class Chosen(Message):
        """A line was clicked."""

        def __init__(self, view: LineView, key: str) -> None:
            self.view = view
            self.key = key
            super().__init__()

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines: Sequence[Line] = ()
        self.cursor: str | None = None
        """Key of the line under the cursor; None: no cursor here."""
        self._top = 0

    @property
    def top(self) -> int:
        """Index of the first line shown."""
        return self._top

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines; only what differs on screen is painted."""
        old, self.lines = self.lines, lines
        top = max(0, min(self._top, len(lines) - max(self.size.height, 1)))
        if top != self._top:  # every line stands elsewhere now
            self._top = top
            self.refresh()
            return
        regions = [
            self._difference(y, old[y + self._top].spans, lines[y + self._top].spans)
            if y + self._top < min(len(old), len(lines))
            else Region(0, y, self.size.width, 1)
            for y in range(self.size.height)
            if self._differs(old, y + self._top)
        ]
        if regions:
            self.refresh(*regions)

    def move(self, steps: int) -> bool:
        """Move the cursor by so many choosable lines; False when there is no further one."""
        keys = self.keys()
        if not keys:
            return False
        at = keys.index(self.cursor) if self.cursor in keys else (-1 if steps > 0 else len(keys))
        to = at + steps
        if not 0 <= to < len(keys):
            return False
        self.point(keys[to])
        return True

    def point(self, key: str | None) -> None:
        """Put the cursor on a line; None takes it away."""
        before, self.cursor = self.cursor, key
        self._reveal(key)
        for changed in {before, key}:
            y = self._line_of(changed)
            if y is not None and 0 <= y - self._top < self.size.height:
                self.refresh(Region(0, y - self._top, self.size.width, 1))

    def keys(self) -> list[str]:
        """The choosable lines, in order; lines that share a key are one."""
        return list(dict.fromkeys(line.key for line in self.lines if line.key))

    def scroll_lines(self, steps: int) -> None:
        """Scroll a text longer than the view."""
        top = max(0, min(self._top + steps, len(self.lines) - self.size.height))
        if top != self._top:
            self._top = top
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One painted line."""
        number = y + self._top
        if number >= len(self.lines):
            return self.strip((), self.size.width)
        line = self.lines[number]
        chosen = bool(line.key) and line.key == self.cursor
        return self.strip(line.spans, self.size.width, cursor=chosen)

    def on_click(self, event: events.Click) -> None:
        """Point at the clicked line; the screen decides what that means."""
        number = event.y + self._top
        if number < len(self.lines) and self.lines[number].key:
            self.post_message(self.Chosen(self, self.lines[number].key))

    def _line_of(self, key: str | None) -> int | None:
        return next((n for n, line in enumerate(self.lines) if key and line.key == key), None)

    def _reveal(self, key: str | None) -> None:
        at, height = self._line_of(key), self.size.height
        if at is None or height == 0:
            return
        end = at + 1
        while end < len(self.lines) and end - at < height and self._goes_on(end):
            end += 1
        top = min(max(self._top, end - height), at)
        if top != self._top:
            self._top = top
            self.refresh()

    def _goes_on(self, number: int) -> bool:
        """Whether a line is the rest of the folded one before it: indented, and not to be chosen by itself."""
        return not self.lines[number].key and self.lines[number].text.startswith("  ")

    def _differs(self, old: Sequence[Line], number: int) -> bool:
        before = old[number] if number < len(old) else None
        after = self.lines[number] if number < len(self.lines) else None
        if before is None or after is None:
            return before is not after
        return before.spans != after.spans or (before.key != after.key and self.cursor in (before.key, after.key))

    def _difference(self, y: int, old: Sequence[object], new: Sequence[object]) -> Region:
        first, end = changed_cells(old, new)  # type: ignore[arg-type]
        width = self.size.width
        if first >= width or first == end:
            return Region(0, y, width, 1)
        return Region(first, y, (width if end is None else min(end, width)) - first, 1)
