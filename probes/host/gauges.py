"""Which numbers of a machine everybody may use, and which of them are worth a person's attention by default.

Data only, and the one function that turns facts into gauges.
"""

from __future__ import annotations

from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Missing, Rule, Severity, Unit
from probes.host.facts import HostFacts, Interface

_LABELLED: Final = 8
"""Interfaces that get gauges of their own: the real ones, by name."""

SPECS: Final = (
    GaugeSpec(
        "cpu_busy_ratio",
        "Share of all cores' time not idle and not waiting for a disk.",
        Unit.RATIO,
        better="low",
        capacity=Capacity.LOAD,
    ),
    GaugeSpec("cpu_iowait_ratio", "Share of time idle while a disk was waited for.", Unit.RATIO, better="low"),
    GaugeSpec("cpu_steal_ratio", "Share of time the hypervisor gave to other guests.", Unit.RATIO, better="low"),
    GaugeSpec("cpu_hottest_core_ratio", "Busy share of the busiest core.", Unit.RATIO, better="low"),
    GaugeSpec("load1", "Mean number of tasks running or waiting, last minute.", better="low"),
    GaugeSpec("load5", "Mean number of tasks running or waiting, last five minutes.", better="low"),
    GaugeSpec("load15", "Mean number of tasks running or waiting, last fifteen minutes.", better="low"),
    GaugeSpec("load_per_core", "One-minute load divided by the number of cores.", better="low", capacity=Capacity.LOAD),
    GaugeSpec("cores", "Number of cores online."),
    GaugeSpec(
        "memory_used_ratio",
        "Share of memory that is not available to programs.",
        Unit.RATIO,
        better="low",
        capacity=Capacity.USED,
    ),
    GaugeSpec("memory_available_bytes", "What programs could get without swapping.", Unit.BYTES, better="high"),
    GaugeSpec("memory_total_bytes", "Memory in all.", Unit.BYTES),
    GaugeSpec(
        "memory_full_ratio", "The used share again, labelled with the biggest process.", Unit.RATIO, better="low"
    ),
    GaugeSpec("memory_biggest_bytes", "Memory of the biggest process.", Unit.BYTES),
    GaugeSpec("swap_used_bytes", "Bytes in swap.", Unit.BYTES, better="low"),
    GaugeSpec("swap_used_ratio", "Share of swap in use.", Unit.RATIO, better="low", capacity=Capacity.USED),
    GaugeSpec("swap_in_bytes_per_second", "Read back from swap.", Unit.BYTES_PER_SECOND, better="low"),
    GaugeSpec("swap_out_bytes_per_second", "Written to swap.", Unit.BYTES_PER_SECOND, better="low"),
    GaugeSpec(
        "pressure_cpu_ratio", "Share of the last 10 s in which a task waited for a core.", Unit.RATIO, better="low"
    ),
    GaugeSpec(
        "pressure_memory_ratio", "Share of the last 10 s in which a task waited for memory.", Unit.RATIO, better="low"
    ),
    GaugeSpec(
        "pressure_io_ratio", "Share of the last 10 s in which a task waited for a disk.", Unit.RATIO, better="low"
    ),
    GaugeSpec(
        "disk_used_ratio",
        "Used share of a file system, as df counts it.",
        Unit.RATIO,
        better="low",
        capacity=Capacity.USED,
    ),
    GaugeSpec("disk_free_bytes", "Bytes ordinary users can still write.", Unit.BYTES, better="high"),
    GaugeSpec(
        "inodes_used_ratio", "Used share of a file system's inodes.", Unit.RATIO, better="low", capacity=Capacity.USED
    ),
    GaugeSpec(
        "disk_silent_seconds", "Time since a file system stopped answering; absent while it answers.", Unit.SECONDS
    ),
    GaugeSpec("disk_turned_read_only", "1 when the kernel made a writable file system read-only.", better="low"),
    GaugeSpec("disk_busy_ratio", "Share of time a file system's device had work.", Unit.RATIO, better="low"),
    GaugeSpec(
        "net_receive_bytes_per_second",
        "Received by the real interfaces together.",
        Unit.BYTES_PER_SECOND,
        capacity=Capacity.LOAD,
    ),
    GaugeSpec(
        "net_transmit_bytes_per_second",
        "Sent by the real interfaces together.",
        Unit.BYTES_PER_SECOND,
        capacity=Capacity.LOAD,
    ),
    GaugeSpec("net_errors_per_second", "Broken packets of an interface.", Unit.PER_SECOND, better="low"),
    GaugeSpec("net_drops_per_second", "Packets an interface had to drop.", Unit.PER_SECOND, better="low"),
    GaugeSpec("tcp_connections", "TCP connections by state."),
    GaugeSpec("files_open", "File handles in use on the whole machine."),
    GaugeSpec(
        "files_used_ratio",
        "Share of the machine's file handles in use.",
        Unit.RATIO,
        better="low",
        capacity=Capacity.USED,
    ),
    GaugeSpec("processes", "Number of processes."),
    GaugeSpec("processes_blocked", "Processes that wait for a disk and can't be interrupted.", better="low"),
    GaugeSpec("zombies", "Ended processes whose parent has not noticed.", better="low"),
    GaugeSpec("oom_kill_total", "Processes killed for lack of memory since boot.", counter=True, better="low"),
    GaugeSpec("oom_kills_recent", "Processes killed for lack of memory in the last five minutes.", better="low"),
    GaugeSpec("uptime_seconds", "Time since boot.", Unit.SECONDS),
)

