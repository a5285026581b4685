"""Reads another machine over ssh: one program of sh for each reading, which prints the kernel's files as they are.

What they mean is told here, by the same code as for the machine we run on. Nothing is installed or written there, and
whatever a machine lacks (a small busybox, no `ps` as we ask it) costs its own part only. Rates are measured by the
machine's own clock: how long an answer was on its way does not matter.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from probes.base import Cause, Gap, ProbeError, SafeText
from probes.exec.ssh import Way
from probes.host.disks import Mount, Space, disk, parse_mounts
from probes.host.facts import Disk
from probes.host.numbers import natural, real
from probes.host.processes import ProcessTable, Said, Stat, Sweep, command_of, parse_stat
from probes.host.system import STATES, System, SystemFiles, Traffic

SELDOM: Final = 15.0
"""Seconds between two readings of what is dear or changes slowly: disks, command lines, connections."""
LIMIT: Final = 4 << 20
"""Bytes of an answer."""
_MOST_DISKS: Final = 64
_WORDS: Final = 600
"""Characters that are asked for of a command line; a longer one loses its last word, which may be half a secret."""

_FILES: Final = ("sys/kernel/hostname", "sys/kernel/osrelease", "sys/kernel/random/boot_id", "sys/fs/file-nr",
                 "uptime", "loadavg", "pressure/cpu", "pressure/memory", "pressure/io", "meminfo", "net/dev",
                 "diskstats")  # fmt: skip
"""Files under /proc that are wanted whole."""
_REMOTE_SORTS: Final = "nfs|nfs4|cifs|smb3|smbfs|9p|ceph|fuse[.a-z0-9]*|glusterfs|lustre|afs|gpfs|ocfs2|gfs2"

QUICK: Final = (
    'n=$1; s() { echo; echo "$n $1"; }; cd /proc || exit 1; exec 2>/dev/null; '
    f"for f in {' '.join(_FILES)}; do "
    '[ -r "$f" ] || continue; s "$f"; case $f in meminfo|net/dev|diskstats|sys/fs/*) cat "$f";; '
    '*) while IFS= read -r x; do printf "%s\\n" "$x"; done <"$f";; esac; done; '
    "s stat; grep '^cpu' stat; s vmstat; grep -E '^(pswpin|pswpout|oom_kill) ' vmstat; "
    "s processes; cat [0-9]*/stat | cut -d ' ' -f 1-39; "
)
"""What every reading asks for: a dozen short files, and the first part of each process's own, which has at least what
is needed: a name of fifteen blanks takes fifteen fields more.
"""
DEAR: Final = (
    "s machine; cat /etc/machine-id; s user; id -u; s page; getconf PAGESIZE; s ticks; getconf CLK_TCK; "
    "s self/mountinfo; cat self/mountinfo; "
    f"r=; grep -q -E ' - ({_REMOTE_SORTS}) ' self/mountinfo && r=1; "
    's space; df -P -k -l || [ -n "$r" ] || df -P -k; s inodes; df -P -i -l || [ -n "$r" ] || df -P -i; '
    "s commands; { ps -ww -e -o pid= -o user:32= -o args= || ps -o pid,user,args; } "
    f"| cut -c1-{_WORDS} | head -n 4000; "
    "s tcp; awk 'FNR > 1 { n[$4]++ } END { for (c in n) print c, n[c]; print \"-\", 0 }' net/tcp net/tcp6; "
)
"""What is asked for seldom. Remote file systems are left alone: one whose server is silent would hold up the answer."""

_DF: Final = re.compile(rb"(.*?)\s+(\d{1,20})\s+(\d{1,20})\s+(-?\d{1,20})\s+(?:\d+%|-)\s+(/.*)")
_ID: Final = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a machine over ssh."""

    system: System
    sweep: Sweep | None
    disks: tuple[Disk, ...]
    dropped: int
    machine: SafeText
    """Its own id (/etc/machine-id), empty where it has none."""
    again: bool
    """True when it is not the run of the machine that was read before: counters began anew."""
    gaps: tuple[Gap, ...]


class RemoteFiles(SystemFiles):
    """The kernel's files as an answer has them."""

    def __init__(self) -> None:
        super().__init__("", "")
        self.parts: Mapping[str, bytes] = {}
        self.mounts: bytes | None = None
        """What the last dear reading said of them."""
        self.root = False
        self._counted: dict[str, int] | None = None

    def measure(self, page: int | None) -> None:
        """Bytes of a page of memory there."""
        self._page = page or 4096

    def _file(self, name: str) -> bytes | None:
        return self.mounts if name == "self/mountinfo" else self.parts.get(name)

    def _contained(self) -> None:
        return None

    def _is_root(self) -> bool:
        return self.root

    def _connections(self, at: float) -> dict[str, int] | None:
        if "tcp" in self.parts:
            self._counted = parse_counts(self.parts["tcp"])
        return self._counted


