"""Runbooks, procedures and runs as a person uses them: keys in, what is kept and what is on the screen out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from textual.events import Key

from desk.deed import Deed
from desk.engine import Engine, Watched
from desk.runbook import assemble
from desk.runbook.book import Contact, Runbook, StepKind
from desk.runs.journal import RunJournal
from desk.runs.record import End, Judgement, Occasion
from desk.runs.run import Run
from desk.runs.runs import Runs
from probes.base import Cause, Danger, ProbeError, Sort, Verb
from tests.desk.procedures import (
    KITES,
    NAME,
    TOKEN,
    action,
    command,
    part,
    procedure,
    reading,
    runbook,
    shell,
    step,
)
from tests.toyhands import Toybox, toy_hands
from tests.toys import Thing, ToyFacts, room
from tests.tui.test_acting import confirm
from tests.tui.test_inbox_screen import toys as watched_toys
from tests.tui.test_screens import MovingClock, Sitting, sitting
from tui.app import OpsroomApp
from tui.procedures import Procedures, ShellEnd, ShellWork
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.procedure import ProcedureScreen
from tui.secrets import Secrets

MENU = procedure(
    "Useful lines",
    part("", shell("toy count", danger=Danger.READ), shell("toy smash <name>", placeholders=("<name>",))),
    menu=True,
)
BOOK = runbook(KITES, MENU, parameters=(NAME, TOKEN), contacts=(Contact(3, "On call", "Ann", ("555-0100",)),))


class Shelf:
    """What the files say: changed by a test."""

    def __init__(self, folder: Path, *books: Runbook) -> None:
        self.files = [folder / "RUNBOOK.md" for _ in books[:1]]
        self.books = list(books)
        for file in self.files:
            file.write_text("# by hand")

    def read(self, name: str, data: bytes) -> Runbook:
        return replace(self.books[0], path=name)

    def change(self, book: Runbook) -> None:
        self.books = [book]
        self.files[0].write_text(f"# by hand {book.sha256}")


def furnished(
    made: Room, folder: Path, *books: Runbook, journal: bool = True, mask: Callable[[str], str] = str
) -> Shelf:
    """A room with runbooks in it."""
    shelf = Shelf(folder, *books)
    made.who = "ann"
    clock = made.engine.clock
    kept = RunJournal(folder / "runs.db", clock) if journal else None
    made.make_procedures = lambda: Procedures(
        shelf.files, Runs(clock, made.who, mask), kept, shelf.read, str(folder / "opsroom.toml")
    )
    return shelf


def runs(person: Sitting) -> Runs:
    assert person.room.procedures is not None
    return person.room.procedures.runs


def only(person: Sitting) -> Run:
    found = runs(person).all()
    assert len(found) == 1, found
    return found[0]


async def opened(person: Sitting, *, row: str = "Too many kites") -> None:
    await person.press("p")
    await person.sees("Procedures", row)
    await person.press("enter")
    await person.sees("step 1")


async def answer(person: Sitting, label: str, text: str = "") -> None:
    await person.sees(label)
    await person.press(*("space" if letter == " " else letter for letter in text), "enter")


async def at_step(person: Sitting, number: int) -> None:
    """From the first step to another one."""
    await person.sees("step 1")
    await person.press(*["j"] * (number - 1))
    await person.sees(f"step {number}")


async def points(person: Sitting, key: str) -> None:
    """A key that moves the cursor of a list, and the cursor where it was not."""

    def cursor() -> object:
        screen = person.app.screen
        return getattr(screen, "_list", getattr(screen, "_view", None)).cursor  # type: ignore[union-attr]

    before = cursor()
    await person.press(key)
    await person.until(lambda: cursor() != before, f"{key} moves the cursor")


async def leaves(person: Sitting, times: int = 1) -> None:
    """So many screens left, one after the other."""
    for _ in range(times):
        there = person.app.screen
        await person.press("q")
        await person.until(lambda there=there: person.app.screen is not there, "another screen")  # type: ignore[misc]


@asynccontextmanager
async def acting(
    folder: Path, *books: Runbook, size: tuple[int, int] = (100, 40)
) -> AsyncIterator[tuple[Sitting, Toybox]]:
    """A session that may act on the toys of `it`."""
    made, box = room("it", every=0.1), Toybox()
    furnished(made, folder, *books)
    made.read_only_because = ""
    hands = toy_hands(folder, box, MovingClock())
    app = OpsroomApp(made, Secrets({}), "night", ("tests", 10), lambda: hands)
    async with app.run_test(size=size) as pilot:
        person = Sitting(app, pilot)
        await person.sees("ball", "ARMED")
        yield person, box


async def test_the_outline_shows_procedures_with_their_danger_and_how_they_went(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (110, 30)) as person:
        await person.press("p")
        await person.sees(
            "Toys at night", "Too many kites", "7 steps", "▲ DISRUPTIVE", "never run", "Useful lines", "menu"
        )
        await person.press("slash")
        await person.sees("show procedures that hold")
        await person.press(*"login", "enter")
        await person.sees("holding “login”", "Too many kites")
        await person.sees_no("Useful lines")
        await person.press("escape")
        await person.sees("Useful lines")
        await person.press("d")
        await person.sees("Who to call", "On call", "555-0100")


class Noon(MovingClock):
    """The clock of a day that is not over before a test is."""

    def now(self) -> datetime:
        return datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(seconds=self._ahead)


@pytest.mark.parametrize(
    ("day", "said", "doubted"),
    [
        (date(2025, 1, 25), "400 days ago: is it still so?", True),
        (date(2026, 2, 28), "1 day ago", False),
        (date(2026, 3, 10), "a day that is still to come", True),
    ],
)
async def test_a_runbook_says_how_old_it_is(tmp_path: Path, day: date, said: str, doubted: bool) -> None:
    made = room("shelf", every=0.1, clock=Noon())
    furnished(made, tmp_path, replace(BOOK, reviewed=day))
    async with sitting(made, (110, 30)) as person:
        await person.press("p")
        await person.sees("Toys at night", "Too many kites")
        await (person.sees if doubted else person.sees_no)(f"last gone through on {day}")
        await person.press("d")
        await person.sees(f"it says that somebody last went through it on {day}, {said}")


async def test_without_a_runbook_the_screen_says_how_one_is_named() -> None:
    async with sitting() as person:
        await person.press("p")
        await person.sees('no runbook is named in this profile: runbook = "RUNBOOK.md"')


async def test_a_runbook_that_is_not_there_says_why(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    shelf = furnished(made, tmp_path, BOOK)
    shelf.files[0].unlink()
    async with sitting(made) as person:
        await person.press("p")
        await person.sees("RUNBOOK.md  can't be read: no such file or directory")


async def test_a_procedure_is_gone_through_and_everything_is_kept(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 44)) as person:
        await opened(person)
        await person.sees("7 steps; not begun", "Nothing runs by itself", "Symptoms", "Resolution", "▲ DISRUPTIVE")
        assert runs(person).all() == [], "looking begins nothing"
        await person.press("enter")
        await person.sees("RUN 1 of 7", "step 2", "now  BAD shelf: ▲ kite", "kite is 2 KiB")
        await person.press("enter")
        await person.sees("step 3", "RUN 2 of 7")
        found = only(person).steps[1].last
        assert found is not None
        assert found.judgement is Judgement.BAD
        assert "kite is 2 KiB" in found.value
        assert found.by == "ann"
        await person.press("n")
        await answer(person, "note to this step", "both are blue")
        await person.sees("both are blue")
        await person.press("x")
        await answer(person, "why is this step left out?", "only one way")
        await person.sees("RUN 3 of 7")
        await person.press("e")
        await answer(person, "How does the run end?", "given")
        await answer(person, "given up: in a few words", "wrong night")
        await person.sees("GIVEN UP by ann", "wrong night")
        run = only(person)
        assert run.ended is not None
        assert (run.ended.end, run.ended.words) == (End.GIVEN_UP, "wrong night")
        await person.until(lambda: runs(person).unkept(run.id) == 0, "all is kept")
        await person.press("enter")
        await person.sees("this run was ended by ann")
    later = Runs(MovingClock(), "bob")
    journal = RunJournal(tmp_path / "runs.db", MovingClock())
    journal.serve(later)
    journal.step()
    assert later.all() == [run]
    journal.close()


async def test_of_the_rows_that_are_offered_those_with_an_alert_come_first(tmp_path: Path) -> None:
    async with acting(tmp_path, BOOK) as (person, _):
        person.toy("it").answers = ToyFacts((Thing("ball", 1), Thing("kite", 2048)))
        await person.sees("kite is 2 KiB")
        await opened(person)
        await person.press("j", "j", "j")
        await person.sees("step 4", "$ toy restart -- <name>")
        await person.press("enter")
        await person.sees("name: which?", "ball", "kite")
        assert person.screen().index(" kite ") < person.screen().index(" ball ")
        await person.press("escape")


async def test_a_parameter_is_asked_once_offered_from_rows_and_nothing_runs_without_it(tmp_path: Path) -> None:
    async with acting(tmp_path, BOOK) as (person, box):
        await opened(person)
        await person.press("j", "j", "j")
        await person.sees("step 4", "$ toy restart -- <name>", "needs  name = not filled in")
        await person.press("enter")
        await person.sees("name: which?", "ball", "row of it")
        await person.press("b", "a", "l", "l", "enter")
        await person.sees("restart ball   DISRUPTIVE")
        assert box.requests == []
        assert only(person).values["name"].value == "ball"
        await person.press("escape")
        await person.sees("filled in:", "$ toy restart -- ball", "name = ball")
        assert not only(person).steps[3].over, "what was only looked at is not done"


async def test_a_number_is_typed_and_never_offered(tmp_path: Path) -> None:
    line = command("toy scale --to=<toys-count> -- ball", Sort.ACTION, kind="toy", placeholders=("<toys-count>",))
    more = procedure("More", part("Do", step("More of them", StepKind.ACTION, line)))
    async with acting(tmp_path, runbook(more)) as (person, box):
        await opened(person, row="More")
        await person.press("enter")
        await answer(person, "toys-count? it is asked once", "3")
        await person.sees("scale ball", "to=3")
        assert box.requests == []


async def test_an_act_from_a_step_goes_through_its_dialog_and_its_verdict_is_the_evidence(tmp_path: Path) -> None:
    async with acting(tmp_path, BOOK) as (person, box):
        await opened(person)
        await at_step(person, 4)
        await person.press("enter")
        await answer(person, "name: which?", "kite")
        await person.sees("restart kite   DISRUPTIVE", "toys are not restarted but replaced")
        await confirm(person)
        await person.sees("CONFIRMED")
        await person.press("q")
        await person.sees("good restart kite: CONFIRMED")
        found = only(person).steps[3].last
        assert found is not None
        assert found.judgement is Judgement.GOOD
        assert found.deed == person.room.deeds[-1].id
        assert "toy restart" in found.command
        assert [one[1:] for one in box.requests] == [("restart", "kite")]


async def test_what_comes_of_an_act_is_kept_also_when_nobody_looks_at_the_procedure_any_more(tmp_path: Path) -> None:
    async with acting(tmp_path, BOOK) as (person, box):
        box.fault = "says no"
        await opened(person)
        await at_step(person, 4)
        await person.press("enter")
        await answer(person, "name: which?", "kite")
        await person.sees("restart kite   DISRUPTIVE")
        await confirm(person)
        await leaves(person, 3)
        await person.sees("TOYS")
        await person.until(lambda: only(person).steps[3].over, "the act is evidence")
        found = only(person).steps[3].last
        assert found is not None
        assert found.judgement is Judgement.BAD
        await person.sees("1 run open: p")


async def test_an_act_whose_dialog_was_left_is_none_of_the_step_when_it_is_done_from_elsewhere(tmp_path: Path) -> None:
    async with acting(tmp_path, BOOK) as (person, box):
        await opened(person)
        await at_step(person, 4)
        await person.press("enter")
        await answer(person, "name: which?", "kite")
        await person.sees("restart kite   DISRUPTIVE")
        await person.press("escape")
        await person.sees("filled in:")
        await leaves(person, 2)
        await person.sees("▲ kite is 2 KiB")
        await person.press("o")
        await person.sees("▸ kite")
        await person.press("R")
        await person.sees("restart kite   DISRUPTIVE")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert [one[1:] for one in box.requests] == [("restart", "kite")]
        person.room.procedures.tick(lambda text: None) if person.room.procedures is not None else None
        found = only(person).steps[3]
        assert (found.evidence, found.notes) == ((), ())


async def test_an_act_that_is_under_way_when_the_session_ends_leaves_its_deed_and_that_nobody_knows(
    tmp_path: Path,
) -> None:
    async with acting(tmp_path, BOOK) as (person, box):
        box.patience, box.settles = 10_000, 600.0
        await opened(person)
        await at_step(person, 4)
        await person.press("enter")
        await answer(person, "name: which?", "kite")
        await person.sees("restart kite   DISRUPTIVE")
        await confirm(person)
        await person.until(lambda: bool(box.requests), "the request")
        deed = person.room.deeds[-1]
        began = only(person)
        assert not deed.over
        assert not began.steps[3].over
        assert [note.text for note in began.steps[3].notes] == ["restart kite: under way"]
        await person.until(lambda: runs(person).unkept(began.id) == 0, "it is on disk before the end is known")
    later = Runs(MovingClock(), "bob")
    journal = RunJournal(tmp_path / "runs.db", MovingClock())
    journal.serve(later)
    journal.step()
    there = later.get(began.id)
    assert there is not None
    found = there.steps[3].last
    assert found is not None
    assert (found.judgement, found.deed) == (Judgement.UNKNOWN, deed.id)
    assert found.value == "restart kite: the session ended before it was known what came of it"
    journal.close()


async def test_a_line_that_no_target_takes_says_so_and_stays_a_shell_step(tmp_path: Path) -> None:
    strange = procedure("Strange", part("Do", action("toy dance", danger=Danger.DESTRUCTIVE)))
    async with acting(tmp_path, runbook(strange)) as (person, box):
        await opened(person, row="Strange")
        await person.sees("✕ DESTRUCTIVE", "$ toy dance")
        await person.press("enter")
        await person.sees("it stays a shell step")
        await person.press("enter")
        await answer(person, "copied: run it yourself", "it danced")
        await person.until(lambda: bool(runs(person).all()), "a run")
        found = only(person).steps[0].last
        assert found is not None
        assert (found.value, found.command) == ("it danced", "toy dance")
        assert box.requests == []


async def test_of_several_ways_one_is_picked_and_the_others_are_greyed(tmp_path: Path) -> None:
    ways = procedure(
        "Ways",
        part("Do", step("first", choice="Option A: wait"), step("second", choice="Option B: shout"), step("after all")),
    )
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(ways))
    async with sitting(made, (100, 40)) as person:
        await opened(person, row="Ways")
        await person.press("enter")
        await answer(person, "Which way?", "shout")
        await person.sees("step 2", "Option B: shout", "taken", "not taken")
        run = only(person)
        assert [run.settled(number) for number in range(3)] == [True, False, False]
        await person.press("k")
        await person.sees("step 1", "another way was taken")


async def test_a_timer_begins_shows_what_is_left_and_says_when_it_is_over(tmp_path: Path) -> None:
    clock = MovingClock()
    made = room("shelf", every=0.1, clock=clock)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await person.press("j", "j", "j", "j", "j")
        await person.sees("step 6", "waits 5m00s")
        await person.press("enter")
        await person.sees("left, begun by ann", "◌")
        clock.later(301)
        await person.sees("time is up: Let it settle", "over since")
        await person.press("enter")
        await person.until(lambda: only(person).steps[5].over, "the wait is ticked")


async def test_a_secret_is_never_asked_for_and_its_line_is_copied_as_it_stands(tmp_path: Path) -> None:
    """On a command line of ours it would stand in the list of processes and in the audit."""
    line = shell("toy login <token> --as <name>", placeholders=("<token>", "<name>"))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(procedure("Secret", part("Do", line)), parameters=(TOKEN, NAME)))
    async with sitting(made, (100, 30)) as person:
        await opened(person, row="Secret")
        assert made.procedures is not None
        echo = made.procedures.shell = Echo()
        await person.sees("token = a secret: it is typed where the line is run")
        await person.press("enter")
        await answer(person, "name?", "kite")
        await answer(person, "token is a secret, typed where the line is run: copied", "in")
        await person.sees("RUN 1 of 1")
        assert person.app.clipboard == "toy login <token> --as kite"
        assert echo.works == [], "what runs shell steps is not given it"
        await person.press("u")
        await answer(person, "What the commands need", "token")
        await person.sees("a secret: it is typed where the line is run")


async def test_a_run_of_a_changed_file_names_both_revisions_and_goes_on_with_its_text(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    shelf = furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await person.press("enter")
        await person.sees("RUN 1 of 7")
        edited = replace(
            KITES, parts=(part("Symptoms", KITES.parts[0].steps[0], step("Count them.")), *KITES.parts[1:])
        )
        shelf.change(replace(BOOK, sha256="b" * 64, procedures=(edited,)))
        await leaves(person)
        await person.press("enter")
        await person.sees("the file has changed since this run began (aaaaaaaa then, bbbbbbbb now)", "toy list")
        await person.press("c")
        await person.sees("What has changed", "was  toy list", "now  Count them.")
        await leaves(person)
        await person.press("enter")
        await person.sees("RUN 2 of 7")
        assert [one.sha256[:1] for one in only(person).revisions] == ["a", "b"]


async def test_what_is_not_begun_is_shown_as_the_file_has_it_now(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    shelf = furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        fresh = procedure("Too many kites", part("Now", step("Look up.")))
        shelf.change(replace(BOOK, sha256="b" * 64, procedures=(fresh,)))
        made.procedures.look() if made.procedures is not None else None
        await person.sees("Look up.", "1 step; not begun")


async def test_somebody_else_goes_on_with_a_run_and_holds_it(tmp_path: Path) -> None:
    clock = MovingClock()
    other = Runs(clock, "bob")
    journal = RunJournal(tmp_path / "runs.db", clock)
    journal.serve(other)
    journal.step()
    run = other.begin(KITES, "RUNBOOK.md", BOOK.sha256, (NAME,))
    other.done(run.id, 0)
    journal.step()
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await person.sees("1 run open: p")
        await person.press("p")
        await person.sees("OPEN: 1 of 7, bob")
        await person.press("enter")
        await person.sees("RUN 1 of 7  bob", "step 2")
        await person.press("enter")
        await person.sees("RUN 2 of 7  ann")
        journal.step()
        there = other.get(run.id)
        assert there is not None
        assert (there.holder, there.settled_count) == ("ann", 2)
        await person.press("t")
        await answer(person, "who goes on with it?", "bob")
        await person.sees("RUN 2 of 7  bob")
    journal.close()


async def test_an_alert_leads_to_its_procedure_with_its_labels_as_offers(tmp_path: Path) -> None:
    made = watched_toys()
    named = procedure("Too big", part("Do", shell("toy shrink <name>", placeholders=("<name>",))))
    furnished(made, tmp_path, runbook(named, parameters=(NAME,)))
    async with sitting(made, (100, 44)) as person:
        await person.sees("kite is 2 KiB")
        await person.press("A")
        await person.sees("big kite")
        await person.press("p")
        await person.sees("Too big", "for shelf: kite is 2 KiB", "also called Too big")
        await person.press("enter")
        await person.sees("name: which?", "thing of the alert")
        await person.press("enter")
        await person.sees("copied")
        about = only(person).about.occasion
        assert about is not None
        assert (about.target, about.rule, about.labels) == ("shelf", "big", (("thing", "kite"),))
        assert only(person).values["name"].value == "kite"


async def test_where_a_pid_is_asked_for_nothing_is_offered_that_is_none(tmp_path: Path) -> None:
    made = watched_toys()
    named = procedure("Too big", part("Do", shell("toy end <pid>", placeholders=("<pid>",))))
    furnished(made, tmp_path, runbook(named, parameters=(replace(NAME, name="pid", written=("<pid>",)),)))
    async with sitting(made, (100, 44)) as person:
        await person.sees("kite is 2 KiB")
        await person.press("A")
        await person.sees("big kite")
        await person.press("p")
        await person.sees("Too big", "for shelf: kite is 2 KiB")
        await person.press("enter")
        await person.sees("pid? it is asked once for the whole run; Esc leaves it")


async def test_a_run_for_another_alert_is_gone_on_with_only_when_a_person_says_so(tmp_path: Path) -> None:
    made = watched_toys()
    named = procedure("Too big", part("Do", shell("toy shrink <name>", placeholders=("<name>",)), step("Look.")))
    furnished(made, tmp_path, runbook(named, parameters=(NAME,)))
    async with sitting(made, (100, 44)) as person:
        about = Occasion("another", "attic", "big", "bear is 3 KiB", (("thing", "bear"),))
        other = runs(person).begin(named, "RUNBOOK.md", "a" * 64, (NAME,), about)
        runs(person).give(other.id, "name", "bear")
        await person.sees("kite is 2 KiB")
        await person.press("A")
        await person.sees("big kite")
        await person.press("p")
        await person.sees("A run of it goes on, for something else", "go on with the run for attic: bear is 3 KiB")
        await points(person, "down")
        await person.press("enter")
        await person.sees("not begun", "for shelf: kite is 2 KiB")
        await at_step(person, 2)
        await person.press("enter")
        await person.sees("RUN 1 of 2")
        assert len(runs(person).open()) == 2
        await person.press("q")
        await person.sees("big kite")
        await person.press("p")
        await person.sees("RUN 1 of 2", "for shelf: kite is 2 KiB")


async def test_procedures_of_one_title_have_each_their_own_runs(tmp_path: Path) -> None:
    redis = procedure("Restart", part("Do", step("Stop the cache.")), line=10, path=("Redis",))
    postgres = procedure("Restart", part("Do", step("Stop the database.")), line=20, path=("Postgres",))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(redis, postgres))
    async with sitting(made, (100, 30)) as person:
        await opened(person, row="Restart")
        await person.sees("Stop the cache.")
        await person.press("enter")
        await person.sees("RUN 1 of 1")
        await person.press("q")
        await person.sees("OPEN: 1 of 1, ann", "never run")
        await points(person, "j")
        await person.press("enter")
        await person.sees("Stop the database.", "not begun")


async def test_an_alert_without_a_procedure_lets_one_choose(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 30)) as person:
        await person.sees("kite is 2 KiB")
        await person.press("A")
        await person.sees("Alerts  1 waiting")
        await person.press("p")
        await person.sees("no procedure is named for big: choose one", "Too many kites")
        await person.press("enter")
        await person.sees("for shelf: kite is 2 KiB")


async def test_a_procedure_of_another_place_is_still_copied(tmp_path: Path) -> None:
    made = watched_toys()
    furnished(made, tmp_path, runbook(procedure("Another", part("x", step("y")))))
    async with sitting(made, (100, 30)) as person:
        await person.sees("kite is 2 KiB")
        await person.press("A")
        await person.sees("big kite")
        await person.press("p")
        await person.sees("https://wiki.example/shrink", "copied")


async def test_the_commands_name_every_procedure_and_the_runs_that_go_on(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 30)) as person:
        await opened(person)
        await person.press("enter")
        await person.sees("RUN 1 of 7")
        await leaves(person, 2)
        await person.press("colon")
        await person.sees("type to narrow")
        await person.press("k", "i", "t", "e", "s")
        await person.sees("Too many kites", "run: 1 of 7, ann")
        await person.press("enter")
        await person.sees("RUN 1 of 7")


async def test_a_menu_keeps_no_record_and_is_never_run_as_a_whole(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 30)) as person:
        await person.press("p")
        await person.sees("Useful lines")
        await points(person, "j")
        await person.press("enter")
        await person.sees("a menu: pick what you need", "toy count")
        await person.press("enter")
        await person.sees("copied: run it yourself")
        await at_step(person, 2)
        await person.press("enter")
        await answer(person, "name?", "ball")
        await person.sees("$ toy smash ball")
        await person.press("n")
        await person.sees("a menu keeps no record")
        assert runs(person).all() == []


async def test_who_only_looks_reads_procedures_and_changes_nothing(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    made.undecided_because = "looking only: it was opened with --read-only"
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await person.press("j")
        await person.sees("now  BAD shelf: ▲ kite")
        for key in ("enter", "n", "x", "e", "t"):
            await person.press(key)
            await person.sees("looking only: it was opened")
        assert runs(person).all() == []


async def test_a_target_that_does_not_answer_makes_its_reading_unknown(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await person.press("j")
        await person.sees("now  BAD")
        person.toy().answers = ProbeError(Cause.DENIED, "the shelf is locked")
        await person.sees("now  unknown", "no fresh reading")
        await person.press("enter")
        await person.until(lambda: bool(runs(person).all()), "a run")
        found = only(person).steps[1].last
        assert found is not None
        assert found.judgement is Judgement.UNKNOWN


async def test_a_reading_of_something_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    lost = procedure("Lost", part("Do", reading("toy list bear", "bear"), reading("toy list", "deployment/ball")))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(lost))
    async with sitting(made, (100, 40)) as person:
        person.toy().answers = ToyFacts((Thing("ball", 1),))
        await person.sees_no("kite")
        await opened(person, row="Lost")
        await person.sees("now  unknown shelf: 1 things", "no row of that name: bear")
        await person.press("enter")
        await person.sees("RUN 1 of 2", "now  good shelf: ● ball")
        found = only(person).steps[0].last
        assert found is not None
        assert found.judgement is Judgement.UNKNOWN


async def test_where_no_rule_looks_a_reading_is_not_called_good(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    engine = made.engine
    made.engine = Engine([Watched(engine.probe("shelf"), ())], engine.clock)
    furnished(made, tmp_path, runbook(procedure("Calm", part("Do", reading("toy list", "ball")))))
    async with sitting(made, (100, 40)) as person:
        await opened(person, row="Calm")
        await person.sees("now  shelf: ")
        await person.press("enter")
        await person.until(lambda: bool(runs(person).all()), "a run")
        found = only(person).steps[0].last
        assert found is not None
        assert found.judgement is Judgement.NONE


async def test_what_a_frozen_picture_shows_is_no_evidence(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await person.press("j")
        await person.sees("now  BAD")
        await person.press("f")
        await person.sees("FROZEN since", "the picture stands still: it is not kept")
        await person.press("enter")
        await person.sees("what it shows is no evidence: f lets it go")
        assert runs(person).all() == []
        await person.press("f")
        await person.sees_no("FROZEN")
        await person.press("enter")
        await person.sees("RUN 1 of 7")


@pytest.mark.parametrize(
    "secret",
    [
        "postgres://u:hunter2secret@h/db",
        "https://hooks.example/services/T01/B02/k9Xw3nQ7rT5vY1zA8bC4dE6f",
        "known-word",
    ],
)
async def test_a_value_that_holds_a_secret_is_neither_offered_nor_filled_in_whatever_its_name_is(
    tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", secret)
    line = shell("toy call $PLACE", placeholders=("$PLACE",))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(procedure("Call", part("Do", line))), mask=lambda text: text.replace("known", ""))
    async with sitting(made, (100, 30)) as person:
        await opened(person, row="Call")
        await person.press("enter")
        await person.sees("PLACE? it is asked once for the whole run")
        assert secret not in person.screen()
        await person.press(*secret, "enter")
        await person.sees("PLACE: it holds a secret, which is typed where the line is run")
        assert runs(person).all() == []
        monkeypatch.setenv("PLACE", "toy://attic/2")
        await person.press("enter")
        await person.sees("PLACE: which?", "toy://attic/2", "$PLACE of this session")


async def test_a_runbook_that_cannot_be_made_out_says_so_and_stops_no_other(tmp_path: Path) -> None:
    def read(name: str, data: bytes) -> Runbook:
        if data == b"deep":
            raise RecursionError
        return replace(BOOK, path=name)

    files = [tmp_path / "DEEP.md", tmp_path / "GOOD.md"]
    for file, text in zip(files, ("deep", "good"), strict=True):
        await asyncio.to_thread(file.write_text, text)
    there = Procedures(files, Runs(MovingClock(), "ann"), None, read, str(tmp_path / "opsroom.toml"))
    await there.read()
    assert there.troubles == {"DEEP.md": "it can't be made out (RecursionError)"}
    assert [book.path for book in there.books] == ["GOOD.md"]
    there.close()


async def test_a_runbook_that_went_and_came_back_as_it_was_is_read_again(tmp_path: Path) -> None:
    file, aside = tmp_path / "RUNBOOK.md", tmp_path / "aside"
    await asyncio.to_thread(file.write_text, "x")
    read = lambda name, data: replace(BOOK, path=name)  # noqa: E731
    there = Procedures([file], Runs(MovingClock(), "ann"), None, read, str(tmp_path / "opsroom.toml"))
    await there.read()
    file.rename(aside)
    await there.read()
    assert there.troubles == {"RUNBOOK.md": "no such file or directory"}
    aside.rename(file)
    await there.read()
    assert there.troubles == {}
    there.close()


async def test_threads_that_are_all_held_are_said_of_each_file(tmp_path: Path) -> None:
    held = threading.Event()

    def read(name: str, data: bytes) -> Runbook:
        held.wait(30)
        return replace(BOOK, path=name)

    file = tmp_path / "RUNBOOK.md"
    await asyncio.to_thread(file.write_text, "x")
    there = Procedures([file], Runs(MovingClock(), "ann"), None, read, str(tmp_path / "opsroom.toml"))
    waiting = [asyncio.create_task(there._lane.run(read, "x", b"")) for _ in range(there._lane.limit)]
    await asyncio.sleep(0)
    await there.read()
    assert "no answer" in there.troubles["RUNBOOK.md"]
    assert not there.loading
    held.set()
    await asyncio.gather(*waiting)
    there.close()


async def test_runs_that_cannot_be_kept_are_said(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    (tmp_path / "runs.db").mkdir()
    async with sitting(made, (100, 40)) as person:
        await person.sees("runs NOT KEPT: p")
        await opened(person)
        await person.press("enter")
        await person.sees("2 NOT KEPT YET")


class Echo:
    """Runs shell steps, for tests: every one says what it was given."""

    def __init__(self) -> None:
        self.works: list[ShellWork] = []
        self.deeds: list[Deed] = []
        self.ticks = 0
        self.why = ""

    def refused(self, work: ShellWork) -> str:
        return self.why

    def take(self, deed: Deed) -> None:
        self.deeds.append(deed)

    def tick(self) -> None:
        self.ticks += 1

    def close(self) -> None:
        self.works.clear()

    def open(
        self, screen: RoomScreen, work: ShellWork, begun: Callable[[Deed], None], ended: Callable[[ShellEnd], None]
    ) -> None:
        self.works.append(work)
        ended(ShellEnd("exit code 0", "logged in\n", Judgement.GOOD, {"COLOUR": "xyzzy"}, "/srv/toys"))


async def test_what_a_shell_step_sets_is_carried_to_those_after_it(tmp_path: Path) -> None:
    later = shell("toy count $COLOUR", uses=("COLOUR",))
    first = shell("cd /srv/toys && COLOUR=$(toy mix)", sets=("COLOUR",), folder="/srv/toys")
    carrying = procedure("Carry", part("Do", first, later, KITES.parts[1].steps[2]))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(carrying))
    async with sitting(made, (100, 30)) as person:
        await opened(person, row="Carry")
        assert made.procedures is not None
        echo = made.procedures.shell = Echo()
        await person.press("j")
        await person.sees("takes COLOUR, which no step has set in this session")
        await person.press("k")
        await person.sees("step 1")
        await person.press("enter")
        await person.sees("good exit code 0", "logged in")
        await person.press("j")
        await person.sees_no("takes COLOUR")
        await person.press("enter")
        await person.until(lambda: len(echo.works) == 2, "the second step")
        assert echo.works[1].environment == {"COLOUR": "xyzzy"}
        assert echo.works[1].folder == "/srv/toys"
        assert echo.works[1].command == later.command, "nothing is put into the text of a shell step"
        echo.why = "the file is not approved"
        await person.press("enter")
        await person.sees("the file is not approved: copied")
        await person.until(lambda: echo.ticks > 0, "it is told of each second")
        await person.press("escape")
        await person.sees("? help")
        await person.press("j")
        await person.sees("step 3", "TOKEN is a secret")
        await person.press("enter")
        await person.sees("TOKEN is a secret, which would be kept in the audit: copied")
        assert len(echo.works) == 2


async def test_what_the_screen_says_of_enter_is_what_enter_does(tmp_path: Path) -> None:
    """A reading that nothing here shows, and an action that nothing here takes, end where a line for a shell does."""
    far = reading("other list", kind="net")
    lacking = step("ask", StepKind.READING, command("other <name>", Sort.READING, kind="net", placeholders=("<name>",)))
    there, dance = shell("cd /srv/toys", folder="/srv/toys"), action("toy dance")
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(procedure("Far", part("Do", far, lacking, there, dance)), parameters=(NAME,)))
    async with sitting(made, (160, 30)) as person:
        await opened(person, row="Far")
        assert made.procedures is not None
        made.procedures.shell = None
        await person.sees("Enter copies it: no target here shows it")
        await person.press("j")
        await person.sees("Enter asks for what is missing first")
        echo = made.procedures.shell = Echo()
        await person.press("j")
        await person.sees("Enter takes the steps after it to that folder")
        await person.press("k", "k")
        await person.sees("Enter shows what would be run, guarded: no target here shows it")
        await person.press("enter")
        await person.until(lambda: len(echo.works) == 1, "it is handed on")
        await person.press("G")
        await person.sees("step 4", "Enter shows what would be run")
        echo.why = "it is not approved"
        await person.press("g")
        await person.sees("step 1")
        await person.press("G")
        await person.sees("Enter copies it: it is not approved")


async def test_a_line_with_control_characters_is_not_copied(tmp_path: Path) -> None:
    nasty = procedure("Nasty", part("Do", shell("toy count\x1b[2J\x1b]52;c;eA==\x07")))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(nasty))
    async with sitting(made, (100, 30)) as person:
        await opened(person, row="Nasty")
        await person.press("enter")
        await person.sees("control characters, which a terminal would obey")
        assert "\x1b" not in person.screen()


async def test_y_copies_no_control_characters_either(tmp_path: Path) -> None:
    nasty = procedure("Nasty", part("Do", shell("toy count\x1b[2J\x1b]52;c;eA==\x07")))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(nasty))
    async with sitting(made, (100, 30)) as person:
        await opened(person, row="Nasty")
        await person.press("y")
        await person.sees("control characters, which a terminal would obey")
        assert person.app.clipboard == ""


async def test_y_copies_the_line_and_h_tells_how_it_went_before(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await at_step(person, 2)
        await person.press("y")
        await person.sees("copied 1 line, 8 B")
        assert person.app.clipboard == "toy list"
        await person.press("enter")
        await person.sees("RUN 1 of 7")
        await person.press("e")
        await answer(person, "How does the run end?", "solved")
        await answer(person, "solved: in a few words", "wind")
        await person.sees("SOLVED by ann")
        await person.press("h")
        await person.sees("Runs of Too many kites", "run 1 time: 1 solved", "wind")
        await leaves(person, 2)
        await person.sees("solved", "ago, ann")
        await person.press("enter")
        await person.sees("7 steps; not begun")


LINES = """# Toys

