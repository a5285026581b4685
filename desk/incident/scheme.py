"""How a system wants its incidents handled: severities, ladder, contacts, timers, messages; data, from its profile.

A runbook that was read gives what the profile leaves open, and ours stands where neither says anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from desk.runbook.book import Runbook

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

Audience = Literal["internal", "public"]
"""For whom a message is: our own people or customers."""

Since = Literal["declared", "unacknowledged", "called"]
"""From when a rung's time counts. declared: the declaration, until it is mitigated. unacknowledged: the same, until
somebody is at it. called: the call of the rung before, until somebody answered it."""


@dataclass(frozen=True, slots=True)
class Level:
    """One severity."""

    name: str
    about: str = ""
    respond: float | None = None
    """Seconds within which somebody must be at it; None: nothing is said."""
    internal: float | None = None
    """Seconds between two messages to our own people."""
    public: float | None = None
    """Seconds between two messages to customers."""
    watch: float | None = None
    """Seconds it is watched after the fix."""
    notify: tuple[str, ...] = ()
    """Contacts to tell at once."""
    page: tuple[str, ...] = ()
    """`[notify.NAME]`s of kind pagerduty that are triggered at once."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody to call, or a place to go to."""

    name: str
    """As the ladder calls it."""
    role: str = ""
    person: str = ""
    ways: tuple[str, ...] = ()
    """Numbers, addresses, channels, as a person would use them, the first to be tried first."""
    oncall: str = ""
    """Where it is asked who that is now: "pagerduty:SCHEDULE"; empty: it is always the same."""

    @property
    def words(self) -> str:
        """Who it is, in one line."""
        return ", ".join(dict.fromkeys(part for part in (self.role or self.name, self.person) if part))

    @property
    def called(self) -> str:
        """Who it is, as a record says who was called."""
        return self.person or self.words


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the ladder."""

    name: str
    """Unique in the ladder: "2", or what the profile calls it."""
    contact: str
    """Name of a contact, or who it is in words where none of that name is known."""
    after: float | None = None
    """Seconds after which it is their turn; None: only for its flags."""
    since: Since = "declared"
    levels: tuple[str, ...] = ()
    """Severities for which the time counts; none: all."""
    flags: tuple[str, ...] = ()
    """What brings their turn at once, whatever the time and the severity: "data loss"."""
    say: str = ""
    """What to tell them."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message with places to fill in: {title}."""

    name: str
    audience: Audience
    text: str
    channels: tuple[str, ...] = ()
    """`[notify.NAME]`s through which it is sent; none: it is copied."""
    ours: bool = False
    """True when it is not the profile's."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """All of it."""

    levels: tuple[Level, ...]
    """The worst first."""
    contacts: tuple[Contact, ...] = ()
    ladder: tuple[Rung, ...] = ()
    templates: tuple[Template, ...] = ()
    respond: float | None = None
    """What holds for every severity; of two the stricter counts."""
    internal: float | None = None
    public: float | None = None
    watch: float | None = None
    meeting: float = 48 * HOUR
    """Seconds after the end by which a day for the post-mortem must be set."""
    writing: float = 7 * DAY
    """Seconds after the end by which it must be written, when no day was set."""
    flags: tuple[str, ...] = ()
    """What may be so of an incident besides those that the ladder names: "data loss"."""
    status_page: str = ""
    """Its address."""
    manager: str = ""
    """Address of the incident manager."""
    chat: str = "incident-{date}-{time}"
    """How the channel of an incident is called."""
    post_mortem: Path | None = None
    """A template in Markdown; None: ours."""
    levels_by: str = "ours"
    """Whose severities these are: "ours", "profile", or the runbook's name; people are told when they are ours."""

    def level(self, name: str) -> Level:
        """A severity by its name; one that the scheme does not know stands for itself and says nothing."""
        return next((one for one in self.levels if one.name.casefold() == name.casefold()), Level(name))

    def rank(self, name: str) -> int:
        """How severe it is, 0 is the worst; one that is not known comes behind all."""
        return next((place for place, one in enumerate(self.levels) if one.name.casefold() == name.casefold()), 99)

    def contact(self, name: str) -> Contact:
        """A contact by its name or role; one that is not known is only a name."""
        wanted = name.casefold()
        for one in self.contacts:
            if wanted in (one.name.casefold(), one.role.casefold()):
                return one
        return Contact(name)

    def template(self, name: str) -> Template | None:
        """A message by its name."""
        return next((one for one in self.templates if one.name == name), None)

    def all_flags(self) -> tuple[str, ...]:
        """Every flag that somebody asks for."""
        return tuple(dict.fromkeys([*self.flags, *(flag for rung in self.ladder for flag in rung.flags)]))

    def response(self, level: str) -> float | None:
        """Seconds within which somebody must be at it: the shorter of the severity's and the profile's."""
        return _shorter(self.level(level).respond, self.respond)

    def cadence(self, level: str, audience: Audience) -> float | None:
        """Seconds between two messages: the shorter of both; None: nobody asks for any."""
        mine = self.level(level)
        if audience == "internal":
            return _shorter(mine.internal, self.internal)
        return _shorter(mine.public, self.public)

    def watching(self, level: str) -> float | None:
        """Seconds it is watched after the fix: the longer of both."""
        said = [one for one in (self.level(level).watch, self.watch) if one is not None]
        return max(said, default=None)


