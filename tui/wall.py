"""The wall: one system on one big screen, to be looked at and never to be touched.

Nothing that acts is built here, and nothing that could be: the app is given no hands, and the room has keys for looking
only. What it shows is made of the board, the inbox and the open incident; log lines and statements are never among it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from desk import words
from desk.board import Freshness, Slot
from desk.inbox.case import Case
from desk.inbox.grouping import Item, items, speaking
from desk.incident.incidents import Incidents
from desk.incident.journal import FILE, IncidentJournal
from desk.profile import Profile
from probes.base import GaugeKey, Severity, Target
from probes.base.log import masked
from tui import wiring
from tui.app import OpsroomApp
from tui.incident_papers import Papers
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets
from tui.timelines import Timelines
from tui.wall_incident import situation
from widgets.lines import Span, dim, sign
from widgets.overview import Entry, shows_values
from widgets.panel import Member
from widgets.wall import FINE, WORDS, Card, Number, Told

if TYPE_CHECKING:
    from tui.screens.base import RoomScreen
    from widgets.wall_incident import Situation

EVERY: Final = 15.0
"""Seconds that a page is shown."""

OVERVIEW: Final = "overview"
INCIDENT: Final = "incident"
ALERTS: Final = "alerts"
FLEET: Final = "fleet"
GROUPS: Final = "groups"
"""Stands for a page of every group."""

READ_ONLY: Final = "read-only: this is a wall, and nothing can be done from it"

_MACHINE: Final = "host"
"""The kind of which each target is one machine."""

_UNITS: Final = ("_per_second", "_bytes", "_seconds", "_ratio", "_total")
"""Ends of gauges' names that their unit says anyway."""


@dataclass(frozen=True, slots=True)
class Page:
    """One of the pages that take turns."""

    name: str
    mark: Span
    urgent: bool = False
    """True while something critical on it is in nobody's hands."""


class Rotation:
    """Which page is shown: each in turn, but what is critical and in nobody's hands stays. Pure; told the time."""

    def __init__(self, every: float = EVERY) -> None:
        self.every = every
        self.here = ""
        """Name of the page that is shown."""
        self.held = False
        """True when a person wants this page to stay."""
        self._since = 0.0
        self._names: list[str] = []
        self._urgent: frozenset[str] = frozenset()

    @property
    def staying(self) -> bool:
        """True while it stays with the one page that is urgent."""
        return self._urgent == {self.here}

    def see(self, pages: Sequence[Page], now: float) -> None:
        """These are the pages now; move on where it is time, and at once to what has just become urgent."""
        self._names = [page.name for page in pages]
        urgent = frozenset(page.name for page in pages if page.urgent)
        fresh, self._urgent = urgent - self._urgent, urgent
        if self.here not in self._names:
            self._go(self._names[0] if self._names else "", now)
        if self.held:
            return
        if fresh and self.here not in urgent:
            self._go(next(name for name in self._names if name in fresh), now)
        elif now - self._since >= self.every:
            self._on([name for name in self._names if name in urgent] or self._names, now)

    def left(self, now: float) -> float:
        """Seconds until the next page."""
        return max(0.0, self.every - (now - self._since))

    def turn(self, by: int, now: float) -> None:
        """A person wants the next page (1) or the one before (-1)."""
        if self._names:
            at = self._names.index(self.here) if self.here in self._names else 0
            self._go(self._names[(at + by) % len(self._names)], now)

    def hold(self, now: float) -> None:
        """Stay here, or go on."""
        self.held = not self.held
        self._since = now

    def _on(self, among: Sequence[str], now: float) -> None:
        """The next of these pages after this one, in the order of all."""
        at = self._names.index(self.here)
        order = [*self._names[at + 1 :], *self._names[: at + 1]]
        self._go(next(name for name in order if name in among), now)

    def _go(self, name: str, now: float) -> None:
        self.here, self._since = name, now


