"""A real process in a task of the simulated ECS: its settings are read when it starts, its lines go to CloudWatch."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from systems.whatsapp_notifications.place import Place

_FAREWELL: Final = 2.0
"""Seconds it gets to end by itself, at least."""


class Process:
    """One program of the system."""

    def __init__(self, place: Place, name: str, more: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`more`: what stands in its environment beside the file of settings; `say` takes its lines."""
        self.name = name
        self.flawed = more.get("FLAWED") == "1"
        self.exit: int | None = None
        """Its code, once it has ended."""
        self._say = say
        self._wanted = True
        self._begun = False
        self._process: asyncio.subprocess.Process | None = None
        environ = {**os.environ, **place.settings(), **more}
        self._task = asyncio.ensure_future(self._run(place, environ))

    @property
    def well(self) -> bool:
        """It has begun to work, and has not ended. Whether it still works nobody asks it."""
        return self._begun and self.exit is None

    @property
    def pid(self) -> int | None:
        """While it runs."""
        return self._process.pid if self._process is not None and self.exit is None else None

    def end(self) -> None:
        """It is stopped; what does not end by itself is killed a little later."""
        self._wanted = False
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    async def _run(self, place: Place, environ: dict[str, str]) -> None:
        module = f"systems.whatsapp_notifications.{self.name}"
        self._process = one = await asyncio.create_subprocess_exec(
            sys.executable, "-u", "-m", module, *place.words, env=environ, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        if not self._wanted:
            self.end()
        lines = asyncio.ensure_future(self._lines(one))
        try:
            while self.exit is None:
                wanted = self._wanted
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_FAREWELL):
                        await one.wait()
                if not wanted:
                    with contextlib.suppress(ProcessLookupError):
                        one.kill()
                self.exit = one.returncode
        finally:
            if one.returncode is None:
                one.kill()
        await lines

    async def _lines(self, one: Any) -> None:
        async for line in one.stdout:
            if text := line.decode("utf-8", "replace").rstrip():
                self._begun = True  # its first line says that it does
                self._say(undated(text))


def undated(line: str) -> str:
    """A line without its time: CloudWatch has one of its own."""
    return line.partition(" ")[2].partition(" ")[2] or line
