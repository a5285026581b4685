"""The machine itself: cpu, memory, disks, network, processes, as the kernel tells them."""

from probes.host.facts import (
    Cpu,
    Disk,
    HostFacts,
    Interface,
    Kills,
    Load,
    Memory,
    Process,
    Stall,
    Tally,
)
from probes.host.probe import HostProbe, HostSettings

__all__ = [
    "Cpu",
    "Disk",
    "HostFacts",
    "HostProbe",
    "HostSettings",
    "Interface",
    "Kills",
    "Load",
    "Memory",
    "Process",
    "Stall",
    "Tally",
]
