"""The `net` kind: whether hosts and ports can be reached from here, and how long name, connection and TLS take."""

from probes.net.facts import Attempt, NetFacts, Reached
from probes.net.probe import NetProbe, NetSettings

__all__ = ["Attempt", "NetFacts", "NetProbe", "NetSettings", "Reached"]
