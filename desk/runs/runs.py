"""The runs of a system, as this session knows them: begun, gone on with and ended here or in other sessions.

Whatever happens is a record. It counts at once, is handed to the store, and is known to be kept when the store says so.
Values of secrets and variables stay in the memory of the session that was given them and are in no record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from desk.clock import Clock
from desk.ids import new_id
from desk.runbook.book import Parameter, Procedure
from desk.runs.past import Past, past
from desk.runs.record import OUTPUT, TEXT, Begun, End, Given, Judgement, Occasion, Record, What, capped, writable
from desk.runs.run import Run, folded

REMEMBERED: Final = 2000
"""Runs in memory; of more the oldest that have ended are let go."""

RECORDS: Final = 5000
"""Records of one run; one that has more takes none from here."""

_INSTANT: Final = timedelta(microseconds=1)


class RunError(Exception):
    """It can't be done; the message says why, for a person."""


@dataclass(slots=True)
class Memory:
    """What one session alone knows of a run."""

    secrets: dict[str, str] = field(default_factory=dict)
    """Values of secret parameters."""
    environment: dict[str, str] = field(default_factory=dict)
    """Values of the variables that its steps have set."""
    seen: str = ""
    """sha256 of the runbook that this session has before it; empty: it has not read it."""
    rung: set[int] = field(default_factory=set)
    """Timers whose end was told."""


