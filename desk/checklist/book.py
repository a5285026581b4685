"""The runs as the records tell them: pure, and the same in every session that reads the same records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from desk.checklist.box import Against, Checklist
from desk.checklist.record import Evidence, Record, What
from desk.checklist.schedule import zone_of

HISTORY: Final = 30
"""Runs of a checklist that are listed, done or missed."""

_NOTES: Final = 50
"""Notes remembered of a run; of more the first and the newest are."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person said of a box."""

    what: What
    """SIGNED or SKIPPED."""
    by: str
    at: datetime
    note: str = ""
    evidence: Evidence | None = None
    """How it stood then; what was entered by hand too."""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody said, of a box or of the whole."""

    by: str
    at: datetime
    text: str
    box: str = ""


@dataclass(frozen=True, slots=True)
class SignOff:
    """Somebody was done with it."""

    by: str
    at: datetime
    note: str = ""
    """What is handed over."""


@dataclass(slots=True)
class Run:
    """One time that a checklist was gone through, by however many people."""

    checklist: str
    due: datetime
    marks: dict[str, Mark] = field(default_factory=dict)
    """By key of the box."""
    notes: list[Note] = field(default_factory=list)
    offs: list[SignOff] = field(default_factory=list)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """The newest that is known of each box, by its key."""
    looked: datetime | None = None
    """When it was last looked at without anybody."""
    _decided: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    @property
    def done(self) -> datetime | None:
        """When it was first signed off; None: it was not."""
        return min((one.at for one in self.offs), default=None)

    @property
    def by(self) -> str:
        """Who signed it off."""
        return ", ".join(dict.fromkeys(one.by for one in self.offs))

    @property
    def handed(self) -> str:
        """What was handed over, the newest word last."""
        return "; ".join(one.note for one in self.offs if one.note)

    @property
    def begun(self) -> bool:
        """True when anything was said of it."""
        return bool(self.marks or self.notes or self.offs or self.looked)

    def take(self, record: Record) -> None:
        """What a record says of it; of two about one box the later counts, whichever comes first."""
        moment = record.at, record.id
        if record.what is What.TAKEN_BACK and moment >= self._decided.get(f"evidence {record.box}", moment):
            self._decided[f"evidence {record.box}"] = moment
            self.evidence.pop(record.box, None)
        for one in record.evidence:
            if moment >= self._decided.get(f"evidence {one.box}", moment):
                self._decided[f"evidence {one.box}"] = moment
                self.evidence[one.box] = one
        match record.what:
            case What.SIGNED | What.SKIPPED | What.TAKEN_BACK:
                if moment < self._decided.get(record.box, moment):
                    return
                self._decided[record.box] = moment
                if record.what is What.TAKEN_BACK:
                    self.marks.pop(record.box, None)
                    return
                proof = next((one for one in record.evidence if one.box == record.box), None)
                self.marks[record.box] = Mark(record.what, record.by, record.at, record.note, proof)
            case What.NOTED:
                self.notes.append(Note(record.by, record.at, record.note, record.box))
                self.notes.sort(key=lambda note: note.at)
                if len(self.notes) > _NOTES:
                    del self.notes[1]
            case What.SIGNED_OFF:
                self.offs.append(SignOff(record.by, record.at, record.note))
                self.offs.sort(key=lambda off: off.at)
            case What.JUDGED:
                self.looked = max(record.at, self.looked or record.at)
                if record.whole:
                    self.offs.append(SignOff(record.by, record.at))
                    self.offs.sort(key=lambda off: off.at)
            case What.KNOWN:
                pass


@dataclass(frozen=True, slots=True)
class Past:
    """One line of a checklist's history."""

    due: datetime
    run: Run | None = None
    missed: bool = False
    """True when it was not signed off, though it was known and its time is over."""


class Book:
    """Every run. Fed with records, each taken once."""

    def __init__(self) -> None:
        self._runs: dict[str, dict[datetime, Run]] = {}
        self._known: dict[str, tuple[str, datetime]] = {}
        self._ids: set[str] = set()
        self.handed: tuple[str, SignOff] | None = None
        """(checklist, sign-off) with the newest word for who comes next, of whichever checklist."""

    def take(self, records: Iterable[Record]) -> None:
        """Take records in, in any order; those known already change nothing."""
        for record in records:
            if record.id in self._ids:
                continue
            self._ids.add(record.id)
            if record.due is not None:
                runs = self._runs.setdefault(record.checklist, {})
                runs.setdefault(record.due, Run(record.checklist, record.due)).take(record)
                if record.what is What.SIGNED_OFF and record.note:
                    self._hand_over(record)
            elif self._known.get(record.checklist, ("", None))[0] != record.schedule:
                self._known[record.checklist] = record.schedule, record.at

    def _hand_over(self, record: Record) -> None:
        if self.handed is None or (record.at, record.note) > (self.handed[1].at, self.handed[1].note):
            self.handed = record.checklist, SignOff(record.by, record.at, record.note)

    def run(self, checklist: str, due: datetime) -> Run | None:
        """The run that was due then; None: nobody has begun it."""
        return self._runs.get(checklist, {}).get(due)

    def known(self, checklist: Checklist) -> datetime | None:
        """Since when its schedule is known; None: nothing was kept of it yet."""
        schedule, since = self._known.get(checklist.name, ("", None))
        return since if schedule == called(checklist) else None

    def previous(self, checklist: Checklist, due: datetime, against: Against = Against.LAST) -> Run | None:
        """The run before that one that was signed off; or the last of those on the same day of the week."""
        runs = self._runs.get(checklist.name, {})
        done = [run for at, run in runs.items() if at < due and run.done is not None]
        if against is Against.WEEKDAY:
            zone = zone_of(checklist.zone)
            wanted = due.astimezone(zone).weekday()
            done = [run for run in done if run.due.astimezone(zone).weekday() == wanted]
        return max(done, key=lambda run: run.due, default=None)

    def history(self, checklist: Checklist, now: datetime, most: int = HISTORY) -> list[Past]:
        """What became of its runs, the newest first: each that was begun, and each that was missed."""
        runs = self._runs.get(checklist.name, {})
        found = {due: Past(due, run) for due, run in runs.items()}
        since = self.known(checklist)
        if checklist.schedule is not None and since is not None:
            at = checklist.schedule.previous(now)
            for _ in range(most):
                if at < since:
                    break
                run = runs.get(at)
                if (run is None or run.done is None) and checklist.over(at) <= now:
                    found[at] = Past(at, run, missed=True)
                at = checklist.schedule.previous(at - timedelta(microseconds=1))
        return sorted(found.values(), key=lambda past: past.due, reverse=True)[:most]


def called(checklist: Checklist) -> str:
    """A checklist's schedule with its zone, as it is remembered."""
    return f"{checklist.schedule.text} {checklist.zone}" if checklist.schedule is not None else ""
