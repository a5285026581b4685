"""The docker kind against a scripted Engine on a unix socket, and against a real one where there is one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from desk.alert import Alert
from desk.board import Board
from desk.rules import RuleBook, placeholders
from probes.base import Cause, Context, ProbeError, SafeText, Snapshot, State, Target
from probes.docker.facts import Container, Details, DockerFacts, Service
from probes.docker.images import reference
from probes.docker.logs import LogLines
from probes.docker.parse import container, details, moment, services
from probes.docker.probe import SHOWN, DockerProbe
from probes.docker.settings import DockerSettings
from probes.docker.sheets import disk_sheet, process_sheet
from probes.docker.stats import ControlGroups, stream_use
from tests.stack import docker

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
CANARY = "hunter2-CANARY-x9"


@dataclass
class Clock:
    """Time that moves only when a test moves it."""

    seconds: float = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000)


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


def ident(number: int) -> str:
    return f"{number:064x}"


def row(number: int = 1, **given: Any) -> dict[str, Any]:
    """A container as the Engine lists it."""
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": given.pop("service", "web")}
    base = {
        "Id": ident(number),
        "Names": [f"/shop-web-{number}"],
        "Image": "shop/web:1.4",
        "ImageID": "sha256:" + "ab" * 32,
        "Created": int((NOW - timedelta(hours=3)).timestamp()),
        "Labels": labels | given.pop("labels", {}),
        "State": "running",
        "Status": "Up 3 hours",
        "Ports": [],
    }
    return base | given


def inspection(**state: Any) -> dict[str, Any]:
    """A container as the Engine describes it, with what must never leave it."""
    host = {"Memory": state.pop("memory", 0), "RestartPolicy": {"Name": state.pop("policy", "unless-stopped")}}
    return {
        "RestartCount": state.pop("restarts", 0),
        "HostConfig": host,
        "Config": {"Tty": False, "Env": [f"DATABASE_URL=postgres://app:{CANARY}@db/app"], "Cmd": ["run", CANARY]},
        "State": {"StartedAt": "2026-03-01T00:12:41.5Z", "FinishedAt": "0001-01-01T00:00:00Z", "ExitCode": 0} | state,
    }


def listed(digits: str = "ab", *names: str, **given: Any) -> dict[str, Any]:
    """An image as the Engine lists it; made a day ago."""
    made = int((NOW - timedelta(days=1)).timestamp())
    base = {"Id": "sha256:" + digits * 32, "RepoTags": list(names or ("shop/web:1.4",)), "RepoDigests": None}
    return base | {"Created": made, "Size": 5 << 20} | given


@dataclass
class FakeEngine:
    """Answers like an Engine, as told; counts what was asked."""

    path: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    inspections: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    """Beginnings of paths that are answered with 403."""
    raw: dict[str, bytes] = field(default_factory=dict)
    """Whole answers by path, instead of what the Engine would say."""
    hang: set[str] = field(default_factory=set)
    machine: str = "box"
    version: dict[str, str] = field(default_factory=lambda: {"Version": "28.0", "ApiVersion": "1.48"})
    events: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=lambda: [listed(), listed("cd", "shop/web:1.5")])
    streams: dict[str, bytes] = field(default_factory=dict)
    """Bytes of a stream by its path, or the end of it; it stays open after them unless `cut`."""
    cut: bool = False
    asked: list[str] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def hang_up(self) -> None:
        """Close every connection, as an Engine does that is restarted."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def count(self, part: str) -> int:
        return sum(part in one for one in self.asked)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, url, _ = head.split(b"\r\n")[0].decode().split(" ")
                assert method == "GET"
                self.asked.append(url)
                await self._answer(url, writer)
        writer.close()

    async def _answer(self, url: str, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(url)
        path = parts.path
        if path.startswith("/v1."):
            spoken, known = int(path.split("/")[1][3:]), int(self.version["ApiVersion"][2:])
            if spoken > known:
                self._send(writer, 400, b'{"message": "client version 1.%d is too new"}' % spoken)
                return
            path = "/" + path.split("/", 2)[2]
        if path in self.hang:
            await asyncio.Event().wait()
        if path in self.raw:
            writer.write(self.raw[path])
            await writer.drain()
            raise ConnectionResetError
        if any(path.startswith(one) for one in self.refused):
            self._send(writer, 403, b"<html><body>403 Forbidden by proxy</body></html>")
            return
        if path == "/events" or path.endswith(("/stats", "/logs")):
            await self._stream(path, writer)
            return
        status, body = self._body(path, parse_qs(parts.query))
        self._send(writer, status, json.dumps(body).encode())
        await writer.drain()

    def _body(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == "/version":
            return 200, self.version
        if path == "/info":
            return 200, {"ID": "ENGINE", "Name": self.machine, "NCPU": 4, "MemTotal": 8 << 30, "SecurityOptions": []}
        if path == "/containers/json":
            return 200, self.rows
        if path == "/images/json":
            return 200, self.images
        id = path.split("/")[2]
        if path.endswith("/json") and id in {one["Id"] for one in self.rows if isinstance(one, dict)}:
            return 200, self.inspections.get(id, inspection())
        return 404, {"message": f"No such container: {id}"}

    def _send(self, writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)

    async def _stream(self, path: str, writer: asyncio.StreamWriter) -> None:
        body = self.streams.get(path, self.streams.get(path.rsplit("/", 1)[1], b""))
        if path == "/events":
            body = b"".join(json.dumps(one).encode() + b"\n" for one in self.events)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 7):  # uneven pieces: nothing may depend on where they end
            piece = body[at : at + 7]
            writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
        await writer.drain()
        if self.cut:
            raise ConnectionResetError
        await asyncio.Event().wait()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    fake = FakeEngine(str(tmp_path / "d.sock"))
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        tasks.add(task)
        try:
            await fake.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()

    server = await asyncio.start_unix_server(serve, fake.path)
    yield fake
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


Make = Callable[..., DockerProbe]


@pytest.fixture
async def make(engine: FakeEngine) -> AsyncIterator[Make]:
    made: list[DockerProbe] = []

    def probe(clock: Clock | None = None, **settings: Any) -> DockerProbe:
        clock = clock or Clock()
        given = DockerSettings.model_validate({"url": f"unix://{engine.path}", "timeout": 2} | settings)
        made.append(DockerProbe(Target("box", "docker", given), Context(NoSecrets(), clock.monotonic, clock.now)))
        return made[-1]

    yield probe
    for one in made:
        await one.close()


async def until(true: Callable[[], Any] | Callable[[], Awaitable[Any]], within: float = 30.0) -> Any:
    """Wait for a condition; fails when it does not come true in time."""
    async with asyncio.timeout(within):
        while True:
            found = true()
            found = await found if isinstance(found, Awaitable) else found
            if found:
                return found
            await asyncio.sleep(0.02)


def alerts(*snapshots: Snapshot[DockerFacts]) -> dict[str, str]:
    """What the rules say after these readings: sentence by rule."""
    clock = Clock()
    board = Board([Target("box", "docker", DockerSettings.model_validate({}))], clock)
    book = RuleBook("box", DockerProbe.rules, DockerProbe.gauges)
    found: tuple[Alert, ...] = ()
    for one in snapshots:
        clock.seconds += 2
        found = book.judge(board.take(one), clock.seconds, NOW)
    return {alert.rule: alert.words for alert in found}


# what a reading says


async def test_a_running_service_is_told_with_its_replicas(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1), row(2), row(3, service="db", Status="Up 3 hours (healthy)")]
    snapshot = await make().read()
    assert [(one.name, one.running, one.wanted) for one in snapshot.facts.services] == [("db", 1, 1), ("web", 2, 2)]
    assert snapshot.gauge("running", service="web") == 2
    assert snapshot.gauge("unhealthy", service="db") == 0
    assert snapshot.gauge("unhealthy", service="web") is None
    assert snapshot.facts.services[0].up == 3 * 3600 - 0.5
    assert snapshot.gaps == ()


