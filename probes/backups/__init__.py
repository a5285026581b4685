"""The `backups` kind: PostgreSQL dumps in a folder: whether they can be used; taken, proven, restored."""
