"""Acting on ECS services and tasks: the right one, once, and whether it came true; at last with real containers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from probes.aws.ecs.act import EcsActuator
from probes.aws.ecs.facts import EcsFacts
from probes.aws.ecs.probe import EcsProbe
from probes.aws.ecs.settings import EcsSettings
from probes.base import (
    Context,
    Danger,
    Grant,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Snapshot,
    Target,
    Truth,
    Verdict,
)
from tests.probes import fakeecs
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.probes.awsstage import CLUSTER, LOG_GROUP, at, register
from tests.probes.awsstage import service as new_service
from tests.probes.fakeecs import NOW, Clock, FakeEcs, Place, arn, deployment, event, stopped
from tests.probes.fakeecs import service as row
from tests.probes.fakeecs import task as task_row
from tests.probes.rigs import CANARY, TestSecrets
from tests.stack import docker
from tests.stack.aws import INSTANCE, Cloud, instance
from tests.stack.faultproxy import FaultProxy, Mode

FAILED = deployment("2", status="ACTIVE", rollout="FAILED", rolloutStateReason="tasks failed to start")
TASK = arn(f"task/shop/{1:032x}")
RESTART = Request("restart", ("api",))


def trying(failed: int, running: int) -> dict[str, Any]:
    """A deployment under way."""
    return deployment("2", rollout="IN_PROGRESS", failedTasks=failed, runningCount=running)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with fakeecs.place() as one:
        yield one


@pytest.fixture
def ecs(place: Place) -> FakeEcs:
    made = place.fresh()
    made.put(row(), task_row(1), task_row(2))
    made.define("api:39", "api:40", "api:41", "api:42")
    return made


@pytest.fixture
def clock(place: Place) -> Clock:
    return place.clock


@pytest.fixture
async def act(place: Place, ecs: FakeEcs) -> AsyncIterator[EcsActuator]:
    made = EcsActuator(Target("shop", "ecs", EcsSettings.model_validate(place.settings())), place.context)
    yield made
    await made.close()


def words(parts: Any) -> str:
    return "; ".join(map(str, parts))


async def done(act: EcsActuator, request: Request, between: Callable[[Plan], object] = lambda plan: None) -> Outcome:
    """The outcome of a request, not looked after."""
    plan = await act.plan(request)
    between(plan)
    return await carried_out(act, plan, plan.chosen[0], [])


async def looked_at(act: EcsActuator, clock: Clock, plan: Plan, outcome: Outcome, after: float = 30.0) -> Verdict:
    """What is true some seconds after the answer."""
    clock.pass_by(60)
    return await act.verify(plan, plan.chosen[0], outcome, after)


# what would be done


async def test_a_restart_says_what_it_does_and_what_it_needs(act: EcsActuator, ecs: FakeEcs) -> None:
    ecs.define("api:41", image="shop/api:latest")
    plan = await act.plan(RESTART)
    (subject,) = plan.subjects
    assert plan.command == (
        "aws ecs update-service --cluster shop --service api --force-new-deployment --region eu-west-1",
    )
    assert str(subject.before) == "api:41 (shop/api:latest), 2 of 2 tasks running, deployment 1"
    assert dict(subject.identity) == {
        "service": arn("service/shop/api"), "name": "api", "created": "2026-02-28T03:12:41+00:00",
        "primary": "ecs-svc/1", "revision": "api:41", "desired": "2",
    }  # fmt: skip
    notes = words(plan.notes)
    assert "asynchronous" in notes
    assert "pulls shop/api:latest again" in notes
    assert "at least 2 (100 %) run meanwhile, and there must be room for 4 (200 %)" in notes
    assert "no circuit breaker" in notes
    assert plan.danger is Danger.DISRUPTIVE
    assert dict(plan.pin)["account"] == "123456789012"
    assert "cluster shop" in str(plan.place)
    assert ecs.aws.count("UpdateService") == 0


async def test_an_image_by_digest_is_the_same_code(act: EcsActuator, ecs: FakeEcs) -> None:
    ecs.define("api:41", image="shop/api@sha256:12")
    assert "the same code" in words((await act.plan(RESTART)).notes)


@pytest.mark.parametrize(
    ("change", "request_", "why"),
    [
        ({"status": "DRAINING"}, RESTART, "it is draining"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, RESTART, "its deployments are made by CODE_DEPLOY"),
        ({"desiredCount": 0, "runningCount": 0}, RESTART, "it is scaled to zero"),
        ({"desiredCount": 0, "runningCount": 0}, Request("stop", ("api",)), "it is scaled to zero"),
        ({"schedulingStrategy": "DAEMON"}, Request("scale", ("api",), 3), "a daemon service"),
        ({}, Request("scale", ("api",), 2), "its desired count is 2 already"),
        ({}, Request("bounds", ("api",), word="9-3"), "9 is more than 3"),
        ({}, Request("roll-back", ("api",), word="api:41"), "it runs api:41 already"),
    ],
)
async def test_what_can_not_be_done_is_barred_with_its_reason(
    act: EcsActuator, ecs: FakeEcs, change: dict[str, Any], request_: Request, why: str
) -> None:
    ecs.put(row(**change))
    (subject,) = (await act.plan(request_)).subjects
    assert subject.barred
    assert why in str(subject.spared)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("restart"), "no act called restart"),
        (Request("reboot", ("api",)), "no act called reboot"),
        (Request("restart", ("gone",)), "the cluster has no service gone"),
        (Request("restart", ("api", "gone")), "the cluster has no service gone"),
        (Request("scale", ("api", "other"), 3), "one service at a time"),
        (Request("scale", ("api",)), "a number from 1"),
        (Request("scale", ("api",), 0), "a number from 1"),
        (Request("bounds", ("api",), word="4"), "two numbers"),
        (Request("roll-back", ("api",)), "takes a revision"),
        (Request("roll-back", ("api",), word="api:7"), "there is no revision api:7"),
        (Request("stop-task", (arn(f"task/shop/{9:032x}"),)), "any more"),
    ],
)
async def test_a_request_that_means_nothing_here_is_refused_in_words(
    act: EcsActuator, request_: Request, says: str
) -> None:
    with pytest.raises(ProbeError, match=says):
        await act.plan(request_)


async def test_lowering_is_said_and_is_worse_than_raising(act: EcsActuator) -> None:
    up, down = await act.plan(Request("scale", ("api",), 4)), await act.plan(Request("scale", ("api",), 1))
    assert (up.danger, down.danger) == (Danger.REVERSIBLE, Danger.DISRUPTIVE)
    assert (str(up.subjects[0].after), str(down.subjects[0].after)) == ("4 tasks, 2 more", "1 task, 1 fewer")
    assert str(down.subjects[0].felt[0]) == "this lowers it: 1 task will be ended"
    assert up.reverse == Request("scale", ("api",), 2)
    assert "begins no deployment" in words(up.notes)


async def test_scaling_to_zero_is_an_act_of_its_own_and_destructive(act: EcsActuator) -> None:
    plan = await act.plan(Request("stop", ("api",)))
    assert (plan.danger, plan.action.grave) == (Danger.DESTRUCTIVE, True)
    assert str(plan.subjects[0].felt[0]) == "all 2 tasks end"
    assert plan.command[0].endswith("--desired-count 0 --region eu-west-1")


@pytest.mark.parametrize(("number", "barred"), [(11, True), (1, True), (3, False), (10, False)])
async def test_a_count_that_auto_scaling_would_override_is_barred(
    act: EcsActuator, ecs: FakeEcs, number: int, barred: bool
) -> None:
    ecs.targets["api"] = {"MinCapacity": 2, "MaxCapacity": 10}
    plan = await act.plan(Request("scale", ("api",), number))
    assert plan.subjects[0].barred is barred
    if barred:
        assert str(plan.subjects[0].spared) == (
            f"auto-scaling keeps it within 2-10 and would override {number}: change its bounds first"
        )
    else:
        assert "may change it again" in words(plan.notes)


async def test_auto_scaling_that_is_suspended_leaves_any_count_alone(act: EcsActuator, ecs: FakeEcs) -> None:
    still = dict.fromkeys(
        ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), True
    )
    ecs.targets["api"] = {"MinCapacity": 2, "MaxCapacity": 3, "SuspendedState": still}
    plan = await act.plan(Request("scale", ("api",), 20))
    assert not plan.subjects[0].barred
    assert "is suspended" in words(plan.notes)


async def test_bounds_that_may_not_be_read_are_said_to_be_unknown(act: EcsActuator, ecs: FakeEcs) -> None:
    ecs.aws.says("DescribeScalableTargets", "AccessDeniedException")
    plan = await act.plan(Request("scale", ("api",), 3))
    assert not plan.subjects[0].barred
    assert "it may override this" in words(plan.notes)
    assert (await act.plan(Request("bounds", ("api",), word="1-4"))).subjects[0].barred


async def test_bounds_are_changed_and_can_be_taken_back(act: EcsActuator, ecs: FakeEcs, clock: Clock) -> None:
    ecs.targets["api"] = {"MinCapacity": 2, "MaxCapacity": 10, "SuspendedState": {"DynamicScalingInSuspended": True}}

    def registered(asked: Any) -> Any:
        ecs.targets["api"] |= {name: asked[name] for name in ("MinCapacity", "MaxCapacity")}
        return 200, {}

    ecs.aws.answers["RegisterScalableTarget"] = registered
    found = await perform(act, Request("bounds", ("api",), word="4-10"))
    assert found.plan.reverse == Request("bounds", ("api",), word="2-10")
    assert str(found.plan.subjects[0].felt[0]) == "auto-scaling will raise it from 2 to 4"
    assert "suspended stays suspended: in" in words(found.plan.notes)
    assert [one.truth for one in found.verdicts] == [Truth.CONFIRMED]
    (sent,) = [asked for name, asked in ecs.aws.asked if name == "RegisterScalableTarget"]
    assert "SuspendedState" not in sent, "what is not sent is kept"
    plan = await act.plan(Request("bounds", ("api",), word="5-10"))
    ecs.targets["api"]["MinCapacity"] = 1
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    assert (outcome.result, str(outcome.words)) == (Result.REFUSED, "changed since you looked: bounds 4-10 -> 1-10")


async def test_a_roll_back_offers_what_has_run_with_its_image_and_date(act: EcsActuator, ecs: FakeEcs) -> None:
    ecs.definitions["api:42"]["status"] = "ACTIVE"
    ecs.revisions = {arn(f"service-revision/shop/api/{n}"): f"api:{n}" for n in (39, 40, 41)}
    ecs.history = [
        {"targetServiceRevisionArn": one, "startedAt": NOW.timestamp() - 86400 * n, "status": status}
        for n, (one, status) in enumerate(
            zip(reversed(ecs.revisions), ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "SUCCESSFUL"), strict=True)
        )
    ]
    choices = await act.choices("roll-back", ("api",))
    assert [one.word for one in choices] == ["api:39", "api:40", "api:42"]
    first, second, third = (str(one.about) for one in choices)
    assert first == "shop/api:39, registered 2026-02-28 03:12 UTC, ran until 2026-02-28 03:12 UTC"
    assert second.endswith("its deployment of 2026-02-28 03:12 UTC ended rollback successful")
    assert third.endswith("no deployment of it is known")
    assert CANARY not in repr(choices)


async def test_where_no_history_is_kept_revisions_are_offered_all_the_same(act: EcsActuator, ecs: FakeEcs) -> None:
    ecs.aws.says("ListServiceDeployments", "AccessDeniedException")
    choices = await act.choices("roll-back", ("api",))
    assert [one.word for one in choices] == ["api:40", "api:39", "api:42"]
    assert str(choices[0].about).endswith("not known whether it ran")


async def test_a_roll_back_names_both_images_and_what_it_leaves_alone(act: EcsActuator, ecs: FakeEcs) -> None:
    plan = await act.plan(Request("roll-back", ("api",), word="api:40"))
    assert str(plan.subjects[0].after) == "api:40 (shop/api:40), 2 tasks made new"
    assert "database" in words(plan.notes)
    ecs.definitions["api:40"]["status"] = "INACTIVE"
    assert (await act.plan(Request("roll-back", ("api",), word="api:40"))).subjects[0].barred
    ecs.define("web:3")
    other = await act.plan(Request("roll-back", ("api",), word="web:3"))
    assert "another family" in str(other.subjects[0].spared)


# the right one, once


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"createdAt": NOW.timestamp()}, "made 2026-02-28T03:12:41+00:00 -> 2026-03-01T03:12:41+00:00"),
        ({"deployments": [deployment("7", "api:42")]}, "deployment ecs-svc/1 -> ecs-svc/7"),
        ({"desiredCount": 5}, "desired count 2 -> 5"),
        ({"status": "DRAINING"}, "ACTIVE -> DRAINING"),
        ({"status": "INACTIVE"}, "the service -> gone"),
        ({"serviceArn": arn("service/other/api")}, "service"),
    ],
)
@pytest.mark.parametrize("request_", [RESTART, Request("scale", ("api",), 3), Request("stop", ("api",))])
async def test_a_service_that_changed_since_it_was_looked_at_is_left_alone(
    act: EcsActuator, ecs: FakeEcs, request_: Request, change: dict[str, Any], says: str
) -> None:
    outcome = await done(act, request_, between=lambda plan: ecs.put(row(**change)))
    assert outcome.result is Result.REFUSED
    assert str(outcome.words).startswith("changed since you looked: ")
    assert says in str(outcome.words)
    assert ecs.aws.count("UpdateService") == 0


async def test_a_look_that_lies_too_long_back_sends_nothing(
    act: EcsActuator, ecs: FakeEcs, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = await act.plan(RESTART)
    admitted = act._calls.admitted

    async def late(service: str, operation: str, parameters: Any) -> None:
        await admitted(service, operation, parameters)
        if operation == "update_service":
            place.clock.pass_by(5)

    monkeypatch.setattr(act._calls, "admitted", late)
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    assert outcome.result is Result.FAILED
    assert "nothing was sent" in str(outcome.words)
    assert ecs.aws.count("UpdateService") == 0


@pytest.mark.parametrize(
    ("code", "status", "result", "says"),
    [
        ("AccessDeniedException", 400, Result.FAILED, "the login may not ecs:UpdateService"),
        ("InvalidParameterException", 400, Result.FAILED, "InvalidParameterException: no"),
        ("ServiceNotActiveException", 400, Result.FAILED, "ServiceNotActiveException"),
        ("ThrottlingException", 400, Result.FAILED, "fewer calls"),
        ("ServerException", 500, Result.UNKNOWN, "failed to answer ecs:UpdateService"),
    ],
)
async def test_every_answer_to_a_request_is_taken_for_what_it_is(
    act: EcsActuator, ecs: FakeEcs, code: str, status: int, result: Result, says: str
) -> None:
    ecs.aws.says("UpdateService", code, status)
    outcome = await done(act, RESTART)
    assert outcome.result is result
    assert says in str(outcome.words)
    assert ecs.aws.count("UpdateService") == 1


async def test_another_account_than_the_pinned_one_is_not_acted_on(place: Place, ecs: FakeEcs) -> None:
    settings = EcsSettings.model_validate(place.settings(account="999999999999"))
    other = EcsActuator(Target("shop", "ecs", settings), place.context)
    with pytest.raises(ProbeError, match="the profile pins 999999999999"):
        await other.plan(RESTART)
    await other.close()


# whether it came true


async def test_a_restart_is_true_when_its_own_deployment_is_through(
    act: EcsActuator, ecs: FakeEcs, clock: Clock
) -> None:
    plan = await act.plan(RESTART)
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    assert dict(outcome.facts)["deployment"] == "ecs-svc/2"
    verdict = await looked_at(act, clock, plan, outcome)
    assert (verdict.truth, verdict.share) == (Truth.PENDING, 0.0)
    assert str(verdict.words) == "0 of 2 new tasks running, 30 s"
    ecs.put(row(deployments=[deployment("2")]))
    verdict = await looked_at(act, clock, plan, outcome)
    assert (verdict.truth, str(verdict.words)) == (Truth.CONFIRMED, "deployment 2 COMPLETED: 2 of 2 running api:41")


@pytest.mark.parametrize(
    ("change", "truth", "says"),
    [
        ({"deployments": [deployment("1")]}, Truth.REFUTED, "another deployment has taken its place"),
        ({"deployments": [deployment("9", "api:42")]}, Truth.REFUTED, "api:42 of deployment 9 runs now"),
        (
            {
                "deployments": [deployment("2", rollout="FAILED", rolloutStateReason="circuit breaker")],
                "events": [event("was unable to place a task")],
            },
            Truth.REFUTED,
            "the deployment failed: circuit breaker; was unable to place a task",
        ),
        (
            {
                "deployments": [deployment("1"), FAILED],
                "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
            },
            Truth.REFUTED,
            "rolled back by the circuit breaker: tasks failed to start; api:41 of deployment 1 runs now",
        ),
        ({"deployments": [deployment("2")], "runningCount": 1}, Truth.PENDING, "COMPLETED, but 1 of 2 running"),
        ({"status": "INACTIVE"}, Truth.REFUTED, "the service is gone"),
        ({"createdAt": NOW.timestamp()}, Truth.REFUTED, "another service has its name now"),
        ({"deployments": [trying(2, 1)]}, Truth.PENDING, "2 failed"),
        (
            {"deployments": [trying(3, 0)]},
            Truth.REFUTED,
            "3 of its tasks ended and none stays, and without a circuit breaker ECS goes on trying",
        ),
    ],
)  # fmt: skip
async def test_a_deployment_that_does_not_come_is_refuted_with_why(
    act: EcsActuator, ecs: FakeEcs, clock: Clock, change: dict[str, Any], truth: Truth, says: str
) -> None:
    plan = await act.plan(RESTART)
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    ecs.put(row(**change))
    verdict = await looked_at(act, clock, plan, outcome)
    assert verdict.truth is truth
    assert says in str(verdict.words)


async def test_a_deployment_that_is_not_through_in_time_is_refuted_with_how_its_tasks_ended(
    act: EcsActuator, ecs: FakeEcs, clock: Clock
) -> None:
    plan = await act.plan(RESTART)
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    ecs.put(stopped(7, startedBy="ecs-svc/2", code=1, reason="CannotPullContainerError: no such image"))
    verdict = await looked_at(act, clock, plan, outcome, after=901)
    assert verdict.truth is Truth.REFUTED
    assert "not through after 15m01s: 0 of 2 new tasks running; task 00000000: " in str(verdict.words)
    assert "CannotPullContainerError" in str(verdict.words)
    assert plan.settles > 900


async def test_a_completed_deployment_with_unhealthy_targets_is_not_true_yet(
    act: EcsActuator, ecs: FakeEcs, clock: Clock
) -> None:
    from tests.probes.test_ecs import GROUP, targets_are

    plan = await act.plan(RESTART)
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    ecs.put(row(deployments=[deployment("2")], loadBalancers=[{"targetGroupArn": GROUP}]))
    targets_are(ecs.aws, ("healthy", ""), ("unhealthy", "Target.Timeout"))
    verdict = await looked_at(act, clock, plan, outcome)
    assert verdict.truth is Truth.PENDING
    assert "web: 1 of 2 targets healthy" in str(verdict.words)
    targets_are(ecs.aws, ("healthy", ""), ("healthy", ""))
    verdict = await looked_at(act, clock, plan, outcome)
    assert (verdict.truth, "2 targets healthy" in str(verdict.words)) == (Truth.CONFIRMED, True)


async def test_a_request_nobody_answered_is_looked_after(act: EcsActuator, ecs: FakeEcs, clock: Clock) -> None:
    plan = await act.plan(RESTART)
    unknown = Outcome(Result.UNKNOWN, SafeText("no answer"))
    assert (await looked_at(act, clock, plan, unknown, 10)).truth is Truth.PENDING
    verdict = await looked_at(act, clock, plan, unknown, 70)
    assert (verdict.truth, str(verdict.words)) == (Truth.REFUTED, "no new deployment has begun")
    ecs.put(row(deployments=[deployment("2")]))
    assert (await looked_at(act, clock, plan, unknown, 70)).truth is Truth.CONFIRMED


async def test_a_count_is_true_when_it_has_stayed_so_for_ten_seconds(
    act: EcsActuator, ecs: FakeEcs, clock: Clock
) -> None:
    plan = await act.plan(Request("scale", ("api",), 4))
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    assert [asked["desiredCount"] for name, asked in ecs.aws.asked if name == "UpdateService"] == [4]
    verdict = await looked_at(act, clock, plan, outcome)
    assert (verdict.truth, verdict.share) == (Truth.PENDING, 0.5)
    ecs.put(row(desiredCount=4, runningCount=4))
    assert (await looked_at(act, clock, plan, outcome)).truth is Truth.PENDING
    ecs.put(row(desiredCount=4, runningCount=3))
    assert (await looked_at(act, clock, plan, outcome)).truth is Truth.PENDING
    ecs.put(row(desiredCount=4, runningCount=4))
    assert "4 of 4 running for 0 of 10 s" in str((await looked_at(act, clock, plan, outcome)).words)
    verdict = await looked_at(act, clock, plan, outcome)
    assert (verdict.truth, str(verdict.words)) == (Truth.CONFIRMED, "4 of 4 running for 60 s")


async def test_a_count_that_somebody_overrode_is_refuted(act: EcsActuator, ecs: FakeEcs, clock: Clock) -> None:
    plan = await act.plan(Request("scale", ("api",), 4))
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    ecs.put(row(desiredCount=6, runningCount=4))
    verdict = await looked_at(act, clock, plan, outcome)
    assert str(verdict.words) == "its desired count is 6: auto-scaling or somebody changed it"
    assert verdict.truth is Truth.REFUTED


async def test_a_count_that_is_not_reached_in_time_is_refuted_with_why(
    act: EcsActuator, ecs: FakeEcs, clock: Clock
) -> None:
    plan = await act.plan(Request("scale", ("api",), 4))
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    ecs.put(stopped(7, createdAt=NOW.timestamp() + 5, stopCode="TaskFailedToStart", reason="RESOURCE:MEMORY"))
    verdict = await looked_at(act, clock, plan, outcome, after=601)
    assert verdict.truth is Truth.REFUTED
    assert "2 of 4 running, 0 on their way, 10m01s" in str(verdict.words)
    assert "RESOURCE:MEMORY" in str(verdict.words)
    assert plan.settles > 601


async def test_new_tasks_that_die_refute_a_count_with_their_reason(
    act: EcsActuator, ecs: FakeEcs, clock: Clock
) -> None:
    plan = await act.plan(Request("scale", ("api",), 4))
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    ecs.put(*(stopped(n, createdAt=NOW.timestamp() + 5, code=137) for n in (7, 8, 9)))
    verdict = await looked_at(act, clock, plan, outcome)
    assert verdict.truth is Truth.REFUTED
    assert "exit code 137 (killed, likely out of memory)" in str(verdict.words)


async def test_a_task_is_stopped_with_our_id_and_is_over_when_its_service_is_whole_again(
    act: EcsActuator, ecs: FakeEcs, clock: Clock
) -> None:
    plan = await act.plan(Request("stop-task", (f"{1:032x}",)))
    assert "api starts another task in its place" in words(plan.subjects[0].felt)
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    assert outcome.result is Result.DONE
    assert [asked["reason"] for name, asked in ecs.aws.asked if name == "StopTask"] == [f"opsroom {ACT}"]
    ecs.put(task_row(1, desiredStatus="STOPPED", lastStatus="STOPPING"))
    assert (await looked_at(act, clock, plan, outcome)).truth is Truth.PENDING
    ecs.put(stopped(1), row(runningCount=1))
    assert "it has stopped; api: 1 of 2 running" in str((await looked_at(act, clock, plan, outcome)).words)
    ecs.put(row())
    assert (await looked_at(act, clock, plan, outcome)).truth is Truth.CONFIRMED
    again = await carried_out(act, plan, plan.chosen[0], [])
    assert (again.result, str(again.words)) == (Result.REFUSED, "changed since you looked: the task -> stopped")
    assert ecs.aws.count("StopTask") == 1


async def test_several_services_are_restarted_each_by_itself(act: EcsActuator, ecs: FakeEcs) -> None:
    ecs.put(row("web"))
    plan = await act.plan(Request("restart", ("api", "web")))
    assert [subject.key for subject in plan.subjects] == ["api", "web"]
    assert len(plan.command) == 2
    assert plan.action.rolling


async def test_it_is_not_asked_at_every_look(act: EcsActuator, ecs: FakeEcs, clock: Clock) -> None:
    plan = await act.plan(RESTART)
    outcome = await carried_out(act, plan, plan.chosen[0], [])
    before = ecs.aws.count("DescribeServices")
    for after in range(5):
        await act.verify(plan, plan.chosen[0], outcome, float(after))
    assert ecs.aws.count("DescribeServices") == before + 1


async def test_it_can_be_looked_at_in_a_later_session(act: EcsActuator, ecs: FakeEcs, clock: Clock) -> None:
    plan = await act.plan(RESTART)
    ecs.put(row(deployments=[deployment("2")]))
    later = replace(plan, settles=30.0, notes=(), subjects=plan.subjects)
    assert (await looked_at(act, clock, later, Outcome(Result.UNKNOWN, SafeText("")))).truth is Truth.CONFIRMED


# what is offered, and what we may


async def facts(place: Place, ecs: FakeEcs) -> EcsFacts:
    probe = EcsProbe(Target("shop", "ecs", EcsSettings.model_validate(place.settings())), place.context)
    probe.watched = True
    snapshot: Snapshot[EcsFacts] = await probe.read()
    await probe.close()
    return snapshot.facts


async def test_each_kind_of_row_is_offered_what_makes_sense_there(act: EcsActuator, place: Place, ecs: FakeEcs) -> None:
    ecs.put(row("zero", desiredCount=0, runningCount=0), stopped(5))
    reading = await facts(place, ecs)

    def offered(*subjects: str) -> dict[str, str]:
        return {offer.action.name: offer.refused for offer in act.offers(reading, subjects)}

    assert offered("api") == dict.fromkeys(("restart", "scale", "roll-back", "bounds", "stop"), "")
    assert offered("zero")["restart"] == "it is scaled to zero"
    assert offered("api", "zero") == {"restart": ""}
    assert offered(TASK) == {"stop-task": ""}
    assert offered(arn(f"task/shop/{5:032x}")) == {"stop-task": "it has stopped already"}
    assert offered("gone") == offered() == offered("api", TASK) == {}


async def test_rights_are_told_by_iam_or_are_unknown(act: EcsActuator, ecs: FakeEcs) -> None:
    ecs.aws.says("SimulatePrincipalPolicy", "AccessDenied", 403)
    assert {right.grant for right in await act.rights()} == {Grant.UNKNOWN}


# at most once, on moto behind a proxy that breaks


@pytest.fixture
def stage(moto: Cloud) -> Iterator[FaultProxy]:
    cloud = moto
    cloud.reset()
    register(cloud)
    register(cloud)
    new_service(cloud, taskDefinition="api:2")
    cloud.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs", ResourceId=f"service/{CLUSTER}/api", ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1, MaxCapacity=9, SuspendedState={"DynamicScalingInSuspended": True},
    )  # fmt: skip
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    where = {
        "subnets": [ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]],
        "securityGroups": [ec2.create_security_group(GroupName="shop", Description="shop", VpcId=vpc)["GroupId"]],
    }
    cloud.client("ecs").run_task(
        cluster=CLUSTER, taskDefinition="api", launchType="FARGATE", networkConfiguration={"awsvpcConfiguration": where}
    )
    with FaultProxy(cloud.port) as proxy:
        yield proxy


def behind(proxy: FaultProxy, **settings: Any) -> EcsActuator:
    chosen = EcsSettings.model_validate({**at(proxy.port), "cluster": CLUSTER, "timeout": 2} | settings)
    return EcsActuator(Target("shop", "ecs", chosen), Context(TestSecrets()))


ACTS = [
    (Request("restart", ("api",)), b"UpdateService"),
    (Request("scale", ("api",), 3), b"UpdateService"),
    (Request("stop", ("api",)), b"UpdateService"),
    (Request("roll-back", ("api",), word="api:1"), b"UpdateService"),
    (Request("bounds", ("api",), word="2-8"), b"RegisterScalableTarget"),
]
LOST = [Mode.LOSE, Mode.CLOSE, Mode.RESET, Mode.RESET_LATER, Mode.SILENT, Mode.GARBAGE, Mode.TRUNCATE, Mode.HTML]


@pytest.mark.once
@pytest.mark.engine
@pytest.mark.parametrize("mode", LOST, ids=lambda mode: mode.value)
async def test_every_act_is_sent_once_however_its_answer_is_lost(stage: FaultProxy, mode: Mode) -> None:
    act = behind(stage, timeout=2 if mode is Mode.SILENT else 20)  # where one is waited for
    (task,) = (await act._calls.read("ecs", "list_tasks", cluster=CLUSTER))["taskArns"]
    for request, operation in [*ACTS, (Request("stop-task", (task,)), b"StopTask")]:
        for _ in range(5):
            stage.become(Mode.PASS)
            plan = await act.plan(request)
            if request.action == "stop":  # bounds of 1-9 would bar it
                plan = replace(plan, subjects=(replace(plan.subjects[0], spared=SafeText(), barred=False),))
            stage.heard.clear()
            stage.become(mode, when=operation)
            sent: list[str] = []
            outcome = await carried_out(act, plan, plan.chosen[0], sent)
            if outcome.result is not Result.REFUSED:  # the act before, whose answer was lost, has just come true
                break
        assert (outcome.result, sent) == (Result.UNKNOWN, [plan.chosen[0].key]), (request, outcome)
        assert stage.seen(b"AmazonEC2ContainerServiceV20141113." + operation) + stage.seen(
            b"AnyScaleFrontendService." + operation
        ) == 1, request  # fmt: skip
        assert CANARY not in str(outcome.words)
    await act.close()


@pytest.mark.once
@pytest.mark.engine
async def test_an_act_that_never_leaves_is_a_failure(stage: FaultProxy) -> None:
    act = behind(stage)
    plan = await act.plan(RESTART)
    stage.become(Mode.REFUSE)
    sent: list[str] = []
    outcome = await carried_out(act, plan, plan.chosen[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])
    await act.close()


@pytest.mark.engine
async def test_on_moto_a_count_and_bounds_come_true_and_suspended_stays_so(stage: FaultProxy) -> None:
    act = behind(stage)
    scaled = await perform(act, Request("scale", ("api",), 5))
    assert [one.truth for one in scaled.verdicts] == [Truth.CONFIRMED]
    bounded = await perform(act, Request("bounds", ("api",), word="4-10"))
    assert [str(one.words) for one in bounded.verdicts] == ["its bounds are 4-10"]
    assert [one.truth for one in bounded.verdicts] == [Truth.CONFIRMED]
    low = await act.plan(Request("scale", ("api",), 2))
    assert low.subjects[0].barred
    await act.close()


# for real: every task is a container

SERVES = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"


class Shop:
    """A cluster of real containers, looked at and acted on."""

    def __init__(self, cloud: Cloud, engine: docker.Engine) -> None:
        self.cloud, self.engine = cloud, engine
        settings = EcsSettings.model_validate({**at(cloud.port), "cluster": CLUSTER})
        target = Target("shop", "ecs", settings)
        self.probe, self.act = EcsProbe(target, Context(TestSecrets())), EcsActuator(target, Context(TestSecrets()))
        self.probe.watched = True

    def register(self, command: str = SERVES, image: str = docker.IMAGE) -> str:
        return register(self.cloud, command=command, image=image)

    async def until(self, true: Callable[[Snapshot[EcsFacts]], object], what: str) -> Snapshot[EcsFacts]:
        """The first reading of which this is true."""
        last: Snapshot[EcsFacts] | None = None
        try:
            async with asyncio.timeout(40):
                while True:
                    self.probe._read_at.clear()  # all of it, each time
                    last = await self.probe.read()
                    if true(last):
                        return last
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pytest.fail(f"waited for {what}; last: {last}")

    def containers(self) -> list[str]:
        """Ids of our own tasks' containers."""
        label = f"{INSTANCE}={instance(self.cloud.port)}"
        return self.engine.run("ps", "-q", "--filter", f"label={label}").split()


