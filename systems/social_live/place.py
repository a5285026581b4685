"""Where a part of this world finds its neighbours, and which faults are on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PORTS = ("postgres", "redis", "kubernetes", "api", "web", "prometheus", "grafana", "s3")
"""One for each part that listens, in the order of a command line."""


@dataclass(frozen=True, slots=True)
class Place:
    """The world's folder and ports."""

    folder: Path
    postgres: int
    redis: int
    kubernetes: int
    api: int
    web: int
    prometheus: int
    grafana: int
    s3: int

    @classmethod
    def of(cls, argv: Sequence[str]) -> Place:
        """From a command line: the folder and a port for each part."""
        return cls(Path(argv[1]), *(int(port) for port in argv[2 : 2 + len(PORTS)]))

    def database(self, application: str) -> dict[str, str]:
        """How to connect to PostgreSQL; the password is in the environment."""
        return {
            "host": "127.0.0.1",
            "port": str(self.postgres),
            "user": "social_live",
            "dbname": "social_live",
            "password": os.environ["OPSROOM_DEMO_APP_PASSWORD"],
            "application_name": application,
            "connect_timeout": "3",
        }

    def on(self, fault: str) -> bool:
        """Is this fault on?"""
        return (self.folder / "faults" / fault).exists()

    def over(self, fault: str) -> None:
        """The fault has been remedied."""
        (self.folder / "faults" / fault).unlink(missing_ok=True)
