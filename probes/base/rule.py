"""The declaration of a rule: when a gauge is worth a person's attention, and in which words.

A kind ships its rules as data beside its probe; a profile may change or add some. Deciding is the desk's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, Literal


class Severity(IntEnum):
    """How much an alert matters; greater is worse."""

    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


class Missing(Enum):
    """What an absent value does to a rule: leave the alert as it is, end it, or be an alert itself.

    Absent from a good reading: one that failed ends nothing, and only ALERT takes it for bad.
    """

    KEEP = "keep"
    CLEAR = "clear"
    ALERT = "alert"


OURS: Final = "Opsroom's default"
"""Where a limit comes from that no profile has said."""

WRITTEN: Final = "its table in the profile"
"""Where a limit comes from that stands among a target's settings, as those of tiles and queries do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What a person should do about an alert, said by a profile, never by a kind; and who said its limit."""

    respond: float | None = None
    """Seconds in which somebody should have acknowledged it."""
    procedure: str = ""
    """Name of the procedure to follow, or where it is written."""
    aliases: tuple[str, ...] = ()
    """Other names by which people and runbooks call it."""
    suggest: str = ""
    """What usually helps, in a sentence."""
    see: str = ""
    """Name of the target to look at next; empty: the alert's own."""
    search: str = ""
    """What to search for in that target's log."""
    muted: bool = False
    """Judged and shown, but nobody is told."""
    origin: str = OURS
    """Where the limit comes from, for the eye of whoever doubts it: "Opsroom's default", "opsroom.toml:41". Whatever
    shows an alert may show this beside its limit."""


PLAIN: Final = Handling()
"""Nothing is said about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition on one gauge of a target; with labels, on each labelled gauge of that name by itself."""

    name: str
    """Unique within its kind: "queue-backlog"."""
    gauge: str
    """Name of the gauge it looks at."""
    op: Literal[">", ">=", "<", "<=", "==", "!="]
    threshold: float
    """In the gauge's base unit."""
    severity: Severity
    say: str
    """The sentence, with the number that proves it. `{value}` is the gauge in human units, `{limit}` the threshold;
    any other name is a label of the gauge or another gauge of the target with the same labels (or none). `{value:job}`
    is it with its noun: 1 job, 2 jobs."""
    hold: float = 0.0
    """Seconds the condition must be true before the alert is raised."""
    consecutive: int = 1
    """Readings in a row that must say so."""
    clear: float | None = None
    """Clears only at or beyond this value (hysteresis); None: as soon as the condition is false."""
    missing: Missing = Missing.KEEP
    samples: str | None = None
    """Name of a gauge that must be at least `min_samples`: no alert from a ratio of two events."""
    min_samples: float = 0.0
    handling: Handling = PLAIN
