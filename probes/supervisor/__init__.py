"""The `supervisor` kind: processes under supervisord, by group, and why those that are dead died."""

from probes.supervisor.address import SupervisorSettings
from probes.supervisor.facts import Process, Service, Stage, SupervisorFacts, Use
from probes.supervisor.probe import SupervisorProbe

__all__ = ["Process", "Service", "Stage", "SupervisorFacts", "SupervisorProbe", "SupervisorSettings", "Use"]
