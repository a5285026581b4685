"""A log, followed in place, whatever kind it comes from: files, the journal, containers, clusters, clouds.

The newest lines stay in view until one scrolls up or pauses. What comes is kept in a ring of bounded size, counted, and
painted at most ten times a second; what the ring had to drop is said. Secrets are masked before a line is kept.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from typing import ClassVar, Final

from textual.app import ComposeResult

from desk import words
from probes.base import Look, ProbeError, SafeText
from probes.base.log import ANSWERED, Asking, Level, Note, Times, expression, masked
from tui.room import Room
from tui.screens.base import FAULTS, RoomScreen
from tui.screens.log_lines import Look as View
from tui.screens.log_lines import told, window
from tui.screens.log_ring import KEPT, Finds, Ring
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, line, strong, width_of
from widgets.lineview import LineView

_BREATH: Final = 100
"""Lines taken in one go before keys are answered again."""
_BEAT: Final = 0.1
"""Seconds between two pictures."""
_SHIFT: Final = 20
"""Cells that left and right move."""
_LEVELS: Final = (Level.UNKNOWN, Level.NOTICE, Level.WARNING, Level.ERROR)
"""What the key for levels goes through."""
_OPTIONS: Final = re.compile(r"^(?:\s*-{1,2}\w\S*(?:\s+\d+[smhd]?(?=\s))?\s+)+")
"""Options before what is searched for everywhere."""
_ANSWER: Final = 400
"""Characters of an answer."""
_WHY: Final = 3
"""Lines that the reason of an end takes at most."""


class Log(RoomScreen):
    """Follows one look of a probe."""

    where: ClassVar[str] = "log"

    DEFAULT_CSS = """
    Log #title { background: $surface; }
    Log #told { background: $surface; }
    """

    def __init__(self, room: Room, target: str, look: Look, subject: str, search: str = "") -> None:
        """`search`: what its lines are searched for from the start."""
        super().__init__(room)
        self._wanted = search
        self._target, self._look, self._subject = target, look, subject
        self._called = room.called(target, subject.partition(ANSWERED)[0])
        self._title = LineView(id="title", classes="row")
        self._told = LineView(id="told", classes="row")
        self._view = LineView(id="lines")
        self._ring = Ring(Times(room.engine.clock.now))
        self._seen = View()
        self._end = ""
        self._broken = False
        """True where it ended otherwise than it should have."""
        self._note = ""
        self._at: int | None = None
        """Number of the last line shown; None follows."""
        self._paused = False
        self._point: int | None = None
        """Number of the line that was found last."""
        self._search = ""
        self._drawn = -1
        """Lines that had come when it was last drawn."""
        self._following: asyncio.Task[None] | None = None

    def body(self) -> ComposeResult:
        """Title, what is told of all lines, lines."""
        yield self._title
        yield self._told
        yield self._view

    def on_mount(self) -> None:
        """Begin to follow; a look that asks is given its answer first."""
        super().on_mount()
        self.set_interval(_BEAT, self._tick)
        if self._wanted:
            self._look_for(self._wanted)
            self.say(f"searching for {self._wanted}: n and N go on and back, m shows only these lines")
        look = self._look
        if isinstance(look, Asking) and ANSWERED not in self._subject:
            self.ask(look.asks, "", lambda text: None, self._answer, lambda: self._answer(""), _ANSWER)
        else:
            self._begin()

    def on_unmount(self) -> None:
        """Stop, which ends the stream at its source."""
        if self._following is not None:
            self._following.cancel()

    def _answer(self, text: str) -> None:
        if not text.strip() and not self._subject.startswith("?"):
            self.call_after_refresh(self.leave)
            return
        self._subject += ANSWERED + text
        self._begin()

    def _begin(self) -> None:
        _, asked, answer = self._subject.partition(ANSWERED)
        if asked:
            self._look_for(_OPTIONS.sub("", answer.strip() + " ").strip())
        self._end, self._broken = "", False
        self._following = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        ring, clock = self._ring, self.room.engine.clock
        try:
            stream = self.room.engine.probe(self._target).follow(self._look.name, self._subject)
            now = clock.now().timestamp()
            async with aclosing(stream) as following:
                async for text in following:
                    if isinstance(text, Note):
                        self._note = str(text)
                        self._drawn = -1
                        continue
                    ring.add(masked(str(text)), now)
                    if ring.came % _BREATH == 0:
                        await asyncio.sleep(0)
                        now = clock.now().timestamp()
            self._end = "" if self._note else "the log has ended"
        except asyncio.CancelledError:
            self._end = "stopped"
            raise
        except ProbeError as error:
            self._end = f"{'broken off' if self._ring.rows else 'nothing to show'}: {error.message}"
            self._broken = True
        except OSError as error:
            self._end = f"the log broke off ({type(error).__name__})"
            self._broken = True
        except FAULTS as error:
            self._end = f"broken off: a fault of our own ({type(error).__name__})"
            self._broken = True
        finally:
            self._drawn = -1

    # drawing

    def draw(self) -> None:
        """Title, lines, frame."""
        if self.is_mounted:
            if self.room.still is None:
                self._draw_lines()
            self.draw_frame()

    def _tick(self) -> None:
        if self._drawn != self._ring.came and self.room.still is None:
            self._draw_lines()

    def _draw_lines(self) -> None:
        if not self.is_current or self.size.width < 1:
            return
        self._drawn = self._ring.came
        self._show_title()
        self._told.show([told(self._ring, self.size.width)])
        self._view.show(self._window())
        if self._view.cursor != self._pointed_key():
            self._view.point(self._pointed_key())

    def _show_title(self) -> None:
        """What it is and how it stands; why it broke off is read whole, on lines of its own."""
        lines = [self._title_line()]
        if self._broken:
            said = f"{self._end}; G tries again"
            lines += folded(line(" ", Span(said, Tone.WARNING)), self.size.width, 1)[:_WHY]
        if self._title.styles.height is None or self._title.styles.height.value != len(lines):
            self._title.styles.height = len(lines)
        self._title.show(lines)

    def _title_line(self) -> Line:
        ring, newer = self._ring, self._newer()
        parts: list[Part] = [
            " ",
            strong(f"{self._target} {self._called}".rstrip()),
            dim(f"  {self._look.title}"),
        ]
        parts.append(dim(f"  {words.plural(ring.came, 'line')}"))
        parts += [Span(f"  {words.count(ring.dropped)} older dropped", Tone.WARNING)] if ring.dropped else []
        if newer or self._paused:
            hold = "paused, " if self._paused else ""
            parts.append(Span(f"  {hold}{words.count(newer)} newer below, G follows", Tone.WARNING))
        elif not self._end and not self._note:
            parts.append(dim("  following"))
        parts += [dim(f"  {SafeText(self._note, 200)}")] if self._note else []
        parts += [Span("  broken off" if self._broken else f"  {self._end}", Tone.WARNING)] if self._end else []
        return line(*self._short(parts))

    def _short(self, parts: list[Part]) -> list[Part]:
        """Where not all has room, what the log is comes last: how it stands matters more."""
        return parts if width_of(line(*parts).spans) <= self.size.width else [*parts[:2], *parts[3:], parts[2]]

    def _newer(self) -> int:
        """Visible lines after the last one shown."""
        return 0 if self._at is None else len(self._ring.visible) - self._end_place()

    def _end_place(self) -> int:
        """Place after the last visible line shown."""
        rows = self._ring.visible
        if self._at is None:
            return len(rows)
        place = self._ring.place(self._at)
        if place < len(rows) and rows[place].number == self._at:
            place += 1
        return place if self._paused else max(min(max(1, self._view.size.height), len(rows)), place)

    def _window(self) -> list[Line]:
        rows = self._ring.visible
        if not rows:
            hidden = f"none of {words.plural(len(self._ring.rows), 'line')} is shown: Esc shows all"
            return [line(), line("  ", dim(hidden if self._ring.rows else self._end or "waiting for the first line"))]
        end = self._end_place()
        last = end if self._paused else len(rows)
        self._seen.labels = not self._ring.one_source
        return window(rows, end, last, self._seen, self.size.width, max(1, self._view.size.height))

    def _pointed_key(self) -> str | None:
        return None if self._point is None else str(self._point)

    def line_under_cursor(self) -> str:
        """What `y` copies: the line that was found last, or what is in view."""
        if self._point is not None:
            place = self._ring.place(self._point)
            rows = self._ring.visible
            if place < len(rows) and rows[place].number == self._point:
                return rows[place].text
        rows = self._ring.visible
        numbers = dict.fromkeys(int(one.key) for one in self._view.lines if one.key)
        places = [place for place in map(self._ring.place, numbers) if place < len(rows)]
        return "\n".join(rows[place].text for place in places)

    # where one looks

    def _go(self, end: int) -> None:
        """Make a place the end of what is shown; the very end follows."""
        rows = self._ring.visible
        height = max(1, self._view.size.height)
        end = max(0 if self._paused else min(height, len(rows)), min(end, len(rows)), 1 if rows else 0)
        self._at = None if end >= len(rows) and not self._paused else rows[end - 1].number if rows else None
        self._draw_lines()

    def action_up(self) -> None:
        """A line back."""
        self._go(self._end_place() - 1)

    def action_down(self) -> None:
        """A line on."""
        self._go(self._end_place() + 1)

    def action_page_up(self) -> None:
        """A screen back."""
        self._go(self._end_place() - max(1, self._view.size.height - 1))

    def action_page_down(self) -> None:
        """A screen on."""
        self._go(self._end_place() + max(1, self._view.size.height - 1))

    def action_first(self) -> None:
        """The oldest line kept."""
        self._go(0)

    def action_last(self) -> None:
        """The newest line; follow again, also what broke off."""
        self._paused, self._point = False, None
        if self._broken:
            now = self.room.engine.clock.now()
            if self._ring.rows:
                self._ring.add(
                    f"── begun again at {now:%H:%M:%S}, lines from before may come twice ──", now.timestamp()
                )
            self._begin()
        self._go(KEPT * 2)

    def action_pause(self) -> None:
        """Hold what is shown while lines go on coming; again: follow."""
        if self._paused:
            self.action_last()
        else:
            rows, end = self._ring.visible, self._end_place()
            self._paused, self._at = True, rows[end - 1].number if rows else -1
            self._draw_lines()

    def action_right(self) -> None:
        """See what long lines hold further right."""
        self._shift(_SHIFT)

    def action_left(self) -> None:
        """Back to the left."""
        self._shift(-_SHIFT)

    def _shift(self, cells: int) -> None:
        self._seen.shift = max(0, self._seen.shift + cells)
        self._draw_lines()

    def action_wrap(self) -> None:
        """Long lines on several lines, or cut."""
        self._seen.wrap = not self._seen.wrap
        self._draw_lines()

    def action_stamps(self) -> None:
        """The times of lines, or more room for what they say."""
        self._seen.stamps = not self._seen.stamps
        self._draw_lines()

    # what one looks for

    def action_filter(self) -> None:
        """Search what is kept."""
        self.ask("search: text, or /expression/", self._search, self._seek)

    def _seek(self, text: str) -> None:
        self._look_for(text)
        if self._seen.wanted is None or not self._match(-1, 0):
            self._draw_lines()

    def _look_for(self, text: str) -> None:
        self._search, self._seen.wanted = text, None
        if len(text) > 1 and text[0] == "/" and text[-1] != "/":
            return  # an expression that is still being typed
        if text and text != "/":
            try:
                self._seen.wanted = expression(text)
            except ValueError as error:
                self.say(f"{text} {error}")

    def action_next_match(self) -> None:
        """The match after the one before, or after the last line shown."""
        if not self._match(1, 1):
            self.say("no later match")

    def action_previous_match(self) -> None:
        """The match before."""
        if not self._match(-1, 1):
            self.say("no earlier match")

    def _match(self, step: int, beyond: int) -> bool:
        """Show the next match in that direction, and put the cursor on it."""
        wanted, rows = self._seen.wanted, self._ring.visible
        if wanted is None or not rows:
            return False
        start = self._end_place() - 1
        if self._point is not None and beyond:
            start = self._ring.place(self._point)
            beyond = 0 if step > 0 and not (start < len(rows) and rows[start].number == self._point) else beyond
        found = self._ring.find(wanted, start + step * beyond, step)
        if found is None:
            return False
        self._point = rows[found].number
        height, end = max(1, self._view.size.height), self._end_place()
        self._go(end if end - height <= found < end and not self._seen.wrap else found + 1 + height // 3)
        return True

    def action_only(self) -> None:
        """Only lines that hold what is searched for, or all again."""
        ring = self._ring
        if ring.only is not None:
            self._narrow(ring.least, None)
        elif self._seen.wanted is not None:
            self._narrow(ring.least, self._seen.wanted)
        else:
            self.ask("show only lines with: text, or /expression/", "", lambda text: None, self._only_with)

    def _only_with(self, text: str) -> None:
        self._look_for(text)
        if self._seen.wanted is not None:
            self._narrow(self._ring.least, self._seen.wanted)

    def action_level(self) -> None:
        """Only lines of a level or worse: notice, warning, error, all."""
        least = _LEVELS[(_LEVELS.index(self._ring.least) + 1) % len(_LEVELS)]
        self._narrow(least, self._ring.only)
        self.say(f"{least.word} and worse" if least is not Level.UNKNOWN else "lines of all levels")

    def _narrow(self, least: Level, only: Finds | None) -> None:
        self._ring.narrow(least, only)
        self._draw_lines()

    def action_types(self) -> None:
        """Count what is shown by type."""
        from tui.screens.log_types import LogTypes

        self.app.push_screen(LogTypes(self.room, self._target, self._ring.visible, self._only_type))

    def _only_type(self, wanted: str) -> None:
        from tui.screens.log_types import of_type

        self._ring.narrow(self._ring.least, of_type(wanted))
        self._at, self._point = None, None

    def action_senders(self) -> None:
        """Count what is shown by who sent it."""
        self.ask(
            "count by: Enter for the address, or /expression with a (group)/", "", lambda text: None, self._count_by
        )

    def _count_by(self, text: str) -> None:
        from tui.screens.log_senders import LogSenders, address, taking

        try:
            take = taking(expression(text)) if text.strip() else address
        except ValueError as error:
            self.say(f"{text} {error}")
            return
        title = f"{self._target}: by {SafeText(text.strip() or 'address', 60)}"
        rows = self._ring.visible
        self.call_after_refresh(self.app.push_screen, LogSenders(self.room, title, rows, take, self._only_from))

    def _only_from(self, wanted: Finds) -> None:
        self._ring.narrow(self._ring.least, wanted)
        self._at, self._point = None, None

    def action_further(self) -> None:
        """Search everything the source keeps."""
        look = next((one for one in self.room.engine.probe(self._target).looks() if isinstance(one, Asking)), None)
        if look is None:
            self.say("its source can't be searched from here; / searches what is shown")
            return
        self.app.push_screen(Log(self.room, self._target, look, self._subject.partition(ANSWERED)[0]))

    def action_stop(self) -> None:
        """End the stream; what came stays."""
        if self._following is not None and not self._following.done():
            self._following.cancel()

    def clear(self) -> bool:
        """Take back the search, then what is hidden; False when there was neither."""
        had = bool(self._search) or self._ring.filtered
        self._search, self._seen.wanted, self._point = "", None, None
        if self._ring.filtered:
            self._ring.narrow(Level.UNKNOWN, None)
        self._draw_lines()
        return had


def open_log(screen: RoomScreen, room: Room, target: str, subject: str, search: str = "") -> None:
    """Follow the first log a target offers; `search`: what its lines are searched for from the start."""
    look = next((look for look in room.engine.probe(target).looks() if look.follow), None)
    if look is None:
        screen.say(f"{target} has no log to follow from here")
    else:
        screen.app.push_screen(Log(room, target, look, subject, search))
