"""A server that notices are sent to: it records what it gets, and answers as the test says, or not at all."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

BODY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    """In lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    how: str = "whole"
    """whole, reset (no answer), closed (no answer), hang, garbage, broken (in its body), held (in its body)."""


OK: Final = Answer()
TAKEN: Final = Answer(202, b'{"status":"success","message":"Event processed","dedup_key":"x"}')
"""As PagerDuty answers."""


class Receiver:
    """What was received, and what is answered."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[Got], Answer] = lambda got: OK
        self.port = 0
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/SECRETPATH"


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is nobody's fault."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running one."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(min(BODY, int(self.headers.get("content-length", "0"))))
            got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            made.got.append(got)
            answer = made.answer(got)
            self.close_connection = True
            if answer.how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            elif answer.how == "hang":
                made.over.wait(20)
            elif answer.how == "garbage":
                self.wfile.write(b"\x00\x01 no such thing as HTTP\r\n\r\n")
            elif answer.how != "closed":
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + (0 if answer.how == "whole" else 99)))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.how == "held":
                    made.over.wait(20)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = _Quiet(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
