"""What is known of a file of settings. No secret value is in it: a length, and a mark by which two can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.base import SafeText


@dataclass(frozen=True, slots=True)
class Entry:
    """One key."""

    key: str
    secret: bool
    """Its value is never shown."""
    shown: SafeText
    """The value; of a secret its address without what is secret in it, or nothing."""
    length: int = 0
    """Characters of the value."""
    mark: str = ""
    """Six digits that differ when the values do; empty for a value too short to be told apart safely, or without a key
    for marks."""
    line: int = 0
    times: int = 1
    """How often it stands in the file; the last one counts."""
    refers: bool = False
    """It is made of other variables, so that only who uses it knows the value."""
    applied: bool | None = None
    """What uses the file has this value too; None: not known, or it is not passed on."""
    proven: bool = False
    """The profile says how a value can be tried."""
    earlier: datetime | None = None
    """Until when an earlier value is kept that is not known to be dead; None: there is none, or it can't be tried."""


@dataclass(frozen=True, slots=True)
class User:
    """A container that is made from the file."""

    name: SafeText
    made: datetime | None
    older: bool = False
    """It was made before the file was last changed."""
    differs: tuple[str, ...] = ()
    """Keys of which it has another value."""


@dataclass(frozen=True, slots=True)
class SettingsFacts:
    """A file of settings."""

    file: SafeText
    link: SafeText = SafeText()
    """The file it leads to, when it is a link."""
    mode: int = 0
    owner: SafeText = SafeText()
    size: int = 0
    changed: datetime | None = None
    entries: tuple[Entry, ...] = ()
    missing: tuple[str, ...] = ()
    """Keys that the example has and the file has not."""
    example: SafeText = SafeText()
    """The example; empty: there is none."""
    bad: tuple[int, ...] = ()
    """Lines that are no setting."""
    tracked: bool | None = None
    """It is kept in git, so that its secrets are in its history; None: that can't be told."""
    users: tuple[User, ...] = ()
    looked: bool = False
    """Containers were looked at."""
    left: tuple[str, ...] = ()
    """New files beside it, with secrets in them, that killed sessions have left behind."""
    applies: tuple[str, ...] = ()
    """What must be made new, or restarted, for a change to count, as TARGET/ROW."""
    renewed: str = "made new"
    """Which of the two."""

    @property
    def twice(self) -> int:
        """Keys that stand in the file more than once."""
        return sum(one.times > 1 for one in self.entries)

    @property
    def secrets(self) -> int:
        """Keys whose value is never shown."""
        return sum(one.secret for one in self.entries)

    @property
    def unapplied(self) -> tuple[str, ...]:
        """Keys of which something that runs has another value."""
        return tuple(one.key for one in self.entries if one.applied is False)

    def entry(self, key: str) -> Entry | None:
        """One key."""
        return next((one for one in self.entries if one.key == key), None)
