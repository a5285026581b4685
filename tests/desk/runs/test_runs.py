"""Runs of procedures: folded from records in any order, in several sessions, and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.codec import CodecError
from desk.runbook.book import Part, StepKind
from desk.runs import runs as desk_runs
from desk.runs.filling import bare, filled, fits, names, needed
from desk.runs.journal import RunJournal
from desk.runs.record import End, Given, Judgement, Occasion, Record, What, capped, read, written
from desk.runs.revision import Change, changes, moved, same
from desk.runs.run import Run, folded
from desk.runs.runs import RunError, Runs
from desk.runs.ways import forks
from desk.store import FileStore, Row, StoreError
from tests.desk.inboxes import START, HandClock
from tests.desk.procedures import KITES, NAME, TOKEN, command, part, procedure, runbook, step

SHA, OTHER = "a" * 64, "b" * 64
PATH = "/srv/RUNBOOK.md"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


class Desk:
    """One person's session: its runs and their way to the file."""

    def __init__(self, folder: Path, clock: HandClock, who: str = "ann", mask: Callable[[str], str] = str) -> None:
        self.runs = Runs(clock, who, mask)
        self.journal = RunJournal(folder / "runs.db", clock, mask)
        self.journal.serve(self.runs)
        self.journal.step()


def begun(runs: Runs) -> Run:
    return runs.begin(KITES, PATH, SHA, (NAME, TOKEN), Occasion("case", "it", "many", "3 things", (("thing", "kite"),)))


