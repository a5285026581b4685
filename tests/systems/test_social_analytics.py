"""The social analytics system: each incident of its runbook is caused, found, mended by its procedure, and told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.incident.timeline import Source
from desk.runs.record import End, Judgement
from systems.files import filled
from systems.social_analytics import FAULTS, PORTS, SCRIPT
from systems.stage import Stage
from tests.systems.playing import PATIENCE, Play, seated
from tests.systems.test_newsletter import engines_or_skip
from tui import wiring
from tui.kinds import Kinds
from tui.places import Places

DEPLOY = "--force-new-deployment"

PLAYS = (
    Play("wedged-tasks", "service-unavailable", "Service unavailable", (DEPLOY,), "none is well", level="P1"),
    Play("storage-full", "storage-full", "Storage full", ("modify-db-instance",), "grow it"),
    Play("stopped-scheduler", "standstill", "Jobs do not run", (DEPLOY,), "hangs", level="P3"),
    Play(
        "revoked-login",
        "jobs-fail",
        "Jobs do not run",
        ("put-secret-value", DEPLOY),
        "accept our login",
        level="P3",
        hidden="another-secret",
    ),
    Play("dead-cache", "no-answer", "Cache unreachable", ("reboot-cache-cluster",)),
    Play("evictions", "evictions", "Cache evictions", ("maxmemory 12mb",), "too small", level="P3"),
    Play("rate-limits", "rate-limited", "Platform limits", ("interval_seconds",), "less often", level="P3"),
    Play("bad-release", "production-alb-5xx", "Roll back a release", ("--task-definition",), values=("42",)),
    Play(
        "leaked-sessions",
        "pool-exhausted",
        "Connection pool exhausted",
        ("pg_terminate_backend",),
        ripens=13.0,
    ),
    Play("crowd", "production-alb-high-response-time", "Slow answers", ("--desired-count",), "too many"),
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    engines_or_skip()
    with Stage.start("social_analytics", faults=False) as made:
        end = time.monotonic() + PATIENCE
        while not any("healthy" in line for line in made.progress()):
            assert time.monotonic() < end, made.progress()
            time.sleep(0.1)
        yield made


def test_the_profile_and_the_runbook_have_every_hole_filled(tmp_path: Path) -> None:
    ports = {name: 4000 + number for number, name in enumerate(PORTS)}
    for name in ("profile.toml", "RUNBOOK.md"):
        text = filled("social_analytics", name, tmp_path, ports)
        assert "_port}" not in text
        (tmp_path / name).write_text(text)
    found = wiring.open_profile(str(tmp_path / "profile.toml"), Kinds(), {}, Places(tmp_path, tmp_path, tmp_path))
    aws = {one.name for one in found.targets if hasattr(one.settings, "endpoint")}
    assert aws == {one.name for one in found.targets if one.settings.simulated}


def test_every_fault_is_played_and_comes_by_itself_once() -> None:
    names = sorted(fault.name for fault in FAULTS)
    assert sorted(one.fault for one in PLAYS) == names == sorted(name for _, name in SCRIPT)


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.parametrize("one", PLAYS, ids=lambda one: one.fault)
async def test_an_incident_is_found_mended_and_told(stage: Stage, tmp_path: Path, one: Play) -> None:
    async with seated(stage, tmp_path, (160, 48)) as person:
        run, incident, entries = await person.play(one)
    assert run.ended is not None
    assert run.ended.end is End.SOLVED
    acts = [done.last for done in run.steps if done.last is not None and done.last.deed]
    assert acts
    assert {act.judgement for act in acts} == {Judgement.GOOD}
    assert {entry.verdict for entry in entries if entry.source is Source.ACT and entry.verdict} == {"CONFIRMED"}
    assert [entry.words for entry in entries if entry.source is Source.ALERT]
    assert incident.resolved is not None
