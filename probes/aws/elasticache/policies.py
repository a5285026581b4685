"""What a managed cache does when its memory is full: `maxmemory-policy` of its parameter group, as an act.

A parameter group belongs to every cluster that uses it, so all of them are told, and must be the same ones when it is
changed. CONFIG SET does not work on ElastiCache.
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from probes.aws.account import Whose
from probes.aws.calls import Calls, Refused
from probes.aws.elasticache import parse
from probes.aws.elasticache.facts import CacheNode
from probes.aws.line import AwsLine
from probes.aws.values import named, tables
from probes.base import (
    Action,
    Cause,
    Choice,
    Danger,
    Identity,
    Outcome,
    ProbeError,
    Recognised,
    Request,
    Result,
    SafeText,
    Subject,
    Truth,
    Verdict,
    Word,
)

PARAMETER: Final = "maxmemory-policy"
QUEUES: Final = "noeviction"
"""The one policy under which no job of a queue is ever thrown out; BullMQ asks for it."""
POLICIES: Final = {
    "allkeys-lru": "the keys unused for longest go, of all",
    "volatile-lru": "the keys unused for longest go, of those with a time to live",
    "allkeys-lfu": "the keys used least often go, of all",
    "volatile-lfu": "the keys used least often go, of those with a time to live",
    "volatile-ttl": "the keys that end soonest go",
    "allkeys-random": "any keys go",
    "volatile-random": "any keys with a time to live go",
    QUEUES: "nothing goes: writes fail instead",
}
POLICY: Final = Action(
    "policy",
    "set the eviction policy",
    Danger.DISRUPTIVE,
    "Sets maxmemory-policy in a parameter group, for every cluster that uses it, at once.",
    word=Word("policy", "|".join(POLICIES), listed=True),
    many=False,
    grave=True,
)
SETTLES: Final = 600.0
"""Seconds in which its clusters take it over."""

_KEY: Final = "parameters/"
_GROUP: Final = re.compile(r"[a-z][a-z0-9.-]{0,254}")
_CAP: Final = 1000
_BEGINS: Final = 60.0
"""Seconds after which what the group says is what it was told."""


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """A parameter group as it is now."""

    whose: Whose
    name: str
    arn: str
    family: str
    policy: str
    modifiable: bool
    users: tuple[CacheNode, ...]
    """The nodes that use it."""
    cut: bool
    """True when there are more clusters than were listed: others may use it too."""

    @property
    def pin(self) -> Identity:
        """Account, region and the group."""
        return (*self.whose.pin, ("parameters", self.arn or self.name))

    @property
    def clusters(self) -> list[str]:
        """Names of the clusters that use it."""
        return sorted({one.cluster for one in self.users})

    @property
    def waiting(self) -> list[str]:
        """Clusters in which not all of its parameters are in force."""
        return sorted({one.cluster for one in self.users if str(one.in_force) not in ("", "in-sync")})


def key_of(group: object) -> str:
    """How a parameter group is named as a row.

    >>> key_of("sessions7"), group_of("parameters/sessions7"), group_of("cluster/a/0001")
    ('parameters/sessions7', 'sessions7', '')
    """
    return f"{_KEY}{group}"


def group_of(subject: str) -> str:
    """Name of the parameter group that a row is; empty: it is none."""
    name = subject.removeprefix(_KEY)
    return name if subject.startswith(_KEY) and _GROUP.fullmatch(name) else ""


def choices(now: str) -> Sequence[Choice]:
    """The policies there are."""
    return [
        Choice(one, SafeText(f"{about}{'; it is so now' if one == now else ''}")) for one, about in POLICIES.items()
    ]


def hindrance(name: str) -> str:
    """Why a group can't be changed at all; empty: it may be."""
    if name.startswith("default."):
        return "a default group can't be changed: give its clusters a parameter group of their own"
    return ""


async def look(calls: Calls, name: str) -> ParameterGroup:
    """Look at a group. Raises `ProbeError(Cause.GONE)` when it is not there."""
    found = await look_if_there(calls, name)
    if found is None:
        raise ProbeError(Cause.GONE, f"there is no parameter group {SafeText(name, 100)}")
    return found


