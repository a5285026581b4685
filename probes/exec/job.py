"""Programs that outlive whoever began them: a dump of an hour goes on when the connection to the bastion is lost.

Each has a folder of its own with its output and, at the end, its exit code; a small keeper process
(`probes.exec.keeper`) writes both. Who comes later looks there, also in another session.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.exec.program import run

KEPT: Final = 50
"""Ended jobs whose folders are kept, the newest."""
_OTHERS: Final = frozenset({"sudo", "doas", "pkexec", "run0", "su"})
"""Programs that run others as another user."""
_LEFT: Final = 1 << 16
"""Bytes that are taken of what a job left."""
_TAIL: Final = 1 << 20
"""Bytes of output that are read again."""


class State(Enum):
    """Where a job stands."""

    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    """Neither runs nor has told its end: its keeper was killed, or the machine went down.

    While a program lives whose keeper was killed it counts as running, unless it closes what it inherits, as sudo does.
    """


@dataclass(frozen=True, slots=True)
class Standing:
    """A job, as it is now."""

    state: State
    began: datetime | None = None
    """Aware UTC; None: it never began."""
    ended: datetime | None = None
    code: int | None = None
    """Exit code; negative when a signal ended it."""
    late: bool = False
    """It was ended because its time was up."""
    stopped: bool = False
    """It was ended by `stop`."""
    cut: bool = False
    """Output beyond the limit was thrown away."""
    denied: bool = False
    """It was to be ended, and the system did not let us: it runs as another user."""
    left: bool = False
    """It was ended, but what it had started as another user, by sudo say, did not heed that and still runs."""
    out: bytes = b""
    """The end of its output, a mebibyte at most."""
    err: bytes = b""

    @property
    def complaint(self) -> SafeText:
        """The last line it wrote to standard error, safe to show."""
        lines = self.err.strip().splitlines()
        return SafeText(lines[-1] if lines else b"", 300)


async def begin(
    argv: Sequence[str],
    folder: Path,
    *,
    within: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: Path | None = None,
    out: Path | None = None,
    limit: int = 8 << 20,
    calm: bool = False,
) -> None:
    """Begin a program that goes on by itself; it is ended after `within` seconds.

    `folder` must not be there yet: one job, one folder. `out` takes all of its standard output and must not be there
    either; without it `limit` bytes are kept. `calm` lets everything else go first. Secrets belong into `env`, which is
    written nowhere. Raises `ProbeError`: MISSING and LOCAL_PERM mean that nothing runs, TIMEOUT_READ that nobody knows
    whether it has begun; `look` may tell.
    """
    spec = {
        "argv": list(argv),
        "cwd": str(cwd or ""),
        "stdin": str(stdin or ""),
        "out": str(out or ""),
        "within": within,
        "limit": limit,
        "calm": calm,
    }
    await asyncio.to_thread(_prepare, folder, json.dumps(spec))
    keeper = str(Path(__file__).with_name("keeper.py"))
    try:
        ran = await run([sys.executable, "-I", keeper, str(folder)], within=10.0, env=env)
        if ran.code != 0 or ran.out != b"begun":
            raise _unbegun(argv[0], ran.out)
    except ProbeError as error:
        if error.cause is not Cause.TIMEOUT_READ:  # nothing runs: nobody must take the folder for a job that did
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        raise


def _unbegun(name: str, told: bytes) -> ProbeError:
    try:
        error, words, about = (str(json.loads(told)[part]) for part in ("error", "words", "about"))
    except (ValueError, KeyError, TypeError):
        return ProbeError(Cause.TIMEOUT_READ, f"whether {name} has begun is not known: its keeper gave no word")
    if about != name:
        return ProbeError(Cause.LOCAL_PERM, SafeText(f"{name} did not begin: {about}: {words}", 300))
    if error == "FileNotFoundError":
        return ProbeError(Cause.MISSING, f"{name} is not installed here")
    return ProbeError(Cause.LOCAL_PERM, SafeText(f"not allowed to run {name}: {words}", 300))


async def look(folder: Path) -> Standing:
    """How a job stands. Also for one that an earlier session began."""
    return await asyncio.to_thread(_look, folder)


def goes_on(folder: Path) -> bool:
    """Whether a job, or what it has begun, still runs. Blocks."""
    return _is_locked(folder / "lock")


def taken(folder: Path, name: str) -> bytes:
    """What a job has left in a file of its folder, 64 KiB at most; the file goes. Blocks; raises `ProbeError`."""
    try:
        with open(folder / name, "rb") as file:
            raw = file.read(_LEFT)
        (folder / name).unlink()
    except OSError as error:
        raise ProbeError(Cause.MISSING, f"what it has left can't be read: {error.strerror}") from None
    return raw


def only_asked(argv: Sequence[str]) -> str:
    """Why a program can be asked to end, but not be made to, in a few words; empty: it can, as far as its line tells.

    sudo and its like run a program as another user. sudo passes on what asks for its end (sudo(8), signal handling);
    what does not heed that can't be killed by us (EPERM): https://man7.org/linux/man-pages/man2/kill.2.html
    """
    name = argv[0].rpartition("/")[2] if argv else ""
    if name not in _OTHERS or os.geteuid() == 0:
        return ""
    return f"it runs by {name}, as another user: it can be asked to end, but not be killed"


async def stop(folder: Path) -> bool:
    """Ask a job to end; killed when it has not after five seconds. False when it does not run.

    Whether the system let us, and of all, `look` tells: `Standing.denied` and `left`.
    """
    if (await look(folder)).state is not State.RUNNING:
        return False
    (folder / "stop").touch(mode=0o600)
    return True


def _prepare(folder: Path, spec: str) -> None:
    made = False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder.parent)
        folder.mkdir(mode=0o700)
        made = True
        with open(os.open(folder / "spec.json", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(spec)
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise ProbeError(Cause.LOCAL_PERM, f"no place to keep the job: {error.strerror}") from None


def _sweep(parent: Path) -> None:
    ended = sorted(parent.glob("*/ended.json"), key=lambda path: path.stat().st_mtime)
    for path in ended[:-KEPT]:
        shutil.rmtree(path.parent, ignore_errors=True)


def _look(folder: Path) -> Standing:
    runs = goes_on(folder)  # first: who lets go of the lock has told the end before
    out, err = (_tail(folder / name) for name in ("out", "err"))
    denied = (folder / "denied").exists()
    told = _told(folder / "ended.json")
    if told is not None:
        return Standing(
            State.ENDED,
            _when(told["began"]),
            _when(told["ended"]),
            int(told["code"]),
            told["why"] == "late",
            told["why"] == "stopped",
            bool(told["cut"]),
            denied,
            bool(told.get("left")),
            out,
            err,
        )
    began = None
    with contextlib.suppress(OSError):
        began = _when((folder / "spec.json").stat().st_mtime)
    return Standing(State.RUNNING if runs else State.LOST, began, denied=denied, out=out, err=err)


def _told(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and {"code", "why", "cut", "began", "ended"} <= found.keys() else None


def _is_locked(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _tail(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            return file.read()
    except OSError:
        return b""


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
