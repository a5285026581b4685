"""A small place that speaks two of AWS's protocols (JSON, and query XML for STS), and answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Mapping[str, Any] | str]
"""HTTP status, and a body: JSON or text."""

ACCOUNT = "123456789012"


@dataclass
class FakeAws:
    """What it was asked, and how it answers."""

    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """(operation, parameters) of each request."""
    answers: dict[str, Callable[[Mapping[str, Any]], Answer]] = field(default_factory=dict)
    account: str = ACCOUNT
    cut: bool = False
    """Close the connection instead of answering."""
    agents: list[str] = field(default_factory=list)
    url: str = ""

    def count(self, operation: str) -> int:
        """How often it was asked for an operation."""
        return sum(name == operation for name, _ in self.asked)

    def says(self, operation: str, code: str, status: int = 400, message: str = "no") -> None:
        """Answer an operation with an error."""
        self.answers[operation] = lambda _: (status, {"__type": f"com.amazonaws#{code}", "message": message})

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """What it answers now."""
        if operation in self.answers:
            return self.answers[operation](parameters)
        if operation == "GetCallerIdentity":
            return 200, _IDENTITY.format(account=self.account)
        return 200, {}


_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::{account}:assumed-role/ops/ann</Arn><UserId>AIDA:ann</UserId><Account>{account}</Account>
</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""


@contextmanager
def fake_aws() -> Iterator[FakeAws]:
    """One that runs on a free port until the end of the block."""
    fake = FakeAws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
            target = self.headers.get("X-Amz-Target", "")
            operation = target.rpartition(".")[2] or raw.partition("Action=")[2].partition("&")[0]
            parameters = json.loads(raw) if target else {}
            fake.asked.append((operation, parameters))
            fake.agents.append(self.headers.get("User-Agent", ""))
            if fake.cut:
                self.close_connection = True
                return
            status, body = fake.answer(operation, parameters)
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml" if isinstance(body, str) else "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
