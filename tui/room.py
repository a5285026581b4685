"""What every screen is handed: the engine, the panels, and how the room is being looked at. No widget, no drawing."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from desk import words
from desk.alert import Alert
from desk.board import Board
from desk.engine import Engine
from desk.inbox.case import Case
from desk.inbox.grouping import number, speaking
from desk.inbox.until import until
from desk.profile import Profile
from probes.base import SafeText, Target
from tui.keys import Keymap, shown
from tui.kinds import Kinds
from widgets.lines import Line
from widgets.overview import Block, Entry, Heading, Sketch, banner
from widgets.panel import Panel

if TYPE_CHECKING:
    from desk.deed import Deed
    from desk.hands import Hands
    from desk.history import Historian
    from desk.inbox.journal import InboxJournal
    from desk.measures import Measure
    from desk.second.agreements import Agreements
    from desk.second.onlooker import Onlooker
    from desk.shared.presence import Present
    from desk.tape.scribe import Scribe
    from tui.checklists import ChecklistDesk
    from tui.delivery import Dispatch
    from tui.incidents import IncidentDesk
    from tui.procedures import Procedures
    from tui.reports import Reports
    from tui.sharing import Sharing


_LABEL: Final = 60
"""Characters of what a row is called."""
_FEW: Final = 2
"""Rows that are named; more are counted."""


class FaultSwitch(Protocol):
    """The demonstration's faults, when there is a demonstration."""

    def faults(self) -> Any:
        """Every fault that can be started."""
        ...

    def active(self) -> Any:
        """Names of the faults that are on."""
        ...

    def fault(self, name: str) -> None:
        """Start one."""
        ...

    def heal(self, name: str) -> None:
        """End one."""
        ...

    def progress(self) -> list[str]:
        """What its engines said while they came up."""
        ...


@dataclass
class Still:
    """The board and the alerts as they were when a person said freeze."""

    board: Board
    alerts: list[Alert]
    cases: list[Case]
    now: float
    clock: str


