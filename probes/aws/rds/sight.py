"""A fresh look at what an act is about: one instance, one snapshot, and what of them must still be so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes.aws.account import Whose
from probes.aws.calls import Calls, Refused
from probes.aws.rds import parse
from probes.aws.rds.facts import Instance, StoredSnapshot
from probes.aws.values import named, tables
from probes.base import Cause, Identity, ProbeError, SafeText


@dataclass(frozen=True, slots=True)
class Sight:
    """One instance as it is now."""

    whose: Whose
    raw: Mapping[str, Any]
    one: Instance

    @property
    def pin(self) -> Identity:
        """Account, region and the very instance, whatever it is called."""
        return (*self.whose.pin, ("instance", self.one.resource))

    @property
    def identity(self) -> Identity:
        """What must still be so when we act."""
        made = self.one.made.isoformat() if self.one.made else ""
        return (("instance", self.one.resource), ("made", made), ("status", self.one.status))

    @property
    def gib(self) -> int:
        """Its storage in GiB; 0: it has none of its own."""
        return int((self.one.allocated or 0) // parse.GIB)


@dataclass(frozen=True, slots=True)
class Source:
    """One snapshot as it is now."""

    raw: Mapping[str, Any]
    one: StoredSnapshot

    @property
    def identity(self) -> Identity:
        """What tells it from another one that takes its name."""
        begun = self.one.begun.isoformat() if self.one.begun else ""
        return (("snapshot", str(self.one.id)), ("taken", begun), ("of", named(self.raw.get("DbiResourceId"))))


async def sight(calls: Calls, name: str) -> Sight:
    """Look at an instance. Raises `ProbeError(Cause.GONE)` when it is not there."""
    found = await sight_if_there(calls, name)
    if found is None:
        raise ProbeError(Cause.GONE, f"there is no DB instance {SafeText(name, 80)}")
    return found


async def sight_if_there(calls: Calls, name: str) -> Sight | None:
    """Look at an instance; None when it is not there."""
    whose = await calls.whose()
    try:
        answer = await calls.read("rds", "describe_db_instances", DBInstanceIdentifier=name)
    except Refused as error:
        if error.code.startswith("DBInstanceNotFound"):
            return None
        raise
    for raw in tables(answer.get("DBInstances")):
        one = parse.instance(raw)
        if one.name == name:
            return Sight(whose, raw, one)
    return None


async def source(calls: Calls, id: str) -> Source | None:
    """Look at a snapshot; None when it is not there."""
    try:
        answer = await calls.read("rds", "describe_db_snapshots", DBSnapshotIdentifier=id)
    except Refused as error:
        if error.code.startswith("DBSnapshotNotFound"):
            return None
        raise
    for raw in tables(answer.get("DBSnapshots")):
        return Source(raw, parse.snapshot(raw))
    return None


async def sources(calls: Calls, name: str, most: int) -> list[Source]:
    """The snapshots of an instance, newest first."""
    given = {"DBInstanceIdentifier": name} if name else {}
    answer = await calls.listed("rds", "describe_db_snapshots", "DBSnapshots", most, 100, **given)
    found = [Source(raw, parse.snapshot(raw)) for raw in tables(answer.items)]
    return sorted(found, key=lambda one: one.one.begun.timestamp() if one.one.begun else 0.0, reverse=True)
