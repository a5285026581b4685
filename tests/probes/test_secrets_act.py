"""Changing secrets for real, on moto and ministack: one key of several, a whole value, and back; no value shows."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from desk.actions import about, told
from desk.commandline import recognised
from desk.deed import Step
from desk.guard import Setting, digest_of
from probes.aws.secrets.act import SecretsActuator
from probes.aws.secrets.probe import SecretsProbe
from probes.aws.secrets.settings import SecretsSettings
from probes.base import (
    Cause,
    Context,
    Grant,
    Hidden,
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
from tests.probes.acting import ACT, carried_out, perform, settled
from tests.probes.rigs import TestSecrets
from tests.probes.sqsstage import Stage, at, client, error, stage_at
from tests.stack.aws import Cloud
from tests.stack.faultproxy import FaultProxy, Mode

pytestmark = pytest.mark.engine

NAMES = (f"test/{number}/credentials" for number in itertools.count())
OLD, NEW = "0ld-canary-b4d6", "n3w-canary-91ce"
"""A value that is there, and one that is typed: neither may show anywhere."""
TEXT = f'{{ "client_id":"app-1",\n  "client_secret" : "{OLD}", "retries": 3, "scopes": ["a", "b"] }}\n'


@pytest.fixture
def name() -> str:
    return next(NAMES)


@pytest.fixture
def stage(moto: Cloud) -> Iterator[Stage]:
    with stage_at(moto) as one:
        yield one


@pytest.fixture(params=["moto", "ministack"])
def port(request: pytest.FixtureRequest) -> int:
    cloud: Cloud = request.getfixturevalue(request.param)
    return cloud.port


def make(port: int, name: str, text: str | bytes = TEXT) -> str:
    """A new secret; its version."""
    given = {"SecretString": text} if isinstance(text, str) else {"SecretBinary": text}
    return str(client(port, "secretsmanager").create_secret(Name=name, **given)["VersionId"])


def now(port: int, name: str) -> str:
    """What it holds."""
    manager = client(port, "secretsmanager")
    return str(manager.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"])


def stages(port: int, name: str) -> dict[str, str]:
    """Stage -> version."""
    found = client(port, "secretsmanager").describe_secret(SecretId=name)["VersionIdsToStages"]
    return {stage: version for version, those in found.items() for stage in those}


def put(port: int, name: str, text: str) -> None:
    """Somebody else's change."""
    client(port, "secretsmanager").put_secret_value(SecretId=name, SecretString=text)


@asynccontextmanager
async def acting(port: int, **more: Any) -> AsyncIterator[SecretsActuator]:
    settings = SecretsSettings.model_validate(at(port, **more))
    one = SecretsActuator(Target("it", "secrets", settings), Context(TestSecrets()))
    try:
        yield one
    finally:
        await one.close()


def setting(name: str, **values: str) -> Request:
    return Request("set", (name,), word=",".join(values), hidden=tuple(map(Hidden, values.values())))


def words(plan: Plan) -> str:
    subjects = [part for one in plan.subjects for part in (one.before, one.after, one.spared, *one.felt)]
    return "\n".join(map(str, [*plan.felt, plan.undo, *plan.notes, *plan.command, *subjects]))


async def unsent(actuator: SecretsActuator, plan: Plan, subject: Subject) -> Outcome:
    """The outcome of an act for which nothing may leave."""
    sent: list[str] = []
    outcome = await carried_out(actuator, plan, subject, sent)
    assert sent == []
    return outcome


# set


async def test_one_key_changes_and_every_other_letter_stays(port: int, name: str) -> None:
    old = make(port, name)
    async with acting(port, used_by=["api", "worker"]) as actuator:
        done = await perform(actuator, setting(name, client_secret=NEW))
    assert done.outcomes[0].result is Result.DONE
    assert done.verdicts[0].truth is Truth.CONFIRMED, done.verdicts
    assert "its 4 keys are the planned ones" in str(done.verdicts[0].words)
    assert now(port, name) == TEXT.replace(OLD, NEW)
    assert stages(port, name) == {"AWSCURRENT": ACT, "AWSPREVIOUS": old}
    said = words(done.plan)
    assert "client_secret changes" in said
    assert "client_id, retries, scopes stay letter for letter" in said
    assert "api, worker: the old value stays in use until deployed or restarted anew" in said
    assert f"{old[:8]}…{old[-4:]} becomes AWSPREVIOUS" in said
    assert "its value was changed" in said
    assert "oftener than every 10 min" in said


