"""The `rds` kind: managed databases, their storage, snapshots and reachability, read from Amazon RDS; `act` changes."""

from probes.aws.rds.facts import Cluster, Event, Instance, Maintenance, RdsFacts, Reach, Snapshots, StoredSnapshot
from probes.aws.rds.probe import RdsProbe
from probes.aws.rds.settings import RdsSettings

__all__ = [
    "Cluster",
    "Event",
    "Instance",
    "Maintenance",
    "RdsFacts",
    "RdsProbe",
    "RdsSettings",
    "Reach",
    "Snapshots",
    "StoredSnapshot",
]
