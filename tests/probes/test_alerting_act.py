"""Silencing alerts and ending silences: on a real Alertmanager, plain and as Grafana's own, and once at most."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.alerting.act import AlertmanagerActuator, GrafanaActuator, SilencingActuator
from probes.alerting.alertmanager import AlertmanagerProbe, AlertmanagerSettings
from probes.alerting.facts import AlertsFacts, key_of
from probes.alerting.grafana import ALERTMANAGER, GrafanaSettings
from probes.base import (
    Cause,
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
    Verdict,
)
from tests.conftest import obtain
from tests.probes.acting import ACT, Performed, carried_out, perform, settled
from tests.probes.fakegrafana import FakeGrafana, fake_grafana
from tests.stack import places
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.process import wait_until
from tests.stack.prometheus import Alertmanager

LATER = 1000.0
"""Seconds after which nothing more comes by itself."""
NUMBERS = itertools.count()


class Words:
    """Gives every reference the one token."""

    def resolve(self, reference: str) -> str:
        return "a-test-password"


def acting_on(port: int, grafana: bool = False, **settings: Any) -> SilencingActuator:
    given = {"url": f"http://127.0.0.1:{port}", "timeout": 4} | settings
    context = Context(Words(), operator="anna")
    if grafana:
        return GrafanaActuator(Target("board", "grafana", GrafanaSettings.model_validate(given)), context)
    return AlertmanagerActuator(Target("am", "alertmanager", AlertmanagerSettings.model_validate(given)), context)


class Stage:
    """A real Alertmanager behind a proxy that counts and breaks, and an actuator that reaches it there."""

    def __init__(self, server: Alertmanager, proxy: FaultProxy, grafana: bool) -> None:
        self.server = server
        self.proxy = proxy
        self.name = f"Alert{next(NUMBERS)}"
        self.actuator = acting_on(proxy.port, grafana)

    @property
    def changes(self) -> int:
        """Requests at the wire that could have changed something."""
        return sum(self.proxy.seen(verb) for verb in (b"POST /", b"DELETE /", b"PUT /", b"PATCH /"))

    def alert(self, **labels: str) -> str:
        """Raise an alert of this test's own; its row."""
        self.server.alert(self.name, **labels)
        return key_of({"alertname": self.name} | labels)

    def silences(self, state: str = "active") -> list[Mapping[str, Any]]:
        """The silences of this test's alerts."""
        told = self.server.get("/api/v2/silences")
        return [
            one
            for one in told
            if one["status"]["state"] == state and any(matcher["value"] == self.name for matcher in one["matchers"])
        ]

    def states(self) -> list[str]:
        """The states of this test's alerts."""
        return [one["status"]["state"] for one in self.server.get("/api/v2/alerts", filter=f"alertname={self.name}")]

    def end_alert(self, **labels: str) -> None:
        """The alert is over, as its Prometheus would say."""
        past = "2020-01-01T00:00:00Z"
        told = {"labels": {"alertname": self.name} | labels, "startsAt": past, "endsAt": past}
        self.server._post("/api/v2/alerts", [told])

    async def do(
        self,
        action: str,
        *subjects: str,
        number: int | None = None,
        between: Callable[[Plan], object] = lambda plan: None,
    ) -> Performed:
        return await perform(self.actuator, Request(action, subjects, number), between)


@contextmanager
def reached(server: Alertmanager, grafana: bool) -> Iterator[int]:
    """The port to connect to: the Alertmanager's own, or that of a Grafana before it."""
    if not grafana:
        yield server.port
        return
    with fake_grafana() as front:
        front.upstream = server.url
        front.token = ""
        yield front.port


@pytest.fixture(params=["alertmanager", "grafana"])
async def stage(request: pytest.FixtureRequest, alertmanager: Alertmanager) -> AsyncIterator[Stage]:
    grafana = request.param == "grafana"
    with reached(alertmanager, grafana) as port, FaultProxy(port) as proxy:
        found = Stage(alertmanager, proxy, grafana)
        yield found
        await found.actuator.close()
        await found.actuator.close()


