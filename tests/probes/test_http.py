"""The http probe against real local servers: good ones, ill ones, and those that break off, lie or overflow."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook, placeholders
from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, Target
from probes.base.x509 import read_certificate
from probes.http import wire
from probes.http.body import checks_of, parse_json, path_verdict
from probes.http.facts import HttpFacts
from probes.http.gauges import measured
from probes.http.probe import HttpProbe, HttpSettings
from probes.http.reach import forbidden
from probes.http.wire import BODY_LIMIT
from tests.stack.faultproxy import FaultProxy, Mode
from tests.toys import StillClock

CANARY = "hunter2-CANARY-x9"

WELL = {"status": "healthy", "version": "1.0.0", "checks": {"database": {"status": "up", "latency_ms": 4}}}
ILL = {
    "status": "unhealthy",
    "checks": {"database": {"status": "down", "error": "connection refused"}, "redis": {"status": "up"}},
}


class OneSecret:
    """Knows one secret."""

    def __init__(self) -> None:
        self.known = {"env:TOKEN": CANARY}

    def resolve(self, reference: str) -> str:
        if reference not in self.known:
            raise LookupError(f"the environment variable {reference[4:]} is not set")
        return self.known[reference]


def reply(body: bytes = b"", status: str = "200 OK", kind: str = "application/json", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def as_json(value: Any, status: str = "200 OK", *headers: str) -> bytes:
    return reply(json.dumps(value).encode(), status, "application/json", *headers)


@dataclass
class Server:
    """A server whose next answer is whatever the test says, byte for byte."""

    answer: bytes = field(default_factory=lambda: as_json(WELL))
    close_after: bool = False
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    pause: asyncio.Event | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                if self.pause is not None:
                    await self.pause.wait()
                writer.write(self.answer)
                await writer.drain()
                if self.close_after:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving(Server()) as one:
        yield one


Make = Callable[..., HttpProbe]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[HttpProbe] = []

    def new(url: str, clock: StillClock | None = None, **settings: Any) -> HttpProbe:
        context = Context(OneSecret()) if clock is None else Context(OneSecret(), clock.monotonic, clock.now)
        made.append(HttpProbe(Target("health", "http", HttpSettings(url=url, **settings)), context))
        return made[-1]

    yield new
    for probe in made:
        await probe.close()


def at(server: Server, path: str = "/health", scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{server.port}{path}"


async def facts_of(probe: HttpProbe) -> HttpFacts:
    return (await probe.read()).facts


async def failure_of(probe: HttpProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await probe.read()
    return caught.value


# what an answer means


async def test_a_well_endpoint_is_up_with_its_checks_and_its_time(server: Server, make: Make) -> None:
    probe = make(at(server), expect={"$.status": "healthy"})
    snapshot = await probe.read()
    facts = snapshot.facts
    assert (facts.ok, facts.status, str(facts.version)) == (True, 200, "1.0.0")
    assert [(one.name, one.ok, one.latency) for one in facts.checks] == [("database", True, 0.004)]
    assert snapshot.gauge("up") == 1.0
    assert facts.timing.connect is not None
    assert facts.timing.first_byte is not None
    assert 0 < (snapshot.gauge("latency_seconds") or 0) < 1
    assert facts.down_for is None
    assert not any(key.name == "down_seconds" for key in snapshot.gauges)


async def test_an_at_sign_in_the_path_is_asked_for_as_it_stands(server: Server, make: Make) -> None:
    facts = await facts_of(make(at(server, "/@user/status?of=a@b")))
    assert facts.ok
    assert server.requests[0].startswith(b"GET /@user/status?of=a@b HTTP/1.1\r\n")
    assert b"Authorization" not in server.requests[0]
    assert str(facts.url) == at(server, "/@user/status?…")


async def test_a_503_is_a_reading_that_names_the_culprit_and_keeps_the_body(server: Server, make: Make) -> None:
    server.answer = as_json(ILL, "503 Service Unavailable")
    clock = StillClock()
    probe = make(at(server), clock)
    await probe.read()
    clock.seconds += 41
    snapshot = await probe.read()
    facts = snapshot.facts
    assert str(facts.why) == "answers 503: database down"
    assert facts.blame == "database"
    assert facts.down_for == 41.0
    assert facts.failures == 2
    assert any("connection refused" in line for line in facts.body)
    assert snapshot.gauge("check_up", check="database", endpoint="health", status="down") == 0.0
    assert snapshot.gauge("check_up", check="redis", endpoint="health", status="up") == 1.0


async def test_the_alert_says_what_is_wrong_and_for_how_long(server: Server, make: Make) -> None:
    server.answer = as_json(ILL, "503 Service Unavailable")
    clock = StillClock()
    probe = make(at(server), clock)
    first = await alerts_of(probe, clock)
    assert not any(alert.rule == "down" for alert in first.alerts), "one bad answer is no alert yet"
    for _ in range(8):
        clock.seconds += 5.125
        said = [alert.words for alert in await first.more()]
    assert said[0] == "health answers 503: database down, for 41 s"
    assert "health says database is down" in said


async def test_an_alert_stays_when_the_reason_changes(server: Server, make: Make) -> None:
    clock = StillClock()
    probe = make(at(server), clock)
    server.answer = as_json(ILL, "503 Service Unavailable")
    alerts = await alerts_of(probe, clock)
    for status in ("500 Oops", "502 Bad Gateway", "503 Service Unavailable"):
        clock.seconds += 2
        server.answer = as_json(ILL, status)
        said = [alert for alert in await alerts.more() if alert.rule == "down"]
        assert [alert.value for alert in said] == [clock.seconds - 1000.0]


async def test_health_that_comes_back_ends_the_alert_and_remembers_when(server: Server, make: Make) -> None:
    clock = StillClock()
    probe = make(at(server), clock)
    server.answer = as_json(ILL, "503 Service Unavailable")
    alerts = await alerts_of(probe, clock)
    clock.seconds += 2
    assert await alerts.more()
    server.answer = as_json(WELL)
    assert await alerts.more() == ()
    facts = await facts_of(probe)
    assert (facts.failures, facts.down_since, facts.up_ratio, facts.seen) == (0, None, 0.5, 4)


async def test_a_login_page_with_200_is_not_green_where_json_is_expected(server: Server, make: Make) -> None:
    server.answer = reply(b"<!doctype html><title>Log in</title>", kind="text/html")
    facts = await facts_of(make(at(server), expect={"$.status": "healthy"}))
    assert not facts.ok
    assert "a web page titled “Log in”" in facts.why


async def test_a_login_page_is_noticed_even_unconfigured_when_json_came_before(server: Server, make: Make) -> None:
    probe = make(at(server))
    assert (await facts_of(probe)).ok
    server.answer = reply(b"<html>welcome</html>", kind="text/html")
    facts = await facts_of(probe)
    assert not facts.ok
    assert "as it gave before" in facts.why


async def test_plain_text_is_well_where_nothing_else_is_asked(server: Server, make: Make) -> None:
    server.answer = reply(b"OK", kind="text/plain")
    assert (await facts_of(make(at(server)))).ok
    assert (await facts_of(make(at(server), expect_text="OK"))).ok
    assert not (await facts_of(make(at(server), expect_text="ready"))).ok


async def test_a_body_that_says_it_is_ill_beats_a_200(server: Server, make: Make) -> None:
    server.answer = as_json(ILL)
    facts = await facts_of(make(at(server)))
    assert str(facts.why) == "answers 200, but says it is unhealthy: database down"


async def test_what_the_profile_expects_is_said_when_it_is_not_met(server: Server, make: Make) -> None:
    server.answer = as_json({"database": {"connected": False}})
    facts = await facts_of(make(at(server), expect={"$.database.connected": True}))
    assert [str(one.words) for one in facts.verdicts if not one.ok] == ["$.database.connected is false, expected true"]


@pytest.mark.parametrize(("expected", "ok"), [(204, False), ([200, 204], True), (200, True)])
async def test_only_the_named_statuses_are_well(server: Server, make: Make, expected: Any, ok: bool) -> None:
    assert (await facts_of(make(at(server), expect_status=expected))).ok is ok


async def test_nan_in_json_is_a_missing_value_and_said(server: Server, make: Make) -> None:
    server.answer = reply(b'{"status": "ok", "depth": NaN, "load": Infinity}')
    facts = await facts_of(make(at(server), expect={"$.depth": 0}))
    assert [str(one.words) for one in facts.verdicts if not one.ok] == ["$.depth is null, expected 0"]
    assert any("NaN" in note for note in facts.notes)


async def test_an_old_answer_and_a_wrong_clock_are_told_apart(server: Server, make: Make) -> None:
    clock = StillClock()
    stamp = clock.wall - timedelta(seconds=600)
    server.answer = as_json({"status": "ok", "timestamp": stamp.isoformat()})
    assert (await facts_of(make(at(server), clock))).answer_age == pytest.approx(600, abs=1)
    behind = stamp.strftime("%a, %d %b %Y %H:%M:%S GMT")
    server.answer = as_json({"status": "ok", "timestamp": stamp.isoformat()}, "200 OK", f"Date: {behind}")
    facts = await facts_of(make(at(server), clock))
    assert facts.skew == pytest.approx(-600, abs=1.5)
    assert facts.answer_age == pytest.approx(0, abs=1.5)


async def test_an_age_header_says_the_answer_is_cached(server: Server, make: Make) -> None:
    server.answer = as_json(WELL, "200 OK", "Age: 900", "Date: Sun, 01 Mar 2026 03:12:41 GMT")
    facts = await facts_of(make(at(server), StillClock()))
    assert (facts.answer_age, facts.skew) == (900.0, None)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_that_must_not_have_a_body_and_has_one_is_read(server: Server, make: Make, status: str) -> None:
    server.answer = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n".encode() + b"surplus, not HTTP\r\n"
    probe = make(at(server))
    for _ in range(3):
        facts = await facts_of(probe)
        assert (facts.status, facts.size) == (int(status[:3]), 0)


async def test_head_asks_for_no_body(server: Server, make: Make) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    assert (await facts_of(make(at(server), method="HEAD"))).ok
    assert server.requests[0].startswith(b"HEAD /health ")


async def test_escapes_in_an_error_body_are_shown_and_never_sent_to_the_terminal(server: Server, make: Make) -> None:
    server.answer = reply(b"\x1b[2Jgone\x07\r\nsecond", "500 Oops\x9b", "text/plain\x9b")
    facts = await facts_of(make(at(server)))
    assert [str(line) for line in facts.body] == ["^[[2Jgone^G", "second"]
    assert str(facts.reason).isprintable()
    assert str(facts.content_type).isprintable()


# what is kept within bounds


async def test_a_gzip_bomb_is_read_up_to_the_limit(server: Server, make: Make) -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)
    server.answer = reply(bomb, "200 OK", "application/json", "Content-Encoding: gzip")
    began = time.monotonic()
    facts = await facts_of(make(at(server)))
    assert (facts.cut, facts.size) == (True, BODY_LIMIT)
    assert not facts.ok, "JSON was promised and cannot be judged"
    assert time.monotonic() - began < 15


async def test_a_gzipped_body_is_understood(server: Server, make: Make) -> None:
    server.answer = reply(
        gzip.compress(json.dumps(WELL).encode()), "200 OK", "application/json", "Content-Encoding: gzip"
    )
    assert [one.name for one in (await facts_of(make(at(server)))).checks] == ["database"]


async def test_an_endless_body_is_cut(make: Make) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with listening(endless) as port:
        facts = await facts_of(make(f"http://127.0.0.1:{port}/"))
    assert facts.cut


async def test_a_header_of_a_megabyte_is_refused(server: Server, make: Make) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * (1 << 20) + b"\r\n\r\n"
    assert (await failure_of(make(at(server)))).cause in (Cause.TOO_BIG, Cause.GARBAGE)


async def test_json_nested_without_end_is_text(server: Server, make: Make) -> None:
    server.answer = reply(b"[" * 200_000, kind="text/plain")
    facts = await facts_of(make(at(server)))
    assert facts.ok
    assert facts.checks == ()


async def test_ten_thousand_checks_are_counted_and_fifty_kept(server: Server, make: Make) -> None:
    server.answer = as_json({"checks": {f"c{number}": "down" for number in range(10_000)}}, "503 Oops")
    facts = await facts_of(make(at(server)))
    assert len(facts.checks) == 50
    assert facts.more_checks > 0


async def test_dripping_headers_end_at_the_deadline(make: Make) -> None:
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while not gone.is_set():
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with listening(drip) as port:
        began = time.monotonic()
        error = await failure_of(make(f"http://127.0.0.1:{port}/", timeout=0.6))
        gone.set()
    assert error.cause is Cause.TIMEOUT_READ
    assert time.monotonic() - began < 6


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    one = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield one.sockets[0].getsockname()[1]
    finally:
        one.close()


# redirects


async def test_a_redirect_is_followed_and_told(server: Server, make: Make) -> None:
    async with serving(Server()) as other:
        server.answer = reply(b"", "302 Found", "text/plain", f"Location: {at(other)}?secret=1")
        facts = await facts_of(make(at(server), headers={"X-Token": "env:TOKEN"}))
    assert facts.ok
    assert [str(note) for note in facts.notes] == [f"redirected to {at(other)}?…"]
    assert CANARY.encode() in server.requests[0]
    assert CANARY.encode() not in other.requests[0], "secrets stay with the configured place"


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://169.254.169.254/latest/meta-data/", "a local address"),
        ("http://[fe80::1]/", "a local address"),
        ("http://[::ffff:169.254.169.254]/", "a local address"),
        ("http://2852039166/", "a local address"),
        ("file:///etc/passwd", "redirects"),
        ("https://127.0.0.1/", "another scheme"),
        ("", "without saying where"),
    ],
)
async def test_a_redirect_that_could_do_harm_is_not_followed(
    server: Server, make: Make, location: str, why: str
) -> None:
    server.answer = reply(b"", "302 Found", "text/plain", f"Location: {location}")
    facts = await facts_of(make(at(server)))
    assert facts.status == 302
    assert any(why in note or "not followed" in note for note in facts.notes), facts.notes
    assert len(server.requests) == 1


async def test_a_redirect_to_where_nobody_is_says_both(server: Server, make: Make) -> None:
    server.answer = reply(b"", "302 Found", "text/plain", "Location: http://127.0.0.1:1/gone")
    error = await failure_of(make(at(server)))
    assert error.cause is Cause.REFUSED
    assert str(error.message).startswith("redirected to http://127.0.0.1:1/gone: connection refused")


async def test_redirects_end_after_two(server: Server, make: Make) -> None:
    server.answer = reply(b"", "302 Found", "text/plain", "Location: /again")
    facts = await facts_of(make(at(server)))
    assert facts.status == 302
    assert len(server.requests) == 3


def test_a_redirect_to_loopback_needs_to_start_there() -> None:
    assert forbidden("127.0.0.1", ("10.0.0.1",))
    assert not forbidden("127.0.0.1", ("::1",))
    assert not forbidden("10.0.0.2", ("10.0.0.1",))
    assert forbidden("fd00:ec2::254", ())


# connections


async def test_one_connection_is_kept_open(server: Server, make: Make) -> None:
    probe = make(at(server))
    for _ in range(5):
        await probe.read()
    assert server.connections == 1


async def test_a_new_connection_is_tried_now_and_then(server: Server, make: Make) -> None:
    clock = StillClock()
    probe = make(at(server), clock)
    await probe.read()
    clock.seconds += 31
    assert (await facts_of(probe)).timing.connect is not None
    assert server.connections == 2


async def test_a_kept_connection_that_the_server_closed_is_no_failure(server: Server, make: Make) -> None:
    server.close_after = True
    probe = make(at(server))
    for _ in range(4):
        assert (await facts_of(probe)).ok


@pytest.mark.parametrize(
    ("mode", "cause"),
    [
        (Mode.REFUSE, Cause.REFUSED),
        (Mode.SILENT, Cause.TIMEOUT_READ),
        (Mode.BLACKHOLE, Cause.TIMEOUT_CONNECT),
        (Mode.RESET, Cause.RESET),
        (Mode.DRIP, Cause.TIMEOUT_READ),
        (Mode.TRUNCATE, Cause.CLOSED_EARLY),
        (Mode.CLOSE, Cause.CLOSED_EARLY),
        (Mode.LOSE, Cause.CLOSED_EARLY),
    ],
)
async def test_every_way_to_get_no_answer_has_its_name_and_heals(
    server: Server, make: Make, mode: Mode, cause: Cause
) -> None:
    with FaultProxy(server.port) as proxy:
        probe = make(f"http://127.0.0.1:{proxy.port}/health", timeout=3.0)
        assert (await facts_of(probe)).ok
        proxy.mode = mode
        probe.abort()
        began = time.monotonic()
        error = await failure_of(probe)
        assert error.cause is cause, error
        assert time.monotonic() - began < 6
        async with asyncio.timeout(20):
            while proxy.open:
                await asyncio.sleep(0.01)
        proxy.mode = Mode.PASS
        facts = await facts_of(probe)
        assert facts.ok
        assert facts.up_ratio == pytest.approx(2 / 3), "a reading without any answer counts"


@pytest.mark.parametrize("raw", [b"\x00\xff\xfe garbage\r\n\r\n", b"-ERR wrong\r\n\r\n"])
async def test_what_is_no_http_is_garbage(server: Server, make: Make, raw: bytes) -> None:
    server.answer, server.close_after = raw, True
    assert (await failure_of(make(at(server)))).cause is Cause.GARBAGE


async def test_abort_ends_a_hanging_read_at_once_and_the_next_one_connects_afresh(server: Server, make: Make) -> None:
    server.pause = asyncio.Event()
    probe = make(at(server))
    task = asyncio.create_task(probe.read())
    async with asyncio.timeout(20):
        while not server.requests:
            await asyncio.sleep(0.01)
        probe.abort()
        with pytest.raises(ProbeError):
            await task
    server.pause.set()
    server.pause = None
    assert (await facts_of(probe)).ok
    assert server.connections == 2


async def test_a_name_that_does_not_exist_is_said(make: Make) -> None:
    error = await failure_of(make("http://no-such-host.invalid/"))
    assert error.cause in (Cause.DNS_NX, Cause.DNS_FAIL)


async def test_a_second_address_is_tried_when_the_first_refuses(
    server: Server, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "look_up", lambda place: ("127.0.0.2", "127.0.0.1"))
    assert (await facts_of(make(f"http://localhost:{server.port}/"))).ok
    assert f"Host: localhost:{server.port}".encode() in server.requests[0]


# TLS


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and certificates signed by it: good, for another name, expired; and one signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-sha256")
    openssl(folder, *new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "400", "-subj", "/CN=Test authority")
    for name, alternative, days in (
        ("good", "IP:127.0.0.1,DNS:localhost", "70"),
        ("other", "DNS:other.example", "400"),
        ("expired", "IP:127.0.0.1", "-1"),
    ):
        openssl(folder, *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/O=Shop/CN={name}.example")
        (folder / "ext").write_text(f"subjectAltName={alternative}\n")
        signing = ("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        openssl(folder, *signing, "-out", f"{name}.pem", "-days", days, "-extfile", "ext")
    self_signed = ("-x509", "-keyout", "own.key", "-out", "own.pem", "-days", "30", "-subj", "/CN=own.example")
    openssl(folder, *new, *self_signed, "-addext", "subjectAltName=IP:127.0.0.1")
    return folder


@asynccontextmanager
async def secure(folder: Path, name: str) -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    async with serving(Server(), context) as server:
        yield server


async def test_a_trusted_certificate_is_shown_with_its_end(certificates: Path, make: Make) -> None:
    async with secure(certificates, "good") as server:
        probe = make(at(server, scheme="https"), ca=str(certificates / "ca.pem"))
        snapshot = await probe.read()
        await probe.read()
    one = snapshot.facts.certificate
    assert one is not None
    assert (str(one.subject), str(one.issuer), one.self_signed) == ("good.example", "Test authority", False)
    assert [str(name) for name in one.names] == ["127.0.0.1", "localhost"]
    left = snapshot.gauge("certificate_seconds_left", endpoint="health")
    assert left == pytest.approx(70 * 86400, abs=120)
    now = datetime.now(UTC)
    short = replace(one, not_before=now - timedelta(days=3), not_after=now + timedelta(days=3))
    gauges = measured(replace(snapshot.facts, certificate=short, certificate_left=3 * 86400.0), "health").values
    assert {key.name: value for key, value in gauges.items() if "certificate" in key.name} == {
        "certificate_left_ratio": 0.5
    }
    assert snapshot.facts.timing.tls is not None
    assert server.connections == 1


@pytest.mark.parametrize(
    ("name", "cause", "words"),
    [
        ("own", Cause.TLS_UNTRUSTED, "signed by itself"),
        ("other", Cause.TLS_NAME, "it is for other.example, signed by Test authority"),
        ("expired", Cause.TLS_EXPIRED, "ended 20"),
    ],
)
async def test_a_certificate_that_can_not_be_trusted_is_named_and_nothing_is_sent(
    certificates: Path, make: Make, name: str, cause: Cause, words: str
) -> None:
    async with secure(certificates, name) as server:
        probe = make(at(server, scheme="https"), ca=str(certificates / "ca.pem"), headers={"X-Token": "env:TOKEN"})
        error = await failure_of(probe)
        assert server.requests == []
    assert error.cause is cause
    assert words in str(error.message)


async def test_without_verifying_the_certificate_is_still_shown(certificates: Path, make: Make) -> None:
    async with secure(certificates, "own") as server:
        facts = await facts_of(make(at(server, scheme="https"), tls_verify=False))
    assert facts.ok
    assert facts.certificate is not None
    assert facts.certificate.self_signed


async def test_plain_http_where_tls_is_expected_is_named(make: Make) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    async with listening(plain) as port:
        assert (await failure_of(make(f"https://127.0.0.1:{port}/"))).cause is Cause.TLS_PLAIN


async def test_a_handshake_that_never_ends_is_told_from_a_dead_network(server: Server, make: Make) -> None:
    error = await failure_of(make(at(server, scheme="https"), timeout=0.5))
    assert error.cause is Cause.TIMEOUT_CONNECT
    assert "does not finish the TLS handshake" in str(error.message)


async def test_a_missing_file_of_authorities_is_our_own_fault_and_said(server: Server, make: Make) -> None:
    error = await failure_of(make(at(server, scheme="https"), ca="/nowhere/ca.pem"))
    assert error.cause is Cause.LOCAL_PERM


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading_of_a_certificate(raw: bytes) -> None:
    read_certificate(raw)


def test_a_damaged_certificate_is_not_shown_or_shown_in_part(certificates: Path) -> None:
    whole = ssl.PEM_cert_to_DER_cert((certificates / "good.pem").read_text())
    assert read_certificate(whole) is not None
    for cut in range(0, len(whole), 7):
        assert read_certificate(whole[:cut]) is None


# secrets and settings


async def test_secrets_go_to_the_server_and_nowhere_else(server: Server, make: Make) -> None:
    server.answer = as_json(ILL, "503 Oops")
    url = f"http://user:{CANARY}@127.0.0.1:{server.port}/health?token={CANARY}"
    probe = make(url, headers={"X-Token": "env:TOKEN"})
    snapshot = await probe.read()
    assert server.requests[0].count(CANARY.encode()) == 2
    assert b"Authorization: Basic " in server.requests[0]
    assert CANARY not in repr(snapshot)
    sheet = await probe.look("body", "")
    assert CANARY not in repr(sheet)


async def test_a_secret_that_is_not_there_is_named_by_its_reference(server: Server, make: Make) -> None:
    error = await failure_of(make(at(server), headers={"X-Token": "env:OTHER"}))
    assert error.cause is Cause.AUTH
    assert "OTHER" in str(error.message)
    assert server.requests == []


async def test_a_secret_may_not_break_the_header(server: Server, make: Make) -> None:
    probe = make(at(server), headers={"X-Token": "env:TOKEN"})
    probe.context.secrets.known["env:TOKEN"] = "a\r\nHost: evil"  # type: ignore[attr-defined]
    assert (await failure_of(probe)).cause is Cause.AUTH


async def test_the_environment_does_not_choose_a_proxy(
    server: Server, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert (await facts_of(make(at(server)))).ok
    assert (await failure_of(make(at(server), environment_proxy=True))).cause is Cause.REFUSED


@pytest.mark.parametrize(
    "settings",
    [
        {"url": f"ftp://{CANARY}/"},
        {"url": f"http://a:{CANARY}@b@c/"},
        {"url": "http://a/", "expect": {f"checks {CANARY}": 1}},
        {"url": "http://a/", "headers": {"X": f"{CANARY}\r\ny"}},
        {"url": "http://a/", "expect_status": 1000},
    ],
)
def test_settings_that_can_not_work_are_refused_without_echoing_them(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpSettings(**settings)
    assert f"{CANARY}/" not in str(caught.value)
    assert f":{CANARY}@" not in str(caught.value)


def test_every_setting_is_described() -> None:
    assert all(one.description for one in HttpSettings.model_fields.values())


# the body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"checks": [{"name": "db", "status": "ok"}, {"name": "mq", "healthy": False}]}, {"db": True, "mq": False}),
        ({"status": "DOWN", "components": {"db": {"status": "OUT_OF_SERVICE"}}}, {"db": False}),
        (
            {"components": {"db": {"status": "UP", "components": {"a": {"status": "DOWN"}}}}},
            {"db": True, "db.a": False},
        ),
        ({"checks": {"x:time": [{"status": "pass", "observedValue": 250, "observedUnit": "ms"}]}}, {"x:time": True}),
        ({"details": {"db": {"status": "down"}}, "error": {"db": {"status": "down"}}}, {"db": False}),
        ({"status": "ok", "database": "connected", "redis": "error"}, {"database": True, "redis": False}),
        ({"database": {"connected": True}}, {"database": True}),
        ({"services": {"mail": "warming up"}}, {"mail": None}),
        ({"environment": "production", "debug": False, "uptime": 3600, "log_level": "error"}, {}),
        ([1, 2], {}),
        ("ok", {}),
        (None, {}),
    ],
)
def test_the_usual_shapes_of_a_health_body_are_understood(body: Any, expected: dict[str, bool | None]) -> None:
    assert {one.name: one.ok for one in checks_of(body)} == expected


def test_a_time_without_its_unit_is_not_guessed() -> None:
    checks = checks_of({"checks": {"a": {"ok": True, "latency": 12}, "b": {"ok": True, "latency": "12 ms"}}})
    assert [one.latency for one in checks] == [None, 0.012]


def test_true_is_not_one() -> None:
    parsed = parse_json(b'{"a": true, "b": 1, "c": 1.0}')
    assert not path_verdict("$.a", 1, parsed).ok
    assert not path_verdict("$.b", True, parsed).ok
    assert path_verdict("$.c", 1, parsed).ok


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["checks", "status", "a", "details", "time", "version", "name"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_body_breaks_the_reading_of_it(body: Any) -> None:
    from probes.http.body import own_verdict, stamp_of, version_of

    parsed = parse_json(json.dumps(body).encode())
    for one in checks_of(parsed.value):
        assert isinstance(one.status, SafeText)
    own_verdict(parsed)
    stamp_of(parsed.value)
    version_of(parsed.value)


# looks, rules


async def test_the_whole_body_can_be_looked_at(server: Server, make: Make) -> None:
    probe = make(at(server))
    with pytest.raises(ProbeError):
        await probe.look("body", "")
    await probe.read()
    sheet = await probe.look("body", "")
    assert str(sheet.lines[0]) == "HTTP 200 OK"
    assert any('"version": "1.0.0"' in line for line in sheet.lines)


@dataclass
class Judged:
    """A probe's readings put before its rules."""

    probe: HttpProbe
    book: RuleBook
    board: Board
    clock: StillClock
    alerts: tuple[Alert, ...] = ()

    async def more(self) -> tuple[Alert, ...]:
        slot = self.board.take(await self.probe.read())
        self.alerts = self.book.judge(slot, self.clock.monotonic(), self.clock.now())
        return self.alerts


