"""The declaration of a rule: when a gauge is worth a person's attention, and in which words.

A kind ships its rules as data beside its probe; a profile may change or add some. Deciding is the desk's work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Literal


class Severity(IntEnum):
    """How much an alert matters; greater is worse."""

    NOTICE = 1
    WARNING = 2
    CRITICAL = 3


class Missing(Enum):
    """What an absent value does to a rule: leave the alert as it is, or end it."""

    KEEP = "keep"
    CLEAR = "clear"


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
    any other name is a label of the gauge or another gauge of the target with the same labels (or none)."""
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