def _shorter(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)


LEVELS: Final = (
    Level("P1", "complete outage, data loss or a security breach", 15 * 60, 30 * 60, 15 * 60, 30 * 60),
    Level("P2", "partial outage, or much slower for many", 30 * 60, HOUR, 30 * 60, 30 * 60),
    Level("P3", "a small part is down or slow, and there is a way round it", 4 * HOUR, None, None, 15 * 60),
    Level("P4", "nobody is held up", DAY),
)
"""Ours, for who has none of their own. Response, messages within and outside, watch; in seconds."""

TEMPLATES: Final = (
    Template(
        "internal",
        "internal",
        "{severity} {title}\nSystem: {system}\nStatus: {stage} since {since}, {duration} so far\nImpact: {impact}\n"
        "Commander: {commander}\nExpected end: {eta}\nNext message: {next}",
        ours=True,
    ),
    Template(
        "public",
        "public",
        "We are looking into a problem with {system}.\nWhat you may notice: {impact}\nIt began at {began}. We will say "
        "more by {next}.",
        ours=True,
    ),
    Template(
        "update",
        "public",
        "Update on {system}: {update}\nWhat you may notice: {impact}\nWe expect it to be over by {eta} and will say "
        "more by {next}.",
        ours=True,
    ),
    Template(
        "resolved",
        "public",
        "{system} works again since {mitigated}. What you may have noticed: {impact}\nIt lasted {duration}. We are "
        "sorry for the trouble.",
        ours=True,
    ),
)
"""Ours."""

OURS: Final = Scheme(LEVELS, templates=TEMPLATES, flags=("data loss",))
"""What holds where nobody says anything."""


def adopted(scheme: Scheme, runbooks: Iterable[Runbook]) -> Scheme:
    """A scheme with what it leaves open filled from the runbooks: severities, ladder and contacts."""
    for book in runbooks:
        name = Path(book.path).name
        if scheme.levels_by == "ours" and book.levels:
            made = tuple(Level(one.name, one.about, one.respond) for one in book.levels)
            scheme = replace(scheme, levels=made, levels_by=name)
        if not scheme.ladder and book.ladder:
            from desk.runbook.people import beyond  # with a book at hand it is loaded

            rungs = [
                Rung(str(number), one.who, one.after, say=beyond(one))
                for number, one in enumerate(book.ladder, 1)
                if one.after is not None
            ]
            scheme = replace(scheme, ladder=tuple(rungs))
        known = {one.name.casefold() for one in scheme.contacts}
        more = [
            Contact(one.role, one.role, one.name, one.ways) for one in book.contacts if one.role.casefold() not in known
        ]
        scheme = replace(scheme, contacts=(*scheme.contacts, *_each_once(more)))
    return scheme


def _each_once(contacts: Sequence[Contact]) -> tuple[Contact, ...]:
    found: dict[str, Contact] = {}
    for one in contacts:
        found.setdefault(one.name.casefold(), one)
    return tuple(found.values())
