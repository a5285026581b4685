"""The newsletter system: a web application, workers, PostgreSQL, Redis with BullMQ queues; alive, and it can fail.

Imported by the opener of a stage, so nothing heavy is imported here.
"""

from __future__ import annotations

from importlib.resources import files

from systems.programs import filled
from systems.stage import Fault, Plan

PORTS = ("postgres", "redis", "web")
SECRETS = ("OPSROOM_DEMO_PG_PASSWORD", "OPSROOM_DEMO_APP_PASSWORD")

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
)

SCRIPT = (
    (8, "dead-worker"),
    (8, "queue-backlog"),
    (50, "blocked-sessions"),
    (90, "cache-misses"),
    (130, "runaway-query"),
    (170, "memory-leak"),
)
"""Seconds after the application is healthy, and the fault that then comes by itself."""

NEEDS = ("supervisor", "bullmq", "psycopg", "redis")
"""Packages this world is made with."""

TOGETHER = 3
"""Faults that come by themselves never make more than this many at once."""


def profile(plan: Plan) -> str:
    """The profile of this run."""
    return _filled("profile.toml", plan)


def runbook(plan: Plan) -> str:
    """The runbook of this run."""
    return _filled("RUNBOOK.md", plan)


def _filled(name: str, plan: Plan) -> str:
    return filled(files(__package__).joinpath(name).read_text(encoding="utf-8"), plan)


def manager(plan: Plan) -> list[str]:
    """Write what the process manager needs, and the command that runs it."""
    from systems.newsletter.world import prepare

    return prepare(plan)
