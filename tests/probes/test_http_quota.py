"""Vendors' APIs asked by the http kind: credentials, secret parameters, quotas, 429, what ends when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes.base import Cause, in_clear
from probes.http.facts import Limit
from probes.http.limits import DEFAULT, LONGEST, limits_of, pause
from probes.http.probe import HttpSettings
from tests.probes.test_http import (
    CANARY,
    Make,
    Server,
    alerts_of,
    as_json,
    at,
    facts_of,
    failure_of,
    make,  # noqa: F401
    server,  # noqa: F401
)
from tests.toys import StillClock

NOW = StillClock().wall


def everything(facts: Any, snapshot: Any) -> str:
    return repr(facts) + repr(snapshot.gauges)


# secrets


async def test_a_secret_parameter_reaches_the_server_and_nothing_else(server: Server, make: Make) -> None:  # noqa: F811
    server.answer = as_json({"data": {"is_valid": True}, "echo": f"token={CANARY}"}, "200 OK", f"Location: /x?{CANARY}")
    probe = make(
        at(server, "/debug_token?fields=id"), query={"input_token": "env:TOKEN"}, expect={"$.data.is_valid": True}
    )
    snapshot = await probe.read()
    assert server.requests[0].startswith(f"GET /debug_token?fields=id&input_token={CANARY} HTTP/1.1".encode())
    assert CANARY not in everything(snapshot.facts, snapshot)
    assert CANARY not in "".join(map(str, (await probe.look("body", "")).lines))
    assert str(snapshot.facts.url) == at(server, "/debug_token?…")
    assert snapshot.facts.ok
    assert snapshot.gauge("credential_ok", endpoint="health") == 1.0


async def test_a_token_goes_along_as_bearer(server: Server, make: Make) -> None:  # noqa: F811
    await make(at(server), token="env:TOKEN").read()
    assert f"Authorization: Bearer {CANARY}".lower().encode() in server.requests[0].lower()


async def test_a_secret_parameter_with_odd_signs_is_encoded(server: Server, make: Make) -> None:  # noqa: F811
    probe = make(at(server), query={"access_token": "env:TOKEN", "fields": "a b&c=d"})
    await probe.read()
    assert server.requests[0].startswith(f"GET /health?access_token={CANARY}&fields=a+b%26c%3Dd HTTP".encode())


def test_a_parameter_that_is_a_secret_in_clear_is_told() -> None:
    found = list(in_clear(HttpSettings, {"url": "https://h/x", "query": {"access_token": "abc", "fields": "id"}}))
    assert [place for place, _ in found] == [("query", "access_token")]


def test_a_path_of_what_ends_must_be_readable() -> None:
    with pytest.raises(ValidationError, match="a path is written like"):
        HttpSettings(url="http://h/", expires={"token": "expires_at"})


# credentials


@pytest.mark.parametrize(
    ("status", "body", "accepted"),
    [
        ("401 Unauthorized", {"message": "bad"}, 0.0),
        ("400 Bad Request", {"error": {"code": 190, "type": "OAuthException", "message": "expired"}}, 0.0),
        ("200 OK", {"id": "1"}, 1.0),
        ("403 Forbidden", {"message": "not yours"}, None),
        ("503 Service Unavailable", {}, None),
    ],
)
async def test_an_accepted_credential_is_told_from_one_that_is_not(
    server: Server,  # noqa: F811
    make: Make,  # noqa: F811
    status: str,
    body: Any,
    accepted: float | None,
) -> None:
    server.answer = as_json(body, status)
    snapshot = await make(at(server), token="env:TOKEN").read()
    assert snapshot.gauge("credential_ok", endpoint="health") == accepted
    if accepted == 0.0:
        assert "does not accept what we log in with" in str(snapshot.facts.why)


async def test_without_a_credential_nothing_is_said_of_one(server: Server, make: Make) -> None:  # noqa: F811
    server.answer = as_json({}, "401 Unauthorized")
    snapshot = await make(at(server), expect_status=[200, 401]).read()
    assert snapshot.facts.ok, "any answer may prove that it can be reached"
    assert not any(key.name == "credential_ok" for key in snapshot.gauges)


async def test_what_ends_is_told_by_its_time(server: Server, make: Make) -> None:  # noqa: F811
    clock = StillClock()
    server.answer = as_json(
        {"data": {"expires_at": int(NOW.timestamp()) + 3 * 86400, "data_access_expires_at": 0, "odd": "soon"}}
    )
    expires = {
        "token": "$.data.expires_at",
        "data access": "$.data.data_access_expires_at",
        "odd": "$.data.odd",
        "absent": "$.data.absent",
    }
    probe = make(at(server), clock, expires=expires)
    snapshot = await probe.read()
    assert snapshot.gauge("expires_seconds_left", endpoint="health", what="token") == 3 * 86400
    assert [str(one.words) for one in snapshot.facts.expiries] == ["", "never", "no time that can be read", "not told"]
    assert len([key for key in snapshot.gauges if key.name == "expires_seconds_left"]) == 1
    said = [alert.words for alert in (await alerts_of(probe, clock)).alerts]
    assert "token of health ends in 3d00h" in said


# quotas


@pytest.mark.parametrize(
    ("headers", "limits"),
    [
        (
            {
                "x-ratelimit-limit": "5000",
                "x-ratelimit-remaining": "50",
                "x-ratelimit-reset": str(int(NOW.timestamp()) + 90),
            },
            [Limit("requests", 0.99, 50.0, 5000.0, 90.0)],
        ),
        ({"ratelimit-limit": "800", "ratelimit-remaining": "800"}, [Limit("requests", 0.0, 800.0, 800.0)]),
        ({"ratelimit": "limit=100, remaining=25, reset=5"}, [Limit("requests", 0.75, 25.0, 100.0, 5.0)]),
        (
            {"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'},
            [Limit("default", 0.5, 50.0, 100.0, 30.0)],
        ),
        (
            {
                "x-ratelimit-limit-tokens": "1000",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            [Limit("tokens", 1.0, 0.0, 1000.0, 360.0)],
        ),
        ({"x-app-usage": '{"call_count":28,"total_time":95,"total_cputime":25}'}, [Limit("app", 0.95)]),
        (
            {
                "x-business-use-case-usage": '{"17":[{"type":"instagram","call_count":100,'
                '"total_time":1,"total_cputime":1,"estimated_time_to_regain_access":19}]}'
            },
            [Limit("instagram", 1.0, resets=1140.0)],
        ),
        ({"x-app-usage": "[]"}, []),
        ({"x-app-usage": "{" * 70000}, []),
        ({"x-ratelimit-remaining": "many"}, [Limit("requests")]),
    ],
)
def test_a_quota_is_read_from_every_form_in_use(headers: dict[str, str], limits: list[Limit]) -> None:
    found = limits_of(headers, NOW)
    assert [(one.name, one.remaining, one.most, one.resets) for one in found] == [
        (one.name, one.remaining, one.most, one.resets) for one in limits
    ]
    assert [one.used for one in found] == [pytest.approx(one.used) if one.used is not None else None for one in limits]


_NAMES = st.sampled_from(
    [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-reset",
        "retry-after",
        "x-app-usage",
        "x-business-use-case-usage",
        "x-rate-limit-reset-tokens",
    ]
)


@given(st.dictionaries(_NAMES, st.text(max_size=60)), st.sampled_from([200, 400, 403, 429, 500]), st.text(max_size=9))
def test_no_header_however_odd_breaks_a_reading(headers: dict[str, str], status: int, body: str) -> None:
    limits = limits_of(headers, NOW)
    wait = pause(status, headers, {"error": {"code": body}}, limits, NOW)
    assert wait is None or 1.0 <= wait <= LONGEST
    assert status != 429 or wait is not None


@pytest.mark.parametrize(
    ("status", "headers", "body", "seconds"),
    [
        (429, {"retry-after": "30"}, None, 30.0),
        (429, {"retry-after": "Sun, 01 Mar 2026 03:14:41 GMT"}, None, 120.0),
        (429, {}, None, DEFAULT),
        (429, {"retry-after": "999999"}, None, LONGEST),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, None, 12.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, None, 12.0),
        (403, {"x-ratelimit-remaining": "9", "x-ratelimit-reset": "12"}, None, None),
        (400, {}, {"error": {"code": 4}}, DEFAULT),
        (400, {}, {"error": {"code": 190}}, None),
        (200, {"x-ratelimit-remaining": "0"}, None, None),
        (503, {"retry-after": "30"}, None, None),
    ],
)
def test_when_it_may_be_asked_again(status: int, headers: dict[str, str], body: Any, seconds: float | None) -> None:
    assert pause(status, headers, body, limits_of(headers, NOW), NOW) == seconds


async def test_after_a_429_nothing_is_sent_until_it_may_be_asked_again(server: Server, make: Make) -> None:  # noqa: F811
    clock = StillClock()
    server.answer = as_json({"error": "slow down"}, "429 Too Many Requests", "Retry-After: 40")
    probe = make(at(server), clock)
    snapshot = await probe.read()
    assert str(snapshot.facts.why) == "answers 429: asked too often, may be asked again in 40 s"
    assert snapshot.gauge("retry_seconds", endpoint="health") == 40.0
    assert snapshot.gauge("throttled_total") == 1.0
    clock.seconds += 15
    failure = await failure_of(probe)
    assert failure.cause is Cause.THROTTLED
    assert "left alone for 25 s" in str(failure.message)
    assert len(server.requests) == 1
    clock.seconds += 25
    server.answer = as_json({"status": "ok"})
    assert (await facts_of(probe)).ok
    assert len(server.requests) == 2


async def test_a_429_is_an_alert_with_the_time_and_clears_by_an_answer(server: Server, make: Make) -> None:  # noqa: F811
    clock = StillClock()
    server.answer = as_json(
        {}, "429 Too Many Requests", "Retry-After: 40", "X-RateLimit-Limit: 9", "X-RateLimit-Remaining: 0"
    )
    probe = make(at(server), clock)
    judged = await alerts_of(probe, clock)
    said = [alert.words for alert in judged.alerts]
    assert "health asks for less: not to be asked for 40 s" in said
    assert "health has 100 % of its quota of requests used" in said
    clock.seconds += 41
    clock.wall += timedelta(seconds=41)
    server.answer = as_json({"status": "ok"}, "200 OK", "X-RateLimit-Limit: 9", "X-RateLimit-Remaining: 9")
    assert not [alert for alert in await judged.more() if alert.rule in ("throttled", "quota")]
