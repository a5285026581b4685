"""A small HTTP server on loopback, for the places of this world that speak somebody else's protocol."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

JSON: Final = "application/json"
PLAIN: Final = "text/plain; charset=utf-8"

_LARGEST: Final = 8 << 20
"""Bytes a request's body may have."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes = b""

    def document(self) -> Any:
        """The body as JSON; an empty table when it is none."""
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(self.body)
        return {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to it: a body, or one that comes bit by bit."""

    body: bytes = b""
    status: int = 200
    sort: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: AsyncIterator[bytes] | None = None


def told(document: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(document, separators=(",", ":")).encode(), status)


Answerer = Callable[[Request], Awaitable[Answer]]


async def listen(port: int, answer: Answerer) -> None:
    """Serve on this loopback port until cancelled."""

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _asked(reader):
                await _said(writer, request, await answer(request))
        except (OSError, EOFError, ValueError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(visited, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


async def _asked(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None at its end."""
    first = (await reader.readline()).decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = {}
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    size = int(headers.get("content-length", "0"))
    if size > _LARGEST:
        raise ValueError("the body is too long")
    if headers.get("expect"):
        return None
    parts = urlsplit(first[1])
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Request(first[0], unquote(parts.path), query, headers, await reader.readexactly(size))


async def _said(writer: asyncio.StreamWriter, request: Request, answer: Answer) -> None:
    phrase = HTTPStatus(answer.status).phrase
    length = (
        {"Transfer-Encoding": "chunked"} if answer.stream is not None else {"Content-Length": str(len(answer.body))}
    )
    headers = {"Date": formatdate(usegmt=True), "Content-Type": answer.sort, **length, **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    if answer.stream is None:
        writer.write(answer.body if request.method != "HEAD" else b"")
    else:
        async for chunk in answer.stream:
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
    await writer.drain()
