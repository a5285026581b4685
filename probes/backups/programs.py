"""pg_dump, pg_restore and psql of this machine: which versions there are, and which one fits a server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes.backups.head import major
from probes.base import Cause, ProbeError
from probes.exec import run

_FOLDERS: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin",
                   "/usr/local/opt/postgresql@*/bin", "/usr/local/pgsql/bin")  # fmt: skip
_NEEDED: Final = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True, slots=True)
class Programs:
    """One release of the three."""

    folder: str
    major: int
    text: str
    """Version as pg_dump tells it: "15.18"."""

    def path(self, name: str) -> str:
        """One of them."""
        return f"{self.folder}/{name}"


async def installed(folder: str | None) -> list[Programs]:
    """The releases here, oldest first; of a given folder only."""
    found: dict[int, Programs] = {}
    for place in [folder] if folder else _places():
        if not all(os.access(f"{place}/{name}", os.X_OK) for name in _NEEDED):
            continue
        ran = await run([f"{place}/pg_dump", "--version"], within=5.0)
        number = major(ran.out.decode("utf-8", "replace"))
        if ran.code == 0 and number is not None:
            found.setdefault(number, Programs(place, number, ran.out.decode("utf-8", "replace").split()[2]))
    if not found:
        where = f"in {folder}" if folder else "on this machine"
        raise ProbeError(
            Cause.MISSING, f"no pg_dump, pg_restore and psql {where}", "install postgresql-client, or set programs"
        )
    return [found[number] for number in sorted(found)]


def _places() -> Iterable[str]:
    for pattern in _FOLDERS:  # first: what is on the PATH may be a wrapper that picks a release by itself
        base, _, _ = pattern.partition("*")
        yield from (str(path) for path in sorted(Path(base).parent.glob(pattern[len(str(Path(base).parent)) + 1 :])))
    on_path = shutil.which("pg_dump")
    if on_path:
        yield str(Path(on_path).parent)


def for_dump(there: list[Programs], server: int) -> Programs:
    """The oldest release that can dump from a server: pg_dump refuses a server newer than itself."""
    for one in there:
        if one.major >= server:
            return one
    raise ProbeError(
        Cause.VERSION,
        f"the server is PostgreSQL {server}, the newest pg_dump here is {there[-1].text}: it refuses a newer server",
        f"install postgresql-client-{server}",
    )


def for_restore(there: list[Programs], archive: int | None, server: int | None) -> Programs:
    """A release that reads the archive; the server's own where that does, since a newer one sets what it lacks."""
    able = [one for one in there if archive is None or one.major >= archive]
    if not able:
        raise ProbeError(
            Cause.VERSION,
            f"the backup was taken by pg_dump {archive}, the newest pg_restore here is {there[-1].text}",
            f"install postgresql-client-{archive}",
        )
    return next((one for one in able if one.major == server), able[0])
