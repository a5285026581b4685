"""Reading an ECS cluster: on moto, where tasks are containers, and against made-up clusters of any size."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import probes.aws.ecs.logs as logs_module
from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook
from probes.aws.budget import BURST, Bucket
from probes.aws.ecs.facts import Bounds, EcsFacts
from probes.aws.ecs.parse import events, policy, task
from probes.aws.ecs.probe import EcsProbe
from probes.aws.ecs.settings import EcsSettings
from probes.base import Cause, Context, ProbeError, Snapshot, Target
from tests.probes import fakeecs
from tests.probes.awsfake import FakeAws
from tests.probes.awsstage import CLUSTER, LOG_GROUP, at, balancer, register, service
from tests.probes.fakeecs import NOW, Clock, FakeEcs, Place, deployment, event, stopped
from tests.probes.fakeecs import service as row
from tests.probes.fakeecs import task as task_row
from tests.probes.rigs import CANARY, TestSecrets
from tests.stack.aws import Cloud
from tests.toys import StillClock

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/73e2d6bc24d8a067"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with fakeecs.place() as one:
        yield one


@pytest.fixture
def ecs(place: Place) -> FakeEcs:
    return place.fresh()


@pytest.fixture
def clock(place: Place) -> Clock:
    return place.clock


@contextmanager
def monkey_every() -> Iterator[None]:
    """Follow without a pause between two looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs_module.follow, "__defaults__", (0.01,))
        yield


@asynccontextmanager
async def probing(
    url: str, clock: StillClock | None = None, region: str = fakeecs.REGION, **settings: Any
) -> AsyncIterator[EcsProbe]:
    keys = {"endpoint": url, "region": region, "key_id": "env:KEY", "secret_key": "env:KEY", "cluster": "shop"}
    context = Context(TestSecrets(), clock.monotonic, clock.now) if clock else Context(TestSecrets())
    probe = EcsProbe(Target("shop", "ecs", EcsSettings.model_validate(keys | settings)), context)
    try:
        yield probe
    finally:
        await probe.close()


async def one_reading(ecs: FakeEcs, clock: Clock, **settings: Any) -> Snapshot[EcsFacts]:
    async with probing(ecs.aws.url, clock, **settings) as probe:
        return await probe.read()


def alerts(*snapshots: Snapshot[EcsFacts], apart: float = 15.0) -> dict[str, str]:
    """What the rules say after these readings: sentence by rule."""
    clock = StillClock()
    board = Board([Target("shop", "ecs", EcsSettings())], clock)
    book = RuleBook("shop", EcsProbe.rules, EcsProbe.gauges)
    found: tuple[Alert, ...] = ()
    for one in snapshots:
        clock.seconds += apart
        found = book.judge(board.take(one), clock.seconds, NOW)
    return {alert.rule: alert.words for alert in found}


def targets_are(aws: FakeAws, *states: tuple[str, str]) -> None:
    """The load balancer tells of targets in these states, each with a reason code."""
    members = "".join(
        f"<member><Target><Id>10.0.0.{n}</Id><Port>80</Port></Target><TargetHealth><State>{state}</State>"
        f"{f'<Reason>{reason}</Reason>' if reason else ''}</TargetHealth></member>"
        for n, (state, reason) in enumerate(states)
    )
    aws.answers["DescribeTargetHealth"] = lambda _: (
        200,
        '<DescribeTargetHealthResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">'
        f"<DescribeTargetHealthResult><TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
        "</DescribeTargetHealthResult></DescribeTargetHealthResponse>",
    )


# what a reading says


