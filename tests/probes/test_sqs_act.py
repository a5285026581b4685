"""Acting on SQS queues for real, on moto: purge, redrive by task and by hand, cancel, look; each once, each proven."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from desk.actions import about, told
from desk.deed import Step
from probes.aws.sqs.act import SqsActuator
from probes.aws.sqs.actions import BY_HAND, HIDDEN_FOR
from probes.aws.sqs.probe import SqsProbe
from probes.aws.sqs.settings import SqsSettings
from probes.base import (
    Cause,
    Context,
    Grant,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Subject,
    Target,
    Truth,
)
from tests.probes.acting import carried_out, comes_back, perform, settled
from tests.probes.awsfake import FakeAws, fake_aws
from tests.probes.rigs import CANARY, TestSecrets
from tests.probes.sqsstage import Stage, at, client, error, stage_at
from tests.stack.aws import Cloud
from tests.stack.faultproxy import FaultProxy, Mode

pytestmark = pytest.mark.engine

NAMES = (f"q{number}" for number in itertools.count())


@pytest.fixture
def name() -> str:
    """A queue's name that no other test has."""
    return next(NAMES)


@pytest.fixture
def stage(moto: Cloud) -> Iterator[Stage]:
    with stage_at(moto) as one:
        yield one


class Clock:
    """Goes on by itself, and further when a test says so."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return asyncio.get_event_loop_policy().get_event_loop().time() + self.ahead


@asynccontextmanager
async def acting(port: int, clock: Clock | None = None, **more: Any) -> AsyncIterator[SqsActuator]:
    settings = SqsSettings.model_validate(at(port, **more))
    context = Context(TestSecrets(), monotonic=clock.monotonic) if clock is not None else Context(TestSecrets())
    one = SqsActuator(Target("it", "sqs", settings), context)
    try:
        yield one
    finally:
        await one.close()


def words(plan: Plan) -> str:
    """All that a person is shown of a plan."""
    subjects = [part for one in plan.subjects for part in (one.before, one.after, one.spared, *one.felt)]
    return "\n".join(map(str, [*plan.felt, plan.undo, *plan.notes, *plan.command, *subjects]))


async def unsent(actuator: SqsActuator, plan: Plan, subject: Subject) -> Outcome:
    """The outcome of an act for which nothing may leave."""
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, subject, sent)
    assert sent == []
    return outcome


# purge


async def test_a_queue_is_purged_and_only_called_so_after_a_minute(stage: Stage, name: str) -> None:
    url = stage.queue(name)
    stage.send(url, "a", "b", "c")
    stage.sqs.receive_message(QueueUrl=url)
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(Request("purge", (name,)))
        assert str(plan.subjects[0].before) == "~2 visible, ~1 in flight, ~0 delayed"
        assert "up to 60 s" in words(plan)
        assert "in flight" in words(plan)
        assert not str(plan.undo)
        sent: list[str] = []
        outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
        assert outcome.result is Result.DONE
        assert "in progress until" in str(outcome.words)
        early = await actuator.verify(plan, plan.subjects[0], outcome, 59.0)
        assert early.truth is Truth.PENDING
        late = await actuator.verify(plan, plan.subjects[0], outcome, 61.0)
        assert late.truth is Truth.CONFIRMED, late
        assert "~0 visible, ~0 in flight, ~0 delayed" in str(late.words)
    assert stage.counts(url) == (0, 0, 0)


async def test_messages_after_a_purge_are_never_called_purged(stage: Stage, name: str) -> None:
    url = stage.queue(name)
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(Request("purge", (name,)))
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        stage.send(url, "new")
        for after, truth in ((61.0, Truth.PENDING), (121.0, Truth.UNKNOWN)):
            verdict = await actuator.verify(plan, plan.subjects[0], outcome, after)
            assert verdict.truth is truth
            assert "~1 visible" in str(verdict.words)


async def test_a_second_purge_within_a_minute_is_barred_and_refused_unsent(stage: Stage, name: str) -> None:
    stage.queue(name)
    clock = Clock()
    async with acting(stage.port, clock) as actuator:
        plan = await actuator.plan(Request("purge", (name,)))
        assert (await carried_out(actuator, plan, plan.subjects[0], [])).result is Result.DONE
        again = await unsent(actuator, plan, plan.subjects[0])
        assert again.result is Result.REFUSED
        assert "a purge is under way until" in str(again.words)
        second = await actuator.plan(Request("purge", (name,)))
        assert second.subjects[0].barred
        assert not second.taking_in([name]).chosen
        clock.ahead += 61
        assert (await actuator.plan(Request("purge", (name,)))).chosen
    assert stage.count("PurgeQueue") == 1


async def test_a_purge_of_somebody_else_is_told_with_its_end(stage: Stage, name: str) -> None:
    stage.queue(name)
    stage.says("PurgeQueue", "AWS.SimpleQueueService.PurgeQueueInProgress", 403)
    async with acting(stage.port) as actuator:
        done = await perform(actuator, Request("purge", (name,)))
    assert done.outcomes[0].result is Result.REFUSED
    assert "a purge is under way until" in str(done.outcomes[0].words)


@pytest.mark.parametrize("action", ["purge", "peek", "redrive"])
async def test_a_queue_made_anew_is_not_touched(stage: Stage, name: str, action: str) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, "a")
    async with acting(stage.port) as actuator:
        word = name if action == "redrive" else ""
        done = await perform(
            actuator, Request(action, (f"{name}-dlq",), word=word), between=lambda plan: stage.remade(dead)
        )
    assert done.outcomes[0].result is Result.REFUSED
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert not done.sent


async def test_a_queue_that_is_gone_is_said_to_be_gone(stage: Stage, name: str) -> None:
    url = stage.queue(name)
    async with acting(stage.port) as actuator:
        gone = await perform(
            actuator, Request("purge", (name,)), between=lambda plan: stage.sqs.delete_queue(QueueUrl=url)
        )
        assert str(gone.outcomes[0].words) == "changed since you looked: the queue is gone"
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(Request("purge", (name,)))
    assert caught.value.cause is Cause.GONE


async def test_a_purge_of_dead_letters_reminds_of_the_redrive(stage: Stage, name: str) -> None:
    stage.pair(name)
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(Request("purge", (f"{name}-dlq",)))
    assert "redrive puts them back to work" in words(plan)


# redrive by a move task


async def test_dead_letters_go_back_by_a_task_with_its_progress(stage: Stage, name: str) -> None:
    url, dead = stage.pair(name)
    stage.send(dead, *map(str, range(5)))
    async with acting(stage.port) as actuator:
        assert [choice.word for choice in await actuator.choices("redrive", (f"{name}-dlq",))] == [name]
        plan = await actuator.plan(Request("redrive", (f"{name}-dlq",), 50, name))
        assert f"~5 more in {name}" in words(plan)
        assert "at most 50 a second" in words(plan)
        subject = plan.subjects[0]
        outcome = await carried_out(actuator, plan, subject, [])
        assert outcome.result is Result.DONE
        seen = [await actuator.verify(plan, subject, outcome, float(after)) for after in range(4)]
        assert [one.truth for one in seen] == [Truth.PENDING, Truth.PENDING, Truth.CONFIRMED, Truth.CONFIRMED]
        assert "~2 of ~5 moved" in str(seen[0].words)
        assert seen[0].share == pytest.approx(0.4)
        assert "~5 of ~5 moved" in str(seen[2].words)
    assert stage.tasks[0].rate == 50
    assert stage.tasks[0].destination == stage.arn(name)
    assert (stage.counts(url)[0], stage.counts(dead)[0]) == (5, 0)


async def test_a_task_that_fails_half_way_says_how_far_it_came(stage: Stage, name: str) -> None:
    url, dead = stage.pair(name)
    stage.send(dead, *map(str, range(5)))
    stage.fails_after = 3
    async with acting(stage.port) as actuator:
        done = await perform(actuator, Request("redrive", (f"{name}-dlq",), None, name))
    assert done.outcomes[0].result is Result.DONE
    assert done.verdicts[0].truth is Truth.REFUTED
    assert "failed half-way, ~3 of ~5 moved" in str(done.verdicts[0].words)
    assert stage.counts(url)[0] == 3


@pytest.mark.parametrize(("moved", "result"), [(2, Result.PARTIAL), (0, Result.FAILED)])
async def test_a_task_that_fails_at_once_is_partial_with_its_count(
    stage: Stage, name: str, moved: int, result: Result
) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, "a", "b", "c")
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(Request("redrive", (f"{name}-dlq",), None, name))
        entry = {"Status": "FAILED", "ApproximateNumberOfMessagesMoved": moved, "ApproximateNumberOfMessagesToMove": 3}
        stage.instead["ListMessageMoveTasks"] = lambda _: (
            200, {"Results": [{**entry, "StartedTimestamp": 1, "FailureReason": "AccessDenied"}] if stage.tasks else []}
        )  # fmt: skip
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is result
    assert f"~{moved} of ~3 moved" in str(outcome.words)
    assert "AccessDenied" in str(outcome.words)


async def test_of_several_sources_one_must_be_named_or_each_gets_its_own(stage: Stage, name: str) -> None:
    _, dead = stage.pair(name)
    policy = '{{"deadLetterTargetArn": "{}", "maxReceiveCount": "2"}}'.format(stage.arn(f"{name}-dlq"))
    stage.queue(f"{name}b", RedrivePolicy=policy)
    stage.send(dead, "a")
    async with acting(stage.port) as actuator:
        subjects = (f"{name}-dlq",)
        assert [one.word for one in await actuator.choices("redrive", subjects)] == ["*", name, f"{name}b"]
        with pytest.raises(ProbeError, match="choose one of"):
            await actuator.plan(Request("redrive", subjects, 1))
        with pytest.raises(ProbeError, match="is no source of"):
            await actuator.plan(Request("redrive", subjects, 1, "elsewhere"))
        one = await actuator.plan(Request("redrive", subjects, 1, f"{name}b"))
        assert f"dead letters of {name} go to {name}b as well" in words(one)
        each = await actuator.plan(Request("redrive", subjects, 1, "*"))
        assert "the queues they came from" in words(each)
        assert "destination-arn" not in each.command[0]
        assert (await carried_out(actuator, each, each.subjects[0], [])).result is Result.DONE
    assert stage.count("StartMessageMoveTask") == 1


async def test_a_destination_that_is_another_one_now_is_refused(stage: Stage, name: str) -> None:
    url, dead = stage.pair(name)
    stage.send(dead, "a")
    policy = '{{"deadLetterTargetArn": "{}", "maxReceiveCount": "2"}}'.format(stage.arn(f"{name}-dlq"))
    async with acting(stage.port) as actuator:
        request = Request("redrive", (f"{name}-dlq",), 1, name)
        made = await perform(actuator, request, between=lambda plan: stage.remade(url, RedrivePolicy=policy))
        assert "the destination was deleted and made anew" in str(made.outcomes[0].words)
        added = await perform(actuator, request, between=lambda plan: stage.queue(f"{name}c", RedrivePolicy=policy))
        assert "other queues send their dead letters here now" in str(added.outcomes[0].words)
    assert stage.count("StartMessageMoveTask") == 0


async def test_a_second_move_is_barred_and_refused(stage: Stage, name: str) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, *map(str, range(50)))
    async with acting(stage.port) as actuator:
        request = Request("redrive", (f"{name}-dlq",), 1, name)
        plan = await actuator.plan(request)
        assert (await carried_out(actuator, plan, plan.subjects[0], [])).result is Result.DONE
        again = await unsent(actuator, plan, plan.subjects[0])
        assert again.result is Result.REFUSED
        barred = await actuator.plan(request)
        assert "a move is under way" in str(barred.subjects[0].spared)
        stage.instead["ListMessageMoveTasks"] = lambda _: (200, {"Results": []})
        raced = await carried_out(actuator, plan, plan.subjects[0], [])
        assert raced.result is Result.REFUSED
        assert "a move is under way already" in str(raced.words)


async def test_a_queue_without_dead_letters_has_nowhere_to_move_to(stage: Stage, name: str) -> None:
    stage.send(stage.queue(name), "a")
    async with acting(stage.port) as actuator:
        with pytest.raises(ProbeError, match="nowhere to move them"):
            await actuator.plan(Request("redrive", (name,), 1, "*"))


# cancel


async def test_a_move_is_cancelled_and_seen_to_be(stage: Stage, name: str) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, *map(str, range(9)))
    async with acting(stage.port) as actuator:
        with pytest.raises(ProbeError, match="is under way"):
            await actuator.plan(Request("cancel-move", (f"{name}-dlq",)))
        plan = await actuator.plan(Request("redrive", (f"{name}-dlq",), 1, name))
        await carried_out(actuator, plan, plan.subjects[0], [])
        done = await perform(actuator, Request("cancel-move", (f"{name}-dlq",)))
        assert "stay here" in str(done.plan.subjects[0].after)
        assert done.outcomes[0].result is Result.DONE
        assert done.verdicts[0].truth is Truth.CONFIRMED
        assert stage.tasks[0].status == "CANCELLED"
        over = await unsent(actuator, done.plan, done.plan.subjects[0])
        assert over.result is Result.REFUSED


async def test_a_move_that_ended_first_was_not_cancelled(stage: Stage, name: str) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, *map(str, range(4)))
    stage.step = 0
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(Request("redrive", (f"{name}-dlq",), 1, name))
        await carried_out(actuator, plan, plan.subjects[0], [])
        cancel = await actuator.plan(Request("cancel-move", (f"{name}-dlq",)))
        stage.tasks[0].status = "COMPLETED"
        verdict = await actuator.verify(cancel, cancel.subjects[0], Outcome(Result.UNKNOWN, SafeText()), 1.0)
    assert verdict.truth is Truth.REFUTED
    assert "it had ended before" in str(verdict.words)


# redrive by hand, where the place knows no move task


@pytest.fixture(params=["moto", "ministack"])
def bare(request: pytest.FixtureRequest) -> Cloud:
    """A place that knows no move task."""
    cloud: Cloud = request.getfixturevalue(request.param)
    return cloud


def pair_at(cloud: Cloud, name: str) -> tuple[str, str]:
    """A queue and its dead-letter queue."""
    sqs = client(cloud.port)
    dead = str(sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "3"}}'
    return str(sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy})["QueueUrl"]), dead


async def test_without_move_tasks_messages_are_moved_by_hand_and_the_plan_says_so(bare: Cloud, name: str) -> None:
    if bare.name == "ministack":
        bare.reset()  # it can't say whose dead letters these are: few queues may be there
    url, dead = pair_at(bare, name)
    sqs = client(bare.port)
    attributes = {"kind": {"DataType": "String", "StringValue": "mail"}}
    for number in range(23):
        sqs.send_message(QueueUrl=dead, MessageBody=f"body {number}", MessageAttributes=attributes)
    async with acting(bare.port) as actuator:
        done = await perform(actuator, Request("redrive", (f"{name}-dlq",), 500, name))
    assert "this endpoint has no move task: ~23 messages are received, sent and deleted by us" in words(done.plan)
    assert "may be delivered twice" in words(done.plan)
    assert done.outcomes[0].result is Result.DONE, done.outcomes
    assert dict(done.outcomes[0].facts)["moved"] == "23"
    assert done.verdicts[0].truth is Truth.CONFIRMED
    found: dict[str, Mapping[str, Any]] = {}
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        found |= {one["Body"]: one["MessageAttributes"] for one in got}
    assert set(found) == {f"body {number}" for number in range(23)}
    assert all(one["kind"]["StringValue"] == "mail" for one in found.values())


def by_hand(stage: Stage) -> None:
    """The proxy knows no move task either."""
    for operation in ("ListMessageMoveTasks", "StartMessageMoveTask"):
        stage.instead[operation] = lambda _: error("UnknownOperationException")


async def test_a_move_by_hand_that_is_cut_tells_what_was_moved_and_what_may_come_twice(stage: Stage, name: str) -> None:
    by_hand(stage)
    url, dead = stage.pair(name)
    stage.send(dead, *map(str, range(25)))
    batches = itertools.count()
    stage.instead["DeleteMessageBatch"] = lambda _: None if next(batches) == 0 else error("InternalError", 500)
    async with acting(stage.port) as actuator:
        done = await perform(actuator, Request("redrive", (f"{name}-dlq",), 500, name))
    assert done.outcomes[0].result is Result.PARTIAL
    assert str(done.outcomes[0].words).startswith("10 of 25 moved; 10 may be delivered twice")
    assert done.verdicts[0].truth is Truth.REFUTED
    assert done.sent == [f"{name}-dlq"]
    assert stage.counts(url)[0] == 20


async def test_what_the_destination_does_not_take_stays(stage: Stage, name: str) -> None:
    by_hand(stage)
    url, dead = stage.pair(name)
    stage.send(dead, "a", "b")
    failed = {"Id": "0", "SenderFault": True, "Code": "AccessDenied"}
    stage.instead["SendMessageBatch"] = lambda _: (200, {"Successful": [], "Failed": [failed, {**failed, "Id": "1"}]})
    async with acting(stage.port) as actuator:
        done = await perform(actuator, Request("redrive", (f"{name}-dlq",), 500, name))
    assert done.outcomes[0].result in (Result.PARTIAL, Result.UNKNOWN)
    assert sum(stage.counts(dead)) == 2
    assert stage.counts(url)[0] == 0
    assert stage.count("DeleteMessageBatch") == 0


async def test_a_pace_is_kept_by_hand(stage: Stage, name: str) -> None:
    by_hand(stage)
    _, dead = stage.pair(name)
    stage.send(dead, *map(str, range(12)))
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(Request("redrive", (f"{name}-dlq",), 10, name))
        began = asyncio.get_running_loop().time()
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        took = asyncio.get_running_loop().time() - began
    assert dict(outcome.facts)["moved"] == "12"
    assert took > 1.0


async def test_aws_itself_is_never_moved_by_hand(stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(stage)
    stage.pair(name)
    async with acting(stage.port) as actuator:
        whose = await actuator._calls.whose()
        monkeypatch.setattr((await actuator._calls.account()), "_whose", replace(whose, endpoint=""))
        with pytest.raises(ProbeError, match="does not know"):
            await actuator.plan(Request("redrive", (f"{name}-dlq",), 1, name))


# look at messages


async def test_messages_are_shown_covered_given_back_and_kept_out_of_the_record(stage: Stage, name: str) -> None:
    url, _ = stage.pair(name, receives=2)
    stage.send(url, '{"to": "ann", "token": "a-test-password"}', "password=a-test-password \x1b[2Jx")
    settings = SqsSettings.model_validate(at(stage.port, queues=[name]))
    probe = SqsProbe(Target("it", "sqs", settings), Context(TestSecrets()))
    async with acting(stage.port) as actuator:
        await probe.read()
        empty = await probe.look("messages", name)
        assert "no message was looked at" in str(empty.lines[0])
        done = await perform(actuator, Request("peek", (name,)))
        sheet = await probe.look("messages", name)
    await probe.close()
    outcome = done.outcomes[0]
    assert outcome.result is Result.DONE
    assert dict(outcome.facts) == {"received": "2", "given back": "2"}
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert stage.counts(url) == (2, 0, 0)
    shown = "\n".join(map(str, sheet.lines))
    assert '"to": "ann"' in shown
    assert '"token": "***"' in shown
    assert "password=***" in shown
    assert "received 1 of 2" in shown
    assert CANARY not in shown
    assert "\x1b" not in shown
    step = Step(done.plan.subjects[0], act="a")
    record = repr([about(done.plan), told(step), outcome, done.verdicts])
    assert "ann" not in record
    assert CANARY not in record


async def test_a_message_at_its_last_receive_is_warned_of(stage: Stage, name: str) -> None:
    url, _ = stage.pair(name, receives=2)
    stage.send(url, "a")
    async with acting(stage.port) as actuator:
        first = await perform(actuator, Request("peek", (name,)))
        assert f"received 2 times goes to {name}-dlq at its next receive" in words(first.plan)
        assert "dead letters" not in str(first.outcomes[0].words)
        second = await perform(actuator, Request("peek", (name,)))
        assert "1 of them become dead letters at their next receive" in str(second.outcomes[0].words)


async def test_messages_that_cant_be_given_back_are_said_to_be_hidden(stage: Stage, name: str) -> None:
    url, _ = stage.pair(name)
    stage.send(url, "a", "b")
    stage.says("ChangeMessageVisibilityBatch", "AccessDeniedException")
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(Request("peek", (name,)))
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert outcome.result is Result.PARTIAL
        assert "2 not given back" in str(outcome.words)
        assert f"hidden for up to {HIDDEN_FOR} s" in str(outcome.words)
        hidden = await actuator.verify(plan, plan.subjects[0], outcome, 1.0)
        assert hidden.truth is Truth.PENDING
        later = await actuator.verify(plan, plan.subjects[0], outcome, HIDDEN_FOR + 1.0)
        assert later.truth is Truth.CONFIRMED
    assert stage.counts(url) == (0, 2, 0)


async def test_an_empty_queue_shows_nothing_and_says_so(stage: Stage, name: str) -> None:
    stage.queue(name)
    async with acting(stage.port) as actuator:
        done = await perform(actuator, Request("peek", (name,)))
    assert "no message was received" in str(done.outcomes[0].words)
    assert done.verdicts[0].truth is Truth.CONFIRMED


# at most once


@pytest.mark.once
@pytest.mark.parametrize(
    "mode", [Mode.LOSE, Mode.RESET, Mode.SILENT, Mode.GARBAGE, Mode.HTML, Mode.CLOSE, Mode.TRUNCATE]
)
@pytest.mark.parametrize(
    ("action", "operation"),
    [("purge", "PurgeQueue"), ("peek", "ReceiveMessage"), ("redrive", "StartMessageMoveTask"),
     ("cancel-move", "CancelMessageMoveTask")],
)  # fmt: skip
async def test_each_request_leaves_once_however_its_answer_is_lost(
    stage: Stage, name: str, action: str, operation: str, mode: Mode
) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, "a")
    with FaultProxy(stage.port) as proxy:
        async with acting(proxy.port, timeout=4.0) as actuator:
            if action == "cancel-move":
                stage.step = 0
                stage.sqs.start_message_move_task(SourceArn=stage.arn(f"{name}-dlq"))
            plan = await actuator.plan(Request(action, (f"{name}-dlq",), word=name if action == "redrive" else ""))
            proxy.become(mode, when=f"AmazonSQS.{operation}".encode())
            sent: list[str] = []
            outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
            assert sent == [f"{name}-dlq"]
            assert outcome.result is Result.UNKNOWN, outcome
            proxy.mode = Mode.PASS
        assert proxy.seen(f"AmazonSQS.{operation}".encode()) == 1


@pytest.mark.once
async def test_a_place_that_refuses_the_connection_has_changed_nothing(stage: Stage, name: str) -> None:
    stage.queue(name)
    with FaultProxy(stage.port) as proxy:
        async with acting(proxy.port, timeout=4.0) as actuator:
            plan = await actuator.plan(Request("purge", (name,)))
            proxy.mode = Mode.REFUSE
            outcome = await unsent(actuator, plan, plan.subjects[0])
            assert outcome.result is Result.FAILED
            proxy.mode = Mode.PASS
    assert stage.count("PurgeQueue") == 0


@pytest.mark.once
async def test_a_denied_act_is_refused_with_the_right_it_needs(stage: Stage, name: str) -> None:
    stage.queue(name)
    stage.says("PurgeQueue", "AccessDenied", 403)
    async with acting(stage.port) as actuator:
        done = await perform(actuator, Request("purge", (name,)))
    assert done.outcomes[0].result is Result.REFUSED
    assert "sqs:PurgeQueue" in str(done.outcomes[0].words)
    assert stage.count("PurgeQueue") == 1


# offers, place, rights


async def test_each_act_is_offered_for_one_queue_with_the_reason_against_it(stage: Stage, name: str) -> None:
    stage.pair(name)
    settings = SqsSettings.model_validate(at(stage.port, queues=[name, "nowhere"]))
    probe = SqsProbe(Target("it", "sqs", settings), Context(TestSecrets()))
    facts = (await probe.read()).facts
    await probe.close()
    async with acting(stage.port) as actuator:
        offers = {offer.action.name: offer.refused for offer in actuator.offers(facts, [f"{name}-dlq"])}
        assert offers == {
            "peek": "", "purge": "", "redrive": "no message is visible there",
            "cancel-move": "no move is known to be under way",
        }  # fmt: skip
        assert {offer.refused for offer in actuator.offers(facts, ["nowhere"])} == {"there is no such queue"}
        assert actuator.offers(facts, [name, f"{name}-dlq"]) == ()
        assert actuator.offers(facts, ["gone"]) == ()


async def test_an_address_of_another_account_or_region_is_refused(stage: Stage, name: str) -> None:
    async with acting(stage.port) as actuator:
        for place in ("arn:aws:sqs:eu-west-1:999999999999:x", "arn:aws:sqs:us-east-1:123456789012:x"):
            with pytest.raises(ProbeError) as caught:
                await actuator.plan(Request("purge", (place,)))
            assert caught.value.cause is Cause.DENIED
        assert comes_back(actuator, Request("purge", (name,)))


async def test_a_plan_needs_what_the_act_needs(stage: Stage, name: str) -> None:
    async with acting(stage.port) as actuator:
        for request in (
            Request("delete", (name,)), Request("purge"), Request("purge", (name, "b")), Request("purge", (name,), 1),
            Request("purge", (name,), word="x"), Request("redrive", (name,), BY_HAND + 1, "x"),
        ):  # fmt: skip
            with pytest.raises(ProbeError):
                await actuator.plan(request)


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        yield one


@pytest.mark.parametrize(("decision", "grant"), [("allowed", Grant.HELD), ("implicitDeny", Grant.MISSING)])
async def test_iam_tells_which_rights_there_are(fake: FakeAws, decision: str, grant: Grant) -> None:
    member = "<member><EvalActionName>sqs:PurgeQueue</EvalActionName><EvalDecision>{}</EvalDecision></member>"
    page = (
        '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult>'
        f"<EvaluationResults>{member.format(decision)}</EvaluationResults></SimulatePrincipalPolicyResult>"
        "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></SimulatePrincipalPolicyResponse>"
    )
    fake.answers["SimulatePrincipalPolicy"] = lambda _: (200, page)
    async with acting(int(fake.url.rpartition(":")[2])) as actuator:
        rights = {right.name: right.grant for right in await actuator.rights()}
    assert rights["purge queues"] is grant
    assert rights["redrive dead letters"] is Grant.UNKNOWN


async def test_where_iam_cant_be_asked_nobody_can_tell(stage: Stage) -> None:
    async with acting(stage.port) as actuator:
        assert {right.grant for right in await actuator.rights()} == {Grant.UNKNOWN}


async def test_an_act_of_an_earlier_session_is_looked_at_by_its_record(stage: Stage, name: str) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, "a", "b")
    async with acting(stage.port) as first:
        plan = await first.plan(Request("redrive", (f"{name}-dlq",), 5, name))
        outcome = await carried_out(first, plan, plan.subjects[0], [])
    async with acting(stage.port) as later:
        verdict = await settled(later, plan, plan.subjects[0], replace(outcome, facts=()))
    assert verdict.truth is Truth.CONFIRMED
