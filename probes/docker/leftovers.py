"""What of an Engine nobody uses: stopped containers, images, networks, build cache, volumes. Reads only.

Reference: https://docs.docker.com/engine/manage-resources/pruning/ for what each of Docker's own prunes would take.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from probes.base import Cause, Identity, ProbeError, SafeText, Subject
from probes.docker.deploys import KEPT
from probes.docker.engine import EngineApi
from probes.docker.facts import Container
from probes.docker.images import image, reference, short_id
from probes.docker.parse import ID, amount, container, items, moment, row_key, table, text, whole
from probes.docker.sheets import size
from probes.docker.sight import all_seen, lasting

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "images": ("image",),
    "all-images": ("image",),
    "containers": ("container",),
    "networks": ("network",),
    "build-cache": ("build cache",),
    "everything": ("container", "network", "image", "build cache"),
    "everything-and-all-images": ("container", "network", "image", "build cache"),
}
"""What can be pruned, and which sorts of things that is."""
MOST: Final = 200
"""Things listed in one plan."""
_ALL: Final = ("all-images", "everything-and-all-images")
_COUNTING: Final = 6.0
"""Seconds the Engine may take to add up what its build cache takes."""
_LIMIT: Final = 16 << 20
_BUILT_IN: Final = frozenset({"bridge", "host", "none"})
_NO_NAME: Final = "no name"
_PROJECT: Final = "com.docker.compose.project"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing nobody uses."""

    what: str
    """image, container, network, volume or build cache."""
    id: str
    name: str
    state: str
    """What must be the same when it is removed."""
    about: str
    bytes: float | None = None
    spared: str = ""
    barred: bool = False

    def subject(self, engine: str, sort: bool = True) -> Subject:
        """It as the subject of an act; with its sort before the name, where the act is not about one sort only."""
        identity: Identity = (("engine", engine), ("what", self.what), ("id", self.id), ("state", self.state))
        taken = f", {size(self.bytes)}" if self.bytes is not None else ""
        return Subject(
            key=self.id,
            name=SafeText(f"{self.what} {self.name}" if sort else self.name, 120),
            identity=identity,
            before=SafeText(self.about + taken, 200),
            after=SafeText("removed for good"),
            spared=SafeText(self.spared, 200),
            barred=self.barred,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found."""

    things: tuple[Leftover, ...] = ()
    untold: tuple[str, ...] = ()
    """What could not be told, and why."""


@dataclass(frozen=True, slots=True)
class Used:
    """What all containers of an Engine use, stopped ones too."""

    rows: tuple[Container, ...]
    images: frozenset[str]
    names: frozenset[str]
    """Names of images their next deploy would take."""
    networks: frozenset[str]
    volumes: frozenset[str]


async def used(api: EngineApi, at: datetime) -> Used:
    """Ask the Engine for every container, of whatever project."""
    answer = await api.get("/containers/json", {"all": "1"})
    rows = [table(row) for row in items(answer) if row_key(row) is not None]
    moved = [str(row["Id"]) for row in rows if str(row.get("Image", "")).startswith("sha256:")]
    seen = await all_seen(api, moved[:MOST], at)
    named = {str(row.get("Image", "")) for row in rows} | {str(one.one.image_name) for one in seen}
    found = {ref.familiar for name in named if (ref := reference(name)) is not None}
    networks: set[str] = set()
    volumes: set[str] = set()
    for row in rows:
        for name, one in table(table(row.get("NetworkSettings")).get("Networks")).items():
            networks |= {name, str(table(one).get("NetworkID", ""))}
        volumes |= {str(table(one).get("Name", "")) for one in items(row.get("Mounts"))}
    containers = tuple(container(row, None, at) for row in rows)
    return Used(
        containers, frozenset(one.image_id for one in containers), frozenset(found), frozenset(networks),
        frozenset(volumes),
    )  # fmt: skip


async def unused(
    api: EngineApi, word: str, project: str | None, kept: Mapping[str, str], use: Used, at: datetime
) -> Found:
    """What nobody uses, of the sorts that `word` means. `kept` are images a service can go back to."""
    sorts = WORDS[word]
    things: list[Leftover] = []
    untold: list[str] = []
    if "container" in sorts:
        things += [_container(one) for one in use.rows if _ended(one) and _ours(one.project, project)]
    if "network" in sorts:
        things += await _networks(api, project, use)
    if "image" in sorts:
        things += await images(api, kept, use, at, named=word in _ALL)
    if "build cache" in sorts:
        try:
            async with asyncio.timeout(_COUNTING):
                things += _caches(table(await api.disk_usage()))
        except TimeoutError:
            untold.append(f"build cache: the Engine did not add it up in {_COUNTING:g} s")
        except ProbeError as error:
            if error.cause is not Cause.DENIED:
                raise
            untold.append("build cache: allow GET /system/df")
    return Found(tuple(things), tuple(untold))


async def images(
    api: EngineApi, kept: Mapping[str, str], use: Used, at: datetime, named: bool = True
) -> list[Leftover]:
    """Images that no container has; without `named` only those that no name is left to."""
    found = []
    for row in items(await api.get("/images/json", limit=_LIMIT)):
        one = image(row)
        if one is None or one.id in use.images or (not named and not nameless(one.names)):
            continue
        reason, barred = "", True
        if one.id in kept:
            reason = f"{kept[one.id]} can be rolled back to it"
        elif len(one.names) > 1:
            reason = f"it has {len(one.names)} names: remove them one by one with docker image rm"
        elif any(name in use.names for name in one.names):
            reason, barred = "a container's image name means it: the next deploy takes it", False
        built = f"built {lasting(max(0.0, (at - one.created).total_seconds()))} ago" if one.created else "age not known"
        name = ", ".join(one.names[:3]) or (one.digests[0].partition("@")[0] if one.digests else "")
        label = f"{short_id(one.id)} {name}".rstrip()
        found.append(
            Leftover("image", one.id, label, _state(one.names), built, one.size, reason, bool(reason) and barred)
        )
    return sorted(found, key=lambda one: -(one.bytes or 0))


async def volumes(api: EngineApi, protected: Sequence[str], use: Used) -> list[Leftover]:
    """All volumes that no container has, those that are protected with the reason."""
    found = []
    answer = table(await api.get("/volumes", limit=_LIMIT))
    for row in map(table, items(answer.get("Volumes"))):
        name = row.get("Name")
        if not isinstance(name, str) or not name or name in use.volumes:
            continue
        pattern = next((one for one in protected if fnmatch.fnmatchcase(name.lower(), one.lower())), "")
        reason = f"protected by the profile (keep_volumes has {pattern})" if pattern else ""
        project = str(text(table(row.get("Labels")).get(_PROJECT)))
        about = f"made {str(text(row.get('CreatedAt'), 40))[:10] or 'nobody knows when'}"
        about += f", of Compose project {project}" if project else ""
        found.append(Leftover("volume", name, name, volume_state(row), about, None, reason, bool(reason)))
    return found


def volume_state(row: Mapping[str, Any]) -> str:
    """Which volume of its name it is."""
    return ", ".join(str(text(row.get(name), 300)) for name in ("CreatedAt", "Driver", "Mountpoint"))


async def now(api: EngineApi, what: str, id: str, at: datetime) -> str | None:
    """The state of one thing, as `Leftover.state` writes it; None when it is gone."""
    try:
        if what == "image":
            found = image(await api.get(f"/images/{id}/json", limit=_LIMIT))
            return _state(found.names) if found is not None else None
        if what == "container":
            if not ID.fullmatch(id):
                return None
            row = table(await api.get(f"/containers/{id}/json", limit=_LIMIT))
            return _container_state(str(table(row.get("State")).get("Status", "")))
        if what == "network":
            return str(text(table(await api.get(f"/networks/{id}", limit=_LIMIT)).get("Name")))
        if what == "volume":
            return volume_state(table(await api.get(f"/volumes/{id}", limit=_LIMIT)))
    except ProbeError as error:
        if error.cause is Cause.GONE:
            return None
        raise
    caches = _caches(table(await api.disk_usage()))
    return next((one.state for one in caches if one.id == id), None)


def nameless(names: Sequence[str]) -> bool:
    """No name is left to it, but for those that our deploys gave it."""
    return all(name.startswith(f"{KEPT}:") or name == _NO_NAME for name in names)


def _state(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or _NO_NAME


def _container_state(state: str) -> str:
    return state if state in ("exited", "created", "dead") else "in use"


def _ended(one: Container) -> bool:
    return one.state in ("exited", "created", "dead")


def _ours(project: SafeText, ours: str | None) -> bool:
    return not ours or not project or str(project) == ours


def _container(one: Container) -> Leftover:
    reason = ""
    if one.project and not one.oneoff:
        reason = f"of Compose project {one.project}: it can be started again, and its log and volumes hang on it"
    elif one.exit_code:
        reason = f"it failed (exit code {one.exit_code}): its log is evidence"
    about = f"{one.state}{f' with {one.exit_code}' if one.exit_code is not None else ''}, its log goes with it"
    return Leftover("container", one.id, str(one.name), _container_state(one.state), about, None, reason)


async def _networks(api: EngineApi, project: str | None, use: Used) -> list[Leftover]:
    found = []
    for row in map(table, items(await api.get("/networks", limit=_LIMIT))):
        id, name = row.get("Id"), str(text(row.get("Name")))
        if not isinstance(id, str) or not ID.fullmatch(id) or {id, name} & (use.networks | _BUILT_IN):
            continue
        of = text(table(row.get("Labels")).get(_PROJECT))
        if row.get("Scope", "local") != "local" or row.get("Ingress") is True or not _ours(of, project):
            continue
        about = f"{text(row.get('Driver'), 20)}, no container has it" + (f", of Compose project {of}" if of else "")
        found.append(Leftover("network", id, name, name, about))
    return found


def _caches(answer: Mapping[str, Any]) -> list[Leftover]:
    found = []
    for row in map(table, items(answer.get("BuildCache"))):
        id = row.get("ID")
        if isinstance(id, str) and row.get("InUse") is False and whole(row.get("Size")) is not None:
            last = moment(row.get("LastUsedAt")) or moment(row.get("CreatedAt"))
            about = f"{text(row.get('Type'), 30)}, last used {f'{last:%Y-%m-%d}' if last else 'nobody knows when'}"
            found.append(Leftover("build cache", id, id, "not in use", about, amount(row.get("Size"))))
    return sorted(found, key=lambda one: -(one.bytes or 0))


def bounded(things: Sequence[Leftover]) -> tuple[list[Leftover], int]:
    """What one plan lists, those that are spared last; and how many more there are."""
    ordered = sorted(things, key=lambda one: bool(one.spared))
    return [replace(one) for one in ordered[:MOST]], max(0, len(things) - MOST)
