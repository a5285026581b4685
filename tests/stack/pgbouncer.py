"""A private PgBouncer before a test's PostgreSQL, on a free loopback port; one that ran before is left alone."""

from __future__ import annotations

import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path

from tests.stack import places, process
from tests.stack.postgres import PASSWORD, Postgres

_CONFIG = """[databases]
* = host=127.0.0.1 port={server} pool_size={size}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = {mode}
max_client_conn = 100
server_reset_query =
admin_users = postgres
pidfile =
"""


@dataclass(frozen=True, slots=True)
class PgBouncer:
    """A running pooler."""

    port: int
    pid: int
    folder: Path
    """Holds its settings and its log."""

    def url(self, role: str = "postgres", database: str = "app") -> str:
        """A connection string with the password in it, for tests only."""
        return f"postgresql://{role}:{PASSWORD}@127.0.0.1:{self.port}/{database}"


def find() -> Path | None:
    """The program."""
    return places.program("pgbouncer")


def start(server: Postgres, *, mode: str = "transaction", size: int = 1, owned: bool = True) -> PgBouncer:
    """A new pooler with `size` connections for each role and database. Raises `Unavailable`."""
    binary = find()
    if binary is None:
        raise places.Unavailable("pgbouncer is not installed")
    folder, port = places.new_folder("pgbouncer"), places.free_port()
    roles = server.sql("SELECT rolname FROM pg_roles WHERE rolcanlogin").split()
    files = {
        "conf": _CONFIG.format(server=server.port, port=port, folder=folder, mode=mode, size=size),
        "users": "".join(f'"{role}" "{PASSWORD}"\n' for role in roles),
    }
    argv: list[str | Path] = [binary, folder / "conf"]
    for name, text in files.items():
        (folder / name).write_text(text)
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for name in files:
            os.chown(folder / name, nobody.pw_uid, nobody.pw_gid)
        argv = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *argv]
    pid = process.start("pgbouncer", argv, log=folder / "log", ready=lambda: _accepts(port), owned=owned)
    return PgBouncer(port, pid, folder)


def end(pooler: PgBouncer) -> None:
    """Stop it and remove its folder."""
    process.stop_pid(pooler.pid)
    places.remove(pooler.folder)


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
