"""A run as its records tell it: pure, and the same in every session whatever order the records come in.

Several sessions may work on one run. A record counts once, and of two about one thing the later by its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from desk.runbook.book import Procedure, Step, StepKind
from desk.runs.record import Begun, End, Given, Judgement, Record, What
from desk.runs.ways import Fork, forks


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found when a step was done."""

    id: str
    at: datetime
    by: str
    value: str = ""
    output: str = ""
    judgement: Judgement = Judgement.NONE
    command: str = ""
    deed: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Timer:
    """A wait that was begun."""

    begun: datetime
    due: datetime
    by: str

    def left(self, now: datetime) -> float:
        """Seconds until it is over; negative: since then."""
        return (self.due - now).total_seconds()


@dataclass(frozen=True, slots=True)
class Done:
    """How far one step is."""

    evidence: tuple[Evidence, ...] = ()
    """The oldest first."""
    skipped: Note | None = None
    """Why it was left out; what is done later counts more."""
    notes: tuple[Note, ...] = ()
    timer: Timer | None = None

    @property
    def last(self) -> Evidence | None:
        """What was found last."""
        return self.evidence[-1] if self.evidence else None

    @property
    def over(self) -> bool:
        """True when it was done or left out."""
        return bool(self.evidence) or self.skipped is not None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    at: datetime
    by: str
    end: End
    words: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of the runbook's file that somebody had before them while the run went on."""

    sha256: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one procedure."""

    id: str
    about: Begun
    at: datetime
    by: str
    """Who began it."""
    steps: tuple[Done, ...]
    """One for each step of the procedure, in its order."""
    values: Mapping[str, Given] = field(default_factory=dict)
    """Parameters by name."""
    choices: Mapping[int, str] = field(default_factory=dict)
    """The way chosen at a fork, by the step that the fork stands at; empty: none of them."""
    sets: Mapping[str, int] = field(default_factory=dict)
    """Variables that were set, and the step that did."""
    folder: str = ""
    holder: str = ""
    """Who goes on."""
    people: tuple[str, ...] = ()
    """Everybody who did something in it, in order."""
    notes: tuple[Note, ...] = ()
    revisions: tuple[Revision, ...] = ()
    """The first is what it began with."""
    ended: Ended | None = None
    last: datetime | None = None
    """When something happened last."""
    texts: tuple[Step, ...] = ()
    """The steps of the procedure, as it was when the run began."""
    forks: tuple[Fork, ...] = ()
    """Where there are several ways."""

    @property
    def procedure(self) -> Procedure:
        """As it was when the run began."""
        return self.about.procedure

    @property
    def open(self) -> bool:
        """True until somebody ends it."""
        return self.ended is None

    def missed(self, number: int) -> bool:
        """True for a step on a way that was not chosen."""
        for fork in self.forks:
            if number in fork.ways and fork.at in self.choices:
                return fork.ways[number] != self.choices[fork.at]
        return False

    def settled(self, number: int) -> bool:
        """True when nothing is to be done at a step any more."""
        decided = number in self.choices and self.texts[number].kind is StepKind.DECISION
        return self.steps[number].over or decided or self.missed(number)

    @property
    def next(self) -> int | None:
        """The first step that waits; None: none does."""
        return next((number for number in range(len(self.steps)) if not self.settled(number)), None)

    @property
    def settled_count(self) -> int:
        """Steps at which nothing is to be done any more."""
        return sum(map(self.settled, range(len(self.steps))))

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it goes on."""
        return (self.ended.at - self.at).total_seconds() if self.ended is not None else None


def folded(records: Iterable[Record]) -> Run | None:
    """The run that these records are about, in whatever order; None while its beginning is not among them."""
    there = sorted({one.id: one for one in records}.values(), key=lambda one: (one.at, one.id))
    first = next((one for one in there if one.begun is not None), None)
    if first is None or first.begun is None:
        return None
    state = _State(first, first.begun)
    for record in there:
        state.take(record)
    return state.run()


class _State:
    """A run while it is folded."""

    def __init__(self, first: Record, about: Begun) -> None:
        self._first, self._about = first, about
        self._texts = tuple(about.procedure.steps)
        self._steps = [Done() for _ in self._texts]
        self._values: dict[str, Given] = {}
        self._choices: dict[int, str] = {}
        self._sets: dict[str, int] = {}
        self._folder = ""
        self._holder = first.by
        self._people: dict[str, None] = {}
        self._notes: list[Note] = []
        self._revisions = [Revision(about.sha256, first.at, first.by)]
        self._ended: Ended | None = None
        self._last = first.at

    def take(self, record: Record) -> None:
        if record.by:
            self._people[record.by] = None
        self._last = record.at
        if record.step is not None:
            if 0 <= record.step < len(self._steps):
                self._take_step(record, record.step)
            return
        match record.what:
            case What.GIVEN:
                self._values |= {one.name: one for one in record.given}
            case What.NOTED:
                self._notes.append(Note(record.at, record.by, record.text))
            case What.HANDED:
                self._holder = record.text or record.by
                self._notes.append(Note(record.at, record.by, f"{self._holder} goes on"))
            case What.RESUMED:
                self._holder = record.by
                if record.sha256 and record.sha256 != self._revisions[-1].sha256:
                    self._revisions.append(Revision(record.sha256, record.at, record.by))
            case What.ENDED if self._ended is None and record.end is not None:
                self._ended = Ended(record.at, record.by, record.end, record.text)

    def _take_step(self, record: Record, number: int) -> None:
        step = self._steps[number]
        match record.what:
            case What.DONE:
                found = Evidence(
                    record.id, record.at, record.by, record.text, record.output, record.judgement, record.command,
                    record.deed,
                )  # fmt: skip
                step = replace(step, evidence=(*step.evidence, found), skipped=None)
            case What.SKIPPED:
                step = replace(step, skipped=Note(record.at, record.by, record.text))
            case What.NOTED:
                step = replace(step, notes=(*step.notes, Note(record.at, record.by, record.text)))
            case What.TIMER if record.due is not None:
                step = replace(step, timer=Timer(record.at, record.due, record.by))
            case What.CHOSEN:
                self._choices[number] = record.text
            case What.CARRIED:
                self._sets |= dict.fromkeys(record.sets, number)
                self._folder = record.folder or self._folder
        self._steps[number] = step

    def run(self) -> Run:
        return Run(
            self._first.run, self._about, self._first.at, self._first.by, tuple(self._steps), self._values,
            self._choices, self._sets, self._folder, self._holder, tuple(self._people), tuple(self._notes),
            tuple(self._revisions), self._ended, self._last,
            self._texts, forks(self._about.procedure),
        )  # fmt: skip


__all__ = ["Done", "Ended", "Evidence", "Note", "Revision", "Run", "Timer", "folded"]
