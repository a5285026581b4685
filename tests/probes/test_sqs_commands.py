"""Lines of the AWS command line about queues, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.aws.sqs.act import SqsActuator
from probes.aws.sqs.commands import HIDES, PURGES
from probes.aws.sqs.settings import SqsSettings
from probes.base import Context, Request, Target
from tests.probes.acting import comes_back
from tests.probes.rigs import TestSecrets

ACCOUNT = "123456789012"
URL = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/mail"
ARN = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:mail-dlq"


def actuator(**more: Any) -> SqsActuator:
    settings = SqsSettings.model_validate({"region": "eu-west-1", "account": ACCOUNT, **more})
    return SqsActuator(Target("it", "sqs", settings), Context(TestSecrets()))


NAMES = st.from_regex(r"\A[A-Za-z0-9_-]{1,80}(\.fifo)?\Z")
PLACES = st.sampled_from(
    [{}, {"profile": "ops"}, {"account": None}, {"region": None, "account": None}, {"endpoint": "http://127.0.0.1:5"}]
)


@given(NAMES, PLACES, st.sampled_from(["purge", "peek", "cancel-move"]))
@example("--", {}, "purge")
@example("-t", {"account": None}, "peek")
def test_a_request_comes_back_from_its_own_line(name: str, place: dict[str, Any], action: str) -> None:
    assert comes_back(actuator(**place), Request(action, (name,)))


@given(NAMES, PLACES, st.none() | st.integers(1, 500), NAMES | st.just("*"))
def test_a_redrive_comes_back_from_its_own_line(
    name: str, place: dict[str, Any], rate: int | None, destination: str
) -> None:
    assert comes_back(actuator(**place), Request("redrive", (name,), rate, destination))


@given(NAMES)
def test_an_address_that_was_seen_comes_back_as_its_name(name: str) -> None:
    one = actuator()
    one._known[name] = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/{name}"
    request = Request("purge", (name,))
    assert one._known[name] in one.render(request)
    assert comes_back(one, request)


@pytest.mark.parametrize(
    ("line", "request_", "warning"),
    [
        (f"aws sqs purge-queue --queue-url {URL}", Request("purge", ("mail",)), PURGES),
        (f"aws sqs purge-queue --queue-url={URL} --region eu-west-1", Request("purge", ("mail",)), PURGES),
        (f"aws --region eu-west-1 sqs purge-queue --queue-url '{URL}'", Request("purge", ("mail",)), PURGES),
        (f"AWS_REGION=eu-west-1 /bin/aws sqs purge-queue --queue-url {URL}", Request("purge", ("mail",)), PURGES),
        (f"sudo aws sqs receive-message --queue-url {URL}", Request("peek", ("mail",)), HIDES),
        (
            f"aws sqs receive-message --queue-url {URL} --max-number-of-messages 10 --output json | jq .Messages",
            Request("peek", ("mail",)), HIDES,
        ),
        (f"aws sqs start-message-move-task --source-arn {ARN}", Request("redrive", ("mail-dlq",), None, "*"), ""),
        (
            f"aws sqs start-message-move-task --max-number-of-messages-per-second 50 --source-arn {ARN} "
            f"--destination-arn arn:aws:sqs:eu-west-1:{ACCOUNT}:mail",
            Request("redrive", ("mail-dlq",), 50, "mail"), "",
        ),
        (f"aws sqs purge-queue --queue-url https://eu-west-1.queue.amazonaws.com/{ACCOUNT}/mail",
         Request("purge", ("mail",)), PURGES),
    ],
)  # fmt: skip
def test_the_many_spellings_of_an_act_are_recognised(line: str, request_: Request, warning: str) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert (found.request, found.warning) == (request_, warning)


@pytest.mark.parametrize(
    "line",
    [
        f"aws sqs purge-queue --queue-url {URL} --region us-east-1",
        f"aws --profile other sqs purge-queue --queue-url {URL}",
        f"AWS_PROFILE=other aws sqs purge-queue --queue-url {URL}",
        f"aws sqs purge-queue --queue-url https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/mail",
        "aws sqs purge-queue --queue-url https://sqs.eu-west-1.amazonaws.com/999999999999/mail",
        f"aws sqs purge-queue --queue-url https://evil.example/{ACCOUNT}/mail",
        f"aws sqs purge-queue --queue-url {URL} --endpoint-url http://localhost:4566",
        "aws sqs purge-queue --queue-url $QUEUE_URL",
        "aws sqs purge-queue --queue-url 'a b'",
        "aws sqs purge-queue",
        f"aws sqs purge-queue --queue-url {URL} --force",
        f"aws sqs delete-queue --queue-url {URL}",
        f"aws sqs receive-message --queue-url {URL} | xargs -n1 aws sqs delete-message",
        f"aws sqs start-message-move-task --source-arn {ARN} --max-number-of-messages-per-second 501",
        f"aws sqs start-message-move-task --source-arn {ARN} --max-number-of-messages-per-second",
        f"aws sqs start-message-move-task --source-arn arn:aws:sns:eu-west-1:{ACCOUNT}:mail",
        "aws sqs cancel-message-move-task --task-handle abc",
        f"aws sqs list-message-move-tasks --source-arn {ARN}",
        f"aws sqs purge-queue --queue-url {URL} << EOF\nx\nEOF",
        "redis-cli flushdb",
    ],
)
def test_a_line_that_speaks_of_something_or_somewhere_else_means_nothing(line: str) -> None:
    assert recognised(line, actuator()) is None


def test_where_the_account_is_not_known_the_whole_address_stays() -> None:
    found = recognised(f"aws sqs purge-queue --queue-url {URL}", actuator(account=None))
    assert found is not None
    assert found.request.subjects == (URL,)


def test_only_queues_of_the_target_are_recognised() -> None:
    one = actuator(queues=["mail-*", "sms"])
    assert recognised(f"aws sqs purge-queue --queue-url {URL}", one) is None
    assert recognised(f"aws sqs purge-queue --queue-url {URL}-eu", one) is not None
    one._known["mail"] = URL
    assert recognised(f"aws sqs purge-queue --queue-url {URL}", one) is not None


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "eu-west-1"])
def test_an_arn_is_of_the_partition_of_its_region(region: str) -> None:
    one = actuator(region=region)
    request = Request("redrive", ("mail-dlq",), 5, "mail")
    assert comes_back(one, request)
    partition = {"c": "aws-cn", "u": "aws-us-gov", "e": "aws"}[region[0]]
    assert f"arn:{partition}:sqs:{region}:" in one.render(request)