RULES: Final = (
    Rule(
        name="cpu", gauge="cpu_busy_ratio", op=">", threshold=0.8, severity=Severity.WARNING, hold=30, clear=0.7,
        say="cpu {value} busy, load {load1} on {cores} cores",
    ),
    Rule(
        name="cpu-stolen", gauge="cpu_steal_ratio", op=">", threshold=0.1, severity=Severity.WARNING, hold=60,
        clear=0.05, say="the hypervisor gives {value} of this machine's cpu time to others",
    ),
    Rule(
        name="disk-wait", gauge="cpu_iowait_ratio", op=">", threshold=0.3, severity=Severity.WARNING, hold=30,
        clear=0.2, say="cpu waits for disks {value} of the time, {processes_blocked} processes stuck waiting",
    ),
    Rule(
        name="load", gauge="load_per_core", op=">", threshold=2.0, severity=Severity.WARNING, hold=60, clear=1.5,
        say="load {load1} on {cores} cores, {value} for each (limit {limit})",
    ),
    Rule(
        name="memory", gauge="memory_full_ratio", op=">", threshold=0.9, severity=Severity.CRITICAL, clear=0.88,
        say="memory {value} used, {memory_available_bytes} left; "
            "the biggest is {biggest} (pid {pid}) with {memory_biggest_bytes}",
    ),
    Rule(
        name="memory-pressure", gauge="pressure_memory_ratio", op=">", threshold=0.2, severity=Severity.WARNING,
        hold=30, clear=0.1, missing=Missing.CLEAR,
        say="programs wait for memory {value} of the time, {memory_available_bytes} left",
    ),
    Rule(
        name="swapping", gauge="swap_in_bytes_per_second", op=">", threshold=4 * 2**20, severity=Severity.WARNING,
        hold=20, clear=2**20,
        say="reads {value} back from swap: memory is too small for what runs, {memory_available_bytes} left",
    ),
    Rule(
        name="oom-kill", gauge="oom_kills_recent", op=">", threshold=0, severity=Severity.CRITICAL,
        say="out of memory: the kernel killed {victim}, {value} killed in the last 5 min",
    ),
    Rule(
        name="disk", gauge="disk_used_ratio", op=">", threshold=0.85, severity=Severity.WARNING, clear=0.84,
        say="disk {mount} is {value} full, {disk_free_bytes} left",
    ),
    Rule(
        name="disk-full", gauge="disk_used_ratio", op=">", threshold=0.95, severity=Severity.CRITICAL, clear=0.94,
        say="disk {mount} is {value} full, {disk_free_bytes} left",
    ),
    Rule(
        name="inodes", gauge="inodes_used_ratio", op=">", threshold=0.9, severity=Severity.WARNING, clear=0.89,
        say="disk {mount} can hold hardly any more files: {value} of its inodes are used",
    ),
    Rule(
        name="disk-silent", gauge="disk_silent_seconds", op=">", threshold=5, severity=Severity.CRITICAL,
        say="no answer from {mount} for {value}",
    ),
    Rule(
        name="disk-read-only", gauge="disk_turned_read_only", op=">", threshold=0, severity=Severity.CRITICAL,
        say="disk {mount} has turned read-only, as after a disk error: nothing can be written",
    ),
    Rule(
        name="net-errors", gauge="net_errors_per_second", op=">", threshold=1, severity=Severity.WARNING, hold=30,
        say="network {interface}: {value} broken packets",
    ),
    Rule(
        name="files", gauge="files_used_ratio", op=">", threshold=0.9, severity=Severity.WARNING, clear=0.85,
        say="{files_open} files open, {value} of what the machine allows",
    ),
    Rule(
        name="zombies", gauge="zombies", op=">", threshold=100, severity=Severity.NOTICE, hold=60,
        say="{value} ended processes that their parents don't notice",
    ),
    Rule(
        name="restarted", gauge="uptime_seconds", op="<", threshold=900, severity=Severity.NOTICE,
        say="this machine was started {value} ago",
    ),
)  # fmt: skip


