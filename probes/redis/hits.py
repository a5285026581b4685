"""The hit rate of a cache: over ten seconds, so that a collapse is seen at once, and what is usual, to compare.

From the growth of keyspace_hits and keyspace_misses, without the look-ups that we caused ourselves. No look-up at all
has no rate: 0 of 0 is neither 0 % nor 100 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from probes.redis.info import Info, number
from probes.redis.meters import Window

RECENT: Final = 10.0
"""Seconds the hit rate looks back: short enough to name a collapse within five."""
MINUTE: Final = 60.0
RISE: Final = 45.0
"""Seconds in which the usual rate follows a better one by two thirds."""
SINK: Final = 300.0
"""Seconds in which it follows a worse one."""
LEARNED: Final = 20.0
"""Seconds of readings before anything is called usual."""
FALL: Final = 0.08
"""A rate so far below the usual one is a fall, and moves it ten times slower."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The hit rate now; None where unknown."""

    ratio: float | None = None
    lookups: float | None = None
    minute: float | None = None
    usual: float | None = None


class HitRate:
    """Follows the counters of one server."""

    def __init__(self) -> None:
        self._raw = (-1.0, -1.0)
        self._began: float | None = None
        self._at = 0.0
        self._usual: float | None = None
        self._clear()

    def _clear(self) -> None:
        self._recent = Window(RECENT), Window(RECENT)
        self._minute = Window(MINUTE), Window(MINUTE)

    def rate(self, info: Info, own: tuple[int, int], at: float) -> Rate:
        """The rate with this reading's counters; `own` are the hits and misses that we caused so far."""
        hits, misses = number(info.get("keyspace_hits")), number(info.get("keyspace_misses"))
        if hits is None or misses is None:
            self._clear()
            return Rate()
        if hits < self._raw[0] or misses < self._raw[1]:
            self._clear()
        self._raw = (hits, misses)
        for windows in (self._recent, self._minute):
            windows[0].add(hits - own[0], at)
            windows[1].add(misses - own[1], at)
        lookups, ratio = share(self._recent[0].growth(), self._recent[1].growth())
        _, minute = share(self._minute[0].growth(), self._minute[1].growth())
        return Rate(ratio, lookups, minute, self._learn(ratio, at))

    def _learn(self, ratio: float | None, at: float) -> float | None:
        """Let the usual rate follow slowly; a fall moves it hardly, so that it can be compared with."""
        if ratio is not None:
            if self._usual is None or self._began is None:
                self._usual, self._began = ratio, at
            else:
                pace = _pace(ratio - self._usual, at - self._began)
                self._usual += (ratio - self._usual) * (1 - math.exp((self._at - at) / pace))
            self._at = at
        return self._usual if self._began is not None and at - self._began > LEARNED else None


def _pace(more: float, known: float) -> float:
    """Seconds in which the usual rate follows one that is better by `more`."""
    if known <= LEARNED:
        return LEARNED / 4
    if more >= 0:
        return RISE
    return SINK * 10 if more < -FALL else SINK


def share(hits: float | None, misses: float | None) -> tuple[float | None, float | None]:
    """(look-ups, share that hit); growth below zero is the noise of taking off our own.

    >>> share(9, 1), share(0, 0), share(None, 3)
    ((10.0, 0.9), (0.0, None), (None, None))
    """
    if hits is None or misses is None:
        return None, None
    good, bad = max(0.0, float(hits)), max(0.0, float(misses))
    return good + bad, good / (good + bad) if good + bad else None
