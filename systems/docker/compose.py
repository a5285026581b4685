"""A Compose file as a played Engine needs it to make a project's first containers.

Compose's own program does the rest where it is installed, and says by which hash it will know them again.
Reference: https://docs.docker.com/reference/compose-file/
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from systems.docker.images import Doc

_WITHIN: Final = 15.0
"""Seconds that Compose's program may take for its hashes."""
_HOLE: Final = re.compile(r"\$(?:(?P<sign>\$)|\{(?P<name>\w+)(?::?-(?P<usual>[^}]*))?\}|(?P<bare>\w+))")
_SPAN: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_SIZE: Final = re.compile(r"(\d+)([bkmg]?)b?", re.IGNORECASE)
_LABEL: Final = "com.docker.compose."


@dataclass(frozen=True, slots=True)
class Service:
    """One service of a file: what each of its containers is made with."""

    name: str
    replicas: int
    image: str
    body: Doc
    """As a client would send it, but for the labels that number a container."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project, read from its file."""

    name: str
    file: Path
    services: tuple[Service, ...]

    @property
    def network(self) -> str:
        """The network that its services share."""
        return f"{self.name}_default"


async def read(file: Path) -> Project:
    """The project of a file, with the values of the file `.env` beside it. KeyError when it does not say its name."""
    whole = _whole(file)
    name = whole["name"]
    hashes = await _hashes(name, file)
    services = []
    for service, said in whole["services"].items():
        hash = hashes.get(service) or hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        replicas = int(said.get("scale") or (said.get("deploy") or {}).get("replicas") or 1)
        services.append(Service(service, replicas, said["image"], _body(name, service, said, file, hash)))
    return Project(name, file, tuple(services))


def _whole(file: Path) -> Doc:
    import yaml

    variables = {**_variables(file.parent / ".env"), **os.environ}
    whole: Doc = _filled(yaml.safe_load(file.read_text(encoding="utf-8")), variables)
    return whole


def numbered(service: Service, number: int, image: str) -> Doc:
    """What one of a service's containers is made with. `image` is the id of what its image's name means."""
    more = {f"{_LABEL}container-number": str(number), f"{_LABEL}image": image}
    return {**service.body, "Labels": {**service.body["Labels"], **more}}


def network_labels(project: Project) -> dict[str, str]:
    """By which Compose knows a project's network for its own."""
    return {f"{_LABEL}project": project.name, f"{_LABEL}network": "default", f"{_LABEL}version": "2.26.1"}


def _body(project: str, service: str, said: Mapping[str, Any], file: Path, hash: str) -> Doc:
    needs = said.get("depends_on") or []
    conditions = needs if isinstance(needs, dict) else {one: {} for one in needs}
    labels = {
        **_table(said.get("labels")),
        f"{_LABEL}project": project,
        f"{_LABEL}service": service,
        f"{_LABEL}oneoff": "False",
        f"{_LABEL}config-hash": hash,
        f"{_LABEL}project.config_files": str(file),
        f"{_LABEL}project.working_dir": str(file.parent),
        f"{_LABEL}depends_on": ",".join(
            f"{name}:{one.get('condition', 'service_started')}:false" for name, one in conditions.items()
        ),
    }
    policy, _, most = str(said.get("restart") or "no").partition(":")
    ports = [_port(one) for one in said.get("ports") or []]
    body: Doc = {
        "Image": said["image"],
        "Cmd": _words(said.get("command")),
        "Env": [f"{name}={value}" for name, value in sorted(_table(said.get("environment")).items())],
        "Labels": labels,
        "ExposedPorts": {inner: {} for inner, _ in ports},
        "StopSignal": said.get("stop_signal"),
        "StopTimeout": _nanos(said["stop_grace_period"]) // 10**9 if "stop_grace_period" in said else None,
        "HostConfig": {
            "RestartPolicy": {"Name": policy, "MaximumRetryCount": int(most or 0)},
            "PortBindings": {inner: [outer] for inner, outer in ports},
            "NetworkMode": f"{project}_default",
            "Memory": _bytes(said.get("mem_limit") or 0),
        },
        "NetworkingConfig": {"EndpointsConfig": {f"{project}_default": {}}},
    }
    check = said.get("healthcheck")
    if check is not None:
        test = check["test"]
        spans = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "start_period"}
        body["Healthcheck"] = {
            "Test": test if isinstance(test, list) else ["CMD-SHELL", test],
            **{key: _nanos(check[name]) for key, name in spans.items() if name in check},
            "Retries": int(check.get("retries") or 0),
        }
    return body


async def _hashes(project: str, file: Path) -> dict[str, str]:
    """The hash of each service's configuration, as Compose's program counts it; nothing where there is none."""
    where = ["-p", project, "-f", str(file), "--project-directory", str(file.parent)]
    try:
        async with asyncio.timeout(_WITHIN):
            process = await asyncio.create_subprocess_exec(
                "docker", "compose", *where, "config", "--hash", "*",
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            said, _ = await process.communicate()
    except (OSError, TimeoutError):
        return {}
    pairs = (line.split() for line in said.decode("utf-8", "replace").splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _variables(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    """With the variables' values in place of `${NAME}`."""

    def word(found: re.Match[str]) -> str:
        if found["sign"]:
            return "$"
        return variables.get(found["name"] or found["bare"]) or found["usual"] or ""

    if isinstance(value, dict):
        return {name: _filled(one, variables) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    return _HOLE.sub(word, value) if isinstance(value, str) else value


def _table(value: object) -> dict[str, str]:
    """A table, written as one or as a list of `name=value`."""
    if isinstance(value, list):
        return {name: text for name, _, text in (str(one).partition("=") for one in value)}
    return {name: str(one) for name, one in value.items() if one is not None} if isinstance(value, dict) else {}


def _words(value: object) -> list[str] | None:
    if isinstance(value, list):
        return [str(one) for one in value]
    return str(value).split() if value else None


def _port(value: object) -> tuple[str, dict[str, str]]:
    """(its own port, where of the machine it is reached) of "127.0.0.1:8000:8000"."""
    *place, inner = str(value).split(":")
    return f"{inner}/tcp", {"HostIp": ".".join(place[:-1]), "HostPort": place[-1] if place else ""}


def _nanos(value: object) -> int:
    found = _SPAN.fullmatch(str(value))
    hours, minutes, seconds, millis = found.groups() if found else (None, None, str(value), None)
    return int((int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0) + int(millis or 0) / 1000) * 1e9)


def _bytes(value: object) -> int:
    found = _SIZE.fullmatch(str(value))
    return int(found[1]) << {"": 0, "b": 0, "k": 10, "m": 20, "g": 30}[found[2].lower()] if found else 0
