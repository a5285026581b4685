"""What the store keeps of the inbox: one record for each thing that happened or was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from desk import codec
from desk.alert import Alert
from desk.inbox.case import Silence, What

STREAM: Final = "inbox"
"""The stream of the store in which they stand."""

AS_IS: Final = frozenset(
    {"id", "at", "what", "case", "quiet", "target", "rule", "severity", "gauge", "labels", "since", "unit", "key",
     "aliases", "see", "row", "fingerprint", "matches", "until", "upto", "lifted"}
)  # fmt: skip
"""Fields, at any depth, by which an alert, a case or a silence is known and put in order: no secret is taken out of
them, for a name that happens to be a password must stay that name. All other texts are for people."""


@dataclass(frozen=True, slots=True)
class Record:
    """One of them. About a case, or about a silence."""

    id: str
    at: datetime
    what: What | None = None
    """What happened to the case; None: it is about a silence."""
    case: str = ""
    by: str = ""
    note: str = ""
    quiet: str = ""
    alert: Alert | None = None
    """As it was then; with RAISED, WORSE, BETTER and CLEARED."""
    silence: Silence | None = None
    """As it began, or as it is since it was lifted."""


def written(record: Record) -> dict[str, Any]:
    """As JSON values."""
    found: dict[str, Any] = codec.plain(record)
    return found


def read(body: Mapping[str, Any]) -> Record:
    """The record that `written` wrote. Raises `CodecError`."""
    record: Record = codec.shared(Record, dict(body))
    if record.at.tzinfo is None or (record.what is None) == (record.silence is None):
        raise codec.CodecError("not as a record of the inbox is written")
    if record.what is What.RAISED and record.alert is None:
        raise codec.CodecError("a case without its alert")
    return record
