"""A session's part in the checklists: what is known of each, and what a person here signs, skips, notes or hands over.

Everything is shown at once as if it were kept; the journal writes it, and brings what other sessions wrote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from desk.checklist.book import Book, Past, Run, SignOff, called
from desk.checklist.box import Against, Box, Checklist
from desk.checklist.judge import Judged, Verdict
from desk.checklist.record import Record, What, evidence
from desk.checklist.standing import Standing, standing
from desk.clock import Clock
from desk.ids import new_id

REMEMBERED: Final = 2000
"""Records that are kept again when their file is lost: the rounds under way and those of the last weeks."""


class LedgerError(ValueError):
    """It can't be signed so; the message says why."""


class Ledger:
    """Checklists and their runs. One owner, on the event loop."""

    def __init__(self, checklists: Iterable[Checklist], clock: Clock) -> None:
        self.checklists = list(checklists)
        self.book = Book()
        self._clock = clock
        self._write: Callable[[Sequence[Record]], None] = lambda records: None
        self._changed: Callable[[], None] = lambda: None
        self._known: dict[str, Record] = {}
        self._recent: dict[str, Record] = {}

    def keep(self, write: Callable[[Sequence[Record]], None], changed: Callable[[], None] = lambda: None) -> None:
        """Hand what happens to `write` from now on; `changed` is told when another session changed something."""
        self._write, self._changed = write, changed

    def take(self, records: Iterable[Record]) -> None:
        """What other sessions wrote."""
        self._remember(list(records))
        self._changed()

    def again(self) -> list[Record]:
        """What is known here, for a file that has lost it."""
        return [*self._known.values(), *self._recent.values()]

    def opened(self) -> None:
        """Everything that was kept is taken in: what is new here is known from now on."""
        at = self._clock.now()
        new = [
            Record(new_id(), at, What.KNOWN, one.name, schedule=called(one))
            for one in self.checklists
            if one.schedule is not None and self.book.known(one) is None
        ]
        self._add(new)
        self._changed()

    def replace(self, checklists: Iterable[Checklist]) -> None:
        """The checklists as they are now: a runbook was read, which has more of them, or other boxes."""
        self.checklists = list(checklists)

    def named(self, name: str) -> Checklist | None:
        """The checklist of a name."""
        return next((one for one in self.checklists if one.name == name), None)

    def standings(self) -> list[Standing]:
        """How each stands now, in the profile's order."""
        now = self._clock.now()
        return [standing(one, self.book, now) for one in self.checklists]

    def run(self, checklist: Checklist) -> Run | None:
        """The run that somebody would work at now; None: nobody has begun it."""
        return self.book.run(checklist.name, checklist.due(self._clock.now()))

    def previous(self, checklist: Checklist, against: Against = Against.LAST) -> Run | None:
        """The run that today's is put beside."""
        return self.book.previous(checklist, checklist.due(self._clock.now()), against)

    def handed(self, checklist: Checklist) -> tuple[str, SignOff] | None:
        """(title, sign-off) with the newest word of whoever was here before; None where that is this very run."""
        found, run = self.book.handed, self.run(checklist)
        if found is None or (run is not None and found[1] in run.offs):
            return None
        of = self.named(found[0])
        return (of.title if of is not None else found[0]), found[1]

    def history(self, checklist: Checklist) -> list[Past]:
        """What became of its runs, the newest first."""
        return self.book.history(checklist, self._clock.now())

    # what a person does

    def sign(self, checklist: Checklist, box: Box, by: str, judged: Judged) -> None:
        """Somebody looked at a box, and it stood so; one that only a person answers is as it should be then."""
        if judged.verdict is Verdict.TO_DO:
            judged = dataclasses.replace(judged, verdict=Verdict.GOOD)
        self._say(What.SIGNED, checklist, by, box=box.key, evidence=(evidence(box.key, judged),))

    def skip(self, checklist: Checklist, box: Box, by: str, reason: str) -> None:
        """A box is left out this time. Raises `LedgerError` without a reason."""
        if not reason.strip():
            raise LedgerError("not skipped: without a reason nobody will know why")
        self._say(What.SKIPPED, checklist, by, box=box.key, note=reason.strip())

    def take_back(self, checklist: Checklist, box: Box, by: str) -> None:
        """What was said of a box counts no more."""
        self._say(What.TAKEN_BACK, checklist, by, box=box.key)

    def note(self, checklist: Checklist, by: str, text: str, box: Box | None = None) -> None:
        """Something to remember, of a box or of the whole; nothing is written for an empty one."""
        if text.strip():
            self._say(What.NOTED, checklist, by, box=box.key if box is not None else "", note=text.strip())

    def sign_off(self, checklist: Checklist, by: str, note: str, judged: Mapping[str, Judged]) -> None:
        """Somebody is done with the whole; how each box stands is kept.

        Raises `LedgerError` while a box is left or not known yet, and where one is not good and nobody says a word
        about it.
        """
        if checklist.unread:
            raise LedgerError(f"not signed off: its boxes under “{checklist.source}” could not be read from a runbook")
        if not checklist.boxes:
            raise LedgerError("not signed off: it has no box")
        left = self.left(checklist)
        if left:
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            raise LedgerError(f"not signed off: “{left[0].say}”{more} still to do; one can be skipped for a reason")
        run = self.run(checklist)
        said = run.marks if run is not None else {}
        told = {*said, *(one.box for one in run.notes)} if run is not None else set[str]()
        ill = [box for box in checklist.boxes if _ill(judged.get(box.key)) and box.key not in told]
        if ill and not note.strip():
            word = judged[ill[0].key].verdict.value
            raise LedgerError(f"not signed off: “{ill[0].say}” is {word}; say what the next shift should know of it")
        proof = tuple(evidence(key, one) for key, one in judged.items() if one.verdict is not Verdict.TO_DO)
        proof += tuple(mark.evidence for key, mark in said.items() if mark.evidence is not None and key not in judged)
        self._say(What.SIGNED_OFF, checklist, by, note=note.strip(), evidence=proof)

    def left(self, checklist: Checklist) -> list[Box]:
        """The boxes that a person still has to sign or to skip."""
        run = self.run(checklist)
        said = run.marks if run is not None else {}
        return [box for box in checklist.boxes if not box.by_itself and box.key not in said]

    def _say(self, what: What, checklist: Checklist, by: str, **more: object) -> None:
        now = self._clock.now()
        made = Record(new_id(), now, what, checklist.name, checklist.due(now), by, **more)  # type: ignore[arg-type]
        self._add([made])

    def _add(self, records: Sequence[Record]) -> None:
        if records:
            self._remember(records)
            self._write(records)

    def _remember(self, records: Sequence[Record]) -> None:
        self.book.take(records)
        for one in records:
            if one.what is What.KNOWN:
                self._known[one.checklist] = one
            else:
                self._recent[one.id] = one
        for old in list(self._recent)[: max(0, len(self._recent) - REMEMBERED)]:
            del self._recent[old]


def _ill(judged: Judged | None) -> bool:
    return judged is not None and judged.verdict in (Verdict.BAD, Verdict.UNKNOWN)


def judged_record(checklist: Checklist, by: str, at: datetime, judged: Mapping[str, Judged]) -> Record:
    """That its boxes were looked at without anybody."""
    found = tuple(evidence(key, one) for key, one in judged.items() if one.verdict is not Verdict.TO_DO)
    seen = all(one.verdict not in (Verdict.TO_DO, Verdict.UNKNOWN) for one in judged.values())
    whole = seen and bool(judged) and not checklist.unread
    due = checklist.due(at)
    return Record(new_id(), at, What.JUDGED, checklist.name, due, by, evidence=found, whole=whole)
