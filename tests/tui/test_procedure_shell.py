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
from tests.tui.test_procedure_screen import at_step, leaves, points
from tests.tui.test_screens import Sitting
from tui import wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.screens.act import Act
from tui.secrets import Secrets
from tui.shellsteps import ShellSteps

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
        await points(person, "j")
        await person.press("enter")
        await person.sees("step 1", "until [ -e")
        await person.press("enter")
        await person.sees("Cancel", "Look out of the window")
        await confirm(person)
        await person.until(lambda: bool(app.room.deeds) and bool(app.room.deeds[-1].steps[0].sent), "it runs")
        there = app.room.procedures
        assert there is not None
        (run,) = there.runs.all()
        deed = app.room.deeds[-1]
        assert not run.steps[0].over
        (note,) = run.steps[0].notes
        assert note.text.startswith("run L19-until"), "it is told also if we were killed now"
        assert note.text.endswith(": under way")
        await person.until(lambda: there.runs.unkept(run.id) == 0, "it is on disk before the end is known")
    await asyncio.to_thread((tmp_path / "rain").touch)  # and it ends
    (run,) = there.runs.all()
    found = run.steps[0].last
    assert found is not None
    assert (found.value, found.judgement) == ("under way when the session ended", Judgement.UNKNOWN)
    assert found.deed == deed.id


async def test_a_step_that_is_under_way_says_so_and_is_not_begun_once_more(tmp_path: Path, places: Places) -> None:
    app = await asyncio.to_thread(opened, tmp_path, places, True)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ARMED")
        await person.press("p")
        await person.sees("Wait for rain")
        await points(person, "j")
        await person.press("enter")
        await person.sees("step 1", "until [ -e")
        await person.press("enter")
        await person.sees("Cancel", "Look out of the window")
        await confirm(person)
        await person.until(lambda: bool(app.room.deeds) and bool(app.room.deeds[-1].steps[0].sent), "it runs")
        await person.press("q")
        await person.sees("step 1", "under way", "RUN 0 of 1")
        await person.press("enter")
        await person.sees("it is under way still")
        assert len(app.room.deeds) == 1
        await asyncio.to_thread((tmp_path / "rain").touch)
        await person.sees("RUN 1 of 1", "good")
        assert app.room.procedures is not None
        (run,) = app.room.procedures.runs.all()
        assert len(run.steps[0].evidence) == 1
        assert app.room.procedures.under_way(run.id, 0) is None


async def test_what_a_step_came_to_is_kept_though_the_session_ends_before_its_output_is_read(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def never(self: ShellSteps, name: str) -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(ShellSteps, "_output", never)
    app = await asyncio.to_thread(opened, tmp_path, places, True)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ARMED")
        await asyncio.to_thread((tmp_path / "rain").touch)
        await person.press("p")
        await person.sees("Wait for rain")
        await points(person, "j")
        await person.press("enter")
        await person.sees("step 1", "until [ -e")
        await person.press("enter")
        await person.sees("Cancel", "Look out of the window")
        await confirm(person)
        await person.sees("CONFIRMED")
        await person.until(asked.is_set, "its output is being read")
        there = app.room.procedures
        assert there is not None
    (run,) = there.runs.all()
    found = run.steps[0].last
    assert found is not None
    assert found.judgement is Judgement.GOOD
    assert "the session ended before its output was read" in found.value
    assert len(run.steps[0].evidence) == 1


async def test_a_step_whose_dialog_was_left_is_none_of_the_run_when_it_is_run_from_elsewhere(
    tmp_path: Path, places: Places
) -> None:
    app = await asyncio.to_thread(opened, tmp_path, places, True)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ARMED")
        await asyncio.to_thread((tmp_path / "rain").touch)
        await person.press("p")
        await person.sees("Wait for rain")
        await points(person, "j")
        await person.press("enter")
        await person.sees("step 1", "until [ -e")
        await person.press("n")
        await person.sees("note to this step")
        await person.press(*"dry", "enter")
        await person.sees("RUN 0 of 1")
        await person.press("enter")
        await person.sees("Cancel", "Look out of the window")
        dialog = app.screen
        assert isinstance(dialog, Act)
        await person.press("escape")
        await person.sees("step 1", "until [ -e")
        await leaves(person, 2)
        await person.sees("1 run open: p")
        app.push_screen(Act(app.room, dialog._target, dialog._request))
        await person.sees("Cancel", "Look out of the window")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert app.room.procedures is not None
        app.room.procedures.tick(lambda text: None)
        (run,) = app.room.procedures.runs.all()
        assert run.steps[0].evidence == ()


async def test_of_a_runbook_that_is_not_approved_nothing_is_run(tmp_path: Path, places: Places) -> None:
    app = await asyncio.to_thread(opened, tmp_path, places, False)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ARMED")
        await person.press("p")
        await person.sees("Paint them")
        await person.press("enter")
        await person.sees("step 1", "shade")
        await at_step(person, 2)
        await person.press("enter")
        await person.sees("not approved: opsroom runbook approve RUNBOOK.md")
    assert not await asyncio.to_thread((tmp_path / "kite").exists)


def test_a_profile_without_a_runbook_has_no_steps(places: Places) -> None:
    from tests.toys import room

    profile = room("shelf").profile
    assert wiring.with_steps(profile, places) == (profile, None)
