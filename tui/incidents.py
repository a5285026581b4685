"""The incidents of a system as one session has them: what is due, what happened beside them, and the ways out of it:
to a file, to other people."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from desk import words
from desk.inbox.case import Case
from desk.incident import message
from desk.incident.incident import Incident
from desk.incident.incidents import CLIPBOARD, IncidentError, Incidents
from desk.incident.journal import IncidentJournal
from desk.incident.message import Draft, Outgoing
from desk.incident.record import PAGE, PAGE_OVER, Link, Sent
from desk.incident.scheme import Scheme, Template, adopted
from desk.incident.timeline import Entry
from desk.incident.timers import Kind, Timer, disturbed
from desk.incident.unsaid import Unsaid
from desk.notices.wording import System
from probes.base import Delivery, Lane, Notice, ProbeError, SafeText
from tui.evidence import Evidence
from tui.incident_papers import NoPapers, Papers
from tui.oncall import on_call
from tui.timelines import Timelines
from widgets.incident import due_words, strip
from widgets.lines import Line

if TYPE_CHECKING:
    from tui.room import Room

_DAY: Final = timedelta(days=1)


class IncidentDesk:
    """A session's incidents. Its methods belong to the event loop and never wait."""

    def __init__(
        self,
        room: Room,
        incidents: Incidents,
        journal: IncidentJournal | None = None,
        papers: Papers | None = None,
        outgoing: Outgoing | None = None,
        mask: Callable[[str], str] = str,
        unsaid: Unsaid | None = None,
    ) -> None:
        """`journal` keeps them; None: this session alone knows them. `papers`: what lies beside; None: nothing does.
        `outgoing` sends messages; without it they are copied. `mask` takes secrets out of what is shown to others.
        `unsaid`: what this person began to write; None: it does not outlive the session."""
        self.incidents = incidents
        self.journal = journal
        self.unsaid = unsaid or Unsaid(None, incidents.who)
        self._room, self._papers, self._outgoing, self._mask = room, papers, outgoing, mask
        self._own = incidents.scheme
        """The scheme before any runbook was read."""
        self._books: tuple[int, ...] = ()
        self._lane = Lane("incidents", limit=1)
        self._timelines = Timelines(room, incidents, papers)
        self.evidence = Evidence(room, incidents, papers, mask)
        self._due: tuple[float, tuple[Timer, ...]] | None = None
        self._changed: Callable[[], None] = lambda: None

    # life

    def start(self, changed: Callable[[], None] = lambda: None) -> None:
        """Begin to keep them and to bring those of others; `changed` is told when what is shown may be another."""
        self._changed = changed
        self._timelines.changed = changed
        self.incidents.changed = self._heard
        loop = asyncio.get_running_loop()

        def known() -> None:
            with suppress(RuntimeError):  # the session has ended meanwhile
                loop.call_soon_threadsafe(changed)

        self.unsaid.start(known)
        if self.journal is not None:
            self.journal.start(self.incidents)

    def close(self) -> None:
        """Write what waits and let go."""
        self.incidents.changed = lambda: None
        self._timelines.close()
        self.evidence.close()
        self.unsaid.close()
        if self.journal is not None:
            self.journal.close()
        self._lane.close()

    def tick(self, say: Callable[[str], None]) -> None:
        """Once a second: runbooks that were read fill in the scheme, evidence is guarded, what is due is told."""
        there = self._room.procedures
        books = tuple(map(id, there.books)) if there is not None else ()
        if there is not None and books != self._books:
            self._books, self.incidents.scheme = books, adopted(self._own, there.books)
        if self._room.hands is not None:
            self._room.hands.bars = self.incidents.bars
        self._due = None
        for incident, timer in self.incidents.rings():
            if incident.open or timer.kind is not Kind.ITEM:
                told = due_words(timer, self.now).text
                say(f"{told}: {SafeText(incident.level, 12)} {SafeText(incident.title, 40)}")

    def _heard(self) -> None:
        self._due = None
        self._changed()

    @property
    def now(self) -> datetime:
        """The moment, aware UTC."""
        return self._room.engine.clock.now()

    @property
    def scheme(self) -> Scheme:
        """How incidents are handled here."""
        return self.incidents.scheme

    @property
    def system(self) -> System:
        """What messages are about."""
        profile = self._room.profile
        return System(profile.system, profile.environment, profile.production)

    # what is said of them everywhere

    @property
    def foremost(self) -> Incident | None:
        """The worst of those that go on; None: none does."""
        return next(iter(self.incidents.open()), None)

    def strip(self, key: str, width: int) -> Line | None:
        """The line that every screen has while one goes on; None: none does."""
        there = self.incidents.open()
        if not there:
            return None
        return strip(there[0], self.scheme, self._pressing(there[0]), len(there) - 1, self.now, key, width)

    def brief(self) -> str:
        """The same in a few words; empty: none goes on."""
        one = self.foremost
        return f"INCIDENT {SafeText(one.level, 12)}" if one is not None else ""

    def _pressing(self, incident: Incident) -> tuple[Timer, ...]:
        """What is due in the foremost one, worked out once a second."""
        at = self._room.engine.clock.monotonic()
        if self._due is None or not 0 <= at - self._due[0] < 1:
            self._due = at, self.incidents.timers(incident.id)
        return self._due[1]

    @property
    def not_kept(self) -> str:
        """Why what is written is not on disk now; empty: it is, or is not meant to be."""
        return self.journal.trouble if self.journal is not None else ""

    @property
    def words(self) -> str:
        """What the top line says besides: that nothing is kept, and what waits after the end of one."""
        now, said = self.now, []
        if self.not_kept:
            said.append("incidents NOT KEPT")
        late = sum(item.overdue(now) for _, item in self.incidents.items())
        if late:
            said.append(f"{words.plural(late, 'action item')} OVERDUE")
        papers = [one for one in self.incidents.all() if not one.open and self._waits(one, now)]
        if papers:
            said.append("post-mortem OVERDUE" if len(papers) == 1 else f"{len(papers)} post-mortems OVERDUE")
        return ", ".join(said)

    def _waits(self, incident: Incident, now: datetime) -> bool:
        kinds = (Kind.MEETING, Kind.POST_MORTEM)
        return any(one.kind in kinds and one.over(now) for one in self.incidents.timers(incident.id))

    # the timeline

    def look(self, incident: str) -> None:
        """Somebody looks at it: see what happened beside it, if that was not seen just now."""
        self._timelines.look(incident)

    def entries(self, incident: str) -> list[Entry]:
        """Its timeline as far as it is known by now."""
        return self._timelines.entries(incident)

    def trouble(self, incident: str) -> str:
        """What the person who looks at it must know: what is not kept, what can't be read; empty: all is well."""
        waits = self.incidents.unkept(incident)
        if self.not_kept:
            waiting = f"; {words.plural(waits, 'record')} of it waits here" if waits == 1 else ""
            waiting = waiting or (f"; {words.plural(waits, 'record')} of it wait here" if waits else "")
            return f"{self.not_kept}{waiting}: leave this session running, so that nothing is lost"
        if unpaged := self.unpaged(incident):
            return f"nobody was paged through {', '.join(unpaged)} yet: e tries again"
        if unended := self.unended(incident):
            return f"{', '.join(unended)} may still call somebody for it: e says that it is over"
        if unseen := self._timelines.trouble(incident):
            return f"not all of its time is seen: {unseen}"
        return self.unsaid.trouble

    # alerts

    def cases(self, incident: Incident) -> list[Case]:
        """Its alerts that are there now."""
        wanted = {one.id for one in incident.linked("case")}
        return [one for one in self._room.engine.cases() if one.id in wanted]

    def case(self, incident: Incident) -> Case | None:
        """The alert that it is about: one that is there now, or the last that was."""
        there = self.cases(incident)
        if there:
            return there[0]
        wanted = {one.id for one in incident.linked("case")}
        now = self.now
        past = self._room.engine.inbox.history(min(incident.detected, incident.at) - _DAY, now)
        return next((one for one in reversed(past) if one.id in wanted), None)

    def standing(self, incident: Incident) -> list[str]:
        """Alerts that stand open, its own first, in words: what is not over."""
        own = {one.id for one in self.cases(incident)}
        loud = [one for one in self._room.engine.cases() if one.cleared is None and not one.silenced_by]
        found = [*(one for one in loud if one.id in own), *(one for one in loud if one.id not in own)]
        return [f"{one.alert.target}: {SafeText(one.alert.words, 80)}" for one in found]

    def came_back(self, incident: Incident) -> str:
        """The first alert that came while it was watched, in words; empty: none did."""
        raised = [(one.alert.at, f"{one.alert.target}: {one.alert.words}") for one in self._room.engine.cases()]
        found = disturbed(incident, raised)
        return str(SafeText(found[1], 120)) if found is not None else ""

    def belong(self, incident: str, cases: Sequence[Case]) -> None:
        """These alerts belong to it."""
        there = self.incidents.get(incident)
        known = {one.id for one in there.linked("case")} if there is not None else set()
        for one in cases:
            if one.id and one.id not in known:
                self.incidents.link(incident, Link("case", one.id, f"{one.alert.target}: {one.alert.words}"))

    # people

    def oncall(self, name: str) -> str:
        """Who is on call for "pagerduty:SCHEDULE" by the last reading; empty: nothing is asked."""
        return on_call(self._room.engine.board, name, self._room.engine.clock.monotonic())

    # messages

    def channels(self, template: Template) -> list[str]:
        """Through which it can be sent: those that it names, else all there are."""
        there = list(self._outgoing.channels()) if self._outgoing is not None else []
        return [one for one in template.channels if one in there] if template.channels else there

    def draft(self, template: Template, incident: Incident, given: Mapping[str, str]) -> Draft:
        """A message, filled in as far as it can be."""
        return message.draft(template, incident, self.scheme, self.system, self.now, given, self._mask)

    def copied(self, incident: str, made: Draft) -> None:
        """A person takes the text along. Raises `IncidentError` where it must not leave."""
        self._may_leave(made)
        self.incidents.message(incident, made.template.name, made.template.audience, CLIPBOARD, made.text)

    async def send(self, incident: str, made: Draft, channel: str) -> tuple[Sent, str]:
        """Send it once and write down what became of it: (that, what was answered). Raises `IncidentError`."""
        self._may_leave(made)
        there = self.incidents.get(incident)
        if there is None or self._outgoing is None:
            raise IncidentError("nothing can be sent from here")
        audience = made.template.audience
        name = self.incidents.message(incident, made.template.name, audience, channel, made.text)
        told = message.notice(there, name, made.text, audience, self.system, self.now)
        return await self._answered(incident, name, channel, self._outgoing.send(channel, told))

    async def send_alone(self, channel: str, notice: Notice) -> tuple[Sent, str]:
        """Send a message that belongs to no incident, once: (what became of it, what was answered)."""
        if self._outgoing is None:
            return Sent.UNSENT, "nothing can be sent from here"
        try:
            found = await self._outgoing.send(channel, notice)
        except LookupError:
            return Sent.UNSENT, f"there is no channel {channel}"
        return message.FATES[found.fate], str(found.words)

    def mask(self, text: str) -> str:
        """A text without the secrets that are known."""
        return self._mask(text)

    def unpaged(self, incident: str) -> list[str]:
        """The channels through which its severity wants somebody called, and which have not taken that yet."""
        there = self.incidents.get(incident)
        if there is None or self._outgoing is None:
            return []
        return message.unpaged(there, self.scheme.level(there.level).page, self.now)

    def unended(self, incident: str) -> list[str]:
        """The channels through which somebody was called, and which don't know yet that it is over."""
        there = self.incidents.get(incident)
        return message.unended(there, self.now) if there is not None and self._outgoing is not None else []

    async def page(self, incident: str, channel: str) -> tuple[Sent, str]:
        """Call whoever is on duty, or once it is over no longer; write down what became of it: (that, what was
        answered)."""
        there = self.incidents.get(incident)
        if there is None or self._outgoing is None:
            raise IncidentError("nothing can be sent from here")
        template = PAGE if there.open else PAGE_OVER
        text = f"{'' if there.open else 'over: '}{there.level} {there.title}"
        name = self.incidents.message(incident, template, "internal", channel, text)
        told = message.page(there, name, self.system, self.now, over=not there.open)
        return await self._answered(incident, name, channel, self._outgoing.page(channel, told))

    async def _answered(self, incident: str, name: str, channel: str, sending: Awaitable[Delivery]) -> tuple[Sent, str]:
        try:
            found = await sending
        except LookupError:
            sent, said = Sent.UNSENT, f"there is no channel {channel}"
        except BaseException:  # the session ends, or a driver has a fault: nobody knows whether it went out
            self.incidents.answered(incident, name, Sent.UNANSWERED, "it was cut off before there was an answer")
            raise
        else:
            sent, said = message.FATES[found.fate], str(found.words)
        self.incidents.answered(incident, name, sent, said)
        return sent, said

    @staticmethod
    def _may_leave(made: Draft) -> None:
        if made.refused:
            raise IncidentError(made.refused)

    # papers

    async def post_mortem(self, incident: str, path: Path) -> int:
        """Write the draft into a new file that only we may read; its lines. Raises `NoPapers`."""
        there = self.incidents.get(incident)
        if there is None or self._papers is None:
            raise NoPapers("nothing is kept of this session")
        make = partial(_write_draft, self._papers, there, self.now, self.entries(incident), path)
        try:
            return await self._lane.run(make)
        except FileExistsError:
            raise NoPapers(f"there is a {path.name} already; it was not touched") from None
        except (OSError, ValueError) as error:
            raise NoPapers(f"{path} can't be written: {getattr(error, 'strerror', None) or error}") from None
        except ProbeError as error:
            raise NoPapers(str(error.message)) from None

    @property
    def has_papers(self) -> bool:
        """True where a post-mortem can be written."""
        return self._papers is not None


def _write_draft(papers: Papers, incident: Incident, now: datetime, more: Sequence[Entry], path: Path) -> int:
    text = papers.post_mortem(incident, now, more)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    return text.count("\n")


__all__ = ["IncidentDesk", "NoPapers"]
