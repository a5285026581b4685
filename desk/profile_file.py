"""A settings file as it lies on disk: its text, bounded, who may have written it, and its TOML tables."""

from __future__ import annotations

import ast
import os
import re
import shlex
import stat
import tomllib
from pathlib import Path
from typing import Any, Final

from desk.profile_faults import Problem, ProfileError
from probes.base import SafeText

LARGEST: Final = 1 << 20
"""Bytes a profile may have."""


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises `ProfileError` naming the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError([_syntax(file, text, error)]) from None
    except RecursionError:
        raise ProfileError([Problem(file, None, "", "is nested too deeply")]) from None


def read_text(path: Path) -> str:
    """The text of a settings file, at most `LARGEST` bytes. Raises `ProfileError`; a pipe never holds it up."""
    return read(path)[0]


def read(path: Path) -> tuple[str, str]:
    """(the text, why somebody else may have written it; empty: nobody else can have)."""

    def no(message: str) -> ProfileError:
        return ProfileError([Problem(str(path), None, "", message)])

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise no(f"cannot be read: {(error.strerror or type(error).__name__).lower()}") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise no("is not a regular file")
    with os.fdopen(handle, "rb") as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise no("is larger than 1 MiB")
    try:
        return raw.decode("utf-8-sig"), _doubt(path, status)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ProfileError([Problem(str(path), line, "", "is not UTF-8 text")]) from None


def _doubt(path: Path, status: os.stat_result) -> str:
    if status.st_uid not in (os.geteuid(), 0):
        return (
            f"this file belongs to somebody else: look through it, then chown {os.geteuid()} {shlex.quote(str(path))}"
        )
    if status.st_mode & 0o022:
        return f"others may write this file: look through it, then chmod go-w {shlex.quote(str(path))}"
    return ""


def _syntax(file: str, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    found = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", str(error), re.DOTALL)
    message = str(SafeText(_in_words(found[1] if found else str(error)), 200))
    line = int(found[2]) if found and found[2] else text.rstrip().count("\n") + 1
    return Problem(file, line, "", f"is not valid TOML: {message}")


def _in_words(said: str) -> str:
    """What the TOML parser says, without its own names for things.

    >>> _in_words("Cannot declare ('host', 'a') twice"), _in_words("Unclosed array")
    ('[host.a] stands here twice', 'unclosed array')
    """
    if found := re.fullmatch(
        r"Cannot (declare|mutate immutable namespace|redefine namespace) (\(.*\))(?: twice)?", said
    ):
        where = "stands here twice" if found[1] == "declare" else "is already written in another place"
        return f"[{'.'.join(ast.literal_eval(found[2]))}] {where}"
    if said.startswith(("Cannot overwrite a value", "Duplicate inline table key")):
        return "this key stands here twice"
    return said[:1].lower() + said[1:]
