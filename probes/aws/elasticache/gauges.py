"""Which numbers of managed caches everybody may use, and which are worth a person's attention by default."""

from __future__ import annotations

from typing import Final

from probes.aws.elasticache.facts import CacheGroup, CacheNode, ElastiCacheFacts
from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit

LABELLED: Final = 80
"""Nodes that get gauges and metrics: what a target may hold of both."""

SPECS: Final = (
    GaugeSpec("broken", "1 when a cache or a node is broken, labelled with its state.", better="low"),
    GaugeSpec("changing", "1 when a cache or a node is between two states and may not answer.", better="low"),
    GaugeSpec("absent", "1 for a cache that the profile names and that is not there.", better="low"),
    GaugeSpec("nodes", "Nodes that are there."),
    GaugeSpec(
        "cpu_ratio",
        "Cpu in use: of the engine's thread, or of the machine for memcached.",
        Unit.RATIO,
        capacity=Capacity.LOAD,
    ),
    GaugeSpec(
        "memory_ratio", "Share of the memory for data that is used.", Unit.RATIO, better="low", capacity=Capacity.USED
    ),
    GaugeSpec("evictions_per_minute", "Items thrown out to make room.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("connections", "Open connections."),
    GaugeSpec("hit_ratio", "Share of lookups that found something.", Unit.RATIO, better="high"),
    GaugeSpec("lag_seconds", "How far a replica is behind.", Unit.SECONDS, better="low"),
    GaugeSpec("no_failover", "1 when a group has replicas and no automatic failover.", better="low"),
)

RULES: Final = (
    Rule(
        name="broken", gauge="broken", op=">", threshold=0, severity=Severity.WARNING,
        say="{cache} is {state}",
    ),
    Rule(
        name="changing", gauge="changing", op=">", threshold=0, severity=Severity.NOTICE,
        say="{cache} is {state}, and may not answer",
    ),
    Rule(
        name="absent", gauge="absent", op=">", threshold=0, severity=Severity.WARNING,
        say="there is no cache {cache}",
    ),
    Rule(
        name="cpu", gauge="cpu_ratio", op=">", threshold=0.9, clear=0.8, severity=Severity.WARNING, hold=240,
        say="{cache}: its engine uses {value} of its one cpu",
    ),
    Rule(
        name="memory", gauge="memory_ratio", op=">", threshold=0.9, clear=0.85, severity=Severity.WARNING,
        say="{cache} uses {value} of its memory",
    ),
    Rule(
        name="evictions", gauge="evictions_per_minute", op=">", threshold=100, clear=50, severity=Severity.WARNING,
        hold=240, say="{cache} throws out {value} to make room",
    ),
    Rule(
        name="hit-rate-low", gauge="hit_ratio", op="<", threshold=0.5, clear=0.55, severity=Severity.NOTICE, hold=600,
        say="only {value} of lookups in {cache} find something",
    ),
    Rule(
        name="replica-behind", gauge="lag_seconds", op=">", threshold=30, clear=10, severity=Severity.WARNING, hold=120,
        say="replica {cache} is {value} behind",
    ),
    Rule(
        name="no-failover", gauge="no_failover", op=">", threshold=0, severity=Severity.NOTICE,
        say="{cache} has replicas, but no automatic failover",
    ),
)  # fmt: skip
"""A cache that is away makes an application slow, not dead: none of these is critical unless a profile says so."""


def measured(facts: ElastiCacheFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    gauges.put("nodes", len(facts.nodes))
    for name in facts.absent:
        gauges.put("absent", 1, cache=name)
    for group in facts.groups[:LABELLED]:
        _state(gauges, group, group.name)
        if len(group.members) > len(group.shards) and group.failover == "disabled":
            gauges.put("no_failover", 1, cache=group.name)
    for node in facts.nodes[:LABELLED]:
        _state(gauges, node, node.name)
        gauges.put("cpu_ratio", node.cpu, cache=node.name)
        gauges.put("memory_ratio", node.memory, cache=node.name)
        gauges.put("evictions_per_minute", node.evictions, cache=node.name)
        gauges.put("connections", node.connections, cache=node.name)
        gauges.put("hit_ratio", node.hits, cache=node.name)
        gauges.put("lag_seconds", node.lag, cache=node.name)
    return gauges


def _state(gauges: Gauges, one: CacheNode | CacheGroup, name: str) -> None:
    if one.changes:
        gauges.put("changing", 1, cache=name, state=one.status)
    elif one.status and not one.serves:
        gauges.put("broken", 1, cache=name, state=one.status)
