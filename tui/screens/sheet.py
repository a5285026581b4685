"""Things to read or choose from, over the screen one came from: row details, help, alerts, closer looks, commands."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, ClassVar

from textual.app import ComposeResult

from desk import words
from probes.base import ProbeError, SafeText
from tui.keys import shown
from tui.room import Room
from tui.screens.base import RoomScreen
from widgets.lines import Line, Span, Tone, dim, fit, line, sign, strong, toned, width_of
from widgets.lineview import LineView
from widgets.overview import key_of, parts_of
from widgets.panel import Table

Lines = Callable[[int], Sequence[Line]]
"""Makes a sheet's lines for a width."""


class Sheet(RoomScreen):
    """Lines to read; those with a key can be chosen."""

    where: ClassVar[str] = "sheet"

    DEFAULT_CSS = """
    Sheet #title { background: $surface; }
    Sheet #sheet { padding: 0 1; }
    """

    def __init__(self, room: Room, title: str, lines: Lines, choose: Callable[[str], None] | None = None) -> None:
        super().__init__(room)
        self._title_text = title
        self._lines = lines
        self._choose = choose
        self._title = LineView(id="title", classes="row")
        self._view = LineView(id="sheet")

    def body(self) -> ComposeResult:
        """Title and lines."""
        yield self._title
        yield self._view

    def draw(self) -> None:
        """The lines, made anew."""
        if not self.is_mounted:
            return
        self._title.show([line(" ", strong(self._title_text))])
        self._view.show(self._lines(max(20, self.size.width - 2)))
        keys = self._view.keys()
        if keys and self._view.cursor not in keys:
            self._view.point(keys[0])
        self.draw_frame()

    def line_under_cursor(self) -> str:
        """What `y` copies: the chosen line, or the whole sheet."""
        lines = [one for one in self._view.lines if not self._view.cursor or one.key == self._view.cursor]
        return "\n".join(one.text.rstrip() for one in lines)

    def action_down(self) -> None:
        """Next line."""
        if not self._view.keys():
            self._view.scroll_lines(1)
        self._view.move(1)

    def action_up(self) -> None:
        """Line before."""
        if not self._view.keys():
            self._view.scroll_lines(-1)
        self._view.move(-1)

    def action_page_down(self) -> None:
        """A screen down."""
        self._view.scroll_lines(max(1, self._view.size.height - 1))

    def action_page_up(self) -> None:
        """A screen up."""
        self._view.scroll_lines(-max(1, self._view.size.height - 1))

    def action_first(self) -> None:
        """The first line."""
        self._view.scroll_lines(-len(self._view.lines))
        if keys := self._view.keys():
            self._view.point(keys[0])

    def action_last(self) -> None:
        """The last line."""
        self._view.scroll_lines(len(self._view.lines))
        if keys := self._view.keys():
            self._view.point(keys[-1])

    def action_choose(self) -> None:
        """The line under the cursor."""
        if self._choose is not None and self._view.cursor:
            self._choose(self._view.cursor)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click on a line."""
        event.stop()
        self._view.point(event.key)
        self.action_choose()


class Menu(Sheet):
    """A sheet narrowed down by typing: the commands."""

    def __init__(self, room: Room, title: str, items: Sequence[tuple[str, str, str]], choose: Callable[[str], None]):
        """`items` are (key, name, words)."""
        super().__init__(room, title, self._shown, choose)
        self._items = items
        self._typed = ""

    def _shown(self, width: int) -> list[Line]:
        wanted = self._typed.lower().split()
        found = [item for item in self._items if all(word in f"{item[1]} {item[2]}".lower() for word in wanted)]
        if not found:
            return [line(dim("nothing of that name; Esc goes back"))]
        room = max(width - 30, 0)
        return [line(fit(strong(name), 28), "  ", fit(dim(what), room), key=key) for key, name, what in found]

    def on_mount(self) -> None:
        """Typing begins at once."""
        super().on_mount()
        self.ask("type to narrow down; ↑ ↓ Enter, Esc back", "", self._narrow, self._done, self._leave)

    def _narrow(self, text: str) -> None:
        self._typed = text
        self._view.cursor = None
        self.draw()

    def _done(self, text: str) -> None:
        del text
        self.action_choose()

    def _leave(self) -> None:
        self.app.pop_screen()

    def on_key(self, event: Any) -> None:
        """The arrows move the choice while one types."""
        if event.key in ("up", "down"):
            event.stop()
            event.prevent_default()
            self._view.move(1 if event.key == "down" else -1)


def wrapped(text: str, width: int, hang: int = 0) -> list[Line]:
    """A paragraph, broken at words; lines after the first begin `hang` cells further right."""
    return [line(part) for part in textwrap.wrap(text, width, subsequent_indent=" " * hang) or [""]]


def row_sheet(room: Room, target: str, table: Table[Any, Any], row: Any) -> Sheet:
    """Everything known about one row, as it was when it was opened."""

    def lines(width: int) -> list[Line]:
        if table.detail is not None:
            made = list(table.detail(row))
            return [part for one in made for part in folded(one, width)]
        named = max(len(column.title) for column in table.columns)
        made = []
        for column in table.columns:
            cell = column.cell(row)
            value = cell if isinstance(cell, Span) else Span(str(cell))
            made += folded(line(fit(dim(column.title), named), "  ", value), width)
        return made

    return Sheet(room, f"{target}: {table.title}", lines)


def folded(one: Line, width: int, indent: int = 4) -> list[Line]:
    """A line too long for the width, broken into several of its tones, at a blank where there is one."""
    if width_of(one.spans) <= width:
        return [one]
    indent = min(indent, width // 2)
    lines: list[Line] = []
    row: list[Span] = []
    left = width
    for span in one.spans:
        rest = span.text
        while rest:
            piece = rest if len(rest) <= left else rest[: _break(rest, left, bool(row))]
            row.append(Span(piece, span.tone))
            rest, left = rest[len(piece) :], left - len(piece)
            if rest:
                rest = rest.lstrip(" ")
                lines.append(Line(tuple(row), one.key if not lines else "", one.severity))
                row, left = [Span(" " * indent)], width - indent
    return [*lines, Line(tuple(row), one.key if not lines else "", one.severity)]


def _break(text: str, room: int, begun: bool) -> int:
    """How much of a text goes on this line: up to the last blank that fits; all that fits when there is none."""
    blank = text.rfind(" ", 0, room + 1)
    return blank + 1 if blank > 0 else (0 if begun and room < 12 else max(room, 1))


def alerts_sheet(room: Room) -> Sheet:
    """Every alert with its age; Enter opens what it is about."""

    def lines(width: int) -> list[Line]:
        alerts = room.alerts()
        if not alerts:
            return [line(sign(None), " nothing needs attention")]
        made: list[Line] = []
        for alert in alerts:
            age = fit(dim(words.age(room.now - alert.since)), 8, right=True)
            key = key_of(alert.target, alert.labels[0][1] if alert.labels else "")
            lead = line(sign(alert.severity), " ", age, "  ", toned(alert.words, alert.severity), key=key)
            made += folded(lead, width, 12)
            made.append(line(dim(f"             {alert.target}, rule {alert.rule}, since {words.clock(alert.at)} UTC")))
        return made

    def choose(key: str) -> None:
        from tui.screens.detail import Detail

        sheet.app.push_screen(Detail(room, *parts_of(key)))

    sheet = Sheet(room, "Alerts", lines, choose)
    return sheet


def help_sheet(room: Room, screen: RoomScreen, about: Sequence[tuple[str, str]]) -> Sheet:
    """The keys of a screen, and what its numbers mean."""

    def lines(width: int) -> list[Line]:
        made: list[Line] = []
        for where, keys in groupby(room.keymap.live(screen.where, room.demo), key=lambda key: key.where):
            made.append(line(Span(f"Keys: {where}", Tone.TITLE)))
            for key in keys:
                faces = "1-9" if key.action == "panel" else " ".join(shown(one) for one in key.keys.split(","))
                lead = (fit(Span(faces, Tone.KEY), 14), "  ", fit(key.what, 16))
                made += folded(line(*lead, "  ", dim(key.more)), width, 34)
            made.append(line())
        for title, text in about:
            made += [line(Span(title, Tone.TITLE)), *(p for part in text.splitlines() for p in wrapped(part, width, 4))]
            made.append(line())
        return made

    return Sheet(room, "Help", lines)


def looks_menu(room: Room, target: str, subject: str) -> Sheet:
    """The closer looks a target offers."""
    looks = room.engine.probe(target).looks()

    def lines(width: int) -> list[Line]:
        if not looks:
            return [line(dim("this target offers no closer look"))]
        return [line(fit(strong(look.name), 16), "  ", dim(look.title), key=look.name) for look in looks]

    def choose(name: str) -> None:
        open_look(sheet, room, target, name, subject)

    sheet = Sheet(room, f"{target}: look closer", lines, choose)
    return sheet


def open_look(screen: RoomScreen, room: Room, target: str, name: str, subject: str) -> None:
    """Take a look: a stream opens the log screen, an answer opens a sheet."""
    look = next((look for look in room.engine.probe(target).looks() if look.name == name), None)
    if look is None:
        screen.say(f"{target} offers no look named {name}")
    elif look.follow:
        from tui.screens.log import Log

        screen.app.push_screen(Log(room, target, look, subject))
    else:
        screen.app.push_screen(Answer(room, target, name, subject))


class Answer(Sheet):
    """A look that answers once."""

    def __init__(self, room: Room, target: str, name: str, subject: str) -> None:
        super().__init__(room, f"{target}: {name} {SafeText(subject, 60)}", self._answer)
        self._asked = (target, name, subject)
        self._got: Sequence[Line] = [line(dim("asking …"))]
        self._asking: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Ask."""
        super().on_mount()
        self._asking = asyncio.create_task(self._ask())

    def on_unmount(self) -> None:
        """Nobody waits for the answer any more."""
        if self._asking is not None:
            self._asking.cancel()

    def _answer(self, width: int) -> list[Line]:
        return [part for one in self._got for part in folded(one, width)]

    async def _ask(self) -> None:
        target, name, subject = self._asked
        try:
            async with asyncio.timeout(60):
                sheet = await self.room.engine.probe(target).look(name, subject)
        except ProbeError as error:
            self._got = [line(strong(error.cause.state.value), f" {error.cause.value}: {error.message}")]
        except TimeoutError:
            self._got = [line(strong("STALE"), " timeout-read: no answer within 60 s")]
        else:
            cut = [line(dim(f"{sheet.dropped} more lines left out"))] if sheet.dropped else []
            self._got = [*(line(text) for text in sheet.lines), *cut] or [line(dim("it has nothing to say"))]
        self.draw()
