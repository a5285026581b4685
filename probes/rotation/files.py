"""The files of a log: which are written to, which were rotated, who has them open."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from probes.base import Cause, ProbeError, SafeText
from probes.rotation.facts import Holder, LogFile

MOST: Final = 5000
"""Files of one log that are kept in a reading."""
_ENTRIES: Final = 100_000
_PROCESSES: Final = 20_000
_PACKED: Final = r"(?:\.(?:gz|bz2|xz|zst|lz4|Z))?"
_DATE: Final = r"(?:20\d{6}(?:[-_T]?\d{2,10})?|20\d\d-\d\d-\d\d(?:[-_T]\d{2}(?:[-:.]?\d{2}){0,2})?)"
_AFTER: Final = re.compile(rf"(?P<base>.+?)(?:\.(?P<number>\d{{1,5}})|[-._](?P<date>{_DATE})|\.old){_PACKED}")
"""app.log.1, app.log.2.gz, app.log-20260301.gz, app.log.old"""
_WITHIN: Final = re.compile(
    rf"(?P<base>.+?)(?:\.(?P<number>\d{{1,5}})|[-._](?P<date>{_DATE}))(?P<end>\.(?:log|txt|out|err|json)){_PACKED}"
)
"""app.1.log, app-20260301.log.gz, error-2026-03-01.log"""
_ONLY_PACKED: Final = re.compile(r"(?P<base>.+)\.(?:gz|bz2|xz|zst|lz4|Z)")


class Family(NamedTuple):
    """What a file's name says: whose file it was, and whether that alone is proof."""

    base: str
    sure: bool
    """True for app.log.1: no program writes there of its own. False for a date or number within the name."""
    date: str = ""


def family(name: str) -> Family | None:
    """The log that a rotated file belongs to; None for a name that no rotation makes.

    >>> family("app.log.2.gz"), family("app.log"), family("error-2026-03-01.log").base
    (Family(base='app.log', sure=True, date=''), None, 'error.log')
    """
    found = _WITHIN.fullmatch(name)
    if found is not None:
        return Family(found["base"] + found["end"], False, found["date"] or "")
    found = _AFTER.fullmatch(name)
    if found is not None:
        return Family(found["base"], found["date"] is None, found["date"] or "")
    found = _ONLY_PACKED.fullmatch(name)
    return Family(found["base"], True) if found is not None else None


def read_files(pattern: str) -> tuple[list[LogFile], int, int | None]:
    """(files of a log, the newest first; left out; bytes free there). Raises `ProbeError`."""
    folder, _, wanted = pattern.rpartition("/")
    folder = folder or "/"
    found: list[tuple[str, os.stat_result]] = []
    left_out = 0
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= _ENTRIES:
                    left_out += 1
                    continue
                about = family(entry.name)
                if fnmatchcase(entry.name, wanted) or (about is not None and fnmatchcase(about.base, wanted)):
                    try:
                        seen = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if stat.S_ISREG(seen.st_mode):
                        found.append((entry.name, seen))
        space = os.statvfs(folder)
        free: int | None = space.f_bavail * space.f_frsize
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, f"there is no folder {SafeText(folder, 120)}") from None
    except PermissionError:
        raise ProbeError(Cause.LOCAL_PERM, f"this user may not look into {SafeText(folder, 120)}") from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_DISK, f"{SafeText(folder, 120)} can't be read: {error.strerror}") from None
    found.sort(key=lambda one: (-one[1].st_mtime, one[0]))
    gone = rotated(name for name, _ in found)
    files = [
        LogFile(folder.rstrip("/"), name, seen.st_size, seen.st_mtime, seen.st_dev, seen.st_ino, name in gone)
        for name, seen in found
    ]
    return files[:MOST], left_out + max(0, len(files) - MOST), free


def rotated(names: Iterable[str]) -> set[str]:
    """Those of a folder's files that were rotated.

    A name with a number or a date within it may be the log itself: it counts as rotated only beside the file it would
    come from, or beside one with a later date.

    >>> sorted(rotated(["error-2026-03-01.log", "error-2026-03-02.log", "worker.1.log", "app.log", "app.log.1"]))
    ['app.log.1', 'error-2026-03-01.log']
    """
    every = set(names)
    told = {name: about for name in every if (about := family(name)) is not None}
    newest: dict[str, str] = {}
    for about in told.values():
        newest[about.base] = max(newest.get(about.base, ""), about.date)
    return {
        name
        for name, about in told.items()
        if about.sure or about.base in every or (about.date and about.date < newest[about.base])
    }


def holders(folders: Sequence[str]) -> tuple[list[Holder], int] | None:
    """(who has files of these folders open, processes that can't be seen into); None without /proc."""
    root = Path("/proc")
    starts = tuple(f"{os.path.realpath(folder)}/" for folder in folders)
    try:
        pids = [name for name in os.listdir(root) if name.isdigit()]
    except OSError:
        return None
    if not pids:
        return None
    found: list[Holder] = []
    unseen = max(0, len(pids) - _PROCESSES)
    for pid in pids[:_PROCESSES]:
        try:
            names = os.listdir(root / pid / "fd")
        except PermissionError:
            unseen += 1
            continue
        except OSError:
            continue
        for name in names:
            one = _held(root / pid, name, starts)
            if one is not None:
                found.append(one)
    return found, unseen


def _held(process: Path, name: str, starts: tuple[str, ...]) -> Holder | None:
    link = process / "fd" / name
    try:
        path = os.readlink(link)
        if not path.startswith(starts):
            return None
        about = os.stat(link)
        if not stat.S_ISREG(about.st_mode):
            return None
        flags = re.search(r"^flags:\s*([0-7]+)", (process / "fdinfo" / name).read_text(), re.M)
        program = (process / "comm").read_bytes().strip()
    except (OSError, ValueError):
        return None
    return Holder(
        pid=int(process.name),
        program=SafeText(program, 40),
        path=path.removesuffix(" (deleted)"),
        device=about.st_dev,
        inode=about.st_ino,
        writes=flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY,
        deleted=about.st_nlink == 0,
    )
