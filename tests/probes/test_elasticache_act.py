"""Acting on managed caches: on ministack to the end, on a fake for what takes AWS minutes or no emulator has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from probes.aws.account import Whose
from probes.aws.elasticache import parse
from probes.aws.elasticache.act import ElastiCacheActuator
from probes.aws.elasticache.facts import ElastiCacheFacts
from probes.aws.elasticache.policies import ParameterGroup, verdict
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.base import (
    Cause,
    Context,
    Danger,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Target,
    Truth,
)
from tests.probes import dbstage
from tests.probes.acting import carried_out, comes_back, perform, settled
from tests.probes.fakequery import FakeQuery, Says, fake_query
from tests.probes.rigs import TestSecrets
from tests.probes.test_elasticache import cluster, read
from tests.stack.aws import Cloud
from tests.stack.faultproxy import FaultProxy, Mode

NODE, SHARD = "cluster/sessions/0001", "group/carts/0001"
REBOOT, FAILOVER = Request("reboot", (NODE,)), Request("failover", (SHARD,))
RESIZE = Request("resize", (SHARD,), word="cache.r7g.xlarge")


def actuator(port: int, **settings: Any) -> ElastiCacheActuator:
    made = ElastiCacheSettings.model_validate(dbstage.at(port, **settings))
    return ElastiCacheActuator(Target("cache", "elasticache", made), Context(TestSecrets()))


def group(primary: str = "carts-001", **more: Any) -> dict[str, Any]:
    members = [
        {"CacheClusterId": f"carts-00{n}", "CacheNodeId": "0001"}
        | ({"CurrentRole": "primary" if primary == f"carts-00{n}" else "replica"} if primary else {})
        for n in (1, 2)
    ]
    return {
        "ReplicationGroupId": "carts",
        "ARN": "arn:aws:elasticache:eu-west-1:1:replicationgroup:carts",
        "Status": "available",
        "AutomaticFailover": "enabled",
        "ClusterEnabled": not primary,
        "CacheNodeType": "cache.r7g.large",
        "ReplicationGroupCreateTime": dbstage.MADE,
        "MemberClusters": ["carts-001", "carts-002"],
        "NodeGroups": [{"NodeGroupId": "0001", "Status": "available", "NodeGroupMembers": members}],
    } | more


def groups(fake: FakeQuery, **more: Any) -> None:
    dbstage.knows(fake, "DescribeReplicationGroups", "ReplicationGroupId", carts=group(**more))


def clusters(fake: FakeQuery, **more: Any) -> None:
    rows = {"sessions": cluster(**more)} | {
        f"carts_00{n}": cluster(f"carts-00{n}", ReplicationGroupId="carts") for n in (1, 2)
    }
    dbstage.knows(fake, "DescribeCacheClusters", "CacheClusterId", **rows)


@pytest.fixture
def fake() -> Iterator[FakeQuery]:
    with fake_query("elasticache") as made:
        clusters(made)
        groups(made)
        made.answers["DescribeEvents"] = lambda _: {"Events": []}
        made.answers["ListAllowedNodeTypeModifications"] = lambda _: {
            "ScaleUpModifications": ["cache.r7g.xlarge", "cache.r7g.2xlarge"],
            "ScaleDownModifications": ["cache.t4g.medium"],
        }
        made.answers["TestFailover"] = lambda _: {"ReplicationGroup": {"Status": "modifying"}}
        made.answers["RebootCacheCluster"] = lambda _: {
            "CacheCluster": {"CacheClusterStatus": "rebooting cluster nodes"}
        }
        made.answers["ModifyReplicationGroup"] = lambda _: {"ReplicationGroup": {"Status": "modifying"}}
        yield made


# on engines, to the end


@pytest.mark.engine
async def test_a_node_is_rebooted_once_and_seen_to_have_restarted(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.cache(ministack, "sessions")
    acting = actuator(ministack.port)
    done = await perform(acting, REBOOT)
    assert [one.result for one in done.outcomes] == [Result.DONE]
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert "the cache is cold" in str(done.verdicts[0].words)
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert "lost" in str(done.plan.subjects[0].felt[0])
    await acting.close()


@pytest.mark.engine
async def test_a_group_changes_its_node_type(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.group(ministack, "carts")
    acting = actuator(ministack.port)
    done = await perform(acting, Request("resize", (SHARD,), word="cache.t3.small"))
    assert done.verdicts[0].truth is Truth.CONFIRMED
    there = ministack.client("elasticache").describe_replication_groups(ReplicationGroupId="carts")
    assert there["ReplicationGroups"][0]["CacheNodeType"] == "cache.t3.small"
    assert "which types are allowed could not be asked" in " ".join(map(str, done.plan.notes))
    await acting.close()


def owned(cloud: Cloud, policy: str = "volatile-lru") -> None:
    """A parameter group of one's own that two clusters use, and a cluster that uses the default one."""
    cloud.reset()
    client = cloud.client("elasticache")
    client.create_cache_parameter_group(
        CacheParameterGroupName="sessions7", CacheParameterGroupFamily="redis7", Description="of the sessions"
    )
    client.modify_cache_parameter_group(
        CacheParameterGroupName="sessions7",
        ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": policy}],
    )
    dbstage.cache(cloud, "sessions", CacheParameterGroupName="sessions7")
    dbstage.cache(cloud, "carts", CacheParameterGroupName="sessions7")
    dbstage.cache(cloud, "other")


