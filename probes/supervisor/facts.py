"""What a reading of a supervisord is: its processes, grouped into services, and why those that are dead died."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from probes.base import SafeText


class Stage(IntEnum):
    """A process's state, by supervisord's own numbers: http://supervisord.org/subprocess.html#process-states."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


@dataclass(frozen=True, slots=True)
class Use:
    """What a process and its children use, read from this machine's /proc."""

    memory: float | None = None
    """Resident bytes, children included; pages they share count for each."""
    cpu: float | None = None
    """Cores in use: 1.0 is one whole core. None at the first reading."""
    processes: int | None = None
    """The process and all below it."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of supervisord."""

    group: SafeText
    name: SafeText
    stage: Stage
    pid: int | None = None
    """None unless it is alive."""
    started: int | None = None
    """When it was started last, seconds since 1970 by the server's clock; None: never."""
    up: float | None = None
    """Seconds it has been alive, by the server's clock."""
    down: float | None = None
    """Seconds since it ended, by the server's clock; None while alive, or when it never ran."""
    exit_status: int | None = None
    """Exit status of its last end; -1: ended by a signal. None while alive."""
    died: str = ""
    """How it ended last, in words, as far as it is known."""
    expected: bool = False
    """True when supervisord called that end expected."""
    trouble: SafeText = SafeText()
    """What supervisord says about why it does not start."""
    restarts: int = 0
    """Starts seen since we watch, after the first."""
    restarts_recent: int = 0
    """Those within the last ten minutes."""
    has_log: bool = True
    """True when supervisord keeps its standard output in a file."""
    has_errors: bool = True
    """True when its standard error has a file of its own."""
    use: Use = field(default_factory=Use)

    @property
    def key(self) -> str:
        """Its full name, as supervisorctl takes it."""
        return f"{self.group}:{self.name}"

    @property
    def running(self) -> bool:
        """True when it is up and was long enough for supervisord to call it running."""
        return self.stage is Stage.RUNNING

    @property
    def dead(self) -> bool:
        """True when it should run and does not: it ended badly, or supervisord fails to start it."""
        if self.stage is Stage.EXITED:
            return self.exit_status != 0 and not self.expected
        return self.stage in (Stage.BACKOFF, Stage.FATAL, Stage.UNKNOWN)

    @property
    def wanted(self) -> bool:
        """True when it should run: not one that was stopped, never started, or has finished."""
        return self.dead or self.stage in (Stage.RUNNING, Stage.STARTING)

    @property
    def word(self) -> str:
        """Its state as a person says it."""
        if self.stage is Stage.EXITED:
            if self.exit_status == 0 or self.expected:
                return "finished"
            by_signal = self.died.partition(" ")[0] or "ended"
            return by_signal if self.exit_status == -1 else f"exited {self.exit_status}"
        if self.stage is Stage.STOPPED and self.started is None:
            return "not started"
        return self.stage.name.lower()

    @property
    def why(self) -> str:
        """What there is to say about an end or a start that fails; empty when nothing."""
        if self.stage is Stage.EXITED and not self.dead:
            return ""
        parts = [self.died] if self.died and (self.dead or self.restarts_recent) else []
        if self.stage in (Stage.BACKOFF, Stage.FATAL) and self.trouble:
            soon = str(self.trouble).startswith("Exited too quickly")
            parts.append("too soon after its start" if soon else str(self.trouble))
        if self.restarts_recent and self.stage is not Stage.FATAL:
            times = "once" if self.restarts_recent == 1 else f"{self.restarts_recent} times"
            parts.insert(0, f"restarted {times} in 10 min")
        return ", ".join(parts)


def exit_words(status: int) -> str:
    """What an exit status means; -1 is supervisord's word for "by a signal".

    A status above 128 is a shell's way of saying that a signal ended its child.

    >>> exit_words(1), exit_words(137), exit_words(143)
    ('exited with 1', 'killed (signal 9, possibly out of memory)', 'terminated (signal 15)')
    """
    if status == -1:
        return "ended by a signal"
    if status in (126, 127):
        return "its command cannot be run" if status == 126 else "its command was not found"
    if 128 < status <= 128 + signal.NSIG:
        return signal_words(status - 128)
    return f"exited with {status}"


def signal_words(number: int) -> str:
    """What it means to be ended by a signal.

    >>> signal_words(11)
    'crashed (signal 11, SIGSEGV)'
    """
    if number == signal.SIGKILL:
        return "killed (signal 9, possibly out of memory)"
    if number == signal.SIGTERM:
        return "terminated (signal 15)"
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"ended by signal {number}"
    crash = number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
    return f"{'crashed' if crash else 'ended'} (signal {number}, {name})"


@dataclass(frozen=True, slots=True)
class Service:
    """A group of processes: what a person calls a service."""

    name: SafeText
    processes: tuple[Process, ...]
    """The worst first."""
    growth: float | None = None
    """Bytes per second its memory has grown lately; None: not known, or it has just started."""

    @property
    def running(self) -> int:
        """Processes that run."""
        return sum(one.running for one in self.processes)

    @property
    def wanted(self) -> int:
        """Processes that should run."""
        return sum(one.wanted for one in self.processes)

    @property
    def dead(self) -> int:
        """Processes that should run and do not."""
        return sum(one.dead for one in self.processes)

    @property
    def restarts(self) -> int:
        """Restarts seen since we watch."""
        return sum(one.restarts for one in self.processes)

    @property
    def restarts_recent(self) -> int:
        """Restarts seen within the last ten minutes."""
        return sum(one.restarts_recent for one in self.processes)

    @property
    def memory(self) -> float | None:
        """Resident bytes of all its processes."""
        return _sum([one.use.memory for one in self.processes])

    @property
    def cpu(self) -> float | None:
        """Cores in use by all its processes."""
        return _sum([one.use.cpu for one in self.processes])

    @property
    def up(self) -> float | None:
        """Seconds its youngest process has run."""
        return min((one.up for one in self.processes if one.up is not None), default=None)

    @property
    def worst(self) -> Process:
        """The process most in trouble."""
        return self.processes[0]


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class SupervisorFacts:
    """A supervisord that answered."""

    services: tuple[Service, ...] = ()
    more: int = 0
    """Processes beyond those kept."""
    version: SafeText = SafeText()
    identity: SafeText = SafeText()
    """Its `identifier`."""
    state: SafeText = SafeText()
    """RUNNING, RESTARTING, SHUTDOWN or FATAL."""
    pid: int | None = None
    here: bool = False
    """True when its processes are on this machine, so that their memory and cpu can be read."""

    @property
    def processes(self) -> tuple[Process, ...]:
        """All processes, by service."""
        return tuple(one for service in self.services for one in service.processes)
