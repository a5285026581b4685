"""The WhatsApp notifications system: an API on ECS, workers under Compose, SQS between them, PostgreSQL, Redis.

Imported by the opener of a stage, so nothing heavy is imported here.
"""

from __future__ import annotations

from systems.stage import Fault

PORTS = ("postgres", "redis", "web", "cloud", "vendors")
SECRETS = ("OPSROOM_DEMO_PG_PASSWORD", "OPSROOM_DEMO_APP_PASSWORD", "OPSROOM_DEMO_TOKEN", "OPSROOM_DEMO_AWS_KEY")
FILES = ("profile.toml", "RUNBOOK.md", "compose.yaml", ".env")

FAULTS = (
    Fault("bad-release", "a bad release", "a release of the API fails many requests; roll back to the one before"),
    Fault(
        "revoked-token",
        "revoked token",
        "WhatsApp refuses the token and nothing is delivered; put a new one into the secret, restart the workers",
    ),
    Fault(
        "campaign",
        "a campaign",
        "twelve hundred messages wait, more than two workers can send; scale the workers to 5, or let ECS help",
    ),
    Fault("hung-workers", "hung workers", "the workers hang and a few messages wait for ever; restart them"),
    Fault(
        "paused-template",
        "paused template",
        "WhatsApp refused a template for a while; its messages are dead letters, redrive them",
    ),
    Fault(
        "open-transaction",
        "open transaction",
        "somebody's transaction holds a table, the API's pool runs dry; end that session",
    ),
    Fault("dead-database", "dead database", "PostgreSQL does not answer; reboot the instance"),
    Fault(
        "leaked-key",
        "leaked key",
        "somebody sends with a customer's API key; make a new one, and new tasks that know it",
    ),
    Fault(
        "full-cache",
        "full cache",
        "keys that never expire fill Redis, which refuses writes; give it more memory or another policy",
    ),
    Fault(
        "rate-limits",
        "rate limits",
        "WhatsApp takes five messages at a time; set WORKER_CONCURRENCY to 2 and make the workers new, or stop one",
    ),
    Fault("hung-api", "hung API", "the API takes requests and answers none; start new tasks"),
    Fault(
        "data-leak",
        "data leak",
        "somebody copies the numbers of all recipients; gather the evidence, then end the session",
    ),
    Fault(
        "clean-up",
        "clean-up",
        "a script meant for another place ended everything; the database first, then the API, then the workers",
    ),
    Fault(
        "vendor-outage",
        "vendor outage",
        "WhatsApp answers nobody but with 503; stop the workers until it is back, then start them",
    ),
    Fault(
        "lost-rows",
        "lost rows",
        "a migration deleted what was sent; restore the snapshot from before it to a new instance",
    ),
)

SCRIPT = (
    (10, "paused-template"),
    (40, "hung-workers"),
    (90, "open-transaction"),
    (130, "bad-release"),
    (180, "campaign"),
    (240, "leaked-key"),
    (290, "dead-database"),
    (330, "revoked-token"),
    (380, "full-cache"),
    (420, "rate-limits"),
    (460, "hung-api"),
    (500, "data-leak"),
    (550, "clean-up"),
    (600, "vendor-outage"),
    (650, "lost-rows"),
)
"""Seconds after the API is healthy, and the fault that then comes by itself."""

NEEDS = ("supervisor", "psycopg", "redis", "botocore", "yaml")
"""Packages this world is made with."""

TOGETHER = 2
"""Faults that come by themselves never make more than this many at once."""
