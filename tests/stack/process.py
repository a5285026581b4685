"""Starting a server and ending it by its pid, and never by its name.

Every server leaves a small record in the run folder (pid, its start time, who started it), so that `down` can end what
a killed test session left behind and can never end a stranger that got the same pid later.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.stack import places

STOP_WITHIN = 10.0
"""Seconds a server has to end after being asked; then it is killed."""


@dataclass(frozen=True, slots=True)
class Record:
    """One running server, as written to the run folder."""

    name: str
    pid: int
    started: int
    """Clock ticks after boot, from /proc: with the pid it names one process for good."""
    owner: int
    """The pid of the test session that started it; 0 for `tests/stack/up`."""
    owner_started: int
    """Clock ticks after boot; 0 for `tests/stack/up`."""
    folder: str = ""
    """Where its log lies."""

    @property
    def alive(self) -> bool:
        return start_ticks(self.pid) == self.started

    @property
    def ownerless(self) -> bool:
        """Nobody will end it but `down`."""
        return self.owner == 0 or start_ticks(self.owner) != self.owner_started


def start_ticks(pid: int) -> int | None:
    """When a process began, in clock ticks after boot (proc(5), field 22 of stat); None when it is not running."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def start(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    within: float = 60.0,
    env: Mapping[str, str] | None = None,
    owned: bool = True,
) -> int:
    """Start a server in its own process group and wait until `ready` says so; returns its pid.

    Raises `Unavailable` with the end of its log when it dies or is not ready `within` seconds.
    """
    with log.open("ab") as out:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=env, cwd="/"
        )
    record = _keep(name, child.pid, log.parent, owned=owned)
    try:
        wait_until(ready, within, still=lambda: child.poll() is None)
    except TimeoutError:
        stop(record)
        raise places.Unavailable(f"{name} did not start: {_tail(log)}") from None
    child.returncode = 0  # it is ended by its pid from now on, perhaps by another process
    return child.pid


def wait_until(true: Callable[[], bool], within: float, *, still: Callable[[], bool] = lambda: True) -> None:
    """Wait until a condition holds; TimeoutError after `within` seconds, or as soon as `still` turns false."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline or not still():
            raise TimeoutError(f"not true within {within:g} s")
        time.sleep(0.02)


def stop_pid(pid: int, *, how: signal.Signals = signal.SIGTERM) -> None:
    """End a server started here; one that has already ended is no error."""
    for record in records():
        if record.pid == pid:
            stop(record, how=how)


def stop(record: Record, *, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask, wait, then kill; a stopped (SIGSTOP) process is continued first so that it can hear."""
    for request in (signal.SIGCONT, how):
        _signal(record, request)
    try:
        wait_until(lambda: _gone(record), STOP_WITHIN)
    except TimeoutError:
        _signal(record, signal.SIGKILL)
        wait_until(lambda: _gone(record), STOP_WITHIN)
    _file(record.pid).unlink(missing_ok=True)


def records() -> Iterator[Record]:
    """Every server on record that still runs; records of those that ended are removed on the way."""
    for file in sorted(_pids().glob("*.json")):
        with contextlib.suppress(FileNotFoundError):
            record = Record(**json.loads(file.read_text()))
            if record.alive:
                yield record
            else:
                file.unlink(missing_ok=True)


def _keep(name: str, pid: int, folder: Path, *, owned: bool) -> Record:
    owner = os.getpid() if owned else 0
    born = (start_ticks(owner) or 0) if owner else 0
    record = Record(name, pid, start_ticks(pid) or 0, owner, born, str(folder))
    partial = _file(pid).with_suffix(".part")
    partial.write_text(json.dumps(asdict(record)))
    partial.replace(_file(pid))
    return record


def _signal(record: Record, number: signal.Signals) -> None:
    if record.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)


def _gone(record: Record) -> bool:
    with contextlib.suppress(ChildProcessError):  # not our child: somebody else reaps it
        os.waitpid(record.pid, os.WNOHANG)
    return not record.alive


def _pids() -> Path:
    folder = places.run() / "pids"
    folder.mkdir(exist_ok=True)
    return folder


def _file(pid: int) -> Path:
    return _pids() / f"{pid}.json"


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return " | ".join(line.strip() for line in lines[-6:] if line.strip())[-400:] or "it said nothing"
