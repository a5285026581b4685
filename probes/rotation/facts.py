"""What a reading of rotation is: each log with its files, logrotate's configurations, the journal, loose ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import SafeText


@dataclass(frozen=True, slots=True)
class LogFile:
    """One file of a log, as it was seen."""

    folder: str
    name: str
    size: int
    changed: float
    """Seconds of the epoch."""
    device: int
    inode: int
    rotated: bool
    """False for the one that is written to."""

    @property
    def path(self) -> str:
        """Its whole path."""
        return f"{self.folder}/{self.name}"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a file open."""

    pid: int
    program: SafeText
    path: str
    """The file's path when it was opened, or after it was renamed."""
    device: int
    inode: int
    writes: bool
    deleted: bool


@dataclass(frozen=True, slots=True)
class Stanza:
    """What logrotate does to some files."""

    patterns: tuple[str, ...]
    period: float | None
    """Seconds between two rotations; None: only by size."""
    keeps: int
    """Rotated files of each that are kept."""
    size: int | None = None
    """Bytes from which it is rotated, whatever the time."""
    max_age: float | None = None
    """Seconds after which a rotated file is removed."""
    compresses: bool = False
    copies: bool = False
    """It copies and truncates: the writer need not know."""
    tells: bool = False
    """A script runs after it, which may tell the writer."""
    olddir: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One file of logrotate's configuration."""

    path: str
    stanzas: tuple[Stanza, ...]
    digest: str
    """SHA-256 of its content."""
    inherited: tuple[str, ...] = ()
    """Directives of the files before it that count here, and do not when it is run alone."""


@dataclass(frozen=True, slots=True)
class Log:
    """One log of the profile: the files that are written to, and those that were."""

    name: str
    pattern: str
    files: tuple[LogFile, ...] = ()
    """Bounded; the newest first."""
    left_out: int = 0
    keep: float | None = None
    """Seconds a rotated file is to be kept."""
    most: int | None = None
    """Bytes all of its files may take."""
    covered_by: tuple[str, ...] = ()
    """logrotate's configurations that rotate its files."""
    uncovered: int | None = None
    """Files that are written to and that no configuration rotates; None: the configuration can't be read."""
    period: float | None = None
    rotated_at: datetime | None = None
    """When the one that waits longest was last rotated, by logrotate's own record or by the newest rotated file."""
    growth: float | None = None
    """Bytes per second."""
    estimated: bool = False
    """True while the growth is what the files suggest, not what was seen."""
    free: int | None = None
    """Bytes free on its filesystem."""
    astray: tuple[Holder, ...] = ()
    """Processes that still write into a rotated or removed file."""

    @property
    def total(self) -> int:
        """Bytes of all its files."""
        return sum(one.size for one in self.files)

    @property
    def live(self) -> tuple[LogFile, ...]:
        """Those that are written to."""
        return tuple(one for one in self.files if not one.rotated)

    @property
    def rotated(self) -> tuple[LogFile, ...]:
        """Those that were."""
        return tuple(one for one in self.files if one.rotated)

    @property
    def full_in(self) -> float | None:
        """Seconds until its filesystem is full, by this log alone."""
        return self.free / self.growth if self.free is not None and self.growth else None


@dataclass(frozen=True, slots=True)
class Journal:
    """What systemd's journal takes."""

    size: int
    limit: SafeText = SafeText()
    """Its limit as journald.conf says it; empty: the built-in one, a tenth of the filesystem and 4 GiB at most."""
    keeps: SafeText = SafeText()
    """MaxRetentionSec as journald.conf says it; empty: no end by time."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A container whose log has no limit."""

    container: SafeText
    size: int | None


@dataclass(frozen=True, slots=True)
class RotationFacts:
    """All of it."""

    logs: tuple[Log, ...] = ()
    configurations: tuple[Configuration, ...] = ()
    ran_at: datetime | None = None
    """When logrotate last wrote its record."""
    journal: Journal | None = None
    loose: tuple[Loose, ...] = ()
    containers: int | None = None
    """Containers whose log is a JSON file; None: Docker's folder can't be read."""
    unseen: int = 0
    """Processes of others, whose open files can't be seen."""

    def log(self, name: str) -> Log | None:
        """The log of that name."""
        return next((one for one in self.logs if one.name == name), None)

    def configuration(self, path: str) -> Configuration | None:
        """The configuration of that path."""
        return next((one for one in self.configurations if one.path == path), None)
