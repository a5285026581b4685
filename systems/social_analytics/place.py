"""Where the parts of the world find each other, which faults are on, and the sizes of everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from systems.ground import Ground

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
class Place(Ground):
    """The world's folder and ports."""

    owner = "social_analytics"

    redis: int
    web: int
    cloud: int

    @property
    def cache_url(self) -> str:
        """Redis."""
        return f"redis://127.0.0.1:{self.redis}/0"
