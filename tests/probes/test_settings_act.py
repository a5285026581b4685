"""Changes of a file of settings: real files, real disks that are full or read-only, a real server that proves keys."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.actions import Runner
from desk.actor import who
from desk.audit import Trail
from desk.clock import SystemClock
from desk.commandline import recognised
from desk.guard import Confirmation, Mode, Setting, digest_of
from desk.locks import FileLocks
from probes.base import (
    Context,
    Hidden,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    SafeText,
    Target,
    Truth,
)
from probes.settings import act_write, undo
from probes.settings.act import SettingsActuator
from probes.settings.dotenv import KEY, parse
from probes.settings.probe import SettingsProbe
from probes.settings.settings import FileSettings
from tests.probes.acting import Performed, carried_out, comes_back, perform

OLD, NEW = "hunter2-CANARY-old", "hunter2-CANARY-new"
BEFORE = f"# app\nCOLOUR=red\nexport API_KEY={OLD}  # of the mailer\nLAST=1"


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


class Desk:
    """A file, an actuator for it, and where old values are kept."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "srv" / ".env"
        self.file.parent.mkdir()
        self.file.write_text(BEFORE)
        self.file.chmod(0o640)
        self.state = folder / "state"
        self.now = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
        self.actuator = self.acting()

    def acting(self, path: Path | None = None, state: bool = True, **settings: Any) -> SettingsActuator:
        given = FileSettings.model_validate({"file": str(path or self.file), "applies": "box/web"} | settings)
        return SettingsActuator(Target("app", "settings", given), self.context(state))

    def context(self, state: bool = True) -> Context:
        return Context(NoSecrets(), now=lambda: self.now, operator="ann", state=self.state if state else None)

    async def set(self, between: Any = lambda plan: None, **values: str) -> Performed:
        request = Request("set", tuple(values), hidden=tuple(map(Hidden, values.values())))
        return await perform(self.actuator, request, between)

    async def add(self, key: str, value: str) -> Performed:
        return await perform(self.actuator, Request("add", word=key, hidden=(Hidden(value),)))

    async def undo(self) -> Performed:
        (choice, *_) = await self.actuator.choices("undo", ())
        return await perform(self.actuator, Request("undo", word=choice.word))

    @property
    def beside(self) -> list[str]:
        return sorted(path.name for path in self.file.parent.iterdir())

    def text(self) -> str:
        return self.file.read_text()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    found = Desk(tmp_path)
    yield found
    await found.actuator.close()


def well(done: Performed) -> Outcome:
    assert [(one.result, verdict.truth) for one, verdict in zip(done.outcomes, done.verdicts, strict=True)] == [
        (Result.DONE, Truth.CONFIRMED)
    ], done
    return done.outcomes[0]


async def test_a_key_is_set_and_every_other_byte_stays(desk: Desk) -> None:
    done = await desk.set(API_KEY=NEW)
    well(done)
    assert desk.text() == BEFORE.replace(OLD, NEW)
    assert desk.file.stat().st_mode & 0o777 == 0o640
    assert desk.beside == [".env"]
    assert done.sent == [str(desk.file)]
    assert NEW not in repr(done)
    assert OLD not in repr(done)
    (subject,) = done.plan.subjects
    assert re.fullmatch(r"18 characters, mark [0-9a-f]{6}", str(subject.before))
    assert "a restart does not apply it" in " ".join(map(str, done.plan.notes))
    assert "box/web has it once it is made new" in str(done.verdicts[0].words)


async def test_where_the_file_is_read_at_each_start_a_restart_applies_a_change(desk: Desk) -> None:
    actuator = desk.acting(read_at_start=True)
    done = await perform(actuator, Request("set", ("COLOUR",), hidden=(Hidden("blue"),)))
    await actuator.close()
    well(done)
    said = " ".join(map(str, done.plan.notes))
    assert "it counts once box/web is restarted" in said
    assert "made new" not in said
    assert "box/web has it once it is restarted" in str(done.verdicts[0].words)


async def test_several_keys_are_set_at_once(desk: Desk) -> None:
    done = await desk.set(COLOUR="dark blue", LAST="2")
    well(done)
    assert desk.text() == BEFORE.replace("red", "'dark blue'").replace("LAST=1", "LAST=2")
    (subject,) = done.plan.subjects
    assert (str(subject.name), str(subject.before), str(subject.after)) == (
        f"COLOUR, LAST in {desk.file}", "COLOUR: red; LAST: 1", "COLOUR: dark blue; LAST: 2"
    )  # fmt: skip


async def test_a_new_key_is_added_at_the_end_and_called_new(desk: Desk) -> None:
    done = await desk.add("ADDED", "$5 #1")
    well(done)
    assert desk.text() == BEFORE + "\nADDED='$5 #1'\n"
    assert str(done.plan.subjects[0].before) == "not there"
    assert "ADDED is new: the file does not have it yet, it goes to the end" in list(map(str, done.plan.notes))
    well(await desk.undo())
    assert desk.text() == BEFORE + "\n"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("COLOUR", "the file has COLOUR already: choose its row to set it"),
        ("what I meant as a value", "a key begins with a letter or _"),
        ("9A", "a key begins with a letter or _"),
        ("A,B", "a key begins with a letter or _"),
    ],
)
async def test_what_is_no_name_of_a_new_key_is_refused(desk: Desk, key: str, words: str) -> None:
    with pytest.raises(ProbeError, match=words):
        await desk.actuator.plan(Request("add", word=key, hidden=(Hidden("x"),)))