async def test_several_keys_change_together_and_a_new_one_is_said_to_be_new(stage: Stage, name: str) -> None:
    make(stage.port, name)
    async with acting(stage.port) as actuator:
        done = await perform(actuator, setting(name, client_id="app-2", client_secret=NEW, region="eu", retries="5"))
    found = json.loads(now(stage.port, name))
    assert found == {"client_id": "app-2", "client_secret": NEW, "retries": 5, "scopes": ["a", "b"], "region": "eu"}
    assert "region is new" in words(done.plan)
    assert "region: no such key is there yet; is it spelt right?" in words(done.plan)
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert stage.count("PutSecretValue") == 1


async def test_the_keys_there_are_can_be_picked_without_their_values(stage: Stage, name: str) -> None:
    make(stage.port, name)
    async with acting(stage.port) as actuator:
        found = await actuator.choices("set", (name,))
        assert [(one.word, str(one.about)) for one in found] == [
            ("client_id", "holds text"), ("client_secret", "holds text"), ("retries", "holds a number"),
            ("scopes", "holds a list or an object"),
        ]  # fmt: skip
        assert OLD not in repr(found)
        assert await actuator.choices("replace", (name,)) == ()


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (lambda name: Request("set", (name,), word="client_id"), "is not there yet: type it"),
        (lambda name: Request("set", (name,), word="client_id", hidden=(Hidden(""),)), "is not there yet"),
        (lambda name: Request("set", (name,), word="a,a", hidden=(Hidden("x"), Hidden("y"))), "each once"),
        (lambda name: Request("set", (name,), word=" , "), "name the keys"),
        (lambda name: setting(name, retries="many"), "retries holds a number, and what was typed is none"),
        (lambda name: setting(name, scopes="c"), "scopes holds a list or an object"),
        (lambda name: Request("replace", (name,), hidden=(Hidden("x"),)), "it holds keys (client_id"),
        (lambda name: Request("drop", (name,)), "no such action"),
        (lambda name: Request("set", (), word="a"), "choose one secret"),
    ],
)
async def test_a_plan_that_can_not_be_is_refused_with_its_reason(
    stage: Stage, name: str, request_: Any, why: str
) -> None:
    make(stage.port, name)
    async with acting(stage.port) as actuator:
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(request_(name))
    assert why in str(caught.value.message)
    assert OLD not in str(caught.value)
    assert "many" not in str(caught.value)


async def test_what_is_there_already_is_no_change(stage: Stage, name: str) -> None:
    make(stage.port, name)
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(setting(name, client_secret=OLD, retries="3"))
        assert plan.subjects[0].barred
        half = await actuator.plan(setting(name, client_secret=OLD, client_id="app-9"))
        assert "client_secret stays as it is, client_id changes" in words(half)
        assert half.chosen


async def test_a_value_that_somebody_changed_meanwhile_is_not_written_over(stage: Stage, name: str) -> None:
    make(stage.port, name)
    theirs = TEXT.replace("app-1", "app-7")
    async with acting(stage.port) as actuator:
        done = await perform(
            actuator, setting(name, client_secret=NEW), between=lambda plan: put(stage.port, name, theirs)
        )
    assert done.outcomes[0].result is Result.REFUSED
    assert str(done.outcomes[0].words).startswith("changed since you looked: AWSCURRENT")
    assert not done.sent
    assert now(stage.port, name) == theirs


async def test_a_secret_made_anew_or_gone_or_marked_is_not_touched(stage: Stage, name: str) -> None:
    manager = client(stage.port, "secretsmanager")
    make(stage.port, name)
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(setting(name, client_secret=NEW))
        manager.delete_secret(SecretId=name)
        marked = await unsent(actuator, plan, plan.subjects[0])
        assert "changed since you looked: it is marked for deletion" in str(marked.words)
        barred = manager.describe_secret(SecretId=name)["DeletedDate"]
        assert barred
        manager.restore_secret(SecretId=name)
        manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        gone = await unsent(actuator, plan, plan.subjects[0])
        assert gone.result is Result.REFUSED
        make(stage.port, name)
        anew = await unsent(actuator, plan, plan.subjects[0])
        assert anew.result is Result.REFUSED
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(setting("test/none", a="b"))
    assert caught.value.cause is Cause.GONE