async def test_a_dead_worker_is_named_with_its_exit_code(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, service="worker", State="exited", Status="Exited (137) 4 minutes ago")]
    engine.inspections[ident(1)] = inspection(ExitCode=137, policy="no")
    probe = make()
    said = alerts(await probe.read(), await probe.read())
    assert said == {"dead": "worker: none of 1 running, exited 137, killed"}


async def test_a_lack_of_memory_is_told_from_a_kill(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, service="worker", State="exited", Status="Exited (137) 4 minutes ago")]
    engine.inspections[ident(1)] = inspection(ExitCode=137, OOMKilled=True, policy="no")
    probe = make()
    snapshots = (await probe.read(), await probe.read())
    assert alerts(*snapshots)["dead"] == "worker: none of 1 running, exited 137, killed for lack of memory"
    assert snapshots[0].gauge("oom_killed", service="worker") == 1


async def test_a_stop_by_hand_is_told_because_the_policy_would_have_restarted_it(
    engine: FakeEngine, make: Make
) -> None:
    engine.rows = [row(1, State="exited", Status="Exited (137) 4 minutes ago")]
    engine.inspections[ident(1)] = inspection(ExitCode=137, policy="unless-stopped")
    (service,) = (await make().read()).facts.services
    assert service.worst.why == "stopped by hand"


async def test_events_tell_a_stop_by_hand_where_no_policy_does(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, State="exited", Status="Exited (137) 4 minutes ago")]
    engine.inspections[ident(1)] = inspection(ExitCode=137, policy="no")
    engine.events = [event(1, "kill", 10, signal="9"), event(1, "die", 9, exitCode="137")]
    probe = make()
    assert (await probe.read()).facts.services[0].worst.why in ("killed", "stopped by hand")

    async def known() -> bool:
        return (await probe.read()).facts.services[0].worst.why == "stopped by hand"

    await until(known)
    facts = (await probe.read()).facts
    assert [one.what for one in facts.events] == ["ended, exit code 137", "was sent SIGKILL by request"]


def event(number: int, action: str, ago: float, **given: str) -> dict[str, Any]:
    at = (NOW - timedelta(seconds=ago)).timestamp()
    return {
        "Type": "container",
        "Action": action,
        "Actor": {"ID": ident(number), "Attributes": {"name": "shop-web-1", **given}},
        "timeNano": int(at * 1e9),
    }


async def test_a_service_with_some_replicas_missing_is_short(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1), row(2, State="exited", Status="Exited (3) 4 minutes ago")]
    engine.inspections[ident(2)] = inspection(ExitCode=3, policy="no")
    probe = make()
    assert alerts(await probe.read(), await probe.read()) == {"short": "web: 1 of 2 not running, exited 3"}


async def test_a_finished_task_is_not_missed(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, service="migrate", State="exited", Status="Exited (0) 4 minutes ago")]
    engine.inspections[ident(1)] = inspection(policy="no")
    probe = make()
    first, second = await probe.read(), await probe.read()
    assert alerts(first, second) == {}
    assert (first.facts.services[0].wanted, first.facts.services[0].worst.word) == (0, "finished")


async def test_a_container_that_could_not_start_says_why(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, State="created", Status="Created")]
    engine.inspections[ident(1)] = inspection(ExitCode=128, Error="port is already allocated: 0.0.0.0:3000")
    probe = make()
    said = alerts(await probe.read(), await probe.read())["dead"]
    assert said == "web: none of 1 running, created, could not be started: port is already allocated: 0.0.0.0:3000"


async def test_an_unhealthy_container_says_what_its_check_said(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, Status="Up 3 hours (unhealthy)")]
    log = [{"Output": "ok"}, {"Output": "\x1b[31mconnect: refused\r\n\n"}]
    engine.inspections[ident(1)] = inspection(Health={"Status": "unhealthy", "FailingStreak": 7, "Log": log})
    snapshot = await make().read()
    assert snapshot.facts.services[0].worst.why == "check failed 7 times: ^[[31mconnect: refused"
    assert alerts(snapshot) == {"unhealthy": "web: 1 of 1 running unhealthy, 7 failed checks in a row"}


