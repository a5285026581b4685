"""Ways to a procedure: from an alert, from the commands, from the outline. The screens are loaded when one is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from desk.alert import Alert
from probes.base import ProbeError, SafeText
from tui.room import Room
from tui.screens.base import RoomScreen

if TYPE_CHECKING:
    from desk.runbook.book import Procedure, Runbook
    from desk.runbook.matching import Match
    from desk.runs.record import Occasion
    from desk.runs.run import Run

_ANOTHER: Final = "another"


def procedure_commands(screen: RoomScreen) -> list[tuple[str, str, Callable[[], object]]]:
    """(name, words, what opens it) of each procedure that was read, runs that go on first."""
    there = screen.room.procedures
    if there is None:
        return []
    made: list[tuple[str, str, Callable[[], object]]] = []
    for run in there.runs.open():
        said = f"run: {run.settled_count} of {len(run.steps)}, {run.holder}"
        made.append((_named(run.procedure.title), said, partial(open_run, screen, run)))
    for book in there.books:
        for one in book.procedures:
            if there.going_on(book.path, one) is None:
                said = f"procedure of {SafeText(book.title or book.path, 60)}"
                made.append((_named(one.title), said, partial(open_procedure, screen, book, one)))
    return made


def _named(title: str) -> str:
    return str(SafeText(title, 80))


def open_procedure(
    screen: RoomScreen, book: Runbook, procedure: Procedure, occasion: Occasion | None = None, why: str = ""
) -> None:
    """Show a procedure; the run of it that goes on, if there is one. Of one that was begun for something else than
    `occasion` a person says whether it is the one to go on with."""
    from tui.procedures import suits

    there = screen.room.procedures
    run = there.going_on(book.path, procedure, occasion) if there is not None and not procedure.menu else None
    if run is None:
        _begin(screen, book, procedure, occasion, why)
    elif occasion is None or suits(run, occasion):
        _show(screen, book, procedure, run, occasion, why)
    else:
        screen.app.push_screen(_which_run(screen, book, procedure, run, occasion, why))


def _begin(screen: RoomScreen, book: Runbook, procedure: Procedure, occasion: Occasion | None, why: str) -> None:
    """Show it without a run: one is begun with the first thing that is done."""
    if screen.room.procedures is not None and book.partial and not procedure.parts:
        screen.say("one moment: it is being read")
        screen.room.later(_read_and_show(screen, book, procedure, occasion, why))
    else:
        _show(screen, book, procedure, None, occasion, why)


def _which_run(
    screen: RoomScreen, book: Runbook, procedure: Procedure, run: Run, occasion: Occasion, why: str
) -> RoomScreen:
    from tui.screens.sheet import Menu

    def choose(key: str) -> None:
        menu.leave()
        if key == _ANOTHER:
            _begin(screen, book, procedure, occasion, why)
        else:
            _show(screen, book, procedure, run, occasion, why)

    about = run.about.occasion
    its = f"for {about.target}: {about.words}" if about is not None else "for no alert"
    far = f"{run.settled_count} of {len(run.steps)}, {run.holder}"
    items = [
        (run.id, f"go on with the run {SafeText(its, 80)}", str(SafeText(far, 80))),
        (_ANOTHER, f"begin one for {SafeText(f'{occasion.target}: {occasion.words}', 80)}", "with nothing filled in"),
    ]
    menu = Menu(screen.room, "A run of it goes on, for something else. Which?", items, choose)
    return menu


async def _read_and_show(
    screen: RoomScreen, book: Runbook, procedure: Procedure, occasion: Occasion | None, why: str
) -> None:
    there = screen.room.procedures
    try:
        found = await there.whole(book, procedure) if there is not None else procedure
    except ProbeError as error:
        screen.say(f"it can't be read now: {error.message}")
        return
    if screen.on_top:
        _show(screen, book, found, None, occasion, why)


def _show(
    screen: RoomScreen, book: Runbook, procedure: Procedure, run: Run | None, occasion: Occasion | None, why: str
) -> None:
    from tui.screens.procedure import ProcedureScreen

    screen.app.push_screen(ProcedureScreen(screen.room, book, procedure, run, occasion, why))


def open_run(screen: RoomScreen, run: Run) -> None:
    """Show a run."""
    from tui.screens.procedure import ProcedureScreen

    there = screen.room.procedures
    book = there.book(run.about.path) if there is not None else None
    screen.app.push_screen(ProcedureScreen(screen.room, book, run.procedure, run))


def open_for(screen: RoomScreen, case: str, alert: Alert, elsewhere: Callable[[], None]) -> bool:
    """Show the procedure for an alert, or let a person choose; False where there is no runbook to look in.

    `elsewhere` shows a procedure that is named for it and is in no runbook of ours.
    """
    room = screen.room
    there = room.procedures
    if there is None or not there.files:
        return False
    room.later(_find(screen, room, case, alert, elsewhere))
    return True


async def _find(screen: RoomScreen, room: Room, case: str, alert: Alert, elsewhere: Callable[[], None]) -> None:
    from tui.procedures import occasion_of
    from tui.screens.runbook import RunbookScreen

    there = room.procedures
    if there is None:
        return
    if not there.books:
        screen.say("one moment: the runbook is being read")
    await there.read()
    if not screen.on_top:
        return
    found, occasion = there.suiting(alert), occasion_of(case, alert)
    sure = any(one.likeness == 1.0 for one in found)
    if alert.handling.procedure and not sure:
        elsewhere()
    elif sure and len(found) == 1:
        open_procedure(screen, found[0].book, found[0].procedure, occasion, found[0].why)
    elif found:
        screen.app.push_screen(_choice(screen, found, occasion))
    else:
        text = f"no procedure is named for {alert.rule}: choose one"
        screen.app.push_screen(RunbookScreen(room, occasion, text))


def _choice(screen: RoomScreen, found: Sequence[Match], occasion: Occasion) -> RoomScreen:
    from tui.screens.runbook import RunbookScreen
    from tui.screens.sheet import Menu

    def choose(key: str) -> None:
        menu.leave()
        if key == _ANOTHER:
            screen.app.push_screen(RunbookScreen(screen.room, occasion))
            return
        one = found[int(key)]
        open_procedure(screen, one.book, one.procedure, occasion, one.why)

    items = [(str(n), _named(one.procedure.title), f"{one.why}; {one.book.path}") for n, one in enumerate(found)]
    menu = Menu(screen.room, "Which procedure?", [*items, (_ANOTHER, "another one", "all of the runbook")], choose)
    return menu
