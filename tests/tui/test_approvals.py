"""What waits for a second person, at the second person's screen and on their command line."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from desk.audit import Code
from desk.audit.chronicle import read
from desk.clock import SystemClock
from desk.second import Answer, Proposal, State, Unreachable
from desk.second.meeting import Meeting
from desk.second.rule import GRAVE, NOTHING, Rule
from tests.desk.seconds import ROOT, STRANGER, Beside, meeting_place, proposal, two_people
from tests.toyhands import Toybox, toy_hands
from tests.toys import room
from tests.tui.test_acting import acting
from tests.tui.test_screens import Sitting, sitting
from tui import paper
from tui.screens.approvals import Consent


async def standing(person: Sitting) -> None:
    """Wait until the request has stood long enough to be answered."""
    screen = person.app.screen
    assert isinstance(screen, Consent)
    await person.until(
        lambda: screen._live_from is not None and time.monotonic() > screen._live_from, "the picture to stand"
    )


@asynccontextmanager
async def asked(
    folder: Path, size: tuple[int, int] = (80, 24), count: int = 1
) -> AsyncIterator[tuple[Sitting, Beside]]:
    way = Beside()
    way.waiting = [proposal() for _ in range(count)]
    async with acting(folder, Toybox(), ways=[way], size=size) as (person, _):
        yield person, way


async def opened(person: Sitting) -> None:
    await person.press("V")
    await person.sees("What waits for a second person", "ada: smash kite")
    await person.press("enter")
    await person.sees("asked by", "a approves it, x refuses it")


async def test_the_room_says_that_something_waits_for_who_how_long_and_on_which_key(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        await person.sees("V: 1 request for a second person, 9m", "left: ada wants to smash kite")
        way.waiting.append(proposal(what="purge orders"))
        await person.sees("V: 2 requests for a second person, ")
        way.waiting.clear()
        await person.sees_no("a second person")


async def test_the_whole_request_is_read_and_approved_by_typing_the_name(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        one = way.waiting[0]
        await opened(person)
        await person.sees("smash kite", "DESTRUCTIVE", "it is broken", "kite: it is there → another one")
        await person.sees(
            "children notice", "toy smash -- kite", "it can't be taken back", "more; then it has", "x refuse"
        )
        await standing(person)
        await person.press("a")
        await person.sees("type it to approve")
        await person.press("i", "t", "enter")
        await person.sees("you have approved it")
        assert "waits" not in person.screen(), "for it waits no more"
        await person.sees_no("x refuse")
        assert way.waiting == []
    (given,) = [record for record in read(tmp_path / "audit").records() if record.code is Code.SECOND_GIVEN]
    assert (given.data["request"], given.data["granted"], given.data["asker"]["name"]) == (one.id, True, "ada")
    assert f"answered [{one.id[-6:]}] yes to ada" in "\n".join(paper.shown(read(tmp_path / "audit"), 9))


async def test_an_answer_that_nobody_took_is_not_called_void_and_can_be_given_again(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        answer, lost = way.answer, asyncio.Event()

        async def silent(proposal: Proposal, granted: bool, words: str) -> Answer:
            if lost.is_set():
                return await answer(proposal, granted, words)
            await lost.wait()
            raise Unreachable("the store did not answer")

        way.answer = silent  # type: ignore[method-assign]
        await opened(person)
        for said in ("your answer is on its way", "you have approved it"):
            await standing(person)
            await person.press("a")
            await person.sees("type it to approve")
            await person.press("i", "t", "enter")
            await person.sees(said)
            if not lost.is_set():
                lost.set()
                await person.sees("did not answer; while it waits it can be answered again", "a approves it, x refuses")
        assert way.waiting == []


async def test_a_wrong_name_approves_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        await opened(person)
        await standing(person)
        await person.press("a")
        await person.sees("type it to approve")
        await person.press("y", "enter")
        await person.sees("not approved: it was not typed")
        assert len(way.waiting) == 1


async def test_a_refusal_takes_words(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        await opened(person)
        await standing(person)
        await person.press("x")
        await person.sees("why is it refused?")
        await person.press("enter")
        await person.sees("not refused: without words")
        await person.press("x")
        await person.sees("why is it refused?")
        await person.press("n", "o", "enter")
        await person.sees("you have refused it")
        assert way.waiting == []


async def test_keys_typed_ahead_answer_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        await person.press("V")
        await person.sees("ada: smash kite")
        await person.press("enter", "a", "i", "t", "enter")
        await person.sees("asked by")
        assert "type it to approve" not in person.screen()
        assert len(way.waiting) == 1


async def test_what_does_not_fit_is_read_to_its_end_first(tmp_path: Path) -> None:
    async with asked(tmp_path, size=(60, 12)) as (person, way):
        way.waiting = [proposal(changes=tuple(f"toy {number}: there → gone" for number in range(30)))]
        await person.press("V")
        await person.sees("ada: smash kite")
        await person.press("enter")
        await person.sees("asked by")
        await standing(person)
        await person.press("a")
        await person.sees("read on first")
        for _ in range(8):
            await person.press("space")
        await person.sees("a approves it")
        await person.press("a")
        await person.sees("type it to approve")


async def test_a_request_that_is_over_can_not_be_answered(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        await opened(person)
        await standing(person)
        way.waiting.clear()
        await person.press("a")
        await person.sees("there is nothing to answer any more")
        await person.sees("it is over: it was withdrawn, answered, or has expired")


async def test_a_session_that_only_looks_answers_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as (person, way):
        await opened(person)
        await standing(person)
        person.room.undecided_because = "looking only: it was opened with --read-only"
        person.app.screen.draw()  # type: ignore[attr-defined]
        await person.sees("looking only")
        assert "a approves it" not in person.screen()
        await person.press("a")
        assert "type it to approve" not in person.screen()
        assert len(way.waiting) == 1


async def test_text_from_others_steers_no_terminal(tmp_path: Path) -> None:
    from desk.second import Proposal

    async with asked(tmp_path) as (person, way):
        told = proposal(what="smash \x1b]52;c;aGk=\x07kite", reason="[@click=app.exit]now[/]").told
        way.waiting = [Proposal.read(told)]
        await person.press("V")
        await person.sees("smash ^[]52", "[@click=app.exit]now[/]")
        assert "\x1b" not in person.screen()


async def test_without_a_way_to_act_there_is_nothing_to_approve_and_it_says_why() -> None:
    async with sitting() as person:
        await person.press("V")
        await person.sees("this session is read-only")


# the rule itself


async def test_a_profile_that_asks_for_less_changes_nothing_until_two_agree(tmp_path: Path) -> None:
    strict = toy_hands(tmp_path, Toybox(), second=Rule(frozenset({"grave", "wind"})))
    await strict.arm("a test", None)
    await strict.close()
    way = Beside()
    made = room("it", every=0.1)
    made.hands = toy_hands(tmp_path, Toybox(), clock=made.engine.clock, second=GRAVE, ways=[way])
    async with sitting(made, size=(100, 24)) as person:
        await made.hands.arm("a test", None)
        await person.sees("asks for LESS")
        await person.press("V")
        await person.sees("a second person must agree to: grave, wind", "the profile asks for less (grave)")
        await person.press("enter")
        await person.sees("why should less need a second person?")
        await person.press("t", "o", "y", "s", "enter")
        await person.sees("weaken the rule of the second person", "grave, wind → grave", "Esc withdraws")
        assert way.asked[0].reason == "toys"
        assert way.says() == ""
        await person.sees("it is in force")
        assert made.hands.second is not None
        assert made.hands.second.hold.in_force == GRAVE
        await person.press("escape")
        await person.sees("a second person must agree to: grave")
        await person.sees_no("asks for LESS")


async def test_a_weaker_rule_that_nobody_agrees_to_is_withdrawn_with_the_screen(tmp_path: Path) -> None:
    strict = toy_hands(tmp_path, Toybox(), second=GRAVE)
    await strict.arm("a test", None)
    await strict.close()
    way = Beside()
    made = room("it", every=0.1)
    made.hands = toy_hands(tmp_path, Toybox(), clock=made.engine.clock, second=NOTHING, ways=[way])
    async with sitting(made, size=(100, 24)) as person:
        await made.hands.arm("a test", None)
        await person.press("V")
        await person.sees("the profile asks for less (nothing)")
        await person.press("enter")
        await person.sees("why should less need")
        await person.press("n", "o", "enter")
        await person.sees("Esc withdraws")
        await person.press("escape")
        await person.until(lambda: way.ends == [(way.asked[0].id, State.WITHDRAWN)], "it to be withdrawn")
        assert made.hands.second is not None
        assert made.hands.second.hold.in_force == GRAVE


# without a screen


def profile(folder: Path, meet: Path) -> Path:
    path = folder / "toys.toml"
    path.write_text(f'system = "toys"\nsecond_person = true\napproval_folder = "{meet}"\n[host.local]\n')
    path.chmod(0o644)
    return path


AS = """
import contextlib, io, os, sys
sys.path.insert(0, {root!r})
import widgets.second, tui.cli, desk.second.meeting, desk.second.agreements, desk.audit.trail, encodings.idna
from tests.desk.stranger import become
with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
    tui.cli.main(["config", "validate", sys.argv[-1 if sys.argv[-1].endswith(".toml") else -2]])
