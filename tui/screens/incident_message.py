"""Messages of an incident: chosen, seen filled in, then copied or sent; what came of it is written down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.app import ComposeResult

from desk.inbox.until import end
from desk.incident.incidents import IncidentError
from desk.incident.message import Draft
from desk.incident.places import KNOWN
from desk.incident.record import TEXT, Sent
from desk.incident.scheme import Template
from desk.incident.unsaid import Unsaid
from probes.base import SafeText
from tui.screens.incidents import pick, refused, tried
from tui.screens.sheet import Sheet
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, dim, line, strong
from widgets.lineview import LineView

if TYPE_CHECKING:
    from tui.screens.incident import IncidentScreen

WHO: Final = {"internal": "our own people", "public": "customers"}
"""Whom an audience stands for."""
_FRAME: Final = 3
"""Rows of the screen's top, of its title and of its foot."""
_LEAST: Final = 3
"""Rows of the text that are in sight at least."""
OWN: Final = (
    Template("own words", "internal", "{update}", ours=True),
    Template("own words", "public", "{update}", ours=True),
)
"""A message in own words, to each audience."""


def messages(screen: IncidentScreen) -> None:
    """Choose a message."""
    if screen.incident is None or refused(screen):
        return
    there = [*screen.desk.scheme.templates, *OWN]
    items = [
        (str(number), one.name, f"to {WHO[one.audience]}: {SafeText(' '.join(one.text.split()), 300)}")
        for number, one in enumerate(there)
    ]

    def chosen(key: str) -> None:
        if screen.incident is not None:
            screen.app.push_screen(Message(screen, there[int(key)]))

    pick(screen, "Which message?", [("", "leave it", "nobody is told"), *items], chosen)


