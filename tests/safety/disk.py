"""Disks that are full or can't be written to, and several sessions that act on one target at once.

`python -m tests.safety.disk [--acts N]`. Small disks are mounted, which takes root; without it that part is left out,
and said so. Nothing may be done without a record, whatever the disk does; what could not be recorded is not done.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from desk.audit import Code, Record, chronicle
from desk.audit.sinks import RESERVE
from tests.safety.checker import Joined, joined
from tests.safety.counting import Server, acting, served
from tests.safety.kills import ended, forked

SMALL: Final = 256 << 10
ACTS: Final = 75
"""Acts of each session; four records each make 300."""
_WRITTEN: Final = (Code.INTENT, Code.SENT, Code.DONE, Code.VERDICT)


@dataclass
class Found:
    """What came of it."""

    said: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def may_not_mount() -> str:
    """Why no small disk can be mounted; empty: it can."""
    if os.geteuid() != 0:
        return "mounting a small disk takes root"
    with tempfile.TemporaryDirectory(prefix="opsroom-mount-") as place:
        words = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", place]
        tried = subprocess.run(words, capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            subprocess.run(["umount", place], check=True)
        return tried.stderr.strip()


@contextlib.contextmanager
def mounted(place: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, leaving: int = 0) -> Path:
    """Take all room but so much."""
    path = disk / "filler"
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(path, max(0, path.stat().st_size - leaving))
    return path


def session(server: Server, home: Path, acts: int, logged: bool = False) -> int:
    """Act so often, one after the other; the exit code."""
    server.asked("forget")
    names = [f"{home.name}{time.monotonic_ns()}-{number}" for number in range(acts)]
    return ended(forked(lambda: acting(server.folder, home, names, logged)))


def looked(server: Server, home: Path, logged: bool = False) -> tuple[list[str], Joined]:
    """(requests received since the session began, what joining them with the audit says)."""
    wire = server.asked("ledger")
    return wire, joined(wire, home / "audit", server.asked("log") if logged else (), refusals=True)


def full_from_the_start(server: Server, place: Path, found: Found) -> None:
    """Nothing can be recorded: nothing is done."""
    with mounted(place / "full", SMALL) as home:
        fill(home)
        code = session(server, home, 5)
        wire, joint = looked(server, home)
        found.wrong += [f"full disk: {one}" for one in (*joint.wrong, *(["it failed"] if code else []))]
        if wire:
            found.wrong.append(f"full disk: {len(wire)} requests without a record")
    found.said.append("0 acts on a full disk")


def filling_up(server: Server, place: Path, found: Found) -> None:
    """The disk fills up under a session."""
    with mounted(place / "filling", SMALL) as home:
        fill(home, leaving=64 << 10)
        code = session(server, home, 200)
        wire, joint = looked(server, home)
        found.wrong += [f"filling disk: {one}" for one in (*joint.wrong, *(["it failed"] if code else []))]
        if not 5 < len(wire) < 200:
            found.wrong.append(f"filling disk: {len(wire)} of 200 acts were done")
    found.said.append(f"{len(wire)} acts until one of 256 KiB is full, all recorded")


def reserve(server: Server, place: Path, found: Found) -> None:
    """A disk that is full but for the reserve still takes the last records, from its reserve, once."""
    with mounted(place / "reserve", 4 * SMALL) as home:
        session(server, home, 1)
        if (home / "audit" / "reserve").stat().st_size != RESERVE:
            found.wrong.append("reserve: none was kept")
        fill(home)
        code = session(server, home, 5)
        wire, joint = looked(server, home)
        # acts of the first session are not in this session's ledger
        wrong = [one for one in joint.wrong if "never received" not in one]
        found.wrong += [f"reserve: {one}" for one in (*wrong, *(["it failed"] if code else []))]
        if len(wire) != 5 or (home / "audit" / "reserve").exists():
            found.wrong.append(f"reserve: {len(wire)} of 5 acts were done with it")
    found.said.append("5 more thanks to the reserve")


def full_with_a_log(server: Server, place: Path, found: Found) -> None:
    """The file is full; the log takes every record."""
    with mounted(place / "logged", SMALL) as home:
        for folder in ("audit", "locks"):
            (home / folder).mkdir(mode=0o700)
        fill(home, leaving=40 << 10)
        code = session(server, home, 100, logged=True)
        wire, joint = looked(server, home, logged=True)
        found.wrong += [f"full disk with a log: {one}" for one in (*joint.wrong, *(["it failed"] if code else []))]
        if len(wire) != 100:
            found.wrong.append(f"full disk with a log: {len(wire)} of 100 acts were done")
    found.said.append("100 of 100 where a log takes them")


def read_only(server: Server, place: Path, found: Found) -> None:
    """A home that can't be written to: nothing is done, with a log or without."""
    with mounted(place / "readonly", SMALL) as home:
        subprocess.run(["mount", "-o", "remount,ro", str(home)], check=True)
        for logged in (False, True):
            code = session(server, home / "state", 3, logged)
            wire, joint = looked(server, home / "state", logged)
            found.wrong += [f"read-only home: {one}" for one in (*joint.wrong, *(["it failed"] if code else []))]
            if wire:
                found.wrong.append(f"read-only home: {len(wire)} acts were done")
    found.said.append("0 in a read-only home")


