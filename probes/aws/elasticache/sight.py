"""A fresh look at what an act is about: one node, or one shard of a group, and what of it must still be so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from probes.aws.account import Whose
from probes.aws.calls import Calls, Refused
from probes.aws.elasticache import parse
from probes.aws.elasticache.commands import parts
from probes.aws.elasticache.facts import CacheGroup, CacheNode, Shard
from probes.aws.values import tables
from probes.base import Cause, Identity, ProbeError, SafeText


@dataclass(frozen=True, slots=True)
class Sight:
    """One row as it is now: a node, with its group if it has one; or a shard of a group."""

    whose: Whose
    node: CacheNode | None = None
    group: CacheGroup | None = None
    shard: Shard | None = None

    @property
    def arn(self) -> str:
        """Of the group, or of the cluster that is in none."""
        return self.group.arn if self.group is not None else self.node.arn if self.node is not None else ""

    @property
    def pin(self) -> Identity:
        """Account, region and the cache as a whole: acts on its parts wait for one another."""
        return (*self.whose.pin, ("cache", self.arn))

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.node is not None:
            return self.node.name
        return f"{self.group.name}/{self.shard.id}" if self.group is not None and self.shard is not None else ""

    @property
    def status(self) -> str:
        """The node's state, or the group's."""
        return self.node.status if self.node is not None else self.group.status if self.group is not None else ""

    @property
    def size(self) -> str:
        """Its node type."""
        return str(self.node.size if self.node is not None else self.group.size if self.group is not None else "")

    @property
    def pending(self) -> tuple[SafeText, ...]:
        """What waits for its maintenance window."""
        own = self.node.pending if self.node is not None else ()
        return (*own, *(self.group.pending if self.group is not None else ()))

    @property
    def identity(self) -> Identity:
        """What must still be so when we act."""
        if self.node is not None:
            made = self.node.made.isoformat() if self.node.made else ""
            found = [("cluster", self.node.arn), ("node", self.node.id), ("made", made)]
            return (*found, ("role", self.node.role), ("status", self.node.status))
        shard, group = self.shard or Shard(""), self.group or CacheGroup("")
        made = group.made.isoformat() if group.made else ""
        members = " ".join(sorted(shard.members))
        return (
            ("group", group.arn), ("made", made), ("shard", shard.id), ("primary", shard.primary),
            ("members", members), ("status", group.status),
        )  # fmt: skip


async def sight(calls: Calls, subject: str) -> Sight:
    """Look at a row. Raises `ProbeError(Cause.GONE)` when it is not there."""
    found = await sight_if_there(calls, subject)
    if found is None:
        raise ProbeError(Cause.GONE, f"there is no cache {SafeText(subject, 120)}")
    return found


async def sight_if_there(calls: Calls, subject: str) -> Sight | None:
    """Look at a row; None when it is not there."""
    whose = await calls.whose()
    told = parts(subject)
    if told is None:
        return None
    sort, name, number = told
    if sort == "group":
        group = await _group(calls, name)
        shard = next((one for one in group.shards if one.id == number), None) if group is not None else None
        return None if shard is None else Sight(whose, None, group, shard)
    node = next((one for one in await _nodes(calls, name) if one.id == number), None)
    if node is None or not node.group:
        return None if node is None else Sight(whose, node)
    group = await _group(calls, str(node.group))
    if group is None:
        return Sight(whose, node)
    (node,) = parse.joined([node], [group])
    return Sight(whose, replace(node, sharded=group.sharded), group)


async def _group(calls: Calls, name: str) -> CacheGroup | None:
    try:
        answer = await calls.read("elasticache", "describe_replication_groups", ReplicationGroupId=name)
    except Refused as error:
        if error.code.startswith("ReplicationGroupNotFound"):
            return None
        raise
    found = map(parse.group, tables(answer.get("ReplicationGroups")))
    return next((one for one in found if one.name == name), None)


async def _nodes(calls: Calls, name: str) -> list[CacheNode]:
    try:
        answer = await calls.read("elasticache", "describe_cache_clusters", CacheClusterId=name, ShowCacheNodeInfo=True)
    except Refused as error:
        if error.code.startswith("CacheClusterNotFound"):
            return []
        raise
    return [node for one in tables(answer.get("CacheClusters")) for node in parse.nodes(one) if node.cluster == name]
