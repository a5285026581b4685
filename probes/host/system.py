"""Reads what the kernel tells about the whole machine: a dozen small files, some 0.2 ms in all.

Each file may be missing, refused or garbage by itself: that costs its own part only, which is then named.
Meaning of the files: https://docs.kernel.org/filesystems/proc.html, accounting/psi.html, admin-guide/iostats.html.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from probes.base import Rates, SafeText
from probes.host.facts import Cpu, Interface, Load, Memory, Stall
from probes.host.numbers import natural, pairs, real, slurp

_VIRTUAL: Final = (
    "lo",
    "veth",
    "docker",
    "br-",
    "virbr",
    "cni",
    "flannel",
    "cali",
    "tap",
    "tun",
    "dummy",
    "ifb",
    "lxc",
    "kube-",
)
_INTERFACES: Final = 100
"""Interfaces shown at most: a container host has one per container."""
_SECTOR: Final = 512
"""Bytes a sector has in diskstats, whatever the device's own size is."""
_MANY: Final = 10_000
"""Connections above which they are counted even less often."""
_COUNT_EVERY: Final = (10.0, 30.0)
"""Seconds between two counts of few and of many connections: the kernel searches its whole table for the list,
which takes some 7 ms even when it is empty."""
_RESOURCES: Final = ("cpu", "memory", "io")
STATES: Final[Mapping[bytes, str]] = {
    b"01": "established", b"02": "syn-sent", b"03": "syn-received", b"04": "fin-wait-1", b"05": "fin-wait-2",
    b"06": "time-wait", b"07": "closed", b"08": "close-wait", b"09": "last-ack", b"0A": "listening", b"0B": "closing",
    b"0C": "syn-received",
}  # fmt: skip
"""The kernel's numbers for TCP states."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a block device did since the last reading."""

    read: float | None
    """Bytes per second."""
    written: float | None
    busy: float | None
    """Share of the time."""


@dataclass(frozen=True, slots=True)
class System:
    """All that the small files say."""

    name: SafeText
    kernel: SafeText
    cores: int | None
    cpu: Cpu
    load: Load
    memory: Memory
    pressure: Mapping[str, Stall]
    traffic: Mapping[bytes, Traffic]
    """By "major:minor"."""
    interfaces: tuple[Interface, ...]
    sockets: Mapping[str, int]
    files_open: float | None
    files_limit: float | None
    kills: float | None
    """Processes ended for lack of memory since boot."""
    kills_contained: float | None
    uptime: float | None
    hides_processes: bool
    """True when only our own processes can be seen."""
    missing: tuple[str, ...]
    """Parts that could not be read, in a person's words."""

    @property
    def blank(self) -> bool:
        """True when nothing was found: no kernel's files are there."""
        return self.cores is None and self.memory.total is None and self.load.one is None


