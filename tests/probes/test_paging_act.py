"""Acting on PagerDuty's incidents and Sentry's issues: each request once, seen to be true, refused when it moved."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.alerting.act_hosted import HostedActuator
from probes.alerting.pagerduty.act import PagerDutyActuator
from probes.alerting.pagerduty.probe import PagerDutyProbe
from probes.alerting.pagerduty.settings import PagerDutySettings
from probes.alerting.sentry.act import SentryActuator
from probes.alerting.sentry.probe import SentryProbe
from probes.alerting.sentry.settings import SentrySettings
from probes.base import (
    Cause,
    Context,
    Grant,
    Plan,
    ProbeError,
    Request,
    Result,
    Target,
    Truth,
)
from tests.probes.acting import ACT, carried_out, comes_back, perform, settled
from tests.probes.fakepaging import (
    BO,
    TOKEN,
    FakePagerDuty,
    FakeSentry,
    FakeService,
    error,
    incident,
    issue,
    on_call,
    serving,
    stamp,
)
from tests.probes.rigs import TestSecrets
from tests.stack.faultproxy import FaultProxy, Mode

LATER = 1000.0
"""Seconds after which nothing more comes by itself."""
ID, SHOP = "PT4KH01", "4500000001"
ANNA = "anna@acme.example"


def pagerduty(url: str, **more: Any) -> PagerDutyActuator:
    made = PagerDutySettings.model_validate({"url": url, "token": "env:T", "timeout": 3, "sender": ANNA} | more)
    return PagerDutyActuator(Target("paging", "pagerduty", made), Context(TestSecrets(), operator="anna"))


def sentry(url: str, **more: Any) -> SentryActuator:
    given_settings = {"url": url, "token": "env:T", "timeout": 3, "organization": "acme"} | more
    made = SentrySettings.model_validate(given_settings)
    return SentryActuator(Target("shop", "sentry", made), Context(TestSecrets(), operator="anna"))


class Stage:
    """A service behind a proxy that counts and breaks, and an actuator that reaches it there."""

    def __init__(self, server: FakeService, proxy: FaultProxy, actuator: HostedActuator[Any]) -> None:
        self.server = server
        self.proxy = proxy
        self.actuator = actuator

    @property
    def changes(self) -> int:
        """Requests at the wire that could have changed something."""
        return sum(self.proxy.seen(verb) for verb in (b"POST /", b"DELETE /", b"PUT /", b"PATCH /"))


@asynccontextmanager
async def staged(server: FakeService, **settings: Any) -> AsyncIterator[Stage]:
    with serving(server), FaultProxy(server.port) as proxy:
        made = pagerduty if isinstance(server, FakePagerDuty) else sentry
        found = Stage(server, proxy, made(f"http://127.0.0.1:{proxy.port}", **settings))
        try:
            yield found
        finally:
            await found.actuator.close()
            await found.actuator.close()


ACTS = [
    (FakePagerDuty, Request("acknowledge", (ID,)), "acknowledged, by Anna Berg"),
    (FakePagerDuty, Request("resolve", (ID,)), "resolved"),
    (FakePagerDuty, Request("escalate", (ID,), 2), "triggered, waits for Bo Dahl"),
    (FakePagerDuty, Request("note", (ID,), word="worker restarted, it is draining"), "the note is there"),
    (FakeSentry, Request("resolve", (SHOP,)), "resolved"),
    (FakeSentry, Request("archive", (SHOP,), 90), "archived until"),
    (FakeSentry, Request("assign", (SHOP,), word="bo@acme.example"), "Bo's"),
]
SENT: dict[str, Any] = {
    "acknowledge": {"incident": {"type": "incident_reference", "status": "acknowledged"}},
    "escalate": {"incident": {"type": "incident_reference", "escalation_level": 2}},
    "note": {"note": {"content": "worker restarted, it is draining"}},
    "archive": {"status": "ignored", "statusDetails": {"ignoreDuration": 90}},
    "assign": {"assignedTo": "bo@acme.example"},
}


@pytest.mark.parametrize(("made", "request_", "says"), ACTS)
async def test_each_act_is_one_request_and_seen_to_be_true(
    made: Callable[[], FakeService], request_: Request, says: str
) -> None:
    async with staged(made()) as stage:
        done = await perform(stage.actuator, request_)
        (outcome,), (verdict,) = done.outcomes, done.verdicts
        assert (outcome.result, done.sent) == (Result.DONE, list(request_.subjects))
        assert dict(outcome.facts)["act"] == ACT
        assert verdict.truth is Truth.CONFIRMED, verdict
        assert says in str(verdict.words)
        assert stage.changes == 1
        ((_, _, body),) = stage.server.changed()
        assert body == SENT.get(request_.action, body)
        assert TOKEN not in repr(done.plan)


MOVED: list[tuple[Callable[[], Any], Request, Callable[[Any], None], str]] = [
    (FakePagerDuty, Request("acknowledge", (ID,)), lambda s: s.incidents[0].update(status="acknowledged"),
     "status triggered -> acknowledged"),
    (FakePagerDuty, Request("resolve", (ID,)),
     lambda s: s.incidents[0].update(last_status_change_at="2026-01-01T00:00:00Z"),
     "since "),
    (FakePagerDuty, Request("escalate", (ID,), 2), lambda s: s.incidents[0].update(assignments=[{"assignee": BO}]),
     "assigned PXPGF42 -> PUSER77"),
    (FakePagerDuty, Request("note", (ID,), word="x"), lambda s: s.incidents.clear(), "the incident is gone"),
    (FakeSentry, Request("resolve", (SHOP,)), lambda s: s.issues[0].update(status="ignored"),
     "status unresolved -> archived"),
    (FakeSentry, Request("assign", (SHOP,), word="bo@acme.example"),
     lambda s: s.issues[0].update(assignedTo={"type": "user", "name": "Cleo"}), "assigned nobody -> Cleo"),
    (FakeSentry, Request("archive", (SHOP,), 30), lambda s: s.issues.clear(), "the issue is gone"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "request_", "move", "says"), MOVED)
async def test_what_has_moved_since_the_look_is_left_alone(
    made: Callable[[], FakeService], request_: Request, move: Callable[[Any], None], says: str
) -> None:
    async with staged(made()) as stage:
        done = await perform(stage.actuator, request_, lambda plan: move(stage.server))
        (outcome,) = done.outcomes
        assert (outcome.result, done.sent, stage.changes) == (Result.REFUSED, [], 0)
        assert str(outcome.words).startswith("changed since you looked: ")
        assert says in str(outcome.words)


@pytest.mark.parametrize(
    ("mode", "is_done"),
    [
        (Mode.LOSE, True),
        (Mode.RESET_LATER, True),
        (Mode.RESET, False),
        (Mode.CLOSE, False),
        (Mode.GARBAGE, False),
        (Mode.HTML, False),
        (Mode.SILENT, False),
    ],
)
@pytest.mark.parametrize(("made", "request_", "says"), [ACTS[0], ACTS[3], ACTS[4]])
@pytest.mark.once
async def test_a_broken_connection_costs_one_request_and_leaves_the_truth_to_a_look(
    made: Callable[[], FakeService], request_: Request, says: str, mode: Mode, is_done: bool
) -> None:
    async with staged(made(), timeout=4.0) as stage:
        plan = await stage.actuator.plan(request_)
        stage.proxy.become(mode, when=b"POST /" if request_.action == "note" else b"PUT /")
        sent: list[str] = []
        outcome = await carried_out(stage.actuator, plan, plan.subjects[0], sent)
        assert (outcome.result, sent) == (Result.UNKNOWN, list(request_.subjects))
        assert stage.changes == 1
        stage.actuator.abort()
        await until(lambda: stage.proxy.open == 0)
        stage.proxy.become(Mode.PASS)
        verdict = await stage.actuator.verify(plan, plan.subjects[0], outcome, LATER)
        assert verdict.truth is (Truth.CONFIRMED if is_done else Truth.REFUTED), verdict
        assert stage.changes == 1
        early = await stage.actuator.verify(plan, plan.subjects[0], outcome, 0.5)
        assert early.truth is (Truth.CONFIRMED if is_done else Truth.PENDING)


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


REFUSALS = [
    (FakePagerDuty, Request("acknowledge", (ID,)), f"/incidents/{ID}",
     (400, error("Incident Already Resolved", 1001), {}), Result.FAILED, "Incident Already Resolved"),
    (FakePagerDuty, Request("acknowledge", (ID,)), f"/incidents/{ID}",
     (403, error("Access Denied", 2010), {}), Result.FAILED, "Access Denied"),
    (FakePagerDuty, Request("acknowledge", (ID,)), f"/incidents/{ID}",
     (429, error("Rate Limit Exceeded", 2020), {"ratelimit-reset": "20"}), Result.FAILED, "asked too often, until"),
    (FakePagerDuty, Request("acknowledge", (ID,)), f"/incidents/{ID}",
     (500, error("An internal error", 2000), {}), Result.UNKNOWN, "HTTP 500: An internal error"),
    (FakeSentry, Request("resolve", (SHOP,)), f"/api/0/organizations/acme/issues/{SHOP}/",
     (403, {"detail": "You do not have permission to perform this action."}, {}), Result.FAILED, "do not have perm"),
    (FakeSentry, Request("resolve", (SHOP,)), f"/api/0/organizations/acme/issues/{SHOP}/",
     (200, b"<html>", {}), Result.UNKNOWN, "a web page answered"),
]  # fmt: skip


@pytest.mark.parametrize(("made", "request_", "path", "answer", "result", "says"), REFUSALS)
async def test_what_a_service_says_no_to_is_said(
    made: Callable[[], FakeService], request_: Request, path: str, answer: Any, result: Result, says: str
) -> None:
    server = made()
    async with staged(server) as stage:
        plan = await stage.actuator.plan(request_)
        server.refused[path] = answer
        outcome = await carried_out(stage.actuator, plan, plan.subjects[0], [])
        assert (outcome.result, says in str(outcome.words)) == (result, True), outcome
        assert stage.changes == 1


# PagerDuty's own


async def test_it_is_done_in_the_senders_name_or_in_that_of_the_tokens_own_user() -> None:
    async with staged(FakePagerDuty()) as stage:
        await perform(stage.actuator, Request("acknowledge", (ID,)))
        assert stage.server.seen[-2]["from"] == ANNA
    server = FakePagerDuty()
    server.user_token = True
    async with staged(server, sender=None) as stage:
        done = await perform(stage.actuator, Request("acknowledge", (ID,)))
        assert done.verdicts[0].truth is Truth.CONFIRMED
        assert all("from" not in headers for headers in server.seen)
    async with staged(FakePagerDuty(), sender=None) as stage:
        with pytest.raises(ProbeError, match="belongs to no user") as caught:
            await stage.actuator.plan(Request("acknowledge", (ID,)))
        assert (caught.value.cause, "set sender" in str(caught.value.hint)) == (Cause.DENIED, True)
        assert stage.changes == 0


async def test_several_incidents_are_several_requests_and_what_is_held_already_is_spared() -> None:
    server = FakePagerDuty()
    server.incidents = [incident(1), incident(2, status="acknowledged"), incident(3)]
    async with staged(server) as stage:
        done = await perform(stage.actuator, Request("acknowledge", (ID, "PT4KH02", "PT4KH03")))
        assert [str(one.spared) for one in done.plan.subjects] == ["", "Anna Berg has it in hand already", ""]
        assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
        assert stage.changes == 2
        assert len(done.plan.command) == 2


async def test_the_plan_says_who_feels_it_and_in_whose_name() -> None:
    async with staged(FakePagerDuty()) as stage:
        plan = await stage.actuator.plan(Request("resolve", (ID,)))
        (one,) = plan.subjects
        assert str(one.before).startswith("triggered, waits for Anna Berg, open for 12")
        assert [str(words) for words in one.felt] == ["Anna Berg is told no more; 2 of its alerts still fire"]
        assert any("a new incident may be opened" in str(note) for note in plan.notes)
        assert any(ANNA in str(note) for note in plan.notes)
        escalate = await stage.actuator.plan(Request("escalate", (ID,), 2))
        assert "level 2 of Mail people is told now" in str(escalate.subjects[0].felt[0])


async def test_a_level_without_anybody_is_refused_by_pagerduty_and_said() -> None:
    server = FakePagerDuty()
    server.on_calls = [on_call()]
    async with staged(server) as stage:
        done = await perform(stage.actuator, Request("escalate", (ID,), 3))
        assert (done.outcomes[0].result, "Cannot Escalate" in str(done.outcomes[0].words)) == (Result.FAILED, True)


async def test_a_note_that_was_there_before_is_not_taken_for_ours() -> None:
    server = FakePagerDuty()
    old = stamp(datetime.now(UTC) - timedelta(hours=2))
    server.notes[ID] = [{"id": "PN9", "content": "seen", "created_at": old}]
    async with staged(server) as stage:
        plan = await stage.actuator.plan(Request("note", (ID,), word="seen"))
        stage.proxy.become(Mode.CLOSE, when=b"POST /")
        outcome = await carried_out(stage.actuator, plan, plan.subjects[0], [])
        stage.proxy.become(Mode.PASS)
        verdict = await stage.actuator.verify(plan, plan.subjects[0], outcome, LATER)
        assert verdict.truth is Truth.REFUTED


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("escalate", (ID,)), "to which level"),
        (Request("escalate", (ID,), 99), "to which level"),
        (Request("note", (ID,)), "a note needs words"),
        (Request("note", (ID,), word="a\nb"), "a note needs words"),
        (Request("resolve"), "choose incidents"),
        (Request("merge", (ID,)), "no such action"),
        (Request("resolve", ("../users",)), "there is no incident"),
        (Request("resolve", ("PGONE",)), "there is no incident PGONE any more"),
    ],
)
async def test_what_can_not_be_meant_on_an_incident_has_words(request_: Request, says: str) -> None:
    async with staged(FakePagerDuty()) as stage:
        with pytest.raises(ProbeError, match=says):
            await stage.actuator.plan(request_)
        assert stage.changes == 0


# Sentry's own


async def test_an_archive_has_an_end_and_another_end_is_refuted() -> None:
    async with staged(FakeSentry()) as stage:
        plan = await stage.actuator.plan(Request("archive", (SHOP,), 90))
        assert plan.due == plan.looked_at + timedelta(minutes=90)
        assert str(plan.subjects[0].after) == "archived for 1h30m"
        outcome = await carried_out(stage.actuator, plan, plan.subjects[0], [])
        server = stage.server
        assert isinstance(server, FakeSentry)
        server.issues[0]["statusDetails"] = {}
        verdict = await stage.actuator.verify(plan, plan.subjects[0], outcome, LATER)
        assert verdict.truth is Truth.REFUTED
        server.issues[0]["statusDetails"] = {"ignoreUntil": stamp(datetime.now(UTC) + timedelta(days=9))}
        verdict = await stage.actuator.verify(plan, plan.subjects[0], outcome, LATER)
        assert (verdict.truth, "not what was asked" in str(verdict.words)) == (Truth.REFUTED, True)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("archive", (SHOP,)), "an archive needs its length"),
        (Request("archive", (SHOP,), 99999), "an archive needs its length"),
        (Request("assign", (SHOP,)), "to whom"),
        (Request("resolve", ("12/../34",)), "there is no issue"),
        (Request("resolve", ("99",)), "there is no issue 99 any more"),
        (Request("delete", (SHOP,)), "no such action"),
    ],
)
async def test_what_can_not_be_meant_on_an_issue_has_words(request_: Request, says: str) -> None:
    async with staged(FakeSentry()) as stage:
        with pytest.raises(ProbeError, match=says):
            await stage.actuator.plan(request_)
        assert stage.changes == 0


async def test_a_member_that_nobody_knows_is_refused_by_sentry() -> None:
    async with staged(FakeSentry()) as stage:
        done = await perform(stage.actuator, Request("assign", (SHOP,), word="nobody@acme.example"))
        assert (done.outcomes[0].result, "HTTP 400" in str(done.outcomes[0].words)) == (Result.FAILED, True)


async def test_what_is_no_longer_unresolved_is_barred() -> None:
    server = FakeSentry()
    server.issues = [issue(1, status="resolved"), issue(2)]
    async with staged(server) as stage:
        plan = await stage.actuator.plan(Request("resolve", (SHOP, "4500000002")))
        assert [(one.barred, str(one.spared)) for one in plan.subjects] == [
            (True, "it is resolved already"),
            (False, ""),
        ]


# rights and offers


async def test_doctor_tells_what_reading_can_tell_and_posts_nothing() -> None:
    server = FakePagerDuty()
    async with staged(server) as stage:
        assert [(one.name, one.grant) for one in await stage.actuator.rights()] == [
            ("read incidents", Grant.HELD), ("change incidents", Grant.UNKNOWN), ("act in somebody's name", Grant.HELD),
        ]  # fmt: skip
        assert stage.changes == 0
    async with staged(FakePagerDuty(), sender=None) as stage:
        assert (await stage.actuator.rights())[-1].grant is Grant.MISSING
    issues = FakeSentry()
    async with staged(issues) as stage:
        assert [one.grant for one in await stage.actuator.rights()] == [Grant.HELD, Grant.UNKNOWN]
        issues.scopes = set()
        assert [one.grant for one in await stage.actuator.rights()] == [Grant.MISSING]


async def test_what_is_offered_fits_the_rows() -> None:
    server = FakePagerDuty()
    server.incidents = [incident(1), incident(2, status="acknowledged")]
    async with staged(server) as stage:
        facts = (await PagerDutyProbe(stage.actuator.target, stage.actuator.context).read()).facts
        names = [offer.action.name for offer in stage.actuator.offers(facts, (ID,))]
        assert names == ["acknowledge", "resolve", "escalate", "note"]
        assert stage.actuator.offers(facts, ("PT4KH02",))[0].refused == "somebody has it in hand already"
        assert stage.actuator.offers(facts, ("PGONE",)) == ()
    async with staged(FakeSentry()) as stage:
        issues = (await SentryProbe(stage.actuator.target, stage.actuator.context).read()).facts
        assert [offer.action.name for offer in stage.actuator.offers(issues, (SHOP,))] == [
            "resolve",
            "archive",
            "assign",
        ]
        assert stage.actuator.offers(issues, ("9",)) == ()


# command lines


ids = st.lists(st.from_regex(r"P[A-Z0-9]{6}", fullmatch=True), min_size=1, max_size=3, unique=True).map(tuple)
numbers = st.lists(st.from_regex(r"[1-9][0-9]{0,11}", fullmatch=True), min_size=1, max_size=3, unique=True).map(tuple)
notes = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=40)
PAGING = [pagerduty("https://api.pagerduty.com"), pagerduty(""), pagerduty("env:PD", sender=None)]
TRACKING = [sentry("https://sentry.example/prefix"), sentry("", region="de"), sentry("env:SENTRY_URL")]


@given(ids, st.integers(1, 20), notes)
def test_every_act_on_incidents_comes_back_from_its_own_line(chosen: tuple[str, ...], level: int, note: str) -> None:
    for actuator in PAGING:
        for name in ("acknowledge", "resolve"):
            assert comes_back(actuator, Request(name, chosen))
        assert comes_back(actuator, Request("escalate", chosen, level))
        if note == note.strip():
            assert comes_back(actuator, Request("note", chosen, word=note)), actuator.render(
                Request("note", chosen, word=note)
            )


@given(
    numbers,
    st.integers(5, 43200),
    st.from_regex(r"[a-z.+-]{1,20}@[a-z]{1,10}\.example|team:[0-9]{1,9}", fullmatch=True),
)
def test_every_act_on_issues_comes_back_from_its_own_line(chosen: tuple[str, ...], minutes: int, who: str) -> None:
    for actuator in TRACKING:
        assert comes_back(actuator, Request("resolve", chosen))
        assert comes_back(actuator, Request("archive", chosen, minutes))
        assert comes_back(actuator, Request("assign", chosen, word=who))


PD = "https://api.pagerduty.com/incidents"
SEVERAL = json.dumps(
    {"incidents": [{"id": one, "type": "incident_reference", "status": "resolved"} for one in ("PA", "PB")]}
)
SENTRY = "https://sentry.example/prefix/api/0"


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (f"""curl -X PUT {PD}/{ID} -H 'From: {ANNA}' -d '{{"incident": {{"type":"incident","status":"resolved"}}}}'""",
         Request("resolve", (ID,))),
        (f"""sudo curl --silent --request PUT --url {PD}/{ID} --json '{{"incident":{{"status":"acknowledged"}}}}'""",
         Request("acknowledge", (ID,))),
        (f"curl -X PUT {PD} -d '{SEVERAL}'", Request("resolve", ("PA", "PB"))),
        ("pd incident ack -i PA -i PB", Request("acknowledge", ("PA", "PB"))),
        ("pd incident:resolve --ids=PA", Request("resolve", ("PA",))),
        ("pd incident notes -i PA -n 'it drains'", Request("note", ("PA",), word="it drains")),
    ],
)  # fmt: skip
def test_the_spellings_of_curl_and_pd(line: str, request_: Request) -> None:
    found = recognised(line, PAGING[0])
    assert found is not None
    assert found.request == request_
    assert bool(found.warning) == line.startswith("pd")


@pytest.mark.parametrize(
    "line",
    [
        f"""curl -X PUT https://api.eu.pagerduty.com/incidents/{ID} -d '{{"incident":{{"status":"resolved"}}}}'""",
        f"""curl -X PUT {PD}/{ID} -d '{{"incident":{{"status":"resolved","title":"x"}}}}'""",
        f"""curl -X PUT {PD}/{ID} -d '{{"incident":{{"status":"triggered"}}}}'""",
        f"""curl -X DELETE {PD}/{ID}""",
        f"curl {PD}/{ID}",
        f"""curl -X PUT {PD}/{ID}/merge -d '{{"incident":{{"status":"resolved"}}}}'""",
        "pd incident ack --me",
        "pd incident ack",
        "pd incident notes -i PA",
        "pd service list -i PA",
    ],
)
def test_what_is_none_of_ours_is_not_recognised(line: str) -> None:
    assert recognised(line, PAGING[0]) is None


