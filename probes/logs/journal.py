"""The journal of units and of the kernel, through `journalctl -o json`: entries since a cursor, or as they come.

Fields: https://www.freedesktop.org/software/systemd/man/latest/systemd.journal-fields.html. A message that is not text
comes as an array of numbers, one too long as null.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from probes import exec as programs
from probes.base import Cause, ProbeError, SafeText
from probes.base.log import Level, of_priority
from probes.logs.settings import KERNEL

_FIELDS: Final = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID"
_MOST: Final = 20_000
"""Entries of one unit in one reading."""
_LIMIT: Final = 16 << 20
"""Bytes of answer read of one unit in one reading."""
_SIGNS: Final = {Level.FATAL: "crit  ", Level.ERROR: "err  ", Level.WARNING: "warn  "}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry."""

    at: float | None
    """Seconds since 1970."""
    level: Level
    who: str
    message: str
    cursor: str
    size: int = 0
    """Bytes of it as it came."""

    @property
    def line(self) -> str:
        """As it is shown: time in UTC, its level when it matters, program, message."""
        when = f"{datetime.fromtimestamp(self.at, UTC):%m-%d %H:%M:%S}  " if self.at is not None else ""
        return f"{when}{_SIGNS.get(self.level, '')}{self.who + ': ' if self.who else ''}{self.message}"


def entry(raw: bytes) -> Entry | None:
    """One entry of journalctl's JSON; None for a line that is none. Never raises."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "__CURSOR" not in found:
        return None
    message = _text(found["MESSAGE"]) if found.get("MESSAGE") is not None else "(a message too long to show)"
    return Entry(
        at=_at(found.get("__REALTIME_TIMESTAMP")),
        level=of_priority(found.get("PRIORITY")),
        who=_text(found.get("SYSLOG_IDENTIFIER"))[:60],
        message=message if "MESSAGE" in found else "(no message)",
        cursor=str(found["__CURSOR"])[:1000],
        size=len(raw),
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.rstrip("\r\n")
    if isinstance(value, list) and value:
        if all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 256 for one in value):
            return bytes(value).rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        return _text(value[0])
    return ""


def _at(value: object) -> float | None:
    text = str(value)
    return int(text) / 1e6 if text.isascii() and text.isdecimal() and len(text) < 18 else None


@dataclass(slots=True)
class Heard:
    """What one reading of a journal found."""

    entries: list[Entry]
    cut: bool = False
    """There was more than a reading may look at: what lies between is left out."""


class Journal:
    """The journal of one unit, and our place in it."""

    def __init__(self, unit: str, prefix: Sequence[str]) -> None:
        self.unit = unit
        self._argv = [*prefix, "journalctl", "--no-pager", "-o", "json", f"--output-fields={_FIELDS}"]
        self._argv += ["-k"] if unit == KERNEL else ["-u", unit]
        self._cursor = ""

    async def news(self, since: float, within: float) -> Heard:
        """Entries since the last call; the first one begins at `since` (seconds since 1970). Raises `ProbeError`."""
        place = ["--after-cursor", self._cursor] if self._cursor else ["--since", f"@{int(since)}"]
        ran = await programs.run([*self._argv, *place, "-n", str(_MOST)], within, _LIMIT)
        refuse(ran)
        found = [one for raw in ran.out.splitlines() if (one := entry(raw)) is not None]
        if found:
            self._cursor = found[-1].cursor
        return Heard(found, ran.cut or len(found) >= _MOST)

    async def past(self, since: float, within: float, limit: int) -> tuple[list[Entry], bool]:
        """(entries since a time, whether there were more than could be read). Raises `ProbeError`."""
        ran = await programs.run([*self._argv, "--since", f"@{int(since)}"], within, limit)
        refuse(ran)
        return [one for raw in ran.out.splitlines() if (one := entry(raw)) is not None], ran.cut

    async def follow(self, lines: int) -> AsyncGenerator[Entry, None]:
        """The last entries, then what comes, until the iterator is closed."""
        async with aclosing(programs.lines([*self._argv, "-n", str(lines), "-f"])) as raws:
            async for raw in raws:
                if (one := entry(raw)) is not None:
                    yield one


def refuse(ran: programs.Ran) -> None:
    """Raise `ProbeError` when journalctl did not read what it was asked for."""
    said = ran.err.decode("utf-8", "replace").lower()
    if "no journal files were" in said:
        if "permission" in said or "not allowed" in said or "you are currently not seeing" in said:
            raise ProbeError(Cause.LOCAL_PERM, "not allowed to read the journal", "join the group systemd-journal")
        raise ProbeError(Cause.MISSING, "this machine keeps no journal")
    if "you are currently not seeing messages" in said or "insufficient permissions" in said:
        raise ProbeError(Cause.LOCAL_PERM, "not allowed to read the journal", "join the group systemd-journal")
    if ran.code != 0 and not ran.out.strip() and ran.err.strip():
        if "failed to seek to cursor" in said:
            raise ProbeError(Cause.GONE, "the journal was begun anew")
        raise ProbeError(Cause.REFUSED, "journalctl did not answer", SafeText(ran.complaint.__str__(), 200))
