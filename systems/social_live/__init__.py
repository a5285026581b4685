"""Social Live: a platform on Kubernetes with PostgreSQL, Redis, Prometheus, Grafana and backups in a bucket.

PostgreSQL and Redis are real; the cluster and what speaks for a cloud is played by this package, and says so. Imported
by the opener of a stage, so nothing heavy is imported here.
"""

from __future__ import annotations

from systems.social_live.place import PORTS as PORTS
from systems.stage import Fault

SECRETS = (
    "OPSROOM_DEMO_PG_PASSWORD",
    "OPSROOM_DEMO_APP_PASSWORD",
    "OPSROOM_DEMO_COUNTS_PASSWORD",
    "OPSROOM_DEMO_S3_KEY",
    "OPSROOM_DEMO_S3_SECRET",
)

FAULTS = (
    Fault("bad-release", "bad release", "a release fails one request in four; roll back, or heal it here"),
    Fault("service-down", "service down", "every pod of the API stands still; replace them, or heal it here"),
    Fault(
        "slow-database",
        "slow database",
        "a migration that was left open holds the posts; end its session, or heal it here",
    ),
    Fault(
        "crowd",
        "crowd",
        "more people than three pods serve, unseen by the autoscaler; raise its minimum to 8, or heal it here",
    ),
    Fault("memory-leak", "memory leak", "the API's pods grow towards their limit; restart them, or heal it here"),
    Fault(
        "connection-leak",
        "connection leak",
        "uploads keep their database sessions; end the idle ones, or heal it here",
    ),
    Fault("missing-image", "missing image", "a rollout waits for an image nobody pushed; roll back, or heal it here"),
)

SCRIPT = (
    (8, "bad-release"),
    (60, "crowd"),
    (110, "slow-database"),
    (160, "memory-leak"),
    (210, "service-down"),
    (260, "connection-leak"),
    (310, "missing-image"),
)
"""Seconds after the platform is healthy, and the fault that then comes by itself."""

FILES = ("profile.toml", "RUNBOOK.md", "kubeconfig.json")
"""What one run has of its own, filled from the files of this package."""

NEEDS = ("supervisor", "psycopg", "redis")
"""Packages this world is made with."""

TOGETHER = 2
"""Faults that come by themselves never make more than this many at once."""