@dataclass
class Room:
    """One system under watch."""

    engine: Engine
    profile: Profile
    kinds: Kinds
    keymap: Keymap
    stage: FaultSwitch | None = None
    hands: Hands | None = None
    """What acts, loaded after the first picture; None where the session is read-only for good."""
    onlooker: Onlooker | None = None
    """Hears what others ask a second person for, where the session is read-only for good."""
    read_only_because: str = "this session is read-only"
    """Why it is; empty when it isn't."""
    greeting: str = ""
    """What is said once, when it opens; empty: nothing."""
    keep: Callable[[], InboxJournal] | None = None
    """Makes the journal, when the session begins to read; None: nothing of the inbox is kept."""
    journal: InboxJournal | None = None
    """Keeps the inbox and shares it with other sessions; None: this session alone knows what is decided in it."""
    who: str = "somebody"
    """Name of the person at this session."""
    undecided_because: str = ""
    """Why nothing is acknowledged or silenced from here; empty: it can be."""
    record: Callable[[], Scribe | None] | None = None
    """Makes the scribe, when the session begins to read."""
    scribe: Scribe | None = None
    """Keeps what is seen and done in the black box; None: this session does not record."""
    reports: Callable[[], Reports] | None = None
    """What was kept of this system, on paper; None: nothing is."""
    still: Still | None = None
    history: Path | None = None
    """Where the history of its gauges lies; None: none is kept on disk."""
    make_historian: Callable[[], Historian | None] | None = None
    """Makes what keeps it; None where this session keeps none."""
    historian: Historian | None = None
    """What keeps it, once the first picture is there."""
    dispatch: Dispatch | None = None
    """Tells people of alerts; None: this session tells nobody."""
    make_procedures: Callable[[], Procedures] | None = None
    """Makes what knows the runbooks and the runs; None where there are none."""
    procedures: Procedures | None = None
    """The runbooks and the runs, once the first picture is there."""
    make_checklists: Callable[[], ChecklistDesk] | None = None
    """Makes what knows the checklists and their runs; None where there are none."""
    checklists: ChecklistDesk | None = None
    """The checklists, once the first picture is there."""
    make_incidents: Callable[[], IncidentDesk] | None = None
    """Makes what knows the incidents; None where there are none."""
    incidents: IncidentDesk | None = None
    """The incidents, once the first picture is there."""
    sharing: Sharing | None = None
    """This session's part in the shared store; None: its profile names no store."""
    works_on: str = ""
    """The incident that the person at this session works on, as others are told; empty: none."""
    note: Callable[[str], None] = field(default=lambda text: None)
    """Says something in passing at the foot of the screen."""

    def __post_init__(self) -> None:
        self._panels: dict[str, Panel[Any]] = {}
        self._sketches: dict[str, Sketch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.deeds: deque[Deed] = deque(maxlen=50)
        """What was done in this session, newest last."""

    @property
    def demo(self) -> bool:
        """True in a demonstration."""
        return self.stage is not None

    @property
    def board(self) -> Board:
        """What is shown: the living board, or the frozen one."""
        return self.still.board if self.still is not None else self.engine.board

    @property
    def now(self) -> float:
        """The moment that is shown, monotonic seconds."""
        return self.still.now if self.still is not None else self.engine.clock.monotonic()

    def alerts(self, name: str | None = None) -> list[Alert]:
        """What is wrong at that moment."""
        if self.still is None:
            return self.engine.alerts(name)
        return [alert for alert in self.still.alerts if name in (None, alert.target)]

    def cases(self) -> list[Case]:
        """The same with what people decided about it; the most urgent first, what is silenced last."""
        return self.engine.cases() if self.still is None else self.still.cases

    def freeze(self) -> bool:
        """Hold the picture still, or let it go; True when it is now frozen."""
        if self.still is not None:
            self.still = None
            return False
        clock = self.engine.clock
        self.still = Still(
            self.engine.board.freeze(),
            self.engine.alerts(),
            self.engine.cases(),
            clock.monotonic(),
            words.clock(clock.now()),
        )
        return True

    def panel(self, target: Target) -> Panel[Any]:
        """The presenter of a target's kind, loaded when first asked for."""
        if target.kind not in self._panels:
            self._panels[target.kind] = self.kinds.panel(target.kind)
        return self._panels[target.kind]

    def called(self, target: str, subject: str) -> str:
        """What a person calls a row of a target: the label of its table, else the subject itself."""
        slot = self.engine.board.slot(target)
        tables = self.panel(slot.target).tables if slot.snapshot is not None else ()
        for table in tables:
            rows = table.rows(slot.snapshot.facts) if table.label is not None and slot.snapshot is not None else ()
            for row in rows:
                if table.label is not None and (table.subject or table.key)(row) == subject:
                    return str(SafeText(str(table.label(row)), _LABEL))
        return str(SafeText(subject, _LABEL))

    def named(self, target: str, subjects: Sequence[str]) -> str:
        """The rows an act or a look is about, in a few words."""
        if not target:
            return "this line"
        if len(subjects) > _FEW:
            return f"{len(subjects)} rows of {target}"
        return ", ".join(self.called(target, subject) for subject in subjects) or target

    def entry(self, name: str) -> Entry:
        """One target, ready to draw."""
        slot = self.board.slot(name)
        sketch = self._sketches.setdefault(name, Sketch())
        return Entry(slot, self.panel(slot.target), self.board.series(name), tuple(self.alerts(name)), sketch)

    def blocks(self) -> list[Block]:
        """The overview's blocks, numbered as the keys that open them."""
        by_title: dict[str, list[Entry]] = {}
        order = {kind.name: number for number, kind in enumerate(self.kinds)}
        slots = sorted(self.board.slots(), key=lambda slot: order[slot.target.kind])
        for slot in slots:
            by_title.setdefault(self.kinds.kind(slot.target.kind).block, []).append(self.entry(slot.target.name))
        titles = [title for title in self.kinds.blocks() if title in by_title]
        return [
            Block(title, number if number < 10 else 0, tuple(by_title[title])) for number, title in enumerate(titles, 1)
        ]

    def remember(self, deed: Deed) -> None:
        """Keep a deed, to be looked at again; a step of a procedure may wait for what comes of it."""
        self.deeds.append(deed)
        if self.procedures is not None:
            self.procedures.take(deed)

    def measures(self) -> list[Measure]:
        """Temporary measures in force, the first to end first."""
        return self.hands.measures.standing(self.engine.clock.now()) if self.hands is not None else []

    def _measured(self) -> list[str]:
        """What the top line says of them."""
        there, now = self.measures(), self.engine.clock.now()
        late = sum(one.overdue(now) for one in there)
        if late:
            return [f"{words.plural(late, 'measure')} OVERDUE: E"]
        return [f"{words.plural(len(there), 'measure')} in force: E"] if there else []

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside, and hold on to it until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def mode(self) -> tuple[str, bool]:
        """(how much may be done from here, whether that is more than looking)."""
        if self.hands is None:
            return ("read-only" if self.read_only_because else "disarmed"), False
        mode, left = self.hands.mode.value, self.hands.left
        if mode != "ARMED":
            return mode, False
        return mode if left is None else f"{mode} {int(left) // 60}:{int(left) % 60:02}", True

    def _maintained(self) -> list[str]:
        """What the top line says of maintenance windows, and of an inbox that can't be kept."""
        last = max((one.until for one in self.engine.inbox.windows()), default=None)
        told = [f"maintenance until {until(last, self.engine.clock.now())}"] if last is not None else []
        return [*told, *(["inbox NOT KEPT: A"] if self.journal is not None and self.journal.trouble else [])]

    def _glass(self) -> str:
        """What the top line says before all else: that acts go on where no audit takes them."""
        last = self.hands.trail.last if self.hands is not None else None
        if last is None:
            return ""
        return "BREAK GLASS: audit on stderr ONLY" if last.took else "BREAK GLASS"

    def heading(self) -> Heading:
        """What the top line says."""
        notes = [*self._maintained(), *self._measured()]
        if self.sharing is not None:
            lost = self.sharing.standing.brief(self.engine.clock.monotonic(), self.key_of("acts"))
            notes += [lost] if lost else []
        if self.scribe is not None and self.scribe.recorder.standing.ill:
            notes.append("NOT RECORDED: E")
        if self.dispatch is not None and self.dispatch.words:
            notes.append(self.dispatch.words)
        if self.procedures is not None and self.procedures.words:
            notes.append(self.procedures.words)
        if self.hands is not None and self.hands.second is not None and self.hands.second.hold.weakened:
            notes.append("profile asks for LESS: V")
        if self.checklists is not None and self.checklists.words:
            notes.append(f"{self.checklists.words}: c")
        if self.incidents is not None and self.incidents.words:
            notes.append(f"{self.incidents.words}: {self.key_of('incidents')}")
        loud, silenced = speaking(self.cases())
        if self.historian is not None and self.historian.standing.ill:
            notes.append("history NOT KEPT: h")
        if self.engine.pace != 1.0:
            notes.append(f"every interval x{self.engine.pace:g}")
        mode, armed = self.mode()
        return Heading(
            system=self.profile.system,
            environment=self.profile.environment,
            production=self.profile.production,
            mode=mode,
            armed=armed,
            alerts=number(loud),
            worst=max((case.alert.severity for case in loud), default=None),
            silenced=silenced,
            waiting=sum(slot.snapshot is None for slot in self.board.slots()),
            note="  ".join(notes),
            frozen=self.still.clock if self.still is not None else "",
            glass=self._glass(),
        )

    def top(self, width: int) -> Line:
        """The top line."""
        return banner(self.heading(), self.clock(), width)

    def top_with_incident(self, width: int) -> Line:
        """The same with the open incident, for where that has no line of its own."""
        open_ = self.incidents.brief() if self.incidents is not None else ""
        if not open_:
            return self.top(width)
        heading = self.heading()
        return banner(replace(heading, note=f"{open_}  {heading.note}"), self.clock(), width)

    def key_of(self, action: str) -> str:
        """The key of something that can be done everywhere, as a person calls it."""
        return next((shown(one.keys) for one in self.keymap.of("everywhere") if one.action == action), "")

    @property
    def incident(self) -> str:
        """The open incident as others are told that this session is at it; empty: none is open."""
        one = self.incidents.foremost if self.incidents is not None else None
        return f"{SafeText(one.level, 12)} {SafeText(one.title, 40)}" if one is not None else ""

    def going_on(self, width: int) -> Line | None:
        """The line of the worst open incident; None: none is open."""
        return self.incidents.strip(self.key_of("incident"), width) if self.incidents is not None else None

    @property
    def second(self) -> Agreements | Onlooker | None:
        """What others ask a second person for; None: nobody is heard here."""
        return self.hands.second if self.hands is not None else self.onlooker

    def pressing(self) -> str:
        """What waits for an answer of the person at this session, in a line; empty: nothing does."""
        second = self.second
        waiting = second.pending() if second is not None else []
        if not waiting:
            return ""
        from widgets.second import pressing

        return pressing(waiting, self.engine.clock.now(), self.key_of("approvals"))

    def present(self) -> Sequence[Present]:
        """Who else is on this system now, by the shared store."""
        return self.sharing.standing.present if self.sharing is not None else ()

    def with_you(self) -> str:
        """The same in a line; empty: nobody is known to be there."""
        there = self.present()
        return f"with you: {'; '.join(one.words for one in there)}" if there else ""

    def aside(self) -> str:
        """What stands at the foot of every screen in place of its keys; empty: the keys."""
        return ""

    def clock(self) -> str:
        """The time of day for the top line."""
        return words.clock(self.engine.clock.now()) + " UTC"
