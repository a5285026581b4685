"""Changes of cases for tests of what tells people of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from desk.alert import Alert
from desk.inbox.case import Case, Change, Standing, What
from desk.notices.channel import KINDS, Channel
from desk.notices.wording import System
from probes.base import Severity

SHOP = System("shop", "production", True)
AT = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def alert(target: str = "jobs", rule: str = "backlog", severity: Severity = Severity.CRITICAL, **more: Any) -> Alert:
    """Something is wrong."""
    given: dict[str, Any] = {"words": "4,812 jobs wait", "value": 4812.0, "limit": 1000.0, "since": 1000.0, "at": AT}
    return Alert(target, rule, severity, "depth", (("queue", "mail"),), **{**given, **more})


def change(
    what: What = What.RAISED,
    case: str = "case-1",
    number: int = 0,
    *,
    at: datetime = AT,
    of: Alert | None = None,
    by: str = "",
    note: str = "",
    quiet: str = "",
) -> Change:
    """Something happened to a case; its id is the case's with the change and a number."""
    standing = {What.CLEARED: Standing.CLEARED, What.ACKNOWLEDGED: Standing.ACKNOWLEDGED}.get(what, Standing.OPEN)
    held = Case(case, of or alert(), standing, cleared=at if what is What.CLEARED else None, kind="queues")
    return Change(f"{case}:{what.value.replace(' ', '-')}:{number}", held, what, at, by, note, quiet)


def channel(name: str = "hook", kind: str = "webhook", **settings: Any) -> Channel:
    """A channel as a profile makes it."""
    needed = {
        "webhook": {"url": "http://127.0.0.1:1/"},
        "slack": {"url": "env:SLACK"},
        "pagerduty": {"routing_key": "env:PAGER"},
        "desktop": {},
    }
    return Channel(name, KINDS[kind].model_validate({"kind": kind, **needed[kind], **settings}))
