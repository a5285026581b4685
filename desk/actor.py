"""Who acts: what the kernel says, and apart from it what the environment claims."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CLAIMS: Final = ("USER", "LOGNAME", "SUDO_USER", "SSH_CONNECTION", "SSH_CLIENT")
_NOBODY: Final = 0xFFFF_FFFF
"""The kernel's login uid of a process that nobody logged in for."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can't be mistaken for a later one with its number."""

    pid: int
    started: str
    """Its start, in the kernel's own unit; empty where the system doesn't tell."""
    boot: str
    """Which boot of the machine; empty where the system doesn't tell."""

    @property
    def alive(self) -> bool:
        """True while this very process runs on this machine."""
        if self.boot != _boot():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return self.started == _started(self.pid)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts."""

    name: str
    """Name of the real user, from the system's list of users."""
    uid: int
    login: int | None
    """The uid that logged in, which sudo and su don't change; None where the kernel doesn't tell."""
    tty: str
    host: str
    process: Process
    claimed: Mapping[str, str]
    """What the environment says; anybody can set it."""

    @property
    def called(self) -> str:
        """As whom colleagues know them: "ada as root" behind sudo, else the name."""
        return called(self.name, self.claimed)


def called(name: str, claimed: Mapping[str, str]) -> str:
    """As whom colleagues know a user, by what the kernel says and what the environment claims.

    >>> called("root", {"SUDO_USER": "ada"}), called("ada", {"USER": "ada"})
    ('ada as root', 'ada')
    """
    before = claimed.get("SUDO_USER", "")
    return f"{before} as {name}" if before not in ("", name) else name


def who(environ: Mapping[str, str]) -> Actor:
    """The person behind this process."""
    uid = os.getuid()
    return Actor(
        name=_user(uid),
        uid=uid,
        login=_login(),
        tty=_tty(),
        host=os.uname().nodename,
        process=this_process(),
        claimed={name: environ[name][:200] for name in _CLAIMS if environ.get(name)},
    )


def this_process() -> Process:
    """Ours."""
    return Process(os.getpid(), _started(os.getpid()), _boot())


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _login() -> int | None:
    text = _read("/proc/self/loginuid")
    return int(text) if text.isdigit() and int(text) != _NOBODY else None


def _tty() -> str:
    for number in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.ttyname(number)
    return ""


def _started(pid: int) -> str:
    """The 22nd field of its stat; the second is a name in brackets that may hold anything (proc(5))."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").strip()
    except OSError:
        return ""
