"""How one alert comes and goes as this session sees it: whether it flaps, and when it is really over."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from desk.alert import Alert
from desk.inbox.case import Acknowledgement, What

WINDOW: Final = 1800.0
"""Seconds in which comings are counted."""

FLAPS: Final = 3
"""Comings in that time that make it flap: from then on its comings and goings are not told any more."""

CALM: Final = 600.0
"""Seconds that what flaps must stay away, or milder, before that is told."""


@dataclass(slots=True)
class Sight:
    """One alert, from the first time it was seen."""

    alert: Alert | None = None
    """As it is now; None: it is not."""
    lower: float | None = None
    """Since when it is away or milder than it was told to be, monotonic seconds."""
    lonely: float | None = None
    """Since when the alert that spoke for it is over, monotonic seconds."""
    decided: list[tuple[What, str, str]] = field(default_factory=list)
    """What was decided about it while it was no case yet: what, by whom, with which words."""
    promised: Acknowledgement | None = None
    """Who has it in hand by that."""
    comings: deque[float] = field(default_factory=lambda: deque(maxlen=99))

    def see(self, alert: Alert | None, now: float) -> None:
        """Take in how it is now."""
        was = 0 if self.alert is None else self.alert.severity
        if alert is not None and alert.severity > was:
            self.comings.append(now)
        self.alert = alert
        if alert is None:
            self.decided, self.promised = [], None

    def flaps(self, now: float) -> int:
        """How often it came within the window; 0 while that is no flapping."""
        recent = sum(now - one < WINDOW for one in self.comings)
        return recent if recent >= FLAPS else 0

    def settled(self, level: int, now: float) -> bool:
        """True when it is below the level that was told, and that may be told now."""
        if self.alert is not None and self.alert.severity >= level:
            self.lower = None
            return False
        if self.lower is None:
            self.lower = now
        return not self.flaps(now) or now - self.lower >= CALM

    @property
    def idle(self) -> bool:
        """True when nothing of it needs to be remembered."""
        return self.alert is None and not self.comings

    def forget(self, now: float) -> None:
        """Let go of comings that no longer count."""
        while self.comings and now - self.comings[0] >= WINDOW:
            self.comings.popleft()
