"""Stands between sshd and the shell, as a forced command does: writes down what is asked, changes or breaks it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stack.sshd import HOST, Sshd

_BETWEEN = """#!/bin/sh
cd {folder} || exit 1
printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >>asked
[ ! -e before ] || . ./before
if [ -s edit ]; then {way} sh -c "$SSH_ORIGINAL_COMMAND" | sed -f edit; else {way} sh -c "$SSH_ORIGINAL_COMMAND"; fi
[ ! -e after ] || . ./after
"""


@dataclass(frozen=True, slots=True)
class Between:
    """The other side, with somebody at its door."""

    server: Sshd
    folder: Path

    def edits(self, script: str) -> None:
        """A sed script that goes over all that comes back."""
        (self.folder / "edit").write_text(script)

    def does(self, script: str, when: str = "before") -> None:
        """A script of sh that runs `before` or `after` each command; its `exit` cuts the command out."""
        (self.folder / when).write_text(script)

    def calm(self) -> None:
        """Nothing is changed any more."""
        for name in ("edit", "before", "after"):
            (self.folder / name).unlink(missing_ok=True)

    def asked(self) -> list[str]:
        """Every command so far."""
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []

    def logins(self) -> int:
        """How often somebody was let in."""
        return self.server.log().count("Accepted publickey")


def ready(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """Make `ssh` the one that knows this server."""
    monkeypatch.setenv("PATH", f"{server.bin}{os.pathsep}{os.environ['PATH']}")
    return server


def between(
    new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...] = (), **settings: str
) -> Between:
    """A server that runs everything through `Between`; `way` are words before each command, such as docker exec."""
    server = ready(new_sshd(settings | {"ForceCommand": "FOLDER/between"}), monkeypatch)
    script = server.folder / "between"
    script.write_text(_BETWEEN.format(folder=server.folder, way=shlex.join(way)))
    script.chmod(0o755)
    return Between(server, server.folder)


JUMP = "bastion"
"""A Host by way of which another is reached."""


def by_jump(server: Sshd, jump: Sshd, there: Mapping[str, str] | None = None, **settings: str) -> None:
    """Let the way to a server go by another one; settings of the client for `there`, the server, and for the jump."""
    mine = {
        "Port": str(jump.port),
        "IdentityFile": f"{jump.folder}/key",
        "UserKnownHostsFile": str(jump.known),
    }
    server.configure(more={HOST: {"ProxyJump": JUMP} | dict(there or {}), JUMP: mine | settings})
