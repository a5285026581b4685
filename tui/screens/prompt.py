"""One line to type into, at the foot of a screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

if TYPE_CHECKING:
    from tui.screens.base import RoomScreen


class Prompt(Input):
    """Enter keeps what was typed, Esc takes it back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", show=False)]

    def __init__(
        self,
        label: str,
        value: str,
        typed: Callable[[str], None],
        done: Callable[[str], None],
        given_up: Callable[[], None],
        longest: int = 200,
    ) -> None:
        """`typed` follows each letter; `done` gets what Enter keeps, `given_up` is told of Esc."""
        super().__init__(value=value, placeholder=label, max_length=longest, compact=True, select_on_focus=False)
        self.cursor_blink = False
        self._typed = typed
        self._done = done
        self._given_up = given_up

    def on_input_changed(self, event: Input.Changed) -> None:
        """Follow each letter."""
        event.stop()
        self._typed(event.value)

    def on_paste(self, event: events.Paste) -> None:
        """Of a secret of several lines the first alone would be taken, and nobody would see it."""
        if self.password and len(event.text.splitlines()) > 1:
            event.stop()
            event.prevent_default()
            self.value = ""
            self.placeholder = "that has more than one line, which is not taken here: nothing is typed; Esc gives up"

    def action_copy(self) -> None:
        """What is not shown is not copied either."""
        if not self.password:
            super().action_copy()

    def action_cut(self) -> None:
        """The same."""
        if not self.password:
            super().action_cut()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        event.stop()
        self._done(event.value)
        self._close()

    def action_give_up(self) -> None:
        """Esc."""
        self._given_up()
        self._close()

    def _close(self) -> None:
        screen: RoomScreen = self.screen  # type: ignore[assignment]
        screen.prompt_closed(self)
