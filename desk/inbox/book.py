"""The cases as the records tell them: pure, and the same in every session that reads the same records.

People decide in several sessions at once, so that records may come in another order than they were made: of two
decisions about one case the later counts, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from desk.alert import Alert, Identity
from desk.inbox.case import Acknowledgement, Case, Silence, Standing, What
from desk.inbox.record import Record
from probes.base import Severity

KEPT: Final = 5000
"""Cleared cases remembered in memory."""

LIVES: Final = 60
"""Changes remembered of one case; of more the first and the newest are."""

_IDS: Final = 50_000
"""Ids of records remembered, to take each once."""


@dataclass(slots=True)
class Life:
    """One case, as far as the records tell."""

    id: str
    alert: Alert
    level: Severity
    """How severe it was told to be: falls later than the alert itself while that flaps."""
    clock: datetime
    """When the time to respond began."""
    ack: Acknowledgement | None = None
    decided: tuple[datetime, str] | None = None
    """When somebody last took it in hand or let it go, and in which record."""
    quiet: str = ""
    """Why nobody is told of it."""
    told: bool = False
    """True when somebody was told that it is so."""
    late: datetime | None = None
    cleared: datetime | None = None
    records: list[Record] = field(default_factory=list)
    idle: list[Record] = field(default_factory=list)
    """What changed nothing, and might have in another order."""

    @property
    def identity(self) -> Identity:
        """Of its alert."""
        return self.alert.identity

    @property
    def held(self) -> Acknowledgement | None:
        """Who has it in hand, if that was said of something as severe."""
        return self.ack if self.ack is not None and self.ack.upto >= self.level else None

    @property
    def due(self) -> datetime | None:
        """By when somebody should have it in hand."""
        respond = self.alert.handling.respond
        there = self.alert.theirs.acknowledged if self.alert.theirs is not None else ""
        if respond is None or self.cleared or self.held or self.quiet or there:
            return None
        try:
            return datetime.fromtimestamp(self.clock.timestamp() + respond, self.clock.tzinfo)
        except (OverflowError, ValueError):
            return None

    @property
    def tardy(self) -> bool:
        """True when that time has passed since the clock began."""
        return self.late is not None and self.late >= self.clock and self.due is not None


class Book:
    """Cases and silences. Fed with records, each taken once, in whatever order: machines that were apart come to the
    same cases. What is said of a case waits until that is known; what comes late is put where it belongs."""

    def __init__(self, aged: Callable[[Alert], Alert] = lambda alert: alert) -> None:
        """`aged` gives an alert from another run the monotonic moment it would have here."""
        self._aged = aged
        self.open: dict[Identity, Life] = {}
        self.lives: dict[str, Life] = {}
        """Every case by its id, the oldest first."""
        self.silences: dict[str, Silence] = {}
        self._episodes: dict[Identity, list[Life]] = {}
        self._merged: dict[str, str] = {}
        self._last: dict[Identity, tuple[datetime, str]] = {}
        """The newest moment that is known of each alert."""
        self._waiting: dict[str, list[Record]] = {}
        """Records of cases that are not known yet."""
        self._ids: dict[str, None] = {}

    def take(self, record: Record) -> Life | None:
        """Take a record in; the case it changed, None when it is known already or about no known case."""
        return self._taken(record) if self._is_new(record) else None

    def take_all(self, records: Iterable[Record]) -> Iterator[tuple[Record, Life | None, bool]]:
        """Take records in: each with the case it changed, and whether it raises an alert that was open already.

        They come in order of time. What happened before what is known comes last: of each alert all of it is put where
        it belongs at once, for each time its story has to be told anew.
        """
        new = sorted((one for one in records if self._is_new(one)), key=_moment)
        raised = {one.case: one.alert.identity for one in new if one.what is What.RAISED and one.alert is not None}
        late: dict[Identity, list[Record]] = {}
        for record in new:
            identity = self._identity(record) or raised.get(record.case)
            if identity is not None and (
                identity in late or _moment(record) < self._last.get(identity, _moment(record))
            ):
                late.setdefault(identity, []).append(record)
                continue
            again = record.what is What.RAISED and identity in self.open
            yield record, self._taken(record), again
        for identity, several in late.items():
            open_before = identity in self.open
            self._late(identity, several)
            for record in several:
                yield record, self.find(record.case), record.what is What.RAISED and open_before

    def _is_new(self, record: Record) -> bool:
        """True the first time a record is seen."""
        if record.id in self._ids:
            return False
        self._ids[record.id] = None
        if len(self._ids) > _IDS:
            del self._ids[next(iter(self._ids))]
        return True

    def _taken(self, record: Record) -> Life | None:
        if record.silence is not None:
            self._silence(record.silence)
            return None
        identity = self._identity(record)
        if identity is None:
            if record.case and len(self._waiting) < KEPT:
                self._waiting.setdefault(record.case, []).append(record)
            return None
        moment = record.at, record.id
        if moment < self._last.get(identity, moment):
            self._late(identity, [record])
            return self.find(record.case)
        self._last[identity] = moment
        return self._add(record)

    def _identity(self, record: Record) -> Identity | None:
        """Of the alert it is about; None while its case is not known."""
        if record.what is What.RAISED and record.alert is not None:
            return record.alert.identity
        life = self.find(record.case)
        return life.identity if life is not None else None

    def _add(self, record: Record) -> Life | None:
        if record.what is What.RAISED and record.alert is not None:
            life = self._raise(record, record.alert)
        else:
            found = self.find(record.case)
            if found is None:
                return None
            if found.cleared is not None and record.what is What.CLEARED:
                found.idle.append(record)
                del found.idle[:-LIVES]
                return None
            life = found
            self._change(life, record)
        life.records.append(record)
        if len(life.records) > LIVES:
            del life.records[1]
        if record.what is What.RAISED:
            for one in sorted(self._waiting.pop(record.case, ()), key=_moment):
                self._last[life.identity] = max(self._last.get(life.identity, _moment(one)), _moment(one))
                self._add(one)
        return life

    def _late(self, identity: Identity, late: Sequence[Record]) -> None:
        """They happened before what is known already: what is known of their alert since is told anew, in order."""
        every, owners = self._episodes.pop(identity, []), {id(self.find(one.case)) for one in late}
        cut, first = len(every), min(map(_moment, late))
        while cut > 0 and not _ended_before(every[cut - 1], first):
            cut -= 1
        cut = next((place for place, life in enumerate(every[:cut]) if id(life) in owners), cut)
        lives = every[cut:]
        if cut:
            self._episodes[identity] = every[:cut]
        records = {one.id: one for life in lives for one in (*life.records, *life.idle)} | {one.id: one for one in late}
        gone = {life.id for life in lives}
        for case in gone:
            self.lives.pop(case, None)
        self.open.pop(identity, None)
        for case in {one.case for one in records.values()}:
            if self._merged.get(case) in gone:
                del self._merged[case]
        for record in sorted(records.values(), key=_moment):
            if record.what is not What.RAISED and self.find(record.case) is None:
                self._waiting.setdefault(record.case, []).append(record)  # by a clock that is behind
            else:
                self._add(record)
        newest = max(map(_moment, late))
        self._last[identity] = max(self._last.get(identity, newest), newest)

    def after(self, identity: Identity, at: datetime) -> datetime:
        """The moment at which something new is said of an alert: now, or right behind what is known of it already, by
        somebody whose clock is ahead. What answers a thing comes after it."""
        last, _ = self._last.get(identity, (at, ""))
        return at if at >= last else last + timedelta(microseconds=1)

    def find(self, case: str) -> Life | None:
        """The case of an id, also of one that turned out to be the same as another."""
        return self.lives.get(self._merged.get(case, case))

    def episodes(self, identity: Identity) -> list[Life]:
        """Every case of an alert that is remembered, the oldest first."""
        return self._episodes.get(identity, [])

    def standing(self, at: datetime) -> Iterator[Silence]:
        """The silences in force, the first to end first."""
        found = (one for one in self.silences.values() if one.stands(at))
        return iter(sorted(found, key=lambda one: (one.until, one.id)))

    def _silence(self, silence: Silence) -> None:
        known = self.silences.get(silence.id)
        if known is None or known.lifted is None or (silence.lifted is not None and silence.lifted < known.lifted):
            self.silences[silence.id] = silence

    def _raise(self, record: Record, alert: Alert) -> Life:
        alert = self._aged(alert)
        known = self.open.get(alert.identity)
        if known is not None:  # two sessions found it at the same time: the first one is the case
            if known.id <= record.case:
                self._merged[record.case] = known.id
                known.told = known.told or not record.quiet
                return known
            self._merged[known.id] = record.case
            del self.lives[known.id]
            known.id = record.case
            known.told = known.told or not record.quiet
            self.lives[known.id] = known
            return known
        life = Life(record.case, alert, alert.severity, record.at, quiet=record.quiet, told=not record.quiet)
        self.open[alert.identity] = self.lives[life.id] = life
        self._episodes.setdefault(alert.identity, []).append(life)
        return life

    def _change(self, life: Life, record: Record) -> None:
        if record.alert is not None and life.cleared is None:
            life.alert = replace(record.alert, since=life.alert.since, at=life.alert.at)
        moment = record.at, record.id
        later = life.decided is None or moment >= life.decided
        match record.what:
            case What.WORSE | What.BETTER:
                life.level = life.alert.severity
                if record.what is What.WORSE:
                    life.quiet, life.clock = record.quiet, max(life.clock, record.at)
                    life.told = life.told or not record.quiet
                    life.ack, life.decided = (None, moment) if later else (life.ack, life.decided)
            case What.ACKNOWLEDGED if later:
                upto = record.alert.severity if record.alert is not None else life.level
                life.ack, life.decided = Acknowledgement(record.by, record.at, record.note, upto), moment
            case What.RELEASED if later:
                life.ack, life.decided, life.clock = None, moment, max(life.clock, record.at)
            case What.SILENCED:
                life.quiet = "silenced"
            case What.SPEAKS_AGAIN:
                life.quiet, life.told, life.clock = "", True, max(life.clock, record.at)
            case What.LATE:
                life.late = record.at
            case What.CLEARED:
                life.cleared = record.at
                if self.open.get(life.identity) is life:
                    del self.open[life.identity]
                self._forget()

    def _forget(self) -> None:
        """Let the oldest cleared cases go where there are too many."""
        if len(self.lives) - len(self.open) <= KEPT:
            return
        for life in [life for life in self.lives.values() if life.cleared is not None][: KEPT // 10]:
            del self.lives[life.id]
            self._episodes[life.identity].remove(life)
            if not self._episodes[life.identity]:
                del self._episodes[life.identity]
                self._last.pop(life.identity, None)
        self._merged = {old: new for old, new in self._merged.items() if new in self.lives}


def _ended_before(life: Life, moment: tuple[datetime, str]) -> bool:
    return life.cleared is not None and max(map(_moment, (*life.records, *life.idle))) < moment


def _moment(record: Record) -> tuple[datetime, str]:
    return record.at, record.id


def case_of(life: Life, kind: str, silence: Silence | None, flaps: int = 0, *, away: bool = False) -> Case:
    """A case as everybody else sees it."""
    standing = Standing.OPEN
    if life.cleared is not None:
        standing = Standing.CLEARED
    elif silence is not None or there_silenced(life.alert):
        standing = Standing.SILENCED
    elif life.held is not None:
        standing = Standing.ACKNOWLEDGED
    return Case(
        id=life.id,
        alert=life.alert,
        standing=standing,
        acknowledged=life.held,
        silenced_until=silence.until if silence is not None else None,
        silenced_by=quieted_by(life.alert, silence),
        cleared=life.cleared,
        flaps=flaps,
        due=life.due,
        late=life.tardy,
        away=away,
        quiet=life.quiet,
        kind=kind,
    )


def there_silenced(alert: Alert) -> bool:
    """True when it is silenced where it comes from."""
    return alert.theirs is not None and alert.theirs.silenced


def quieted_by(alert: Alert, silence: Silence | None) -> str:
    """Who silenced an alert and why; empty: nobody."""
    if silence is not None:
        return told(silence)
    return f"silenced in {alert.target}" if there_silenced(alert) else ""


def told(silence: Silence) -> str:
    """Who silenced it and why."""
    named = f"{silence.name}: " if silence.name else ""
    return f"{named}{silence.reason} ({silence.by})"
