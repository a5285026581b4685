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
        self._told = ""
        """What `typed` was told last."""
        self._over = False
        self.folds = False
        """True where a paste of several lines becomes one line: what people write down."""

    def on_key(self, event: events.Key) -> None:
        """Enter and Esc count in the order of the keys: a burst that comes over a slow line must not end it twice, nor
        put into it what was typed after it. What is left of the burst is dropped: none of it is a command."""
        if self._over or event.key in ("enter", "escape"):
            event.stop()
            event.prevent_default()
        if event.key == "enter":
            self._enter(self.value)
        elif event.key == "escape":
            self.action_give_up()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Follow each letter."""
        event.stop()
        if not self._over:
            self._follow()

    def _follow(self) -> None:
        if self._told != self.value:
            self._told = self.value
            self._typed(self.value)

    def on_paste(self, event: events.Paste) -> None:
        """Of several lines the first alone would be taken, and nobody would see it: of a secret none is, of what
        people write down all are, as one line. What there is no room for is cut, in sight."""
        if self._over:
            event.stop()
            event.prevent_default()
        elif self.password and len(event.text.splitlines()) > 1:
            event.stop()
            event.prevent_default()
            self.value = ""
            self.placeholder = "that has more than one line, which is not taken here: nothing is typed; Esc gives up"
        elif self.folds:
            event.stop()
            event.prevent_default()
            text = " ".join(event.text.split())
            room = (self.max_length or len(text)) - len(self.value) + len(self.selected_text)
            if len(text) > room:
                text = text[: max(0, room - 1)] + "…" * (room > 0)
                self.call_after_refresh(self._show_end)
            self.replace(text, *self.selection)

    def _show_end(self) -> None:
        """Where it was cut; how far it can be scrolled is known only once it is drawn."""
        self.cursor_position = 0
        self.action_end()

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
        self._enter(event.value)

    def _enter(self, text: str) -> None:
        if not self._over:
            self._follow()
            self._over = True
            self._done(text)
            self._close()

    def action_give_up(self) -> None:
        """Esc."""
        if not self._over:
            self._follow()
            self._over = True
            self._given_up()
            self._close()

    def _close(self) -> None:
        screen: RoomScreen = self.screen  # type: ignore[assignment]
        screen.prompt_closed(self)
