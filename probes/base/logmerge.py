"""Lines of several logs as one: the past of all in the order of its times, then what comes, as it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime
from math import inf
from typing import Final, TypeVar

from probes.base.failure import ProbeError
from probes.base.text import CELL_LIMIT, LINE_LIMIT, SafeText

T = TypeVar("T")
_Item = tuple[int, SafeText | ProbeError | None]
"""A line, or what ended a log, with the log's number; None after the last of each."""

UNTIMED: Final = "(its lines tell no time: they stand before those of the others)"
"""Said of a log whose lines can't be put in order with those of others."""
ALL_UNTIMED: Final = "(no line tells a time: the logs stand one after the other)"
"""Said when no log tells times."""
AHEAD: Final = 86400.0
"""Seconds a line may be ahead of us, for a clock or a zone that is off; a later time is not when it was written."""
_PAST: Final = 5000
"""Lines that are put in order before the first is shown."""
_QUIET: Final = 0.25
"""Seconds without a line after which the past of all logs that have spoken is there."""
_PATIENCE: Final = 1.0
"""Seconds that a log has to begin with its past."""
_WAITING: Final = 1000
"""Lines that wait to be taken."""


class Stamped(SafeText):
    """A line with the moment it was written, as its source tells apart from it."""

    __slots__ = ("at",)
    at: float | None

    def __init__(self, raw: str | bytes = "", limit: int = CELL_LIMIT, at: float | None = None) -> None:
        """`at` is in seconds since 1970; None: not told."""
        super().__init__(raw, limit)
        object.__setattr__(self, "at", at)

    @classmethod
    def told(cls, raw: str, at: float | None) -> Stamped:
        """A log line."""
        return cls(raw.rstrip("\r\n"), LINE_LIMIT, at)


def moment(stamp: bytes) -> float | None:
    """Seconds since 1970 of a time as Docker and Kubernetes write it; None for one that is none.

    >>> moment(b"2026-03-01T03:12:41.123456789Z"), moment(b"soon")
    (1772334761.123456, None)
    """
    try:
        return datetime.fromisoformat(stamp.decode("ascii")).timestamp()
    except ValueError:
        return None


class Order:
    """Puts lines of several sources in the order of their times, call after call.

    Lines of one source stay in their own order: one without a time stays behind the one before it, one that goes back
    in time too. What tells no time at all comes first.
    """

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def of(self, sources: Iterable[tuple[str, Sequence[tuple[float | None, T]]]], latest: float = inf) -> list[T]:
        """Lines of sources by name, each with its time (seconds since 1970); one after `latest` counts as none.

        >>> trace, other = [(1.0, "a1"), (None, " at x"), (4.0, "a4")], [(2.0, "b2"), (3.0, "b3")]
        >>> Order().of([("a", trace), ("b", other)])
        ['a1', ' at x', 'b2', 'b3', 'a4']
        """
        placed: list[tuple[float, T]] = []
        for name, lines in sources:
            at = self._at.get(name)
            if at is None:
                at = next((own for own, _ in lines if own is not None and own <= latest), -inf)
            for own, line in lines:
                if own is not None and at < own <= latest:
                    at = own
                placed.append((at, line))
            if at > -inf:
                self._at[name] = at
        placed.sort(key=_first)
        return [line for _, line in placed]


def _first(pair: tuple[float, object]) -> float:
    return pair[0]


def untimed(lines: Sequence[tuple[float | None, object]]) -> bool:
    """True when there are lines and none of them tells a time."""
    return bool(lines) and all(at is None for at, _ in lines)


async def merged(logs: Sequence[AsyncGenerator[SafeText, None]]) -> AsyncGenerator[SafeText, None]:
    """Lines of several logs: their past in the order of its times (`Stamped`), then what comes, as it comes.

    One that fails says so and the others go on; the failure of the last one is raised.
    """
    if len(logs) == 1:
        async with aclosing(logs[0]) as one:
            async for only in one:
                yield only
        return
    queue: asyncio.Queue[_Item] = asyncio.Queue(_WAITING)
    pumps = [asyncio.create_task(_pump(number, log, queue)) for number, log in enumerate(logs)]
    try:
        left = len(logs)
        past: dict[int, list[tuple[float | None, SafeText]]] = {number: [] for number in range(left)}
        failed: ProbeError | None = None
        async for number, line in _begun(queue, left):
            failed = line if isinstance(line, ProbeError) and left == 1 else failed
            left -= line is None
            if line is not None and line is not failed:
                past[number].append((getattr(line, "at", None), _shown(line)))
        for made in Order().of((str(number), lines) for number, lines in past.items()):
            yield made
        while left and failed is None:
            _, line = await queue.get()
            failed = line if isinstance(line, ProbeError) and left == 1 else failed
            left -= line is None
            if line is not None and line is not failed:
                yield _shown(line)
        if failed is not None:
            raise failed
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _begun(queue: asyncio.Queue[_Item], left: int) -> AsyncGenerator[_Item, None]:
    """What several logs begin with, until all have spoken and are quiet, or time or room is up."""
    silent, until, came = set(range(left)), time.monotonic() + _PATIENCE, 0
    while left and came < _PAST and (now := time.monotonic()) < until + _PATIENCE:
        within = until - now if silent else _QUIET
        try:
            async with asyncio.timeout(max(0.0, within)):
                number, line = await queue.get()
        except TimeoutError:
            return
        silent.discard(number)
        left -= line is None
        came += 1
        yield number, line


async def _pump(number: int, log: AsyncGenerator[SafeText, None], queue: asyncio.Queue[_Item]) -> None:
    try:
        async with aclosing(log) as lines:
            async for line in lines:
                await queue.put((number, line))
    except ProbeError as error:
        await queue.put((number, error))
    await queue.put((number, None))


def _shown(line: SafeText | ProbeError) -> SafeText:
    return SafeText(f"(a log broke off: {line.message})", 400) if isinstance(line, ProbeError) else line
