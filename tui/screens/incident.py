"""One incident: what it is, what is due, its timeline that writes itself, and everything a person says of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Horizontal

from desk.incident.incident import Incident
from desk.incident.message import chat
from desk.incident.record import TEXT
from desk.incident.timeline import Entry
from desk.incident.timers import ladder
from tui.room import Room
from tui.screens import incident_asks as asks
from tui.screens.incidents import nothing, refused, tried, unheard
from tui.screens.listing import ListScreen
from tui.screens.sheet import Sheet
from widgets import incident as drawn
from widgets.lines import Line, Span, Tone, dim, line
from widgets.lineview import LineView

if TYPE_CHECKING:
    from tui.incidents import IncidentDesk

_GAP: Final = 2
"""Cells between the timeline and what stands beside it, besides its own margin: both are words."""
_NOTE: Final = "note"
"""What an unsaid note is about."""


class IncidentScreen(ListScreen):
    """One incident."""

    where: ClassVar[str] = "incident"

    DEFAULT_CSS = """
    IncidentScreen #head { background: $surface; }
    IncidentScreen #beside { padding: 0 1; background: $surface; }
    """

    def __init__(self, room: Room, desk: IncidentDesk, incident: str) -> None:
        super().__init__(room)
        self.desk = desk
        self.id_ = incident
        self._head = LineView(id="head")
        self._beside = LineView(id="beside")
        self._filter = ""
        self._follows = True
        """True while the newest entry is what one looks at."""

    def body(self) -> ComposeResult:
        """Head, timeline, and beside it whom to call and what is left to do."""
        yield self._head
        with Horizontal():
            yield self._list
            yield self._beside

    @property
    def incident(self) -> Incident | None:
        """It, as it stands."""
        return self.desk.incidents.get(self.id_)

    # drawing

    def draw(self) -> None:
        """Everything, from the room."""
        one = self.incident
        if not self.is_mounted or self.size.height < 4 or one is None:
            return
        self.desk.look(self.id_)
        width, height = self.size.width, self.size.height
        self._draw_head(one, width, height)
        beside = width >= drawn.BESIDE
        across = min(64, width * 2 // 5) if beside else 0
        self._beside.display = beside
        if self._beside.styles.width is None or self._beside.styles.width.value != across:
            self._beside.styles.width = across
        if beside:
            self._beside.show(self._panel(one, across - 2))
        self._draw_timeline(width - across - _GAP * beside)
        self.draw_frame()

    def _draw_head(self, one: Incident, width: int, height: int) -> None:
        desk = self.desk
        lines = drawn.head(one, desk.scheme, desk.now, width, desk.trouble(one.id))
        back = desk.came_back(one)
        if back:
            lines.append(line(" ", Span(f"it may not be over: {back}; x opens it again", Tone.CRITICAL)))
        rows = 2 if height < 20 else 4 if height < 40 else 8
        lines += drawn.due_lines(desk.incidents.timers(one.id), desk.now, width, rows)
        if desk.evidence.going:
            lines.append(line(" ", Span(desk.evidence.words, Tone.NOTICE)))
        if desk.unsaid.get(one.id, _NOTE):
            lines.append(line(" ", Span("a note was begun; n goes on with it", Tone.NOTICE)))
        if self._filter:
            lines.append(line(" ", dim(f"holding “{self._filter}”; Esc shows all")))
        if self._head.styles.height is None or self._head.styles.height.value != len(lines):
            self._head.styles.height = len(lines)
        self._head.show(lines)

    def _draw_timeline(self, width: int) -> None:
        found = self._entries()
        lines = drawn.timeline(found, width)
        if not lines:
            said = f"no entry holds “{self._filter}”; Esc shows all" if self._filter else "nothing happened yet"
            lines = [line(), line("  ", dim(said))]
        self._list.show(lines)
        keys = self._list.keys()
        if self._follows or self._list.cursor not in keys:
            self._list.point(keys[-1] if keys else None)
            self._list.scroll_lines(len(lines))

    def _entries(self) -> list[Entry]:
        wanted = self._filter.lower()
        found = [one for one in self.desk.entries(self.id_) if one.words]
        if not wanted:
            return found
        texts = ((one, f"{one.source.value} {one.by} {one.target} {one.words} {one.detail}") for one in found)
        return [one for one, text in texts if wanted in text.lower()]

    def _panel(self, one: Incident, width: int) -> list[Line]:
        """Whom to call, what is left to do, what is known."""
        made = [drawn.titled("Known"), *drawn.known(one, width), line(), drawn.titled("Call")]
        made += self._ladder(one, width)
        if present := self.room.with_you():
            made += [line(), line(dim(present))]
        if one.items:
            made += [
                line(),
                drawn.titled("To do"),
                *(line(*each.spans) for each in drawn.items(one.items, self.desk.now, width)),
            ]
        return made

    def _ladder(self, one: Incident, width: int) -> list[Line]:
        steps = ladder(one, self.desk.scheme, self.desk.now)
        oncall = [self.desk.oncall(step.contact.oncall) for step in steps]
        return [line(*each.spans) for each in drawn.ladder(steps, self.desk.now, width, oncall)]

    # what a person looks at

    @property
    def entry(self) -> Entry | None:
        """The entry under the cursor."""
        return next((one for one in self.desk.entries(self.id_) if one.id == self._list.cursor), None)

    @property
    def pointed(self) -> tuple[str, str]:
        """(target, row) of the alert that it is about."""
        one = self.incident
        case = self.desk.case(one) if one is not None else None
        known = {slot.target.name for slot in self.room.board.slots()}
        return (case.alert.target, case.alert.row) if case is not None and case.alert.target in known else ("", "")

    def line_under_cursor(self) -> str:
        """What `y` copies."""
        entry = self.entry
        if entry is None:
            return ""
        by = f" ({entry.by})" if entry.by else ""
        return f"{entry.at:%Y-%m-%d %H:%M:%S} {drawn.entry_words(entry)}{by}"

    def about(self) -> list[tuple[str, str]]:
        """How to read it."""
        return [("Incident", drawn.LEGEND)]

    def clear(self) -> bool:
        """Take back the filter; False when there was none."""
        had, self._filter = bool(self._filter), ""
        if had:
            self.draw()
        return had

    # moving

    def moved(self) -> None:
        """On the newest entry it follows what comes."""
        self._follows = self._list.cursor == self._list.keys()[-1]
        self.draw()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; a click on the chosen entry shows all of it."""
        event.stop()
        if event.view is not self._list:
            return
        if self._list.cursor == event.key:
            self.action_describe()
            return
        self._list.point(event.key)
        self._follows = self._list.keys()[-1:] == [event.key]

    def action_filter(self) -> None:
        """Only entries that hold a text."""
        self.ask("show entries that hold …", self._filter, self._narrow)

    def _narrow(self, text: str) -> None:
        self._filter = text
        self.draw()

    def action_describe(self) -> None:
        """Everything about the entry, on a sheet of its own."""
        entry = self.entry
        if entry is not None and self.on_top:
            self.app.push_screen(Sheet(self.room, "Entry of the timeline", partial(drawn.entry_whole, entry)))

    # what a person says

    def action_note(self) -> None:
        """Write a note. What was typed is kept when one leaves it."""
        if refused(self):
            return
        unsaid, name = self.desk.unsaid, self.id_
        typed = partial(unsaid.put, name, _NOTE)

        def done(text: str) -> None:
            if text.strip() and tried(self, partial(self.desk.incidents.note, name, text), "noted"):
                typed("")
                self._follows = True
                self.draw()

        def left() -> None:
            begun = unsaid.get(name, _NOTE).strip()
            self.say("the note is kept: n goes on with it" if begun else "no note was written")

        label = "a note for the timeline; Esc keeps it for later"
        self.ask(label, unsaid.get(name, _NOTE), typed, done, left, TEXT, written=True)

    def action_react(self) -> None:
        """Say something in a word of the entry under the cursor."""
        entry = self.entry
        if entry is None or refused(self):
            return

        def done(text: str) -> None:
            if text.strip():
                tried(self, partial(self.desk.incidents.react, self.id_, entry.id, text), "said")

        label = f"of “{drawn.entry_words(entry)[:40]}” in a word; Esc says nothing"
        self.ask(label, "", unheard, done, nothing, 40)

    def action_stage(self) -> None:
        """How far it is."""
        asks.stage(self)

    def action_escalate(self) -> None:
        """Whose turn it is, and what came of the call."""
        asks.escalate(self)

    def action_message(self) -> None:
        """Fill in a message, to copy it or to send it."""
        from tui.screens.incident_message import messages

        messages(self)

    def action_role(self) -> None:
        """Who does what."""
        asks.role(self)

    def action_severity(self) -> None:
        """How severe it is."""
        asks.severity(self)

    def action_expect(self) -> None:
        """When it should be over."""
        asks.expect(self)

    def action_facts(self) -> None:
        """What is known of it."""
        asks.facts(self)

    def action_security(self) -> None:
        """Keep evidence, or no longer."""
        asks.security(self)

    def action_gather(self) -> None:
        """Gather evidence into a folder."""
        asks.gather(self)

    def action_items(self) -> None:
        """What is to be done so that it does not happen again."""
        from tui.screens.incident_after import items

        items(self)

    def action_post_mortem(self) -> None:
        """The draft, the day people meet, the end of it."""
        from tui.screens.incident_after import post_mortem

        post_mortem(self)

    # where it leads

    def action_people(self) -> None:
        """Ladder, contacts, and where people meet."""
        one = self.incident
        if one is None:
            return

        def lines(width: int) -> list[Line]:
            there = self.incident or one
            scheme = self.desk.scheme
            called = [drawn.titled("Ladder"), *self._ladder(there, width), line()]
            called += [drawn.titled("Contacts"), *drawn.contacts(scheme.contacts, width, self.desk.oncall), line()]
            met = {"chat channel": chat(there, scheme), "status page": scheme.status_page, "manager": scheme.manager}
            return [*called, drawn.titled("Places"), *drawn.meeting_places(met, width)]

        self.app.push_screen(Sheet(self.room, "Whom to call", lines))

    def action_see(self) -> None:
        """What its alert is about, at its row."""
        from tui.screens.detail import Detail

        target, row = self.pointed
        if not target:
            self.say("no alert belongs to it: I on an alert in the inbox adds one")
        elif self.on_top:
            self.app.push_screen(Detail(self.room, target, row))

    def action_procedure(self) -> None:
        """The procedure for its alert; without one, all of the runbook."""
        from tui.screens.opening import open_for
        from tui.screens.runbook import RunbookScreen

        one = self.incident
        case = self.desk.case(one) if one is not None else None
        if case is None:
            self.app.push_screen(RunbookScreen(self.room))
            return
        alert = case.alert
        lies = f": it lies in {alert.handling.procedure}" if alert.handling.procedure else ""
        if not open_for(self, case.id, alert, lambda: self.say(f"no runbook that is read here has it{lies}")):
            self.say(f"no runbook is read here{lies}")
