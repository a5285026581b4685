"""One act under strace: killed at its every system call that leaves a trace, and with a disk that fails at each.

strace counts each kind of call by itself, and for each thread. So the session is run with its lanes put into the
loop's own thread, where `when=k` means the k-th call of that kind; and once more as it is.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from probes.base import Lane
from tests.safety.checker import joined
from tests.safety.counting import Server, acting, recovering, served
from tests.safety.kills import ended, forked

KILLED_AT: Final = (
    "write", "fdatasync", "fsync", "sendto", "recvfrom", "openat", "close", "connect", "flock", "pwrite64",
    "ftruncate", "fallocate", "mkdir", "fchmod", "socket",
)  # fmt: skip
READING: Final = ("openat", "read", "getdents64")
"""What a recovery does besides."""
FAULTS: Final = (
    ("fdatasync", "error=EIO"),
    ("fdatasync", "error=ENOSPC"),
    ("write", "error=ENOSPC"),
    ("write", "retval=20"),  # it says that only so many bytes were taken
    ("fsync", "error=EIO"),
    ("openat", "error=EIO"),
    ("openat", "error=ENOSPC"),
    ("flock", "error=ENOLCK"),
    ("sendto", "error=EIO"),
)
_MOST: Final = 400
"""More calls than a session makes."""
_ANY_TRACER: Final = (0x59616D61, ctypes.c_ulong(-1))
"""prctl: any process may trace this one, where the kernel restricts that to parents."""


@dataclass
class Each:
    """What came of it."""

    kills: int = 0
    recoveries: int = 0
    faults: int = 0
    dangling: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"killed at each of {self.kills} system calls and at each of {self.recoveries} of a recovery, "
            f"{self.faults} disk and wire faults: {len(self.wrong)} wrong, {self.dangling} dangling, all listed"
        )

    def plus(self, other: Each) -> None:
        """Take in another worker's."""
        self.kills += other.kills
        self.recoveries += other.recoveries
        self.faults += other.faults
        self.dangling += other.dangling
        self.wrong += other.wrong


def missing() -> str:
    """Why it can't be done here; empty: it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip().splitlines()[-1:]}"


async def _at_once(self: Lane, call: Callable[..., Any], *args: Any) -> Any:
    return call(*args)


def traced(work: Callable[[], Coroutine[Any, Any, object]], inject: str, lanes: bool, calls: Path) -> int:
    """Run it in a child under strace; its exit code, negative for a signal. `calls` gets what was traced."""
    waiting, go = os.pipe()

    async def when_told() -> None:
        if not lanes:
            Lane.run = _at_once  # type: ignore[method-assign]
        os.close(go)
        ctypes.CDLL(None).prctl(*_ANY_TRACER)
        select.select([waiting], [], [])
        await work()

    pid = forked(when_told)
    os.close(waiting)
    words = ["strace", "-f", "-qq", "-o", str(calls), "-e", f"trace={inject.partition(':')[0]}", "-p", str(pid)]
    if ":" in inject:
        words += ["-e", f"inject={inject}"]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as strace:
        until = time.monotonic() + 30
        while not _traced(pid) and strace.poll() is None and time.monotonic() < until:
            time.sleep(0.0005)
        if strace.poll() is None:
            os.write(go, b"g")
        os.close(go)
        code = ended(pid)
        strace.wait(10)
    return code


def _traced(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    return "TracerPid:\t0\n" not in status


class Stage:
    """A server and homes for one worker."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.each = Each()
        self._homes = 0

    def home(self, like: Path | None = None) -> Path:
        """A new one."""
        self._homes += 1
        made = self.server.folder / f"home{self._homes}"
        if like is not None:
            shutil.copytree(like, made)
        return made

    def run(self, home: Path, inject: str, lanes: bool = False, acts: int = 1, logged: bool = False) -> int:
        """Act there; the exit code."""
        names = [f"{home.name}-{number}" for number in range(acts)]
        work = partial(acting, self.server.folder, home, names, logged)
        return traced(work, inject, lanes, self.server.folder / "calls")

    def recover(self, home: Path, inject: str) -> int:
        """Look into what an earlier session left; the exit code."""
        return traced(partial(recovering, self.server.folder, home), inject, False, self.server.folder / "calls")

    def check(self, home: Path, what: str, logged: bool = False) -> int:
        """Hold wire and audit together, then let the next session close what is open; how many acts dangled."""
        wire, log = self.server.asked("ledger"), self.server.asked("log") if logged else []
        found = joined(wire, home / "audit", log, refusals=True)
        code = ended(forked(lambda: recovering(self.server.folder, home)))
        after = joined(self.server.asked("ledger"), home / "audit", log, refusals=True)
        if code or after.dangling or self.server.asked("ledger") != wire:
            found.wrong.append(f"the next session did not close it (code {code}), or sent something")
        self.each.wrong += [f"{what}: {one}" for one in {*found.wrong, *after.wrong}]
        self.each.dangling += len(found.dangling)
        shutil.rmtree(home, ignore_errors=True)
        return len(found.dangling)

    def count(self, call: str, acts: int, logged: bool) -> int:
        """How often a session makes a call when nothing fails."""
        self.server.asked("forget")
        home = self.home()
        if self.run(home, call, acts=acts, logged=logged):
            raise SystemExit("a session under strace fails although nothing is injected")
        self.check(home, "nothing injected", logged)
        return len((self.server.folder / "calls").read_text().splitlines())


