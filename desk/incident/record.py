"""What the store keeps of incidents: one record for each thing that happened in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal

from desk import codec
from desk.incident.scheme import Audience
from desk.runs.record import Occasion

STREAM: Final = "incidents"
"""The stream of the store in which they stand."""

AS_IS: Final = frozenset(
    {"id", "at", "incident", "what", "host", "session", "seq", "after", "stage", "role", "level", "about", "when",
     "kind", "template", "audience", "channel", "sent", "case", "target", "rule", "labels", "detected", "began",
     "acknowledged"}
)  # fmt: skip
"""Fields, at any depth, by which an incident and what is in it are known: no secret is taken out of them, for a name
that happens to be a password must stay that name. All other texts are for people."""

PAGE: Final = "page of duty"
"""The template's name of what calls somebody through PagerDuty; no template of a profile can have it."""

PAGE_OVER: Final = "end of page"
"""The same of what tells PagerDuty that nobody is called for it any more."""

PAGES: Final = frozenset({PAGE, PAGE_OVER})
"""What is told PagerDuty, and is no message to anybody."""

TEXT: Final = 4000
"""Characters of a text that are kept."""


class What(Enum):
    """What happened, as the timeline says it."""

    DECLARED = "declared"
    TITLED = "renamed"
    GRADED = "severity"
    ACKNOWLEDGED = "acknowledged"
    """Somebody is at it."""
    STAGED = "status"
    ROLE = "role"
    """Somebody has a role now, or nobody has it."""
    ETA = "expected end"
    BEGAN = "began"
    """When it began, as a person found out."""
    IMPACT = "impact"
    """What customers feel."""
    CAUSE = "cause"
    FLAG = "flag"
    """Something of which the ladder asks: "data loss"."""
    NOTED = "note"
    REACTED = "reaction"
    LINKED = "linked"
    UNLINKED = "unlinked"
    CALLED = "called"
    """Somebody of the ladder was called."""
    MESSAGE = "message"
    ANSWERED = "message answered"
    """What became of a message that was sent."""
    SECURED = "security mode on"
    RELEASED = "security mode off"
    OVERRODE = "evidence overridden"
    """Somebody lets an act be done that security mode bars."""
    GATHERED = "evidence gathered"
    """A bundle was written: where it lies, its hash, what is missing."""
    ITEM = "action item"
    ITEM_CHANGED = "action item changed"
    ITEM_DONE = "action item done"
    ITEM_OPENED = "action item re-opened"
    PLANNED = "post-mortem planned"
    WRITTEN = "post-mortem written"
    JOINED = "joined with another"
    """It is the same as another incident, which goes on."""


class Stage(Enum):
    """How far it is."""

    DECLARED = "declared"
    INVESTIGATING = "investigating"
    MITIGATED = "mitigated"
    """It hurts nobody any more; whether it stays so is watched."""
    RESOLVED = "resolved"
    REOPENED = "re-opened"


class Role(Enum):
    """What somebody is there for."""

    COMMANDER = "commander"
    """Decides."""
    SCRIBE = "scribe"
    """Writes down."""
    OPERATOR = "operator"
    """Acts."""


class Sent(Enum):
    """What became of a message."""

    COPIED = "copied"
    """A person took the text along; where they put it is not known."""
    SENDING = "being sent"
    SENT = "sent"
    REFUSED = "refused"
    UNSENT = "not sent"
    UNANSWERED = "sent, no answer"


SAID: Final = frozenset({Sent.COPIED, Sent.SENT, Sent.UNANSWERED})
"""What counts as said when the next message is due: a message that may have been read."""


@dataclass(frozen=True, slots=True)
class Link:
    """Something that belongs to an incident."""

    kind: Literal["case", "run", "address"]
    id: str
    """Of the case in the inbox, of the run; or the address itself."""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Declared:
    """What an incident was declared with."""

    title: str
    level: str
    """Name of the severity."""
    detected: datetime | None = None
    """When the alert was raised; None: a person noticed."""
    acknowledged: datetime | None = None
    """When somebody had the alert in hand before this was an incident."""
    acknowledged_by: str = ""
    occasion: Occasion | None = None
    """The alert it was declared from."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was told, word by word."""

    template: str
    """Name of the template; empty: written freely."""
    audience: Audience
    channel: str
    """Name of `[notify.NAME]`; "clipboard" when it was copied."""
    text: str
    sent: Sent = Sent.SENDING


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened in an incident."""

    id: str
    at: datetime
    """By the clock of its host, aware UTC. Clocks differ: `after` tells what cannot have been later."""
    incident: str
    what: What
    by: str = ""
    host: str = ""
    session: str = ""
    """Which session wrote it."""
    seq: int = 0
    """Its number in that session, from 1; a session's records follow one another whatever its clock did."""
    after: str = ""
    """The newest record of the incident that its session knew then: it was there before."""
    text: str = ""
    """The title, the note, the reason, the impact, the cause, the name of the flag, what became of a message."""
    level: str = ""
    """With GRADED."""
    stage: Stage | None = None
    """With STAGED."""
    role: Role | None = None
    who: str = ""
    """Who has the role, was called, or owns the action item; with ROLE empty: nobody."""
    when: datetime | None = None
    """With ETA the expected end (None: it is taken back), with BEGAN that moment, with ITEM and ITEM_CHANGED the day it
    is due, with PLANNED when people meet."""
    about: str = ""
    """Id of the item, message, record or other incident that it is about; with CALLED the name of the rung, with
    OVERRODE the digest of the plan."""
    flag: bool = False
    """With FLAG: it is so; with CALLED: they answered."""
    declared: Declared | None = None
    link: Link | None = None
    message: Message | None = None
    sent: Sent | None = None
    """With ANSWERED."""


_NEEDS: Final[Mapping[What, str]] = {
    What.STAGED: "stage",
    What.ROLE: "role",
    What.LINKED: "link",
    What.UNLINKED: "link",
    What.MESSAGE: "message",
    What.ANSWERED: "sent",
    What.BEGAN: "when",
}
"""What a record cannot be without."""


def written(record: Record) -> dict[str, Any]:
    """As JSON values."""
    found: dict[str, Any] = codec.plain(record)
    return found


def read(body: Mapping[str, Any]) -> Record:
    """The record that `written` wrote. Raises `CodecError`."""
    record: Record = codec.shared(Record, dict(body))
    said = record.declared
    moments = (record.at, record.when, *((said.detected, said.acknowledged) if said is not None else ()))
    if any(one is not None and one.tzinfo is None for one in moments):
        raise codec.CodecError("a record of an incident without a zone")
    if not record.id or not record.incident or (record.what is What.DECLARED) != (said is not None):
        raise codec.CodecError("not as a record of an incident is written")
    if record.what in _NEEDS and getattr(record, _NEEDS[record.what]) is None:
        raise codec.CodecError("a record of an incident without what it says")
    return record