# replace


async def test_a_value_without_keys_is_replaced_as_a_whole(port: int, name: str) -> None:
    old = make(port, name, OLD)
    async with acting(port) as actuator:
        with pytest.raises(ProbeError, match="it holds no keys but one value"):
            await actuator.plan(setting(name, a="b"))
        done = await perform(actuator, Request("replace", (name,), hidden=(Hidden(NEW),)))
    assert done.outcomes[0].result is Result.DONE
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert now(port, name) == NEW
    assert stages(port, name)["AWSPREVIOUS"] == old
    assert OLD not in words(done.plan)


async def test_a_binary_value_is_left_alone(stage: Stage, name: str) -> None:
    make(stage.port, name, b"\x00\x01")
    async with acting(stage.port) as actuator:
        with pytest.raises(ProbeError, match="its value is binary"):
            await actuator.plan(Request("replace", (name,), hidden=(Hidden(NEW),)))


# undo


async def test_the_version_before_comes_back_and_forth(port: int, name: str) -> None:
    old = make(port, name)
    async with acting(port) as actuator:
        assert await actuator.choices("undo", (name,)) == ()
        with pytest.raises(ProbeError, match="no version before"):
            await actuator.plan(Request("undo", (name,)))
        await perform(actuator, setting(name, client_secret=NEW))
        (choice,) = await actuator.choices("undo", (name,))
        assert choice.word == old
        back = await perform(actuator, Request("undo", (name,), word=old))
        assert back.outcomes[0].result is Result.DONE
        assert back.verdicts[0].truth is Truth.CONFIRMED
        assert now(port, name) == TEXT
        assert stages(port, name) == {"AWSCURRENT": old, "AWSPREVIOUS": ACT}
        forth = await perform(actuator, Request("undo", (name,)))
        assert forth.verdicts[0].truth is Truth.CONFIRMED
    assert stages(port, name)["AWSCURRENT"] == ACT


async def test_a_version_that_is_not_the_one_before_is_refused(stage: Stage, name: str) -> None:
    old = make(stage.port, name)
    async with acting(stage.port) as actuator:
        await perform(actuator, setting(name, client_secret=NEW))
        with pytest.raises(ProbeError, match="is not AWSPREVIOUS"):
            await actuator.plan(Request("undo", (name,), word="f" * 36))
        done = await perform(
            actuator, Request("undo", (name,), word=old), between=lambda plan: put(stage.port, name, "{}")
        )
    assert done.outcomes[0].result is Result.REFUSED
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert stage.count("UpdateSecretVersionStage") == 0


async def test_the_service_itself_refuses_an_undo_that_comes_too_late(stage: Stage, name: str) -> None:
    make(stage.port, name)
    async with acting(stage.port) as actuator:
        await perform(actuator, setting(name, client_secret=NEW))
        stage.instead["UpdateSecretVersionStage"] = lambda _: error("InvalidParameterException")
        done = await perform(actuator, Request("undo", (name,)))
    assert done.outcomes[0].result is Result.REFUSED
    assert "its versions are not the planned ones" in str(done.outcomes[0].words)


# truth when no answer came


async def test_without_an_answer_the_value_itself_tells_whether_it_was_done(stage: Stage, name: str) -> None:
    make(stage.port, name)
    async with acting(stage.port) as actuator:
        plan = await actuator.plan(setting(name, client_secret=NEW))
        subject = plan.subjects[0]
        lost = Outcome(Result.UNKNOWN, SafeText("no answer"))
        assert (await actuator.verify(plan, subject, lost, 1.0)).truth is Truth.PENDING
        assert (await actuator.verify(plan, subject, lost, 6.0)).truth is Truth.REFUTED
        put(stage.port, name, TEXT.replace(OLD, NEW))
        assert (await actuator.verify(plan, subject, lost, 6.0)).truth is Truth.CONFIRMED
        later = replace(plan, request=replace(plan.request, hidden=()))
        assert (await actuator.verify(later, subject, lost, 6.0)).truth is Truth.UNKNOWN
    async with acting(stage.port) as actuator:
        other = await actuator.plan(setting(name, client_secret="another-one"))
        put(stage.port, name, TEXT)
        assert (await actuator.verify(other, other.subjects[0], lost, 6.0)).truth is Truth.REFUTED
        put(stage.port, name, '{"x": 1}')
        assert (await actuator.verify(other, other.subjects[0], lost, 6.0)).truth is not Truth.CONFIRMED


