"""Just enough HTTP for the programs of a world: a server whose connections are kept, and one request of our own.

It listens on loopback or on a socket in the world's folder, and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

JSON: Final = "application/json"
PLAIN: Final = "text/plain; charset=utf-8"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"

LARGEST: Final = 8 << 20
"""Bytes that a request's body may have."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as anybody here looks at it."""

    method: str
    path: str
    """Without its query, percent signs resolved."""
    query: Mapping[str, str]
    """A name without a value is there too, with an empty one."""
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes = b""

    def document(self) -> Any:
        """The body as JSON; an empty table when it is none."""
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(self.body)
        return {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a request, or was said to one of ours."""

    status: int = 200
    body: bytes = b""
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """More of them, in place of ours; of an answer to us all of them, by their names in small letters."""
    stream: AsyncGenerator[bytes, None] | None = None
    """Comes bit by bit in place of the body. An empty bit is a look at whether somebody still listens."""


Handle = Callable[[Asked], Awaitable[Answer]]


def told(document: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, json.dumps(document, separators=(",", ":")).encode())


async def serve(at: int | Path, handle: Handle, patience: float = 30.0) -> asyncio.Server:
    """Answer on a loopback port or a socket until the server is closed.

    Who takes longer than `patience` seconds for a request that has begun is cut off.
    """

    async def one(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            keeps = True
            while keeps and (first := await reader.readline()):
                async with asyncio.timeout(patience):
                    asked, keeps = await _request(first, reader)
                await _write(writer, reader, asked, await handle(asked), keeps)
        except (OSError, TimeoutError, EOFError, ValueError):
            pass
        finally:
            writer.close()

    if isinstance(at, Path):
        return await asyncio.start_unix_server(one, at)
    return await asyncio.start_server(one, "127.0.0.1", at)


async def ask(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    within: float = 5.0,
) -> Answer:
    """One request. Raises OSError or TimeoutError when nobody answers as they should within so many seconds."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            more = {"Host": f"127.0.0.1:{port}", "Content-Length": len(body), "Connection": "close", **(headers or {})}
            writer.write(_head(f"{method} {path} HTTP/1.1", more) + body)
            first, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    lines = first.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) < 2 or not parts[1].isdigit():
        raise OSError("the answer is no HTTP")
    named = _headers(lines[1:])
    return Answer(int(parts[1]), rest, named.get("content-type", ""), named)


async def _request(first: bytes, reader: StreamReader) -> tuple[Asked, bool]:
    """A request of which the first line is there, and whether the connection is kept. ValueError for what is none."""
    method, target, version = first.decode("latin-1").split()
    lines = []
    while line := (await reader.readline()).decode("latin-1").strip():
        lines.append(line)
    headers = _headers(lines)
    size = int(headers.get("content-length") or 0)
    if not 0 <= size <= LARGEST:
        raise ValueError("a body that is too long")
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    asked = Asked(method, unquote(url.path), query, headers, await reader.readexactly(size))
    return asked, version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"


async def _write(writer: StreamWriter, reader: StreamReader, asked: Asked, answer: Answer, keeps: bool) -> None:
    streams = answer.stream is not None
    length = {"Transfer-Encoding": "chunked"} if streams else {"Content-Length": len(answer.body)}
    kept = {"Date": formatdate(usegmt=True), "Connection": "keep-alive" if keeps else "close"}
    headers = {**kept, "Content-Type": answer.kind, **length, **answer.headers}
    writer.write(_head(f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", headers))
    if answer.stream is None:
        writer.write(b"" if asked.method == "HEAD" else answer.body)
    else:
        async with contextlib.aclosing(answer.stream) as stream:
            async for bit in stream:
                if reader.at_eof():
                    raise EOFError("nobody listens any more")
                writer.write(b"%x\r\n%b\r\n" % (len(bit), bit) if bit else b"")
                await writer.drain()
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def _head(first: str, headers: Mapping[str, object]) -> bytes:
    return "\r\n".join([first, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
