"""Reading Sentry, as its documents say it answers: no engine of it can be had here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes.alerting.hosted import reason, wait_of
from probes.alerting.sentry.facts import SentryFacts
from probes.alerting.sentry.parse import issues, next_cursor, once
from probes.alerting.sentry.probe import MOST, SentryProbe
from probes.alerting.sentry.settings import SentrySettings
from probes.base import Cause, Context, ProbeError, Raised, Severity, Snapshot, Target
from tests.probes.fakepaging import TOKEN, FakeSentry, issue, serving, stamp
from tests.probes.rigs import TestSecrets

NOW = datetime(2026, 3, 1, 3, 30, tzinfo=UTC)
PATH = "/api/0/organizations/acme/issues/"


@pytest.fixture
def server() -> Iterator[FakeSentry]:
    with serving(FakeSentry()) as made:
        yield made


@asynccontextmanager
async def probing(server: FakeSentry, **settings: Any) -> AsyncIterator[tuple[SentryProbe, list[float]]]:
    clock = [1000.0]
    given_settings = {"url": server.url, "organization": "acme", "token": "env:T", "timeout": 3} | settings
    made = SentrySettings.model_validate(given_settings)
    context = replace(Context(TestSecrets()), monotonic=lambda: clock[0])
    probe = SentryProbe(Target("shop", "sentry", made), context)
    try:
        yield probe, clock
    finally:
        await probe.close()
        await probe.close()


async def reading(server: FakeSentry, **settings: Any) -> tuple[Snapshot[SentryFacts], list[Raised]]:
    """A reading, and what it raises."""
    async with probing(server, **settings) as (probe, _):
        found = await probe.read()
        return found, list(probe.raised(found.facts))


async def failing(server: FakeSentry, **settings: Any) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await reading(server, **settings)
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


# issues


async def test_an_issue_is_read_with_how_often_it_happens_and_whose_it_is(server: FakeSentry) -> None:
    anna = {"type": "user", "id": "7", "name": "Anna", "email": "anna@acme.example"}
    server.issues = [issue(1, "ValueError: \x1b[2J", assignedTo=anna)]
    found, raised = await reading(server)
    (one,) = found.facts.issues
    assert (str(one.short), str(one.title), one.level, one.state) == ("SHOP-1", "ValueError: ^[[2J", "error", "ongoing")
    assert (one.events, one.users, str(one.assigned), one.person, one.unhandled) == (180, 14, "Anna", True, True)
    assert one.rate is not None
    assert 1.0 <= one.rate <= 2.0
    assert len(one.course) == 24
    gauges = {str(key): value for key, value in found.gauges.items()}
    assert gauges['issues{level="error"}'] == gauges["unresolved"] == 1
    assert gauges["new_issues"] == gauges["unassigned_issues"] == 0
    assert gauges["events_per_minute"] == gauges['project_events_per_minute{project="shop"}'] == one.rate
    assert gauges["requests_left"] == 39
    assert found.gaps == ()
    (alert,) = raised
    assert (alert.severity, alert.acknowledged, alert.limit) == (Severity.WARNING, "Anna", 1.0)
    assert alert.link == "https://acme.sentry.io/issues/4500000001/"
    assert dict(alert.labels) == {"issue": "SHOP-1", "project": "shop", "level": "error"}
    assert str(alert.words).startswith("SHOP-1 ValueError: ^[[2J in shop.pay in charge: ")
    assert alert.since == (one.began or one.first_seen)


async def test_it_is_asked_as_the_documents_say(server: FakeSentry) -> None:
    await reading(server, projects=["shop", "mail"], environments=["production"], query="assigned:me", days=7)
    ((method, path, query, _),) = server.asked
    assert (method, path) == ("GET", PATH)
    assert query == {
        "query": ["is:unresolved assigned:me project:[shop, mail]"], "project": ["-1"], "statsPeriod": ["7d"],
        "groupStatsPeriod": ["24h"], "sort": ["date"], "limit": ["100"], "environment": ["production"],
    }  # fmt: skip
    assert server.seen[0]["authorization"] == f"Bearer {TOKEN}"


async def test_only_what_is_bad_and_happens_and_is_many_new_or_back_is_an_alert(server: FakeSentry) -> None:
    quiet: dict[str, Any] = {"rate": 3, "hours": 20, "first": 99}
    server.issues = [
        issue(1, "often", rate=200, first=99),
        issue(2, "seldom", **quiet),
        issue(3, "new", rate=1, hours=1, first=0.3),
        issue(4, "back", substatus="regressed", **quiet),
        issue(5, "more", substatus="escalating", **quiet),
        issue(6, "fatal", level="fatal", **quiet),
        issue(7, "mild", level="warning", rate=500),
        issue(8, "over", substatus="regressed", rate=0, hours=0, first=99),
    ]
    found, raised = await reading(server)
    assert {str(one.name) for one in raised} == {"often", "new", "back", "more", "fatal"}
    assert next(one for one in raised if str(one.name) == "fatal").severity is Severity.CRITICAL
    assert "was resolved and is back" in str(next(one for one in raised if str(one.name) == "back").words)
    assert found.gauge("returned_issues") == 3
    assert found.gauge("new_issues") == 1
    _, more = await reading(server, level="warning", limit=1000)
    assert {str(one.name) for one in more} == {"new", "back", "more", "fatal"}
    _, mild = await reading(server, level="warning")
    assert {str(one.name) for one in mild} == {"often", "new", "back", "more", "fatal", "mild"}


async def test_a_team_has_nothing_in_hand_and_other_projects_are_left_out(server: FakeSentry) -> None:
    team = {"type": "team", "id": "3", "name": "payments"}
    server.issues = [issue(1, assignedTo=team), issue(2, project={"id": "12", "slug": "other"})]
    found, raised = await reading(server, projects=["shop"])
    assert [str(one.short) for one in found.facts.issues] == ["SHOP-1"]
    assert (str(found.facts.issues[0].assigned), raised[0].acknowledged) == ("payments", "")


async def test_pages_are_turned_to_the_end(server: FakeSentry) -> None:
    server.issues = [issue(number, rate=1) for number in range(1, 251)]
    found, _ = await reading(server)
    assert len(found.facts.issues) == found.gauge("unresolved") == 250
    assert [query.get("cursor", [""])[0] for _, _, query, _ in server.asked] == ["", "0:100:0", "0:200:0"]
    assert found.gaps == ()


async def test_more_than_the_cap_is_said_and_no_sum_is_made_of_a_part(server: FakeSentry) -> None:
    server.issues = [issue(number, rate=1) for number in range(1, 701)]
    found, _ = await reading(server)
    assert len(found.facts.issues) == MOST == 500
    assert found.gauge("unresolved") == 700
    assert found.gauge("events_per_minute") is None
    assert found.gauge("new_issues") == 0  # the last one that was read was seen eight hours ago
    (gap,) = found.gaps
    assert (gap.cause, str(gap.hint)[:35]) == (Cause.TOO_BIG, "the 500 of 700 seen last were read:")
    server.most_hits = 600
    found, _ = await reading(server)
    assert found.gauge("unresolved") is None


async def test_a_clock_that_is_ahead_is_said_and_put_right(server: FakeSentry) -> None:
    server.ahead = 600
    server.issues = [issue(1, now=server.now, first=0.25)]
    found, (alert,) = await reading(server)
    assert 595 <= (found.facts.skew or 0) <= 605
    assert found.gauge("new_issues") == 1
    assert alert.since is not None
    assert abs((datetime.now(UTC) - alert.since).total_seconds() - 900) < 15


async def test_an_older_sentry_that_tells_less_is_read_too(server: FakeSentry) -> None:
    bare = {name: issue(1)[name] for name in ("id", "shortId", "title", "level", "status", "lastSeen")}
    server.issues = [bare]
    found, raised = await reading(server)
    (one,) = found.facts.issues
    assert (one.rate, one.events, one.users, one.state, one.link, raised) == (None, None, None, "", "", [])
    assert found.gauge("events_per_minute") is None


# what goes wrong


async def test_a_token_that_is_not_taken_says_which_one_is_needed(server: FakeSentry) -> None:
    server.instead[PATH] = (401, {"detail": "Invalid token"}, {})
    error = await failing(server)
    assert (error.cause, "Invalid token" in str(error.message)) == (Cause.AUTH, True)
    assert "event:read" in str(error.hint)


async def test_a_right_that_is_missing_is_named(server: FakeSentry) -> None:
    server.scopes = {"org:read"}
    error = await failing(server)
    assert error.cause is Cause.DENIED
    assert "does not allow us this: You do not have permission" in str(error.message)
    assert "needs the scope event:read" in str(error.hint)


async def test_too_many_questions_are_said_with_their_end_and_it_is_left_alone_until_then(server: FakeSentry) -> None:
    until = datetime.now(UTC) + timedelta(seconds=40)
    detail = "You are attempting to use this endpoint too frequently. Limit is 5 requests in 1 seconds"
    server.instead[PATH] = (429, {"detail": detail}, {"X-Sentry-Rate-Limit-Reset": str(int(until.timestamp()))})
    async with probing(server) as (probe, clock):
        for _ in range(3):
            with pytest.raises(ProbeError) as caught:
                await probe.read()
            assert caught.value.cause is Cause.THROTTLED
            assert f"until {until:%H:%M}" in str(caught.value.message)
            assert "too frequently" in str(caught.value.message)
        assert len(server.asked) == 1
        del server.instead[PATH]
        clock[0] += 41
        assert (await probe.read()).facts.unresolved == 1


async def test_too_many_questions_without_an_end_are_said_so_and_left_for_half_a_minute(server: FakeSentry) -> None:
    server.instead[PATH] = (429, b"<html>slow down</html>", {})
    async with probing(server) as (probe, clock):
        with pytest.raises(ProbeError, match="does not say until when: a web page"):
            await probe.read()
        del server.instead[PATH]
        clock[0] += 29
        with pytest.raises(ProbeError, match="asked too often"):
            await probe.read()
        clock[0] += 2
        await probe.read()


async def test_an_organisation_that_is_gone_is_said(server: FakeSentry) -> None:
    error = await failing(server, organization="acme-two")
    assert (error.cause, "organisation acme-two" in str(error.message)) == (Cause.GONE, True)
    assert "region" in str(error.hint)


@pytest.mark.parametrize(
    ("answer", "cause", "said"),
    [
        ((200, {"issues": []}, {}), Cause.GARBAGE, "do not come as a list"),
        ((200, b"<html>hi</html>", {}), Cause.GARBAGE, "a web page"),
        ((400, {"detail": "Error parsing search query: \x1b[2J"}, {}), Cause.GARBAGE, "parsing search query: ^[[2J"),
        ((503, {"detail": None}, {}), Cause.OVERLOADED, "HTTP 503"),
        ((302, b"", {"Location": "https://x.example/auth/login/"}), Cause.GARBAGE, "elsewhere"),
        ((200, b"[" * 200000, {}), Cause.GARBAGE, "JSON"),
    ],
)
async def test_strange_answers_have_words(server: FakeSentry, answer: Any, cause: Cause, said: str) -> None:
    server.instead[PATH] = answer
    error = await failing(server)
    assert (error.cause, said in str(error.message)) == (cause, True), error


# settings and parts


def test_a_region_names_its_own_address() -> None:
    made = SentrySettings.model_validate({"organization": "acme", "region": "de"})
    assert (made.home, SentrySettings(organization="acme").home) == ("https://de.sentry.io", "https://sentry.io")


@pytest.mark.parametrize(
    "wrong",
    [{"organization": "Acme!"}, {"organization": "a", "url": "ftp://x"}, {"organization": "a", "url": "http://x/?a=b"},
     {"organization": "a", "token": "sntrys_abc"}, {"organization": "a", "environments": ["\x1b"]}, {}],
)  # fmt: skip
def test_settings_that_can_not_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SentrySettings.model_validate(wrong)


def test_what_sentrys_own_command_line_uses_is_found() -> None:
    environ = {"SENTRY_ORG": "acme", "SENTRY_AUTH_TOKEN": "x", "SENTRY_URL": "https://s.example", "SENTRY_PROJECT": "a"}
    (found,) = SentryProbe.discover(environ)
    assert SentrySettings.model_validate(found.settings).projects == ("a",)
    assert "x" not in found.settings.values()
    assert list(SentryProbe.discover({"SENTRY_ORG": "acme"})) == []


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        ("", None),
        ('<https://s/>; rel="next"; results="false"; cursor="0:100:0"', None),
        (
            '<https://s/a,b>; rel="previous"; results="true"; cursor="x", <u>; rel="next"; results="true"; cursor="y"',
            "y",
        ),
        ('<https://s/>; rel="next"; results="true"', None),
    ],
)
def test_the_next_page_is_told_by_a_link(link: str, cursor: str | None) -> None:
    assert next_cursor(link) == cursor


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "12"}, 12.0),
        ({"retry-after": "soon", "ratelimit-reset": "20"}, 20.0),
        ({"x-sentry-rate-limit-reset": str(int(NOW.timestamp()) + 90)}, 30.0),
        ({"x-sentry-rate-limit-reset": "12"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-5"}, 0.0),
    ],
)
def test_how_long_to_wait_is_told_in_three_ways(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers, NOW, 60.0) == seconds


def test_a_rate_is_of_one_to_two_hours_and_a_beginning_of_the_hours_without_a_break() -> None:
    (one,) = issues([issue(1, now=NOW, rate=90, hours=3, first=400)], NOW)
    assert (one.rate, one.began) == (2.0, datetime(2026, 3, 1, 1, tzinfo=UTC))
    (long,) = issues([issue(1, now=NOW, hours=24, first=400)], NOW)
    assert (long.began, long.first_seen) == (NOW.replace(minute=0) - timedelta(hours=23), NOW - timedelta(hours=400))
    (late,) = issues([issue(1, now=NOW, first=400)], NOW + timedelta(hours=5))
    assert late.rate is None
    pause = issue(1, now=NOW, hours=3, first=400)
    pause["stats"]["24h"][-1][1] = 0
    assert issues([pause], NOW)[0].began == datetime(2026, 3, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rate", "pace"),
    [(None, ""), (0.0, "0/h"), (0.0362, "2.2/h"), (4.83, "4.8/min"), (98.6, "99/min"), (12345.0, "12,345/min")],
)
def test_a_rate_is_told_in_the_unit_that_says_something(rate: float | None, pace: str) -> None:
    (one,) = issues([issue(1)], NOW)
    assert replace(one, rate=rate).pace == pace


def test_an_issue_that_moves_while_pages_are_turned_is_one() -> None:
    found = issues([issue(1), issue(2), issue(1, "again")], NOW)
    assert [str(one.title) for one in once(found)] == ["again", "ValueError: bad amount"]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "stats", "24h", "count", "project", "slug", "assignedTo", "level", "firstSeen"]),
            inner,
        )
    ),
    max_leaves=15,
)


@given(anything, st.text(max_size=40))
def test_no_document_breaks_the_reading_of_issues(value: Any, text: str) -> None:
    told = issue(1) | (value if isinstance(value, dict) else {"stats": value})
    assert len(issues([told], NOW)) <= 1
    assert str(reason(json.dumps({"detail": value, "error": value}).encode())).isprintable()
    assert str(reason(text.encode())).isprintable()
    next_cursor(text)
    assert stamp(NOW) == "2026-03-01T03:30:00Z"
