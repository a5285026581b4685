"""That something is wrong now: said by a rule of ours, or by another system that watches too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from probes.base import PLAIN, Handling, Raised, Severity, Unit


class Identity(NamedTuple):
    """Which alert it is, however severe at the moment: two limits of one number are one alert."""

    target: str
    about: str
    """The gauge; for a rule over several its name, for another system's alert the key it has there."""
    labels: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        told = ",".join(f'{name}="{text}"' for name, text in self.labels)
        return f"{self.target}.{self.about}" + (f"{{{told}}}" if told else "")


@dataclass(frozen=True, slots=True)
class Alert:
    """Something is wrong now, in words, with the number that proves it."""

    target: str
    rule: str
    severity: Severity
    gauge: str
    """Name of the gauge; empty when the target itself can't be read, or when another system says it."""
    labels: tuple[tuple[str, str], ...]
    words: str
    """What is so; where the newest reading does not have the number, what was so, and as of when."""
    since: float
    """When it was raised, monotonic seconds."""
    at: datetime
    """When it was raised, aware UTC."""
    value: float | None = None
    """The number now, in its unit; None where the newest reading does not have it."""
    handling: Handling = PLAIN
    limit: float | None = None
    """What the number passed, in the same unit."""
    unit: Unit = Unit.COUNT
    key: str = ""
    """What makes it one with its milder or worse self; empty: the gauge, or without one the rule."""
    theirs: Raised | None = None
    """What another system said, when it was not a rule of ours."""

    @property
    def identity(self) -> Identity:
        """Which alert it is."""
        labels = () if self.theirs is not None else self.labels  # of theirs the key tells it; a priority may change
        return Identity(self.target, self.key or self.gauge or self.rule, labels)

    @property
    def row(self) -> str:
        """Key of the row it is about in its target's tables; empty when it is about the whole target."""
        if self.theirs is not None:
            return self.theirs.row
        return self.labels[0][1] if self.labels else ""


def worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts in the order a person should meet them: the worst, and of equals the oldest, first."""
    return sorted(alerts, key=lambda alert: (-alert.severity, alert.since, alert.target, alert.rule))


def of_theirs(target: str, raised: Raised, seen: float, now: float, at: datetime) -> Alert:
    """Another system's alert as one of ours. `seen`: when it was first read, monotonic seconds.

    It began when they say, and where they don't, or say a moment that is still to come, when it was first read.
    """
    since, began = seen, at - timedelta(seconds=max(0.0, now - seen))
    if raised.since is not None and raised.since <= at:
        since, began = now - (at - raised.since).total_seconds(), raised.since
    return Alert(
        target=target,
        rule=str(raised.name),
        severity=raised.severity,
        gauge="",
        labels=raised.labels,
        words=str(raised.words),
        since=since,
        at=began,
        value=raised.value,
        handling=Handling(procedure=raised.procedure, origin=target),
        limit=raised.limit,
        unit=raised.unit,
        key=raised.key,
        theirs=raised,
    )
