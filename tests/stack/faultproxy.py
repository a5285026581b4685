"""A proxy that breaks connections in the ways networks do. Loopback only; runs in a thread of its own, so that tests of
the screen, of a probe and of a subprocess can all use it (`with` and `async with` are the same).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.stack import places

_CHUNK: Final = 65536
_REMEMBERED: Final = 1 << 20
"""Bytes of clients' requests that are kept, for `seen` and for `when`."""

HTML: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>Please sign in</title>\x1b[2J</html>\r\n"
"""What a captive portal or a wrong port answers."""


class Mode(Enum):
    """How the proxy treats a connection; it may change while connections are open."""

    PASS = "pass"
    """Everything goes through."""
    REFUSE = "refuse"
    """Nobody listens, though the port stays taken; open connections are reset."""
    SILENT = "silent"
    """Accepts, reads, never answers; open connections fall silent too. What was held back goes on afterwards."""
    BLACKHOLE = "blackhole"
    """The handshake is never finished: the listener's queue is full (TCP only). Open connections fall silent."""
    RESET = "reset"
    """Every connection is reset at its first byte, open ones at once."""
    RESET_LATER = "reset later"
    """Reset in the middle of the first answer, or after as many bytes of answers as `after` says."""
    DRIP = "drip"
    """One byte a second."""
    DELAY = "delay"
    """Every piece of an answer comes late, by `delay` give or take `jitter`."""
    TRUNCATE = "truncate"
    """The first half of an answer (or `after` bytes of answers), then an orderly end."""
    GARBAGE = "garbage"
    """Bytes of no protocol at all."""
    HTML = "html"
    """A web page where something else was asked."""
    CLOSE = "close"
    """The request is read, then the connection is closed without an answer; the server never saw it."""
    LOSE = "lose"
    """The server gets the request and acts on it; the connection is closed where the answer should have come."""


_HOLDING: Final = (Mode.SILENT, Mode.BLACKHOLE)
_ALONE: Final = (*_HOLDING, Mode.RESET, Mode.GARBAGE, Mode.HTML, Mode.CLOSE)
"""Modes in which the server behind is not needed."""
_OPEN_ONES_LIVE: Final = (*_HOLDING, Mode.PASS, Mode.DRIP, Mode.DELAY)


_CUTTING: Final = (Mode.TRUNCATE, Mode.RESET_LATER, Mode.LOSE)


@dataclass(frozen=True, slots=True)
class Fault:
    """A mode and its particulars."""

    mode: Mode = Mode.PASS
    after: int | None = None
    """Bytes of answers that still go through on each connection."""
    when: bytes = b""
    """The fault waits for a request with these bytes in it (say, past the login), connection by connection."""
    delay: float = 0.0
    """Seconds."""
    jitter: float = 0.0
    """Seconds more or less."""


class FaultProxy:
    """Stands before a server at a port or a local socket; `port` (or the path `listen`) is where to connect instead."""

    def __init__(self, upstream: int | str | Path, *, listen: str | Path | None = None, seed: int = 0) -> None:
        """`upstream` is a loopback port or the path of a local socket; with `listen` the proxy is one too."""
        self.upstream = upstream
        self.fault = Fault()
        self.changed = asyncio.Event()
        self.random = random.Random(seed)
        self.listen = listen
        self.port = 0 if listen else places.free_port()
        self.connections = 0
        """Connections accepted so far."""
        self.requests = 0
        """Times a client began to speak: at first, or after something came from the server."""
        self.asked = 0
        """Bytes that clients sent so far."""
        self.answered = 0
        """Bytes that clients were sent so far."""
        self.heard = bytearray()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._listener: socket.socket | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._pairs: set[_Pair] = set()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._do(self._become(self.fault))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def __aenter__(self) -> FaultProxy:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    @property
    def mode(self) -> Mode:
        """How connections are treated now."""
        return self.fault.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.become(mode)

    @property
    def open(self) -> int:
        """Connections that clients hold now."""
        return len(self._pairs)

    def become(
        self, mode: Mode, *, after: int | None = None, when: bytes = b"", delay: float = 0.0, jitter: float = 0.0
    ) -> None:
        """Change the mode, with its particulars (see `Fault`); it holds when this returns."""
        self._do(self._become(Fault(mode, after, when, delay, jitter)))

    def mend(self) -> None:
        """Let everything through again, but for what was held back: those connections are cut first."""
        self.become(Mode.RESET)
        self.become(Mode.PASS)

    def seen(self, needle: bytes) -> int:
        """How often these bytes stood in what clients sent (the first 1 MiB)."""
        return self.heard.count(needle)

    def _do(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _become(self, fault: Fault) -> None:
        if fault.mode is Mode.BLACKHOLE and self.listen:
            raise ValueError("a local socket has no handshake to leave unfinished")
        self.fault = fault
        self.changed.set()
        self.changed = asyncio.Event()
        if fault.mode in (Mode.REFUSE, Mode.BLACKHOLE):
            self._unlisten()
            self._turn_away()
        elif self._listener is None:
            self._unlisten()
            self._listen()
        for pair in list(self._pairs):
            await pair.take(fault, lives=bool(fault.when) or fault.after is not None or fault.mode in _OPEN_ONES_LIVE)

    def _listen(self) -> None:
        """Not asyncio's own server: one that is closed while it accepts leaves that connection open for ever."""
        self._listener = self._bound()
        self._listener.setblocking(False)
        self._listener.listen(100)
        self._loop.add_reader(self._listener, self._accept, self._listener)

    def _unlisten(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        for one in self._sockets:
            one.close()
        self._sockets.clear()

    def _bound(self) -> socket.socket:
        self._forget_path()
        if self.listen:
            made = socket.socket(socket.AF_UNIX)
            made.bind(str(self.listen))
        else:
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(("127.0.0.1", self.port))
        return made

    def _forget_path(self) -> None:
        if self.listen:
            Path(self.listen).unlink(missing_ok=True)

    def _turn_away(self) -> None:
        """Hold the address without listening (refused), or with a queue that is full (never answered)."""
        self._sockets.append(self._bound())
        if self.fault.mode is Mode.BLACKHOLE:
            self._sockets[0].listen(0)
            for _ in range(8):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", self.port))
                self._sockets.append(filler)

    async def _close(self) -> None:
        self._unlisten()
        while self._serving:
            for pair in list(self._pairs):
                pair.reset()
            await asyncio.sleep(0.001)
        self._forget_path()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):  # the client may have left again
            accepted, _ = listener.accept()
            self.connections += 1
            task = self._loop.create_task(self._serve(accepted))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        pair = _Pair(self, *await asyncio.open_connection(sock=accepted))
        self._pairs.add(pair)
        try:
            if self.fault.mode is Mode.REFUSE:
                pair.reset()
            await pair.serve()
        finally:
            self._pairs.discard(pair)


class _Pair:
    """A client and its way to the server."""

    def __init__(self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._upstream: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()
        self._forwarding = asyncio.Lock()
        self._held = bytearray()
        self._heard = bytearray()
        self._passed = 0
        self._speaking = False
        self._asked = False
        """The client has asked all, and the server was told so."""

    @property
    def _fault(self) -> Fault:
        fault = self._proxy.fault
        return fault if fault.when in self._heard else Fault()

    async def serve(self) -> None:
        """Until one side ends, or a fault ends it."""
        self._tasks.append(asyncio.ensure_future(self._guard(self._begin)))
        await self._over.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writer.close()
        if self._upstream is not None:
            self._upstream.transport.abort()

    async def take(self, fault: Fault, *, lives: bool) -> None:
        """A new fault on an open connection: it lives on under it, or is reset."""
        self._heard.clear()
        self._passed = 0
        if not lives:
            self.reset()
        elif self._held and fault.mode not in _HOLDING and not self._asked:
            held = bytes(self._held)
            self._held.clear()
            with contextlib.suppress(OSError):  # the server behind may be gone; its client learns it next time
                await self._forward(held)

    def reset(self) -> None:
        """Cut the client off hard."""
        raw = self._writer.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        self._over.set()

    async def _guard(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        try:
            await work()
        except OSError:
            self.reset()
        finally:
            self._over.set()

    async def _begin(self) -> None:
        if self._fault.mode not in _ALONE:
            async with self._forwarding:
                await self._connect()
        while data := await self._reader.read(_CHUNK):
            self._note(data)
            if not await self._ask(data):
                return
        if self._upstream is not None and self._fault.mode is Mode.PASS:  # the client has asked all and still listens
            self._asked = True
            self._upstream.write_eof()
            await self._over.wait()

    async def _ask(self, data: bytes) -> bool:
        """What becomes of a request; False when the connection ends with it."""
        mode = self._fault.mode
        if mode in _HOLDING:
            self._held += data
        elif mode is Mode.RESET:
            self.reset()
        elif mode in (Mode.GARBAGE, Mode.HTML):
            await self._send(HTML if mode is Mode.HTML else self._proxy.random.randbytes(64).replace(b"\n", b"x"))
        elif mode is not Mode.CLOSE:
            await self._forward(data)
        return mode not in (Mode.RESET, Mode.GARBAGE, Mode.HTML, Mode.CLOSE)

    async def _forward(self, data: bytes) -> None:
        async with self._forwarding:
            upstream = await self._connect()
            upstream.write(data)
            await upstream.drain()

    async def _connect(self) -> asyncio.StreamWriter:
        """The way to the server; to be asked for by one at a time."""
        if self._upstream is not None:
            return self._upstream
        where = self._proxy.upstream
        if isinstance(where, int):
            server, upstream = await asyncio.open_connection("127.0.0.1", where)
        else:
            server, upstream = await asyncio.open_unix_connection(where)
        if self._over.is_set():
            upstream.transport.abort()
            raise ConnectionAbortedError("the client has left meanwhile")
        self._upstream = upstream
        self._tasks.append(asyncio.ensure_future(self._guard(lambda: self._answers(server))))
        return self._upstream

    async def _answers(self, server: asyncio.StreamReader) -> None:
        while data := await server.read(_CHUNK):
            self._speaking = False
            while data:
                data = await self._answer(data)
                if self._over.is_set():
                    return

    async def _answer(self, data: bytes) -> bytes:
        """Let some of an answer through, as the fault of the moment allows; the rest comes back."""
        fault, changed = self._fault, self._proxy.changed
        if fault.after is not None and self._passed < fault.after:
            some = fault.after - self._passed
            await self._send(data[:some])
            if self._passed == fault.after and fault.mode in _CUTTING:
                self._cut(fault)
            return data[some:]
        if fault.mode in _HOLDING:
            await changed.wait()
            return data
        if fault.mode is Mode.DRIP:
            await self._send(data[:1])
            await _either(changed, 1.0)
            return data[1:]
        if fault.mode is Mode.DELAY:
            await asyncio.sleep(max(0.0, fault.delay + self._proxy.random.uniform(-fault.jitter, fault.jitter)))
        if fault.mode not in _CUTTING:
            await self._send(data)
            return b""
        if fault.after is None and fault.mode is not Mode.LOSE:
            await self._send(data[: len(data) // 2])
        self._cut(fault)
        return b""

    def _cut(self, fault: Fault) -> None:
        if fault.mode is Mode.RESET_LATER:
            self.reset()
        self._over.set()

    async def _send(self, data: bytes) -> None:
        self._passed += len(data)
        self._proxy.answered += len(data)
        self._writer.write(data)
        await self._writer.drain()

    def _note(self, data: bytes) -> None:
        proxy = self._proxy
        proxy.asked += len(data)
        proxy.requests += not self._speaking
        self._speaking = True
        proxy.heard += data[: max(0, _REMEMBERED - len(proxy.heard))]
        self._heard = (self._heard + data)[-_REMEMBERED:]


async def _either(changed: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), seconds)


@contextlib.contextmanager
def hung(*pids: int, children: bool = False) -> Iterator[None]:
    """Processes (with their children, if told) that are there and do nothing, until the end of the block."""
    stopped = [*pids, *(child for pid in pids if children for child in _children(pid))]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
