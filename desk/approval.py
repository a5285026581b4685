"""What a person has read and approved to be run from a file: those very bytes, at that very place, by that very person.

A runbook's commands that no actuator knows are run only from a file that stands here. Any change makes it another file,
which is asked about anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from desk.private import open_file, open_folder

_LARGEST: Final = 4 << 20
"""Bytes that a record may have."""


class Approved(Enum):
    """How a file stands."""

    YES = "approved"
    CHANGED = "changed since it was approved"
    NEVER = "not approved"


@dataclass(frozen=True, slots=True)
class Approval:
    """One file that was approved."""

    path: str
    sha256: str
    """Of its bytes."""
    by: str
    at: datetime
    steps: Mapping[str, Any] = field(default_factory=dict)
    """What of it may be run, by name, as it was made of these bytes then."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a file is approved, and what was approved before it changed."""

    approved: Approved
    last: Approval | None = None


class Approvals:
    """The approvals of one person on this machine, a private file for each. Every method may wait for the disk."""

    def __init__(self, folder: Path, uid: int | None = None) -> None:
        self._folder = folder
        self._uid = os.geteuid() if uid is None else uid

    def approve(
        self, path: Path, data: bytes, by: str, at: datetime, steps: Mapping[str, Any] | None = None
    ) -> Approval:
        """Take down that these bytes are approved. Raises `OSError` when that can't be kept."""
        made = Approval(os.path.realpath(path), sha256(data).hexdigest(), by, at, dict(steps or {}))
        when = at.astimezone(UTC).isoformat()
        record = {"path": made.path, "sha256": made.sha256, "by": by, "at": when, "steps": made.steps}
        inside = open_folder(self._folder)
        try:
            opened = open_file(inside, self._name(made.path, data), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            with os.fdopen(opened, "w", encoding="utf-8") as file:
                json.dump(record, file)
                file.flush()
                os.fsync(file.fileno())
            os.fsync(inside)
        finally:
            os.close(inside)
        return made

    def standing(self, path: Path, data: bytes) -> Standing:
        """How these bytes at this place stand."""
        real = os.path.realpath(path)
        known = self._read(self._name(real, data))
        if known is not None:
            return Standing(Approved.YES, known)
        before = [one for one in self._all() if one.path == real]
        last = max(before, key=lambda one: one.at, default=None)
        return Standing(Approved.NEVER if last is None else Approved.CHANGED, last)

    def withdraw(self, path: Path) -> int:
        """Forget every approval of a file; how many there were."""
        real, count = os.path.realpath(path), 0
        for name in self._names():
            one = self._read(name)
            if one is not None and one.path == real:
                (self._folder / name).unlink(missing_ok=True)
                count += 1
        return count

    def _name(self, real: str, data: bytes) -> str:
        told = b"\0".join((str(self._uid).encode(), os.fsencode(real), data))
        return f"{sha256(told).hexdigest()}.json"

    def _names(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._folder) if name.endswith(".json")]
        except OSError:
            return []

    def _all(self) -> list[Approval]:
        return [one for name in self._names() if (one := self._read(name)) is not None]

    def _read(self, name: str) -> Approval | None:
        """One record; None where it is not there, or is not ours."""
        try:
            inside = open_folder(self._folder)
        except OSError:
            return None
        try:
            with os.fdopen(open_file(inside, name, os.O_RDONLY), "rb") as file:
                return _approval(json.loads(file.read(_LARGEST)))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        finally:
            os.close(inside)


def _approval(told: Any) -> Approval:
    at = datetime.fromisoformat(told["at"])
    if at.tzinfo is None:
        raise ValueError("without a zone")
    return Approval(str(told["path"]), str(told["sha256"]), str(told["by"]), at, dict(told["steps"]))
