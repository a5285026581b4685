"""Records of the inbox that were dated by a clock which is far ahead: they count from when the store got them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from desk.inbox.case import LONGEST_SILENCE
from probes.base import Carried

SANE: Final = timedelta(days=1)
"""How far a clock may be ahead of the store's before it is not believed: within that people's records are put in order
by their own times, for clocks do differ."""

_LONGEST: Final = timedelta(seconds=LONGEST_SILENCE)
_DATED: Final = {"": ("at",), "alert": ("at",), "silence": ("at", "until", "lifted")}
"""Where a record, its alert and its silence have moments; those after the first keep their distance from it."""


def believed(row: Carried) -> Carried:
    """A record as it came, or one that says when the store got it in place of a moment long after that, and what its
    own clock said. It is the same for everybody whom the store hands it to."""
    if not row.kept or row.at - row.kept <= SANE.total_seconds() * 1000:
        return row
    body = json.loads(row.body)
    kept = datetime.fromtimestamp(row.kept / 1000, UTC)
    said = f"dated {datetime.fromtimestamp(row.at / 1000, UTC):%Y-%m-%d} by a clock that is wrong"
    made = _put_right(body, "", kept)
    for name in ("alert", "silence"):
        if isinstance(part := body.get(name), dict):
            made[name] = _put_right(part, name, kept)
    note = body.get("note")
    made["note"] = f"{note}; {said}" if isinstance(note, str) and note else said
    return replace(row, at=row.kept, body=json.dumps(made))


def _put_right(part: Mapping[str, Any], name: str, kept: datetime) -> dict[str, Any]:
    made = dict(part)
    first = _moment(part.get("at"))
    for field in _DATED[name]:
        there = _moment(part.get(field))
        if there is not None and first is not None and there - kept > SANE:
            made[field] = (kept + min(max(timedelta(), there - first), _LONGEST)).isoformat()
    return made


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
