"""Lines of the journal from its JSON form, each safe: a message may be anything a program wrote, bytes included."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import SafeText

FIELDS: Final = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID"
_LEVELS: Final = ("emerg", "alert", "crit", "err", "warn")


def entry(raw: str | bytes, dated: bool = True) -> SafeText:
    """One line: time (UTC), severity when it matters, program, message. Never raises."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return SafeText("(an entry that can't be read)")
    if not isinstance(found, dict):
        return SafeText("(an entry that can't be read)")
    when = _when(found.get("__REALTIME_TIMESTAMP"), dated)
    who = _text(found.get("SYSLOG_IDENTIFIER"))[:40]
    return SafeText.line(f"{when}{_level(found.get('PRIORITY'))}{who + ': ' if who else ''}{_message(found)}")


def last_words(raw: bytes, most: int) -> tuple[SafeText, ...]:
    """The newest lines of a unit's own; what systemd said about it only when it said nothing itself."""
    lines = raw.splitlines()
    own = [one for one in lines if not _is_of_systemd(one)]
    return tuple(entry(one, dated=False) for one in (own or lines)[-most:])


def _is_of_systemd(raw: bytes) -> bool:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return True
    return not isinstance(found, dict) or found.get("SYSLOG_IDENTIFIER") in ("systemd", None)


def _message(found: dict[str, Any]) -> str:
    if "MESSAGE" not in found:
        return "(no message)"
    return "(a message too long to show)" if found["MESSAGE"] is None else _text(found["MESSAGE"])


def _text(value: object) -> str:
    """Text, or bytes as the array of numbers the journal makes of them, or the first of several values."""
    if isinstance(value, str):
        return value.rstrip("\r\n")
    if isinstance(value, list) and value:
        if all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 256 for one in value):
            return bytes(value).rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        return _text(value[0])
    return ""


def _when(value: object, dated: bool) -> str:
    try:
        at = datetime.fromtimestamp(int(str(value)) / 1e6, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{at:%m-%d %H:%M:%S}  " if dated else f"{at:%H:%M:%S} "


def _level(value: object) -> str:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 3 else 9
    return f"{_LEVELS[number]}  " if number < len(_LEVELS) else ""
