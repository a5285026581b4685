"""Removes one rotated file by its name in a folder that is held open, if it is still the very file looked at."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from probes.base import Cause, Outcome, ProbeError, Result, SafeText, Subject, lasted
from probes.rotation.facts import LogFile
from probes.rotation.files import holders, read_files
from probes.rotation.plans import sized
from probes.rotation.probe import LogSettings


class Sight(NamedTuple):
    """A log as it is directly before a plan."""

    files: list[LogFile]
    """With the folder they are really in, whatever links lead there."""
    held: set[tuple[int, int]] | None
    """Those that a process has open; None: that can't be told here."""
    unseen: int
    """Processes of others, whose open files can't be seen."""
    left_out: int = 0
    """Files beyond those, the oldest."""


def looked(log: LogSettings) -> Sight:
    """In a thread: the files, and which of them a process has open."""
    files, left_out, _ = read_files(log.files)
    folder = os.path.realpath(log.files.rpartition("/")[0] or "/")
    held = holders([folder])
    files = [replace(one, folder=folder) for one in files]
    open_now = None if held is None else {(one.device, one.inode) for one in held[0]}
    return Sight(files, open_now, held[1] if held else 0, left_out)


def removal(one: LogFile, held: set[tuple[int, int]] | None, now: datetime) -> Subject:
    """One file that would go, with all that must still be so; spared while a process has it open."""
    is_open = held is not None and (one.device, one.inode) in held
    return Subject(
        key=one.path,
        name=SafeText(one.name, 160),
        identity=(
            ("folder", one.folder),
            ("name", one.name),
            ("device", str(one.device)),
            ("inode", str(one.inode)),
            ("size", str(one.size)),
            ("changed", repr(one.changed)),
        ),
        before=SafeText(f"{sized(one.size)}, written {lasted(now.timestamp() - one.changed)} ago"),
        after=SafeText("gone for ever"),
        spared=SafeText("a process has it open: its space would not be freed" if is_open else ""),
    )


def _opened(identity: dict[str, str]) -> int:
    return os.open(identity["folder"], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _difference(folder: int, identity: dict[str, str]) -> str:
    """What is no longer as it was looked at; empty: nothing."""
    try:
        now = os.stat(identity["name"], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return "it is gone"
    if not stat.S_ISREG(now.st_mode) or (str(now.st_dev), str(now.st_ino)) != (identity["device"], identity["inode"]):
        return "another file has its name"
    if (str(now.st_size), repr(now.st_mtime)) != (identity["size"], identity["changed"]):
        return "it was written to"
    return ""


def changed(identity: dict[str, str]) -> str:
    """In a thread: what is no longer as it was looked at; empty: nothing. Raises `ProbeError` when it can't be told."""
    try:
        folder = _opened(identity)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return "its folder is another"
        raise ProbeError(Cause.LOCAL_PERM, f"its folder can't be opened: {error.strerror}") from None
    try:
        return _difference(folder, identity)
    finally:
        os.close(folder)


def unlink(identity: dict[str, str]) -> Outcome:
    """In a thread: compare once more and remove, in the folder that is held open."""
    folder = -1
    try:
        folder = _opened(identity)
        if words := _difference(folder, identity):
            return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {words}"))
        os.unlink(identity["name"], dir_fd=folder)
    except OSError as error:
        return Outcome(Result.FAILED, SafeText(f"not removed: {error.strerror}"))
    finally:
        if folder >= 0:
            os.close(folder)
    return Outcome(Result.DONE, SafeText("removed"))


def is_there(identity: dict[str, str]) -> bool:
    """True when the very file is there yet. Raises `ProbeError` when it can't be looked at: that is no proof."""
    folder = -1
    try:
        folder = _opened(identity)
        now = os.stat(identity["name"], dir_fd=folder, follow_symlinks=False)
        return (str(now.st_dev), str(now.st_ino)) == (identity["device"], identity["inode"])
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, f"its folder can't be looked at: {error.strerror}") from None
    finally:
        if folder >= 0:
            os.close(folder)
