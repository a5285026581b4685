"""Marks by which two values, or two contents of a file, can be compared without being known.

They are made with a random key that is kept for us alone in the folder for what outlives a session (`act_key` makes it,
once). Without that key nobody can try values against a mark; without it there are no marks, never weaker ones.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from probes.base import Cause, ProbeError, SafeText

NAME: Final = "settings.key"
LENGTH: Final = 32
"""Bytes of the key: as many as the sum has (https://www.rfc-editor.org/rfc/rfc2104#section-3)."""
SHORTEST: Final = 8
"""Characters from which a value has a mark: a shorter one could be guessed by trying in this very program."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Makes marks with one key."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Which key it is: two marks can be compared only when they were made with one. Tells nothing of it."""
        return self._sum(b"which key")[:8]

    def value(self, value: str) -> str:
        """Six digits by which two values can be compared; empty for a short one."""
        return self._sum(b"value\0" + value.encode())[:6] if len(value) >= SHORTEST else ""

    def content(self, raw: bytes) -> str:
        """The same for a whole file, or for a value of any length that is compared and not shown."""
        return self._sum(b"content\0" + raw)[:16]

    def _sum(self, raw: bytes) -> str:
        return hmac.new(self.key, raw, hashlib.sha256).hexdigest()


def kept(state: Path | None) -> Marks | None:
    """The marks of the key that is kept; None: there is none yet. Blocking.

    Raises `ProbeError` when there is one that can't be used: others may know it, or it can't be read.
    """
    if state is None:
        return None
    where = state / NAME
    try:
        opened = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            wrong = _wrong(os.fstat(opened))
            key = b"" if wrong else os.read(opened, LENGTH + 1)
        finally:
            os.close(opened)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise _unusable(where, "is a link" if os.path.islink(where) else f"can't be read ({why})") from None
    if wrong or len(key) != LENGTH:
        raise _unusable(where, wrong or "is not whole")
    return Marks(key)


def _wrong(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "is no ordinary file"
    if status.st_uid != os.geteuid():
        return "belongs to somebody else"
    return f"can be used by others (mode {status.st_mode & 0o777:o})" if status.st_mode & 0o077 else ""


def _unusable(where: Path, why: str) -> ProbeError:
    words = f"remove {where}: the next act makes a new one; what was recorded with it can't be compared any more"
    return ProbeError(Cause.LOCAL_PERM, f"the key for marks {why}", SafeText(words, 300))
