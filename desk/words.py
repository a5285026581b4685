"""Numbers as a person reads them: human units, ages, counts. Pure functions; the examples are the tests."""

from __future__ import annotations

from datetime import UTC, datetime

from probes.base import Unit

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def count(value: float) -> str:
    """A number of things.

    >>> count(4812), count(0.5), count(12.0)
    ('4,812', '0.5', '12')
    """
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 0.1 else f"{value:.2g}"


def size(value: float) -> str:
    """Bytes in binary units.

    >>> size(0), size(1536), size(5 * 2**30), size(2**20 - 1)
    ('0 B', '1.5 KiB', '5 GiB', '1.0 MiB')
    """
    number = float(value)
    for unit in _BINARY:
        if abs(number) < 1023.5 or unit == _BINARY[-1]:  # what is rounded up to 1024 is one of the next
            break
        number /= 1024
    digits = 0 if unit == "B" or abs(number) >= 100 or number == int(number) else 1
    return f"{number:.{digits}f} {unit}"


def span(seconds: float) -> str:
    """A length of time, two units at most.

    >>> span(0.0042), span(0.82), span(43), span(372), span(11040), span(272000)
    ('4 ms', '820 ms', '43 s', '6m12s', '3h04m', '3d03h')
    """
    if seconds < 0:
        return "-" + span(-seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.001 or seconds == 0 else f"{seconds * 1000:.1g} ms"
    if seconds < 9.95 and seconds != int(seconds):
        return f"{seconds:.1f} s"
    whole = int(seconds + 0.05)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def age(seconds: float) -> str:
    """A whole number of seconds or coarser, for ages that are seen to grow.

    >>> age(0.4), age(43.9), age(372)
    ('0 s', '43 s', '6m12s')
    """
    return f"{int(seconds)} s" if 0 <= seconds < 60 else span(int(seconds))


def ratio(value: float) -> str:
    """A share of one as a percentage; never rounds a real share to 0 % or an incomplete one to 100 %.

    >>> ratio(0.71), ratio(0.004), ratio(0.999), ratio(1.0), ratio(0)
    ('71 %', '0.4 %', '99.9 %', '100 %', '0 %')
    """
    percent = value * 100
    if percent == int(percent) or 1 <= abs(percent) < 99 or abs(percent) > 100:
        return f"{percent:.0f} %"
    if abs(percent) < 1:
        return f"{percent:.1g} %"
    return f"{int(percent * 10) / 10:.1f} %"


def amount(value: float, unit: Unit) -> str:
    """A gauge's value in human units.

    >>> amount(38.2, Unit.PER_SECOND), amount(0.4, Unit.PER_SECOND), amount(2048, Unit.BYTES_PER_SECOND)
    ('38/s', '0.4/s', '2 KiB/s')
    """
    if unit is Unit.SECONDS:
        return span(value)
    if unit is Unit.BYTES:
        return size(value)
    if unit is Unit.RATIO:
        return ratio(value)
    if unit is Unit.BYTES_PER_SECOND:
        return size(value) + "/s"
    text = count(round(value) if abs(value) >= 10 else round(value, 1))
    return text + {Unit.PER_SECOND: "/s", Unit.PER_MINUTE: "/min"}.get(unit, "")


def clock(moment: datetime) -> str:
    """The time of day in UTC, to the second.

    >>> clock(datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC))
    '03:12:41'
    """
    return f"{moment.astimezone(UTC):%H:%M:%S}"


def when(moment: datetime, now: datetime) -> str:
    """When something was, in UTC, with its day where that is not today.

    >>> moment = datetime(2026, 3, 1, 23, 12, 41, tzinfo=UTC)
    >>> when(moment, moment), when(moment, datetime(2026, 3, 2, 0, 5, tzinfo=UTC))
    ('23:12:41', '2026-03-01 23:12:41')
    """
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return clock(moment) if moment.date() == now.date() else f"{moment:%Y-%m-%d} {clock(moment)}"


def dated(said: str, seen: datetime, at: datetime) -> str:
    """What was so at an earlier moment, and may not be so any more at `at`.

    >>> seen = datetime(2026, 3, 1, 23, 12, 41, tzinfo=UTC)
    >>> dated("9 jobs wait", seen, datetime(2026, 3, 1, 23, 20, tzinfo=UTC))
    'as of 23:12:41 UTC: 9 jobs wait'
    """
    return f"as of {when(seen, at)} UTC: {said}"


def plural(number: float, one: str, many: str = "") -> str:
    """A counted noun.

    >>> plural(1, "alert"), plural(2, "alert"), plural(0, "reply", "replies")
    ('1 alert', '2 alerts', '0 replies')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def counted(said: str, noun: str) -> str:
    """A number that is already in words, with its noun; without a noun as it is.

    >>> counted("1", "task"), counted("1,200", "task"), counted("2", "process"), counted("7 %", "")
    ('1 task', '1,200 tasks', '2 processes', '7 %')
    """
    return f"{said} {noun if said == '1' else several(noun)}" if noun else said


def several(noun: str) -> str:
    """A noun for more than one.

    >>> several("log group"), several("process"), several("index"), several("query"), several("key")
    ('log groups', 'processes', 'indexes', 'queries', 'keys')
    """
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x")) else f"{noun}s"


def is_noun(text: str | None) -> bool:
    """Whether a sentence may have this for the noun of a number; none at all may be, too.

    >>> is_noun("failed check"), is_noun(""), is_noun(".2f")
    (True, True, False)
    """
    return not text or text.replace(" ", "").isalpha()
