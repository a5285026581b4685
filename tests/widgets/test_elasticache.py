"""Managed caches as they are drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from probes.aws.calls import Seat
from probes.aws.elasticache.facts import CacheGroup, CacheNode, ElastiCacheFacts, Policy, Shard
from probes.base import SafeText, Severity, Snapshot
from tests.toys import StillClock
from widgets.elasticache import ElastiCachePanel, ShardRow
from widgets.panel import View, Worry

SEAT = Seat(SafeText("123456789012 eu-west-1 as ops/ann"), 41, None)
NODE = CacheNode(
    cluster="sessions", id="0001", status="available", engine="redis", version=SafeText("7.1"), role="primary",
    size=SafeText("cache.r7g.large"), memory=0.94, hits=0.87, evictions=240.0, cpu=0.12, connections=51.0,
)  # fmt: skip
GROUP = CacheGroup("carts", status="available", failover="enabled", shards=(Shard("0001", members=("a", "b")),))


def view(facts: ElastiCacheFacts, worries: tuple[Worry, ...] = ()) -> View[ElastiCacheFacts]:
    snapshot = Snapshot("cache", StillClock().now(), 0.0, facts)
    return View("cache", snapshot, lambda name, **labels: [1.0, None, 2.0], worries)


def text(lines: Any) -> str:
    return "\n".join(line.text for line in lines)


def drawn(facts: ElastiCacheFacts, width: int) -> str:
    panel, seen = ElastiCachePanel(), view(facts)
    return text([*panel.brief(seen, width), *panel.head(seen, width)])


@pytest.mark.parametrize("width", [40, 58, 80, 118, 200])
def test_a_node_of_which_nothing_is_known_is_drawn_with_dashes(width: int) -> None:
    found = drawn(ElastiCacheFacts(SEAT, (CacheNode("c", "0001"),)), width)
    assert "–" in found
    assert "0 %" not in found


def test_a_wide_screen_tells_memory_hits_evictions_and_role() -> None:
    facts = ElastiCacheFacts(SEAT, (NODE,), (GROUP,), policies=(Policy(SafeText("pg"), SafeText("volatile-lru")),))
    found = drawn(facts, 118)
    for words in ("mem 94 %", "hit 87 %", "evict 240/min", "primary", "carts", "1 shard", "volatile-lru  (pg)"):
        assert words in found


def test_what_does_not_answer_is_never_drawn_as_well_and_comes_first() -> None:
    rebooting = replace(NODE, cluster="pages", status="rebooting cluster nodes")
    seen = view(ElastiCacheFacts(SEAT, (NODE, rebooting), absent=("ledger",)))
    lines = list(ElastiCachePanel().brief(seen, 80))
    assert "there is no ledger" in lines[0].text
    assert "pages" in lines[1].text
    assert lines[1].severity is Severity.NOTICE


def test_the_details_of_a_node_and_of_a_shard() -> None:
    nodes, shards, _, events = ElastiCachePanel.tables
    facts = ElastiCacheFacts(SEAT, (NODE,), (GROUP,))
    assert nodes.detail is not None
    assert "94 % of what is for data" in text(nodes.detail(NODE))
    (row,) = shards.rows(facts)
    assert isinstance(row, ShardRow)
    assert shards.key(row) == "group/carts/0001"
    assert shards.detail is not None
    assert "not told" in text(shards.detail(row))
    assert events.rows(facts) == ()
