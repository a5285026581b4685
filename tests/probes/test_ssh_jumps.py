"""Machines by way of another one, over two real sshds: everything works through it, and a fault says where it lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from probes.base import Cause, Context, Target
from probes.docker.probe import DockerProbe
from probes.docker.settings import DockerSettings
from probes.exec import Ran
from probes.exec.ssh import NotBegun, Way
from probes.exec.ssh_words import detour_failed, jumps_of
from probes.host.probe import HostProbe, HostSettings
from probes.systemd.probe import SystemdProbe, SystemdSettings
from tests.probes.sshing import JUMP, between, by_jump, ready
from tests.stack import docker, places
from tests.stack import systemd as systemd_stack
from tests.stack.sshd import HOST, Sshd
from tests.toys import NoSecrets

LONG = 60.0
KNOWN = "opsroom-test "


@pytest.fixture
def server(new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch) -> Sshd:
    return ready(new_sshd(), monkeypatch)


@pytest.fixture
def jump(new_sshd: Callable[..., Sshd]) -> Sshd:
    return new_sshd()


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    one = Way(HOST)
    yield one
    await one.close()


def logins(server: Sshd) -> int:
    return server.log().count("Accepted publickey")


async def refused(way: Way) -> NotBegun:
    with pytest.raises(NotBegun) as caught:
        async with asyncio.timeout(LONG):
            await way.line()
    return caught.value


# What works through it


@pytest.mark.engine
async def test_a_machine_behind_a_jump_host_is_read_again_and_again_over_one_login(server: Sshd, jump: Sshd) -> None:
    by_jump(server, jump)
    probe = HostProbe(
        Target("web", "host", HostSettings.model_validate({"ssh": HOST, "timeout": LONG})), Context(NoSecrets())
    )
    try:
        for _ in range(3):
            facts = (await probe.read()).facts
            assert facts.memory.total
        assert (logins(jump), logins(server)) == (1, 1)
    finally:
        await probe.close()


@pytest.mark.engine
@pytest.mark.docker
async def test_an_engine_behind_a_jump_host_is_read(server: Sshd, jump: Sshd, docker_engine: docker.Engine) -> None:
    by_jump(server, jump)
    given = {"ssh": HOST, "url": f"unix://{docker_engine.socket}", "timeout": LONG}
    probe = DockerProbe(Target("box", "docker", DockerSettings.model_validate(given)), Context(NoSecrets()))
    try:
        assert str((await probe.read()).facts.version) == docker_engine.version
        assert (logins(jump), logins(server)) == (1, 1)
    finally:
        await probe.close()


@pytest.mark.engine
@pytest.mark.systemd
async def test_units_behind_a_jump_host_are_read(
    new_sshd: Callable[..., Sshd], jump: Sshd, monkeypatch: pytest.MonkeyPatch, systemd_host: systemd_stack.Host
) -> None:
    program, *words = systemd_host.prefix
    there = between(new_sshd, monkeypatch, (str(places.needed(program)), *words))
    by_jump(there.server, jump)
    given = SystemdSettings.model_validate({"ssh": HOST, "units": ["dbus.service"], "timeout": LONG})
    probe = SystemdProbe(Target("box", "systemd", given), Context(NoSecrets()))
    try:
        assert "dbus.service" in [unit.id for unit in (await probe.read()).facts.units]
        assert (logins(jump), there.logins()) == (1, 1)
    finally:
        await probe.close()


@pytest.mark.engine
async def test_a_jump_host_that_is_lost_is_named_and_gone_by_again_when_it_is_back(
    server: Sshd, jump: Sshd, way: Way
) -> None:
    by_jump(server, jump)
    line = await way.line()
    assert (await line.run(["echo", "x"])).out == b"x\n"
    by_jump(server, jump, Port="1")
    await line.end()
    error = await refused(way)
    assert (error.cause, str(error.message)) == (Cause.REFUSED, f"on the way to {HOST}: connection refused by {JUMP}")
    by_jump(server, jump)
    async with asyncio.timeout(LONG):
        while True:  # for a second the others hear of the same failure
            try:
                line = await way.line()
                break
            except NotBegun:
                await asyncio.sleep(0.1)
    assert (await line.run(["echo", "y"])).out == b"y\n"


# What can go wrong on it


@dataclass(frozen=True)
class Fault:
    """Something that is wrong with a jump host, or behind it."""

    cause: Cause
    words: str
    hint: str
    sshd: dict[str, str] = field(default_factory=dict)
    """Lines of the jump host's sshd_config."""
    client: dict[str, str] = field(default_factory=dict)
    """Lines of the client's configuration for the jump host."""
    beyond: dict[str, str] = field(default_factory=dict)
    """The same for the server behind it."""
    lets_in: bool = True
    known: str = ""
    """What the file of known hosts says of it; empty: its key."""


