"""The played Docker Engine, asked by Opsroom's own probe and acts, by Docker's client library and by Compose itself."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from probes.base import Context, ProbeError, Request, Result, Snapshot, Target, Truth
from probes.docker.act import DockerActuator
from probes.docker.facts import DockerFacts
from probes.docker.probe import DockerProbe
from probes.docker.settings import DockerSettings
from systems.docker import compose
from systems.docker.api import listen
from systems.docker.containers import Container
from systems.docker.engine import Engine
from systems.docker.images import Image
from systems.stage import free_ports
from tests.missing import missing
from tests.probes.acting import Performed, perform
from tests.stack import docker as stack

PATIENCE = 40.0
PROJECT = "shop"

WORKER = """
import os, sys, time
print("begun with", os.environ.get("LEVEL"), flush=True)
print("a complaint", file=sys.stderr, flush=True)
if "grow" in sys.argv:
    kept = bytearray(64 << 20)
    kept[::4096] = b"x" * len(kept[::4096])
if "fail" in sys.argv:
    sys.exit(3)
while True:
    time.sleep(0.1)
"""

FILE = """
name: shop
services:
  api:
    image: shop/api:1.0
    ports: ["127.0.0.1:{port}:8000"]
    restart: unless-stopped
    stop_grace_period: 1s
    mem_limit: 300m
    healthcheck:
      test: ["CMD", "curl", "-f", "http://127.0.0.1:{port}/"]
      interval: 500ms
      timeout: 3s
      retries: 1
      start_period: 20s
    depends_on: [worker]
  worker:
    image: shop/worker:1.0
    environment: {{LEVEL: "${{LEVEL:-quiet}}"}}
    restart: always
    stop_grace_period: 1s
    deploy: {{replicas: 2}}
"""


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


class Shop:
    """A project on an Engine of the test's own, and the probe and the acts that reach it."""

    def __init__(self, folder: Path) -> None:
        (folder / "worker.py").write_text(WORKER)
        python = (sys.executable, "-u")
        self.port = free_ports(["api"])["api"]
        serving = (*python, "-m", "http.server", str(self.port), "--bind", "127.0.0.1", "--directory", str(folder))
        worker = (*python, str(folder / "worker.py"))
        self.folder = folder
        self.file = folder / "compose.yaml"
        self.file.write_text(FILE.format(port=self.port))
        newer = Image("shop/worker:1.1", worker, {"NEWER": "1"}, timedelta(hours=1))
        self.engine = Engine(folder, [Image("shop/api:1.0", serving), Image("shop/worker:1.0", worker)], [newer])
        url = f"unix://{folder / 'd.sock'}"
        self.target = Target("box", "docker", DockerSettings.model_validate({"url": url, "project": PROJECT}))
        self.probe = DockerProbe(self.target, Context(NoSecrets()))
        self.actuator = DockerActuator(self.target, Context(NoSecrets()))

    async def make(self, *words: str, **host: Any) -> Container:
        """One container beside the project, started."""
        made = self.engine.create("", {"Image": "shop/worker:1.0", "Cmd": [*words], "Labels": {}, "HostConfig": host})
        await made.start()
        return made

    async def seen(self, true: Callable[[DockerFacts], Any]) -> Snapshot[DockerFacts]:
        """Read until it is so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.probe.read()
                if true(found.facts):
                    return found
                await asyncio.sleep(0.1)

    async def do(self, action: str, *subjects: str, number: int | None = None) -> Performed:
        return await perform(self.actuator, Request(action, subjects, number))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Shop]:
    made = Shop(folder)
    server = await listen(made.engine, folder / "d.sock")
    try:
        await made.engine.up(made.file)
        yield made
    finally:
        await made.probe.close()
        await made.actuator.close()
        await made.engine.close()
        server.close()


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """As on a machine without the docker program: what is tested with this needs none."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "ps").symlink_to(shutil.which("ps") or "/bin/ps")
    monkeypatch.setenv("PATH", str(programs))
    async with opened(tmp_path) as made:
        yield made


@pytest.fixture
async def composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """Where Compose's own program is."""
    if config := stack.environment().get("DOCKER_CONFIG"):
        monkeypatch.setenv("DOCKER_CONFIG", config)
    if not _compose_is_here():
        missing("no docker compose here; tests/stack/up fetches it")
    async with opened(tmp_path) as made:
        yield made


def _compose_is_here() -> bool:
    try:
        return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


async def until(true: Callable[[], Any], what: str) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"waited for {what}")


def by_name(facts: DockerFacts, name: str) -> Any:
    return next(service for service in facts.services if service.name == name)


