"""Reading PagerDuty, as its documents say it answers: no engine of it can be had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.board import Slot
from desk.rules import RuleBook
from probes.alerting.pagerduty.facts import PagerDutyFacts
from probes.alerting.pagerduty.parse import incident as parsed
from probes.alerting.pagerduty.parse import on_call as person
from probes.alerting.pagerduty.probe import MOST, PagerDutyProbe
from probes.alerting.pagerduty.settings import PagerDutySettings
from probes.base import Cause, Context, ProbeError, Raised, Severity, Snapshot, Target
from tests.probes.fakepaging import (
    ANNA,
    BO,
    MAIL,
    TOKEN,
    FakePagerDuty,
    error,
    incident,
    on_call,
    reference,
    serving,
)
from tests.probes.rigs import TestSecrets

NOW = datetime(2026, 3, 1, 3, 30, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[FakePagerDuty]:
    with serving(FakePagerDuty()) as made:
        yield made


@asynccontextmanager
async def probing(server: FakePagerDuty, **settings: Any) -> AsyncIterator[tuple[PagerDutyProbe, list[float]]]:
    clock = [1000.0]
    made = PagerDutySettings.model_validate({"url": server.url, "token": "env:T", "timeout": 3} | settings)
    context = replace(Context(TestSecrets()), monotonic=lambda: clock[0])
    probe = PagerDutyProbe(Target("paging", "pagerduty", made), context)
    try:
        yield probe, clock
    finally:
        await probe.close()
        await probe.close()


async def reading(server: FakePagerDuty, **settings: Any) -> tuple[Snapshot[PagerDutyFacts], list[Raised]]:
    """A reading, and what it raises."""
    async with probing(server, **settings) as (probe, _):
        found = await probe.read()
        return found, list(probe.raised(found.facts))


async def failing(server: FakePagerDuty, **settings: Any) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await reading(server, **settings)
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


# incidents


async def test_incidents_are_read_with_who_has_them_in_hand_and_who_is_on_call(server: FakePagerDuty) -> None:
    server.incidents = [
        incident(1, "disk \x1b[2J full", status="acknowledged", minutes=50),
        incident(2, urgency="low", minutes=30),
        incident(3, minutes=5),
        incident(4, minutes=9, priority=reference("PP1", "priority", "P1")),
        incident(5, status="resolved"),
    ]
    found, raised = await reading(server)
    assert [one.name for one in found.facts.incidents] == ["#4", "#3", "#2", "#1"]
    held = found.facts.incidents[-1]
    assert (str(held.title), held.status, [str(one) for one in held.acknowledged]) == (
        "disk ^[[2J full", "acknowledged", ["Anna Berg"],
    )  # fmt: skip
    assert (str(held.service), str(held.policy), held.alerts) == ("Mail", "Mail people", 2)
    assert held.escalates is not None
    assert [(str(one.user), one.level, str(one.schedule)) for one in found.facts.on_call or ()] == [
        ("Anna Berg", 1, "Nights"), ("Bo Dahl", 2, ""),
    ]  # fmt: skip
    gauges = {str(key): value for key, value in found.gauges.items()}
    assert gauges['incidents{status="triggered"}'] == 3
    assert gauges['incidents{status="acknowledged"}'] == gauges["people_on_call"] == 1
    assert gauges["urgent_incidents"] == 2
    assert 1790 < gauges["oldest_triggered_seconds"] < 1830
    assert gauges["requests_left"] == 955
    assert found.gaps == ()
    told = {one.key: one for one in raised}
    assert (told["PT4KH01"].acknowledged, told["PT4KH03"].acknowledged) == ("Anna Berg", "")
    assert (told["PT4KH02"].severity, told["PT4KH03"].severity) == (Severity.WARNING, Severity.CRITICAL)
    assert str(told["PT4KH03"].words) == "#3 Mail: The queue is full (2 alerts)"
    assert dict(told["PT4KH04"].labels) == {"incident": "#4", "service": "Mail", "priority": "P1"}
    assert told["PT4KH03"].link == "https://acme.pagerduty.com/incidents/PT4KH03"
    assert told["PT4KH03"].since == next(one for one in found.facts.incidents if one.name == "#3").created


async def test_it_is_asked_as_the_documents_say(server: FakePagerDuty) -> None:
    await reading(server, services=["PIJ90N7"], teams=["PQ9K7I8"], policies=["PT20YPA"])
    (_, path, query, _), (_, other, who, _) = server.asked
    assert (path, other) == ("/incidents", "/oncalls")
    assert query == {
        "statuses[]": ["triggered", "acknowledged"], "date_range": ["all"], "sort_by": ["created_at:desc"],
        "service_ids[]": ["PIJ90N7"], "team_ids[]": ["PQ9K7I8"], "limit": ["100"], "offset": ["0"],
    }  # fmt: skip
    assert who == {"earliest": ["true"], "escalation_policy_ids[]": ["PT20YPA"], "limit": ["100"], "offset": ["0"]}
    assert server.seen[0]["authorization"] == f"Token token={TOKEN}"
    assert server.seen[0]["accept"] == "application/vnd.pagerduty+json;version=2"


async def test_who_is_on_call_is_asked_once_a_minute(server: FakePagerDuty) -> None:
    async with probing(server) as (probe, clock):
        for _ in range(3):
            await probe.read()
            clock[0] += 25
        assert [path for _, path, _, _ in server.asked].count("/oncalls") == 2 - 1
        await probe.read()
        assert [path for _, path, _, _ in server.asked].count("/oncalls") == 2


async def test_a_policy_without_anybody_on_call_is_an_alert(server: FakePagerDuty) -> None:
    async with probing(server, policies=["PT20YPA", "PNOBODY"]) as (probe, _):
        book = RuleBook("paging", probe.rules, probe.gauges)
        for at in (1.0, 2.0):
            found = await probe.read()
            slot = Slot(probe.target, 0.0, snapshot=found, received=at)
            alerts = book.judge(slot, at, datetime.now(UTC))
    assert found.facts.nobody == ("PNOBODY",)
    assert [one.words for one in alerts] == ["nobody is on call for PNOBODY: what goes wrong now reaches no one"]


async def test_a_key_that_may_not_see_who_is_on_call_still_reads_incidents(server: FakePagerDuty) -> None:
    server.instead["/oncalls"] = (403, error("Access Denied", 2010), {})
    found, raised = await reading(server, policies=["PT20YPA"])
    assert (len(raised), found.facts.on_call, found.facts.nobody) == (1, None, ())
    (gap,) = found.gaps
    assert (gap.part, gap.cause) == ("who is on call", Cause.DENIED)
    assert found.gauge("people_on_call") is None


async def test_pages_are_turned_to_the_end(server: FakePagerDuty) -> None:
    server.incidents = [incident(number) for number in range(1, 251)]
    found, raised = await reading(server)
    assert len(found.facts.incidents) == len(raised) == found.gauge("incidents", status="triggered") == 250
    offsets = [query["offset"][0] for _, path, query, _ in server.asked if path == "/incidents"]
    assert offsets == ["0", "100", "200"]


async def test_more_than_the_cap_is_said_and_nothing_is_counted(server: FakePagerDuty) -> None:
    server.incidents = [incident(number, id=f"P{number:06d}", minutes=number) for number in range(1, 1202)]
    found, _ = await reading(server)
    assert len(found.facts.incidents) == MOST == 1000
    assert found.facts.cut
    assert found.gauge("incidents", status="triggered") is None
    assert [gap.part for gap in found.gaps] == ["older incidents, and how many there are"]
    assert max(one.number or 0 for one in found.facts.incidents) == 1000  # the newest were kept


async def test_a_clock_that_is_behind_is_said_and_put_right(server: FakePagerDuty) -> None:
    server.ahead = -300
    server.incidents = [incident(1, now=server.now, minutes=10)]
    found, (alert,) = await reading(server)
    assert -305 <= (found.facts.skew or 0) <= -295
    assert 590 <= (found.facts.incidents[0].age or 0) <= 610
    assert alert.since is not None
    assert abs((datetime.now(UTC) - alert.since).total_seconds() - 600) < 15


# what goes wrong


async def test_a_token_that_is_not_taken_says_what_is_needed(server: FakePagerDuty) -> None:
    server.instead["/incidents"] = (401, error("Authentication failed", 2006), {})
    said = await failing(server)
    assert (said.cause, "Authentication failed" in str(said.message)) == (Cause.AUTH, True)
    assert "REST API key" in str(said.hint)


async def test_a_right_that_is_missing_is_named(server: FakePagerDuty) -> None:
    server.instead["/incidents"] = (403, error("Access Denied", 2010, "no such team"), {})
    said = await failing(server)
    assert (said.cause, "Access Denied; no such team" in str(said.message)) == (Cause.DENIED, True)
    assert "may read incidents" in str(said.hint)


async def test_too_many_questions_are_said_with_their_end_and_it_is_left_alone_until_then(
    server: FakePagerDuty,
) -> None:
    told = {"ratelimit-limit": "960", "ratelimit-remaining": "0", "ratelimit-reset": "20"}
    server.instead["/incidents"] = (429, error("Rate Limit Exceeded", 2020), told)
    async with probing(server) as (probe, clock):
        for _ in range(3):
            with pytest.raises(ProbeError, match=r"asked too often, until \d\d:\d\d:\d\d UTC: Rate Limit") as caught:
                await probe.read()
            assert caught.value.cause is Cause.THROTTLED
        assert len(server.asked) == 1
        del server.instead["/incidents"]
        clock[0] += 21
        assert len((await probe.read()).facts.incidents) == 1


@pytest.mark.parametrize(
    ("answer", "cause", "said"),
    [
        ((404, error("Account Not Found", 2007), {}), Cause.GONE, "Account Not Found"),
        ((402, error("Missing Account Ability", 2014), {}), Cause.DENIED, "Missing Account Ability"),
        ((400, error("Arguments Caused Error", 2002, "x \x1b[2J"), {}), Cause.GARBAGE, "Caused Error; x ^[[2J"),
        ((500, error("An internal error has occurred.", 2000), {}), Cause.OVERLOADED, "HTTP 500"),
        ((408, error("The request took too long to process", 2016), {}), Cause.OVERLOADED, "too long"),
        ((200, {"incidents": [1]}, {}), Cause.GARBAGE, "no list of incidents"),
        ((200, b"<html>hi</html>", {}), Cause.GARBAGE, "a web page"),
    ],
)
async def test_strange_answers_have_words(server: FakePagerDuty, answer: Any, cause: Cause, said: str) -> None:
    server.instead["/incidents"] = answer
    found = await failing(server)
    assert (found.cause, said in str(found.message)) == (cause, True), found


# settings and parts


def test_an_account_in_europe_has_its_own_address() -> None:
    made = PagerDutySettings.model_validate({"token": "env:T", "region": "eu"})
    assert made.home == "https://api.eu.pagerduty.com"
    assert PagerDutySettings(token="env:T").home == "https://api.pagerduty.com"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"token": "in-clear"}, {"token": "env:T", "services": ["a b"]}, {"token": "env:T", "sender": "anna"}],
)
def test_settings_that_can_not_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PagerDutySettings.model_validate(wrong)


def test_a_key_in_the_environment_is_found() -> None:
    (found,) = PagerDutyProbe.discover({"PAGERDUTY_TOKEN": "x"})
    assert found.settings == {"token": "env:PAGERDUTY_TOKEN"}
    assert list(PagerDutyProbe.discover({})) == []


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "service", "assignments", "assignee", "pending_actions", "at", "type", "user", "level"]
            ),
            inner,
        )
    ),
    max_leaves=15,
)


@given(anything)
def test_no_document_breaks_the_reading_of_incidents(value: Any) -> None:
    more = value if isinstance(value, dict) else {"assignments": value, "created_at": value, "priority": value}
    found = parsed(incident(1) | more, NOW)
    assert found is None or found.name
    told = person(on_call(ANNA) | more)
    assert told is None or told.key
    assert person(on_call(BO, 1, MAIL) | {"escalation_level": None}) is None