class Runs:
    """Every run. On the event loop; never waits for the disk."""

    def __init__(
        self,
        clock: Clock,
        who: str,
        mask: Callable[[str], str] = lambda text: text,
        ids: Callable[[], str] = new_id,
    ) -> None:
        """`who` works here. `mask` takes secrets out of what is written."""
        self._clock, self.who, self._mask, self._ids = clock, who, mask, ids
        self._records: dict[str, dict[str, Record]] = {}
        self._runs: dict[str, Run] = {}
        self._of_procedure: dict[tuple[str, str], dict[str, None]] = {}
        """Runs by runbook and title of their procedure."""
        self._procedures: dict[Begun, Begun] = {}
        self._memory: dict[str, Memory] = {}
        self._waiting: dict[str, str] = {}
        """Records that are not known to be kept, and their runs."""
        self._write: Callable[[Sequence[Record]], None] | None = None
        self._early: deque[Record] = deque()
        self.changed: Callable[[], None] = lambda: None
        """Called when a run is another one than before."""

    # where they are kept

    def keep(self, write: Callable[[Sequence[Record]], None]) -> None:
        """From now on hand every record to `write`, those made already too."""
        self._write = write
        if self._early:
            early, self._early = list(self._early), deque()
            write(early)

    def take(self, records: Iterable[Record]) -> None:
        """Take in what the store holds, from this session or others; each counts once."""
        touched = {record.run for record in records if self._add(record)}
        for run in touched:
            self._fold(run)
        if touched:
            self._forget()
            self.changed()

    def kept(self, ids: Iterable[str]) -> None:
        """These records are on disk."""
        for one in ids:
            self._waiting.pop(one, None)
        self.changed()

    def unkept(self, run: str) -> int:
        """Records of a run that are not known to be on disk."""
        return sum(one == run for one in self._waiting.values())

    def again(self) -> list[Record]:
        """Every record of the runs that go on: for a store that has lost them."""
        return [record for run in self.open() for record in self._records[run.id].values()]

    # what there is

    def get(self, run: str) -> Run | None:
        """A run by its id."""
        return self._runs.get(run)

    def all(self) -> list[Run]:
        """Every run that is remembered, the oldest first."""
        return sorted(self._runs.values(), key=lambda run: (run.at, run.id))

    def open(self) -> list[Run]:
        """Those that go on, the oldest first."""
        return sorted((run for run in self._runs.values() if run.open), key=lambda run: (run.at, run.id))

    def records(self) -> list[Record]:
        """Every record of the runs that are remembered."""
        return [record for several in self._records.values() for record in several.values()]

    def past(self, path: str, title: str) -> Past:
        """How a procedure went before, and what of it goes on."""
        there = self._of_procedure.get((path, title), ())
        return past((self._runs[run] for run in there), path, title)

    def memory(self, run: str) -> Memory:
        """What this session alone knows of a run."""
        return self._memory.setdefault(run, Memory())

    def rings(self) -> list[tuple[Run, int]]:
        """Timers that are over since this was last asked; each is told once in a session."""
        now, found = self._clock.now(), []
        for run in self.open():
            for number, step in enumerate(run.steps):
                due = step.timer.due if step.timer is not None and not step.over else None
                if due is not None and due <= now and number not in self.memory(run.id).rung:
                    self.memory(run.id).rung.add(number)
                    found.append((run, number))
        return found

    # what people do

    def begin(
        self,
        procedure: Procedure,
        path: str,
        sha256: str,
        parameters: Sequence[Parameter] = (),
        occasion: Occasion | None = None,
        id: str = "",
    ) -> Run:
        """Begin a run of a procedure. Its text is kept with it. `id`: the one it was looked at with, if it was."""
        begun = Begun(path, sha256, procedure, tuple(parameters), occasion)
        record = self._begins(begun, id)
        self.memory(record.run).seen = sha256
        self._put(record)
        return self._runs[record.run]

    def unbegun(self, about: Begun) -> Run:
        """A run as it would be if it began now. Nothing is noted, and nobody else sees it."""
        run = folded([self._begins(about)])
        assert run is not None
        return run

    def _begins(self, about: Begun, run: str = "") -> Record:
        run = run or self._ids()
        return Record(self._ids(), self._moment(None), run, What.BEGUN, self.who, begun=about)

    def done(
        self,
        run: str,
        step: int,
        value: str = "",
        output: str = "",
        judgement: Judgement = Judgement.NONE,
        command: str = "",
        deed: str = "",
    ) -> None:
        """A step was done. `value`: what was found, in a line; `output`: all of it; `deed`: the act in the audit.

        What comes of an act is kept also when somebody has ended the run while it was under way.
        """
        self._put(
            self._of(
                run, What.DONE, step, self._clean(value), late=bool(deed),
                output=capped(self._mask(writable(output)), OUTPUT), judgement=judgement,
                command=self._clean(command), deed=deed,
            )
        )  # fmt: skip

    def skip(self, run: str, step: int, reason: str) -> None:
        """Leave a step out. Raises `RunError` without a reason."""
        if not reason.strip():
            raise RunError("without a reason it is not left out")
        self._put(self._of(run, What.SKIPPED, step, self._clean(reason)))

    def note(self, run: str, step: int | None, text: str, deed: str = "", most: int = TEXT) -> None:
        """Write something to a step, or to the run. `deed`: the act in the audit that it is about; `most`: characters
        of it that are kept."""
        if text.strip():
            self._put(self._of(run, What.NOTED, step, self._clean(text, most), deed=deed))

    def choose(self, run: str, fork: int, way: str) -> None:
        """Take one of several ways; empty: none of them."""
        self._put(self._of(run, What.CHOSEN, fork, way))

    def start_timer(self, run: str, step: int, due: datetime) -> None:
        """Begin to wait."""
        self.memory(run).rung.discard(step)
        self._put(self._of(run, What.TIMER, step, due=due))

    def give(self, run: str, name: str, value: str, secret: bool = False) -> None:
        """Fill in a parameter. A secret stays in this session's memory."""
        there = self._there(run)
        names = {one.name: one.secret for one in there.about.parameters}
        secret = secret or names.get(name, False)
        if secret:
            self.memory(run).secrets[name] = value
        given = Given(name, "" if secret else self._mask(writable(value))[:TEXT], secret)
        self._put(self._of(run, What.GIVEN, None, given=(given,)))

    def carry(self, run: str, step: int, environment: Mapping[str, str], folder: str = "") -> None:
        """What a step leaves to those after it: the variables it set and where it went. Their values are not kept."""
        self.memory(run).environment |= environment
        self._put(self._of(run, What.CARRIED, step, sets=tuple(environment), folder=folder))

    def hand_over(self, run: str, to: str) -> None:
        """Say who goes on."""
        self._put(self._of(run, What.HANDED, None, self._clean(to) or self.who))

    def saw(self, run: str, sha256: str) -> None:
        """The runbook as it is by now; whoever goes on has that one before them, which is noted when they do."""
        self.memory(run).seen = sha256

    def end(self, run: str, end: End, text: str = "") -> None:
        """End it."""
        self._put(self._of(run, What.ENDED, None, self._clean(text), end=end))

    # values

    def hides(self, value: str) -> bool:
        """True for a text that holds a secret: it would not be written as it is."""
        return self._mask(value) != value

    def values(self, run: str) -> dict[str, str]:
        """What the parameters are filled with here; a secret that another session was given is not among them."""
        there, secrets = self._there(run, ended=True), self.memory(run).secrets
        known = {name: one.value for name, one in there.values.items() if not one.secret}
        return known | {name: value for name, value in secrets.items() if name in there.values}

    def environment(self, run: str) -> dict[str, str]:
        """The variables that were set before, as this session knows them."""
        return dict(self.memory(run).environment)

    # records

    def _of(self, run: str, what: What, step: int | None, text: str = "", late: bool = False, **more: object) -> Record:
        there = self._there(run, ended=late, full=what is What.ENDED)
        if step is not None and not 0 <= step < len(there.steps):
            raise RunError("it has no such step")
        if there.open:
            self._go_on(there)
        return Record(self._ids(), self._moment(self._runs[run]), run, what, self.who, step, text, **more)  # type: ignore[arg-type]

    def _there(self, run: str, ended: bool = False, full: bool = False) -> Run:
        """The run; unless it may be, none that has ended, and none that takes no more records."""
        there = self._runs.get(run)
        if there is None:
            raise RunError("that run is not known here")
        if there.ended is not None and not ended:
            raise RunError(f"that run was ended by {there.ended.by}: {there.ended.end.value}")
        if len(self._records[run]) >= RECORDS and not (ended or full):
            raise RunError("that run has as many records as one may have: end it and begin another")
        return there

    def _go_on(self, there: Run) -> None:
        """Another person, or another state of the file: say so before what they do."""
        seen = self.memory(there.id).seen
        changed = bool(seen) and seen != there.revisions[-1].sha256
        if changed or there.holder != self.who:
            at = self._moment(there)
            self._put(Record(self._ids(), at, there.id, What.RESUMED, self.who, sha256=seen if changed else ""))

    def _moment(self, there: Run | None) -> datetime:
        """Now, and later than all that is known of the run: what answers a record comes after it on any clock."""
        now = self._clock.now()
        return now if there is None or there.last is None else max(now, there.last + _INSTANT)

    def _clean(self, text: str, most: int = TEXT) -> str:
        return capped(self._mask(writable(text).strip()), most)

    def _put(self, record: Record) -> None:
        self._add(record)
        self._waiting[record.id] = record.run
        self._fold(record.run)
        if self._write is not None:
            self._write([record])
        else:
            self._early.append(record)
        self.changed()

    def _add(self, record: Record) -> bool:
        there = self._records.setdefault(record.run, {})
        if record.id in there:
            return False
        if record.begun is not None:  # one text in memory for all runs of a revision
            record = replace(record, begun=self._shared(record.begun))
        there[record.id] = record
        return True

    def _shared(self, begun: Begun) -> Begun:
        plain = replace(begun, occasion=None)
        known = self._procedures.setdefault(plain, plain)
        return replace(known, occasion=begun.occasion)

    def _fold(self, run: str) -> None:
        found = folded(self._records[run].values())
        if found is not None:
            self._runs[run] = found
            self._of_procedure.setdefault((found.about.path, found.procedure.title), {})[run] = None

    def _forget(self) -> None:
        for run in [one for one in self.all() if not one.open][: max(0, len(self._runs) - REMEMBERED)]:
            del self._runs[run.id], self._records[run.id]
            self._memory.pop(run.id, None)
            self._of_procedure.get((run.about.path, run.procedure.title), {}).pop(run.id, None)
