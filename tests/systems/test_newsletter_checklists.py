"""The demonstration's checklists on its own engines: good while it is well, and not when it isn't."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from desk.checklist.book import Book
from desk.checklist.judge import Sight
from desk.checklist.paper import Looked
from desk.profile import Profile
from systems.stage import Stage
from tests.systems.test_newsletter import World, engines_or_skip, until
from tui import check, checklists, wiring
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets


def look(profile: Profile, name: str, stage: Stage) -> Looked:
    """A checklist as `opsroom check NAME` finds it."""
    wanted = next(one for one in profile.checklists if one.name == name)
    narrow = checklists.narrowed(profile, wanted)
    places = Places(stage.folder, stage.folder, stage.folder)

    async def run() -> Looked:
        engine = wiring.build(narrow, Kinds(), Secrets(stage.environ), places, at_once=True)
        await check.settle(engine, 20)
        specs, kinds = checklists.specs_of(engine, narrow), checklists.kinds_of(narrow)
        sight = Sight(engine.board, engine.alerts(), engine.clock.monotonic(), kinds, specs)
        found = checklists.looked(narrow, wanted, Book(), sight, engine.clock.now())
        await engine.close()
        return found

    return asyncio.run(run())


def words(found: Looked) -> dict[str, str]:
    return {one.box.say: one.word for one in found.items}


def workers(world: World) -> list[dict[str, Any]]:
    return [one for name, one in world.programs().items() if name.startswith("worker-")]


@pytest.mark.engine
def test_the_rounds_are_good_while_it_is_well_and_name_what_is_not() -> None:
    engines_or_skip()
    with Stage.start("newsletter", faults=False) as stage:
        world = World(stage)
        until(world.healthy, 30, "a healthy application")
        until(lambda: any("are filled" in line for line in stage.progress()), 30, "a filled database")
        profile = wiring.open_profile(str(stage.profile_path), Kinds(), stage.environ, Places.of(stage.environ))
        for name in ("morning", "evening"):

            def good(name: str = name) -> bool:
                return set(words(look(profile, name, stage)).values()) == {"good", "not done"}

            until(good, 60, f"a good {name}, with queues that have had a job")
        stage.fault("dead-worker")
        until(lambda: "dead-worker" in stage.active(), 20, "dead workers")
        until(lambda: "RUNNING" not in {one["statename"] for one in workers(world)}, 20, "workers that are gone")
        assert words(look(profile, "morning", stage))["Everything that should run is running"] == "bad"
        world.redis.close()
