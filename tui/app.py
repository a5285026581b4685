"""The application: hosts the engine, shows a screen, draws what changed at most ten times a second.

It decides nothing about the system it shows, and nothing here takes a target from a string that came from outside.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any, ClassVar, Final

from textual.app import App
from textual.binding import BindingType

from desk import words
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.overview import Overview
from tui.secrets import Secrets
from tui.terminal import EXIT_INTERRUPT, EXIT_OK, Lifelines
from tui.themes import THEMES
from tui.wiring import references

BEAT: Final = 0.1
"""Seconds between two pictures at most."""

_FIRST_PICTURE: Final = 0.02
"""Seconds the first picture gets before drivers are loaded."""

SLOWEST: Final = 8.0
"""Factor to which a person may slow the room down."""


class OpsroomApp(Lifelines, App[int], inherit_bindings=False):
    """The room on a terminal."""

    TITLE = "opsroom"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = "Screen { layers: base; }"
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, room: Room, secrets: Secrets, theme: str) -> None:
        super().__init__()
        self.animation_level = "none"
        self.room = room
        self.secrets = secrets
        self._wanted_theme = theme
        self._due: asyncio.TimerHandle | None = None
        self._drawn = 0.0
        """When the last picture was drawn, in the loop's time."""
        for one in THEMES:
            self.register_theme(one)
        for binding in (*room.keymap.bindings("everywhere"), *(room.keymap.bindings("demo") if room.demo else ())):
            self._bindings.bind(binding.key, binding.action, binding.description, show=False, priority=False)

    # life

    def on_mount(self) -> None:
        """Show the overview and begin to read."""
        self.theme = self._wanted_theme
        self.room.note = self._say
        self.push_screen(Overview(self.room))
        asyncio.get_running_loop().call_later(_FIRST_PICTURE, self._open)

    def _open(self) -> None:
        gc.freeze()  # what start-up made stays; `tui.__main__` kept the collector from going through it
        gc.enable()
        self.room.engine.board.bell = self._ring
        self._starting = asyncio.create_task(self._start())
        self.set_interval(1.0, self._draw)

    async def _start(self) -> None:
        await self.secrets.prepare(references(self.room.profile))
        self.room.engine.start()

    def _ring(self) -> None:
        """A reading came in: a picture within a beat, one for all that come until then."""
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(max(loop.time(), self._drawn + BEAT), self._beat)

    def _beat(self) -> None:
        self._due = None
        self._drawn = asyncio.get_running_loop().time()
        self.room.engine.board.drain()
        if self.room.still is None:
            self._draw()

    def _draw(self) -> None:
        screen = self.screen
        if isinstance(screen, RoomScreen):
            screen.draw()

    def _say(self, text: str) -> None:
        screen = self.screen
        if isinstance(screen, RoomScreen):
            screen.say(text)

    async def on_unmount(self) -> None:
        """Let go of every backend, in a moment even when all of them hang."""
        self.room.engine.board.bell = lambda: None
        if self._due is not None:
            self._due.cancel()
        await self.room.engine.close()

    def redact(self, text: str) -> str:
        """An exception's message, fit for the crash report."""
        return self.secrets.redact(text)

    # what a person does everywhere

    async def action_leave(self) -> None:
        """One level back; from the overview, out."""
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self.exit(return_code=EXIT_OK)

    def action_interrupt(self) -> None:
        """Out at once."""
        self.exit(return_code=EXIT_INTERRUPT)

    async def action_step_back(self) -> None:
        """Take back a filter, else go one level back; never out."""
        clear = getattr(self.screen, "clear", None)
        if callable(clear) and clear():
            return
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def action_read_now(self) -> None:
        """Read everything at once."""
        self.room.engine.read_now()
        self._say("reading now")

    def action_freeze(self) -> None:
        """Hold the picture still, or let it go."""
        frozen = self.room.freeze()
        self._draw()
        self._say("the picture stands still; reading and alerts go on; f lets it go" if frozen else "live again")

    def action_slower(self) -> None:
        """Twice the interval."""
        self._pace(min(SLOWEST, self.room.engine.pace * 2))

    def action_faster(self) -> None:
        """Half the interval, down to the configured one."""
        self._pace(max(1.0, self.room.engine.pace / 2))

    def _pace(self, factor: float) -> None:
        self.room.engine.pace = factor
        self._say("intervals as configured" if factor == 1 else f"every interval x{factor:g}")

    def action_copy(self) -> None:
        """Copy the line under the cursor."""
        screen = self.screen
        text = screen.line_under_cursor() if isinstance(screen, RoomScreen) else ""
        if not text:
            self._say("nothing to copy here")
            return
        self._say(f"copied {words.plural(text.count(chr(10)) + 1, 'line')}, {words.size(len(text.encode()))}")
        self.copy_to_clipboard(text)

    def notify(self, message: str, **more: Any) -> None:
        """Words in passing go to the foot of the screen; nothing floats over the room."""
        self._say(message)

    def action_theme(self) -> None:
        """The next look."""
        names = [theme.name for theme in THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self._draw()
        self._say(f"theme {self.theme}")

    def action_redraw(self) -> None:
        """Paint everything anew, over what another program wrote."""
        from tui.driver import QuietDriver

        if isinstance(self._driver, QuietDriver):
            self._driver.paint_afresh()
        self.refresh()

    def action_help(self) -> None:
        """Keys and meanings of this screen."""
        from tui.screens.sheet import help_sheet

        screen = self.screen
        if isinstance(screen, RoomScreen):
            self.push_screen(help_sheet(self.room, screen, screen.about()))

    def action_palette(self) -> None:
        """Everything by name."""
        from tui.screens.palette import palette

        screen = self.screen
        if isinstance(screen, RoomScreen):
            self.push_screen(palette(self.room, screen))

    def action_faults(self) -> None:
        """The demonstration's faults."""
        from tui.screens.faults import faults_sheet

        if self.room.stage is not None:
            self.push_screen(faults_sheet(self.room, self.room.stage))
