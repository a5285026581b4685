"""Managed caches, read: on ministack and moto, and on a fake for the states they never show."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from probes.aws.elasticache import parse
from probes.aws.elasticache.facts import ElastiCacheFacts
from probes.aws.elasticache.probe import ElastiCacheProbe
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.base import Cause, Context, ProbeError, Snapshot, Target
from tests.probes import dbstage
from tests.probes.fakequery import FakeQuery, Says, fake_query
from tests.probes.rigs import TestSecrets
from tests.stack.aws import Cloud
from tests.toys import StillClock


def probe(port: int, **settings: Any) -> ElastiCacheProbe:
    made = ElastiCacheSettings.model_validate(dbstage.at(port, **settings))
    return ElastiCacheProbe(Target("cache", "elasticache", made), Context(TestSecrets()))


async def read(port: int, watched: bool = False, **settings: Any) -> Snapshot[ElastiCacheFacts]:
    made = probe(port, **settings)
    made.watched = watched
    try:
        return await made.read()
    finally:
        await made.close()


def raised(found: Snapshot[ElastiCacheFacts]) -> dict[str, str]:
    """Rule -> sentence of the alerts of a reading that stays as it is."""
    target = Target("cache", "elasticache", ElastiCacheSettings())
    return dbstage.raised(ElastiCacheProbe, target, *[found] * 3)


@pytest.fixture
def fake() -> Iterator[FakeQuery]:
    with fake_query("elasticache") as made:
        made.answers["DescribeReplicationGroups"] = lambda _: {"ReplicationGroups": []}
        made.answers["DescribeEvents"] = lambda _: {"Events": []}
        yield made


# on engines


@pytest.mark.engine
async def test_clusters_are_asked_for_their_nodes_and_groups_for_their_roles(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.cache(ministack, "sessions")
    dbstage.group(ministack, "carts")
    found = (await read(ministack.port)).facts
    (sessions, *members) = found.nodes
    assert (sessions.name, sessions.key, sessions.port) == ("sessions", "cluster/sessions/0001", 6379)
    assert sessions.host, "the endpoint comes only with ShowCacheNodeInfo"
    assert (sessions.engine, str(sessions.size), sessions.status) == ("redis", "cache.t3.micro", "available")
    assert [(str(one.group), one.role, one.shard) for one in members] == [
        ("carts", "primary", "0001"), ("carts", "replica", "0001"),
    ]  # fmt: skip
    (group,) = found.groups
    assert (group.failover, group.sharded, len(group.shards)) == ("enabled", False, 1)
    assert group.shards[0].primary == members[0].cluster


@pytest.mark.engine
async def test_a_group_is_meant_by_its_name_and_brings_its_members(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.cache(ministack, "sessions")
    dbstage.group(ministack, "carts")
    found = (await read(ministack.port, caches=["carts", "nowhere"])).facts
    assert {str(one.group) for one in found.nodes} == {"carts"}
    assert found.absent == ("nowhere",)


@pytest.mark.engine
async def test_the_policy_is_that_of_the_parameter_group_and_read_only_while_somebody_looks(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.cache(ministack, "sessions")
    assert (await read(ministack.port)).facts.policies == ()
    found = (await read(ministack.port, watched=True)).facts
    assert [(str(one.group), str(one.policy)) for one in found.policies] == [("default.redis7", "volatile-lru")]
    assert [str(event.words) for event in found.events] == ["Cache cluster created"]


@pytest.mark.engine
async def test_the_looks_tell_events_and_parameters(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.cache(ministack, "sessions")
    made = probe(ministack.port)
    await made.read()
    parameters = "\n".join(map(str, (await made.look("parameters", "cluster/sessions/0001")).lines))
    assert "maxmemory-policy = volatile-lru" in parameters
    assert "CONFIG SET does not work on ElastiCache" in parameters
    events = [str(line) for line in (await made.look("events", "cluster/sessions/0001")).lines]
    assert events[0].endswith("sessions  Cache cluster created")
    with pytest.raises(ProbeError, match="no look named"):
        await made.look("keys", "")
    await made.close()


@pytest.mark.engine
async def test_load_comes_from_cloudwatch_by_node_and_what_is_not_told_is_unknown(moto: Cloud) -> None:
    moto.reset()
    dbstage.cache(moto, "sessions")
    where = {"CacheClusterId": "sessions", "CacheNodeId": "0001"}
    for metric, value in (("EngineCPUUtilization", 12.0), ("DatabaseMemoryUsagePercentage", 94.0), ("Evictions", 240.0),
                          ("CurrConnections", 51.0)):  # fmt: skip
        dbstage.measure(moto, "AWS/ElastiCache", metric, where, value)
    found = await read(moto.port)
    (one,) = found.facts.nodes
    assert (one.cpu, one.memory, one.evictions, one.connections) == (0.12, 0.94, 240.0, 51.0)
    assert one.hits is None
    alerts = raised(found)
    assert alerts["memory"] == "sessions uses 94 % of its memory"
    assert alerts["evictions"] == "sessions throws out 240/min to make room"
    assert "hit-rate-low" not in alerts


# on a fake


def cluster(name: str = "sessions", **more: Any) -> dict[str, Any]:
    node = {
        "CacheNodeId": "0001",
        "CacheNodeStatus": "available",
        "Endpoint": {"Address": f"{name}.abc.cache.amazonaws.com", "Port": 6379},
        "CacheNodeCreateTime": dbstage.MADE,
    }
    return {
        "CacheClusterId": name,
        "CacheClusterStatus": "available",
        "ARN": f"arn:aws:elasticache:eu-west-1:1:cluster:{name}",
        "Engine": "redis",
        "CacheNodeType": "cache.r7g.large",
        "NumCacheNodes": 1,
        "CacheNodes": [node],
    } | more


@pytest.mark.parametrize(
    ("status", "rule", "words"),
    [
        ("rebooting cluster nodes", "changing", "sessions is rebooting cluster nodes, and may not answer"),
        ("incompatible-network", "broken", "sessions is incompatible-network"),
        ("restore-failed", "broken", "sessions is restore-failed"),
    ],
)
async def test_a_state_that_does_not_serve_has_its_alert(fake: FakeQuery, status: str, rule: str, words: str) -> None:
    dbstage.knows(fake, "DescribeCacheClusters", "CacheClusterId", sessions=cluster(CacheClusterStatus=status))
    assert raised(await read(fake.port)) == {rule: words}


@pytest.mark.parametrize("status", ["available", "snapshotting", "modifying"])
async def test_a_state_in_which_it_serves_raises_nothing(fake: FakeQuery, status: str) -> None:
    dbstage.knows(fake, "DescribeCacheClusters", "CacheClusterId", sessions=cluster(CacheClusterStatus=status))
    assert raised(await read(fake.port)) == {}


async def test_nodes_of_a_memcached_cluster_are_told_apart(fake: FakeQuery) -> None:
    nodes = [{"CacheNodeId": id, "CacheNodeStatus": "available"} for id in ("0001", "0002")]
    row = cluster("pages", Engine="memcached", NumCacheNodes=2, CacheNodes=nodes)
    dbstage.knows(fake, "DescribeCacheClusters", "CacheClusterId", pages=row)
    assert [one.name for one in (await read(fake.port)).facts.nodes] == ["pages/0001", "pages/0002"]


async def test_groups_that_may_not_be_described_are_a_gap_and_the_clusters_are_told(fake: FakeQuery) -> None:
    def no(_: Mapping[str, str]) -> Mapping[str, Any]:
        raise Says("AccessDenied", "no", 403)

    dbstage.knows(fake, "DescribeCacheClusters", "CacheClusterId", sessions=cluster())
    fake.answers["DescribeReplicationGroups"] = no
    found = await read(fake.port)
    assert [(gap.part, gap.cause) for gap in found.gaps] == [("replication groups", Cause.DENIED)]
    assert [one.name for one in found.facts.nodes] == ["sessions"]


async def test_a_group_with_replicas_and_no_failover_is_noticed(fake: FakeQuery) -> None:
    members = [{"CacheClusterId": f"carts-00{n}", "CacheNodeId": "0001", "CurrentRole": role}
               for n, role in ((1, "primary"), (2, "replica"))]  # fmt: skip
    group = {
        "ReplicationGroupId": "carts", "Status": "available", "AutomaticFailover": "disabled",
        "MemberClusters": ["carts-001", "carts-002"],
        "NodeGroups": [{"NodeGroupId": "0001", "NodeGroupMembers": members}],
    }  # fmt: skip
    fake.answers["DescribeReplicationGroups"] = lambda _: {"ReplicationGroups": [group]}
    dbstage.knows(fake, "DescribeCacheClusters", "CacheClusterId", carts_001=cluster("carts-001"))
    assert raised(await read(fake.port)) == {"no-failover": "carts has replicas, but no automatic failover"}


async def test_another_account_than_the_pinned_one_is_not_looked_at(fake: FakeQuery) -> None:
    with pytest.raises(ProbeError, match="the profile pins 999999999999"):
        await read(fake.port, account="999999999999")
    assert [operation for operation, _ in fake.asked] == ["GetCallerIdentity"]


async def test_an_expired_login_says_so(fake: FakeQuery) -> None:
    def no(_: Mapping[str, str]) -> Mapping[str, Any]:
        raise Says("ExpiredToken", "no", 403)

    fake.answers["DescribeCacheClusters"] = no
    with pytest.raises(ProbeError, match="the login has expired") as caught:
        await read(fake.port)
    assert caught.value.cause is Cause.AUTH


def test_ten_thousand_clusters_are_parsed_in_a_moment() -> None:
    rows = [cluster(f"c-{n}") for n in range(10_000)]
    began = time.process_time()
    found = [node for row in rows for node in parse.nodes(row)]
    assert time.process_time() - began < 10.0
    assert len(found) == 10_000


@pytest.mark.parametrize("raw", [{}, {"CacheClusterId": 3, "CacheNodes": "x", "NumCacheNodes": "many", "ARN": []}])
def test_an_answer_that_is_not_as_documented_is_unknown_and_no_exception(raw: dict[str, Any]) -> None:
    (node,) = parse.nodes(raw)
    assert (node.cluster, node.status, node.port, node.made) == ("", "", None, None)
    assert parse.group(raw).shards == ()
    assert parse.event({"Date": datetime(2026, 3, 1), "Message": "x"}) is not None
    assert parse.event(raw) is None
    assert StillClock().now().tzinfo is UTC
