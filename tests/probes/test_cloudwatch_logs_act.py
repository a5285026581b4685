"""Setting the retention of log groups, on moto and ministack, each request once; and what lines of runbooks mean."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import parse
from probes.aws.cloudwatch_logs.act import CloudWatchLogsActuator
from probes.aws.cloudwatch_logs.commands import DAYS, LogReading, reading, recognise
from probes.aws.cloudwatch_logs.facts import Group
from probes.aws.cloudwatch_logs.plans import danger_of, subject_of
from probes.aws.cloudwatch_logs.settings import CloudWatchLogsSettings
from probes.base import CommandLine, Context, Danger, ProbeError, Request, Result, SafeText, Target, Truth
from tests.probes.acting import carried_out, comes_back, perform
from tests.probes.awsfake import FakeAws, fake_aws
from tests.probes.awswatch import group, write
from tests.probes.rigs import TestSecrets
from tests.probes.watching import log_hands, logs_of
from tests.stack.aws import Cloud
from tests.stack.faultproxy import FaultProxy, Mode

NAME = "/whatsapp-notif/api"


@pytest.fixture(params=["moto", "ministack"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    found: Cloud = request.getfixturevalue(request.param)
    found.reset()
    group(found, NAME)
    group(found, f"{NAME}-old")
    return found


@pytest.fixture
async def hands(cloud: Cloud) -> AsyncIterator[CloudWatchLogsActuator]:
    one = log_hands(cloud.port)
    yield one
    await one.close()


def kept(cloud: Cloud, name: str = NAME) -> int | None:
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    days: int | None = next(one for one in found if one["logGroupName"] == name).get("retentionInDays")
    return days


# to the end


@pytest.mark.engine
async def test_a_retention_is_set_on_exactly_the_named_group(cloud: Cloud, hands: CloudWatchLogsActuator) -> None:
    write(cloud, NAME, "hello")
    done = await perform(hands, Request("retention", (NAME,), 30))
    assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    assert (kept(cloud), kept(cloud, f"{NAME}-old")) == (30, None)
    one = done.plan.subjects[0]
    assert (str(one.before), str(one.after)) == ("kept for ever", "kept 30 days")
    assert (done.plan.danger, str(done.plan.undo)) == (Danger.DESTRUCTIVE, "")
    assert "Evidence of an incident" in str(done.plan.notes[0])


@pytest.mark.engine
async def test_keeping_longer_is_reversible_and_keeping_less_is_not(
    cloud: Cloud, hands: CloudWatchLogsActuator
) -> None:
    cloud.client("logs").put_retention_policy(logGroupName=NAME, retentionInDays=14)
    longer = await hands.plan(Request("retention", (NAME,), 60))
    assert (longer.danger, str(longer.undo)) == (Danger.REVERSIBLE, "set it back to 14 days")
    shorter = await hands.plan(Request("retention", (NAME,), 7))
    assert shorter.danger is Danger.DESTRUCTIVE
    same = await hands.plan(Request("retention", (NAME,), 14))
    assert (same.chosen, str(same.subjects[0].spared)) == ((), "it is so already")
    both = await hands.plan(Request("retention", (NAME, f"{NAME}-old"), 60))
    assert both.danger is Danger.DESTRUCTIVE
    assert len(both.command) == 2


@pytest.mark.engine
async def test_days_that_the_service_does_not_take_are_refused_with_those_near(
    cloud: Cloud, hands: CloudWatchLogsActuator
) -> None:
    with pytest.raises(ProbeError, match="for 31 days") as caught:
        await hands.plan(Request("retention", (NAME,), 31))
    assert "near are 30 and 60" in str(caught.value.hint)
    with pytest.raises(ProbeError, match="no log group /gone"):
        await hands.plan(Request("retention", ("/gone",), 30))


@pytest.mark.engine
async def test_a_group_that_changed_meanwhile_is_refused(cloud: Cloud, hands: CloudWatchLogsActuator) -> None:
    plan = await hands.plan(Request("retention", (NAME,), 30))
    cloud.client("logs").put_retention_policy(logGroupName=NAME, retentionInDays=365)
    sent: list[str] = []
    outcome = await carried_out(hands, plan, plan.subjects[0], sent)
    assert (outcome.result, sent, kept(cloud)) == (Result.REFUSED, [], 365)
    assert "changed since you looked: kept 365 days" in str(outcome.words)
    cloud.client("logs").delete_log_group(logGroupName=NAME)
    outcome = await carried_out(hands, plan, plan.subjects[0], sent)
    assert "no such group any more" in str(outcome.words)
    group(cloud, NAME)
    assert (await carried_out(hands, plan, plan.subjects[0], sent)).result is Result.REFUSED
    assert (await hands.verify(plan, plan.subjects[0], outcome, 0.0)).truth is Truth.UNKNOWN


@pytest.mark.engine
async def test_offers_are_for_groups_that_are_there(cloud: Cloud, hands: CloudWatchLogsActuator) -> None:
    probe = logs_of(cloud.port)
    facts = (await probe.read()).facts
    assert [one.action.name for one in hands.offers(facts, [NAME])] == ["retention"]
    assert hands.offers(facts, ["?errors"]) == ()
    await probe.close()


@pytest.mark.engine
@pytest.mark.once
@pytest.mark.parametrize(
    "mode", [Mode.LOSE, Mode.RESET, Mode.SILENT, Mode.GARBAGE, Mode.HTML, Mode.CLOSE], ids=lambda mode: mode.value
)
async def test_a_lost_answer_is_unknown_and_nothing_is_sent_twice(moto: Cloud, mode: Mode) -> None:
    moto.reset()
    group(moto, NAME)
    with FaultProxy(moto.port) as proxy:
        hands = log_hands(proxy.port, timeout=4.0)
        plan = await hands.plan(Request("retention", (NAME,), 30))
        proxy.become(mode, when=b"PutRetentionPolicy")
        outcome = await carried_out(hands, plan, plan.subjects[0], [])
        proxy.mend()
        verdict = await hands.verify(plan, plan.subjects[0], outcome, 6.0)
        assert proxy.seen(b"PutRetentionPolicy") == 1
        await hands.close()
    assert outcome.result is Result.UNKNOWN
    assert verdict.truth is (Truth.CONFIRMED if kept(moto) == 30 else Truth.REFUTED)


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        row = {"logGroupName": NAME, "arn": f"arn:x:{NAME}:*", "creationTime": 1772334761000}
        one.answers["DescribeLogGroups"] = lambda asked: (200, {"logGroups": [row]})
        yield one


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "may not logs:PutRetentionPolicy"),
        ("ThrottlingException", "fewer calls"),
        ("OperationAbortedException", "OperationAbortedException: no"),
    ],
)
async def test_a_no_of_the_service_is_failed_in_its_words(fake: FakeAws, code: str, words: str) -> None:
    where = {"endpoint": fake.url, "region": "eu-west-1", "key_id": "env:SECRET", "secret_key": "env:SECRET"}
    made = CloudWatchLogsSettings.model_validate(where)
    hands = CloudWatchLogsActuator(Target("it", "cloudwatch_logs", made), Context(TestSecrets()))
    plan = await hands.plan(Request("retention", (NAME,), 30))
    fake.says("PutRetentionPolicy", code)
    outcome = await carried_out(hands, plan, plan.subjects[0], [])
    assert (outcome.result, words in str(outcome.words)) == (Result.FAILED, True)
    assert fake.count("PutRetentionPolicy") == 1
    await hands.close()


def test_what_becomes_due_for_deletion_is_told_in_time_and_bytes() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    one = Group(NAME, SafeText(NAME), "arn", stored=10 * 2**30, created=now)
    felt = "\n".join(map(str, subject_of(one, 30, now - timedelta(days=100), now).felt))
    assert "it stores 10.0 GiB, since 2025-11-21 (100 days): all before 2026-01-30 00:00 UTC becomes due" in felt
    assert "if written evenly, 70% of it, 7.0 GiB" in felt
    assert "nothing seems due" in str(subject_of(one, 365, now - timedelta(days=100), now).felt[0])
    assert "all before 2026-02-22" in str(subject_of(one, 7, None, now).felt[0])
    assert danger_of(one, 3653) is Danger.DESTRUCTIVE


# the command line, both ways


SETTINGS = CloudWatchLogsSettings(region="eu-west-1", profile="prod")
NAMES = st.from_regex(r"[A-Za-z0-9_./#][A-Za-z0-9_./#-]{0,60}", fullmatch=True)


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.sampled_from(DAYS))
def test_every_act_is_written_as_lines_that_mean_it(names: list[str], days: int) -> None:
    hands = CloudWatchLogsActuator(Target("it", "cloudwatch_logs", SETTINGS), Context(TestSecrets()))
    assert comes_back(hands, Request("retention", tuple(names), days))


def line(text: str, **environment: str) -> CommandLine:
    return CommandLine(tuple(shlex.split(text)), environment=environment)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        (f"aws logs put-retention-policy --log-group-name {NAME} --retention-in-days 30", 30),
        (f"aws --output text logs put-retention-policy --retention-in-days=365 --log-group-name={NAME}", 365),
        (f"aws logs put-retention-policy --log-group-name {NAME} --retention-in-days 31", None),
        (f"aws logs put-retention-policy --log-group-name {NAME}", None),
        (f"aws logs put-retention-policy --log-group-name {NAME} --retention-in-days 30 --region us-east-1", None),
        ("aws logs put-retention-policy --log-group-name 'a b' --retention-in-days 30", None),
        (f"aws logs delete-retention-policy --log-group-name {NAME}", None),
        (f"aws logs delete-log-group --log-group-name {NAME}", None),
        (f"aws logs tail {NAME} --follow", None),
    ],
)
def test_lines_that_set_a_retention_are_understood_and_no_others(text: str, days: int | None) -> None:
    found = recognise(line(text), CloudWatchLogsSettings())
    assert (found.request if found else None) == (Request("retention", (NAME,), days) if days else None)
    assert found is None or "can't be had back" in found.warning


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "means", "warning"),
    [
        (
            "aws logs tail /whatsapp-notif/worker --since 10m --filter-pattern ERROR",
            LogReading("/whatsapp-notif/worker", "ERROR", timedelta(minutes=10)),
            "version 2",
        ),
        (
            "aws logs tail /ecs/social-analytics-backend --follow",
            LogReading("/ecs/social-analytics-backend", "", timedelta(minutes=10), True),
            "version 2",
        ),
        (
            'aws logs filter-pattern "429" --log-group-name /whatsapp-notif/worker'
            " --start-time '$(date -u -d \"1 hour ago\" +%s000)'",
            LogReading("/whatsapp-notif/worker", "429", HOUR),
            "no `aws logs filter-pattern`",
        ),
        (
            'aws logs filter-pattern --log-group-name /ecs/b "ERROR" --start-time 1772334761000',
            LogReading("/ecs/b", "ERROR", datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)),
            "no `aws logs filter-pattern`",
        ),
        (
            'aws logs filter-pattern "X-API-Key: compromised_key" --log-group-name /whatsapp-notif/api',
            LogReading("/whatsapp-notif/api", '"X-API-Key: compromised_key"'),
            "no `aws logs filter-pattern`",
        ),
        (
            "aws logs filter-log-events --log-group-name=/ecs/b --filter-pattern 429 --start-time 1772334761",
            LogReading("/ecs/b", "429", datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)),
            "found in any number",
        ),
        (
            "aws logs filter-log-events --log-group-name /g --filter-pattern '{ $.status = 429 }' --limit 5",
            LogReading("/g", "{ $.status = 429 }"),
            "",
        ),
        (
            "aws logs filter-log-events --log-group-name /g --start-time '$(date -v-2H +%s000)'",
            LogReading("/g", "", timedelta(hours=2)),
            "",
        ),
        ("aws logs tail --since 2h -f /g --format short", LogReading("/g", "", timedelta(hours=2), True), "version 2"),
        (
            "aws logs tail /g --since 2026-03-01T03:00:00+01:00",
            LogReading("/g", "", datetime(2026, 3, 1, 2, tzinfo=UTC)),
            "version 2",
        ),
        (
            "aws logs start-live-tail --log-group-identifiers"
            " arn:aws:logs:eu-west-1:123456789012:log-group:/g --log-event-filter-pattern ?A",
            LogReading("/g", "?A", None, True),
            "",
        ),
    ],
)
def test_lines_that_look_into_logs_are_read_right_however_wrong_they_are(
    text: str, means: LogReading, warning: str
) -> None:
    found = reading(line(text))
    assert found is not None
    assert (found.group, found.pattern, found.since, found.follow) == (
        means.group, means.pattern, means.since, means.follow,
    )  # fmt: skip
    assert warning in found.warning
    assert bool(warning) is bool(found.warning)
    assert recognise(line(text), CloudWatchLogsSettings()) is None


@pytest.mark.parametrize(
    "text",
    [
        "aws logs describe-log-groups",
        "aws logs put-retention-policy --log-group-name /g --retention-in-days 1",
        "aws logs filter-log-events --filter-pattern X",
        "aws logs tail",
        "aws logs tail /a /b",
        "aws logs tail 'a b'",
        "aws s3 tail /g",
        "aws logs filter-log-events --log-group-name",
        "tail -f /g",
        "aws",
    ],
)
def test_other_lines_look_into_no_log(text: str) -> None:
    assert reading(line(text)) is None


def test_a_grep_behind_a_line_is_its_pattern_where_it_is_a_plain_text() -> None:
    for written, pattern in (
        ("aws logs tail /g | grep ERROR | head", '"ERROR"'),
        ("aws logs tail /g | grep -i error", ""),
        ("aws logs tail /g | grep -E 'a|b'", ""),
        ("aws logs tail /g --filter-pattern WARN | grep ERROR", "WARN"),
    ):
        (parsed,) = [one for one in parse(written) if one.program == "aws"]
        found: Any = reading(parsed)
        assert found.pattern == pattern


@given(st.lists(st.text(max_size=20), max_size=12))
def test_no_line_breaks_the_reading(words: list[str]) -> None:
    for start in (("aws", "logs", "tail"), ("aws", "logs", "filter-pattern"), ("aws",)):
        found = reading(CommandLine((*start, *words)))
        assert found is None or found.group
