"""Where each key of a TOML text stands, so that an error can name its line. `tomllib` doesn't tell."""

from __future__ import annotations

import re
from typing import Final

Path = tuple[str | int, ...]
"""A key's way from the top: ("postgres", "main", "url") or ("rule", 0, "say")."""

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(#.*)?$")
_KEY: Final = re.compile(
    r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="""
)
_PART: Final = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(next(part for part in found if part) for found in _PART.findall(dotted) if any(found))


def index(text: str) -> dict[Path, int]:
    """Line numbers, from 1, of every table and key.

    >>> index("system = 'x'\\n[http.health]\\nurl = 'y'\\n")[("http", "health", "url")]
    3
    >>> index("[[list]]\\n[[list]]\\n[[list.item]]\\nsay = 'z'\\n")[("list", 1, "item", 0, "say")]
    4
    """
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            inside = "" if inside in line else inside
            continue
        header = _HEADER.match(line)
        if header and "=" not in header[2]:
            table = _numbered(_split(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            for depth in range(1, len(table) + 1):
                found.setdefault(table[:depth], number)
        elif key := _KEY.match(line):
            path = (*table, *_split(key[1]))
            for depth in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:depth], number)
            inside = next((mark for mark in ('"""', "'''") if line.count(mark) == 1), "")
    return found


def _numbered(names: tuple[str, ...], counts: dict[Path, int]) -> Path:
    """A header's way, with the number of the entry that it is in where a list of tables is above it."""
    path: Path = ()
    for place, name in enumerate(names, 1):
        path = (*path, name)
        if place < len(names) and path in counts:
            path = (*path, counts[path])
    return path


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of a key, or of the nearest table around it."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in lines:
            return lines[path[:depth]]
    return None
