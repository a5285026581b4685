"""What is known of Sentry's issues."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import SafeText


@dataclass(frozen=True, slots=True)
class Issue:
    """One unresolved issue."""

    id: str
    short: SafeText
    """Its name for people: "SHOP-12"."""
    title: SafeText
    where: SafeText
    """Where in the code: Sentry's culprit."""
    project: SafeText
    level: str
    """fatal, error, warning, info or debug."""
    state: str
    """new, ongoing, escalating or regressed; empty: an older Sentry does not say."""
    priority: str
    """high, medium or low; empty: not told."""
    events: int | None
    """Events in the days that were asked for."""
    users: int | None
    """Users that met it in these days."""
    first_seen: datetime | None
    last_seen: datetime | None
    assigned: SafeText
    """Whose it is; empty: nobody's."""
    person: bool
    """True when it is assigned to a person, not to a team."""
    unhandled: bool | None
    """True when the program did not catch it; None: not told."""
    link: str
    """Where it is seen: an https address; empty: none."""
    course: tuple[int, ...] = ()
    """Events of each hour of the last day, the oldest first; the last one is not over."""
    rate: float | None = None
    """Events a minute, over the last hour that is over and the one that is not; None: not told."""
    began: datetime | None = None
    """Since when, at least, there has been no hour without it; None: not told."""

    @property
    def pace(self) -> str:
        """Its rate for a person: by the minute, or by the hour where that would be next to nothing; empty: unknown."""
        if self.rate is None:
            return ""
        if self.rate < 1:
            return f"{self.rate * 60:.2g}/h"
        return f"{self.rate:.2g}/min" if self.rate < 99 else f"{self.rate:,.0f}/min"

    @property
    def returned(self) -> bool:
        """True when it was resolved and is back, or has become more than it was."""
        return self.state in ("regressed", "escalating")


@dataclass(frozen=True, slots=True)
class SentryFacts:
    """The unresolved issues of some projects."""

    where: SafeText
    organization: str
    issues: tuple[Issue, ...]
    """The one seen last first; bounded."""
    unresolved: int | None
    """How many there are; None: more than were read, and Sentry does not say."""
    read_at: datetime
    """When, aware UTC, by Sentry's clock."""
    skew: float | None
    """Seconds Sentry's clock is ahead of ours, when it is worth a word."""
    throttle: int | None = None
    """Requests that are left in Sentry's window; None: not told."""
