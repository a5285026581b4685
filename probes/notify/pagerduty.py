"""PagerDuty's Events API v2: https://developer.pagerduty.com/docs/events-api-v2-overview.

A case is one alert there: its id is the `dedup_key`, so an event that is sent twice changes nothing. What asks for
somebody triggers, who takes it in hand here acknowledges there, and its end resolves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from probes.base import SafeText, SecretSource, Severity
from probes.base.notice import Delivery, Fate, Notice
from probes.notify.send import Post, Reply, Undelivered, endpoint, judged, resolved

SEVERITIES: Final[Mapping[Severity, str]] = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.NOTICE: "info",
}
"""What ours are called there, unless a profile says otherwise."""

_ACTIONS: Final = {"acknowledged": "acknowledge", "silenced": "acknowledge", "cleared": "resolve"}
_SUMMARY: Final = 1024
"""Characters of a summary; the limits are those of https://developer.pagerduty.com/docs/send-alert-event."""
_KEY: Final = 255
"""Characters of a dedup_key."""


class PagerDuty:
    """One service there."""

    def __init__(
        self,
        name: str,
        url: str,
        routing_key: str,
        secrets: SecretSource,
        *,
        severities: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        proxy: str = "",
    ) -> None:
        """`routing_key`: a reference; `proxy` may be one. `severities`: what ours are called there, by our names."""
        self._post = Post(name, timeout, None, proxy, secrets)
        self._url = url
        self._key = routing_key
        self._secrets = secrets
        self._names = {**SEVERITIES, **{Severity[one.upper()]: name for one, name in (severities or {}).items()}}

    async def tell(self, notice: Notice) -> Delivery:
        """Send its event once. A test is resolved again at once, so that nobody is called for it."""
        found = await self._send(event(notice, self._names))
        if notice.event == Notice.TEST and found.fate is Fate.TOLD:
            over = await self._send({**event(notice, self._names), "event_action": "resolve"})
            return Delivery(over.fate, SafeText(f"trigger: {found.words}; resolve: {over.words}", 300))
        return found

    async def _send(self, body: dict[str, Any]) -> Delivery:
        try:
            key = body["routing_key"] = resolved(self._key, self._secrets)
            text = json.dumps(body, ensure_ascii=False).encode()
            reply = await self._post.send(self._url, {"Content-Type": "application/json"}, text, (key,))
        except Undelivered as error:
            return error.delivery
        return judged(reply, endpoint(self._url).where, taken=_taken(reply))

    async def reach(self) -> Delivery:
        """Connect and hang up; no event is sent."""
        try:
            resolved(self._key, self._secrets)
            where = await self._post.reach(self._url)
        except Undelivered as error:
            return error.delivery
        return Delivery(Fate.TOLD, SafeText(f"{where} takes connections"))

    async def close(self) -> None:
        """Let go."""
        self._post.close()


def _taken(reply: Reply) -> bool:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("status") == "success"


def event(notice: Notice, names: Mapping[Severity, str] = SEVERITIES) -> dict[str, Any]:
    """The event of a notice, without its routing key."""
    made: dict[str, Any] = {
        "event_action": _ACTIONS.get(notice.event, "trigger"),
        "dedup_key": notice.case[:_KEY],
        "client": "opsroom",
    }
    if made["event_action"] != "trigger":
        return made
    made["payload"] = {
        "summary": notice.headline[:_SUMMARY],
        "source": notice.target or "opsroom",
        "severity": names[notice.severity],
        "timestamp": notice.since or notice.at,
        "component": notice.target,
        "group": notice.place,
        "class": notice.rule,
        "custom_details": {"event": notice.event, "notice": notice.id, "by": notice.by, **notice.more},
    }
    link = notice.more.get("link", "")
    if isinstance(link, str) and link.startswith("https://"):
        made["links"] = [{"href": link, "text": "where it stands"}]
    return made
