"""A small HTTP/1.1 server: kept-alive connections, whole bodies, one function that answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Final
from urllib.parse import parse_qsl, urlsplit

HEAD_LIMIT: Final = 1 << 16
"""Bytes of a request's head."""
_WORDS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 410: "Gone"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


Answer = Callable[[Request], Reply]


def parsed(head: bytes, body: bytes = b"") -> Request:
    """A request from its head, without the empty line. Raises ValueError for what is none."""
    first, *rest = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    parts = urlsplit(target)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest) if name}
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Answer the requests of one connection until it, or the loop, ends."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            request = parsed(head[:-4])
            length = int(request.headers.get("content-length", 0))
            if length:
                request = Request(
                    request.method, request.path, request.query, request.headers, await reader.readexactly(length)
                )
            reply = answer(request)
            told = {"Date": formatdate(usegmt=True), "Content-Length": str(len(reply.body))} | dict(reply.headers)
            lines = [f"HTTP/1.1 {reply.status} {_WORDS.get(reply.status, 'OK')}"]
            lines += [f"{name}: {value}" for name, value in told.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body)
            await writer.drain()
    writer.close()


async def serve(answer: Answer, port: int = 0) -> asyncio.Server:
    """Listen on loopback; port 0 takes a free one."""
    return await asyncio.start_server(
        lambda reader, writer: converse(reader, writer, answer), "127.0.0.1", port, limit=HEAD_LIMIT
    )


def port_of(server: asyncio.Server) -> int:
    """Where it listens."""
    return int(server.sockets[0].getsockname()[1])
