"""What a reading of a scheduler is: its jobs, their executions, and the application's own actions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import Danger, SafeText

JOB = "job/"
"""How the row of a job begins; its id follows."""
OWN = "action/"
"""How the row of an own action begins; its name follows."""


@dataclass(frozen=True, slots=True)
class Job:
    """One scheduled job."""

    id: str
    """As the API takes it."""
    name: SafeText
    group: SafeText = SafeText()
    """What it belongs to: a platform, a tenant."""
    interval: float | None = None
    """Time between two runs in the profile's unit; None: not told, or no number."""
    schedule: SafeText = SafeText()
    """The interval as the API writes it, when that is no number: "*/5 * * * *"."""
    every: float | None = None
    """The interval in seconds."""
    paused: bool | None = None
    """None: not told."""
    state: SafeText = SafeText()
    last_run: datetime | None = None
    last_age: float | None = None
    """Seconds since it ran last."""
    last_status: SafeText = SafeText()
    failed: bool = False
    """True when its last run ended with a status that the profile counts as failed."""
    limited: bool = False
    """True when that status says that a vendor was asked too often."""
    next_run: datetime | None = None

    @property
    def key(self) -> str:
        """The row."""
        return JOB + self.id

    @property
    def rests(self) -> bool:
        """True when it is paused after a vendor was asked too often: that is what helps, and nobody asks any more."""
        return self.limited and self.paused is True

    @property
    def late(self) -> float | None:
        """Seconds since its last run as a multiple of its interval; None for one that is paused, or not told."""
        if self.paused or self.last_age is None or not self.every:
            return None
        return self.last_age / self.every


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a job."""

    key: str
    job: SafeText
    """Name of the job."""
    status: SafeText
    at: datetime | None = None
    took: float | None = None
    """Seconds."""
    message: SafeText = SafeText()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """An action that the profile describes: a request to the application's own interface."""

    name: str
    title: str
    what: str
    danger: Danger
    line: SafeText
    """Method and path."""
    true: bool | None = None
    """Whether what it brings about is so now; None: the profile names no check, or it can't be told."""
    words: SafeText = SafeText()
    """What the check says."""

    @property
    def key(self) -> str:
        """The row."""
        return OWN + self.name


@dataclass(frozen=True, slots=True)
class JobsFacts:
    """A scheduler that answered."""

    url: SafeText = SafeText()
    """Where, without user and query."""
    jobs: tuple[Job, ...] = ()
    more: int = 0
    """Jobs beyond those kept."""
    executions: tuple[Execution, ...] = ()
    """The latest, newest first."""
    counted: tuple[tuple[SafeText, int], ...] = ()
    """How many of those executions have each status, the commonest first."""
    own: tuple[Own, ...] = ()
    unit: str = "minutes"
    """What intervals are counted in."""
    lists: bool = True
    """False when the profile names actions only, and no list of jobs."""

    def job(self, key: str) -> Job | None:
        """The job of a row."""
        return next((one for one in self.jobs if one.key == key), None)