async def test_a_restart_loop_is_seen_from_the_growing_counter(engine: FakeEngine, make: Make) -> None:
    clock = Clock()
    engine.rows = [row(1, Status="Up 9 seconds")]
    probe = make(clock)
    snapshots = []
    for restarts in (40, 41, 42, 43):
        engine.inspections[ident(1)] = inspection(restarts=restarts)
        snapshots.append(await probe.read())
        clock.seconds += 2
    assert [one.gauge("restarts_recent", service="web") for one in snapshots] == [0, 1, 2, 3]
    assert "dies and restarts again and again, 3 times" in alerts(*snapshots)["restart-loop"]
    clock.seconds += 700
    assert (await probe.read()).gauge("restarts_recent", service="web") == 0


async def test_a_young_container_that_loops_is_known_at_first_sight(engine: FakeEngine, make: Make) -> None:
    made = int((NOW - timedelta(minutes=2)).timestamp())
    engine.rows = [row(1, State="restarting", Status="Restarting (1) 3 seconds ago", Created=made)]
    engine.inspections[ident(1)] = inspection(restarts=6, ExitCode=1)
    said = alerts(await make().read())
    assert said == {"restart-loop": "web: dies and restarts again and again, 6 times in 10 min"}


async def test_a_still_container_is_inspected_once(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    probe = make()
    for _ in range(5):
        await probe.read()
    assert engine.count(f"/containers/{ident(1)}/json") == 1
    engine.rows = [row(1, State="exited", Status="Exited (1) 1 second ago")]
    await probe.read()
    assert engine.count(f"/containers/{ident(1)}/json") == 2


async def test_a_restart_between_two_readings_is_noticed(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    probe = make()
    await probe.read()
    engine.rows = [row(1, Status="Up 2 minutes")]
    await probe.read()
    assert engine.count(f"/containers/{ident(1)}/json") == 2


async def test_only_the_project_is_asked_for(engine: FakeEngine, make: Make) -> None:
    await make(project="shop").read()
    (asked,) = [one for one in engine.asked if "/containers/json" in one]
    filters = json.loads(parse_qs(urlsplit(asked).query)["filters"][0])
    assert filters == {"label": ["com.docker.compose.project=shop"]}


async def test_a_newer_engine_is_asked_to_speak_what_we_know(engine: FakeEngine, make: Make) -> None:
    engine.version = {"Version": "99.0", "ApiVersion": "1.99", "MinAPIVersion": "1.44"}
    assert (await make().read()).facts.api == "1.47"
    engine.version = {"Version": "20.10", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}
    assert (await make().read()).facts.api == "1.41"


async def test_memory_near_its_limit_is_told(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    engine.inspections[ident(1)] = inspection(memory=100 << 20)
    engine.streams["stats"] = json.dumps(sample(usage=100 << 20, inactive=5 << 20)).encode() + b"\n"
    clock = Clock()
    probe = make(clock)

    async def used() -> Any:
        return (await probe.read()).gauge("memory_bytes", service="web")

    assert await until(used) == 95 << 20
    snapshot = await probe.read()
    assert snapshot.gauge("memory_ratio", service="web") == 0.95
    assert snapshot.gauge("cpu_ratio", service="web") == pytest.approx(0.5)
    clock.seconds += 60
    engine.streams["stats"] = b""
    assert (await probe.read()).gauge("memory_bytes", service="web") is None


def sample(usage: int, inactive: int) -> dict[str, Any]:
    return {
        "cpu_stats": {"cpu_usage": {"total_usage": 1_500}, "system_cpu_usage": 14_000, "online_cpus": 4},
        "precpu_stats": {"cpu_usage": {"total_usage": 1_000}, "system_cpu_usage": 10_000},
        "memory_stats": {"usage": usage, "stats": {"inactive_file": inactive}},
    }


# what must never happen


async def test_no_secret_of_a_container_leaves_the_probe(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, Command=f"run --password {CANARY}", labels={"app.secret": CANARY})]
    snapshot = await make().read()
    assert ident(1) in repr(snapshot)
    assert CANARY not in repr(snapshot)


async def test_names_from_outside_cannot_steer_the_terminal(engine: FakeEngine, make: Make) -> None:
    evil = "a\x1b[2J\u202eb"
    engine.rows = [row(1, service=evil, Image=evil, Names=["/" + evil])]
    snapshot = await make().read()
    assert "\x1b" not in str(snapshot.facts)
    assert all("\x1b" not in str(key) for key in snapshot.gauges)
    assert snapshot.facts.services[0].name == "a^[[2J<U+202E>b"


async def test_another_engine_behind_the_socket_is_met_anew(engine: FakeEngine, make: Make) -> None:
    probe = make()
    assert str((await probe.read()).facts.version) == "28.0"
    await probe.read()
    engine.version, engine.machine = {"Version": "29.1", "ApiVersion": "1.52"}, "other"
    engine.hang_up()
    facts = (await probe.read()).facts
    assert (str(facts.version), str(facts.machine)) == ("29.1", "other")


async def test_an_older_engine_behind_the_socket_is_met_anew_too(engine: FakeEngine, make: Make) -> None:
    probe = make()
    assert (await probe.read()).facts.api == "1.47"
    engine.version = {"Version": "24.0", "ApiVersion": "1.43"}
    engine.hang_up()
    assert (await failure(probe)).cause is Cause.VERSION
    facts = (await probe.read()).facts
    assert (str(facts.version), facts.api) == ("24.0", "1.43")


async def test_a_kept_connection_asks_only_for_the_list(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(number) for number in range(1, 9)]
    probe = make()
    for _ in range(4):
        await probe.read()
    engine.asked.clear()
    await probe.read()
    assert [urlsplit(one).path for one in engine.asked] == ["/v1.47/containers/json"]


@pytest.mark.parametrize("odd", [None, 5, "x", [], {}, [None], {"a": 1}, -1, 1e999, True, "\x00"])
@pytest.mark.parametrize(
    "where",
    ["Names", "Labels", "State", "Status", "Ports", "Created", "Image", "ImageID", "inspection", "inner", "deep"],
)
async def test_an_odd_value_anywhere_is_a_gap_and_no_crash(
    engine: FakeEngine, make: Make, where: str, odd: Any
) -> None:
    engine.rows = [row(1)]
    if where == "inspection":
        engine.inspections[ident(1)] = odd
    elif where == "inner":
        engine.inspections[ident(1)] = {"State": odd, "HostConfig": odd, "RestartCount": odd, "Config": odd}
    elif where == "deep":
        state = dict.fromkeys(("StartedAt", "FinishedAt", "ExitCode", "Error", "OOMKilled", "Health", "Pid"), odd)
        host = {"RestartPolicy": {"Name": odd, "MaximumRetryCount": odd}, "Memory": odd}
        engine.inspections[ident(1)] = {"State": state, "HostConfig": host, "RestartCount": odd}
    else:
        engine.rows[0][where] = odd
    snapshot = await make().read()
    assert len(snapshot.facts.containers) == 1
    assert all(value == value and abs(value) < 1e300 for value in snapshot.gauges.values())


async def test_rows_without_an_identity_are_left_out(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1), row(2, Id="../../evil"), row(3, Id=None), cast("dict[str, Any]", "x")]
    assert len((await make().read()).facts.containers) == 1


async def test_two_thousand_containers_are_bounded_and_the_bad_ones_come_first(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(n, service=f"s{n}") for n in range(2000)]
    engine.rows[1999] |= {"State": "exited", "Status": "Exited (1) 2 hours ago"}
    engine.inspections[ident(1999)] = inspection(ExitCode=1, policy="no")
    probe = make(stats=False)
    began = time.perf_counter()
    snapshot = await probe.read()
    assert time.perf_counter() - began < 15
    assert len(snapshot.facts.containers) == SHOWN
    assert snapshot.facts.services[0].name == "s1999"
    assert snapshot.facts.more == 1500
    assert (snapshot.gauge("containers"), snapshot.gauge("containers_running")) == (2000, 1999)
    assert engine.count(f"{ident(1999)}/json") == 1
    assert sum(one.endswith("/json") and "/containers/" in one for one in engine.asked) <= 60
    assert any("details of" in gap.part for gap in snapshot.gaps)
    assert len(snapshot.gauges) < 1500


async def test_one_container_left_over_is_told_as_one(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(number) for number in range(61)]
    gaps = [gap.part for gap in (await make().read()).gaps]
    assert "details of 1 container" in gaps


async def test_a_label_of_a_megabyte_is_survived(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, labels={"huge": "x" * (1 << 20)}), row(2, service="y" * (1 << 20))]
    snapshot = await make().read()
    assert len(snapshot.facts.containers) == 2
    assert len(repr(snapshot)) < 20_000


