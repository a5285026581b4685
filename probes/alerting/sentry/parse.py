"""From Sentry's JSON to issues: bounded, typed, every text made safe. Pure.

Documents: https://docs.sentry.io/api/events/list-an-organizations-issues/ https://docs.sentry.io/api/pagination/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from probes.alerting.api import moment
from probes.alerting.parse import table
from probes.alerting.sentry.facts import Issue
from probes.alerting.sentry.settings import LEVELS
from probes.base import Cause, ProbeError, SafeText, secure_link

HOUR: Final = 3600.0
_ID: Final = re.compile(r"[0-9]{1,20}")
_STATES: Final = ("new", "ongoing", "escalating", "regressed")
_PRIORITIES: Final = ("high", "medium", "low")
_LINK: Final = re.compile(r'<[^>]*>((?:\s*;\s*[a-z]+\s*=\s*"[^"]*")*)')
_PART: Final = re.compile(r'([a-z]+)\s*=\s*"([^"]*)"')
_MOST_HOURS: Final = 48
_MOST: Final = 1 << 53


def next_cursor(link: str) -> str | None:
    """Where the next page begins, by a Link header; None when there is none.

    >>> next_cursor('<https://s/?cursor=0:0:1>; rel="previous"; results="false"; cursor="0:0:1", '
    ...             '<https://s/?cursor=0:100:0>; rel="next"; results="true"; cursor="0:100:0"')
    '0:100:0'
    """
    for found in _LINK.finditer(link):
        parts = dict(_PART.findall(found[1]))
        if parts.get("rel") == "next" and parts.get("results") == "true":
            return parts.get("cursor") or None
    return None


def hits(headers: Mapping[str, str]) -> int | None:
    """How many issues there are in all; None when Sentry does not say, or stopped counting."""
    told, most = headers.get("x-hits", ""), headers.get("x-max-hits", "")
    if not told.isdecimal() or len(told) > 12:
        return None
    return None if most.isdecimal() and int(told) >= int(most) else int(told)


def issues(value: Any, now: datetime) -> list[Issue]:
    """The issues of one page; `now` by Sentry's clock. Raises `ProbeError(Cause.GARBAGE)`."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ProbeError(Cause.GARBAGE, "issues do not come as a list: is it a Sentry?")
    return [one for told in value if (one := _issue(told, now)) is not None]


def _issue(told: Mapping[str, Any], now: datetime) -> Issue | None:
    id = str(told.get("id") or "")
    if not _ID.fullmatch(id):
        return None
    level, state, priority = _text(told, "level"), _text(told, "substatus"), _text(told, "priority")
    assigned = table(told.get("assignedTo"))
    hours = _hours(table(told.get("stats")).get("24h"))
    unhandled = told.get("isUnhandled")
    return Issue(
        id=id,
        short=SafeText(_text(told, "shortId") or id, 80),
        title=SafeText(_text(told, "title") or "(no title)", 200),
        where=SafeText(_text(told, "culprit"), 200),
        project=SafeText(_text(table(told.get("project")), "slug"), 100),
        level=level if level in LEVELS else "error",
        state=state if state in _STATES else "",
        priority=priority if priority in _PRIORITIES else "",
        events=_count(told.get("count")),
        users=_count(told.get("userCount")),
        first_seen=moment(told.get("firstSeen")),
        last_seen=moment(told.get("lastSeen")),
        assigned=SafeText(_text(assigned, "name") or _text(assigned, "email"), 100),
        person=assigned.get("type") == "user",
        unhandled=unhandled if isinstance(unhandled, bool) else None,
        link=secure_link(_text(told, "permalink")),
        course=tuple(number for _, number in hours),
        rate=_rate(hours, now),
        began=_began(hours, moment(told.get("firstSeen"))),
    )


def _hours(value: Any) -> list[tuple[float, int]]:
    """(begin of an hour in seconds since 1970, events in it), the oldest first."""
    found = value if isinstance(value, list) else []
    pairs = [one for one in found if isinstance(one, list) and len(one) == 2]
    kept = [(_count(at), _count(number)) for at, number in pairs[-_MOST_HOURS:]]
    return sorted((float(at), number) for at, number in kept if at is not None and number is not None)


def _rate(hours: list[tuple[float, int]], now: datetime) -> float | None:
    """Events a minute since the last whole hour began: of one to two hours, so that none is told of seconds only."""
    if len(hours) < 2:
        return None
    since = hours[-2][0]
    seconds = now.timestamp() - since
    if not HOUR <= seconds <= 3 * HOUR:
        return None
    return 60.0 * sum(number for _, number in hours[-2:]) / seconds


def _began(hours: list[tuple[float, int]], first: datetime | None) -> datetime | None:
    """The begin of the unbroken row of hours at the end, or of the oldest told; not before it was first seen."""
    began: float | None = None
    for number, (at, events) in enumerate(reversed(hours)):
        if not events and number:  # the hour that is not over may have none yet
            break
        began = at if events else began
    else:  # in every hour that was told: for as long at least
        began = hours[0][0] if hours else None
    if began is None:
        return None
    found = datetime.fromtimestamp(began, UTC)
    return max(found, first) if first is not None else found


def _count(value: Any) -> int | None:
    """A whole number, which Sentry writes as a number or as text."""
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 17:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < _MOST else None


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""


def once(found: Iterable[Issue]) -> list[Issue]:
    """Each issue once: what moves while pages are turned comes twice."""
    return list({one.id: one for one in found}.values())
