"""Where the parts of the world find each other, and the names of everything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from systems.ground import Ground

CLUSTER: Final = "whatsapp-notif-cluster"
API_LOG: Final = "/whatsapp-notif/api"
WORKER_LOG: Final = "/whatsapp-notif/worker"
DATABASE: Final = "whatsapp-notif-db"
QUEUE: Final = "notifications"
DEAD: Final = "notifications-dead"
LOGIN: Final = "production/whatsapp-notif/whatsapp"
MEMORY: Final = 6 * 1024 * 1024
"""Bytes that Redis may use."""


@dataclass(frozen=True, slots=True)
class Place(Ground):
    """The world's folder and ports."""

    owner = "whatsapp_notifications"

    redis: int
    web: int
    cloud: int
    vendors: int
    """WhatsApp, Sentry and a status page, all played."""

    @property
    def words(self) -> tuple[str, ...]:
        """The command line from which `of` makes this place."""
        ports = self.postgres, self.redis, self.web, self.cloud, self.vendors
        return (str(self.folder), *map(str, ports))

    @property
    def cache_url(self) -> str:
        """Redis."""
        return f"redis://127.0.0.1:{self.redis}/0"

    @property
    def compose(self) -> Path:
        """The file of the workers' project."""
        return self.folder / "compose.yaml"

    @property
    def docker(self) -> Path:
        """Socket of the played Docker Engine."""
        return self.folder / "docker.sock"

    @property
    def apis(self) -> Path:
        """Folder with a file for each API that listens, named after its port."""
        return self.folder / "apis"


def pool_size() -> int:
    """Sessions that this process may have, by its DATABASE_URL."""
    query = parse_qs(urlsplit(os.environ.get("DATABASE_URL", "")).query)
    given = query.get("connection_limit", ["4"])[0]
    return max(1, int(given)) if given.isdecimal() else 4
