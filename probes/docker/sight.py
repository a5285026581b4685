"""A fresh look before and after an act: which Engine it is, which containers are meant, how each is now. Reads only."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from probes.base import Cause, ProbeError, SafeText, finite
from probes.docker.engine import EngineApi
from probes.docker.facts import LOOP, Container, Service
from probes.docker.parse import ID, amount, container, details, items, moment, row_key, services, table, text, whole

GRACE: Final = 10.0
"""Seconds between the polite signal and the kill where a container sets none (`docker stop --help`)."""
_YOUNG: Final = 60.0
"""Seconds a container must have run since its policy restarted it to be no loop any more."""
_AT_ONCE: Final = 6
_LIMIT: Final = 4 << 20
"""Bytes of an inspection."""
_PREFIX: Final = re.compile(r"[0-9a-f]{12,63}")
"""A shortened id as `docker ps` shows it."""
_LONGEST_CHECK: Final = 600.0
_AGAIN: Final = re.compile(r"restarted (\d{1,9}) times by its policy")


@dataclass(frozen=True, slots=True)
class Scene:
    """An Engine at one moment, and the containers on it (of the target's project, where it has one)."""

    engine: str
    """The Engine's own identity."""
    place: SafeText
    at: datetime
    """By the Engine's own clock where it tells, aware."""
    cores: int | None
    services: tuple[Service, ...]
    needed_by: Mapping[tuple[str, str], tuple[str, ...]]
    """Services that were told to wait for a service, by (project, service)."""

    def of_project(self, project: str) -> dict[str, int]:
        """How many containers each service of a Compose project has, tasks beside them left out."""
        found = {str(one.service): 0 for one in self._of(project)}
        for one in self._of(project):
            found[str(one.service)] += 1
        return dict(sorted(found.items()))

    def replicas(self, project: str, service: str) -> tuple[Container, ...]:
        """Containers of one service of a project, tasks beside it left out."""
        return tuple(one for one in self._of(project) if str(one.service) == service)

    def _of(self, project: str) -> list[Container]:
        every = (one for service in self.services for one in service.containers)
        return [one for one in every if str(one.project) == project and not one.oneoff]


@dataclass(frozen=True, slots=True)
class Made:
    """What Compose's labels say a container was made from; not trusted, only compared and checked."""

    project: str = ""
    service: str = ""
    number: int | None = None
    files: str = ""
    folder: str = ""
    variables: str = ""
    """Files of variables given to Compose with --env-file."""
    needs: tuple[str, ...] = ()
    """Services it was told to wait for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One container, freshly inspected."""

    one: Container
    started: str
    """Its last start exactly as the Engine writes it."""
    up: float | None
    """Seconds since that start by the Engine's own clock, when it runs."""
    grace: float | None
    """Seconds it is given to end before it is killed; None: no limit."""
    own_grace: bool
    """It sets that itself."""
    check: float
    """Seconds its own check may take until it says healthy or unhealthy; 0 without one."""
    vanishes: bool
    """It is removed when it stops (`docker run --rm`)."""
    image: str
    """Id of the image it was made from."""
    environment: Mapping[str, str]
    """For comparison only: may hold secrets."""
    host_network: bool
    made: Made

    @property
    def restarts(self) -> int:
        """Restarts by its policy since somebody started it."""
        return (self.one.details.restarts if self.one.details else None) or 0

    @property
    def is_up(self) -> bool:
        """It runs, or its policy starts it again in a moment."""
        return self.one.state in ("running", "restarting")

    @property
    def state(self) -> str:
        """What of its state must not change between looking and acting."""
        return "running" if self.is_up else "paused" if self.one.state == "paused" else "not running"

    @property
    def loops(self) -> bool:
        """Its policy restarts it again and again, so that its start tells no run from the next."""
        return self.one.state == "restarting" or (self.is_up and self.restarts > 0 and (self.up or 0.0) < _YOUNG)

    @property
    def run(self) -> str:
        """Which run it is in, for an identity."""
        return f"restarted {self.restarts} times by its policy" if self.loops else self.started

    def is_in_run(self, planned: str) -> bool:
        """True when it is still in that run. A loop goes on until somebody starts it: that sets its count back."""
        loop = _AGAIN.fullmatch(planned)
        return self.is_up and self.restarts >= int(loop[1]) if loop else self.started == planned


async def scene(api: EngineApi, project: str | None, now: datetime) -> Scene:
    """Meet the Engine and list its containers. Raises `ProbeError`; an Engine without an identity is not acted on."""
    version = await api.negotiate()
    try:
        info = table(await api.get("/info", limit=_LIMIT))
    except ProbeError as error:
        if error.cause is not Cause.DENIED:
            raise
        raise ProbeError(
            Cause.DENIED, f"{api.where} does not say which Engine it is", "allow GET /info in the socket proxy"
        ) from None
    engine = str(text(info.get("ID")))
    if not engine:
        raise ProbeError(Cause.MISSING, "the Engine does not tell its identity, so nothing is done there")
    query = {"all": "1"}
    if project:
        query["filters"] = json.dumps({"label": [f"com.docker.compose.project={project}"]})
    answer = await api.get("/containers/json", query)
    if not isinstance(answer, list):
        raise ProbeError(Cause.GARBAGE, f"{api.where} did not answer with a list of containers")
    at = moment(info.get("SystemTime")) or now
    rows = [table(row) for row in answer if row_key(row) is not None]
    found = [container(row, None, at) for row in rows]
    words = f"Docker Engine {text(version.get('Version'), 60)}"
    words += f" on {text(info.get('Name'), 64)}" if info.get("Name") else ""
    words += f" at {api.where}" + (f", Compose project {project}" if project else "")
    return Scene(engine, SafeText(words), at, whole(info.get("NCPU")), services(found), _needed_by(rows))


async def seen(api: EngineApi, id: str, at: datetime) -> Seen:
    """Inspect one container by its whole id. `ProbeError(Cause.GONE)` when there is none."""
    if not ID.fullmatch(id):
        raise ProbeError(Cause.GONE, f"{SafeText(id, 70)} is no container's id")
    answer = table(await api.get(f"/containers/{id}/json", limit=_LIMIT))
    if answer.get("Id") != id:
        raise ProbeError(Cause.GARBAGE, f"{api.where} answered about another container than was asked for")
    return inspected(answer, at)


async def all_seen(api: EngineApi, ids: Iterable[str], at: datetime) -> list[Seen]:
    """Inspect several, a few at a time, in their order."""
    turns = asyncio.Semaphore(_AT_ONCE)

    async def one(id: str) -> Seen:
        async with turns:
            return await seen(api, id, at)

    return list(await asyncio.gather(*(one(id) for id in ids)))


def inspected(answer: Mapping[str, Any], at: datetime) -> Seen:
    """What an inspection says, at a moment of the Engine's clock."""
    config, host, state = (table(answer.get(name)) for name in ("Config", "HostConfig", "State"))
    known = details(answer)
    row = {
        "Id": answer["Id"],
        "Names": [answer.get("Name")],
        "Labels": config.get("Labels"),
        "State": state.get("Status"),
        "Image": config.get("Image"),
        "ImageID": answer.get("Image"),
        "Ports": list(_published(table(table(answer.get("NetworkSettings")).get("Ports")))),
    }
    one = container(row, known, at)
    one = replace(one, health=known.health if one.running else None)
    grace, check = finite(config.get("StopTimeout")), table(config.get("Healthcheck"))
    up = (at - known.started) / timedelta(seconds=1) if known.started and one.state == "running" else None
    return Seen(
        one=one,
        started=str(text(state.get("StartedAt"), 40)),
        up=max(up, 0.0) if up is not None else None,
        grace=GRACE if grace is None else grace if grace >= 0 else None,
        own_grace=grace is not None,
        check=_longest(check) if known.health or check else 0.0,
        vanishes=host.get("AutoRemove") is True,
        image=str(text(answer.get("Image"), 80)),
        environment=dict(one.split("=", 1) for one in items(config.get("Env")) if isinstance(one, str) and "=" in one),
        host_network=host.get("NetworkMode") == "host",
        made=_made(table(config.get("Labels"))),
    )


def meant(subject: str, every: Sequence[Service]) -> Service | Container | None:
    """What a subject names: a Compose service, or one container; None when it is not there.

    A container's id; `/NAME`: a container by its name; `PROJECT/SERVICE`; else what the panel calls it.
    Raises `ProbeError` when it could be two things.
    """
    containers = [one for service in every for one in service.containers]
    if ID.fullmatch(subject):
        return next((one for one in containers if one.id == subject), None)
    if subject.startswith("/"):
        name = subject[1:]
        by_name = [one for one in containers if str(one.name) == name]
        shortened = [one for one in containers if one.id.startswith(name)] if _PREFIX.fullmatch(name) else []
        return _only(subject, by_name or shortened)
    project, _, service = subject.rpartition("/")
    found: list[Service | Container] = [one for one in every if one.name == subject]
    if not found:
        found = [one for one in every if (its := _compose(one)) and its == (project or its[0], service)]
    inside = {one.id for hit in found for one in (hit.containers if isinstance(hit, Service) else (hit,))}
    found += [one for one in containers if str(one.name) == subject and one.id not in inside]
    hit = _only(subject, found)
    return hit.members[0] if isinstance(hit, Service) and _compose(hit) is None else hit


def lasting(seconds: float) -> str:
    """A length of time in one or two words.

    >>> lasting(43), lasting(372), lasting(11040), lasting(272000)
    ('43 s', '6 min', '3 h', '3 d')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "min" and seconds >= 90):
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def how_it_is(one: Container) -> str:
    """Its state, for how long, and why, in words."""
    since = one.up if one.up is not None else one.down
    return one.word + (f" for {lasting(since)}" if since is not None else "") + (f" ({one.why})" if one.why else "")


def is_looping(seen: Seen) -> bool:
    """It died so often since it was started that it will not live by itself."""
    return seen.restarts >= LOOP


def _needed_by(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for made in (_made(table(row.get("Labels"))) for row in rows):
        for need in made.needs:
            found.setdefault((made.project, need), {})[str(text(made.service))] = None
    return {key: tuple(sorted(names)) for key, names in found.items()}


def _compose(service: Service) -> tuple[str, str] | None:
    """(project, service) of a Compose service; None for a container of none."""
    one = service.members[0]
    return (str(one.project), str(one.service)) if one.project else None


def _only(subject: str, found: Sequence[Service | Container]) -> Service | Container | None:
    if len(found) > 1:
        raise ProbeError(
            Cause.MISSING, f"{len(found)} things here are called {SafeText(subject, 60)}: choose one on the screen"
        )
    return found[0] if found else None


def _made(labels: Mapping[str, Any]) -> Made:
    def label(name: str, limit: int = 128) -> str:
        value = labels.get(f"com.docker.compose.{name}")
        return value if isinstance(value, str) and len(value) <= limit else ""

    number = label("container-number", 9)
    needs = (part.partition(":")[0] for part in label("depends_on", 4096).split(","))
    return Made(
        project=label("project"),
        service=label("service"),
        number=int(number) if number.isdecimal() else None,
        files=label("project.config_files", 4096),
        folder=label("project.working_dir", 4096),
        variables=label("project.environment_file", 4096),
        needs=tuple(part for part in needs if part),
    )


def _published(ports: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The ports of an inspection, as the list writes them; only published ones."""
    for name, places in ports.items():
        inner, _, kind = name.partition("/")
        for place in map(table, items(places)):
            outer = place.get("HostPort")
            if inner.isdecimal() and isinstance(outer, str) and outer.isdecimal():
                yield {"PrivatePort": int(inner), "PublicPort": int(outer), "Type": kind, "IP": place.get("HostIp")}


def _longest(check: Mapping[str, Any]) -> float:
    """Seconds until a check that never passes says unhealthy; the Engine's own defaults where it sets nothing."""
    if items(check.get("Test"))[:1] == ["NONE"]:
        return 0.0
    given = {name: (amount(check.get(name)) or 0.0) / 1e9 for name in ("Interval", "Timeout", "StartPeriod")}
    once = (given["Interval"] or 30.0) + (given["Timeout"] or 30.0)
    return min(given["StartPeriod"] + once * (whole(check.get("Retries")) or 3), _LONGEST_CHECK)
