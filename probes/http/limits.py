"""How much of an API's quota is left, and until when it must not be asked again.

Headers are read in every form that is in use; what none of them names is unknown and never zero.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from probes.base import SafeText, finite
from probes.http.facts import Limit

MOST: Final = 8
"""Limits of one answer that are kept."""
LONGEST: Final = 3600.0
"""Seconds after which a throttled endpoint is asked once more, whatever it said."""
DEFAULT: Final = 60.0
"""Seconds it is left alone when it doesn't say."""

_PLAIN: Final = re.compile(r"(?:x-)?rate-?limit-(limit|remaining|reset)(?:-([a-z0-9_-]{1,40}))?")
_ITEM: Final = re.compile(r'(?:^|,)\s*"?([A-Za-z0-9_ .-]{1,40})"?\s*;([^,]*)')
_PART: Final = re.compile(r"\b([a-z]+)\s*=\s*(\d{1,15}(?:\.\d+)?)")
_DURATION: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d+)?)s)?(?:(\d{1,9})ms)?")
_USAGE: Final = ("x-app-usage", "x-page-usage", "x-ad-account-usage")
_BUSINESS: Final = "x-business-use-case-usage"
_SHARES: Final = ("call_count", "total_time", "total_cputime", "acc_id_util_pct")
"""Per cent of what is allowed."""
_META: Final = frozenset({4, 17, 32, 613, *range(80000, 80015)})
"""Error codes by which Meta's Graph API says that it is asked too often, with status 400 or 403."""
_META_TOKEN: Final = frozenset({102, 190})
"""Error codes by which it says that a token is not valid, with status 400."""


def limits_of(headers: Mapping[str, str], now: datetime) -> tuple[Limit, ...]:
    """Every limit that an answer's headers name (in lower case)."""
    found = {one.name: one for one in (*_plain(headers, now), *_structured(headers), *_usage(headers))}
    return tuple(found.values())[:MOST]


def pause(status: int, headers: Mapping[str, str], body: Any, limits: tuple[Limit, ...], now: datetime) -> float | None:
    """Seconds for which the endpoint must not be asked, when this answer says so; None when it doesn't."""
    spent = [one for one in limits if one.remaining == 0 or (one.used or 0.0) >= 1.0]
    if not (status == 429 or (status == 403 and spent) or (status in (400, 403) and _meta(body) in _META)):
        return None
    said = _seconds(headers.get("retry-after", ""), now)
    ends = [one.resets for one in spent or limits if one.resets]
    wait = said if said is not None else max(ends) if ends else DEFAULT
    return min(max(wait, 1.0), LONGEST)


def is_unaccepted(status: int, body: Any) -> bool:
    """True when an answer says that what we log in with is not valid (any more)."""
    return status == 401 or (status == 400 and _meta(body) in _META_TOKEN)


def _meta(body: Any) -> int | None:
    error = body.get("error") if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) else None


def _plain(headers: Mapping[str, str], now: datetime) -> Iterator[Limit]:
    """X-RateLimit-Remaining and its relatives, each suffix a limit of its own."""
    found: dict[str, Limit] = {}
    for header, text in headers.items():
        if (named := _PLAIN.fullmatch(header)) is None:
            continue
        what, name = named[1], named[2] or "requests"
        one = found.get(name, Limit(name))
        first = text.partition(",")[0].strip()
        if what == "reset":
            found[name] = replace(one, resets=_seconds(first, now))
        else:
            number = float(first) if re.fullmatch(r"\d{1,15}", first) else None
            found[name] = replace(one, remaining=number) if what == "remaining" else replace(one, most=number)
    yield from (_with_share(one) for one in found.values())


def _structured(headers: Mapping[str, str]) -> Iterator[Limit]:
    """RateLimit with RateLimit-Policy, in the form of lists and in the older one of limit=, remaining=, reset=."""
    text = headers.get("ratelimit", "")
    older = dict(_PART.findall(text))
    if "remaining" in older:
        numbers = {name: float(value) for name, value in older.items()}
        yield _with_share(Limit("requests", None, numbers["remaining"], numbers.get("limit"), numbers.get("reset")))
        return
    policies = {
        name.strip(): dict(_PART.findall(rest)) for name, rest in _ITEM.findall(headers.get("ratelimit-policy", ""))
    }
    for name, rest in _ITEM.findall(text):
        parts, policy = dict(_PART.findall(rest)), policies.get(name.strip(), {})
        if "r" in parts:
            most, resets = policy.get("q"), parts.get("t")
            yield _with_share(
                Limit(
                    name.strip(),
                    None,
                    float(parts["r"]),
                    float(most) if most else None,
                    float(resets) if resets else None,
                )
            )


def _usage(headers: Mapping[str, str]) -> Iterator[Limit]:
    """Meta's usage in per cent: of the app, of the page, of each business use case."""
    for header in _USAGE:
        told = _json(headers.get(header, ""))
        if isinstance(told, dict) and (limit := _shares(header[2:].removesuffix("-usage"), told)):
            yield limit
    told = _json(headers.get(_BUSINESS, ""))
    for cases in list(told.values())[:MOST] if isinstance(told, dict) else ():
        for case in cases[:MOST] if isinstance(cases, list) else ():
            name = str(SafeText(str(case.get("type") or "business"), 40)) if isinstance(case, dict) else ""
            if name and (limit := _shares(name, case)):
                yield limit


def _shares(name: str, told: Mapping[str, Any]) -> Limit | None:
    shares = [number for key in _SHARES if (number := finite(told.get(key))) is not None and number >= 0]
    minutes = finite(told.get("estimated_time_to_regain_access"))
    if not shares:
        return None
    return Limit(name, max(shares) / 100, resets=minutes * 60 if minutes else None)


def _with_share(one: Limit) -> Limit:
    if one.most and one.remaining is not None:
        return replace(one, used=max(0.0, 1.0 - one.remaining / one.most))
    return one


def _json(text: str) -> Any:
    try:
        return json.loads(text) if text and len(text) < 1 << 16 else None
    except (ValueError, RecursionError):
        return None


def _seconds(text: str, now: datetime) -> float | None:
    """Seconds from now: a length, a moment since 1970 in seconds or milliseconds, a duration, or an HTTP date.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 1, tzinfo=UTC)
    >>> [_seconds(text, at) for text in ("30", "1m30s", "Sun, 01 Mar 2026 00:01:00 GMT", "250ms", "soon", "")]
    [30.0, 90.0, 60.0, 0.25, None, None]
    >>> _seconds(str(int(at.timestamp()) + 45), at)
    45.0
    """
    text = text.strip()
    if re.fullmatch(r"\d{1,15}(?:\.\d{1,9})?", text):
        number = float(text)
        since = number / 1000 if number >= 1e11 else number
        return max(0.0, since - now.timestamp()) if since >= 1e9 else number
    if text and (found := _DURATION.fullmatch(text)):
        hours, minutes, seconds, thousandths = (float(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds + thousandths / 1000
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment - now).total_seconds()) if moment.tzinfo is not None else None
    except (ValueError, TypeError, OverflowError):
        return None
