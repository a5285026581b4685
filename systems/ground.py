"""What the places of all worlds have in common: a folder, PostgreSQL, and the faults that are on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Ground:
    """A world's folder and ports; a world adds ports of its own."""

    owner: ClassVar[str]
    """The application's role in PostgreSQL, and its database."""

    folder: Path
    postgres: int

    @classmethod
    def of(cls, argv: Sequence[str]) -> Self:
        """From a command line: the folder, and the ports in their order."""
        return cls(Path(argv[1]), *(int(port) for port in argv[2 : 1 + len(fields(cls))]))

    def database(self, application: str, user: str = "", name: str = "") -> dict[str, str]:
        """How to connect to PostgreSQL; the password is in the environment."""
        return {
            "host": "127.0.0.1",
            "port": str(self.postgres),
            "user": user or self.owner,
            "dbname": name or self.owner,
            "password": os.environ["OPSROOM_DEMO_APP_PASSWORD"],
            "application_name": application,
            "connect_timeout": "3",
        }

    @property
    def file(self) -> Path:
        """Settings of the world's programs, where a world has such a file."""
        return self.folder / ".env"

    def settings(self) -> dict[str, str]:
        """The file as it is now."""
        lines = self.file.read_text(encoding="utf-8").splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
        return {name.strip(): value.strip() for name, _, value in pairs}

    def on(self, fault: str) -> bool:
        """Is this fault on?"""
        return (self.folder / "faults" / fault).exists()

    def over(self, fault: str) -> None:
        """The fault has been remedied."""
        (self.folder / "faults" / fault).unlink(missing_ok=True)
