"""Until when: as people type it, and as it is shown. Times of day are UTC, as everywhere on the screen."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_PARTS: Final = re.compile(r"(\d{1,4})\s*(d|h|m|min|s)")
_SECONDS: Final = {"d": 86400, "h": 3600, "m": 60, "min": 60, "s": 1}
_CLOCK: Final = re.compile(r"(?:until\s+)?(?:(\d{4}-\d\d-\d\d)[ T])?(\d{1,2}):(\d\d)(?:\s*(?:utc|z))?", re.IGNORECASE)


def end(text: str, now: datetime) -> datetime | None:
    """The moment that "30m", "1h30m", "until 14:00" or "2026-03-02 14:00" means; None when it means none.

    >>> now = datetime(2026, 3, 1, 13, 30, tzinfo=UTC)
    >>> [f"{end(text, now):%d %H:%M}" for text in ("30m", "1h 30m", "until 14:00", "13:00", "2026-03-02 14:00")]
    ['01 14:00', '01 15:00', '01 14:00', '02 13:00', '02 14:00']
    >>> end("later", now), end("30", now), end("25:00", now), end("0m", now)
    (None, None, None, None)
    """
    text = text.strip().lower()
    found = _CLOCK.fullmatch(text)
    if found is not None:
        return _moment(found[1], int(found[2]), int(found[3]), now)
    if not re.fullmatch(rf"(?:for\s+)?(?:{_PARTS.pattern}\s*)+", text):
        return None
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))
    return now + timedelta(seconds=seconds) if seconds else None


def _moment(day: str | None, hour: int, minute: int, now: datetime) -> datetime | None:
    try:
        if day is not None:
            return datetime.fromisoformat(day).replace(hour=hour, minute=minute, tzinfo=UTC)
        found = now.astimezone(UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    except ValueError:
        return None
    return found if found > now else found + timedelta(days=1)


def until(moment: datetime, now: datetime) -> str:
    """An end, with its day when that is another.

    >>> now = datetime(2026, 3, 1, 13, 30, tzinfo=UTC)
    >>> until(datetime(2026, 3, 1, 14, 0, tzinfo=UTC), now), until(datetime(2026, 3, 3, 14, 0, tzinfo=UTC), now)
    ('14:00', '3 Mar 14:00')
    """
    told = moment.astimezone(UTC)
    if told.date() == now.astimezone(UTC).date():
        return f"{told:%H:%M}"
    return f"{told.day} {told:%b %H:%M}"
