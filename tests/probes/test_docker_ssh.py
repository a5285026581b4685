"""A real Engine behind a real sshd: its socket is led to one of ours, and each fault there has its own words."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from desk.guard import lock_of
from probes.base import Cause, Context, ProbeError, Request, Result, Target, Truth
from probes.docker.act import DockerActuator
from probes.docker.probe import DockerProbe
from probes.docker.settings import DockerSettings
from tests.probes.acting import carried_out, perform
from tests.probes.sshing import ready
from tests.stack import docker
from tests.stack.faultproxy import FaultProxy, Mode
from tests.stack.sshd import HOST, Sshd
from tests.toys import NoSecrets

pytestmark = [pytest.mark.engine, pytest.mark.docker]

LONG = 30.0
SERVES = "trap 'exit 0' TERM; while :; do sleep 0.2 & wait $!; done"


@pytest.fixture
def server(new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch) -> Sshd:
    return ready(new_sshd(), monkeypatch)


@pytest.fixture
def container(docker_engine: docker.Engine) -> Iterator[str]:
    """The name of one that runs."""
    name = f"far-{os.getpid()}"
    words = ["--label", f"{docker.LABEL}={os.getpid()}", "--network", "none", "--stop-timeout", "1", "--name", name]
    docker_engine.run("run", "-d", *words, docker.IMAGE, "sh", "-c", SERVES)
    yield name
    docker_engine.run("rm", "-f", "-v", name)


def target(path: object, **settings: Any) -> Target:
    given = DockerSettings.model_validate({"ssh": HOST, "url": f"unix://{path}", "timeout": LONG} | settings)
    return Target("box", "docker", given)


@contextlib.asynccontextmanager
async def probing(path: object, **settings: Any) -> AsyncIterator[DockerProbe]:
    one = DockerProbe(target(path, **settings), Context(NoSecrets()))
    try:
        yield one
    finally:
        await one.close()
        await one.close()


@contextlib.asynccontextmanager
async def acting(path: object, **settings: Any) -> AsyncIterator[DockerActuator]:
    one = DockerActuator(target(path, **settings), Context(NoSecrets()))
    try:
        yield one
    finally:
        await one.close()
        await one.close()


async def failure(path: object) -> ProbeError:
    async with probing(path) as probe:
        with pytest.raises(ProbeError) as caught:
            await probe.read()
    return caught.value


async def test_an_engine_there_is_read_and_its_logs_are_followed(
    server: Sshd, docker_engine: docker.Engine, container: str
) -> None:
    async with probing(docker_engine.socket) as probe:
        facts = (await probe.read()).facts
        assert str(facts.version) == docker_engine.version
        found = [one for service in facts.services for one in service.containers if str(one.name) == container]
        assert [one.state for one in found] == ["running"]
        assert (await probe.look("top", container)).lines
        (console,) = probe.consoles(facts, container)
        assert console.env["DOCKER_HOST"].startswith("unix://")
        assert "opsroom-ssh-" in console.env["DOCKER_HOST"]
        assert container in {
            str(one.name) for service in (await probe.read()).facts.services for one in service.containers
        }
    assert server.log().count("Accepted publickey") == 1


async def test_a_container_there_is_restarted_once_and_seen_to_run(
    server: Sshd, docker_engine: docker.Engine, container: str
) -> None:
    async with acting(docker_engine.socket) as actuator:
        done = await perform(actuator, Request("restart", (f"/{container}",)))
        assert [one.result for one in done.outcomes] == [Result.DONE]
        assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED]
        assert done.plan.command == (f"ssh web-1 docker restart {container}",)
        assert f"{docker_engine.socket} on web-1" in str(done.plan.place)


async def test_over_ssh_and_without_it_is_one_engine_with_one_lock(
    server: Sshd, docker_engine: docker.Engine, container: str
) -> None:
    request = Request("restart", (f"/{container}",))
    local = DockerActuator(
        Target("local", "docker", DockerSettings(url=docker_engine.url, timeout=LONG)), Context(NoSecrets())
    )
    async with acting(docker_engine.socket) as actuator:
        far, near = await actuator.plan(request), await local.plan(request)
    await local.close()
    assert far.pin == near.pin
    assert lock_of(far) == lock_of(near)
    assert far.subjects[0].identity == near.subjects[0].identity


@pytest.mark.once
async def test_an_answer_that_is_lost_there_is_unknown_and_not_asked_for_again(
    server: Sshd, docker_engine: docker.Engine, container: str, tmp_path: Path
) -> None:
    with FaultProxy(docker_engine.socket, listen=tmp_path / "engine.sock") as proxy:
        async with acting(proxy.listen) as actuator:
            plan = await actuator.plan(Request("restart", (f"/{container}",)))
            proxy.become(Mode.LOSE, when=b"POST /")
            outcome = await carried_out(actuator, plan, plan.chosen[0], [])
            assert outcome.result is Result.UNKNOWN
            assert proxy.seen(b"POST /") == 1


async def test_a_new_login_is_met_as_a_new_engine(server: Sshd, docker_engine: docker.Engine, container: str) -> None:
    async with probing(docker_engine.socket) as probe:
        first = await probe.read()
        assert probe._line is not None
        await probe._line.end()
        second = await probe.read()
        assert first.facts.engine == second.facts.engine
    assert server.log().count("Accepted publickey") == 2


async def test_no_socket_there_is_said(server: Sshd, tmp_path: Path) -> None:
    error = await failure(tmp_path / "none.sock")
    assert error.cause is Cause.REFUSED
    assert f"there is no socket {tmp_path}/none.sock on web-1" in str(error.message)


async def test_something_that_is_no_socket_is_not_ours_to_use(server: Sshd, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = await failure(tmp_path / "file")
    assert error.cause is Cause.DENIED
    assert "may not use" in str(error.message)


async def test_an_sshd_that_leads_to_no_sockets_is_said(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, docker_engine: docker.Engine
) -> None:
    ready(new_sshd({"AllowStreamLocalForwarding": "no"}), monkeypatch)
    error = await failure(docker_engine.socket)
    assert "no Engine answers" in str(error.message)
    assert "AllowStreamLocalForwarding" in str(error.hint)


async def test_a_machine_that_lets_nobody_in_is_told_as_that(server: Sshd, docker_engine: docker.Engine) -> None:
    (server.folder / "authorized_keys").write_text("")
    error = await failure(docker_engine.socket)
    assert error.cause is Cause.AUTH


async def test_a_silent_engine_there_is_late(server: Sshd, docker_engine: docker.Engine, tmp_path: Path) -> None:
    with FaultProxy(docker_engine.socket, listen=tmp_path / "engine.sock") as proxy:
        async with probing(proxy.listen, timeout=2) as probe:
            proxy.become(Mode.SILENT)
            with pytest.raises(ProbeError) as caught:
                async with asyncio.timeout(LONG):
                    await probe.read()
            assert caught.value.cause is Cause.TIMEOUT_READ
            assert "on web-1" in str(caught.value.message)
