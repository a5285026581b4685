"""One act at a time on one system: a lock that the kernel lets go when its holder dies.

The lock is named after the system's own identity, so two profiles that call it differently share it. People on other
machines are out of its reach; a shared store stands behind the same protocol (`desk/shared/locks.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

from desk.private import open_file, open_folder
from probes.base import SafeText

_WORDS: Final = 300
"""Bytes of what a holder says about itself."""


class Held(Exception):
    """Somebody else holds the lock; the message is what they said they do."""


class Claim(Protocol):
    """A lock that is held until it is released, or left as a context."""

    @property
    def held(self) -> bool:
        """False once it was lost to somebody else: what was begun under it must not go on."""
        ...

    @property
    def doubt(self) -> str:
        """Whom it does not keep away, in words; empty: everybody it should is."""
        ...

    def release(self) -> None:
        """Let go. May be called twice."""
        ...

    def __enter__(self) -> Claim: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Locks(Protocol):
    """Gives locks by name."""

    def claim(self, name: str, words: str) -> Claim:
        """Take the lock, saying what for. Raises `Held`, or `OSError` when locks can't be had at all."""
        ...


class FileClaim:
    """A locked file."""

    doubt = ""

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle

    @property
    def held(self) -> bool:
        """Until it is released."""
        return self._handle is not None

    def release(self) -> None:
        """Let go: closing it is enough."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def __enter__(self) -> FileClaim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class FileLocks:
    """Locks as files in a folder, for everybody who shares it on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def claim(self, name: str, words: str) -> FileClaim:
        """Take the lock of this name, or raise `Held` with what its holder is doing."""
        inside = open_folder(self._folder)
        try:
            handle = open_file(inside, hashlib.sha256(name.encode()).hexdigest()[:32], os.O_RDWR | os.O_CREAT)
        finally:
            os.close(inside)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            said = SafeText(os.pread(handle, _WORDS, 0))
            os.close(handle)
            raise Held(str(said) or "somebody else is acting on it") from None
        except OSError:
            os.close(handle)
            raise
        with contextlib.suppress(OSError):  # a full disk: the lock holds, it only can't say why
            os.ftruncate(handle, 0)
            os.pwrite(handle, words.encode("utf-8", "replace")[:_WORDS], 0)
        return FileClaim(handle)
