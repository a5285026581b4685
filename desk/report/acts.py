"""Acts out of the audit, a line each: who, when, what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from desk.audit.record import OUTCOMES, Code, Record

_WORD: Final[Mapping[Code, str]] = {
    Code.DONE: "done", Code.REFUSED: "refused", Code.FAILED: "failed", Code.UNKNOWN: "unknown", Code.PARTIAL: "in part",
}  # fmt: skip

NO_END: Final = "no known end"


@dataclass(frozen=True, slots=True)
class Act:
    """One act as the audit tells of it."""

    at: datetime
    """When it was about to be sent."""
    who: str
    what: str
    target: str
    reason: str
    outcome: str = NO_END
    """What the system answered."""
    verdict: str = ""
    """What was true afterwards; empty: nobody knows."""


def acts(records: Iterable[Record], system: str, environment: str, since: datetime, until: datetime) -> list[Act]:
    """The acts of a system whose intent lies in this time, in order; ends that came later belong to them."""
    found: dict[str, Act] = {}
    writers: dict[str, tuple[str, bool]] = {}
    for record in sorted(records, key=lambda record: (record.at, record.writer, record.seq)):
        data = record.data
        if record.code is Code.SESSION_OPENED:
            about = _table(data.get("about"))
            ours = (_text(about.get("system")), _text(about.get("environment"))) == (system, environment)
            writers[record.writer] = _who(_table(data.get("actor"))), ours
            continue
        who, ours = writers.get(record.writer, ("?", False))
        act = _text(data.get("act"))
        if record.code is Code.INTENT and ours and since <= record.at <= until:
            subject = _table(data.get("subject"))
            what = f"{_text(data.get('action'))} {_text(subject.get('name'))}".strip()
            found[act] = Act(record.at, who, what, _text(data.get("target")), _text(data.get("reason")))
        elif act in found and record.code in OUTCOMES:
            found[act] = replace(found[act], outcome=_word(record))
        elif act in found and record.code is Code.VERDICT:
            found[act] = replace(found[act], verdict=_text(data.get("truth")))
    return list(found.values())


def _word(record: Record) -> str:
    words = _text(record.data.get("words"))
    return f"{_WORD[record.code]}: {words}" if words and record.code is not Code.DONE else _WORD[record.code]


def _who(actor: Mapping[str, Any]) -> str:
    return f"{_text(actor.get('name')) or '?'}@{_text(actor.get('host')) or '?'}"


def _table(value: object) -> Mapping[str, Any]:
    """Records may be of any shape once somebody has written in them."""
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