async def test_the_probe_reads_a_project_with_its_health_its_use_its_log_and_its_events(shop: Shop) -> None:
    def whole(facts: DockerFacts) -> bool:
        every = [one for service in facts.services for one in service.containers]
        checked = by_name(facts, "api").containers[0].health
        return checked is not None and checked.word == "healthy" and all(one.use.memory for one in every)

    found = await shop.seen(whole)
    assert {service.name: len(service.containers) for service in found.facts.services} == {"api": 1, "worker": 2}
    assert not found.gaps
    api = by_name(found.facts, "api").containers[0]
    assert [str(port) for port in api.ports] == [f"127.0.0.1:{shop.port}→8000"]
    assert api.details.memory_limit == 300 << 20
    assert api.details.policy == "unless-stopped"
    assert not found.facts.root, "it tells that it is nobody's root"
    lines = [str(line) for line in (await shop.probe.look("logs", "worker")).lines]
    assert any("begun with quiet" in line for line in lines)
    assert any("err  a complaint" in line for line in lines)
    processes = await shop.probe.look("top", "shop-worker-1")
    assert any("python" in str(line) for line in processes.lines)
    os.kill(shop.engine.of("worker")[0].pid, signal.SIGKILL)
    told = await shop.seen(lambda facts: any(event.what == "ended, exit code 137" for event in facts.events))
    assert str(told.facts.events[-1].name).startswith("shop-")


async def test_what_dies_by_itself_comes_back_and_what_was_stopped_by_hand_does_not(shop: Shop) -> None:
    one = shop.engine.of("worker")[0]
    first = one.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: one.restarts == 1 and one.pid, "its restart")
    assert one.pid != first
    done = await shop.do("stop", one.name)
    assert [outcome.result for outcome in done.outcomes] == [Result.DONE]
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED]
    assert not _lives(first)
    assert (one.state, one.exit_code) == ("exited", 143)
    done = await shop.do("start", one.name)
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED]


async def test_a_service_is_restarted_and_confirmed(shop: Shop) -> None:
    before = [one.pid for one in shop.engine.of("worker")]
    done = await shop.do("restart", "worker")
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED, Truth.CONFIRMED]
    now = [one.pid for one in shop.engine.of("worker")]
    assert all(now)
    assert not set(now) & set(before)


async def test_without_compose_a_service_is_not_scaled_and_it_is_said_why(shop: Shop) -> None:
    with pytest.raises(ProbeError, match="docker is not installed"):
        await shop.do("scale", "worker", number=3)
    assert len(shop.engine.of("worker")) == 2


async def test_a_policy_of_so_many_failures_ends_and_their_pauses_grow(shop: Shop) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    one = await shop.make("fail", RestartPolicy=policy)
    await until(lambda: one.state == "exited", "its end")
    assert (one.restarts, one.exit_code) == (2, 3)
    assert sum(b"begun" in line.text for line in one.lines) == 3


async def test_a_program_that_is_not_there_is_told_in_the_log(shop: Shop) -> None:
    shop.engine.images.keep(Image("shop/none:1", ("/nowhere",)))
    one = shop.engine.create("none", {"Image": "shop/none:1", "Labels": {}})
    await one.start()
    await until(lambda: one.state == "exited", "its end")
    assert one.exit_code == 127
    assert [line.text for line in one.lines] == [b"/nowhere: No such file or directory\n"]


async def test_who_holds_more_memory_than_it_may_is_killed(shop: Shop) -> None:
    one = await shop.make("grow", Memory=40 << 20)
    await until(lambda: one.state == "exited", "its end")
    assert (one.out_of_memory, one.exit_code) == (True, 137)
    assert [event["Action"] for event in shop.engine.events if event["id"] == one.id][-2:] == ["oom", "die"]


async def test_a_check_that_fails_is_told(shop: Shop) -> None:
    (api,) = shop.engine.of("api")
    await until(lambda: api.check is not None and api.check.word == "healthy", "its health")
    os.kill(api.pid, signal.SIGSTOP)  # it listens still, and answers nobody
    body = {"Test": ["CMD-SHELL", "exit 1"], "Interval": 100_000_000, "Retries": 1}
    failing = shop.engine.create("failing", {"Image": "shop/worker:1.0", "Labels": {}, "Healthcheck": body})
    await failing.start()
    await until(lambda: failing.check is not None and failing.check.word == "unhealthy", "its ill health")
    await until(lambda: api.check is not None and api.check.word == "unhealthy", "the end of its health")


async def test_dockers_own_library_is_answered(shop: Shop) -> None:
    import docker

    def ask() -> tuple[list[str], str, Any]:
        client = docker.DockerClient(f"unix://{shop.folder / 'd.sock'}", version="auto", timeout=PATIENCE)
        try:
            found = client.containers.list(filters={"label": "com.docker.compose.service=worker"})
            log = found[0].logs(tail=5).decode()
            client.images.get("shop/worker:1.0").tag("shop/worker", "kept")
            with pytest.raises(docker.errors.APIError, match="simulated"):
                found[0].exec_run("ls")
            return sorted(one.name for one in found), log, found[0].stats(stream=False)
        finally:
            client.close()

    names, log, use = await asyncio.to_thread(ask)
    assert names == ["shop-worker-1", "shop-worker-2"]
    assert "begun with quiet" in log
    assert use["memory_stats"]["usage"] > 1 << 20
    kept = shop.engine.images.find("shop/worker:kept")
    assert kept is not None
    assert kept is shop.engine.images.find("shop/worker:1.0")


