"""The social analytics system: a service on a simulated ECS, real PostgreSQL and Redis, jobs that ask platforms.

Imported by the opener of a stage, so nothing heavy is imported here.
"""

from __future__ import annotations

from systems.stage import Fault

PORTS = ("postgres", "redis", "web", "cloud")
SECRETS = ("OPSROOM_DEMO_PG_PASSWORD", "OPSROOM_DEMO_APP_PASSWORD", "OPSROOM_DEMO_TOKEN", "OPSROOM_DEMO_AWS_KEY")

FAULTS = (
    Fault(
        "wedged-tasks",
        "wedged tasks",
        "every task fails its health check, callers get 503; a new deployment brings tasks that are well",
    ),
    Fault("crowd", "a crowd", "more visitors than two tasks can serve: answers take seconds; scale the service to 4"),
    Fault(
        "leaked-sessions",
        "leaked sessions",
        "the tasks open sessions and forget them; end those that are idle, or deploy anew",
    ),
    Fault("storage-full", "storage full", "the database's storage is full, nothing is written; grow it"),
    Fault("stopped-scheduler", "stopped scheduler", "no job runs any more; a new deployment starts the scheduler"),
    Fault(
        "revoked-login",
        "revoked login",
        "Twitch accepts the old login no more; put a new client_secret into the secret, then deploy anew",
    ),
    Fault("dead-cache", "dead cache", "the cache node is gone, pages are slower; reboot the node"),
    Fault(
        "evictions",
        "evictions",
        "keys that never expire fill the cache; give it more memory, or set its policy to allkeys-lru",
    ),
    Fault(
        "rate-limits",
        "rate limits",
        "Twitch allows half of the calls; longer intervals for its jobs, or a pause",
    ),
    Fault(
        "bad-release", "a bad release", "a release is deployed that fails many requests; roll back to the one before"
    ),
)

SCRIPT = (
    (10, "rate-limits"),
    (40, "crowd"),
    (90, "leaked-sessions"),
    (130, "wedged-tasks"),
    (180, "bad-release"),
    (230, "stopped-scheduler"),
    (280, "storage-full"),
    (320, "evictions"),
    (360, "dead-cache"),
    (400, "revoked-login"),
)
"""Seconds after the service is healthy, and the fault that then comes by itself."""

NEEDS = ("supervisor", "psycopg", "redis", "botocore")
"""Packages this world is made with."""

TOGETHER = 2
"""Faults that come by themselves never make more than this many at once."""