@pytest.fixture
async def plain(alertmanager: Alertmanager) -> AsyncIterator[Stage]:
    with FaultProxy(alertmanager.port) as proxy:
        found = Stage(alertmanager, proxy, False)
        yield found
        await found.actuator.close()


def one(done: Performed) -> tuple[Outcome, Verdict]:
    assert len(done.outcomes) == len(done.verdicts) == 1
    return done.outcomes[0], done.verdicts[0]


def words(things: Any) -> str:
    return " | ".join(map(str, things))


async def until(true: Callable[[], Any], within: float = 40.0) -> None:
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.05)


def soon_true(true: Callable[[], bool]) -> None:
    wait_until(true, 30)


# for real


@pytest.mark.engine
async def test_an_alert_is_silenced_once_until_a_set_time_and_seen_to_be_silent(stage: Stage) -> None:
    key = stage.alert(severity="critical", instance="web-1:9100")
    before = datetime.now(UTC)
    done = await stage.do("silence", key, number=30)
    outcome, verdict = one(done)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    (made,) = stage.silences()
    ends = datetime.fromisoformat(made["endsAt"])
    assert ends == done.plan.due
    assert timedelta(minutes=29, seconds=58) <= ends - before <= timedelta(minutes=30, seconds=30)
    assert made["createdBy"] == "anna"
    assert made["comment"] == f"opsroom act {ACT} by anna"
    assert {(one["name"], one["value"], one["isRegex"], one["isEqual"]) for one in made["matchers"]} == {
        ("alertname", stage.name, False, True),
        ("severity", "critical", False, True),
        ("instance", "web-1:9100", False, True),
    }
    assert stage.states() == ["suppressed"]
    assert stage.changes == 1
    assert "in force until" in str(verdict.words)
    assert dict(outcome.facts)["silence"] == made["id"]


@pytest.mark.engine
async def test_the_plan_says_until_when_what_matches_now_and_that_it_ends_by_itself(stage: Stage) -> None:
    key = stage.alert(severity="critical", instance="web-1")
    stage.alert(severity="critical", instance="web-1", pod="b")
    plan = await stage.actuator.plan(Request("silence", (key,), 90))
    (subject,) = plan.subjects
    assert plan.due is not None
    assert f"{plan.due:%Y-%m-%d %H:%M:%S} UTC" in str(subject.after)
    assert "matches 2 alerts now" in words(subject.felt)
    assert "pod=b" in words(subject.felt)
    assert "nothing more goes to nobody" in words(subject.felt)
    assert "fires again stays silent too" in words(plan.notes)
    assert "ends by itself" in words(plan.notes)
    assert "ends by itself" in str(plan.undo)
    assert plan.reverse is None
    assert plan.danger is Danger.DISRUPTIVE
    assert ("--duration=90m" in plan.command[0]) is (plan.kind == "alertmanager")
    assert plan.command[0].startswith("amtool silence add" if plan.kind == "alertmanager" else "curl -fsS -X POST")
    assert stage.changes == 0


@pytest.mark.engine
async def test_local_time_stands_beside_utc(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    key = stage.alert()
    monkeypatch.setenv("TZ", "XST-05:30")
    time.tzset()
    try:
        plan = await stage.actuator.plan(Request("silence", (key,), 60))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert plan.due is not None
    there = plan.due + timedelta(hours=5, minutes=30)
    assert f"({there:%H:%M} XST)" in str(plan.subjects[0].after)


@pytest.mark.engine
async def test_several_rows_are_several_silences(stage: Stage) -> None:
    keys = [stage.alert(instance=name) for name in ("a", "b", "c")]
    done = await stage.do("silence", *keys, number=5)
    assert [outcome.result for outcome in done.outcomes] == [Result.DONE] * 3
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED] * 3
    assert len(stage.silences()) == stage.changes == 3
    assert len(done.plan.command) == 3


@pytest.mark.engine
async def test_labels_with_every_kind_of_sign_are_matched_exactly(stage: Stage) -> None:
    odd = 'a "quoted" \\ back, {braces} =~ né\n\x1b[2J end '
    key = stage.alert(path=odd)
    assert "\x1b" not in key
    outcome, verdict = one(await stage.do("silence", key, number=5))
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    (made,) = stage.silences()
    assert {one["value"] for one in made["matchers"]} == {stage.name, odd}


