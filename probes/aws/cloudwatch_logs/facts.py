"""What a reading of log groups is: what each keeps and for how long, and how often patterns are found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from probes.aws.calls import Seat
from probes.base import SafeText

PATTERN: Final = "?"
"""Stands before a pattern's name where a group's name could stand too; no group's name has it."""


@dataclass(frozen=True, slots=True)
class Group:
    """One log group."""

    key: str
    """Its name; unique in an account and region."""
    name: SafeText
    arn: str
    stored: int | None = None
    """Bytes it keeps, as the service last counted them."""
    retention: int | None = None
    """Days after which it deletes; None: never."""
    created: datetime | None = None
    """Aware UTC."""
    type: SafeText = SafeText()
    """STANDARD, INFREQUENT_ACCESS or DELIVERY."""
    last: datetime | None = None
    """Its newest event as its streams tell, aware UTC: that may be an hour late. None: not asked, or none."""
    silent_after: int | None = None
    """Minutes after which its silence is an alert; None: it may be silent."""
    silent: bool | None = None
    """True when nothing was written for so long; None: not asked, or not known."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often one pattern is found."""

    name: str
    filter: SafeText
    """As CloudWatch is asked for it."""
    kind: Literal["filter", "text", "json-field", "space-field"]
    groups: tuple[SafeText, ...]
    minutes: tuple[int | None, ...] = ()
    """Finds of each minute, oldest first; None: not looked at, or not yet."""
    window: int = 5
    """Minutes in which the limit counts."""
    limit: int | None = None
    found: int | None = None
    """Finds within the window; at least so many when `whole` is False. None: nothing was looked at."""
    whole: bool = False
    """True when the window was looked at in all groups from end to end."""
    since: datetime | None = None
    """From when on it was looked, aware UTC."""
    until: datetime | None = None
    """Up to when, in the group that is furthest behind; what is written later is not counted yet."""

    @property
    def key(self) -> str:
        """For looks: it can't be taken for a group."""
        return f"{PATTERN}{self.name}"

    @property
    def total(self) -> int:
        """Finds in all minutes that were looked at."""
        return sum(one for one in self.minutes if one is not None)

    @property
    def over(self) -> bool | None:
        """True when the limit is passed; None: no limit, or not known."""
        if self.limit is None or self.found is None:
            return None
        if self.found > self.limit:
            return True
        return False if self.whole else None


@dataclass(frozen=True, slots=True)
class LogsFacts:
    """Log groups of an account and region."""

    seat: Seat
    groups: tuple[Group, ...] = ()
    cut: bool = False
    """True when there are more groups than are shown."""
    counts: tuple[Count, ...] = ()
    taken_at: datetime | None = None

    @property
    def stored(self) -> int | None:
        """Bytes all shown groups keep; None: none tells."""
        known = [one.stored for one in self.groups if one.stored is not None]
        return sum(known) if known else None
