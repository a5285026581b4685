"""Files that are only ours: no link is followed, nobody else may write beside them, and they survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def open_folder(folder: Path) -> int:
    """A descriptor of a folder, made with mode 0700 where it is not there.

    Raises `OSError` when it is a link, somebody else's, or writable by others.
    """
    _make(folder)
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(inside)
        if status.st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to somebody else")
        if status.st_mode & 0o022:
            raise PermissionError(f"{folder} can be written by others")
    except OSError:
        os.close(inside)
        raise
    return inside


def _make(folder: Path) -> None:
    """Make it and what is missing above it, 0700 whatever the umask."""
    if folder.is_dir():
        return
    _make(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    folder.chmod(0o700)
    above = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)


def open_file(inside: int, name: str, flags: int) -> int:
    """A descriptor of a file in an open folder, 0600 whatever the umask; one with a second name is refused."""
    opened = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=inside)
    try:
        if os.fstat(opened).st_nlink != 1:
            raise PermissionError(f"{name} has a second name elsewhere")
        if flags & os.O_CREAT:
            os.fchmod(opened, 0o600)
    except OSError:
        os.close(opened)
        raise
    return opened
