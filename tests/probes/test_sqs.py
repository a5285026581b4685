"""Reading SQS queues: on moto and ministack, and by a small fake where time, numbers or faults must be given."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.aws.sqs import peeked
from probes.aws.sqs.facts import Counts, Move, Outlook, Queue, Seen, SqsFacts
from probes.aws.sqs.flow import Flow
from probes.aws.sqs.parse import account_of, counts, move, name_of, number, policy
from probes.aws.sqs.probe import SqsProbe
from probes.aws.sqs.settings import SqsSettings
from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, Target
from tests.probes.awsfake import ACCOUNT, Answer, FakeAws, fake_aws
from tests.probes.rigs import CANARY, TestSecrets
from tests.probes.sqsstage import REGION, Stage, at, stage_at
from tests.stack.aws import Cloud
from tests.toys import StillClock

NAMES = (f"r{number}" for number in itertools.count())


@pytest.fixture
def name() -> str:
    return next(NAMES)


@pytest.fixture
def stage(moto: Cloud) -> Iterator[Stage]:
    with stage_at(moto) as one:
        yield one


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        yield one


@asynccontextmanager
async def probing(port: int | str, clock: StillClock | None = None, **more: Any) -> AsyncIterator[SqsProbe]:
    number = int(str(port).rpartition(":")[2])
    context = Context(TestSecrets(), clock.monotonic, clock.now) if clock is not None else Context(TestSecrets())
    one = SqsProbe(Target("it", "sqs", SqsSettings.model_validate(at(number, **more))), context)
    try:
        yield one
    finally:
        await one.close()


def row(snapshot: Snapshot[SqsFacts], name: str) -> Queue:
    found = snapshot.facts.queue(name)
    assert found is not None, [str(one.name) for one in snapshot.facts.queues]
    return found


# a fake account


class Account:
    """Queues of a fake account, with the counts a test gives."""

    def __init__(self, fake: FakeAws, *names: str) -> None:
        self.queues: dict[str, dict[str, str]] = {}
        self.fake = fake
        self.denied: set[str] = set()
        for one in names:
            self.add(one)
        fake.answers |= {
            "ListQueues": self._list, "GetQueueUrl": self._url, "GetQueueAttributes": self._attributes,
            "ListDeadLetterSourceQueues": lambda _: (200, {"queueUrls": []}),
            "ListMessageMoveTasks": lambda _: (200, {"Results": []}),
        }  # fmt: skip

    def add(self, name: str, visible: int = 0, in_flight: int = 0, delayed: int = 0, **more: str) -> None:
        self.queues[name] = {
            "ApproximateNumberOfMessages": str(visible), "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessagesDelayed": str(delayed), "CreatedTimestamp": "1795273225",
            "QueueArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", "MessageRetentionPeriod": "345600", **more,
        }  # fmt: skip

    def _list(self, asked: Mapping[str, Any]) -> Answer:
        names = sorted(one for one in self.queues if one.startswith(asked.get("QueueNamePrefix", "")))
        begin = int(asked.get("NextToken", "0"))
        end = begin + asked.get("MaxResults", 1000)
        following = {"NextToken": str(end)} if end < len(names) else {}
        return 200, {"QueueUrls": [self.address(one) for one in names[begin:end]], **following}

    def _url(self, asked: Mapping[str, Any]) -> Answer:
        if asked["QueueName"] not in self.queues:
            return 400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no"}
        return 200, {"QueueUrl": self.address(asked["QueueName"])}

    def _attributes(self, asked: Mapping[str, Any]) -> Answer:
        name = asked["QueueUrl"].rpartition("/")[2]
        if name in self.denied:
            return 403, {
                "__type": "AccessDenied",
                "message": "is not authorized to perform: sqs:GetQueueAttributes on x",
            }
        if name not in self.queues:
            return 400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no"}
        return 200, {"Attributes": self.queues[name]}

    def address(self, name: str) -> str:
        return f"{self.fake.url}/{ACCOUNT}/{name}"


# real engines


@pytest.mark.engine
async def test_a_queue_is_read_with_its_three_counts_its_setting_and_its_dead_letters(stage: Stage, name: str) -> None:
    url, dead = stage.pair(name, receives=4)
    stage.send(url, "a", "b", "c")
    stage.send(url, "later", DelaySeconds=600)
    stage.send(dead, "x", "y")
    stage.sqs.receive_message(QueueUrl=url)
    async with probing(stage.port, queues=[name]) as probe:
        found = await probe.read()
    queue, letters = row(found, name), row(found, f"{name}-dlq")
    assert queue.seen.counts == Counts(2, 1, 1)
    assert (queue.seen.policy.max_receives, queue.seen.policy.retention, queue.seen.policy.visibility) == (
        4,
        345600,
        30,
    )
    assert str(queue.seen.policy.encrypted) == "by SQS"
    assert not queue.seen.policy.fifo
    assert queue.seen.policy.created_at is not None
    assert queue.dead == 2
    assert [str(one) for one in letters.dead_of] == [name]
    assert found.gauge("depth", queue=name, state="in_flight") == 1
    assert found.gauge("waiting", queue=name) == 2
    assert found.gauge("dead_letters", queue=f"{name}-dlq") == 2
    assert found.gauge("waiting", queue=f"{name}-dlq") is None
    assert queue.seen.net is None
    assert queue.seen.outlook is Outlook.UNKNOWN
    assert f"{REGION} as " in str(found.facts.seat.place)


@pytest.mark.engine
async def test_a_fifo_queue_is_told_as_one(stage: Stage, name: str) -> None:
    stage.queue(f"{name}.fifo", FifoQueue="true")
    async with probing(stage.port, queues=[f"{name}.fifo"]) as probe:
        assert row(await probe.read(), f"{name}.fifo").seen.policy.fifo


@pytest.mark.engine
async def test_only_queues_that_fit_a_pattern_are_read(stage: Stage, name: str) -> None:
    for one in (f"{name}-mail", f"{name}-sms", f"{name}x"):
        stage.queue(one)
    async with probing(stage.port, queues=[f"{name}-*"]) as probe:
        found = await probe.read()
    assert {str(one.name) for one in found.facts.queues} == {f"{name}-mail", f"{name}-sms"}


@pytest.mark.engine
async def test_a_queue_may_be_named_by_its_address(stage: Stage, name: str) -> None:
    url = stage.queue(name)
    async with probing(stage.port, queues=[url]) as probe:
        assert row(await probe.read(), name).seen.counts == Counts(0, 0, 0)


@pytest.mark.engine
async def test_a_named_queue_that_is_not_there_is_said_and_seen_when_it_comes(stage: Stage, name: str) -> None:
    clock = StillClock()
    async with probing(stage.port, clock, queues=[name]) as probe:
        found = await probe.read()
        assert row(found, name).seen.missing
        assert found.gauge("missing", queue=name) == 1
        assert found.gauge("depth", queue=name, state="visible") is None
        stage.queue(name)
        clock.seconds += 61
        assert row(await probe.read(), name).seen.counts == Counts(0, 0, 0)


@pytest.mark.engine
async def test_move_tasks_are_told_while_somebody_watches(stage: Stage, name: str) -> None:
    _, dead = stage.pair(name)
    stage.send(dead, *map(str, range(9)))
    stage.sqs.start_message_move_task(SourceArn=stage.arn(f"{name}-dlq"), MaxNumberOfMessagesPerSecond=5)
    async with probing(stage.port, queues=[name]) as probe:
        assert row(await probe.read(), f"{name}-dlq").moves == ()
        assert stage.count("ListMessageMoveTasks") == 0
        probe.watched = True
        found = await probe.read()
        moving = row(found, f"{name}-dlq").moving
    assert moving is not None
    assert (moving.status, moving.to_move, moving.rate, str(moving.destination)) == ("RUNNING", 9, 5, name)
    assert found.gaps == ()


@pytest.mark.engine
@pytest.mark.parametrize("engine", ["moto", "ministack"])
async def test_where_move_tasks_are_not_known_that_part_is_a_gap(
    engine: str, name: str, request: pytest.FixtureRequest
) -> None:
    cloud: Cloud = request.getfixturevalue(engine)
    sqs = Stage(cloud, cloud.port).sqs
    dead = sqs.create_queue(QueueName=f"{name}-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
    sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": redrive})
    async with probing(cloud.port, queues=[name]) as probe:
        probe.watched = True
        await probe.read()  # the first sight is quick and leaves them out
        found = await probe.read()
    assert row(found, name).dead == 0
    assert "move tasks of dead-letter queues" in {gap.part for gap in found.gaps}
    assert {gap.cause for gap in found.gaps} == {Cause.MISSING}


@pytest.mark.engine
async def test_the_age_of_the_oldest_message_comes_from_cloudwatch(moto: Cloud, stage: Stage, name: str) -> None:
    import boto3

    watch = boto3.client(
        "cloudwatch", endpoint_url=moto.url, region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b"
    )
    when = datetime.now(UTC) - timedelta(seconds=90)
    watch.put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {"MetricName": "ApproximateAgeOfOldestMessage", "Value": 372.0, "Timestamp": when,
             "Dimensions": [{"Name": "QueueName", "Value": name}]}
        ],
    )  # fmt: skip
    stage.send(stage.queue(name), "a")
    async with probing(moto.port, queues=[name]) as probe:
        found = await probe.read()
    assert row(found, name).oldest == 372.0
    assert found.gauge("oldest_age_seconds", queue=name) == 372.0
    assert found.gauge("kept_ratio", queue=name) == pytest.approx(372 / 345600)


# numbers and faults


async def test_thousands_of_queues_are_seen_in_a_moment_and_read_in_turn(fake: FakeAws) -> None:
    account = Account(fake)
    for place in range(10_000):
        account.add(f"q{place:05}", visible=1 if place == 9_999 else 0)
    async with probing(fake.url, ages=0) as probe:
        began = time.monotonic()
        first = await probe.read()
        took = time.monotonic() - began
        assert len(first.facts.queues) == 10_000
        assert took < 15.0, took
        known = 10_000 - first.facts.unread
        assert known >= 8
        asked = fake.count("GetQueueAttributes")
        second = await probe.read()
        assert second.facts.unread < first.facts.unread
        assert fake.count("GetQueueAttributes") - asked < 100
        assert fake.count("ListQueues") == 10
        read = [one for one in second.facts.queues if one.age is not None]
        assert all(one.age is not None and one.age < 60 for one in read)
        assert len(second.gauges) < 1000


async def test_the_fullest_queue_of_many_is_read_every_time(fake: FakeAws) -> None:
    account = Account(fake)
    for place in range(60):
        account.add(f"q{place:02}")
    account.add("q59", visible=5000)
    async with probing(fake.url, ages=0, timeout=5.0) as probe:
        while (found := await probe.read()).facts.unread:
            pass
        account.add("q59", visible=4000)
        again = await probe.read()
    assert str(found.facts.queues[0].name) == "q59"
    assert row(again, "q59").seen.counts.visible == 4000


async def test_a_list_beyond_the_cap_is_cut_and_says_so(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.aws.sqs.catalogue.CAP", 3)
    Account(fake, "a", "b", "c", "d", "e")
    async with probing(fake.url) as probe:
        found = await probe.read()
    assert len(found.facts.queues) == 3
    assert found.facts.more
    assert Cause.TOO_BIG in {gap.cause for gap in found.gaps}


async def test_a_queue_that_may_not_be_read_keeps_the_others(fake: FakeAws) -> None:
    account = Account(fake, "mail", "sms")
    account.denied = {"sms"}
    async with probing(fake.url, queues=["mail", "sms"]) as probe:
        found = await probe.read()
        assert row(found, "mail").seen.counts == Counts(0, 0, 0)
        assert "sqs:GetQueueAttributes" in str(row(found, "sms").seen.trouble)
        assert [gap.cause for gap in found.gaps] == [Cause.DENIED]
        account.denied = {"mail", "sms"}
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is Cause.DENIED


async def test_of_another_account_nothing_is_read(fake: FakeAws) -> None:
    Account(fake, "mail")
    async with probing(fake.url, account="999999999999") as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is Cause.DENIED
    assert fake.count("ListQueues") == fake.count("GetQueueAttributes") == 0


async def test_an_address_of_another_account_is_not_read(fake: FakeAws) -> None:
    async with probing(fake.url, queues=[f"{fake.url}/999999999999/mail"]) as probe:
        with pytest.raises(ProbeError, match="of account 999999999999"):
            await probe.read()
    assert fake.count("GetQueueAttributes") == 0


async def test_a_throttled_reading_says_so(fake: FakeAws) -> None:
    Account(fake, "mail")
    fake.says("GetQueueAttributes", "RequestThrottled")
    async with probing(fake.url, queues=["mail"]) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    assert caught.value.cause is Cause.THROTTLED


async def test_a_listed_queue_that_is_deleted_goes_away(fake: FakeAws) -> None:
    account = Account(fake, "mail", "sms")
    async with probing(fake.url) as probe:
        await probe.read()
        del account.queues["sms"]
        found = await probe.read()
    assert [str(one.name) for one in found.facts.queues] == ["mail"]


async def test_a_queue_is_asked_whose_dead_letters_it_holds_before_it_is_called_stuck(fake: FakeAws) -> None:
    account = Account(fake, "other")
    account.add("letters", visible=5)
    fake.answers["ListDeadLetterSourceQueues"] = lambda _: (200, {"queueUrls": [account.address("far")]})
    clock = StillClock()
    async with probing(fake.url, clock, queues=["letters"], ages=0) as probe:
        for _ in range(6):
            found = await probe.read()
            clock.seconds += 60
    assert fake.count("ListDeadLetterSourceQueues") == 1
    assert found.gauge("stuck_seconds", queue="letters") is None
    assert found.gauge("dead_letters", queue="letters") == 5


async def test_ages_beyond_the_setting_are_not_paid_for(fake: FakeAws) -> None:
    account = Account(fake)
    for one in "abc":
        account.add(one, visible=1)
    async with probing(fake.url, queues=["a", "b", "c"], ages=0) as probe:
        found = await probe.read()
    assert [(gap.part, gap.cause) for gap in found.gaps] == [("age of the oldest message of 3 queues", Cause.TOO_BIG)]


# movement


def followed(*samples: tuple[float, int, int]) -> Seen:
    """The last of several samples: (when, visible, in flight)."""
    flow, seen = Flow(), Seen(SafeText("q"), "u")
    for when, visible, in_flight in samples:
        seen = flow.follow(Seen(SafeText("q"), "u", Counts(visible, in_flight, 0)), when)
    return seen


def test_a_trend_needs_half_a_minute_and_looks_back_one() -> None:
    assert followed((0, 100, 1), (15, 90, 1)).net is None
    falling = followed((0, 100, 1), (15, 90, 1), (30, 80, 1))
    assert falling.net == pytest.approx(-40)
    assert falling.outlook is Outlook.DRAINS
    assert falling.empty_in == pytest.approx(120)
    assert followed((0, 9000, 1), (61, 100, 1), (91, 130, 1)).net == pytest.approx(60)
    assert followed((0, 9000, 1), (200, 100, 1)).net is None


def test_a_queue_that_does_not_fall_never_drains() -> None:
    assert followed((0, 100, 1), (30, 150, 1)).outlook is Outlook.GROWS
    assert followed((0, 100, 1), (30, 100, 1)).outlook is Outlook.STEADY
    assert followed((0, 100, 1), (30, 100, 1)).empty_in is None


def test_one_zero_is_not_yet_a_drained_queue() -> None:
    assert followed((0, 0, 0)).outlook is Outlook.ZERO
    assert followed((0, 0, 0), (61, 0, 0)).outlook is Outlook.ZERO
    assert followed((0, 0, 0), (30, 0, 0), (59, 0, 0)).outlook is Outlook.ZERO
    assert followed((0, 0, 0), (30, 0, 0), (60, 0, 0)).outlook is Outlook.DRAINED
    assert followed((0, 0, 0), (30, 1, 0), (60, 0, 0)).outlook is Outlook.ZERO
    assert followed((0, 0, 0), (30, 0, 1), (60, 0, 0)).outlook is Outlook.ZERO


def test_a_queue_is_stuck_while_nobody_takes_what_is_visible() -> None:
    assert followed((0, 5, 0), (100, 5, 0), (240, 6, 0)).stuck == 240
    assert followed((0, 5, 0), (100, 4, 0), (240, 4, 0)).stuck == 0
    assert followed((0, 5, 0), (100, 5, 1), (240, 5, 0)).stuck == 0
    assert followed((0, 5, 0), (1000, 5, 0)).stuck == 0, "nothing is known of the time between"


def test_what_is_not_counted_is_neither_zero_nor_stuck() -> None:
    flow = Flow()
    seen = flow.follow(Seen(SafeText("q"), "u", Counts(None, None, None)), 0.0)
    assert (seen.net, seen.stuck, seen.outlook) == (None, None, Outlook.UNKNOWN)
    partly = flow.follow(Seen(SafeText("q"), "u", Counts(5, None, None)), 10.0)
    assert partly.stuck is None


# what is answered


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=60) | st.integers() | st.none(), max_size=8))
def test_attributes_of_any_kind_are_read_without_a_fault(attributes: dict[str, Any]) -> None:
    known = ("RedrivePolicy", "CreatedTimestamp", "ApproximateNumberOfMessages", "MessageRetentionPeriod")
    for key, value in zip(known, attributes.values(), strict=False):
        found = {**attributes, key: value}
        policy(found)
        assert all(one is None or one >= 0 for one in (counts(found).visible, counts(found).in_flight))


@pytest.mark.parametrize("value", ["-1", "", "1e5", "NaN", "٣", None, True, 1.5, "9" * 30, [], -4])
def test_what_is_no_count_is_a_gap(value: Any) -> None:
    assert number(value) is None
    assert counts({"ApproximateNumberOfMessages": value}).visible is None


def test_a_move_task_is_read_whole() -> None:
    entry = {"Status": "FAILED", "FailureReason": "x\x1b[2J", "ApproximateNumberOfMessagesMoved": 3}
    assert move({**entry, "StartedTimestamp": 1795273225108}) == Move(
        "FAILED", moved=3, started=1795273225108, reason=SafeText("x\x1b[2J")
    )


def test_names_and_accounts_come_from_addresses_and_arns() -> None:
    assert name_of("mail") == "mail"
    assert account_of(f"arn:aws:sqs:eu-west-1:{ACCOUNT}:mail") == ACCOUNT
    assert account_of(f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/mail") == ACCOUNT
    assert account_of("mail") == account_of("http://host/queue/mail") == ""


# messages


@pytest.mark.parametrize(
    "text",
    [
        f"password={CANARY}", f'{{"db": {{"passwd": "{CANARY}"}}}}', f"Authorization: Bearer {CANARY}",
        f"postgres://app:{CANARY}@db/x", f'api_key: "{CANARY}"', f'{{"note": "token={CANARY}"}}',
        f"access_token={CANARY}&x=1",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_covered(text: str) -> None:
    raw = {"Body": text, "MessageAttributes": {"auth_token": {"StringValue": CANARY}, "x": {"StringValue": text}}}
    assert CANARY not in repr(peeked.message(raw))


@given(st.text(max_size=200))
def test_any_body_is_shown_safely(body: str) -> None:
    shown = peeked.message({"Body": body, "Attributes": {"SentTimestamp": body}})
    assert all(str(line).isprintable() for line in shown.body)


def test_messages_are_forgotten_after_a_while_and_beyond_a_number() -> None:
    keeper, clock = peeked.Keeper(), StillClock()
    glance = peeked.Glance(clock.now(), (), None)
    for place in range(peeked.QUEUES + 5):
        keeper.keep(f"u{place}", glance, clock.monotonic)
    assert keeper.of("u0", clock.monotonic) is None
    assert keeper.of("u24", clock.monotonic) is glance
    clock.seconds += peeked.KEPT + 1
    assert keeper.of("u24", clock.monotonic) is None


async def test_a_look_that_there_is_not_says_so(fake: FakeAws) -> None:
    Account(fake, "mail")
    async with probing(fake.url, queues=["mail"]) as probe:
        await probe.read()
        for look, subject in (("logs", "mail"), ("messages", "gone")):
            with pytest.raises(ProbeError):
                await probe.look(look, subject)
    assert fake.count("ReceiveMessage") == 0


def test_the_queue_of_an_applications_environment_is_found() -> None:
    address = "https://sqs.eu-west-1.amazonaws.com/123456789012/mail"
    (found,) = SqsProbe.discover({"SQS_QUEUE_URL": address})
    assert found.settings == {"queues": [address], "region": "eu-west-1"}
    SqsProbe.settings_type.model_validate(found.settings)
    assert not list(SqsProbe.discover({"SQS_QUEUE_URL": "http://localhost:4566/000000000000/mail"}))
    assert not list(SqsProbe.discover({}))
