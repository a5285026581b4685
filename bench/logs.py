"""Logs beside the tools people use for them, in one run: searching a gigabyte beside grep, opening ten gigabytes beside
tail, and following a file that grows by 5,000 lines a second while it is rotated.

What is measured is the probe, its process and all, as the log screen uses it; the file is read once before anything
counts, so that both read from memory. The page's section says itself what wrote it.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.figures import command, grid, machine, median, number, ratio
from probes.base import Context, SafeText, Target
from probes.logs.probe import LogsProbe
from probes.logs.settings import LogsSettings

NAME: Final = "logs"
"""What `--only` calls it."""
TITLE: Final = "## Logs"
HUGE: Final = 10 << 30
"""Bytes of the file that is opened."""
RATE: Final = 5000
"""Lines a second of the file that is followed."""
_RARE: Final = (
    "2026-03-01T03:12:41.000Z ERROR worker[3] token refresh refused by the graph: Exception Timeout code=190\n"
)
_SEARCHES: Final = (
    ("a text", "Timeout code=190", ["-F", "Timeout code=190"]),
    ("a text, any case", "-i Refresh Refused", ["-iF", "Refresh Refused"]),
    ("one of three texts", "/(ERROR|FATAL|Exception)/", ["-E", "(ERROR|FATAL|Exception)"]),
    ("an expression", r"/Timeout code=\d+/", ["-E", "Timeout code=[0-9]+"]),
)
"""(what, as it is typed here, as it is typed for grep); the finds are few, as they are when one searches."""
_AIMED: Final = ("search", "open")


@dataclass(slots=True)
class Search:
    """One search, several times."""

    what: str
    ours: list[float] = field(default_factory=list)
    """Seconds from asking to the last find."""
    theirs: list[float] = field(default_factory=list)
    """Seconds of grep."""
    found: int = 0
    same: bool = True
    """Both found as many lines, each time."""


@dataclass(slots=True)
class Found:
    """Everything that was measured of logs."""

    size: int
    """Bytes that are searched."""
    searches: list[Search] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    """Seconds until the end of a file of `HUGE` bytes is there to be seen."""
    counted: list[float] = field(default_factory=list)
    """Seconds of the first reading of that file, with its counts."""
    tail: list[float] = field(default_factory=list)
    """Seconds of `tail -n 200` on it."""
    written: int = 0
    seen: int = 0
    """Lines written to the file that is followed, and those that came, each once and in order."""
    cpu: float | None = None
    """Per cent of a core that following took."""


class _NoSecrets:
    def resolve(self, reference: str) -> str:
        """There are none."""
        raise LookupError(reference)


def measure(folder: Path, quick: bool) -> Found:
    """All of it, in a folder with room for `size` bytes."""
    size, rounds = (64 << 20, 1) if quick else (1 << 30, 5)
    log = folder / "big.log"
    found = Found(make(log, size))
    with log.open("rb") as file:
        while file.read(1 << 22):
            pass
    for what, _, _ in _SEARCHES:
        found.searches.append(Search(what))
    for _ in range(rounds):
        for one, (_, typed, words) in zip(found.searches, _SEARCHES, strict=True):
            took, ours = asyncio.run(_searched(log, typed))
            began = time.monotonic()
            said = subprocess.run(["grep", *words, str(log)], capture_output=True, check=False).stdout
            one.theirs.append(time.monotonic() - began)
            one.ours.append(took)
            one.found = said.count(b"\n")
            one.same = one.same and one.found == ours
    log.unlink()
    _open(folder / "huge.log", found, rounds)
    (folder / "grows.log").write_text("begun\n")
    asyncio.run(_follow(folder / "grows.log", found, 2.0 if quick else 10.0))
    return found


def make(path: Path, size: int) -> int:
    """Write a log of at least that size, as an application would; how large it is."""
    chance = random.Random(1)
    lines = [
        f"2026-03-01T03:{number // 600 % 60:02}:{number % 60:02}.{number % 1000:03}Z INFO "
        f" worker[{chance.randint(1, 40)}] handled request {chance.randint(1, 10**9):x} for user-{number % 9973}"
        f" in {chance.random() * 100:.2f} ms status={chance.choice([200, 204, 404])} path=/api/things/{number % 99}\n"
        for number in range(40_000)
    ]
    lines[777] = _RARE
    block = "".join(lines).encode()
    written = 0
    with path.open("wb") as file:
        while written < size:
            written += file.write(block)
    return written


def _probe(path: Path) -> LogsProbe:
    settings = LogsSettings.model_validate({"files": [str(path)]})
    return LogsProbe(Target("bench", "logs", settings), Context(_NoSecrets()))


async def _searched(path: Path, typed: str) -> tuple[float, int]:
    """(seconds, finds that came)."""
    began, finds = time.monotonic(), 0
    stream = _probe(path).follow("search", f"\n{typed}")
    async with aclosing(stream) as lines:
        async for one in lines:
            finds += type(one) is SafeText
    return time.monotonic() - began, finds


def _open(path: Path, found: Found, rounds: int) -> None:
    """A file with a hole in it: as long to a program as any other."""
    with path.open("wb") as file:
        file.truncate(HUGE)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + (_RARE * 4000).encode() + b"the last line\n")
    for _ in range(rounds):
        found.opened.append(asyncio.run(_opened(path)))
        found.counted.append(asyncio.run(_counted(path)))
        began = time.monotonic()
        subprocess.run(["tail", "-n", "200", str(path)], capture_output=True, check=False)
        found.tail.append(time.monotonic() - began)
    path.unlink()


async def _opened(path: Path) -> float:
    began = time.monotonic()
    stream = _probe(path).follow("follow", "")
    async with aclosing(stream) as lines:
        async for one in lines:
            if str(one) == "the last line":
                break
    return time.monotonic() - began


async def _counted(path: Path) -> float:
    began = time.monotonic()
    probe = _probe(path)
    await probe.read()
    await probe.close()
    return time.monotonic() - began


_WRITER: Final = """
import os, sys, time
path, number, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
began, file = time.monotonic(), open(path, "a")
for one in range(number):
    file.write(f"{one} 2026-03-01T03:12:41Z INFO handled a request in 12 ms, with the words of a usual line\\n")
    if one % 50 == 49:
        file.flush()
        time.sleep(max(0.0, one / rate - (time.monotonic() - began)))
    if one == number // 2:
        file.close(); os.rename(path, path + ".1"); file = open(path, "a")
