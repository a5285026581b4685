"""Every incident, open and past; the ways to one of them, and how one is declared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult

from desk.inbox.case import Case
from desk.incident.incident import Incident
from desk.incident.incidents import IncidentError
from desk.incident.record import Sent
from probes.base import SafeText
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.listing import ListScreen
from tui.screens.sheet import Menu, Sheet
from widgets import incident as drawn
from widgets.lines import Line, dim, line
from widgets.lineview import LineView

if TYPE_CHECKING:
    from tui.incidents import IncidentDesk

_TITLE: Final = 200
"""Characters of a title."""

_ANOTHER: Final = "another"

_LONG: Final = 1000
"""Characters of what is typed."""

_LEAVE: Final = "\x1f"
"""How the keys of lines begin that leave things as they are."""

Items = Sequence[tuple[str, str, str]]
"""(key, name, words) of what can be chosen; an empty key leaves things as they are, or is only to be read."""


def open_incident(screen: RoomScreen) -> None:
    """The incident of the alert under the cursor, else the one that goes on; where none is, declare one."""
    desk = screen.room.incidents
    if desk is None:
        screen.say("incidents are not known here")
        return
    cases = [one for one in screen.cases if one.id]
    own = {one.id: one for case in cases for one in desk.incidents.of_case(case.id)}
    found = next((one for one in own.values() if one.open), None)
    there = desk.incidents.open()
    if found is not None:
        show(screen, desk, found)
    elif cases and there:
        screen.app.push_screen(_which(screen, desk, cases, there))
    elif cases or not there:
        declare(screen, desk, cases)
    elif len(there) == 1 and screen.where != "incident":
        show(screen, desk, there[0])
    else:
        open_incidents(screen)


def open_incidents(screen: RoomScreen) -> None:
    """Show them all."""
    desk = screen.room.incidents
    if desk is None:
        screen.say("incidents are not known here")
    elif screen.where != "incidents":
        screen.app.push_screen(AllIncidents(screen.room, desk))


def show(screen: RoomScreen, desk: IncidentDesk, incident: Incident) -> None:
    """Show one."""
    from tui.screens.incident import IncidentScreen

    screen.app.push_screen(IncidentScreen(screen.room, desk, incident.id))


def _which(screen: RoomScreen, desk: IncidentDesk, cases: Sequence[Case], there: Sequence[Incident]) -> Menu:
    """Does an alert belong to an incident that goes on, or is it one of its own?"""

    def choose(key: str) -> None:
        menu.leave()
        if key == _ANOTHER:
            screen.call_after_refresh(declare, screen, desk, cases)
        elif (found := desk.incidents.get(key)) is not None and not refused(screen):
            try:
                desk.belong(key, cases)
            except IncidentError as error:
                screen.say(str(error))
            else:
                show(screen, desk, found)

    items = [(one.id, f"it belongs to {one.level}", str(SafeText(one.title, _TITLE))) for one in there]
    items.append((_ANOTHER, "declare another", "an incident of its own; Esc leaves it"))
    menu = Menu(screen.room, "Which incident does the alert belong to?", items, choose)
    return menu


def refused(screen: RoomScreen) -> bool:
    """True, and said, where nothing is decided from here."""
    if screen.room.undecided_because:
        screen.say(screen.room.undecided_because)
    return bool(screen.room.undecided_because)


def declare(screen: RoomScreen, desk: IncidentDesk, cases: Sequence[Case] = ()) -> None:
    """Ask how severe it is, then its title; nothing is chosen beforehand."""
    if refused(screen):
        return

    ours = " (the profile names no levels)" if desk.scheme.levels_by == "ours" else ""
    items = [("", "leave it", "declares no incident"), *drawn.severities(desk.scheme.levels)]
    ask = partial(_title, screen, desk, cases)
    pick(screen, f"Incident: how severe is it?{ours}", items, ask, left="no incident was declared")


def _title(screen: RoomScreen, desk: IncidentDesk, cases: Sequence[Case], level: str) -> None:
    alert = cases[0].alert if cases else None
    offered = str(SafeText(f"{alert.target}: {alert.words}", _TITLE)) if alert is not None else ""

    def done(text: str) -> None:
        try:
            made = desk.incidents.declare(text, level, cases[0] if cases else None)
            desk.belong(made.id, cases[1:])
        except IncidentError as error:
            screen.say(f"no incident was declared: {error}")
            return
        show(screen, desk, made)
        page(screen.room, desk, made.id)
        screen.room.note(f"declared {made.level}: x says that somebody is at it, t who is commander")

    label = f"what is wrong? Enter declares {level}, Esc nothing"
    screen.ask(label, offered, unheard, done, partial(screen.say, "no incident was declared"), _TITLE, written=True)


def page(room: Room, desk: IncidentDesk, incident: str) -> None:
    """Call whoever is on duty, where the severity wants that and they were not called yet; and no longer once it is
    over."""
    for channel in (*desk.unpaged(incident), *desk.unended(incident)):
        room.later(paged(room, desk, incident, channel))


async def paged(room: Room, desk: IncidentDesk, incident: str, channel: str) -> None:
    """Call whoever is on duty through one channel, or no longer, and say what came of it."""
    over = bool(desk.unended(incident))
    try:
        sent, said = await desk.page(incident, channel)
    except IncidentError as error:
        room.note(f"{channel} was not {'told that it is over' if over else 'paged'}: {error}")
        return
    told = f" ({SafeText(said, 120)})" if said else ""
    what = f"{'end of page' if over else 'page'} to {channel} {sent.value}{told}"
    room.note(what + ("" if sent is Sent.SENT else ": e tries again"))


class AllIncidents(ListScreen):
    """All of them, the open ones first."""

    where: ClassVar[str] = "incidents"

    DEFAULT_CSS = """
    AllIncidents #title { background: $surface; }
    AllIncidents #list { height: 1fr; }
    """

    def __init__(self, room: Room, desk: IncidentDesk) -> None:
        super().__init__(room)
        self._desk = desk
        self._filter = ""
        self._title = LineView(id="title", classes="row")

    def body(self) -> ComposeResult:
        """Title and list."""
        yield self._title
        yield self._list

    def draw(self) -> None:
        """Everything, from the room."""
        if not self.is_mounted or self.size.height < 4:
            return
        incidents, now, width = self._desk.incidents, self._desk.now, self.size.width
        every, todo = incidents.all(), incidents.items()
        late = sum(item.overdue(now) for _, item in todo)
        self._title.show(
            [drawn.heading(len(incidents.open()), len(every), len(todo), late, self._desk.not_kept, width)]
        )
        past = [one for one in reversed(every) if not one.open]
        found = [
            one for one in (*incidents.open(), *past) if self._filter.lower() in f"{one.level} {one.title}".lower()
        ]
        lines: Sequence[Line] = drawn.listed(found, self._desk.scheme, now, width)
        if not every:
            lines = drawn.empty(width)
        elif not found:
            lines = [line(), line("  ", dim(f"no incident holds “{self._filter}”; Esc shows all"))]
        self._list.show(lines)
        keys = self._list.keys()
        if self._list.cursor not in keys:
            self._list.point(keys[0] if keys else None)
        self.draw_frame()

    def line_under_cursor(self) -> str:
        """What `y` copies."""
        return next((one.text.strip() for one in self._list.lines if one.key and one.key == self._list.cursor), "")

    def about(self) -> list[tuple[str, str]]:
        """How to read it."""
        return [("Incidents", drawn.LEGEND)]

    def clear(self) -> bool:
        """Take back the filter; False when there was none."""
        had, self._filter = bool(self._filter), ""
        if had:
            self.draw()
        return had

    def action_open(self) -> None:
        """The one under the cursor."""
        found = self._desk.incidents.get(self._list.cursor or "")
        if found is not None and self.on_top:
            show(self, self._desk, found)

    def action_declare(self) -> None:
        """Declare another."""
        declare(self, self._desk)

    def action_items(self) -> None:
        """What is left to do of all of them."""
        desk = self._desk

        def lines(width: int) -> list[Line]:
            made: list[Line] = []
            for one, item in desk.incidents.items():
                made += drawn.items([item], desk.now, width)
                made.append(line(dim(f"    {SafeText(one.level, 12)} {SafeText(one.title, 80)}")))
            return made or [line(dim("nothing is left to do"))]

        def choose(key: str) -> None:
            for one, item in desk.incidents.items():
                if item.id == key and not refused(sheet):
                    tried(sheet, partial(desk.incidents.do_item, one.id, key), "done")

        sheet = Sheet(self.room, "Action items of all incidents; Enter: it is done", lines, choose)
        self.app.push_screen(sheet)

    def action_filter(self) -> None:
        """Only those that hold a text."""
        self.ask("show incidents that hold …", self._filter, self._narrow)

    def _narrow(self, text: str) -> None:
        self._filter = text
        self.draw()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; a click on the chosen line opens."""
        event.stop()
        if self._list.cursor == event.key:
            self.action_open()
        elif event.view is self._list:
            self._list.point(event.key)


