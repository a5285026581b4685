"""Where a process of the world finds its neighbours, and which faults are on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """The world's folder and ports."""

    folder: Path
    postgres: int
    web: int
    graph: int

    @classmethod
    def of(cls, argv: Sequence[str]) -> Place:
        """From a command line: folder and three ports."""
        return cls(Path(argv[1]), *(int(port) for port in argv[2:5]))

    def database(self, application: str, user: str = "insta_connect", name: str = "insta_connect") -> dict[str, str]:
        """How to connect to PostgreSQL; the password is in the environment."""
        return {
            "host": "127.0.0.1",
            "port": str(self.postgres),
            "user": user,
            "dbname": name,
            "password": os.environ["OPSROOM_DEMO_APP_PASSWORD"],
            "application_name": application,
            "connect_timeout": "3",
        }

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

    def on(self, fault: str) -> bool:
        """Is this fault on?"""
        return (self.folder / "faults" / fault).exists()

    def over(self, fault: str) -> None:
        """The fault has been remedied."""
        (self.folder / "faults" / fault).unlink(missing_ok=True)
