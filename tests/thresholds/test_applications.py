"""Threshold rows that an application's own HTTP answers decide: health checks, /metrics, a scheduler's interface."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.inbox.case import Change, What
from desk.inbox.inbox import Inbox
from probes.base import Severity
from tests.probes.exposing import Answer, Application, application
from tests.probes.scheduler import job, scheduling, settings_for
from tests.stack.faultproxy import FaultProxy, Mode
from tests.thresholds.room import MOST, Clock, opened

BUCKETS = (0.1, 0.5, 1.0, 2.5, 10.0)


class Work:
    """An application that works on between two looks at its /metrics."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._totals: dict[str, float] = {}
        self._each: dict[str, float] = {}
        self._now: dict[str, float] = {}
        app.answers = self._answer

    def does(self, each: Mapping[str, float] | None = None, now: Mapping[str, float] | None = None) -> None:
        """From now on: what its counters grow by until the next look, and what its gauges stand at."""
        self._each = dict(each or {})
        self._now |= now or {}

    def took(self, name: str, seconds: float, count: float, now: bool = True) -> None:
        """From now on `count` requests a look, each of which takes so long."""
        each = {f'{name}_bucket{{le="{limit}"}}': count * (seconds <= limit) for limit in BUCKETS}
        self.does(
            {**each, f'{name}_bucket{{le="+Inf"}}': count, f"{name}_count": count, f"{name}_sum": count * seconds}
        )

    def _answer(self, path: str) -> Answer:
        for name in (*self._totals, *self._each):
            self._totals.setdefault(name, 0.0)
        for name, grown in self._each.items():
            self._totals[name] += grown
        lines = [f"{name} {value}" for name, value in sorted({**self._totals, **self._now}.items())]
        families = sorted({name.removesuffix("_count") for name in self._totals if name.endswith("_count")})
        return Answer("".join(f"# TYPE {name} histogram\n" for name in families) + "\n".join(lines) + "\n")


@pytest.fixture
def app() -> Iterator[Application]:
    with application() as made:
        yield made


@pytest.fixture
def work(app: Application) -> Work:
    return Work(app)


def page(app: Application, code: int = 200, body: Mapping[str, Any] | None = None) -> None:
    """What a health check answers from now on."""
    app.status, app.body = code, json.dumps({"status": "healthy", **(body or {})})
    app.headers["Content-Type"] = "application/json"


# shares: a part of a counter against the whole

SHARES = {
    "A-11": ("insta_connect", "token-refresh-failure", "token_refresh_total", "result", "failure", "success",
             Severity.WARNING, "of token refreshes fail, limit 10 %", 0.09),
    "A-12": ("insta_connect", "webhook-errors", "webhook_events_total", "result", "failed", "received",
             Severity.WARNING, "of webhook events fail, limit 5 %", 0.045),
    "A-15": ("insta_connect", "error-rate", "http_requests_total", "status", "500", "200",
             Severity.CRITICAL, "of requests fail, limit 5 %", 0.045),
    "A-34": ("insta_connect", "api-timeouts", "api_calls_total", "result", "timeout", "ok",
             Severity.WARNING, "of calls to the Graph API time out, limit 5 %", None),
    "E-28": ("newsletter", "email-failures", "emails_total", "result", "failed", "sent",
             Severity.WARNING, "of e-mails fail, limit 5 %", None),
    "E-28 bounces": ("newsletter", "email-bounces", "emails_total", "result", "bounced", "sent",
                     Severity.WARNING, "of e-mails bounce, limit 2 %", None),
}  # fmt: skip


