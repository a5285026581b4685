"""What is due in an incident and when: pure functions of the incident, the scheme and the moment.

Times are wall times, since the records are: who must know how long something took to the millisecond looks elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from desk.incident.incident import Call, Incident, Item
from desk.incident.record import Stage, What
from desk.incident.scheme import Audience, Contact, Rung, Scheme
from desk.runbook import duration


class Kind(Enum):
    """What a timer is about."""

    RESPOND = "respond"
    """Somebody should be at it by then."""
    ESCALATE = "call"
    """It is somebody's turn of the ladder."""
    TELL = "tell"
    """Somebody is told at once, by its severity."""
    INTERNAL = "tell our people"
    PUBLIC = "tell customers"
    ETA = "expected end"
    WATCH = "watch"
    """It is watched until then whether the fix holds."""
    MEETING = "set a day for the post-mortem"
    POST_MORTEM = "post-mortem"
    """It should be written by then."""
    ITEM = "action item"


AUDIENCES: Final[tuple[tuple[Kind, Audience], ...]] = ((Kind.INTERNAL, "internal"), (Kind.PUBLIC, "public"))


class Turn(Enum):
    """Where a rung stands."""

    WAITING = "waiting"
    DUE = "due"
    CALLED = "called"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the ladder, as it stands."""

    rung: Rung
    turn: Turn
    contact: Contact
    due: datetime | None = None
    """When it is their turn; None: that is not known yet, or never comes by itself."""
    call: Call | None = None
    """The newest call."""
    why: str = ""
    """Why it is their turn, or why it is not, in words."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that is due."""

    kind: Kind
    due: datetime
    began: datetime
    """From when it counts."""
    words: str
    """What is to be done, in one line."""
    contact: Contact | None = None
    """Whom to call."""
    about: str = ""
    """Name of the rung, id of the action item."""

    def left(self, now: datetime) -> float:
        """Seconds until it is due; negative: since then."""
        return (self.due - now).total_seconds()

    def over(self, now: datetime) -> bool:
        """True from the very moment on at which it is due."""
        return now >= self.due

    def share(self, now: datetime) -> float:
        """How much of its time has gone, from 0 to 1."""
        whole = (self.due - self.began).total_seconds()
        return 1.0 if whole <= 0 else min(1.0, max(0.0, (now - self.began).total_seconds() / whole))


def timers(incident: Incident, scheme: Scheme, now: datetime) -> tuple[Timer, ...]:
    """Everything that is due or will be, the first due first."""
    found = [
        *_respond(incident, scheme),
        *_told_at_once(incident, scheme, now),
        *_escalation(incident, scheme, now),
        *_messages(incident, scheme),
        *_course(incident, scheme),
        *_afterwards(incident, scheme),
    ]
    return tuple(sorted(found, key=lambda one: (one.due, one.kind.value, one.about)))


def ladder(incident: Incident, scheme: Scheme, now: datetime) -> tuple[Step, ...]:
    """Every rung of the ladder, as it stands."""
    steps: list[Step] = []
    for rung in scheme.ladder:
        before = steps[-1] if steps else None
        steps.append(_step(incident, scheme, rung, before, now))
    return tuple(steps)


def watch(incident: Incident, scheme: Scheme) -> Timer | None:
    """How long it is still watched; None: it is not, or nobody asks for it."""
    length = scheme.watching(incident.level)
    began = incident.mitigated
    if incident.stage is not Stage.MITIGATED or began is None or length is None:
        return None
    return Timer(Kind.WATCH, _later(began, length), began, "watch whether it holds")


def disturbed(incident: Incident, raised: Iterable[tuple[datetime, str]]) -> tuple[datetime, str] | None:
    """The first alert, of (when it was raised, its words), that came while it was watched: a reason to re-open it."""
    began = incident.mitigated
    if incident.stage is not Stage.MITIGATED or began is None:
        return None
    return min((one for one in raised if one[0] > began), default=None)


def open_items(incidents: Iterable[Incident]) -> list[tuple[Incident, Item]]:
    """Action items of all incidents that are not done, the first due first; those without a day come last."""
    found = [(one, item) for one in incidents if not one.joined for item in one.open_items()]
    return sorted(found, key=lambda pair: (pair[1].due is None, pair[1].due or pair[1].at, pair[1].id))


def _later(began: datetime, seconds: float) -> datetime:
    return began + timedelta(seconds=seconds)


def _respond(incident: Incident, scheme: Scheme) -> Iterator[Timer]:
    seconds = scheme.response(incident.level)
    if incident.open and incident.acknowledged is None and seconds is not None:
        yield Timer(Kind.RESPOND, _later(incident.at, seconds), incident.at, "somebody should be at it")


def untold(incident: Incident, scheme: Scheme) -> tuple[Contact, ...]:
    """Whom its severity wants told at once and nobody has called yet, in the scheme's order; none once it is over."""
    if not incident.open:
        return ()
    called = {one.who for one in incident.calls_now()}
    there = (scheme.contact(name) for name in scheme.level(incident.level).notify)
    return tuple(one for one in there if one.called not in called)


