"""Growth of a number over the last seconds, kept reading by reading; the base of every rate here.

A window is empty again when its source restarts: a rate across a restart would be a lie.
"""

from __future__ import annotations

from collections import deque
from typing import Final

LEAST: Final = 0.5
"""Seconds below which no rate is told."""


class Window:
    """The values of one number over some seconds.

    >>> meter = Window(10)
    >>> for at, value in ((0, 5), (4, 9), (8, 13), (12, 17)):
    ...     meter.add(value, at)
    >>> meter.grown(), meter.per_second()
    ((8, 8), 1.0)
    """

    __slots__ = ("_counter", "_values", "seconds")

    def __init__(self, seconds: float, counter: bool = False) -> None:
        self.seconds = seconds
        self._counter = counter
        self._values: deque[tuple[float, float]] = deque()

    def add(self, value: float | None, at: float) -> None:
        """Take the value of this reading; a missing one, or a counter that went back, begins anew."""
        last = self._values[-1] if self._values else None
        if value is None or (last is not None and (at <= last[0] or (self._counter and value < last[1]))):
            self._values.clear()
        if value is not None:
            self._values.append((at, value))
        while len(self._values) > 2 and at - self._values[0][0] > self.seconds:
            self._values.popleft()

    def clear(self) -> None:
        """Begin anew."""
        self._values.clear()

    def grown(self) -> tuple[float, float] | None:
        """(growth, seconds) over the window; None when it is too young to tell."""
        if len(self._values) < 2:
            return None
        (began, first), (ended, last) = self._values[0], self._values[-1]
        return (last - first, ended - began) if ended - began >= LEAST else None

    def growth(self) -> float | None:
        """Growth over the window."""
        grown = self.grown()
        return None if grown is None else grown[0]

    def per_second(self) -> float | None:
        """Growth per second."""
        grown = self.grown()
        return None if grown is None else grown[0] / grown[1]

    def per_minute(self) -> float | None:
        """Growth per minute."""
        rate = self.per_second()
        return None if rate is None else rate * 60
