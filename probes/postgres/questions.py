"""The questions we ask, one file each, and which of them suits a server's version.

`activity.12.sql` serves 12 and newer until a file with a higher number takes over. Every question answers with one
row of one JSON document, so that several can be asked in one round trip, at the price of one look at all sessions.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

from probes.base import Cause, ProbeError

OLDEST: Final = 12
"""Oldest major version that is read."""


@cache
def available() -> dict[str, tuple[int, ...]]:
    """Names of the questions, each with the versions its files begin at, ascending."""
    found: dict[str, list[int]] = {}
    for entry in files(__package__).joinpath("sql").iterdir():
        parts = entry.name.split(".")
        if len(parts) == 3 and parts[2] == "sql":
            found.setdefault(parts[0], []).append(int(parts[1]))
    return {name: tuple(sorted(versions)) for name, versions in found.items()}


def chosen(name: str, number: int) -> str:
    """File name of the question for a server of that version (server_version_num).

    >>> chosen("statements", 120018), chosen("statements", 130001), chosen("statements", 180004)
    ('statements.12.sql', 'statements.13.sql', 'statements.14.sql')
    """
    major = number // 10000
    suitable = [version for version in available()[name] if version <= major]
    if not suitable:
        raise ProbeError(Cause.VERSION, f"this is PostgreSQL {major or 'of unknown version'}",
                         f"PostgreSQL {OLDEST} or newer is needed")  # fmt: skip
    return f"{name}.{suitable[-1]}.sql"


@cache
def _text(file: str) -> str:
    return files(__package__).joinpath("sql", file).read_text("utf-8").strip()


def question(name: str, number: int, **values: str) -> str:
    """The text of a question for a server of that version; `:key` is replaced by the value, which must be ours."""
    return re.sub(r"(?<!:):([a-z]+)\b", lambda found: values[found[1]], _text(chosen(name, number)))
