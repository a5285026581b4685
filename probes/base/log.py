"""What every log shares, wherever it comes from: how grave a line is, when it was written, of which type it is, and
what must not be shown of it. Pure functions on one line of text; what many lines count to is in `logcount`.

Levels are those of syslog (https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1), pino and bunyan (10 to 60,
https://getpino.io/#/docs/api?id=levels), klog and the words that libraries write.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import IntEnum
from typing import Final

from probes.base.probe import Look
from probes.base.text import SafeText

LOOKED_AT: Final = 600
"""Characters of a line in which its level and its time are looked for."""
LONGEST_TYPE: Final = 160
"""Characters kept of a line's type."""


class Level(IntEnum):
    """How grave a line is; greater is worse. A line that does not tell is UNKNOWN, which is no level at all."""

    UNKNOWN = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    NOTICE = 4
    WARNING = 5
    ERROR = 6
    FATAL = 7

    @property
    def word(self) -> str:
        """As it is shown."""
        return "no level" if self is Level.UNKNOWN else self.name.lower()


class Note(SafeText):
    """Something said about a log and not in it, how far a search is say: it stands in the title, the newest only."""

    __slots__ = ()


ANSWERED: Final = "\n"
"""In the subject of a look that asks: stands between what it is about and the answer."""


@dataclass(frozen=True, slots=True)
class Asking(Look):
    """A look that needs an answer first: it goes to the end of the subject, behind `ANSWERED`."""

    asks: str = ""
    """What is asked: "search for"."""


# how grave

_WORDS: Final[dict[str, Level]] = {
    **dict.fromkeys(("fatal", "critical", "crit", "emerg", "emergency", "alert", "panic", "f"), Level.FATAL),
    **dict.fromkeys(("error", "err", "severe", "e", "eror"), Level.ERROR),
    **dict.fromkeys(("warning", "warn", "w"), Level.WARNING),
    "notice": Level.NOTICE,
    **dict.fromkeys(("info", "information", "informational", "log", "i"), Level.INFO),
    **dict.fromkeys(("debug", "verbose", "fine", "d"), Level.DEBUG),
    **dict.fromkeys(("trace", "silly", "finest"), Level.TRACE),
}
_PRIORITIES: Final = (
    Level.FATAL, Level.FATAL, Level.FATAL, Level.ERROR, Level.WARNING, Level.NOTICE, Level.INFO, Level.DEBUG,
)  # fmt: skip
_NUMBERS: Final = (Level.TRACE, Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR, Level.FATAL)
"""Of pino and bunyan: 10, 20 and so on."""
_REDIS: Final = {"#": Level.WARNING, "*": Level.NOTICE, "-": Level.INFO, ".": Level.DEBUG}

_FIELD: Final = re.compile(
    r"""(?ix)
    "(?:level|severity|levelname|lvl|loglevel|log\.level|priority)" \s{0,4}:\s{0,4} "? ([a-z]{1,13}|\d{1,3})\b
    | (?<![\w.]) (?:level|lvl|severity|loglevel) = ["']? ([a-z]{1,13}|\d{1,3})\b
    """
)
"""A level in JSON or logfmt."""
_UPPER: Final = re.compile(
    r"\b(FATAL|CRITICAL|CRIT|EMERG|ALERT|PANIC|ERROR|ERR|SEVERE|WARNING|WARN|NOTICE|INFO|DEBUG|VERBOSE|TRACE|LOG)\b"
)
_CAPITALS: Final = re.compile(r"[A-Z]{3}")
_LOWER: Final = re.compile(
    r"\[(?:[\w-]{1,40}:)?(emerg|alert|crit|error|err|warn|warning|notice|info|debug|trace|fatal)\]"
    r"|(?:^|[\]\s│])(fatal|panic|error|warn|warning|info|debug|verbose): "
    r"|(?:^|  )(emerg|alert|crit|err|warn)  [\w.@-]{1,60}: "
)
"""nginx and Apache in brackets, winston and Go before a colon, the journal's words as they are shown here."""
_KLOG: Final = re.compile(r"(?:^|[ │])([IWEF])\d{4} \d\d:\d\d:\d\d\.")
_REDIS_LINE: Final = re.compile(r"\b\d{1,9}:[XCSM] \d\d \w{3} \d{4} [\d:.]{8,12} ([.*#-]) ")
_RAISED: Final = re.compile(r"Traceback \(most recent|\b\w{1,80}(?:Error|Exception)\b(?:: |$)|^Caused by: ")
_RAISED_ALONE: Final = re.compile(r"[\w.$]{1,120}(?:Error|Exception)\b(?:: |$)")
"""A line that begins with the name of what was raised."""
_ACCESS: Final = re.compile(r'" (5\d\d) (?:\d|-)')
"""The status of a failed request in an access log (common and combined format)."""