async def test_a_service_that_is_well_is_told_whole(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(), task_row(1), task_row(2))
    ecs.define("api:41")
    async with probing(ecs.aws.url, clock) as probe:
        probe.watched = True
        snapshot = await probe.read()
    (one,) = snapshot.facts.services
    assert (one.name, one.desired, one.running, one.launch, one.revision) == ("api", 2, 2, "FARGATE", "api:41")
    assert one.primary is not None
    assert (one.primary.id, one.primary.rollout) == ("ecs-svc/1", "COMPLETED")
    assert [str(image) for image in one.images] == ["shop/api:41"]
    assert (one.exits, one.ooms, one.health, one.bounds) == (0, 0, None, None)
    assert one.fine
    first = snapshot.facts.tasks[0]
    assert (first.service, first.ip, first.zone, first.health) == ("api", "10.0.0.7", "eu-west-1a", "HEALTHY")
    assert len(snapshot.facts.tasks) == 2
    assert snapshot.facts.cluster.status == "ACTIVE"
    assert snapshot.gaps == ()
    assert snapshot.gauge("running", service="api") == 2
    assert snapshot.gauge("cpu_ratio", service="api") is None
    assert alerts(snapshot) == {}


async def test_no_value_of_the_environment_is_kept(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(), task_row(1))
    ecs.define("api:41")
    async with probing(ecs.aws.url, clock) as probe:
        probe.watched = True
        snapshot = await probe.read()
        kept = [getattr(probe, name) for name in vars(probe)]
        inner = [vars(one) for one in kept if hasattr(one, "__dict__")]
    assert ecs.aws.count("DescribeTaskDefinition") == 1
    assert CANARY not in repr((snapshot, inner))
    assert "environment" not in repr(snapshot)


async def test_a_service_that_is_not_there_is_said_and_the_others_are_shown(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(), row("old", status="INACTIVE"))
    snapshot = await one_reading(ecs, clock, services=["api", "gone", "old"])
    assert [one.name for one in snapshot.facts.services] == ["api"]
    assert [str(name) for name in snapshot.facts.absent] == ["gone", "old"]
    assert snapshot.facts.known == 1
    assert alerts(snapshot) == {"absent": "the cluster has no service old"}
    assert not any("stopped" in gap.part for gap in snapshot.gaps), "it must not be asked for by name"


async def test_names_patterns_and_arns_choose_the_services(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row("api"), row("shop-web"), row("shop-jobs"), row("other"))
    snapshot = await one_reading(ecs, clock, services=["shop-*", fakeecs.arn("service/shop/api")])
    assert sorted(one.name for one in snapshot.facts.services) == ["api", "shop-jobs", "shop-web"]


async def test_a_missing_cluster_is_told_as_such(ecs: FakeEcs, clock: Clock) -> None:
    for operation in ("ListServices", "DescribeServices"):
        ecs.aws.says(operation, "ClusterNotFoundException", message="Cluster not found.")
    with pytest.raises(ProbeError, match="there is no cluster shop in this account and region") as told:
        await one_reading(ecs, clock)
    assert told.value.cause is Cause.GONE
    with pytest.raises(ProbeError, match="there is no cluster shop"):
        await one_reading(ecs, clock, services=["api"])


async def test_a_service_without_a_running_task_is_critical_at_its_second_reading(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(runningCount=0, pendingCount=1))
    snapshot = await one_reading(ecs, clock)
    assert alerts(snapshot) == {}
    assert alerts(snapshot, snapshot)["down"] == "api: no task is running, 2 wanted"


async def test_a_missing_task_is_worth_a_warning_after_two_minutes(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(runningCount=1))
    snapshot = await one_reading(ecs, clock)
    assert alerts(snapshot, snapshot) == {}
    assert alerts(*[snapshot] * 10)["short"] == "api: 1 of 2 tasks not running for 2 min"


async def test_tasks_that_die_again_and_again_are_counted_with_their_reason(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(runningCount=1), *(stopped(n, ago=60.0 * n, code=3) for n in (1, 2, 3)), stopped(9, ago=900))
    snapshot = await one_reading(ecs, clock)
    (one,) = snapshot.facts.services
    assert (one.exits, one.looping) == (3, True)
    assert str(one.last_stop) == "Essential container in task exited; api: exit code 3"
    assert alerts(snapshot)["task-loop"] == "api: its tasks end again and again, 3 in 10 min"
    assert [found.id[-1] for found in snapshot.facts.tasks] == ["1", "2", "3", "9"]