@pytest.fixture
async def shop(ministack_ecs: Cloud, docker_engine: docker.Engine) -> AsyncIterator[Shop]:
    ministack_ecs.reset()
    made = Shop(ministack_ecs, docker_engine)
    ministack_ecs.client("logs").create_log_group(logGroupName=LOG_GROUP)
    made.register()
    new_service(ministack_ecs, taskDefinition="api:1")
    await made.until(lambda one: one.facts.services and one.facts.services[0].running == 2, "two running tasks")
    yield made
    await made.act.close()
    await made.probe.close()
    ministack_ecs.reset()


@pytest.mark.docker
@pytest.mark.timeout(240)
async def test_a_service_of_real_containers_is_broken_seen_scaled_restarted_and_rolled_back(shop: Shop) -> None:
    # killed: seen with its exit code, and ECS makes another
    shop.engine.run("kill", shop.containers()[0])
    snapshot = await shop.until(lambda one: one.facts.services[0].exits, "the killed task")
    ended = snapshot.facts.tasks[0]
    assert (ended.stop_code, ended.containers[0].exit_code) == ("EssentialContainerExited", 137)
    await shop.until(lambda one: one.facts.services[0].running == 2, "its replacement")

    scaled = await perform(shop.act, Request("scale", ("api",), 3))
    assert [one.truth for one in scaled.verdicts] == [Truth.CONFIRMED], scaled.verdicts
    assert len(shop.containers()) == 3

    before = set(shop.containers())
    restarted = await perform(shop.act, RESTART)
    assert [one.truth for one in restarted.verdicts] == [Truth.CONFIRMED], restarted.verdicts
    assert not before & set(shop.containers()), "every container is new"

    # a bad revision: refuted with how its tasks ended, then back
    broken = shop.register("echo out of order; exit 3")
    forward = await perform(shop.act, Request("roll-back", ("api",), word=broken))
    (verdict,) = forward.verdicts
    assert verdict.truth is Truth.REFUTED
    assert "exit code 3" in str(verdict.words)
    snapshot = await shop.until(lambda one: one.facts.services[0].looping, "the loop")
    assert snapshot.gauge("task_exits", service="api") is not None
    choices = await shop.act.choices("roll-back", ("api",))
    assert [one.word for one in choices] == ["api:1"]
    back = await perform(shop.act, Request("roll-back", ("api",), word="api:1"))
    assert [one.truth for one in back.verdicts] == [Truth.CONFIRMED], back.verdicts
    assert "running api:1" in str(back.verdicts[0].words)
    lines = (await shop.probe.look("logs", "api")).lines
    assert any("out of order" in str(one) for one in lines)


