"""What each act on a cache would do, in words. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from probes.aws.elasticache.commands import NODE_TYPE
from probes.aws.elasticache.facts import CacheGroup, CacheNode, Shard
from probes.aws.elasticache.policies import POLICY
from probes.aws.elasticache.policies import SETTLES as POLICY_SETTLES
from probes.aws.elasticache.sight import Sight
from probes.base import Action, Danger, SafeText, Subject, Word

REBOOT: Final = Action(
    "reboot",
    "reboot the node",
    Danger.DESTRUCTIVE,
    "Restarts one node: everything that is cached in it is lost.",
    many=False,
)
FAILOVER: Final = Action(
    "failover",
    "fail over",
    Danger.DISRUPTIVE,
    "Makes a replica of the shard its primary, and the old primary a replica; what is cached stays.",
    many=False,
    grave=True,
)
RESIZE: Final = Action(
    "resize",
    "change the node type",
    Danger.DISRUPTIVE,
    "Moves the cache to another node type, now; what is cached stays.",
    word=Word("node type", NODE_TYPE, listed=True),
    many=False,
    grave=True,
)
OF_NODES: Final = (REBOOT, FAILOVER, RESIZE)
ACTIONS: Final = (*OF_NODES, POLICY)

SETTLES: Final = {"reboot": 900.0, "failover": 1200.0, "resize": 5400.0, "policy": POLICY_SETTLES}
"""Seconds AWS may need."""


def node_hindrance(action: Action, node: CacheNode) -> str:
    """Why it can't be done to a node now; empty when it can."""
    if action is REBOOT and node.sharded:
        return "nodes of a group in cluster mode can't be rebooted; a failover of the shard moves its primary"
    if action is FAILOVER:
        return "choose the shard of its group" if node.group else "it has no replica to fail over to"
    if action is RESIZE and node.engine == "memcached":
        return "a memcached cluster can't change its node type: make a new one"
    if action is RESIZE and node.group:
        return f"it is a part of group {node.group}: resize that"
    return "" if node.status == "available" else f"it is {node.status}"


def shard_hindrance(action: Action, group: CacheGroup, shard: Shard) -> str:
    """Why it can't be done to a shard, or its group, now; empty when it can."""
    if action is REBOOT:
        return "choose one of its nodes"
    if action is FAILOVER and len(shard.members) < 2:
        return "it has no replica to fail over to"
    if action is FAILOVER and group.failover != "enabled":
        return f"automatic failover of the group is {group.failover or 'not known'}"
    return "" if group.status == "available" else f"the group is {group.status}"


def hindrance(action: Action, sight: Sight) -> str:
    """The same, for a fresh look."""
    if sight.node is not None:
        return node_hindrance(action, sight.node)
    if sight.group is None or sight.shard is None:
        return "it is gone"
    return shard_hindrance(action, sight.group, sight.shard)


def subject(action: Action, sight: Sight, key: str, word: str, allowed: Collection[str] | None) -> Subject:
    """What is acted on. What else waits would be done at once too, so it is left out unless taken in."""
    waiting = ", ".join(map(str, sight.pending))
    identity = sight.identity
    if action is RESIZE:
        identity = (*identity, ("type", sight.size), ("waiting", waiting))
    made = Subject(
        key=key,
        name=SafeText(sight.name if action is not RESIZE or sight.group is None else sight.group.name),
        identity=identity,
        before=SafeText(_before(sight)),
        after=SafeText(_after(action, sight, word)),
        felt=tuple(map(SafeText, _felt(action, sight))),
    )
    refused = hindrance(action, sight)
    if action is RESIZE and not refused:
        refused = f"it is {word} already" if word == sight.size else ""
        if allowed is not None and word not in allowed:
            refused = refused or f"AWS does not allow {word} for it"
    if refused:
        return replace(made, spared=SafeText(refused), barred=True)
    if action is RESIZE and waiting:
        words = f"what waits for its maintenance window would be done at once too: {waiting}"
        return replace(made, spared=SafeText(words))
    return made


def _before(sight: Sight) -> str:
    if sight.node is not None:
        role = f", {sight.node.role}" if sight.node.role else ""
        return f"{sight.node.status}{role}, {sight.node.engine} {sight.node.version}, {sight.node.size}"
    group, shard = sight.group or CacheGroup(""), sight.shard or Shard("")
    primary = f"primary {shard.primary}" if shard.primary else "primary not told"
    return f"{group.status}, {primary}, {len(shard.members)} nodes, {group.size}"


def _after(action: Action, sight: Sight, word: str) -> str:
    if action is REBOOT:
        return "available, empty"
    if action is FAILOVER:
        return "available, one of its replicas is primary"
    return f"available, {word}"


def _felt(action: Action, sight: Sight) -> list[str]:
    if action is REBOOT and sight.node is not None:
        found = ["all that is cached in it is lost: the database gets those lookups until the cache is warm again"]
        users = sight.node.connections
        found += [f"{users:.0f} connections are dropped" if users else "its connections are dropped"]
        return found
    if action is FAILOVER:
        return ["writes fail for some seconds", "what was written last and not yet replicated is lost"]
    return ["connections are dropped for a moment, node by node"]


def notes(action: Action, sight: Sight, word: str, smaller: Collection[str], known: bool) -> list[str]:
    """What else a person should know."""
    node, group = sight.node, sight.group
    if action is REBOOT:
        found = []
        if group is not None and group.failover == "enabled" and node is not None and node.role != "replica":
            found.append("a failover of its shard would keep what is cached")
        if node is not None and "pending" in str(node.in_force):
            found.append(f"this brings parameter group {node.parameters} into force")
        return found
    if action is FAILOVER:
        return [
            "AWS offers this as a test: 15 shards in 24 hours, and it may be blocked while much else fails",
            "clients must follow the primary endpoint, whose address moves",
        ]
    found = ["it costs what the new type costs, from now on"]
    found += ["all shards of the group change together"] if group is not None and len(group.shards) > 1 else []
    found += [f"{word} is smaller: what is cached must fit into it"] if word in smaller else []
    return found + ([] if known else ["which types are allowed could not be asked"])
