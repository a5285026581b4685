"""The alert inbox: everything that is wrong, by urgency, and what people decide about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Horizontal

from desk import words
from desk.alert import Alert
from desk.board import Freshness
from desk.inbox.case import Case, InboxError
from desk.inbox.grouping import Item, items
from probes.base import GaugeKey
from tui import deciding
from tui.room import Room
from tui.screens.listing import ListScreen
from tui.screens.sheet import Sheet
from widgets import inbox as drawn
from widgets.folding import folded
from widgets.lines import Line, dim, line, strong
from widgets.lineview import LineView

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)

_LEGEND: Final = """✕ critical  ▲ warning  ◆ notice; the most urgent stands first, what is silenced last.
nobody: nobody has it in hand. “3m12s to go”: by then somebody should. LATE: that time is over.
flaps: it comes and goes, and is told once until it stays or stays away.
Taking it in hand for a warning is not taking it for a critical: when it gets worse it waits again.
A silence of one alert holds it back up to how severe it is now; of anything worse people are told.
What is decided here is seen by every session on this system, and is not told to the system the alert comes from."""


class InboxScreen(ListScreen):
    """Alerts and what becomes of them."""

    where: ClassVar[str] = "inbox"

    DEFAULT_CSS = """
    InboxScreen #title { background: $surface; }
    InboxScreen #below { padding: 0 1; background: $surface; }
    InboxScreen #beside { padding: 0 1; background: $surface; }
    """

    def __init__(self, room: Room) -> None:
        super().__init__(room)
        self._title = LineView(id="title", classes="row")
        self._beside = LineView(id="beside")
        self._below = LineView(id="below")
        self._filter = ""
        self._cleared = False
        self._opened: set[str] = set()
        """Keys of folded lines that a person has opened."""
        self._items: list[Item] = []
        self._steered = False
        """True when a person has moved the cursor; until then it stands on the most urgent."""

    def body(self) -> ComposeResult:
        """Title, list, and what is known of the line under the cursor."""
        yield self._title
        with Horizontal():
            yield self._list
            yield self._beside
        yield self._below

    # drawing

    def draw(self) -> None:
        """Everything, from the room."""
        if not self.is_mounted or self.size.height < 4:
            return
        room, width, height = self.room, self.size.width, self.size.height
        cases = room.cases()
        self._title.show([drawn.title(cases, self._cleared, self._filter, width)])
        beside = width >= drawn.BESIDE
        room_for_list = width - self._beside_width(width) if beside else width
        self._items = self._matching(cases)
        self._place(beside, width, height - 3)
        at = room.engine.clock.now()
        self._list.show(self._lines(cases, room_for_list))
        keys = self._list.keys()
        if self._list.cursor not in keys or not self._steered:
            self._list.point(keys[0] if keys else None)
        item = self.item
        detail = self._beside if beside else self._below
        across = self._beside_width(width) - 2 if beside else width - 2
        known = drawn.about(self._seen(item, whole=True), room.now, at, max(20, across)) if item else []
        detail.show(drawn.as_far_as(known, detail.size.height))
        self.draw_frame()

    def _beside_width(self, width: int) -> int:
        return min(84, max(48, width * 2 // 5))

    def _place(self, beside: bool, width: int, height: int) -> None:
        """Give the detail its room: beside a wide list, else below it what the list does not need, at least half."""
        self._beside.display, self._below.display = beside, not beside and height >= 7 and bool(self._items)
        wanted = self._beside_width(width)
        if self._beside.styles.width is None or self._beside.styles.width.value != wanted:
            self._beside.styles.width = wanted
        rows = 0 if beside else height - max(3, min(len(self._items), height // 2))
        if self._below.styles.height is None or self._below.styles.height.value != rows:
            self._below.styles.height = rows

    def _lines(self, cases: list[Case], width: int) -> list[Line]:
        at = self.room.engine.clock.now()
        if not self._items and self._filter:
            return [line(), line("  ", dim(f"no alert holds “{self._filter}”; Esc shows all"))]
        if not self._items:
            return drawn.calm(self._calm(), at, width)
        made = drawn.rows([self._seen(item) for item in self._items], self.room.now, at, width)
        return [
            *made,
            *(drawn.lost(self.room.engine.inbox.unseen(), width) if cases else drawn.calm(self._calm(), at, width)),
        ]

    def _matching(self, cases: list[Case]) -> list[Item]:
        found = items([*cases, *(self._ended() if self._cleared else ())], self._opened)
        if not self._filter:
            return found
        return [item for item in found if any(self._filter.lower() in _text(case) for case in item.cases)]

    def _ended(self) -> list[Case]:
        """Those that ended within the last day, the newest first."""
        now = self.room.engine.clock.now()
        found = [case for case in self.room.engine.inbox.history(now - _DAY, now) if case.cleared is not None]
        return sorted(found, key=lambda case: case.cleared or now, reverse=True)

    def _seen(self, item: Item, whole: bool = False) -> drawn.Seen:
        """A line with its course; `whole`: with all that is known of it."""
        alert, inbox = item.face.alert, self.room.engine.inbox
        course: list[float | None] = []
        if alert.gauge and not item.folded:
            series = self.room.board.series(alert.target)
            window = series.window(GaugeKey(alert.gauge, alert.labels), self.room.now - 600, self.room.now)
            course = [value for _, value in window]
        if not whole:
            return drawn.Seen(item, course)
        since = self.room.engine.clock.now() - _WEEK
        times = inbox.times(alert.identity, since)
        return drawn.Seen(item, course, times, inbox.life(item.face.id), deciding.there(self.room, item.face))

    def _calm(self) -> drawn.Calm:
        room, now = self.room, self.room.engine.clock.now()
        past = room.engine.inbox.history(now - _WEEK, now)
        ended = [case for case in past if case.cleared is not None]
        last = max(ended, key=lambda case: case.cleared or now, default=None)
        slots = room.board.slots()
        unread = sum(slot.freshness(room.now) is not Freshness.FRESH for slot in slots)
        return drawn.Calm(last, len(past), len(slots), unread, room.engine.inbox.unseen())

    # what a person looks at

    @property
    def item(self) -> Item | None:
        """The line under the cursor."""
        return next((item for item in self._items if item.key == self._list.cursor), None)

    @property
    def cases(self) -> Sequence[Case]:
        """The alerts of the line under the cursor."""
        item = self.item
        return item.cases if item is not None else ()

    @property
    def pointed(self) -> tuple[str, str]:
        """(target, row) of the line under the cursor."""
        item = self.item
        return (item.face.alert.target, item.face.alert.row) if item is not None else ("", "")

    def line_under_cursor(self) -> str:
        """What `y` copies."""
        item = self.item
        return "" if item is None else "\n".join(f"{case.alert.target}: {case.alert.words}" for case in item.cases)

    def about(self) -> list[tuple[str, str]]:
        """How to read it."""
        return [("Alerts", _LEGEND)]

    def clear(self) -> bool:
        """Take back what was narrowed down or opened; False when there was nothing."""
        had = bool(self._filter or self._opened)
        self._filter, self._opened = "", set()
        if had:
            self.draw()
        return had

    # keys

    def moved(self) -> None:
        """From now on the cursor stands where the person put it."""
        self._steered = True
        self.draw()

    def action_open(self) -> None:
        """The target at its row; of a folded line each alert."""
        item = self.item
        if item is None or not self.on_top:
            return
        if item.folded:
            self._opened.add(item.key)
            self.draw()
        else:
            self._open(item.face.alert.target, item.face.alert.row)

    def _open(self, target: str, row: str) -> None:
        from tui.screens.detail import Detail

        if any(slot.target.name == target for slot in self.room.board.slots()):
            self.app.push_screen(Detail(self.room, target, row))
        else:
            self.say(f"{target} is not in the profile any more")

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; a click on the chosen line opens."""
        event.stop()
        if self._list.cursor == event.key:
            self.action_open()
        elif event.view is self._list:
            self._steered = True
            self._list.point(event.key)
            self.draw()

    def action_filter(self) -> None:
        """Only lines that hold a text."""
        self.ask("show alerts that hold …", self._filter, self._narrow)

    def _narrow(self, text: str) -> None:
        self._filter = text
        self.draw()

    def action_cleared(self) -> None:
        """Those that ended within the last day, and hide them again."""
        self._cleared = not self._cleared
        self.draw()

    def action_describe(self) -> None:
        """Everything about it, on a sheet of its own."""
        item = self.item
        if item is None:
            return
        room = self.room

        def lines(width: int) -> list[Line]:
            seen = self._seen(item, whole=True)
            return drawn.about(seen, room.now, room.engine.clock.now(), width)

        self.app.push_screen(Sheet(room, f"{item.face.alert.target}: {item.face.alert.rule}", lines))

    # where it leads

    def action_procedure(self) -> None:
        """The procedure for it; one that lies in no runbook of ours in full, and copied."""
        from tui.screens.opening import open_for

        item = self.item
        if item is None:
            return
        self._steered = True
        alert = item.face.alert
        if not open_for(self, item.face.id, alert, lambda: self._procedure_elsewhere(alert)):
            self._procedure_elsewhere(alert)

    def _procedure_elsewhere(self, alert: Alert) -> None:
        """What its rule says of the procedure, which is in no runbook that is read here."""
        procedure = alert.handling.procedure
        if not procedure:
            self.say(f"no procedure is named for {alert.rule}")
            return

        def lines(width: int) -> list[Line]:
            made = [*folded(line(strong(procedure)), width, 0), line()]
            if alert.handling.suggest:
                made += [*folded(line(dim("try  "), alert.handling.suggest), width, 5), line()]
            return [*made, *folded(line(dim(f"for {alert.target}: {alert.words}")), width, 4)]

        sheet = Sheet(self.room, f"Procedure for {alert.rule}", lines)
        self.app.push_screen(sheet)
        self.app.copy_to_clipboard(procedure)
        sheet.call_after_refresh(sheet.say, "copied")

    def action_chart(self) -> None:
        """The course of the number that it is about."""
        from tui.screens.chart import GaugeChart, open_chart

        alert = self.item.face.alert if self.item is not None else None
        key = GaugeKey(alert.gauge, alert.labels) if alert is not None else None
        if alert is not None and key is not None and key in set(self.room.board.series(alert.target).keys()):
            self.app.push_screen(GaugeChart(self.room, alert.target, key))
        else:
            open_chart(self)

    def action_logs(self) -> None:
        """The log to look at, searching for what its rule says."""
        from tui.screens.log import open_log

        item = self.item
        if item is None:
            return
        alert, handling = item.face.alert, item.face.alert.handling
        there = self._seen_at(handling.see or alert.target)
        if there:
            row = alert.row if there == alert.target else ""
            open_log(self, self.room, there, row, handling.search)

    def action_see(self) -> None:
        """The target that its rule says to look at next."""
        item = self.item
        if item is None:
            return
        see = item.face.alert.handling.see
        if not see:
            self.say(f"{item.face.alert.rule} names nothing else to look at")
        elif there := self._seen_at(see):
            self._open(there, "")

    def _seen_at(self, name: str) -> str:
        if any(slot.target.name == name for slot in self.room.board.slots()):
            return name
        self.say(f"{name} is not in the profile")
        return ""

    # decisions

    def action_acknowledge(self) -> None:
        """Take it in hand, or let it go."""
        item = self._decidable()
        if item is None:
            return
        held = all(case.acknowledged is not None for case in item.cases)
        what = words.plural(item.alerts, "alert") if item.folded else f"“{item.face.alert.rule}”"
        if held:
            done = partial(self._each, item, "let go", self.room.engine.inbox.release)
            self.ask(f"let go of {what}? a note, or just Enter; Esc keeps it", "", _unheard, done, _nothing)
        else:
            here = " here" if item.face.alert.theirs is not None else ""
            done = partial(self._each, item, "in hand", self.room.engine.inbox.acknowledge)
            label = f"take {what} in hand{here}: a note, or just Enter; Esc leaves it"
            self.ask(label, "", _unheard, done, _nothing)

    def action_escalate(self) -> None:
        """Ask others for help."""
        item = self._decidable()
        if item is not None:
            done = partial(self._each, item, "escalated", self.room.engine.inbox.escalate, first=True)
            self.ask("escalate: what is asked of whom? Esc leaves it", "", _unheard, done, _nothing)

    def _each(
        self, item: Item, done: str, decide: Callable[[Case, str, str], None], note: str, first: bool = False
    ) -> None:
        told = 0
        trouble = ""
        for case in item.cases[:1] if first else item.cases:
            try:
                decide(case, self.room.who, note)
                told += 1
            except InboxError as error:
                trouble = str(error)
        if told:
            theirs = deciding.only_here(item.face)
            self.say(f"{done}{theirs}" if not trouble else f"{done}: {told}; {trouble}")
        else:
            self.say(trouble)
        self.draw()

    def action_silence(self) -> None:
        """Tell nobody of it for a while."""
        item = self._decidable()
        if item is not None:
            deciding.silence(self, item)

    def action_window(self) -> None:
        """Open a maintenance window."""
        if not self._refused():
            deciding.window(self, self.pointed[0])

    def action_lift(self) -> None:
        """End what silences it."""
        item = self._decidable()
        if item is None:
            return
        inbox = self.room.engine.inbox
        holding = {one.id: one for case in item.cases if (one := inbox.silence_of(case.alert)) is not None}
        if not holding:
            theirs = item.face.alert.theirs
            there = theirs is not None and theirs.silenced
            self.say(
                "it is silenced there, not here; a: what can be done there" if there else "nothing silences it here"
            )
        for one in list(holding.values())[:1]:
            deciding.lift(self, one)

    def action_silences(self) -> None:
        """Silences and windows in force."""
        self.app.push_screen(deciding.silences_sheet(self.room))

    def _refused(self) -> bool:
        if self.room.undecided_because:
            self.say(self.room.undecided_because)
        return bool(self.room.undecided_because)

    def _decidable(self) -> Item | None:
        """The line under the cursor, where something may be decided about it."""
        item = self.item
        if item is None or self._refused():
            return None
        if item.face.cleared is not None:
            self.say("it is over already")
            return None
        self._steered = True  # what is decided about a line may move it: the cursor goes with it
        return item


def _text(case: Case) -> str:
    alert = case.alert
    parts: Iterable[str] = (
        alert.target, alert.rule, alert.words, case.kind, case.handed, *(text for _, text in alert.labels),
        *alert.handling.aliases, alert.handling.procedure,
    )  # fmt: skip
    return " ".join(parts).lower()


def _unheard(text: str) -> None:
    """What is being typed changes nothing yet."""


def _nothing() -> None:
    """Esc: nothing happens."""