def on_disk_before_it_leaves(stage: Stage) -> None:
    """Every record is written and synced before the next request leaves; a kill alone would not show that."""
    stage.server.asked("forget")
    home = stage.home()
    code = stage.run(home, "write,fdatasync,sendto", acts=3)
    synced, written, requests = 0, 0, 0
    for line in (stage.server.folder / "calls").read_text().splitlines():
        call = line.split(maxsplit=1)[1]
        written += call.startswith("write(")
        if call.startswith("fdatasync(") and call.endswith("= 0"):
            synced = written
        elif call.startswith("sendto(") and '"do ' in call:
            requests += 1
            if synced != written or written < 2 + 2 * requests:
                stage.each.wrong.append(f"request {requests} left when {synced} of {written} records were on disk")
    if code or requests != 3:
        stage.each.wrong.append(f"{requests} of 3 requests were seen to leave")
    stage.check(home, "order of calls")


def killed_at_each(stage: Stage, lanes: bool, step: int) -> None:
    """Kill a session at its k-th call of each kind, for every k until it lives through."""
    for call in KILLED_AT:
        for k in range(1, _MOST, step):
            stage.server.asked("forget")
            home = stage.home()
            code = stage.run(home, f"{call}:signal=SIGKILL:when={k}", lanes)
            stage.check(home, f"killed at {call} {k}")
            if code == 0:
                break
            stage.each.kills += 1
            if code != -signal.SIGKILL:
                stage.each.wrong.append(f"killed at {call} {k}: it ended with {code}")


def killed_while_recovering(stage: Stage, step: int) -> None:
    """Leave an act without a known end; kill the session that looks into it at its k-th call."""
    left = _dangling(stage)
    wire = stage.server.asked("ledger")
    for call in {*KILLED_AT, *READING}:
        for k in range(1, _MOST, step):
            home = stage.home(like=left)
            code = stage.recover(home, f"{call}:signal=SIGKILL:when={k}")
            _recovered(stage, home, wire, f"recovery killed at {call} {k}")
            if code == 0:
                break
            stage.each.recoveries += 1
    for call in READING:
        for k in range(1, _MOST, step):
            home = stage.home(like=left)
            code = stage.recover(home, f"{call}:error=EIO:when={k}")
            calls = (stage.server.folder / "calls").read_text()
            _recovered(stage, home, wire, f"recovery, {call} {k} fails")
            if code:
                stage.each.wrong.append(f"recovery, {call} {k} fails: it ended with {code}")
            if "INJECTED" not in calls:
                break
            stage.each.faults += 1


def _dangling(stage: Stage) -> Path:
    """A home where a session was killed between its request and the answer."""
    for k in range(1, _MOST):
        stage.server.asked("forget")
        home = stage.home()
        stage.run(home, f"recvfrom:signal=SIGKILL:when={k}")
        if joined(wire := stage.server.asked("ledger"), home / "audit").dangling and wire:
            return home
    raise SystemExit("no session left an act without a known end")


def _recovered(stage: Stage, home: Path, wire: list[str], what: str) -> None:
    stage.check(home, what)
    if stage.server.asked("ledger") != wire:
        stage.each.wrong.append(f"{what}: something was sent")


def failing_at_each(stage: Stage, call: str, error: str, step: int) -> None:
    """Let the k-th call fail, once or from then on, for every k; with and without a log."""
    for logged in (False, True):
        for k in range(1, stage.count(call, 2, logged) + 1, step):
            for when in (f"{k}", f"{k}+"):
                stage.server.asked("forget")
                home = stage.home()
                what = f"{call} {error} at {when}, {'with' if logged else 'without'} a log"
                code = stage.run(home, f"{call}:{error}:when={when}", acts=2, logged=logged)
                stage.check(home, what, logged)
                stage.each.faults += 1
                if code:
                    stage.each.wrong.append(f"{what}: it ended with {code}")


def job(name: str, step: int) -> Each:
    """One part of it, in a process without threads."""
    with tempfile.TemporaryDirectory(prefix="opsroom-traced-") as place, served(Path(place)) as server:
        stage = Stage(server)
        if name == "order":
            on_disk_before_it_leaves(stage)
        elif name == "kills":
            killed_at_each(stage, lanes=False, step=step)
        elif name == "kills with lanes":
            killed_at_each(stage, lanes=True, step=step)
        elif name == "recoveries":
            killed_while_recovering(stage, step)
        else:
            call, _, error = name.partition(" ")
            failing_at_each(stage, call, error, step)
        return stage.each


def everything(step: int = 1, cores: int = 2) -> Each:
    """All of it; only every `step`-th call when there is less time."""
    jobs = ["order", "kills", "kills with lanes", "recoveries", *(f"{call} {error}" for call, error in FAULTS)]
    whole = Each()
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        for one in pool.map(job, jobs, [step] * len(jobs)):
            whole.plus(one)
    return whole
