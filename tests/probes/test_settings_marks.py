"""The key with which marks of values are made: one for a person, random, private; without it there are no marks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probes.base import Cause, Context, Hidden, Outcome, Plan, ProbeError, Request, Result, SafeText, Target, Truth
from probes.settings import act_key, marks
from probes.settings.act import SettingsActuator
from probes.settings.probe import SettingsProbe
from probes.settings.settings import FileSettings
from tests.probes.acting import carried_out

LONG = "hunter2-CANARY-x9"
MAKING = "import sys, pathlib; from probes.settings import act_key; print(act_key.made(pathlib.Path(sys.argv[1])).id)"


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    path = tmp_path / ".env"
    path.write_text(f"COLOUR=red\nAPI_KEY={LONG}\n")
    return Target("app", "settings", FileSettings.model_validate({"file": str(path)}))


@pytest.fixture
def open_to_all(state: Path) -> Path:
    state.mkdir()
    state.chmod(0o777)
    return state


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def context(state: Path | None) -> Context:
    return Context(NoSecrets(), now=lambda: datetime(2026, 3, 1, tzinfo=UTC), state=state)


async def read(target: Target, state: Path | None) -> tuple[str, list[str]]:
    """(mark of the secret, what is missing)."""
    probe = SettingsProbe(target, context(state))
    try:
        snapshot = await probe.read()
    finally:
        await probe.close()
    entry = snapshot.facts.entry("API_KEY")
    assert entry is not None
    return entry.mark, [f"{gap.cause.name}: {gap.hint}" for gap in snapshot.gaps if gap.part == "marks of values"]


async def planned(target: Target, state: Path, key: str = "API_KEY") -> Plan:
    actuator = SettingsActuator(target, context(state))
    try:
        return await actuator.plan(Request("set", (key,), hidden=(Hidden("another-long-one"),)))
    finally:
        await actuator.close()


def test_the_key_is_random_private_and_made_once(state: Path, tmp_path: Path) -> None:
    assert marks.kept(state) is None
    made = act_key.made(state)
    (path,) = state.iterdir()
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, 32)
    assert state.stat().st_mode & 0o777 == 0o700
    assert act_key.made(state) == marks.kept(state) == made
    other = act_key.made(tmp_path / "other")
    assert other.id != made.id
    assert other.value(LONG) != made.value(LONG)
    assert made.value("1234567") == ""
    assert made.key.hex() not in repr(made)


def test_the_mask_of_new_files_does_not_open_the_key(state: Path) -> None:
    before = os.umask(0)
    try:
        act_key.made(state)
    finally:
        os.umask(before)
    assert (state / marks.NAME).stat().st_mode & 0o777 == 0o600


def test_sessions_that_make_the_key_at_one_time_get_the_same(state: Path) -> None:
    begun = [
        subprocess.Popen([sys.executable, "-c", MAKING, str(state)], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    told = [one.communicate(timeout=60)[0].strip() for one in begun]
    found = marks.kept(state)
    assert found is not None
    assert told == [found.id] * 6
    assert [path.name for path in state.iterdir()] == [marks.NAME]


async def test_a_session_that_only_looks_makes_no_key_and_shows_no_mark(target: Target, state: Path) -> None:
    assert await read(target, state) == ("", [])
    assert files(state.parent) == [".env"]
    assert await read(target, None) == ("", [])


async def test_a_row_and_the_look_before_an_act_show_one_mark(target: Target, state: Path) -> None:
    plan = await planned(target, state)
    mark, missing = await read(target, state)
    assert len(mark) == 6
    assert missing == []
    assert f"mark {mark}" in str(plan.subjects[0].before)


def opened(path: Path) -> None:
    path.chmod(0o640)


def short(path: Path) -> None:
    path.write_bytes(b"x" * 31)


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def anothers(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (opened, "can be used by others (mode 640)"),
        (short, "is not whole"),
        (linked, "is a link"),
        (folder, "is no ordinary file"),
        (anothers, "belongs to somebody else"),
    ],
)
async def test_a_key_that_others_may_know_makes_no_mark_and_is_told(
    target: Target, state: Path, harm: Callable[[Path], None], words: str
) -> None:
    act_key.made(state)
    harm(state / marks.NAME)
    mark, missing = await read(target, state)
    assert mark == ""
    assert missing == [f"LOCAL_PERM: the key for marks {words}"]
    with pytest.raises(ProbeError) as error:
        await planned(target, state)
    assert words in str(error.value.message)
    assert f"remove {state / marks.NAME}: the next act makes a new one" in str(error.value.hint)


async def test_where_no_key_can_be_kept_nothing_is_planned(target: Target, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    with pytest.raises(ProbeError, match=r"no key for marks can be kept in .*so nothing is changed") as error:
        await planned(target, tmp_path / "state")
    assert error.value.cause is Cause.LOCAL_DISK


async def test_a_folder_in_which_others_may_write_gets_no_key(target: Target, open_to_all: Path) -> None:
    with pytest.raises(ProbeError, match="others may write in it"):
        await planned(target, open_to_all)
    assert files(open_to_all) == []


@pytest.mark.parametrize("recorded", ["another", "none"])
async def test_what_was_recorded_with_another_key_is_unknown_and_never_called_changed(
    target: Target, state: Path, recorded: str
) -> None:
    plan = await planned(target, state)
    subject = plan.subjects[0]
    if recorded == "none":  # as it was written before there was a key of one's own
        identity = tuple(pair for pair in subject.identity if pair[0] != "marks")
        subject = replace(subject, identity=identity)
    else:
        (state / marks.NAME).unlink()
        act_key.made(state)
    actuator = SettingsActuator(target, context(state))
    verdict = await actuator.verify(plan, subject, Outcome(Result.UNKNOWN, SafeText()), 60.0)
    assert verdict.truth is Truth.UNKNOWN
    assert "another key for marks" in str(verdict.words)
    if recorded == "another":
        sent: list[str] = []
        outcome = await carried_out(actuator, plan, subject, sent)
        assert (outcome.result, sent) == (Result.REFUSED, [])
        assert "the key with which contents are compared" in str(outcome.words)
    await actuator.close()
