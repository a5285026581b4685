"""What a key was set to before our changes: kept for some days where only we can read it (0600), then forgotten.

It holds secrets. It lies in the folder for what outlives a session, never beside the file it is about.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText

_FOLDER: Final = "settings"
_MOST: Final = 50
"""Changes kept of one file."""


@dataclass(frozen=True, slots=True)
class Old:
    """One change, with what was there before it."""

    id: str
    """A short name for it, unique within the file: "8c1f02"."""
    at: datetime
    until: datetime
    """From then on it is forgotten."""
    action: str
    by: str
    values: Mapping[str, str | None] = field(repr=False)
    """What each key was set to; None: it was not there."""
    lines: Mapping[str, str | None] = field(repr=False, default_factory=dict)
    """The lines of the keys as they stood."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Which keys it was about."""
        return tuple(self.values)


def kept(state: Path | None, path: str, now: datetime) -> tuple[Old, ...]:
    """What is kept of a file, the newest first. Blocking. Raises `ProbeError`: what can't be read may yet be there."""
    rows = _rows(state, path) if state is not None else ()
    found = [one for row in rows if (one := _old(row)) is not None]
    return tuple(sorted((one for one in found if one.until > now), key=lambda one: one.at, reverse=True))


def expire(state: Path, path: str, now: datetime) -> None:
    """Forget for good what has come to its end. Blocking; writes only when there is such a thing."""
    if any(one.until <= now for row in _rows(state, path) if (one := _old(row)) is not None):
        with _alone(state) as folder:
            _write(folder, state, path, kept(state, path, now))


def keep(state: Path, path: str, old: Old, now: datetime) -> None:
    """Keep one more, for good when this returns; what has come to its end is forgotten. Blocking."""
    with _alone(state) as folder:
        _write(folder, state, path, [old, *(one for one in kept(state, path, now) if one.id != old.id)][:_MOST])


def forget(
    state: Path, path: str, now: datetime, key: str | None = None, value: str | None = None, id: str | None = None
) -> None:
    """Forget a change; or one value of one key in all of them, and no other value it had. Blocking."""
    with _alone(state) as folder:
        left: list[Old] = []
        for one in kept(state, path, now):
            values = {name: was for name, was in one.values.items() if (name, was) != (key, value)}
            if one.id != id and values:
                lines = {name: line for name, line in one.lines.items() if name in values}
                left.append(replace(one, values=values, lines=lines))
        _write(folder, state, path, left)


def before(olds: Sequence[Old], key: str) -> str | None:
    """The value that a key had before it was last changed; None when none is kept."""
    return next((one.values[key] for one in olds if one.values.get(key) is not None), None)


def unproven(olds: Sequence[Old], key: str, value: str) -> datetime | None:
    """Until when the newest earlier value of a key is kept, unless that is the value it has; None: none is."""
    found = next((one for one in olds if one.values.get(key) is not None), None)
    return found.until if found is not None and found.values[key] != value else None


def _place(state: Path, path: str) -> Path:
    return state / _FOLDER / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"


def _rows(state: Path, path: str) -> Sequence[Any]:
    try:
        told = json.loads((_place(state, path)).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, RecursionError):
        raise ProbeError(Cause.LOCAL_DISK, "what is kept of earlier values can't be read") from None
    rows = told.get("changes") if isinstance(told, dict) else None
    return rows if isinstance(rows, list) else ()


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[int]:
    """The open folder, in which no other session keeps or forgets anything meanwhile. Raises `ProbeError`."""
    try:
        (state / _FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(state / _FOLDER, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _not_kept(error) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    except OSError as error:
        raise _not_kept(error) from None
    finally:
        os.close(folder)


def _not_kept(error: OSError) -> ProbeError:
    why = error.strerror or type(error).__name__
    return ProbeError(Cause.LOCAL_DISK, SafeText(f"the old value can't be kept ({why}), so nothing is changed"))


def _write(folder: int, state: Path, path: str, olds: Sequence[Old]) -> None:
    place = _place(state, path)
    rows = [
        {
            "id": one.id, "at": one.at.isoformat(), "until": one.until.isoformat(), "action": one.action,
            "by": one.by, "values": dict(one.values), "lines": dict(one.lines),
        }
        for one in olds
    ]  # fmt: skip
    begun = f".{place.name}."
    for left in [name for name in os.listdir(folder) if name.startswith(begun)]:
        os.unlink(left, dir_fd=folder)  # a killed session's: we are alone here
    new = f"{begun}{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(new, flags, 0o600, dir_fd=folder), "wb") as file:
        file.write(json.dumps({"file": path, "changes": rows}).encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, place.name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def _old(row: Any) -> Old | None:
    try:
        values, lines = (
            {str(key): None if value is None else str(value) for key, value in row[name].items()}
            for name in ("values", "lines")
        )
        at, until = (datetime.fromisoformat(row[name]) for name in ("at", "until"))
        return Old(str(row["id"]), at, until, str(row["action"]), str(row["by"]), values, lines)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
