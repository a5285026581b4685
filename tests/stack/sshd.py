"""An OpenSSH server on loopback with keys, hosts and a client's configuration of its own; the machine's are left alone.

The `ssh` in `bin` is the real one with this configuration: put it first on PATH, and "web-1" is a Host.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.stack import places, process

HOST = "web-1"


@dataclass(frozen=True, slots=True)
class Sshd:
    """A server, and what it takes to be let in there."""

    port: int
    pid: int
    folder: Path
    ssh: Path
    """The machine's own client."""

    @property
    def bin(self) -> Path:
        """The folder whose `ssh` knows the way."""
        return self.folder / "bin"

    @property
    def known(self) -> Path:
        """The file of known hosts."""
        return self.folder / "known_hosts"

    @property
    def fingerprint(self) -> str:
        """Of the server's key."""
        done = _ran("ssh-keygen", "-lf", str(self.folder / "host.pub"))
        return done.split()[1]

    def log(self) -> str:
        """What the server has written so far."""
        return (self.folder / "sshd.log").read_text("utf-8", "replace")

    def configure(self, port: int | None = None, more: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """Write the client's configuration anew: `web-1` by another port (a proxy's), and other hosts."""
        (self.folder / "config").write_text(_configuration(self.folder, port or self.port, more or {}))


def start(settings: Mapping[str, str] | None = None) -> Sshd:
    """Start one; `settings` are lines of its sshd_config, FOLDER in them is its own. Raises `Unavailable`."""
    sshd, ssh = places.needed("sshd"), places.needed("ssh")
    folder = places.new_folder("sshd")
    for name in ("host", "key"):
        _ran("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(folder / name))
    shutil.copy(folder / "key.pub", folder / "authorized_keys")
    port = places.free_port()
    lines = {
        "Port": str(port), "ListenAddress": "127.0.0.1", "HostKey": f"{folder}/host", "PidFile": "none",
        "AuthorizedKeysFile": f"{folder}/authorized_keys", "StrictModes": "no", "UsePAM": "no",
        "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no", "PermitRootLogin": "prohibit-password",
        "LogLevel": "VERBOSE", "PrintMotd": "no",
    }  # fmt: skip
    told = "".join(f"{name} {value}\n" for name, value in (lines | dict(settings or {})).items())
    (folder / "sshd_config").write_text(told.replace("FOLDER", str(folder)))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (folder / "known_hosts").write_text(f"opsroom-test {(folder / 'host.pub').read_text()}")
    (folder / "bin").mkdir()
    wrapper = folder / "bin" / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {ssh} -F {folder}/config "$@"\n')
    wrapper.chmod(0o755)
    argv: list[str | Path] = [sshd, "-D", "-e", "-f", folder / "sshd_config"]
    log = folder / "sshd.log"
    pid = process.start("sshd", argv, log=log, ready=lambda: "Server listening" in log.read_text())
    server = Sshd(port, pid, folder, ssh)
    server.configure()
    return server


def end(server: Sshd) -> None:
    """Stop it and remove what it wrote."""
    process.stop_pid(server.pid)
    places.remove(server.folder)


def answers(port: int) -> bool:
    """True when somebody listens there."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _configuration(folder: Path, port: int, more: Mapping[str, Mapping[str, str]]) -> str:
    common = {
        "HostName": "127.0.0.1", "Port": str(port), "User": pwd.getpwuid(os.getuid()).pw_name,
        "IdentityFile": f"{folder}/key", "IdentitiesOnly": "yes", "UserKnownHostsFile": f"{folder}/known_hosts",
        "GlobalKnownHostsFile": "/dev/null", "HostKeyAlias": "opsroom-test",
    }  # fmt: skip
    hosts = {HOST: common} | {name: common | dict(settings) for name, settings in more.items()}
    return "".join(
        f"Host {name}\n" + "".join(f"    {key} {value}\n" for key, value in one.items()) for name, one in hosts.items()
    )


def _ran(*argv: str) -> str:
    return subprocess.run([places.needed(argv[0]), *argv[1:]], capture_output=True, text=True, check=True).stdout
