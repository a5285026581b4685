"""Reads a Docker Engine: its Compose services and plain containers, by labels. Never changes anything.

A reading is one list and the few inspections it calls for; use and events come in beside it and never delay it.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from probes.base import (
    Cause,
    Console,
    Context,
    Found,
    Gap,
    Lane,
    Look,
    Probe,
    ProbeError,
    SafeText,
    Sheet,
    Snapshot,
    Target,
)
from probes.base.logmerge import merged
from probes.docker import history
from probes.docker.console import consoles
from probes.docker.engine import EngineApi, chosen_url, tls_folder
from probes.docker.events import Events
from probes.docker.facts import Container, DockerFacts, Use
from probes.docker.gauges import RULES, SPECS, measured
from probes.docker.images import Images
from probes.docker.inspections import Inspections
from probes.docker.logs import LogLines
from probes.docker.parse import Row, amount, container, items, row_key, services, strays, table, text, whole
from probes.docker.settings import DockerSettings
from probes.docker.sheets import deploy_sheet, disk_sheet, process_sheet
from probes.docker.stats import ControlGroups, Streams
from probes.exec.ssh import Line, NotBegun

SHOWN: Final = 500
"""Containers shown at most, those in trouble first."""
SHOWN_IMAGES: Final = 200
TAIL: Final = 100
"""Lines of a log shown before it is followed."""
_MERGED: Final = 6
"""Replicas whose logs are followed together at most."""
_FILES: Final = 0.5
"""Seconds a reading waits for the kernel's files."""
_LOOK: Final = 20.0
"""Seconds a closer look may take: the Engine adds up disk use file by file."""


@dataclass(frozen=True, slots=True)
class _Greeting:
    """What an Engine says about itself when it is met."""

    facts: DockerFacts
    gaps: tuple[Gap, ...]
    connections: int
    """How many connections there had been by then."""


