"""Whether logs are kept and given up as they should be: rotated files, logrotate, the journal, containers' logs."""

from probes.rotation.facts import Configuration, Journal, Log, Loose, RotationFacts, Stanza
from probes.rotation.probe import RotationProbe, RotationSettings

__all__ = ["Configuration", "Journal", "Log", "Loose", "RotationFacts", "RotationProbe", "RotationSettings", "Stanza"]
