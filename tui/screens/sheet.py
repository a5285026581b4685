"""Things to read or choose from, over the screen one came from: row details, help, closer looks, commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar, Final

from rich.cells import cell_len
from textual.app import ComposeResult

from desk import words
from probes.base import Cause, ProbeError, SafeText
from probes.base.log import masked
from tui.keys import shown
from tui.room import Room
from tui.screens.base import FAULTS, RoomScreen
from widgets.failure import sorry
from widgets.folding import folded, wrapped
from widgets.lines import Line, Span, Tone, dim, fit, line, shortened, strong
from widgets.lineview import LineView
from widgets.panel import Table

_COMMAND: Final = 4000
"""Characters of a pasted command."""
_NAME: Final = 31
"""Cells for the name of what can be chosen."""

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
        self._view.show(self._lines(max(20, self.size.width - 2)))
        keys = self._view.keys()
        if keys and self._view.cursor not in keys:
            self._view.point(keys[0])
        self._show_title()
        self.draw_frame()

    def _show_title(self) -> None:
        """The title, and how far one has read what has no room on the screen."""
        width, height = self.size.width, self._view.size.height
        end = min(self._view.top + height, len(self._view.lines))
        read = f"{end} of {len(self._view.lines)}" if 0 < height < len(self._view.lines) else ""
        read = "  ".join(filter(None, (self._age(), read)))
        room = width - 2 - (len(read) + 2 if read else 0)
        self._title.show(
            [line(" ", fit(strong(shortened(self._title_text, room)), room), "  " * bool(read), dim(read))]
        )

    def _age(self) -> str:
        """How old it is what one reads; empty: it is not of a moment."""
        return ""

    def hints(self) -> Sequence[tuple[str, str]]:
        """Those of what there is to do here: to choose, to read on."""
        absent = {"choose": self._choose is None or not self._view.keys(),
                  "read on": self._view.top + self._view.size.height >= len(self._view.lines)}  # fmt: skip
        return [(key, what) for key, what in super().hints() if not absent.get(what, False)]

    def _moved(self) -> None:
        self._show_title()
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
        self._moved()

    def action_up(self) -> None:
        """Line before."""
        if not self._view.keys():
            self._view.scroll_lines(-1)
        self._view.move(-1)
        self._moved()

    def action_page_down(self) -> None:
        """A screen down."""
        self._view.scroll_lines(max(1, self._view.size.height - 1))
        self._moved()

    def action_page_up(self) -> None:
        """A screen up."""
        self._view.scroll_lines(-max(1, self._view.size.height - 1))
        self._moved()

    def action_first(self) -> None:
        """The first line."""
        self._view.scroll_lines(-len(self._view.lines))
        if keys := self._view.keys():
            self._view.point(keys[0])
        self._moved()

    def action_last(self) -> None:
        """The last line."""
        self._view.scroll_lines(len(self._view.lines))
        if keys := self._view.keys():
            self._view.point(keys[-1])
        self._moved()

    def action_choose(self) -> None:
        """The line under the cursor."""
        if self._choose is not None and self._view.cursor and self.on_top:
            self._choose(self._view.cursor)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click on a line."""
        event.stop()
        self._view.point(event.key)
        self.action_choose()


