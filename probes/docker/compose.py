"""What Compose's own program knows: which files a service was made from and what they say of it now. Reads only.

The files are named by labels on the containers, so they are checked before anything is made from them.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from probes.base import Cause, Endpoint, ProbeError, SafeText, hide_password
from probes.docker.commands import NAME, PROJECT
from probes.docker.engine import EngineApi
from probes.docker.images import variables
from probes.docker.parse import items, table, text
from probes.docker.sight import Made, Seen
from probes.exec import Ran, run

_WITHIN: Final = 10.0
"""Seconds Compose may take to read its files."""
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_UNSET: Final = re.compile(r'The \\?"([A-Za-z_]\w{0,99})\\?" variable is not set')
_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`")
_ASSIGNED: Final = re.compile(r"\S*[=@]\S*")
_PLATFORM: Final = re.compile(r"[a-z0-9]+/[a-z0-9]+(?:/[a-z0-9.]+)?")
_HARMLESS: Final = re.compile(r"[\w./:-]{1,100}")
"""A quoted word of a complaint that may be shown: a name or a path, no value with signs in it."""


@dataclass(frozen=True, slots=True)
class Files:
    """A service of a project, and the files it was made from."""

    project: str
    service: str
    files: tuple[str, ...]
    folder: str
    variables: tuple[str, ...] = ()

    def argv(self, *words: str) -> list[str]:
        """Words for `docker compose` about this project."""
        chosen = [word for file in self.files for word in ("-f", file)]
        chosen += ["--project-directory", self.folder]
        chosen += [word for file in self.variables for word in ("--env-file", file)]
        return ["docker", "compose", "-p", self.project, *chosen, *words]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the files say of the service now."""

    version: SafeText
    """Of Compose."""
    hash: str
    """Compose's hash of the service's configuration, as it labels containers with it; empty when it tells none."""
    image: str
    image_id: str
    """Empty: it is not on the Engine's machine."""
    own_name: bool
    """It sets container_name: there can be only one."""
    ports: tuple[tuple[int, int], ...]
    """(first, last) of each fixed port, or range of ports, of the machine."""
    environment: Mapping[str, str]
    """For comparison only: may hold secrets."""
    built_in: frozenset[str]
    """Names of variables that come with the image."""
    unset: tuple[str, ...]
    """Variables the files ask for and nobody sets here."""
    never_pulls: bool
    """This version can be told never to pull an image."""
    image_variables: Mapping[str, str] = field(default_factory=dict)
    """What the image sets; for comparison only: may hold secrets."""
    built: bool = False
    """It is built on this machine."""
    policy: str = ""
    """Its pull_policy: "never", "build", ...; empty: none."""
    platform: str = ""

    def room(self) -> int | None:
        """How many replicas can have the fixed ports; None when none is fixed."""
        return min((last - first + 1 for first, last in self.ports), default=None)

    def changes(self, one: Seen) -> tuple[str, ...]:
        """Names of variables that differ from a container's own; no values.

        Which of the container's own come from its image is not known where the new image is not there.
        """
        differ = {name for name, value in self.environment.items() if one.environment.get(name) != value}
        gone = one.environment.keys() - self.environment.keys() - self.built_in if self.image_id else set()
        return tuple(sorted(str(SafeText(name, 60)) for name in differ | gone))


def files_of(replicas: Sequence[Seen]) -> Files:
    """The files a service's containers were made from, checked. `ProbeError(Cause.MISSING)` says why there are none.

    Blocking: it looks at the files.
    """
    made = {(one.made.files, one.made.folder, one.made.variables) for one in replicas}
    if len(made) != 1:
        raise ProbeError(Cause.MISSING, "its containers were made from different Compose files")
    first: Made = replicas[0].made
    if not (PROJECT.fullmatch(first.project) and NAME.fullmatch(first.service)):
        raise ProbeError(Cause.MISSING, "its Compose labels hold names that Compose does not allow")
    files = tuple(part for part in first.files.split(",") if part)
    variables = tuple(part for part in first.variables.split(",") if part)
    if not files or not os.path.isabs(first.folder):
        raise ProbeError(Cause.MISSING, "its containers do not say which Compose files they were made from")
    for file in (*files, *variables):
        _checked(file)
    return Files(first.project, first.service, files, first.folder, variables)


