"""What a reading of logs is: each source with its pace and its errors, and what is found in them how often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from probes.base import SafeText
from probes.base.log import Level

PATTERN: Final = "?"
"""Stands before a pattern's name in the subject of a look."""
TYPE: Final = "="
"""The same before the number of a type."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a source."""

    key: str
    """Its path."""
    path: SafeText
    source: str
    size: int | None = None
    """Bytes; None: it can't be told."""
    age: float | None = None
    """Seconds since it was last written to."""
    state: Literal["read", "denied", "gone", "not a file", "rotated", "unreadable"] = "read"
    """"rotated": it was renamed or removed, and is read on until it grows no more."""
    anew: int = 0
    """How often it was begun anew (emptied, or replaced) since we look."""


@dataclass(frozen=True, slots=True)
class Source:
    """One pattern of files, or one unit's journal."""

    key: str
    """As the profile writes it."""
    name: SafeText
    kind: Literal["files", "journal"]
    files: int = 0
    size: int | None = None
    """Bytes of all its files; None for the journal, which is not ours to weigh."""
    age: float | None = None
    """Seconds since its newest line was written; None: there is none, or it is not known."""
    rate: float | None = None
    """Lines a second since the last reading; None: not known yet."""
    lines: int = 0
    """Lines within the window."""
    warnings: int = 0
    errors: int = 0
    """Lines of level error or worse within the window."""
    levelled: int = 0
    """Lines within the window that tell a level."""
    minutes: tuple[int | None, ...] = ()
    """Errors of each minute, oldest first; None: not looked at."""
    since: datetime | None = None
    """From when on lines were looked at, aware UTC."""
    skipped: int = 0
    """Bytes left out since we look: it wrote more than a reading may look at."""
    skipping: int = 0
    """Bytes left out in this reading."""
    unreadable: int = 0
    """Files that may not be read."""
    trouble: SafeText = SafeText()
    """Why nothing can be read of it; empty: it can."""


@dataclass(frozen=True, slots=True)
class Found:
    """How often one pattern is found."""

    name: str
    regex: SafeText
    minutes: tuple[int | None, ...] = ()
    """Finds of each minute, oldest first; None: not looked at."""
    window: int = 5
    found: int | None = None
    """Finds within the window; at least so many when not `whole`. None: nothing was looked at."""
    whole: bool = True
    """False when lines were left out within the window, or it was not looked at from its beginning on."""
    limit: int | None = None
    ratio: float | None = None
    """Share of the window's lines that it is found in."""
    first: datetime | None = None
    last: datetime | None = None
    """When it was first and last found since we look, aware UTC."""

    @property
    def key(self) -> str:
        """For looks: it can't be taken for a source."""
        return f"{PATTERN}{self.name}"

    @property
    def over(self) -> bool | None:
        """True when the limit is passed; None: no limit, or not known."""
        if self.limit is None or self.found is None:
            return None
        if self.found > self.limit:
            return True
        return False if self.whole else None


@dataclass(frozen=True, slots=True)
class Type:
    """Lines of one type, of level warning or worse."""

    key: str
    type: SafeText
    level: Level
    count: int
    """Since we look."""
    first: datetime | None
    last: datetime | None
    sample: SafeText
    """The newest of them, its secrets masked."""


@dataclass(frozen=True, slots=True)
class LogsFacts:
    """Logs of a machine."""

    taken_at: datetime
    sources: tuple[Source, ...] = ()
    files: tuple[File, ...] = ()
    more: int = 0
    """Files beyond those that are read."""
    patterns: tuple[Found, ...] = ()
    types: tuple[Type, ...] = ()
    window: int = 5
    since: int = 15
    silent: int | None = None
    """Minutes after which silence is an alert."""

    @property
    def errors(self) -> int:
        """Of all sources within the window."""
        return sum(one.errors for one in self.sources)
