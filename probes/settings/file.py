"""Reads a file of settings and what lies around it. Blocking; nothing is changed, and no value leaves but in memory."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes.base import Cause, ProbeError, SafeText, from_os_error
from probes.settings.dotenv import LONGEST, Document, Unfit, parse

_INDEX: Final = 64 << 20
"""Bytes of a git index that is looked through."""


@dataclass(frozen=True, slots=True)
class Read:
    """A file as it was at one moment."""

    path: str
    """The file itself, links followed."""
    raw: bytes
    document: Document
    status: os.stat_result
    linked: bool


def read(path: str) -> Read:
    """Read a file. Raises `ProbeError`."""
    where = SafeText(path, 200)
    try:
        real = os.path.realpath(path, strict=True)
        opened = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode):
            os.close(opened)
            raise ProbeError(Cause.MISSING, f"{where} is no ordinary file")
        with os.fdopen(opened, "rb") as file:
            raw = file.read(LONGEST + 1)
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, f"there is no file {where}") from None
    except IsADirectoryError:
        raise ProbeError(Cause.MISSING, f"{where} is no ordinary file") from None
    except PermissionError:
        raise ProbeError(
            Cause.LOCAL_PERM, f"not allowed to read {where}", "run opsroom as its owner, or in its group"
        ) from None
    except OSError as error:
        raise from_os_error(error, str(where)) from None
    try:
        return Read(real, raw, parse(raw), status, os.path.islink(path))
    except Unfit as error:
        raise ProbeError(Cause.GARBAGE, f"{where} can't be read: {error}") from None


def keys_of(path: str) -> list[str] | None:
    """The keys of an example; None when there is none that can be read."""
    try:
        return list(read(path).document.settings)
    except ProbeError:
        return None


def owner(status: os.stat_result) -> SafeText:
    """Who owns it."""
    try:
        return SafeText(pwd.getpwuid(status.st_uid).pw_name, 40)
    except KeyError:
        return SafeText(str(status.st_uid))


def tracked(path: str) -> bool | None:
    """Whether git keeps the file: by the index of the work tree it lies in; None when that can't be told."""
    for folder in Path(path).parents:
        index = folder / ".git" / "index"
        if not (folder / ".git").exists():
            continue
        try:
            if index.stat().st_size > _INDEX:
                return None
            raw = index.read_bytes()
        except OSError:
            return None if (folder / ".git").is_file() else False
        if raw[:4] != b"DIRC" or int.from_bytes(raw[4:8], "big") > 3:
            return None  # version 4 shortens names (https://git-scm.com/docs/index-format)
        return os.fsencode(os.path.relpath(path, folder)) + b"\x00" in raw
    return False
