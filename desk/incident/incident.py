"""An incident as its records tell it: pure, and the same in every session whatever order the records come in.

Several people work on one. A record counts once; of two about one thing the later counts, and both stay in the
timeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from desk.incident.order import Skew, arranged
from desk.incident.record import PAGES, SAID, Declared, Link, Message, Record, Role, Sent, Stage, What
from desk.incident.scheme import Audience


@dataclass(frozen=True, slots=True)
class Moment:
    """That something was said, by whom, when."""

    at: datetime
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stage that was reached."""

    stage: Stage
    at: datetime
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody of the ladder was called."""

    rung: str
    at: datetime
    by: str
    who: str
    answered: bool
    text: str = ""
    phase: int = 0
    """Which of the incident's phases it fell into; clocks that differ don't matter then."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message and what became of it."""

    id: str
    at: datetime
    by: str
    message: Message
    sent: Sent
    words: str = ""
    """What was answered."""
    phase: int = 0
    """Which of the incident's phases it fell into."""

    @property
    def said(self) -> bool:
        """True when somebody may have read it."""
        return self.sent in SAID


@dataclass(frozen=True, slots=True)
class Item:
    """Something to be done so that it does not happen again."""

    id: str
    at: datetime
    by: str
    text: str
    owner: str = ""
    due: datetime | None = None
    done: Moment | None = None

    def overdue(self, now: datetime) -> bool:
        """True when its day has passed and it is not done."""
        return self.done is None and self.due is not None and self.due < now


@dataclass(frozen=True, slots=True)
class Security:
    """Evidence is kept: acts that destroy it are barred."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody lets one act be done all the same."""

    digest: str
    """Of the plan that was on the screen."""
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """What somebody said of an entry of the timeline, in a word."""

    about: str
    """Id of the entry."""
    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, as far as its records tell."""

    id: str
    about: Declared
    """As it was declared."""
    at: datetime
    """When it was declared."""
    by: str
    title: str
    level: str
    """Name of its severity now."""
    stage: Stage = Stage.DECLARED
    phases: tuple[Phase, ...] = ()
    """Every stage it reached, in order; the first is DECLARED."""
    roles: Mapping[Role, str] = field(default_factory=dict)
    """Who has which role; one that nobody has is not among them."""
    acknowledged: Moment | None = None
    """When somebody was first at it: they said so, took command, began to look, or had the alert in hand before."""
    eta: datetime | None = None
    began: datetime | None = None
    """When it began, as a person found out; None: not known."""
    impact: str = ""
    cause: str = ""
    flags: Mapping[str, datetime] = field(default_factory=dict)
    """What is so, since when: "data loss"."""
    notes: tuple[Moment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    links: tuple[Link, ...] = ()
    calls: tuple[Call, ...] = ()
    messages: tuple[Told, ...] = ()
    security: Security | None = None
    overrides: tuple[Override, ...] = ()
    items: tuple[Item, ...] = ()
    planned: datetime | None = None
    """When people meet for the post-mortem."""
    written: Moment | None = None
    """The post-mortem is written; where, in its text."""
    joined: str = ""
    """Id of the incident that goes on in its place."""
    people: tuple[str, ...] = ()
    """Everybody who did something in it, in order."""
    skews: tuple[Skew, ...] = ()
    """Clocks that can be shown to differ."""
    records: tuple[Record, ...] = ()
    """All of them, in order."""

    @property
    def short(self) -> str:
        """How people call it: the last six signs of its id."""
        return self.id[-6:]

    @property
    def open(self) -> bool:
        """True until it is resolved, or joined with another."""
        return self.stage is not Stage.RESOLVED and not self.joined

    @property
    def commander(self) -> str:
        """Who decides; empty: nobody yet."""
        return self.roles.get(Role.COMMANDER, "")

    @property
    def detected(self) -> datetime:
        """When it was noticed: the alert, or else the declaration."""
        return self.about.detected or self.at

    @property
    def clock(self) -> datetime:
        """From when the ladder and the messages count: the declaration, or the last re-opening."""
        return self.reached(Stage.REOPENED) or self.at

    @property
    def mitigated(self) -> datetime | None:
        """Since when it hurts nobody; None: it does, or that is not known."""
        return self.since(Stage.MITIGATED)

    @property
    def resolved(self) -> datetime | None:
        """When it was resolved; None: it is not."""
        return self.reached(Stage.RESOLVED) if self.stage is Stage.RESOLVED else None

    @property
    def reopened(self) -> int:
        """How often it came back."""
        return sum(one.stage is Stage.REOPENED for one in self.phases)

    @property
    def last(self) -> Record:
        """The newest record."""
        return self.records[-1]

    def reached(self, stage: Stage) -> datetime | None:
        """When it last reached a stage; None: never."""
        return next((one.at for one in reversed(self.phases) if one.stage is stage), None)

    def since(self, stage: Stage) -> datetime | None:
        """When it reached a stage, unless it has come back since."""
        for one in reversed(self.phases):
            if one.stage is stage:
                return one.at
            if one.stage is Stage.REOPENED:
                return None
        return None

    def linked(self, kind: str) -> tuple[Link, ...]:
        """What of a kind belongs to it."""
        return tuple(one for one in self.links if one.kind == kind)

    def calls_now(self) -> tuple[Call, ...]:
        """Calls since it was declared, or came back."""
        first = max((place for place, one in enumerate(self.phases) if one.stage is Stage.REOPENED), default=0)
        return tuple(one for one in self.calls if one.phase >= first)

    def told_end(self, audience: Audience) -> bool:
        """True when an audience was told since it was resolved."""
        last = self.said(audience)
        return self.stage is Stage.RESOLVED and last is not None and last.phase == len(self.phases) - 1

    def said(self, audience: Audience) -> Told | None:
        """The newest message to an audience that may have been read."""
        told = (one for one in reversed(self.messages) if one.said and one.message.template not in PAGES)
        return next((one for one in told if one.message.audience == audience), None)

    def open_items(self) -> tuple[Item, ...]:
        """Action items that are not done."""
        return tuple(one for one in self.items if one.done is None)


def after_of(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """What each record is known to follow, besides its session's earlier ones."""
    return {one.id: (one.after,) if one.after else () for one in records}