def level_of(line: str) -> Level:
    """How grave a line is. What a field says counts before what a word says, and the first word before later ones.

    >>> [level_of(one).word for one in ('{"level":30,"msg":"no ERROR today"}', "E0301 03:12:41.123456 1 x.go:3] gone")]
    ['info', 'error']
    >>> [level_of(one).word for one in ("0 errors, 3 warnings", "INFO no ERROR today", "<3>oom", "x 2026 [warn] y")]
    ['no level', 'info', 'error', 'warning']
    """
    head = line[:LOOKED_AT]
    if line[:1] == "<" and (priority := re.match(r"<(\d{1,3})>", head)) is not None:
        return _PRIORITIES[int(priority[1]) & 7]
    low = head.lower()
    if ("lev" in low or "severity" in low or "lvl" in low or "priority" in low) and (found := _FIELD.search(head)):
        return _named(found[1] or found[2])
    if (found := _KLOG.search(head)) is not None:
        return _WORDS[found[1].lower()]
    if _CAPITALS.search(head) is not None and (found := _UPPER.search(head)) is not None:
        return _WORDS[found[1].lower()]
    if ("[" in head or ": " in head or "  " in head) and (found := _LOWER.search(head)) is not None:
        return _WORDS[found[1] or found[2] or found[3]]
    if ("rror" in head or "xception" in head or "Traceback" in head or "Caused" in head) and _RAISED.search(head):
        return Level.ERROR
    if '" 5' in head and _ACCESS.search(head):
        return Level.ERROR
    if (found := _REDIS_LINE.search(head)) is not None:
        return _REDIS[found[1]]
    return Level.UNKNOWN


class Traces:
    """Tells the lines of a trace from those that say that something went wrong: one error is counted once."""

    def __init__(self) -> None:
        self._after: dict[str, int] = {}

    def holds(self, line: str, place: str, level: Level, timed: bool) -> bool:
        """Whether a line belongs to the error before it in its place; each line is told once, in order.

        >>> traces, lines = Traces(), ("ERROR send", "Traceback (most recent call last):", "  at x", "ValueError: y")
        >>> [traces.holds(one, "app", level_of(one), timed=False) for one in lines]
        [False, True, False, True]
        """
        if level is Level.UNKNOWN and not timed:
            return False
        before = self._after.get(place, _WELL)
        now, belongs = _WELL, False
        if level >= Level.ERROR:
            now = _TOLD
            head = line[:LOOKED_AT].lstrip()
            if not timed and head.startswith("Traceback ("):
                now, belongs = _TRACED, before == _TOLD
            elif not timed and head.startswith("Caused by: "):
                now, belongs = _RAISING, before != _WELL
            elif not timed and _RAISED_ALONE.match(head) is not None:
                now, belongs = _RAISING, before in (_TOLD, _TRACED)
        if now != before:
            if len(self._after) >= _PLACES:
                self._after.clear()
            self._after[place] = now
        return belongs


_PLACES: Final = 10_000
_WELL, _TOLD, _TRACED, _RAISING = range(4)
"""What stood before in a place: no error, one that a line tells, the beginning of a trace, what was raised."""


def of_priority(value: object) -> Level:
    """The level of a priority of syslog or the journal, 0 to 7.

    >>> of_priority("3").word, of_priority(None).word
    ('error', 'no level')
    """
    text = str(value)
    return _PRIORITIES[int(text)] if len(text) == 1 and text in "01234567" else Level.UNKNOWN


