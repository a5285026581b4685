"""Acts on a file of settings as a person meets them: which keys are asked for, what is seen of what is typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from desk.actions import Runner
from desk.actor import who
from desk.audit import Trail
from desk.guard import Setting
from desk.hands import Hands
from desk.locks import FileLocks
from desk.profile import load
from desk.runbook import assemble
from probes.base import Context
from probes.settings.act import SettingsActuator
from tests.tui.test_acting import confirm
from tests.tui.test_procedure_screen import furnished, opened, runs
from tests.tui.test_screens import Sitting
from tui.app import OpsroomApp
from tui.dialects import dialects
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets
from tui.wiring import build

SECRET = "hunter2-CANARY"


@asynccontextmanager
async def sitting(folder: Path, runbook: str = "") -> AsyncIterator[Sitting]:
    """Somebody in front of the keys of a file, armed, with a runbook where its text is given."""
    (folder / ".env").write_text("COLOUR=red\nAPI_KEY=hunter2-before\nSHAPE=round\n")
    (folder / "shop.toml").write_text(f'system = "shop"\n[settings.app]\nfile = "{folder}/.env"\nevery = 0.5\n')
    kinds, secrets, places = Kinds(), Secrets({}), Places(folder, folder, folder / "state")
    profile = load(folder / "shop.toml", kinds)
    engine = build(profile, kinds, secrets, places)
    trail = Trail(places.audit, who({}), engine.clock, {"system": "shop"})
    trail._chain._sinks = trail._chain._sinks[:1]  # nothing of a test belongs into the machine's own log
    context = Context(secrets, state=places.state, now=engine.clock.now)

    def make(hands: Hands) -> Runner:
        return Runner(
            {"app": SettingsActuator(profile.targets[0], context)},
            lambda target: Setting("shop", "test", False, False),
            lambda: hands.mode,
            trail,
            FileLocks(places.locks),
            engine.clock,
            every=0.01,
            over=hands.over,
        )

    room = Room(engine, profile, kinds, Keymap())
    room.hands = Hands(make, trail, engine.clock, 10)
    if runbook:
        furnished(room, folder, assemble.read("RUNBOOK.md", runbook.encode(), dialects()))
    app = OpsroomApp(room, secrets, "night")
    async with app.run_test(size=(120, 40), notifications=True, tooltips=True) as pilot:
        person = Sitting(app, pilot)
        await person.sees("SETTINGS", "3 keys")
        await room.hands.arm("a test", None)
        await person.press("enter")
        await person.sees("▸ COLOUR")
        yield person


async def chosen(person: Sitting, action: str) -> None:
    await person.press("a")
    await person.sees("Act on")
    await person.press(*action)
    await person.sees(f"{action}  ")
    await person.press("enter")


async def test_on_a_row_only_the_value_is_asked_for_and_one_sees_what_one_types(tmp_path: Path) -> None:
    async with sitting(tmp_path) as person:
        await chosen(person, "set")
        await person.sees("set: new value of COLOUR?")
        assert "it is not shown" not in person.screen()
        await person.press(*"blue")
        await person.sees("blue")
        await person.press("enter")
        await person.sees("set COLOUR in", "red → blue")
        await confirm(person)
        await person.sees("CONFIRMED")
    assert (tmp_path / ".env").read_text() == "COLOUR=blue\nAPI_KEY=hunter2-before\nSHAPE=round\n"


async def test_the_value_of_a_secret_is_typed_unseen(tmp_path: Path) -> None:
    async with sitting(tmp_path) as person:
        await person.press("down")
        await person.sees("▸ API_KEY")
        await chosen(person, "set")
        await person.sees("set: new value of API_KEY? it is not shown")
        await person.press(*SECRET, "enter")
        await person.sees("set API_KEY in", "14 characters")
        assert SECRET not in person.screen()
        await confirm(person)
        await person.sees("CONFIRMED")
        assert SECRET not in person.screen()
    assert f"API_KEY={SECRET}\n" in (tmp_path / ".env").read_text()


async def test_of_several_rows_each_is_asked_for_its_value_and_all_are_written_at_once(tmp_path: Path) -> None:
    async with sitting(tmp_path) as person:
        await person.press("space", "down", "down", "space")
        await chosen(person, "set")
        await person.sees("set: new value of COLOUR?")
        await person.press(*"blue", "enter")
        await person.sees("set: new value of SHAPE?")
        await person.press(*"flat", "enter")
        await person.sees("set COLOUR, SHAPE in", "COLOUR: red;", "SHAPE: flat")
        await confirm(person)
        await person.sees("CONFIRMED")
    assert (tmp_path / ".env").read_text() == "COLOUR=blue\nAPI_KEY=hunter2-before\nSHAPE=flat\n"


async def test_a_new_key_is_a_choice_of_its_own_and_is_called_new(tmp_path: Path) -> None:
    async with sitting(tmp_path) as person:
        await chosen(person, "add key")
        await person.sees("add key app: new key?")
        await person.press(*"no name", "enter")
        await person.sees("add key: that is no new key")
        await chosen(person, "add key")
        await person.sees("add key app: new key?")
        await person.press(*"COLOURS", "enter")
        await person.sees("add key: value of COLOURS?")
        await person.press("x", "enter")
        await person.sees("COLOURS is new: the file does not have it yet", "a key of nearly this name: COLOUR")
        await person.press("enter")
        await person.sees("▸ COLOUR")
    assert "COLOURS" not in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("sed -i -e 's|^API_KEY=.*|API_KEY=<value>|' {folder}/.env", "set: new value of API_KEY?"),
        ('sed -i "s|^API_KEY=.*|API_KEY=$NEW_KEY|" {folder}/.env', "set: new value of API_KEY?"),
        ("tee -a {folder}/.env <<< 'API_KEY_NEXT=<value>'", "add key: value of API_KEY_NEXT?"),
    ],
)
async def test_the_value_of_a_line_in_a_runbook_is_asked_once_by_its_act_and_unseen(
    tmp_path: Path, line: str, title: str
) -> None:
    text = f"# Keys\n\n## A new key\n\n```bash\n{line.format(folder=tmp_path)}\n```\n"
    async with sitting(tmp_path, text) as person:
        await person.press("q")
        await person.sees("SETTINGS")
        await opened(person, row="A new key")
        await person.sees("its act fills in")
        await person.press("enter")
        await person.sees(title, "it is not shown")
        await person.press(*SECRET, "enter")
        await person.sees("14 characters")
        assert SECRET not in person.screen()
        await confirm(person)
        await person.sees("CONFIRMED")
        await person.press("q")
        await person.until(lambda: bool(runs(person).all()[0].steps[0].last), "the step's evidence")
        (run,) = runs(person).all()
        assert SECRET not in repr(run)
    assert SECRET in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    ("line", "unseen"),
    [
        ("sed -i -e 's|^COLOUR=.*|COLOUR=<value>|' {folder}/.env", False),
        ("sed -i -e 's|^COLOUR=.*|COLOUR=<api-token>|' {folder}/.env", True),
        ("sed -i -e 's|^COLOUR=.*|COLOUR=<value>|' -e 's|^API_KEY=.*|API_KEY=<value>|' {folder}/.env", True),
    ],
)
async def test_the_value_of_a_key_that_is_no_secret_is_seen_as_it_is_typed(
    tmp_path: Path, line: str, unseen: bool
) -> None:
    text = f"# Keys\n\n## A new colour\n\n```bash\n{line.format(folder=tmp_path)}\n```\n"
    async with sitting(tmp_path, text) as person:
        await person.press("q")
        await person.sees("SETTINGS")
        await opened(person, row="A new colour")
        await person.sees("its act fills in")
        await person.press("enter")
        await person.sees("set: new value of COLOUR?")
        await person.press(*"mauve")
        await person.sees("•••••" if unseen else "mauve")
        assert ("it is not shown" in person.screen(), "mauve" in person.screen()) == (unseen, not unseen)
        await person.press("escape")


async def test_where_no_act_takes_the_line_its_value_is_typed_where_it_is_run(tmp_path: Path) -> None:
    line = "sed -i -e 's|^API_KEY=.*|API_KEY=<value>|' /srv/elsewhere/.env"
    async with sitting(tmp_path, f"# Keys\n\n## A new key\n\n```bash\n{line}\n```\n") as person:
        await person.press("q")
        await person.sees("SETTINGS")
        await opened(person, row="A new key")
        await person.press("enter")
        await person.sees("no target of this profile takes this line")
        await person.sees("<value> is typed where the line is run")
        await person.press("enter")
        await person.sees("copied: run it yourself")
        assert person.app.clipboard == line
