"""Asks each mounted file system how full it is; one whose server is silent costs nothing but its own numbers.

A call into a dead network file system may never return and can't be interrupted, in a thread as little as anywhere:
so everything that is not known to be local is asked through a helper program that can be left behind.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat as modes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from probes import exec as programs
from probes.base import ProbeError, SafeText
from probes.host.facts import Disk
from probes.host.numbers import natural
from probes.host.system import Traffic

_LOCAL: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "vfat",
                           "exfat", "ntfs3", "nilfs2", "hfsplus", "tmpfs", "overlay"})  # fmt: skip
"""File systems of this machine's own disks: they answer from memory."""
_UNREAL: Final = frozenset({"proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "pstore", "bpf", "tracefs",
                            "debugfs", "securityfs", "configfs", "fusectl", "hugetlbfs", "mqueue", "binfmt_misc",
                            "autofs", "efivarfs",
                            "nsfs", "rpc_pipefs", "nfsd", "selinuxfs", "ramfs", "rootfs", "squashfs", "iso9660", "udf",
                            "erofs", "cramfs", "sockfs", "pipefs", "fuse.lxcfs", "fuse.portal", "fuse.gvfsd-fuse",
                            "fuse.snapfuse", "fuse.squashfuse", "resctrl", "smackfs", "binder", "none"})  # fmt: skip
"""No place to store anything, images that are always full, or another user's own."""
_MEMORY_MOUNTS: Final = frozenset({"/tmp", "/var/tmp", "/run", "/dev/shm"})
"""The file systems in memory whose being full hurts; the many others are the system's own affair."""
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")
_MOST: Final = 64
"""File systems shown at most."""
_EVERY: Final = 15.0
"""Seconds between two questions to a remote file system."""
_HELPER_LIMIT: Final = 30.0
"""Seconds until a helper is killed and another one asks."""
_FIRST: Final = 0.25
"""Seconds a reading waits for helpers that were just started: most answer in some milliseconds."""
_QUIET: Final = 3.0
"""Seconds without an answer that are worth a word."""
_TROUBLE: Final = (
    ("stale", "its server no longer knows it"),
    ("denied", "not allowed to look"),
    ("permitted", "not allowed to look"),
)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo that is worth a look."""

    path: bytes
    device: bytes
    """"major:minor"."""
    source: bytes
    fstype: str
    read_only: bool
    turned_read_only: bool

    @property
    def local(self) -> bool:
        """True when it is safe to ask it from a thread of ours."""
        return self.fstype in _LOCAL


@dataclass(frozen=True, slots=True)
class Space:
    """What a file system says about itself: bytes and inodes."""

    total: float
    free: float
    """For everybody, reserve included."""
    available: float
    """For ordinary users."""
    inodes: float
    inodes_free: float


def parse_mounts(raw: bytes | None) -> list[Mount]:
    """The real file systems in a mountinfo file, each device once, by its shortest path.

    Fields: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    covering: dict[bytes, Mount] = {}
    for row in (raw or b"").splitlines():
        mount = _mount(row.split(b" "))
        if mount is not None:
            covering[mount.path] = mount
    found: dict[bytes, Mount] = {}
    for mount in sorted(covering.values(), key=lambda one: (len(one.path), one.path)):
        found.setdefault(mount.device if mount.local else mount.path, mount)
    return list(found.values())


def _mount(words: list[bytes]) -> Mount | None:
    if b"-" not in words[6:]:
        return None
    dash = words.index(b"-", 6)
    if len(words) < dash + 4:
        return None
    fstype = words[dash + 1].decode("ascii", "replace")
    path, options, above = _unescaped(words[4]), words[5].split(b","), words[dash + 3].split(b",")
    if fstype in _UNREAL or not path.startswith(b"/"):
        return None
    if fstype == "tmpfs" and path.decode("ascii", "replace") not in _MEMORY_MOUNTS:
        return None
    if fstype == "overlay" and path != b"/":
        return None
    turned = b"rw" in options and b"ro" in above
    return Mount(path, words[2], _unescaped(words[dash + 2]), fstype, turned or b"ro" in options, turned)


def _unescaped(text: bytes) -> bytes:
    r"""Spaces and the like are written in octal.

    >>> _unescaped(rb"/mnt/my\040disk")
    b'/mnt/my disk'
    """
    return _OCTAL.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), text)


def ask(mounts: Sequence[Mount]) -> dict[bytes, Space | SafeText]:
    """What local file systems say, or why they don't. Blocking."""
    answers: dict[bytes, Space | SafeText] = {}
    for mount in mounts:
        try:
            if modes.S_ISDIR(os.stat(mount.path).st_mode):
                said = os.statvfs(mount.path)
                answers[mount.path] = Space(
                    float(said.f_blocks) * said.f_frsize,
                    float(said.f_bfree) * said.f_frsize,
                    float(said.f_bavail) * said.f_frsize,
                    said.f_files,
                    said.f_ffree,
                )
        except OSError as error:
            answers[mount.path] = _trouble(error.strerror or "")
    return answers


def _trouble(text: str) -> SafeText:
    lower = text.lower()
    return SafeText(next((words for mark, words in _TROUBLE if mark in lower), "it gives an error"))


