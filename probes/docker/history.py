"""Which images a service ran before each change of ours, so that one can go back: a small file for each service.

It is written before anything is changed, lies in the folder for what outlives a session, and is ours alone (0600).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText
from probes.docker.parse import IMAGE_ID

KEPT: Final = 10
"""Images remembered of a service; the older ones are forgotten, and no longer spared by a prune."""
_FOLDER: Final = "deploys"
_LONGEST: Final = 1 << 18
"""Bytes of a record."""


@dataclass(frozen=True, slots=True)
class Past:
    """An image that a service ran until something was changed."""

    image: str
    """"sha256:..."."""
    name: str
    """What its file called it then."""
    digest: str
    """As a registry knows it, "shop/web@sha256:..."; empty for one that was built here."""
    created: str
    """When it was built, ISO 8601; empty: not known."""
    until: str
    """When it was replaced, ISO 8601."""
    act: str
    """Id of the act that replaced it."""
    by: str
    """Who asked for that."""
    why: str
    """Which act it was: "deploy"."""


def of(state: Path | None, project: str, service: str, engine: str = "") -> tuple[Past, ...]:
    """What is remembered of a service, the newest first. Blocking. With `engine` only of that one."""
    if state is None:
        return ()
    found: list[Past] = []
    for told in _records(state):
        if (told.get("project"), told.get("service")) == (project, service) and engine in ("", told.get("engine")):
            found += _pasts(told)
    return tuple(sorted(found, key=lambda one: one.until, reverse=True))


def remembered(state: Path | None, engine: str) -> Mapping[str, str]:
    """Every image that is remembered of an Engine, and of which service. Blocking."""
    found: dict[str, str] = {}
    for told in _records(state) if state is not None else ():
        if told.get("engine") == engine:
            for one in _pasts(told):
                found.setdefault(one.image, f"{told.get('project')}/{told.get('service')}")
    return found


def note(state: Path, engine: str, project: str, service: str, ran: Sequence[Past]) -> None:
    """Remember what a service runs now, for good when this returns. Blocking; `ProbeError` when it can't be kept."""
    known = [one for one in of(state, project, service, engine) if one.image not in {new.image for new in ran}]
    told = {"engine": engine, "project": project, "service": service}
    kept = sorted((*ran, *known), key=lambda one: one.until, reverse=True)[:KEPT]
    body = json.dumps(told | {"ran": [asdict(one) for one in kept]}, indent=1).encode()
    name = hashlib.sha256("\0".join((engine, project, service)).encode()).hexdigest()[:32]
    try:
        _write(state / _FOLDER, f"{name}.json", body)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ProbeError(
            Cause.LOCAL_DISK, SafeText(f"what runs now can't be remembered ({why}), so nothing is changed")
        ) from None


def _write(folder: Path, name: str, body: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        new = f".{name}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(new, flags, 0o600, dir_fd=inside)
        with os.fdopen(file, "wb") as opened:
            opened.write(body)
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(new, name, src_dir_fd=inside, dst_dir_fd=inside)
        os.fsync(inside)
    finally:
        os.close(inside)


def _records(state: Path) -> Iterable[Mapping[str, Any]]:
    for path in sorted((state / _FOLDER).glob("*.json")):
        try:
            if path.stat().st_size > _LONGEST:
                continue
            told = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(told, dict):
            yield told


def _pasts(told: Mapping[str, Any]) -> Iterable[Past]:
    ran = told.get("ran")
    for one in ran if isinstance(ran, list) else ():
        if isinstance(one, dict) and IMAGE_ID.fullmatch(str(one.get("image"))):
            yield Past(**{name: str(one.get(name, "")) for name in Past.__slots__})