def real_interfaces(facts: HostFacts) -> list[Interface]:
    """Those that lead out of the machine."""
    return [one for one in facts.interfaces if not one.virtual]


def total(values: list[float | None]) -> float | None:
    """The sum of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def measured(facts: HostFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    _cpu(gauges, facts)
    _memory(gauges, facts)
    _disks(gauges, facts)
    _network(gauges, facts)
    _life(gauges, facts)
    return gauges


def _cpu(gauges: Gauges, facts: HostFacts) -> None:
    gauges.put("cpu_busy_ratio", facts.cpu.busy)
    gauges.put("cpu_iowait_ratio", facts.cpu.iowait)
    gauges.put("cpu_steal_ratio", facts.cpu.steal)
    gauges.put("cpu_hottest_core_ratio", facts.cpu.hottest)
    gauges.put("load1", facts.load.one)
    gauges.put("load5", facts.load.five)
    gauges.put("load15", facts.load.fifteen)
    gauges.put("load_per_core", facts.load_per_core)
    gauges.put("cores", facts.cores)
    for resource, stall in facts.pressure.items():
        gauges.put(f"pressure_{resource}_ratio", stall.some)


def _memory(gauges: Gauges, facts: HostFacts) -> None:
    memory, biggest = facts.memory, facts.biggest
    gauges.put("memory_used_ratio", memory.used)
    gauges.put("memory_available_bytes", memory.available)
    gauges.put("memory_total_bytes", memory.total)
    labels = {"biggest": biggest.name, "pid": str(biggest.pid)} if biggest else {"biggest": "not known", "pid": "–"}
    gauges.put("memory_full_ratio", memory.used, **labels)
    gauges.put("memory_biggest_bytes", biggest.rss if biggest else None, **labels)
    gauges.put("swap_used_bytes", memory.swap_used)
    if memory.swap_total and memory.swap_used is not None:
        gauges.put("swap_used_ratio", memory.swap_used / memory.swap_total)
    gauges.put("swap_in_bytes_per_second", memory.swap_in)
    gauges.put("swap_out_bytes_per_second", memory.swap_out)


def _disks(gauges: Gauges, facts: HostFacts) -> None:
    for disk in facts.disks:
        gauges.put("disk_used_ratio", disk.used, mount=disk.mount)
        gauges.put("disk_free_bytes", disk.free, mount=disk.mount)
        gauges.put("inodes_used_ratio", disk.inodes_used, mount=disk.mount)
        gauges.put("disk_silent_seconds", disk.silent, mount=disk.mount)
        gauges.put("disk_turned_read_only", float(disk.turned_read_only), mount=disk.mount)
        gauges.put("disk_busy_ratio", disk.busy, mount=disk.mount)


def _network(gauges: Gauges, facts: HostFacts) -> None:
    real = real_interfaces(facts)
    gauges.put("net_receive_bytes_per_second", total([one.received for one in real]))
    gauges.put("net_transmit_bytes_per_second", total([one.sent for one in real]))
    for one in sorted(real, key=lambda one: one.name)[:_LABELLED]:
        gauges.put("net_errors_per_second", one.errors, interface=one.name)
        gauges.put("net_drops_per_second", one.drops, interface=one.name)
    for state, count in facts.sockets.items():
        gauges.put("tcp_connections", count, state=state)


def _life(gauges: Gauges, facts: HostFacts) -> None:
    gauges.put("files_open", facts.files_open)
    if facts.files_open is not None and facts.files_limit:
        gauges.put("files_used_ratio", facts.files_open / facts.files_limit)
    if facts.tally is not None:
        gauges.put("processes", facts.tally.total)
        gauges.put("processes_blocked", facts.tally.blocked)
        gauges.put("zombies", facts.tally.zombies)
    gauges.put("oom_kill_total", facts.kills.total)
    if facts.kills.recent:
        gauges.put("oom_kills_recent", facts.kills.recent, victim=str(facts.kills.victim) or "a process")
    gauges.put("uptime_seconds", facts.uptime)
