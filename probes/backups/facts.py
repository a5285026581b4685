"""What is known about backups in a folder. None is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import Identity, SafeText

ARCHIVES = frozenset({"custom", "tar", "directory"})
"""Formats that pg_restore reads."""
TEXTS = frozenset({"plain", "plain.gz"})
"""Formats that psql reads."""


@dataclass(frozen=True, slots=True)
class Head:
    """What the beginning of a backup tells."""

    format: str
    """custom, tar, directory, plain, plain.gz, cluster (of pg_dumpall), empty, unknown."""
    database: SafeText | None = None
    """Which database it is of; a plain dump does not tell."""
    server: SafeText = SafeText()
    """Version of the server it was taken from: "15.18"."""
    program: SafeText = SafeText()
    """Version of the pg_dump that took it."""
    made: datetime | None = None
    """When it was begun, by the clock of who took it."""

    @property
    def usable(self) -> bool:
        """True for a format that can be restored here."""
        return self.format in ARCHIVES or self.format in TEXTS


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of a look at one backup as a whole, or of its restore."""

    good: bool
    restored: bool
    """True when it was restored into a scratch database; else it was only read to its end."""
    at: datetime
    words: SafeText


@dataclass(frozen=True, slots=True)
class Backup:
    """One of them."""

    name: str
    """Its name in the folder, as it is: shown only through `shown`."""
    shown: SafeText
    size: float
    """Bytes; of a directory all its files."""
    at: datetime
    """When it was written, aware UTC; when the archive says it was made long before, that."""
    identity: Identity
    """Device, inode, size, time: another file of the same name has another one."""
    head: Head
    touched: bool = False
    """Its file is much younger than what is in it."""
    whole: bool | None = None
    """Whether it was read to its end and found complete; None: nobody has looked."""
    fault: SafeText = SafeText()
    """What is wrong with it; empty: nothing that we know of."""
    spoilt: str = ""
    """Why it can't be used, in one or two words; empty: nothing that we know of speaks against it."""
    proof: Proof | None = None
    """The last one of exactly this file."""
    copied: bool | None = None
    """Whether a copy of the same name and size is off this host; None: not known, or none is asked for."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that is not finished: a dump under way, or what was left of one."""

    name: SafeText
    size: float
    age: float
    """Seconds since it was last written."""
    live: bool
    """It grows, or the job that writes it is under way."""


@dataclass(frozen=True, slots=True)
class Work:
    """A job of ours on these backups, of this session or an earlier one."""

    act: str
    what: str
    """dump, copy, fetch, verify, restore."""
    subject: SafeText
    state: str
    """under way, done, failed, stopped, lost, cleaned up."""
    began: datetime
    words: SafeText
    share: float | None = None
    left: SafeText = SafeText()
    """What it has left behind: "database opsroom_verify_..."; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Offsite:
    """The copies."""

    place: SafeText
    count: int | None
    """Those of our pattern; None: it could not be looked at."""
    newest: datetime | None = None
    """Time of the newest backup that has a copy of its size."""
    name: SafeText = SafeText()
    differing: tuple[SafeText, ...] = ()
    """Copies of another size than the backup of that name."""
    age: float | None = None
    """Seconds since the backup was made whose copy is the newest."""
    looked_ago: float = 0.0


@dataclass(frozen=True, slots=True)
class BackupsFacts:
    """One folder."""

    folder: SafeText
    pattern: SafeText
    database: SafeText | None
    """Which database they should be of; None: not configured."""
    last: tuple[Backup, ...] = ()
    """Newest first, 500 at most."""
    count: int = 0
    total: float = 0.0
    others: int = 0
    """Files in the folder that do not count."""
    age: float | None = None
    """Seconds since the newest was made."""
    good: Backup | None = None
    """The newest that nothing speaks against; None: there is none."""
    good_age: float | None = None
    """Seconds since that one was made."""
    vouched_age: float | None = None
    """Seconds since the newest good one was made that was read to its end, or that can't be read so here."""
    median: float | None = None
    """Bytes: the median of the seven usable ones before the newest; None with fewer than three."""
    cadence: float | None = None
    """Seconds between two backups, told or as the last ones came."""
    gaps: tuple[tuple[datetime, float], ...] = ()
    """(when it began, seconds) of each time of the last 14 days in which a backup is missing."""
    unfinished: tuple[Leftover, ...] = ()
    free: float | None = None
    """Bytes that can still be written in the folder."""
    offsite: Offsite | None = None
    """None: no place for copies is configured."""
    work: tuple[Work, ...] = ()
    """Newest first."""
    proven: datetime | None = None
    """When a backup that is still there was last restored with success."""
    scratch: bool = False
    """A server for scratch restores is configured."""

    @property
    def newest(self) -> Backup | None:
        """The newest; None: there is none."""
        return self.last[0] if self.last else None

    @property
    def size_ratio(self) -> float | None:
        """The newest one's size against the usual."""
        return self.newest.size / self.median if self.newest is not None and self.median else None
