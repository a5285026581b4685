"""What the store keeps of checklists: one record for each thing that somebody signed, skipped, noted or left undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from desk import codec
from desk.checklist.judge import Judged, Verdict
from probes.base import Unit

STREAM: Final = "checklists"
"""The stream of the store in which they stand."""


class What(Enum):
    """What a record tells."""

    KNOWN = "known"
    """From this moment on the checklist has this schedule; what was due before it was missed by nobody."""
    SIGNED = "signed"
    SKIPPED = "skipped"
    TAKEN_BACK = "taken back"
    """What was said of a box counts no more."""
    NOTED = "noted"
    JUDGED = "judged"
    """Its boxes were looked at without anybody, by `opsroom check --record`."""
    SIGNED_OFF = "signed off"


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a box stood, and what proves it."""

    box: str
    """Key of the box."""
    verdict: Verdict
    words: str = ""
    value: float | None = None
    unit: Unit | None = None
    """None: a person entered it, and its words say the unit."""
    about: str = ""
    age: float | None = None
    """Seconds since it was read."""


def evidence(box: str, judged: Judged) -> Evidence:
    """A verdict as evidence."""
    unit = judged.unit if judged.value is not None else None
    return Evidence(box, judged.verdict, judged.words, judged.value, unit, judged.about, judged.age)


@dataclass(frozen=True, slots=True)
class Record:
    """One of them."""

    id: str
    at: datetime
    what: What
    checklist: str
    due: datetime | None = None
    """Which run: when it was due. None with KNOWN."""
    by: str = ""
    box: str = ""
    note: str = ""
    """A note, the reason for skipping, or what is handed over."""
    evidence: tuple[Evidence, ...] = ()
    whole: bool = False
    """With JUDGED: nothing was left for a person, and everything could be seen."""
    schedule: str = ""
    """With KNOWN: the schedule and its zone."""


def written(record: Record) -> dict[str, Any]:
    """As JSON values."""
    found: dict[str, Any] = codec.plain(record)
    return found


def read(body: Mapping[str, Any]) -> Record:
    """The record that `written` wrote. Raises `CodecError`."""
    record: Record = codec.shared(Record, dict(body))
    naive = [at for at in (record.at, record.due) if at is not None and at.tzinfo is None]
    if naive or (record.due is None) is not (record.what is What.KNOWN):
        raise codec.CodecError("not as a record of checklists is written")
    return record
