"""A folder of evidence: files that only we can read, each with its hash and its age, and what could not be had, named.

    manifest.json   what each file is, when it was taken, how old it was then; what is missing and why
    SHA256SUMS      the hash of every file, the manifest among them; `sha256sum -c SHA256SUMS` holds them against it

Nothing is written once the disk would be left with less than `SPARE`: evidence must not be what stops a system.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from desk.keep import KeepError
from desk.words import size

FORM: Final = 1
"""Version of the manifest."""

SPARE: Final = 256 << 20
"""Bytes that stay free on the disk, whatever is left out for it."""

FILE: Final = 32 << 20
"""Bytes that one file may have, but for the black box."""

WHOLE: Final = 768 << 20
"""Bytes that all files together may have."""

_PIECE: Final = 1 << 20
"""Bytes between two looks at what is free."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_NAME: Final = 120
"""Characters of a file's name."""


class BundleError(Exception):
    """A folder can't be made or closed; the message says why, for a person."""


class _NoRoom(Exception):
    """A file would leave too little room, or is too large."""


@dataclass(frozen=True, slots=True)
class Held:
    """One file."""

    name: str
    about: str
    """What it is, in a person's words."""
    at: datetime
    """When what it tells was so, aware UTC."""
    age: float | None
    """Seconds since it was read, when it was written down; None: it was read for this."""
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Missed:
    """Something that could not be had."""

    about: str
    why: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """A bundle that is complete."""

    folder: Path
    sha256: str
    """Of `SHA256SUMS`, which holds the hashes of all the rest."""
    held: tuple[Held, ...]
    missed: tuple[Missed, ...]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(one.size for one in self.held)


class Bundle:
    """A folder that is being filled. One thread at a time."""

    def __init__(self, folder: Path, spare: int = SPARE, most: int = FILE, whole: int = WHOLE) -> None:
        """Make it, 0700. Raises `BundleError` where it is there already, can't be made, or the disk has no room."""
        self.folder = folder
        self._spare, self._most, self._left = spare, most, whole
        self._held: list[Held] = []
        self._missed: list[Missed] = []
        self._names = {"manifest.json", "SHA256SUMS"}
        self._cut = ""
        """Why the file that was written last is not whole; empty: it is."""
        try:
            folder = self.folder = folder.absolute()  # it is recorded, and read where nobody knows where we stood
            free = shutil.disk_usage(folder.parent).free
            if free < spare + _PIECE:
                raise BundleError(f"only {size(free)} are free there, and {size(spare)} must stay free")
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
        except FileExistsError:
            raise BundleError(f"there is a {folder.name} already; it was not touched") from None
        except (OSError, ValueError) as error:
            raise BundleError(f"{folder} can't be made: {_said(error)}") from None

    def put(
        self, name: str, about: str, pieces: Iterable[bytes], at: datetime, age: float | None = None, part: bool = False
    ) -> bool:
        """Write one file; False, and the reason in the manifest, where that can't be done. It is whole, or not there;
        with `part` it is kept as far as there was room, and the manifest says so."""
        name = self._free(name)
        path, digest, written = self.folder / name, hashlib.sha256(), 0
        try:
            handle = os.open(path, _NEW, 0o600)
            with os.fdopen(handle, "wb") as file:
                for piece in self._bounded(pieces, part):
                    file.write(piece)
                    digest.update(piece)
                    written += len(piece)
                file.flush()
                os.fsync(file.fileno())
        except (_NoRoom, OSError) as error:
            path.unlink(missing_ok=True)
            self.miss(about, _said(error))
            return False
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._left -= written
        about = f"{about}, kept in part: {self._cut}" if self._cut else about
        self._held.append(Held(name, about, at, age, digest.hexdigest(), written))
        return True

    def take(self, name: str, about: str, expected: int, write: Callable[[Path], None], at: datetime) -> bool:
        """Have a file of about `expected` bytes written by `write`, which is given an empty one; as `put` otherwise."""
        name = self._free(name)
        path = self.folder / name
        try:
            free = shutil.disk_usage(self.folder).free
            if expected > self._left:
                raise _NoRoom(f"it has {size(expected)}, and the bundle would be too large")
            if free - expected < self._spare:
                raise _NoRoom(f"it has {size(expected)}, and the disk has only {size(free)} left")
            os.close(os.open(path, _NEW, 0o600))
            write(path)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                written = os.fstat(file.fileno()).st_size
                os.fsync(file.fileno())
        except (_NoRoom, OSError, KeepError) as error:
            path.unlink(missing_ok=True)
            self.miss(about, _said(error))
            return False
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._left -= written
        self._held.append(Held(name, about, at, None, digest, written))
        return True

    def miss(self, about: str, why: str) -> None:
        """Something could not be had."""
        self._missed.append(Missed(about, why))

    def close(self, head: Mapping[str, Any]) -> Sealed:
        """Write the manifest, whose first part is `head`, and the hashes. Raises `BundleError`."""
        files = [
            {
                "file": one.name, "what": one.about, "as_of": one.at.astimezone(UTC).isoformat(timespec="milliseconds"),
                "seconds_old": None if one.age is None else round(one.age, 3), "bytes": one.size, "sha256": one.sha256,
            }
            for one in self._held
        ]  # fmt: skip
        missed = [{"what": one.about, "why": one.why} for one in self._missed]
        body = {"evidence_bundle": FORM, **head, "files": files, "not_gathered": missed}
        manifest = (json.dumps(body, indent=2, allow_nan=False) + "\n").encode()
        sums = [(one.name, one.sha256) for one in self._held]
        sums.append(("manifest.json", hashlib.sha256(manifest).hexdigest()))
        listed = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums)).encode()
        try:
            for name, raw in (("manifest.json", manifest), ("SHA256SUMS", listed)):
                self._write(name, raw)
            inside = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(inside)
            finally:
                os.close(inside)
        except OSError as error:
            raise BundleError(f"the manifest can't be written: {_said(error)}; what was gathered lies there") from None
        return Sealed(self.folder, hashlib.sha256(listed).hexdigest(), tuple(self._held), tuple(self._missed))

    def _write(self, name: str, raw: bytes) -> None:
        with os.fdopen(os.open(self.folder / name, _NEW, 0o600), "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())

    def _bounded(self, pieces: Iterable[bytes], part: bool) -> Iterator[bytes]:
        """The pieces as long as there is room for them. Raises `_NoRoom`; with `part` it ends there."""
        written, looked, self._cut = 0, -_PIECE, ""
        for piece in pieces:
            why = ""
            if written + len(piece) > self._most:
                why = f"it has more than {size(self._most)}"
            elif written + len(piece) > self._left:
                why = "the bundle is as large as one may be"
            elif written - looked >= _PIECE:
                looked = written
                free = shutil.disk_usage(self.folder).free
                if free < self._spare:
                    why = f"the disk has only {size(free)} left"
            if why and not (part and written):
                raise _NoRoom(why)
            if why:
                self._cut = why
                return
            written += len(piece)
            yield piece

    def _free(self, name: str) -> str:
        """A name that no file here has yet."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".-")[-_NAME:] or "file"
        found, number = plain, 1
        while found.lower() in {one.lower() for one in self._names}:
            number += 1
            stem, dot, end = plain.rpartition(".")
            found = f"{stem}-{number}{dot}{end}" if stem else f"{plain}-{number}"
        self._names.add(found)
        return found


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return str(error) or type(error).__name__
