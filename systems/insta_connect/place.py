"""Where a process of the world finds its neighbours, and which faults are on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from systems.ground import Ground


@dataclass(frozen=True, slots=True)
class Place(Ground):
    """The world's folder and ports."""

    owner = "insta_connect"

    web: int
    graph: int

    @property
    def logs(self) -> Path:
        """Folder of the log files that all services write."""
        return self.folder / "logs"

    @property
    def backups(self) -> Path:
        """Folder of the nightly dumps."""
        return self.folder / "backups"

    @property
    def secret(self) -> Path:
        """The application's secret for the Graph API, as its services read it when they start."""
        return self.folder / "app-secret"

    @property
    def accepted(self) -> Path:
        """Secrets that the Graph API accepts, one a line."""
        return self.folder / "graph-accepts"
