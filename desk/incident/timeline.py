"""The timeline of an incident: its own records and what happened beside it, in the order in which it happened.

Every source is turned into entries; what is known to follow something is never shown before it, whatever the clocks of
their hosts said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final

from desk.incident.incident import Incident
from desk.incident.order import LEAST, Skew, ordered, skews
from desk.incident.record import PAGE, PAGE_OVER, Record, What

LEAD: Final = timedelta(minutes=15)
"""How long before it was noticed things beside it belong to it: what was changed then may be why."""


class Source(Enum):
    """Where an entry comes from."""

    INCIDENT = "incident"
    ALERT = "alert"
    ACT = "act"
    STEP = "step"
    """A step of a procedure."""
    APPROVAL = "approval"
    MESSAGE = "message"
    NOTE = "note"
    REACTION = "reaction"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline. Its texts may come from outside: they are made safe where they are shown."""

    id: str
    at: datetime
    """By the clock of its host."""
    source: Source
    words: str
    by: str = ""
    target: str = ""
    before: str = ""
    """With an act: what it was."""
    after: str = ""
    """With an act: what it is."""
    verdict: str = ""
    """With an act: what was true afterwards; with a step: what was judged."""
    detail: str = ""
    """The text of a message, the output of a step, the command of an act."""
    about: str = ""
    """Id of the case, deed, run or entry that it is about."""
    host: str = ""
    session: str = ""
    seq: int = 0
    follows: tuple[str, ...] = ()
    """Ids of entries that came before it."""
    copies: tuple[str, ...] = ()
    """Ids of entries that said the same, and stand in it."""
    reactions: tuple[str, ...] = ()
    """"ann: seen"."""
    behind: bool = False
    """True when it happened after what stands above it although its clock says an earlier time."""


def woven(*sources: Iterable[Entry]) -> list[Entry]:
    """Entries of any sources in order, each once; reactions stand with what they are about too."""
    there = {one.id: one for source in sources for one in source}
    line = ordered(there.values(), _after(there))
    said: dict[str, list[str]] = {}
    for one in line:
        if one.source is Source.REACTION:
            said.setdefault(one.about, []).append(f"{one.by}: {one.words}")
    made, newest = list[Entry](), datetime.min.replace(tzinfo=UTC)
    for one in line:
        behind = (newest - one.at).total_seconds() >= LEAST
        heard = (text for name in (one.id, *one.copies) for text in said.get(name, ()))
        made.append(replace(one, reactions=tuple(dict.fromkeys(heard)), behind=behind))
        newest = max(newest, one.at)
    return made


def skews_of(entries: Iterable[Entry]) -> tuple[Skew, ...]:
    """The clocks that entries show to differ, the worst first."""
    there = {one.id: one for one in entries}
    return skews(there.values(), _after(there))


def span_of(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """From when until when things beside an incident belong to its timeline."""
    first = min(one for one in (incident.at, incident.detected, incident.began) if one is not None)
    return first - LEAD, incident.resolved or max(now, incident.last.at)


def _after(there: Mapping[str, Entry]) -> dict[str, tuple[str, ...]]:
    """What each follows. A deed's id stands for the first that is known of it: that it was about to be sent; a copy's
    for the entry it stands in."""
    acts = sorted((one for one in there.values() if one.source is Source.ACT), key=lambda one: (one.session, one.seq))
    known = {name: one.id for one in there.values() for name in one.copies}
    for one in acts:
        known.setdefault(one.about, one.id)
    return {one.id: tuple(known.get(name, name) for name in one.follows) for one in there.values()}


# its own records


def of_incident(incident: Incident) -> Iterator[Entry]:
    """Everything that was said in it."""
    items = {one.id: one.text for one in incident.items}
    sent = {one.id: one.message for one in incident.messages}
    roles: dict[Any, str] = {}
    for record in incident.records:
        words = _said(record, items, roles.get(record.role, ""))
        if record.what is What.ROLE:
            roles[record.role] = record.who
        if record.what is What.ANSWERED and record.sent is not None and record.about in sent:
            message = sent[record.about]
            name = _PAGED.get(message.template, "message")
            words = f"{name} to {message.channel} {record.sent.value}" + (f": {record.text}" if record.text else "")
        follows = tuple(one for one in (record.after, record.about) if one)
        if record.declared is not None and record.declared.occasion is not None:
            follows = (*follows, record.declared.occasion.case)
        yield Entry(
            record.id, record.at, _SOURCES.get(record.what, Source.INCIDENT), words, record.by,
            detail=record.message.text if record.message is not None else "", about=record.about, host=record.host,
            session=record.session, seq=record.seq, follows=follows,
        )  # fmt: skip


_SOURCES: Final = {
    What.MESSAGE: Source.MESSAGE,
    What.ANSWERED: Source.MESSAGE,
    What.NOTED: Source.NOTE,
    What.REACTED: Source.REACTION,
}


_PAGED: Final = {PAGE: "page", PAGE_OVER: "end of page"}


def _said(record: Record, items: Mapping[str, str], had: str) -> str:
    """One record in words."""
    text = f": {record.text}" if record.text else ""
    match record.what:
        case What.DECLARED if record.declared is not None:
            return f"declared {record.declared.level}: {record.declared.title}"
        case What.GRADED:
            return f"severity {record.level}{text}"
        case What.STAGED if record.stage is not None:
            return f"{record.stage.value}{text}"
        case What.ROLE if record.role is not None:
            if not record.who:
                return f"nobody is {record.role.value}{text}"
            handed = f", handed over by {had}" if had and had != record.who else ""
            return f"{record.who} is {record.role.value}{handed}{text}"
        case What.ETA if record.when is None:
            return f"nobody knows when it ends{text}"
        case What.ETA | What.BEGAN | What.PLANNED if record.when is not None:
            return f"{record.what.value} {record.when:%Y-%m-%d %H:%M}{text}"
        case What.FLAG:
            return record.text if record.flag else f"not {record.text}"
        case What.CALLED:
            return f"called {record.who}, {'answered' if record.flag else 'no answer'}{text}"
        case What.LINKED | What.UNLINKED if record.link is not None:
            name = "alert" if record.link.kind == "case" else record.link.kind
            belongs = "belongs to it" if record.what is What.LINKED else "does not belong to it"
            return f"{name} {record.link.words or record.link.id} {belongs}"
        case What.MESSAGE if record.message is not None:
            if record.message.template in _PAGED:
                return f"{_PAGED[record.message.template]} to {record.message.channel}"
            how = "copied" if record.message.channel == "clipboard" else f"to {record.message.channel}"
            return f"{record.message.audience} message {record.message.template} {how}".replace("  ", " ")
        case What.ITEM:
            owner = f" ({record.who})" if record.who else ""
            return f"action item{text}{owner}"
        case What.ITEM_CHANGED | What.ITEM_DONE | What.ITEM_OPENED:
            return f"{record.what.value}: {items.get(record.about, '?')}{text}"
        case What.NOTED | What.REACTED:
            return record.text
    return f"{record.what.value}{text}"
