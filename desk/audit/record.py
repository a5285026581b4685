"""One line of the audit: canonical JSON, chained by hashes to the line before it.

The form of a record is fixed: keys in order, no blanks, ASCII only. Its hash is SHA-256 over everything but itself,
so an edited, swapped, missing or added line breaks the chain where it happened.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from pydantic_core import from_json

VERSION: Final = 1
START: Final = "0" * 64
"""What the first record of a writer has for the hash before it."""


class Code(Enum):
    """Everything that is ever recorded, a closed list; success and failure never share a code."""

    SESSION_OPENED = "session.opened"
    """A writer begins: who, where, which system, and how the other writers' chains stood then."""
    SESSION_CLOSED = "session.closed"
    ARMED = "arm.granted"
    DISARMED = "arm.ended"
    REFUSED = "act.refused"
    """Nothing was sent."""
    INTENT = "act.intent"
    """It is about to be sent: what exactly, to what exactly, by whom, why."""
    SENT = "act.sent"
    """The request is handed over with the next instruction."""
    DONE = "act.done"
    FAILED = "act.failed"
    UNKNOWN = "act.unknown"
    PARTIAL = "act.partial"
    VERDICT = "act.verdict"
    """What was true afterwards."""
    SETTLED = "act.settled"
    """An act without a known end was looked into and closed by a person, with a note."""
    SECOND_ASKED = "second.asked"
    """A second person is asked to agree: what exactly, why, until when."""
    SECOND_APPROVED = "second.approved"
    """Somebody else has agreed: who, and how that is proven."""
    SECOND_REFUSED = "second.refused"
    SECOND_EXPIRED = "second.expired"
    """Nobody answered in time: neither yes nor no."""
    SECOND_WITHDRAWN = "second.withdrawn"
    SECOND_USED = "second.used"
    """What was approved begins; it permits nothing more."""
    SECOND_GIVEN = "second.given"
    """The person at this session is about to answer what another asks."""
    SECOND_RULE = "second.rule"
    """What needs a second person from now on."""
    MISSED = "trail.missed"
    """Records before this one could not be written here."""


OUTCOMES: Final = frozenset({Code.REFUSED, Code.DONE, Code.FAILED, Code.UNKNOWN, Code.PARTIAL})
"""What ends an intent."""


def canonical(fields: Mapping[str, Any]) -> bytes:
    """The one way to write these fields down.

    >>> canonical({"b": 1, "a": "é"})
    b'{"a":"\\\\u00e9","b":1}'
    """
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")


def digest(fields: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(fields)).hexdigest()


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read or is to be written."""

    writer: str
    """Id of the process that wrote it."""
    seq: int
    at: datetime
    """Wall time, aware UTC."""
    code: Code
    data: Mapping[str, Any]
    before: str
    """Hash of the record before it, of the same writer."""
    read: str = ""
    """Its hash as it was read and checked; empty: it was made here."""

    @property
    def fields(self) -> dict[str, Any]:
        """Everything that is hashed."""
        return {
            "v": VERSION,
            "writer": self.writer,
            "seq": self.seq,
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "code": self.code.value,
            "data": self.data,
            "prev": self.before,
        }

    @property
    def hash(self) -> str:
        """Its own hash."""
        return self.read or digest(self.fields)

    @property
    def line(self) -> bytes:
        """As it stands in the file, with its line end."""
        fields = self.fields
        return canonical(fields | {"hash": digest(fields)}) + b"\n"


_CODES: Final = {code.value: code for code in Code}


class Broken(ValueError):
    """A line is not a record as we write them."""


_TAIL: Final = re.compile(
    rb',"hash":"([0-9a-f]{64})",("prev":"[0-9a-f]{64}","seq":[0-9]+,"v":1,"writer":"[0-9a-f-]{36}"})\n\Z'
)
"""How every record ends: its hash stands before what it was chained to, so it can be cut out of the bytes."""


def parse(line: bytes) -> Record:
    """The record on a line. Raises `Broken` unless its bytes are those that were hashed."""
    tail = _TAIL.search(line)
    if tail is None:
        raise Broken("it is not a record")
    if hashlib.sha256(line[: tail.start()] + b"," + tail[2]).hexdigest().encode() != tail[1]:
        raise Broken("it was changed: its hash is of something else")
    try:
        fields = _loaded(line)
        record = Record(
            writer=fields["writer"],
            seq=fields["seq"],
            at=datetime.fromisoformat(fields["at"]),
            code=_CODES[fields["code"]],
            data=fields["data"],
            before=fields["prev"],
            read=fields["hash"],
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Broken("it is a record of a kind we don't know") from None
    if not isinstance(record.data, dict) or record.at.tzinfo is None:
        raise Broken("it is a record of a kind we don't know")
    return record


def _loaded(line: bytes) -> Any:
    try:
        return from_json(line)  # more than twice as fast; refuses half a surrogate, which a text of ours may hold
    except ValueError:
        return json.loads(line)
