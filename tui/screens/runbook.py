"""The runbook as an outline: chapters and procedures, how much each is, what it can cost, and how it went last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import ClassVar, Final

from textual.app import ComposeResult

from desk import words
from desk.runbook.book import Procedure, Runbook
from desk.runbook.reviewed import doubtful
from desk.runs.record import Occasion
from probes.base import SafeText
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.listing import ListScreen
from tui.screens.opening import open_procedure, open_run
from tui.screens.sheet import Sheet
from widgets import procedure as drawn
from widgets.folding import folded
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, strong
from widgets.lineview import LineView

_LEGEND: Final = """Enter opens a procedure: its steps stand beside the panels that they are about.
▲ DISRUPTIVE: somebody is interrupted. ✕ DESTRUCTIVE: something is gone for good. It is the worst of its steps.
OPEN: a run that nobody has ended; whoever opens it goes on with it.
The file is never changed. What is done in a run is kept beside it, with who and when."""

_NONE: Final = 'no runbook is named in this profile: runbook = "RUNBOOK.md"'


class RunbookScreen(ListScreen):
    """Every procedure of the profile's runbooks."""

    where: ClassVar[str] = "runbook"

    DEFAULT_CSS = """
    RunbookScreen #title { background: $surface; }
    RunbookScreen #list { padding: 0 1; }
    """

    def __init__(self, room: Room, occasion: Occasion | None = None, asked: str = "") -> None:
        """`occasion`: the alert that a procedure is looked for; `asked`: what is said of that."""
        super().__init__(room)
        self._occasion = occasion
        self._asked = asked
        self._title = LineView(id="title", classes="row")
        self._filter = ""
        self._keys: dict[str, tuple[Runbook, Procedure]] = {}

    def body(self) -> ComposeResult:
        """Title and outline."""
        yield self._title
        yield self._list

    def on_mount(self) -> None:
        """Read what has changed since."""
        super().on_mount()
        if self.room.procedures is not None:
            self.room.procedures.look()

    # drawing

    def draw(self) -> None:
        """Everything, from what was read."""
        if not self.is_mounted or self.size.height < 4:
            return
        width = self.size.width
        self._title.show([self._head(width)])
        self._list.show(self._lines(max(20, width - 2)))
        keys = self._list.keys()
        if self._list.cursor not in keys:
            self._list.point(keys[0] if keys else None)
        self.draw_frame()

    def _head(self, width: int) -> Line:
        there = self.room.procedures
        count = sum(len(book.procedures) for book in there.books) if there is not None else 0
        parts: list[Part] = [" ", strong("Procedures"), dim(f"  {count}")]
        if there is not None and there.runs.open():
            parts += ["  ", Span(f"{words.plural(len(there.runs.open()), 'run')} open", Tone.NOTICE)]
        today = self.room.engine.clock.now().date()
        days = [book.reviewed for book in there.books if book.reviewed is not None] if there is not None else []
        if old := [day for day in days if doubtful(day, today)]:
            parts += ["  ", Span(f"last gone through on {min(old)}", Tone.WARNING)]
        if self._filter:
            parts += ["  ", dim(f"holding “{self._filter[:20]}”")]
        if self._asked:
            parts += ["  ", Span(self._asked, Tone.NOTICE)]
        return line(fit(line(*parts).text, width)) if width < 40 else line(*parts)

    def _lines(self, width: int) -> list[Line]:
        there = self.room.procedures
        if there is None or not (there.files or there.runs.open()):
            said = f"{_NONE}" if there is None or not there.files else ""
            return [line(), *folded(line(dim(said)), width, 0)]
        self._keys = {}
        made = [*self._runs(width), *self._kept(width)]
        for name in there.files:
            book, trouble = there.book(name), there.troubles.get(name, "")
            if book is None:
                made += self._unread(name, trouble, width)
                continue
            listed = []
            for number, one in enumerate(book.procedures):
                if self._matches(one):
                    key = f"{name} {number}"
                    self._keys[key] = book, one
                    listed.append(drawn.Listed(key, one, there.past(book.path, one)))
            made += drawn.outline(
                book, listed, self.room.engine.clock.now(), width, trouble, not self._filter and width >= 50
            )
            if not listed:
                made.append(line("  ", dim(self._nothing(book))))
        return made

    def _nothing(self, book: Runbook) -> str:
        return f"no procedure holds “{self._filter}”; Esc shows all" if book.procedures else "no procedure is in it"

    def _unread(self, name: str, trouble: str, width: int) -> list[Line]:
        if trouble:
            return folded(
                line(strong(SafeText(name, 200)), "  ", Span(f"can't be read: {trouble}", Tone.WARNING)), width
            )
        return folded(line(strong(SafeText(name, 200)), "  ", dim("being read …")), width)

    def _runs(self, width: int) -> list[Line]:
        """Runs whose procedure is not in a runbook any more: they can be gone on with all the same."""
        there = self.room.procedures
        assert there is not None
        if there.files and not there.books and not there.troubles:
            return []  # nothing is read yet
        titles = {(book.path, one.title) for book in there.books for one in book.procedures}
        lost = [run for run in there.runs.open() if (run.about.path, run.procedure.title) not in titles]
        if not lost:
            return []
        made = [line(Span("Runs of procedures that are not in a runbook now", Tone.WARNING))]
        for run in lost:
            said = f"{run.settled_count} of {len(run.steps)}, {run.holder}"
            made += folded(
                line("  ", strong(SafeText(run.procedure.title, 200)), "  ", dim(said), key=f"run {run.id}"), width
            )
        return [*made, line()]

    def _kept(self, width: int) -> list[Line]:
        there = self.room.procedures
        trouble = there.journal.trouble if there is not None and there.journal is not None else ""
        return [*folded(line(Span(trouble, Tone.WARNING)), width), line()] if trouble else []

    def _matches(self, one: Procedure) -> bool:
        wanted = self._filter.lower()
        if not wanted:
            return True
        texts = [one.title, *one.path]
        for step in one.steps:
            texts += [step.title, step.text, step.command.text if step.command is not None else ""]
        return any(wanted in text.lower() for text in texts)

    # what a person does

    def action_open(self) -> None:
        """The procedure, or the run of it that goes on."""
        if not self.on_top or self._list.cursor is None:
            return
        there, key = self.room.procedures, self._list.cursor
        if key in self._keys:
            open_procedure(self, *self._keys[key], self._occasion)
        elif there is not None and (run := there.runs.get(key.removeprefix("run "))) is not None:
            open_run(self, run)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; a click on the chosen line opens."""
        event.stop()
        if self._list.cursor == event.key:
            self.action_open()
        else:
            self._list.point(event.key)

    def action_filter(self) -> None:
        """Only procedures that hold a text, in their titles or their steps."""
        self.ask("show procedures that hold …", self._filter, self._narrow)

    def _narrow(self, text: str) -> None:
        self._filter = text
        self.draw()

    def clear(self) -> bool:
        """Take the search back; False when there was none."""
        had, self._filter = bool(self._filter), ""
        if had:
            self.draw()
        return had

    def action_describe(self) -> None:
        """Who to call, limits, and how the file was read."""
        there = self.room.procedures
        books = there.books if there is not None else []
        if not books:
            self.say(_NONE)
            return
        chosen = self._keys.get(self._list.cursor or "")
        book = chosen[0] if chosen is not None else books[0]
        today = self.room.engine.clock.now().date()
        title = str(SafeText(book.title or book.path, 200))
        self.app.push_screen(Sheet(self.room, title, lambda width: facts(book, width, today)))

    def action_past(self) -> None:
        """How the procedure went before."""
        there, chosen = self.room.procedures, self._keys.get(self._list.cursor or "")
        if there is None or chosen is None:
            return
        open_past(self, chosen[0].path, chosen[1])

    def line_under_cursor(self) -> str:
        """What `y` copies: where the procedure stands."""
        chosen = self._keys.get(self._list.cursor or "")
        return f"{chosen[0].path}:{chosen[1].line} {chosen[1].title}" if chosen is not None else ""

    def about(self) -> Sequence[tuple[str, str]]:
        """How to read it."""
        return [("Procedures", _LEGEND)]


def open_past(screen: RoomScreen, path: str, procedure: Procedure) -> None:
    """How a procedure went before; Enter shows one of its runs."""
    there = screen.room.procedures
    if there is None:
        return
    runs, clock = there.runs, screen.room.engine.clock

    def lines(width: int) -> list[Line]:
        return drawn.history(there.past(path, procedure), clock.now(), width)

    def choose(key: str) -> None:
        if (run := runs.get(key)) is not None:
            open_run(screen, run)

    screen.app.push_screen(Sheet(screen.room, f"Runs of {SafeText(procedure.title, 120)}", lines, choose))


def facts(book: Runbook, width: int, today: date) -> list[Line]:
    """How old it says it is, contacts, ladder, severities, limits, what has to be filled in, and where the file was
    read otherwise."""
    made = [line(dim(f"{SafeText(book.path, 300)}  sha256 {book.sha256}")), _age(book, today), line()]

    def under(title: str, rows: Sequence[tuple[str, str]]) -> None:
        if rows:
            made.append(line(Span(title, Tone.TITLE)))
            for name, text in rows:
                lead = (fit(strong(SafeText(name, 200)), 24), " ")
                made.extend(folded(line("  ", *lead, SafeText(text, 500)), width, 27))
            made.append(line())

    under("Who to call", [(one.role, "  ".join([one.name, *one.ways])) for one in book.contacts])
    under(
        "Ladder",
        [(one.who, f"{f'after {words.span(one.after)}  ' if one.after else ''}{one.text}") for one in book.ladder],
    )
    under(
        "Severities",
        [
            (one.name, f"{f'within {words.span(one.respond)}  ' if one.respond else ''}{one.about}")
            for one in book.levels
        ],
    )
    limits = [one for one in book.thresholds if one.alert]
    under("Limits", [(one.metric, f"{one.operator} {one.value:g} {one.unit} {one.lasting}".rstrip()) for one in limits])
    under("To be filled in", [(one.name, ", ".join(one.written)) for one in book.parameters])
    under("Read otherwise than it stands", [(f"line {one.line}", one.what) for one in book.repairs])
    return made


def _age(book: Runbook, today: date) -> Line:
    if book.reviewed is None:
        return line(dim("it does not say when somebody last went through it"))
    days = (today - book.reviewed).days
    ago = f"{words.plural(days, 'day')} ago" if days > 0 else "today" if days == 0 else "a day that is still to come"
    said = f"it says that somebody last went through it on {book.reviewed}, {ago}"
    return line(Span(f"{said}: is it still so?", Tone.WARNING) if doubtful(book.reviewed, today) else dim(said))
