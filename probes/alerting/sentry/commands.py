"""Acts on Sentry's issues as command lines, both ways: the curl that people put into runbooks, and sentry-cli."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from probes.alerting.address import base_of
from probes.alerting.curl import curl_of, options
from probes.alerting.parse import table
from probes.base import CommandLine, Recognised, Request, quoted

RESOLVE: Final = "resolve"
ARCHIVE: Final = "archive"
ASSIGN: Final = "assign"
LEAST: Final = 5
MOST: Final = 43200
"""Minutes an issue may be archived: thirty days."""
PERSON: Final = r"[^\s\"'{}\\]{1,100}"
ISSUE: Final = re.compile(r"[0-9]{1,20}")

_PATH: Final = re.compile(r"/api/0/(?:organizations/(?P<org>[a-z0-9_-]{1,100})/)?issues/(?P<id>[0-9]{1,20})/?")
_CLI_VALUED: Final = frozenset({"-o", "--org", "-p", "--project", "-i", "--id", "--auth-token", "--url"})
_FOR_EVER: Final = "The line archives for ever: archive it from its row and say for how long."
_PLACE: Final = "The line does not say which Sentry: this is done in the organisation of this target."


@dataclass(frozen=True, slots=True)
class Here:
    """Which Sentry a dialect speaks of."""

    url: str
    """Its address, or a reference to it."""
    organization: str

    @property
    def base(self) -> str:
        """What stands before a path in a line; empty when it isn't known."""
        return base_of(self.url)


def wanted(request: Request) -> dict[str, Any]:
    """What an issue is asked to become."""
    if request.action == ASSIGN:
        return {"assignedTo": request.word}
    if request.action == ARCHIVE:
        return {"status": "ignored", "statusDetails": {"ignoreDuration": request.number}}
    return {"status": "resolved"}


def render(request: Request, here: Here) -> str:
    """A line for each issue; the token is left out."""
    words = ["curl", "-fsS", "-X", "PUT", "-H", "Content-Type: application/json", "-d", json.dumps(wanted(request))]
    base = f"{here.base}/api/0/organizations/{here.organization}/issues"
    return "\n".join(quoted([*words, f"{base}/{id}/"]) for id in request.subjects)


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request that a line of curl or sentry-cli means here; None when it means none, or another place."""
    if line.program == "sentry-cli":
        return _cli(line, here)
    found = curl_of(line)
    if found is None or found.method != "PUT":
        return None
    parts = urlsplit(found.url)
    at = found.url.find("/api/0/")
    place = _PATH.fullmatch(found.url[at:]) if at >= 0 else None
    if place is None or parts.query or found.url[:at].rstrip("/") != here.base:
        return None
    if place["org"] not in (None, here.organization):
        return None
    return _asked(place["id"], found.json)


def _asked(id: str, body: Any) -> Recognised | None:
    """What a body asks of an issue; anything more than one thing is none of ours."""
    asked = dict(table(body))
    if set(asked) == {"assignedTo"}:
        who = asked["assignedTo"]
        is_one = isinstance(who, str) and re.fullmatch(PERSON, who) is not None
        return Recognised(Request(ASSIGN, (id,), word=who)) if is_one else None
    status, details = asked.pop("status", None), table(asked.pop("statusDetails", {}))
    if asked or status not in ("resolved", "ignored"):
        return None
    if status == "resolved":
        return Recognised(Request(RESOLVE, (id,))) if not details else None
    minutes = details.get("ignoreDuration")
    fits = isinstance(minutes, int) and not isinstance(minutes, bool) and LEAST <= minutes <= MOST
    if fits and set(details) == {"ignoreDuration"}:
        return Recognised(Request(ARCHIVE, (id,), minutes))
    return Recognised(Request(ARCHIVE, (id,)), _FOR_EVER) if not details else None


def _cli(line: CommandLine, here: Here) -> Recognised | None:
    """`sentry-cli issues resolve -i ID`, `mute`; https://docs.sentry.io/cli/"""
    found = options(line.words[1:], _CLI_VALUED, frozenset())
    if found is None or len(found.plain) != 2 or found.plain[0] != "issues":
        return None
    ids = tuple(dict.fromkeys(found.all("-i", "--id")))
    where = found.last("--url")
    if not ids or not all(map(ISSUE.fullmatch, ids)) or found.last("-o", "--org") not in (None, here.organization):
        return None
    if where is not None and where.rstrip("/") != here.base:
        return None
    place = "" if found.last("-o", "--org") else _PLACE
    if found.plain[1] == "resolve":
        return Recognised(Request(RESOLVE, ids), place)
    return Recognised(Request(ARCHIVE, ids), _FOR_EVER) if found.plain[1] == "mute" else None
