"""From what ElastiCache answers to facts. Everything may be missing; what is not as documented is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from probes.aws.elasticache.facts import CacheEvent, CacheGroup, CacheNode, Shard
from probes.aws.values import flag, moment, named, table, tables, text, waiting, whole

_PENDING: Final = {
    "NumCacheNodes": "nodes", "EngineVersion": "version", "CacheNodeType": "node type", "AuthTokenStatus": "token",
    "PrimaryClusterId": "primary", "AutomaticFailoverStatus": "failover", "ClusterMode": "cluster mode",
    "TransitEncryptionMode": "encryption on the way",
}  # fmt: skip


def nodes(raw: Mapping[str, Any]) -> list[CacheNode]:
    """The nodes of one of DescribeCacheClusters; a cluster that shows none is one node of which little is known."""
    parameters = table(raw.get("CacheParameterGroup"))
    whole_status = named(raw.get("CacheClusterStatus"))
    base = CacheNode(
        cluster=named(raw.get("CacheClusterId")),
        id="0001",
        arn=named(raw.get("ARN")),
        status=whole_status,
        engine=named(raw.get("Engine")),
        version=text(raw.get("EngineVersion")),
        size=text(raw.get("CacheNodeType")),
        zone=text(raw.get("PreferredAvailabilityZone")),
        group=text(raw.get("ReplicationGroupId")),
        parameters=text(parameters.get("CacheParameterGroupName")),
        in_force=text(parameters.get("ParameterApplyStatus")),
        pending=waiting(raw.get("PendingModifiedValues"), _PENDING),
        window=text(raw.get("PreferredMaintenanceWindow")),
        transit=flag(raw.get("TransitEncryptionEnabled")),
        rest=flag(raw.get("AtRestEncryptionEnabled")),
        login=flag(raw.get("AuthTokenEnabled")),
        groups=tuple(named(one.get("SecurityGroupId")) for one in tables(raw.get("SecurityGroups"))),
        made=moment(raw.get("CacheClusterCreateTime")),
    )
    shown = tables(raw.get("CacheNodes"))
    many = max(len(shown), whole(raw.get("NumCacheNodes")) or 1)
    return [_node(base, one, many, whole_status) for one in shown] or [replace(base, many=many)]


def _node(base: CacheNode, raw: Mapping[str, Any], many: int, whole_status: str) -> CacheNode:
    endpoint, own = table(raw.get("Endpoint")), named(raw.get("CacheNodeStatus"))
    return replace(
        base,
        id=named(raw.get("CacheNodeId")) or "0001",
        status=own if whole_status in ("available", "") and own else whole_status,
        host=text(endpoint.get("Address")),
        port=whole(endpoint.get("Port")),
        zone=text(raw.get("CustomerAvailabilityZone")) or base.zone,
        made=moment(raw.get("CacheNodeCreateTime")) or base.made,
        many=many,
    )


def group(raw: Mapping[str, Any]) -> CacheGroup:
    """One of DescribeReplicationGroups."""
    endpoint = table(raw.get("ConfigurationEndpoint"))
    return CacheGroup(
        name=named(raw.get("ReplicationGroupId")),
        arn=named(raw.get("ARN")),
        status=named(raw.get("Status")),
        engine=named(raw.get("Engine")),
        about=text(raw.get("Description")),
        size=text(raw.get("CacheNodeType")),
        sharded=flag(raw.get("ClusterEnabled")),
        failover=named(raw.get("AutomaticFailover")),
        multi_zone=named(raw.get("MultiAZ")),
        host=text(endpoint.get("Address")),
        port=whole(endpoint.get("Port")),
        shards=tuple(map(_shard, tables(raw.get("NodeGroups")))),
        members=tuple(named(one) for one in raw.get("MemberClusters") or ()),
        pending=waiting(raw.get("PendingModifiedValues"), _PENDING),
        transit=flag(raw.get("TransitEncryptionEnabled")),
        rest=flag(raw.get("AtRestEncryptionEnabled")),
        login=flag(raw.get("AuthTokenEnabled")),
        kept=whole(raw.get("SnapshotRetentionLimit")),
        snapshot_window=text(raw.get("SnapshotWindow")),
        made=moment(raw.get("ReplicationGroupCreateTime")),
    )


def _shard(raw: Mapping[str, Any]) -> Shard:
    primary, reader = table(raw.get("PrimaryEndpoint")), table(raw.get("ReaderEndpoint"))
    members = tables(raw.get("NodeGroupMembers"))
    first = [named(one.get("CacheClusterId")) for one in members if one.get("CurrentRole") == "primary"]
    return Shard(
        id=named(raw.get("NodeGroupId")),
        status=named(raw.get("Status")),
        host=text(primary.get("Address")),
        reader=text(reader.get("Address")),
        port=whole(primary.get("Port")),
        slots=text(raw.get("Slots")),
        primary=first[0] if len(first) == 1 else "",
        members=tuple(named(one.get("CacheClusterId")) for one in members),
    )


def joined(found: Iterable[CacheNode], groups: Iterable[CacheGroup]) -> list[CacheNode]:
    """The nodes with what their replication group says of them."""
    places = {
        member: (one, shard) for one in groups for shard in one.shards for member in shard.members
    }  # a cluster belongs to one group
    result = []
    for node in found:
        place = places.get(node.cluster)
        if place is None:
            result.append(node)
            continue
        one, shard = place
        role = "" if not shard.primary else "primary" if shard.primary == node.cluster else "replica"
        result.append(replace(node, shard=shard.id, role=role, sharded=one.sharded))
    return result


def event(raw: Mapping[str, Any]) -> CacheEvent | None:
    """One of DescribeEvents."""
    at = moment(raw.get("Date"))
    return None if at is None else CacheEvent(at, text(raw.get("SourceIdentifier")), text(raw.get("Message"), 500))
