"""Simulated RDS, ElastiCache and Secrets Manager: one database, one cache, some secrets, and what is done to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from systems.cloud.account import REGION, arn, new_id, now
from systems.cloud.wire import Refusal

GROWS: Final = 3.0
"""Seconds until more storage is there."""
TAKES: Final = 3.0
"""Seconds a snapshot, a restore or a reboot takes."""
_PORTION: Final = 1 << 20
"""Bytes of a log file that one call gives."""


@dataclass
class Instance:
    """One DB instance."""

    name: str
    port: int
    storage: int
    """GiB."""
    status: str = "available"
    resource: str = field(default_factory=lambda: f"db-{new_id()[:26].upper()}")
    made: datetime = field(default_factory=lambda: now() - timedelta(days=30))


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of an instance."""

    id: str
    of: Instance
    begun: datetime
    sort: str = "automated"


class Databases:
    """rds."""

    def __init__(
        self, instance: Instance, reboot: Callable[[], Awaitable[None]] | None = None, log: Path | None = None
    ) -> None:
        """`reboot`: what a reboot of the instance is in this world; None: told, and the engine goes on. `log`: what
        its engine writes; None: no log file is kept."""
        self.instance = instance
        self._reboot = reboot
        self._log = log
        self.instances = {instance.name: instance}
        self.snapshots: dict[str, Snapshot] = {}
        self._events: list[tuple[datetime, str, str]] = []
        self._later: set[asyncio.Task[None]] = set()

    def keep(self, id: str, ago: timedelta, sort: str = "automated") -> None:
        """A snapshot that was taken some time ago."""
        self.snapshots[id] = Snapshot(id, self.instance, now() - ago, sort)

    def say(self, name: str, words: str) -> None:
        """A line of what RDS tells."""
        self._events.append((now(), name, words))
        del self._events[:-200]

    def describe_db_instances(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The instances."""
        name = asked.get("DBInstanceIdentifier")
        if name is not None:
            return {"DBInstances": [self._told(self._one(name))]}
        wanted = {
            value for one in asked.get("Filters", ()) if one["Name"] == "db-instance-id" for value in one["Values"]
        }
        found = self.instances.values() if not asked.get("Filters") else [
            one for one in self.instances.values() if one.name in wanted
        ]  # fmt: skip
        return {"DBInstances": [self._told(one) for one in found]}

    def describe_db_clusters(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """There is none."""
        return {"DBClusters": []}

    def describe_pending_maintenance_actions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing is due."""
        return {"PendingMaintenanceActions": []}

    def describe_db_snapshots(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The snapshots."""
        id, name = asked.get("DBSnapshotIdentifier"), asked.get("DBInstanceIdentifier")
        if id is not None and id not in self.snapshots:
            raise Refusal("DBSnapshotNotFound", f"DBSnapshot {id} not found.", 404)
        found = [one for one in self.snapshots.values() if id in (None, one.id) and name in (None, one.of.name)]
        return {"DBSnapshots": [_snapshot(one) for one in found]}

    def describe_events(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What was told."""
        name, since = asked.get("SourceIdentifier"), asked.get("StartTime")
        found = [
            {"SourceIdentifier": source, "SourceType": "db-instance", "Date": at, "Message": words}
            for at, source, words in self._events
            if name in (None, source) and (since is None or at >= since)
        ]
        return {"Events": found}

    def describe_db_log_files(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The file its engine writes, under the name RDS would give it."""
        written = self._written(asked)
        if written is None:
            return {"DescribeDBLogFiles": []}
        at, size = written
        name = f"error/postgresql.log.{datetime.fromtimestamp(at, UTC):%Y-%m-%d-%H}"
        return {"DescribeDBLogFiles": [{"LogFileName": name, "LastWritten": int(at * 1000), "Size": size}]}

    def download_db_log_file_portion(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The newest lines of it."""
        if self._log is None or self._written(asked) is None:
            raise Refusal("DBLogFileNotFoundFault", f"DBLog File: {asked['LogFileName']}, is not found", 404)
        with self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _PORTION))
            text = file.read(_PORTION).decode("utf-8", "replace")
        lines = ["".join(one if one.isprintable() or one == "\t" else "?" for one in row) for row in text.split("\n")]
        newest = lines[-int(asked.get("NumberOfLines", 1000)) - 1 :]
        return {"LogFileData": "\n".join(newest), "AdditionalDataPending": False}

    def _written(self, asked: Mapping[str, Any]) -> tuple[float, int] | None:
        """(seconds since 1970, bytes) of the log file of an instance; None: it has none."""
        self._one(asked["DBInstanceIdentifier"])
        if self._log is None or not self._log.is_file():
            return None
        told = self._log.stat()
        return told.st_mtime, told.st_size

    def list_tags_for_resource(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """There are none."""
        return {"TagList": []}

    def modify_db_instance(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """More storage: it is there a moment later."""
        one = self._one(asked["DBInstanceIdentifier"])
        wanted = int(asked.get("AllocatedStorage", one.storage))
        if wanted < one.storage * 1.1 and wanted != one.storage:
            raise Refusal("InvalidParameterCombination", "Invalid storage size: at least 10 % more is needed.")
        one.status = "modifying"
        self._after(GROWS, lambda: self._grown(one, wanted))
        return {"DBInstance": self._told(one) | {"PendingModifiedValues": {"AllocatedStorage": wanted}}}

    def create_db_snapshot(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A snapshot by hand."""
        one = self._one(asked["DBInstanceIdentifier"])
        made = Snapshot(asked["DBSnapshotIdentifier"], one, now(), "manual")
        self.snapshots[made.id] = made
        self.say(one.name, "Finished DB Instance backup")
        return {"DBSnapshot": _snapshot(made)}

    def restore_db_instance_from_db_snapshot(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A new instance out of a snapshot."""
        source = self.snapshots.get(asked["DBSnapshotIdentifier"])
        if source is None:
            raise Refusal("DBSnapshotNotFound", "there is no such snapshot", 404)
        name = asked["DBInstanceIdentifier"]
        if name in self.instances:
            raise Refusal("DBInstanceAlreadyExists", f"DB Instance {name} already exists")
        one = Instance(name, source.of.port, source.of.storage, "creating", made=now())
        self.instances[name] = one
        self._after(TAKES, lambda: self._available(one, "Restored from snapshot " + source.id))
        return {"DBInstance": self._told(one)}

    def reboot_db_instance(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The engine is started anew where the world says how."""
        one = self._one(asked["DBInstanceIdentifier"])
        one.status = "rebooting"
        self._after(TAKES, lambda: self._available(one, "DB instance restarted"), self._reboot)
        return {"DBInstance": self._told(one)}

    def _grown(self, one: Instance, storage: int) -> None:
        one.storage = storage
        self._available(one, f"Finished applying modification to allocated storage: {storage} GiB")

    def _available(self, one: Instance, words: str) -> None:
        one.status = "available"
        self.say(one.name, words)

    def _after(
        self, seconds: float, what: Callable[[], None], first: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        async def later() -> None:
            if first is not None:
                await first()
            await asyncio.sleep(seconds)
            what()

        task = asyncio.ensure_future(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _one(self, name: str) -> Instance:
        found = self.instances.get(name)
        if found is None:
            raise Refusal("DBInstanceNotFound", f"DBInstance {name} not found.", 404)
        return found

    @staticmethod
    def _told(one: Instance) -> dict[str, Any]:
        return {
            "DBInstanceIdentifier": one.name, "DBInstanceArn": arn("rds", f"db:{one.name}"),
            "DbiResourceId": one.resource, "DBInstanceStatus": one.status, "Engine": "postgres",
            "EngineVersion": "16.4", "DBInstanceClass": "db.t4g.medium", "StorageType": "gp3",
            "Endpoint": {"Address": "127.0.0.1", "Port": one.port}, "AllocatedStorage": one.storage,
            "MultiAZ": False, "AvailabilityZone": f"{REGION}a", "StorageEncrypted": True,
            "PubliclyAccessible": False, "DeletionProtection": True, "BackupRetentionPeriod": 7,
            "PreferredMaintenanceWindow": "sun:03:00-sun:03:30", "PreferredBackupWindow": "02:00-02:30",
            "InstanceCreateTime": one.made, "LatestRestorableTime": now() - timedelta(minutes=4),
            "DBParameterGroups": [{"DBParameterGroupName": "default.postgres16", "ParameterApplyStatus": "in-sync"}],
        }  # fmt: skip


def _snapshot(one: Snapshot) -> dict[str, Any]:
    return {
        "DBSnapshotIdentifier": one.id, "DBInstanceIdentifier": one.of.name, "DbiResourceId": one.of.resource,
        "SnapshotType": one.sort, "Status": "available", "PercentProgress": 100, "SnapshotCreateTime": one.begun,
        "AllocatedStorage": one.of.storage, "Encrypted": True, "Engine": "postgres",
        "DBSnapshotArn": arn("rds", f"snapshot:{one.id}"),
    }  # fmt: skip


class Caches:
    """elasticache: one node of one cluster; what a reboot is, the world says."""

    def __init__(self, name: str, port: int, reboot: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self.status = "available"
        self._port = port
        self._reboot = reboot
        self._made = now() - timedelta(days=30)
        self._events: list[tuple[datetime, str]] = []
        self._later: asyncio.Task[None] | None = None

    def describe_cache_clusters(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The one cluster."""
        self._named(asked.get("CacheClusterId", self.name))
        return {"CacheClusters": [self._told()]}

    def describe_replication_groups(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """There is none."""
        if "ReplicationGroupId" in asked:
            raise Refusal("ReplicationGroupNotFoundFault", "there is no such group", 404)
        return {"ReplicationGroups": []}

    def describe_cache_parameters(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What the parameter group says of running out of memory."""
        one = {"ParameterName": "maxmemory-policy", "ParameterValue": "volatile-lru", "DataType": "string"}
        return {"Parameters": [one]}

    def describe_events(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What was told."""
        since = asked.get("StartTime")
        found = [
            {"SourceIdentifier": self.name, "SourceType": "cache-cluster", "Date": at, "Message": words}
            for at, words in self._events
            if since is None or at >= since
        ]
        return {"Events": found}

    def reboot_cache_cluster(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The node is started anew, and what it held is gone."""
        self._named(asked["CacheClusterId"])
        self.status = "rebooting cluster nodes"
        self._later = asyncio.ensure_future(self._restart())
        return {"CacheCluster": self._told()}

    async def _restart(self) -> None:
        try:
            await self._reboot()
        finally:
            self.status = "available"
            self._events.append((now(), "Cache node 0001 restarted"))

    def _named(self, name: str) -> None:
        if name != self.name:
            raise Refusal("CacheClusterNotFound", f"CacheCluster not found: {name}", 404)

    def _told(self) -> dict[str, Any]:
        node = {
            "CacheNodeId": "0001", "CacheNodeStatus": "available", "CacheNodeCreateTime": self._made,
            "Endpoint": {"Address": "127.0.0.1", "Port": self._port}, "ParameterGroupStatus": "in-sync",
            "CustomerAvailabilityZone": f"{REGION}a",
        }  # fmt: skip
        return {
            "CacheClusterId": self.name, "CacheClusterStatus": self.status, "Engine": "redis",
            "EngineVersion": "7.1.0", "CacheNodeType": "cache.t4g.micro", "NumCacheNodes": 1,
            "PreferredAvailabilityZone": f"{REGION}a", "CacheClusterCreateTime": self._made,
            "PreferredMaintenanceWindow": "sun:04:00-sun:05:00", "ARN": arn("elasticache", f"cluster:{self.name}"),
            "CacheParameterGroup": {"CacheParameterGroupName": "cache-params", "ParameterApplyStatus": "in-sync"},
            "TransitEncryptionEnabled": False, "AtRestEncryptionEnabled": True, "AuthTokenEnabled": False,
            "CacheNodes": [node],
        }  # fmt: skip


@dataclass(frozen=True)
class _Version:
    id: str
    text: str = field(repr=False)
    made: datetime = field(default_factory=now)


class Secrets:
    """secretsmanager: secrets with a current and a previous version."""

    def __init__(self, values: Mapping[str, Mapping[str, str]]) -> None:
        self._versions = {name: [_Version(new_id(), json.dumps(value))] for name, value in values.items()}
        """The newest last; the last is current unless somebody went back."""
        self._current = {name: versions[-1].id for name, versions in self._versions.items()}
        self._previous: dict[str, str] = {}

    def value(self, name: str) -> dict[str, str]:
        """What is current, for the application."""
        found: dict[str, str] = json.loads(self._at(name, self._current[name]).text)
        return found

    def list_secrets(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """All of them, by the beginning of their names."""
        heads = [value for one in asked.get("Filters", ()) if one["Key"] == "name" for value in one["Values"]]
        found = [name for name in self._versions if not heads or any(name.startswith(head) for head in heads)]
        rows = [self._told(name) for name in found]
        return {
            "SecretList": [
                {k if k != "VersionIdsToStages" else "SecretVersionsToStages": v for k, v in row.items()}
                for row in rows
            ]
        }

    def describe_secret(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One, without its value."""
        return self._told(self._name(asked))

    def list_secret_version_ids(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """When its versions were made."""
        name = self._name(asked)
        rows = [
            {"VersionId": one.id, "CreatedDate": one.made, "VersionStages": self._stages(name).get(one.id, [])}
            for one in self._versions[name]
        ]
        return {"ARN": _secret_arn(name), "Name": name, "Versions": rows}

    def get_secret_value(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A version with its value."""
        name = self._name(asked)
        id = self._previous.get(name) if asked.get("VersionStage") == "AWSPREVIOUS" else self._current[name]
        if id is None:
            raise Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret version.")
        one = self._at(name, id)
        return {
            "ARN": _secret_arn(name), "Name": name, "VersionId": id, "SecretString": one.text,
            "VersionStages": self._stages(name)[id], "CreatedDate": one.made,
        }  # fmt: skip

    def put_secret_value(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A new version, which is current from now on."""
        name = self._name(asked)
        one = _Version(asked.get("ClientRequestToken") or new_id(), asked["SecretString"])
        self._versions[name] = [*self._versions[name][-9:], one]
        self._previous[name], self._current[name] = self._current[name], one.id
        return {"ARN": _secret_arn(name), "Name": name, "VersionId": one.id, "VersionStages": ["AWSCURRENT"]}

    def update_secret_version_stage(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Back to the one before."""
        name = self._name(asked)
        self._at(name, asked["MoveToVersionId"])
        self._previous[name], self._current[name] = self._current[name], asked["MoveToVersionId"]
        return {"ARN": _secret_arn(name), "Name": name}

    def _name(self, asked: Mapping[str, Any]) -> str:
        id = asked["SecretId"]
        found = next((name for name in self._versions if id in (name, _secret_arn(name))), None)
        if found is None:
            raise Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return found

    def _at(self, name: str, id: str) -> _Version:
        found = next((one for one in self._versions[name] if one.id == id), None)
        if found is None:
            raise Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret version.")
        return found

    def _stages(self, name: str) -> dict[str, list[str]]:
        stages = {self._current[name]: ["AWSCURRENT"]}
        if name in self._previous:
            stages[self._previous[name]] = ["AWSPREVIOUS"]
        return stages

    def _told(self, name: str) -> dict[str, Any]:
        newest = self._at(name, self._current[name])
        return {
            "ARN": _secret_arn(name), "Name": name, "CreatedDate": self._versions[name][0].made,
            "LastChangedDate": newest.made, "VersionIdsToStages": self._stages(name),
        }  # fmt: skip


def _secret_arn(name: str) -> str:
    return arn("secretsmanager", f"secret:{name}-a1B2c3")