def policy_of(cloud: Cloud, group: str) -> str:
    answer = cloud.client("elasticache").describe_cache_parameters(CacheParameterGroupName=group)
    return next(
        str(one["ParameterValue"]) for one in answer["Parameters"] if one["ParameterName"] == "maxmemory-policy"
    )


@pytest.mark.engine
async def test_the_policy_of_a_parameter_group_is_set_for_all_clusters_that_use_it(ministack: Cloud) -> None:
    owned(ministack)
    acting = actuator(ministack.port)
    request = Request("policy", ("parameters/sessions7",), word="allkeys-lru")
    done = await perform(acting, request)
    assert (done.plan.danger, str(done.plan.undo)) == (Danger.DISRUPTIVE, "set it back to volatile-lru")
    assert str(done.plan.subjects[0].felt[0]) == "used by carts, sessions"
    assert [one.result for one in done.outcomes] == [Result.DONE]
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert str(done.verdicts[0].words) == "the group says allkeys-lru, in force in carts, sessions"
    assert (policy_of(ministack, "sessions7"), policy_of(ministack, "default.redis7")) == (
        "allkeys-lru",
        "volatile-lru",
    )
    assert comes_back(acting, request)
    words = [one.word for one in await acting.choices("policy", ("parameters/sessions7",))]
    assert words[0] == "allkeys-lru"
    assert "noeviction" in words
    again = await acting.plan(request)
    assert (str(again.subjects[0].spared), again.subjects[0].barred) == ("it is allkeys-lru already", True)
    await acting.close()


@pytest.mark.engine
async def test_away_from_noeviction_it_is_destructive_and_says_what_becomes_of_queues(ministack: Cloud) -> None:
    owned(ministack, "noeviction")
    acting = actuator(ministack.port)
    plan = await acting.plan(Request("policy", ("parameters/sessions7",), word="allkeys-lru"))
    assert plan.danger is Danger.DESTRUCTIVE
    assert "where queues live only noeviction may stand" in str(plan.notes[0])
    await acting.close()


@pytest.mark.engine
async def test_a_parameter_group_that_another_cluster_uses_by_now_or_says_something_else_is_not_touched(
    ministack: Cloud,
) -> None:
    owned(ministack)
    acting = actuator(ministack.port)
    request = Request("policy", ("parameters/sessions7",), word="allkeys-lru")
    done = await perform(
        acting, request, lambda plan: dbstage.cache(ministack, "late", CacheParameterGroupName="sessions7")
    )
    assert done.outcomes[0].result is Result.REFUSED
    assert "changed since you looked: used by carts sessions -> carts late sessions" in str(done.outcomes[0].words)
    done = await perform(acting, request, lambda plan: owned(ministack, "allkeys-lfu"))
    assert done.outcomes[0].result is Result.REFUSED
    assert policy_of(ministack, "sessions7") == "allkeys-lfu"
    assert done.sent == []
    await acting.close()


