"""A case: one alert with what people decided about it, from its first moment to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Literal

from desk.alert import Alert
from probes.base import Severity


class InboxError(ValueError):
    """What was asked for is not taken; the message says why, for a person."""


class Standing(Enum):
    """Where a case stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    CLEARED = "cleared"


class What(Enum):
    """What happened to a case."""

    RAISED = "raised"
    WORSE = "worse"
    """More severe than it was; who had it in hand for less has it no longer."""
    BETTER = "better"
    ACKNOWLEDGED = "acknowledged"
    RELEASED = "released"
    """Who had it in hand has let it go."""
    SILENCED = "silenced"
    SPEAKS_AGAIN = "speaks again"
    """What kept it quiet has ended, and it is still so."""
    LATE = "not acknowledged in time"
    ESCALATED = "escalated"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has it in hand."""

    by: str
    at: datetime
    note: str = ""
    upto: Severity = Severity.CRITICAL
    """How severe it was then: of anything worse it says nothing."""


@dataclass(frozen=True, slots=True)
class Match:
    """What an alert must have to be silenced: `Match("label", "full", "campaign")`."""

    what: Literal["target", "kind", "rule", "about", "label"]
    """about: the gauge, or what `Identity.about` is."""
    value: str
    name: str = ""
    """Of the label."""

    def __str__(self) -> str:
        return f"{self.name or self.what} {self.value}"


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of what it matches, until it ends; with a name it is a maintenance window."""

    id: str
    matches: tuple[Match, ...]
    """All of them must hold; none: everything."""
    at: datetime
    until: datetime
    by: str
    reason: str
    name: str = ""
    """Of the maintenance window; empty: it is none."""
    upto: Severity = Severity.CRITICAL
    """What is worse than this speaks nevertheless."""
    lifted: datetime | None = None
    """When somebody ended it early."""
    lifted_by: str = ""

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.until if self.lifted is None else min(self.lifted, self.until)

    def stands(self, at: datetime) -> bool:
        """True from its beginning until its end."""
        return at < self.end

    def suits(self, alert: Alert, kind: str) -> bool:
        """True when it is about an alert of a target of this kind."""
        return alert.severity <= self.upto and all(_holds(one, alert, kind) for one in self.matches)

    @property
    def about(self) -> str:
        """What it silences, in words."""
        return ", ".join(map(str, self.matches)) or "everything"


def _holds(match: Match, alert: Alert, kind: str) -> bool:
    if match.what == "label":
        return (match.name, match.value) in alert.labels
    found: Mapping[str, str] = {
        "target": alert.target, "kind": kind, "rule": alert.rule, "about": alert.identity.about,
    }  # fmt: skip
    return found[match.what] == match.value


@dataclass(frozen=True, slots=True)
class Case:
    """One alert with its life. An alert that comes back after it was cleared is another case."""

    id: str
    """Of this episode; kept through a restart of ours."""
    alert: Alert
    """As it is now, as old as the case; of a cleared case as it was last."""
    standing: Standing
    acknowledged: Acknowledgement | None = None
    silenced_until: datetime | None = None
    silenced_by: str = ""
    """Who silenced it and why, in words."""
    cleared: datetime | None = None
    flaps: int = 0
    """How often it came and went within the last while; 0: it is steady."""
    due: datetime | None = None
    """By when somebody should have it in hand; None: nobody says so, or somebody has."""
    late: bool = False
    """True when that time has passed without anybody."""
    away: bool = False
    """True when it flaps and is not there at this moment."""
    quiet: str = ""
    """Why nobody is told of it now: "muted", "silenced", "told by alertmanager"; empty: they are."""
    kind: str = ""
    """Of its target."""

    @property
    def source(self) -> str:
        """Who says so: the kind of the system that raised it, "ours" for a rule of ours."""
        return "ours" if self.alert.theirs is None else self.kind or "another system"

    @property
    def handed(self) -> str:
        """Who has it in hand, here or where it comes from; empty: nobody."""
        if self.acknowledged is not None:
            return self.acknowledged.by
        return self.alert.theirs.acknowledged if self.alert.theirs is not None else ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a case, told once."""

    id: str
    """Unique, and the same however often and in however many sessions it is told."""
    case: Case
    """As it is after the change."""
    what: What
    at: datetime
    by: str = ""
    """Who did it; empty: nobody, it happened."""
    note: str = ""
    """What they said."""
    quiet: str = ""
    """Why nobody is told of it: it only goes into the record. Empty: it is told."""


LONGEST_SILENCE: Final = 30 * 86400.0
"""Seconds that a silence may last."""