# when it does not answer


async def failure(probe: DockerProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await probe.read()
    return caught.value


async def test_no_socket_is_refused(make: Make, tmp_path: Path) -> None:
    error = await failure(make(url=f"unix://{tmp_path}/none.sock"))
    assert (error.cause, str(error.hint)) == (Cause.REFUSED, "is it running?")


async def test_a_socket_nobody_listens_on_is_refused(make: Make, engine: FakeEngine, tmp_path: Path) -> None:
    import socket

    path = str(tmp_path / "dead.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    assert (await failure(make(url=f"unix://{path}"))).cause is Cause.REFUSED


async def test_a_hung_engine_is_cut_by_abort_and_read_again_when_it_is_well(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    engine.hang.add("/containers/json")
    probe = make()
    reading = asyncio.create_task(failure(probe))
    await until(lambda: engine.count("/containers/json"))
    probe.abort()
    async with asyncio.timeout(15):
        assert (await reading).cause is Cause.CLOSED_EARLY
    engine.hang.clear()
    assert len((await probe.read()).facts.containers) == 1


async def test_a_cancelled_reading_ends_at_once(engine: FakeEngine, make: Make) -> None:
    engine.hang.add("/version")
    reading = asyncio.create_task(make().read())
    await until(lambda: engine.count("/version"))
    reading.cancel()
    async with asyncio.timeout(15):
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_silence_is_a_time_out_and_not_a_hang(engine: FakeEngine, make: Make) -> None:
    engine.hang.add("/version")
    error = await failure(make(timeout=0.2))
    assert (error.cause, error.cause.state) == (Cause.TIMEOUT_READ, State.STALE)


HTML = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 40\r\n\r\n<html><body>502 Bad Gateway</body></html>"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (HTML, Cause.GARBAGE),
        (HTML.replace(b"502 Bad Gateway\r", b"200 OK\r"), Cause.GARBAGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,2,3,{]", Cause.GARBAGE),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}', Cause.GARBAGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n[", Cause.CLOSED_EARLY),
        (b"", Cause.CLOSED_EARLY),
        (b"\x00\xffgarbage\r\n\r\n", Cause.GARBAGE),
        (b"HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\n{}", Cause.DENIED),
        (b"HTTP/1.1 500 x\r\nContent-Length: 30\r\n\r\n" + b'{"message": "too many files"} ', Cause.THROTTLED),
        (b"HTTP/1.1 500 x\r\nContent-Length: 2\r\n\r\n{}", Cause.OVERLOADED),
        (b"HTTP/1.1 302 x\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n", Cause.GARBAGE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b" " * (33 << 20), Cause.TOO_BIG),
    ],
)
async def test_an_answer_that_is_none_is_named(engine: FakeEngine, make: Make, answer: bytes, cause: Cause) -> None:
    engine.raw["/containers/json"] = answer
    error = await failure(make())
    assert error.cause is cause
    assert "\x00" not in str(error)
    del engine.raw["/containers/json"]
    engine.rows = [row(1)]
    assert len((await make().read()).facts.containers) == 1


async def test_something_else_on_the_socket_is_not_taken_for_an_engine(engine: FakeEngine, make: Make) -> None:
    engine.version = {"name": "other"}
    assert (await failure(make())).cause is Cause.GARBAGE


async def test_too_old_an_engine_is_unsupported(engine: FakeEngine, make: Make) -> None:
    engine.version = {"ApiVersion": "1.18"}
    error = await failure(make())
    assert error.cause.state is State.UNSUPPORTED
    assert "1.24 is needed" in str(error.message)


async def test_ssh_is_unsupported_with_the_way_round_it(make: Make) -> None:
    error = await failure(make(url="ssh://web1"))
    assert error.cause.state is State.UNSUPPORTED
    assert 'set ssh = "web1"' in str(error.hint)


async def test_parts_a_proxy_refuses_are_gaps_and_not_asked_for_again_and_again(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, State="exited", Status="Exited (137) 4 minutes ago"), row(2, Status="Up 1 hour (unhealthy)")]
    engine.refused = {"/info", "/events", f"/containers/{ident(1)}", f"/containers/{ident(2)}"}
    clock = Clock()
    probe = make(clock)
    await probe.read()
    snapshot = await until(lambda: _with_gaps(probe, 4))
    assert {gap.cause for gap in snapshot.gaps} == {Cause.DENIED}
    assert [one.worst.word for one in snapshot.facts.services] == ["exited 137"]
    assert {one.word for one in snapshot.facts.containers} == {"exited 137", "unhealthy"}
    assert snapshot.facts.root is False
    asked = len(engine.asked)
    await probe.read()
    assert len(engine.asked) == asked + 1
    clock.seconds += 301
    engine.refused = set()
    await probe.read()
    assert engine.count(f"/containers/{ident(1)}/json") == 2