class DockerProbe(Probe[DockerFacts]):
    """One Engine."""

    kind = "docker"
    settings_type = DockerSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, DockerSettings)
        self.settings = target.settings
        self._tunnel = target.settings.tunnel
        self._line: Line | None = None
        self._api: EngineApi | None = None
        self._greeting: _Greeting | None = None
        self._inspections: Inspections | None = None
        self._events: Events | None = None
        self._streams: Streams | None = None
        self._images: Images | None = None
        self._groups = ControlGroups()
        self._lane = Lane("docker-use", limit=1)
        self._shown: tuple[Container, ...] = ()
        self._unread = 0
        """Running containers whose use nobody tells."""

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """DOCKER_HOST, or a socket we may use."""
        extra = {"project": environ["COMPOSE_PROJECT_NAME"]} if environ.get("COMPOSE_PROJECT_NAME") else {}
        if environ.get("DOCKER_HOST"):
            yield Found("containers", {"url": "env:DOCKER_HOST"} | extra, "DOCKER_HOST is set")
            return
        own = environ.get("XDG_RUNTIME_DIR", "")
        sockets = ["/var/run/docker.sock"] + [f"{own}/docker.sock", f"{own}/podman/podman.sock"] * bool(own)
        for path in sockets:
            if _is_open_socket(path):
                yield Found("containers", {"url": f"unix://{path}"} | extra, f"there is a socket at {path}")
                return

    def consoles(self, facts: DockerFacts | None, subject: str) -> tuple[Console, ...]:
        """A shell in each running container of a row."""
        if self._tunnel is None:
            return consoles(facts, subject, self.settings.url, self.settings.tls, self.context)
        if self._api is None or self._line is None or not self._line.alive:
            return ()
        return consoles(facts, subject, f"unix://{self._api.endpoint.path}", None, self.context)

    async def read(self) -> Snapshot[DockerFacts]:
        """One list, the inspections it calls for, and what came in beside."""
        began = self.context.monotonic()
        try:
            return await self._read(began)
        except ProbeError as error:
            self._greeting = None
            if self._tunnel is None or isinstance(error, NotBegun):
                raise
            raise await self._tunnel.words(error) from None

    async def _read(self, began: float) -> Snapshot[DockerFacts]:
        self.doing = "connecting" if self._greeting is None else "reading"
        api = await self._connected()
        if self._greeting is None:
            self.doing = "connecting"
            self._greeting = await self._greet(api)
        self.doing = "reading"
        assert self._inspections is not None
        assert self._events is not None
        self._events.follow(self.settings.project or "")
        rows = await self._rows(api)
        if api.connections != self._greeting.connections:
            self._greeting = await self._greet(api)
        shown = most_troubled(rows, SHOWN)
        await self._inspections.update(shown)
        containers = await self._with_images(await self._with_use(self._containers(shown)))
        self._shown = tuple(containers)
        facts = replace(
            self._greeting.facts,
            services=services(containers),
            total=len(rows),
            total_running=sum(row.get("State") == "running" for _, row in rows),
            events=self._events.newest(),
            images=self._images.all[:SHOWN_IMAGES] if self._images else (),
            images_more=max(0, len(self._images.all) - SHOWN_IMAGES) + self._images.more if self._images else 0,
        )
        gaps = self._gaps(containers)
        facts = replace(facts, root=facts.root and not any(gap.cause is Cause.DENIED for gap in gaps))
        return self.snapshot(facts, measured(facts), began, gaps)

    def looks(self) -> tuple[Look, ...]:
        """Log, processes, disk use, images."""
        return (
            Look("logs", "log of the service or container", follow=True, evidence=True),
            Look("top", "processes of the container", evidence=True),
            Look("df", "disk used by images, containers, volumes"),
            Look("deploys", "images it runs and ran"),
        )

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look."""
        try:
            async with asyncio.timeout(_LOOK):
                return await self._look(await self._connected(), name, subject)
        except TimeoutError:
            raise ProbeError(Cause.TIMEOUT_READ, f"the Engine gave no answer in {_LOOK:g} s") from None

    async def _look(self, api: EngineApi, name: str, subject: str) -> Sheet:
        if name == "df":
            return disk_sheet(await api.disk_usage())
        if name == "top":
            one = (await self._subjects(api, subject))[0]
            if not one.running:
                raise ProbeError(Cause.GONE, f"{one.name} does not run: it has no processes")
            query = {"ps_args": "-eo pid,ppid,user,pcpu,rss,etime,comm"}
            return process_sheet(one.name, await api.get(f"/containers/{one.id}/top", query, 4 << 20))
        if name == "deploys":
            found = await self._subjects(api, subject)
            kept = self.context.state
            past = await self._lane.run(history.of, kept, str(found[0].project), str(found[0].service))
            return deploy_sheet(subject, found, past, self.context.now())
        if name == "logs":
            lines = [line async for line in self._log(api, (await self._subjects(api, subject))[0], "", follow=False)]
            return Sheet(f"last lines of {subject}", tuple(lines))
        return await super().look(name, subject)

    async def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """The log of a container, or of a service's replicas together, each line with its replica's name."""
        if name != "logs":
            raise ProbeError(Cause.MISSING, f"docker cannot follow {name}")
        api = await self._connected()
        found = await self._subjects(api, subject)
        if len(found) > _MERGED:
            yield SafeText(f"following {_MERGED} of {len(found)} replicas")
        names = [f"{one.name} │ " if len(found) > 1 else "" for one in found]
        logs = [self._log(api, one, prefix, follow=True) for one, prefix in zip(found, names, strict=True)]
        async with aclosing(merged(logs[:_MERGED])) as lines:
            async for line in lines:
                yield line

    def abort(self) -> None:
        """Cut every connection; the next reading begins afresh."""
        for beside in (self._streams, self._events):
            if beside is not None:
                beside.stop()
        if self._api is not None:
            self._api.cut()
        self._greeting = None

    async def close(self) -> None:
        """Let go of the Engine."""
        self.abort()
        self._lane.close()
        if self._api is not None:
            await self._api.close()
        if self._tunnel is not None:
            await self._tunnel.close()

    async def _connected(self) -> EngineApi:
        line = await self._tunnel.line() if self._tunnel is not None else None
        if self._api is not None and line is not self._line:  # another login: what was known was of the one before
            self.abort()
            await self._api.close()
            self._api = None
        if self._api is None:
            if self._tunnel is not None and line is not None:
                url = await self._tunnel.url(line)
                api = EngineApi(url, self.settings.timeout, None, self._tunnel.where)
            else:
                certificates = self.settings.tls or tls_folder(os.environ)
                api = EngineApi(chosen_url(self.settings.url, self.context), self.settings.timeout, certificates)
            self._line = line
            now, monotonic = self.context.now, self.context.monotonic
            self._inspections = Inspections(api, monotonic, now)
            self._events = Events(api, monotonic, now)
            self._streams = Streams(api, monotonic)
            self._images = Images(api, monotonic)
            self._api = api
        return self._api

    async def _greet(self, api: EngineApi) -> _Greeting:
        version = await api.negotiate()
        connections = api.connections
        gaps: list[Gap] = []
        try:
            info = table(await api.get("/info", limit=4 << 20))
        except ProbeError as error:
            if error.cause is not Cause.DENIED:
                raise
            info = {}
            gaps.append(Gap("the Engine's identity and size", error.cause, SafeText("allow GET /info")))
        facts = DockerFacts(
            version=text(version.get("Version"), 60),
            api=api.prefix.removeprefix("/v"),
            engine=text(info.get("ID")),
            machine=text(info.get("Name")),
            cores=whole(info.get("NCPU")),
            memory=amount(info.get("MemTotal")),
            root=not gaps and "name=rootless" not in items(info.get("SecurityOptions")),
            project=SafeText(self.settings.project or ""),
        )
        return _Greeting(facts, tuple(gaps), connections)

    async def _rows(self, api: EngineApi) -> list[tuple[str, Row]]:
        query = {"all": "1"}
        if self.settings.project:
            query["filters"] = json.dumps({"label": [f"com.docker.compose.project={self.settings.project}"]})
        answer = await api.get("/containers/json", query)
        if not isinstance(answer, list):
            raise ProbeError(Cause.GARBAGE, f"{api.where} did not answer with a list of containers")
        return [(id, row) for row in answer if (id := row_key(row)) is not None]

    def _containers(self, shown: Sequence[tuple[str, Row]]) -> list[Container]:
        assert self._inspections is not None
        assert self._events is not None
        now = self.context.now()
        stray = strays(row for _, row in shown)
        touched = self._events.touched()
        found = []
        for id, row in shown:
            one = container(row, self._inspections.known(id), now)
            seen = self._inspections.restarts(id)
            if id in touched:
                one = self._with_events(one)
                seen = max(seen or 0, self._events.restarts(id))
            found.append(replace(one, stray=id in stray, restarts_recent=seen))
        return found

    def _with_events(self, one: Container) -> Container:
        """What the events add: whether somebody asked for its end, and whether memory ran out."""
        assert self._events is not None
        by_hand = one.by_hand or (one.state == "exited" and self._events.by_hand(one.id))
        return replace(one, by_hand=by_hand, oom_recent=one.oom_recent or self._events.out_of_memory(one.id))

    async def _with_images(self, containers: list[Container]) -> list[Container]:
        """Which image each one runs, and which one its image's name means now."""
        assert self._images is not None
        await self._images.update(one.image_id for one in containers)
        found = []
        for one in containers:
            image, now = self._images.of(one)
            found.append(replace(one, image_created=image.created if image else None, image_now=now))
        return found

    async def _with_use(self, containers: list[Container]) -> list[Container]:
        """Cpu and memory: from the kernel's files where they can be read, else from the Engine's streams."""
        if not self.settings.stats or self._streams is None or self._api is None:
            return containers
        running = [one for one in containers if one.state == "running"]
        ours = self._api.endpoint.scheme == "unix" and self._tunnel is None
        used = await self._from_files(running) if ours else {}
        self._unread = self._streams.want(one.id for one in running if one.id not in used)
        streams = self._streams
        return [replace(one, use=used.get(one.id) or streams.use(one.id)) for one in containers]

    async def _from_files(self, running: Sequence[Container]) -> dict[str, Use]:
        """What the kernel's files tell; nothing when they don't answer in time."""
        try:
            async with asyncio.timeout(_FILES):
                return await self._lane.run(self._groups.read, running, self.context.monotonic())
        except (TimeoutError, ProbeError):
            return {}

    def _gaps(self, containers: Sequence[Container]) -> list[Gap]:
        assert self._greeting is not None
        assert self._inspections is not None
        assert self._events is not None
        assert self._streams is not None
        gaps = list(self._greeting.gaps)
        if (refused := self._inspections.refused) is not None:
            gaps.append(
                Gap("restarts, uptime, health output", refused.cause, SafeText("allow GET /containers/ID/json"))
            )
        elif waiting := self._inspections.waiting:
            gaps.append(Gap(f"details of {_containers(waiting)}", Cause.TOO_BIG, SafeText("follow soon")))
        if self._streams.refused is not None:
            gaps.append(Gap("cpu and memory", Cause.DENIED, SafeText("allow GET /containers/ID/stats")))
        elif self._unread:
            gaps.append(Gap(f"cpu and memory of {_containers(self._unread)}", Cause.TOO_BIG))
        if self._images is not None and self._images.refused is not None:
            cause = self._images.refused.cause
            gaps.append(Gap("images", cause, SafeText("allow GET /images/json" if cause is Cause.DENIED else "")))
        if self._events.failed is not None:
            gaps.append(Gap("events (what happened between readings)", self._events.failed.cause))
        if any(one.clock for one in containers):
            gaps.append(Gap("uptime", Cause.CLOCK, SafeText("the Engine's clock is ahead of this machine's")))
        return gaps

    async def _subjects(self, api: EngineApi, subject: str) -> list[Container]:
        """The containers a subject names: a service, a container's name, or its id."""
        if not self._shown:
            rows = await self._rows(api)
            self._shown = tuple(container(row, None, self.context.now()) for _, row in rows[:SHOWN])
        for service in services(self._shown):
            if service.name == subject:
                return sorted(service.containers, key=lambda one: (not one.running, str(one.name)))
        found = [one for one in self._shown if one.id == subject or str(one.name) == subject]
        if not found:
            raise ProbeError(Cause.GONE, f"there is no container {SafeText(subject, 60)} any more")
        return found

    async def _log(self, api: EngineApi, one: Container, prefix: str, follow: bool) -> AsyncGenerator[SafeText, None]:
        tty = one.details.tty if one.details else await self._has_terminal(api, one.id)
        query = {"stdout": "1", "stderr": "1", "timestamps": "1", "tail": str(TAIL), "follow": "1" if follow else "0"}
        lines = LogLines(not tty, prefix)
        async with aclosing(api.stream(f"/containers/{one.id}/logs", query)) as chunks:
            async for chunk in chunks:
                for line in lines.feed(chunk):
                    yield line
        for line in lines.rest():
            yield line

    async def _has_terminal(self, api: EngineApi, id: str) -> bool:
        return table(table(await api.get(f"/containers/{id}/json", limit=4 << 20)).get("Config")).get("Tty") is True


def most_troubled(rows: Sequence[tuple[str, Row]], most: int) -> list[tuple[str, Row]]:
    """At most so many rows, whole services together, those with something wrong first; all when there are few."""
    if len(rows) <= most:
        return list(rows)
    calm: dict[tuple[str, str], bool] = {}
    for id, row in rows:
        key = _group(id, row)
        status = row.get("Status")
        fine = row.get("State") == "running" and not (isinstance(status, str) and "(unhealthy)" in status)
        calm[key] = calm.get(key, True) and fine
    return sorted(rows, key=lambda one: (calm[_group(*one)], _group(*one)))[:most]


def _containers(number: int) -> str:
    return "1 container" if number == 1 else f"{number} containers"


def _group(id: str, row: Row) -> tuple[str, str]:
    labels = table(row.get("Labels"))
    service = labels.get("com.docker.compose.service")
    project = labels.get("com.docker.compose.project")
    return str(project)[:200] if project else "", str(service)[:200] if service else id


def _is_open_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode) and os.access(path, os.R_OK | os.W_OK)
    except OSError:
        return False
