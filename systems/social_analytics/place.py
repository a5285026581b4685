"""Where the parts of the world find each other, which faults are on, and the sizes of everything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SESSIONS: Final = 43
"""Connections PostgreSQL takes; three of them are for administrators."""
MEMORY: Final = 6 * 1024 * 1024
"""Bytes the cache may use."""

CLUSTER: Final = "social-analytics-cluster"
SERVICE: Final = "backend-service"
FAMILY: Final = "social-analytics-backend"
LOG_GROUP: Final = "/ecs/social-analytics-backend"
DATABASE: Final = "social-analytics-db"
CACHE: Final = "social-analytics-redis"
LOGIN: Final = "production/social-analytics/twitch/credentials"


@dataclass(frozen=True, slots=True)
class Place:
    """The world's folder and ports."""

    folder: Path
    postgres: int
    redis: int
    web: int
    cloud: int

    @classmethod
    def of(cls, argv: Sequence[str]) -> Place:
        """From a command line: folder and four ports."""
        return cls(Path(argv[1]), *(int(port) for port in argv[2:6]))

    def database(self, application: str) -> dict[str, str]:
        """How to connect to PostgreSQL; the password is in the environment."""
        return {
            "host": "127.0.0.1",
            "port": str(self.postgres),
            "user": "social_analytics",
            "dbname": "social_analytics",
            "password": os.environ["OPSROOM_DEMO_APP_PASSWORD"],
            "application_name": application,
            "connect_timeout": "3",
        }

    @property
    def cache_url(self) -> str:
        """Redis."""
        return f"redis://127.0.0.1:{self.redis}/0"

    def on(self, fault: str) -> bool:
        """Is this fault on?"""
        return (self.folder / "faults" / fault).exists()

    def over(self, fault: str) -> None:
        """The fault has been remedied."""
        (self.folder / "faults" / fault).unlink(missing_ok=True)
