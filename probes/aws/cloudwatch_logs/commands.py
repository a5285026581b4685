"""The command line of log groups, both ways: `aws logs put-retention-policy`; and what lines that look into logs mean.

`reading` takes lines as runbooks have them, wrong ones too: `aws logs filter-pattern` is no command, `aws logs tail` is
one of version 2 only, and `date -d` is one of GNU. What they mean is plain all the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from probes.aws.cloudwatch_logs.events import from_ms
from probes.aws.cloudwatch_logs.patterns import term
from probes.aws.cloudwatch_logs.settings import GROUP
from probes.aws.line import read_line, write_line
from probes.aws.settings import AwsSettings
from probes.base import CommandLine, Recognised, Request

RETENTION: Final = "retention"
DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days CloudWatch Logs takes, and no others: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
API_PutRetentionPolicy.html."""

_VERB: Final = "put-retention-policy"
_NAME: Final = re.compile(rf"{GROUP}{{1,512}}")
_DELETES: Final = (
    "Lowering a retention is no housekeeping: what is older becomes due for deletion and can't be had back."
)


def render(request: Request, settings: AwsSettings) -> str:
    """The line, or lines, a person would type for it."""
    days = [str(request.number)]
    return "\n".join(
        write_line("logs", _VERB, [("log-group-name", [name]), ("retention-in-days", days)], settings)
        for name in request.subjects
    )


def recognise(line: CommandLine, settings: AwsSettings) -> Recognised | None:
    """The request that a line means at this target."""
    said = read_line(line, settings)
    if said is None or (said.service, said.verb) != ("logs", _VERB):
        return None
    name, days = said.one("log-group-name"), said.one("retention-in-days")
    if not said.only({"log-group-name", "retention-in-days"}) or not name or not _NAME.fullmatch(name):
        return None
    if days is None or not days.isascii() or not days.isdecimal() or int(days[:6]) not in DAYS or len(days) > 4:
        return None
    return Recognised(Request(RETENTION, (name,), int(days)), _DELETES)


@dataclass(frozen=True, slots=True)
class LogReading:
    """What a line looks for in a log."""

    group: str
    pattern: str = ""
    """Filter pattern of CloudWatch; empty: every line."""
    since: timedelta | datetime | None = None
    """How far back, or from when on (aware UTC); None: the line does not say, or not for certain."""
    follow: bool = False
    warning: str = ""
    """One sentence when the line does not do what people think, and what is done instead."""


_WRONG_VERB: Final = "There is no `aws logs filter-pattern`; this is filter-log-events, through all its pages."
_VERSION_2: Final = "`aws logs tail` is of version 2 of the command line only; here the group is followed without it."
_GNU: Final = "`date -d` is GNU's only; here the time is counted in milliseconds of UTC."
_DIGITS: Final = "As text, {0} is found in any number with these digits; a pattern of kind json-field means a status."
_TAIL_SINCE: Final = timedelta(minutes=10)
"""What `aws logs tail` shows when it is not told."""
_SWITCHES: Final = frozenset(
    {"--follow", "--no-follow", "--interleaved", "--no-interleaved", "--no-paginate", "--no-cli-pager", "--debug"}
)
_SHORT: Final = {"-f": "--follow"}
_LISTED: Final = frozenset({"--log-stream-names", "--log-group-identifiers"})
_VERBS: Final = ("filter-log-events", "filter-pattern", "tail", "start-live-tail", "get-log-events")
_SPAN: Final = re.compile(r"(\d{1,6})\s*([smhdw])")
_AGO: Final = re.compile(
    r"(?:-d|--date)[ =]?\s*['\"]?-?(\d{1,6})\s*(second|sec|minute|min|hour|day|week)s?(?:\s+ago)?|-v-(\d{1,6})([SMHdw])"
)
_SECONDS: Final = {
    "s": 1, "sec": 1, "second": 1, "S": 1, "m": 60, "min": 60, "minute": 60, "M": 60, "h": 3600, "hour": 3600,
    "H": 3600, "d": 86400, "day": 86400, "w": 604800, "week": 604800,
}  # fmt: skip
_EPOCH: Final = re.compile(r"\d{10}(?:\d{3})?")
_STATUS: Final = re.compile(r"\"?[1-5]\d\d\"?")


