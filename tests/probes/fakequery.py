"""A small place that speaks AWS's query protocol, in the XML that the library's own model of a service describes.

Other protocols (CloudWatch's) get an empty answer.

It stands for states that the emulators never show: a snapshot at 40 %, storage that is being optimised, a failover.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session

ACCOUNT = "123456789012"


class Says(Exception):
    """Raised by an answer: the service says no, with its own code."""

    def __init__(self, code: str, message: str = "no", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


Answer = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""From the parameters of a request, as they are on the wire, to what the library would give back."""


@dataclass
class FakeQuery:
    """What it was asked, and how it answers."""

    service: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    account: str = ACCOUNT
    after: Callable[[str], None] = lambda operation: None
    """Called when a request was read, before it is answered."""
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def count(self, operation: str) -> int:
        """How often it was asked for an operation."""
        return sum(name == operation for name, _ in self.asked)

    def last(self, operation: str) -> Mapping[str, str]:
        """The parameters of the last request for an operation."""
        return next(parameters for name, parameters in reversed(self.asked) if name == operation)

    def answer(self, operation: str, parameters: Mapping[str, str]) -> tuple[int, str]:
        """Status and body."""
        if operation == "GetCallerIdentity":
            who = {
                "Account": self.account,
                "Arn": f"arn:aws:sts::{self.account}:assumed-role/ops/ann",
                "UserId": "A:ann",
            }
            return 200, _answer("sts", operation, who)
        given = self.answers.get(operation)
        try:
            if given is None:
                raise Says("InvalidAction", f"{operation} is not known here")
            return 200, _answer(
                self.service if operation in _operations(self.service) else "ec2", operation, given(parameters)
            )
        except Says as no:
            return no.status, (
                f"<ErrorResponse><Error><Type>Sender</Type><Code>{no.code}</Code><Message>{escape(no.message)}</Message>"
                "</Error><RequestId>1</RequestId></ErrorResponse>"
            )


_MODELS: dict[str, Any] = {}


def _model(service: str) -> Any:
    if service not in _MODELS:
        _MODELS[service] = botocore.session.get_session().get_service_model(service)
    return _MODELS[service]


def _operations(service: str) -> list[str]:
    return list(_model(service).operation_names)


def _answer(service: str, operation: str, value: Mapping[str, Any]) -> str:
    shape = _model(service).operation_model(operation).output_shape
    inside = "" if shape is None else _members(shape, value)
    return f"<{operation}Response><{operation}Result>{inside}</{operation}Result></{operation}Response>"


def _members(shape: Any, value: Mapping[str, Any]) -> str:
    found = []
    for name, one in value.items():
        member = shape.members[name]
        tag = member.serialization.get("name", name)
        found.append(f"<{tag}>{_text(member, one)}</{tag}>")
    return "".join(found)


def _text(shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return _members(shape, value)
    if shape.type_name == "list":
        tag = shape.member.serialization.get("name", "member")
        return "".join(f"<{tag}>{_text(shape.member, one)}</{tag}>" for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else escape(str(value))


@contextmanager
def fake_query(service: str) -> Iterator[FakeQuery]:
    """One that runs on a free port until the end of the block."""
    fake = FakeQuery(service)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8", "replace")
            target = self.headers.get("X-Amz-Target", "")
            parameters = {} if target else dict(parse_qsl(raw))
            operation = target.rpartition(".")[2] or parameters.pop("Action", "")
            fake.asked.append((operation, parameters))
            fake.after(operation)
            status, body = (200, "{}") if target else fake.answer(operation, parameters)
            encoded = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0" if target else "text/xml")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    fake.port = server.server_address[1]
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