become({uid})
sys.argv[0] = "opsroom"
tui.cli.main()
"""
"""What a login of that user would start: all is loaded while root may still read it, wherever Python lies."""


def command(uid: int, home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """How another user runs opsroom here."""
    environ = {**os.environ, "OPSROOM_HOME": str(home), "COLUMNS": "80", "PYTHONDONTWRITEBYTECODE": "1"}
    return [sys.executable, "-c", AS.format(root=str(ROOT), uid=uid), *arguments], environ


@pytest.fixture
def home() -> Iterator[Path]:
    with meeting_place() as folder:
        inside = folder / "home"
        inside.mkdir()
        os.chown(inside, STRANGER, STRANGER)
        yield inside


class Asker:
    """A session of ours that asks, and what it was answered."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def take(self, answer: Answer) -> str:
        self.answers.append(answer)
        return ""


@two_people
@pytest.mark.terminal
@pytest.mark.parametrize(
    ("typed", "granted", "said"),
    [(["it"], True, "approved"), (["no", "not now"], False, "\r\nrefused"), ([""], None, "nothing was answered")],
)
async def test_another_user_answers_from_the_command_line(
    home: Path, typed: list[str], granted: bool | None, said: str
) -> None:
    with meeting_place() as meet:
        meeting, asker, one = Meeting(meet, "toys", "", SystemClock()), Asker(), proposal()
        meeting.begin(asker.take, lambda: None)
        await meeting.ask(one)
        arguments, environ = command(STRANGER, home, "approve", "-c", str(profile(home, meet)), one.id[-6:])
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environ, cwd="/"
        )
        os.close(theirs)
        screen = ""

        async def sees(text: str) -> None:
            nonlocal screen
            async with asyncio.timeout(60):
                while text not in screen:
                    if select.select([ours], [], [], 0)[0]:
                        try:
                            screen += os.read(ours, 65536).decode("utf-8", "replace")
                        except OSError:
                            break
                    await asyncio.sleep(0.01)
            assert text in screen, screen

        await sees("type it to approve it, no to refuse it")
        assert "asked by" in screen
        assert "toy smash -- kite" in screen
        for line in typed:
            os.write(ours, f"{line}\n".encode())
            if line == "no":
                await sees("why is it refused?")
        await sees(said)
        async with asyncio.timeout(60):
            await process.wait()
        os.close(ours)
        assert [each.granted for each in asker.answers] == ([] if granted is None else [granted])
        assert all(each.by.marks == {f"uid {STRANGER}"} for each in asker.answers)
        await meeting.close()
    assert process.returncode == 0


