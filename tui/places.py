"""Every path Opsroom reads or writes, in one place: `opsroom info` prints them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from platformdirs import PlatformDirs


@dataclass(frozen=True, slots=True)
class Places:
    """XDG folders (https://specifications.freedesktop.org/basedir-spec) and what lies in them."""

    user: Path
    """Profiles and preferences of this person."""
    site: Path
    """Profiles of this machine."""
    state: Path
    """Crash reports, the log of bugs, copied texts. Private."""
    acts: Path | None = None
    """The audit and the locks; None: in the state folder."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Places:
        """Where they are for this environment."""
        dirs = PlatformDirs("opsroom", appauthor=False)
        home = environ.get("OPSROOM_HOME")
        if home:
            return cls(Path(home) / "config", Path("/etc/opsroom"), Path(home) / "state")
        return cls(dirs.user_config_path, Path("/etc/opsroom"), dirs.user_state_path)

    @property
    def audit(self) -> Path:
        """What was done, by whom, and what came of it."""
        return (self.acts or self.state) / "audit"

    @property
    def locks(self) -> Path:
        """One act at a time."""
        return (self.acts or self.state) / "locks"

    def system(self, name: str, environment: str) -> Path:
        """What is kept of one system: the black box, the history, the inbox. Private."""
        told = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{name}-{environment}".strip("-")).strip("-").lower()[:60] or "system"
        return self.state / "systems" / f"{told}-{sha256(f'{name}/{environment}'.encode()).hexdigest()[:8]}"

    @property
    def passive(self) -> Path:
        """While this file is there nobody acts on anything from this machine."""
        return self.site / "passive"

    @property
    def preferences(self) -> Path:
        """The person's own settings."""
        return self.user / "preferences.toml"

    def profiles(self) -> list[Path]:
        """Profile files, the person's before the machine's; of two with one name the person's counts."""
        found: dict[str, Path] = {}
        for folder in (self.user, self.site):
            for path in _settings_files(folder):
                if path.name != "preferences.toml":
                    found.setdefault(path.stem, path)
        return list(found.values())


def _settings_files(folder: Path) -> list[Path]:
    """Its TOML files, in order; none when it isn't there or may not be looked into."""
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".toml") and name[0] != ".")
    except OSError:
        return []
