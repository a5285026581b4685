"""Small HTTP servers that speak as Sentry and PagerDuty document it: paths, headers, pages, limits, error bodies.

https://docs.sentry.io/api/events/list-an-organizations-issues/ https://docs.sentry.io/api/pagination/
https://docs.sentry.io/api/ratelimits/ https://docs.sentry.io/api/events/update-an-issue/
https://developer.pagerduty.com/api-reference/ (incidents, on-calls, notes, pagination, errors, rate limits)
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-test-password"
ORG = "acme"

Answer = tuple[int, Any, dict[str, str]]


class FakeService(ThreadingHTTPServer):
    """What both have: a token, requests that are remembered, and answers that a test can put in their place."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, Mapping[str, list[str]], Any]] = []
        """(method, path, query, body) of each request."""
        self.seen: list[Mapping[str, str]] = []
        """Headers of each request, names in small letters."""
        self.instead: dict[str, Answer] = {}
        """What a path answers instead."""
        self.refused: dict[str, Answer] = {}
        """What a path answers instead when something is to be changed."""
        self.ahead = 0.0
        """Seconds its clock is ahead of ours."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def now(self) -> datetime:
        """The time by its clock."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def changed(self) -> list[tuple[str, str, Any]]:
        """(method, path, body) of each request that changes something."""
        return [(method, path, body) for method, path, _, body in self.asked if method != "GET"]

    def answer(
        self, method: str, path: str, query: Mapping[str, list[str]], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """What is answered."""
        raise NotImplementedError


def stamp(moment: datetime) -> str:
    """A time as both write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# Sentry


def issue(number: int = 1, title: str = "ValueError: bad amount", *, now: datetime | None = None, rate: int = 60,
          hours: int = 3, first: float = 2.5, **more: Any) -> dict[str, Any]:  # fmt: skip
    """An issue as Sentry gives it: `rate` events in each of the last `hours` hours, first seen `first` hours ago."""
    now = now or datetime.now(UTC)
    hour = int(now.timestamp()) // 3600 * 3600
    stats = [[hour - 3600 * back, rate if back < hours else 0] for back in reversed(range(24))]
    return {
        "id": str(4500000000 + number),
        "shareId": None,
        "shortId": f"SHOP-{number}",
        "title": title,
        "culprit": "shop.pay in charge",
        "permalink": f"https://acme.sentry.io/issues/{4500000000 + number}/",
        "logger": None,
        "level": "error",
        "status": "unresolved",
        "statusDetails": {},
        "substatus": "ongoing",
        "isPublic": False,
        "platform": "python",
        "project": {"id": "11", "name": "Shop", "slug": "shop", "platform": "python"},
        "type": "error",
        "metadata": {"type": "ValueError", "value": "bad amount"},
        "numComments": 0,
        "assignedTo": None,
        "isBookmarked": False,
        "isSubscribed": False,
        "isUnhandled": True,
        "count": str(rate * hours),
        "userCount": 14,
        "firstSeen": stamp(now - timedelta(hours=first)),
        "lastSeen": stamp(now - timedelta(minutes=number)),
        "priority": "high",
        "stats": {"24h": stats},
    } | more  # fmt: skip


class FakeSentry(FakeService):
    """One organisation with issues."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: list[dict[str, Any]] = [issue()]
        self.scopes = {"event:read", "event:write"}
        self.members: dict[str, str] = {"anna@acme.example": "Anna", "bo@acme.example": "Bo"}
        self.most_hits = 1000

    def answer(
        self, method: str, path: str, query: Mapping[str, list[str]], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """GET of a list and of one issue, PUT of one issue."""
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"detail": "Invalid token"}, {}
        if ("event:read" if method == "GET" else "event:write") not in self.scopes:
            return 403, {"detail": "You do not have permission to perform this action."}, {}
        base = f"/api/0/organizations/{ORG}/issues/"
        if not path.startswith(base):
            return 404, {"detail": "The requested resource does not exist"}, {}
        if path == base and method == "GET":
            return self._list(query)
        found = next((one for one in self.issues if path == f"{base}{one['id']}/"), None)
        if found is None:
            return 404, {"detail": "The requested resource does not exist"}, {}
        return (200, found, {}) if method == "GET" else self._change(found, body)

    def _list(self, query: Mapping[str, list[str]]) -> Answer:
        limit = int(query.get("limit", ["100"])[0])
        if limit > 100:
            return 400, {"detail": "Invalid limit parameter. Must be a number between 0 and 100"}, {}
        start = int(query.get("cursor", ["0:0:0"])[0].split(":")[1])
        kept = sorted((one for one in self.issues if one["status"] == "unresolved"), key=lambda one: one["lastSeen"])
        kept.reverse()
        page, more = kept[start : start + limit], start + limit < len(kept)
        url = f"{self.url}/api/0/organizations/{ORG}/issues/"
        link = (
            f'<{url}?&cursor=0:{max(0, start - limit)}:1>; rel="previous"; '
            f'results="{"true" if start else "false"}"; cursor="0:{max(0, start - limit)}:1", '
            f'<{url}?&cursor=0:{start + limit}:0>; rel="next"; results="{"true" if more else "false"}"; '
            f'cursor="0:{start + limit}:0"'
        )
        told = {"Link": link, "X-Hits": str(min(len(kept), self.most_hits)), "X-Max-Hits": str(self.most_hits),
                "X-Sentry-Rate-Limit-Limit": "40", "X-Sentry-Rate-Limit-Remaining": "39",
                "X-Sentry-Rate-Limit-Reset": str(int(self.now.timestamp()) + 1)}  # fmt: skip
        return 200, page, told

    def _change(self, found: dict[str, Any], body: Any) -> Answer:
        if "status" in body and body["status"] not in ("resolved", "ignored", "unresolved", "resolvedInNextRelease"):
            return 400, {"status": ['"x" is not a valid choice.']}, {}
        if "assignedTo" in body:
            who = body["assignedTo"]
            if who and who not in self.members:
                return (
                    400,
                    {"assignedTo": ["Could not parse actor. Format should be `type:id` where type is `team`"]},
                    {},
                )
            name = self.members.get(who, "")
            found["assignedTo"] = {"type": "user", "id": "7", "name": name, "email": who} if who else None
        if "status" in body:
            found["status"] = body["status"]
            found["substatus"] = "archived_until_condition_met" if body["status"] == "ignored" else None
            minutes = body.get("statusDetails", {}).get("ignoreDuration")
            until = stamp(self.now + timedelta(minutes=minutes)) if minutes else None
            found["statusDetails"] = {"ignoreUntil": until} if until else {}
        return 200, found, {}


# PagerDuty


def reference(id: str, type: str, summary: str) -> dict[str, Any]:
    """What PagerDuty says of another object."""
    api, web = f"https://api.pagerduty.com/{type}s/{id}", f"https://acme.pagerduty.com/{type}s/{id}"
    return {"id": id, "type": f"{type}_reference", "summary": summary, "self": api, "html_url": web}


ANNA = reference("PXPGF42", "user", "Anna Berg")
BO = reference("PUSER77", "user", "Bo Dahl")
MAIL = reference("PIJ90N7", "service", "Mail")
POLICY = reference("PT20YPA", "escalation_policy", "Mail people")


def incident(number: int = 1, title: str = "The queue is full", status: str = "triggered", *,
             minutes: float = 12, now: datetime | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    """An incident as PagerDuty gives it, begun some minutes ago."""
    at = stamp((now or datetime.now(UTC)) - timedelta(minutes=minutes))
    acknowledged = [{"at": at, "acknowledger": ANNA}] if status == "acknowledged" else []
    return {
        "id": f"PT4KH{number:02d}",
        "type": "incident",
        "summary": f"[#{number}] {title}",
        "self": f"https://api.pagerduty.com/incidents/PT4KH{number:02d}",
        "html_url": f"https://acme.pagerduty.com/incidents/PT4KH{number:02d}",
        "incident_number": number,
        "title": title,
        "created_at": at,
        "updated_at": at,
        "status": status,
        "incident_key": f"key-{number}",
        "service": MAIL,
        "assignments": [{"at": at, "assignee": ANNA}],
        "assigned_via": "escalation_policy",
        "last_status_change_at": at,
        "resolved_at": None,
        "first_trigger_log_entry": reference("Q02JTSNZWHSEKV", "trigger_log_entry", "Triggered through the API"),
        "alert_counts": {"all": 2, "triggered": 2, "resolved": 0},
        "is_mergeable": True,
        "escalation_policy": POLICY,
        "teams": [reference("PQ9K7I8", "team", "Engineering")],
        "impacted_services": [MAIL],
        "pending_actions": [{"type": "escalate", "at": stamp(datetime.now(UTC) + timedelta(minutes=18))}],
        "acknowledgements": acknowledged,
        "alert_grouping": None,
        "last_status_change_by": MAIL,
        "priority": None,
        "resolve_reason": None,
        "incidents_responders": [],
        "responder_requests": [],
        "urgency": "high",
    } | more  # fmt: skip


def on_call(user: Mapping[str, Any] = ANNA, level: int = 1, policy: Mapping[str, Any] = POLICY) -> dict[str, Any]:
    """One entry of who is on call."""
    schedule = reference("PI7DH85", "schedule", "Nights") if level == 1 else None
    now = datetime.now(UTC)
    return {"escalation_policy": policy, "escalation_level": level, "schedule": schedule, "user": user,
            "start": stamp(now - timedelta(hours=3)) if schedule else None,
            "end": stamp(now + timedelta(hours=5)) if schedule else None}  # fmt: skip


def error(message: str, code: int, *errors: str) -> dict[str, Any]:
    """How PagerDuty says no."""
    return {"error": {"message": message, "code": code, "errors": list(errors)}}


class FakePagerDuty(FakeService):
    """One account."""

    def __init__(self) -> None:
        super().__init__()
        self.incidents: list[dict[str, Any]] = [incident()]
        self.on_calls: list[dict[str, Any]] = [on_call(), on_call(BO, 2)]
        self.notes: dict[str, list[dict[str, Any]]] = {}
        self.people = {"anna@acme.example": ANNA, "bo@acme.example": BO}
        self.read_only = False
        self.user_token = False
        """True: the token is a user's own, which needs no From."""

    def answer(
        self, method: str, path: str, query: Mapping[str, list[str]], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """Lists, one incident, its change, its notes."""
        if headers.get("authorization") != f"Token token={TOKEN}":
            return 401, error("Authentication failed", 2006), {}
        if "application/vnd.pagerduty+json;version=2" not in headers.get("accept", ""):
            return 400, error("Arguments Caused Error", 2002, "version 2 must be asked for"), {}
        told = {"ratelimit-limit": "960", "ratelimit-remaining": "955", "ratelimit-reset": "42"}
        if method == "GET" and path in ("/incidents", "/oncalls"):
            return (*self._list(path, query), told)
        if path == "/users/me" and method == "GET":
            known = {"user": ANNA | {"email": "anna@acme.example", "role": "limited_user"}}
            return (200, known, told) if self.user_token else (400, error("Arguments Caused Error", 2002), told)
        _, first, id, *rest = [*path.split("/"), ""]
        found = next((one for one in self.incidents if first == "incidents" and one["id"] == id), None)
        if found is None:
            return 404, error("Not Found", 2100), told
        if method == "GET":
            return 200, ({"notes": self.notes.get(id, [])} if rest[0] == "notes" else {"incident": found}), told
        if self.read_only:
            return 403, error("Access Denied", 2010), told
        sender = ANNA if self.user_token else self.people.get(headers.get("from", ""))
        if sender is None:
            return 400, error("Requester User Not Found", 1008), told
        if rest[0] == "notes":
            note = {"id": f"PN{len(self.notes.get(id, [])):04d}", "user": sender, "content": body["note"]["content"],
                    "created_at": stamp(self.now)}  # fmt: skip
            self.notes.setdefault(id, []).insert(0, note)
            return 201, {"note": note}, told
        return (*self._change(found, body["incident"], sender), told)

    def _list(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        limit, offset = int(query.get("limit", ["25"])[0]), int(query.get("offset", ["0"])[0])
        if limit > 100 or limit + offset > 10000:
            return 400, error("Arguments Caused Error", 2002, "limit is too great")
        if path == "/incidents":
            kept = [one for one in self.incidents if one["status"] in query.get("statuses[]", [])]
            kept = [one for one in kept if one["service"]["id"] in query.get("service_ids[]", [one["service"]["id"]])]
            kept.sort(key=lambda one: one["created_at"], reverse=query.get("sort_by") == ["created_at:desc"])
        else:
            wanted = query.get("escalation_policy_ids[]")
            kept = [one for one in self.on_calls if not wanted or one["escalation_policy"]["id"] in wanted]
        page = kept[offset : offset + limit]
        name = path.removeprefix("/")
        return 200, {name: page, "limit": limit, "offset": offset, "more": offset + limit < len(kept), "total": None}

    def _change(self, found: dict[str, Any], wanted: Mapping[str, Any], sender: Any) -> tuple[int, Any]:
        if found["status"] == "resolved":
            return 400, error("Incident Already Resolved", 1001, "Incident Already Resolved")
        if "escalation_level" in wanted:
            level = wanted["escalation_level"]
            people = [one["user"] for one in self.on_calls if one["escalation_level"] == level]
            if not people:
                return 400, error("Cannot Escalate", 1006)
            found["assignments"] = [{"at": stamp(self.now), "assignee": one} for one in people]
            found["status"], found["acknowledgements"] = "triggered", []
        if "status" in wanted:
            found["status"], found["last_status_change_at"] = wanted["status"], stamp(self.now)
            if wanted["status"] == "acknowledged":
                found["acknowledgements"] = [{"at": stamp(self.now), "acknowledger": sender}]
            if wanted["status"] == "resolved":
                found["assignments"] = []
        return 200, {"incident": found}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FakeService

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.now.timestamp() if timestamp is None else timestamp)

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        body = json.loads(raw) if raw else None
        parts, told = urlsplit(self.path), self.server
        query, headers = parse_qs(parts.query), {name.lower(): text for name, text in self.headers.items()}
        told.asked.append((self.command, parts.path, query, body))
        told.seen.append(headers)
        other = told.instead.get(parts.path) or (told.refused.get(parts.path) if self.command != "GET" else None)
        status, answer, more = other or told.answer(self.command, parts.path, query, body, headers)
        out = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(out)))
        for name, text in more.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(out)


@contextmanager
def serving(server: FakeService) -> Iterator[Any]:
    """The server, running."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def sentry_port(*_: object) -> Iterator[int]:
    """The port of a Sentry."""
    with serving(FakeSentry()) as server:
        yield server.port


@contextmanager
def pagerduty_port(*_: object) -> Iterator[int]:
    """The port of a PagerDuty."""
    with serving(FakePagerDuty()) as server:
        yield server.port
