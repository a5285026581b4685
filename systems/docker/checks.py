"""A container's own check: asked again and again, and what came of it."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from systems.docker.images import Doc, stamp
from systems.web import ask

_EVERY: Final = 30.0
_WITHIN: Final = 30.0
_RETRIES: Final = 3
"""What holds where a check does not say (https://docs.docker.com/reference/dockerfile/#healthcheck)."""
_BEFORE: Final = 5.0
"""Seconds between two checks of a container whose start period is not over."""
_KEPT: Final = 5
_FETCHERS: Final = ("curl", "wget")
"""Programs that fetch an address: we fetch it in their place, for not every machine has them."""


class Check:
    """One container's, for one run of it."""

    def __init__(self, said: Doc, environment: Mapping[str, str]) -> None:
        self.word = "starting"
        self._test = list(said["Test"])
        self._every = _seconds(said.get("Interval"), _EVERY)
        self._within = _seconds(said.get("Timeout"), _WITHIN)
        self._period = _seconds(said.get("StartPeriod"), 0.0)
        self._first = _seconds(said.get("StartInterval"), _BEFORE)
        self._retries = int(said.get("Retries") or _RETRIES)
        self._environment = environment
        self._streak = 0
        self._log: deque[Doc] = deque(maxlen=_KEPT)

    async def live(self, note: Callable[[str, Mapping[str, str]], None]) -> None:
        """Ask until cancelled; `note` is told whenever the word changes."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            young = loop.time() - began < self._period and self.word == "starting"
            await asyncio.sleep(min(self._first, self._every) if young else self._every)
            at = datetime.now(UTC)
            code, said = await self._ask()
            self._log.append(
                {"Start": stamp(at), "End": stamp(datetime.now(UTC)), "ExitCode": code, "Output": said[-4096:]}
            )
            before = self.word
            if code == 0:
                self.word, self._streak = "healthy", 0
            elif loop.time() - began >= self._period or self.word != "starting":
                self._streak += 1
                self.word = "unhealthy" if self._streak >= self._retries else self.word
            if self.word != before:
                note(f"health_status: {self.word}", {})

    async def _ask(self) -> tuple[int, str]:
        words = self._test[1:]
        if self._test[0] == "CMD-SHELL":
            fetch = words[0].split()
            words = fetch if fetch[:1] and fetch[0] in _FETCHERS and "|" not in fetch else ["/bin/sh", "-c", words[0]]
        url = urlsplit(next((word for word in words if word.startswith("http://")), ""))
        try:
            if words[0] in _FETCHERS and url.port:
                answer = await ask(url.port, url.path or "/", within=self._within)
                return int(answer.status >= 400), answer.body.decode("utf-8", "replace")
            async with asyncio.timeout(self._within):
                return await self._ran(words)
        except TimeoutError:
            return -1, f"Health check exceeded timeout ({self._within:g}s)"
        except OSError as error:
            return 1, f"{words[0]}: {error.strerror or type(error).__name__}"

    async def _ran(self, words: list[str]) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *words,
            env={**os.environ, **self._environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        return process.returncode or 0, said.decode("utf-8", "replace")

    def told(self) -> Doc:
        """As an inspection tells it."""
        return {"Status": self.word, "FailingStreak": self._streak, "Log": list(self._log)}


def _seconds(nanos: int | None, usual: float) -> float:
    return nanos / 1e9 if nanos else usual
