"""The `backups` kind: PostgreSQL dumps in a folder: whether they can be used; taken, proven, restored."""

from probes.backups.facts import Backup, BackupsFacts, Head, Leftover, Offsite, Proof, Work
from probes.backups.probe import BackupsProbe
from probes.backups.settings import BackupsSettings

__all__ = [
    "Backup",
    "BackupsFacts",
    "BackupsProbe",
    "BackupsSettings",
    "Head",
    "Leftover",
    "Offsite",
    "Proof",
    "Work",
]