async def _with_gaps(probe: DockerProbe, count: int) -> Snapshot[DockerFacts] | None:
    snapshot = await probe.read()
    return snapshot if len(snapshot.gaps) >= count else None


async def test_a_raw_socket_is_said_to_give_root(engine: FakeEngine, make: Make) -> None:
    assert (await make().read()).facts.root is True


async def test_a_cut_event_stream_is_a_gap_and_is_opened_again_where_it_broke(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    engine.events = [event(1, "start", 30)]
    engine.cut = True
    clock = Clock()
    probe = make(clock, stats=False)
    await probe.read()
    snapshot = await until(lambda: _with_gaps(probe, 1))
    assert "events" in snapshot.gaps[0].part
    assert len(snapshot.facts.services) == 1
    engine.cut = False
    clock.seconds += 6
    engine.events = [event(1, "start", 30), event(1, "die", 3, exitCode="1")]

    async def both() -> Any:
        found = await probe.read()
        return found if len(found.facts.events) == 2 and not found.gaps else None

    assert [one.what for one in (await until(both)).facts.events] == ["ended, exit code 1", "started"]
    since = [float(parse_qs(urlsplit(one).query)["since"][0]) for one in engine.asked if "/events" in one]
    assert since[1] - since[0] == pytest.approx(3600 - 30, abs=1)


async def test_a_container_gone_between_list_and_inspection_is_no_failure(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1), row(2)]
    engine.raw[f"/containers/{ident(2)}/json"] = b"HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\n{}"
    assert len((await make().read()).facts.containers) == 2


async def test_a_start_in_the_future_is_a_clock_and_not_an_age(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    engine.inspections[ident(1)] = inspection(StartedAt="2027-01-01T00:00:00Z")
    snapshot = await make().read()
    assert snapshot.facts.services[0].up is None
    assert [gap.cause for gap in snapshot.gaps] == [Cause.CLOCK]


async def test_closing_twice_or_before_any_reading_is_fine(make: Make) -> None:
    probe = make()
    await probe.close()
    await probe.close()


# closer looks


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


async def test_a_log_is_taken_apart_and_followed(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    out = b"2026-03-01T03:00:00.123456789Z hello \x1b[2J\n2026-03-01T03:00:01Z half"
    engine.streams["logs"] = frame(1, out) + frame(2, b"2026-03-01T03:00:02Z oops\n") + frame(1, b" done\r\n")
    probe = make()
    await probe.read()
    lines: list[str] = []
    async with aclosing(probe.follow("logs", "web")) as log:
        async for one in log:
            lines.append(str(one))
            if len(lines) == 3:
                break
    assert lines == ["03-01 03:00:00  hello ^[[2J", "03-01 03:00:02  err  oops", "03-01 03:00:01  half done"]
    (asked,) = [one for one in engine.asked if "/logs" in one]
    assert {"tail=100", "follow=1"} <= set(urlsplit(asked).query.split("&"))


async def test_a_followed_log_whose_engine_fell_silent_says_that_its_connection_was_cut(
    engine: FakeEngine, make: Make
) -> None:
    engine.rows = [row(1)]
    engine.streams["logs"] = frame(1, b"2026-03-01T03:00:00Z hi\n")
    probe = make()
    await probe.read()
    async with aclosing(probe.follow("logs", "web")) as log:
        assert str(await anext(log)).endswith("hi")
        waiting = asyncio.ensure_future(anext(log))
        await asyncio.sleep(0)
        probe.abort()  # as the poller does once a reading has had its time
        with pytest.raises(ProbeError, match="was cut") as told:
            await asyncio.wait_for(waiting, 30)
    assert told.value.cause is Cause.CLOSED_EARLY


async def test_replicas_are_followed_together_by_name(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1), row(2)]
    engine.streams["logs"] = frame(1, b"2026-03-01T03:00:00Z hi\n")
    probe = make()
    await probe.read()
    seen: set[str] = set()
    async with aclosing(probe.follow("logs", "web")) as log:
        async for one in log:
            seen.add(str(one))
            if len(seen) == 2:
                break
    assert seen == {"shop-web-1 │ 03-01 03:00:00  hi", "shop-web-2 │ 03-01 03:00:00  hi"}


async def test_the_past_of_several_replicas_is_one_in_the_order_of_its_times(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1), row(2)]
    for number, second in ((1, 1), (2, 2)):
        lines = [f"2026-03-01T03:00:00.{second + step}00000001Z {second + step}\n" for step in (0, 2, 4)]
        engine.streams[f"/containers/{row(number)['Id']}/logs"] = b"".join(frame(1, one.encode()) for one in lines)
    probe = make()
    await probe.read()
    seen: list[str] = []
    async with aclosing(probe.follow("logs", "web")) as log:
        async for one in log:
            seen.append(str(one))
            if len(seen) == 6:
                break
    assert [(one.partition(" │ ")[0][-1], one[-1]) for one in seen] == [
        ("1", "1"), ("2", "2"), ("1", "3"), ("2", "4"), ("1", "5"), ("2", "6"),
    ]  # fmt: skip


