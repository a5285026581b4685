"""What each act would do, in words and in the parameters of its one call. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from probes.aws.rds import parse
from probes.aws.rds.commands import SNAPSHOT, SOURCE, restored_name, snapshot_id
from probes.aws.rds.facts import Instance
from probes.aws.rds.sight import Sight, Source
from probes.aws.values import named, table, tables
from probes.base import Action, Danger, Identity, Number, SafeText, Subject, Word, lasted

SNAPSHOT_ACT: Final = Action(
    "snapshot",
    "snapshot",
    Danger.REVERSIBLE,
    "Takes a snapshot that is kept until somebody deletes it; the database goes on.",
    many=False,
)
RESTORE: Final = Action(
    "restore",
    "restore to a new instance",
    Danger.REVERSIBLE,
    "Makes a new instance from a snapshot, with the settings of its source; the source is left alone.",
    word=Word("snapshot", SNAPSHOT, listed=True),
    many=False,
)
GROW: Final = Action(
    "grow",
    "grow storage",
    Danger.DISRUPTIVE,
    "Gives it more storage, now; it can never have less again, and for hours no other change.",
    number=Number("GiB in all", 20, 65536),
    many=False,
    grave=True,
)
REBOOT: Final = Action(
    "reboot",
    "reboot",
    Danger.DISRUPTIVE,
    "Restarts its server in place, without a failover: every connection is dropped.",
    many=False,
    grave=True,
)
ACTIONS: Final = (SNAPSHOT_ACT, RESTORE, GROW, REBOOT)

SETTLES: Final = {"snapshot": 7200.0, "restore": 7200.0, "grow": 3600.0, "reboot": 1200.0}
"""Seconds AWS may need: snapshots and restores of much data take hours."""

_BASELINE: Final = 3000
"""IOPS of gp3 that may not be written in a call: RDS refuses them below the size from which they can be chosen
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage)."""


def hindrance(action: Action, one: Instance) -> str:
    """Why it can't be done to an instance now; empty when it can."""
    if one.cluster and action is not REBOOT:
        return f"it is a member of cluster {one.cluster}, which has the storage and the snapshots"
    if action is RESTORE:
        nothing = one.snapshots is not None and not one.snapshots.count
        return "it has no snapshot that is available" if nothing else ""
    if action is GROW:
        if one.status == "storage-optimization":
            return "its storage is still being optimised: AWS allows no other change for hours"
        if not one.allocated:
            return "its storage is not its own"
        return "" if one.status in ("available", "storage-full") else f"it is {one.status}"
    if action is SNAPSHOT_ACT and one.status == "backing-up":
        return "a backup of it runs already"
    if action is REBOOT and one.status in ("incompatible-parameters", "storage-full"):
        return ""
    return "" if one.serves and one.status != "modifying" else f"it is {one.status}"


