"""The `jobs` kind: a scheduler behind an HTTP API, its jobs and executions, and what an application's API can do."""
