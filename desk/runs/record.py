"""What the store keeps of runs: one record for each thing that happened in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from desk import codec
from desk.runbook.book import Parameter, Procedure

STREAM: Final = "runs"
"""The stream of the store in which they stand."""

AS_IS: Final = frozenset(
    {"id", "at", "run", "what", "judgement", "deed", "due", "sha256", "end", "name", "written", "secret", "kind",
     "sort", "verb", "danger", "phase", "system", "target", "rule", "case", "labels", "path", "title", "choice",
     "sets", "uses", "placeholders", "asked"}
)  # fmt: skip
"""Fields, at any depth, by which a run, its steps and parameters are known: no secret is taken out of them, for a name
that happens to be a password must stay that name. All other texts are for people."""

TEXT: Final = 2000
"""Characters of a note, a reason or a value that are kept."""

MESSAGE: Final = 16_000
"""Characters of a note that tells which message has left: it is kept whole, and a longer one does not leave."""

OUTPUT: Final = 16_000
"""Characters of an output that are kept: its beginning and its end."""


class What(Enum):
    """What happened."""

    BEGUN = "begun"
    DONE = "done"
    """A step was done; with what was found."""
    SKIPPED = "skipped"
    NOTED = "noted"
    CHOSEN = "chosen"
    """Which way to go on."""
    TIMER = "timer"
    GIVEN = "given"
    """Parameters."""
    CARRIED = "carried"
    """Variables and the folder that a step leaves to those after it."""
    HANDED = "handed over"
    RESUMED = "resumed"
    """Somebody goes on, or the file is another one than before."""
    ENDED = "ended"


class Judgement(Enum):
    """What a step's result says."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"
    NONE = "none"
    """Nobody judged it."""


class End(Enum):
    """How a run ended."""

    SOLVED = "solved"
    NOT_SOLVED = "not solved"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Occasion:
    """The alert that a run was opened from, as it was then."""

    case: str
    """Id of its case in the inbox."""
    target: str
    rule: str
    words: str = ""
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run is about. The procedure stands here whole: the run goes on with it whatever becomes of the file."""

    path: str
    """The runbook."""
    sha256: str
    """Of the runbook's bytes."""
    procedure: Procedure
    parameters: tuple[Parameter, ...] = ()
    """Those that its commands need."""
    occasion: Occasion | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter's value; of a secret only that it was given."""

    name: str
    value: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened in a run."""

    id: str
    at: datetime
    run: str
    what: What
    by: str = ""
    step: int | None = None
    """Number of the step in the procedure as it was begun, from 0; None: it is about the run."""
    text: str = ""
    """The value found, the note, the reason, the way chosen, who goes on, or how it ended in words."""
    output: str = ""
    judgement: Judgement = Judgement.NONE
    command: str = ""
    """What was run, filled in, without secrets."""
    deed: str = ""
    """Id of the act in the audit."""
    begun: Begun | None = None
    given: tuple[Given, ...] = ()
    due: datetime | None = None
    """When a timer is over."""
    sets: tuple[str, ...] = ()
    """Names of the variables that were set; their values are in no record."""
    folder: str = ""
    """Where the steps after it work."""
    sha256: str = ""
    """With RESUMED: of the runbook as it is by now."""
    end: End | None = None


def written(record: Record) -> dict[str, Any]:
    """As JSON values."""
    found: dict[str, Any] = codec.plain(record)
    return found


def read(body: Mapping[str, Any]) -> Record:
    """The record that `written` wrote. Raises `CodecError`."""
    record: Record = codec.shared(Record, dict(body))
    aware = record.at.tzinfo is not None and (record.due is None or record.due.tzinfo is not None)
    if not aware or not record.run or (record.what is What.BEGUN) != (record.begun is not None):
        raise codec.CodecError("not as a record of a run is written")
    if (record.what is What.ENDED) != (record.end is not None) or (record.what is What.TIMER and record.due is None):
        raise codec.CodecError("a record of a run without what it says")
    return record


def writable(text: str) -> str:
    """A text that any file takes: half a character becomes a question mark.

    >>> writable("kite \\ud83e"), writable("déjà")
    ('kite ?', 'déjà')
    """
    return text.encode("utf-8", "replace").decode()


def capped(text: str, most: int) -> str:
    """A text of at most so many characters; of a longer one its beginning and its end, and how much is left out.

    >>> capped("short", 10), len(capped("x" * 500, 100))
    ('short', 100)
    """
    if len(text) <= most:
        return text
    said = f"\n… {len(text) - most:,} characters or more left out …\n"
    head = max(0, (most - len(said)) // 2)
    tail = max(0, most - len(said) - head)
    return text[:head] + said + text[len(text) - tail :]
