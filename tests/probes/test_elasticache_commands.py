"""The dialect of `aws elasticache`: which lines mean one of our acts, and which mean none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import recognised
from probes.aws.elasticache.act import ElastiCacheActuator
from probes.aws.elasticache.commands import NAME, NODE_TYPE
from probes.aws.elasticache.settings import ElastiCacheSettings
from probes.base import Context, Recognised, Request, Target
from tests.probes.acting import comes_back
from tests.probes.rigs import TestSecrets

names = some.from_regex(NAME, fullmatch=True)
numbers = some.from_regex(r"[0-9]{1,4}", fullmatch=True)
types = some.from_regex(NODE_TYPE, fullmatch=True)


def actuator(**settings: Any) -> ElastiCacheActuator:
    made = ElastiCacheSettings.model_validate({"region": "eu-west-1"} | settings)
    return ElastiCacheActuator(Target("cache", "elasticache", made), Context(TestSecrets()))


def meaning(line: str, **settings: Any) -> Recognised | None:
    return recognised(line, actuator(**settings))


@given(names, numbers)
def test_every_reboot_and_failover_comes_back_from_its_line(name: str, number: str) -> None:
    assert comes_back(actuator(), Request("reboot", (f"cluster/{name}/{number}",)))
    assert comes_back(actuator(profile="ops"), Request("failover", (f"group/{name}/{number}",)))


@given(some.sampled_from(["cluster", "group"]), names, types)
def test_every_change_of_type_comes_back_from_its_line(sort: str, name: str, word: str) -> None:
    assert comes_back(actuator(), Request("resize", (f"{sort}/{name}/0001",), word=word))


REBOOT = Request("reboot", ("cluster/social-analytics-redis/0001",))
FAILOVER = Request("failover", ("group/carts/0001",))
RESIZE = Request("resize", ("group/carts/0001",), word="cache.r7g.xlarge")


@pytest.mark.parametrize(
    ("line", "request_", "warned"),
    [
        (
            "aws elasticache reboot-cache-cluster --cache-cluster-id social-analytics-redis "
            "--cache-node-ids-to-reboot 0001",
            REBOOT,
            "loses all that is cached",
        ),
        (
            "aws elasticache reboot-cache-cluster --cache-node-ids-to-reboot=0001 --region eu-west-1 "
            "--cache-cluster-id=Social-Analytics-Redis --output text | head -1",
            REBOOT,
            "loses all that is cached",
        ),
        ("aws elasticache test-failover --replication-group-id carts --node-group-id 0001", FAILOVER, ""),
        (
            "aws elasticache modify-replication-group --replication-group-id carts --cache-node-type cache.r7g.xlarge "
            "--apply-immediately",
            RESIZE,
            "",
        ),
        (
            "aws elasticache modify-replication-group --cache-node-type cache.r7g.xlarge --replication-group-id carts",
            RESIZE,
            "at once",
        ),
        (
            "aws elasticache modify-cache-cluster --cache-cluster-id c --cache-node-type cache.t4g.small "
            "--apply-immediately",
            Request("resize", ("cluster/c/0001",), word="cache.t4g.small"),
            "",
        ),
        (
            "aws elasticache modify-cache-parameter-group --cache-parameter-group-name sessions7 "
            "--parameter-name-values ParameterName=maxmemory-policy,ParameterValue=allkeys-lru",
            Request("policy", ("parameters/sessions7",), word="allkeys-lru"),
            "",
        ),
    ],
)
def test_a_line_means_what_it_says_done_rightly(line: str, request_: Request, warned: str) -> None:
    found = meaning(line)
    assert found is not None
    assert found.request == request_
    assert (warned in found.warning) if warned else not found.warning


@pytest.mark.parametrize(
    "line",
    [
        "aws elasticache reboot-cache-cluster --cache-cluster-id c",
        "aws elasticache reboot-cache-cluster --cache-cluster-id c --cache-node-ids-to-reboot 0001 0002",
        "aws elasticache reboot-cache-cluster --cache-cluster-id c --cache-node-ids-to-reboot all",
        "aws elasticache reboot-cache-cluster --cache-cluster-id c --cache-node-ids-to-reboot 0001 --region us-east-1",
        "aws elasticache test-failover --replication-group-id carts",
        "aws elasticache modify-cache-cluster --cache-cluster-id c --num-cache-nodes 3",
        "aws elasticache modify-cache-cluster --cache-cluster-id c --cache-node-type big --apply-immediately",
        "aws elasticache modify-replication-group --replication-group-id c --cache-parameter-group-name x",
        "aws elasticache modify-cache-parameter-group --cache-parameter-group-name x "
        "--parameter-name-values ParameterName=timeout,ParameterValue=30",
        "aws elasticache delete-cache-cluster --cache-cluster-id c",
        "aws elasticache describe-cache-clusters --cache-cluster-id c",
        "aws rds reboot-cache-cluster --cache-cluster-id c --cache-node-ids-to-reboot 0001",
        "redis-cli -h c ping",
    ],
)
def test_a_line_that_means_something_else_or_speaks_of_another_place_means_nothing(line: str) -> None:
    assert meaning(line) is None
