"""How the targets of a load balancer are, for every kind that has some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from probes.base import SafeText

MOST: Final = 1000
"""Targets kept of one group: the most a group may have
(https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html)."""
_WORDS: Final = {
    "Elb.RegistrationInProgress": "is being registered",
    "Elb.InitialHealthChecking": "its first checks are under way",
    "Elb.InternalError": "an error of the load balancer",
    "Target.ResponseCodeMismatch": "its check is answered with another code than wanted",
    "Target.Timeout": "its check is not answered in time",
    "Target.FailedHealthChecks": "its check fails, or no connection can be made",
    "Target.NotRegistered": "is not registered",
    "Target.NotInUse": "no listener, or its zone is not enabled",
    "Target.DeregistrationInProgress": "is being taken out",
    "Target.InvalidState": "has stopped or is being ended",
    "Target.IpUnusable": "its address is used by a load balancer",
    "Target.HealthCheckDisabled": "its check is switched off",
}
"""Words for reason codes
(https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html)."""


@dataclass(frozen=True, slots=True)
class TargetState:
    """One target: an instance, an address, a function or another balancer, and a port."""

    id: SafeText
    port: int | None
    zone: str
    state: str
    """healthy, unhealthy, initial, draining, unhealthy.draining, unused or unavailable."""
    code: str = ""
    """Reason code: Target.Timeout."""
    said: SafeText = SafeText()
    """The balancer's own words, such as "Health checks failed with these codes: [500]"."""

    @property
    def why(self) -> SafeText:
        """Why it is not healthy, in words."""
        return self.said or SafeText(_WORDS.get(self.code, self.code))


@dataclass(frozen=True, slots=True)
class Health:
    """How the targets of one group are."""

    group: str
    """ARN of the target group."""
    targets: tuple[TargetState, ...] = ()

    @property
    def name(self) -> str:
        """Name of the target group."""
        return name_of(self.group)

    @property
    def healthy(self) -> int:
        """Targets that get requests."""
        return sum(one.state == "healthy" for one in self.targets)

    @property
    def unhealthy(self) -> int:
        """Targets whose check fails."""
        return sum(one.state.startswith("unhealthy") for one in self.targets)

    @property
    def reasons(self) -> tuple[tuple[SafeText, int], ...]:
        """(why, how many) of those that are not healthy and not on their way out, the commonest first."""
        out = ("healthy", "draining", "unhealthy.draining")
        found = Counter(str(one.why) or one.state for one in self.targets if one.state not in out)
        return tuple((SafeText(why), number) for why, number in found.most_common(5))


def health_of(group: str, answer: Mapping[str, Any]) -> Health:
    """What elbv2:DescribeTargetHealth told of a group."""
    found: Sequence[Any] = answer.get("TargetHealthDescriptions") or ()
    return Health(group, tuple(_target(one) for one in found[:MOST] if isinstance(one, Mapping)))


def name_of(arn: str) -> str:
    """The name in the ARN of a target group.

    >>> name_of("arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067")
    'web'
    """
    parts = arn.rpartition(":")[2].split("/")
    return str(SafeText(parts[1] if len(parts) > 1 else arn, 80))


def _target(one: Mapping[str, Any]) -> TargetState:
    target, health = one.get("Target") or {}, one.get("TargetHealth") or {}
    port = target.get("Port")
    return TargetState(
        id=SafeText(str(target.get("Id", "")), 200),
        port=port if isinstance(port, int) else None,
        zone=str(SafeText(str(target.get("AvailabilityZone") or ""), 40)),
        state=str(SafeText(str(health.get("State") or "unknown"), 40)),
        code=str(SafeText(str(health.get("Reason") or ""), 60)),
        said=SafeText(str(health.get("Description") or ""), 200),
    )
