"""Lines that go to another machine: which target takes them, and which one does not. No server is needed."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from desk.commandline import recognised
from probes.base import Cause, Context, ProbeError, Request, Target
from probes.docker.act import DockerActuator
from probes.docker.settings import DockerSettings
from probes.systemd.act import SystemdActuator
from probes.systemd.probe import SystemdSettings
from tests.probes.acting import comes_back
from tests.toys import NoSecrets


def systemd(**settings: Any) -> SystemdActuator:
    given = SystemdSettings.model_validate({"ssh": "web-1"} | settings)
    return SystemdActuator(Target("box", "systemd", given), Context(NoSecrets()))


def docker(**settings: Any) -> DockerActuator:
    given = DockerSettings.model_validate({"ssh": "web-1"} | settings)
    return DockerActuator(Target("box", "docker", given), Context(NoSecrets()))


@pytest.mark.parametrize(
    ("line", "taken", "warned"),
    [
        ("ssh web-1 systemctl restart x", True, False),
        ("ssh web-1 'systemctl restart x'", True, False),
        ('ssh web-1 "sudo systemctl restart x"', True, False),
        ("ssh web-1 sudo -n systemctl restart x.service", True, False),
        ("ssh web-1 service x restart", True, False),
        ("systemctl restart x", True, True),
        ("ssh web-2 systemctl restart x", False, False),
        ("ssh ops@web-1 systemctl restart x", False, False),
        ("ssh -p 2222 web-1 systemctl restart x", False, False),
        ("sudo ssh web-1 systemctl restart x", False, False),
        ("ssh web-1 'systemctl restart x; reboot'", False, False),
        ("ssh web-1 'systemctl restart $UNIT'", False, False),
        ("ssh web-1", False, False),
        ("ssh web-1 uptime", False, False),
    ],
)
def test_a_line_for_a_machine_is_taken_by_its_target_alone(line: str, taken: bool, warned: bool) -> None:
    found = recognised(line, systemd())
    assert (found.request if found else None) == (Request("restart", ("x.service",)) if taken else None)
    assert bool(found and "this is done by ssh web-1" in found.warning) is warned


@pytest.mark.parametrize("unit", ["nginx.service", "web@1.service", "dev-disk\\x2dby.service", "a:b_c.timer"])
@pytest.mark.parametrize("sudo", [False, True])
def test_every_request_comes_back_from_the_line_that_goes_there(unit: str, sudo: bool) -> None:
    actuator = systemd(sudo=sudo)
    assert comes_back(actuator, Request("restart", (unit, "b.service")))
    assert actuator.render(Request("stop", ("a.service",))).startswith("ssh web-1 ")


@pytest.mark.parametrize(
    ("line", "taken", "warned"),
    [
        ("ssh web-1 docker restart api", True, False),
        ("ssh web-1 'docker restart api'", True, False),
        ("docker -H ssh://web-1 restart api", True, False),
        ("DOCKER_HOST=ssh://web-1 docker restart api", True, False),
        ("docker restart api", True, True),
        ("docker -H ssh://web-2 restart api", False, False),
        ("docker -H unix:///var/run/docker.sock restart api", False, False),
        ("ssh web-2 docker restart api", False, False),
        ("ssh web-1 'docker restart api && reboot'", False, False),
    ],
)
def test_a_line_for_an_engine_is_taken_by_its_target_alone(line: str, taken: bool, warned: bool) -> None:
    found = recognised(line, docker())
    assert (found.request if found else None) == (Request("restart", ("/api",)) if taken else None)
    assert bool(found and "this is done on web-1" in found.warning) is warned


def test_a_request_to_an_engine_there_comes_back_from_its_line() -> None:
    assert docker().render(Request("restart", ("/api",))) == "ssh web-1 docker restart api"
    assert comes_back(docker(), Request("restart", ("/api", "/web")))


@pytest.mark.parametrize("action", ["recreate", "deploy", "pull", "scale", "roll-back"])
async def test_what_compose_does_is_not_done_from_here_for_an_engine_there(action: str) -> None:
    number = 2 if action == "scale" else None
    with pytest.raises(ProbeError) as caught:
        await docker().plan(Request(action, ("shop/api",), number, "x" if action == "roll-back" else ""))
    assert caught.value.cause is Cause.MISSING
    assert "Compose files lie on web-1" in str(caught.value.message)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ssh": "web-1", "prefix": ["docker", "exec", "x"]}, "two ways to a machine"),
        ({"ssh": "-oProxyCommand=x"}, "a Host of your ssh configuration"),
        ({"ssh": "web-1 -p 22"}, "a Host of your ssh configuration"),
    ],
)
def test_a_way_to_a_systemd_that_can_t_be_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SystemdSettings.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ssh": "web-1", "url": "tcp://10.0.0.1:2375"}, "path of the socket there"),
        ({"ssh": "web-1", "url": "env:DOCKER_HOST"}, "path of the socket there"),
        ({"ssh": "web-1", "tls": "/certs"}, "TLS is not needed"),
        ({"ssh": "-oProxyCommand=x"}, "a Host of your ssh configuration"),
    ],
)
def test_a_way_to_an_engine_that_can_t_be_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DockerSettings.model_validate(settings)


def test_an_engine_there_is_asked_at_its_own_socket_and_not_at_that_of_our_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.9.9.9:2375")
    for url, path in ((None, "/var/run/docker.sock"), ("unix:///run/user/7/docker.sock", "/run/user/7/docker.sock")):
        tunnel = DockerSettings.model_validate({"ssh": "web-1", "url": url}).tunnel
        assert tunnel is not None
        assert (tunnel.path, tunnel.where) == (path, f"{path} on web-1")