def _named(word: str) -> Level:
    if not word.isdecimal():
        return _WORDS.get(word.lower(), Level.UNKNOWN)
    number = int(word)
    if number < 10:
        return _PRIORITIES[number] if number < 8 else Level.UNKNOWN
    return _NUMBERS[min(60, number) // 10 - 1]


# when

_MONTHS: Final = {name: number for number, name in enumerate(
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1)}  # fmt: skip
_STAMP: Final = re.compile(
    r"""(?x)
    (?P<iso> (?<!\d) (\d{4})[-/](\d\d)[-/](\d\d) [T\ ] (\d\d):(\d\d):(\d\d) (?:[.,](\d{1,9}))?
        \ ?(Z|UTC|GMT|[+-]\d\d:?\d\d)? )
    | (?P<web> (?<!\d) (\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)\ ([+-]\d{4}) )
    | (?P<day> (?<!\d) (\d\d)\ ([A-Z][a-z]{2})\ (\d{4})\ (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? )
    | (?P<syslog> \b ([A-Z][a-z]{2})\ {1,2}(\d{1,2})\ (\d\d):(\d\d):(\d\d) )
    | (?P<klog> \b [IWEF](\d\d)(\d\d)\ (\d\d):(\d\d):(\d\d)\.(\d{1,9}) )
    | (?P<ours> (?<![\d-]) (\d\d)-(\d\d)\ (\d\d):(\d\d):(\d\d) (?=\ \ ) )
    | (?P<clock> (?<![\d:]) (\d\d):(\d\d):(\d\d) (?![\d:]) )
    """
)
_CLOCK: Final = re.compile(r"\d\d:\d\d:\d\d")
_AROUND: Final = 24
"""Characters before a time of day in which its date stands."""
_EPOCH: Final = re.compile(
    r"""(?x)
    (?: "(?:time|ts|timestamp|t|date)"\s{0,2}:\s{0,2}"? | \b(?:ts|time|t)=) (\d{10}(?:\.\d{1,9})?|\d{13}) (?!\d)
    """
)
_FIRST_GROUP: Final = {name: number + 1 for name, number in _STAMP.groupindex.items()}
_CACHED: Final = 512

LEADING: Final = re.compile(
    r"^(?P<before>(?:[^│\n]{1,120}│ )?)"
    r"(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})? ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)?\]?"
    r"|\d\d-\d\d \d\d:\d\d:\d\d|[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d|\d\d:\d\d:\d\d)[ ,:]{1,3}"
)
"""The time at the beginning of a line, behind the name of its source."""


class Times:
    """Reads the times of lines. A time without a zone is taken to be in `zone`; one without a year is of the last
    twelve months, one without a day of the last day."""

    def __init__(self, now: Callable[[], datetime], zone: tzinfo | None = None) -> None:
        """`now` gives aware UTC; `zone` None is this machine's own."""
        self._now = now
        self._zone = zone
        self._known: dict[str, float] = {}

    def of(self, line: str) -> float | None:
        """Seconds since 1970; None when the line tells no time.

        >>> times = Times(lambda: datetime(2026, 3, 1, 4, tzinfo=UTC), UTC)
        >>> times.of("[2026-03-01T03:12:41.5Z] x"), times.of("Mar  1 03:12:41 host x"), times.of("took 3 s")
        (1772334761.5, 1772334761.0, None)
        """
        clock = _CLOCK.search(line, 0, LOOKED_AT)
        if clock is None:
            return _epoch(line)
        found = _STAMP.search(line, max(0, clock.start() - _AROUND), clock.end() + _AROUND)
        if found is None:
            return None
        text = found[0]
        known = self._known.get(text)
        if known is None:
            try:
                known = self._read(found)
            except (ValueError, OverflowError, OSError, KeyError):
                return None
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[text] = known
        return known

    def _read(self, found: re.Match[str]) -> float:
        kind = str(next(name for name in _FIRST_GROUP if found[name] is not None))
        groups = found.groups()
        first = _FIRST_GROUP[kind] - 1
        part = [one or "" for one in groups[first:]]
        match kind:
            case "iso":
                return self._at(*map(int, part[:6]), fraction=part[6], zone=part[7])
            case "web":
                day, month, year = int(part[0]), _MONTHS[part[1]], int(part[2])
                return self._at(year, month, day, *map(int, part[3:6]), zone=part[6])
            case "day":
                day, month, year = int(part[0]), _MONTHS[part[1]], int(part[2])
                return self._at(year, month, day, *map(int, part[3:6]), fraction=part[6])
            case "syslog":
                return self._yearless(_MONTHS[part[0]], int(part[1]), *map(int, part[2:5]))
            case "klog":
                return self._yearless(*map(int, part[:5]), fraction=part[5])
            case "ours":
                return self._yearless(*map(int, part[:5]), zone="Z")
        now = self._now()
        today = now.astimezone(self._zone)
        at = self._at(today.year, today.month, today.day, *map(int, part[:3]))
        return at - 86400 if at > now.timestamp() + 3600 else at

    def _yearless(
        self, month: int, day: int, hour: int, minute: int, second: int, *, fraction: str = "", zone: str = ""
    ) -> float:
        now = self._now()
        at = self._at(now.year, month, day, hour, minute, second, fraction=fraction, zone=zone)
        if at > (now + timedelta(days=1)).timestamp():
            at = self._at(now.year - 1, month, day, hour, minute, second, fraction=fraction, zone=zone)
        return at

    def _at(
        self,
        year: int,
        month: int,
        day: int,
        hour: int,
        minute: int,
        second: int,
        *,
        fraction: str = "",
        zone: str = "",
    ) -> float:
        moment = datetime(year, month, day, hour, minute, min(second, 59))
        more = float(f"0.{fraction}") if fraction else 0.0
        if zone in ("Z", "UTC", "GMT"):
            return moment.replace(tzinfo=UTC).timestamp() + more
        if zone:
            sign = -1 if zone[0] == "-" else 1
            digits = zone[1:].replace(":", "")
            ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
            return (moment.replace(tzinfo=UTC) - sign * ahead).timestamp() + more
        return (moment if self._zone is None else moment.replace(tzinfo=self._zone)).timestamp() + more


def _epoch(line: str) -> float | None:
    """Seconds since 1970 where a field tells them, or milliseconds."""
    if '"t' not in line and "ts=" not in line and "time=" not in line and '"date"' not in line:
        return None
    found = _EPOCH.search(line, 0, LOOKED_AT)
    if found is None:
        return None
    return float(found[1]) / (1000 if len(found[1]) == 13 and "." not in found[1] else 1)


# of which type

_MESSAGE: Final = re.compile(
    r'"(?:msg|message|error|err|event)"\s{0,2}:\s{0,2}"((?:[^"\\]|\\.){1,400})|\b(?:msg|message)="((?:[^"\\]|\\.){1,400})'
)
_QUOTED: Final = re.compile(r"\"[^\"]{0,400}\"|(?<![\w])'[^']{0,400}'(?!\w)|`[^`]{0,400}`|“[^”]{0,400}”")
_VALUE: Final = re.compile(r"\d[\w.,:/-]*")
_HEX: Final = re.compile(r"\b[a-fA-F]{1,8}#")
_MAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{1,63}")


def type_of(line: str) -> str:
    """A line without what differs from one of its type to the next: times, numbers, ids, quoted texts.

    >>> type_of('2026-03-01 03:12:41 ERROR user 4711 not found in "eu-west-1" after 3.2s')
    'ERROR user # not found in "…" after #'
    >>> type_of('{"level":50,"time":1772334761000,"msg":"job 9f8e7d6c5b4a failed"}')
    'job # failed'
    """
    head = line[: LOOKED_AT * 2]
    if '"' in head and (found := _MESSAGE.search(head)) is not None:
        head = found[1] or found[2]
    else:
        head = LEADING.sub("", head, count=1)
    if '"' in head or "'" in head or "`" in head or "“" in head:
        head = _QUOTED.sub('"…"', head)
    if "@" in head:
        head = _MAIL.sub("#", head)
    head = _HEX.sub("#", _VALUE.sub("#", head))
    return " ".join(head.split())[:LONGEST_TYPE]


# what must not be shown

_HIDDEN: Final = "***"
_NAMED: Final = re.compile(
    r"""(?ix)
    ( (?:api[_-]?key|access[_-]?key|secret|passw(?:or)?d|passwd|pwd|token|authorization|cookie|credential)[\w.-]{0,40}
      ["']? \s{0,4} (?:[:=]|=>) \s{0,4} ["']? (?:(?:bearer|basic|token)\s{1,4})? )
    ( (?! (?-i: CONFIRMED|PENDING|REFUTED|UNKNOWN|under\ way ) (?: [\s,;)] | $ ) ) [^\s"',;&}\])]{3,} )
    """
)
"""name: value, name=value, "name": "value", with a name that tells of a secret; a service may be named so too, and what
has come of an act on it is none."""
_TOKENS: Final = re.compile(
    r"""(?x)
    \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                  # AWS access key id
    | \beyJ[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]{0,2000}              # JSON web token
    | \b(?:gh[pousr]_|github_pat_)\w{20,200}                       # GitHub
    | \bglpat-[\w-]{16,200} | \bxox[abeprs]-[\w-]{10,200}          # GitLab, Slack
    | \b(?:sk|rk|pk)_(?:live|test)_\w{10,200} | \bsk-[\w-]{20,200} # Stripe, OpenAI
    | \bEAA[A-Za-z0-9]{30,400}                                     # Meta
    | -----BEGIN\ [A-Z ]{0,20}PRIVATE\ KEY-----.*
    """
)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)(\s{1,4})[\w.~+/-]{8,8000}=*")
_LOGIN: Final = re.compile(r"(\w://[^\s:/@]{0,200}:)[^\s@]{1,200}(?=@)")

