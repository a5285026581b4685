"""Evidence of an incident as a person gathers it: from its screen and from the dialog of an act; the room goes on."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from desk.incident.incidents import Incidents
from desk.profile import load
from desk.replay.recording import Recording
from desk.tape.recorder import Standing
from desk.tape.tape import Tape, TapeError
from probes.base import Cause, Lane, ProbeError, SafeText
from tests.desk.recordings import Session
from tests.stack.postgres import Postgres
from tests.toys import Thing, ToyFacts, ToyProbe
from tests.tui.test_acting import confirm, seen
from tests.tui.test_incident_screen import SCHEME, acting, declared, furnished, only, places
from tests.tui.test_screens import Sitting, sitting
from tui import wiring
from tui.incident_papers import Papers
from tui.incidents import IncidentDesk
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.room import Room
from tui.secrets import Secrets
from tui.wiring import tape_file


@pytest.fixture(autouse=True)
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def intact(folder: Path) -> bool:
    """Do the files have the hashes that stand beside them?"""
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    return subprocess.run(check, cwd=folder, capture_output=True, check=False).returncode == 0


async def gathered(person: Sitting, room: Room) -> tuple[Path, dict[str, Any]]:
    """The folder and its manifest, once the timeline tells of it."""
    assert room.incidents is not None
    book = room.incidents.incidents

    def told() -> list[str]:
        return [one.text for each in book.all() for one in each.records if one.what.value == "evidence gathered"]

    await person.until(lambda: bool(told()), "the bundle")
    found = re.search(r", in (.+), SHA256SUMS [0-9a-f]{64}(; |$)", told()[-1])
    assert found is not None, told()
    folder = Path(found[1])
    assert await asyncio.to_thread(intact, folder)
    return folder, json.loads((folder / "manifest.json").read_bytes())


def recorded(folder: Path, room: Room) -> None:
    """A black box beside the room's other files, with one reading in it."""
    session = Session(folder / "recorded")
    session.take(asyncio.run(ToyProbe(room.profile.targets[0], room.engine.probe("shelf").context).read()))
    session.end()
    there = tape_file(room.profile, places(folder))
    there.parent.mkdir(parents=True, exist_ok=True)
    session.path.rename(there)


async def test_one_key_gathers_what_is_known_and_names_what_could_not_be_had(tmp_path: Path) -> None:
    made = furnished(tmp_path, targets=("shelf", "attic"))
    await asyncio.to_thread(recorded, tmp_path, made)
    async with sitting(made, (100, 30)) as person:
        attic = person.toy("attic")
        attic.answers = ProbeError(Cause.REFUSED, "connection refused")
        await person.until(lambda: made.engine.board.slot("attic").failure is not None, "a failure of the attic")
        await declared(person)
        await person.press("B")
        await person.sees("gather evidence into a new folder", "/evidence-")
        await person.press("enter")
        folder, manifest = await gathered(person, made)
        one = only(person)
        await person.sees("■ evidence gathered", "SHA256SUMS")
        held = {each["file"]: each for each in manifest["files"]}
        assert {
            "state-shelf.json",
            "state-attic.json",
            "alerts.json",
            "incident.json",
            "incident.txt",
            "tape.db",
        } <= set(held)
        assert {"shelf-logs-ball.txt", "shelf-logs-kite.txt"} <= set(held)
        assert (manifest["incident"], manifest["gathered_by"], manifest["system"]) == (one.id, "ann", "nursery")
        assert (folder / "shelf-logs-ball.txt").read_text().splitlines()[::199] == [
            "line 0 about ball",
            "line 199 about ball",
        ]
        shelf, attic_state = (json.loads((folder / f"state-{name}.json").read_bytes()) for name in ("shelf", "attic"))
        assert shelf["state"] == "LIVE"
        assert [each["name"] for each in shelf["reading"]["facts"]["things"]] == ["ball", "kite"]
        assert held["state-shelf.json"]["seconds_old"] >= 0
        assert attic_state["failure"]["message"] == "connection refused"
        assert "kite is 2 KiB" in json.dumps(json.loads((folder / "alerts.json").read_bytes()))
        assert json.loads((folder / "incident.json").read_bytes())["id"] == one.id
        recording = Recording.open(folder / "tape.db", lambda kind: ToyFacts)
        assert list(recording.names()) == ["shelf"]
        recording.close()
        assert folder.is_relative_to(tmp_path)


