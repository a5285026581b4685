"""The worlds' cloud, asked by AWS's own client library: what it answers is understood, and what it can't do is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from systems.cloud.account import REGION, Identity, now
from systems.cloud.balancing import Targets
from systems.cloud.ecs import Cluster, Definition, Service, Task
from systems.cloud.managed import Databases, Instance, Secrets
from systems.cloud.server import serve
from systems.cloud.watch import Alarm, Watch, key
from systems.cloud.wire import Gate


class Body:
    """What a task runs here: nothing, and that well."""

    well = True

    def end(self) -> None:
        """It is stopped."""


def made() -> Cluster:
    cluster = Cluster("shop", begun)
    for number in (1, 2):
        cluster.define(Definition("api", number, f"shop/api:{number}", "api", "/ecs/api"))
    cluster.services["api"] = service = Service("api", 2)
    cluster.deploy(service, "api:1")
    return cluster


def begun(task: Task) -> Body:
    return Body()


async def asking(services: dict[str, object], ask: Callable[[Callable[[str], Any]], Any]) -> Any:
    """What `ask` finds with clients of these services, in a thread beside the server."""
    import boto3
    from botocore.config import Config

    server = await serve(0, Gate(services).answer)
    port = server.sockets[0].getsockname()[1]

    def client(name: str) -> Any:
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=20, read_timeout=20)
        at = f"http://127.0.0.1:{port}"
        return boto3.client(
            name, endpoint_url=at, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b", config=config
        )

    async with server:
        return await asyncio.to_thread(ask, client)


async def until_steady(cluster: Cluster) -> None:
    async with asyncio.timeout(30):
        while cluster.services["api"].deployments[0].rollout != "COMPLETED":
            cluster.step()
            await asyncio.sleep(0.05)


async def test_a_rollout_begins_new_tasks_before_it_ends_the_old_ones() -> None:
    cluster = made()
    await until_steady(cluster)
    first = {one.id for one in cluster.running("api")}

    def ask(client: Callable[[str], Any]) -> Any:
        ecs = client("ecs")
        ecs.update_service(cluster="shop", service="api", taskDefinition="api:2")
        return ecs.describe_services(cluster="shop", services=["api"])["services"][0]

    told = await asking({"ecs": cluster}, ask)
    assert [one["rolloutState"] for one in told["deployments"]] == ["IN_PROGRESS", "COMPLETED"]
    assert told["runningCount"] == 2
    await until_steady(cluster)
    second = cluster.running("api")
    assert {one.revision for one in second if one.wanted == "RUNNING"} == {"api:2"}
    assert not first & {one.id for one in second if one.wanted == "RUNNING"}


async def test_databases_targets_and_logins_are_read_through_the_query_protocol() -> None:
    databases = Databases(Instance("main", 5432, 100))
    databases.keep("last-night", timedelta(hours=8))
    targets = Targets("web", "web", "/health", 8000, {"10.0.0.1": ("unhealthy", "codes: [503]")})

    def ask(client: Callable[[str], Any]) -> Any:
        rds, elb = client("rds"), client("elbv2")
        named = [{"Name": "db-instance-id", "Values": ["main", "other"]}]
        with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
            rds.describe_db_instances(DBInstanceIdentifier="other")
        return (
            rds.describe_db_instances(Filters=named)["DBInstances"][0]["AllocatedStorage"],
            rds.describe_db_snapshots()["DBSnapshots"][0]["SnapshotCreateTime"] < now(),
            elb.describe_target_health(TargetGroupArn=targets.arn)["TargetHealthDescriptions"][0]["TargetHealth"],
            client("sts").get_caller_identity()["Account"],
        )

    told = await asking({"rds": databases, "elbv2": targets, "sts": Identity()}, ask)
    unwell = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "codes: [503]"}
    assert told == (100, True, unwell, "123456789012")


async def test_an_alarm_follows_its_number_and_keeps_its_history() -> None:
    watch = Watch()
    metric = key("AWS/ECS", "CPUUtilization", ServiceName="api")
    watch.alarms["cpu"] = alarm = Alarm("cpu", metric, 90.0, "busy")
    for value in (95.0, 96.0, 97.0):
        alarm.look(value, 3)
        watch.put(metric, value)

    def ask(client: Callable[[str], Any]) -> Any:
        cloudwatch = client("cloudwatch")
        (item,) = cloudwatch.describe_alarm_history(AlarmName="cpu")["AlarmHistoryItems"]
        return cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"], item["HistorySummary"]

    assert await asking({"cloudwatch": watch}, ask) == ("ALARM", "Alarm updated from OK to ALARM")


async def test_a_new_version_of_a_secret_keeps_the_one_before() -> None:
    secrets = Secrets({"login": {"user": "ann", "password": "first"}})

    def ask(client: Callable[[str], Any]) -> Any:
        manager = client("secretsmanager")
        manager.put_secret_value(SecretId="login", SecretString='{"user": "ann", "password": "second"}')
        return manager.get_secret_value(SecretId="login", VersionStage="AWSPREVIOUS")["SecretString"]

    assert "first" in await asking({"secretsmanager": secrets}, ask)
    assert secrets.value("login")["password"] == "second"


async def test_what_is_not_simulated_is_refused_by_name() -> None:
    from botocore.exceptions import ClientError

    def ask(client: Callable[[str], Any]) -> str:
        with pytest.raises(ClientError) as error:
            client("ecs").list_attributes(targetType="container-instance")
        return str(error.value)

    assert "ListAttributes is not simulated" in await asking({"ecs": made()}, ask)
