"""The images of a played Engine: each stands for a program of this machine. A name is a pointer that moves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Doc = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Image:
    """A program, as somebody built it."""

    name: str
    """With its tag: "shop/web:1.4"."""
    argv: tuple[str, ...]
    """What a container of it runs; a container's own command follows."""
    environment: Mapping[str, str] = field(default_factory=dict)
    age: timedelta = timedelta(days=9)
    """How long before the world began it was built."""
    size: int = 148_000_000
    """Bytes."""

    @property
    def id(self) -> str:
        """What tells it from every other one."""
        return "sha256:" + hashlib.sha256("\0".join((self.name, *self.argv)).encode()).hexdigest()


class Images:
    """Those that are there, by their names, and those that a registry would give."""

    def __init__(self, there: Iterable[Image], registry: Iterable[Image] = ()) -> None:
        self._began = datetime.now(UTC)
        self._kept: dict[str, Image] = {}
        self._names: dict[str, str] = {}
        """Name to id."""
        self._registry = {familiar(image.name): image for image in registry}
        for image in there:
            self.keep(image)

    def keep(self, image: Image) -> None:
        """One more; its name means it from now on."""
        self._kept[image.id] = image
        self._names[familiar(image.name)] = image.id

    def find(self, name: str) -> Image | None:
        """By a name, an id or the beginning of one."""
        if (id := self._names.get(familiar(name))) is not None:
            return self._kept[id]
        digits = name.removeprefix("sha256:")
        found = [one for id, one in self._kept.items() if id[7:].startswith(digits)] if len(digits) >= 12 else []
        return found[0] if len(found) == 1 else None

    def tag(self, image: Image, name: str) -> None:
        """One more name; whatever had it loses it."""
        self._names[familiar(name)] = image.id

    def untag(self, name: str) -> list[str]:
        """Take a name away, or by an id all of them; the image goes with its last one. Which names went."""
        image = self.find(name)
        if image is None:
            return []
        names = [familiar(name)] if familiar(name) in self._names else self.names(image)
        for one in names:
            del self._names[one]
        if not self.names(image):
            del self._kept[image.id]
        return names

    def pull(self, name: str) -> Image | None:
        """What the registry gives under a name; None when it has none."""
        image = self._registry.get(familiar(name))
        if image is not None:
            self.keep(image)
        return image

    def names(self, image: Image) -> list[str]:
        """Every name an image has now."""
        return sorted(name for name, id in self._names.items() if id == image.id)

    def listed(self) -> list[Doc]:
        """All of them, as the Engine lists them."""
        return [self.row(image) for image in self._kept.values()]

    def row(self, image: Image) -> Doc:
        """One of the list."""
        created = self._began - image.age
        return {
            "Id": image.id, "RepoTags": self.names(image), "RepoDigests": [], "Created": int(created.timestamp()),
            "Size": image.size, "SharedSize": -1, "Containers": -1, "Labels": {}, "ParentId": "",
        }  # fmt: skip

    def inspected(self, image: Image) -> Doc:
        """All that is told of one."""
        given = [f"{name}={value}" for name, value in image.environment.items()]
        return {
            **self.row(image), "Created": stamp(self._began - image.age), "Os": "linux", "Architecture": "amd64",
            "Config": {"Env": given, "Cmd": None, "Labels": {}, "Entrypoint": list(image.argv)},
            "RootFS": {"Type": "layers", "Layers": [image.id]},
        }  # fmt: skip


def familiar(name: str) -> str:
    """A name as the Engine lists it: with its tag, without the hub's address.

    >>> familiar("docker.io/library/redis")
    'redis:latest'
    """
    name = name.removeprefix("docker.io/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def stamp(at: datetime | None) -> str:
    """A moment as the Engine writes it; its year 1 means never."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z" if at is not None else "0001-01-01T00:00:00Z"