async def test_a_look_that_fails_hangs_or_never_ends_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = furnished(tmp_path)
    async with sitting(made, (100, 30)) as person:

        async def follow(name: str, subject: str) -> AsyncGenerator[SafeText, None]:
            if subject == "ball":
                raise ProbeError(Cause.DENIED, "permission denied")
            if subject == "drum":
                raise ZeroDivisionError
            if subject == "kite":
                yield SafeText("the first line, api_key=abcdef123456")
            await asyncio.Event().wait()

        person.toy().follow = follow  # type: ignore[method-assign]
        person.toy().answers = ToyFacts((Thing("ball", 10), Thing("kite", 20), Thing("drum"), Thing("flute")))
        await declared(person)
        await person.until(lambda: "flute" in str(made.engine.board.slot("shelf").snapshot), "four toys")
        assert made.incidents is not None
        evidence = made.incidents.evidence
        evidence._mask, evidence.quiet = lambda text: text.replace("abcdef123456", "***"), 0.2
        evidence.patience = 3.0
        full = Standing("not recording: tape.db can't be written: the disk is full", lost=64)
        monkeypatch.setattr(made, "scribe", SimpleNamespace(recorder=SimpleNamespace(standing=full)))
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("enter")
        folder, manifest = await gathered(person, made)
        missing = {one["what"]: one["why"] for one in manifest["not_gathered"]}
        monkeypatch.setattr(made, "scribe", None)
        assert missing["parts of the black box"] == f"it lacks 64 readings of this session; {full.words}"
        assert missing["shelf: log of the toy of ball"] == "permission denied"
        (told,) = [each.text for each in only(person).records if each.what.value == "evidence gathered"]
        assert "; 5 things could not be had: " in told
        assert "shelf: log of the toy of ball (permission denied)" in told
        assert missing["shelf: log of the toy of drum"] == "a fault of ours: ZeroDivisionError"
        assert missing["shelf: log of the toy of flute"] == "no line came in 3 s", "which is not known to be empty"
        assert "there is no such file" in missing["the black box: every reading that was recorded"]
        assert (folder / "shelf-logs-kite.txt").read_text() == "the first line, api_key=***\n"


async def test_a_reading_without_a_form_and_a_black_box_that_is_damaged_cost_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(tape: Tape) -> int:
        raise TapeError("the recording can't be read: disk I/O error")

    monkeypatch.setattr(Tape, "size", property(damaged))
    made = furnished(tmp_path, targets=("shelf", "attic"))
    await asyncio.to_thread(recorded, tmp_path, made)
    async with sitting(made, (100, 30)) as person:
        person.toy("attic").answers = ToyFacts((Thing("trunk", float("inf")),))
        await person.until(lambda: "trunk" in str(made.engine.board.slot("attic").snapshot), "the trunk")
        await declared(person)
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("enter")
        folder, manifest = await gathered(person, made)
        missing = {one["what"]: one["why"] for one in manifest["not_gathered"]}
        assert missing["attic: the last reading, with its gaps"] == "it has no form in JSON: ValueError"
        assert missing["the black box: every reading that was recorded"].endswith("disk I/O error")
        assert (folder / "state-shelf.json").exists()
        assert not (folder / "state-attic.json").exists()


async def test_a_look_that_another_one_holds_up_is_taken_after_it(tmp_path: Path) -> None:
    made = furnished(tmp_path)
    async with sitting(made, (100, 30)) as person:
        lane, held, tries = Lane("one", limit=1), threading.Event(), list[str]()

        def read(subject: str) -> str:
            held.wait(60)
            return f"a line of {subject}"

        async def follow(name: str, subject: str) -> AsyncGenerator[SafeText, None]:
            tries.append(subject)
            yield SafeText(await lane.run(read, subject))

        person.toy().follow = follow  # type: ignore[method-assign]
        await declared(person)
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("enter")
        await person.until(lambda: {"ball", "kite"} <= set(tries), "both looks")
        held.set()
        folder, manifest = await gathered(person, made)
        assert not [one for one in manifest["not_gathered"] if "log of the toy" in one["what"]]
        assert (folder / "shelf-logs-ball.txt").read_text() == "a line of ball\n"
        assert (folder / "shelf-logs-kite.txt").read_text() == "a line of kite\n"
        lane.close()


async def test_a_folder_is_recorded_by_its_whole_path_wherever_the_session_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = furnished(tmp_path)
    async with sitting(made, (100, 30)) as person:
        await declared(person)
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("ctrl+u", *"kept", "enter")
        folder, _ = await gathered(person, made)
        assert folder == tmp_path / "kept"


async def test_the_room_goes_on_while_evidence_is_gathered_and_a_second_bundle_waits_for_its_end(
    tmp_path: Path,
) -> None:
    made = furnished(tmp_path)
    async with sitting(made, (100, 30)) as person:
        go_on = asyncio.Event()

        async def follow(name: str, subject: str) -> AsyncGenerator[SafeText, None]:
            await go_on.wait()
            yield SafeText("a line")

        person.toy().follow = follow  # type: ignore[method-assign]
        await declared(person)
        assert made.incidents is not None
        made.incidents.evidence.patience = 60.0
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("enter")
        await person.sees("evidence is being gathered: 0 of 2 looks")
        reads = person.toy().reads
        await person.until(lambda: person.toy().reads > reads + 2, "readings that go on")
        await person.press("B")
        await person.sees_no("into a new folder")
        go_on.set()
        folder, _ = await gathered(person, made)
        assert (folder / "shelf-logs-ball.txt").read_text() == "a line\n"


