"""Lines of a log counted by who sent them: by the first address in each, or by what an expression takes out, with how
many come in a minute. A chosen one is what the log then shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from desk import words
from probes.base import SafeText
from probes.base.log import Level
from tui.room import Room
from tui.screens.log_lines import CLOCK, WITH_CLOCKS, clocks
from tui.screens.log_ring import Row
from tui.screens.sheet import Sheet
from widgets.lines import Line, Span, Tone, dim, fit, line

SENDERS: Final = 2000
"""Senders that are told apart; lines of further ones are counted together."""
SHOWN: Final = 500
"""Senders that are listed, the busiest."""

_ADDRESS: Final = re.compile(
    r"""(?ix) (?<![\w.:]) (?:
        (?:::ffff:)? ( \d{1,3} (?:\.\d{1,3}){3} ) (?! \w | \.\d )
        | ( [0-9a-f]{0,4} (?: :[0-9a-f]{0,4} ){2,7} ) (?! [\w:] | \.\d )
    )"""
)
_TRIED: Final = 6
"""Things in a line that look like an address and are looked at."""
_BREATH: Final = 200
"""Lines counted before keys are answered again."""

Taking = Callable[[str], str]
"""What of a line tells who sent it; empty: nothing does."""


@dataclass(slots=True)
class Sender:
    """What came from one."""

    name: str
    count: int = 0
    errors: int = 0
    last: float | None = None
    """Seconds since 1970."""
    minutes: dict[int, int] = field(default_factory=dict)
    """Lines by the minute of the clock: those of several sources come mixed."""

    @property
    def peak(self) -> int:
        """The most lines in one minute; 0 where none tells its time."""
        return max(self.minutes.values(), default=0)

    def take(self, row: Row) -> None:
        """Count one line."""
        self.count += 1
        self.errors += row.level >= Level.ERROR
        if row.at is None:
            return
        self.last = row.at if self.last is None else max(self.last, row.at)
        minute = int(row.at // 60)
        self.minutes[minute] = self.minutes.get(minute, 0) + 1


def address(text: str) -> str:
    """The first IP address of a line; empty: there is none.

    >>> address('10.0.0.7 - - "GET / HTTP/1.1" 200'), address("03:12:41 from [2001:db8::7]:443"), address("took 1.2.3")
    ('10.0.0.7', '2001:db8::7', '')
    """
    for number, found in enumerate(_ADDRESS.finditer(text)):
        if number >= _TRIED:
            break
        try:
            return str(ip_address(found[1] or found[2]))
        except ValueError:
            continue
    return ""


def taking(wanted: re.Pattern[str]) -> Taking:
    """What an expression takes out of a line: its first group, else all that it finds.

    >>> taking(re.compile(r"tenant=(\\w+)"))("GET / tenant=acme"), taking(re.compile("acme|zoo"))("for zoo")
    ('acme', 'zoo')
    """

    def take(text: str) -> str:
        found = wanted.search(text)
        return "" if found is None else (found[1] if wanted.groups else found[0]) or ""

    return take


def _sent_by(take: Taking, text: str) -> str:
    return str(SafeText(take(text), 120))


@dataclass(frozen=True, slots=True)
class From:
    """The lines of one sender: those that are counted for it."""

    take: Taking
    name: str

    def search(self, string: str, /) -> object:
        """None: the line is another's."""
        return _sent_by(self.take, string) == self.name or None


class LogSenders(Sheet):
    """Counts lines, then lists who sent them, the busiest first."""

    def __init__(
        self, room: Room, title: str, rows: Sequence[Row], take: Taking, choose: Callable[[From], None]
    ) -> None:
        """`choose` is told whose lines a person chose."""
        super().__init__(room, title, self._shown, self._chosen)
        self._rows, self._take, self._tell = list(rows), take, choose
        self._found: list[Sender] | None = None
        self._others = 0
        self._without = 0
        self._minutes: float | None = None
        self._counting: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Count."""
        super().on_mount()
        self._counting = asyncio.create_task(self._count())

    def on_unmount(self) -> None:
        """Nobody waits for it any more."""
        if self._counting is not None:
            self._counting.cancel()

    async def _count(self) -> None:
        found: dict[str, Sender] = {}
        first: float | None = None
        last: float | None = None
        for number, row in enumerate(self._rows):
            if row.at is not None:
                first = row.at if first is None else min(first, row.at)
                last = row.at if last is None else max(last, row.at)
            name = _sent_by(self._take, row.text)
            if not name:
                self._without += 1
            elif name in found or len(found) < SENDERS:
                found.setdefault(name, Sender(name)).take(row)
            else:
                self._others += 1
            if number % _BREATH == 0:
                await asyncio.sleep(0)
        if first is not None and last is not None and last - first >= 1:
            self._minutes = (last - first) / 60
        self._found = sorted(found.values(), key=lambda one: (-one.count, one.name))
        self.draw()

    def _shown(self, width: int) -> list[Line]:
        if self._found is None:
            return [line(dim("counting …"))]
        total = f"{words.plural(len(self._rows), 'line')} of {words.plural(len(self._found), 'sender')}"
        if self._minutes is not None:
            total += f" in {words.span(self._minutes * 60)}"
        rest = [f"{words.plural(self._without, 'line')} without one"] if self._without else []
        rest += [f"{words.plural(self._others, 'line')} of further ones"] if self._others else []
        rest += [f"the {SHOWN} busiest are listed"] if len(self._found) > SHOWN else []
        listed = self._found[:SHOWN]
        lasts = clocks([one.last for one in listed])
        cells = [fit(name, 10, right=True) for name in ("lines", "a minute", "at most", "errors")]
        cells += [fit("last", CLOCK, right=True)] if width >= WITH_CLOCKS else []
        made = [
            line(total, dim(f"; {', '.join(rest)}" if rest else "")),
            line(),
            line(dim("".join(one.text for one in cells))),
        ]
        return [*made, *(self._line(one, last, width) for one, last in zip(listed, lasts, strict=True))]

    def _line(self, one: Sender, last: str, width: int) -> Line:
        rate = "–" if self._minutes is None or one.last is None else words.count(round(one.count / self._minutes, 1))
        parts = [
            fit(words.count(one.count), 10, right=True),
            fit(rate, 10, right=True),
            fit(words.count(one.peak) if one.peak else "–", 10, right=True),
            fit(Span(words.count(one.errors), Tone.WARNING if one.errors else Tone.DIM), 10, right=True),
        ]
        parts += [fit(dim(last), CLOCK, right=True)] if width >= WITH_CLOCKS else []
        return line(*parts, "  ", one.name, key=one.name)

    def _chosen(self, key: str) -> None:
        self.leave()
        self._tell(From(self._take, key))