@pytest.mark.parametrize("key", ["APIKEY", "api-key", "COLOURS"])
async def test_a_new_key_of_nearly_the_name_of_another_is_remarked(desk: Desk, key: str) -> None:
    plan = await desk.actuator.plan(Request("add", word=key, hidden=(Hidden("x"),)))
    near = "COLOUR" if key == "COLOURS" else "API_KEY"
    assert f"the file has a key of nearly this name: {near}" in list(map(str, plan.notes))


async def test_what_is_typed_for_a_key_that_is_not_there_never_makes_a_new_one(desk: Desk) -> None:
    with pytest.raises(ProbeError, match="the file has no NEEDED") as error:
        await desk.set(NEEDED="x")
    assert str(error.value.hint) == "add key adds one"
    assert desk.text() == BEFORE


async def test_a_change_is_taken_back_and_the_old_value_is_readable_by_us_alone(desk: Desk) -> None:
    well(await desk.set(API_KEY=NEW, COLOUR="blue"))
    (kept,) = (desk.state / "settings").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert OLD in kept.read_text()
    done = await desk.undo()
    well(done)
    assert desk.text() == BEFORE
    assert OLD not in repr(done)


async def test_an_old_value_is_forgotten_when_its_days_are_over(desk: Desk) -> None:
    well(await desk.set(API_KEY=NEW))
    assert len(await desk.actuator.choices("undo", ())) == 1
    desk.now += timedelta(days=8)
    assert await desk.actuator.choices("undo", ()) == []
    await desk.actuator.plan(Request("set", ("COLOUR",), hidden=(Hidden("blue"),)))
    (kept,) = (desk.state / "settings").iterdir()
    assert OLD not in kept.read_text(), "the next look before an act forgets it for good"


async def test_keys_are_taken_away_and_come_back_as_they_stood(desk: Desk) -> None:
    done = await perform(desk.actuator, Request("unset", ("API_KEY",)))
    well(done)
    assert "API_KEY" not in desk.text()
    well(await desk.undo())
    assert f"export API_KEY={OLD}  # of the mailer" in desk.text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"A=1\r\nB=2\r\n", b"A=9\r\nB=2\r\n"),
        (b"\xef\xbb\xbfA=1", b"\xef\xbb\xbfA=9"),
        (b'A="1" # x\n', b'A="9" # x\n'),
        (b"B=2", b"B=2\nA=9\n"),
        (b"", b"A=9\n"),
        (b"A=1\nA=2\n", b"A=1\nA=9\n"),
    ],
)
async def test_line_ends_marks_and_a_missing_last_line_end_stay(desk: Desk, before: bytes, after: bytes) -> None:
    desk.file.write_bytes(before)
    well(await (desk.set(A="9") if b"A=" in before else desk.add("A", "9")))
    assert desk.file.read_bytes() == after


async def test_a_link_stays_and_the_file_it_leads_to_is_changed(desk: Desk, tmp_path: Path) -> None:
    link = tmp_path / "current.env"
    link.symlink_to(desk.file)
    actuator = desk.acting(link)
    done = await perform(actuator, Request("set", ("COLOUR",), hidden=(Hidden("blue"),)))
    well(done)
    assert link.is_symlink()
    assert "COLOUR=blue" in desk.text()
    assert "is a link" in " ".join(map(str, done.plan.notes))
    await actuator.close()


# refusals


def edited(desk: Desk) -> None:
    desk.file.write_text(BEFORE + "\nBY=somebody\n")


def replaced(desk: Desk) -> None:
    other = desk.file.with_name("other")
    other.write_text(BEFORE.replace("red", "green"))
    other.replace(desk.file)


def gone(desk: Desk) -> None:
    desk.file.unlink()


@pytest.mark.parametrize("change", [edited, replaced, gone])
async def test_a_file_that_changed_since_it_was_looked_at_is_left_alone(
    desk: Desk, change: Callable[[Desk], None]
) -> None:
    done = await desk.set(between=lambda plan: change(desk), API_KEY=NEW)
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert done.sent == []
    assert not desk.file.exists() or NEW not in desk.text()


async def test_one_who_edits_at_the_very_moment_is_not_written_over(desk: Desk) -> None:
    request = Request("set", ("API_KEY",), hidden=(Hidden(NEW),))
    plan = await desk.actuator.plan(request)

    async def sending() -> None:
        edited(desk)

    outcome = await desk.actuator.carry_out(plan, plan.subjects[0], "act", sending)
    assert outcome.result is Result.REFUSED
    assert "BY=somebody" in desk.text()
    assert desk.beside == [".env"]
    assert undo.kept(desk.state, str(desk.file), desk.now) == ()


