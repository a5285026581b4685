"""Who is at the other end of a unix socket, and who we are: by the kernel alone, never by the environment."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from desk.second.proposal import Person, Unfit, one_person

_NOBODY: Final = 0xFFFF_FFFF
"""The kernel's login uid of a process that nobody logged in for (proc_pid_loginuid(5))."""
_CREDENTIALS: Final = struct.Struct("3i")
"""pid, uid, gid of the peer (unix(7), SO_PEERCRED)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A person on this machine."""

    uid: int
    """Effective uid of the process when it connected, or began to listen."""
    real: int
    login: int | None
    """The uid that logged in, which sudo and su don't change; None where the kernel knows of no login."""

    @property
    def person(self) -> Person:
        """As others are told."""
        told = f"login uid {self.login}" if self.login is not None else "no login uid known"
        marks = {f"uid {self.uid}", f"uid {self.real}", *([f"uid {self.login}"] if self.login is not None else [])}
        known = self.login if self.login is not None else self.uid
        return Person(user(known), frozenset(marks), os.uname().nodename, f"by the kernel: uid {self.uid}, {told}")


def ourselves() -> Peer:
    """This process."""
    return Peer(os.geteuid(), os.getuid(), _login("/proc/self/loginuid"))


def of(connection: socket.socket) -> Peer:
    """The process that connected, or that listens where we connected. Raises `Unfit` when the kernel can't tell."""
    try:
        pid, uid, _ = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
    except (AttributeError, OSError):
        raise Unfit("this system does not tell who is at the other end") from None
    uid &= 0xFFFF_FFFF
    if pid <= 0 or uid == _NOBODY:
        raise Unfit("the kernel does not tell who is at the other end")
    if str(uid) == _read("/proc/sys/kernel/overflowuid"):
        raise Unfit("who is at the other end has no uid here: it is in another container")
    try:
        inside = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise Unfit("the process at the other end is gone, or can't be seen") from None
    try:  # what the open folder gives is of that very process: once it has ended it gives nothing
        real, effective = _uids(_read("status", inside))
        login = _login("loginuid", inside)
    finally:
        os.close(inside)
    if effective != uid:
        raise Unfit("the process at the other end has become another one")
    return Peer(uid, real, login)


def hindrance(asker: Peer, second: Peer) -> str:
    """Why somebody can't be the second person for another; empty: they are two, as far as the kernel tells."""
    if same := one_person(asker.person, second.person):
        return same
    if second.login is None and asker.login is not None:
        return "nobody logged in for this process: log in as yourself to answer"
    if second.login is None and 0 in (second.uid, second.real):
        return "the kernel does not tell who became root here: answer as yourself"
    return ""


def among(second: Peer, approvers: Iterable[str]) -> bool:
    """True when the profile lets this person answer: by name, or as a member of an `@group`; no list lets everybody."""
    names = frozenset(approvers)
    return not names or _named(second.uid if second.login is None else second.login, names)


def _named(uid: int, names: frozenset[str]) -> bool:
    try:
        known = pwd.getpwuid(uid)
    except KeyError:
        return False
    if known.pw_name in names:
        return True
    for group in (name[1:] for name in names if name.startswith("@")):
        with contextlib.suppress(KeyError):
            there = grp.getgrnam(group)
            if known.pw_name in there.gr_mem or known.pw_gid == there.gr_gid:
                return True
    return False


def user(uid: int) -> str:
    """The name of a user, by the system's list; the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _uids(status: str) -> tuple[int, int]:
    """Real and effective uid of a process; (-1, -1) where that can't be read."""
    for line in status.splitlines():
        if line.startswith("Uid:"):
            real, effective, *_ = line.split()[1:]
            return int(real), int(effective)
    return -1, -1


def _login(path: str, inside: int | None = None) -> int | None:
    text = _read(path, inside)
    return int(text) if text.isdigit() and int(text) != _NOBODY else None


def _read(path: str, inside: int | None = None) -> str:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=inside)
    except OSError:
        return ""
    with contextlib.suppress(OSError), os.fdopen(opened, "rb") as file:
        return file.read(1 << 16).decode("ascii", "replace").strip()
    return ""


__all__ = ["Peer", "among", "hindrance", "of", "ourselves", "user"]
