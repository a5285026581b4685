"""The insta-connect system: each incident of its runbook is caused, found, mended by its procedure, and told."""

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
from systems.insta_connect import FAULTS
from systems.stage import Stage
from tests.systems.playing import Play, seated
from tests.systems.test_newsletter import engines_or_skip

PLAYS = (
    Play("token-refresh", "token-refresh-failure", "Token refresh failures", ("restart token-refresh",)),
    Play(
        "webhook-errors", "webhook-errors", "Webhook processing errors",
        ("restart webhook-processor", "retry-events all"), way="others",
    ),
    Play("api-latency", "api-latency", "High API latency", ("restart insta-connect-app",), way="Option A"),
    Play("database-connections", "idle-blocker", "Database connection issues", ("pg_terminate_backend",)),
    Play("refresh-down", "refresh-dead", "Token refresh failures", ("restart token-refresh",)),
    Play("processor-down", "processor-dead", "Webhook processor down", ("start webhook-processor",)),
    Play("application-down", "application-dead", "502 Bad Gateway", ("start insta-connect-app",)),
    Play("database-down", "no-answer", "503 Service Unavailable", ("start postgresql",)),
    Play("broken-backup", "truncated", "Broken backup", ("pg_dump",)),
)  # fmt: skip


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    engines_or_skip()
    with Stage.start("insta_connect", faults=False) as made:
        yield made


def test_every_fault_is_played() -> None:
    assert sorted(one.fault for one in PLAYS) == sorted(fault.name for fault in FAULTS)


@pytest.mark.engine
@pytest.mark.timeout(900)
async def test_each_incident_is_found_mended_by_its_procedure_and_told(stage: Stage, tmp_path: Path) -> None:
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
