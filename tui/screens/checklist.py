"""One checklist, gone through box by box."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from desk import words
from desk.checklist.box import Asked, Box, Checklist
from desk.checklist.judge import Judged, Verdict
from desk.checklist.ledger import LedgerError
from desk.checklist.markdown import same
from desk.checklist.paper import Item, Looked
from desk.checklist.standing import standing as standing_of
from tui.room import Room
from tui.screens.checklists import ChecklistLines
from tui.screens.opening import open_procedure
from tui.screens.sheet import Sheet
from widgets import checklist as drawn
from widgets.folding import folded
from widgets.inbox import as_far_as
from widgets.lines import Line, dim, line, strong
from widgets.lineview import LineView

if TYPE_CHECKING:
    from tui.checklists import ChecklistDesk


_FORM: Final = "write 3.5 or 1,204"
_NUMBER: Final = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:[, ]\d{3})+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?|[-+]?\.\d+", re.ASCII)


class OneChecklist(ChecklistLines):
    """One of them, box by box."""

    where: ClassVar[str] = "checklist"

    def __init__(self, room: Room, desk: ChecklistDesk, checklist: Checklist) -> None:
        super().__init__(room, desk)
        self._which = checklist.name
        self._first = checklist
        self._swapped = False
        """True from when the box under the cursor went out of the list until the person has been told."""

    @property
    def checklist(self) -> Checklist:
        """It, with the boxes of its runbook as soon as that is read."""
        return self._desk.ledger.named(self._which) or self._first

    @property
    def _looked(self) -> Looked:
        return self._desk.looked(self.checklist, self.room.board, self.room.alerts(), self.room.now)

    @property
    def item(self) -> Item | None:
        """The box under the cursor, as it stands."""
        return next((one for one in self._looked.items if one.box.key == self._list.cursor), None)

    def draw(self) -> None:
        """Everything, from the room."""
        if not self.is_mounted or self.size.height < 4:
            return
        width, at = self.size.width, self.room.engine.clock.now()
        ledger, checklist, looked = self._desk.ledger, self.checklist, self._looked
        standing = standing_of(checklist, ledger.book, at)
        run = standing.run
        self._title.show([drawn.head(looked, standing, at, width, self._desk.not_kept)])
        beside = width >= drawn.BESIDE
        across = width - min(72, width * 2 // 5) if beside else width
        tail = drawn.tail(run, ledger.handed(checklist), checklist.zone, across)
        lines = drawn.boxes(looked, across)
        if checklist.unread or not lines:
            lines.append(line(dim(" its runbook has not been read, or has no such boxes")))
        self._list.show([*lines, *tail])
        before = self._list.cursor
        self._settle(next((one.box.key for one in looked.items if one.word == "not done"), ""))
        self._swapped = self._swapped or before not in (None, self._list.cursor)
        item = next((one for one in looked.items if one.box.key == self._list.cursor), None)
        wide = min(72, width * 2 // 5) - 2 if beside else width - 2
        known = drawn.about(item, run, checklist.zone, max(20, wide), at) if item is not None else []
        view, _ = self._place(len(lines) + len(tail), len(known))
        if view is not None:
            view.show(as_far_as(known, view.size.height))
        self.draw_frame()

    # what a person signs

    def _refused(self) -> bool:
        if self.room.undecided_because:
            self.say(self.room.undecided_because)
        return bool(self.room.undecided_because)

    def _frozen(self) -> bool:
        """True, and said, while the picture is held still: what it shows is no evidence of how things are now."""
        if self.room.still is not None:
            self.say(f"not signed: the picture is FROZEN since {self.room.still.clock}; f lets it go")
        return self.room.still is not None

    @property
    def _pointed(self) -> Item | None:
        """The box under the cursor, where something may be said of it; what is in the way is said."""
        swapped, self._swapped = self._swapped, False
        if swapped:
            self.say("the list has changed under the cursor, and nothing was done: look, then press again", 8.0)
        return None if swapped or self._refused() else self.item

    def _leap(self, steps: int) -> None:
        self._swapped = False
        super()._leap(steps)

    def action_choose(self) -> None:
        """Sign the box; one that a reading answers opens where it comes from."""
        item = self.item
        if item is not None and item.box.by_itself:
            self.action_see()
        else:
            self.action_sign()

    def action_sign(self) -> None:
        """Sign the box; what is wanted is asked for."""
        item = self._pointed
        if item is None:
            return
        mark = item.mark
        if mark is not None:
            self.say(f"{mark.what.value} by {mark.by}; u takes that back")
        elif self._frozen():
            return
        elif item.box.asked is Asked.NOTHING:
            self._sign(item.box, item.judged)
        else:
            unit = f" in {item.box.unit}" if item.box.unit else ""
            before = f", before {item.before.words}" if item.before is not None else ""
            label = f"{item.box.say}: a {item.box.asked.value}{unit}{before}; Esc leaves it"
            self.ask(label, "", _unheard, partial(self._entered, item.box), _nothing)

    def _sign(self, box: Box, judged: Judged) -> None:
        self._desk.ledger.sign(self.checklist, box, self.room.who, judged)
        self.say(f"signed: {box.say}")
        self._on()

    def _entered(self, box: Box, text: str) -> None:
        text = text.strip()
        if box.asked is Asked.TEXT and text:
            self._sign(box, Judged(Verdict.TO_DO, text))
            return
        try:
            value = number_of(text)
        except ValueError:
            self.say(f"not signed: that is no number; {_FORM}" if text else "not signed: nothing was entered")
            return
        told = f"{words.count(value)} {box.unit}".strip()
        self._sign(box, Judged(Verdict.TO_DO, told, value))

    def _on(self) -> None:
        """Go on to the next box that is left."""
        left = {box.key for box in self._desk.ledger.left(self.checklist)}
        keys = self._list.keys()
        here = keys.index(self._list.cursor) if self._list.cursor in keys else 0
        following = [key for key in (*keys[here + 1 :], *keys[:here]) if key in left]
        if following:
            self._list.point(following[0])
        self.draw()

    def action_take_back(self) -> None:
        """What was said of the box counts no more."""
        item = self._pointed
        if item is not None and item.mark is not None:
            self._desk.ledger.take_back(self.checklist, item.box, self.room.who)
            self.say(f"taken back: {item.box.say}")
            self.draw()
        elif item is not None:
            self.say("nobody has signed it")

    def action_skip(self) -> None:
        """Leave the box out, for a reason."""
        item = self._pointed
        if item is not None:
            label = f"skip “{item.box.say}”: why? Esc leaves it"
            self.ask(label, "", _unheard, partial(self._skipped, item.box), _nothing)

    def _skipped(self, box: Box, reason: str) -> None:
        try:
            self._desk.ledger.skip(self.checklist, box, self.room.who, reason)
        except LedgerError as error:
            self.say(str(error))
            return
        self.say(f"skipped: {box.say}")
        self._on()

    def action_note(self) -> None:
        """Say something of the box."""
        item = self._pointed
        if item is not None:
            label = f"a note on “{item.box.say}”; Esc leaves it"
            self.ask(label, "", _unheard, partial(self._noted, item.box), _nothing)

    def _noted(self, box: Box, text: str) -> None:
        self._desk.ledger.note(self.checklist, self.room.who, text, box)
        self.draw()

    def action_sign_off(self) -> None:
        """Be done with the whole."""
        if self._refused() or self._frozen():
            return
        left = self._desk.ledger.left(self.checklist)
        if left:
            self._list.point(left[0].key)
            self.draw()
            self.say(f"{words.plural(len(left), 'box', 'boxes')} still to do: sign or leave out each, then sign off")
            return
        ill = sum(one.word in ("bad", "unknown") for one in self._looked.items)
        well = f"{words.plural(ill, 'box', 'boxes')} not good; " if ill else ""
        label = f"sign off as {self.room.who}: {well}what should the next shift know? Esc leaves it open"
        self.ask(label, "", _unheard, self._off, _nothing)

    def _off(self, note: str) -> None:
        judged = {one.box.key: one.judged for one in self._looked.items}
        try:
            self._desk.ledger.sign_off(self.checklist, self.room.who, note, judged)
        except LedgerError as error:
            self.say(str(error), 8.0)
            return
        self.say(f"signed off by {self.room.who}")
        self.draw()

    # where it leads

    def action_see(self) -> None:
        """The target that the box is about, at its row."""
        from tui.screens.detail import Detail

        item = self.item
        if item is None or not self.on_top:
            return
        place, _, row = item.box.place.partition("/")
        slots = self.room.board.slots()
        names = [slot.target.name for slot in slots if place in (slot.target.name, slot.target.kind)]
        first, _, rest = item.judged.about.partition(" ")
        if len(names) > 1 and first in names:
            self.app.push_screen(Detail(self.room, first, row or rest.strip()))
        elif names:
            self.app.push_screen(Detail(self.room, names[0], row or item.judged.about))
        else:
            self.say(f"“{item.box.say}” leads nowhere here")

    def action_procedure(self) -> None:
        """The procedure, or the address to look at, in full and copied."""
        item = self.item
        text = (item.box.procedure or item.box.link) if item is not None else ""
        if item is None or not text:
            self.say("no procedure and no address is named for it")
            return
        if item.box.procedure and self._procedure(item.box.procedure):
            return
        say = item.box.say

        def lines(width: int) -> list[Line]:
            return [*folded(line(strong(text)), width, 0), line(), *folded(line(dim(f"for: {say}")), width, 4)]

        sheet = Sheet(self.room, "Procedure" if item.box.procedure else "To look at", lines)
        self.app.push_screen(sheet)
        self.app.copy_to_clipboard(text)
        sheet.call_after_refresh(sheet.say, "copied")

    def _procedure(self, name: str) -> bool:
        """Open the procedure of that title; False where no runbook that was read has it."""
        there = self.room.procedures
        for book in there.books if there is not None else ():
            found = next((one for one in book.procedures if same(one.title) == same(name)), None)
            if found is not None:
                open_procedure(self, book, found)
                return True
        return False

    def action_describe(self) -> None:
        """Everything about the box, on a sheet of its own."""
        item, zone = self.item, self.checklist.zone
        if item is None:
            return

        def lines(width: int) -> list[Line]:
            found = next((one for one in self._looked.items if one.box.key == item.box.key), None)
            if found is None:
                return [line(dim("this box is not in the list any more"))]
            run = self._desk.ledger.run(self.checklist)
            return drawn.about(found, run, zone, width, self.room.engine.clock.now())

        self.app.push_screen(Sheet(self.room, item.box.say, lines))

    def action_history(self) -> None:
        """What became of its runs."""
        self._history(self.checklist)

    @property
    def pointed(self) -> tuple[str, str]:
        """(target, row) that the box under the cursor leads to."""
        item = self.item
        place, _, row = item.box.place.partition("/") if item is not None else ("", "", "")
        known = {slot.target.name for slot in self.room.board.slots()}
        return (place, row) if place in known else ("", "")

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; a click on the chosen line signs or opens it."""
        event.stop()
        if self._list.cursor == event.key:
            self.action_choose()
        elif event.view is self._list:
            self._list.point(event.key)
            self.draw()


def number_of(text: str) -> float:
    """A number as a person writes it: with a point, and with commas or blanks between groups of three digits only, for
    3,5 would be taken for 35. Raises ValueError.

    >>> number_of("1,204"), number_of(" 3.5 "), number_of("-2")
    (1204.0, 3.5, -2.0)
    """
    if _NUMBER.fullmatch(text.strip()) is None:
        raise ValueError("no number, or one that can be read in two ways")
    found = float(text.replace(",", "").replace(" ", ""))
    if not abs(found) < 1e300:
        raise ValueError("no number that can be kept")
    return found


def _unheard(text: str) -> None:
    """What is being typed changes nothing yet."""


def _nothing() -> None:
    """Esc: nothing happens."""