def test_a_run_tells_what_was_done_by_whom_and_how_it_ended(clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    run = begun(runs).id
    runs.done(run, 0)
    clock.passed += 60
    runs.done(run, 1, "3 kites", "a\nb\nc", Judgement.BAD, "toy list")
    runs.note(run, 1, "one is red")
    runs.skip(run, 4, "no need to log in")
    runs.note(run, None, "windy")
    there = runs.get(run)
    assert there is not None
    assert (there.by, there.holder, there.open, there.next, there.settled_count) == ("ann", "ann", True, 2, 3)
    found = there.steps[1].last
    assert found is not None
    assert (found.value, found.output, found.judgement, found.by) == ("3 kites", "a\nb\nc", Judgement.BAD, "ann")
    assert found.at == START + timedelta(seconds=60)
    assert there.steps[1].notes[0].text == "one is red"
    assert there.steps[4].skipped is not None
    assert there.steps[4].skipped.text == "no need to log in"
    assert [note.text for note in there.notes] == ["windy"]
    assert there.about.occasion is not None
    assert there.about.occasion.labels == (("thing", "kite"),)
    runs.end(run, End.SOLVED, "reeled in")
    there = runs.get(run)
    assert there is not None
    assert there.ended is not None
    assert (there.ended.end, there.ended.words, int(there.seconds or 0)) == (End.SOLVED, "reeled in", 60)
    with pytest.raises(RunError, match="was ended by ann: solved"):
        runs.done(run, 2)
    assert runs.open() == []


def test_what_is_left_out_needs_a_reason_and_what_is_done_later_counts_more(clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    run = begun(runs).id
    with pytest.raises(RunError, match="without a reason"):
        runs.skip(run, 0, "  ")
    runs.skip(run, 0, "seen already")
    runs.done(run, 0)
    there = runs.get(run)
    assert there is not None
    assert there.steps[0].skipped is None
    assert there.steps[0].over
    with pytest.raises(RunError, match="no such step"):
        runs.done(run, 99)
    with pytest.raises(RunError, match="not known here"):
        runs.done("nobody's", 0)


def test_of_several_ways_the_steps_of_the_others_are_not_waited_for(clock: HandClock) -> None:
    ways = procedure(
        "Ways",
        part(
            "Do",
            step("Which?", StepKind.DECISION),
            step("restart", choice="Option A: restart"),
            step("scale", choice="Option B: scale out"),
            step("scale more", choice="Option B: scale out"),
            step("after"),
        ),
        part("Or", step("if full", choice="If it is full"), step("last")),
    )
    first, second = forks(ways)
    assert (first.at, first.names) == (0, ("Option A: restart", "Option B: scale out"))
    assert (second.at, second.ways) == (5, {5: "If it is full"})
    runs = Runs(clock, "ann")
    run = runs.begin(ways, PATH, SHA).id
    runs.choose(run, 0, "Option B: scale out")
    there = runs.get(run)
    assert there is not None
    assert [there.settled(number) for number in range(7)] == [True, True, False, False, False, False, False]
    runs.choose(run, 5, "")
    there = runs.get(run)
    assert there is not None
    assert there.missed(5)
    runs.choose(run, 5, "If it is full")
    there = runs.get(run)
    assert there is not None
    assert not there.settled(5), "a way that is taken has still to be gone"


def test_a_timer_rings_once_in_a_session_and_not_when_its_step_is_over(clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    run = begun(runs).id
    runs.start_timer(run, 5, clock.now() + timedelta(seconds=300))
    assert runs.rings() == []
    clock.passed += 299
    there = runs.get(run)
    assert there is not None
    assert there.steps[5].timer is not None
    assert there.steps[5].timer.left(clock.now()) == 1.0
    clock.passed += 1
    assert [(one.id, number) for one, number in runs.rings()] == [(run, 5)]
    assert runs.rings() == []
    runs.start_timer(run, 5, clock.now() + timedelta(seconds=60))
    runs.done(run, 5)
    clock.passed += 61
    assert runs.rings() == []


def test_secrets_and_variables_stay_in_memory_and_are_in_no_record(tmp_path: Path, clock: HandClock) -> None:
    desk = Desk(tmp_path, clock, mask=lambda text: text.replace("hunter2", "…"))
    run = begun(desk.runs).id
    desk.runs.give(run, "token", "swordfish")
    desk.runs.give(run, "name", "kite")
    desk.runs.carry(run, 4, {"TOKEN": "xyzzy"}, "/srv/toys")
    desk.runs.done(run, 4, "logged in", "the word is hunter2", command="toy login hunter2")
    desk.journal.step()
    assert desk.runs.values(run) == {"token": "swordfish", "name": "kite"}
    assert desk.runs.environment(run) == {"TOKEN": "xyzzy"}
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (b"swordfish", b"xyzzy", b"hunter2"):
        assert secret not in held
    assert (tmp_path / "runs.db").stat().st_mode & 0o077 == 0
    other = Desk(tmp_path, clock, "bob")
    there = other.runs.get(run)
    assert there is not None
    assert there.values["token"] == Given("token", "", True)
    assert (there.sets, there.folder) == ({"TOKEN": 4}, "/srv/toys")
    assert other.runs.values(run) == {"name": "kite"}, "a secret is asked for again in another session"
    assert other.runs.environment(run) == {}


def test_a_name_that_happens_to_be_a_secret_stays_the_name_it_is(tmp_path: Path, clock: HandClock) -> None:
    """Of a title or a parameter nothing is taken out: the run would not be known as one of its procedure any more."""
    desk = Desk(tmp_path, clock, mask=lambda text: text.replace("kite", "…").replace("name", "…"))
    run = begun(desk.runs).id
    desk.runs.give(run, "name", "a kite")
    desk.journal.close()
    there = Desk(tmp_path, clock, "bob").runs
    assert there.past(PATH, KITES.title).times == 1
    assert there.values(run) == {"name": "a …"}


def test_two_sessions_see_one_run_and_each_record_counts_once(tmp_path: Path, clock: HandClock) -> None:
    ann, bob = Desk(tmp_path, clock, "ann"), Desk(tmp_path, clock, "bob")
    run = begun(ann.runs).id
    ann.runs.done(run, 0)
    assert ann.runs.unkept(run) == 2, "what the disk has not taken is not shown as kept"
    ann.journal.step()
    bob.journal.step()
    assert ann.runs.unkept(run) == 0
    clock.passed += 5
    bob.runs.done(run, 1, "2 kites")
    bob.journal.step()
    ann.journal.step()
    ann.journal.step()
    seen = [desk.runs.get(run) for desk in (ann, bob)]
    assert seen[0] == seen[1]
    assert seen[0] is not None
    assert seen[0].people == ("ann", "bob")
    assert seen[0].holder == "bob", "who goes on with another's run holds it"
    assert len(seen[0].steps[0].evidence) == 1


def test_a_killed_session_loses_nothing_that_was_kept(tmp_path: Path, clock: HandClock) -> None:
    ann = Desk(tmp_path, clock)
    run = begun(ann.runs).id
    ann.runs.done(run, 0)
    ann.journal.step()
    ann.runs.done(run, 1, "never kept")
    assert ann.runs.unkept(run) == 1
    later = Desk(tmp_path, clock, "bob")
    there = later.runs.get(run)
    assert there is not None
    assert there.steps[0].over
    assert not there.steps[1].over
    assert there.procedure == KITES
    later.runs.done(run, 1)
    later.journal.close()
    there = Desk(tmp_path, clock).runs.get(run)
    assert there is not None
    assert there.steps[1].over, "the last words of a session that ends are written"


def test_a_run_is_handed_over_by_name(clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    run = begun(runs).id
    runs.hand_over(run, "bob")
    there = runs.get(run)
    assert there is not None
    assert there.holder == "bob"
    runs.done(run, 0)
    there = runs.get(run)
    assert there is not None
    assert there.holder == "ann"


def test_a_file_that_changed_since_is_named_and_the_run_goes_on_with_its_own_text(clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    run = begun(runs).id
    runs.saw(run, OTHER)
    there = runs.get(run)
    assert there is not None
    assert len(there.revisions) == 1, "who only looks writes nothing"
    runs.done(run, 0)
    runs.done(run, 1)
    there = runs.get(run)
    assert there is not None
    assert [one.sha256 for one in there.revisions] == [SHA, OTHER]
    assert there.procedure == KITES


def test_what_changed_is_told_by_the_steps_texts() -> None:
    first, *others = KITES.parts
    edited = replace(KITES, parts=(Part(1, "Symptoms", first.phase, (*first.steps[:1], step("Count them."))), *others))
    moved = replace(edited, line=99, parts=tuple(replace(one, line=one.line + 80) for one in KITES.parts))
    assert changes(KITES, moved) == ()
    assert changes(KITES, edited) == (Change(1, "toy list", "Count them."),)
    assert [one.now for one in changes(KITES, None)] == [""] * 7
    added = replace(KITES, parts=(*KITES.parts, part("After", step("Tell somebody"))))
    assert changes(KITES, added) == (Change(None, "", "Tell somebody"),)
    twice = runbook(replace(KITES, line=500), replace(KITES, line=12), procedure("Other", part("x")))
    assert same(KITES, [twice], PATH) == replace(KITES, line=12)
    assert same(KITES, [twice], "/elsewhere.md") is None


def test_a_run_that_takes_no_more_records_can_be_ended(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_runs, "RECORDS", 3)
    runs = Runs(clock, "ann")
    run = begun(runs).id
    runs.done(run, 0)
    runs.done(run, 1)
    with pytest.raises(RunError, match="end it and begin another"):
        runs.done(run, 1)
    runs.end(run, End.NOT_SOLVED, "full")
    there = runs.get(run)
    assert there is not None
    assert not there.open


def test_the_past_says_how_often_how_long_and_how_it_ended(clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    for seconds, end in ((60, End.SOLVED), (600, End.SOLVED), (120, End.SOLVED), (9000, End.GIVEN_UP)):
        run = begun(runs).id
        clock.passed += seconds
        runs.end(run, end)
    open_one = begun(runs)
    past = runs.past(PATH, KITES.title)
    assert (past.times, past.median) == (5, 120.0)
    assert past.ends == {End.SOLVED: 3, End.GIVEN_UP: 1}
    assert past.last == past.open[0] == open_one
    nothing = runs.past(PATH, "another")
    assert (nothing.times, nothing.median, nothing.last) == (0, None, None)


def test_of_very_many_runs_the_oldest_that_have_ended_are_let_go(
    clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_runs, "REMEMBERED", 3)
    made: list[Record] = []
    runs = Runs(clock, "ann")
    runs.keep(made.extend)
    ids = []
    for number in range(6):
        clock.passed += 1
        ids.append(begun(runs).id)
        if number:
            runs.end(ids[-1], End.SOLVED)
    other = Runs(clock, "bob")
    other.take(made)
    assert [run.id for run in other.all()] == [ids[0], *ids[-2:]], "one that goes on stays"
    assert other.past(PATH, KITES.title).times == 3


# folding


def records() -> list[Record]:
    """A long run's records, as two people made them."""
    clock, made = HandClock(), dict[str, list[Record]]()
    ann, bob = Runs(clock, "ann"), Runs(clock, "bob")

    def tells(who: str, other: Runs, rows: Sequence[Record]) -> None:
        made.setdefault(who, []).extend(rows)
        other.take(rows)

    ann.keep(partial(tells, "ann", bob))
    bob.keep(partial(tells, "bob", ann))
    run = begun(ann).id
    for number, runs in enumerate((ann, bob, ann, bob)):
        clock.passed += number % 2
        runs.done(run, number, f"value {number}")
        runs.note(run, number, "so it is")
        runs.give(run, "name", f"kite {number}")
    bob.skip(run, 4, "no")
    ann.start_timer(run, 5, clock.now() + timedelta(seconds=9))
    ann.choose(run, 2, "A")
    bob.hand_over(run, "ann")
    bob.saw(run, OTHER)
    bob.end(run, End.SOLVED)
    return [*made["ann"], *made["bob"]]


ALL = records()


@settings(max_examples=150, deadline=None)
@given(st.permutations(ALL), st.lists(st.sampled_from(ALL), max_size=10), st.integers(1, 6))
def test_any_order_and_any_repetition_of_records_gives_the_same_run(
    order: list[Record], again: list[Record], batch: int
) -> None:
    whole = folded(ALL)
    assert whole is not None
    assert folded([*order, *again]) == whole
    runs, fed = Runs(HandClock(), "eve"), [*again, *order]
    for start in range(0, len(fed), batch):
        runs.take(fed[start : start + batch])
    assert runs.all() == [whole]


def test_without_its_beginning_nothing_is_told_of_a_run() -> None:
    assert folded([one for one in ALL if one.what is not What.BEGUN]) is None
    runs = Runs(HandClock(), "eve")
    runs.take([one for one in ALL if one.what is not What.BEGUN])
    assert runs.all() == []


def test_a_record_reads_back_as_it_was_written() -> None:
    for one in ALL:
        assert read(written(one)) == one


@pytest.mark.parametrize(
    "broken",
    [
        {"begun": None},
        {"at": "2026-03-01T03:12:41"},
        {"run": ""},
        {"what": "ENDED"},
        {"what": "NONSENSE"},
    ],
)
def test_a_record_that_another_version_wrote_is_refused(broken: dict[str, object]) -> None:
    good = written(next(one for one in ALL if one.what is What.BEGUN))
    with pytest.raises(CodecError):
        read(good | broken)


def test_a_long_output_keeps_its_beginning_and_its_end() -> None:
    said = capped("begin" + "x" * 50_000 + "end", 1000)
    assert len(said) == 1000
    assert said.startswith("begin")
    assert said.endswith("end")
    assert "characters or more left out" in said


# the file


class Full(FileStore):
    """A disk that takes nothing while it is told so."""

    full = False

    def append(self, stream: str, rows: object) -> None:
        if type(self).full:
            raise StoreError("runs.db can't be used: database or disk is full", full=True)
        super().append(stream, rows)  # type: ignore[arg-type]


def test_half_a_character_is_kept_as_a_question_mark_and_stops_nothing(tmp_path: Path, clock: HandClock) -> None:
    desk = Desk(tmp_path, clock)
    run = begun(desk.runs).id
    desk.runs.done(run, 0, "a kite \ud83e", "out\udc80", command="toy list \ud83e")
    desk.runs.give(run, "name", "kite\udcff")
    desk.journal.step()
    assert (desk.journal.trouble, desk.runs.unkept(run)) == ("", 0)
    assert desk.runs.values(run) == {"name": "kite?"}
    there = Desk(tmp_path, clock, "bob").runs.get(run)
    assert there is not None
    found = there.steps[0].last
    assert found is not None
    assert (found.value, found.output, found.command) == ("a kite ?", "out?", "toy list ?")
    assert desk.runs.get(run) == there, "who wrote it sees what everybody reads"


def test_a_value_with_half_a_character_is_none() -> None:
    assert fits("kite\ud83e") == fits("\udc80") == "it holds a line break or a control character"


def test_a_disk_that_is_full_is_said_and_what_waits_is_kept_later(tmp_path: Path, clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    journal = RunJournal(tmp_path / "runs.db", clock, opened=Full.open)
    journal.serve(runs)
    journal.step()
    Full.full = True
    run = begun(runs).id
    journal.step()
    assert "disk is full" in journal.trouble
    assert runs.unkept(run) == 1
    Full.full = False
    clock.passed += 11
    journal.step()
    assert (journal.trouble, runs.unkept(run)) == ("", 0)
    journal.close()
    assert Desk(tmp_path, clock).runs.get(run) is not None


def test_a_file_that_was_deleted_is_written_anew_with_what_goes_on(tmp_path: Path, clock: HandClock) -> None:
    desk = Desk(tmp_path, clock)
    run, over = begun(desk.runs).id, begun(desk.runs).id
    desk.runs.end(over, End.GIVEN_UP)
    desk.journal.step()
    for path in tmp_path.iterdir():
        path.unlink()
    desk.runs.done(run, 0)
    desk.journal.step()
    assert "moved or deleted" in desk.journal.trouble
    clock.passed += 11
    desk.journal.step()
    desk.journal.step()
    fresh = Desk(tmp_path, clock, "bob").runs
    assert [one.id for one in fresh.all()] == [run]
    there = fresh.get(run)
    assert there is not None
    assert there.steps[0].over


def test_a_damaged_file_is_put_aside_and_another_one_begun(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "runs.db").write_bytes(b"not a database" * 999)
    desk = Desk(tmp_path, clock)
    assert "kept as runs-damaged-" in desk.journal.trouble
    run = begun(desk.runs).id
    desk.journal.step()
    assert desk.runs.unkept(run) == 0


def test_records_that_are_too_old_go_but_not_those_of_a_run_that_goes_on(tmp_path: Path, clock: HandClock) -> None:
    desk = Desk(tmp_path, clock)
    going, over = begun(desk.runs).id, begun(desk.runs).id
    desk.runs.end(over, End.SOLVED)
    desk.journal.step()
    clock.passed += (RunJournal.lasts + timedelta(days=1)).total_seconds()
    desk.journal.step()
    assert [one.id for one in Desk(tmp_path, clock).runs.all()] == [going]


def test_a_record_that_cannot_be_read_is_passed_over(tmp_path: Path, clock: HandClock) -> None:
    desk = Desk(tmp_path, clock)
    run = begun(desk.runs).id
    desk.journal.step()
    store = FileStore.open(tmp_path / "runs.db")
    store.append("runs", [Row("z", clock.now(), run, {"what": "of a later version"})])
    store.close()
    assert [one.id for one in Desk(tmp_path, clock).runs.all()] == [run]


# filling in


def test_a_placeholder_is_filled_with_one_word_or_stays() -> None:
    line = command("toy restart -- <name> --log <name>.log", placeholders=("<name>",))
    assert filled(line, [NAME], {}).missing == ("name",)
    assert not filled(line, [NAME], {}).ready
    assert filled(line, [NAME], {"name": "kite"}).text == "toy restart -- kite --log kite.log"
    assert filled(line, [NAME], {"name": "a; rm -rf /"}).text.startswith("toy restart -- 'a; rm -rf /' --log")
    assert filled(line, [NAME], {"name": "kite"}, hide=["name"]).text == line.text
    assert filled(command("toy list"), [NAME], {}).ready


def test_a_value_that_would_mean_more_than_itself_within_quotes_is_refused() -> None:
    line = command("sh -c 'toy restart <name>'", placeholders=("<name>",))
    assert filled(line, [NAME], {"name": "kite"}).text == "sh -c 'toy restart kite'"
    refused = filled(line, [NAME], {"name": "kite; rm x"})
    assert not refused.ready
    assert "within quotes" in refused.refused
    assert "rm x" not in refused.text


@pytest.mark.parametrize(
    ("before", "quoted"), [("# don't repeat\n", True), ("toy list # it's\n", True), ("echo a#'b'\n", True), ("", True)]
)
def test_an_apostrophe_in_a_comment_opens_no_quotes(before: str, quoted: bool) -> None:
    within = command(before + "psql -c 'select <name>'", placeholders=("<name>",))
    made = filled(within, [NAME], {"name": "1' or 'x"})
    assert bool(made.refused) is quoted
    assert made.text == within.text
    plain = command(before + "toy restart <name>", placeholders=("<name>",))
    assert filled(plain, [NAME], {"name": "a; b"}).text == before + "toy restart 'a; b'"


def test_in_a_text_with_a_here_document_only_plain_values_are_filled_in() -> None:
    line = command("cat <<END\nit's <name>\nEND\ntoy restart <name>", placeholders=("<name>",))
    assert filled(line, [NAME], {"name": "kite"}).text == "cat <<END\nit's kite\nEND\ntoy restart kite"
    made = filled(line, [NAME], {"name": "$(toy smash ball)"})
    assert "here-document" in made.refused
    assert made.text == line.text


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_whatever_is_filled_in_stays_one_word_of_the_line(value: str) -> None:
    import shlex

    if fits(value):
        return
    made = filled(command("toy restart -- <name>", placeholders=("<name>",)), [NAME], {"name": value})
    assert shlex.split(made.text) == ["toy", "restart", "--", value]


def test_a_name_is_not_filled_in_within_a_longer_one() -> None:
    line = command("use $URL and $URL_OLD, YOUR_KEY and YOUR_KEYS", placeholders=("$URL", "YOUR_KEY"))
    made = filled(line, [], {"URL": "one", "YOUR_KEY": "two"})
    assert made.text == "use one and $URL_OLD, two and YOUR_KEYS"
    assert names(line, []) == ("URL", "YOUR_KEY")
    assert bare("[Phone]") == "Phone"


def test_a_procedure_needs_the_parameters_of_its_own_commands_only() -> None:
    assert needed(KITES, [TOKEN, NAME]) == (NAME,)
    assert fits("x" * 1001)


def test_what_comes_of_an_act_is_kept_although_somebody_has_ended_the_run_meanwhile(clock: HandClock) -> None:
    runs = Runs(clock, "ann")
    run = begun(runs).id
    runs.end(run, End.SOLVED, "it was the wind")
    with pytest.raises(RunError, match="was ended by ann"):
        runs.done(run, 3, "a second thought")
    runs.done(run, 3, "restart kite: CONFIRMED", judgement=Judgement.GOOD, deed="act-1")
    there = runs.get(run)
    assert there is not None
    assert there.ended is not None
    assert (there.ended.end, there.ended.words) == (End.SOLVED, "it was the wind")
    found = there.steps[3].last
    assert found is not None
    assert (found.value, found.deed) == ("restart kite: CONFIRMED", "act-1")
    assert there.holder == "ann"


@pytest.mark.parametrize(
    ("now", "number", "to"),
    [
        (["a", "b", "c"], 1, 1),
        (["new", "a", "b", "c"], 1, 2),
        (["b", "c"], 1, 0),
        (["a", "other", "c"], 1, None),
        (["a", "other", "c"], 2, 2),
        ([], 0, None),
        (["a", "b", "c"], 7, None),
    ],
)
def test_a_step_is_found_again_where_the_file_has_it_now(now: list[str], number: int, to: int | None) -> None:
    before = procedure("P", part("Do", *map(step, ("a", "b", "c"))))
    assert moved(before, number, procedure("P", part("Do", *map(step, now)))) == to
