"""The nightly dumps of the database: real ones, seven nights of them from the start, and one that was cut off."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from systems.engines import bare, postgres_programs
from systems.insta_connect.place import Place

NIGHTS: Final = 7

HOUR: Final = 2
"""Hour of the day, in UTC, at which a dump is taken."""


def last_nights(place: Place, now: datetime) -> None:
    """Those of the nights before now, each made when it is not there. Blocking; a dump takes some tenths of a second.

    Copies of one, dated back: nobody has been here for a week.
    """
    at = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    at -= timedelta(days=1) if at > now else timedelta()
    names = [(place.backups / file_name(one), one) for one in (at - timedelta(days=night) for night in range(NIGHTS))]
    absent = [(path, one) for path, one in names if not path.exists()]
    if not absent:
        return
    first = place.backups / ".first"
    take(place, first)
    for path, one in absent:
        shutil.copyfile(first, path)
        os.utime(path, (one.timestamp(), one.timestamp()))
    first.unlink()


def take(place: Place, path: Path) -> None:
    """A dump of the database; OSError when there is none to be had."""
    programs = postgres_programs()
    program = str(programs / "pg_dump") if programs is not None else shutil.which("pg_dump")
    if program is None:
        raise OSError("there is no pg_dump")
    login = place.database("insta-connect-backup")
    argv = [program, "-h", login["host"], "-p", login["port"], "-U", login["user"], "-Fc", "-f", str(path)]
    environ = {**bare(), "PGPASSWORD": login["password"]}
    try:
        subprocess.run([*argv, login["dbname"]], check=True, env=environ, capture_output=True, timeout=60)
    except subprocess.SubprocessError as error:
        raise OSError(f"pg_dump: {type(error).__name__}") from None


def cut_off(place: Place) -> Path:
    """The newest dump once more, without its end, as when the disk is full; where it lies."""
    newest = max(place.backups.glob("*.dump"), key=lambda path: path.stat().st_mtime)
    path = place.backups / file_name(datetime.now(UTC))
    whole = newest.read_bytes()
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_bytes(whole[: len(whole) * 3 // 5])
    unfinished.rename(path)
    return path


def file_name(at: datetime) -> str:
    """What the dump of a moment is called."""
    return f"insta_connect-{at:%Y%m%d-%H%M%S}.dump"