async def test_a_log_of_something_gone_says_so(engine: FakeEngine, make: Make) -> None:
    probe = make()
    with pytest.raises(ProbeError) as caught:
        await probe.look("logs", "no-such-thing")
    assert caught.value.cause is Cause.GONE


def test_log_bytes_may_break_anywhere() -> None:
    raw = frame(1, b"one\ntwo") + frame(2, b"E\n") + frame(1, b"!\n") + frame(1, b"rest")
    for step in (1, 2, 3, 8, 9, 100):
        taken = LogLines(framed=True)
        lines = [str(line) for at in range(0, len(raw), step) for line in taken.feed(raw[at : at + step])]
        assert lines + [str(line) for line in taken.rest()] == ["one", "err  E", "two!", "rest"]


def test_an_endless_log_line_is_cut_and_the_next_one_is_whole() -> None:
    taken = LogLines(framed=False)
    lines = [line for _ in range(160) for line in taken.feed(b"x" * 65536)]
    lines += [*taken.feed(b"\nnext\n")]
    assert len(lines) == 2
    assert len(lines[0]) < 17_000
    assert str(lines[0]).endswith("…")
    assert str(lines[1]) == "next"


def test_processes_are_sorted_by_us_and_show_no_arguments() -> None:
    answer = {"Titles": ["PID", "%CPU", "COMMAND"], "Processes": [["7", "0.1", "sh"], ["9", "93.5", "node"], ["x"], 5]}
    sheet = process_sheet(SafeText("web"), answer)
    assert [str(line).split()[-1] for line in sheet.lines[:3]] == ["COMMAND", "node", "sh"]


def test_disk_use_names_what_nothing_uses() -> None:
    answer = {
        "LayersSize": 3 << 30,
        "Images": [{"RepoTags": ["app:1"], "Size": 2 << 30, "Containers": 0}, {"RepoTags": None, "Size": -1}],
        "Volumes": [{"Name": "pgdata", "UsageData": {"Size": 5 << 30, "RefCount": 1}}],
    }
    text = "\n".join(map(str, disk_sheet(answer).lines))
    assert "images       2      3.0 GiB  2.0 GiB" in text
    assert "pgdata" in text
    assert disk_sheet(None).lines


# small things


def test_a_ratio_of_cpu_needs_two_samples() -> None:
    first = sample(10, 0)
    del first["precpu_stats"]["system_cpu_usage"]
    assert stream_use(first).cpu is None
    assert stream_use({}).memory is None


def test_control_groups_are_read_only_when_they_name_the_container(tmp_path: Path) -> None:
    one = Container(ident(1), SafeText("a"), state="running", details=Details(pid=7))
    (tmp_path / "7").mkdir()
    folder = tmp_path / "cg" / "docker" / one.id
    folder.mkdir(parents=True)
    (folder / "memory.current").write_text("1000\n")
    (folder / "memory.stat").write_text("anon 1\ninactive_file 400\n")
    (folder / "memory.events").write_text("oom 1\noom_kill 2\n")
    (folder / "cpu.stat").write_text("usage_usec 1000000\nuser_usec 1\n")
    groups = ControlGroups(str(tmp_path), str(tmp_path / "cg"))
    (tmp_path / "7" / "cgroup").write_text("0::/docker/" + "f" * 64 + "\n")
    assert groups.read([one], 1.0) == {}
    (tmp_path / "7" / "cgroup").write_text(f"0::/docker/{one.id}\n")
    use = groups.read([one], 2.0)[one.id]
    assert (use.memory, use.cpu, use.oom_kills) == (600, None, 2)
    (folder / "cpu.stat").write_text("usage_usec 2500000\n")
    assert groups.read([one], 3.0)[one.id].cpu == 1.5


def test_control_groups_of_the_first_version_are_read(tmp_path: Path) -> None:
    one = Container(ident(1), SafeText("a"), state="running", details=Details(pid=7))
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(f"5:cpu,cpuacct:/docker/{one.id}\n4:memory:/docker/{one.id}\n0::/\n")
    for name, file, text in (
        ("memory", "memory.usage_in_bytes", "1000"),
        ("memory", "memory.stat", "inactive_file 1\ntotal_inactive_file 300\n"),
        ("cpuacct", "cpuacct.usage", "1000000000"),
    ):
        folder = tmp_path / "cg" / name / "docker" / one.id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    assert ControlGroups(str(tmp_path), str(tmp_path / "cg")).read([one], 1.0)[one.id].memory == 700


def test_published_ports_are_shown_once_and_first() -> None:
    ports = [
        {"PrivatePort": 9000, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "127.0.0.1", "PrivatePort": 53, "PublicPort": 5353, "Type": "udp"},
    ]
    shown = container(row(1, Ports=ports), None, NOW).ports
    assert [str(one) for one in shown] == ["8080→80", "127.0.0.1:5353→53/udp", "9000"]


def test_services_of_two_projects_keep_apart() -> None:
    other = {"com.docker.compose.project": "other"}
    rows = [row(1), row(2, labels=other), row(3, Names=["/plain"], Labels={})]
    found = services(container(one, None, NOW) for one in rows)
    assert sorted(one.name for one in found) == ["other/web", "plain", "shop/web"]


