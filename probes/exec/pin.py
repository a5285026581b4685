"""Which file a program really is, and whether anybody else could have put it there.

A name is looked up once, when somebody looks; directly before it runs the file must still be the same one. The moment
between that check and the start stays: some thousandths of a second.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from probes.base import Cause, Identity, ProbeError, SafeText

_READ: Final = 4 << 20
"""Bytes of a script that are read to tell it from another; of a longer file size and time of change must do."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """A program, or a file that it is to run."""

    path: str
    """As it is started, absolute."""
    real: str
    """The file behind every link."""
    identity: Identity
    """Owner, mode and what tells the file from another."""


def program(name: str, cwd: Path | None = None) -> Pinned:
    """The program of that name, by PATH, or by its path (from `cwd` on). Raises `ProbeError`.

    MISSING when it is not installed; LOCAL_PERM when it is not ours to run, or when somebody else could change it.
    """
    if "/" in name:
        found: str | None = os.path.join(cwd or os.getcwd(), os.path.expanduser(name))
    else:
        found = shutil.which(name)
    if found is None or not os.path.exists(found):
        raise ProbeError(Cause.MISSING, SafeText(f"{name} is not installed here", 300))
    if not os.path.isfile(found) or not os.access(found, os.X_OK):
        raise ProbeError(Cause.LOCAL_PERM, SafeText(f"{found} is no program that may be run", 300))
    return _pinned(os.path.abspath(found))


def file(path: Path) -> Pinned:
    """A file that a program is to run, a script say. Raises `ProbeError`."""
    return _pinned(os.path.abspath(path))


def folder(path: Path) -> None:
    """Raises `ProbeError` when a folder is not there, or somebody else could change what is in it."""
    if not path.is_dir():
        raise ProbeError(Cause.MISSING, SafeText(f"there is no folder {path}", 300))
    _whole_way(os.path.realpath(path))


def _pinned(path: str) -> Pinned:
    try:
        real = os.path.realpath(path, strict=True)
        for step in _links(path):
            _whole_way(os.path.dirname(step))
        _whole_way(real)
        found = os.stat(real)
        told = (
            ("file", real),
            ("owner", _owner(found.st_uid)),
            ("mode", f"{stat.S_IMODE(found.st_mode):04o}"),
            ("is", _what(real, found)),
        )
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, SafeText(f"{path} can't be looked at: {error.strerror}", 300)) from None
    return Pinned(path, real, told)


def _links(path: str) -> Iterator[str]:
    """The path, and each link that it leads over."""
    for _ in range(40):  # as many as the kernel follows
        yield path
        if not os.path.islink(path):
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def _what(real: str, found: os.stat_result) -> str:
    """Tells a file from another: scripts by what is in them, programs by size and time of change."""
    if found.st_size <= _READ and os.access(real, os.R_OK):
        with open(real, "rb") as stream:
            return sha256(stream.read(_READ)).hexdigest()[:16]
    return f"{found.st_dev:x}:{found.st_ino:x}:{found.st_size}:{found.st_mtime_ns}"


def _whole_way(path: str) -> None:
    """Every step from the root to a path belongs to us or to root, and nobody else may write there.

    A folder in which many may write but nobody may touch what is another's (/tmp, 1777) is a step that holds: what
    lies in it is looked at too. A group may write where nobody is in it but the owner, or where it is root's.
    """
    at = os.path.realpath(path)
    while True:
        found = os.stat(at)
        if found.st_uid not in (0, os.geteuid()):
            raise _doubt(at, f"belongs to {_owner(found.st_uid)}")
        if not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
            if found.st_mode & stat.S_IWOTH:
                raise _doubt(at, "can be written by everybody", "go-w" if found.st_mode & stat.S_IWGRP else "o-w")
            if found.st_mode & stat.S_IWGRP and not _private(found.st_gid, found.st_uid):
                raise _doubt(at, f"can be written by the group {_group(found.st_gid)}", "g-w")
        above = os.path.dirname(at)
        if above == at:
            return
        at = above


def _private(group: int, owner: int) -> bool:
    """True for root's group, and for one of its owner's name that nobody else is in.

    Both ways of being in a group count: by the list of its members, and by being somebody's own in the table of users.
    """
    if group == 0:
        return True
    try:
        name, found = pwd.getpwuid(owner).pw_name, grp.getgrgid(group)
    except KeyError:
        return False
    others = (one.pw_name for one in pwd.getpwall() if one.pw_gid == group)
    return found.gr_name == name and {*found.gr_mem, *others} <= {name}


def _doubt(path: str, why: str, mend: str = "") -> ProbeError:
    until = f" until chmod {mend} {shlex.quote(path)}" if mend else ""
    return ProbeError(Cause.LOCAL_PERM, SafeText(f"{path} {why}: nothing is run from there{until}", 600))


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
