"""What Elastic Load Balancing answers, as facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from probes.aws.alb.facts import Balancer, Group
from probes.base import SafeText

Row = Mapping[str, Any]


def rows(value: object) -> Sequence[Row]:
    """The tables in a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def text(value: object, limit: int = 200) -> str:
    """Safe text of a value; empty when there is none."""
    return str(SafeText(str(value), limit)) if value is not None else ""


def group(row: Row) -> Group:
    """One of elbv2:DescribeTargetGroups."""
    port = row.get("Port")
    return Group(
        arn=text(row.get("TargetGroupArn"), 300),
        name=text(row.get("TargetGroupName"), 80),
        protocol=text(row.get("Protocol"), 20),
        port=port if isinstance(port, int) else None,
        type=text(row.get("TargetType"), 20),
        check=_check(row),
        balancers=tuple(text(arn, 300) for arn in row.get("LoadBalancerArns") or ()),
    )


def _check(row: Row) -> str:
    if row.get("HealthCheckEnabled") is False:
        return "not checked"
    words = [f"{text(row.get('HealthCheckProtocol'), 20)}:{text(row.get('HealthCheckPort'), 20)}"]
    words += [text(row["HealthCheckPath"], 200)] if row.get("HealthCheckPath") else []
    if isinstance(row.get("HealthCheckIntervalSeconds"), int):
        words.append(f"every {row['HealthCheckIntervalSeconds']} s")
    return " ".join(words)


def balancer(row: Row) -> Balancer:
    """One of elbv2:DescribeLoadBalancers."""
    state = row.get("State") or {}
    return Balancer(
        arn=text(row.get("LoadBalancerArn"), 300),
        name=text(row.get("LoadBalancerName"), 80),
        type=text(row.get("Type"), 20),
        state=text(state.get("Code"), 40),
        reason=SafeText(text(state.get("Reason"), 200)),
        scheme=text(row.get("Scheme"), 40),
        dns=SafeText(text(row.get("DNSName"))),
        zones=tuple(text(one.get("ZoneName"), 40) for one in rows(row.get("AvailabilityZones"))),
    )