async def test_a_container_of_another_compose_file_is_a_stray(engine: FakeEngine, make: Make) -> None:
    files = "com.docker.compose.project.config_files"
    engine.rows = [row(1, labels={files: "/a.yml"}), row(2, labels={files: "/a.yml"})]
    engine.rows.append(row(3, service="old", labels={files: "/b.yml"}))
    found = {str(one.service): one.stray for one in (await make().read()).facts.containers}
    assert found == {"web": False, "old": True}


def test_a_one_off_task_is_not_a_replica() -> None:
    rows = [
        row(1),
        row(2, State="exited", Status="Exited (1) 1 hour ago", labels={"com.docker.compose.oneoff": "True"}),
    ]
    (service,) = services(container(one, None, NOW) for one in rows)
    assert (service.running, service.wanted, service.missing) == (1, 1, 0)


def test_a_policy_that_gave_up_says_after_how_many() -> None:
    known = details(inspection(ExitCode=1, restarts=5, policy="on-failure"))
    known = details(
        {
            "RestartCount": 5,
            "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5}},
            "State": {},
        }
    )
    one = container(row(1, State="exited", Status="Exited (1) 1 hour ago"), known, NOW)
    assert one.why == "given up after 5 restarts"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-03-01T00:00:00", "9" * 400])
def test_a_time_that_is_none_is_missing(text: str) -> None:
    assert moment(text) is None


def test_a_bad_url_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        DockerSettings.model_validate({"url": f"tcp://app:{CANARY}@x@y:1"})
    assert CANARY not in str(caught.value)


def test_discovery_finds_what_the_environment_names(tmp_path: Path) -> None:
    (found,) = DockerProbe.discover({"DOCKER_HOST": "tcp://127.0.0.1:1", "COMPOSE_PROJECT_NAME": "shop"})
    assert found.settings == {"url": "env:DOCKER_HOST", "project": "shop"}


def test_every_rule_asks_for_what_the_gauges_give() -> None:
    names = {spec.name for spec in DockerProbe.gauges}
    labels = {"service", "replicas", "how", "value", "limit"}
    for rule in DockerProbe.rules:
        assert rule.gauge in names
        assert placeholders(rule.say) <= names | labels


# against a real Engine


class Real:
    """A probe of a real Engine, and a way to give it services to read."""

    def __init__(self, engine: docker.Engine) -> None:
        self.engine = engine
        self.project = f"opsroomtest{os.getpid()}"
        settings = DockerSettings.model_validate({"url": engine.url, "project": self.project})
        self.probe = DockerProbe(Target("real", "docker", settings), Context(NoSecrets()))

    def start(self, name: str, *command: str, options: tuple[str, ...] = ()) -> str:
        """Run a container as Compose would label it; its name."""
        labels = {
            docker.LABEL: str(os.getpid()),
            "com.docker.compose.project": self.project,
            "com.docker.compose.service": name,
        }
        words = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
        full = f"{self.project}-{name}-1"
        self.engine.run("run", "-d", "--network", "none", "--name", full, *words, *options, docker.IMAGE, *command)
        return full

    async def service(self, name: str, true: Callable[[Service], Any]) -> Service:
        """The service, as soon as this is true of it."""

        async def found() -> Service | None:
            facts = (await self.probe.read()).facts
            return next((one for one in facts.services if one.name == name and true(one)), None)

        return cast("Service", await until(found, within=30))

    async def end(self) -> None:
        await self.probe.close()
        of_project = f"label=com.docker.compose.project={self.project}"
        for id in self.engine.run("ps", "-aq", "--filter", of_project).split():
            self.engine.run("rm", "-f", id)


@pytest.fixture
async def real(docker_engine: docker.Engine) -> AsyncIterator[Real]:
    found = Real(docker_engine)
    yield found
    await found.end()


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_engine_is_read_cheaply(real: Real) -> None:
    real.start("web", "sh", "-c", "while :; do :; done", options=("--memory", "64m"))
    web = await real.service("web", lambda one: (one.cpu or 0) > 0.2 and one.memory)
    assert (web.running, web.wanted) == (1, 1)
    assert 0 < cast("float", web.memory_ratio) < 0.5
    snapshot = await real.probe.read()
    assert snapshot.took < 10
    assert snapshot.gaps == ()


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_kill_is_a_stop_by_hand_and_a_death_is_not(real: Real) -> None:
    killed = real.start("killed", "sleep", "1000", options=("--restart", "unless-stopped"))
    real.start("died", "sh", "-c", "exit 3")
    real.engine.run("kill", killed)
    found = await real.service("killed", lambda one: one.missing)
    assert (found.worst.word, found.worst.why) == ("exited 137", "stopped by hand")
    died = await real.service("died", lambda one: one.missing)
    assert (died.worst.word, died.worst.why) == ("exited 3", "")


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_lack_of_memory_is_named(real: Real) -> None:
    eat = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    real.start("eater", "sh", "-c", eat, options=("--memory", "16m", "--memory-swap", "16m"))
    found = await real.service("eater", lambda one: one.missing)
    assert (found.worst.word, found.worst.why) == ("exited 137", "killed for lack of memory")


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_crash_loop_is_a_loop(real: Real) -> None:
    real.start("crasher", "sh", "-c", "exit 1", options=("--restart", "always"))
    await real.service("crasher", lambda one: (one.restarts_recent or 0) >= 3)
    await real.service("crasher", lambda one: (one.restarts or 0) >= 3)  # its inspection may be a reading behind


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_check_that_fails_says_what_it_said(real: Real) -> None:
    check = ("--health-cmd", "echo port 80 closed; false", "--health-interval", "1s", "--health-retries", "1")
    real.start("sick", "sleep", "1000", options=check)
    found = await real.service("sick", lambda one: one.unhealthy)
    assert str(cast("Any", found.worst.health).said) == "port 80 closed"


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_log_is_followed_and_processes_are_listed(real: Real) -> None:
    real.start("talker", "sh", "-c", "echo out; echo oops >&2; sleep 1000")
    await real.service("talker", lambda one: one.running)
    seen: set[str] = set()
    async with (
        asyncio.timeout(10),
        aclosing(real.probe.follow("logs", "talker")) as log,
    ):
        async for one in log:
            seen.add(str(one).split("  ", 1)[1])
            if len(seen) == 2:
                break
    assert seen == {"out", "err  oops"}
    assert any("sleep" in str(line) for line in (await real.probe.look("top", "talker")).lines)
    assert any("images" in str(line) for line in (await real.probe.look("df", "")).lines)


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_container_without_control_groups_is_streamed(real: Real, tmp_path: Path) -> None:
    real.start("web", "sh", "-c", "while :; do :; done")
    real.probe._groups = ControlGroups(str(tmp_path), str(tmp_path))
    web = await real.service("web", lambda one: (one.cpu or 0) > 0.2)
    assert web.memory is not None


