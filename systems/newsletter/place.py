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
    redis: int
    web: int

    @classmethod
    def of(cls, argv: Sequence[str]) -> Place:
        """From a command line: folder and three ports."""
        return cls(Path(argv[1]), *(int(port) for port in argv[2:5]))

    def database(self, application: str, user: str = "newsletter", name: str = "newsletter") -> dict[str, str]:
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
    def queue_url(self) -> str:
        """Redis, where the queues and the cache live."""
        return f"redis://127.0.0.1:{self.redis}/0"

    def on(self, fault: str) -> bool:
        """Is this fault on?"""
        return (self.folder / "faults" / fault).exists()

    def over(self, fault: str) -> None:
        """The fault has been remedied."""
        (self.folder / "faults" / fault).unlink(missing_ok=True)