file.close()
"""


async def _follow(path: Path, found: Found, seconds: float) -> None:
    """A file that grows and is renamed and made anew in the midst of it."""
    found.written = int(RATE * seconds)
    stream = _probe(path).follow("follow", "")
    argv = [sys.executable, "-c", _WRITER, str(path), str(found.written), str(RATE)]
    async with aclosing(stream) as lines:
        await anext(lines)
        writer = await asyncio.create_subprocess_exec(*argv)
        began, used = time.monotonic(), time.process_time()
        try:
            async with asyncio.timeout(seconds * 3 + 10):
                async for one in lines:
                    if str(one).partition(" ")[0] == str(found.seen):
                        found.seen += 1
                    if found.seen == found.written:
                        break
        except TimeoutError:
            pass
        found.cpu = 100 * (time.process_time() - used) / (time.monotonic() - began)
        await writer.wait()


# the page


def load_limits(path: Path) -> dict[str, float]:
    """What we aim for; KeyError for a figure that does not exist."""
    limits = {key: float(value) for key, value in tomllib.loads(path.read_text("utf-8"))["logs"].items()}
    if unknown := limits.keys() - set(_AIMED):
        raise KeyError(f"logs: {', '.join(sorted(unknown))}")
    return limits


def section(found: Found | None, limits: dict[str, float], quick: bool, only: Sequence[str]) -> str:
    """The section of the page; empty when logs were not measured."""
    if found is None:
        return ""
    grep = subprocess.run(["grep", "--version"], capture_output=True, text=True, check=False).stdout
    words = f"Written by {command(only)} on {time.strftime('%Y-%m-%d')}."
    rows = [_row(one, limits["search"]) for one in found.searches]
    opened, counted, tail = (median(one) for one in (found.opened, found.counted, found.tail))
    parts = [
        TITLE,
        words + (" **A quick run: too short for figures one may quote.**" if quick else ""),
        "\n".join([*machine()[:2], f"- {grep.splitlines()[0] if grep else 'grep'}"]),
        f"A log of {found.size / 1e6:,.0f} MB is searched by the program of the log screen and by grep, in turn, both "
        "from memory; the time ends with the last find, and the start of our process is in it.",
        grid(["search for", "ours s", "grep s", "ours / grep", "finds", "as many as grep"], rows),
        f"A file of {HUGE >> 30} GiB (with a hole in it) shows its last 200 lines after "
        f"{_ms(opened)} ms, {_aim(None if opened is None else opened * 1000, limits['open'])}; the first reading with "
        f"all its counts takes {_ms(counted)} ms; `tail -n 200` takes {_ms(tail)} ms.",
        f"Of a file that grows by {RATE:,} lines a second, and is renamed and made anew meanwhile, {found.seen:,} of "
        f"{found.written:,} lines came, each once and in order; that took {number(found.cpu)} % of a core.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(one: Search, limit: float) -> list[str]:
    ours, theirs = median(one.ours), median(one.theirs)
    beside = _aim(ratio(ours, theirs), limit)
    return [one.what, number(ours), number(theirs), beside, f"{one.found:,}", "yes" if one.same else "**no**"]


def _aim(value: float | None, limit: float) -> str:
    if value is None:
        return "not measured"
    return f"{number(value)} of {limit:g}, {'met' if value <= limit else '**not met**'}"


def _ms(seconds: float | None) -> str:
    return number(None if seconds is None else seconds * 1000)
