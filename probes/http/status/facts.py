"""What a vendor's status page says: components, incidents, maintenances, and how old that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from probes.base import Cause, SafeText


class Level(IntEnum):
    """How bad it is by the page's own word; greater is worse."""

    FINE = 0
    MAINTENANCE = 1
    DEGRADED = 2
    PARTIAL = 3
    MAJOR = 4


@dataclass(frozen=True, slots=True)
class Component:
    """A part of what the vendor offers."""

    key: str
    """Its id on the page, or its name."""
    name: SafeText
    word: SafeText
    """The page's own word: "degraded_performance"."""
    level: Level | None = None
    """None: a word we don't know."""
    group: SafeText = SafeText()
    updated: datetime | None = None
    """When the vendor changed it last, aware UTC."""
    wanted: bool = True
    """False when the profile names components and this is none of them."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something the vendor says is, or was, wrong."""

    key: str
    name: SafeText
    word: SafeText = SafeText()
    """How far it is: "investigating", "identified", "monitoring", "resolved"."""
    open: bool | None = True
    """False when the vendor says it is over; None: it doesn't say."""
    level: Level | None = None
    """Its impact; None: not told."""
    started: datetime | None = None
    updated: datetime | None = None
    latest: SafeText = SafeText()
    """The vendor's last words on it."""
    parts: tuple[SafeText, ...] = ()
    """Components it touches, as far as the page tells."""
    wanted: bool = True
    """False when it touches only components that the profile does not name."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Work that the vendor has announced."""

    key: str
    name: SafeText
    word: SafeText = SafeText()
    running: bool = False
    begins: datetime | None = None
    ends: datetime | None = None
    parts: tuple[SafeText, ...] = ()
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """A status page as it was read last, and whether it could be read now."""

    page: SafeText = SafeText()
    """The page's own name."""
    url: SafeText = SafeText()
    """What is read, without its query."""
    form: str = ""
    """"statuspage", "incident.io", "instatus", "feed"; empty: never read."""
    says: SafeText = SafeText()
    """The page in one sentence of its own: "All Systems Operational"."""
    components: tuple[Component, ...] = ()
    incidents: tuple[Incident, ...] = ()
    maintenances: tuple[Maintenance, ...] = ()
    absent: tuple[str, ...] = ()
    """Components the profile names and the page does not have."""
    more: int = 0
    """Components, incidents and maintenances beyond those kept."""
    updated: datetime | None = None
    """When the vendor touched the page last, aware UTC."""
    updated_age: float | None = None
    """Seconds since then."""
    read: datetime | None = None
    """When the page was read last, aware UTC; None: never yet."""
    read_age: float | None = None
    """Seconds since then."""
    trouble: Cause | None = None
    """Why the page could not be read now; None: it was read."""
    words: SafeText = SafeText()
    """The same in words. It says nothing of what the vendor offers."""
    unread_for: float | None = None
    """Seconds since it can't be read."""
    unchanged: bool = False
    """True when the page said that nothing has changed since it was read."""

    @property
    def ours(self) -> tuple[Component, ...]:
        """The components that matter, the worst first."""
        wanted = (one for one in self.components if one.wanted)
        return tuple(sorted(wanted, key=lambda one: -(one.level if one.level is not None else Level.FINE)))

    @property
    def open(self) -> tuple[Incident, ...]:
        """Incidents that are not over and touch what matters, the worst first."""
        found = (one for one in self.incidents if one.wanted and one.open is not False)
        return tuple(sorted(found, key=lambda one: -(one.level if one.level is not None else Level.DEGRADED)))

    @property
    def worst(self) -> Level:
        """The worst that is said of what matters."""
        levels = [one.level for one in self.components if one.wanted and one.level is not None]
        levels += [one.level if one.level is not None else Level.DEGRADED for one in self.open]
        return max(levels, default=Level.FINE)
