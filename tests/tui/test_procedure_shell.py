"""Shell steps of an approved runbook, run from the room for real: through the guarded door, with what they leave."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

import pytest

from desk.profile import load
from desk.runs.record import Judgement
from tests.tui.test_acting import confirm
from tests.tui.test_screens import Sitting
from tui import wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets

RUNBOOK = """# Toys

## Paint them

```bash
# Mix a colour
COLOUR=$(printf 'blue\\n%s' <shade>; echo mixed >&2)
```

```bash
# Paint the kite
echo "$COLOUR" > {folder}/kite
```

## Wait for rain

```bash
# Look out of the window
until [ -e {folder}/rain ]; do sleep 0.1; done
```
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config", tmp_path / "site", tmp_path / "state")


def opened(folder: Path, places: Places, approved: bool) -> OpsroomApp:
    """The app on a profile whose runbook is approved, or not."""
    from datetime import UTC, datetime

    from tui import steps
    from tui.procedures import read_book

    file = folder / "RUNBOOK.md"
    file.write_text(RUNBOOK.replace("{folder}", str(folder)))
    file.chmod(0o600)
    (folder / "opsroom.toml").write_text('system = "toys"\nrunbook = "RUNBOOK.md"\n[host.local]\n')
    if approved:
        data = file.read_bytes()
        made, _ = steps.steps(read_book("RUNBOOK.md", data))
        steps.approvals(places).approve(file, data, "ann", datetime.now(UTC), made)
    kinds, secrets = Kinds(), Secrets({})
    profile, runnable = wiring.with_steps(load(folder / "opsroom.toml", kinds), places)
    engine = wiring.build(profile, kinds, secrets, places)
    room = Room(engine, profile, kinds, Keymap(), who="ann", read_only_because="")
    room.make_procedures = partial(wiring.procedures, room, secrets, places, runnable)
    hands = partial(wiring.hands, profile, engine, kinds, secrets, places, dict(os.environ))
    return OpsroomApp(room, secrets, "night", ("painting", 10), hands)


async def test_a_shell_step_is_run_and_what_it_sets_comes_to_the_next(tmp_path: Path, places: Places) -> None:
    app = await asyncio.to_thread(opened, tmp_path, places, True)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ARMED")
        await person.press("p")
        await person.sees("Paint them")
        await person.press("enter")
        await person.sees("step 1", "COLOUR=$(printf", "Enter asks for what is missing first")
        await person.press("enter")
        await person.sees("shade?")
        await person.press(*"sky", "enter")
        await person.sees("Cancel", "sky")
        await confirm(person)
        await person.sees("CONFIRMED")
        await person.press("q")
        await person.sees("RUN 1 of 2", "good")
        await person.press("tab")
        await person.sees("step 2")
        await person.press("enter")
        await person.sees("Cancel", "Paint the kite")
        await confirm(person)
        await person.sees("CONFIRMED")
        await person.press("q")
        await person.sees("RUN 2 of 2")
        assert app.room.procedures is not None
        (run,) = app.room.procedures.runs.all()
        assert [step.last.judgement for step in run.steps if step.last] == [Judgement.GOOD, Judgement.GOOD]
        assert run.sets == {"COLOUR": 0}
    assert await asyncio.to_thread((tmp_path / "kite").read_text) == "blue\nsky\n"
    kept = await asyncio.to_thread(wiring.runs_file(app.room.profile, places).read_bytes)
    assert b"blue\\nsky" not in kept, "what a variable holds is in no record"


async def test_a_step_that_is_under_way_when_the_session_ends_is_told_in_its_run(
    tmp_path: Path, places: Places
) -> None:
    app = await asyncio.to_thread(opened, tmp_path, places, True)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ARMED")
        await person.press("p")
        await person.sees("Wait for rain")
        await person.press("j", "enter")
        await person.sees("step 1", "until [ -e")
        await person.press("enter")
        await person.sees("Cancel", "Look out of the window")
        await confirm(person)
        await person.until(lambda: bool(app.room.deeds) and bool(app.room.deeds[-1].steps[0].sent), "it runs")
        there = app.room.procedures
        assert there is not None
    await asyncio.to_thread((tmp_path / "rain").touch)  # and it ends
    (run,) = there.runs.all()
    found = run.steps[0].last
    assert found is not None
    assert (found.value, found.judgement) == ("under way when the session ended", Judgement.UNKNOWN)
    assert found.deed == app.room.deeds[-1].id


async def test_of_a_runbook_that_is_not_approved_nothing_is_run(tmp_path: Path, places: Places) -> None:
    app = await asyncio.to_thread(opened, tmp_path, places, False)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ARMED")
        await person.press("p")
        await person.sees("Paint them")
        await person.press("enter", "j", "enter")
        await person.sees("not approved: opsroom runbook approve RUNBOOK.md")
    assert not await asyncio.to_thread((tmp_path / "kite").exists)


def test_a_profile_without_a_runbook_has_no_steps(places: Places) -> None:
    from tests.toys import room

    profile = room("shelf").profile
    assert wiring.with_steps(profile, places) == (profile, None)
