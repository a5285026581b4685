"""What is known about a machine after one reading. Missing is None, never zero; text is safe; shares are of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from probes.base import SafeText


@dataclass(frozen=True, slots=True)
class Cpu:
    """Shares of the time since the last reading; None at the first."""

    busy: float | None = None
    """Everything but idle and waiting for disks; time stolen by the hypervisor counts as busy."""
    user: float | None = None
    system: float | None = None
    """In the kernel, interrupts included."""
    iowait: float | None = None
    """Idle while a disk was waited for."""
    steal: float | None = None
    """Wanted, but given to another guest by the hypervisor."""
    cores: tuple[float | None, ...] = ()
    """The busy share of each core."""

    @property
    def hottest(self) -> float | None:
        """The busiest core's share: one at its end is easily overlooked in the mean of many."""
        return max((share for share in self.cores if share is not None), default=None)


@dataclass(frozen=True, slots=True)
class Load:
    """Mean number of tasks that ran, wanted to run or waited for a disk."""

    one: float | None = None
    """Over the last minute."""
    five: float | None = None
    fifteen: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, and bytes per second for what moves to and from swap."""

    total: float | None = None
    available: float | None = None
    """What programs could still get without swapping (the kernel's own estimate)."""
    buffers: float | None = None
    cached: float | None = None
    """Page cache and what the kernel can give back; mostly free to take."""
    swap_total: float | None = None
    swap_free: float | None = None
    swap_in: float | None = None
    swap_out: float | None = None

    @property
    def used(self) -> float | None:
        """Share of the memory that is not available."""
        if not self.total or self.available is None:
            return None
        return min(max(1 - self.available / self.total, 0.0), 1.0)

    @property
    def swap_used(self) -> float | None:
        """Bytes in swap."""
        if self.swap_total is None or self.swap_free is None:
            return None
        return max(self.swap_total - self.swap_free, 0.0)


@dataclass(frozen=True, slots=True)
class Stall:
    """Share of the time in which some (or all) tasks waited for a resource (Linux PSI)."""

    some: float | None = None
    """Over the last 10 s: at least one task waited."""
    full: float | None = None
    """Over the last 10 s: every task that could have run waited."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted file system."""

    mount: SafeText
    source: SafeText
    """Device, or server and export."""
    fstype: SafeText
    total: float | None = None
    """Bytes."""
    free: float | None = None
    """Bytes an ordinary user can still write."""
    used: float | None = None
    """Share as `df` counts it: used of what ordinary users may use."""
    inodes_used: float | None = None
    """Share of the inodes; None where the file system has no fixed number."""
    read_only: bool = False
    turned_read_only: bool = False
    """Mounted for writing, but the kernel made it read-only, as it does after a disk error."""
    remote: bool = False
    """Asked through a helper program, since its server may be silent."""
    silent: float | None = None
    """Seconds without an answer; None while it answers."""
    trouble: SafeText = SafeText()
    """Why it has no numbers, when it answered that it won't tell."""
    read: float | None = None
    """Bytes per second from its device."""
    written: float | None = None
    busy: float | None = None
    """Share of the time its device had work."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface; rates per second since the last reading."""

    name: SafeText
    virtual: bool = False
    """Loopback, bridges and the ends of containers: left out of the totals."""
    received: float | None = None
    sent: float | None = None
    errors: float | None = None
    """Broken packets per second, both directions."""
    drops: float | None = None
    received_total: float | None = None
    """Bytes since boot."""
    sent_total: float | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A running program."""

    pid: int
    parent: int
    started: int
    """Clock ticks after boot; with the pid the identity of the process."""
    name: SafeText
    state: str
    """One letter as `ps` shows it."""
    threads: int | None
    cpu: float | None
    """Cores it used since the last reading: 1.0 is one whole core; None at the first."""
    rss: float | None
    """Bytes in memory, shared ones counted for each process."""
    age: float | None = None
    """Seconds since it started."""
    user: SafeText = SafeText()
    command: SafeText = SafeText()
    """Command line with everything that looks like a secret masked."""

    @property
    def key(self) -> str:
        """Identity: a pid alone is used again."""
        return f"{self.pid}:{self.started}"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many processes there are in all, whatever the table shows."""

    total: int
    running: int = 0
    blocked: int = 0
    """Waiting for a disk or the like, not to be interrupted."""
    zombies: int = 0
    """Ended, but their parent has not noticed."""


@dataclass(frozen=True, slots=True)
class Kills:
    """Processes the kernel ended because memory ran out."""

    total: float | None = None
    """Since boot, the whole machine."""
    contained: float | None = None
    """In our own control group, when we run in a container."""
    recent: int = 0
    """In the last five minutes; before our first reading known only from the kernel log."""
    last: float | None = None
    """Seconds since the last one we know of."""
    victim: SafeText = SafeText()
    """The last one's name and pid; empty when the kernel log may not be read."""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One machine, completely."""

    name: SafeText = SafeText()
    kernel: SafeText = SafeText()
    over: SafeText = SafeText()
    """What leads there, "ssh web-1"; empty for the machine we run on."""
    machine: SafeText = SafeText()
    """Its own id, where it is another machine than ours and has one."""
    cores: int | None = None
    cpu: Cpu = Cpu()
    load: Load = Load()
    memory: Memory = Memory()
    pressure: Mapping[str, Stall] = field(default_factory=dict)
    """By resource: cpu, memory, io; empty where the kernel does not tell."""
    disks: tuple[Disk, ...] = ()
    """Silent ones first, then by fullness."""
    disks_dropped: int = 0
    interfaces: tuple[Interface, ...] = ()
    sockets: Mapping[str, int] = field(default_factory=dict)
    """TCP connections by state."""
    files_open: float | None = None
    """File handles in use, the whole machine."""
    files_limit: float | None = None
    processes: tuple[Process, ...] = ()
    """The busiest, then the biggest; at most the configured number."""
    tally: Tally | None = None
    biggest: Process | None = None
    """The one with most memory; it changes only when another is clearly bigger."""
    kills: Kills = Kills()
    uptime: float | None = None
    """Seconds since boot."""

    @property
    def load_per_core(self) -> float | None:
        """The one-minute load divided by the cores."""
        return self.load.one / self.cores if self.load.one is not None and self.cores else None
