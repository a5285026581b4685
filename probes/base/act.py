"""What an actuator is: it looks, says what it would do, does it once when told to, and looks whether it came true.

    Request   what a person asks for: an action on rows, perhaps a number. Typed; made by a key, a command or a runbook
    Plan      the request after a fresh look: which objects exactly, from what to what, who else feels it
    Outcome   what the system answered
    Verdict   what is true now

"Asked", "accepted" and "true" are three different facts. Only `carry_out` may change anything, and the desk's action
runner is the only one who calls it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, IntEnum
from typing import ClassVar, Generic, TypeVar

from probes.base.command import CommandLine
from probes.base.probe import Context
from probes.base.target import Target
from probes.base.text import SafeText

F = TypeVar("F")

Identity = tuple[tuple[str, str], ...]
"""What must still be so when we act, as (name, value): (("pid", "18422"), ("started", "2026-03-01 03:02:11.48+00"))."""

Sending = Callable[[], Awaitable[None]]
"""Awaited by an actuator directly before the request that changes something leaves it, and not again.

What fails before has changed nothing; what fails after may have.
"""


class Danger(IntEnum):
    """What an act can cost; greater is worse."""

    READ = 0
    """Changes nothing."""
    REVERSIBLE = 1
    """Is undone by its opposite, and nobody loses work: start, scale up, retry a job."""
    DISRUPTIVE = 2
    """Interrupts somebody: restart, stop, cancel, terminate."""
    DESTRUCTIVE = 3
    """Takes away what can't be had back: purge, flush, restore over."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number an action needs. It is typed by a person, never filled in for them."""

    what: str
    """What it counts: "replicas"."""
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Word:
    """A word an action needs: typed by a person, or picked from what the actuator's `choices` offer."""

    what: str
    """What it is: "revision"."""
    pattern: str = r".{1,200}"
    """What it must match, as a whole."""
    listed: bool = False
    """True when it must be one of the choices."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A word that can be picked."""

    word: str
    about: SafeText = SafeText()
    """What a person should know to pick it: "yesterday 14:03, image api:41, failed"."""


class Hidden:
    """A secret that a person has typed: it can be had by asking, and shows itself nowhere."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret. Only what sends it asks."""
        return self._value

    def __repr__(self) -> str:
        return "Hidden(...)"


