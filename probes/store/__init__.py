"""The shared store on a PostgreSQL server: records, locks, presence and approvals of the people on one system."""
