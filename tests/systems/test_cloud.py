"""The worlds' cloud, asked by AWS's own client library: what it answers is understood, and what it can't do is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from systems.cloud.account import REGION, Identity, now
from systems.cloud.balancing import Targets
from systems.cloud.ecs import Cluster, Definition, Service, Task
from systems.cloud.managed import Databases, Instance, Secrets
from systems.cloud.queues import Queue, Queues
from systems.cloud.watch import Alarm, Watch, key
from systems.cloud.wire import Gate
from systems.web import serve


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


async def test_databases_targets_and_logins_are_read_through_the_query_protocol(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text("".join(f"line {number} <&> \x1b\n" for number in range(3000)))
    databases = Databases(Instance("main", 5432, 100), log=log)
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
            rds.describe_db_log_files(DBInstanceIdentifier="main")["DescribeDBLogFiles"][0]["Size"],
            rds.download_db_log_file_portion(DBInstanceIdentifier="main", LogFileName="error/x", NumberOfLines=2),
        )

    *told, size, newest = await asking({"rds": databases, "elbv2": targets, "sts": Identity()}, ask)
    unwell = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "codes: [503]"}
    assert told == [100, True, unwell, "123456789012"]
    assert size == log.stat().st_size
    assert newest["LogFileData"].splitlines() == ["line 2998 <&> ?", "line 2999 <&> ?"]


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


async def test_a_message_that_is_given_back_too_often_becomes_a_dead_letter_and_a_move_takes_it_home() -> None:
    mail, dead = Queue("mail", dead="mail-dead", most=2), Queue("mail-dead")

    def ask(client: Callable[[str], Any]) -> Any:
        sqs = client("sqs")
        url, dead_url = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("mail", "mail-dead"))
        sqs.send_message(QueueUrl=url, MessageBody="hello")
        counts = []
        for _ in range(2):
            (one,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
            counts.append(one["Attributes"]["ApproximateReceiveCount"])
            sqs.change_message_visibility_batch(
                QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": 0}]
            )
        assert not sqs.receive_message(QueueUrl=url).get("Messages")
        assert sqs.list_dead_letter_source_queues(QueueUrl=dead_url)["queueUrls"] == [url]
        handle = sqs.start_message_move_task(SourceArn=dead.arn)["TaskHandle"]
        end = time.monotonic() + 30
        while (task := sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"][0])["Status"] == "RUNNING":
            assert task["TaskHandle"] == handle
            assert time.monotonic() < end
        (back,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=back["ReceiptHandle"])
        left = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["All"])["Attributes"]
        return counts, task, back["Body"], back["Attributes"]["ApproximateReceiveCount"], left

    counts, task, body, again, left = await asking({"sqs": Queues([mail, dead], 4100)}, ask)
    assert (counts, body, again) == (["1", "2"], "hello", "1")
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert (left["ApproximateNumberOfMessages"], len(mail.messages)) == ("0", 0)


async def test_what_somebody_holds_is_in_flight_and_a_purge_takes_it_too_but_not_twice() -> None:
    mail, watch = Queue("mail"), Watch()
    queues = Queues([mail], 4100, watch)
    for number in range(12):
        mail.put(str(number))
    mail.put("later", 60)

    def ask(client: Callable[[str], Any]) -> Any:
        sqs = client("sqs")
        (url,) = sqs.list_queues(QueueNamePrefix="ma")["QueueUrls"]
        bodies = [one["Body"] for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
        before = mail.counts()
        queues.measure()
        sqs.purge_queue(QueueUrl=url)
        with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
            sqs.purge_queue(QueueUrl=url)
        with pytest.raises(sqs.exceptions.QueueDoesNotExist):
            sqs.get_queue_url(QueueName="other")
        return bodies, before

    bodies, before = await asking({"sqs": queues}, ask)
    assert bodies == [str(number) for number in range(10)]
    assert (before, mail.counts()) == ((2, 10, 1), (0, 0, 0))
