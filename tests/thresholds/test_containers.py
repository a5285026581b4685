"""Threshold rows of a container, on the real Docker Engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from probes.base import Severity
from tests.stack.docker import Engine
from tests.thresholds.room import opened

pytestmark = [pytest.mark.engine, pytest.mark.docker]

PROJECT = f"thresholds{os.getpid()}"


@pytest.fixture
def inside(docker_engine: Engine) -> Iterator[Callable[[str], str]]:
    """Runs a command in a container that may have 200 MiB, and has a file system in memory."""
    labels = (f"com.docker.compose.project={PROJECT}", "com.docker.compose.service=newsletter-app")
    options = [word for label in labels for word in ("--label", label)]
    options += ["--memory", "200m", "--tmpfs", "/held:size=256m", "--stop-timeout", "0"]
    docker_engine.run("run", "-d", "--name", PROJECT, *options, "opsroom-test/bb:1", "sleep", "3600")
    yield lambda command: docker_engine.run("exec", PROJECT, "sh", "-c", command)
    docker_engine.run("rm", "-f", PROJECT)


async def test_e20_a_service_uses_more_than_90_percent_of_what_it_may(
    docker_engine: Engine, inside: Callable[[str], str]
) -> None:
    service = {"service": "newsletter-app"}
    place = {"url": docker_engine.url, "project": PROJECT}
    async with opened("newsletter", {"compose": place}, real=True) as room:
        room.before = lambda: docker_engine.run("inspect", PROJECT)
        alert = await room.proves(
            "compose", "memory", severity=Severity.WARNING, words="newsletter-app.*9[0-9].*%.*", labels=service,
            hold=10.0, late=60,
            passes=lambda room: (room.gauge("compose", "memory_ratio", **service) or 0) > 0.9,
            bad=lambda: inside("dd if=/dev/zero of=/held/file bs=1M count=186"), good=lambda: inside("rm /held/file"),
        )  # fmt: skip
        assert alert.limit == 0.9