@pytest.mark.engine
async def test_a_second_silence_for_a_silenced_alert_is_refused(stage: Stage) -> None:
    key = stage.alert(instance="a")
    await stage.do("silence", key, number=30)
    plan = await stage.actuator.plan(Request("silence", (key,), 30))
    (subject,) = plan.subjects
    assert subject.barred
    assert "it is silenced already, by anna until" in str(subject.spared)
    assert plan.chosen == ()
    assert plan.due is None
    assert stage.changes == 1


@pytest.mark.engine
async def test_one_that_somebody_silenced_meanwhile_is_left_alone(stage: Stage) -> None:
    key = stage.alert(instance="a")

    def meanwhile(plan: Plan) -> None:
        soon = (datetime.now(UTC) + timedelta(minutes=9)).isoformat()
        stage.server.silence({"alertname": stage.name}, until=soon)

    done = await stage.do("silence", key, number=30, between=meanwhile)
    assert [outcome.result for outcome in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked: told -> silenced by somebody" in str(done.outcomes[0].words)
    assert (done.sent, stage.changes) == ([], 0)


@pytest.mark.engine
async def test_a_silence_is_ended_and_its_alerts_are_told_again(stage: Stage) -> None:
    key = stage.alert(instance="a")
    await stage.do("silence", key, number=30)
    (made,) = stage.silences()
    done = await stage.do("unsilence", made["id"])
    outcome, verdict = one(done)
    assert (outcome.result, verdict.truth) == (Result.DONE, Truth.CONFIRMED)
    assert stage.silences() == []
    assert stage.states() == ["active"]
    (subject,) = done.plan.subjects
    assert "1 alert told again" in words(subject.felt)
    assert "active, by anna" in str(subject.before)
    assert stage.proxy.seen(f"/api/v2/silence/{made['id']}".encode()) >= 2
    assert stage.changes == 2
    assert done.plan.danger is Danger.REVERSIBLE
    again = await stage.actuator.plan(Request("unsilence", (made["id"],)))
    assert again.subjects[0].barred
    assert "ended already" in str(again.subjects[0].spared)


@pytest.mark.engine
async def test_it_ends_by_itself_and_a_later_look_says_so(alertmanager: Alertmanager) -> None:
    with FaultProxy(alertmanager.port) as proxy:
        stage = Stage(alertmanager, proxy, False)
        key = stage.alert(instance="a")
        plan = await stage.actuator.plan(Request("silence", (key,), 1))
        assert plan.due is not None
        soon = replace(plan, due=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2))
        outcome = await carried_out(stage.actuator, soon, plan.subjects[0], [])
        assert outcome.result is Result.DONE
        await until(lambda: stage.silences("expired"))
        verdict = await stage.actuator.verify(plan, plan.subjects[0], outcome, LATER)
        assert verdict.truth is Truth.CONFIRMED
        assert "it was made, and it is over since" in str(verdict.words)
        await stage.actuator.close()


@pytest.mark.engine
async def test_one_that_somebody_ended_early_is_refuted(plain: Stage) -> None:
    key = plain.alert(instance="a")
    done = await plain.do("silence", key, number=30)
    (made,) = plain.silences()
    await plain.do("unsilence", made["id"])
    verdict = await plain.actuator.verify(done.plan, done.plan.subjects[0], done.outcomes[0], 3.0)
    assert verdict.truth is Truth.REFUTED
    assert "somebody ended it" in str(verdict.words)


# the wrong target