def parse_answer(raw: bytes) -> Space | None:
    """The helper's line: block size, blocks, free, available, inodes, free inodes.

    >>> parse_answer(b"4096 100 50 40 0 0")
    Space(total=409600.0, free=204800.0, available=163840.0, inodes=0, inodes_free=0)
    """
    numbers = [number for word in raw.split() if (number := natural(word)) is not None]
    if len(numbers) != 6:
        return None
    size, blocks, free, available, inodes, inodes_free = numbers
    return Space(float(size) * blocks, float(size) * free, float(size) * available, inodes, inodes_free)


class RemoteMounts:
    """Keeps one helper at most per remote file system, and the time since each last answered."""

    helper: tuple[str, ...] = ("stat", "-f", "-c", "%S %b %f %a %c %d", "--")

    def __init__(self) -> None:
        self._tasks: dict[bytes, asyncio.Task[None]] = {}
        self._asked: dict[bytes, float] = {}
        """When the last question was put; the first one without an answer counts."""
        self._answers: dict[bytes, Space | SafeText] = {}

    async def ask(self, mounts: Sequence[Mount], at: float) -> dict[bytes, Space | SafeText]:
        """The newest known answers; asks again those whose answer is old, without waiting long."""
        self._forget({mount.path for mount in mounts})
        started = [self._start(mount.path, at) for mount in mounts if self._due(mount.path, at)]
        if started:
            await asyncio.wait(started, timeout=_FIRST)
        return dict(self._answers)

    def silence(self, path: bytes, at: float) -> float | None:
        """Seconds without an answer from there, or None when there is nothing to worry about."""
        waited = at - self._asked.get(path, at)
        return waited if path in self._tasks and not self._tasks[path].done() and waited >= _QUIET else None

    async def close(self) -> None:
        """Leave every helper behind: killed, and not waited for when even that doesn't end it."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            _, stuck = await asyncio.wait(tasks, timeout=0.2)
            for task in stuck:
                task.cancel()

    def _due(self, path: bytes, at: float) -> bool:
        task = self._tasks.get(path)
        return task is None or (task.done() and at - self._asked[path] >= _EVERY)

    def _start(self, path: bytes, at: float) -> asyncio.Task[None]:
        self._asked[path] = at
        task = self._tasks[path] = asyncio.create_task(self._question(path))
        return task

    async def _question(self, path: bytes) -> None:
        while True:
            try:
                ran = await programs.run([*self.helper, os.fsdecode(path)], within=_HELPER_LIMIT, limit=4096)
            except ProbeError as error:
                if error.cause.value == "timeout-read":
                    continue
                self._answers[path] = error.message
                return
            space = parse_answer(ran.out) if ran.code == 0 else None
            self._answers[path] = space if space is not None else _trouble(str(ran.complaint))
            return

    def _forget(self, keep: set[bytes]) -> None:
        for path in self._tasks.keys() - keep:
            self._tasks.pop(path).cancel()
            self._asked.pop(path, None)
            self._answers.pop(path, None)


def disk(mount: Mount, said: Space | SafeText | None, silent: float | None, traffic: Traffic | None) -> Disk:
    """A file system as it is shown; while it is silent its old numbers are no longer said."""
    space = said if isinstance(said, Space) and silent is None else None
    return Disk(
        mount=SafeText(mount.path, 256),
        source=SafeText(_plain_source(mount.source), 256),
        fstype=SafeText(mount.fstype, 32),
        total=None if space is None else space.total,
        free=None if space is None else space.available,
        used=None if space is None else _used(space),
        inodes_used=None if space is None else _share(space.inodes - space.inodes_free, space.inodes),
        read_only=mount.read_only,
        turned_read_only=mount.turned_read_only,
        remote=not mount.local,
        silent=silent,
        trouble=said if isinstance(said, SafeText) else SafeText(),
        read=None if traffic is None else traffic.read,
        written=None if traffic is None else traffic.written,
        busy=None if traffic is None else traffic.busy,
    )


def _plain_source(source: bytes) -> bytes:
    """A source without a login that someone wrote into it."""
    return re.sub(rb"//[^/\s]*@", b"//***@", source)


def _used(space: Space) -> float | None:
    """As `df` counts: the reserve for root is neither used nor free."""
    used = space.total - space.free
    return _share(used, used + space.available)


def _share(part: float, whole: float) -> float | None:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else None


async def gather_disks(
    mounts: Sequence[Mount],
    answers: Mapping[bytes, Space | SafeText],
    remote: RemoteMounts,
    traffic: Mapping[bytes, Traffic],
    at: float,
) -> tuple[tuple[Disk, ...], int]:
    """(file systems worst first, how many were left out); what is no folder or has no size is no disk."""
    said = {**answers, **(await remote.ask([mount for mount in mounts if not mount.local], at))}
    shown = [
        disk(mount, said.get(mount.path), remote.silence(mount.path, at), traffic.get(mount.device))
        for mount in mounts
        if not mount.local or mount.path in said
    ]
    real = [one for one in shown if one.total != 0]
    real.sort(key=lambda one: (-(one.silent or 0), not one.turned_read_only, -(one.used or 0), one.mount))
    return tuple(real[:_MOST]), max(len(real) - _MOST, 0)
