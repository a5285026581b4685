"""What the cells of an answer mean: numbers by their type, text made safe, secrets covered.

Everything comes as text, so that no value, however odd, breaks the driver; types are told by their OIDs.
https://www.postgresql.org/docs/current/catalog-pg-type.html
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from probes.base import SafeText, finite

NUMBERS: Final = frozenset({20, 21, 23, 26, 700, 701, 1700})
"""int8, int2, int4, oid, float4, float8, numeric."""
BOOL: Final = 16
INTERVAL: Final = 1186
TIMES: Final = frozenset({1082, 1114, 1184})
"""date, timestamp, timestamptz."""
_TYPES: Final = {17: "bytea", 25: "text", 1043: "text", 1042: "text", 114: "json", 3802: "json", 2950: "uuid",
                 790: "money", 1083: "time of day", 869: "address"}  # fmt: skip
CELL: Final = 200
"""Characters of a cell that are kept."""
COVERED: Final = SafeText("***")

_SECRET: Final = re.compile(
    r"(?i)(?:^|_)(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|cookie|credential)s?(?:_|$)"
)
_DURATION: Final = re.compile(
    r"P(?:(?P<years>-?\d+)Y)?(?:(?P<months>-?\d+)M)?(?:(?P<weeks>-?\d+)W)?(?:(?P<days>-?\d+)D)?"
    r"(?:T(?:(?P<hours>-?\d+)H)?(?:(?P<minutes>-?\d+)M)?(?:(?P<seconds>-?\d+(?:\.\d+)?)S)?)?"
)
_SECONDS: Final = {"years": 31_557_600, "months": 2_592_000, "weeks": 604_800, "days": 86_400, "hours": 3600,
                   "minutes": 60, "seconds": 1}  # fmt: skip
"""As PostgreSQL's extract(epoch from interval) counts them."""


class NotANumber(ValueError):
    """A value that is none; the message says what it is instead."""


def called(oid: int) -> str:
    """A type for a person."""
    if oid in TIMES:
        return "a point in time"
    return {BOOL: "true or false", INTERVAL: "a length of time"}.get(oid) or _TYPES.get(oid, "of another type")


def number(raw: bytes | None, oid: int, time: str | None, now: datetime | None) -> float | None:
    """The number of a cell; NULL is None. Raises `NotANumber`.

    >>> number(b"12.50", 1700, None, None), number(None, 23, None, None), number(b"t", 16, None, None)
    (12.5, None, 1.0)
    >>> number(b"P1DT2H-3M", 1186, None, None)
    93420.0
    """
    if raw is None:
        return None
    text = raw.decode("utf-8", "replace")
    if oid in TIMES:
        if time is None:
            raise NotANumber('is a point in time: set time = "age" or time = "until"')
        return _distance(text, time, now)
    if time is not None:
        raise NotANumber(f"is {called(oid)}, not a point in time")
    if oid in NUMBERS:
        value = finite(float(text))
        if value is None:
            raise NotANumber("is NaN or infinite")
        return value
    if oid == BOOL:
        return 1.0 if text == "t" else 0.0
    if oid == INTERVAL:
        return seconds(text)
    raise NotANumber(f"is {called(oid)}, not a number")


def seconds(text: str) -> float:
    """Seconds of an interval as iso_8601 writes it. Raises `NotANumber`."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise NotANumber("is a length of time without end")
    return float(sum(float(found[name] or 0) * worth for name, worth in _SECONDS.items()))


def moment(text: str, now: datetime) -> datetime:
    """A point in time as ISO writes it; without a zone it is in the session's. Raises `NotANumber`."""
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        raise NotANumber("is a point in time beyond reckoning") from None
    return made if made.tzinfo is not None else made.replace(tzinfo=now.tzinfo)


def _distance(text: str, time: str, now: datetime | None) -> float:
    if now is None:
        raise NotANumber("can't be told: the server's clock is not known")
    apart: timedelta = now - moment(text, now)
    return apart.total_seconds() if time == "age" else -apart.total_seconds()


def is_secret(name: str, oid: int) -> bool:
    """True when a column's name says that its text is nobody's business; counts of such things are no secret.

    >>> is_secret("access_token", 25), is_secret("author", 25), is_secret("expiring_tokens", 20)
    (True, False, False)
    """
    return bool(_SECRET.search(name)) and oid not in NUMBERS | TIMES | {BOOL, INTERVAL}


def cell(raw: bytes | None) -> SafeText | None:
    """A cell for a person."""
    return None if raw is None else SafeText(raw, CELL)
