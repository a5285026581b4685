"""The black box under a long day and under five hundred deaths.

`python -m tests.safety.recording [--hours H] [--targets N] [--mib SIZE] [--kills N]`. A day of simulated time goes
through a real recorder into a real file: neither the file nor the process may outgrow what is stated, nothing may be
lost, and what is read back at random moments must be what was taken. Then a recorder is killed at random moments, each
time on the file that the one before left: it may lose what its last second had not written, and never a file.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from desk import codec
from desk.locks import FileLocks
from desk.tape.recorder import Recorder
from desk.tape.tape import LIMIT, Tape
from probes.base import Cause, Failure, GaugeKey, SafeText, Snapshot
from tests.toys import StillClock, Thing, ToyFacts

EVERY: Final = (5, 10, 15, 30, 60)
"""Seconds between two readings, of one target after the other."""
GROWN: Final = 64
"""MiB that the process may grow while it records."""
LAST: Final = 1.0
"""Seconds that a killed session may lose."""
SMALL: Final = 64 << 20
"""Bytes of a limit below which the log of writes beside the file counts (https://www.sqlite.org/wal.html)."""


@dataclass
class Soaked:
    """What came of a long day."""

    readings: int = 0
    seconds: float = 0.0
    largest: int = 0
    """Bytes of the file at most, with what lies beside it."""
    grown: float = 0.0
    """MiB that the process has grown."""
    kept: timedelta = timedelta()
    """The time that the file covers at the end."""
    compared: int = 0
    wrong: list[str] = field(default_factory=list)


class Target:
    """Something that is read for a day: it changes a little each time, and now and then it can't be read."""

    def __init__(self, number: int) -> None:
        self.name = f"target-{number:03}"
        self.every = EVERY[number % len(EVERY)]
        self.chance = random.Random(number)
        self.sizes = [self.chance.uniform(1, 1e6) for _ in range(30)]

    def read(self, clock: StillClock) -> Snapshot[ToyFacts] | Failure:
        """The next reading."""
        if self.chance.random() < 0.01:
            return Failure(self.name, clock.now(), Cause.TIMEOUT_READ, SafeText("no answer within 5 s"))
        for place in self.chance.sample(range(30), 8):
            self.sizes[place] *= self.chance.uniform(0.9, 1.1)
        facts = ToyFacts(tuple(Thing(f"row {place} of {self.name}", size) for place, size in enumerate(self.sizes)))
        gauges = {GaugeKey("size_bytes", (("thing", str(place)),)): size for place, size in enumerate(self.sizes)}
        return Snapshot(self.name, clock.now(), 0.01, facts, gauges)


def soak(folder: Path, hours: float, targets: int, limit: int) -> Soaked:
    """Record so many simulated hours of so many targets into a file of `limit` bytes."""
    found, clock = Soaked(), StillClock()
    recorder = Recorder(folder / "state" / "soak.tape", clock, FileLocks(folder / "locks"), limit=limit)
    watched = [Target(number) for number in range(targets)]
    newest: dict[str, Snapshot[ToyFacts] | Failure] = {}
    began, before = time.monotonic(), _memory()
    for second in range(int(hours * 3600)):
        clock.seconds += 1.0
        clock.wall += timedelta(seconds=1.0)
        for target in watched:
            if second % target.every == 0:
                newest[target.name] = target.read(clock)
                recorder.take("toy", newest[target.name])
                found.readings += 1
        recorder.write()
        if second % 600 == 0:
            found.largest = max(found.largest, _bytes(recorder.path))
            if second == 600:
                before = _memory()  # what a day adds, not what it takes to begin
    found.grown = _memory() - before
    recorder.write()
    if recorder.standing.words != "recording" or recorder.standing.lost:
        found.wrong.append(f"{recorder.standing.words}, {recorder.standing.lost} lost")
    recorder.close()
    recorder._let_go()
    found.seconds = time.monotonic() - began
    if found.largest > stated(limit):
        found.wrong.append(f"file and log had {found.largest} bytes, {stated(limit)} were stated")
    if found.grown > GROWN:
        found.wrong.append(f"the process has grown by {found.grown:.0f} MiB")
    _compare(found, recorder.path, newest)
    return found


def stated(limit: int) -> int:
    """Bytes on disk that a recording of this limit may have, with what lies beside the file."""
    return limit if limit >= SMALL else limit + (4 << 20)


def _compare(found: Soaked, path: Path, newest: dict[str, Snapshot[ToyFacts] | Failure]) -> None:
    """The last reading of each target is read back as it was taken, and the time covered has no holes."""
    tape = Tape.read(path)
    kept = {one.name: one for one in tape.kept()}
    for name, reading in newest.items():
        entry = next(tape.back(name, "toy", kept[name].last, kept[name].last))
        found.compared += 1
        if codec.read(name, ToyFacts, entry.reading) != reading:
            found.wrong.append(f"{name} is read back as something else")
    last = max(one.last for one in kept.values())
    found.kept = last - min(one.first for one in kept.values())
    for name, one in kept.items():
        moments = [entry.at for entry in tape.between(name, one.first, one.last)]
        longest = max((after - at for at, after in itertools.pairwise(moments)), default=timedelta())
        if longest > timedelta(seconds=max(EVERY)):
            found.wrong.append(f"{name} has a hole of {longest}")
    if tape._db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
        found.wrong.append("the file is damaged")
    tape.close()


def _bytes(path: Path) -> int:
    return sum(part.stat().st_size for part in path.parent.glob(path.name + "*"))


def _memory() -> float:
    """MiB of this process, at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


CHILD: Final = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from desk.clock import SystemClock
from desk.locks import FileLocks
from desk.tape.recorder import Recorder
from probes.base import GaugeKey, Snapshot
from tests.toys import Thing, ToyFacts

folder, number = Path(sys.argv[1]), int(sys.argv[2])
made = Recorder(folder / "state" / "x.tape", SystemClock(), FileLocks(folder / "locks"), limit=400 << 10)
made.start()
while True:
    number += 1
    facts = ToyFacts(tuple(Thing(f"thing {part} of {number}", float(number)) for part in range(20)))
    made.take("toy", Snapshot("shelf", datetime.now(UTC), 0.1, facts, {GaugeKey("things"): float(number)}))
    print(number, time.time(), flush=True)
    time.sleep(0.005)
"""
"""A session that reads two hundred times a second and records on its own thread, as every session does."""


@dataclass
class Killed:
    """What came of many deaths."""

    times: int = 0
    taken: int = 0
    lost: int = 0
    """Readings that were taken and not kept."""
    longest: float = 0.0
    """Seconds before a death of which nothing was kept, at most."""
    beyond: int = 0
    """Deaths of which more than a second was lost."""
    wrong: list[str] = field(default_factory=list)


def kill(folder: Path, times: int, seed: int = 7, slack: float = 0.0) -> Killed:
    """Kill a recording session so often, at moments of chance. `slack`: seconds that the machine may be late."""
    found, chance, last = Killed(), random.Random(seed), 0
    for _ in range(times):
        told = dict(_killed(folder, last, chance.uniform(0.0, 2.0)))
        found.times += 1
        path = folder / "state" / "x.tape"
        if not told or not path.exists():
            last = max([last, *told])
            continue
        found.taken += len(told)
        tape = Tape.read(path)
        if tape._db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            found.wrong.append(f"the file is damaged after {found.times}")
        numbers = _numbers(tape)
        tape.close()
        if list(path.parent.glob("*damaged*")):
            found.wrong.append(f"a file was put aside after {found.times}")
        kept = [number for number in told if number in numbers]
        after = [number for number in told if number > max(kept, default=0)]
        found.lost += len(told) - len(kept)
        if len(told) != len(kept) + len(after):
            found.wrong.append(f"a hole among what was kept after {found.times}")
        if after:
            gone = told[after[-1]] - told[after[0]]
            found.longest, found.beyond = max(found.longest, gone), found.beyond + (gone > LAST)
        last = max(told)
    if found.longest > LAST + slack:
        found.wrong.append(f"{found.longest:.2f} s were lost at once")
    return found


def _numbers(tape: Tape) -> set[int]:
    kept = tape.kept()
    if not kept:
        return set()
    (one,) = kept
    readings = tape.between("shelf", one.first, one.last)
    return {int(entry.reading["gauges"]["things"][0]) for entry in readings}


def _killed(folder: Path, last: int, after: float) -> Iterator[tuple[int, float]]:
    """(number, when) of what a session had taken when it was killed `after` seconds from its first reading."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(last)], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert child.stdout is not None
    first = child.stdout.readline()
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    lines = [first, *child.stdout.read().split("\n")[:-1]]
    child.wait()
    child.stdout.close()
    for line in lines:
        number, _, at = line.partition(" ")
        yield int(number), float(at)


def main(argv: list[str]) -> int:
    """Print a figure line for each proof; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.safety.recording")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--targets", type=int, default=200)
    parser.add_argument("--mib", type=int, default=LIMIT >> 20)
    parser.add_argument("--kills", type=int, default=500)
    given = parser.parse_args(argv)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="opsroom-recording-") as folder:
        if given.hours:
            day = soak(Path(folder) / "day", given.hours, given.targets, given.mib << 20)
            wrong += day.wrong
            sys.stdout.write(
                f"recording: {given.hours:g} h of {given.targets} targets, {day.readings} readings in "
                f"{day.seconds:.0f} s; file and log {day.largest / 2**20:.0f} MiB of {given.mib}, cover {day.kept}; "
                f"process +{day.grown:.0f} MiB; {day.compared} read back, {len(day.wrong)} wrong\n"
            )
        if given.kills:
            deaths = kill(Path(folder) / "deaths", given.kills)
            wrong += deaths.wrong
            sys.stdout.write(
                f"recording: killed {deaths.times} times, {deaths.taken} readings taken, {deaths.lost} lost, "
                f"at most {deaths.longest:.2f} s at once, more than {LAST:g} s {deaths.beyond} times; "
                f"{len(deaths.wrong)} wrong\n"
            )
    for one in wrong:
        sys.stdout.write(f"  {one}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