def more_than_ten(gib: int) -> int:
    """The least size that is ten percent more.

    >>> more_than_ten(300), more_than_ten(100), more_than_ten(25)
    (330, 110, 28)
    """
    return -(-gib * 11 // 10)


def too_little(sight: Sight, number: int) -> str:
    """Why storage can't be set to this; empty when it can."""
    if number <= sight.gib:
        return f"it has {sight.gib:,} GiB, and storage can never be made smaller"
    least = more_than_ten(sight.gib)
    if number < least and not str(sight.one.engine).startswith("sqlserver"):
        return f"AWS would round {number:,} up to {least:,} GiB, ten percent more than it has: ask for that or more"
    return ""


# parameters


def snapshot_parameters(sight: Sight, at: datetime, act: str) -> dict[str, Any]:
    """Of CreateDBSnapshot. The id ends with the act's own mark."""
    return {
        "DBInstanceIdentifier": sight.one.name,
        "DBSnapshotIdentifier": f"{snapshot_id(sight.one.name, at)}-{mark(act)}",
        "Tags": [{"Key": "opsroom-act", "Value": act}],
    }


def mark(act: str) -> str:
    """The short form of an act's id: its random end.

    >>> mark("019a0000-0000-7000-8000-00000000ab01")
    '00000000ab01'
    """
    return act.replace("-", "")[-12:]


def grow_parameters(sight: Sight, number: int) -> dict[str, Any]:
    """Of ModifyDBInstance."""
    found = {"DBInstanceIdentifier": sight.one.name, "AllocatedStorage": number, "ApplyImmediately": True}
    return found | _performance(sight.one)


def _performance(one: Instance) -> dict[str, Any]:
    """IOPS, where the call must have them and may."""
    if not one.iops or (one.storage == "gp3" and one.iops <= _BASELINE) or one.storage not in ("gp3", "io1", "io2"):
        return {}
    return {"Iops": one.iops}


_SAME: Final = {
    "DBInstanceClass": "DBInstanceClass",
    "MultiAZ": "MultiAZ",
    "PubliclyAccessible": "PubliclyAccessible",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "DeletionProtection": "DeletionProtection",
    "CopyTagsToSnapshot": "CopyTagsToSnapshot",
    "IAMDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "StorageType": "StorageType",
}
"""What an instance says of itself -> the parameter that makes another one so."""


def restore_parameters(sight: Sight, source: Source, at: datetime) -> dict[str, Any]:
    """Of RestoreDBInstanceFromDBSnapshot: each setting that would fall back to a default is given."""
    raw, one = sight.raw, sight.one
    found: dict[str, Any] = {
        "DBInstanceIdentifier": restored_name(one.name, at),
        "DBSnapshotIdentifier": str(source.one.id),
    }
    found |= {name: raw[key] for key, name in _SAME.items() if raw.get(key) not in (None, "")}
    found["PubliclyAccessible"] = raw.get("PubliclyAccessible") is True
    if one.port:
        found["Port"] = one.port
    if one.subnets:
        found["DBSubnetGroupName"] = str(one.subnets)
    if one.groups:
        found["VpcSecurityGroupIds"] = list(one.groups)
    for group in tables(raw.get("DBParameterGroups"))[:1]:
        found["DBParameterGroupName"] = group.get("DBParameterGroupName")
    for option in tables(raw.get("OptionGroupMemberships"))[:1]:
        if not str(option.get("OptionGroupName", "default:")).startswith("default:"):
            found["OptionGroupName"] = option.get("OptionGroupName")
    if str(one.engine).startswith(("oracle", "sqlserver", "db2")) and raw.get("LicenseModel"):
        found["LicenseModel"] = raw["LicenseModel"]
    if raw.get("EnabledCloudwatchLogsExports"):
        found["EnableCloudwatchLogsExports"] = list(raw["EnabledCloudwatchLogsExports"])
    if one.allocated == source.one.allocated or one.storage in ("io1", "io2"):
        speed = _performance(one)
        found |= speed | ({"StorageThroughput": one.throughput} if speed and one.throughput else {})
    tags = [tag for tag in tables(raw.get("TagList")) if not str(tag.get("Key", "")).startswith("aws:")]
    kept = [{"Key": tag.get("Key"), "Value": tag.get("Value", "")} for tag in tags if tag.get("Key") != SOURCE]
    return found | {"Tags": [*kept[:40], {"Key": SOURCE, "Value": one.name}]}


def settings_of(raw: Mapping[str, Any]) -> Identity:
    """The settings of an instance that a restore must carry over, to compare."""
    groups = sorted(named(one.get("VpcSecurityGroupId")) for one in tables(raw.get("VpcSecurityGroups")))
    parameters = [named(one.get("DBParameterGroupName")) for one in tables(raw.get("DBParameterGroups"))]
    return (
        ("class", named(raw.get("DBInstanceClass"))),
        ("security groups", " ".join(groups)),
        ("parameter group", " ".join(parameters)),
        ("subnet group", named(table(raw.get("DBSubnetGroup")).get("DBSubnetGroupName"))),
        ("Multi-AZ", str(raw.get("MultiAZ") is True)),
        ("public", str(raw.get("PubliclyAccessible") is True)),
        ("storage type", named(raw.get("StorageType"))),
    )


# subjects


def snapshot_subject(sight: Sight) -> Subject:
    """The instance a snapshot is taken of."""
    felt = (
        [] if sight.one.multi_zone else [SafeText("it has one zone: its disk may stop for a moment at the beginning")]
    )
    return _subject(SNAPSHOT_ACT, sight, sight.identity, "the same, with one snapshot more", felt)


def grow_subject(sight: Sight, number: int) -> Subject:
    """The instance that grows. What else waits would be done at once too, so it is left out unless taken in."""
    identity = (*sight.identity, ("gib", str(sight.gib)), ("waiting", ", ".join(map(str, sight.one.pending))))
    subject = _subject(GROW, sight, identity, f"{number:,} GiB, never less again", [])
    refused = too_little(sight, number)
    if refused and not subject.barred:
        return _barred(subject, refused)
    if sight.one.pending and not subject.spared:
        waiting = ", ".join(map(str, sight.one.pending))
        return _spared(subject, f"what waits for its maintenance window would be done at once too: {waiting}")
    return subject


def reboot_subject(sight: Sight) -> Subject:
    """The instance that restarts."""
    open_now = sight.one.connections
    felt = [SafeText("every connection is dropped" + (f": {open_now:.0f} are open" if open_now else ""))]
    felt += [SafeText(f"it takes the writes of cluster {sight.one.cluster}")] if sight.one.writer else []
    return _subject(REBOOT, sight, sight.identity, "available, restarted", felt)


def restore_subject(sight: Sight, source: Source, at: datetime) -> Subject:
    """The instance that is made; the source is what must still be so."""
    new = restored_name(sight.one.name, at)
    identity = (*source.identity, ("new", new), ("source", sight.one.name), *settings_of(sight.raw))
    public = ", reachable from the internet like its source" if sight.one.public else ""
    subject = Subject(
        key=new,
        name=SafeText(new),
        identity=identity,
        before=SafeText("does not exist"),
        after=SafeText(f"available, {sight.one.size}, {_storage(sight, source)}{public}"),
    )
    if sight.one.cluster:
        return _barred(subject, hindrance(RESTORE, sight.one))
    return subject if source.one.usable else _barred(subject, f"that snapshot is {source.one.status}")


def _storage(sight: Sight, source: Source) -> str:
    return f"{int((source.one.allocated or 0) // parse.GIB):,} GiB {sight.one.storage}"


def _subject(action: Action, sight: Sight, identity: Identity, after: str, felt: Sequence[SafeText]) -> Subject:
    one = sight.one
    refused = hindrance(action, one)
    storage = f", {sight.gib:,} GiB {one.storage}" if sight.gib else ""
    subject = Subject(
        key=one.name,
        name=SafeText(one.name),
        identity=identity,
        before=SafeText(f"{one.status}, {one.engine} {one.version}, {one.size}{storage}"),
        after=SafeText(after),
        felt=tuple(felt),
    )
    return _barred(subject, refused) if refused else subject


def _barred(subject: Subject, why: str) -> Subject:
    return replace(subject, spared=SafeText(why), barred=True)


def _spared(subject: Subject, why: str) -> Subject:
    return replace(subject, spared=SafeText(why))


# what else to know


def notes(action: Action, sight: Sight, source: Source | None, now: datetime) -> list[str]:
    """What else a person should know."""
    one = sight.one
    if action is SNAPSHOT_ACT:
        return [
            "AWS takes it in the background, in minutes or hours; its id ends with the mark of this act",
            "available does not prove that it can be restored: try that now and then",
        ]
    if action is GROW:
        found = ["afterwards AWS optimises the storage, which allows no other change for hours"]
        found += [f"IOPS stay at {one.iops:,}"] if _performance(one) else []
        found += ["it grows by itself too: that limit stays as it is"] if one.grows_to else []
        return found + (["its replicas don't grow with it"] if one.replicas else [])
    if action is REBOOT:
        waiting = [str(group) for group in one.parameters if "pending-reboot" in str(group)]
        return [f"this brings into force: {', '.join(waiting)}"] if waiting else []
    found = [
        f"costs begin now: a second {one.size}",
        "nothing uses the new instance until you point the app to it yourself",
        "its blocks are loaded as they are read: it is slow at first",
    ]
    if source is not None and source.one.begun:
        lost = lasted((now - source.one.begun).total_seconds())
        found.append(f"what was written in the last {lost} is not in that snapshot")
        if one.restorable and one.restorable > source.one.begun:
            latest = f"{one.restorable:%Y-%m-%d %H:%M:%S}"
            found.append(f"a restore to a point in time could go up to {latest} UTC; that is not done here")
    return found


def undo(action: Action) -> str:
    """How to take it back."""
    later = "; Opsroom deletes nothing"
    return {SNAPSHOT_ACT: f"delete the snapshot{later}", RESTORE: f"delete the new instance{later}"}.get(action, "")