def pick(
    screen: RoomScreen,
    title: str,
    items: Items,
    then: Callable[[str], None],
    also: Callable[[str], Items] = lambda text: (),
    left: str = "",
) -> None:
    """Let a person choose, and go on with what they chose. `left` is said where they leave things as they are."""

    def choose(key: str) -> None:
        menu.leave()
        if not key.startswith(_LEAVE):
            screen.call_after_refresh(then, key)
        elif left:
            screen.say(left)

    named = [(key or f"{_LEAVE}{number}", name, words) for number, (key, name, words) in enumerate(items)]
    menu = _Choice(screen.room, title, named, choose, also)
    screen.app.push_screen(menu)


class _Choice(Menu):
    """A choice: once something is typed it is among what changes something."""

    def _narrow(self, text: str) -> None:
        if self._all is None:
            self._all = self._items
        kept = [one for one in self._all if not one[0].startswith(_LEAVE)]
        self._items = kept if text.strip() else self._all
        super()._narrow(text)

    _all: Items | None = None


def say(screen: RoomScreen, label: str, then: Callable[[str], None], value: str = "", longest: int = _LONG) -> None:
    """Let a person type a line; Esc leaves things as they are."""
    screen.ask(label, value, unheard, then, nothing, longest, written=True)


def tried(screen: RoomScreen, call: Callable[[], object], said: str) -> bool:
    """Do it and say so, or say why it can't be done; True when it was."""
    try:
        call()
    except IncidentError as error:
        screen.say(str(error), 8.0)
        return False
    screen.say(said)
    screen.draw()
    return True


def attempt(screen: RoomScreen, call: Callable[[], object], said: str) -> None:
    """The same, whatever comes of it."""
    tried(screen, call, said)


def unheard(text: str) -> None:
    """What is being typed changes nothing yet."""


def nothing() -> None:
    """Esc: nothing happens."""