def folded(records: Iterable[Record]) -> Incident | None:
    """The incident that these records are about, in whatever order; None while its beginning is not among them."""
    there = {one.id: one for one in records}
    line, differ = arranged(there.values(), after_of(there.values()))
    first = next((one for one in line if one.declared is not None), None)
    if first is None or first.declared is None:
        return None
    state = _State(first, first.declared)
    for record in line:
        state.take(record)
    return replace(state.incident(), skews=differ, records=tuple(line))


class _State:
    """An incident while it is folded; records come in order."""

    def __init__(self, first: Record, about: Declared) -> None:
        self._first, self._about = first, about
        self._title, self._level = about.title, about.level
        self._phases = [Phase(Stage.DECLARED, first.at, first.by)]
        self._roles: dict[Role, str] = {}
        self._acknowledged: Moment | None = None
        if about.acknowledged is not None:
            self._acknowledged = Moment(about.acknowledged, about.acknowledged_by, "the alert was in hand")
        self._eta: datetime | None = None
        self._began: datetime | None = None
        self._texts = {What.IMPACT: "", What.CAUSE: ""}
        self._flags: dict[str, datetime] = {}
        self._notes: list[Moment] = []
        self._reactions: dict[tuple[str, str, str], Reaction] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._calls: list[Call] = []
        self._messages: dict[str, Told] = {}
        self._answers: dict[str, tuple[Sent, str]] = {}
        self._security: Security | None = None
        self._overrides: list[Override] = []
        self._items: dict[str, Item] = {}
        self._early: dict[str, list[Record]] = {}
        """Changes of items that are not there yet: clocks that nothing ties may put them first."""
        self._planned: datetime | None = None
        self._written: Moment | None = None
        self._joined = ""
        self._people: dict[str, None] = {}

    def take(self, record: Record) -> None:
        if record.by:
            self._people[record.by] = None
        moment = Moment(record.at, record.by, record.text)
        match record.what:
            case What.TITLED:
                self._title = record.text or self._title
            case What.GRADED:
                self._level = record.level or self._level
            case What.ACKNOWLEDGED:
                self._at_it(moment)
            case What.STAGED:
                self._stage(record)
            case What.ROLE:
                self._role(record)
            case What.ETA:
                self._eta = record.when
            case What.BEGAN:
                self._began = record.when
            case What.IMPACT | What.CAUSE:
                self._texts[record.what] = record.text
            case What.FLAG if record.flag:
                self._flags.setdefault(record.text, record.at)
            case What.FLAG:
                self._flags.pop(record.text, None)
            case What.NOTED:
                self._notes.append(moment)
            case What.REACTED:
                self._reactions[record.about, record.by, record.text] = Reaction(
                    record.about, record.at, record.by, record.text
                )
            case What.CALLED:
                self._calls.append(
                    Call(record.about, record.at, record.by, record.who, record.flag, record.text, self._phase)
                )
            case What.SECURED:
                self._security = self._security or Security(record.at, record.by, record.text)
            case What.RELEASED:
                self._security = None
            case What.OVERRODE:
                self._overrides.append(Override(record.about, record.at, record.by, record.text))
            case What.PLANNED:
                self._planned = record.when
            case What.WRITTEN:
                self._written = moment
            case What.JOINED:
                self._joined = record.about
            case _:
                self._take_part(record)

    def _take_part(self, record: Record) -> None:
        """What is about a part with an id of its own."""
        if record.link is not None:
            key = record.link.kind, record.link.id
            if record.what is What.LINKED:
                self._links[key] = record.link
            else:
                self._links.pop(key, None)
        elif record.message is not None:
            self._messages[record.id] = Told(
                record.id, record.at, record.by, record.message, record.message.sent, record.text, self._phase
            )
        elif record.what is What.ANSWERED and record.sent is not None:
            self._answers[record.about] = record.sent, record.text
        elif record.what is What.ITEM:
            item = Item(record.id, record.at, record.by, record.text, record.who, record.when)
            self._items[record.id] = item
            for change in self._early.pop(record.id, ()):
                self._change_item(change)
        elif record.what in (What.ITEM_CHANGED, What.ITEM_DONE, What.ITEM_OPENED):
            if record.about in self._items:
                self._change_item(record)
            else:
                self._early.setdefault(record.about, []).append(record)

    @property
    def _phase(self) -> int:
        return len(self._phases) - 1

    def _at_it(self, moment: Moment) -> None:
        self._acknowledged = self._acknowledged or moment

    def _stage(self, record: Record) -> None:
        assert record.stage is not None
        if record.stage is self._phases[-1].stage:  # two people said the same
            return
        self._phases.append(Phase(record.stage, record.at, record.by, record.text))
        if record.stage is not Stage.DECLARED:
            self._at_it(Moment(record.at, record.by, record.stage.value))

    def _role(self, record: Record) -> None:
        assert record.role is not None
        if not record.who:
            self._roles.pop(record.role, None)
            return
        self._roles[record.role] = record.who
        if record.role is Role.COMMANDER:
            self._at_it(Moment(record.at, record.by, f"{record.who} is commander"))

    def _change_item(self, record: Record) -> None:
        item = self._items[record.about]
        match record.what:
            case What.ITEM_DONE:
                item = replace(item, done=item.done or Moment(record.at, record.by, record.text))
            case What.ITEM_OPENED:
                item = replace(item, done=None)
            case _:
                item = replace(
                    item,
                    text=record.text or item.text,
                    owner=record.who or item.owner,
                    due=record.when or item.due,
                )
        self._items[record.about] = item

    def _told(self) -> Sequence[Told]:
        found = self._messages.values()
        return [
            replace(one, sent=said[0], words=said[1]) if (said := self._answers.get(one.id)) else one for one in found
        ]

    def incident(self) -> Incident:
        return Incident(
            id=self._first.incident,
            about=self._about,
            at=self._first.at,
            by=self._first.by,
            title=self._title,
            level=self._level,
            stage=self._phases[-1].stage,
            phases=tuple(self._phases),
            roles=self._roles,
            acknowledged=self._acknowledged,
            eta=self._eta,
            began=self._began,
            impact=self._texts[What.IMPACT],
            cause=self._texts[What.CAUSE],
            flags=self._flags,
            notes=tuple(self._notes),
            reactions=tuple(self._reactions.values()),
            links=tuple(self._links.values()),
            calls=tuple(self._calls),
            messages=tuple(self._told()),
            security=self._security,
            overrides=tuple(self._overrides),
            items=tuple(self._items.values()),
            planned=self._planned,
            written=self._written,
            joined=self._joined,
            people=tuple(self._people),
        )
