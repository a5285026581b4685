"""Sweeps the process table: one small file per process, and command lines only of those that are shown.

Runs in a thread of its own, one at a time. Reading a command line can hang on a stuck process, and user names
come from /etc/passwd alone, since a directory service that is down would hang it too.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from heapq import nlargest
from typing import Final, NamedTuple

from probes.base import SafeText
from probes.host.facts import Process, Tally
from probes.host.masking import masked
from probes.host.numbers import natural, slurp

_PASSWD: Final = "/etc/passwd"
_COMMAND: Final = 4096
"""Bytes read of a command line."""
_SHOWN: Final = 512
"""Characters kept of a command line."""
_FRESH: Final = 20
"""Rows whose command line is read anew each time: servers rewrite theirs to say what they do."""
_STEADY: Final = 0.9
"""The biggest process stays named until it holds less than this share of the new biggest."""


class Stat(NamedTuple):
    """One process, as its own file tells."""

    identity: tuple[int, int]
    """The pid and its start in ticks after boot: a pid alone is used again."""
    ticks: int
    """CPU time used so far."""
    pages: int
    state: str
    name: bytes
    parent: int
    threads: int | None


class Said(NamedTuple):
    """What a shown process said of itself, kept so that it is masked once and not at each sweep."""

    raw_name: bytes
    raw: bytes | None
    name: SafeText
    user: SafeText
    command: SafeText


@dataclass(frozen=True, slots=True)
class Sweep:
    """The process table at one moment."""

    rows: tuple[Process, ...]
    tally: Tally
    biggest: Process | None


def parse_stat(raw: bytes) -> Stat | None:
    """One `/proc/PID/stat`; the name in it may hold spaces and parentheses, so it ends at the last one.

    Fields: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    opened, closed = raw.find(b" ("), raw.rfind(b") ")
    if opened < 0 or closed < opened:
        return None
    rest = raw[closed + 2 :].split(None, 22)
    if len(rest) < 22:
        return None
    try:
        pid, parent, user, kernel, start, pages = map(
            int, (raw[:opened], rest[1], rest[11], rest[12], rest[19], rest[21])
        )
    except ValueError:
        return None
    if min(pid, user, kernel, start) < 0:
        return None
    state = rest[0].decode("ascii", "replace")[:1]
    return Stat((pid, start), user + kernel, max(pages, 0), state, raw[opened + 2 : closed], parent, natural(rest[17]))


def parse_users(raw: bytes | None) -> dict[int, SafeText]:
    """User names by id from a passwd file.

    >>> parse_users(b"root:x:0:0::/root:/bin/sh\\nodd")
    {0: SafeText('root')}
    """
    found: dict[int, SafeText] = {}
    for row in (raw or b"").splitlines():
        parts = row.split(b":", 3)
        number = natural(parts[2]) if len(parts) > 3 else None
        if number is not None:
            found.setdefault(number, SafeText(parts[0], 32))
    return found


def command_of(raw: bytes | None, name: bytes) -> SafeText:
    """A command line from `/proc/PID/cmdline`, masked; the name in brackets where there is none."""
    raw = raw or b""
    if len(raw) >= _COMMAND:  # the cut may have parted a secret from what would give it away
        raw = raw[: max(raw.rfind(b"\0"), raw.rfind(b" "), 0)]
    words = [word.decode("utf-8", "backslashreplace") for word in raw.rstrip(b"\0 ").split(b"\0")]
    if not any(words):
        return SafeText(b"[" + name + b"]", _SHOWN)
    return SafeText(masked(words[0].split(" ") if len(words) == 1 else words), _SHOWN)