def _told_at_once(incident: Incident, scheme: Scheme, now: datetime) -> Iterator[Timer]:
    turns = {step.contact.name for step in ladder(incident, scheme, now) if step.turn is Turn.DUE}
    graded = (one.at for one in reversed(incident.records) if one.what is What.GRADED)
    due = max(incident.clock, next(graded, incident.clock))
    for one in untold(incident, scheme):
        if one.name in turns:  # the ladder says so already
            continue
        ways = f": {', '.join(one.ways)}" if one.ways else ""
        yield Timer(Kind.TELL, due, due, f"tell {one.words}{ways}", one, one.name)


def _escalation(incident: Incident, scheme: Scheme, now: datetime) -> Iterator[Timer]:
    for step in ladder(incident, scheme, now):
        if step.due is not None and step.turn in (Turn.WAITING, Turn.DUE):
            say = f": {step.rung.say}" if step.rung.say else ""
            why = "" if _tells(step.rung, step.why) else f" ({step.why})"
            words = f"call {step.contact.words}{why}{say}"
            yield Timer(Kind.ESCALATE, step.due, incident.clock, words, step.contact, step.rung.name)


def _tells(rung: Rung, why: str) -> bool:
    """Whether what is said of a rung tells already after how long its turn comes, and that is why."""
    found = duration.find(rung.say)
    return found is not None and found.seconds == rung.after and why == f"it lasts {_minutes(rung.after)}"


def _step(incident: Incident, scheme: Scheme, rung: Rung, before: Step | None, now: datetime) -> Step:
    contact = scheme.contact(rung.contact)
    calls = [one for one in incident.calls_now() if one.rung == rung.name]
    if calls:
        answered = "answered" if calls[-1].answered else "no answer"
        return Step(rung, Turn.CALLED, contact, None, calls[-1], f"called by {calls[-1].by}, {answered}")
    if not incident.open:
        return Step(rung, Turn.NOT_NEEDED, contact, why="it is over")
    flags = [(incident.flags[flag], flag) for flag in rung.flags if flag in incident.flags]
    due, why = _by_time(incident, rung, before)
    if flags and (due is None or min(flags)[0] <= due):
        due, why = min(flags)
    if due is None:
        return Step(rung, Turn.WAITING if why == _NOT_CALLED else Turn.NOT_NEEDED, contact, why=why)
    return Step(rung, Turn.DUE if now >= due else Turn.WAITING, contact, due, why=why)


_NOT_CALLED: Final = "the one before was not called yet"


def _by_time(incident: Incident, rung: Rung, before: Step | None) -> tuple[datetime | None, str]:
    """(when it is their turn by the clock alone, why)."""
    if rung.after is None:
        return None, f"only for {' or '.join(rung.flags)}" if rung.flags else "nothing brings their turn"
    if rung.levels and incident.level.casefold() not in {one.casefold() for one in rung.levels}:
        return None, f"only for {', '.join(rung.levels)}"
    if incident.stage is Stage.MITIGATED:
        return None, "it is mitigated"
    said = _minutes(rung.after)
    if rung.since == "unacknowledged":
        if incident.acknowledged is not None:
            return None, f"{incident.acknowledged.by or 'somebody'} is at it"
        return _later(incident.clock, rung.after), f"nobody is at it after {said}"
    if rung.since == "called" and before is not None:
        if before.call is None:
            return None, _NOT_CALLED
        if before.call.answered:
            return None, f"{before.contact.words} answered"
        return _later(before.call.at, rung.after), f"{before.contact.words} did not answer within {said}"
    return _later(incident.clock, rung.after), f"it lasts {said}" if rung.after else "at once"


def _minutes(seconds: float) -> str:
    """A length as people say it: "15 min", "2 h".

    >>> _minutes(900), _minutes(7200), _minutes(45)
    ('15 min', '2 h', '45 s')
    """
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:g} s"


def _messages(incident: Incident, scheme: Scheme) -> Iterator[Timer]:
    for kind, audience in AUDIENCES:
        every = scheme.cadence(incident.level, audience)
        if every is None or incident.joined:
            continue
        last = incident.said(audience)
        began = max(incident.clock, last.at) if last is not None else incident.clock
        due = _later(began, every)
        if incident.open:
            yield Timer(kind, due, began, f"{kind.value}, every {_minutes(every)}")
        elif incident.resolved is not None and last is not None and not incident.told_end(audience):
            over = incident.resolved  # who was told nothing of it is not told that it is over
            yield Timer(kind, max(due, over), over, f"{kind.value} that it is over")


def _course(incident: Incident, scheme: Scheme) -> Iterator[Timer]:
    if incident.open and incident.eta is not None and incident.stage is not Stage.MITIGATED:
        began = min(incident.clock, incident.eta)
        yield Timer(Kind.ETA, incident.eta, began, "it should be over")
    if (watched := watch(incident, scheme)) is not None:
        yield watched


def _afterwards(incident: Incident, scheme: Scheme) -> Iterator[Timer]:
    over = incident.resolved
    if over is not None and not incident.joined and incident.written is None:
        if incident.planned is None:
            yield Timer(Kind.MEETING, _later(over, scheme.meeting), over, "set a day for the post-mortem")
        due = incident.planned or _later(over, scheme.writing)
        yield Timer(Kind.POST_MORTEM, due, min(over, due), "write the post-mortem")
    for item in incident.open_items():
        if item.due is not None and not incident.joined:
            owner = f", {item.owner}" if item.owner else ""
            yield Timer(Kind.ITEM, item.due, min(item.at, item.due), f"{item.text}{owner}", about=item.id)
