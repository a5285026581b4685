"""A checklist and its boxes, as they are configured: what is asked, and what answers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import Enum
from typing import Final

from desk.checklist.schedule import Schedule, moment_of, zone_of
from desk.condition import Condition, Expression, Limit, gauges

EARLY: Final = timedelta(hours=1)
"""How long before it is due a checklist may be begun: what is signed then belongs to the one that is coming."""

WITHIN: Final = timedelta(hours=4)
"""How long after it is due a checklist counts as missed, where nothing else is said."""


class Asked(Enum):
    """What a person is asked to enter when they sign a box."""

    NOTHING = ""
    NUMBER = "number"
    TEXT = "text"


class Against(Enum):
    """Which earlier run a value is put beside."""

    LAST = "last"
    """The last one that was done."""
    WEEKDAY = "weekday"
    """The last one that was done on the same day of the week: a Monday is not like a Sunday."""


@dataclass(frozen=True, slots=True)
class Test:
    """What must be so for a box to be good, and from where on it is bad.

    With one limit alone what is not good is bad; with two what lies between them is amber.
    """

    __test__ = False  # it is none of pytest's

    of: Expression
    good: Limit | None = None
    """It is good while this holds."""
    warn: Limit | None = None
    """It is not good while this holds."""
    critical: Limit | None = None
    """It is bad while this holds."""

    @property
    def limited(self) -> bool:
        """True when it says what is good; else it is a value that a person looks at."""
        return any(one is not None for one in (self.good, self.warn, self.critical))

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets, or kinds, whose gauges it needs."""
        return tuple(dict.fromkeys(gauge.source for gauge in gauges(self.of)))

    def __str__(self) -> str:
        if self.good is not None:
            return str(Condition(self.of, self.good))
        return f"not {Condition(self.of, limit)}" if (limit := self.warn or self.critical) is not None else str(self.of)


@dataclass(frozen=True, slots=True)
class Box:
    """One thing to look at."""

    key: str
    """Unique in its checklist, and the same for as long as its words are."""
    say: str
    """What is to be so, as a person reads it."""
    test: Test | None = None
    """Answers it by gauges, or shows the person who signs it a value."""
    reading: str = ""
    """Answers it by all the rules of a target, or of one row of it: "compose", "compose/worker"."""
    asked: Asked = Asked.NOTHING
    """What is entered when it is signed by hand."""
    by_hand: bool = False
    """True when the profile says in so many words that a person answers it."""
    unit: str = ""
    """Of the number that is entered."""
    against: Against = Against.LAST
    procedure: str = ""
    """The procedure to follow, or where it is written."""
    action: str = ""
    """The target, or row of it, at which something is to be done: "compose"."""
    see: str = ""
    """The target, or row of it, to look at."""
    link: str = ""
    """An address to look at elsewhere."""
    command: str = ""
    """What its runbook says to run, as it is written there; nothing runs it from here."""
    origin: str = ""
    """Where it is written: "opsroom.toml:41", "RUNBOOK.md:120"."""

    @property
    def by_itself(self) -> bool:
        """True when it is answered by what is read."""
        return (self.test is not None and self.test.limited) or bool(self.reading)

    @property
    def place(self) -> str:
        """Where it leads: a target or a row of it; empty: nowhere."""
        found = self.see or self.action or self.reading
        return found or (self.test.targets[0] if self.test is not None else "")

    @property
    def sources(self) -> tuple[str, ...]:
        """The targets, or kinds, that must be read for it."""
        if self.test is not None:
            return self.test.targets
        return (self.reading.partition("/")[0],) if self.reading else ()


@dataclass(frozen=True, slots=True)
class Checklist:
    """Boxes, and when they are due."""

    name: str
    title: str
    boxes: tuple[Box, ...]
    schedule: Schedule | None = None
    """None: it is done when somebody does it, and never overdue."""
    zone: str = "UTC"
    within: timedelta = WITHIN
    """After this it counts as missed."""
    source: str = ""
    """Heading of the runbook's checklist that its boxes come from; empty: they all stand in the profile."""
    unread: bool = False
    """True while the boxes of that heading are not here: it is not whole, and can't be signed off."""
    origin: str = ""

    def due(self, now: datetime) -> datetime:
        """When the run was or is due that somebody works at now: the last one, or the next when that is near.

        Without a schedule it is the beginning of the day, by the calendar of its zone.
        """
        if self.schedule is None:
            zone = zone_of(self.zone)
            return moment_of(now.astimezone(zone).date(), time(), zone)
        coming = self.schedule.next(now)
        return coming if coming - now <= EARLY else self.schedule.previous(now)

    def next(self, now: datetime) -> datetime | None:
        """When it is due next; None: never."""
        return self.schedule.next(now) if self.schedule is not None else None

    def over(self, due: datetime) -> datetime:
        """From when on a run that was due then is missed: never later than the next is due."""
        if self.schedule is None:
            return datetime.max.replace(tzinfo=UTC)
        return min(due + self.within, self.schedule.next(due))
