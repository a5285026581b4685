"""What ElastiCache and CloudWatch are asked about caches, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from probes.aws.calls import Calls
from probes.aws.elasticache import parse
from probes.aws.elasticache.facts import CacheEvent, CacheGroup, CacheNode, Policy
from probes.aws.elasticache.gauges import LABELLED
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.aws.metrics import Metric, Metrics, Points
from probes.aws.seldom import Names, Seldom
from probes.aws.values import tables, text
from probes.base import Cause, Gap, ProbeError, SafeText

T = TypeVar("T")

CAP: Final = 10_000
_PAGE: Final = 100
_EVENTS: Final = 60.0
_MOST_EVENTS: Final = 500
_PARAMETERS: Final = 600.0
_MOST_POLICIES: Final = 5
_POLICY: Final = "maxmemory-policy"

_ENGINE: Final = {
    "cpu": ("EngineCPUUtilization", "Average"),
    "memory": ("DatabaseMemoryUsagePercentage", "Average"),
    "evictions": ("Evictions", "Sum"),
    "connections": ("CurrConnections", "Average"),
    "hits": ("CacheHitRate", "Average"),
}
_MEMCACHED: Final = {
    "cpu": ("CPUUtilization", "Average"),
    "evictions": ("Evictions", "Sum"),
    "connections": ("CurrConnections", "Average"),
    "get_hits": ("GetHits", "Sum"),
    "get_misses": ("GetMisses", "Sum"),
}
"""Metrics of a node: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/CacheMetrics.html."""


class Reader:
    """Asks for one target, and remembers what need not be asked each time."""

    def __init__(self, settings: ElastiCacheSettings, calls: Calls) -> None:
        self.calls = calls
        self.names = Names(settings.caches)
        self._metrics = Metrics(calls, every=settings.metrics_every)
        self._events_seldom = Seldom(calls.context.monotonic)
        self._events: tuple[CacheEvent, ...] = ()
        self._policies: dict[str, tuple[Seldom, Policy | None]] = {}
        self._lost: dict[str, Gap] = {}
        """What could not be had, until it is had."""
        self._cut: list[Gap] = []

    async def _part(self, part: str, asking: Awaitable[T]) -> T | None:
        """What was asked for; None, and a gap, when it could not be had."""
        try:
            found = await asking
        except ProbeError as error:
            hint = f"{error.message}; {error.hint}" if error.hint else error.message
            self._lost[part] = Gap(part, error.cause, SafeText(str(hint), 300))
            return None
        self._lost.pop(part, None)
        return found

    async def caches(self) -> tuple[list[CacheNode], list[CacheGroup]]:
        """(nodes, replication groups). Raises `ProbeError` when clusters can't be listed."""
        clusters, groups = await asyncio.gather(
            self.calls.listed(
                "elasticache", "describe_cache_clusters", "CacheClusters", CAP, _PAGE, ShowCacheNodeInfo=True
            ),
            self._groups(),
        )
        words = SafeText("name those that matter")
        self._cut = [Gap(f"clusters beyond the first {CAP:,}", Cause.TOO_BIG, words)] if clusters.cut else []
        raw = [
            one
            for one in tables(clusters.items)
            if self.names.meant(str(one.get("CacheClusterId")), str(one.get("ReplicationGroupId")))
        ]
        found = [node for one in raw for node in parse.nodes(one)]
        return parse.joined(found, groups or []), groups or []

    async def _groups(self) -> list[CacheGroup] | None:
        asking = self.calls.listed("elasticache", "describe_replication_groups", "ReplicationGroups", CAP, _PAGE)
        answer = await self._part("replication groups", asking)
        if answer is None:
            return None
        found = map(parse.group, tables(answer.items))
        return [one for one in found if self.names.meant(one.name, *one.members)]

    async def measured(self, nodes: Sequence[CacheNode]) -> list[CacheNode]:
        """The nodes with what CloudWatch knows of them."""
        wanted = {
            f"{one.key} {key}": Metric(
                "AWS/ElastiCache", name, (("CacheClusterId", one.cluster), ("CacheNodeId", one.id)), statistic
            )
            for one in nodes[:LABELLED]
            for key, (name, statistic) in _metrics_of(one).items()
        }
        answer = await self._part("cpu, memory, hits and evictions", self._metrics.read(wanted)) if wanted else {}
        return [_with_numbers(one, answer or {}) for one in nodes]

    async def policies(self, nodes: Sequence[CacheNode]) -> tuple[Policy, ...]:
        """What the parameter groups of these nodes say about running out of memory."""
        names = dict.fromkeys(str(one.parameters) for one in nodes if one.parameters and one.engine != "memcached")
        for name in list(names)[:_MOST_POLICIES]:
            seldom, known = self._policies.get(name, (Seldom(self.calls.context.monotonic), None))
            if seldom.due(_PARAMETERS):
                found = await self._part(f"parameters of {name}", self._policy(name))
                if found is not None:
                    seldom.answered()
                    known = found
            self._policies[name] = (seldom, known)
        return tuple(known for name in names if (known := self._policies.get(name, (None, None))[1]) is not None)

    async def _policy(self, name: str) -> Policy:
        answer = await self.calls.listed(
            "elasticache", "describe_cache_parameters", "Parameters", 1000, _PAGE, CacheParameterGroupName=name
        )
        for one in tables(answer.items):
            if one.get("ParameterName") == _POLICY:
                return Policy(text(name), text(one.get("ParameterValue"), 40))
        return Policy(text(name), SafeText())

    async def events(self, names: set[str]) -> tuple[CacheEvent, ...]:
        """What ElastiCache told of these clusters and groups in the last 24 hours, newest first."""
        if self._events_seldom.due(_EVENTS):
            found = await self._part("events", events_of(self.calls))
            if found is not None:
                self._events = found
                self._events_seldom.answered()
        return tuple(one for one in self._events if str(one.source) in names)

    def gaps(self) -> list[Gap]:
        """Every part that is missing now."""
        return [*self._cut, *self._lost.values()]


async def events_of(
    calls: Calls, hours: int = 24, since: datetime | None = None, **given: Any
) -> tuple[CacheEvent, ...]:
    """What ElastiCache told, newest first."""
    span: dict[str, Any] = {"Duration": hours * 60}
    if since is not None:
        span = {"StartTime": since - timedelta(seconds=30), "EndTime": calls.context.now() + timedelta(seconds=60)}
    answer = await calls.listed("elasticache", "describe_events", "Events", _MOST_EVENTS, _PAGE, **span, **given)
    found = [one for one in map(parse.event, tables(answer.items)) if one is not None]
    return tuple(sorted(found, key=lambda one: one.at, reverse=True))


def _metrics_of(node: CacheNode) -> dict[str, tuple[str, str]]:
    if node.engine == "memcached":
        return _MEMCACHED
    return {**_ENGINE, "lag": ("ReplicationLag", "Average")} if node.role == "replica" else _ENGINE


def _with_numbers(node: CacheNode, found: Mapping[str, Points]) -> CacheNode:
    def latest(key: str) -> float | None:
        return found.get(f"{node.key} {key}", Points()).latest

    def share(key: str) -> float | None:
        number = latest(key)
        return None if number is None else number / 100

    got, missed = latest("get_hits"), latest("get_misses")
    hits = share("hits")
    if got is not None and missed is not None:
        hits = got / (got + missed) if got + missed else None
    return replace(
        node,
        cpu=share("cpu"),
        memory=share("memory"),
        evictions=latest("evictions"),
        connections=latest("connections"),
        hits=hits,
        lag=latest("lag"),
    )
