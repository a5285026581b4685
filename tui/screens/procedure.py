"""A procedure beside the panels that it is about: its steps, the one under the cursor whole, and the run of it.

Looking begins nothing. A run begins with the first thing that somebody does, and goes on with the text it began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from desk import words
from desk.runbook.book import Procedure, Runbook, Step, StepKind
from desk.runs.filling import names
from desk.runs.record import Occasion
from desk.runs.revision import changes
from desk.runs.run import Run
from probes.base import SafeText
from tui import doing
from tui import parameters as asked
from tui.concerned import concerned
from tui.room import Room
from tui.screens.procedure_run import RunScreen
from tui.screens.runbook import open_past
from tui.screens.sheet import Sheet
from widgets import procedure as drawn
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, dim, line, strong
from widgets.lineview import LineView

_LEGEND: Final = """✓ done   ✕ done, and it is bad   ? done, and nobody knows   – left out   · on a way not taken
▸ the next one   ◌ waiting   ◉ the wait is over
▲ DISRUPTIVE: somebody is interrupted. ✕ DESTRUCTIVE: something is gone for good. Each act has its own dialog.
Nothing runs by itself, and nothing runs with a placeholder that is not filled in.
A reading is evaluated here and now; Enter keeps the value. A shell line is copied where it can't be run from here.
What is done is kept with who and when; NOT KEPT YET: the disk has not taken it."""

_LEADS: Final = {
    StepKind.ACTION: "no target here takes it",
    StepKind.READING: "no target here shows it",
    StepKind.LOG: "no target here shows it",
}
"""Why a step that is none for a shell ends as one."""

_SAME: Final = "the file is as it was when the run began, or there is no run"

_HINT: Final = (
    "Nothing runs by itself: Enter does the step under the cursor and begins a run; n notes, x leaves out, u fills in."
)


class ProcedureScreen(RunScreen):
    """One procedure, and the run of it if there is one."""

    DEFAULT_CSS = """
    ProcedureScreen #title { background: $surface; }
    ProcedureScreen #banner { height: auto; padding: 0 1; }
    ProcedureScreen #right { padding: 0 1; width: 3fr; }
    ProcedureScreen #steps { width: 2fr; }
    ProcedureScreen #step { padding: 0 1; background: $surface; }
    ProcedureScreen #live { padding: 0 1; }
    ProcedureScreen #beside { background: $surface; }
    """

    def __init__(
        self,
        room: Room,
        book: Runbook | None,
        procedure: Procedure,
        run: Run | None = None,
        occasion: Occasion | None = None,
        why: str = "",
    ) -> None:
        """`book`: its runbook as it was read; `why`: why this procedure was found for the alert it is opened from."""
        super().__init__(room, book, procedure, run, occasion)
        self._why = why
        self._opened = room.engine.clock.now()
        self._tall = 0
        """Lines that the list had when it was last drawn."""
        self._title = LineView(id="title", classes="row")
        self._banner = LineView(id="banner")
        self._beside = LineView(id="beside")
        self._beside_live = LineView()
        self._step = LineView(id="step")
        self._live = LineView(id="live")
        self._right = Vertical(self._beside, self._beside_live, id="right")

    def body(self) -> ComposeResult:
        """Title, what must be known of the run, steps, the step whole, the panels it is about."""
        yield self._title
        yield self._banner
        with Horizontal():
            yield self._list
            yield self._right
        yield self._step
        yield self._live

    def on_mount(self) -> None:
        """Stand on the first step that waits; see whether the file has changed."""
        super().on_mount()
        if self.room.procedures is not None:
            self.room.procedures.look()
        self.action_next_open()

    def on_screen_resume(self) -> None:
        """Somebody comes back here, and may have edited the file meanwhile."""
        if self.room.procedures is not None:
            self.room.procedures.look()
        super().on_screen_resume()

    # drawing

    def draw(self) -> None:
        """Everything, from the room."""
        if not self.is_mounted or self.size.height < 5:
            return
        self._follow_file()
        width, height = self.size.width, self.size.height
        there, run, now = self.room.procedures, self.run, self.room.engine.clock.now()
        unkept = there.runs.unkept(run.id) if there is not None and run is not None else 0
        self._title.show([drawn.title(self._procedure, run, unkept, now, width, self.barred if run is None else "")])
        banner = self._banner_lines(max(20, width - 2))[: max(1, height // 6)]
        self._banner.display = bool(banner)
        _sized(self._banner, len(banner))
        self._banner.show(banner)
        wide = width >= drawn.BESIDE
        self._right.display = wide
        lines = drawn.steps(self._procedure, run, now, width * 2 // 5 if wide else width)
        self._list.show(lines)
        keys = self._list.keys()
        if self._list.cursor not in keys:
            self._point(0)
        elif self._list.size.height != self._tall:  # another height may have put the cursor out of sight
            self._list.point(self._list.cursor)
        self._tall = self._list.size.height
        step_width = width - width * 2 // 5 - 4 if wide else width - 2
        shown = self._shown()
        whole = drawn.whole(shown, now, step_width) if shown is not None else []
        self._place(wide, whole, len(lines), height - 3 - len(banner), step_width)
        self.draw_frame()

    def _place(self, wide: bool, whole: list[Line], steps: int, height: int, width: int) -> None:
        """Share the room: beside a wide list the step above the panels; else all below one another."""
        first = self.occasion.target if self.occasion is not None else ""
        about = self._remembered("all", lambda: concerned(self.room, self._procedure, first))
        here = dict(self.places)
        about = sorted(about, key=lambda place: place[0] not in here)
        most = height // 3 if wide else 0 if height < 14 else min(8, 2 + (height - 14) // 4)
        entries = [(self.room.entry(name), here.get(name, row)) for name, row in about]
        live = drawn.live(entries, self.room.now, width, most) if entries and most else []
        self._step.display, self._live.display = not wide, not wide and bool(live)
        if wide:
            _sized(self._beside_live, len(live))
            view, panels, space = self._beside, self._beside_live, height - len(live)
        else:
            free = height - len(live)
            space = free - max(3, min(steps, max(free * 2 // 5, free - len(whole))))
            _sized(self._live, len(live))
            _sized(self._step, space)
            view, panels = self._step, self._live
        panels.show(live)
        view.show(_ending(whole, view.top, space))

    def _banner_lines(self, width: int) -> list[Line]:
        """What must be known before one goes on: another revision, an end, where it was opened from."""
        run, made = self.run, list[Line]()
        there = self.room.procedures
        if run is not None and there is not None and there.changed(run):
            book = there.book(run.about.path)
            partial = book is not None and book.partial
            differs = changes(run.procedure, there.now(run)) if not partial else ()
            what = f"{words.plural(len(differs), 'step')} differ: c shows them" if differs else "its steps are the same"
            what = "it is too large to be compared" if partial else what
            revisions = f"{run.about.sha256[:8]} then, {book.sha256[:8] if book is not None else '?'} now"
            text = f"the file has changed since this run began ({revisions}); {what}. It goes on with its own text."
            made += folded(line(Span(text, Tone.WARNING)), width, 2)
        if run is not None and run.ended is not None:
            over = run.ended
            at = words.when(over.at, self.room.engine.clock.now())
            said = f"{over.end.value} at {at} UTC by {over.by}: {over.words or 'no words'}"
            made += folded(line(strong(SafeText(said, 500))), width, 2)
        if run is not None and run.open and run.next is None:
            made += folded(line(Span("every step is settled: e ends the run", Tone.NOTICE)), width, 2)
        occasion = self.occasion
        if occasion is not None:
            why = f"{self._why}; " if self._why else ""
            since = run.at if run is not None else self._opened
            ago = words.age(max(0.0, (self.room.engine.clock.now() - since).total_seconds()))
            why = f"  ({why}so it was when {'the run began' if run is not None else 'this was opened'}, {ago} ago)"
            made += folded(line(dim("for "), f"{occasion.target}: ", SafeText(occasion.words, 300), dim(why)), width, 4)
        if run is None and not self._procedure.menu and not self.barred and self.size.height >= 18:
            made += folded(line(dim(_HINT)), width, 0)
        return made

    def _shown(self) -> drawn.Shown | None:
        step, run, number = self.step, self.run, self.number
        if step is None:
            return None
        there = self.room.procedures
        fork = self.fork
        way = ""
        if run is not None and fork is not None and run.missed(number):
            way = f"another way was taken: {SafeText(run.choices[fork.at] or 'none of them', 120)}"
        command = step.command
        uses = command.uses if command is not None else ()
        known = there.runs.environment(run.id) if there is not None and run is not None else {}
        return drawn.Shown(
            number,
            step,
            self.done,
            self._filled(step, hide=True),
            names(command, self.parameters) if command is not None else (),
            self.values,
            [(one.told, one.judgement) for one in self.live],
            way=way,
            lacks=[name for name in uses if name not in known],
            secrets=self.secrets,
            enter=self._enter(step),
            as_it_stands=doing.as_it_stands(self),
            under_way=there is not None and there.under_way(self.run_id, number) is not None,
        )

    def _enter(self, step: Step) -> str:
        """What Enter does, where that is not what it does with every step of its kind."""
        if step.kind is StepKind.LOG and doing.logged(self):
            return ""
        if self.barred:
            return "read only here"
        if self.fork is not None and self.fork.at not in self.choices:
            return "Enter picks a way"
        if self.live:
            return "the picture stands still: it is not kept" if self.room.still is not None else ""
        lacking = self.filled
        if lacking is None:
            return ""
        if set(lacking.missing) - self.secrets:
            return "Enter asks for what is missing first"
        if lacking.missing:
            return "it takes a secret: Enter copies the line"
        if doing.guarded(self):
            return ""
        lead = _LEADS.get(step.kind, "")
        if step.kind is StepKind.ACTION and self.number not in self.strange:
            lead = "nothing is done from here"
        why = doing.copied_because(self)
        does = "Enter copies it" if why is not None else "Enter shows what would be run, guarded"
        if why is None and step.command is not None and step.command.folder:
            does = "Enter takes the steps after it to that folder"
        return ": ".join(filter(None, (does, why or lead)))

    def _follow_file(self) -> None:
        """What is not begun is shown as it stands in the file; of a run it is noted which file is before one's eyes."""
        there = self.room.procedures
        if there is None or (self._book is None and not self._run):
            return
        run = self.run
        book = there.book(run.about.path if run is not None else self._book.path if self._book is not None else "")
        if book is None:
            return
        if run is not None:
            if run.open:
                there.runs.saw(run.id, book.sha256)
        elif self._book is not None and book.sha256 != self._book.sha256:
            from desk.runs.revision import moved, same

            found = same(self._procedure, [book], book.path)
            if found is not None:
                to = moved(self._procedure, self.number, found) if self.steps else 0
                self._book, self._procedure = book, found
                self._cache.clear()
                self.strange.clear()
                self.swapped = to is None
                self._list.cursor = str(self.number if to is None else to)

    # keys

    def action_do(self) -> None:
        """Do the step."""
        if self.on_top:
            doing.do(self)

    def action_note(self) -> None:
        """Write a note."""
        doing.note(self)

    def action_message(self) -> None:
        """Tell somebody, that a key has changed say."""
        from tui.screens.procedure_message import messages

        messages(self)

    def action_skip(self) -> None:
        """Leave it out."""
        doing.skip(self)

    def action_parameters(self) -> None:
        """What is to be filled in."""
        asked.menu(self)

    def action_end(self) -> None:
        """End the run."""
        doing.end(self)

    def action_hand_over(self) -> None:
        """Say who goes on."""
        doing.hand_over(self)

    def action_describe(self) -> None:
        """The step whole, with all that was found."""
        first = self._shown()
        if first is None:
            return

        def lines(width: int) -> list[Line]:
            shown = self._shown()
            if shown is None or shown.step != first.step:  # the file has put another one there meanwhile
                shown = replace(first, live=())
            made = drawn.whole(shown, self.room.engine.clock.now(), width)
            for one in reversed(shown.done.evidence):
                made += [line(), *drawn.proof(one, self.room.engine.clock.now(), width, 10_000)]
                if one.command:
                    made += folded(line("    $ ", SafeText(one.command, 2000)), width, 6)
            return made + drawn.notes(shown.done, self.room.engine.clock.now(), width)

        title = f"Step {first.number + 1}: {SafeText(first.step.title, 100)}"
        self.app.push_screen(Sheet(self.room, title, lines))

    def action_past(self) -> None:
        """How the procedure went before."""
        run = self.run
        path = run.about.path if run is not None else self._book.path if self._book is not None else ""
        open_past(self, path, self._procedure)

    def action_changes(self) -> None:
        """What has changed in the file since the run began."""
        there, run = self.room.procedures, self.run
        book = there.book(run.about.path) if there is not None and run is not None else None
        if there is None or run is None or not there.changed(run) or (book is not None and book.partial):
            self.say(_SAME)
            return
        differs = changes(run.procedure, there.now(run))

        def lines(width: int) -> list[Line]:
            made: list[Line] = []
            for one in differs:
                name = f"step {one.number + 1}" if one.number is not None else "new"
                made.append(line(strong(name)))
                made += folded(line(dim("  was  "), SafeText(one.was or "–", 4000)), width, 7)
                made += [
                    *folded(line(dim("  now  "), SafeText(one.now or "not there any more", 4000)), width, 7),
                    line(),
                ]
            return made or [line(dim("the steps of this procedure are the same"))]

        self.app.push_screen(Sheet(self.room, "What has changed since this run began", lines))

    def action_look(self) -> None:
        """The target that the step is about."""
        from tui.screens.detail import Detail

        there = self.places or ([(self.occasion.target, "")] if self.occasion is not None else [])
        known = {slot.target.name for slot in self.room.board.slots()}
        place = next((one for one in there if one[0] in known), None)
        if place is None:
            self.say("no target of this profile is what the step is about")
        else:
            self.app.push_screen(Detail(self.room, *place))

    def action_logs(self) -> None:
        """The log of what the step is about."""
        from tui.screens.log import open_log

        target, row = self.pointed
        if target:
            open_log(self, self.room, target, row)
        else:
            self.say("no target of this profile is what the step is about")

    @property
    def pointed(self) -> tuple[str, str]:
        """(target, row) of what the step is about."""
        return self.places[0] if self.places else ("", "")

    def line_under_cursor(self) -> str:
        """What `y` copies: the command, filled in; without one the step's text."""
        step = self.step
        text = (self.hidden_text(self.number) or step.text or step.title) if step is not None else ""
        if not doing.plain(text):
            self.call_after_refresh(self.say, doing.STEERING)
            return ""
        return text

    def about(self) -> Sequence[tuple[str, str]]:
        """How to read it."""
        return [("Procedure", _LEGEND)]

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """A click points; it does nothing."""
        event.stop()
        if event.view is self._list:
            self._turn(int(event.key))

    def _point(self, number: int) -> None:
        super()._point(number)
        for view in (self._step, self._beside):
            view.scroll_lines(-10_000)

    def _turn(self, to: int) -> None:
        self.swapped = False
        if self.steps:
            self._point(min(max(0, to), len(self.steps) - 1))
            self.draw()

    def action_down(self) -> None:
        """Next step."""
        self._turn(self.number + 1)

    def action_up(self) -> None:
        """Step before."""
        self._turn(self.number - 1)

    def action_first(self) -> None:
        """The first step."""
        self._turn(0)

    def action_last(self) -> None:
        """The last step."""
        self._turn(len(self.steps) - 1)

    def action_next_open(self) -> None:
        """The first step that waits."""
        run = self.run
        self._turn(run.next if run is not None and run.next is not None else 0)

    def action_read_on(self) -> None:
        """Further down in the step."""
        for view in (self._step, self._beside):
            view.scroll_lines(max(1, view.size.height - 2))
        self.draw()

    def action_read_back(self) -> None:
        """Further up in the step."""
        for view in (self._step, self._beside):
            view.scroll_lines(-max(1, view.size.height - 2))
        self.draw()


def _sized(view: LineView, rows: int) -> None:
    if view.styles.height is None or view.styles.height.value != rows:
        view.styles.height = rows


def _ending(lines: list[Line], top: int, height: int) -> list[Line]:
    """Lines that do not fit say so in the last one that is seen."""
    if height < 2 or len(lines) <= height or top:
        return lines
    left = len(lines) - height + 1
    return [
        *lines[: height - 1],
        line(dim(f"… {words.plural(left, 'more line')}: Space reads on")),
        *lines[height - 1 :],
    ]