def test_another_name_than_the_profiles_is_said() -> None:
    line = f"""curl -X PUT {PD}/{ID} -H 'From: bo@acme.example' -d '{{"incident":{{"status":"resolved"}}}}'"""
    found = recognised(line, PAGING[0])
    assert found is not None
    assert "not in the line's" in found.warning


@pytest.mark.parametrize(
    ("line", "request_", "warns"),
    [
        (f"""curl -X PUT {SENTRY}/issues/12/ -d '{{"status":"resolved"}}'""",
         Request("resolve", ("12",)), False),
        (f"""curl -X PUT {SENTRY}/organizations/acme/issues/12 -d '{{"status":"ignored"}}'""",
         Request("archive", ("12",)), True),
        ("sentry-cli issues resolve -i 12 -i 13 --org acme", Request("resolve", ("12", "13")), False),
        ("sentry-cli issues mute -i 12", Request("archive", ("12",)), True),
        ("sentry-cli issues resolve -i 12", Request("resolve", ("12",)), True),
    ],
)  # fmt: skip
def test_the_spellings_of_curl_and_sentry_cli(line: str, request_: Request, warns: bool) -> None:
    found = recognised(line, TRACKING[0])
    assert found is not None
    assert (found.request, bool(found.warning)) == (request_, warns)


