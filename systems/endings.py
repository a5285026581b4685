"""Writes the end of each process into its own log, where one looks for it: the manager tells it only in its own."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

_ENDING: Final = re.compile(r"^(?P<when>\S+ \S+) (?P<level>\w+) (?:exited|stopped): (?P<name>[\w-]+) \((?P<how>.+)\)$")


class Endings:
    """Follows the process manager's log from its present end."""

    def __init__(self, folder: Path) -> None:
        self._manager = folder / "supervisord.log"
        self._logs = folder / "log"
        self._at = self._size()

    async def watch(self) -> None:
        """Five times a second, what is new."""
        while True:
            self.pass_on()
            await asyncio.sleep(0.2)

    def pass_on(self) -> None:
        """Each end that was told since the last time goes into the log of the process that ended."""
        for line in self._news():
            if match := _ENDING.match(line):
                self._note(match["name"], f"{match['when']} {match['level']} {match['name']} ended: {match['how']}")

    def _note(self, name: str, line: str) -> None:
        with open(self._logs / f"{name}.log", "a", encoding="utf-8") as log:
            log.write(line + "\n")

    def _news(self) -> list[str]:
        """Whole lines that came; all there is when the log was begun anew."""
        size = self._size()
        self._at = 0 if size < self._at else self._at
        if size == self._at:
            return []
        with open(self._manager, "rb") as log:
            log.seek(self._at)
            whole = log.read(size - self._at).rpartition(b"\n")[0]
        self._at += len(whole) + 1 if whole else 0
        return whole.decode("utf-8", "replace").splitlines()

    def _size(self) -> int:
        try:
            return self._manager.stat().st_size
        except OSError:
            return 0