@pytest.mark.parametrize("row", SHARES)
async def test_a_share_is_raised_at_once_and_ends_when_it_is_clearly_over(
    row: str, app: Application, work: Work
) -> None:
    system, rule, metric, label, ill, well, severity, words, between = SHARES[row]
    part, rest = (f'{metric}{{{label}="{one}"}}' for one in (ill, well))
    whole, first = 1000.0, 500.0
    of_all = well == "received"  # there the whole is a counter of its own
    switched_on = ("email-failures", "email-bounces") if system == "newsletter" else ()

    def stays() -> None:
        assert between is not None
        work.does({part: 0.0, rest: first / between - 2 * whole})
        answer = app.answers

        def once(path: str) -> Answer | None:
            found = answer(path)
            work.does({part: 0.0, rest: 0.0})
            return found

        app.answers = once

    async with opened(system, {"app": {"url": app.url}}, switched_on=switched_on) as room:
        work.does({part: 0.0, rest: whole})
        alert = await room.proves(
            "app",
            rule,
            severity=severity,
            words=rf"\d+ % {words}",
            bad=lambda: work.does({part: first, rest: whole if of_all else whole - first}),
            between=stays if between is not None else None,
            good=lambda: work.does({part: 0.0, rest: 1e6}),
        )
        assert alert.value is not None
        assert alert.limit is not None
        assert alert.value > alert.limit


async def test_a_share_of_a_few_events_raises_nothing(app: Application, work: Work) -> None:
    part, rest = 'http_requests_total{status="500"}', 'http_requests_total{status="200"}'
    async with opened("insta_connect", {"app": {"url": app.url}}) as room:
        work.does({part: 2.0, rest: 2.0})
        for _ in range(5):
            await room.read("app")
        assert room.alert("error-rate") is None


# averages

AVERAGES = {
    "A-13": ("insta_connect", "api-latency", "api_call_duration_seconds", 6.0,
             r"calls to the Graph API take \d.* s on average, limit 5 s", Severity.WARNING),
    "A-14": ("insta_connect", "db-latency", "db_query_duration_seconds", 4.0,
             r"database queries take \d.* s on average, limit 1 s", Severity.WARNING),
    "E-42": ("newsletter", "slow-api", "http_request_duration_seconds", 4.0,
             r"requests take \d.* s on average, limit 1 s", Severity.WARNING),
    "D-133": ("social_live", "scale-response", "http_request_duration_seconds", 2.0,
              r"requests take \d.*s on average, limit 500 ms", Severity.NOTICE),
}  # fmt: skip


@pytest.mark.parametrize("row", AVERAGES)
async def test_an_average_is_raised_at_once_and_ends(row: str, app: Application, work: Work) -> None:
    system, rule, metric, slow, words, severity = AVERAGES[row]
    target = "backend" if system == "social_live" else "app"
    async with opened(system, {target: {"url": app.url}}) as room:
        work.took(metric, 0.05, 10)
        await room.proves(
            target,
            rule,
            severity=severity,
            words=words,
            bad=lambda: work.took(metric, slow, 1000),
            good=lambda: work.took(metric, 0.05, 1e6),
        )


# what must last

ERRORS = ('http_requests_total{status="503"}', 'http_requests_total{status="200"}')
LASTING = {
    "D-33": ("social_live", "backend", "high-error-rate", 300.0, Severity.CRITICAL,
             r"\d+ % of requests have failed for five minutes, limit 5 %"),
    "E-108": ("newsletter", "app", "rollback-decision", 600.0, Severity.CRITICAL,
              r"\d+ % of requests have failed for ten minutes"),
}  # fmt: skip


@pytest.mark.parametrize("row", LASTING)
async def test_an_error_rate_is_raised_when_it_has_lasted(row: str, app: Application, work: Work) -> None:
    system, target, rule, hold, severity, words = LASTING[row]
    bad, good = ERRORS
    async with opened(system, {target: {"url": app.url}}) as room:
        work.does({bad: 0.0, good: 1000.0})
        await room.proves(
            target, rule, severity=severity, words=words, hold=hold,
            bad=lambda: work.does({bad: 500.0, good: 500.0}),
            good=lambda: work.does({bad: 0.0, good: 1e7}),
        )  # fmt: skip


async def test_an_error_rate_that_pauses_begins_anew(app: Application, work: Work) -> None:
    bad, good = ERRORS
    async with opened("social_live", {"backend": {"url": app.url}}) as room:
        work.does({bad: 500.0, good: 500.0})
        for _ in range(15):
            await room.read("backend")
        work.does({bad: 0.0, good: 1e7})
        await room.read("backend")
        work.does({bad: 1e7, good: 1e7})
        for _ in range(15):
            await room.read("backend")
        assert room.alert("high-error-rate") is None


