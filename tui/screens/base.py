"""What all screens share: the top line, the foot, the prompt, and being drawn from the room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget

from tui.room import Room
from widgets.lineview import LineView
from widgets.overview import banner, footer


class RoomScreen(Screen[None], inherit_bindings=False):
    """A screen drawn from the room: `draw` is called when something changed, and once a second."""

    where: ClassVar[str] = "overview"
    """The place in the table of keys."""

    DEFAULT_CSS = """
    RoomScreen { background: $background; layout: vertical; overflow: hidden; }
    RoomScreen .bar { height: 1; background: $panel; }
    RoomScreen .row { height: 1; }
    RoomScreen Horizontal { height: 1fr; }
    RoomScreen Input { height: 1; border: none; padding: 0 1; background: $panel; }
    RoomScreen Input:focus { border: none; }
    """

    AUTO_FOCUS = ""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self.room = room
        self._top = LineView(classes="bar")
        self._foot = LineView(classes="bar")
        self._message = ""
        for binding in room.keymap.bindings(self.where):
            self._bindings.bind(binding.key, binding.action, binding.description, show=False)

    def compose(self) -> ComposeResult:
        """The top line, the body, the foot."""
        yield self._top
        yield from self.body()
        yield self._foot

    def body(self) -> ComposeResult:
        """What is between top and foot."""
        yield Horizontal()

    def draw(self) -> None:
        """Bring the screen up to what the room shows now."""
        self.draw_frame()

    def draw_frame(self) -> None:
        """The top line and the foot."""
        width = self.size.width
        self._top.show([banner(self.room.heading(), self.room.clock(), width)])
        self._foot.show([footer(self.room.keymap.hints(self.where, self.room.demo), width, self._message)])

    def say(self, text: str, seconds: float = 4.0) -> None:
        """Say something in passing at the foot."""
        self._message = text
        self.draw_frame()
        if text:
            self.set_timer(seconds, lambda: self._unsay(text))

    def _unsay(self, text: str) -> None:
        if self._message == text:
            self._message = ""
            self.draw_frame()

    def on_mount(self) -> None:
        """First picture."""
        self.draw()

    def on_screen_resume(self) -> None:
        """Somebody looks here again."""
        self.draw()

    def on_resize(self) -> None:
        """Another size, another picture."""
        self.call_after_refresh(self.draw)

    def line_under_cursor(self) -> str:
        """What `y` copies."""
        return ""

    @property
    def pointed(self) -> tuple[str, str]:
        """(target, row) under the cursor; each may be empty."""
        return "", ""

    def about(self) -> Sequence[tuple[str, str]]:
        """(title, text) of what the numbers on this screen mean, for the help."""
        return ()

    def ask(
        self,
        label: str,
        value: str,
        typed: Callable[[str], None],
        done: Callable[[str], None] | None = None,
        given_up: Callable[[], None] | None = None,
    ) -> None:
        """Let the person type a line in place of the foot.

        `typed` follows each letter, `done` gets the end (absent: what was typed stays), `given_up` is told of Esc
        (absent: as if nothing had been typed).
        """
        from tui.screens.prompt import Prompt  # the input widget is loaded when first used

        prompt = Prompt(label, value, typed, done or typed, given_up or (lambda: typed("")))
        self.mount(prompt, before=self._foot)
        self._foot.display = False
        prompt.focus()

    def prompt_closed(self, prompt: Widget) -> None:
        """The line is typed: the foot comes back."""
        prompt.remove()
        self._foot.display = True
        self.set_focus(None)
        self.call_after_refresh(self.draw)
