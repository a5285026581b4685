"""What lies in a folder of backups: which files count, which are unfinished, and which file exactly each is.

Blocking: for a lane, as a folder may be a mount that hangs.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from probes.backups.facts import Backup, Head
from probes.backups.head import head_of
from probes.base import Cause, Identity, ProbeError, SafeText

MOST: Final = 20_000
"""Entries of a folder that are looked at."""
KEPT: Final = 500
"""Backups that are told one by one, the newest."""
MARK: Final = ".opsroom-"
PART: Final = ".part"
_UNFINISHED: Final = re.compile(r"(?i)\.(?:part|partial|tmp|temp|incomplete|filepart|crdownload)$|~$")
_OLDER: Final = timedelta(hours=36)
"""A file that is this much younger than what is in it was copied or touched: a dump takes less."""


def part_name(name: str, act: str) -> str:
    """The temporary name under which a file is written.

    >>> part_name("a.dump", "019a-7")
    '.a.dump.opsroom-019a-7.part'
    """
    return f".{name}{MARK}{act}{PART}"


def act_of(part: str) -> str:
    """The act that writes a temporary file; empty: it is not ours.

    >>> act_of(".a.dump.opsroom-019a-7.part"), act_of("a.part")
    ('019a-7', '')
    """
    found = re.fullmatch(rf"\..+{re.escape(MARK)}([0-9a-f-]+){re.escape(PART)}", part)
    return found[1] if found else ""


def unfinished(name: str) -> bool:
    """True for a name that says that its file is not finished.

    >>> unfinished("a.dump.part"), unfinished("a.dump")
    (True, False)
    """
    return _UNFINISHED.search(name) is not None


def identity_of(found: os.stat_result) -> Identity:
    """Which file it is."""
    return (
        ("device", str(found.st_dev)),
        ("inode", str(found.st_ino)),
        ("size", str(found.st_size)),
        ("written", str(found.st_mtime_ns)),
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that is not a backup yet."""

    name: str
    size: float
    at: datetime


@dataclass(slots=True)
class Listing:
    """What was found."""

    backups: list[Backup] = field(default_factory=list)
    """Newest first."""
    unfinished: list[Entry] = field(default_factory=list)
    others: int = 0
    cut: bool = False
    free: float | None = None
    unreadable: int = 0
    """Backups whose beginning we may not read."""


Known = Mapping[Identity, Head]


def listed(folder: str, pattern: str, known: Known, heads: int = KEPT) -> Listing:
    """The folder now; beginnings are read of files that are not `known`. Raises `ProbeError`."""
    found = Listing()
    kept: list[tuple[str, os.stat_result]] = []
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST:
                    found.cut = True
                    break
                _sorted_in(entry, pattern, kept, found)
        room = os.statvfs(folder)
        found.free = float(room.f_bavail * room.f_frsize)
    except OSError as error:
        raise complaint(error, folder) from None
    kept.sort(key=lambda one: one[1].st_mtime_ns, reverse=True)
    found.backups = [_backup(folder, *one, known, found, number < heads) for number, one in enumerate(kept)]
    found.backups.sort(key=lambda one: one.at, reverse=True)
    return found


def complaint(error: OSError, folder: str) -> ProbeError:
    """Why a folder can't be looked at: gone, shut, no folder, or a disk that fails."""
    where = SafeText(folder, 120)
    if isinstance(error, FileNotFoundError):
        return ProbeError(Cause.GONE, f"the folder {where} is not there", "is its disk mounted?")
    if isinstance(error, PermissionError):
        return ProbeError(Cause.LOCAL_PERM, f"we may not look into {where}", "read and search rights on the folder")
    if isinstance(error, NotADirectoryError):
        return ProbeError(Cause.GARBAGE, f"{where} is not a folder")
    return ProbeError(Cause.LOCAL_DISK, f"{where} can't be read: {(error.strerror or 'unknown error').lower()}")


def _sorted_in(entry: os.DirEntry[str], pattern: str, kept: list[tuple[str, os.stat_result]], found: Listing) -> None:
    try:
        told = entry.stat(follow_symlinks=False)
    except FileNotFoundError:  # gone since
        return
    is_folder = stat.S_ISDIR(told.st_mode)
    if act_of(entry.name) or (_UNFINISHED.search(entry.name) and not is_folder):
        size = folder_size(entry.path) if is_folder else told.st_size
        found.unfinished.append(Entry(entry.name, size, datetime.fromtimestamp(told.st_mtime, UTC)))
    elif not fnmatchcase(entry.name, pattern) or entry.name.startswith("."):
        found.others += 1
    elif stat.S_ISREG(told.st_mode) or (is_folder and os.path.exists(f"{entry.path}/toc.dat")):
        kept.append((entry.name, told))
    else:
        found.others += 1


def folder_size(path: str) -> float:
    """Bytes of the files in a backup in directory format; it has no folders in it."""
    total = 0.0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return total
    return total


def _backup(folder: str, name: str, told: os.stat_result, known: Known, found: Listing, look: bool) -> Backup:
    identity = identity_of(told)
    path = Path(folder) / name
    head = known.get(identity)
    if head is None:
        try:
            head = head_of(path) if look else Head("unread")
        except OSError:
            found.unreadable += 1
            head = Head("unreadable")
    at = datetime.fromtimestamp(told.st_mtime, UTC)
    touched = head.made is not None and at - head.made > _OLDER
    size = folder_size(str(path)) if head.format == "directory" else float(told.st_size)
    made = head.made if touched and head.made is not None else at
    return Backup(name, SafeText(name, 255), size, made, identity, head, touched)


def identity_now(folder: str, name: str) -> Identity | None:
    """Which file has the name now; None: there is none. Raises `ProbeError`."""
    try:
        return identity_of(os.lstat(f"{folder}/{name}"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise complaint(error, folder) from None
