"""What is known of PagerDuty's incidents and of who is on call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import SafeText


@dataclass(frozen=True, slots=True)
class Incident:
    """One open incident."""

    id: str
    number: int | None
    title: SafeText
    status: str
    """triggered, acknowledged or resolved."""
    urgency: str
    """high or low; empty: not told."""
    priority: SafeText
    """As the account names it: "P1"; empty: none."""
    service: SafeText
    policy: SafeText
    """Its escalation policy."""
    teams: tuple[SafeText, ...]
    created: datetime | None
    changed: datetime | None
    """When its status changed last."""
    age: float | None
    """Seconds since it began, by PagerDuty's clock."""
    assigned: tuple[SafeText, ...]
    assigned_ids: tuple[str, ...]
    acknowledged: tuple[SafeText, ...]
    """Who has it in hand."""
    escalates: datetime | None
    """When it goes to the next level, if nobody acts; None: it does not."""
    alerts: int | None
    """Alerts in it that still fire; None: not told."""
    link: str
    """Where it is seen: an https address; empty: none."""

    @property
    def name(self) -> str:
        """What a person calls it: "#1234"."""
        return f"#{self.number}" if self.number is not None else self.id


@dataclass(frozen=True, slots=True)
class OnCall:
    """One person who is on call now."""

    key: str
    policy_id: str
    policy: SafeText
    level: int
    """Escalation level: 1 is told first."""
    user: SafeText
    schedule: SafeText
    """Empty: always, by the policy itself."""
    until: datetime | None
    """None: without an end."""


@dataclass(frozen=True, slots=True)
class PagerDutyFacts:
    """The open incidents of some services and teams."""

    where: SafeText
    incidents: tuple[Incident, ...]
    """Triggered before acknowledged, urgent before others, the oldest first; bounded."""
    cut: bool
    """True when there are more than were read."""
    on_call: tuple[OnCall, ...] | None
    """By policy and level; bounded. None: it could not be read."""
    nobody: tuple[str, ...]
    """Ids of the policies of the profile for which nobody is on call now."""
    skew: float | None
    """Seconds PagerDuty's clock is ahead of ours, when it is worth a word."""
    requests_left: int | None = None
    """Requests that are left in PagerDuty's window; None: not told."""