@pytest.mark.once
@pytest.mark.parametrize(
    "mode", [Mode.LOSE, Mode.RESET, Mode.SILENT, Mode.GARBAGE, Mode.HTML, Mode.CLOSE, Mode.TRUNCATE]
)
@pytest.mark.parametrize("action", ["set", "replace", "undo"])
async def test_each_request_leaves_once_however_its_answer_is_lost(
    stage: Stage, name: str, action: str, mode: Mode
) -> None:
    make(stage.port, name, OLD if action == "replace" else TEXT)
    if action == "undo":
        put(stage.port, name, "{}")
    before = stages(stage.port, name)["AWSCURRENT"]
    asked = {
        "set": setting(name, client_secret=NEW), "undo": Request("undo", (name,)),
        "replace": Request("replace", (name,), hidden=(Hidden(NEW),)),
    }[action]  # fmt: skip
    operation = b"secretsmanager.UpdateSecretVersionStage" if action == "undo" else b"secretsmanager.PutSecretValue"
    with FaultProxy(stage.port) as proxy:
        async with acting(proxy.port, timeout=4.0) as actuator:
            plan = await actuator.plan(asked)
            proxy.become(mode, when=operation)
            sent: list[str] = []
            outcome = await carried_out(actuator, plan, plan.subjects[0], sent)
            assert sent == [name]
            assert outcome.result is Result.UNKNOWN, outcome
            proxy.mend()
            verdict = await settled(actuator, plan, plan.subjects[0], outcome)
            done = stages(stage.port, name)["AWSCURRENT"] != before
            assert done or mode not in (Mode.LOSE, Mode.TRUNCATE)
            assert verdict.truth is (Truth.CONFIRMED if done else Truth.REFUTED), verdict
        assert proxy.seen(operation) == 1


@pytest.mark.once
async def test_a_place_that_refuses_the_connection_has_changed_nothing(stage: Stage, name: str) -> None:
    make(stage.port, name)
    with FaultProxy(stage.port) as proxy:
        async with acting(proxy.port, timeout=4.0) as actuator:
            plan = await actuator.plan(setting(name, client_secret=NEW))
            proxy.mode = Mode.REFUSE
            assert (await unsent(actuator, plan, plan.subjects[0])).result is Result.FAILED
            proxy.mode = Mode.PASS
    assert now(stage.port, name) == TEXT


@pytest.mark.once
@pytest.mark.parametrize(
    ("code", "result"),
    [("AccessDeniedException", Result.REFUSED), ("LimitExceededException", Result.FAILED),
     ("ThrottlingException", Result.FAILED), ("ResourceExistsException", Result.REFUSED)],
)  # fmt: skip
async def test_a_refusal_of_the_service_changes_nothing_and_says_why(
    stage: Stage, name: str, code: str, result: Result
) -> None:
    make(stage.port, name)
    stage.instead["PutSecretValue"] = lambda _: (400, {"__type": code, "message": f"not with {NEW}"})
    async with acting(stage.port) as actuator:
        done = await perform(actuator, setting(name, client_secret=NEW))
    assert done.outcomes[0].result is result
    assert NEW not in repr(done.outcomes)
    assert stage.count("PutSecretValue") == 1


# no value anywhere


def forms(canary: str) -> list[str]:
    raw = canary.encode()
    parts = [base64.b64encode(b"x" * shift + raw).decode()[4:-4] for shift in range(3)]
    return [canary, quote(canary), raw.hex(), canary[::-1], repr(canary), json.dumps(canary), *parts]


