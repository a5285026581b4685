"""New files that a killed session has left beside a file of settings: told, swept, and never one that is still held."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from desk.commandline import recognised
from probes.base import Context, Hidden, Request, Result, Snapshot, Target, Truth
from probes.settings import act_write, file, leftover, undo
from probes.settings.act import SettingsActuator
from probes.settings.facts import SettingsFacts
from probes.settings.probe import SettingsProbe
from probes.settings.settings import FileSettings
from tests.probes.acting import Performed, carried_out, perform

OLD, NEW = "hunter2-CANARY-old", "hunter2-CANARY-new"
WRITING = """
import asyncio, pathlib, sys
from datetime import UTC, datetime
from probes.base import Context, Hidden, Request, Target
from probes.settings.settings import FileSettings
from probes.settings.act import SettingsActuator

class NoSecrets:
    def resolve(self, reference):
        raise LookupError(reference)

async def sending():
    print("written", flush=True)
    await asyncio.sleep(600)

async def act():
    settings = FileSettings.model_validate({"file": sys.argv[1]})
    context = Context(NoSecrets(), state=pathlib.Path(sys.argv[2]))
    actuator = SettingsActuator(Target("app", "settings", settings), context)
    plan = await actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(sys.argv[3]),)))
    await actuator.carry_out(plan, plan.subjects[0], "act", sending)

asyncio.run(act())
"""
"""A session that stands between writing the new file and putting it in its place."""


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


class Place:
    """A file, and how it is read and changed."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "srv" / ".env"
        self.file.parent.mkdir()
        self.file.write_text(f"COLOUR=red\nAPI_KEY={OLD}\n")
        self.file.chmod(0o640)
        self.state = folder / "state"
        settings = FileSettings.model_validate({"file": str(self.file)})
        self.target = Target("app", "settings", settings)
        self.context = Context(NoSecrets(), now=lambda: datetime(2026, 3, 1, tzinfo=UTC), state=self.state)
        self.actuator = SettingsActuator(self.target, self.context)

    @property
    def beside(self) -> list[str]:
        return sorted(path.name for path in self.file.parent.iterdir() if path != self.file)

    def lay(self, name: str = "..env.0123456789ab", mode: int = 0o600) -> Path:
        """A file as a killed session leaves it."""
        path = self.file.with_name(name)
        path.write_text(f"API_KEY={NEW}\n")
        path.chmod(mode)
        return path

    async def read(self) -> Snapshot[SettingsFacts]:
        probe = SettingsProbe(self.target, self.context)
        try:
            return await probe.read()
        finally:
            await probe.close()

    async def set(self, between: Callable[[object], object] = lambda plan: None) -> Performed:
        return await perform(self.actuator, Request("set", ("COLOUR",), hidden=(Hidden("blue"),)), between)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    found = Place(tmp_path)
    yield found
    await found.actuator.close()


@contextmanager
def writing(place: Place) -> Iterator[subprocess.Popen[str]]:
    """Another session, which has written its new file and not put it in its place."""
    words = [sys.executable, "-c", WRITING, str(place.file), str(place.state), NEW]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as session:
        try:
            assert session.stdout is not None
            assert session.stdout.readline() == "written\n"
            yield session
        finally:
            session.kill()


async def test_what_a_killed_session_leaves_is_told_and_swept_with_the_next_change(place: Place) -> None:
    with writing(place) as session:
        (left,) = place.beside
        assert NEW in place.file.with_name(left).read_text()
        session.send_signal(signal.SIGKILL)
        session.wait(30)
    snapshot = await place.read()
    assert snapshot.facts.left == (left,)
    assert snapshot.gauge("leftovers") == 1
    assert (await place.read()).facts.left == (left,), "looking takes nothing away"
    done = await place.set()
    said = " ".join(map(str, done.plan.notes))
    assert f"left beside it by a session that was killed, with all of its values: {left}; it is swept with this" in said
    assert "1 file that was left behind is swept" in str(done.outcomes[0].words)
    assert (place.beside, OLD in place.file.read_text()) == ([], True)
    assert (await place.read()).gauge("leftovers") == 0


async def test_what_another_session_still_writes_is_neither_told_nor_swept(place: Place) -> None:
    with writing(place):
        (theirs,) = place.beside
        assert (await place.read()).facts.left == ()
        done = await place.set()
        assert done.verdicts[0].truth is Truth.CONFIRMED
        assert "swept" not in str(done.outcomes[0].words)
        assert place.beside == [theirs]


