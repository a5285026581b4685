"""Moments as a person writes them. Without a zone they are UTC, as everything in the room."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

_AWAY: Final = re.compile(r"([+-])\s*(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?")
_LENGTH: Final = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?")
_TIME: Final = re.compile(r"(?:(today|yesterday)\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?\s*(utc|z|local)?", re.IGNORECASE)
_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2}(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?)\s*(utc|z|local|[+-]\d{2}:?\d{2})?", re.I
)

_WANTED: Final = 'write 03:12, "yesterday 03:12", 2026-03-01T03:12:41, -2h; UTC, or with "local" behind it'


def moment(text: str, now: datetime, *, forward: bool = False) -> datetime:
    """The moment that is meant, aware UTC. Raises ValueError with words for a person.

    A time of day alone is the last one before `now`; with `forward`, the one on the same day.

    >>> now = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
    >>> [f"{moment(one, now):%d %H:%M}" for one in ("01:30", "03:12", "yesterday 03:12", "-2h30m", "2026-02-27 03:12")]
    ['01 01:30', '28 03:12', '28 03:12', '28 23:30', '27 03:12']
    >>> f"{moment('2026-03-01T03:12+02:00', now):%H:%M}"
    '01:12'
    """
    said = " ".join(text.split())
    if said.lower() == "now":
        return now
    if (found := _AWAY.fullmatch(said)) is not None and any(found.groups()[1:]):
        away = _length(found.groups()[1:])
        return _within(partial(now.__add__ if found[1] == "+" else now.__sub__, away))
    if (found := _TIME.fullmatch(said)) is not None:
        return _within(partial(_of_day, found, now, forward))
    if (found := _ISO.fullmatch(said)) is not None:
        return _within(partial(_of_date, found))
    raise ValueError(f"that is no moment: {_WANTED}")


def length(text: str) -> timedelta:
    """A length of time such as 30m or 1h30m, at most a year. Raises ValueError with words for a person.

    >>> str(length("1h30m"))
    '1:30:00'
    """
    found = _LENGTH.fullmatch("".join(text.split()))
    made = _length(found.groups()) if found is not None and any(found.groups()) else timedelta()
    if not timedelta() < made <= timedelta(days=366):
        raise ValueError("that is no length of time: write 30m, 1h30m or 2d")
    return made


def here(at: datetime) -> str:
    """The same moment by this machine's own zone, said where it is another than UTC."""
    local = at.astimezone()
    if local.utcoffset() == timedelta():
        return "which is the time here too"
    return f"{local:%H:%M:%S %Z} here"


def _length(parts: tuple[str | None, ...]) -> timedelta:
    days, hours, minutes, seconds = (int((part or "0")[:6]) for part in parts)
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _of_day(found: re.Match[str], now: datetime, forward: bool) -> datetime:
    day, hour, minute, second, zone = found.groups()
    base = now.astimezone(None if (zone or "").lower() == "local" else UTC)
    made = base.replace(hour=int(hour), minute=int(minute), second=int(second or 0), microsecond=0)
    if (day or "").lower() == "yesterday" or (not day and made > base and not forward):
        made -= timedelta(days=1)
    if (zone or "").lower() == "local":  # another offset may hold on that day
        made = made.replace(tzinfo=None).astimezone()
    return made.astimezone(UTC)


def _of_date(found: re.Match[str]) -> datetime:
    made = datetime.fromisoformat(re.sub(r"[T ](\d):", r"T0\1:", found[1]))
    zone = (found[2] or "utc").lower()
    if zone == "local":
        return made.astimezone().astimezone(UTC)
    if zone in ("utc", "z"):
        return made.replace(tzinfo=UTC)
    return datetime.fromisoformat(f"{made.isoformat()}{zone[:3]}:{zone[-2:]}").astimezone(UTC)


def _within(make: Callable[[], datetime]) -> datetime:
    try:
        return make()
    except (ValueError, OverflowError):
        raise ValueError(f"there is no such moment: {_WANTED}") from None
