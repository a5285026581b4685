"""Checklists put together: those of a profile and its runbooks, how they are looked at once, and a session's part in
them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from desk.board import Board, Freshness
from desk.checklist import journal
from desk.checklist.book import Book
from desk.checklist.box import Checklist
from desk.checklist.judge import Judged, Sight, judge, needed
from desk.checklist.ledger import Ledger, judged_record
from desk.checklist.markdown import filled, found_in
from desk.checklist.paper import Looked, items_of
from desk.checklist.standing import Standing, State, attention, standing
from desk.standing import SpecOf
from desk.store import StoreError
from probes.base import GaugeSpec, Lane, SafeText

if TYPE_CHECKING:
    from desk.alert import Alert
    from desk.engine import Engine
    from desk.profile import Profile
    from desk.runbook.book import Runbook
    from tui.places import Places

LARGEST: Final = 8 << 20
"""Bytes of a runbook that are read."""

UNREADABLE: Final = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError,
    ValueError,
)  # fmt: skip
"""What reading a text that nobody thought of may end in: it stops that file, and no other."""

Reader = Callable[[str, bytes], "Runbook"]
"""(name, bytes) -> what it says."""


def kinds_of(profile: Profile) -> dict[str, str]:
    """Target to kind."""
    return {target.name: target.kind for target in profile.targets}


def read_runbook(name: str, data: bytes) -> Runbook:
    """What a Markdown file says; loaded when it is first needed."""
    from desk.runbook.assemble import read
    from tui.dialects import dialects

    book: Runbook = read(name, data, dialects())
    return book


def gathered(
    profile: Profile, reader: Reader = read_runbook, *, all_of: bool = True
) -> tuple[list[Checklist], list[str]]:
    """(the checklists of a profile and its runbooks, what is wrong with them in words). Waits for the disk.

    A checklist whose runbook can't be read keeps the boxes that stand in the profile. `all_of`: also checklists of the
    runbooks that the profile doesn't name.
    """
    found, troubles = list(profile.checklists), list[str]()
    books = []
    for path in profile.runbooks:
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            troubles.append(f"{path}: {(error.strerror or type(error).__name__).lower()}")
            continue
        if len(data) > LARGEST:
            troubles.append(f"{path}: is larger than {LARGEST >> 20} MiB")
        elif all_of or any(one.source for one in found):
            try:
                books.append(reader(str(path), data))
            except UNREADABLE as error:
                troubles.append(f"{path}: it can't be made out ({type(error).__name__})")
    kinds = kinds_of(profile)
    for place, one in enumerate(found):
        if one.source and books:
            try:
                found[place] = filled(one, books, kinds)
            except LookupError as error:
                troubles.append(f"{one.origin}: {error.args[0]}")
    if all_of:
        named = {one.source.casefold() for one in found if one.source}
        for book in books:
            more = found_in(book, kinds, (one.name for one in found))
            found += [one for one in more if one.source.casefold() not in named]
    return found, troubles


def _stamps(paths: Sequence[Path]) -> list[tuple[int, int] | None]:
    """What tells a file from its earlier self; None where it is not there."""
    found: list[tuple[int, int] | None] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size))
    return found


def file_of(profile: Profile, places: Places) -> Path:
    """Where the runs are kept; a demonstration's with all else that is forgotten with it."""
    return (places.acts or places.system(profile.system, profile.environment)) / "checklists.db"


def specs_of(engine: Engine, profile: Profile) -> SpecOf:
    """(target, gauge): its declaration; of what a recording holds none is known."""
    specs: dict[tuple[str, str], GaugeSpec] = {}
    for target in profile.targets:
        with contextlib.suppress(KeyError):
            specs.update({(target.name, spec.name): spec for spec in engine.probe(target.name).gauges})
    return lambda target, gauge: specs.get((target, gauge))


def narrowed(profile: Profile, checklist: Checklist) -> Profile:
    """A profile with no more targets than a checklist needs: those of its boxes, and those that a rule compares with
    a target of which a box asks whether it has an alert."""
    names = set(needed(checklist, kinds_of(profile)))
    read = {box.reading.partition("/")[0] for box in checklist.boxes if box.test is None and box.reading}
    rules = [rule for rule in profile.standing if rule.targets[0] in read or set(rule.targets) <= names]
    names |= {name for rule in rules for name in rule.targets}
    return replace(
        profile,
        targets=tuple(target for target in profile.targets if target.name in names),
        standing=tuple(rules),
    )


