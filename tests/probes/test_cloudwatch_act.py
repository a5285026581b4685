"""Silencing, enabling and testing alarms, on moto and on ministack, each request once."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.aws.cloudwatch.act import ENABLE, SILENCE, TEST, CloudWatchActuator
from probes.aws.cloudwatch.commands import REASON, recognise, render
from probes.aws.cloudwatch.facts import AlarmState
from probes.aws.cloudwatch.parse import parse_alarm
from probes.aws.cloudwatch.plans import danger_of, notes_of, parents_of
from probes.aws.cloudwatch.settings import CloudWatchSettings
from probes.aws.cloudwatch.truth import was_tested
from probes.base import (
    Cause,
    CommandLine,
    Context,
    Danger,
    Grant,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Target,
    Truth,
)
from tests.probes.acting import ACT, carried_out, comes_back, perform, settled
from tests.probes.awsfake import FakeAws, fake_aws
from tests.probes.awswatch import SCALING, TOPIC, alarm, composite
from tests.probes.rigs import TestSecrets
from tests.probes.watching import alarm_hands, alarms_of
from tests.stack.aws import Cloud
from tests.stack.faultproxy import FaultProxy, Mode

NAME = "production-ecs-high-cpu"
OTHER = "production-rds-high-cpu"
OPERATION = {"silence": b"DisableAlarmActions", "enable": b"EnableAlarmActions", "test": b"SetAlarmState"}


def state(cloud: Cloud, name: str = NAME) -> dict[str, Any]:
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    row: dict[str, Any] = (found["MetricAlarms"] + found["CompositeAlarms"])[0]
    return row


def words_of(plan: Plan) -> str:
    parts = [*plan.felt, *plan.notes, plan.undo, *(word for one in plan.subjects for word in (*one.felt, one.spared))]
    return "\n".join(map(str, parts))


@pytest.fixture(params=["moto", "ministack"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    found: Cloud = request.getfixturevalue(request.param)
    found.reset()
    alarm(found, NAME, "ALARM")
    alarm(found, OTHER)
    return found


@pytest.fixture
async def hands(cloud: Cloud) -> AsyncIterator[CloudWatchActuator]:
    one = alarm_hands(cloud.port)
    yield one
    await one.close()
    await one.close()


# to the end


@pytest.mark.engine
async def test_alarms_are_silenced_until_a_time_and_no_other_is(cloud: Cloud, hands: CloudWatchActuator) -> None:
    alarm(cloud, "staging")
    done = await perform(hands, Request("silence", (NAME, OTHER), 30))
    assert [one.result for one in done.outcomes] == [Result.DONE] * 2
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
    assert [state(cloud, one)["ActionsEnabled"] for one in (NAME, OTHER, "staging")] == [False, False, True]
    assert done.plan.due == done.plan.looked_at + timedelta(minutes=30)
    assert done.plan.reverse == Request("enable", (NAME, OTHER))
    assert done.plan.danger is Danger.DISRUPTIVE
    said = words_of(done.plan)
    assert "not done while it is silent: SNS topic ops-page is told" in said
    assert "sends nothing when the actions are on again" in said


@pytest.mark.engine
async def test_the_reverse_of_a_silence_ends_it_and_tells_what_went_off_meanwhile(
    cloud: Cloud, hands: CloudWatchActuator
) -> None:
    done = await perform(hands, Request("silence", (NAME,), 5))
    assert done.plan.reverse is not None
    back = await perform(hands, done.plan.reverse)
    assert (back.outcomes[0].result, back.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    assert state(cloud)["ActionsEnabled"] is True
    assert f"In ALARM already, and silent about it: {NAME}." in words_of(back.plan)
    assert back.plan.due is None


@pytest.mark.engine
async def test_what_is_silent_already_is_left_alone(cloud: Cloud, hands: CloudWatchActuator) -> None:
    cloud.client("cloudwatch").disable_alarm_actions(AlarmNames=[OTHER])
    plan = await hands.plan(Request("silence", (NAME, OTHER), 30))
    assert [one.key for one in plan.chosen] == [NAME]
    assert plan.reverse == Request("enable", (NAME,))
    assert plan.subjects[1].barred
    plan = await hands.plan(Request("enable", (NAME,)))
    assert (plan.chosen, str(plan.subjects[0].spared)) == ((), "its actions are on already")


@pytest.mark.engine
async def test_a_test_goes_off_for_real_with_a_reason_that_names_the_act(
    cloud: Cloud, hands: CloudWatchActuator
) -> None:
    done = await perform(hands, Request("test", (OTHER,), word="Testing alert"))
    assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    row = state(cloud, OTHER)
    assert (row["StateValue"], row["StateReason"]) == ("ALARM", f"Testing alert (opsroom {ACT})")
    assert "really done: SNS topic ops-page is told" in words_of(done.plan)
    plan = await hands.plan(Request("test", (NAME,), word="again"))
    assert plan.chosen == ()
    assert "in ALARM already" in words_of(plan)


@pytest.mark.engine
async def test_a_test_that_was_set_back_at_once_is_found_in_the_history(ministack: Cloud) -> None:
    ministack.reset()
    alarm(ministack, OTHER)
    hands = alarm_hands(ministack.port)
    plan = await hands.plan(Request("test", (OTHER,), word="Testing alert"))
    outcome = await carried_out(hands, plan, plan.subjects[0], [])
    ministack.client("cloudwatch").set_alarm_state(AlarmName=OTHER, StateValue="OK", StateReason="evaluated")
    verdict = await settled(hands, plan, plan.subjects[0], outcome)
    assert verdict.truth is Truth.CONFIRMED
    assert "and is OK again" in str(verdict.words)
    await hands.close()


@pytest.mark.engine
async def test_composite_alarms_are_silenced_too_and_those_above_are_named(ministack: Cloud) -> None:
    ministack.reset()
    alarm(ministack, NAME)
    composite(ministack, "production-down", f'ALARM("{NAME}")')
    hands = alarm_hands(ministack.port)
    plan = await hands.plan(Request("silence", (NAME,), 30))
    assert "Composite alarms look at its state and still tell: production-down." in words_of(plan)
    done = await perform(hands, Request("silence", (NAME, "production-down"), 30))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
    assert "still tell" not in words_of(done.plan)
    plan = await hands.plan(Request("test", ("production-down",), word="drill"))
    assert "stays in ALARM until one of the alarms below it changes" in words_of(plan)
    assert "its actions are off: nothing fires" in words_of(plan)
    await hands.close()


# not the one that was looked at


@pytest.mark.engine
@pytest.mark.parametrize("action", ["silence", "test"])
async def test_an_alarm_that_was_configured_anew_meanwhile_is_refused(
    cloud: Cloud, hands: CloudWatchActuator, action: str
) -> None:
    request = Request(action, (OTHER,), 30 if action == "silence" else None, "" if action == "silence" else "drill")
    plan = await hands.plan(request)
    before = plan.subjects[0].identity
    configured = before
    while configured == before:  # ministack tells whole seconds
        alarm(cloud, OTHER, Threshold=95.0)
        configured = (await hands.plan(request)).subjects[0].identity
    sent: list[str] = []
    outcome = await carried_out(hands, plan, plan.subjects[0], sent)
    assert outcome.result is Result.REFUSED
    assert "changed since you looked" in str(outcome.words)
    assert sent == []
    assert state(cloud, OTHER)["ActionsEnabled"] is True


@pytest.mark.engine
async def test_an_alarm_that_is_gone_is_refused_before_and_after_the_plan(
    cloud: Cloud, hands: CloudWatchActuator
) -> None:
    plan = await hands.plan(Request("silence", (OTHER,), 30))
    cloud.client("cloudwatch").delete_alarms(AlarmNames=[OTHER])
    outcome = await carried_out(hands, plan, plan.subjects[0], [])
    assert (outcome.result, "no such alarm any more" in str(outcome.words)) == (Result.REFUSED, True)
    assert (await hands.verify(plan, plan.subjects[0], outcome, 0.0)).truth is Truth.REFUTED
    with pytest.raises(ProbeError) as caught:
        await hands.plan(Request("silence", (OTHER,), 30))
    assert caught.value.cause is Cause.GONE


# at most once, however the answer is lost


ENDS = {
    Mode.LOSE: Result.UNKNOWN,
    Mode.RESET: Result.UNKNOWN,
    Mode.SILENT: Result.UNKNOWN,
    Mode.GARBAGE: Result.UNKNOWN,
    Mode.HTML: Result.UNKNOWN,
    Mode.CLOSE: Result.UNKNOWN,
}


@pytest.mark.engine
@pytest.mark.once
@pytest.mark.parametrize("action", list(OPERATION))
@pytest.mark.parametrize("mode", list(ENDS), ids=lambda mode: mode.value)
async def test_a_lost_answer_is_unknown_and_nothing_is_sent_twice(moto: Cloud, mode: Mode, action: str) -> None:
    moto.reset()
    alarm(moto, OTHER)
    if action == "enable":
        moto.client("cloudwatch").disable_alarm_actions(AlarmNames=[OTHER])
    request = Request(action, (OTHER,), 30 if action == "silence" else None, "drill" if action == "test" else "")
    with FaultProxy(moto.port) as proxy:
        hands = alarm_hands(proxy.port, timeout=4.0)
        plan = await hands.plan(request)
        proxy.become(mode, when=OPERATION[action])
        outcome = await carried_out(hands, plan, plan.subjects[0], [])
        proxy.mend()
        assert proxy.seen(OPERATION[action]) == 1
        verdict = await hands.verify(plan, plan.subjects[0], outcome, 60.0)
        assert proxy.seen(OPERATION[action]) == 1
        await hands.close()
    assert outcome.result is ENDS[mode], outcome
    arrived = mode is Mode.LOSE or verdict.truth is Truth.CONFIRMED
    row = state(moto, OTHER)
    really = row["StateValue"] == "ALARM" if action == "test" else row["ActionsEnabled"] is (action == "enable")
    assert really is arrived
    unseen = Truth.UNKNOWN if action == "test" else Truth.REFUTED  # moto keeps no history
    assert verdict.truth is (Truth.CONFIRMED if really else unseen)


@pytest.mark.engine
@pytest.mark.once
async def test_a_connection_that_is_refused_before_sending_has_done_nothing(moto: Cloud) -> None:
    moto.reset()
    alarm(moto, OTHER)
    with FaultProxy(moto.port) as proxy:
        hands = alarm_hands(proxy.port, timeout=4.0)
        plan = await hands.plan(Request("silence", (OTHER,), 30))
        proxy.mode = Mode.REFUSE
        sent: list[str] = []
        outcome = await carried_out(hands, plan, plan.subjects[0], sent)
        assert (outcome.result, sent, proxy.seen(b"DisableAlarmActions")) == (Result.FAILED, [], 0)
        await hands.close()


# a place that says no


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        row = {"AlarmName": NAME, "AlarmArn": f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{NAME}",
               "StateValue": "OK", "AlarmActions": [TOPIC],
               "AlarmConfigurationUpdatedTimestamp": 1772334761}  # fmt: skip
        one.answers["DescribeAlarms"] = lambda asked: (200, {"MetricAlarms": [row]})
        yield one


def at_fake(fake: FakeAws, **more: Any) -> CloudWatchActuator:
    where = {"endpoint": fake.url, "region": "eu-west-1", "key_id": "env:SECRET", "secret_key": "env:SECRET"}
    made = CloudWatchSettings.model_validate({**where, **more})
    return CloudWatchActuator(Target("it", "cloudwatch", made), Context(TestSecrets()))


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("AccessDenied", 403, "may not cloudwatch:DisableAlarmActions"),
        ("ThrottlingException", 400, "fewer calls"),
        ("ValidationError", 400, "ValidationError: no"),
    ],
)
async def test_a_no_of_the_service_is_failed_in_its_words(fake: FakeAws, code: str, status: int, words: str) -> None:
    hands = at_fake(fake)
    plan = await hands.plan(Request("silence", (NAME,), 30))
    fake.says("DisableAlarmActions", code, status)
    outcome = await carried_out(hands, plan, plan.subjects[0], [])
    assert outcome.result is Result.FAILED
    assert words in str(outcome.words)
    assert fake.count("DisableAlarmActions") == 1
    await hands.close()


async def test_a_service_that_fails_on_the_way_has_perhaps_done_it(fake: FakeAws) -> None:
    hands = at_fake(fake)
    plan = await hands.plan(Request("silence", (NAME,), 30))
    fake.says("DisableAlarmActions", "InternalServiceError", 500)
    outcome = await carried_out(hands, plan, plan.subjects[0], [])
    assert (outcome.result, fake.count("DisableAlarmActions")) == (Result.UNKNOWN, 1)
    verdict = await hands.verify(plan, plan.subjects[0], outcome, 6.0)
    assert (verdict.truth, str(verdict.words)) == (Truth.REFUTED, "not done: its actions are on, it is OK")
    await hands.close()


async def test_another_account_than_planned_is_refused(fake: FakeAws) -> None:
    hands = at_fake(fake)
    plan = await hands.plan(Request("silence", (NAME,), 30))
    fake.account = "999999999999"
    (await hands._calls.account()).forget()  # as when a login runs out and another one is found
    outcome = await carried_out(hands, plan, plan.subjects[0], [])
    assert (outcome.result, fake.count("DisableAlarmActions")) == (Result.REFUSED, 0)
    assert "999999999999" in str(outcome.words)
    await hands.close()


@pytest.mark.parametrize(
    "request_",
    [
        Request("silence", (NAME,)),
        Request("silence", (NAME,), 0),
        Request("silence", (NAME,), 1441),
        Request("silence", (), 30),
        Request("enable", (NAME,), 30),
        Request("test", (NAME,)),
        Request("test", (NAME, OTHER), word="drill"),
        Request("delete", (NAME,)),
    ],
)
async def test_a_request_that_lacks_something_is_not_planned(fake: FakeAws, request_: Request) -> None:
    hands = at_fake(fake)
    with pytest.raises(ProbeError):
        await hands.plan(request_)
    assert fake.asked == []
    await hands.close()


async def test_rights_are_judged_by_iam_where_it_may_be_asked(fake: FakeAws) -> None:
    hands = at_fake(fake)
    fake.answers["SimulatePrincipalPolicy"] = lambda asked: (403, "<ErrorResponse><Error><Code>AccessDenied</Code>"
                                                             "</Error></ErrorResponse>")  # fmt: skip
    assert {one.grant for one in await hands.rights()} == {Grant.UNKNOWN}
    await hands.close()


# words


def parsed(name: str, kind: str = "metric", **more: Any) -> Any:
    found = parse_alarm({"AlarmName": name, "AlarmArn": f"arn:x:alarm:{name}", "StateValue": "OK"} | more, kind)
    assert found is not None
    return found


def test_a_test_that_would_end_an_instance_is_destructive() -> None:
    ends = parsed("a", AlarmActions=["arn:aws:automate:eu-west-1:ec2:terminate"])
    assert danger_of("test", [ends]) is Danger.DESTRUCTIVE
    assert danger_of("silence", [ends]) is Danger.DISRUPTIVE
    assert danger_of("enable", [ends]) is Danger.REVERSIBLE


def test_a_long_silence_and_one_of_scaling_are_told_as_such() -> None:
    said = " ".join(notes_of("silence", [parsed("a", AlarmActions=[SCALING])], [], 480))
    assert "8h00m is long for a silence" in said
    assert "nothing scales by it" in said


@pytest.mark.parametrize("rule", ['ALARM("cpu")', "ALARM(cpu)", "OK('cpu') OR FALSE", "NOT ALARM( arn:x:alarm:cpu )"])
def test_a_rule_names_an_alarm_in_many_ways(rule: str) -> None:
    above = parsed("above", "composite", AlarmRule=rule)
    assert parents_of([parsed("cpu")], [above, parsed("cpu")]) == ["above"]
    assert parents_of([parsed("cp"), above], [above]) == []


def test_without_history_a_test_that_is_over_can_not_be_told() -> None:
    plan: Any = type("P", (), {"request": Request("test", ("a",), word="drill"), "looked_at": None})()
    one = parsed("a")
    outcome = Outcome(Result.DONE, SafeText(), (("act", ACT),))
    assert was_tested(one, None, plan, outcome, 1.0).truth is Truth.PENDING
    assert was_tested(one, None, plan, outcome, 11.0).truth is Truth.UNKNOWN
    assert was_tested(one, [], plan, outcome, 60.0).truth is Truth.PENDING
    other = {"HistoryData": json.dumps({"newState": {"stateReason": f"drill (opsroom {ACT}x)"}})}
    assert was_tested(one, [other], plan, outcome, 6.0).truth is Truth.PENDING
    lost = Outcome(Result.UNKNOWN, SafeText())
    assert was_tested(one, [], plan, lost, 44.0).truth is Truth.PENDING
    assert was_tested(one, [], plan, lost, 46.0).truth is Truth.REFUTED
    assert was_tested(one, [other], plan, lost, 6.0).truth is Truth.CONFIRMED


@pytest.mark.engine
async def test_offers_say_why_something_makes_no_sense(moto: Cloud) -> None:
    moto.reset()
    alarm(moto, NAME, "ALARM")
    alarm(moto, OTHER)
    moto.client("cloudwatch").disable_alarm_actions(AlarmNames=[OTHER])
    probe, hands = alarms_of(moto.port), alarm_hands(moto.port)
    facts = (await probe.read()).facts
    said = {one.action.name: one.refused for one in hands.offers(facts, [NAME])}
    assert said == {"silence": "", "enable": "its actions are on already", "test": "it is in ALARM already"}
    said = {one.action.name: one.refused for one in hands.offers(facts, [OTHER])}
    assert said == {"silence": "its actions are off already", "enable": "", "test": ""}
    assert {one.action.name: one.refused for one in hands.offers(facts, [NAME, OTHER])}["test"] == "one alarm at a time"
    assert hands.offers(facts, ["gone"]) == ()
    assert facts.alarms[0].state is AlarmState.ALARM
    await probe.close()
    await hands.close()


# the command line, both ways


SETTINGS = CloudWatchSettings(region="eu-west-1", profile="prod")
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40).filter(
    lambda name: not name.startswith("-") and name.strip() == name
)
SILENCES = st.builds(
    lambda names, minutes: Request("silence", tuple(names), minutes),
    st.lists(NAMES, min_size=1, max_size=5, unique=True),
    st.integers(1, 1440),
)
ENABLES = st.builds(lambda names: Request("enable", tuple(names)), st.lists(NAMES, min_size=1, max_size=5, unique=True))
TESTS = st.builds(lambda name, word: Request("test", (name,), word=word), NAMES, st.from_regex(REASON, fullmatch=True))


@given(SILENCES | ENABLES | TESTS)
def test_every_act_is_written_as_a_line_that_means_it(request: Request) -> None:
    hands = CloudWatchActuator(Target("it", "cloudwatch", SETTINGS), Context(TestSecrets()))
    assert comes_back(hands, request)


def said(text: str, **environment: str) -> Any:

    return recognise(CommandLine(tuple(shlex.split(text)), environment=environment), CloudWatchSettings())


def test_the_lines_of_runbooks_are_understood() -> None:
    found = said("aws cloudwatch disable-alarm-actions --alarm-names production-ecs-high-cpu production-rds-high-cpu")
    assert found.request == Request("silence", (NAME, OTHER))
    assert "no end" in found.warning
    found = said("aws cloudwatch enable-alarm-actions --output json --alarm-names a b --no-cli-pager")
    assert found.request == Request("enable", ("a", "b"))
    found = said(
        'aws cloudwatch set-alarm-state --state-value ALARM --state-reason="Testing alert" --alarm-name'
        " production-alb-high-response-time"
    )
    assert found.request == Request("test", ("production-alb-high-response-time",), word="Testing alert")
    assert "real actions fire" in found.warning


@pytest.mark.parametrize(
    "text",
    [
        "aws cloudwatch disable-alarm-actions",
        "aws cloudwatch disable-alarm-actions --alarm-names a --region us-east-1",
        "aws cloudwatch disable-alarm-actions --alarm-names a --profile other",
        "aws cloudwatch delete-alarms --alarm-names a",
        "aws cloudwatch describe-alarms --state-value ALARM",
        "aws cloudwatch set-alarm-state --alarm-name a --state-value OK --state-reason x",
        "aws cloudwatch set-alarm-state --alarm-name a --state-value ALARM",
        "aws cloudwatch set-alarm-state --alarm-name a --state-value ALARM --state-reason x --state-reason-data {}",
        "aws logs disable-alarm-actions --alarm-names a",
        "awslocal cloudwatch enable-alarm-actions --alarm-names a",
    ],
)
def test_other_lines_mean_nothing_here(text: str) -> None:
    assert said(text) is None


def test_minutes_before_a_line_are_its_end() -> None:
    line = "aws cloudwatch disable-alarm-actions --alarm-names a"
    assert said(line, MINUTES="45").request.number == 45
    assert said(line, MINUTES="45").warning == ""
    for wrong in ("0", "1441", "-1", "soon", "٣"):
        assert said(line, MINUTES=wrong) is None
    assert said("aws cloudwatch enable-alarm-actions --alarm-names a", MINUTES="5") is None
    assert render(Request("silence", ("a",), 45), SETTINGS).startswith("MINUTES=45 aws cloudwatch disable-alarm-")


def test_the_actions_say_what_they_need() -> None:
    assert SILENCE.number is not None
    assert (SILENCE.number.least, SILENCE.number.most) == (1, 1440)
    assert (ENABLE.number, TEST.many) == (None, False)
