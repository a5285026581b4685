"""Managed databases, caches and stored backups on moto, and small ones for fakes: for `rds`, `elasticache`, `s3`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from desk.board import Slot
from desk.rules import RuleBook
from probes.base import Probe, Snapshot, Target
from tests.probes.fakequery import FakeQuery, Says
from tests.stack.aws import REGION, Cloud

BUCKET: Final = "contract-backups"
_TAKEN: Final = datetime.now(UTC) - timedelta(hours=2)
MADE: Final = datetime(2025, 1, 1, tzinfo=UTC)


def at(port: int, **more: Any) -> Mapping[str, Any]:
    """Settings that lead to a place on loopback."""
    return {
        "endpoint": f"http://127.0.0.1:{port}", "region": REGION, "key_id": "env:SECRET", "secret_key": "env:SECRET",
    } | more  # fmt: skip


def database(cloud: Cloud, name: str = "orders", **more: Any) -> None:
    """A DB instance, which moto makes available at once."""
    row: dict[str, Any] = {
        "DBInstanceIdentifier": name,
        "Engine": "postgres",
        "DBInstanceClass": "db.t3.micro",
        "AllocatedStorage": 100,
        "MasterUsername": "app",
        "MasterUserPassword": "a-test-password",
        "StorageType": "gp2",
    }
    cloud.client("rds").create_db_instance(**(row | more))


def there(cloud: Cloud, name: str = "orders") -> Mapping[str, Any]:
    """What the engine says of an instance."""
    found: Mapping[str, Any] = cloud.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def snapshots(cloud: Cloud, name: str = "orders") -> list[str]:
    """Ids of an instance's manual snapshots."""
    client = cloud.client("rds")
    found = client.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="manual")["DBSnapshots"]
    return [one["DBSnapshotIdentifier"] for one in found]


def measure(cloud: Cloud, namespace: str, metric: str, dimensions: Mapping[str, str], *values: float) -> None:
    """One point every five minutes of a metric, the last one a minute ago."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    cloud.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "Timestamp": now - timedelta(minutes=5 * (len(values) - 1 - number)),
                "Value": value,
            }
            for number, value in enumerate(values)
        ],
    )


def cache(cloud: Cloud, name: str = "sessions", **more: Any) -> None:
    """A cluster of one node."""
    row: dict[str, Any] = {
        "CacheClusterId": name,
        "Engine": "redis",
        "CacheNodeType": "cache.t3.micro",
        "NumCacheNodes": 1,
    }
    cloud.client("elasticache").create_cache_cluster(**(row | more))


def group(cloud: Cloud, name: str = "carts", **more: Any) -> None:
    """A replication group of a primary and a replica."""
    row: dict[str, Any] = {
        "ReplicationGroupId": name,
        "ReplicationGroupDescription": "carts of the shop",
        "Engine": "redis",
        "CacheNodeType": "cache.t3.micro",
        "NumCacheClusters": 2,
        "AutomaticFailoverEnabled": True,
    }
    cloud.client("elasticache").create_replication_group(**(row | more))


def bucket(cloud: Cloud, name: str = BUCKET) -> Any:
    """A client, with an empty bucket."""
    client = cloud.client("s3")
    client.create_bucket(Bucket=name)
    for one in client.list_objects_v2(Bucket=name).get("Contents", ()):
        client.delete_object(Bucket=name, Key=one["Key"])
    return client


def databases_port(request: pytest.FixtureRequest) -> int:
    """A moto with a database, for the contract."""
    cloud: Cloud = request.getfixturevalue("moto")
    cloud.reset()
    database(cloud)
    return cloud.port


def caches_port(request: pytest.FixtureRequest) -> int:
    """A ministack with caches, for the contract."""
    cloud: Cloud = request.getfixturevalue("ministack")
    cloud.reset()
    cache(cloud)
    group(cloud)
    return cloud.port


def backups_port(request: pytest.FixtureRequest) -> int:
    """A moto with a backup, for the contract."""
    cloud: Cloud = request.getfixturevalue("moto")
    cloud.reset()
    bucket(cloud).put_object(Bucket=BUCKET, Key="db/one.sql.gz", Body=b"x" * 100)
    return cloud.port


def raised(kind: type[Probe[Any]], target: Target, *readings: Snapshot[Any]) -> dict[str, str]:
    """Rule -> sentence of what these readings raise, each read again every five seconds for ten minutes."""
    book = RuleBook(target.name, kind.rules, kind.gauges)
    alerts: Any = ()
    for number, reading in enumerate(readings):
        for now in range(600 * number, 600 * (number + 1), 5):
            alerts = book.judge(Slot(target, 0.0, reading, float(now)), float(now), reading.taken_at)
    return {alert.rule: alert.words for alert in alerts}


# for fakes


def instance(name: str = "orders", **more: Any) -> dict[str, Any]:
    """One of DescribeDBInstances."""
    return {
        "DBInstanceIdentifier": name,
        "DbiResourceId": f"db-{name.upper()}",
        "DBInstanceStatus": "available",
        "Engine": "postgres",
        "EngineVersion": "15.8",
        "DBInstanceClass": "db.r6g.large",
        "Endpoint": {"Address": f"{name}.abc.eu-west-1.rds.amazonaws.com", "Port": 5432},
        "AllocatedStorage": 100,
        "StorageType": "gp3",
        "Iops": 3000,
        "MultiAZ": True,
        "InstanceCreateTime": MADE,
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
        "DBParameterGroups": [{"DBParameterGroupName": "shop-pg15", "ParameterApplyStatus": "in-sync"}],
        "DBSubnetGroup": {"DBSubnetGroupName": "shop"},
        "OptionGroupMemberships": [{"OptionGroupName": "default:postgres-15", "Status": "in-sync"}],
        "PubliclyAccessible": False,
        "BackupRetentionPeriod": 7,
    } | more


def snapshot(id: str, of: str = "orders", **more: Any) -> dict[str, Any]:
    """One of DescribeDBSnapshots."""
    return {
        "DBSnapshotIdentifier": id,
        "DBInstanceIdentifier": of,
        "DbiResourceId": f"db-{of.upper()}",
        "SnapshotType": "manual",
        "Status": "available",
        "PercentProgress": 100,
        "SnapshotCreateTime": _TAKEN,
        "AllocatedStorage": 100,
        "Encrypted": True,
        "Engine": "postgres",
    } | more


def knows(fake: FakeQuery, operation: str, key: str, **by_name: Any) -> None:
    """Answer a describe call that may ask for one by name; a value may be made at each request."""
    field = {
        "DescribeDBInstances": ("DBInstances", "DBInstanceNotFound"),
        "DescribeDBSnapshots": ("DBSnapshots", "DBSnapshotNotFound"),
        "DescribeCacheClusters": ("CacheClusters", "CacheClusterNotFound"),
        "DescribeReplicationGroups": ("ReplicationGroups", "ReplicationGroupNotFoundFault"),
    }[operation]

    def answer(parameters: Mapping[str, str]) -> Mapping[str, Any]:
        wanted = parameters.get(key)
        if wanted is not None and wanted.replace("-", "_") not in by_name:
            raise Says(field[1], status=404)
        found = [one for name, one in by_name.items() if wanted in (None, name.replace("_", "-"))]
        return {field[0]: [one() if callable(one) else one for one in found]}

    fake.answers[operation] = answer