async def look_if_there(calls: Calls, name: str) -> ParameterGroup | None:
    """Look at a group; None when it is not there."""
    whose = await calls.whose()
    try:
        answer = await calls.read("elasticache", "describe_cache_parameter_groups", CacheParameterGroupName=name)
    except Refused as error:
        if error.code.startswith("CacheParameterGroupNotFound"):
            return None
        raise
    groups = [one for one in tables(answer.get("CacheParameterGroups")) if one.get("CacheParameterGroupName") == name]
    if not groups:
        return None
    parameters = await calls.listed(
        "elasticache", "describe_cache_parameters", "Parameters", _CAP, 100, CacheParameterGroupName=name
    )
    policy = next((one for one in tables(parameters.items) if one.get("ParameterName") == PARAMETER), {})
    clusters = await calls.listed(
        "elasticache", "describe_cache_clusters", "CacheClusters", _CAP, 100, ShowCacheNodeInfo=True
    )
    nodes = [node for one in tables(clusters.items) for node in parse.nodes(one)]
    return ParameterGroup(
        whose,
        name,
        named(groups[0].get("ARN")),
        named(groups[0].get("CacheParameterGroupFamily")),
        named(policy.get("ParameterValue")),
        bool(policy) and policy.get("IsModifiable") is not False,
        tuple(node for node in nodes if str(node.parameters) == name),
        clusters.cut,
    )


def subject(there: ParameterGroup, word: str) -> Subject:
    """What is acted on."""
    made = Subject(
        key=key_of(there.name),
        name=SafeText(f"parameter group {there.name}"),
        identity=(("group", there.arn or there.name), ("policy", there.policy), ("used by", " ".join(there.clusters))),
        before=SafeText(f"{PARAMETER} {there.policy or 'not told'}"),
        after=SafeText(f"{PARAMETER} {word}: {POLICIES.get(word, '')}"),
        felt=(SafeText(f"used by {', '.join(there.clusters)}" if there.users else "no cluster uses it", 400),),
    )
    refused = hindrance(there.name) or ("" if there.modifiable else f"this family has no {PARAMETER} to be set")
    refused = refused or (f"it is {word} already" if there.policy == word else "")
    return replace(made, spared=SafeText(refused), barred=True) if refused else made


def danger(there: ParameterGroup, word: str) -> Danger:
    """Away from where nothing is thrown out, it takes what can't be had back."""
    return Danger.DESTRUCTIVE if there.policy in (QUEUES, "") and word != QUEUES else POLICY.danger


def notes(there: ParameterGroup, word: str) -> list[str]:
    """What else a person should know."""
    found = []
    if danger(there, word) is Danger.DESTRUCTIVE:
        found.append(f"where queues live only {QUEUES} may stand: jobs are keys, and would be thrown out with the rest")
    if word == QUEUES:
        found.append("when its memory is full, writes fail")
    if word.startswith("volatile"):
        found.append("keys without a time to live are never thrown out: when only those are left, writes fail")
    if there.waiting:
        found.append(f"not all of its parameters are in force in {', '.join(there.waiting)}")
    if there.cut:
        found.append(f"only the first {_CAP:,} clusters were looked at: others may use it too")
    return found


def parameters(name: str, word: str) -> dict[str, Any]:
    """Of the one call."""
    return {
        "CacheParameterGroupName": name,
        "ParameterNameValues": [{"ParameterName": PARAMETER, "ParameterValue": word}],
    }


def recognise(read: AwsLine) -> Recognised | None:
    """`aws elasticache modify-cache-parameter-group` for this one parameter."""
    name = read.one("cache-parameter-group-name") or ""
    given = dict(part.partition("=")[::2] for part in (read.one("parameter-name-values") or "").split(","))
    known = {"cache-parameter-group-name", "parameter-name-values"}
    word = given.get("ParameterValue", "")
    if not _GROUP.fullmatch(name) or not read.only(known) or set(given) != {"ParameterName", "ParameterValue"}:
        return None
    if given["ParameterName"] != PARAMETER or word not in POLICIES:
        return None
    return Recognised(Request(POLICY.name, (key_of(name),), word=word))


def verdict(there: ParameterGroup | None, word: str, outcome: Outcome, after: float) -> Verdict:
    """The group says so, and it is in force in every cluster that uses it."""
    if there is None:
        return Verdict(Truth.REFUTED, SafeText("the parameter group is gone"))
    if there.policy != word:
        accepted = "AWS accepted it, but " if outcome.result is Result.DONE else ""
        truth = Truth.PENDING if after < _BEGINS else Truth.REFUTED
        return Verdict(truth, SafeText(f"{accepted}it says {there.policy or 'nothing'}"))
    states = ((one.cluster, str(one.in_force)) for one in there.users)
    waiting = {name: state or "does not tell" for name, state in states if state != "in-sync"}
    if waiting:
        told = ", ".join(f"{name} {state}" for name, state in sorted(waiting.items()))
        return Verdict(Truth.PENDING, SafeText(f"the group says {word}; not in force yet: {told}", 300))
    where = f", in force in {', '.join(there.clusters)}" if there.users else "; no cluster uses it"
    return Verdict(Truth.CONFIRMED, SafeText(f"the group says {word}{where}", 300))
