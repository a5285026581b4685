"""The insta-connect system: three services on one host, PostgreSQL, log files, dumps, and somebody else's Graph API.

Imported by the opener of a stage, so nothing heavy is imported here.
"""

from __future__ import annotations

from systems.stage import Fault

PORTS = ("postgres", "web", "graph")
SECRETS = ("OPSROOM_DEMO_PG_PASSWORD", "OPSROOM_DEMO_APP_PASSWORD")

FAULTS = (
    Fault(
        "token-refresh",
        "token refresh failures",
        "the application's secret is replaced and token-refresh goes on with the old one; restart it, or heal it here",
    ),
    Fault(
        "webhook-errors",
        "webhook processing errors",
        "events come for accounts that webhook-processor has never heard of; restart it, or heal it here",
    ),
    Fault(
        "api-latency",
        "high API latency",
        "the application asks again without a pause and the Graph API refuses all of it; restart it, or heal it here",
    ),
    Fault(
        "database-connections",
        "database connection issues",
        "an idle transaction holds a row and the pool fills with those who wait; end its session, or heal it here",
    ),
    Fault("refresh-down", "token refresh down", "token-refresh is killed; start it, or heal it here"),
    Fault("processor-down", "webhook processor down", "webhook-processor is killed; start it, or heal it here"),
    Fault("application-down", "502 bad gateway", "insta-connect-app is killed; start it, or heal it here"),
    Fault(
        "database-down", "503 service unavailable", "somebody shuts PostgreSQL down; start postgresql, or heal it here"
    ),
    Fault(
        "broken-backup",
        "broken backup",
        "a dump that was cut off lies there as the newest; take a new one, or heal it here",
    ),
)

SCRIPT = (
    (8, "token-refresh"),
    (45, "broken-backup"),
    (70, "webhook-errors"),
    (120, "database-connections"),
    (160, "api-latency"),
    (210, "processor-down"),
    (240, "application-down"),
    (280, "database-down"),
    (320, "refresh-down"),
)
"""Seconds after the application is healthy, and the fault that then comes by itself."""

NEEDS = ("supervisor", "psycopg")
"""Packages this world is made with."""

TOGETHER = 2
"""Faults that come by themselves never make more than this many at once."""
