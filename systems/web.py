"""Just enough HTTP for the programs of a world: one request for each connection, on loopback only."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

JSON: Final = "application/json"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"

LARGEST: Final = 1 << 20
"""Bytes that a body may have."""

_WORDS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as anybody here looks at it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a request, or was said to one of ours."""

    status: int
    body: bytes
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """More of them; of an answer to us all of them, by their names in small letters."""


Handle = Callable[[Asked], Awaitable[Answer]]


async def serve(port: int, handle: Handle, patience: float = 30.0) -> None:
    """Answer until ended; who takes longer than `patience` seconds is cut off."""

    async def one(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            async with asyncio.timeout(patience):
                if (asked := await _request(reader)) is not None:
                    writer.write(_written(await handle(asked)))
                    await writer.drain()
        except (OSError, TimeoutError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


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
            more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
            writer.write(head.encode() + body)
            first, _, rest = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    lines = first.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) < 2 or not parts[1].isdigit():
        raise OSError("the answer is no HTTP")
    named = _headers(lines[1:])
    return Answer(int(parts[1]), rest, named.get("content-type", ""), named)


async def _request(reader: StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except EOFError:
        return None
    lines = head.split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    headers = _headers(lines[1:])
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if 0 < length <= LARGEST else b""
    url = urlsplit(target)
    return Asked(method, url.path, dict(parse_qsl(url.query)), headers, body)


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _written(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_WORDS.get(answer.status, 'Error')}", f"Content-Type: {answer.kind}"]
    lines += [f"Content-Length: {len(answer.body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body
