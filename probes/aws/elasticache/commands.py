"""The command line of managed caches, both ways: `aws elasticache ...`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from probes.aws.elasticache import policies
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.aws.line import AwsLine, flags_of, read_line, write_line
from probes.base import CommandLine, Recognised, Request

NAME: Final = re.compile(r"[a-z](?:[a-z0-9]|-(?!-)){0,49}(?<!-)")
"""A cluster's or a group's identifier, in lower case as ElastiCache keeps it."""
NUMBER: Final = re.compile(r"[0-9]{1,4}")
"""A node's or a shard's identifier."""
NODE_TYPE: Final = r"cache\.[a-z0-9]{2,8}\.[a-z0-9]{4,12}"
_VERBS: Final = {
    "reboot": "reboot-cache-cluster",
    "failover": "test-failover",
    "cluster": "modify-cache-cluster",
    "group": "modify-replication-group",
    "policy": "modify-cache-parameter-group",
}
_AT_ONCE: Final = "As written it waits for the maintenance window; here it is done at once."
_LOST: Final = "Rebooting a node loses all that is cached in it."


def parts(subject: str) -> tuple[str, str, str] | None:
    """(cluster or group, its name, node or shard) of a subject.

    >>> parts("cluster/sessions-001/0001"), parts("sessions")
    (('cluster', 'sessions-001', '0001'), None)
    """
    found = subject.split("/")
    if len(found) != 3 or found[0] not in ("cluster", "group"):
        return None
    return found[0], found[1], found[2]


def line_of(action: str, parameters: dict[str, Any], settings: ElastiCacheSettings) -> str:
    """The line for a call."""
    verb = action if action != "resize" else "group" if "ReplicationGroupId" in parameters else "cluster"
    return write_line("elasticache", _VERBS[verb], flags_of(parameters), settings)


def parameters(action: str, subject: str, word: str = "") -> dict[str, Any]:
    """Of the one call an act makes."""
    if action == policies.POLICY.name:
        return policies.parameters(policies.group_of(subject) or subject, word)
    sort, name, number = parts(subject) or ("cluster", subject, "")
    if action == "reboot":
        return {"CacheClusterId": name, "CacheNodeIdsToReboot": [number]}
    if action == "failover":
        return {"ReplicationGroupId": name, "NodeGroupId": number}
    key = "ReplicationGroupId" if sort == "group" else "CacheClusterId"
    return {key: name, "CacheNodeType": word, "ApplyImmediately": True}


def render(request: Request, settings: ElastiCacheSettings) -> str:
    """The lines a person would type for it."""
    lines = (parameters(request.action, subject, request.word) for subject in request.subjects)
    return "\n".join(line_of(request.action, one, settings) for one in lines)


def recognise(line: CommandLine, settings: ElastiCacheSettings) -> Recognised | None:
    """The request that a line means here."""
    read = read_line(line, settings)
    if read is None or read.service != "elasticache":
        return None
    match read.verb:
        case "reboot-cache-cluster":
            return _reboot(read)
        case "test-failover":
            return _failover(read)
        case "modify-cache-cluster":
            return _resize(read, "cluster", "cache-cluster-id")
        case "modify-replication-group":
            return _resize(read, "group", "replication-group-id")
        case "modify-cache-parameter-group":
            return policies.recognise(read)
    return None


def _reboot(read: AwsLine) -> Recognised | None:
    name = _named(read, "cache-cluster-id")
    numbers: Sequence[str] = read.flags.get("cache-node-ids-to-reboot", ())
    if name is None or not read.only({"cache-cluster-id", "cache-node-ids-to-reboot"}):
        return None
    if len(numbers) != 1 or not NUMBER.fullmatch(numbers[0]):
        return None
    return Recognised(Request("reboot", (f"cluster/{name}/{numbers[0]}",)), _LOST)


def _failover(read: AwsLine) -> Recognised | None:
    name, number = _named(read, "replication-group-id"), read.one("node-group-id") or ""
    if name is None or not NUMBER.fullmatch(number) or not read.only({"replication-group-id", "node-group-id"}):
        return None
    return Recognised(Request("failover", (f"group/{name}/{number}",)))


def _resize(read: AwsLine, sort: str, flag: str) -> Recognised | None:
    name, to = _named(read, flag), read.one("cache-node-type") or ""
    known = {flag, "cache-node-type", "apply-immediately", "no-apply-immediately"}
    if name is None or not re.fullmatch(NODE_TYPE, to) or not read.only(known):
        return None
    warning = "" if "apply-immediately" in read.flags else _AT_ONCE
    return Recognised(Request("resize", (f"{sort}/{name}/0001",), word=to), warning)


def _named(read: AwsLine, flag: str) -> str | None:
    name = (read.one(flag) or "").lower()
    return name if NAME.fullmatch(name) else None
