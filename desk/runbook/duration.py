"""How long, as people write it: "5m", "10 minutes", "1-2 hours", "30分钟", "15 dk"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_UNITS: Final = {
    1e-3: "ms|msecs?|millis(?:econds?)?|毫秒|ミリ秒",
    1.0: "s|secs?|seconds?|sekunden?|secondes?|segundos?|secondi|saniye|sn|秒|초|секунд[аы]?|сек",
    60.0: "m|mins?|minutes?|minuten?|minutos?|minuti|dakika|dk|分钟|分鐘|分間|分|분|минут[аы]?|мин",
    3600.0: "h|hrs?|hours?|stunden?|std|heures?|horas?|ore|saat|小时|小時|時間|시간|часов|часа|час",
    86400.0: "d|days?|tage?n?|jours?|d[ií]as?|dias?|giorni|gün|天|日間|日|일|дней|дня|день",
    604800.0: "w|wks?|weeks?|wochen?|semaines?|semanas?|settimane|hafta|周|週間?|주",
    2592000.0: "months?|monate?n?|mois|mes(?:es)?|mesi|ay|个月|か月|ヶ月|개월",
}
"""Seconds of each unit; a month counts thirty days."""

UNIT: Final = "|".join(_UNITS.values())
"""Every unit of time, as part of a regular expression; longer spellings win by the look-ahead after it."""

_DURATION: Final = re.compile(
    rf"(?P<from>\d+(?:\.\d+)?)(?:\s*(?:-|–|to|bis|à|a)\s*(?P<to>\d+(?:\.\d+)?))?\s*\+?\s*-?(?P<unit>{UNIT})(?![a-zа-яё])",
    re.IGNORECASE,
)
_SHORT: Final = ((604800, "w"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time within a text."""

    seconds: float
    """The longer end of a range."""
    start: int
    end: int
    """Where it stands in the text."""


def find(text: str, start: int = 0) -> Duration | None:
    """The first length of time in a text, from a place on.

    >>> find("wait 5-10 minutes").seconds, find("p95 > 1s for 30分钟", 9).seconds
    (600.0, 1800.0)
    >>> find("m5.large in 2 AZs") is None
    True
    """
    found = _DURATION.search(text, start)
    if found is None:
        return None
    number = float(found["to"] or found["from"])
    return Duration(number * seconds_of(found["unit"]), found.start(), found.end())


def seconds_of(unit: str) -> float:
    """Seconds of one of a unit; NaN for what is no unit of time.

    >>> seconds_of("min"), seconds_of("Stunden"), seconds_of("%")
    (60.0, 3600.0, nan)
    """
    for seconds, spelled in _UNITS.items():
        if re.fullmatch(spelled, unit, re.IGNORECASE):
            return seconds
    return float("nan")


def short(seconds: float) -> str:
    """A length of time as rules take it.

    >>> short(300), short(90), short(86400), short(0.5)
    ('5m', '90s', '1d', '0.5s')
    """
    for size, unit in _SHORT:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"
