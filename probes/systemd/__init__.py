"""systemd: units and their journal, read through its own programs, changed by nothing here."""

from probes.systemd.facts import Journal, SystemdFacts, Unit
from probes.systemd.probe import SystemdProbe, SystemdSettings

__all__ = ["Journal", "SystemdFacts", "SystemdProbe", "SystemdSettings", "Unit"]
