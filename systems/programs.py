"""What the programs of a world have in common: the process manager's configuration, their logs, and their end."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from datetime import datetime
from pathlib import Path

from systems.engines import postgres_programs, redis_program
from systems.stage import Plan, die_with_parent

_HEAD = """[supervisord]
nodaemon=true
pidfile={folder}/supervisord.pid
logfile={folder}/supervisord.log
logfile_maxbytes=256KB
logfile_backups=0
childlogdir={folder}/log
{user}
[unix_http_server]
file={folder}/supervisor.sock
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

_PROGRAM = """
[program:{name}]
command={command}
directory={folder}
stdout_logfile={folder}/log/{name}.log
stdout_logfile_maxbytes=256KB
stdout_logfile_backups=1
redirect_stderr=true
stopwaitsecs=8
{more}
"""


def say(folder: Path, text: str) -> None:
    """A line of progress for whoever opened the stage."""
    with open(folder / "progress", "a", encoding="utf-8") as stream:
        stream.write(text + "\n")


def log(level: str, text: str) -> None:
    """A line of a program's own log, with the time as the process manager writes it."""
    now = datetime.now()
    print(f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03} {level} {text}", flush=True)


def end_with_manager(folder: Path, number: int = signal.SIGKILL) -> None:
    """For a program of the world: never outlive the process manager. Ends us at once when it is gone already."""
    try:
        manager = int((folder / "supervisord.pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        sys.exit(1)
    die_with_parent(number, manager)


class Programs:
    """The process manager's configuration as it grows; no secret stands in it, they are in the environment."""

    def __init__(self, plan: Plan) -> None:
        self._folder = plan.folder
        self._parts = [_HEAD.format(folder=_plain(plan.folder), user="user=root" if os.getuid() == 0 else "")]

    def add(self, name: str, module: str, *words: object, more: str = "") -> None:
        """A program: a module that is given the world's folder and these words. `more`: lines of its own section."""
        argv = [sys.executable, "-u", "-m", f"systems.{module}", self._folder, *words]
        command = _plain(shlex.join(map(str, argv)))
        self._parts.append(_PROGRAM.format(name=name, command=command, folder=_plain(self._folder), more=more))

    def postgres(self, port: int, *words: object, name: str = "postgres", more: str = "") -> None:
        """PostgreSQL; where it is not installed, that is said."""
        if postgres_programs() is None:
            say(self._folder, "postgres: not installed; pip install 'opsroom[demo]', or install PostgreSQL")
        else:
            self.add(name, "postgres", port, *words, more=f"stopsignal=INT\npriority=1\n{more}")

    def redis(self, port: int, more: str = "") -> None:
        """Redis; where it is not installed, that is said."""
        if redis_program() is None:
            say(self._folder, "redis: install redis-server: no wheel for this Python")
        else:
            self.add("redis", "redis", port, more=f"priority=1\n{more}")

    def group(self, name: str, programs: list[str]) -> None:
        """Several programs under one name."""
        self._parts.append(f"\n[group:{name}]\nprograms={','.join(programs)}\n")

    def text(self) -> str:
        """The whole of it."""
        return "".join(self._parts)


def manage(folder: Path, configuration: str) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    (folder / "log").mkdir(mode=0o700, exist_ok=True)
    config = folder / "supervisord.conf"
    config.write_text(configuration, encoding="utf-8")
    config.chmod(0o600)
    return [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", str(config)]


def _plain(text: object) -> str:
    """As it stands: the manager reads a percent sign as the start of a name to fill in."""
    return str(text).replace("%", "%%")
