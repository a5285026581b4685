"""A screen whose body is one list with a cursor: how that cursor moves."""

from __future__ import annotations

from tui.room import Room
from tui.screens.base import RoomScreen
from widgets.lineview import LineView


class ListScreen(RoomScreen):
    """Moves the cursor of its list from line to line that can be chosen; a list without any is scrolled."""

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._list = LineView(id="list")

    def moved(self) -> None:
        """A person has moved the cursor."""
        self.draw()

    def action_down(self) -> None:
        """Next line."""
        self._leap(1)

    def action_up(self) -> None:
        """Line before."""
        self._leap(-1)

    def action_page_down(self) -> None:
        """A screen down."""
        self._leap(max(1, self._list.size.height - 1))

    def action_page_up(self) -> None:
        """A screen up."""
        self._leap(-max(1, self._list.size.height - 1))

    def action_first(self) -> None:
        """The first line."""
        self._leap(-len(self._list.lines))

    def action_last(self) -> None:
        """The last line."""
        self._leap(len(self._list.lines))

    def _leap(self, steps: int) -> None:
        keys = self._list.keys()
        if not keys:
            self._list.scroll_lines(steps)
            return
        here = keys.index(self._list.cursor) if self._list.cursor in keys else 0
        self._list.point(keys[min(max(0, here + steps), len(keys) - 1)])
        self.moved()
