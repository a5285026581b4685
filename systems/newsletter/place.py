"""What a process of the world looks up: its neighbours, the faults that are on, the keys others accept, the release."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from systems.ground import Ground

KEYS: Final = ("mail", "storage")
"""What the system logs in with at others: the provider that sends its e-mails, the storage of its files."""

RELEASES: Final = ("2.7.0", "2.7.1", "2.8.0")
"""Those of the application that lie on this machine."""
SOUND: Final = "2.7.1"
"""The one that runs when nothing is wrong."""
FLAWED: Final = "2.8.0"
"""The one that fails many requests."""


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

    @property
    def wanted(self) -> str:
        """The release that the application's next start is to run, as the settings say."""
        return self.settings().get("RELEASE", "")

    @property
    def started(self) -> Path:
        """Where the application writes which release it runs."""
        return self.folder / "newsletter-app.release"

    def runs(self, release: str) -> bool:
        """Is this the release that the application was last started with?"""
        return self.started.exists() and self.started.read_text(encoding="utf-8") == release

    def deploy(self, release: str) -> None:
        """Have the next start run this release, and note which one ran before."""
        told = self.settings()
        before = self.wanted if self.wanted != release else told.get("RELEASE_BEFORE", "")
        told |= {"RELEASE": release, "RELEASE_BEFORE": before}
        comments = [line for line in self.file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        _replace(self.file, "\n".join([*comments, *(f"{name}={value}" for name, value in told.items()), ""]))


def let_in(folder: Path, name: str, *keys: str) -> None:
    """From now on these keys are let in and no others."""
    _replace(_kept(folder, name), "\n".join(keys))


def new_key() -> str:
    """One that nobody knows."""
    return secrets.token_hex(16)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, since others read it at any time."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _kept(folder: Path, name: str) -> Path:
    return folder / f"{name}.key"
