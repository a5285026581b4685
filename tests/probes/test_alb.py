"""Reading load balancers on moto: targets with their reasons, metrics of the last whole minute, what is not there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook
from probes.aws.alb.facts import AlbFacts
from probes.aws.alb.gauges import measured
from probes.aws.alb.health import Health, health_of, name_of
from probes.aws.alb.parse import balancer as balancer_of
from probes.aws.alb.parse import group as group_of
from probes.aws.alb.probe import AlbProbe, AlbSettings
from probes.base import Cause, Context, ProbeError, Snapshot, Target
from tests.probes.awsstage import at, balancer
from tests.probes.rigs import TestSecrets
from tests.stack.aws import Cloud
from tests.toys import StillClock

pytestmark = pytest.mark.engine


@asynccontextmanager
async def probing(cloud: Cloud, **settings: Any) -> AsyncIterator[AlbProbe]:
    chosen = AlbSettings.model_validate({**at(cloud.port)} | settings)
    probe = AlbProbe(Target("front", "alb", chosen), Context(TestSecrets()))
    try:
        yield probe
    finally:
        await probe.close()


async def reading(cloud: Cloud, **settings: Any) -> Snapshot[AlbFacts]:
    async with probing(cloud, **settings) as probe:
        return await probe.read()


def alerts(*snapshots: Snapshot[AlbFacts]) -> dict[str, str]:
    """What the rules say after these readings, twenty seconds apart: sentence by rule."""
    clock = StillClock()
    board = Board([Target("front", "alb", AlbSettings())], clock)
    book = RuleBook("front", AlbProbe.rules, AlbProbe.gauges)
    found: tuple[Alert, ...] = ()
    for one in snapshots:
        clock.seconds += 20
        found = book.judge(board.take(one), clock.seconds, clock.wall)
    return {alert.rule: alert.words for alert in found}


def put(cloud: Cloud, lb: str, group: str, **values: float) -> None:
    """Metrics of a minute that is over."""
    one = {"Name": "LoadBalancer", "Value": lb.partition(":loadbalancer/")[2]}
    both = [{"Name": "TargetGroup", "Value": group.rpartition(":")[2]}, one]
    before = datetime.now(UTC) - timedelta(seconds=90)
    data = [
        {"MetricName": name, "Dimensions": [one] if "ELB" in name else both, "Value": value, "Timestamp": before}
        for name, value in values.items()
    ]
    cloud.client("cloudwatch").put_metric_data(Namespace="AWS/ApplicationELB", MetricData=data)


async def test_a_balancer_its_group_and_its_targets_are_told(moto: Cloud) -> None:
    moto.reset()
    lb, group = balancer(moto)
    put(moto, lb, group, TargetResponseTime=2.5, RequestCount=40, HTTPCode_Target_5XX_Count=9, HTTPCode_ELB_5XX_Count=3)
    snapshot = await reading(moto)
    (one,) = snapshot.facts.groups
    assert (one.name, one.protocol, one.port, one.type) == ("web-group", "HTTP", 8080, "ip")
    assert one.check.startswith("HTTP:traffic-port /health every ")
    assert (one.healthy, one.targets, one.targetless) == (2, 2, False)
    assert (one.average, one.requests, one.errors) == (2.5, 40, 9)
    (front,) = snapshot.facts.balancers
    assert (front.name, front.type, front.state, front.scheme) == ("web", "application", "active", "internal")
    assert front.errors == 3
    assert len(front.zones) == 2
    assert [gap.part for gap in snapshot.gaps] == ["percentiles"], "moto knows none"
    assert alerts(*[snapshot] * 5) == {
        "slow": "web-group: targets take 2.5 s to answer, limit 2 s",
        "balancer-errors": "web: the balancer itself answered with 5xx, 3/min",
        "target-errors": "web-group: its targets answered with 5xx, 9/min of 40/min",
    }


async def test_percentiles_are_read_where_they_are_known(ministack: Cloud) -> None:
    ministack.reset()
    lb, group = balancer(ministack)
    put(ministack, lb, group, TargetResponseTime=0.5)
    snapshot = await reading(ministack)
    (one,) = snapshot.facts.groups
    assert (one.average, one.p95, one.p99) == (0.5, 0.5, 0.5)
    assert one.healthy == 2
    assert snapshot.gaps == ()


async def test_without_a_target_callers_get_503(moto: Cloud) -> None:
    moto.reset()
    balancer(moto, targets=0)
    snapshot = await reading(moto)
    assert snapshot.facts.groups[0].targetless
    words = "web-group: the load balancer has no healthy target, callers get 503"
    assert alerts(snapshot)["no-healthy-target"] == words


async def test_metrics_that_nobody_reported_are_unknown_and_no_zero(moto: Cloud) -> None:
    moto.reset()
    balancer(moto)
    snapshot = await reading(moto)
    one = snapshot.facts.groups[0]
    assert (one.average, one.p95, one.requests, one.errors) == (None, None, None, None)
    assert snapshot.gauge("response_seconds", group="web-group") is None
    assert alerts(snapshot) == {}


async def test_names_choose_and_those_that_are_not_there_are_said(moto: Cloud) -> None:
    moto.reset()
    _, first = balancer(moto)
    lb, _ = balancer(moto, "api")
    snapshot = await reading(moto, target_groups=["api-group", "gone", first])
    assert sorted(one.name for one in snapshot.facts.groups) == ["api-group", "web-group"]
    assert [str(name) for name in snapshot.facts.absent] == ["gone"]
    assert alerts(snapshot)["absent"] == "there is no gone here"
    assert [one.name for one in (await reading(moto, load_balancer="api")).facts.groups] == ["api-group"]
    assert [one.name for one in (await reading(moto, load_balancer=lb)).facts.groups] == ["api-group"]
    nothing = await reading(moto, load_balancer="nope")
    assert [str(name) for name in nothing.facts.absent] == ["nope"]
    assert nothing.facts.groups == ()


async def test_a_still_balancer_costs_one_call_a_reading(moto: Cloud) -> None:
    moto.reset()
    balancer(moto)
    async with probing(moto) as probe:
        first = (await probe.read()).facts.seat.calls
        second = (await probe.read()).facts.seat.calls
    assert second - first == 1


async def test_another_account_is_not_read(moto: Cloud) -> None:
    with pytest.raises(ProbeError, match="the profile pins 999999999999") as told:
        await reading(moto, account="999999999999")
    assert told.value.cause is Cause.DENIED


def test_an_answer_with_nothing_in_it_is_no_exception() -> None:
    assert health_of("arn", {}).targets == ()
    (one,) = health_of("arn", {"TargetHealthDescriptions": [{"Target": None, "TargetHealth": {}}]}).targets
    assert (one.state, one.port) == ("unknown", None)
    assert group_of({}).check == ":"
    assert balancer_of({}).state == ""


def test_a_draining_target_is_neither_healthy_nor_a_reason() -> None:
    rows = [
        {"Target": {"Id": "a"}, "TargetHealth": {"State": state, "Reason": reason}}
        for state, reason in (
            ("draining", "Target.DeregistrationInProgress"), ("initial", "Elb.InitialHealthChecking"),
            ("unhealthy.draining", "Target.Timeout"), ("unavailable", ""),
        )
    ]  # fmt: skip
    health: Health = health_of("arn:x:targetgroup/web/1", {"TargetHealthDescriptions": rows})
    assert (health.name, health.healthy, health.unhealthy) == ("web", 0, 1)
    assert [str(why) for why, _ in health.reasons] == ["its first checks are under way", "unavailable"]
    assert name_of("strange") == "strange"


def test_a_balancer_that_is_not_active_is_critical() -> None:
    facts = AlbFacts(seat=None, balancers=(balancer_of({"LoadBalancerName": "web", "State": {"Code": "failed"}}),))  # type: ignore[arg-type]
    snapshot = Snapshot("front", datetime.now(UTC), 0.0, facts, measured(facts).values)
    assert alerts(snapshot)["balancer-down"] == "web: the load balancer is failed"
