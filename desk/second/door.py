"""A unix socket that strangers may connect to: one short line in, one line out, and the kernel names who it is.

Whatever a peer does (silence, garbage, a flood, reading slowly) costs it its own connection and nobody anything else:
few at a time, fewer from one person, each for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from desk.second import peer
from desk.second.colleagues import Unreachable
from desk.second.peer import Peer
from desk.second.proposal import Unfit

ASKED: Final = 8 << 10
"""Bytes of what a peer may say."""
ANSWERED: Final = 192 << 10
"""Bytes of what we may be told back."""
MOMENT: Final = 2.0
"""Seconds a connection may take, from end to end."""
AT_ONCE: Final = 16
"""Connections at a time."""
EACH: Final = 3
"""Of them, of one user."""
_BREATH: Final = 0.02
"""Seconds until the next is let in after one was sent away: a flood is slowed down, the room is not."""
_LONGEST_PATH: Final = 107
"""Bytes of a socket's path (unix(7))."""

Reply = Callable[[Mapping[str, Any], Peer], Mapping[str, Any]]
"""What is said back to a peer. Raises `Unfit` with words for it."""


class Door:
    """Where others can reach this session."""

    def __init__(self, path: Path, reply: Reply) -> None:
        self.path = path
        self._reply = reply
        self._socket: socket.socket | None = None
        self._admitting: asyncio.Task[None] | None = None
        self._visits: set[asyncio.Task[None]] = set()
        self._inside: Counter[int] = Counter()

    @property
    def stands_open(self) -> bool:
        """True while others can come."""
        return self._socket is not None

    def open(self) -> None:
        """Let others come. Raises `OSError`."""
        if len(os.fsencode(self.path)) > _LONGEST_PATH:
            raise OSError(f"{self.path.parent} is too long a path for a socket")
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            made.bind(os.fspath(self.path))
            os.chmod(self.path, 0o666)  # who may come to it is said by the folder
            made.listen(AT_ONCE)
        except OSError:
            made.close()
            raise
        self._socket = made
        self._admitting = asyncio.create_task(self._admit(made))

    def close(self) -> None:
        """Nobody comes any more; who is inside is sent away."""
        made, self._socket = self._socket, None
        if made is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        if self._admitting is not None:
            self._admitting.cancel()
        for visit in self._visits:
            visit.cancel()
        made.close()

    async def _admit(self, made: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(made)
            except OSError:  # no descriptor is left, say
                await asyncio.sleep(_BREATH)
                continue
            connection.setblocking(False)
            try:
                who = peer.of(connection)
            except Unfit:
                who = None
            if who is None or self._inside[who.uid] >= EACH:
                connection.close()
                await asyncio.sleep(_BREATH)
                continue
            self._inside[who.uid] += 1
            visit = asyncio.create_task(self._visit(connection, who))
            self._visits.add(visit)
            visit.add_done_callback(self._visits.discard)
            if len(self._visits) >= AT_ONCE:
                await asyncio.wait(self._visits, return_when=asyncio.FIRST_COMPLETED)

    async def _visit(self, connection: socket.socket, who: Peer) -> None:
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(MOMENT):
                    said = await _line(connection, ASKED)
                    await asyncio.get_running_loop().sock_sendall(connection, self._answer(said, who))
        finally:
            connection.close()
            self._inside[who.uid] -= 1

    def _answer(self, said: bytes, who: Peer) -> bytes:
        try:
            return _written(self._reply(_read(said), who))
        except Unfit as error:
            return _written({"error": str(error)})


async def call(path: Path, said: Mapping[str, Any]) -> tuple[Mapping[str, Any], Peer]:
    """(what the session behind a socket says back, who that is). Raises `Unreachable`, or `Unfit` with its words."""
    try:
        async with asyncio.timeout(MOMENT):
            found, who = await _called(path, _written(said))
    except TimeoutError:
        raise Unreachable(f"it did not answer within {MOMENT:g} s") from None
    except OSError as error:
        raise Unreachable(f"it can't be reached: {(error.strerror or type(error).__name__).lower()}") from None
    if isinstance(words := found.get("error"), str):
        raise Unfit(words)
    return found, who


async def _called(path: Path, said: bytes) -> tuple[Mapping[str, Any], Peer]:
    loop = asyncio.get_running_loop()
    held = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)  # what is reached is what was looked at
    try:
        if not stat.S_ISSOCK(os.fstat(held).st_mode):
            raise OSError("it is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as made:
            await _connect(made, f"/proc/self/fd/{held}")
            who = peer.of(made)
            await loop.sock_sendall(made, said)
            return _read(await _line(made, ANSWERED)), who
    finally:
        os.close(held)


async def _connect(made: socket.socket, path: str) -> None:
    """Wait for a place in the queue: the kernel answers EAGAIN while that is full (unix(7))."""
    while True:
        try:
            made.connect(path)
            return
        except BlockingIOError:
            await asyncio.sleep(_BREATH)


async def _line(connection: socket.socket, longest: int) -> bytes:
    """Everything up to the first line end. Raises `OSError` when it does not come, or is too long."""
    loop = asyncio.get_running_loop()
    found = bytearray()
    while b"\n" not in found[-4096:]:
        part = await loop.sock_recv(connection, 4096)
        found += part
        if not part or len(found) > longest:
            raise OSError("it said nothing that ends")
    return bytes(found).partition(b"\n")[0]


def _written(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode("ascii") + b"\n"


def _read(said: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        raise Unfit("it is not understood") from None
    if not isinstance(found, dict):
        raise Unfit("it is not understood")
    return found
