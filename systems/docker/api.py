"""The Engine's API over its socket, as far as clients that watch, Compose, and the docker program ask for it.

Reference: https://docs.docker.com/reference/api/engine/version/v1.47/
"""

from __future__ import annotations

import asyncio
import json
import platform
import re
import signal
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from systems.docker.containers import Container, Line, sample
from systems.docker.engine import Engine, No
from systems.docker.images import Doc, Image, stamp
from systems.docker.rows import inspected, row
from systems.web import PLAIN, Answer, Asked, serve, told

API: Final = "1.47"
VERSION: Final = "27.5.1"
_FRAMED: Final = "application/vnd.docker.multiplexed-stream"
_VERSION: Final = re.compile(r"/v\d+\.\d+(?=/)")
_BEAT: Final = 0.2
_NOTHING: Final = Answer(204)
_ALREADY: Final = Answer(304)


class Api:
    """Answers for one Engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, asked: Asked) -> Answer:
        """What the Engine says to one request."""
        words = _VERSION.sub("", asked.path, count=1).strip("/").split("/")
        try:
            match asked.method, words:
                case "GET" | "HEAD", ["_ping"]:
                    return Answer(
                        200, b"OK", PLAIN, {"API-Version": API, "OSType": "linux", "Docker-Experimental": "false"}
                    )
                case "GET", ["version"]:
                    return told(_version())
                case "GET", ["info"]:
                    return told(self._info())
                case "GET", ["events"]:
                    return Answer(stream=self._events(asked.query))
                case "GET", ["system", "df"]:
                    return told(self._disks())
                case _, ["containers", *rest]:
                    return await self._containers(asked, rest)
                case _, ["images", *rest]:
                    return self._images(asked, rest)
                case _, ["networks", *rest]:
                    return self._networks(asked, rest)
                case _, ["volumes", *rest]:
                    return self._volumes(asked, rest)
                case "GET", ["exec", id, "json"]:
                    raise No(404, f"No such exec instance: {id}")
            raise No(501, "this Engine is simulated and can't do that")
        except No as error:
            return told({"message": str(error)}, error.status)

    # containers

    async def _containers(self, asked: Asked, rest: list[str]) -> Answer:
        engine, query = self._engine, asked.query
        match asked.method, rest:
            case "GET", ["json"]:
                return told(self._listed(query))
            case "POST", ["create"]:
                made = engine.create(query.get("name", ""), asked.document())
                return told({"Id": made.id, "Warnings": []}, 201)
            case "POST", ["prune"]:
                raise No(501, "this Engine is simulated and removes one thing at a time")
        if not rest:
            raise No(404, "page not found")
        one = engine.find(rest[0])
        match asked.method, rest[1:]:
            case "GET", ["json"]:
                return told(inspected(engine, one))
            case "GET", ["logs"]:
                return _log(one, query)
            case "GET", ["stats"]:
                return Answer(stream=_statistics(one, _true(query, "stream", "1"), _true(query, "one-shot")))
            case "GET", ["top"]:
                return told(await _processes(one, query.get("ps_args") or "-ef"))
            case "DELETE", []:
                await engine.remove(one, _true(query, "force"))
                return _NOTHING
            case "POST", [verb]:
                return await self._act(one, verb, query)
        raise No(404, "page not found")

    async def _act(self, one: Container, verb: str, query: Mapping[str, str]) -> Answer:
        grace = float(query["t"]) if query.get("t") else None
        match verb:
            case "start":
                return _NOTHING if await one.start() else _ALREADY
            case "stop":
                return _NOTHING if await one.stop(grace) else _ALREADY
            case "restart":
                await one.restart(grace)
                return _NOTHING
            case "kill":
                if not await one.kill(_signal(query.get("signal") or "KILL")):
                    raise No(409, f"cannot kill container: {one.id}: container is not running")
                return _NOTHING
            case "rename":
                self._engine.rename(one, query.get("name", "").lstrip("/"))
                return _NOTHING
            case "wait":
                return told({"StatusCode": await one.ended()})
        raise No(501, f"this Engine is simulated and can't {verb}")

    def _listed(self, query: Mapping[str, str]) -> list[Doc]:
        wanted = _filters(query)
        found = [
            one for one in self._engine.containers.values() if _true(query, "all") or one.is_up or "status" in wanted
        ]
        found = [one for one in reversed(found) if _is_wanted(one, wanted)]
        limit = int(query.get("limit") or 0)
        return [row(self._engine, one) for one in (found[:limit] if limit > 0 else found)]

    # what happened

    async def _events(self, query: Mapping[str, str]) -> AsyncGenerator[bytes, None]:
        engine, wanted = self._engine, _filters(query)
        since, until = float(query.get("since") or "inf"), float(query.get("until") or "inf")
        seen = engine.happened
        fresh = [one for one in engine.events if one["timeNano"] / 1e9 >= since]
        while True:
            yield b"".join(json.dumps(one).encode() + b"\n" for one in fresh if _is_told(one, wanted))
            if datetime.now(UTC).timestamp() >= until:
                return
            await asyncio.sleep(_BEAT)
            fresh, seen = (
                (list(engine.events)[-(engine.happened - seen) :] if engine.happened > seen else []),
                engine.happened,
            )

    # the rest

    def _info(self) -> Doc:
        import psutil

        every = self._engine.containers.values()
        running = sum(one.state == "running" for one in every)
        return {
            "ID": self._engine.id, "Name": "simulated", "ServerVersion": VERSION, "Driver": "simulated",
            "Containers": len(every), "ContainersRunning": running, "ContainersPaused": 0,
            "ContainersStopped": len(every) - running, "Images": len(self._engine.images.listed()),
            "NCPU": psutil.cpu_count() or 1, "MemTotal": psutil.virtual_memory().total,
            "OperatingSystem": "an Engine that is simulated", "OSType": "linux", "Architecture": platform.machine(),
            "KernelVersion": platform.release(), "SystemTime": stamp(datetime.now(UTC)),
            "SecurityOptions": ["name=rootless"], "LoggingDriver": "json-file", "CgroupVersion": "2",
            "DefaultRuntime": "simulated", "Swarm": {"LocalNodeState": "inactive"}, "Warnings": [],
        }  # fmt: skip

    def _disks(self) -> Doc:
        images = self._engine.images.listed()
        return {
            "LayersSize": sum(one["Size"] for one in images), "Images": images,
            "Containers": [{**row(self._engine, one), "SizeRw": 4096} for one in self._engine.containers.values()],
            "Volumes": list(self._engine.volumes.values()), "BuildCache": [],
        }  # fmt: skip

    def _images(self, asked: Asked, rest: list[str]) -> Answer:
        images = self._engine.images
        match asked.method, rest:
            case "GET", ["json"]:
                return told(images.listed())
            case "POST", ["create"]:
                return self._pulled(asked.query)
            case "GET", [*name, "json"]:
                return told(images.inspected(self._image("/".join(name))))
            case "POST", [*name, "tag"]:
                tag = asked.query.get("tag") or "latest"
                images.tag(self._image("/".join(name)), f"{asked.query.get('repo', '')}:{tag}")
                return Answer(201)
            case "DELETE", [*name]:
                return self._removed("/".join(name))
        raise No(404, "page not found")

    def _image(self, name: str) -> Image:
        found = self._engine.images.find(name)
        if found is None:
            raise No(404, f"No such image: {name}")
        return found

    def _removed(self, name: str) -> Answer:
        image = self._image(name)
        if any(one.image is image for one in self._engine.containers.values()):
            raise No(409, f"conflict: unable to delete {image.id[7:19]}: a container uses it")
        gone: list[Doc] = [{"Untagged": one} for one in self._engine.images.untag(name)]
        return told(gone if self._engine.images.find(image.id) else [*gone, {"Deleted": image.id}])

    def _pulled(self, query: Mapping[str, str]) -> Answer:
        name = f"{query.get('fromImage', '')}:{query.get('tag') or 'latest'}"
        image = self._engine.images.pull(name)
        if image is None:
            raise No(404, f"manifest for {name} not found: manifest unknown")
        said = (
            {"status": f"Pulling from {query.get('fromImage')}", "id": query.get("tag")},
            {"status": f"Digest: {image.id}"},
        )
        return Answer(200, b"".join(json.dumps(one).encode() + b"\r\n" for one in said))

    def _networks(self, asked: Asked, rest: list[str]) -> Answer:
        engine = self._engine
        match asked.method, rest:
            case "GET", []:
                wanted = _filters(asked.query)
                return told([one for one in engine.networks.values() if _is_named(one, wanted)])
            case "POST", ["create"]:
                body = asked.document()
                made = engine.connected(body.get("Name", ""), body.get("Labels") or {}, body.get("Driver") or "bridge")
                return told({"Id": made["Id"], "Warning": ""}, 201)
            case "GET", [word]:
                return told(engine.network(word))
            case "DELETE", [word]:
                del engine.networks[engine.network(word)["Id"]]
                return _NOTHING
            case "POST", [word, "connect" | "disconnect" as verb]:
                one, name = engine.find(asked.document().get("Container", "")), engine.network(word)["Name"]
                if verb == "connect":
                    one.given.networks[name] = {}
                else:
                    one.given.networks.pop(name, None)
                return Answer(200)
        raise No(404, "page not found")

    def _volumes(self, asked: Asked, rest: list[str]) -> Answer:
        volumes = self._engine.volumes
        match asked.method, rest:
            case "GET", []:
                wanted = _filters(asked.query)
                return told({"Volumes": [one for one in volumes.values() if _is_named(one, wanted)], "Warnings": None})
            case "POST", ["create"]:
                body = asked.document()
                return told(self._engine.volume(body.get("Name", ""), body.get("Labels") or {}), 201)
            case "GET", [name] if name in volumes:
                return told(volumes[name])
            case "DELETE", [name] if name in volumes:
                del volumes[name]
                return _NOTHING
        raise No(404, f"get {'/'.join(rest)}: no such volume")


async def listen(engine: Engine, socket: Path) -> asyncio.Server:
    """Answer for an Engine on a socket until the server is closed."""
    return await serve(socket, Api(engine).answer)


def _log(one: Container, query: Mapping[str, str]) -> Answer:
    wanted = {number for number, name in ((1, "stdout"), (2, "stderr")) if _true(query, name)}
    stamped = _true(query, "timestamps")

    def written(line: Line) -> bytes:
        if line.stream not in wanted:
            return b""
        text = stamp(line.at).encode() + b" " + line.text if stamped else line.text
        return bytes((line.stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text

    tail = query.get("tail", "all")
    lines = one.log(int(tail) if tail.isdecimal() else None, _since(query), _true(query, "follow"), written)
    return Answer(kind=_FRAMED, stream=lines)


def _since(query: Mapping[str, str]) -> float:
    try:
        return float(query.get("since") or 0)
    except ValueError:
        return 0.0


async def _statistics(one: Container, stream: bool, once: bool) -> AsyncGenerator[bytes, None]:
    import psutil

    before: Doc = {}
    while True:
        now = sample(one.pid)
        if before or stream or once:
            limit = {"limit": one.memory or psutil.virtual_memory().total}
            said = {
                "name": f"/{one.name}", "id": one.id, "read": stamp(datetime.now(UTC)),
                "cpu_stats": now["cpu"], "precpu_stats": before.get("cpu", {}), "pids_stats": now["pids"],
                "memory_stats": now["memory"] | limit if now["memory"] else {},
            }  # fmt: skip
            yield json.dumps(said).encode() + b"\n"
            if not stream:
                return
        before = now
        await asyncio.sleep(1)


async def _processes(one: Container, words: str) -> Doc:
    if not one.pid:
        raise No(409, f"container {one.id} is not running")
    import psutil

    pids = {one.pid, *(child.pid for child in psutil.Process(one.pid).children(recursive=True))}
    process = await asyncio.create_subprocess_exec(
        "ps", *words.split(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    titles, *rows = [line.split() for line in said.decode("utf-8", "replace").splitlines()] or [["PID"]]
    at = titles.index("PID") if "PID" in titles else 0
    cut = [[*row[: len(titles) - 1], " ".join(row[len(titles) - 1 :])] for row in rows]
    return {"Titles": titles, "Processes": [row for row in cut if row[at].isdecimal() and int(row[at]) in pids]}


def _version() -> Doc:
    return {
        "Version": VERSION, "ApiVersion": API, "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64",
        "KernelVersion": platform.release(), "Platform": {"Name": "Docker Engine, simulated"}, "Components": [],
    }  # fmt: skip


def _signal(word: str) -> int:
    name = word.upper().removeprefix("SIG")
    try:
        return int(name) if name.isdecimal() else int(signal.Signals[f"SIG{name}"])
    except KeyError:
        raise No(400, f"Invalid signal: {word}") from None


def _true(query: Mapping[str, str], name: str, usual: str = "") -> bool:
    return query.get(name, usual).lower() in ("1", "true")


def _filters(query: Mapping[str, str]) -> dict[str, list[str]]:
    """As lists; clients write each as a list, or as a table of what is wanted."""
    try:
        said = json.loads(query.get("filters") or "{}")
    except ValueError:
        raise No(400, "invalid filter") from None
    return {name: list(values) for name, values in said.items()}


def _has(labels: Mapping[str, str], wanted: list[str]) -> bool:
    """Every label that is asked for, "name" or "name=value"."""
    pairs = (one.partition("=") for one in wanted)
    return all(name in labels and (not sign or labels[name] == value) for name, sign, value in pairs)


def _is_wanted(one: Container, wanted: Mapping[str, list[str]]) -> bool:
    names = wanted.get("name", [])
    return (
        _has(one.given.labels, wanted.get("label", []))
        and (not names or any(re.search(name.removeprefix("/"), one.name) for name in names))
        and ("id" not in wanted or any(one.id.startswith(id) for id in wanted["id"]))
        and ("status" not in wanted or one.state in wanted["status"])
    )


def _is_named(one: Doc, wanted: Mapping[str, list[str]]) -> bool:
    """A network or a volume."""
    names = wanted.get("name", [])
    return _has(one["Labels"], wanted.get("label", [])) and (not names or any(name in one["Name"] for name in names))


def _is_told(event: Doc, wanted: Mapping[str, list[str]]) -> bool:
    actions, sorts = wanted.get("event", []), wanted.get("type", [])
    return (
        (not sorts or event["Type"] in sorts)
        and (not actions or event["Action"].partition(":")[0] in actions)
        and _has(event["Actor"]["Attributes"], wanted.get("label", []))
        and ("container" not in wanted or event["id"] in wanted["container"])
    )
