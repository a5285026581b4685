"""What is known of secrets after one reading. No value is ever among it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from probes.aws.calls import Seat
from probes.base import SafeText

CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
PENDING = "AWSPENDING"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a secret: its id, not its value."""

    id: str
    stages: tuple[str, ...] = ()
    """AWSCURRENT, AWSPREVIOUS, AWSPENDING, or somebody's own."""
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class OneSecret:
    """One secret."""

    name: SafeText
    arn: str = ""
    description: SafeText = SafeText()
    created: datetime | None = None
    changed: datetime | None = None
    """When anything about it was last changed."""
    rotated: datetime | None = None
    """When a rotation last succeeded."""
    accessed: datetime | None = None
    """The day it was last read."""
    rotates: bool = False
    next_rotation: datetime | None = None
    deleted: datetime | None = None
    """The date of its deletion; None: it is not marked for it."""
    versions: tuple[Version, ...] = ()
    tags: int = 0
    owner: SafeText = SafeText()
    """The service that made it and owns its rotation, such as rds."""
    overdue: float | None = None
    """Seconds that its rotation is late."""
    pending: float | None = None
    """Seconds that a version has been AWSPENDING: a rotation that has not ended, or failed."""
    missing: bool = False
    """True when there is no such secret."""
    trouble: SafeText = SafeText()
    """Why it can't be read."""

    def at(self, stage: str) -> Version | None:
        """The version with that stage."""
        return next((one for one in self.versions if stage in one.stages), None)


@dataclass(frozen=True, slots=True)
class SecretsFacts:
    """The secrets of one target, worst first."""

    seat: Seat
    secrets: tuple[OneSecret, ...] = ()
    listing: bool = False
    """True while the list has not been read to its end yet."""
    listed: float | None = None
    """Seconds since the list was last complete; None: not yet, or secrets are named one by one."""

    def secret(self, name: str) -> OneSecret | None:
        """The row of that name."""
        return next((one for one in self.secrets if str(one.name) == name), None)
