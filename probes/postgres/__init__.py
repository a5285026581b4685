"""PostgreSQL 12 and newer: sessions and locks, traffic, replication, statements. It reads, nothing else."""