_NAMES: Final = ("key", "secret", "passw", "pwd", "token", "authorization", "cookie", "credential")
_STARTS: Final = ("AKIA", "ASIA", "eyJ", "gh", "glpat-", "xox", "sk", "rk_", "pk_", "EAA", "PRIVATE KEY")
"""Without one of these in a line, there is nothing for the expressions to find: most lines cost next to nothing."""


def masked(line: str) -> str:
    """A line without the secrets that can be told as such: a key on a screen is a key in a screenshot.

    >>> masked('POST /x X-API-Key: abcd1234 status=401')
    'POST /x X-API-Key: *** status=401'
    >>> masked('connect postgres://app:hunter2@db/x with AKIAABCDEFGHIJKLMNOP')
    'connect postgres://app:***@db/x with ***'
    >>> masked("restart token-refresh: CONFIRMED (running for 2 s)"), masked("token: CONFIRMED-4711")
    ('restart token-refresh: CONFIRMED (running for 2 s)', 'token: ***')
    """
    small = line.lower()
    if "://" in line:
        line = _LOGIN.sub(rf"\1{_HIDDEN}", line)
    if any(start in line for start in _STARTS):
        line = _TOKENS.sub(_HIDDEN, line)
    if "bearer" in small or "basic" in small:
        line = _BEARER.sub(rf"\1\2{_HIDDEN}", line)
    if any(name in small for name in _NAMES):
        line = _NAMED.sub(rf"\1{_HIDDEN}", line)
    return line


