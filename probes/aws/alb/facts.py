"""What is known about load balancers and their target groups."""

from __future__ import annotations

from dataclasses import dataclass

from probes.aws.alb.health import Health
from probes.aws.calls import Seat
from probes.base import SafeText


@dataclass(frozen=True, slots=True)
class Balancer:
    """One load balancer."""

    arn: str
    name: str
    type: str = ""
    """application, network or gateway."""
    state: str = ""
    """active, provisioning, active_impaired or failed."""
    reason: SafeText = SafeText()
    scheme: str = ""
    """internet-facing or internal."""
    dns: SafeText = SafeText()
    zones: tuple[str, ...] = ()
    errors: float | None = None
    """Answers of code 5xx in a minute that it made itself; None: none were reported."""

    @property
    def dimension(self) -> str:
        """Its name in CloudWatch: "app/web/50dc6c495c0c9188"."""
        return self.arn.partition(":loadbalancer/")[2]


@dataclass(frozen=True, slots=True)
class Group:
    """One target group."""

    arn: str
    name: str
    protocol: str = ""
    port: int | None = None
    type: str = ""
    """instance, ip, lambda or alb."""
    check: str = ""
    """How a target is checked: "HTTP:traffic-port /health every 30 s"."""
    balancers: tuple[str, ...] = ()
    """ARNs of the load balancers that use it."""
    health: Health | None = None
    """None: not read."""
    age: float = 0.0
    """Seconds since that was read."""
    average: float | None = None
    """Seconds until a target began to answer, on average in the last minute; None: no data."""
    p95: float | None = None
    p99: float | None = None
    requests: float | None = None
    """In a minute."""
    errors: float | None = None
    """Answers of code 5xx in a minute that targets made; None: none were reported."""

    @property
    def targets(self) -> int | None:
        """Targets that are registered."""
        return len(self.health.targets) if self.health is not None else None

    @property
    def healthy(self) -> int | None:
        """Targets that get requests."""
        return self.health.healthy if self.health is not None else None

    @property
    def targetless(self) -> bool:
        """A load balancer uses it, and has nobody to send its callers to."""
        return bool(self.balancers) and self.healthy == 0

    @property
    def trouble(self) -> tuple[int, ...]:
        """Sorts those in most trouble first."""
        return (-self.targetless, -(self.health.unhealthy if self.health else 0))


@dataclass(frozen=True, slots=True)
class AlbFacts:
    """Some target groups and the load balancers before them."""

    seat: Seat
    groups: tuple[Group, ...] = ()
    """Those in most trouble first."""
    balancers: tuple[Balancer, ...] = ()
    absent: tuple[SafeText, ...] = ()
    """Names of the profile that are not there."""
