"""The social platform: each incident of its runbook is caused, found, mended by its procedure, and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.incident.timeline import Source
from desk.runs.record import End, Judgement
from systems.social_live import FAULTS
from systems.stage import Stage
from tests.systems.playing import Play, seated
from tests.systems.test_newsletter import engines_or_skip, until
from tests.systems.test_newsletter_checklists import look, words
from tui import wiring
from tui.kinds import Kinds
from tui.places import Places

PLAYS = (
    Play("bad-release", "high-error-rate", "High error rate", ("rollout undo",), way="release", level="SEV2"),
    Play("service-down", "service-down", "Service down", ("rollout restart",), way="hang", level="SEV1"),
    Play(
        "slow-database", "high-response-time", "High response time", ("terminate",), way="holds",
        values=("migration-shell",), level="SEV2",
    ),
    Play("crowd", "high-response-time", "High response time", ("patch hpa",), way="more people", level="SEV2"),
    Play("memory-leak", "high-memory", "High memory usage", ("rollout restart",), way="all of them", level="SEV3"),
    Play("connection-leak", "sessions", "Database connections", ("rollout restart",), way="leaks", level="SEV3"),
    Play("missing-image", "rollout-stuck", "Rollout that does not finish", ("undo",), way="not there", level="SEV3"),
)  # fmt: skip


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    engines_or_skip()
    with Stage.start("social_live", faults=False) as made:
        yield made


def test_every_fault_is_played() -> None:
    assert sorted(one.fault for one in PLAYS) == sorted(fault.name for fault in FAULTS)


@pytest.mark.engine
def test_the_rounds_are_good_while_it_is_well(stage: Stage) -> None:
    until(lambda: all(any(word in line for line in stage.progress()) for word in ("healthy", "filled")), 60, "a world")
    profile = wiring.open_profile(str(stage.profile_path), Kinds(), stage.environ, Places.of(stage.environ))
    for name in ("morning", "evening", "weekly", "monthly"):

        def good(name: str = name) -> bool:
            found = set(words(look(profile, name, stage)).values())
            return found <= {"good", "not done"} and "good" in found

        until(good, 60, f"a good {name}, whose requests don't wait for a busy machine")


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.parametrize("one", PLAYS, ids=lambda one: one.fault)
async def test_an_incident_is_found_mended_and_told(stage: Stage, tmp_path: Path, one: Play) -> None:
    async with seated(stage, tmp_path) as person:
        run, incident, entries = await person.play(one)
    assert run.ended is not None
    assert run.ended.end is End.SOLVED
    acts = [done.last for done in run.steps if done.last is not None and done.last.deed]
    assert [act.judgement for act in acts] == [Judgement.GOOD]
    assert [entry.verdict for entry in entries if entry.source is Source.ACT and entry.verdict] == ["CONFIRMED"]
    assert [entry.words for entry in entries if entry.source is Source.ALERT]
    assert incident.resolved is not None