def reading(line: CommandLine) -> LogReading | None:
    """What a line looks for in a log group, wrong spellings included; None when it looks for nothing there."""
    words = list(line.words[1:]) if line.program == "aws" else []
    flags, plain = _taken_apart(words)
    if flags is None or plain[:1] != ["logs"] or plain[1:2] == [] or plain[1] not in _VERBS:
        return None
    verb, rest = plain[1], plain[2:]
    pattern = flags.get("--filter-pattern", flags.get("--log-event-filter-pattern", ""))
    if verb == "filter-pattern" and not pattern:
        pattern, rest = (rest[0], rest[1:]) if rest else ("", rest)
    named = ("--log-group-name", "--log-group-identifier", "--log-group-identifiers")
    group = next((flags[name] for name in named if flags.get(name)), "")
    if not group and verb == "tail":
        group, rest = (rest[0], rest[1:]) if rest else ("", rest)
    group = group.rpartition(":log-group:")[2].removesuffix(":*")
    if rest or not _NAME.fullmatch(group):
        return None
    pattern = pattern.strip() or _grepped(line.piped)
    told = flags.get("--since") or flags.get("--start-time", "")
    since = _since(told)
    if verb == "tail" and not told:
        since = _TAIL_SINCE
    return LogReading(
        group=group,
        pattern=_quoted(pattern),
        since=since,
        follow="--follow" in flags or verb == "start-live-tail",
        warning=_warning(verb, told, pattern),
    )


def _taken_apart(words: Sequence[str]) -> tuple[dict[str, str] | None, list[str]]:
    """(flags with their first value, other words); no flags at all when one lacks its value."""
    flags: dict[str, str] = {}
    plain: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        word = _SHORT.get(word, word)
        if not word.startswith("--"):
            plain.append(word)
            continue
        name, equals, value = word.partition("=")
        if name in _SWITCHES:
            value = ""
        elif name in _LISTED and not equals:
            values = []
            while left and not left[0].startswith("--"):
                values.append(left.pop(0))
            value = values[0] if values else ""
        elif not equals:
            if not left:
                return None, plain
            value = left.pop(0)
        flags[name] = value
    return flags, plain


def _since(told: str) -> timedelta | datetime | None:
    """A length of time, a time since 1970 in seconds or milliseconds, an ISO time, or a call of `date`."""
    if found := _SPAN.fullmatch(told):
        return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    if _EPOCH.fullmatch(told):
        return from_ms(int(told) * (1000 if len(told) == 10 else 1))
    if ago := _AGO.search(told):
        return timedelta(seconds=int(ago[1] or ago[3]) * _SECONDS[ago[2] or ago[4]])
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return None
    return from_ms(round(at.timestamp() * 1000)) if at.tzinfo is not None else None


def _grepped(piped: Sequence[Sequence[str]]) -> str:
    """The text that the first grep behind a line looks for, as a term; a pattern of grep's own is left alone."""
    for words in piped:
        if words and words[0].rpartition("/")[2] in ("grep", "fgrep"):
            texts = [word for word in words[1:] if not word.startswith("-")]
            plain = len(texts) == 1 and not set(words[1:]) & {"-v", "-i", "-E", "-P", "-c"}
            return term(texts[0]) if plain and re.fullmatch(r"[\w :/=@,-]+", texts[0]) else ""
    return ""


def _quoted(pattern: str) -> str:
    """A pattern whose signs mean what they look like: ' X-API-Key: abc' is one text, not four terms.

    >>> _quoted("ERROR"), _quoted("X-API-Key: abc"), _quoted("?ERROR ?FATAL"), _quoted('"a b"')
    ('ERROR', '"X-API-Key: abc"', '?ERROR ?FATAL', '"a b"')
    """
    if pattern.startswith(("{", "[", '"', "%")) or all(
        re.fullmatch(r"[?-]?(?:\w+|\".*\")", w) for w in pattern.split()
    ):
        return pattern
    return term(pattern)


def _warning(verb: str, told: str, pattern: str) -> str:
    if verb == "filter-pattern":
        return _WRONG_VERB
    if _STATUS.fullmatch(pattern):
        return _DIGITS.format(pattern.strip('"'))
    if verb == "tail":
        return _VERSION_2
    return _GNU if "-d" in told else ""
