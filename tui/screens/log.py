"""A log, followed in place: the newest lines stay in view until one scrolls up; searching finds what scrolled away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import ClassVar, Final, cast

from textual.app import ComposeResult

from desk import words
from probes.base import Look, ProbeError, SafeText
from tui.room import Room
from tui.screens.base import RoomScreen
from widgets.lines import Line, Part, Span, Tone, dim, line, strong
from widgets.lineview import LineView

KEPT: Final = 5000
"""Lines kept; older ones are dropped and counted."""

_BREATH: Final = 100
"""Lines taken in one go before keys are answered again."""


class Log(RoomScreen):
    """Follows one look of a probe."""

    where: ClassVar[str] = "log"

    DEFAULT_CSS = """
    Log #title { background: $surface; }
    """

    def __init__(self, room: Room, target: str, look: Look, subject: str) -> None:
        super().__init__(room)
        self._target, self._look, self._subject = target, look, subject
        self._title = LineView(id="title", classes="row")
        self._view = LineView(id="lines")
        self._lines: deque[SafeText] = deque(maxlen=KEPT)
        self._came = 0
        self._end = ""
        self._back = 0
        """Lines between the newest and the last one shown; 0 follows."""
        self._search = ""
        self._following: asyncio.Task[None] | None = None

    def body(self) -> ComposeResult:
        """Title and lines."""
        yield self._title
        yield self._view

    def on_mount(self) -> None:
        """Begin to follow."""
        super().on_mount()
        self._following = asyncio.create_task(self._follow())
        self.set_interval(0.2, self._draw_lines)

    def on_unmount(self) -> None:
        """Stop, which ends the stream at its source."""
        if self._following is not None:
            self._following.cancel()

    async def _follow(self) -> None:
        try:
            stream = self.room.engine.probe(self._target).follow(self._look.name, self._subject)
            async with aclosing(cast("_Closing", stream)) as following:
                async for text in following:
                    self._lines.append(text)
                    self._came += 1
                    self._back += 1 if self._back else 0
                    if self._came % _BREATH == 0:
                        await asyncio.sleep(0)
            self._end = "the log has ended"
        except ProbeError as error:
            self._end = f"{error.cause.state.value} {error.cause.value}: {error.message}"
        except OSError as error:
            self._end = f"STALE: the log broke off ({type(error).__name__})"

    # drawing

    def draw(self) -> None:
        """Title, lines, frame."""
        if self.is_mounted:
            self._draw_lines()
            self.draw_frame()

    def _draw_lines(self) -> None:
        if not self.is_current:
            return
        dropped = self._came - len(self._lines)
        parts: list[Part] = [" ", strong(f"{self._target} {SafeText(self._subject, 60)}"), dim(f"  {self._look.title}")]
        parts.append(dim(f"  {words.count(self._came)} lines"))
        parts += [Span(f"  {words.count(dropped)} older dropped", Tone.WARNING)] if dropped else []
        parts += [Span(f"  {self._back} newer below, G follows", Tone.WARNING)] if self._back else [dim("  following")]
        parts += [Span(f"  {self._end}", Tone.WARNING)] if self._end else []
        self._title.show([line(*parts)])
        self._view.show(self._window())

    def _window(self) -> list[Line]:
        if not self._lines:
            return [line(), line("  ", dim(self._end or "waiting for the first line"))]
        height = max(1, self._view.size.height)
        end = max(min(height, len(self._lines)), len(self._lines) - self._back)
        first = max(0, end - height)
        return [self._line(self._lines[number]) for number in range(first, end)]

    def _line(self, text: SafeText) -> Line:
        shown = str(text)
        if not self._search:
            return line(shown)
        spans: list[Part] = []
        low, wanted, at = shown.lower(), self._search.lower(), 0
        while (found := low.find(wanted, at)) >= 0 and wanted:
            spans += [shown[at:found], Span(shown[found : found + len(wanted)], Tone.KEY)]
            at = found + len(wanted)
        return line(*spans, shown[at:])

    def line_under_cursor(self) -> str:
        """What `y` copies: what is in view."""
        return "\n".join(one.text for one in self._view.lines)

    # what a person does

    def _scroll(self, lines: int) -> None:
        most = max(0, len(self._lines) - max(1, self._view.size.height))
        self._back = max(0, min(self._back + lines, most))
        self._draw_lines()

    def action_up(self) -> None:
        """A line back."""
        self._scroll(1)

    def action_down(self) -> None:
        """A line on."""
        self._scroll(-1)

    def action_page_up(self) -> None:
        """A screen back."""
        self._scroll(max(1, self._view.size.height - 1))

    def action_page_down(self) -> None:
        """A screen on."""
        self._scroll(-max(1, self._view.size.height - 1))

    def action_first(self) -> None:
        """The oldest line kept."""
        self._scroll(KEPT)

    def action_last(self) -> None:
        """The newest line; follow again."""
        self._scroll(-KEPT)

    def action_filter(self) -> None:
        """Search."""
        self.ask("search", self._search, self._seek)

    def _seek(self, text: str) -> None:
        self._search = text
        if text and not self._match(-1, 0):
            self._draw_lines()

    def action_next_match(self) -> None:
        """The match after the last line shown."""
        if not self._match(1, 1):
            self.say("no later match")

    def action_previous_match(self) -> None:
        """The match before the last line shown."""
        if not self._match(-1, 1):
            self.say("no earlier match")

    def _match(self, step: int, beyond: int) -> bool:
        """Scroll so that the next match in that direction is the last line shown."""
        wanted = self._search.lower()
        at = len(self._lines) - 1 - self._back + step * beyond
        while wanted and 0 <= at < len(self._lines):
            if wanted in str(self._lines[at]).lower():
                self._back = len(self._lines) - 1 - at
                self._draw_lines()
                return True
            at += step
        return False

    def clear(self) -> bool:
        """Take back the search; False when there was none."""
        had, self._search = bool(self._search), ""
        self._draw_lines()
        return had


class _Closing(AsyncIterator[SafeText]):
    async def aclose(self) -> None: ...


def open_log(screen: RoomScreen, room: Room, target: str, subject: str) -> None:
    """Follow the first log a target offers."""
    look = next((look for look in room.engine.probe(target).looks() if look.follow), None)
    if look is None:
        screen.say(f"{target} has no log to follow from here")
    else:
        screen.app.push_screen(Log(room, target, look, subject))
