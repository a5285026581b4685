"""What is known about stored backups. None is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from probes.aws.calls import Seat
from probes.base import SafeText


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    key: str
    """Its whole key, as it is: shown only through `name`."""
    name: SafeText
    size: float
    """Bytes."""
    at: datetime
    """When it was last written, aware UTC."""
    sort: str = ""
    """Storage class: STANDARD, GLACIER..."""

    @property
    def frozen(self) -> bool:
        """It must be thawed, for hours, before it can be read
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html)."""
        return self.sort in ("GLACIER", "DEEP_ARCHIVE")


@dataclass(frozen=True, slots=True)
class Guarding:
    """How a bucket is guarded; None: it can't be told."""

    versions: str | None = None
    """Versioning: enabled, suspended, off."""
    encryption: str | None = None
    """AES256, aws:kms, none."""
    public: str | None = None
    """Public access: blocked, not blocked, partly blocked."""


@dataclass(frozen=True, slots=True)
class S3Facts:
    """The backups under one prefix."""

    seat: Seat
    bucket: SafeText
    prefix: SafeText
    pattern: SafeText
    login: str
    """Whose keys are used, in words; never a key."""
    newest: Stored | None = None
    """The newest that counts; None: there is none, or it can't be told."""
    age: float | None = None
    """Seconds since it was written."""
    count: int | None = None
    """Objects that count, among those that were listed; None: nothing was listed yet."""
    total: float | None = None
    """Bytes of them all."""
    others: int = 0
    """Keys under the prefix that don't count."""
    cut: bool = False
    """There were more keys than are listed: the newest may not be among them."""
    last: tuple[Stored, ...] = ()
    """The newest ones, newest first."""
    median: float | None = None
    """Bytes: the median of the seven before the newest; None with fewer than three."""
    cadence: float | None = None
    """Seconds between two backups, told or as the last ones came."""
    missing: tuple[date, ...] = ()
    """Days of the last 14 without a backup although there is one a day."""
    listed_ago: float | None = None
    """Seconds since the listing."""
    guarding: Guarding = Guarding()

    @property
    def size_ratio(self) -> float | None:
        """The newest one's size against the median of those before it."""
        if self.newest is None or not self.median:
            return None
        return self.newest.size / self.median
