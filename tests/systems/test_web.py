"""The worlds' HTTP server, spoken to over a bare connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from systems.web import LARGEST, Answer, Asked, Handle, ask, serve, told

PATIENCE = 40.0

Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(asked: Asked) -> Answer:
    return told([asked.method, asked.path, dict(asked.query), asked.body.decode()])


@asynccontextmanager
async def talking(handle: Handle, at: int | Path = 0, patience: float = PATIENCE) -> AsyncIterator[Talk]:
    """A connection to a server that answers so."""
    server = await serve(at, handle, patience)
    if isinstance(at, Path):
        reader, writer = await asyncio.open_unix_connection(at)
    else:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.close()
        server.close()


async def answer(reader: asyncio.StreamReader, bodiless: bool = False) -> tuple[bytes, bytes]:
    """The head of an answer, and its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
    return head, b"" if bodiless else await reader.readexactly(int(length.split(b":")[1]))


async def test_a_connection_is_kept_until_somebody_has_enough(tmp_path: Path) -> None:
    async with talking(echo, tmp_path / "s") as (reader, writer):
        writer.write(b"POST /a%20b?x=1&y HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
        assert (await answer(reader))[1] == b'["POST","/a b",{"x":"1","y":""},"hi"]'
        writer.write(b"HEAD /c HTTP/1.1\r\n\r\n")
        head, _ = await answer(reader, bodiless=True)
        assert b"Connection: keep-alive" in head
        writer.write(b"GET /d HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert (await answer(reader))[1] == b'["GET","/d",{},""]'
        assert await reader.read() == b""


async def test_a_stream_comes_bit_by_bit_and_ends_with_its_listener() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncGenerator[bytes, None]:
        try:
            yield b"first"
            while True:
                await asyncio.sleep(0.01)
                yield b""
        finally:
            ended.set()

    async def handle(asked: Asked) -> Answer:
        return Answer(stream=endless())

    async with talking(handle) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readuntil(b"first\r\n") == b"5\r\nfirst\r\n"
        assert not ended.is_set()
        writer.close()
        await ended.wait()


@pytest.mark.parametrize(
    "sent",
    [
        f"POST / HTTP/1.1\r\nContent-Length: {LARGEST + 1}\r\n\r\n".encode(),
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"no request at all\r\n\r\n",
        b"GET " + b"x" * (1 << 17) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: never ends\r\n",
    ],
)
async def test_who_sends_nonsense_too_much_or_too_slowly_is_cut_off(sent: bytes) -> None:
    async with talking(echo, patience=0.5) as (reader, writer):
        writer.write(sent)
        with contextlib.suppress(ConnectionError):  # it was cut off while it sent
            assert await reader.read() == b""


async def test_what_we_ask_ourselves_is_answered() -> None:
    server = await serve(0, echo)
    port = server.sockets[0].getsockname()[1]
    try:
        said = await ask(port, "/a?b=c", "POST", b"body", within=PATIENCE)
        assert (said.status, said.body, said.kind) == (200, b'["POST","/a",{"b":"c"},"body"]', "application/json")
    finally:
        server.close()
