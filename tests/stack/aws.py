"""Amazon's services on loopback: moto for most of them, ministack where tasks, caches and alarm history must live.

Both know any credentials and keep all in memory. ministack given a Docker Engine makes every ECS task a real container.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.stack import docker, places, process

Name = Literal["moto", "ministack"]

REGION = "us-east-1"

KEYS = ("testing", "testing")
"""An access key and its secret; any would do."""

INSTANCE = "ministack.instance"
"""The label by which a ministack knows its own containers: a name of ours, and the port it alone holds."""

_HOSTNAME = "opsroom-test"
_NO_ENGINE = "unix:///nonexistent/docker.sock"


@dataclass(frozen=True, slots=True)
class Cloud:
    """A running stand-in for AWS."""

    name: Name
    port: int
    pid: int
    folder: Path
    """Its home: holds the log."""

    @property
    def url(self) -> str:
        """What AWS_ENDPOINT_URL must say."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """For child processes: this endpoint, its region, keys, and nobody's configuration files."""
        key, secret = KEYS
        return _without_amazon() | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client for arranging a test: one attempt, no retries."""
        import boto3
        from botocore.config import Config

        key, secret = KEYS
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
        )

    def reset(self) -> None:
        """Forget everything, and remove the containers of tasks."""
        path = "/moto-api/reset" if self.name == "moto" else "/_ministack/reset"
        request = urllib.request.Request(self.url + path, data=b"", method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()


def find(name: Name) -> Path | None:
    """The folder of the installed package."""
    return places.wheel(name)


def start_moto(*, owned: bool = True) -> Cloud:
    """A new, empty moto server (about 1 s). Raises `Unavailable`."""
    folder, port = places.new_folder("moto"), places.free_port()
    return _start("moto", ["moto.server", "-H", "127.0.0.1", "-p", str(port)], folder, port, {}, owned=owned)


def start_ministack(engine: docker.Engine | None = None, *, owned: bool = True) -> Cloud:
    """A new, empty ministack (about 1 s); with an engine, ECS tasks are containers on it. Raises `Unavailable`."""
    folder, port = places.new_folder("ministack"), places.free_port()
    own = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "DOCKER_HOST": engine.url if engine else _NO_ENGINE,
        "MINISTACK_HOSTNAME": _HOSTNAME,
        "IOT_MTLS_ENABLED": "0",  # it would listen on every address
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
    }
    return _start("ministack", ["ministack"], folder, port, own, owned=owned)


def end(cloud: Cloud) -> None:
    """Stop it, its tasks' containers too, and remove its folder."""
    if cloud.name == "ministack" and process.start_ticks(cloud.pid) is not None:
        with contextlib.suppress(OSError):  # one that hangs leaves containers to `remove_leftovers`
            cloud.reset()
    process.stop_pid(cloud.pid)
    places.remove(cloud.folder)


def instance(port: int) -> str:
    """What the label of a ministack's containers says."""
    return f"{_HOSTNAME}:{port}"


def remove_leftovers(engine: docker.Engine) -> tuple[int, int]:
    """Remove the containers of tasks whose ministack is no more; how many were removed, and how many stay."""
    removed = kept = 0
    columns = f'{{{{.ID}}}} {{{{.Label "{INSTANCE}"}}}}'
    for line in engine.run("ps", "-a", "--filter", f"label={INSTANCE}", "--format", columns).splitlines():
        container, _, named = line.partition(" ")
        host, _, port = named.partition(":")
        if host == _HOSTNAME and port.isdigit() and _accepts(int(port)):
            kept += 1
        elif host == _HOSTNAME:
            engine.run("rm", "-f", "-v", container)
            removed += 1
    return removed, kept


def _start(name: Name, module: list[str], folder: Path, port: int, own: Mapping[str, str], *, owned: bool) -> Cloud:
    if find(name) is None:
        raise places.Unavailable(f"{name} is not installed; pip install -e '.[dev]' brings it")
    argv = [sys.executable, "-m", *module]
    env = _without_amazon() | {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONWARNINGS": "ignore"} | dict(own)
    pid = process.start(name, argv, log=folder / "log", ready=lambda: _accepts(port), env=env, owned=owned)
    return Cloud(name, port, pid, folder)


def _without_amazon() -> dict[str, str]:
    """This process's environment without a word about anybody's account."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