class SystemFiles:
    """Remembers the last counters, so that they become rates. One thread at a time."""

    def __init__(self, proc: str, cgroup: str) -> None:
        self._proc = proc
        self._cgroup = cgroup
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._rates = Rates()
        self._network = Rates()
        self._times: dict[bytes, tuple[int, ...]] = {}
        self._sockets: Mapping[str, int] = {}
        self._sockets_at: float | None = None

    def read(self, at: float) -> System:
        """Read every file once, at monotonic seconds `at`."""
        cores, cpu = self._cpu()
        vmstat = pairs(self._file("vmstat"))
        load, memory, interfaces = self._load(), self._memory(vmstat, at), self._interfaces(at)
        opened, limit = self._files()
        sockets = self._connections(at)
        have = {
            "cpu": cores,
            "load": load.one,
            "memory": memory.used,
            "swap": memory.swap_used,
            "network": interfaces,
            "connections": sockets,
        }
        return System(
            name=SafeText((self._file("sys/kernel/hostname") or b"").strip(), 64),
            kernel=SafeText((self._file("sys/kernel/osrelease") or b"").strip(), 64),
            cores=cores,
            cpu=cpu,
            load=load,
            memory=memory,
            pressure=self._pressure(),
            traffic=self._traffic(at),
            interfaces=tuple(interfaces or ()),
            sockets=sockets or {},
            files_open=opened,
            files_limit=limit,
            kills=vmstat.get(b"oom_kill"),
            kills_contained=self._contained(),
            uptime=_word(self._file("uptime"), 0),
            hides_processes=not self._is_root() and parse_hidepid(self._file("self/mountinfo")),
            missing=tuple(part for part, value in have.items() if value is None),
        )

    def _file(self, name: str) -> bytes | None:
        return slurp(f"{self._proc}/{name}")

    def _contained(self) -> float | None:
        return pairs(slurp(self._cgroup + "/memory.events")).get(b"oom_kill")

    def _is_root(self) -> bool:
        return os.geteuid() == 0

    def _cpu(self) -> tuple[int | None, Cpu]:
        found = parse_times(self._file("stat"))
        spent = {name: _growth(times, self._times.get(name)) for name, times in found.items()}
        self._times = found
        every = sorted((name for name in found if name != b"cpu"), key=lambda name: int(name[3:]))
        whole = spent.get(b"cpu")
        cores = tuple(_busy(spent[name]) for name in every)
        if whole is None:
            return len(every) or None, Cpu(cores=cores)
        all_of_it = sum(whole)
        user, system = whole[0] + whole[1], whole[2] + whole[5] + whole[6]
        return len(every) or None, Cpu(
            _busy(whole), user / all_of_it, system / all_of_it, whole[4] / all_of_it, whole[7] / all_of_it, cores
        )

    def _load(self) -> Load:
        raw = self._file("loadavg")
        return Load(_word(raw, 0), _word(raw, 1), _word(raw, 2))

    def _memory(self, vmstat: Mapping[bytes, int], at: float) -> Memory:
        kilobytes = pairs(self._file("meminfo"))

        def sized(*names: bytes) -> float | None:
            parts = [kilobytes[name] * 1024.0 for name in names if name in kilobytes]
            return sum(parts) if parts else None

        def moved(name: bytes) -> float | None:
            pages = self._rates.per_second(name, vmstat.get(name), at)
            return None if pages is None else pages * self._page

        return Memory(
            total=sized(b"MemTotal"),
            available=sized(b"MemAvailable"),
            buffers=sized(b"Buffers"),
            cached=sized(b"Cached", b"SReclaimable"),
            swap_total=sized(b"SwapTotal"),
            swap_free=sized(b"SwapFree"),
            swap_in=moved(b"pswpin"),
            swap_out=moved(b"pswpout"),
        )

    def _pressure(self) -> dict[str, Stall]:
        read = {name: parse_pressure(self._file(f"pressure/{name}")) for name in _RESOURCES}
        return {name: stall for name, stall in read.items() if stall is not None}

    def _traffic(self, at: float) -> dict[bytes, Traffic]:
        found = {}
        for row in (self._file("diskstats") or b"").splitlines():
            words = row.split(None, 14)
            if len(words) < 13:
                continue
            device = words[0] + b":" + words[1]
            read = self._rates.per_second((device, "read"), natural(words[5]), at)
            written = self._rates.per_second((device, "written"), natural(words[9]), at)
            busy = self._rates.per_second((device, "busy"), natural(words[12]), at)
            found[device] = Traffic(
                None if read is None else read * _SECTOR,
                None if written is None else written * _SECTOR,
                None if busy is None else min(busy / 1000, 1.0),
            )
        return found

    def _interfaces(self, at: float) -> list[Interface] | None:
        raw = self._file("net/dev")
        if raw is None:
            return None
        rows = (row.rpartition(b":") for row in raw.splitlines()[2:])
        every = [self._interface(name.strip(), words.split(), at) for name, colon, words in rows if colon]
        self._network.forget({(str(one.name), column) for one in every for column in (0, 2, 3, 8, 10, 11)})
        every.sort(key=lambda one: (one.virtual, -(one.received or 0) - (one.sent or 0), one.name))
        return every[:_INTERFACES]

    def _interface(self, name: bytes, words: list[bytes], at: float) -> Interface:
        numbers = [natural(word) for word in words] + [None] * 16
        shown = SafeText(name, 32)

        def rate(*columns: int) -> float | None:
            parts = [self._network.per_second((str(shown), column), numbers[column], at) for column in columns]
            return None if None in parts else sum(part for part in parts if part is not None)

        return Interface(
            name=shown,
            virtual=name.decode("ascii", "replace").startswith(_VIRTUAL),
            received=rate(0),
            sent=rate(8),
            errors=rate(2, 10),
            drops=rate(3, 11),
            received_total=numbers[0],
            sent_total=numbers[8],
        )

    def _connections(self, at: float) -> Mapping[str, int] | None:
        """TCP connections by state, counted seldom."""
        many = count_of_sockets(self._file("net/sockstat"), self._file("net/sockstat6")) > _MANY
        if self._sockets_at is not None and at - self._sockets_at < _COUNT_EVERY[many]:
            return self._sockets
        lists = [self._file("net/tcp"), self._file("net/tcp6")]
        if lists[0] is None and lists[1] is None:
            return None
        self._sockets, self._sockets_at = parse_connections(raw for raw in lists if raw is not None), at
        return self._sockets

    def _files(self) -> tuple[float | None, float | None]:
        raw = self._file("sys/fs/file-nr")
        limit = _word(raw, 2)
        return _word(raw, 0), limit if limit is not None and limit < 2**62 else None


