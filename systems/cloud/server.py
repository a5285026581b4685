"""A small HTTP/1.1 server for the worlds: whole requests in, whole answers out, connections kept. Loopback only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 1 << 20
"""Bytes a request's body may have."""

_WORDS: Final = {
    200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed", 409: "Conflict", 429: "Too Many Requests", 500: "Internal Server Error",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    """With its query."""
    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to it."""

    status: int
    body: bytes
    kind: str = "application/json"


async def serve(port: int, answer: Callable[[Asked], Awaitable[Answer]]) -> asyncio.Server:
    """Answer requests on a loopback port until the server is closed."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _read(reader)) is not None:
                said = await answer(asked)
                keeps = asked.headers.get("connection", "").lower() != "close"
                head = (
                    f"HTTP/1.1 {said.status} {_WORDS.get(said.status, 'Other')}\r\nContent-Type: {said.kind}\r\n"
                    f"Content-Length: {len(said.body)}\r\nConnection: {'keep-alive' if keeps else 'close'}\r\n\r\n"
                )
                writer.write(head.encode() + (b"" if asked.method == "HEAD" else said.body))
                await writer.drain()
                if not keeps:
                    break
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(one, "127.0.0.1", port)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """The next request; None when there is none any more. ValueError for what is no request."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = int(headers.get("content-length") or 0)
    if not 0 <= size <= _LONGEST:
        raise ValueError("a body that is too long")
    return Asked(method, path, headers, await reader.readexactly(size))
