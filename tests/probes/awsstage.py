"""A shop on moto: an ECS cluster with a service behind a load balancer, for the kinds `ecs` and `alb`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.stack.aws import REGION, Cloud

CLUSTER = "shop"
LOG_GROUP = "/ecs/api"
ENVIRONMENT = [{"name": "DATABASE_PASSWORD", "value": "a-test-password"}]
"""What must never be kept of a task definition."""


def container(command: str = "sleep 3600", image: str = "shop/api:1", **more: Any) -> dict[str, Any]:
    """One container of a task definition."""
    logs = {"awslogs-group": LOG_GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "api"}
    return {
        "name": "api",
        "image": image,
        "memory": 64,
        "command": ["sh", "-c", command],
        "environment": ENVIRONMENT,
        "logConfiguration": {"logDriver": "awslogs", "options": logs},
    } | more


def register(cloud: Cloud, family: str = "api", **container_is: Any) -> str:
    """A new revision of a task definition, as family:revision."""
    found = cloud.client("ecs").register_task_definition(
        family=family, networkMode="bridge", containerDefinitions=[container(**container_is)]
    )
    return str(found["taskDefinition"]["taskDefinitionArn"]).rpartition("/")[2]


def service(cloud: Cloud, name: str = "api", count: int = 2, **more: Any) -> None:
    """A service in the cluster, which is made where it is not there."""
    client = cloud.client("ecs")
    client.create_cluster(clusterName=CLUSTER)
    client.create_service(
        **({"cluster": CLUSTER, "serviceName": name, "taskDefinition": "api", "desiredCount": count} | more)
    )


def balancer(cloud: Cloud, name: str = "web", targets: int = 2) -> tuple[str, str]:
    """An application load balancer with a target group of instances; ARNs of balancer and group."""
    ec2, elb = cloud.client("ec2"), cloud.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{'ab'[n]}") for n in (0, 1)
    ]
    subnets = [one["Subnet"]["SubnetId"] for one in zones]
    made = elb.create_load_balancer(Name=name, Subnets=subnets, Scheme="internal", Type="application")["LoadBalancers"][
        0
    ]
    group = elb.create_target_group(
        Name=f"{name}-group", Protocol="HTTP", Port=8080, VpcId=vpc, HealthCheckPath="/health", TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    action = {"Type": "forward", "TargetGroupArn": group}
    elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[action])
    if targets:
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": f"10.0.0.{n + 10}"} for n in range(targets)])
    return str(made["LoadBalancerArn"]), str(group)


def at(port: int) -> Mapping[str, Any]:
    """Settings that lead to a place on loopback."""
    return {
        "endpoint": f"http://127.0.0.1:{port}", "region": REGION, "key_id": "env:SECRET", "secret_key": "env:SECRET",
    }  # fmt: skip


def ecs_port(request: pytest.FixtureRequest) -> int:
    """A moto with a cluster and a service."""
    cloud: Cloud = request.getfixturevalue("moto")
    cloud.reset()
    register(cloud)
    service(cloud)
    return cloud.port


def alb_port(request: pytest.FixtureRequest) -> int:
    """A moto with a load balancer."""
    cloud: Cloud = request.getfixturevalue("moto")
    cloud.reset()
    balancer(cloud)
    return cloud.port