class ProcessTable:
    """Remembers the last sweep, so that CPU time becomes a rate and a command line is read once."""

    def __init__(self, proc: str) -> None:
        self._proc = proc
        self._ticks = float(os.sysconf("SC_CLK_TCK"))
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._used: dict[tuple[int, int], int] = {}
        self._at: float | None = None
        self._said: dict[tuple[int, int], Said] = {}
        self._users: dict[int, SafeText] = {}
        self._users_at = 0.0
        self._biggest: tuple[int, int] | None = None

    def sweep(self, at: float, uptime: float | None, limit: int) -> Sweep | None:
        """Read the table at monotonic seconds `at`; None when there is none."""
        try:
            names = os.listdir(self._proc)
        except OSError:
            return None
        found = [stat for name in names if name[0] in "123456789" and (stat := self._stat(name)) is not None]
        return self.judge(found, at, uptime, limit)

    def judge(self, found: list[Stat], at: float, uptime: float | None, limit: int) -> Sweep:
        """What a table that was read at `at` says, beside the one before."""
        passed = at - self._at if self._at is not None and at > self._at else None
        cpu = [self._cpu(stat, passed, uptime) for stat in found]
        weights = [
            (share or 0.0, stat.pages, index) for index, (share, stat) in enumerate(zip(cpu, found, strict=True))
        ]
        order = [index for _, _, index in nlargest(limit, weights)]
        self._refresh_users(at)
        rows = tuple(self._row(found[index], cpu[index], uptime, rank < _FRESH) for rank, index in enumerate(order))
        biggest = self._heaviest(found)
        big = None if biggest is None else self._row(found[biggest], cpu[biggest], uptime, False)
        self._used, self._at = {stat.identity: stat.ticks for stat in found}, at
        self._said = {identity: said for identity, said in self._said.items() if identity in self._used}
        return Sweep(rows, _tally(found), big)

    def _stat(self, pid: str) -> Stat | None:
        try:
            handle = os.open(f"{self._proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            return parse_stat(os.read(handle, 2048))
        except OSError:
            return None
        finally:
            os.close(handle)

    def _cpu(self, stat: Stat, passed: float | None, uptime: float | None) -> float | None:
        """Cores used since the last sweep; a process born since then began at zero."""
        if passed is None:
            return None
        before = self._used.get(stat.identity)
        if before is None:
            if uptime is None or uptime - stat.identity[1] / self._ticks > passed + 1:
                return None
            before = 0
        return max(stat.ticks - before, 0) / self._ticks / passed

    def _heaviest(self, found: list[Stat]) -> int | None:
        """Index of the biggest process; the one named before stays unless another is clearly bigger."""
        top = max(range(len(found)), key=lambda index: found[index].pages, default=None)
        if top is None or found[top].pages == 0:
            return None
        for index, stat in enumerate(found):
            if stat.identity == self._biggest and stat.pages >= _STEADY * found[top].pages:
                return index
        self._biggest = found[top].identity
        return top

    def _refresh_users(self, at: float) -> None:
        if not self._users or at - self._users_at > 60:
            self._users, self._users_at = parse_users(slurp(_PASSWD)), at

    def _row(self, stat: Stat, cpu: float | None, uptime: float | None, fresh: bool) -> Process:
        said = self._said.get(stat.identity)
        if said is None or said.raw_name != stat.name or (fresh and stat.pages):
            said = self._said[stat.identity] = self._introduce(stat, said)
        return Process(
            pid=stat.identity[0],
            parent=stat.parent,
            started=stat.identity[1],
            name=said.name,
            state=stat.state,
            threads=stat.threads,
            cpu=cpu,
            rss=float(stat.pages * self._page),
            age=None if uptime is None else max(uptime - stat.identity[1] / self._ticks, 0.0),
            user=said.user,
            command=said.command,
        )

    def _introduce(self, stat: Stat, before: Said | None) -> Said:
        folder = f"{self._proc}/{stat.identity[0]}"
        raw = slurp(folder + "/cmdline", _COMMAND)
        if before is not None and before.raw_name == stat.name and before.raw == raw:
            return before
        try:
            number = os.stat(folder).st_uid
            user = self._users.get(number, SafeText(str(number)))
        except OSError:
            user = SafeText()
        return Said(stat.name, raw, SafeText(stat.name, 64), user, command_of(raw, stat.name))


def _tally(found: list[Stat]) -> Tally:
    states = Counter(stat.state for stat in found)
    return Tally(len(found), states["R"], states["D"], states["Z"])