async def test_d54_one_request_in_twenty_is_slow_for_ten_minutes(app: Application, work: Work) -> None:
    metric = "http_request_duration_seconds"
    async with opened("social_live", {"backend": {"url": app.url}}) as room:
        work.took(metric, 0.05, 1000)
        alert = await room.proves(
            "backend",
            "high-response-time",
            severity=Severity.WARNING,
            words=r"one request in twenty has taken .* s or more for ten minutes, limit 1 s",
            hold=600.0,
            bad=lambda: work.took(metric, 2.0, 1000),
            good=lambda: work.took(metric, 0.05, 1e8),
        )
        assert alert.handling.respond == 1800.0, "D-53"


async def test_d105_the_heap_is_larger_than_500_mib(app: Application, work: Work) -> None:
    heap = "nodejs_heap_size_used_bytes"
    async with opened("social_live", {"backend": {"url": app.url}}) as room:
        work.does(now={heap: 500 * 2**20})
        await room.proves(
            "backend", "heap", severity=Severity.NOTICE,
            words="the backend's heap holds 512 MiB, limit 500 MiB",
            bad=lambda: work.does(now={heap: 512 * 2**20}), good=lambda: work.does(now={heap: 400 * 2**20}),
        )  # fmt: skip


# two limits of one number, and a trend


async def test_b06_the_error_rate_is_a_warning_above_one_percent_and_critical_above_five(
    app: Application, work: Work
) -> None:
    bad, good = ERRORS
    async with opened("whatsapp_notifications", {"app": {"url": app.url}}) as room:
        work.does({bad: 0.0, good: 1000.0})
        await room.proves(
            "app", "error-rate", severity=Severity.WARNING, words=r"[23] % of requests fail, limit 1 %",
            bad=lambda: work.does({bad: 60.0, good: 1000.0}), good=lambda: work.does({bad: 0.0, good: 1e5}),
        )  # fmt: skip
        alert = await room.proves(
            "app", "error-rate", severity=Severity.CRITICAL, words=r"\d+ % of requests fail, limit 5 %", calm=0,
            bad=lambda: work.does({bad: 1e6, good: 1e6}), good=lambda: work.does({bad: 0.0, good: 1e9}),
        )  # fmt: skip
        assert alert.limit == 0.05


async def test_b08_failed_deliveries_rise(app: Application, work: Work) -> None:
    failed = 'deliveries_total{result="failed"}'
    async with opened("whatsapp_notifications", {"app": {"url": app.url}}) as room:
        for grown in (1.0,) * 160 + (2.0,) * 20:
            work.does({failed: grown})
            await room.read("app")
            if grown == 1.0:
                assert room.alert("failed-deliveries-rise") is None
        assert room.alert("failed-deliveries-rise") is None, "four a minute became eight, for a fifteenth of the time"
        times = 0
        while room.alert("failed-deliveries-rise") is None:
            await room.read("app")
            times += 1
        alert = room.alert("failed-deliveries-rise")
        assert alert is not None
        assert alert.value is not None
        assert 1.0 < alert.value < 1.2, "at the first reading that is beyond it"
        assert alert.words.startswith("failed deliveries rise: 1/min a minute more") or "more than" in alert.words
        for _ in range(150):
            await room.read("app")
        assert room.alert("failed-deliveries-rise") is None, "as bad as a quarter of an hour ago: it no longer rises"


# health checks


async def test_a03_two_checks_in_a_row_fail_whatever_way(app: Application) -> None:
    page(app)
    with FaultProxy(app.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}/health"
        async with opened("insta_connect", {"health": {"url": url}}) as room:

            async def check(status: int = 200, health: str = "healthy", mode: Mode = Mode.PASS) -> bool:
                page(app, status, {"status": health})
                proxy.become(mode)
                await room.read("health")
                return room.alert("unhealthy") is not None

            assert not await check()
            assert not await check(503), "one is none"
            assert not await check(), "and the row is broken"
            assert not await check(health="unhealthy")
            assert await check(mode=Mode.REFUSE), "a wrong body and then no answer are two in a row"
            alert = room.alert("unhealthy")
            assert alert is not None
            assert (alert.severity, alert.since) == (Severity.CRITICAL, room.clock.seconds)
            assert alert.words == "unhealthy: no value of health.up"
            assert await check(500)
            alert = room.alert("unhealthy")
            assert alert is not None
            assert alert.words == "the application says that it is not healthy"
            assert not await check(), "it ends at the first good check"
            assert room.alerts() == []