@two_people
async def test_the_list_tells_what_waits_and_an_answer_is_never_taken_from_a_pipe(home: Path) -> None:
    with meeting_place() as meet:
        meeting, asker, one = Meeting(meet, "toys", "", SystemClock()), Asker(), proposal()
        meeting.begin(asker.take, lambda: None)
        await meeting.ask(one)
        where = ["-c", str(profile(home, meet))]
        arguments, environ = command(STRANGER, home, "approve", *where)
        process = await asyncio.create_subprocess_exec(*arguments, env=environ, cwd="/", stdout=-1)
        said, _ = await process.communicate()
        assert f"{one.id[-6:]}  " in said.decode()
        assert "left  root wants to smash kite: it is broken" in said.decode()
        arguments, environ = command(STRANGER, home, "approve", *where, one.id)
        piped = await asyncio.create_subprocess_exec(*arguments, env=environ, cwd="/", stdin=-1, stderr=-1)
        _, complaint = await piped.communicate(b"it\n")
        assert "standard input is no terminal" in complaint.decode()
        assert (process.returncode, piped.returncode) == (0, 2)
        assert asker.answers == []
        await meeting.close()


def test_a_word_that_names_no_class_and_no_action_is_found_before_it_is_relied_on(tmp_path: Path) -> None:
    path = tmp_path / "toys.toml"
    path.write_text('system = "toys"\nsecond_person = ["grave", "terminate", "prge"]\n[host.local]\n')
    found = subprocess.run(
        [sys.executable, "-m", "tui", "config", "validate", str(path)], capture_output=True, text=True, cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert found.returncode == 2
    said = "second_person: prge is no class of acts and no action; did you mean purge?"
    assert found.stderr.strip() == f"{path}:2: {said}"


def test_where_nobody_can_be_reached_the_command_says_why(tmp_path: Path) -> None:
    environ = {**os.environ, "OPSROOM_HOME": str(tmp_path)}
    where = str(profile(tmp_path, tmp_path / "nowhere"))
    found = subprocess.run(
        [sys.executable, "-m", "tui", "approve", "-c", where], env=environ, capture_output=True, text=True, cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert found.returncode == 3
    assert "none can be asked (this machine:" in found.stderr
    assert "no such file or directory" in found.stderr
