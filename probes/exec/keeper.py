"""Keeps one program to its end, whatever becomes of who began it. Run as a file by `probes.exec.job`, never imported.

What it is to do stands in `spec.json` of its folder, what became of it in `ended.json`. While it or the program lives a
lock on `lock` is held, so that nobody needs to guess by a number of a process. A file named `stop` ends the program.
Only the standard library is used: it starts in a few hundredths of a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

_BEAT = 0.1
"""Seconds between two looks at clock and `stop`."""
_GRACE = 5.0
"""Seconds a program gets between being asked to end and being killed."""
_GONE = 0.5
"""Seconds that killed processes may take to be gone."""
_CHUNK = 65536
_LAST_WORD = 512
"""Bytes that `ended.json` has."""


def main(folder: Path) -> int:
    """Begin, tell on standard output how that went, and go on alone."""
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        words = os.read(told, 4096)
        sys.stdout.buffer.write(words)
        return 0 if words == b"begun" else 1
    os.close(told)
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    _keep(folder, tell)
    return 0


def _keep(folder: Path, tell: int) -> None:
    spec = json.loads((folder / "spec.json").read_text("utf-8"))
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    began = time.time()
    with contextlib.ExitStack() as files:
        try:
            _reserve(folder / "ended.json")
            kept = {name: files.enter_context(_private(folder / name)) for name in ("out", "err")}
            process = _start(spec, folder, files, lock)
        except (OSError, ValueError) as error:
            words = {"error": type(error).__name__, "words": str(getattr(error, "strerror", None) or error),
                     "about": str(getattr(error, "filename", None) or "")}  # fmt: skip
            os.write(tell, json.dumps(words).encode())
            return
        with contextlib.suppress(OSError):  # from here on it is kept, whether anybody hears that or not
            os.write(tell, b"begun")
        os.close(tell)
        code, why, cut = _follow(process, spec, folder, kept)
    left = bool(why) and _lives_on(process.pid)
    _write(
        folder / "ended.json",
        {"code": code, "why": why, "cut": cut, "left": left, "began": began, "ended": time.time()},
    )


def _private(path: Path) -> IO[bytes]:
    return open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb", buffering=0)


def _start(spec: dict[str, Any], folder: Path, files: contextlib.ExitStack, lock: int) -> subprocess.Popen[bytes]:
    """The program. It has the lock too: should its keeper be killed, it is still known to run."""
    stdin: IO[bytes] | int = subprocess.DEVNULL
    stdout: IO[bytes] | int = subprocess.PIPE
    if spec["stdin"]:
        stdin = os.open(spec["stdin"], os.O_RDONLY)
        files.callback(os.close, stdin)
    if spec["out"]:
        made = os.open(spec["out"], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        stdout = files.enter_context(os.fdopen(made, "wb"))
    if spec["calm"]:
        os.nice(10)
    try:
        return subprocess.Popen(
            spec["argv"],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=spec["cwd"] or str(folder),
            start_new_session=True,
            pass_fds=(lock,),
        )
    except (OSError, ValueError):
        if spec["out"]:
            os.unlink(spec["out"])
        raise


def _follow(
    process: subprocess.Popen[bytes], spec: dict[str, Any], folder: Path, kept: dict[str, IO[bytes]]
) -> tuple[int, str, bool]:
    """(exit code, why it was ended: "", "late" or "stopped", whether output was thrown away)."""
    pipes = [(name, pipe) for name, pipe in (("out", process.stdout), ("err", process.stderr)) if pipe is not None]
    room = {name: int(spec["limit"]) for name, _ in pipes}
    until, why, asked, gone, cut = time.monotonic() + spec["within"], "", 0.0, 0.0, False
    denied = False
    stop = folder / "stop"
    signal.signal(signal.SIGTERM, lambda number, frame: stop.touch(mode=0o600))
    with selectors.DefaultSelector() as ready:
        for name, pipe in pipes:
            ready.register(pipe, selectors.EVENT_READ, name)
        while True:
            for key, _ in ready.select(_BEAT) if ready.get_map() else ():
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    ready.unregister(key.fileobj)
                    continue
                wanted = chunk[: room[key.data]]
                try:
                    written = kept[key.data].write(wanted)
                except OSError:  # a full disk ends what is kept of its output, never the program
                    written = 0
                cut = cut or written < len(chunk)
                room[key.data] = room[key.data] - written if written == len(wanted) else 0
            now = time.monotonic()
            if process.poll() is not None:
                gone = gone or now
                if not ready.get_map() or now - gone > 1.0:  # a child of its own may hold the pipe for ever
                    if why:  # what ended by itself may have left something running on purpose
                        _signal(process.pid, signal.SIGKILL)
                    return process.returncode, why, cut
            elif not ready.get_map():
                time.sleep(_BEAT)
            if not why and not denied and (now > until or stop.exists()):
                if _signal(process.pid, signal.SIGTERM):
                    why, asked = ("late" if now > until else "stopped"), now
                else:  # it is another user's: it goes on, and is not told as stopped when it ends
                    denied = True
                    (folder / "denied").touch(mode=0o600)
            if why and now - asked > _GRACE:
                _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """False when the system does not let us: all of them are another user's."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def _lives_on(group: int) -> bool:
    """True when processes of another user are left of a group that was killed."""
    until = time.monotonic() + _GONE
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        time.sleep(_BEAT / 10)  # killed ones that nobody has buried yet
    return False


def _reserve(path: Path) -> None:
    """Room on the disk for the last word, which must be told even when the disk is full by then."""
    with _private(path.with_suffix(".new")) as file:
        file.write(b" " * _LAST_WORD)
        os.fsync(file.fileno())


def _write(path: Path, told: dict[str, Any]) -> None:
    made = path.with_suffix(".new")
    with open(made, "r+b", buffering=0) as file:
        file.write(json.dumps(told).encode().ljust(_LAST_WORD))
        os.fsync(file.fileno())
    made.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
