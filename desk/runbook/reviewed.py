"""When a runbook says of itself that somebody last went through it."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SAID: Final = re.compile(
    r"\blast[ _-](?:updated|reviewed|revised|modified|changed|verified|tested)\b(?:[ ]on)?[*_: \t|-]{1,12}"
    r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"|(?P<name>[a-z]{3})[a-z]*\.?[ ](?P<of>\d{1,2}),?[ ](?P<in>\d{4})"
    r"|(?P<first>\d{1,2})\.?[ ](?P<called>[a-z]{3})[a-z]*\.?,?[ ](?P<then>\d{4}))(?![\d-])",
    re.IGNORECASE,
)

OLD: Final = 365
"""Days after which a runbook that nobody went through is worth a doubt; ours."""


def doubtful(day: date, today: date) -> bool:
    """Whether it is too long ago that somebody went through it, or not yet."""
    return not 0 <= (today - day).days <= OLD


def reviewed(text: str) -> date | None:
    """The newest day that it gives for that; None where it gives none.

    >>> reviewed("**Last Updated:** 2025-12-22"), reviewed("last reviewed on February 15, 2026")
    (datetime.date(2025, 12, 22), datetime.date(2026, 2, 15))
    >>> reviewed("Last updated: 2025-13-45") is None
    True
    """
    days = (
        _day(*(found[one] for one in names)) for found in _SAID.finditer(text) for names in _FORMS if found[names[0]]
    )
    return max((day for day in days if day is not None), default=None)


_FORMS: Final = (("year", "month", "day"), ("in", "name", "of"), ("then", "called", "first"))


def _day(year: str, month: str, day: str) -> date | None:
    number = int(month) if month.isdigit() else 1 + _MONTHS.index(month.lower()) if month.lower() in _MONTHS else 0
    try:
        return date(int(year), number, int(day))
    except ValueError:
        return None
