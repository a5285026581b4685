"""Reading an Alertmanager: the real one, and answers it can give that are hard to bring about."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from desk.board import Slot
from desk.rules import RuleBook
from probes.alerting.alertmanager import AlertmanagerProbe, AlertmanagerSettings
from probes.alerting.facts import AlertmanagerFacts
from probes.alerting.parse import MOST_ALERTS, MOST_SILENCES
from probes.base import Cause, Context, ProbeError, Raised, Severity, Snapshot, Target
from tests.probes.fakegrafana import BELOW, fake_grafana
from tests.stack.process import wait_until
from tests.stack.prometheus import Alertmanager, Prometheus
from tests.toys import NoSecrets

TOKEN = "hunter2-CANARY-x9"


class Words:
    """Gives every reference the one token."""

    def resolve(self, reference: str) -> str:
        return TOKEN


@asynccontextmanager
async def probing(url: str, **settings: Any) -> AsyncIterator[AlertmanagerProbe]:
    made = AlertmanagerSettings.model_validate({"url": url, "timeout": 3} | settings)
    probe = AlertmanagerProbe(Target("am", "alertmanager", made), Context(Words()))
    try:
        yield probe
    finally:
        await probe.close()
        await probe.close()


async def reading(url: str, **settings: Any) -> Snapshot[AlertmanagerFacts]:
    async with probing(url, **settings) as probe:
        return await probe.read()


async def failing(url: str, **settings: Any) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await reading(url, **settings)
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def soon(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def said(snapshot: Snapshot[Any]) -> dict[str, tuple[Severity, str]]:
    """What the rules say at once about a reading."""
    book = RuleBook("am", AlertmanagerProbe.rules, AlertmanagerProbe.gauges)
    slot = Slot(Target("am", "alertmanager", AlertmanagerSettings()), 0.0, snapshot=snapshot, received=0.0)
    return {alert.words: (alert.severity, alert.rule) for alert in book.judge(slot, 1.0, datetime.now(UTC))}


def told(url: str, facts: AlertmanagerFacts) -> Sequence[Raised]:
    """What it raises."""
    made = AlertmanagerSettings(url=url)
    return AlertmanagerProbe(Target("am", "alertmanager", made), Context(Words())).raised(facts)


# the real one


@pytest.mark.engine
async def test_alerts_and_silences_are_read_as_they_stand(new_alertmanager: Callable[..., Alertmanager]) -> None:
    server = new_alertmanager()
    server.alert("Down", severity="critical", instance="web-1")
    server.alert("Down", severity="critical", instance="web-2")
    server.alert("Slow", severity="warning")
    server.alert("Watchdog", severity="none")
    server.alert("Odd")
    id = server.silence({"alertname": "Slow"}, until=soon(9), author="anna", comment="disk \x1b[2J swap")
    found = await reading(server.url)
    facts = found.facts
    assert [str(one.name) for one in facts.alerts][:2] == ["Down", "Down"]
    assert facts.held == 5
    down, slow = facts.alerts[0], next(one for one in facts.alerts if str(one.name) == "Slow")
    assert (down.state, down.severity, str(down.word)) == ("active", Severity.CRITICAL, "critical")
    assert down.where.startswith("instance=web-")
    assert down.key.startswith('alertname="Down",instance="web-')
    assert [str(one) for one in down.receivers] == ["nobody"]
    assert 0 <= (down.age or 0) < 60
    assert (slow.state, slow.silenced_by) == ("suppressed", (id,))
    (silence,) = facts.silences
    assert (silence.id, silence.state, str(silence.author)) == (id, "active", "anna")
    assert str(silence.comment) == "disk ^[[2J swap"
    assert [str(one) for one in silence.matchers] == ['alertname="Slow"']
    assert silence.silences == 1
    assert 500 < (silence.left or 0) <= 540
    assert not silence.ours
    assert facts.cluster == "disabled"
    assert str(facts.version)[:1].isdigit()
    assert found.gaps == ()
    gauges = {str(key): value for key, value in found.gauges.items()}
    assert gauges['alerts{severity="critical"}'] == 2
    assert gauges['alerts{severity="warning"}'] == 0
    assert gauges['alerts{severity="other"}'] == gauges['alerts{severity="none"}'] == 1
    assert gauges['critical_alerts{alert="Down"}'] == 2
    assert gauges["alerts_suppressed"] == gauges["silences_active"] == gauges["silences_ending"] == 1
    assert gauges["alerts_held"] == 5
    assert "cluster_ready" not in gauges
    assert [rule for _, rule in said(found).values()] == ["silence-ends"]
    raised = [(str(one.name), one.severity, one.silenced) for one in told(server.url, facts)]
    assert raised == [
        ("Down", Severity.CRITICAL, False),
        ("Down", Severity.CRITICAL, False),
        ("Odd", Severity.NOTICE, False),
        ("Slow", Severity.WARNING, True),
    ]


@pytest.mark.engine
async def test_an_ended_silence_is_still_listed_and_counts_no_more(
    new_alertmanager: Callable[..., Alertmanager],
) -> None:
    server = new_alertmanager()
    server.silence({"alertname": "Slow"}, until=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    wait_until(lambda: server.get("/api/v2/silences")[0]["status"]["state"] == "expired", 10)
    later = server.silence({"alertname": "Later"}, until=soon(90))
    found = await reading(server.url)
    assert [one.state for one in found.facts.silences] == ["active", "expired"]
    assert found.facts.silences[0].id == later
    assert found.gauge("silences_active") == 1
    assert found.gauge("silences_ending") == 0
    assert (found.facts.silences[1].left or 0) < 0


@pytest.mark.engine
async def test_what_a_prometheus_says_fires_is_seen(prometheus: Prometheus, alertmanager: Alertmanager) -> None:
    wait_until(lambda: bool(alertmanager.get("/api/v2/alerts", filter="alertname=TargetDown")), 30)
    found = await reading(alertmanager.url, matchers=["alertname=TargetDown"])
    assert {str(one.name) for one in found.facts.alerts} == {"TargetDown"}
    (down, *_) = found.facts.alerts
    assert "is down" in str(down.summary)
    assert str(down.source).startswith("http")
    assert ("runbook_url", "https://runbooks.example/target-down") in [(str(a), str(b)) for a, b in down.annotations]


@pytest.mark.engine
async def test_matchers_leave_the_other_alerts_out(new_alertmanager: Callable[..., Alertmanager]) -> None:
    server = new_alertmanager()
    server.alert("Down", team="payments")
    server.alert("Down", team="search")
    found = await reading(server.url, matchers=['team="payments"'])
    assert [one.where for one in found.facts.alerts] == ["team=payments"]
    error = await failing(server.url, matchers=["team=~("])
    assert error.cause is Cause.GARBAGE


@pytest.mark.engine
async def test_a_thousand_alerts_are_counted_and_bounded(new_alertmanager: Callable[..., Alertmanager]) -> None:
    server = new_alertmanager()
    many = [{"labels": {"alertname": f"A{n % 70}", "severity": "critical", "pod": f"p{n}"}} for n in range(1200)]
    server._post("/api/v2/alerts", many)
    server.alert("Small", severity="warning")
    found = await reading(server.url)
    facts = found.facts
    assert len(facts.alerts) == MOST_ALERTS
    assert facts.held == found.gauge("alerts_held") == 1201
    assert found.gauge("alerts", severity="critical") == 1200
    assert sum(key.name == "critical_alerts" for key in found.gauges) == 50
    assert found.gauge("warning_alerts", alert="Small") == 1
    parts = [gap.part for gap in found.gaps]
    assert parts == ["201 of 1201 alerts as rows", "20 more names of firing alerts, one by one"]


@pytest.mark.engine
async def test_a_prefix_in_the_address_is_kept(alertmanager: Alertmanager) -> None:
    with fake_grafana() as front:
        front.upstream = alertmanager.url
        found = await reading(f"{front.url}{BELOW}/")
        assert str(found.facts.version)[:1].isdigit()
        error = await failing(front.url)
    assert error.cause is Cause.MISSING
    assert "no Alertmanager API v2" in str(error.message)
    assert "path prefix" in str(error.hint)


# answers that are hard to bring about


class Canned(BaseHTTPRequestHandler):
    answers: dict[str, tuple[int, dict[str, str], bytes]]
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append((path, self.headers.get("Authorization", "")))
        status, headers, body = self.answers.get(path, self.answers.get("*", (404, {}, b"{}")))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.answers.get("date", (0, {}, b""))[2].decode() or super().date_time_string()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


class Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A handshake that its client breaks off is meant here."""


