"""Removes files of a folder of backups: one that was looked at, or what a job has left. Blocking: for a lane."""

from __future__ import annotations

import os

from probes.backups import folder
from probes.base import Identity, Outcome, Result, SafeText


def deleted(place: str, name: str, then: Identity) -> Outcome:
    """Compare a backup and delete it, in the folder that is held open. Raises `OSError`."""
    inside = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if folder.identity_of(os.stat(name, dir_fd=inside, follow_symlinks=False)) != then:
            return Outcome(Result.REFUSED, SafeText("changed since you looked: another file has that name"))
        os.unlink(name, dir_fd=inside)
    finally:
        os.close(inside)
    return Outcome(Result.DONE, SafeText("deleted"))


def removed(path: str) -> None:
    """Remove a temporary file, or a temporary folder of a dump in directory format. Raises `OSError`."""
    if os.path.isdir(path) and not os.path.islink(path):
        for entry in os.scandir(path):
            os.unlink(entry.path)
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