# what is looked for

_ENDLESS: Final = re.compile(r"\((?:[^()\\]|\\.)*(?<!\\)[+*](?:[^()\\]|\\.)*\)(?:[+*]|\{\d+,\})")


def expression(text: str) -> re.Pattern[str]:
    r"""What a person means by a text that is looked for: the text itself, or between slashes a regular expression.

    Without capital letters case does not matter, as in less and ripgrep. Raises ValueError, in words, for an
    expression that is none, or that may take for ever on some lines.

    >>> bool(expression("a.b").search("axb")), bool(expression("/a.b/").search("AXB"))
    (False, True)
    >>> bool(expression("aB").search("ab"))
    False
    """
    if len(text) > 2 and text[0] == text[-1] == "/":
        return sound(text[1:-1], re.IGNORECASE if not any(one.isupper() for one in text) else 0)
    return re.compile(re.escape(text), re.IGNORECASE if text == text.lower() else 0)


def sound(text: str, flags: int = 0) -> re.Pattern[str]:
    """A regular expression; ValueError for one that is none, or repeats what itself repeats."""
    if _ENDLESS.search(text):
        raise ValueError("repeats a group that repeats something itself: that may take for ever on some lines")
    try:
        return re.compile(text, flags)
    except (re.error, OverflowError, RecursionError) as error:
        said = getattr(error, "msg", "it is too large")
        raise ValueError(f"is not a regular expression: {said}") from None
