"""What is known about commands and their runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import SafeText, lasted
from probes.exec.job import State


@dataclass(frozen=True, slots=True)
class Past:
    """One run, under way or over."""

    act: str
    """Id of the act that began it: the audit says who that was and why."""
    state: State
    began: datetime | None = None
    ended: datetime | None = None
    code: int | None = None
    """Exit code; negative when a signal ended it."""
    late: bool = False
    stopped: bool = False
    cut: bool = False
    """Output beyond the limit was thrown away."""
    denied: bool = False
    """It was to be ended, and the system did not let us: it runs as another user."""
    left: bool = False
    """It was ended, but what it had started as another user, by sudo say, still runs."""
    matched: bool = True
    """False when its output does not match what is expected."""
    ok: bool = False
    """It ended by itself, with a good exit code and the output that is expected."""
    last: SafeText = SafeText()
    """The last line that it wrote."""

    @property
    def runs(self) -> bool:
        """True while it runs."""
        return self.state is State.RUNNING

    @property
    def failed(self) -> bool:
        """It is over, and neither well nor stopped by a person."""
        return self.state is State.ENDED and not self.ok and not self.stopped

    @property
    def took(self) -> float | None:
        """Seconds from its begin to its end."""
        if self.began is None or self.ended is None:
            return None
        return max(0.0, (self.ended - self.began).total_seconds())

    @property
    def words(self) -> str:
        """How it ended, in a few words."""
        if self.state is State.RUNNING:
            return "it runs, and we may not end it" if self.denied else "it runs"
        if self.state is State.LOST:
            return "nobody knows how it ended: what kept it was killed, or the machine went down"
        after = f"after {lasted(self.took)}"
        left = ", but what it started as another user still runs" if self.left else ""
        if self.late:
            return f"it was ended {after}: its time was up{left}"
        if self.stopped:
            return f"it was stopped {after}{left}"
        told = f"killed by signal {-self.code}" if self.code is not None and self.code < 0 else f"exit code {self.code}"
        return f"{told} {after}" + ("" if self.matched else ", and its output is not as expected")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the profile, and its runs from this machine."""

    name: str
    line: SafeText
    """As a person would type it, parameters by name."""
    what: SafeText
    danger: str
    """reversible, disruptive or destructive."""
    reads: bool
    parameters: tuple[str, ...]
    needs: tuple[SafeText, ...]
    timeout: float
    """Seconds after which it is ended."""
    production: bool
    missing: SafeText = SafeText()
    """Why it can't be run here at all; empty: it can."""
    past: tuple[Past, ...] = ()
    """Its runs, the newest first."""
    tail: tuple[SafeText, ...] = ()
    """The last lines of what it writes, while it runs."""

    @property
    def newest(self) -> Past | None:
        """The run that is under way, or the last one."""
        return self.past[0] if self.past else None

    @property
    def running(self) -> Past | None:
        """The run that is under way."""
        return next((one for one in self.past if one.runs), None)

    @property
    def last(self) -> Past | None:
        """The last run that is over."""
        return next((one for one in self.past if not one.runs), None)

    @property
    def succeeded(self) -> datetime | None:
        """When it last ended well; None: not as far as is known."""
        return max((one.ended for one in self.past if one.ok and one.ended is not None), default=None)


@dataclass(frozen=True, slots=True)
class CommandsFacts:
    """All commands of a target."""

    commands: tuple[Command, ...]
    at: datetime
    """When they were looked at, aware UTC."""

    def command(self, name: str) -> Command | None:
        """One by its name."""
        return next((one for one in self.commands if one.name == name), None)