async def test_what_a_cut_act_leaves_is_taken_away_in_a_thread_however_long_that_takes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, go = asyncio.Event(), threading.Event()
    threads: list[threading.Thread] = []
    real, plan = undo.forget, await desk.actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))

    def slow(state: Path, path: str, now: datetime, id: str) -> None:
        threads.append(threading.current_thread())
        go.wait(30)
        real(state, path, now, id=id)

    async def sending() -> None:
        waits.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(undo, "forget", slow)
    acting = asyncio.create_task(desk.actuator.carry_out(plan, plan.subjects[0], "act", sending))
    async with asyncio.timeout(30):
        await waits.wait()
        acting.cancel()
        await asyncio.wait({acting})
        go.set()
        while desk.beside != [".env"] or undo.kept(desk.state, str(desk.file), desk.now):
            await asyncio.sleep(0.01)
    assert acting.cancelled()
    assert desk.text() == BEFORE
    assert threading.main_thread() not in threads


async def test_what_can_not_be_recorded_is_not_written(desk: Desk) -> None:
    plan = await desk.actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))

    async def sending() -> None:
        raise RuntimeError("no record")

    with pytest.raises(RuntimeError, match="no record"):
        await desk.actuator.carry_out(plan, plan.subjects[0], "act", sending)
    assert desk.text() == BEFORE
    assert desk.beside == [".env"]
    assert undo.kept(desk.state, str(desk.file), desk.now) == ()


async def test_one_that_is_cut_while_it_is_put_in_its_place_keeps_the_old_value(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()
    real = act_write.swap

    def slow(ready: act_write.Ready) -> bool:
        begun.set()
        go.wait(10)
        try:
            return real(ready)
        finally:
            ended.set()

    monkeypatch.setattr(act_write, "swap", slow)
    plan = await desk.actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))
    acting = asyncio.create_task(carried_out(desk.actuator, plan, plan.subjects[0], []))
    assert await asyncio.to_thread(begun.wait, 10)
    acting.cancel()
    await asyncio.wait({acting})
    go.set()
    assert await asyncio.to_thread(ended.wait, 10)
    assert NEW in desk.text()
    assert undo.before(undo.kept(desk.state, str(desk.file), desk.now), "API_KEY") == OLD


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "no room left"), (errno.EROFS, "read-only"), (errno.EACCES, "not allowed to write")],
)
async def test_a_disk_that_takes_nothing_leaves_the_file_as_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def full(fd: int) -> None:
        raise OSError(code, os.strerror(code))

    plan = await desk.actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))
    monkeypatch.setattr(os, "fsync", full)
    sent: list[str] = []
    outcome = await carried_out(desk.actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])
    assert words in str(outcome.words)
    assert desk.text() == BEFORE
    assert desk.beside == [".env"]


async def test_where_the_old_value_can_not_be_kept_nothing_is_written(desk: Desk) -> None:
    plan = await desk.actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))
    (desk.state / "settings").write_text("no folder")
    outcome = await carried_out(desk.actuator, plan, plan.subjects[0], [])
    assert outcome.result is Result.FAILED
    assert "old value can't be kept" in str(outcome.words)
    assert (desk.text(), desk.beside) == (BEFORE, [".env"])


async def test_a_file_with_a_second_name_is_not_split_in_two(desk: Desk) -> None:
    os.link(desk.file, desk.file.with_name("twin"))
    done = await desk.set(API_KEY=NEW)
    assert [one.result for one in done.outcomes] == [Result.FAILED]
    assert "hard link" in str(done.outcomes[0].words)
    assert desk.text() == BEFORE


