"""What a dialect makes of a line, in words that a table of a test can hold; and every line of these tables."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as some

from desk.commandline import parse
from probes.base import CommandLine, Dialect, Meaning, Within

_FREE = re.compile(r"<[\w ]+>|\$\{?[A-Z_]+")
WRAPPERS = ("sudo", "time", "nohup")

words = some.lists(
    some.one_of(
        some.text(max_size=12),
        some.sampled_from(
            [
                "-",
                "--",
                "-f",
                "-it",
                "--tail=5",
                "-n",
                "=",
                "<x>",
                "$X",
                "restart",
                "exec",
                "run",
                "up",
                "logs",
                "-9",
                "-X",
            ]
        ),
        some.sampled_from(
            ["--scale", "a=", "=3", "/var/log/x", "http://[", "x://y@:/", "\x00", "-" * 40, "show", "kill"]
        ),
    ),
    max_size=7,
)
"""Arguments of every kind, most of them senseless."""


def spelled() -> Iterator[str]:
    """Every line that a test of a dialect holds, and every other text there: any line must be borne."""
    for file in sorted(Path(__file__).parent.glob("test_*_dialect*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from (row.strip() for row in node.value.splitlines() if row.strip())


def line(text: str, **given: Any) -> CommandLine:
    """The one command of a text; one that has still to be filled in is read word by word."""
    found = [] if _FREE.search(text) else parse(text)
    if len(found) == 1:
        return replace(found[0], **given)
    parts = shlex.split(text)
    while parts[0] in WRAPPERS:
        parts = parts[1:]
    return CommandLine(tuple(parts), **given)


def meant(dialect: Dialect, text: str, **given: Any) -> Meaning:
    """What a line means that carries no other."""
    found = dialect.understand(line(text, **given))
    assert isinstance(found, Meaning), f"{text}: {found}"
    return found


def carried(dialect: Dialect, text: str, **given: Any) -> Within:
    """What a line carries."""
    found = dialect.understand(line(text, **given))
    assert isinstance(found, Within), f"{text}: {found}"
    return found


def said(dialect: Dialect, text: str) -> tuple[str, str]:
    """(sort, verb and danger; target) of a line."""
    found = meant(dialect, text)
    return f"{found.sort.name} {found.verb.value} {found.danger.name}".lower(), found.target
