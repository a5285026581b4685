"""Who listens on which port: on this machine, and out of lists that a kernel would never write."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import Context, ProbeError, Target
from probes.host.listening import parse_listeners
from probes.host.probe import HostProbe, HostSettings
from tests.probes.rigs import TestSecrets

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these lists")


async def told(**settings: Any) -> list[str]:
    probe = HostProbe(Target("web", "host", HostSettings.model_validate(settings)), Context(TestSecrets()))
    try:
        return [str(one) for one in (await probe.look("ports", "")).lines]
    finally:
        await probe.close()


@LINUX
async def test_who_listens_on_an_exact_port_is_named_with_their_process() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(("127.0.0.1", 0))
        lines = await told()
        for over, address, one in (("tcp", "127.0.0.1", tcp), ("udp", "127.0.0.1", udp)):
            (found,) = [line for line in lines if line.split()[:3] == [str(one.getsockname()[1]), over, address]]
            assert f"(pid {os.getpid()})" in found


@LINUX
async def test_who_only_talks_does_not_listen() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert [line for line in await told() if line.split()[0] == str(client.getsockname()[1])] == []


@LINUX
async def test_lists_that_can_not_be_read_do_not_say_that_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="who listens can't be read"):
        await told(proc=str(tmp_path))
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("sl local\n")
    assert await told(proc=str(tmp_path)) == ["who listens over udp can't be read"]
    (tmp_path / "net" / "udp").write_text("sl local\n")
    assert await told(proc=str(tmp_path)) == ["nobody listens"]


@LINUX
async def test_a_process_that_may_not_be_seen_is_somebodys(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    rows = ["sl local", "0: 7F00007F:0BB8 0:0 0A 0:0 00:0 0 33 0 77 1", "1: odd", "2: xx:0BB8 0:0 0A 0:0 0:0 0 0 0 78"]
    (tmp_path / "net" / "tcp").write_text("\n".join([*rows, "3: 0100007F:-001 0:0 0A 0:0 0:0 0 0 0 79"]))
    (tmp_path / "net" / "udp").write_text("sl local\n")
    (tmp_path / "net" / "tcp6").write_text("sl local\n0: " + "0" * 32 + ":0050 0:0 0A 0:0 00:0 0 0 0 80\n")
    assert await told(proc=str(tmp_path)) == [
        "   80  tcp  ::                        uid 0: only root sees its process",
        " 3000  tcp  127.0.0.127               uid 33: only root sees its process",
    ]


@given(st.binary(max_size=300), st.sampled_from(["tcp", "udp"]))
def test_no_list_breaks_the_reading(raw: bytes, over: str) -> None:
    for row in (raw, b"head\n 0: " + raw, b"head\n 0: 0100007F:0BB8 0:0 0A " + raw):
        assert all(0 <= one.port < 65536 for one in parse_listeners(row, over))
