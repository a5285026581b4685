"""The `status` kind: what a vendor says of itself on its status page."""

from probes.http.status.facts import Component, Incident, Level, Maintenance, StatusFacts
from probes.http.status.probe import StatusProbe, StatusSettings

__all__ = ["Component", "Incident", "Level", "Maintenance", "StatusFacts", "StatusProbe", "StatusSettings"]
