"""What a command line means, wherever it was written: the words a dialect has for it.

A dialect is a module `dialect.py` of a kind with one function, `understand(line) -> Meaning | Within | None`. It needs
no profile, no connection and no driver: a runbook is read with it on any machine. Which target of a profile a line
speaks of, and the request it becomes there, is told by that target's actuator (`Actuator.recognise`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from probes.base.act import Danger
from probes.base.command import CommandLine


class Sort(Enum):
    """What a command becomes here."""

    ACTION = "native-action"
    """One of our guarded actions."""
    READING = "native-probe"
    """A reading that a panel of ours shows."""
    LOG = "log"
    """A log view of ours."""
    SHELL = "shell"
    """A guarded shell step."""


class Verb(Enum):
    """What it is about, in one word."""

    RESTART = "restart"
    START = "start"
    STOP = "stop"
    SCALE = "scale"
    TERMINATE = "terminate"
    ROLLBACK = "rollback"
    DEPLOY = "deploy"
    BACKUP = "backup"
    RESTORE = "restore"
    MAINTENANCE = "maintenance"
    STATUS = "status"
    HEALTH = "health"
    LOGS = "logs"
    QUEUE_DEPTH = "queue-depth"
    CACHE_STATS = "cache-stats"
    HOST = "host"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one simple command means."""

    sort: Sort
    verb: Verb
    system: str
    """Whose command line it is: "compose", "docker", "systemd", "kubernetes", "postgresql", "redis", "sqs", "host"."""
    target: str = ""
    """The service, unit, queue, host or file it speaks of, as it is written; empty: none, or the whole."""
    danger: Danger = Danger.READ
    """What the command itself can cost; when in doubt the greater."""
    kind: str = ""
    """The kind of target in a profile that shows or does it; empty: none."""
    warning: str = ""
    """What the line gets wrong and what is done instead, in one sentence; empty: it does what it says."""
    becomes: str = ""
    """What is done instead, as a person would type it; empty: the same line."""
    reveals: bool = False
    """True when its output may show secrets."""
    endless: bool = False
    """True when it never ends by itself."""
    interactive: bool = False
    """True when it opens a session that a person types into."""


@dataclass(frozen=True, slots=True)
class Within:
    """A command that carries another one: `ssh`, `sh -c`, `docker exec`, `kubectl exec`, `xargs`, `watch`."""

    place: str
    """Where the other one runs: "host db1", "container api"; empty: here."""
    words: tuple[str, ...] = ()
    """The other one, when it is given as words."""
    script: str = ""
    """The other one, when it is given as text for a shell."""
    stdin: str = ""
    system: str = ""
    """Whose command line carries it."""
    kind: str = ""
    target: str = ""
    least: Danger = Danger.READ
    """What carrying it costs at least."""
    interactive: bool = False
    endless: bool = False
    warning: str = ""


class Dialect(Protocol):
    """A module that knows the command lines of one world."""

    @staticmethod
    def understand(line: CommandLine) -> Meaning | Within | None:
        """What a simple command means; None when it is none of this world's. Pure, never raises."""
        ...
