"""What is known of some command lines that do something else than people think.

Schema migrations above all: https://www.prisma.io/docs/orm/reference/prisma-cli-reference,
https://alembic.sqlalchemy.org/en/latest/api/commands.html, https://docs.npmjs.com/cli/commands/npm-run-script.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from probes.base import Danger
from probes.commands.settings import shell_text
from probes.exec.template import program_name

_RUNNERS: Final = frozenset({"npm", "pnpm", "yarn", "bun"})
_LARGEST: Final = 1 << 20
"""Bytes of a package.json that is read."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a person should know of a line."""

    notes: tuple[str, ...] = ()
    danger: Danger = Danger.READ
    """The least it can cost."""
    refused: str = ""
    """Why it is never done from here; empty: it may be."""
    not_in_production: str = ""


def known(argv: Sequence[str], cwd: Path | None) -> Known:
    """What is known of a command line that is started in `cwd`."""
    found = Known()
    if text := shell_text(argv):
        found = replace(found, notes=(f"a shell runs this text: {text}",))
    words = list(argv)
    script = _script(words, cwd)
    if script is not None:
        name, line, rest = script
        appended = f", and {' '.join(rest)} is put behind it" if rest else ""
        said = f"the script {name} is: {line}" if line else f"what the script {name} does is not seen from here"
        found = replace(found, notes=(*found.notes, said + appended))
        words = [*_split(line), *rest]
    elif text:
        words = _split(text)
    return _migrations(found, words)


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _script(words: Sequence[str], cwd: Path | None) -> tuple[str, str, list[str]] | None:
    """(name, its line or nothing, what is put behind it) of a script that a package manager is to run."""
    for at, word in enumerate(words[:-1]):
        if program_name(word) in _RUNNERS and words[at + 1] in ("run", "run-script"):
            rest = [one for one in words[at + 2 :] if one != "--"]
            names = [one for one in rest if not one.startswith("-")]
            if not names:
                return None
            behind = rest[rest.index(names[0]) + 1 :]
            return names[0], _line_of(names[0], cwd) if at == 0 else "", behind
    return None


def _line_of(name: str, cwd: Path | None) -> str:
    if cwd is None:
        return ""
    try:
        with open(cwd / "package.json", "rb") as file:
            scripts = json.loads(file.read(_LARGEST)).get("scripts", {})
        return str(scripts.get(name, ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _migrations(found: Known, words: Sequence[str]) -> Known:
    names = [program_name(word) for word in words]

    def says(*wanted: str) -> bool:
        """True when these words stand in the line, in this order, with options between them."""
        at = 0
        for name in names:
            at += at < len(wanted) and name == wanted[at]
        return at == len(wanted)

    if says("prisma", "studio"):
        why = "it is an editor with write access that never ends; prisma migrate status tells what is applied"
        return replace(found, refused=why)
    if says("prisma", "migrate", "dev") or says("prisma", "migrate", "reset"):
        why = "it may empty the database; prisma migrate deploy applies what is pending and no more"
        return replace(found, danger=Danger.DESTRUCTIVE, not_in_production=why)
    if says("prisma", "db", "push"):
        why = "it changes the schema without a migration and may drop columns; use prisma migrate deploy"
        return replace(found, danger=Danger.DESTRUCTIVE, not_in_production=why)
    if says("prisma", "migrate", "resolve"):
        note = "it edits the record of a failed migration only: no SQL is undone by it"
        return replace(found, notes=(*found.notes, note))
    if says("alembic", "downgrade") or says("flask", "db", "downgrade"):
        note = "a downgrade may drop columns and their data, and needs the code that fits the older schema"
        return replace(found, notes=(*found.notes, note), danger=Danger.DESTRUCTIVE)
    return found