@pytest.mark.parametrize(("code", "reason"), [(137, ""), (1, "OutOfMemoryError: Container killed due to memory usage")])
async def test_a_task_killed_for_memory_is_named(ecs: FakeEcs, clock: Clock, code: int, reason: str) -> None:
    ecs.put(row(), stopped(1, code=code, reason=reason))
    snapshot = await one_reading(ecs, clock)
    assert snapshot.gauge("out_of_memory", service="api") == 1
    assert "likely out of memory" in alerts(snapshot)["out-of-memory"]


async def test_a_task_that_somebody_stopped_is_no_alert(ecs: FakeEcs, clock: Clock) -> None:
    ended = [
        stopped(n, code=137, stopCode=code) for n, code in enumerate(("UserInitiated", "ServiceSchedulerInitiated"))
    ]
    ecs.put(row(), *ended)
    snapshot = await one_reading(ecs, clock)
    assert snapshot.facts.services[0].exits == 0
    assert alerts(snapshot) == {}


async def test_a_stopped_task_is_described_once(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(), stopped(1))
    async with probing(ecs.aws.url, clock) as probe:
        await probe.read()
        described = ecs.aws.count("DescribeTasks")
        for _ in range(3):
            clock.pass_by(16)
            await probe.read()
        assert ecs.aws.count("DescribeTasks") == described
        ecs.put(stopped(2))
        clock.pass_by(16)
        assert len((await probe.read()).facts.tasks) == 2
        assert ecs.aws.count("DescribeTasks") == described + 1


async def test_a_failed_deployment_is_critical_and_one_that_takes_long_a_warning(ecs: FakeEcs, clock: Clock) -> None:
    failed = deployment("2", "api:42", "ACTIVE", "FAILED", rolloutStateReason="circuit breaker was triggered")
    ecs.put(row(deployments=[deployment(), failed]))
    assert alerts(await one_reading(ecs, clock))["deployment-failed"] == "api: the deployment of api:42 failed"
    slow = deployment("3", "api:43", rollout="IN_PROGRESS", createdAt=NOW.timestamp() - 1000)
    ecs.put(row(deployments=[slow, deployment(status="ACTIVE")]))
    snapshot = await one_reading(ecs, clock)
    assert alerts(snapshot)["deployment-stuck"] == "api: its deployment has taken 16m40s and is not through"
    assert snapshot.facts.services[0].deploying is not None


async def test_a_balancer_without_a_healthy_target_is_the_cause_of_a_503(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(loadBalancers=[{"targetGroupArn": GROUP, "containerName": "api", "containerPort": 80}]))
    targets_are(ecs.aws, ("unhealthy", "Target.Timeout"), ("draining", "Target.DeregistrationInProgress"))
    snapshot = await one_reading(ecs, clock)
    (health,) = snapshot.facts.services[0].health or ()
    assert (health.name, health.healthy, health.unhealthy) == ("web", 0, 1)
    assert [(str(why), number) for why, number in health.reasons] == [("its check is not answered in time", 1)]
    assert alerts(snapshot)["no-healthy-target"] == "api: its load balancer has no healthy target, callers get 503"
    targets_are(ecs.aws, ("healthy", ""), ("unhealthy", "Target.FailedHealthChecks"))
    snapshot = await one_reading(ecs, clock)
    assert alerts(snapshot).keys() == {"unhealthy-targets"}
    assert snapshot.gauge("targets_healthy", service="api") == 1


