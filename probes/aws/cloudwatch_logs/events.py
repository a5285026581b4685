"""Reads events of a log group: page by page, empty ones too, within bounds, saying how far it came.

FilterLogEvents gives at most 1 MB or 10,000 events a page, in order of time; a page may be empty while there are more:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from probes.aws.calls import Calls
from probes.base import Cause, ProbeError, SafeText

_LONGEST: Final = 1 << 15
"""Characters kept of one event's message."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a log."""

    at: int
    """Milliseconds since 1970, UTC."""
    id: str
    stream: str
    message: str

    def line(self, clean: str, prefix: str = "", day: bool = False) -> SafeText:
        """As it is shown: its time in UTC, then what it says without secrets (`clean`)."""
        moment = from_ms(self.at)
        clock = f"{moment:%m-%d %H:%M:%S}" if day else f"{moment:%H:%M:%S}"
        return SafeText.line(f"{prefix}{clock}  {clean}")


@dataclass(slots=True)
class Budget:
    """What may still be read. Shared by all that is read together."""

    pages: int
    size: int
    """Bytes of messages."""
    until: float
    """Monotonic seconds."""

    def left(self, now: float) -> bool:
        """True while a further page may be asked for."""
        return self.pages > 0 and self.size > 0 and now < self.until


@dataclass(slots=True)
class Sweep:
    """A stretch of time in one group, read as far as its budget goes."""

    group: str
    pattern: str
    """Filter pattern; empty: everything."""
    start: int
    end: int
    """Milliseconds since 1970, both included."""
    stream: str = ""
    """The one stream of the group that is read; empty: see `streams`."""
    streams: str = ""
    """What the names of the streams that are read begin with; empty: all are."""
    token: str = ""
    """Where to go on; empty: not begun, or done."""
    done: bool = False
    reached: int = field(init=False)
    """Milliseconds up to which every event was read."""

    def __post_init__(self) -> None:
        self.reached = self.start

    async def read(self, calls: Calls, budget: Budget, most: int = 0) -> list[Event]:
        """Go on until the end, or until the budget is spent, or `most` events are found. Raises `ProbeError`."""
        found: list[Event] = []
        while not self.done and budget.left(calls.context.monotonic()):
            page = await self._page(calls, most)
            budget.pages -= 1
            budget.size -= sum(len(one.message) for one in page)
            found += page
            if most and len(found) >= most:
                break
        return found

    async def _page(self, calls: Calls, most: int) -> list[Event]:
        asked: dict[str, Any] = {"logGroupName": self.group, "startTime": self.start, "endTime": self.end}
        asked |= {"filterPattern": self.pattern} if self.pattern else {}
        if self.stream:
            asked["logStreamNames"] = [self.stream]
        elif self.streams:
            asked["logStreamNamePrefix"] = self.streams
        asked |= {"nextToken": self.token} if self.token else {}
        asked |= {"limit": most} if most else {}
        answer = await calls.read("logs", "filter_log_events", **asked)
        events = [one for row in answer.get("events") or () if (one := event_of(row)) is not None]
        following = str(answer.get("nextToken") or "")
        if following and following == self.token:
            raise ProbeError(Cause.GARBAGE, f"{calls.where} gives the same page of events again and again")
        self.token, self.done = following, not following
        if self.done:
            self.reached = self.end
        elif events:
            self.reached = max(self.reached, events[-1].at - 1)
        return events


def event_of(row: Any) -> Event | None:
    """One event of an answer; None when it has no time."""
    if not isinstance(row, Mapping) or not isinstance(row.get("timestamp"), int):
        return None
    message = row.get("message")
    text = message[:_LONGEST] if isinstance(message, str) else ""
    stream = str(row.get("logStreamName", ""))[:512]
    id = str(row.get("eventId") or f"{stream}:{row['timestamp']}:{hash(text)}")
    return Event(row["timestamp"], id, stream, text)


def ms(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC: an aware time has one such number, whatever zone it is told in.

    >>> ms(datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC))
    1772334761000
    """
    return round(moment.timestamp() * 1000)


def from_ms(value: int) -> datetime:
    """The aware time in UTC; one beyond all calendars is the last that there is."""
    return datetime.fromtimestamp(min(max(value, 0), 253402300799000) / 1000, UTC)