@pytest.mark.engine
async def test_a_default_group_is_never_changed_and_says_what_to_do_instead(ministack: Cloud) -> None:
    owned(ministack)
    acting = actuator(ministack.port)
    plan = await acting.plan(Request("policy", ("parameters/default.redis7",), word="allkeys-lru"))
    assert plan.chosen == ()
    assert "a parameter group of their own" in str(plan.subjects[0].spared)
    facts = (await read(ministack.port, watched=True)).facts
    offers = {str(one.group): acting.offers(facts, (f"parameters/{one.group}",)) for one in facts.policies}
    assert [one.refused for one in offers["sessions7"]] == [""]
    assert offers["default.redis7"][0].refused
    with pytest.raises(ProbeError) as caught:
        await acting.plan(Request("policy", ("parameters/nowhere",), word="allkeys-lru"))
    assert caught.value.cause is Cause.GONE
    await acting.close()


@pytest.mark.parametrize(
    ("policy", "state", "truth", "words"),
    [
        ("allkeys-lru", "in-sync", Truth.CONFIRMED, "in force in sessions"),
        ("allkeys-lru", "pending-reboot", Truth.PENDING, "not in force yet: sessions pending-reboot"),
        ("allkeys-lru", "", Truth.PENDING, "not in force yet: sessions does not tell"),
        ("volatile-lru", "in-sync", Truth.REFUTED, "AWS accepted it, but it says volatile-lru"),
    ],
)
def test_a_policy_is_true_only_where_it_is_in_force(policy: str, state: str, truth: Truth, words: str) -> None:
    nodes = parse.nodes(cluster(CacheParameterGroup={"CacheParameterGroupName": "s", "ParameterApplyStatus": state}))
    whose = Whose("1", SafeText("ops"), "eu-west-1")
    there = ParameterGroup(whose, "s", "arn", "redis7", policy, True, tuple(nodes), False)
    found = verdict(there, "allkeys-lru", Outcome(Result.DONE, SafeText("")), 120.0)
    assert found.truth is truth
    assert words in str(found.words)


def test_a_policy_of_which_nobody_knows_whether_it_was_set_may_still_come() -> None:
    whose = Whose("1", SafeText("ops"), "eu-west-1")
    there = ParameterGroup(whose, "s", "arn", "redis7", "volatile-lru", True, (), False)
    lost = Outcome(Result.UNKNOWN, SafeText("no answer"))
    assert verdict(there, "allkeys-lru", lost, 1.0).truth is Truth.PENDING
    assert verdict(there, "allkeys-lru", lost, 120.0).truth is Truth.REFUTED