@pytest.mark.engine
async def test_an_alert_that_is_over_is_not_silenced(stage: Stage) -> None:
    key = stage.alert(instance="a")

    def over(plan: Plan) -> None:
        stage.end_alert(instance="a")
        soon_true(lambda: stage.states() == [])

    done = await stage.do("silence", key, number=30, between=over)
    assert [outcome.result for outcome in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked: firing -> no such alert fires any more" in str(done.outcomes[0].words)
    assert (done.sent, stage.changes) == ([], 0)
    with pytest.raises(ProbeError) as caught:
        await stage.actuator.plan(Request("silence", (key,), 30))
    assert caught.value.cause is Cause.GONE


@pytest.mark.engine
async def test_an_alert_that_fired_anew_is_another_one(stage: Stage) -> None:
    key = stage.alert(instance="a")

    def anew(plan: Plan) -> None:
        stage.end_alert(instance="a")
        soon_true(lambda: stage.states() == [])
        stage.alert(instance="a")

    done = await stage.do("silence", key, number=30, between=anew)
    assert [outcome.result for outcome in done.outcomes] == [Result.REFUSED]
    assert "ended, and again since" in str(done.outcomes[0].words)
    assert stage.changes == 0


@pytest.mark.engine
async def test_more_alerts_than_were_seen_are_not_silenced(stage: Stage) -> None:
    key = stage.alert()
    done = await stage.do("silence", key, number=30, between=lambda plan: stage.alert(instance="new"))
    assert [outcome.result for outcome in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked: 1 alert -> 2 alerts with these labels" in str(done.outcomes[0].words)
    assert stage.changes == 0


@pytest.mark.engine
async def test_a_silence_that_somebody_changed_or_ended_is_left_alone(plain: Stage) -> None:
    plain.alert(instance="a")
    soon, late = ((datetime.now(UTC) + timedelta(minutes=one)).isoformat() for one in (9, 99))
    id = plain.server.silence({"alertname": plain.name}, until=soon)
    told = plain.server.get(f"/api/v2/silence/{id}")
    body = {name: told[name] for name in ("id", "matchers", "startsAt", "createdBy", "comment")} | {"endsAt": late}
    done = await plain.do("unsilence", id, between=lambda plan: plain.server._post("/api/v2/silences", body))
    assert "changed since you looked: somebody changed it meanwhile" in str(done.outcomes[0].words)
    other = acting_on(plain.server.port)
    plan = await plain.actuator.plan(Request("unsilence", (id,)))
    await perform(other, Request("unsilence", (id,)))
    await other.close()
    outcome = await carried_out(plain.actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    assert "active -> expired" in str(outcome.words)
    assert plain.changes == 0


@pytest.mark.engine
async def test_a_target_that_means_another_address_now_is_refused(plain: Stage) -> None:
    key = plain.alert()
    plan = await plain.actuator.plan(Request("silence", (key,), 30))
    other = replace(plan, pin=(("alertmanager", "http://elsewhere:9093"),))
    outcome = await carried_out(plain.actuator, other, plan.subjects[0], [])
    assert (outcome.result, plain.changes) == (Result.REFUSED, 0)


@pytest.mark.engine
async def test_an_end_that_has_passed_silences_nothing(plain: Stage) -> None:
    key = plain.alert()
    plan = await plain.actuator.plan(Request("silence", (key,), 30))
    old = replace(plan, due=datetime.now(UTC) - timedelta(seconds=1))
    outcome = await carried_out(plain.actuator, old, plan.subjects[0], [])
    assert (outcome.result, plain.changes) == (Result.REFUSED, 0)


# what is not asked for rightly


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("silence", ('alertname="x"',), None), "1 to 1440 minutes"),
        (Request("silence", ('alertname="x"',), 0), "1 to 1440 minutes"),
        (Request("silence", ('alertname="x"',), 1441), "1 to 1440 minutes"),
        (Request("silence", (), 5), "choose alerts"),
        (Request("silence", tuple(f'alertname="{n}"' for n in range(101)), 5), "100 at most"),
        (Request("unsilence", ("x",), 5), "no such action"),
        (Request("purge", ("x",)), "no such action"),
    ],
)
async def test_what_has_no_end_or_no_target_is_not_even_looked_at(request_: Request, says: str) -> None:
    actuator = acting_on(1)
    with pytest.raises(ProbeError, match=says) as caught:
        await actuator.plan(request_)
    assert caught.value.cause is Cause.MISSING
    await actuator.close()


async def test_an_acknowledge_is_refused_with_what_to_do_instead() -> None:
    actuator = acting_on(1, grafana=True)
    with pytest.raises(ProbeError, match="Grafana has no acknowledge"):
        await actuator.plan(Request("acknowledge", ("1",)))
    assert "acknowledge" not in {action.name for action in actuator.actions}
    await actuator.close()


