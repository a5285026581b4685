"""What a runbook says, as data: procedures and their steps, commands, limits, boxes, people. All of it frozen.

Lines count from 1, and an end line is inclusive. Text is as the author wrote it: what shows it makes it SafeText first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

from probes.base import Danger, Sort, Verb, flaw


class Phase(Enum):
    """What a part of a procedure is for, by whatever name and in whatever language it stands there."""

    SYMPTOMS = "symptoms"
    IMPACT = "impact"
    PREREQUISITES = "prerequisites"
    INVESTIGATION = "investigation"
    RESOLUTION = "resolution"
    VERIFICATION = "verification"
    ROLLBACK = "rollback"
    ESCALATION = "escalation"
    PREVENTION = "prevention"
    OTHER = "other"


class StepKind(Enum):
    """What a step asks for."""

    NOTE = "note"
    """Something to read, or to do by hand, and to tick."""
    READING = "reading"
    LOG = "log"
    ACTION = "action"
    SHELL = "shell"
    DECISION = "decision"
    """Which way to go on: its choices are groups of the steps after it."""
    TIMER = "timer"
    SIGN_OFF = "sign-off"
    """A box that a person ticks with their name."""


@dataclass(frozen=True, slots=True)
class Command:
    """One logical command: continuations, here-documents, blocks and `&&` chains are one."""

    line: int
    end_line: int
    text: str
    """As a person would paste it: prompts and the indentation of its fence taken off."""
    is_command: bool = True
    """False for what stands in a shell fence and is none: output, configuration, a crontab line."""
    inline: bool = False
    """True for a code span in prose, a list or a table."""
    sort: Sort | None = None
    """None for what is no command."""
    verb: Verb = Verb.OTHER
    system: str = ""
    target: str = ""
    kind: str = ""
    danger: Danger = Danger.READ
    placeholders: tuple[str, ...] = ()
    """What must be filled in, as it is written: `<pid>`, `$QUEUE_URL`, `YOUR_KEY`."""
    asked: tuple[str, ...] = ()
    """What stands for a value that the act itself asks for or makes, or that may be a secret and is typed where the
    line is run: it is none of the placeholders."""
    warning: str = ""
    becomes: str = ""
    comment: str = ""
    """The comment above it, or after it on its line: what names it."""
    expected: str = ""
    """What the author says it should show."""
    choice: str = ""
    """The author's words that make it another way or a conditional: "Or", "Option B: scale out", "If it is full"."""
    sets: tuple[str, ...] = ()
    """Variables it sets for what comes after: TOKEN in `TOKEN=$(...)`."""
    uses: tuple[str, ...] = ()
    """Variables it takes that the same document sets before it."""
    folder: str = ""
    """Where it changes to: the path of a `cd`; for others empty."""
    place: str = ""
    """Where it runs when that is not here: "host db1", "container api"."""
    reveals: bool = False
    endless: bool = False
    interactive: bool = False

    @property
    def flaw(self) -> str:
        """What the line gets wrong, without what would be done instead: for where it runs as it stands.

        >>> Command(1, 1, "x", warning="it takes all replicas at once; here one goes after the other").flaw
        'it takes all replicas at once'
        """
        return flaw(self.warning)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a procedure."""

    line: int
    end_line: int
    kind: StepKind
    title: str
    """In a few words, from the comment, the item or the label above."""
    text: str = ""
    """All that is written about it."""
    command: Command | None = None
    expected: str = ""
    choice: str = ""
    """The way it belongs to, when there are several: "Option A: restart"."""
    seconds: float | None = None
    """Of a timer: for how long."""
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A phase of a procedure, under its own heading or label."""

    line: int
    title: str
    phase: Phase
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Procedure:
    """A heading that says what to do, and everything under it."""

    line: int
    end_line: int
    title: str
    level: int
    parts: tuple[Part, ...] = ()
    menu: bool = False
    """True for a sheet of useful commands: their order means nothing and they are never run one after another."""
    path: tuple[str, ...] = ()
    """The headings above it, outermost first."""

    @property
    def steps(self) -> Iterator[Step]:
        """All its steps, in order."""
        return (step for part in self.parts for step in part.steps)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit that is written somewhere."""

    line: int
    metric: str
    operator: str
    """`>`, `>=`, `<`, `<=` or `==`."""
    value: float
    unit: str = ""
    """As it is written: "%", "ms", "messages"."""
    lasting: str = ""
    """For how long: "5m"; empty: at once."""
    severity: str = ""
    """"critical", "warning", "info", or empty."""
    alert: bool = True
    """False for the healthy side, a goal, a response time or a trigger of something else."""
    text: str = ""
    """Where it was read from."""


@dataclass(frozen=True, slots=True)
class Box:
    """One item of a checklist."""

    line: int
    text: str
    checked: bool = False
    command: Command | None = None
    """What answers it by itself, where a command stands with it."""


@dataclass(frozen=True, slots=True)
class BoxList:
    """A checklist as it is written."""

    line: int
    title: str
    cadence: str = ""
    """"daily", "weekly", "monthly", "quarterly", "morning", "evening", or empty."""
    boxes: tuple[Box, ...] = ()
    boxed: bool = True
    """False for a routine without boxes: the numbered steps or commands under a heading like "Daily tasks"."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call."""

    line: int
    role: str
    name: str = ""
    ways: tuple[str, ...] = ()
    """Phone numbers, addresses, channels, as they are written; one in brackets is still to be filled in."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of an escalation ladder."""

    line: int
    who: str
    after: float | None = None
    """Seconds after which it is their turn."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a severity scheme."""

    line: int
    name: str
    about: str = ""
    respond: float | None = None
    """Seconds within which somebody must be at it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something the reader has to fill in, asked once for the whole document."""

    name: str
    """One name for all its spellings: "pid"."""
    written: tuple[str, ...]
    lines: tuple[int, ...]
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Repair:
    """A place where the file was read otherwise than it stands."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Runbook:
    """A whole file."""

    path: str
    sha256: str
    """Of its bytes."""
    title: str = ""
    procedures: tuple[Procedure, ...] = ()
    commands: tuple[Command, ...] = ()
    """Every command of the file in order, in a procedure or not."""
    thresholds: tuple[Threshold, ...] = ()
    checklists: tuple[BoxList, ...] = ()
    contacts: tuple[Contact, ...] = ()
    ladder: tuple[Rung, ...] = ()
    levels: tuple[Level, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    repairs: tuple[Repair, ...] = ()
    reviewed: date | None = None
    """The day on which it says that somebody last went through it."""
    partial: bool = False
    """True for a very large file: its procedures are headings alone, each is read when it is opened."""
