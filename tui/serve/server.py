"""The server: three files and a socket, view only; behind each socket one program, which ends with it.

It has no address but loopback or a private socket, no upload, no download and nothing to open. What comes from a page
is a token, a size, the name of a key, or that a picture was seen; everything else is dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from probes import exec as door
from probes.base import ProbeError
from tui.serve.gate import CROWD, KNOCKING, SESSIONS, Gate
from tui.serve.viewer import KEYS, NARROWEST, WIDEST

PATIENCE: Final = 5.0
"""Seconds in which a socket must have shown its token."""
ALIVE: Final = (1.0, 1.5)
"""Seconds between two signs of life that are asked of a page, and those it has for one."""
PARTING: Final = 0.3
"""Seconds a page has to answer that it is over."""
FAREWELL: Final = 1.5
"""Seconds a viewer's program has to end by itself; then it is killed."""
LONGEST: Final = 4 << 20
"""Bytes of one picture."""
_MESSAGE: Final = 512
"""Bytes of what a page may say."""

_PAGE: Final = Path(__file__).parent / "page"
_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_SOCKET: Final = "/socket"

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "clipboard-read=(), clipboard-write=(), fullscreen=(self)",
    "Cache-Control": "no-store",
}
"""With every answer: nothing is loaded from elsewhere, nothing is framed, nothing is kept."""

_SEATS: Final = f"all {SESSIONS} places are taken; this page tries again by itself"


class _Guest(ServerConnection):
    """A connection from outside; of too many the newest are cut, so that nobody inside suffers from them."""

    gate: Gate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        super().connection_made(transport)
        self.gate.crowd += 1
        if self.gate.crowd > CROWD:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.gate.crowd -= 1
        super().connection_lost(exc)


class Server:
    """Lets viewers in, each with a program of its own."""

    def __init__(self, gate: Gate, spec: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        """`spec` tells a viewer's program what to show; `environ` is all the environment it gets."""
        self.gate = gate
        self._spec = dict(spec)
        self._environ = dict(environ)
        self._listener: Listener | None = None

    async def start(self, sock: socket.socket) -> None:
        """Listen on a socket that is bound already."""
        quiet = logging.getLogger("tui.serve.wire")
        quiet.propagate = False
        quiet.setLevel(logging.CRITICAL + 1)  # what pages say is never logged: the token is part of it
        self._listener = await serve(
            self._session, sock=sock, process_request=self._request, server_header=None,
            max_size=_MESSAGE, max_queue=16, open_timeout=PATIENCE, close_timeout=PARTING,
            ping_interval=ALIVE[0], ping_timeout=ALIVE[1], logger=quiet,
            create_connection=type("Guest", (_Guest,), {"gate": self.gate}),
        )  # fmt: skip

    async def close(self) -> None:
        """Let everybody go, and wait until their programs are gone."""
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()

    # requests

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        """The answer to a request; None: it is the socket's, and may become one."""
        path, _, query = request.path.partition("?")
        wanted = path == _SOCKET
        headers = request.headers
        if why := self.gate.refusal(headers.get_all("Host"), headers.get_all("Origin"), wanted):
            return _answer(HTTPStatus.FORBIDDEN, why)
        if query or (path not in _FILES and not wanted):
            return _answer(HTTPStatus.NOT_FOUND, "there is nothing here")
        if not wanted:
            name, sort = _FILES[path]
            return _answer(HTTPStatus.OK, (_PAGE / name).read_bytes(), sort)
        if self.gate.knocking >= KNOCKING:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "too many knock at once")
        return None

    # sessions

    async def _session(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            if not await self._knock(connection):
                return
            if not self.gate.enter():
                await connection.send(json.dumps({"words": _SEATS, "again": 10}))
                return
            try:
                await self._view(connection)
            finally:
                self.gate.leave()

    async def _knock(self, connection: ServerConnection) -> bool:
        """True when it has shown the token."""
        self.gate.knocking += 1
        try:
            async with asyncio.timeout(PATIENCE):
                said = _understood(await connection.recv())
        except TimeoutError:
            return False
        finally:
            self.gate.knocking -= 1
        if self.gate.knows(str(said.get("token", ""))):
            return True
        await connection.send(
            json.dumps({"words": "this address has no valid token; the terminal shows the right one"})
        )
        return False

    async def _view(self, connection: ServerConnection) -> None:
        """A program for this page, from now until one of the two is gone."""
        argv = [sys.executable, "-P", "-m", "tui.serve.viewer"]
        try:
            program = await door.attached(argv, self._environ, LONGEST)
        except ProbeError as error:
            await connection.send(json.dumps({"words": str(error.message), "again": 10}))
            return
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            program.stdin.write(json.dumps(self._spec).encode() + b"\n")
            ways = [
                asyncio.create_task(_pictures(program.stdout, connection)),
                asyncio.create_task(_keys(connection, program.stdin)),
            ]
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for one in ways:
                one.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            if ways[0] in done:
                await connection.send(json.dumps({"words": "this view has ended; press a key for another"}))
        finally:
            await asyncio.shield(asyncio.ensure_future(_ended(program)))


async def _pictures(out: asyncio.StreamReader, connection: ServerConnection) -> None:
    """What the program draws, to the page."""
    with suppress(ConnectionClosed, ValueError):
        while line := await out.readline():
            await connection.send(line.decode("utf-8", "replace").rstrip("\n"))


async def _keys(connection: ServerConnection, into: asyncio.StreamWriter) -> None:
    """What the page says, to the program: sizes, keys, that it has seen a picture, and nothing else."""
    with suppress(ConnectionClosed, ConnectionError):
        async for message in connection:
            if said := accepted(_understood(message)):
                into.write(json.dumps(said).encode() + b"\n")
                await into.drain()


def _understood(message: str | bytes) -> dict[str, Any]:
    """What a page said; nothing where that is no JSON object."""
    with suppress(ValueError, RecursionError):
        said = json.loads(message)
        if isinstance(said, dict):
            return said
    return {}


def accepted(said: Mapping[str, Any]) -> dict[str, Any]:
    """The part of it that a viewer's program is told.

    >>> accepted({"key": "q"}), accepted({"size": [80, 24], "open": "x"}), accepted({"key": "ctrl+c"})
    ({'key': 'q'}, {'size': [80, 24]}, {})
    """
    key, size = said.get("key"), said.get("size")
    if said.get("seen") is True:
        return {"seen": True}
    if isinstance(key, str) and (key in KEYS or (len(key) == 1 and key.isprintable())):
        return {"key": key}
    if isinstance(size, list) and len(size) == 2 and all(type(one) is int for one in size):
        return {"size": [min(max(one, low), high) for one, low, high in zip(size, NARROWEST, WIDEST, strict=True)]}
    return {}


async def _ended(program: asyncio.subprocess.Process) -> None:
    """Close its pipe, which ends it; kill it and its children when that takes too long."""
    if program.stdin is not None:
        program.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL):
            await program.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await program.wait()