@pytest.mark.engine
async def test_rows_that_are_no_alert_and_no_silence_are_gone(plain: Stage) -> None:
    for wrong in (Request("silence", ("Down",), 5), Request("unsilence", ("../status",)), Request("unsilence", (ACT,))):
        with pytest.raises(ProbeError) as caught:
            await plain.actuator.plan(wrong)
        assert caught.value.cause is Cause.GONE


# a connection that breaks


@pytest.mark.engine
@pytest.mark.parametrize(
    ("mode", "is_done"),
    [
        (Mode.LOSE, True),
        (Mode.TRUNCATE, True),
        (Mode.RESET_LATER, True),
        (Mode.DRIP, True),
        (Mode.RESET, False),
        (Mode.CLOSE, False),
        (Mode.GARBAGE, False),
        (Mode.HTML, False),
        (Mode.SILENT, False),
    ],
)
@pytest.mark.parametrize("action", ["silence", "unsilence"])
@pytest.mark.once
async def test_a_broken_connection_costs_one_request_and_leaves_the_truth_to_a_look(
    stage: Stage, action: str, mode: Mode, is_done: bool
) -> None:
    key = stage.alert(instance="a")
    verb = b"POST /" if action == "silence" else b"DELETE /"
    if action == "unsilence":
        soon = (datetime.now(UTC) + timedelta(minutes=9)).isoformat()
        key = stage.server.silence({"alertname": stage.name}, until=soon)
    plan = await stage.actuator.plan(Request(action, (key,), 30 if action == "silence" else None))
    stage.proxy.become(mode, when=verb)
    sent: list[str] = []
    outcome = await carried_out(stage.actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.UNKNOWN, [key])
    assert dict(outcome.facts)["act"] == ACT
    assert stage.changes == 1
    stage.actuator.abort()
    await until(lambda: stage.proxy.open == 0)  # what it held back shall not go on afterwards
    stage.proxy.become(Mode.PASS)
    verdict = await settled(stage.actuator, plan, plan.subjects[0], outcome) if is_done else None
    verdict = verdict or await stage.actuator.verify(plan, plan.subjects[0], outcome, LATER)
    assert verdict.truth is (Truth.CONFIRMED if is_done else Truth.REFUTED)
    assert stage.changes == 1
    assert len(stage.silences()) == ((action == "silence") == is_done)


@pytest.mark.engine
async def test_while_it_may_still_come_the_look_says_so(stage: Stage) -> None:
    key = stage.alert(instance="a")
    plan = await stage.actuator.plan(Request("silence", (key,), 30))
    lost = Outcome(Result.UNKNOWN, SafeText("no answer"), (("act", ACT),))
    verdict = await stage.actuator.verify(plan, plan.subjects[0], lost, 1.0)
    assert verdict.truth is Truth.PENDING
    assert "no silence with this act's id; it may still come, 1 of 10 s" in str(verdict.words)


@pytest.mark.engine
async def test_a_later_session_finds_the_silence_without_an_outcome(plain: Stage) -> None:
    key = plain.alert(instance="a")
    plan = await plain.actuator.plan(Request("silence", (key,), 30))
    drawn = f"{int(datetime.now(UTC).timestamp() * 1000):012x}"
    act = f"{drawn[:8]}-{drawn[8:]}-7000-8000-000000000007"

    async def sending() -> None:
        return None

    await plain.actuator.carry_out(plan, plan.subjects[0], act, sending)
    later = acting_on(plain.server.port)
    nothing = Outcome(Result.UNKNOWN, SafeText("no outcome was recorded"))
    verdict = await later.verify(replace(plan, due=None), plan.subjects[0], nothing, LATER)
    assert verdict.truth is Truth.CONFIRMED
    other = Outcome(Result.UNKNOWN, SafeText("no answer"), (("act", ACT),))
    assert (await later.verify(plan, plan.subjects[0], other, LATER)).truth is Truth.REFUTED
    too_new = replace(plan, looked_at=plan.looked_at + timedelta(hours=1))
    assert (await later.verify(too_new, plan.subjects[0], nothing, LATER)).truth is Truth.REFUTED
    await later.close()


