"""How a played Engine tells of its containers: the rows of the list, and inspections."""

from __future__ import annotations

from datetime import UTC, datetime

from systems.docker.containers import Container
from systems.docker.engine import Engine
from systems.docker.images import Doc, stamp


def row(engine: Engine, one: Container) -> Doc:
    """One of the list."""
    config = one.given.config
    return {
        "Id": one.id,
        "Names": [f"/{one.name}"],
        "Image": _image_name(engine, one),
        "ImageID": one.image.id,
        "Command": " ".join([one.image.argv[0], *(config.get("Cmd") or [])]),
        "Created": int(one.created.timestamp()),
        "Ports": [
            {"PrivatePort": int(inner.partition("/")[0]), "Type": "tcp"}
            | ({"IP": place.get("HostIp") or "0.0.0.0", "PublicPort": int(place["HostPort"])} if place else {})
            for inner, places in _ports(one).items()
            for place in places or [{}]
        ],
        "Labels": one.given.labels,
        "State": one.state,
        "Status": _status(one),
        "HostConfig": {"NetworkMode": one.given.host.get("NetworkMode") or "default"},
        "NetworkSettings": {"Networks": _ends(engine, one)},
        "Mounts": [],
    }


def _image_name(engine: Engine, one: Container) -> str:
    """The name it was made with; its image's id when that name means another one by now."""
    name = str(one.given.config["Image"])
    return name if engine.images.find(name) is one.image else one.image.id


def _ports(one: Container) -> Doc:
    bound = one.given.host.get("PortBindings") or {}
    return {inner: bound.get(inner) for inner in {**(one.given.config.get("ExposedPorts") or {}), **bound}}


def _ends(engine: Engine, one: Container) -> Doc:
    found = {}
    for name in one.given.networks:
        known = next((each for each in engine.networks.values() if name in (each["Name"], each["Id"])), None)
        if known is not None:
            end = {"Aliases": [one.name], "IPAddress": "", "Gateway": "", "MacAddress": ""}
            found[known["Name"]] = {"NetworkID": known["Id"], "EndpointID": one.id if one.is_up else "", **end}
    return found


def inspected(engine: Engine, one: Container) -> Doc:
    """All that is told of one."""
    config, argv = one.given.config, one.image.argv
    environment = [f"{name}={value}" for name, value in one.environment().items()]
    return {
        "Id": one.id,
        "Name": f"/{one.name}",
        "Created": stamp(one.created),
        "Path": argv[0],
        "Args": [*argv[1:], *(config.get("Cmd") or [])],
        "State": one.told(),
        "Image": one.image.id,
        "RestartCount": one.restarts,
        "Driver": "simulated",
        "Platform": "linux",
        "Mounts": [],
        "Config": {**config, "Env": environment, "Hostname": one.id[:12], "Tty": False, "Labels": one.given.labels},
        "HostConfig": {"NetworkMode": "default", "AutoRemove": False, **one.given.host},
        "NetworkSettings": {"Ports": _ports(one) if one.is_up else {}, "Networks": _ends(engine, one)},
    }


def _status(one: Container) -> str:
    now = datetime.now(UTC)
    if one.state == "created" or one.started is None:
        return "Created"
    if one.state == "running":
        word = one.check.word if one.check is not None else ""
        health = f" ({'health: ' if word == 'starting' else ''}{word})" if word else ""
        return f"Up {_ago((now - one.started).total_seconds())}{health}"
    ended = _ago((now - one.finished).total_seconds() if one.finished else 0)
    return f"{'Restarting' if one.state == 'restarting' else 'Exited'} ({one.exit_code}) {ended} ago"


def _ago(seconds: float) -> str:
    """As the docker program says how long."""
    if seconds < 1:
        return "Less than a second"
    for size, name in ((172800, "day"), (7200, "hour"), (120, "minute")):
        if seconds >= size:
            return f"{int(seconds * 2 / size)} {name}s"
    return "About a minute" if seconds >= 60 else f"{int(seconds)} second{'s' * (int(seconds) != 1)}"
