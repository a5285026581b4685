"""The `rds` kind: managed databases, their storage, snapshots and reachability, read from Amazon RDS; `act` changes."""
