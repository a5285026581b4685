"""Makes the key for marks, once for a person: of several sessions that make it at one time all get the same."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from probes.base import Cause, ProbeError, SafeText
from probes.settings import marks
from probes.settings.marks import Marks


def made(state: Path) -> Marks:
    """The marks of the key that is kept, which is made when there is none. Blocking; raises `ProbeError`."""
    found = marks.kept(state)
    if found is not None:
        return found
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        inside = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(inside)
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise OSError(errno.EPERM, "others may write in it")
            _put(inside)
        finally:
            os.close(inside)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ProbeError(
            Cause.LOCAL_DISK, SafeText(f"no key for marks can be kept in {state} ({why}), so nothing is changed", 300)
        ) from None
    found = marks.kept(state)
    if found is None:
        raise ProbeError(Cause.LOCAL_DISK, SafeText(f"the key for marks in {state} is gone again", 300))
    return found


def _put(inside: int) -> None:
    """Write it whole under a name of its own, and give it the name it is known by unless something has that."""
    new = f".{marks.NAME}.{secrets.token_hex(6)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(new, flags, 0o600, dir_fd=inside), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(secrets.token_bytes(marks.LENGTH))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # somebody was faster: theirs is the key
            os.link(new, marks.NAME, src_dir_fd=inside, dst_dir_fd=inside)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(new, dir_fd=inside)
    os.fsync(inside)