async def wanted(files: Files, api: EngineApi) -> Wanted:
    """Ask Compose what the files say of the service. `ProbeError(Cause.MISSING)` when it can't tell."""
    environment = engine_environment(api.endpoint, api.certificates)
    version = await _ask(["docker", "compose", "version", "--short"], environment)
    if version.code:
        raise ProbeError(
            Cause.MISSING, "Docker Compose is not installed here: `docker compose` has no answer",
            "install the docker-compose-plugin (or docker-compose-v2) package",
        )  # fmt: skip
    hashes, described, options = await asyncio.gather(
        _ask(files.argv("config", "--hash", files.service), environment),
        _ask(files.argv("config", "--format", "json", files.service), environment),
        _ask(["docker", "compose", "up", "--help"], environment),
    )
    if described.code:
        raise ProbeError(Cause.MISSING, f"Compose can't read its files: {complaint(described, quotes=False)}")
    service = _service(described.out, files.service)
    image = str(text(service.get("image"), 512)) or f"{files.project}-{files.service}"
    image_id, given = await _image(api, image)
    hash = hashes.out.decode("utf-8", "replace").partition(" ")[2].strip()
    return Wanted(
        version=SafeText(version.out.strip(), 40),
        hash=hash if not hashes.code and _HASH.fullmatch(hash) else "",
        image=image,
        image_id=image_id,
        own_name=bool(service.get("container_name")),
        ports=tuple(_fixed(service)),
        environment=_environment(service),
        built_in=frozenset(given),
        image_variables=given,
        built="build" in service,
        policy=str(text(service.get("pull_policy"), 40)),
        platform=_platform(service.get("platform")),
        unset=tuple(dict.fromkeys(_UNSET.findall(described.err.decode("utf-8", "replace")))),
        never_pulls=b"--pull " in options.out,
    )


async def hash_now(files: Files, api: EngineApi) -> str:
    """The hash of the service's configuration as the files say it now; empty when Compose tells none."""
    ran = await _ask(files.argv("config", "--hash", files.service), engine_environment(api.endpoint, api.certificates))
    found = ran.out.decode("utf-8", "replace").partition(" ")[2].strip()
    return found if not ran.code and _HASH.fullmatch(found) else ""


def engine_environment(endpoint: Endpoint, certificates: str | None) -> dict[str, str]:
    """What makes docker's own program speak to this Engine and no other."""
    if endpoint.scheme == "unix":
        found = {"DOCKER_HOST": f"unix://{endpoint.path or '/' + endpoint.host}"}
    else:
        found = {"DOCKER_HOST": f"tcp://{endpoint.where}"}
    if endpoint.scheme == "https" or certificates:
        found["DOCKER_TLS_VERIFY"] = "1"
        found |= {"DOCKER_CERT_PATH": certificates} if certificates else {}
    return found | {"DOCKER_CONTEXT": ""}


def complaint(ran: Ran, quotes: bool = True) -> SafeText:
    """What Compose complained of, its last line. Values are left out, for they may be secrets.

    `quotes`: names and paths in quotes may be shown; not while it reads files, where a quote may be any value.
    """
    lines = [line for line in ran.err.decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines else f"it ended with exit code {ran.code}"
    kept = _QUOTED.sub(lambda found: found[0] if quotes and _HARMLESS.fullmatch(found[0][1:-1]) else "'…'", last[:2000])
    return SafeText(hide_password(_ASSIGNED.sub("…", kept)), 200)


async def _ask(argv: Sequence[str], environment: Mapping[str, str]) -> Ran:
    return await run(argv, within=_WITHIN, env=environment)


def _checked(file: str) -> None:
    shown = SafeText(file, 200)
    try:
        found = os.stat(file)
    except OSError:
        raise ProbeError(
            Cause.MISSING, f"the file {shown} it was made from is not on this machine, or can't be read",
            "run opsroom where the Compose files lie",
        ) from None  # fmt: skip
    if not os.path.isabs(file) or not stat.S_ISREG(found.st_mode) or not os.access(file, os.R_OK):
        raise ProbeError(Cause.MISSING, f"the file {shown} it was made from can't be read")
    if found.st_mode & stat.S_IWOTH:
        raise ProbeError(
            Cause.MISSING, f"anybody may write to {shown}, so nothing is made from it", f"chmod o-w {shown}"
        )


def _service(raw: bytes, name: str) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise ProbeError(Cause.MISSING, "Compose's answer about its files can't be read") from None
    service = table(table(found).get("services")).get(name)
    if not isinstance(service, dict):
        raise ProbeError(Cause.MISSING, f"its Compose files have no service {SafeText(name, 60)} any more")
    return service


def _environment(service: Mapping[str, Any]) -> dict[str, str]:
    given = table(service.get("environment"))
    return {name: value.replace("$$", "$") for name, value in given.items() if isinstance(value, str)}


def _fixed(service: Mapping[str, Any]) -> list[tuple[int, int]]:
    found = []
    for one in map(table, items(service.get("ports"))):
        said = _PORTS.fullmatch(str(one.get("published") or ""))
        if said and int(said[1]):
            found.append((int(said[1]), int(said[2] or said[1])))
    return found


async def _image(api: EngineApi, name: str) -> tuple[str, dict[str, str]]:
    """(id, the variables it sets) of an image; empty when it is not there."""
    found = await image_there(api, name)
    return str(text(found.get("Id"), 80)), variables(found)


async def image_there(api: EngineApi, name: str) -> Mapping[str, Any]:
    """What the Engine says of an image by its name or id; empty when it is not there."""
    try:
        return table(await api.get(f"/images/{quote(name, safe='/:@')}/json", limit=4 << 20))
    except ProbeError as error:
        if error.cause is Cause.GONE:
            return {}
        raise


def _platform(value: object) -> str:
    found = str(text(value, 40))
    return found if _PLATFORM.fullmatch(found) else ""


def short(hash: str) -> str:
    """A hash as a person compares it."""
    return hash.removeprefix("sha256:")[:8] or "unknown"