async def test_a_count_outside_the_bounds_of_auto_scaling_is_a_warning(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.targets["api"] = {"MinCapacity": 4, "MaxCapacity": 10, "SuspendedState": {"DynamicScalingInSuspended": True}}
    snapshot = await one_reading(ecs, clock)
    assert snapshot.facts.services[0].bounds == Bounds(4, 10, ("in",))
    assert alerts(snapshot)["beyond-bounds"].startswith(
        "api: its desired count is 2 outside auto-scaling's bounds 4-10"
    )


@pytest.mark.parametrize(
    ("operation", "part"),
    [
        ("ListTasks", "tasks that stopped"),
        ("DescribeScalableTargets", "bounds of auto-scaling"),
        ("DescribeTaskDefinition", "images of the revisions"),
        ("DescribeClusters", "the cluster itself"),
    ],
)
async def test_what_may_not_be_read_is_a_gap_that_names_the_right(
    ecs: FakeEcs, clock: Clock, operation: str, part: str
) -> None:
    ecs.put(row())
    ecs.define("api:41")
    message = f"User: x is not authorized to perform: ecs:{operation} on resource: *"
    ecs.aws.says(operation, "AccessDeniedException", message=message)
    async with probing(ecs.aws.url, clock) as probe:
        snapshot = await probe.read()
        (gap,) = [gap for gap in snapshot.gaps if gap.part == part]
        assert (gap.cause, str(gap.hint)) == (Cause.DENIED, f"it needs ecs:{operation} in its IAM policy")
        assert snapshot.facts.services[0].running == 2
        if operation == "ListTasks":
            assert snapshot.facts.services[0].exits is None, "unknown is not zero"


async def test_a_reading_that_may_not_describe_services_says_so(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.aws.says("DescribeServices", "AccessDeniedException")
    with pytest.raises(ProbeError, match="the login may not ecs:DescribeServices") as told:
        await one_reading(ecs, clock, services=["api"])
    assert told.value.cause is Cause.DENIED


async def test_a_throttle_is_told_with_the_time_of_the_next_try(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.aws.says("DescribeServices", "ThrottlingException", message="Rate exceeded")
    async with probing(ecs.aws.url, clock, services=["api"]) as probe:
        with pytest.raises(ProbeError, match="AWS asks for fewer calls") as told:
            await probe.read()
        assert told.value.cause is Cause.THROTTLED
        asked = ecs.aws.count("DescribeServices")
        with pytest.raises(ProbeError, match="fewer calls to ecs"):
            await probe.read()
        assert ecs.aws.count("DescribeServices") == asked, "a throttled service is left alone for a while"


async def test_another_account_than_the_pinned_one_is_not_read(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    with pytest.raises(ProbeError, match="the profile pins 999999999999"):
        await one_reading(ecs, clock, account="999999999999")
    assert [name for name, _ in ecs.aws.asked] == ["GetCallerIdentity"]


async def test_a_still_service_costs_two_calls_a_reading(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.define("api:41")
    async with probing(ecs.aws.url, clock, services=["api"]) as probe:
        await probe.read()
        before = len(ecs.aws.asked)
        clock.pass_by(15)
        await probe.read()
    assert [name for name, _ in ecs.aws.asked[before:]] == ["DescribeServices", "ListTasks"]


async def test_more_than_a_hundred_tasks_are_read_to_the_last(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(desiredCount=250, runningCount=250), *(task_row(n) for n in range(250)))
    ecs.put(*(stopped(1000 + n, ago=n) for n in range(130)))
    async with probing(ecs.aws.url, clock, timeout=60) as probe:
        probe.watched = True
        snapshot = await probe.read()
    assert sum(not one.over for one in snapshot.facts.tasks) == 250
    assert sum(one.over for one in snapshot.facts.tasks) == 130
    assert snapshot.facts.services[0].exits == 130


async def test_of_too_many_tasks_the_cut_is_said(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(), *(task_row(n) for n in range(1050)))
    async with probing(ecs.aws.url, clock, timeout=60) as probe:
        probe.watched = True
        snapshot = await probe.read()
    assert len(snapshot.facts.tasks) == 1000
    assert "running tasks beyond 1,000" in [gap.part for gap in snapshot.gaps]


@pytest.mark.engine  # it takes its time
async def test_two_thousand_services_are_shown_at_once_and_read_in_turn(
    ecs: FakeEcs, clock: Clock, place: Place
) -> None:
    names = [f"svc-{n:04}" for n in range(2100)]
    ecs.put(*(row(name, events=[event("x", name, ago=n, id=str(n)) for n in range(10)]) for name in names))
    ecs.put(row("svc-1999", runningCount=0))
    async with probing(ecs.aws.url, clock, timeout=60) as probe:
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()  # of this process, the place that is asked among it
        snapshot = await probe.read()
        first = time.process_time() - began
        assert len(snapshot.facts.services) == 200
        assert first < 1.0, "the first rows must come quickly"
        asked = len(ecs.aws.asked)
        assert asked <= BURST, "the first reading may not have to wait for its turn"
        place.account.bucket = Bucket(clock.monotonic, rate=1e6, burst=1e6)
        for _ in range(11):
            clock.pass_by(60)
            snapshot = await probe.read()
            assert len(ecs.aws.asked) - asked <= 65, "a reading may not use up the account's calls"
            asked = len(ecs.aws.asked)
        began = time.process_time()
        facts = await probe._facts()
        assembled = time.process_time() - began
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base
    assert snapshot.facts.known == 2000
    assert len(snapshot.facts.services) == 2000
    assert snapshot.facts.services[0].name == "svc-1999", "what is in trouble comes first"
    assert snapshot.facts.services[0].age == 0, "and is read at each look"
    assert max(one.age for one in snapshot.facts.services) <= 60 * 20
    assert "services beyond 2,000" in [gap.part for gap in snapshot.gaps]
    assert len(snapshot.gauges) < 1000
    assert len(facts.services) == 2000
    assert assembled < 0.2, "nothing may hold up the screen"
    assert grown < 100_000, "KiB"


# closer looks


async def test_a_task_is_told_with_its_end(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(), stopped(1, code=137, reason="OutOfMemoryError: Container killed due to memory usage"))
    async with probing(ecs.aws.url, clock) as probe:
        sheet = await probe.look("task", fakeecs.arn(f"task/shop/{1:032x}"))
        text = "\n".join(map(str, sheet.lines))
        assert "EssentialContainerExited: Essential container in task exited" in text
        assert "api  STOPPED, exit code 137, OutOfMemoryError" in text
        with pytest.raises(ProbeError, match="for about an hour"):
            await probe.look("task", fakeecs.arn(f"task/shop/{9:032x}"))


async def test_events_are_told_newest_first_and_the_same_words_once(ecs: FakeEcs, clock: Clock) -> None:
    steady = [event("has reached a steady state.", ago=600.0 * n, id="s") for n in range(5)]
    ecs.put(row(events=[event("was unable to place a task.", ago=10), *steady]))
    async with probing(ecs.aws.url, clock) as probe:
        sheet = await probe.look("events", "api")
        assert len(sheet.lines) == 2
        assert "was unable to place a task" in str(sheet.lines[0])
        assert "(5 times)" in str(sheet.lines[1])
        with pytest.raises(ProbeError, match="the cluster has no service gone"):
            await probe.look("events", "gone")


def test_steady_events_are_marked_and_the_same_again_is_counted() -> None:
    at_one = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
    lines = [
        {"id": str(n), "createdAt": at_one, "message": f"(service api) has started 1 tasks: (task {n:032x})."}
        for n in range(3)
    ]
    lines += [{"id": "9", "createdAt": at_one, "message": "(service api) has reached a steady state."}]
    lines += [{"id": "8", "message": "without a time"}]
    first, second = events(lines, "api")
    assert (first.times, first.steady, second.steady) == (3, False, True)
    assert str(first.said).startswith("has started 1 tasks")


async def test_the_log_of_a_service_is_followed_each_line_once(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.define("api:41")
    now = int(NOW.timestamp() * 1000)
    lines = [{"eventId": str(n), "timestamp": now - 1000 + n, "message": f"line {n}\n"} for n in range(3)]
    ecs.aws.answers["FilterLogEvents"] = lambda asked: (200, {"events": lines})
    async with probing(ecs.aws.url, clock) as probe:
        with monkey_every():
            stream = probe.follow("logs", "api")
            got = [str(await anext(stream)) for _ in range(3)]
            lines.append({"eventId": "9", "timestamp": now, "message": "late \x1b[2J"})
            got.append(str(await asyncio.wait_for(anext(stream), 10)))
            await stream.aclose()
    assert [one.split("  ", 1)[1] for one in got] == ["line 0", "line 1", "line 2", "late ^[[2J"]
    (_, asked), *_ = [one for one in ecs.aws.asked if one[0] == "FilterLogEvents"]
    assert (asked["logGroupName"], asked["logStreamNamePrefix"]) == ("/ecs/api", "api/api/")


async def test_the_log_of_a_busy_service_begins_with_its_newest_lines_and_goes_on(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.define("api:41")
    now = int(NOW.timestamp() * 1000)
    rows = [{"eventId": str(n), "timestamp": now - 600_000 + 20 * n, "message": f"line {n}"} for n in range(30_000)]

    def page(asked: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:  # fifty lines a second, 500 of them on a page
        found = [one for one in rows if asked["startTime"] <= one["timestamp"] <= asked.get("endTime", now * 2)]
        first = int(asked.get("nextToken", 0))
        more = {"nextToken": str(first + 500)} if first + 500 < len(found) else {}
        return 200, {"events": found[first : first + 500], **more}

    ecs.aws.answers["FilterLogEvents"] = page
    async with probing(ecs.aws.url, clock) as probe:
        sheet = await probe.look("logs", "api")
        assert [str(sheet.lines[-1])[-10:], len(sheet.lines)] == ["line 29999", 100]
        with monkey_every():
            stream = probe.follow("logs", "api")
            got: list[str] = []
            async with asyncio.timeout(60):
                while not got or not got[-1].endswith("line 29999"):
                    got.append(str(await anext(stream)).split("  ", 1)[1])
                rows += [{"eventId": f"new {n}", "timestamp": now, "message": f"new {n}"} for n in range(3)]
                news = [str(await anext(stream)).split("  ", 1)[1] for _ in range(3)]
                await stream.aclose()
    assert got == [f"line {30_000 - len(got) + n}" for n in range(len(got))]  # no hole, and nothing twice
    assert news == ["new 0", "new 1", "new 2"]


async def test_a_log_that_gives_no_answer_for_a_while_is_said_once_and_goes_on(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.define("api:41")
    ecs.aws.answers["FilterLogEvents"] = lambda asked: (200, {"events": []})
    now = int(NOW.timestamp() * 1000)
    async with probing(ecs.aws.url, clock) as probe:
        with monkey_every():
            stream = probe.follow("logs", "api")
            async with asyncio.timeout(60):
                said = [str(await anext(stream))]
                ecs.aws.says("FilterLogEvents", "ServiceUnavailableException", 503)
                said.append(str(await anext(stream)))
                asked = ecs.aws.count("FilterLogEvents")
                going = asyncio.ensure_future(anext(stream))
                while ecs.aws.count("FilterLogEvents") < asked + 3:
                    await asyncio.sleep(0.01)
                line = {"eventId": "1", "timestamp": now, "message": "back"}
                ecs.aws.answers["FilterLogEvents"] = lambda asked: (200, {"events": [line]})
                said.append(str(await going))
                await stream.aclose()
    assert said[0] == "(nothing in the last 10 minutes; waiting)"
    assert "lines come late" in said[1]
    assert said[2].endswith("  back")


async def test_the_log_of_one_task_is_its_own_stream(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row(), task_row(1))
    ecs.define("api:41")
    ecs.aws.answers["FilterLogEvents"] = lambda asked: (200, {"events": []})
    async with probing(ecs.aws.url, clock) as probe:
        assert (await probe.look("logs", fakeecs.arn(f"task/shop/{1:032x}"))).lines == ()
    (_, asked), *_ = [one for one in ecs.aws.asked if one[0] == "FilterLogEvents"]
    assert asked["logStreamNames"] == [f"api/api/{1:032x}"]


async def test_a_log_that_is_not_known_is_told_with_the_remedy(ecs: FakeEcs, clock: Clock) -> None:
    ecs.put(row())
    ecs.define("api:41")
    ecs.definitions["api:41"]["containerDefinitions"][0].pop("logConfiguration")
    async with probing(ecs.aws.url, clock) as probe:
        with pytest.raises(ProbeError, match="names no log group") as told:
            await probe.look("logs", "api")
        assert "log_group" in str(told.value.hint)
    ecs.aws.answers["FilterLogEvents"] = lambda asked: (200, {"events": []})
    async with probing(ecs.aws.url, clock, log_group={"api": "/mine"}) as probe:
        await probe.look("logs", "api")
    assert ecs.aws.asked[-1][1]["logGroupName"] == "/mine"
    ecs.aws.says("FilterLogEvents", "ResourceNotFoundException")
    async with probing(ecs.aws.url, clock, log_group={"api": "/mine"}) as probe:
        with pytest.raises(ProbeError, match="no log group /mine"):
            await probe.look("logs", "api")


# odd answers


def test_a_row_without_anything_is_no_exception() -> None:
    one = task({})
    assert (one.arn, one.service, one.over, str(one.why)) == ("", "", False, "")
    assert not task({"containers": "no list", "createdAt": "yesterday", "group": None}).containers


def test_a_policy_is_told_in_a_few_words() -> None:
    tracking = {
        "PolicyName": "cpu",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 50.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    }
    assert str(policy(tracking)) == "cpu keeps ECSServiceAverageCPUUtilization at 50"
    assert str(policy({"PolicyName": "steps", "PolicyType": "StepScaling"})) == "steps (StepScaling)"


@pytest.mark.parametrize(
    "settings", [{"cluster": "a b"}, {"cluster": "arn:aws:s3:::bucket"}, {"services": ["a b"]}, {"services": ["$(x)"]}]
)
def test_a_setting_that_can_not_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="name"):
        EcsSettings.model_validate(settings)


# on moto


@pytest.mark.engine
async def test_on_moto_a_service_its_targets_bounds_and_use_are_read(moto: Cloud) -> None:
    moto.reset()
    register(moto)
    arn, group = balancer(moto)
    balancing = [{"targetGroupArn": group, "containerName": "api", "containerPort": 80}]
    service(moto, count=3, loadBalancers=balancing)
    moto.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs", ResourceId=f"service/{CLUSTER}/api", ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1, MaxCapacity=2,
    )  # fmt: skip
    dimensions = [{"Name": "ClusterName", "Value": CLUSTER}, {"Name": "ServiceName", "Value": "api"}]
    before = datetime.now(UTC) - timedelta(seconds=70)
    moto.client("cloudwatch").put_metric_data(
        Namespace="AWS/ECS",
        MetricData=[
            {"MetricName": "MemoryUtilization", "Dimensions": dimensions, "Value": 93.0, "Timestamp": before},
            {"MetricName": "CPUUtilization", "Dimensions": dimensions[:1], "Value": 50.0},
        ],
    )
    async with probing(moto.url, region="us-east-1") as probe:
        snapshot = await probe.read()
        async with asyncio.timeout(30):
            while "cpu and memory" not in probe._read_at:  # the first readings leave out what there is no time for
                snapshot = await probe.read()
    (one,) = snapshot.facts.services
    assert (one.desired, one.running) == (3, 0)
    assert one.bounds == Bounds(1, 2)
    assert one.healthy == 2
    assert one.memory == pytest.approx(0.93)
    assert one.cpu is None, "a metric with another dimension is not ours"
    assert snapshot.gaps == ()
    assert arn


@pytest.mark.engine
async def test_on_moto_the_log_is_read_from_the_group_of_the_task_definition(moto: Cloud) -> None:
    moto.reset()
    register(moto)
    service(moto)
    logs = moto.client("logs")
    logs.create_log_group(logGroupName=LOG_GROUP)
    logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName="api/api/1")
    at_now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=LOG_GROUP, logStreamName="api/api/1", logEvents=[{"timestamp": at_now, "message": "hello"}]
    )
    async with probing(moto.url, region="us-east-1") as probe:
        (line,) = (await probe.look("logs", "api")).lines
    assert str(line).endswith(" hello")
    assert at(1)["endpoint"] == "http://127.0.0.1:1"
