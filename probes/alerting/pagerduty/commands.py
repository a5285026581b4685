"""Acts on incidents as command lines, both ways: the curl that people put into runbooks, and pd, PagerDuty's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from probes.alerting.address import base_of
from probes.alerting.curl import Curl, curl_of, options
from probes.alerting.pagerduty.parse import ID
from probes.alerting.parse import table
from probes.base import CommandLine, Recognised, Request, quoted

ACKNOWLEDGE: Final = "acknowledge"
RESOLVE: Final = "resolve"
ESCALATE: Final = "escalate"
NOTE: Final = "note"
LEVELS: Final = 20
"""Levels of a policy at most. https://support.pagerduty.com/main/docs/escalation-policies"""
NOTES: Final = r"\S.{0,498}\S|\S"

_STATUSES: Final = {ACKNOWLEDGE: "acknowledged", RESOLVE: "resolved"}
_NAMES: Final = {status: name for name, status in _STATUSES.items()}
_PD: Final = {"ack": ACKNOWLEDGE, "acknowledge": ACKNOWLEDGE, "resolve": RESOLVE, "notes": NOTE}
_PD_VALUED: Final = frozenset({"-i", "--ids", "--id", "-n", "--note"})
_SENDER: Final = "It is done in the name that the profile gives, not in the line's."
_PLACE: Final = "The line does not say for which account: this is done in the account of this target's token."


@dataclass(frozen=True, slots=True)
class Here:
    """Which account a dialect speaks of."""

    url: str
    """Its address, or a reference to it."""
    sender: str = ""

    @property
    def base(self) -> str:
        """What stands before a path in a line; empty when it isn't known."""
        return base_of(self.url)


def is_note(text: str) -> bool:
    """Whether it is a note: one line of text."""
    return re.fullmatch(NOTES, text) is not None


def wanted(request: Request) -> dict[str, Any]:
    """What an incident is asked to become."""
    if request.action == ESCALATE:
        return {"type": "incident_reference", "escalation_level": request.number}
    return {"type": "incident_reference", "status": _STATUSES[request.action]}


def render(request: Request, here: Here) -> str:
    """A line for each incident; the token is left out."""
    sender = ["-H", f"From: {here.sender}"] if here.sender else []
    lines = []
    for id in request.subjects:
        noted = request.action == NOTE
        body = {"note": {"content": request.word}} if noted else {"incident": wanted(request)}
        method, path = ("POST", f"/incidents/{id}/notes") if noted else ("PUT", f"/incidents/{id}")
        words = ["curl", "-fsS", "-X", method, "-H", "Content-Type: application/json", *sender]
        lines.append(quoted([*words, "-d", json.dumps(body), here.base + path]))
    return "\n".join(lines)


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request that a line of curl or pd means here; None when it means none, or another place."""
    if line.program == "pd":
        return _pd(line)
    found = curl_of(line)
    if found is None:
        return None
    base, _, rest = found.url.partition("/incidents")
    if base.rstrip("/") != here.base or "?" in rest:
        return None
    request = _put(found, rest.strip("/")) if found.method == "PUT" else _posted(found, rest.strip("/"))
    return Recognised(request, _SENDER if _names_another(line, here) else "") if request is not None else None


def _put(found: Curl, id: str) -> Request | None:
    """`PUT /incidents/ID` with one incident, or `PUT /incidents` with several that are asked the same."""
    if id:
        return _asked((id,), found.json.get("incident"), found.json) if ID.fullmatch(id) else None
    several = found.json.get("incidents")
    told = [table(one) for one in several] if isinstance(several, list) else []
    asked = [{name: value for name, value in one.items() if name != "id"} for one in told]
    ids = tuple(dict.fromkeys(str(one.get("id", "")) for one in told))
    if not told or not all(map(ID.fullmatch, ids)) or any(one != asked[0] for one in asked):
        return None
    return _asked(ids, asked[0], found.json)


def _asked(ids: tuple[str, ...], value: Any, body: Mapping[str, Any]) -> Request | None:
    asked = {name: text for name, text in table(value).items() if name != "type"}
    if len(body) != 1 or len(asked) != 1:
        return None
    level = asked.get("escalation_level")
    if isinstance(level, int) and not isinstance(level, bool) and 1 <= level <= LEVELS:
        return Request(ESCALATE, ids, level)
    name = _NAMES.get(str(asked.get("status")))
    return Request(name, ids) if name else None


def _posted(found: Curl, rest: str) -> Request | None:
    id, slash, tail = rest.partition("/")
    note = table(found.json.get("note"))
    text = note.get("content")
    if found.method != "POST" or not slash or tail != "notes" or not ID.fullmatch(id) or len(note) != 1:
        return None
    return Request(NOTE, (id,), word=text) if isinstance(text, str) and is_note(text) else None


def _names_another(line: CommandLine, here: Here) -> bool:
    """Whether the line acts in another name than the profile."""
    senders = [word.partition(":")[2].strip() for word in line.words if word.lower().startswith("from:")]
    return any(one != here.sender for one in senders)


def _pd(line: CommandLine) -> Recognised | None:
    """`pd incident ack -i ID`; https://github.com/martindstone/pagerduty-cli/wiki"""
    words = [word for part in line.words[1:3] for word in part.split(":")] + list(line.words[3:])
    found = options(words, _PD_VALUED, frozenset())
    if found is None or found.plain[:1] != ["incident"] or len(found.plain) < 2 or found.plain[1] not in _PD:
        return None
    name, ids = _PD[found.plain[1]], tuple(dict.fromkeys([*found.all("-i", "--ids", "--id"), *found.plain[2:]]))
    note = found.last("-n", "--note")
    if not ids or not all(map(ID.fullmatch, ids)) or (name == NOTE) != (note is not None):
        return None
    if name == NOTE and not is_note(note or ""):
        return None
    return Recognised(Request(name, ids, word=note or ""), _PLACE)
