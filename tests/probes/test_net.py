"""The net probe against real sockets: open, refused, dropped, silent, cut; TLS good and bad; names that change."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.board import Board
from desk.rules import RuleBook
from probes.base import Cause, Context, ProbeError, SafeText, Target
from probes.net import probe
from probes.net.facts import Attempt, NetFacts, Reached
from probes.net.gauges import measured
from probes.net.probe import NetProbe, NetSettings, endpoint, look_up
from tests.probes.test_http import Server, certificates, secure, server, serving  # noqa: F401
from tests.stack.faultproxy import FaultProxy, Mode
from tests.toys import NoSecrets, StillClock

Make = Callable[..., NetProbe]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[NetProbe] = []

    def new(*hosts: str, clock: StillClock | None = None, **settings: Any) -> NetProbe:
        context = Context(NoSecrets()) if clock is None else Context(NoSecrets(), clock.monotonic, clock.now)
        given = NetSettings.model_validate({"hosts": list(hosts), **settings})
        made.append(NetProbe(Target("outside", "net", given), context))
        return made[-1]

    yield new
    for one in made:
        await one.close()
        await one.close()


async def only(made: NetProbe) -> Reached:
    (one,) = (await made.read()).facts.endpoints
    return one


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# what becomes of an endpoint


async def test_an_open_port_is_reached_with_its_time_and_where_from(server: Server, make: Make) -> None:  # noqa: F811
    snapshot = await make(f"localhost:{server.port}").read()
    (one,) = snapshot.facts.endpoints
    assert one.ok
    assert one.source == "127.0.0.1"
    assert one.resolve is not None
    assert one.connect is not None
    assert one.handshake is None
    assert snapshot.gauge("up", endpoint=one.key) == 1.0
    assert 0 <= (snapshot.gauge("connect_seconds", endpoint=one.key) or -1) < 1
    assert server.requests == [], "nothing is sent"


async def test_a_refused_port_is_a_reading_that_says_so(make: Make) -> None:
    port = free_port()
    snapshot = await make(f"127.0.0.1:{port}").read()
    (one,) = snapshot.facts.endpoints
    assert (one.ok, one.cause) == (False, Cause.REFUSED)
    assert str(one.words) == "refused: its host answers, and nobody listens there"
    assert one.resolve is None, "an address is not looked up"
    assert snapshot.gauge("up", endpoint=one.key) == 0.0
    assert snapshot.gauge("connect_seconds", endpoint=one.key) is None


async def test_what_is_dropped_on_the_way_is_told_from_what_is_refused(make: Make) -> None:
    with FaultProxy(1) as proxy:
        proxy.mode = Mode.BLACKHOLE
        one = await only(make(f"127.0.0.1:{proxy.port}", timeout=3.0))
    assert one.cause is Cause.TIMEOUT_CONNECT
    assert "filtered, or its host is down" in str(one.words)


async def test_a_server_that_is_silent_takes_connections_and_that_is_all_that_is_claimed(make: Make) -> None:
    with FaultProxy(1) as proxy:
        proxy.mode = Mode.SILENT
        assert (await only(make(f"127.0.0.1:{proxy.port}"))).ok
        one = await only(make(f"127.0.0.1:{proxy.port} tls", timeout=3.0))
    assert one.cause is Cause.TIMEOUT_READ
    assert "does not finish the TLS handshake" in str(one.words)


@pytest.mark.parametrize("mode", [Mode.RESET, Mode.CLOSE])
async def test_a_connection_that_is_cut_in_the_handshake_is_told(make: Make, mode: Mode) -> None:
    with FaultProxy(1) as proxy:
        proxy.mode = mode
        one = await only(make(f"127.0.0.1:{proxy.port} tls"))
    assert one.cause in (Cause.RESET, Cause.TLS_PLAIN)
    assert "cuts the connection" in str(one.words) or "does not speak TLS" in str(one.words)


async def test_garbage_where_tls_is_expected_is_told(make: Make) -> None:
    with FaultProxy(1) as proxy:
        proxy.mode = Mode.GARBAGE
        one = await only(make(f"127.0.0.1:{proxy.port} tls"))
    assert one.cause is Cause.TLS_PLAIN
    assert str(one.words) == "takes the connection and does not speak TLS as expected"


@pytest.mark.parametrize(
    ("name", "cause", "words"),
    [
        ("other", Cause.TLS_NAME, "its certificate is for other.example, not for this name"),
        ("expired", Cause.TLS_EXPIRED, "its certificate has ended on 20"),
        ("own", Cause.TLS_UNTRUSTED, "not trusted: signed by itself"),
    ],
)
async def test_bad_certificates_are_told_apart(
    certificates: Path,  # noqa: F811
    make: Make,
    name: str,
    cause: Cause,
    words: str,
) -> None:
    async with secure(certificates, name) as server:  # noqa: F811
        one = await only(make(f"127.0.0.1:{server.port} tls", ca=str(certificates / "ca.pem")))
        assert server.requests == []
    assert one.cause is cause
    assert words in str(one.words)
    assert one.certificate is not None
    assert (one.ok, one.connect, one.attempts[0].connect is not None) == (False, None, True)


async def test_a_good_certificate_is_shown_with_its_end(certificates: Path, make: Make) -> None:  # noqa: F811
    async with secure(certificates, "good") as server:  # noqa: F811
        snapshot = await make(f"127.0.0.1:{server.port} tls", ca=str(certificates / "ca.pem")).read()
    (one,) = snapshot.facts.endpoints
    assert one.ok
    assert one.handshake is not None
    left = snapshot.gauge("certificate_seconds_left", endpoint=one.key)
    assert left == pytest.approx(70 * 86400, abs=120)


async def test_a_missing_source_address_is_this_machines_fault(server: Server, make: Make) -> None:  # noqa: F811
    one = await only(make(f"127.0.0.1:{server.port}", source="192.0.2.77"))
    assert one.cause is Cause.LOCAL_PERM
    assert str(one.words) == "this machine does not have the address 192.0.2.77"
    assert (await only(make(f"127.0.0.1:{server.port}", source="127.0.0.3"))).source == "127.0.0.3"


async def test_a_file_of_authorities_that_is_not_there_is_a_failure(make: Make) -> None:
    with pytest.raises(ProbeError, match=r"the file of authorities /no/such\.pem can't be read"):
        await make("127.0.0.1:1 tls", ca="/no/such.pem").read()


# names


async def test_an_unknown_name_is_told_as_such(make: Make) -> None:
    one = await only(make("no-such-host.invalid:443", timeout=20.0))
    assert one.cause in (Cause.DNS_NX, Cause.DNS_FAIL)
    assert one.attempts == ()
    assert str(one.words) in ("no such name", "the resolver can't look up the name")


async def test_a_resolver_that_hangs_costs_its_own_endpoint_only(
    server: Server,  # noqa: F811
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()

    def slow(host: str, port: int) -> tuple[str, ...]:
        if host == "hangs.example":
            over.wait(20)
        return ("127.0.0.1",)

    monkeypatch.setattr(probe, "look_up", slow)
    made = make("hangs.example:1", f"localhost:{server.port}", timeout=3.0)
    try:
        hung, well = (await made.read()).facts.endpoints
    finally:
        over.set()
    assert (hung.cause, str(hung.words)) == (Cause.DNS_TIMEOUT, "the resolver does not answer")
    assert well.ok


async def test_every_address_is_tried_and_told(
    server: Server,  # noqa: F811
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "look_up", lambda host, port: ("127.0.0.2", "127.0.0.1"))
    snapshot = await make(f"shop.example:{server.port}").read()
    (one,) = snapshot.facts.endpoints
    assert one.ok
    assert [(tried.address, tried.ok) for tried in one.attempts] == [("127.0.0.2", False), ("127.0.0.1", True)]
    assert snapshot.gauge("addresses_down", endpoint=one.key) == 1.0
    assert snapshot.gauge("addresses", endpoint=one.key) == 2.0


async def test_more_addresses_than_are_tried_are_said(
    server: Server,  # noqa: F811
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe, "look_up", lambda host, port: tuple(f"127.0.0.{last}" for last in range(1, 21)))
    one = await only(make(f"shop.example:{server.port}"))
    assert (len(one.attempts), one.more) == (8, 12)


async def test_addresses_that_change_are_remembered(
    server: Server,  # noqa: F811
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = ["127.0.0.1"]
    clock = StillClock()
    monkeypatch.setattr(probe, "look_up", lambda host, port: tuple(there))
    made = make(f"shop.example:{server.port}", clock=clock)
    assert (await only(made)).changed is None
    there[:] = ["127.0.0.4"]
    await made.read()
    there[:] = ["127.0.0.4"]
    one = await only(made)
    assert (one.before, one.changed) == (("127.0.0.1",), clock.wall)


def test_an_address_this_machine_has_no_way_to_is_no_fault_beside_one_that_answers() -> None:
    lost = Attempt("2001:db8::1", cause=Cause.REFUSED, words=SafeText("no route"), routeless=True)
    one = Reached("a:1", "a", 1, ok=True, attempts=(Attempt("192.0.2.1", True), lost))
    assert one.lost == ()
    assert replace(one, ok=False, attempts=(lost,)).lost == (lost,)


def test_the_machines_own_name_has_an_address() -> None:
    assert "127.0.0.1" in look_up("localhost", 80)


# as a whole


async def test_a_reading_of_many_is_as_long_as_its_slowest(make: Make) -> None:
    with FaultProxy(1) as proxy:
        proxy.mode = Mode.BLACKHOLE
        hosts = [f"127.0.0.{last}:{proxy.port}" for last in range(1, 2)] + [
            f"127.0.0.1:{free_port()}" for _ in range(30)
        ]
        snapshot = await make(*hosts, timeout=6.0).read()
    assert len(snapshot.facts.down) == 31
    assert snapshot.took < 12.0


async def test_a_look_that_hangs_can_be_cut(make: Make) -> None:
    with FaultProxy(1) as proxy:
        proxy.mode = Mode.SILENT
        made = make(f"127.0.0.1:{proxy.port} tls", timeout=60.0)
        reading = asyncio.create_task(made.read())
        async with asyncio.timeout(20):
            while proxy.asked == 0:
                await asyncio.sleep(0.01)
        made.abort()
        with pytest.raises(ProbeError, match="the look was cut"):
            await reading
        reading = asyncio.create_task(made.read())
        async with asyncio.timeout(20):
            while proxy.connections < 2:
                await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_the_alert_says_why_and_for_how_long_and_ends(server: Server, make: Make) -> None:  # noqa: F811
    clock = StillClock()
    port = free_port()
    made = make(f"127.0.0.1:{port}", clock=clock)
    board, book = Board([made.target], clock), RuleBook("outside", NetProbe.rules, NetProbe.gauges)
    for _ in range(3):
        found = book.judge(board.take(await made.read()), clock.monotonic(), clock.now())
        clock.seconds += 20.5
    assert [alert.words for alert in found] == [
        f"127.0.0.1:{port} fails from here for 41 s: refused: its host answers, and nobody listens there"
    ]
    listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
    async with listening:
        assert not book.judge(board.take(await made.read()), clock.monotonic(), clock.now())


def test_every_gauge_is_declared() -> None:
    one = Reached("a:1", "a", 1, words=SafeText("refused"), down_for=3.0, attempts=(Attempt("192.0.2.1"),), slow=1.0)
    found = {key.name for key in measured(NetFacts((one, replace(one, key="b:1", ok=True)))).values}
    assert found <= {spec.name for spec in NetProbe.gauges}


# how an endpoint is written


@pytest.mark.parametrize(
    "text",
    [
        "db",
        "db:",
        ":5432",
        "db:0",
        "db:65536",
        "db:5432 ssl",
        "http://u:p@db",
        "ftp://db",
        "a b:1",
        "user@db:1",
        "[::1]",
        "::1:22",
    ],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="an endpoint is written"):
        NetSettings(hosts=[text])


@pytest.mark.parametrize(
    ("text", "key", "tls"),
    [
        ("https://graph.example/me?fields=id", "graph.example:443", True),
        ("http://127.0.0.1:1/", "127.0.0.1:1", False),
        ("https://[::1]/x", "[::1]:443", True),
    ],
)
def test_an_address_of_the_web_is_an_endpoint_too(text: str, key: str, tls: bool) -> None:
    one = endpoint(text)
    assert (one.key, one.tls) == (key, tls)
    assert NetSettings(hosts=text).hosts == text


def test_an_endpoint_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="named twice"):
        NetSettings(hosts=["a:1", "a:1 tls"])


@given(st.from_regex(r"[a-z0-9][a-z0-9.-]{0,40}", fullmatch=True), st.integers(1, 65535), st.booleans())
def test_an_endpoint_is_read_as_it_is_written(host: str, port: int, tls: bool) -> None:
    one = endpoint(f"{host}:{port}{' tls' if tls else ''}")
    assert (one.key, one.host, one.port, one.tls) == (f"{host}:{port}", host, port, tls)
