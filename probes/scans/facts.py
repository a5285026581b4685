"""What is known of vulnerabilities: each scan with its counts, its age, and what is new in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum

from probes.base import Cause, SafeText


class Level(IntEnum):
    """How bad a vulnerability is called; greater is worse."""

    UNRATED = 0
    """Its source gives no severity: pip-audit never does."""
    LOW = 1
    MEDIUM = 2
    """npm calls it moderate."""
    HIGH = 3
    CRITICAL = 4


class Standing(Enum):
    """Where a scan stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    MISSING = "no tool"
    """The tool is not installed here; nothing is wrong with the system."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One vulnerability in one package."""

    id: SafeText
    """CVE-..., GHSA-..., PYSEC-...; the registry's own number where there is no other."""
    package: SafeText
    installed: SafeText = SafeText()
    fixed: SafeText = SafeText()
    """The version or range that is free of it; empty: none is known."""
    level: Level = Level.UNRATED
    title: SafeText = SafeText()
    fixable: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a tool found."""

    findings: tuple[Finding, ...] = ()
    """The worst first."""
    skipped: int = 0
    """Packages the tool could not judge: they are not known to be free of anything."""
    note: SafeText = SafeText()
    """What else it says: the system in the image gets no more updates."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One thing that is scanned, by one tool."""

    key: str
    """Tool and thing: "trivy newsletter-app:latest"."""
    tool: str
    subject: SafeText
    standing: Standing = Standing.WAITING
    counts: Mapping[Level, int] = field(default_factory=dict)
    """Of the last scan that worked; empty while there was none."""
    findings: tuple[Finding, ...] = ()
    """The worst of them."""
    fixable: int = 0
    skipped: int = 0
    note: SafeText = SafeText()
    appeared: tuple[SafeText, ...] | None = None
    """Those that the scan before had not; None: there was no scan before."""
    disappeared: tuple[SafeText, ...] | None = None
    at: datetime | None = None
    """When the last scan that worked was done, aware UTC."""
    took: float | None = None
    database: datetime | None = None
    """When the tool's list of vulnerabilities was made; None: the tool asks a service each time, or does not say."""
    cause: Cause | None = None
    """Why the last try failed; None: it did not."""
    words: SafeText = SafeText()
    hint: SafeText = SafeText()

    @property
    def total(self) -> int | None:
        """All vulnerabilities; None before the first scan."""
        return sum(self.counts.values()) if self.at is not None else None


@dataclass(frozen=True, slots=True)
class ScansFacts:
    """All scans of a target."""

    scans: tuple[Scan, ...] = ()
    next_at: datetime | None = None
    """When the next scan begins; None: one runs."""

    def one(self, key: str) -> Scan | None:
        """The scan of that key."""
        return next((scan for scan in self.scans if scan.key == key), None)
