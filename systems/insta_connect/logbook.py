"""The log files that every service writes: errors by themselves, and everything together, a file a day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from systems.programs import log

_GRAVE: Final = ("ERROR",)


class Logbook:
    """One service's way into them. What is told twice within a second is told once, with how often."""

    def __init__(self, folder: Path, service: str) -> None:
        self._folder = folder
        self._service = service
        self._last: tuple[str, int] = ("", 0)
        """What was told last and in which second."""
        folder.mkdir(mode=0o700, exist_ok=True)

    def info(self, text: str) -> None:
        """Something that is as it should be."""
        self._write("INFO", text)

    def warn(self, text: str) -> None:
        """Something to know."""
        self._write("WARN", text)

    def error(self, text: str) -> None:
        """Something that failed."""
        self._write("ERROR", text)

    def _write(self, level: str, text: str) -> None:
        now = datetime.now(UTC)
        told, self._last = self._last, (text, int(now.timestamp()))
        if told == self._last:
            return
        line = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z {level} [{self._service}] {text}\n"
        for name, wanted in (
            ("combined", True),
            ("error", level in _GRAVE),
        ):  # both are there from the day's first line
            with open(self._folder / f"{name}-{now:%Y-%m-%d}.log", "a", encoding="utf-8") as stream:
                stream.write(line if wanted else "")
        log(level, text)
