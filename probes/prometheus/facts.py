"""What a Prometheus server says: the tiles asked for, the hosts it watches, and how it is itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.base import SafeText, Severity
from probes.prometheus.tiles import Tile

_SILENT: Final = 0.9
"""How much a silent host wants looking at, as a share in use."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server itself; None is unknown."""

    version: SafeText = SafeText()
    uptime: float | None = None
    """Seconds since it started, by its own clock."""
    config_ok: bool | None = None
    """False when the last reload of its configuration failed: it goes on with an older one."""
    retention: SafeText = SafeText()
    series: float | None = None
    """Series in its head block."""
    top_metrics: tuple[tuple[SafeText, float], ...] = ()
    """Metrics with the most series."""
    oldest: float | None = None
    """Seconds that its head block reaches back."""


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """A scrape target that is not well."""

    job: SafeText
    instance: SafeText
    url: SafeText
    """Without its query."""
    health: SafeText
    """down or unknown."""
    error: SafeText
    scraped_ago: float | None
    """Seconds since the last try."""
    nth: int = 0
    """Which of those that look alike."""

    @property
    def key(self) -> str:
        """Unique among its likes."""
        return f"{self.job} {self.instance} {self.url} {self.nth or ''}"


@dataclass(frozen=True, slots=True)
class ServerAlert:
    """An alert of the server's own rules that is pending or firing."""

    name: SafeText
    state: SafeText
    """pending or firing."""
    severity: Severity | None
    """By its label `severity`; None when that says it is no alarm."""
    word: SafeText
    """The label as it is written."""
    on: SafeText
    """Its other labels."""
    summary: SafeText
    active_for: float | None
    """Seconds."""
    value: float | None
    nth: int = 0
    """Which of those that look alike."""
    since: datetime | None = None
    """When it became active by the server's clock, aware UTC."""
    labels: tuple[tuple[SafeText, SafeText], ...] = ()
    """All of them."""
    notes: tuple[tuple[SafeText, SafeText], ...] = ()
    """Its annotations."""

    @property
    def firing(self) -> bool:
        """True when it is no longer pending."""
        return str(self.state) == "firing"

    @property
    def key(self) -> str:
        """Unique among its likes."""
        return f"{self.name} {self.word} {self.on} {self.nth or ''}"


@dataclass(frozen=True, slots=True)
class RuleTrouble:
    """A rule of the server that can't be evaluated."""

    group: SafeText
    name: SafeText
    error: SafeText
    nth: int = 0
    """Which of those that look alike."""

    @property
    def key(self) -> str:
        """Unique among its likes."""
        return f"{self.group} {self.name} {self.nth or ''}"


@dataclass(frozen=True, slots=True)
class Host:
    """A machine as its node exporter tells; None is unknown."""

    instance: SafeText
    job: SafeText
    up: bool | None = None
    cpu: float | None = None
    """Share of all cores in use, waiting for disks included."""
    load: float | None = None
    """Load of the last minute for each core."""
    memory: float | None = None
    """Share that is not available."""
    disk: float | None = None
    """Share in use of the fullest file system."""
    mount: SafeText = SafeText()
    """Where that is mounted."""
    full_in: float | None = None
    """Seconds until the first file system is full, if it goes on as in the last hours; None: none is filling."""
    full_mount: SafeText = SafeText()
    received: float | None = None
    """Bytes per second, without virtual devices."""
    sent: float | None = None
    booted: float | None = None
    """Seconds since it started."""
    heard: float | None = None
    """Seconds since its exporter last answered; of one that is not heard now by its own clock, within the last hour."""

    @property
    def silent(self) -> bool:
        """True for one that was scraped within the last hour and is no longer: nothing is known of it now."""
        return self.up is None

    @property
    def trouble(self) -> float:
        """How much it wants looking at: down is most, then the fullest of disk, memory and cores.

        One that has fallen silent may have been taken away on purpose: it comes after what is nearly full.

        >>> name = SafeText("a"), SafeText("node")
        >>> Host(*name, up=False).trouble > Host(*name, up=True, disk=0.97).trouble > Host(*name).trouble > 0.8
        True
        """
        if self.up is not True:
            return 10.0 if self.up is False else _SILENT
        soon = 0.0 if self.full_in is None else 1.0 - min(1.0, math.log10(1 + max(0.0, self.full_in)) / 6)
        busy = 0.8 * (self.cpu or 0.0), min(0.85, 0.4 * (self.load or 0.0))
        return max(self.disk or 0.0, self.memory or 0.0, *busy, soon)

    @property
    def key(self) -> str:
        """Unique among its likes."""
        return f"{self.job} {self.instance}"


@dataclass(frozen=True, slots=True)
class PrometheusFacts:
    """One reading."""

    where: SafeText = SafeText()
    server: Server = Server()
    tiles: tuple[Tile, ...] = ()
    up: float | None = None
    """Scrape targets whose last scrape went well."""
    down: float | None = None
    troubled: tuple[ScrapeTarget, ...] = ()
    alerts: tuple[ServerAlert, ...] = ()
    """Firing first."""
    more_alerts: int = 0
    rule_troubles: tuple[RuleTrouble, ...] = ()
    rules: int | None = None
    """Rules it evaluates."""
    fleet: bool = False
    """True when its hosts are asked for."""
    hosts_known: bool = True
    """False when the server did not tell which hosts there are: then none does not mean that there is none."""
    hosts: tuple[Host, ...] = ()
    """The worst first."""
    more_hosts: int = 0
    hosts_down: int = 0
    hosts_silent: int = 0
    skew: float | None = None
    """Seconds the server's clock is ahead of ours."""
    read_ago: Mapping[str, float] | None = None
    """Seconds since each part that is not read every time was read."""