@dataclass(frozen=True, slots=True)
class Action:
    """A thing an actuator can do, before it is aimed at anything."""

    name: str
    """Unique within its kind, one word: "restart"."""
    title: str
    """For a person: "restart"; two or three words."""
    danger: Danger
    """The least it can cost; a plan may say more."""
    what: str
    """One sentence: what it does and what it leaves alone."""
    number: Number | None = None
    word: Word | None = None
    hidden: str = ""
    """What is asked for without showing it, once for each part of the word, or for each row where it takes no word:
    "new value". Empty: nothing."""
    shown: bool = False
    """True when that may be seen while it is typed; it still goes on no command line and into no record."""
    whole: bool = False
    """True when it is about the target as a whole, on whatever row it is offered."""
    many: bool = True
    """True when it takes several rows at once: each gets its own request and its own result."""
    grave: bool = False
    """True when in production the target's name must be typed even for one row."""
    rolling: bool = False
    """True when each subject must be verified before the next one is touched."""
    stops: bool = False
    """True when it can be stopped while it is under way (`leave_off`): what is not done by then stays as it is."""
    noun: str = ""
    """What one of its subjects is called: "process". Empty where there is only ever one subject."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An action for some rows, and why it can't be done to them now, if it can't."""

    action: Action
    refused: str = ""
    """A reason in a few words: "it does not run". Empty: it can be done."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for. Nothing has been looked at yet."""

    action: str
    """Name of an action."""
    subjects: tuple[str, ...] = ()
    """Rows as the panel names them (a table's subject); none: the target as a whole."""
    number: int | None = None
    word: str = ""
    """The word, for an action that needs one."""
    hidden: tuple[Hidden, ...] = ()
    """Secrets to go with it; on no command line and in no record."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """A command line that means one of our actions."""

    request: Request
    warning: str = ""
    """One sentence when the line does not do what people think, and what is done instead."""
    unseen: bool = False
    """True when the line itself tells that a value it sets is a secret, whatever else is known of its row."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One object that will be acted on, by its identity."""

    key: str
    """Unique within the plan."""
    name: SafeText
    """What a person calls it."""
    identity: Identity
    """Checked again at the moment of acting: by the server in the same call where it can, else just before."""
    before: SafeText
    """How it is: "running 3 d, pid 812"."""
    after: SafeText
    """How it will be: "running, new process"."""
    felt: tuple[SafeText, ...] = ()
    """Who else feels it: "12 sessions are dropped"."""
    spared: SafeText = SafeText()
    """Why it is left out unless a person takes it in by hand; empty: it is in."""
    barred: bool = False
    """True when it can't be taken in at all; `spared` says why."""
    taken_in: bool = False
    """True when a person took it in although it would have been spared."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """What must be so elsewhere before an act: a backup younger than an hour before a migration.

    It is met only by a value that was read and is fresh; one that is missing, old or unknown is never good enough.
    """

    target: str
    """Another target of the profile: "nightly", or with its kind "backups.nightly"."""
    gauge: str
    """One of its gauges: "newest_good_age_seconds"."""
    labels: tuple[tuple[str, str], ...] = ()
    """Exactly the labels that the gauge bears, in order of their names."""
    at_most: float | None = None
    """The greatest value that is good, in the gauge's base unit; None: any."""
    at_least: float | None = None
    """The least value that is good; None: any."""
    words: str = ""
    """What is needed, for a person: "a backup younger than 1 h"."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. Making one changes nothing."""

    target: str
    kind: str
    action: Action
    request: Request
    place: SafeText
    """Which system exactly: "PostgreSQL 15.18 at db1:5432, database newsletter"."""
    pin: Identity
    """Identity of that system: system identifier, daemon id, machine id. Two names of one system have one pin."""
    subjects: tuple[Subject, ...]
    command: tuple[str, ...]
    """What a person would have typed, line by line."""
    looked_at: datetime
    """When the look that it rests on was taken, aware UTC."""
    danger: Danger
    felt: tuple[SafeText, ...] = ()
    """Who else feels it, as a whole."""
    undo: SafeText = SafeText()
    """How to take it back; empty: it can't be."""
    due: datetime | None = None
    """When a temporary measure is to be taken back, aware UTC; it stays on screen until `reverse` is done."""
    reverse: Request | None = None
    """What takes a temporary measure back."""
    notes: tuple[SafeText, ...] = ()
    """What else a person should know, such as what the typed command would have done wrong."""
    requires: tuple[Requirement, ...] = ()
    """What must be so elsewhere; looked at when it is confirmed, and again directly before it is sent."""
    not_in_production: str = ""
    """Why it is never done in production, in a few words; empty: it may be."""
    answers: float = 10.0
    """Seconds one request may take to be answered."""
    settles: float = 30.0
    """Seconds after which what is not yet true is given up on."""

    @property
    def chosen(self) -> tuple[Subject, ...]:
        """The subjects that will be acted on."""
        return tuple(subject for subject in self.subjects if not subject.spared)

    def taking_in(self, keys: Iterable[str]) -> Plan:
        """The plan with these spared subjects in, except barred ones."""
        wanted = set(keys)

        def taken(subject: Subject) -> Subject:
            inside = subject.key in wanted and not subject.barred
            return replace(subject, spared=SafeText(), taken_in=True) if inside and subject.spared else subject

        return replace(self, subjects=tuple(map(taken, self.subjects)))


