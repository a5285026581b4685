"""Follows several logs as one stream: what is new in all files within a beat in the order of its times, and the journal
as it comes. Each line names its source when there are several."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from probes.base import Cause, Lane, ProbeError, SafeText
from probes.base.log import Times, masked
from probes.base.logmerge import AHEAD, ALL_UNTIMED, UNTIMED, Order, Stamped, merged, untimed
from probes.logs.files import Follower, Looked
from probes.logs.journal import Journal

BEAT: Final = 0.25
"""Seconds between two looks at the files."""
BUDGET: Final = 8 << 20
"""Bytes of one look; what is written beyond is left out and said."""
BACK: Final = 256 << 10
"""Bytes of each file that the first look goes back."""
TAIL: Final = 200
"""Lines of the past shown first, the newest of all sources."""
_IDLE: Final = 4
"""Beats without anything new after which a line without an end is shown as it is."""

Fits = Callable[[str], bool]
Clock = Callable[[], float]
Batch = list[Stamped]
Row = tuple[str, str, float | None]
"""Path, text and time of a line."""
Rows = list[tuple[float | None, Row | None]]
"""Times of lines; a line that is not shown still tells the time of those behind it."""


class Files:
    """The files of some patterns as lines."""

    def __init__(
        self, patterns: Sequence[str], fits: Fits, times: Times, several: bool, wall: Clock = time.time
    ) -> None:
        """`wall` gives seconds since 1970."""
        self._followers = [Follower(pattern, BACK) for pattern in patterns]
        self._fits, self._times, self._several, self._wall = fits, times, several, wall
        self._order = Order()
        self._first = True
        self._quiet = 0

    def news(self, now: float) -> Batch:
        """What is new, in the order of its times. Blocks: call it in a lane."""
        batch: Batch = []
        rows: dict[str, Rows] = {}
        for follower in self._followers:
            looked = follower.look(BUDGET, now)
            self._take(looked, batch, rows)
            if self._first and looked.trouble:
                batch.append(_said(f"({follower.pattern}: {looked.trouble}; waiting for it)"))
            if self._first:
                batch += [_said(f"({one.path}: not allowed to read it)") for one in looked.files
                          if one.state == "denied"]  # fmt: skip
                batch += [_said(f"({looked.more} older files are not followed)")] if looked.more else []
        self._quiet = 0 if rows else self._quiet + 1
        if self._quiet == _IDLE:
            for path, raw in (one for follower in self._followers for one in follower.rests()):
                self._add(rows, path, _text(raw))
        latest = self._wall() + AHEAD
        if self._first:
            self._first = False
            return batch + self._past(rows, latest)
        return batch + [self._line(*line) for line in self._ordered(rows, latest)]

    def _ordered(self, rows: dict[str, Rows], latest: float) -> list[Row]:
        return [line for line in self._order.of(rows.items(), latest) if line is not None]

    def _past(self, rows: dict[str, Rows], latest: float) -> Batch:
        """The newest lines of all files; of those that tell no time some too, for nobody knows how old they are."""
        timed = {path: lines for path, lines in rows.items() if not (self._several and untimed(lines))}
        found = self._ordered(timed, latest)[-TAIL:]
        rest = {path: [line for _, line in lines if line is not None] for path, lines in rows.items()
                if path not in timed}  # fmt: skip
        rest = {path: lines for path, lines in rest.items() if lines}
        before: Batch = [Stamped(ALL_UNTIMED)] if len(rest) > 1 and not found else []
        for path, lines in rest.items():
            before += [self._line(path, UNTIMED)] if found else []
            before += [self._line(*line) for line in lines[-max(1, TAIL // len(rest)) :]]
        return before + [self._line(*line) for line in found]

    def _take(self, looked: Looked, batch: Batch, rows: dict[str, Rows]) -> None:
        for piece in looked.pieces:
            if piece.anew:
                batch.append(self._line(piece.path, "(the file was begun anew)"))
            elif piece.begun and not self._first:
                batch.append(self._line(piece.path, f"(a new file: {piece.path})"))
            if piece.skipped:
                said = f"({piece.skipped:,} bytes left out: more is written than is shown)"
                batch.append(self._line(piece.path, said))
            for raw in piece.lines:
                self._add(rows, piece.path, _text(raw))

    def _add(self, rows: dict[str, Rows], path: str, text: str) -> None:
        at = self._times.of(text) if self._several else None
        rows.setdefault(path, []).append((at, (path, text, at) if self._fits(text) else None))

    def _line(self, path: str, text: str, at: float | None = None) -> Stamped:
        return Stamped.told(f"{os.path.basename(path)} │ {masked(text)}" if self._several else masked(text), at)

    def close(self) -> None:
        """Let go of the files."""
        for one in self._followers:
            one.close()


def _said(text: str) -> Stamped:
    return Stamped(text, 400)


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\r").decode("utf-8", "backslashreplace")


async def follow(
    patterns: Sequence[str], journals: Sequence[Journal], fits: Fits, times: Times, now: Clock, wall: Clock
) -> AsyncGenerator[SafeText, None]:
    """Lines of all as they come, until the iterator is closed. Raises `ProbeError` when nothing is left to follow.

    `now` is monotonic, `wall` gives seconds since 1970.
    """
    several = len(patterns) + len(journals) > 1 or any(one for one in patterns if "*" in one or "?" in one)
    logs: list[AsyncGenerator[SafeText, None]] = [_of_journal(one, fits, several) for one in journals]
    if patterns:
        logs.append(_of_files(Files(patterns, fits, times, several, wall), now))
    async with aclosing(merged(logs)) as lines:
        async for line in lines:
            yield line


async def _of_files(files: Files, now: Clock) -> AsyncGenerator[SafeText, None]:
    lane = Lane("follow", limit=1)
    try:
        while True:
            for line in await lane.run(files.news, now()):
                yield line
            await asyncio.sleep(BEAT)
    finally:
        files.close()
        lane.close()


async def _of_journal(journal: Journal, fits: Fits, several: bool) -> AsyncGenerator[SafeText, None]:
    label = f"{journal.unit} │ " if several else ""
    async with aclosing(journal.follow(TAIL)) as entries:
        async for one in entries:
            if fits(one.line):
                yield Stamped.told(label + masked(one.line), one.at)
    raise ProbeError(Cause.CLOSED_EARLY, f"journalctl ended for {journal.unit}")
