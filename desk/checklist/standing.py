"""How a checklist stands now: due, done, missed, or not due yet; and what is said of that in few words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from desk.checklist.book import Book, Run
from desk.checklist.box import Checklist


class State(Enum):
    """The word for it."""

    FREE = "any time"
    """It has no schedule."""
    COMING = "not due yet"
    DUE = "due"
    MISSED = "MISSED"
    """Its time is over, and nobody has signed it off; that can still be done until the next is near."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Standing:
    """One checklist, now."""

    checklist: Checklist
    state: State
    due: datetime
    """Of the run that somebody would work at now."""
    run: Run | None = None
    previous: Run | None = None
    """The last one before that was signed off."""
    next: datetime | None = None
    over: datetime | None = None
    """From when on it counts as missed; None: it can't be, since nobody knew of it when it was due."""


def standing(checklist: Checklist, book: Book, now: datetime) -> Standing:
    """How it stands."""
    due = checklist.due(now)
    run = book.run(checklist.name, due)
    since = book.known(checklist)
    over = checklist.over(due) if since is not None and since <= due else None
    return Standing(
        checklist,
        _state(checklist, book, run, due, now),
        due,
        run,
        book.previous(checklist, due),
        due if checklist.schedule is not None and due > now else checklist.next(now),
        over,
    )


def _state(checklist: Checklist, book: Book, run: Run | None, due: datetime, now: datetime) -> State:
    if run is not None and run.done is not None:
        return State.DONE
    if checklist.schedule is None:
        return State.FREE
    since = book.known(checklist)
    if due > now or since is None or since > due:
        return State.COMING
    return State.MISSED if checklist.over(due) <= now else State.DUE


def attention(found: Iterable[Standing]) -> str:
    """What the top line says: which are missed, or due; empty: none is."""
    there = list(found)
    for state, word in ((State.MISSED, "MISSED"), (State.DUE, "due")):
        names = [one.checklist.name for one in there if one.state is state]
        if names:
            return f"{names[0]} {word}" if len(names) == 1 else f"{len(names)} checklists {word}"
    return ""
