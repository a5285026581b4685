"""Puts a new file in the place of an old one: in the same folder, with its mode and owner, in one step that is either
done or not, and for good. What somebody else changed meanwhile is never written over.

Until it is in its place the new file is locked, and the lock ends with the process: so one that a killed session
has left behind is told from one that is being written, and swept.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from dataclasses import dataclass
from io import FileIO
from typing import Final

from probes.base import Cause, ProbeError, SafeText
from probes.settings import file, leftover

_WORDS: Final = {
    errno.ENOSPC: "there is no room left on its disk",
    errno.EDQUOT: "the owner's share of the disk is used up",
    errno.EROFS: "its disk is read-only",
    errno.EACCES: "not allowed to write in its folder",
    errno.EPERM: "not allowed to write in its folder",
}


@dataclass(frozen=True, slots=True)
class Ready:
    """A new file, whole and on disk, that is not in its place yet."""

    old: file.Read
    name: str
    held: FileIO
    """The open file, on which the lock is; closed by `swap` and by `discard`."""

    @property
    def folder(self) -> str:
        """Where both are."""
        return os.path.dirname(self.old.path)


def prepare(old: file.Read, body: bytes) -> Ready:
    """Write the new file beside the old one. Blocking; `ProbeError` when it can't be: then nothing is left of it."""
    if old.status.st_nlink != 1:
        raise ProbeError(Cause.MISSING, "the file has a second name (a hard link), which would keep the old content")
    name = leftover.name_of(old.path, secrets.token_hex(6))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        opened = os.open(os.path.join(os.path.dirname(old.path), name), flags, 0o600)
    except OSError as error:
        raise ProbeError(Cause.LOCAL_DISK, SafeText(f"the new file can't be written: {_why(error)}")) from None
    ready = Ready(old, name, FileIO(opened, "w"))
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)  # somebody may look at it for a moment
        _like(opened, old)
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(opened, rest) :]
        os.fsync(opened)
        if not os.fstat(opened).st_nlink:
            raise OSError(errno.ENOENT, "it was swept in the very moment it was made")
    except OSError as error:
        discard(ready)
        raise ProbeError(Cause.LOCAL_DISK, SafeText(f"the new file can't be written: {_why(error)}")) from None
    except ProbeError:
        discard(ready)
        raise
    return ready


def _like(new: int, old: file.Read) -> None:
    """Owner, mode and further attributes of the old file."""
    made = os.fstat(new)
    if (made.st_uid, made.st_gid) != (old.status.st_uid, old.status.st_gid):
        try:
            os.fchown(new, old.status.st_uid, old.status.st_gid)
        except PermissionError:
            raise ProbeError(
                Cause.LOCAL_PERM, f"the file would change its owner from {file.owner(old.status)}",
                "run opsroom as its owner",
            ) from None  # fmt: skip
    for name in os.listxattr(old.path):
        with contextlib.suppress(OSError):
            os.setxattr(new, name, os.getxattr(old.path, name))
    os.fchmod(new, stat.S_IMODE(old.status.st_mode))


def swap(ready: Ready) -> bool:
    """Put the new file in the old one's place; False when somebody has changed that meanwhile. Blocking.

    One that does not come into its place is taken away.
    """
    put = False
    try:
        now = os.stat(ready.old.path, follow_symlinks=False)
        then = ready.old.status
        if (now.st_ino, now.st_dev, now.st_size, now.st_mtime_ns) != (
            then.st_ino, then.st_dev, then.st_size, then.st_mtime_ns,
        ):  # fmt: skip
            return False
        os.replace(os.path.join(ready.folder, ready.name), ready.old.path)
        put = True
    finally:
        if put:
            ready.held.close()
        else:
            discard(ready)
    with contextlib.suppress(OSError):  # it is in its place, whether its folder can be made to last or not
        folder = os.open(ready.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return True


def discard(ready: Ready) -> None:
    """Take a new file away that did not come into its place. Blocking; never raises."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(ready.folder, ready.name))
    with contextlib.suppress(OSError):
        ready.held.close()


def finish(ready: Ready) -> tuple[bool, int]:
    """Put the new file in its place, then sweep: (whether it is there, how many were swept). Blocking."""
    return (True, sweep(ready.old)) if swap(ready) else (False, 0)


def sweep(old: file.Read) -> int:
    """Take away new files that killed sessions have left beside a file; gives how many. Blocking; never raises."""
    swept = 0
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(old.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in leftover.candidates(folder, old):
                swept += _swept(folder, name, old)
        finally:
            os.close(folder)
    return swept


def _swept(folder: int, name: str, old: file.Read) -> bool:
    """Take one away, if it is ours and nobody holds it."""
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there, held = os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(opened)
        if (there.st_ino, there.st_dev) != (held.st_ino, held.st_dev) or not leftover.is_ours(held, old):
            return False
        os.unlink(name, dir_fd=folder)
    except OSError:
        return False
    finally:
        os.close(opened)
    return True


def _why(error: OSError) -> str:
    return _WORDS.get(error.errno or 0, error.strerror or type(error).__name__)