@pytest.mark.docker
@pytest.mark.timeout(180)
async def test_a_deployment_that_the_circuit_breaker_takes_back_is_refuted(shop: Shop) -> None:
    shop.cloud.client("ecs").update_service(
        cluster=CLUSTER, service="api",
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )  # fmt: skip
    broken = shop.register("exit 4")
    found = await perform(shop.act, Request("roll-back", ("api",), word=broken))
    assert "its circuit breaker goes back" in words(found.plan.notes)
    (verdict,) = found.verdicts
    assert verdict.truth is Truth.REFUTED
    assert "rolled back by the circuit breaker" in str(verdict.words)
    assert "3 consecutive task failures" in str(verdict.words)
    snapshot = await shop.until(lambda one: one.facts.services[0].failed, "the failed deployment")
    assert snapshot.gauge("deployment_failed", service="api", revision=broken) == 1


@pytest.mark.docker
@pytest.mark.timeout(180)
async def test_an_image_that_is_not_there_is_told_as_the_reason(shop: Shop) -> None:
    missing = shop.register(image="opsroom-test/no-such-image:1")
    plan = await shop.act.plan(Request("roll-back", ("api",), word=missing))
    outcome = await carried_out(shop.act, plan, plan.chosen[0], [])
    assert outcome.result is Result.DONE
    snapshot = await shop.until(lambda one: one.facts.services[0].exits, "a task that did not start")
    assert snapshot.facts.tasks[0].stop_code == "TaskFailedToStart"
    assert "image" in str(snapshot.facts.tasks[0].why)