STATUS = {"cluster": {"status": "ready", "peers": []}, "versionInfo": {"version": "0.27.0"}, "uptime": "x"}


@contextmanager
def canned(tls: ssl.SSLContext | None = None, **answers: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(address, what was asked) of a server with these answers: status, alerts, silences, every, date."""
    told: dict[str, tuple[int, dict[str, str], bytes]] = {}
    for name, value in ({"status": STATUS, "alerts": [], "silences": []} | answers).items():
        path = {"every": "*", "date": "date"}.get(name, f"/api/v2/{name}")
        told[path] = value if isinstance(value, tuple) else (200, {}, json.dumps(value).encode())
    if "every" in answers:
        told = {"*": told["*"]}
    asked: list[tuple[str, str]] = []
    handler = type("Handler", (Canned,), {"answers": told, "asked": asked})
    server = Quiet(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "cause", "says"),
    [
        ((401, {}, b"no"), Cause.AUTH, "does not take our login"),
        ((403, {}, b"no"), Cause.DENIED, "does not allow us this"),
        ((404, {}, b"404 page not found"), Cause.MISSING, "no Alertmanager API v2"),
        ((429, {}, b'{"message": "slow down"}'), Cause.THROTTLED, "asked too often: slow down"),
        ((500, {}, b'"broken \\u001b[2J"'), Cause.OVERLOADED, "HTTP 500: broken ^[[2J"),
        ((502, {}, b"<html>Bad gateway</html>"), Cause.OVERLOADED, "a web page"),
        ((400, {}, b'{"code": 400, "message": "bad matcher"}'), Cause.GARBAGE, "HTTP 400: bad matcher"),
        ((302, {"Location": "/login"}, b'<a href="/login">Found</a>'), Cause.AUTH, "sends us elsewhere"),
        ((301, {"Location": "https://x/"}, b""), Cause.GARBAGE, "sends us elsewhere"),
        ((200, {}, b"<html></html>"), Cause.GARBAGE, "a web page"),
        ((200, {}, b"nonsense \x1b[2J"), Cause.GARBAGE, "not answer with JSON: nonsense ^[[2J"),
        ((200, {}, b"[" * 100_000), Cause.GARBAGE, "not answer with JSON"),
        ((200, {}, b"[]"), Cause.GARBAGE, "not answer like an Alertmanager"),
        ((200, {}, b"{}"), Cause.GARBAGE, "do not come as a list"),
        ((200, {}, b'"' + b"a" * (9 << 20) + b'"'), Cause.TOO_BIG, "greater than 8 MiB"),
    ],
)
async def test_each_wrong_answer_has_its_words(
    answer: tuple[int, dict[str, str], bytes], cause: Cause, says: str
) -> None:
    with canned(every=answer) as (url, _):
        error = await failing(url, token="env:T")
    assert error.cause is cause
    assert says in str(error.message)


async def test_no_redirect_is_followed_and_the_token_goes_nowhere_else() -> None:
    with canned() as (other, asked), canned(every=(302, {"Location": f"{other}/api/v2/status"}, b"")) as (url, first):
        await failing(url, token="env:T")
    assert asked == []
    assert {login for _, login in first} == {f"Bearer {TOKEN}"}


async def test_a_login_is_sent_as_a_token_or_by_name_and_password() -> None:
    with canned() as (url, asked):
        await reading(url, token="env:T")
        await reading(url, user="me", password="env:P")
        await reading(url)
    assert {login.partition(" ")[0] for _, login in asked} == {"Bearer", "Basic", ""}


async def test_a_token_that_is_no_header_is_refused_before_it_is_sent() -> None:
    class Bad:
        def resolve(self, reference: str) -> str:
            return "a\nX-Evil: 1"

    made = AlertmanagerSettings.model_validate({"url": "http://127.0.0.1:1", "token": "env:T"})
    probe = AlertmanagerProbe(Target("am", "alertmanager", made), Context(Bad()))
    with pytest.raises(ProbeError, match="no token has") as caught:
        await probe.read()
    assert caught.value.cause is Cause.AUTH
    await probe.close()


async def test_a_secret_that_can_not_be_had_is_said() -> None:
    made = AlertmanagerSettings.model_validate({"token": "env:T"})
    probe = AlertmanagerProbe(Target("am", "alertmanager", made), Context(NoSecrets()))
    with pytest.raises(ProbeError, match="no secrets in tests"):
        await probe.read()
    await probe.close()


@pytest.mark.parametrize(("word", "ready"), [("ready", 1), ("settling", 0)])
async def test_members_of_a_cluster_are_counted_and_named(word: str, ready: int) -> None:
    peers = [{"name": f"01H{n}", "address": f"10.0.0.{n}:9094"} for n in range(3)]
    with canned(status=STATUS | {"cluster": {"status": word, "peers": peers}}) as (url, _):
        found = await reading(url)
    assert str(found.facts.peers[1]) == "01H1 10.0.0.1:9094"
    assert (found.gauge("cluster_peers"), found.gauge("cluster_ready")) == (3, ready)


async def test_odd_documents_are_read_without_a_lie() -> None:
    odd = [
        {},
        {"labels": None, "annotations": [], "status": "x", "startsAt": 7, "receivers": {}},
        {"labels": {"alertname": "A", "n": 3}, "startsAt": "0001-01-01T00:00:00Z", "status": {"state": "new"}},
        {"labels": {"alertname": "A"}, "startsAt": "2026-03-01T03:00:00.123456789+01:00"},
    ]
    with canned(alerts=odd, silences=[{}, {"endsAt": "never", "matchers": "x"}]) as (url, _):
        found = await reading(url)
    assert found.facts.held == 4
    ages = [one.age for one in found.facts.alerts]
    assert any(age is None for age in ages)
    assert all(age is None or age > 0 for age in ages)
    assert found.gauge("cluster_ready") == 1
    assert len({one.key for one in found.facts.alerts}) == len(found.facts.alerts)


async def test_a_clock_that_is_wrong_is_said_and_ages_are_by_the_servers() -> None:
    there = datetime.now(UTC) + timedelta(hours=1)
    began = (there - timedelta(minutes=5)).isoformat()
    date: tuple[int, dict[str, str], bytes] = (0, {}, there.strftime("%a, %d %b %Y %H:%M:%S GMT").encode())
    with canned(alerts=[{"labels": {"alertname": "A"}, "startsAt": began}], date=date) as (url, _):
        found = await reading(url)
    assert 3590 < (found.facts.skew or 0) < 3610
    assert 295 < (found.facts.alerts[0].age or 0) < 305


async def test_silences_beyond_the_cap_are_said() -> None:
    many = [{"id": f"s{n}", "status": {"state": "active"}, "endsAt": soon(n + 20), "matchers": []} for n in range(600)]
    with canned(silences=many) as (url, _):
        found = await reading(url)
    assert len(found.facts.silences) == MOST_SILENCES
    assert found.gauge("silences_active") == 600
    assert [gap.part for gap in found.gaps] == ["100 of 600 silences as rows"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for the name localhost, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "30"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", *new, *names], cwd=folder, check=True, capture_output=True)
    return folder


async def test_a_certificate_is_checked_against_its_authority_and_the_name(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    ca = str(certificate / "cert.pem")
    with canned(tls) as (plain, asked):
        port = plain.rpartition(":")[2]
        assert (await reading(f"https://localhost:{port}", ca=ca)).facts.held == 0
        before = len(asked)
        assert (await failing(f"https://localhost:{port}", token="env:T")).cause is Cause.TLS_UNTRUSTED
        assert (await failing(f"https://127.0.0.1:{port}", ca=ca, token="env:T")).cause is Cause.TLS_NAME
        assert (await failing(f"https://localhost:{port}", ca="/nonexistent.pem")).cause is Cause.LOCAL_PERM
        assert len(asked) == before
    with canned() as (plain, _):
        assert (await failing(plain.replace("http:", "https:"), ca=ca)).cause is Cause.TLS_PLAIN


async def test_a_name_with_several_addresses_is_tried_at_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with canned() as (url, _):
        port = int(url.rpartition(":")[2])
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in ("127.0.0.2", "127.0.0.1")]
        real = socket.getaddrinfo

        def looked_up(host: Any, *rest: Any, **more: Any) -> Any:
            return found if host == "am.example" else real(host, *rest, **more)

        monkeypatch.setattr(socket, "getaddrinfo", looked_up)
        async with probing(url.replace("127.0.0.1", "am.example")) as probe:
            with pytest.raises(ProbeError) as caught:
                await probe.read()
            assert caught.value.cause is Cause.REFUSED
            assert (await probe.read()).facts.held == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "am:9093"},
        {"url": "ftp://am:9093"},
        {"url": "http://am:9093?x=1"},
        {"url": "http://"},
        {"matchers": ["payments"]},
        {"matchers": ["=x"]},
        {"matchers": ["a="]},
        {"severity": "a b"},
        {"token": "plain-text"},
        {"colour": "red"},
    ],
)
def test_settings_that_can_not_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertmanagerSettings.model_validate(wrong)


@pytest.mark.parametrize("matcher", ['team="payments"', "team!=x", 'job=~"a.*"', "job!~b", "a = b"])
def test_every_sort_of_matcher_is_taken(matcher: str) -> None:
    assert AlertmanagerSettings.model_validate({"matchers": [matcher]}).matchers == (matcher,)
