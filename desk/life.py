"""The life of one limit on one number: true since when, how often in a row, raised or not yet.

A flicker raises nothing (hold, consecutive), and what wobbles at its limit stays raised until it is clearly over
(hysteresis). Pure: it is stepped with values and moments and asks nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from desk.condition import Comparison
from desk.evaluate import COMPARE
from desk.words import dated

_EARLIER: Final = "last known: "
"""Before what this session has not seen itself."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What a value must pass, and how lastingly, before that is an alert."""

    op: Comparison
    threshold: float
    clear: float | None = None
    """Once raised it clears only at or beyond this value; None: as soon as the condition is false."""
    hold: float = 0.0
    """Seconds it must be passed."""
    consecutive: int = 1
    """Readings in a row that must pass it."""


@dataclass(slots=True)
class Life:
    """One limit on one number, from one reading to the next."""

    true_since: float | None = None
    seen: float = 0.0
    """When it last passed, monotonic seconds."""
    times: int = 0
    raised: float | None = None
    """When it was raised, monotonic seconds; None while it is not."""
    raised_at: datetime | None = None
    value: float | None = None
    """The newest value that passed; None when it was missing, and that counts as passing."""
    seen_at: datetime | None = None
    """The moment of `seen`; None: this session has not seen it pass."""
    words: str = ""

    def step(self, bar: Bar, value: float, now: float, at: datetime, patience: float = math.inf) -> bool:
        """Take the next value; False when it does not pass, and this life is over."""
        limit = bar.threshold if self.raised is None or bar.clear is None else bar.clear
        if not COMPARE[bar.op](value, limit):
            return False
        self.passed(bar, value, now, at, patience)
        return True

    def resume(self, raised: float, raised_at: datetime, now: float, words: str) -> None:
        """An earlier session had raised it: unless it is raised already, the next value finds it so."""
        if self.raised is None:
            self.true_since, self.seen, self.times = raised, raised, 1
            self.raised, self.raised_at, self.words = raised, raised_at, words

    def passed(self, bar: Bar, value: float | None, now: float, at: datetime, patience: float = math.inf) -> None:
        """Count a value that passes; None: it is missing, and the rule takes that for passing.

        Who was not seen for longer than `patience` seconds and a quarter of `hold` begins anew: nobody knows that the
        limit was passed all the while.
        """
        blind = self.raised is None and now - self.seen > patience + bar.hold / 4
        if self.true_since is None or blind:
            self.true_since, self.times = now, 0
        self.seen, self.seen_at = now, at
        self.times += 1
        self.value = value
        if self.raised is None and now - self.true_since >= bar.hold and self.times >= bar.consecutive:
            self.raised, self.raised_at = now, at

    def told(self, newest: float, at: datetime) -> tuple[str, float | None]:
        """(its words, its number) once there is a reading of the moment `newest`, monotonic seconds.

        What that reading does not have keeps its words, with the moment they are of; what the number is now nobody
        knows.
        """
        if self.seen >= newest:
            return self.words, self.value
        if self.seen_at is not None:
            return dated(self.words, self.seen_at, at), None
        return self.words if self.words.startswith(_EARLIER) else _EARLIER + self.words, None