class RemoteTable(ProcessTable):
    """The processes of an answer; who they are and how they were started is known since the last dear reading."""

    def __init__(self) -> None:
        super().__init__("")
        self._told: dict[tuple[int, int], tuple[SafeText, SafeText]] = {}

    def measure(self, page: int | None, ticks: int | None) -> None:
        """Bytes of a page and clock ticks of a second there."""
        self._page, self._ticks = page or 4096, float(ticks or 100)

    def introduce(self, found: list[Stat], raw: bytes) -> bool:
        """Take in users and command lines; False when there are none."""
        said = dict(parse_commands(raw))
        names = {stat.identity: stat.name for stat in found}
        self._told = {
            identity: (SafeText(said[identity[0]][0], 32), command_of(said[identity[0]][1], name))
            for identity, name in names.items()
            if identity[0] in said
        }
        self._said.clear()
        return bool(self._told)

    def _refresh_users(self, at: float) -> None:
        """They come with the command lines."""

    def _introduce(self, stat: Stat, before: Said | None) -> Said:
        user, command = self._told.get(stat.identity, (SafeText(), SafeText(stat.name, 64)))
        return Said(stat.name, None, SafeText(stat.name, 64), user, command)


class RemoteHost:
    """One machine over ssh."""

    def __init__(self, destination: str, processes: int, ignore: tuple[str, ...]) -> None:
        self.way = Way(destination)
        self._limit = processes
        self._ignore = {path.encode() for path in ignore}
        self._boot = b""
        self._machine = b""
        self._begin()

    def _begin(self) -> None:
        self._files, self._table = RemoteFiles(), RemoteTable()
        self._dear_at: float | None = None
        self._mounts: list[Mount] = []
        self._space: dict[bytes, Space | SafeText] = {}
        self._seldom_gaps: tuple[Gap, ...] = ()

    async def read(self, at: float, within: float) -> Reading:
        """Read it once, at monotonic seconds `at`. Raises `ProbeError`."""
        line = await self.way.line()
        dear = self._dear_at is None or at - self._dear_at >= SELDOM
        nonce = secrets.token_hex(8)
        ran = await line.run([nonce], within, LIMIT, script=QUICK + DEAR if dear else QUICK)
        if ran.cut:
            raise ProbeError(Cause.TOO_BIG, f"{self.way.destination} answered with more than {LIMIT >> 20} MiB")
        parts = split(ran.out, nonce)
        again = self._is_another(parts)
        if again and not dear:  # another run, or another machine: nothing of what was known holds there
            self._begin()
            return replace(await self.read(at, within), again=True)
        if again:
            self._begin()
        self._dear_at = at if dear else self._dear_at
        return self._told(parts, dear, again)

    async def close(self) -> None:
        """Give up the way there."""
        await self.way.close()

    def _is_another(self, parts: Mapping[str, bytes]) -> bool:
        boot, machine = _id(parts.get("sys/kernel/random/boot_id")), _id(parts.get("machine"))
        other = bool(self._boot and boot and boot != self._boot)
        other = other or bool(self._machine and machine and machine != self._machine)
        self._boot, self._machine = boot or self._boot, machine or self._machine
        return other

    def _told(self, parts: Mapping[str, bytes], dear: bool, again: bool) -> Reading:
        uptime = real((parts.get("uptime", b"").split() or [b""])[0])
        if uptime is None or "stat" not in parts:
            raise ProbeError(Cause.MISSING, f"{self.way.destination} has no /proc as Linux has it")
        if dear:
            self._measure(parts)
        self._files.parts = parts
        found = [stat for row in parts.get("processes", b"").splitlines() if (stat := parse_stat(row)) is not None]
        if dear:
            self._take_seldom(parts, found)
        system = self._files.read(uptime)
        sweep = self._table.judge(found, uptime, uptime, self._limit) if found else None
        disks = self._disks(system.traffic)
        gaps = (
            self._seldom_gaps if found else (*self._seldom_gaps, _missing("processes", "its cat or cut does not tell"))
        )
        machine = SafeText(self._machine, 36)
        return Reading(
            system, sweep, tuple(disks[:_MOST_DISKS]), max(0, len(disks) - _MOST_DISKS), machine, again, gaps
        )

    def _measure(self, parts: Mapping[str, bytes]) -> None:
        page, ticks = natural(parts.get("page", b"").strip()), natural(parts.get("ticks", b"").strip())
        self._files.measure(page)
        self._files.root = parts.get("user", b"").strip() == b"0"
        self._table.measure(page, ticks)

    def _take_seldom(self, parts: Mapping[str, bytes], found: list[Stat]) -> None:
        gaps = []
        self._files.mounts = parts.get("self/mountinfo")
        self._mounts = [one for one in parse_mounts(self._files.mounts) if one.path not in self._ignore]
        self._space = dict(parse_space(parts.get("space", b""), parts.get("inodes", b"")))
        if self._mounts and not self._space:
            gaps.append(_missing("disks", "its df does not tell as POSIX has it"))
        if found and not self._table.introduce(found, parts.get("commands", b"")):
            gaps.append(_missing("users and command lines of processes", "its ps does not tell"))
        self._seldom_gaps = tuple(gaps)

    def _disks(self, traffic: Mapping[bytes, Traffic]) -> list[Disk]:
        unasked = SafeText("not asked over ssh: its server may be silent")
        shown = [
            disk(one, self._space.get(one.path, None if one.local else unasked), None, traffic.get(one.device))
            for one in self._mounts
            if not one.local or one.path in self._space
        ]
        real_ones = [one for one in shown if one.total != 0]
        return sorted(real_ones, key=lambda one: (not one.turned_read_only, -(one.used or 0), one.mount))


