"""What is not ours, played: WhatsApp's Cloud API, the status page of its maker, and Sentry, on one port."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from systems.web import Answer, Asked, told

AT_ONCE: Final = 60
"""Messages that WhatsApp takes at the same time."""
FEW: Final = 5
"""The same under the fault: two workers with two lanes each stay below it, with four each they don't."""
_QUICK: Final = (0.1, 0.25)
"""Seconds it takes for a message."""
_SLOW: Final = (0.7, 0.9)
"""The same under the fault: messages of a burst meet there also when they come one after the other."""
_OUT: Final = "Service temporarily unavailable"
_PROJECT: Final = {"id": "1", "slug": "whatsapp-notifications", "name": "whatsapp-notifications"}


class WhatsApp:
    """The Cloud API: a token, a limit, templates."""

    def __init__(self) -> None:
        self.token = ""
        """What it accepts; nothing: any."""
        self.revoked = ""
        self.at_once = AT_ONCE
        self.paused: set[str] = set()
        """Templates that may not be sent now."""
        self.results: Counter[str] = Counter()
        """delivered, limited, refused, rejected, unavailable: how many so far."""
        self.out = False
        """It is in an outage, and answers nobody as he wants."""
        self.asked = float("-inf")
        """When it last was handed a message, monotonic seconds."""
        self._busy = 0
        self._random = random.Random(5)

    async def take(self, asked: Asked) -> Answer:
        """One message."""
        self.asked = time.monotonic()
        if self.out:
            return self._no(503, 2, _OUT, "unavailable")
        if self._busy >= self.at_once:
            await asyncio.sleep(0.05)
            return self._no(429, 130429, "Rate limit exceeded", "limited")
        self._busy += 1
        try:
            await asyncio.sleep(self._random.uniform(*(_SLOW if self.at_once == FEW else _QUICK)))
        finally:
            self._busy -= 1
        if self.revoked and asked.headers.get("authorization") == f"Bearer {self.revoked}":
            return self._no(401, 190, "The access token is not valid any more", "refused")
        template = asked.document().get("template", {}).get("name", "")
        if template in self.paused:
            return self._no(400, 132015, f"Template {template} is paused", "rejected")
        self.results["delivered"] += 1
        return told({"messages": [{"id": f"wamid.{self._random.getrandbits(64):016x}"}]})

    def hello(self) -> Answer:
        """What everybody is told who comes without a token."""
        if self.out:
            return told({"error": {"message": _OUT, "code": 2}}, 503)
        return told({"error": {"message": "an access token is required", "code": 100}}, 400)

    def _no(self, status: int, code: int, words: str, result: str) -> Answer:
        self.results[result] += 1
        return told({"error": {"message": words, "code": code, "type": "OAuthException"}}, status)


@dataclass
class Issue:
    """One issue of Sentry."""

    id: int
    title: str
    culprit: str
    level: str
    first: datetime = field(default_factory=lambda: datetime.now(UTC))
    last: datetime = field(default_factory=lambda: datetime.now(UTC))
    hours: Counter[int] = field(default_factory=Counter)
    """Seconds since 1970 at which an hour began -> events in it."""
    status: str = "unresolved"
    substatus: str = "new"
    assigned: dict[str, str] | None = None


class Sentry:
    """Issues, the newest first; one that comes back after it was resolved has regressed."""

    def __init__(self) -> None:
        self.issues: dict[str, Issue] = {}
        """By title."""

    def report(self, title: str, culprit: str, level: str = "error", number: int = 1) -> None:
        """So many events of an issue."""
        one = self.issues.get(title)
        if one is None:
            one = self.issues[title] = Issue(4_000_000_001 + len(self.issues), title, culprit, level)
        elif one.status == "resolved":
            one.status, one.substatus = "unresolved", "regressed"
        one.last = datetime.now(UTC)
        one.hours[_hour(one.last)] += number

    def resolve(self, title: str) -> None:
        """As a release does that says it mends it."""
        if title in self.issues:
            self.issues[title].status = "resolved"

    def answer(self, asked: Asked, parts: list[str]) -> Answer:
        """The organisation's issues, or one of them."""
        match parts:
            case ["organizations", "demo", "issues"]:
                found = [one for one in self.issues.values() if one.status == "unresolved"]
                return told([self._told(one) for one in sorted(found, key=lambda one: one.last, reverse=True)])
            case ["organizations", "demo", "issues", id]:
                one = next((one for one in self.issues.values() if str(one.id) == id), None)
                if one is None:
                    return told({"detail": "The requested resource does not exist"}, 404)
                if asked.method == "PUT":
                    self._change(one, asked.document())
                return told(self._told(one))
        return told({"detail": "The requested resource does not exist"}, 404)

    def _change(self, one: Issue, wanted: dict[str, Any]) -> None:
        one.status = str(wanted.get("status", one.status))
        if who := wanted.get("assignedTo"):
            one.assigned = {"type": "user", "id": "1", "name": str(who), "email": str(who)}

    @staticmethod
    def _told(one: Issue) -> dict[str, Any]:
        newest = _hour(datetime.now(UTC))
        hours = [[at, one.hours[at]] for at in range(newest - 23 * 3600, newest + 1, 3600)]
        return {
            "id": str(one.id), "shortId": f"WHATSAPP-{one.id % 1000}", "title": one.title, "culprit": one.culprit,
            "level": one.level, "status": one.status, "substatus": one.substatus, "priority": "high",
            "project": _PROJECT, "count": str(sum(one.hours.values())), "userCount": 0, "isUnhandled": True,
            "firstSeen": one.first.isoformat(), "lastSeen": one.last.isoformat(), "assignedTo": one.assigned,
            "stats": {"24h": hours}, "permalink": "", "statusDetails": {},
        }  # fmt: skip


class Vendors:
    """All three."""

    def __init__(self) -> None:
        self.whatsapp = WhatsApp()
        self.sentry = Sentry()
        self.sentry.report("TimeoutError: webhook of a customer took 10 s", "hooks.deliver", "warning", 3)
        old = self.sentry.issues["TimeoutError: webhook of a customer took 10 s"]
        old.first, old.substatus = old.first - timedelta(days=12), "ongoing"

    async def answer(self, asked: Asked) -> Answer:
        """One request, for whichever it is."""
        match [part for part in asked.path.split("/") if part]:
            case ["api", "0", *rest]:
                return self.sentry.answer(asked, rest)
            case ["status", "api", "v2", "summary.json"]:
                return told(_status(self.whatsapp.out))
            case ["v21.0", _, "messages"] if asked.method == "POST":
                return await self.whatsapp.take(asked)
        return self.whatsapp.hello()


def _status(out: bool) -> dict[str, Any]:
    at = datetime.now(UTC).replace(second=0, microsecond=0).isoformat()
    names = ("WhatsApp Business Platform", "Cloud API", "Business Manager")
    hit = {"Cloud API"} if out else set[str]()
    parts = [
        {"id": str(number), "name": name, "status": "major_outage" if name in hit else "operational"}
        for number, name in enumerate(names)
    ]
    incident = {
        "id": "1", "name": "Messages can't be sent", "status": "investigating", "impact": "critical",
        "updated_at": at, "components": [parts[1]], "incident_updates": [],
    }  # fmt: skip
    indicator, words = ("critical", "Major Outage") if out else ("none", "All Systems Operational")
    return {
        "page": {"name": "Played status page", "updated_at": at}, "components": parts,
        "incidents": [incident] if out else [], "scheduled_maintenances": [],
        "status": {"indicator": indicator, "description": words},
    }  # fmt: skip


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600 * 3600