@pytest.mark.parametrize(
    "line",
    [
        """curl -X PUT https://sentry.io/api/0/issues/12/ -d '{"status":"resolved"}'""",
        f"""curl -X PUT {SENTRY}/organizations/other/issues/12/ -d '{{"status":"resolved"}}'""",
        f"""curl -X PUT {SENTRY}/issues/12/ -d '{{"status":"resolved","hasSeen":true}}'""",
        f"""curl -X PUT {SENTRY}/issues/12/ -d '{{"status":"ignored","statusDetails":{{"a":1}}}}'""",
        "sentry-cli issues resolve --all",
        "sentry-cli issues resolve -i 12 -o other",
        "sentry-cli releases new 1",
    ],
)
def test_what_is_none_of_sentrys_is_not_recognised(line: str) -> None:
    assert recognised(line, TRACKING[0]) is None


async def test_a_plan_of_a_later_session_is_judged_without_an_outcome() -> None:
    async with staged(FakePagerDuty()) as stage:
        plan: Plan = await stage.actuator.plan(Request("acknowledge", (ID,)))
        outcome = await carried_out(stage.actuator, plan, plan.subjects[0], [])
        later = pagerduty(stage.server.url)
        verdict = await settled(later, plan, plan.subjects[0], outcome)
        await later.close()
        assert verdict.truth is Truth.CONFIRMED
