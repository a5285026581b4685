"""What all screens share: the top line, the foot, the prompt, and being drawn from the room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widget import Widget

from desk.inbox.case import Case
from tui.room import Room
from widgets.folding import folded
from widgets.lines import Span, Tone, fit, line
from widgets.lineview import LineView
from widgets.overview import footer

FAULTS: Final = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
"""What nobody expects of a look or a log: a fault of our own, which is said where its answer would stand."""


_NARROWEST: Final = 20
"""Columns for which a question is folded at least."""


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
        self._pressing = LineView(classes="bar")
        self._pressing.display = False
        self._open_incident = LineView(classes="bar")
        self._open_incident.display = False
        self._foot = LineView(classes="bar")
        self._message = ""
        self._question = ""
        """What is asked, while that stays in sight."""
        self._prompt: Widget | None = None
        """The line one types into, while there is one."""
        for binding in room.keymap.bindings(self.where):
            self._bindings.bind(binding.key, binding.action, binding.description, show=False)

    def compose(self) -> ComposeResult:
        """The top line, the body, the foot."""
        yield self._top
        yield self._open_incident
        yield self._pressing
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
        confirming = self.where in ("act", "consent")
        self._top.show([self.room.top_with_incident(width) if confirming else self.room.top(width)])
        going_on = None if confirming or self.where == "incident" else self.room.going_on(width)
        self._open_incident.display = going_on is not None
        if going_on is not None:
            self._open_incident.show([going_on])
        self._show_pressing(width)
        foot = [footer(self.hints(), width, self._message or self.room.aside())]
        if self._question:
            foot = folded(line(" ", Span(self._question, Tone.NOTICE)), max(width, _NARROWEST), 1)
        if self._foot.styles.height is None or self._foot.styles.height.value != len(foot):
            self._foot.styles.height = len(foot)
        self._foot.show(foot)

    def _show_pressing(self, width: int) -> None:
        """What waits for this person's answer, below the top line; not where they are about to confirm something."""
        said = self.room.pressing() if self.where not in ("act", "consent") else ""
        self._pressing.display = bool(said)
        if said:
            self._pressing.show([line(" ", fit(Span(said, Tone.WARNING), width - 2))])

    def hints(self) -> Sequence[tuple[str, str]]:
        """(key, words) for the foot, the most useful first."""
        return self.room.keymap.hints(self.where, self.room.demo)

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

    @property
    def on_top(self) -> bool:
        """True while this is the screen one looks at; keys may still come in for one that was just left."""
        return self.app.screen_stack[-1:] == [self]

    def leave(self) -> None:
        """Back to where one came from, once."""
        if self.on_top:
            self.app.pop_screen()

    def line_under_cursor(self) -> str:
        """What `y` copies."""
        return ""

    @property
    def pointed(self) -> tuple[str, str]:
        """(target, row) under the cursor; each may be empty."""
        return "", ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The rows an act would be about: the marked ones, or the one under the cursor."""
        row = self.pointed[1]
        return (row,) if row else ()

    @property
    def cases(self) -> Sequence[Case]:
        """The alerts under the cursor."""
        return ()

    # acts: which rows is told by the cursor alone, never by a text

    def action_act(self) -> None:
        """Everything that can be done to the row."""
        from tui.acting import menu

        menu(self)

    def action_restart(self) -> None:
        """Restart, retry, start or run it."""
        self._act("restart")

    def action_deploy(self) -> None:
        """Bring out what is new of it."""
        self._act("deploy")

    def action_pause(self) -> None:
        """Pause it, or let it go on."""
        self._act("pause")

    def action_scale(self) -> None:
        """Change how many there are, or how often."""
        self._act("scale")

    def action_cancel(self) -> None:
        """Cancel what it does."""
        self._act("cancel")

    def action_terminate(self) -> None:
        """End it."""
        self._act("terminate")

    def action_console(self) -> None:
        """Hand the terminal over."""
        from tui.console import open_console

        open_console(self)

    def _act(self, letter: str) -> None:
        from tui.acting import by_letter

        by_letter(self, letter)

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
        longest: int = 200,
        hidden: bool = False,
        written: bool = False,
        titled: bool = False,
    ) -> None:
        """Let the person type a line in place of the foot; `hidden` shows a dot for each letter.

        Once something is typed the label stays in sight at the foot, unless the screen's title asks already (`titled`);
        one that is wider than the screen stands there whole from the start.
        `written`: it is something that a person writes down, and a paste of several lines becomes one line.

        `typed` follows each letter, `done` gets the end (absent: what was typed stays), `given_up` is told of Esc
        (absent: as if nothing had been typed).
        """
        from tui.screens.prompt import Prompt  # the input widget is loaded when first used

        if self._prompt is not None:
            return  # one line is being typed already

        wide = 0 < self.size.width - 2 < cell_len(label) and not titled

        def follow(text: str) -> None:
            self._keep_asked(label if (text and not titled) or wide else "")
            typed(text)

        lead = "" if wide else label
        self._prompt = prompt = Prompt(lead, value, follow, done or typed, given_up or (lambda: typed("")), longest)
        prompt.password, prompt.folds = hidden, written
        self.mount(prompt, before=self._foot)
        self._keep_asked(label if (value and not titled) or wide else "")
        self.set_focus(prompt, scroll_visible=False)  # at once: the next key is for the line

    def _keep_asked(self, question: str) -> None:
        """Keep what is asked in sight at the foot; empty: the line itself still says it."""
        self._question = question
        self._foot.display = bool(question)
        if question:
            self.draw_frame()

    def take(self, event: events.Key) -> bool:
        """Put a letter into the line that is typed, which came too late for it; True when there is one.

        Keys that come in a burst are on their way to the screen already when the first of them opens the line: none of
        them is a command.
        """
        if self._prompt is None or not event.is_printable or not event.character:
            return False
        self._prompt.insert_text_at_cursor(event.character)  # type: ignore[attr-defined]
        return True

    def prompt_closed(self, prompt: Widget) -> None:
        """The line is typed: the foot comes back."""
        if prompt is not self._prompt:
            return
        self._prompt, self._question = None, ""
        prompt.can_focus = False  # a focus still on its way must not end in a line that is gone
        prompt.remove()
        self._foot.display = True
        self.set_focus(None)
        self.call_after_refresh(self.draw)
