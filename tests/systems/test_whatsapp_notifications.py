"""Every incident of the WhatsApp notifications system, played from its cause to its end by the keys of a person."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.incident.timeline import Source
from desk.runs.record import End, Judgement
from systems.files import filled
from systems.stage import Stage
from systems.whatsapp_notifications import FAULTS, FILES, PORTS, SCRIPT
from tests.missing import missing
from tests.stack import docker
from tests.systems.playing import PATIENCE, Play, seated
from tests.systems.test_newsletter import engines_or_skip
from tui import wiring
from tui.kinds import Kinds
from tui.places import Places

DEPLOY = "--force-new-deployment"
RESTART = "restart worker"

PLAYS = (
    Play("bad-release", "error-rate", "Messages fail", ("--task-definition",), "a release", values=("22",)),
    Play("hung-workers", "stuck", "Nobody takes messages", (RESTART,)),
    Play(
        "revoked-token",
        "token-refused",
        "Messages fail",
        ("put-secret-value", RESTART),
        "our token",
        level="P1",
        hidden="another-token",
    ),
    Play("paused-template", "dead-letters", "Dead letters", ("start-message-move-task",), "be sent now", level="P3"),
    Play(
        "open-transaction",
        "pool-exhausted",
        "No session is free",
        ("pg_terminate_backend",),
        "a transaction open",
        ripens=8.0,
    ),
    Play(
        "dead-database",
        "no-answer",
        "The database does not answer",
        ("reboot-db-instance",),
        "nobody gets in",
        level="P1",
    ),
    Play(
        "leaked-key",
        "unusual-use",
        "A key is in wrong hands",
        ("API_KEY_SHOP", DEPLOY),
        level="P1",
        hidden="second-key-of-the-shop-0002",
        asks="API_KEY_SHOP",
    ),
    Play("full-cache", "memory-full", "Redis is full", ("maxmemory 12mb",), "too small", level="P3"),
    Play(
        "rate-limits",
        "rate-limited",
        "WhatsApp limits us",
        ("WORKER_CONCURRENCY", "--force-recreate"),
        "two at a time",
        hidden="2",
        asks="WORKER_CONCURRENCY",
    ),
    Play("hung-api", "no-answer", "The API does not answer", (DEPLOY,), level="P1"),
    Play("data-leak", "stranger", "Data may have leaked", ("pg_terminate_backend",), values=("export",), level="P1"),
    Play(
        "clean-up",
        "everything-down",
        "Everything is down",
        ("reboot-db-instance", "--desired-count 2", "start worker"),
        level="P1",
    ),
    Play(
        "vendor-outage",
        "vendor-down",
        "WhatsApp is down",
        ("stop worker", "start worker"),
        level="P1",
        waits="start worker",
    ),
    Play(
        "lost-rows",
        "rows-lost",
        "Restore the database",
        ("restore-db-instance-from-db-snapshot",),
        "only some rows",
        values=("backup-before-migration",),
        level="P1",
    ),
    Play("campaign", "queue-depth", "The queue backs up", ("--desired-count",), "ECS helps out"),
)


def compose_or_skip() -> None:
    """Containers are made new by Compose's own program."""
    argv = ["docker", "compose", "version"]
    if shutil.which("docker") is None or subprocess.run(argv, capture_output=True, check=False).returncode:
        missing("the docker program with its Compose plugin is not installed")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    engines_or_skip()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in docker.environment().items():  # where the Compose plugin lies
            patch.setenv(name, value)
        with Stage.start("whatsapp_notifications", faults=False) as made:
            end = time.monotonic() + PATIENCE
            while not any("healthy" in line for line in made.progress()):
                assert time.monotonic() < end, made.progress()
                time.sleep(0.1)
            yield made


def test_what_this_system_brings_has_every_hole_filled(tmp_path: Path) -> None:
    ports = {name: 4000 + number for number, name in enumerate(PORTS)}
    for name in FILES:
        text = filled("whatsapp_notifications", name, tmp_path, ports)
        assert "_port}" not in text
        (tmp_path / name).write_text(text)
    found = wiring.open_profile(str(tmp_path / "profile.toml"), Kinds(), {}, Places(tmp_path, tmp_path, tmp_path))
    played = {one.name for one in found.targets if hasattr(one.settings, "endpoint")} | {"containers", "errors"}
    assert played | {"meta", "whatsapp"} == {one.name for one in found.targets if one.settings.simulated}


def test_every_fault_is_played_and_comes_by_itself_once() -> None:
    names = sorted(fault.name for fault in FAULTS)
    assert sorted(one.fault for one in PLAYS) == names == sorted(name for _, name in SCRIPT)


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.parametrize("one", PLAYS, ids=lambda one: one.fault)
async def test_an_incident_is_found_mended_and_told(stage: Stage, tmp_path: Path, one: Play) -> None:
    if "--force-recreate" in one.acts:
        compose_or_skip()
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