async def test_no_value_is_in_plan_command_outcome_record_repr_or_log(
    stage: Stage, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    make(stage.port, name)
    with caplog.at_level(logging.DEBUG):
        async with acting(stage.port) as actuator:
            choices = await actuator.choices("set", (name,))
            done = await perform(actuator, setting(name, client_secret=NEW))
            back = await perform(actuator, Request("undo", (name,)))
            stage.instead["PutSecretValue"] = lambda asked: (
                400,
                {"__type": "InvalidRequestException", "message": str(asked)},
            )
            failed = await perform(actuator, setting(name, client_secret=NEW))
            everything = [repr(actuator.__dict__), repr(choices), actuator.render(done.plan.request)]
        probe = SecretsProbe(
            Target("it", "secrets", SecretsSettings.model_validate(at(stage.port, names=[name]))),
            Context(TestSecrets()),
        )
        probe.watched = True
        everything.append(repr(await probe.read()))
        await probe.close()
    where = Setting("shop", "production", True, False)
    for one in (done, back, failed):
        steps = [Step(subject, act=ACT) for subject in one.plan.subjects]
        everything += [repr(one), str(one.plan), digest_of(one.plan, where), repr(steps)]
        everything += [json.dumps(about(one.plan)), *(json.dumps(told(step)) for step in steps)]
        everything += [*map(repr, one.outcomes), *map(repr, one.verdicts)]
    everything += [caplog.text, *capfd.readouterr()]
    said = "\n".join(everything)
    assert "client_secret" in said
    for canary in (OLD, NEW):
        assert [form for form in forms(canary) if form in said] == []
    assert stage.count("GetSecretValue") > 0


async def test_reading_secrets_never_asks_for_a_value(stage: Stage, name: str) -> None:
    make(stage.port, name)
    settings = SecretsSettings.model_validate(at(stage.port, names=[name]))
    probe = SecretsProbe(Target("it", "secrets", settings), Context(TestSecrets()))
    probe.watched = True
    for _ in range(3):
        await probe.read()
    await probe.close()
    assert stage.count("GetSecretValue") == stage.count("BatchGetSecretValue") == 0


def test_a_pasted_value_is_not_kept() -> None:
    actuator = SecretsActuator(Target("it", "secrets", SecretsSettings()), Context(TestSecrets()))
    for text in (f'{{"client_id": "{NEW}", "client_secret": "{OLD}"}}', NEW):
        found = recognised(f"aws secretsmanager update-secret --secret-id prod/x --secret-string '{text}'", actuator)
        assert found is not None
        assert found.warning
        assert found.request.hidden == ()
        assert NEW not in repr(found)
        assert OLD not in repr(found)


# offers and rights


async def test_what_makes_no_sense_is_offered_with_its_reason(stage: Stage, name: str) -> None:
    make(stage.port, name)
    make(stage.port, f"{name}/marked")
    client(stage.port, "secretsmanager").delete_secret(SecretId=f"{name}/marked")
    settings = SecretsSettings.model_validate(at(stage.port, prefix=name))
    probe = SecretsProbe(Target("it", "secrets", settings), Context(TestSecrets()))
    facts = (await probe.read()).facts
    await probe.close()
    async with acting(stage.port) as actuator:
        offers = {one.action.name: one.refused for one in actuator.offers(facts, [name])}
        assert offers == {"set": "", "replace": "", "undo": "it has no version before the current one"}
        marked = {one.refused for one in actuator.offers(facts, [f"{name}/marked"])}
        assert marked == {"it is marked for deletion"}
        assert actuator.offers(facts, [name, f"{name}/marked"]) == ()


async def test_where_iam_cant_be_asked_nobody_can_tell(stage: Stage) -> None:
    async with acting(stage.port) as actuator:
        assert {right.grant for right in await actuator.rights()} == {Grant.UNKNOWN}


async def test_a_secret_of_another_account_or_region_is_refused(stage: Stage) -> None:
    async with acting(stage.port) as actuator:
        for place in ("eu-west-1:999999999999", "us-east-1:123456789012"):
            with pytest.raises(ProbeError) as caught:
                await actuator.plan(setting(f"arn:aws:secretsmanager:{place}:secret:x-AbCdEf", a="b"))
            assert caught.value.cause is Cause.DENIED
    with contextlib.suppress(ProbeError):
        async with acting(stage.port, account="999999999999") as other:
            await other.plan(setting("test/0/credentials", a="b"))
            pytest.fail("another account than the pinned one was looked at")