async def test_a04_a_check_takes_longer_than_five_seconds(app: Application) -> None:
    clock, slow = Clock(), False
    page(app)

    def answer(path: str) -> None:
        clock.forward(5.2 if slow else 0.2)

    def turn(to: bool) -> None:
        nonlocal slow
        slow = to

    app.answers = answer
    async with opened("insta_connect", {"health": {"url": f"http://127.0.0.1:{app.port}/health"}}, clock) as room:
        await room.proves(
            "health", "health-slow", severity=Severity.WARNING,
            words=r"the health check took 5\.2 s, limit 5 s", bad=lambda: turn(True), good=lambda: turn(False),
        )  # fmt: skip


@pytest.mark.parametrize("how", ["an error", "no answer"])
async def test_d43_the_check_fails_for_two_minutes(app: Application, how: str) -> None:
    page(app)
    with FaultProxy(app.port) as proxy:

        def recovers() -> None:
            page(app)
            proxy.become(Mode.PASS)

        async with opened("social_live", {"api": {"url": f"http://127.0.0.1:{proxy.port}/health"}}) as room:
            alert = await room.proves(
                "api", "service-down", severity=Severity.CRITICAL, hold=120.0,
                words="the API has not been healthy for two minutes|service-down: no value of api.up",
                bad=lambda: page(app, 500) if how == "an error" else proxy.become(Mode.REFUSE),
                good=recovers,
            )  # fmt: skip
            assert alert.handling.respond == 120.0, "D-44"
            assert room.alerts() == []


RESPOND = {
    "D-34": ("backend", "high-error-rate", 300.0),
    "D-44": ("api", "service-down", 120.0),
    "D-53": ("backend", "high-response-time", 1800.0),
}


@pytest.mark.parametrize("row", RESPOND)
async def test_who_must_respond_has_that_time_and_then_it_is_said(row: str, app: Application, work: Work) -> None:
    target, rule, seconds = RESPOND[row]
    bad, good = ERRORS
    if target == "api":
        app.answers = lambda path: Answer("{}", 500)
    elif rule == "high-error-rate":
        work.does({bad: 500.0, good: 500.0})
    else:
        work.took("http_request_duration_seconds", 2.0, 1000)
    async with opened("social_live", {target: {"url": app.url}}) as room:
        inbox = Inbox(room.clock, {target: "http"})
        changes: list[Change] = []
        inbox.heard.append(changes.append)
        for _ in range(MOST):
            await room.read(target)
            if (alert := room.alert(rule)) is not None:
                break
        assert alert is not None
        inbox.look(target, [alert])
        room.clock.forward(seconds - 1)
        inbox.tick()
        assert [one.what for one in changes] == [What.RAISED]
        room.clock.forward(1)
        inbox.tick()
        assert [one.what for one in changes] == [What.RAISED, What.LATE]
        assert changes[-1].at == alert.at + timedelta(seconds=seconds)


SERVICE_UNAVAILABLE = {
    "C-03": ("social_analytics", "ready", "service-unavailable", "the service answers 503", 2),
    "E-02": ("newsletter", "health", "application-down", "the health check answers 503", 1),
}


@pytest.mark.parametrize("row", SERVICE_UNAVAILABLE)
async def test_a_service_answers_503(row: str, app: Application) -> None:
    system, target, rule, words, readings = SERVICE_UNAVAILABLE[row]
    page(app)
    async with opened(system, {target: {"url": f"http://127.0.0.1:{app.port}/", "served_by": None}}) as room:
        await room.proves(
            target, rule, severity=Severity.CRITICAL, words=words, readings=readings,
            bad=lambda: page(app, 503), good=lambda: page(app),
        )  # fmt: skip


