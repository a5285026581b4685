"""Ticks of axes: round values in human units, and moments that a clock shows. Pure; the examples are the tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from probes.base import Unit

_TIMES: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000, 604800,
)  # fmt: skip
"""Seconds between ticks of time."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY: Final = 86400
_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_THOUSANDS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
_BYTES: Final = frozenset({Unit.BYTES, Unit.BYTES_PER_SECOND})
_AFTER: Final = {Unit.PER_SECOND: "/s", Unit.PER_MINUTE: "/min", Unit.BYTES_PER_SECOND: "/s", Unit.RATIO: " %"}


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    label: str


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 ... and 0.5, 0.2, 0.1 ... that is at least so much.

    >>> round_step(3), round_step(0.013), round_step(5)
    (5.0, 0.02, 5.0)
    """
    power = 10.0 ** math.floor(math.log10(least))
    for many in (1, 2, 5, 10):
        if many * power >= least * (1 - 1e-9):
            return float(f"{many * power:.12g}")
    return 10 * power


def value_ticks(low: float, high: float, unit: Unit, most: int) -> Sequence[Tick]:
    """Round values from `low` to `high`, at most so many.

    >>> [tick.label for tick in value_ticks(0, 0.93, Unit.RATIO, 5)]
    ['0 %', '20 %', '40 %', '60 %', '80 %']
    >>> [tick.label for tick in value_ticks(0, 3 * 2**30, Unit.BYTES, 4)]
    ['0 GiB', '1 GiB', '2 GiB', '3 GiB']
    >>> [tick.label for tick in value_ticks(0, 240, Unit.SECONDS, 5)]
    ['0 s', '1m', '2m', '3m', '4m']
    >>> [tick.label for tick in value_ticks(0, 2_500_000, Unit.COUNT, 3)]
    ['0 M', '1 M', '2 M']
    """
    if not (math.isfinite(high - low) and high > low) or most < 1:
        return ()
    scale, name = _scale(max(abs(low), abs(high)), unit)
    least = (high - low) / max(1, most) / scale
    if least < 1e-300:
        return ()
    step = round_step(least)
    if unit is Unit.SECONDS and scale == 1 and step > 5:
        step = float(next((one for one in _TIMES if one >= least), round_step(least / _DAY) * _DAY))
    first = math.ceil(low / scale / step - 1e-9)
    last = math.floor(high / scale / step + 1e-9)
    if last - first + 1 > most:
        first += (last - first + 1) - most
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    found = []
    for number in range(first, last + 1):
        value = number * step
        if unit is Unit.SECONDS and scale == 1 and step >= 1 and high >= 120:
            text = _lasting(value)
        else:
            text = f"{value:,.{digits}f}{name}"
        found.append(Tick(value * scale, text.replace("-0" + name, "0" + name) if value == 0 else text))
    return tuple(found)


def _scale(largest: float, unit: Unit) -> tuple[float, str]:
    """(what a value is divided by, what stands behind it)."""
    after = _AFTER.get(unit, "")
    if unit in _BYTES:
        power = min(len(_BINARY) - 1, max(0, math.floor(math.log(largest, 1024) + 1e-9))) if largest >= 1 else 0
        return 1024.0**power, f" {_BINARY[power]}{after}"
    if unit is Unit.RATIO:
        return 0.01, after
    if unit is Unit.SECONDS:
        return (0.001, " ms") if largest < 1 else (1.0, " s")
    for many, name in _THOUSANDS:
        if largest >= many:
            return many, f" {name}{after}"
    return 1.0, after


def _lasting(seconds: float) -> str:
    """A length of time without what is zero in it.

    >>> _lasting(90), _lasting(7200), _lasting(0), _lasting(5400), _lasting(172800)
    ('1m30s', '2h', '0 s', '1h30m', '2d')
    """
    whole, before = abs(round(seconds)), "-" if seconds < 0 else ""
    if whole < 60:
        return f"{before}{whole} s"
    days, rest = divmod(whole, _DAY)
    hours, minutes, left = rest // 3600, rest // 60 % 60, rest % 60
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (left, "s"))
    return before + "".join(f"{many}{name}" for many, name in parts if many)


def time_step(seconds: float, width: int) -> int:
    """Seconds between ticks of time where so many seconds have so many cells."""
    for step in _TIMES:
        if step / seconds * width >= (8 if step < 60 else 6) + 4:
            return step
    return _TIMES[-1] * max(1, math.ceil(12 / (_TIMES[-1] / seconds * width)))


def day(moment: datetime) -> str:
    """A date without its year.

    >>> day(datetime(2026, 3, 1, tzinfo=UTC))
    '1 Mar'
    """
    return f"{moment.day} {_MONTHS[moment.month - 1]}"


def time_ticks(since: float, until: float, width: int) -> Sequence[Tick]:
    """Moments that a clock shows, in UTC; where the date changes it stands in the time's place.

    >>> began = datetime(2026, 3, 1, 22, 30, tzinfo=UTC).timestamp()
    >>> [tick.label for tick in time_ticks(began, began + 3 * 3600, 40)]
    ['23:00', '2 Mar', '01:00']
    """
    if until <= since or width < 1:
        return ()
    step = time_step(until - since, width)
    found = []
    for number in range(math.ceil(since / step), math.floor(until / step) + 1):
        moment = datetime.fromtimestamp(number * step, UTC)
        clock = f"{moment:%H:%M:%S}" if step < 60 else f"{moment:%H:%M}"
        text = day(moment) if number * step % _DAY == 0 else clock
        found.append(Tick(float(number * step), text))
    return tuple(found)