class Wall:
    """What the pages are made of, from the room as it is now."""

    def __init__(self, room: Room, mask: Callable[[str], str], pages: Sequence[str] = (), every: float = EVERY) -> None:
        """`mask` takes secrets out of a text. `pages`: those that take turns, by name; none: all."""
        self.room = room
        self.rotation = Rotation(every)
        self.situation: Callable[[], Situation | None] = lambda: None
        """The open incident; None: there is none."""
        self.mask = mask
        self._wanted = tuple(pages)

    def titles(self) -> list[str]:
        """The groups of targets, the worst first."""
        loud, _ = speaking(self.room.cases())
        worst = {case.alert.target: case.alert.severity for case in sorted(loud, key=lambda case: case.alert.severity)}
        blocks = self.room.blocks()
        order = {
            block.title: (-max((worst.get(entry.name, 0) for entry in block.entries), default=0), place)
            for place, block in enumerate(blocks)
        }
        return sorted(order, key=lambda title: order[title])

    def pages(self, open_: Situation | None) -> list[Page]:
        """The pages that take turns now: overview, incident, groups worst first, the fleet, alerts."""
        loud, _ = speaking(self.room.cases())
        free = {case.alert.target for case in loud if case.alert.severity is Severity.CRITICAL and not case.handed}
        blocks = {block.title: block for block in self.room.blocks()}
        made = [Page(OVERVIEW, _worst_mark(case.alert.severity for case in loud))]
        if open_ is not None:
            made.append(Page(INCIDENT, Span(sign(Severity.CRITICAL).text, open_.tone)))
        for title in self.titles():
            names = {entry.name for entry in blocks[title].entries}
            mark = _worst_mark(case.alert.severity for case in loud if case.alert.target in names)
            made.append(Page(title, mark, bool(names & free)))
        if len(machines := self._members()) > 1:
            alone = {entry.name for entry, one in machines if one is None or entry.slot.target.kind == _MACHINE}
            said = [case.alert.severity for case in loud if case.alert.target in alone]
            made.append(
                Page(FLEET, _worst_mark([*said, *(one.severity for _, one in machines if one and one.severity)]))
            )
        made.append(Page(ALERTS, _worst_mark(case.alert.severity for case in loud)))
        if not self._wanted:
            return made
        chosen = [page for page in made if page.name.lower() in self._wanted or self._is_group(page.name)]
        return chosen or made[:1]

    def _is_group(self, name: str) -> bool:
        return GROUPS in self._wanted and name not in (OVERVIEW, INCIDENT, FLEET, ALERTS)

    def cards(self, title: str | None = None) -> list[Card]:
        """A card for each target of a group, or of all, the worst first and of equals those not known."""
        now, told = self.room.now, self._told_of()
        entries = [entry for block in self.room.blocks() if title in (None, block.title) for entry in block.entries]
        made = [self._card(entry, tuple(told.get(entry.name, ())), now, title is not None) for entry in entries]
        return sorted(made, key=lambda card: (-(card.severity or 0), card.known))

    def _told_of(self) -> dict[str, list[Told]]:
        """What speaks about each target, the worst first."""
        loud, _ = speaking(self.room.cases())
        told: dict[str, list[Told]] = {}
        for item in items(loud):
            told.setdefault(item.face.alert.target, []).append(self._told(item, self.room.now))
        return told

    def fleet(self) -> list[Card]:
        """A card for each machine that any target tells of, the worst first, and of equals those not known."""
        now, told = self.room.now, self._told_of()
        made = []
        for entry, one in self._members():
            if one is None or entry.slot.target.kind == _MACHINE:
                card = self._card(entry, tuple(told.get(entry.name, ())), now, False)
            else:
                card = self._machine(entry, one, now)
            made.append((card, one.trouble if one else 0.0))
        made.sort(key=lambda one: (-(one[0].severity or 0), one[0].known, -one[1]))
        return [card for card, _ in made]

    def _members(self) -> list[tuple[Entry, Member | None]]:
        """The machines of the fleet, each with the target that tells of it; None: it tells of them, and not now."""
        now = self.room.now
        found: list[tuple[Entry, Member | None]] = []
        for entry in (entry for block in self.room.blocks() for entry in block.entries):
            there = entry.members() if entry.slot.snapshot is not None else ()
            if shows_values(entry.slot, now):
                found += [(entry, one) for one in there]
            elif there or _tells_of_machines(entry.slot.target):
                found.append((entry, None))
        return found

    def _machine(self, entry: Entry, one: Member, now: float) -> Card:
        fresh = entry.slot.freshness(now) is Freshness.FRESH
        age = "not heard" if one.age is None else f"{words.age(one.age + (entry.slot.age(now) or 0.0))} ago"
        word = one.word or (WORDS[one.severity] if one.severity is not None else FINE)
        return Card(
            self.mask(one.name),
            word if fresh else entry.slot.state(now).value,
            one.severity if fresh else None,
            fresh and not one.word,
            age,
            self.mask(one.said),
        )

    def alerts(self) -> tuple[list[Told], int, bool]:
        """(every alert that speaks, how many are silenced, whether every target has answered)."""
        loud, silenced = speaking(self.room.cases())
        known = all(slot.freshness(self.room.now) is Freshness.FRESH for slot in self.room.board.slots())
        return [self._told(item, self.room.now) for item in items(loud)], silenced, known

    def _told(self, item: Item, now: float) -> Told:
        case: Case = item.face
        alert = case.alert
        more = f" and {item.alerts - 1} more of {alert.rule}" if item.folded else ""
        number = "" if alert.value is None else words.amount(alert.value, alert.unit)
        said = self.mask(alert.words) + more
        return Told(alert.severity, alert.target, said, now - alert.since, number, self.mask(item.handed), case.late)

    def _card(self, entry: Entry, told: tuple[Told, ...], now: float, numbers: bool) -> Card:
        slot = entry.slot
        known = slot.freshness(now) is Freshness.FRESH
        severity = max((one.severity for one in told), default=None)
        word = WORDS[severity] if severity is not None else FINE
        if not known:
            word = slot.state(now).value
        values = self._numbers(entry) if numbers and shows_values(slot, now) else ()
        return Card(entry.name, word, severity, known, _age(slot, now), self._said(entry, told, now), told, values)

    def _said(self, entry: Entry, told: Sequence[Told], now: float) -> str:
        """The worst thing that is wrong, or why nothing is known, or how it is."""
        slot = entry.slot
        if slot.failure is not None:
            return self.mask(str(slot.failure.message))
        if told:
            return told[0].words + (f"  +{len(told) - 1}" if len(told) > 1 else "")
        if slot.snapshot is None or not shows_values(slot, now):
            return ""
        parts = [part.text if isinstance(part, Span) else str(part) for part in entry.headline()]
        parts += [f"{words.plural(len(slot.snapshot.gaps), 'part')} not read"] if slot.snapshot.gaps else []
        return self.mask("  ".join(parts))

    def _numbers(self, entry: Entry) -> tuple[Number, ...]:
        """The gauges that are about the whole target: those with labels may carry names from outside."""
        assert entry.slot.snapshot is not None
        found = entry.slot.snapshot.gauges
        return tuple(
            Number(
                called(spec.name),
                words.amount(found[GaugeKey(spec.name)], spec.unit),
                tuple(entry.series.values(spec.name)),
            )
            for spec in self.room.engine.probe(entry.name).gauges
            if GaugeKey(spec.name) in found and not spec.counter
        )


