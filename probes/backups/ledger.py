"""What is remembered beside a folder of backups: jobs of ours, and which file was proven, in `Context.state`.

    state/backups/<folder>/<act>.task.json    what a job was told; no secret
    state/backups/<folder>/<act>.ended.json   the last it has said, and whether what it left was removed since
    state/backups/<folder>/<act>.made.json    the database it has made, until it has dropped it again
    state/backups/<folder>/<file>.proof.json  what came of reading or restoring exactly that file
    state/jobs/<act>/                         the job itself (`probes.exec.job`)

Only `act_ledger` writes. Blocking: for a lane.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from probes.backups.facts import Proof
from probes.base import Identity, SafeText
from probes.exec.job import Standing, State

_BIGGEST: Final = 1 << 18
TASKS: Final = 20
"""Jobs that are told, the newest."""


def shelf(state: Path, folder: str) -> Path:
    """Where it is remembered what concerns a folder: the same for every target that names the same folder."""
    place = os.path.realpath(folder)
    return state / "backups" / hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def job_of(state: Path, act: str) -> Path:
    """Where the job of an act is kept."""
    return state / "jobs" / act


@dataclass(frozen=True, slots=True)
class Task:
    """What a job was told."""

    act: str
    action: str
    subject: str
    data: Mapping[str, Any]
    at: datetime
    end: Mapping[str, Any] | None = None
    """The last it has said, {"done"} or {"failed", "left"}, and {"cleaned"}: when what it left was removed. It is
    there still when the job's own record was swept away."""

    def text(self, name: str) -> str:
        """One of its texts; empty when there is none."""
        found = self.data.get(name)
        return found if isinstance(found, str) else ""


def tasks(place: Path) -> list[Task]:
    """The newest jobs, newest first."""
    found = []
    for path in sorted(_named(place, "*.task.json"), key=lambda one: one.name, reverse=True)[: 5 * TASKS]:
        data = _read(path)
        if data is not None and (task := _task(place, data)) is not None:
            found.append(task)
    return sorted(found, key=lambda one: one.at, reverse=True)[:TASKS]


def task_of(place: Path, act: str) -> Task | None:
    """One job; None: nothing is known of it."""
    data = _read(place / f"{act}.task.json")
    return _task(place, data) if data is not None else None


def _task(place: Path, data: Mapping[str, Any]) -> Task | None:
    try:
        act, at = str(data["act"]), datetime.fromisoformat(data["at"])
        return Task(act, str(data["action"]), str(data["subject"]), data, at, _read(place / f"{act}.ended.json"))
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Made:
    """A database that a job has made."""

    name: str
    oid: int
    gone: bool
    """It was dropped again."""
    kept: bool = False
    """It is there to stay, and filled: nothing that a job has left behind."""


def made_by(place: Path, act: str) -> Made | None:
    """The database a job has made; None: none yet."""
    data = _read(place / f"{act}.made.json")
    try:
        return (
            None
            if data is None
            else Made(str(data["name"]), int(data["oid"]), bool(data["gone"]), data.get("kept") is True)
        )
    except (KeyError, TypeError, ValueError):
        return None


def proof_name(identity: Identity) -> str:
    """Name of the record about exactly one file."""
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24] + ".proof.json"


def proof_of(place: Path, identity: Identity) -> Proof | None:
    """The last proof of exactly this file."""
    data = _read(place / proof_name(identity))
    if data is None or data.get("identity") != [list(pair) for pair in identity]:
        return None
    try:
        at = datetime.fromisoformat(str(data["at"]))
        return Proof(bool(data["good"]), bool(data["restored"]), at, SafeText(str(data["words"]), 300))
    except (KeyError, ValueError):
        return None


def _named(place: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from place.glob(pattern)
    except OSError:
        return


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(_BIGGEST))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class Told:
    """The last things a job has said: JSON lines on its output."""

    stage: str = ""
    share: float | None = None
    done: Mapping[str, Any] | None = None
    failed: str = ""
    left: str = ""


def told(standing: Standing, end: Mapping[str, Any] | None = None) -> Told:
    """What a job has said so far; by the last it has said, where its own record is gone."""
    if end is not None and is_gone(standing):
        done = end.get("done")
        return Told("", None, done if isinstance(done, dict) else None, _text(end, "failed"), _text(end, "left"))
    stage, share, done, failed, left = "", None, None, "", ""
    for line in standing.out.splitlines()[-200:]:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if not isinstance(said, dict):
            continue
        stage = str(said.get("stage", stage))
        share = said["share"] if isinstance(said.get("share"), float) else None if "stage" in said else share
        done = said["done"] if isinstance(said.get("done"), dict) else done
        failed, left = str(said.get("failed", failed)), str(said.get("left", left))
    return Told(stage, share, done, failed, left)


def is_gone(standing: Standing) -> bool:
    """True for a job without a record of its own: old ones are swept away, and one that never began has none."""
    return standing.state is State.LOST and standing.began is None


def _text(data: Mapping[str, Any], name: str) -> str:
    found = data.get(name)
    return found if isinstance(found, str) else ""


def utc(nanoseconds: str) -> datetime:
    """A time in an identity."""
    return datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC)
