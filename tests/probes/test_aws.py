"""The way to AWS: the right account or nothing, each call once, complete lists, few calls, a cost with a cap."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.aws.account import account_of
from probes.aws.act_once import send
from probes.aws.budget import LONGEST_PAUSE, RATE, SLOWEST, Bucket, Spending
from probes.aws.calls import Calls, Refused
from probes.aws.metrics import Metric, Metrics
from probes.aws.settings import AwsSettings
from probes.base import Cause, Context, ProbeError
from tests.probes.awsfake import ACCOUNT, FakeAws, fake_aws
from tests.probes.rigs import CANARY, TestSecrets
from tests.stack.faultproxy import FaultProxy, Mode
from tests.toys import StillClock


@pytest.fixture(autouse=True)
def _no_login_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        yield one


def settings(fake: FakeAws | str, **more: Any) -> AwsSettings:
    url = fake if isinstance(fake, str) else fake.url
    given: dict[str, Any] = {"endpoint": url, "region": "eu-west-1", "key_id": "env:KEY", "secret_key": "env:KEY"}
    return AwsSettings.model_validate(given | more)


@asynccontextmanager
async def calling(fake: FakeAws | str, clock: StillClock | None = None, **more: Any) -> AsyncIterator[Calls]:
    held = clock or StillClock()
    calls = Calls(settings(fake, **more), Context(TestSecrets(), held.monotonic, held.now), "test")
    try:
        yield calls
    finally:
        calls.close()


async def sending() -> None:
    """Nothing is kept here."""


# who and where


async def test_the_account_is_asked_once_and_shown_with_region_and_login(fake: FakeAws) -> None:
    async with calling(fake) as calls:
        whose = await calls.whose()
        await calls.whose()
        assert str(whose.place).startswith(f"{ACCOUNT} eu-west-1 as ops/ann at 127.0.0.1:")
        assert dict(whose.pin)["account"] == ACCOUNT
        assert fake.count("GetCallerIdentity") == 1
        assert all("opsroom" in agent for agent in fake.agents)


def test_how_a_service_is_spoken_to_is_read_once_for_all_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.loaders import JSONFileLoader

    read: list[str] = []
    load_file = JSONFileLoader.load_file

    def counted(self: Any, path: str) -> Any:
        read.append(path)
        return load_file(self, path)

    monkeypatch.setattr(JSONFileLoader, "load_file", counted)
    one, other = (
        account_of(settings("http://127.0.0.1:1", region=region), Context(TestSecrets()))
        for region in ("eu-west-1", "eu-central-1")
    )
    assert one.client("sqs", 4.0).meta.region_name == "eu-west-1"
    read.clear()
    assert other.client("sqs", 4.0).meta.region_name == "eu-central-1"
    assert read == []


async def test_another_account_than_the_pinned_one_is_refused_before_anything_is_sent(fake: FakeAws) -> None:
    async with calling(fake, account="999999999999") as calls:
        with pytest.raises(ProbeError, match=f"this login is of account {ACCOUNT}, the profile pins 999999999999"):
            await send(calls, sending, "sqs", "purge_queue", QueueUrl=f"{fake.url}/q")
        assert fake.count("PurgeQueue") == 0


async def test_targets_of_one_account_share_its_bucket_and_its_login(fake: FakeAws) -> None:
    clock = StillClock()
    async with calling(fake, clock) as one, calling(fake, clock) as two:
        await one.whose()
        await two.whose()
        assert await one.account() is await two.account()
        assert fake.count("GetCallerIdentity") == 1


async def test_what_changes_outside_changes_nothing_here(fake: FakeAws, tmp_path: Path) -> None:
    login = "aws_access_key_id = a\naws_secret_access_key = b\n"
    (tmp_path / "config").write_text(f"[profile ops]\nregion = eu-west-1\n{login}")
    async with calling(fake, profile="ops", region=None, key_id=None, secret_key=None) as calls:
        before = await calls.whose()
        assert before.region == "eu-west-1"
        (tmp_path / "config").write_text(f"[profile ops]\nregion = us-east-2\n{login}[default]\nregion = us-east-1\n")
        await calls.read("ecs", "list_clusters")
        assert (await calls.whose()).pin == before.pin


async def test_an_expired_login_is_said_in_one_line_and_looked_for_anew(fake: FakeAws) -> None:
    async with calling(fake) as calls:
        await calls.whose()
        fake.says("ListClusters", "ExpiredTokenException", message="The security token included is expired")
        with pytest.raises(ProbeError, match="the login has expired") as caught:
            await calls.read("ecs", "list_clusters")
        assert caught.value.cause is Cause.AUTH
        assert "aws sso login" in str(caught.value.hint)
        del fake.answers["ListClusters"]
        fake.account = "210987654321"
        assert (await calls.whose()).account == "210987654321"


async def test_a_login_that_wants_a_code_never_asks_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> str:
        raise AssertionError("it asked on the terminal")

    monkeypatch.setattr(getpass, "getpass", asked)
    (tmp_path / "config").write_text(
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
        "[profile ops]\nrole_arn = arn:aws:iam::123456789012:role/ops\nsource_profile = base\n"
        "mfa_serial = arn:aws:iam::123456789012:mfa/ann\n"
    )
    with fake_aws() as fake:
        async with calling(fake, profile="ops", key_id=None, secret_key=None) as calls:
            with pytest.raises(ProbeError, match="a code of a second factor") as caught:
                await calls.whose()
            assert caught.value.cause is Cause.AUTH


async def test_no_login_and_no_profile_are_said(fake: FakeAws) -> None:
    async with calling(fake, key_id=None, secret_key=None) as calls:
        with pytest.raises(ProbeError, match="no AWS login was found"):
            await calls.whose()
    async with calling(fake, profile="nobody", key_id=None, secret_key=None) as calls:
        with pytest.raises(ProbeError, match="has no profile nobody"):
            await calls.whose()


async def test_who_logs_in_later_is_let_in(fake: FakeAws, tmp_path: Path) -> None:
    async with calling(fake, key_id=None, secret_key=None) as calls:
        with pytest.raises(ProbeError, match="no AWS login was found"):
            await calls.whose()
        (tmp_path / "credentials").write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
        assert (await calls.whose()).account == ACCOUNT


@pytest.mark.parametrize("program", ["/nowhere/tool", "/bin/echo no"])
async def test_a_program_that_gives_no_login_is_a_fault_of_the_login(
    fake: FakeAws, tmp_path: Path, program: str
) -> None:
    (tmp_path / "config").write_text(f"[profile ops]\ncredential_process = {program}\n")
    async with calling(fake, profile="ops", key_id=None, secret_key=None) as calls:
        with pytest.raises(ProbeError, match="the login can't be read") as caught:
            await calls.whose()
        assert caught.value.cause is Cause.AUTH


async def test_a_login_that_is_being_asked_for_holds_nobody_up(fake: FakeAws) -> None:
    async with calling(fake) as calls:
        account = await calls.account()
        with account._lock:
            account.forget()


def test_half_a_key_is_refused_by_the_profile() -> None:
    with pytest.raises(ValueError, match="go together"):
        AwsSettings(key_id="env:KEY")


# once, and never by looking


@pytest.mark.parametrize("operation", ["purge_queue", "update_service", "get_session_token", "start_query", "close"])
async def test_what_is_not_known_to_only_look_is_refused_unsent(fake: FakeAws, operation: str) -> None:
    async with calling(fake) as calls:
        with pytest.raises(ProbeError, match="not known to only look"):
            await calls.read("sqs", operation)
        assert fake.asked == []


@pytest.mark.once
@pytest.mark.parametrize(("status", "code"), [(500, "InternalFailure"), (503, "ServiceUnavailable")])
async def test_a_write_that_fails_on_the_way_is_sent_once_and_its_end_is_unknown(
    fake: FakeAws, status: int, code: str
) -> None:
    fake.says("PurgeQueue", code, status)
    async with calling(fake) as calls:
        with pytest.raises(ProbeError) as caught:
            await send(calls, sending, "sqs", "purge_queue", QueueUrl=f"{fake.url}/q")
        assert not isinstance(caught.value, Refused)
        assert fake.count("PurgeQueue") == 1


@pytest.mark.once
async def test_a_write_whose_answer_is_lost_is_sent_once(fake: FakeAws) -> None:
    async with calling(fake) as calls:
        await calls.whose()
        fake.cut = True
        with pytest.raises(ProbeError) as caught:
            await send(calls, sending, "sqs", "purge_queue", QueueUrl=f"{fake.url}/q")
        assert caught.value.cause in (Cause.CLOSED_EARLY, Cause.RESET)
        assert fake.count("PurgeQueue") == 1


@pytest.mark.once
async def test_a_write_that_finds_nobody_has_changed_nothing(fake: FakeAws) -> None:
    with FaultProxy(int(fake.url.rpartition(":")[2])) as proxy:
        async with calling(f"http://127.0.0.1:{proxy.port}") as calls:
            await calls.whose()
            proxy.become(Mode.REFUSE)
            with pytest.raises(Refused) as caught:
                await send(calls, sending, "sqs", "purge_queue", QueueUrl=f"{fake.url}/q")
            assert caught.value.cause is Cause.REFUSED
            assert fake.count("PurgeQueue") == 0


@pytest.mark.once
async def test_a_write_that_something_else_answers_may_have_been_done(fake: FakeAws) -> None:
    fake.says("PurgeQueue", "", 400, "")
    async with calling(fake) as calls:
        with pytest.raises(ProbeError) as caught:
            await send(calls, sending, "sqs", "purge_queue", QueueUrl=f"{fake.url}/q")
        assert not isinstance(caught.value, Refused)
        assert caught.value.cause is Cause.GARBAGE


async def test_a_refusal_of_the_service_keeps_its_own_word(fake: FakeAws) -> None:
    fake.says("PurgeQueue", "PurgeQueueInProgress", 403, "Only one PurgeQueue operation is allowed every 60 seconds")
    async with calling(fake) as calls:
        with pytest.raises(Refused) as caught:
            await send(calls, sending, "sqs", "purge_queue", QueueUrl=f"{fake.url}/q")
        assert caught.value.code.endswith("PurgeQueueInProgress")


async def test_nothing_is_announced_while_the_service_is_left_alone(fake: FakeAws) -> None:
    announced: list[str] = []

    async def announce() -> None:
        announced.append("sent")

    fake.says("GetQueueAttributes", "ThrottlingException")
    async with calling(fake) as calls:
        with pytest.raises(ProbeError):
            await calls.read("sqs", "get_queue_attributes", QueueUrl=f"{fake.url}/q")
        with pytest.raises(ProbeError, match="fewer calls"):
            await send(calls, announce, "sqs", "purge_queue", QueueUrl=f"{fake.url}/q")
        assert announced == []
        assert fake.count("PurgeQueue") == 0


# errors in our words

SAID = {
    "AccessDeniedException": (Cause.DENIED, "the login may not ecs:ListClusters"),
    "UnrecognizedClientException": (Cause.AUTH, "does not accept the keys"),
    "ThrottlingException": (Cause.THROTTLED, "fewer calls to ecs:ListClusters"),
    "UnknownOperationException": (Cause.MISSING, "does not know ecs:ListClusters"),
    "ClusterNotFoundException": (Cause.GONE, "ClusterNotFoundException"),
    "RequestTimeTooSkewed": (Cause.CLOCK, "refuses the time of this machine"),
}


@pytest.mark.parametrize("code", SAID)
async def test_an_error_of_a_service_is_told_by_cause_and_in_words(fake: FakeAws, code: str) -> None:
    cause, words = SAID[code]
    fake.says("ListClusters", code)
    async with calling(fake) as calls:
        with pytest.raises(ProbeError, match=words) as caught:
            await calls.read("ecs", "list_clusters")
        assert caught.value.cause is cause
        assert CANARY not in str(caught.value)


async def test_a_denial_names_the_right_that_is_missing(fake: FakeAws) -> None:
    message = "User: arn:aws:iam::1:user/x is not authorized to perform: ecs:ListClusters on resource: *"
    fake.says("ListClusters", "AccessDeniedException", message=message)
    async with calling(fake) as calls:
        with pytest.raises(ProbeError) as caught:
            await calls.read("ecs", "list_clusters")
        assert str(caught.value.hint) == "it needs ecs:ListClusters in its IAM policy"


async def test_a_web_page_is_not_taken_for_an_answer(fake: FakeAws) -> None:
    for operation, service, call in (("ListClusters", "ecs", "list_clusters"), ("GetCallerIdentity", "sts", "")):
        fake.answers[operation] = lambda _: (200, "<html>Sign in</html>")
        async with calling(fake) as calls:
            with pytest.raises(ProbeError, match="does not answer") as caught:
                await calls.read(service, call or "get_caller_identity")
            assert caught.value.cause is Cause.GARBAGE


@pytest.mark.parametrize("body", ['{"clusterArns": [', "[]", "null"])
async def test_an_answer_that_is_not_whole_is_no_empty_list(fake: FakeAws, body: str) -> None:
    fake.answers["ListClusters"] = lambda _: (200, body)
    async with calling(fake) as calls:
        with pytest.raises(ProbeError) as caught:
            await calls.listed("ecs", "list_clusters", "clusterArns", cap=10)
        assert caught.value.cause is Cause.GARBAGE


async def test_a_throttled_service_is_left_alone_and_says_until_when(fake: FakeAws) -> None:
    clock = StillClock()
    fake.says("ListClusters", "ThrottlingException")
    async with calling(fake, clock) as calls:
        for _ in range(3):
            with pytest.raises(ProbeError) as caught:
                await calls.read("ecs", "list_clusters")
        assert fake.count("ListClusters") == 1
        assert str(caught.value.hint) == "tries again in 2 s"
        del fake.answers["ListClusters"]
        clock.seconds += 3
        await calls.read("ecs", "list_clusters")


# complete lists


@pytest.mark.parametrize("many", [0, 1, 9, 10, 11, 100, 101])
async def test_every_page_is_read(fake: FakeAws, many: int) -> None:
    names = [f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/c{number}" for number in range(many)]

    def page(parameters: Any) -> tuple[int, dict[str, Any]]:
        start, size = int(parameters.get("nextToken", 0)), parameters["maxResults"]
        more = {"nextToken": str(start + size)} if start + size < many else {}
        return 200, {"clusterArns": names[start : start + size]} | more

    fake.answers["ListClusters"] = page
    async with calling(fake) as calls:
        listed = await calls.listed("ecs", "list_clusters", "clusterArns", cap=1000, page_size=10)
        assert listed.items == tuple(names)
        assert not listed.cut
        assert fake.count("ListClusters") == max(1, -(-many // 10))


async def test_an_empty_page_in_the_middle_is_not_the_end(fake: FakeAws) -> None:
    pages = {"": (["a"], "1"), "1": ([], "2"), "2": (["b"], "")}

    def page(parameters: Any) -> tuple[int, dict[str, Any]]:
        found, token = pages[parameters.get("nextToken", "")]
        return 200, {"clusterArns": found} | ({"nextToken": token} if token else {})

    fake.answers["ListClusters"] = page
    async with calling(fake) as calls:
        assert (await calls.listed("ecs", "list_clusters", "clusterArns", cap=10)).items == ("a", "b")


async def test_a_list_longer_than_its_cap_is_cut_and_says_so(fake: FakeAws) -> None:
    fake.answers["ListClusters"] = lambda asked: (
        200,
        {"clusterArns": ["a"] * 10, "nextToken": str(int(asked.get("nextToken", "0")) + 1)},
    )
    async with calling(fake) as calls:
        listed = await calls.listed("ecs", "list_clusters", "clusterArns", cap=25)
        assert len(listed.items) == 25
        assert listed.cut


async def test_a_list_that_goes_round_in_circles_is_not_followed(fake: FakeAws) -> None:
    fake.answers["ListClusters"] = lambda _: (200, {"clusterArns": ["a"], "nextToken": "again"})
    async with calling(fake) as calls:
        with pytest.raises(ProbeError, match="the same page"):
            await calls.listed("ecs", "list_clusters", "clusterArns", cap=1000)


async def test_one_failure_of_many_calls_stays_in_its_place(fake: FakeAws) -> None:
    fake.answers["DescribeServices"] = lambda asked: (
        (200, {"services": []}) if asked["services"] != ["b"] else (400, {"__type": "x#AccessDenied"})
    )
    async with calling(fake) as calls:
        answers = await calls.each("ecs", "describe_services", [{"services": [name]} for name in "abc"])
        assert [isinstance(one, ProbeError) for one in answers] == [False, True, False]


# few calls, and what they cost


def test_a_burst_goes_at_once_and_the_rest_waits_its_turn() -> None:
    clock = StillClock()
    bucket = Bucket(clock.monotonic, rate=10, burst=5)
    assert [bucket.take() for _ in range(5)] == [0] * 5
    assert [round(bucket.take(), 2) for _ in range(3)] == [0.1, 0.2, 0.3]
    clock.seconds += 10
    assert bucket.take() == 0


def test_calls_that_are_not_sent_hold_up_none_that_are() -> None:
    clock = StillClock()
    bucket = Bucket(clock.monotonic)
    sent = 0
    for _ in range(12 * 300):  # for five minutes more than the bucket lets through
        clock.seconds += 1 / 12
        sent += bucket.take(20.0) <= 20.0
    assert sent > RATE * 300


@given(st.lists(st.tuples(st.sampled_from(["take", "throttle", "answer"]), st.floats(0, 30)), max_size=200))
def test_whatever_happens_no_more_leaves_than_the_bucket_holds(steps: list[tuple[str, float]]) -> None:
    clock = StillClock()
    bucket = Bucket(clock.monotonic)
    for step, passed in steps:
        clock.seconds += passed
        if step == "take":
            assert bucket.take() >= 0
        elif step == "throttle":
            assert 0 < bucket.throttled("ecs") <= LONGEST_PAUSE
        else:
            bucket.answered("ecs")
        assert SLOWEST <= bucket._rate <= RATE


def test_each_further_throttle_doubles_the_pause_and_an_answer_ends_it() -> None:
    clock = StillClock()
    bucket = Bucket(clock.monotonic)
    pauses = []
    for _ in range(3):
        pauses.append(bucket.throttled("ecs"))
        clock.seconds += pauses[-1]
    assert pauses == [2, 4, 8]
    bucket.answered("ecs")
    assert bucket.throttled("ecs") == 2
    assert bucket.quiet_for("sqs") == 0


def test_spending_is_counted_within_a_day() -> None:
    clock = StillClock()
    spending = Spending(clock.monotonic)
    assert spending.a_day is None
    for _ in range(10):
        spending.add(0.01)
        clock.seconds += 60
    assert spending.today == pytest.approx(0.1)
    assert spending.a_day == pytest.approx(14.4)
    clock.seconds += 86400
    assert spending.today == pytest.approx(0)


async def test_at_the_cap_nothing_that_costs_is_asked_any_more(fake: FakeAws) -> None:
    async with calling(fake, cost_cap=0.000001) as calls:
        for _ in range(2):
            await calls.read("sqs", "list_queues")
        with pytest.raises(ProbeError, match="which is its cap") as caught:
            await calls.read("sqs", "list_queues")
        assert caught.value.cause is Cause.THROTTLED
        assert fake.count("ListQueues") == 2
        await calls.read("ecs", "list_clusters")


# metrics


async def test_metrics_are_asked_together_and_not_again_before_they_change() -> None:
    clock = StillClock()
    asked: list[Any] = []

    async def read(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        asked.append(parameters)
        at = clock.now()
        return {
            "MetricDataResults": [
                {"Id": query["Id"], "Timestamps": [at], "Values": [float(number)]}
                for number, query in enumerate(parameters["MetricDataQueries"])
                if number != 1
            ]
        }

    async with calling("http://127.0.0.1:1", clock) as calls:
        calls.read = read  # type: ignore[method-assign, assignment]
        metrics = Metrics(calls)
        wanted = {str(number): Metric("AWS/SQS", "Depth", (("QueueName", str(number)),)) for number in range(700)}
        points = await metrics.read(wanted)
        assert [len(one["MetricDataQueries"]) for one in asked] == [500, 200]
        assert points["0"].latest == 0
        assert points["1"].latest is None
        await metrics.read(wanted)
        assert len(asked) == 2
        clock.seconds += 61
        await metrics.read({"0": wanted["0"]})
        assert len(asked[-1]["MetricDataQueries"]) == 1


async def test_a_hung_call_costs_its_own_target_only(fake: FakeAws) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_: Any) -> tuple[int, dict[str, Any]]:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result(20)
        return 200, {}

    fake.answers["ListClusters"] = hang
    clock = StillClock()
    async with calling(fake, clock) as one, calling(fake, clock) as two:
        await one.whose()
        hung = [asyncio.create_task(one.read("ecs", "list_clusters")) for _ in range(4)]
        async with asyncio.timeout(10):
            while fake.count("ListClusters") < 4:
                await asyncio.sleep(0.01)
        for task in hung:
            task.cancel()
        await asyncio.gather(*hung, return_exceptions=True)
        with pytest.raises(ProbeError, match="still have no answer"):
            await one.read("ecs", "describe_clusters")
        await two.read("ecs", "describe_clusters")
        release.set()