class Foreign:
    """The operating system, to which a file we make belongs to somebody else, and which gives it to nobody."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fstat(self, fd: int) -> os.stat_result:
        found = os.fstat(fd)
        return os.stat_result((*found[:4], found.st_uid + 1, *found[5:]))

    def fchown(self, fd: int, uid: int, gid: int) -> None:
        raise PermissionError(1, "Operation not permitted")


async def test_an_owner_that_can_not_be_kept_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = await desk.actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))
    monkeypatch.setattr(act_write, "os", Foreign())
    sent: list[str] = []
    outcome = await carried_out(desk.actuator, plan, plan.subjects[0], sent)
    assert (outcome.result, sent) == (Result.FAILED, [])
    assert "would change its owner" in str(outcome.words)
    assert (desk.text(), desk.beside) == (BEFORE, [".env"])


async def test_the_owner_and_the_mode_of_the_file_stay(desk: Desk) -> None:
    if os.geteuid() == 0:
        os.chown(desk.file, 65534, 65534)
    before = desk.file.stat()
    well(await desk.set(API_KEY=NEW))
    after = desk.file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert after.st_ino != before.st_ino


@pytest.mark.parametrize(
    ("keys", "values", "words"),
    [
        (("COLOUR", "COLOUR"), ("x", "y"), "each once"),
        ((), (), "choose the keys"),
        (("COLOUR", "LAST"), ("x",), "not there yet"),
        (("COLOUR",), ("x\ny",), "one line"),
        (("COLOUR",), ("it's $5",), "read differently"),
    ],
)
async def test_what_can_not_be_written_is_said_before_it_is_tried(
    desk: Desk, keys: tuple[str, ...], values: tuple[str, ...], words: str
) -> None:
    with pytest.raises(ProbeError, match=re.escape(words)) as error:
        await desk.actuator.plan(Request("set", keys, hidden=tuple(map(Hidden, values))))
    assert not any(value in str(error.value) for value in values if len(value) > 1)


async def test_what_is_so_already_is_barred(desk: Desk) -> None:
    plan = await desk.actuator.plan(Request("set", ("COLOUR",), hidden=(Hidden("red"),)))
    assert plan.subjects[0].barred
    assert "says so already" in str(plan.subjects[0].spared)


async def test_without_a_folder_for_old_values_nothing_is_planned(desk: Desk) -> None:
    actuator = desk.acting(state=False)
    with pytest.raises(ProbeError, match="no folder to keep the old value"):
        await actuator.plan(Request("set", ("COLOUR",), hidden=(Hidden("x"),)))
    await actuator.close()


async def test_looking_later_tells_whether_it_was_written_from_the_record_alone(desk: Desk) -> None:
    plan = await desk.actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))
    unknown = Outcome(Result.UNKNOWN, SafeText("the session ended"))
    subject = plan.subjects[0]
    bare = Plan(**{name: getattr(plan, name) for name in Plan.__slots__} | {"request": Request("set", ("API_KEY",))})
    assert (await desk.actuator.verify(bare, subject, unknown, 1.0)).truth is Truth.PENDING
    assert (await desk.actuator.verify(bare, subject, unknown, 60.0)).truth is Truth.REFUTED
    await carried_out(desk.actuator, plan, subject, [])
    assert (await desk.actuator.verify(bare, subject, unknown, 60.0)).truth is Truth.CONFIRMED
    edited(desk)
    assert "somebody changed it" in str((await desk.actuator.verify(bare, subject, unknown, 60.0)).words)


async def test_rights_are_told_without_writing(desk: Desk) -> None:
    assert [right.grant.value for right in await desk.actuator.rights()] == ["held", "held"]
    assert (desk.text(), desk.beside) == (BEFORE, [".env"])


# rotation


@dataclass
class Vendor:
    """A small server that knows which keys are good."""

    port: int = 0
    good: set[str] = field(default_factory=set)
    status: int = 0
    """Answered whatever the key; 0: by the key."""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    found = Vendor()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            found.asked.append(self.path)
            self.send_response(found.status or (200 if key in found.good else 401))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def rotating(desk: Desk, port: int) -> SettingsActuator:
    prove = {"url": f"http://127.0.0.1:{port}/me"}
    desk.actuator = desk.acting(rotate={"API_KEY": {"prove": prove}})
    return desk.actuator


def rotation(value: str = NEW) -> Request:
    return Request("rotate", ("API_KEY",), hidden=(Hidden(value),))


async def test_a_key_is_rotated_with_overlap_and_the_old_one_proven_dead_and_forgotten(
    desk: Desk, vendor: Vendor
) -> None:
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    done = await perform(actuator, rotation())
    well(done)
    assert f"API_KEY={NEW}" in desk.text()
    said = " ".join(map(str, done.plan.notes))
    assert "the new value was tried: HTTP 200" in said
    assert "both work meanwhile" in said
    early = await actuator.plan(Request("retire", ("API_KEY",)))
    assert early.subjects[0].barred
    assert "it works; revoke it where it was made" in str(early.subjects[0].spared)
    vendor.good = {NEW}
    retired = await perform(actuator, Request("retire", ("API_KEY",)))
    assert "HTTP 401" in str(well(retired).words)
    assert "it does not work any more; the earlier value is forgotten" in str(retired.verdicts[0].words)
    assert all(OLD not in path.read_text() for path in (desk.state / "settings").iterdir())
    assert all(secret not in repr(one) for one in (done, early, retired) for secret in (OLD, NEW))
    with pytest.raises(ProbeError, match="no earlier value"):
        await actuator.plan(Request("retire", ("API_KEY",)))


async def test_only_the_value_that_was_proven_dead_is_forgotten(desk: Desk, vendor: Vendor) -> None:
    actuator, third = rotating(desk, vendor.port), f"{NEW}-third"
    vendor.good = {OLD, NEW, third}
    well(await perform(actuator, rotation()))
    desk.now += timedelta(minutes=1)
    well(await perform(actuator, rotation(third)))
    vendor.good = {OLD, third}  # the one in between was revoked, the first one never
    retired = await perform(actuator, Request("retire", ("API_KEY",)))
    assert "retire API_KEY once more" in str(retired.verdicts[0].words)
    assert undo.before(undo.kept(desk.state, str(desk.file), desk.now), "API_KEY") == OLD
    again = await actuator.plan(Request("retire", ("API_KEY",)))
    assert "it works; revoke it where it was made" in str(again.subjects[0].spared)


async def test_what_is_kept_and_can_not_be_read_is_neither_written_over_nor_called_forgotten(
    desk: Desk, vendor: Vendor
) -> None:
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    well(await perform(actuator, rotation()))
    vendor.good = {NEW}
    plan = await actuator.plan(Request("retire", ("API_KEY",)))
    (path,) = (desk.state / "settings").iterdir()
    path.write_text("{damaged")
    with pytest.raises(ProbeError, match="can't be read"):
        await actuator.verify(plan, plan.subjects[0], Outcome(Result.UNKNOWN, SafeText()), 1.0)
    sent: list[str] = []
    done = await carried_out(actuator, plan, plan.subjects[0], sent)
    assert (done.result, sent) == (Result.FAILED, [])
    before = desk.text()
    with pytest.raises(ProbeError, match="can't be read"):
        undo.keep(desk.state, str(desk.file), undo.Old("1", desk.now, desk.now, "set", "ann", {}), desk.now)
    assert (path.read_text(), desk.text()) == ("{damaged", before)


async def test_a_key_that_was_revoked_first_says_that_what_runs_fails(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {NEW}
    plan = await rotating(desk, vendor.port).plan(rotation())
    assert plan.chosen
    assert "revoked already: what runs fails until it is made new" in " ".join(map(str, plan.notes))


@pytest.mark.parametrize(
    ("status", "says"), [(0, "HTTP 401"), (500, "that proves nothing"), (302, "that proves nothing")]
)
async def test_a_new_value_that_is_not_proven_to_work_is_not_written(
    desk: Desk, vendor: Vendor, status: int, says: str
) -> None:
    vendor.good, vendor.status = {OLD}, status
    plan = await rotating(desk, vendor.port).plan(rotation())
    assert plan.subjects[0].barred
    assert says in str(plan.subjects[0].spared)
    assert not str(plan.subjects[0].spared).endswith("any more"), "it has never worked"
    assert any("set writes it untried" in str(note) for note in plan.notes) is (status != 0)


async def test_one_that_stopped_working_between_look_and_act_is_not_written(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    done = await perform(actuator, rotation(), between=lambda plan: vendor.good.discard(NEW))
    assert [one.result for one in done.outcomes] == [Result.FAILED]
    assert (done.sent, desk.text()) == ([], BEFORE)


async def test_an_old_value_that_works_again_is_still_kept(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    well(await perform(actuator, rotation()))
    vendor.good = {NEW}
    done = await perform(actuator, Request("retire", ("API_KEY",)), between=lambda plan: vendor.good.add(OLD))
    assert [one.result for one in done.outcomes] == [Result.FAILED]
    assert done.sent == []
    assert undo.before(undo.kept(desk.state, str(desk.file), desk.now), "API_KEY") == OLD


async def test_a_server_that_can_not_be_reached_proves_nothing(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, 1)
    plan = await actuator.plan(rotation())
    assert "127.0.0.1:1 can't be reached" in str(plan.subjects[0].spared)
    assert NEW not in repr(plan)


async def test_where_the_server_can_not_be_reached_an_old_value_is_not_retired(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {OLD, NEW}
    well(await perform(rotating(desk, vendor.port), rotation()))
    plan = await rotating(desk, 1).plan(Request("retire", ("API_KEY",)))
    assert plan.chosen == ()
    assert "the earlier value was tried: 127.0.0.1:1 can't be reached" in str(plan.subjects[0].spared)
    assert undo.before(undo.kept(desk.state, str(desk.file), desk.now), "API_KEY") == OLD


async def test_a_rotation_is_not_taken_back_to_a_value_that_was_revoked(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    well(await perform(actuator, rotation()))
    (choice,) = await actuator.choices("undo", ())
    back = Request("undo", word=choice.word)
    vendor.good = {NEW}
    plan = await actuator.plan(back)
    assert plan.chosen == ()
    assert "the earlier value of API_KEY was tried: HTTP 401" in str(plan.subjects[0].spared)
    vendor.good = {OLD, NEW}
    done = await perform(actuator, back, between=lambda plan: vendor.good.discard(OLD))
    assert [one.result for one in done.outcomes] == [Result.FAILED]
    assert (done.sent, NEW in desk.text()) == ([], True)
    vendor.good = {OLD, NEW}
    well(await perform(actuator, back))
    assert desk.text() == BEFORE


async def test_where_it_can_not_be_tried_a_rotation_is_taken_back_and_that_is_said(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {OLD, NEW}
    well(await perform(rotating(desk, vendor.port), rotation()))
    actuator = rotating(desk, 1)
    (choice,) = await actuator.choices("undo", ())
    done = await perform(actuator, Request("undo", word=choice.word))
    well(done)
    assert "the earlier value of API_KEY was tried: 127.0.0.1:1 can't be reached" in " ".join(map(str, done.plan.notes))
    assert desk.text() == BEFORE


async def test_a_key_that_could_be_tried_and_is_only_set_says_so(desk: Desk, vendor: Vendor) -> None:
    actuator = rotating(desk, vendor.port)
    plan = await actuator.plan(Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))
    assert "API_KEY is written untried: rotate tries the new value first" in list(map(str, plan.notes))
    assert vendor.asked == []


async def test_a_row_tells_that_an_old_value_is_kept_until_it_was_seen_to_be_dead(desk: Desk, vendor: Vendor) -> None:
    async def earlier() -> datetime | None:
        probe = SettingsProbe(actuator.target, desk.context())
        facts = (await probe.read()).facts
        await probe.close()
        entry = facts.entry("API_KEY")
        assert entry is not None
        return entry.earlier

    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    assert await earlier() is None
    done = await perform(actuator, rotation())
    well(done)
    assert "once the old value is revoked, retire proves it dead" in str(done.verdicts[0].words)
    assert await earlier() == desk.now + timedelta(days=7)
    vendor.good = {NEW}
    well(await perform(actuator, Request("retire", ("API_KEY",))))
    assert await earlier() is None


STARTS = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty"})
WATCHING: list[list[str]] = []


def noted(event: str, given: tuple[object, ...]) -> None:
    if WATCHING and event in STARTS:
        WATCHING[-1].append(f"{event} {given!r}")


async def test_no_act_starts_a_program_so_no_list_of_arguments_can_hold_a_secret(desk: Desk, vendor: Vendor) -> None:
    sys.addaudithook(noted)
    started: list[str] = []
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    WATCHING.append(started)
    try:
        well(await desk.set(COLOUR="blue"))
        well(await perform(actuator, rotation()))
        vendor.good = {NEW}
        well(await perform(actuator, Request("retire", ("API_KEY",))))
        assert started == []
        process = await asyncio.create_subprocess_exec("true")
        await process.wait()
        assert started, "what starts a program is noticed"
    finally:
        WATCHING.pop()


async def test_the_look_tries_the_value_in_the_file_and_the_one_before_it(desk: Desk, vendor: Vendor) -> None:
    vendor.good = {OLD, NEW}
    actuator = rotating(desk, vendor.port)
    well(await perform(actuator, rotation()))
    vendor.good = {NEW}
    probe = SettingsProbe(actuator.target, desk.context())
    lines = [str(line) for line in (await probe.look("prove", "API_KEY")).lines]
    assert "HTTP 200" in lines[0]
    assert "the value before it: HTTP 401" in lines[1]
    assert "rotate of API_KEY by ann" in str((await probe.look("kept", "")).lines[0])
    with pytest.raises(ProbeError, match="does not say how COLOUR is tried"):
        await probe.look("prove", "COLOUR")
    await probe.close()


# generation

GENERATE = Request("generate", ("API_KEY",), word="urlsafe")


def made(desk: Desk, key: str = "API_KEY") -> str:
    return parse(desk.file.read_bytes()).settings[key].value


@pytest.mark.parametrize(("form", "pattern"), [("urlsafe", r"[\w-]{43}"), ("hex", r"[0-9a-f]{64}"), ("", r"[\w-]{43}")])
async def test_a_generated_secret_is_in_the_file_alone_and_the_old_one_comes_back(
    desk: Desk, form: str, pattern: str
) -> None:
    done = await perform(desk.actuator, replace(GENERATE, word=form))
    well(done)
    new = made(desk)
    assert re.fullmatch(pattern, new)
    assert desk.text() == BEFORE.replace(OLD, new)
    told = f"{done!r} {desk.actuator.render(done.plan.request)}"
    assert new not in told
    assert OLD not in told
    (subject,) = done.plan.subjects
    assert re.fullmatch(rf"{len(new)} characters, mark [0-9a-f]{{6}}", str(subject.after))
    kept = [path for path in desk.state.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if new.encode() in path.read_bytes()]
    well(await desk.undo())
    assert desk.text() == BEFORE


async def test_several_secrets_are_generated_at_once_each_its_own_and_never_one_twice(desk: Desk) -> None:
    desk.file.write_text("A_TOKEN=x\nB_SECRET='y'\nC=1\n")
    request = Request("generate", ("A_TOKEN", "B_SECRET"), word="hex")
    well(await perform(desk.actuator, request))
    first = {made(desk, "A_TOKEN"), made(desk, "B_SECRET")}
    well(await perform(desk.actuator, request))
    assert len(first | {made(desk, "A_TOKEN"), made(desk, "B_SECRET")}) == 4
    assert made(desk, "C") == "1"


async def test_who_must_get_a_generated_secret_is_told_before_it_is_written(desk: Desk) -> None:
    desk.file.write_text(f"DB_PASSWORD={OLD}\nDATABASE_URL=postgresql://app:{OLD}@db/app\nOTHER=1\n")
    plan = await desk.actuator.plan(Request("generate", ("DB_PASSWORD",), word="hex"))
    said = " ".join(map(str, plan.subjects[0].felt))
    assert "box/web has the old value until it is made new (recreate)" in said
    assert "whoever else knows the old value must get the new one" in said
    assert "DATABASE_URL holds the old value of DB_PASSWORD too" in said
    assert "OTHER" not in said
    assert OLD not in repr(plan)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("COLOUR=red", "COLOUR is no secret by the profile's patterns"),
        ("COLOUR=hunter2hunter2hunter2hunter2", "COLOUR is no secret by the profile's patterns"),
        ("REDIS_URL=redis://:pw@cache/0", "REDIS_URL holds more than a secret"),
        ("SENTRY_DSN=", "SENTRY_DSN holds more than a secret"),
        ("PRIVATE_KEY='-----BEGIN KEY-----'", "PRIVATE_KEY holds more than a secret"),
        ("MY_TOKEN=${OTHER}x", "MY_TOKEN is made of other variables"),
    ],
)
async def test_what_is_no_plain_secret_is_not_replaced_by_a_random_value(desk: Desk, line: str, words: str) -> None:
    desk.file.write_text(f"{line}\n")
    plan = await desk.actuator.plan(replace(GENERATE, subjects=(line.partition("=")[0],)))
    assert plan.subjects[0].barred
    assert words in str(plan.subjects[0].spared)
    assert plan.chosen == ()


async def test_a_key_that_a_vendor_makes_is_rotated_and_not_generated(desk: Desk, vendor: Vendor) -> None:
    plan = await rotating(desk, vendor.port).plan(GENERATE)
    assert plan.subjects[0].barred
    assert "API_KEY is made elsewhere: rotate it" in str(plan.subjects[0].spared)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("generate", (), word="hex"), "choose the keys"),
        (Request("generate", ("API_KEY", "API_KEY"), word="hex"), "each once"),
        (Request("generate", ("NO_TOKEN",), word="hex"), "the file has no NO_TOKEN"),
        (Request("generate", ("API_KEY",), word="base64"), "urlsafe or hex"),
    ],
)
async def test_keys_that_are_not_there_and_forms_that_do_not_exist_are_told(
    desk: Desk, request_: Request, words: str
) -> None:
    with pytest.raises(ProbeError, match=words):
        await desk.actuator.plan(request_)


@pytest.mark.parametrize("change", [edited, replaced, gone])
async def test_no_secret_is_generated_into_a_file_that_changed_since_it_was_looked_at(
    desk: Desk, change: Callable[[Desk], None]
) -> None:
    done = await perform(desk.actuator, GENERATE, lambda plan: change(desk))
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert done.sent == []


async def test_a_plan_without_its_value_writes_nothing(desk: Desk) -> None:
    plan = await desk.actuator.plan(GENERATE)
    bare = replace(plan, request=GENERATE)
    sent: list[str] = []
    outcome = await carried_out(desk.actuator, bare, plan.subjects[0], sent)
    assert (outcome.result, sent, desk.text()) == (Result.FAILED, [], BEFORE)
    typed = replace(plan, request=replace(GENERATE, hidden=(Hidden("password"),)))
    assert (await carried_out(desk.actuator, typed, plan.subjects[0], sent)).result is Result.FAILED
    assert desk.text() == BEFORE


async def test_both_forms_of_a_secret_are_offered_the_url_safe_one_first(desk: Desk) -> None:
    assert [choice.word for choice in await desk.actuator.choices("generate", ("API_KEY",))] == ["urlsafe", "hex"]


@given(
    some.lists(some.from_regex(KEY, fullmatch=True), min_size=1, max_size=4, unique=True),
    some.sampled_from(["urlsafe", "hex"]),
)
def test_every_generation_comes_back_from_its_line(keys: list[str], form: str) -> None:
    settings = FileSettings.model_validate({"file": "/srv/app/.env"})
    actuator = SettingsActuator(Target("app", "settings", settings), Context(NoSecrets()))
    assert comes_back(actuator, Request("generate", tuple(keys), word=form))


# offers and lines


async def test_each_row_is_offered_what_makes_sense_there(desk: Desk, vendor: Vendor) -> None:
    actuator = rotating(desk, vendor.port)
    probe = SettingsProbe(actuator.target, desk.context())
    facts = (await probe.read()).facts
    await probe.close()

    def offered(*keys: str) -> list[str]:
        return [offer.action.name for offer in actuator.offers(facts, keys)]

    assert offered() == ["add", "undo"]
    assert offered("COLOUR") == ["set", "unset", "add", "undo"]
    assert offered("API_KEY") == ["rotate", "retire", "unset", "set", "add", "undo"]
    assert offered("API_KEY", "COLOUR") == ["set", "unset"]
    actuator = desk.acting()
    assert offered("API_KEY") == ["set", "unset", "generate", "add", "undo"]
    assert offered("API_KEY", "COLOUR") == ["set", "unset"]
    assert offered("NONE") == []


async def test_one_sees_what_one_types_unless_a_secret_is_among_the_keys(desk: Desk) -> None:
    probe = SettingsProbe(desk.actuator.target, desk.context())
    facts = (await probe.read()).facts
    await probe.close()

    def shown(*keys: str) -> bool:
        return next(one.action.shown for one in desk.actuator.offers(facts, keys) if one.action.name == "set")

    assert [shown("COLOUR"), shown("COLOUR", "LAST"), shown("API_KEY"), shown("COLOUR", "API_KEY")] == [
        True, True, False, False
    ]  # fmt: skip
    assert not any(action.shown for action in desk.actuator.actions)


async def test_keys_of_the_example_that_are_missing_are_offered_as_new_ones(desk: Desk) -> None:
    desk.file.with_name(".env.example").write_text("COLOUR=\nNEEDED=\n")
    found = await desk.actuator.choices("add", ())
    assert [(choice.word, str(choice.about)) for choice in found] == [("NEEDED", "a new key; its example has it")]


@pytest.mark.parametrize(
    "request_",
    [
        Request("set", ("A",)),
        Request("set", ("A", "B_2")),
        Request("add", word="NEW.one-2"),
        Request("sweep"),
        Request("unset", ("A", "B")),
        Request("generate", ("A", "B"), word="urlsafe"),
        Request("generate", ("A",), word="hex"),
        Request("rotate", ("API_KEY",)),
        Request("retire", ("API_KEY",)),
        Request("undo", word="8c1f02"),
    ],
)
async def test_every_act_comes_back_from_its_line(desk: Desk, request_: Request) -> None:
    assert comes_back(desk.actuator, request_)


@pytest.mark.parametrize(
    ("line", "meant", "warns"),
    [
        ("sed -i 's/COLOUR=.*/COLOUR=blue/' .env", Request("set", ("COLOUR",)), "shell's history"),
        ("sudo sed -i.bak -e 's|^COLOUR=.*|COLOUR=blue|g' ./.env", Request("set", ("COLOUR",)), "shell's history"),
        ("sed -E -i 's#^A=.*$#A=x#' .env", Request("set", ("A",)), "shell's history"),
        ("sed -i '/^COLOUR=/d' .env", Request("unset", ("COLOUR",)), ""),
        ("echo API_KEY=hunter2 >> .env", Request("add", word="API_KEY"), "appends a second line"),
        ("echo 'API_KEY=hunter2' | tee -a .env", Request("add", word="API_KEY"), "appends a second line"),
        ("tee -a .env <<< 'API_KEY=hunter2'", Request("add", word="API_KEY"), "appends a second line"),
        ("tee -a .env <<< 'API_KEY=<value>'", Request("add", word="API_KEY"), ""),
    ],
)
async def test_the_lines_with_which_people_edit_settings_are_understood(
    desk: Desk, line: str, meant: Request, warns: str
) -> None:
    found = recognised(line, desk.actuator)
    assert found is not None
    assert found.request == meant
    assert warns in found.warning
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "line",
    [
        "echo A=1", "echo A=1 > .env", "echo A=1 >> /etc/environment", "echo A=1 | tee .env",
        "echo A=1 | tee -a /etc/x",
        "echo A=1 >> .env > /etc/x", "echo A=1 | sh", "sed -i 's/A=.*/A=1/' .env | sh", "printf 'A=1\\n' >> other.env",
        "sed -i 's/COLOUR=.*/COLOUR=blue/' /etc/other.env", "sed 's/COLOUR=.*/COLOUR=blue/' .env",
        "sed -i 's/COLOUR=.*/SHAPE=round/' .env", "sed -i -n 's/A=.*/A=1/' .env", "sed -i 's/A=.*/A=1/' ../.env",
        'sed -i "s/^API_KEY=.*/API_KEY=$(openssl rand -hex 32)/" .env', "openssl rand -hex 32",
        "openssl rand -base64 32",
        "sed -i 's/A=.*/A=1/;s/B=.*/B=2/' .env x", "echo hello", "cp -p .env .env.bak", "cat .env", "vi .env",
        "sed -i -e 's/A=.*/A=1/' -e '/^B=/d' .env", "sed -i", "tee -a other.env <<< 'A=1'",
    ],
)  # fmt: skip
async def test_what_is_not_certain_means_none_of_our_acts(desk: Desk, line: str) -> None:
    assert recognised(line, desk.actuator) is None


async def test_no_old_or_new_value_is_left_anywhere_but_where_it_belongs(desk: Desk) -> None:
    well(await desk.set(API_KEY=NEW))
    found = [path for path in desk.file.parents[1].rglob("*") if path.is_file() and OLD.encode() in path.read_bytes()]
    assert [path.parent.name for path in found] == ["settings"]


async def test_through_the_one_door_no_value_is_in_the_audit_and_the_act_is_green(desk: Desk, tmp_path: Path) -> None:
    clock = SystemClock()
    trail = Trail(tmp_path / "audit", who({}), clock, {"system": "shop"})
    trail._chain._sinks = trail._chain._sinks[:1]  # nothing of a test belongs into the machine's own log
    setting = Setting("shop", "test", False, False)
    runner = Runner(
        {"app": desk.acting()}, lambda target: setting, lambda: Mode.ARMED, trail, FileLocks(tmp_path / "locks"), clock
    )
    desk.now = clock.now()
    plan = await runner.plan("app", Request("set", ("API_KEY",), hidden=(Hidden(NEW),)))
    deed = runner.begin(replace(plan, looked_at=clock.now()), Confirmation(digest_of(plan, setting), "leaked"))
    await runner.idle()
    await runner.close()
    assert deed.result is Truth.CONFIRMED, deed
    assert f"API_KEY={NEW}" in desk.text()
    written = [path for path in (tmp_path / "audit").rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written for one in (OLD, NEW) if one.encode() in path.read_bytes()]
