"""What a played Engine keeps: containers, networks, volumes, and what happened to them."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from systems.docker import compose
from systems.docker.containers import Container, Given
from systems.docker.images import Doc, Image, Images, stamp

KEPT: Final = 256
"""Events that an Engine remembers."""
_MADE_WITH: Final = ("HostConfig", "NetworkingConfig")


class No(Exception):
    """The Engine says no: with which status, and why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """One Engine. Its containers' programs run in `folder`; it ends with this process, and they with it."""

    def __init__(self, folder: Path, images: Iterable[Image], registry: Iterable[Image] = ()) -> None:
        self.id = secrets.token_hex(16)
        self.images = Images(images, registry)
        self.containers: dict[str, Container] = {}
        self.networks: dict[str, Doc] = {}
        self.volumes: dict[str, Doc] = {}
        self.events: deque[Doc] = deque(maxlen=KEPT)
        self.happened = 0
        """Events in all."""
        self._folder = folder
        for name in ("bridge", "host", "none"):
            self.connected(name, {}, "host" if name == "host" else "null" if name == "none" else "bridge")

    # containers

    def create(self, name: str, body: Mapping[str, Any]) -> Container:
        """Make one, which does not run yet."""
        image = self.images.find(str(body.get("Image")))
        if image is None:
            raise No(404, f"No such image: {body.get('Image')}")
        name = name or f"played_{secrets.token_hex(4)}"
        self._free(name)
        config = {key: value for key, value in body.items() if key not in _MADE_WITH}
        host = dict(body.get("HostConfig") or {})
        mode = host.get("NetworkMode") or "bridge"
        wanted = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
        networks: Doc = {one: {} for one in wanted} or {"bridge" if mode == "default" else mode: {}}
        made = Container(Given(name, config, host, networks), image, self._folder, self._note)
        self.containers[made.id] = made
        self._note(made, "create", {})
        return made

    def find(self, word: str) -> Container:
        """By its id, the beginning of one, or its name."""
        found = self.containers.get(word) or next((one for one in self.containers.values() if one.name == word), None)
        if found is None:
            begun = [one for id, one in self.containers.items() if id.startswith(word)] if word else []
            found = begun[0] if len(begun) == 1 else None
        if found is None:
            raise No(404, f"No such container: {word}")
        return found

    def rename(self, one: Container, name: str) -> None:
        """Give it another name."""
        self._free(name)
        before, one.name = one.name, name
        self._note(one, "rename", {"oldName": f"/{before}"})

    async def remove(self, one: Container, force: bool) -> None:
        """Take it away, with its log."""
        if one.is_up and not force:
            raise No(409, f"cannot remove container {one.id[:12]}: container is running: stop it first, or force it")
        await one.close()
        self.containers.pop(one.id, None)
        self._note(one, "destroy", {})

    def of(self, service: str) -> list[Container]:
        """The containers of a Compose service, by their number."""
        found = [
            one for one in self.containers.values() if one.given.labels.get("com.docker.compose.service") == service
        ]
        return sorted(found, key=lambda one: int(one.given.labels.get("com.docker.compose.container-number") or 0))

    def _free(self, name: str) -> None:
        if any(one.name == name for one in self.containers.values()):
            raise No(409, f'Conflict. The container name "/{name}" is already in use')

    async def up(self, file: Path) -> compose.Project:
        """Make and start what a Compose file says, as `docker compose up` would."""
        project = await compose.read(file)
        self.connected(project.network, compose.network_labels(project))
        for service in project.services:
            image = self.images.find(service.image)
            for number in range(1, service.replicas + 1):
                body = compose.numbered(service, number, image.id if image is not None else "")
                await self.create(f"{project.name}-{service.name}-{number}", body).start()
        return project

    async def close(self) -> None:
        """End every container."""
        await asyncio.gather(*(one.close() for one in self.containers.values()))

    # what is beside them

    def connected(self, name: str, labels: Mapping[str, str], driver: str = "bridge") -> Doc:
        """A network, made when it is not there."""
        found = next((one for one in self.networks.values() if one["Name"] == name), None)
        if found is None:
            found = {
                "Name": name, "Id": secrets.token_hex(32), "Created": stamp(datetime.now(UTC)), "Scope": "local",
                "Driver": driver, "EnableIPv6": False, "Internal": False, "Attachable": False, "Ingress": False,
                "IPAM": {"Driver": "default", "Config": []}, "Options": {}, "Labels": dict(labels), "Containers": {},
            }  # fmt: skip
            self.networks[found["Id"]] = found
        return found

    def network(self, word: str) -> Doc:
        """By its id or name."""
        found = self.networks.get(word) or next((one for one in self.networks.values() if one["Name"] == word), None)
        if found is None:
            raise No(404, f"network {word} not found")
        return found

    def volume(self, name: str, labels: Mapping[str, str]) -> Doc:
        """A volume, made when it is not there."""
        made = {
            "Name": name, "Driver": "local", "Mountpoint": f"/var/lib/docker/volumes/{name}/_data", "Scope": "local",
            "CreatedAt": stamp(datetime.now(UTC)), "Labels": dict(labels), "Options": {},
        }  # fmt: skip
        return self.volumes.setdefault(name, made)

    # what happened

    def _note(self, one: Container, action: str, more: Mapping[str, str]) -> None:
        about = {**one.given.labels, "image": one.given.config["Image"], "name": one.name, **more}
        now = time.time_ns()
        self.happened += 1
        actor = {"ID": one.id, "Attributes": about}
        event = {"status": action, "id": one.id, "from": about["image"], "Type": "container", "Action": action}
        self.events.append({**event, "Actor": actor, "scope": "local", "time": now // 10**9, "timeNano": now})