async def test_who_leaves_while_evidence_is_gathered_is_told_first_and_the_timeline_says_that_it_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.app._AGAIN", 600.0)
    made = furnished(tmp_path)
    async with sitting(made, (100, 30)) as person:

        async def follow(name: str, subject: str) -> AsyncGenerator[SafeText, None]:
            await asyncio.Event().wait()
            yield SafeText("never")

        person.toy().follow = follow  # type: ignore[method-assign]
        await declared(person)
        assert made.incidents is not None
        book = made.incidents.incidents
        made.incidents.evidence.patience = 60.0
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("enter")
        await person.sees("evidence is being gathered: 0 of 2 looks")
        await person.press("q")
        await person.sees("TOYS")
        await person.press("q")
        await person.sees("once more leaves it unfinished: evidence is being gathered: 0 of 2 looks", "TOYS")
        assert person.app.return_code is None
        await person.press("q")
        await person.until(lambda: person.app.return_code == 0, "the end")
    (told,) = [one.text for each in book.all() for one in each.records if one.what.value == "evidence gathered"]
    assert told.startswith("not to its end: the session ended; what lies in ")
    assert told.endswith(" has no manifest")


async def test_a_folder_that_cannot_be_made_is_said_and_stands_in_the_timeline(tmp_path: Path) -> None:
    made = furnished(tmp_path)
    async with sitting(made, (100, 30)) as person:
        await declared(person)
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("ctrl+u", *["slash", "n", "o", "slash", "x"], "enter")
        await person.sees("■ evidence gathered: nothing:", "no such file or directory")
        assert not [name for name in os.listdir(tmp_path) if name.startswith("evidence")]


async def test_a_fault_of_ours_while_gathering_is_said_for_nobody_must_believe_that_there_is_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = furnished(tmp_path)
    async with sitting(made, (100, 30)) as person:
        await declared(person)

        def broken(*_: object) -> str:
            raise RuntimeError("a mistake")

        monkeypatch.setattr("desk.incident.paper.as_text", broken)
        await person.press("B")
        await person.sees("gather evidence into a new folder")
        await person.press("enter")
        await person.sees("NO EVIDENCE: a fault of ours, RuntimeError")


async def test_before_an_act_that_destroys_evidence_it_is_gathered_from_the_acts_own_dialog(tmp_path: Path) -> None:
    async with acting(tmp_path, (100, 30)) as (person, box):
        await declared(person)
        await person.press("escape")
        await person.sees("INCIDENT P1", "▲ kite")
        await person.press("R")
        await person.sees("restart kite", "gather evidence first")
        await person.press("shift+tab")
        await person.sees("▸[ gather evidence first ]")
        await seen(person)
        await person.press("enter")
        folder, _ = await gathered(person, person.room)
        assert (folder / "it-logs-ball.txt").exists()
        assert box.requests == []
        await person.sees_no("gather evidence first")
        await confirm(person)
        await person.sees("CONFIRMED")


@pytest.mark.engine
async def test_of_real_systems_sessions_settings_and_lines_of_the_log_are_kept_without_secrets(
    tmp_path: Path, postgres: Postgres
) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-03-01 03:12:{second:02} INFO line {second}\n" for second in range(60)))
    with log.open("a") as lines:
        lines.write("2026-03-01 03:13:00 ERROR login token=s3cr3t-of-a-log refused\n")
    profile = tmp_path / "system.toml"
    profile.write_text(
        f'system = "letters"\n[postgres.main]\nurl = "env:MAIN"\nevery = 1\n[logs.app]\nfiles = ["{log}"]\nevery = 1\n'
    )
    kinds, secrets, there = Kinds(), Secrets({"MAIN": postgres.url()}), places(tmp_path)
    loaded = load(profile, kinds)
    engine = wiring.build(loaded, kinds, secrets, there)
    room = Room(engine, loaded, kinds, Keymap(), who="ann")
    room.incidents = IncidentDesk(
        room, Incidents(engine.clock, "ann", "here", SCHEME), papers=Papers(loaded, there), mask=wiring.masking(secrets)
    )
    book, evidence = room.incidents.incidents, room.incidents.evidence
    postgres.sql("ALTER SYSTEM SET log_min_duration_statement = '731s'")
    mailer = await psycopg.AsyncConnection.connect(postgres.url(), application_name="mailer-of-letters")
    engine.start()
    try:
        async with asyncio.timeout(60):
            while "mailer-of-letters" not in str(engine.board.slot("main").snapshot) or not engine.board.answered(
                "app"
            ):
                await asyncio.sleep(0.05)
            one = book.declare("no mail", "P1")
            said: list[str] = []
            assert evidence.begin(one, [], tmp_path / "bundle", said.append)
            while not said:
                await asyncio.sleep(0.05)
    finally:
        await mailer.close()
        postgres.sql("ALTER SYSTEM RESET log_min_duration_statement")
        room.incidents.close()
        await engine.close()
    assert said[0].startswith(f"evidence lies in {tmp_path}/bundle: ")
    texts = {each.name: each.read_text() for each in (tmp_path / "bundle").iterdir()}
    assert sum("line 59" in text and "ERROR login token=***" in text for text in texts.values()) == 1
    assert "log_min_duration_statement" in texts["main-settings.txt"]
    assert "mailer-of-letters" in texts["state-main.json"]
    assert not [name for name, text in texts.items() if "s3cr3t-of-a-log" in text or postgres.password in text]