class Message(Sheet):
    """One message, filled in; what can't be filled in is named, and it does not leave before it is.

    What can be done with it stays in sight; a text that is longer than the room above it scrolls there.
    """

    DEFAULT_CSS = """
    Message #text { padding: 0 1; }
    """

    def __init__(self, screen: IncidentScreen, template: Template) -> None:
        super().__init__(
            screen.room, f"Message {template.name}, to {WHO[template.audience]}", self._shown, self._chosen
        )
        self._of = screen
        self._template = template
        self._given: dict[str, str] = {}
        self._draft = self._made()
        self._text = LineView(id="text")

    def body(self) -> ComposeResult:
        """Title, text, and what can be done with it."""
        yield self._title
        yield self._text
        yield self._view

    def draw(self) -> None:
        """The text in what room the choices leave it, and the choices."""
        if not self.is_mounted:
            return
        width = max(20, self.size.width - 2)
        text, wanted = self._words(width), len(self._shown(width))
        room = self.size.height - _FRAME - self._open_incident.display - self._pressing.display
        height = max(0, min(len(text), max(_LEAST, room - wanted)))
        if self._text.styles.height is None or self._text.styles.height.value != height:
            self._text.styles.height = height
            self.call_after_refresh(self.draw)  # what of it is in sight is known then
        self._text.show(text)
        super().draw()

    @property
    def _unsaid(self) -> Unsaid:
        return self._of.desk.unsaid

    def _key(self, name: str) -> tuple[str, str]:
        """What stands in a place of this message is unsaid until it leaves."""
        return self._of.id_, f"message {self._template.audience} {self._template.name} {{{name}}}"

    def _said(self) -> None:
        for name in self._given:
            self._unsaid.put(*self._key(name), "")

    def _made(self) -> Draft:
        """As it would leave; it changes no more until something is filled in."""
        one = self._of.incident
        assert one is not None
        return self._of.desk.draft(self._template, one, self._given)

    def _words(self, width: int) -> list[Line]:
        """The text as it would leave, and why it does not."""
        made: list[Line] = []
        for text in self._draft.text.splitlines():
            made += folded(line(" ", SafeText.line(text)), width, 1)
        if self._draft.refused:
            made.append(line())
            made += folded(line(Span(f"✕ it does not leave: {self._draft.refused}", Tone.CRITICAL)), width, 2)
        return made

    def _shown(self, width: int) -> list[Line]:
        made = [line(strong("leave it"), dim("  nobody is told"), key="leave")]
        for name in self._draft.missing:
            begun = self._unsaid.get(*self._key(name))
            told = f"begun: {SafeText(begun, 200)}" if begun else KNOWN.get(name, "")
            made.append(line(strong(f"fill in {{{name}}}"), dim(f"  {told}"), key=f"fill {name}"))
        made.append(line(strong("copy it"), dim("  through the terminal, to be pasted"), key="copy"))
        for name in self._of.desk.channels(self._template):
            made.append(
                line(strong(f"send it to {SafeText(name, 60)}"), dim("  [notify] of the profile"), key=f"send {name}")
            )
        return [line(dim(self._place())), *(part for one in made for part in folded(one, width, 4))]

    def _place(self) -> str:
        """Which part of a text is in sight that is longer than its room; empty: all of it is."""
        height, whole = self._text.size.height, len(self._text.lines)
        first = self._text.top
        return f"lines {first + 1} to {first + height} of {whole}; page down, page up" if 0 < height < whole else ""

    def action_page_down(self) -> None:
        """On in the text."""
        self._text.scroll_lines(max(1, self._text.size.height - 1))
        self.draw()

    def action_page_up(self) -> None:
        """Back in the text."""
        self._text.scroll_lines(-max(1, self._text.size.height - 1))
        self.draw()

    def _chosen(self, key: str) -> None:
        what, _, name = key.partition(" ")
        if what == "leave":
            self.leave()
        elif what == "fill":
            self._fill(name)
        elif self._draft.refused:
            self.say(f"it does not leave: {self._draft.refused}", 8.0)
        elif what == "copy":
            self._copy()
        elif what == "send":
            self.leave()
            self._of.say(f"sending to {name} …")
            self.room.later(_send(self._of, self._draft, name, self._said))

    def line_under_cursor(self) -> str:
        """What `y` copies: nothing, for what leaves here is written down."""
        return ""

    def _copy(self) -> None:
        desk, name = self._of.desk, self._of.id_
        self.leave()
        if tried(self._of, partial(desk.copied, name, self._draft), "copied, and written down as told"):
            self._of.app.copy_to_clipboard(self._draft.text)
            self._said()

    def _fill(self, name: str) -> None:
        typed = partial(self._unsaid.put, *self._key(name))
        label = f"{{{name}}}: {KNOWN.get(name, name)}? Esc keeps it for later"
        value = self._unsaid.get(*self._key(name))
        self.ask(label, value, typed, partial(self._filled, name), self.draw, TEXT, written=True)

    def _filled(self, name: str, text: str) -> None:
        """What is known of the incident is kept with it; the rest is for this message alone."""
        book, incident = self._of.desk.incidents, self._of.id_
        if not text.strip():
            return
        if name == "impact":
            kept = tried(self, partial(book.set_impact, incident, text), "impact noted")
        elif name == "cause":
            kept = tried(self, partial(book.set_cause, incident, text), "cause noted")
        elif name == "eta" and (found := end(text, self._of.desk.now)) is not None:
            kept = tried(self, partial(book.expect, incident, found), f"expected end {found:%H:%M} UTC")
        else:
            self._given[name], kept = text.strip(), False
        if kept:
            self._unsaid.put(*self._key(name), "")
        self._draft = self._made()
        self.draw()
        if self._draft.missing:  # the next that is missing; what leaves is never pointed at
            self._view.point(f"fill {self._draft.missing[0]}")


async def _send(screen: IncidentScreen, made: Draft, channel: str, said: Callable[[], None]) -> None:
    try:
        sent, words = await screen.desk.send(screen.id_, made, channel)
    except IncidentError as error:
        screen.room.note(f"not sent: {error}")
        return
    if sent is not Sent.UNSENT and sent is not Sent.REFUSED:
        said()
    told = f" ({SafeText(words, 120)})" if words else ""
    screen.room.note(f"{sent.value} to {channel}{told}" + ("" if sent is Sent.SENT else ": m tries again"))
