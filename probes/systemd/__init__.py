"""The `systemd` kind: units and their journal, read and acted on through systemd's own programs."""

from probes.systemd.facts import Journal, SystemdFacts, Unit
from probes.systemd.probe import SystemdProbe, SystemdSettings

__all__ = ["Journal", "SystemdFacts", "SystemdProbe", "SystemdSettings", "Unit"]