## Kites are stuck

```bash
# Look who flies
docker compose ps kite
```

## Balls are flat

```bash
# Pump them up
docker compose restart ball
```
"""


@pytest.mark.parametrize("largest", [1 << 20, 10])
async def test_a_file_is_read_as_it_stands_a_very_large_one_when_its_procedure_is_opened(
    tmp_path: Path, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "LARGE", largest)
    made = room("shelf", every=0.1)
    file = tmp_path / "RUNBOOK.md"
    await asyncio.to_thread(file.write_text, LINES)
    runs_here = Runs(made.engine.clock, "ann")
    made.make_procedures = lambda: Procedures([file], runs_here, None, beside=str(tmp_path / "opsroom.toml"))
    async with sitting(made, (100, 30)) as person:
        await person.press("p")
        await person.sees("Kites are stuck", "Balls are flat")
        await points(person, "j")
        await person.press("enter")
        await person.sees("step 1", "Pump them up", "$ docker compose restart ball", "▲ DISRUPTIVE")
    assert await asyncio.to_thread(file.read_text) == LINES, "the file is never changed"


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_it_is_of_use_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, size) as person:
        await opened(person)
        await person.press("j", "j", "j")
        await person.sees("step 4", "▲ DISRUPTIVE", "toy restart -- <name>", "needs  name", "Start it anew")
        if size[1] > 15:
            await person.sees("TOYS shelf")


async def test_the_step_under_the_cursor_stays_in_sight_whatever_room_the_list_has(tmp_path: Path) -> None:
    long = procedure("Long", part("Do", *(step(f"step of {n}", text="word " * (n % 4) * 40) for n in range(12))))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(long))
    async with sitting(made, (60, 15)) as person:
        await opened(person, row="Long")
        for number in range(1, 12):
            await person.press("j")
            await person.sees(f"step {number + 1}  note", f"{number + 1:>2} step of {number}")
            listed = [row for row in person.screen().splitlines() if row.startswith("    ") and "step of" in row]
            assert len(listed) == len(set(listed)), "no line stands there twice"
        await person.press("G")
        await person.sees("step 12")
        await person.press("g")
        await person.sees("step 1  note", " 1 step of 0")


def test_every_kind_of_step_says_what_enter_does() -> None:
    from widgets.procedure import _ENTER, DANGER

    assert set(_ENTER) == set(StepKind)
    assert set(DANGER) == set(Danger)


async def test_a_line_of_another_world_is_offered_on_what_bears_the_name_here_and_only_when_picked(
    tmp_path: Path,
) -> None:
    restart = action("docker compose restart kite", kind="docker", verb=Verb.RESTART, system="compose", target="kite")
    async with acting(tmp_path, runbook(procedure("Elsewhere", part("Do", restart)))) as (person, box):
        await opened(person, row="Elsewhere")
        await person.press("enter")
        await person.sees("compose is not in this profile. The same here?", "restart kite")
        assert box.requests == []
        await person.press("enter")
        await person.sees("restart kite   DISRUPTIVE", "which is not in this profile")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert [one[1:] for one in box.requests] == [("restart", "kite")]


async def test_after_a_way_is_picked_the_cursor_is_at_its_first_step(tmp_path: Path) -> None:
    steps = (step("Which way", StepKind.DECISION), step("first", choice="Option A"), step("second", choice="Option B"))
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(procedure("Ways", part("Do", *steps))))
    async with sitting(made, (100, 40)) as person:
        await opened(person, row="Ways")
        await person.press("enter")
        await answer(person, "Which way?", "Option B")
        await person.sees("step 3")


PROMISED = "it takes all toys at once; here one goes after the other"
"""A warning that says what is wrong with a line, and what is done instead."""


async def test_what_is_done_instead_of_a_line_is_told_only_where_it_is_done(tmp_path: Path) -> None:
    more = {"warning": PROMISED, "becomes": "toy restart -- kite"}
    secret = action("toy anew <token>", placeholders=("<token>",), **more)
    steps = (
        action("toy anew kite", **more),
        shell("toy anew all", **more),
        reading("other", kind="net", **more),
        secret,
    )
    book = runbook(procedure("Promises", part("Do", *steps)), parameters=(TOKEN,))
    async with acting(tmp_path, book) as (person, _):
        await opened(person, row="Promises")
        await person.sees("step 1", PROMISED, "becomes  toy restart -- kite")
        for number in (2, 3, 4):
            await person.press("j")
            await person.sees(f"step {number}", "! it takes all toys at once")
            await person.sees_no("here one goes")
            assert "becomes" not in person.screen()


async def test_where_nothing_may_be_done_no_line_is_said_to_become_another(tmp_path: Path) -> None:
    anew = action("toy anew kite", warning=PROMISED, becomes="toy restart -- kite")
    made = room("shelf", every=0.1)
    made.read_only_because = "opened with --read-only"
    furnished(made, tmp_path, runbook(procedure("Promises", part("Do", anew))))
    async with sitting(made, (100, 40)) as person:
        await opened(person, row="Promises")
        await person.sees("! it takes all toys at once")
        assert "here one goes" not in person.screen()
        assert "becomes" not in person.screen()


async def test_a_line_that_no_target_takes_is_done_as_what_it_becomes_filled_in(tmp_path: Path) -> None:
    anew = action("toy anew <name>", becomes="toy restart -- <name>", placeholders=("<name>",))
    async with acting(tmp_path, runbook(procedure("Anew", part("Do", anew)), parameters=(NAME,))) as (person, box):
        await opened(person, row="Anew")
        await person.sees("step 1", "becomes  toy restart -- <name>")
        await person.press("enter")
        await answer(person, "name: which?", "kite")
        await person.sees("restart kite   DISRUPTIVE", "toys are not restarted but replaced")
        await confirm(person)
        await person.sees("CONFIRMED")
        assert [one[1:] for one in box.requests] == [("restart", "kite")]


async def test_what_a_target_takes_as_it_is_written_is_not_done_as_something_else(tmp_path: Path) -> None:
    wind = action("toy wind -- kite", becomes="toy smash -- kite", danger=Danger.REVERSIBLE)
    async with acting(tmp_path, runbook(procedure("Wind", part("Do", wind)))) as (person, _):
        await opened(person, row="Wind")
        await person.sees("step 1")
        await person.press("enter")
        await person.sees("wind up kite")
        assert "smash kite" not in person.screen()


async def test_a_line_that_becomes_nothing_known_here_is_copied_as_it_is_written(tmp_path: Path) -> None:
    dance = action("toy dance kite", becomes="toy waltz kite", warning=PROMISED)
    async with acting(tmp_path, runbook(procedure("Dance", part("Do", dance)))) as (person, _):
        await opened(person, row="Dance")
        await person.sees("step 1", PROMISED)
        await person.press("enter")
        await person.sees("it stays a shell step")
        await person.sees_no("here one goes")
        assert "becomes" not in person.screen()
        await person.press("enter")
        await person.sees("copied: run it yourself")
        assert person.app.clipboard == "toy dance kite"


@pytest.mark.parametrize(
    ("warning", "flaw"),
    [
        (PROMISED, "it takes all toys at once"),
        ("it is forgotten at the next start. Here it stays", "it is forgotten at the next start"),
        ("Here one goes after the other", ""),
        ("it waits for ever, here for 60 s", "it waits for ever"),
        ("the output is in bytes; Opsroom shows it as a person would", "the output is in bytes"),
        ("version 1.2 is old, and often absent; version 2 is meant here", "version 1.2 is old, and often absent"),
        ("it never ends; < /dev/null ends it, and here it ends by itself", "it never ends"),
        ("it must be there; name, size and age are shown here anyway", "it must be there"),
        (
            "what it holds is not seen here: it goes on after an error",
            "what it holds is not seen here: it goes on after an error",
        ),
        ("there is no way back", "there is no way back"),
        ("it asks where hereditary toys are; and adheres", "it asks where hereditary toys are; and adheres"),
        ("", ""),
    ],
)
def test_what_a_line_gets_wrong_is_told_without_what_is_done_instead(warning: str, flaw: str) -> None:
    assert command("x", warning=warning).flaw == flaw


async def test_a_step_stays_under_the_cursor_when_the_file_puts_others_before_it(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    made_of = [step("Look up."), step("Count them."), step("Tell Ann.")]
    shelf = furnished(made, tmp_path, runbook(procedure("Sky", part("Do", *made_of))))
    async with sitting(made, (100, 40)) as person:
        await opened(person, row="Sky")
        await person.press("j")
        await person.sees("step 2", "3 steps; not begun")
        longer = procedure("Sky", part("Do", step("Sit down."), *made_of))
        shelf.change(runbook(longer, sha256="b" * 64))
        assert made.procedures is not None
        made.procedures.look()
        await person.sees("Sit down.", "4 steps; not begun", "step 3")
        await person.press("enter")
        await person.sees("RUN 1 of 4")
        assert [one.over for one in only(person).steps] == [False, False, True, False]


@pytest.mark.parametrize(
    ("key", "meant"), [("enter", "RUN 1 of 2"), ("x", "why is this step left out?"), ("n", "note")]
)
async def test_a_step_that_the_file_put_under_the_cursor_is_not_done_by_a_key_for_the_one_before(
    tmp_path: Path, key: str, meant: str
) -> None:
    made = room("shelf", every=0.1)
    shelf = furnished(made, tmp_path, runbook(procedure("Sky", part("Do", step("Look up."), step("Count them.")))))
    async with sitting(made, (100, 40)) as person:
        await opened(person, row="Sky")
        await person.press("j")
        await person.sees("step 2")
        other = procedure("Sky", part("Do", step("Look up."), step("Cut all strings.")))
        shelf.change(runbook(other, sha256="b" * 64))
        assert made.procedures is not None
        made.procedures.look()
        await person.sees("Cut all strings.")
        await person.press(key)
        await person.sees("the file has changed under the cursor, and nothing was done")
        assert runs(person).all() == []
        await person.press(key)
        await person.sees(meant)


async def test_a_wait_that_was_ended_is_not_ended_twice(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, runbook(procedure("Wait", part("Do", step("Settle", StepKind.TIMER, seconds=300.0)))))
    async with sitting(made, (100, 40)) as person:
        await opened(person, row="Wait")
        await person.press("enter")
        await person.sees("left, begun by ann")
        await person.press("enter")
        await person.sees("early", "every step is settled")
        await person.press("enter")
        await person.sees("waited already by ann")
        assert len(only(person).steps[0].evidence) == 1


async def test_what_was_found_says_on_which_day_and_how_long_ago(tmp_path: Path) -> None:
    clock = MovingClock()
    made = room("shelf", every=0.1, clock=clock)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (120, 40)) as person:
        await opened(person)
        await person.press("enter")
        await person.sees("RUN 1 of 7")
        await person.press("k")
        await person.sees("step 1", " ago, ann")
        day = f"{only(person).at:%Y-%m-%d}"
        assert day not in person.screen()
        clock.later(2 * 86400)
        await person.sees(f"✓ {day}", "2d00h ago, ann", f"since {day}")


async def test_what_is_bad_or_unknown_is_not_ticked(tmp_path: Path) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await person.press("j")
        await person.sees("step 2", "now  BAD")
        await person.press("enter")
        await person.sees("RUN 1 of 7")

        await person.press("g")
        await person.sees("step 1")
        await person.press("j")
        await person.sees("step 2", "ann  BAD shelf")
        (proof,) = [row for row in person.screen().splitlines() if "ago, ann" in row]
        assert "✕" in proof
        assert "✓" not in proof


async def test_what_a_line_of_a_menu_came_to_is_said_also_when_nobody_looks_at_the_menu_any_more(
    tmp_path: Path,
) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 30)) as person:
        await person.press("p")
        await person.sees("Useful lines")
        await points(person, "j")
        await person.press("enter")
        await person.sees("a menu: pick what you need")
        menu = person.app.screen
        assert isinstance(menu, ProcedureScreen)
        await leaves(person, 2)
        await person.sees("TOYS")
        menu.record(0, "exit code 1")
        await person.sees("exit code 1")


async def test_the_details_of_a_step_show_what_is_read_now_and_not_what_was_when_they_were_opened(
    tmp_path: Path,
) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        await person.press("j")
        await person.sees("step 2", "now  BAD", "kite is 2 KiB")
        await person.press("d")
        await person.sees("Step 2: toy list", "kite is 2 KiB")
        person.toy().answers = ToyFacts((Thing("ball", 1), Thing("kite", 7)))
        await person.sees("Step 2: toy list", "now  good")
        await person.sees_no("kite is 2 KiB")
        person.toy().answers = ProbeError(Cause.DENIED, "the shelf is locked")
        await person.sees("Step 2: toy list", "now  unknown", "no fresh reading")


async def test_what_an_alert_said_is_told_with_how_long_ago_that_was(tmp_path: Path) -> None:
    clock = MovingClock()
    made = room("shelf", every=0.1, clock=clock)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 30)) as person:
        await person.sees("kite is 2 KiB")
        await person.press("A")
        await person.sees("Alerts  1 waiting")
        await person.press("p")
        await person.sees("choose one", "Too many kites")
        await person.press("enter")
        await person.sees("for shelf: kite is 2 KiB", "(so it was when this was opened, ")
        await person.press("enter")
        await person.sees("RUN 1 of 7", "so it was when the run began, ")
        clock.later(7200)
        await person.sees("so it was when the run began, 2h00m ago)")


@pytest.mark.parametrize("seen", [False, True], ids=["in one burst", "while the line opens"])
async def test_letters_that_come_with_the_key_that_opens_a_line_are_typed_and_are_no_commands(
    tmp_path: Path, seen: bool
) -> None:
    made = room("shelf", every=0.1)
    furnished(made, tmp_path, BOOK)
    async with sitting(made, (100, 40)) as person:
        await opened(person)
        person.app.post_message(Key("n", "n"))
        if seen:
            await asyncio.sleep(0)
        for letter in "exit 3, utterly quiet":
            person.app.post_message(Key("space" if letter == " " else letter, letter))
        person.app.post_message(Key("enter", "\r"))
        await person.sees("RUN 0 of 7", "exit 3, utterly quiet")
        (note,) = only(person).steps[0].notes
        assert note.text == "exit 3, utterly quiet"
        assert only(person).open
