"""A simulated load balancer as elbv2 tells of it: one balancer, one target group, and how its targets are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from systems.cloud.account import REGION, arn, now
from systems.cloud.wire import Refusal

_FAILED: Final = "Target.ResponseCodeMismatch"


@dataclass
class Targets:
    """elbv2."""

    balancer: str
    group: str
    path: str
    """What the check asks for."""
    port: int
    health: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Address of a target -> (its state, what its check said)."""

    @property
    def group_dimension(self) -> str:
        """As CloudWatch names the group."""
        return f"targetgroup/{self.group}/50dc6c495c0c9188"

    @property
    def balancer_dimension(self) -> str:
        """As CloudWatch names the balancer."""
        return f"app/{self.balancer}/f9ddd9c3b5b7e8a1"

    @property
    def arn(self) -> str:
        """Of the target group."""
        return arn("elasticloadbalancing", self.group_dimension)

    @property
    def _balancer_arn(self) -> str:
        return arn("elasticloadbalancing", f"loadbalancer/{self.balancer_dimension}")

    def describe_target_groups(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The one group."""
        names = {*asked.get("Names", ()), *asked.get("TargetGroupArns", ())}
        if names and not names & {self.group, self.arn}:
            raise Refusal("TargetGroupNotFound", "One or more target groups not found")
        row = {
            "TargetGroupArn": self.arn, "TargetGroupName": self.group, "Protocol": "HTTP", "Port": self.port,
            "HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": True,
            "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2, "HealthyThresholdCount": 2,
            "UnhealthyThresholdCount": 2, "HealthCheckPath": self.path, "TargetType": "ip",
            "LoadBalancerArns": [self._balancer_arn],
        }  # fmt: skip
        return {"TargetGroups": [row]}

    def describe_load_balancers(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The one balancer."""
        names = {*asked.get("Names", ()), *asked.get("LoadBalancerArns", ())}
        if names and not names & {self.balancer, self._balancer_arn}:
            raise Refusal("LoadBalancerNotFound", "One or more load balancers not found")
        row = {
            "LoadBalancerArn": self._balancer_arn, "LoadBalancerName": self.balancer, "Type": "application",
            "Scheme": "internet-facing", "State": {"Code": "active"}, "CreatedTime": now(),
            "DNSName": f"{self.balancer}.{REGION}.elb.example.com",
            "AvailabilityZones": [{"ZoneName": f"{REGION}{letter}"} for letter in "abc"],
        }  # fmt: skip
        return {"LoadBalancers": [row]}

    def describe_target_health(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """How each target is."""
        if asked.get("TargetGroupArn") != self.arn:
            raise Refusal("TargetGroupNotFound", "One or more target groups not found")
        return {"TargetHealthDescriptions": [self._told(address) for address in self.health]}

    def _told(self, address: str) -> dict[str, Any]:
        state, said = self.health[address]
        why = {
            "unhealthy": _FAILED,
            "draining": "Target.DeregistrationInProgress",
            "initial": "Elb.RegistrationInProgress",
        }
        health = {"State": state, "Reason": why.get(state), "Description": said or None}
        return {"Target": {"Id": address, "Port": self.port}, "HealthCheckPort": str(self.port), "TargetHealth": health}
