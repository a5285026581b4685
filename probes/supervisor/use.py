"""Memory and cpu of supervised processes and their children, from this machine's /proc.

A process id means something only where supervisord itself runs: one whose parent is not that supervisord is somebody
else's and is left alone. Fields: proc(5), https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from probes.base import Rates
from probes.supervisor.facts import Use

_TICK: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE: Final = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_MOST: Final = 2000
"""Processes looked at in one reading."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What the kernel says about a process."""

    parent: int
    cpu: float
    """Seconds of cpu it has used."""
    born: int
    """Ticks from boot to its start: with its id, it names the process for good."""
    memory: float
    """Resident bytes."""


def parse_stat(text: bytes) -> Stat | None:
    """A line of /proc/PID/stat; the name in it may hold spaces and brackets.

    >>> parse_stat(b"7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 99 0 10 0").parent
    1
    """
    fields = text.rpartition(b")")[2].split()
    try:
        parent, used, born, pages = int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[19]), int(fields[21])
    except (IndexError, ValueError):
        return None
    return Stat(parent, used / _TICK, born, float(max(0, pages) * _PAGE))


class Usage:
    """Reads use again and again; remembers the cpu times of the reading before."""

    def __init__(self, root: str = "/proc") -> None:
        self._root = root
        self._rates = Rates()
        self._left = 0

    def read(self, pids: Mapping[str, int], parent: int, at: float) -> dict[str, Use]:
        """Use by key, of those whose parent is the supervisord `parent`; `at` is monotonic seconds. Blocks: files."""
        self._left = _MOST
        seen: set[object] = set()
        found: dict[str, Use] = {}
        for key, pid in pids.items():
            stat = self._stat(pid)
            if stat is not None and stat.parent == parent:
                found[key] = self._tree(pid, stat, at, seen)
        self._rates.forget(seen)
        return found

    def _tree(self, pid: int, stat: Stat, at: float, seen: set[object]) -> Use:
        """The process and all below it."""
        memory, cpu, count = 0.0, [], 0
        todo = [(pid, stat)]
        while todo and self._left > 0:
            one, its = todo.pop()
            self._left -= 1
            count += 1
            memory += its.memory
            seen.add((one, its.born))
            cpu.append(self._rates.per_second((one, its.born), its.cpu, at))
            for child in self._children(one):
                theirs = self._stat(child)
                if theirs is not None and theirs.parent == one:
                    todo.append((child, theirs))
        known = [share for share in cpu if share is not None]
        return Use(memory, sum(known) if known else None, count)

    def _stat(self, pid: int) -> Stat | None:
        try:
            with open(f"{self._root}/{pid}/stat", "rb") as file:
                return parse_stat(file.read(4096))
        except OSError:
            return None

    def _children(self, pid: int) -> list[int]:
        """Children of each of its threads; empty where the kernel doesn't tell."""
        found: list[int] = []
        try:
            for thread in os.listdir(f"{self._root}/{pid}/task")[:512]:
                with open(f"{self._root}/{pid}/task/{thread}/children", "rb") as file:
                    found += [int(word) for word in file.read(1 << 16).split()]
        except (OSError, ValueError):
            return found
        return found