@pytest.mark.engine
async def test_a_server_that_refuses_the_connection_is_asked_nothing(stage: Stage) -> None:
    key = stage.alert(instance="a")
    done = await stage.do("silence", key, number=5, between=lambda plan: stage.proxy.become(Mode.REFUSE))
    assert [outcome.result for outcome in done.outcomes] == [Result.FAILED]
    assert (done.sent, stage.changes) == ([], 0)


@pytest.mark.engine
async def test_cutting_it_ends_a_request_that_waits(stage: Stage) -> None:
    key = stage.alert(instance="a")
    plan = await stage.actuator.plan(Request("silence", (key,), 5))
    stage.proxy.become(Mode.SILENT, when=b"POST /")
    sent: list[str] = []
    task = asyncio.create_task(carried_out(stage.actuator, plan, plan.subjects[0], sent))
    await until(lambda: stage.changes)
    stage.actuator.abort()
    async with asyncio.timeout(15):
        outcome = await task
    assert (outcome.result, sent) == (Result.UNKNOWN, [key])


# what Grafana answers


@contextmanager
def grafana(alertmanager: Alertmanager) -> Iterator[FakeGrafana]:
    with fake_grafana() as server:
        server.upstream = alertmanager.url
        yield server


@pytest.mark.engine
@pytest.mark.parametrize(
    ("part", "result", "says"),
    [("denied", Result.FAILED, "does not allow us this"), ("broken", Result.UNKNOWN, "HTTP 500"),
     ("gone", Result.FAILED, "knows no such path")],
)  # fmt: skip
async def test_what_grafana_says_no_to_is_said(
    alertmanager: Alertmanager, part: str, result: Result, says: str
) -> None:
    name = f"Alert{next(NUMBERS)}"
    alertmanager.alert(name)
    with grafana(alertmanager) as server:
        actuator = acting_on(server.port, grafana=True, token="env:T")
        server.token = "a-test-password"
        plan = await actuator.plan(Request("silence", (key_of({"alertname": name}),), 5))
        getattr(server, part).add("/v2/silences")  # which a plan reads, and carrying it out only posts to
        outcome = await carried_out(actuator, plan, plan.subjects[0], [])
        assert outcome.result is result
        assert says in str(outcome.words)
        assert "a-test-password" not in repr(outcome)
        assert sum(method == "POST" for method, _ in server.asked) == 1
        await actuator.close()


@pytest.mark.engine
async def test_a_wrong_token_is_a_failure_before_anything_is_sent(alertmanager: Alertmanager) -> None:
    with grafana(alertmanager) as server:
        server.token = "another"
        actuator = acting_on(server.port, grafana=True, token="env:T")
        with pytest.raises(ProbeError) as caught:
            await actuator.plan(Request("silence", ('alertname="x"',), 5))
        assert caught.value.cause is Cause.AUTH
        assert "a-test-password" not in str(caught.value)
        await actuator.close()


async def test_the_rights_of_a_token_are_told_by_grafana_itself() -> None:
    with fake_grafana() as server:
        actuator = acting_on(server.port, grafana=True, token="env:T")
        server.permissions = {
            name: ["folders:*"]
            for name in ("alert.instances:read", "alert.silences:create", "annotations:read", "dashboards:write")
        }
        found = {right.name: right for right in await actuator.rights()}
        assert found["read alerts and silences"].grant is Grant.HELD
        assert found["make silences"].grant is Grant.HELD
        assert found["end silences"].grant is Grant.MISSING
        assert "alert.silences:write" in str(found["end silences"].remedy)
        assert found["change dashboards"].grant is Grant.EXCESS
        assert "change data sources" not in found
        server.permissions = None
        assert {right.grant for right in await actuator.rights()} == {Grant.UNKNOWN}
        server.token = "another"
        assert {right.grant for right in await actuator.rights()} == {Grant.MISSING}
        assert {method for method, _ in server.asked} == {"GET"}
        await actuator.close()


