"""How often an account is asked, and what that costs: one bucket of tokens for all targets of an account.

AWS limits calls by account and region, and answers the whole team with a throttle when one tool asks too much. So every
call of ours takes a token first; a throttle empties the bucket and slows it down, and quiet minutes speed it up again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

RATE: Final = 10.0
"""Calls a second for all targets of an account and region."""
BURST: Final = 30.0
"""Calls that may come at once after a pause."""
SLOWEST: Final = 0.5
"""Calls a second that are left after many throttles."""
FIRST_PAUSE: Final = 2.0
"""Seconds of silence after a first throttle of a service; each further one doubles it."""
LONGEST_PAUSE: Final = 120.0
_RECOVERY: Final = 0.05
"""Calls a second won back by each second without a throttle."""
_DAY: Final = 86400.0


class Bucket:
    """A token bucket that gives way to throttles. Times are monotonic seconds."""

    def __init__(self, monotonic: Callable[[], float], rate: float = RATE, burst: float = BURST) -> None:
        self._monotonic = monotonic
        self._most = rate
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = monotonic()
        self._quiet: dict[str, tuple[float, float]] = {}
        """Service -> (until when it is left alone, how long the last pause was)."""

    def take(self, patience: float = inf) -> float:
        """Take a token; the seconds to wait before its call may be sent (0: at once).

        Nothing is taken when that is more than `patience`: calls that are not sent must not hold up those that are.
        """
        self._fill()
        wait = max(0.0, (1 - self._tokens) / self._rate)
        if wait <= patience:
            self._tokens -= 1
        return wait

    def quiet_for(self, service: str) -> float:
        """Seconds a service is still left alone after a throttle."""
        return max(0.0, self._quiet.get(service, (0.0, 0.0))[0] - self._monotonic())

    def throttled(self, service: str) -> float:
        """The service asked us to slow down; the seconds it is left alone for."""
        self._fill()
        self._tokens = min(self._tokens, 0.0)
        self._rate = max(SLOWEST, self._rate / 2)
        until, last = self._quiet.get(service, (0.0, 0.0))
        if until > self._monotonic():  # several calls were on their way together
            return until - self._monotonic()
        pause = min(LONGEST_PAUSE, last * 2 or FIRST_PAUSE)
        self._quiet[service] = (self._monotonic() + pause, pause)
        return pause

    def answered(self, service: str) -> None:
        """The service answers again."""
        if service in self._quiet and not self.quiet_for(service):
            del self._quiet[service]

    def _fill(self) -> None:
        now = self._monotonic()
        passed, self._at = max(0.0, now - self._at), now
        self._tokens = min(self._burst, self._tokens + passed * self._rate)
        self._rate = min(self._most, self._rate + passed * _RECOVERY)


class Spending:
    """What the calls of one target have cost within a day, by list prices."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._calls = 0
        self._spent: deque[tuple[float, float]] = deque()
        """(minute, dollars), oldest first."""
        self._dollars = 0.0

    def add(self, dollars: float) -> None:
        """One call more, at this price."""
        self._calls += 1
        if not dollars:
            return
        minute = self._monotonic() // 60 * 60
        if self._spent and self._spent[-1][0] == minute:
            self._spent[-1] = (minute, self._spent[-1][1] + dollars)
        else:
            self._spent.append((minute, dollars))
        self._dollars += dollars

    @property
    def today(self) -> float:
        """US dollars within the last 24 hours."""
        while self._spent and self._spent[0][0] < self._monotonic() - _DAY:
            self._dollars -= self._spent.popleft()[1]
        return max(0.0, self._dollars)

    @property
    def a_day(self) -> float | None:
        """US dollars a day at the pace so far; None in the first five minutes."""
        passed = min(_DAY, self._monotonic() - self._began)
        return None if passed < 300 else self.today * _DAY / passed

    @property
    def calls(self) -> int:
        """Calls since the start."""
        return self._calls