def parse_times(raw: bytes | None) -> dict[bytes, tuple[int, ...]]:
    """CPU times by "cpu" (all) and "cpu0", "cpu1"...: user, nice, system, idle, iowait, irq, softirq, steal.

    >>> parse_times(b"cpu  1 2 3 4 5 6 7 8 9 0\\ncpu0 1 2 3 x\\nintr 5")
    {b'cpu': (1, 2, 3, 4, 5, 6, 7, 8)}
    """
    found = {}
    for row in (raw or b"").splitlines():
        words = row.split()
        if not words or not words[0].startswith(b"cpu") or (words[0] != b"cpu" and not words[0][3:].isdigit()):
            continue
        numbers = [natural(word) for word in words[1:9]]
        whole = tuple(number for number in numbers if number is not None)
        if len(numbers) >= 4 and len(whole) == len(numbers):
            found[words[0]] = whole + (0,) * (8 - len(whole))
    return found


def parse_pressure(raw: bytes | None) -> Stall | None:
    """The ten-second shares of a pressure file, whose numbers are per cent.

    >>> parse_pressure(b"some avg10=25.00 avg60=1.00 avg300=0.00 total=9\\nfull avg10=x")
    Stall(some=0.25, full=None)
    """
    found: dict[bytes, float | None] = {}
    for row in (raw or b"").splitlines():
        words = row.split()
        if len(words) > 1 and words[1].startswith(b"avg10="):
            percent = real(words[1][6:])
            found[words[0]] = percent / 100 if percent is not None and percent <= 100 else None
    if found.get(b"some") is None:
        return None
    return Stall(found[b"some"], found.get(b"full"))


def count_of_sockets(*files: bytes | None) -> int:
    """How many TCP sockets there are, from the kernel's own short summary.

    >>> count_of_sockets(b"sockets: used 5\\nTCP: inuse 4 orphan 0 tw 3 alloc 6 mem 1", b"TCP6: inuse 2")
    9
    """
    count = 0
    for raw in files:
        for row in (raw or b"").splitlines():
            words = row.split()
            if words and words[0] in (b"TCP:", b"TCP6:"):
                named = dict(zip(words[1::2], words[2::2], strict=False))
                count += (natural(named.get(b"inuse")) or 0) + (natural(named.get(b"tw")) or 0)
    return count


def parse_connections(lists: Iterable[bytes]) -> dict[str, int]:
    """Connections by state from `net/tcp` and `net/tcp6`.

    >>> parse_connections([b"sl local\\n 0: 0100007F:0019 00000000:0000 0A 0\\n 1: 0:1 0:2 01 0"])
    {'listening': 1, 'established': 1}
    """
    codes: Counter[bytes] = Counter()
    for raw in lists:
        rows = (row.split(None, 4) for row in raw.splitlines()[1:])
        codes.update(words[3] for words in rows if len(words) > 3)
    found: Counter[str] = Counter()
    for code, count in codes.items():
        found[STATES.get(code, "other")] += count
    return dict(found)


def _word(raw: bytes | None, index: int) -> float | None:
    words = (raw or b"").split(None, index + 1)
    return real(words[index]) if len(words) > index else None


def _growth(times: tuple[int, ...], before: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Time spent in each state; a counter that went back (the kernel's iowait does) counts as none spent."""
    if before is None:
        return None
    spent = tuple(max(new - old, 0) for new, old in zip(times, before, strict=True))
    return spent if sum(spent) else None


def _busy(spent: tuple[int, ...] | None) -> float | None:
    return None if spent is None else 1 - (spent[3] + spent[4]) / sum(spent)


def parse_hidepid(raw: bytes | None) -> bool:
    """True when mountinfo says that other users' processes can't be seen.

    >>> parse_hidepid(b"22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible")
    True
    """
    rows = [row for row in (raw or b"").splitlines() if b" /proc " in row and b" - proc " in row]
    return any(re.search(rb"hidepid=(?!0|off)", row) for row in rows)
