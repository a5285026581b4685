"""Sessions killed in the middle of acts, at random moments and at every system call, and what is known afterwards.

`python -m tests.safety.kills [--trials N]`. A killed session must leave an audit that accounts for every request the
counting server received: none without an intent, none twice, and every act without a known end is listed. The next
session looks into them and is killed, too. Then strace kills at every system call of one act, and lets the disk fail.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from tests.safety.checker import Joined, joined
from tests.safety.counting import Server, acting, recovering, served

SHELF: Final = 20
"""Sessions that share one audit folder."""
ACTS: Final = 4
LOSING: Final = 0.1
"""How often the server loses its answer."""


@dataclass
class Sum:
    """What came of many trials."""

    trials: int = 0
    recoveries: int = 0
    """Of the trials those whose session looked into earlier acts."""
    killed: int = 0
    """Of the trials those whose session had not ended by itself before."""
    acts: int = 0
    received: int = 0
    lost: int = 0
    doubled: int = 0
    unexplained: int = 0
    dangling: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, found: Joined) -> None:
        """Count what a check found, apart from acts."""
        self.lost += found.lost
        self.doubled += found.doubled
        self.unexplained += len(found.wrong) - found.lost - found.doubled
        self.wrong += found.wrong

    def plus(self, other: Sum) -> None:
        """Take in another worker's."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def forked(work: Callable[[], Coroutine[Any, Any, object]]) -> int:
    """Run it in a child with a loop of its own; the child's pid. A child that fails says so by its exit code."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        asyncio.run(work())
        code = 0
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """Wait for a child; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def trials(count: int, seed: int) -> Sum:
    """So many sessions, each killed at a random moment. Call it in a process without threads."""
    chance, whole = random.Random(seed), Sum()
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="opsroom-kills-") as place, served(Path(place), LOSING) as server:
        longest = [_longest(server, Path(place) / name) for name in ("first", "second")]
        while whole.trials < count:
            home = Path(place) / f"home{whole.trials}"
            server.asked("forget")
            for number in range(min(SHELF, count - whole.trials)):
                again = number % 4 == 3
                early = _killed(server, home, chance.uniform(0, longest[again]), again, whole)
                longest[again] *= 1.01 if early else 0.97  # three in four are killed before they end
            _brought_to_an_end(server, home, whole)
            shutil.rmtree(home, ignore_errors=True)
    return whole


def _longest(server: Server, home: Path) -> float:
    """Seconds that a session takes when nobody kills it."""
    took = []
    for _ in range(3):
        began = time.monotonic()
        code = ended(forked(lambda: acting(server.folder, home, [f"toy{n}" for n in range(ACTS)])))
        took.append(time.monotonic() - began)
        if code:
            raise SystemExit("a session fails although nobody kills it")
    return max(took)


def _killed(server: Server, home: Path, after: float, again: bool, whole: Sum) -> bool:
    """One session that acts, or looks into what earlier ones left, and is killed; True when it had not ended yet."""
    names = [f"toy{whole.trials}-{number}" for number in range(ACTS)]
    before = server.asked("ledger")
    if again:
        pid = forked(lambda: recovering(server.folder, home))
    else:
        pid = forked(lambda: acting(server.folder, home, names))
    time.sleep(after)
    os.kill(pid, signal.SIGKILL)
    code = ended(pid)
    wire = server.asked("ledger")
    found = joined(wire, home / "audit")
    if code not in (0, -signal.SIGKILL):
        found.wrong.append(f"the session ended with {code}")
    if again and wire != before:
        found.wrong.append("looking into earlier acts sent something")
    whole.trials += 1
    whole.recoveries += again
    whole.killed += code == -signal.SIGKILL
    whole.add(found)
    return code == -signal.SIGKILL


def _brought_to_an_end(server: Server, home: Path, whole: Sum) -> None:
    """Nobody kills the last session: it closes what is open, and sends nothing."""
    before = server.asked("ledger")
    dangling = len(joined(before, home / "audit").dangling)
    code = ended(forked(lambda: recovering(server.folder, home)))
    after = joined(server.asked("ledger"), home / "audit")
    if code or after.dangling or server.asked("ledger") != before:
        after.wrong.append(
            f"{len(after.dangling)} of {dangling} acts were not closed by the next session (code {code})"
        )
    whole.acts += after.acts
    whole.received += len(before)
    whole.dangling += _settled(home)
    whole.add(after)


def _settled(home: Path) -> int:
    """Acts whose end was not known at first."""
    from desk.audit import Code, chronicle

    return len({one.data["act"] for one in chronicle.read(home / "audit").records() if one.code is Code.SETTLED})


def workers(count: int, seed: int = 1, cores: int = 2) -> Sum:
    """The same on several cores, in processes of their own."""
    whole = Sum()
    shares = [count // cores + (number < count % cores) for number in range(cores)]
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        for one in pool.map(trials, shares, range(seed, seed + cores)):
            whole.plus(one)
    return whole


def told(whole: Sum) -> str:
    """The figure."""
    return (
        f"{whole.trials:,} trials ({whole.killed:,} killed in time; {whole.recoveries:,} of the sessions recovering), "
        f"{whole.received:,} requests of {whole.acts:,} acts, {whole.lost} lost intents, {whole.doubled} doubled "
        f"requests, {whole.unexplained} unexplained; {whole.dangling:,} dangling, all listed"
    )


def main(words: list[str]) -> int:
    """Run it and say one figure line."""
    from tests.safety import injected

    parser = argparse.ArgumentParser(prog="tests.safety.kills")
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--without-strace", action="store_true")
    chosen = parser.parse_args(words)
    began = time.monotonic()
    whole = workers(chosen.trials)
    wrong, line = list(whole.wrong), told(whole)
    missing = "left out" if chosen.without_strace else injected.missing()
    if missing:
        line += f"; no kill at each system call: {missing}"
    else:
        each = injected.everything()
        wrong += each.wrong
        line += f"; {each}"
    for one in wrong[:20]:
        sys.stderr.write(one + "\n")
    sys.stdout.write(f"kills: {line}; {time.monotonic() - began:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