async def alerts_of(probe: HttpProbe, clock: StillClock) -> Judged:
    board = Board([probe.target], clock)
    judged = Judged(probe, RuleBook("health", HttpProbe.rules, HttpProbe.gauges), board, clock)
    await judged.more()
    return judged


async def test_a_slow_answer_is_a_warning_with_both_numbers(server: Server, make: Make) -> None:
    clock = StillClock()
    probe = make(at(server), clock, slow=0.5)
    judged = await alerts_of(probe, clock)
    snapshot = await probe.read()
    slow = {key: 1.9 if key.name == "latency_seconds" else value for key, value in snapshot.gauges.items()}
    for key in [key for key in slow if key.name == "slow_ratio"]:
        slow[key] = 3.8
    late = Snapshot("health", snapshot.taken_at, 0.1, snapshot.facts, slow)
    for _ in range(2):
        slot = judged.board.take(late)
        found = judged.book.judge(slot, clock.monotonic(), clock.now())
    assert [alert.words for alert in found] == ["health is slow: 1.9 s, limit 500 ms"]


async def test_rules_speak_of_gauges_and_labels_that_exist(server: Server, make: Make) -> None:
    body = {**ILL, "ends": "2099-01-01T00:00:00Z"}
    server.answer = as_json(body, "503 Oops", "X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 1")
    snapshot = await make(at(server), expires={"token": "$.ends"}).read()
    declared = {spec.name for spec in HttpProbe.gauges}
    labels = {name for key in snapshot.gauges for name, _ in key.labels}
    for rule in HttpProbe.rules:
        assert rule.gauge in declared
        assert placeholders(rule.say) <= declared | labels | {"value", "limit"}
    assert {key.name for key in snapshot.gauges} <= declared


def test_a_moment_in_a_certificate_is_utc(certificates: Path) -> None:
    found = read_certificate(ssl.PEM_cert_to_DER_cert((certificates / "good.pem").read_text()))
    assert found is not None
    assert found.not_after is not None
    assert timedelta(days=69) < found.not_after - datetime.now(UTC) < timedelta(days=71)