FAULTS = {
    "lets nobody in": Fault(Cause.AUTH, f"on the way to {HOST}: {JUMP} lets nobody in", f"`ssh {JUMP}` must work",
                            lets_in=False),
    "its key is unknown": Fault(Cause.HOST_KEY, f"the host key of {JUMP} is not known here", f"`ssh {JUMP}`",
                                known="nobody"),
    "its key has changed": Fault(Cause.HOST_KEY, f"the host key of {JUMP} has changed", "ask before", known="other"),
    "has no such name": Fault(Cause.DNS_NX, f"on the way to {HOST}: no such host: {JUMP}", "ssh configuration",
                              client={"HostName": "nowhere.invalid"}),
    "leads to nobody": Fault(Cause.DENIED, f"{JUMP} does not lead us on to {HOST}", "AllowTcpForwarding",
                             sshd={"AllowTcpForwarding": "no"}),
    "nobody is there": Fault(Cause.REFUSED, f"{HOST} is not reached from {JUMP}: Connection refused", "",
                             beyond={"Port": "1"}),
}  # fmt: skip


@pytest.mark.engine
@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_on_the_way_is_told_of_the_jump_host_and_not_of_the_machine_behind_it(
    server: Sshd, new_sshd: Callable[..., Sshd], way: Way, name: str
) -> None:
    fault = FAULTS[name]
    jump = new_sshd(fault.sshd)
    by_jump(server, jump, fault.beyond, **fault.client)
    if not fault.lets_in:
        (jump.folder / "authorized_keys").write_text("")
    if fault.known:
        other = (jump.folder / "key.pub").read_text()
        jump.known.write_text(KNOWN + other if fault.known == "other" else "")
    error = await refused(way)
    if name == "has no such name" and error.cause is Cause.DNS_FAIL:
        pytest.skip("this machine has nobody to look names up")
    assert error.cause is fault.cause, error
    assert fault.words in str(error.message)
    assert fault.hint in str(error.hint)
    assert logins(server) == 0


@pytest.mark.engine
async def test_a_machine_behind_a_jump_host_that_lets_nobody_in_is_itself_named(
    server: Sshd, jump: Sshd, way: Way
) -> None:
    by_jump(server, jump)
    (server.folder / "authorized_keys").write_text("")
    error = await refused(way)
    assert error.cause is Cause.AUTH
    assert str(error.message).startswith(f"{HOST} lets nobody in")


# Words without a server


def test_of_several_jump_hosts_each_is_to_be_tried() -> None:
    assert jumps_of(b"user x\nproxyjump a,ops@b:2222\n") == ("a", "ops@b:2222")
    assert jumps_of(b"proxyjump none\n") == ()
    said = b"x: Permission denied (publickey).\nConnection closed by UNKNOWN port 65535\n"
    error = detour_failed(Ran(255, b"", said), HOST, ("a", "b"))
    assert str(error.message) == f"on the way to {HOST}: a or b lets nobody in with the keys we have (publickey)"
    assert str(error.hint) == "try each by hand: `ssh a`, `ssh b`"


def test_a_proxy_command_that_ends_is_told_with_its_last_words_made_safe() -> None:
    said = b"corkscrew: \x1b[2J403 forbidden\nConnection closed by UNKNOWN port 65535\n"
    error = detour_failed(Ran(255, b"", said), HOST, ())
    assert str(error.message) == f"the ProxyCommand for {HOST} leads nowhere: corkscrew: ^[[2J403 forbidden"


def test_a_server_that_hangs_up_behind_a_silent_jump_host_is_itself_named() -> None:
    said = b"kex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535\n"
    assert str(detour_failed(Ran(255, b"", said), HOST, ("a",)).message) == f"{HOST} hung up during the login"
