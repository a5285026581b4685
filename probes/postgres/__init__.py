"""PostgreSQL 12 and newer: sessions and locks, traffic, replication, statements. It reads, nothing else."""

from probes.postgres.address import PostgresSettings
from probes.postgres.care.facts import Care, IndexCare, Lasting, TableCare
from probes.postgres.facts import (
    Archiver,
    Connections,
    Crowd,
    Database,
    Horizon,
    Knot,
    Login,
    PostgresFacts,
    Prepared,
    Progress,
    Replica,
    ReplicationSlot,
    Server,
    Session,
    Standby,
    Statement,
    Statements,
    Traffic,
    Wait,
    Wraparound,
)
from probes.postgres.gauges import measured
from probes.postgres.read import PostgresProbe

__all__ = [
    "Archiver",
    "Care",
    "Connections",
    "Crowd",
    "Database",
    "Horizon",
    "IndexCare",
    "Knot",
    "Lasting",
    "Login",
    "PostgresFacts",
    "PostgresProbe",
    "PostgresSettings",
    "Prepared",
    "Progress",
    "Replica",
    "ReplicationSlot",
    "Server",
    "Session",
    "Standby",
    "Statement",
    "Statements",
    "TableCare",
    "Traffic",
    "Wait",
    "Wraparound",
    "measured",
]