@pytest.mark.docker
@pytest.mark.timeout(180)
async def test_a_real_task_is_stopped_and_replaced_and_a_service_goes_to_zero(shop: Shop) -> None:
    reading = await shop.until(lambda one: len(one.facts.tasks) >= 2, "its tasks")
    running = next(one for one in reading.facts.tasks if not one.over)
    plan = await shop.act.plan(Request("stop-task", (running.arn,)))
    outcome = await carried_out(shop.act, plan, plan.chosen[0], [])
    verdict = await shop.act.verify(plan, plan.chosen[0], outcome, 0.0)
    assert (verdict.truth, str(verdict.words)) == (Truth.PENDING, "it has stopped; api: 1 of 2 running")
    shop.cloud.client("ecs").update_service(
        cluster=CLUSTER, service="api", desiredCount=2
    )  # ministack waits for a word
    verdict = await settled(shop.act, plan, plan.chosen[0], outcome)
    assert verdict.truth is Truth.CONFIRMED, verdict
    zero = await perform(shop.act, Request("stop", ("api",)))
    assert [str(one.words) for one in zero.verdicts] == ["no task runs any more"]
    assert shop.containers() == []
    again = await perform(shop.act, Request("scale", ("api",), 1))
    assert [one.truth for one in again.verdicts] == [Truth.CONFIRMED]


@pytest.mark.docker
async def test_a_real_deployment_by_somebody_else_meanwhile_refuses_ours(shop: Shop) -> None:
    def somebody(plan: Plan) -> None:
        shop.cloud.client("ecs").update_service(cluster=CLUSTER, service="api", forceNewDeployment=True)

    found = await perform(shop.act, RESTART, between=somebody)
    assert [one.result for one in found.outcomes] == [Result.REFUSED]
    assert "deployment ecs-svc/" in str(found.outcomes[0].words)
    assert found.sent == []
