"""When a checklist is due: a time of day in a zone, on certain days, however the clocks there are turned.

A time that a day does not have, because the clocks go forward over it, is the first moment after the gap; a time that a
day has twice is the first of the two. So every day that is meant has exactly one.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_NUMBERS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}

FORMS: Final = (
    '"daily 09:00", "weekdays 18:00", "sunday 02:00", "first sunday 03:00", "monthly 1 08:00", "monthly last 08:00" '
    'or "quarterly 08:00"'
)
"""How a schedule is written."""

_FORM: Final = re.compile(
    r"(?P<days>daily|weekdays|weekends|quarterly"
    rf"|(?:(?P<which>{'|'.join(_NUMBERS)})\s+)?(?P<day>{'|'.join(DAYS)})"
    r"|monthly(?:\s+(?P<of>\d{1,2}|last))?)\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})"
)

_FURTHEST: Final = 400
"""Days that are looked through for the next one: more than a year."""


class ScheduleError(ValueError):
    """A schedule or a zone that can't be read; the message is for who wrote it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Days and a time of day, in a zone."""

    text: str
    """As it is written, in one spelling."""
    zone: str
    """Its name in the time zone database: https://www.iana.org/time-zones."""
    at: time
    days: frozenset[int] = frozenset(range(7))
    """Days of the week, Monday is 0."""
    which: int | None = None
    """Which of those days in a month: 1 to 4, -1 is the last; None: each."""
    of_month: int | None = None
    """The day of the month; -1 is the last, and one that a month lacks is its last too. None: each."""
    months: frozenset[int] = frozenset(range(1, 13))

    def suits(self, day: date) -> bool:
        """True when it is due on that day, by the calendar of its zone."""
        if day.month not in self.months or day.weekday() not in self.days:
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        if self.of_month is not None:
            return day.day == (length if self.of_month < 0 else min(self.of_month, length))
        if self.which is None:
            return True
        return day.day > length - 7 if self.which < 0 else (day.day - 1) // 7 + 1 == self.which

    def on(self, day: date) -> datetime:
        """The moment on a day, aware UTC."""
        return moment_of(day, self.at, zone_of(self.zone))

    def next(self, after: datetime) -> datetime:
        """The first moment later than that, aware UTC. Raises `ScheduleError` where the calendar ends."""
        return self._first(self._days(after, 1), lambda found: found > after)

    def previous(self, upto: datetime) -> datetime:
        """The last moment not later than that, aware UTC. Raises `ScheduleError` where the calendar begins."""
        return self._first(self._days(upto, -1), lambda found: found <= upto)

    def _first(self, days: Iterator[date], wanted: Callable[[datetime], bool]) -> datetime:
        for day in days:
            if self.suits(day) and wanted(found := self.on(day)):
                return found
        raise ScheduleError("there is no such day")

    def _days(self, near: datetime, step: int) -> Iterator[date]:
        """Days by the zone's calendar, from the one before `near` on: a gap may carry a time over midnight."""
        try:
            here = near.astimezone(zone_of(self.zone)).date()
            for number in range(-1, _FURTHEST):
                yield here + timedelta(days=step * number)
        except OverflowError:
            return


def moment_of(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A time of day on a day in a zone, aware UTC; the first moment after the gap where that day lacks it.

    PEP 495 says how a time in a gap is known: with fold 0 it is read by the offset before the gap, which lies behind it
    (https://peps.python.org/pep-0495/).
    """
    wanted = datetime.combine(day, at, zone)
    found = wanted.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wanted.replace(tzinfo=None):
        return found
    return _after_gap(wanted.replace(fold=1).astimezone(UTC), found, zone)


def _after_gap(before: datetime, behind: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two at which the offset changes, to the second."""
    low, high = int(before.timestamp()), int(behind.timestamp())
    offset = datetime.fromtimestamp(low, UTC).astimezone(zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def zone_of(name: str) -> ZoneInfo:
    """A zone by its name. Raises `ScheduleError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError('is not a known zone: write its name as "Europe/Berlin" or "UTC"') from None


def parse(text: str, zone: str = "UTC") -> Schedule:
    """A schedule out of its text. Raises `ScheduleError`.

    >>> parse("First  Sunday 3:00").text, parse("monthly 08:00").text
    ('first sunday 03:00', 'monthly 1 08:00')
    """
    zone_of(zone)
    found = _FORM.fullmatch(" ".join(text.lower().split()))
    if found is None:
        raise ScheduleError(f"must be one of {FORMS}")
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour > 23 or minute > 59:
        raise ScheduleError("has a time that no day has: from 00:00 to 23:59")
    at, days = time(hour, minute), found["days"].split()[0]
    told = f"{at:%H:%M}"
    if days == "daily":
        return Schedule(f"daily {told}", zone, at)
    if days == "weekdays":
        return Schedule(f"weekdays {told}", zone, at, frozenset(range(5)))
    if days == "weekends":
        return Schedule(f"weekends {told}", zone, at, frozenset((5, 6)))
    if days == "quarterly":
        return Schedule(f"quarterly {told}", zone, at, of_month=1, months=frozenset((1, 4, 7, 10)))
    if days == "monthly":
        of = found["of"] or "1"
        if of != "last" and not 1 <= int(of) <= 31:
            raise ScheduleError("has a day that no month has: from 1 to 31, or last")
        return Schedule(f"monthly {of} {told}", zone, at, of_month=-1 if of == "last" else int(of))
    which = f"{found['which']} " if found["which"] else ""
    number = _NUMBERS[found["which"]] if found["which"] else None
    return Schedule(f"{which}{found['day']} {told}", zone, at, frozenset((DAYS.index(found["day"]),)), number)
