"""How to set up each kind for the contract: a real engine, a fault proxy before it, and a target that goes through it.

One line in `RIGS` for each kind of the table; a kind that has no connection to break says why.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client

from tests.stack.faultproxy import FaultProxy

CANARY = "a-test-password"
"""The password in these tests; it must never come out again."""


class TestSecrets:
    """Knows one secret."""

    __test__ = False

    def resolve(self, reference: str) -> str:
        """The canary, whatever is asked."""
        return CANARY


@dataclass(frozen=True, slots=True)
class Rig:
    """A kind's way to be tested."""

    upstream: Callable[[pytest.FixtureRequest], Any]
    """Starts or finds the engine; gives its loopback port or the path of its socket (a context manager may give it)."""
    settings: Callable[[int], Mapping[str, Any]]
    """A target's settings for the proxy's port."""
    marks: tuple[pytest.MarkDecorator, ...] = (pytest.mark.engine,)
    web: bool = False
    """True when a web page is an answer of its protocol, so that only its content is wrong."""
    local: str = ""
    """Why there is no connection to break; empty when there is one."""
    bare: Mapping[str, Any] = field(default_factory=dict)
    """Settings of a target that needs no proxy."""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"status": "healthy", "checks": {"database": {"status": "healthy"}}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@contextmanager
def web_server(request: pytest.FixtureRequest) -> Iterator[int]:
    """A small HTTP server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


_SUPERVISOR = """[supervisord]
nodaemon=true
pidfile={folder}/pid
logfile={folder}/log
childlogdir={folder}
[unix_http_server]
file={folder}/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:sleeper]
command=sleep 3600
"""


@contextmanager
def supervisor(request: pytest.FixtureRequest) -> Iterator[str]:
    """A supervisord with one program; the path of its socket."""
    folder: Path = request.getfixturevalue("tmp_path")
    config = folder / "conf"
    config.write_text(_SUPERVISOR.format(folder=folder))
    argv = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", str(config)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    path = folder / "s.sock"
    pause = threading.Event()
    try:
        for _ in range(400):
            if path.exists():
                break
            pause.wait(0.05)
        yield str(path)
    finally:
        process.terminate()
        process.wait(15)


def queues(request: pytest.FixtureRequest) -> int:
    """A Redis with a queue in it."""
    port = int(request.getfixturevalue("redis_server").port)
    with redis_client.Redis(port=port) as client:
        client.hset("bull:mail:meta", "opts.maxLenEvents", "10000")
        client.rpush("bull:mail:wait", "1", "2", "3")
    return port


RIGS: dict[str, Rig] = {
    "http": Rig(web_server, lambda port: {"url": f"http://127.0.0.1:{port}/health"}, marks=(), web=True),
    "supervisor": Rig(supervisor, lambda port: {"url": f"http://127.0.0.1:{port}"}, web=True),
    "docker": Rig(
        lambda request: str(request.getfixturevalue("docker_engine").socket),
        lambda port: {"url": f"tcp://127.0.0.1:{port}"},
        marks=(pytest.mark.docker,),
        web=True,
    ),
    "systemd": Rig(
        lambda request: None,
        lambda port: {},
        marks=(pytest.mark.systemd,),
        local="it is read by a local program, which is killed when it is late",
    ),
    "postgres": Rig(
        lambda request: request.getfixturevalue("postgres").port,
        lambda port: {"url": f"postgresql://reader@127.0.0.1:{port}/app", "password": "env:SECRET"},
    ),
    "queues": Rig(queues, lambda port: {"url": f"redis://127.0.0.1:{port}/0", "queues": ["mail"], "type": "bullmq"}),
    "redis": Rig(
        lambda request: request.getfixturevalue("redis_server").port,
        lambda port: {"url": f"redis://127.0.0.1:{port}/0"},
    ),
    "memcached": Rig(
        lambda request: request.getfixturevalue("memcached_server").port,
        lambda port: {"url": f"memcached://127.0.0.1:{port}"},
    ),
    "host": Rig(lambda request: None, lambda port: {}, marks=(), local="it is this machine's own /proc"),
}


@contextmanager
def proxied(rig: Rig, request: pytest.FixtureRequest) -> Iterator[FaultProxy]:
    """The rig's engine behind a fault proxy."""
    with ExitStack() as stack:
        upstream = rig.upstream(request)
        if hasattr(upstream, "__enter__"):
            upstream = stack.enter_context(upstream)
        yield stack.enter_context(FaultProxy(upstream))