def _tells_of_machines(target: Target) -> bool:
    """True for a machine, and for what is asked for many."""
    return target.kind == _MACHINE or bool(getattr(target.settings, "fleet", False))


def called(gauge: str) -> str:
    """A gauge's name in words.

    >>> called("used_memory_bytes"), called("latency_seconds")
    ('used memory', 'latency')
    """
    end = next((one for one in _UNITS if gauge.endswith(one) and gauge != one), "")
    return gauge.removesuffix(end).replace("_", " ").strip()


def _age(slot: Slot, now: float) -> str:
    age = slot.age(now)
    return f"no answer for {words.age(now - slot.since)}" if age is None else f"{words.age(age)} ago"


def _worst_mark(severities: Iterable[Severity]) -> Span:
    worst = max(severities, default=None)
    return sign(worst) if worst is not None else dim(" ")


class WallApp(OpsroomApp):
    """The wall on a terminal. It is made without hands, and there is no way to give it any."""

    def __init__(
        self,
        room: Room,
        secrets: Secrets,
        theme: str,
        wall: Wall,
        incidents: tuple[Incidents, IncidentJournal] | None,
        timelines: Timelines | None = None,
    ) -> None:
        """`incidents`, and what shares them with other sessions; None: the wall knows of none. `timelines`: what
        happened beside them."""
        if room.make_procedures is not None or room.make_checklists is not None or room.hands is not None:
            raise ValueError("a wall only looks")
        super().__init__(room, secrets, theme)
        self.wall = wall
        self._incidents, self._timelines = incidents, timelines

    async def _start(self) -> None:
        await super()._start()
        if self._incidents is not None:
            incidents, journal = self._incidents
            journal.start(incidents)

    async def on_unmount(self) -> None:
        """Let go of everything."""
        if self._timelines is not None:
            self._timelines.close()
        if self._incidents is not None:
            self._incidents[1].close()
        await super().on_unmount()

    def first_screen(self) -> RoomScreen:
        """The pages."""
        from tui.screens.wall import WallScreen

        return WallScreen(self.room, self.wall)

    def on_app_focus(self) -> None:
        """Nothing here waits to be confirmed."""


def make(
    profile: Profile,
    kinds: Kinds,
    secrets: Secrets,
    places: Places,
    environ: Mapping[str, str],
    theme: str,
    pages: Sequence[str] = (),
    every: float = EVERY,
) -> WallApp:
    """The wall of a profile; nothing is connected yet."""
    engine = wiring.build(profile, kinds, secrets, places)
    room = Room(engine, profile, kinds, Keymap().for_wall(), read_only_because=READ_ONLY, undecided_because=READ_ONLY)
    room.sharing = sharing = wiring.sharing(profile, engine, secrets, places, environ, "the wall", wall=True)
    room.keep = partial(wiring.journal, profile, engine, secrets, places, sharing)
    made = Wall(room, mask_of(secrets), pages, every)
    incidents = Incidents(engine.clock, "the wall", scheme=profile.incidents)
    file = (places.acts or places.system(profile.system, profile.environment)) / FILE
    journal = IncidentJournal(file, engine.clock, secrets.redact)
    if sharing is not None:
        sharing.join(journal)
    timelines = Timelines(room, incidents, Papers(profile, places))
    made.situation = lambda: situation(incidents, engine.clock.now(), made.mask, room.present(), timelines)
    return WallApp(room, secrets, theme, made, (incidents, journal), timelines)


def mask_of(secrets: Secrets) -> Callable[[str], str]:
    """Takes what is secret, and what can be told to look so, out of a text."""
    return lambda text: masked(secrets.redact(text))
