"""Where a process of the world finds its neighbours, which faults are on, and which keys others accept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from systems.ground import Ground

KEYS: Final = ("mail", "storage")
"""What the system logs in with at others: the provider that sends its e-mails, the storage of its files."""


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

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys that are let in, today's first; a program takes that one when it starts, and keeps it."""
        return tuple(_kept(self.folder, name).read_text(encoding="utf-8").split())


def let_in(folder: Path, name: str, *keys: str) -> None:
    """From now on these keys are let in and no others; whole or not at all, since others read it at any time."""
    path = _kept(folder, name)
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text("\n".join(keys), encoding="utf-8")
    new.replace(path)


def new_key() -> str:
    """One that nobody knows."""
    return secrets.token_hex(16)


def _kept(folder: Path, name: str) -> Path:
    return folder / f"{name}.key"
