"""The connections to a metrics server: shared by requests that come together, and none of them left open behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from probes.prometheus.place import Place
from probes.prometheus.wire import FRESH, Wire

PATIENCE = 40.0


class Server:
    """Answers every request, and counts who is connected."""

    def __init__(self) -> None:
        self.connected = 0
        self.came = 0
        self.greet: Callable[[], None] = lambda: None
        """Done when somebody connects."""
        self.port = 0

    @property
    def place(self) -> Place:
        where = f"127.0.0.1:{self.port}"
        return Place("http", "127.0.0.1", self.port, f"http://{where}", where)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.came += 1
        self.greet()
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                if line == b"\r\n":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        self.connected -= 1
        writer.close()

    async def until_alone(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.connected:
                await asyncio.sleep(0.01)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


@asynccontextmanager
async def wired(server: Server, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[Wire]:
    """A wire; behind it no connection is left."""
    wire = Wire("main", PATIENCE, clock)
    try:
        yield wire
    finally:
        await wire.close()
    await server.until_alone()


async def ask(wire: Wire, server: Server, times: int) -> list[int]:
    """The statuses of so many requests at once."""
    calls = (wire.get(server.place, "/", {}, "*/*") for _ in range(times))
    return [reply.status for reply in await asyncio.gather(*calls)]


async def test_requests_that_begin_together_share_one_client_and_all_are_answered(server: Server) -> None:
    now = [0.0]
    async with wired(server, lambda: now[0]) as wire:
        assert await ask(wire, server, 4) == [200] * 4
        before = server.came
        now[0] += 2 * FRESH  # the client is old, and made anew once for all of them
        assert await ask(wire, server, 4) == [200] * 4
        assert server.came > before


async def test_a_wire_that_is_cut_while_it_connects_leaves_nothing_open(server: Server) -> None:
    async with wired(server) as wire:
        server.greet = wire.cut
        assert await ask(wire, server, 1) == [200]
        await server.until_alone()
