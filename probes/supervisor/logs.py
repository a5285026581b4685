"""Follows the logs that supervisord keeps of its processes, by asking for what is new; bounded whatever they write.

supervisord notes an error in its own log each time it is asked for a piece that is not whole UTF-8, so such a piece is
stepped over, not asked for again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from probes.base import SafeText
from probes.base.log import Times
from probes.base.logmerge import AHEAD, ALL_UNTIMED, UNTIMED, Order, untimed
from probes.supervisor.rpc import Rpc, Unspeakable

Channel = Literal["Stdout", "Stderr"]

BEAT: Final = 0.5
"""Seconds between two questions."""
PIECE: Final = 64 << 10
"""Bytes asked for at once; what a log gains beyond it within a beat is left out and counted."""
TAIL: Final = 16 << 10
"""Bytes of the past shown first."""
_LONGEST: Final = 16 << 10
"""Characters of a line that has no end yet before it is shown as it is."""

_TRIMS: Final = ((0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (3, 0))
"""Bytes left out at the beginning and the end of a piece, one after the other."""


@dataclass(slots=True)
class Tail:
    """One log being followed."""

    rpc: Rpc
    name: str
    """Full name of the process."""
    channel: Channel
    prefix: str = ""
    """Set before each line, when several logs are followed together."""
    at: int = -1
    """Bytes read so far; -1: nothing yet."""
    rest: str = ""
    """The beginning of a line whose end has not come."""

    async def news(self) -> list[SafeText]:
        """Lines that came since the last call. Raises `ProbeError`."""
        size = await self._size()
        found: list[SafeText] = []
        if self.at < 0:
            self.at = max(0, size - TAIL)
            return found + await self._first(size)
        if size < self.at:
            found.append(self._said("(the log was begun anew)"))
            self.at, self.rest = 0, ""
        if size - self.at > PIECE:
            found.append(self._said(f"({size - self.at - PIECE:,} bytes left out: it writes faster than is shown)"))
            self.at, self.rest = size - PIECE, ""
        return found + (await self._piece(size) if size > self.at else [])

    async def _first(self, size: int) -> list[SafeText]:
        """The past, from the first whole line on."""
        begun = self.at
        lines = await self._piece(size) if size > self.at else []
        return lines[1:] if begun > 0 else lines

    async def _size(self) -> int:
        answer = await self.rpc.call(f"tailProcess{self.channel}Log", self.name, 0, 0)
        size = answer[1] if isinstance(answer, list) and len(answer) == 3 else 0
        return size if isinstance(size, int) and size >= 0 else 0

    async def _piece(self, size: int) -> list[SafeText]:
        """What stands between the last place and `size`."""
        start, self.at = self.at, size
        text = await self._text(start, size)
        if text is None:
            return [self._said(f"({size - start:,} bytes left out: not UTF-8)")]
        *whole, self.rest = (self.rest + text).split("\n")
        if len(self.rest) > _LONGEST:
            whole, self.rest = [*whole, self.rest], ""
        return [self._said(line.rstrip("\r")) for line in whole]

    async def _text(self, start: int, end: int) -> str | None:
        """A piece. A letter may be cut at either end: some bytes less are tried, those at the end come again later."""
        for first, last in _TRIMS:
            if (length := end - last - (start + first)) <= 0:
                return None
            try:
                answer: Any = await self.rpc.call(f"readProcess{self.channel}Log", self.name, start + first, length)
            except Unspeakable:
                continue
            self.at = end - last
            return answer if isinstance(answer, str) else ""
        return None

    def _said(self, text: str) -> SafeText:
        return SafeText.line(self.prefix + text)


async def follow(tails: Sequence[Tail], times: Times, now: Callable[[], float]) -> AsyncGenerator[SafeText, None]:
    """Lines of all logs as they come, until the iterator is closed or supervisord does not answer.

    What several logs have gained between two questions, and their past, is put in the order of its times; `now` gives
    seconds since 1970.
    """
    order = Order()
    first = True
    while True:
        news = [(tail, await tail.news()) for tail in tails]
        for line in ordered(news, order, times, now() + AHEAD, first=first):
            yield line
        first = False
        await asyncio.sleep(BEAT)


def ordered(
    news: Sequence[tuple[Tail, list[SafeText]]], order: Order, times: Times, latest: float, *, first: bool = True
) -> list[SafeText]:
    """Lines of several logs as one list; at `first` those whose lines tell no time are named."""
    if len(news) == 1:
        return news[0][1]
    timed = [(tail, [(times.of(str(line)), line) for line in lines]) for tail, lines in news if lines]
    silent = [lines for _, lines in timed if untimed(lines)] if first else []
    for tail, lines in timed:
        if lines in silent and len(silent) < len(timed):
            lines.insert(0, (None, SafeText.line(tail.prefix + UNTIMED)))
    found = order.of(((tail.name, lines) for tail, lines in timed), latest)
    return [SafeText(ALL_UNTIMED), *found] if len(silent) == len(timed) > 1 else found
