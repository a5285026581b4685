"""How a systemd is reached: on this machine, behind the words of a prefix, or over ssh."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from probes import exec as programs
from probes.exec import Ran
from probes.exec.ssh import Way


class Road(Protocol):
    """Leads to one machine for as long as it is kept: what is run on it one after the other runs in the same place."""

    async def run(self, words: Sequence[str], within: float, limit: int = 8 << 20, *, again: bool = True) -> Ran:
        """Run a program there. `again`: it may be asked for once more when it certainly did not begin."""
        ...

    def lines(self, words: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """Stream a program's output."""
        ...


class Here:
    """This machine, or where the words of a prefix lead."""

    def __init__(self, prefix: Sequence[str]) -> None:
        self._prefix = tuple(prefix)

    async def run(self, words: Sequence[str], within: float, limit: int = 8 << 20, *, again: bool = True) -> Ran:
        """Run it with the prefix before it."""
        del again
        return await programs.run([*self._prefix, *words], within, limit, env={"TZ": "UTC"})

    async def lines(self, words: Sequence[str]) -> AsyncGenerator[bytes, None]:
        """Stream it with the prefix before it."""
        async with aclosing(programs.lines([*self._prefix, *words])) as every:
            async for one in every:
                yield one


class Reach:
    """Gives the road to a target's machine."""

    def __init__(self, prefix: Sequence[str], destination: str | None) -> None:
        self._here = Here(prefix)
        self._way = Way(destination) if destination is not None else None

    async def road(self) -> Road:
        """The road as it is now; over ssh it leads to the machine that was met at the login, or nowhere."""
        return self._here if self._way is None else await self._way.line()

    async def close(self) -> None:
        """Give it up. May be called twice."""
        if self._way is not None:
            await self._way.close()
