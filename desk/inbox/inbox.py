"""The alert inbox: what is wrong by our rules and by other systems, and what people decided about it. Pure.

It is fed with the alerts of each target after each reading and with the records of other sessions, and asked once a
second whether time has changed anything. Of several sessions on one system one leads: it alone says that a case began,
got worse, or ended, so that the record has each once. What people decide is recorded by the session they sit at.

Everything that happens is a record. It is told (`heard`) once it is kept, so that no restart tells it again; where it
can't be kept it is told all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from desk.alert import Alert, Identity
from desk.clock import Clock
from desk.ids import new_id
from desk.inbox.book import Book, Life, case_of, quieted_by, there_silenced, told
from desk.inbox.case import (
    LONGEST_SILENCE,
    Acknowledgement,
    Case,
    Change,
    InboxError,
    Match,
    Silence,
    Standing,
    What,
)
from desk.inbox.quiet import ELSEWHERE, Quiet
from desk.inbox.record import Record
from desk.inbox.sight import Sight
from probes.base import SafeText, Severity

SETTLING: Final = 120.0
"""Seconds after a target was first read in which a case of an earlier session may be seen again: it is then the same
case. Not seen by then, it is over."""

UNWATCHED: Final = timedelta(days=1)
"""How long a case stays open whose target is not in the profile."""

OPENING: Final = 10.0
"""Seconds that the records of earlier sessions are waited for."""

TELLING: Final = 3.0
"""Seconds that a change waits to be kept before it is told all the same."""

_WORDS: Final = 400
"""Characters of a reason or a note."""


class Inbox:
    """The cases of one system. One owner, on the event loop."""

    def __init__(
        self,
        clock: Clock,
        kinds: Mapping[str, str] | None = None,
        store: Callable[[Sequence[Record]], None] | None = None,
        ids: Callable[[], str] = new_id,
    ) -> None:
        """`kinds`: the kind of each target. `store` keeps records and must not wait; None: nothing is kept."""
        self._clock = clock
        self._kinds = kinds or {}
        self._store = store
        self._ids = ids
        self._book = Book(self._aged)
        self._quiet = Quiet(self._book, self._kinds)
        self._sights: dict[Identity, Sight] = {}
        self._by_target: dict[str, set[Identity]] = {}
        self._seen: set[str] = set()
        """Ids of the cases that this session has seen."""
        self._read: dict[str, float] = {}
        """When each target was first read, monotonic seconds."""
        self._began = clock.monotonic()
        self._leading = self._began
        self._waiting: dict[str, tuple[float, Change]] = {}
        """Changes that are told as soon as they are kept."""
        self._cases: list[Case] | None = None
        self.leads = store is None
        """True while this session says what began and ended."""
        self.ready = store is None
        """True once the records of earlier sessions are known."""
        self.heard: list[Callable[[Change], None]] = []
        """Each is told of every change that somebody should be told of, once; it must be quick."""
        self.recorded: list[Callable[[Change], None]] = []
        """Each is told of every change, also of those that nobody should be told of (`Change.quiet`)."""

        self.reopened: list[Callable[[Sequence[Alert]], None]] = []
        """Each is told of the alerts that an earlier session left open, once they are known."""

    # what is fed to it

    def keep(self, store: Callable[[Sequence[Record]], None]) -> None:
        """From now on keep records there; what earlier sessions kept comes in by `take`."""
        self._store = store
        self.leads = self.ready = False
        self._began = self._clock.monotonic()

    def look(self, target: str, alerts: Iterable[Alert], read: bool = True) -> None:
        """The alerts of a target after a reading; `read`: the target could be read."""
        now, at = self._clock.monotonic(), self._clock.now()
        if read:
            self._read.setdefault(target, now)
        there = {alert.identity: alert for alert in alerts}
        self._quiet.compare()
        known = self._by_target.setdefault(target, set())
        for identity in dict.fromkeys((*there, *known)):
            sight = self._sights.setdefault(identity, Sight())
            sight.see(there.get(identity), now)
            self._refresh(identity, sight)
            known.add(identity)
            self._judge(identity, now, at)
        self._cases = None

    def take(self, records: Iterable[Record], live: bool = True) -> None:
        """What other sessions recorded, in the order of the store; `live`: they do so now, so it is told here too."""
        for record, life, again in self._book.take_all(records):
            self._quiet.changed()
            if life is None:
                continue
            sight = self._sights.get(life.identity)
            if sight is not None:
                self._refresh(life.identity, sight)
            if live and record.what is not None and not again:
                self._tell(self._change(life, record))
            self._keep_promises(life.identity)
        self._judge_all()

    def open(self, leads: bool) -> None:
        """The records of earlier sessions are in; `leads`: this session says what begins and ends from now on."""
        if leads and not (self.leads and self.ready):
            self._leading = self._clock.monotonic()
        first, self.leads, self.ready = not self.ready, leads, True
        if first:
            left = [life.alert for life in self._book.open.values() if life.id not in self._seen]
            for listener in self.reopened:
                listener(left)
        self._judge_all()

    def kept(self, ids: Iterable[str]) -> None:
        """These records are kept, or can't be: they are told."""
        for id in ids:
            if id in self._waiting:
                self._tell(self._waiting.pop(id)[1])

    def tick(self) -> None:
        """Once a second: silences end, times to respond pass, what flapped has calmed down."""
        now = self._clock.monotonic()
        if not self.ready and now - self._began >= OPENING:
            self.open(leads=True)  # the disk does not answer: it goes on without
        else:
            self._judge_all()
        self.kept([id for id, (since, _) in self._waiting.items() if now - since >= TELLING])
        for identity in [identity for identity, sight in self._sights.items() if sight.idle]:
            del self._sights[identity]
            self._by_target[identity.target].discard(identity)

    def close(self) -> None:
        """The session ends: what waits to be told is told."""
        self.kept(list(self._waiting))

    def again(self) -> None:
        """The store has lost what it had: what stands open is kept again."""
        if self._store is not None:
            at = self._clock.now()
            silences = [Record(self._ids(), one.at, silence=one) for one in self._book.standing(at)]
            self._store([*chain.from_iterable(life.records for life in self._book.open.values()), *silences])

    # what is known

    def cases(self) -> list[Case]:
        """What is wrong now, with what was decided about it; the most urgent first, what is silenced last."""
        if self._cases is None:
            now, at = self._clock.monotonic(), self._clock.now()
            self._cases = sorted(
                (
                    self._case(identity, sight, now, at)
                    for identity, sight in self._sights.items()
                    if sight.alert is not None or (sight.flaps(now) and identity in self._book.open)
                ),
                key=_urgency,
            )
        return self._cases

    def unseen(self) -> list[Case]:
        """Cases of an earlier session that were not seen again yet, and are not known to be over."""
        lives = (life for life in self._book.open.values() if self._hidden(life))
        return sorted((self._told(life) for life in lives), key=_urgency)

    def silences(self) -> list[Silence]:
        """In force now, maintenance windows too; the first to end first."""
        return list(self._book.standing(self._clock.now()))

    def windows(self) -> list[Silence]:
        """Maintenance windows in force, the first to end first."""
        return [one for one in self.silences() if one.name]

    def matched(self, silence: Silence) -> list[Case]:
        """What a silence holds back now."""
        return [case for case in self.cases() if silence.suits(case.alert, case.kind)]

    def silence_of(self, alert: Alert) -> Silence | None:
        """The silence in force for an alert, the last to end; None: it speaks."""
        return self._quiet.silence(alert, self._clock.now())

    def history(self, since: datetime, until: datetime) -> list[Case]:
        """Every case that was open at some moment of a span, the oldest first."""
        return [
            self._told(life)
            for life in self._book.lives.values()
            if life.alert.at <= until and (life.cleared is None or life.cleared >= since)
        ]

    def changes(self, since: datetime, until: datetime | None = None) -> list[Change]:
        """Every change in a span, told or not, the oldest first; each with its case as it is now."""
        found = (
            self._change(life, record)
            for life in self._book.lives.values()
            for record in life.records
            if since <= record.at and (until is None or record.at <= until)
        )
        return sorted(found, key=lambda change: (change.at, change.id))

    def records(self, since: datetime, until: datetime) -> list[Record]:
        """What is known of every case in a span, the oldest first; each alert as it was then."""
        found = (one for life in self._book.lives.values() for one in life.records if since <= one.at <= until)
        return sorted(found, key=lambda one: (one.at, one.id))

    def life(self, case: str) -> list[Change]:
        """What happened to a case so far, the oldest first."""
        life = self._book.find(case)
        if life is None:
            return []
        return sorted(
            (self._change(life, record) for record in life.records), key=lambda change: (change.at, change.id)
        )

    def times(self, identity: Identity, since: datetime) -> int:
        """How often an alert was raised since a moment."""
        return sum(life.alert.at >= since for life in self._book.episodes(identity))

    # what people decide

    def acknowledge(self, case: Case, by: str, note: str = "") -> None:
        """Somebody has it in hand."""
        self._decide(case, What.ACKNOWLEDGED, _who(by), _plain(note))

    def release(self, case: Case, by: str, note: str = "") -> None:
        """Nobody has it in hand any more. Raises `InboxError` where nobody had."""
        life = self._book.find(case.id) if case.id else None
        if life is not None and life.held is None and life.cleared is None:
            raise InboxError("nobody has it in hand here")
        self._decide(case, What.RELEASED, _who(by), _plain(note))

    def escalate(self, case: Case, by: str, note: str) -> None:
        """Somebody wants others to know of it, whatever keeps it quiet."""
        if not note.strip():
            raise InboxError("an escalation needs words: what is asked of whom")
        self._decide(case, What.ESCALATED, _who(by), _plain(note))

    def silence(
        self,
        matches: Sequence[Match],
        until: datetime,
        by: str,
        reason: str,
        *,
        name: str = "",
        upto: Severity = Severity.CRITICAL,
    ) -> Silence:
        """Tell nobody of what matches until then. Raises `InboxError` without a reason or with no fit end."""
        at = self._clock.now()
        if not reason.strip():
            raise InboxError("a silence needs a reason")
        if until.tzinfo is None or until <= at:
            raise InboxError("a silence needs an end that is still to come")
        if until - at > timedelta(seconds=LONGEST_SILENCE):
            raise InboxError(f"a silence lasts {LONGEST_SILENCE / 86400:g} days at most")
        made = Silence(self._ids(), tuple(matches), at, until, _who(by), _plain(reason), _plain(name), upto)
        self._write(Record(self._ids(), at, silence=made))
        return made

    def open_window(self, name: str, until: datetime, by: str, reason: str, matches: Sequence[Match] = ()) -> Silence:
        """Open a maintenance window over what matches, or over everything. Raises `InboxError` as `silence` does."""
        if not name.strip():
            raise InboxError("a maintenance window needs a name")
        return self.silence(matches, until, by, reason, name=name)

    def lift(self, silence: str, by: str) -> None:
        """End a silence or a window now. Raises `InboxError` when it is over already."""
        at, known = self._clock.now(), self._book.silences.get(silence)
        if known is None or not known.stands(at):
            raise InboxError("that silence is over already")
        self._write(Record(self._ids(), at, silence=replace(known, lifted=at, lifted_by=_who(by))))

    # deciding what happened

    def _judge_all(self) -> None:
        now, at = self._clock.monotonic(), self._clock.now()
        self._quiet.compare()
        for sight in self._sights.values():
            sight.forget(now)
        for identity in self._sights.keys() | self._book.open.keys():
            self._judge(identity, now, at)
        self._cases = None

    def _judge(self, identity: Identity, now: float, at: datetime) -> None:
        """Say what has happened to an alert since it was last judged."""
        if not (self.leads and self.ready):
            return
        life, sight = self._book.open.get(identity), self._sights.get(identity)
        alert = sight.alert if sight is not None else None
        if life is None:
            if alert is not None:
                self._raise(alert, at, self._quiet.why(alert, at))
            return
        if alert is None or sight is None:
            if not self._hidden(life) and (sight is None or sight.settled(life.level, now)):
                self._happen(life, What.CLEARED, at=at, quiet="" if life.told else life.quiet or ELSEWHERE)
            return
        why = self._quiet.why(alert, at)
        if why:
            sight.lonely = None
        else:
            why = self._quiet.outlasting(life, sight, now)
        if alert.severity > life.level:
            self._happen(life, What.WORSE, at=at, quiet=why)
        elif sight.settled(life.level, now):
            self._happen(life, What.BETTER, at=at, quiet=life.quiet)
        self._quieten(life, alert, why, at)
        if life.due is not None and at >= life.due and not life.tardy:
            self._happen(life, What.LATE, at=at)

    def _quieten(self, life: Life, alert: Alert, why: str, at: datetime) -> None:
        """Say that a silence has begun or ended for it."""
        if why == "silenced" and not life.quiet:
            silence = self._quiet.silence(alert, at)
            by, note = (silence.by, told(silence)) if silence is not None else ("", "")
            self._happen(life, What.SILENCED, at=at, by=by, note=note)
        elif not why and (life.quiet or not life.told):
            self._happen(life, What.SPEAKS_AGAIN, at=at, by=self._quiet.lifted_by(life, at))

    def _hidden(self, life: Life) -> bool:
        """True while a case that this session has not seen may still be seen."""
        if life.id in self._seen:
            return False
        if life.identity.target not in self._kinds:  # a session with another profile may still watch it
            return self._clock.now() - life.records[-1].at < UNWATCHED
        began = self._read.get(life.identity.target)
        if began is None:
            return True  # nobody knows how it is before the target was read
        return self._clock.monotonic() - max(began, self._leading) < SETTLING

    # recording it

    def _raise(self, alert: Alert, at: datetime, quiet: str) -> None:
        id, at = self._ids(), self._book.after(alert.identity, at)
        self._write(Record(self._ids(), at, What.RAISED, id, quiet=quiet, alert=alert))
        self._seen.add(id)
        self._quiet.add(self._book.open[alert.identity])
        self._keep_promises(alert.identity)

    def _decide(self, case: Case, what: What, by: str, note: str) -> None:
        """Record a decision; about what the leading session has not begun as a case yet, as soon as it has."""
        identity = case.alert.identity
        life = self._book.find(case.id) if case.id else self._book.open.get(identity)
        if life is not None and life.cleared is None:
            self._happen(life, what, by=by, note=note)
            return
        sight = self._sights.get(identity)
        if case.id or sight is None or sight.alert is None:
            raise InboxError("it is over already")
        held = Acknowledgement(by, self._clock.now(), note, sight.alert.severity)
        sight.promised = held if what is What.ACKNOWLEDGED else sight.promised if what is What.ESCALATED else None
        sight.decided.append((what, by, note))
        self._cases = None

    def _keep_promises(self, identity: Identity) -> None:
        """What was decided before there was a case is decided about it now."""
        life, sight = self._book.open.get(identity), self._sights.get(identity)
        if life is None or sight is None or not sight.decided:
            return
        decided, sight.decided, sight.promised = sight.decided, [], None
        for what, by, note in decided:
            self._happen(life, what, by=by, note=note)

    def _happen(
        self, life: Life, what: What, *, at: datetime | None = None, by: str = "", note: str = "", quiet: str = ""
    ) -> None:
        at = self._book.after(life.identity, at or self._clock.now())
        if what in (What.ACKNOWLEDGED, What.RELEASED) and not life.told:
            quiet = life.quiet
        sight = self._sights.get(life.identity)
        alert = sight.alert if sight is not None and sight.alert is not None else life.alert
        self._write(Record(self._ids(), at, what, life.id, by, note, quiet, alert))
        if what is What.CLEARED:
            self._seen.discard(life.id)

    def _write(self, record: Record) -> None:
        """Take it in, keep it, and tell of it once it is kept."""
        life = self._book.take(record)
        self._cases = None
        self._quiet.changed()
        change = None
        if life is not None:
            self._refresh(life.identity, self._sights.get(life.identity))
            change = self._change(life, record)
        if self._store is None:
            if change is not None:
                self._tell(change)
        else:
            if change is not None:
                self._waiting[record.id] = self._clock.monotonic(), change
            self._store([record])
        if record.silence is not None:
            self._judge_all()

    def _tell(self, change: Change) -> None:
        for listener in self.recorded:
            listener(change)
        if not change.quiet:
            for listener in self.heard:
                listener(change)

    # as everybody else sees it

    def _change(self, life: Life, record: Record) -> Change:
        assert record.what is not None
        return Change(record.id, self._told(life), record.what, record.at, record.by, record.note, record.quiet)

    def _told(self, life: Life) -> Case:
        sight = self._sights.get(life.identity)
        return self._made(life, sight, self._clock.monotonic(), self._clock.now())

    def _made(self, life: Life, sight: Sight | None, now: float, at: datetime) -> Case:
        kind = self._kinds.get(life.identity.target, "")
        silence = self._quiet.silence(life.alert, at) if life.cleared is None else None
        if sight is None or life.cleared is not None:
            return case_of(life, kind, silence)
        flaps = sight.flaps(now)
        return case_of(life, kind, silence, flaps, away=bool(flaps) and sight.alert is None)

    def _case(self, identity: Identity, sight: Sight, now: float, at: datetime) -> Case:
        life = self._book.open.get(identity)
        if life is not None:
            return self._made(life, sight, now, at)
        assert sight.alert is not None
        silence = self._quiet.silence(sight.alert, at)
        return Case(
            id="",
            alert=sight.alert,
            standing=(
                Standing.SILENCED
                if silence is not None or there_silenced(sight.alert)
                else Standing.ACKNOWLEDGED
                if sight.promised is not None
                else Standing.OPEN
            ),
            acknowledged=sight.promised,
            silenced_until=silence.until if silence is not None else None,
            silenced_by=quieted_by(sight.alert, silence),
            flaps=sight.flaps(now),
            quiet=ELSEWHERE,
            kind=self._kinds.get(identity.target, ""),
        )

    def _refresh(self, identity: Identity, sight: Sight | None) -> None:
        """An open case is as its alert is now, and as old as it was."""
        life = self._book.open.get(identity)
        if life is None or sight is None or sight.alert is None:
            return
        life.alert = replace(sight.alert, since=life.alert.since, at=life.alert.at)
        self._seen.add(life.id)

    def _aged(self, alert: Alert) -> Alert:
        """The moment that an alert of another run began, on the monotonic clock of this one."""
        past = max(0.0, (self._clock.now() - alert.at).total_seconds())
        return replace(alert, since=self._clock.monotonic() - past)


def _urgency(case: Case) -> tuple[bool, int, bool, bool, float, Identity]:
    silent, alert = case.standing is Standing.SILENCED, case.alert
    return silent, -alert.severity, bool(case.handed), not case.late, alert.since, alert.identity


def _who(by: str) -> str:
    return _plain(by) or "somebody"


def _plain(text: str) -> str:
    return str(SafeText(text.strip(), _WORDS))
