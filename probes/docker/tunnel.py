"""An Engine on another machine: its socket is led to one of ours over ssh, in a folder that only we can open.

Behind a socket is the machine that was met at the login, and no other: a new login gives a new socket.
"""

from __future__ import annotations

from typing import Final

from probes.base import Cause, ProbeError
from probes.exec.ssh import Line, Way

_SOCKET: Final = "/var/run/docker.sock"
_WITHIN: Final = 4.0
"""Seconds to find out why it does not answer."""
_SIGHT: Final = (
    'if [ -S "$1" ] && [ -r "$1" ] && [ -w "$1" ]; then echo open; elif [ -e "$1" ]; then echo shut; else echo none; fi'
)
_UNTOLD: Final = frozenset({Cause.CLOSED_EARLY, Cause.RESET, Cause.REFUSED})
"""What all that goes wrong on the other side looks like from here."""


class Tunnel:
    """The way to the Engine of one machine."""

    def __init__(self, destination: str, url: str | None) -> None:
        """`url` is a `unix://` path there; None: where Docker puts it."""
        self.destination = destination
        self.path = (url or "").removeprefix("unix://") or _SOCKET
        self.where = f"{self.path} on {destination}"
        self._way = Way(destination)

    async def line(self) -> Line:
        """The connection as it stands, or a new one."""
        return await self._way.line()

    async def url(self, line: Line) -> str:
        """Where its Engine is to be asked, here."""
        return f"unix://{await line.socket(self.path)}"

    async def words(self, error: ProbeError) -> ProbeError:
        """The same failure with what is known of it on the other side."""
        if error.cause not in _UNTOLD:
            return error
        try:
            line = await self._way.line()
            ran = await line.run([self.path], _WITHIN, 4096, script=_SIGHT)
        except ProbeError as worse:
            return worse
        there = ran.out.strip()
        if there == b"none":
            hint = "does Docker run there? url names another socket"
            return ProbeError(Cause.REFUSED, f"there is no socket {self.where}", hint)
        if there == b"shut":
            hint = "the group of the socket lets it in (that gives root's power), or a rootless Engine of its own"
            return ProbeError(Cause.DENIED, f"our account may not use {self.where}", hint)
        hint = "is it running? may its sshd lead to sockets: AllowStreamLocalForwarding, no `restrict` on the key?"
        return ProbeError(error.cause, f"no Engine answers at {self.where}", hint)

    async def close(self) -> None:
        """Give it up. May be called twice."""
        await self._way.close()
