"""The proxy that breaks things must break them as told."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator

import pytest

from tests.stack.faultproxy import FaultProxy, Mode


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1024):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with FaultProxy(server.server_address[1]) as made:
            yield made
        server.shutdown()


def ask(proxy: FaultProxy, timeout: float = 0.3) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout) as client:
        client.settimeout(timeout)
        client.sendall(b"hello there")
        return client.recv(1024)


def test_it_passes_everything_on(proxy: FaultProxy) -> None:
    assert ask(proxy, 5) == b"hello there"
    assert (proxy.connections, proxy.asked) == (1, 11)


def test_it_refuses_and_comes_back(proxy: FaultProxy) -> None:
    proxy.mode = Mode.REFUSE
    with pytest.raises(ConnectionRefusedError):
        ask(proxy)
    proxy.mode = Mode.PASS
    assert ask(proxy, 5) == b"hello there"


def test_it_accepts_and_stays_silent(proxy: FaultProxy) -> None:
    proxy.mode = Mode.SILENT
    with pytest.raises(TimeoutError):
        ask(proxy)


def test_an_open_connection_falls_silent_too(proxy: FaultProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        client.sendall(b"a")
        assert client.recv(10) == b"a"
        proxy.mode = Mode.SILENT
        client.settimeout(0.3)
        client.sendall(b"b")
        with pytest.raises(TimeoutError):
            client.recv(10)


def test_it_never_finishes_the_handshake(proxy: FaultProxy) -> None:
    proxy.mode = Mode.BLACKHOLE
    with pytest.raises(TimeoutError):
        ask(proxy)


@pytest.mark.parametrize("mode", [Mode.RESET, Mode.RESET_LATER])
def test_it_resets(proxy: FaultProxy, mode: Mode) -> None:
    proxy.mode = mode
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
        client.sendall(b"hello there")
        with pytest.raises(ConnectionResetError):  # noqa: PT012 - half an answer may come first
            while client.recv(1024):
                pass


def test_it_drips(proxy: FaultProxy) -> None:
    proxy.mode = Mode.DRIP
    assert ask(proxy, 5) == b"h"


def test_it_cuts_an_answer_in_half(proxy: FaultProxy) -> None:
    proxy.mode = Mode.TRUNCATE
    assert ask(proxy, 5) == b"hello"


@pytest.mark.parametrize(("mode", "begins"), [(Mode.HTML, b"HTTP/1.1"), (Mode.GARBAGE, b""), (Mode.CLOSE, b"")])
def test_it_answers_nonsense_or_nothing(proxy: FaultProxy, mode: Mode, begins: bytes) -> None:
    proxy.mode = mode
    answer = ask(proxy, 5)
    assert answer.startswith(begins)
    assert b"hello" not in answer
    assert bool(answer) is (mode is not Mode.CLOSE)