def split(raw: bytes, nonce: str) -> dict[str, bytes]:
    r"""The parts of an answer by name, each behind a line with a word that nobody there could know before.

    >>> split(b"motd\n\nab12 uptime\n5 9\n\nab12 stat\ncpu 1", "ab12")
    {'uptime': b'5 9\n', 'stat': b'cpu 1'}
    """
    found: dict[str, bytes] = {}
    for part in raw.split(b"\n" + nonce.encode() + b" ")[1:]:
        name, _, text = part.partition(b"\n")
        found.setdefault(name.decode("ascii", "replace")[:60], text)
    return found


def parse_counts(raw: bytes) -> dict[str, int] | None:
    r"""Connections by state from numbers by the kernel's code; None when there was nobody to count.

    >>> parse_counts(b"01 12\n0A 3\n- 0"), parse_counts(b"")
    ({'established': 12, 'listening': 3}, None)
    """
    rows = [row.split() for row in raw.splitlines()]
    whole = [(words[0], number) for words in rows if len(words) == 2 and (number := natural(words[1])) is not None]
    if not whole:
        return None
    found: dict[str, int] = {}
    for code, number in whole:
        if number:
            state = STATES.get(code.upper(), "other")
            found[state] = found.get(state, 0) + number
    return found


def parse_commands(raw: bytes) -> list[tuple[int, tuple[bytes, bytes]]]:
    r"""(pid, (user, command line)) for each line of ps.

    >>> parse_commands(b"  PID USER COMMAND\n    7 root     sh -c x y\n")
    [(7, (b'root', b'sh -c x y'))]
    """
    found = []
    for row in raw.splitlines():
        words = row.split(None, 2)
        pid = natural(words[0]) if len(words) == 3 else None
        if pid is not None:
            said = words[2] if len(row) < _WORDS else words[2][: max(words[2].rfind(b" "), 0)]
            found.append((pid, (words[1], said)))
    return found


def parse_space(blocks: bytes, inodes: bytes) -> list[tuple[bytes, Space]]:
    r"""(where it is mounted, what it holds) from `df -P -k` and `df -P -i`.

    >>> parse_space(b"Filesystem 1024-blocks\n/dev/a b 100 50 40 56% /my disk", b"/dev/a b 10 4 6 40% /my disk")
    [(b'/my disk', Space(total=102400.0, free=51200.0, available=40960.0, inodes=10, inodes_free=6))]
    """
    counted = {found[5]: found for row in inodes.splitlines() if (found := _DF.fullmatch(row))}
    told: dict[bytes, Space] = {}
    for row in blocks.splitlines():
        if (found := _DF.fullmatch(row)) is None:
            continue
        total, used, available = int(found[2]), int(found[3]), max(int(found[4]), 0)
        files = counted.get(found[5])
        every, left = (int(files[2]), max(int(files[4]), 0)) if files else (0, 0)
        told.setdefault(found[5], Space(total * 1024.0, max(total - used, 0) * 1024.0, available * 1024.0, every, left))
    return list(told.items())


def _id(raw: bytes | None) -> bytes:
    text = (raw or b"").strip()
    return text if _ID.fullmatch(text) else b""


def _missing(part: str, why: str) -> Gap:
    return Gap(part, Cause.MISSING, SafeText(why))
