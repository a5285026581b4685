"""The newsletter system: a web application, workers, PostgreSQL, Redis with BullMQ queues; alive, and it can fail.

Imported by the opener of a stage, so nothing heavy is imported here.
"""

from __future__ import annotations

from systems.stage import Fault

PORTS = ("postgres", "redis", "web")
SECRETS = ("OPSROOM_DEMO_PG_PASSWORD", "OPSROOM_DEMO_APP_PASSWORD")
FILES = ("profile.toml", "RUNBOOK.md", ".env")

FAULTS = (
    Fault("dead-worker", "dead workers", "every worker is killed; start one, or heal it here"),
    Fault(
        "queue-backlog",
        "queue backlog",
        "one large campaign: campaign-emails grows by 40 a second; more workers catch up, or heal it here",
    ),
    Fault(
        "blocked-sessions",
        "blocked sessions",
        "an idle transaction holds a row that others wait for; end it, or heal it here",
    ),
    Fault(
        "runaway-query", "runaway query", "a report joins a table with itself; cancel or terminate it, or heal it here"
    ),
    Fault(
        "cache-misses",
        "cache misses",
        "the application asks for keys nobody cached; restart newsletter-app, or heal it here",
    ),
    Fault("memory-leak", "memory leak", "newsletter-app grows and slows down; restart it, or heal it here"),
    Fault("application-down", "application down", "newsletter-app is killed; start it, or heal it here"),
    Fault("database-down", "database down", "somebody shuts PostgreSQL down; start postgres, or heal it here"),
    Fault("redis-down", "Redis down", "Redis is killed, and what waited in it is lost; start redis, or heal it here"),
    Fault(
        "refused-emails",
        "refused e-mails",
        "the provider's key is replaced, the workers go on with the old one; restart them, or heal it here",
    ),
    Fault(
        "lost-storage",
        "lost storage",
        "the storage's key is replaced, newsletter-app goes on with the old one; restart it, or heal it here",
    ),
    Fault("dead-rows", "dead rows", "an import leaves more dead rows than living ones; vacuum, or heal it here"),
    Fault("busy-application", "busy application", "newsletter-app computes without end; restart it, or heal it here"),
    Fault(
        "bad-release",
        "bad release",
        "a new release fails a third of the pages; set RELEASE back and restart newsletter-app, or heal it here",
    ),
)

SCRIPT = (
    (8, "dead-worker"),
    (8, "queue-backlog"),
    (50, "blocked-sessions"),
    (90, "cache-misses"),
    (130, "runaway-query"),
    (170, "memory-leak"),
    (220, "application-down"),
    (250, "refused-emails"),
    (300, "dead-rows"),
    (340, "busy-application"),
    (380, "lost-storage"),
    (420, "database-down"),
    (460, "redis-down"),
    (500, "bad-release"),
)
"""Seconds after the application is healthy, and the fault that then comes by itself."""

NEEDS = ("supervisor", "bullmq", "psycopg", "redis")
"""Packages this world is made with."""

TOGETHER = 3
"""Faults that come by themselves never make more than this many at once."""
