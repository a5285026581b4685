"""Where a process of the world finds its neighbours, and which faults are on."""

from __future__ import annotations

from dataclasses import dataclass

from systems.ground import Ground


@dataclass(frozen=True, slots=True)
class Place(Ground):
    """The world's folder and ports."""

    owner = "newsletter"

    redis: int
    web: int

    @property
    def queue_url(self) -> str:
        """Redis, where the queues and the cache live."""
        return f"redis://127.0.0.1:{self.redis}/0"