def at_once(server: Server, home: Path, sessions: int, acts: int, found: Found) -> None:
    """So many sessions act on one target, each as often; every record is there, and no two acts overlap."""
    server.asked("forget")

    async def one(number: int) -> None:
        names = [f"{number}-{act}" for act in range(acts)]
        done = await acting(server.folder, home, names, insisting=True)
        if done != acts:
            raise RuntimeError(f"{done} of {acts} were done")

    pids = [forked(partial(one, number)) for number in range(sessions)]
    errors = sum(ended(pid) != 0 for pid in pids)
    wire = server.asked("ledger")
    joint = joined(wire, home / "audit", refusals=True)
    records = [record for record in chronicle.read(home / "audit").records() if "act" in record.data]
    wanted = sessions * acts
    for code in _WRITTEN:
        there = sum(record.code is code for record in records)
        if there != wanted:
            found.wrong.append(f"{sessions} sessions: {there} of {wanted} {code.value}")
    overlaps = _overlapping(records)
    found.wrong += [f"{sessions} sessions: {one}" for one in joint.wrong]
    found.said.append(
        f"{sessions} sessions x {acts * 4} records: {len(records):,} present, {overlaps} acts at the same time, "
        f"{errors} errors"
    )
    if errors or overlaps or len(wire) != wanted:
        found.wrong.append(f"{sessions} sessions: {errors} errors, {overlaps} overlaps, {len(wire)} of {wanted} acts")


def _overlapping(records: Sequence[Record]) -> int:
    """Acts that began before the one before them had come to its end."""
    spans: dict[str, list[datetime]] = defaultdict(list)
    for record in records:
        spans[str(record.data["act"])].append(record.at)
    ordered = sorted((min(times), max(times)) for times in spans.values())
    return sum(later[0] < earlier[1] for earlier, later in pairwise(ordered))


def everything(acts: int, mounting: bool) -> Found:
    """All of it, in a process without threads; without acts only the small disks."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="opsroom-disk-") as folder, served(Path(folder)) as server:
        place = Path(folder)
        for one in (full_from_the_start, filling_up, reserve, full_with_a_log, read_only) if mounting else ():
            one(server, place, found)
        for sessions in (2, 8) if acts else ():
            at_once(server, place / f"shared{sessions}", sessions, acts, found)
    return found


def run(acts: int, mounting: bool) -> Found:
    """The same from a process that may have threads."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(everything, acts, mounting).result()


def main(words: list[str]) -> int:
    """Run it and say one figure line."""
    parser = argparse.ArgumentParser(prog="tests.safety.disk")
    parser.add_argument("--acts", type=int, default=ACTS)
    chosen = parser.parse_args(words)
    began = time.monotonic()
    missing = may_not_mount()
    found = run(chosen.acts, not missing)
    for one in found.wrong[:20]:
        sys.stderr.write(one + "\n")
    said = [*found.said, *([f"no small disks: {missing}"] if missing else []), f"{len(found.wrong)} violations"]
    sys.stdout.write(f"disk: {'; '.join(said)}; {time.monotonic() - began:.0f} s\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