async def test_it_can_be_swept_by_itself(place: Place) -> None:
    place.lay()
    place.lay("..env.ba9876543210", 0o640)
    facts = (await place.read()).facts
    assert [one.action.name for one in place.actuator.offers(facts, ())] == ["add", "undo", "sweep"]
    done = await perform(place.actuator, Request("sweep"))
    assert [one.result for one in done.outcomes] == [Result.DONE]
    assert str(done.outcomes[0].words) == "2 files that were left behind are swept"
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert done.sent == [str(place.file)]
    assert place.beside == []
    again = await place.actuator.plan(Request("sweep"))
    assert again.subjects[0].barred
    assert "sweep" not in [one.action.name for one in place.actuator.offers((await place.read()).facts, ())]


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("rm -f {}/..env.0123456789ab", True),
        ("sudo rm {0}/..env.0123456789ab {0}/..env.ba9876543210", True),
        ("find {} -maxdepth 1 -name '..env.????????????' -delete", True),
        ("rm {}/.env", False),
        ("rm {}/..env.0123456789ab {}/.env", False),
        ("rm -rf {}", False),
        ("find {} -name '..env.????????????' -delete", False),
        ("find {} -maxdepth 1 -delete", False),
    ],
)
async def test_a_line_that_takes_away_exactly_what_is_left_behind_is_understood(
    place: Place, line: str, known: bool
) -> None:
    folder = str(place.file.parent)
    found = recognised(line.format(folder, folder), place.actuator)
    assert (found is not None and found.request == Request("sweep")) is known


async def test_only_what_was_looked_at_is_swept(place: Place) -> None:
    place.lay()
    done = await perform(place.actuator, Request("sweep"), lambda plan: place.lay("..env.ba9876543210"))
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    assert done.sent == []
    assert len(place.beside) == 2


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def twin(path: Path) -> None:
    os.link(path, path.with_name("twin"))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.rename(path.with_name(".env.0123456789ab")),
        lambda path: path.rename(path.with_name("..env.0123456789AB")),
        lambda path: path.rename(path.with_name("..env.0123456789abc")),
        lambda path: path.rename(path.with_name("..env2.0123456789ab")),
        lambda path: path.chmod(0o644),
        link,
        folder,
        pipe,
        twin,
    ],
)
async def test_what_is_not_as_we_make_it_stays(place: Place, change: Callable[[Path], object]) -> None:
    change(place.lay())
    before = place.beside
    async with asyncio.timeout(20):
        assert (await place.read()).facts.left == ()
        assert act_write.sweep(file.read(str(place.file))) == 0
    assert place.beside == before


async def test_one_of_somebody_else_stays(place: Place) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    os.chown(place.lay(), 65534, 65534)
    assert (await place.read()).facts.left == ()
    assert act_write.sweep(file.read(str(place.file))) == 0


async def test_one_that_was_swept_while_it_was_made_is_no_success(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = act_write._like

    def like(new: int, old: file.Read) -> None:
        real(new, old)
        (path,) = place.beside
        place.file.with_name(path).unlink()

    plan = await place.actuator.plan(Request("set", ("COLOUR",), hidden=(Hidden("blue"),)))
    monkeypatch.setattr(act_write, "_like", like)
    sent: list[str] = []
    outcome = await carried_out(place.actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])
    assert "COLOUR=red" in place.file.read_text()


async def test_an_act_that_is_given_up_while_the_new_file_is_written_leaves_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    real = act_write._like

    def slow(new: int, old: file.Read) -> None:
        begun.set()
        go.wait(10)
        real(new, old)

    monkeypatch.setattr(act_write, "_like", slow)
    plan = await place.actuator.plan(Request("set", ("COLOUR",), hidden=(Hidden("blue"),)))
    acting = asyncio.create_task(carried_out(place.actuator, plan, plan.subjects[0], []))
    assert await asyncio.to_thread(begun.wait, 10)
    assert len(place.beside) == 1
    acting.cancel()
    await asyncio.wait({acting})
    go.set()
    async with asyncio.timeout(10):
        while place.beside:
            await asyncio.sleep(0.01)
    assert "COLOUR=red" in place.file.read_text()


async def test_what_a_killed_session_left_of_old_values_goes_with_the_next_change(place: Place) -> None:
    await place.set()
    (kept,) = (place.state / "settings").iterdir()
    stale = kept.with_name(f".{kept.name}.4711")
    stale.write_text(OLD)
    done = await perform(place.actuator, Request("set", ("COLOUR",), hidden=(Hidden("green"),)))
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert list((place.state / "settings").iterdir()) == [kept]
    assert len(undo.kept(place.state, str(place.file), place.context.now())) == 2


def test_sessions_that_keep_old_values_at_one_time_lose_none(tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)

    def keep(number: int) -> None:
        old = undo.Old(f"{number:06x}", now, now + timedelta(days=1), "set", "ann", {"A": OLD})
        undo.keep(tmp_path, "/srv/.env", old, now)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(keep, range(16)))
    assert {one.id for one in undo.kept(tmp_path, "/srv/.env", now)} == {f"{number:06x}" for number in range(16)}


def test_the_name_of_a_new_file_is_one_that_is_found_again(place: Place) -> None:
    ready = act_write.prepare(file.read(str(place.file)), b"A=1\n")
    assert place.beside == [ready.name]
    assert leftover.left(ready.old) == ()
    ready.held.close()
    assert leftover.left(ready.old) == (ready.name,)
    act_write.discard(ready)
    assert place.beside == []