@pytest.mark.engine
async def test_an_alertmanager_divides_no_rights_and_nothing_is_posted_to_find_out(plain: Stage) -> None:
    found = {right.name: right.grant for right in await plain.actuator.rights()}
    assert found["read alerts and silences"] is Grant.HELD
    assert found["make silences"] is found["end silences"] is Grant.UNKNOWN
    assert plain.changes == 0


# offers


@pytest.mark.engine
async def test_what_is_offered_fits_the_rows(new_alertmanager: Callable[..., Alertmanager]) -> None:
    server = new_alertmanager()
    server.alert("Loud")
    server.alert("Quiet")
    soon = (datetime.now(UTC) + timedelta(minutes=9)).isoformat()
    id = server.silence({"alertname": "Quiet"}, until=soon)
    settings = AlertmanagerSettings.model_validate({"url": server.url})
    probe = AlertmanagerProbe(Target("am", "alertmanager", settings), Context(Words()))
    facts: AlertsFacts = (await probe.read()).facts
    await probe.close()
    actuator = acting_on(server.port)
    loud, quiet = key_of({"alertname": "Loud"}), key_of({"alertname": "Quiet"})

    def offered(*subjects: str) -> list[tuple[str, str]]:
        return [(offer.action.name, offer.refused) for offer in actuator.offers(facts, subjects)]

    assert offered(loud) == [("silence", "")]
    assert offered(quiet) == [("silence", "it is silenced already")]
    assert offered(loud, quiet) == [("silence", "")]
    assert offered(id) == [("unsilence", "")]
    assert {refused for _, refused in offered(loud, id)} == {"alerts and silences are chosen together"}
    assert offered("gone") == []
    await actuator.close()


# a thousand


@pytest.mark.engine
async def test_a_thousand_alerts_are_one_silence_and_a_bounded_plan(
    new_alertmanager: Callable[..., Alertmanager],
) -> None:
    server = new_alertmanager()
    server._post("/api/v2/alerts", [{"labels": {"alertname": "Storm", "pod": f"p{n}"}} for n in range(1000)])
    actuator = acting_on(server.port)
    key = key_of({"alertname": "Storm"})
    done = await perform(actuator, Request("silence", (key,), 10))
    (subject,) = done.plan.subjects
    assert "matches 1000 alerts now" in words(subject.felt)
    assert "and 995 more" in words(subject.felt)
    assert len(json.dumps([str(one) for one in (*subject.felt, subject.name, subject.before)])) < 1000
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED]
    assert "1000 silent" in str(done.verdicts[0].words)
    await actuator.close()


# the real amtool and curl


@pytest.mark.engine
@pytest.mark.parametrize("way", ["alertmanager", "grafana"])
def test_the_line_that_is_shown_does_the_same_in_a_shell(alertmanager: Alertmanager, way: str) -> None:
    obtain("alerting", lambda: places.needed("amtool" if way == "alertmanager" else "curl"))
    with reached(alertmanager, way == "grafana") as port:
        actuator = acting_on(port, grafana=way == "grafana")
        name = f"Alert{next(NUMBERS)}"
        odd = {"alertname": name, "path": 'a b "c" \\d', "instance": "web-1:9100"}
        alertmanager.alert(**({"name": odd.pop("alertname")} | odd))
        key = key_of({"alertname": name} | odd)
        line = actuator.render(Request("silence", (key,), 30))
        author = " --author=test" if way == "alertmanager" else ""
        done = subprocess.run(["sh", "-c", line + author], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        id = done.stdout.strip() if way == "alertmanager" else json.loads(done.stdout)["silenceID"]
        made = alertmanager.get(f"/api/v2/silence/{id}")
        assert {one["name"]: one["value"] for one in made["matchers"]} == {"alertname": name} | odd
        ended = subprocess.run(["sh", "-c", actuator.render(Request("unsilence", (id,)))], timeout=20)
        assert ended.returncode == 0
        assert alertmanager.get(f"/api/v2/silence/{id}")["status"]["state"] == "expired"


def test_grafana_is_reached_below_its_own_path() -> None:
    assert GrafanaActuator.prefix == ALERTMANAGER == "/api/alertmanager/grafana"