def test_no_container_outlives_its_engine(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere the keeper of the stage ends them")
    (tmp_path / "worker.py").write_text(WORKER)
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom systems.docker.engine import Engine\n"
        "from systems.docker.images import Image\nasync def main():\n"
        "    engine = Engine(Path(sys.argv[1]), [Image('w:1', (sys.executable, sys.argv[1] + '/worker.py'))])\n"
        "    one = engine.create('one', {'Image': 'w:1', 'Labels': {}})\n    await one.start()\n"
        "    print(one.pid, flush=True)\n    await asyncio.sleep(600)\nasyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdout is not None
        pid = int(keeper.stdout.readline())
        assert _lives(pid)
        keeper.kill()
    end = time.monotonic() + PATIENCE
    while _lives(pid):
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    """One that nobody has buried yet lives no more."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_a_compose_file_is_read_as_compose_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GIVEN", "from outside")
    (tmp_path / ".env").write_text('# kept\nTOKEN="abc"\nGIVEN=from the file\n')
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices:\n  api:\n    image: shop/api:${TAG:-1.0}\n    command: serve --loud\n"
        '    environment: ["TOKEN=${TOKEN}", GIVEN=$GIVEN, COST=$$5, NONE=]\n    stop_grace_period: 1m30s\n'
        "    mem_limit: 1g\n    restart: on-failure:3\n    healthcheck: {test: exit 0, interval: 1500ms}\n"
    )
    (service,) = (await compose.read(tmp_path / "compose.yaml")).services
    body = service.body
    assert (service.image, service.replicas) == ("shop/api:1.0", 1)
    assert body["Env"] == ["COST=$5", "GIVEN=from outside", "NONE=", "TOKEN=abc"]
    assert body["Cmd"] == ["serve", "--loud"]
    assert (body["StopTimeout"], body["HostConfig"]["Memory"]) == (90, 1 << 30)
    assert body["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}
    assert body["Healthcheck"] == {"Test": ["CMD-SHELL", "exit 0"], "Interval": 1_500_000_000, "Retries": 0}


# Compose's own program


async def run(shop: Shop, *words: str) -> str:
    argv = ["docker", "compose", "-p", PROJECT, "-f", str(shop.file), *words]
    there = {**os.environ, "DOCKER_HOST": f"unix://{shop.folder / 'd.sock'}"}
    process = await asyncio.create_subprocess_exec(*argv, env=there, stdout=-1, stderr=-2)
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


@pytest.mark.engine
async def test_compose_finds_its_own_project_as_its_file_says(composed: Shop) -> None:
    before = set(composed.engine.containers)
    await run(composed, "up", "-d")
    assert set(composed.engine.containers) == before, "nothing was made anew"
    told = [json.loads(line) for line in (await run(composed, "ps", "--format", "json")).splitlines()]
    assert sorted(one["Name"] for one in told) == ["shop-api-1", "shop-worker-1", "shop-worker-2"]


@pytest.mark.engine
async def test_a_service_is_scaled_both_ways_and_confirmed(composed: Shop) -> None:
    first = [one.id for one in composed.engine.of("worker")]
    for number in (4, 1):
        done = await composed.do("scale", "worker", number=number)
        assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED], done
        now = [one.id for one in composed.engine.of("worker")]
        assert len(now) == number
        assert now[:1] == first[:1], "the first of them was left alone"


@pytest.mark.engine
async def test_a_changed_environment_comes_with_new_containers(composed: Shop) -> None:
    before = [one.id for one in composed.engine.of("worker")]
    (composed.folder / ".env").write_text("LEVEL=loud\n")
    done = await composed.do("recreate", "worker")
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED], done
    now = composed.engine.of("worker")
    assert len(now) == 2
    assert not {one.id for one in now} & set(before)
    await until(lambda: all(one.environment()["LEVEL"] == "loud" for one in now), "its environment")
    await until(lambda: all(any(b"with loud" in line.text for line in one.lines) for one in now), "their first words")


@pytest.mark.engine
async def test_an_image_that_was_pulled_is_deployed(composed: Shop) -> None:
    composed.file.write_text(composed.file.read_text().replace("worker:1.0", "worker:1.1"))
    await run(composed, "pull", "worker")
    done = await composed.do("deploy", "worker")
    assert [verdict.truth for verdict in done.verdicts] == [Truth.CONFIRMED], done
    assert {one.image.name for one in composed.engine.of("worker")} == {"shop/worker:1.1"}