@pytest.mark.engine
@pytest.mark.docker
async def test_a_real_compose_project_is_read_by_its_labels(compose_project: docker.Project) -> None:
    settings = DockerSettings.model_validate({"url": compose_project.engine.url, "project": compose_project.name})
    probe = DockerProbe(Target("real", "docker", settings), Context(NoSecrets()))

    async def complete() -> dict[str, Service] | None:
        found = {one.name: one for one in (await probe.read()).facts.services}
        return found if found["web"].unhealthy == 0 and (found["crasher"].restarts or 0) > 0 else None

    services = cast("dict[str, Service]", await until(complete, within=30))
    assert set(services) == {"web", "worker", "crasher"}
    assert (services["web"].running, services["web"].wanted) == (2, 2)
    assert services["web"].worst.ports
    assert not any(one.stray for service in services.values() for one in service.containers)
    await probe.close()


# images


async def test_the_image_a_container_runs_is_told_with_its_age_and_what_its_name_means_now(
    engine: FakeEngine, make: Make
) -> None:
    moved = row(2, service="worker", Image="sha256:" + "cd" * 32, ImageID="sha256:" + "cd" * 32)
    engine.rows = [row(1), moved]
    engine.inspections[ident(2)] = inspection() | {"Config": {"Image": "shop/web:1.4"}}
    engine.images = [listed(), listed("cd", "<none>:<none>")]
    snapshot = await make().read()
    found = {one.id: one for one in snapshot.facts.containers}
    assert (found[ident(1)].outdated, found[ident(2)].outdated) == (False, True)
    assert found[ident(1)].image_created == NOW - timedelta(days=1)
    assert str(found[ident(2)].image_name) == "shop/web:1.4"
    assert snapshot.gauge("image_outdated", service="worker") == 1
    assert snapshot.gauge("image_outdated", service="web") == 0
    assert snapshot.facts.images[1].names == () or snapshot.facts.images[0].names == ()


async def test_images_are_listed_now_and_then_and_when_a_new_one_is_in_use(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1)]
    clock = Clock()
    probe = make(clock)
    for _ in range(3):
        await probe.read()
    assert engine.count("/images/json") == 1
    engine.rows = [row(1), row(2, ImageID="sha256:" + "ef" * 32)]
    clock.seconds += 11
    await probe.read()
    assert engine.count("/images/json") == 2
    clock.seconds += 31
    await probe.read()
    assert engine.count("/images/json") == 3


async def test_a_name_that_nobody_can_look_up_leaves_it_unknown_whether_it_is_outdated(
    engine: FakeEngine, make: Make
) -> None:
    engine.rows = [row(1, Image="gone/web:9"), row(2, Image="shop/web:1.4", ImageID="odd")]
    snapshot = await make().read()
    assert [one.outdated for one in snapshot.facts.containers] == [None, None]
    assert snapshot.gauge("image_outdated", service="web") is None


async def test_a_server_that_is_no_engine_is_called_that_and_not_a_thing_that_is_gone(
    engine: FakeEngine, make: Make
) -> None:
    engine.raw["/version"] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found"
    with pytest.raises(ProbeError, match="answered HTTP 404, and not as a Docker Engine does") as told:
        await make().read()
    assert told.value.cause is Cause.GARBAGE


async def test_what_does_not_run_has_no_processes_and_the_engine_is_not_asked(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, State="exited", Status="Exited (3) 2 minutes ago")]
    probe = make()
    await probe.read()
    with pytest.raises(ProbeError, match="does not run: it has no processes"):
        await probe.look("top", "web")
    assert engine.count("/top") == 0


async def test_the_look_at_images_says_what_runs_and_what_floats(engine: FakeEngine, make: Make) -> None:
    engine.rows = [row(1, Image="shop/web")]
    engine.images = [listed("ab", "shop/web:latest")]
    probe = make()
    await probe.read()
    said = "\n".join(map(str, (await probe.look("deploys", "web")).lines))
    assert "shop/web:latest means whatever was pushed or built last" in said
    assert "nothing is remembered of before" in said
    assert "this one" in said


@pytest.mark.parametrize(
    ("name", "familiar"),
    [
        ("postgres", "postgres:latest"),
        ("docker.io/library/postgres:15", "postgres:15"),
        ("index.docker.io/shop/web", "shop/web:latest"),
        ("localhost:5000/shop/web", "localhost:5000/shop/web:latest"),
        ("localhost:5000/shop/web:2@sha256:" + "ab" * 32, "localhost:5000/shop/web@sha256:" + "ab" * 32),
    ],
)
def test_an_image_s_name_is_read_as_the_engine_lists_it(name: str, familiar: str) -> None:
    found = reference(name)
    assert found is not None
    assert found.familiar == familiar


@pytest.mark.parametrize("name", ["", "sha256:" + "ab" * 32, "-f", "a b", "web;reboot", "web:", "../web", "x" * 600])
def test_what_is_no_image_s_name_is_none(name: str) -> None:
    assert reference(name) is None