class Result(Enum):
    """What became of a request."""

    DONE = "done"
    """The system says it did it, or accepted to."""
    REFUSED = "refused"
    """Nothing was changed: it is not what was looked at any more, or we may not."""
    FAILED = "failed"
    """The system says it did not do it, or was never reached."""
    UNKNOWN = "unknown"
    """It may have been done: no answer came. Never tried again by itself."""
    PARTIAL = "partial"
    """Part of it was done."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the system answered for one subject."""

    result: Result
    words: SafeText
    """In a few words; for REFUSED and FAILED the reason."""
    facts: Identity = ()
    """Details for the record and for `verify`, as (name, value), each name once: ids the system gave, counts."""


class Truth(Enum):
    """Whether what was wanted is so."""

    CONFIRMED = "CONFIRMED"
    PENDING = "PENDING"
    """Not yet; it may still become true."""
    REFUTED = "REFUTED"
    """It is not so and will not become so by itself."""
    UNKNOWN = "UNKNOWN"
    """It can't be told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true now about one subject."""

    truth: Truth
    words: SafeText
    """With the number that proves it: "2 of 2 running for 10 s"."""
    share: float | None = None
    """How far it has come, 0 to 1, where that can be told."""
    final: bool = False
    """True when looking again would tell no more, although it is not known."""


class Grant(Enum):
    """How a right compares with what our acts need."""

    HELD = "held"
    MISSING = "missing"
    EXCESS = "too much"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Right:
    """One right, for `opsroom doctor`."""

    name: str
    """What it lets one do: "terminate sessions of other roles"."""
    grant: Grant
    remedy: SafeText = SafeText()
    """What gives it, or takes away what is too much."""


class Actuator(ABC, Generic[F]):
    """Acts on one target. Made only where acting is allowed; connects when needed, never with the probe's connection.

    `plan`, `verify` and `rights` only read, and raise `ProbeError` when they can't. `carry_out` sends at most one
    request that changes something: no retry of a driver, no second try of ours.
    """

    kind: ClassVar[str]
    actions: ClassVar[tuple[Action, ...]]
    reads_pipes: ClassVar[bool] = False
    """True when `recognise` looks at the commands that a line's output goes through; else it goes through none that
    does something of its own."""
    reads_files: ClassVar[bool] = False
    """True when `recognise` looks at the files that a line's output goes to; else it goes to none but a log."""

    def __init__(self, target: Target, context: Context) -> None:
        self.target = target
        self.context = context

    @abstractmethod
    def offers(self, facts: F, subjects: Sequence[str]) -> Sequence[Offer]:
        """The actions that make sense for these rows, by the last reading. Pure; rows that are gone offer nothing."""

    def beside(self, facts: F, kind: str, row: str) -> Sequence[str]:
        """Rows of this target by which something is done for a row of another kind: a log's rotation. Pure."""
        return ()

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """The words that can be picked for an action on these rows, the likeliest first. Only reads."""
        return ()

    @abstractmethod
    async def plan(self, request: Request) -> Plan:
        """Look afresh and say what would be done. `ProbeError(Cause.GONE)` when a row is not there any more."""

    @abstractmethod
    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Do it to one subject, once, if its identity is still the planned one; else REFUSED: changed since you looked.

        `act` is the act's id, for the system's own log where it keeps one. An exception before `sending` means that
        nothing was done, one after it that nobody knows.
        """

    @abstractmethod
    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look whether it is true, `after` seconds since the answer. Called until it is, or time is up.

        Works from the plan and the outcome alone, also in a later session.
        """

    def leave_off(self, plan: Plan, subject: Subject, outcome: Outcome) -> None:
        """Do no more of what is under way of an action that `stops`; `verify` says how far it came. Never raises."""

    @abstractmethod
    def render(self, request: Request) -> str:
        """The command line, or lines, a person would type for it. `recognise` gives the same request back."""

    @abstractmethod
    def recognise(self, line: CommandLine) -> Recognised | None:
        """The request that one command means here; None when it means none, or speaks of another place."""

    async def rights(self) -> Sequence[Right]:
        """What we may do there, against what our acts need."""
        return ()

    def abort(self) -> None:
        """Cut what is under way, without waiting. Never raises."""

    async def close(self) -> None:
        """Let go of everything. May be called twice."""
