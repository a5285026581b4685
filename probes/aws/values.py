"""From what AWS answers to plain values: everything may be missing, and what is not as documented is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import SafeText, finite

_NAME: Final = 255


def text(value: object, limit: int = _NAME) -> SafeText:
    """A word from outside."""
    return SafeText(value, limit) if isinstance(value, str) else SafeText()


def named(value: object) -> str:
    """A name from outside, armoured, as a key."""
    return str(text(value))


def moment(value: object) -> datetime | None:
    """A moment, aware UTC."""
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def whole(value: object) -> int | None:
    """A whole number."""
    number = finite(value)
    return None if number is None else int(number)


def flag(value: object) -> bool | None:
    """Yes or no."""
    return value if isinstance(value, bool) else None


def tables(value: object) -> list[Mapping[str, Any]]:
    """The tables of a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list | tuple) else []


def table(value: object) -> Mapping[str, Any]:
    """A table; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def waiting(value: object, known: Mapping[str, str]) -> tuple[SafeText, ...]:
    """The changes of PendingModifiedValues, in words. Of those that are not `known` only that they are: a password."""
    found = []
    for name, one in sorted(table(value).items()):
        if one in (None, "", [], {}):
            continue
        word = known.get(name)
        found.append(SafeText(f"{word} {one}" if word and isinstance(one, str | int) else name, 80))
    return tuple(found)
