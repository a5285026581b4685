"""What a reading of CloudWatch is: alarms with their states in words, and chosen metrics with their points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from probes.aws.calls import Seat
from probes.base import SafeText, Severity, Unit


class AlarmState(Enum):
    """As CloudWatch has it: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html."""

    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    OK = "OK"

    @property
    def word(self) -> str:
        """For a person."""
        return {"INSUFFICIENT_DATA": "no data"}.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm, of a metric, composed of others, or of a log query."""

    key: str
    """Its name as the service has it; unique in an account and region."""
    name: SafeText
    arn: str
    state: AlarmState
    type: str = "metric"
    """"metric", "composite" or "log"."""
    since: datetime | None = None
    """When it came into its state, aware UTC."""
    updated: datetime | None = None
    """When its state was set last, aware UTC; a state may be set to what it was."""
    configured: datetime | None = None
    """When its configuration was changed last, aware UTC."""
    reason: SafeText = SafeText()
    threshold: SafeText = SafeText()
    """When it goes off, in words: "CPUUtilization Average > 80 for 3 of 5 x 60 s"."""
    enabled: bool = True
    """False when its actions are off: whatever it finds, nobody is told."""
    actions: tuple[str, ...] = ()
    """ARNs of what is done when it goes off."""
    suppressor: SafeText = SafeText()
    """The alarm that keeps a composite one silent, where there is one."""
    suppressed: SafeText = SafeText()
    """Who keeps it silent now: "Alarm", "WaitPeriod" or "ExtensionPeriod"; empty: nobody."""
    description: SafeText = SafeText()
    """What its makers wrote about it."""
    value: float | None = None
    """The newest point it looked at when it came into its state, in the metric's own unit."""
    limit: float | None = None
    """Its fixed threshold; None: a band, or no metric."""

    @property
    def scales_only(self) -> bool:
        """True when it drives scaling and tells nobody: to be in ALARM is its normal life."""
        return bool(self.actions) and all(is_scaling(arn) for arn in self.actions)

    @property
    def raised(self) -> bool:
        """True when it is in ALARM and that is news to a person."""
        return self.state is AlarmState.ALARM and not self.scales_only


def is_scaling(arn: str) -> bool:
    """True for the ARN of a scaling policy."""
    return ":autoscaling:" in arn and ":scalingPolicy:" in arn


@dataclass(frozen=True, slots=True)
class Tile:
    """One chosen metric."""

    name: str
    title: SafeText
    what: SafeText
    """Which metric it is: "AWS/ECS CPUUtilization Average, 60 s"."""
    dimensions: SafeText
    unit: Unit
    scale: float
    """What a value of CloudWatch is multiplied with to stand in `unit`."""
    course: tuple[float | None, ...] = ()
    """Value of each period in `unit`, oldest first; None: no point."""
    latest: float | None = None
    """The newest value in `unit`; None when there is none, or it is too old to be true now."""
    at: datetime | None = None
    """The period of the newest point, aware UTC."""
    warn: float | None = None
    critical: float | None = None
    below: bool = False
    span: float = 3600.0
    """Seconds the course covers."""
    stale: bool = False
    """True when there are points, but none of now."""
    read: bool = True
    """False when it could not be asked for."""

    @property
    def level(self) -> Severity | None:
        """What its limits say; None: well, or not known."""
        if self.latest is None:
            return None
        for limit, severity in ((self.critical, Severity.CRITICAL), (self.warn, Severity.WARNING)):
            if limit is not None and (self.latest <= limit if self.below else self.latest >= limit):
                return severity
        return None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A link to look at, never opened by us."""

    name: SafeText
    url: str


@dataclass(frozen=True, slots=True)
class CloudWatchFacts:
    """Alarms and metrics of an account and region."""

    seat: Seat
    alarms: tuple[Alarm, ...] = ()
    """The worst first."""
    cut: bool = False
    """True when there are more alarms than are read."""
    whole_age: float = 0.0
    """Seconds since every alarm was read; in between only those that are not OK are."""
    tiles: tuple[Tile, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()
    taken_at: datetime | None = None
    counts: Mapping[AlarmState, int] = field(default_factory=dict)
    """How many are in each state; empty: the alarms could not be read."""

    @property
    def raised(self) -> tuple[Alarm, ...]:
        """Those in ALARM that are news to a person."""
        return tuple(one for one in self.alarms if one.raised)

    @property
    def muted(self) -> tuple[Alarm, ...]:
        """Those whose actions are off."""
        return tuple(one for one in self.alarms if not one.enabled)


def counted(alarms: Iterable[Alarm]) -> dict[AlarmState, int]:
    """How many are in each state."""
    found = Counter(one.state for one in alarms)
    return {state: found[state] for state in AlarmState}