PARTS = {"E-14": ("database", "database-check"), "E-56": ("storage", "storage-check")}


@pytest.mark.parametrize("row", PARTS)
async def test_a_part_of_the_health_check_fails(row: str, app: Application) -> None:
    part, rule = PARTS[row]
    well = {"checks": {"database": {"status": "healthy"}, "storage": {"status": "healthy"}}}
    ill = {"checks": {**well["checks"], part: {"status": "unhealthy"}}}
    page(app, body=well)
    async with opened("newsletter", {"health": {"url": f"http://127.0.0.1:{app.port}/", "served_by": None}}) as room:
        await room.proves(
            "health", rule, severity=Severity.CRITICAL, readings=2,
            words=f"the health check says that {'the ' if part == 'database' else ''}{part} is unhealthy",
            bad=lambda: page(app, 503, ill), good=lambda: page(app, body=well),
        )  # fmt: skip


async def test_e28_the_api_of_the_mail_service_answers_with_errors(app: Application) -> None:
    page(app)
    place = {"url": f"http://127.0.0.1:{app.port}/domains"}
    async with opened("newsletter", {"resend": place}, switched_on=("resend-errors",)) as room:
        await room.proves(
            "resend", "resend-errors", severity=Severity.WARNING, hold=300.0,
            words="the Resend API answers with errors",
            bad=lambda: page(app, 500), good=lambda: page(app),
        )  # fmt: skip


# errors that Sentry gathers; there is no Sentry here, so its protocol is spoken by a small server


async def test_b07_an_issue_in_sentry_is_an_alert(app: Application) -> None:
    now = datetime.now(UTC)
    issue = {
        "id": "4711", "shortId": "WHATSAPP-1", "title": "TimeoutError: no answer", "level": "error",
        "substatus": "new", "count": "12", "userCount": 3, "project": {"slug": "whatsapp-notifications"},
        "firstSeen": (now - timedelta(minutes=3)).isoformat(), "lastSeen": now.isoformat(),
    }  # fmt: skip

    def gathers(*issues: object) -> None:
        app.body = json.dumps(issues)

    app.headers["Content-Type"] = "application/json"
    gathers()
    async with opened("whatsapp_notifications", {"errors": {"url": f"http://127.0.0.1:{app.port}"}}) as room:
        seen = []
        for held in ((), (issue,), (issue,), ()):
            gathers(*held)
            await room.read("errors")
            seen.append([alert for alert in room.alerts() if alert.theirs is not None])
        assert [len(found) for found in seen] == [0, 1, 1, 0]
        alert = seen[1][0]
        assert alert.severity is Severity.WARNING
        assert "TimeoutError" in f"{alert.rule} {alert.words}"
        assert alert.handling.origin == "errors", "the limit is Sentry's"


# the scheduler


async def test_c48_a_job_is_later_than_twice_its_interval() -> None:
    with scheduling() as scheduler:
        async with opened("social_analytics", {"monitoring": settings_for(scheduler.port)}) as room:

            def ran(ago: float) -> None:
                scheduler.jobs["1"] = job(1, 15, ago=0)
                scheduler.jobs["1"]["last_run_at"] = (room.clock.now() - timedelta(seconds=ago)).isoformat()

            for name in scheduler.jobs:
                scheduler.jobs[name]["last_run_at"] = (room.clock.now() + timedelta(hours=1)).isoformat()
            ran(0)
            await room.proves(
                "monitoring", "late", severity=Severity.WARNING, words=".*fetch 1.*", readings=2,
                labels={"job": "fetch 1"}, bad=lambda: ran(1801), good=lambda: ran(0),
            )  # fmt: skip


async def test_c75_a_platform_says_that_it_was_asked_too_often() -> None:
    with scheduling() as scheduler:
        async with opened("social_analytics", {"monitoring": settings_for(scheduler.port)}) as room:
            await room.proves(
                "monitoring", "rate-limited", severity=Severity.WARNING, words=r".*1.*",
                bad=lambda: scheduler.jobs["1"].update(last_status="rate_limited"),
                good=lambda: scheduler.jobs["1"].update(last_status="ok"),
            )  # fmt: skip