class Menu(Sheet):
    """A sheet narrowed down by typing: the commands. What has no room in a line is shown whole below the list."""

    DEFAULT_CSS = """
    Menu #whole { height: 0; padding: 0 1; background: $surface; }
    """

    def __init__(
        self,
        room: Room,
        title: str,
        items: Sequence[tuple[str, str, str]],
        choose: Callable[[str], None],
        also: Callable[[str], Sequence[tuple[str, str, str]]] = lambda text: (),
    ):
        """`items` are (key, name, words); `also` gives more of them for what was typed."""
        super().__init__(room, title, self._shown, choose)
        self._items = items
        self._also = also
        self._more: Sequence[tuple[str, str, str]] = ()
        self._typed = ""
        self._early = ""
        """What was typed before there was a line to type into."""
        self._whole = LineView(id="whole")

    def body(self) -> ComposeResult:
        """Title, lines, and the whole of the one under the cursor."""
        yield from super().body()
        yield self._whole

    def draw(self) -> None:
        """The lines, made anew, and what they could not hold."""
        super().draw()
        if not self.is_mounted:
            return
        width = max(20, self.size.width - 2)
        named = self._named(width)
        room = max(width - named - 2, 0)
        texts = {
            key: [
                *(folded(line(strong(name.strip())), width, 0) if cell_len(name) > named else []),
                *(folded(line(dim(" ".join(what.split()))), width, 0) if cell_len(what) > room else []),
            ]
            for key, name, what in (*self._more, *self._items)
        }
        height = min(max(map(len, texts.values()), default=0), max(0, self.size.height // 3))
        if self._whole.size.height != height or self._whole.styles.height is None:
            self._whole.styles.height = height
        self._whole.display = bool(height)
        self._whole.show(texts.get(self._view.cursor or "", []))

    def _found(self) -> Sequence[tuple[str, str, str]]:
        wanted = self._typed.lower().split()
        found = [item for item in self._items if all(word in " ".join(item).lower() for word in wanted)]
        found.sort(key=lambda item: not all(word in item[1].lower() for word in wanted))  # a name before mere words
        return [*self._more, *found]

    def _shown(self, width: int) -> list[Line]:
        found = self._found()
        if not found:
            return [line(dim("nothing of that name: Backspace takes back a letter, Esc goes back"))]
        named = self._named(width)
        room = max(width - named - 2, 0)
        return [line(fit(strong(name), named), "  ", fit(dim(what), room), key=key) for key, name, what in found]

    def _named(self, width: int) -> int:
        """Cells for the names: what the words beside them don't need is theirs when they are long."""
        names, said = (max((cell_len(one[at]) for one in self._items), default=0) for at in (1, 2))
        return max(_NAME, min(names, width - said - 2))

    def on_mount(self) -> None:
        """Typing begins at once."""
        super().on_mount()
        early, self._early = self._early, ""
        self._type(early)

    def _type(self, text: str) -> None:
        label = "type to narrow down; ↑ ↓ Enter, Esc back"
        self.ask(label, text, self._narrow, self._done, self._leave, _COMMAND, titled=True)

    def _narrow(self, text: str) -> None:
        self._typed = text
        self._more = self._also(text)
        self._view.cursor = None
        self.draw()

    def _done(self, text: str) -> None:
        if self._found():
            self.action_choose()
        else:
            self.call_after_refresh(self._type, text)  # nothing can be chosen: what was typed is mended

    def _leave(self) -> None:
        self.leave()

    def on_key(self, event: Any) -> None:
        """The arrows move the choice while one types; letters that come before the line does are not lost."""
        if event.key in ("up", "down"):
            self._view.move(1 if event.key == "down" else -1)
            self.draw()
        elif not self.take(event):
            return
        event.stop()
        event.prevent_default()

    def take(self, event: Any) -> bool:
        """Put a letter into the line; True when it was one."""
        if not event.is_printable or not event.character:
            return False
        self._early += event.character
        for prompt in self.query("Prompt"):
            prompt.insert_text_at_cursor(self._early)  # type: ignore[attr-defined]
            self._early = ""
        return True


def row_sheet(room: Room, target: str, table: Table[Any, Any], row: Any) -> Sheet:
    """Everything known about one row, as it was when it was opened, and how old that is."""
    snapshot = room.board.slot(target).snapshot

    def lines(width: int) -> list[Line]:
        return [*known(width), *aged(width)]

    def aged(width: int) -> list[Line]:
        if snapshot is None:
            return []
        ago = words.age(max(0.0, (room.engine.clock.now() - snapshot.taken_at).total_seconds()))
        return [
            line(),
            *folded(line(dim(f"as it was read {ago} ago, at {words.clock(snapshot.taken_at)} UTC")), width, 2),
        ]

    def known(width: int) -> list[Line]:
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


def help_sheet(room: Room, screen: RoomScreen, about: Sequence[tuple[str, str]]) -> Sheet:
    """The keys of a screen, and what its numbers mean."""

    def lines(width: int) -> list[Line]:
        made: list[Line] = []
        live = room.keymap.live(screen.where, room.demo)
        faces = {key.id: " ".join(shown(one) for one in key.keys.split(",")) for key in live}
        faces |= {key.id: "1-9" for key in live if key.action == "panel"}
        first = max(len(face) for face in faces.values())
        second = max(len(key.what) for key in live)
        for where, keys in groupby(live, key=lambda key: key.where):
            made.append(line(Span(f"Keys: {where}", Tone.TITLE)))
            for key in keys:
                lead = (fit(Span(faces[key.id], Tone.KEY), first), "  ", fit(key.what, second))
                made += folded(line(*lead, "  ", dim(key.more)), width, first + second + 4)
            made.append(line())
        for title, text in about:
            made += [line(Span(title, Tone.TITLE)), *(p for part in text.splitlines() for p in wrapped(part, width, 4))]
            made.append(line())
        return made

    return Sheet(room, "Help", lines)


def look_at(screen: RoomScreen, room: Room, target: str, subject: str, suits: Sequence[str] = ()) -> None:
    """Take the look that a row has of its own; where there is none, or more than one, ask which.

    `suits` are the looks that suit rows of its table: they stand first.
    """
    own = [look for look in room.engine.probe(target).looks() if look.row and look.row == subject]
    if len(own) == 1:
        open_look(screen, room, target, own[0].name, subject)
    else:
        screen.app.push_screen(looks_menu(room, target, subject, suits))


def looks_menu(room: Room, target: str, subject: str, suits: Sequence[str] = ()) -> Sheet:
    """The closer looks a target offers: those of a row itself first, then those that suit it; none of other rows."""
    looks = sorted(
        (look for look in room.engine.probe(target).looks() if look.row in ("", subject)),
        key=lambda look: (look.row != subject, look.name not in suits),
    )

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

        screen.app.push_screen(Log(room, target, look, look.row or subject))
    else:
        screen.app.push_screen(Answer(room, target, name, look.row or subject))


class Answer(Sheet):
    """A look that answers once."""

    def __init__(self, room: Room, target: str, name: str, subject: str) -> None:
        super().__init__(room, f"{target}: {name} {room.called(target, subject)}", self._answer)
        self._asked = (target, name, subject)
        self._got: Sequence[Line] = [line(dim("asking …"))]
        self._at: datetime | None = None
        """When it was answered."""
        self._asking: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Ask."""
        super().on_mount()
        self._asking = asyncio.create_task(self._ask())

    def on_unmount(self) -> None:
        """Nobody waits for the answer any more."""
        if self._asking is not None:
            self._asking.cancel()

    def _age(self) -> str:
        if self._at is None:
            return ""
        return f"{words.age(max(0.0, (self.room.engine.clock.now() - self._at).total_seconds()))} old"

    def _answer(self, width: int) -> list[Line]:
        return [part for one in self._got for part in folded(one, width)]

    async def _ask(self) -> None:
        target, name, subject = self._asked
        try:
            async with asyncio.timeout(60):
                sheet = await self.room.engine.probe(target).look(name, subject)
        except ProbeError as error:
            self._got = sorry(error)
        except TimeoutError:
            self._got = sorry(ProbeError(Cause.TIMEOUT_READ, "no answer within 60 s"))
        except FAULTS as error:
            self._got = sorry(ProbeError(Cause.INTERNAL, f"a fault of our own ({type(error).__name__})"))
        else:
            cut = [line(dim(f"{sheet.dropped} more lines left out"))] if sheet.dropped else []
            said = (SafeText(masked(str(text)), len(str(text)) + 10) for text in sheet.lines)
            self._got = [*(line(text) for text in said), *cut] or [line(dim("it has nothing to say"))]
        self._at = self.room.engine.clock.now()
        self.draw()
