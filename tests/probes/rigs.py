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

from tests.probes.awsstage import CLUSTER, alb_port, ecs_port
from tests.probes.awsstage import at as aws_at
from tests.probes.awswatch import logs_port, watch_port
from tests.probes.certstage import handshakes
from tests.probes.dbstage import at as store_at
from tests.probes.dbstage import backups_port, caches_port, databases_port
from tests.probes.exposing import METRICS_TILES, exposing
from tests.probes.fakegrafana import grafana_port
from tests.probes.fakepaging import pagerduty_port, sentry_port
from tests.probes.kubefake import leading_to, shop
from tests.probes.scheduler import scheduler_port, settings_for
from tests.probes.sqsstage import at as sqs_at
from tests.probes.sqsstage import queues_port, secrets_port
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
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
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


def alerts(request: pytest.FixtureRequest) -> int:
    """An Alertmanager that holds an alert."""
    server = request.getfixturevalue("alertmanager")
    server.alert("Contract", severity="warning", instance="web-1")
    return int(server.port)


SCANS = Path(__file__).with_name("scans")
"""Recorded reports of scanners."""

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
    "kubernetes": Rig(shop, leading_to, marks=(), web=True),
    "postgres": Rig(
        lambda request: request.getfixturevalue("postgres").port,
        lambda port: {"url": f"postgresql://reader@127.0.0.1:{port}/app", "password": "env:SECRET"},
    ),
    "sql": Rig(
        lambda request: request.getfixturevalue("postgres").port,
        lambda port: {
            "url": f"postgresql://reader@127.0.0.1:{port}/app",
            "password": "env:SECRET",
            "query": {"sessions": {"sql": "SELECT count(*) FROM pg_stat_activity", "warn": 1000}},
        },
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
    "alertmanager": Rig(
        alerts,
        lambda port: {"url": f"http://127.0.0.1:{port}"},
    ),
    "grafana": Rig(grafana_port, lambda port: {"url": f"http://127.0.0.1:{port}", "token": "env:SECRET"}, marks=()),
    "sentry": Rig(
        sentry_port,
        lambda port: {"url": f"http://127.0.0.1:{port}", "organization": "acme", "token": "env:SECRET"},
        marks=(),
    ),
    "pagerduty": Rig(
        pagerduty_port,
        lambda port: {"url": f"http://127.0.0.1:{port}", "token": "env:SECRET"},
        marks=(),
    ),
    "prometheus": Rig(
        lambda request: request.getfixturevalue("prometheus").port,
        lambda port: {"url": f"http://127.0.0.1:{port}", "tile": [{"name": "ups", "expr": "sum(up)", "critical": 0}]},
    ),
    "metrics": Rig(exposing, lambda port: {"url": f"http://127.0.0.1:{port}/metrics", **METRICS_TILES}, marks=()),
    "ecs": Rig(ecs_port, lambda port: {**aws_at(port), "cluster": CLUSTER}),
    "alb": Rig(alb_port, aws_at),
    "cloudwatch": Rig(watch_port, aws_at),
    "cloudwatch_logs": Rig(
        logs_port,
        lambda port: {
            **aws_at(port),
            "groups": ["/contract/*"],
            "patterns": [{"name": "errors", "pattern": "ERROR", "limit": 3}],
        },
    ),
    "logs": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="it reads this machine's own files",
        bare={"files": [__file__, "/nowhere/*.log"], "patterns": {"rigs": {"regex": "Rig", "limit": 1}}},
    ),
    "sqs": Rig(queues_port, lambda port: sqs_at(port, queues=["contract-*"])),
    "secrets": Rig(secrets_port, lambda port: sqs_at(port, prefix="contract/")),
    "rds": Rig(databases_port, store_at),
    "elasticache": Rig(caches_port, store_at),
    "s3": Rig(backups_port, lambda port: store_at(port, bucket="contract-backups")),
    "backups": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="it is a folder of this machine",
        bare={"folder": str(Path(__file__).parent), "pattern": "*.py"},
    ),
    "commands": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="it reads the folders of its runs on this machine",
        bare={"run": {"greet": {"argv": ["true"]}, "greeting": {"argv": ["true"], "reads": True}}},
    ),
    "certificates": Rig(handshakes, lambda port: {"hosts": f"127.0.0.1:{port}"}, marks=()),
    "scans": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="it runs local programs, each ended when it is late",
        bare={"reports": str(SCANS / "*.json")},
    ),
    "rotation": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="it reads this machine's own files",
        bare={"log": [{"name": "system", "files": "/var/log/*.log", "keep": "30d"}]},
    ),
    "jobs": Rig(scheduler_port, settings_for, marks=()),
    "status": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="that a page can't be read is a reading of it: see test_status",
        bare={"url": "http://127.0.0.1:1", "every": 60},
    ),
    "net": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="each fault of an endpoint is a reading of it: see test_net",
        bare={"hosts": ["localhost:1", "127.0.0.1:2 tls"], "every": 5},
    ),
    "settings": Rig(
        lambda request: None,
        lambda port: {},
        marks=(),
        local="it reads a file of this machine",
        bare={"file": str(Path(__file__).with_name("example.env"))},
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
