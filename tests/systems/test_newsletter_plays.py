"""The newsletter system: each incident of its runbook is caused, found, mended by its procedure, and told."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.audit.chronicle import read
from desk.incident.record import Stage as Stage_
from desk.incident.timeline import Source
from desk.runs.record import End, Judgement
from probes.base import Truth
from systems.newsletter import FAULTS
from systems.stage import Stage
from tests.systems.playing import Play, seated
from tests.systems.test_newsletter import engines_or_skip, until

# Growth is told of what has lived for a while: the leak comes after the longest play, in which nobody restarts it.
PLAYS = (
    Play("dead-worker", "dead", "Dead workers", ("start worker",), way="workers are down"),
    Play("blocked-sessions", "idle-blocker", "Database connection issues", ("pg_terminate_backend",)),
    Play("runaway-query", "long-query", "Runaway query", ("pg_cancel_backend",)),
    Play("application-down", "no-answer", "Application down", ("start newsletter-app",), way="does not run"),
    Play("lost-storage", "storage-check", "Storage issues", ("restart newsletter-app",)),
    Play("busy-application", "busy-application", "High CPU usage", ("restart newsletter-app",), way="nobody asks"),
    Play("cache-misses", "hit-rate-collapsed", "Cache misses", ("restart newsletter-app",)),
    Play("refused-emails", "refused-emails", "E-mail delivery", ("restart worker",), way="401"),
    Play("dead-rows", "dead-rows", "Slow queries", ("VACUUM",), way="dead rows"),
    Play("queue-backlog", "growing", "Queue backlog", ("scale worker",), "more workers", hidden="5", asks="scale"),
    Play("memory-leak", "memory-grows", "Memory leak", ("restart newsletter-app",)),
    Play("database-down", "database-check", "Database down", ("start postgres",)),
    Play("redis-down", "redis-check", "Redis down", ("start redis",)),
    Play(
        "bad-release",
        "error-rate",
        "Requests that fail",
        ("RELEASE", "restart newsletter-app"),
        "a release was deployed",
        hidden="2.7.1",
        asks="RELEASE",
    ),
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    engines_or_skip()
    with Stage.start("newsletter", faults=False) as made:
        until(lambda: any("healthy" in line for line in made.progress()), 120, "a healthy application")
        yield made


def test_every_fault_is_played() -> None:
    assert sorted(one.fault for one in PLAYS) == sorted(fault.name for fault in FAULTS)


@pytest.mark.engine
@pytest.mark.timeout(1200)
async def test_each_incident_of_the_newsletter_is_mended_by_its_procedure_and_told(
    stage: Stage, tmp_path: Path
) -> None:
    async with seated(stage, tmp_path) as person:
        for one in PLAYS:
            began = time.monotonic()
            run, incident, entries = await person.play(one)
            sys.stdout.write(f"{one.fault}: over after {time.monotonic() - began:.1f} s\n")
            assert run.ended is not None
            assert run.ended.end is End.SOLVED
            acts = [done.last for done in run.steps if done.last is not None and done.last.deed]
            assert [act.judgement for act in acts] == [Judgement.GOOD] * len(one.acts), one.fault
            verdicts = {
                entry.about
                for entry in entries
                if entry.source is Source.ACT and entry.verdict == Truth.CONFIRMED.value
            }
            assert {act.deed for act in acts} <= verdicts, one.fault
            assert incident.stage is Stage_.RESOLVED
    assert read(tmp_path / "acts" / "audit").problems == ()
