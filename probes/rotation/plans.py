"""What a forced rotation would do: to which files, which old ones would go, what counts when it is run alone."""

from __future__ import annotations

import glob
import os
import stat
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from probes.base import Cause, Identity, ProbeError
from probes.rotation.facts import Configuration, LogFile, Stanza
from probes.rotation.files import family, read_files
from probes.rotation.logrotate import read_alone, read_configuration

_DAY: Final = 86400.0
_MOST: Final = 200
"""Files of one rotation that are looked at one by one."""
_FOUND: Final = 100_000
"""Names one pattern may give."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """One configuration, as logrotate would carry it out alone."""

    path: str
    digest: str
    files: tuple[LogFile, ...]
    """Those that are written to and are not empty."""
    going: tuple[str, ...]
    """Rotated files that would be removed."""
    hindrance: str
    notes: tuple[str, ...]
    beyond: int = 0
    """Files besides that logrotate would rotate too, and that are not looked at one by one."""

    @property
    def identity(self) -> Identity:
        """Its content, each file it is about, and how many more there are."""
        told = [("configuration", self.digest)]
        told += [("files beyond", str(self.beyond))] if self.beyond else []
        told += [(f"file {one.path}", f"{one.device}:{one.inode}:{one.size}") for one in self.files]
        return tuple(told)

    def difference(self, before: Identity) -> str:
        """What is no longer as it was looked at; that a log has grown is no difference."""
        if dict(before).get("configuration") != self.digest:
            return "its configuration is another"
        now = {f"file {one.path}": (one.device, one.inode) for one in self.files}
        then = {name: tuple(map(int, value.split(":")[:2])) for name, value in before if name.startswith("file ")}
        same = now == then and beyond(before) == self.beyond
        return "" if same else "its files are others"

    def unrotated(self, before: Identity) -> tuple[list[str], int]:
        """(files that are still what they were, all files it was about)."""
        wanted = {name[5:]: tuple(map(int, value.split(":"))) for name, value in before if name.startswith("file ")}
        now = {one.path: (one.device, one.inode, one.size) for one in self.files}
        left = [
            path for path, was in wanted.items() if path in now and now[path][:2] == was[:2] and now[path][2] >= was[2]
        ]
        return left, len(wanted)


def beyond(identity: Identity) -> int:
    """Files that a rotation was about besides those it names."""
    return int(dict(identity).get("files beyond", "0"))


def rotation_of(main: str, path: str) -> Rotation:
    """In a thread. Raises `ProbeError`: GONE when logrotate does not include that file."""
    included = read_configuration(main, path)
    alone = read_alone(path)
    if path == main:
        raise ProbeError(Cause.DENIED, "the main file rotates everything at once", "choose one of those it includes")
    found: dict[str, tuple[LogFile, Stanza]] = {}
    for stanza in alone.stanzas:
        for one in _live(stanza.patterns):
            if one.size:
                found.setdefault(one.path, (one, stanza))
    files = {path: found[path][0] for path in sorted(found)[:_MOST]}
    going: dict[str, None] = {}
    for name in files:
        going.update(dict.fromkeys(_goes(*found[name], time.time())))
    left = len(found) - len(files)
    return Rotation(
        path=path,
        digest=alone.digest,
        files=tuple(files.values()),
        going=tuple(going),
        hindrance=_hindrance(alone, files, path),
        notes=(*([_cut(len(files), left)] if left else []), *_notes(included, alone)),
        beyond=left,
    )


def _cut(looked_at: int, left: int) -> str:
    return (
        f"{looked_at} of {looked_at + left} files are looked at: the other {left} are rotated too,"
        " but neither what goes of them nor whether it was done is seen"
    )


def _live(patterns: Sequence[str]) -> Iterable[LogFile]:
    for pattern in patterns:
        for path in islice(glob.iglob(pattern), _FOUND):
            try:
                now = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISREG(now.st_mode):
                folder, _, name = path.rpartition("/")
                yield LogFile(folder, name, now.st_size, now.st_mtime, now.st_dev, now.st_ino, False)


def _goes(one: LogFile, stanza: Stanza, now: float) -> list[str]:
    """The rotated files of one log that are one too many after another rotation, or older than maxage."""
    folder = stanza.olddir if stanza.olddir.startswith("/") else f"{one.folder}/{stanza.olddir}".rstrip("/")
    try:
        files, _, _ = read_files(f"{folder}/{glob.escape(one.name)}")
    except ProbeError:
        return []
    rotated = [file for file in files if (about := family(file.name)) is not None and about.base == one.name]
    kept = rotated[: max(0, stanza.keeps - 1)]
    old = [
        file for file in kept if stanza.max_age is not None and (now - file.changed) // _DAY > stanza.max_age // _DAY
    ]
    return [file.path for file in (*rotated[len(kept) :], *old)]


def _hindrance(alone: Configuration, files: dict[str, LogFile], path: str) -> str:
    if any(stanza.keeps == 0 for stanza in alone.stanzas):
        return "run alone it would keep no old file: its rotate count stands in another file, or is 0"
    return "" if files else "all of its files are empty or missing"


def _notes(included: Configuration, alone: Configuration) -> Iterable[str]:
    if included.inherited:
        yield f"run alone, without what the main file says before it: {', '.join(included.inherited)}"
    if any(not stanza.copies and not stanza.tells for stanza in alone.stanzas):
        yield "no script tells the writer and nothing is copied: it goes on writing into the rotated file"
    yield "each forced rotation counts as one: a few of them push out the history that is kept"


def sized(number: float) -> str:
    """Bytes in words.

    >>> sized(512), sized(1536)
    ('512 B', '1.5 KiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
