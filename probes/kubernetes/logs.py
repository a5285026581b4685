"""Logs of pods: lines put together and made safe, and what their levels count to.

The API gives each line with its moment before it (`timestamps=true`):
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from probes.base import ProbeError, SafeText
from probes.base.logmerge import Stamped, moment
from probes.base.text import LINE_LIMIT

_STAMP: Final = re.compile(rb"^((\d{4}-(\d\d-\d\d)T(\d\d:\d\d:\d\d))(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) ?")

_FIELD: Final = re.compile(
    rb"""(?i)(?:"(?:level|severity|levelname|lvl|log\.level)"\s*:\s*"?|\b(?:level|lvl|severity)=["']?)([a-z]{1,12}|\d\d)"""
)
"""A level in JSON or logfmt."""
_KLOG: Final = re.compile(rb"^([IWEF])\d{4} \d\d:\d\d:")
"""A line of Kubernetes' own programs."""
_WORD: Final = re.compile(
    rb"\b(FATAL|CRITICAL|CRIT|EMERG|ALERT|PANIC|ERROR|ERR|SEVERE|WARNING|WARN|NOTICE|INFO|DEBUG|TRACE)\b"
    rb"|\[(fatal|crit|emerg|alert|error|warn|warning|notice|info|debug)\]"
    rb"|^(panic):|^(Traceback) \(most recent"
)
_ACCESS: Final = re.compile(rb'" ([1-5]\d\d) (?:\d|-)|"status"\s*:\s*"?([1-5]\d\d)\b|\bstatus=([1-5]\d\d)\b')
"""The status in a line of an access log: common format, JSON, logfmt."""

_LEVELS: Final[dict[bytes, str]] = {
    **dict.fromkeys((b"fatal", b"critical", b"crit", b"emerg", b"alert", b"panic", b"60", b"f"), "fatal"),
    **dict.fromkeys((b"error", b"err", b"severe", b"50", b"e", b"traceback"), "error"),
    **dict.fromkeys((b"warning", b"warn", b"40", b"w"), "warning"),
}
LEVELS: Final = ("fatal", "error", "warning")
"""The levels that are counted, the worst first."""
_LOOKED_AT: Final = 600
"""Bytes of a line in which its level is looked for."""


class LogLines:
    """Takes bytes as they come and gives whole raw lines; an endless line is cut and the rest of it dropped."""

    def __init__(self) -> None:
        self._part = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that are whole now."""
        *whole, last = chunk.split(b"\n")
        for one in whole:
            self._add(one)
            yield bytes(self._part)
            self._part.clear()
        self._add(last)

    def rest(self) -> Iterator[bytes]:
        """What is left when the log ends without a line end."""
        if self._part:
            yield bytes(self._part)
            self._part.clear()

    def _add(self, more: bytes) -> None:
        room = LINE_LIMIT + 64 - len(self._part)
        if room > 0:
            self._part += more[:room]


def shown(raw: bytes, prefix: str = "") -> Stamped:
    """A line for a person: month, day and time before it, where the server tells them."""
    raw = raw.removesuffix(b"\r")
    stamp = _STAMP.match(raw)
    when = b"%b %b  " % (stamp[3], stamp[4]) if stamp else b""
    text = prefix.encode() + when + raw[stamp.end() if stamp else 0 :]
    return Stamped(text, LINE_LIMIT, moment(stamp[1]) if stamp else None)


def level_of(line: bytes) -> str:
    """ "fatal", "error", "warning", or nothing: what a field says counts before what a word says.

    >>> level_of(b'{"level":"info","msg":"no ERROR today"}'), level_of(b"E0301 03:12:41.1 x"), level_of(b"0 errors")
    ('', 'error', '')
    """
    head = line[:_LOOKED_AT]
    found = _FIELD.search(head) or _KLOG.match(head) or _WORD.search(head)
    if found is None:
        return ""
    return _LEVELS.get(next(part for part in found.groups() if part is not None).lower(), "")


@dataclass(slots=True)
class Count:
    """What the log of one container held."""

    name: str
    """ "pod/container"."""
    lines: int = 0
    size: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    """HTTP statuses of its access log, those from 400 on."""
    first: str = ""
    """The moment of its first line, as the server writes it, to the second."""
    last: str = ""
    cut: bool = False
    """There was more than is read."""
    failed: str = ""
    """Why it could not be read."""
    samples: list[bytes] = field(default_factory=list)
    """Its newest lines of a counted level, warnings left out."""

    def take(self, raw: bytes) -> None:
        """Count one line."""
        self.lines += 1
        stamp = _STAMP.match(raw)
        if stamp:
            second = stamp[2].decode()
            self.first = self.first or second
            self.last = second
        line = raw[stamp.end() if stamp else 0 :]
        if (level := level_of(line)) != "":
            self.levels[level] += 1
            if level != "warning":
                self.samples.append(raw)
                del self.samples[:-_SAMPLES]
        if (found := _ACCESS.search(line[:_LOOKED_AT])) is not None:
            status = next(part for part in found.groups() if part is not None).decode()
            if status >= "4":
                self.statuses[status] += 1


_SAMPLES: Final = 3


async def counted(count: Count, chunks: AsyncGenerator[bytes, None], most: int) -> None:
    """Count a log to its end, or to `most` bytes; an error is kept with the count."""
    lines = LogLines()
    try:
        async with aclosing(chunks) as some:
            async for chunk in some:
                count.size += len(chunk)
                for line in lines.feed(chunk):
                    count.take(line)
                if count.size > most:
                    count.cut = True
                    return
        for line in lines.rest():
            count.take(line)
    except ProbeError as error:
        count.failed = str(error.message)


def count_lines(counts: Sequence[Count], hours: float) -> list[SafeText]:
    """What was counted, for a person: the sum, each pod, the newest samples, and what span that covers."""
    levels, statuses = Counter[str](), Counter[str]()
    for one in counts:
        levels += one.levels
        statuses += one.statuses
    read = [one for one in counts if not one.failed]
    firsts, lasts = [one.first for one in read if one.first], [one.last for one in read if one.last]
    lines = ["  ".join(f"{levels[level]} {level}" for level in LEVELS) + f"  in {sum(one.lines for one in read)} lines"]
    if firsts:
        span = f"{min(firsts)} to {max(lasts)} UTC"
        lines.append(f"covered: {span}; asked for {hours:g} h. Rotated logs and deleted pods are not in it.")
        if max(firsts) != min(firsts):
            lines.append(f"all of these pods together only from {max(firsts)} on")
    else:
        lines.append(f"covered: nothing; there was no line in the last {hours:g} h")
    if statuses:
        lines.append("HTTP statuses: " + "  ".join(f"{code} ×{number}" for code, number in statuses.most_common(10)))
    lines.append("")
    for one in sorted(counts, key=lambda one: (-one.levels["fatal"] - one.levels["error"], one.name)):
        what = "  ".join(f"{one.levels[level]} {level}" for level in LEVELS)
        note = f"  cut after {one.size >> 20} MiB, at {one.last}" if one.cut else ""
        lines.append(f"{one.name}  {one.failed or what + f'  of {one.lines} lines' + note}")
    found = [SafeText(line) for line in lines]
    newest = sorted((sample, one.name) for one in counts for sample in one.samples)[-20:]
    if newest:
        found += [SafeText(""), SafeText("newest of them:")]
        found += [shown(sample, f"{name} │ ") for sample, name in newest]
    return found