def looked(
    profile: Profile,
    checklist: Checklist,
    book: Book,
    sight: Sight,
    at: datetime,
    judged: Mapping[str, Judged] | None = None,
) -> Looked:
    """A checklist as it stands at a moment, beside its run and the one before."""
    due = checklist.due(at)
    known = judged or {box.key: judge(box, sight) for box in checklist.boxes}
    earlier = {one: book.previous(checklist, due, one) for one in {box.against for box in checklist.boxes}}
    before = {box.key: earlier[box.against] for box in checklist.boxes}
    sources = needed(checklist, sight.kinds)
    reached = not sources or any(sight.board.slot(name).freshness(sight.now) is Freshness.FRESH for name in sources)
    return Looked(
        profile.system,
        profile.environment,
        checklist,
        at,
        due,
        items_of(checklist, known, book.run(checklist.name, due), before),
        checklist.next(at),
        reached,
    )


def book_of(path: Path) -> Book:
    """Every run that was kept, for who looks only once. Raises `StoreError`."""
    book = Book()
    book.take(journal.look(path))
    return book


def recorded(path: Path, found: Looked, by: str, redact: Callable[[str], str]) -> None:
    """Keep what was found as a run. Raises `StoreError`."""
    judged = {one.box.key: one.judged for one in found.items}
    journal.keep(path, [judged_record(found.checklist, by, found.at, judged)], redact)


def stands(one: Standing) -> str:
    """How a checklist stands, in few words."""
    run = one.run
    if one.state is State.DONE and run is not None and run.done is not None:
        late = ", late" if one.over is not None and run.done > one.over else ""
        return f"done by {SafeText(run.by, 40)}{late}"
    if one.state is State.DUE:
        return "due, begun" if run is not None and run.begun else "due"
    return str(one.state.value)


def listed(checklists: list[Checklist], book: Book, at: datetime) -> list[tuple[Checklist, str, str]]:
    """(checklist, how it stands, when it is due next) for each."""
    from desk.checklist.paper import local

    found = []
    for checklist in checklists:
        one = standing(checklist, book, at)
        following = local(one.next, checklist.zone) if one.next is not None else "when you do it"
        found.append((checklist, stands(one), following))
    return found


class ChecklistDesk:
    """A session's checklists: the ledger, the journal behind it, and what is judged in the room."""

    def __init__(self, profile: Profile, engine: Engine, kept: journal.ChecklistJournal | None) -> None:
        """`kept`: where it is written down; None: nowhere, what is signed lasts as long as the session."""
        self.profile = profile
        self.engine = engine
        self.ledger = Ledger(profile.checklists, engine.clock)
        self.journal = kept
        self.troubles: list[str] = []
        """What is wrong with the runbooks' checklists."""
        self.reader: Reader = read_runbook
        self._changed: Callable[[], None] = lambda: None
        self._lane = Lane("checklists", limit=1)
        self._reading = False
        self._stamps: list[tuple[int, int] | None] = []
        self._kinds, self._specs = kinds_of(profile), specs_of(engine, profile)
        self._attention: tuple[float, str] = (-2.0, "")

    def start(self, changed: Callable[[], None] = lambda: None) -> None:
        """Begin to keep. `changed` is told when what is shown may be another."""
        self._changed = changed
        if self.journal is not None:
            self.journal.start(self.ledger, changed)
        else:
            self.ledger.opened()

    async def read(self) -> None:
        """Read the runbooks, in a thread of its own, where one has changed since; somebody wants to see their boxes."""
        if not self.profile.runbooks or self._reading:
            return
        self._reading = True
        try:
            stamps = await self._lane.run(_stamps, self.profile.runbooks)
            if stamps != self._stamps:
                found, self.troubles = await self._lane.run(gathered, self.profile, self.reader)
                self.ledger.replace(found)
                self._stamps = stamps
        finally:
            self._reading = False
            self._changed()

    def close(self) -> None:
        """Write what waits and let go."""
        self._lane.close()
        if self.journal is not None:
            self.journal.close()

    def looked(self, checklist: Checklist, board: Board, alerts: list[Alert], now: float) -> Looked:
        """A checklist as it stands, beside its run and the one before."""
        sight = Sight(board, alerts, now, self._kinds, self._specs)
        return looked(self.profile, checklist, self.ledger.book, sight, self.engine.clock.now())

    @property
    def not_kept(self) -> str:
        """Why what is signed is not written down now; empty: it is, or is not meant to be."""
        return self.journal.trouble if self.journal is not None else ""

    @property
    def words(self) -> str:
        """What the top line says; worked out once a second."""
        now = self.engine.clock.monotonic()
        if not 0 <= now - self._attention[0] < 1:
            said = ["checklists NOT KEPT" if self.not_kept else "", attention(self.ledger.standings())]
            self._attention = now, ", ".join(filter(None, said))
        return self._attention[1]


__all__ = [
    "ChecklistDesk",
    "StoreError",
    "book_of",
    "file_of",
    "gathered",
    "kinds_of",
    "listed",
    "looked",
    "narrowed",
    "recorded",
    "specs_of",
    "stands",
]
