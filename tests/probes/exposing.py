"""A small application that exposes metrics of the test's choosing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import pytest

TEXT: Final = """# HELP shop_requests_total Requests answered.
# TYPE shop_requests_total counter
shop_requests_total{code="200"} 1027
shop_requests_total{code="500"} 3
# HELP shop_users Users logged in.
# TYPE shop_users gauge
shop_users 41
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e9
"""
"""What the application exposes unless a test says otherwise."""

METRICS_TILES: Final[Mapping[str, Any]] = {
    "tile": [
        {"name": "users", "from": "shop_users", "warning": 10},
        {"name": "requests", "from": "shop_requests_total", "as": "rate", "by": "code"},
    ]
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    body: str | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Application:
    """Answers every GET alike; the test may change the answer at any time."""

    def __init__(self, body: str | bytes = TEXT) -> None:
        self.body: str | bytes = body
        self.status = 200
        self.headers: dict[str, str] = {"Content-Type": "text/plain; version=0.0.4"}
        self.asked: list[tuple[str, dict[str, str]]] = []
        """(path, headers in lower case) of each request."""
        self.answers: Callable[[str], Answer | None] = lambda path: None
        """The answer to a path; None: the one that stands in `body`."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"


class _Quiet(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nobody's fault."""


@contextmanager
def application(body: str | bytes = TEXT) -> Iterator[Application]:
    """A running application."""
    made = Application(body)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            made.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            answer = made.answers(self.path) or Answer(made.body, made.status, made.headers)
            body = answer.body.encode() if isinstance(answer.body, str) else answer.body
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = _Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def exposing(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of an application."""
    with application() as made:
        yield made.port
