"""Finds new files that never came into their place: an act was killed before it could put one there or take it away.

Each holds what the file would have been, secrets and all. Whoever writes one holds a lock on it, which ends with the
process: one without a lock is left behind. Blocking; nothing is changed.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from typing import Final

from probes.settings import file

_DIGITS: Final = 12
_ENOUGH: Final = 60.0
"""Seconds after which one that we may not open is nobody's any more: an act takes at most 25 s."""
_MOST: Final = 100


def name_of(path: str, digits: str) -> str:
    """What a new file beside `path` is called.

    >>> name_of("/srv/app/.env", "0123456789ab")
    '..env.0123456789ab'
    """
    return f".{os.path.basename(path)}.{digits}"


def left(read: file.Read) -> tuple[str, ...]:
    """Names of the new files beside a file that nobody is writing any more; none where that can't be looked at."""
    folder = os.path.dirname(read.path)
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ()
    try:
        return tuple(name for name in candidates(opened, read) if _nobodys(opened, name, read))
    except OSError:
        return ()
    finally:
        os.close(opened)


def candidates(folder: int, read: file.Read) -> Iterator[str]:
    """Names in the open folder that one of ours could have."""
    ours = re.compile(rf"\.{re.escape(os.path.basename(read.path))}\.[0-9a-f]{{{_DIGITS}}}")
    yield from sorted(filter(ours.fullmatch, os.listdir(folder)))[:_MOST]


def is_ours(status: os.stat_result, read: file.Read) -> bool:
    """Whether a file is as we make them: an ordinary one of ours or of the file's owner, with no wider mode."""
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_nlink == 1
        and status.st_uid in (os.geteuid(), read.status.st_uid)
        and status.st_mode & 0o7777 in (0o600, read.status.st_mode & 0o7777)
    )


def _nobodys(folder: int, name: str, read: file.Read) -> bool:
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except PermissionError:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return is_ours(status, read) and time.time() - status.st_mtime > _ENOUGH
    except OSError:
        return False
    try:
        if not is_ours(os.fstat(opened), read):
            return False
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return os.fstat(opened).st_nlink == 1
    except OSError:
        return False  # somebody is writing it
    finally:
        os.close(opened)
