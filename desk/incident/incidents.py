"""The incidents of a system, as this session knows them: declared, worked on and ended here or in other sessions.

Whatever happens is a record. It counts at once, is handed to the store, and is known to be kept when the store says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from desk.alert import Alert
from desk.clock import Clock
from desk.ids import new_id
from desk.inbox.case import Case
from desk.incident.evidence import TYPED, barred
from desk.incident.incident import Incident, Item, folded
from desk.incident.record import TEXT, Declared, Link, Message, Record, Role, Sent, Stage, What
from desk.incident.scheme import OURS, Audience, Scheme
from desk.incident.timeline import Entry, of_incident, span_of, woven
from desk.incident.timers import Timer, open_items, timers, watch
from desk.runs.record import Occasion, capped, writable
from desk.words import clock as time_of_day
from probes.base import Plan

REMEMBERED: Final = 1000
"""Incidents in memory; of more the oldest that are over and have nothing left to do are let go."""

RECORDS: Final = 5000
"""Records of one incident; one that has more takes only its end from here."""


class IncidentError(Exception):
    """It can't be done; the message says why, for a person."""


class Incidents:
    """Every incident. On the event loop; never waits for the disk."""

    def __init__(
        self,
        clock: Clock,
        who: str,
        host: str = "",
        scheme: Scheme = OURS,
        mask: Callable[[str], str] = lambda text: text,
        ids: Callable[[], str] = new_id,
    ) -> None:
        """`who` works here, on `host`. `mask` takes secrets out of what is written."""
        self._clock, self.who, self.host, self.scheme = clock, who, host, scheme
        self._mask, self._ids = mask, ids
        self._session, self._seq = ids(), 0
        self._records: dict[str, dict[str, Record]] = {}
        self._incidents: dict[str, Incident] = {}
        self._waiting: dict[str, str] = {}
        """Records that are not known to be kept, and their incidents."""
        self._write: Callable[[Sequence[Record]], None] | None = None
        self._early: deque[Record] = deque()
        self._told: set[tuple[str, str, str, datetime]] = set()
        """Timers whose end was told."""
        self.changed: Callable[[], None] = lambda: None
        """Called when an incident is another one than before."""

    # where they are kept

    def keep(self, write: Callable[[Sequence[Record]], None]) -> None:
        """From now on hand every record to `write`, those made already too."""
        self._write = write
        if self._early:
            early, self._early = list(self._early), deque()
            write(early)

    def take(self, records: Iterable[Record]) -> None:
        """Take in what the store holds, from this session or others; each counts once."""
        touched = {record.incident for record in records if self._add(record)}
        for one in touched:
            self._fold(one)
        if touched:
            self._forget()
            self.changed()

    def kept(self, ids: Iterable[str]) -> None:
        """These records are on disk."""
        for one in ids:
            self._waiting.pop(one, None)
        self.changed()

    def unkept(self, incident: str) -> int:
        """Records of an incident that are not known to be on disk."""
        return sum(one == incident for one in self._waiting.values())

    def again(self) -> list[Record]:
        """Every record of the incidents that are not done with: for a store that has lost them."""
        return [record for one in self.all() if unsettled(one, self._clock.now()) for record in one.records]

    # what there is

    def get(self, incident: str) -> Incident | None:
        """An incident by its id."""
        return self._incidents.get(incident)

    def find(self, word: str) -> list[Incident]:
        """Those that a person means by an id, its beginning or its end; "last" is the newest."""
        return found(self.all(), word)

    def all(self) -> list[Incident]:
        """Every incident that is remembered, the oldest first."""
        return sorted(self._incidents.values(), key=lambda one: (one.at, one.id))

    def open(self) -> list[Incident]:
        """Those that go on, the worst and of equals the oldest first."""
        there = (one for one in self._incidents.values() if one.open)
        return sorted(there, key=lambda one: (self.scheme.rank(one.level), one.at, one.id))

    def of_case(self, case: str) -> list[Incident]:
        """Those that an alert belongs to, the newest first: look here before another is declared."""
        return [one for one in reversed(self.all()) if any(link.id == case for link in one.linked("case"))]

    def items(self) -> list[tuple[Incident, Item]]:
        """Action items of all incidents that are not done, the first due first."""
        return open_items(self._incidents.values())

    def timers(self, incident: str) -> tuple[Timer, ...]:
        """What is due in an incident, the first due first."""
        return timers(self._there(incident), self.scheme, self._clock.now())

    def rings(self) -> list[tuple[Incident, Timer]]:
        """Timers that are over since this was last asked; each is told once in a session."""
        now, made = self._clock.now(), []
        for one in self.all():
            if not unsettled(one, self._clock.now()):
                continue
            for timer in timers(one, self.scheme, now):
                key = one.id, timer.kind.name, timer.about, timer.due
                if timer.over(now) and key not in self._told:
                    self._told.add(key)
                    made.append((one, timer))
        return made

    def entries(self, incident: str, *more: Iterable[Entry]) -> list[Entry]:
        """The timeline: the incident's own records, and what happened beside it (`beside.of_cases` ...), in order."""
        return woven(of_incident(self._there(incident)), *more)

    def span(self, incident: str) -> tuple[datetime, datetime]:
        """From when until when things beside it belong to its timeline."""
        return span_of(self._there(incident), self._clock.now())

    # what people do

    def declare(self, title: str, level: str, case: Case | Alert | None = None, security: str = "") -> Incident:
        """Declare one, from an alert or freely. `security`: why evidence is to be kept from the first moment on."""
        if not title.strip():
            raise IncidentError("it needs a title")
        if not level.strip():
            raise IncidentError("it needs a severity")
        alert = case.alert if isinstance(case, Case) else case
        name = case.id if isinstance(case, Case) else ""
        held = case.acknowledged if isinstance(case, Case) else None
        occasion = None
        if alert is not None:
            occasion = Occasion(name, alert.target, alert.rule, self._clean(alert.words), alert.labels)
        said = Declared(
            self._clean(title), level.strip(), alert.at if alert is not None else None,
            held.at if held is not None else None, held.by if held is not None else "", occasion,
        )  # fmt: skip
        incident = self._ids()
        self._put(incident, What.DECLARED, self._clean(title), declared=said)
        if occasion is not None and name:
            self._put(incident, What.LINKED, link=Link("case", name, f"{occasion.target}: {occasion.words}"))
        if security.strip():
            self.secure(incident, security)
        return self._incidents[incident]

    def rename(self, incident: str, title: str) -> None:
        """Give it another title."""
        self._change(incident, What.TITLED, self._needed(title, "a title"))

    def grade(self, incident: str, level: str, why: str = "") -> None:
        """Change its severity."""
        self._change(incident, What.GRADED, self._clean(why), level=self._needed(level, "a severity"))

    def acknowledge(self, incident: str, note: str = "") -> None:
        """Say that somebody is at it."""
        self._change(incident, What.ACKNOWLEDGED, self._clean(note))

    def investigate(self, incident: str, note: str = "") -> None:
        """Say that it is being looked into."""
        self._stage(incident, Stage.INVESTIGATING, note)

    def mitigate(self, incident: str, note: str = "") -> None:
        """Say that it hurts nobody any more; from now on it is watched."""
        self._stage(incident, Stage.MITIGATED, note)

    def resolve(self, incident: str, note: str = "", early: str = "") -> None:
        """End it. Raises `IncidentError` before it was mitigated and watched, unless `early` says why."""
        there = self._there(incident)
        timer = watch(there, self.scheme)
        if not early.strip() and self.scheme.watching(there.level) is not None:
            if there.stage is not Stage.MITIGATED:
                raise IncidentError("it was not mitigated and watched: say why it is over already")
            if timer is not None and not timer.over(self._clock.now()):
                raise IncidentError(f"it is watched until {time_of_day(timer.due)}: say why it is over already")
        self._stage(incident, Stage.RESOLVED, "; ".join(part for part in (note.strip(), early.strip()) if part))

    def reopen(self, incident: str, why: str) -> None:
        """It is not over."""
        there = self._there(incident)
        if there.stage not in (Stage.MITIGATED, Stage.RESOLVED) or there.joined:
            raise IncidentError("it is not over")
        self._put(incident, What.STAGED, self._needed(why, "a reason"), stage=Stage.REOPENED)

    def assign(self, incident: str, role: Role, who: str = "", note: str = "") -> None:
        """Give a role to somebody, also the one who has it to another (a hand-over); empty: nobody has it."""
        self._change(incident, What.ROLE, self._clean(note), role=role, who=self._clean(who))

    def expect(self, incident: str, when: datetime | None, note: str = "") -> None:
        """Say when it should be over; None: nobody knows any more."""
        self._change(incident, What.ETA, self._clean(note), when=when)

    def set_began(self, incident: str, when: datetime, note: str = "") -> None:
        """Say when it really began. Also after its end."""
        if when > self._clock.now():
            raise IncidentError("it can't have begun in the future")
        self._add_to(incident, What.BEGAN, self._clean(note), when=when)

    def set_impact(self, incident: str, text: str) -> None:
        """Say what customers feel. Also after its end."""
        self._add_to(incident, What.IMPACT, self._clean(text))

    def set_cause(self, incident: str, text: str) -> None:
        """Say why it happened. Also after its end."""
        self._add_to(incident, What.CAUSE, self._clean(text))

    def flag(self, incident: str, name: str, on: bool = True) -> None:
        """Say that something is so, or is not: "data loss"."""
        self._change(incident, What.FLAG, self._needed(name, "a name"), flag=on)

    def note(self, incident: str, text: str) -> None:
        """Write something down. Also after its end."""
        if text.strip():
            self._add_to(incident, What.NOTED, self._clean(text))

    def react(self, incident: str, about: str, text: str) -> None:
        """Say something in a word of an entry of the timeline."""
        if text.strip():
            self._add_to(incident, What.REACTED, self._clean(text)[:40], about=about)

    def link(self, incident: str, link: Link) -> None:
        """Something belongs to it: a case, a run, an address. Also after its end."""
        self._add_to(incident, What.LINKED, link=link)

    def unlink(self, incident: str, link: Link) -> None:
        """It does not."""
        self._add_to(incident, What.UNLINKED, link=link)

    def call(self, incident: str, rung: str, who: str, answered: bool, note: str = "") -> None:
        """Somebody of the ladder was called, and answered or did not."""
        self._change(incident, What.CALLED, self._clean(note), about=rung, who=self._clean(who), flag=answered)

    def message(self, incident: str, template: str, audience: Audience, channel: str, text: str) -> str:
        """A message is about to be sent, or was copied (channel "clipboard"). Its id, for `answered`."""
        said = writable(text).strip()
        if not said:
            raise IncidentError("an empty message says nothing")
        if self._mask(said) != said:
            raise IncidentError("a secret stands in it: nothing was sent")
        if len(said) > TEXT:
            raise IncidentError(f"it is longer than {TEXT:,} characters")
        sent = Sent.COPIED if channel == CLIPBOARD else Sent.SENDING
        message = Message(template, audience, channel, said, sent)
        return self._add_to(incident, What.MESSAGE, message=message).id

    def answered(self, incident: str, message: str, sent: Sent, words: str = "") -> None:
        """What became of a message."""
        self._add_to(incident, What.ANSWERED, self._clean(words), about=message, sent=sent)

    def secure(self, incident: str, why: str) -> None:
        """Keep evidence: what destroys it is barred."""
        self._add_to(incident, What.SECURED, self._needed(why, "a reason"))

    def release(self, incident: str, why: str) -> None:
        """Evidence is safe, or is not needed: nothing is barred any more."""
        if self._there(incident).security is None:
            raise IncidentError("security mode is not on")
        self._add_to(incident, What.RELEASED, self._needed(why, "a reason"))

    def gathered(self, incident: str, words: str) -> None:
        """A bundle of evidence was written, or could not be."""
        self._add_to(incident, What.GATHERED, self._needed(words, "what came of it"))

    def override(self, incident: str, digest: str, reason: str, typed: str) -> None:
        """Let one act be done that security mode bars: the plan of this digest, for a short while."""
        if self._there(incident).security is None:
            raise IncidentError("security mode is not on")
        if typed != TYPED:
            raise IncidentError(f"type {TYPED} to go on")
        self._add_to(incident, What.OVERRODE, self._needed(reason, "a reason"), about=digest)

    def add_item(self, incident: str, text: str, owner: str = "", due: datetime | None = None) -> str:
        """Something is to be done so that it does not happen again; its id. Also after the end."""
        said = self._needed(text, "what is to be done")
        return self._add_to(incident, What.ITEM, said, who=self._clean(owner), when=due).id

    def change_item(
        self, incident: str, item: str, text: str = "", owner: str = "", due: datetime | None = None
    ) -> None:
        """Change what is given of an action item; what is empty stays."""
        self._item(incident, item)
        self._add_to(incident, What.ITEM_CHANGED, self._clean(text), about=item, who=self._clean(owner), when=due)

    def do_item(self, incident: str, item: str, note: str = "") -> None:
        """An action item is done."""
        self._item(incident, item)
        self._add_to(incident, What.ITEM_DONE, self._clean(note), about=item)

    def reopen_item(self, incident: str, item: str, why: str = "") -> None:
        """It is not."""
        self._item(incident, item)
        self._add_to(incident, What.ITEM_OPENED, self._clean(why), about=item)

    def plan_post_mortem(self, incident: str, when: datetime) -> None:
        """Say when people meet."""
        self._add_to(incident, What.PLANNED, when=when)

    def post_mortem_written(self, incident: str, where: str) -> None:
        """The post-mortem is written; where it lies."""
        self._add_to(incident, What.WRITTEN, self._needed(where, "where it lies"))

    def join(self, incident: str, other: str) -> None:
        """It is the same as another, which goes on with its links."""
        into = self._there(other)
        if incident == other or into.joined or not into.open:
            raise IncidentError("that one does not go on")
        for link in self._there(incident).links:
            if link not in into.links:
                self._put(other, What.LINKED, link=link)
        self._change(incident, What.JOINED, into.title, about=other)

    # what others ask

    def bars(self, plan: Plan, digest: str, confirmed: datetime | None = None) -> str:
        """Why security mode bars a plan now, in words; empty: it does not. `digest` is `guard.digest_of` of it;
        `confirmed`: when it was, of one that is being done."""
        return barred(plan, digest, self.all(), self.who, confirmed or self._clock.now())

    # records

    def _there(self, incident: str) -> Incident:
        there = self._incidents.get(incident)
        if there is None:
            raise IncidentError("that incident is not known here")
        return there

    def _item(self, incident: str, item: str) -> None:
        if all(one.id != item for one in self._there(incident).items):
            raise IncidentError("it has no such action item")

    def _stage(self, incident: str, stage: Stage, note: str) -> None:
        if self._there(incident).stage is stage:
            raise IncidentError(f"it is {stage.value} already")
        self._change(incident, What.STAGED, self._clean(note), stage=stage)

    def _change(self, incident: str, what: What, text: str = "", **more: Any) -> Record:
        """Something that only an open incident takes."""
        there = self._there(incident)
        if there.joined:
            raise IncidentError("it was joined with another")
        if not there.open:
            raise IncidentError("it is over: re-open it first")
        return self._add_to(incident, what, text, **more)

    def _add_to(self, incident: str, what: What, text: str = "", **more: Any) -> Record:
        there = self._there(incident)
        if len(there.records) >= RECORDS and what is not What.STAGED:
            raise IncidentError("it has as many records as one may have")
        return self._put(incident, what, text, **more)

    def _put(self, incident: str, what: What, text: str = "", **more: Any) -> Record:
        there = self._incidents.get(incident)
        self._seq += 1
        record = Record(
            self._ids(), self._clock.now(), incident, what, self.who, self.host, self._session, self._seq,
            there.last.id if there is not None else "", text, **more,
        )  # fmt: skip
        self._add(record)
        self._waiting[record.id] = incident
        self._fold(incident)
        if self._write is not None:
            self._write([record])
        else:
            self._early.append(record)
        self.changed()
        return record

    def _needed(self, text: str, what: str) -> str:
        said = self._clean(text)
        if not said:
            raise IncidentError(f"{what} is needed")
        return said

    def _clean(self, text: str) -> str:
        return capped(self._mask(writable(text).strip()), TEXT)

    def _add(self, record: Record) -> bool:
        there = self._records.setdefault(record.incident, {})
        if record.id in there:
            return False
        there[record.id] = record
        return True

    def _fold(self, incident: str) -> None:
        made = folded(self._records[incident].values())
        if made is not None:
            self._incidents[incident] = made

    def _forget(self) -> None:
        over = [one for one in self.all() if not unsettled(one, self._clock.now())]
        for one in over[: max(0, len(self._incidents) - REMEMBERED)]:
            del self._incidents[one.id], self._records[one.id]


CLIPBOARD: Final = "clipboard"
"""Channel of a message that was copied."""

_LATE: Final = timedelta(days=90)
"""How long after its end a post-mortem is waited for; action items are tracked until they are done."""


def found(incidents: Sequence[Incident], word: str) -> list[Incident]:
    """Those that a person means by an id, its beginning or its end; "last" is the newest of them."""
    said = word.strip().lower()
    if said == "last":
        return list(incidents[-1:])
    exact = [one for one in incidents if one.id.lower() == said]
    return exact or [one for one in incidents if said and (one.id.startswith(said) or one.id.endswith(said))]


def unsettled(incident: Incident, now: datetime) -> bool:
    """True while anything is left to be done about it: it goes on, keeps evidence, or what comes after it waits."""
    if incident.joined:
        return incident.security is not None
    waits = incident.written is None and now - (incident.resolved or now) < _LATE
    return incident.open or waits or incident.security is not None or bool(incident.open_items())


__all__ = ["CLIPBOARD", "RECORDS", "REMEMBERED", "TYPED", "IncidentError", "Incidents", "found", "unsettled"]
