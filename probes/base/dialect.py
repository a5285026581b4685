"""What a command line means, wherever it was written: the words a dialect has for it.

A dialect is a module `dialect.py` of a kind with one function, `understand(line) -> Meaning | Within | None`. It needs
no profile, no connection and no driver: a runbook is read with it on any machine. Which target of a profile a line
speaks of, and the request it becomes there, is told by that target's actuator (`Actuator.recognise`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Protocol

from probes.base.act import Danger
from probes.base.command import CommandLine

LONGEST_WARNING: Final = 200
"""Characters of a warning: three lines of the smallest screen."""
_PROMISE: Final = re.compile(
    r"^(?:here|opsroom)\b.*|\s*[;:.]\s+(?:(?![;:.]\s).)*\b(?:here|opsroom)\b.*|,\s+(?:and\s+)?(?:here|opsroom)\b.*",
    re.IGNORECASE | re.DOTALL,
)
"""The part of a warning that says what is done instead: a clause after the first that speaks of here or of us."""

_SENTENCE: Final = re.compile(r"\A[A-Z](?=[a-z']*\s)")
"""The beginning of a sentence that begins with no name: `It is`, not `PostgreSQL is` and not `KEYS is`."""


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
    """What the line gets wrong and what is done instead, in one clause or two, without a full stop; empty: it does
    what it says. Of "here", and of Opsroom, it speaks only where something of ours takes its place."""
    becomes: str = ""
    """What is done instead, as a person would type it; empty: the same line."""
    reveals: bool = False
    """True when its output may show secrets."""
    endless: bool = False
    """True when it never ends by itself."""
    interactive: bool = False
    """True when it opens a session that a person types into."""
    asked: tuple[str, ...] = ()
    """Values in it that are not taken over: the act that takes its place asks for them, or makes them."""
    plain: tuple[str, ...] = ()
    """Those of them that are plainly no secret, such as a release: where no act takes its place they are filled in as
    anything else; the others are typed where the line is run."""


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


def flaw(warning: str) -> str:
    """What a line gets wrong, without what would be done instead: for where it runs as it stands.

    >>> flaw("it takes all replicas at once; here one goes after the other")
    'it takes all replicas at once'
    """
    return _PROMISE.sub("", warning)


def honest(found: Meaning, taken: bool) -> Meaning:
    """A meaning that promises nothing: `taken` is whether the kind's own act takes the line, or what it becomes."""
    if found.sort is Sort.SHELL:
        return replace(found, warning=flaw(found.warning))
    if found.sort is Sort.ACTION and not taken:
        return replace(found, warning=flaw(found.warning), becomes="")
    return found


def joined(warnings: Iterable[str]) -> str:
    """Warnings as one, each as a clause, the first first, as many as there is room for.

    >>> joined(["It is one.", "", "two"])
    'it is one; two'
    """
    text = ""
    for warning in warnings:
        clause = _SENTENCE.sub(lambda found: found[0].lower(), warning.rstrip("."))
        longer = "; ".join(filter(None, [text, clause]))
        if len(longer) <= LONGEST_WARNING:
            text = longer
    return text
