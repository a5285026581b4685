"""What psutil can tell about a machine that has no Linux kernel files. Blocking; runs in a thread of its own.

Less than on Linux, and dearer: the parts that are not there are named as gaps by the probe.
"""

from __future__ import annotations

import platform
import time
from typing import Any, Final

from probes.base import Rates, SafeText, finite
from probes.host.facts import Cpu, Disk, HostFacts, Interface, Load, Memory, Process, Tally
from probes.host.masking import masked

ABSENT: Final = (
    "pressure stall",
    "out-of-memory kills",
    "connections",
    "read-only and remote file systems by themselves",
)
"""Parts that only Linux gives."""
_WANTED: Final = (
    "pid", "ppid", "name", "username", "status", "num_threads", "cpu_times", "memory_info", "create_time", "cmdline",
)  # fmt: skip
_LETTERS: Final = {"running": "R", "sleeping": "S", "disk-sleep": "D", "stopped": "T", "zombie": "Z", "idle": "I"}


class PortableHost:
    """Remembers the last counters. One thread at a time."""

    def __init__(self) -> None:
        self._rates = Rates()
        self._first = True

    def read(self, at: float, limit: int) -> HostFacts:
        """Everything psutil gives on this system, at monotonic seconds `at`."""
        import psutil

        processes = self._processes(psutil, at)
        facts = HostFacts(
            name=SafeText(_nodename(), 64),
            cores=psutil.cpu_count(),
            cpu=self._cpu(psutil),
            load=Load(*(finite(value) for value in psutil.getloadavg())),
            memory=self._memory(psutil, at),
            interfaces=self._interfaces(psutil, at),
            processes=tuple(processes[:limit]),
            tally=_tally(processes),
            biggest=max(processes, key=lambda one: one.rss or 0, default=None),
            uptime=max(time.time() - psutil.boot_time(), 0),
        )
        self._first = False
        return facts

    def disks(self) -> tuple[Disk, ...]:
        """File systems, fullest first; may hang on a dead one."""
        import psutil

        return _disks(psutil)

    def _cpu(self, psutil: Any) -> Cpu:
        times, cores = psutil.cpu_times_percent(None), psutil.cpu_percent(None, percpu=True)
        if self._first:
            return Cpu(cores=(None,) * len(cores))

        def share(name: str) -> float | None:
            percent = finite(getattr(times, name, None))
            return None if percent is None else percent / 100

        idle = (share("idle") or 0) + (share("iowait") or 0)
        return Cpu(
            max(1 - idle, 0.0), share("user"), share("system"), share("iowait"), share("steal"),
            tuple(core / 100 for core in cores),
        )  # fmt: skip

    def _memory(self, psutil: Any, at: float) -> Memory:
        memory, swap = psutil.virtual_memory(), psutil.swap_memory()
        return Memory(
            total=finite(memory.total),
            available=finite(memory.available),
            buffers=finite(getattr(memory, "buffers", None)),
            cached=finite(getattr(memory, "cached", None)),
            swap_total=finite(swap.total),
            swap_free=finite(swap.free),
            swap_in=self._rates.per_second("sin", finite(swap.sin), at),
            swap_out=self._rates.per_second("sout", finite(swap.sout), at),
        )

    def _interfaces(self, psutil: Any, at: float) -> tuple[Interface, ...]:
        found = []
        for name, seen in sorted(psutil.net_io_counters(pernic=True).items())[:100]:
            received = self._rates.per_second((name, "in"), seen.bytes_recv, at)
            sent = self._rates.per_second((name, "out"), seen.bytes_sent, at)
            errors = self._rates.per_second((name, "errors"), seen.errin + seen.errout, at)
            drops = self._rates.per_second((name, "drops"), seen.dropin + seen.dropout, at)
            virtual = name.startswith(("lo", "bridge", "awdl", "llw", "utun", "gif", "stf"))
            found.append(
                Interface(SafeText(name, 32), virtual, received, sent, errors, drops, seen.bytes_recv, seen.bytes_sent)
            )
        return tuple(found)

    def _processes(self, psutil: Any, at: float) -> list[Process]:
        found = [self._process(one.info, at) for one in psutil.process_iter(_WANTED)]
        return sorted(found, key=lambda one: (-(one.cpu or 0), -(one.rss or 0)))

    def _process(self, info: dict[str, Any], at: float) -> Process:
        started = finite(info["create_time"]) or 0.0
        times, memory = info["cpu_times"], info["memory_info"]
        used = None if times is None else times.user + times.system
        name = str(info["name"] or "")
        return Process(
            pid=info["pid"],
            parent=info["ppid"] or 0,
            started=int(started * 100),
            name=SafeText(name, 64),
            state=_LETTERS.get(str(info["status"]), "?"),
            threads=info["num_threads"],
            cpu=self._rates.per_second((info["pid"], started), used, at),
            rss=None if memory is None else finite(memory.rss),
            age=max(time.time() - started, 0) if started else None,
            user=SafeText(info["username"] or "", 32),
            command=SafeText(masked(info["cmdline"]) if info["cmdline"] else f"[{name}]", 512),
        )


def _nodename() -> str:
    return platform.node()


def _disks(psutil: Any) -> tuple[Disk, ...]:
    found = []
    for part in psutil.disk_partitions(all=False)[:64]:
        try:
            usage = psutil.disk_usage(part.mountpoint)
        except OSError:
            continue
        where = (SafeText(part.mountpoint, 256), SafeText(part.device, 256), SafeText(part.fstype, 32))
        share = finite(usage.percent)
        found.append(Disk(*where, finite(usage.total), finite(usage.free), None if share is None else share / 100,
                          read_only="ro" in part.opts.split(",")))  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-(one.used or 0), one.mount)))


def _tally(processes: list[Process]) -> Tally:
    states = [one.state for one in processes]
    return Tally(len(states), states.count("R"), states.count("D"), states.count("Z"))