def _answer(status: HTTPStatus, body: str | bytes, sort: str = "text/plain; charset=utf-8") -> Response:
    data = body.encode() if isinstance(body, str) else body
    headers = Headers(
        [*_HEADERS.items(), ("Content-Type", sort), ("Content-Length", str(len(data))), ("Connection", "close")]
    )
    return Response(status.value, status.phrase, headers, data)


# where it listens


def on_loopback(port: int) -> socket.socket:
    """A socket on 127.0.0.1; `port` 0 takes one that is free. Raises OSError."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made


def on_path(path: Path) -> socket.socket:
    """A socket that only this user can open; one that somebody who is gone left there is replaced. Raises OSError."""
    folder = path.parent.stat()
    if folder.st_uid not in (os.geteuid(), 0) or (folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX):
        raise PermissionError(1, f"{path.parent} can be written by others")
    _clear(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return made


def _clear(path: Path) -> None:
    """Take away a socket of ours that nobody listens on any more."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise FileExistsError(17, "there is something else of that name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)  # one who hangs there with a full queue holds nobody up
        try:
            trial.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass
    raise FileExistsError(17, "somebody listens there already")


def run(server: Server, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal says that it is enough. `ready` is called when it listens."""
    asyncio.run(_run(server, sock, ready))


def _heed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell of our own mistakes; that nobody more could be let in would be told a hundred times a second."""
    if not str(context.get("message")).startswith("socket.accept()"):
        loop.default_exception_handler(context)


async def _run(server: Server, sock: socket.socket, ready: Callable[[], None]) -> None:
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_heed)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, partial(enough.set))
    await server.start(sock)
    ready()
    try:
        await enough.wait()
    finally:
        await server.close()


def environment(environ: Mapping[str, str], references: Sequence[str], home: Path, ssh: bool = False) -> dict[str, str]:
    """All that a viewer's program gets of the environment: where things lie, and what the profile refers to by name.

    `references` are those of the profile ("env:DATABASE_URL"); `home` is where our own packages lie; `ssh` is true
    where the profile goes to other machines with the keys of the person's agent.
    """
    named = [one.removeprefix("env:") for one in references if one.startswith("env:")]
    kept = {name: environ[name] for name in (*_WHERE, *(_OF_SSH if ssh else ()), *named) if name in environ}
    return kept | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


_WHERE: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "TZ", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "OPSROOM_HOME",
    "DBUS_SYSTEM_BUS_ADDRESS", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "KUBECONFIG", "AWS_PROFILE",
    "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE",
)  # fmt: skip
"""Names of places; none of them is a secret."""
_OF_SSH: Final = ("SSH_AUTH_SOCK", "KRB5CCNAME")
"""Where the person's agent and tickets are."""
