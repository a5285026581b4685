"""The dialect of ECS: which lines of the AWS command line mean one of our acts, and which mean none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import recognised
from probes.aws.ecs.act import EcsActuator
from probes.aws.ecs.settings import EcsSettings
from probes.base import Context, Recognised, Request, Target
from tests.probes.acting import comes_back
from tests.toys import NoSecrets

CLUSTER_ARN = "arn:aws:ecs:eu-west-1:123456789012:cluster/social-analytics-cluster"
UPDATE = "aws ecs update-service --cluster social-analytics-cluster --service backend-service"
REGISTER = (
    "aws application-autoscaling register-scalable-target --service-namespace ecs "
    "--scalable-dimension ecs:service:DesiredCount --resource-id service/social-analytics-cluster/backend-service"
)
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/social-analytics-cluster/8e0b6ceab51d4f6ab6bb623638951761"


def actuator(cluster: str = "social-analytics-cluster", **settings: Any) -> EcsActuator:
    chosen = EcsSettings.model_validate({"region": "eu-west-1", "cluster": cluster} | settings)
    return EcsActuator(Target("shop", "ecs", chosen), Context(NoSecrets()))


def meaning(line: str, cluster: str = "social-analytics-cluster", **settings: Any) -> Recognised | None:
    return recognised(line, actuator(cluster, **settings))


def request(line: str, **settings: Any) -> Request | None:
    found = meaning(line, **settings)
    return found.request if found is not None else None


names = some.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_-]{0,60}", fullmatch=True)
revisions = some.tuples(names, some.integers(1, 99999)).map(lambda pair: f"{pair[0]}:{pair[1]}")
tasks = some.uuids().map(lambda one: f"{TASK.rpartition('/')[0]}/{one.hex}")


@given(some.lists(names, min_size=1, max_size=4, unique=True).map(tuple), some.sampled_from(["web", CLUSTER_ARN]))
def test_every_restart_comes_back_from_its_line(services: tuple[str, ...], cluster: str) -> None:
    assert comes_back(actuator(cluster), Request("restart", services))


@given(names, some.integers(1, 5000))
def test_every_count_comes_back_from_its_line(service: str, number: int) -> None:
    assert comes_back(actuator(), Request("scale", (service,), number))


@given(names)
def test_every_scaling_to_zero_comes_back_from_its_line(service: str) -> None:
    assert comes_back(actuator("default", profile="ops"), Request("stop", (service,)))


@given(names, revisions)
def test_every_roll_back_comes_back_from_its_line(service: str, revision: str) -> None:
    assert comes_back(actuator(), Request("roll-back", (service,), word=revision))


@given(names, some.integers(0, 99999), some.integers(0, 99999))
def test_all_bounds_come_back_from_their_line(service: str, least: int, most: int) -> None:
    assert comes_back(actuator(CLUSTER_ARN), Request("bounds", (service,), word=f"{least}-{most}"))


@given(some.lists(tasks, min_size=1, max_size=3, unique=True).map(tuple))
def test_every_stop_of_a_task_comes_back_from_its_line(arns: tuple[str, ...]) -> None:
    assert comes_back(actuator(), Request("stop-task", arns))


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        (f"{UPDATE} --force-new-deployment", Request("restart", ("backend-service",))),
        (
            "aws ecs update-service --force-new-deployment --service=backend-service --region eu-west-1 "
            f"--cluster={CLUSTER_ARN} --output json | jq .service.status",
            Request("restart", ("backend-service",)),
        ),
        (f"{UPDATE} --desired-count 4", Request("scale", ("backend-service",), 4)),
        (f"AWS_PAGER= {UPDATE} --desired-count=6 --no-cli-pager", Request("scale", ("backend-service",), 6)),
        (f"{UPDATE} --desired-count 0", Request("stop", ("backend-service",))),
        (f"{UPDATE} --task-definition social:41", Request("roll-back", ("backend-service",), word="social:41")),
        (
            f"{UPDATE} --task-definition arn:aws:ecs:eu-west-1:123456789012:task-definition/social:41",
            Request("roll-back", ("backend-service",), word="social:41"),
        ),
        (
            f"{UPDATE} --task-definition social-analytics-backend:PREVIOUS_REVISION --force-new-deployment",
            Request("roll-back", ("backend-service",)),
        ),
        (f"{UPDATE} --task-definition 'social:<revision>'", Request("roll-back", ("backend-service",))),
        (f"{REGISTER} --min-capacity 4 --max-capacity 10", Request("bounds", ("backend-service",), word="4-10")),
        (
            f"aws ecs stop-task --cluster social-analytics-cluster --task {TASK} --reason 'it hangs'",
            Request("stop-task", (TASK,)),
        ),
        (
            "aws ecs stop-task --task 8e0b6ceab51d4f6ab6bb623638951761 --cluster social-analytics-cluster",
            Request("stop-task", ("8e0b6ceab51d4f6ab6bb623638951761",)),
        ),
    ],
)
def test_many_spellings_mean_the_same_act(line: str, meant: Request) -> None:
    assert request(line) == meant


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{UPDATE} --force-new-deployment", "pulls the image's tag again"),
        (f"{UPDATE} --desired-count 4", "absolute"),
        (f"{UPDATE} --desired-count 0", "ends every task"),
        (f"{UPDATE} --task-definition social:41", "database"),
        (f"{UPDATE} --task-definition social:41 --force-new-deployment", "force is not needed"),
        (f"{UPDATE} --task-definition social:PREVIOUS_REVISION", "may never have run"),
        (f"{REGISTER} --min-capacity 4 --max-capacity 10", "stays suspended"),
    ],
)
def test_what_a_line_would_do_wrongly_is_said(line: str, says: str) -> None:
    found = meaning(line)
    assert found is not None
    assert says in found.warning


@pytest.mark.parametrize(
    "line",
    [
        "aws ecs update-service --service backend-service --force-new-deployment",  # of the cluster "default"
        "aws ecs update-service --cluster other --service backend-service --force-new-deployment",
        UPDATE,
        f"{UPDATE} --desired-count",
        f"{UPDATE} --desired-count many",
        f"{UPDATE} --desired-count -1",
        f"{UPDATE} --desired-count 6000",
        f"{UPDATE} --desired-count 4 --force-new-deployment",
        f"{UPDATE} --desired-count 4 --task-definition social:4",
        f"{UPDATE} --task-definition social",
        f"{UPDATE} --task-definition social:0",
        f"{UPDATE} --force-new-deployment --enable-execute-command",
        f"{UPDATE} --force-new-deployment --region us-east-1",
        f"{UPDATE} --force-new-deployment --profile other",
        f"AWS_PROFILE=other {UPDATE} --force-new-deployment",
        f"{UPDATE} --force-new-deployment --endpoint-url http://localhost:4566",
        f"{UPDATE} --force-new-deployment --no-verify-ssl",
        f"{UPDATE} --force-new-deployment && aws s3 rm s3://bucket",
        "aws ecs update-service --cluster social-analytics-cluster --service 'a b' --force-new-deployment",
        "aws ecs delete-service --cluster social-analytics-cluster --service backend-service",
        "aws ecs describe-services --cluster social-analytics-cluster --services backend-service",
        "aws ecs wait services-stable --cluster social-analytics-cluster --services backend-service",
        "aws ecs stop-task --cluster social-analytics-cluster --task $TASK_ARN",
        "aws ecs stop-task --cluster social-analytics-cluster --task TASK_ARN",
        f"{REGISTER} --min-capacity 4",
        f"{REGISTER} --min-capacity 4 --max-capacity 10 --suspended-state DynamicScalingInSuspended=true",
        f"{REGISTER.replace('social-analytics-cluster', 'other')} --min-capacity 4 --max-capacity 10",
        f"{REGISTER.replace('ecs:service:DesiredCount', 'ecs:other')} --min-capacity 4 --max-capacity 10",
        "kubectl scale deployment backend-service --replicas=4",
    ],
)
def test_what_is_not_ours_or_not_clear_means_nothing(line: str) -> None:
    assert meaning(line) is None


def test_without_a_cluster_a_line_is_about_the_default_one() -> None:
    line = "aws ecs update-service --service api --force-new-deployment"
    assert request(line, cluster="default") == Request("restart", ("api",))
    assert request(line, cluster="arn:aws:ecs:eu-west-1:123456789012:cluster/default") == Request("restart", ("api",))


def test_a_service_by_its_arn_is_ours_only_in_our_cluster() -> None:
    arn = "arn:aws:ecs:eu-west-1:123456789012:service/{1}/api"
    line = f"aws ecs update-service --cluster {{0}} --service {arn} --desired-count 2"
    assert request(line.format("shop", "shop"), cluster="shop") == Request("scale", ("api",), 2)
    assert request(line.format("shop", "other"), cluster="shop") is None