@pytest.mark.engine
async def test_what_the_place_does_not_support_has_not_been_done(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.group(ministack, "carts")
    acting = actuator(ministack.port)
    done = await perform(acting, FAILOVER)
    assert done.outcomes[0].result is Result.FAILED
    assert "does not know elasticache:TestFailover" in str(done.outcomes[0].words)
    await acting.close()


@pytest.mark.engine
async def test_a_cluster_that_was_replaced_is_left_alone(ministack: Cloud) -> None:
    ministack.reset()
    dbstage.cache(ministack, "sessions")
    acting = actuator(ministack.port)

    def gone(_: Plan) -> None:
        ministack.client("elasticache").delete_cache_cluster(CacheClusterId="sessions")

    done = await perform(acting, REBOOT, gone)
    assert done.outcomes[0].result is Result.REFUSED
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert done.sent == []
    with pytest.raises(ProbeError) as caught:
        await acting.plan(REBOOT)
    assert caught.value.cause is Cause.GONE
    await acting.close()


FAULTS = [Mode.LOSE, Mode.RESET_LATER, Mode.SILENT, Mode.GARBAGE, Mode.TRUNCATE, Mode.CLOSE]


@pytest.mark.once
@pytest.mark.parametrize("mode", FAULTS, ids=lambda mode: mode.value)
@pytest.mark.parametrize(
    ("request_", "needle"),
    [
        (REBOOT, b"Action=RebootCacheCluster"),
        (FAILOVER, b"Action=TestFailover"),
        (RESIZE, b"Action=ModifyReplicationGroup"),
    ],
    ids=["reboot", "failover", "resize"],
)
async def test_an_act_is_sent_once_however_its_answer_is_lost(
    fake: FakeQuery, mode: Mode, request_: Request, needle: bytes
) -> None:
    with FaultProxy(fake.port) as proxy:
        acting = actuator(proxy.port, timeout=4.0)
        plan = await acting.plan(request_)
        proxy.become(mode, when=needle, after=40 if mode is Mode.TRUNCATE else None)
        outcome = await carried_out(acting, plan, plan.chosen[0], [])
        assert outcome.result is Result.UNKNOWN, outcome
        proxy.mode = Mode.PASS
        verdict = await acting.verify(plan, plan.chosen[0], outcome, 1.0)
        assert verdict.truth is Truth.PENDING
        assert proxy.seen(needle) == 1
        await acting.close()


# what takes AWS minutes, or no emulator has


async def test_a_failover_is_true_when_another_node_is_primary_and_the_group_available(fake: FakeQuery) -> None:
    acting = actuator(fake.port)
    plan = await acting.plan(FAILOVER)
    assert plan.danger is Danger.DISRUPTIVE
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    assert outcome.result is Result.DONE
    asked = fake.last("TestFailover")
    assert (asked["ReplicationGroupId"], asked["NodeGroupId"]) == ("carts", "0001")
    groups(fake, Status="modifying")
    later = actuator(fake.port)
    assert (await later.verify(plan, plan.chosen[0], outcome, 5.0)).truth is Truth.PENDING
    groups(fake, primary="carts-002")
    verdict = await acting.verify(plan, plan.chosen[0], outcome, 60.0)
    assert verdict.truth is Truth.CONFIRMED
    assert str(verdict.words) == "carts-002 is primary, carts-001 was; the group is available"
    for one in (acting, later):
        await one.close()


async def test_a_failover_in_cluster_mode_is_told_by_events_for_roles_are_not(fake: FakeQuery) -> None:
    groups(fake, primary="")
    acting = actuator(fake.port)
    plan = await acting.plan(FAILOVER)
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    words = "Failover from primary node {} to replica node {} completed"

    def told(old: str, new: str, seconds: int) -> None:
        at = plan.looked_at + timedelta(seconds=seconds)
        fake.answers["DescribeEvents"] = lambda _: {
            "Events": [{"Date": at, "Message": words.format(old, new), "SourceIdentifier": "carts"}]
        }

    for old, new, seconds, truth in (
        ("other-001", "other-002", 30, Truth.PENDING),
        ("carts-001", "carts-002", -30, Truth.PENDING),
        ("carts-001", "carts-002", 30, Truth.CONFIRMED),
    ):
        told(old, new, seconds)
        looking = actuator(fake.port)
        assert (await looking.verify(plan, plan.chosen[0], outcome, 60.0)).truth is truth
        await looking.close()
    await acting.close()


@pytest.mark.parametrize(
    ("status", "told", "truth"),
    [
        ("rebooting cluster nodes", "", Truth.PENDING),
        ("available", "", Truth.CONFIRMED),
        ("incompatible-network", "", Truth.REFUTED),
    ],
)
async def test_a_reboot_is_followed_by_its_state(fake: FakeQuery, status: str, told: str, truth: Truth) -> None:
    acting = actuator(fake.port)
    plan = await acting.plan(REBOOT)
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    clusters(fake, CacheClusterStatus=status)
    assert (await acting.verify(plan, plan.chosen[0], outcome, 30.0)).truth is truth
    await acting.close()


async def test_another_nodes_restart_is_not_taken_for_this_ones(fake: FakeQuery) -> None:
    fake.answers["RebootCacheCluster"] = lambda _: {"CacheCluster": {}}
    acting = actuator(fake.port)
    plan = await acting.plan(REBOOT)
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    at = plan.looked_at + timedelta(seconds=9)
    fake.answers["DescribeEvents"] = lambda _: {"Events": [{"Date": at, "Message": "Cache node 0002 restarted"}]}
    assert (await acting.verify(plan, plan.chosen[0], outcome, 30.0)).truth is Truth.PENDING
    later = actuator(fake.port)
    fake.answers["DescribeEvents"] = lambda _: {"Events": [{"Date": at, "Message": "Cache node 0001 restarted"}]}
    assert (await settled(later, plan, plan.chosen[0], outcome)).truth is Truth.CONFIRMED
    for one in (acting, later):
        await one.close()


@pytest.mark.parametrize(
    ("change", "truth"),
    [
        ({"Status": "modifying"}, Truth.PENDING),
        ({"CacheNodeType": "cache.r7g.xlarge", "Status": "modifying"}, Truth.PENDING),
        ({"CacheNodeType": "cache.r7g.xlarge"}, Truth.CONFIRMED),
        ({}, Truth.REFUTED),
    ],
)
async def test_a_change_of_type_is_true_when_it_has_it_and_is_available(
    fake: FakeQuery, change: dict[str, Any], truth: Truth
) -> None:
    acting = actuator(fake.port)
    plan = await acting.plan(RESIZE)
    assert str(plan.undo) == "change it back to cache.r7g.large"
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    groups(fake, **change)
    assert (await acting.verify(plan, plan.chosen[0], outcome, 100.0)).truth is truth
    asked = fake.last("ModifyReplicationGroup")
    assert (asked["CacheNodeType"], asked["ApplyImmediately"]) == ("cache.r7g.xlarge", "true")
    await acting.close()


async def test_only_types_that_aws_allows_can_be_chosen(fake: FakeQuery) -> None:
    acting = actuator(fake.port)
    found = await acting.choices("resize", (SHARD,))
    assert [one.word for one in found] == ["cache.r7g.xlarge", "cache.r7g.2xlarge", "cache.t4g.medium"]
    assert "must fit" in str(found[2].about)
    assert await acting.choices("reboot", (NODE,)) == ()
    plan = await acting.plan(Request("resize", (SHARD,), word="cache.r7g.16xlarge"))
    assert str(plan.subjects[0].spared) == "AWS does not allow cache.r7g.16xlarge for it"
    assert not plan.chosen
    smaller = await acting.plan(Request("resize", (SHARD,), word="cache.t4g.medium"))
    assert "cache.t4g.medium is smaller: what is cached must fit into it" in list(map(str, smaller.notes))
    await acting.close()


async def test_what_waits_for_the_window_would_be_done_too_so_a_person_must_take_that_in(fake: FakeQuery) -> None:
    groups(fake, PendingModifiedValues={"AutomaticFailoverStatus": "disabled"})
    acting = actuator(fake.port)
    plan = await acting.plan(RESIZE)
    assert not plan.chosen
    assert "would be done at once too: failover disabled" in str(plan.subjects[0].spared)
    assert plan.taking_in([SHARD]).chosen
    await acting.close()


async def test_a_node_in_cluster_mode_is_not_rebooted_and_failover_is_named_instead(fake: FakeQuery) -> None:
    groups(fake, primary="")
    acting = actuator(fake.port)
    plan = await acting.plan(Request("reboot", ("cluster/carts-001/0001",)))
    assert plan.subjects[0].barred
    assert "can't be rebooted; a failover" in str(plan.subjects[0].spared)
    await acting.close()


async def test_a_primary_with_a_replica_is_better_failed_over_and_that_is_said(fake: FakeQuery) -> None:
    acting = actuator(fake.port)
    plan = await acting.plan(Request("reboot", ("cluster/carts-001/0001",)))
    assert "a failover of its shard would keep what is cached" in list(map(str, plan.notes))
    shard = await acting.plan(FAILOVER)
    assert plan.pin == shard.pin, "acts on one group wait for one another"
    await acting.close()


def facts(**more: Any) -> ElastiCacheFacts:
    made_group = parse.group(group(**more))
    nodes = [node for name in ("carts-001", "sessions") for node in parse.nodes(cluster(name))]
    nodes += parse.nodes(cluster("pages", Engine="memcached"))
    return ElastiCacheFacts(
        seat=None,  # type: ignore[arg-type]
        nodes=tuple(parse.joined(nodes, [made_group])),
        groups=(made_group,),
    )


def refusals(fake: FakeQuery, subject: str, **more: Any) -> dict[str, str]:
    return {one.action.name: one.refused for one in actuator(fake.port).offers(facts(**more), (subject,))}


def test_offers_say_what_can_not_be_done_and_why(fake: FakeQuery) -> None:
    assert refusals(fake, "cluster/sessions/0001")["reboot"] == ""
    assert refusals(fake, "cluster/sessions/0001")["failover"] == "it has no replica to fail over to"
    assert "make a new one" in refusals(fake, "cluster/pages/0001")["resize"]
    assert refusals(fake, SHARD) == {"reboot": "choose one of its nodes", "failover": "", "resize": ""}
    assert (
        refusals(fake, SHARD, AutomaticFailover="disabled")["failover"] == "automatic failover of the group is disabled"
    )
    assert refusals(fake, SHARD, Status="modifying")["resize"] == "the group is modifying"
    assert "cluster mode" in refusals(fake, "cluster/carts-001/0001", primary="")["reboot"]
    assert refusals(fake, "cluster/nowhere/0001") == {}
    assert actuator(fake.port).offers(facts(), ()) == ()


@pytest.mark.parametrize(
    ("code", "result", "words"),
    [
        ("TestFailoverNotAvailableFault", Result.REFUSED, "does not allow a failover of it now"),
        ("APICallRateForCustomerExceeded", Result.REFUSED, "no more failovers in these 24 hours"),
        ("InvalidReplicationGroupState", Result.REFUSED, "in the state the cache is in"),
        ("AccessDenied", Result.FAILED, "the login may not elasticache:TestFailover"),
        ("Throttling", Result.FAILED, "fewer calls"),
    ],
)
async def test_each_no_has_its_meaning(fake: FakeQuery, code: str, result: Result, words: str) -> None:
    def no(_: Mapping[str, str]) -> Mapping[str, Any]:
        raise Says(code, "no", 400 if code != "AccessDenied" else 403)

    fake.answers["TestFailover"] = no
    acting = actuator(fake.port)
    plan = await acting.plan(FAILOVER)
    outcome = await carried_out(acting, plan, plan.chosen[0], [])
    assert outcome.result is result
    assert words in str(outcome.words)
    assert fake.count("TestFailover") == 1
    await acting.close()


async def test_a_primary_that_moved_in_between_is_looked_at_again_first(fake: FakeQuery) -> None:
    acting = actuator(fake.port)
    plan = await acting.plan(FAILOVER)
    groups(fake, primary="carts-002")
    sent: list[str] = []
    outcome = await carried_out(acting, plan, plan.chosen[0], sent)
    assert outcome.result is Result.REFUSED
    assert str(outcome.words) == "changed since you looked: primary carts-001 -> carts-002"
    assert sent == []
    await acting.close()


@pytest.mark.parametrize(
    "request_",
    [
        Request("flush", (NODE,)),
        Request("resize", (NODE,)),
        Request("reboot", (NODE,), 2),
        Request("reboot", ()),
        Request("reboot", (NODE, "cluster/pages/0001")),
    ],
)
async def test_a_request_that_is_no_act_is_refused(fake: FakeQuery, request_: Request) -> None:
    acting = actuator(fake.port)
    with pytest.raises(ProbeError) as caught:
        await acting.plan(request_)
    assert caught.value.cause is Cause.MISSING
    assert fake.asked == []
    await acting.close()


def test_an_act_comes_back_from_the_line_that_its_plan_shows() -> None:
    assert comes_back(actuator(1), REBOOT)
    assert comes_back(actuator(1), RESIZE)
