"""Copies off this host that are not here, and what fetching one would do. Looks; changes nothing."""

from __future__ import annotations

import os
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final

from probes.backups import plans, store
from probes.backups.folder import unfinished
from probes.backups.settings import BackupsSettings
from probes.backups.sight import Sight
from probes.base import Cause, Choice, ProbeError, SafeText, Subject, lasted
from probes.exec import job

_MOST: Final = 500
_LONGEST: Final = 200
"""Bytes of a name, so that its temporary name is one too."""


def place_of(settings: BackupsSettings) -> str:
    """Where copies are, for a person. Raises `ProbeError` when the profile names no such place."""
    if settings.offhost is None:
        raise ProbeError(Cause.MISSING, "the profile names no place for copies", "set offhost")
    return store.named(settings.offhost)


async def choices(sight: Sight, settings: BackupsSettings, now: datetime) -> list[Choice]:
    """The copies whose names are not in the folder, newest first."""
    if settings.offhost is None:
        return []
    there = await sight.copies()
    here = set(await sight.lane.run(os.listdir, settings.folder))
    missing = [name for name in there.sizes if name not in here and not _odd(name, settings)]
    missing.sort(key=lambda name: there.times[name], reverse=True)
    return [
        Choice(name, SafeText(f"{plans.amount(there.sizes[name])}, written there {_age(there.times[name], now)}"))
        for name in missing[:_MOST]
    ]


async def planned(sight: Sight, settings: BackupsSettings, name: str, now: datetime) -> Subject:
    """The copy that would be fetched. Raises `ProbeError`: there is none."""
    place = place_of(settings)
    reason = _odd(name, settings)
    found = None if reason else await sight.away(name)
    if found is None:
        words = f": {reason}" if reason else ""
        raise ProbeError(Cause.GONE, SafeText(f"there is no copy {name} at {place}{words}", 300))
    subject = Subject(
        key=name,
        name=SafeText(name, 255),
        identity=(("name", name), *found.identity),
        before=SafeText(f"{plans.amount(found.size)}, written there {_age(found.at, now)}"),
        after=SafeText("here as well: compared by its sum, read to its end"),
    )
    free = await sight.room(settings.folder)
    if await sight.lane.run(os.path.lexists, f"{settings.folder}/{name}"):
        reason = "a file of that name is here: nothing is written over"
    elif not found.size:
        reason = "it is empty: 0 bytes"
    elif found.sealed:
        reason = f"it lies in {found.sealed}: restore it in the store first, that takes hours"
    elif free is not None and free < found.size:
        reason = f"not enough room: {plans.amount(free)} free, {plans.amount(found.size)} needed"
    elif not os.access(settings.folder, os.W_OK | os.X_OK):
        reason = "we may not write into the folder"
    else:
        for task, standing in await sight.jobs():
            if task.action == plans.FETCH.name and task.subject == name and standing.state is job.State.RUNNING:
                reason = f"it is being fetched since {task.at:%H:%M} UTC"
    return plans.barred(subject, reason) if reason else subject


def _odd(name: str, settings: BackupsSettings) -> str:
    """Why a name can't be that of a backup here; empty: it can."""
    if not fnmatchcase(name, settings.pattern):
        return "the profile's pattern is another one"
    if "/" in name or name.startswith(".") or unfinished(name) or not name.isprintable():
        return "that is no name of a backup"
    return f"its name is longer than {_LONGEST} bytes" if len(os.fsencode(name)) > _LONGEST else ""


def _age(at: datetime, now: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC, {lasted(max(0.0, (now - at).total_seconds()))} ago"
